"""Linear and bilinear layers."""

from __future__ import annotations

import math
from typing import Any

from xpgrad.door.arguments import only_tensor
from xpgrad.errors import DTypeError, ShapeError
from xpgrad.ops import elementwise
from xpgrad.ops import nn as ops
from xpgrad.ops.shape import reshape
from xpgrad.tensor import Tensor

__all__ = [
    "bilinear", "linear",
]  # fmt: skip


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


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """``input1 @ weight[i] @ input2`` for each matrix of the weight, plus `bias`.

    Args:
        input1: of shape (…, in1).
        input2: of shape (…, in2), the rest as that of `input1`.
        weight: of shape (out, in1, in2).
        bias: of shape (out,).

    Raises:
        ShapeError: for shapes that do not fit.
        DTypeError: where dtypes differ.

    >>> import xpgrad as xg
    >>> xg.nn.functional.bilinear(xg.ones(4, 2), xg.ones(4, 3), xg.ones(1, 2, 3), xg.ones(1))
    tensor([[7.],
            [7.],
            [7.],
            [7.]])
    """
    x, y = only_tensor(input1, "bilinear", "input1"), only_tensor(input2, "bilinear", "input2", 2)
    w = only_tensor(weight, "bilinear", "weight", 3)
    if x.ndim != y.ndim:
        raise ShapeError(f"bilinear(): input dimensions do not match: got {x.ndim} and {y.ndim}")
    if not x.ndim:
        raise IndexError("Dimension specified as -1 but tensor has no dimensions")
    for i, (n, m) in enumerate(zip(x.shape[:-1], y.shape[:-1])):
        if n != m:
            raise ShapeError(
                f"bilinear(): input batch dimensions do not match at dim {i}: got {n} and {m}"
            )
    parts = [("input1", x, x.shape[-1], 1), ("input2", y, y.shape[-1], 2)]
    if bias is not None:
        parts.append(("bias", bias, bias.shape[0] if bias.ndim else 1, 0))
    for name, _, size, dim in parts:
        wanted = w.shape[dim] if dim < w.ndim else None
        if size != wanted:
            raise ShapeError(
                f"bilinear(): {name} size does not match weight size: got {size} but expected "
                f"{wanted}"
            )
    if not x.dtype is y.dtype is w.dtype:
        raise DTypeError(
            f"All tensors must have the same dtype, got input1: {x.dtype.name}, input2: "
            f"{y.dtype.name}, weight: {w.dtype.name}"
        )
    rows = math.prod(x.shape[:-1])
    x, y = x.reshape(rows, x.shape[-1]), y.reshape(rows, y.shape[-1])
    out, first, second = w.shape
    half = x @ w.permute(1, 0, 2).reshape(first, out * second)
    found = half.reshape(rows, out, second) @ y.unsqueeze(-1)
    found = found.reshape(*input1.shape[:-1], out)
    return found if bias is None else found + bias
