"""Ops that rearrange elements: all linear, most of them views where the library can."""

from __future__ import annotations

from xpgrad.op import op


@op(node="View", linear=True, view=True, x=lambda g, like, xp: xp.reshape(g, like.shape))
def reshape(xp, x, /, *, shape):
    return xp.reshape(x, shape)


def inverse(axes: tuple[int, ...]) -> tuple[int, ...]:
    """The permutation that undoes `axes`."""
    return tuple(sorted(range(len(axes)), key=axes.__getitem__))


@op(node="Permute", linear=True, view=True, x=lambda g, axes, xp: xp.permute_dims(g, inverse(axes)))
def permute_dims(xp, x, /, *, axes):
    return xp.permute_dims(x, axes)


@op(node="Expand", linear=True, view=True, x=lambda g: g)  # the engine sums it back
def broadcast_to(xp, x, /, *, shape):
    return xp.broadcast_to(x, shape)
