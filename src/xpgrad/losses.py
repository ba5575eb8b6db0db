"""Losses of several steps, made of what the array API standard has."""

from __future__ import annotations

import math
from typing import Any

Array = Any


class Losses:
    """The extras of losses: a part of every `Namespace`, and of Tensors'.

    ==========================================  ====================================================
    ``cross_entropy(x, target, weight, …)``     minus the logarithm of the softmax at a target; and
                                                the exponentials of `x` less the largest beside it
    ``cross_entropy_gradient(g, out, …)``       the gradient of `x`, by these exponentials
    ``multi_margin(x, target, weight, …)``      by how much classes come too close to a target
    ``multilabel_margin(x, target)``            the same for several targets in a row
    ==========================================  ====================================================

    The last two give the derivatives of each row's term, too. Classes are along axis 1 of `x`, and
    a `target` has all other axes. A `weight` has a number for each class, or there is none. Targets
    of `ignore` do not count (`None` if all do), and the share `smoothing` of each target is spread
    evenly over all classes.
    """

    def cross_entropy(
        self: Any, x: Array, target: Array, weight: Any, reduction: str, ignore: Any,
        smoothing: float,
    ) -> tuple[Array, Array]:  # fmt: skip
        """The terms, their sum or weighted mean; exponentials."""
        z = x - self.max(x, axis=1, keepdims=True)
        target, factor, counts = counted(target, weight, ignore, self)
        powers = self.exp(z)
        total = self.log(over_classes(powers, None, self))
        terms = total - at(z, target, self)
        if weight is not None:
            terms = terms * factor
        if smoothing:
            share, classes = smoothing / x.shape[1], x.shape[1]
            whole = classes if weight is None else self.sum(weight)
            even = total * whole - over_classes(z, weight, self)
            terms = terms * (1 - smoothing) + even * share
        if counts is not None:
            terms = self.where(counts, terms, 0.0)
        if reduction == "none":
            return terms, powers
        loss = self.sum(terms)
        if reduction == "mean":
            n = math.prod(target.shape) if factor is None else mass(factor, x, self)
            loss = loss / n
            if smoothing and factor is not None:
                loss = loss + 0 / n  # nan where the targets weigh nothing
        return loss, powers

    def cross_entropy_gradient(
        self: Any, g: Array, out: Array, target: Array, weight: Any, reduction: str, ignore: Any,
        smoothing: float,
    ) -> Array:  # fmt: skip
        """The softmax less 1 at the target; `out` is the exponentials."""
        target, factor, counts = counted(target, weight, ignore, self)
        each = g if g.dtype == out.dtype else self.astype(g, out.dtype)
        if reduction == "mean":
            n = max(math.prod(target.shape), 1) if factor is None else mass(factor, out, self)
            each = each / n
        each = self.broadcast_to(each, tuple(target.shape))
        if counts is not None:
            each = self.where(counts, each, 0.0)
        hard = each if weight is None else each * factor
        if not smoothing:
            dx = out * self.expand_dims(hard / over_classes(out, None, self), axis=1)
            return less_at(dx, target, hard, self)
        even, hard = each * (smoothing / out.shape[1]), hard * (1 - smoothing)
        whole = out.shape[1] if weight is None else self.sum(weight)
        scale = (hard + even * whole) / over_classes(out, None, self)
        even = self.expand_dims(even, axis=1)
        if weight is not None:
            even = even * beside(weight, out, self)
        return less_at(out * self.expand_dims(scale, axis=1) - even, target, hard, self)

    def multi_margin(
        self: Any, x: Array, target: Array, weight: Any, p: int, margin: float
    ) -> tuple[Array, Array]:
        """Of rows of scores and a class of each: the mean of ``max(0, margin - x[t] + x) ** p``."""
        rows, classes = x.shape
        over = x - self.expand_dims(at(x, target, self) - margin, axis=1)
        over = self.where(over > 0, over, 0.0)
        over = self.assign(over, places(target, self), self.zeros((rows,), dtype=x.dtype))
        slopes = self.astype(over > 0, x.dtype) if p == 1 else 2 * over
        factor = 1 / classes
        if weight is not None:
            factor = self.expand_dims(self.getitem(weight, (target,)) / classes, axis=1)
        terms = self.sum((over if p == 1 else over * over) * factor, axis=1)
        slopes = slopes * factor
        return terms, less_at(slopes, target, self.sum(slopes, axis=1), self)

    def multilabel_margin(self: Any, x: Array, target: Array) -> tuple[Array, Array]:
        """Of rows of scores: the sum of ``max(0, 1 - x[t] + x)``, over their number.

        It is that of all classes `t` of a target up to the first -1, and all that are not of them.
        """
        share = 1 / max(x.shape[1], 1)
        ended = self.cumulative_sum(self.astype(target < 0, target.dtype), axis=1)
        there = self.where(ended == 0, target, 0)
        named = self.astype(ended == 0, x.dtype)
        own = self.add_along_axis(named, there, tuple(x.shape), 1)
        edge = 1 - self.take_along_axis(x, there, axis=1)
        over = self.expand_dims(edge, axis=2) + self.expand_dims(x, axis=1)
        over = self.where(over > 0, over, 0.0)
        counts = self.expand_dims(ended == 0, axis=2) & self.expand_dims(own == 0, axis=1)
        over = self.where(counts, over, 0.0)
        on = self.astype(over > 0, x.dtype)
        less = self.add_along_axis(self.sum(on, axis=2), there, tuple(x.shape), 1)
        return self.sum(over, axis=(1, 2)) * share, (self.sum(on, axis=1) - less) * share


