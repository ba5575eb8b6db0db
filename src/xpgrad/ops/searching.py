"""Ops that find, order, pick and count elements. An ``axis`` is a non-negative int.

Arrays of positions are inputs without a derivative; negative positions count from the end.
"""

from __future__ import annotations

import math

from xpgrad.op import named, op
from xpgrad.ops.elementwise import numbers
from xpgrad.ops.reductions import keep

# ------------------------------------------------------------------ picking


def take_rule(g, indices, axis, like, xp):
    return xp.index_add(like, (*(slice(None),) * axis, indices, ...), g)


@op(node="IndexSelect", linear=True, x=take_rule, indices=None)
def take(xp, x, indices, /, *, axis):
    """The slices at `indices`, an array of any shape, which replaces the axis."""
    if len(indices.shape) == 1:
        return xp.take(x, indices, axis=axis)
    flat = xp.take(x, xp.reshape(indices, (math.prod(indices.shape),)), axis=axis)
    return xp.reshape(flat, (*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]))


def wide(indices, xp):
    """Positions in the library's own type for them: narrow ones overflow when multiplied."""
    kind = xp.arange(0).dtype
    return indices if indices.dtype == kind else xp.astype(indices, kind)


def take_along_axis_rule(g, indices, axis, like, xp):
    return xp.add_along_axis(g, indices, tuple(like.shape), axis)


@op(node="Gather", linear=True, x=take_along_axis_rule, indices=None)
def take_along_axis(xp, x, indices, /, *, axis):
    return xp.take_along_axis(x, wide(indices, xp), axis=axis)


def scatter_add_rule(g, indices, axis, xp):
    return xp.take_along_axis(g, wide(indices, xp), axis=axis)


@op(node="ScatterAdd", linear=True, values=scatter_add_rule, indices=None)
def scatter_add(xp, values, indices, /, *, shape, axis):
    """Zeros of `shape` with `values` added where `indices`, shaped alike, point along the axis."""
    return xp.add_along_axis(values, indices, tuple(shape), axis)


def along(indices, shape, axis, keepdims, xp):
    """The index of one place along an axis for each place in the others; none occurs twice."""
    rank = len(indices.shape)
    parts = []
    for i, n in enumerate(shape):
        at = i if keepdims or i < axis else i - 1  # the axis of `indices` that goes with it
        form = tuple(n if j == at else 1 for j in range(rank))
        parts.append(indices if i == axis else xp.reshape(xp.arange(n), form))
    return tuple(parts)


def pick_rule(g, indices, axis, keepdims, like, xp):
    index = along(indices, like.shape, axis, keepdims, xp)
    return xp.assign(xp.zeros(like.shape, dtype=g.dtype), index, g)


@op(node="Pick", linear=True, x=pick_rule, indices=None)
def pick(xp, x, indices, /, *, axis, keepdims=False):
    """The one element along an axis that `indices`, reduced like the result, points at."""
    return xp.getitem(x, along(wide(indices, xp), x.shape, axis, keepdims, xp))


def pick_shared_rule(g, x, out, axis, like, xp):
    g, out = keep(g, like, (axis,), False, xp), keep(out, like, (axis,), False, xp)
    chosen = xp.logical_or(xp.equal(x, out), xp.logical_and(xp.isnan(x), xp.isnan(out)))
    winners = xp.sum(xp.astype(chosen, x.dtype), axis=axis, keepdims=True)
    return xp.where(chosen, g / winners, xp.zeros_like(g))


@op(node="Median", x=pick_shared_rule, indices=None)
def pick_shared(xp, x, indices, /, *, axis):
    """As `pick`, but what equals the element that is picked shares its gradient."""
    return xp.getitem(x, along(wide(indices, xp), x.shape, axis, False, xp))


# ------------------------------------------------------------------ ordering


def sort_rule(g, x, axis, descending, stable, xp):
    order = xp.argsort(x, axis=axis, descending=descending, stable=stable)
    return xp.take_along_axis(g, xp.argsort(order, axis=axis), axis=axis)


@op(x=sort_rule)
def sort(xp, x, /, *, axis, descending=False, stable=True):
    """The sorted values. With `argsort` and `sorted_by` there are their places too."""
    return xp.sort(x, axis=axis, descending=descending, stable=stable)


@op(x=None)
def argsort(xp, x, /, *, axis, descending=False, stable=True):
    return xp.argsort(numbers(x, xp), axis=axis, descending=descending, stable=stable)


@op(x=None)
def top_places(xp, x, /, *, axis, count, largest):
    """Where the `count` largest or smallest elements are, in order; of equal ones the first."""
    return xp.ordered(xp.top_places(numbers(x, xp), axis, count, largest))


@op(x=None)
def kth_place(xp, x, /, *, axis, k, keepdims=False, nan=False):
    """Where the k-th smallest element is, counted from 0; with `nan`, the first nan if any.

    Of equal elements the first ones count as smaller.
    """
    found = xp.ordered(xp.kth_place(numbers(x, xp), axis, k, nan))
    return found if keepdims else xp.reshape(found, (*x.shape[:axis], *x.shape[axis + 1 :]))


# ------------------------------------------------------------------ finding


@op(x=None)
def argmax(xp, x, /, *, axis=None, keepdims=False):
    return xp.argmax(x, axis=axis, keepdims=keepdims)


@op(x=None)
def argmin(xp, x, /, *, axis=None, keepdims=False):
    return xp.argmin(x, axis=axis, keepdims=keepdims)


@op(outputs=0, x=None)
def nonzero(xp, x, /, *, outputs):
    """The places of what is not zero, an array for each axis; `outputs` is the rank."""
    return xp.nonzero(x)


@op(x1=None, x2=None, sorter=None)
def searchsorted(xp, x1, x2, sorter=None, /, *, side="left"):
    """Where `x2` belong in sorted `x1`; in those of its lines that stand beside theirs, if any."""
    if len(x1.shape) > 1:
        return xp.search_lines(x1, x2, side)
    return xp.searchsorted(x1, x2, side=side, sorter=sorter)


@op(elementwise=True, x=None, y=None)
def gcd(xp, x, y, /):
    """The greatest common divisor of integers."""
    return xp.gcd(x, y)


# ------------------------------------------------------------------ sets


@op(outputs=4, x=None)
def unique_all(xp, x, /):
    return xp.unique_all(x)


@op(outputs=2, x=None)
def unique_counts(xp, x, /):
    return xp.unique_counts(x)


@op(outputs=2, x=None)
def unique_inverse(xp, x, /):
    return xp.unique_inverse(x)


@op(x=None)
def unique_values(xp, x, /):
    return xp.unique_values(x)


# ------------------------------------------------------------------ as PyTorch names them

max_at = named(pick, "MaxBackward0")
min_at = named(pick, "MinBackward0")
sorted_by = named(take_along_axis, "SortBackward0")
topk_by = named(take_along_axis, "TopkBackward0")
