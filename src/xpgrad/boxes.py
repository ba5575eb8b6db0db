"""The maxima of boxes, whose number is given, and of what the array API standard has."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

Array = Any
Ints = tuple[int, ...]

FEW = 8  # elements of a box along an axis; of more, a loop over them takes long


def bounds(n: int, m: int) -> tuple[Any, Any]:
    """Where `m` boxes of `n` elements begin and end: they overlap where `m` is no divisor."""
    i = np.arange(m)
    return i * n // m, -(-(i + 1) * n // m)


class Boxes:
    """The boxes that an image falls into, so many along each of its axes."""

    def __init__(self, inputs: Ints, sizes: Ints) -> None:
        self.inputs, self.sizes = inputs, sizes
        self.bounds = [bounds(n, m) for n, m in zip(inputs, sizes, strict=True)]
        self.known: dict[Any, Any] = {}

    def remembered(self, function: Callable[[Boxes], Any]) -> Any:
        """What a library makes of the boxes, and made of them before."""
        found = self.known.get(function)
        if found is None:
            found = self.known[function] = function(self)
        return found

    def __repr__(self) -> str:
        return f"Boxes({self.inputs}, {self.sizes})"


@functools.lru_cache(64)
def boxes_of(inputs: Ints, sizes: Ints) -> Boxes:
    """Boxes, made once for all images of a size."""
    return Boxes(inputs, sizes)


class Boxed:
    """The extra of boxes: a part of every `Namespace`.

    ======================================  ========================================================
    ``box_maxima(x, axis, boxes)``          the maximum of each box of the axes from `axis` on, and
                                            its row-major place in them
    ======================================  ========================================================

    Of equal maxima the first counts, of several nan the last.
    """

    def box_maxima(self: Any, x: Array, axis: int, boxes: Boxes) -> tuple[Array, Array]:
        """The maximum of each box, and where it is."""
        lead, places, unit = tuple(x.shape[:axis]), None, 1
        shape = (*lead, *boxes.sizes)
        if 0 in shape:
            return self.zeros(shape, dtype=x.dtype), self.zeros(shape, dtype=self.arange(0).dtype)
        if set(boxes.sizes) == {1}:  # one box: all in a row
            boxes = boxes_of((math.prod(boxes.inputs),), (1,))
            x = self.reshape(x, (*lead, *boxes.inputs))
        for i in reversed(range(len(boxes.sizes))):
            x, here = _along(x, axis + i, *boxes.bounds[i], self)
            if places is None:
                places = here
            else:
                places = here * unit + self.take_along_axis(places, here, axis=axis + i)
            unit *= boxes.inputs[i]
        x = self.ordered(self.reshape(x, shape))
        if boxes.sizes == boxes.inputs:  # of one element each: `x` itself until here
            x = self.copy(x)
        return x, self.ordered(self.reshape(places, shape))


def _along(x: Array, axis: int, first: Any, last: Any, xp: Any) -> tuple[Array, Array]:
    """The maxima of boxes along one axis, and their places."""
    lead, n, behind = x.shape[:axis], x.shape[axis], x.shape[axis + 1 :]
    count, length = len(first), int(np.max(last - first))
    wide = xp.arange(0).dtype
    apart = n != count * length
    if apart:  # all are made as long as the longest, by elements that they have already
        table = np.minimum(first + np.arange(length)[:, None], last - 1)
        table = (table if length <= FEW else table.T).reshape(-1)
        x = xp.take(x, xp.asarray(table.tolist(), dtype=wide), axis=axis)
    if apart and length <= FEW:  # slices of these are taken
        x, among = xp.reshape(x, (*lead, length, count, *behind)), axis
    else:
        x, among = xp.reshape(x, (*lead, count, length, *behind)), axis + 1
    best, code = peaks(x, among, xp)
    along = (count, *(1,) * len(behind))
    start, end = (xp.asarray(b.tolist(), dtype=wide) for b in (first, last - 1))
    here = xp.reshape(start, along) + xp.astype(code, wide)
    return best, xp.minimum(here, xp.reshape(end, along))


def peaks(x: Array, axis: int, xp: Any) -> tuple[Array, Array]:
    """The maximum along an axis, and where it is: of equal ones the first, of nan the last."""
    length, before = x.shape[axis], (slice(None),) * axis
    floats = x.dtype in xp.inexact
    kind = xp.native("uint8" if length <= 255 else "int32")
    if length <= FEW:
        best, code = xp.getitem(x, (*before, 0, ...)), None
        for k in range(1, length):
            other = xp.getitem(x, (*before, k, ...))
            better = other > best
            if floats:
                better = xp.logical_or(better, other != other)
            better = xp.astype(better, kind) if k == 1 else xp.astype(better, kind) * k
            best = xp.maximum(best, other)
            code = better if code is None else xp.maximum(code, better)
        return best, xp.zeros(best.shape, dtype=kind) if code is None else code
    best = xp.max(x, axis=axis)
    code = xp.argmax(_numbers(x == xp.expand_dims(best, axis=axis), xp), axis=axis)
    if floats:
        back = xp.flip(x, axis=(axis,))
        last = length - 1 - xp.argmax(_numbers(back != back, xp), axis=axis)
        code = xp.where(best != best, last, code)
    return best, xp.astype(code, kind)


def _numbers(x: Array, xp: Any) -> Array:
    """Booleans as numbers: the standard has no `argmax` of others."""
    return xp.astype(x, xp.native("uint8"))
