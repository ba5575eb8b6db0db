"""`autograd.Function`: everything a hand-written operation may do."""

from behaviours.table import Table, caught, function, grads

TABLE = Table()


def behaviour(forward, backward=None, **more):
    """Make a program of one that takes the library, a `Function`, and leaves x, y and s."""

    def make(program):
        def run(t):
            x = t.tensor([1.0, 2.0, 3.0], requires_grad=True)
            y = t.tensor([4.0, 5.0, 6.0], requires_grad=True)
            return program(t, function(t, forward, backward, **more).apply, x, y)

        TABLE(run, program.__name__)
        return program

    return make


def twice(ctx, x):
    return x * 2


def keep(ctx, *tensors):
    ctx.save_for_backward(*tensors)


def square(ctx, x):
    ctx.save_for_backward(x)
    return x * x


def square_back(ctx, g):
    (x,) = ctx.saved_tensors
    return g * x * 2


# ------------------------------------------------------------------ the plain ones


@behaviour(twice, lambda ctx, g: g * 3)
def the_backward_counts(t, f, x, y):
    out = f(x)
    return out, grads(t, out, x)


@behaviour(square, square_back)
def a_saved_input(t, f, x, y):
    out = f(x)
    return out, out.grad_fn.saved_tensors[0] is x, grads(t, out, x)


@behaviour(square, square_back)
def the_second_order(t, f, x, y):
    (g,) = t.autograd.grad(f(x).sum(), x, create_graph=True)
    return g, g.requires_grad, grads(t, g, x)


@behaviour(square, square_back)
def the_third_order_is_zero(t, f, x, y):
    (g,) = t.autograd.grad(f(x).sum(), x, create_graph=True)
    (h,) = t.autograd.grad(g.sum(), x, create_graph=True)
    return h, h.requires_grad


@behaviour(square, square_back)
def a_second_backward_of_a_function(t, f, x, y):
    out = f(x).sum()
    out.backward()
    return x.grad.clone(), caught(out.backward), x.grad


@behaviour(square, square_back)
def a_retained_function(t, f, x, y):
    out = f(x).sum()
    out.backward(retain_graph=True)
    out.backward()
    return x.grad


@behaviour(square, square_back)
def a_function_of_a_constant(t, f, x, y):
    out = f(x.detach())
    return out, out.requires_grad, out.grad_fn


@behaviour(square, square_back)
def a_function_under_no_grad(t, f, x, y):
    with t.no_grad():
        out = f(x)
    return out, out.is_leaf


@behaviour(lambda ctx, x: ctx.x_is or x, lambda ctx, g: g)
def an_attribute_that_is_not_there(t, f, x, y):
    return type(caught(f, x)).__name__


@behaviour(lambda ctx, x, n, name="": x * n, lambda ctx, g, *more: (g * 10, None, None))
def arguments_that_are_no_tensors(t, f, x, y):
    out = f(x, 3, "name")
    return out, grads(t, out, x)


def scale(ctx, x, by, *rest):
    ctx.by = by
    ctx.rest = rest
    return x * by


@behaviour(scale, lambda ctx, g: (g * ctx.by, None, *(None for _ in ctx.rest)))
def attributes_of_the_context(t, f, x, y):
    out = f(x, 3, [1, 2], {"a": 1}, None, y)
    out.sum().backward()
    return out, x.grad, y.grad, out.grad_fn.by, out.grad_fn.rest[:3]


@behaviour(lambda ctx, xs: xs[0] * 2, lambda ctx, g: None)
def tensors_in_a_list_are_not_seen(t, f, x, y):
    out = f([x, y])
    return out.requires_grad, out.grad_fn


@behaviour(lambda ctx: 3, lambda ctx: None)
def no_arguments_and_no_tensor(t, f, x, y):
    return f()


@behaviour(lambda ctx, x: (x * 2, "text", 3, None), lambda ctx, g, *more: g * (1 + len(more)))
def results_that_are_no_tensors(t, f, x, y):
    out, *rest = f(x)
    out.sum().backward()
    return out, rest, x.grad


