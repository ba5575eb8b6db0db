"""Distinct elements, histograms, common divisors, places of elements."""

from __future__ import annotations

import math
from typing import Any

from xpgrad import dtypes
from xpgrad.door.arguments import dim_of, only_tensor
from xpgrad.door.attach import binary, method
from xpgrad.door.data import guarded, settle
from xpgrad.door.joining import cat
from xpgrad.errors import DTypeError, ShapeError
from xpgrad.ops import compare, elementwise
from xpgrad.ops import searching as ops
from xpgrad.ops.device import astype
from xpgrad.tensor import Tensor, wrap

__all__ = ["gcd", "histc", "lcm", "unique", "unique_consecutive", "unravel_index"]

# ------------------------------------------------------------------ distinct elements


@method()
def unique(
    input: Tensor,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """The distinct elements in ascending order, or the distinct slices along a dimension.

    On request also which one each element is, and how many there are of each.

    >>> import xpgrad as xg
    >>> xg.unique(xg.tensor([3, 1, 1]), return_counts=True)
    (tensor([1, 3]), tensor([2, 1]))
    >>> xg.unique(xg.tensor([[2, 1], [0, 3], [2, 1]]), dim=0)
    tensor([[0, 3],
            [2, 1]])
    """
    x = only_tensor(input, "unique").detach()
    if dim is not None:
        axis = dim_of(dim, x.ndim)
        rows = _rows(x, axis)
        with guarded(x._ns):
            order = wrap(x._ns.row_order(rows._data), x._ns)
        return _runs(x, axis, rows[order], order, return_inverse, return_counts)
    flat = x.reshape(-1)
    if return_inverse and return_counts:
        values, _, inverse, counts = ops.unique_all(flat)
        return values, inverse.reshape(x.shape), counts
    if return_inverse:
        values, inverse = ops.unique_inverse(flat)
        return values, inverse.reshape(x.shape)
    return tuple(ops.unique_counts(flat)) if return_counts else ops.unique_values(flat)


@method()
def unique_consecutive(
    input: Tensor,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """The elements, or slices along a dimension, without those that repeat the one before.

    >>> import xpgrad as xg
    >>> xg.unique_consecutive(xg.tensor([1, 1, 2, 1]), return_counts=True)
    (tensor([1, 2, 1]), tensor([2, 1, 1]))
    """
    x = only_tensor(input, "unique_consecutive").detach()
    if dim is not None:
        axis = dim_of(dim, x.ndim)
        return _runs(x, axis, _rows(x, axis), None, return_inverse, return_counts)
    line = x.reshape(-1)
    found = _runs(line, 0, line, None, return_inverse, return_counts)
    return (found[0], found[1].reshape(x.shape), *found[2:]) if return_inverse else found


def _rows(x: Tensor, axis: int) -> Tensor:
    """The slices along a dimension as rows."""
    n = x._data.shape[axis]
    return x.movedim(axis, 0).reshape((n, math.prod(x._data.shape) // n if n else 1))


def _index_type(x: Tensor) -> dtypes.dtype:
    return settle(x._ns, None, dtypes.int64)


def _runs(
    x: Tensor, axis: int, rows: Tensor, order: Tensor | None, inverse: bool, counts: bool
) -> Any:
    """The first slice of each run of equal rows, and where and how long the runs are."""
    n, where = rows._data.shape[0], _index_type(x)
    begins = rows.new_ones((min(n, 1),), dtype=dtypes.bool_)
    if n > 1:
        new = compare.not_equal(rows[1:], rows[:-1])
        begins = cat([begins, new.any(1) if new.ndim > 1 else new])
    (starts,) = ops.nonzero(begins, outputs=1)
    found = [x.index_select(axis, starts if order is None else order[starts])]
    if inverse:
        run = astype(begins, dtype=where).cumsum(0) - 1
        found.append(run if order is None else run.new_zeros((n,)).scatter(0, order, run))
    if counts:
        found.append(cat([starts[1:], starts.new_full((min(n, 1),), n)]) - starts)
    return tuple(found) if inverse or counts else found[0]


# ------------------------------------------------------------------ histograms


@method()
def histc(input: Tensor, bins: int = 100, min: float = 0, max: float = 0) -> Tensor:
    """How many elements lie in each of so many equal parts of an interval, in the input's dtype.

    Without bounds, or with two equal ones, the interval is that of the elements.

    Raises:
        RuntimeError: for no bins, or an upper bound below the lower one.

    >>> import xpgrad as xg
    >>> xg.histc(xg.tensor([1.0, 2.0, 1.0]), bins=4, min=0, max=3)
    tensor([0., 2., 1., 0.])
    """
    x = only_tensor(input, "histc").detach().reshape(-1)
    if bins <= 0:
        raise ShapeError("bins must be > 0")
    low, high = float(min), float(max)
    if low == high and x.numel():
        low, high = float(x.min()), float(x.max())
    if low == high:
        low, high = low - 1, high + 1
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ShapeError(f"range of [{low:g}, {high:g}] is not finite")
    if low > high:
        raise ShapeError("max must be larger than min")
    inside = compare.logical_and(x >= low, x <= high)
    wide = x if x.dtype.is_floating_point else x.to(dtypes.float64)
    place = ((wide - low) * (bins / (high - low))).floor().clamp(0, bins - 1)
    place = elementwise.where(inside, place, 0).to(_index_type(x))
    return x.new_zeros((bins,)).scatter_add(0, place, inside.to(x.dtype))


# ------------------------------------------------------------------ divisors, places

gcd = binary(ops.gcd, "gcd", "The greatest common divisor.", "[6, 8]; [4, 12] -> [2, 4]")


@method()
def lcm(input: Tensor, other: Tensor) -> Tensor:
    """The least common multiple.

    >>> import xpgrad as xg
    >>> xg.lcm(xg.tensor([4, 0]), xg.tensor([6, 3]))
    tensor([12,  0])
    """
    divisor = gcd(input, other)
    safe = elementwise.where(divisor == 0, 1, divisor)
    return elementwise.abs(elementwise.multiply(elementwise.floor_divide(input, safe), other))


def unravel_index(indices: Tensor, shape: Any) -> tuple[Tensor, ...]:
    """The index, for each dimension of `shape`, of positions among all elements.

    Raises:
        TypeError: for positions that are no integers.
        ValueError: for one that is out of range.

    >>> import xpgrad as xg
    >>> xg.unravel_index(xg.tensor([4, 1]), (2, 3))
    (tensor([1, 0]), tensor([1, 1]))
    """
    at = only_tensor(indices, "unravel_index", "indices")
    if at.dtype.category != dtypes.INTEGER:
        raise DTypeError(f"expected 'indices' to be integer dtype, but got {at.dtype}")
    sizes = (shape,) if isinstance(shape, int) else tuple(int(n) for n in shape)
    if any(n < 0 for n in sizes):
        raise ShapeError(f"'shape' cannot have negative values, but got {sizes}")
    found = []
    for n in reversed(sizes):
        found.append(at % n)
        at = at // n
    return tuple(reversed(found))


@method()
def fill_diagonal_(self: Tensor, fill_value: Any, wrap: bool = False) -> Tensor:
    """Write one number on the main diagonal: where all indices are equal.

    Args:
        wrap: begin anew below the square part of a tall matrix.

    Raises:
        RuntimeError: for fewer than two dimensions, or several of different lengths.

    >>> import xpgrad as xg
    >>> xg.zeros(2, 3).fill_diagonal_(5)
    tensor([[5., 0., 0.],
            [0., 5., 0.]])
    """
    shape = tuple(self._data.shape)
    if len(shape) < 2:
        raise ShapeError("dimensions must larger than 1")
    if len(shape) > 2 and len(set(shape)) > 1:
        raise ShapeError("all dimensions of input must be of equal length")
    n = min(shape)
    if wrap and len(shape) == 2 and shape[0] > shape[1]:
        rows = [i for i in range(shape[0]) if i % (shape[1] + 1) < shape[1]]
        index = [rows, [i % (shape[1] + 1) for i in rows]]
    else:
        index = [list(range(n))] * len(shape)
    self[tuple(index)] = fill_value
    return self
