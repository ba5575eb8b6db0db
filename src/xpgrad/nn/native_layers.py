"""What PyTorch has of layers and losses at its top level, too, with arguments of its own there.

There, reductions are numbers: 0 (the default) for none, 1 for the mean and 2 for the sum.
"""

from __future__ import annotations

from typing import Any

from xpgrad.errors import ShapeError
from xpgrad.mode import no_grad
from xpgrad.nn import functional as F
from xpgrad.nn.functional.dropouts import _channels_dropped
from xpgrad.nn.functional.embeddings import _renorm
from xpgrad.tensor import Tensor

__all__ = [
    "alpha_dropout", "alpha_dropout_", "batch_norm", "binary_cross_entropy_with_logits",
    "cosine_embedding_loss", "ctc_loss", "dropout", "dropout_", "embedding", "embedding_renorm_",
    "feature_alpha_dropout", "feature_alpha_dropout_", "feature_dropout", "feature_dropout_",
    "group_norm", "hinge_embedding_loss", "instance_norm", "kl_div", "layer_norm",
    "margin_ranking_loss", "norm_except_dim", "poisson_nll_loss", "triplet_margin_loss",
]  # fmt: skip

REDUCTIONS = ("none", "mean", "sum")

# ------------------------------------------------------------------ dropout


def _checked(p: float) -> float:
    if not 0 <= p <= 1:
        raise ShapeError(f"dropout probability has to be between 0 and 1, but got {p:g}")
    return p


def dropout(input: Tensor, p: float, train: bool) -> Tensor:
    """`nn.functional.dropout`.

    >>> import xpgrad as xg
    >>> xg.dropout(xg.ones(2), 0.5, False)
    tensor([1., 1.])
    """
    return F.dropout(input, _checked(p), train)


def dropout_(input: Tensor, p: float, train: bool) -> Tensor:
    """`dropout`, in place."""
    return F.dropout(input, _checked(p), train, inplace=True)


def alpha_dropout(input: Tensor, p: float, train: bool) -> Tensor:
    """`nn.functional.alpha_dropout`.

    >>> import xpgrad as xg
    >>> xg.alpha_dropout(xg.ones(2), 0.5, False)
    tensor([1., 1.])
    """
    return F.alpha_dropout(input, _checked(p), train)


def alpha_dropout_(input: Tensor, p: float, train: bool) -> Tensor:
    """`alpha_dropout`, in place."""
    return F.alpha_dropout(input, _checked(p), train, inplace=True)


def feature_dropout(input: Tensor, p: float, train: bool) -> Tensor:
    """Dropout of whole channels, for input of shape (N, C, …).

    >>> import xpgrad as xg
    >>> xg.feature_dropout(xg.ones(1, 2), 0.5, False)
    tensor([[1., 1.]])
    """
    return _channels_dropped(input, _checked(p), train, False, True)


def feature_dropout_(input: Tensor, p: float, train: bool) -> Tensor:
    """`feature_dropout`, in place."""
    return _channels_dropped(input, _checked(p), train, True, True)


def feature_alpha_dropout(input: Tensor, p: float, train: bool) -> Tensor:
    """`nn.functional.feature_alpha_dropout`.

    >>> import xpgrad as xg
    >>> xg.feature_alpha_dropout(xg.ones(1, 2), 0.5, False)
    tensor([[1., 1.]])
    """
    return F.feature_alpha_dropout(input, _checked(p), train)


def feature_alpha_dropout_(input: Tensor, p: float, train: bool) -> Tensor:
    """`feature_alpha_dropout`, in place."""
    return F.feature_alpha_dropout(input, _checked(p), train, inplace=True)


# ------------------------------------------------------------------ normalisation


def batch_norm(
    input: Tensor, weight: Tensor | None, bias: Tensor | None, running_mean: Tensor | None,
    running_var: Tensor | None, training: bool, momentum: float, eps: float, cudnn_enabled: bool,
) -> Tensor:  # fmt: skip
    """`nn.functional.batch_norm`, the scale and shift first.

    >>> import xpgrad as xg
    >>> xg.batch_norm(xg.tensor([[1.0], [3.0]]), None, None, None, None, True, 0.1, 0.0, False)
    tensor([[-1.],
            [ 1.]])
    """
    return F.batch_norm(
        input, running_mean, running_var, weight, bias, training, momentum, eps
    )  # fmt: skip


