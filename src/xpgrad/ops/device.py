"""Ops that change where or how elements are stored: dtype, device, copies."""

from __future__ import annotations

from xpgrad.op import op


@op(node="ToCopy", linear=True, x=lambda g: g)
def astype(xp, x, /, *, dtype):
    return xp.astype(x, xp.native(dtype))


@op(node="Clone", linear=True, x=lambda g: g)
def clone(xp, x, /):
    return xp.copy(x)
