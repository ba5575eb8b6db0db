"""Reducing values into the places that positions name, with their derivatives as PyTorch's.

Equal maxima share a gradient evenly. A product's derivative holds where one factor is zero; of
several zeros in one place the factors have derivative 0 (and so at second order).
"""

from __future__ import annotations

import math
from types import SimpleNamespace

from xpgrad.op import named, op
from xpgrad.ops.searching import wide

UFUNCS = {"prod": "multiply", "amax": "maximum", "amin": "minimum"}


class Places:
    """Places in an array of some shape, one for each value, and what can be done at them.

    They are along an axis, where they are stretched over the others as values need; without one
    they are row-major positions in all of the array.
    """

    def __init__(self, xp, places, values, shape, axis):
        shape, inner = tuple(shape), tuple(values.shape)
        self.whole, self.line = shape, axis is None
        if self.line:
            shape, inner, axis = (math.prod(shape),), (math.prod(inner),), 0
            places = xp.reshape(places, inner)
        self.xp, self.shape, self.inner, self.axis = xp, shape, inner, axis
        self.places, self.out = wide(places, xp), tuple(values.shape)
        self.each = self.places  # one for each value
        if tuple(self.places.shape) != inner:
            self.each = xp.broadcast_to(self.places, inner)

    def read(self, x):
        """The elements of an array there."""
        x = self._flat(x, self.shape)
        if self.line:
            found = self.xp.take(x, self.each, axis=0)
        else:
            found = self.xp.take_along_axis(x, self.each, axis=self.axis)
        return self._flat(found, self.out)

    def add(self, values):
        """Zeros with values added there."""
        return self._flat(self._add(self._flat(values, self.inner), self.each), self.whole)

    def _add(self, values, places):
        shape = list(places.shape)
        shape[self.axis] = self.shape[self.axis]
        if self.line:
            return self.xp.index_add(SimpleNamespace(shape=tuple(shape)), (places,), values)
        return self.xp.add_along_axis(values, places, tuple(shape), self.axis)

    def count(self, dtype):
        """How many values go to each place, as an array that broadcasts."""
        found = self._add(self.xp.ones(tuple(self.places.shape), dtype=dtype), self.places)
        return self._flat(found, self.whole) if self.line else found

    def combine(self, x, values, how):
        """An array with the values multiplied, or whatever it is, into it."""
        x, values = self._flat(x, self.shape), self._flat(values, self.inner)
        found = self.xp.combine_along_axis(x, self.each, values, self.axis, UFUNCS[how])
        return self._flat(found, self.whole)

    def _flat(self, x, shape):
        return x if tuple(x.shape) == shape else self.xp.reshape(x, shape)


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


def parts(g, x, values, places, out, axis, how, include_self, xp):
    """The places; what one of several that share a place gets; and of extrema, who shares it."""
    at = Places(xp, places, values, x.shape, axis)
    if how == "mean":
        return at, g / counts(xp, at, g.dtype, include_self), None, None
    if how not in ("amax", "amin"):
        return at, g, None, None
    mine = xp.astype(x == out, g.dtype)
    theirs = xp.astype(values == at.read(out), g.dtype)
    total = at.add(theirs)
    if include_self:
        total = total + mine
    else:  # where nothing goes there is nothing to share
        total = xp.where((total == 0) & (mine != 0), xp.ones_like(total), total)
    return at, g / total, mine, theirs  # nan is shared by nobody: gradients there are nan


def self_rule(x, values, how, include_self, shared, xp):
    at, g, mine, _ = shared
    g = g if mine is None else g * mine
    if not include_self:
        return xp.where(at.count(g.dtype) == 0, g, xp.zeros_like(g))
    if how != "prod":
        return g
    factor = xp.where(x == 0, xp.ones_like(x), x)
    return g * xp.conj(at.combine(factor, values, how) / factor)


def values_rule(x, values, out, how, include_self, shared, xp):
    at, g, _, theirs = shared
    if how != "prod":
        return at.read(g) if theirs is None else theirs * at.read(g)
    zero = values == 0
    zeros = at.read(at.add(xp.astype(zero, values.dtype)))
    alone = zero & (zeros == 1)
    one = xp.ones_like(values)
    others = at.combine(begun(xp, at, x, how, include_self), xp.where(alone, one, values), how)
    divided = at.read(xp.conj(out) * g) / xp.conj(xp.where(zero, one, values))
    return xp.where(alone, at.read(xp.conj(others) * g), divided)


@op(
    node="ScatterReduce",
    promotes=("x", "values"),
    shared=parts,
    x=self_rule,
    values=values_rule,
    places=None,
)
def reduce_at(xp, x, values, places, /, *, how, axis=None, include_self=True):
    """`x` with the sum, product, mean, maximum or minimum of it and `values` at places.

    Places are those along an axis, where values are as long as `x` is along all others; or, without
    an axis, row-major positions. Where `x` itself does not count, what no place names stays as it
    is.
    """
    if x.dtype == xp.native("bool"):  # the standard combines numbers alone
        x, values = (xp.astype(v, xp.arange(0).dtype) for v in (x, values))
        options = {"how": how, "axis": axis, "include_self": include_self}
        return reduce_at.op.forward(xp, x, values, places, **options) != 0
    at = Places(xp, places, values, x.shape, axis)
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


def combine_along_axis(x, indices, values, axis, how):
    """What the extra of that name is on Tensors."""
    by = next(name for name, ufunc in UFUNCS.items() if ufunc == how)
    return reduce_at(x, values, indices, how=by, axis=axis)


index_reduce = named(reduce_at, "IndexReduceBackward0")
scatter_by = named(reduce_at, "ScatterBackward2")
