"""Losses of several steps, made of what the array API standard has."""

from __future__ import annotations

import math
from typing import Any

Array = Any


class Losses:
    """The extras of losses: a part of every `Namespace`, and of Tensors'.

    ==========================================  ====================================================
    ``cross_entropy(x, target, reduction)``     minus the logarithm of the softmax at a target; and
                                                the exponentials of `x` less the largest of its row
    ``cross_entropy_gradient(g, out, …)``       the gradient of `x`, by these exponentials
    ==========================================  ====================================================
    """

    def cross_entropy(self: Any, x: Array, target: Array, reduction: str) -> tuple[Array, Array]:
        """Of rows of scores and a class of each: the terms, their sum or mean; exponentials."""
        rows, classes = x.shape
        top = self.max(x, axis=1, keepdims=True)
        powers = self.exp(x - top)
        total = self.log(self.matmul(powers, self.ones((classes,), dtype=x.dtype)))
        picked = self.getitem(x, (self.arange(rows), target))
        return reduced(total + self.squeeze(top, axis=1) - picked, reduction, self), powers

    def cross_entropy_gradient(
        self: Any, g: Array, out: Array, target: Array, reduction: str
    ) -> Array:
        """Of a row, the softmax less 1 at the target; `out` is the exponentials."""
        rows, classes = out.shape
        each = self.broadcast_to(g / max(rows, 1) if reduction == "mean" else g, (rows,))
        each = each if each.dtype == out.dtype else self.astype(each, out.dtype)
        total = self.matmul(out, self.ones((classes,), dtype=out.dtype))
        dx = out * self.reshape(each / total, (rows, 1))
        places = (self.arange(rows), target)
        return self.assign(dx, places, self.getitem(dx, places) - each)


def reduced(terms: Array, reduction: str, xp: Any) -> Array:
    """The terms of a loss, their sum or their mean."""
    if reduction == "none":
        return terms
    total = xp.sum(terms)
    return total if reduction == "sum" else total / math.prod(terms.shape)
