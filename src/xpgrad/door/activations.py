"""Activations that are methods of tensors, too; the others are in `xpgrad.nn.functional`."""

from __future__ import annotations

from typing import Any

from xpgrad import dtypes
from xpgrad.door.arguments import UnsupportedDType, only_tensor
from xpgrad.door.attach import method
from xpgrad.errors import DTypeError, ShapeError
from xpgrad.ops import activations
from xpgrad.ops.shape import reshape
from xpgrad.tensor import Tensor

__all__ = ["hardshrink", "prelu"]


def _real(x: Any, what: str) -> Tensor:
    found = only_tensor(x, what)
    if found.dtype.category != dtypes.FLOATING:
        raise UnsupportedDType(f"\"{what}\" not implemented for '{found.dtype.torch_name}'")
    return found


@method()
def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """`input`, but 0 where it lies between ``-lambd`` and `lambd`; there its derivative is 0 too.

    >>> import xpgrad as xg
    >>> xg.hardshrink(xg.tensor([-0.5, 0.2, 0.7]))
    tensor([0.0000, 0.0000, 0.7000])
    >>> x = xg.tensor([0.5, 0.7], requires_grad=True)
    >>> xg.autograd.grad(xg.hardshrink(x).sum(), x)
    (tensor([0., 1.]),)
    """
    return activations.hardshrink(_real(input, "hardshrink"), width=lambd)


@method()
def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """`input` where it is positive, ``weight * input`` elsewhere.

    At 0 the derivative with respect to the input is `weight`.

    Args:
        weight: a number, or one for each channel: along dimension 1, of a vector its only one.

    Raises:
        ShapeError: where their numbers differ.
        DTypeError: where the dtypes differ.

    >>> import xpgrad as xg
    >>> xg.prelu(xg.tensor([[-1.0, -2.0]]), xg.tensor([0.25, 0.5]))
    tensor([[-0.2500, -1.0000]])
    >>> x = xg.tensor([-1.0, 0.0], requires_grad=True)
    >>> xg.autograd.grad(xg.prelu(x, xg.tensor(0.5)).sum(), x)
    (tensor([0.5000, 0.5000]),)
    """
    x, w = only_tensor(input, "prelu"), only_tensor(weight, "prelu", "weight", 2)
    if x.dtype is not w.dtype:
        raise DTypeError(
            f"prelu: Type promoting not supported. Got {x.dtype.torch_name} and "
            f"{w.dtype.torch_name}"
        )
    if w.ndim > 1:
        raise ShapeError(
            f"prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = {w.ndim}"
        )
    if w.shape.numel() != 1:
        if not x.ndim:
            raise ShapeError("Not allow zero-dim input tensor.")
        channels = x.shape[1] if x.ndim > 1 else 1
        if channels != w.shape[0]:
            raise ShapeError(
                "Mismatch of parameter numbers and input channel size. Found parameter numbers = "
                f"{w.shape[0]} and channel size = {channels}."
            )
    _real(x, "prelu")
    form = (1, -1, *(1,) * (x.ndim - 2)) if x.ndim > 1 else (1,) * x.ndim
    if tuple(w.shape) != form and (w.ndim or x.ndim):
        w = reshape(w, shape=form if -1 not in form else (1, w.shape.numel(), *form[2:]))
    return activations.prelu(x, w)
