"""PyTorch's functions that read or write by position: along a dimension, by mask, by any index."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from xpgrad import dtypes
from xpgrad.door.arguments import dim_of, only_tensor
from xpgrad.door.attach import method
from xpgrad.door.data import guarded
from xpgrad.door.indexing import (
    FULL,
    explain,
    fitting,
    joined,
    own_array,
    parse,
    position_type,
    read_part,
)
from xpgrad.door.inplace import assignable
from xpgrad.errors import DTypeError, ShapeError
from xpgrad.indexing import check_bounds
from xpgrad.namespace import Array
from xpgrad.ops import indexing as ops
from xpgrad.ops import searching
from xpgrad.tensor import Tensor, wrap

__all__ = [
    "gather", "index_add", "index_copy", "index_fill", "index_put", "index_select",
    "narrow", "put", "scatter", "scatter_add",
    "select", "select_scatter", "slice_scatter", "take", "take_along_dim",
]  # fmt: skip

# ------------------------------------------------------------------ parts along one dimension


def _at(dim: int, *part: Any) -> tuple[Any, ...]:
    """The index that names a part of one dimension and all of the others."""
    return (*(FULL,) * dim, *part)


@method()
def select(input: Tensor, dim: int, index: int) -> Tensor:
    """The slice at `index` along a dimension, which disappears: a view.

    Raises:
        IndexError: out of range.

    >>> import xpgrad as xg
    >>> xg.select(xg.arange(6).reshape(2, 3), 1, -1)
    tensor([2, 5])
    """
    x = only_tensor(input, "select")
    if not x._data.shape:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    axis, i = dim_of(dim, x.ndim), operator.index(index)
    n = x._data.shape[axis]
    if not -n <= i < n:
        raise IndexError(
            f"select(): index {i} out of range for tensor of size {list(x.shape)} at dimension "
            f"{axis}"
        )
    return ops.select(x, index=_at(axis, i, ...))


@method()
def narrow(input: Tensor, dim: int, start: Any, length: int) -> Tensor:
    """`length` slices along a dimension, from `start` on: a view.

    Raises:
        IndexError: out of range.
        ShapeError: where there are not that many.

    >>> import xpgrad as xg
    >>> xg.narrow(xg.arange(5), 0, 1, 3)
    tensor([1, 2, 3])
    """
    x = only_tensor(input, "narrow")
    if not x._data.shape:
        raise ShapeError("narrow() cannot be applied to a 0-dim tensor.")
    axis, begin = dim_of(dim, x.ndim), int(start)
    n = x._data.shape[axis]
    if length < 0:
        raise ShapeError("narrow(): length must be non-negative.")
    if not -n <= begin <= n:
        raise IndexError(
            f"start out of range (expected to be in range of [{-n}, {n}], but got {begin})"
        )
    begin += n if begin < 0 else 0
    if begin + length > n:
        raise ShapeError(f"start ({begin}) + length ({length}) exceeds dimension size ({n}).")
    return ops.getview(x, index=_at(axis, slice(begin, begin + length), ...))


def _vector(what: str, x: Tensor, index: Any) -> Array:
    """Positions along one dimension, given as a vector or as one number."""
    if isinstance(index, Tensor) and index.dtype.category != dtypes.INTEGER:
        raise DTypeError(f"{what}(): Expected dtype int32 or int64 for index")
    found = read_part(x, index)
    if isinstance(found, (bool, int)):
        ns = x._ns
        return ns.asarray([int(found)], dtype=position_type(x))
    if not hasattr(found, "dtype") or len(found.shape) > 1:
        raise IndexError(f"{what}(): Index is supposed to be a vector")
    return found if found.shape else x._ns.reshape(found, (1,))


def _said(x: Tensor, arrays: tuple[Any, ...], call: Any, *args: Any, **kwargs: Any) -> Tensor:
    """``call(...)``, with PyTorch's words for positions that are not there."""
    try:
        out: Tensor = call(*args, **kwargs)
    except IndexError:
        explain(x._data, x._ns, arrays)
        raise
    return out


