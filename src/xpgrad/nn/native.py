"""What PyTorch has of networks at its top level, too, or there alone."""

from __future__ import annotations

from typing import Any

from xpgrad.door.arguments import only_tensor
from xpgrad.door.reductions import var_mean
from xpgrad.errors import ShapeError
from xpgrad.nn.functional import (
    bilinear,
    celu,
    celu_,
    cosine_similarity,
    pairwise_distance,
    pdist,
    relu_,
    rms_norm,
    rrelu,
    rrelu_,
    selu,
    selu_,
    threshold,
    threshold_,
)
from xpgrad.nn.functional.dropouts import _kept
from xpgrad.nn.functional.normalization import _over_batch, layer_norm
from xpgrad.ops import elementwise
from xpgrad.ops import normalization as ops
from xpgrad.tensor import Tensor

__all__ = [
    "bilinear", "celu", "celu_", "cosine_similarity", "native_batch_norm", "native_dropout",
    "native_dropout_backward", "native_group_norm", "native_layer_norm", "pairwise_distance",
    "pdist", "relu_", "rms_norm", "rrelu", "rrelu_", "selu", "selu_", "threshold", "threshold_",
]  # fmt: skip


def native_layer_norm(
    input: Tensor, normalized_shape: Any, weight: Tensor | None, bias: Tensor | None, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """`layer_norm`, with the mean and the reciprocal of the standard deviation.

    >>> import xpgrad as xg
    >>> xg.native_layer_norm(xg.tensor([[1.0, 5.0]]), (2,), None, None, 0.0)
    (tensor([[-1.,  1.]]), tensor([[3.]]), tensor([[0.5000]]))
    """
    out = layer_norm(input, normalized_shape, weight, bias, eps)
    x = input.detach()
    axes = tuple(range(x.ndim - len(normalized_shape), x.ndim))
    var, mean = var_mean(x, axes, correction=0, keepdim=True)
    return out, mean, elementwise.rsqrt(var + eps)


def native_batch_norm(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    training: bool,
    momentum: float,
    eps: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """`batch_norm`, with the means and the reciprocals of the standard deviations in training.

    >>> import xpgrad as xg
    >>> x = xg.tensor([[1.0], [5.0]])
    >>> xg.native_batch_norm(x, None, None, None, None, True, 0.1, 0.0)[1:]
    (tensor([3.]), tensor([0.5000]))
    """
    x = only_tensor(input, "native_batch_norm")
    args = (weight, bias, running_mean, running_var, training, momentum, eps)
    out, mean, rstd = _over_batch(x, *args)
    return out, *(x.new_empty(0) if t is None else t for t in (mean, rstd))


def native_group_norm(
    input: Tensor, weight: Tensor | None, bias: Tensor | None, N: int, C: int, HxW: int, group: int,
    eps: float,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """`group_norm` of N examples with C channels, with the statistics of each group.

    >>> import xpgrad as xg
    >>> x = xg.tensor([[1.0, 5.0, 2.0, 2.0]])
    >>> xg.native_group_norm(x, None, None, 1, 2, 2, 2, 1.0)[1]
    tensor([[3., 2.]])
    """
    x = only_tensor(input, "native_group_norm")
    if group < 1 or C % group:
        raise ShapeError(
            f"Expected number of channels in input to be divisible by num_groups, but got {C} and "
            f"num_groups={group}"
        )
    if x.shape.numel() != N * C * HxW:
        raise ShapeError(f"native_group_norm: an input of {N} x {C} x {HxW} elements was expected")
    form = x.reshape(N, C, HxW)
    out, mean, rstd = ops.channel_norm(form, weight, bias, groups=group, over=2, eps=eps)
    return out.reshape(x.shape), mean.reshape(N, group), rstd.reshape(N, group)


def native_dropout(input: Tensor, p: float, train: bool | None) -> tuple[Tensor, Tensor]:
    """`dropout`, with the mask of what was kept.

    >>> import xpgrad as xg
    >>> xg.native_dropout(xg.ones(2), 0.5, False)
    (tensor([1., 1.]), tensor([True, True]))
    """
    x = only_tensor(input, "native_dropout")
    if train is False:
        return x.clone(), x.new_ones(x.shape, dtype="bool")
    if not 0 <= p <= 1:
        raise ShapeError(f"dropout probability has to be between 0 and 1, but got {p}")
    x, kept = _kept(x, tuple(x.shape), p)
    scale = 1 / (1 - p) if p < 1 else 0.0
    return elementwise.multiply(x, kept * scale), kept != 0


def native_dropout_backward(grad_output: Tensor, mask: Tensor, scale: float) -> Tensor:
    """The gradient that `native_dropout` passes on: scaled where it kept the input.

    >>> import xpgrad as xg
    >>> xg.native_dropout_backward(xg.ones(2), xg.tensor([True, False]), 2.0)
    tensor([2., 0.])
    """
    g = only_tensor(grad_output, "native_dropout_backward", "grad_output")
    return g * (mask.to(g.dtype) * scale)
