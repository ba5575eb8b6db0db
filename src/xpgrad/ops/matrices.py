"""Functions of matrices that are made of other ops. Matrices are the last two axes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from xpgrad.backward import tensor_namespace
from xpgrad.op import named
from xpgrad.ops import decompositions, elementwise, reductions, shape, spectra
from xpgrad.ops.indexing import copy
from xpgrad.ops.linalg import bmm, matmul, mm, vector_norm
from xpgrad.tensor import Tensor, wrap

_crossed = named(shape.stack, "LinalgCrossBackward0")


def tracked(x: Tensor) -> bool:
    """Whether derivatives may be asked for: vectors that they need are computed right away."""
    return x._node is not None or bool(x._ns.depth)


def singular_values(x: Tensor) -> Tensor:
    """Descending singular values."""
    found: Tensor = spectra.svd(x)[1] if tracked(x) else spectra.svdvals(x)
    return found


def hermitian_values(x: Tensor) -> Tensor:
    """Ascending eigenvalues of Hermitian matrices."""
    found: Tensor = spectra.eigh(x)[0] if tracked(x) else spectra.eigvalsh(x)
    return found


def adjoint(x: Tensor) -> Tensor:
    """The conjugate transpose."""
    turned: Tensor = shape.matrix_transpose(x)
    return elementwise.conj(turned) if x._data.dtype in x._ns.complexes else turned


def product(x: Any, y: Any) -> Any:
    """A product of matrices, or of stacks of them, under the node name that PyTorch shows."""
    if x.ndim == 2 == y.ndim:
        return mm(x, y)
    return (bmm if x.ndim == 3 == y.ndim and x.shape[0] == y.shape[0] else matmul)(x, y)


def identity_like(x: Tensor) -> Tensor:
    """Identity matrices in the place of square ones."""
    ns = x._ns
    with ns.current():
        eye = ns.broadcast_to(ns.eye(x.shape[-1], dtype=x._data.dtype), tuple(x.shape))
        return wrap(ns.copy(eye), ns)


def matrix_power(x: Tensor, n: int) -> Tensor:
    """The product of `n` equal factors, in about log2(n) steps; of inverses for a negative `n`."""
    if n < 0:
        x, n = decompositions.inv(x), -n
    if n == 0:
        return copy(x, identity_like(x))  # a constant, that knows where it comes from
    out: Any = None
    while n:
        if n % 2:
            out = x if out is None else product(out, x)
        n //= 2
        if n:
            x = product(x, x)
    return elementwise.positive(out) if out is x else out


def matrix_norm(x: Tensor, ord: Any = "fro", keepdims: bool = False) -> Tensor:
    """Norms of matrices.

    Args:
        ord: ``"fro"``: of all elements; ``"nuc"``: the sum of the singular values, of which 2 and
            -2 take the largest and the smallest; 1 and -1: the largest and smallest sum of sizes
            in a column; the infinities: in a row.
    """
    rank = x.ndim
    if ord == "fro":
        return vector_norm(x, axis=(rank - 2, rank - 1), keepdims=keepdims, ord=2)
    if ord in ("nuc", 2, -2):
        s = singular_values(x)
        how = {"axis": (rank - 2,), "keepdims": False}
        if ord == "nuc":
            out = reductions.sum_dim(s, **how)
        else:
            out = (reductions.max if ord > 0 else reductions.min)(s, **how)
        if not keepdims:
            return out
        return shape.reshape(out, shape=(*tuple(x.shape)[:-2], 1, 1))
    summed, left = (rank - 2, rank - 1) if abs(ord) == 1 else (rank - 1, rank - 2)
    sums = vector_norm(x, axis=(summed,), keepdims=True, ord=1)
    reduce = reductions.max if ord > 0 else reductions.min
    if keepdims:
        return reduce(sums, axis=(left,), keepdims=True)
    return reduce(shape.squeeze(sums, axis=(summed,)), axis=(rank - 2,), keepdims=False)


def matrix_rank(x: Tensor, atol: Any, rtol: Any, hermitian: bool = False) -> Tensor:
    """How many singular values exceed ``max(atol, rtol * the largest)``."""
    xp = tensor_namespace(x._ns)
    s = xp.abs(hermitian_values(x)) if hermitian else singular_values(x)
    if s.shape[-1] == 0:
        return xp.count_nonzero(s, axis=-1)
    largest = xp.max(s, axis=-1, keepdims=True)
    bound = xp.maximum(xp.expand_dims(atol, axis=-1), xp.expand_dims(rtol, axis=-1) * largest)
    return xp.count_nonzero(s > bound, axis=-1)


def rounding(x: Tensor) -> float:
    """The relative size below which singular values of a matrix like `x` are noise."""
    return max(x.shape[-2:]) * float(x._ns.finfo(x._data.dtype).eps)


def cross(x: Any, y: Any, axis: int) -> Any:
    """Cross products of vectors along an axis, counted from the end."""
    xs, ys = (shape.unstack(v, axis=axis + v.ndim, outputs=3) for v in (x, y))
    parts = [
        elementwise.subtract(elementwise.multiply(xs[i], ys[j]), elementwise.multiply(xs[j], ys[i]))
        for i, j in ((1, 2), (2, 0), (0, 1))
    ]
    return _crossed(*parts, axis=axis + max(x.ndim, y.ndim))


def triangle(x: Tensor, upper: bool, unit: bool = False) -> Tensor:
    """A triangle of matrices; with ones on the diagonal if that is not looked at."""
    xp = tensor_namespace(x._ns)
    x = xp.triu(x) if upper else xp.tril(x)
    if not unit:
        return x
    diagonal = xp.eye(*x.shape[-2:], dtype=xp.native("bool"))
    return xp.where(diagonal, xp.ones_like(x), x)


def product_of(factors: list[Tensor]) -> Tensor:
    """The product of matrices in the order that takes the fewest multiplications.

    By dynamic programming: Cormen et al., *Introduction to Algorithms*, section 15.2.
    """
    sizes = [f.shape[0] for f in factors] + [factors[-1].shape[1]]
    count = len(factors)
    cost = [[0.0] * count for _ in range(count)]
    split = [[0] * count for _ in range(count)]
    for length in range(1, count):
        for i in range(count - length):
            j = i + length
            cost[i][j] = math.inf
            for k in range(i, j):
                price = cost[i][k] + cost[k + 1][j] + sizes[i] * sizes[k + 1] * sizes[j + 1]
                if price < cost[i][j]:
                    cost[i][j], split[i][j] = price, k

    def multiplied(i: int, j: int) -> Any:
        if i == j:
            return factors[i]
        k = split[i][j]
        return mm(multiplied(i, k), multiplied(k + 1, j))

    found: Tensor = multiplied(0, count - 1)
    return found


# ------------------------------------------------------------------ triangular factors


def info_of(diagonal_is_fine: Any) -> Any:
    """The number of the first place (from 1) where something is not fine, 0 where all is."""
    xp = tensor_namespace(diagonal_is_fine._ns)
    if diagonal_is_fine.shape[-1] == 0:
        kind = xp.native("int32")
        return xp.zeros(tuple(diagonal_is_fine.shape)[:-1], dtype=kind)
    wrong = xp.logical_not(diagonal_is_fine)
    first = xp.argmax(xp.astype(wrong, xp.native("int32")), axis=-1) + 1
    found = xp.where(xp.any(wrong, axis=-1), first, xp.zeros_like(first))
    return xp.astype(found, xp.native("int32"))


def on_stack(x: Any, stack: tuple[int, ...], own: int) -> Any:
    """`x` stretched over a stack; the last `own` axes are its own."""
    wanted = (*stack, *tuple(x.shape)[x.ndim - own :])
    return x if tuple(x.shape) == wanted else shape.broadcast_to(x, shape=wanted)


def reordered(x: Any, order: Any, stack: tuple[int, ...]) -> Any:
    """The rows of matrices in another order."""
    xp = tensor_namespace(x._ns)
    x = on_stack(x, stack, 2)
    order = xp.expand_dims(on_stack(order, stack, 1), axis=-1)
    return xp.take_along_axis(x, xp.broadcast_to(order, tuple(x.shape)), axis=-2)


def lu_solve(lu: Any, pivots: Any, b: Any, left: bool, adjoint_of: bool) -> Any:
    """The `x` with ``a @ x = b`` (or ``x @ a = b``), or with the adjoint of ``a = P L U``."""
    if not left:
        return adjoint(lu_solve(lu, pivots, adjoint(b), True, not adjoint_of))
    xp = tensor_namespace(lu._ns)
    solve = decompositions.solve_triangular
    stack = np.broadcast_shapes(tuple(lu.shape)[:-2], tuple(b.shape)[:-2])
    order = decompositions.permutation(pivots, length=lu.shape[-1])
    if not adjoint_of:
        b = solve(lu, reordered(b, order, stack), upper=False, unitriangular=True)
        return solve(lu, b, upper=True, unitriangular=False)
    turned = adjoint(lu)
    b = solve(turned, b, upper=False, unitriangular=False)
    b = solve(turned, b, upper=True, unitriangular=True)
    return reordered(b, xp.argsort(order, axis=-1), stack)


def permutation_matrix(order: Any, dtype: Any) -> Any:
    """The matrix ``P`` with ``x[order] = P.T @ x``."""
    xp = tensor_namespace(order._ns)
    rows = xp.reshape(xp.arange(order.shape[-1], dtype=order.dtype), (order.shape[-1], 1))
    return xp.astype(rows == xp.expand_dims(order, axis=-2), dtype)


def reflected(v: Any, tau: Any, x: Any, backwards: bool) -> Any:
    """The product of reflections ``I - tau[i] v[:, i] v[:, i].H`` with `x`; or its adjoint's.

    All at once, as ``I - V T V.H``: Schreiber & Van Loan, *A storage-efficient WY representation
    for products of Householder transformations* (1989), with ``T = inv(I + D S) D``, where ``D``
    holds `tau` and ``S`` what is above the diagonal of ``V.H V``, so that a `tau` may be zero.
    """
    xp = tensor_namespace(v._ns)
    v = triangle(v, upper=False, unit=True)
    turned = adjoint(v)
    scale = xp.expand_dims(tau, axis=-1)
    between = xp.triu(scale * xp.matmul(turned, v), k=1)
    inner = xp.matmul(turned, x)
    if backwards:  # (V T V.H).H = V T.H V.H
        inner = decompositions.solve_triangular(
            adjoint(between), inner, upper=False, unitriangular=True
        )
        inner = xp.conj(scale) * inner
    else:
        inner = decompositions.solve_triangular(
            between, scale * inner, upper=True, unitriangular=True
        )
    return x - xp.matmul(v, inner)