@method()
def index_select(input: Tensor, dim: int, index: Any) -> Tensor:
    """The slices at the positions in a vector, along a dimension.

    Gradients of a position that is named several times add up.

    Raises:
        IndexError: out of range.

    >>> import xpgrad as xg
    >>> xg.index_select(xg.arange(6).reshape(2, 3), 1, xg.tensor([2, 0, 0]))
    tensor([[2, 0, 0],
            [5, 3, 3]])
    >>> x = xg.tensor([1.0, 2.0], requires_grad=True)
    >>> xg.autograd.grad(xg.index_select(x, 0, xg.tensor([0, 0])).sum(), x)
    (tensor([2., 0.]),)
    """
    x = joined(only_tensor(input, "index_select"), index)
    found = _vector("index_select", x, index)
    if not x._data.shape:
        return _said(x, (), ops.getitem, x, index=(True,)).reshape(())
    axis = dim_of(dim, x.ndim)
    return _said(x, _at(axis, found), searching.take, x, found, axis=axis)


@method()
def index_add(input: Tensor, dim: int, index: Any, source: Tensor, *, alpha: Any = 1) -> Tensor:
    """`input` with ``alpha * source`` added at positions along a dimension.

    Each element of `source` gets the gradient of its position, and `input` all of it.

    Positions that are named several times get all that is added to them.

    Raises:
        IndexError: out of range.
        ShapeError: where `source` does not fit.

    >>> import xpgrad as xg
    >>> xg.index_add(xg.zeros(3), 0, xg.tensor([0, 2, 0]), xg.tensor([1.0, 2.0, 3.0]))
    tensor([4., 0., 2.])
    >>> x = xg.tensor([1.0, 2.0], requires_grad=True)
    >>> y = xg.tensor([3.0, 4.0], requires_grad=True)
    >>> xg.autograd.grad(xg.index_add(x, 0, xg.tensor([0, 0]), y).sum(), (x, y))
    (tensor([1., 1.]), tensor([1., 1.]))
    """
    x = joined(only_tensor(input, "index_add_"), index, source)
    if not x._data.shape:
        return index_add(*_lines(x, dim, index, source), alpha=alpha).reshape(())
    at = _rows("index_add_", x, dim, index, source)
    values = source if alpha == 1 else source * alpha
    return _said(x, at, ops.index_accumulate, x, values, index=at, accumulate=True)


@method()
def index_copy(input: Tensor, dim: int, index: Any, source: Tensor) -> Tensor:
    """`input` with the slices of `source` at positions along a dimension.

    Where a position is named several times the last one counts, but each slice gets the
    gradient of its position; `input` gets none there.

    Raises:
        IndexError: out of range.
        ShapeError: where `source` does not fit.

    >>> import xpgrad as xg
    >>> x = xg.tensor([1.0, 2.0], requires_grad=True)
    >>> y = xg.tensor([3.0, 4.0], requires_grad=True)
    >>> xg.autograd.grad(xg.index_copy(x, 0, xg.tensor([0, 0]), y).sum(), (x, y))
    (tensor([0., 1.]), tensor([1., 1.]))
    """
    x = joined(only_tensor(input, "index_copy_"), index, source)
    if not x._data.shape:
        return index_copy(*_lines(x, dim, index, source)).reshape(())
    at = _rows("index_copy_", x, dim, index, source)
    return _said(x, at, ops.index_copy, x, source, index=at)


def _lines(x: Tensor, dim: int, *others: Any) -> tuple[Any, ...]:
    """Arguments of a function along a dimension, 0-d tensors among them with one."""
    dim_of(dim, x.ndim)
    return (x.reshape(-1), dim, *(t.reshape(-1) if _is_point(t) else t for t in others))


def _is_point(value: Any) -> bool:
    return isinstance(value, Tensor) and not value._data.shape


