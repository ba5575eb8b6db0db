"""Values added at places that may be named again and again."""

from __future__ import annotations

from typing import Any

import numpy as np

from xpgrad_backends.numba_kernels.jit import EXACT, alike, dense, flat, kernel

Array = Any


@kernel(EXACT)
def add_rows(places, values, out):
    """Add rows to rows; `False` where a place does not exist."""
    count = out.shape[0]
    for i in range(places.size):
        p = places[i]
        if p < 0:
            p += count
        if p < 0 or p >= count:
            return False
        row, found = values[i], out[p]
        for j in range(found.size):
            found[j] += row[j]
    return True


@kernel(EXACT)
def add_numbers(places, values, out):
    """Add numbers to numbers; `False` where a place does not exist."""
    count = out.size
    for i in range(places.size):
        p = places[i]
        if p < 0:
            p += count
        if p < 0 or p >= count:
            return False
        out[p] += values[i]
    return True


# ------------------------------------------------------------------ what the namespace calls


def rows_added(places: Array, values: Array, count: int) -> Array | None:
    """Zeros of shape (count, width) with rows of values added; `None` where nothing can be."""
    if not alike(values) or places.dtype.kind not in "iu":
        return None
    places = flat(places.astype(np.intp, copy=False))
    width = values.shape[1]
    out = np.zeros((count, width), values.dtype)
    if width == 1:
        done = add_numbers(places, flat(values), out.reshape(-1))
    else:
        done = add_rows(places, dense(values), out)
    return out if done else None
