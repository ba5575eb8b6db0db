"""Making tensors.

Every function here takes ``dtype=``, ``device=`` and ``requires_grad=``. Without ``device`` a
tensor goes where its data is, or else to the default device (`xpgrad.set_default_device`,
``with xpgrad.device(...)``). A dtype that was asked for and does not exist on the device is an
error; one that was only inferred gives way to the nearest that does.
"""

from __future__ import annotations

import contextlib
import math
import warnings
from typing import Any

import numpy as np

from xpgrad import dtypes
from xpgrad.device import get_default_device
from xpgrad.door.arguments import as_kind, new_size, number_of, only_tensor
from xpgrad.door.attach import method
from xpgrad.errors import DeviceError, DTypeError, OpError, ShapeError, XpgradError
from xpgrad.namespace import Array, Namespace
from xpgrad.ops.device import astype, to_device
from xpgrad.registry import namespace_of, resolve
from xpgrad.tensor import Tensor, wrap

__all__ = [
    "arange", "as_tensor", "asarray", "empty", "empty_like", "eye", "from_dlpack", "from_numpy",
    "full", "full_like", "linspace", "logspace", "ones", "ones_like", "scalar_tensor", "tensor",
    "tril_indices", "triu_indices", "zeros", "zeros_like",
]  # fmt: skip

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


