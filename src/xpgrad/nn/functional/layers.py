"""Normalisation, linear layers, embeddings, dropout."""

from __future__ import annotations

import math
from typing import Any

from xpgrad import dtypes
from xpgrad.door.arguments import only_tensor, size_of
from xpgrad.errors import DTypeError, ShapeError
from xpgrad.nn.functional.arguments import floating
from xpgrad.ops import elementwise, reductions
from xpgrad.ops import nn as ops
from xpgrad.ops.searching import take
from xpgrad.ops.shape import reshape
from xpgrad.promotion import common_namespace
from xpgrad.random import inside, source
from xpgrad.tensor import Tensor, wrap


def layer_norm(
    input: Tensor,
    normalized_shape: Any,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """`input` with mean 0 and variance 1 over the last dimensions, times `weight`, plus `bias`.

    Args:
        normalized_shape: the lengths of the dimensions to normalise over.
        eps: added to the variance.

    Raises:
        ShapeError: for shapes that do not end in `normalized_shape`.

    >>> import xpgrad as xg
    >>> xg.nn.functional.layer_norm(xg.tensor([[1.0, 3.0]]), (2,))
    tensor([[-1.0000,  1.0000]])
    """
    x = only_tensor(input, "layer_norm")
    if isinstance(normalized_shape, int):
        raise TypeError(
            "layer_norm(): argument 'normalized_shape' (position 2) must be tuple of ints, not int"
        )
    shape = size_of("layer_norm", (tuple(normalized_shape),))
    if not shape:
        raise ShapeError(
            "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one "
            "element, but got normalized_shape = []"
        )
    for name, part in (("weight", weight), ("bias", bias)):
        if part is not None and tuple(part.shape) != shape:
            raise ShapeError(
                f"Expected {name} to be of same shape as normalized_shape, but got {name} of shape "
                f"{list(part.shape)} and normalized_shape = {list(shape)}"
            )
    if tuple(x.shape[-len(shape) :]) != shape:
        raise ShapeError(
            f"Given normalized_shape={list(shape)}, expected input with shape "
            f"[*, {', '.join(map(str, shape))}], but got input of size{list(x.shape)}"
        )
    floating(x, "layer_norm")
    axes = tuple(range(x.ndim - len(shape), x.ndim))
    return ops.layer_norm(x, weight, bias, axes=axes, eps=eps)[0]


# ------------------------------------------------------------------ layers


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """``input @ weight.T + bias`` for an input of shape (..., in) and a weight of (out, in).

    A 1-D weight gives a dot product with each row.

    Raises:
        ShapeError: where the last dimension of the input is not that of the weight, or the bias
            does not fit the result.
        DTypeError: where dtypes differ.

    >>> import xpgrad as xg
    >>> xg.nn.functional.linear(xg.ones(2, 3), xg.ones(4, 3), xg.zeros(4))
    tensor([[3., 3., 3., 3.],
            [3., 3., 3., 3.]])
    """
    try:
        rank, fits = len(input._data.shape), input._data.shape[-1] == weight._data.shape[-1]
        plain = len(weight._data.shape) == 2 and input._data.dtype == weight._data.dtype
        plain = plain and (
            bias is None
            or (
                bias._data.shape == weight._data.shape[:1] and bias._data.dtype == input._data.dtype
            )
        )
    except (AttributeError, IndexError):
        plain = fits = False
    if not (plain and fits):
        return _unusual_linear(input, weight, bias)
    if rank == 2:
        out: Tensor = (ops.linear if bias is not None else ops.linear_mm)(input, weight, bias)
        return out
    if bias is not None:
        return ops.linear_view(input, weight, bias)
    named_so = ops.linear_squeeze if rank == 1 else ops.linear_unsafe_view
    return named_so(input, weight, None)


def _unusual_linear(input: Any, weight: Any, bias: Any) -> Tensor:
    """What `linear` does with a vector for a weight and a bias of another shape; its errors."""
    x, w = only_tensor(input, "linear"), only_tensor(weight, "linear", "weight", 2)
    b = bias if bias is None else only_tensor(bias, "linear", "bias", 3)
    if not x.ndim or not w.ndim:
        raise ShapeError(
            f"both arguments to linear need to be at least 1D, but they are {x.ndim}D and {w.ndim}D"
        )
    if w.ndim > 2:
        raise ShapeError(f"t() expects a tensor with <= 2 dimensions, but self is {w.ndim}D")
    if w.ndim == 1 and b is not None:
        raise ShapeError("mat2 must be a matrix, got 1-D tensor")
    rows = math.prod(x.shape[:-1])
    if x.shape[-1] != w.shape[-1]:
        columns = f"{w.shape[-1]}x{w.shape[0] if w.ndim == 2 else 1}"
        raise ShapeError(
            f"linear: mat1 and mat2 shapes cannot be multiplied ({rows}x{x.shape[-1]} and "
            f"{columns}); the input has {x.shape[-1]} features, the weight takes {w.shape[-1]}"
        )
    for name, part in (("weight", w), ("bias", b)):
        if part is not None and part.dtype is not x.dtype:
            raise DTypeError(
                f"linear: expected input and {name} to have the same dtype, but got: "
                f"{x.dtype.name} != {part.dtype.name}"
            )
    if w.ndim == 1:
        product = ops.linear_mm(x, reshape(w, shape=(1, *w.shape)), None)
        return reshape(product, shape=tuple(x.shape[:-1]))
    out = linear(x, w)
    assert b is not None
    lead = out.ndim - b.ndim
    if lead < 0 or any(n not in (1, m) for n, m in zip(b.shape, out.shape[lead:], strict=True)):
        raise ShapeError(
            f"linear: The expanded size of the tensor ({w.shape[0]}) must match the existing size "
            f"({b.shape[-1] if b.ndim else 1}) at non-singleton dimension {out.ndim - 1}.  "
            f"Target sizes: {list(out.shape)}.  Tensor sizes: {list(b.shape)}"
        )
    return elementwise.add(out, b)


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """The rows of `weight` at the positions in `input`. Gradients of a repeated row add up.

    Args:
        padding_idx: this row gets no gradient.
        max_norm: rows with a larger norm are first scaled down to it, in place.
        scale_grad_by_freq: divide a row's gradient by how often it occurs in `input`.
        sparse: accepted; gradients are dense all the same.

    Raises:
        IndexError: a position out of range (on the CPU; a GPU is not made to wait for it).

    >>> import xpgrad as xg
    >>> table = xg.tensor([[1.0, 2.0], [3.0, 4.0]])
    >>> xg.nn.functional.embedding(xg.tensor([1, 0, 1]), table)
    tensor([[3., 4.],
            [1., 2.],
            [3., 4.]])
    >>> table = xg.ones(2, 1, requires_grad=True)
    >>> rows = xg.nn.functional.embedding(xg.tensor([1, 1, 0]), table, padding_idx=0)
    >>> xg.autograd.grad(rows.sum(), table)
    (tensor([[0.],
            [2.]]),)
    """
    indices, table = only_tensor(input, "embedding"), only_tensor(weight, "embedding", "weight", 2)
    if indices.dtype not in (dtypes.int64, dtypes.int32):
        raise DTypeError(
            "Expected tensor for argument #1 'indices' to have one of the following scalar types: "
            f"Long, Int; but got xpgrad.{indices.dtype.torch_name}Tensor instead (while checking "
            "arguments for embedding)"
        )
    if table.ndim != 2:
        raise ShapeError("'weight' must be 2-D")
    count = table.shape[0]
    if padding_idx is not None:
        if not -count <= padding_idx < count:
            raise AssertionError("Padding_idx must be within num_embeddings")
        padding_idx %= count
    ns = common_namespace("embedding", [indices, table])
    least, most = ns.bounds(indices._data) or (0, 0)
    if least < 0 or most >= max(count, 1):
        raise IndexError(
            f"index out of range in self: {least if least < 0 else most} for {count} embeddings"
        )
    if max_norm is not None:
        _renorm(table, indices, max_norm, norm_type)
    return ops.embedding(table, indices, padding_idx=padding_idx, by_frequency=scale_grad_by_freq)


def _renorm(table: Tensor, indices: Tensor, max_norm: float, norm_type: float) -> None:
    """Scale the rows that are used and too long, in place and outside the graph."""
    from xpgrad.mode import no_grad

    with no_grad():
        flat = reshape(indices, shape=(indices.shape.numel(),))
        rows = take(table, flat, axis=0)
        size = reductions.sum(elementwise.abs(rows) ** norm_type, axis=(1,), keepdims=True)
        size = size ** (1 / norm_type)
        scaled = rows * elementwise.where(size > max_norm, max_norm / (size + 1e-7), 1.0)
        table[flat] = scaled


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """A 1 at the position that each element names, 0 elsewhere, along a new last dimension.

    Args:
        num_classes: the length of that dimension; -1 stands for the largest element plus 1.

    Raises:
        RuntimeError: negative elements, or elements not smaller than `num_classes`.

    >>> import xpgrad as xg
    >>> xg.nn.functional.one_hot(xg.tensor([0, 2]))
    tensor([[1, 0, 0],
            [0, 0, 1]])
    """
    x = only_tensor(tensor, "one_hot", "tensor")
    if x.dtype is not dtypes.int64:
        raise DTypeError("one_hot is only applicable to index tensor of type LongTensor.")
    if not x.shape.numel() and num_classes <= 0:
        raise ShapeError("Can not infer total number of classes from empty tensor.")
    ns = x._ns
    bounds = ns.bounds(x._data)
    if bounds is None and num_classes == -1:
        with ns.current():
            bounds = (0, int(ns.to_host(ns.max(x._data))))  # the shape depends on it
    least, most = bounds or (0, -1)
    if least < 0:
        raise ShapeError("Class values must be non-negative.")
    if num_classes == -1:
        num_classes = most + 1
    elif num_classes < 1:
        raise ShapeError("num_classes should be positive")
    elif most >= num_classes:
        raise ShapeError("Class values must be smaller than num_classes.")
    with ns.current():
        classes = ns.arange(num_classes, dtype=x._data.dtype)
        hot = ns.expand_dims(x._data, axis=-1) == classes
        return wrap(ns.astype(hot, x._data.dtype), ns)


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Each element 0 with probability `p` and divided by ``1 - p`` otherwise.

    Without `training`, or with ``p = 0``, it is the input itself.

    Raises:
        ValueError: for a `p` outside [0, 1].

    >>> import xpgrad as xg
    >>> xg.nn.functional.dropout(xg.ones(3), p=0.3, training=False)
    tensor([1., 1., 1.])
    """
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
    x = only_tensor(input, "dropout")
    if not training or p == 0:
        return x
    if not x.dtype.is_differentiable:
        raise DTypeError(
            f"result type Float can't be cast to the desired output type {x.dtype.torch_name}"
        )
    x = inside(x)
    ns = x._ns
    kind, shape = ns.native(x.dtype.to_real()), tuple(x.shape)
    with ns.current():
        if p == 1:
            mask = ns.zeros(shape, dtype=kind)
        else:
            drawn = ns.wrap(source(ns, None).uniform(shape, kind))
            mask = ns.astype(drawn >= p, kind) * (1 / (1 - p))
    out: Tensor = elementwise.multiply(x, wrap(ns.wrap(mask), ns))
    return x.copy_(out) if inplace else out
