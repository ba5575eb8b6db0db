"""Products of matrices and vectors, and norms.

As in PyTorch, the factors of a product have one dtype.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from xpgrad import dtypes
from xpgrad.door.arguments import dim_of, dims_of, only_tensor
from xpgrad.door.attach import called, method
from xpgrad.door.reductions import sum as _sum
from xpgrad.errors import DTypeError, ShapeError
from xpgrad.ops import elementwise, matrices, shape
from xpgrad.ops import linalg as ops
from xpgrad.ops.device import astype
from xpgrad.promotion import as_operand, broadcast_fault
from xpgrad.tensor import Tensor

__all__ = [
    "addbmm", "addmm", "addmv", "addr", "baddbmm", "bmm", "cross", "dist", "dot", "ger", "inner",
    "kron", "matmul", "mm", "mv", "norm", "outer", "tensordot", "trace", "vdot",
]  # fmt: skip

# PyTorch puts products of stacks together from other operations; its names show the last of these.
_stacks = called(ops.matmul, "UnsafeView")
_vector_matrix = called(ops.matmul, "SqueezeBackward4")

_C_NAMES = {
    dtypes.float16: "c10::Half", dtypes.float32: "float", dtypes.float64: "double",
    dtypes.int64: "long int", dtypes.int32: "int", dtypes.int16: "short int",
    dtypes.int8: "signed char", dtypes.uint8: "unsigned char", dtypes.bool_: "bool",
    dtypes.complex64: "c10::complex<float>", dtypes.complex128: "c10::complex<double>",
}  # fmt: skip

# ------------------------------------------------------------------ products


@method()
def matmul(input: Any, other: Any) -> Tensor:
    """The product of matrices, of stacks of them (which broadcast), or of vectors: ``a @ b``.

    A vector is a row on the left and a column on the right.

    Raises:
        RuntimeError: for shapes that do not fit, 0-d tensors, different dtypes.

    >>> import xpgrad as xg
    >>> a = xg.tensor([[1.0, 2.0], [3.0, 4.0]])
    >>> xg.matmul(a, xg.tensor([1.0, 1.0]))
    tensor([3., 7.])
    """
    try:
        left, right = len(input._data.shape), len(other._data.shape)
    except AttributeError:
        input, other = _array(input, "input", 1), _array(other, "other", 2)
        left, right = input.ndim, other.ndim
    if left == 2 and right == 2:
        return mm(input, other)
    if left == 2 and right == 1:
        return mv(input, other)
    if left == 1 and right == 1:
        return dot(input, other)
    if not left or not right:
        raise ShapeError(
            f"both arguments to matmul need to be at least 1D, but they are {left}D and {right}D"
        )
    a, b = input._data.shape, other._data.shape
    if a[-1] != b[-2 if right > 1 else -1]:
        raise _no_fit(a, b)
    fault = broadcast_fault((a[:-2], b[:-2]))
    if fault is not None:
        raise ShapeError(fault)
    _same("matmul", input, other)
    return (_vector_matrix if (left, right) == (1, 2) else _stacks)(input, other)


def _array(value: Any, name: str, position: int) -> Tensor:
    found = value if isinstance(value, Tensor) else as_operand(value, "matmul")
    return only_tensor(found, "matmul", name, position)


def _no_fit(a: Any, b: Any) -> ShapeError:
    if len(a) > 2 and len(b) > 2:
        return ShapeError(
            f"Expected size for first two dimensions of batch2 tensor to be: [{a[0]}, {a[-1]}] but "
            f"got: [{b[0]}, {b[-2]}]."
        )
    rows = (math.prod(a[:-1]), a[-1])
    columns = (*b, 1) if len(b) == 1 else (b[-2], b[-1])
    return ShapeError(
        f"mat1 and mat2 shapes cannot be multiplied ({rows[0]}x{rows[1]} and "
        f"{columns[0]}x{columns[1]})"
    )


def _same(what: str, x: Tensor, y: Tensor) -> None:
    if x.dtype is not y.dtype:
        names = [_C_NAMES.get(t.dtype, t.dtype.name) for t in (x, y)]
        raise DTypeError(
            f"{what}: expected m1 and m2 to have the same dtype, but got: {names[0]} != {names[1]}"
        )


@method()
def mm(input: Tensor, mat2: Tensor) -> Tensor:
    """The product of two matrices.

    Raises:
        RuntimeError: for shapes that do not fit, or different dtypes.

    >>> import xpgrad as xg
    >>> xg.mm(xg.ones(2, 3), xg.ones(3, 1))
    tensor([[3.],
            [3.]])
    """
    try:
        a, b = input._data, mat2._data
        if len(a.shape) == 2 == len(b.shape) and a.shape[1] == b.shape[0] and a.dtype == b.dtype:
            return ops.mm(input, mat2)
    except AttributeError:
        only_tensor(input, "mm"), only_tensor(mat2, "mm", "mat2", 2)
        raise
    for name, x in (("self", input), ("mat2", mat2)):
        if x.ndim != 2:
            raise ShapeError(f"{name} must be a matrix, got {x.ndim} dimensions")
    if a.shape[1] != b.shape[0]:
        raise _no_fit(a.shape, b.shape)
    _same("mm", input, mat2)
    return ops.mm(input, mat2)


@method()
def mv(input: Tensor, vec: Tensor) -> Tensor:
    """The product of a matrix and a vector.

    >>> import xpgrad as xg
    >>> xg.mv(xg.tensor([[1.0, 2.0], [3.0, 4.0]]), xg.tensor([1.0, 1.0]))
    tensor([3., 7.])
    """
    if not isinstance(input, Tensor) or not isinstance(vec, Tensor):
        only_tensor(input, "mv"), only_tensor(vec, "mv", "vec", 2)
    a, b = input._data.shape, vec._data.shape
    if len(a) != 2 or len(b) != 1:
        raise ShapeError(f"mv: matrix and vector expected, got {len(a)}D and {len(b)}D")
    if a[1] != b[0]:
        raise ShapeError(f"size mismatch, got input ({a[0]}), mat ({a[0]}x{a[1]}), vec ({b[0]})")
    if input._data.dtype != vec._data.dtype:
        _same("mv", input, vec)
    return ops.mv(input, vec)


@method()
def dot(input: Tensor, tensor: Tensor) -> Tensor:
    """The dot product of two vectors; nothing is conjugated.

    >>> import xpgrad as xg
    >>> xg.dot(xg.arange(3.0), xg.arange(3.0))
    tensor(5.)
    """
    try:
        a, b = input._data, tensor._data
        if a.shape == b.shape and len(a.shape) == 1 and a.dtype == b.dtype:
            return ops.dot(input, tensor)
    except AttributeError:
        pass
    _vectors("dot", input, tensor)
    return ops.dot(input, tensor)


@method()
def vdot(input: Tensor, other: Tensor) -> Tensor:
    """The dot product of two vectors, the first one conjugated.

    >>> import xpgrad as xg
    >>> xg.vdot(xg.tensor([1j]), xg.tensor([1j]))
    tensor(1.+0.j)
    """
    _vectors("vdot", input, other)
    return called(ops.vecdot, "Vdot")(input, other, axis=-1)


def _vectors(what: str, x: Tensor, y: Tensor) -> None:
    only_tensor(x, what), only_tensor(y, what, "tensor", 2)
    if x.ndim != 1 or y.ndim != 1:
        raise ShapeError(f"1D tensors expected, but got {x.ndim}D and {y.ndim}D tensors")
    if x._data.shape != y._data.shape:
        m, n = x.numel(), y.numel()
        raise ShapeError(
            f"inconsistent tensor size, expected tensor [{m}] and src [{n}] to have the same "
            f"number of elements, but got {m} and {n} elements respectively"
        )
    if x.dtype is not y.dtype:
        raise DTypeError(
            f"{what} : expected both vectors to have same dtype, but found {x.dtype.torch_name} "
            f"and {y.dtype.torch_name}"
        )


@method()
def bmm(input: Tensor, mat2: Tensor) -> Tensor:
    """The products of two stacks of matrices, pair by pair.

    >>> import xpgrad as xg
    >>> xg.bmm(xg.ones(5, 2, 3), xg.ones(5, 3, 4)).shape
    xpgrad.Size([5, 2, 4])
    """
    only_tensor(input, "bmm"), only_tensor(mat2, "bmm", "mat2", 2)
    for name, x in (("batch1", input), ("batch2", mat2)):
        if x.ndim != 3:
            raise ShapeError(f"{name} must be a 3D tensor, got {x.ndim}D")
    a, b = input._data.shape, mat2._data.shape
    if a[0] != b[0] or a[2] != b[1]:
        raise _no_fit(a, b)
    _same("bmm", input, mat2)
    return ops.bmm(input, mat2)


@method("outer", "ger")
def outer(input: Tensor, vec2: Tensor) -> Tensor:
    """The products of all pairs of elements of two vectors. Also called ``ger``.

    >>> import xpgrad as xg
    >>> xg.outer(xg.tensor([1.0, 2.0]), xg.tensor([3.0, 4.0]))
    tensor([[3., 4.],
            [6., 8.]])
    """
    for name, x in (("self", input), ("vec2", vec2)):
        if only_tensor(x, "outer").ndim != 1:
            raise ShapeError(f"outer: Expected 1-D argument {name}, but got {x.ndim}-D")
    return ops.outer(input, vec2)


ger = outer


@method()
def inner(input: Tensor, other: Tensor) -> Tensor:
    """Dot products along the last dimensions: each row of `input` with each of `other`.

    >>> import xpgrad as xg
    >>> xg.inner(xg.ones(2, 3), xg.ones(4, 3)).shape
    xpgrad.Size([2, 4])
    """
    if not input.ndim or not other.ndim:
        return elementwise.multiply(input, other)
    if input._data.shape[-1] != other._data.shape[-1]:
        raise ShapeError(
            f"inner() the last dimension must match on both input tensors but got shapes "
            f"{list(input.shape)} and {list(other.shape)}"
        )
    _same("inner", input, other)
    return ops.tensordot(input, other, axes=((input.ndim - 1,), (other.ndim - 1,)))


@method()
def addmm(input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """``beta * input + alpha * (mat1 @ mat2)``.

    >>> import xpgrad as xg
    >>> xg.addmm(xg.ones(2), xg.ones(2, 3), xg.ones(3, 2))
    tensor([[4., 4.],
            [4., 4.]])
    """
    return _plus("Addmm", input, mm(mat1, mat2), beta, alpha)


@method()
def addmv(input: Tensor, mat: Tensor, vec: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """``beta * input + alpha * (mat @ vec)``."""
    return _plus("Addmv", input, mv(mat, vec), beta, alpha)


@method()
def addr(input: Tensor, vec1: Tensor, vec2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """``beta * input + alpha * outer(vec1, vec2)``."""
    return _plus("Addr", input, outer(vec1, vec2), beta, alpha)


@method()
def baddbmm(
    input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Any = 1, alpha: Any = 1
) -> Tensor:
    """``beta * input + alpha * bmm(batch1, batch2)``."""
    return _plus("Baddbmm", input, bmm(batch1, batch2), beta, alpha)


@method()
def addbmm(
    input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Any = 1, alpha: Any = 1
) -> Tensor:
    """``beta * input + alpha * bmm(batch1, batch2).sum(0)``."""
    return _plus("Addbmm", input, _sum(bmm(batch1, batch2), 0), beta, alpha)


def _plus(node: str, input: Tensor, product: Tensor, beta: Any, alpha: Any) -> Tensor:
    if not product.dtype.is_differentiable:
        for name, number in (("beta", beta), ("alpha", alpha)):
            if node == "Addr" and isinstance(number, float):
                raise DTypeError(
                    f"For integral input tensors, argument {name} must not be a floating point "
                    "number."
                )
        kind = bool if product.dtype is dtypes.bool_ else int
        beta, alpha = kind(beta), kind(alpha)
    if alpha != 1:
        product = elementwise.multiply(product, alpha)
    if beta == 0:  # nan and inf in the input are passed over, as in PyTorch
        return product
    scaled = input if beta == 1 else elementwise.multiply(input, beta)
    return called(elementwise.add, node)(scaled, product)


def tensordot(a: Tensor, b: Tensor, dims: Any = 2) -> Tensor:
    """Sum products over dimensions of both tensors.

    Args:
        a, b: the factors.
        dims: how many of the last dimensions of `a` meet the first of `b`, or two lists of them.

    >>> import xpgrad as xg
    >>> xg.tensordot(xg.ones(2, 3), xg.ones(3, 4), dims=1).shape
    xpgrad.Size([2, 4])
    """
    if isinstance(dims, int):
        if dims < 0:
            raise ShapeError(f"tensordot expects dims >= 0, but got dims={dims}")
        if dims > min(a.ndim, b.ndim):
            raise ShapeError(
                f"tensordot expects dims < ndim_a or ndim_b, but got dims={dims} and tensors of "
                f"dims {a.ndim} and {b.ndim}"
            )
        pairs = [tuple(range(a.ndim - dims, a.ndim)), tuple(range(dims))]
    else:
        given = dims.tolist() if isinstance(dims, Tensor) else dims
        pairs = [
            tuple(dim_of(d, x.ndim) for d in (part if isinstance(part, Sequence) else (part,)))
            for part, x in zip(given, (a, b), strict=True)
        ]
    if len(pairs[0]) != len(pairs[1]):
        raise ShapeError("both dimension lists should have same length")
    for i, j in zip(*pairs, strict=True):
        if a._data.shape[i] != 1 == b._data.shape[j]:  # a single number for all of a dimension
            a = _sum(a, i, keepdim=True)
        elif a._data.shape[i] == 1 != b._data.shape[j]:
            b = _sum(b, j, keepdim=True)
        elif a._data.shape[i] != b._data.shape[j]:
            raise ShapeError(
                f"contracted dimensions need to match, but first has size {a._data.shape[i]} in "
                f"dim {i} and second has size {b._data.shape[j]} in dim {j}"
            )
    _same("tensordot", a, b)
    return ops.tensordot(a, b, axes=(pairs[0], pairs[1]))


@method()
def kron(input: Tensor, other: Tensor) -> Tensor:
    """The Kronecker product: each element of `input` times all of `other`.

    >>> import xpgrad as xg
    >>> xg.kron(xg.tensor([1, 10]), xg.tensor([1, 2]))
    tensor([ 1,  2, 10, 20])
    """
    rank = max(input.ndim, other.ndim)
    a, b = ((1,) * (rank - x.ndim) + tuple(x.shape) for x in (input, other))
    left = input.reshape(tuple(n for pair in zip(a, (1,) * rank) for n in pair))
    right = other.reshape(tuple(n for pair in zip((1,) * rank, b) for n in pair))
    return shape.unsafe_view(left * right, shape=tuple(m * n for m, n in zip(a, b, strict=True)))


@method()
def cross(input: Tensor, other: Tensor, dim: int | None = None) -> Tensor:
    """The cross products of vectors with three elements, along `dim` (the first of length 3).

    >>> import xpgrad as xg
    >>> xg.cross(xg.tensor([1.0, 0.0, 0.0]), xg.tensor([0.0, 1.0, 0.0]), dim=0)
    tensor([0., 0., 1.])
    """
    lengths = list(only_tensor(input, "cross").shape)
    if dim is None and 3 not in lengths:
        raise ShapeError("no dimension of size 3 in input")
    at = lengths.index(3) if dim is None else dim_of(dim, len(lengths))
    if lengths[at] != 3 or other._data.shape[at - len(lengths)] != 3:
        raise ShapeError(
            f"linalg.cross: inputs dimension {at} must have length 3. Got {lengths[at]} and "
            f"{other._data.shape[at - len(lengths)]}"
        )
    return matrices.cross(input, other, at - len(lengths))


@method()
def trace(input: Tensor) -> Tensor:
    """The sum of the diagonal of a matrix.

    >>> import xpgrad as xg
    >>> xg.trace(xg.eye(3))
    tensor(3.)
    """
    if only_tensor(input, "trace").ndim != 2:
        raise ShapeError(f"trace: expected a matrix, but got tensor with dim {input.ndim}")
    return ops.trace(input)


# ------------------------------------------------------------------ norms


@method()
def norm(
    input: Tensor,
    p: Any = "fro",
    dim: Any = None,
    keepdim: bool = False,
    dtype: Any = None,
    *,
    axis: Any = None,
    keepdims: bool = False,
) -> Tensor:
    """``sum(abs(x)**p)**(1/p)``; the Euclidean length for ``"fro"`` and 2.

    Its derivative is 0 where the norm is.

    Raises:
        RuntimeError: for integers.

    >>> import xpgrad as xg
    >>> xg.norm(xg.tensor([3.0, 4.0])), xg.norm(xg.tensor([3.0, -4.0]), p=1)
    (tensor(5.), tensor(7.))
    >>> x = xg.tensor([0.0, 0.0], requires_grad=True)
    >>> xg.autograd.grad(xg.norm(x), x), xg.autograd.grad(xg.norm(x + 1, xg.inf), x)
    ((tensor([0., 0.]),), (tensor([0.5000, 0.5000]),))
    """
    x = only_tensor(input, "norm")
    if dtype is not None:
        x = astype(x, dtype=dtype)
    if not x.dtype.is_differentiable:
        raise DTypeError(
            "linalg.vector_norm: Expected a floating point or complex tensor as input. "
            f"Got {x.dtype.torch_name}"
        )
    axes = dims_of(dim if axis is None else axis, x.ndim)
    if p == "nuc":
        return _nuclear(x, axes, keepdim or keepdims)
    order = 2 if p in ("fro", None) else float(p)
    return length(x, axes, keepdim or keepdims, order)


def length(x: Tensor, axes: tuple[int, ...] | None, keepdim: bool, order: float) -> Tensor:
    """The norm of vectors; in half precision by way of single, in which powers have room."""
    if x.dtype is dtypes.float16:
        wide = length(astype(x, dtype=dtypes.float32), axes, keepdim, order)
        return astype(wide, dtype=dtypes.float16)
    return ops.vector_norm(x, axis=axes, keepdims=keepdim, ord=order)


def _nuclear(x: Tensor, axes: tuple[int, ...] | None, keepdim: bool) -> Tensor:
    """The sum of the singular values of matrices over two dimensions."""
    axes = tuple(range(x.ndim)) if axes is None else axes
    if len(axes) != 2:
        raise ShapeError(
            "linalg.matrix_norm: The input tensor A must have at least 2 dimensions."
            if x.ndim < 2
            else f"linalg.matrix_norm: dim must be a 2-tuple. Got {', '.join(map(str, axes))}"
        )
    kept = tuple(i for i in range(x.ndim) if i not in axes)
    out = matrices.matrix_norm(shape.permute_dims(x, axes=(*kept, *axes)), "nuc")
    if not keepdim:
        return out
    sizes = tuple(1 if i in axes else n for i, n in enumerate(tuple(x.shape)))
    found: Tensor = shape.reshape(out, shape=sizes)
    return found


@method()
def dist(input: Tensor, other: Tensor, p: float = 2) -> Tensor:
    """The norm of the difference.

    Its derivatives are 0 where it is.

    >>> import xpgrad as xg
    >>> xg.dist(xg.zeros(2), xg.tensor([3.0, 4.0]))
    tensor(5.)
    >>> x = xg.tensor([1.0, 2.0], requires_grad=True)
    >>> y = xg.tensor([1.0, 2.0], requires_grad=True)
    >>> xg.autograd.grad(xg.dist(x, y), (x, y))
    (tensor([0., 0.]), tensor([-0., -0.]))
    """
    distance = called(ops.vector_norm, "Dist")
    return distance(elementwise.subtract(input, other), axis=None, keepdims=False, ord=float(p))
