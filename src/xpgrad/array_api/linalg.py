"""Linear algebra: the functions of the main namespace, and the extension.

Derivatives are those of PyTorch; what decompositions leave open (signs and phases of vectors) is as
the device's library makes it. Matrices are the last two axes.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from xpgrad.array_api.arguments import axes_of, axis_of, rank_of, tensor_of
from xpgrad.array_api.data_types import astype
from xpgrad.array_api.elementwise import promoted
from xpgrad.errors import DTypeError, ShapeError
from xpgrad.ops import decompositions as _decompositions
from xpgrad.ops import linalg as _linalg
from xpgrad.ops import matrices as _matrices
from xpgrad.ops import shape as _shape
from xpgrad.ops import spectra as _spectra
from xpgrad.tensor import Tensor, wrap

__all__ = [
    "cholesky", "cross", "det", "diagonal", "eigh", "eigvalsh", "inv", "matmul", "matrix_norm",
    "matrix_power", "matrix_rank", "matrix_transpose", "outer", "pinv", "qr", "slogdet", "solve",
    "svd", "svdvals", "tensordot", "trace", "vecdot", "vector_norm",
]  # fmt: skip


def matmul(x1: Any, x2: Any, /) -> Any:
    """The product of matrices, stacks of them that broadcast, and vectors."""
    return _linalg.matmul(*promoted(x1, x2))


def matrix_transpose(x: Any, /) -> Any:
    """`x` with its last two axes exchanged.

    Raises:
        ValueError: for fewer than two dimensions.
    """
    if rank_of(x) < 2:
        raise ShapeError(f"matrix_transpose: {rank_of(x)} dimensions hold no matrix")
    return _shape.matrix_transpose(x)


def tensordot(x1: Any, x2: Any, /, *, axes: Any = 2) -> Any:
    """Sums of products over axes of both arrays.

    Args:
        axes: how many of the last axes of `x1` meet the first of `x2`, or which axes meet which.

    Raises:
        ValueError: where lengths or numbers of axes differ.
    """
    x1, x2 = (tensor_of(x, "tensordot") for x in (x1, x2))
    if hasattr(axes, "__index__"):
        if not 0 <= axes <= min(x1.ndim, x2.ndim):
            raise ShapeError(f"tensordot: {axes} axes of {x1.ndim} and {x2.ndim} dimensions")
        axes = range(x1.ndim - axes, x1.ndim), range(axes)
    pairs = [[axis_of(a, x.ndim) for a in named] for x, named in zip((x1, x2), axes, strict=True)]
    lengths = [[x.shape[a] for a in named] for x, named in zip((x1, x2), pairs, strict=True)]
    if lengths[0] != lengths[1]:
        raise ShapeError(f"tensordot: axes of lengths {lengths[0]} cannot meet {lengths[1]}")
    return _linalg.tensordot(*promoted(x1, x2), axes=pairs)


def vecdot(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    """Dot products along an axis, counted from the end; `x1` is conjugated.

    Raises:
        ValueError: where the axes have different lengths.
        IndexError: for an axis that is not negative, or that one of the arrays lacks.
    """
    rank = min(rank_of(x1), rank_of(x2))
    if not -rank <= axis < 0:
        raise IndexError(f"vecdot: the axis is one of the last {rank}, below 0; got {axis}")
    if x1.shape[axis] != x2.shape[axis]:
        raise ShapeError(f"vecdot: lengths {x1.shape[axis]} and {x2.shape[axis]} differ")
    return _linalg.vecdot(*promoted(x1, x2), axis=axis)


def outer(x1: Any, x2: Any, /) -> Any:
    """The products of all pairs of elements of two vectors.

    Raises:
        ValueError: unless both have one dimension.
    """
    if (rank_of(x1), rank_of(x2)) != (1, 1):
        raise ShapeError(f"outer: two vectors are needed, got ranks {rank_of(x1)}, {rank_of(x2)}")
    return _linalg.outer(*promoted(*(tensor_of(x, "outer") for x in (x1, x2))))


def diagonal(x: Any, /, *, offset: int = 0) -> Any:
    """The diagonals of a stack of matrices; `offset` counts to the right of the main one."""
    rank = rank_of(x)
    if rank < 2:
        raise ShapeError(f"diagonal: {rank} dimensions hold no matrix")
    return _linalg.diagonal(x, offset=offset, axis1=rank - 2, axis2=rank - 1)


def trace(x: Any, /, *, offset: int = 0, dtype: Any = None) -> Any:
    """The sums of the diagonals of a stack of matrices."""
    if rank_of(x) < 2:
        raise ShapeError(f"trace: {rank_of(x)} dimensions hold no matrix")
    if dtype is None:
        return _linalg.trace(x, offset=offset)
    return astype(_linalg.trace(astype(x, dtype, copy=False), offset=offset), dtype, copy=False)


def vector_norm(x: Any, /, *, axis: Any = None, keepdims: bool = False, ord: float = 2) -> Any:
    """The norms of vectors along an axis, or of all elements over several; 0 has derivative 0.

    Args:
        ord: the exponent; 0 counts, and the infinities take the largest or smallest size.
    """
    axes = axes_of(axis, rank_of(x))
    return _linalg.vector_norm(x, axis=axes, keepdims=keepdims, ord=ord)


def cross(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    """Cross products of vectors of three elements, along an axis counted from the end.

    Raises:
        ValueError: for other lengths.
        IndexError: for an axis that is not negative, or that one of the arrays lacks.
    """
    rank = min(rank_of(x1), rank_of(x2))
    if not -rank <= axis < 0:
        raise IndexError(f"cross: the axis is one of the last {rank}, below 0; got {axis}")
    if (x1.shape[axis], x2.shape[axis]) != (3, 3):
        raise ShapeError(f"cross: lengths {x1.shape[axis]} and {x2.shape[axis]} are not 3")
    x1, x2 = promoted(tensor_of(x1, "cross"), tensor_of(x2, "cross"))
    return _matrices.cross(x1, x2, axis)


# ------------------------------------------------------------------ matrices


class EighResult(NamedTuple):
    """What `eigh` returns."""

    eigenvalues: Any
    eigenvectors: Any


class QRResult(NamedTuple):
    """What `qr` returns."""

    Q: Any
    R: Any


class SlogdetResult(NamedTuple):
    """What `slogdet` returns."""

    sign: Any
    logabsdet: Any


class SVDResult(NamedTuple):
    """What `svd` returns."""

    U: Any
    S: Any
    Vh: Any


def _matrix(x: Any, what: str, square: bool = True) -> Tensor:
    """A stack of matrices of floating numbers.

    Raises:
        ValueError: for fewer than two dimensions, or for matrices that are not square.
        TypeError: for other numbers.
    """
    x = tensor_of(x, what)
    if x.ndim < 2:
        raise ShapeError(f"{what}: {x.ndim} dimensions hold no matrix")
    if square and x.shape[-1] != x.shape[-2]:
        raise ShapeError(f"{what}: a matrix of shape {tuple(x.shape[-2:])} is not square")
    if not x.dtype.is_differentiable:
        raise DTypeError(f"{what}: floating numbers are needed, got {x.dtype.name}")
    return x


def cholesky(x: Any, /, *, upper: bool = False) -> Any:
    """The lower triangular ``L`` with ``L @ L.H = x``, or the upper ``U`` with ``U.H @ U = x``.

    Raises:
        LinAlgError: for matrices that are not positive-definite.
    """
    return _decompositions.cholesky(_matrix(x, "cholesky"), upper=bool(upper))


def det(x: Any, /) -> Any:
    """Determinants; differentiable also where they are zero."""
    return _decompositions.det(_matrix(x, "det"))


def eigh(x: Any, /) -> EighResult:
    """Ascending eigenvalues and orthonormal eigenvectors (columns) of Hermitian matrices."""
    return EighResult(*_spectra.eigh(_matrix(x, "eigh")))


def eigvalsh(x: Any, /) -> Any:
    """Ascending eigenvalues of Hermitian matrices."""
    return _matrices.hermitian_values(_matrix(x, "eigvalsh"))


def inv(x: Any, /) -> Any:
    """Inverses.

    Raises:
        LinAlgError: for singular matrices.
    """
    return _decompositions.inv(_matrix(x, "inv"))


def matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    """Norms of matrices.

    Args:
        ord: ``"fro"``, ``"nuc"``, 1, 2, an infinity, or one of these with a minus.

    Raises:
        ValueError: for any other.
    """
    if ord not in ("fro", "nuc", 1, -1, 2, -2, float("inf"), -float("inf")):
        raise ShapeError(f"matrix_norm: there is no norm {ord!r}")
    return _matrices.matrix_norm(_matrix(x, "matrix_norm", square=False), ord, keepdims)


def matrix_power(x: Any, n: int, /) -> Any:
    """Products of `n` equal factors; of inverses for a negative `n`."""
    x = _matrix(x, "matrix_power")
    return _matrices.matrix_power(x, n)


def _relative(rtol: Any, x: Tensor) -> Tensor:
    """A tolerance, or its default, as a real Tensor."""
    if isinstance(rtol, Tensor):
        return rtol
    ns = x._ns
    value = _matrices.rounding(x) if rtol is None else rtol
    with ns.current():
        return wrap(ns.asarray(value, dtype=ns.native(x.dtype.to_real())), ns)


def _none(x: Tensor) -> Tensor:
    return _relative(0.0, x)


def matrix_rank(x: Any, /, *, rtol: Any = None) -> Any:
    """How many singular values exceed `rtol` times the largest."""
    x = _matrix(x, "matrix_rank", square=False)
    return _matrices.matrix_rank(x, _none(x), _relative(rtol, x))


def pinv(x: Any, /, *, rtol: Any = None) -> Any:
    """Pseudo-inverses; singular values up to `rtol` times the largest count as zero."""
    x = _matrix(x, "pinv", square=False)
    return _decompositions.pinv(x, _none(x), _relative(rtol, x))


def qr(x: Any, /, *, mode: str = "reduced") -> QRResult:
    """Orthonormal columns ``Q`` and the upper triangular ``R`` with ``Q @ R = x``.

    Args:
        mode: ``"reduced"``, or ``"complete"`` for a square ``Q``.
    """
    if mode not in ("reduced", "complete"):
        raise ShapeError(f"qr: there is no mode {mode!r}")
    return QRResult(*_decompositions.qr(_matrix(x, "qr", square=False), mode=mode))


def slogdet(x: Any, /) -> SlogdetResult:
    """The signs of determinants, and the logarithms of their sizes."""
    return SlogdetResult(*_decompositions.slogdet(_matrix(x, "slogdet")))


def solve(x1: Any, x2: Any, /) -> Any:
    """The `x` with ``x1 @ x = x2``; a one-dimensional `x2` is one vector.

    Raises:
        LinAlgError: for singular matrices.
    """
    x1, x2 = promoted(_matrix(x1, "solve"), tensor_of(x2, "solve"))
    if x2.ndim == 0 or x1.shape[-1] != x2.shape[-2 if x2.ndim > 1 else -1]:
        raise ShapeError(f"solve: {tuple(x1.shape)} and {tuple(x2.shape)} do not fit")
    if x2.ndim > 1:
        return _decompositions.solve(x1, x2)
    out = _decompositions.solve(x1, _shape.expand_dims(x2, axis=1))
    return _shape.squeeze(out, axis=(out.ndim - 1,))


def svd(x: Any, /, *, full_matrices: bool = True) -> SVDResult:
    """``U``, the descending singular values ``S``, and ``Vh``: ``x = U @ diag(S) @ Vh``.

    Args:
        full_matrices: ``U`` and ``Vh`` are square.
    """
    x = _matrix(x, "svd", square=False)
    return SVDResult(*_spectra.svd(x, full_matrices=full_matrices))


def svdvals(x: Any, /) -> Any:
    """Descending singular values."""
    return _matrices.singular_values(_matrix(x, "svdvals", square=False))
