"""What functions of space have in common: a number for each dimension, batches of one."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence
from typing import Any

from xpgrad.door.arguments import only_tensor
from xpgrad.dtypes import float16
from xpgrad.errors import ShapeError
from xpgrad.tensor import Tensor

Ints = tuple[int, ...]


def ints_of(value: Any, count: int, what: str, function: str) -> Ints:
    """A number for each of `count` dimensions, from one for all or a sequence of them.

    Raises:
        TypeError: for what is no integer.
        ShapeError: for another number of them.
    """
    try:
        if isinstance(value, (bool, float, str)):
            raise TypeError
        if isinstance(value, Sequence):
            found = tuple(map(operator.index, value))
        else:
            found = (operator.index(value),)
    except TypeError:
        raise TypeError(
            f"{function}(): argument '{what}' must be tuple of ints, not {type(value).__name__}"
        ) from None
    if len(found) == count:
        return found
    if len(found) == 1:
        return found * count
    raise ShapeError(
        f"expected {what} to be a single integer value or a list of {count} values to match the "
        f"convolution dimensions, but got {what}={list(found)}"
    )


WORDS = ("one", "two", "three")


def numbers_of(value: Any, count: int, what: str, function: str) -> Ints:
    """The same, in the words of pooling and of what shifts windows."""
    try:
        return ints_of(value, count, what, function)
    except ShapeError:
        raise ShapeError(
            f"{function}: {what} must either be a single int, or a tuple of {WORDS[count - 1]} ints"
        ) from None


def ratios_of(value: Any, space: int) -> Any:
    """A ratio for each dimension of space, from one for all or a sequence of them.

    Raises:
        ValueError: for what is not between 0 and 1.
    """
    found = value if isinstance(value, (tuple, list)) else (value,) * space
    if not all(0 < ratio < 1 for ratio in found):
        raise ValueError(f"output_ratio must be between 0 and 1 (got {found})")
    return found


def batched(x: Any, space: int, function: str) -> tuple[Tensor, bool]:
    """An input with a batch dimension, and whether it had none.

    Raises:
        ShapeError: for another number of dimensions.
    """
    found = only_tensor(x, function)
    if found.ndim == space + 2:
        return found, False
    if found.ndim == space + 1:
        return found.unsqueeze(0), True
    raise ShapeError(
        f"Expected {space + 1}D (unbatched) or {space + 2}D (batched) input to {function}, but got "
        f"input of size: {list(found.shape)}"
    )


def in_single(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A function that computes half precision in single, and rounds once."""

    @functools.wraps(function)
    def call(*args: Any, **settings: Any) -> Tensor:
        for x in args:
            if isinstance(x, Tensor) and x._data.dtype == x._ns.natives.get(float16):
                given = [a.float() if isinstance(a, Tensor) else a for a in args]
                return function(*given, **settings).half()
        return function(*args, **settings)

    return call
