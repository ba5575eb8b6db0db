"""Activations, elementwise and along a dimension."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from xpgrad import dtypes
from xpgrad.door.arguments import UnsupportedDType, dim_of, only_tensor
from xpgrad.errors import DTypeError, ShapeError
from xpgrad.nn.functional.arguments import activate, floating
from xpgrad.ops import elementwise
from xpgrad.ops import nn as ops
from xpgrad.ops.device import astype
from xpgrad.ops.shape import reshape
from xpgrad.tensor import Tensor

# ------------------------------------------------------------------ activations


def sigmoid(input: Tensor) -> Tensor:
    """``1 / (1 + exp(-input))``; integers become the default dtype.

    >>> import xpgrad as xg
    >>> xg.nn.functional.sigmoid(xg.tensor([0.0, 2.0]))
    tensor([0.5000, 0.8808])
    """
    return elementwise.sigmoid(input)


def tanh(input: Tensor) -> Tensor:
    """The hyperbolic tangent; integers become the default dtype.

    >>> import xpgrad as xg
    >>> xg.nn.functional.tanh(xg.tensor([0.0, 1.0]))
    tensor([0.0000, 0.7616])
    """
    return elementwise.tanh(input)


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """`input` where it is positive, 0 elsewhere; the gradient at 0 is 0.

    Raises:
        DTypeError: for booleans and complex numbers.

    >>> import xpgrad as xg
    >>> xg.nn.functional.relu(xg.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    >>> x = xg.tensor([-1.0, 0.0, 2.0], requires_grad=True)
    >>> xg.autograd.grad(xg.nn.functional.relu(x).sum(), x)
    (tensor([0., 0., 1.]),)
    """
    kind = only_tensor(input, "relu").dtype
    if kind is dtypes.bool_:
        raise DTypeError("Boolean inputs not supported for relu")
    if kind.category == dtypes.COMPLEX:
        raise UnsupportedDType("clamp is not supported for complex types")
    return ops.relu(input) if not inplace else activate(ops.relu, input, inplace)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """`input` where it is positive, ``negative_slope * input`` elsewhere (at 0 too).

    Its derivative at 0 is `negative_slope`.

    >>> import xpgrad as xg
    >>> xg.nn.functional.leaky_relu(xg.tensor([-1.0, 2.0]))
    tensor([-0.0100,  2.0000])
    >>> x = xg.tensor([-1.0, 0.0], requires_grad=True)
    >>> xg.autograd.grad(xg.nn.functional.leaky_relu(x, 0.1).sum(), x)
    (tensor([0.1000, 0.1000]),)
    """
    x = floating(input, "leaky_relu")
    return activate(ops.leaky_relu, x, inplace, negative_slope=negative_slope)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """`input` where it is positive, ``alpha * (exp(input) - 1)`` elsewhere.

    Its derivative at 0 is `alpha`.

    >>> import xpgrad as xg
    >>> xg.nn.functional.elu(xg.tensor([-1.0, 2.0]))
    tensor([-0.6321,  2.0000])
    >>> x = xg.tensor([0.0, 2.0], requires_grad=True)
    >>> xg.autograd.grad(xg.nn.functional.elu(x, 0.5).sum(), x)
    (tensor([0.5000, 1.0000]),)
    """
    x = floating(input, "elu")
    return activate(ops.elu, x, inplace, alpha=alpha)


SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """The scaled `elu` whose constants keep mean 0 and variance 1 from layer to layer.

    Its derivative at 0 is that from below.

    >>> import xpgrad as xg
    >>> xg.nn.functional.selu(xg.tensor([-1.0, 2.0]))
    tensor([-1.1113,  2.1014])
    >>> x = xg.tensor([0.0, 2.0], requires_grad=True)
    >>> xg.autograd.grad(xg.nn.functional.selu(x).sum(), x)
    (tensor([1.7581, 1.0507]),)
    """
    x = floating(input, "selu")
    return activate(ops.elu, x, inplace, alpha=SELU_ALPHA, scale=SELU_SCALE)


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """`input` times the normal distribution function of it, or an approximation by ``"tanh"``.

    Raises:
        RuntimeError: for another `approximate`.

    >>> import xpgrad as xg
    >>> xg.nn.functional.gelu(xg.tensor([-1.0, 2.0]))
    tensor([-0.1587,  1.9545])
    """
    x = floating(input, "gelu")
    if approximate not in ("none", "tanh"):
        raise ShapeError("approximate argument must be either none or tanh.")
    return ops.gelu(x, approximate=approximate)


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """``input * sigmoid(input)``.

    >>> import xpgrad as xg
    >>> xg.nn.functional.silu(xg.tensor([-1.0, 2.0]))
    tensor([-0.2689,  1.7616])
    """
    x = floating(input, "silu")
    return activate(ops.silu, x, inplace)


def softplus(input: Tensor, beta: float = 1, threshold: float = 20) -> Tensor:
    """``log(1 + exp(beta * input)) / beta``; `input` itself where it is above the threshold.

    >>> import xpgrad as xg
    >>> xg.nn.functional.softplus(xg.tensor([-1.0, 30.0]))
    tensor([ 0.3133, 30.0000])
    >>> x = xg.tensor([1.0, 2.0], requires_grad=True)
    >>> xg.autograd.grad(xg.nn.functional.softplus(x, threshold=1).sum(), x)
    (tensor([0.7311, 1.0000]),)
    """
    return ops.softplus(floating(input, "softplus"), beta=beta, threshold=threshold)


def logsigmoid(input: Tensor) -> Tensor:
    """``log(sigmoid(input))``, finite for large negative numbers.

    >>> import xpgrad as xg
    >>> xg.nn.functional.logsigmoid(xg.tensor([-100.0, 2.0]))
    tensor([-100.0000,   -0.1269])
    """
    return ops.log_sigmoid(floating(input, "log_sigmoid"))


# ------------------------------------------------------------------ along a dimension


def _along(
    function: Callable[..., Tensor], what: str, input: Tensor, dim: Any, stacklevel: int, dtype: Any
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
    if x.ndim:
        return function(x, axis=axis)
    return reshape(function(reshape(x, shape=(1,)), axis=0), shape=())


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
