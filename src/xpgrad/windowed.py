"""Convolution as three products, made of what the array API standard has.

Each sums over the positions of the kernel: a slice of the input for each, and one product of
matrices. A backend overrides what its library does better.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

Array = Any
Ints = tuple[int, ...]


class Windowed:
    """The extras of convolution: a part of every `Namespace`.

    With ``x`` of shape (N, C, *inputs), ``w`` of (F, C / groups, *kernel) and ``g`` of
    (N, F, *outputs), all three are partial derivatives of one sum, over the outputs ``o`` and the
    kernel's positions ``k`` (and zero where an input lies outside):

        g[n, f, o] * w[f, c, k] * x[n, c, o * stride - padding + k * dilation]

    ========================================  ======================================================
    ``convolve(x, w, size, …)``               by ``g``: the convolution, with `size` outputs
    ``convolve_input(g, w, size, …)``         by ``x``: the transposed one, for `size` inputs
    ``convolve_weight(x, g, size, …)``        by ``w``: a kernel of `size`
    ========================================  ======================================================

    So each of them has the other two for derivatives. Settings are tuples with a number for each
    dimension of space, and the number of groups.
    """

    def convolve(
        self: Any, x: Array, w: Array, size: Ints, stride: Ints, padding: Ints, dilation: Ints,
        groups: int,
    ) -> Array:  # fmt: skip
        """The convolution of `x` with a kernel, with `size` outputs in each dimension."""
        n, f, kernel = x.shape[0], w.shape[0], tuple(w.shape[2:])
        steps = Steps(kernel, size, stride, dilation)
        x = self._padded(x, padding, steps.reach())
        total = None
        for k, index in steps:
            part = by_group(self, x[index], groups)
            weight = by_group(self, w[:, :, *k], groups, axis=0)
            product = weight * part if w.shape[1] == 1 == f // groups else self.matmul(weight, part)
            total = product if total is None else total + product
        if total is None:
            return self.zeros((n, f, *size), dtype=x.dtype)
        return self.reshape(total, (n, f, *size))

    def convolve_input(
        self: Any, g: Array, w: Array, size: Ints, stride: Ints, padding: Ints, dilation: Ints,
        groups: int,
    ) -> Array:  # fmt: skip
        """What goes to each of `size` inputs of a convolution from its outputs `g`."""
        n, c, kernel = g.shape[0], groups * w.shape[1], tuple(w.shape[2:])
        outputs = tuple(g.shape[2:])
        steps = Steps(kernel, outputs, stride, dilation)
        total = [max(r, p + m) for r, p, m in zip(steps.reach(), padding, size, strict=True)]
        out = self.zeros((n, c, *total), dtype=g.dtype)
        g = by_group(self, g, groups)
        for k, index in steps:
            weight = self.matrix_transpose(by_group(self, w[:, :, *k], groups, axis=0))
            part = self.reshape(self.matmul(weight, g), (n, c, *outputs))
            out = self.assign(out, index, out[index] + part)
        inner = (slice(p, p + m) for p, m in zip(padding, size, strict=True))
        return self.copy(out[:, :, *inner])

    def convolve_weight(
        self: Any, x: Array, g: Array, size: Ints, stride: Ints, padding: Ints, dilation: Ints,
        groups: int,
    ) -> Array:  # fmt: skip
        """What goes to each element of a kernel of `size` from the outputs `g`."""
        f, c = g.shape[1], x.shape[1] // groups
        steps = Steps(size, tuple(g.shape[2:]), stride, dilation)
        x = self._padded(x, padding, steps.reach())
        g = by_group(self, g, groups)
        parts = []
        for _, index in steps:
            part = self.matmul(g, self.matrix_transpose(by_group(self, x[index], groups)))
            parts.append(self.reshape(self.sum(part, axis=0), (f, c)))
        if not parts:
            return self.zeros((f, c, *size), dtype=x.dtype)
        return self.reshape(self.stack(parts, axis=-1), (f, c, *size))

    def _padded(self: Any, x: Array, padding: Ints, reach: Ints) -> Array:
        """As much of an array as is read, and zeros around it."""
        space = tuple(x.shape[2:])
        used = tuple(min(m, r - p) for m, r, p in zip(space, reach, padding, strict=True))
        if used != space:
            x = x[:, :, *(slice(0, max(u, 0)) for u in used)]
        if tuple(x.shape[2:]) == reach:
            return x
        out = self.zeros((*x.shape[:2], *reach), dtype=x.dtype)
        if 0 in x.shape:
            return out
        inner = (slice(p, p + u) for p, u in zip(padding, used, strict=True))
        return self.assign(out, (slice(None), slice(None), *inner), x)


EXTRAS = ("convolve", "convolve_input", "convolve_weight")


class Steps:
    """Where a kernel's positions lie in a padded input: each ``k``, and the index of its slice."""

    def __init__(self, kernel: Ints, outputs: Ints, stride: Ints, dilation: Ints) -> None:
        self.kernel, self.outputs, self.stride, self.dilation = kernel, outputs, stride, dilation

    def reach(self) -> Ints:
        """How long the padded input has to be."""
        return tuple(
            max((o - 1) * s + (k - 1) * d + 1, 0) if o else 0
            for o, s, k, d in zip(
                self.outputs, self.stride, self.kernel, self.dilation, strict=True
            )
        )

    def __iter__(self) -> Iterator[tuple[Ints, tuple[slice, ...]]]:
        for k in itertools.product(*map(range, self.kernel)):
            spans = tuple(
                slice(i * d, i * d + (o - 1) * s + 1 if o else i * d, s)
                for i, o, s, d in zip(k, self.outputs, self.stride, self.dilation, strict=True)
            )
            yield k, (slice(None), slice(None), *spans)


def by_group(xp: Any, x: Array, groups: int, axis: int = 1) -> Array:
    """Channels split into groups at an axis, what is behind them in one dimension."""
    lead, channels, rest = x.shape[:axis], x.shape[axis], x.shape[axis + 1 :]
    return xp.reshape(x, (*lead, groups, channels // groups, math.prod(rest)))
