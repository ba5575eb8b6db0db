"""What PyTorch has of space at its top level, too, or there alone."""

from __future__ import annotations

from typing import Any

from xpgrad.nn import functional as F
from xpgrad.nn.functional.adaptive import adaptive_avg_pool1d, adaptive_max_pool1d_with_indices
from xpgrad.nn.functional.convolution import (
    conv1d,
    conv2d,
    conv3d,
    conv_tbc,
    conv_transpose1d,
    conv_transpose2d,
    conv_transpose3d,
)
from xpgrad.nn.functional.padding import (
    channel_shuffle,
    constant_pad_nd,
    native_channel_shuffle,
    pixel_shuffle,
    pixel_unshuffle,
)
from xpgrad.nn.functional.pooling import (
    avg_pool1d,
    max_pool1d,
    max_pool1d_with_indices,
    max_pool2d,
    max_pool3d,
)
from xpgrad.nn.functional.sampling import grid_sampler
from xpgrad.tensor import Tensor

__all__ = [
    "adaptive_avg_pool1d", "adaptive_max_pool1d", "affine_grid_generator", "avg_pool1d",
    "channel_shuffle", "constant_pad_nd", "conv1d", "conv2d", "conv3d", "conv_tbc",
    "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "convolution", "grid_sampler",
    "grid_sampler_2d", "grid_sampler_3d", "max_pool1d", "max_pool1d_with_indices", "max_pool2d",
    "max_pool3d", "native_channel_shuffle", "pixel_shuffle", "pixel_unshuffle",
]  # fmt: skip

adaptive_max_pool1d = adaptive_max_pool1d_with_indices
grid_sampler_2d = grid_sampler_3d = grid_sampler


def affine_grid_generator(theta: Tensor, size: Any, align_corners: bool) -> Tensor:
    """``nn.functional.affine_grid``, with `align_corners` required.

    >>> import xpgrad as xg
    >>> theta = xg.tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])
    >>> xg.affine_grid_generator(theta, (1, 1, 1, 1), True)
    tensor([[[[0., 0.]]]])
    """
    return F.affine_grid(theta, size, align_corners)


def convolution(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Any,
    padding: Any,
    dilation: Any,
    transposed: bool,
    output_padding: Any,
    groups: int,
) -> Tensor:
    """Any of the convolutions, by the number of dimensions of the weight.

    >>> import xpgrad as xg
    >>> x, w = xg.ones(1, 1, 3), xg.ones(1, 1, 2)
    >>> xg.convolution(x, w, None, (1,), (0,), (1,), False, (0,), 1)
    tensor([[[2., 2.]]])
    """
    space = weight.ndim - 3
    if transposed:
        transpose = (conv_transpose1d, conv_transpose2d, conv_transpose3d)[space]
        given = (stride, padding, output_padding, groups, dilation)
        return transpose(input, weight, bias, *given)
    forward = (conv1d, conv2d, conv3d)[space]
    return forward(input, weight, bias, stride, padding, dilation, groups)