def _rows(what: str, x: Tensor, dim: int, index: Any, source: Tensor) -> tuple[Any, ...]:
    """The index for a vector of positions along a dimension, checked against the source."""
    only_tensor(source, what, "source", 3)
    axis = dim_of(dim, x.ndim)
    found = _vector(what, x, index)
    if source.dtype is not x.dtype:
        raise DTypeError(
            f"{what}(): self ({x.dtype.torch_name}) and source ({source.dtype.torch_name}) must "
            "have the same scalar type"
        )
    have = source._data.shape[axis] if axis < source.ndim else 1
    if have != found.shape[0]:
        # PyTorch calls the same mistake by two names.
        kind = IndexError if what == "index_copy_" else ShapeError
        raise kind(
            f"{what}(): Number of indices ({found.shape[0]}) should be equal to source.size(dim): "
            f"({have}), for dim: {axis}"
        )
    if source.ndim != x.ndim:
        raise ShapeError(f"{what}(): expected a source with {x.ndim} dimensions, got {source.ndim}")
    if any(n != m for i, (n, m) in enumerate(zip(x.shape, source.shape, strict=True)) if i != axis):
        raise ShapeError(
            f"{what}(): source tensor shape must match self tensor shape, excluding the specified "
            f"dimension. Got self.shape = {list(x.shape)} source.shape = {list(source.shape)}"
        )
    return _at(axis, found)


@method()
def index_fill(input: Tensor, dim: int, index: Any, value: Any) -> Tensor:
    """`input` with one number (or a 0-d tensor) at positions along a dimension.

    What is overwritten gets no gradient.

    Raises:
        IndexError: out of range.

    >>> import xpgrad as xg
    >>> xg.index_fill(xg.zeros(3), 0, xg.tensor([0, 2]), 5)
    tensor([5., 0., 5.])
    >>> x = xg.tensor([1.0, 2.0], requires_grad=True)
    >>> xg.autograd.grad(xg.index_fill(x, 0, xg.tensor([0]), 5).sum(), x)
    (tensor([0., 1.]),)
    """
    x = joined(only_tensor(input, "index_fill"), index, value)
    if not x._data.shape:
        line, _, at = _lines(x, dim, index)
        return index_fill(line, 0, at, value).reshape(())
    axis, found = dim_of(dim, x.ndim), _vector("index_fill_", x, index)
    if isinstance(value, Tensor) and value._data.shape:
        raise ShapeError(
            "index_fill_ only supports a 0-dimensional value tensor, but got tensor with "
            f"{value.ndim} dimension(s)."
        )
    ns, n = x._ns, x._data.shape[axis]
    with guarded(ns):
        check_bounds(ns, found, n, axis)
        if isinstance(value, Tensor):  # as a mask: a place that is named twice is filled once
            mask = ns.assign(ns.zeros((n,), dtype=ns.native(dtypes.bool_)), (found,), True)
            mask = wrap(ns.reshape(mask, (*mask.shape, *(1,) * (x.ndim - axis - 1))), ns)
            return ops.index_fill_by(x, mask, value)
    return ops.index_fill(x, assignable(x, value), index=_at(axis, found))


# ------------------------------------------------------------------ a position for each element


def _along(what: str, x: Tensor, dim: int, index: Tensor, limits: Any) -> tuple[Any, ...]:
    """The index that names, for each element of `index`, the place it stands for.

    Raises:
        ShapeError: where `index` is larger than the shapes in `limits` (apart from the dimension).
        DTypeError: for positions that are no integers.
    """
    axis = dim_of(dim, x.ndim)
    only_tensor(index, what, "index", 2)
    if index.dtype.category != dtypes.INTEGER:
        raise DTypeError(f"{what}(): Expected dtype int64 for index")
    if index.ndim != x.ndim:
        raise ShapeError(
            "Index tensor must have the same number of dimensions as self tensor, got "
            f"{list(index.shape)} for {list(x.shape)}"
        )
    for name, limit, apart in limits:
        if len(limit) != index.ndim or any(
            n > m and not (apart and i == axis)
            for i, (n, m) in enumerate(zip(index.shape, limit, strict=True))
        ):
            raise ShapeError(
                f"{what}(): Expected index {list(index.shape)} to be no larger than {name} "
                f"{list(limit)}" + (f" apart from dimension {axis}" if apart else "")
            )
    ns = x._ns
    raw = own_array(x, index)
    wide = position_type(x)
    with guarded(ns):
        grids = []
        for i, n in enumerate(raw.shape):
            form = tuple(n if j == i else 1 for j in range(len(raw.shape)))
            grids.append(raw if i == axis else ns.reshape(ns.arange(n, dtype=wide), form))
    return tuple(grids)


