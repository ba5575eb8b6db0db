"""Functions that are made of pieces of lines, by what the array API standard has."""

from __future__ import annotations

from typing import Any

Array = Any


class Pieces:
    """The extras of such activations: a part of every `Namespace`, and of Tensors'.

    ======================================  ========================================================
    ``hardtanh(x, low, high)``              `x` between two bounds, at which it has no slope
    ``hardsigmoid(x)``                      the line through (-3, 0) and (3, 1), constant beyond
    ``hardshrink(x, width)``                `x`, but 0 where it is no larger than `width`
    ``softshrink(x, width)``                `x` moved towards 0 by `width`, and not beyond
    ``threshold(x, bound, value)``          `value` up to the bound
    ``glu(x, axis)``                        the first half times the sigmoid of the second
    ``erfc(x)``                             1 - erf(x), which has no partner
    ``bent(x, bound)``                      half the square of `x` up to a bound, and the line from
                                            there on: its derivative is `hardtanh`
    ======================================  ========================================================

    Partners ``…_gradient`` take the incoming gradient first; both ways to shrink have one together.
    """

    def hardtanh(self: Any, x: Array, low: float, high: float) -> Array:
        """`x` between two bounds."""
        return self.where(x <= low, low, self.where(x >= high, high, x))

    def hardtanh_gradient(self: Any, g: Array, x: Array, low: float, high: float) -> Array:
        """The gradient of its input."""
        return self.where(self.logical_or(x <= low, x >= high), 0.0, g)

    def hardsigmoid(self: Any, x: Array) -> Array:
        """The line through (-3, 0) and (3, 1), constant beyond."""
        return self.clip(x + 3, 0, 6) * (1 / 6)

    def hardsigmoid_gradient(self: Any, g: Array, x: Array) -> Array:
        """The gradient of its input."""
        return self.where(self.logical_and(x > -3, x < 3), g / 6, 0.0)

    def hardshrink(self: Any, x: Array, width: float) -> Array:
        """`x`, but 0 where it is no larger than `width`."""
        return self.where(self.abs(x) <= width, 0.0, x)

    def softshrink(self: Any, x: Array, width: float) -> Array:
        """`x` moved towards 0 by `width`, and not beyond."""
        return self.where(self.abs(x) <= width, x * 0, x - self.sign(x) * width)

    def shrink_gradient(self: Any, g: Array, x: Array, width: float) -> Array:
        """The gradient of its input, of either way to shrink."""
        return self.where(self.abs(x) <= width, 0.0, g)

    def threshold(self: Any, x: Array, bound: float, value: float) -> Array:
        """`x` where it is above a bound, `value` elsewhere."""
        return self.where(x <= bound, self.full_like(x, value), x)

    def threshold_gradient(self: Any, g: Array, x: Array, bound: float) -> Array:
        """The gradient of its input."""
        return self.where(x <= bound, 0.0, g)

    def bent(self: Any, x: Array, bound: float) -> Array:
        """Half the square of `x` up to a bound, and the line from there on."""
        within = self.hardtanh(x, -bound, bound)
        return (x - within * 0.5) * within

    def erfc(self: Any, x: Array) -> Array:
        """1 - erf(x), precise where that is small."""
        return self.special("erfc", x)

    def glu(self: Any, x: Array, axis: int) -> Array:
        """The first half along an axis times the sigmoid of the second."""
        value, gate = halves(x, axis, self)
        return value * self.sigmoid(gate)

    def glu_gradient(self: Any, g: Array, x: Array, axis: int) -> Array:
        """The gradient of its input."""
        value, gate = halves(x, axis, self)
        s = self.sigmoid(gate)
        g = g * s
        return self.concat([g, g * value * (1 - s)], axis=axis)


def halves(x: Array, axis: int, xp: Any) -> tuple[Array, Array]:
    """The two halves of an array along an axis."""
    n, before = x.shape[axis] // 2, (slice(None),) * axis
    return xp.getitem(x, (*before, slice(0, n))), xp.getitem(x, (*before, slice(n, None)))
