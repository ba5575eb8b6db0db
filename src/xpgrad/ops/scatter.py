"""Reducing values into the places that positions name, with their derivatives as PyTorch's.

Equal maxima share a gradient evenly. A product's derivative holds where one factor is zero; of
several zeros in one place the factors have derivative 0 (and so at second order).
"""

from __future__ import annotations

import math
from types import SimpleNamespace

from xpgrad.op import named, op

UFUNCS = {"prod": "multiply", "amax": "maximum", "amin": "minimum"}


class Places:
    """Flat positions in an array of some shape, and what can be done at them."""

    def __init__(self, xp, places, shape):
        self.xp, self.shape, self.inner = xp, tuple(shape), tuple(places.shape)
        self.size = math.prod(self.shape)
        self.flat = xp.reshape(places, (math.prod(self.inner),))

    def read(self, x):
        """The elements of an array there."""
        found = self.xp.take(self.xp.reshape(x, (self.size,)), self.flat, axis=0)
        return self.xp.reshape(found, self.inner)

    def add(self, values):
        """Zeros with values added there."""
        values = self.xp.reshape(self.xp.broadcast_to(values, self.inner), self.flat.shape)
        whole = SimpleNamespace(shape=(self.size,))
        return self.xp.reshape(self.xp.index_add(whole, (self.flat,), values), self.shape)

    def count(self, dtype):
        """How many of the values go to each place."""
        return self.add(self.xp.ones(self.inner, dtype=dtype))

    def combine(self, x, values, how):
        """An array with the values multiplied, or whatever it is, into it."""
        x, values = self.xp.reshape(x, (self.size,)), self.xp.reshape(values, self.flat.shape)
        return self.xp.reshape(self.xp.combine_at(x, self.flat, values, UFUNCS[how]), self.shape)


def identity(xp, dtype, how):
    """What changes nothing: the number to begin with."""
    if how in ("sum", "mean"):
        return 0
    if how == "prod":
        return 1
    low = how == "amax"
    if dtype == xp.native("bool"):
        return not low
    if dtype in xp.inexact:
        return -math.inf if low else math.inf
    return int(xp.iinfo(dtype).min if low else xp.iinfo(dtype).max)


def begun(xp, at, x, how, include_self):
    """`x`, or where values go and it does not count, the number to begin with."""
    if include_self:
        return x
    touched = at.count(x.dtype) != 0
    start = xp.full((), identity(xp, x.dtype, how), dtype=x.dtype)
    return xp.where(touched, start, x)


def counts(xp, at, like, include_self):
    """How many numbers a mean is over."""
    found = at.count(like)
    if include_self:
        return found + 1
    return xp.where(found == 0, xp.ones_like(found), found)


def self_rule(g, x, values, places, out, how, include_self, xp):
    at = Places(xp, places, x.shape)
    if how == "mean":
        g = g / counts(xp, at, g.dtype, include_self)
    elif how == "prod":
        factor = xp.where(x == 0, xp.ones_like(x), x)
        g = g * xp.conj(at.combine(factor, values, how) / factor)
    elif how != "sum":
        winners = xp.astype(x == out, g.dtype)
        chosen = xp.astype(values == at.read(out), g.dtype)
        total = at.add(chosen) + (winners if include_self else xp.zeros_like(winners))
        g = g * winners / xp.where(total == 0, xp.ones_like(total), total)
    return g if include_self else xp.where(at.count(g.dtype) == 0, g, xp.zeros_like(g))


def values_rule(g, x, values, places, out, how, include_self, xp):
    at = Places(xp, places, x.shape)
    if how == "sum":
        return at.read(g)
    if how == "mean":
        return at.read(g / counts(xp, at, g.dtype, include_self))
    if how == "prod":
        zero = values == 0
        zeros = at.read(at.add(xp.astype(zero, values.dtype)))
        alone = zero & (zeros == 1)
        one = xp.ones_like(values)
        others = at.combine(begun(xp, at, x, how, include_self), xp.where(alone, one, values), how)
        divided = at.read(xp.conj(out) * g) / xp.conj(xp.where(zero, one, values))
        return xp.where(alone, at.read(xp.conj(others) * g), divided)
    chosen = xp.astype(values == at.read(out), g.dtype)
    total = at.add(chosen)
    if include_self:
        total = total + xp.astype(x == out, g.dtype)
    return chosen * at.read(g / xp.where(total == 0, xp.ones_like(total), total))


@op(node="ScatterReduce", promotes=("x", "values"), x=self_rule, values=values_rule, places=None)
def reduce_at(xp, x, values, places, /, *, how, include_self=True):
    """`x` with the sum, product, mean, maximum or minimum of it and `values` at flat positions.

    Where `x` itself does not count, what no position names stays as it is.
    """
    at = Places(xp, places, x.shape)
    start = begun(xp, at, x, how, include_self)
    if how in UFUNCS:
        return at.combine(start, values, how)
    total = start + at.add(values)
    if how == "sum":
        return total
    number = counts(xp, at, x.dtype, include_self)
    if x.dtype in xp.inexact:
        return total / number
    return xp.where(number == 1, total, xp.floor_divide(total, number))


def combine_at(x, places, values, how):
    """What the extra of that name is on Tensors."""
    by = next(name for name, ufunc in UFUNCS.items() if ufunc == how)
    return reduce_at(x, values, places, how=by)


index_reduce = named(reduce_at, "IndexReduceBackward0")
scatter_by = named(reduce_at, "ScatterBackward2")
