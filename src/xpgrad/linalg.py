"""Linear algebra: ``torch.linalg``'s functions, differentiable, on stacks of matrices.

    >>> import xpgrad as xg
    >>> A = xg.tensor([[4.0, 2.0], [2.0, 5.0]], requires_grad=True)
    >>> xg.linalg.solve(A, xg.tensor([8.0, 12.0]))
    tensor([1., 2.], grad_fn=<SqueezeBackward1>)

What a decomposition leaves open (signs and phases of vectors, the order of eigenvalues) is as the
device's library makes it. On CUDA nobody waits to find out whether a matrix is singular or not
positive-definite: the results are nan there, where others raise `LinAlgError`.
"""

from __future__ import annotations

from xpgrad.door.linalg_factors import (
    cholesky,
    cholesky_ex,
    det,
    lu,
    lu_factor,
    lu_factor_ex,
    lu_solve,
    slogdet,
)
from xpgrad.door.linalg_norms import (
    cond,
    cross,
    diagonal,
    matmul,
    matrix_norm,
    multi_dot,
    norm,
    vander,
    vecdot,
    vector_norm,
)
from xpgrad.door.linalg_spectra import (
    eig,
    eigh,
    eigvals,
    eigvalsh,
    householder_product,
    matrix_exp,
    matrix_power,
    matrix_rank,
    qr,
    svd,
    svdvals,
)
from xpgrad.door.linalg_systems import (
    inv,
    inv_ex,
    lstsq,
    pinv,
    solve,
    solve_ex,
    solve_triangular,
    tensorinv,
    tensorsolve,
)
from xpgrad.errors import LinAlgError

__all__ = [
    "LinAlgError", "cholesky", "cholesky_ex", "cond", "cross", "det", "diagonal", "eig", "eigh",
    "eigvals", "eigvalsh", "householder_product", "inv", "inv_ex", "lstsq", "lu", "lu_factor",
    "lu_factor_ex", "lu_solve", "matmul", "matrix_exp", "matrix_norm", "matrix_power",
    "matrix_rank", "multi_dot", "norm", "pinv", "qr", "slogdet", "solve", "solve_ex",
    "solve_triangular", "svd", "svdvals", "tensorinv", "tensorsolve", "vander", "vecdot",
    "vector_norm",
]  # fmt: skip
