"""What an index means, worked out with the standard's functions alone.

Most libraries index like NumPy and never come here. For the others, an index of any mixture
(integers, slices, ``...``, ``None``, integer and boolean arrays) becomes one integer array of
flat positions, computed on the device; reading is then a `take`, and writing and adding up need
no more than sorting.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from xpgrad import dtypes

if TYPE_CHECKING:
    from xpgrad.namespace import Array, Namespace


def as_tuple(index: Any) -> tuple[Any, ...]:
    """An index as the tuple of its parts."""
    return index if isinstance(index, tuple) else (index,)


def is_array(part: Any) -> bool:
    """Whether a part of an index is an array (or a list, which NumPy reads as one)."""
    return isinstance(part, list) or (hasattr(part, "shape") and hasattr(part, "dtype"))


def is_basic(index: Any) -> bool:
    """Whether an index holds only integers, slices, ``...`` and ``None``."""
    return not any(is_array(p) or isinstance(p, bool) for p in as_tuple(index))


def explicit(index: Any, shape: tuple[int, ...]) -> tuple[Any, ...]:
    """A basic index as the standard defines it: no bound outside of its dimension.

    Raises:
        IndexError: an integer out of range, or too many parts.
    """
    found: list[Any] = []
    dim = 0
    for part in _expanded(as_tuple(index), len(shape), lambda part: 1):
        if part is None:
            found.append(None)
        if part is None or part is Ellipsis:
            continue
        n = shape[dim]
        if isinstance(part, slice):
            start, stop, step = part.indices(n)
            if not range(start, stop, step):
                start, stop, step = 0, 0, 1
            found.append(slice(start, None if stop < 0 else stop, step))
        else:
            found.append(_within(part.__index__(), n, dim))
        dim += 1
    return (*found, ...)  # without the dots a single element would come as a copy


def flat_positions(xp: Namespace, shape: tuple[int, ...], index: Any) -> Array:
    """The row-major positions that ``[index]`` selects of an array of `shape`.

    The result has the shape that ``x[index]`` has in NumPy.

    Raises:
        IndexError: out of bounds, or masks and sizes that do not match.
    """
    wide = _position_type(xp)
    boolean = xp.native("bool")

    def takes(part: Any) -> int:  # how many dimensions
        return len(part.shape) if is_array(part) and part.dtype == boolean else 1

    parts = [
        xp.asarray(p, dtype=None if p else wide) if isinstance(p, list) else p
        for p in as_tuple(index)
    ]
    strides = [math.prod(shape[i + 1 :]) for i in range(len(shape))]
    # A slice or a new axis makes a run of its own in the result. Integers and arrays form the
    # block: they broadcast against each other.
    runs: list[tuple[int, Array | None]] = []  # place among the parts, positions
    block: list[tuple[int, Array]] = []
    dim = 0
    for place, part in enumerate(_expanded(tuple(parts), len(shape), takes)):
        if part is Ellipsis:
            continue
        if part is None:
            runs.append((place, None))
        elif isinstance(part, bool):
            block.append((place, xp.zeros((int(part),), dtype=wide)))
        elif isinstance(part, slice):
            chosen = xp.arange(*part.indices(shape[dim]), dtype=wide)
            runs.append((place, chosen * strides[dim]))
            dim += 1
        elif not is_array(part):
            chosen = _within(part.__index__(), shape[dim], dim) * strides[dim]
            block.append((place, xp.asarray(chosen, dtype=wide)))
            dim += 1
        elif part.dtype == boolean:
            width = len(part.shape)
            if width == 0:
                block.append((place, xp.zeros((int(bool(part)),), dtype=wide)))
                continue
            check_mask(tuple(part.shape), shape, dim)
            for offset, found in enumerate(xp.nonzero(part)):
                block.append((place, xp.astype(found, wide) * strides[dim + offset]))
            dim += width
        else:
            part = xp.astype(part, wide)
            check_bounds(xp, part, shape[dim], dim)
            part = xp.where(part < 0, part + shape[dim], part)
            block.append((place, part * strides[dim]))
            dim += 1
    # NumPy: a block whose parts stand side by side stays where it is; one with gaps goes first.
    places = sorted({place for place, _ in block})
    gaps = bool(places) and places[-1] - places[0] + 1 != len(places)
    front = places[0] if places and not gaps else 0
    together = broadcast_shape([tuple(b.shape) for _, b in block])
    before = sum(place < front for place, _ in runs)
    rank = len(runs) + len(together)
    total = xp.zeros((1,) * rank, dtype=wide)
    for _, part in block:
        form = (1,) * (before + len(together) - len(part.shape)) + tuple(part.shape)
        total = total + xp.reshape(part, form + (1,) * (rank - len(form)))
    for i, (_, run) in enumerate(runs):
        if run is not None:
            axis = i if i < before else i + len(together)
            total = total + xp.reshape(run, (1,) * axis + run.shape + (1,) * (rank - axis - 1))
    return total


def along(
    xp: Any,
    indices: Array,
    shape: tuple[int, ...],
    axis: int,
    first: Any = None,
    positive: bool = False,
) -> Array:
    """The row-major positions in `shape` of what `indices` picks along an axis.

    Other axes of length 1 in `shape` are stretched to those of `indices`, and the other way round.

    Args:
        first: how many elements along each of the other axes it is about, if not all.
        positive: whether all `indices` are known to count from the start.
    """
    rank = len(shape)
    strides = [math.prod(shape[i + 1 :]) for i in range(rank)]
    total = indices
    if not positive:
        total = indices + shape[axis] * xp.astype(indices < 0, indices.dtype)
    if strides[axis] != 1:
        total = total * strides[axis]
    for i, n in enumerate(shape if first is None else first):
        if i != axis and n != 1:
            form = tuple(n if j == i else 1 for j in range(rank))
            total = total + xp.reshape(xp.arange(n, dtype=total.dtype) * strides[i], form)
    return total


def layout(
    boolean: Any, parts: tuple[Any, ...], shape: tuple[int, ...]
) -> tuple[int, int, int, bool]:
    """Where the dimensions of ``x[parts]`` come from, for an `x` of some shape.

    Args:
        boolean: the dtype of masks.

    Returns:
        The number of dimensions before those of arrays and integers, of these, and after them; and
        whether they come first because something stands between them.
    """

    def is_mask(part: Any) -> bool:
        return hasattr(part, "dtype") and bool(part.dtype == boolean)

    runs: list[int] = []
    block: list[int] = []
    rank = 0
    takes = lambda part: len(part.shape) if is_mask(part) else 1
    for place, part in enumerate(_expanded(parts, len(shape), takes)):
        if part is None or isinstance(part, slice):
            runs.append(place)
        elif part is not Ellipsis:
            block.append(place)
            if isinstance(part, bool) or is_mask(part):
                rank = max(rank, 1)
            elif is_array(part):
                rank = max(rank, len(part.shape) if hasattr(part, "shape") else _depth(part))
    first = bool(block) and block[-1] - block[0] + 1 != len(block)
    before = 0 if first or not block else sum(place < block[0] for place in runs)
    return before, rank, len(runs) - before, first


def _depth(part: Any) -> int:
    """How deep lists are nested."""
    return 1 + _depth(part[0]) if isinstance(part, list) and part else int(isinstance(part, list))


def _expanded(parts: tuple[Any, ...], ndim: int, takes: Any) -> tuple[Any, ...]:
    """The parts of an index with ``...`` and the dimensions left out as full slices, after it."""
    dots = [i for i, p in enumerate(parts) if p is Ellipsis]
    if len(dots) > 1:
        raise IndexError("an index can only have a single ellipsis ('...')")
    used = sum(0 if p is None or isinstance(p, bool) or p is Ellipsis else takes(p) for p in parts)
    if used > ndim:
        raise IndexError(f"too many indices for tensor of dimension {ndim}")
    at = dots[0] if dots else len(parts)
    # Even where ``...`` stands for nothing, it parts what is before it from what follows.
    return parts[: at + 1] + (slice(None),) * (ndim - used) + parts[at + 1 :]


def _within(i: int, length: int, dim: int) -> int:
    """An integer index counted from the start."""
    if not -length <= i < length:
        raise out_of_bounds(i, dim, length)
    return i % length


def out_of_bounds(i: int, dim: int, length: int) -> IndexError:
    """PyTorch's words for an index that is not there."""
    return IndexError(f"index {i} is out of bounds for dimension {dim} with size {length}")