@method()
def gather(input: Tensor, dim: int, index: Tensor, *, sparse_grad: bool = False) -> Tensor:
    """For each element of `index`, the element of `input` there along a dimension.

    Gradients of a place that is named several times add up.

    ``out[i, j] = input[index[i, j], j]`` for ``dim=0``.

    Raises:
        IndexError: out of range.
        ShapeError: where `index` is larger than `input` in another dimension.

    >>> import xpgrad as xg
    >>> xg.gather(xg.tensor([[1.0, 2.0], [3.0, 4.0]]), 1, xg.tensor([[0, 0], [1, 0]]))
    tensor([[1., 1.],
            [4., 3.]])
    >>> x = xg.tensor([1.0, 2.0], requires_grad=True)
    >>> xg.autograd.grad(xg.gather(x, 0, xg.tensor([0, 0])).sum(), x)
    (tensor([2., 0.]),)
    """
    x = joined(only_tensor(input, "gather"), index)
    only_tensor(index, "gather", "index", 3)
    if not index.numel():
        return x.reshape(-1)[:0].reshape(index.shape)
    if not x.ndim or not index.ndim:
        return gather(*_lines(x, dim, index)).reshape(index.shape)
    at = _along("gather", x, dim, index, [("self", tuple(x.shape), True)])
    axis = dim_of(dim, x.ndim)
    part = _corner(x, [n if i != axis else None for i, n in enumerate(index.shape)])
    return _said(x, at, searching.take_along_axis, part, at[axis], axis=axis)


def _corner(x: Tensor, lengths: Any) -> Tensor:
    """The first so many in each dimension: a view, or the tensor itself if that is all."""
    if all(n is None or n == m for n, m in zip(lengths, x._data.shape, strict=True)):
        return x
    return ops.getview(x, index=tuple(slice(0, n) for n in lengths))


@method()
def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None) -> Tensor:
    """`gather` with broadcasting; without `dim`, by position among all elements.

    >>> import xpgrad as xg
    >>> x = xg.tensor([[10.0, 30.0, 20.0]])
    >>> xg.take_along_dim(x, x.argsort(1), 1)
    tensor([[10., 20., 30.]])
    """
    x = joined(only_tensor(input, "take_along_dim"), indices)
    if dim is None:
        x, indices, dim = x.reshape(-1), indices.reshape(-1), 0
    axis = dim_of(dim, x.ndim)
    if x.ndim != indices.ndim:
        raise ShapeError(
            "xpgrad.take_along_dim(): input and indices should have the same number of dimensions, "
            f"but got {x.ndim} dimensions for input, and {indices.ndim} dimensions for indices"
        )
    both = np.broadcast_shapes(
        tuple(1 if i == axis else n for i, n in enumerate(x.shape)),
        tuple(1 if i == axis else n for i, n in enumerate(indices.shape)),
    )
    size = [(*both[:axis], t.shape[axis], *both[axis + 1 :]) for t in (x, indices)]
    return gather(x.expand(size[0]), axis, indices.expand(size[1]))


