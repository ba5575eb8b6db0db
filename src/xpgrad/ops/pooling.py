"""Pooling along one axis; in several dimensions it is done along one after the other.

The ``count`` windows along an axis begin every `stride` elements, `padding` before the first one,
and take every `dilation`-th of them, `size` in all. What lies outside has no part in it.

Of equal maxima the first one counts, and gets the gradient; of several NaN the last one, as in
PyTorch. Taken from the last axis to the first, the first one is that of the whole window.
"""

from __future__ import annotations

import math

from xpgrad.boxes import FEW, peaks
from xpgrad.op import named, op


def at(axis, part):
    """The index of a part of an axis."""
    return (*(slice(None),) * axis, part, ...)


def taps(n, size, stride, padding, dilation, count):
    """For each element of a window: which windows have it, and what it is of the `n` there are."""
    found = []
    for k in range(size):
        before = padding - k * dilation  # window o has the element o * stride - before
        low = max(-(-before // stride), 0)
        high = min((n - 1 + before) // stride + 1, count)
        if low < high:
            start = low * stride - before
            there = slice(start, start + (high - low - 1) * stride + 1, stride)
            found.append((k, slice(low, high), there, high - low == count))
    return found


def tiled(n, size, stride, padding, dilation, count):
    """Whether each element is in one window."""
    return size == stride and dilation == 1 and not padding and n == size * count


def fold(g, pieces, like, axis, size, stride, padding, dilation, count, xp):
    """What the elements of `like` get of ``pieces(k)``, for window elements `k` one after another.

    It is the adjoint of taking them.
    """
    n = like.shape[axis]
    if not count or 0 in g.shape:
        return xp.zeros(like.shape, dtype=g.dtype)
    if tiled(n, size, stride, padding, dilation, count):
        if size == 1:
            return pieces(0, g)
        parts = [pieces(k, g) for k in range(size)]
        return xp.reshape(xp.stack(parts, axis=axis + 1), like.shape)
    out = xp.zeros(like.shape, dtype=g.dtype)
    apart = stride > (size - 1) * dilation  # no element is in two windows
    for k, windows, there, whole in taps(n, size, stride, padding, dilation, count):
        part = pieces(k, g)
        if not whole:
            part = xp.getitem(part, at(axis, windows))
        if not apart:
            part = xp.getitem(out, at(axis, there)) + part
        out = xp.assign(out, at(axis, there), part)
    return out


# ------------------------------------------------------------------ sums


def sum_rule(g, like, axis, size, stride, padding, dilation, count, xp):
    given = (like, axis, size, stride, padding, dilation, count, xp)
    return fold(g, lambda k, g: g, *given)


@op(node="AvgPool2D", linear=True, tied="x", x=sum_rule)
def sum_pool(xp, x, /, *, axis, size, stride, padding=0, dilation=1, count):
    """The sum over each window."""
    total = None
    shape = (*x.shape[:axis], count, *x.shape[axis + 1 :])
    found = taps(x.shape[axis], size, stride, padding, dilation, count)
    found.sort(key=lambda tap: not tap[3])  # whole ones first
    for _, windows, there, whole in found:
        part = xp.getitem(x, at(axis, there))
        if total is None:
            if whole:
                total, own = part, False
                continue
            total, own = xp.zeros(shape, dtype=x.dtype), True
        if whole:
            total, own = total + part, True
        else:
            total = total if own else xp.copy(total)
            own, index = True, at(axis, windows)
            total = xp.assign(total, index, xp.getitem(total, index) + part)
    if total is None:
        return xp.zeros(shape, dtype=x.dtype)
    return xp.ordered(total) if own else xp.copy(total)


# ------------------------------------------------------------------ maxima


def code_type(size, xp):
    """The type of the numbers of a window's elements."""
    return xp.native("uint8" if size <= 255 else "int32")


def first_codes(found, count, size, rank, axis, xp):
    """For each window the first of its elements that there is: beyond an edge there are none."""
    first = [0] * count
    for k, windows, _, _ in reversed(found):
        first[windows] = [k] * (windows.stop - windows.start)
    codes = xp.asarray(first, dtype=code_type(size, xp))
    return xp.reshape(codes, tuple(count if i == axis else 1 for i in range(rank)))


def max_tiles(x, axis, size, count, kind, xp):
    """Maxima of windows side by side, and which of their elements these are, without a loop."""
    x = xp.reshape(x, (*x.shape[:axis], count, size, *x.shape[axis + 1 :]))
    best, code = peaks(x, axis + 1, xp)
    return xp.ordered(best), xp.ordered(xp.astype(code, kind))


def max_rule(gs, out, like, axis, size, stride, padding, dilation, count, xp):
    if gs[0] is None:
        return None
    code = out[1]
    if size > FEW and 0 not in gs[0].shape:  # one element of each window gets something
        wide = xp.arange(0).dtype
        first = xp.arange(count, dtype=wide) * stride - padding
        first = xp.reshape(first, (count, *(1,) * (len(like.shape) - axis - 1)))
        places = first + xp.astype(code, wide) * dilation
        return xp.add_along_axis(gs[0], places, tuple(like.shape), axis)

    def chosen(k, g):
        return xp.where(code == k, g, 0.0)

    return fold(gs[0], chosen, like, axis, size, stride, padding, dilation, count, xp)


@op(node="MaxPool", outputs=2, kept=(1,), tied="x", x=max_rule)
def max_pool(xp, x, /, *, axis, size, stride, padding=0, dilation=1, count):
    """The maximum of each window, and which of its elements that is."""
    rank = len(x.shape)
    shape = (*x.shape[:axis], count, *x.shape[axis + 1 :])
    kind = code_type(size, xp)
    if 0 in shape:
        return xp.zeros(shape, dtype=x.dtype), xp.zeros(shape, dtype=kind)
    if size > FEW and tiled(x.shape[axis], size, stride, padding, dilation, count):
        return max_tiles(x, axis, size, count, kind, xp)
    found = taps(x.shape[axis], size, stride, padding, dilation, count)
    floats = x.dtype in xp.inexact
    k, _, there, whole = found[0]
    if whole:
        best, code, own = xp.getitem(x, at(axis, there)), None, False
        found = found[1:]
        if k:
            code = xp.full(shape, k, dtype=kind)
    else:
        least = -math.inf if floats else int(xp.iinfo(x.dtype).min)
        best, own = xp.full(shape, least, dtype=x.dtype), True
        code = xp.broadcast_to(first_codes(found, count, size, rank, axis, xp), shape)
        code = xp.copy(code)
    for k, windows, there, whole in found:
        other = xp.getitem(x, at(axis, there))
        index = at(axis, windows)
        before = best if whole else xp.getitem(best, index)
        better = other > before
        if floats:
            better = xp.logical_or(better, other != other)
        better = xp.astype(better, kind) if k == 1 else xp.astype(better, kind) * k
        larger = xp.maximum(before, other)
        if whole:
            best, own = larger, True
            code = better if code is None else xp.maximum(code, better)
        else:
            best = best if own else xp.copy(best)
            own = True
            best = xp.assign(best, index, larger)
            code = xp.zeros(shape, dtype=kind) if code is None else code
            code = xp.assign(code, index, xp.maximum(xp.getitem(code, index), better))
    if code is None:
        code = xp.zeros(shape, dtype=kind)
    return xp.ordered(best) if own else xp.copy(best), xp.ordered(code)


@op(places=None, code=None)
def max_places(xp, places, code, /, *, axis, size, stride, padding=0, dilation=1, count, unit):
    """Where in an image the maxima are: `unit` times their place along this axis, plus `places`.

    These are the places of the elements that there were along the axes before, or `None`.
    """
    wide = xp.arange(0).dtype
    first = xp.arange(count, dtype=wide) * stride - padding
    first = xp.reshape(first, tuple(count if i == axis else 1 for i in range(len(code.shape))))
    total = (first + xp.astype(code, wide) * dilation) * unit
    if places is None:
        return total
    inner = xp.zeros(tuple(code.shape), dtype=wide)
    for k, windows, there, _ in taps(places.shape[axis], size, stride, padding, dilation, count):
        index = at(axis, windows)
        here = xp.getitem(code, index) == k
        chosen = xp.where(here, xp.getitem(places, at(axis, there)), xp.getitem(inner, index))
        inner = xp.assign(inner, index, chosen)
    return total + inner


def box_rule(gs, out, like, axis, xp):
    if gs[0] is None:
        return None
    lead, g, places = tuple(like.shape[:axis]), gs[0], out[1]
    m, n = math.prod(g.shape[axis:]), math.prod(like.shape[axis:])
    g, places = xp.reshape(g, (*lead, m)), xp.reshape(places, (*lead, m))
    return xp.reshape(xp.add_along_axis(g, places, (*lead, n), axis), tuple(like.shape))


@op(node="AdaptiveMaxPool", outputs=2, kept=(1,), tied="x", x=box_rule)
def box_max(xp, x, /, *, axis, boxes):
    """The maximum of each box of the axes from `axis` on, and its row-major place in them."""
    return xp.box_maxima(x, axis, boxes)


# ------------------------------------------------------------------ as PyTorch names them

SUMS = {
    1: named(sum_pool, "SqueezeBackward1"),
    2: named(sum_pool, "AvgPool2DBackward0"),
    3: named(sum_pool, "AvgPool3DBackward0"),
}
MAXIMA = {
    1: named(max_pool, "SqueezeBackward1"),
    2: named(max_pool, "MaxPool2DWithIndicesBackward0"),
    3: named(max_pool, "MaxPool3DWithIndicesBackward0"),
}
BOXES = {
    1: named(box_max, "SqueezeBackward1"),
    2: named(box_max, "AdaptiveMaxPool2DBackward0"),
    3: named(box_max, "AdaptiveMaxPool3DBackward0"),
}
