"""Reducing values into the places that an index names: sums, products, means, extrema."""

from __future__ import annotations

import math
from typing import Any

from xpgrad import dtypes
from xpgrad.door.arguments import dim_of, only_tensor
from xpgrad.door.attach import method
from xpgrad.door.data import guarded
from xpgrad.door.indexing import joined, own_array
from xpgrad.errors import DTypeError, ShapeError
from xpgrad.indexing import along, check_bounds
from xpgrad.ops import scatter as ops
from xpgrad.ops.device import clone
from xpgrad.ops.shape import reshape
from xpgrad.tensor import Tensor, wrap

__all__ = ["index_reduce", "scatter_reduce"]

FEW = 512  # elements; below it one line of positions is the fastest
MODES = ("sum", "prod", "mean", "amax", "amin")


@method()
def scatter_reduce(
    input: Tensor, dim: int, index: Tensor, src: Tensor, reduce: str, *, include_self: bool = True
) -> Tensor:
    """`input` with elements of `src` reduced into the places that `index` names.

    ``out[index[i, j], j]`` is made of all such ``src[i, j]`` for ``dim=0``, and of
    ``input[index[i, j], j]`` unless `include_self` is false.

    Equal extrema share the gradient; a product has derivative 0 for factors of which several in one
    place are 0.

    Args:
        reduce: ``"sum"``, ``"prod"``, ``"mean"``, ``"amax"`` or ``"amin"``.

    Raises:
        IndexError: out of range.
        RuntimeError: where `index` is larger than `src`, or than `input` in another dimension.

    >>> import xpgrad as xg
    >>> x, index = xg.tensor([1.0, 2.0]), xg.tensor([0, 0, 1])
    >>> xg.scatter_reduce(x, 0, index, xg.tensor([3.0, 4.0, 5.0]), "prod")
    tensor([12., 10.])
    >>> y = xg.tensor([3.0, 1.0, 1.0], requires_grad=True)
    >>> xg.autograd.grad(xg.scatter_reduce(x, 0, index, y, "amax").sum(), y)
    (tensor([1., 0., 0.]),)
    """
    if reduce not in MODES:
        raise ShapeError(
            "reduce argument must be either sum, prod, mean, amax or amin, got " + reduce
        )
    x, values, places, axis = _scattered("scatter_reduce", input, dim, index, src)
    if values is None:
        return clone(x)
    return ops.reduce_at(x, values, places, how=reduce, axis=axis, include_self=include_self)


def _scattered(what: str, input: Tensor, dim: int, index: Tensor, src: Tensor) -> Any:
    """`input`, the part of `src` that counts (`None` if it is empty), and places for it.

    They are along the axis that comes with them, or positions among all elements.

    Raises:
        DTypeError: for positions that are no integers, or another dtype.
        ShapeError: in PyTorch's words.
    """
    x = joined(only_tensor(input, what), index, src)
    axis = dim_of(dim, x.ndim)
    at = only_tensor(index, what, "index", 3)
    values = only_tensor(src, what, "src", 4)
    if at.dtype not in (dtypes.int64, dtypes.int32):
        raise DTypeError(f"{what}(): Expected dtype int32/int64 for index")
    if values.dtype is not x.dtype:
        raise DTypeError(f"{what}(): Expected self.dtype to be equal to src.dtype")
    if not math.prod(at._data.shape):
        return x, None, None, None
    shape, wanted, have = (_lengths(t) for t in (x, at, values))
    larger = [i for i, n in enumerate(wanted[: len(shape)]) if i != axis and n > shape[i]]
    if len(wanted) != len(shape) or len(have) != len(shape):
        raise ShapeError(
            "Index tensor must have the same number of dimensions as "
            f"{'self' if len(wanted) != len(shape) else 'src'} tensor"
        )
    if larger or any(n > m for n, m in zip(wanted, have, strict=True)):
        raise ShapeError(
            f"Expected index {list(at.shape)} to be no larger than self {list(x.shape)} apart from "
            f"dimension {axis} and to be no larger than src {list(values.shape)}"
        )
    values = _shaped(values, have)
    if wanted != have:
        values = values[tuple(slice(0, n) for n in wanted)]
    return x, values, *_placed(x, _shaped(at, wanted), axis, wanted)


