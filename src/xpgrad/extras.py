"""Extras of a namespace that every library gets in a portable form: special functions, steps.

A backend overrides what its library does better.
"""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

from xpgrad import indexing
from xpgrad.fused import part
from xpgrad.host import host_special

Array = Any


class Extras:
    """A part of every `Namespace`.

    ============================  ==================================================================
    ``special(name, *values)``    a function of arrays and numbers, of elements, from SciPy
    ``erf(x)``                    one of them, perhaps faster
    ``twice(x)``                  ``x + x``; its second derivative is 0, not none
    ``gcd(x, y)``                 the greatest common divisor of integers
    ``add_along_axis(x, …)``      zeros with `x` added at places along an axis
    ``top_places(x, …)``          where the largest or smallest elements along an axis are
    ``kth_place(x, …)``           where the k-th smallest element along an axis is
    ``row_order(x)``              the order of rows by their first elements, then by the second
    ``search_lines(x, …)``        where values belong in lines that are sorted
    ``running_places(x, …)``      where the largest or smallest element so far is
    ``running_logaddexp(x, …)``   the logarithm of running sums of ``exp(x)``
    ``combine_along_axis(x, …)``  the product, maximum or minimum of `x` and values at places
    ``gathered_sums(x, …)``       rows of `x` added up in bags
    ``windows(x, …)``             windows along an axis: a view where the library can
    ``as_real(x)``                complex numbers as pairs along a new last axis, perhaps a view
    ``as_complex(x)``             the way back
    ``ordered(x)``                `x`, or a copy, in row-major order in memory
    ``clone(x)``                  a copy in the order in memory that `x` has
    ``laid_out(x, like)``         `x`, or a copy, in the order in memory that `like` has
    ``settled(x, like, sole)``    the same in memory that nobody else sees
    ``memory(x)``                 all the memory that `x` shows, and where in it `x` begins
    ``strided(x, …)``             what any steps over an array lead to: a view where the library can
    ============================  ==================================================================
    """

    def add_along_axis(
        self: Any, x: Array, indices: Array, shape: tuple[int, ...], axis: int
    ) -> Array:
        """Zeros of `shape` with `x` added where `indices` point along an axis."""
        places, values = self._flat(indices, x, shape, axis)
        found = self.index_add(SimpleNamespace(shape=(math.prod(shape),)), (places,), values)
        return self.reshape(found, shape)

    def _flat(
        self: Any, indices: Array, x: Array, shape: tuple[int, ...], axis: int
    ) -> tuple[Array, Array]:
        """Row-major positions in a shape for each element of `x`, and these: 1-D."""
        places = self.astype(indices, self.arange(0).dtype)  # narrow ones overflow when multiplied
        places = self.broadcast_to(indexing.along(self, places, shape, axis), x.shape)
        count = math.prod(x.shape)
        return self.reshape(places, (count,)), self.reshape(x, (count,))

    def top_places(self: Any, x: Array, axis: int, count: int, largest: bool) -> Array:
        """Where the largest (smallest) elements along an axis are, in order.

        Of equal ones the first; nan counts as the largest.
        """
        order = self.argsort(x, axis=axis, descending=largest, stable=True)
        return part(order, axis, 0, count, self)

    def kth_place(self: Any, x: Array, axis: int, k: int | None, nan: bool) -> Array:
        """Where the k-th smallest element along an axis is, counted from 0; the axis stays.

        Without a `k`, the middle one of those that are not nan. If `nan` is true, where the first
        nan is, if there is one.
        """
        if k is None:
            known = self.astype(x == x, self.arange(0).dtype)
            middle = (self.sum(known, axis=axis, keepdims=True) - 1) // 2
            order = self.argsort(x, axis=axis, stable=True)
            return self.take_along_axis(order, self.maximum(middle, middle * 0), axis=axis)
        found = part(self.argsort(x, axis=axis, stable=True), axis, k, k + 1, self)
        if not nan or x.dtype not in self.inexact:
            return found
        strange = self.astype(self.isnan(x), self.native("uint8"))
        some = self.any(strange != 0, axis=axis, keepdims=True)
        return self.where(some, self.argmax(strange, axis=axis, keepdims=True), found)

    def row_order(self: Any, x: Array) -> Array:
        """The order of rows: by their first elements, of equal ones by the second, and so on.

        Sorted by the last column first, and stably by those before it.
        """
        order = self.arange(x.shape[0])
        for i in reversed(range(x.shape[1])):
            column = self.take(self.getitem(x, (slice(None), i)), order, axis=0)
            order = self.take(order, self.argsort(column, stable=True), axis=0)
        return order

    def search_lines(self: Any, x: Array, values: Array, side: str) -> Array:
        """Where values belong in sorted lines along the last axis; nan counts as the largest.

        All are found at once, by bisection.
        """
        n, inexact = x.shape[-1], x.dtype in self.inexact
        found = self.zeros(tuple(values.shape), dtype=self.arange(0).dtype)
        step = 1 << n.bit_length() >> 1
        while step:
            ahead = found + step
            element = self.take_along_axis(x, self.clip(ahead, max=n) - 1, axis=-1)
            before = element < values if side == "left" else element <= values
            if inexact:
                after = self.isnan(values)
                before = before | (after & ~self.isnan(element) if side == "left" else after)
            found = self.where((ahead <= n) & before, ahead, found)
            step >>= 1
        return found

    def running_places(self: Any, x: Array, axis: int, largest: bool) -> Array:
        """Where the largest (smallest) element so far is: the last of equal ones, or of nan."""
        n, width = x.shape[axis], 1
        form = tuple(n if i == axis else 1 for i in range(len(x.shape)))
        places = self.broadcast_to(self.reshape(self.arange(n), form), x.shape)
        inexact = x.dtype in self.inexact
        while width < n:
            early, late = part(x, axis, 0, n - width, self), part(x, axis, width, n, self)
            newer = late >= early if largest else late <= early
            if inexact:
                newer = self.isnan(late) | (newer & ~self.isnan(early))
            head = part(x, axis, 0, width, self)
            x = self.concat([head, self.where(newer, late, early)], axis=axis)
            before, after = (
                part(places, axis, *ends, self) for ends in ((0, n - width), (width, n))
            )
            head = part(places, axis, 0, width, self)
            places = self.concat([head, self.where(newer, after, before)], axis=axis)
            width *= 2
        return places

    def running_logaddexp(self: Any, x: Array, axis: int) -> Array:
        """The logarithm of the running sums of ``exp(x)``, without overflow: by doubling."""
        n, width = x.shape[axis], 1
        while width < n:
            early, late = part(x, axis, 0, n - width, self), part(x, axis, width, n, self)
            head = part(x, axis, 0, width, self)
            x = self.concat([head, self.logaddexp(early, late)], axis=axis)
            width *= 2
        return x

    def combine_along_axis(
        self: Any, x: Array, indices: Array, values: Array, axis: int, how: str
    ) -> Array:
        """``how`` (``"multiply"``, ``"maximum"``, …) of `x` and what points there along an axis."""
        places, given = self._flat(indices, values, tuple(x.shape), axis)
        flat = self.reshape(x, (math.prod(x.shape),))
        found = indexing.combined(self, flat, places, given, getattr(self, how))
        return self.reshape(found, x.shape)

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

    def ordered(self, x: Array) -> Array:
        """`x`, or a copy, in row-major order; `x` where a library has no other orders."""
        return x

    def clone(self: Any, x: Array) -> Array:
        """A copy in the order in memory that `x` has, where there are several."""
        return self.copy(x)

    def laid_out(self, x: Array, like: Array) -> Array:
        """`x`, or a copy, in the order in memory of `like`; row-major if that has gaps."""
        return x

    def settled(self: Any, x: Array, like: Any, sole: bool) -> Array:
        """`x` in memory of its own, as `laid_out` or by rows; `sole` if nobody holds it."""
        out = self.ordered(x) if like is None else self.laid_out(x, like)
        return out if out is not x or (sole and self.owns_memory(x)) else self.clone(x)

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

    def twice(self, x: Array) -> Array:
        """``x + x``, which for Tensors is an op with a second derivative: zeros."""
        return x + x
