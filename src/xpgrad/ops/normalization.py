"""Normalisation: mean 0 and variance 1 over some axes, then a scale and a shift.

The rules are those of Ba, Kiros, Hinton, *Layer Normalization* (2016) and Ioffe, Szegedy, *Batch
Normalization* (2015). Where ``y = r z`` with ``z = x - mean(x)`` and `h` is the gradient of `y`,
that of `x` is ``r (h - mean(h) - z r**2 mean(h z))``, and what is averaged are the very sums that
the gradients of scale and shift are made of. They are products with vectors, which takes libraries
a fraction of the time that reductions do. Half precision is computed in single.
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


def narrowed(x, dtype, xp):
    """An array in the dtype of what it was made of."""
    return x if x.dtype == dtype else xp.astype(x, dtype)


def times(x, y, xp):
    """The product, written over `x` where arrays can be: it is a result that nobody else knows."""
    if xp.mutable and (type(y) is float or x.dtype == y.dtype):
        x *= y
        return x
    return x * y


def plus(x, y, xp):
    """The sum, written over `x` where arrays can be."""
    if xp.mutable and x.dtype == y.dtype:
        x += y
        return x
    return x + y


def minus(x, y, xp):
    """The difference, written over `x` where arrays can be."""
    if xp.mutable and x.dtype == y.dtype:
        x -= y
        return x
    return x - y


def shaped(x, shape, xp):
    """An array in a shape; itself, and no view of it, where it has it."""
    return x if x.shape == shape else xp.reshape(x, shape)


def in_blocks(function, arrays, xp):
    """What a function makes of rows: an array like them and, or `None`, a sum over all rows.

    Of as many rows at a time as fit into the cache, where that matters.
    """
    first = arrays[0]
    rows, n = first.shape
    step = max((xp.block or 0) // max(n, 1), 1)
    if not xp.block or rows < 2 * step:
        return function(*arrays)
    out = total = None
    for i in range(0, rows, step):
        made, part = function(*[a[i : i + step, :] for a in arrays])
        if out is None:
            out, total = xp.empty(first.shape, dtype=made.dtype), part
        elif part is not None:
            total += part
        out[i : i + step, :] = made
    return out, total


# ------------------------------------------------------------------ over the last axes


def rows_of(x, axes, xp):
    """What is normalised together as rows of a matrix."""
    n = math.prod([x.shape[a] for a in axes])
    count = math.prod([m for i, m in enumerate(x.shape) if i not in axes])
    return xp.reshape(widened(x, xp), (count, n))


def column(x, xp):
    """A number for each row, beside the rows."""
    return xp.reshape(x, (x.shape[0], 1))


def centred(x, xp):
    """Rows less their means."""
    n = x.shape[1]
    return x - column(xp.matmul(x, xp.ones((n,), dtype=x.dtype)) / max(n, 1), xp)


def roots(x, eps, xp):
    """The reciprocal of the root of each row's mean square."""
    return 1 / xp.sqrt(xp.vecdot(x, x) / max(x.shape[1], 1) + eps)


def row_rules(g, z, rstd, weight, mean, xp):
    """The gradients of rows `z` over their root mean square, and of their weight.

    If `mean`, rows have been centred, and that has a gradient too.
    """
    n = z.shape[1]
    gz = g * z
    if weight is None:
        w, h = xp.ones((n,), dtype=z.dtype), g
    else:
        w = xp.reshape(widened(weight, xp), (n,))
        h = g * w
    slope = rstd * rstd * xp.matmul(gz, w) / max(n, 1)
    if mean:
        shift = xp.matmul(g, w) / max(n, 1)
        dx = times(plus(times(z, column(-slope, xp), xp), h, xp), column(rstd, xp), xp)
        dx = minus(dx, column(shift * rstd, xp), xp)
    else:
        dx = times(h - z * column(slope, xp), column(rstd, xp), xp)
    return dx, None if weight is None else xp.matmul(rstd, gz)


def layer_norm_rules(g, x, weight, axes, eps, xp):
    """The gradients of input and weight."""

    def of_block(x, g):
        z = centred(x, xp)
        return row_rules(g, z, roots(z, eps, xp), weight, True, xp)

    dx, dw = in_blocks(of_block, (rows_of(x, axes, xp), rows_of(g, axes, xp)), xp)
    return shaped(dx, x.shape, xp), dw


def layer_norm_bias(g, like, axes, xp):
    g = rows_of(g, axes, xp)
    return shaped(xp.matmul(xp.ones((g.shape[0],), dtype=g.dtype), g), like.shape, xp)


