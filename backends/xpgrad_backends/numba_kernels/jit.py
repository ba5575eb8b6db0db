"""How kernels are compiled, and what arrays they take."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit

Array = Any

# What LLVM may assume of arithmetic. Never that there is no nan and no inf: they are values.
EXACT = {"contract"}  # a product and a sum may become one instruction
SUMS = {"contract", "reassoc", "nsz", "arcp"}  # and sums may be added up in any order: in lanes

FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


def kernel(flags: set[str], inner: bool = False) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function when it is first called with arrays of some type, or read it from a cache.

    Inner ones become part of those that call them. These have to stand in the same file: the cache
    looks at its time alone.
    """

    def decorate(function: Callable[..., Any]) -> Any:
        how: dict[str, Any] = {"fastmath": flags, "nogil": True, "error_model": "numpy"}
        how["forceinline"] = inner
        try:
            return njit(cache=True, **how)(function)
        except RuntimeError:  # no folder that could be written to
            return njit(**how)(function)

    return decorate


def alike(x: Array, *others: Array) -> bool:
    """Whether all are arrays of numbers that kernels compute with, of one type."""
    return x.dtype in FLOATS and all(a is None or a.dtype == x.dtype for a in others)


def dense(x: Array) -> Array:
    """An array that kernels are compiled for: aligned, writeable, one row behind the other."""
    return x if x.flags.carray else x.copy()


def flat(x: Array) -> Array:
    """All elements of an array, in the order of its indices, in one dimension."""
    return dense(x).reshape(-1)


BITS = {4: np.dtype(np.uint32), 8: np.dtype(np.uint64)}


def moved(x: Array) -> Any:
    """The type that numbers are moved in; `None` for what is no number of 4 or 8 bytes."""
    return BITS.get(x.itemsize) if x.dtype.kind in "fiuc" else None


def sizes(shape: tuple[int, ...], axis: int) -> tuple[int, int, int]:
    """How many there are before an axis, along it and after it."""
    return math.prod(shape[:axis]), shape[axis], math.prod(shape[axis + 1 :])
