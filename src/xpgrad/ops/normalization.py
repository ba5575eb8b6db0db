"""Normalisation: mean 0 and variance 1 over some axes, then a scale and a shift.

The rules are those of Ba, Kiros, Hinton, *Layer Normalization* (2016) and Ioffe, Szegedy, *Batch
Normalization* (2015), in the form that takes the fewest steps through memory: with ``y = (x - m) r``
and ``h`` the gradient of `y`, that of `x` is ``r (h - mean(h) - y mean(h y))``, and what is averaged
are the very sums that the gradients of scale and shift are made of.

The mean `m` and the reciprocal `r` of the standard deviation are results too. They get gradients of
their own only when gradients are differentiated. Half precision is computed in single.
"""

from __future__ import annotations

import math

from xpgrad import dtypes
from xpgrad.op import op


def widened(x, xp):
    """Half precision as single; everything else as it is."""
    if x is None or x.dtype != xp.natives.get(dtypes.float16):
        return x
    return xp.astype(x, xp.native("float32"))


def like(dtype, xp, *arrays):
    """Arrays in the dtype of what they were made of."""
    return tuple(a if a is None or a.dtype == dtype else xp.astype(a, dtype) for a in arrays)


def times(x, y, xp):
    """The product, written over `x` where arrays can be: it is a result that nobody else knows."""
    if xp.mutable and x.dtype == y.dtype:
        x *= y
        return x
    return x * y


def plus(x, y, xp):
    """The sum, written over `x` where arrays can be."""
    if xp.mutable and x.dtype == y.dtype:
        x += y
        return x
    return x + y


def dots(x, y, axes, xp):
    """The sums of products along axes, which stay as axes of length 1."""
    if axes == (len(x.shape) - 1,):
        found = xp.vecdot(x, y)  # without an array of products
        return xp.reshape(found, (*found.shape, 1))
    return xp.sum(x * y, axis=axes, keepdims=True)


# ------------------------------------------------------------------ over the last axes


def layer_norm_rules(gs, x, weight, out, axes, xp):
    """The gradients of input and weight."""
    g, g_mean, g_rstd = gs
    _, mean, rstd = out
    x, mean, rstd = widened(x, xp), widened(mean, xp), widened(rstd, xp)
    n = math.prod(x.shape[a] for a in axes)
    dx, dw = 0.0, None
    if g is not None:
        g, weight = widened(g, xp), widened(weight, xp)
        y = times(x - mean, rstd, xp)
        if weight is not None:
            dw = g * y
            g = g * weight
        along = dots(g, y, axes, xp) / n
        dx = g - times(y, along, xp)
        dx = times(plus(dx, -xp.mean(g, axis=axes, keepdims=True), xp), rstd, xp)
    if g_mean is not None:
        dx = dx + xp.broadcast_to(g_mean / n, x.shape)
    if g_rstd is not None:
        dx = dx - (x - mean) * (g_rstd * rstd * rstd * rstd / n)
    return dx, dw


@op(
    node="NativeLayerNorm",
    outputs=3,
    kept=(1, 2),
    shared=layer_norm_rules,
    x=lambda shared: shared[0],
    weight=lambda shared: shared[1],
    bias=lambda gs: gs[0],
)
def layer_norm(xp, x, weight, bias, /, *, axes, eps=1e-5):
    """`x` with mean 0 and variance 1 over the last axes, times `weight`, plus `bias`."""
    dtype, x = x.dtype, widened(x, xp)
    mean = xp.mean(x, axis=axes, keepdims=True)
    y = x - mean
    rstd = 1 / xp.sqrt(dots(y, y, axes, xp) / math.prod(x.shape[a] for a in axes) + eps)
    y = times(y, rstd, xp)
    if weight is not None:
        y = times(y, weight, xp)
    if bias is not None:
        y = plus(y, bias, xp)
    return like(dtype, xp, y, mean, rstd)


def rms_norm_rules(gs, x, weight, out, axes, xp):
    """The gradients of input and weight."""
    (g, g_rstd), (_, rstd) = gs, out
    x, rstd = widened(x, xp), widened(rstd, xp)
    n = math.prod(x.shape[a] for a in axes)
    dx, dw, along = 0.0, None, 0.0
    if g is not None:
        g, weight = widened(g, xp), widened(weight, xp)
        if weight is not None:
            dw = times(x * rstd, g, xp)
            g = g * weight
        along = dots(g, x, axes, xp)
        dx = g * rstd
    if g_rstd is not None:
        along = along + g_rstd
    dx = dx - x * (along * (rstd * rstd * rstd / n))
    return dx, dw


