"""PyTorch's functions that read or write where a mask is true."""

from __future__ import annotations

from typing import Any

import numpy as np

from xpgrad import dtypes
from xpgrad.door.arguments import only_tensor
from xpgrad.door.attach import method
from xpgrad.door.data import guarded
from xpgrad.door.gather import take
from xpgrad.door.indexing import joined, own_array
from xpgrad.door.inplace import assignable
from xpgrad.errors import DTypeError, ShapeError
from xpgrad.ops import elementwise
from xpgrad.ops import indexing as ops
from xpgrad.tensor import Tensor

__all__ = ["masked_fill", "masked_scatter", "masked_select"]


@method()
def masked_select(input: Tensor, mask: Tensor) -> Tensor:
    """The elements where a mask is true, in one dimension.

    What is not selected gets gradient 0.

    Raises:
        DTypeError: for a mask that is not boolean.

    >>> import xpgrad as xg
    >>> x = xg.tensor([1.0, -2.0, 3.0])
    >>> xg.masked_select(x, x > 0)
    tensor([1., 3.])
    >>> x = xg.tensor([1.0, -2.0], requires_grad=True)
    >>> xg.autograd.grad(xg.masked_select(x, x > 0).sum(), x)
    (tensor([1., 0.]),)
    """
    x, mask = joined(only_tensor(input, "masked_select"), mask), _mask("masked_select", mask)
    shape = np.broadcast_shapes(tuple(x.shape), tuple(mask.shape))
    x, mask = x.expand(shape), mask.expand(shape)
    return ops.masked_select(x, index=(own_array(x, mask),))


def _mask(what: str, mask: Tensor) -> Tensor:
    if only_tensor(mask, what, "mask", 2).dtype is not dtypes.bool_:
        raise DTypeError(f"{what}: expected BoolTensor for mask, got {mask.dtype}")
    return mask


@method()
def masked_fill(input: Tensor, mask: Tensor, value: Any) -> Tensor:
    """`input` with one number (or a 0-d tensor) where a mask is true.

    What is overwritten gets gradient 0: times an infinite derivative before it that is nan (see
    `where`).

    Raises:
        DTypeError: for a mask that is not boolean.

    >>> import xpgrad as xg
    >>> x = xg.tensor([1.0, -2.0, 3.0])
    >>> xg.masked_fill(x, x < 0, 0)
    tensor([1., 0., 3.])
    >>> x = xg.tensor([1.0, -2.0], requires_grad=True)
    >>> xg.autograd.grad(xg.masked_fill(x, x < 0, 0).sum(), x)
    (tensor([1., 0.]),)
    """
    x, mask = only_tensor(input, "masked_fill"), _mask("masked_fill", mask)
    if not isinstance(value, Tensor):
        return ops.masked_fill(x, mask, assignable(x, value))
    if value._data.shape:
        raise ShapeError(
            "masked_fill_ only supports a 0-dimensional value tensor, but got tensor with "
            f"{value.ndim} dimension(s)."
        )
    if value.dtype.is_complex and not x.dtype.is_complex and value.imag.item():
        kind = {"float32": "float", "float64": "double"}.get(x.dtype.name, x.dtype.name)
        raise DTypeError(f"value cannot be converted to type {kind} without overflow")
    return ops.masked_fill_by(x, mask, value)


@method()
def masked_scatter(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """`input` with the first elements of `source`, in order, where a mask is true.

    Raises:
        ShapeError: where there are not enough of them.

    >>> import xpgrad as xg
    >>> xg.zeros(3).masked_scatter(xg.tensor([True, False, True]), xg.tensor([1.0, 2.0]))
    tensor([1., 0., 2.])
    """
    x, mask = only_tensor(input, "masked_scatter"), _mask("masked_scatter", mask)
    x = joined(x, mask, source)
    shape = np.broadcast_shapes(tuple(x.shape), tuple(mask.shape))
    if x._ns.depth:  # how many there are is not for the host to know
        return _scattered(x.expand(shape), mask.expand(shape), source)
    at = (own_array(x, mask.expand(shape)),)
    with guarded(x._ns):
        count = int(x._ns.to_host(x._ns.wrap(x._ns.count_nonzero(at[0]))))
    if only_tensor(source, "masked_scatter", "source", 3).shape.numel() < count:
        raise ShapeError(
            f"masked_scatter: expected at least {count} elements in source, got "
            f"{source.shape.numel()}"
        )
    values = source.reshape(-1)[:count].to(x.dtype)
    return ops.masked_scatter(x.expand(shape), values, index=at)


def _scattered(x: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """`masked_scatter` for a mask that may differ between the examples of a batch."""
    if not source.shape.numel():
        return x.clone()
    flat = mask.reshape(-1)
    places = (flat.cumsum(0) - 1).clamp(0, source.shape.numel() - 1)
    chosen = take(source, places).to(x.dtype).reshape(tuple(x.shape))
    return elementwise.where(mask, chosen, x)
