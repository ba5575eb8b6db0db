"""Ordering elements, and finding them by their order."""

from __future__ import annotations

import math
from typing import Any

from xpgrad import dtypes
from xpgrad.door import results
from xpgrad.door.arguments import dim_of, is_number, only_tensor
from xpgrad.door.attach import called, method
from xpgrad.door.data import guarded, settle
from xpgrad.door.extrema import zero_index
from xpgrad.errors import ShapeError
from xpgrad.ops import searching as ops
from xpgrad.ops.device import clone
from xpgrad.tensor import Tensor

__all__ = [
    "argsort", "argwhere", "bincount", "bucketize", "kthvalue", "median", "msort", "nonzero",
    "searchsorted", "sort", "topk",
]  # fmt: skip

# ------------------------------------------------------------------ sorting


@method()
def sort(
    input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False
) -> results.sort:
    """The sorted elements along a dimension, and their places. nan counts as the largest.

    Each element gets the gradient of its place; equal ones keep their order.

    >>> import xpgrad as xg
    >>> xg.sort(xg.tensor([3.0, 1.0, 2.0]))
    xpgrad.return_types.sort(
    values=tensor([1., 2., 3.]),
    indices=tensor([1, 2, 0]))
    >>> x = xg.tensor([2.0, 1.0, 2.0], requires_grad=True)
    >>> xg.autograd.grad((xg.sort(x).values * xg.tensor([1.0, 2.0, 3.0])).sum(), x)
    (tensor([2., 1., 3.]),)
    """
    at = dim_of(dim, only_tensor(input, "sort").ndim)
    if not input.ndim:
        return results.sort(called(clone, "Sort")(input), zero_index(input))
    order = ops.argsort(input, axis=at, descending=descending, stable=True)
    pick = called(ops.sorted_by, "SortBackward1") if stable else ops.sorted_by
    return results.sort(pick(input, order, axis=at), order)


@method()
def argsort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> Tensor:
    """The places of the sorted elements along a dimension.

    >>> import xpgrad as xg
    >>> xg.argsort(xg.tensor([3.0, 1.0, 2.0]))
    tensor([1, 2, 0])
    """
    at = dim_of(dim, only_tensor(input, "argsort").ndim)
    if not input.ndim:
        return zero_index(input)
    return ops.argsort(input, axis=at, descending=descending, stable=True)


@method()
def msort(input: Tensor) -> Tensor:
    """The elements sorted along the first dimension."""
    return sort(input, 0).values


@method()
def topk(
    input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True
) -> results.topk:
    """The `k` largest (or smallest) elements along a dimension, and their places.

    The gradient goes to the elements picked: of equal ones the first.

    Raises:
        RuntimeError: for more elements than there are.

    >>> import xpgrad as xg
    >>> xg.topk(xg.tensor([1.0, 3.0, 2.0]), 2)
    xpgrad.return_types.topk(
    values=tensor([3., 2.]),
    indices=tensor([1, 2]))
    >>> x = xg.tensor([3.0, 1.0, 3.0], requires_grad=True)
    >>> xg.autograd.grad(xg.topk(x, 1).values.sum(), x)
    (tensor([1., 0., 0.]),)
    """
    x, at = only_tensor(input, "topk"), dim_of(dim, input.ndim)
    if not 0 <= k <= (x._data.shape[at] if x.ndim else 1):
        raise ShapeError(f"selected index k out of range, got {k} for shape {list(x.shape)}")
    if not x.ndim:
        return results.topk(called(clone, "Topk")(x), zero_index(x))
    places = ops.top_places(x, axis=at, count=k, largest=largest)
    return results.topk(ops.topk_by(x, places, axis=at), places)


