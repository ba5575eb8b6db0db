"""Functions of each element, in one pass over memory.

NumPy has the exponential of single precision in vectors, yet each step of a formula is a pass of
its own. Here are exponentials that LLVM makes vectors of: no branches, no calls. A constant takes
the type of the numbers beside it (``of``), or all would be computed in double precision.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numba import types
from numba.extending import overload

from xpgrad_backends.numba_kernels.jit import EXACT, alike, flat, kernel, sizes

Array = Any

# ------------------------------------------------------------------ exponentials
#
# exp(x) = 2**n exp(r), where n is the integer next to x / log(2): the last digits of that plus
# 1.5 * 2**(digits - 1). The Taylor series of exp(r) - 1 ends where it no longer matters. 2**n in
# two factors reaches down to the smallest numbers, and beyond the largest.

INNER = {"fastmath": EXACT, "error_model": "numpy", "forceinline": True}
LOG2E = 1.4426950408889634


@kernel(EXACT, inner=True)
def reduced_single(x):
    """exp(r) - 1, and 2**n in two factors."""
    x = np.float32(89) if x > np.float32(89) else x
    x = np.float32(-104) if x < np.float32(-104) else x
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
    half = np.int32(whole >> 1)
    a = np.int32((half + 127) << 23).view(np.float32)
    b = np.int32((whole - half + 127) << 23).view(np.float32)
    return p, a, b


@kernel(EXACT, inner=True)
def reduced_double(x):
    """exp(r) - 1, and 2**n in two factors."""
    x = 710.0 if x > 710.0 else x
    x = -746.0 if x < -746.0 else x
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
    half = whole >> 1
    a = np.int64((half + 1023) << 52).view(np.float64)
    b = np.int64((whole - half + 1023) << 52).view(np.float64)
    return p, a, b


def reduced(x):
    """exp(r) - 1, and 2**n in two factors, in the precision of `x`."""


@overload(reduced, jit_options=INNER)
def _reduced(x):
    if x == types.float32:
        return lambda x: reduced_single(x)
    return lambda x: reduced_double(x)


@kernel(EXACT, inner=True)
def exp(x):
    """The exponential."""
    p, a, b = reduced(x)
    return (p * a + a) * b


@kernel(EXACT, inner=True)
def expm1(x):
    """exp(x) - 1, of an `x` that is not large."""
    p, a, b = reduced(x)
    return p * a * b + (a * b - type(x)(1))


@kernel(EXACT, inner=True)
def logistic(x):
    """1 / (1 + exp(-x))."""
    return type(x)(1) / (type(x)(1) + exp(-x))


# ------------------------------------------------------------------ the normal distribution
#
# Its tail is the density times Mills' ratio, which is smooth: 4 / (4 + x) times a polynomial of
# (x - 4) / (x + 4), whose largest relative error is the least: 9e-9 in single precision (up to 15,
# where the density is 0), 2e-17 in double (up to 39). The highest power comes first.


@kernel(EXACT, inner=True)
def tail_single(x):
    """The probability beyond a positive `x`, and exp(-x**2 / 2)."""
    t = np.float32(1) / (x + np.float32(4))
    u = np.float32(1) - np.float32(8) * t
    p = np.float32(-3.35491063e-5)
    p = p * u + np.float32(4.36648729e-5)
    p = p * u + np.float32(3.921017911e-4)
    p = p * u + np.float32(-8.775533757e-4)
    p = p * u + np.float32(-1.881001126e-3)
    p = p * u + np.float32(1.510087273e-2)
    p = p * u + np.float32(-4.6630914e-2)
    p = p * u + np.float32(9.678422908e-2)
    p = p * u + np.float32(-0.151974145)
    p = p * u + np.float32(0.1888212838)
    bell = exp(np.float32(-0.5) * x * x)
    return bell * (np.float32(4) * t * p), bell


@kernel(EXACT, inner=True)
def tail_double(x):
    """The probability beyond a positive `x`, and exp(-x**2 / 2)."""
    t = 1 / (x + 4)
    u = 1 - 8 * t
    p = -2.99126234010087339e-10
    p = p * u - 8.47656077529299355e-11
    p = p * u + 3.654681535304137e-9
    p = p * u + 4.01725742009556312e-9
    p = p * u - 1.93024646099770279e-8
    p = p * u - 3.91478251054018273e-8
    p = p * u + 6.60385530612133993e-8
    p = p * u + 2.55464021567903866e-7
    p = p * u - 1.5630713624671414e-7
    p = p * u - 1.4800026062447057e-6
    p = p * u + 1.78743946670968842e-7
    p = p * u + 8.78614232360529407e-6
    p = p * u - 4.76961031921440494e-7
    p = p * u - 5.77737259030929695e-5
    p = p * u + 3.33360621421447632e-5
    p = p * u + 4.07704613315647516e-4
    p = p * u - 8.69923090403419271e-4
    p = p * u - 1.88504724160838548e-3
    p = p * u + 1.50991437226666935e-2
    p = p * u - 4.6630464489916373e-2
    p = p * u + 9.67843501855548656e-2
    p = p * u - 0.151974160492973012
    p = p * u + 0.18882128260393787
    bell = exp(-0.5 * x * x)
    return bell * (4 * t * p), bell


def tail(x):
    """The probability beyond a positive `x`, and exp(-x**2 / 2), in the precision of `x`."""


@overload(tail, jit_options=INNER)
def _tail(x):
    if x == types.float32:
        return lambda x: tail_single(x)
    return lambda x: tail_double(x)


# ------------------------------------------------------------------ kernels of elements


@kernel(EXACT)
def sigmoids(x, out):
    for i in range(x.size):
        out[i] = logistic(x[i])


@kernel(EXACT)
def silus(x, out):
    of = x.dtype.type
    for i in range(x.size):
        out[i] = x[i] / (of(1) + exp(-x[i]))


@kernel(EXACT)
def silu_gradients(g, x, out):
    of = x.dtype.type
    for i in range(x.size):
        s = logistic(x[i])
        out[i] = g[i] * (s + x[i] * s * (of(1) - s))


@kernel(EXACT)
def gelus(x, out):
    of = x.dtype.type
    for i in range(x.size):
        beyond, _ = tail(abs(x[i]))
        out[i] = x[i] * (of(1) - beyond if x[i] > of(0) else beyond)


@kernel(EXACT)
def gelu_gradients(g, x, out):
    of = x.dtype.type
    for i in range(x.size):
        beyond, bell = tail(abs(x[i]))
        share = of(1) - beyond if x[i] > of(0) else beyond
        out[i] = g[i] * (share + x[i] * bell * of(0.3989422804014327))


@kernel(EXACT)
def tanh_gelus(x, out):
    of = x.dtype.type
    for i in range(x.size):  # (1 + tanh(u)) / 2 is the logistic function of 2 u
        u = x[i] * (of(1) + of(0.044715) * x[i] * x[i])
        out[i] = x[i] * logistic(of(1.5957691216057308) * u)


@kernel(EXACT)
def tanh_gelu_gradients(g, x, out):
    of = x.dtype.type
    for i in range(x.size):
        square = x[i] * x[i]
        s = logistic(of(1.5957691216057308) * x[i] * (of(1) + of(0.044715) * square))
        slope = of(1.5957691216057308) * (of(1) + of(0.134145) * square)
        out[i] = g[i] * (s + x[i] * s * (of(1) - s) * slope)


@kernel(EXACT)
def elus(x, above, below, inner, out):
    of = x.dtype.type
    above, below, inner = of(above), of(below), of(inner)
    for i in range(x.size):
        out[i] = x[i] * above if x[i] > of(0) else expm1(x[i] * inner) * below


@kernel(EXACT)
def elu_gradients(g, x, above, below, inner, out):
    of = x.dtype.type
    above, below, inner = of(above), of(below * inner), of(inner)
    for i in range(x.size):
        out[i] = g[i] * (below * exp(x[i] * inner) if x[i] <= of(0) else above)


@kernel(EXACT)
def leaky_relus(x, slope, out):
    of = x.dtype.type
    slope = of(slope)
    for i in range(x.size):
        out[i] = x[i] if x[i] > of(0) else x[i] * slope


@kernel(EXACT)
def leaky_relu_gradients(g, x, slope, out):
    of = x.dtype.type
    slope = of(slope)
    for i in range(x.size):
        out[i] = g[i] if x[i] > of(0) else g[i] * slope


@kernel(EXACT)
def hardswishes(x, out):
    of = x.dtype.type
    for i in range(x.size):
        gate = x[i] + of(3)
        gate = of(0) if gate < of(0) else gate
        gate = of(6) if gate > of(6) else gate
        out[i] = gate * x[i] * of(1 / 6)


@kernel(EXACT)
def hardswish_gradients(g, x, out):
    of = x.dtype.type
    for i in range(x.size):
        inner = g[i] * (x[i] * of(1 / 3) + of(0.5)) if x[i] < of(3) else g[i]
        out[i] = of(0) if x[i] <= of(-3) else inner


@kernel(EXACT)
def hardtanh_gradients(g, x, low, high, out):
    of = x.dtype.type
    low, high = of(low), of(high)
    for i in range(x.size):
        out[i] = of(0) if (x[i] <= low) | (x[i] >= high) else g[i]


@kernel(EXACT)
def hardsigmoids(x, out):
    of = x.dtype.type
    for i in range(x.size):
        line = x[i] + of(3)
        line = of(0) if line < of(0) else line
        line = of(6) if line > of(6) else line
        out[i] = line * of(1 / 6)


@kernel(EXACT)
def hardsigmoid_gradients(g, x, out):
    of = x.dtype.type
    for i in range(x.size):
        out[i] = g[i] / of(6) if (x[i] > of(-3)) & (x[i] < of(3)) else of(0)


@kernel(EXACT)
def shrunk_gradients(g, x, width, out):
    of = x.dtype.type
    width = of(width)
    for i in range(x.size):
        out[i] = of(0) if abs(x[i]) <= width else g[i]


@kernel(EXACT)
def softshrinks(x, width, out):
    of = x.dtype.type
    width = of(width)
    for i in range(x.size):
        moved = x[i] - width if x[i] > of(0) else x[i] + width
        out[i] = x[i] * of(0) if abs(x[i]) <= width else moved


@kernel(EXACT)
def bents(x, bound, out):
    of = x.dtype.type
    bound = of(bound)
    for i in range(x.size):
        within = bound if x[i] > bound else x[i]
        within = -bound if within < -bound else within
        out[i] = (x[i] - within * of(0.5)) * within


@kernel(EXACT)
def thresholds(x, bound, value, out):
    of = x.dtype.type
    bound, value = of(bound), of(value)
    for i in range(x.size):
        out[i] = value if x[i] <= bound else x[i]


@kernel(EXACT)
def threshold_gradients(g, x, bound, out):
    of = x.dtype.type
    bound = of(bound)
    for i in range(x.size):
        out[i] = of(0) if x[i] <= bound else g[i]


@kernel(EXACT)
def complements(x, out):
    """1 - erf(x), by the normal distribution's tail: in double precision, for its exponential."""
    of = x.dtype.type
    for i in range(x.size):
        beyond, _ = tail_double(abs(np.float64(x[i])) * 1.4142135623730951)
        out[i] = of(2 * beyond if x[i] > of(0) else 2 - 2 * beyond)


