"""Copies that NumPy makes one by one: of lines from their ends, and of lines times numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from xpgrad_backends.numba_kernels.jit import EXACT, alike, flat, kernel, moved

Array = Any


@kernel(EXACT)
def reverse(x, out, width):
    """Lines from their ends."""
    line = np.uintp(width)
    for begin in range(np.uintp(0), np.uintp(x.size), line):
        last = begin + line - np.uintp(1)
        for j in range(line):
            out[begin + j] = x[last - j]


@kernel(EXACT)
def multiply(x, y, out, m, n):
    """``out[b, i, j] = x[b, i] * y[b, j]``."""
    wide, to = np.uintp(n), np.uintp(0)
    for i in range(np.uintp(x.size)):
        a, of = x[i], i // np.uintp(m) * wide
        for j in range(wide):
            out[to + j] = a * y[of + j]
        to += wide


# ------------------------------------------------------------------ what the namespace calls


def reversed_lines(x: Array, width: int) -> Array | None:
    """A copy of an array with each run of so many elements from its end."""
    bits = moved(x)
    if bits is None:
        return None
    out = np.empty(x.shape, x.dtype)
    if out.size:
        reverse(flat(x).view(bits), out.view(bits).reshape(-1), width)
    return out


def outer(x: Array, y: Array) -> Array | None:
    """Stacks of columns times stacks of rows."""
    m, n = x.shape[-2], y.shape[-1]
    if not alike(x, y) or x.shape[:-2] != y.shape[:-2] or x.shape[-1] != 1 or y.shape[-2] != 1:
        return None
    out = np.empty((*x.shape[:-1], n), x.dtype)
    if out.size:
        multiply(flat(x), flat(y), out.reshape(-1), m, n)
    return out