@method()
def kthvalue(input: Tensor, k: int, dim: int = -1, keepdim: bool = False) -> results.kthvalue:
    """The `k`-th smallest element along a dimension (counted from 1), and its place.

    The gradient goes to the element picked.

    >>> import xpgrad as xg
    >>> xg.kthvalue(xg.tensor([3.0, 1.0, 2.0]), 2).values
    tensor(2.)
    >>> x = xg.tensor([3.0, 1.0, 3.0], requires_grad=True)
    >>> xg.autograd.grad(xg.kthvalue(x, 2).values, x)
    (tensor([1., 0., 0.]),)
    """
    x, at = only_tensor(input, "kthvalue"), dim_of(dim, input.ndim)
    if not 1 <= k <= (x._data.shape[at] if x.ndim else 1):
        raise ShapeError(f"kthvalue(): selected number k out of range for dimension {at}")
    if not x.ndim:
        return results.kthvalue(called(clone, "Kthvalue")(x), zero_index(x))
    places = ops.kth_place(x, axis=at, k=k - 1, keepdims=keepdim)
    return results.kthvalue(
        called(ops.pick, "Kthvalue")(x, places, axis=at, keepdims=keepdim), places
    )


@method()
def median(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    """The middle element (the lower of two), over all, or along `dim` with its place.

    Over all elements, those equal to the median share the gradient; along a dimension the one
    picked gets it.

    nan if there is any.

    >>> import xpgrad as xg
    >>> xg.median(xg.tensor([1.0, 4.0, 2.0, 3.0]))
    tensor(2.)
    >>> x = xg.tensor([1.0, 2.0, 2.0], requires_grad=True)
    >>> xg.autograd.grad(x.median(), x), xg.autograd.grad(x.median(0).values, x)
    ((tensor([0.0000, 0.5000, 0.5000]),), (tensor([0., 1., 0.]),))
    """
    x = only_tensor(input, "median")
    if dim is None:
        if not x.numel():
            return x.new_full((), math.nan) if x.dtype.is_floating_point else _none("median")
        flat = x.reshape(-1)
        return ops.pick_shared(flat, _middle(flat, 0, False), axis=0)
    at = dim_of(dim, x.ndim)
    if not x.ndim:
        return results.median(called(clone, "MedianBackward1")(x), zero_index(x))
    if not x._data.shape[at]:
        raise IndexError(f"median(): Expected reduction dim {at} to have non-zero size.")
    places = _middle(x, at, keepdim)
    return results.median(
        called(ops.pick, "MedianBackward1")(x, places, axis=at, keepdims=keepdim), places
    )


def _none(what: str) -> Any:
    raise ShapeError(f"{what}(): the input tensor is empty")


def _middle(x: Tensor, at: int, keepdim: bool) -> Tensor:
    """The place of the middle element along a dimension, or of a nan."""
    middle = (x._data.shape[at] - 1) // 2
    return ops.kth_place(x, axis=at, k=middle, keepdims=keepdim, nan=True)


# ------------------------------------------------------------------ finding


@method()
def nonzero(input: Tensor, *, as_tuple: bool = False) -> Any:
    """The places of what is not zero: a row of indices for each, or an index for each dimension.

    >>> import xpgrad as xg
    >>> xg.nonzero(xg.tensor([[1, 0], [0, 2]]))
    tensor([[0, 0],
            [1, 1]])
    """
    from xpgrad.door.joining import stack

    x = only_tensor(input, "nonzero").detach()
    if not x.ndim:
        count = int(bool(x))
        places = x.new_zeros(count, dtype=settle(x._ns, None, dtypes.int64))
        return (places,) if as_tuple else places.reshape(count, 1)[:, :0]
    found = ops.nonzero(x, outputs=x.ndim)
    return found if as_tuple else stack(found, 1)


@method()
def argwhere(input: Tensor) -> Tensor:
    """The places of what is not zero, a row of indices for each."""
    found: Tensor = nonzero(input)
    return found


def searchsorted(
    sorted_sequence: Tensor,
    input: Any,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    sorter: Tensor | None = None,
) -> Tensor:
    """Where to insert values into a sorted sequence to keep it sorted.

    Of a sequence with more dimensions, the last one is sorted, and the rest are those of `input`.

    Args:
        right: behind equal elements (also ``side="right"``), or before them.
        sorter: the order in which the sequence is sorted, if it is not.
        out_int32: whether the result is of this type.

    Raises:
        RuntimeError: where shapes do not fit, or `side` and `right` contradict each other.

    >>> import xpgrad as xg
    >>> xg.searchsorted(xg.tensor([1.0, 2.0, 3.0]), xg.tensor([2.0, 2.5]))
    tensor([1, 2])
    """
    sequence = only_tensor(sorted_sequence, "searchsorted", "sorted_sequence").detach()
    if side not in (None, "left", "right"):
        raise ShapeError(f"side can only be 'left' or 'right' but got {side}")
    if side == "left" and right:
        raise ShapeError("side and right can't be set to opposites, got side of left while right "
                         "was True")  # fmt: skip
    values = sequence.new_tensor(input) if is_number(input) else input.detach()
    lead = tuple(sequence._data.shape[:-1])
    if sequence.ndim != 1 and tuple(values._data.shape[:-1]) != lead:
        raise ShapeError(
            "boundaries tensor should be 1 dimension or the first N-1 dimensions of boundaries "
            f"tensor and input value tensor must match, but we got boundaries tensor "
            f"{list(sequence.shape)} and input value tensor {list(values.shape)}"
        )
    if sorter is not None:
        sequence = ops.take_along_axis(sequence, sorter, axis=sequence.ndim - 1)
    where = side or ("right" if right else "left")
    if sequence.ndim == 1:
        found = ops.searchsorted(sequence, values.reshape(-1), side=where).reshape(values.shape)
    else:
        found = ops.searchsorted(sequence, values, side=where)
    return found.to(dtypes.int32) if out_int32 else found


def bucketize(
    input: Any, boundaries: Tensor, *, out_int32: bool = False, right: bool = False
) -> Tensor:
    """The number of the bucket that each value falls into.

    >>> import xpgrad as xg
    >>> xg.bucketize(xg.tensor([0.5, 2.5]), xg.tensor([1.0, 2.0, 3.0]))
    tensor([0, 2])
    """
    if boundaries.ndim != 1:
        raise ShapeError(f"boundaries tensor must be 1 dimension, but got dim({boundaries.ndim})")
    return searchsorted(boundaries, input, out_int32=out_int32, right=right)


@method()
def bincount(input: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    """How often each integer from 0 on occurs, or the sums of its weights.

    Sums are in double precision, but of weights in single precision.

    Raises:
        RuntimeError: unless the weights are as many as the integers, along one dimension.

    >>> import xpgrad as xg
    >>> xg.bincount(xg.tensor([0, 2, 2]))
    tensor([1, 0, 2])
    """
    x = only_tensor(input, "bincount")
    low, high = 0, -1
    fits = x.ndim == 1 and x.dtype.category <= dtypes.INTEGER
    if fits and x.numel():
        with guarded(x._ns):
            quick = x.dtype.category == dtypes.INTEGER and not x._ns.depth
            ends = x._ns.bounds(x._data) if quick else None
        low, high = ends or (int(x.min()), int(x.max()))
    if not fits or low < 0:
        raise ShapeError("bincount only supports 1-d non-negative integral inputs.")
    if minlength < 0:
        raise ShapeError("minlength should be >= 0")
    if weights is not None and (weights.ndim != 1 or weights.shape != x.shape):
        raise ShapeError("weights should be 1-d and have the same length as input")
    size = max(int(high) + 1, minlength)
    if weights is None or not x.numel():
        values = x.new_ones(x.shape, dtype=settle(x._ns, None, dtypes.int64))
    elif weights.dtype is dtypes.float32:
        values = weights
    else:
        values = weights.to(settle(x._ns, None, dtypes.float64))
    return ops.scatter_add(values, x, shape=(size,), axis=0)
