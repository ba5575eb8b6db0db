# ruff: noqa: E501 - a program is a line
"""Grad mode and inference mode: as contexts, as decorators, of generators, in threads."""

from behaviours.table import Table, caught, in_thread

TABLE = Table()

TABLE.lines("""
    no_grad_records_nothing: within(t.no_grad(), lambda: [x * 2, x.sum().requires_grad, (x * 2).is_leaf, t.is_grad_enabled()])
    no_grad_ends: within(t.no_grad(), lambda: 1); [t.is_grad_enabled(), (x * 2).requires_grad]
    no_grad_ends_with_an_error: e = caught(within, t.no_grad(), lambda: 1 / 0); [e, t.is_grad_enabled()]
    no_grad_nested: within(t.no_grad(), lambda: [within(t.no_grad(), t.is_grad_enabled), t.is_grad_enabled()]) + [t.is_grad_enabled()]
    no_grad_of_a_leaf_that_is_made_inside: a = within(t.no_grad(), lambda: t.ones(2, requires_grad=True)); [a.requires_grad, (a * 2).requires_grad]
    no_grad_result_used_outside: a = within(t.no_grad(), lambda: x * 2); b = a * y; grads(b, x, y)
    no_grad_result_may_require_a_gradient: a = within(t.no_grad(), lambda: x * 2).requires_grad_(); grads(a * 3, a)
    enable_grad_within_no_grad: within(t.no_grad(), lambda: [within(t.enable_grad(), lambda: (x * 2).requires_grad), (x * 2).requires_grad])
    enable_grad_alone: within(t.enable_grad(), lambda: (x * 2).requires_grad)
    enable_grad_as_a_decorator: f = t.enable_grad()(lambda: (x * 2).requires_grad); within(t.no_grad(), lambda: [f(), t.is_grad_enabled()])
    enable_grad_written_bare: f = t.enable_grad(lambda: t.is_grad_enabled()); within(t.no_grad(), f)
    no_grad_as_a_decorator: f = t.no_grad()(lambda: (x * 2).requires_grad); [f(), f(), t.is_grad_enabled()]
    no_grad_written_bare: f = t.no_grad(lambda: t.is_grad_enabled()); [f(), t.is_grad_enabled()]
    no_grad_keeps_the_name: f = t.no_grad()(len); [f.__name__, f([1, 2])]
    no_grad_passes_arguments: f = t.no_grad()(lambda a, *b, c=1, **d: (a, b, c, d)); f(1, 2, 3, c=4, e=5)
    set_grad_enabled_as_a_context: within(t.set_grad_enabled(False), lambda: (x * 2).requires_grad), t.is_grad_enabled()
    set_grad_enabled_by_a_flag: [within(t.set_grad_enabled(flag), lambda: (x * 2).requires_grad) for flag in (True, False)]
    set_grad_enabled_as_a_function: t.set_grad_enabled(False); a = (x * 2).requires_grad; t.set_grad_enabled(True); [a, (x * 2).requires_grad]
    set_grad_enabled_within: within(t.no_grad(), lambda: [t.set_grad_enabled(True) and None, (x * 2).requires_grad]), t.is_grad_enabled()
    set_grad_enabled_as_a_decorator: f = t.set_grad_enabled(False)(lambda: t.is_grad_enabled()); [t.is_grad_enabled(), f(), t.is_grad_enabled()]
    set_grad_enabled_by_keyword: within(t.set_grad_enabled(mode=False), t.is_grad_enabled)
    a_context_used_twice: g = t.no_grad(); [within(g, t.is_grad_enabled), t.is_grad_enabled(), within(g, t.is_grad_enabled), t.is_grad_enabled()]
    a_gradient_does_not_change_the_mode: a = (x * x).sum(); a.backward(retain_graph=True); b = t.is_grad_enabled(); [b, within(t.no_grad(), lambda: [a.backward(), t.is_grad_enabled()])]
    no_grad_and_views: v = within(t.no_grad(), lambda: c[:2]); v.add_(1); c
    no_grad_and_detach: within(t.no_grad(), lambda: x.detach().requires_grad_()).requires_grad
    no_grad_and_requires_grad: within(t.no_grad(), lambda: x.requires_grad)
    no_grad_and_hooks: within(t.no_grad(), lambda: caught((x * 2).register_hook, print))
    no_grad_and_in_place_on_a_leaf: within(t.no_grad(), lambda: x.add_(1)); [x, x.is_leaf]
    no_grad_and_a_clone: within(t.no_grad(), x.clone)
    grad_mode_namespaces: [f() is None or f().__class__.__name__ for f in (t.autograd.no_grad, t.autograd.enable_grad, t.autograd.inference_mode)]
    grad_mode_of_autograd: within(t.autograd.grad_mode.no_grad(), t.is_grad_enabled)
    modes_are_classes: [isinstance(t.no_grad, type), isinstance(t.no_grad(), t.no_grad), t.enable_grad.__name__]
""")

