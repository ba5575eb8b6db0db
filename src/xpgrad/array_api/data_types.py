"""Data types, what is known about them, and how they combine: by the standard's rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from xpgrad import dtypes
from xpgrad.array_api.arguments import tensor_of
from xpgrad.dtypes import BOOL, COMPLEX, FLOATING, INTEGER, as_dtype
from xpgrad.errors import DTypeError
from xpgrad.ops import device as _device
from xpgrad.registry import resolve

KINDS: dict[str, Callable[[dtypes.dtype], bool]] = {
    "bool": lambda d: d.category == BOOL,
    "signed integer": lambda d: d.category == INTEGER and d.is_signed,
    "unsigned integer": lambda d: d.category == INTEGER and not d.is_signed,
    "integral": lambda d: d.category == INTEGER,
    "real floating": lambda d: d.category == FLOATING,
    "complex floating": lambda d: d.category == COMPLEX,
    "numeric": lambda d: d.category > BOOL,
}


def dtype_of(x: Any) -> dtypes.dtype:
    """The dtype of an array, or a dtype itself, however it is written."""
    return as_dtype(x.dtype if hasattr(x, "shape") else x)


def astype(x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Any:
    """`x` in another dtype, and on another device if one is named.

    Args:
        copy: always copy, or only where something changes.

    Raises:
        DTypeError: from complex to real numbers, where the imaginary part would be lost.
    """
    x = tensor_of(x, "astype")
    target = as_dtype(dtype)
    if x.dtype.is_complex and not target.is_complex:
        raise DTypeError(f"astype: {x.dtype} to {target} would lose the imaginary part")
    out = x
    if device is not None:
        out = _device.to_device(x, ns=resolve(device))
    if out.dtype is not target or (copy and out is x):
        out = _device.astype(out, dtype=target)
    return out


def can_cast(from_: Any, to: Any, /) -> bool:
    """Whether `from_` is promoted to `to` beside it."""
    source, target = dtype_of(from_), dtype_of(to)
    if source.category != target.category and {source.category, target.category} != {
        FLOATING,
        COMPLEX,
    }:
        return False
    try:
        return dtypes.promote_types(source, target) is target
    except DTypeError:
        return False


def result_type(*arrays_and_dtypes: Any) -> dtypes.dtype:
    """The dtype of a result of these arrays, dtypes and Python scalars together.

    All arrays count alike, 0-d ones too. A mix of kinds, which the standard leaves open, gives the
    stronger kind, and Python scalars of a stronger kind than all arrays give its default dtype.

    Raises:
        ValueError: for Python scalars alone.
    """
    strong = weak = None
    for item in arrays_and_dtypes:
        if isinstance(item, (bool, int, float, complex)):
            found = dtypes.of_scalar(item)
            weak = found if weak is None else dtypes.promote_types(weak, found)
        else:
            found = dtype_of(item)
            strong = found if strong is None else dtypes.promote_types(strong, found)
    if strong is None:
        raise ValueError("result_type needs at least one array or dtype")
    combined = dtypes.combine(strong, weak)
    assert combined is not None
    return combined


def isdtype(dtype: Any, kind: Any) -> bool:
    """Whether a dtype is of a kind: another dtype, a name such as "integral", or a tuple of both.

    Raises:
        ValueError: for an unknown name.
    """
    if isinstance(kind, tuple):
        return any(isdtype(dtype, k) for k in kind)
    if isinstance(kind, str):
        if kind not in KINDS:
            raise ValueError(f"unknown kind of dtype {kind!r}; there are {', '.join(KINDS)}")
        return KINDS[kind](as_dtype(dtype))
    return as_dtype(dtype) is as_dtype(kind)


@dataclass(frozen=True)
class finfo_object:
    """The limits of a floating-point type."""

    bits: int
    eps: float
    max: float
    min: float
    smallest_normal: float
    dtype: dtypes.dtype


@dataclass(frozen=True)
class iinfo_object:
    """The limits of an integer type."""

    bits: int
    max: int
    min: int
    dtype: dtypes.dtype


def finfo(type: Any, /) -> finfo_object:
    """The limits of a floating-point type, or of the parts of a complex one.

    Raises:
        DTypeError: for integers and booleans.
    """
    found = dtype_of(type).to_real()
    if not found.is_floating_point:
        raise DTypeError(f"finfo: {found} is no floating-point type")
    known = np.finfo(found.name)
    return finfo_object(
        bits=known.bits,
        eps=float(known.eps),
        max=float(known.max),
        min=float(known.min),
        smallest_normal=float(known.smallest_normal),
        dtype=found,
    )


def iinfo(type: Any, /) -> iinfo_object:
    """The limits of an integer type.

    Raises:
        DTypeError: for others.
    """
    found = dtype_of(type)
    if found.category != INTEGER:
        raise DTypeError(f"iinfo: {found} is no integer type")
    known = np.iinfo(found.name)
    return iinfo_object(bits=known.bits, max=int(known.max), min=int(known.min), dtype=found)
