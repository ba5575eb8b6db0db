"""Convolution on NumPy: windows copied side by side, one product of matrices for a block of them.

A block is as many windows as fit into the cache, so that copying costs little beside the product,
and some hundreds at least, so that the product is worth calling. No more than one block is ever
copied: memory stays near that of the input and the output.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from xpgrad.windowed import Ints, Steps, Windowed

Array = Any

BLOCK = 2**20  # bytes of windows in a block: about the cache of one core
COLUMNS = 256  # but at least so many windows, if there are
WASTE = 1.4  # rows with gaps pay while they are at most so much longer


def _in_single(function: Callable[..., Array]) -> Callable[..., Array]:
    """Half precision has no products of matrices: compute in single."""

    @functools.wraps(function)
    def call(self: Any, x: Array, y: Array, *settings: Any) -> Array:
        if x.dtype.char == "e":
            wide = function(self, x.astype(np.float32), y.astype(np.float32), *settings)
            return wide.astype(np.float16)
        return function(self, x, y, *settings)

    return call


class Plan:
    """The lengths of one convolution, and how to go over it block by block."""

    def __init__(
        self, kernel: Ints, outputs: Ints, inputs: Ints, stride: Ints, padding: Ints,
        dilation: Ints, rows: int, itemsize: int,
    ) -> None:  # fmt: skip
        self.kernel, self.outputs, self.stride, self.dilation = kernel, outputs, stride, dilation
        self.reach = Steps(kernel, outputs, stride, dilation).reach()
        self.taps = math.prod(kernel)
        self.places = math.prod(outputs)
        used = [max(min(m, r - p), 0) for m, r, p in zip(inputs, self.reach, padding, strict=True)]
        self.read = tuple(slice(0, u) for u in used)  # of the input
        self.inner = tuple(slice(p, p + u) for p, u in zip(padding, used, strict=True))
        self.exact = tuple(inputs) == self.reach and not any(padding)  # the input as it is
        self.columns = max(COLUMNS, BLOCK // max(rows * self.taps * itemsize, 1))
        self.images = max(1, self.columns // self.places)  # of one block
        self.lines = outputs[0]  # of each of them
        if self.places > self.columns:
            self.lines = -(-outputs[0] // -(-self.places // self.columns))

    def ranges(self, n: int) -> Iterator[tuple[int, int]]:
        """Which images make a block."""
        return ((i, min(i + self.images, n)) for i in range(0, n, self.images))

    def parts(self) -> Iterator[tuple[int, int]]:
        """Which lines of their outputs do, the first dimension."""
        count = self.outputs[0]
        return ((a, min(a + self.lines, count)) for a in range(0, count, self.lines))

    def windows(self, x: Array) -> Iterator[tuple[int, int, int, int, Array]]:
        """Blocks of windows: the range of images, of places in their outputs, and a matrix.

        Its rows are (channel, *kernel), its columns (image, place). The next one overwrites it.
        """
        n, c = x.shape[:2]
        rank = len(self.kernel)
        source = x
        if not self.exact:
            source = np.zeros((min(self.images, n), c, *self.reach), x.dtype)
        along = source.strides[2:]
        view = as_strided(
            source,
            (c, *self.kernel, source.shape[0], *self.outputs),
            (
                source.strides[1],
                *(s * d for s, d in zip(along, self.dilation, strict=True)),
                source.strides[0],
                *(s * d for s, d in zip(along, self.stride, strict=True)),
            ),
        )
        channel = (slice(None),) * (rank + 1)
        line = self.places // self.outputs[0]
        memory = np.empty(c * self.taps * min(self.images, n) * self.lines * line, x.dtype)
        for i, j in self.ranges(n):
            if self.exact:
                seen = view[(*channel, slice(i, j))]
            else:
                source[(slice(0, j - i), slice(None), *self.inner)] = x[i:j][
                    (slice(None), slice(None), *self.read)
                ]
                seen = view[(*channel, slice(0, j - i))]
            for a, b in self.parts():
                part = seen[(*channel, slice(None), slice(a, b))]
                block = memory[: part.size]
                block.reshape(part.shape)[...] = part
                yield i, j, a * line, b * line, block.reshape(c * self.taps, -1)

    def flat(self) -> tuple[int, list[int]]:
        """In rows as long as the padded input's: their length, and where each tap begins."""
        strides = [math.prod(self.reach[i + 1 :]) for i in range(len(self.reach))]
        begin = [
            sum(i * d * s for i, d, s in zip(k, self.dilation, strides, strict=True))
            for k in np.ndindex(*self.kernel)
        ]
        return math.prod(self.reach), begin

    def gaps(self) -> bool:
        """Whether it pays to give the outputs rows as long as the padded input's."""
        narrow = math.prod(self.outputs[1:])
        return set(self.stride) == {1} and math.prod(self.reach[1:]) <= WASTE * narrow

    def taken(self) -> Iterator[tuple[slice, ...]]:
        """For each tap, what it takes of the padded input."""
        steps = Steps(self.kernel, self.outputs, self.stride, self.dilation)
        return (index[2:] for _, index in steps)


