"""Reading axes and images at other places than they have."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from xpgrad.sampled import CUBIC, FAR
from xpgrad_backends.numba_kernels.jit import EXACT, alike, dense, flat, kernel, sizes

Array = Any

# ------------------------------------------------------------------ along an axis


@kernel(EXACT)
def elements_summed(x, elements, weights, out, lines, n):
    """``out[i, j]`` is the sum over `k` of ``x[i, elements[k, j]] * weights[k, j]``."""
    of = x.dtype.type
    count = np.uintp(elements.shape[1])
    line, to = np.uintp(0), np.uintp(0)
    for _ in range(lines):
        for k in range(elements.shape[0]):
            places, shares = elements[k], weights[k]
            for j in range(count):
                part = x[line + places[j]] * shares[j]
                part = of(0) if shares[j] == of(0) else part  # inf times nothing is nothing
                out[to + j] = part if k == 0 else out[to + j] + part
        to += count
        line += np.uintp(n)


@kernel(EXACT)
def elements_taken(x, elements, out, lines, n):
    """``out[i, j] = x[i, elements[j]]``."""
    to, line = np.uintp(0), np.uintp(0)
    for _ in range(lines):
        for j in range(np.uintp(elements.size)):
            out[to] = x[line + elements[j]]
            to += np.uintp(1)
        line += np.uintp(n)


@kernel(EXACT)
def rows_summed(x, starts, elements, weights, out, lines, n, width):
    """The same of rows of several elements."""
    width, to = np.uintp(width), np.uintp(0)
    of = x.dtype.type
    for i in range(np.uintp(lines)):
        for j in range(np.uintp(starts.size - 1)):
            first, last = starts[j], starts[j + np.uintp(1)]
            if first == last:
                for m in range(width):
                    out[to + m] = of(0)
            for k in range(first, last):
                at, weight = (i * np.uintp(n) + elements[k]) * width, weights[k]
                if k > first:
                    for m in range(width):
                        out[to + m] += x[at + m] * weight
                elif weight == of(1):
                    for m in range(width):
                        out[to + m] = x[at + m]
                else:
                    for m in range(width):
                        out[to + m] = x[at + m] * weight
            to += width


# ------------------------------------------------------------------ at the places of a grid
#
# Of some hundred places at a time, what they take of each dimension of space comes first, then what
# they take of all together, and then all channels are gone through. A position of minus one is
# outside, and becomes that behind the last element.

PLACES = 512
NEAREST, LINEAR, CUBICALLY = 1, 2, 4  # modes, as how many elements they take of a dimension
ZEROS, BORDER, REFLECTION = 0, 1, 2  # what is beyond the input


@kernel(EXACT, inner=True)
def brought(at, change, count, n, padding, align):
    """Places are brought inside, where nothing else stands for what is outside; the derivatives."""
    of = at.dtype.type
    last = of(n - 1)
    low, span = (of(0), last) if align else (of(-0.5), of(n))
    if padding == REFLECTION:
        for p in range(count):
            away = abs(at[p] - low)
            times = np.floor(away / span)
            extra = away - times * span
            even = times == of(2) * np.floor(times / of(2))
            up = at[p] > low
            change[p] = change[p] if up == even else -change[p]
            at[p] = (extra if even else span - extra) + low
            if span == of(0):
                at[p], change[p] = away * of(0), of(0)
    if padding != ZEROS:
        for p in range(count):
            here = at[p]
            change[p] = change[p] if here > of(0) and here < last else of(0)
            here = last if here >= last else here
            at[p] = here if here > of(0) else of(0)


@kernel(EXACT, inner=True)
def positions(at, by, count, n, padding, where):
    """Whole numbers plus one as positions."""
    of, everywhere = at.dtype.type, padding != ZEROS
    last, by = of(n - 1), of(by)
    for p in range(count):
        here = at[p] + by
        here = here if abs(here) < of(FAR) else of(-100)
        inside = (here >= of(0)) & (here <= last)
        here = here if here > of(0) else of(0)
        here = here if here < last else last
        where[p] = np.int32(here) if inside | everywhere else np.int32(-1)


@kernel(EXACT, inner=True)
def line(grid, begin, step, count, n, mode, padding, align, at, change, where, weight, slope):
    """What places take of one dimension: positions, weights, and their derivatives."""
    of = grid.dtype.type
    scale = of((n - 1) / 2 if align else n / 2)
    by, less = (of(n - 1), of(0)) if align else (of(n), of(0.5))
    begin, step = np.uintp(begin), np.uintp(step)
    for p in range(count):
        at[p] = (grid[begin + p * step] + of(1)) / of(2) * by - less
        change[p] = scale
    if mode == CUBICALLY:
        for p in range(count):
            low = np.floor(at[p])
            t = at[p] - low
            change[p] = low
            c = of(1) - t
            s, r = t + of(1), of(2) - t
            weight[0, p] = (((s - of(5)) * s + of(8)) * s - of(4)) * of(CUBIC)
            weight[1, p] = (of(CUBIC + 2) * t - of(CUBIC + 3)) * t * t + of(1)
            weight[2, p] = (of(CUBIC + 2) * c - of(CUBIC + 3)) * c * c + of(1)
            weight[3, p] = (((r - of(5)) * r + of(8)) * r - of(4)) * of(CUBIC)
            far, near = of(CUBIC) * scale, of(3 * (CUBIC + 2))
            slope[0, p] = ((of(3) * s - of(10)) * s + of(8)) * far
            slope[1, p] = (near * t - of(2 * (CUBIC + 3))) * t * scale
            slope[2, p] = (of(2 * (CUBIC + 3)) - near * c) * c * scale
            slope[3, p] = ((of(10) - of(3) * r) * r - of(8)) * far
        unused = np.empty_like(at)
        for k in range(4):
            for p in range(count):
                at[p], unused[p] = change[p] + of(k - 1), of(0)
            brought(at, unused, count, n, padding, align)
            positions(at, 0, count, n, padding, where[k])
        return
    brought(at, change, count, n, padding, align)
    if mode == LINEAR:
        for p in range(count):
            low = np.floor(at[p])
            share = at[p] - low
            at[p] = low
            weight[0, p], weight[1, p] = of(1) - share, share
            slope[0, p], slope[1, p] = -change[p], change[p]
        positions(at, 0, count, n, padding, where[0])
        positions(at, 1, count, n, padding, where[1])
    else:
        for p in range(count):
            at[p], weight[0, p] = np.rint(at[p]), of(1)
        positions(at, 0, count, n, padding, where[0])


@kernel(EXACT, inner=True)
def joined(before, at, n, shares, share, index, product, count):
    """Positions and weights of some dimensions together with one more."""
    for p in range(count):
        inside = (before[p] >= 0) & (at[p] >= 0)
        index[p] = before[p] * np.int32(n) + at[p] if inside else np.int32(-1)
        product[p] = shares[p] * share[p]


@kernel(EXACT, inner=True)
def together(k, count, size, mode, where, weight, index, product):
    """Position and weight of the element `k` that places take of all dimensions together."""
    space, last = len(size), k % mode
    i = k // mode % mode
    if space == 3:
        first = k // mode // mode
        joined(
            where[0, first], where[1, i], size[1], weight[0, first], weight[1, i],
            index[k], product[k], count,
        )  # fmt: skip
        joined(
            index[k], where[2, last], size[2], product[k], weight[2, last],
            index[k], product[k], count,
        )  # fmt: skip
    else:
        joined(
            where[0, i], where[1, last], size[1], weight[0, i], weight[1, last],
            index[k], product[k], count,
        )  # fmt: skip


@kernel(EXACT)
def sampled(x, grid, out, gradient, at_grid, images, channels, size, places, mode, padding, align):
    """Read images (`gradient` is 0), add to their gradients (1), or find those of the grid (2)."""
    space, of = len(size), grid.dtype.type
    length, elements = 1, 1
    for n in size:
        length *= n
        elements *= mode
    at, change = np.empty(PLACES, grid.dtype), np.empty(PLACES, grid.dtype)
    where = np.empty((space, mode, PLACES), np.int32)
    weight = np.empty((space, mode, PLACES), grid.dtype)
    slope = np.empty((space, mode, PLACES), grid.dtype)
    index = np.empty((elements, PLACES), np.int32)
    product = np.empty((elements, PLACES), grid.dtype)
    each = np.empty((elements, PLACES), grid.dtype)
    for image in range(images):
        for first in range(0, places, PLACES):
            count = np.uintp(min(PLACES, places - first))
            begin = (image * places + first) * space
            for d in range(space):
                start = begin + space - 1 - d
                line(
                    grid, start, space, count, size[d], mode, padding, align,
                    at, change, where[d], weight[d], slope[d],
                )  # fmt: skip
            for k in range(elements):
                together(k, count, size, mode, where, weight, index, product)
            if gradient == 2:
                each[:, :] = of(0)
            for c in range(channels):
                plane = (image * channels + c) * length
                to = np.uintp((image * channels + c) * places + first)
                if gradient == 0:
                    for k in range(elements):
                        for p in range(count):
                            i, share = index[k, p], product[k, p]
                            value = x[np.uintp(plane + (i if i >= 0 else 0))]
                            part = (value if i >= 0 else of(0)) * share
                            out[to + p] = part if k == 0 else out[to + p] + part
                elif gradient == 1:
                    for k in range(elements):
                        for p in range(count):
                            if index[k, p] >= 0:
                                out[np.uintp(plane + index[k, p])] += x[to + p] * product[k, p]
                else:
                    for k in range(elements):
                        for p in range(count):
                            i = index[k, p]
                            value = x[np.uintp(plane + (i if i >= 0 else 0))]
                            each[k, p] += (value if i >= 0 else of(0)) * out[to + p]
            if gradient == 2:
                for d in range(space):
                    at[:] = of(0)
                    for k in range(elements):
                        i, power = k % mode, mode
                        last = slope[space - 1, i] if d == space - 1 else weight[space - 1, i]
                        for p in range(count):
                            product[k, p] = each[k, p] * last[p]
                        for e in range(space - 2, -1, -1):
                            i = k // power % mode
                            power *= mode
                            factor = slope[e, i] if e == d else weight[e, i]
                            for p in range(count):
                                product[k, p] *= factor[p]
                        for p in range(count):
                            at[p] += product[k, p]
                    start = np.uintp(begin + space - 1 - d)
                    for p in range(count):
                        at_grid[start + p * np.uintp(space)] = at[p]


# ------------------------------------------------------------------ what the namespace calls


def columns(taps: Any, dtype: Any) -> tuple[Array, Array, bool]:
    """Elements and weights of each tap of all places; whether it is one of weight 1."""
    elements, weights = taps.elements.T.astype(np.uintp), taps.weights.T.astype(dtype)
    return dense(elements), dense(weights), len(weights) == 1 and bool((weights == 1).all())


def rows(taps: Any, dtype: Any) -> tuple[Array, Array, Array]:
    """Where the taps of each place begin, their elements and weights; those with weight alone."""
    there = taps.weights != 0
    starts = np.concatenate(([0], np.cumsum(there.sum(axis=1)))).astype(np.uintp)
    return starts, taps.elements[there].astype(np.uintp), taps.weights[there].astype(dtype)


def resample(x: Array, axis: int, taps: Any) -> Array | None:
    """An axis read at the places of a table."""
    if not alike(x):
        return None
    out = np.empty((*x.shape[:axis], taps.count, *x.shape[axis + 1 :]), x.dtype)
    if not out.size:
        return out
    lines, n, width = sizes(x.shape, axis)
    given, found = flat(x), out.reshape(-1)
    if width > 1:
        rows_summed(given, *taps.remembered(rows, x.dtype), found, lines, n, width)
        return out
    elements, weights, single = taps.remembered(columns, x.dtype)
    if single:
        elements_taken(given, elements[0], found, lines, n)
    else:
        elements_summed(given, elements, weights, found, lines, n)
    return out


MODES = {"nearest": NEAREST, "bilinear": LINEAR, "bicubic": CUBICALLY}
PADDINGS = {"zeros": ZEROS, "border": BORDER, "reflection": REFLECTION}


def read(x: Array, grid: Array, out: Array, gradient: int, size: Any, how: Any) -> Array:
    """Run the kernel: of an image `x` with a result `out`, or of gradients for them."""
    mode, padding, align = how
    found = np.empty(grid.shape if gradient == 2 else 0, grid.dtype)
    images, channels, *outputs = out.shape if gradient != 1 else x.shape
    given = (flat(x), flat(grid), flat(out), gradient, found.reshape(-1), images, channels)
    sampled(*given, size, math.prod(outputs), MODES[mode], PADDINGS[padding], bool(align))
    return found if gradient == 2 else out


def grid_sample(x: Array, grid: Array, how: Any) -> Array | None:
    """Images at the places of a grid."""
    if not alike(x, grid):
        return None
    out = np.empty((*x.shape[:2], *grid.shape[1:-1]), x.dtype)
    return read(x, grid, out, 0, x.shape[2:], how)


def grid_sample_input(g: Array, grid: Array, size: Any, how: Any) -> Array | None:
    """The gradient of the images."""
    if not alike(g, grid):
        return None
    return read(g, grid, np.zeros((*g.shape[:2], *size), g.dtype), 1, tuple(size), how)


def grid_sample_grid(g: Array, x: Array, grid: Array, how: Any) -> Array | None:
    """The gradient of the places."""
    if not alike(g, x, grid) or how[0] == "nearest":
        return None
    return read(x, grid, g, 2, x.shape[2:], how)
