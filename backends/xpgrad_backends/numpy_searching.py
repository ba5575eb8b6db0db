"""Distinct elements, the order of rows, places in sorted lines: by counting, by bytes, by Numba.

NumPy sorts to find distinct elements. Integers that are not far apart are counted instead, and rows
are compared as runs of bytes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from xpgrad_backends import numba_kernels as kernels
from xpgrad_backends.numpy_memory import Ordered
from xpgrad_backends.numpy_places import SMALL, WIDE, extrema

FEW = 16  # lines; fewer are searched one by one


class Counted:
    """How often each integer between the least and the greatest of some occurs."""

    def __init__(self, x: Any, low: int, span: int) -> None:
        self.shape, self.low, self.dtype = x.shape, low, x.dtype
        wide = x.reshape(-1) if x.itemsize == 8 else x.reshape(-1).astype(np.intp)
        self.steps = (wide - low).astype(np.intp, copy=False)
        self.counts = np.bincount(self.steps, minlength=span)
        self.found = np.flatnonzero(self.counts)

    def values(self) -> Any:
        """Those that occur, in order."""
        return self.found.astype(self.dtype) + self.dtype.type(self.low)

    def inverse(self) -> Any:
        """Which of them each element is."""
        rank = np.empty(self.counts.size, np.intp)
        rank[self.found] = np.arange(self.found.size)
        return rank.take(self.steps).reshape(self.shape)

    def first(self) -> Any:
        """Where each of them occurs first: what is written last stays."""
        at = np.empty(self.counts.size, np.intp)
        at[self.steps[::-1]] = np.arange(self.steps.size - 1, -1, -1)
        return at.take(self.found)

    def times(self) -> Any:
        """How often each of them occurs."""
        return self.counts.take(self.found)


def counted(x: Any) -> Counted | None:
    """Elements counted, where that is faster than to sort them."""
    if x.size < SMALL or x.dtype.kind not in "iu":
        return None
    low, high = map(int, extrema(x))
    span = high - low + 1
    return Counted(x, low, span) if span <= 4 * x.size else None


def sortable(x: Any) -> Any:
    """Numbers as bytes that are in the same order when they are compared one after the other."""
    kind = np.dtype(f"u{x.itemsize}")
    top = kind.type(1 << 8 * x.itemsize - 1)
    if x.dtype.kind == "f":
        x = np.where(np.isnan(x), np.abs(x), x + x.dtype.type(0))  # one zero; nan above all
        bits = x.view(kind)
        bits = bits ^ np.where(bits & top, ~kind.type(0), top)
    else:
        bits = x.view(kind) ^ top if x.dtype.kind == "i" else x.view(kind)
    return bits.astype(kind.newbyteorder(">"))


class Searching(Ordered):
    """The functions that find distinct elements and places by order."""

    def unique_all(self, x: Any, /) -> Any:
        found = counted(x)
        if found is None:
            return self.module.unique_all(x)
        return found.values(), found.first(), found.inverse(), found.times()

    def unique_counts(self, x: Any, /) -> Any:
        found = counted(x)
        return self.module.unique_counts(x) if found is None else (found.values(), found.times())

    def unique_inverse(self, x: Any, /) -> Any:
        found = counted(x)
        return self.module.unique_inverse(x) if found is None else (found.values(), found.inverse())

    def unique_values(self, x: Any, /) -> Any:
        found = counted(x)
        return self.module.unique_values(x) if found is None else found.values()

    def row_order(self, x: Any) -> Any:
        if x.size < SMALL or x.dtype.kind not in "iufb" or x.itemsize > 8:
            return super().row_order(x)
        rows = sortable(np.ascontiguousarray(x))
        lines = rows.view(np.dtype((np.void, rows.itemsize * rows.shape[1])))
        return self.wrap(lines.reshape(-1).argsort(kind="stable"))

    def searchsorted(self, x1: Any, x2: Any, /, *, side: str = "left", sorter: Any = None) -> Any:
        if sorter is None and getattr(x2, "size", 1) >= kernels.LARGE:
            found = kernels.compiled("search_lines", x1, x2, side)
            if found is not None:
                return found
        return self.module.searchsorted(x1, x2, side=side, sorter=sorter)

    def search_lines(self, x: Any, values: Any, side: str) -> Any:
        if values.size >= kernels.LARGE:
            found = kernels.compiled("search_lines", x, values, side)
            if found is not None:
                return found
        few = values.shape[-1] < WIDE and values.size > FEW * values.shape[-1]
        if few or not (x.size and values.size):
            return super().search_lines(x, values, side)
        out = np.empty(values.shape, np.intp)
        lines = (a.reshape(-1, a.shape[-1]) for a in (x, values, out))
        for line, given, places in zip(*lines, strict=True):
            places[...] = line.searchsorted(given, side)
        return self.wrap(out)