@kernel(EXACT)
def gated(x, out, lines, n):
    """The first half of each line times the sigmoid of the second."""
    n = np.uintp(n)
    for i in range(np.uintp(lines)):
        start, to = i * np.uintp(2) * n, i * n
        for j in range(n):
            out[to + j] = x[start + j] * logistic(x[start + n + j])


@kernel(EXACT)
def gated_gradients(g, x, out, lines, n):
    one, n = x.dtype.type(1), np.uintp(n)
    for i in range(np.uintp(lines)):
        start, to = i * np.uintp(2) * n, i * n
        for j in range(n):
            s = logistic(x[start + n + j])
            part = g[to + j] * s
            out[start + j] = part
            out[start + n + j] = part * x[start + j] * (one - s)


# ------------------------------------------------------------------ what the namespace calls


def of_each(run: Any, *arrays: Array, settings: tuple[float, ...] = ()) -> Array | None:
    """What a kernel makes of elements; `None` where it is not made for the arrays."""
    shape = arrays[0].shape
    if not alike(*arrays) or any(a.shape != shape for a in arrays):
        return None
    out = np.empty(shape, arrays[0].dtype)
    run(*map(flat, arrays), *settings, out.reshape(-1))
    return out


sigmoid = functools.partial(of_each, sigmoids)
erfc = functools.partial(of_each, complements)
silu = functools.partial(of_each, silus)
silu_gradient = functools.partial(of_each, silu_gradients)
hardsigmoid = functools.partial(of_each, hardsigmoids)
hardsigmoid_gradient = functools.partial(of_each, hardsigmoid_gradients)
hardswish = functools.partial(of_each, hardswishes)
hardswish_gradient = functools.partial(of_each, hardswish_gradients)


