"""The same memory in another shape, or with its dimensions in another order."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

from xpgrad import dtypes
from xpgrad.door.arguments import dim_of, only_tensor, size_of
from xpgrad.door.attach import attribute, method
from xpgrad.errors import ShapeError
from xpgrad.ops import elementwise
from xpgrad.ops import shape as ops
from xpgrad.ops.device import clone
from xpgrad.tensor import Tensor

__all__ = [
    "adjoint", "flatten", "moveaxis", "movedim", "permute", "ravel", "reshape", "squeeze",
    "swapaxes", "swapdims", "t", "transpose", "unflatten", "unsqueeze",
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
def reshape(input: Tensor, shape: Any = (), *more: Any) -> Tensor:
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
    found = complete(size_of("reshape", (shape, *more)), math.prod(x._data.shape))
    return (ops.reshape if x.is_contiguous() else ops.unsafe_view)(x, shape=found)


@method()
def view(self: Tensor, size: Any = (), *more: Any, dtype: dtypes.dtype | None = None) -> Any:
    """The same memory in another shape, or its bytes as another dtype.

    Raises:
        RuntimeError: where that takes a copy; `reshape` makes one.

    >>> import xpgrad as xg
    >>> xg.arange(6).view(3, 2).shape
    xpgrad.Size([3, 2])
    """
    if dtype is not None or isinstance(size, dtypes.dtype):
        return _reinterpreted(self, size if dtype is None else dtype)
    found = complete(size_of("view", (size, *more)), math.prod(self._data.shape))
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
    """All elements in one dimension, one behind the other in memory."""
    return reshape(contiguous(input), -1)


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


@method("transpose", "swapdims")
def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """Two dimensions exchanged. Also called ``swapdims``, ``swapaxes``.

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


swapdims = transpose


@method()
def swapaxes(input: Tensor, axis0: int, axis1: int) -> Tensor:
    """`transpose` by another name."""
    return transpose(input, axis0, axis1)


@method()
def permute(input: Tensor, dims: Any = (), *more: Any) -> Tensor:
    """The dimensions in another order.

    >>> import xpgrad as xg
    >>> xg.ones(2, 3, 4).permute(2, 0, 1).shape
    xpgrad.Size([4, 2, 3])
    """
    rank = only_tensor(input, "permute").ndim
    given = size_of("permute", (dims, *more))
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


# ------------------------------------------------------------------ memory


@method()
def contiguous(input: Tensor, memory_format: Any = None) -> Tensor:
    """The tensor itself if its memory is in row-major order without gaps, or a copy that is."""
    return input if input.is_contiguous() else clone(input)


@method()
def is_contiguous(self: Tensor, memory_format: Any = None) -> bool:
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