@method()
def scatter(
    input: Tensor,
    dim: int,
    index: Tensor,
    src: Any = None,
    *,
    value: Any = None,
    reduce: Any = None,
) -> Tensor:
    """`input` with elements of `src`, or one number, at the places that `index` names.

    Where a place is named several times, each of its values gets the gradient of that place,
    also those that were overwritten; `input` gets none there.

    ``out[index[i, j], j] = src[i, j]`` for ``dim=0``. Where a place is named several times, the
    last one counts.

    Args:
        reduce: ``"add"`` adds instead, ``"multiply"`` multiplies.

    Raises:
        IndexError: out of range.
        ShapeError: where `index` is larger than `src`, or than `input` in another dimension.

    >>> import xpgrad as xg
    >>> xg.zeros(2, 3).scatter(1, xg.tensor([[2], [0]]), 1.0)
    tensor([[0., 0., 1.],
            [1., 0., 0.]])
    >>> x = xg.tensor([1.0, 2.0], requires_grad=True)
    >>> y = xg.tensor([3.0, 4.0], requires_grad=True)
    >>> xg.autograd.grad(xg.scatter(x, 0, xg.tensor([0, 0]), y).sum(), (x, y))
    (tensor([0., 1.]), tensor([1., 1.]))
    """
    x = joined(only_tensor(input, "scatter"), index, src, value)
    if reduce not in (None, "add", "multiply"):
        raise ShapeError("reduce argument must be either add or multiply.")
    given = value if src is None else src
    if not x.ndim or _is_point(index):
        return scatter(*_lines(x, dim, index, given), reduce=reduce).reshape(x.shape)
    if reduce is not None and not isinstance(given, Tensor):
        given = x.new_full(index.shape, given)
    if reduce == "multiply":
        from xpgrad.door.scatter import scatter_reduce

        return scatter_reduce(x, dim, index, given, "prod")
    limits = [("self", tuple(x.shape), True)]
    if not isinstance(given, Tensor):
        at = _along("scatter", x, dim, index, limits)
        call = ops.scatter_value
        given = assignable(x, given)
    else:
        at, given = _with_source("scatter", x, dim, index, given)
        call = ops.scatter
    return _said(x, at, call, x, given, index=at, accumulate=reduce == "add")


@method()
def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """`input` with elements of `src` added at the places that `index` names.

    Each element of `src` gets the gradient of its place, and `input` all of it.

    Raises:
        IndexError: out of range.
        ShapeError: where `index` is larger than `src`, or than `input` in another dimension.

    >>> import xpgrad as xg
    >>> xg.zeros(3).scatter_add(0, xg.tensor([0, 0, 2]), xg.ones(3))
    tensor([2., 0., 1.])
    >>> x = xg.tensor([1.0, 2.0], requires_grad=True)
    >>> y = xg.tensor([3.0, 4.0], requires_grad=True)
    >>> xg.autograd.grad(xg.scatter_add(x, 0, xg.tensor([0, 0]), y).sum(), (x, y))
    (tensor([1., 1.]), tensor([1., 1.]))
    """
    x = joined(only_tensor(input, "scatter_add"), index, src)
    if not x.ndim or _is_point(index):
        return scatter_add(*_lines(x, dim, index, src)).reshape(x.shape)
    at, values = _with_source(
        "scatter_add", x, dim, index, only_tensor(src, "scatter_add", "src", 3)
    )
    return _said(x, at, ops.scatter_add, x, values, index=at, accumulate=True)


def _with_source(what: str, x: Tensor, dim: int, index: Tensor, src: Tensor) -> Any:
    if src.dtype is not x.dtype:
        raise DTypeError(f"{what}(): Expected self.dtype to be equal to src.dtype")
    limits = [("self", tuple(x.shape), True), ("src", tuple(src.shape), False)]
    return _along(what, x, dim, index, limits), _corner(src, index.shape)


# ------------------------------------------------------------------ any index, as functions


def _line(index: Any) -> Any:
    """An index of a dimension, one place as a line of one: elsewhere that would be a view."""
    if index is None:
        return FULL
    if isinstance(index, Tensor) and not index.ndim:
        if index.dtype is dtypes.bool_:
            raise ShapeError("index_put takes no boolean that is a scalar")
        return index.reshape(1)
    return index


@method()
def index_put(input: Tensor, indices: Any, values: Any, accumulate: bool = False) -> Tensor:
    """`input` with `values` at an index of tensors, one for each dimension, or added there.

    Where a place is named several times the last one counts, but each value gets the gradient
    of its place. `input` gets none there, unless values are added.

    >>> import xpgrad as xg
    >>> xg.zeros(3).index_put((xg.tensor([0, 0]),), xg.ones(2), accumulate=True)
    tensor([2., 0., 0.])
    >>> x = xg.tensor([1.0, 2.0], requires_grad=True)
    >>> y = xg.tensor([3.0, 4.0], requires_grad=True)
    >>> xg.autograd.grad(xg.index_put(x, (xg.tensor([0, 0]),), y).sum(), (x, y))
    (tensor([0., 1.]), tensor([1., 1.]))
    """
    x = joined(only_tensor(input, "index_put"), *indices, values)
    _, arrays, _ = parse(x, tuple(map(_line, indices)))
    if arrays is None:
        raise ShapeError("index_put needs an index that names places")
    value = fitting(x, values, x._data, arrays) if isinstance(values, Tensor) else values
    return _said(x, arrays, ops.index_put, x, value, index=arrays, accumulate=accumulate)


