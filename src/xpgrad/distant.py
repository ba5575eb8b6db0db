"""Distances between rows, made of what the array API standard has."""

from __future__ import annotations

import math
from typing import Any

Array = Any


class Distant:
    """The extras of distances: a part of every `Namespace`, and of Tensors'.

    ``p`` is the order of the norm: 0, 1, 2 or infinity. Rows stand in the last axis; what is before
    the last two axes is a stack, which broadcasts.

    ======================================  ========================================================
    ``row_distances(x, y, p)``              of all rows of `x` from all of `y`: (…, P, R)
    ``row_distances_gradient(g, x, y, …)``  the gradient of `x`, or of `y`
    ``pair_distances(x, p)``                of each row from all behind it: (…, pairs)
    ``pair_distances_gradient(g, x, …)``    the gradient of `x`
    ======================================  ========================================================
    """

    def row_distances(self: Any, x: Array, y: Array, p: float) -> Array:
        """The distance of each row from each of others."""
        return _length(self.expand_dims(x, axis=-2) - self.expand_dims(y, axis=-3), p, self)

    def row_distances_gradient(
        self: Any, g: Array, x: Array, y: Array, out: Array, p: float, second: bool
    ) -> Array:
        """The gradient of the rows, or of the `second` ones."""
        if p == 0:
            return self.zeros_like(y if second else x)
        if p == 2:  # without all differences
            share = self.where(out == 0, 0.0, g / self.where(out == 0, 1.0, out))
            x, y, share = (y, x, self.matrix_transpose(share)) if second else (x, y, share)
            return x * self.sum(share, axis=-1, keepdims=True) - self.matmul(share, y)
        off = self.expand_dims(x, axis=-2) - self.expand_dims(y, axis=-3)
        g, out = self.expand_dims(g, axis=-1), self.expand_dims(out, axis=-1)
        share = g * self.sign(off)
        if p != 1:  # all that are as large as the largest
            size = self.abs(off)
            share = self.where(self.isfinite(out), share, math.nan)
            share = self.where(size < out, 0.0, share)
        return -self.sum(share, axis=-3) if second else self.sum(share, axis=-2)

    def pair_distances(self: Any, x: Array, p: float) -> Array:
        """The distance of each row from those behind it, one after the other."""
        return self.getitem(self.row_distances(x, x, p), (..., *_pairs(x.shape[-2], self)))

    def pair_distances_gradient(self: Any, g: Array, x: Array, out: Array, p: float) -> Array:
        """The gradient of the rows."""
        i, j = _pairs(x.shape[-2], self)
        shape = (*x.shape[:-1], x.shape[-2])
        full = []
        for each in (g, out):
            upper = self.assign(self.zeros(shape, dtype=each.dtype), (..., i, j), each)
            full.append(upper + self.matrix_transpose(upper))
        return self.row_distances_gradient(full[0], x, x, full[1], p, False)


def _pairs(n: int, xp: Any) -> tuple[Array, Array]:
    """The places of both rows of each pair, for which nobody has to wait."""
    rows, pairs = xp.arange(max(n, 1)), xp.arange(n * (n - 1) // 2)
    before = rows * (2 * n - 1 - rows) // 2  # the pairs of earlier rows
    i = xp.searchsorted(before, pairs, side="right") - 1
    return i, pairs - xp.take(before, i, axis=0) + i + 1


def _length(off: Array, p: float, xp: Any) -> Array:
    """The norm along the last axis."""
    if not off.shape[-1]:
        return xp.sum(off, axis=-1)
    if p == 2:
        return xp.sqrt(xp.sum(off * off, axis=-1))
    size = xp.abs(off)
    if p == 0:
        size = xp.where(size > 0, xp.ones_like(size), size)  # nan stays
    return xp.max(size, axis=-1) if math.isinf(p) else xp.sum(size, axis=-1)
