"""What positions select, laid out in memory as PyTorch lays it out.

NumPy computes the dimensions of the arrays first and then turns the result, so that in that of
``x[:, [2, 1]]`` one column follows the other. A take along an axis is in order, and faster.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from xpgrad import indexing
from xpgrad_backends.numpy_memory import arranged
from xpgrad_backends.numpy_places import gridded_if_large, taken_along

_FULL = slice(None)


def selected(x: Any, index: tuple[Any, ...]) -> Any:
    """``x[index]`` for an index that ends with an array."""
    axis = gridded_if_large(index, x.shape)
    if axis is not None:
        found = taken_along(x, index[axis], axis)
        if found is not None:
            return found
    lead = 0
    while _is_full(index[lead]):
        lead += 1
    block = index[lead:]
    if lead and x.flags.c_contiguous and all(type(part) is np.ndarray for part in block):
        if len(block) == 1 and block[0].dtype.kind in "iu":
            return x.take(block[0], axis=lead)
        places = _merged(block, x.shape[lead:])
        if places is not None:
            joined, width = places
            sizes = x.shape[lead : lead + width], x.shape[lead + width :]
            rows = x.reshape(*x.shape[:lead], math.prod(sizes[0]), *sizes[1])
            return rows.take(joined, axis=lead)
    out = x[index]
    if out.flags.c_contiguous:
        return out
    plain = all(type(part) is np.ndarray or _is_full(part) for part in block)
    return _in_order(out, x, index) if plain else out


def _is_full(part: Any) -> bool:
    return type(part) is slice and part == _FULL


def _merged(block: tuple[Any, ...], shape: tuple[int, ...]) -> tuple[Any, int] | None:
    """Arrays for several dimensions as one for all of them; `None` if they count from the end."""
    parts: list[Any] = []
    for part in block:
        if part.dtype.kind in "iu":
            parts.append(part)
        elif part.shape != shape[len(parts) : len(parts) + part.ndim]:
            return None
        else:
            parts += part.nonzero()
    try:
        joined = np.ravel_multi_index(tuple(np.broadcast_arrays(*parts)), shape[: len(parts)])
    except ValueError:
        return None
    return joined, len(parts)


def _in_order(out: Any, x: Any, index: tuple[Any, ...]) -> Any:
    """A result in the order of memory that its source has where it is as it was.

    What the arrays select comes in the order of the first of them.
    """
    before, rank, after, _ = indexing.layout(np.dtype(bool), index, x.shape)
    kept: list[int] = []
    arrays: list[tuple[int, ...]] = []
    dim = 0
    for part in index:
        if type(part) is slice:
            kept.append(x.strides[dim])
            dim += 1
        elif part.dtype.kind == "b":
            arrays.append((8,))
            dim += part.ndim
        else:
            same = zip(part.strides, part.shape, strict=True)
            arrays.append(tuple(step if n > 1 else 0 for step, n in same))
            dim += 1
    kept += x.strides[dim:]
    steps = [(*kept[:before], *(0,) * rank, *kept[before:])]
    steps += [(0,) * (before + rank - len(a)) + a + (0,) * after for a in arrays]
    return arranged(out, steps)