def gelu(x: Array, approximate: str) -> Array | None:
    return of_each(gelus if approximate == "none" else tanh_gelus, x)


def gelu_gradient(g: Array, x: Array, approximate: str) -> Array | None:
    return of_each(gelu_gradients if approximate == "none" else tanh_gelu_gradients, g, x)


def leaky_relu(x: Array, slope: float) -> Array | None:
    return of_each(leaky_relus, x, settings=(float(slope),))


def leaky_relu_gradient(g: Array, x: Array, slope: float) -> Array | None:
    return of_each(leaky_relu_gradients, g, x, settings=(float(slope),))


def hardtanh_gradient(g: Array, x: Array, low: float, high: float) -> Array | None:
    return of_each(hardtanh_gradients, g, x, settings=(float(low), float(high)))


def hardshrink(x: Array, width: float) -> Array | None:
    return of_each(shrunk_gradients, x, x, settings=(float(width),))


def softshrink(x: Array, width: float) -> Array | None:
    return of_each(softshrinks, x, settings=(float(width),))


def shrink_gradient(g: Array, x: Array, width: float) -> Array | None:
    return of_each(shrunk_gradients, g, x, settings=(float(width),))


def bent(x: Array, bound: float) -> Array | None:
    return of_each(bents, x, settings=(float(bound),))


