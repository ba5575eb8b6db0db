"""Reading arguments as PyTorch writes them: dimensions, sizes, devices, scalars."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from xpgrad import dtypes
from xpgrad.errors import DTypeError, ShapeError
from xpgrad.errors import UnsupportedDType as UnsupportedDType
from xpgrad.promotion import as_operand
from xpgrad.tensor import Size, Tensor


def dim_of(dim: Any, ndim: int) -> int:
    """A dimension as a non-negative number; a 0-d tensor has a dimension 0 here, as in PyTorch.

    Raises:
        IndexError: out of range.
    """
    found = operator.index(dim)
    span = ndim or 1
    if not -span <= found < span:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-span}, {span - 1}], "
            f"but got {found})"
        )
    return found % span


def dims_of(dim: Any, ndim: int) -> tuple[int, ...] | None:
    """The dimensions to reduce, sorted; `None` and ``()`` mean all of them.

    Raises:
        IndexError: out of range.
        ShapeError: one is named twice.
    """
    if dim is None:
        return None
    found = [dim_of(d, ndim) for d in dim] if isinstance(dim, Iterable) else [dim_of(dim, ndim)]
    if not found:
        return None
    for d in found:
        if found.count(d) > 1:
            raise ShapeError(f"dim {d} appears multiple times in the list of dims")
    return tuple(sorted(found)) if ndim else ()


def size_of(what: str, sizes: Sequence[Any]) -> tuple[int, ...]:
    """A size written as ``2, 3`` or ``(2, 3)``.

    Raises:
        TypeError: for what is no integer.
    """
    given: Any = sizes
    if len(sizes) == 1 and type(sizes[0]) is not int and not _is_index(sizes[0]):
        given = sizes[0]
    culprit = given
    try:
        found = []
        for culprit in () if isinstance(given, str) else given:
            if type(culprit) is not int:
                if isinstance(culprit, bool):
                    raise TypeError
                culprit = operator.index(culprit)
            found.append(culprit)
        if not isinstance(given, str):
            return tuple(found)
    except TypeError:
        pass
    raise TypeError(
        f"{what}(): argument 'size' (position 1) must be tuple of ints, "
        f"not {type(culprit).__name__}"
    )


def _is_index(value: Any) -> bool:
    return hasattr(value, "__index__") and not getattr(value, "ndim", 0)


def new_size(what: str, sizes: Sequence[Any]) -> tuple[int, ...]:
    """The size of a tensor to be made.

    Raises:
        ShapeError: for a negative length.
    """
    found = size_of(what, sizes)
    if any(n < 0 for n in found):
        raise ShapeError(f"{what}: Dimension size must be non-negative, got {Size(found)}")
    return found


def tensor_of(value: Any, what: str) -> Tensor:
    """A Tensor from a Tensor, an array or a Python number.

    Raises:
        TypeError: for anything else.
    """
    if isinstance(value, Tensor):
        return value
    found = as_operand(value, what)
    if isinstance(found, Tensor):
        return found
    from xpgrad.door.data import tensor

    return tensor(found)


def only_tensor(value: Any, what: str, name: str = "input", position: int = 1) -> Tensor:
    """`value`, which must be a Tensor.

    Raises:
        TypeError: in PyTorch's words.
    """
    if isinstance(value, Tensor):
        return value
    raise TypeError(
        f"{what}(): argument '{name}' (position {position}) must be Tensor, "
        f"not {type(value).__name__}"
    )


def number_of(value: Any) -> Any:
    """A Python number from a number, a 0-d array or a Tensor of one element."""
    return value.item() if hasattr(value, "item") else value


def as_kind(value: Any, target: dtypes.dtype) -> Any:
    """A Python number in the category of `target`: ``1.5`` becomes 1 for integers.

    Raises:
        DTypeError: for a complex number where a real one is needed.
    """
    if isinstance(value, complex) and not target.is_complex:
        raise DTypeError(f"value cannot be converted to type {target.name} without overflow")
    if target.category == dtypes.BOOL:
        return bool(value)
    if target.category == dtypes.INTEGER:
        return int(value)
    return complex(value) if target.is_complex else float(value)


def is_number(value: Any, *, none: bool = False) -> bool:
    """Whether `value` is a Python number or one of NumPy's scalars (or `None`, if that is fine)."""
    return isinstance(value, (bool, int, float, complex, np.generic)) or (none and value is None)
