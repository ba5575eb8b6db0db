"""Distances between the rows of matrices: see `xpgrad.distant`."""

from __future__ import annotations

from xpgrad.op import op


def first_rule(g, x, y, out, p, xp):
    return xp.row_distances_gradient(g, x, y, out, p, False)


def second_rule(g, x, y, out, p, xp):
    return xp.row_distances_gradient(g, x, y, out, p, True)


@op(node="Cdist", promotes=("x", "y"), stacks=2, x=first_rule, y=second_rule)
def cdist(xp, x, y, /, *, p=2.0, by_product=False):
    """Distances in a norm of order `p`; `by_product`: faster, less precise for near rows."""
    if not by_product:
        return xp.ordered(xp.row_distances(x, y, p))
    a = xp.sum(x * x, axis=-1, keepdims=True)
    b = xp.sum(y * y, axis=-1, keepdims=True)
    square = a + xp.matrix_transpose(b) - 2 * xp.matmul(x, xp.matrix_transpose(y))
    return xp.sqrt(xp.where(square > 0, square, 0.0))


@op(node="Pdist", stacks=2, x=lambda g, x, out, p, xp: xp.pair_distances_gradient(g, x, out, p))
def pdist(xp, x, /, *, p):
    """The distance of each row from all behind it."""
    return xp.ordered(xp.pair_distances(x, p))
