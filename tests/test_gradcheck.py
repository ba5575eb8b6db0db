"""autograd.gradcheck and gradgradcheck: they pass what is right and catch what is wrong."""

import importlib
import warnings

import numpy as np
import pytest

import xpgrad as xg
from namespaces import give_all, has_dtype, tensor
from op_table import ROWS, functions
from test_ops import cases, wants_gradient, wide
from xpgrad.autograd import Function, gradcheck, gradgradcheck
from xpgrad.autograd.differences import GradcheckError
from xpgrad.func import batched, dual
from xpgrad.registry import resolve

EVERYTHING = {
    "check_forward_ad": True,
    "check_batched_grad": True,
    "check_batched_forward_grad": True,
    "check_grad_dtypes": True,
}
FORWARD = {"check_forward_ad": True, "check_backward_ad": False}


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
        assert gradcheck(f, (x, y), fast_mode=fast_mode, **EVERYTHING)
        assert gradgradcheck(
            f, (x, y), fast_mode=fast_mode, check_fwd_over_rev=True, check_batched_grad=True
        )
        assert gradgradcheck(f, (x, y), gen_non_contig_grad_outputs=True)


def test_on_every_namespace(ns):
    x = tensor(ns, np.array([0.3, -1.2, 2.0]), requires_grad=True)
    if has_dtype(ns, "float64"):
        assert gradcheck(lambda x: x * x * x, x, **EVERYTHING)
        assert gradgradcheck(lambda x: x * x * x, x, check_fwd_over_rev=True)
    else:
        with pytest.warns(UserWarning, match="not a double precision"):
            assert gradcheck(lambda x: x * x * x, x, eps=1e-2, atol=1e-2, rtol=1e-2)


def test_shapes():
    for shape in ((), (1,), (0,), (2, 0), (2, 3)):
        x = xg.tensor(np.ones(shape), requires_grad=True)
        for fast_mode in (False, True):
            assert gradcheck(lambda x: x * x, x, fast_mode=fast_mode, **EVERYTHING)
            assert gradgradcheck(lambda x: x * x, x, fast_mode=fast_mode, check_fwd_over_rev=True)


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
    x = leaf(1.0, 2.0)
    assert gradcheck(lambda y: y * y, (x * 2.0,), **EVERYTHING)
    assert gradcheck(lambda y: y, x)


def test_what_has_no_derivative_comes_first():
    x = leaf(1.0, 2.0)
    for first in (xg.tensor([1, 2]), xg.ones(2, dtype=xg.float64)):
        for fast_mode in (False, True):
            assert gradcheck(lambda x, c=first: (c, x * x), x, fast_mode=fast_mode, **EVERYTHING)
            with pytest.raises(GradcheckError, match="mismatch for output 0 with respect to inp"):
                gradcheck(lambda x, c=first: (c, x * x.detach()), x, fast_mode=fast_mode)


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
    # Inputs that require a gradient are counted, as PyTorch does.
    with pytest.raises(GradcheckError, match="for output 0 with respect to input 1"):
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


def test_check_grad_dtypes(monkeypatch):
    x = leaf(1.0, dtype=xg.float32)
    with pytest.warns(UserWarning, match="Input #0 requires gradient and is not a double prec"):
        assert gradcheck(lambda x: x.double() * 2.0, x, eps=1e-3, check_grad_dtypes=True)

    # The engine never gives such gradients; a hole in it would be seen here.
    module = importlib.import_module("xpgrad.autograd.differences")
    for change, options, message in (
        (lambda g: g.float(), {"check_grad_dtypes": True}, "Gradient has dtype mismatch"),
        (lambda g: g.float(), {}, "grad is incorrect type"),
        (lambda g: g.reshape(1, 2), {}, "Analytical gradient has incorrect size"),
    ):
        monkeypatch.setattr(
            module,
            "grad",
            lambda *args, c=change, **kw: tuple(map(c, xg.autograd.grad(*args, **kw))),
        )
        with pytest.raises(GradcheckError, match=message):
            gradcheck(lambda x: x * 2.0, leaf(1.0, 2.0), **options)


