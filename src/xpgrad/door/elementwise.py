"""Functions of each element, under PyTorch's names."""

from __future__ import annotations

import math
from typing import Any

from xpgrad import dtypes
from xpgrad.door.arguments import is_number, only_tensor
from xpgrad.door.attach import binary, called, method, unary
from xpgrad.errors import DTypeError, ShapeError
from xpgrad.ops import elementwise as ops
from xpgrad.ops import nn
from xpgrad.ops.device import astype
from xpgrad.promotion import result_type
from xpgrad.tensor import Tensor

__all__ = [
    "abs", "absolute", "acos", "acosh", "add", "addcdiv", "addcmul", "arccos", "arccosh", "arcsin",
    "arcsinh", "arctan", "arctan2", "arctanh", "asin", "asinh", "atan", "atan2", "atanh", "ceil",
    "clamp", "clamp_max", "clamp_min", "clip", "copysign", "cos", "cosh", "deg2rad", "div",
    "divide", "erf", "exp", "exp2", "expm1", "fix", "float_power", "floor", "floor_divide", "fmax",
    "fmin", "fmod", "frac", "heaviside", "hypot", "lerp", "log", "log10", "log1p", "log2",
    "logaddexp", "logaddexp2", "logit", "maximum", "minimum", "mul", "multiply", "nan_to_num",
    "neg", "negative", "nextafter", "positive", "pow", "rad2deg", "reciprocal", "relu", "remainder",
    "round", "rsqrt", "rsub", "sgn", "sigmoid", "sign", "sin", "sinc", "sinh", "sqrt", "square",
    "sub", "subtract", "tan", "tanh", "true_divide", "trunc", "xlogy",
]  # fmt: skip

# ------------------------------------------------------------------ arithmetic


