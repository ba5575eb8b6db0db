"""Reading elements in steps: windows along an axis, and any steps over all of the memory."""

from __future__ import annotations

import math
from types import SimpleNamespace

from xpgrad.indexing import strided_positions
from xpgrad.op import op
from xpgrad.ops.searching import wide


def summed_at(xp, g, places, like):
    """Zeros like `like` with `g` added at flat positions: the adjoint of reading there."""
    count, size = math.prod(places.shape), math.prod(like.shape)
    flat = xp.reshape(xp.broadcast_to(g, places.shape), (count,))
    whole = xp.index_add(SimpleNamespace(shape=(size,)), (xp.reshape(places, (count,)),), flat)
    return xp.reshape(whole, tuple(like.shape))


def unfold_rule(g, axis, size, step, like, xp):
    count = g.shape[axis]
    first, within = xp.arange(count) * step, xp.arange(size)
    places = xp.reshape(first, (count, 1)) + xp.reshape(within, (1, size))
    g = xp.moveaxis(g, -1, axis + 1)
    return xp.index_add(like, (*(slice(None),) * axis, places, ...), g)


@op(linear=True, view=True, x=unfold_rule)
def unfold(xp, x, /, *, axis, size, step):
    """Windows of `size` elements along an axis, one every `step`, laid along a new last axis."""
    return xp.windows(x, axis, size, step)


def as_strided_rule(g, shape, strides, offset, own, like, xp):
    places = strided_positions(xp, tuple(like.shape), shape, strides, offset, own)
    return summed_at(xp, g, wide(places, xp), like)


@op(linear=True, view=True, x=as_strided_rule)
def as_strided(xp, x, /, *, shape, strides, offset, own=None):
    """The elements of `x` that steps over its memory lead to; all must be elements of `x`.

    Positions count from its first element, in which `own` are its own steps (`None`: row-major).
    """
    return xp.strided(x, shape, strides, offset, own)
