"""Reading images at any places, made of what the array API standard has."""

from __future__ import annotations

import functools
import math
from operator import and_, mul
from typing import Any

Array = Any
Settings = tuple[str, str, bool]

FAR = 1e9  # beyond this, or where it is no number, a place is as good as far outside
CUBIC = -0.75


class Sampled:
    """The extras of `grid_sample`: a part of every `Namespace`, and of Tensors'.

    With ``x`` of shape (N, C, *inputs), ``grid`` of (N, *outputs, space) and ``g`` of
    (N, C, *outputs); ``how`` is the mode, the padding, and whether corners are aligned.

    ======================================  ========================================================
    ``grid_sample(x, grid, how)``           the elements around each place, with weights
    ``grid_sample_input(g, grid, …)``       the gradient of `x`, whose space has a `size`
    ``grid_sample_grid(g, x, grid, how)``   that of `grid`
    ======================================  ========================================================
    """

    def grid_sample(self: Any, x: Array, grid: Array, how: Settings) -> Array:
        """`x` at the places of a grid: (N, C, *outputs)."""
        size = tuple(x.shape[2:])
        index, weights, _ = _taken(grid, size, how, self)
        found = _read(x, index, self)
        if weights:
            weight = _product(weights, self)
            found = self.sum(found * self.expand_dims(weight, axis=1), axis=2)
        return self.reshape(found, (*x.shape[:2], *grid.shape[1:-1]))

    def grid_sample_input(
        self: Any, g: Array, grid: Array, size: tuple[int, ...], how: Settings
    ) -> Array:
        """The gradient of an image of a size."""
        index, weights, _ = _taken(grid, size, how, self)
        n, c = g.shape[:2]
        count, places = index.shape[1:]
        g = self.reshape(g, (n, c, 1, places))
        if weights:
            g = g * self.expand_dims(_product(weights, self), axis=1)
        length = math.prod(size)
        index = self.reshape(index, (n, 1, count * places))
        index = self.broadcast_to(index, (n, c, count * places))
        g = self.reshape(g, (n, c, count * places))
        found = self.add_along_axis(g, index, (n, c, length + 1), 2)
        return self.reshape(self.getitem(found, (..., slice(0, length))), (n, c, *size))

    def grid_sample_grid(self: Any, g: Array, x: Array, grid: Array, how: Settings) -> Array:
        """The gradient of the places."""
        if how[0] == "nearest":
            return self.zeros_like(grid)
        index, weights, slopes = _taken(grid, tuple(x.shape[2:]), how, self)
        found = _read(x, index, self)
        g = self.reshape(g, (*g.shape[:2], 1, index.shape[2]))
        each = self.sum(found * g, axis=1)  # what the weight of each element gets
        parts = []
        for i, slope in enumerate(slopes):
            changed = _product([*weights[:i], slope, *weights[i + 1 :]], self)
            parts.append(self.sum(each * changed, axis=1))
        # The last dimension of space is the first coordinate.
        return self.reshape(self.stack(parts[::-1], axis=-1), tuple(grid.shape))


def _read(x: Array, index: Array, xp: Any) -> Array:
    """Elements at positions (N, elements, P), or a zero behind the last: (N, C, elements, P)."""
    n, c = x.shape[:2]
    count, places = index.shape[1:]
    flat = xp.reshape(x, (n, c, math.prod(x.shape[2:])))
    flat = xp.concat([flat, xp.zeros((n, c, 1), dtype=x.dtype)], axis=2)
    index = xp.reshape(index, (n, 1, count * places))
    found = xp.take_along_axis(flat, xp.broadcast_to(index, (n, c, count * places)), axis=2)
    return xp.reshape(found, (n, c, count, places) if count > 1 else (n, c, places))


def _taken(
    grid: Array, size: tuple[int, ...], how: Settings, xp: Any
) -> tuple[Array, list[Array], list[Array]]:
    """What is taken for each place.

    Returns:
        The positions of all elements that a place takes part of, (N, elements, P); for each
        dimension of space the weights of its own, (N, …, P), and their derivatives by the grid.
    """
    n, space = grid.shape[0], len(size)
    places = math.prod(grid.shape[1:-1])
    weights, slopes, index, inside = [], [], None, None
    for i, length in zip(reversed(range(space)), size, strict=True):
        at = xp.reshape(xp.getitem(grid, (..., i)), (n, 1, places))
        line, there, weight, slope = _LINES[how[0]](at, length, *how[1:], xp)
        index = line if index is None else _each(index * length, line, lambda a, b: a + b, xp)
        if there is not None:
            inside = there if inside is None else _each(inside, there, and_, xp)
        if weight is not None:
            weights.append(weight)
            slopes.append(slope)
    if inside is not None:
        index = xp.where(inside, index, math.prod(size))
    return index, weights, slopes