def test_masked_gradients_of_zero_are_about_zero():
    class Nearly(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2.0

        @staticmethod
        def backward(ctx, g):
            return g * 2.0 + 1e-10

    x = leaf(1.0, 2.0)
    with pytest.raises(GradcheckError, match="backward not multiplied by grad_output"):
        gradcheck(Nearly.apply, x)
    assert gradcheck(Nearly.apply, x, masked=True, check_undefined_grad=False)


# ------------------------------------------------------------------ undefined gradients


def test_no_gradient_at_all():
    """A `Function` that asked for None instead of zeros gets nothing but None, too."""

    def one(backward):
        class Doubled(Function):
            @staticmethod
            def forward(ctx, x):
                ctx.set_materialize_grads(False)
                return x * 2.0

        Doubled.backward = staticmethod(backward)
        return Doubled.apply

    def picky(ctx, g):
        if g is None:
            raise RuntimeError("no gradient")
        return g * 2.0

    x = leaf(1.0, 2.0)
    for backward, message in (
        (picky, "Expected backward function to handle undefined output grads"),
        (lambda ctx, g: xg.ones(2, dtype=xg.float64) if g is None else g * 2.0,
         "Expected all input grads to be undefined or zero when all output grads are undefined"),
    ):  # fmt: skip
        with pytest.raises(GradcheckError, match=message):
            gradcheck(one(backward), x)
        assert gradcheck(one(backward), x, check_undefined_grad=False)
    with pytest.raises(TypeError):
        gradcheck(one(lambda ctx, g: g * 2.0), x)
    assert gradcheck(one(lambda ctx, g: None if g is None else g * 2.0), x)


def test_a_missing_tangent_is_zero(monkeypatch):
    def careless(op, primals, tangents, out, settings):
        (x, y), (s, t) = primals, tangents
        return (0 if s is None else s * y) + (x if t is None else x * t)

    monkeypatch.setitem(dual.TANGENTS, "multiply", careless)
    x, y = leaf(1.0, 2.0), leaf(3.0, 4.0)
    with pytest.raises(GradcheckError, match="Mismatch in tangent values for output with index: 0"):
        gradcheck(lambda x, y: x * y, (x, y), **FORWARD)
    assert gradcheck(lambda x, y: x * y, (x, y), check_undefined_grad=False, **FORWARD)


# ------------------------------------------------------------------ forward mode and batches


@pytest.mark.parametrize("fast_mode", [False, True])
@pytest.mark.parametrize("dtype", [xg.float64, xg.complex128])
def test_a_wrong_tangent_is_caught(monkeypatch, dtype, fast_mode):
    def wrong(op, primals, tangents, out, settings):
        return out * tangents[0] * 1.01

    x = leaf(1.0, 2.0, dtype=dtype)
    assert gradcheck(xg.exp, x, fast_mode=fast_mode, **FORWARD)
    monkeypatch.setitem(dual.TANGENTS, "exp", wrong)
    head = "While considering the imaginary part of complex inputs only, "
    head = head if dtype.is_complex else "^"
    with pytest.raises(
        GradcheckError,
        match=head + "Jacobian computed with forward mode mismatch for output 0 with respect to i",
    ):
        gradcheck(xg.exp, x, fast_mode=fast_mode, **FORWARD)
    assert gradcheck(xg.exp, x, fast_mode=fast_mode)
    with pytest.raises(GradcheckError, match="computed with forward mode"):
        gradgradcheck(xg.exp, x, fast_mode=fast_mode, check_fwd_over_rev=True)
    assert gradgradcheck(xg.exp, x, fast_mode=fast_mode)


def test_a_wrong_batch_is_caught(monkeypatch):
    x, y = leaf(1.0, 2.0), leaf(3.0, 4.0)
    assert gradcheck(lambda x, y: (x * 2.0, y.exp()), (x, y), **EVERYTHING)

    def wrong(call, **settings):
        return call.elementwise(**settings) * 1.01

    monkeypatch.setitem(batched.BATCHED, "multiply", wrong)
    with pytest.raises(
        GradcheckError, match=r"(?s)For output 1 and input 0:.*Got:.*Expected:"
    ) as e:
        gradcheck(lambda x, y: (x + y, x * y), (x, y), check_batched_grad=True)
    assert "check_batched_grad=False" in str(e.value)
    with pytest.raises(
        GradcheckError, match=r"(?s)For output 1 and input 1:.*Got:.*Expected:"
    ) as e:
        gradcheck(
            lambda x, y: (x + y, x + y * 3.0), (x, y), check_batched_forward_grad=True, **FORWARD
        )
    assert "check_batched_forward_grad=False" in str(e.value)
    assert gradcheck(lambda x, y: (x + y, x * y), (x, y), check_forward_ad=True)


def test_what_cannot_be_batched_is_caught(monkeypatch):
    class ByNumPy(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2.0

        @staticmethod
        def backward(ctx, g):
            return xg.tensor(g.numpy() * 2.0)

    x = leaf(1.0, 2.0)
    assert gradcheck(ByNumPy.apply, x)
    with pytest.raises(GradcheckError, match="While computing batched gradients, got: vmap: "):
        gradcheck(ByNumPy.apply, x, check_batched_grad=True)

    def refuse(call, **settings):
        raise RuntimeError("no batches of this")

    monkeypatch.setitem(batched.BATCHED, "multiply", refuse)
    with pytest.raises(GradcheckError, match="got: multiply: no batches of this"):
        gradcheck(lambda x: x * 2.0, x, check_batched_forward_grad=True, **FORWARD)


def test_a_complex_tangent_of_a_real_output_is_caught(monkeypatch):
    x = leaf(1.0, 2.0)
    pushed = dual.DualLevel.parts

    def parts(self, t):
        value, tangent = pushed(self, t)
        return value, None if tangent is None else tangent + 0j

    monkeypatch.setattr(dual.DualLevel, "parts", parts)
    with pytest.raises(GradcheckError, match="Forward AD gradient has dtype mismatch"):
        gradcheck(lambda x: x * x, x, check_grad_dtypes=True, **FORWARD)


def test_forward_mode_sees_only_what_is_passed_in():
    x = leaf(1.0, 2.0)
    assert gradcheck(lambda _: x * x, x)
    with pytest.raises(GradcheckError, match="computed with forward mode"):
        gradcheck(lambda _: x * x, x, check_forward_ad=True)
    with pytest.raises(GradcheckError, match="Does it use the inputs passed to it"):
        gradgradcheck(lambda _: x * x, x, check_fwd_over_rev=True)


def test_fast_and_wrong_only_there():
    """In a projection slopes may cancel where their errors add up."""
    c = xg.tensor([1.0, -1.0] * 25, dtype=xg.float64)

    class Alternating(Function):
        @staticmethod
        def forward(ctx, x):
            return x * c

        @staticmethod
        def backward(ctx, g):
            return g * (c + 5e-4)

    x = xg.ones(50, dtype=xg.float64, requires_grad=True)
    assert gradcheck(Alternating.apply, x, atol=1e-7)
    with pytest.raises(
        GradcheckError, match=r"(?s)in slow mode:.*Fast gradcheck failed but elemen"
    ):
        gradcheck(Alternating.apply, x, atol=1e-7, fast_mode=True)


# ------------------------------------------------------------------ all ops


OPS = functions()


def samples(row):
    """The samples of a row of which something has a derivative, as leaves and settings."""
    ns = resolve("cpu")
    for _, inputs, settings in cases(row, wide(row)):
        wanted = wants_gradient(row, inputs)
        if any(w and np.size(x) for w, x in zip(wanted, inputs, strict=True)):
            given = [
                tensor(ns, x, requires_grad=w) if isinstance(x, np.ndarray) else x
                for x, w in zip(inputs, wanted, strict=True)
            ]
            yield given, give_all(ns, settings)


def rows(keep):
    found = [row for row in ROWS if row.name in OPS and row.differentiable and keep(row)]
    return [pytest.param(row, id=row.name) for row in found]


@pytest.mark.parametrize("row", rows(lambda row: True))
def test_each_op(row):
    function = OPS[row.name]
    for given, settings in samples(row):
        assert gradcheck(lambda *xs, s=settings: function(*xs, **s), given, **EVERYTHING)


@pytest.mark.parametrize("row", rows(lambda row: row.second_order))
def test_second_order_of_each_op(row):
    """The largest sample, forward mode over reverse mode among others."""
    function = OPS[row.name]
    found = list(samples(row))
    if found:
        given, settings = max(found, key=lambda pair: sum(map(np.size, map(elements, pair[0]))))
        assert gradgradcheck(
            lambda *xs: function(*xs, **settings), given, fast_mode=True,
            check_fwd_over_rev=True, check_batched_grad=True,
        )  # fmt: skip


def elements(x):
    return x._data if isinstance(x, xg.Tensor) else x


# ------------------------------------------------------------------ PyTorch


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


def function(forward, backward, materialize=True):
    """What makes a `Function` of a library."""

    def make(t):
        class Made(t.autograd.Function):
            @staticmethod
            def forward(ctx, *xs):
                ctx.set_materialize_grads(materialize)
                ctx.save_for_backward(*xs)
                return forward(*xs)

            @staticmethod
            def backward(ctx, *grads):
                return backward(t, ctx.saved_tensors, *grads)

        return Made.apply

    return make


def plain(f):
    return lambda t: f


def squared(factor):
    return function(lambda x: x * x, lambda t, s, g: g * 2.0 * s[0].conj() * factor)


def or_ones(t, g, like):
    return t.ones_like(like) if g is None else g * 2.0


R, Z, PAIR = [1.0, 2.0], [1 + 2j, 3 - 1j], ([1.0, 2.0], [3.0, 4.0])
CASES = {
    "right": (plain(lambda x: x.sin() * x), R),
    "several": (plain(lambda x, y: (x * y, (x * x).sum(), y.exp())), PAIR),
    "a list": (plain(lambda x: [x * x]), [R]),
    "scalar": (plain(lambda x: x * x), 2.0),
    "empty": (plain(lambda x: x * x), []),
    "complex": (plain(lambda z: z * z), Z),
    "to complex": (plain(lambda x: x * (1 + 2j)), R),
    "complex and real": (plain(lambda z, x: (z * x, x * x)), (Z, R)),
    "unused input": (plain(lambda x, y: x * x), PAIR),
    "a number": (plain(lambda x, n: x * n), (R, 3)),
    "in place": (plain(lambda x: x.clone().mul_(x)), R),
    "integers too": (lambda t: lambda x: (x * 2.0, t.tensor([1, 2])), R),
    "constant": (lambda t: lambda x: t.ones(2, dtype=t.float64), R),
    "Function": (squared(1.0), R),
    "complex Function": (squared(1.0), Z),
    "wrong": (squared(1.1), R),
    "wrong scalar": (squared(1.1), 2.0),
    "wrong complex": (squared(1.1), Z),
    "wrong second output": (lambda t: lambda x: (x * x, squared(1.1)(t)(x)), R),
    "wrong second input": (lambda t: lambda x, n, y: x * n * squared(1.1)(t)(y), (R, 3, R)),
    "no conjugate": (function(lambda z: z * z, lambda t, s, g: g * 2.0 * s[0]), [1 + 2j, 2 + 0j]),
    "lost": (plain(lambda x: x * x.detach()), R),
    "detached": (plain(lambda x: x.detach() * 2.0), R),
    "kink": (plain(lambda x: x.abs()), [0.0, 1.0]),
    "captured": (None, R),
    "not multiplied": (function(lambda x: x * 2.0, lambda t, s, g: g * 2.0 + 1e-9), R),
    "two, one missing": (
        function(
            lambda x: (x * 2.0, x * 3.0),
            lambda t, s, g, h: or_ones(t, g, s[0]) + (0.0 if h is None else h * 3.0),
            materialize=False,
        ),
        R,
    ),
    "none at all": (
        function(lambda x: x * 2.0, lambda t, s, g: or_ones(t, g, s[0]), materialize=False), R,
    ),
    "None times two": (function(lambda x: x * 2.0, lambda t, s, g: g * 2.0, materialize=False), R),
    "another shape": (plain(lambda x: x * x if x[0] <= 1.0 else (x * x)[:1]), R),
    "another dtype": (plain(lambda x: x * x if x[0] <= 1.0 else (x * x).float()), R),
    "raises": (plain(lambda x: 1 / 0), R),
    "by value": (plain(lambda x: x * x if x.sum() > 0 else x), R),
    "expanded": (plain(lambda x: x * x), "expanded"),
    "single precision": (plain(lambda x: x * x), "single"),
    "no input": (plain(lambda x: x * x), "no input"),
}  # fmt: skip

OPTIONS = (
    {}, {"fast_mode": True}, {"check_forward_ad": True}, FORWARD, {**FORWARD, "fast_mode": True},
    {"check_batched_grad": True}, {**FORWARD, "check_batched_forward_grad": True},
    {"check_undefined_grad": False}, {"raise_exception": False}, {"masked": True},
    {"check_forward_ad": True, "check_grad_dtypes": True},
    {"check_batched_grad": True, **FORWARD}, {"check_batched_forward_grad": True},
    {"check_backward_ad": False},
)  # fmt: skip
SECOND_OPTIONS = (
    {}, {"fast_mode": True}, {"check_fwd_over_rev": True}, {"check_batched_grad": True},
    {"gen_non_contig_grad_outputs": True}, {"check_rev_over_rev": False},
    {"check_fwd_over_rev": True, "check_rev_over_rev": False},
    {"check_fwd_over_rev": True, "check_rev_over_rev": False, "check_undefined_grad": False},
    {"check_fwd_over_rev": True, "check_rev_over_rev": False, "check_undefined_grad": False,
     "check_batched_grad": True},
)  # fmt: skip

# Words that PyTorch says of its own source, and what it does by mistake.
WORDS = (' Please look at "Notes',)
# Forward mode: it crashes on no output at all; gradgradcheck calls the function without arguments
# if nothing has a derivative; with complex inputs, batches of forward mode fail on views.
THEIRS = {
    "constant": {"second order", "forward fast"}, "detached": {"second order", "forward fast"},
}  # fmt: skip


def leaves(t, values):
    if values == "expanded":
        return t.tensor([1.0], dtype=t.float64, requires_grad=True).expand(3)
    if values == "single":
        return t.tensor(R, requires_grad=True)
    if values == "no input":
        return t.tensor(R, dtype=t.float64)
    if isinstance(values, int):
        return values
    if isinstance(values, tuple) or (values and isinstance(values[0:1], list) and values[0] is R):
        return type(values)(leaves(t, v) for v in values)
    kind = t.complex128 if isinstance(values, list) and Z[0] in values else t.float64
    return t.tensor(values, dtype=kind, requires_grad=True)


# What is checked; on what. PyTorch and xpgrad agree whether it is right, and in the words.
CASES = {
    line.partition(":")[0].strip(): line.partition(":")[2].strip()
    for line in """
    right: lambda x: x.sin() * x; R(1, 2)
    several: lambda x, y: (x * y, (x * x).sum(), y.exp()); (R(1, 2), R(3, 4))
    a list: lambda x: [x * x]; [R(1, 2)]
    scalar: lambda x: x * x; R(2)[0]
    nothing: lambda x: x * x; R()
    complex: lambda z: z * z; C(1 + 2j, 3 - 1j)
    to complex: lambda x: x * (1 + 2j); R(1, 2)
    complex and real: lambda z, x: (z * x, x * x); (C(1 + 2j, 3 - 1j), R(1, 2))
    unused input: lambda x, y: x * x; (R(1, 2), R(3, 4))
    a number: lambda x, n: x * n; (R(1, 2), 3)
    in place: lambda x: x.clone().mul_(x); R(1, 2)
    the input: lambda x: x; R(1, 2)
    integers too: lambda x: (x * 2.0, t.tensor([1, 2])); R(1, 2)
    independent: lambda x: t.ones(2, dtype=t.float64); R(1, 2)
    Function: square(1); R(1, 2)
    complex Function: square(1); C(1 + 2j, 3 - 1j)
    wrong: square(1.1); R(1, 2)
    wrong scalar: square(1.1); R(2)[0]
    wrong complex: square(1.1); C(1 + 2j, 3 - 1j)
    wrong second output: lambda x: (x * x, square(1.1)(x)); R(1, 2)
    wrong second input: lambda x, n, y: x * n * square(1.1)(y); (R(1, 2), 3, R(1, 2))
    no conjugate: made(lambda z: z * z, lambda s, g: g * 2.0 * s); C(1 + 2j, 2)
    lost: lambda x: x * x.detach(); R(1, 2)
    detached: lambda x: x.detach() * 2.0; R(1, 2)
    kink: lambda x: x.abs(); R(0, 1)
    captured: [q := R(1, 2), lambda x: q * q][1]; q
    not multiplied: made(lambda x: x * 2.0, lambda s, g: g * 2.0 + 1e-9); R(1, 2)
    a part is missing: made(lambda x: (x * 2.0, x * 3.0), or_ones, False); R(1, 2)
    all is missing: made(lambda x: x * 2.0, ones, False); R(1, 2)
    None times two: made(lambda x: x * 2.0, lambda s, g: g * 2.0, False); R(1, 2)
    zeros instead: made(lambda x: (x * 2.0, x * 3.0), lambda s, g, h: g * 2.0 + h * 3.0); R(1, 2)
    another shape: lambda x: x * x if x[0] <= 1.0 else (x * x)[:1]; R(1, 2)
    another dtype: lambda x: x * x if x[0] <= 1.0 else (x * x).float(); R(1, 2)
    raises: lambda x: 1 / 0; R(1, 2)
    by value: lambda x: x * x if x.sum() > 0 else x; R(1, 2)
    expanded: lambda x: x * x; R(1).expand(3)
    single precision: lambda x: x * x; t.tensor([1.0, 2.0], requires_grad=True)
    no input: lambda x: x * x; R(1, 2).detach()
""".strip().splitlines()
}  # fmt: skip

OPTIONS = (
    {}, {"fast_mode": True}, {"check_forward_ad": True}, FORWARD, {**FORWARD, "fast_mode": True},
    {"check_batched_grad": True}, {**FORWARD, "check_batched_forward_grad": True},
    {"check_undefined_grad": False}, {"raise_exception": False}, {"masked": True},
    {"check_forward_ad": True, "check_grad_dtypes": True},
    {"check_batched_grad": True, **FORWARD}, {"check_batched_forward_grad": True},
    {"check_backward_ad": False},
)  # fmt: skip
SECOND = {"check_fwd_over_rev": True, "check_rev_over_rev": False}
SECOND_OPTIONS = (
    {}, {"fast_mode": True}, {"check_fwd_over_rev": True}, {"check_batched_grad": True},
    {"gen_non_contig_grad_outputs": True}, {"check_rev_over_rev": False}, SECOND,
    {**SECOND, "check_undefined_grad": False},
    {**SECOND, "check_undefined_grad": False, "check_batched_grad": True},
)  # fmt: skip


def names(t):
    """What a case can use."""

    def made(forward, backward, materialize=True):
        class Made(t.autograd.Function):
            pass

        def save(ctx, x):
            ctx.set_materialize_grads(materialize)
            ctx.save_for_backward(x)
            return forward(x)

        Made.forward = staticmethod(save)
        Made.backward = staticmethod(lambda ctx, *grads: backward(ctx.saved_tensors[0], *grads))
        return Made.apply

    def ones(x, g):
        return t.ones_like(x) if g is None else g * 2.0

    return {
        "t": t,
        "R": lambda *values: t.tensor(values, dtype=t.float64).requires_grad_(),
        "C": lambda *values: t.tensor(values, dtype=t.complex128).requires_grad_(),
        "made": made,
        "square": lambda k: made(lambda x: x * x, lambda x, g: g * 2.0 * x.conj() * k),
        "ones": ones,
        "or_ones": lambda x, g, h: ones(x, g) + (0.0 if h is None else h * 3.0),
    }


def outcome(t, check, case, options, scope=None):
    """True, false, or the error: the names of its bases, and its first line."""
    scope = scope or names(t)
    function, _, inputs = case.rpartition("; ")
    function = eval(function, scope)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of single precision; of PyTorch's old behaviour
        try:
            return getattr(t.autograd, check)(function, eval(inputs, scope), **options)
        except Exception as error:
            line = str(error).split("\n")[0].partition(" Please look at")[0]
            return [k.__name__ for k in type(error).__mro__], line.replace("torch.", "xpgrad.")


def comparable(check, case, options):
    """Whether both do the same, if not by mistake."""
    forward = "check_forward_ad" in options or "check_fwd_over_rev" in options
    if "made" in CASES[case] or "square" in CASES[case]:
        return not forward  # they have no jvp; those that do have a test of their own
    if case in ("independent", "detached"):
        # PyTorch fails on an index; it calls the function without inputs.
        return check == "gradcheck" and not (forward and "fast_mode" in options)
    if check == "gradgradcheck" and case.startswith("another"):
        return False  # what is noticed depends on random numbers
    return not (case == "captured" and check == "gradgradcheck" and forward)  # tested above


@pytest.mark.oracle
@pytest.mark.parametrize("case", CASES)
def test_like_torch(case):
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
    torch.manual_seed(0)
    for check, table in (("gradcheck", OPTIONS), ("gradgradcheck", SECOND_OPTIONS)):
        for options in table:
            if not comparable(check, case, options):
                continue
            expected = outcome(torch, check, CASES[case], options)
            found = outcome(xg, check, CASES[case], options)
            if isinstance(expected, bool) or isinstance(found, bool):
                assert found == expected, f"{check}({options})"
                continue
            assert expected[0][0] in found[0], f"{check}({options}): {found} for {expected}"
            assert expected[1] in found[1], f"{check}({options})"


def with_a_jvp(t, factor):
    """A cube whose tangent is off by a factor, for both libraries."""

    class Cube(t.autograd.Function):
        generate_vmap_rule = True

        @staticmethod
        def forward(x):
            return x * x * x

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(*inputs)
            ctx.save_for_forward(*inputs)

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * (3.0 * x * x).conj()

        @staticmethod
        def jvp(ctx, tangent):
            (x,) = ctx.saved_tensors
            return tangent * 3.0 * x * x * factor

    return Cube.apply


@pytest.mark.oracle
@pytest.mark.parametrize("values", [[1.0, 2.0], [1 + 2j, 3 - 1j]])
def test_functions_with_a_jvp_like_torch(values):
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
    case = f"cube; {'C' if isinstance(values[0], complex) else 'R'}(*{values})"
    for factor in (1.0, 1.1):
        found = []
        for t in (torch, xg):
            scope = names(t) | {"cube": with_a_jvp(t, factor)}
            found.append([outcome(t, "gradcheck", case, options, scope) for options in OPTIONS])
        for options, expected, actual in zip(OPTIONS, *found, strict=True):
            assert actual == expected or expected[0][0] in actual[0], options
            assert isinstance(expected, bool) or expected[1] in actual[1], options
        assert (found[1][OPTIONS.index(FORWARD)] is True) == (factor == 1.0)


def test_a_wrong_vmap_of_a_function_is_caught():
    def twice(factor):
        class Twice(Function):
            @staticmethod
            def forward(x):
                return x * 2.0

            @staticmethod
            def setup_context(ctx, inputs, output):
                pass

            @staticmethod
            def backward(ctx, g):
                return Twice.apply(g)

            @staticmethod
            def vmap(info, in_dims, x):
                return x * factor, in_dims[0]

        return Twice.apply

    x = leaf(1.0, 2.0)
    assert gradcheck(twice(2.0), x, check_batched_grad=True)
    assert gradcheck(twice(2.1), x)
    with pytest.raises(GradcheckError, match="For output 0 and input 0"):
        gradcheck(twice(2.1), x, check_batched_grad=True)
