"""Reading arguments as the standard writes them, into what the ops take."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

from xpgrad import dtypes
from xpgrad.errors import ShapeError
from xpgrad.namespace import Namespace
from xpgrad.promotion import as_operand
from xpgrad.tensor import Tensor


def tensor_of(x: Any, what: str) -> Tensor:
    """`x` as a Tensor: arrays of any library that has a backend are taken too.

    Raises:
        TypeError: for anything else.
    """
    if isinstance(x, Tensor):
        return x
    found = as_operand(x, what)
    if isinstance(found, Tensor):
        return found
    raise TypeError(f"{what}: expected a Tensor or an array, got {type(x).__name__}")


def rank_of(x: Any) -> int:
    """The number of dimensions of an array.

    Raises:
        TypeError: for what is none.
    """
    try:
        return len(x.shape)
    except AttributeError:
        raise TypeError(f"expected a Tensor or an array, got {type(x).__name__}") from None


def axis_of(axis: Any, rank: int) -> int:
    """An axis as a non-negative int.

    Raises:
        IndexError: out of range.
    """
    found = operator.index(axis)
    if not -rank <= found < rank:
        raise IndexError(f"axis {found} is out of range for an array of {rank} dimensions")
    return found % rank


def axes_of(axis: Any, rank: int) -> tuple[int, ...] | None:
    """Axes as a sorted tuple of non-negative ints; `None`, for all of them, stays.

    Raises:
        IndexError: out of range.
        ShapeError: one is named twice.
    """
    if axis is None:
        return None
    given = axis if isinstance(axis, (tuple, list)) else (axis,)
    found = sorted(axis_of(a, rank) for a in given)
    if len(set(found)) < len(found):
        raise ShapeError(f"an axis is named twice in {axis}")
    return tuple(found)


def shape_of(shape: Any) -> tuple[int, ...]:
    """A shape written as an int or a sequence of them."""
    if hasattr(shape, "__index__"):
        return (operator.index(shape),)
    return tuple(map(operator.index, shape))


def complete(shape: Any, size: int) -> tuple[int, ...]:
    """A shape whose -1, if it has one, is worked out from the number of elements.

    Raises:
        ShapeError: where it does not fit.
    """
    found = shape_of(shape)
    known = math.prod(n for n in found if n != -1)
    if found.count(-1) == 1 and known > 0 and size % known == 0:
        found = tuple(size // known if n == -1 else n for n in found)
    if min(found, default=0) < 0 or math.prod(found) != size:
        raise ShapeError(f"{size} elements cannot take the shape {tuple(shape_of(shape))}")
    return found


def native(ns: Namespace, dtype: Any, default: dtypes.dtype) -> Any:
    """The library's own dtype for one written in any way, or for a default."""
    return ns.native(default if dtype is None else dtype)


def default_int(ns: Namespace) -> dtypes.dtype:
    """The device's default integer type: int64, where it has that."""
    return dtypes.int64 if dtypes.int64 in ns.natives else dtypes.int32


def default_of(ns: Namespace, values: Sequence[Any]) -> dtypes.dtype:
    """The default dtype of what is made from these Python scalars."""
    found = dtypes.bool_
    for value in values:
        found = max(found, dtypes.of_scalar(value), key=lambda d: d.category)
    return default_int(ns) if found.category == dtypes.INTEGER else found


def number(value: Any) -> Any:
    """A Python number from one, or from an array of one element."""
    return value.item() if hasattr(value, "item") else value