def instance_norm(
    input: Tensor, weight: Tensor | None, bias: Tensor | None, running_mean: Tensor | None,
    running_var: Tensor | None, use_input_stats: bool, momentum: float, eps: float,
    cudnn_enabled: bool,
) -> Tensor:  # fmt: skip
    """`nn.functional.instance_norm`, the scale and shift first.

    >>> import xpgrad as xg
    >>> x = xg.tensor([[[1.0, 3.0]]])
    >>> xg.instance_norm(x, None, None, None, None, True, 0.1, 0.0, False)
    tensor([[[-1.,  1.]]])
    """
    return F.instance_norm(
        input, running_mean, running_var, weight, bias, use_input_stats, momentum, eps
    )  # fmt: skip


def layer_norm(
    input: Tensor, normalized_shape: Any, weight: Tensor | None = None, bias: Tensor | None = None,
    eps: float = 1e-5, cudnn_enable: bool = True,
) -> Tensor:  # fmt: skip
    """`nn.functional.layer_norm`.

    >>> import xpgrad as xg
    >>> xg.layer_norm(xg.tensor([1.0, 3.0]), (2,), eps=0.0)
    tensor([-1.,  1.])
    """
    return F.layer_norm(input, normalized_shape, weight, bias, eps)


def group_norm(
    input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None,
    eps: float = 1e-5, cudnn_enabled: bool = True,
) -> Tensor:  # fmt: skip
    """`nn.functional.group_norm`.

    >>> import xpgrad as xg
    >>> xg.group_norm(xg.tensor([[1.0, 3.0]]), 1, eps=0.0)
    tensor([[-1.,  1.]])
    """
    return F.group_norm(input, num_groups, weight, bias, eps)


def norm_except_dim(v: Tensor, pow: int = 2, dim: int = 0) -> Tensor:
    """The `pow`-norms over all dimensions but one, or over all for -1.

    >>> import xpgrad as xg
    >>> xg.norm_except_dim(xg.tensor([[3.0, 4.0], [0.0, 1.0]]))
    tensor([[5.],
            [1.]])
    """
    if dim == -1:
        return v.norm(pow)
    others = [i for i in range(v.ndim) if i != dim]
    return v.norm(pow, others, keepdim=True) if others else v.abs()


# ------------------------------------------------------------------ embeddings


def embedding(
    weight: Tensor, indices: Tensor, padding_idx: int = -1, scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:  # fmt: skip
    """`nn.functional.embedding`, the table first.

    >>> import xpgrad as xg
    >>> xg.embedding(xg.tensor([[1.0], [2.0]]), xg.tensor([1, 1]))
    tensor([[2.],
            [2.]])
    """
    place = None if padding_idx < 0 else padding_idx
    return F.embedding(indices, weight, place, None, 2.0, scale_grad_by_freq, sparse)


@no_grad()
def embedding_renorm_(input: Tensor, indices: Tensor, max_norm: float, norm_type: float) -> Tensor:
    """Scale the rows at `indices` whose norm is larger than `max_norm` down to it, in place.

    >>> import xpgrad as xg
    >>> xg.embedding_renorm_(xg.tensor([[3.0, 4.0], [3.0, 4.0]]), xg.tensor([0]), 1.0, 2.0)
    tensor([[0.6000, 0.8000],
            [3.0000, 4.0000]])
    """
    _renorm(input, indices, max_norm, norm_type)
    return input


# ------------------------------------------------------------------ losses


def binary_cross_entropy_with_logits(
    input: Tensor, target: Tensor, weight: Tensor | None = None, pos_weight: Tensor | None = None,
    reduction: int = 0,
) -> Tensor:  # fmt: skip
    """`nn.functional.binary_cross_entropy_with_logits`.

    >>> import xpgrad as xg
    >>> xg.binary_cross_entropy_with_logits(xg.zeros(2), xg.ones(2), reduction=2)
    tensor(1.3863)
    """
    return F.binary_cross_entropy_with_logits(
        input, target, weight, reduction=REDUCTIONS[reduction], pos_weight=pos_weight
    )


def cosine_embedding_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, reduction: int = 0
) -> Tensor:
    """`nn.functional.cosine_embedding_loss`.

    >>> import xpgrad as xg
    >>> a, b = xg.tensor([[1.0, 0.0]]), xg.tensor([[0.0, 1.0]])
    >>> xg.cosine_embedding_loss(a, b, xg.ones(1))
    tensor([1.])
    """
    how = REDUCTIONS[reduction]
    return F.cosine_embedding_loss(input1, input2, target, margin, reduction=how)


