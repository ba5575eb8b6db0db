"""Ops that change how or where elements are stored: dtype, device, copies."""

from __future__ import annotations

import contextlib

from xpgrad import dtypes
from xpgrad.op import op, record


@op(node="ToCopy", linear=True, x=lambda g: g)  # the engine casts it back
def cast(xp, x, /, *, dtype):
    return xp.astype(x, xp.native(dtype))


@op(x=None)
def cast_away(xp, x, /, *, dtype):
    """To a dtype that takes no gradients."""
    return xp.astype(x, xp.native(dtype))


def astype(x, /, *, dtype):
    """A copy in another dtype, however that is written; integers and booleans have no history."""
    target = dtypes.as_dtype(dtype)
    return (cast if target.is_differentiable else cast_away)(x, dtype=target)


@op(node="Clone", linear=True, x=lambda g: g)
def clone(xp, x, /):
    return xp.copy(x)


@op(node="ToCopy", linear=True, x=lambda g, like, xp: xp.send(g, like.ns))
def move(xp, x, /, *, ns):
    return xp.send(x, ns)


def to_device(x, /, *, ns):
    """The tensor on the device of another namespace; itself if it is there.

    Its gradient comes back to where it was.
    """
    here = x._ns
    if here is ns:
        return x
    with contextlib.nullcontext() if here.guard is None else here.guard():
        data = here.send(x._data, ns)
    # The one op whose result belongs to another namespace than its input.
    return record(move.op, ns, (x,), (x._data,), {"ns": ns}, data)
