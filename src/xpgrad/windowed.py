"""Convolution and resampling, made of what the array API standard has.

A convolution sums over the positions of the kernel: a slice of the input for each, and one product
of matrices. A backend overrides what its library does better.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

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
    ``convolve_twice(x, w, g, …)``            the first and the last of these, of the same windows
    ========================================  ======================================================

    So each of them has the other two for derivatives. Settings are tuples with a number for each
    dimension of space, and the number of groups.

    ``resample(x, axis, taps)`` reads an axis at the places of a table of `Taps`.
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

    def convolve_twice(
        self: Any, x: Array, w: Array, g: Array, stride: Ints, padding: Ints, dilation: Ints,
        groups: int,
    ) -> tuple[Array, Array]:  # fmt: skip
        """The convolution of `x` with `w`, and what goes to a kernel like that from outputs `g`."""
        how = (stride, padding, dilation, groups)
        found = self.convolve(x, w, tuple(g.shape[2:]), *how)
        return found, self.convolve_weight(x, g, tuple(w.shape[2:]), *how)

    def resample(self: Any, x: Array, axis: int, taps: Taps) -> Array:
        """An axis read at the places of a table."""
        shape = (*x.shape[:axis], taps.count, *x.shape[axis + 1 :])
        lead = (slice(None),) * axis
        along = tuple(taps.count if i == axis else 1 for i in range(len(shape)))
        total, own = None, False
        for elements, weights in taps.columns if 0 not in shape and 0 not in x.shape else ():
            fresh = not isinstance(elements, slice)
            if isinstance(elements, slice):
                part = self.getitem(x, (*lead, elements, ...))
            else:
                places = self.asarray(elements.tolist(), dtype=self.arange(0).dtype)
                part = self.take(x, places, axis=axis)
            if isinstance(weights, float):
                if weights != 1:
                    part, fresh = part * weights, True
            else:
                there = weights != 0
                if not (weights[there] == 1).all():
                    kind = self.native(self.dtype_of(x).to_real())
                    part = part * self.reshape(self.asarray(weights.tolist(), dtype=kind), along)
                if not there.all():  # inf times nothing is nothing
                    mask = self.reshape(self.asarray(there.tolist()), along)
                    part = self.where(mask, part, self.zeros((), dtype=x.dtype))
                fresh = True
            total, own = (part, fresh) if total is None else (total + part, True)
        if total is None:
            return self.zeros(shape, dtype=x.dtype)
        return total if own else self.copy(total)

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


EXTRAS = ("convolve", "convolve_input", "convolve_weight", "convolve_twice", "resample")


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


# ------------------------------------------------------------------ resampling


class Taps:
    """For each of some places, elements of an axis and their weights, both (places, taps).

    What an axis gives at a new place is a sum of a few of its elements. Interpolation, averages of
    windows of any lengths and most kinds of padding are such tables, one for each dimension, and so
    is the adjoint of each. They follow from shapes, so that the host knows them. Elements with
    weight 0 only fill the table.
    """

    def __init__(self, elements: Any, length: int, weights: Any = None) -> None:
        found = np.asarray(elements, np.int64)
        self.elements = found if found.ndim == 2 else found.reshape(-1, 1)
        self.length = length  # of the axis
        weights = np.ones(self.elements.shape) if weights is None else weights
        self.weights = np.asarray(weights, np.float64)
        self.known: dict[Any, Any] = {}

    def remembered(self, function: Callable[[Taps, Any], Any], dtype: Any) -> Any:
        """What a library makes of the table, and made of it before."""
        found = self.known.get((function, dtype))
        if found is None:
            found = self.known[function, dtype] = function(self, dtype)
        return found

    @property
    def count(self) -> int:
        """How many places."""
        return len(self.elements)

    @functools.cached_property
    def transposed(self) -> Taps:
        """The adjoint: for each element of the axis, the places that it went to."""
        rows, columns = np.nonzero(self.weights)
        elements, weights = self.elements[rows, columns], self.weights[rows, columns]
        order = np.argsort(elements, kind="stable")
        elements, weights, rows = elements[order], weights[order], rows[order]
        counts = np.bincount(elements, minlength=self.length)
        within = np.arange(len(elements)) - (np.cumsum(counts) - counts)[elements]
        shape = (self.length, max(int(counts.max(initial=0)), 1))
        places, back = np.zeros(shape, np.int64), np.zeros(shape)
        places[elements, within], back[elements, within] = rows, weights
        return Taps(places, self.count, back)

    @functools.cached_property
    def columns(self) -> list[tuple[Any, Any]]:
        """The taps: elements, as a slice where they are one, and weights, or one for all."""
        found = []
        for elements, weights in zip(self.elements.T, self.weights.T, strict=True):
            same = len(weights) and (weights == weights[0]).all()
            if not (same and weights[0] == 0):
                found.append((_as_slice(elements), float(weights[0]) if same else weights))
        return found


def _as_slice(elements: Any) -> Any:
    """Elements in equal steps as a slice, others as they are."""
    if len(elements) == 0:
        return slice(0, 0)
    first, last = int(elements[0]), int(elements[-1])
    step = int(elements[1]) - first if len(elements) > 1 else 1
    if step < 1 or (np.diff(elements) != step).any():
        return elements
    return slice(first, last + 1, step)