@behaviour(lambda ctx, x: [x * 2, x * 3], lambda ctx, g: g)
def a_list_of_results(t, f, x, y):
    found = caught(f, x)
    return type(found).__name__


@behaviour(lambda ctx, x: (x * 2,), lambda ctx, g: g)
def a_tuple_of_one_result(t, f, x, y):
    return f(x)


@behaviour(lambda ctx, x: (x > 1, x * 2), lambda ctx, a, g: g * 2)
def an_integer_result_needs_no_gradient(t, f, x, y):
    a, b = f(x)
    b.sum().backward()
    return a, a.requires_grad, b, x.grad


@behaviour(lambda ctx, x: x.long(), lambda ctx, g: g)
def an_integer_result_alone(t, f, x, y):
    out = f(x)
    return out, out.requires_grad, out.grad_fn


@behaviour(lambda ctx, x: x.double() * 2, lambda ctx, g: g * 2)
def a_gradient_of_another_dtype_is_cast(t, f, x, y):
    out = f(x)
    out.sum().backward()
    return out, x.grad


@behaviour(lambda ctx, x: x * 2, lambda ctx, g: g.sum())
def a_gradient_that_is_smaller(t, f, x, y):
    return caught(f(x).sum().backward), x.grad


@behaviour(lambda ctx, x: x.sum(), lambda ctx, g: g.expand(3))
def a_gradient_that_is_expanded(t, f, x, y):
    f(x).backward()
    x.grad.add_(t.arange(3.0))
    return x.grad


@behaviour(lambda ctx, x: x[:1] * 2, lambda ctx, g: g.expand(2, 3))
def a_gradient_that_is_larger_is_summed(t, f, x, y):
    found = caught(f(x).sum().backward)
    return found, x.grad


@behaviour(lambda ctx, x, y: x * y, lambda ctx, g: (g, None))
def a_missing_gradient(t, f, x, y):
    f(x, y).sum().backward()
    return x.grad, y.grad


@behaviour(lambda ctx, x, y: x * y, lambda ctx, g: (None, None))
def no_gradient_at_all(t, f, x, y):
    f(x, y).sum().backward()
    return x.grad, y.grad, t.autograd.grad(f(x, y).sum(), x, allow_unused=True)


@behaviour(lambda ctx, x, y: x * y, lambda ctx, g: (None, None))
def no_gradient_where_one_is_asked_for(t, f, x, y):
    return caught(t.autograd.grad, f(x, y).sum(), x)


@behaviour(lambda ctx, x: x * 2, lambda ctx, g: (g, None, None))
def more_gradients_that_are_none(t, f, x, y):
    f(x).sum().backward()
    return x.grad


@behaviour(lambda ctx, x: x * 2, lambda ctx, g: [g])
def gradients_in_a_list(t, f, x, y):
    return caught(f(x).sum().backward), x.grad


@behaviour(lambda ctx, x: x * 2, lambda ctx, g: 1 / 0)
def a_backward_that_raises(t, f, x, y):
    return caught(f(x).sum().backward), x.grad


@behaviour(lambda ctx, x: 1 / 0, lambda ctx, g: g)
def a_forward_that_raises(t, f, x, y):
    return caught(f, x), t.is_grad_enabled()


# ------------------------------------------------------------------ needs_input_grad


def seen(ctx, x, y, n):
    ctx.first = ctx.needs_input_grad
    return x * y


@behaviour(seen, lambda ctx, g: (g, g, None))
def needs_input_grad(t, f, x, y):
    return [
        f(a, b, 3).grad_fn.first for a, b in ((x, y), (x, y.detach()), (x.detach(), y), (x * 2, y))
    ]


@behaviour(lambda ctx, x, y: ctx.needs_input_grad, lambda ctx, g: g)
def needs_input_grad_without_recording(t, f, x, y):
    with t.no_grad():
        inside = f(x, y)
    return f(x, 3), f(x.detach(), y.detach()), inside


