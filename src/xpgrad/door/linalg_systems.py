"""``xpgrad.linalg``: systems of equations and inverses."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from xpgrad.backward import tensor_namespace
from xpgrad.door import results
from xpgrad.door.arguments import only_tensor
from xpgrad.door.linalg_checks import (
    alike,
    blotted,
    fitting,
    is_recorded,
    matrix,
    no_inverse,
    no_solution,
    replaced,
    report,
    singular_info,
    square,
)
from xpgrad.errors import DTypeError, LinAlgError, ShapeError
from xpgrad.ops import decompositions as ops
from xpgrad.ops import matrices, shape
from xpgrad.ops.device import clone as _clone
from xpgrad.tensor import Tensor, wrap

__all__ = [
    "inv", "inv_ex", "lstsq", "pinv", "solve", "solve_ex", "solve_triangular", "tensorinv",
    "tensorsolve",
]  # fmt: skip

# ------------------------------------------------------------------ systems of equations


def _is_vector(a: Tensor, b: Tensor) -> bool:
    """Whether a right-hand side is a stack of vectors."""
    return b.ndim == 1 or (a.ndim - 1 == b.ndim and a._data.shape[:-1] == b._data.shape)


def _equation(a: Any, b: Any, left: bool, what: str) -> tuple[Tensor, Tensor, bool]:
    """The arguments of `solve`, checked; whether the right-hand side is of vectors."""
    a = square(a, what)
    b = only_tensor(b, what.replace(".", "_"), "B", 2)
    alike(a, b, what)
    vector = _is_vector(a, b)
    if vector:
        b = shape.expand_dims(b, axis=b.ndim)
    if b.ndim < 2:
        raise ShapeError(f"{what}: The input tensor B must have at least 2 dimensions.")
    if vector and not left:
        raise ShapeError(
            f"{what}: Vector broadcasting of the left hand side is not supported for left=False. "
            "In this case linalg.solve is equivalent to B / A.squeeze(-1)"
        )
    fitting(a, b, left, what)
    return a, b, vector


def _solved(a: Tensor, b: Tensor, left: bool, vector: bool) -> Tensor:
    if not left:
        a, b = shape.matrix_transpose(a), shape.matrix_transpose(b)
    ns = a._ns
    factors = None
    if is_recorded(a, b):
        with ns.current():
            factors = ns.factors(a._data)
    out = ops.solve(a, b) if factors is None else ops.solve(a, b, factors=factors)
    if not left:
        out = shape.matrix_transpose(out)
    found: Tensor = shape.squeeze_dim(out, axis=(out.ndim - 1,)) if vector else out
    return found


def solve(A: Tensor, B: Tensor, *, left: bool = True) -> Tensor:
    """The `X` with ``A @ X = B``; of vectors, matrices and stacks of them, which broadcast.

    Args:
        A: square matrices (…, n, n).
        B: (…, n, k); vectors (n,), or (…, n) where that is the shape of `A` without its last.
        left: otherwise the `X` with ``X @ A = B``.

    Raises:
        LinAlgError: where a matrix is singular (on CUDA nobody waits to find out: inf and nan).
        RuntimeError: for shapes that do not fit, different dtypes, integers.

    The gradient of `B` solves with the conjugate transpose (Giles 2008), that of `A` is its outer
    product with the solution.

    >>> import xpgrad as xg
    >>> xg.linalg.solve(xg.tensor([[2.0, 0.0], [1.0, 1.0]]), xg.tensor([2.0, 3.0]))
    tensor([1., 2.])
    """
    a, b, vector = _equation(A, B, left, "linalg.solve")
    try:
        return _solved(a, b, left, vector)
    except np.linalg.LinAlgError:
        raise no_solution("linalg.solve", a) from None


def solve_ex(
    A: Tensor, B: Tensor, *, left: bool = True, check_errors: bool = False
) -> results.linalg_solve_ex:
    """As `solve`, without an error: `info` has the number of the first zero pivot, or 0.

    Solutions with singular matrices are nan.

    >>> import xpgrad as xg
    >>> xg.linalg.solve_ex(xg.zeros(2, 2), xg.ones(2)).info
    tensor(1, dtype=xpgrad.int32)
    """
    a, b, vector = _equation(A, B, left, "linalg.solve")
    info = singular_info(a)
    if check_errors:
        report(info, lambda *_: str(no_solution("linalg.solve_ex", a)), LinAlgError)
    if _all_fine(info):
        return results.linalg_solve_ex(_solved(a, b, left, vector), info)
    safe, wrong = replaced(a, info)
    out = blotted(_solved(safe, b, left, False), wrong)
    if vector:
        out = shape.squeeze_dim(out, axis=(out.ndim - 1,))
    return results.linalg_solve_ex(out, info)


def _all_fine(info: Tensor) -> bool:
    """Whether the host knows that all numbers are zero."""
    bounds = None if info._ns.depth else info._ns.bounds(info._data)
    return 0 in info.shape or (bounds is not None and bounds[1] == 0)


def solve_triangular(
    A: Tensor, B: Tensor, *, upper: bool, left: bool = True, unitriangular: bool = False
) -> Tensor:
    """The `X` with ``A @ X = B``, where `A` is triangular: its other triangle is not looked at.

    Args:
        A: (…, n, n).
        B: (…, n, k).
        upper: which triangle is looked at.
        left: otherwise the `X` with ``X @ A = B``.
        unitriangular: the diagonal is taken for ones.

    A zero on the diagonal gives inf and nan.

    >>> import xpgrad as xg
    >>> A = xg.tensor([[2.0, 1.0], [0.0, 4.0]])
    >>> xg.linalg.solve_triangular(A, xg.tensor([[4.0], [8.0]]), upper=True)
    tensor([[1.],
            [2.]])
    """
    what = "linalg.solve_triangular"
    a, b = square(A, what), only_tensor(B, what.replace(".", "_"), "B", 2)
    alike(a, b, what)
    if b.ndim < 2:
        raise ShapeError(f"{what}: The input tensor B must have at least 2 dimensions.")
    fitting(a, b, left, what)
    how = {"upper": upper is left, "unitriangular": bool(unitriangular)}
    if left:
        return ops.solve_triangular(a, b, **how)
    turned = ops.solve_triangular(shape.matrix_transpose(a), shape.matrix_transpose(b), **how)
    found: Tensor = shape.matrix_transpose(turned)
    return found


def lstsq(
    A: Tensor, B: Tensor, rcond: float | None = None, *, driver: str | None = None
) -> results.linalg_lstsq:
    """The `X` that makes ``A @ X - B`` smallest, and of these the smallest.

    Args:
        A: (…, m, n).
        B: (…, m, k), or (…, m).
        rcond: singular values up to this times the largest count as zero (default: the rounding
            error times the larger side).
        driver: which of LAPACK's routines PyTorch calls: ``"gels"`` for full rank, ``"gelsy"`` (its
            default), ``"gelsd"``, ``"gelss"``. Here it says only which results there are: residuals
            not for ``"gelsy"``, the rank not for ``"gels"``, singular values for the last two.

    Derivatives are those of the pseudo-inverse (Golub & Pereyra 1973).

    >>> import xpgrad as xg
    >>> A = xg.tensor([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]])
    >>> xg.linalg.lstsq(A, xg.tensor([1.0, 3.0, 5.0])).solution
    tensor([1.0000, 2.0000])
    """
    a, b = matrix(A, "linalg.lstsq"), only_tensor(B, "linalg_lstsq", "B", 2)
    if a.dtype is not b.dtype:
        raise DTypeError(
            "xpgrad.linalg.lstsq: Expected input and other to have the same dtype, but got "
            f"input's dtype {a.dtype.torch_name} and other's dtype {b.dtype.torch_name}"
        )
    driver = "gelsy" if driver is None else driver
    if driver not in ("gels", "gelsy", "gelsd", "gelss"):
        raise ShapeError(
            "xpgrad.linalg.lstsq: parameter `driver` should be one of (gels, gelsy, gelsd, gelss)"
        )
    vector = _is_vector(a, b)
    if vector:
        b = shape.expand_dims(b, axis=b.ndim)
    if b.ndim < 2 or a._data.shape[-2] != b._data.shape[-2]:
        raise ShapeError("xpgrad.linalg.lstsq: input.size(-2) should match other.size(-2)")
    solution = matrices.product(_pinv(a, 0.0, rcond, False), b)
    xp, (m, n) = tensor_namespace(a._ns), a._data.shape[-2:]
    real = a.dtype.to_real()
    singular = xp.zeros((0,), dtype=real)
    residuals = xp.real(xp.getitem(xp.reshape(solution, (-1,)), (slice(0, 0),)))
    rank = xp.zeros((0,), dtype=xp.native("int64"))
    if driver != "gels":
        atol, rtol = tolerances(a, 0.0, rcond)
        rank = matrices.matrix_rank(a.detach(), atol, rtol)
    if driver in ("gelsd", "gelss"):
        singular = matrices.singular_values(a.detach())
    if m > n and driver != "gelsy" and (driver == "gels" or _full(rank, n)):
        apart = matrices.product(a, solution) - b
        residuals = xp.sum(xp.real(apart * xp.conj(apart)), axis=-2)
    if vector:
        solution = shape.squeeze_dim(solution, axis=(solution.ndim - 1,))
    return results.linalg_lstsq(solution, residuals, rank, singular)


def _full(rank: Tensor, n: int) -> bool:
    """Whether the host knows that no rank is below `n`."""
    bounds = None if rank._ns.depth else rank._ns.bounds(rank._data)
    return bounds is not None and bounds[0] == n


# ------------------------------------------------------------------ inverses


def inv(A: Tensor) -> Tensor:
    """The inverses of square matrices (…, n, n). Also called ``inverse``.

    Raises:
        LinAlgError: where one is singular (on CUDA nobody waits to find out: inf and nan).

    >>> import xpgrad as xg
    >>> xg.linalg.inv(xg.tensor([[2.0, 0.0], [0.0, 4.0]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.2500]])
    """
    a = square(A, "linalg.inv")
    try:
        return ops.inv(a)
    except np.linalg.LinAlgError:
        raise no_inverse("linalg.inv", a) from None


def inv_ex(A: Tensor, *, check_errors: bool = False) -> results.linalg_inv_ex:
    """As `inv`, without an error: `info` has the number of the first zero pivot, or 0.

    Inverses of singular matrices are nan.

    >>> import xpgrad as xg
    >>> xg.linalg.inv_ex(xg.ones(1, 1))
    xpgrad.return_types.linalg_inv_ex(
    inverse=tensor([[1.]]),
    info=tensor(0, dtype=xpgrad.int32))
    """
    a = square(A, "linalg.inv")
    info = singular_info(a)
    if check_errors:
        report(info, lambda *_: str(no_inverse("linalg.inv_ex", a)), LinAlgError)
    if _all_fine(info):
        return results.linalg_inv_ex(ops.inv(a), info)
    safe, wrong = replaced(a, info)
    return results.linalg_inv_ex(blotted(ops.inv(safe), wrong), info)


def pinv(
    A: Tensor,
    rcond: Any = None,
    hermitian: bool = False,
    *,
    atol: Any = None,
    rtol: Any = None,
) -> Tensor:
    """The pseudo-inverses of matrices (…, m, n), by their singular values.

    Args:
        A: the matrices.
        rcond: PyTorch's older name of `rtol`.
        hermitian: `A` is Hermitian: its eigenvalues are used, of its lower triangle.
        atol, rtol: singular values up to ``max(atol, rtol * the largest)`` count as zero. Numbers
            or tensors (…,). By default `atol` is 0, and `rtol` the rounding error times the larger
            side (0 where `atol` is given).

    The derivative takes the rank for fixed (Golub & Pereyra 1973).

    >>> import xpgrad as xg
    >>> xg.linalg.pinv(xg.tensor([[3.0], [4.0]]))
    tensor([[0.1200, 0.1600]])
    """
    x = only_tensor(A, "linalg_pinv", "A")
    if x.ndim < 2 or not x.dtype.is_differentiable or x.dtype.itemsize == 2:
        raise DTypeError(
            f"linalg.pinv({x.dtype.torch_name}{{{list(x.shape)}}}): expected a tensor with 2 or "
            "more dimensions of float, double, cfloat or cdouble types"
        )
    return _pinv(x, atol, rcond if rtol is None else rtol, hermitian)


def _pinv(x: Tensor, atol: Any, rtol: Any, hermitian: bool) -> Tensor:
    if 0 in x._data.shape[-2:]:
        turned: Tensor = matrices.adjoint(x)
        return _clone(turned)
    return ops.pinv(x, *tolerances(x, atol, rtol), hermitian=bool(hermitian))


def tolerances(x: Tensor, atol: Any, rtol: Any) -> list[Tensor]:
    """Tolerances as real tensors, with PyTorch's defaults."""
    if rtol is None:
        given = atol is not None and (isinstance(atol, Tensor) or atol > 0)
        rtol = 0.0 if given else matrices.rounding(x)
    ns = x._ns
    found = []
    for value in (0.0 if atol is None else atol, rtol):
        if isinstance(value, Tensor):
            found.append(value.detach())
            continue
        with ns.current():
            found.append(wrap(ns.asarray(value, dtype=ns.native(x.dtype.to_real())), ns))
    return found


