"""``xpgrad.linalg``: singular values, eigenvalues, orthogonal factors, functions of matrices."""

from __future__ import annotations

from typing import Any

from xpgrad.backward import tensor_namespace
from xpgrad.door import results
from xpgrad.door.arguments import only_tensor
from xpgrad.door.linalg_checks import alike, check_square, floating, matrix, square
from xpgrad.door.linalg_systems import inv, tolerances
from xpgrad.dtypes import float16, float32
from xpgrad.errors import DTypeError, ShapeError
from xpgrad.ops import decompositions, matrices, shape, spectra
from xpgrad.ops.device import astype
from xpgrad.tensor import Tensor

__all__ = [
    "eig", "eigh", "eigvals", "eigvalsh", "householder_product", "matrix_exp", "matrix_power",
    "matrix_rank", "qr", "svd", "svdvals",
]  # fmt: skip


# ------------------------------------------------------------------ singular values


def svd(A: Tensor, full_matrices: bool = True, *, driver: str | None = None) -> results.linalg_svd:
    """``A = U @ diag(S) @ Vh``, with descending singular values `S`.

    Args:
        A: matrices (…, m, n).
        full_matrices: `U` and `Vh` are square; otherwise both have ``min(m, n)`` vectors.
        driver: which of cuSOLVER's routines PyTorch calls; without effect here.

    The derivative (Townsend 2016; Wan & Zhang 2019) of `U` and `Vh` is inf or nan where singular
    values are equal, or zero if the matrix is not square; that of `S` is right everywhere. Of
    complex matrices, what depends on the phase of singular vectors has none: a RuntimeError.

    >>> import xpgrad as xg
    >>> x = xg.tensor([[3.0, 0.0], [0.0, 4.0]], requires_grad=True)
    >>> S = xg.linalg.svd(x).S; S
    tensor([4., 3.], grad_fn=<LinalgSvdBackward0>)
    >>> xg.autograd.grad(S[0], x)
    (tensor([[0., 0.],
            [0., 1.]]),)
    """
    x = matrix(A, "linalg.svd")
    if driver is not None and x.device.type == "cpu":
        raise ShapeError("linalg.svd: keyword argument `driver=` is only supported on CUDA inputs")
    return results.linalg_svd(*spectra.svd(x, full_matrices=bool(full_matrices)))


def svdvals(A: Tensor, *, driver: str | None = None) -> Tensor:
    """The descending singular values of matrices (…, m, n).

    >>> import xpgrad as xg
    >>> xg.linalg.svdvals(xg.tensor([[3.0, 0.0], [0.0, 4.0]]))
    tensor([4., 3.])
    """
    return matrices.singular_values(matrix(A, "linalg.svd"))


def matrix_rank(
    A: Tensor,
    tol: Any = None,
    hermitian: bool = False,
    *,
    atol: Any = None,
    rtol: Any = None,
) -> Tensor:
    """How many singular values of matrices (…, m, n) are not taken for zero; int64.

    Args:
        A: the matrices.
        tol: PyTorch's older name of `atol`; `rtol` is 0 then.
        hermitian: `A` is Hermitian: the sizes of its eigenvalues are counted.
        atol, rtol: singular values up to ``max(atol, rtol * the largest)`` count as zero; see
            `pinv`.

    >>> import xpgrad as xg
    >>> xg.linalg.matrix_rank(xg.ones(3, 3))
    tensor(1)
    """
    x = only_tensor(A, "linalg_matrix_rank", "A").detach()
    if not x.dtype.is_differentiable or x.dtype is float16:
        raise DTypeError("This function doesn't handle types other than float and double")
    if x.ndim < 2:
        raise ShapeError(
            "xpgrad.linalg.matrix_rank: The input tensor input must have at least 2 dimensions."
        )
    if tol is not None:
        atol, rtol = tol, 0.0
    if hermitian:
        check_square(x, "linalg.matrix_rank")
    atol, rtol = tolerances(x, atol, rtol)
    found = matrices.matrix_rank(x, atol, rtol, hermitian)
    return astype(found, dtype=tensor_namespace(x._ns).arange(0).dtype)


