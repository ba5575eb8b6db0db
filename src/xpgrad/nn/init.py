"""Ways to fill a tensor before training; each writes in place, unrecorded, and returns the tensor.

*Fan* is the number of values that a unit adds up (``fan_in``) or that a value goes to
(``fan_out``); *gain* is what an activation does to the spread of its input.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

from xpgrad.door.creation import eye
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