class NumberTooLarge(XpgradError, OverflowError, ValueError):
    """A Python integer of more than 64 bits (PyTorch raises ValueError, NumPy OverflowError)."""


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
    owned = data if isinstance(data, Tensor) else _foreign(data)
    if owned is not None:
        out = moved(owned.detach(), dtype, _target(data, owned, device), copy=True)
        return leaf(out._data, out._ns, requires_grad)
    ns = resolve(device)
    host, inferred = read(data, dtype)
    found = settle(ns, dtype, inferred)
    with guarded(ns), np.errstate(over="ignore"):  # 1e40 is inf in float32
        return leaf(ns.from_host(host.astype(found.name, copy=False)), ns, requires_grad)


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
        raise TypeError(f"expected np.ndarray (got {_type_name(ndarray)})")
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
        raise OpError(f"from_dlpack received a {_type_name(ext_tensor)}, which has no __dlpack__")
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
_NUMBERS = (
    "float64, float32, float16, complex64, complex128, int64, int32, int16, int8, uint64, uint32, "
    "uint16, uint8, and bool"
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
        data = _checked(data)
        if share and not data.flags.writeable:
            warnings.warn(_READ_ONLY, UserWarning, stacklevel=3)
        ns = namespace_of(data)
    return wrap(data, ns) if ns is not None and isinstance(data, ns.array_type) else None


def _checked(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """A NumPy array of numbers in this machine's byte order, as a plain ndarray."""
    if array.dtype.kind not in "biufc" or array.dtype.name not in dtypes.BY_NAME:
        raise TypeError(
            f"can't convert np.ndarray of type numpy.{array.dtype.type.__name__}. The only "
            f"supported types are: {_NUMBERS}."
        )
    if not array.dtype.isnative:
        raise ValueError(
            "given numpy array has byte order different from the native byte order. Conversion "
            "between byte orders is currently not supported."
        )
    return array if type(array) is np.ndarray else array.view(np.ndarray)


def _target(data: Any, owned: Tensor, device: Any) -> Any:
    """Where `data` goes: NumPy's arrays are host data, like lists, and have no say."""
    host = data is not owned and owned.device.type == "cpu"
    return get_default_device() if device is None and host else device


def moved(x: Tensor, dtype: Any, device: Any, *, copy: bool = False) -> Tensor:
    """`x` in another dtype, on another device; differentiable, and `x` itself if it is there."""
    out = x
    if dtype is not None and (found := dtypes.as_dtype(dtype)) is not out.dtype:
        out._ns.native(found)
        out = astype(_real_part(out, found), dtype=found)
    if device is not None and (ns := resolve(device)) is not out._ns:
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


def _type_name(value: Any) -> str:
    kind = type(value)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"


# ------------------------------------------------------------------ reading Python's numbers


def read(data: Any, dtype: Any) -> tuple[np.ndarray[Any, Any], dtypes.dtype]:
    """The numbers in `data` as a new NumPy array, and the dtype that PyTorch infers for them."""
    if isinstance(data, np.generic):
        host = _checked(np.array(data))
        return host, dtypes.as_dtype(host.dtype)
    try:
        host = np.array(data)
    except (ValueError, TypeError, RuntimeError):
        host = np.array(_plain(data))  # unequal lengths, or Tensors that NumPy cannot read
    if host.dtype.kind not in "biufc":
        host = np.array(_plain(data))
        if host.dtype.kind not in "biufc":
            raise _no_number(data, host)
    kinds = set(_kinds(data))
    if kinds <= {bool, int, float, complex}:
        if host.dtype.kind == "u" or (host.dtype.kind == "f" and kinds and float not in kinds):
            raise NumberTooLarge("Overflow when unpacking long long")
        inferred = dtypes.as_dtype({"b": bool, "i": int, "f": float, "c": complex}[host.dtype.kind])
    else:
        inferred = _inferred(data)
    target = inferred if dtype is None else dtypes.as_dtype(dtype)
    _check_fits(host, target)
    return host, inferred


def _kinds(data: Any) -> set[type]:
    """The types of the numbers in nested sequences; one pass of C code per innermost sequence."""
    if not isinstance(data, (list, tuple)):
        return {type(data)} if not isinstance(data, range) else {int}
    found: set[type] = set(map(type, data))
    for kind in found & {list, tuple, range}:
        found.discard(kind)
        for part in data:
            if type(part) is kind:
                found |= _kinds(part)
    return found


def _inferred(data: Any) -> dtypes.dtype:
    """The dtype of mixed data: arrays, Tensors and NumPy's scalars bring their own."""
    if isinstance(data, (list, tuple)) and data:
        found = _inferred(data[0])
        for part in data[1:]:
            found = dtypes.promote_types(found, _inferred(part))
        return found
    if hasattr(data, "dtype"):
        return dtypes.as_dtype(data.dtype)
    if isinstance(data, (bool, int, float, complex)):
        return dtypes.of_scalar(data)
    return dtypes.as_dtype(np.array(data).dtype) if len(data) else dtypes.get_default_dtype()


def _check_fits(host: np.ndarray[Any, Any], target: dtypes.dtype) -> None:
    """Raise if a Python number does not fit an integer type, or is complex and may not be."""
    if host.dtype.kind == "c" and not target.is_complex:
        needed = "be real number, not complex" if target.is_floating_point else "be an integer"
        raise DTypeError(f"numbers for {target} must {needed}")
    if target.category != dtypes.INTEGER or not host.size or host.dtype.kind == "b":
        return
    limits = np.iinfo(target.name)
    low = limits.min if target.is_signed else -limits.max  # PyTorch lets -1 wrap to 255
    with np.errstate(invalid="ignore"):
        # Written so that nan fails too.
        fits = bool((np.trunc(host) >= low).all() and (np.trunc(host) <= limits.max).all())
    if not fits:
        raise OpError(f"value cannot be converted to type {target.name} without overflow")


def _plain(data: Any, length_at: dict[int, int] | None = None, depth: int = 0) -> Any:
    """Nested sequences as lists of Python numbers; Tensors become numbers too.

    Raises:
        ShapeError: where lengths differ, as PyTorch says it.
    """
    lengths = {} if length_at is None else length_at
    if isinstance(data, Tensor):
        if data.requires_grad:
            warnings.warn(
                "Converting a tensor with requires_grad=True to a scalar may lead to unexpected "
                "behavior.\nConsider using tensor.detach() first.",
                UserWarning,
                stacklevel=4 + depth,
            )
        if data.numel() != 1:
            raise ShapeError("only one element tensors can be converted to Python scalars")
        return data.item()
    if isinstance(data, (str, bytes, dict, set)) or not hasattr(data, "__len__"):
        if depth in lengths:
            raise TypeError(f"not a sequence: {type(data).__name__} at dim {depth}")
        return data
    if getattr(data, "ndim", 1) == 0:
        return data.item()
    expected = lengths.setdefault(depth, len(data))
    if len(data) != expected:
        raise ShapeError(f"expected sequence of length {expected} at dim {depth} (got {len(data)})")
    parts = [_plain(part, lengths, depth + 1) for part in data]
    if depth + 1 in lengths and parts and not isinstance(parts[0], list):
        raise TypeError(f"not a sequence: {type(parts[0]).__name__} at dim {depth + 1}")
    return parts


def _no_number(data: Any, host: np.ndarray[Any, Any]) -> Exception:
    """The error for data that holds something other than numbers."""
    nested = isinstance(data, (list, tuple))
    while isinstance(data, (list, tuple)) and data:
        found = [d for d in data if not isinstance(d, (bool, int, float, complex, np.generic))]
        data = found[0] if found else data[0]
    if isinstance(data, int):
        return NumberTooLarge("Overflow when unpacking long long")
    if isinstance(data, (str, bytes)):
        return (ShapeError if nested else TypeError)(
            f"too many dimensions '{type(data).__name__}'" if nested
            else f"new(): invalid data type '{type(data).__name__}'"
        )  # fmt: skip
    if isinstance(data, np.ndarray):
        return TypeError(
            f"can't convert np.ndarray of type numpy.{data.dtype.type.__name__}. The only "
            f"supported types are: {_NUMBERS}."
        )
    return DTypeError(f"Could not infer dtype of {type(data).__name__}")


# ------------------------------------------------------------------ of one value


def zeros(
    *size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False, **named: Any
) -> Tensor:
    """Zeros, of a size written ``2, 3`` or ``(2, 3)`` or ``size=(2, 3)``.

    >>> import xpgrad as xg
    >>> xg.zeros(2, 3)
    tensor([[0., 0., 0.],
            [0., 0., 0.]])
    """
    return _new("zeros", size, named, dtype, device, requires_grad)


def ones(
    *size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False, **named: Any
) -> Tensor:
    """Ones, of a size written ``2, 3`` or ``(2, 3)`` or ``size=(2, 3)``.

    >>> import xpgrad as xg
    >>> xg.ones((2,), requires_grad=True)
    tensor([1., 1.], requires_grad=True)
    """
    return _new("ones", size, named, dtype, device, requires_grad)


def empty(
    *size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False, **named: Any
) -> Tensor:
    """A tensor whose values are whatever the memory holds.

    >>> import xpgrad as xg
    >>> xg.empty(2, 0).shape
    xpgrad.Size([2, 0])
    """
    return _new("empty", size, named, dtype, device, requires_grad)


def _new(
    what: str, size: Any, named: dict[str, Any], dtype: Any, device: Any, requires_grad: bool
) -> Tensor:
    shape = new_size(what, sized(what, size, named))
    ns = resolve(device)
    found = settle(ns, dtype, dtypes.get_default_dtype())
    return leaf(getattr(ns, what)(shape, dtype=ns.native(found)), ns, requires_grad)


def sized(what: str, size: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, ...]:
    """The size among positional arguments, or the one given as ``size=``.

    Raises:
        TypeError: for none or both, or an unknown keyword.
    """
    if not size and "size" in named:
        size = (named.pop("size"),)
    elif not size:
        raise TypeError(f'{what}() missing 1 required positional arguments: "size"')
    if named:
        raise TypeError(f"{what}() got an unexpected keyword argument {next(iter(named))!r}")
    return size


def full(
    size: Any,
    fill_value: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """A tensor of one value; its dtype is the value's (float32, int64 or bool) unless given.

    >>> import xpgrad as xg
    >>> xg.full((2,), 1.5), xg.full((2,), True)
    (tensor([1.5000, 1.5000]), tensor([True, True]))
    """
    if not hasattr(size, "__len__"):
        raise TypeError(
            f"full(): argument 'size' (position 1) must be tuple of ints, not {_type_name(size)}"
        )
    shape = new_size("full", (size,))
    ns = resolve(device)
    own = getattr(fill_value, "dtype", None)
    value = number_of(fill_value)
    inferred = dtypes.of_scalar(value) if own is None else dtypes.as_dtype(own)
    found = settle(ns, dtype, inferred)
    return leaf(ns.full(shape, as_kind(value, found), dtype=ns.native(found)), ns, requires_grad)


def scalar_tensor(
    s: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """A 0-d tensor in the default dtype, whatever kind of number `s` is.

    >>> import xpgrad as xg
    >>> xg.scalar_tensor(2)
    tensor(2.)
    """
    target = dtypes.get_default_dtype() if dtype is None else dtype
    return full((), s, dtype=target, device=device, requires_grad=requires_grad)


def zeros_like(
    input: Tensor, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Zeros with the shape, dtype and device of `input`.

    >>> import xpgrad as xg
    >>> xg.zeros_like(xg.tensor([1, 2]))
    tensor([0, 0])
    """
    return _like("zeros", input, dtype, device, requires_grad)


def ones_like(
    input: Tensor, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Ones with the shape, dtype and device of `input`.

    >>> import xpgrad as xg
    >>> xg.ones_like(xg.tensor([1, 2]), dtype=xg.float32)
    tensor([1., 1.])
    """
    return _like("ones", input, dtype, device, requires_grad)


def empty_like(
    input: Tensor, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """A tensor like `input` whose values are whatever the memory holds.

    >>> import xpgrad as xg
    >>> xg.empty_like(xg.ones(2, 3)).shape
    xpgrad.Size([2, 3])
    """
    return _like("empty", input, dtype, device, requires_grad)


def full_like(
    input: Tensor,
    fill_value: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """One value with the shape, dtype and device of `input`.

    >>> import xpgrad as xg
    >>> xg.full_like(xg.ones(2), 7)
    tensor([7., 7.])
    """
    only_tensor(input, "full_like")
    return full(
        input.shape,
        fill_value,
        dtype=input.dtype if dtype is None else dtype,
        device=input.device if device is None else device,
        requires_grad=requires_grad,
    )


def _like(what: str, x: Tensor, dtype: Any, device: Any, requires_grad: bool) -> Tensor:
    only_tensor(x, f"{what}_like")
    ns = x._ns if device is None else resolve(device)
    native = x._data.dtype if dtype is None and ns is x._ns else ns.native(dtype or x.dtype)
    return leaf(getattr(ns, what)(x._data.shape, dtype=native), ns, requires_grad)


# ------------------------------------------------------------------ ranges and patterns


def arange(
    start: Any = None,
    end: Any = None,
    step: Any = 1,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Numbers from `start` (0) up to but not including `end`, `step` apart.

    Integers if all arguments are, else the default dtype.

    Raises:
        RuntimeError: for a step of zero or of the wrong sign, or bounds that are not finite.

    >>> import xpgrad as xg
    >>> xg.arange(4.0), xg.arange(5, 1, -2)
    (tensor([0., 1., 2., 3.]), tensor([5, 3]))
    """
    if end is None:
        if start is None:
            raise TypeError('arange() missing 1 required positional argument: "end"')
        start, end = 0, start
    first, last, by = (number_of(v) for v in (0 if start is None else start, end, step))
    ns = resolve(device)
    whole = all(isinstance(v, int) for v in (first, last, by))
    inferred = dtypes.int64 if whole else dtypes.get_default_dtype()
    target = settle(ns, dtype, inferred)
    if any(isinstance(v, complex) for v in (first, last, by)):
        raise OpError("value cannot be converted to type double without overflow")
    if not (math.isfinite(first) and math.isfinite(last)):
        raise OpError(f"unsupported range: {first} -> {last}")
    if target.category <= dtypes.INTEGER:
        first, last, by = int(first), int(last), int(by)
    if by == 0:
        raise ShapeError("step must be nonzero")
    if (last - first) * by < 0:
        raise ShapeError("upper bound and lower bound inconsistent with step sign")
    count = -((first - last) // by) if isinstance(first + by + last, int) else math.ceil(
        (last - first) / by
    )  # fmt: skip
    native = ns.native(target)
    with guarded(ns):
        if target.category <= dtypes.INTEGER:
            data = ns.astype(ns.arange(first, first + count * by, by), native)
        else:
            # Counted in integers and scaled in the widest type: no error piles up.
            wide = ns.native(settle(ns, None, dtypes.float64))
            grid = ns.astype(ns.arange(0, count, 1), wide)
            data = ns.astype(grid * float(by) + float(first), native)
    return leaf(data, ns, requires_grad)


def linspace(
    start: Any,
    end: Any,
    steps: int,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """`steps` numbers evenly spaced from `start` to `end`, both included.

    Raises:
        RuntimeError: for a negative number of steps.

    >>> import xpgrad as xg
    >>> xg.linspace(0, 1, 5)
    tensor([0.0000, 0.2500, 0.5000, 0.7500, 1.0000])
    """
    if steps < 0:
        raise ShapeError("number of steps must be non-negative")
    ns = resolve(device)
    first, last = number_of(start), number_of(end)
    default = dtypes.get_default_dtype()
    is_complex = isinstance(first, complex) or isinstance(last, complex)
    target = settle(ns, dtype, default.to_complex() if is_complex else default)
    if target.is_differentiable:
        low, high = as_kind(first, target), as_kind(last, target)
        with guarded(ns):
            data = ns.linspace(low, high, steps, dtype=ns.native(target))
    else:
        wide = ns.native(settle(ns, None, dtypes.float64))
        with guarded(ns):
            grid = ns.linspace(float(first), float(last), steps, dtype=wide)
            data = ns.astype(ns.trunc(grid), ns.native(target))
    return leaf(data, ns, requires_grad)


def logspace(
    start: Any,
    end: Any,
    steps: int,
    base: float = 10.0,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Powers of `base`, with exponents evenly spaced from `start` to `end`.

    >>> import xpgrad as xg
    >>> xg.logspace(0, 2, 3)
    tensor([  1.,  10., 100.])
    """
    if steps < 0:
        raise ShapeError("number of steps must be non-negative")
    ns = resolve(device)
    target = settle(ns, dtype, dtypes.get_default_dtype())
    wide = ns.native(settle(ns, None, dtypes.float64))
    with guarded(ns):
        grid = ns.linspace(float(number_of(start)), float(number_of(end)), steps, dtype=wide)
        powers = ns.pow(ns.full((), float(number_of(base)), dtype=wide), grid)
        if target.category == dtypes.INTEGER:
            powers = ns.trunc(powers)
        return leaf(ns.astype(powers, ns.native(target)), ns, requires_grad)


def eye(
    n: int,
    m: int | None = None,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """An `n` by `m` matrix (square by default) with ones on the diagonal.

    Raises:
        RuntimeError: for a negative size.

    >>> import xpgrad as xg
    >>> xg.eye(2)
    tensor([[1., 0.],
            [0., 1.]])
    """
    for name, length in (("n", n), ("m", m)):
        if length is not None and length < 0:
            raise ShapeError(f"{name} must be greater or equal to 0, got {length}")
    ns = resolve(device)
    found = settle(ns, dtype, dtypes.get_default_dtype())
    return leaf(ns.eye(n, m, dtype=ns.native(found)), ns, requires_grad)


def tril_indices(
    row: int, col: int, offset: int = 0, *, dtype: Any = None, device: Any = None
) -> Tensor:
    """The indices of a matrix's lower triangle: rows above columns, shape ``(2, n)``.

    >>> import xpgrad as xg
    >>> xg.tril_indices(2, 2)
    tensor([[0, 1, 1],
            [0, 0, 1]])
    """
    return tensor(np.stack(np.tril_indices(row, offset, col)).tolist(), dtype=dtype, device=device)


def triu_indices(
    row: int, col: int, offset: int = 0, *, dtype: Any = None, device: Any = None
) -> Tensor:
    """The indices of a matrix's upper triangle: rows above columns, shape ``(2, n)``.

    >>> import xpgrad as xg
    >>> xg.triu_indices(2, 2)
    tensor([[0, 0, 1],
            [0, 1, 1]])
    """
    return tensor(np.stack(np.triu_indices(row, offset, col)).tolist(), dtype=dtype, device=device)


# ------------------------------------------------------------------ like another tensor


@method()
def new_tensor(
    self: Tensor, data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """A new leaf from `data`, with this tensor's dtype and device unless others are given."""
    return tensor(data, requires_grad=requires_grad, **_own(self, dtype, device))


@method()
def new_zeros(
    self: Tensor, *size: Any, dtype: Any = None, device: Any = None, **named: Any
) -> Tensor:
    """Zeros of a size, with this tensor's dtype and device unless others are given."""
    return zeros(*size, **_own(self, dtype, device), **named)


@method()
def new_ones(
    self: Tensor, *size: Any, dtype: Any = None, device: Any = None, **named: Any
) -> Tensor:
    """Ones of a size, with this tensor's dtype and device unless others are given."""
    return ones(*size, **_own(self, dtype, device), **named)


@method()
def new_empty(
    self: Tensor, *size: Any, dtype: Any = None, device: Any = None, **named: Any
) -> Tensor:
    """Uninitialised memory, with this tensor's dtype and device unless others are given."""
    return empty(*size, **_own(self, dtype, device), **named)


@method()
def new_full(
    self: Tensor,
    size: Any,
    fill_value: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """One value of a size, with this tensor's dtype and device unless others are given."""
    return full(size, fill_value, requires_grad=requires_grad, **_own(self, dtype, device))


def _own(x: Tensor, dtype: Any, device: Any) -> dict[str, Any]:
    return {
        "dtype": x.dtype if dtype is None else dtype,
        "device": x.device if device is None else device,
    }
