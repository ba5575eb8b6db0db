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
Block = tuple[int, int, int, int]  # the first image and behind the last one, the same of columns

BLOCK = 2**20  # bytes of windows in a block: about the cache of one core
COLUMNS = 256  # but at least so many windows, if there are
RUN = 10  # what it costs to begin copying a run of memory, in numbers copied
PRODUCT = 0.1  # what a multiplication within a product of matrices costs, in the same
ALL = slice(None)


def _in_single(function: Callable[..., Array]) -> Callable[..., Array]:
    """Half precision has no products of matrices: compute in single."""

    @functools.wraps(function)
    def call(self: Any, x: Array, y: Array, *settings: Any) -> Array:
        if x.dtype.char == "e":
            wide = function(self, x.astype(np.float32), y.astype(np.float32), *settings)
            return wide.astype(np.float16)
        return function(self, x, y, *settings)

    return call


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
        matrix = w.reshape(groups, f // groups, -1)
        out = np.empty((n, f, plan.places), x.dtype)
        blocks = plan.blocks(f)
        for block, windows in blocks.windows(x):
            if groups == 1:
                blocks.multiply(matrix[0], windows, out, block)
            else:
                windows = windows.reshape(groups, -1, windows.shape[1])
                blocks.multiply(matrix, windows, out, block)
        return out.reshape(n, f, *size)

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
            return _depthwise_weight(plan, x, g).reshape(shape)
        blocks = plan.blocks(f)
        rows = blocks.rows(g)
        total = None
        for block, windows in blocks.windows(x):
            part = rows(block)
            if groups > 1:
                part = part.reshape(groups, f // groups, -1)
                windows = windows.reshape(groups, -1, windows.shape[1])
            product = np.matmul(windows, part.mT)  # faster than the other way round
            total = product if total is None else np.add(total, product, out=total)
        assert total is not None
        return np.ascontiguousarray(total.mT).reshape(shape)

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
        whole = all(s.stop - s.start == m for s, m in zip(plan.inner, size, strict=True))
        out = (np.empty if whole else np.zeros)((n, c, *size), g.dtype)
        into = out[(ALL, ALL, *plan.read)]
        if w.shape[1] == 1 and groups > 1:
            _depthwise_input(plan, g, w, into)
            return out
        matrix = np.moveaxis(split, (1, 2), (-1, -2)).reshape(groups, -1, f // groups)
        blocks = plan.blocks(f, adding=True)
        rows = blocks.rows(g)
        for i, j in plan.ranges(n):
            padded = np.zeros((c, j - i, *plan.reach), g.dtype)
            for a, b in blocks.columns(j - i):
                part = rows((i, j, a, b)).reshape(groups, f // groups, -1)
                found = np.matmul(matrix, part)
                blocks.add(found.reshape(groups, plan.taps, c // groups, -1), padded, a, b)
            into[i:j] = padded[(ALL, ALL, *plan.inner)].swapaxes(0, 1)
        return out


class Plan:
    """The lengths of one convolution, and how to go over it block by block."""

    def __init__(
        self, kernel: Ints, outputs: Ints, inputs: Ints, stride: Ints, padding: Ints,
        dilation: Ints, channels: int, itemsize: int,
    ) -> None:  # fmt: skip
        self.kernel, self.outputs, self.stride, self.dilation = kernel, outputs, stride, dilation
        self.inputs, self.padding, self.channels = inputs, padding, channels
        self.reach = Steps(kernel, outputs, stride, dilation).reach()  # of the padded input
        self.length = math.prod(self.reach)
        self.taps = math.prod(kernel)
        self.places = math.prod(outputs)
        used = [max(min(m, r - p), 0) for m, r, p in zip(inputs, self.reach, padding, strict=True)]
        self.read = tuple(slice(0, u) for u in used)  # of the input
        self.inner = tuple(slice(p, p + u) for p, u in zip(padding, used, strict=True))
        self.exact = tuple(inputs) == self.reach and not any(padding)  # the input as it is
        self.width = max(COLUMNS, BLOCK // (channels * self.taps * itemsize))  # of a block
        self.images = max(1, self.width // self.places)  # in it

    def ranges(self, n: int) -> Iterator[tuple[int, int]]:
        """Which images make a block."""
        return ((i, min(i + self.images, n)) for i in range(0, n, self.images))

    @functools.cached_property
    def within(self) -> list[tuple[tuple[slice, ...], tuple[slice, ...]]]:
        """For each tap, which windows have it inside of the input, and where that is."""
        along = [
            [_inside(*one, k * d) for k in range(taps)]
            for one, taps, d in zip(
                zip(self.outputs, self.inputs, self.stride, self.padding, strict=True),
                self.kernel,
                self.dilation,
                strict=True,
            )
        ]
        found = []
        for k in np.ndindex(*self.kernel):
            pairs = [spans[i] for spans, i in zip(along, k, strict=True)]
            found.append((tuple(w for w, _ in pairs), tuple(t for _, t in pairs)))
        return found

    def taken(self) -> list[tuple[slice, ...]]:
        """For each tap, what it takes of the padded input."""
        steps = Steps(self.kernel, self.outputs, self.stride, self.dilation)
        return [index[2:] for _, index in steps]

    def begin(self) -> list[int]:
        """For each tap, where in a padded image it begins to take."""
        strides = [math.prod(self.reach[i + 1 :]) for i in range(len(self.reach))]
        return [
            sum(i * d * s for i, d, s in zip(k, self.dilation, strides, strict=True))
            for k in np.ndindex(*self.kernel)
        ]

    def padded(self, x: Array) -> Array:
        """An input with the zeros around it."""
        if self.exact:
            return x
        out = np.zeros((*x.shape[:2], *self.reach), x.dtype)
        out[(ALL, ALL, *self.inner)] = x[(ALL, ALL, *self.read)]
        return out

    def blocks(self, f: int, adding: bool = False) -> Blocks:
        """How to copy windows for a product of `f` rows, or how to add them up.

        With gaps runs of memory are longer, but so is the product, and gaps have to be left out of
        its result again.
        """
        if set(self.stride) == {1} and self.taps > 1 and len(self.reach) > 1:
            waste = math.prod(self.reach[1:]) / math.prod(self.outputs[1:]) - 1
            if self.images > 1:
                waste = self.length / self.places - 1
            run = RUN * (1 + adding)
            saved = run / self.outputs[-1] * (1 - f / (self.channels * self.taps))
            if waste * (1 + f * PRODUCT) < saved:
                return Gapped(self)
        return Blocks(self)


def _inside(outputs: int, inputs: int, stride: int, padding: int, at: int) -> tuple[slice, slice]:
    """Which windows have an element `at` in them that there is, and which ones these are."""
    before = padding - at
    low = max(-(-before // stride), 0)
    high = min((inputs - 1 + before) // stride + 1, outputs)
    if high <= low:
        return slice(0, 0), slice(0, 0)
    start = low * stride - before
    return slice(low, high), slice(start, start + (high - low - 1) * stride + 1, stride)


class Blocks:
    """Blocks whose columns are the outputs of some images, or some lines of one image's."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.line = plan.places // plan.outputs[0]
        self.lines = plan.outputs[0]  # of an image, in one block
        if plan.places > plan.width:
            self.lines = -(-self.lines // -(-plan.places // plan.width))

    def columns(self, images: int) -> Iterator[tuple[int, int]]:
        """Which places of each image are the columns of a block."""
        step, places = self.lines * self.line, self.plan.places
        return ((a, min(a + step, places)) for a in range(0, places, step))

    def windows(self, x: Array) -> Iterator[tuple[Block, Array]]:
        """The blocks: rows are (channel, *kernel), columns (image, place). The next overwrites."""
        plan = self.plan
        if not plan.exact and self.lines == plan.outputs[0]:
            yield from self._bordered(x)
            return
        n, c = x.shape[:2]
        source = x
        if not plan.exact:
            source = np.zeros((min(plan.images, n), c, *plan.reach), x.dtype)
        along = source.strides[2:]
        view = as_strided(
            source,
            (c, *plan.kernel, source.shape[0], *plan.outputs),
            (
                source.strides[1],
                *(s * d for s, d in zip(along, plan.dilation, strict=True)),
                source.strides[0],
                *(s * d for s, d in zip(along, plan.stride, strict=True)),
            ),
        )
        rows = (ALL,) * (len(plan.kernel) + 1)
        memory = np.empty(c * plan.taps * min(plan.images, n) * self.lines * self.line, x.dtype)
        for i, j in plan.ranges(n):
            if plan.exact:
                seen = view[(*rows, slice(i, j))]
            else:
                there = x[(slice(i, j), ALL, *plan.read)]
                source[(slice(0, j - i), ALL, *plan.inner)] = there
                seen = view[(*rows, slice(0, j - i))]
            for a, b in self.columns(j - i):
                part = seen[(*rows, ALL, slice(a // self.line, b // self.line))]
                block = memory[: part.size]
                block.reshape(part.shape)[...] = part
                yield (i, j, a, b), block.reshape(c * plan.taps, -1)

    def _bordered(self, x: Array) -> Iterator[tuple[Block, Array]]:
        """The same of whole images: what lies outside is zero in every block, and written once."""
        plan = self.plan
        n, c = x.shape[:2]
        block: Array = None
        for i, j in plan.ranges(n):
            if block is None or block.shape[2] != j - i:
                block = np.zeros((c, plan.taps, j - i, *plan.outputs), x.dtype)
            images = x[i:j].swapaxes(0, 1)
            for tap, (windows, there) in enumerate(plan.within):
                block[(ALL, tap, ALL, *windows)] = images[(ALL, ALL, *there)]
            yield (i, j, 0, plan.places), block.reshape(c * plan.taps, -1)

    def multiply(self, matrix: Array, windows: Array, out: Array, block: Block) -> None:
        """Write a product of matrices to the outputs."""
        i, j, a, b = block
        if j == i + 1:
            there = out[i].reshape(*matrix.shape[:-1], self.plan.places)[..., a:b]
            np.matmul(matrix, windows, out=there)
        else:
            found = np.matmul(matrix, windows).reshape(out.shape[1], j - i, b - a)
            out[i:j, :, a:b] = found.swapaxes(0, 1)

    def rows(self, g: Array) -> Callable[[Block], Array]:
        """What gives outputs with one row for each channel and the columns of a block."""
        n, f = g.shape[:2]
        flat = g.reshape(n, f, self.plan.places)

        def rows(block: Block) -> Array:
            i, j, a, b = block
            if j == i + 1:
                return flat[i, :, a:b]
            return flat[i:j, :, a:b].swapaxes(0, 1).reshape(f, -1)

        return rows

    def add(self, found: Array, padded: Array, a: int, b: int) -> None:
        """Add (group, tap, channel, column) to what the taps take of (channel, image, *space)."""
        plan = self.plan
        groups, images, step = found.shape[0], padded.shape[1], plan.stride[0]
        first, last = a // self.line, b // self.line
        parts = found.reshape(*found.shape[:3], images, last - first, *plan.outputs[1:])
        there = padded.reshape(groups, -1, images, *plan.reach)
        for tap, (lines, *others) in enumerate(plan.taken()):
            begin = lines.start + first * step
            end = begin + (last - first - 1) * step + 1
            there[(..., slice(begin, end, step), *others)] += parts[:, tap]


class Gapped(Blocks):
    """Blocks whose columns are the places of padded images, of which the last ones mean nothing.

    What a tap takes is then one run of memory, where windows lie at every place (stride 1).
    """

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self.begin = plan.begin()
        self.filled = tuple(slice(0, o) for o in plan.outputs)
        self.memory: Array = None

    def columns(self, images: int) -> Iterator[tuple[int, int]]:
        count = images * self.plan.length - self.begin[-1]
        width = -(-count // -(-count // self.plan.width))
        return ((a, min(a + width, count)) for a in range(0, count, width))

    def windows(self, x: Array) -> Iterator[tuple[Block, Array]]:
        plan = self.plan
        n, c = x.shape[:2]
        padded = np.zeros((c, min(plan.images, n), *plan.reach), x.dtype)
        runs = padded.reshape(c, -1)
        memory = np.empty(c * plan.taps * min(plan.width, runs.shape[1]), x.dtype)
        for i, j in plan.ranges(n):
            there = x[(slice(i, j), ALL, *plan.read)]
            padded[(ALL, slice(0, j - i), *plan.inner)] = there.swapaxes(0, 1)
            for a, b in self.columns(j - i):
                block = memory[: c * plan.taps * (b - a)].reshape(c, plan.taps, b - a)
                for tap, at in enumerate(self.begin):
                    block[:, tap] = runs[:, a + at : b + at]
                yield (i, j, a, b), block.reshape(c * plan.taps, b - a)

    def multiply(self, matrix: Array, windows: Array, out: Array, block: Block) -> None:
        plan, f = self.plan, out.shape[1]
        i, j, a, b = block
        if self.memory is None:
            self.memory = np.empty((f, (j - i) * plan.length), out.dtype)
        there = self.memory.reshape(*matrix.shape[:-1], -1)[..., a:b]
        np.matmul(matrix, windows, out=there)
        if b == (j - i) * plan.length - self.begin[-1]:  # the last columns of these images
            found = self.memory[:, : (j - i) * plan.length].reshape(f, j - i, *plan.reach)
            into = out[i:j].reshape(j - i, f, *plan.outputs)
            into[...] = found[(ALL, ALL, *self.filled)].swapaxes(0, 1)

    def rows(self, g: Array) -> Callable[[Block], Array]:
        n, f = g.shape[:2]
        gapped = np.zeros((f, min(self.plan.images, n), *self.plan.reach), g.dtype)

        def rows(block: Block) -> Array:
            i, j, a, b = block
            if not a:
                gapped[(ALL, slice(0, j - i), *self.filled)] = g[i:j].swapaxes(0, 1)
            return gapped.reshape(f, -1)[:, a:b]

        return rows

    def add(self, found: Array, padded: Array, a: int, b: int) -> None:
        there = padded.reshape(found.shape[0], found.shape[2], -1)
        for tap, at in enumerate(self.begin):
            there[..., a + at : b + at] += found[:, tap]


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


# ------------------------------------------------------------------ a kernel for each channel
#
# There is no product of matrices in it: each tap is a multiple of a shifted image. With the images
# of a channel one behind the other, the multiple is by one number, of a run that the cache holds.

LONG = 2**14  # numbers in a run that the cache holds


def _channels(plan: Plan, n: int) -> int:
    """How many images go into a run."""
    return min(n, max(1, LONG // plan.length))


def _depthwise(plan: Plan, x: Array, w: Array) -> Array:
    n, c = x.shape[:2]
    times = w.shape[0] // c
    weights = w.reshape(c, times, plan.taps).tolist()
    out = np.empty((n, c, times, *plan.outputs), x.dtype)
    images = _channels(plan, n)
    gaps = set(plan.stride) == {1}
    padded = np.zeros((images, *plan.reach), x.dtype)
    run = padded.reshape(-1)
    total: Array = None
    for i in range(0, n, images):
        j = min(i + images, n)
        if gaps:
            size = (j - i) * plan.length - plan.begin()[-1]
            seen = [run[at : at + size] for at in plan.begin()]
            crop = padded[(slice(0, j - i), *(slice(0, o) for o in plan.outputs))].strides
        else:
            seen = [padded[(slice(0, j - i), *index)] for index in plan.taken()]
        total, product = (np.empty(seen[0].shape, x.dtype) for _ in range(2))
        if gaps:
            result = as_strided(total, (j - i, *plan.outputs), crop)
        else:
            result = total
        for channel in range(c):
            padded[(slice(0, j - i), *plan.inner)] = x[(slice(i, j), channel, *plan.read)]
            for t in range(times):
                first, *rest = weights[channel][t]
                np.multiply(seen[0], first, out=total)
                for part, weight in zip(seen[1:], rest, strict=True):
                    np.multiply(part, weight, out=product)
                    np.add(total, product, out=total)
                out[i:j, channel, t] = result
    return out.reshape(n, -1, *plan.outputs)


def _depthwise_input(plan: Plan, g: Array, w: Array, into: Array) -> None:
    n, c = into.shape[:2]
    times = w.shape[0] // c
    weights = w.reshape(c, times, plan.taps).tolist()
    g = g.reshape(n, c, times, *plan.outputs)
    images = _channels(plan, n)
    for i in range(0, n, images):
        j = min(i + images, n)
        padded = np.empty((j - i, *plan.reach), g.dtype)
        there = [padded[(ALL, *index)] for index in plan.taken()]
        for channel in range(c):
            padded[...] = 0
            for t in range(times):
                part = np.ascontiguousarray(g[i:j, channel, t])
                for view, weight in zip(there, weights[channel][t], strict=True):
                    view += part * weight
            into[i:j, channel] = padded[(ALL, *plan.inner)]


def _depthwise_weight(plan: Plan, x: Array, g: Array) -> Array:
    n, c = x.shape[:2]
    times = g.shape[1] // c
    total = np.zeros((c, times, plan.taps), x.dtype)
    g = g.reshape(n, c, times, *plan.outputs)
    images = _channels(plan, n)
    gaps = set(plan.stride) == {1}
    padded, gapped = (np.zeros((images, *plan.reach), x.dtype) for _ in range(2))
    filled = tuple(slice(0, o) for o in plan.outputs)
    for i in range(0, n, images):
        j = min(i + images, n)
        size = (j - i) * plan.length - plan.begin()[-1]
        for channel in range(c):
            padded[(slice(0, j - i), *plan.inner)] = x[(slice(i, j), channel, *plan.read)]
            if gaps:
                run = padded.reshape(-1)
                seen = [run[at : at + size] for at in plan.begin()]
            else:
                seen = [padded[(slice(0, j - i), *index)].reshape(-1) for index in plan.taken()]
            for t in range(times):
                if gaps:
                    gapped[(slice(0, j - i), *filled)] = g[i:j, channel, t]
                    part = gapped.reshape(-1)[:size]
                else:
                    part = g[i:j, channel, t].reshape(-1)
                total[channel, t] += [part.dot(other) for other in seen]
    return total
