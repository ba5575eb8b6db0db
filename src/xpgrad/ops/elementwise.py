"""Elementwise ops: each output element depends on the input elements at its place.

Conventions, as PyTorch's: ``abs'(0) = 0``; `maximum` and `minimum` split ties in half; `clip`
passes the gradient on at its bounds; ``x**0`` gives 0; functions with steps (`floor`, `sign`, …)
give 0 everywhere; complex gradients are conjugate Wirtinger (the direction of steepest ascent).
A gradient is cut off with `where`, never multiplied by 0: an infinite one must not become nan.
"""

from __future__ import annotations

import math
import operator

from xpgrad.errors import DTypeError, UnsupportedDType
from xpgrad.op import named, op


def zero(g, xp):
    """The rule of a function made of steps."""
    return xp.zeros_like(g)


def numbers(x, xp):
    """Booleans as integers, for the standard orders numbers alone."""
    return xp.astype(x, xp.native("uint8")) if x.dtype == xp.native("bool") else x


def ordered(xp, x, name):
    """Raise for complex numbers, which some libraries compare by their parts."""
    if x.dtype in xp.complexes:
        raise DTypeError(f"{name} is not supported for complex numbers: they have no order")


def numeric(xp, out, x, y, name):
    """`out`, unless it is of two booleans: libraries then compute with small integers."""
    if out.dtype not in xp.inexact:
        kinds = [getattr(v, "dtype", None) or type(v) for v in (x, y)]
        if all(kind is bool or kind == xp.native("bool") for kind in kinds):
            raise UnsupportedDType(f"\"{name}\" not implemented for 'Bool'")
    return out


def is_complex(like):
    """Whether an input (as a rule knows it) is complex."""
    return like.dtype in like.ns.complexes


# ------------------------------------------------------------------ arithmetic


@op(node="Add", elementwise=True, linear=True, x=lambda g: g, y=lambda g: g)
def add(xp, x, y, /):
    return xp.add(x, y)


@op(node="Sub", elementwise=True, linear=True, x=lambda g: g, y=lambda g: -g)
def subtract(xp, x, y, /):
    return xp.subtract(x, y)


@op(node="RsubBackward1", elementwise=True, linear=True, x=lambda g: -g, y=lambda g: g)
def rsub(xp, x, y, /):
    """``y - x``: the way ``1 - x`` calls it."""
    return y - x


@op(
    node="Mul",
    elementwise=True,
    x=lambda g, y, xp: g * xp.conj(y),
    y=lambda g, x, xp: g * xp.conj(x),
)
def multiply(xp, x, y, /):
    return xp.multiply(x, y)


@op(node="Mul", elementwise=True, linear=True, x=lambda g, by: g * by.conjugate())
def scale(xp, x, /, *, by):
    """``x * by`` for a Python number, of which nothing need be saved."""
    return x * by


@op(
    node="Div",
    elementwise=True,
    integers="float",
    x=lambda g, y, xp: g / xp.conj(y),
    # Not with `out`, which may be modified in place, as in PyTorch.
    y=lambda g, x, y, xp: -g * xp.conj(x / y / y),
)
def divide(xp, x, y, /):
    return xp.divide(x, y)


@op(node="DivBackward2", elementwise=True, x=zero, y=zero)
def floor_divide(xp, x, y, /):
    return numeric(xp, xp.floor_divide(x, y), x, y, "div_floor_cpu")


@op(
    node="RemainderBackward1",
    elementwise=True,
    x=lambda g: g,
    y=lambda g, x, y, xp: -g * xp.floor_divide(x, y),
)
def remainder(xp, x, y, /):
    """What is left of `x` after floor division by `y`: it has the sign of `y`."""
    return numeric(xp, xp.remainder(x, y), x, y, "remainder_cpu")


