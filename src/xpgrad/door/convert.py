"""Where a tensor is, what type it has, and how to change either."""

from __future__ import annotations

from typing import Any

from xpgrad import dtypes
from xpgrad.device import device as Device
from xpgrad.door.arguments import dim_of, only_tensor
from xpgrad.door.attach import attribute, method
from xpgrad.door.data import moved
from xpgrad.ops import device as ops
from xpgrad.tensor import Size, Tensor

__all__ = [
    "channels_last", "channels_last_3d", "clone", "contiguous_format", "is_complex",
    "is_floating_point", "is_nonzero", "is_signed", "is_tensor", "memory_format", "numel",
    "preserve_format",
]  # fmt: skip

# ------------------------------------------------------------------ the order of elements


class memory_format:
    """An order of elements in memory, as PyTorch names it.

    Where a function takes one, ``contiguous_format`` makes the result row-major. Nothing is changed
    for those of channels.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return f"xpgrad.{self._name}"


contiguous_format = memory_format("contiguous_format")
preserve_format = memory_format("preserve_format")
channels_last = memory_format("channels_last")
channels_last_3d = memory_format("channels_last_3d")

# ------------------------------------------------------------------ dtype and device


@method()
def to(
    self: Tensor,
    *args: Any,
    device: Any = None,
    dtype: Any = None,
    non_blocking: bool = False,
    copy: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """This tensor with another dtype or on another device; itself where nothing changes.

    A gradient is cast back to the dtype of what it belongs to; for a real tensor that was made
    complex its real part counts; integers cut it off.

    Written ``to(dtype)``, ``to(device)``, ``to(device, dtype)`` or ``to(other)``, which takes both
    from another tensor. Gradients flow back to where they came from.

    Raises:
        TypeError: for what is neither a dtype, a device nor a tensor.

    >>> import xpgrad as xg
    >>> x = xg.ones(2, requires_grad=True)
    >>> x.to(xg.float64)
    tensor([1., 1.], dtype=xpgrad.float64, grad_fn=<ToCopyBackward0>)
    >>> x.to("cpu") is x
    True
    >>> (2 * x.to(xg.float64)).sum().backward()
    >>> x.grad
    tensor([2., 2.])
    """
    for i, arg in enumerate(args):
        if isinstance(arg, Tensor):
            device, dtype = arg.device, arg.dtype
        elif isinstance(arg, bool) and i:  # non_blocking, and then copy, may be positional
            copy = arg if isinstance(args[i - 1], bool) else copy
        elif _is_dtype(arg):
            dtype = arg
        elif arg is None or isinstance(arg, (str, int, Device)):
            device = arg if device is None else device
        else:
            raise TypeError(f"to() takes a dtype, a device or a Tensor, not {type(arg).__name__}")
    return _formatted(moved(self, dtype, device, copy=copy), memory_format)


def _formatted(x: Tensor, wanted: Any) -> Tensor:
    found: Tensor = x.contiguous() if wanted is contiguous_format else x
    return found


def _is_dtype(value: Any) -> bool:
    if isinstance(value, dtypes.dtype) or value in (bool, int, float, complex):
        return True
    if isinstance(value, str):
        return value in dtypes.BY_NAME
    return hasattr(value, "itemsize") or (isinstance(value, type) and hasattr(value, "dtype"))


@method()
def cpu(self: Tensor) -> Tensor:
    """This tensor on the CPU; itself if it is there."""
    return moved(self, None, "cpu")


@method()
def cuda(self: Tensor, device: Any = None, non_blocking: bool = False) -> Tensor:
    """This tensor on a CUDA device (the current one by default); itself if it is there.

    Raises:
        DeviceError: naming the package, driver or device that is missing.
    """
    return moved(self, None, "cuda" if device is None else device)


@method("type")
def type_(self: Tensor, dtype: Any = None, non_blocking: bool = False) -> Any:
    """The type as PyTorch names it, or this tensor cast to `dtype`.

    >>> import xpgrad as xg
    >>> xg.ones(2).type(), xg.ones(2).type(xg.int32).dtype
    ('xpgrad.FloatTensor', xpgrad.int32)
    """
    if dtype is None:
        place = "" if self.device.type == "cpu" else f"{self.device.type}."
        return f"xpgrad.{place}{self.dtype.torch_name}Tensor"
    if isinstance(dtype, str) and dtype.endswith("Tensor"):
        name = dtype.rpartition(".")[2].removesuffix("Tensor")
        dtype = next((d for d in dtypes.ALL if d.torch_name == name), dtype)
    return moved(self, dtype, None)


@method()
def type_as(self: Tensor, other: Tensor) -> Tensor:
    """This tensor with the dtype and on the device of `other`."""
    return moved(self, other.dtype, other.device)


def _cast(name: str, dtype: dtypes.dtype) -> None:
    def cast(self: Tensor, memory_format: Any = None) -> Tensor:
        return _formatted(moved(self, dtype, None), memory_format)

    cast.__name__ = cast.__qualname__ = name
    cast.__doc__ = f"This tensor as {dtype.name}; itself if it is that."
    method(name)(cast)


for _name, _dtype in {
    "float": dtypes.float32, "double": dtypes.float64, "half": dtypes.float16,
    "int": dtypes.int32, "long": dtypes.int64, "short": dtypes.int16, "char": dtypes.int8,
    "byte": dtypes.uint8, "bool": dtypes.bool_, "cfloat": dtypes.complex64,
    "cdouble": dtypes.complex128,
}.items():  # fmt: skip
    _cast(_name, _dtype)


# ------------------------------------------------------------------ what it is


def is_tensor(obj: Any) -> bool:
    """Whether `obj` is a Tensor."""
    return isinstance(obj, Tensor)


@method()
def is_floating_point(input: Tensor) -> bool:
    """Whether the elements are real floating-point numbers."""
    return only_tensor(input, "is_floating_point").dtype.is_floating_point


@method()
def is_complex(input: Tensor) -> bool:
    """Whether the elements are complex numbers."""
    return only_tensor(input, "is_complex").dtype.is_complex


@method()
def is_signed(input: Tensor) -> bool:
    """Whether the elements can be negative."""
    return only_tensor(input, "is_signed").dtype.is_signed


def is_nonzero(input: Tensor) -> bool:
    """Whether the only element is not zero."""
    return bool(input)


@method("numel", "nelement")
def numel(input: Tensor) -> int:
    """The number of elements.

    >>> import xpgrad as xg
    >>> xg.numel(xg.ones(2, 3))
    6
    """
    return only_tensor(input, "numel").shape.numel()


@method()
def size(self: Tensor, dim: int | None = None) -> Any:
    """The shape, or the length of one dimension.

    Raises:
        IndexError: for a dimension out of range.
    """
    if dim is None:
        return Size(self._data.shape)
    if not self._data.shape:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    return self._data.shape[dim_of(dim, len(self._data.shape))]


@method("dim", "ndimension")
def dim(self: Tensor) -> int:
    """The number of dimensions."""
    return len(self._data.shape)


@method()
def element_size(self: Tensor) -> int:
    """The size of an element in bytes."""
    return self.dtype.itemsize


@method()
def get_device(self: Tensor) -> int:
    """The index of the device; -1 on the CPU."""
    return -1 if self.device.type == "cpu" else self.device.index or 0


@attribute
def is_cuda(self: Tensor) -> bool:
    """Whether it lives on a CUDA device."""
    return self.device.type == "cuda"


@attribute
def is_cpu(self: Tensor) -> bool:
    """Whether it lives on the CPU."""
    return self.device.type == "cpu"


@attribute
def itemsize(self: Tensor) -> int:
    """The size of an element in bytes."""
    return self.dtype.itemsize


@attribute
def nbytes(self: Tensor) -> int:
    """The size of all elements in bytes."""
    return self.dtype.itemsize * self.shape.numel()


# ------------------------------------------------------------------ copies


@method()
def clone(input: Tensor, *, memory_format: Any = None) -> Tensor:
    """A copy that shares no memory; gradients flow through it.

    In the order in memory of the tensor, or row-major with ``memory_format=contiguous_format``.

    >>> import xpgrad as xg
    >>> xg.ones(1, requires_grad=True).clone()
    tensor([1.], grad_fn=<CloneBackward0>)
    """
    made = ops.clone if memory_format is contiguous_format else ops.preserved
    return made(only_tensor(input, "clone"))
