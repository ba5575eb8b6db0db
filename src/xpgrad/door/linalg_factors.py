"""``xpgrad.linalg``: determinants and triangular factors."""

from __future__ import annotations

from typing import Any

import numpy as np

from xpgrad.backward import tensor_namespace
from xpgrad.door import results
from xpgrad.door.arguments import only_tensor
from xpgrad.door.linalg_checks import (
    alike,
    blotted,
    fitting,
    floating,
    not_positive,
    positive_info,
    replaced,
    report,
    square,
)
from xpgrad.errors import DTypeError, LinAlgError, ShapeError
from xpgrad.ops import decompositions as ops
from xpgrad.ops import matrices
from xpgrad.ops.device import astype
from xpgrad.tensor import Tensor

__all__ = [
    "cholesky", "cholesky_ex", "det", "lu", "lu_factor", "lu_factor_ex", "lu_solve", "slogdet",
]  # fmt: skip

# ------------------------------------------------------------------ determinants


def det(A: Tensor) -> Tensor:
    """The determinants of square matrices (…, n, n).

    The gradient is the matrix of cofactors. It is right for singular matrices too, of any rank and
    at second order.

    >>> import xpgrad as xg
    >>> x = xg.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    >>> xg.linalg.det(x)
    tensor(-2., grad_fn=<LinalgDetBackward0>)
    >>> xg.autograd.grad(xg.linalg.det(x), x)
    (tensor([[ 4., -3.],
            [-2.,  1.]]),)
    """
    return ops.det(square(A, "linalg.det"))


def slogdet(A: Tensor) -> results.linalg_slogdet:
    """The signs (or phases) of determinants, and the logarithms of their sizes.

    Of singular matrices (…, n, n) these are 0 and -inf.

    >>> import xpgrad as xg
    >>> xg.linalg.slogdet(xg.eye(2) * -2.0)
    xpgrad.return_types.linalg_slogdet(
    sign=tensor(1.),
    logabsdet=tensor(1.3863))
    """
    return results.linalg_slogdet(*ops.slogdet(square(A, "linalg.slogdet")))


# ------------------------------------------------------------------ triangular factors


def cholesky(A: Tensor, *, upper: bool = False) -> Tensor:
    """The lower triangular `L` with ``L @ L.mH = A``, for positive-definite matrices (…, n, n).

    Args:
        A: Hermitian: only a triangle is looked at.
        upper: the upper triangular `U` with ``U.mH @ U = A``, of the upper triangle.

    Raises:
        LinAlgError: where one is not positive-definite (on CUDA nobody waits to find out: nan).

    The derivative (Murray 2016) is Hermitian, as `A` is.

    >>> import xpgrad as xg
    >>> xg.linalg.cholesky(xg.tensor([[4.0, 2.0], [2.0, 5.0]]))
    tensor([[2., 0.],
            [1., 2.]])
    """
    return by_cholesky(square(A, "linalg.cholesky"), upper, "linalg.cholesky")


def by_cholesky(a: Tensor, upper: bool, what: str) -> Tensor:
    """A Cholesky decomposition, with errors in the name of a function."""
    try:
        return ops.cholesky(a, upper=bool(upper))
    except np.linalg.LinAlgError:
        info = positive_info(matrices.adjoint(a) if upper else a)
        report(info, lambda batch, n: not_positive(what, batch, n), LinAlgError)
        raise


def cholesky_ex(
    A: Tensor, *, upper: bool = False, check_errors: bool = False
) -> results.linalg_cholesky_ex:
    """As `cholesky`, without an error: `info` has the order of the leading minor that is at fault.

    It is 0 for positive-definite matrices; factors of others are nan.

    >>> import xpgrad as xg
    >>> xg.linalg.cholesky_ex(-xg.eye(2)).info
    tensor(1, dtype=xpgrad.int32)
    """
    a = square(A, "linalg.cholesky")
    xp, upper = tensor_namespace(a._ns), bool(upper)
    try:
        out = ops.cholesky(a, upper=upper)
        info = matrices.info_of(xp.real(xp.linalg.diagonal(out)) > 0)
    except np.linalg.LinAlgError:
        info = positive_info(matrices.adjoint(a) if upper else a)
        safe, wrong = replaced(a, info)
        out = blotted(ops.cholesky(safe, upper=upper), wrong)
    if check_errors:
        report(info, lambda b, n: not_positive("linalg.cholesky_ex", b, n), LinAlgError)
    return results.linalg_cholesky_ex(out, info)


def lu_factor_ex(
    A: Tensor, *, pivot: bool = True, check_errors: bool = False
) -> results.linalg_lu_factor_ex:
    """As `lu_factor`, without an error: `info` has the number of the first zero pivot, or 0.

    >>> import xpgrad as xg
    >>> xg.linalg.lu_factor_ex(xg.zeros(2, 2)).info
    tensor(1, dtype=xpgrad.int32)
    """
    return factorised(A, pivot, check_errors, "lu_factor_ex")


