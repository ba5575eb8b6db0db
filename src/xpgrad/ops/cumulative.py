"""Running sums and products along one ``axis``, a non-negative int."""

from __future__ import annotations

from xpgrad.op import op


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


def cumulative_prod_rule(g, x, axis, like, xp):
    """The product before each element times ``s``, where ``s[i] = g[i] + x[i+1] * s[i+1]``.

    The recurrence is solved by doubling: each step joins every window of elements with the next.
    No division, so that zeros need no case of their own, and no loop over elements.
    """
    n = like.shape[axis]
    if n <= 1:
        return g
    x = xp.moveaxis(xp.conj(x), axis, -1)
    s = xp.moveaxis(g, axis, -1)
    last = len(like.shape) - 1
    factor = part(x, last, 1, n, xp)  # the product of x over the window behind each element
    width = 1
    while width < n:
        ahead = part(s, last, 0, n - width, xp) + factor * part(s, last, width, n, xp)
        s = xp.concat([ahead, part(s, last, n - width, n, xp)], axis=last)
        rest = n - 2 * width
        if rest > 0:
            factor = part(factor, last, 0, rest, xp) * part(factor, last, width, n - width, xp)
        width *= 2
    return xp.moveaxis(before(x, xp) * s, -1, axis)


@op(node="Cumprod", x=cumulative_prod_rule)
def cumulative_prod(xp, x, /, *, axis):
    return xp.cumulative_prod(x, axis=axis)