def check_bounds(xp: Namespace, positions: Array, length: int, dim: int) -> None:
    """Check that integer positions lie within a dimension, where the host can know.

    Raises:
        IndexError: naming one that does not.
    """
    low, high = xp.bounds(positions) or (0, -1)
    if low < -length or high >= length:
        host = xp.to_host(positions).reshape(-1)
        culprit = next(int(i) for i in host if not -length <= i < length)
        raise out_of_bounds(culprit, dim, length)


def check_mask(mask: tuple[int, ...], shape: tuple[int, ...], dim: int) -> None:
    """Check that a mask of this shape fits at a dimension.

    Raises:
        IndexError: in PyTorch's words.
    """
    for i, n in enumerate(mask):
        if dim + i >= len(shape) or shape[dim + i] != n:
            raise IndexError(
                f"The shape of the mask {list(mask)} at index {i} does not match the shape of the "
                f"indexed tensor {list(shape)} at index {dim + i}"
            )


def broadcast_shape(shapes: list[tuple[int, ...]]) -> tuple[int, ...]:
    """The shape that index arrays of these shapes have together.

    Raises:
        IndexError: where there is none.
    """
    rank = max(map(len, shapes), default=0)
    found = [1] * rank
    for shape in shapes:
        for axis, n in enumerate(shape, rank - len(shape)):
            if n != found[axis] and 1 not in (n, found[axis]):
                listed = ", ".join(str(list(s)) for s in shapes)
                raise IndexError(
                    "shape mismatch: indexing tensors could not be broadcast together with shapes "
                    + listed
                )
            found[axis] = n if found[axis] == 1 else found[axis]
    return tuple(found)


