"""Distances between the rows of two matrices."""

from __future__ import annotations

from xpgrad.op import op


def cdist_rule(g, x, y, out, xp):
    """``(x - y) / distance``, 0 where the distance is, summed over the rows of `y`."""
    apart = out != 0
    share = xp.where(apart, g / xp.where(apart, out, 1.0), 0.0)
    near = xp.matmul(share, y)
    return x * xp.sum(share, axis=-1, keepdims=True) - near


@op(
    node="Cdist",
    promotes=("x", "y"),
    x=lambda g, x, y, out, xp: cdist_rule(g, x, y, out, xp),
    y=lambda g, x, y, out, xp: cdist_rule(
        xp.matrix_transpose(g), y, x, xp.matrix_transpose(out), xp
    ),
)
def cdist(xp, x, y, /, *, by_product=False):
    """Euclidean distances; `by_product`: faster, and less precise for near rows."""
    if not by_product:
        off = xp.expand_dims(x, axis=-2) - xp.expand_dims(y, axis=-3)
        return xp.sqrt(xp.sum(off * off, axis=-1))
    a = xp.sum(x * x, axis=-1, keepdims=True)
    b = xp.sum(y * y, axis=-1, keepdims=True)
    square = a + xp.matrix_transpose(b) - 2 * xp.matmul(x, xp.matrix_transpose(y))
    return xp.sqrt(xp.where(square > 0, square, 0.0))
