"""PyTorch's ``torch.nn.functional``: activations, normalisation, layers and losses.

Losses take ``reduction="mean"``, ``"sum"`` or ``"none"``; ``size_average`` and ``reduce`` are
PyTorch's old spelling of it. Whatever is said about gradients at kinks holds for PyTorch too.
"""

from __future__ import annotations

from xpgrad.nn.functional.activations import (
    elu,
    gelu,
    leaky_relu,
    log_softmax,
    logsigmoid,
    relu,
    selu,
    sigmoid,
    silu,
    softmax,
    softmin,
    softplus,
    tanh,
)
from xpgrad.nn.functional.layers import dropout, embedding, layer_norm, linear, one_hot
from xpgrad.nn.functional.losses import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    huber_loss,
    l1_loss,
    mse_loss,
    nll_loss,
    smooth_l1_loss,
)

__all__ = [
    "binary_cross_entropy", "binary_cross_entropy_with_logits", "cross_entropy", "dropout", "elu",
    "embedding", "gelu", "huber_loss", "l1_loss", "layer_norm", "leaky_relu", "linear",
    "log_softmax", "logsigmoid", "mse_loss", "nll_loss", "one_hot", "relu", "selu", "sigmoid",
    "silu", "smooth_l1_loss", "softmax", "softmin", "softplus", "tanh",
]  # fmt: skip
