"""Softmax over many classes, most of which are rare."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from xpgrad.door.joining import cat
from xpgrad.errors import ShapeError
from xpgrad.nn import functional as F
from xpgrad.nn.containers import ModuleList, Sequential
from xpgrad.nn.layers import Linear
from xpgrad.nn.module import Module
from xpgrad.tensor import Tensor

__all__ = ["AdaptiveLogSoftmaxWithLoss"]


class _Result(NamedTuple):
    """The log-probability of each target, and minus their mean."""

    output: Tensor
    loss: Tensor


class AdaptiveLogSoftmaxWithLoss(Module):
    """The cross entropy of classes ordered by frequency: rare ones in clusters, in smaller layers.

    The head scores the frequent classes and the clusters; a cluster is scored only for rows whose
    target it holds. Grave, Joulin, Cissé, Grangier, Jégou, *Efficient softmax approximation for
    GPUs* (2017), arXiv:1609.04309.

    Args:
        in_features: the length of a row.
        n_classes: how many classes.
        cutoffs: where the clusters begin, ascending.
        div_value: by how much the layers of each next cluster are smaller.
        head_bias: a bias for the head.
        device, dtype: of the parameters.

    Raises:
        ValueError: for cutoffs that are not ascending integers below the number of classes.

    >>> import xpgrad as xg
    >>> loss = xg.nn.AdaptiveLogSoftmaxWithLoss(16, 100, [10, 50])
    >>> loss.log_prob(xg.ones(2, 16)).exp().sum(1).allclose(xg.ones(2))
    True
    """

    def __init__(
        self,
        in_features: int,
        n_classes: int,
        cutoffs: Sequence[int],
        div_value: float = 4.0,
        head_bias: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        given = list(cutoffs)
        if not given:
            raise ValueError("cutoffs should be a sequence of length larger than 0")
        ascending = sorted(set(given)) == given and all(int(c) == c for c in given)
        if not ascending or given[0] <= 0 or given[-1] > n_classes - 1:
            raise ValueError(
                "cutoffs should be a sequence of unique, positive integers sorted in an increasing "
                "order, where each value is between 1 and n_classes-1"
            )
        self.in_features = in_features
        self.n_classes = n_classes
        self.cutoffs = [*given, n_classes]
        self.div_value = div_value
        self.head_bias = head_bias
        self.shortlist_size = self.cutoffs[0]
        self.n_clusters = len(self.cutoffs) - 1
        self.head_size = self.shortlist_size + self.n_clusters
        where = {"device": device, "dtype": dtype}
        self.head = Linear(in_features, self.head_size, bias=head_bias, **where)
        self.tail = ModuleList()
        for i in range(self.n_clusters):
            hidden = int(in_features // div_value ** (i + 1))
            size = self.cutoffs[i + 1] - self.cutoffs[i]
            first = Linear(in_features, hidden, bias=False, **where)
            self.tail.append(Sequential(first, Linear(hidden, size, bias=False, **where)))

    def reset_parameters(self) -> None:
        """Draw all layers anew."""
        self.head.reset_parameters()
        for first, second in self.tail:
            first.reset_parameters()
            second.reset_parameters()

    def forward(self, input: Tensor, target: Tensor) -> _Result:
        if target.ndim > 1:
            raise ShapeError("0D or 1D target tensor expected, multi-target not supported")
        if input.ndim != target.ndim + 1:
            raise ShapeError(
                f"{target.ndim}D target tensor expects {target.ndim + 1}D input tensors, but found "
                f"inputs with size {input.shape!r}"
            )
        if target.ndim and input.shape[0] != target.shape[0]:
            raise ShapeError("Input and target should have the same size in the batch dimension.")
        rows, t = (input, target) if target.ndim else (input.unsqueeze(0), target.unsqueeze(0))
        if t.shape[0] and not 0 <= int(t.min()) <= int(t.max()) < self.n_classes:
            raise ShapeError(
                f"Target values should be in [0, {self.n_classes - 1}], but values in range "
                f"[{int(t.min())}, {int(t.max())}] were found. "
            )
        place = t.clamp(max=self.shortlist_size - 1)  # what the head says of each
        found = []
        for i in range(self.n_clusters):
            low, high = self.cutoffs[i], self.cutoffs[i + 1]
            here = ((t >= low) & (t < high)).nonzero().squeeze(1)
            if here.shape[0]:
                place = place.index_fill(0, here, self.shortlist_size + i)
                scores = F.log_softmax(self.tail[i](rows.index_select(0, here)), 1)
                of_target = scores.gather(1, (t.index_select(0, here) - low).unsqueeze(1))
                found.append((here, of_target.squeeze(1)))
        head = F.log_softmax(self.head(rows), 1)
        output = head.gather(1, place.unsqueeze(1)).squeeze(1)
        for here, part in found:
            output = output.index_add(0, here, part)
        return _Result(output if target.ndim else output.squeeze(0), (-output).mean())

    def log_prob(self, input: Tensor) -> Tensor:
        """The log-probabilities of all classes, for input of shape (N, in_features)."""
        head = F.log_softmax(self.head(input), 1)
        parts = [head[:, : self.shortlist_size]]
        for i in range(self.n_clusters):
            cluster = head[:, self.shortlist_size + i].unsqueeze(1)
            parts.append(F.log_softmax(self.tail[i](input), 1) + cluster)
        return cat(parts, 1)

    def predict(self, input: Tensor) -> Tensor:
        """The most probable class of each row."""
        return self.log_prob(input).argmax(1)
