"""autograd.gradcheck and gradgradcheck: they pass what is right and catch what is wrong."""

import numpy as np
import pytest

import xpgrad as xg
from namespaces import has_dtype, tensor
from xpgrad.autograd import Function, gradcheck, gradgradcheck
from xpgrad.autograd.gradcheck import GradcheckError


def leaf(*values, dtype=xg.float64):
    return xg.tensor(values, dtype=dtype, requires_grad=True)


def wrong_by(factor, forward=lambda x: x * x):
    """A square whose gradient is off by a factor, and whose second-order gradient is right."""

    class Wrong(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return forward(x)

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * 2.0 * x.conj() * factor

    return Wrong.apply


# ------------------------------------------------------------------ right ones pass


@pytest.mark.parametrize("fast_mode", [False, True])
def test_right_gradients_pass(fast_mode):
    x, y = leaf(0.3, -1.2, 2.0), xg.tensor([[1.0], [0.5]], dtype=xg.float64, requires_grad=True)
    for f in (
        lambda x, y: x * y + x.sin(),
        lambda x, y: (x.exp(), (y * y).sum(), x * 1.0),
        lambda x, y: [x * y],
        lambda x, y: x / y,
    ):
        assert gradcheck(f, (x, y), fast_mode=fast_mode)
        assert gradgradcheck(f, (x, y), fast_mode=fast_mode)
        assert gradgradcheck(f, (x, y), gen_non_contig_grad_outputs=True)


def test_on_every_namespace(ns):
    x = tensor(ns, np.array([0.3, -1.2, 2.0]), requires_grad=True)
    if has_dtype(ns, "float64"):
        assert gradcheck(lambda x: x * x * x, x)
        assert gradgradcheck(lambda x: x * x * x, x)
    else:
        with pytest.warns(UserWarning, match="not a double precision"):
            assert gradcheck(lambda x: x * x * x, x, eps=1e-2, atol=1e-2, rtol=1e-2)


def test_shapes():
    for shape in ((), (1,), (0,), (2, 0), (2, 3)):
        x = xg.tensor(np.ones(shape), requires_grad=True)
        assert gradcheck(lambda x: x * x, x)
        assert gradgradcheck(lambda x: x * x, x)


def test_what_needs_no_gradient_is_left_alone():
    x, c = leaf(1.0, 2.0), xg.tensor([3.0, 4.0], dtype=xg.float64)
    assert gradcheck(lambda x, c, n, s: x * c * n, (x, c, 3, "text"))
    assert gradcheck(lambda x: (x * 2.0, c), x)


def test_inputs_are_put_back():
    x = leaf(1.0, 2.0)
    data = x._data
    gradcheck(lambda x: x * x, x)
    with pytest.raises(ZeroDivisionError):
        gradcheck(lambda x: x * x if x._data is data else x * (1 / 0), x)
    assert x._data is data
    assert x.grad is None
    assert x._version == 0


def test_a_function_may_hold_the_inputs_itself():
    x = leaf(1.0, 2.0)
    assert gradcheck(lambda *_: x * x, x)


def test_results_of_operations_may_be_inputs():
    x = leaf(1.0)
    assert gradcheck(lambda y: y * y, x.expand(3))
    assert gradcheck(lambda y: y * y, (x * 2.0,))


def test_grad_outputs_of_ones_own():
    x, g = leaf(1.0, 2.0), leaf(3.0, 4.0)
    assert gradgradcheck(lambda x: x * x * x, x, g)
    assert gradgradcheck(lambda x: x * x * x, x, (g.detach(),))


# ------------------------------------------------------------------ wrong ones do not


@pytest.mark.parametrize("fast_mode", [False, True])
@pytest.mark.parametrize("factor", [1.01, 0.0, -1.0, float("nan"), float("inf")])
def test_wrong_gradients_are_caught(factor, fast_mode):
    f, x = wrong_by(factor), leaf(1.0, 2.0)
    with pytest.raises(GradcheckError, match="Jacobian mismatch for output 0 with respect to inp"):
        gradcheck(f, x, fast_mode=fast_mode)
    assert gradcheck(f, x, fast_mode=fast_mode, raise_exception=False) is False


def test_a_thousandth_is_caught():
    with pytest.raises(GradcheckError):
        gradcheck(wrong_by(1.001), leaf(1.0, 2.0), rtol=1e-4)
    assert gradcheck(wrong_by(1.0005), leaf(1.0, 2.0))


def test_wrong_second_order_is_caught():
    class Square(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, g):
            return g * 2.0 * ctx.saved_tensors[0].detach()

    x = leaf(1.0, 2.0)
    assert gradcheck(Square.apply, x)
    with pytest.raises(GradcheckError):
        gradgradcheck(Square.apply, x)
    assert gradgradcheck(Square.apply, x, raise_exception=False) is False


def test_the_second_of_several_is_named():
    f, x = wrong_by(1.1), leaf(1.0, 2.0)
    with pytest.raises(GradcheckError, match="for output 1 with respect to input 1"):
        gradcheck(lambda x, y: (x * y, f(y)), (x, leaf(3.0, 4.0)))
    with pytest.raises(GradcheckError, match="for output 0 with respect to input 2"):
        gradcheck(lambda x, n, y: x * f(y), (x, 3, leaf(3.0, 4.0)))


def test_a_lost_dependence_is_caught():
    x = leaf(1.0, 2.0)
    with pytest.raises(GradcheckError, match="Jacobian mismatch"):
        gradcheck(lambda x: x * x.detach(), x)
    with pytest.raises(GradcheckError, match="Numerical gradient for function expected to be zero"):
        gradcheck(lambda x: x.detach() * 2.0, x)
    assert gradcheck(lambda x: xg.tensor(1.0, dtype=xg.float64), x)


def scaled(backward, materialize=True):
    class Scaled(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.set_materialize_grads(materialize)
            return x * 2.0, x * 3.0

    Scaled.backward = staticmethod(backward)
    return Scaled.apply


def test_a_gradient_that_ignores_what_comes_in_is_caught():
    def constant(ctx, g, h):
        return g * 2.0 + h * 3.0 + 1e-9  # too small for the differences to see

    with pytest.raises(GradcheckError, match="backward not multiplied by grad_output"):
        gradcheck(scaled(constant), leaf(1.0))


def test_undefined_gradients():
    def careless(ctx, g, h):
        return g * 2.0 + h * 3.0

    def careful(ctx, g, h):
        a = None if g is None else g * 2.0
        b = None if h is None else h * 3.0
        return a if b is None else b if a is None else a + b

    with pytest.raises(TypeError):
        gradcheck(scaled(careless, materialize=False), leaf(1.0))
    assert gradcheck(scaled(careful, materialize=False), leaf(1.0))
    assert gradcheck(scaled(careless), leaf(1.0))


def test_a_backward_that_differs_each_time_is_caught():
    noise = iter(np.arange(100.0) * 1e-9)

    class Noisy(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2.0

        @staticmethod
        def backward(ctx, g):
            return g * (2.0 + float(next(noise)))

    with pytest.raises(GradcheckError, match="Backward is not reentrant"):
        gradcheck(Noisy.apply, leaf(1.0))
    assert gradcheck(Noisy.apply, leaf(1.0), nondet_tol=1e-3)


# ------------------------------------------------------------------ complex


@pytest.mark.parametrize("fast_mode", [False, True])
def test_complex(fast_mode):
    z, x = leaf(1 + 2j, 0.5 - 1j, dtype=xg.complex128), leaf(0.7, -0.2)
    for f in (
        lambda z, x: z * z * x,
        lambda z, x: z.exp(),
        lambda z, x: x * (1.0 + 2.0j),
        lambda z, x: z.conj() * z * x,
    ):
        assert gradcheck(f, (z, x), fast_mode=fast_mode)
        assert gradgradcheck(f, (z, x), fast_mode=fast_mode)


@pytest.mark.parametrize("fast_mode", [False, True])
def test_a_forgotten_conjugate_is_caught(fast_mode):
    class Holomorphic(Function):
        @staticmethod
        def forward(ctx, z):
            ctx.save_for_backward(z)
            return z * z

        @staticmethod
        def backward(ctx, g):
            return g * 2.0 * ctx.saved_tensors[0]

    z = leaf(1 + 2j, 2 + 0j, dtype=xg.complex128)
    with pytest.raises(GradcheckError, match="While considering the imaginary part of complex out"):
        gradcheck(Holomorphic.apply, z, fast_mode=fast_mode)
    assert gradcheck(wrong_by(1.0), z)


# ------------------------------------------------------------------ arguments


def test_what_is_not_there_yet_says_so():
    x = leaf(1.0)
    for name in ("check_batched_grad", "check_batched_forward_grad", "check_forward_ad", "masked"):
        with pytest.raises(NotImplementedError, match=name):
            gradcheck(lambda x: x, x, **{name: True})
    with pytest.raises(NotImplementedError, match="check_fwd_over_rev"):
        gradgradcheck(lambda x: x, x, check_fwd_over_rev=True)


def test_check_grad_dtypes():
    x = leaf(1.0, dtype=xg.float32)
    with pytest.warns(UserWarning, match="Input #0 requires gradient and is not a double prec"):
        assert gradcheck(lambda x: x.double() * 2.0, x, eps=1e-3, check_grad_dtypes=True)


@pytest.mark.oracle
@pytest.mark.parametrize("kind", ["real", "complex", "real to complex", "zero", "single"])
def test_messages_are_those_of_torch(kind):
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")

    def program(t):
        class Wrong(t.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                ctx.save_for_backward(x)
                return x * (1 + 1j) if kind == "real to complex" else x * x

            @staticmethod
            def backward(ctx, g):
                if kind == "real to complex":
                    return g.real * 3.0
                return g * 3.0 * ctx.saved_tensors[0].conj()

        values, dtype = [1.0, 2.0], t.float64
        if kind == "complex":
            values, dtype = [1 + 2j, 2 + 0j], t.complex128
        x = t.tensor(values, dtype=dtype, requires_grad=True)
        try:
            if kind == "zero":
                t.autograd.gradcheck(lambda x: (x * 2.0).detach(), x)
            elif kind == "single":
                t.autograd.gradcheck(lambda x: x * x, (x.detach(), 3))
            else:
                t.autograd.gradcheck(Wrong.apply, x)
        except (RuntimeError, ValueError) as e:
            return type(e).__name__, str(e).replace("torch.", "xpgrad.")

    assert program(xg) == program(torch) is not None