@behaviour(
    lambda ctx, x, y: keep(ctx, x, y) or x * y,
    lambda ctx, g: tuple(
        g * v if n else None for n, v in zip(ctx.needs_input_grad, ctx.saved_tensors[::-1])
    ),
)
def needs_input_grad_decides(t, f, x, y):
    f(x, y.detach()).sum().backward()
    return x.grad, y.grad


@behaviour(
    lambda ctx, x, y: x * y,
    lambda ctx, g: (g * (1 + sum(2 * n + 4 * m for n, m in [ctx.needs_input_grad])),) * 2,
)
def needs_input_grad_for_part_of_the_inputs(t, f, x, y):
    return t.autograd.grad(f(x, y).sum(), x), t.autograd.grad(f(x, y).sum(), y)


# ------------------------------------------------------------------ what is saved


@behaviour(
    lambda ctx, x: keep(ctx, x.exp()) or x.exp(),
    lambda ctx, g: g * ctx.saved_tensors[0],
)
def a_saved_intermediate(t, f, x, y):
    (g,) = t.autograd.grad(f(x).sum(), x, create_graph=True)
    return g.detach(), g.requires_grad


def saved_output(ctx, x):
    out = x.exp()
    ctx.save_for_backward(out)
    return out


@behaviour(saved_output, lambda ctx, g: g * ctx.saved_tensors[0])
def a_saved_output(t, f, x, y):
    out = f(x)
    (g,) = t.autograd.grad(out.sum(), x, create_graph=True)
    return g, grads(t, g, x)


@behaviour(
    lambda ctx, x: keep(ctx, x, None) or x * 2, lambda ctx, g: g * (ctx.saved_tensors[1] is None)
)
def none_may_be_saved(t, f, x, y):
    out = f(x)
    out.sum().backward()
    return x.grad


@behaviour(
    lambda ctx, x: keep(ctx, x) or keep(ctx, x * 5) or x * 2,
    lambda ctx, g: g * ctx.saved_tensors[0],
)
def the_last_save_counts(t, f, x, y):
    out = f(x)
    saved = out.grad_fn.saved_tensors
    out.sum().backward()
    return len(saved), saved[0].requires_grad, x.grad


@behaviour(lambda ctx, x: x * 2, lambda ctx, g: g * len(ctx.saved_tensors))
def nothing_saved(t, f, x, y):
    out = f(x)
    found = out.grad_fn.saved_tensors
    out.sum().backward()
    return found, x.grad


@behaviour(lambda ctx, x: setattr(ctx, "x", x) or x * x, lambda ctx, g: 2 * g * ctx.x)
def a_tensor_kept_as_an_attribute(t, f, x, y):
    (g,) = t.autograd.grad(f(x).sum(), x, create_graph=True)
    return g.detach(), g.requires_grad, grads(t, g, x)


@behaviour(lambda ctx, x: setattr(ctx, "x", x) or x * x, lambda ctx, g: 2 * g * ctx.x)
def a_tensor_kept_as_an_attribute_is_not_checked(t, f, x, y):
    a = x * 1
    out = f(a)
    with t.no_grad():
        a.mul_(10)
    out.sum().backward()
    return x.grad


@behaviour(square, square_back)
def a_saved_tensor_that_was_written(t, f, x, y):
    a = x * 1
    out = f(a)
    a.mul_(2)
    return caught(out.sum().backward), x.grad


@behaviour(square, lambda ctx, g: g * ctx.saved_tensors[0].requires_grad)
def a_saved_input_has_its_history(t, f, x, y):
    out = f(x * 2)
    found = out.grad_fn.saved_tensors[0]
    out.sum().backward()
    return found, x.grad


@behaviour(lambda ctx, x: keep(ctx, x) or x * 2, lambda ctx, g: g)
def saved_tensors_are_freed(t, f, x, y):
    out = f(x)
    node = out.grad_fn
    out.sum().backward()
    return caught(lambda: node.saved_tensors), x.grad


# ------------------------------------------------------------------ set_materialize_grads


