"""Extras of a namespace that every library gets in a portable form: special functions, steps.

A backend overrides what its library does better.
"""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

from xpgrad import indexing
from xpgrad.host import host_special

Array = Any


class Extras:
    """A part of every `Namespace`.

    ============================  ==================================================================
    ``special(name, *values)``    a function of arrays and numbers, of elements, from SciPy
    ``erf(x)``                    one of them, perhaps faster
    ``gcd(x, y)``                 the greatest common divisor of integers
    ``combine_at(x, …)``          the product, maximum or minimum of `x` and values at positions
    ``gathered_sums(x, …)``       rows of `x` added up in bags
    ``windows(x, …)``             windows along an axis: a view where the library can
    ``as_real(x)``                complex numbers as pairs along a new last axis, perhaps a view
    ``as_complex(x)``             the way back
    ``memory(x)``                 all the memory that `x` shows, and where in it `x` begins
    ``strided(x, …)``             what any steps over an array lead to: a view where the library can
    ============================  ==================================================================
    """

    def combine_at(self: Any, x: Array, places: Array, values: Array, how: str) -> Array:
        """1-D `x` with ``how`` (``"multiply"``, ``"maximum"``, …) of it and values at positions."""
        return indexing.combined(self, x, places, values, getattr(self, how))

    def gathered_sums(
        self: Any, x: Array, places: Array, into: Array, factors: Any, count: int
    ) -> Array:
        """Rows of `x` at `places`, times factors (or none), added up into `count` rows."""
        rows = self.getitem(x, (places,))
        if factors is not None:
            rows = rows * self.expand_dims(factors, axis=-1)
        like = SimpleNamespace(shape=(count, *x.shape[1:]))
        found: Array = self.index_add(like, (into,), rows)
        return found

    def windows(self: Any, x: Array, axis: int, size: int, step: int) -> Array:
        """Windows of `size` elements along an axis, one every `step`, along a new last axis."""
        count = (x.shape[axis] - size) // step + 1
        places = self.reshape(self.arange(count) * step, (count, 1))
        places = self.reshape(places + self.reshape(self.arange(size), (1, size)), (count * size,))
        found = self.take(x, places, axis=axis)
        shape = (*x.shape[:axis], count, size, *x.shape[axis + 1 :])
        return self.moveaxis(self.reshape(found, shape), axis + 1, -1)

    def strided(
        self: Any, x: Array, shape: Any, strides: Any, offset: int, own: Any = None
    ) -> Array:
        """The elements of `x` that steps over its memory, whose own are `own`, lead to."""
        places = indexing.strided_positions(self, tuple(x.shape), shape, strides, offset, own)
        count, size = math.prod(shape), math.prod(x.shape)
        found = self.take(self.reshape(x, (size,)), self.reshape(places, (count,)), axis=0)
        return self.reshape(found, shape)

    def as_real(self: Any, x: Array) -> Array:
        """Real and imaginary parts along a new last axis."""
        return self.stack([self.real(x), self.imag(x)], axis=-1)

    def as_complex(self: Any, x: Array) -> Array:
        """Complex numbers from pairs along the last axis."""
        whole = self.native(self.dtype_of(x).to_complex())
        real, imag = (self.astype(self.getitem(x, (..., i)), whole) for i in (0, 1))
        return real + imag * 1j

    def gcd(self: Any, x: Array, y: Array) -> Array:
        """The greatest common divisor: Euclid's algorithm, as many steps as any pair may take."""
        x, y = self.broadcast_arrays(self.abs(x), self.abs(y))
        for _ in range(93):
            done = y == 0
            x, y = (
                self.where(done, x, y),
                self.where(done, y, self.remainder(x, self.where(done, y + 1, y))),
            )
        return x

    def memory(self, x: Array) -> tuple[Array, int] | None:
        """All the memory that `x` shows, as a 1-D array, and where in it `x` begins, if known."""
        return None

    def special(self: Any, name: str, *values: Any) -> Array:
        """A function of arrays and numbers by its name in ``scipy.special``, on the host."""
        given = [self.to_host(v) if isinstance(v, self.array_type) else v for v in values]
        return self.from_host(host_special(name, *given))

    def erf(self: Any, x: Array) -> Array:
        """The error function."""
        return self.special("erf", x)
