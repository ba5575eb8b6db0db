"""Rows added up by number, by Numba or as products with SciPy's sparse matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from xpgrad.namespace import Namespace
from xpgrad_backends import numba_kernels as kernels

SMALL = 4096  # elements; below it a matrix costs more than it saves


def sparse_product(x: Any, places: Any, into: Any, factors: Any, count: int) -> Any:
    """The matrix with ``factors`` at ``[into, places]`` times `x`; `None` where it is no help."""
    if places.size * x.shape[1] < SMALL or x.dtype.char not in "fdFD":
        return None
    for index, bound in ((places, x.shape[0]), (into, count)):  # SciPy does not look
        if index.min() < 0 or index.max() >= bound:
            return None
    try:
        from scipy import sparse
    except ImportError:
        return None
    if factors is None:
        factors = np.ones(places.size, x.dtype)
    shape = (count, x.shape[0])
    if np.all(into[1:] >= into[:-1]):
        ends = np.searchsorted(into, np.arange(count + 1))
        return sparse.csr_array((factors, places, ends), shape=shape) @ x
    if np.all(places[1:] >= places[:-1]):
        ends = np.searchsorted(places, np.arange(x.shape[0] + 1))
        return sparse.csc_array((factors, into, ends), shape=shape) @ x
    return sparse.coo_array((factors, (into, places)), shape=shape).tocsr() @ x


class Sums(Namespace):
    """The extra that adds up rows, by sparse matrices."""

    def gathered_sums(self, x: Any, places: Any, into: Any, factors: Any, count: int) -> Any:
        found = sparse_product(x, places, into, factors, count)
        return super().gathered_sums(x, places, into, factors, count) if found is None else found

    def rows_added(self, places: Any, values: Any, count: int) -> Any:
        """Values of shape (n, width) added at rows; `None` where that is no help."""
        if values.size >= kernels.LARGE:
            found = kernels.compiled("rows_added", places, values, count)
            if found is not None:
                return found
        if places.size < 2 or values.shape[1] < 4:
            return None
        low, high = places.min(), places.max()
        if low < -count or high >= count:
            return None  # NumPy says so; the matrix would not
        if low < 0:
            places = np.where(places < 0, places + count, places)
        order = np.arange(places.size)
        return sparse_product(values, order, places, None, count)