@op(
    node="FmodBackward1",
    elementwise=True,
    x=lambda g: g,
    y=lambda g, x, y, xp: -g * xp.trunc(x / y),
)
def fmod(xp, x, y, /):
    """What is left of `x` after division by `y` rounded towards 0: it has the sign of `x`."""
    rest = xp.remainder(operator.abs(x), operator.abs(y))
    return xp.copysign(rest, x) if rest.dtype in xp.inexact else rest * xp.sign(x)


@op(node="DivBackward2", elementwise=True, x=zero, y=zero)
def truncate_divide(xp, x, y, /):
    """The quotient of floating-point numbers, rounded towards 0."""
    return xp.trunc(xp.divide(x, y))


@op(node="Neg", elementwise=True, linear=True, x=lambda g: -g)
def negative(xp, x, /):
    return xp.negative(x)


def is_bool(xp, x):
    """Whether an array holds booleans, of which the standard knows no arithmetic."""
    return x.dtype == xp.native("bool")


@op(elementwise=True, linear=True, x=lambda g: g)
def positive(xp, x, /):
    return xp.copy(x) if is_bool(xp, x) else xp.positive(x)


@op(elementwise=True, integers="float", x=lambda g, out, xp: -g * xp.conj(out * out))
def reciprocal(xp, x, /):
    if x.dtype in xp.complexes:  # of which NumPy's makes (nan, nan) at 0 where division has inf
        return xp.divide(1, x)
    return xp.reciprocal(x)


# ------------------------------------------------------------------ powers and roots


def square_rule(g, x, xp):
    return g * xp.conj(xp.twice(x))


def pow_x(g, x, y, xp):
    if isinstance(y, (int, float, complex)):  # a Python number: what it is, may decide
        if y == 2:
            return square_rule(g, x, xp)
        return g * xp.conj(y * x ** (y - 1)) if y != 0 else xp.zeros_like(g)
    return xp.where(y == 0, 0.0, g * xp.conj(y * x ** (y - 1)))


def pow_y(g, x, y, out, like, xp):
    # Where the base is 0, the result is 0 or 1 and stays so: no nan from 0 * log(0).
    stays = (xp.real(y) >= 0) & (xp.imag(y) == 0) if is_complex(like) else y >= 0
    from_zero = stays & (x == 0)
    return xp.where(from_zero, 0.0, g * xp.conj(out * xp.log(x)))


@op(node="PowBackward1", elementwise=True, x=pow_x, y=pow_y)
def pow(xp, x, y, /):
    return x**y  # the operator: libraries know shortcuts for 2, 0.5 and -1


pow_number = named(pow, "PowBackward0")  # x ** 2
number_pow = named(pow, "PowBackward2")  # 2 ** x
pow_number.op.node_type.shown = (0,)
number_pow.op.node_type.shown = (1,)


@op(node="Mul", elementwise=True, linear=True, tied="x", x=lambda g: g + g)
def twice(xp, x, /):
    """``2 * x``, of which the second derivative is 0 and no error, as that of ``x**1``."""
    return xp.twice(x)


@op(node="PowBackward0", elementwise=True, x=square_rule)
def square(xp, x, /):
    return xp.astype(x, xp.arange(0).dtype) if is_bool(xp, x) else xp.square(x)


@op(elementwise=True, integers="float", x=lambda g, out, xp: g / xp.conj(out + out))
def sqrt(xp, x, /):
    return xp.sqrt(x)


@op(elementwise=True, integers="float", x=lambda g, out, xp: g * xp.conj(-0.5 * out**3))
def rsqrt(xp, x, /):
    """``1 / sqrt(x)``."""
    return 1 / xp.sqrt(x)


@op(
    elementwise=True,
    integers="float",
    x=lambda g, x, out: g * (x / out),
    y=lambda g, y, out: g * (y / out),
)
def hypot(xp, x, y, /):
    return xp.hypot(x, y)


# ------------------------------------------------------------------ exponentials and logarithms


@op(elementwise=True, integers="float", x=lambda g, out, xp: g * xp.conj(out))
def exp(xp, x, /):
    return xp.exp(x)