def two(ctx, x):
    return x * 2, x * 3


def report(ctx, a, b):
    return a * 2 + b * 3


@behaviour(two, report)
def a_missing_gradient_is_zeros(t, f, x, y):
    a, b = f(x)
    b.sum().backward()
    return a, b, x.grad


def two_without_zeros(ctx, x):
    ctx.set_materialize_grads(False)
    return x * 2, x * 3


@behaviour(two_without_zeros, lambda ctx, a, b: t_or(a, 2) if b is None else b * 3)
def a_missing_gradient_is_none(t, f, x, y):
    a, b = f(x)
    return t.autograd.grad(a.sum(), x, retain_graph=True), t.autograd.grad(b.sum(), x)


def t_or(a, by):
    return None if a is None else a * by


@behaviour(
    lambda ctx, x: (x * 2, x.double()), lambda ctx, a, b: a * (b.dtype.itemsize == 8) + b.float()
)
def zeros_have_the_dtype_of_the_result(t, f, x, y):
    a, _b = f(x)
    a.sum().backward()
    return x.grad


@behaviour(
    lambda ctx, x: (x * 2, x.sum(), x[:2] * 1), lambda ctx, a, b, c: a + b.sum() + c.shape[0]
)
def zeros_have_the_shape_of_the_result(t, f, x, y):
    a, b, c = f(x)
    return [t.autograd.grad(v.sum(), x, retain_graph=True) for v in (a, b, c)]


@behaviour(two, report)
def two_results_one_node(t, f, x, y):
    a, b = f(x)
    return a.grad_fn is b.grad_fn, a.output_nr, b.output_nr, (a * b).grad_fn.next_functions


@behaviour(two, report)
def both_results_used(t, f, x, y):
    a, b = f(x)
    (a * b).sum().backward()
    return x.grad


# ------------------------------------------------------------------ mark_non_differentiable


def constant_second(ctx, x):
    a, b = x * 2, x * 3
    ctx.mark_non_differentiable(b)
    return a, b


@behaviour(constant_second, lambda ctx, a, b: a * 2 + b)
def marked_as_not_differentiable(t, f, x, y):
    a, b = f(x)
    a.sum().backward()
    return a.requires_grad, b.requires_grad, b.grad_fn, x.grad


@behaviour(lambda ctx, x: ctx.mark_non_differentiable(x) or x, lambda ctx, g: g)
def an_input_marked_as_not_differentiable(t, f, x, y):
    a = x * 2
    out = f(a)
    return out, out is a, a.requires_grad


def constant_alone(ctx, x):
    out = x * 2
    ctx.mark_non_differentiable(out)
    return out


@behaviour(constant_alone, lambda ctx, g: g)
def the_only_result_marked(t, f, x, y):
    out = f(x)
    return out, out.requires_grad, out.is_leaf


# ------------------------------------------------------------------ mark_dirty


def double_in_place(ctx, x):
    x.mul_(2)
    ctx.mark_dirty(x)
    return x


@behaviour(double_in_place, lambda ctx, g: g * 2)
def written_in_place(t, f, x, y):
    a = x * 1
    out = f(a)
    return out is a, out, a._version, grads(t, a * y, x)


@behaviour(double_in_place, lambda ctx, g: g * 2)
def a_leaf_written_in_place(t, f, x, y):
    return caught(f, x), x.grad_fn


@behaviour(double_in_place, lambda ctx, g: g * 2)
def a_constant_written_in_place(t, f, x, y):
    a = x.detach().clone()
    out = f(a)
    return out is a, out, out.requires_grad


@behaviour(double_in_place, lambda ctx, g: g * 2)
def a_view_written_in_place(t, f, x, y):
    a = x * 1
    v = a[:2]
    out = f(v)
    return out is v, out, a.detach(), grads(t, a, x)


@behaviour(double_in_place, lambda ctx, g: g * 2)
def a_leaf_written_in_place_under_no_grad(t, f, x, y):
    with t.no_grad():
        out = f(x)
    return out.detach(), x, x.is_leaf


