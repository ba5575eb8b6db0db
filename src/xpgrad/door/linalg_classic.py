"""Linear algebra under the names that PyTorch had before ``linalg``, and as methods."""

from __future__ import annotations

from typing import Any

import numpy as np

from xpgrad.backward import tensor_namespace
from xpgrad.door import linalg_factors, linalg_norms, linalg_spectra, linalg_systems, results
from xpgrad.door.arguments import only_tensor
from xpgrad.door.attach import method, spelled
from xpgrad.door.linalg_checks import alike, check_square, floating, matrix, square
from xpgrad.errors import DTypeError, ShapeError
from xpgrad.ops import decompositions as ops
from xpgrad.ops import elementwise, matrices, shape
from xpgrad.ops.device import astype
from xpgrad.promotion import result_type
from xpgrad.tensor import Tensor, wrap

__all__ = [
    "block_diag", "chain_matmul", "cholesky", "cholesky_inverse", "cholesky_solve", "det",
    "geqrf", "inverse", "logdet", "lu", "lu_solve", "lu_unpack", "matrix_exp", "matrix_power",
    "orgqr", "ormqr", "pinverse", "qr", "slogdet", "svd", "triangular_solve",
]  # fmt: skip

inverse = method("inverse")(spelled(linalg_systems.inv, "input"))
det = method("det")(spelled(linalg_factors.det, "input"))
matrix_exp = method("matrix_exp")(spelled(linalg_spectra.matrix_exp, "input"))
matrix_power = method("matrix_power")(spelled(linalg_spectra.matrix_power, "input"))
orgqr = method("orgqr")(linalg_spectra.householder_product)


@method()
def slogdet(input: Tensor) -> results.slogdet:
    """The signs (or phases) of determinants, and the logarithms of their sizes.

    >>> import xpgrad as xg
    >>> xg.slogdet(xg.eye(2)).logabsdet
    tensor(0.)
    """
    return results.slogdet(*ops.slogdet(square(input, "linalg.slogdet")))


@method()
def logdet(input: Tensor) -> Tensor:
    """The logarithms of determinants of square matrices: nan for negative ones, -inf for 0.

    >>> import xpgrad as xg
    >>> xg.logdet(xg.eye(2) * 2)
    tensor(1.3863)
    """
    sign, log = ops.slogdet(square(input, "logdet"))
    xp = tensor_namespace(log._ns)
    if sign.dtype.is_complex:
        found: Tensor = elementwise.log(sign) + log
        return found
    out: Tensor = xp.where(sign == -1, xp.full((), float("nan"), dtype=log.dtype), log)
    return out


@method()
def pinverse(input: Tensor, rcond: float = 1e-15) -> Tensor:
    """The pseudo-inverses of matrices; singular values up to `rcond` times the largest count as 0.

    >>> import xpgrad as xg
    >>> xg.pinverse(xg.tensor([[2.0]]))
    tensor([[0.5000]])
    """
    return linalg_systems.pinv(input, rtol=rcond)


# ------------------------------------------------------------------ Cholesky


@method()
def cholesky(input: Tensor, upper: bool = False) -> Tensor:
    """The triangular factor of positive-definite matrices: `linalg.cholesky`.

    >>> import xpgrad as xg
    >>> xg.cholesky(xg.tensor([[4.0]]))
    tensor([[2.]])
    """
    return linalg_factors.by_cholesky(square(input, "cholesky"), upper, "cholesky")


def _lower(factor: Tensor, upper: bool) -> Tensor:
    return matrices.adjoint(factor) if upper else factor


@method()
def cholesky_solve(B: Tensor, L: Tensor, upper: bool = False) -> Tensor:
    """The `X` with ``A @ X = B``, where `A` is known by its Cholesky factor.

    Args:
        B: (…, n, k).
        L: (…, n, n), triangular.
        upper: it is the upper factor.

    >>> import xpgrad as xg
    >>> xg.cholesky_solve(xg.tensor([[8.0]]), xg.tensor([[2.0]]))
    tensor([[2.]])
    """
    b, factor = only_tensor(B, "cholesky_solve", "B"), only_tensor(L, "cholesky_solve", "L", 2)
    for name, x in (("b", b), ("u", factor)):
        if x.ndim < 2:
            raise ShapeError(
                f"{name} should have at least 2 dimensions, but has {x.ndim} dimensions instead"
            )
    check_square(factor, "cholesky_solve")
    if b._data.shape[-2] != factor._data.shape[-1]:
        raise ShapeError(
            f"Incompatible matrix sizes for cholesky_solve: each A matrix is {factor.shape[-1]} by "
            f"{factor.shape[-1]} but each b matrix is {b.shape[-2]} by {b.shape[-1]}"
        )
    alike(factor, b, "cholesky_solve")
    return ops.cholesky_solve(floating(b, "cholesky_solve"), _lower(factor, upper))