# ------------------------------------------------------------------ inference mode

TABLE.lines("""
    inferred: a = within(t.inference_mode(), lambda: x * 2); [a.requires_grad, a.is_inference(), a.is_leaf, x.is_inference()]
    inferred_constructor: a = within(t.inference_mode(), lambda: t.ones(2)); [a.is_inference(), (a * 2).is_inference()]
    inferred_mode: within(t.inference_mode(), lambda: [t.is_inference_mode_enabled(), t.is_grad_enabled()]) + [t.is_inference_mode_enabled()]
    inferred_mode_off: within(t.inference_mode(False), lambda: [t.is_inference_mode_enabled(), t.is_grad_enabled(), (x * 2).requires_grad])
    inferred_mode_off_within: within(t.inference_mode(), lambda: within(t.inference_mode(False), lambda: [t.is_inference_mode_enabled(), t.is_grad_enabled(), (x * 2).requires_grad]))
    inferred_mode_by_keyword: within(t.inference_mode(mode=True), t.is_inference_mode_enabled)
    inferred_as_a_decorator: f = t.inference_mode()(lambda: x * 2); f().is_inference()
    inferred_written_bare: f = t.inference_mode(lambda: (x * 2).is_inference()); f()
    inferred_with_enable_grad: within(t.inference_mode(), lambda: within(t.enable_grad(), lambda: (x * 2).requires_grad))
    inferred_then_used_without_saving: a = within(t.inference_mode(), lambda: t.ones(3)); b = a + x; [b.is_inference(), *grads(b, x)]
    inferred_then_used_with_saving: a = within(t.inference_mode(), lambda: t.ones(3)); caught(lambda: a * x)
    inferred_then_cloned: a = within(t.inference_mode(), lambda: t.ones(3)); b = a.clone(); [b.is_inference(), *grads(b * x, x)]
    inferred_then_used_without_gradients: a = within(t.inference_mode(), lambda: t.ones(3)); b = a * 2; [b, b.is_inference()]
    inferred_and_written_inside: within(t.inference_mode(), lambda: t.ones(3).mul_(2)).is_inference()
    inferred_and_written_outside: a = within(t.inference_mode(), lambda: t.ones(3)); e = caught(a.add_, 1); [e, a]
    inferred_and_written_in_another_inference: a = within(t.inference_mode(), lambda: t.ones(3)); within(t.inference_mode(), lambda: a.add_(1)); a
    inferred_view_of_a_normal_tensor: v = within(t.inference_mode(), lambda: c[:2]); [v.is_inference(), caught(v.add_, 1), c]
    inferred_view_outside: a = within(t.inference_mode(), lambda: t.ones(3)); [a[:2].is_inference(), caught(a[:2].add_, 1)]
    normal_tensor_written_inside: within(t.inference_mode(), lambda: c.add_(1)); [c, c._version, c.is_inference()]
    normal_leaf_written_inside: within(t.inference_mode(), lambda: x.add_(1)); [x, x.is_leaf, x._version]
    normal_leaf_written_inside_after_use: loss = (x * x).sum(); within(t.inference_mode(), lambda: x.add_(1)); caught(loss.backward)
    inferred_tensor_as_a_gradient: a = within(t.inference_mode(), lambda: t.ones(3)); (x * 2).backward(a); [x.grad, x.grad.is_inference()]
    inferred_tensor_as_grad: a = within(t.inference_mode(), lambda: t.ones(3)); x.grad = a; [x.grad is a, caught((x * 2).sum().backward)]
    inferred_leaf: a = within(t.inference_mode(), lambda: t.ones(3, requires_grad=True)); [a.requires_grad, a.is_inference()]
    inferred_requires_grad_inside: within(t.inference_mode(), lambda: t.ones(3).requires_grad_().requires_grad)
    inferred_detached: a = within(t.inference_mode(), lambda: t.ones(3)); [a.detach().is_inference(), a.data.is_inference()]
    inferred_backward_inside: loss = (x * x).sum(); caught(within, t.inference_mode(), loss.backward); x.grad
    inferred_numbers: within(t.inference_mode(), lambda: [x.sum().item(), x.tolist()])
    inferred_version_inside: within(t.inference_mode(), lambda: caught(lambda: t.ones(2)._version))
    inferred_parameters: within(t.inference_mode(), lambda: (x.requires_grad, (x + 1).requires_grad))
    inferred_and_joined: a = within(t.inference_mode(), lambda: t.ones(3)); b = t.cat([a, x]); [b.requires_grad, *grads(b, x)]
""")


