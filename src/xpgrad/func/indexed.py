"""Batches of ops that read and write by index.

In NumPy's terms the arrays of an index form a block: its dimensions stand in the result where the
arrays stand in the index, or first if something parts them. A batch joins either as one more
slice, ahead of an index that all examples share, or as one more dimension of the block.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from xpgrad import indexing
from xpgrad.errors import GradientError
from xpgrad.func.calls import Batched, Call, batched_index
from xpgrad.func.wrapped import lowered
from xpgrad.tensor import Tensor, wrap


class _Block:
    """An index of arrays, for whole batches.

    Attributes:
        index: the index below.
        shared: all examples have the same index.
        before, rank, after: the dimensions of what one example's index selects: those of slices
            on either side of the block, and those of the block itself.
        first: the block stands first although it does not in the index.
    """

    def __init__(self, call: Call, shape: Any, index: Any, own: bool) -> None:
        ns = call.ns
        boolean = ns.native("bool")
        parts = indexing.as_tuple(index)
        self.before, self.rank, self.after, self.first = indexing.layout(boolean, parts, shape)
        self.shared = not batched_index(parts)
        if self.shared:
            self.index = (slice(None), *lowered(parts, ns))
            return
        found: list[Any] = []
        if own:  # each example reads from its own
            examples = ns.base.arange(call.size)
            found.append(ns.base.reshape(examples, (call.size, *(1,) * self.rank)))
        for part in parts:
            if type(part) is Batched and part.batched:
                if part.dtype == boolean:
                    raise GradientError(_masked(call))
                wide = (1,) * (self.rank - len(part.shape))
                value = part.value
                if wide:
                    value = call.xp.reshape(value, (call.size, *wide, *part.shape))
                found.append(value._data)
            elif indexing.is_array(part) and getattr(part, "dtype", None) == boolean:
                mask = lowered(part, ns)
                found += [t._data for t in call.xp.nonzero(wrap(mask, ns.under))]
            else:
                found.append(lowered(part, ns))
        self.index = tuple(found)

    def read(self, call: Call, out: Any, own: bool) -> Any:
        """What the index selected, with its dimensions in order."""
        xp = call.xp
        if self.shared:
            return xp.moveaxis(out, self.rank, 0) if self.first else out
        if not own:
            return xp.moveaxis(out, self.before, 0) if self.before else out
        if not self.before or not self.rank:
            return out
        return xp.moveaxis(out, self._at(1), self._at(1 + self.before))

    def write(self, call: Call, i: int) -> Any:
        """An input as the index selects: the other way round."""
        values = call.values[i]
        if not isinstance(values, Tensor) or not (call.batched[i] or self.first or not self.shared):
            return values
        xp, values = call.xp, call.front(i, self.before + self.rank + self.after)
        if self.shared:
            return xp.moveaxis(values, 0, self.rank) if self.first else values
        if not self.before or not self.rank:
            return values
        return xp.moveaxis(values, self._at(1 + self.before), self._at(1))

    def _at(self, start: int) -> tuple[int, ...]:
        return tuple(range(start, start + self.rank))


def _masked(call: Call) -> str:
    """PyTorch's words where a mask would give each example a result of another size."""
    instead = "Use xpgrad.where, or multiply with the mask."
    if call.op.node_type.__name__ == "MaskedSelectBackward0":
        return (
            "vmap: Attempted to vmap over `mask` in xpgrad.masked_select(self, mask) We cannot "
            "support this because for each batch this would return a differently shaped Tensor. "
            + instead
        )
    return (
        "vmap: We do not support batching operators that can support dynamic shape. Attempting to "
        "batch over indexing with a boolean mask. " + instead
    )


def _getitem(call: Call, index: Any) -> Any:
    (shape,), (own,) = call.shapes, call.batched
    if indexing.is_basic(index):
        return call(call.values[0], index=(slice(None), *indexing.as_tuple(index)))
    block = _Block(call, shape, index, own)
    return block.read(call, call(call.values[0], index=block.index), own)


def _index_add(call: Call, shape: Any, index: Any) -> Any:
    if indexing.is_basic(index):
        index, values = (slice(None), *indexing.as_tuple(index)), call.whole(0)
    else:
        block = _Block(call, shape, index, True)
        index, values = block.index, block.write(call, 0)
        if not call.batched[0]:
            values = call.xp.broadcast_to(values, (call.size, *values.shape[1:]))
    return call(values, shape=(call.size, *shape), index=index)


