"""Places of values in sorted lines, found by bisection.

Each step is one for many values: it moves their lower ends or not, without a branch that a
processor could foresee wrongly.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from xpgrad_backends.numba_kernels.jit import EXACT, flat, kernel, moved

Array = Any

BLOCK = 512  # values at once


@kernel(EXACT, inner=True)
def before(element, value, right):
    """Whether an element stays before a value that is inserted; nan is larger than all."""
    if right:
        return (element <= value) | (value != value)
    return (element < value) | ((value != value) & (element == element))


@kernel(EXACT, inner=True)
def search_in(x, values, out, n, m, right):
    one = np.uintp(1)
    for i in range(out.size // m):
        begin = np.uintp(i * n)
        for start in range(i * m, (i + 1) * m, BLOCK):
            first, end = np.uintp(start), np.uintp(min(start + BLOCK, (i + 1) * m))
            for k in range(first, end):
                out[k] = begin
            length = np.uintp(n)
            while length > one:
                half = length >> one
                for k in range(first, end):
                    low = out[k]
                    stays = before(x[low + half - one], values[k], right)
                    out[k] = low + half if stays else low
                length -= half
            for k in range(first, end):
                out[k] += np.uintp(before(x[out[k]], values[k], right)) - begin


@kernel(EXACT)
def search(x, values, out, n, m, right):
    """How many of the `n` elements of a line stay before each of its `m` values."""
    if right:
        search_in(x, values, out, n, m, True)
    else:
        search_in(x, values, out, n, m, False)


# ------------------------------------------------------------------ what the namespace calls


def search_lines(x: Array, values: Array, side: str) -> Array | None:
    """Where values belong in sorted lines: in those of `x`, or all in the only one."""
    if moved(x) is None or x.dtype.kind == "c" or x.dtype != values.dtype:
        return None
    if not x.size or not values.size or (x.ndim > 1 and x.shape[:-1] != values.shape[:-1]):
        return None
    out = np.empty(values.shape, np.intp)
    n, m = x.shape[-1], values.size if x.ndim == 1 else values.shape[-1]
    search(flat(x), flat(values), out.reshape(-1).view(np.uintp), n, m, side == "right")
    return out
