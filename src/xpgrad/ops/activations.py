"""Activations of pieces and gates; the smooth ones that PyTorch has longest are in `xpgrad.ops.nn`.

Conventions at kinks, as PyTorch's: where a piece is constant, so are its ends; the derivative of
`prelu` at 0 is that from below. What is not a number lies in no piece, and gradients pass it.
"""

from __future__ import annotations

from xpgrad.fused import narrowed, widened
from xpgrad.op import op


def hardtanh_rule(g, x, low, high, xp):
    return xp.hardtanh_gradient(g, x, low, high)


@op(elementwise=True, tied="x", x=hardtanh_rule)
def hardtanh(xp, x, /, *, low=-1.0, high=1.0):
    """`x` between `low` and `high`."""
    return xp.clip(x, low, high)


@op(elementwise=True, tied="x", x=lambda g, x, xp: xp.hardsigmoid_gradient(g, x))
def hardsigmoid(xp, x, /):
    """The line through (-3, 0) and (3, 1), constant beyond."""
    return xp.hardsigmoid(x)


@op(elementwise=True, x=lambda g, x, xp: xp.hardswish_gradient(g, x))
def hardswish(xp, x, /):
    return xp.hardswish(x)


@op(
    elementwise=True,
    tied="x",
    x=lambda g, x, threshold, xp: xp.threshold_gradient(g, x, threshold),
)
def threshold(xp, x, /, *, threshold, value):
    """`x` where it is above the threshold, `value` elsewhere."""
    return xp.threshold(x, threshold, value)


def shrink_rule(g, x, width, xp):
    return xp.shrink_gradient(g, x, width)


@op(elementwise=True, tied="x", x=shrink_rule)
def hardshrink(xp, x, /, *, width=0.5):
    """`x`, but 0 where it is no larger than `width`."""
    return xp.hardshrink(x, width)


@op(elementwise=True, tied="x", x=shrink_rule)
def softshrink(xp, x, /, *, width=0.5):
    """`x` moved towards 0 by `width`, and not beyond."""
    return xp.softshrink(x, width)


def mish_parts(x, xp):
    """exp(x), of at most 20, and what is 2 less than the denominator of tanh(log(1 + exp(x)))."""
    n = xp.exp(xp.minimum(x, 20))
    return n, n * (n + 2)


def mish_rule(g, x, xp):
    x = widened(x, xp)
    n, w = mish_parts(x, xp)
    few = xp.minimum(x, 40)  # what it is a factor of does not get any smaller above 20
    return g * (w / (w + 2) + few * (4 * n * (n + 1) / ((w + 2) * (w + 2))))


@op(elementwise=True, x=mish_rule)
def mish(xp, x, /):
    """x * tanh(log(1 + exp(x))): Misra, *Mish* (2019), arXiv:1908.08681."""
    w = mish_parts(widened(x, xp), xp)[1]
    return narrowed(x * (w / (w + 2)), x.dtype, xp)


@op(
    node="PreluKernel",
    elementwise=True,
    tied="x",
    x=lambda g, x, weight, xp: xp.where(x > 0, g, g * weight),
    weight=lambda g, x, xp: xp.where(x > 0, 0.0, g * x),
)
def prelu(xp, x, weight, /):
    """`x` where it is positive, weight * x elsewhere."""
    return xp.where(x > 0, x, x * weight)


@op(x=lambda g, x, axis, xp: xp.glu_gradient(g, x, axis))
def glu(xp, x, /, *, axis):
    """The first half along an axis times the sigmoid of the second."""
    return xp.glu(x, axis)
