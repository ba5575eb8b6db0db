"""Statistical and utility functions."""

from __future__ import annotations

import builtins
from typing import Any

from xpgrad import dtypes
from xpgrad.array_api.arguments import axes_of, axis_of, default_int, rank_of, tensor_of
from xpgrad.array_api.data_types import astype
from xpgrad.array_api.manipulation import concat
from xpgrad.errors import DTypeError, ShapeError
from xpgrad.ops import cumulative as _cumulative
from xpgrad.ops import elementwise as _elementwise
from xpgrad.ops import indexing as _indexing
from xpgrad.ops import reductions as _reductions


def _in(dtype: Any, x: Any, op: Any, **settings: Any) -> Any:
    """A sum or product in the dtype asked for, cast before and after; booleans are integers."""
    x = tensor_of(x, op.__name__)
    if dtype is not None:
        return astype(op(astype(x, dtype, copy=False), **settings), dtype, copy=False)
    return op(astype(x, default_int(x._ns)) if x.dtype is dtypes.bool_ else x, **settings)


def sum(x: Any, /, *, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Any:
    """The sum over axes; small integers are added up in the default integer type."""
    return _in(dtype, x, _reductions.sum, axis=axes_of(axis, rank_of(x)), keepdims=keepdims)


def prod(x: Any, /, *, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Any:
    """The product over axes; small integers are multiplied in the default integer type."""
    return _in(dtype, x, _reductions.prod, axis=axes_of(axis, rank_of(x)), keepdims=keepdims)


def mean(x: Any, /, *, axis: Any = None, keepdims: bool = False) -> Any:
    """The mean over axes."""
    return _reductions.mean(x, axis=axes_of(axis, rank_of(x)), keepdims=keepdims)


def std(x: Any, /, *, axis: Any = None, correction: float = 0.0, keepdims: bool = False) -> Any:
    """The standard deviation over axes, from `n` elements with ``n - correction`` freedoms."""
    axes = axes_of(axis, rank_of(x))
    return _reductions.std(x, axis=axes, correction=correction, keepdims=keepdims)


def var(x: Any, /, *, axis: Any = None, correction: float = 0.0, keepdims: bool = False) -> Any:
    """The variance over axes, from `n` elements with ``n - correction`` freedoms."""
    axes = axes_of(axis, rank_of(x))
    return _reductions.var(x, axis=axes, correction=correction, keepdims=keepdims)


def max(x: Any, /, *, axis: Any = None, keepdims: bool = False) -> Any:
    """The largest elements over axes; equal ones share their gradient."""
    return _reductions.max(x, axis=axes_of(axis, rank_of(x)), keepdims=keepdims)


def min(x: Any, /, *, axis: Any = None, keepdims: bool = False) -> Any:
    """The smallest elements over axes; equal ones share their gradient."""
    return _reductions.min(x, axis=axes_of(axis, rank_of(x)), keepdims=keepdims)


def all(x: Any, /, *, axis: Any = None, keepdims: bool = False) -> Any:
    """Whether every element over axes is true (not zero)."""
    return _reductions.all(x, axis=axes_of(axis, rank_of(x)), keepdims=keepdims)


def any(x: Any, /, *, axis: Any = None, keepdims: bool = False) -> Any:
    """Whether some element over axes is true (not zero)."""
    return _reductions.any(x, axis=axes_of(axis, rank_of(x)), keepdims=keepdims)


def _running(op: Any, x: Any, axis: int | None, dtype: Any, first: int | None) -> Any:
    """A running sum or product, behind a first value if there is one."""
    rank = rank_of(x)
    if axis is None and rank != 1:
        raise ShapeError(f"{op.__name__} needs an axis for an array of {rank} dimensions")
    axis = axis_of(axis or 0, rank)
    out = _in(dtype, x, op, axis=axis)
    if first is None:
        return out
    ns, shape = out._ns, out._data.shape
    head = ns.full((*shape[:axis], 1, *shape[axis + 1 :]), first, dtype=out._data.dtype)
    return concat([head, out], axis=axis)


def cumulative_sum(
    x: Any, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False
) -> Any:
    """Running sums along an axis, with a 0 before them if `include_initial`."""
    return _running(_cumulative.cumulative_sum, x, axis, dtype, 0 if include_initial else None)


def cumulative_prod(
    x: Any, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False
) -> Any:
    """Running products along an axis, with a 1 before them if `include_initial`."""
    return _running(_cumulative.cumulative_prod, x, axis, dtype, 1 if include_initial else None)


def diff(x: Any, /, *, axis: int = -1, n: int = 1, prepend: Any = None, append: Any = None) -> Any:
    """Differences of neighbours along an axis, taken `n` times.

    Raises:
        ValueError: for a negative `n`.
        TypeError: for booleans.
    """
    if n < 0:
        raise ShapeError(f"diff: n is not negative, got {n}")
    axis = axis_of(axis, rank_of(x))
    parts = [p for p in (prepend, x, append) if p is not None]
    out = concat(parts, axis=axis) if len(parts) > 1 else tensor_of(x, "diff")
    if out.dtype is dtypes.bool_:
        raise DTypeError("diff: booleans have no differences")
    for _ in range(builtins.min(n, out.shape[axis])):
        lead, length = (slice(None),) * axis, out.shape[axis]
        after = _indexing.getview(out, index=(*lead, slice(1, length), ...))
        before = _indexing.getview(out, index=(*lead, slice(0, length - 1), ...))
        out = _elementwise.subtract(after, before)
    return out