def ctc_loss(
    log_probs: Tensor, targets: Tensor, input_lengths: Any, target_lengths: Any, blank: int = 0,
    reduction: int = 0, zero_infinity: bool = False,
) -> Tensor:  # fmt: skip
    """`nn.functional.ctc_loss`.

    >>> import xpgrad as xg
    >>> xg.ctc_loss(xg.zeros(2, 1, 2).log_softmax(2), xg.tensor([[1]]), [2], [1], reduction=2)
    tensor(0.2877)
    """
    how = REDUCTIONS[reduction]
    return F.ctc_loss(
        log_probs, targets, input_lengths, target_lengths, blank, how, zero_infinity
    )  # fmt: skip


def hinge_embedding_loss(
    input: Tensor, target: Tensor, margin: float = 1.0, reduction: int = 0
) -> Tensor:
    """`nn.functional.hinge_embedding_loss`.

    >>> import xpgrad as xg
    >>> xg.hinge_embedding_loss(xg.tensor([0.25, 0.5]), xg.tensor([1.0, -1.0]))
    tensor([0.2500, 0.5000])
    """
    return F.hinge_embedding_loss(input, target, margin, reduction=REDUCTIONS[reduction])


def kl_div(
    input: Tensor, target: Tensor, reduction: int = 0, *, log_target: bool = False
) -> Tensor:
    """`nn.functional.kl_div`.

    >>> import xpgrad as xg
    >>> xg.kl_div(xg.tensor([-1.0]), xg.tensor([1.0]), 2)
    tensor(1.)
    """
    how = REDUCTIONS[2 if reduction == 1 else reduction]  # a mean over elements warns there
    found = F.kl_div(input, target, reduction=how, log_target=log_target)
    return found / input.numel() if reduction == 1 else found


def margin_ranking_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, reduction: int = 0
) -> Tensor:
    """`nn.functional.margin_ranking_loss`.

    >>> import xpgrad as xg
    >>> xg.margin_ranking_loss(xg.tensor([1.0]), xg.tensor([3.0]), xg.tensor([1.0]))
    tensor([2.])
    """
    how = REDUCTIONS[reduction]
    return F.margin_ranking_loss(input1, input2, target, margin, reduction=how)


def poisson_nll_loss(
    input: Tensor, target: Tensor, log_input: bool, full: bool, eps: float, reduction: int
) -> Tensor:
    """`nn.functional.poisson_nll_loss`.

    >>> import xpgrad as xg
    >>> xg.poisson_nll_loss(xg.tensor([0.0]), xg.tensor([1.0]), True, False, 1e-8, 1)
    tensor(1.)
    """
    how = REDUCTIONS[reduction]
    return F.poisson_nll_loss(input, target, log_input, full, eps=eps, reduction=how)


def triplet_margin_loss(
    anchor: Tensor, positive: Tensor, negative: Tensor, margin: float = 1.0, p: float = 2.0,
    eps: float = 1e-6, swap: bool = False, reduction: int = 0,
) -> Tensor:  # fmt: skip
    """`nn.functional.triplet_margin_loss`.

    >>> import xpgrad as xg
    >>> a = xg.zeros(1, 2)
    >>> xg.triplet_margin_loss(a, a, a)
    tensor([1.])
    """
    return F.triplet_margin_loss(
        anchor, positive, negative, margin, p, eps, swap, reduction=REDUCTIONS[reduction]
    )
