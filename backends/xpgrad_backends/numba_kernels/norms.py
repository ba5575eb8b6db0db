"""Normalisation: each row, group or channel stays in the cache while it is gone over.

Sums over many rows are added up in parts of `BLOCK` rows, which keeps their rounding small.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from xpgrad_backends.numba_kernels.jit import EXACT, SUMS, alike, dense, kernel

Array = Any

BLOCK = 64

# ------------------------------------------------------------------ rows


@kernel(SUMS, inner=True)
def moments(row, centred, eps):
    """The mean, or 0 for rows that are not centred, and the reciprocal root mean square."""
    of = row.dtype.type
    mean, square = of(0), of(0)
    if centred:
        for j in range(row.size):
            mean += row[j]
        mean = of(mean / of(row.size))
    for j in range(row.size):
        z = row[j] - mean
        square += z * z
    return mean, of(1) / np.sqrt(square / of(row.size) + of(eps))


@kernel(SUMS)
def rows_forward(x, weight, bias, centred, eps, out):
    for i in range(x.shape[0]):
        row, found = x[i], out[i]
        mean, root = moments(row, centred, eps)
        for j in range(row.size):
            y = (row[j] - mean) * root
            if weight is not None:
                y *= weight[j]
            if bias is not None:
                y += bias[j]
            found[j] = y


@kernel(SUMS)
def rows_backward(g, x, weight, centred, eps, dx, dw):
    of = x.dtype.type
    n = of(x.shape[1])
    part = np.zeros_like(dw)
    for i in range(x.shape[0]):
        row, mine, found = x[i], g[i], dx[i]
        mean, root = moments(row, centred, eps)
        slope, shift = of(0), of(0)
        for j in range(row.size):
            h = mine[j]
            if weight is not None:
                h *= weight[j]
            slope += h * (row[j] - mean)
            shift += h
        slope *= -root * root / n
        shift = shift / n if centred else of(0)
        for j in range(row.size):
            h, z = mine[j], row[j] - mean
            if weight is not None:
                part[j] += h * z * root
                h *= weight[j]
            found[j] = (h - shift + z * slope) * root
        if weight is not None and (i % BLOCK == BLOCK - 1 or i == x.shape[0] - 1):
            for j in range(dw.size):
                dw[j] += part[j]
                part[j] = of(0)


# ------------------------------------------------------------------ channels
#
# Inputs are the images of channels, one to a row. A set of `count` rows has statistics: all
# channels of a group (their rows follow one another, and so do the sets), or one channel of all
# examples (its rows are `step` apart, and the sets begin with one row each).


@kernel(SUMS)
def images_forward(x, weight, bias, groups, count, step, leap, eps, out, mean, root):
    of = x.dtype.type
    n = of(count * x.shape[1])
    for s in range(mean.size):
        total = of(0)
        for k in range(count):
            row, part = x[s * leap + k * step], of(0)
            for j in range(row.size):
                part += row[j]
            total += part
        middle = of(total / n)
        total = of(0)
        for k in range(count):
            row, part = x[s * leap + k * step], of(0)
            for j in range(row.size):
                z = row[j] - middle
                part += z * z
            total += part
        r = of(1) / np.sqrt(total / n + of(eps))
        mean[s], root[s] = middle, r
        for k in range(count):
            i = s * leap + k * step
            row, found = x[i], out[i]
            channel = s % groups if leap == 1 else (s % groups) * count + k
            scale, shift = r, of(0)
            if weight is not None:
                scale *= weight[channel]
            if bias is not None:
                shift = bias[channel]
            for j in range(row.size):
                found[j] = (row[j] - middle) * scale + shift


@kernel(SUMS)
def images_backward(g, x, weight, mean, root, groups, count, step, leap, dx, dw, db):
    of = x.dtype.type
    n = of(count * x.shape[1])
    for s in range(mean.size):
        middle, r = mean[s], root[s]
        slope, shift = of(0), of(0)
        for k in range(count):
            i = s * leap + k * step
            row, mine = x[i], g[i]
            channel = s % groups if leap == 1 else (s % groups) * count + k
            total, product = of(0), of(0)
            for j in range(row.size):
                total += mine[j]
                product += mine[j] * (row[j] - middle)
            db[channel] += total
            dw[channel] += product * r
            if weight is not None:
                total *= weight[channel]
                product *= weight[channel]
            slope += product
            shift += total
        slope *= -r * r / n
        shift /= n
        for k in range(count):
            i = s * leap + k * step
            row, mine, found = x[i], g[i], dx[i]
            scale = of(1)
            if weight is not None:
                scale = weight[s % groups if leap == 1 else (s % groups) * count + k]
            for j in range(row.size):
                found[j] = (mine[j] * scale - shift + (row[j] - middle) * slope) * r


# ------------------------------------------------------------------ columns: channels of one place


@kernel(SUMS)
def columns_forward(x, weight, bias, eps, out, mean, root):
    of = x.dtype.type
    rows, columns = x.shape
    n = of(rows)
    part = np.empty(columns, x.dtype)
    for a in range(0, rows, BLOCK):
        part[:] = of(0)
        for i in range(a, min(a + BLOCK, rows)):
            row = x[i]
            for j in range(columns):
                part[j] += row[j]
        for j in range(columns):
            mean[j] += part[j] / n
    for a in range(0, rows, BLOCK):
        part[:] = of(0)
        for i in range(a, min(a + BLOCK, rows)):
            row = x[i]
            for j in range(columns):
                z = row[j] - mean[j]
                part[j] += z * z
        for j in range(columns):
            root[j] += part[j]
    for j in range(columns):
        root[j] = of(1) / np.sqrt(root[j] / n + of(eps))
        part[j] = root[j]
        if weight is not None:
            part[j] *= weight[j]
    for i in range(rows):
        row, found = x[i], out[i]
        for j in range(columns):
            y = (row[j] - mean[j]) * part[j]
            if bias is not None:
                y += bias[j]
            found[j] = y


@kernel(SUMS)
def columns_backward(g, x, weight, mean, root, dx, dw, db):
    of = x.dtype.type
    rows, columns = x.shape
    n = of(rows)
    totals, products = np.empty(columns, x.dtype), np.empty(columns, x.dtype)
    for a in range(0, rows, BLOCK):
        totals[:] = of(0)
        products[:] = of(0)
        for i in range(a, min(a + BLOCK, rows)):
            row, mine = x[i], g[i]
            for j in range(columns):
                totals[j] += mine[j]
                products[j] += mine[j] * (row[j] - mean[j])
        for j in range(columns):
            db[j] += totals[j]
            dw[j] += products[j]
    scale, slope, shift = totals, products, np.empty(columns, x.dtype)
    for j in range(columns):
        r = root[j]
        dw[j] *= r
        scale[j] = r
        if weight is not None:
            scale[j] *= weight[j]
        slope[j] = -dw[j] * r / n
        shift[j] = db[j] / n
    for i in range(rows):
        row, mine, found = x[i], g[i], dx[i]
        for j in range(columns):
            found[j] = (mine[j] - shift[j] + (row[j] - mean[j]) * slope[j]) * scale[j]


# ------------------------------------------------------------------ channels by given numbers


@kernel(EXACT)
def images_scaled(x, scale, shift, out):
    of = x.dtype.type
    for i in range(x.shape[0]):
        row, found = x[i], out[i]
        a = scale[i % scale.size]
        b = of(0) if shift is None else shift[i % scale.size]
        for j in range(row.size):
            found[j] = row[j] * a if shift is None else row[j] * a + b


@kernel(EXACT)
def columns_scaled(x, scale, shift, out):
    for i in range(x.shape[0]):
        row, found = x[i], out[i]
        for j in range(row.size):
            y = row[j] * scale[j]
            found[j] = y if shift is None else y + shift[j]


@kernel(SUMS)
def images_summed(g, x, mean, totals, products):
    of = x.dtype.type
    for i in range(x.shape[0]):
        row, mine, c = x[i], g[i], i % mean.size
        middle, total, product = mean[c], of(0), of(0)
        for j in range(row.size):
            total += mine[j]
            product += mine[j] * (row[j] - middle)
        totals[c] += total
        products[c] += product


@kernel(SUMS)
def columns_summed(g, x, mean, totals, products):
    of = x.dtype.type
    rows, columns = x.shape
    total, product = np.empty(columns, x.dtype), np.empty(columns, x.dtype)
    for a in range(0, rows, BLOCK):
        total[:] = of(0)
        product[:] = of(0)
        for i in range(a, min(a + BLOCK, rows)):
            row, mine = x[i], g[i]
            for j in range(columns):
                total[j] += mine[j]
                product[j] += mine[j] * (row[j] - mean[j])
        for j in range(columns):
            totals[j] += total[j]
            products[j] += product[j]


# ------------------------------------------------------------------ what the namespace calls


def vector(x: Array | None) -> Array | None:
    return x if x is None or (x.ndim == 1 and x.flags.carray) else dense(x).reshape(-1)


def layer_norm(
    x: Array, weight: Array | None, bias: Array | None, axes: tuple[int, ...], eps: float
) -> Array | None:
    return _rows(x, weight, bias, axes, eps, True)


def rms_norm(x: Array, weight: Array | None, axes: tuple[int, ...], eps: float) -> Array | None:
    return _rows(x, weight, None, axes, eps, False)


def layer_norm_gradients(
    g: Array, x: Array, weight: Array | None, axes: tuple[int, ...], eps: float
) -> tuple[Array, Array | None] | None:
    return _rows_gradients(g, x, weight, axes, eps, True)


def rms_norm_gradients(
    g: Array, x: Array, weight: Array | None, axes: tuple[int, ...], eps: float
) -> tuple[Array, Array | None] | None:
    return _rows_gradients(g, x, weight, axes, eps, False)


def _rows(
    x: Array, weight: Array | None, bias: Array | None, axes: Any, eps: float, centred: bool
) -> Array | None:
    if not alike(x, weight, bias):
        return None
    form = (-1, math.prod([x.shape[a] for a in axes]))
    out = np.empty(x.shape, x.dtype)
    given = dense(x).reshape(form), vector(weight), vector(bias)
    rows_forward(*given, centred, float(eps), out.reshape(form))
    return out


def _rows_gradients(
    g: Array, x: Array, weight: Array | None, axes: Any, eps: float, centred: bool
) -> tuple[Array, Array | None] | None:
    if not alike(x, g, weight) or g.shape != x.shape:
        return None
    n = math.prod([x.shape[a] for a in axes])
    dx, dw = np.empty(x.shape, x.dtype), np.zeros(n, x.dtype)
    given = dense(g).reshape(-1, n), dense(x).reshape(-1, n), vector(weight)
    rows_backward(*given, centred, float(eps), dx.reshape(-1, n), dw)
    return dx, None if weight is None else dw


def _sets(x: Array, groups: int, over: int) -> tuple[int, int, int, int]:
    """How many sets there are, and ``count``, ``step``, ``leap`` (see above)."""
    n, c = x.shape[:2]
    return (groups, n, c, 1) if over == 0 else (n * groups, c // groups, 1, c // groups)


def channel_norm(
    x: Array, weight: Array | None, bias: Array | None, groups: int, over: int, eps: float
) -> tuple[Array, Array, Array] | None:
    places = math.prod(x.shape[2:])
    if not alike(x, weight, bias) or (over and places == 1):
        return None
    sets, count, step, leap = _sets(x, groups, over)
    out, mean, root = np.empty(x.shape, x.dtype), np.zeros(sets, x.dtype), np.zeros(sets, x.dtype)
    form = x.shape[:2] if places == 1 else (-1, places)
    given = dense(x).reshape(form), vector(weight), vector(bias)
    if places == 1:
        columns_forward(*given, float(eps), out.reshape(form), mean, root)
    else:
        how = (groups, count, step, leap, float(eps))
        images_forward(*given, *how, out.reshape(form), mean, root)
    shape = (1, groups, 1) if over == 0 else (x.shape[0], groups, 1)
    return out, mean.reshape(shape), root.reshape(shape)


def channel_norm_gradients(
    gs: tuple[Array | None, ...], x: Array, weight: Array | None, out: Any, groups: int, over: int
) -> tuple[Array, Array | None, Array] | None:
    g, *others = gs
    _, mean, root = out
    places = math.prod(x.shape[2:])
    if g is None or any(other is not None for other in others) or (over and places == 1):
        return None
    if not alike(x, g, weight, mean, root) or g.shape != x.shape:
        return None
    c = x.shape[1]
    dx, dw, db = np.empty(x.shape, x.dtype), np.zeros(c, x.dtype), np.zeros(c, x.dtype)
    form = x.shape[:2] if places == 1 else (-1, places)
    given = dense(g).reshape(form), dense(x).reshape(form), vector(weight)
    moments = vector(mean), vector(root)
    if places == 1:
        columns_backward(*given, *moments, dx.reshape(form), dw, db)
    else:
        _, count, step, leap = _sets(x, groups, over)
        how = (groups, count, step, leap)
        images_backward(*given, *moments, *how, dx.reshape(form), dw, db)
    return dx, None if weight is None else dw, db


def scaled(x: Array, scale: Array, shift: Array | None) -> Array | None:
    places = math.prod(x.shape[2:])
    if not alike(x, scale, shift) or (places == 1 and scale.ndim > 1):
        return None
    out = np.empty(x.shape, x.dtype)
    form = x.shape[:2] if places == 1 else (-1, places)
    given = dense(x).reshape(form), vector(scale), vector(shift)
    (columns_scaled if places == 1 else images_scaled)(*given, out.reshape(form))
    return out


def channel_sums(g: Array, x: Array, mean: Array) -> tuple[Array, Array] | None:
    if not alike(x, g, mean) or g.shape != x.shape:
        return None
    places = math.prod(x.shape[2:])
    form = x.shape[:2] if places == 1 else (-1, places)
    totals, products = np.zeros(mean.size, x.dtype), np.zeros(mean.size, x.dtype)
    given = dense(g).reshape(form), dense(x).reshape(form), vector(mean)
    (columns_summed if places == 1 else images_summed)(*given, totals, products)
    return totals, products
