"""Reading and writing parts of a tensor."""

from __future__ import annotations

from xpgrad.op import op


@op(node="Index", linear=True, x=lambda g, index, like, xp: xp.index_add(like, index, g))
def getitem(xp, x, /, *, index):
    return xp.getitem(x, index)


@op(node="IndexAdd", linear=True, values=lambda g, index, xp: xp.getitem(g, index))
def index_add(xp, values, /, *, shape, index):
    return xp.index_add(_Shaped(shape), index, values)


class _Shaped:
    """What ``like`` is to `index_add`: a shape."""

    def __init__(self, shape):
        self.shape = shape
