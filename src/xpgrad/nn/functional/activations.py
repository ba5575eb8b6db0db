"""Activations, element by element."""

from __future__ import annotations

from collections.abc import Callable

from xpgrad import dtypes
from xpgrad.door.activations import hardshrink, prelu
from xpgrad.door.arguments import UnsupportedDType, as_kind, only_tensor
from xpgrad.door.limits import finfo, iinfo
from xpgrad.errors import DTypeError, ShapeError
from xpgrad.nn.functional.arguments import activate, drawn, floating, real
from xpgrad.op import named
from xpgrad.ops import activations as pieces
from xpgrad.ops import elementwise
from xpgrad.ops import nn as ops
from xpgrad.tensor import Tensor, wrap

__all__ = [
    "celu", "celu_", "elu", "elu_", "gelu", "hardshrink", "hardsigmoid", "hardswish", "hardtanh",
    "hardtanh_", "leaky_relu", "leaky_relu_", "logsigmoid", "mish", "prelu", "relu", "relu6",
    "relu_", "rrelu", "rrelu_", "selu", "selu_", "sigmoid", "silu", "softplus", "softshrink",
    "softsign", "tanh", "tanhshrink", "threshold", "threshold_",
]  # fmt: skip

# ------------------------------------------------------------------ smooth, but for one kink


def sigmoid(input: Tensor) -> Tensor:
    """``1 / (1 + exp(-input))``; integers become the default dtype.

    >>> import xpgrad as xg
    >>> xg.nn.functional.sigmoid(xg.tensor([0.0, 2.0]))
    tensor([0.5000, 0.8808])
    """
    return elementwise.sigmoid(input)


def tanh(input: Tensor) -> Tensor:
    """The hyperbolic tangent; integers become the default dtype.

    >>> import xpgrad as xg
    >>> xg.nn.functional.tanh(xg.tensor([0.0, 1.0]))
    tensor([0.0000, 0.7616])
    """
    return elementwise.tanh(input)


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """`input` where it is positive, 0 elsewhere; the gradient at 0 is 0.

    Raises:
        DTypeError: for booleans and complex numbers.

    >>> import xpgrad as xg
    >>> xg.nn.functional.relu(xg.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    >>> x = xg.tensor([-1.0, 0.0, 2.0], requires_grad=True)
    >>> xg.autograd.grad(xg.nn.functional.relu(x).sum(), x)
    (tensor([0., 0., 1.]),)
    """
    x = _clampable(input, "relu")
    return ops.relu(x) if not inplace else activate(ops.relu, x, inplace)


def _clampable(x: Tensor, what: str) -> Tensor:
    kind = only_tensor(x, what).dtype
    if kind is dtypes.bool_:
        raise DTypeError(f"Boolean inputs not supported for {what}")
    if kind.category == dtypes.COMPLEX:
        raise UnsupportedDType("clamp is not supported for complex types")
    return x


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """`input` where it is positive, ``negative_slope * input`` elsewhere (at 0 too).

    Its derivative at 0 is `negative_slope`.

    >>> import xpgrad as xg
    >>> xg.nn.functional.leaky_relu(xg.tensor([-1.0, 2.0]))
    tensor([-0.0100,  2.0000])
    >>> x = xg.tensor([-1.0, 0.0], requires_grad=True)
    >>> xg.autograd.grad(xg.nn.functional.leaky_relu(x, 0.1).sum(), x)
    (tensor([0.1000, 0.1000]),)
    """
    x = real(input, "leaky_relu")
    return activate(ops.leaky_relu, x, inplace, negative_slope=negative_slope)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """`input` where it is positive, ``alpha * (exp(input) - 1)`` elsewhere.

    Its derivative at 0 is `alpha`.

    >>> import xpgrad as xg
    >>> xg.nn.functional.elu(xg.tensor([-1.0, 2.0]))
    tensor([-0.6321,  2.0000])
    >>> x = xg.tensor([0.0, 2.0], requires_grad=True)
    >>> xg.autograd.grad(xg.nn.functional.elu(x, 0.5).sum(), x)
    (tensor([0.5000, 1.0000]),)
    """
    x = real(input, "elu")
    return activate(ops.elu, x, inplace, alpha=alpha)


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """`input` where it is positive, ``alpha * (exp(input / alpha) - 1)`` elsewhere.

    Unlike that of `elu` its derivative at 0 is 1 for every `alpha`.

    Raises:
        RuntimeError: for an `alpha` of 0.

    >>> import xpgrad as xg
    >>> xg.nn.functional.celu(xg.tensor([-1.0, 2.0]), 0.5)
    tensor([-0.4323,  2.0000])
    """
    if alpha == 0:
        raise ShapeError("ZeroDivisionError: alpha cannot be 0 for CELU")
    x = real(input, "celu")
    return activate(_celu, x, inplace, alpha=alpha, inner=1 / alpha)


