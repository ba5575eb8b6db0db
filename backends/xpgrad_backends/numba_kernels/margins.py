"""Losses that keep a distance between classes: each row and its derivative in one go."""

from __future__ import annotations

from typing import Any

import numpy as np

from xpgrad_backends.numba_kernels.jit import SUMS, alike, dense, kernel

Array = Any


@kernel(SUMS)
def margins(x, target, weight, square, margin, terms, slopes):
    of = x.dtype.type
    for i in range(x.shape[0]):
        row, found, t = x[i], slopes[i], target[i]
        edge, total, slope = of(margin) - row[t], of(0), of(0)
        factor = (of(1) if weight is None else weight[t]) / of(row.size)
        for j in range(row.size):
            z = edge + row[j]
            z = z if (z > of(0)) & (j != t) else of(0)
            s = of(2) * z if square else of(1) if z > of(0) else of(0)
            total += z * z if square else z
            slope += s
            found[j] = s * factor
        found[t] = -slope * factor
        terms[i] = total * factor


@kernel(SUMS)
def label_margins(x, target, terms, slopes):
    of = x.dtype.type
    own = np.empty(x.shape[1], np.bool_)
    for i in range(x.shape[0]):
        row, labels, found = x[i], target[i], slopes[i]
        own[:] = False
        found[:] = of(0)
        count = 0
        while count < labels.size and labels[count] >= 0:
            own[labels[count]] = True
            count += 1
        total, share = of(0), of(1) / of(row.size)
        for k in range(count):
            edge, beyond = of(1) - row[labels[k]], of(0)
            for j in range(row.size):
                z = edge + row[j]
                on = (z > of(0)) & (not own[j])
                total += z if on else of(0)
                beyond += of(1) if on else of(0)
                found[j] += share if on else of(0)
            found[labels[k]] -= beyond * share
        terms[i] = total * share


# ------------------------------------------------------------------ what the namespace calls


def multi_margin(
    x: Array, target: Array, weight: Array | None, p: int, margin: float
) -> tuple[Array, Array] | None:
    if not alike(x, weight) or target.dtype != np.int64:
        return None
    terms, slopes = np.empty(len(x), x.dtype), np.empty(x.shape, x.dtype)
    given = dense(x), dense(target), None if weight is None else dense(weight)
    margins(*given, p == 2, float(margin), terms, slopes)
    return terms, slopes


def multilabel_margin(x: Array, target: Array) -> tuple[Array, Array] | None:
    if not alike(x) or target.dtype != np.int64:
        return None
    terms, slopes = np.empty(len(x), x.dtype), np.empty(x.shape, x.dtype)
    label_margins(dense(x), dense(target), terms, slopes)
    return terms, slopes