def _position_type(xp: Namespace) -> Any:
    return xp.natives.get(dtypes.int64) or xp.natives[dtypes.int32]


def result_shape(xp: Namespace, shape: tuple[int, ...], arrays: tuple[Any, ...]) -> tuple[int, ...]:
    """The shape of ``x[arrays]``, for full slices and arrays; only masks are looked into."""
    boolean = xp.native("bool")
    rest: list[int] = []
    block: list[tuple[int, ...]] = []
    places: list[int] = []
    dim = 0
    for place, part in enumerate(arrays):
        if isinstance(part, slice):
            rest.append(shape[dim])
            dim += 1
            continue
        places.append(place)
        if part.dtype == boolean:
            check_mask(tuple(part.shape), shape, dim)
            block.append((int(xp.count_nonzero(part)),))
            dim += len(part.shape)
        else:
            block.append(tuple(part.shape))
            dim += 1
    gaps = places[-1] - places[0] + 1 != len(places)
    front = 0 if gaps else places[0]
    return (*rest[:front], *broadcast_shape(block), *rest[front:], *shape[dim:])


# ------------------------------------------------------------------ writing by sorting


def summed(xp: Namespace, places: Array, values: Array, size: int) -> Array:
    """Sum 1-D `values` into `size` cells by position."""
    count = values.shape[0]
    if count == 0 or size == 0:
        return xp.zeros((size,), dtype=values.dtype)
    # Running sums would lose digits to cancellation. Instead, sort by position and add to each
    # value the one 1, 2, 4, ... places further on if it belongs to the same cell: then the first
    # of each cell holds the sum of all.
    order = xp.argsort(places, stable=True)
    places, values = xp.take(places, order, axis=0), xp.take(values, order, axis=0)
    step = 1
    while step < count:
        same = places[step:] == places[:-step]
        added = xp.where(same, values[step:], xp.zeros_like(values[step:]))
        rest = xp.zeros((step,), dtype=values.dtype)
        values = values + xp.concat([added, rest], axis=0)
        step *= 2
    cells = xp.arange(size, dtype=places.dtype)
    first = xp.searchsorted(places, cells, side="left")
    first = xp.clip(first, max=count - 1)
    here = xp.take(places, first, axis=0) == cells
    found = xp.take(values, first, axis=0)
    return xp.where(here, found, xp.zeros_like(found))


