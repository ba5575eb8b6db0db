"""Running sums and products along one ``axis``, a non-negative int."""

from __future__ import annotations

import math

from xpgrad.op import op
from xpgrad.ops import elementwise


def part(x, axis, start, stop, xp):
    """The elements from `start` to `stop` along an axis."""
    return xp.getitem(x, (*(slice(None),) * axis, slice(start, stop), ...))


def before(x, xp):
    """For each element the product of those before it in the last axis."""
    axis, n = len(x.shape) - 1, x.shape[-1]
    one = xp.ones((*x.shape[:-1], min(n, 1)), dtype=x.dtype)
    rest = part(x, axis, 0, max(n - 1, 0), xp)
    return xp.cumulative_prod(xp.concat([one, rest], axis=axis), axis=axis)


def cumulative_sum_rule(g, axis, xp):
    return xp.flip(xp.cumulative_sum(xp.flip(g, axis=(axis,)), axis=axis), axis=(axis,))


@op(node="Cumsum", linear=True, x=cumulative_sum_rule)
def cumulative_sum(xp, x, /, *, axis):
    return xp.cumulative_sum(x, axis=axis)


def carried_back(g, factor, xp):
    """``s[i] = g[i] + factor[i] * s[i + 1]`` along the last axis.

    The recurrence is solved by doubling: each step joins every window of elements with the next.
    No division, so that zeros need no case of their own, and no loop over elements.
    """
    s, n, last = g, g.shape[-1], len(g.shape) - 1
    width = 1
    while width < n:
        ahead = part(s, last, 0, n - width, xp) + factor * part(s, last, width, n, xp)
        s = xp.concat([ahead, part(s, last, n - width, n, xp)], axis=last)
        rest = n - 2 * width
        if rest > 0:
            factor = part(factor, last, 0, rest, xp) * part(factor, last, width, n - width, xp)
        width *= 2
    return s


def cumulative_prod_rule(g, x, axis, like, xp):
    """The product before each element times ``s``, where ``s[i] = g[i] + x[i+1] * s[i+1]``."""
    n = like.shape[axis]
    if n <= 1:
        return g
    x = xp.moveaxis(xp.conj(x), axis, -1)
    s = carried_back(xp.moveaxis(g, axis, -1), part(x, len(like.shape) - 1, 1, n, xp), xp)
    return xp.moveaxis(before(x, xp) * s, -1, axis)


@op(node="Cumprod", x=cumulative_prod_rule)
def cumulative_prod(xp, x, /, *, axis):
    return xp.cumulative_prod(x, axis=axis)


# ------------------------------------------------------------------ in log space


def cumulative_logsumexp_rule(g, x, out, axis, like, xp):
    """``exp(x[i]) * sum of g[j] / exp(out[j])`` over j from i on, where each factor is at most 1.

    As ``exp(x[i] - out[i]) * s[i]`` with ``s[i] = g[i] + exp(out[i] - out[i+1]) * s[i+1]``.
    """
    n = like.shape[axis]
    empty = out == -math.inf
    share = xp.where(empty, 0.0, xp.exp(x - xp.where(empty, 0.0, out)))
    if n > 1:
        g, last = xp.moveaxis(g, axis, -1), len(like.shape) - 1
        out = xp.moveaxis(xp.where(empty, 0.0, out), axis, -1)
        empty = xp.moveaxis(empty, axis, -1)
        ratio = xp.exp(part(out, last, 0, n - 1, xp) - part(out, last, 1, n, xp))
        ratio = xp.where(part(empty, last, 0, n - 1, xp), 0.0, ratio)
        g = xp.moveaxis(carried_back(g, xp.conj(ratio), xp), -1, axis)
    return g * xp.conj(share)


@op(node="Logcumsumexp", x=cumulative_logsumexp_rule)
def cumulative_logsumexp(xp, x, /, *, axis):
    """``log`` of the running sums of ``exp(x)``, without overflow: by doubling.

    Of complex numbers one after the other, for the order decides by which of the logarithms, which
    lie 2 pi i apart: as in PyTorch.
    """
    n, width = x.shape[axis], 1
    if n <= 1:
        return xp.copy(x)
    if x.dtype in xp.complexes:
        found = [part(x, axis, 0, 1, xp)]
        for i in range(1, n):
            following = part(x, axis, i, i + 1, xp)
            found.append(elementwise.logaddexp.op.forward(xp, following, found[-1]))
        return xp.concat(found, axis=axis)
    while width < n:
        joined = xp.logaddexp(part(x, axis, 0, n - width, xp), part(x, axis, width, n, xp))
        x = xp.concat([part(x, axis, 0, width, xp), joined], axis=axis)
        width *= 2
    return x


# ------------------------------------------------------------------ extrema so far


@op(x=None)
def running_extremum(xp, x, /, *, axis, largest):
    """Where the largest (or smallest) element so far is: the last of equal ones, or of nan."""
    n, width = x.shape[axis], 1
    form = tuple(n if i == axis else 1 for i in range(len(x.shape)))
    places = xp.broadcast_to(xp.reshape(xp.arange(n), form), x.shape)
    inexact = x.dtype in xp.inexact
    while width < n:
        early, late = part(x, axis, 0, n - width, xp), part(x, axis, width, n, xp)
        newer = late >= early if largest else late <= early
        if inexact:
            newer = xp.isnan(late) | (newer & ~xp.isnan(early))
        head = part(x, axis, 0, width, xp)
        x = xp.concat([head, xp.where(newer, late, early)], axis=axis)
        before_, after = part(places, axis, 0, n - width, xp), part(places, axis, width, n, xp)
        head = part(places, axis, 0, width, xp)
        places = xp.concat([head, xp.where(newer, after, before_)], axis=axis)
        width *= 2
    return places