def counted(target: Array, weight: Any, ignore: Any, xp: Any) -> tuple[Array, Any, Any]:
    """Targets that are all classes; the weight of each or, if there are none, whether it counts.

    And whether it counts; `None` for what is 1, or true, of all.
    """
    counts = None
    if ignore is not None:
        counts = target != ignore
        target = xp.where(counts, target, 0)
    if weight is None:
        return target, counts, counts
    factor = xp.getitem(weight, (target,))
    return target, factor if counts is None else xp.where(counts, factor, 0.0), counts


def mass(factor: Array, like: Array, xp: Any) -> Array:
    """The sum of the weights, or of what counts."""
    return xp.sum(factor if factor.dtype == like.dtype else xp.astype(factor, like.dtype))


def beside(weight: Array, x: Array, xp: Any) -> Array:
    """Numbers of classes, to stand beside `x`."""
    return xp.reshape(weight, (1, x.shape[1], *(1,) * (len(x.shape) - 2)))


def over_classes(x: Array, weight: Any, xp: Any) -> Array:
    """The sums over classes, weighted or not."""
    if len(x.shape) == 2:  # a product takes a fraction of the time
        return xp.matmul(x, xp.ones((x.shape[1],), dtype=x.dtype) if weight is None else weight)
    return xp.sum(x if weight is None else x * beside(weight, x, xp), axis=1)


def places(target: Array, xp: Any) -> tuple[Array, ...]:
    """The index, in what has classes along axis 1, of the class of each place."""
    rank = len(target.shape)
    others = [
        xp.reshape(xp.arange(n), (n, *(1,) * (rank - 1 - i))) for i, n in enumerate(target.shape)
    ]
    return (others[0], target, *others[1:])


def at(x: Array, target: Array, xp: Any) -> Array:
    """What stands at the class of each place."""
    if len(x.shape) == 2:
        return xp.getitem(x, places(target, xp))
    return xp.squeeze(xp.take_along_axis(x, xp.expand_dims(target, axis=1), axis=1), axis=1)


def less_at(x: Array, target: Array, values: Array, xp: Any) -> Array:
    """`x`, a result that nobody else knows, less values at the class of each place."""
    index = places(target, xp)
    return xp.assign(x, index, xp.getitem(x, index) - values)


def reduced(terms: Array, reduction: str, xp: Any) -> Array:
    """The terms of a loss, their sum or their mean."""
    if reduction == "none":
        return terms
    total = xp.sum(terms)
    return total if reduction == "sum" else total / math.prod(terms.shape)