def factorised(a: Any, pivot: bool, check: bool, what: str) -> results.linalg_lu_factor_ex:
    """An LU decomposition, with errors in the name of a function."""
    a = only_tensor(a, f"linalg_{what}", "A")
    if a.ndim < 2:
        raise ShapeError(
            f"xpgrad.{what}: Expected tensor with 2 or more dimensions. Got size: "
            f"{list(a.shape)} instead"
        )
    a = floating(a, f"linalg.{what}")
    if not pivot:
        raise DTypeError("linalg.lu_factor: LU without pivoting is not implemented")
    lu, pivots = ops.lu_factor(a)
    xp = tensor_namespace(a._ns)
    info = matrices.info_of(xp.linalg.diagonal(lu.detach()) != 0)
    if check:
        report(info, lambda batch, n: _zero_pivot(what, batch, n), LinAlgError)
    return results.linalg_lu_factor_ex(lu, astype(pivots + 1, dtype=xp.native("int32")), info)


def _zero_pivot(what: str, batch: str, n: int) -> str:
    return (
        f"xpgrad.linalg.{what}: {batch}U[{n},{n}] is zero and using it on lu_solve would result in "
        "a division by zero. If you still want to perform the factorization, consider calling "
        "linalg.lu(A, pivot) or linalg.lu_factor_ex(A, pivot)"
    )


def lu_factor(A: Tensor, *, pivot: bool = True) -> results.linalg_lu_factor:
    """``A = P @ L @ U`` in short, for `lu_solve`: `L` below the diagonal of one matrix, `U` above.

    Args:
        A: matrices (…, m, n).
        pivot: rows are exchanged (there is no other way here).

    Returns:
        The matrix, and int32 ``pivots``: row i (from 1) changed places with row ``pivots[i]``.

    Raises:
        LinAlgError: for a zero on the diagonal of `U`.

    >>> import xpgrad as xg
    >>> xg.linalg.lu_factor(xg.tensor([[1.0, 2.0], [2.0, 2.0]]))
    xpgrad.return_types.linalg_lu_factor(
    LU=tensor([[2.0000, 2.0000],
            [0.5000, 1.0000]]),
    pivots=tensor([2, 2], dtype=xpgrad.int32))
    """
    return results.linalg_lu_factor(*factorised(A, pivot, True, "lu_factor")[:2])


def lu(A: Tensor, *, pivot: bool = True) -> results.linalg_lu:
    """``A = P @ L @ U``: a permutation, ones on the diagonal of `L`, and the upper triangular `U`.

    >>> import xpgrad as xg
    >>> P, L, U = xg.linalg.lu(xg.tensor([[1.0, 2.0], [2.0, 2.0]])); P @ L @ U
    tensor([[1., 2.],
            [2., 2.]])
    """
    packed, pivots, _ = factorised(A, pivot, False, "lu")
    return results.linalg_lu(*unpacked(packed, pivots))


def unpacked(packed: Tensor, pivots: Tensor, data: bool = True, places: bool = True) -> Any:
    """``P``, ``L`` and ``U`` of a decomposition in short; empty tensors for what is not wanted."""
    xp = tensor_namespace(packed._ns)
    m, n = packed._data.shape[-2:]
    k, every = min(m, n), slice(None)
    p = left = right = xp.zeros((0,), dtype=packed.dtype)
    if places:
        order = ops.permutation(from_one(pivots), length=m)
        p = matrices.permutation_matrix(order, packed.dtype)
    if data:
        columns = packed if n == k else xp.getitem(packed, (..., every, slice(0, k)))
        rows = packed if m == k else xp.getitem(packed, (..., slice(0, k), every))
        left, right = matrices.triangle(columns, False, unit=True), xp.triu(rows)
    return p, left, right


def from_one(pivots: Tensor) -> Tensor:
    """PyTorch's pivots, which count from 1, as those of the ops.

    Raises:
        DTypeError: for other types than int32.
    """
    if pivots.dtype.name != "int32":
        raise DTypeError("linalg.lu_solve: pivots should be a Tensor of scalar type xpgrad.int32")
    found: Tensor = pivots.detach() - 1
    return found


def lu_solve(
    LU: Tensor, pivots: Tensor, B: Tensor, *, left: bool = True, adjoint: bool = False
) -> Tensor:
    """The `X` with ``A @ X = B``, where `A` is known by its `lu_factor`.

    Args:
        LU, pivots: what that returned.
        B: (…, n, k).
        left: otherwise the `X` with ``X @ A = B``.
        adjoint: with ``A.mH`` in the place of `A`.

    >>> import xpgrad as xg
    >>> A = xg.tensor([[1.0, 2.0], [2.0, 2.0]])
    >>> xg.linalg.lu_solve(*xg.linalg.lu_factor(A), A)
    tensor([[1., 0.],
            [0., 1.]])
    """
    what = "linalg.lu_solve"
    a, b = square(LU, what, "LU"), only_tensor(B, "linalg_lu_solve", "B", 3)
    alike(a, b, what)
    if b.ndim < 2:
        raise ShapeError(f"{what}: The input tensor B must have at least 2 dimensions.")
    fitting(a, b, left, what)
    return matrices.lu_solve(a, from_one(pivots), b, left, adjoint)
