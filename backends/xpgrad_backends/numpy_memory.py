"""The order of results in memory, as PyTorch's.

NumPy keeps the order of what it was given wherever it can. PyTorch does so in functions of elements
and in copies; the results of all others are in row-major order, so that they can be viewed in other
shapes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from xpgrad.namespace import Namespace


def ordered(x: Any) -> Any:
    """An array in row-major order: itself, or a copy."""
    return x if x.flags.c_contiguous else x.copy()


def by_rows(x: Any) -> Any:
    """The array with its dimensions from the outermost in memory to the innermost: a view."""
    return x.transpose(sorted(range(x.ndim), key=lambda i: -x.strides[i]))


def order_of(steps: Any, shape: Any) -> list[int]:
    """Dimensions from the outermost to the innermost, as PyTorch orders those of a new result.

    Args:
        steps: the strides of each operand; 0 says nothing. Of two dimensions the first operand
            decides that says anything, and else the last dimension is the innermost one.
    """

    def inner(i: int, j: int) -> int:
        """Whether dimension `i` goes further in than `j` (below 0), further out (above 0)."""
        for step in steps:
            if step[i] and step[j]:
                if step[i] != step[j]:
                    return int(step[i] - step[j])
                if shape[i] > shape[j]:
                    return 1
        return 0

    order = list(range(len(shape) - 1, -1, -1))  # from the innermost
    for end in range(1, len(shape)):
        place = end
        for i in range(end - 1, -1, -1):
            said = inner(order[i], order[place])
            if said > 0:
                order[i], order[place] = order[place], order[i]
                place = i
            elif said < 0:
                break
    order.reverse()
    return order


def arranged(x: Any, steps: Any, dtype: Any = None) -> Any:
    """A copy of an array in the order that strides of operands lead to."""
    order = order_of(steps, x.shape)
    out = x.transpose(order).astype(x.dtype if dtype is None else dtype, order="C")
    return out.transpose(np.argsort(order))


def copied(x: Any, dtype: Any = None) -> Any:
    """A copy of an array in its own order, if need be with another dtype.

    NumPy takes a dimension that repeats one element for the innermost one.
    """
    if x.flags.c_contiguous or 0 not in x.strides:
        return x.copy("K") if dtype is None else x.astype(dtype)
    return arranged(x, [[abs(step) for step in x.strides]], dtype)


def _dense(x: Any) -> bool:
    """Whether an array fills its memory, each element in a place of its own."""
    return by_rows(x).flags.c_contiguous


class Ordered(Namespace):
    """The functions whose results NumPy orders as their inputs, and PyTorch by rows."""

    def ordered(self, x: Any) -> Any:
        return x if x.flags.c_contiguous else x.copy()

    def clone(self, x: Any) -> Any:
        return x.copy() if x.flags.c_contiguous else copied(x)

    def laid_out(self, x: Any, like: Any) -> Any:
        if like.flags.c_contiguous or not _dense(like):
            return x if x.flags.c_contiguous else x.copy()
        if x.strides == like.strides:
            return x
        out = np.empty_like(like, dtype=x.dtype)
        out[...] = x
        return out

    def concat(self, arrays: Any, /, *, axis: Any = 0) -> Any:
        out = np.concat(arrays, axis)
        return out if out.flags.c_contiguous else out.copy()

    def stack(self, arrays: Any, /, *, axis: int = 0) -> Any:
        out = np.stack(arrays, axis)
        return out if out.flags.c_contiguous else out.copy()

    def count_nonzero(self, x: Any, /, *, axis: Any = None, keepdims: bool = False) -> Any:
        out: Any = np.count_nonzero(x, axis, keepdims=keepdims)
        return out if axis is None else ordered(out)

    def take_along_axis(self, x: Any, indices: Any, /, *, axis: int = -1) -> Any:
        return np.take_along_axis(x, ordered(indices), axis)

    def roll(self, x: Any, /, shift: Any, *, axis: Any = None) -> Any:
        return np.roll(ordered(x), shift, axis)

    def tril(self, x: Any, /, *, k: int = 0) -> Any:
        return ordered(np.tril(x, k))

    def triu(self, x: Any, /, *, k: int = 0) -> Any:
        return ordered(np.triu(x, k))
