"""How NumPy lays the windows of a convolution side by side, and adds them up again.

They come in blocks: as many as fit into the cache, so that copying them costs little beside the
product of matrices that they are copied for, and some hundreds at least, so that the product is
worth calling. No more than one block is ever copied.

========== =====================================================================================
`Blocks`   any windows
`Same`     an image keeps its width: a tap takes one run of memory, but for elements at the edges
`Gapped`   each line gets some elements that mean nothing, and a tap takes one run again
`Packed`   any windows, by a kernel of Numba
========== =====================================================================================
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from xpgrad.windowed import Ints, Steps
from xpgrad_backends import numba_kernels as kernels

Array = Any
Block = tuple[int, int, int, int]  # the first image and behind the last one, the same of columns

BLOCK = 2**21  # bytes of windows in a block: about the cache of one core
COLUMNS = 256  # but at least so many windows, if there are
RUN = 10  # what it costs to begin copying a run of memory, in numbers copied
PRODUCT = 0.1  # what a multiplication within a product of matrices costs, in the same
ALL = slice(None)


class Plan:
    """The lengths of one convolution, and how to go over it block by block."""

    def __init__(
        self, kernel: Ints, outputs: Ints, inputs: Ints, stride: Ints, padding: Ints,
        dilation: Ints, channels: int, itemsize: int,
    ) -> None:  # fmt: skip
        self.kernel, self.outputs, self.stride, self.dilation = (
            kernel, tuple(outputs), stride, dilation,
        )  # fmt: skip
        self.inputs, self.padding, self.channels = tuple(inputs), padding, channels
        self.reach = Steps(kernel, outputs, stride, dilation).reach()  # of the padded input
        self.taps = math.prod(kernel)
        self.places = math.prod(outputs)
        used = [max(min(m, r - p), 0) for m, r, p in zip(inputs, self.reach, padding, strict=True)]
        self.read = tuple(slice(0, u) for u in used)  # of the input
        self.inner = tuple(slice(p, p + u) for p, u in zip(padding, used, strict=True))
        self.exact = tuple(inputs) == self.reach and not any(padding)  # the input as it is
        self.width = max(COLUMNS, BLOCK // (channels * self.taps * itemsize))  # of a block
        self.images = max(1, self.width // self.places)  # in it
        self.known: dict[Any, Any] = {}

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

    def remembered(self, function: Callable[[Plan], Any]) -> Any:
        """What a function makes of the plan, and made of it before."""
        found = self.known.get(function)
        if found is None:
            found = self.known[function] = function(self)
        return found

    def taken(self) -> list[tuple[slice, ...]]:
        """For each tap, what it takes of the padded input."""
        steps = Steps(self.kernel, self.outputs, self.stride, self.dilation)
        return [index[2:] for _, index in steps]

    def blocks(self, f: int, like: Array, adding: bool = False) -> Blocks:
        """How to copy windows for a product of `f` rows, or how to add them up.

        Of arrays `like` one, which matters to what is there for it.

        With gaps runs of memory are longer, but so is the product, and gaps have to be left out of
        its result again.
        """
        simple = self.taps > 1 and len(self.reach) <= 3 and like.dtype.char in "fd"
        if simple and like.size >= kernels.LARGE and kernels.kernel("columns") is not None:
            return Packed(self)
        if self.taps == 1 or len(self.reach) == 1:
            return Blocks(self)
        strided = set(self.stride) != {1}
        if not strided and self.inputs[1:] == self.outputs[1:] and self.places <= 2 * self.width:
            return Same(self)
        found = Gapped(self)
        spread = found.length / self.places
        if self.images == 1:  # the last lines of an image need not be there
            spread = math.prod(found.space[1:]) / math.prod(self.outputs[1:])
        run = RUN * (1 + adding + strided)
        saved = run / self.outputs[-1] * (1 - f / (self.channels * self.taps))
        return found if (spread - 1) * (1 + f * PRODUCT) < saved else Blocks(self)


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

    def canvas(self, into: Array) -> Array:
        """Where to add what images get, which are zero: (channel, image, *space), padded."""
        return np.zeros((into.shape[1], len(into), *self.plan.reach), into.dtype)

    def add(self, found: Array, canvas: Array, a: int, b: int) -> None:
        """Add (group, tap, channel, column) to what the taps take of (channel, image, *space)."""
        plan = self.plan
        groups, images, step = found.shape[0], canvas.shape[1], plan.stride[0]
        first, last = a // self.line, b // self.line
        parts = found.reshape(*found.shape[:3], images, last - first, *plan.outputs[1:])
        there = canvas.reshape(groups, -1, images, *plan.reach)
        for tap, (lines, *others) in enumerate(plan.taken()):
            begin = lines.start + first * step
            end = begin + (last - first - 1) * step + 1
            there[(..., slice(begin, end, step), *others)] += parts[:, tap]

    def finish(self, canvas: Array, into: Array) -> None:
        """Copy what is not padding to the images."""
        inner = canvas[(ALL, ALL, *self.plan.inner)]
        into[(ALL, ALL, *self.plan.read)] = inner.swapaxes(0, 1)


class Same(Blocks):
    """Blocks of whole images that keep their width, where windows lie at every place (stride 1).

    What a tap takes is one run of memory again, but for the elements at the edges: a run goes on at
    the other end of the next line.
    """

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self.lines = plan.outputs[0]
        total = math.prod(plan.inputs)
        strides = [math.prod(plan.inputs[i + 1 :]) for i in range(len(plan.inputs))]
        self.runs: list[tuple[slice, slice, list[tuple[Any, ...]]]] = []
        for k in np.ndindex(*plan.kernel):
            shifts = [i * d - p for i, d, p in zip(k, plan.dilation, plan.padding, strict=True)]
            at = sum(shift * s for shift, s in zip(shifts, strides, strict=True))
            low = max(0, -at)
            high = max(min(plan.places, total - at), low)
            beyond = []
            for axis, (shift, n) in enumerate(zip(shifts, plan.outputs, strict=True)):
                if axis and shift:
                    edge = slice(max(n - shift, 0), n) if shift > 0 else slice(0, min(-shift, n))
                    beyond.append((..., edge, *(ALL,) * (len(plan.outputs) - axis - 1)))
            self.runs.append((slice(low, high), slice(low + at, high + at), beyond))

    def windows(self, x: Array) -> Iterator[tuple[Block, Array]]:
        plan = self.plan
        n, c = x.shape[:2]
        flat = x.reshape(n, c, -1)
        block: Array = None
        for i, j in plan.ranges(n):
            if block is None or block.shape[2] != j - i:
                # Nobody ever writes to what lies before the first line and behind the last one.
                block = np.zeros((c, plan.taps, j - i, plan.places), x.dtype)
                lines = block.reshape(*block.shape[:3], *plan.outputs)
            images = flat[i:j].swapaxes(0, 1)
            for tap, (here, there, beyond) in enumerate(self.runs):
                block[:, tap, :, here] = images[:, :, there]
                for edge in beyond:
                    lines[:, tap][edge] = 0
            yield (i, j, 0, plan.places), block.reshape(c * plan.taps, -1)

    def canvas(self, into: Array) -> Array:
        return np.zeros((into.shape[1], len(into), *self.plan.inputs), into.dtype)

    def finish(self, canvas: Array, into: Array) -> None:
        into[...] = canvas.swapaxes(0, 1)

    def add(self, found: Array, canvas: Array, a: int, b: int) -> None:
        groups, _, c, _ = found.shape
        parts = found.reshape(*found.shape[:3], canvas.shape[1], -1)
        lines = found.reshape(*parts.shape[:4], *self.plan.outputs)
        into = canvas.reshape(groups, c, canvas.shape[1], -1)
        for tap, (here, there, beyond) in enumerate(self.runs):
            for edge in beyond:
                lines[:, tap][edge] = 0
            into[..., there] += parts[:, tap, ..., here]


class Gapped(Blocks):
    """Blocks whose columns are the places of images as long as windows reach.

    The last ones of each line mean nothing, and what a tap takes is one run of memory. With a
    stride, an image falls into phases (that of the first, of the second element of every step), and
    each tap takes from one of them.
    """

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        ways = [
            [divmod(k * d, s) for k in range(n)]
            for n, d, s in zip(plan.kernel, plan.dilation, plan.stride, strict=True)
        ]
        self.space = tuple(o + max(way)[0] for o, way in zip(plan.outputs, ways, strict=True))
        self.length = math.prod(self.space)
        strides = [math.prod(self.space[i + 1 :]) for i in range(len(self.space))]
        used = [sorted({phase for _, phase in way}) for way in ways]
        phases = list(itertools.product(*used))
        self.taps = []  # of which phase, and from where on
        for k in np.ndindex(*plan.kernel):
            steps = [way[i] for i, way in zip(k, ways, strict=True)]
            at = sum(step * s for (step, _), s in zip(steps, strides, strict=True))
            self.taps.append((phases.index(tuple(phase for _, phase in steps)), at))
        self.last = max(at for _, at in self.taps)
        self.phases = []  # where in the phase, and of the input
        for phase in phases:
            along = zip(self.space, plan.inputs, plan.stride, plan.padding, phase, strict=True)
            pairs = [_inside(*one) for one in along]
            self.phases.append((tuple(a for a, _ in pairs), tuple(b for _, b in pairs)))
        self.filled: tuple[slice, ...] = tuple(slice(0, o) for o in plan.outputs)
        self.line = math.prod(self.space[1:])

    def columns(self, images: int) -> Iterator[tuple[int, int]]:
        end = images * self.length - self.last
        step = max(1, self.plan.width // self.line) * self.line
        if images > 1 or step >= end:
            return iter([(0, end)])
        end = min(end, self.plan.outputs[0] * self.line)
        return ((a, min(a + step, end)) for a in range(0, end, step))

    def part(self, memory: Array, rows: int, block: Block, dtype: Any) -> tuple[Array, slice]:
        """Memory for a row of each channel with the columns of a block, and its lines.

        It is (channel, image, line, …); what there is already is taken if it has that shape.
        """
        i, j, a, b = block
        if j - i > 1:
            lines = slice(0, self.space[0])
        else:
            lines = slice(a // self.line, min(-(-b // self.line), self.plan.outputs[0]))
        shape = (rows, j - i, lines.stop - lines.start, *self.space[1:])
        if memory is None or memory.shape != shape:
            memory = np.zeros(shape, dtype)
        return memory, lines

    def windows(self, x: Array) -> Iterator[tuple[Block, Array]]:
        plan = self.plan
        n, c = x.shape[:2]
        padded: Array = np.zeros((c, len(self.phases), min(plan.images, n), *self.space), x.dtype)
        runs = padded.reshape(c, len(self.phases), -1)
        memory: Array = None
        for i, j in plan.ranges(n):
            images = x[i:j].swapaxes(0, 1)
            for phase, (here, there) in enumerate(self.phases):
                padded[(ALL, phase, slice(0, j - i), *here)] = images[(ALL, ALL, *there)]
            for a, b in self.columns(j - i):
                if memory is None or memory.shape[2] != b - a:
                    memory = np.empty((c, plan.taps, b - a), x.dtype)
                for tap, (phase, at) in enumerate(self.taps):
                    memory[:, tap] = runs[:, phase, a + at : b + at]
                yield (i, j, a, b), memory.reshape(c * plan.taps, b - a)

    def multiply(self, matrix: Array, windows: Array, out: Array, block: Block) -> None:
        i, j, a, b = block
        self.product, lines = self.part(self.product, out.shape[1], block, out.dtype)
        there = self.product.reshape(*matrix.shape[:-1], -1)[..., : b - a]
        np.matmul(matrix, windows, out=there)
        into = out[i:j].reshape(j - i, out.shape[1], *self.plan.outputs)
        found = self.product[(ALL, ALL, *self.filled)]
        into[:, :, lines] = found.swapaxes(0, 1)

    product: Any = None

    def rows(self, g: Array) -> Callable[[Block], Array]:
        f = g.shape[1]
        gapped: Array = None

        def rows(block: Block) -> Array:
            nonlocal gapped
            i, j, a, b = block
            gapped, lines = self.part(gapped, f, block, g.dtype)
            images = g[i:j, :, lines].swapaxes(0, 1)
            gapped[(ALL, ALL, slice(0, images.shape[2]), *self.filled[1:])] = images
            return gapped.reshape(f, -1)[:, : b - a]

        return rows

    def canvas(self, into: Array) -> Array:
        return np.zeros((into.shape[1], len(self.phases), len(into), *self.space), into.dtype)

    def add(self, found: Array, canvas: Array, a: int, b: int) -> None:
        there = canvas.reshape(found.shape[0], found.shape[2], len(self.phases), -1)
        for tap, (phase, at) in enumerate(self.taps):
            there[:, :, phase, a + at : b + at] += found[:, tap]

    def finish(self, canvas: Array, into: Array) -> None:
        images = into.swapaxes(0, 1)
        for phase, (here, there) in enumerate(self.phases):
            images[(ALL, ALL, *there)] = canvas[(ALL, phase, ALL, *here)]


class Packed(Blocks):
    """Blocks that a kernel fills, and takes apart: no memory but theirs, and no gaps."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        taken = max(COLUMNS, plan.width // 4)  # few: they are read once more, out of the cache
        plan.images = min(plan.images, -(-taken // plan.places))

    def windows(self, x: Array) -> Iterator[tuple[Block, Array]]:
        plan, rows = self.plan, x.shape[1] * self.plan.taps
        memory = np.empty(rows * min(plan.images, len(x)) * self.lines * self.line, x.dtype)
        for i, j in plan.ranges(len(x)):
            for a, b in self.columns(j - i):
                block = memory[: rows * (j - i) * (b - a)].reshape(rows, -1)
                if kernels.compiled("columns", plan, x[i:j], a, b, block) is None:
                    yield from super().windows(x)  # it was the first one
                    return
                yield (i, j, a, b), block

    def canvas(self, into: Array) -> Array:
        return into

    def add(self, found: Array, canvas: Array, a: int, b: int) -> None:
        if kernels.compiled("columns_added", self.plan, found, a, b, canvas) is None:
            padded = super().canvas(canvas)
            super().add(found, padded, a, b)
            inner = padded[(ALL, ALL, *self.plan.inner)].swapaxes(0, 1)
            canvas[(ALL, ALL, *self.plan.read)] += inner

    def finish(self, canvas: Array, into: Array) -> None:
        pass
