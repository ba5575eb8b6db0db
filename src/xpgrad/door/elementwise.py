"""Functions of each element, under PyTorch's names."""

from __future__ import annotations

import math
from typing import Any

from xpgrad import dtypes
from xpgrad.door.arguments import is_number, only_tensor
from xpgrad.door.attach import binary, called, method, unary
from xpgrad.errors import DTypeError, ShapeError
from xpgrad.ops import elementwise as ops
from xpgrad.ops import nn, special
from xpgrad.ops.device import astype
from xpgrad.promotion import result_type
from xpgrad.tensor import Tensor

__all__ = [
    "abs", "absolute", "acos", "acosh", "add", "addcdiv", "addcmul", "arccos", "arccosh", "arcsin",
    "arcsinh", "arctan", "arctan2", "arctanh", "asin", "asinh", "atan", "atan2", "atanh", "cos",
    "cosh", "deg2rad", "div", "divide", "erf", "exp", "exp2", "expm1", "float_power",
    "floor_divide", "fmod", "hypot", "lerp", "log", "log10", "log1p", "log2", "logaddexp",
    "logaddexp2", "logit", "mul", "multiply", "neg", "negative", "positive", "pow", "rad2deg",
    "reciprocal", "relu", "remainder", "rsqrt", "rsub", "sigmoid", "sin", "sinc", "sinh", "sqrt",
    "square", "sub", "subtract", "tan", "tanh", "true_divide", "xlogy",
]  # fmt: skip

# ------------------------------------------------------------------ arithmetic


