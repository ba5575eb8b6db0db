"""Windows that fade a signal in and out, for short-time transforms. NumPy computes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from xpgrad import dtypes
from xpgrad.door.data import guarded, leaf, settle
from xpgrad.errors import DTypeError, ShapeError
from xpgrad.registry import within
from xpgrad.tensor import Tensor

__all__ = [
    "bartlett_window", "blackman_window", "hamming_window", "hann_window", "kaiser_window",
]  # fmt: skip


def _window(
    what: str,
    length: int,
    periodic: bool,
    shape: Callable[[Any], Any],
    dtype: Any,
    device: Any,
    requires_grad: bool,
) -> Tensor:
    """The values of a function of places from -1 to 1."""
    ns = within(device)
    kind = settle(ns, dtype, dtypes.get_default_dtype())
    if not kind.is_floating_point:
        raise DTypeError(f"{what} expects floating point dtypes, got: {kind.torch_name}")
    if length < 0:
        raise ShapeError(f"{what} requires non-negative window_length, got window_length={length}")
    points = length + 1 if periodic else length
    places = np.linspace(-1, 1, points) if length > 1 else np.zeros(points)
    values = np.asarray(shape(places)[:length], dtype=np.float64).astype(kind.name)
    with guarded(ns):
        return leaf(ns.from_host(values), ns, requires_grad)


def hann_window(
    window_length: int, periodic: bool = True, *, dtype: Any = None, device: Any = None,
    requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """``cos(pi t / 2) ** 2`` for `t` from -1 to 1.

    Args:
        window_length: how many points.
        periodic: the last point is left out, which is the first one of the next period.

    >>> import xpgrad as xg
    >>> xg.hann_window(4)
    tensor([0.0000, 0.5000, 1.0000, 0.5000])
    """
    return _cosines(
        "hann_window", window_length, periodic, (0.5, 0.5), dtype, device, requires_grad
    )


def hamming_window(
    window_length: int, periodic: bool = True, alpha: float = 0.54, beta: float = 0.46, *,
    dtype: Any = None, device: Any = None, requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """``alpha + beta cos(pi t)`` for `t` from -1 to 1; see `hann_window`.

    >>> import xpgrad as xg
    >>> xg.hamming_window(4)
    tensor([0.0800, 0.5400, 1.0000, 0.5400])
    """
    return _cosines(
        "hamming_window", window_length, periodic, (alpha, beta), dtype, device, requires_grad
    )


def blackman_window(
    window_length: int, periodic: bool = True, *, dtype: Any = None, device: Any = None,
    requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """``0.42 + 0.5 cos(pi t) + 0.08 cos(2 pi t)`` for `t` from -1 to 1; see `hann_window`.

    >>> import xpgrad as xg
    >>> xg.blackman_window(4).round(decimals=2).abs()
    tensor([0.0000, 0.3400, 1.0000, 0.3400])
    """
    return _cosines(
        "blackman_window", window_length, periodic, (0.42, 0.5, 0.08), dtype, device, requires_grad
    )


def _cosines(
    what: str, length: int, periodic: bool, weights: tuple[float, ...], *rest: Any
) -> Tensor:
    def shape(t: Any) -> Any:
        return sum(w * np.cos(k * np.pi * t) for k, w in enumerate(weights))

    return _window(what, length, periodic, shape, *rest)


def bartlett_window(
    window_length: int, periodic: bool = True, *, dtype: Any = None, device: Any = None,
    requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """``1 - abs(t)`` for `t` from -1 to 1; see `hann_window`.

    >>> import xpgrad as xg
    >>> xg.bartlett_window(4)
    tensor([0.0000, 0.5000, 1.0000, 0.5000])
    """
    return _window(
        "bartlett_window", window_length, periodic, lambda t: 1 - np.abs(t), dtype, device,
        requires_grad,
    )  # fmt: skip


def kaiser_window(
    window_length: int, periodic: bool = True, beta: float = 12.0, *, dtype: Any = None,
    device: Any = None, requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """``i0(beta sqrt(1 - t**2)) / i0(beta)`` for `t` from -1 to 1; see `hann_window`.

    >>> import xpgrad as xg
    >>> xg.kaiser_window(4, beta=1.0)
    tensor([0.7898, 0.9450, 1.0000, 0.9450])
    """
    return _window(
        "kaiser_window", window_length, periodic,
        lambda t: np.i0(beta * np.sqrt(np.maximum(1 - t * t, 0))) / np.i0(beta), dtype, device,
        requires_grad,
    )  # fmt: skip