def written(xp: Namespace, flat: Array, places: Array, values: Array) -> Array:
    """A copy of 1-D `flat` with `values` at some positions; the last value for one wins."""
    count, size = values.shape[0], flat.shape[0]
    if count == 0 or size == 0:
        return flat
    order = xp.argsort(places, stable=True)
    places = xp.take(places, order, axis=0)
    cells = xp.arange(size, dtype=places.dtype)
    last = xp.clip(xp.searchsorted(places, cells, side="right") - 1, min=0)
    here = xp.take(places, last, axis=0) == cells
    return xp.where(here, xp.take(values, xp.take(order, last, axis=0), axis=0), flat)


# ------------------------------------------------------------------ reading in steps


def strided_positions(
    xp: Any,
    have: tuple[int, ...],
    shape: tuple[int, ...],
    strides: tuple[int, ...],
    offset: int,
    own: tuple[int, ...] | None = None,
) -> Array:
    """The row-major positions, in an array of shape `have`, that steps over its memory lead to.

    Args:
        own: its own steps in that memory, if they are not those of row-major order.
    """
    places = _steps(xp, shape, strides) + offset
    if own is None:
        return places
    mine = xp.reshape(_steps(xp, have, own), (math.prod(have),))
    order = xp.argsort(mine)
    flat = xp.reshape(places, (math.prod(shape),))
    found = xp.searchsorted(xp.take(mine, order, axis=0), flat, side="left")
    return xp.reshape(xp.take(order, found, axis=0), shape)


def _steps(xp: Any, shape: tuple[int, ...], strides: tuple[int, ...]) -> Array:
    """How far each element lies from the first."""
    rank = len(shape)
    total = xp.reshape(xp.arange(1), (1,) * rank)
    for i, (n, step) in enumerate(zip(shape, strides, strict=True)):
        form = (1,) * i + (n,) + (1,) * (rank - i - 1)
        total = total + xp.reshape(xp.arange(n) * step, form)
    return xp.broadcast_to(total, shape)


def combined(xp: Any, flat: Array, places: Array, values: Array, combine: Any) -> Array:
    """1-D `flat` with the 1-D `values` combined into it at positions, which may be repeated."""
    count, size = values.shape[0], flat.shape[0]
    if count == 0 or size == 0:
        return flat
    # As in `summed`: after sorting, the first of each cell combines all of them.
    order = xp.argsort(places, stable=True)
    places, values = xp.take(places, order, axis=0), xp.take(values, order, axis=0)
    step = 1
    while step < count:
        same = places[step:] == places[:-step]
        joined = xp.where(same, combine(values[:-step], values[step:]), values[:-step])
        values = xp.concat([joined, values[-step:]], axis=0)
        step *= 2
    cells = xp.arange(size, dtype=places.dtype)
    first = xp.clip(xp.searchsorted(places, cells, side="left"), max=count - 1)
    here = xp.take(places, first, axis=0) == cells
    return xp.where(here, combine(flat, xp.take(values, first, axis=0)), flat)