@method()
def cholesky_inverse(L: Tensor, upper: bool = False) -> Tensor:
    """The inverse of matrices that are known by their Cholesky factors `L`.

    >>> import xpgrad as xg
    >>> xg.cholesky_inverse(xg.tensor([[2.0]]))
    tensor([[0.2500]])
    """
    return ops.cholesky_inverse(_lower(square(L, "cholesky_inverse"), upper))


# ------------------------------------------------------------------ triangular factors


@method()
def lu(input: Tensor, pivot: bool = True, get_infos: bool = False) -> Any:
    """`linalg.lu_factor`; with the numbers of zero pivots if `get_infos`.

    >>> import xpgrad as xg
    >>> xg.lu(xg.tensor([[2.0]]))
    (tensor([[2.]]), tensor([1], dtype=xpgrad.int32))
    """
    found = linalg_factors.factorised(input, pivot, not get_infos, "lu_factor")
    return tuple(found if get_infos else found[:2])


@method()
def lu_solve(input: Tensor, LU_data: Tensor, LU_pivots: Tensor) -> Tensor:
    """The `X` with ``A @ X = input``, where `A` is known by its `lu`.

    >>> import xpgrad as xg
    >>> xg.lu_solve(xg.tensor([[4.0]]), *xg.lu(xg.tensor([[2.0]])))
    tensor([[2.]])
    """
    return linalg_factors.lu_solve(LU_data, LU_pivots, input)


def lu_unpack(
    LU_data: Tensor, LU_pivots: Tensor, unpack_data: bool = True, unpack_pivots: bool = True
) -> results.lu_unpack:
    """``P``, ``L`` and ``U`` of what `linalg.lu_factor` returned; empty where not wanted.

    >>> import xpgrad as xg
    >>> P, L, U = xg.lu_unpack(*xg.linalg.lu_factor(xg.tensor([[1.0, 2.0], [2.0, 2.0]]))); L
    tensor([[1.0000, 0.0000],
            [0.5000, 1.0000]])
    """
    data = matrix(LU_data, "lu_unpack", "LU_data")
    if unpack_pivots and only_tensor(LU_pivots, "lu_unpack", "LU_pivots", 2).dtype.name != "int32":
        raise DTypeError(
            "xpgrad.lu_unpack: LU_pivots is expected to be a contiguous tensor of xpgrad.int32 "
            "dtype."
        )
    return results.lu_unpack(*linalg_factors.unpacked(data, LU_pivots, unpack_data, unpack_pivots))


@method()
def triangular_solve(
    b: Tensor, A: Tensor, upper: bool = True, transpose: bool = False, unitriangular: bool = False
) -> results.triangular_solve:
    """The `X` with ``A @ X = b`` (or ``A.T @ X = b``) for a triangular `A`, and a copy of `A`.

    >>> import xpgrad as xg
    >>> xg.triangular_solve(xg.tensor([[4.0]]), xg.tensor([[2.0]])).solution
    tensor([[2.]])
    """
    what = "triangular_solve"
    a, b = square(A, what), only_tensor(b, what, "b")
    if b.ndim < 2:
        raise ShapeError(f"{what}: The input tensor b must have at least 2 dimensions.")
    solution = linalg_systems.solve_triangular(
        shape.matrix_transpose(a) if transpose else a,
        b,
        upper=upper is not transpose,
        unitriangular=unitriangular,
    )
    whole = np.broadcast_shapes(tuple(a.shape)[:-2], tuple(b.shape)[:-2])
    copy = matrices.on_stack(a, whole, 2)
    return results.triangular_solve(solution, tensor_namespace(a._ns).copy(copy))


# ------------------------------------------------------------------ orthogonal factors


@method()
def qr(input: Tensor, some: bool = True) -> results.qr:
    """`linalg.qr`, with a square `Q` unless `some`.

    >>> import xpgrad as xg
    >>> xg.qr(xg.tensor([[3.0], [4.0]])).R.abs()
    tensor([[5.]])
    """
    return results.qr(*linalg_spectra.qr(input, "reduced" if some else "complete"))


@method()
def svd(input: Tensor, some: bool = True, compute_uv: bool = True) -> results.svd:
    """``U``, ``S`` and ``V`` with ``input = U @ diag(S) @ V.mH``; see `linalg.svd`.

    Args:
        input: matrices (…, m, n).
        some: `U` and `V` have ``min(m, n)`` columns; otherwise they are square.
        compute_uv: otherwise `U` and `V` are square and zero.

    >>> import xpgrad as xg
    >>> xg.svd(xg.tensor([[3.0, 0.0], [0.0, 4.0]])).S
    tensor([4., 3.])
    """
    if compute_uv:
        u, s, vh = linalg_spectra.svd(input, not some)
        return results.svd(u, s, matrices.adjoint(vh))
    s, xp = linalg_spectra.svdvals(input), tensor_namespace(input._ns)
    (*lead, m, n) = tuple(input.shape)
    u, v = (xp.zeros((*lead, k, k), dtype=input.dtype) for k in (m, n))
    return results.svd(u, s, v)