class Convolutions(Windowed):
    """What NumPy's namespace has of convolution."""

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
            return _depthwise(plan, x, w)
        out = np.empty((n, f, plan.places), x.dtype)
        matrix = w.reshape(groups, f // groups, -1)
        if groups == 1:
            matrix = matrix[0]
        for i, j, a, b, block in plan.windows(x):
            if groups > 1:
                block = block.reshape(groups, -1, block.shape[1])
            if j == i + 1:
                there = out[i].reshape(*matrix.shape[:-1], plan.places)[..., a:b]
                np.matmul(matrix, block, out=there)
            else:
                found = np.matmul(matrix, block).reshape(f, j - i, b - a)
                out[i:j, :, a:b] = found.transpose(1, 0, 2)
        return out.reshape(n, f, *size)

    @_in_single
    def convolve_weight(
        self: Any, x: Array, g: Array, size: Ints, stride: Ints, padding: Ints, dilation: Ints,
        groups: int,
    ) -> Array:  # fmt: skip
        n, c, f = x.shape[0], x.shape[1], g.shape[1]
        shape = (f, c // groups, *size)
        if not (x.size and g.size and math.prod(size)):
            return np.zeros(shape, x.dtype)
        plan = Plan(size, g.shape[2:], x.shape[2:], stride, padding, dilation, c, x.itemsize)
        if c == groups > 1:
            return _depthwise_weight(plan, x, g).reshape(shape)
        g = g.reshape(n, f, plan.places)
        total = None
        for i, j, a, b, block in plan.windows(x):
            rows = g[i, :, a:b] if j == i + 1 else g[i:j, :, a:b].transpose(1, 0, 2).reshape(f, -1)
            if groups > 1:
                rows = rows.reshape(groups, f // groups, -1)
                block = block.reshape(groups, -1, block.shape[1])
            if total is None:
                total = np.matmul(rows, block.mT)
            else:
                total += np.matmul(rows, block.mT)
        return total.reshape(shape)

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
        if plan.taps == 1 and not any(padding):
            matrix = w.reshape(groups, f // groups, c // groups).mT.reshape(c, -1)
            found = _pointwise(matrix, g, groups, outputs)
            if size == outputs:
                return found
            out = np.zeros((n, c, *size), g.dtype)
            _thinned(out, outputs, stride)[...] = found
            return out
        whole = all(s.stop - s.start == m for s, m in zip(plan.inner, size, strict=True))
        out = (np.empty if whole else np.zeros)((n, c, *size), g.dtype)
        into = out[(slice(None), slice(None), *plan.read)]
        if w.shape[1] == 1 and groups > 1:
            _depthwise_input(plan, g, w, into)
            return out
        split = w.reshape(groups, f // groups, c // groups, plan.taps)
        matrix = split.transpose(0, 3, 2, 1).reshape(groups, -1, f // groups)
        spread = _spread_gapped if plan.gaps() else _spread
        for i, j, padded in spread(plan, g, matrix, c):
            inner = padded[(slice(None), slice(None), *plan.inner)]
            into[i:j] = inner.swapaxes(0, 1)
        return out


def _thinned(x: Array, size: Ints, stride: Ints) -> Array:
    """What windows of one element see: every so many places."""
    spans = (slice(0, (n - 1) * s + 1, s) for n, s in zip(size, stride, strict=True))
    return x[(slice(None), slice(None), *spans)]


def _pointwise(matrix: Array, x: Array, groups: int, size: Ints) -> Array:
    """A kernel of one element: a product with all places of an image."""
    n, c = x.shape[:2]
    f, places = matrix.shape[0], math.prod(size)
    if groups > 1:
        split = matrix.reshape(groups, f // groups, c // groups)
        found = np.matmul(split, x.reshape(n, groups, c // groups, places))
    elif places < 32:  # one large product, not many small ones
        rows = x.reshape(n, c, places).transpose(0, 2, 1).reshape(n * places, c)
        found = np.ascontiguousarray((rows @ matrix.T).reshape(n, places, f).transpose(0, 2, 1))
    else:
        found = np.matmul(matrix, x.reshape(n, c, places))
    return found.reshape(n, f, *size)


# ------------------------------------------------------------------ adding windows up


def _spread(
    plan: Plan, g: Array, matrix: Array, channels: int
) -> Iterator[tuple[int, int, Array]]:
    """What goes to the padded inputs of each block of images: (channel, image, *place)."""
    n, f = g.shape[:2]
    groups = matrix.shape[0]
    rest = plan.outputs[1:]
    for i, j in plan.ranges(n):
        padded = np.zeros((channels, j - i, *plan.reach), g.dtype)
        for a, b in plan.parts():
            rows = g[i:j, :, a:b].swapaxes(0, 1).reshape(groups, f // groups, -1)
            found = np.matmul(matrix, rows)
            found = found.reshape(groups, plan.taps, -1, j - i, b - a, *rest)
            there = padded.reshape(groups, -1, j - i, *plan.reach)
            for tap, (first, *others) in enumerate(plan.taken()):
                step = plan.stride[0]
                lines = slice(first.start + a * step, first.start + (b - 1) * step + 1, step)
                there[(..., lines, *others)] += found[:, tap]
        yield i, j, padded


def _spread_gapped(
    plan: Plan, g: Array, matrix: Array, channels: int
) -> Iterator[tuple[int, int, Array]]:
    """The same for windows at every place, where outputs get rows as long as the padded input's.

    Each tap then adds one run of memory to another.
    """
    n, f = g.shape[:2]
    groups = matrix.shape[0]
    length, begin = plan.flat()
    images = min(plan.images, n)
    gapped = np.zeros((f, images, *plan.reach), g.dtype)
    filled = tuple(slice(0, o) for o in plan.outputs)
    for i, j in plan.ranges(n):
        padded = np.zeros((channels, j - i, *plan.reach), g.dtype)
        gapped[(slice(None), slice(0, j - i), *filled)] = g[i:j].swapaxes(0, 1)
        rows = gapped[:, : j - i].reshape(groups, f // groups, -1)
        there = padded.reshape(groups, channels // groups, -1)
        count = (j - i) * length - begin[-1]
        for a in range(0, count, plan.columns):
            b = min(a + plan.columns, count)
            found = np.matmul(matrix, rows[..., a:b]).reshape(groups, plan.taps, -1, b - a)
            for tap, at in enumerate(begin):
                there[..., a + at : b + at] += found[:, tap]
        yield i, j, padded


# ------------------------------------------------------------------ a kernel for each channel


def _few(plan: Plan, n: int, c: int, itemsize: int) -> Iterator[tuple[slice, slice]]:
    """Blocks of images and channels that fit into the cache several times."""
    room = max(1, BLOCK // 6 // (math.prod(plan.reach) * itemsize))
    channels, images = min(c, room), max(1, room // c)
    for i in range(0, n, images):
        for a in range(0, c, channels):
            yield slice(i, min(i + images, n)), slice(a, min(a + channels, c))


def _padded(plan: Plan, x: Array) -> Array:
    """An input with the zeros around it."""
    if plan.exact:
        return x
    out = np.zeros((*x.shape[:2], *plan.reach), x.dtype)
    out[(slice(None), slice(None), *plan.inner)] = x[(slice(None), slice(None), *plan.read)]
    return out


def _depthwise(plan: Plan, x: Array, w: Array) -> Array:
    """Each channel with kernels of its own: a multiple of a shifted image for each tap."""
    n, c = x.shape[:2]
    times = w.shape[0] // c
    out = np.empty((n, c, times, *plan.outputs), x.dtype)
    weights = w.reshape(c, times, plan.taps)
    length, begin = plan.flat()
    gaps = plan.gaps()
    for images, channels in _few(plan, n, c, x.itemsize):
        padded = _padded(plan, x[images, channels])
        if gaps:
            runs = padded.reshape(*padded.shape[:2], length)
            count = length - begin[-1]
            seen = [runs[..., at : at + count] for at in begin]
        else:
            seen = [padded[(..., *index)] for index in plan.taken()]
        ones = (1,) * (seen[0].ndim - 2)
        for t in range(times):
            total = None
            for tap, part in enumerate(seen):
                product = part * weights[channels, t, tap].reshape(-1, *ones)
                if total is None:
                    total = product
                else:
                    total += product
            there = out[images, channels, t]
            if gaps:
                assert total is not None
                there[...] = _ungapped(plan, total)
            else:
                there[...] = total
    return out.reshape(n, -1, *plan.outputs)


def _ungapped(plan: Plan, rows: Array) -> Array:
    """The outputs among rows that are longer: a view."""
    item = rows.itemsize
    along = [math.prod(plan.reach[i + 1 :]) * item for i in range(len(plan.reach))]
    return as_strided(rows, (*rows.shape[:2], *plan.outputs), (*rows.strides[:2], *along))


def _gapped(plan: Plan, g: Array) -> Array:
    """Outputs in rows as long as the padded input's, zeros between them."""
    length, begin = plan.flat()
    out = np.zeros((*g.shape[:2], *plan.reach), g.dtype)
    out[(slice(None), slice(None), *(slice(0, o) for o in plan.outputs))] = g
    return out.reshape(*g.shape[:2], length)[..., : length - begin[-1]]


def _depthwise_input(plan: Plan, g: Array, w: Array, into: Array) -> None:
    n, c = into.shape[:2]
    times = w.shape[0] // c
    weights = w.reshape(c, times, plan.taps)
    g = g.reshape(n, c, times, *plan.outputs)
    length, begin = plan.flat()
    gaps = plan.gaps()
    for images, channels in _few(plan, n, c, g.itemsize):
        shape = (images.stop - images.start, channels.stop - channels.start)
        padded = np.zeros((*shape, *plan.reach), g.dtype)
        for t in range(times):
            part = g[images, channels, t]
            if gaps:
                part = _gapped(plan, part)
                runs = padded.reshape(*shape, length)
                there = [runs[..., at : at + part.shape[-1]] for at in begin]
            else:
                there = [padded[(..., *index)] for index in plan.taken()]
            ones = (1,) * (part.ndim - 2)
            for tap, view in enumerate(there):
                view += part * weights[channels, t, tap].reshape(-1, *ones)
        into[images, channels] = padded[(slice(None), slice(None), *plan.inner)]


def _depthwise_weight(plan: Plan, x: Array, g: Array) -> Array:
    n, c = x.shape[:2]
    times = g.shape[1] // c
    total = np.zeros((c, times, plan.taps), x.dtype)
    g = g.reshape(n, c, times, *plan.outputs)
    length, begin = plan.flat()
    gaps = plan.gaps()
    for images, channels in _few(plan, n, c, x.itemsize):
        padded = _padded(plan, x[images, channels])
        for t in range(times):
            part = g[images, channels, t]
            if gaps:
                part = _gapped(plan, part)
                runs = padded.reshape(*padded.shape[:2], length)
                seen = [runs[..., at : at + part.shape[-1]] for at in begin]
            else:
                part = part.reshape(*part.shape[:2], -1)
                seen = [padded[(..., *i)].reshape(part.shape) for i in plan.taken()]
            for tap, other in enumerate(seen):
                # Of complex numbers, without conjugating.
                product = np.vecdot(part.conj() if part.dtype.kind == "c" else part, other)
                total[channels, t, tap] += product.sum(axis=0)
    return total
