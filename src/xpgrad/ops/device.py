"""Ops that change how or where elements are stored: dtype, device, copies."""

from __future__ import annotations

import contextlib
from typing import Any

from xpgrad import dtypes
from xpgrad.call import record
from xpgrad.namespace import Namespace
from xpgrad.op import Op, op


@op(node="ToCopy", elementwise=True, linear=True, promotes=False, x=lambda g: g)
def cast(xp, x, /, *, dtype):
    return xp.astype(x, xp.native(dtype))  # the engine casts the gradient back


@op(elementwise=True, x=None)
def discretize(xp, x, /, *, dtype):
    """To a dtype that takes no gradients."""
    return xp.astype(x, xp.native(dtype))


def astype(x: Any, /, *, dtype: Any) -> Any:
    """A copy in another dtype, however that is written; integers and booleans have no history."""
    target = dtypes.as_dtype(dtype)
    return (cast if target.is_differentiable else discretize)(x, dtype=target)


@op(node="Clone", elementwise=True, linear=True, x=lambda g: g)
def clone(xp, x, /):
    """A copy in row-major order."""
    return xp.copy(x)


@op(node="Clone", elementwise=True, linear=True, x=lambda g: g)
def preserved(xp, x, /):
    """A copy in the order in memory that `x` has."""
    return xp.clone(x)


# The one op whose result belongs to another namespace than its input, so it records itself and is
# not among those that anybody can call on one namespace.
_SEND = Op(
    lambda xp, x, /, *, ns: xp.send(x, ns),
    {"x": lambda g, like, xp: xp.send(g, like.ns)},
    node="ToCopyBackward0",
    elementwise=False,
    linear=True,
    view=False,
    outputs=1,
    integers="keep",
    promotes=False,
)


def to_device(x: Any, /, *, ns: Namespace) -> Any:
    """The tensor on the device of another namespace; itself if it is there.

    Its gradient comes back to where it was.

    Raises:
        DTypeError: where that device lacks the tensor's dtype.
    """
    here = x._ns
    ns = here.beside(ns)
    if here is ns:
        return x
    ns.native(x.dtype)  # said before anything moves
    with contextlib.nullcontext() if here.guard is None else here.guard():
        data = here.send(x._data, ns)
    return record(_SEND, ns, (x,), (x._data,), {"ns": ns}, data)