def write_both(ctx, x, y):
    x.mul_(2)
    y.add_(1)
    ctx.mark_dirty(x, y)
    return x, y


@behaviour(write_both, lambda ctx, a, b: (a * 2, b))
def two_written_in_place(t, f, x, y):
    a, b = x * 1, y * 1
    p, q = f(a, b)
    return p is a, q is b, grads(t, a * b, x, y)


def write_and_save(ctx, x):
    x.exp_()
    ctx.mark_dirty(x)
    ctx.save_for_backward(x)
    return x


@behaviour(write_and_save, lambda ctx, g: g * ctx.saved_tensors[0])
def written_in_place_and_saved(t, f, x, y):
    a = x * 1
    f(a)
    (g,) = t.autograd.grad(a.sum(), x, create_graph=True)
    return g.detach(), grads(t, g, x)


@behaviour(lambda ctx, x: x.mul_(2), lambda ctx, g: g * 2)
def written_in_place_but_not_marked(t, f, x, y):
    a = x * 1
    out = f(a)
    return out is a, out.detach(), a.detach()


# ------------------------------------------------------------------ views and inputs returned


@behaviour(lambda ctx, x: x, lambda ctx, g: g * 5)
def an_input_returned(t, f, x, y):
    out = f(x)
    return out is x, out, out.is_leaf, grads(t, out, x)


@behaviour(lambda ctx, x: x, lambda ctx, g: g * 5)
def an_input_returned_is_a_view(t, f, x, y):
    a = x * 1
    out = f(a)
    return out is a, out._is_view(), out._base is a, out.grad_fn


@behaviour(lambda ctx, x, y: (y, x), lambda ctx, g, h: (h * 2, g * 3))
def inputs_returned_in_another_order(t, f, x, y):
    a, b = f(x, y)
    (a * b).sum().backward()
    return a, b, x.grad, y.grad


@behaviour(lambda ctx, x: x.view(3), lambda ctx, g: g * 5)
def a_view_returned(t, f, x, y):
    a = x * 1
    out = f(a)
    return out, out._is_view(), out._base is a, grads(t, out, x)


@behaviour(lambda ctx, x: x.view(3), lambda ctx, g: g * 5)
def a_view_returned_and_written(t, f, x, y):
    a = x * 1
    out = f(a)
    found = caught(out.mul_, 2)
    return found, a


@behaviour(lambda ctx, x: x[:2], lambda ctx, g: g.new_zeros(3))
def a_part_returned_and_the_base_written(t, f, x, y):
    a = x * 1
    out = f(a)
    a.mul_(2)
    return caught(lambda: grads(t, out, x))


@behaviour(lambda ctx, x: x.detach(), lambda ctx, g: g * 5)
def a_detached_input_returned(t, f, x, y):
    a = x * 1
    out = f(a)
    return out, out.requires_grad, grads(t, out, x)


@behaviour(lambda ctx, x: (x * 2,) * 2, lambda ctx, a, b: a * 2 + b * 3)
def one_tensor_returned_twice(t, f, x, y):
    a, b = f(x)
    return a is b, a, b, t.autograd.grad(a.sum(), x, retain_graph=True)


@behaviour(lambda ctx, x, y: x * 1, lambda ctx, g: (g, g))
def the_same_argument_twice(t, f, x, y):
    out = f(x, x)
    return out.grad_fn.next_functions, grads(t, out, x)


# ------------------------------------------------------------------ setup_context and its like


def plain_forward(x, n=3):
    return x * n


def setup(ctx, inputs, output):
    x, n = inputs
    ctx.n = n
    ctx.save_for_backward(x, output)


@behaviour(plain_forward, lambda ctx, g: (g * ctx.n, None), setup_context=setup)
def a_setup_of_the_context(t, f, x, y):
    out = f(x, 4)
    return out, len(out.grad_fn.saved_tensors), grads(t, out, x)


