"""autograd.Function: its ctx, what it accepts and returns, its memory, its errors."""

import gc
import threading
import warnings
import weakref

import numpy as np
import pytest

import xpgrad as xg
from namespaces import host, tensor
from xpgrad.autograd import Function, gradcheck, gradgradcheck
from xpgrad.autograd.function import once_differentiable


def leaf(values, dtype=xg.float64):
    return xg.tensor(values, dtype=dtype, requires_grad=True)


def function(forward, backward=None, name="Sample", **more):
    """A Function from plain functions."""
    body = {"forward": staticmethod(forward)}
    if backward is not None:
        body["backward"] = staticmethod(backward)
    body |= {k: staticmethod(v) for k, v in more.items()}
    return type(Function)(name, (Function,), body)


class Square(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return grad * 2.0 * x


class Exp(Function):
    """Saves its output."""

    @staticmethod
    def forward(ctx, x):
        out = xg.exp(x)
        ctx.save_for_backward(out)
        return out

    @staticmethod
    def backward(ctx, grad):
        (out,) = ctx.saved_tensors
        return grad * out


class Pair(Function):
    """Two results, both saved, and something that is no tensor."""

    @staticmethod
    def forward(ctx, x, y, scale):
        ctx.scale = scale
        e, p = xg.exp(x), x * y * scale
        ctx.save_for_backward(x, y, e)
        return e, "label", p

    @staticmethod
    def backward(ctx, ge, label, gp):
        assert label is None
        x, y, e = ctx.saved_tensors
        return ge * e + gp * y * ctx.scale, gp * x * ctx.scale, None


# ------------------------------------------------------------------ results and names


def test_forward_and_backward(ns):
    x = tensor(ns, np.array([1.0, -2.0, 3.0]), requires_grad=True)
    y = Square.apply(x)
    assert host(y).tolist() == [1.0, 4.0, 9.0]
    y.sum().backward()
    assert host(x.grad).tolist() == [2.0, -4.0, 6.0]


def test_saved_output(ns):
    x = tensor(ns, np.array([0.0, 1.0]), requires_grad=True)
    y = Exp.apply(x)
    y.sum().backward()
    np.testing.assert_allclose(host(x.grad), np.exp([0.0, 1.0]), rtol=1e-6)


def test_several_results(ns):
    x = tensor(ns, np.array([0.5, 1.0]), requires_grad=True)
    y = tensor(ns, np.array([2.0, 3.0]), requires_grad=True)
    e, label, p = Pair.apply(x, y, 10.0)
    assert label == "label"
    assert (e.output_nr, p.output_nr) == (0, 2)
    assert e.grad_fn is p.grad_fn
    (e.sum() + p.sum()).backward()
    np.testing.assert_allclose(host(x.grad), np.exp([0.5, 1.0]) + np.array([20.0, 30.0]), rtol=1e-6)
    np.testing.assert_allclose(host(y.grad), [5.0, 10.0], rtol=1e-6)


def test_names():
    x = leaf([1.0, 2.0])
    y = Square.apply(x)
    assert type(y.grad_fn).__name__ == y.grad_fn.name() == "SquareBackward"
    assert repr(y) == "tensor([1., 4.], dtype=xpgrad.float64, grad_fn=<SquareBackward>)"
    ((node, number),) = y.grad_fn.next_functions
    assert node.variable is x
    assert number == 0


def test_next_functions_leave_out_what_is_no_tensor():
    x, y = leaf(1.0), xg.tensor(2.0, dtype=xg.float64)
    e, _, _ = Pair.apply(x, y, 3.0)
    assert [n is None for n, _ in e.grad_fn.next_functions] == [False, True]


def test_grad_fn_shows_the_ctx():
    def forward(ctx, x):
        ctx.shape, ctx.dtype, ctx.note = x.shape, x.dtype, "mine"  # names that a node has, too
        ctx.save_for_backward(x)
        return x.sum()

    def backward(ctx, grad):
        assert ctx.shape == (3,)
        assert ctx.dtype is xg.float64
        return grad.expand(ctx.shape)

    x = leaf([1.0, 2.0, 3.0])
    y = function(forward, backward).apply(x)
    assert y.grad_fn.note == "mine"
    assert y.grad_fn.saved_tensors[0] is x
    with pytest.raises(AttributeError):
        y.grad_fn.nothing
    y.backward()
    assert x.grad.tolist() == [1.0, 1.0, 1.0]


def test_gradients_of_first_and_second_order():
    x, y = leaf([0.3, -1.2]), leaf([2.0, 0.7])
    assert gradcheck(Square.apply, x)
    assert gradgradcheck(Square.apply, x)
    assert gradcheck(Exp.apply, x)
    assert gradgradcheck(Exp.apply, x)

    def pair(x, y):
        e, _, p = Pair.apply(x, y, 3.0)
        return e, p

    assert gradcheck(pair, (x, y))
    assert gradgradcheck(pair, (x, y))


def test_a_wrong_backward_is_caught():
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    wrong = function(forward, lambda ctx, g: g * 2.002 * ctx.saved_tensors[0])
    with pytest.raises(RuntimeError, match="Jacobian mismatch"):
        gradcheck(wrong.apply, leaf([1.0, 2.0]), rtol=1e-4)


def test_third_order_through_a_saved_output():
    x = leaf(0.5)
    g = Exp.apply(x)
    for _ in range(3):
        (g,) = xg.autograd.grad(g, x, create_graph=True)
    assert g.item() == pytest.approx(np.exp(0.5))


def test_second_order_through_re_created_tensors():
    # Saved tensors are other objects each time, and gradients are keyed by node all the same.
    x = leaf(1.5)
    y = Square.apply(Exp.apply(x))
    (g,) = xg.autograd.grad(y, x, create_graph=True)
    (h,) = xg.autograd.grad(g, x)
    assert h.item() == pytest.approx(4 * np.exp(3.0))


# ------------------------------------------------------------------ what forward sees


def test_forward_is_not_recorded():
    seen = {}

    def forward(ctx, x, y, z):
        seen.update(grad=xg.is_grad_enabled(), same=x is a, needs=ctx.needs_input_grad)
        return x * 2.0

    a = leaf(1.0)
    function(forward).apply(a, xg.tensor(1.0), "text")
    assert seen == {"grad": False, "same": True, "needs": (True, False, False)}


def test_needs_input_grad_lets_backward_skip():
    def backward(ctx, g):
        return tuple(g if needed else None for needed in ctx.needs_input_grad)

    x, y = leaf(1.0), xg.tensor(1.0, dtype=xg.float64)
    function(lambda ctx, x, y: x + y, backward).apply(x, y).backward()
    assert x.grad.item() == 1.0


def test_without_recording():
    x = leaf(3.0)
    with xg.no_grad():
        y = Square.apply(x)
    assert not y.requires_grad
    assert y.item() == 9.0
    assert not Square.apply(xg.tensor(3.0)).requires_grad
    with xg.inference_mode():
        assert not Square.apply(x).requires_grad


def test_enable_grad_inside_forward_changes_nothing_outside():
    def forward(ctx, x):
        with xg.enable_grad():
            return x * 3.0

    x = leaf(1.0)
    y = function(forward, lambda ctx, g: g * 7.0).apply(x)
    assert y.grad_fn.name() == "SampleBackward"
    assert [type(n).__name__ for n, _ in y.grad_fn.next_functions] == ["AccumulateGrad"]
    y.backward()
    assert x.grad.item() == 7.0


def test_backward_inside_backward():
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        with xg.enable_grad():
            x = x.detach().requires_grad_()
            return g * xg.autograd.grad(x**3, x)[0]

    x = leaf(2.0)
    function(forward, backward).apply(x).backward()
    assert x.grad.item() == 12.0


def test_a_function_inside_a_function():
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return Square.apply(Square.apply(x))

    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * 4.0 * Square.apply(x) * x

    outer = function(forward, backward, name="Outer")
    x = leaf(2.0)
    y = outer.apply(x)
    assert y.grad_fn.name() == "OuterBackward"
    assert gradcheck(outer.apply, x)
    assert gradgradcheck(outer.apply, x)


def test_setup_context():
    seen = {}

    class Mul(Function):
        @staticmethod
        def forward(x, y, scale=2.0):
            return x * y * scale

        @staticmethod
        def setup_context(ctx, inputs, output):
            seen.update(inputs=len(inputs), output=output.requires_grad)
            ctx.save_for_backward(*inputs[:2])
            ctx.scale = inputs[2]

        @staticmethod
        def backward(ctx, g):
            x, y = ctx.saved_tensors
            return g * y * ctx.scale, g * x * ctx.scale, None

    x, y = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    assert gradcheck(Mul.apply, (x, y))
    assert gradgradcheck(Mul.apply, (x, y))
    assert seen == {"inputs": 3, "output": False}  # the default counts as given
    Mul.apply(x, y=y, scale=1.0).sum().backward()
    assert x.grad.tolist() == [3.0, 4.0]


def test_keywords_follow_the_arguments():
    def forward(ctx, x, y):
        ctx.save_for_backward(x, y)
        assert ctx.needs_input_grad == (True, True)
        return x * y

    def backward(ctx, g):
        x, y = ctx.saved_tensors
        return g * y, g * x

    x, y = leaf(2.0), leaf(3.0)
    function(forward, backward).apply(x, y=y).backward()
    assert (x.grad.item(), y.grad.item()) == (3.0, 2.0)


def test_vjp_is_backward():
    x = leaf(2.0)
    function(lambda ctx, x: x * 2.0, vjp=lambda ctx, g: g * 2.0).apply(x).backward()
    assert x.grad.item() == 2.0


def test_jvp_may_be_there():
    f = function(lambda ctx, x: x * 2.0, lambda ctx, g: g * 2.0, jvp=lambda ctx, t: t * 2.0)
    x = leaf(2.0)
    f.apply(x).backward()
    assert x.grad.item() == 2.0


# ------------------------------------------------------------------ what backward gets


def test_missing_gradients_are_zeros():
    seen = []

    def backward(ctx, *grads):
        seen.extend(grads)
        return grads[0]

    def forward(ctx, x):
        return x * 2.0, xg.ones(3), xg.arange(2), None

    x = leaf([1.0, 2.0])
    a, b, c, d = function(forward, backward).apply(x)
    assert (a.requires_grad, b.requires_grad, c.requires_grad, d) == (True, True, False, None)
    a.sum().backward()
    assert [None if g is None else g.tolist() for g in seen] == [[1, 1], [0, 0, 0], [0, 0], None]
    assert seen[1].dtype is xg.float32
    assert seen[2].dtype is xg.int64


def test_missing_gradients_may_stay_none():
    seen = []

    def forward(ctx, x):
        ctx.set_materialize_grads(False)
        return x * 2.0, x * 3.0

    def backward(ctx, a, b):
        seen.extend((a, b))
        return b * 3.0

    x = leaf(1.0)
    function(forward, backward).apply(x)[1].backward()
    assert seen[0] is None
    assert seen[1].item() == 1.0
    assert x.grad.item() == 3.0


def test_gradients_are_recorded_only_on_demand():
    seen = []

    def backward(ctx, g):
        seen.append((xg.is_grad_enabled(), g.requires_grad))
        return g * 2.0

    f = function(lambda ctx, x: x * 2.0, backward)
    x, v = leaf(1.0), leaf(1.0)
    f.apply(x).backward()
    xg.autograd.grad(f.apply(x), x, v, create_graph=True)
    assert seen == [(False, False), (True, True)]


def test_none_for_an_input():
    x, y = leaf(1.0), leaf(2.0)
    f = function(lambda ctx, x, y: x * y, lambda ctx, g: (g, None))
    f.apply(x, y).backward()
    assert x.grad.item() == 1.0
    assert y.grad is None
    assert xg.autograd.grad(f.apply(x, y), [x, y], allow_unused=True)[1] is None


def test_gradients_are_fitted_to_their_inputs():
    x = leaf([1.0, 2.0], dtype=xg.float32)
    f = function(lambda ctx, x: x.double(), lambda ctx, g: xg.stack([g, g]))
    (g,) = xg.autograd.grad(f.apply(x).sum(), x)
    assert g.dtype is xg.float32
    assert g.tolist() == [2.0, 2.0]


def test_more_gradients_than_arguments_if_they_are_none():
    x = leaf(1.0)
    function(lambda ctx, x: x * 2.0, lambda ctx, g: (g, None, None)).apply(x).backward()
    assert x.grad.item() == 1.0


# ------------------------------------------------------------------ inputs as results


def test_an_input_returned_is_another_tensor(ns):
    f = function(lambda ctx, x: x, lambda ctx, g: g * 5.0)
    x = tensor(ns, np.array([1.0, 2.0]), requires_grad=True)
    y = f.apply(x)
    assert y is not x
    assert y.grad_fn.name() == "SampleBackward"
    assert x.is_leaf
    y.sum().backward()
    assert host(x.grad).tolist() == [5.0, 5.0]
    c = tensor(ns, np.array([1.0, 2.0]))
    assert f.apply(c) is not c
    assert not f.apply(c).requires_grad


def test_inputs_swapped():
    f = function(lambda ctx, x, y: (y, x), lambda ctx, g, h: (h * 2.0, g * 3.0))
    x, y = leaf(1.0), leaf(2.0)
    a, b = f.apply(x, y)
    assert (a.item(), b.item()) == (2.0, 1.0)
    (a * 10.0 + b).backward()
    assert (x.grad.item(), y.grad.item()) == (2.0, 30.0)


def test_one_tensor_returned_twice():
    def forward(ctx, x):
        y = x * 2.0
        return y, y

    x = leaf(1.0)
    a, b = function(forward, lambda ctx, g, h: g + 10.0 * h).apply(x)
    assert a is b
    assert a.output_nr == 1
    a.backward()
    assert x.grad.item() == 10.0


def test_a_view_of_an_input_may_not_be_written():
    for view in (lambda x: x.view(2, 1), lambda x: x):
        x = leaf([1.0, 2.0]) * 1.0
        y = function(lambda ctx, x, view=view: view(x), lambda ctx, g: g.view(2)).apply(x)
        with pytest.raises(RuntimeError, match="Output 0 of Sample is a view and is being modifi"):
            y.mul_(2.0)


def test_mark_dirty():
    def forward(ctx, x):
        x.mul_(2.0)
        ctx.mark_dirty(x)
        return x

    f = function(forward, lambda ctx, g: g * 7.0)
    x = leaf([1.0, 2.0])
    y = x * 1.0
    z = f.apply(y)
    assert z is y
    assert y.grad_fn.name() == "SampleBackward"
    assert y._version > 0
    y.sum().backward()
    assert x.grad.tolist() == [7.0, 7.0]


def test_mark_dirty_on_a_view():
    def forward(ctx, x):
        x.mul_(2.0)
        ctx.mark_dirty(x)
        return x

    f = function(forward, lambda ctx, g: g * 7.0)
    x = leaf([1.0, 2.0, 3.0])
    y = x * 1.0
    f.apply(y[1:])
    assert y.tolist() == [1.0, 4.0, 6.0]
    y.sum().backward()
    assert x.grad.tolist() == [1.0, 7.0, 7.0]


def test_mark_dirty_counts_as_a_write():
    def forward(ctx, x):
        x.detach().numpy()[...] *= 2.0  # a write that nobody else sees
        ctx.mark_dirty(x)
        return x

    x = leaf([1.0, 2.0])
    y = x * 1.0
    z = y * y
    function(forward, lambda ctx, g: g * 2.0).apply(y)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.sum().backward()


def test_mark_non_differentiable():
    def forward(ctx, x):
        a, b = x * 2.0, x * 3.0
        ctx.mark_non_differentiable(b)
        return a, b

    x = leaf(1.0)
    a, b = function(forward, lambda ctx, g, h: g * 2.0 + h).apply(x)
    assert a.requires_grad
    assert not b.requires_grad
    a.backward()
    assert x.grad.item() == 2.0


def test_a_parameter_returned_stays_a_leaf():
    w = leaf(1.0)
    y = function(lambda ctx, x: w, lambda ctx, g: g).apply(leaf(2.0))
    assert w.is_leaf
    assert y.grad_fn is not None


# ------------------------------------------------------------------ saved tensors


def test_saved_tensors_are_freed_with_the_graph():
    x = leaf([1.0, 2.0])
    y = Square.apply(x)
    y.sum().backward(retain_graph=True)
    assert y.grad_fn.saved_tensors[0] is x
    y.sum().backward()
    for again in (lambda: y.grad_fn.saved_tensors, lambda: y.sum().backward()):
        with pytest.raises(RuntimeError, match="Trying to backward through the graph a second"):
            again()


def test_a_backward_that_reads_nothing_runs_twice():
    x = leaf(1.0)
    y = function(lambda ctx, x: x * 2.0, lambda ctx, g: g * 2.0).apply(x)
    y.backward()
    y.backward()
    assert x.grad.item() == 4.0


def test_the_last_save_counts_and_none_may_be_saved():
    def forward(ctx, x):
        ctx.save_for_backward(x, x)
        ctx.save_for_backward(None, x)
        assert ctx.saved_tensors == ()  # until forward is done
        return x * 2.0

    x = leaf(1.0)
    y = function(forward, lambda ctx, g: g).apply(x)
    assert y.grad_fn.saved_tensors[0] is None
    assert y.grad_fn.saved_tensors[1] is x


def test_saved_intermediates_and_histories():
    def forward(ctx, x):
        with xg.enable_grad():
            recorded = x * 5.0
        ctx.save_for_backward(x * 3.0, recorded, x)
        return x * 2.0

    x = leaf(1.0)
    y = x * 1.0
    a, b, c = function(forward, lambda ctx, g: g).apply(y).grad_fn.saved_tensors
    assert not a.requires_grad
    assert b.grad_fn.name() == "MulBackward0"
    assert c.grad_fn is y.grad_fn
    assert c._version == 0


def test_saved_outputs_know_their_maker():
    def forward(ctx, x):
        a, b = x * 2.0, x * 3.0
        ctx.save_for_backward(b, a)
        return a, b

    x = leaf(1.0)
    a, b = function(forward, lambda ctx, g, h: g).apply(x)
    b2, a2 = a.grad_fn.saved_tensors
    assert b2.grad_fn is a.grad_fn
    assert (a2.output_nr, b2.output_nr) == (0, 1)
    del b
    b2, _ = a.grad_fn.saved_tensors
    assert b2.grad_fn is a.grad_fn
    assert b2.output_nr == 1


@pytest.mark.parametrize("what", ["input", "output"])
def test_saved_and_modified(what):
    x = leaf([1.0, 2.0])
    z = x * 1.0
    y = Square.apply(z) if what == "input" else Exp.apply(z)
    (z if what == "input" else y).mul_(2.0)
    with pytest.raises(RuntimeError, match="modified by an inplace operation") as e:
        y.sum().backward()
    name = {"input": "Mul", "output": "Exp"}[what]
    assert f"[xpgrad.DoubleTensor [2]], which is output 0 of {name}, is at version 1" in str(
        e.value
    )


def test_a_write_during_forward_is_none():
    def forward(ctx, x):
        y = x * 2.0
        y.mul_(3.0)
        ctx.save_for_backward(y)
        return y

    x = leaf(1.0)
    y = function(forward, lambda ctx, g: g * ctx.saved_tensors[0]).apply(x)
    y.backward()
    assert x.grad.item() == 6.0


# ------------------------------------------------------------------ memory


class Payload(Function):
    """Saves input, intermediate and output, and keeps a tensor as an attribute."""

    @staticmethod
    def forward(ctx, x):
        y = x * 2.0
        out = xg.exp(y)
        ctx.save_for_backward(x, y, out)
        ctx.kept = x * 5.0
        ctx.probe = Probe()
        probes.append(weakref.ref(ctx.probe))
        return out, x * 3.0

    @staticmethod
    def backward(ctx, g, h):
        return g * 2.0 * ctx.saved_tensors[2] + h * 3.0


class Probe:
    pass


probes = []


@pytest.fixture
def no_gc():
    probes.clear()
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("end", ["dropped", "backward", "create_graph", "error"])
def test_no_cycle(no_gc, end):
    x = leaf(np.ones(4))
    out, other = Payload.apply(x)
    arrays = [weakref.ref(t._data) for t in (out, other)]
    node = weakref.ref(out.grad_fn)
    if end == "backward":
        (out.sum() + other.sum()).backward()
    elif end == "create_graph":
        (g,) = xg.autograd.grad(out.sum() + other.sum(), x, create_graph=True)
        xg.autograd.grad(g.sum(), x)
        del g
    elif end == "error":
        with pytest.raises(RuntimeError):
            out.backward()
    del out, other
    assert node() is None
    assert probes[0]() is None
    assert [a() for a in arrays] == [None, None]


def test_saved_arrays_go_after_backward(no_gc):
    def forward(ctx, x):
        y = x * 2.0
        seen.append(weakref.ref(y._data))
        ctx.save_for_backward(y)
        return y + 1.0

    seen = []
    out = function(forward, lambda ctx, g: g * ctx.saved_tensors[0]).apply(leaf([1.0]))
    assert seen[0]() is not None
    out.sum().backward()
    assert seen[0]() is None
    assert out.grad_fn is not None


def test_a_long_chain_is_freed():
    x = leaf(1.0)
    y = x
    passes = function(lambda ctx, x: x * 1.0, lambda ctx, g: g)
    for _ in range(20_000):
        y = passes.apply(y)
    y.backward()
    assert x.grad.item() == 1.0
    del y


def test_threads():
    def work(i):
        x = leaf(float(i))
        Square.apply(x).backward()
        found[i] = x.grad.item()

    found = {}
    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert found == {i: 2.0 * i for i in range(8)}


# ------------------------------------------------------------------ errors


def failing(*functions, inputs=1):
    f = function(*functions, name="F1")
    xs = [leaf([1.0, 2.0, 3.0]) for _ in range(inputs)]
    return lambda: f.apply(*xs).sum().backward()


@pytest.mark.parametrize(
    ("backward", "error", "text"),
    [
        (
            lambda ctx, g: (g, g),
            RuntimeError,
            "function F1Backward returned an incorrect number of gradients (expected 1, got 2)",
        ),
        (
            lambda ctx, g: (),
            RuntimeError,
            "function F1Backward returned an incorrect number of gradients (expected 1, got 0)",
        ),
        (
            lambda ctx, g: g[:1],
            RuntimeError,
            "Function F1Backward returned an invalid gradient at index 0 - got [1] but expected "
            "shape compatible with [3]",
        ),
        (lambda ctx, g: 3.0, RuntimeError, "expected Variable or None (got float)"),
        (lambda ctx, g: [g], RuntimeError, "expected Variable or None (got list)"),
        (
            None,
            NotImplementedError,
            "You must implement either the backward or vjp method for your custom "
            "autograd.Function to use it with backward mode AD.",
        ),
    ],
)
def test_errors_of_backward(backward, error, text):
    with pytest.raises(error) as e:
        failing(lambda ctx, x: x * 2.0, backward)()
    assert str(e.value) == text


def test_a_gradient_for_what_is_no_tensor():
    f = function(lambda ctx, x, n: x * n, lambda ctx, g: (g, g), name="F1")
    with pytest.raises(RuntimeError) as e:
        f.apply(leaf(1.0), 3).backward()
    assert str(e.value) == (
        "function F1Backward returned a gradient different than None at position 2, but the "
        "corresponding forward input was not a Variable"
    )


def test_a_gradient_on_another_device():
    try:
        other = xg.ones(2, device="strict:1", dtype=xg.float64)
    except RuntimeError as missing:
        pytest.skip(f"strict:1: {missing}")
    f = function(lambda ctx, x: x * 2.0, lambda ctx, g: other, name="F1")
    with pytest.raises(RuntimeError, match="at index 0 - expected device cpu but got strict:1"):
        f.apply(leaf([1.0, 2.0])).sum().backward()


@pytest.mark.parametrize(("what", "kind"), [(3, "int"), ([], "list")])
def test_only_tensors_are_saved(what, kind):
    def forward(ctx, x):
        ctx.save_for_backward(x, what)
        return x

    with pytest.raises(TypeError, match=f"argument 1 is of type {kind}"):
        function(forward).apply(leaf(1.0))


def test_a_leaf_must_not_be_dirty():
    def forward(ctx, x):
        ctx.mark_dirty(x)
        return x

    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad has been used in"):
        function(forward).apply(leaf(1.0))
    with pytest.raises(RuntimeError, match="Some elements marked as dirty during the forward"):
        function(lambda ctx, x: ctx.mark_dirty(x) or x * 2.0).apply(leaf(1.0) * 1.0)


def test_dirty_but_no_input_warns():
    def forward(ctx, x):
        y = x * 2.0
        ctx.mark_dirty(y)
        return y

    with pytest.warns(UserWarning, match="received a tensor that was not an input"):
        y = function(forward, lambda ctx, g: g * 2.0).apply(leaf(1.0))
    assert y.grad_fn.name() == "SampleBackward"


@pytest.mark.parametrize("mark", ["mark_dirty", "mark_non_differentiable"])
def test_marks_take_tensors(mark):
    f = function(lambda ctx, x: getattr(ctx, mark)(3))
    with pytest.raises(RuntimeError, match=f"{mark} "):
        f.apply(leaf(1.0))


def test_backward_or_vjp():
    f = function(lambda ctx, x: x * 2.0, lambda ctx, g: g, vjp=lambda ctx, g: g)
    with pytest.raises(RuntimeError, match="Implementing both 'backward' and 'vjp'"):
        f.apply(leaf(1.0)).backward()


def test_no_forward_no_instance():
    with pytest.raises(NotImplementedError, match="You must implement the forward function"):
        type(Function)("Empty", (Function,), {}).apply(leaf(1.0))
    with pytest.raises(RuntimeError, match="should not be instantiated"):
        Square()


def test_an_error_in_backward_passes_through():
    def backward(ctx, g):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        failing(lambda ctx, x: x * 2.0, backward)()


def test_inference_tensors_cannot_be_saved():
    with xg.inference_mode():
        c = xg.tensor(2.0)

    def forward(ctx, x, c):
        ctx.save_for_backward(c)
        return x * c

    with pytest.raises(RuntimeError, match="Inference tensors cannot be saved for backward"):
        function(forward).apply(leaf(1.0), c)


def test_results_that_hold_no_tensors_pass():
    assert function(lambda ctx, x: 3).apply(leaf(1.0)) == 3
    found = function(lambda ctx, x: [x * 2.0]).apply(leaf(1.0))
    assert not found[0].requires_grad
    assert function(lambda ctx: xg.ones(2)).apply().tolist() == [1.0, 1.0]


# ------------------------------------------------------------------ once_differentiable


class Once(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    @once_differentiable
    def backward(ctx, g):
        assert not xg.is_grad_enabled()
        (x,) = ctx.saved_tensors
        return xg.from_numpy(2.0 * g.numpy() * x.detach().numpy())


def test_once_differentiable():
    x = leaf([1.0, 2.0])
    Once.apply(x).sum().backward()
    assert x.grad.tolist() == [2.0, 4.0]
    (g,) = xg.autograd.grad(Once.apply(x).sum(), x, create_graph=True)
    assert g.tolist() == [2.0, 4.0]
    with pytest.raises(RuntimeError) as e:
        g.sum().backward()
    assert str(e.value) == (
        "trying to differentiate twice a function that was marked with @once_differentiable"
    )
    assert x.grad.tolist() == [2.0, 4.0]


def test_once_differentiable_with_several_gradients():
    def forward(ctx, x, y):
        return x * 1.0 + y

    f = function(forward, once_differentiable(lambda ctx, g: (g * 1.0, None)))
    x, y, v = leaf(1.0), leaf(2.0), leaf(3.0)
    gx, gy = xg.autograd.grad(f.apply(x, y), [x, y], v, create_graph=True, allow_unused=True)
    assert gy is None
    with pytest.raises(RuntimeError, match="differentiate twice"):
        xg.autograd.grad(gx, v)


# ------------------------------------------------------------------ the same as PyTorch


@pytest.mark.oracle
def test_like_torch():
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")

    def program(t):
        class Scale(t.autograd.Function):
            @staticmethod
            def forward(ctx, x, y, n):
                ctx.n = n
                out = x * y * n
                ctx.save_for_backward(x, y, out)
                return out, y

            @staticmethod
            def backward(ctx, g, h):
                x, y, out = ctx.saved_tensors
                return g * y * ctx.n, g * x * ctx.n + h * out / out, None

        x = t.tensor([1.0, 2.0, 3.0], requires_grad=True)
        y = t.tensor([[4.0], [5.0]], requires_grad=True)
        a, b = Scale.apply(x, y, 2)
        g = t.autograd.grad((a * a).sum() + b.sum(), [x, y], create_graph=True)
        h = t.autograd.grad((g[0] * g[0]).sum(), [x, y])
        found = [str(v).replace("torch.", "xpgrad.") for v in (a, b, *h)]
        return found + [str(v.detach()) for v in g]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert program(xg) == program(torch)