_celu: Callable[..., Tensor] = named(ops.elu, "CeluBackward0")

SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """The scaled `elu` whose constants keep mean 0 and variance 1 from layer to layer.

    Its derivative at 0 is that from below.

    >>> import xpgrad as xg
    >>> xg.nn.functional.selu(xg.tensor([-1.0, 2.0]))
    tensor([-1.1113,  2.1014])
    >>> x = xg.tensor([0.0, 2.0], requires_grad=True)
    >>> xg.autograd.grad(xg.nn.functional.selu(x).sum(), x)
    (tensor([1.7581, 1.0507]),)
    """
    x = real(input, "selu")
    return activate(ops.elu, x, inplace, alpha=SELU_ALPHA, scale=SELU_SCALE)


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """`input` times the normal distribution function of it, or an approximation by ``"tanh"``.

    Raises:
        RuntimeError: for another `approximate`.

    >>> import xpgrad as xg
    >>> xg.nn.functional.gelu(xg.tensor([-1.0, 2.0]))
    tensor([-0.1587,  1.9545])
    """
    x = real(input, "gelu")
    if approximate not in ("none", "tanh"):
        raise ShapeError("approximate argument must be either none or tanh.")
    return ops.gelu(x, approximate=approximate)


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """``input * sigmoid(input)``.

    >>> import xpgrad as xg
    >>> xg.nn.functional.silu(xg.tensor([-1.0, 2.0]))
    tensor([-0.2689,  1.7616])
    """
    x = floating(input, "silu")
    return activate(ops.silu, x, inplace)


def softplus(input: Tensor, beta: float = 1, threshold: float = 20) -> Tensor:
    """``log(1 + exp(beta * input)) / beta``; `input` itself where it is above the threshold.

    >>> import xpgrad as xg
    >>> xg.nn.functional.softplus(xg.tensor([-1.0, 30.0]))
    tensor([ 0.3133, 30.0000])
    >>> x = xg.tensor([1.0, 2.0], requires_grad=True)
    >>> xg.autograd.grad(xg.nn.functional.softplus(x, threshold=1).sum(), x)
    (tensor([0.7311, 1.0000]),)
    """
    return ops.softplus(real(input, "softplus"), beta=beta, threshold=threshold)


def logsigmoid(input: Tensor) -> Tensor:
    """``log(sigmoid(input))``, finite for large negative numbers.

    >>> import xpgrad as xg
    >>> xg.nn.functional.logsigmoid(xg.tensor([-100.0, 2.0]))
    tensor([-100.0000,   -0.1269])
    """
    return ops.log_sigmoid(real(input, "log_sigmoid"))


# ------------------------------------------------------------------ bent and limited


