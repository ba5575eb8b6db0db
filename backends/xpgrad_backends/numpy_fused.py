"""The extras of `xpgrad.fused` for large arrays, where no kernel takes them: NumPy alone.

The portable steps make an array each, and each is a walk through memory. Here blocks that the cache
holds go through all steps, written to the result and to memory that every block uses again.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from xpgrad.fused import CUBIC, INNER, Fused, roots, shaped
from xpgrad_backends import numba_kernels as kernels
from xpgrad_backends.numba_kernels import Compiled
from xpgrad_backends.numpy_memory import by_rows

Array = Any

BLOCK = 2**17  # elements; more fall out of the cache, fewer take as long as the calls for them
FEW = 2**17  # elements; below it, or a quarter of it in wide rows, the calls take what they save
WIDE = 512  # elements of a row, and of NumPy's buffer: a multiple of 16
LONG = 4096  # elements of a row; sums of more are added up in pairs, for their rounding

# erf(x) = tanh(x * p(x * x)): the polynomial whose largest error there (1.8e-7 in single precision)
# is the least, its highest power first. SciPy takes seven times as long.
ERF = (
    4.72101315e-09, 3.98253189e-08, -4.86713498e-06, 8.47872087e-05, -0.000615024289,
    -0.000195287268, 0.102769799, 1.12837927,
)  # fmt: skip
HALVES = [c * 2 ** (7.5 - k) for k, c in enumerate(ERF)]  # for x / 2 and erf(x * sqrt(1/2))

# ------------------------------------------------------------------ blocks


def unbuffered(run: Callable[..., Any], n: int, *given: Any) -> Any:
    """What a function makes of rows of `n` elements.

    Where one number goes with all of a row, or one row with all rows, newer NumPy first
    copies what is shorter than its buffer, though wide rows as they are take half as long.
    """
    if n < WIDE:
        return run(*given)
    before = np.setbufsize(WIDE)  # of this thread alone
    try:
        return run(*given)
    finally:
        np.setbufsize(before)


def in_blocks(run: Callable[..., None], out: Array, arrays: Any, spare: int = 0) -> None:
    """Fill an array of rows, or of elements, block by block.

    `run` takes a block of the result, one of each array, and `spare` blocks that it may write to.
    """
    n = math.prod(out.shape[1:])
    step = max(BLOCK // n, 1)
    room = [np.empty((min(step, len(out)), *out.shape[1:]), out.dtype) for _ in range(spare)]

    def all_blocks() -> None:
        for i in range(0, len(out), step):
            block = out[i : i + step]
            run(block, *[a[i : i + step] for a in arrays], *[a[: len(block)] for a in room])

    unbuffered(all_blocks, n)


def worth(n: int, x: Array, *others: Array) -> bool:
    """Whether arrays are large, of single or double precision, and of the same type and shape."""
    if x.size < (FEW if n < WIDE else FEW // 4) or x.dtype.char not in "fd":
        return False
    return all(a.dtype == x.dtype and a.shape == x.shape for a in others)


def of_elements(run: Callable[..., None], x: Array, *others: Array, spare: int = 0) -> Any:
    """What a form makes of elements, in the order of memory; `None` where there are gaps in it."""
    if not worth(1, x, *others):
        return None
    out = np.empty_like(x)
    arrays = [x, *others]
    for i, a in enumerate(arrays):
        if a.strides != out.strides:
            if a is x:
                return None
            arrays[i] = np.empty_like(out)
            arrays[i][...] = a
    flat = [a.reshape(-1) if a.flags.c_contiguous else by_rows(a).reshape(-1) for a in arrays]
    in_blocks(run, (out if out.flags.c_contiguous else by_rows(out)).reshape(-1), flat, spare)
    return out


def of_rows(run: Callable[..., None], n: int, *arrays: Array, spare: int = 0) -> Any:
    """What a form makes of rows of `n` elements; `None` where it is not made for their type."""
    x = arrays[0]
    if not worth(n, *arrays):
        return None
    out = np.empty(x.shape, x.dtype)
    in_blocks(run, out.reshape(-1, n), [a.reshape(-1, n) for a in arrays], spare)
    return out


# ------------------------------------------------------------------ activations


def silu(xp: Any, x: Array) -> Any:
    def run(out: Array, x: Array) -> None:
        np.negative(x, out)
        np.exp(out, out)
        out += 1
        np.divide(x, out, out)

    return of_elements(run, x)


def silu_gradient(xp: Any, g: Array, x: Array) -> Any:
    def run(out: Array, x: Array, g: Array, s: Array) -> None:
        np.negative(x, s)
        np.exp(s, s)
        s += 1
        np.reciprocal(s, s)
        np.subtract(1, s, out)
        out *= x
        out += 1
        out *= s
        out *= g

    return of_elements(run, x, g, spare=1)


def error_function(out: Array, half: Array, square: Array, xp: Any) -> None:
    """erf(x * sqrt(1/2)), given x / 2 and the square of that.

    The polynomial grows without end, so that the limits are those of the hyperbolic tangent.
    """
    if out.dtype.char != "f":
        np.multiply(half, math.sqrt(2), out)
        out[...] = xp.erf(out)
        return
    np.multiply(square, HALVES[0], out)
    for c in HALVES[1:-1]:
        out += c
        out *= square
    out += HALVES[-1]
    out *= half
    np.tanh(out, out)


def gelu(xp: Any, x: Array, approximate: str) -> Any:
    def run(out: Array, x: Array, half: Array, square: Array) -> None:
        np.multiply(x, 0.5, half)
        np.multiply(half, half, square)
        error_function(out, half, square, xp)
        out += 1
        out *= half

    def run_tanh(out: Array, x: Array) -> None:
        np.multiply(x, x, out)
        out *= INNER * CUBIC
        out += INNER
        out *= x
        np.tanh(out, out)
        out += 1
        out *= x
        out *= 0.5

    return of_elements(run_tanh, x) if approximate == "tanh" else of_elements(run, x, spare=2)


def gelu_gradient(xp: Any, g: Array, x: Array, approximate: str) -> Any:
    def run(out: Array, x: Array, g: Array, half: Array, square: Array, erf: Array) -> None:
        np.multiply(x, 0.5, half)
        np.multiply(half, half, square)
        np.multiply(square, -2, out)
        np.exp(out, out)
        out *= half
        out *= 4 / math.sqrt(2 * math.pi)
        error_function(erf, half, square, xp)
        out += erf
        out += 1
        out *= g
        out *= 0.5

    def run_tanh(out: Array, x: Array, g: Array, t: Array, slope: Array) -> None:
        np.multiply(x, x, slope)
        np.multiply(slope, INNER * CUBIC, t)
        t += INNER
        t *= x
        np.tanh(t, t)
        slope *= 3 * INNER * CUBIC
        slope += INNER
        slope *= x
        np.multiply(t, t, out)
        np.subtract(1, out, out)
        out *= slope
        out += t
        out += 1
        out *= g
        out *= 0.5

    if approximate == "tanh":
        return of_elements(run_tanh, x, g, spare=2)
    return of_elements(run, x, g, spare=3)


# ------------------------------------------------------------------ along the last axis


def totals(x: Array) -> Array:
    """The sum of each row."""
    n = x.shape[1]
    return x.dot(np.ones(n, x.dtype)) if n <= LONG else np.add.reduce(x, 1)


def softmax(xp: Any, x: Array, axis: int) -> Any:
    def run(out: Array, x: Array) -> None:
        np.subtract(x, np.maximum.reduce(x, 1, keepdims=True), out)
        np.exp(out, out)
        out *= (1 / totals(out))[:, None]

    return of_rows(run, x.shape[-1], x) if axis == x.ndim - 1 else None


def softmax_gradient(xp: Any, g: Array, out: Array, axis: int) -> Any:
    def run(found: Array, y: Array, g: Array) -> None:
        np.subtract(g, np.vecdot(g, y)[:, None], found)
        found *= y

    return of_rows(run, out.shape[-1], out, g) if axis == out.ndim - 1 else None


def log_softmax(xp: Any, x: Array, axis: int) -> Any:
    def run(out: Array, x: Array, e: Array) -> None:
        np.subtract(x, np.maximum.reduce(x, 1, keepdims=True), out)
        np.exp(out, e)
        out -= np.log(totals(e))[:, None]

    return of_rows(run, x.shape[-1], x, spare=1) if axis == x.ndim - 1 else None


def log_softmax_gradient(xp: Any, g: Array, out: Array, axis: int) -> Any:
    def run(found: Array, y: Array, g: Array) -> None:
        np.exp(y, found)
        found *= totals(g)[:, None]
        np.subtract(g, found, found)

    return of_rows(run, out.shape[-1], out, g) if axis == out.ndim - 1 else None


# ------------------------------------------------------------------ normalisation of rows


def alike(x: Array, *others: Any) -> bool:
    """Whether no array is of another type."""
    return all(a is None or a.dtype == x.dtype for a in others)


def beside(v: Any, x: Array, n: int) -> Any:
    """A row as many times as there are rows in a block, so that no step has to repeat it."""
    if v is None:
        return None
    out = np.empty((min(max(BLOCK // n, 1), x.size // n), n), x.dtype)
    out[...] = v.reshape(n)
    return out


def norm(xp: Any, x: Array, weight: Any, bias: Any, axes: Any, eps: float, centred: bool) -> Any:
    n = math.prod([x.shape[a] for a in axes])
    if not worth(n, x) or not alike(x, weight, bias):
        return None
    scale, shift = beside(weight, x, n), beside(bias, x, n)

    def run(out: Array, x: Array) -> None:
        z = x
        if centred:
            z = np.subtract(x, (totals(x) / n)[:, None], out)
        np.multiply(z, roots(z, eps, xp)[:, None], out)
        if scale is not None:
            out *= scale[: len(out)]
        if shift is not None:
            out += shift[: len(out)]

    return of_rows(run, n, x)


def norm_gradients(
    xp: Any, g: Array, x: Array, weight: Any, axes: Any, eps: float, centred: bool
) -> Any:
    n = math.prod([x.shape[a] for a in axes])
    if not worth(n, x, g) or not alike(x, weight):
        return None
    scale, w = beside(weight, x, n), np.ones(n, x.dtype) if weight is None else weight.reshape(n)
    total = np.zeros(n, x.dtype)

    def run(out: Array, x: Array, g: Array, z: Array) -> None:
        if centred:
            np.subtract(x, (totals(x) / n)[:, None], z)
        else:
            z[...] = x
        root = roots(z, eps, xp)
        np.multiply(g, z, out)
        if scale is not None:
            np.add(total, root.dot(out), total)
        z *= (root * root * out.dot(w) / -n)[:, None]
        if scale is not None:
            np.multiply(g, scale[: len(g)], out)
            out += z
        else:
            np.add(g, z, out)
        out *= root[:, None]
        if centred:
            out -= (root * g.dot(w) / n)[:, None]

    return of_rows(run, n, x, g, spare=1), None if weight is None else total


def layer_norm(xp: Any, x: Array, weight: Any, bias: Any, axes: Any, eps: float) -> Any:
    return norm(xp, x, weight, bias, axes, eps, True)


def layer_norm_gradients(xp: Any, g: Array, x: Array, weight: Any, axes: Any, eps: float) -> Any:
    return norm_gradients(xp, g, x, weight, axes, eps, True)


def rms_norm(xp: Any, x: Array, weight: Any, axes: Any, eps: float) -> Any:
    return norm(xp, x, weight, None, axes, eps, False)


def rms_norm_gradients(xp: Any, g: Array, x: Array, weight: Any, axes: Any, eps: float) -> Any:
    return norm_gradients(xp, g, x, weight, axes, eps, False)


# ------------------------------------------------------------------ normalisation of channels
#
# Images are gone over as a whole: they are too wide for a block to hold many, and too many for each
# to be worth a call. Channels of one place are columns, whose sums are products with ones.


def channel_norm(
    xp: Any, x: Array, weight: Any, bias: Any, groups: int, over: int, eps: float
) -> Any:
    places = math.prod(x.shape[2:])
    if x.dtype.char not in "fd" or not alike(x, weight, bias):
        return None
    if places >= WIDE:
        return unbuffered(images, places, x, weight, bias, groups, over, eps)
    return columns(x, weight, bias, eps) if places == 1 and over == 0 else None


def channel_norm_gradients(
    xp: Any, gs: Any, x: Array, weight: Any, out: Any, groups: int, over: int
) -> Any:
    places = math.prod(x.shape[2:])
    g, *others = gs
    if g is None or any(other is not None for other in others):
        return None
    if x.dtype.char not in "fd" or not alike(x, weight, g, out[1], out[2]):
        return None
    if places >= WIDE:
        return unbuffered(images_gradients, places, g, x, weight, out, groups, over)
    return columns_gradients(g, x, weight, out) if places == 1 and over == 0 else None


def as_images(x: Array, groups: int) -> Array:
    """An array of shape (N, C, …) as (example, group, channel of the group, place)."""
    n, c = x.shape[:2]
    return x.reshape(n, groups, c // groups, -1)


def images(x: Array, weight: Any, bias: Any, groups: int, over: int, eps: float) -> Any:
    """The normalisation of channels of many places."""
    out = np.empty(x.shape, x.dtype)
    x, y = as_images(x, groups), as_images(out, groups)
    form, n = (1, *x.shape[1:3], 1), x.shape[over] * x.shape[3]
    sums = totals(x.reshape(-1, x.shape[3])).reshape(x.shape[:3])
    mean = sums.sum(axis=over, keepdims=True) / n
    np.subtract(x, mean[..., None], y)
    root = 1 / np.sqrt(np.vecdot(y, y).sum(axis=over, keepdims=True) / n + eps)
    y *= root[..., None] if weight is None else root[..., None] * weight.reshape(form)
    if bias is not None:
        y += bias.reshape(form)
    return out, mean, root


def images_gradients(g: Array, x: Array, weight: Any, out: Any, groups: int, over: int) -> Any:
    """The gradients of input, weight and bias."""
    dx = np.empty(x.shape, x.dtype)
    x, g, z = as_images(x, groups), as_images(g, groups), as_images(dx, groups)
    n, c = x.shape[over] * x.shape[3], x.shape[1] * x.shape[2]
    mean, root = out[1], out[2]
    np.subtract(x, mean[..., None], z)
    sums = totals(g.reshape(-1, x.shape[3])).reshape(x.shape[:3])
    products = np.vecdot(z, g)
    db, dw, scale = sums.sum(axis=0).reshape(c), None, root
    if weight is not None:
        dw = (products * root).sum(axis=0).reshape(c)
        weight = weight.reshape(1, *x.shape[1:3])
        sums, products, scale = sums * weight, products * weight, root * weight
    z *= (products.sum(axis=over, keepdims=True) * (root * root * root / -n))[..., None]
    z += (sums.sum(axis=over, keepdims=True) * (root / -n))[..., None]
    z += g * scale[..., None]
    return dx, dw, db


def scaled(xp: Any, x: Array, scale: Array, shift: Any) -> Any:
    places = math.prod(x.shape[2:])
    if places < WIDE or x.dtype.char not in "fd" or not alike(x, scale, shift):
        return None

    def run() -> Array:
        out = np.multiply(x, scale.reshape(form), out=np.empty(x.shape, x.dtype))
        return out if shift is None else np.add(out, shift.reshape(form), out)

    form = (*scale.shape, *(1,) * (x.ndim - 2))
    return unbuffered(run, places)


def channel_sums(xp: Any, g: Array, x: Array, mean: Array) -> Any:
    n, c = x.shape[:2]
    places = math.prod(x.shape[2:])
    if x.dtype.char not in "fd" or not alike(x, g, mean):
        return None
    if places == 1:
        ones, g = np.ones(n, x.dtype), g.reshape(n, c)
        return ones.dot(g), ones.dot(g * (x.reshape(n, c) - mean))
    if places < WIDE:
        return None
    z = unbuffered(np.subtract, places, x.reshape(n, c, places), mean[:, None])
    sums = totals(g.reshape(n * c, places)).reshape(n, c)
    return sums.sum(0), np.vecdot(z, g.reshape(n, c, places)).sum(0)


def columns(x: Array, weight: Any, bias: Any, eps: float) -> Any:
    """The normalisation of channels of one place over all examples."""
    n, c = x.shape[:2]
    rows, ones = x.reshape(n, c), np.ones(n, x.dtype)
    mean = ones.dot(rows)
    mean /= n
    out = rows - mean
    root = ones.dot(out * out)
    root /= n
    root += eps
    np.sqrt(root, root)
    np.reciprocal(root, root)
    out *= root if weight is None else root * weight.reshape(c)
    if bias is not None:
        out += bias.reshape(c)
    return shaped(out, x.shape, np), mean.reshape(1, c, 1), root.reshape(1, c, 1)


def columns_gradients(g: Array, x: Array, weight: Any, out: Any) -> Any:
    """The gradients of input, weight and bias."""
    n, c = x.shape[:2]
    g, mean, root = g.reshape(n, c), out[1].reshape(c), out[2].reshape(c)
    ones = np.ones(n, x.dtype)
    z = x.reshape(n, c) - mean
    db, dw = ones.dot(g), ones.dot(g * z)
    dw *= root
    z *= dw * root / -n
    z += g
    z -= db / n
    z *= root if weight is None else root * weight.reshape(c)
    return shaped(z, x.shape, np), None if weight is None else dw, db


# ------------------------------------------------------------------ the namespace

FORMS = (
    *(silu, silu_gradient, gelu, gelu_gradient, softmax, softmax_gradient),
    *(log_softmax, log_softmax_gradient, layer_norm, layer_norm_gradients),
    *(rms_norm, rms_norm_gradients, channel_norm, channel_norm_gradients),
    *(scaled, channel_sums),
)


def _method(name: str, form: Callable[..., Any]) -> Callable[..., Any]:
    """An extra by a kernel or by the form here where its array is large."""
    portable = getattr(Fused, name)
    names = portable.__code__.co_varnames[1 : portable.__code__.co_argcount]
    place = names.index("x" if "x" in names else "out")

    def method(self: Any, *given: Any) -> Any:
        x = given[place]
        if x.size < kernels.LARGE or type(x) is not np.ndarray:
            return portable(self, *given)
        found = kernels.compiled(name, *given)
        if found is None:
            found = form(self, *given)
        return portable(self, *given) if found is None else found

    return method


class NumPyFused(Compiled):
    """The extras that NumPy has forms of its own of."""


for _form in FORMS:
    setattr(NumPyFused, _form.__name__, _method(_form.__name__, _form))
