"""Ways to fill a tensor before training; each writes in place, unrecorded, and returns the tensor.

*Fan* is the number of values that a unit adds up (``fan_in``) or that a value goes to
(``fan_out``); *gain* is what an activation does to the spread of its input.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

from xpgrad import dtypes
from xpgrad.door.creation import empty_like, eye, ones_like
from xpgrad.linalg import qr
from xpgrad.mode import no_grad
from xpgrad.tensor import Tensor

_GAINS = {"tanh": 5 / 3, "relu": math.sqrt(2), "selu": 3 / 4}
_GAINS |= dict.fromkeys(("linear", "sigmoid", "conv1d", "conv2d", "conv3d"), 1)


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The recommended gain for an activation; `param` is the slope of ``"leaky_relu"``.

    >>> import xpgrad as xg
    >>> xg.nn.init.calculate_gain("relu") ** 2
    2.0000000000000004
    """
    if nonlinearity == "leaky_relu":
        if param is not None and (isinstance(param, bool) or not isinstance(param, (int, float))):
            raise ValueError(f"negative_slope {param} not a valid number")
        return math.sqrt(2 / (1 + (0.01 if param is None else param) ** 2))
    if nonlinearity not in _GAINS:
        raise ValueError(f"Unsupported nonlinearity {nonlinearity}")
    return _GAINS[nonlinearity]


def _fans(tensor: Tensor) -> tuple[int, int]:
    if tensor.ndim < 2:
        raise ValueError(
            "Fan in and fan out can not be computed for tensor with fewer than 2 dimensions"
        )
    field = math.prod(tensor.shape[2:])
    return tensor.shape[1] * field, tensor.shape[0] * field


@no_grad()
def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Any = None) -> Tensor:
    """Fill with numbers uniform in [a, b)."""
    return tensor.uniform_(a, b, generator=generator)


@no_grad()
def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Any = None) -> Tensor:
    """Fill with normal numbers."""
    return tensor.normal_(mean, std, generator=generator)


@no_grad()
def constant_(tensor: Tensor, val: float) -> Tensor:
    """Fill with one value."""
    return tensor.fill_(val)


def ones_(tensor: Tensor) -> Tensor:
    """Fill with ones."""
    return constant_(tensor, 1.0)


def zeros_(tensor: Tensor) -> Tensor:
    """Fill with zeros."""
    return constant_(tensor, 0.0)


@no_grad()
def eye_(tensor: Tensor) -> Tensor:
    """Make a matrix the identity."""
    if tensor.ndim != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    return tensor.copy_(eye(*tensor.shape, dtype=tensor.dtype, device=tensor.device))


