"""Numbers read, written and added at places along an axis.

Arrays are shaped (before, along, after) here, and flat: `n` places exist along the axis, `m` are
named. A negative one counts from the end. Where numbers only move, their bits do.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from xpgrad_backends.numba_kernels.jit import EXACT, alike, flat, kernel, moved, sizes

Array = Any


@kernel(EXACT, inner=True)
def known(places, at, count, n):
    """Whether so many places from one on exist, and whether all count from the start.

    Without a way out the loop is one of vectors, and the one that moves numbers needs no check.
    """
    low, outside = False, False
    for k in range(np.uintp(count)):
        p = places[at + k]
        low |= p < 0
        outside |= (p >= n) | (p < -n)
    return not outside, not low


@kernel(EXACT, inner=True)
def place(p, n, plain):
    return np.uintp(p if plain or p >= 0 else p + n)


@kernel(EXACT, inner=True)
def read_part(x, begin, places, at, out, n, m, after, plain):
    wide = np.uintp(after)
    if after == 1:
        for k in range(np.uintp(m)):
            out[at + k] = x[begin + place(places[at + k], n, plain)]
        return
    for _ in range(m):
        for j in range(wide):
            out[at + j] = x[begin + place(places[at + j], n, plain) * wide + j]
        at += wide


@kernel(EXACT)
def read(x, places, out, before, n, m, after):
    """One number for each place; `False` where one does not exist."""
    at = np.uintp(0)
    for i in range(before):
        begin = np.uintp(i * n * after)
        fine, plain = known(places, at, m * after, n)
        if not fine:
            return False
        if plain:
            read_part(x, begin, places, at, out, n, m, after, True)
        else:
            read_part(x, begin, places, at, out, n, m, after, False)
        at += np.uintp(m * after)
    return True


@kernel(EXACT)
def write(out, places, values, before, n, m, after):
    """One number to each place; the last one for a place stays. All have to exist."""
    wide, at = np.uintp(after), np.uintp(0)
    for i in range(before):
        begin = np.uintp(i * n * after)
        for _ in range(m):
            for j in range(wide):
                out[begin + place(places[at], n, False) * wide + j] = values[at]
                at += np.uintp(1)


@kernel(EXACT)
def add(out, places, values, before, n, m, after):
    """One number added at each place; `False` where one does not exist."""
    wide, at = np.uintp(after), np.uintp(0)
    for i in range(before):
        begin = np.uintp(i * n * after)
        if not known(places, at, m * after, n)[0]:
            return False
        if after == 1:
            for _ in range(m):
                out[begin + place(places[at], n, False)] += values[at]
                at += np.uintp(1)
            continue
        for _ in range(m):
            for j in range(wide):
                out[begin + place(places[at], n, False) * wide + j] += values[at]
                at += np.uintp(1)
    return True


@kernel(EXACT)
def add_slices(out, places, values, before, n, m, after):
    """A run of numbers added at each place, the same places each time; `False` as above."""
    wide = np.uintp(after)
    if not known(places, np.uintp(0), m, n)[0]:
        return False
    for i in range(before):
        begin, at = np.uintp(i * n * after), np.uintp(i * m * after)
        for k in range(np.uintp(m)):
            p = place(places[k], n, False)
            if after == 1:
                out[begin + p] += values[at + k]
                continue
            to, of = begin + p * wide, at + k * wide
            for j in range(wide):
                out[to + j] += values[of + j]
    return True


@kernel(EXACT)
def write_slices(out, places, values, before, n, m, after, single):
    """A run of numbers to each place, or one and the same; all have to exist."""
    wide, one = np.uintp(after), values[0]
    for i in range(before):
        begin, at = np.uintp(i * n * after), np.uintp(i * m * after)
        for k in range(np.uintp(m)):
            to, of = begin + place(places[k], n, False) * wide, at + k * wide
            if single:
                for j in range(wide):
                    out[to + j] = one
            else:
                for j in range(wide):
                    out[to + j] = values[of + j]


@kernel(EXACT, inner=True)
def combined(a, b, how):
    """Their product, the larger one or the smaller one; nan if one of them is."""
    if how == 0:
        return a * b
    if how == 1:
        return a if a >= b or a != a else b
    return a if a <= b or a != a else b


@kernel(EXACT, inner=True)
def combine_in(out, places, values, before, n, m, after, how):
    wide, at = np.uintp(after), np.uintp(0)
    for i in range(before):
        begin = np.uintp(i * n * after)
        if after == 1:
            for _ in range(m):
                to = begin + place(places[at], n, False)
                out[to] = combined(out[to], values[at], how)
                at += np.uintp(1)
            continue
        for _ in range(m):
            for j in range(wide):
                to = begin + place(places[at], n, False) * wide + j
                out[to] = combined(out[to], values[at], how)
                at += np.uintp(1)


@kernel(EXACT)
def combine(out, places, values, before, n, m, after, how):
    """One number combined with that at each place; `False` where one does not exist."""
    if not known(places, np.uintp(0), places.size, n)[0]:
        return False
    if how == 0:
        combine_in(out, places, values, before, n, m, after, 0)
    elif how == 1:
        combine_in(out, places, values, before, n, m, after, 1)
    else:
        combine_in(out, places, values, before, n, m, after, 2)
    return True


@kernel(EXACT, inner=True)
def combine_slices_in(out, places, values, before, n, m, after, how):
    wide = np.uintp(after)
    for i in range(before):
        begin, at = np.uintp(i * n * after), np.uintp(i * m * after)
        for k in range(np.uintp(m)):
            to, of = begin + place(places[k], n, False) * wide, at + k * wide
            for j in range(wide):
                out[to + j] = combined(out[to + j], values[of + j], how)


@kernel(EXACT)
def combine_slices(out, places, values, before, n, m, after, how):
    """A run of numbers combined with those at each place; `False` as above."""
    if not known(places, np.uintp(0), m, n)[0]:
        return False
    if how == 0:
        combine_slices_in(out, places, values, before, n, m, after, 0)
    elif how == 1:
        combine_slices_in(out, places, values, before, n, m, after, 1)
    else:
        combine_slices_in(out, places, values, before, n, m, after, 2)
    return True


@kernel(EXACT)
def ends_of(x):
    low = high = x[0]
    for k in range(np.uintp(x.size)):
        low, high = min(low, x[k]), max(high, x[k])
    return low, high


# ------------------------------------------------------------------ what the namespace calls


def extrema(x: Array) -> tuple[int, int] | None:
    """The least and the greatest of integers."""
    if x.dtype.kind not in "iu" or not x.flags.carray:
        return None
    low, high = ends_of(x.reshape(-1))
    return int(low), int(high)


def fits(places: Array, shape: tuple[int, ...], axis: int) -> bool:
    """Whether there are places for everything else, none of them in an odd type."""
    have = places.shape
    return (
        places.dtype.kind in "iu"
        and len(have) == len(shape)
        and have[:axis] == shape[:axis]
        and have[axis + 1 :] == shape[axis + 1 :]
    )


def summed(x: Array) -> bool:
    """Whether it is for kernels to add numbers of this type up."""
    return alike(x) or x.dtype == np.int64


def flat_places(places: Array) -> Array:
    return flat(places.astype(np.intp, copy=False))


def taken_along(x: Array, places: Array, axis: int) -> Array | None:
    """An element for each place along an axis; `None` where one does not exist, for example."""
    bits = moved(x)
    if bits is None or not fits(places, x.shape, axis):
        return None
    if x.size > 4 * places.size and not x.flags.carray:
        return None  # copied for a few
    before, n, after = sizes(x.shape, axis)
    out = np.empty(places.shape, x.dtype)
    found, given = out.view(bits).reshape(-1), flat(x).view(bits)
    done = read(given, flat_places(places), found, before, n, places.shape[axis], after)
    return out if done else None


def written_along(x: Array, places: Array, values: Array, axis: int) -> bool | None:
    """Whether values have been written to `x` itself, at places that exist, along an axis."""
    bits = moved(x)
    if bits is None or not fits(places, x.shape, axis) or not x.flags.carray:
        return None
    if values.dtype != x.dtype or values.shape != places.shape:
        return None
    before, n, after = sizes(x.shape, axis)
    out, given = x.reshape(-1).view(bits), flat(values).view(bits)
    write(out, flat_places(places), given, before, n, places.shape[axis], after)
    return True


def slices_written(x: Array, places: Array, values: Array, axis: int) -> bool | None:
    """Whether slices, or one number, have been written to `x` itself along an axis.

    All places have to exist.
    """
    bits, single = moved(x), values.size == 1
    if bits is None or places.dtype.kind not in "iu" or not x.flags.carray:
        return None
    if values.dtype != x.dtype or not values.size:
        return None
    before, n, after = sizes(x.shape, axis)
    if not single and values.size != before * places.size * after:
        return None
    out, given = x.reshape(-1).view(bits), flat(values).view(bits)
    write_slices(out, flat_places(places), given, before, n, places.size, after, single)
    return True


def added_along(values: Array, places: Array, shape: tuple[int, ...], axis: int) -> Array | None:
    """Zeros with values added at places along an axis; `None` where one does not exist."""
    if not summed(values) or not fits(places, shape, axis) or values.shape != places.shape:
        return None
    before, n, after = sizes(shape, axis)
    out = np.zeros(shape, values.dtype)
    given, m = flat(values), places.shape[axis]
    done = add(out.reshape(-1), flat_places(places), given, before, n, m, after)
    return out if done else None


def slices_added(places: Array, values: Array, count: int, shape: tuple[int, ...]) -> Array | None:
    """Zeros of a shape with values added at places along an axis of length `count`.

    Values are shaped (before, along, after); `None` where a place does not exist.
    """
    if not summed(values) or places.dtype.kind not in "iu":
        return None
    before, m, after = values.shape
    out = np.zeros(shape, values.dtype)
    given = flat(values)
    done = add_slices(out.reshape(-1), flat_places(places), given, before, count, m, after)
    return out if done else None


def rows_added(places: Array, values: Array, count: int) -> Array | None:
    """Zeros of shape (count, width) with rows of values added; `None` where nothing can be."""
    return slices_added(places, values.reshape(1, *values.shape), count, (count, values.shape[1]))


WAYS = {"multiply": 0, "maximum": 1, "minimum": 2}


def combined_along(x: Array, places: Array, values: Array, axis: int, how: str) -> Array | None:
    """`x` with a value combined with what is at each place along an axis; `None` as above.

    Places that are the same for everything else may come as one line of them.
    """
    line = places.ndim == 1 < x.ndim
    if not alike(x, values) or places.dtype.kind not in "iu":
        return None
    if not line and (values.shape != places.shape or not fits(places, x.shape, axis)):
        return None
    before, n, after = sizes(x.shape, axis)
    m = places.shape[0 if line else axis]
    if values.size != before * m * after:
        return None
    out, given = np.array(x, order="C"), flat(values)
    run = combine_slices if line else combine
    done = run(out.reshape(-1), flat_places(places), given, before, n, m, after, WAYS[how])
    return out if done else None
