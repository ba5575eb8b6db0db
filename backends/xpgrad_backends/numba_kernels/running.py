"""What runs along an axis: sums, products, extrema, and a recurrence from the end.

Arrays are shaped (before, along, after) here, and flat. Along the last axis, four lines go side by
side, for each step waits for the one before; along others, blocks of neighbours do. Single
precision is added up in double.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from xpgrad_backends.numba_kernels.jit import EXACT, alike, flat, kernel, sizes

Array = Any
BLOCK = 512


@kernel(EXACT, inner=True)
def step(s, v, product):
    return s * v if product else s + v


@kernel(EXACT, inner=True)
def lines(x, out, count, n, back, product):
    """Sums or products along lines."""
    start, kind = 1.0 if product else 0.0, x.dtype.type
    way, length = np.uintp(-1 if back else 1), np.uintp(n)
    done = 0
    while done < count:
        a = np.uintp(done * n + (n - 1 if back else 0))
        if count - done >= 4:
            b, c, d = a + length, a + length * np.uintp(2), a + length * np.uintp(3)
            s0 = s1 = s2 = s3 = start
            for _ in range(n):
                s0, s1 = step(s0, x[a], product), step(s1, x[b], product)
                s2, s3 = step(s2, x[c], product), step(s3, x[d], product)
                out[a], out[b], out[c], out[d] = kind(s0), kind(s1), kind(s2), kind(s3)
                a += way
                b += way
                c += way
                d += way
            done += 4
        else:
            s0 = start
            for _ in range(n):
                s0 = step(s0, x[a], product)
                out[a] = kind(s0)
                a += way
            done += 1


@kernel(EXACT, inner=True)
def slices(x, out, before, n, after, back, product):
    """Sums or products of slices."""
    kind, total = x.dtype.type, np.empty(min(after, BLOCK), np.float64)
    for i in range(before):
        for first in range(0, after, BLOCK):
            width = np.uintp(min(after - first, BLOCK))
            total[:] = 1.0 if product else 0.0
            for k in range(n):
                at = np.uintp((i * n + (n - 1 - k if back else k)) * after + first)
                for j in range(width):
                    s = step(total[j], x[at + j], product)
                    total[j] = s
                    out[at + j] = kind(s)


@kernel(EXACT)
def sums(x, out, before, n, after, back):
    if after == 1:
        lines(x, out, before, n, back, False)
    else:
        slices(x, out, before, n, after, back, False)


@kernel(EXACT)
def products(x, out, before, n, after):
    if after == 1:
        lines(x, out, before, n, False, True)
    else:
        slices(x, out, before, n, after, False, True)


@kernel(EXACT)
def carry(x, factor, out, before, n, after):
    """``s[k] = x[k] + factor[k] * s[k + 1]``, where `factor` is one shorter."""
    kind, last = x.dtype.type, n - 1
    if after == 1:
        done, length = 0, np.uintp(n)
        while done < before:
            a = np.uintp(done * n + last)
            f = np.uintp(done * last + last)
            if before - done >= 4:
                b, c, d = a + length, a + length * np.uintp(2), a + length * np.uintp(3)
                one = np.uintp(last)
                s0, s1, s2, s3 = float(x[a]), float(x[b]), float(x[c]), float(x[d])
                out[a], out[b], out[c], out[d] = x[a], x[b], x[c], x[d]
                for _ in range(last):
                    a -= np.uintp(1)
                    b -= np.uintp(1)
                    c -= np.uintp(1)
                    d -= np.uintp(1)
                    f -= np.uintp(1)
                    s0 = x[a] + factor[f] * s0
                    s1 = x[b] + factor[f + one] * s1
                    s2 = x[c] + factor[f + one * np.uintp(2)] * s2
                    s3 = x[d] + factor[f + one * np.uintp(3)] * s3
                    out[a], out[b], out[c], out[d] = kind(s0), kind(s1), kind(s2), kind(s3)
                done += 4
            else:
                s0 = float(x[a])
                out[a] = x[a]
                for _ in range(last):
                    a -= np.uintp(1)
                    f -= np.uintp(1)
                    s0 = x[a] + factor[f] * s0
                    out[a] = kind(s0)
                done += 1
        return
    total = np.empty(min(after, BLOCK), np.float64)
    for i in range(before):
        for first in range(0, after, BLOCK):
            width = np.uintp(min(after - first, BLOCK))
            at = np.uintp((i * n + last) * after + first)
            for j in range(width):
                total[j] = out[at + j] = x[at + j]
            for k in range(last - 1, -1, -1):
                at = np.uintp((i * n + k) * after + first)
                f = np.uintp((i * last + k) * after + first)
                for j in range(width):
                    s = x[at + j] + factor[f + j] * total[j]
                    total[j] = s
                    out[at + j] = kind(s)


@kernel(EXACT, inner=True)
def later(best, found, v, k, largest):
    """The extremum so far and its place, after one more element."""
    newer = (v >= best if largest else v <= best) or v != v
    return (v, k) if newer else (best, found)


@kernel(EXACT, inner=True)
def extrema(x, out, before, n, after, largest):
    best, found = np.empty(min(after, BLOCK), x.dtype), np.empty(min(after, BLOCK), np.int64)
    for i in range(before):
        for first in range(0, after, BLOCK):
            width = np.uintp(min(after - first, BLOCK))
            at = np.uintp(i * n * after + first)
            for j in range(width):
                best[j], found[j] = x[at + j], 0
                out[at + j] = 0
            for k in range(1, n):
                at = np.uintp((i * n + k) * after + first)
                for j in range(width):
                    best[j], found[j] = later(best[j], found[j], x[at + j], k, largest)
                    out[at + j] = found[j]


@kernel(EXACT, inner=True)
def line_extrema(x, out, count, n, largest):
    """The same along lines."""
    length, done = np.uintp(n), 0
    while done < count:
        a = np.uintp(done * n)
        if count - done >= 4:
            b, c, d = a + length, a + length * np.uintp(2), a + length * np.uintp(3)
            s0, s1, s2, s3 = x[a], x[b], x[c], x[d]
            p0 = p1 = p2 = p3 = 0
            for k in range(n):
                s0, p0 = later(s0, p0, x[a], k, largest)
                s1, p1 = later(s1, p1, x[b], k, largest)
                s2, p2 = later(s2, p2, x[c], k, largest)
                s3, p3 = later(s3, p3, x[d], k, largest)
                out[a], out[b], out[c], out[d] = p0, p1, p2, p3
                a += np.uintp(1)
                b += np.uintp(1)
                c += np.uintp(1)
                d += np.uintp(1)
            done += 4
        else:
            s0, p0 = x[a], 0
            for k in range(n):
                s0, p0 = later(s0, p0, x[a], k, largest)
                out[a] = p0
                a += np.uintp(1)
            done += 1


@kernel(EXACT)
def places(x, out, before, n, after, largest):
    if after == 1:
        if largest:
            line_extrema(x, out, before, n, True)
        else:
            line_extrema(x, out, before, n, False)
    elif largest:
        extrema(x, out, before, n, after, True)
    else:
        extrema(x, out, before, n, after, False)


# ------------------------------------------------------------------ what the namespace calls


def running_sums(x: Array, axis: int) -> Array | None:
    """The sums so far."""
    if not alike(x):
        return None
    out = np.empty(x.shape, x.dtype)
    sums(flat(x), out.reshape(-1), *sizes(x.shape, axis), False)
    return out


def running_products(x: Array, axis: int) -> Array | None:
    """The products so far."""
    if not alike(x):
        return None
    out = np.empty(x.shape, x.dtype)
    products(flat(x), out.reshape(-1), *sizes(x.shape, axis))
    return out


def carried_back(x: Array, factor: Array | None, axis: int) -> Array | None:
    """See `xpgrad.fused`."""
    if not alike(x, factor):
        return None
    out = np.empty(x.shape, x.dtype)
    how = sizes(x.shape, axis)
    if factor is None:
        sums(flat(x), out.reshape(-1), *how, True)
    elif factor.shape != (*x.shape[:axis], max(how[1] - 1, 0), *x.shape[axis + 1 :]):
        return None
    elif out.size:
        carry(flat(x), flat(factor), out.reshape(-1), *how)
    return out


def running_places(x: Array, axis: int, largest: bool) -> Array | None:
    """Where the largest (smallest) element so far is: the last of equal ones, or of nan."""
    if not alike(x):
        return None
    out = np.empty(x.shape, np.int64)
    if out.size:
        places(flat(x), out.reshape(-1), *sizes(x.shape, axis), largest)
    return out