def threshold(x: Array, bound: float, value: float) -> Array | None:
    return of_each(thresholds, x, settings=(float(bound), float(value)))


def threshold_gradient(g: Array, x: Array, bound: float) -> Array | None:
    return of_each(threshold_gradients, g, x, settings=(float(bound),))


def glu(x: Array, axis: int) -> Array | None:
    lines, n, width = sizes(x.shape, axis)
    if not alike(x):
        return None
    out = np.empty((*x.shape[:axis], n // 2, *x.shape[axis + 1 :]), x.dtype)
    gated(flat(x), out.reshape(-1), lines, n // 2 * width)
    return out


def glu_gradient(g: Array, x: Array, axis: int) -> Array | None:
    lines, n, width = sizes(x.shape, axis)
    if not alike(g, x):
        return None
    out = np.empty(x.shape, x.dtype)
    gated_gradients(flat(g), flat(x), out.reshape(-1), lines, n // 2 * width)
    return out


def elu(x: Array, alpha: float, scale: float, inner: float) -> Array | None:
    settings = (float(scale), float(alpha * scale), float(inner))
    return of_each(elus, x, settings=settings) if inner > 0 else None


def elu_gradient(g: Array, x: Array, alpha: float, scale: float, inner: float) -> Array | None:
    settings = (float(scale), float(alpha * scale), float(inner))
    return of_each(elu_gradients, g, x, settings=settings) if inner > 0 else None
