"""``xpgrad.linalg``: norms, condition numbers, products."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

from xpgrad import dtypes
from xpgrad.backward import tensor_namespace
from xpgrad.door import linalg as products
from xpgrad.door import rearrange
from xpgrad.door.arguments import dim_of, dims_of, only_tensor
from xpgrad.door.linalg_checks import check_square, replaced, singular_info, square
from xpgrad.door.linalg_spectra import svdvals, turned
from xpgrad.errors import DTypeError, ShapeError
from xpgrad.ops import cumulative, decompositions, linalg, matrices, shape
from xpgrad.ops.device import astype
from xpgrad.promotion import broadcast_fault
from xpgrad.tensor import Tensor

__all__ = [
    "cond", "cross", "diagonal", "matmul", "matrix_norm", "multi_dot", "norm", "vander", "vecdot",
    "vector_norm",
]  # fmt: skip


def _in_dtype(x: Any, dtype: Any, what: str) -> Tensor:
    """`x` in the dtype to compute in.

    Raises:
        DTypeError: for integers, and for a type that is narrower or of another kind.
    """
    x = only_tensor(x, what.replace(".", "_"))
    if not x.dtype.is_differentiable:
        raise DTypeError(
            f"{what}: Expected a floating point or complex tensor as input. "
            f"Got {x.dtype.torch_name}"
        )
    if dtype is None:
        return x
    wanted = dtypes.as_dtype(dtype)
    if not wanted.is_differentiable:
        raise DTypeError(
            f"{what}: dtype should be floating point or complex, but got {wanted.torch_name}"
        )
    if wanted.is_complex != x.dtype.is_complex:
        kind = "complex" if x.dtype.is_complex else "real"
        raise DTypeError(
            f"{what}: dtype should be {kind} for {kind} inputs, but got {wanted.torch_name}"
        )
    if wanted.itemsize < x.dtype.itemsize:
        raise DTypeError(
            f"{what}: the dtype of the input ({x.dtype.torch_name}) should be convertible without "
            f"narrowing to the specified dtype ({wanted.torch_name})"
        )
    return x if wanted is x.dtype else astype(x, dtype=wanted)


# ------------------------------------------------------------------ norms


def vector_norm(
    x: Tensor, ord: Any = 2, dim: Any = None, keepdim: bool = False, *, dtype: Any = None
) -> Tensor:
    """``sum(abs(x)**ord)**(1/ord)`` over dimensions, or of all elements.

    Args:
        x: any shape; floating or complex.
        ord: a number; 0 counts what is not zero, the infinities take the largest or smallest size.
        dim: one dimension or several; all by default.
        keepdim: keep them with length 1.
        dtype: the type to compute in.

    Its derivative is 0 where the norm is; the sizes that reach a maximum share it evenly.

    >>> import xpgrad as xg
    >>> xg.linalg.vector_norm(xg.tensor([[3.0, -4.0]]), dim=1)
    tensor([5.])
    """
    what = "linalg.vector_norm"
    x = _in_dtype(x, dtype, what)
    axes, order = dims_of(dim, x.ndim), float(ord)
    reduced = [x._data.shape[a] for a in (range(x.ndim) if axes is None else axes)]
    if 0 in reduced and (order < 0 or math.isinf(order)):
        raise ShapeError(
            f"{what} cannot compute the {order:g} norm on an empty tensor because the operation "
            "does not have an identity"
        )
    return products.length(x, axes, keepdim, order)


def matrix_norm(
    A: Tensor,
    ord: Any = "fro",
    dim: Sequence[int] = (-2, -1),
    keepdim: bool = False,
    *,
    dtype: Any = None,
) -> Tensor:
    """Norms of matrices.

    Args:
        A: matrices; floating or complex.
        ord: ``"fro"``: of all elements; ``"nuc"``: the sum of the singular values, of which 2 and
            -2 take the largest and the smallest; 1 and -1: the largest and smallest sum of sizes in
            a column; ``inf`` and ``-inf``: in a row.
        dim: which dimensions the matrices have.
        keepdim: keep them with length 1.
        dtype: the type to compute in.

    >>> import xpgrad as xg
    >>> A = xg.tensor([[3.0, 0.0], [0.0, -4.0]])
    >>> xg.linalg.matrix_norm(A), xg.linalg.matrix_norm(A, "nuc"), xg.linalg.matrix_norm(A, 1)
    (tensor(5.), tensor(7.), tensor(4.))
    """
    what = "linalg.matrix_norm"
    if only_tensor(A, "linalg_matrix_norm", "A").ndim < 2:
        raise ShapeError(f"{what}: The input tensor A must have at least 2 dimensions.")
    x = _in_dtype(A, dtype, what)
    given = tuple(dim) if isinstance(dim, Sequence) else (dim,)
    if len(given) != 2:
        raise ShapeError(f"{what}: dim must be a 2-tuple. Got {', '.join(map(str, given))}")
    first, second = (dim_of(d, x.ndim) for d in given)
    if first == second:
        raise ShapeError(f"{what}: dims must be different. Got ({given[0]}, {given[1]})")
    order = ord if isinstance(ord, str) else float(ord)
    if order not in ("fro", "nuc", 1, -1, 2, -2, math.inf, -math.inf):
        raise ShapeError(f"{what}: Order {ord} not supported.")
    if order == "fro":
        axes = tuple(sorted((first, second)))
        return linalg.vector_norm(x, axis=axes, keepdims=keepdim, ord=2)
    out = matrices.matrix_norm(turned(x, (first, second)), order)
    if not keepdim:
        return out
    sizes = [1 if i in (first, second) else n for i, n in enumerate(tuple(x.shape))]
    found: Tensor = shape.reshape(out, shape=tuple(sizes))
    return found


def norm(
    A: Tensor, ord: Any = None, dim: Any = None, keepdim: bool = False, *, dtype: Any = None
) -> Tensor:
    """A norm of vectors or of matrices.

    Args:
        A: any shape; floating or complex.
        ord: `None` for the length of all elements over `dim`; else an order of `vector_norm` if
            one dimension is left to reduce, and of `matrix_norm` if there are two.
        dim: an int or a pair; without it `A` has one or two dimensions, or there is no `ord`.
        keepdim: keep them with length 1.
        dtype: the type to compute in.

    >>> import xpgrad as xg
    >>> xg.linalg.norm(xg.tensor([[3.0, 0.0], [0.0, -4.0]]), 2)
    tensor(4.)
    """
    x = only_tensor(A, "linalg_norm", "A")
    dims = None
    if dim is not None:
        dims = tuple(dim) if isinstance(dim, Sequence) else (dim,)
    if ord is None:
        return vector_norm(x, 2, dims, keepdim, dtype=dtype)
    if dims is not None and len(dims) not in (1, 2):
        raise ShapeError(
            f"linalg.norm: If dim is specified, it must be of length 1 or 2. Got {list(dims)}"
        )
    if dims is None and x.ndim not in (1, 2):
        raise ShapeError(
            "linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. "
            f"Got {x.ndim}D."
        )
    if isinstance(ord, str) or (x.ndim == 2 if dims is None else len(dims) == 2):
        return matrix_norm(x, ord, (-2, -1) if dims is None else dims, keepdim, dtype=dtype)
    return vector_norm(x, ord, dims, keepdim, dtype=dtype)


def cond(A: Tensor, p: Any = None) -> Tensor:
    """Condition numbers: the norm of a matrix times that of its inverse.

    Args:
        A: matrices (…, m, n), square for other norms than 2 and -2.
        p: an order of `matrix_norm`; `None` is 2, the ratio of the outermost singular values.

    Singular matrices have inf.

    >>> import xpgrad as xg
    >>> xg.linalg.cond(xg.tensor([[3.0, 0.0], [0.0, 4.0]]))
    tensor(1.3333)
    """
    x = only_tensor(A, "linalg_cond", "A")
    if x.ndim < 2:
        raise ShapeError("linalg.cond: The input tensor must have at least 2 dimensions.")
    xp = tensor_namespace(x._ns)
    if p is None or p in (2, -2):
        if x._data.shape[-1] == 0 or x._data.shape[-2] == 0:
            return xp.zeros(tuple(x.shape)[:-2], dtype=x.dtype.to_real())
        s = svdvals(x)
        first, last = (xp.getitem(s, (..., i)) for i in (0, -1))
        found: Tensor = last / first if p == -2 else first / last
        return found
    order = p if isinstance(p, str) else float(p)
    if order not in ("fro", "nuc", 1, -1, math.inf, -math.inf):
        raise ShapeError(f"linalg.cond got an invalid norm type: {p}")
    check_square(x, f"linalg.cond(ord={p})")
    x = square(x, "linalg.cond")
    info = singular_info(x)
    safe, wrong = replaced(x, info)
    out = matrices.matrix_norm(safe, order) * matrices.matrix_norm(decompositions.inv(safe), order)
    infinite = xp.full((), math.inf, dtype=out.dtype)
    whole: Tensor = xp.where(xp.squeeze(wrong, axis=(-2, -1)), infinite, out)
    return whole


# ------------------------------------------------------------------ products


def matmul(input: Tensor, other: Tensor) -> Tensor:
    """The product of matrices, of stacks of them, or of vectors: `xpgrad.matmul`.

    >>> import xpgrad as xg
    >>> xg.linalg.matmul(xg.ones(2, 3), xg.ones(3)).shape
    xpgrad.Size([2])
    """
    return products.matmul(input, other)


def multi_dot(tensors: Sequence[Tensor]) -> Tensor:
    """The product of several matrices, in the order that takes the fewest multiplications.

    Args:
        tensors: two or more matrices; the first and the last may be vectors.

    >>> import xpgrad as xg
    >>> xg.linalg.multi_dot([xg.ones(2, 3), xg.ones(3, 4), xg.ones(4)])
    tensor([12., 12.])
    """
    factors = list(tensors)
    count = len(factors)
    if count < 2:
        raise ShapeError(f"multi_dot(): expected at least 2 tensors but got {count}")
    for i, f in enumerate(factors):
        if i in (0, count - 1) and f.ndim not in (1, 2):
            place = "last" if i else "first"
            raise ShapeError(f"multi_dot(): the {place} tensor must be 1D or 2D but got {f.ndim}D")
        if i not in (0, count - 1) and f.ndim != 2:
            raise ShapeError(f"multi_dot(): tensor {i} must be 2D but got {f.ndim}D")
        if f.dtype is not factors[0].dtype:
            raise DTypeError(
                "multi_dot(): all tensors must have be the same dtype but tensor 0 is "
                f"{factors[0].dtype.torch_name} and tensor {i} {f.dtype.torch_name}"
            )
    row, column = factors[0].ndim == 1, factors[-1].ndim == 1
    if row:
        factors[0] = shape.expand_dims(factors[0], axis=0)
    if column:
        factors[-1] = shape.expand_dims(factors[-1], axis=1)
    for i, (a, b) in enumerate(itertools.pairwise(factors)):
        if a._data.shape[1] != b._data.shape[0]:
            raise ShapeError(
                f"multi_dot(): tensors {i} and {i + 1} with shapes {list(a.shape)} and "
                f"{list(b.shape)} cannot be multiplied"
            )
    out = matrices.product_of(factors)
    lost = tuple(axis for axis, gone in ((0, row), (1, column)) if gone)
    found: Tensor = shape.squeeze(out, axis=lost) if lost else out
    return found


def vander(x: Tensor, N: int | None = None) -> Tensor:
    """The powers 0 to ``N - 1`` of each element, along a new last dimension (Vandermonde matrices).

    Args:
        x: (…, n).
        N: how many; n by default.

    >>> import xpgrad as xg
    >>> xg.linalg.vander(xg.tensor([1, 2, 3]))
    tensor([[1, 1, 1],
            [1, 2, 4],
            [1, 3, 9]])
    """
    x = only_tensor(x, "linalg_vander", "x")
    if not x.ndim:
        x = shape.expand_dims(x, axis=0)
    count = x._data.shape[-1] if N is None else N
    if count <= 1:
        raise ShapeError("N must be greater than 1.")
    xp = tensor_namespace(x._ns)
    if x.dtype.category < dtypes.FLOATING:
        x = astype(x, dtype=xp.native("int64"))
    columns = shape.expand_dims(x, axis=x.ndim)
    repeated = shape.broadcast_to(columns, shape=(*tuple(x.shape), count - 1))
    powers = cumulative.cumulative_prod(repeated, axis=x.ndim)
    found: Tensor = shape.concat(xp.ones_like(columns), powers, axis=x.ndim)
    return found


def vecdot(x: Tensor, y: Tensor, *, dim: int = -1) -> Tensor:
    """Dot products along a dimension; `x` is conjugated, and both broadcast.

    >>> import xpgrad as xg
    >>> xg.linalg.vecdot(xg.tensor([[1.0, 2.0], [3.0, 4.0]]), xg.tensor([1.0, 1.0]))
    tensor([3., 7.])
    """
    fault = broadcast_fault((tuple(x.shape), tuple(y.shape)))
    if fault is not None:
        raise ShapeError(fault)
    if x.dtype is not y.dtype:
        raise DTypeError(
            f"linalg.vecdot: expected both vectors to have same dtype, but found "
            f"{x.dtype.torch_name} and {y.dtype.torch_name}"
        )
    rank = max(x.ndim, y.ndim)
    axis = dim_of(dim, rank) - rank
    x, y = (_along(v, axis) for v in (x, y))
    length = max(x._data.shape[axis], y._data.shape[axis])
    x, y = (_stretched(v, axis, length) for v in (x, y))
    return linalg.vecdot(x, y, axis=axis)


def _along(x: Tensor, axis: int) -> Tensor:
    """`x` with so many dimensions that it has this one."""
    lead = -axis - x.ndim
    found: Tensor = shape.reshape(x, shape=((1,) * lead + tuple(x.shape))) if lead > 0 else x
    return found


def _stretched(x: Tensor, axis: int, length: int) -> Tensor:
    """`x` with a dimension of length 1 stretched."""
    sizes = list(x.shape)
    if sizes[axis] == length:
        return x
    sizes[axis] = length
    found: Tensor = shape.broadcast_to(x, shape=tuple(sizes))
    return found


def cross(input: Tensor, other: Tensor, *, dim: int = -1) -> Tensor:
    """The cross products of vectors of three elements along a dimension; the others broadcast.

    >>> import xpgrad as xg
    >>> xg.linalg.cross(xg.tensor([1.0, 0.0, 0.0]), xg.tensor([0.0, 1.0, 0.0]))
    tensor([0., 0., 1.])
    """
    if input.ndim != other.ndim:
        raise ShapeError("linalg.cross: inputs must have the same number of dimensions.")
    at = dim_of(dim, input.ndim)
    if input._data.shape[at] != 3 or other._data.shape[at] != 3:
        raise ShapeError(
            f"linalg.cross: inputs dimension {dim} must have length 3. Got "
            f"{input._data.shape[at]} and {other._data.shape[at]}"
        )
    return products.cross(input, other, dim=at)


def diagonal(A: Tensor, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """The diagonals of matrices: `xpgrad.diagonal` over the last two dimensions.

    >>> import xpgrad as xg
    >>> xg.linalg.diagonal(xg.tensor([[1, 2], [3, 4]]))
    tensor([1, 4])
    """
    return rearrange.diagonal(A, offset, dim1, dim2)
