"""Tensors to and from the rest of Python: numbers, NumPy, DLPack, copies, pickles, text."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from xpgrad import dtypes, printing
from xpgrad.door.attach import attribute, method
from xpgrad.door.data import guarded
from xpgrad.errors import GradientError, OpError, ShapeError
from xpgrad.graph import AccumulateGrad
from xpgrad.mode import mode
from xpgrad.namespace import Array, Namespace
from xpgrad.registry import resolve
from xpgrad.tensor import Tensor, new
from xpgrad.views import link_alias

# ------------------------------------------------------------------ Python's numbers and lists


@method()
def item(self: Tensor) -> Any:
    """The only element, as a Python number.

    Raises:
        ShapeError: where there is not exactly one element.

    >>> import xpgrad as xg
    >>> xg.tensor([1.5]).item()
    1.5
    """
    count = self.shape.numel()
    if count != 1:
        raise ShapeError(f"a Tensor with {count} elements cannot be converted to Scalar")
    if self._ns.depth:
        return self._ns.number(self._data, "item")
    return self._ns.to_host(self._data).item()


@method()
def tolist(self: Tensor) -> Any:
    """The elements as nested lists of Python numbers; a number for a 0-d tensor.

    >>> import xpgrad as xg
    >>> xg.ones(1, 2).tolist()
    [[1.0, 1.0]]
    """
    return self._ns.to_host(self._data).tolist()


@method()
def __bool__(self: Tensor) -> bool:
    count = self.shape.numel()
    if count != 1:
        kind = "no values" if count == 0 else "more than one value"
        raise ShapeError(f"Boolean value of Tensor with {kind} is ambiguous")
    if self._ns.depth:
        return bool(self._data)
    return bool(self.item())


method("is_nonzero")(__bool__)


@method()
def __int__(self: Tensor) -> int:
    return int(_number(self, warn=False))


@method()
def __float__(self: Tensor) -> float:
    return float(_number(self))


@method()
def __complex__(self: Tensor) -> complex:
    return complex(_scalar(self))


def _scalar(x: Tensor, warn: bool = True) -> Any:
    """The only element of a tensor, which leaves its history behind without having been told."""
    if x.shape.numel() != 1:
        raise ShapeError("only one element tensors can be converted to Python scalars")
    if warn and x._node is not None:
        warnings.warn(
            "Converting a tensor with requires_grad=True to a scalar may lead to unexpected "
            "behavior.\nConsider using tensor.detach() first.",
            UserWarning,
            stacklevel=4,
        )
    return x.item()


def _number(x: Tensor, warn: bool = True) -> float:
    value = _scalar(x, warn)
    if isinstance(value, complex):
        if value.imag:
            raise OpError("value cannot be converted to type double without overflow")
        return value.real
    return value


@method()
def __index__(self: Tensor) -> int:
    if self.dtype.category > dtypes.INTEGER or self.shape.numel() != 1:
        raise TypeError("only integer tensors of a single element can be converted to an index")
    return int(self.item())


@method()
def __len__(self: Tensor) -> int:
    if not self._data.shape:
        raise TypeError("len() of a 0-d tensor")
    return int(self._data.shape[0])


@method()
def __iter__(self: Tensor) -> Iterator[Tensor]:
    if not self._data.shape:
        raise TypeError("iteration over a 0-d tensor")
    return iter(self.unbind(0))


@method()
def __reversed__(self: Tensor) -> Tensor:
    return self.flip(0) if self._data.shape else self


@method()
def __contains__(self: Tensor, element: Any) -> bool:
    if not isinstance(element, (Tensor, int, float, complex, np.generic)):
        raise OpError(
            "Tensor.__contains__ only supports Tensor or scalar, but you passed in a "
            f"{type(element)}."
        )
    return bool((self == element).any())


@method()
def __format__(self: Tensor, spec: str) -> str:
    if not self._data.shape and type(self) is Tensor:
        return format(self.item(), spec)
    if spec:
        raise TypeError(f"unsupported format string passed to {type(self).__name__}.__format__")
    return str(self)


# ------------------------------------------------------------------ NumPy and other libraries


@method()
def numpy(self: Tensor, *, force: bool = False) -> np.ndarray[Any, Any]:
    """A NumPy array that shares memory with this CPU tensor.

    Args:
        force: detach and copy to the CPU first if need be.

    Raises:
        GradientError: where a gradient is required, and operations are recorded.
        TypeError: where the data is not on the CPU.

    >>> import xpgrad as xg
    >>> xg.ones(2).numpy()
    array([1., 1.], dtype=float32)
    """
    if self._node is not None and mode.grad and not force:
        raise GradientError(
            "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead."
        )
    if self.device.type != "cpu" and not force:
        raise TypeError(
            f"can't convert {self.device} device type tensor to numpy. Use Tensor.cpu() to copy "
            "the tensor to host memory first."
        )
    return self._ns.to_host(self._data)


@method()
def __array__(self: Tensor, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
    host = self.numpy()
    target = host.dtype if dtype is None else np.dtype(dtype)
    if copy is False and target != host.dtype:
        raise ValueError(f"cannot give {self.dtype} as {target} without a copy")
    return host.astype(target, copy=bool(copy))


@method()
def __array_namespace__(self: Tensor, *, api_version: str | None = None) -> Any:
    from xpgrad import array_api

    return array_api.namespace(api_version)


@method()
def to_device(self: Tensor, device: Any, /, *, stream: Any = None) -> Tensor:
    """The tensor on another device, as the array API standard writes it (see also `to`).

    Raises:
        ValueError: for a `stream`; work goes to the device's current one.

    >>> import xpgrad as xg
    >>> xg.ones(1).to_device("cpu")
    tensor([1.])
    """
    if stream is not None:
        raise ValueError("to_device takes no stream: make it the current one instead")
    from xpgrad.ops.device import to_device as move
    from xpgrad.registry import resolve

    found: Tensor = move(self, ns=resolve(device))
    return found


@method()
def __dlpack__(
    self: Tensor,
    *,
    stream: Any = None,
    max_version: tuple[int, int] | None = None,
    dl_device: tuple[int, int] | None = None,
    copy: bool | None = None,
) -> Any:
    if self._node is not None:
        raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
    asked = {"stream": stream, "max_version": max_version, "dl_device": dl_device, "copy": copy}
    return self._data.__dlpack__(**{k: v for k, v in asked.items() if v is not None})


@method()
def __dlpack_device__(self: Tensor) -> tuple[int, int]:
    found: tuple[int, int] = self._data.__dlpack_device__()
    return found


@attribute
def __cuda_array_interface__(self: Tensor) -> dict[str, Any]:
    found = getattr(self._data, "__cuda_array_interface__", None)
    if found is None:  # an AttributeError, so that hasattr() says no
        raise AttributeError(
            f"Can't get __cuda_array_interface__ on non-CUDA tensor type: {self.type()} If CUDA "
            "data is required use tensor.cuda() to copy tensor to device memory."
        )
    if self._node is not None:
        raise GradientError(
            "Can't get __cuda_array_interface__ on Variable that requires grad. If gradients "
            "aren't required, use var.detach() to get Variable that doesn't require grad."
        )
    return dict(found)


# ------------------------------------------------------------------ copies and pickles


@method()
def __copy__(self: Tensor) -> Tensor:
    """The same memory in a new leaf."""
    out = _made(type(self), self._data, self._ns, self.requires_grad)
    self._counter().share(out)
    link_alias(out, self)
    out.__dict__.update(_public(self))
    return out


@method()
def __deepcopy__(self: Tensor, memo: dict[int, Any]) -> Tensor:
    """A leaf's values, gradient and public attributes, sharing nothing.

    Raises:
        GradientError: for the result of a recorded operation.
    """
    if not self.is_leaf:
        raise GradientError(
            "Only Tensors created explicitly by the user (graph leaves) support the deepcopy "
            "protocol at the moment. If you were attempting to deepcopy a module, this may be "
            "because it holds a result of a computation; detach() it first."
        )
    if id(self) in memo:
        found: Tensor = memo[id(self)]
        return found
    with guarded(self._ns):
        copied = self._ns.copy(self._data)
    out = _made(type(self), copied, self._ns, self.requires_grad)
    memo[id(self)] = out
    out.__dict__.update(copy.deepcopy(_public(self), memo))
    if self._grad is not None:
        out._grad = copy.deepcopy(self._grad, memo)
    return out


@method()
def __reduce_ex__(self: Tensor, protocol: Any) -> tuple[Any, ...]:
    """Values, device, ``requires_grad`` and public attributes; no history and no gradient."""
    host = np.array(self._ns.to_host(self._data))
    return _rebuild, (type(self), host, str(self.device), self.requires_grad, _public(self))


def _public(x: Tensor) -> dict[str, Any]:
    return {name: value for name, value in x.__dict__.items() if not name.startswith("_")}


def _rebuild(
    cls: type[Tensor],
    host: np.ndarray[Any, Any],
    where: str,
    requires_grad: bool,
    public: dict[str, Any],
) -> Tensor:
    """Make a pickled tensor again, on the device it came from."""
    ns = resolve(where)
    with guarded(ns):
        data = ns.from_host(host)
    out = _made(cls, data, ns, requires_grad)
    out.__dict__.update(public)
    return out


def _made(cls: type[Tensor], data: Array, ns: Namespace, requires_grad: bool) -> Tensor:
    """A new leaf of a subclass."""
    out: Tensor = new(cls)
    out._data, out._ns, out._node = data, ns, None
    if requires_grad:
        out._node = AccumulateGrad(out)
    return out


# ------------------------------------------------------------------ text


class _Ends:
    """Stands for a large array where only both ends of each axis are printed.

    Only those leave the device.
    """

    def __init__(self, x: Tensor) -> None:
        self._x = x
        self.shape = tuple(x._data.shape)
        self.ndim = len(self.shape)
        self.size = x.shape.numel()

    def __getitem__(self, mesh: Any) -> np.ndarray[Any, Any]:
        ns, shown = self._x._ns, self._x._data
        with guarded(ns):
            for axis, places in enumerate(mesh):
                if places.size < self.shape[axis]:
                    shown = ns.take(shown, ns.asarray(places.reshape(-1).tolist()), axis=axis)
            return ns.to_host(shown)


@method("__repr__", "__str__")
def __repr__(self: Tensor) -> str:
    if self._ns.ended:
        self._ns.settle(self)
    if self._ns.depth:
        return self._ns.show(self._data)
    large = self.shape.numel() > printing.get_printoptions()["threshold"]
    # Whatever prints on the CPU is read where it lies.
    shown: Any = _Ends(self) if large else self._ns.to_host(self._data)
    try:
        name = None if (node := self.grad_fn) is None else node.name()
    except GradientError:  # a view that nobody knows how it was made
        name = "Invalid"
    return printing.tensor_str(
        shown,
        dtype_name=self.dtype.name,
        default_dtype_name=dtypes.get_default_dtype().name,
        device=None if self.device.type == "cpu" else str(self.device),
        grad_fn=name,
        requires_grad=self.requires_grad,
    )