@TABLE
def a_generator_under_no_grad(t):
    x = t.ones(2, requires_grad=True)

    @t.no_grad()
    def items():
        for _ in range(2):
            yield t.is_grad_enabled(), (x * 2).requires_grad

    return [(item, t.is_grad_enabled()) for item in items()], t.is_grad_enabled()


@TABLE
def a_generator_that_is_left_early(t):
    @t.no_grad()
    def items():
        yield t.is_grad_enabled()
        yield t.is_grad_enabled()

    running = items()
    found = [next(running), t.is_grad_enabled()]
    running.close()
    return found, t.is_grad_enabled()


@TABLE
def a_generator_that_gets_and_returns(t):
    @t.no_grad()
    def items():
        got = yield t.is_grad_enabled()
        try:
            got = yield got, t.is_grad_enabled()
        except ValueError as error:
            got = yield str(error), t.is_grad_enabled()
        return "end", got

    running = items()
    found = [next(running), running.send(5), running.throw(ValueError("thrown"))]
    try:
        running.send(7)
    except StopIteration as stop:
        found.append(stop.value)
    return found, t.is_grad_enabled()


@TABLE
def a_decorated_class(t):
    """Each mode, used on a class."""

    def attempt():
        @t.no_grad()
        class Model:
            def __init__(self):
                self.enabled = t.is_grad_enabled()

            def call(self):
                return t.is_grad_enabled()

        made = Model()
        return made.enabled, made.call()

    return attempt()


@TABLE
def a_decorated_method(t):
    class Model:
        def __init__(self):
            self.w = t.ones(2, requires_grad=True)

        @t.no_grad()
        def predict(self, by):
            return self.w * by

        def train(self, by):
            return self.w * by

    model = Model()
    return model.predict(2), model.train(2), Model.predict.__name__


@TABLE
def a_decorated_recursion(t):
    @t.no_grad()
    def inner(n):
        return [t.is_grad_enabled(), *(inner(n - 1) if n else [])]

    return inner(3), t.is_grad_enabled()


@TABLE
def a_decorated_function_that_raises(t):
    @t.no_grad()
    def f():
        raise ValueError("inside")

    return caught(f), t.is_grad_enabled()


@TABLE
def a_decorated_function_that_enables(t):
    @t.no_grad()
    def f():
        t.set_grad_enabled(True)
        return t.is_grad_enabled()

    return f(), t.is_grad_enabled()


@TABLE
def modes_in_another_thread(t):
    with t.no_grad():
        inside = in_thread(t.is_grad_enabled)
    with t.inference_mode():
        inferred = in_thread(lambda: (t.is_inference_mode_enabled(), t.is_grad_enabled()))
    in_thread(lambda: t.set_grad_enabled(False))
    return inside, inferred, t.is_grad_enabled()


@TABLE
def a_backward_in_another_thread(t):
    x = t.ones(3, requires_grad=True)
    loss = (x * x).sum()
    log = []
    x.register_hook(lambda g: log.append(g))
    with t.no_grad():
        in_thread(loss.backward)
    return x.grad, log


@TABLE
def a_graph_made_in_another_thread(t):
    x = t.ones(3, requires_grad=True)
    with t.no_grad():
        loss = in_thread(lambda: (x * 3).sum())
    loss.backward()
    return loss.requires_grad, x.grad


@TABLE
def modes_nest_in_any_order(t):
    found = []
    with t.no_grad():
        with t.enable_grad():
            found.append(t.is_grad_enabled())
            with t.inference_mode():
                found.append((t.is_grad_enabled(), t.is_inference_mode_enabled()))
                with t.no_grad():
                    found.append(t.is_grad_enabled())
                found.append(t.is_grad_enabled())
            found.append(t.is_grad_enabled())
        found.append(t.is_grad_enabled())
    return found, t.is_grad_enabled()
