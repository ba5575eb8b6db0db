"""Running sums and products along one ``axis``, a non-negative int."""

from __future__ import annotations

import math

from xpgrad.fused import part
from xpgrad.op import op
from xpgrad.ops import elementwise


def before(x, axis, xp):
    """For each element the product of those before it along an axis."""
    n = x.shape[axis]
    one = xp.ones((*x.shape[:axis], min(n, 1), *x.shape[axis + 1 :]), dtype=x.dtype)
    rest = part(x, axis, 0, max(n - 1, 0), xp)
    return xp.cumulative_prod(xp.concat([one, rest], axis=axis), axis=axis)


def cumulative_sum_rule(g, axis, xp):
    return xp.carried_back(g, None, axis)


@op(node="Cumsum", linear=True, x=cumulative_sum_rule)
def cumulative_sum(xp, x, /, *, axis):
    return xp.cumulative_sum(x, axis=axis)


def cumulative_prod_rule(g, x, axis, like, xp):
    """The product before each element times ``s``, where ``s[i] = g[i] + x[i+1] * s[i+1]``."""
    n = like.shape[axis]
    if n <= 1:
        return g
    x = xp.conj(x)
    return before(x, axis, xp) * xp.carried_back(g, part(x, axis, 1, n, xp), axis)


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
        out = xp.where(empty, 0.0, out)
        ratio = xp.exp(part(out, axis, 0, n - 1, xp) - part(out, axis, 1, n, xp))
        ratio = xp.where(part(empty, axis, 0, n - 1, xp), 0.0, ratio)
        g = xp.carried_back(g, xp.conj(ratio), axis)
    return g * xp.conj(share)


@op(node="Logcumsumexp", x=cumulative_logsumexp_rule)
def cumulative_logsumexp(xp, x, /, *, axis):
    """``log`` of the running sums of ``exp(x)``, without overflow.

    Of complex numbers one after the other, for the order decides by which of the logarithms, which
    lie 2 pi i apart: as in PyTorch.
    """
    n = x.shape[axis]
    if n <= 1:
        return xp.copy(x)
    if x.dtype in xp.complexes:
        found = [part(x, axis, 0, 1, xp)]
        for i in range(1, n):
            following = part(x, axis, i, i + 1, xp)
            found.append(elementwise.logaddexp.op.forward(xp, following, found[-1]))
        return xp.concat(found, axis=axis)
    return xp.running_logaddexp(x, axis)


# ------------------------------------------------------------------ extrema so far


@op(x=None)
def running_extremum(xp, x, /, *, axis, largest):
    """Where the largest (or smallest) element so far is: the last of equal ones, or of nan."""
    return xp.running_places(elementwise.numbers(x, xp), axis, largest)
