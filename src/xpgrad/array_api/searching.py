"""Searching, sorting and set functions. None but `sort` has a derivative."""

from __future__ import annotations

from typing import Any, NamedTuple

from xpgrad.array_api.arguments import axes_of, axis_of, rank_of, tensor_of
from xpgrad.errors import ShapeError
from xpgrad.ops import reductions as _reductions
from xpgrad.ops import searching as _searching


def _one_axis(x: Any, axis: Any) -> int | None:
    return None if axis is None else axis_of(axis, rank_of(x))


def argmax(x: Any, /, *, axis: int | None = None, keepdims: bool = False) -> Any:
    """The place of the largest element along an axis, or in the flattened array."""
    return _searching.argmax(x, axis=_one_axis(x, axis), keepdims=keepdims)


def argmin(x: Any, /, *, axis: int | None = None, keepdims: bool = False) -> Any:
    """The place of the smallest element along an axis, or in the flattened array."""
    return _searching.argmin(x, axis=_one_axis(x, axis), keepdims=keepdims)


def argsort(x: Any, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Any:
    """The places of the elements in sorted order along an axis."""
    axis = axis_of(axis, rank_of(x))
    return _searching.argsort(x, axis=axis, descending=descending, stable=stable)


def sort(x: Any, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Any:
    """The elements in sorted order along an axis."""
    axis = axis_of(axis, rank_of(x))
    return _searching.sort(x, axis=axis, descending=descending, stable=stable)


def count_nonzero(x: Any, /, *, axis: Any = None, keepdims: bool = False) -> Any:
    """How many elements over axes are not zero."""
    return _reductions.count_nonzero(x, axis=axes_of(axis, rank_of(x)), keepdims=keepdims)


def nonzero(x: Any, /) -> tuple[Any, ...]:
    """The places of the elements that are not zero: an array for each axis.

    Raises:
        ValueError: for an array without dimensions.
    """
    x = tensor_of(x, "nonzero")
    if x.ndim == 0:
        raise ShapeError("nonzero: an array without dimensions has no places")
    found: tuple[Any, ...] = _searching.nonzero(x, outputs=x.ndim)
    return found


def searchsorted(x1: Any, x2: Any, /, *, side: str = "left", sorter: Any = None) -> Any:
    """Where the elements of `x2` belong in the sorted 1-D array `x1`.

    Args:
        side: before ("left") or behind ("right") equal elements.
        sorter: places that bring `x1` into order.
    """
    return _searching.searchsorted(x1, x2, sorter, side=side)


class UniqueAll(NamedTuple):
    """What `unique_all` returns."""

    values: Any
    indices: Any
    inverse_indices: Any
    counts: Any


class UniqueCounts(NamedTuple):
    """What `unique_counts` returns."""

    values: Any
    counts: Any


class UniqueInverse(NamedTuple):
    """What `unique_inverse` returns."""

    values: Any
    inverse_indices: Any


def unique_all(x: Any, /) -> UniqueAll:
    """The distinct elements, where each is first, which one each element is, and their counts."""
    return UniqueAll(*_searching.unique_all(x))


def unique_counts(x: Any, /) -> UniqueCounts:
    """The distinct elements and their counts."""
    return UniqueCounts(*_searching.unique_counts(x))


def unique_inverse(x: Any, /) -> UniqueInverse:
    """The distinct elements, and which one each element is."""
    return UniqueInverse(*_searching.unique_inverse(x))


def unique_values(x: Any, /) -> Any:
    """The distinct elements."""
    return _searching.unique_values(x)
