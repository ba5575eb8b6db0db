"""Linear algebra.

Products are of what the names say: `mm` of matrices, `bmm` of stacks of equal size, `mv` of a
matrix and a vector, `dot` of vectors; `matmul` is of anything that the standard's takes. Transposes
are views, which BLAS reads as they are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from xpgrad.op import op
from xpgrad.ops.elementwise import multiply
from xpgrad.ops.reductions import keep
from xpgrad.ops.shape import expand_dims, inverse, permute_dims, reshape

# ------------------------------------------------------------------ products


def left(g, y, xp):
    return xp.matmul(g, xp.conj(xp.matrix_transpose(y)))


def right(g, x, xp):
    return xp.matmul(xp.conj(xp.matrix_transpose(x)), g)


@op(promotes=True, x=left, y=right)
def mm(xp, x, y, /):
    return xp.matmul(x, y)


@op(promotes=True, x=left, y=right)
def bmm(xp, x, y, /):
    return xp.matmul(x, y)


@op(promotes=True, x=lambda g, y, xp: xp.expand_dims(g, axis=-1) * xp.conj(y), y=right)
def mv(xp, x, y, /):
    return xp.matmul(x, y)


@op(promotes=True, x=lambda g, y, xp: g * xp.conj(y), y=lambda g, x, xp: g * xp.conj(x))
def dot(xp, x, y, /):
    return xp.matmul(x, y)


def rows(x, xp):
    """A stack of matrices as one, its matrices below one another."""
    shape = x.shape
    return xp.reshape(x, (math.prod(shape[:-1]), shape[-1]))


def matmul_x(g, y, like, xp):
    wide, deep = len(like.shape), len(y.shape)
    if deep == 1:  # g is x's shape without the last axis
        return (g if wide == 1 else xp.expand_dims(g, axis=-1)) * xp.conj(y)
    if wide == 1:
        return xp.squeeze(xp.matmul(xp.conj(y), xp.expand_dims(g, axis=-1)), axis=-1)
    return left(g, y, xp)


def matmul_y(g, x, like, xp):
    deep, wide = len(like.shape), len(x.shape)
    if wide == 1:
        if deep == 1:
            return g * xp.conj(x)
        return xp.expand_dims(xp.conj(x), axis=-1) * xp.expand_dims(g, axis=-2)
    if deep == 1:
        return right(xp.reshape(g, (math.prod(g.shape),)), rows(x, xp), xp)
    if deep == 2 < wide:  # one matrix for the whole stack: one product, not a stack to sum up
        x, g = rows(x, xp), rows(g, xp)
    return right(g, x, xp)


@op(promotes=True, x=matmul_x, y=matmul_y)
def matmul(xp, x, y, /):
    """The product of matrices, stacks of them that broadcast, and vectors."""
    return xp.matmul(x, y)


@op(
    promotes=True,
    x=lambda g, y, axis, xp: xp.conj(xp.expand_dims(g, axis=axis)) * y,
    y=lambda g, x, axis, xp: xp.expand_dims(g, axis=axis) * x,
)
def vecdot(xp, x, y, /, *, axis):
    """Dot products along an axis, counted from the end (below 0); `x` is conjugated."""
    return xp.vecdot(x, y, axis=axis)


def outer(x: Any, y: Any, /) -> Any:
    """The products of all pairs of elements of two vectors."""
    return multiply(expand_dims(x, axis=1), y)


def tensordot(x: Any, y: Any, /, *, axes: Sequence[Sequence[int]]) -> Any:
    """Sum products over the axes ``axes[0]`` of `x` and ``axes[1]`` of `y`, pair by pair."""
    free = [[i for i in range(len(a.shape)) if i not in bound] for a, bound in zip((x, y), axes)]
    shape = tuple([x.shape[i] for i in free[0]] + [y.shape[i] for i in free[1]])
    inner = math.prod(x.shape[i] for i in axes[0])
    x = permute_dims(x, axes=(*free[0], *axes[0]))
    y = permute_dims(y, axes=(*axes[1], *free[1]))
    x = reshape(x, shape=(math.prod(shape[: len(free[0])]), inner))
    y = reshape(y, shape=(inner, math.prod(shape[len(free[0]) :])))
    return reshape(mm(x, y), shape=shape)


# ------------------------------------------------------------------ diagonals


def on_diagonal(x, shape, offset, xp):
    """Zeros of `shape` with lines `x` on a diagonal of its last two axes."""
    *lead, n, m = shape
    count = x.shape[-1]
    first = offset if offset > 0 else -offset * m
    places = slice(first, first + count * (m + 1), m + 1) if count else slice(0, 0)
    flat = SimpleNamespace(shape=(*lead, n * m))
    return xp.reshape(xp.index_add(flat, (..., places), x), shape)


def diagonal_rule(g, like, offset, axis1, axis2, xp):
    shape = like.shape
    last = (*(i for i in range(len(shape)) if i not in (axis1, axis2)), axis1, axis2)
    ordered = tuple(shape[i] for i in last)
    return xp.permute_dims(on_diagonal(g, ordered, offset, xp), inverse(last))


@op(linear=True, view=True, x=diagonal_rule)
def diagonal(xp, x, /, *, offset=0, axis1, axis2):
    """The diagonals over two axes; they come last in the result."""
    last = (*(i for i in range(len(x.shape)) if i not in (axis1, axis2)), axis1, axis2)
    return xp.linalg.diagonal(xp.permute_dims(x, last), offset=offset)


@op(linear=True, stacks=1, x=lambda g, offset, xp: xp.linalg.diagonal(g, offset=offset))
def diag_embed(xp, x, /, *, offset=0):
    """Matrices with the last axis on their diagonals."""
    n = x.shape[-1] + abs(offset)
    return on_diagonal(x, (*x.shape[:-1], n, n), offset, xp)


def trace_rule(g, like, offset, xp):
    *lead, n, m = like.shape
    count = max(min(n + min(offset, 0), m - max(offset, 0)), 0)
    lines = xp.broadcast_to(xp.expand_dims(g, axis=-1), (*lead, count))
    return on_diagonal(lines, like.shape, offset, xp)


@op(linear=True, x=trace_rule)
def trace(xp, x, /, *, offset=0):
    """The sums of the diagonals over the last two axes."""
    return xp.sum(xp.linalg.diagonal(x, offset=offset), axis=-1)


# ------------------------------------------------------------------ norms


def safe(x, xp):
    """The same with ones for zeros, to divide by."""
    return xp.where(x == 0, xp.ones_like(x), x)


def vector_norm_rule(g, x, out, like, axis, keepdims, ord, xp):
    """Zero where the norm is, and where an element is: norms have kinks there."""
    g, out = keep(g, like, axis, keepdims, xp), keep(out, like, axis, keepdims, xp)
    if ord == 0:
        return xp.zeros_like(x)
    if ord == 2:
        return x * (g / xp.where(out == 0, math.inf, out))
    size = xp.abs(x)
    towards = (
        x * (1 / xp.where(size == 0, math.inf, size))
        if xp.isdtype(x.dtype, "complex floating")
        else xp.sign(x)
    )
    if ord == 1:
        return g * towards
    if math.isinf(ord):
        chosen = xp.astype(size == out, out.dtype)
        return g / xp.sum(chosen, axis=axis, keepdims=True) * chosen * towards
    g = xp.where(out == 0, xp.zeros_like(g), g)
    return g * towards * (safe(size, xp) / safe(out, xp)) ** (ord - 1)


@op(node="LinalgVectorNorm", integers="float", x=vector_norm_rule)
def vector_norm(xp, x, /, *, axis=None, keepdims=False, ord=2):
    """``sum(abs(x)**ord)**(1/ord)``, and its limits for 0 and the infinities."""
    how = {"axis": axis, "keepdims": keepdims}
    size = xp.abs(x)
    if math.isinf(ord):
        return xp.max(size, **how) if ord > 0 else xp.min(size, **how)
    if ord == 0:
        return xp.sum(xp.astype(size != 0, size.dtype), **how)
    if ord == 1:
        return xp.sum(size, **how)
    if ord == 2:
        return xp.sqrt(xp.sum(size * size, **how))
    return xp.sum(size**ord, **how) ** (1 / ord)
