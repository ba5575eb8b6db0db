"""Losses that keep a distance: between scores, between vectors, between what is alike and not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from xpgrad.door.arguments import only_tensor
from xpgrad.door.reductions import sum as sum_
from xpgrad.door.rounding import clamp_min
from xpgrad.errors import ShapeError
from xpgrad.nn.functional.distances import pairwise_distance
from xpgrad.nn.functional.reducing import reduced, reduction_of
from xpgrad.ops import elementwise
from xpgrad.tensor import Tensor

__all__ = [
    "cosine_embedding_loss", "hinge_embedding_loss", "margin_ranking_loss", "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
]  # fmt: skip


def margin_ranking_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """``max(0, margin - target * (input1 - input2))``: which of two scores should be the larger.

    On the margin the derivative is that from within.

    Args:
        target: 1 where the first should be, -1 where the second should be.

    Raises:
        ShapeError: for different numbers of dimensions.

    >>> import xpgrad as xg
    >>> one, two, first = xg.tensor([1.0, 1.0]), xg.tensor([0.0, 3.0]), xg.tensor([1, 1])
    >>> xg.nn.functional.margin_ranking_loss(one, two, first)
    tensor(1.)
    >>> x = xg.tensor([2.0], requires_grad=True)
    >>> loss = xg.nn.functional.margin_ranking_loss(x, xg.tensor([1.0]), xg.tensor([1.0]), 1.0)
    >>> xg.autograd.grad(loss, x)
    (tensor([-1.]),)
    """
    how = reduction_of(size_average, reduce, reduction)
    x, y = only_tensor(input1, "margin_ranking_loss", "input1"), only_tensor(input2, "input2")
    t = only_tensor(target, "margin_ranking_loss", "target", 3)
    if not x.ndim == y.ndim == t.ndim:
        raise ShapeError(
            "margin_ranking_loss : All input tensors should have same dimension but got sizes: "
            f"input1: {x.shape!r}, input2: {y.shape!r}, target: {t.shape!r} "
        )
    return reduced(clamp_min(-t * (x - y) + margin, 0), how)


def hinge_embedding_loss(
    input: Tensor,
    target: Tensor,
    margin: float = 1.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The distance `input` of what is alike, ``max(0, margin - input)`` for what is not.

    On the margin the derivative is that from within.

    Args:
        target: 1 for what is alike, -1 for what is not.

    >>> import xpgrad as xg
    >>> xg.nn.functional.hinge_embedding_loss(xg.tensor([2.0, 0.25]), xg.tensor([1, -1]))
    tensor(1.3750)
    >>> x = xg.tensor([1.0], requires_grad=True)
    >>> xg.autograd.grad(xg.nn.functional.hinge_embedding_loss(x, xg.tensor([-1])), x)
    (tensor([-1.]),)
    """
    how = reduction_of(size_average, reduce, reduction)
    x = only_tensor(input, "hinge_embedding_loss")
    t = only_tensor(target, "hinge_embedding_loss", "target", 2)
    apart = elementwise.where(t != 1, clamp_min(margin - x, 0), 0.0)
    return reduced(apart + elementwise.where(t != -1, x, 0.0), how)


EPSILON = 1e-12  # keeps the length of a vector of zeros from 0


def cosine_embedding_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """``1 - cos`` of the angle of what is alike, ``max(0, cos - margin)`` for what is not.

    On the margin the derivative is that from within.

    Args:
        input1, input2: vectors, or matrices of rows.
        target: 1 for what is alike, -1 for what is not; one for each row.

    Raises:
        ShapeError: for shapes that do not fit.

    >>> import xpgrad as xg
    >>> x = xg.tensor([[1.0, 0.0], [1.0, 1.0]])
    >>> xg.nn.functional.cosine_embedding_loss(x, x.flip(1), xg.tensor([1, -1]))
    tensor(1.)
    """
    how = reduction_of(size_average, reduce, reduction)
    x = only_tensor(input1, "cosine_embedding_loss", "input1")
    y = only_tensor(input2, "cosine_embedding_loss", "input2", 2)
    t = only_tensor(target, "cosine_embedding_loss", "target", 3)
    if t.ndim > 1:
        raise ShapeError("0D or 1D target tensor expected, multi-target not supported")
    if not x.ndim == y.ndim == t.ndim + 1:
        raise ShapeError(
            f"{t.ndim}D target tensor expects {t.ndim + 1}D input tensors, but found inputs with "
            f"sizes {list(x.shape)} and {list(y.shape)}."
        )
    dim = t.ndim
    lengths = sum_(x * x, dim) + EPSILON, sum_(y * y, dim) + EPSILON
    cos = sum_(x * y, dim) / elementwise.sqrt(lengths[0] * lengths[1])
    alike = elementwise.where(t == 1, 1 - cos, 0.0)
    return reduced(alike + elementwise.where(t == -1, clamp_min(cos - margin, 0), 0.0), how)


def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """``max(0, margin + d(anchor, positive) - d(anchor, negative))`` with `pairwise_distance`.

    On the margin the derivative is that from within.

    Args:
        p, eps: of the distance.
        swap: take the distance between positive and negative where it is smaller than that of the
            anchor from the negative.

    Raises:
        ValueError: unless the margin is positive.
        ShapeError: for different numbers of dimensions.

    >>> import xpgrad as xg
    >>> a, p, n = xg.tensor([[0.0, 0.0]]), xg.tensor([[3.0, 4.0]]), xg.tensor([[0.0, 2.0]])
    >>> xg.nn.functional.triplet_margin_loss(a, p, n)
    tensor(4.0000)
    """
    how = reduction_of(size_average, reduce, reduction)

    def distance(x: Tensor, y: Tensor) -> Tensor:
        return pairwise_distance(x, y, p, eps)

    return _triplet("triplet_margin_loss", anchor, positive, negative, distance, margin, swap, how)


def triplet_margin_with_distance_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """`triplet_margin_loss` for distances of any kind; `pairwise_distance` unless told otherwise.

    Raises:
        ValueError: unless the margin is positive.
        ShapeError: for different numbers of dimensions.

    >>> import xpgrad as xg
    >>> a, p, n = xg.tensor([0.0]), xg.tensor([3.0]), xg.tensor([2.0])
    >>> def distance(x, y):
    ...     return (x - y).abs()
    >>> xg.nn.functional.triplet_margin_with_distance_loss(a, p, n, distance_function=distance)
    tensor(2.)
    """
    how = reduction_of(None, None, reduction)
    distance: Any = pairwise_distance if distance_function is None else distance_function
    what = "triplet_margin_with_distance_loss"
    return _triplet(what, anchor, positive, negative, distance, margin, swap, how)


def _triplet(
    what: str, anchor: Tensor, positive: Tensor, negative: Tensor, distance: Any, margin: float,
    swap: bool, how: str,
) -> Tensor:  # fmt: skip
    names = ("anchor", "positive", "negative")
    a, p, n = (
        only_tensor(t, what, name, i + 1)
        for i, (name, t) in enumerate(zip(names, (anchor, positive, negative)))
    )
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    if not a.ndim == p.ndim == n.ndim:
        raise ShapeError(
            "The anchor, positive, and negative tensors are expected to have the same number of "
            f"dimensions, but got: anchor {a.ndim}D, positive {p.ndim}D, and negative {n.ndim}D "
            "inputs"
        )
    near, far = distance(a, p), distance(a, n)
    if swap:
        far = elementwise.minimum(far, distance(p, n))
    return reduced(clamp_min(margin + near - far, 0), how)