def hardtanh(
    input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False
) -> Tensor:
    """`input` between two bounds; its derivative is 0 at them and beyond.

    Raises:
        ValueError: for a lower bound above the upper one.
        RuntimeError: for booleans, and unsigned numbers with negative bounds.

    >>> import xpgrad as xg
    >>> xg.nn.functional.hardtanh(xg.tensor([-3.0, 0.5, 3.0]))
    tensor([-1.0000,  0.5000,  1.0000])
    >>> x = xg.tensor([-1.0, 0.5], requires_grad=True)
    >>> xg.autograd.grad(xg.nn.functional.hardtanh(x).sum(), x)
    (tensor([0., 1.]),)
    """
    if min_val > max_val:
        raise ValueError("min_val cannot be greater than max_val")
    x = _clampable(input, "hardtanh")
    low, high = as_kind(min_val, x.dtype), as_kind(max_val, x.dtype)
    unsigned = x.dtype.category == dtypes.INTEGER and iinfo(x.dtype).min == 0
    if unsigned and (low < 0 or high < 0):
        raise DTypeError("cannot do hardtanh on an unsigned type with negative limits")
    return activate(pieces.hardtanh, x, inplace, low=low, high=high)


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """`input` between 0 and 6; its derivative is 0 at both and beyond.

    >>> import xpgrad as xg
    >>> xg.nn.functional.relu6(xg.tensor([-3.0, 0.5, 7.0]))
    tensor([0.0000, 0.5000, 6.0000])
    >>> x = xg.tensor([0.0, 0.5, 6.0], requires_grad=True)
    >>> xg.autograd.grad(xg.nn.functional.relu6(x).sum(), x)
    (tensor([0., 1., 0.]),)
    """
    return hardtanh(only_tensor(input, "relu6"), 0, 6, inplace)


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """``relu6(input + 3) / 6``: a line that rises from 0 at -3 to 1 at 3.

    >>> import xpgrad as xg
    >>> xg.nn.functional.hardsigmoid(xg.tensor([-4.0, 0.0, 3.0]))
    tensor([0.0000, 0.5000, 1.0000])
    >>> x = xg.tensor([-3.0, 0.0, 3.0], requires_grad=True)
    >>> xg.autograd.grad(xg.nn.functional.hardsigmoid(x).sum(), x)
    (tensor([0.0000, 0.1667, 0.0000]),)
    """
    return activate(pieces.hardsigmoid, real(input, "hardsigmoid"), inplace)


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """``input * hardsigmoid(input)``.

    Its derivative at -3 is that from below, 0; at 3 that from above, 1.

    >>> import xpgrad as xg
    >>> xg.nn.functional.hardswish(xg.tensor([-4.0, 1.0, 3.0]))
    tensor([-0.0000, 0.6667, 3.0000])
    >>> x = xg.tensor([-3.0, 0.0, 3.0], requires_grad=True)
    >>> xg.autograd.grad(xg.nn.functional.hardswish(x).sum(), x)
    (tensor([0.0000, 0.5000, 1.0000]),)
    """
    return activate(pieces.hardswish, real(input, "hardswish"), inplace)


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """`input` where it is above the threshold, `value` elsewhere (at the threshold too).

    >>> import xpgrad as xg
    >>> xg.nn.functional.threshold(xg.tensor([0.5, 1.0, 2.0]), 1.0, -5.0)
    tensor([-5., -5.,  2.])
    >>> x = xg.tensor([1.0, 2.0], requires_grad=True)
    >>> xg.autograd.grad(xg.nn.functional.threshold(x, 1.0, -5.0).sum(), x)
    (tensor([0., 1.]),)
    """
    x = only_tensor(input, "threshold")
    if x.dtype.category not in (dtypes.INTEGER, dtypes.FLOATING):
        raise UnsupportedDType(f"\"threshold\" not implemented for '{x.dtype.torch_name}'")
    bound, other = as_kind(threshold, x.dtype), as_kind(value, x.dtype)
    return activate(pieces.threshold, x, inplace, threshold=bound, value=other)


def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """`input` moved towards 0 by `lambd`, at most up to 0; where it is 0, so is its derivative.

    Raises:
        RuntimeError: for a negative `lambd`.

    >>> import xpgrad as xg
    >>> xg.nn.functional.softshrink(xg.tensor([-1.0, 0.2, 0.75]))
    tensor([-0.5000,  0.0000,  0.2500])
    >>> x = xg.tensor([0.5, 0.7], requires_grad=True)
    >>> xg.autograd.grad(xg.nn.functional.softshrink(x).sum(), x)
    (tensor([0., 1.]),)
    """
    x = real(input, "softshrink")
    if not lambd >= 0:
        raise ShapeError(
            f"lambda must be in range [0, {finfo(x.dtype).max:g}] for input dtype "
            f"{x.dtype.torch_name}, but found {lambd:g}"
        )
    return pieces.softshrink(x, width=lambd)


def tanhshrink(input: Tensor) -> Tensor:
    """``input - tanh(input)``.

    >>> import xpgrad as xg
    >>> xg.nn.functional.tanhshrink(xg.tensor([0.0, 2.0]))
    tensor([0.0000, 1.0360])
    """
    x = only_tensor(input, "tanhshrink")
    if x.dtype is dtypes.bool_:
        raise DTypeError("Subtraction, the `-` operator, with a bool tensor is not supported.")
    return x - elementwise.tanh(x)


def softsign(input: Tensor) -> Tensor:
    """``input / (1 + abs(input))``.

    >>> import xpgrad as xg
    >>> xg.nn.functional.softsign(xg.tensor([-1.0, 3.0]))
    tensor([-0.5000,  0.7500])
    """
    x = only_tensor(input, "softsign")
    if x.dtype is dtypes.bool_:
        raise UnsupportedDType("\"abs\" not implemented for 'Bool'")
    return x / (elementwise.abs(x) + 1)


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """``input * tanh(softplus(input))``.

    >>> import xpgrad as xg
    >>> xg.nn.functional.mish(xg.tensor([-1.0, 2.0]))
    tensor([-0.3034,  1.9440])
    """
    return activate(pieces.mish, real(input, "mish"), inplace)


