"""Reductions. ``axis`` is a sorted tuple of non-negative ints, or `None` for all of them; an empty
tuple reduces nothing.

Conventions, as PyTorch's: a maximum that is reached several times shares its gradient evenly, the
standard deviation of equal numbers has derivative 0, and a product knows its derivative wherever
factors are zero.
"""

from __future__ import annotations

import builtins
import math

from xpgrad.op import named, op
from xpgrad.ops.cumulative import before
from xpgrad.ops.shape import inverse


def keep(x, like, axis, keepdims, xp):
    """A reduced array with its lost axes back, each of length 1: it broadcasts with its origin."""
    if keepdims or axis is None:
        return x
    return xp.reshape(x, tuple(1 if i in axis else n for i, n in enumerate(like.shape)))


def spread(g, like, axis, keepdims, xp):
    """A reduced array over the whole shape of its origin."""
    if not keepdims and axis is not None:
        g = keep(g, like, axis, keepdims, xp)
    return xp.broadcast_to(g, like.shape)


def count(like, axis):
    """How many elements go into one."""
    shape = like.shape
    return math.prod(shape if axis is None else [shape[i] for i in axis])


# ------------------------------------------------------------------ sums


@op(linear=True, x=spread)
def sum(xp, x, /, *, axis=None, keepdims=False):
    return xp.sum(x, axis=axis, keepdims=keepdims)


def mean_rule(g, like, axis, keepdims, xp):
    return spread(g / builtins.max(count(like, axis), 1), like, axis, keepdims, xp)


@op(linear=True, integers="float", x=mean_rule)
def mean(xp, x, /, *, axis=None, keepdims=False):
    return xp.mean(x, axis=axis, keepdims=keepdims)


def scatter(g, x, like, axis, correction, keepdims, xp):
    """The derivative of the sum of squared distances from the mean, over the degrees of freedom."""
    free = count(like, axis) - correction
    g = keep(g * (2 / free if free > 0 else math.inf), like, axis, keepdims, xp)
    return g * (x - xp.mean(x, axis=axis, keepdims=True))


@op(integers="float", x=scatter)
def var(xp, x, /, *, axis=None, correction=1, keepdims=False):
    return xp.var(x, axis=axis, correction=correction, keepdims=keepdims)


def std_rule(g, x, out, like, axis, correction, keepdims, xp):
    flat = out == 0
    g = xp.where(flat, xp.zeros_like(g), g / xp.where(flat, xp.ones_like(out), 2 * out))
    return scatter(g, x, like, axis, correction, keepdims, xp)


@op(integers="float", x=std_rule)
def std(xp, x, /, *, axis=None, correction=1, keepdims=False):
    return xp.std(x, axis=axis, correction=correction, keepdims=keepdims)


# ------------------------------------------------------------------ products


def prod_rule(g, x, like, axis, keepdims, xp):
    """Each factor's derivative is the product of the others: of those before and those behind it.

    Without a division, so that zeros need no case of their own, here or at second order.
    """
    shape = tuple(like.shape)
    reduced = tuple(range(len(shape))) if axis is None else axis
    order = (*(i for i in range(len(shape)) if i not in reduced), *reduced)
    ordered = tuple(shape[i] for i in order)
    size = count(like, axis)
    if size == 0:
        return spread(g, like, axis, keepdims, xp)
    rows = xp.reshape(xp.permute_dims(x, order), (*ordered[: len(shape) - len(reduced)], size))
    last = len(rows.shape) - 1
    behind = xp.flip(before(xp.flip(rows, axis=(last,)), last, xp), axis=(last,))
    others = xp.reshape(before(rows, last, xp) * behind, ordered)
    others = xp.permute_dims(others, inverse(order))
    return keep(g, like, axis, keepdims, xp) * xp.conj(others)


@op(x=prod_rule)
def prod(xp, x, /, *, axis=None, keepdims=False):
    return xp.prod(x, axis=axis, keepdims=keepdims)


# ------------------------------------------------------------------ extrema


def share(g, x, out, like, axis, keepdims, xp):
    """The gradient in equal parts to all places that reach the extremum (or are nan, if it is)."""
    g, out = keep(g, like, axis, keepdims, xp), keep(out, like, axis, keepdims, xp)
    chosen = xp.logical_or(xp.equal(x, out), xp.isnan(x))
    winners = xp.sum(xp.astype(chosen, x.dtype), axis=axis, keepdims=True)
    return xp.where(chosen, g / winners, xp.zeros_like(g))


@op(node="Amax", x=share)
def max(xp, x, /, *, axis=None, keepdims=False):
    return xp.max(x, axis=axis, keepdims=keepdims)


@op(node="Amin", x=share)
def min(xp, x, /, *, axis=None, keepdims=False):
    return xp.min(x, axis=axis, keepdims=keepdims)


# ------------------------------------------------------------------ of truth


@op(x=None)
def all(xp, x, /, *, axis=None, keepdims=False):
    return xp.all(x, axis=axis, keepdims=keepdims)


@op(x=None)
def any(xp, x, /, *, axis=None, keepdims=False):
    return xp.any(x, axis=axis, keepdims=keepdims)


@op(x=None)
def count_nonzero(xp, x, /, *, axis=None, keepdims=False):
    return xp.count_nonzero(x, axis=axis, keepdims=keepdims)


# ------------------------------------------------------------------ as PyTorch names them

sum_dim = named(sum, "SumBackward1")
mean_dim = named(mean, "MeanBackward1")
prod_dim = named(prod, "ProdBackward1")
max_all = named(max, "MaxBackward1")
min_all = named(min, "MinBackward1")