@op(
    node="Expm1Backward0",
    elementwise=True,
    integers="float",
    x=lambda g, out, xp: g * xp.conj(out) + g,
)
def expm1(xp, x, /):
    return xp.expm1(x)


@op(elementwise=True, integers="float", x=lambda g, x, xp: g / xp.conj(x))
def log(xp, x, /):
    return xp.log(x)


@op(
    node="Log1PBackward0",
    elementwise=True,
    integers="float",
    x=lambda g, x, xp: g / xp.conj(x + 1),
)
def log1p(xp, x, /):
    return xp.log1p(x)


@op(
    node="Log2Backward0",
    elementwise=True,
    integers="float",
    x=lambda g, x, xp: g / xp.conj(x * math.log(2)),
)
def log2(xp, x, /):
    return xp.log2(x)


@op(
    node="Log10Backward0",
    elementwise=True,
    integers="float",
    x=lambda g, x, xp: g / xp.conj(x * math.log(10)),
)
def log10(xp, x, /):
    return xp.log10(x)


@op(
    elementwise=True,
    integers="float",
    x=lambda g, x, y, xp: g * xp.conj(xp.sigmoid(x - y)),
    y=lambda g, x, y, xp: g * xp.conj(xp.sigmoid(y - x)),
)
def logaddexp(xp, x, y, /):
    if x.dtype not in xp.complexes:
        return xp.logaddexp(x, y)
    swapped = xp.real(x) < xp.real(y)
    large, small = xp.where(swapped, y, x), xp.where(swapped, x, y)
    return large + xp.log1p(xp.exp(small - large))


def xlogy_x(g, x, y, xp):
    nothing = (y <= 0) & (x == 0)
    return xp.where(nothing, 0.0, g * xp.log(xp.where(nothing, 1.0, y)))


@op(elementwise=True, integers="float", x=xlogy_x, y=lambda g, x, y: g * (x / y))
def xlogy(xp, x, y, /):
    """``x * log(y)`` for an array `y`, and 0 where `x` is 0 (unless `y` is nan)."""
    nothing = (y == y) & (x == 0)
    return xp.where(nothing, 0.0, x * xp.log(xp.where(nothing, 1.0, y)))


def logit_rule(g, x, eps, xp):
    low, outside = (0.0, math.nan) if eps is None else (eps, 0.0)
    inside = xp.logical_and(x >= low, x <= 1 - low)
    return xp.where(inside, g / (x * (1 - x)), outside)


@op(elementwise=True, integers="float", x=logit_rule)
def logit(xp, x, /, *, eps=None):
    """``log(x / (1 - x))``, for `x` brought to [eps, 1 - eps] first if there is an `eps`."""
    if eps is not None:
        x = xp.minimum(xp.maximum(x, eps), 1 - eps)
    return xp.log(x / (1 - x))


@op(elementwise=True, integers="float", x=lambda g, out, xp: g * xp.conj((1 - out) * out))
def sigmoid(xp, x, /):
    """1 / (1 + exp(-x))."""
    return xp.sigmoid(x)


@op(
    elementwise=True,
    integers="float",
    x=lambda g, x, xp: g * (2 / math.sqrt(math.pi)) * xp.exp(-x * x),
)
def erf(xp, x, /):
    """The error function."""
    return xp.erf(x)


# ------------------------------------------------------------------ trigonometric, hyperbolic


@op(elementwise=True, integers="float", x=lambda g, x, xp: g * xp.conj(xp.cos(x)))
def sin(xp, x, /):
    return xp.sin(x)


@op(elementwise=True, integers="float", x=lambda g, x, xp: -g * xp.conj(xp.sin(x)))
def cos(xp, x, /):
    return xp.cos(x)


@op(elementwise=True, integers="float", x=lambda g, out, xp: g + g * xp.conj(out * out))
def tan(xp, x, /):
    return xp.tan(x)