def _index_put(call: Call, index: Any, accumulate: bool = False) -> Any:
    x, values, shape = call.whole(0), call.values[1], call.shapes[0]
    if indexing.is_basic(index):
        if call.batched[1]:
            before, _, after, _ = indexing.layout(None, indexing.as_tuple(index), shape)
            values = call.front(1, before + after)
        index = (slice(None), *indexing.as_tuple(index))
    else:
        block = _Block(call, shape, index, True)
        index, values = block.index, block.write(call, 1)
    return call(x, values, index=index, accumulate=accumulate)


def _take(call: Call, axis: int) -> Any:
    (x, indices), (own, different) = call.values, call.batched
    if not different:
        return call(x, indices, axis=axis + 1)
    if not own:
        return call.xp.moveaxis(call(x, indices, axis=axis), axis, 0)
    index = (*(slice(None),) * axis, Batched(call.ns, indices, True))
    block = _Block(call, call.shapes[0], index, True)
    return block.read(call, call.xp.getitem(x, block.index), True)


def _along(call: Call, axis: int, **settings: Any) -> Any:
    """Two inputs of one rank, both behind the batch."""
    return call(call.whole(0), call.whole(1), axis=axis + 1, **settings)


def _scatter_add(call: Call, shape: Any, axis: int) -> Any:
    return call(call.whole(0), call.whole(1), shape=(call.size, *shape), axis=axis + 1)


def _searchsorted(call: Call, side: str = "left") -> Any:
    """Each example has a line of its own, or several."""
    xp, sorter = call.xp, call.values[2] if len(call.values) > 2 else None
    x1, x2 = call.whole(0), call.whole(1)
    if sorter is not None:
        x1 = xp.take_along_axis(x1, call.whole(2), axis=1)
    if len(call.shapes[0]) > 1:
        return call(x1, x2, side=side)
    flat = xp.reshape(x2, (call.size, math.prod(call.shapes[1])))
    return xp.reshape(call(x1, flat, side=side), tuple(x2.shape))


def _reduce_at(call: Call, axis: int | None = None, **settings: Any) -> Any:
    """Flat places within each example as places among all."""
    if axis is not None:
        return call(call.whole(0), call.whole(1), call.whole(2), axis=axis + 1, **settings)
    places = call.whole(2)
    count = math.prod(call.shapes[0])
    places = places + offsets(call, count, len(call.shapes[2]), places.dtype)
    return call(call.whole(0), call.whole(1), places, **settings)


def _put(call: Call, accumulate: bool = False) -> Any:
    """As `_reduce_at`; positions may count from the end."""
    xp, count = call.xp, math.prod(call.shapes[0])
    places = call.whole(2)
    places = xp.where(places < 0, places + count, places)
    places = xp.reshape(places + offsets(call, count, 1, places.dtype), (-1,))
    values = xp.reshape(call.whole(1), (-1,))
    return call(call.whole(0), values, places, accumulate=accumulate)


def _embedding(call: Call, padding_idx: Any = None, by_frequency: bool = False) -> Any:
    xp, (_, indices) = call.xp, call.values
    if not call.batched[0] and not by_frequency:
        return call(call.values[0], indices, padding_idx=padding_idx)
    # The tables of all examples below one another; each example starts at its own first row.
    # Frequencies are those in one example, so that each has a table even where all share one.
    rows, width = call.shapes[0]
    places = _wide(call, 1, rows)
    places = places + offsets(call, rows, len(call.shapes[1]), places.dtype)
    flat = xp.reshape(call.whole(0), (call.size * rows, width))
    if padding_idx is not None:
        padding_idx %= rows
    return call(flat, places, padding_idx=padding_idx, by_frequency=by_frequency, rows=rows)


def _wide(call: Call, i: int, length: int) -> Any:
    """Positions counted from the start, checked, in a type that has room for those of a batch."""
    xp = call.xp
    places = xp.astype(call.values[i], xp.arange(0).dtype)
    indexing.check_bounds(places._ns, places._data, length, 0)
    return xp.where(places < 0, places + length, places)


def offsets(call: Call, stride: int, rank: int, dtype: Any) -> Any:
    """Where each example begins among all: (size, 1, …)."""
    first = call.xp.arange(call.size, dtype=dtype) * stride
    return call.xp.reshape(first, (call.size, *(1,) * rank))


INDEXED: dict[str, Callable[..., Any]] = {
    **dict.fromkeys(("getitem", "getview"), _getitem),
    **dict.fromkeys(("take_along_axis", "pick", "pick_shared"), _along),
    "embedding": _embedding,
    "index_add": _index_add,
    "index_put": _index_put,
    "take": _take,
    "scatter_add": _scatter_add,
    "put": _put,
    "reduce_at": _reduce_at,
    "searchsorted": _searchsorted,
}