# ------------------------------------------------------------------ eigenvalues


def _triangle(a: Any, uplo: str, what: str) -> Tensor:
    """Hermitian matrices, of which the lower triangle counts."""
    x = square(a, what)
    if uplo not in ("L", "U", "l", "u"):
        raise ShapeError(f"Expected UPLO argument to be 'L' or 'U', but got {uplo}")
    return matrices.adjoint(x) if uplo in "Uu" else x


def eigh(A: Tensor, UPLO: str = "L") -> results.linalg_eigh:
    """The ascending, real eigenvalues and orthonormal eigenvectors of Hermitian matrices.

    Args:
        A: (…, n, n).
        UPLO: which triangle of them is looked at, the lower or the upper.

    The derivative (Giles 2008) is Hermitian. That of eigenvectors is inf or nan where eigenvalues
    are equal; of complex matrices, what depends on their phases has none: a RuntimeError.

    >>> import xpgrad as xg
    >>> xg.linalg.eigh(xg.tensor([[2.0, 0.0], [0.0, 1.0]])).eigenvalues
    tensor([1., 2.])
    """
    return results.linalg_eigh(*spectra.eigh(_triangle(A, UPLO, "linalg.eigh")))


def eigvalsh(A: Tensor, UPLO: str = "L") -> Tensor:
    """The ascending eigenvalues of Hermitian matrices; see `eigh`.

    >>> import xpgrad as xg
    >>> xg.linalg.eigvalsh(xg.tensor([[0.0, 1.0], [1.0, 0.0]]))
    tensor([-1.,  1.])
    """
    return matrices.hermitian_values(_triangle(A, UPLO, "linalg.eigh"))


def eig(A: Tensor) -> results.linalg_eig:
    """The complex eigenvalues (in no order) and eigenvectors (of length 1) of square matrices.

    The derivative is Boeddeker et al.'s (2017); what depends on the phases of eigenvectors has
    none: a RuntimeError.

    >>> import xpgrad as xg
    >>> xg.linalg.eig(xg.tensor([[2.0, 0.0], [0.0, 3.0]])).eigenvalues
    tensor([2.+0.j, 3.+0.j])
    """
    return results.linalg_eig(*spectra.eig(square(A, "linalg.eig")))


def eigvals(A: Tensor) -> Tensor:
    """The complex eigenvalues of square matrices (…, n, n), in no order.

    >>> import xpgrad as xg
    >>> xg.linalg.eigvals(xg.tensor([[0.0, 1.0], [-1.0, 0.0]]))
    tensor([0.+1.j, 0.-1.j])
    """
    found: Tensor = spectra.eig(square(A, "linalg.eigvals"))[0]
    return found


# ------------------------------------------------------------------ orthogonal factors


def qr(A: Tensor, mode: str = "reduced") -> results.linalg_qr:
    """``A = Q @ R``: orthonormal columns and an upper triangle.

    Args:
        A: matrices (…, m, n).
        mode: ``"reduced"``: `Q` has ``min(m, n)`` columns; ``"complete"``: it is square; ``"r"``:
            it is left out.

    The derivative (Seeger et al. 2017; Walter & Lehmann 2010) takes the first ``min(m, n)`` columns
    for independent. It needs `Q`, as many columns of it as `A` has or fewer: a RuntimeError else.

    >>> import xpgrad as xg
    >>> Q, R = xg.linalg.qr(xg.tensor([[3.0, 1.0], [4.0, 2.0]])); Q @ R
    tensor([[3.0000, 1.0000],
            [4.0000, 2.0000]])
    """
    x = matrix(A, "linalg.qr")
    if mode not in ("reduced", "complete", "r"):
        raise ShapeError(
            f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), "
            "'r', or 'complete'"
        )
    q, r = decompositions.qr(x, mode=mode)
    if mode == "r":
        q = tensor_namespace(x._ns).zeros((0,), dtype=x.dtype)
    return results.linalg_qr(q, r)


