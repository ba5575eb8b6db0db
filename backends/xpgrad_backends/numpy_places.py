"""Elements at places along an axis, and what runs along one: by Numba, or by flat positions.

NumPy's own walk over several arrays of positions is general and slow. One array of positions among
all elements takes a fraction of its time, though it has to be computed first.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from xpgrad_backends import numba_kernels as kernels
from xpgrad_backends.numpy_memory import Ordered, ordered
from xpgrad_backends.numpy_running import running_sums

SMALL = 512  # elements; below it nothing here is worth its time
_FULL, _BACK = slice(None), slice(None, None, -1)
WIDE = 128  # elements side by side; from here on one call for each step pays

# ------------------------------------------------------------------ positions


def extrema(places: Any) -> tuple[Any, Any]:
    """The least and the greatest of integers."""
    found: Any = kernels.compiled("extrema", places) if places.size >= kernels.LARGE else None
    return (places.min(), places.max()) if found is None else found


def counted(places: Any, n: int) -> Any:
    """Places from the start on; `None` where one does not exist."""
    if not places.size:
        return places
    if places.dtype == np.intp and places.view(np.uintp).max() < n:  # as these, -1 is large
        return places
    low, high = extrema(places)
    if low < -n or high >= n:
        return None
    places = places.astype(np.intp, copy=False)
    return np.where(places < 0, places + n, places) if low < 0 else places


def along(places: Any, shape: tuple[int, ...], axis: int) -> Any:
    """The row-major positions of places along an axis, one for each of everything else.

    `None` where one does not exist, or there is not one for each.
    """
    have = places.shape
    if len(have) != len(shape) or any(
        n != m for i, (n, m) in enumerate(zip(shape, have, strict=True)) if i != axis
    ):
        return None
    n, after = shape[axis], math.prod(shape[axis + 1 :])
    found = counted(places, n)
    if found is None:
        return None
    before = math.prod(shape[:axis])
    found = found.reshape(before, have[axis], after)
    if after != 1:
        found = found * after
    if before != 1:
        found = found + np.arange(0, before * n * after, n * after or 1)[:before, None, None]
    if after != 1:
        found = found + np.arange(after)
    return found.reshape(have)


def repeated(places: Any, axis: int) -> Any:
    """The one line of places along an axis that there is, stretched over all else; or `None`."""
    around = (*places.shape[:axis], *places.shape[axis + 1 :])
    steps = (*places.strides[:axis], *places.strides[axis + 1 :])
    if any(n != 1 and step for n, step in zip(around, steps, strict=True)) or 0 in around:
        return None
    return places[tuple([_FULL if i == axis else 0 for i in range(places.ndim)])]


def lined(places: Any, shape: tuple[int, ...], axis: int) -> Any:
    """The line of places that `repeated` finds, if there is one for all else in a shape."""
    have = places.shape
    if (
        len(have) != len(shape)
        or have[:axis] + have[axis + 1 :] != shape[:axis] + shape[axis + 1 :]
    ):
        return None
    return repeated(places, axis)


def joined(parts: Any, shape: tuple[int, ...]) -> Any:
    """Arrays of places in the first dimensions as one array of places in all of them together.

    `None` where one does not exist.
    """
    total: Any = None
    for part, n in zip(parts, shape, strict=False):
        found = counted(part, n)
        if found is None:
            return None
        total = found if total is None else total * n + found
    return total


def gridded(index: tuple[Any, ...], shape: tuple[int, ...]) -> int | None:
    """The axis along which an index of arrays names places, one for each of everything else.

    All other arrays count from 0 on along their own axis. So it is where an index comes from
    functions that name places along an axis, such as PyTorch's ``scatter``.
    """
    rank, found = len(shape), None
    for i, part in enumerate(index):
        if type(part) is not np.ndarray or part.ndim != rank or part.dtype.kind not in "iu":
            return None
        if (
            part.size == part.shape[i] == shape[i]
            and (part.reshape(-1) == np.arange(shape[i])).all()
        ):
            continue
        if found is not None:
            return None
        found = i
    if found is None or index[found].shape[:found] != shape[:found]:
        return None
    return found if index[found].shape[found + 1 :] == shape[found + 1 :] else None


def gridded_if_large(index: tuple[Any, ...], shape: tuple[int, ...]) -> int | None:
    """As `gridded`, where that is worth to find out."""
    if len(index) == len(shape) > 1:
        for part in index:
            if type(part) is np.ndarray and part.size >= SMALL:
                return gridded(index, shape)
    return None


def taken_along(x: Any, places: Any, axis: int) -> Any:
    """An element of `x` for each place along an axis; `None` where NumPy itself is to say more."""
    if places.size >= kernels.LARGE:
        found = kernels.compiled("taken_along", x, places, axis)
        if found is not None:
            return found
    if x.flags.c_contiguous:
        flat = along(places, x.shape, axis)
        if flat is not None:
            return x.reshape(-1).take(flat, mode="wrap")  # none is outside: the quickest mode
    return None


def added_along(values: Any, places: Any, shape: tuple[int, ...], axis: int) -> Any:
    """Zeros with a value added at each place along an axis; `None` where one does not exist."""
    if values.shape != places.shape:
        return None
    if values.size >= kernels.LARGE:
        found = kernels.compiled("added_along", values, places, shape, axis)
        if found is not None:
            return found
    flat = along(places, shape, axis)
    if flat is None:
        return None
    out = np.zeros(shape, values.dtype)
    np.add.at(out.reshape(-1), flat.reshape(-1), values.reshape(-1))
    return out


def written_along(x: Any, places: Any, value: Any, axis: int) -> bool:
    """Whether a value, or one for each place along an axis, has been written to `x` itself."""
    if not x.flags.carray:
        return False
    if type(value) is np.ndarray and (value.dtype != x.dtype or value.shape != places.shape):
        return False
    if places.size >= kernels.LARGE and counted(places, x.shape[axis]) is not None:
        values = value
        if type(value) is not np.ndarray:
            values = np.full(places.shape, value, x.dtype)
        if kernels.compiled("written_along", x, places, values, axis):
            return True
    flat = along(places, x.shape, axis)
    if flat is not None:
        x.reshape(-1)[flat] = value
    return flat is not None


def written_at(x: Any, index: tuple[Any, ...], value: Any) -> bool:
    """Whether a value has been written to `x` itself at slices, which an array of places names.

    The other parts of the index are full slices. `False` where NumPy is to do it.
    """
    axis = len(index) - 1
    places = index[axis]
    if x.size < kernels.LARGE or axis >= x.ndim or places.dtype.kind not in "iu":
        return False
    if any(type(p) is not slice or p != _FULL for p in index[:axis]) or not x.flags.carray:
        return False
    after = x.shape[axis + 1 :]
    if axis == 0 and math.prod(after) >= WIDE:
        return False  # whole rows: NumPy copies each at once
    if type(value) in (bool, int, float, complex):
        values = np.full(1, value, x.dtype)
    else:
        values = value
        if values.shape != (*x.shape[:axis], *places.shape, *after) or values.dtype != x.dtype:
            return False
    if math.prod(x.shape[:axis]) * places.size * math.prod(after) < kernels.LARGE:
        return False
    if counted(places, x.shape[axis]) is None:
        return False
    return bool(kernels.compiled("slices_written", x, places, values, axis))


def combined_along(x: Any, places: Any, values: Any, axis: int, how: str) -> Any:
    """`x` with values combined into it at places along an axis; `None` where one does not exist."""
    if values.shape != places.shape:
        return None
    line = lined(places, x.shape, axis)
    if values.size >= kernels.LARGE:
        found = kernels.compiled(
            "combined_along", x, places if line is None else line, values, axis, how
        )
        if found is not None:
            return found
    out, join = x.copy("C"), getattr(np, how)
    n, after = x.shape[axis], math.prod(x.shape[axis + 1 :])
    if line is not None and values.size > 2048 * line.size:
        line = counted(line, n)
        if line is None:
            return None
        slices = out.reshape(-1, n, after)
        given = values.reshape(-1, line.size, after)
        for i, p in enumerate(line.tolist()):
            join(slices[:, p], given[:, i], out=slices[:, p])
        return out
    flat = along(places, x.shape, axis)
    if flat is None:
        return None
    join.at(out.reshape(-1), flat.reshape(-1), values.reshape(-1))
    return out


# ------------------------------------------------------------------ order


def lines(x: Any, axis: int) -> Any:
    """An array as lines along an axis."""
    return np.ascontiguousarray(np.moveaxis(x, axis, -1)).reshape(-1, x.shape[axis])


def from_lines(found: Any, like: Any, axis: int) -> Any:
    """Lines back along the axis of the array that they were made of."""
    shape = (*like.shape[:axis], *like.shape[axis + 1 :], found.shape[1])
    return np.ascontiguousarray(np.moveaxis(found.reshape(shape), -1, axis))


def chosen(rows: Any, count: int, largest: bool) -> Any:
    """Where the largest or smallest elements of rows are, in the order of places.

    Of equal ones the first; nan is larger than all. `None` where as many are nan.
    """
    n = rows.shape[1]
    k = n - count if largest else count - 1
    bound = np.partition(rows, k, axis=1)[:, k : k + 1]
    if np.isnan(bound).any():
        return None
    mask = ~(rows < bound) if largest else rows <= bound
    flat = np.flatnonzero(mask)
    if flat.size != rows.shape[0] * count:  # too many that equal the last
        equal = rows == bound
        missing = count - np.count_nonzero(mask & ~equal, axis=1)
        mask &= ~equal | (np.cumsum(equal, axis=1, dtype=np.int32) <= missing[:, None])
        flat = np.flatnonzero(mask)
    return flat.reshape(rows.shape[0], count)


# ------------------------------------------------------------------ the namespace


class Places(Ordered):
    """The functions that read and add up at places, order, or run along an axis."""

    def take_along_axis(self, x: Any, indices: Any, /, *, axis: int = -1) -> Any:
        if indices.size >= SMALL and indices.ndim == x.ndim and -x.ndim <= axis < x.ndim:
            line = lined(indices, x.shape, axis % x.ndim)
            if line is not None and line.dtype.kind in "iu":
                return x.take(line, axis)
            found = taken_along(x, indices, axis % x.ndim)
            if found is not None:
                return found
        return super().take_along_axis(x, indices, axis=axis)

    def add_along_axis(self, x: Any, indices: Any, shape: tuple[int, ...], axis: int) -> Any:
        if x.size >= SMALL:
            line = lined(indices, shape, axis) if indices.shape == x.shape else None
            if line is not None and line.dtype.kind in "iu":
                given = x.reshape(math.prod(shape[:axis]), line.size, -1)
                found = self.slices_added(line, given, shape, axis)
            else:
                found = added_along(x, indices, shape, axis)
            if found is not None:
                return found
        return super().add_along_axis(x, indices, shape, axis)

    def combine_along_axis(self, x: Any, indices: Any, values: Any, axis: int, how: str) -> Any:
        if x.ndim == 1 and values.size < SMALL:
            out = x.copy()
            getattr(np, how).at(out, indices, values)
            return out
        found = combined_along(x, indices, values, axis, how) if x.ndim else None
        return super().combine_along_axis(x, indices, values, axis, how) if found is None else found

    def slices_added(self, places: Any, values: Any, shape: tuple[int, ...], axis: int) -> Any:
        """Zeros of a shape with values of shape (before, count, after) added along an axis.

        At the same places for all there is before and after; `None` where one does not exist.
        """
        n = shape[axis]
        if values.size >= kernels.LARGE:
            found = kernels.compiled("slices_added", places, values, n, shape)
            if found is not None:
                return found
        places = counted(places, n)
        if places is None:
            return None
        before, _, after = values.shape
        out = np.zeros(shape, values.dtype)
        slices = out.reshape(before, n, after)
        if before * after >= 2048:
            for i, p in enumerate(places.tolist()):
                slices[:, p] += values[:, i]
            return out
        flat = (np.arange(before)[:, None] * n + places)[:, :, None] * after + np.arange(after)
        np.add.at(out.reshape(-1), flat.reshape(-1), values.reshape(-1))
        return out

    def tril(self, x: Any, /, *, k: int = 0) -> Any:
        if x.size < kernels.LARGE or x.dtype.char not in "fdF":
            return super().tril(x, k=k)
        return ordered(self.where(np.tri(x.shape[-2], x.shape[-1], k, bool), x, 0))

    def triu(self, x: Any, /, *, k: int = 0) -> Any:
        if x.size < kernels.LARGE or x.dtype.char not in "fdF":
            return super().triu(x, k=k)
        return ordered(self.where(~np.tri(x.shape[-2], x.shape[-1], k - 1, bool), x, 0))

    # -- order

    def flip(self, x: Any, /, *, axis: Any = None) -> Any:
        if x.size >= kernels.LARGE and type(axis) is tuple:
            first = x.ndim  # of the last axes that are flipped: together they are one
            while first and first - 1 in axis:
                first -= 1
            others = tuple(i for i in axis if i < first)
            part = np.flip(x, others) if others else x
            if first < x.ndim:
                found = kernels.compiled("reversed_lines", part, math.prod(x.shape[first:]))
                if found is not None:
                    return found
        if type(axis) is not tuple:
            return np.flip(x, axis)
        return x[tuple([_BACK if i in axis else _FULL for i in range(x.ndim)])]

    def top_places(self, x: Any, axis: int, count: int, largest: bool) -> Any:
        n = x.shape[axis]
        if x.size >= SMALL and x.dtype.char in "fdil" and 0 < count <= n // 2:
            rows = lines(x, axis)
            flat = chosen(rows, count, largest)
            if flat is not None:
                values = rows.reshape(-1).take(flat)
                order = self.argsort(values, axis=1, descending=largest, stable=True)
                flat = np.take_along_axis(flat, order, 1)
                return from_lines(flat - np.arange(0, rows.size, n)[:, None], x, axis)
        return super().top_places(x, axis, count, largest)

    def kth_place(self, x: Any, axis: int, k: int | None, nan: bool) -> Any:
        found = None
        if x.size >= SMALL and x.dtype.char in "fdil":
            rows = lines(x, axis)
            found = self._middle(rows) if k is None else self._kth(rows, k, nan)
        if found is None:
            return super().kth_place(x, axis, k, nan)
        return from_lines(found.reshape(-1, 1), x, axis)

    def _kth(self, rows: Any, k: int, nan: bool) -> Any:
        if nan and rows.dtype.kind == "f" and np.isnan(rows.max()):
            return None
        return self._of_rank(rows, np.partition(rows, k, axis=1)[:, k : k + 1], k)

    def _middle(self, rows: Any) -> Any:
        """Of those that are not nan."""
        n = rows.shape[1]
        if rows.dtype.kind != "f" or not np.isnan(rows.max()):
            return self._kth(rows, (n - 1) // 2, False)
        ranks = (np.count_nonzero(rows == rows, axis=1) - 1) // 2
        if len(rows) == 1 and ranks[0] >= 0:
            return self._kth(rows, int(ranks[0]), False)
        ordered = np.sort(rows, axis=1)
        return self._of_rank(rows, np.take_along_axis(ordered, ranks[:, None], axis=1), ranks)

    def _of_rank(self, rows: Any, bound: Any, k: Any) -> Any:
        """The places of numbers that are the k-th smallest; `None` if one is none."""
        count, n = rows.shape
        if np.isnan(bound).any():
            return None
        begin = np.arange(0, rows.size, n)
        flat = np.flatnonzero(rows == bound)
        if flat.size == count:
            return flat - begin
        # Of those that are equal, the one that comes as many places after the smaller ones.
        rank = k - np.count_nonzero(rows < bound, axis=1)
        return flat.take(np.searchsorted(flat, begin) + rank) - begin

    # -- running along an axis

    def cumulative_sum(
        self, x: Any, /, *, axis: Any = None, dtype: Any = None, include_initial: bool = False
    ) -> Any:
        if include_initial:
            return self.module.cumulative_sum(x, axis=axis, dtype=dtype, include_initial=True)
        if x.size >= kernels.LARGE and dtype is None and axis is not None and x.dtype.kind == "f":
            return self._running(x, axis % x.ndim, "running_sums", np.add)
        if x.dtype.char == "e" and dtype is None:  # too few digits for a sum
            return ordered(x.cumsum(axis, np.float32).astype(np.float16))
        out = x.cumsum(axis, dtype)
        if x.dtype.kind in "fc":
            out = out + 0  # sums that begin with 0, as PyTorch's do, are never -0
        return ordered(out)

    def cumulative_prod(
        self, x: Any, /, *, axis: Any = None, dtype: Any = None, include_initial: bool = False
    ) -> Any:
        if include_initial:
            return self.module.cumulative_prod(x, axis=axis, dtype=dtype, include_initial=True)
        if x.size >= kernels.LARGE and dtype is None and axis is not None and x.dtype.kind == "f":
            return self._running(x, axis % x.ndim, "running_products", np.multiply)
        return ordered(x.cumprod(axis, dtype))

    def _running(self, x: Any, axis: int, name: str, join: Any) -> Any:
        """What `join` makes of all elements so far."""
        found = kernels.compiled(name, x, axis)
        if found is not None:
            return found
        if x.dtype.char == "e":
            kind = np.float32 if join is np.add else None
            return ordered(join.accumulate(x, axis, kind).astype(np.float16, copy=False))
        found = running_sums(x, axis) if join is np.add else None
        return accumulated(join, x, axis) if found is None else found

    def carried_back(self, x: Any, factor: Any, axis: int) -> Any:
        if x.size >= kernels.LARGE:
            found = kernels.compiled("carried_back", x, factor, axis)
            if found is None and factor is None:
                found = running_sums(x, axis, back=True)
            if found is not None:
                return found
        if factor is None and x.dtype.char in "fdFD":
            back, out = (*(_FULL,) * axis, _BACK), np.empty(x.shape, x.dtype)
            accumulated(np.add, x[back], axis, out[back])
            return self.wrap(out)
        return ordered(super().carried_back(x, factor, axis))

    def running_places(self, x: Any, axis: int, largest: bool) -> Any:
        if x.size < SMALL or x.dtype.kind not in "fiu":
            return super().running_places(x, axis, largest)
        if x.size >= kernels.LARGE:
            found = kernels.compiled("running_places", x, axis, largest)
            if found is not None:
                return found
        extremum = accumulated(np.maximum if largest else np.minimum, x, axis)
        newer = x == extremum
        if x.dtype.kind == "f":
            newer = newer | np.isnan(x)
        form = tuple(-1 if i == axis else 1 for i in range(x.ndim))
        places = newer * np.arange(x.shape[axis]).reshape(form)
        return accumulated(np.maximum, places, axis)

    def running_logaddexp(self, x: Any, axis: int) -> Any:
        if x.dtype.char not in "fd":
            return super().running_logaddexp(x, axis)
        return accumulated(np.logaddexp, x, axis)


def accumulated(join: Any, x: Any, axis: int, out: Any = None) -> Any:
    """What a function makes of all elements so far: of slices at once where these are long."""
    if x.size <= WIDE * x.shape[axis] or axis == x.ndim - 1:
        found = join.accumulate(x, axis, None, out)
        return ordered(found) if out is None else out
    out = np.empty(x.shape, x.dtype) if out is None else out
    whole = (slice(None),) * axis
    out[(*whole, 0)] = x[(*whole, 0)]
    for k in range(1, x.shape[axis]):
        join(out[(*whole, k - 1)], x[(*whole, k)], out=out[(*whole, k)])
    return out
