"""Softmax and cross entropy: each row stays in the cache while it is gone over.

Where what belongs together lies along another axis than the last, rows are gone over side by side:
`WIDE` at a time, of which LLVM makes vectors.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numba.extending import overload

from xpgrad_backends.numba_kernels.jit import EXACT, SUMS, alike, dense, flat, kernel, sizes

Array = Any

WIDE = 128

# ------------------------------------------------------------------ exponentials and logarithms
#
# exp(x) as in `pointwise`, of what is not large. It stands here too, for a cache of compiled
# functions looks at the time of one file alone.

INNER = {"fastmath": EXACT, "error_model": "numpy", "forceinline": True}
LOG2E = 1.4426950408889634


@kernel(EXACT, inner=True)
def exp_single(x):
    """The exponential of a number that is below 64."""
    x = np.float32(-104) if x < np.float32(-104) else x
    digits = x * np.float32(LOG2E) + np.float32(12582912)
    n = digits - np.float32(12582912)
    r = (x - n * np.float32(0.693145751953125)) - n * np.float32(1.428606765330187e-06)
    p = np.float32(1 / 5040)
    p = p * r + np.float32(1 / 720)
    p = p * r + np.float32(1 / 120)
    p = p * r + np.float32(1 / 24)
    p = p * r + np.float32(1 / 6)
    p = p * r + np.float32(1 / 2)
    p = p * r * r + r
    whole = np.int32(np.float32(digits).view(np.int32) - 0x4B400000)
    half = np.int32(whole >> 1)
    a = np.int32((half + 127) << 23).view(np.float32)
    b = np.int32((whole - half + 127) << 23).view(np.float32)
    return (p * a + a) * b


@kernel(EXACT, inner=True)
def exp_double(x):
    """The exponential of a number that is below 512."""
    x = -746.0 if x < -746.0 else x
    digits = x * LOG2E + 6755399441055744.0
    n = digits - 6755399441055744.0
    r = (x - n * 0.6931471803691238) - n * 1.9082149292705877e-10
    p = 1 / 6227020800
    p = p * r + 1 / 479001600
    p = p * r + 1 / 39916800
    p = p * r + 1 / 3628800
    p = p * r + 1 / 362880
    p = p * r + 1 / 40320
    p = p * r + 1 / 5040
    p = p * r + 1 / 720
    p = p * r + 1 / 120
    p = p * r + 1 / 24
    p = p * r + 1 / 6
    p = p * r + 1 / 2
    p = p * r * r + r
    whole = np.float64(digits).view(np.int64) - 0x4338000000000000
    half = whole >> 1
    a = np.int64((half + 1023) << 52).view(np.float64)
    b = np.int64((whole - half + 1023) << 52).view(np.float64)
    return (p * a + a) * b


# log(y) = k log(2) + log(m) with m between the roots of 1/2 and of 2; log(m) is twice the inverse
# hyperbolic tangent of (m - 1) / (m + 1), by its series. The last term makes nan of nan.


@kernel(EXACT, inner=True)
def log_single(y):
    """The logarithm of a number that is at least 1."""
    bits = np.int32(np.float32(y).view(np.int32))
    k = np.int32((bits - 0x3F3504F3) >> 23)
    m = np.int32(bits - (k << 23)).view(np.float32)
    z = (m - np.float32(1)) / (m + np.float32(1))
    w = z * z
    p = np.float32(2 / 9)
    p = p * w + np.float32(2 / 7)
    p = p * w + np.float32(2 / 5)
    p = p * w + np.float32(2 / 3)
    low = np.float32(k) * np.float32(1.428606765330187e-06) + z * w * p + np.float32(2) * z
    return np.float32(k) * np.float32(0.693145751953125) + low + (y - y)


@kernel(EXACT, inner=True)
def log_double(y):
    """The logarithm of a number that is at least 1."""
    bits = np.int64(np.float64(y).view(np.int64))
    k = np.int64((bits - 0x3FE6A09E667F3BCD) >> 52)
    m = np.int64(bits - (k << 52)).view(np.float64)
    z = (m - 1.0) / (m + 1.0)
    w = z * z
    p = 2 / 21
    p = p * w + 2 / 19
    p = p * w + 2 / 17
    p = p * w + 2 / 15
    p = p * w + 2 / 13
    p = p * w + 2 / 11
    p = p * w + 2 / 9
    p = p * w + 2 / 7
    p = p * w + 2 / 5
    p = p * w + 2 / 3
    low = np.float64(k) * 1.9082149292705877e-10 + z * w * p + 2.0 * z
    return np.float64(k) * 0.6931471803691238 + low + (y - y)


def exp(x):
    """The exponential of what is not large, in the precision of `x`."""


def log(y):
    """The logarithm of what is at least 1, in the precision of `y`."""


@overload(exp, jit_options=INNER)
def _exp(x):
    if x == types.float32:
        return lambda x: exp_single(x)
    return lambda x: exp_double(x)


@overload(log, jit_options=INNER)
def _log(y):
    if y == types.float32:
        return lambda y: log_single(y)
    return lambda y: log_double(y)


# ------------------------------------------------------------------ rows


@kernel(EXACT, inner=True)
def largest(row, lanes):
    """The largest number of a row, by as many lanes as are given; nan does not count."""
    n, m = row.size, lanes.size
    for k in range(m):
        lanes[k] = -np.inf
    for j in range(0, n - m + 1, m):
        part = row[j : j + m]
        for k in range(m):
            lanes[k] = part[k] if part[k] > lanes[k] else lanes[k]
    top = lanes[0]
    for k in range(m):
        top = lanes[k] if lanes[k] > top else top
    for j in range(n - n % m, n):
        top = row[j] if row[j] > top else top
    return top


@kernel(SUMS)
def softmaxes(x, out):
    of = x.dtype.type
    lanes = np.empty(32, x.dtype)
    for i in range(x.shape[0]):
        row, found = x[i], out[i]
        top = largest(row, lanes)
        total = of(0)
        for j in range(row.size):
            e = exp(row[j] - top)
            found[j] = e
            total += e
        scale = of(1) / total
        for j in range(row.size):
            found[j] *= scale


@kernel(SUMS)
def softmax_gradients(g, y, out):
    of = y.dtype.type
    for i in range(y.shape[0]):
        mine, share, found = g[i], y[i], out[i]
        total = of(0)
        for j in range(mine.size):
            total += mine[j] * share[j]
        for j in range(mine.size):
            found[j] = (mine[j] - total) * share[j]


@kernel(SUMS)
def log_softmaxes(x, out):
    of = x.dtype.type
    lanes = np.empty(32, x.dtype)
    for i in range(x.shape[0]):
        row, found = x[i], out[i]
        top = largest(row, lanes)
        total = of(0)
        for j in range(row.size):
            e = row[j] - top
            found[j] = e
            total += exp(e)
        total = of(np.log(total))
        for j in range(row.size):
            found[j] -= total


@kernel(SUMS)
def log_softmax_gradients(g, y, out):
    of = y.dtype.type
    for i in range(y.shape[0]):
        mine, log, found = g[i], y[i], out[i]
        total = of(0)
        for j in range(mine.size):
            total += mine[j]
        for j in range(mine.size):
            found[j] = mine[j] - exp(log[j]) * total


# ------------------------------------------------------------------ rows side by side


@kernel(EXACT, inner=True)
def largest_across(x, i, a, m, top):
    """The largest numbers of `m` rows from `a` on."""
    for j in range(m):
        top[j] = x[i, 0, a + j]
    for c in range(1, x.shape[1]):
        line = x[i, c, a : a + m]
        for j in range(m):
            top[j] = line[j] if line[j] > top[j] else top[j]


@kernel(SUMS)
def softmaxes_across(x, out):
    of = x.dtype.type
    images, classes, places = x.shape
    top, total = np.empty(WIDE, x.dtype), np.empty(WIDE, x.dtype)
    for i in range(images):
        for a in range(0, places, WIDE):
            m = min(WIDE, places - a)
            largest_across(x, i, a, m, top)
            total[:] = of(0)
            for c in range(classes):
                line, found = x[i, c, a : a + m], out[i, c, a : a + m]
                for j in range(m):
                    e = exp(line[j] - top[j])
                    found[j] = e
                    total[j] += e
            for j in range(m):
                total[j] = of(1) / total[j]
            for c in range(classes):
                found = out[i, c, a : a + m]
                for j in range(m):
                    found[j] *= total[j]


@kernel(SUMS)
def softmax_gradients_across(g, y, out):
    of = y.dtype.type
    images, classes, places = y.shape
    total = np.empty(WIDE, y.dtype)
    for i in range(images):
        for a in range(0, places, WIDE):
            m = min(WIDE, places - a)
            total[:] = of(0)
            for c in range(classes):
                mine, share = g[i, c, a : a + m], y[i, c, a : a + m]
                for j in range(m):
                    total[j] += mine[j] * share[j]
            for c in range(classes):
                mine, share, found = g[i, c, a : a + m], y[i, c, a : a + m], out[i, c, a : a + m]
                for j in range(m):
                    found[j] = (mine[j] - total[j]) * share[j]


@kernel(SUMS)
def log_softmaxes_across(x, out):
    of = x.dtype.type
    images, classes, places = x.shape
    top, total = np.empty(WIDE, x.dtype), np.empty(WIDE, x.dtype)
    for i in range(images):
        for a in range(0, places, WIDE):
            m = min(WIDE, places - a)
            largest_across(x, i, a, m, top)
            total[:] = of(0)
            for c in range(classes):
                line, found = x[i, c, a : a + m], out[i, c, a : a + m]
                for j in range(m):
                    e = line[j] - top[j]
                    found[j] = e
                    total[j] += exp(e)
            for j in range(m):
                total[j] = log(total[j])
            for c in range(classes):
                found = out[i, c, a : a + m]
                for j in range(m):
                    found[j] -= total[j]


@kernel(SUMS)
def log_softmax_gradients_across(g, y, out):
    of = y.dtype.type
    images, classes, places = y.shape
    total = np.empty(WIDE, y.dtype)
    for i in range(images):
        for a in range(0, places, WIDE):
            m = min(WIDE, places - a)
            total[:] = of(0)
            for c in range(classes):
                mine = g[i, c, a : a + m]
                for j in range(m):
                    total[j] += mine[j]
            for c in range(classes):
                mine, logs, found = g[i, c, a : a + m], y[i, c, a : a + m], out[i, c, a : a + m]
                for j in range(m):
                    found[j] = mine[j] - exp(logs[j]) * total[j]


# ------------------------------------------------------------------ cross entropy
#
# A `weight` for each class, and the share `smoothing` that is spread over all of them, are `None`
# where there are none; `whole` is the sum of the weights. No target is `ignore` where all count.


@kernel(EXACT)
def weighed(target, weight, ignore):
    """The sum of the weights of all targets."""
    total = 0.0
    for i in range(target.size):
        if target[i] != ignore:
            total += 1.0 if weight is None else weight[target[i]]
    return total


@kernel(SUMS, inner=True)
def term(total, picked, even, factor, smoothing, whole, classes):
    """Of a row, from the logarithm of its sum, what the target picks and the sum of all."""
    of = type(total)
    found = (total - picked) * factor
    if smoothing is not None:
        found *= of(1 - smoothing)
        found += (total * of(whole) - even) * of(smoothing / classes)
    return found


@kernel(SUMS, inner=True)
def parts(each, factor, total, smoothing, whole, classes):
    """The gradient at the target, at all classes alike, and at the exponentials."""
    of = type(total)
    hard, even = each * factor, of(0)
    if smoothing is not None:
        hard *= of(1 - smoothing)
        even = each * of(smoothing / classes)
    return hard, even, (hard + even * of(whole)) / total


@kernel(SUMS)
def cross_entropies(x, target, weight, ignore, smoothing, whole, powers, terms):
    of = x.dtype.type
    lanes = np.empty(32, x.dtype)
    for i in range(x.shape[0]):
        row, found, t = x[i], powers[i], target[i]
        top = largest(row, lanes)
        total, even = of(0), of(0)
        for j in range(row.size):
            z = row[j] - top
            if smoothing is not None:
                even += z if weight is None else z * weight[j]
            e = exp(z)
            found[j] = e
            total += e
        if t == ignore:
            terms[i] = of(0)
        else:
            factor = of(1) if weight is None else weight[t]
            how = factor, smoothing, whole, row.size
            terms[i] = term(log(total), row[t] - top, even, *how)


@kernel(SUMS)
def cross_entropy_gradients(each, powers, target, weight, ignore, smoothing, whole, out):
    of = powers.dtype.type
    for i in range(powers.shape[0]):
        share, found, t = powers[i], out[i], target[i]
        total = of(0)
        for j in range(share.size):
            total += share[j]
        mine = each[i]
        if t == ignore:
            t, mine = 0, of(0)
        factor = of(1) if weight is None else weight[t]
        hard, even, scale = parts(mine, factor, total, smoothing, whole, share.size)
        for j in range(share.size):
            slope = share[j] * scale
            if smoothing is not None:
                slope -= even if weight is None else even * weight[j]
            found[j] = slope
        found[t] -= hard


@kernel(SUMS)
def cross_entropies_across(x, target, weight, ignore, smoothing, whole, powers, terms):
    of = x.dtype.type
    images, classes, places = x.shape
    top, total, even = np.empty(WIDE, x.dtype), np.empty(WIDE, x.dtype), np.zeros(WIDE, x.dtype)
    for i in range(images):
        for a in range(0, places, WIDE):
            m = min(WIDE, places - a)
            largest_across(x, i, a, m, top)
            total[:] = of(0)
            even[:] = of(0)
            for c in range(classes):
                line, found = x[i, c, a : a + m], powers[i, c, a : a + m]
                share = of(1) if weight is None else weight[c]
                for j in range(m):
                    z = line[j] - top[j]
                    if smoothing is not None:
                        even[j] += z * share
                    e = exp(z)
                    found[j] = e
                    total[j] += e
            for j in range(m):
                total[j] = log(total[j])
            for j in range(m):
                t = target[i, a + j]
                if t == ignore:
                    terms[i, a + j] = of(0)
                else:
                    factor = of(1) if weight is None else weight[t]
                    picked = x[i, t, a + j] - top[j]
                    how = factor, smoothing, whole, classes
                    terms[i, a + j] = term(total[j], picked, even[j], *how)


@kernel(SUMS)
def cross_entropy_gradients_across(each, powers, target, weight, ignore, smoothing, whole, out):
    of = powers.dtype.type
    images, classes, places = powers.shape
    total, hard, even = (
        np.empty(WIDE, powers.dtype),
        np.empty(WIDE, powers.dtype),
        np.empty(WIDE, powers.dtype),
    )
    for i in range(images):
        for a in range(0, places, WIDE):
            m = min(WIDE, places - a)
            total[:] = of(0)
            for c in range(classes):
                share = powers[i, c, a : a + m]
                for j in range(m):
                    total[j] += share[j]
            for j in range(m):
                t, mine = target[i, a + j], each[i, a + j]
                if t == ignore:
                    t, mine = 0, of(0)
                factor = of(1) if weight is None else weight[t]
                how = smoothing, whole, classes
                hard[j], even[j], total[j] = parts(mine, factor, total[j], *how)
            for c in range(classes):
                share, found = powers[i, c, a : a + m], out[i, c, a : a + m]
                of_class = of(1) if weight is None else weight[c]
                for j in range(m):
                    slope = share[j] * total[j]
                    if smoothing is not None:
                        slope -= even[j] * of_class
                    found[j] = slope
            for j in range(m):
                t = target[i, a + j]
                out[i, 0 if t == ignore else t, a + j] -= hard[j]


# ------------------------------------------------------------------ what the namespace calls


def along(rows: Any, across: Any, *arrays: Array, axis: int) -> Array | None:
    """What one of two kernels makes of an axis; `None` where they are not made for the arrays."""
    shape = arrays[0].shape
    if not alike(*arrays) or any(a.shape != shape for a in arrays):
        return None
    out, (lines, n, width) = np.empty(shape, arrays[0].dtype), sizes(shape, axis)
    form = (lines, n) if width == 1 else (lines, n, width)
    given = (dense(a).reshape(form) for a in arrays)
    (rows if width == 1 else across)(*given, out.reshape(form))
    return out


def softmax(x: Array, axis: int) -> Array | None:
    return along(softmaxes, softmaxes_across, x, axis=axis)


def softmax_gradient(g: Array, out: Array, axis: int) -> Array | None:
    return along(softmax_gradients, softmax_gradients_across, g, out, axis=axis)


def log_softmax(x: Array, axis: int) -> Array | None:
    return along(log_softmaxes, log_softmaxes_across, x, axis=axis)


def log_softmax_gradient(g: Array, out: Array, axis: int) -> Array | None:
    return along(log_softmax_gradients, log_softmax_gradients_across, g, out, axis=axis)


def targets(
    x: Array, target: Array, weight: Array | None, ignore: int | None, smoothing: float
) -> Any:
    """How classes are weighted, and the forms of arrays; `None` for what kernels do not take."""
    if not alike(x, weight) or not x.size or target.dtype != np.int64:
        return None
    weight = None if weight is None else flat(weight)
    whole = float(x.shape[1] if weight is None else weight.sum())
    how = (weight, -1 if ignore is None else ignore, smoothing or None, whole)
    _, classes, places = sizes(x.shape, 1)
    if places == 1:
        return how, (-1, classes), (-1,)
    return how, (-1, classes, places), (-1, places)


def mass(target: Array, weight: Array | None, ignore: int | None) -> float:
    """The sum of the weights of all targets."""
    if weight is None and ignore is None:
        return target.size
    weight = None if weight is None else flat(weight)
    found: float = weighed(flat(target), weight, -1 if ignore is None else ignore)
    return found


def cross_entropy(
    x: Array, target: Array, weight: Array | None, reduction: str, ignore: int | None,
    smoothing: float,
) -> tuple[Array, Array] | None:  # fmt: skip
    made = targets(x, target, weight, ignore, smoothing)
    if made is None:
        return None
    how, form, places = made
    powers, terms = np.empty(x.shape, x.dtype), np.empty(target.shape, x.dtype)
    run = cross_entropies if len(form) == 2 else cross_entropies_across
    given = dense(x).reshape(form), dense(target).reshape(places)
    run(*given, *how, powers.reshape(form), terms.reshape(places))
    if reduction == "none":
        return terms, powers
    loss = terms.sum()
    if reduction == "mean":
        n = x.dtype.type(mass(target, weight, ignore))
        loss = loss / n + (0 / n if smoothing else 0)  # nan where the targets weigh nothing
    return loss, powers


def cross_entropy_gradient(
    g: Array, out: Array, target: Array, weight: Array | None, reduction: str, ignore: int | None,
    smoothing: float,
) -> Array | None:  # fmt: skip
    made = targets(out, target, weight, ignore, smoothing)
    if made is None:
        return None
    how, form, places = made
    each = np.empty(target.shape, out.dtype)
    each[...] = g / out.dtype.type(mass(target, weight, ignore)) if reduction == "mean" else g
    dx = np.empty(out.shape, out.dtype)
    run = cross_entropy_gradients if len(form) == 2 else cross_entropy_gradients_across
    given = each.reshape(places), dense(out).reshape(form), dense(target).reshape(places)
    run(*given, *how, dx.reshape(form))
    return dx
