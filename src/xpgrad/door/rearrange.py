"""Broadcasting, repeating, flipping, rolling, triangles and diagonals."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

from xpgrad.door.arguments import dim_of, only_tensor, size_of
from xpgrad.door.attach import method
from xpgrad.door.shape import movedim, reshape, transpose
from xpgrad.errors import DTypeError, ShapeError
from xpgrad.ops import linalg
from xpgrad.ops import shape as ops
from xpgrad.ops.device import clone
from xpgrad.tensor import Size, Tensor

__all__ = [
    "broadcast_shapes", "broadcast_tensors", "broadcast_to", "diag", "diag_embed", "diagonal",
    "flip", "fliplr", "flipud", "meshgrid", "repeat_interleave", "roll", "rot90", "tile", "tril",
    "triu",
]  # fmt: skip

# ------------------------------------------------------------------ broadcasting and repeating


@method()
def expand(self: Tensor, size: Any = (), *more: Any, implicit: bool = False) -> Tensor:
    """Stretch dimensions of length 1, and add new ones in front, without a copy; -1 keeps a length.

    The gradient is summed over what was stretched.

    Raises:
        RuntimeError: for a dimension that is neither 1 nor of the length asked for.

    >>> import xpgrad as xg
    >>> xg.ones(3, 1).expand(2, -1, 4).shape
    xpgrad.Size([2, 3, 4])
    >>> x = xg.tensor([[1.0], [2.0]], requires_grad=True)
    >>> xg.autograd.grad(x.expand(2, 3).sum(), x)
    (tensor([[3.],
            [3.]]),)
    """
    have, wanted = tuple(self._data.shape), size_of("expand", (size, *more))
    lead = len(wanted) - len(have)
    if lead < 0:
        raise ShapeError(
            f"expand({self.type()}{{{list(have)}}}, size={list(wanted)}): the number of sizes "
            f"provided ({len(wanted)}) must be greater or equal to the number of dimensions in the "
            f"tensor ({len(have)})"
        )
    found = []
    for i, n in enumerate(wanted):
        own = have[i - lead] if i >= lead else None
        if n == -1 and own is None:
            raise ShapeError(
                f"The expanded size of the tensor (-1) isn't allowed in a leading, non-existing "
                f"dimension {i}"
            )
        if n != -1 and own not in (None, 1, n):
            raise ShapeError(
                f"The expanded size of the tensor ({n}) must match the existing size ({own}) at "
                f"non-singleton dimension {i}.  Target sizes: {list(wanted)}.  Tensor sizes: "
                f"{list(have)}"
            )
        found.append(own if n == -1 else n)
    return ops.broadcast_to(self, shape=tuple(found))


@method()
def expand_as(self: Tensor, other: Tensor) -> Tensor:
    """This tensor stretched to the shape of `other`."""
    return expand(self, other.shape)


@method()
def broadcast_to(input: Tensor, size: Any) -> Tensor:
    """`input` stretched to a size: `expand` as a function.

    >>> import xpgrad as xg
    >>> xg.broadcast_to(xg.tensor([1, 2]), (2, 2))
    tensor([[1, 2],
            [1, 2]])
    """
    return expand(only_tensor(input, "broadcast_to"), size)


def broadcast_shapes(*shapes: Any) -> Size:
    """The shape that tensors of these shapes have together.

    >>> import xpgrad as xg
    >>> xg.broadcast_shapes((2, 1), (3,))
    xpgrad.Size([2, 3])
    """
    given = [(s,) if isinstance(s, int) else tuple(s) for s in shapes]
    found = [1] * max(map(len, given), default=0)
    for k, shape in enumerate(given):
        for i in range(-1, -len(shape) - 1, -1):
            if shape[i] not in (1, found[i]):
                if found[i] != 1:
                    raise ShapeError(
                        f"Attempting to broadcast a dimension of length {shape[i]} at {i}! "
                        f"Mismatching argument at index {k} had {shape}; but expected shape should "
                        f"be broadcastable to {found}"
                    )
                found[i] = shape[i]
    return Size(found)


def broadcast_tensors(*tensors: Any) -> tuple[Tensor, ...]:
    """The tensors, stretched to one shape.

    >>> import xpgrad as xg
    >>> a, b = xg.broadcast_tensors(xg.ones(2, 1), xg.ones(3))
    >>> a.shape, b.shape
    (xpgrad.Size([2, 3]), xpgrad.Size([2, 3]))
    """
    given = tensors[0] if len(tensors) == 1 and not isinstance(tensors[0], Tensor) else tensors
    shape = broadcast_shapes(*(tuple(x.shape) for x in given))
    return tuple(x if x._data.shape == shape else expand(x, shape) for x in given)


def meshgrid(*tensors: Any, indexing: str = "ij") -> tuple[Tensor, ...]:
    """Coordinates of a grid, from the coordinates along each of its axes.

    Args:
        tensors: 0-d or 1-D.
        indexing: the first axis runs down (``"ij"``) or across (``"xy"``).

    >>> import xpgrad as xg
    >>> a, b = xg.meshgrid(xg.arange(2), xg.arange(3))
    >>> a
    tensor([[0, 0, 0],
            [1, 1, 1]])
    """
    given = tensors[0] if len(tensors) == 1 and not isinstance(tensors[0], Tensor) else tensors
    if indexing not in ("ij", "xy"):
        raise ShapeError(
            f'xpgrad.meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}'
        )
    for x in given:
        if x.ndim > 1:
            raise ShapeError(
                f"xpgrad.meshgrid: Expected 0D or 1D tensor in the tensor list but got: {x.shape}"
            )
        if x.dtype is not given[0].dtype:
            raise DTypeError("meshgrid expects all tensors to have the same dtype")
    swap = indexing == "xy" and len(given) > 1
    ordered = [given[1], given[0], *given[2:]] if swap else list(given)
    shape = tuple(x.numel() for x in ordered)
    grid = [
        expand(x.reshape((1,) * i + (-1,) + (1,) * (len(shape) - i - 1)), shape)
        for i, x in enumerate(ordered)
    ]
    return (grid[1], grid[0], *grid[2:]) if swap else tuple(grid)


@method()
def repeat(self: Tensor, repeats: Any = (), *more: Any) -> Tensor:
    """Copies of the whole tensor along each dimension, with new dimensions in front if need be.

    >>> import xpgrad as xg
    >>> xg.tensor([1, 2]).repeat(2, 2)
    tensor([[1, 2, 1, 2],
            [1, 2, 1, 2]])
    """
    times = size_of("repeat", (repeats, *more))
    if len(times) < self.ndim:
        raise ShapeError(
            "Number of dimensions of repeat dims can not be smaller than number of dimensions of "
            "tensor"
        )
    if any(n < 0 for n in times):
        raise ShapeError(f"Trying to create tensor with negative dimension {min(times)}: {times}")
    return ops.tile(self, repetitions=times)


@method()
def tile(input: Tensor, dims: Any = (), *more: Any) -> Tensor:
    """Like `repeat`, but missing numbers count as 1.

    >>> import xpgrad as xg
    >>> xg.tile(xg.tensor([1, 2]), (2,))
    tensor([1, 2, 1, 2])
    """
    times = size_of("tile", (dims, *more))
    return ops.tile(input, repetitions=(1,) * (input.ndim - len(times)) + times)


@method()
def repeat_interleave(
    input: Tensor, repeats: Any, dim: int | None = None, *, output_size: int | None = None
) -> Tensor:
    """Each element several times in a row: as often as `repeats` says, for all or for each.

    Without `dim`, of the flattened tensor.

    >>> import xpgrad as xg
    >>> x = xg.tensor([1, 2])
    >>> x.repeat_interleave(2), x.repeat_interleave(xg.tensor([0, 3]))
    (tensor([1, 1, 2, 2]), tensor([2, 2, 2]))
    """
    x = reshape(only_tensor(input, "repeat_interleave"), -1) if dim is None else input
    axis = dim_of(0 if dim is None else dim, x.ndim)
    if not x.ndim:
        x = reshape(x, 1)
    times = repeats
    if isinstance(repeats, Tensor):
        if repeats.numel() == 1:
            times = repeats.item()
        elif repeats.ndim != 1 or repeats.numel() != x._data.shape[axis]:
            raise ShapeError(
                "repeats must have the same size as input along dim, but got "
                f"repeats.size(0) = {repeats.numel()} and "
                f"input.size({axis}) = {x._data.shape[axis]}"
            )
    else:
        times = operator.index(repeats)
    return ops.repeat(x, times, axis=axis)


# ------------------------------------------------------------------ flipping, rolling, triangles


@method()
def flip(input: Tensor, dims: Any = (), *more: Any) -> Tensor:
    """The order of elements reversed along dimensions (a copy).

    >>> import xpgrad as xg
    >>> xg.flip(xg.tensor([[1, 2], [3, 4]]), (0,))
    tensor([[3, 4],
            [1, 2]])
    """
    rank = only_tensor(input, "flip").ndim
    axes = [dim_of(d, rank) for d in size_of("flip", (dims, *more))]
    for d in axes:
        if axes.count(d) > 1:
            raise ShapeError(f"dim {d} appears multiple times in the list of dims")
    return ops.flip(input, axis=tuple(axes) if rank else ())


@method()
def fliplr(input: Tensor) -> Tensor:
    """The columns in reverse order."""
    if input.ndim < 2:
        raise ShapeError("Input must be >= 2-d.")
    return flip(input, 1)


@method()
def flipud(input: Tensor) -> Tensor:
    """The rows in reverse order."""
    if input.ndim < 1:
        raise ShapeError("Input must be >= 1-d.")
    return flip(input, 0)


@method()
def rot90(input: Tensor, k: int = 1, dims: Sequence[int] = (0, 1)) -> Tensor:
    """Rotated by `k` quarter turns, from the first of two dimensions towards the second.

    >>> import xpgrad as xg
    >>> xg.rot90(xg.tensor([[1, 2], [3, 4]]))
    tensor([[2, 4],
            [1, 3]])
    """
    a, b = (dim_of(d, input.ndim) for d in dims)
    if a == b:
        raise ShapeError(
            f"expected rotation dims to be different, but got dim0 = {a} and dim1 = {b}"
        )
    turns = k % 4
    if turns == 2:
        return flip(input, a, b)
    if turns == 0:
        return clone(input)
    return transpose(flip(input, b if turns == 1 else a), a, b)


@method()
def roll(input: Tensor, shifts: Any, dims: Any = None) -> Tensor:
    """Elements moved along dimensions; what leaves at the end comes in at the front.

    Without `dims`, along the flattened tensor.

    >>> import xpgrad as xg
    >>> xg.roll(xg.tensor([1, 2, 3]), 1)
    tensor([3, 1, 2])
    """
    rank = only_tensor(input, "roll").ndim
    by = size_of("roll", (shifts,))
    along = () if dims is None else tuple(dim_of(d, rank) for d in size_of("roll", (dims,)))
    if not along and len(by) == 1:
        return ops.roll(input, shift=by[0], axis=None)
    if len(by) != len(along):
        raise ShapeError(f"shifts and dimensions must align. shifts: {len(by)}, dims:{len(along)}")
    return ops.roll(input, shift=by, axis=along) if rank else input.clone()


@method()
def tril(input: Tensor, diagonal: int = 0) -> Tensor:
    """The lower triangle of matrices, with zeros above the diagonal.

    >>> import xpgrad as xg
    >>> xg.tril(xg.ones(2, 2))
    tensor([[1., 0.],
            [1., 1.]])
    """
    return ops.tril(_at_least_matrix(input, "tril"), k=diagonal)


@method()
def triu(input: Tensor, diagonal: int = 0) -> Tensor:
    """The upper triangle of matrices, with zeros below the diagonal.

    >>> import xpgrad as xg
    >>> xg.triu(xg.ones(2, 2))
    tensor([[1., 1.],
            [0., 1.]])
    """
    return ops.triu(_at_least_matrix(input, "triu"), k=diagonal)


def _at_least_matrix(x: Tensor, what: str) -> Tensor:
    if only_tensor(x, what).ndim < 2:
        raise ShapeError(f"{what}: input tensor must have at least 2 dimensions")
    return x


# ------------------------------------------------------------------ diagonals


@method()
def diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """The diagonals over two dimensions; they come last.

    >>> import xpgrad as xg
    >>> xg.arange(4).reshape(2, 2).diagonal()
    tensor([0, 3])
    """
    rank = only_tensor(input, "diagonal").ndim
    first, second = dim_of(dim1, rank), dim_of(dim2, rank)
    if first == second:
        raise ShapeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    return linalg.diagonal(input, offset=offset, axis1=first, axis2=second)


@method()
def diag(input: Tensor, diagonal: int = 0) -> Tensor:
    """The diagonal of a matrix, or the matrix with a vector on its diagonal.

    >>> import xpgrad as xg
    >>> xg.diag(xg.tensor([1, 2]))
    tensor([[1, 0],
            [0, 2]])
    """
    rank = only_tensor(input, "diag").ndim
    if rank == 1:
        return diag_embed(input, diagonal)
    if rank == 2:
        return linalg.diagonal(input, offset=diagonal, axis1=0, axis2=1).clone()
    raise ShapeError(f"diag(): Supports 1D or 2D tensors. Got {rank}D")


@method()
def diag_embed(input: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Matrices with the last dimension on their diagonals.

    >>> import xpgrad as xg
    >>> xg.diag_embed(xg.ones(2, 3)).shape
    xpgrad.Size([2, 3, 3])
    """
    rank = only_tensor(input, "diag_embed").ndim + 1
    first, second = dim_of(dim1, rank), dim_of(dim2, rank)
    if first == second:
        raise ShapeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    if first > second:
        first, second, offset = second, first, -offset
    found = linalg.diag_embed(input, offset=offset)
    in_place = (first, second) == (rank - 2, rank - 1)
    return found if in_place else movedim(found, (-2, -1), (first, second)).contiguous()
