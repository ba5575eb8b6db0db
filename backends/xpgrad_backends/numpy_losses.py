"""Losses on NumPy: with fewer calls than the portable steps, each of which takes its time."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from xpgrad.losses import Losses, counted, mass

Array = Any

_add: Any = np.add.reduce
_maximum: Any = np.maximum.reduce


def cross_entropy(
    self: Any, x: Array, target: Array, weight: Any, reduction: str, ignore: Any, smoothing: float
) -> tuple[Array, Array]:
    """Of scores and a class of each row: the terms, their sum or weighted mean; exponentials."""
    if x.ndim > 2:
        return Losses.cross_entropy(self, x, target, weight, reduction, ignore, smoothing)
    x, target = np.asarray(x), np.asarray(target)  # what a subclass computes may be read-only
    rows, classes = x.shape
    factor = counts = even = None
    if ignore is not None or weight is not None:
        target, factor, counts = counted(target, weight, ignore, self)
    powers = x - _maximum(x, axis=1, keepdims=True)
    picked = powers.reshape(-1).take(spots(target, classes))  # less the largest
    ones = all_ones(classes, x.dtype)
    if smoothing:
        even = powers.dot(ones if weight is None else weight)
    np.exp(powers, powers)
    total = powers.dot(ones)
    np.log(total, total)
    terms = total - picked
    if weight is not None:
        terms *= factor
    if even is not None:
        total *= classes if weight is None else _add(weight)
        total -= even
        total *= smoothing / classes
        terms *= 1 - smoothing
        terms += total
    if counts is not None:
        terms = np.where(counts, terms, x.dtype.type(0))
    if reduction == "none":
        return terms, powers
    loss = _add(terms)
    if reduction == "mean":
        n = rows if factor is None else mass(factor, x, self)
        loss = loss / n
        if smoothing and factor is not None:
            loss = loss + 0 / n  # nan where the targets weigh nothing
    return loss, powers


def cross_entropy_gradient(
    self: Any, g: Array, out: Array, target: Array, weight: Any, reduction: str, ignore: Any,
    smoothing: float,
) -> Array:  # fmt: skip
    """The softmax less 1 at the target; `out` is the exponentials."""
    if out.ndim > 2 or smoothing:
        return Losses.cross_entropy_gradient(
            self, g, out, target, weight, reduction, ignore, smoothing
        )
    g, out, target = np.asarray(g), np.asarray(out), np.asarray(target)
    rows, classes = out.shape
    each, factor = g, None
    if ignore is not None or weight is not None:
        target, factor, counts = counted(target, weight, ignore, self)
    if reduction == "mean":
        each = g / (rows if factor is None else mass(factor, out, self))
    each = each.astype(out.dtype, copy=False)
    if factor is not None:
        if counts is not None:
            each = np.where(counts, each, out.dtype.type(0))
        if weight is not None:
            each = each * factor
        each = np.asarray(each)
    share = each / out.dot(all_ones(classes, out.dtype))
    dx = np.multiply(out, share[:, None], order="C")
    dx.reshape(-1)[spots(target, classes)] -= each
    return dx


@functools.lru_cache(8)
def all_ones(n: int, dtype: Any) -> Array:
    """Ones for products that are sums."""
    return np.ones(n, dtype)


def spots(target: Array, classes: int) -> Array:
    """Where the class of each row stands, counted through all rows."""
    return np.arange(0, len(target) * classes, classes) + target
