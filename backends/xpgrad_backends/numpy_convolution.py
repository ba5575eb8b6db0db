"""Convolution on NumPy: windows side by side (`numpy_windows`), and a product of matrices.

Resampling goes by a kernel, where that is there.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from xpgrad.windowed import Ints, Taps, Windowed
from xpgrad_backends import numba_kernels as kernels
from xpgrad_backends import numpy_depthwise as depthwise
from xpgrad_backends.numpy_windows import ALL, Plan

Array = Any


def _in_single(function: Callable[..., Array]) -> Callable[..., Array]:
    """Half precision has no products of matrices: compute in single."""

    @functools.wraps(function)
    def call(self: Any, x: Array, y: Array, *settings: Any) -> Array:
        x, y = np.asarray(x), np.asarray(y)  # what a subclass computes may be read-only
        if x.dtype.char == "e":
            wide = function(self, x.astype(np.float32), y.astype(np.float32), *settings)
            return wide.astype(np.float16)
        return function(self, x, y, *settings)

    return call


class Convolutions(Windowed):
    """What NumPy's namespace has of convolution and resampling."""

    @_in_single
    def convolve(
        self: Any, x: Array, w: Array, size: Ints, stride: Ints, padding: Ints, dilation: Ints,
        groups: int,
    ) -> Array:  # fmt: skip
        n, c, f, kernel = x.shape[0], x.shape[1], w.shape[0], w.shape[2:]
        if not (x.size and w.size and math.prod(size)):
            return np.zeros((n, f, *size), x.dtype)
        plan = Plan(kernel, size, x.shape[2:], stride, padding, dilation, c, x.itemsize)
        if plan.taps == 1 and not any(padding):
            return _pointwise(w.reshape(f, -1), _thinned(x, size, stride), groups, size)
        if w.shape[1] == 1 and groups > 1:
            found = _compiled("depthwise", plan, x, w)
            return depthwise.forward(plan, x, w) if found is None else found
        return _products(plan, x, w, None, groups)[0]

    @_in_single
    def convolve_weight(
        self: Any, x: Array, g: Array, size: Ints, stride: Ints, padding: Ints, dilation: Ints,
        groups: int,
    ) -> Array:  # fmt: skip
        c, f = x.shape[1], g.shape[1]
        shape = (f, c // groups, *size)
        if not (x.size and g.size and math.prod(size)):
            return np.zeros(shape, x.dtype)
        plan = Plan(size, g.shape[2:], x.shape[2:], stride, padding, dilation, c, x.itemsize)
        if c == groups > 1:
            found = _compiled("depthwise_weight", plan, x, g)
            if found is None:
                found = depthwise.weight(plan, x, g)
            return found.reshape(shape)
        return _products(plan, x, None, g, groups)[1].reshape(shape)

    def convolve_twice(
        self: Any, x: Array, w: Array, g: Array, stride: Ints, padding: Ints, dilation: Ints,
        groups: int,
    ) -> tuple[Array, Array]:  # fmt: skip
        kernel, c = w.shape[2:], x.shape[1]
        simple = math.prod(kernel) > 1 and not w.shape[1] == 1 < groups and x.dtype.char in "fdFD"
        if not (simple and x.size and w.size and g.size and x.dtype == w.dtype == g.dtype):
            return super().convolve_twice(x, w, g, stride, padding, dilation, groups)
        plan = Plan(kernel, g.shape[2:], x.shape[2:], stride, padding, dilation, c, x.itemsize)
        out, weight = _products(plan, x, w, g, groups)
        return out, weight.reshape(w.shape)

    @_in_single
    def convolve_input(
        self: Any, g: Array, w: Array, size: Ints, stride: Ints, padding: Ints, dilation: Ints,
        groups: int,
    ) -> Array:  # fmt: skip
        n, f, c, kernel = g.shape[0], g.shape[1], w.shape[1] * groups, w.shape[2:]
        outputs = g.shape[2:]
        if not (g.size and w.size and math.prod(size)):
            return np.zeros((n, c, *size), g.dtype)
        plan = Plan(kernel, outputs, size, stride, padding, dilation, c, g.itemsize)
        split = w.reshape(groups, f // groups, c // groups, *kernel)
        if w.shape[1] == 1 and groups > 1:
            found = _compiled("depthwise_input", plan, g, w)
            if found is not None:
                return found
        if plan.taps == 1 and not any(padding):
            found = _pointwise(split.reshape(groups, f // groups, -1).mT, g, groups, outputs)
            if size == outputs:
                return found
            out = np.zeros((n, c, *size), g.dtype)
            _thinned(out, outputs, stride)[...] = found
            return out
        around = tuple(d * (k - 1) - p for d, k, p in zip(dilation, kernel, padding, strict=True))
        if set(stride) == {1} and min(around) >= 0 and f <= c:
            # Windows of the gradients, times the kernel turned around. They have to be copied, and
            # the other way has to add up those of the inputs.
            turned = split.swapaxes(1, 2)[(..., *(slice(None, None, -1) for _ in kernel))]
            turned = turned.reshape(c, f // groups, *kernel)
            return self.convolve(g, turned, size, stride, around, dilation, groups)
        out = np.zeros((n, c, *size), g.dtype)
        if w.shape[1] == 1 and groups > 1:
            depthwise.adjoint(plan, g, w, out)
            return out
        matrix = np.moveaxis(split, (1, 2), (-1, -2)).reshape(groups, -1, f // groups)
        blocks = plan.blocks(f, out, adding=True)
        rows = blocks.rows(g)
        for i, j in plan.ranges(n):
            canvas = blocks.canvas(out[i:j])
            for a, b in blocks.columns(j - i):
                part = rows((i, j, a, b)).reshape(groups, f // groups, -1)
                found = np.matmul(matrix, part)
                blocks.add(found.reshape(groups, plan.taps, c // groups, -1), canvas, a, b)
            blocks.finish(canvas, out[i:j])
        return out

    def resample(self: Any, x: Array, axis: int, taps: Taps) -> Array:
        if x.size >= kernels.LARGE or taps.count * x.size >= kernels.LARGE * taps.length:
            found = kernels.compiled("resample", x, axis, taps)
            if found is not None:
                return found
            return Windowed.resample(self, x, axis, taps)
        if x.dtype.kind not in "fc" or not taps.elements.size or not taps.length:
            return Windowed.resample(self, x, axis, taps)
        elements, weights, absent = taps.remembered(_rows, x.real.dtype)
        found = x.take(elements, axis)
        if weights is None:
            return found
        behind = (1,) * (x.ndim - axis - 1)
        found = found * weights.reshape(*weights.shape, *behind)
        if absent is not None:  # inf times nothing is nothing
            found = np.where(absent.reshape(*absent.shape, *behind), 0, found)
        return np.add.reduce(found, axis=axis)


def _rows(taps: Taps, dtype: Any) -> tuple[Array, Array | None, Array | None]:
    """Elements and weights, (taps, places); no weights where all are 1, and which are 0 if any."""
    weights = np.ascontiguousarray(taps.weights.T)
    absent = weights == 0
    simple = len(weights) == 1 and bool((weights == 1).all())
    elements = taps.elements[:, 0] if simple else np.ascontiguousarray(taps.elements.T)
    return elements, None if simple else weights.astype(dtype), absent if absent.any() else None


def _compiled(name: str, plan: Plan, x: Array, y: Array) -> Array | None:
    """What Numba makes of images; `None` where they are few, or it has nothing for them."""
    return kernels.compiled(name, plan, x, y) if x.size >= kernels.LARGE else None


def _products(plan: Plan, x: Array, w: Any, g: Any, groups: int) -> tuple[Any, Any]:
    """The products of windows with a kernel and with gradients `g`: of those that there are."""
    f = g.shape[1] if w is None else w.shape[0]
    blocks = plan.blocks(f, x)
    out = total = None
    if w is not None:
        matrix = w.reshape(groups, f // groups, -1)
        out = np.empty((len(x), f, plan.places), x.dtype)
    rows = None if g is None else blocks.rows(g)
    for block, windows in blocks.windows(x):
        if groups > 1:
            windows = windows.reshape(groups, -1, windows.shape[1])
        if out is not None:
            blocks.multiply(matrix if groups > 1 else matrix[0], windows, out, block)
        if rows is not None:
            part = rows(block)
            if groups > 1:
                part = part.reshape(groups, f // groups, -1)
            product = np.matmul(windows, part.mT)  # faster than the other way round
            total = product if total is None else np.add(total, product, out=total)
    if out is not None:
        out = out.reshape(len(x), f, *plan.outputs)
    return out, total if total is None else np.ascontiguousarray(total.mT)


# ------------------------------------------------------------------ a kernel of one element


def _thinned(x: Array, size: Ints, stride: Ints) -> Array:
    """What windows of one element see: every so many places."""
    spans = (slice(0, (n - 1) * s + 1, s) for n, s in zip(size, stride, strict=True))
    return x[(ALL, ALL, *spans)]


def _pointwise(matrix: Array, x: Array, groups: int, size: Ints) -> Array:
    """A product with all places of an image."""
    n, c = x.shape[:2]
    places = math.prod(size)
    matrix = matrix.reshape(groups, -1, c // groups)
    f = groups * matrix.shape[1]
    if groups > 1:
        found = np.matmul(matrix, x.reshape(n, groups, c // groups, places))
    elif places < 32:  # one large product, not many small ones
        rows = x.reshape(n, c, places).swapaxes(1, 2).reshape(n * places, c)
        found = np.ascontiguousarray((rows @ matrix[0].T).reshape(n, places, f).swapaxes(1, 2))
    else:
        found = np.matmul(matrix[0], x.reshape(n, c, places))
    return found.reshape(n, f, *size)