def householder_product(A: Tensor, tau: Tensor) -> Tensor:
    """The first columns of a product of reflections ``I - tau[i] v[i] v[i].mH``. Also ``orgqr``.

    Args:
        A: (…, m, n) with m ≥ n: what is below the diagonal of column i is the end of ``v[i]``,
            whose elements before are zeros and a one.
        tau: (…, k) with k ≤ n.

    All at once, in the compact form of Schreiber & Van Loan (1989).

    >>> import xpgrad as xg
    >>> xg.linalg.householder_product(xg.tensor([[0.0], [1.0]]), xg.tensor([1.0]))
    tensor([[ 0.],
            [-1.]])
    """
    what = "xpgrad.linalg.householder_product"
    a = only_tensor(A, "linalg_householder_product", "A")
    tau = only_tensor(tau, "linalg_householder_product", "tau", 2)
    if a.ndim < 2:
        raise ShapeError(f"{what}: input must have at least 2 dimensions.")
    a = floating(a, "linalg.householder_product")
    (m, n), k = a._data.shape[-2:], tau._data.shape[-1]
    if m < n:
        raise ShapeError(
            f"{what}: input.shape[-2] must be greater than or equal to input.shape[-1]"
        )
    if n < k:
        raise ShapeError(f"{what}: input.shape[-1] must be greater than or equal to tau.shape[-1]")
    if a.ndim != tau.ndim + 1 or a._data.shape[:-2] != tau._data.shape[:-1]:
        raise ShapeError(
            f"{what}: Expected batch dimensions of tau to be equal to input.shape[:-2], but got "
            f"{list(tau.shape)[:-1]}"
        )
    alike(a, tau, "linalg.householder_product")
    xp = tensor_namespace(a._ns)
    v = a if k == n else xp.getitem(a, (..., slice(None), slice(0, k)))
    return matrices.reflected(v, tau, xp.eye(m, n, dtype=a.dtype), False)


# ------------------------------------------------------------------ functions of matrices


def matrix_exp(A: Tensor) -> Tensor:
    """The exponentials of square matrices (…, n, n): the sum of ``A^k / k!``.

    Scaling and squaring (Higham 2005); the derivative in a direction by the exponential of a block
    matrix (Higham 2008, section 10.6). The host waits for the largest norm.

    >>> import xpgrad as xg
    >>> xg.linalg.matrix_exp(xg.tensor([[0.0, 1.0], [0.0, 0.0]]))
    tensor([[1., 1.],
            [0., 1.]])
    """
    if isinstance(A, Tensor) and A.dtype is float16:  # by way of single precision
        return astype(matrix_exp(astype(A, dtype=float32)), dtype=float16)
    return spectra.matrix_exp(square(A, "linalg.matrix_exp"))


def matrix_power(A: Tensor, n: int) -> Tensor:
    """Products of `n` equal square matrices (…, m, m); of their inverses for a negative `n`.

    >>> import xpgrad as xg
    >>> xg.linalg.matrix_power(xg.tensor([[1.0, 1.0], [0.0, 1.0]]), 5)
    tensor([[1., 5.],
            [0., 1.]])
    """
    check_square(A, "linalg.matrix_power")
    if isinstance(n, (float, str)) or not hasattr(n, "__index__"):
        raise TypeError(
            f"linalg_matrix_power(): argument 'n' (position 2) must be int, not {type(n).__name__}"
        )
    return matrices.matrix_power(inv(A), -n) if n < 0 else matrices.matrix_power(A, n)


def turned(x: Tensor, dims: tuple[int, int]) -> Tensor:
    """`x` with two of its dimensions moved to the end."""
    rank = x.ndim
    if dims == (rank - 2, rank - 1):
        return x
    kept = [i for i in range(rank) if i not in dims]
    found: Tensor = shape.permute_dims(x, axes=(*kept, *dims))
    return found