def _product(weights: list[Array], xp: Any) -> Array:
    return functools.reduce(lambda a, b: _each(a, b, mul, xp), weights)


def _each(a: Array, b: Array, combine: Any, xp: Any) -> Array:
    """What `combine` makes of all pairs: (N, m, P) and (N, n, P) to (N, m * n, P)."""
    found = combine(xp.expand_dims(a, axis=2), xp.expand_dims(b, axis=1))
    return xp.reshape(found, (a.shape[0], a.shape[1] * b.shape[1], a.shape[2]))


# ------------------------------------------------------------------ one dimension
#
# Each of these gives, for places (N, 1, P) from -1 to 1, the positions of some elements (N, n, P),
# which of them there are (or `None` for all), their weights, and the derivatives of these.


def _scaled(at: Array, n: int, align: bool) -> tuple[Array, float]:
    """From -1 … 1 to elements, and how many there are for 1."""
    if align:
        return (at + 1) / 2 * (n - 1), (n - 1) / 2
    return ((at + 1) * n - 1) / 2, n / 2


def _within(at: Array, n: int, padding: str, align: bool, xp: Any) -> tuple[Array, Array]:
    """Places brought inside, where nothing else stands for what is outside; the derivative."""
    slope = xp.ones_like(at)
    if padding == "zeros":
        return at, slope
    if padding == "reflection":
        at, slope = _reflected(at, *((0, 2 * (n - 1)) if align else (-1, 2 * n - 1)), xp)
    slope = xp.where(xp.logical_and(at > 0, at < n - 1), slope, 0.0)  # a border has none
    return xp.where(at > 0, xp.where(at < n - 1, at, float(n - 1)), 0.0), slope


def _reflected(at: Array, twice_low: int, twice_high: int, xp: Any) -> tuple[Array, Array]:
    """Places between two bounds, at which they turn back, and the derivative."""
    if twice_low == twice_high:
        return at * 0, xp.zeros_like(at)
    low, span = twice_low / 2, (twice_high - twice_low) / 2
    away = xp.abs(at - low)
    times = xp.floor(away / span)
    extra = away - times * span
    even = times == 2 * xp.floor(times / 2)
    sign = xp.sign(at - low)
    return xp.where(even, extra, span - extra) + low, xp.where(even, sign, -sign)


def _positions(at: Array, n: int, padding: str, xp: Any) -> tuple[Array, Array | None]:
    """Whole numbers as positions, and which of them there are."""
    known = xp.logical_and(xp.abs(at) < FAR, at == at)
    at = xp.where(known, at, -100.0)
    there = xp.logical_and(at >= 0, at <= n - 1) if padding == "zeros" else None
    return xp.astype(xp.clip(at, 0, n - 1), xp.arange(0).dtype), there


def _nearest(at: Array, n: int, padding: str, align: bool, xp: Any) -> tuple[Any, ...]:
    at, _ = _within(_scaled(at, n, align)[0], n, padding, align, xp)
    return *_positions(xp.round(at), n, padding, xp), None, None


def _linear(at: Array, n: int, padding: str, align: bool, xp: Any) -> tuple[Any, ...]:
    at, scale = _scaled(at, n, align)
    at, slope = _within(at, n, padding, align, xp)
    low = xp.floor(at)
    share, slope = at - low, slope * scale
    line, there = _positions(xp.concat([low, low + 1], axis=1), n, padding, xp)
    weight = xp.concat([1 - share, share], axis=1)
    return line, there, weight, xp.concat([-slope, slope], axis=1)


def _cubic(at: Array, n: int, padding: str, align: bool, xp: Any) -> tuple[Any, ...]:
    """The four elements around each place, with the weights of cubic convolution."""
    at, scale = _scaled(at, n, align)
    low = xp.floor(at)
    t = at - low
    far = (t + 1, 2 - t)
    near = (t, 1 - t)
    a, d = (((s - 5) * s + 8) * s - 4 for s in far)
    b, c = (((CUBIC + 2) * s - (CUBIC + 3)) * s * s + 1 for s in near)
    weight = xp.concat([a * CUBIC, b, c, d * CUBIC], axis=1)
    a, d = (((3 * s - 10) * s + 8) * (CUBIC * scale) for s in far)
    b, c = ((3 * (CUBIC + 2) * s - 2 * (CUBIC + 3)) * s * scale for s in near)
    slope = xp.concat([a, b, -c, -d], axis=1)
    around = xp.concat([low - 1, low, low + 1, low + 2], axis=1)
    around, _ = _within(around, n, padding, align, xp)
    return *_positions(around, n, padding, xp), weight, slope


_LINES = {"bilinear": _linear, "nearest": _nearest, "bicubic": _cubic}