@op(
    node="NativeLayerNorm",
    shared=layer_norm_rules,
    x=lambda shared: shared[0],
    weight=lambda shared, like, xp: shaped(shared[1], like.shape, xp),
    bias=layer_norm_bias,
)
def layer_norm(xp, x, weight, bias, /, *, axes, eps=1e-5):
    """`x` with mean 0 and variance 1 over the last axes, times `weight`, plus `bias`."""
    rows = rows_of(x, axes, xp)
    weight, bias = (
        None if a is None else xp.reshape(widened(a, xp), rows.shape[1:]) for a in (weight, bias)
    )

    def of_block(x):
        y = centred(x, xp)
        y = times(y, column(roots(y, eps, xp), xp), xp)
        y = y if weight is None else times(y, weight, xp)
        return y if bias is None else plus(y, bias, xp), None

    y, _ = in_blocks(of_block, (rows,), xp)
    return shaped(narrowed(y, x.dtype, xp), x.shape, xp)


def rms_norm_rules(g, x, weight, axes, eps, xp):
    """The gradients of input and weight."""

    def of_block(x, g):
        return row_rules(g, x, roots(x, eps, xp), weight, False, xp)

    dx, dw = in_blocks(of_block, (rows_of(x, axes, xp), rows_of(g, axes, xp)), xp)
    return shaped(dx, x.shape, xp), dw


@op(
    node="FusedRmsNorm",
    shared=rms_norm_rules,
    x=lambda shared: shared[0],
    weight=lambda shared, like, xp: shaped(shared[1], like.shape, xp),
)
def rms_norm(xp, x, weight, /, *, axes, eps):
    """`x` over its root mean square along the last axes, times `weight`.

    Zhang, Sennrich, *Root Mean Square Layer Normalization* (2019), arXiv:1910.07467.
    """
    rows = rows_of(x, axes, xp)
    weight = None if weight is None else xp.reshape(widened(weight, xp), rows.shape[1:])

    def of_block(x):
        y = x * column(roots(x, eps, xp), xp)
        return y if weight is None else times(y, weight, xp), None

    y, _ = in_blocks(of_block, (rows,), xp)
    return shaped(narrowed(y, x.dtype, xp), x.shape, xp)


# ------------------------------------------------------------------ over channels
#
# Arrays have the shape (examples, groups, channels of a group, places) here, or that without the
# last where channels have one place each. Means and reciprocal standard deviations are results,
# too. They get gradients of their own only where gradients are differentiated.


def split(x, groups, xp):
    """An array of shape (N, C, …) as above."""
    n, c = x.shape[:2]
    places = math.prod(x.shape[2:])
    form = (n, groups, c // groups)
    return xp.reshape(widened(x, xp), form if places == 1 else (*form, places))


def wide(v, x, xp):
    """What is known of channels, beside their elements."""
    return v if len(x.shape) == 3 else xp.expand_dims(v, axis=3)


def over_places(x, y, xp):
    """The sums of products along the last of four axes; of `x` itself without `y`."""
    if len(x.shape) == 3:
        return x if y is None else x * y
    if y is not None:
        return xp.vecdot(x, y)
    places = x.shape[3]
    flat = xp.reshape(x, (math.prod(x.shape[:3]), places))
    return xp.reshape(xp.matmul(flat, xp.ones((places,), dtype=x.dtype)), x.shape[:3])


def channel_norm_rules(gs, x, weight, out, groups, over, xp):
    """The gradients of input, weight and bias."""
    g, g_mean, g_rstd = gs
    mean, rstd = widened(out[1], xp), widened(out[2], xp)
    shape = x.shape
    x = split(x, groups, xp)
    n = max(x.shape[over] * math.prod(x.shape[3:]), 1)
    if weight is not None:
        weight = xp.reshape(widened(weight, xp), (1, *x.shape[1:3]))
    dw = db = None
    slope, shift = 0.0, 0.0  # of the gradient, with the input
    z = x - wide(mean, x, xp)
    if g is not None:
        g = split(g, groups, xp)
        totals, products = over_places(g, None, xp), over_places(z, g, xp)
        db = xp.reshape(xp.sum(totals, axis=0), (shape[1],))
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
    dx = plus(times(z, wide(slope, x, xp), xp), wide(shift + 0 * slope, x, xp), xp)
    if g is not None:
        scale = rstd if weight is None else rstd * weight
        dx = plus(dx, g * wide(scale, x, xp), xp)
    return shaped(dx, shape, xp), dw, db


@op(
    node="NativeGroupNorm",
    outputs=3,
    kept=(1, 2),
    shared=channel_norm_rules,
    x=lambda shared: shared[0],
    weight=lambda shared: shared[1],
    bias=lambda shared: shared[2],
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
    x = split(x, groups, xp)
    places = max(math.prod(x.shape[3:]), 1)
    mean = xp.mean(over_places(x, None, xp), axis=over, keepdims=True) / places
    y = x - wide(mean, x, xp)
    var = xp.mean(over_places(y, y, xp), axis=over, keepdims=True) / places
    rstd = 1 / xp.sqrt(var + eps)
    form = (1, *x.shape[1:3])
    scale = rstd if weight is None else rstd * xp.reshape(widened(weight, xp), form)
    y = times(y, wide(scale, x, xp), xp)
    if bias is not None:
        y = plus(y, wide(xp.reshape(widened(bias, xp), form), x, xp), xp)
    return tuple(narrowed(a, dtype, xp) for a in (shaped(y, shape, xp), mean, rstd))