@method()
def take(input: Tensor, index: Any) -> Tensor:
    """The elements at positions among all of them, as if there were one dimension.

    Gradients of a position that is named several times add up.

    Raises:
        IndexError: out of range.

    >>> import xpgrad as xg
    >>> xg.take(xg.tensor([[1.0, 2.0], [3.0, 4.0]]), xg.tensor([0, 3]))
    tensor([1., 4.])
    >>> x = xg.tensor([1.0, 2.0], requires_grad=True)
    >>> xg.autograd.grad(xg.take(x, xg.tensor([0, 0])).sum(), x)
    (tensor([2., 0.]),)
    """
    x = joined(only_tensor(input, "take"), index).reshape(-1)
    at = (_long("take", x, index),)
    return _said(x, at, ops.take, x, index=at)


def _long(what: str, x: Tensor, index: Any) -> Array:
    found = only_tensor(index, what, "index", 2)
    if found.dtype.category != dtypes.INTEGER:
        raise DTypeError(
            f"{what}(): Expected a long tensor for index, but got {found.dtype.torch_name}"
        )
    return own_array(x, found)


@method()
def put(input: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Tensor:
    """`input` with `source` at positions among all elements, or added there.

    Raises:
        IndexError: out of range.
        ShapeError: where there is not one element for each position.

    >>> import xpgrad as xg
    >>> xg.put(xg.zeros(2, 2), xg.tensor([0, 3]), xg.tensor([1.0, 2.0]))
    tensor([[1., 0.],
            [0., 2.]])
    """
    x, values = only_tensor(input, "put"), only_tensor(source, "put", "source", 3)
    x = joined(x, index, values)
    if values.dtype is not x.dtype:
        raise DTypeError(
            "put_(): self and source expected to have the same dtype, but got self.dtype = "
            f"{x.dtype.torch_name} and source.dtype = {values.dtype.torch_name}"
        )
    if values.shape.numel() != index.shape.numel():
        raise ShapeError(
            "put_(): Expected source and index to have the same number of elements, but got "
            f"source.numel() = {values.shape.numel()}, index.numel() = {index.shape.numel()}"
        )
    ns, places = x._ns, index.reshape(-1)
    raw = _long("put", x, places)
    with guarded(ns):
        check_bounds(ns, raw, x.shape.numel(), 0)
        if raw.dtype != ns.arange(0).dtype:
            raw = ns.astype(raw, ns.arange(0).dtype)
    if raw is not places._data:
        places = wrap(raw, ns)
    return ops.put(x, values.reshape(-1), places, accumulate=accumulate)


@method()
def select_scatter(input: Tensor, src: Tensor, dim: int, index: int) -> Tensor:
    """`input` with `src` as the slice at `index` along a dimension.

    >>> import xpgrad as xg
    >>> xg.zeros(2, 2).select_scatter(xg.ones(2), 0, 1)
    tensor([[0., 0.],
            [1., 1.]])
    """
    x = joined(only_tensor(input, "select_scatter"), src)
    return _with_part("select_scatter", x, src, select(x, dim, index))


@method()
def slice_scatter(
    input: Tensor, src: Tensor, dim: int = 0, start: Any = None, end: Any = None, step: int = 1
) -> Tensor:
    """`input` with `src` in place of some slices along a dimension."""
    x = joined(only_tensor(input, "slice_scatter"), src)
    part = _at(dim_of(dim, x.ndim), slice(start, end, step))
    return _with_part("slice_scatter", x, src, x[part])


def _with_part(what: str, x: Tensor, src: Tensor, part: Tensor) -> Tensor:
    if tuple(src.shape) != tuple(part.shape):
        raise ShapeError(
            f"expected src to have a size equal to the slice of self. src size = "
            f"{list(src.shape)}, slice size = {list(part.shape)}"
        )
    assert part._view is not None
    return ops.PARTS[what](x, src, **part._view[2])