def tensorinv(A: Tensor, ind: int = 2) -> Tensor:
    """The inverse of ``tensordot(A, ·, ind)``: of `A` as a matrix, first dimensions by others.

    Args:
        A: its first `ind` dimensions have as many elements as the others.
        ind: how many they are.

    >>> import xpgrad as xg
    >>> xg.linalg.tensorinv(xg.eye(6).reshape(6, 2, 3), ind=1).shape
    xpgrad.Size([2, 3, 6])
    """
    if ind <= 0:
        raise ShapeError(f"Expected a strictly positive integer for 'ind', but got {ind}")
    sizes = tuple(only_tensor(A, "linalg_tensorinv", "A").shape)
    rows, columns = math.prod(sizes[:ind]), math.prod(sizes[ind:])
    if rows != columns:
        raise ShapeError(
            "Expected self to satisfy the requirement prod(self.shape[ind:]) == "
            f"prod(self.shape[:ind]), but got {columns} != {rows}"
        )
    out = inv(shape.reshape(A, shape=(rows, columns)))
    found: Tensor = shape.reshape(out, shape=(*sizes[ind:], *sizes[:ind]))
    return found


def tensorsolve(A: Tensor, B: Tensor, dims: Any = None) -> Tensor:
    """The `X` with ``tensordot(A, X, X.ndim) = B``.

    Args:
        A: its first dimensions have as many elements as `B`, and as its others.
        B: the right-hand side.
        dims: dimensions of `A` that are moved to its end first.

    >>> import xpgrad as xg
    >>> xg.linalg.tensorsolve(xg.eye(6).reshape(2, 3, 6), xg.ones(2, 3))
    tensor([1., 1., 1., 1., 1., 1.])
    """
    a = only_tensor(A, "linalg_tensorsolve", "A")
    if dims is not None:
        moved = [d % a.ndim for d in dims]
        kept = [i for i in range(a.ndim) if i not in moved]
        a = shape.permute_dims(a, axes=(*kept, *moved))
    sizes = tuple(a.shape)
    rows, columns = math.prod(sizes[: B.ndim]), math.prod(sizes[B.ndim :])
    if rows != columns:
        raise ShapeError(
            "Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == "
            f"prod(self.shape[:other.ndim]), but got {columns} != {rows}"
        )
    matrix_ = shape.reshape(a, shape=(rows, columns))
    out = solve(matrix_, shape.reshape(B, shape=(math.prod(tuple(B.shape)),)))
    found: Tensor = shape.reshape(out, shape=sizes[B.ndim :])
    return found
