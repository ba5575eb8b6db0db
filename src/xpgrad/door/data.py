"""Tensors from data: numbers, sequences, arrays of any library, DLPack.

Without ``device=`` a tensor goes where its data is, or else to the default device
(`xpgrad.set_default_device`, ``with xpgrad.device(...)``). A dtype that was asked for and does not
exist on the device is an error; one that was only inferred gives way to the nearest that does.
"""

from __future__ import annotations

import contextlib
import warnings
from typing import Any

import numpy as np

from xpgrad import dtypes
from xpgrad.device import get_default_device
from xpgrad.door.reading import checked, read, type_name
from xpgrad.errors import DeviceError, DTypeError, OpError, ShapeError
from xpgrad.namespace import Array, Namespace
from xpgrad.ops.device import astype, to_device
from xpgrad.registry import namespace_of, resolve, within
from xpgrad.tensor import Tensor, wrap

__all__ = ["as_tensor", "asarray", "from_dlpack", "from_numpy", "tensor"]

# ------------------------------------------------------------------ what they share

_NARROWER = {
    dtypes.int64: dtypes.int32,
    dtypes.float64: dtypes.float32,
    dtypes.complex128: dtypes.complex64,
}


def settle(ns: Namespace, dtype: Any, inferred: dtypes.dtype) -> dtypes.dtype:
    """The dtype asked for, or the inferred one narrowed to what the device has.

    Raises:
        DTypeError: where the device lacks the type that was asked for.
    """
    if dtype is not None:
        found = dtypes.as_dtype(dtype)
        ns.native(found)
        return found
    return inferred if inferred in ns.natives else _NARROWER.get(inferred, inferred)


def leaf(data: Array, ns: Namespace, requires_grad: bool) -> Tensor:
    """A new leaf around an array.

    Raises:
        DTypeError: if integers or booleans are to require gradients.
    """
    out = wrap(data, ns)
    if requires_grad:
        if not out.dtype.is_differentiable:
            raise DTypeError(
                "Only Tensors of floating point and complex dtype can require gradients, "
                f"got {out.dtype}"
            )
        out.requires_grad = True
    return out


def guarded(ns: Namespace) -> contextlib.AbstractContextManager[Any]:
    """The context in which the namespace's device is the current one."""
    return contextlib.nullcontext() if ns.guard is None else ns.guard()


# ------------------------------------------------------------------ from data


def tensor(
    data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """A new leaf tensor with a copy of `data`: a number, nested sequences, an array or a Tensor.

    Python floats become the default dtype (float32), ints int64; arrays and NumPy's scalars keep
    their dtype.

    Raises:
        ValueError: for sequences of unequal lengths.
        RuntimeError: for integers with ``requires_grad=True``, for what holds no numbers.

    >>> import xpgrad as xg
    >>> xg.tensor([[1.0, 2.0], [3.0, 4.5]], requires_grad=True)
    tensor([[1.0000, 2.0000],
            [3.0000, 4.5000]], requires_grad=True)
    >>> xg.tensor(7, device="cpu").dtype
    xpgrad.int64
    """
    if isinstance(data, Tensor):
        warn_of_copy("xpgrad.tensor")
    return made_of(data, dtype=dtype, device=device, requires_grad=requires_grad)


def made_of(data: Any, *, dtype: Any, device: Any, requires_grad: bool = False) -> Tensor:
    """`tensor`, without a warning."""
    owned = data if isinstance(data, Tensor) else _foreign(data)
    if owned is not None:
        out = moved(owned.detach(), dtype, _target(data, owned, device), copy=True)
        return leaf(out._data, out._ns, requires_grad)
    ns = within(device)
    host, inferred = read(data, dtype)
    found = settle(ns, dtype, inferred)
    with guarded(ns), np.errstate(over="ignore"):  # 1e40 is inf in float32
        return leaf(ns.from_host(host.astype(found.name, copy=False)), ns, requires_grad)


def warn_of_copy(maker: str) -> None:
    """Warn of a tensor made of another one, in which the history is lost."""
    warnings.warn(
        "To copy construct from a tensor, it is recommended to use sourceTensor.detach().clone() "
        "or sourceTensor.detach().clone().requires_grad_(True), rather than "
        f"{maker}(sourceTensor).",
        UserWarning,
        stacklevel=3,
    )


def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """`data` as a tensor, sharing memory and keeping history where no copy is needed.

    >>> import numpy as np, xpgrad as xg
    >>> a = np.zeros(2)
    >>> t = xg.as_tensor(a); a[0] = 5.0; t
    tensor([5., 0.], dtype=xpgrad.float64)
    """
    owned = data if isinstance(data, Tensor) else _foreign(data, share=True)
    if owned is not None:
        return moved(owned, dtype, _target(data, owned, device))
    return tensor(data, dtype=dtype, device=device)


def asarray(
    obj: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    copy: bool | None = None,
    requires_grad: bool | None = None,
) -> Tensor:
    """`obj` as a tensor.

    Args:
        obj: a Tensor, an array, anything with ``__dlpack__``, numbers, or nested sequences.
        copy: always (`True`), never (`False`), or where needed (`None`).
        requires_grad: default: what `obj` itself says. ``False`` detaches.

    Raises:
        ValueError: if a copy is needed and ``copy=False``.

    >>> import xpgrad as xg
    >>> x = xg.ones(2, requires_grad=True)
    >>> xg.asarray(x * 2)
    tensor([2., 2.], grad_fn=<MulBackward0>)
    """
    owned = obj if isinstance(obj, Tensor) else _foreign(obj, share=True)
    if owned is None and hasattr(obj, "__dlpack__"):
        owned = from_dlpack(obj)
    if owned is None:
        if copy is False:
            raise ShapeError(f"can't alias {type(obj).__name__}: its elements must be copied")
        return tensor(obj, dtype=dtype, device=device, requires_grad=bool(requires_grad))
    found = moved(owned, dtype, device, copy=bool(copy))
    if copy is False and found is not owned:
        raise ShapeError(
            f"can't alias tensor with dtype '{owned.dtype}' on {owned.device} into dtype "
            f"'{found.dtype}' on {found.device}."
        )
    if requires_grad is None or requires_grad == found.requires_grad:
        return found
    return leaf(found._data, found._ns, requires_grad)


def from_numpy(ndarray: np.ndarray[Any, Any]) -> Tensor:
    """A tensor on the CPU that shares memory with a NumPy array, whatever its strides.

    Warns:
        UserWarning: for a read-only array; the tensor cannot be modified in place either.

    Raises:
        TypeError: for what is no array, or one that holds no numbers.

    >>> import numpy as np, xpgrad as xg
    >>> a = np.array([1.0, 2.0], dtype=np.float32)
    >>> t = xg.from_numpy(a); a[0] = 7.0; t
    tensor([7., 2.])
    """
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type_name(ndarray)})")
    shared = _foreign(ndarray, share=True)
    assert shared is not None
    return shared


