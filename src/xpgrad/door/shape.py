"""Rearranging elements: most of it shows the same memory in another form."""

from __future__ import annotations

import math
import operator
import warnings
from collections.abc import Sequence
from typing import Any

from xpgrad import dtypes
from xpgrad.door.arguments import dim_of, only_tensor, size_of
from xpgrad.door.attach import attribute, called, method
from xpgrad.errors import DTypeError, ShapeError
from xpgrad.ops import elementwise, linalg
from xpgrad.ops import shape as ops
from xpgrad.tensor import Size, Tensor, wrap

__all__ = [
    "adjoint", "broadcast_shapes", "broadcast_tensors", "broadcast_to", "diag", "diag_embed",
    "diagonal", "flatten", "flip", "fliplr", "flipud", "meshgrid", "moveaxis", "movedim", "permute",
    "ravel", "repeat_interleave", "reshape", "roll", "rot90", "squeeze", "swapaxes", "swapdims",
    "t", "tile", "transpose", "tril", "triu", "unflatten", "unsqueeze",
]  # fmt: skip

# ------------------------------------------------------------------ reshape


def complete(shape: tuple[int, ...], count: int) -> tuple[int, ...]:
    """A shape for `count` elements, with its one -1 worked out.

    Raises:
        ShapeError: in PyTorch's words.
    """
    known, free = 1, -1
    for i, n in enumerate(shape):
        if n >= 0:
            known *= n
        elif n == -1 and free < 0:
            free = i
        else:
            raise _bad_shape(shape, count)
    if free < 0:
        if known == count:
            return shape
    elif known and count % known == 0:
        return (*shape[:free], count // known, *shape[free + 1 :])
    raise _bad_shape(shape, count)


def _bad_shape(shape: tuple[int, ...], count: int) -> ShapeError:
    for i, n in enumerate(shape):
        if n < -1:
            return ShapeError(f"invalid shape dimension {n} at index {i} of shape {list(shape)}")
    if shape.count(-1) > 1:
        return ShapeError("only one dimension can be inferred")
    if -1 in shape and count == 0:
        return ShapeError(
            f"cannot reshape tensor of 0 elements into shape {list(shape)} because the unspecified "
            "dimension size -1 can be any value and is ambiguous"
        )
    return ShapeError(f"shape '{list(shape)}' is invalid for input of size {count}")


@method()
def reshape(input: Tensor, *shape: Any) -> Tensor:
    """The same elements in another shape, in which one length may be -1: whatever is left.

    A view where the memory allows it.

    Raises:
        RuntimeError: where the number of elements differs.

    >>> import xpgrad as xg
    >>> xg.arange(6.0).reshape(2, -1)
    tensor([[0., 1., 2.],
            [3., 4., 5.]])
    """
    x = only_tensor(input, "reshape")
    found = complete(size_of("reshape", shape), math.prod(x._data.shape))
    return (ops.reshape if x.is_contiguous() else ops.unsafe_view)(x, shape=found)


@method()
def view(self: Tensor, *shape: Any, dtype: dtypes.dtype | None = None) -> Any:
    """The same memory in another shape, or its bytes as another dtype.

    Raises:
        RuntimeError: where that takes a copy; `reshape` makes one.

    >>> import xpgrad as xg
    >>> xg.arange(6).view(3, 2).shape
    xpgrad.Size([3, 2])
    """
    if dtype is not None or (len(shape) == 1 and isinstance(shape[0], dtypes.dtype)):
        return _reinterpreted(self, shape[0] if dtype is None else dtype)
    found = complete(size_of("view", shape), math.prod(self._data.shape))
    out = ops.reshape(self, shape=found)
    if out._view is None and not self.is_contiguous():
        raise ShapeError(
            "view size is not compatible with input tensor's size and stride (at least one "
            "dimension spans across two contiguous subspaces). Use .reshape(...) instead."
        )
    return out


def _reinterpreted(x: Tensor, dtype: dtypes.dtype) -> Tensor:
    if dtype is x.dtype:
        return ops.reshape(x, shape=x._data.shape)
    show = getattr(x._data, "view", None)
    if show is None:
        raise ShapeError(f"{x._ns} cannot show the bytes of {x.dtype} as {dtype}")
    out = x.detach()
    out._data = show(x._ns.native(dtype))
    return out


@method()
def view_as(self: Tensor, other: Tensor) -> Tensor:
    """This memory in the shape of `other`."""
    return view(self, other.shape)


@method()
def reshape_as(self: Tensor, other: Tensor) -> Tensor:
    """These elements in the shape of `other`."""
    return reshape(self, other.shape)


@method()
def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Join the dimensions from `start_dim` to `end_dim` into one.

    >>> import xpgrad as xg
    >>> xg.ones(2, 3, 4).flatten(1).shape
    xpgrad.Size([2, 12])
    """
    shape = only_tensor(input, "flatten")._data.shape
    first, last = dim_of(start_dim, len(shape)), dim_of(end_dim, len(shape))
    if first > last:
        raise ShapeError("flatten() has invalid args: start_dim cannot come after end_dim")
    if not shape:
        return reshape(input, 1)
    if first == last:
        return input
    return reshape(input, (*shape[:first], math.prod(shape[first : last + 1]), *shape[last + 1 :]))


@method()
def unflatten(input: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
    """Split one dimension into several.

    >>> import xpgrad as xg
    >>> xg.ones(6, 2).unflatten(0, (2, 3)).shape
    xpgrad.Size([2, 3, 2])
    """
    shape = tuple(input._data.shape)
    at = dim_of(dim, len(shape))
    try:
        middle = complete(tuple(sizes), shape[at])
    except ShapeError:
        raise ShapeError(
            f"unflatten: Provided sizes {list(sizes)} don't multiply up to the size of dim {dim} "
            f"({shape[at]}) in the input tensor"
        ) from None
    return reshape(input, (*shape[:at], *middle, *shape[at + 1 :]))


@method()
def ravel(input: Tensor) -> Tensor:
    """All elements in one dimension."""
    return reshape(input, -1)


@method()
def squeeze(input: Tensor, dim: Any = None) -> Tensor:
    """Drop dimensions of length 1: all of them, or those named in `dim`.

    >>> import xpgrad as xg
    >>> x = xg.ones(1, 2, 1)
    >>> x.squeeze().shape, x.squeeze(0).shape, x.squeeze(1).shape
    (xpgrad.Size([2]), xpgrad.Size([2, 1]), xpgrad.Size([1, 2, 1]))
    """
    shape = only_tensor(input, "squeeze")._data.shape
    if dim is None:
        wanted, function = range(len(shape)), ops.squeeze
    elif isinstance(dim, (tuple, list)):
        wanted, function = sorted({dim_of(d, len(shape)) for d in dim}), ops.squeeze_dims  # type: ignore[assignment]
    else:
        wanted, function = [dim_of(dim, len(shape))], ops.squeeze_dim  # type: ignore[assignment]
    return function(input, axis=tuple(d for d in wanted if shape and shape[d] == 1))


@method()
def unsqueeze(input: Tensor, dim: int) -> Tensor:
    """A new dimension of length 1 at `dim`.

    >>> import xpgrad as xg
    >>> xg.ones(2).unsqueeze(0).shape, xg.ones(2).unsqueeze(-1).shape
    (xpgrad.Size([1, 2]), xpgrad.Size([2, 1]))
    """
    return ops.expand_dims(input, axis=dim_of(dim, only_tensor(input, "unsqueeze").ndim + 1))


# ------------------------------------------------------------------ the order of dimensions


@method("transpose", "swapaxes", "swapdims")
def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """Two dimensions exchanged. Also called ``swapaxes``, ``swapdims``.

    >>> import xpgrad as xg
    >>> xg.ones(2, 3, 4).transpose(0, 2).shape
    xpgrad.Size([4, 3, 2])
    """
    rank = only_tensor(input, "transpose").ndim
    i, j = dim_of(dim0, rank), dim_of(dim1, rank)
    axes = list(range(rank))
    if rank:
        axes[i], axes[j] = axes[j], axes[i]
    return ops.transpose(input, axes=tuple(axes))


swapaxes = swapdims = transpose


@method()
def permute(input: Tensor, *dims: Any) -> Tensor:
    """The dimensions in another order.

    >>> import xpgrad as xg
    >>> xg.ones(2, 3, 4).permute(2, 0, 1).shape
    xpgrad.Size([4, 2, 3])
    """
    rank = only_tensor(input, "permute").ndim
    given = size_of("permute", dims)
    if len(given) != rank:
        raise ShapeError(
            "permute(sparse_coo): number of dimensions in the tensor input does not match the "
            f"length of the desired ordering of dimensions i.e. input.dim() = {rank} is not equal "
            f"to len(dims) = {len(given)}"
        )
    axes = tuple(dim_of(d, rank) for d in given)
    if len(set(axes)) != rank:
        raise ShapeError("permute(): duplicate dims are not allowed.")
    return ops.permute_dims(input, axes=axes)


@method()
def t(input: Tensor) -> Tensor:
    """The transpose of a matrix; a vector or a 0-d tensor is its own.

    >>> import xpgrad as xg
    >>> xg.ones(2, 3).t().shape
    xpgrad.Size([3, 2])
    """
    rank = only_tensor(input, "t").ndim
    if rank > 2:
        raise ShapeError(f"t() expects a tensor with <= 2 dimensions, but self is {rank}D")
    return ops.t(input, axes=tuple(reversed(range(rank))))


@attribute
def T(self: Tensor) -> Tensor:
    """The dimensions in reverse order."""
    if self.ndim not in (0, 2):
        warnings.warn(
            "The use of `x.T` on tensors of dimension other than 2 to reverse their shape is "
            "deprecated and it will throw an error in a future release. Consider `x.mT` to "
            "transpose batches of matrices or `x.permute(*range(x.ndim - 1, -1, -1))` to reverse "
            "the dimensions of a tensor.",
            UserWarning,
            stacklevel=2,
        )
    return ops.permute_dims(self, axes=tuple(reversed(range(self.ndim))))


@attribute
def mT(self: Tensor) -> Tensor:
    """The transposes of the matrices in the last two dimensions."""
    return _matrices(self, "mT")


@attribute
def H(self: Tensor) -> Tensor:
    """The conjugate transpose of a matrix."""
    if self.ndim not in (0, 2):
        raise ShapeError(
            f"tensor.H is only supported on matrices (2-D tensors). Got {self.ndim}-D tensor."
        )
    return mH_of(self) if self.ndim else elementwise.conj(self)


@attribute
def mH(self: Tensor) -> Tensor:
    """The conjugate transposes of the matrices in the last two dimensions."""
    return mH_of(self)


@method("adjoint")
def mH_of(input: Tensor) -> Tensor:
    """The conjugate transposes of the matrices in the last two dimensions."""
    x = _matrices(input, "mH")
    return elementwise.conj(x) if x.dtype.is_complex else x


adjoint = mH_of


def _matrices(x: Tensor, what: str) -> Tensor:
    if x.ndim < 2:
        raise ShapeError(
            f"tensor.{what} is only supported on matrices or batches of matrices. "
            f"Got {x.ndim}-D tensor."
        )
    return ops.matrix_transpose(x)


@method("movedim", "moveaxis")
def movedim(input: Tensor, source: Any, destination: Any) -> Tensor:
    """Dimensions moved to other places; the rest keep their order. Also called ``moveaxis``.

    >>> import xpgrad as xg
    >>> xg.ones(2, 3, 4).movedim(0, -1).shape
    xpgrad.Size([3, 4, 2])
    """
    rank = only_tensor(input, "movedim").ndim
    start, end = (
        tuple(dim_of(d, rank) for d in (v if isinstance(v, (tuple, list)) else (v,)))
        for v in (source, destination)
    )
    if len(start) != len(end):
        raise ShapeError(
            "movedim: Invalid source or destination dims: source should contain the same number "
            f"of dims as destination, got {list(start)} and {list(end)}"
        )
    for name, found in (("source", start), ("destination", end)):
        if len(set(found)) != len(found):
            raise ShapeError(f"movedim: repeated dim in `{name}` ({list(found)})")
    return ops.moveaxis(input, start, end)


moveaxis = movedim


# ------------------------------------------------------------------ broadcasting and repeating


@method()
def expand(self: Tensor, *size: Any) -> Tensor:
    """Stretch dimensions of length 1, and add new ones in front, without a copy; -1 keeps a length.

    Raises:
        RuntimeError: for a dimension that is neither 1 nor of the length asked for.

    >>> import xpgrad as xg
    >>> xg.ones(3, 1).expand(2, -1, 4).shape
    xpgrad.Size([2, 3, 4])
    """
    have, wanted = tuple(self._data.shape), size_of("expand", size)
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
def repeat(self: Tensor, *repeats: Any) -> Tensor:
    """Copies of the whole tensor along each dimension, with new dimensions in front if need be.

    >>> import xpgrad as xg
    >>> xg.tensor([1, 2]).repeat(2, 2)
    tensor([[1, 2, 1, 2],
            [1, 2, 1, 2]])
    """
    times = size_of("repeat", repeats)
    if len(times) < self.ndim:
        raise ShapeError(
            "Number of dimensions of repeat dims can not be smaller than number of dimensions of "
            "tensor"
        )
    if any(n < 0 for n in times):
        raise ShapeError(f"Trying to create tensor with negative dimension {min(times)}: {times}")
    return ops.tile(self, repetitions=times)


@method()
def tile(input: Tensor, *dims: Any) -> Tensor:
    """Like `repeat`, but missing numbers count as 1.

    >>> import xpgrad as xg
    >>> xg.tile(xg.tensor([1, 2]), (2,))
    tensor([1, 2, 1, 2])
    """
    times = size_of("tile", dims)
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
def flip(input: Tensor, *dims: Any) -> Tensor:
    """The order of elements reversed along dimensions (a copy).

    >>> import xpgrad as xg
    >>> xg.flip(xg.tensor([[1, 2], [3, 4]]), (0,))
    tensor([[3, 4],
            [1, 2]])
    """
    rank = only_tensor(input, "flip").ndim
    axes = [dim_of(d, rank) for d in size_of("flip", dims)]
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
        return input.clone()
    return transpose(flip(input, b), a, b) if turns == 1 else flip(transpose(input, a, b), b)


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
    # Each row of the result keeps one element of the column beside it, or nothing.
    ns, shape = input._ns, input._data.shape
    above, below = (input.new_zeros((*shape[:-1], n)) for n in (max(-offset, 0), max(offset, 0)))
    column = ops.concat(above, input, below, axis=len(shape) - 1)
    side = column._data.shape[-1]
    mask = wrap(ns.eye(side, side, k=offset, dtype=ns.native(dtypes.bool_)), ns)
    found = called(elementwise.where, "DiagEmbed")(
        mask, ops.expand_dims(column, axis=len(shape)), False
    )
    in_place = (first, second) == (rank - 2, rank - 1)
    return found if in_place else movedim(found, (-2, -1), (first, second))


# ------------------------------------------------------------------ memory


@method()
def contiguous(input: Tensor) -> Tensor:
    """The tensor itself if its memory is in row-major order without gaps, or a copy that is."""
    return input if input.is_contiguous() else input.clone()


@method()
def is_contiguous(self: Tensor) -> bool:
    """Whether the memory is in row-major order without gaps."""
    flags = getattr(self._data, "flags", None)
    return True if flags is None else bool(flags.c_contiguous)


@method()
def stride(self: Tensor, dim: int | None = None) -> Any:
    """How many elements lie between neighbours along each dimension."""
    strides = getattr(self._data, "strides", None)
    shape = self._data.shape
    if strides is None:
        found = tuple(math.prod(shape[i + 1 :]) for i in range(len(shape)))
    else:
        found = tuple(s // self.dtype.itemsize for s in strides)
    return found if dim is None else found[dim_of(dim, len(shape))]


@method()
def data_ptr(self: Tensor) -> int:
    """The address of the first element, where the library tells it."""
    interface = getattr(self._data, "__array_interface__", None)
    if interface is None:
        interface = getattr(self._data, "__cuda_array_interface__", None)
    return id(self._data) if interface is None else int(interface["data"][0])