@op(elementwise=True, integers="float", x=lambda g, x, xp: g / xp.conj(xp.sqrt(1 - x * x)))
def asin(xp, x, /):
    return xp.asin(x)


@op(elementwise=True, integers="float", x=lambda g, x, xp: -g / xp.conj(xp.sqrt(1 - x * x)))
def acos(xp, x, /):
    return xp.acos(x)


@op(elementwise=True, integers="float", x=lambda g, x, xp: g / xp.conj(x * x + 1))
def atan(xp, x, /):
    return xp.atan(x)


def per_square_radius(g, x, y, xp):
    r = x * x + y * y
    return g / xp.where(r == 0, math.inf, r)  # at the origin: 0, not 0 / 0


@op(
    node="Atan2Backward0",
    elementwise=True,
    integers="float",
    x=lambda g, x, y, xp: y * per_square_radius(g, x, y, xp),
    y=lambda g, x, y, xp: -x * per_square_radius(g, x, y, xp),
)
def atan2(xp, x, y, /):
    return xp.atan2(x, y)


@op(elementwise=True, integers="float", x=lambda g, x, xp: g * xp.conj(xp.cosh(x)))
def sinh(xp, x, /):
    return xp.sinh(x)


@op(elementwise=True, integers="float", x=lambda g, x, xp: g * xp.conj(xp.sinh(x)))
def cosh(xp, x, /):
    return xp.cosh(x)


@op(elementwise=True, integers="float", x=lambda g, out, xp: g * xp.conj(1 - out * out))
def tanh(xp, x, /):
    return xp.tanh(x)


@op(elementwise=True, integers="float", x=lambda g, x, xp: g / xp.conj(xp.sqrt(x * x + 1)))
def asinh(xp, x, /):
    return xp.asinh(x)


def acosh_rule(g, x, like, xp):
    if not is_complex(like):
        return g / xp.sqrt(x * x - 1)
    # Two roots: that of the product lies on another branch for complex x left of the origin.
    return g / xp.conj(xp.sqrt(x - 1) * xp.sqrt(x + 1))


@op(elementwise=True, integers="float", x=acosh_rule)
def acosh(xp, x, /):
    return xp.acosh(x)


@op(elementwise=True, integers="float", x=lambda g, x, xp: g / xp.conj(1 - x * x))
def atanh(xp, x, /):
    return xp.atanh(x)


# ------------------------------------------------------------------ signs, steps and choices


@op(elementwise=True, x=lambda g, x, xp: g * xp.sign(x))
def abs(xp, x, /):
    return xp.abs(x)


def sgn_rule(g, x, out, like, xp):
    if not is_complex(like):
        return xp.zeros_like(g)
    # What moves z away from the origin does not turn z/|z|.
    r = xp.abs(x)
    return (g - out * xp.real(xp.conj(out) * g)) / xp.where(r == 0, math.inf, r)


@op(elementwise=True, x=sgn_rule)
def sgn(xp, x, /):
    """-1, 0 or 1; for complex numbers x / abs(x), or 0 at 0."""
    return xp.copy(x) if is_bool(xp, x) else xp.sign(x)


@op(elementwise=True, x=zero)
def sign(xp, x, /):
    """`sgn` for real numbers, which saves nothing."""
    ordered(xp, x, "sign")
    return xp.copy(x) if is_bool(xp, x) else xp.sign(x)


@op(elementwise=True, x=zero)
def ceil(xp, x, /):
    return xp.ceil(x)


@op(elementwise=True, x=zero)
def floor(xp, x, /):
    return xp.floor(x)


@op(elementwise=True, x=zero)
def round(xp, x, /):
    """To the nearest integer, halves to the even one."""
    return xp.round(x)


@op(elementwise=True, x=zero)
def trunc(xp, x, /):
    return xp.trunc(x)