def from_dlpack(ext_tensor: Any, *, device: Any = None, copy: bool | None = None) -> Tensor:
    """A tensor that shares memory with an array of any library that speaks DLPack.

    Args:
        ext_tensor: an object with ``__dlpack__`` and ``__dlpack_device__``.
        device: move it there (a copy).
        copy: always copy (`True`), or fail where one is needed (`False`).

    Raises:
        RuntimeError: for anything else, or a device that no backend serves.

    >>> import numpy as np, xpgrad as xg
    >>> xg.from_dlpack(np.arange(3))
    tensor([0, 1, 2])
    """
    if isinstance(ext_tensor, Tensor):
        if ext_tensor.requires_grad:
            raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
        shared = ext_tensor.detach()
    elif not hasattr(ext_tensor, "__dlpack__") or not hasattr(ext_tensor, "__dlpack_device__"):
        raise OpError(f"from_dlpack received a {type_name(ext_tensor)}, which has no __dlpack__")
    else:
        kind, index = ext_tensor.__dlpack_device__()
        name = _DLPACK.get(int(kind))
        if name is None:
            raise DeviceError(f"from_dlpack: no backend serves DLPack's device type {int(kind)}")
        own = namespace_of(ext_tensor)
        ns = own or resolve(name if name == "cpu" else f"{name}:{index}")
        with guarded(ns):
            shared = wrap(ext_tensor if own else ns.from_dlpack(ext_tensor), ns)
    found = moved(shared, None, device, copy=bool(copy))
    if copy is False and found is not shared:
        raise BufferError(f"from_dlpack: {shared.device} to {found.device} needs a copy")
    return found


_DLPACK = {1: "cpu", 2: "cuda", 3: "cpu", 13: "cuda"}  # host and managed memory included

_READ_ONLY = (
    "The given NumPy array is not writable. A tensor shares its memory, so it cannot be modified "
    "in place either; copy the array first if you want to."
)


def _foreign(data: Any, *, share: bool = False) -> Tensor | None:
    """A tensor around an array of a library with a backend; `None` for other things.

    Raises:
        TypeError: for a NumPy array that holds no numbers.
    """
    ns = namespace_of(data)
    if ns is not None and type(data) is ns.array_type is not np.ndarray:
        return wrap(data, ns)
    if isinstance(data, np.ndarray):
        data = checked(data)
        if share and not data.flags.writeable:
            warnings.warn(_READ_ONLY, UserWarning, stacklevel=3)
        ns = namespace_of(data)
    return wrap(data, ns) if ns is not None and isinstance(data, ns.array_type) else None


def _target(data: Any, owned: Tensor, device: Any) -> Any:
    """Where `data` goes: NumPy's arrays are host data, like lists, and have no say."""
    host = data is not owned and owned.device.type == "cpu"
    return get_default_device() if device is None and host else device


def laid_out(made: Tensor, like: Tensor) -> Tensor:
    """A new tensor in the order in memory that another one has."""
    if made._ns is like._ns:
        made._data = made._ns.laid_out(made._data, like._data)
    return made


def moved(x: Tensor, dtype: Any, device: Any, *, copy: bool = False) -> Tensor:
    """`x` in another dtype, on another device; differentiable, and `x` itself if it is there."""
    out = x
    if dtype is not None and (found := dtypes.as_dtype(dtype)) is not out.dtype:
        out._ns.native(found)
        out = astype(_real_part(out, found), dtype=found)
    if device is not None and (ns := within(device)) is not out._ns:
        ns.native(out.dtype)  # says so if the device has no such type
        out = to_device(out, ns=ns)
    return astype(out, dtype=out.dtype) if copy and out is x else out


def _real_part(x: Tensor, target: dtypes.dtype) -> Tensor:
    if not x.dtype.is_complex or target.is_complex or target is dtypes.bool_:
        return x
    from xpgrad.ops.elementwise import real

    warnings.warn(
        "Casting complex values to real discards the imaginary part", UserWarning, stacklevel=4
    )
    out: Tensor = real(x)
    return out