@behaviour(plain_forward, lambda ctx, g: (g * ctx.n, None), setup_context=setup)
def a_setup_with_a_default(t, f, x, y):
    out = f(x)
    return out, grads(t, out, x)


@behaviour(
    lambda x: (x * 2, x * 3),
    report,
    setup_context=lambda ctx, inputs, output: setattr(
        ctx, "kind", (type(inputs).__name__, type(output).__name__, len(output))
    ),
)
def what_the_setup_sees(t, f, x, y):
    a, b = f(x)
    return a.grad_fn.kind, grads(t, a + b, x)


@behaviour(
    lambda x: x * 2,
    lambda ctx, g: g * 2,
    setup_context=lambda ctx, inputs, output: ctx.mark_non_differentiable(output),
)
def a_setup_that_marks(t, f, x, y):
    return f(x)


@behaviour(
    lambda x: x.mul_(2),
    lambda ctx, g: g * 2,
    setup_context=lambda ctx, inputs, output: ctx.mark_dirty(inputs[0]),
)
def a_setup_that_marks_as_dirty(t, f, x, y):
    a = x * 1
    out = f(a)
    return out is a, out.detach(), grads(t, out, x)


@behaviour(lambda x: x * 2, lambda ctx, g: g * 2, setup_context=lambda ctx, inputs, output: 1 / 0)
def a_setup_that_raises(t, f, x, y):
    return caught(f, x)


@behaviour(lambda x: x * 2, lambda ctx, g: g * 2)
def a_forward_without_a_context(t, f, x, y):
    return type(caught(f, x)).__name__


@behaviour(lambda ctx, x: x * 2, vjp=lambda ctx, g: g * 7)
def a_vjp_instead_of_backward(t, f, x, y):
    out = f(x)
    return grads(t, out, x)


@behaviour(lambda ctx, x: x * 2)
def no_backward_and_none_needed(t, f, x, y):
    return f(x.detach())


@TABLE
def keyword_arguments(t):
    f = function(t, lambda ctx, x, n=2: x * n, lambda ctx, g, *more: (g, None))
    x = t.ones(3, requires_grad=True)
    found = caught(f.apply, x, n=3)
    return type(found).__name__


# ------------------------------------------------------------------ grad mode, once differentiable


@behaviour(lambda ctx, x: x * float(not (x * 2).requires_grad), lambda ctx, g: g)
def forward_is_not_recorded(t, f, x, y):
    return f(x)


def graded(ctx, x):
    ctx.save_for_backward(x)
    return x * 2


@TABLE
def grad_mode_in_forward_and_backward(t):
    log = []

    def forward(ctx, x):
        log.append(("forward", t.is_grad_enabled()))
        return x * 2

    def backward(ctx, g):
        log.append(("backward", t.is_grad_enabled(), g.requires_grad))
        return g * 2

    x = t.ones(3, requires_grad=True)
    out = function(t, forward, backward).apply(x).sum()
    out.backward(retain_graph=True)
    t.autograd.grad(out, x, create_graph=True)
    return log


@TABLE
def a_gradient_computed_inside_backward(t):
    def forward(ctx, x):
        with t.enable_grad():
            ctx.x = x.detach().requires_grad_()
            ctx.out = (ctx.x**3).sum()
        return ctx.out.detach()

    def backward(ctx, g):
        return t.autograd.grad(ctx.out, ctx.x, g, retain_graph=True)[0]

    x = t.tensor([1.0, 2.0], requires_grad=True)
    out = function(t, forward, backward).apply(x)
    out.backward()
    return out.detach(), x.grad


@TABLE
def once_differentiable_once(t):
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * 2 * x

    f = function(t, square, t.autograd.function.once_differentiable(backward))
    x = t.tensor([1.0, 2.0], requires_grad=True)
    f.apply(x).sum().backward()
    (g,) = t.autograd.grad(f.apply(x).sum(), x, create_graph=True)
    return x.grad, g.detach(), g.requires_grad, caught(t.autograd.grad, g.sum(), x)