@op(
    elementwise=True,
    integers="float",
    x=lambda g, x, out, xp: g * (xp.sign(x) * xp.sign(out)),  # 0 at 0
    y=zero,
)
def copysign(xp, x, y, /):
    return xp.copysign(x, y)


@op(elementwise=True, x=lambda g, x, y, xp: xp.where(x == y, 0.0, g), y=zero)
def nextafter(xp, x, y, /):
    return xp.nextafter(x, y)


def maximum_rule(g, mine, other, xp):
    return xp.where(mine < other, 0.0, xp.where(mine == other, g * 0.5, g))


@op(
    elementwise=True,
    x=lambda g, x, y, xp: maximum_rule(g, x, y, xp),
    y=lambda g, x, y, xp: maximum_rule(g, y, x, xp),
)
def maximum(xp, x, y, /):
    ordered(xp, x, "maximum")
    return xp.maximum(x, y)


@op(
    elementwise=True,
    x=lambda g, x, y, xp: maximum_rule(g, y, x, xp),
    y=lambda g, x, y, xp: maximum_rule(g, x, y, xp),
)
def minimum(xp, x, y, /):
    ordered(xp, x, "minimum")
    return xp.minimum(x, y)


def clip_rule(g, x, min, max, xp):
    if max is None:
        return g if min is None else xp.where(x >= min, g, 0.0)
    inside = x <= max if min is None else xp.logical_and(x >= min, x <= max)
    return xp.where(inside, g, 0.0)


@op(node="ClampBackward1", elementwise=True, x=clip_rule)
def clip(xp, x, /, *, min=None, max=None):
    """`x`, but nowhere below `min` or above `max` (Python numbers or `None`)."""
    out = x if min is None else xp.maximum(x, min)
    return out if max is None else xp.minimum(out, max)


def clip_low(g, x, low, high, xp):
    below = x < low
    return xp.where(below if high is None else xp.logical_and(below, low < high), g, 0.0)


def clip_high(g, x, low, high, xp):
    above = x > high
    return xp.where(above if low is None else xp.logical_or(above, high < low), g, 0.0)


@op(
    node="ClampBackward0",
    elementwise=True,
    x=lambda g, x, low, high, xp: clip_rule(g, x, low, high, xp),
    low=clip_low,
    high=clip_high,
)
def clip_between(xp, x, low, high, /):
    """`clip` with arrays for bounds, or numbers, or `None`; the bounds have gradients too."""
    out = x if low is None else xp.maximum(x, low)
    return out if high is None else xp.minimum(out, high)


@op(
    elementwise=True,
    promotes=("x", "y"),
    condition=None,
    x=lambda g, condition, xp: xp.where(condition, g, 0.0),
    y=lambda g, condition, xp: xp.where(condition, 0.0, g),
)
def where(xp, condition, x, y, /):
    return xp.where(condition, x, y)


# ------------------------------------------------------------------ complex numbers


@op(elementwise=True, linear=True, x=lambda g, xp: xp.conj(g))
def conj(xp, x, /):
    return xp.conj(x)


@op(elementwise=True, linear=True, view=True, x=lambda g: g)
def real(xp, x, /):
    return xp.real(x) if x.dtype in xp.complexes else x


@op(elementwise=True, linear=True, view=True, x=lambda g, like, xp: xp.astype(g, like.dtype) * 1j)
def imag(xp, x, /):
    return xp.imag(x)


def angle_rule(g, x, like, xp):
    if not is_complex(like):
        return xp.zeros_like(g)
    r = xp.abs(x)
    return x * xp.astype(g / xp.where(r == 0, math.inf, r * r), like.dtype) * 1j


@op(elementwise=True, integers="float", x=angle_rule)
def angle(xp, x, /):
    """The angle of a complex number; of a real one 0 or, if it is negative, pi."""
    if x.dtype in xp.complexes:
        return xp.atan2(xp.imag(x), xp.real(x))
    return xp.where(x < 0, math.pi, xp.where(x == x, 0.0, x))