@op(
    node="FusedRmsNorm",
    outputs=2,
    kept=(1,),
    shared=rms_norm_rules,
    x=lambda shared: shared[0],
    weight=lambda shared: shared[1],
)
def rms_norm(xp, x, weight, /, *, axes, eps):
    """`x` over its root mean square along the last axes, times `weight`.

    Zhang, Sennrich, *Root Mean Square Layer Normalization* (2019), arXiv:1910.07467.
    """
    dtype, x = x.dtype, widened(x, xp)
    rstd = 1 / xp.sqrt(dots(x, x, axes, xp) / math.prod(x.shape[a] for a in axes) + eps)
    y = x * rstd
    if weight is not None:
        y = times(y, weight, xp)
    return like(dtype, xp, y, rstd)


# ------------------------------------------------------------------ over channels
#
# Arrays have the shape (examples, groups, channels of a group, places) here. Whatever is known of a
# channel of an example is a number, so that an element meets one factor and one summand in the end.


def split(x, groups, xp):
    """An array of shape (N, C, …) in four axes."""
    n, c = x.shape[:2]
    return xp.reshape(x, (n, groups, c // groups, math.prod(x.shape[2:])))


def over_places(x, y, xp):
    """The sums of products along the last of the four axes; of `x` itself without `y`."""
    if x.shape[3] == 1:
        return xp.reshape(x if y is None else x * y, x.shape[:3])
    return xp.sum(x, axis=3) if y is None else xp.vecdot(x, y)


def to_places(x, xp):
    """What is known of channels, beside their elements."""
    return xp.expand_dims(x, axis=3)


def channel_norm_rules(gs, x, weight, out, groups, over, xp):
    """The gradients of input and weight."""
    g, g_mean, g_rstd = gs
    _, mean, rstd = out
    shape = x.shape
    x, mean, rstd = split(widened(x, xp), groups, xp), widened(mean, xp), widened(rstd, xp)
    n = x.shape[over] * x.shape[3]
    if weight is not None:
        weight = xp.reshape(widened(weight, xp), (1, *x.shape[1:3]))
    dw = None
    slope, shift = 0.0, 0.0  # of the gradient, with the input
    if g is not None:
        g = split(widened(g, xp), groups, xp)
        totals = over_places(g, None, xp)
        products = over_places(x - to_places(mean, xp), g, xp)
        if weight is not None:
            dw = xp.reshape(xp.sum(products * rstd, axis=0), (shape[1],))
            totals, products = totals * weight, products * weight
        slope = xp.sum(products, axis=over, keepdims=True)
        shift = -rstd * xp.sum(totals, axis=over, keepdims=True) / n
    if g_rstd is not None:
        slope = slope + g_rstd
    if g_mean is not None:
        shift = shift + g_mean / n
    slope = -(rstd * rstd * rstd / n) * slope
    dx = plus(x * to_places(slope, xp), to_places(shift - mean * slope, xp), xp)
    if g is not None:
        scale = rstd if weight is None else rstd * weight
        dx = plus(dx, g * to_places(scale, xp), xp)
    return xp.reshape(dx, shape), dw


def channel_bias(gs, xp):
    if gs[0] is None:
        return None
    g = widened(gs[0], xp)
    return xp.sum(g, axis=tuple(i for i in range(len(g.shape)) if i != 1))


@op(
    node="NativeGroupNorm",
    outputs=3,
    kept=(1, 2),
    shared=channel_norm_rules,
    x=lambda shared: shared[0],
    weight=lambda shared: shared[1],
    bias=channel_bias,
)
def channel_norm(xp, x, weight, bias, /, *, groups, over, eps=1e-5):
    """`x` of shape (N, C, …) with mean 0 and variance 1, times `weight`, plus `bias`.

    There are statistics of each group of channels: of each example, or of all together.

    Args:
        groups: how many; all channels are one each where `over` is 0.
        over: 0 for statistics of all examples, 2 for those of each.
        eps: added to the variance.
    """
    dtype, shape = x.dtype, x.shape
    x = split(widened(x, xp), groups, xp)
    places = max(x.shape[3], 1)
    # Of each channel of each example; then of all of them, by the distances of their means.
    own = over_places(x, None, xp) / places
    mean = xp.mean(own, axis=over, keepdims=True)
    away = own - mean
    squares = away * away
    if x.shape[3] != 1:
        y = x - to_places(own, xp)
        squares = squares + over_places(y, y, xp) / places
    rstd = 1 / xp.sqrt(xp.mean(squares, axis=over, keepdims=True) + eps)
    form = (1, *x.shape[1:3])
    scale = rstd if weight is None else rstd * xp.reshape(widened(weight, xp), form)
    shift = -mean * scale
    if bias is not None:
        shift = shift + xp.reshape(widened(bias, xp), form)
    out = plus(x * to_places(scale, xp), to_places(shift, xp), xp)
    return like(dtype, xp, xp.reshape(out, shape), mean, rstd)