# ------------------------------------------------------------------ with slopes of their own


def rrelu(
    input: Tensor,
    lower: float = 1.0 / 8,
    upper: float = 1.0 / 3,
    training: bool = False,
    inplace: bool = False,
) -> Tensor:
    """`leaky_relu` whose slope is drawn for each element in training, else the middle of the range.

    Raises:
        RuntimeError: for a lower bound above the upper one.

    >>> import xpgrad as xg
    >>> xg.nn.functional.rrelu(xg.tensor([-1.0, 2.0]), 0.25, 0.75)
    tensor([-0.5000,  2.0000])
    """
    x = real(input, "rrelu")
    if lower > upper:
        raise ShapeError("Lower bound should be less than or equal to the upper bound")
    if not training:
        middle = (lower + upper) / 2
        return activate(_rrelu, x, inplace, negative_slope=middle)
    x, uniform = drawn(x, tuple(x.shape))
    ns = x._ns
    with ns.current():
        slopes = ns.where(x._data <= 0, uniform * (upper - lower) + lower, 1.0)
        slopes = wrap(ns.wrap(slopes), ns)
    out: Tensor = _rrelu_drawn(x, slopes)
    return x.copy_(out) if inplace else out


_rrelu: Callable[..., Tensor] = named(ops.leaky_relu, "RreluWithNoiseBackward0")
_rrelu_drawn: Callable[..., Tensor] = named(
    elementwise.multiply, "RreluWithNoiseBackward0", tied="x"
)

# ------------------------------------------------------------------ written over their input


def relu_(input: Tensor) -> Tensor:
    """`relu`, in place.

    >>> import xpgrad as xg
    >>> x = xg.tensor([-1.0, 2.0])
    >>> xg.nn.functional.relu_(x) is x
    True
    >>> x
    tensor([0., 2.])
    """
    return relu(input, True)


def leaky_relu_(input: Tensor, negative_slope: float = 0.01) -> Tensor:
    """`leaky_relu`, in place.

    >>> import xpgrad as xg
    >>> x = xg.tensor([-1.0, 2.0])
    >>> xg.nn.functional.leaky_relu_(x, 0.5) is x
    True
    >>> x
    tensor([-0.5000,  2.0000])
    """
    return leaky_relu(input, negative_slope, True)


def elu_(input: Tensor, alpha: float = 1.0) -> Tensor:
    """`elu`, in place.

    >>> import xpgrad as xg
    >>> x = xg.tensor([-1.0, 2.0])
    >>> xg.nn.functional.elu_(x) is x
    True
    >>> x
    tensor([-0.6321,  2.0000])
    """
    return elu(input, alpha, True)


def celu_(input: Tensor, alpha: float = 1.0) -> Tensor:
    """`celu`, in place.

    >>> import xpgrad as xg
    >>> x = xg.tensor([-1.0, 2.0])
    >>> xg.nn.functional.celu_(x, 0.5) is x
    True
    >>> x
    tensor([-0.4323,  2.0000])
    """
    return celu(input, alpha, True)


def selu_(input: Tensor) -> Tensor:
    """`selu`, in place.

    >>> import xpgrad as xg
    >>> x = xg.tensor([-1.0, 2.0])
    >>> xg.nn.functional.selu_(x) is x
    True
    >>> x
    tensor([-1.1113,  2.1014])
    """
    return selu(input, True)


def hardtanh_(input: Tensor, min_val: float = -1.0, max_val: float = 1.0) -> Tensor:
    """`hardtanh`, in place.

    >>> import xpgrad as xg
    >>> x = xg.tensor([-3.0, 0.5])
    >>> xg.nn.functional.hardtanh_(x) is x
    True
    >>> x
    tensor([-1.0000,  0.5000])
    """
    return hardtanh(input, min_val, max_val, True)


def threshold_(input: Tensor, threshold: float, value: float) -> Tensor:
    """The function `threshold`, in place.

    >>> import xpgrad as xg
    >>> x = xg.tensor([0.5, 2.0])
    >>> xg.nn.functional.threshold_(x, 1.0, -5.0) is x
    True
    >>> x
    tensor([-5.,  2.])
    """
    return _threshold(input, threshold, value, True)


_threshold = threshold


def rrelu_(
    input: Tensor, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False
) -> Tensor:
    """`rrelu`, in place.

    >>> import xpgrad as xg
    >>> x = xg.tensor([-1.0, 2.0])
    >>> xg.nn.functional.rrelu_(x, 0.5, 0.5) is x
    True
    >>> x
    tensor([-0.5000,  2.0000])
    """
    return rrelu(input, lower, upper, training, True)