@no_grad()
def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Make the weight of a convolution hand on its input, channel by channel, in each group.

    Raises:
        ValueError: unless the weight has 3 to 5 dimensions and the groups share them out.

    >>> import xpgrad as xg
    >>> xg.nn.init.dirac_(xg.empty(2, 2, 3))[1]
    tensor([[0., 0., 0.],
            [0., 1., 0.]])
    """
    if tensor.ndim not in (3, 4, 5):
        raise ValueError("Only tensors with 3, 4, or 5 dimensions are supported")
    outputs, inputs, *window = tensor.shape
    if outputs % groups:
        raise ValueError("dim 0 must be divisible by groups")
    middle = tuple(n // 2 for n in window)
    values = eye(outputs // groups, inputs, dtype=tensor.dtype, device=tensor.device)
    tensor.fill_(0.0)
    tensor[(slice(None), slice(None), *middle)] = values.repeat(groups, 1)
    return tensor


@no_grad()
def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Any = None,
) -> Tensor:
    """Fill with normal numbers, those outside [a, b] drawn again.

    >>> import xpgrad as xg
    >>> w = xg.nn.init.trunc_normal_(xg.empty(100), std=0.02, a=-0.04, b=0.04)
    >>> bool((w.abs() <= 0.04).all())
    True
    """
    if mean < a - 2 * std or mean > b + 2 * std:
        warnings.warn(
            "mean is more than 2 std from [a, b] in nn.init.trunc_normal_. The distribution of "
            "values may be incorrect.",
            UserWarning,
            stacklevel=2,
        )
    plain = a <= mean <= b and b - a > 2 * std  # about half of all numbers or more are within
    nearest = min(max(mean, a), b)
    draw = empty_like(tensor)
    due = ones_like(tensor, dtype=dtypes.bool_)
    while bool(due.any()):
        if plain:
            draw.normal_(mean, std, generator=generator)
            found = (draw >= a) & (draw <= b)
        else:  # uniform, kept as often as the density says
            draw.uniform_(a, b, generator=generator)
            log_density = ((nearest - mean) ** 2 - (draw - mean) ** 2) / (2 * std**2)
            found = empty_like(tensor).uniform_(generator=generator) < log_density.exp()
        tensor.copy_(draw.where(due & found, tensor))
        due = due & ~found
    return tensor


@no_grad()
def orthogonal_(tensor: Tensor, gain: float = 1.0, generator: Any = None) -> Tensor:
    """Make a matrix (further dimensions are its columns) orthogonal, its rows or its columns.

    Raises:
        ValueError: for fewer than 2 dimensions.

    >>> import xpgrad as xg
    >>> w = xg.nn.init.orthogonal_(xg.empty(2, 3))
    >>> xg.allclose(w @ w.T, xg.eye(2), atol=1e-6)
    True
    """
    if tensor.ndim < 2:
        raise ValueError("Only tensors with 2 or more dimensions are supported")
    if not tensor.numel():
        return tensor
    matrix = empty_like(tensor.reshape(tensor.shape[0], -1)).normal_(generator=generator)
    wide = matrix.shape[0] < matrix.shape[1]
    q, r = qr(matrix.mT if wide else matrix)
    q = q * r.diagonal().sign()  # so that all such matrices are as likely
    return tensor.copy_((q.mT if wide else q).reshape(tensor.shape)).mul_(gain)


@no_grad()
def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: Any = None) -> Tensor:
    """Fill a matrix with normal numbers, and a share of each column, at random, with zeros.

    Raises:
        ValueError: unless there are 2 dimensions.

    >>> import xpgrad as xg
    >>> (xg.nn.init.sparse_(xg.empty(4, 3), sparsity=0.5) == 0).sum(0)
    tensor([2, 2, 2])
    """
    if tensor.ndim != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    count = math.ceil(sparsity * tensor.shape[0])
    places = empty_like(tensor).uniform_(generator=generator).argsort(dim=0)[:count]
    return tensor.normal_(0, std, generator=generator).scatter_(0, places, 0.0)


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Any = None) -> Tensor:
    """Fill uniformly so that the spread survives forward and backward alike (Glorot)."""
    bound = gain * math.sqrt(6 / sum(_fans(tensor)))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Any = None) -> Tensor:
    """Fill with normal numbers so that the spread survives forward and backward alike (Glorot)."""
    return normal_(tensor, 0.0, gain * math.sqrt(2 / sum(_fans(tensor))), generator)


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Any = None,
) -> Tensor:
    """Fill uniformly so that the spread survives the activation (He).

    Args:
        tensor: what to fill.
        a: the negative slope of ``"leaky_relu"``.
        mode: ``"fan_in"`` keeps the spread going forward, ``"fan_out"`` going backward.
        nonlinearity: the activation that follows; see `calculate_gain`.
        generator: where the numbers come from.

    Raises:
        ValueError: fewer than two dimensions, or an unknown mode or activation.

    >>> import xpgrad as xg
    >>> w = xg.nn.init.kaiming_uniform_(xg.empty(50, 6), nonlinearity="relu")
    >>> bool(w.abs().max() <= 1)
    True
    """
    if tensor.numel() == 0:
        return _nothing(tensor)
    bound = math.sqrt(3) * _kaiming_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Any = None,
) -> Tensor:
    """Fill with normal numbers so that the spread survives the activation (He).

    The arguments are those of `kaiming_uniform_`.
    """
    if tensor.numel() == 0:
        return _nothing(tensor)
    return normal_(tensor, 0.0, _kaiming_std(tensor, a, mode, nonlinearity), generator)


def _nothing(tensor: Tensor) -> Tensor:
    warnings.warn("Initializing zero-element tensors is a no-op", UserWarning, stacklevel=3)
    return tensor


def _kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    modes = ["fan_in", "fan_out"]
    if mode.lower() not in modes:
        raise ValueError(f"Mode {mode} not supported, please use one of {modes}")
    return calculate_gain(nonlinearity, a) / math.sqrt(_fans(tensor)[modes.index(mode.lower())])
