"""The maxima of boxes of images.

The rows of a box are compared first, all columns at once, and then its columns.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from xpgrad_backends.numba_kernels.jit import EXACT, alike, dense, kernel

Array = Any

LANES = 16
LONG = 4 * LANES  # columns of a box: from here on they are compared in lanes


@kernel(EXACT, inner=True)
def start(best, at, row, place, count):
    """The first row."""
    for i in range(count):
        best[i], at[i] = row[i], np.int32(place) + np.int32(i)


@kernel(EXACT, inner=True)
def compare(best, at, row, place, count):
    """What is larger in a row, or is no number, takes the place of what was found before."""
    for i in range(count):
        value, here = row[i], best[i]
        better = (value > here) | (value != value)
        best[i] = value if better else here
        at[i] = np.int32(place) + np.int32(i) if better else at[i]


@kernel(EXACT, inner=True)
def chosen(best, at, first, last):
    """The best of some columns: of equal ones the first in the image, of nan the last."""
    value, place = best[first], at[first]
    for i in range(first + 1, last):
        other, there = best[i], at[i]
        better = other > value or (other == value and there < place)
        if better or (other != other and (value == value or there > place)):
            value, place = other, there
    return value, place


@kernel(EXACT, inner=True)
def lanes(best, at, columns, places):
    """Columns compared in lanes. Where rows are several, a later one may have an earlier place."""
    for i in range(LANES):
        value, here, there, mine = columns[i], best[i], places[i], at[i]
        better = (value > here) | ((value == here) & (there < mine))
        better |= (value != value) & ((here == here) | (there > mine))
        best[i] = value if better else here
        at[i] = there if better else mine


@kernel(EXACT)
def maxima(x, slices, rows, columns, out, places):
    """Of images (plane, slice, row, column); where boxes begin and end along each axis."""
    height, width = x.shape[2], x.shape[3]
    best, at = np.empty(width, x.dtype), np.empty(width, np.int32)
    lane, lane_at = np.empty(LANES, x.dtype), np.empty(LANES, np.int32)
    for n in range(x.shape[0]):
        for i in range(slices.shape[0]):
            for j in range(rows.shape[0]):
                fresh = True
                for d in range(slices[i, 0], slices[i, 1]):
                    for r in range(rows[j, 0], rows[j, 1]):
                        place = (d * height + r) * width
                        if fresh:
                            start(best, at, x[n, d, r], place, width)
                        else:
                            compare(best, at, x[n, d, r], place, width)
                        fresh = False
                for k in range(columns.shape[0]):
                    first, last = columns[k, 0], columns[k, 1]
                    if last - first < LONG:
                        value, where = chosen(best, at, first, last)
                    else:
                        for m in range(LANES):
                            lane[m], lane_at[m] = best[first + m], at[first + m]
                        for begin in range(first + LANES, last - LANES + 1, LANES):
                            lanes(lane, lane_at, best[begin:], at[begin:])
                        rest = first + (last - first) // LANES * LANES
                        value, where = chosen(lane, lane_at, 0, LANES)
                        if rest < last:
                            other, there = chosen(best, at, rest, last)
                            lane[0], lane_at[0] = value, where
                            lane[1], lane_at[1] = other, there
                            value, where = chosen(lane, lane_at, 0, 2)
                    out[n, i, j, k], places[n, i, j, k] = value, where


# ------------------------------------------------------------------ what the namespace calls


def edges(boxes: Any) -> list[Array]:
    """Where boxes begin and end, in three dimensions."""
    whole = np.array([[0, 1]])
    found = [np.stack(bounds, axis=1).astype(np.int64) for bounds in boxes.bounds]
    return [whole] * (3 - len(found)) + found


def box_maxima(x: Array, axis: int, boxes: Any) -> tuple[Array, Array] | None:
    """The maximum of each box, and where it is."""
    if not alike(x) or len(boxes.sizes) > 3 or math.prod(boxes.inputs) >= 1 << 31 or 0 in x.shape:
        return None
    more = (1,) * (3 - len(boxes.sizes))
    planes = math.prod(x.shape[:axis])
    out = np.empty((*x.shape[:axis], *boxes.sizes), x.dtype)
    places = np.empty(out.shape, np.int64)
    shape = (planes, *more, *boxes.sizes)
    given = dense(x).reshape(planes, *more, *boxes.inputs)
    maxima(given, *boxes.remembered(edges), out.reshape(shape), places.reshape(shape))
    return out, places
