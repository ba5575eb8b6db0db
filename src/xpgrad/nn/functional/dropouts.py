"""Dropout: of elements, of whole channels, and in ways that keep mean and variance."""

from __future__ import annotations

import warnings
from typing import Any

from xpgrad.door.arguments import UnsupportedDType, only_tensor
from xpgrad.errors import DTypeError, ShapeError
from xpgrad.nn.functional.arguments import drawn
from xpgrad.op import named
from xpgrad.ops import elementwise
from xpgrad.ops.normalization import scaled
from xpgrad.ops.shape import reshape
from xpgrad.tensor import Tensor, wrap

__all__ = [
    "alpha_dropout", "dropout", "dropout1d", "dropout2d", "dropout3d", "feature_alpha_dropout",
]  # fmt: skip


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Each element 0 with probability `p` and divided by ``1 - p`` otherwise.

    Without `training`, or with ``p = 0``, it is the input itself.

    Raises:
        ValueError: for a `p` outside [0, 1].

    >>> import xpgrad as xg
    >>> xg.nn.functional.dropout(xg.ones(3), p=0.3, training=False)
    tensor([1., 1., 1.])
    """
    _probability(p)
    x = only_tensor(input, "dropout")
    if not training or p == 0:
        return x
    return _dropped(x, tuple(x.shape), p, inplace)


def dropout1d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """`dropout` of whole channels, for input of shape (N, C, L) or (C, L).

    Raises:
        ValueError: for a `p` outside [0, 1].
        RuntimeError: for other numbers of dimensions.

    >>> import xpgrad as xg
    >>> xg.nn.functional.dropout1d(xg.ones(2, 3), p=1.0)
    tensor([[0., 0., 0.],
            [0., 0., 0.]])
    """
    _probability(p)
    x = only_tensor(input, "dropout1d")
    if x.ndim not in (2, 3):
        raise ShapeError(
            f"dropout1d: Expected 2D or 3D input, but received a {x.ndim}D input. Note that "
            "dropout1d exists to provide channel-wise dropout on inputs with 1 spatial dimension, "
            "a channel dimension, and an optional batch dimension (i.e. 2D or 3D inputs)."
        )
    return _channels_dropped(x, p, training, inplace, batched=x.ndim == 3)


def dropout2d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """`dropout` of whole channels, for input of shape (N, C, H, W).

    Raises:
        ValueError: for a `p` outside [0, 1].
        RuntimeError: for fewer than two dimensions.

    Warns:
        UserWarning: for other shapes, whose second dimension is taken for the channels all the
            same.

    >>> import xpgrad as xg
    >>> xg.nn.functional.dropout2d(xg.ones(1, 2, 1, 2), p=1.0)
    tensor([[[[0., 0.]],
    <BLANKLINE>
             [[0., 0.]]]])
    """
    _probability(p)
    x = only_tensor(input, "dropout2d")
    if x.ndim == 3:
        warnings.warn(
            "dropout2d: Received a 3D input to dropout2d and assuming that channel-wise 1D dropout "
            "behavior is desired - input is interpreted as shape (N, C, L), where C is the channel "
            "dim. This behavior will change in a future release to interpret the input as one "
            "without a batch dimension, i.e. shape (C, H, W). To maintain the 1D channel-wise "
            "dropout behavior, please switch to using dropout1d instead.",
            UserWarning,
            stacklevel=2,
        )
    elif x.ndim != 4:
        _unusual("dropout2d", x.ndim, 2)
    return _channels_dropped(x, p, training, inplace, batched=True)


def dropout3d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """`dropout` of whole channels, for input of shape (N, C, D, H, W) or (C, D, H, W).

    Raises:
        ValueError: for a `p` outside [0, 1].

    Warns:
        UserWarning: for other shapes, whose first dimension is taken for the channels all the same.

    >>> import xpgrad as xg
    >>> xg.nn.functional.dropout3d(xg.ones(2, 1, 1, 1), p=1.0).flatten()
    tensor([0., 0.])
    """
    _probability(p)
    x = only_tensor(input, "dropout3d")
    if x.ndim not in (4, 5):
        _unusual("dropout3d", x.ndim, 3)
    return _channels_dropped(x, p, training, inplace, batched=x.ndim == 5)


def alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """Dropout after `selu`: to its lowest value, and so that mean and variance stay.

    Klambauer, Unterthiner, Mayr, Hochreiter, *Self-Normalizing Neural Networks* (2017).

    Raises:
        ValueError: for a `p` outside [0, 1].

    >>> import xpgrad as xg
    >>> xg.nn.functional.alpha_dropout(xg.ones(3), p=0.3)
    tensor([1., 1., 1.])
    """
    _probability(p)
    x = only_tensor(input, "alpha_dropout")
    if not training or p == 0:
        return x
    return _alpha_dropped(x, tuple(x.shape), p, inplace)


def feature_alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """`alpha_dropout` of whole channels, for input of shape (N, C, …).

    Raises:
        ValueError: for a `p` outside [0, 1].
        RuntimeError: for fewer than two dimensions.

    >>> import xpgrad as xg
    >>> xg.nn.functional.feature_alpha_dropout(xg.ones(3), p=0.3)
    tensor([1., 1., 1.])
    """
    _probability(p)
    x = only_tensor(input, "feature_alpha_dropout")
    if not training or p == 0:
        return x
    return _alpha_dropped(x, _of_channels(x), p, inplace)


# ------------------------------------------------------------------ what they are made of

_channels_times: Any = named(scaled, "MulBackward0")
_channels_times_plus: Any = named(scaled, "AddBackward0")


def _probability(p: float) -> None:
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")


def _unusual(what: str, rank: int, spatial: int) -> None:
    warnings.warn(
        f"{what}: Received a {rank}-D input to {what}, which is deprecated and will result in an "
        "error in a future release. To retain the behavior and silence this warning, please use "
        f"dropout instead. Note that {what} exists to provide channel-wise dropout on inputs with "
        f"{spatial} spatial dimensions, a channel dimension, and an optional batch dimension "
        f"(i.e. {spatial + 1}D or {spatial + 2}D inputs).",
        UserWarning,
        stacklevel=3,
    )


def _of_channels(x: Tensor) -> tuple[int, ...]:
    """The shape of a number for each channel of each example."""
    if x.ndim < 2:
        raise ShapeError("Feature dropout requires at least 2 dimensions in the input")
    return tuple(x.shape[:2])


def _channels_dropped(x: Tensor, p: float, training: bool, inplace: bool, batched: bool) -> Tensor:
    if not batched:
        one = reshape(x, shape=(1, *x.shape))
        out = _channels_dropped(one, p, training, False, True)
        out = x if out is one else reshape(out, shape=tuple(x.shape))
        return x.copy_(out) if inplace and out is not x else out
    if not training or p == 0:
        return x
    return _dropped(x, _of_channels(x), p, inplace)


def _kept(x: Tensor, shape: tuple[int, ...], p: float) -> tuple[Tensor, Tensor]:
    """Ones and zeros, zeros with probability `p`, and `x` as they know it."""
    if not x.dtype.is_differentiable:
        raise DTypeError(
            f"result type Float can't be cast to the desired output type {x.dtype.torch_name}"
        )
    x, uniform = drawn(x, shape)
    ns = x._ns
    with ns.current():
        kept = ns.astype(uniform >= p, uniform.dtype)
        return x, wrap(ns.wrap(kept), ns)


def _dropped(x: Tensor, shape: tuple[int, ...], p: float, inplace: bool) -> Tensor:
    x, kept = _kept(x, shape, p)
    if p < 1:
        kept = kept * (1 / (1 - p))
    if kept.ndim == x.ndim:
        out: Tensor = elementwise.multiply(x, kept)
    else:
        out = _channels_times(x, kept, None)
    return x.copy_(out) if inplace else out


LOWEST = 1.7580993408473766  # selu falls to minus this


def _alpha_dropped(x: Tensor, shape: tuple[int, ...], p: float, inplace: bool) -> Tensor:
    if x.dtype.is_complex:
        raise UnsupportedDType(f"\"alpha_dropout\" not implemented for '{x.dtype.torch_name}'")
    x, kept = _kept(x, shape, p)
    scale, shift = kept, kept * 0
    if p < 1:
        a = ((LOWEST * LOWEST * p + 1) * (1 - p)) ** -0.5
        scale, shift = kept * a, (kept - (1 - p)) * (LOWEST * a)
    if kept.ndim == x.ndim:
        out: Tensor = elementwise.add(elementwise.multiply(x, scale), shift)
    else:
        out = _channels_times_plus(x, scale, shift)
    return x.copy_(out) if inplace else out
