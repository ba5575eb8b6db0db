"""Reductions. ``axis`` is a sorted tuple of non-negative ints, or `None` for all of them.

Conventions, as PyTorch's: a maximum that is reached several times shares its gradient evenly.
"""

from __future__ import annotations

from xpgrad.op import named, op


def spread(g, like, axis, keepdims, xp):
    """Bring a reduced array back to the rank and shape of what it was reduced from."""
    if not keepdims and axis is not None:
        kept = tuple(1 if i in axis else n for i, n in enumerate(like.shape))
        g = xp.reshape(g, kept)
    return xp.broadcast_to(g, like.shape)


@op(linear=True, x=spread)
def sum(xp, x, /, *, axis=None, keepdims=False):
    return xp.sum(x, axis=axis, keepdims=keepdims)


sum_dim = named(sum, "SumBackward1")
