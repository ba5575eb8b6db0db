"""Putting something around tensors, and moving what is inside to other dimensions."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from xpgrad.door.arguments import UnsupportedDType, as_kind, only_tensor
from xpgrad.dtypes import INTEGER
from xpgrad.errors import ShapeError
from xpgrad.nn.functional.space import Ints, numbers_of
from xpgrad.op import named
from xpgrad.ops import resampling
from xpgrad.ops.device import clone
from xpgrad.ops.shape import reshape
from xpgrad.tensor import Tensor
from xpgrad.windowed import Taps

__all__ = [
    "channel_shuffle", "fold", "native_channel_shuffle", "pad", "pixel_shuffle",
    "pixel_unshuffle", "unfold",
]  # fmt: skip

_COMBINATIONS = (
    "Supported combinations for non-constant padding:\n"
    "  - 2D or 3D input: padding size = 2 (pads last dimension)\n"
    "  - 3D or 4D input: padding size = 4 (pads last 2 dimensions)\n"
    "  - 4D or 5D input: padding size = 6 (pads last 3 dimensions)"
)


class UnsupportedPadding(ShapeError, NotImplementedError):
    """A number of paddings that a mode does not take."""


def pad(input: Tensor, pad: Any, mode: str = "constant", value: float | None = None) -> Tensor:
    """Elements around the input: pairs of how many before and behind, the last dimension first.

    Negative numbers cut off.

    Args:
        mode: ``"constant"`` puts `value` (0) there; ``"reflect"`` goes back from the edge,
            ``"replicate"`` repeats it, ``"circular"`` begins again at the other end: in 1 to 3
            dimensions of an input with one or two more.

    Raises:
        ShapeError: for numbers that are odd or too many, or sizes that a mode cannot make.

    >>> import xpgrad as xg
    >>> x = xg.tensor([[1.0, 2.0, 3.0]])
    >>> xg.nn.functional.pad(x, (1, 2), value=9.0)
    tensor([[9., 1., 2., 3., 9., 9.]])
    >>> xg.nn.functional.pad(x, (1, 2), "reflect")
    tensor([[2., 1., 2., 3., 2., 1.]])
    >>> xg.nn.functional.pad(x, (1, 2), "replicate")
    tensor([[1., 1., 2., 3., 3., 3.]])
    >>> xg.nn.functional.pad(x, (1, 2), "circular")
    tensor([[3., 1., 2., 3., 1., 2.]])
    """
    x = only_tensor(input, "pad")
    if isinstance(pad, int):
        raise TypeError("pad(): argument 'pad' (position 2) must be tuple of ints, not int")
    try:
        found = tuple(map(operator.index, pad))
    except TypeError as error:
        raise TypeError(
            f"pad(): argument 'pad' (position 2) must be tuple of ints: {error}"
        ) from None
    if len(found) % 2:
        raise ShapeError("Padding length must be divisible by 2")
    if len(found) > 2 * x.ndim:
        raise ShapeError(
            "Padding length should be less than or equal to two times the input dimension but got "
            f"padding length {len(found)} and input of dimension {x.ndim}"
        )
    if mode == "constant":
        return constant_pad_nd(x, found, 0 if value is None else value)
    if mode not in _MODES:
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    if value is not None and value != 0:
        raise ShapeError(f'Padding mode "{mode}" doesn\'t take in value argument')
    space = len(found) // 2
    if space not in (1, 2, 3) or x.ndim - space not in (1, 2):
        raise UnsupportedPadding(
            f"Padding size {len(found)} is not supported for {x.ndim}D input tensor.\n"
            + _COMBINATIONS
        )
    if 0 in x.shape[-space - 1 :]:
        raise ShapeError(
            f"Expected {space + 1}D or {space + 2}D (batch mode) tensor with possibly 0 batch size "
            f"and other non-zero dimensions for input, but got: {list(x.shape)}"
        )
    table, last = _MODES[mode]
    pairs = [(found[2 * i], found[2 * i + 1]) for i in range(space)]
    wanted = []
    for i, (low, high) in enumerate(pairs):
        axis = x.ndim - 1 - i
        _check(mode, x, axis, low, high)
        if low or high:
            wanted.append((axis, table(x.shape[axis], low, high)))
    if not wanted:
        return x.clone()
    for axis, taps in wanted:
        function = resampling.resample if axis != wanted[-1][0] else last[space]
        x = function(x, axis=axis, taps=taps)
    return x


def constant_pad_nd(input: Tensor, pad: Any, value: Any = 0) -> Tensor:
    """`pad` with one value.

    >>> import xpgrad as xg
    >>> xg.constant_pad_nd(xg.ones(2), (0, 1), 5)
    tensor([1., 1., 5.])
    """
    x = only_tensor(input, "constant_pad_nd")
    found = tuple(map(operator.index, pad))
    if len(found) % 2 or len(found) > 2 * x.ndim:
        raise ShapeError(
            f"Length of pad must be even and no more than twice the number of dimensions of the "
            f"input, but got {len(found)} for {x.ndim}"
        )
    none = ((0, 0),) * (x.ndim - len(found) // 2)
    pairs = tuple((found[i], found[i + 1]) for i in range(len(found) - 2, -1, -2))
    widths = (*none, *pairs)
    for n, (low, high) in zip(x.shape, widths, strict=True):
        if n + low + high < 0 or n + min(low, 0) + min(high, 0) < 0:
            raise ShapeError(
                "narrow(): length must be non-negative. "
                f"Padding by {low} and {high} leaves nothing of a dimension of {n}."
            )
    return resampling.pad(x, widths=widths, value=as_kind(value, x.dtype))


def _check(mode: str, x: Tensor, axis: int, low: int, high: int) -> None:
    """Complain of a padding that a mode cannot make."""
    n = x.shape[axis]
    if mode == "reflect" and (low >= n or high >= n):
        raise ShapeError(
            "Padding size should be less than the corresponding input dimension, but got: padding "
            f"({low}, {high}) at dimension {axis} of input {list(x.shape)}"
        )
    if mode == "circular" and (low > n or high > n):
        raise ShapeError("Padding value causes wrapping around more than once.")
    if n + low + high < 0:
        raise ShapeError(
            f"Padding by {low} and {high} leaves nothing of dimension {axis} of input "
            f"{list(x.shape)}"
        )


@functools.lru_cache(64)
def _reflected(n: int, low: int, high: int) -> Taps:
    i = np.abs(np.arange(-low, n + high))
    return Taps(np.where(i >= n, 2 * (n - 1) - i, i), n)


@functools.lru_cache(64)
def _replicated(n: int, low: int, high: int) -> Taps:
    return Taps(np.clip(np.arange(-low, n + high), 0, n - 1), n)


@functools.lru_cache(64)
def _circular(n: int, low: int, high: int) -> Taps:
    first, count = max(-low, 0), n + min(low, 0) + min(high, 0)  # what is left is repeated
    return Taps(first + np.arange(-max(low, 0), count + max(high, 0)) % max(count, 1), n)


_MODES: dict[str, tuple[Callable[[int, int, int], Taps], Any]] = {
    "reflect": (_reflected, resampling.REFLECTED),
    "replicate": (_replicated, resampling.REPLICATED),
    "circular": (_circular, dict.fromkeys((1, 2, 3), resampling.resample)),
}


# ------------------------------------------------------------------ windows as columns


def unfold(
    input: Tensor, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Tensor:
    """The windows of (N, C, H, W) as columns, (N, C * kH * kW, windows), or without the batch.

    Raises:
        ShapeError: for windows larger than the input, non-positive sizes.

    >>> import xpgrad as xg
    >>> xg.nn.functional.unfold(xg.arange(6.0).reshape(1, 2, 3), 2)
    tensor([[0., 1.],
            [1., 2.],
            [3., 4.],
            [4., 5.]])
    """
    x = only_tensor(input, "unfold")
    how = _blocks("unfold", kernel_size, dilation, padding, stride)
    if x.ndim not in (3, 4) or 0 in x.shape[-3:]:
        raise ShapeError(
            "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero "
            f"dimensions for input, but got: {list(x.shape)}"
        )
    _floating(x, "im2col")
    if x.ndim == 3:
        return unfold(x.unsqueeze(0), kernel_size, dilation, padding, stride).squeeze(0)
    size = tuple(x.shape[2:])
    outputs = resampling.counts(size, **how)
    if min(outputs) < 1:
        raise ShapeError(
            f"Given input with spatial size {size}, kernel_size={how['kernel']}, "
            f"dilation={how['dilation']}, padding={how['padding']}, calculated shape of the array "
            f"of sliding blocks as {outputs}, but its components must be at least one."
        )
    return resampling.im2col(x, **how)


def fold(
    input: Tensor,
    output_size: Any,
    kernel_size: Any,
    dilation: Any = 1,
    padding: Any = 0,
    stride: Any = 1,
) -> Tensor:
    """Columns (N, C * kH * kW, windows) added up where `unfold` takes its windows from.

    Raises:
        ShapeError: for sizes that do not fit each other.

    >>> import xpgrad as xg
    >>> xg.nn.functional.fold(xg.ones(4, 2), (2, 3), 2)
    tensor([[[1., 2., 1.],
             [1., 2., 1.]]])
    """
    x = only_tensor(input, "fold")
    size = _two("output_size", output_size)
    how = _blocks("fold", kernel_size, dilation, padding, stride)
    if x.ndim not in (2, 3) or 0 in x.shape[-2:]:
        raise ShapeError(
            "Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and "
            f"non-zero dimensions for input, but got: {list(x.shape)}"
        )
    _floating(x, "col2im")
    if x.ndim == 2:
        return fold(x.unsqueeze(0), size, kernel_size, dilation, padding, stride).squeeze(0)
    kernel = how["kernel"]
    if x.shape[1] % (kernel[0] * kernel[1]):
        raise ShapeError(
            "Expected size of input's dimension 1 to be divisible by the product of kernel_size, "
            f"but got input.size(1)={x.shape[1]} and kernel_size={kernel}."
        )
    rows, columns = resampling.counts(size, **how)
    if x.shape[2] != rows * columns or min(rows, columns) < 1:
        raise ShapeError(
            f"Given output_size={size}, kernel_size={kernel}, dilation={how['dilation']}, "
            f"padding={how['padding']}, stride={how['stride']}, expected size of input's dimension "
            f"2 to match the calculated number of sliding blocks {rows} * {columns} = "
            f"{rows * columns}, but got input.size(2)={x.shape[2]}."
        )
    return resampling.col2im(x, size=size, **how)


def _two(what: str, value: Any) -> Ints:
    found = numbers_of(value, 2, what, "fold") if not isinstance(value, (list, tuple)) else value
    if len(found) not in (1, 2):
        raise ShapeError(f"It is expected {what} equals to 2, but got size {len(found)}")
    return numbers_of(found, 2, what, "fold")


def _blocks(
    function: str, kernel: Any, dilation: Any, padding: Any, stride: Any
) -> dict[str, Ints]:
    """The settings of windows, checked."""
    how = {
        "kernel": _two("kernel_size", kernel),
        "stride": _two("stride", stride),
        "padding": _two("padding", padding),
        "dilation": _two("dilation", dilation),
    }
    for name, (height, width) in how.items():
        if min(height, width) < (0 if name == "padding" else 1):
            what = {"kernel": "kernel size"}.get(name, name)
            short = {"padding": "pad"}.get(name, name)
            rule = "non-negative" if name == "padding" else "greater than zero"
            raise ShapeError(
                f"{what} should be {rule}, but got {short}_height: {height} {short}_width: {width}"
            )
    return how


def _floating(x: Tensor, what: str) -> None:
    if x.dtype.category == INTEGER:
        raise UnsupportedDType(f"\"{what}_out_cpu\" not implemented for '{x.dtype.torch_name}'")


# ------------------------------------------------------------------ channels and places

_SHUFFLED: Callable[..., Tensor] = named(reshape, "PixelShuffleBackward0")
_UNSHUFFLED: Callable[..., Tensor] = named(reshape, "PixelUnshuffleBackward0")
_MIXED: Callable[..., Tensor] = named(reshape, "ChannelShuffleBackward0")


def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """Channels (..., C * r * r, H, W) as places: (..., C, H * r, W * r).

    Raises:
        ShapeError: for a number of channels that r * r does not divide.

    >>> import xpgrad as xg
    >>> xg.nn.functional.pixel_shuffle(xg.arange(8.0).reshape(4, 1, 2), 2)
    tensor([[[0., 2., 1., 3.],
             [4., 6., 5., 7.]]])
    """
    x, r = only_tensor(input, "pixel_shuffle"), upscale_factor
    _room(x, "pixel_shuffle")
    if r <= 0:
        raise ShapeError(f"pixel_shuffle expects a positive upscale_factor, but got {r}")
    *lead, c, h, w = x.shape
    if c % (r * r):
        raise ShapeError(
            "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square "
            f"of upscale_factor, but input.size(-3)={c} is not divisible by {r * r}"
        )
    split = x.reshape(*lead, c // (r * r), r, r, h, w)
    n = len(lead)
    moved = split.permute(*range(n + 1), n + 3, n + 1, n + 4, n + 2)
    return _SHUFFLED(clone(moved), shape=(*lead, c // (r * r), h * r, w * r))


def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """Places (..., C, H * r, W * r) as channels, (..., C * r * r, H, W): `pixel_shuffle` undone.

    Raises:
        ShapeError: for sizes that r does not divide.

    >>> import xpgrad as xg
    >>> xg.nn.functional.pixel_unshuffle(xg.arange(4.0).reshape(1, 2, 2), 2).flatten()
    tensor([0., 1., 2., 3.])
    """
    x, r = only_tensor(input, "pixel_unshuffle"), downscale_factor
    _room(x, "pixel_unshuffle")
    if r <= 0:
        raise ShapeError(f"pixel_unshuffle expects a positive downscale_factor, but got {r}")
    *lead, c, h, w = x.shape
    for name, size, dim in (("height", h, -2), ("width", w, -1)):
        if size % r:
            raise ShapeError(
                f"pixel_unshuffle expects {name} to be divisible by downscale_factor, but "
                f"input.size({dim})={size} is not divisible by {r}"
            )
    split = x.reshape(*lead, c, h // r, r, w // r, r)
    n = len(lead)
    moved = split.permute(*range(n + 1), n + 2, n + 4, n + 1, n + 3)
    return _UNSHUFFLED(clone(moved), shape=(*lead, c * r * r, h // r, w // r))


def _room(x: Tensor, function: str) -> None:
    if x.ndim < 3:
        raise ShapeError(
            f"{function} expects input to have at least 3 dimensions, but got input with {x.ndim} "
            "dimension(s)"
        )


def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """The channels (dimension 1) of each group in turn: the first of each, the second of each.

    Raises:
        ShapeError: for a number of channels that `groups` does not divide.

    >>> import xpgrad as xg
    >>> xg.nn.functional.channel_shuffle(xg.arange(4.0).reshape(1, 4, 1, 1), 2).flatten()
    tensor([0., 2., 1., 3.])
    """
    x = only_tensor(input, "channel_shuffle")
    if x.ndim < 3:
        raise ShapeError(
            f"channel_shuffle expects input with > 2 dims, but got input with sizes {list(x.shape)}"
        )
    if groups <= 0:
        raise ShapeError(
            f"Number of groups to divide channels in must be positive. Value of groups:{groups}"
        )
    shape = tuple(x.shape)
    c = shape[1]
    if c % groups:
        raise ShapeError(
            f"Number of channels must be divisible by groups. Got {c} channels and {groups} groups."
        )
    split = x.reshape(shape[0], groups, c // groups, *shape[2:])
    return _MIXED(clone(split.transpose(1, 2)), shape=shape)


native_channel_shuffle = channel_shuffle
