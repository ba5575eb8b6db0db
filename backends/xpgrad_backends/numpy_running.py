"""Running sums along the last axis, as products with a triangle of ones.

NumPy's own wait for each sum before the next, which takes four times as long.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

Array = Any

PART = 16  # elements of a line that are multiplied by a triangle: more take longer, and so do fewer
SHORT = 32  # elements of a line; below it, or with fewer than `FEW` in all, nothing is won
FEW = 2**13
BLOCK = 2**15  # elements in the cache


def running_sums(x: Array, axis: int, back: bool = False) -> Any:
    """The sums of all elements so far, or of those from each to the end of its line.

    A part of a line times a triangle gives its sums; what the parts before it sum up to is added.
    It is the very number that stands there, so that where 0 is added sums stay what they are, and
    grow where all elements are positive. `None` where this is not made for the array.
    """
    n = x.shape[axis]
    if type(x) is not np.ndarray:
        return None
    if x.dtype.char not in "fd" or n < SHORT or x.size < FEW or math.prod(x.shape[axis:]) != n:
        return None
    lines, parts = x.reshape(-1, n), -(-n // PART)
    out = np.empty(x.shape, x.dtype)
    found = out.reshape(-1, n)
    triangle = np.tri(PART, dtype=x.dtype)
    triangle = triangle if back else np.ascontiguousarray(triangle.T)
    step = max(BLOCK // n, 1)
    room = sums = None
    if parts * PART != n:
        room = np.zeros((min(step, len(lines)), parts * PART), x.dtype)
        sums = np.empty_like(room)
    for i in range(0, len(lines), step):
        given, block = lines[i : i + step], found[i : i + step]
        whole, filled = given, block
        if room is not None and sums is not None:
            whole, filled = room[: len(given)], sums[: len(given)]
            whole[:, :n] = given
        np.dot(whole.reshape(-1, PART), triangle, out=filled.reshape(-1, PART))
        rows = filled.reshape(-1, parts, PART)
        before = np.zeros(rows.shape[:2], x.dtype)
        if back:
            np.add.accumulate(rows[:, :0:-1, 0], 1, None, before[:, -2::-1])
        else:
            np.add.accumulate(rows[:, :-1, -1], 1, None, before[:, 1:])
        rows += before[:, :, None]
        complete = rows[:, 0, 0] if back else rows[:, -1, -1]
        if not np.isfinite(complete).all():  # times 0 that is nan, and would be everywhere
            way = slice(None, None, -1 if back else 1)
            np.add.accumulate(given[:, way], 1, None, block[:, way])
            block += 0  # never -0: sums begin with 0
        elif filled is not block:
            block[...] = filled[:, :n]
    return out
