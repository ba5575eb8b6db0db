"""Linear algebra: the functions of the main namespace, and the extension as far as it goes yet."""

from __future__ import annotations

from typing import Any

from xpgrad.array_api.arguments import axes_of, axis_of, rank_of, tensor_of
from xpgrad.array_api.data_types import astype
from xpgrad.array_api.elementwise import promoted
from xpgrad.errors import ShapeError
from xpgrad.ops import linalg as _linalg
from xpgrad.ops import shape as _shape

__all__ = [
    "diagonal", "matmul", "matrix_transpose", "outer", "tensordot", "trace", "vecdot",
    "vector_norm",
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