def _shaped(x: Tensor, shape: tuple[int, ...]) -> Tensor:
    return x if tuple(x._data.shape) == shape else reshape(x, shape=shape)


def _lengths(x: Tensor) -> tuple[int, ...]:
    return tuple(x._data.shape) or (1,)


def _placed(x: Tensor, at: Tensor, axis: int, inner: tuple[int, ...]) -> tuple[Tensor, int | None]:
    """Checked positions along a dimension of `x`, with the axis.

    Or positions among all elements, and no axis, where there are few, or values for a part of `x`
    alone.
    """
    shape, ns = _lengths(x), x._ns
    if at._ns is not ns:
        at = wrap(own_array(x, at), ns)
    with guarded(ns):
        check_bounds(ns, at._data, shape[axis], axis)
        whole = inner[:axis] + inner[axis + 1 :] == shape[:axis] + shape[axis + 1 :]
        if whole and x.ndim and math.prod(inner) >= FEW:
            return at, axis
        kind = ns.arange(0).dtype
        raw = at._data if at._data.dtype == kind else ns.astype(at._data, kind)
        return wrap(along(ns, raw, shape, axis, inner), ns), None


@method()
def index_reduce(
    input: Tensor,
    dim: int,
    index: Tensor,
    source: Tensor,
    reduce: str,
    *,
    include_self: bool = True,
) -> Tensor:
    """`input` with the slices of `source` reduced into positions along a dimension.

    Args:
        reduce: ``"prod"``, ``"mean"``, ``"amax"`` or ``"amin"``; derivatives are those of
            `scatter_reduce`.

    Raises:
        IndexError: out of range.
        RuntimeError: where `source` does not fit.

    >>> import xpgrad as xg
    >>> x = xg.tensor([[1.0, 2.0], [3.0, 4.0]])
    >>> xg.index_reduce(x, 0, xg.tensor([1]), xg.tensor([[5.0, 2.0]]), "amax")
    tensor([[1., 2.],
            [5., 4.]])
    """
    if reduce not in MODES[1:]:
        raise ShapeError(
            f"index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got "
            f"{reduce}."
        )
    what = "index_reduce"
    x = joined(only_tensor(input, what), index, source)
    axis = dim_of(dim, x.ndim)
    at = only_tensor(index, what, "index", 3)
    values = only_tensor(source, what, "source", 4)
    if at.dtype not in (dtypes.int64, dtypes.int32):
        raise DTypeError(f"{what}_(): Expected dtype int32/int64 for index")
    if at.ndim > 1:
        raise IndexError(f"{what}_(): Index is supposed to be a vector")
    if values.dtype is not x.dtype:
        raise DTypeError(
            f"{what}_(): self ({x.dtype.torch_name}) and source ({values.dtype.torch_name}) must "
            "have the same scalar type"
        )
    shape, have = _lengths(x), _lengths(values)
    count = at.numel()
    if len(have) != len(shape) or have[axis] != count:
        raise ShapeError(
            f"{what}_(): Number of indices ({count}) should be equal to source.size(dim): "
            f"({have[axis] if axis < len(have) else 1}), for dim: {axis}"
        )
    if any(n != m for i, (n, m) in enumerate(zip(shape, have, strict=True)) if i != axis):
        raise ShapeError(
            f"{what}_(): source tensor shape must match self tensor shape, excluding the specified "
            f"dimension. Got self.shape = {list(x.shape)} source.shape = {list(values.shape)}"
        )
    if not math.prod(have):
        return clone(x)
    line = (*(1,) * axis, count, *(1,) * (len(shape) - axis - 1))
    places, along_axis = _placed(x, _shaped(at, line), axis, have)
    values = _shaped(values, have)
    return ops.index_reduce(
        x, values, places, how=reduce, axis=along_axis, include_self=include_self
    )