@method()
def add(input: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    """``input + alpha * other``.

    >>> import xpgrad as xg
    >>> xg.add(xg.tensor([1.0, 2.0]), 10, alpha=2)
    tensor([21., 22.])
    """
    return ops.add(input, other if alpha == 1 else _scaled(other, alpha, input))


@method("sub", "subtract")
def sub(input: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    """``input - alpha * other``. Also called ``subtract``.

    >>> import xpgrad as xg
    >>> xg.sub(xg.tensor([1.0, 2.0]), xg.ones(2), alpha=2)
    tensor([-1.,  0.])
    """
    return ops.subtract(input, other if alpha == 1 else _scaled(other, alpha, input))


subtract = sub


def _scaled(x: Any, alpha: Any, beside: Any) -> Any:
    if isinstance(alpha, float) and not result_type(x, beside).is_differentiable:
        raise DTypeError(
            "For integral input tensors, argument alpha must not be a floating point number."
        )
    return ops.multiply(x, alpha) if isinstance(x, Tensor) else x * alpha


def rsub(input: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    """``other - alpha * input``."""
    return ops.rsub(input if alpha == 1 else _scaled(input, alpha, other), other)


mul = multiply = binary(
    ops.multiply, "mul multiply", "The product.", "[1., 2.]; [3., 4.] -> [3., 8.]"
)
true_divide = binary(ops.divide, "true_divide", "The quotient.", "[3, 4]; 2 -> [1.5000, 2.0000]")
floor_divide = binary(
    ops.floor_divide, "floor_divide", "The quotient, rounded down.", "[3., -3.]; 2 -> [ 1., -2.]"
)


@method("div", "divide")
def div(input: Any, other: Any, *, rounding_mode: str | None = None) -> Tensor:
    """The quotient; rounded down (``"floor"``) or towards zero (``"trunc"``). Also ``divide``.

    >>> import xpgrad as xg
    >>> xg.div(xg.tensor([3, -3]), 2), xg.div(xg.tensor([3, -3]), 2, rounding_mode="trunc")
    (tensor([ 1.5000, -1.5000]), tensor([ 1, -1]))
    """
    if rounding_mode is None:
        return ops.divide(input, other)
    if rounding_mode == "floor":
        return ops.floor_divide(input, other)
    if rounding_mode != "trunc":
        raise ShapeError(
            "div expected rounding_mode to be one of None, 'trunc', or 'floor' but found "
            f"'{rounding_mode}'"
        )
    if result_type(input, other).is_floating_point:
        return called(ops.trunc, "DivBackward2")(ops.divide(input, other))
    return ops.floor_divide(ops.subtract(input, ops.fmod(input, other)), other)


divide = div


@method()
def remainder(input: Any, other: Any) -> Tensor:
    """What is left after floor division: it has the sign of `other`, like Python's ``%``.

    >>> import xpgrad as xg
    >>> xg.remainder(xg.tensor([5.0, -5.0]), 3)
    tensor([2., 1.])
    """
    return (called(ops.remainder, "Remainder") if is_number(other) else ops.remainder)(input, other)


@method()
def fmod(input: Any, other: Any) -> Tensor:
    """What is left after division rounded towards zero: it has the sign of `input`.

    >>> import xpgrad as xg
    >>> xg.fmod(xg.tensor([5.0, -5.0]), 3)
    tensor([ 2., -2.])
    """
    return (called(ops.fmod, "Fmod") if is_number(other) else ops.fmod)(input, other)


neg = negative = unary(
    ops.negative, "neg negative", "The same with the sign changed.", "[1., -2.] -> [-1.,  2.]"
)
abs = absolute = unary(ops.abs, "abs absolute", "The absolute value.", "[1., -2.] -> [1., 2.]")
reciprocal = unary(ops.reciprocal, "reciprocal", "``1 / input``.", "[2., 4.] -> [0.5000, 0.2500]")


@method()
def positive(input: Tensor) -> Tensor:
    """`input` itself."""
    if only_tensor(input, "positive").dtype is dtypes.bool_:
        raise DTypeError("The `+` operator, on a bool tensor is not supported.")
    return input


@method()
def addcmul(input: Tensor, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Tensor:
    """``input + value * tensor1 * tensor2``.

    >>> import xpgrad as xg
    >>> xg.addcmul(xg.ones(2), xg.tensor([1.0, 2.0]), xg.tensor([3.0, 4.0]), value=0.5)
    tensor([2.5000, 5.0000])
    """
    product = ops.multiply(tensor1, tensor2)
    return called(ops.add, "Addcmul")(
        input, product if value == 1 else ops.multiply(product, value)
    )


@method()
def addcdiv(input: Tensor, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Tensor:
    """``input + value * tensor1 / tensor2``.

    >>> import xpgrad as xg
    >>> xg.addcdiv(xg.ones(2), xg.tensor([1.0, 2.0]), xg.tensor([2.0, 4.0]))
    tensor([1.5000, 1.5000])
    """
    quotient = ops.divide(tensor1, tensor2)
    return called(ops.add, "Addcdiv")(
        input, quotient if value == 1 else ops.multiply(quotient, value)
    )


@method()
def lerp(input: Tensor, end: Tensor, weight: Any) -> Tensor:
    """``input + weight * (end - input)``: `input` at weight 0, `end` at weight 1.

    >>> import xpgrad as xg
    >>> xg.lerp(xg.zeros(2), xg.tensor([1.0, 10.0]), 0.5)
    tensor([0.5000, 5.0000])
    """
    plus = called(ops.add, "LerpBackward1" if isinstance(weight, Tensor) else "LerpBackward0")
    return plus(input, ops.multiply(ops.subtract(end, input), weight))


# ------------------------------------------------------------------ powers, roots, exponentials


@method()
def pow(input: Any, exponent: Any) -> Tensor:
    """`input` to the power of `exponent`, either of them a number or a tensor.

    >>> import xpgrad as xg
    >>> xg.pow(xg.tensor([1.0, 2.0, 3.0]), 2), xg.pow(2, xg.tensor([1.0, 2.0]))
    (tensor([1., 4., 9.]), tensor([2., 4.]))
    """
    if is_number(exponent):
        return input**exponent
    return (ops.number_pow if is_number(input) else ops.pow)(input, exponent)


@method()
def float_power(input: Any, exponent: Any) -> Tensor:
    """The power, computed in double precision.

    >>> import xpgrad as xg
    >>> xg.float_power(xg.tensor([1, 2]), 2)
    tensor([1., 4.], dtype=xpgrad.float64)
    """
    wide = dtypes.complex128 if result_type(input, exponent).is_complex else dtypes.float64
    base, power = (astype(v, dtype=wide) if isinstance(v, Tensor) else v for v in (input, exponent))
    return pow(base, power)


square = unary(ops.square, "square", "Each element times itself.", "[2., -3.] -> [4., 9.]")
sqrt = unary(ops.sqrt, "sqrt", "The square root.", "[4., 9.] -> [2., 3.]")
rsqrt = unary(ops.rsqrt, "rsqrt", "``1 / sqrt(input)``.", "[4., 16.] -> [0.5000, 0.2500]")
hypot = binary(ops.hypot, "hypot", "``sqrt(input**2 + other**2)``.", "[3.]; [4.] -> [5.]")
exp = unary(ops.exp, "exp", "The exponential.", "[0., 1.] -> [1.0000, 2.7183]")
expm1 = unary(
    ops.expm1, "expm1", "``exp(input) - 1``, precise near 0.", "[0., 1.] -> [0.0000, 1.7183]"
)
log = unary(ops.log, "log", "The natural logarithm.", "[1., 10.] -> [0.0000, 2.3026]")
log2 = unary(ops.log2, "log2", "The logarithm to base 2.", "[1., 8.] -> [0., 3.]")
log10 = unary(ops.log10, "log10", "The logarithm to base 10.", "[1., 10.] -> [0., 1.]")
log1p = unary(
    ops.log1p, "log1p", "``log(1 + input)``, precise near 0.", "[0., 1.] -> [0.0000, 0.6931]"
)
logaddexp = binary(
    ops.logaddexp, "logaddexp", "``log(exp(input) + exp(other))``, without overflow.",
    "[0.]; [0.] -> [0.6931]",
)  # fmt: skip


@method()
def exp2(input: Tensor) -> Tensor:
    """Two to the power of each element.

    >>> import xpgrad as xg
    >>> xg.exp2(xg.tensor([0.0, 3.0]))
    tensor([1., 8.])
    """
    return called(ops.pow, "Exp2Backward0")(2.0, input)


@method()
def logaddexp2(input: Tensor, other: Tensor) -> Tensor:
    """``log2(2**input + 2**other)``, without overflow."""
    ln2 = math.log(2.0)
    return called(ops.divide, "Logaddexp2Backward0")(ops.logaddexp(input * ln2, other * ln2), ln2)


@method()
def xlogy(input: Any, other: Any) -> Tensor:
    """``input * log(other)``, and 0 where `input` is 0 (unless `other` is nan).

    >>> import xpgrad as xg
    >>> xg.xlogy(xg.tensor([0.0, 1.0]), xg.tensor([0.0, 1.0]))
    tensor([0., 0.])
    """
    endless = ops.logical_or(ops.less_equal(other, 0), ops.equal(other, math.inf))
    nothing = ops.logical_and(ops.equal(input, 0), endless)
    safe = ops.where(nothing, 1.0, other)
    return called(ops.where, "Xlogy")(nothing, 0.0, ops.multiply(input, ops.log(safe)))


# ------------------------------------------------------------------ trigonometric and hyperbolic

sin = unary(ops.sin, "sin", "The sine.", "[0., 1.] -> [0.0000, 0.8415]")
cos = unary(ops.cos, "cos", "The cosine.", "[0., 1.] -> [1.0000, 0.5403]")
tan = unary(ops.tan, "tan", "The tangent.", "[0., 1.] -> [0.0000, 1.5574]")
asin = arcsin = unary(ops.asin, "asin arcsin", "The inverse sine.", "[0., 1.] -> [0.0000, 1.5708]")
acos = arccos = unary(
    ops.acos, "acos arccos", "The inverse cosine.", "[0., 1.] -> [1.5708, 0.0000]"
)
atan = arctan = unary(
    ops.atan, "atan arctan", "The inverse tangent.", "[0., 1.] -> [0.0000, 0.7854]"
)
atan2 = arctan2 = binary(
    ops.atan2, "atan2 arctan2", "The angle of the point (other, input).", "[1.]; [-1.] -> [2.3562]"
)
sinh = unary(ops.sinh, "sinh", "The hyperbolic sine.", "[0., 1.] -> [0.0000, 1.1752]")
cosh = unary(ops.cosh, "cosh", "The hyperbolic cosine.", "[0., 1.] -> [1.0000, 1.5431]")
tanh = unary(ops.tanh, "tanh", "The hyperbolic tangent.", "[0., 1.] -> [0.0000, 0.7616]")
asinh = arcsinh = unary(
    ops.asinh, "asinh arcsinh", "The inverse hyperbolic sine.", "[0., 1.] -> [0.0000, 0.8814]"
)
acosh = arccosh = unary(
    ops.acosh, "acosh arccosh", "The inverse hyperbolic cosine.", "[1., 2.] -> [0.0000, 1.3170]"
)
atanh = arctanh = unary(
    ops.atanh, "atanh arctanh", "The inverse hyperbolic tangent.", "[0., .5] -> [0.0000, 0.5493]"
)


@method()
def deg2rad(input: Tensor) -> Tensor:
    """Angles in radians, from degrees."""
    return called(ops.multiply, "Deg2Rad")(input, math.pi / 180)


@method()
def rad2deg(input: Tensor) -> Tensor:
    """Angles in degrees, from radians."""
    return called(ops.multiply, "Rad2Deg")(input, 180 / math.pi)


@method()
def sinc(input: Tensor) -> Tensor:
    """``sin(pi x) / (pi x)``, and 1 at 0.

    >>> import xpgrad as xg
    >>> xg.sinc(xg.tensor([0.0, 0.5]))
    tensor([1.0000, 0.6366])
    """
    at_zero = ops.equal(input, 0)
    x = ops.where(at_zero, 1.0, input) * math.pi
    return called(ops.where, "Sinc")(at_zero, 1.0, ops.sin(x) / x)


# ------------------------------------------------------------------ activations, error function

relu = unary(
    nn.relu, "relu", "0 for negative elements, the others as they are.", "[-1., 2.] -> [0., 2.]"
)
sigmoid = unary(
    ops.sigmoid, "sigmoid", "``1 / (1 + exp(-input))``.", "[0., 1.] -> [0.5000, 0.7311]"
)
erf = unary(ops.erf, "erf", "The error function.", "[0., 1.] -> [0.0000, 0.8427]")


@method()
def logit(input: Tensor, eps: float | None = None) -> Tensor:
    """``log(x / (1 - x))``, with `input` first brought to [eps, 1 - eps] if `eps` is given.

    >>> import xpgrad as xg
    >>> xg.logit(xg.tensor([0.5, 0.9]))
    tensor([0.0000, 2.1972])
    """
    x = input if eps is None else ops.clip(input, min=eps, max=1 - eps)
    return called(ops.log, "Logit")(x / (1 - x))


# ------------------------------------------------------------------ signs, rounding, bounds

sign = unary(ops.sign, "sign", "-1, 0 or 1.", "[2., -3., 0.] -> [ 1., -1.,  0.]")
sgn = unary(
    ops.sgn, "sgn", "The sign; of a complex number, its direction.", "[2., -3.] -> [ 1., -1.]"
)
ceil = unary(ops.ceil, "ceil", "Rounded up.", "[1.2, -1.2] -> [ 2., -1.]")
floor = unary(ops.floor, "floor", "Rounded down.", "[1.2, -1.2] -> [ 1., -2.]")
trunc = fix = unary(ops.trunc, "trunc fix", "Rounded towards zero.", "[1.2, -1.2] -> [ 1., -1.]")
nextafter = binary(
    ops.nextafter,
    "nextafter",
    "The next number from `input` towards `other`.",
    "[0.]; [1.] -> [1.4013e-45]",
)


@method()
def round(input: Tensor, *, decimals: int = 0) -> Tensor:
    """To the nearest number with so many decimals; halves go to the even one.

    >>> import xpgrad as xg
    >>> xg.round(xg.tensor([0.5, 1.5])), xg.round(xg.tensor([1.26]), decimals=1)
    (tensor([0., 2.]), tensor([1.3000]))
    """
    if decimals == 0:
        return ops.round(input)
    scale = 10.0 ** math.fabs(decimals)
    if decimals > 0:
        return called(ops.divide, "RoundBackward1")(ops.round(input * scale), scale)
    return called(ops.multiply, "RoundBackward1")(ops.round(input / scale), scale)


@method()
def copysign(input: Tensor, other: Any) -> Tensor:
    """The size of `input` with the sign of `other`.

    >>> import xpgrad as xg
    >>> xg.copysign(xg.tensor([1.0, -2.0]), -1)
    tensor([-1., -2.])
    """
    number = is_number(other)
    return (called(ops.copysign, "CopysignBackward1") if number else ops.copysign)(input, other)


@method()
def frac(input: Tensor) -> Tensor:
    """What trunc() takes away.

    >>> import xpgrad as xg
    >>> xg.frac(xg.tensor([1.5, -1.25]))
    tensor([ 0.5000, -0.2500])
    """
    return called(ops.subtract, "Frac")(input, ops.trunc(input))


@method("clamp", "clip")
def clamp(input: Tensor, min: Any = None, max: Any = None) -> Tensor:
    """`input`, but nowhere below `min` or above `max` (numbers or tensors). Also ``clip``.

    The gradient passes where ``min <= input <= max``.

    Raises:
        RuntimeError: where neither bound is given.

    >>> import xpgrad as xg
    >>> xg.clamp(xg.tensor([-1.0, 0.5, 2.0]), 0, 1)
    tensor([0.0000, 0.5000, 1.0000])
    """
    if min is None and max is None:
        raise ShapeError("xpgrad.clamp: At least one of 'min' or 'max' must not be None")
    only_tensor(input, "clamp")
    if is_number(min, none=True) and is_number(max, none=True):
        if input._data.dtype in input._ns.inexact:
            return ops.clip(input, min=min, max=max)
        target = result_type(*(v for v in (input, min, max) if v is not None))
        if target is not input.dtype:
            input = astype(input, dtype=target)
        return ops.clip(input, min=min, max=max)
    return ops.clip_between(input, min, max)


clip = clamp


@method()
def clamp_min(input: Tensor, min: Any) -> Tensor:
    """`input`, but nowhere below `min`."""
    return _one_bound("ClampMin", input, min, None)


@method()
def clamp_max(input: Tensor, max: Any) -> Tensor:
    """`input`, but nowhere above `max`."""
    return _one_bound("ClampMax", input, None, max)


def _one_bound(node: str, x: Tensor, low: Any, high: Any) -> Tensor:
    bound = high if low is None else low
    if not is_number(bound):
        return called(ops.clip_between, f"{node}Backward1")(x, low, high)
    target = result_type(x, bound)
    x = x if target is x.dtype else astype(x, dtype=target)
    return called(ops.clip, node)(x, min=low, max=high)


maximum = binary(
    ops.maximum, "maximum", "The larger of two; nan if either is. A tie halves the gradient.",
    "[1., 4.]; [3., 2.] -> [3., 4.]",
)  # fmt: skip
minimum = binary(
    ops.minimum, "minimum", "The smaller of two; nan if either is. A tie halves the gradient.",
    "[1., 4.]; [3., 2.] -> [1., 2.]",
)  # fmt: skip


@method()
def fmax(input: Tensor, other: Tensor) -> Tensor:
    """The larger of two; a number, if one of them is nan."""
    return _but_nan(called(ops.maximum, "Fmax"), input, other)


@method()
def fmin(input: Tensor, other: Tensor) -> Tensor:
    """The smaller of two; a number, if one of them is nan."""
    return _but_nan(called(ops.minimum, "Fmin"), input, other)


def _but_nan(function: Any, x: Any, y: Any) -> Tensor:
    x_, y_ = ops.where(ops.not_equal(x, x), y, x), ops.where(ops.not_equal(y, y), x, y)
    return function(x_, y_)


@method()
def heaviside(input: Tensor, values: Tensor) -> Tensor:
    """0 below zero, 1 above, and `values` at zero.

    >>> import xpgrad as xg
    >>> xg.heaviside(xg.tensor([-1.0, 0.0, 2.0]), xg.tensor([0.5]))
    tensor([0.0000, 0.5000, 1.0000])
    """
    step = astype(ops.greater(input, 0), dtype=result_type(input, values))
    return ops.where(ops.equal(input, 0), values, step)


@method()
def nan_to_num(
    input: Tensor, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None
) -> Tensor:
    """Replace nan, and infinities by the largest numbers of the dtype unless others are given.

    >>> import xpgrad as xg
    >>> xg.nan_to_num(xg.tensor([float("nan"), float("inf"), 1.0]), posinf=7.0)
    tensor([0., 7., 1.])
    """
    x = only_tensor(input, "nan_to_num")
    if not x.dtype.is_floating_point:
        return ops.positive(x)
    limits = x._ns.finfo(x._data.dtype)
    x = ops.where(ops.isnan(x), float(nan or 0.0), x)
    high = float(limits.max if posinf is None else posinf)
    low = float(limits.min if neginf is None else neginf)
    x = ops.where(ops.equal(x, math.inf), high, x)
    return called(ops.where, "NanToNum")(ops.equal(x, -math.inf), low, x)