@TABLE
def a_function_inside_a_function_of_mine(t):
    inner = function(t, square, square_back, name="Inner")

    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * inner.apply(x) * 3

    outer = function(t, lambda ctx, x: keep(ctx, x) or x**3, backward, name="Outer")
    x = t.tensor([1.0, 2.0], requires_grad=True)
    (g,) = t.autograd.grad(outer.apply(x).sum(), x, create_graph=True)
    return g.detach(), t.autograd.grad(g.sum(), x)


@TABLE
def a_function_with_a_loop_of_calls(t):
    f = function(t, square, square_back)
    x = t.tensor([0.5, 1.5], requires_grad=True)
    a = x
    for _ in range(3):
        a = f.apply(a)
    a.sum().backward()
    return a.detach(), x.grad


@TABLE
def names_of_functions(t):
    class Cube(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x**3

        @staticmethod
        def backward(ctx, g):
            return g

    class Child(Cube):
        pass

    x = t.ones(2, requires_grad=True)
    return Cube.apply(x).grad_fn, Child.apply(x).grad_fn, Child.apply(x)


@TABLE
def a_function_may_not_be_instantiated(t):
    return caught(function(t, twice, lambda ctx, g: g))


@TABLE
def a_straight_through_estimator(t):
    f = function(t, lambda ctx, x: x.round(), lambda ctx, g: g, name="Round")
    x = t.tensor([0.4, 1.6], requires_grad=True)
    out = f.apply(x)
    (out * t.tensor([1.0, 10.0])).sum().backward()
    return out, x.grad


@TABLE
def gradient_reversal(t):
    f = function(t, lambda ctx, x: x.view_as(x), lambda ctx, g: -g, name="Reverse")
    x = t.tensor([0.4, 1.6], requires_grad=True)
    (f.apply(x) * 3).sum().backward()
    return x.grad


@TABLE
def the_gradient_check_of_a_function(t):
    good = function(t, square, square_back)
    bad = function(t, square, lambda ctx, g: g * ctx.saved_tensors[0])
    x = t.tensor([1.0, 2.0], dtype=t.float64, requires_grad=True)
    return (
        t.autograd.gradcheck(good.apply, x),
        t.autograd.gradgradcheck(good.apply, x),
        t.autograd.gradcheck(bad.apply, x, raise_exception=False),
    )


@TABLE
def a_hook_on_the_result_of_a_function(t):
    log = []
    f = function(t, lambda ctx, x: x * 2, lambda ctx, g: log.append(g.clone()) or g * 2)
    x = t.ones(2, requires_grad=True)
    out = f.apply(x)
    out.register_hook(lambda g: g * 10)
    out.sum().backward()
    return log, x.grad


@TABLE
def functions_in_the_order_of_the_graph(t):
    log = []

    def named(name):
        return function(
            t, lambda ctx, x: x * 2, lambda ctx, g: log.append(name) or g * 2, name=name
        ).apply

    x = t.ones(2, requires_grad=True)
    a = named("a")(x)
    b, c = named("b")(a), named("c")(a)
    named("d")(b + c).sum().backward()
    return log, x.grad


@TABLE
def what_is_asked_of_a_function(t):
    """Functions off the path to what is wanted are not called."""
    log = []

    def named(name):
        return function(
            t, lambda ctx, x: x * 2, lambda ctx, g: log.append(name) or g * 2, name=name
        ).apply

    x, y = t.ones(2, requires_grad=True), t.ones(2, requires_grad=True)
    a, b = named("a")(x), named("b")(y)
    return t.autograd.grad((a * b).sum(), x), log


@TABLE
def complex_numbers_through_a_function(t):
    f = function(
        t,
        lambda ctx, z: keep(ctx, z) or (z * z.conj()).real,
        lambda ctx, g: 2 * g * ctx.saved_tensors[0],
        name="Square",
    )
    z = t.tensor([1 + 2j, -1j], dtype=t.complex128, requires_grad=True)
    f.apply(z).sum().backward()
    return z.grad, t.autograd.gradcheck(f.apply, z)
