"""Linear algebra."""

from __future__ import annotations

from xpgrad.op import op


@op(
    node="Mm",
    promotes=False,
    x=lambda g, y, xp: g @ xp.conj(xp.matrix_transpose(y)),
    y=lambda g, x, xp: xp.conj(xp.matrix_transpose(x)) @ g,
)
def matmul(xp, x, y, /):
    """The product of matrices, or of stacks of them (vectors are the doors' business)."""
    return xp.matmul(x, y)
