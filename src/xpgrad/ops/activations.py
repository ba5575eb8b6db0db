"""Activations of pieces and gates; the smooth ones that PyTorch has longest are in `xpgrad.ops.nn`.

Conventions at kinks, as PyTorch's: where a piece is constant, so are its ends; the derivative of
`prelu` at 0 is that from below. What is not a number lies in no piece, and gradients pass it.
"""

from __future__ import annotations

from xpgrad.fused import narrowed, times, widened
from xpgrad.op import op


def hardtanh_rule(g, x, low, high, xp):
    return xp.where(xp.logical_or(x <= low, x >= high), 0.0, g)


@op(elementwise=True, tied="x", x=hardtanh_rule)
def hardtanh(xp, x, /, *, low=-1.0, high=1.0):
    """`x` between `low` and `high`."""
    return xp.clip(x, low, high)


@op(
    elementwise=True,
    tied="x",
    x=lambda g, x, xp: xp.where(xp.logical_and(x > -3, x < 3), g / 6, 0.0),
)
def hardsigmoid(xp, x, /):
    """The line through (-3, 0) and (3, 1), constant beyond."""
    return times(xp.clip(x + 3, 0, 6), 1 / 6, xp)


@op(elementwise=True, x=lambda g, x, xp: xp.hardswish_gradient(g, x))
def hardswish(xp, x, /):
    return xp.hardswish(x)


@op(
    elementwise=True,
    tied="x",
    x=lambda g, x, threshold, xp: xp.where(x <= threshold, 0.0, g),
)
def threshold(xp, x, /, *, threshold, value):
    """`x` where it is above the threshold, `value` elsewhere."""
    return xp.where(x <= threshold, xp.full_like(x, value), x)


def shrink_rule(g, x, width, xp):
    return xp.where(xp.abs(x) <= width, 0.0, g)


@op(elementwise=True, tied="x", x=shrink_rule)
def hardshrink(xp, x, /, *, width=0.5):
    """`x`, but 0 where it is no larger than `width`."""
    return xp.where(xp.abs(x) <= width, 0.0, x)


@op(elementwise=True, tied="x", x=shrink_rule)
def softshrink(xp, x, /, *, width=0.5):
    """`x` moved towards 0 by `width`, and not beyond."""
    return xp.where(xp.abs(x) <= width, x * 0, x - xp.sign(x) * width)


def mish_parts(x, xp):
    """exp(x), of at most 20, and what is 2 less than the denominator of tanh(log(1 + exp(x)))."""
    n = xp.exp(xp.minimum(x, 20))
    return n, n * (n + 2)


def mish_rule(g, x, xp):
    x = widened(x, xp)
    n, w = mish_parts(x, xp)
    return g * (w / (w + 2) + x * (4 * n * (n + 1) / ((w + 2) * (w + 2))))


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


def halves(x, axis, xp):
    """The two halves of an array along an axis."""
    n, before = x.shape[axis] // 2, (slice(None),) * axis
    return xp.getitem(x, (*before, slice(0, n))), xp.getitem(x, (*before, slice(n, None)))


def glu_rule(g, x, axis, xp):
    value, gate = halves(x, axis, xp)
    s = xp.sigmoid(gate)
    g = g * s
    return xp.concat([g, g * value * (1 - s)], axis=axis)


@op(x=glu_rule)
def glu(xp, x, /, *, axis):
    """The first half along an axis times the sigmoid of the second."""
    value, gate = halves(x, axis, xp)
    return value * xp.sigmoid(gate)