@method()
def ormqr(
    input: Tensor, tau: Tensor, other: Tensor, left: bool = True, transpose: bool = False
) -> Tensor:
    """The product with a square `Q` that is known by reflections; `Q` itself is not made.

    Args:
        input, tau: the reflections; see `linalg.householder_product`.
        other: what is multiplied.
        left: ``Q @ other``, otherwise ``other @ Q``.
        transpose: with ``Q.mH`` in its place.

    >>> import xpgrad as xg
    >>> xg.ormqr(xg.tensor([[0.0], [1.0]]), xg.tensor([1.0]), xg.eye(2))
    tensor([[ 0., -1.],
            [-1.,  0.]])
    """
    a = matrix(input, "ormqr", "input")
    tau, other = only_tensor(tau, "ormqr", "tau", 2), only_tensor(other, "ormqr", "other", 3)
    m, k = a._data.shape[-2], tau._data.shape[-1]
    if other.ndim < 2:
        raise ShapeError("xpgrad.ormqr: other must have at least 2 dimensions.")
    side = -2 if left else -1
    if other._data.shape[side] < k:
        raise ShapeError(
            f"xpgrad.ormqr: other.shape[{side}] must be greater than or equal to tau.shape[-1]"
        )
    if other._data.shape[side] != m:
        raise ShapeError(f"xpgrad.ormqr: other.shape[{side}] must be equal to input.shape[-2]")
    alike(a, other, "ormqr")
    xp = tensor_namespace(a._ns)
    if k != a._data.shape[-1]:
        a = xp.getitem(a, (..., slice(None), slice(0, k)))
    if left:
        return matrices.reflected(a, tau, other, transpose)
    return matrices.adjoint(matrices.reflected(a, tau, matrices.adjoint(other), not transpose))


@method()
def geqrf(input: Tensor) -> results.geqrf:
    """The reflections whose product is the `Q` of `qr`, below the diagonal of `R`; on the host.

    Without a derivative, as in PyTorch: `linalg.qr` has one.

    >>> import xpgrad as xg
    >>> xg.geqrf(xg.tensor([[3.0], [4.0]])).tau
    tensor([1.6000])
    """
    x = matrix(input, "geqrf", "input")
    if x.requires_grad:
        raise NotImplementedError("the derivative for 'geqrf' is not implemented.")
    ns = x._ns
    packed, tau = np.linalg.qr(ns.to_host(x._data), mode="raw")
    with ns.current():
        parts = [ns.from_host(np.ascontiguousarray(p)) for p in (packed.swapaxes(-1, -2), tau)]
    return results.geqrf(*(wrap(p, ns) for p in parts))


# ------------------------------------------------------------------ products and blocks


def chain_matmul(*matrices: Tensor) -> Tensor:
    """The product of matrices: `linalg.multi_dot`.

    >>> import xpgrad as xg
    >>> xg.chain_matmul(xg.ones(2, 3), xg.ones(3, 1)).shape
    xpgrad.Size([2, 1])
    """
    return matrices[0] if len(matrices) == 1 else linalg_norms.multi_dot(matrices)


def block_diag(*tensors: Tensor) -> Tensor:
    """A matrix of zeros with these matrices along its diagonal.

    Args:
        tensors: of up to two dimensions; a vector is one row, a number one element.

    >>> import xpgrad as xg
    >>> xg.block_diag(xg.tensor([[1, 2], [3, 4]]), xg.tensor(5))
    tensor([[1, 2, 0],
            [3, 4, 0],
            [0, 0, 5]])
    """
    for i, t in enumerate(tensors):
        if not isinstance(t, Tensor):
            raise TypeError(
                f"expected Tensor as element {i} in argument 0, but got {type(t).__name__}"
            )
        if t.ndim > 2:
            raise ShapeError(
                "xpgrad.block_diag: Input tensors must have 2 or fewer dimensions. "
                f"Input {i} has {t.ndim} dimensions"
            )
    if not tensors:
        from xpgrad.door.creation import zeros

        return zeros(1, 0)
    blocks = [
        shape.reshape(t, shape=(1,) * (2 - t.ndim) + tuple(t.shape)) if t.ndim < 2 else t
        for t in tensors
    ]
    kind, ns = result_type(*tensors), tensors[0]._ns
    width, start, rows = sum(b._data.shape[1] for b in blocks), 0, []
    for b in blocks:
        (height, own), b = tuple(b.shape), b if b.dtype is kind else astype(b, dtype=kind)
        with ns.current():
            beside = [
                wrap(ns.zeros((height, n), dtype=ns.native(kind)), ns)
                for n in (start, width - start - own)
            ]
        rows.append(shape.concat(beside[0], b, beside[1], axis=1))
        start += own
    found: Tensor = shape.concat(*rows, axis=0)
    return found
