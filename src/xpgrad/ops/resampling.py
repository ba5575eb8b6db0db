"""Reading an axis at other places than it has, and putting something around an array.

What an axis gives at each new place is a sum of a few of its elements with weights: `Taps` is the
table of both. Interpolation, resizing, averages of windows of any lengths and most kinds of padding
are such tables, one for each dimension of space, and so is the adjoint of each.
"""

from __future__ import annotations

import functools

import numpy as np

from xpgrad.op import named, op
from xpgrad.ops.pooling import at


class Taps:
    """For each of some places, elements of an axis and their weights, both (places, taps).

    Elements with weight 0 only fill the table. Known on the host: they follow from shapes.
    """

    def __init__(self, elements, length, weights=None):
        elements = np.asarray(elements, np.int64)
        self.elements = elements if elements.ndim == 2 else elements.reshape(-1, 1)
        self.length = length  # of the axis
        if weights is None:
            weights = np.ones(self.elements.shape)
        self.weights = np.asarray(weights, np.float64)

    @property
    def count(self):
        """How many places."""
        return len(self.elements)

    @functools.cached_property
    def transposed(self):
        """The adjoint: for each element of the axis, the places that it went to."""
        rows, columns = np.nonzero(self.weights)
        elements, weights = self.elements[rows, columns], self.weights[rows, columns]
        order = np.argsort(elements, kind="stable")
        elements, weights, rows = elements[order], weights[order], rows[order]
        counts = np.bincount(elements, minlength=self.length)
        first = np.cumsum(counts) - counts
        within = np.arange(len(elements)) - first[elements]
        shape = (self.length, max(int(counts.max(initial=0)), 1))
        found, of = np.zeros(shape, np.int64), np.zeros(shape)
        found[elements, within], of[elements, within] = rows, weights
        return Taps(found, self.count, of)

    @functools.cached_property
    def columns(self):
        """The taps: elements, as a slice where they are one; weights, or a number for all."""
        found = []
        for elements, weights in zip(self.elements.T, self.weights.T, strict=True):
            part = _as_slice(elements)
            same = len(weights) and (weights == weights[0]).all()
            found.append((elements if part is None else part, weights[0] if same else weights))
        return found


def _as_slice(elements):
    """Equal steps as a slice; `None` for others."""
    if len(elements) < 2:
        return slice(elements[0], elements[0] + 1) if len(elements) else slice(0, 0)
    step = int(elements[1] - elements[0])
    if step < 1 or (np.diff(elements) != step).any():
        return None
    return slice(int(elements[0]), int(elements[-1]) + 1, step)


def resample(xp, x, axis, taps):
    """An axis read at the places of a table."""
    shape = (*x.shape[:axis], taps.count, *x.shape[axis + 1 :])
    if 0 in shape or 0 in x.shape:
        return xp.zeros(shape, dtype=x.dtype)
    total, own = None, False
    along = tuple(taps.count if i == axis else 1 for i in range(len(shape)))
    for elements, weights in taps.columns:
        if isinstance(elements, slice):
            part = xp.getitem(x, at(axis, elements))
        else:
            part = xp.take(x, xp.asarray(elements.tolist(), dtype=xp.arange(0).dtype), axis=axis)
        fresh = not isinstance(elements, slice)
        if not isinstance(weights, np.ndarray):
            if weights == 0:
                continue
            if weights != 1:
                part, fresh = part * float(weights), True
        else:
            where = weights != 0
            if not (weights[where] == 1).all():
                kind = xp.native(xp.dtype_of(x).to_real())
                part = part * xp.reshape(xp.asarray(weights.tolist(), dtype=kind), along)
            if not where.all():  # where there is nothing, nan and inf are nothing, too
                there = xp.reshape(xp.asarray(where.tolist()), along)
                part = xp.where(there, part, xp.zeros((), dtype=x.dtype))
            fresh = True
        total, own = (part, fresh) if total is None else (total + part, True)
    if total is None:
        return xp.zeros(shape, dtype=x.dtype)
    return total if own else xp.copy(total)
