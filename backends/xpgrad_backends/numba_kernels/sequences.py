"""Sums over the ways that labels are spread over sequences, step by step.

The places of all sequences (each label, and the blanks around it) lie one behind the other, with
two before each sequence that no path leads to. So a step is one loop over all of them, of which
LLVM makes vectors.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numba.extending import overload

from xpgrad.sequences import NEVER
from xpgrad_backends.numba_kernels.jit import EXACT, SUMS, alike, flat, kernel

Array = Any
GUARDS = 2


# exp(x) of what is not positive, as in `pointwise` but for the smallest numbers, which become 0. It
# stands here too, for a cache of compiled functions looks at the time of one file alone.

INNER = {"fastmath": EXACT, "error_model": "numpy", "forceinline": True}
LOG2E = 1.4426950408889634


@kernel(EXACT, inner=True)
def power_single(x):
    """The exponential of a number that is not positive."""
    low = x < np.float32(-87)
    x = np.float32(-87) if low else x
    digits = x * np.float32(LOG2E) + np.float32(12582912)
    n = digits - np.float32(12582912)
    r = (x - n * np.float32(0.693145751953125)) - n * np.float32(1.428606765330187e-06)
    p = np.float32(1 / 5040)
    p = p * r + np.float32(1 / 720)
    p = p * r + np.float32(1 / 120)
    p = p * r + np.float32(1 / 24)
    p = p * r + np.float32(1 / 6)
    p = p * r + np.float32(1 / 2)
    p = p * r * r + r
    whole = np.int32(np.float32(digits).view(np.int32) - 0x4B400000)
    a = np.int32((whole + 127) << 23).view(np.float32)
    return np.float32(0) if low else p * a + a


@kernel(EXACT, inner=True)
def power_double(x):
    """The exponential of a number that is not positive."""
    low = x < -708.0
    x = -708.0 if low else x
    digits = x * LOG2E + 6755399441055744.0
    n = digits - 6755399441055744.0
    r = (x - n * 0.6931471803691238) - n * 1.9082149292705877e-10
    p = 1 / 6227020800
    p = p * r + 1 / 479001600
    p = p * r + 1 / 39916800
    p = p * r + 1 / 3628800
    p = p * r + 1 / 362880
    p = p * r + 1 / 40320
    p = p * r + 1 / 5040
    p = p * r + 1 / 720
    p = p * r + 1 / 120
    p = p * r + 1 / 24
    p = p * r + 1 / 6
    p = p * r + 1 / 2
    p = p * r * r + r
    whole = np.float64(digits).view(np.int64) - 0x4338000000000000
    a = np.int64((whole + 1023) << 52).view(np.float64)
    return 0.0 if low else p * a + a


# log(y) of a `y` from 1 to 3, or of half of it: twice the inverse hyperbolic tangent of
# (y - 1) / (y + 1), by its series.


@kernel(EXACT, inner=True)
def log_single(y):
    """The logarithm of a number from 1 to 3."""
    large = y > np.float32(1.7320508)
    y = y * np.float32(0.5) if large else y
    z = (y - np.float32(1)) / (y + np.float32(1))
    w = z * z
    p = np.float32(1 / 13)
    p = p * w + np.float32(1 / 11)
    p = p * w + np.float32(1 / 9)
    p = p * w + np.float32(1 / 7)
    p = p * w + np.float32(1 / 5)
    p = p * w + np.float32(1 / 3)
    p = np.float32(2) * (z * w * p + z)
    return p + (np.float32(0.6931471805599453) if large else np.float32(0))


@kernel(EXACT, inner=True)
def log_double(y):
    """The logarithm of a number from 1 to 3."""
    large = y > 1.7320508075688772
    y = y * 0.5 if large else y
    z = (y - 1) / (y + 1)
    w = z * z
    p = 1 / 29
    p = p * w + 1 / 27
    p = p * w + 1 / 25
    p = p * w + 1 / 23
    p = p * w + 1 / 21
    p = p * w + 1 / 19
    p = p * w + 1 / 17
    p = p * w + 1 / 15
    p = p * w + 1 / 13
    p = p * w + 1 / 11
    p = p * w + 1 / 9
    p = p * w + 1 / 7
    p = p * w + 1 / 5
    p = p * w + 1 / 3
    return 2 * (z * w * p + z) + (0.6931471805599453 if large else 0.0)


def power(x):
    """The exponential, in the precision of `x`."""


def log(y):
    """The logarithm of a number from 1 to 3, in the precision of `y`."""


@overload(power, jit_options=INNER)
def _power(x):
    if x == types.float32:
        return lambda x: power_single(x)
    return lambda x: power_double(x)


@overload(log, jit_options=INNER)
def _log(y):
    if y == types.float32:
        return lambda y: log_single(y)
    return lambda y: log_double(y)


@kernel(EXACT, inner=True)
def either(a, b, c):
    """The logarithm of the sum of three exponentials."""
    top = b if b > a else a
    top = c if c > top else top
    return top + log(power(a - top) + power(b - top) + power(c - top))


@kernel(EXACT, inner=True)
def arranged(labels, lengths, blank, width, classes, index, skips):
    """Which class a place has, as a position in a step, and what it takes to skip that before."""
    index[:] = -1
    skips[:] = NEVER
    for r in range(lengths.size):
        start = r * width + GUARDS
        for s in range(width - GUARDS):
            label = blank
            if s % 2 == 1 and s // 2 < lengths[r]:
                label = labels[r, s // 2]
                before = labels[r, s // 2 - 1] if s > 1 else blank
                if label != blank and label != before:
                    skips[start + s] = 0
            index[start + s] = r * classes + label


@kernel(EXACT, inner=True)
def emitted(x, step, index, out):
    """The log-probabilities of all places at a step."""
    of = x.dtype.type
    for i in range(index.size):
        value = x[step, max(index[i], 0)]
        value = of(NEVER) if value < of(NEVER) or index[i] < 0 else value
        out[i] = value


@kernel(EXACT, inner=True)
def log_total(last, start, length):
    """The logarithm of the sum over both ends."""
    a = last[start + 2 * length]
    b = last[start + 2 * length - 1] if length else last[start + 1]
    if not length:
        return a
    top = b if b > a else a
    return top + np.log(np.exp(a - top) + np.exp(b - top))


@kernel(SUMS)
def paths(x, labels, steps, lengths, blank, classes, total, taken):
    """The log-probabilities of all paths; with `taken`, the shares of all steps and classes."""
    count, n, of = x.shape[0], lengths.size, x.dtype.type
    width = 2 * labels.shape[1] + 1 + GUARDS
    size = n * width
    index, skips = np.empty(size, np.int64), np.empty(size, x.dtype)
    arranged(labels, lengths, blank, width, classes, index, skips)
    rows = count if taken.size else min(count, 1)
    alphas = np.empty((rows + 1, size), x.dtype)
    here, before = np.empty(size, x.dtype), np.empty(size, x.dtype)
    before[:] = of(NEVER)
    for r in range(n):
        before[r * width + GUARDS] = of(0)
    alphas[:, :GUARDS] = of(NEVER)
    for t in range(count):
        emitted(x, t, index, here)
        now = alphas[t if taken.size else 0]
        for i in range(np.uintp(GUARDS), np.uintp(size)):
            a, b, c = before[i], before[i - np.uintp(1)], before[i - np.uintp(2)]
            c = c if skips[i] == of(0) else of(NEVER)
            now[i] = either(a, b, c) + here[i]
        for r in range(n):
            if steps[r] <= t:
                for i in range(r * width, (r + 1) * width):
                    now[i] = before[i]
        before[:] = now
    for r in range(n):
        total[r] = log_total(before, r * width + GUARDS, lengths[r])
    if not taken.size:
        return
    over, sums = np.empty(size, x.dtype), np.empty(size, x.dtype)
    over[:] = of(NEVER)
    for r in range(n):
        start = r * width + GUARDS
        over[start + 2 * lengths[r]] = of(0)
        if lengths[r]:
            over[start + 2 * lengths[r] - 1] = of(0)
        sums[r * width : (r + 1) * width] = total[r]
    now, then = over.copy(), np.empty(size + 2, x.dtype)
    then[size:] = of(NEVER)
    free = np.empty(size + 2, x.dtype)
    free[:size], free[size:] = skips, of(NEVER)
    for t in range(count - 1, -1, -1):
        if t + 1 < count:
            emitted(x, t + 1, index, here)
            for i in range(size):
                then[i] = now[i] + here[i]
            for i in range(np.uintp(size)):
                c = then[i + np.uintp(2)] if free[i + np.uintp(2)] == of(0) else of(NEVER)
                now[i] = either(then[i], then[i + np.uintp(1)], c)
            for r in range(n):
                if steps[r] <= t + 1:
                    for i in range(r * width, (r + 1) * width):
                        now[i] = over[i]
        alpha = alphas[t]
        for i in range(size):
            ways = alpha[i] + now[i] - sums[i]
            here[i] = power(of(0) if ways > of(0) else ways)
        for i in range(size):
            if index[i] >= 0:
                taken[t, index[i]] += here[i]


# ------------------------------------------------------------------ what the namespace calls


def found(
    x: Array, labels: Array, steps: Array, lengths: Array, blank: int, shares: bool
) -> tuple[Array, Array] | None:
    """Log-probabilities and, if they are asked for, shares."""
    count, n, classes = x.shape
    if not alike(x) or not n or any(a.dtype != np.int64 for a in (labels, steps, lengths)):
        return None
    total = np.empty(n, x.dtype)
    taken = np.zeros(x.shape if shares else (0, n, classes), x.dtype)
    given = (flat(a).reshape(a.shape) for a in (labels, steps, lengths))
    steps_of = flat(x).reshape(count, n * classes)
    paths(steps_of, *given, int(blank), classes, total, taken.reshape(-1, n * classes))
    return total, taken


def ctc_paths(x: Array, labels: Array, steps: Array, lengths: Array, blank: int) -> Array | None:
    """The log-probability of all paths."""
    made = found(x, labels, steps, lengths, blank, False)
    return None if made is None else made[0]


def ctc_shares(
    x: Array, labels: Array, steps: Array, lengths: Array, blank: int
) -> tuple[Array, Array] | None:
    """The same, and for each step and class the share of the paths that are there then."""
    return found(x, labels, steps, lengths, blank, True)
