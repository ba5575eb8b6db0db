"""Joining tensors, and taking them apart."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from xpgrad.door.arguments import dim_of, only_tensor
from xpgrad.door.attach import method
from xpgrad.door.shape import reshape, unsqueeze
from xpgrad.errors import ShapeError
from xpgrad.ops import shape as ops
from xpgrad.tensor import Tensor

__all__ = [
    "atleast_1d", "atleast_2d", "atleast_3d", "cat", "chunk", "column_stack", "concat",
    "concatenate", "dsplit", "dstack", "hsplit", "hstack", "row_stack", "split", "split_with_sizes",
    "stack", "tensor_split", "unbind", "vsplit", "vstack",
]  # fmt: skip

# ------------------------------------------------------------------ joining


def cat(tensors: Sequence[Tensor], dim: int = 0, *, axis: int | None = None) -> Tensor:
    """Tensors one after another along a dimension; mixed dtypes are promoted.

    Also called ``concat``, ``concatenate``. An empty 1-D tensor is passed over.

    Raises:
        ValueError: for an empty list.
        RuntimeError: where ranks, or lengths of other dimensions, differ.

    >>> import xpgrad as xg
    >>> xg.cat([xg.ones(1, 2), xg.zeros(1, 2)])
    tensor([[1., 1.],
            [0., 0.]])
    """
    given = _tensors(tensors, "cat")
    # PyTorch's oldest exception: shape (0,) fits beside anything.
    parts = [x for x in given if x._data.shape != (0,)] or given
    rank = parts[0].ndim
    if rank == 1:
        parts = given
    if not rank:
        raise ShapeError("zero-dimensional tensor (at position 0) cannot be concatenated")
    at = dim_of(dim if axis is None else axis, rank)
    first = parts[0]._data.shape
    for i, x in enumerate(parts):
        shape = x._data.shape
        if len(shape) != rank:
            raise ShapeError(
                f"Tensors must have same number of dimensions: got {rank} and {len(shape)}"
            )
        for d in range(rank):
            if d != at and shape[d] != first[d]:
                raise ShapeError(
                    f"Sizes of tensors must match except in dimension {at}. Expected size "
                    f"{first[d]} but got size {shape[d]} for tensor number {i} in the list."
                )
    return ops.concat(*parts, axis=at)


concat = concatenate = cat


def stack(tensors: Sequence[Tensor], dim: int = 0, *, axis: int | None = None) -> Tensor:
    """Tensors of one shape side by side along a new dimension.

    Raises:
        RuntimeError: for an empty list, or where shapes differ.

    >>> import xpgrad as xg
    >>> xg.stack([xg.ones(2), xg.zeros(2)], dim=1)
    tensor([[1., 0.],
            [1., 0.]])
    """
    parts = _tensors(tensors, "stack")
    first = parts[0]._data.shape
    for i, x in enumerate(parts):
        if x._data.shape != first:
            raise ShapeError(
                f"stack expects each tensor to be equal size, but got {list(first)} at entry 0 and "
                f"{list(x._data.shape)} at entry {i}"
            )
    return ops.stack(*parts, axis=dim_of(dim if axis is None else axis, len(first) + 1))


def _tensors(tensors: Any, what: str) -> list[Tensor]:
    if isinstance(tensors, Tensor):
        raise TypeError(
            f"{what}(): argument 'tensors' (position 1) must be tuple of Tensors, not Tensor"
        )
    given = list(tensors)
    if not given:
        raise ShapeError(
            "xpgrad.cat(): expected a non-empty list of Tensors" if what == "cat"
            else f"{what} expects a non-empty TensorList"
        )  # fmt: skip
    for i, x in enumerate(given):
        if not isinstance(x, Tensor):
            raise TypeError(
                f"expected Tensor as element {i} in argument 0, but got {type(x).__name__}"
            )
    return given


def hstack(tensors: Sequence[Tensor]) -> Tensor:
    """Tensors side by side: along the second dimension, or the only one.

    >>> import xpgrad as xg
    >>> xg.hstack([xg.ones(2), xg.zeros(1)])
    tensor([1., 1., 0.])
    """
    parts = [atleast_1d(x) for x in _tensors(tensors, "hstack")]
    return cat(parts, 0 if parts[0].ndim == 1 else 1)


def vstack(tensors: Sequence[Tensor]) -> Tensor:
    """Tensors below one another; 1-D tensors are rows. Also called ``row_stack``.

    >>> import xpgrad as xg
    >>> xg.vstack([xg.ones(2), xg.zeros(2)])
    tensor([[1., 1.],
            [0., 0.]])
    """
    return cat([atleast_2d(x) for x in _tensors(tensors, "vstack")])


row_stack = vstack


def dstack(tensors: Sequence[Tensor]) -> Tensor:
    """Tensors behind one another, along the third dimension."""
    return cat([atleast_3d(x) for x in _tensors(tensors, "dstack")], 2)


def column_stack(tensors: Sequence[Tensor]) -> Tensor:
    """Tensors side by side; 1-D tensors are columns.

    >>> import xpgrad as xg
    >>> xg.column_stack([xg.ones(2), xg.zeros(2)])
    tensor([[1., 0.],
            [1., 0.]])
    """
    parts = _tensors(tensors, "column_stack")
    return hstack([reshape(x, -1, 1) if x.ndim <= 1 else x for x in parts])


def atleast_1d(*tensors: Any) -> Any:
    """Tensors with at least one dimension."""
    return _each(lambda x: x if x.ndim else reshape(x, 1), tensors)


def atleast_2d(*tensors: Any) -> Any:
    """Tensors with at least two dimensions; 1-D tensors become rows."""

    def one(x: Tensor) -> Tensor:
        return x if x.ndim > 1 else unsqueeze(x, 0) if x.ndim else reshape(x, 1, 1)

    return _each(one, tensors)


def atleast_3d(*tensors: Any) -> Any:
    """Tensors with at least three dimensions; 2-D tensors get the new one at the end."""

    def one(x: Tensor) -> Tensor:
        return x if x.ndim > 2 else unsqueeze(atleast_2d(x), -1) if x.ndim else reshape(x, 1, 1, 1)

    return _each(one, tensors)


def _each(function: Any, tensors: Any) -> Any:
    if len(tensors) == 1:
        given = tensors[0]
        return function(given) if isinstance(given, Tensor) else tuple(map(function, given))
    return tuple(map(function, tensors))


# ------------------------------------------------------------------ taking apart


@method()
def split(
    tensor: Tensor, split_size_or_sections: Any = None, dim: int = 0, *, split_size: Any = None
) -> tuple[Tensor, ...]:
    """Pieces of one length (the last may be shorter), or of the lengths in a list.

    Raises:
        RuntimeError: where lengths do not add up.

    >>> import xpgrad as xg
    >>> [piece.tolist() for piece in xg.arange(5).split(2)]
    [[0, 1], [2, 3], [4]]
    """
    rank = only_tensor(tensor, "split", "tensor").ndim
    if not rank:
        raise ShapeError("split expects at least a 1-dimensional tensor")
    at = dim_of(dim, rank)
    length = tensor._data.shape[at]
    wanted = _one_of("split", split_size_or_sections, split_size)
    if isinstance(wanted, (tuple, list)):
        return _pieces(tensor, tuple(wanted), at, dim)
    size = int(wanted)
    if size < 0:
        raise ShapeError(f"split expects split_size be non-negative, but got split_size={size}")
    if size == 0 and length:
        raise ShapeError(
            f"split_size can only be 0 if dimension size is 0, but got dimension size of {length}"
        )
    sizes = [size] * (length // size) if size else [0]
    if size and length % size:
        sizes.append(length % size)
    sizes = sizes or [0]
    return ops.split(tensor, axis=at, sizes=tuple(sizes), outputs=len(sizes))


def _one_of(what: str, *given: Any) -> Any:
    """The one argument that was given, under whichever name.

    Raises:
        TypeError: unless it is one.
    """
    found = [value for value in given if value is not None]
    if len(found) != 1:
        raise TypeError(f"{what}() takes one number of pieces, or one list of where they end")
    return found[0]


@method()
def split_with_sizes(input: Tensor, split_sizes: Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Pieces of the lengths in a list."""
    return _pieces(input, tuple(split_sizes), dim_of(dim, input.ndim), dim)


