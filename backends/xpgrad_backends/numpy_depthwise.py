"""Convolution on NumPy with kernels for each channel alone.

There is no product of matrices in it: each tap takes a multiple of a shifted image. With the images
of a channel one behind the other, the multiple is by one number, of a run that the cache holds.
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

    def ranges(self) -> Iterator[tuple[int, int]]:
        """Which images make a run."""
        return ((i, min(i + self.images, self.n)) for i in range(0, self.n, self.images))

    def seen(self, images: int) -> list[Array]:
        """What each tap takes of the input."""
        size = self.size(images)
        runs = self.input.reshape(len(self.input), -1)
        return [runs[phase, at : at + size] for phase, at in self.gaps.taps]

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


def forward(plan: Plan, x: Array, w: Array) -> Array:
    """The convolution."""
    n, c = x.shape[:2]
    times = w.shape[0] // c
    weights = w.reshape(c, times, plan.taps).tolist()
    out = np.empty((n, c, times, *plan.outputs), x.dtype)
    runs = Runs(plan, n, x.dtype)
    for i, j in runs.ranges():
        first, *others = runs.seen(j - i)
        total, product = np.empty_like(first), np.empty_like(first)
        places = runs.places(total, j - i)
        for channel in range(c):
            runs.read(x[i:j, channel])
            for t, (weight, *more) in enumerate(weights[channel]):
                np.multiply(first, weight, out=total)
                for part, weight in zip(others, more, strict=True):
                    np.multiply(part, weight, out=product)
                    np.add(total, product, out=total)
                out[i:j, channel, t] = places
    return out.reshape(n, -1, *plan.outputs)


def adjoint(plan: Plan, g: Array, w: Array, out: Array) -> None:
    """What goes to the inputs, which are zero."""
    n, c = out.shape[:2]
    times = w.shape[0] // c
    weights = w.reshape(c, times, plan.taps).tolist()
    g = g.reshape(n, c, times, *plan.outputs)
    runs = Runs(plan, n, g.dtype)
    for i, j in runs.ranges():
        seen = runs.seen(j - i)
        product = np.empty_like(seen[0])
        for channel in range(c):
            runs.input[...] = 0
            for t in range(times):
                run = runs.gapped(g[i:j, channel, t])
                for part, weight in zip(seen, weights[channel][t], strict=True):
                    np.multiply(run, weight, out=product)
                    np.add(part, product, out=part)
            runs.write(out[i:j, channel])


def weight(plan: Plan, x: Array, g: Array) -> Array:
    """What goes to the kernels: (channel, times, tap)."""
    n, c = x.shape[:2]
    times = g.shape[1] // c
    total = np.zeros((c, times, plan.taps), x.dtype)
    g = g.reshape(n, c, times, *plan.outputs)
    runs = Runs(plan, n, x.dtype)
    for i, j in runs.ranges():
        seen = runs.seen(j - i)
        for channel in range(c):
            runs.read(x[i:j, channel])
            for t in range(times):
                run = runs.gapped(g[i:j, channel, t])
                total[channel, t] += [run.dot(part) for part in seen]
    return total
