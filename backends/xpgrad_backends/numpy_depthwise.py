"""Convolution on NumPy with kernels for each channel alone.

With the images of a channel one behind the other, each tap takes a multiple of a shifted run. Lines
of a kernel are rows of a small matrix: it times the runs that one line takes gives what all lines
would, and these are added up, each from where it begins. So only the taps of one line are copied.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from xpgrad_backends.numpy_windows import Gapped, Plan

Array = Any

LONG = 2**14  # numbers in a run that the cache holds


class Runs:
    """The images of one channel one behind the other, in phases, each with gaps (see `Gapped`)."""

    def __init__(self, plan: Plan, n: int, dtype: Any) -> None:
        self.gaps = gaps = Gapped(plan)
        self.outputs = plan.outputs
        self.n = n
        self.images = min(n, max(1, LONG // gaps.length))
        self.input = np.zeros((len(gaps.phases), self.images, *gaps.space), dtype)
        self.output = np.zeros((self.images, *gaps.space), dtype)
        width = plan.kernel[-1]
        lines = [gaps.taps[i : i + width] for i in range(0, plan.taps, width)]
        self.along = [at for _, at in lines[0]]  # where the taps of a line begin
        self.begins = [line[0][1] for line in lines]  # where lines do
        self.groups: dict[tuple[int, ...], list[int]] = {}  # lines that take of the same phases
        for i, line in enumerate(lines):
            self.groups.setdefault(tuple(phase for phase, _ in line), []).append(i)

    def ranges(self) -> Iterator[tuple[int, int]]:
        """Which images make a run."""
        return ((i, min(i + self.images, self.n)) for i in range(0, self.n, self.images))

    def length(self, images: int) -> int:
        """The length of the runs that the taps of a line take."""
        return images * self.gaps.length - self.along[-1]

    def seen(self, phases: tuple[int, ...], images: int) -> list[Array]:
        """What each tap of a line takes of the input: views."""
        size = self.length(images)
        runs = self.input.reshape(len(self.input), -1)
        return [runs[p, at : at + size] for p, at in zip(phases, self.along, strict=True)]

    def taps(self) -> list[tuple[Array, int]]:
        """The run that each tap takes a part of, and from where on."""
        runs = self.input.reshape(len(self.input), -1)
        return [(runs[phase], at) for phase, at in self.gaps.taps]

    def size(self, images: int) -> int:
        """The length of a run of outputs."""
        return images * self.gaps.length - self.gaps.last

    def places(self, run: Array, images: int) -> Array:
        """The outputs in a run, without the gaps: a view."""
        return as_strided(run, (images, *self.outputs), self.output.strides)

    def read(self, x: Array) -> None:
        """Copy images of a channel to the input."""
        for phase, (here, there) in zip(self.input, self.gaps.phases, strict=True):
            phase[(slice(0, len(x)), *here)] = x[(slice(None), *there)]

    def write(self, x: Array) -> None:
        """Copy the input to images of a channel."""
        for phase, (here, there) in zip(self.input, self.gaps.phases, strict=True):
            x[(slice(None), *there)] = phase[(slice(0, len(x)), *here)]

    def gapped(self, g: Array) -> Array:
        """Outputs of a channel as a run, zeros in the gaps."""
        self.output[(slice(0, len(g)), *self.gaps.filled)] = g
        return self.output.reshape(-1)[: self.size(len(g))]


def multiply(matrix: Array, rows: Array, out: Array) -> None:
    """The product of a matrix with runs: of one run its multiples, on which BLAS wastes time."""
    if len(rows) == 1:
        np.multiply(matrix, rows, out=out)
    else:
        np.dot(matrix, rows, out=out)


def forward(plan: Plan, x: Array, w: Array) -> Array:
    """The convolution."""
    n, c = x.shape[:2]
    times = w.shape[0] // c
    out = np.empty((n, c, times, *plan.outputs), x.dtype)
    runs = Runs(plan, n, x.dtype)
    weights = w.reshape(c, times, -1, plan.kernel[-1])
    for i, j in runs.ranges():
        size, length = runs.size(j - i), runs.length(j - i)
        copies = np.empty((plan.kernel[-1], length), x.dtype)
        total = np.empty((times, size), x.dtype)
        places = [runs.places(run, j - i) for run in total]
        steps = []  # the runs that lines take, their weights and products, the outputs in these
        for phases, lines in runs.groups.items():
            matrix = weights[:, :, lines].reshape(c, -1, plan.kernel[-1])
            made = np.empty((matrix.shape[1], length), x.dtype)
            rows = made.reshape(times, len(lines), length)
            begins = [runs.begins[line] for line in lines]
            parts = [rows[:, k, at : at + size] for k, at in enumerate(begins)]
            steps.append((runs.seen(phases, j - i), matrix, made, parts))
        for channel in range(c):
            runs.read(x[i:j, channel])
            fresh = True
            for seen, matrix, made, parts in steps:
                for copy, part in zip(copies, seen, strict=True):
                    copy[...] = part
                multiply(matrix[channel], copies, made)
                for part in parts:
                    if fresh:
                        total[...] = part
                    else:
                        np.add(total, part, out=total)
                    fresh = False
            for t in range(times):
                out[i:j, channel, t] = places[t]
    return out.reshape(n, -1, *plan.outputs)


def adjoint(plan: Plan, g: Array, w: Array, out: Array) -> None:
    """What goes to the inputs, which are zero."""
    n, c = out.shape[:2]
    times = w.shape[0] // c
    g = g.reshape(n, c, times, *plan.outputs)
    runs = Runs(plan, n, g.dtype)
    weights = w.reshape(c, times, -1, plan.kernel[-1]).transpose(0, 3, 2, 1)
    for i, j in runs.ranges():
        size, length = runs.size(j - i), runs.length(j - i)
        made = np.empty((plan.kernel[-1], length), g.dtype)
        steps = []  # where a run of outputs goes, all of them, their weights, the runs of inputs
        for phases, lines in runs.groups.items():
            matrix = weights[:, :, lines].reshape(c, plan.kernel[-1], -1)
            given = np.zeros((len(lines), times, length), g.dtype)
            begins = [runs.begins[line] for line in lines]
            parts = [rows[:, at : at + size] for rows, at in zip(given, begins, strict=True)]
            steps.append((parts, given.reshape(-1, length), matrix, runs.seen(phases, j - i)))
        for channel in range(c):
            runs.input[...] = 0
            for t in range(times):
                run = runs.gapped(g[i:j, channel, t])
                for parts, *_ in steps:
                    for part in parts:
                        part[t] = run
            for _, given, matrix, seen in steps:
                multiply(matrix[channel], given, made)
                for part, row in zip(seen, made, strict=True):
                    np.add(part, row, out=part)
            runs.write(out[i:j, channel])


def weight(plan: Plan, x: Array, g: Array) -> Array:
    """What goes to the kernels: (channel, times, tap)."""
    n, c = x.shape[:2]
    times = g.shape[1] // c
    total = np.zeros((c, times, plan.taps), x.dtype)
    g = g.reshape(n, c, times, *plan.outputs)
    runs = Runs(plan, n, x.dtype)
    for i, j in runs.ranges():
        size = runs.size(j - i)
        seen = [run[at : at + size] for run, at in runs.taps()]
        for channel in range(c):
            runs.read(x[i:j, channel])
            for t in range(times):
                run = runs.gapped(g[i:j, channel, t])
                total[channel, t] += [run.dot(part) for part in seen]
    return total
