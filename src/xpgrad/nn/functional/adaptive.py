"""Pooling with windows that follow from the size of the result.

Of `n` elements window `i` of `m` has those from ``i * n // m`` to ``(i + 1) * n / m``, rounded up:
windows overlap where `m` is no divisor of `n`.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from xpgrad.boxes import bounds, boxes_of
from xpgrad.door.arguments import UnsupportedDType, only_tensor
from xpgrad.errors import ShapeError
from xpgrad.nn.functional.space import Ints, in_single, ints_of
from xpgrad.op import named
from xpgrad.ops import elementwise, pooling, reductions, resampling
from xpgrad.tensor import Tensor
from xpgrad.windowed import Taps

__all__ = [
    "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d", "adaptive_max_pool1d",
    "adaptive_max_pool1d_with_indices", "adaptive_max_pool2d", "adaptive_max_pool2d_with_indices",
    "adaptive_max_pool3d", "adaptive_max_pool3d_with_indices",
]  # fmt: skip


def _arguments(space: int, function: str, input: Any, output_size: Any) -> tuple[Tensor, Ints]:
    """The input and how many windows there are in each dimension.

    Raises:
        ShapeError: for another number of dimensions, negative sizes.
        DTypeError: for what is no floating-point number.
    """
    x = only_tensor(input, function)
    if x.ndim not in (space + 1, space + 2):
        raise ShapeError(
            f"{function}(): Expected {space + 1}D or {space + 2}D tensor, but got {list(x.shape)}"
        )
    if not x.dtype.is_differentiable or x.dtype.is_complex:
        raise UnsupportedDType(f"\"{function}\" not implemented for '{x.dtype.torch_name}'")
    inputs = tuple(x.shape[-space:])
    given = output_size
    if space > 1 and isinstance(given, (tuple, list)):
        if len(given) > x.ndim:
            raise ValueError(f"Input dimension should be at least {len(given) + 1}")
        given = tuple(n if m is None else m for m, n in zip(given, inputs, strict=False))
        if len(given) < len(output_size):
            given = (*given, *output_size[len(given) :])
    elif given is None:
        raise TypeError(
            f"{function}(): argument 'output_size' (position 2) must be tuple of ints, not NoneType"
        )
    try:
        sizes = ints_of(given, space, "output_size", function)
    except ShapeError:
        raise ShapeError(f"{function}: output_size must be {space}") from None
    if min(sizes) < 0:
        raise ShapeError(
            f"{function}: elements of output_size must be greater than or equal to 0 but received "
            f"{{{', '.join(map(str, sizes))}}}"
        )
    return x, sizes


# ------------------------------------------------------------------ averages


def _averages(space: int, input: Any, output_size: Any) -> Tensor:
    x, sizes = _arguments(space, f"adaptive_avg_pool{space}d", input, output_size)
    return _averaged(x, space, sizes)


@in_single
def _averaged(x: Tensor, space: int, sizes: Ints) -> Tensor:
    axes = tuple(range(x.ndim - space, x.ndim))
    if set(sizes) == {1}:
        return (_MEAN if space > 1 else _MEAN_1D)(x, axis=axes, keepdims=True)
    inputs = [x.shape[a] for a in axes]
    regular = all(m and n % m == 0 for n, m in zip(inputs, sizes, strict=True))
    if regular:
        windows = [n // m for n, m in zip(inputs, sizes, strict=True)]
        for axis, k, m in zip(reversed(axes), reversed(windows), reversed(sizes), strict=True):
            if k > 1:
                x = pooling.sum_pool(x, axis=axis, size=k, stride=k, count=m)
        return _DIVIDED[space](x.contiguous(), math.prod(windows))
    for i in reversed(range(space)):
        function_ = resampling.resample if i else resampling.AVERAGED[space]
        x = function_(x, axis=axes[i], taps=_means(inputs[i], sizes[i]))
    return x


_MEAN: Callable[..., Tensor] = named(reductions.mean, "MeanBackward1")
_MEAN_1D: Callable[..., Tensor] = named(reductions.mean, "SqueezeBackward1")
_DIVIDED: dict[int, Callable[..., Tensor]] = {
    1: named(elementwise.divide, "SqueezeBackward1"),
    2: named(elementwise.divide, "AdaptiveAvgPool2DBackward0"),
    3: named(elementwise.divide, "AdaptiveAvgPool3DBackward0"),
}


@functools.lru_cache(64)
def _means(n: int, m: int) -> Taps:
    """The averages of `m` windows of `n` elements."""
    first, last = bounds(n, m)
    offsets = np.arange(np.max(last - first, initial=1))
    inside = offsets < (last - first)[:, None]
    elements = np.where(inside, first[:, None] + offsets, first[:, None])
    return Taps(elements, n, inside / (last - first)[:, None])


def adaptive_avg_pool1d(input: Tensor, output_size: Any) -> Tensor:
    """`adaptive_avg_pool2d` in one dimension.

    >>> import xpgrad as xg
    >>> xg.nn.functional.adaptive_avg_pool1d(xg.tensor([[1.0, 3.0, 2.0]]), 2)
    tensor([[2.0000, 2.5000]])
    """
    return _averages(1, input, output_size)


def adaptive_avg_pool2d(input: Tensor, output_size: Any) -> Tensor:
    """The means of windows, as many as are asked for; `None` for as many as there are elements.

    Raises:
        ShapeError: for another number of dimensions, negative sizes.

    >>> import xpgrad as xg
    >>> xg.nn.functional.adaptive_avg_pool2d(xg.arange(16.0).reshape(1, 4, 4), 2)
    tensor([[[ 2.5000,  4.5000],
             [10.5000, 12.5000]]])
    """
    return _averages(2, input, output_size)


def adaptive_avg_pool3d(input: Tensor, output_size: Any) -> Tensor:
    """`adaptive_avg_pool2d` in three dimensions.

    >>> import xpgrad as xg
    >>> xg.nn.functional.adaptive_avg_pool3d(xg.arange(8.0).reshape(1, 2, 2, 2), 1)
    tensor([[[[3.5000]]]])
    """
    return _averages(3, input, output_size)


# ------------------------------------------------------------------ maxima


def _maxima(space: int, input: Any, output_size: Any, places: bool) -> Any:
    function = f"adaptive_max_pool{space}d"
    x, sizes = _arguments(space, function, input, output_size)
    if 0 in x.shape[1:]:  # the first may be that of channels
        raise ShapeError(
            f"{function}(): Expected input to have non-zero size for non-batch dimensions, but "
            f"input has sizes {list(x.shape)} with dimension {x.shape[1:].index(0) + 1} being empty"
        )
    boxes = boxes_of(tuple(x.shape[-space:]), sizes)
    best, found = pooling.BOXES[space](x, axis=x.ndim - space, boxes=boxes)
    return (best, found.detach()) if places else best


def adaptive_max_pool1d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """`adaptive_max_pool2d` in one dimension.

    >>> import xpgrad as xg
    >>> xg.nn.functional.adaptive_max_pool1d(xg.tensor([[1.0, 3.0, 2.0]]), 2)
    tensor([[3., 3.]])
    """
    return _maxima(1, input, output_size, return_indices)


def adaptive_max_pool2d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """The maxima of windows, as many as are asked for; `None` for as many as there are elements.

    Args:
        return_indices: give the places of the maxima, too: row-major positions in each image.

    Raises:
        ShapeError: for another number of dimensions, negative sizes.

    >>> import xpgrad as xg
    >>> xg.nn.functional.adaptive_max_pool2d(xg.arange(16.0).reshape(1, 4, 4), 2)
    tensor([[[ 5.,  7.],
             [13., 15.]]])
    """
    return _maxima(2, input, output_size, return_indices)


def adaptive_max_pool3d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """`adaptive_max_pool2d` in three dimensions.

    >>> import xpgrad as xg
    >>> xg.nn.functional.adaptive_max_pool3d(xg.arange(8.0).reshape(1, 2, 2, 2), 1)
    tensor([[[[7.]]]])
    """
    return _maxima(3, input, output_size, return_indices)


def adaptive_max_pool1d_with_indices(
    input: Tensor, output_size: Any, return_indices: bool = False
) -> tuple[Tensor, Tensor]:
    """`adaptive_max_pool1d` with the places of the maxima.

    >>> import xpgrad as xg
    >>> xg.nn.functional.adaptive_max_pool1d_with_indices(xg.tensor([[1.0, 3.0, 2.0]]), 1)[1]
    tensor([[1]])
    """
    found: tuple[Tensor, Tensor] = _maxima(1, input, output_size, True)
    return found


def adaptive_max_pool2d_with_indices(
    input: Tensor, output_size: Any, return_indices: bool = False
) -> tuple[Tensor, Tensor]:
    """`adaptive_max_pool2d` with the places of the maxima.

    >>> import xpgrad as xg
    >>> xg.nn.functional.adaptive_max_pool2d_with_indices(xg.arange(4.0).reshape(1, 2, 2), 1)[1]
    tensor([[[3]]])
    """
    found: tuple[Tensor, Tensor] = _maxima(2, input, output_size, True)
    return found


def adaptive_max_pool3d_with_indices(
    input: Tensor, output_size: Any, return_indices: bool = False
) -> tuple[Tensor, Tensor]:
    """`adaptive_max_pool3d` with the places of the maxima.

    >>> import xpgrad as xg
    >>> x = xg.arange(8.0).reshape(1, 2, 2, 2)
    >>> xg.nn.functional.adaptive_max_pool3d_with_indices(x, 1)[1]
    tensor([[[[7]]]])
    """
    found: tuple[Tensor, Tensor] = _maxima(3, input, output_size, True)
    return found
