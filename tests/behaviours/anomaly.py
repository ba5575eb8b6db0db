# ruff: noqa: E501 - a program is a line
"""Finding faults: anomaly detection, and errors in backward."""

from behaviours.table import Table, caught, function

TABLE = Table()


def quietly(t, f, **options):
    """What a call raises under anomaly detection; its warnings, up to the traceback, by themselves."""
    import warnings

    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        warnings.simplefilter("ignore", RuntimeWarning)
        with t.autograd.set_detect_anomaly(True, **options):
            found = caught(f)
    texts = [str(w.message).partition(":")[0].partition(". No forward")[0] for w in seen]
    return found, texts


@TABLE
def a_nan_in_backward_is_found(t):
    x = t.zeros(2, requires_grad=True)
    return quietly(t, lambda: (x / x).sum().backward())


@TABLE
def a_nan_from_the_graph_before(t):
    x = t.zeros(2, requires_grad=True)
    loss = (x / x).sum()
    return quietly(t, loss.backward)


@TABLE
def a_nan_that_is_not_looked_for(t):
    x = t.zeros(2, requires_grad=True)
    found = quietly(t, lambda: (x / x).sum().backward(), check_nan=False)
    return found, x.grad


@TABLE
def a_nan_without_detection(t):
    x = t.zeros(2, requires_grad=True)
    (x / x).sum().backward()
    return x.grad


@TABLE
def a_nan_of_the_forward_alone(t):
    """The value is nan and the gradient is not: nothing is said."""
    x = t.full((2,), -1.0, requires_grad=True)
    found = quietly(t, lambda: (x.log() * 0 + x).detach().sum() + (x * 2).sum())
    return found[1], quietly(t, lambda: (x * float("nan")).sum().backward())


@TABLE
def an_inf_is_no_fault(t):
    x = t.zeros(2, requires_grad=True)
    found = quietly(t, lambda: x.sqrt().sum().backward())
    return found, x.grad


@TABLE
def the_first_nan_is_the_one(t):
    x = t.zeros(2, requires_grad=True)
    return quietly(t, lambda: ((x.sqrt() * 0).exp() * 3).sum().backward())


@TABLE
def a_nan_that_came_in(t):
    x = t.ones(2, requires_grad=True)
    return quietly(t, lambda: (x * 2).backward(t.full((2,), float("nan"))))


@TABLE
def a_nan_in_the_second_input(t):
    x, y = t.ones(2, requires_grad=True), t.zeros(2, requires_grad=True)
    return quietly(t, lambda: (x * 0 / y).sum().backward())


@TABLE
def a_nan_in_a_function_of_mine(t):
    f = function(t, lambda ctx, x: x * 2, lambda ctx, g: g * float("nan"), name="Bad")
    x = t.ones(2, requires_grad=True)
    return quietly(t, lambda: f.apply(x).sum().backward())


@TABLE
def an_error_in_a_function_of_mine(t):
    f = function(t, lambda ctx, x: x * 2, lambda ctx, g: 1 / 0, name="Bad")
    x = t.ones(2, requires_grad=True)
    return quietly(t, lambda: f.apply(x).sum().backward())


@TABLE
def a_nan_in_the_second_order(t):
    x = t.zeros(2, requires_grad=True)

    def run():
        (g,) = t.autograd.grad((x.sqrt() * x).sum() * 0 + (x**1.5).sum(), x, create_graph=True)
        return g.detach()

    return quietly(t, run)[1]


@TABLE
def the_gradients_before_a_nan_are_not_written(t):
    x, w = t.zeros(2, requires_grad=True), t.ones(2, requires_grad=True)
    found = quietly(t, lambda: (w * 2 + x / x).sum().backward())
    return found[0], x.grad


@TABLE
def detection_and_its_switch(t):
    found = [t.is_anomaly_enabled(), t.is_anomaly_check_nan_enabled()]
    with t.autograd.set_detect_anomaly(True, check_nan=False):
        found += [t.is_anomaly_enabled(), t.is_anomaly_check_nan_enabled()]
        with t.autograd.set_detect_anomaly(False):
            found += [t.is_anomaly_enabled()]
        found += [t.is_anomaly_enabled()]
    return found, t.is_anomaly_enabled()


@TABLE
def detection_as_a_function(t):
    x = t.zeros(2, requires_grad=True)
    loss = (x / x).sum()
    t.autograd.set_detect_anomaly(True)
    try:
        found = caught(loss.backward)
    finally:
        t.autograd.set_detect_anomaly(False)
    (x / x).sum().backward()
    return found, x.grad


@TABLE
def detection_as_a_context_warns(t):
    with t.autograd.detect_anomaly():
        pass
    with t.autograd.detect_anomaly(check_nan=False):
        x = t.zeros(2, requires_grad=True)
        (x / x).sum().backward()
    return x.grad


@TABLE
def detection_ends_with_an_error(t):
    x = t.zeros(2, requires_grad=True)

    def run():
        with t.autograd.set_detect_anomaly(True):
            raise ValueError("mine")

    found = caught(run)
    (x / x).sum().backward()
    return found, x.grad


@TABLE
def detection_and_modified_values(t):
    x = t.ones(2, requires_grad=True)
    a = x.exp()
    a.add_(1)
    return quietly(t, a.sum().backward)


@TABLE
def detection_and_hooks(t):
    """A hook that makes a nan of it is not the fault of the node."""
    x = t.ones(2, requires_grad=True)
    a = x * 2
    a.register_hook(lambda g: g * float("nan"))
    return quietly(t, lambda: (a * 3).sum().backward())


@TABLE
def detection_and_a_second_backward(t):
    x = t.ones(2, requires_grad=True)
    loss = (x * x).sum()
    loss.backward()
    return quietly(t, loss.backward)


@TABLE
def an_error_of_shapes_in_backward(t):
    f = function(t, lambda ctx, x: x * 2, lambda ctx, g: g @ t.ones(5), name="Bad")
    x = t.ones(2, requires_grad=True)
    return type(caught(f.apply(x).sum().backward)).__mro__[-3].__name__
