"""Comparison, logic and bits, element by element: without derivatives."""

from __future__ import annotations

from xpgrad.op import op
from xpgrad.ops.elementwise import numeric, ordered


@op(elementwise=True, x=None)
def signbit(xp, x, /):
    return xp.signbit(x)


@op(elementwise=True, x=None)
def isfinite(xp, x, /):
    return xp.isfinite(x)


@op(elementwise=True, x=None)
def isinf(xp, x, /):
    return xp.isinf(x)


@op(elementwise=True, x=None)
def isnan(xp, x, /):
    return xp.isnan(x)


@op(elementwise=True, x=None, y=None)
def equal(xp, x, y, /):
    return xp.equal(x, y)


@op(elementwise=True, x=None, y=None)
def not_equal(xp, x, y, /):
    return xp.not_equal(x, y)


@op(elementwise=True, x=None, y=None)
def greater(xp, x, y, /):
    ordered(xp, x, "greater")
    return xp.greater(x, y)


@op(elementwise=True, x=None, y=None)
def greater_equal(xp, x, y, /):
    ordered(xp, x, "greater_equal")
    return xp.greater_equal(x, y)


@op(elementwise=True, x=None, y=None)
def less(xp, x, y, /):
    ordered(xp, x, "less")
    return xp.less(x, y)


@op(elementwise=True, x=None, y=None)
def less_equal(xp, x, y, /):
    ordered(xp, x, "less_equal")
    return xp.less_equal(x, y)


def truth(xp, x):
    """Whether each number is not 0 (the standard's logic takes booleans alone)."""
    return x if getattr(x, "dtype", None) == xp.native("bool") else x != 0


@op(elementwise=True, x=None, y=None)
def logical_and(xp, x, y, /):
    return xp.logical_and(truth(xp, x), truth(xp, y))


@op(elementwise=True, x=None, y=None)
def logical_or(xp, x, y, /):
    return xp.logical_or(truth(xp, x), truth(xp, y))


@op(elementwise=True, x=None, y=None)
def logical_xor(xp, x, y, /):
    return xp.logical_xor(truth(xp, x), truth(xp, y))


@op(elementwise=True, x=None)
def logical_not(xp, x, /):
    return xp.logical_not(truth(xp, x))


@op(elementwise=True, x=None, y=None)
def bitwise_and(xp, x, y, /):
    return xp.bitwise_and(x, y)


@op(elementwise=True, x=None, y=None)
def bitwise_or(xp, x, y, /):
    return xp.bitwise_or(x, y)


@op(elementwise=True, x=None, y=None)
def bitwise_xor(xp, x, y, /):
    return xp.bitwise_xor(x, y)


@op(elementwise=True, x=None)
def bitwise_invert(xp, x, /):
    return xp.bitwise_invert(x)


@op(elementwise=True, x=None, y=None)
def bitwise_left_shift(xp, x, y, /):
    return numeric(xp, xp.bitwise_left_shift(x, y), x, y, "lshift_cpu")


@op(elementwise=True, x=None, y=None)
def bitwise_right_shift(xp, x, y, /):
    return numeric(xp, xp.bitwise_right_shift(x, y), x, y, "rshift_cpu")