@method()
def add(input: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    """``input + alpha * other``.

    >>> import xpgrad as xg
    >>> xg.add(xg.tensor([1.0, 2.0]), 10, alpha=2)
    tensor([21., 22.])
    """
    plain = alpha == 1 and alpha is not True
    return ops.add(input, other if plain else _scaled(other, alpha, input))


@method("sub", "subtract")
def sub(input: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    """``input - alpha * other``. Also called ``subtract``.

    >>> import xpgrad as xg
    >>> xg.sub(xg.tensor([1.0, 2.0]), xg.ones(2), alpha=2)
    tensor([-1.,  0.])
    """
    plain = alpha == 1 and alpha is not True
    return ops.subtract(input, other if plain else _scaled(other, alpha, input))


subtract = sub


def _scaled(x: Any, alpha: Any, beside: Any) -> Any:
    found = result_type(x, beside)
    if type(alpha) is bool and found is not dtypes.bool_:
        raise DTypeError("Boolean alpha only supported for Boolean results.")
    if isinstance(alpha, float) and not found.is_differentiable:
        raise DTypeError(
            "For integral input tensors, argument alpha must not be a floating point number."
        )
    if found is dtypes.bool_:
        alpha = bool(alpha)
    if not isinstance(x, Tensor):
        return x * alpha
    stays = x.dtype.is_complex or (x.dtype.is_differentiable and type(alpha) in (int, float))
    return ops.scale(x, by=alpha) if stays else ops.multiply(x, alpha)


def rsub(input: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    """``other - alpha * input``."""
    return ops.rsub(input if alpha == 1 else _scaled(input, alpha, other), other)


mul = multiply = binary(
    ops.multiply, "mul multiply", "The product.", "[1., 2.]; [3., 4.] -> [3., 8.]"
)
true_divide = binary(ops.divide, "true_divide", "The quotient.", "[3, 4]; 2 -> [1.5000, 2.0000]")
floor_divide = binary(
    ops.floor_divide,
    "floor_divide",
    "The quotient, rounded down; ``//``. Both derivatives are 0 (PyTorch has none).",
    "[3., -3.]; 2 -> [ 1., -2.]",
    "[3.]; [2.] -> [0.]; [0.]",
)


@method("div", "divide")
def div(input: Any, other: Any, *, rounding_mode: str | None = None) -> Tensor:
    """The quotient; rounded down (``"floor"``) or towards zero (``"trunc"``). Also ``divide``.

    Of a rounded quotient the derivatives are 0, also where it jumps.

    >>> import xpgrad as xg
    >>> xg.div(xg.tensor([3, -3]), 2), xg.div(xg.tensor([3, -3]), 2, rounding_mode="trunc")
    (tensor([ 1.5000, -1.5000]), tensor([ 1, -1]))
    >>> x = xg.tensor([3.0], requires_grad=True)
    >>> xg.autograd.grad(xg.div(x, 2, rounding_mode="trunc").sum(), x)
    (tensor([0.]),)
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
        return ops.truncate_divide(input, other)
    return ops.floor_divide(ops.subtract(input, ops.fmod(input, other)), other)


divide = div


@method()
def remainder(input: Any, other: Any) -> Tensor:
    """What is left after floor division: it has the sign of `other`, like Python's ``%``.

    The derivatives are 1 and minus the rounded quotient, also where it jumps.

    >>> import xpgrad as xg
    >>> xg.remainder(xg.tensor([5.0, -5.0]), 3)
    tensor([2., 1.])
    >>> x = xg.tensor([5.0, 6.0], requires_grad=True)
    >>> y = xg.tensor([3.0, 3.0], requires_grad=True)
    >>> xg.autograd.grad(xg.remainder(x, y).sum(), (x, y))
    (tensor([1., 1.]), tensor([-1., -2.]))
    """
    return (called(ops.remainder, "Remainder") if is_number(other) else ops.remainder)(input, other)


@method()
def fmod(input: Any, other: Any) -> Tensor:
    """What is left after division rounded towards zero: it has the sign of `input`.

    The derivatives are 1 and minus the rounded quotient, also where it jumps.

    >>> import xpgrad as xg
    >>> xg.fmod(xg.tensor([5.0, -5.0]), 3)
    tensor([ 2., -2.])
    >>> x = xg.tensor([-5.0, 6.0], requires_grad=True)
    >>> y = xg.tensor([3.0, 3.0], requires_grad=True)
    >>> xg.autograd.grad(xg.fmod(x, y).sum(), (x, y))
    (tensor([1., 1.]), tensor([ 1., -2.]))
    """
    return (called(ops.fmod, "Fmod") if is_number(other) else ops.fmod)(input, other)


neg = negative = unary(
    ops.negative, "neg negative", "The same with the sign changed.", "[1., -2.] -> [-1.,  2.]"
)
abs = absolute = unary(
    ops.abs,
    "abs absolute",
    "The absolute value. Its derivative at 0 is 0; of a complex z the gradient is ``z / abs(z)``.",
    "[1., -2.] -> [1., 2.]",
    "[-2., 0., 3j] -> [-1.+0.j,  0.+0.j,  0.+1.j]",
)
reciprocal = unary(ops.reciprocal, "reciprocal", "``1 / input``.", "[2., 4.] -> [0.5000, 0.2500]")


@method("positive", "__pos__")
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
    way = ops.subtract(end, input)
    if isinstance(weight, Tensor):
        return called(ops.add, "LerpBackward1")(input, ops.multiply(way, weight))
    return called(ops.add, "LerpBackward0")(input, _scaled(way, weight, input))


# ------------------------------------------------------------------ powers, roots, exponentials


@method()
def pow(input: Any, exponent: Any) -> Tensor:
    """`input` to the power of `exponent`, either of them a number or a tensor.

    At base 0 the derivative for the base is 0 for exponent 0 and inf between 0 and 1; that for
    the exponent is 0 unless it is negative.

    >>> import xpgrad as xg
    >>> xg.pow(xg.tensor([1.0, 2.0, 3.0]), 2), xg.pow(2, xg.tensor([1.0, 2.0]))
    (tensor([1., 4., 9.]), tensor([2., 4.]))
    >>> x = xg.tensor([0.0, 0.0], requires_grad=True)
    >>> xg.autograd.grad((x ** xg.tensor([0.0, 0.5])).sum(), x), xg.autograd.grad((0 ** x).sum(), x)
    ((tensor([0., inf]),), (tensor([0., 0.]),))
    """
    if is_number(exponent) or isinstance(input, Tensor):
        return input**exponent
    return (ops.number_pow if is_number(input) else ops.pow)(input, exponent)


@method()
def float_power(input: Any, exponent: Any) -> Tensor:
    """The power, computed in double precision.

    At 0 it has the derivatives of `pow`.

    >>> import xpgrad as xg
    >>> xg.float_power(xg.tensor([1, 2]), 2)
    tensor([1., 4.], dtype=xpgrad.float64)
    >>> x = xg.tensor([0.0], requires_grad=True)
    >>> xg.autograd.grad(xg.float_power(x, 0.5).sum(), x)
    (tensor([inf]),)
    """
    wide = dtypes.complex128 if result_type(input, exponent).is_complex else dtypes.float64
    base, power = (astype(v, dtype=wide) if isinstance(v, Tensor) else v for v in (input, exponent))
    return pow(base, power)


square = unary(ops.square, "square", "Each element times itself.", "[2., -3.] -> [4., 9.]")
sqrt = unary(
    ops.sqrt, "sqrt", "The square root. Its derivative at 0 is inf.", "[4., 9.] -> [2., 3.]",
    "[0., 4.] -> [   inf, 0.2500]",
)  # fmt: skip
rsqrt = unary(
    ops.rsqrt,
    "rsqrt",
    "``1 / sqrt(input)``. Its derivative at 0 is -inf.",
    "[4., 16.] -> [0.5000, 0.2500]",
    "[0., 1.] -> [   -inf, -0.5000]",
)
hypot = binary(
    ops.hypot,
    "hypot",
    "``sqrt(input**2 + other**2)``. Its derivatives at the origin are nan, unlike those of `norm`.",
    "[3.]; [4.] -> [5.]",
    "[0., 3.]; [0., 4.] -> [   nan, 0.6000]; [   nan, 0.8000]",
)
exp = unary(ops.exp, "exp", "The exponential.", "[0., 1.] -> [1.0000, 2.7183]")
expm1 = unary(
    ops.expm1, "expm1", "``exp(input) - 1``, precise near 0.", "[0., 1.] -> [0.0000, 1.7183]"
)
log = unary(
    ops.log,
    "log",
    "The natural logarithm. Its derivative at 0 is inf; below, the value is nan and it is 1 / x.",
    "[1., 10.] -> [0.0000, 2.3026]",
    "[0., -2.] -> [    inf, -0.5000]",
)
log2 = unary(ops.log2, "log2", "The logarithm to base 2.", "[1., 8.] -> [0., 3.]")
log10 = unary(ops.log10, "log10", "The logarithm to base 10.", "[1., 10.] -> [0., 1.]")
log1p = unary(
    ops.log1p, "log1p", "``log(1 + input)``, precise near 0.", "[0., 1.] -> [0.0000, 0.6931]"
)
logaddexp = binary(
    ops.logaddexp, "logaddexp", "``log(exp(input) + exp(other))``, without overflow. "
    "Of two like infinities the derivatives are nan.",
    "[0.]; [0.] -> [0.6931]", "[0., -xg.inf]; [0., -xg.inf] -> [0.5000,    nan]; [0.5000,    nan]",
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
    """``log2(2**input + 2**other)``, without overflow.

    Of two like infinities the derivatives are nan.

    >>> import xpgrad as xg
    >>> x = xg.tensor([1.0], requires_grad=True)
    >>> y = xg.tensor([1.0], requires_grad=True)
    >>> xg.autograd.grad(xg.logaddexp2(x, y).sum(), (x, y))
    (tensor([0.5000]), tensor([0.5000]))
    """
    ln2 = math.log(2.0)
    return called(ops.divide, "Logaddexp2Backward0")(ops.logaddexp(input * ln2, other * ln2), ln2)


@method()
def xlogy(input: Any, other: Any) -> Tensor:
    """``input * log(other)``, and 0 where `input` is 0 (unless `other` is nan).

    Where `input` is 0, its derivative is 0 for an `other` that is 0 or less, and ``log(other)``
    for another; that of `other` is ``input / other``: nan where both are 0.

    >>> import xpgrad as xg
    >>> xg.xlogy(xg.tensor([0.0, 1.0]), xg.tensor([0.0, 1.0]))
    tensor([0., 0.])
    >>> x = xg.tensor([0.0, 0.0], requires_grad=True)
    >>> y = xg.tensor([0.0, 2.0], requires_grad=True)
    >>> xg.autograd.grad(xg.xlogy(x, y).sum(), (x, y))
    (tensor([0.0000, 0.6931]), tensor([nan, 0.]))
    """
    if is_number(other):
        other = input.new_full((), other, dtype=result_type(input, 1.0))
    return ops.xlogy(input, other)


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
    ops.atan2,
    "atan2 arctan2",
    "The angle of the point (other, input). Its derivatives at the origin are 0.",
    "[1.]; [-1.] -> [2.3562]",
    "[0., 1.]; [0., 1.] -> [0.0000, 0.5000]; [-0.0000, -0.5000]",
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


sinc = unary(
    special.sinc,
    "sinc",
    "``sin(pi x) / (pi x)``, and 1 at 0. Its derivative at 0 is 0.",
    "[0., 0.5] -> [1.0000, 0.6366]",
    "[0., 1.] -> [ 0., -1.]",
)


# ------------------------------------------------------------------ activations, error function

relu = unary(
    nn.relu,
    "relu",
    "0 for negative elements, the others as they are. Its derivative at 0 is 0.",
    "[-1., 2.] -> [0., 2.]",
    "[-1., 0., 2.] -> [0., 0., 1.]",
)
sigmoid = unary(
    ops.sigmoid, "sigmoid", "``1 / (1 + exp(-input))``.", "[0., 1.] -> [0.5000, 0.7311]"
)
erf = unary(ops.erf, "erf", "The error function.", "[0., 1.] -> [0.0000, 0.8427]")


@method()
def logit(input: Tensor, eps: float | None = None) -> Tensor:
    """``log(x / (1 - x))``, with `input` first brought to [eps, 1 - eps] if `eps` is given.

    Its derivative is inf at 0 and 1 and nan outside; with `eps` it passes from eps to 1 - eps,
    both included, and is 0 outside.

    >>> import xpgrad as xg
    >>> xg.logit(xg.tensor([0.5, 0.9]))
    tensor([0.0000, 2.1972])
    >>> x = xg.tensor([0.0, 0.5, 2.0], requires_grad=True)
    >>> xg.autograd.grad(xg.logit(x).sum(), x), xg.autograd.grad(xg.logit(x, 0.1).sum(), x)
    ((tensor([inf, 4., nan]),), (tensor([0., 4., 0.]),))
    """
    return ops.logit(input, eps=eps)
