"""Reading Python's numbers and NumPy's arrays: values, and the dtypes that PyTorch infers."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from xpgrad import dtypes
from xpgrad.errors import DTypeError, OpError, ShapeError, XpgradError
from xpgrad.tensor import Tensor

_NUMBERS = (
    "float64, float32, float16, complex64, complex128, int64, int32, int16, int8, uint64, uint32, "
    "uint16, uint8, and bool"
)


class NumberTooLarge(XpgradError, OverflowError, ValueError):
    """A Python integer of more than 64 bits (PyTorch raises ValueError, NumPy OverflowError)."""


def checked(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
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


def type_name(value: Any) -> str:
    """The name of a value's type, as messages say it."""
    kind = type(value)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"


def read(data: Any, dtype: Any) -> tuple[np.ndarray[Any, Any], dtypes.dtype]:
    """The numbers in `data` as a new NumPy array, and the dtype that PyTorch infers for them."""
    if isinstance(data, np.generic):
        host = checked(np.array(data))
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
