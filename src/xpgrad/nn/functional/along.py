"""Along a dimension: softmax and its relatives, gates."""

from __future__ import annotations

import warnings
from typing import Any

from xpgrad import dtypes
from xpgrad.door.arguments import dim_of, only_tensor
from xpgrad.door.limits import finfo
from xpgrad.errors import DTypeError, ShapeError
from xpgrad.nn.functional.arguments import drawn, floating, real
from xpgrad.op import OpFunction
from xpgrad.ops import activations, elementwise
from xpgrad.ops import nn as ops
from xpgrad.ops.device import astype
from xpgrad.tensor import Tensor, wrap

__all__ = [
    "glu", "gumbel_softmax", "log_softmax", "softmax", "softmin",
]  # fmt: skip


def _along(
    function: OpFunction, what: str, input: Tensor, dim: Any, stacklevel: int, dtype: Any
) -> Tensor:
    x = only_tensor(input, what)
    if dim is None:
        warnings.warn(
            f"Implicit dimension choice for {what} has been deprecated. Change the call to "
            "include dim=X as an argument.",
            UserWarning,
            stacklevel=stacklevel,
        )
        dim = 0 if x.ndim in (0, 1, 3) else 1
    elif isinstance(dim, (float, str, bool)):
        raise TypeError(
            f"{what}(): argument 'dim' (position 2) must be int, not {type(dim).__name__}"
        )
    if dtype is not None:
        x = astype(x, dtype=dtypes.as_dtype(dtype))
    axis = dim_of(dim, x.ndim)
    floating(x, what)
    return function(x, axis=axis) if x.ndim else ops.OF_ONE[function](x)


def softmax(input: Tensor, dim: Any = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """``exp(input)`` divided by its sum along `dim`, without overflow.

    Beside a number -inf gets 0 and derivative 0; of nothing but -inf both are nan.

    Args:
        dtype: convert the input to this type first.

    Raises:
        IndexError: there is no such dimension.

    >>> import xpgrad as xg
    >>> xg.nn.functional.softmax(xg.tensor([0.0, 0.0, 1000.0]), dim=0)
    tensor([0., 0., 1.])
    >>> x = xg.tensor([-xg.inf, 0.0], requires_grad=True)
    >>> xg.autograd.grad(xg.nn.functional.softmax(x, dim=0)[1], x)
    (tensor([-0., 0.]),)
    """
    return _along(ops.softmax, "softmax", input, dim, _stacklevel, dtype)


def softmin(input: Tensor, dim: Any = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """`softmax` of ``-input``.

    >>> import xpgrad as xg
    >>> xg.nn.functional.softmin(xg.tensor([1.0, 1.0]), dim=0)
    tensor([0.5000, 0.5000])
    """
    return _along(ops.softmax, "softmin", -only_tensor(input, "softmin"), dim, _stacklevel, dtype)


def log_softmax(input: Tensor, dim: Any = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """The logarithm of `softmax`, without the loss of digits that taking it would cost.

    >>> import xpgrad as xg
    >>> xg.nn.functional.log_softmax(xg.tensor([0.0, 1000.0]), dim=0)
    tensor([-1000.,     0.])
    """
    return _along(ops.log_softmax, "log_softmax", input, dim, _stacklevel, dtype)


# ------------------------------------------------------------------ gates


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """The first half of `input` along a dimension times the sigmoid of the second half.

    Raises:
        RuntimeError: for an odd length, or a number.

    >>> import xpgrad as xg
    >>> xg.nn.functional.glu(xg.tensor([3.0, 4.0, 0.0, 100.0]))
    tensor([1.5000, 4.0000])
    """
    x = real(input, "glu")
    if not x.ndim:
        raise ShapeError("glu does not support scalars because halving size must be even")
    axis = dim_of(dim, x.ndim)
    if x.shape[axis] % 2:
        raise ShapeError(
            f"Halving dimension must be even, but dimension {axis} is size {x.shape[axis]}"
        )
    return activations.glu(x, axis=axis)


def gumbel_softmax(
    logits: Tensor, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1
) -> Tensor:
    """A sample of a class by its probability, made differentiable: softmax of disturbed logits.

    The disturbance is drawn from the Gumbel distribution: Jang, Gu, Poole, *Categorical
    Reparameterization with Gumbel-Softmax* (2017), arXiv:1611.01144.

    Args:
        tau: the smaller, the closer to a single 1 among zeros.
        hard: give exactly that; the gradient remains the soft sample's.
        eps: without effect.

    Raises:
        RuntimeError: for logits that are not floating-point numbers.

    >>> import xpgrad as xg
    >>> xg.nn.functional.gumbel_softmax(xg.zeros(2, 5), hard=True).sum(1)
    tensor([1., 1.])
    """
    if eps != 1e-10:
        warnings.warn("`eps` parameter is deprecated and has no effect.", UserWarning, stacklevel=2)
    x = only_tensor(logits, "gumbel_softmax", "logits")
    if x.dtype.category != dtypes.FLOATING:
        raise DTypeError(
            "Exponential distribution is a continuous probability distribution. dtype must be a "
            f"floating point but you specified {x.dtype.torch_name}"
        )
    x, uniform = drawn(x, tuple(x.shape))
    axis = dim_of(dim, x.ndim)
    ns = x._ns
    with ns.current():
        # 1 - u is in (0, 1]; a sum of 0 would be drawn once in 2^24 and make an infinite logit.
        tiny = finfo(x.dtype).smallest_normal
        noise = -ns.log(ns.maximum(-ns.log1p(-uniform), tiny))
        noise = wrap(ns.wrap(noise), ns)
    soft = softmax(elementwise.divide(elementwise.add(x, noise), tau), dim)
    if not hard:
        return soft
    with ns.current():
        data = soft._data
        if len(data.shape):
            best = ns.argmax(data, axis=axis, keepdims=True)
            form = tuple(-1 if i == axis else 1 for i in range(len(data.shape)))
            best = best == ns.reshape(ns.arange(data.shape[axis], dtype=best.dtype), form)
            chosen = ns.astype(best, data.dtype)
        else:
            chosen = ns.ones_like(data)
        chosen = wrap(ns.wrap(chosen), ns)
    return elementwise.add(elementwise.subtract(chosen, soft.detach()), soft)