def _pieces(x: Tensor, sizes: tuple[int, ...], at: int, dim: int) -> tuple[Tensor, ...]:
    length = x._data.shape[at]
    if sum(sizes) != length or any(n < 0 for n in sizes):
        raise ShapeError(
            f"split_with_sizes expects split_sizes to sum exactly to {length} (input tensor's size "
            f"at dimension {dim}), but got split_sizes={list(sizes)}"
        )
    return ops.split_with_sizes(x, axis=at, sizes=sizes, outputs=len(sizes))


@method()
def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """About `chunks` pieces of one length, the last perhaps shorter.

    >>> import xpgrad as xg
    >>> [piece.numel() for piece in xg.ones(5).chunk(3)]
    [2, 2, 1]
    """
    if chunks <= 0:
        raise ShapeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    if not only_tensor(input, "chunk").ndim:
        raise ShapeError("chunk expects at least a 1-dimensional tensor")
    at = dim_of(dim, input.ndim)
    length = input._data.shape[at]
    if not length:
        return _pieces(input, (0,) * chunks, at, dim)
    return split(input, -(-length // chunks), at)


@method()
def tensor_split(
    input: Tensor,
    tensor_indices_or_sections: Any = None,
    dim: int = 0,
    *,
    sections: Any = None,
    indices: Any = None,
) -> tuple[Tensor, ...]:
    """So many pieces of nearly one length, or pieces that end at the indices in a list.

    >>> import xpgrad as xg
    >>> [piece.numel() for piece in xg.ones(7).tensor_split(3)]
    [3, 2, 2]
    """
    if not only_tensor(input, "tensor_split").ndim:
        raise ShapeError(
            "tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims"
        )
    at = dim_of(dim, input.ndim)
    length = input._data.shape[at]
    given = _one_of("tensor_split", tensor_indices_or_sections, sections, indices)
    given = given.tolist() if isinstance(given, Tensor) else given
    if isinstance(given, int):
        if given <= 0:
            raise ShapeError(f"number of sections must be larger than 0, got {given}")
        each, extra = divmod(length, given)
        ends = list(itertools.accumulate(each + (i < extra) for i in range(given)))[:-1]
    else:
        ends = list(given)
    before = (slice(None),) * at
    starts = [0, *ends]
    return tuple(
        input[(*before, slice(a, b))] for a, b in zip(starts, [*ends, length], strict=True)
    )


@method()
def hsplit(input: Tensor, sections: Any = None, *, indices: Any = None) -> tuple[Tensor, ...]:
    """Pieces side by side: see `tensor_split`."""
    return _even(
        input, _one_of("hsplit", sections, indices), 0 if input.ndim == 1 else 1, "hsplit", 1
    )


@method()
def vsplit(input: Tensor, sections: Any = None, *, indices: Any = None) -> tuple[Tensor, ...]:
    """Pieces below one another: see `tensor_split`."""
    return _even(input, _one_of("vsplit", sections, indices), 0, "vsplit", 2)


@method()
def dsplit(input: Tensor, sections: Any = None, *, indices: Any = None) -> tuple[Tensor, ...]:
    """Pieces behind one another: see `tensor_split`."""
    return _even(input, _one_of("dsplit", sections, indices), 2, "dsplit", 3)


def _even(x: Tensor, sections: Any, dim: int, what: str, rank: int) -> tuple[Tensor, ...]:
    if x.ndim < rank:
        raise ShapeError(
            f"xpgrad.{what} requires a tensor with at least {rank} dimension"
            f"{'s' if rank > 1 else ''}, but got a tensor with {x.ndim} dimensions!"
        )
    if isinstance(sections, int) and x._data.shape[dim] % sections:
        raise ShapeError(
            f"xpgrad.{what} attempted to split along dimension {dim}, but the size of the "
            f"dimension {x._data.shape[dim]} is not divisible by the split_size {sections}!"
        )
    return tensor_split(x, sections, dim)


@method()
def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """The slices along a dimension.

    >>> import xpgrad as xg
    >>> a, b = xg.tensor([[1, 2], [3, 4]]).unbind()
    >>> b
    tensor([3, 4])
    """
    rank = only_tensor(input, "unbind").ndim
    if not rank:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    at = dim_of(dim, rank)
    return ops.unstack(input, axis=at, outputs=input._data.shape[at])
