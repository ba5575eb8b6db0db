"""Batches: arrays with a dimension that functions do not see.

The batch dimension of a `Batched` always comes first in the Tensor below. An op runs once, on whole
batches:

* an elementwise op lines its inputs up behind the batch dimension,
* an op on stacks of matrices (its ``stacks``) takes the batch for one more stack,
* an op with an ``axis`` (or ``axes``, ``axis1``, …) takes the one behind,
* for the others `BATCHED` says how; where it says `DECOMPOSED`, the op's own forward runs on
  batches, so that what it is made of has a batched form,
* what is left (nothing that xpgrad has) runs once for each example, and warns.
"""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from xpgrad import indexing
from xpgrad.backward import tensor_namespace
from xpgrad.errors import GradientError
from xpgrad.func.levels import Draws, Level, Wrapped, WrappedNamespace, lowered
from xpgrad.func.networks import NETWORKS
from xpgrad.func.spatial import SPATIAL
from xpgrad.tensor import Tensor, wrap

if TYPE_CHECKING:
    from xpgrad.op import Op


class Batched(Wrapped):
    """A Tensor whose first dimension counts examples; or one that all examples share."""

    __slots__ = ("batched",)

    def __init__(self, ns: WrappedNamespace, value: Tensor, batched: bool) -> None:
        self.ns, self.value, self.batched = ns, value, batched
        shape = value._data.shape
        self.shape, self.dtype = shape[1:] if batched else shape, value._data.dtype


class BatchedNamespace(WrappedNamespace):
    """A library whose arrays may have a batch dimension."""

    array_type = Batched
    level: BatchLevel

    def constant(self, t: Tensor) -> Batched:
        """A Tensor that all examples share."""
        return Batched(self, t, False)

    def run(self, op: Op, arrays: Any, settings: dict[str, Any]) -> Any:
        """The op below, on whole batches."""
        batched = [type(a) is Batched and a.batched for a in arrays]
        indexed = "index" in settings
        if True not in batched and not (indexed and _batched_index(settings["index"])):
            values = [a.value if type(a) is Batched else a for a in arrays]
            with self.level.lowered():
                if indexed:
                    settings = lowered(settings, self)
                return self._made(op.call(*values, **settings), False)
        rule = BATCHED.get(op.name)
        if rule is DECOMPOSED:
            return op.forward(self, *arrays, **settings)
        call = Call(self, op, arrays, batched)
        with self.level.lowered():
            if rule is not None:
                return self._made(rule(call, **settings), True)
            if op.elementwise:
                return self._made(call.elementwise(**settings), True)
            if op.stacks is not None:
                return self._made(call.stacked(op.stacks, **settings), True)
            if len(arrays) == 1 and not op.variadic:
                shifted = _behind(settings, len(arrays[0].shape))
                if shifted is not None:
                    return self._made(op.call(call.values[0], **shifted), True)
            return self._made(call.one_by_one(settings), True)

    def _made(self, out: Any, batched: bool) -> Any:
        if isinstance(out, tuple):
            return tuple(Batched(self, o, batched) for o in out)
        return Batched(self, out, batched)

    def through(self, x: Any, function: Callable[[Tensor], Tensor]) -> Batched:
        """The whole batch through a function."""
        return Batched(self, function(x.value), x.batched)

    def severed(self, x: Any) -> Batched:
        """The batch without a history."""
        return Batched(self, x.value.detach(), x.batched)

    def captured(self) -> GradientError:
        """In PyTorch's words."""
        return GradientError(
            "vmap: inplace arithmetic(self, *extra_args) is not possible because there exists a "
            "Tensor `other` in extra_args that has more elements than `self`. This happened due to "
            "`other` being vmapped over but `self` not being vmapped over in a vmap. Please try to "
            "use out-of-place operators instead of inplace arithmetic, or pass `self` to the "
            "function that is mapped."
        )

    def draws(self, source: Any) -> Draws:
        """Random numbers, if they were allowed: for all examples together or for each.

        Raises:
            GradientError: where randomness is an error.
        """
        if self.level.randomness == "error":
            raise GradientError(RANDOM)
        return (BatchedDraws if self.level.randomness == "different" else Draws)(self, source)

    def number(self, x: Wrapped, what: str) -> Any:
        """A number that all examples share.

        Raises:
            GradientError: in PyTorch's words, where each example has its own.
        """
        assert isinstance(x, Batched)
        if x.batched and what == "bool":
            raise GradientError(
                "vmap: It looks like you're attempting to use a Tensor in some data-dependent "
                "control flow. We don't support that yet; use xpgrad.where to choose between "
                "values that both exist."
            )
        if x.batched:
            raise GradientError(
                "vmap: It looks like you're calling .item() on a Tensor. We don't support vmap "
                "over calling .item() on a Tensor, please try to rewrite what you're doing with "
                "other operations."
            )
        return bool(x.value) if what == "bool" else x.value.item()

    def to_host(self, x: Any) -> Any:
        """The values, where all examples share them.

        Raises:
            GradientError: where each example has its own.
        """
        if x.batched:
            raise GradientError(
                "vmap: Cannot access data pointer of Tensor that doesn't have storage: the values "
                "of a batch cannot leave xpgrad (numpy(), tolist(), DLPack) inside the function "
                "that is mapped; return it instead"
            )
        with self.level.lowered():
            return self.under.to_host(x.value._data)

    def show(self, x: Any) -> str:
        """How a Tensor around `x` is printed, as PyTorch does."""
        inner = "\n".join("    " + line for line in repr(x.value).splitlines())
        dim = "0" if x.batched else "None"
        return f"BatchedTensor(lvl={self.depth}, bdim={dim}, value=\n{inner}\n)"


class BatchedDraws(Draws):
    """Other random numbers for each example."""

    ns: BatchedNamespace

    def draw(self, what: str, *args: Any) -> Any:
        """Numbers for all examples."""
        size = self.ns.level.size
        if what == "permutation":
            rows = [wrap(self.under.permutation(*args), self.ns.under) for _ in range(size)]
            return Batched(self.ns, tensor_namespace(self.ns.under).stack(rows, axis=0), True)
        *first, shape, dtype = args
        drawn = getattr(self.under, what)(*first, (size, *shape), dtype)
        return Batched(self.ns, wrap(drawn, self.ns.under), True)


RANDOM = (
    "vmap: called random operation while in randomness error mode. Please either use the 'same' or "
    "'different' randomness flags on vmap or perform the randomness operation out of vmap"
)


class BatchLevel(Level):
    """Within it, Tensors may have a batch dimension of one size."""

    kind = "vmap"
    namespace = BatchedNamespace

    def __init__(self, size: int, randomness: str = "error") -> None:
        super().__init__()
        self.size = size
        self.randomness = randomness

    def make(self, t: Tensor, dim: int) -> Tensor:
        """A Tensor from outside as one of this level, whose dimension `dim` becomes the batch."""
        t = self.below(t)
        ns = self.over(t._ns.base)
        if dim:
            xp = tensor_namespace(t._ns)
            t = xp.moveaxis(t, dim, 0)
        return wrap(Batched(ns, t, True), ns)

    def taken(self, t: Tensor, dim: int | None, name: str) -> Tensor:
        """A result without the level: with the batch at `dim`, shared results repeated there."""
        data = t._data
        if not (isinstance(data, Batched) and data.ns.level is self):
            value, batched = self.below(t), False
        else:
            value, batched = data.value, data.batched
        if dim is None:
            if batched:
                raise ValueError(
                    f"vmap({name}, ...): `{name}` can not return a BatchedTensor when out_dim is "
                    "None"
                )
            return value
        xp = tensor_namespace(value._ns)
        if not batched:
            value = xp.broadcast_to(xp.expand_dims(value, axis=0), (self.size, *value.shape))
        return value if dim == 0 else xp.moveaxis(value, 0, dim)


# ------------------------------------------------------------------ one call


class Call:
    """One op on a batch: what its rule works with. All Tensors are of the level below."""

    def __init__(
        self, ns: BatchedNamespace, op: Op, arrays: Sequence[Any], batched: list[bool]
    ) -> None:
        self.ns, self.op, self.batched = ns, op, batched
        self.size = ns.level.size
        # As the function sees them.
        self.shapes: list[tuple[int, ...]] = [getattr(a, "shape", ()) for a in arrays]
        self.values = [a.value if type(a) is Batched else a for a in arrays]
        self.xp = tensor_namespace(ns.under)

    def __call__(self, *values: Any, **settings: Any) -> Any:
        """The op, below."""
        if "index" in settings:
            settings = lowered(settings, self.ns)
        return self.op.call(*values, **settings)

    def front(self, i: int, rank: int | None = None) -> Any:
        """An input with its batch dimension, of length 1 if it has none, and `rank` behind it."""
        x, shape = self.values[i], self.shapes[i]
        if not isinstance(x, Tensor):
            return x
        wide = (1,) * ((rank or 0) - len(shape)) + tuple(shape)
        lead = self.size if self.batched[i] else 1
        form = (lead, *wide)
        return x if tuple(x.shape) == form else self.xp.reshape(x, form)

    def whole(self, i: int) -> Any:
        """An input with a batch dimension of full size."""
        x = self.front(i)
        if not isinstance(x, Tensor) or self.batched[i]:
            return x
        return self.xp.broadcast_to(x, (self.size, *self.shapes[i]))

    def elementwise(self, **settings: Any) -> Any:
        """The op on inputs that are lined up behind the batch dimension."""
        shapes = self.shapes
        if len(shapes) == 1:
            return self.op.call(self.values[0], **settings)
        rank = max(map(len, shapes))
        values = self.values.copy()
        for i, batched in enumerate(self.batched):
            # What all examples share broadcasts as it is.
            if batched and len(shapes[i]) < rank:
                values[i] = self.front(i, rank)
        return self.op.call(*values, **settings)

    def stacked(self, own: Sequence[int], **settings: Any) -> Any:
        """The op on stacks, of which the batch is the first dimension."""
        rank = max(len(s) - n for s, n in zip(self.shapes, own, strict=True))
        values = self.values.copy()
        for i, batched in enumerate(self.batched):
            if batched:
                values[i] = self.front(i, rank + own[i])
        return self.op.call(*values, **settings)

    def one_by_one(self, settings: dict[str, Any]) -> Any:
        """The op once for each example, slowly.

        Warns:
            UserWarning: once for each op.
        """
        if self.op.name not in _slow:
            warnings.warn(
                "There is a performance drop because we have not yet implemented the batching rule "
                f"for xpgrad.{self.op.name}: it runs once for each example. Please file us an "
                "issue so that we can prioritize its implementation.",
                UserWarning,
                stacklevel=_outside(),
            )
            _slow.add(self.op.name)
        rows = []
        for n in range(self.size):
            given = [
                self.xp.getitem(x, (n, ...)) if b else x
                for x, b in zip(self.values, self.batched, strict=True)
            ]
            rows.append(self.op.call(*given, **_of_example(settings, n)))
        if not rows:
            raise GradientError(
                f"vmap: {self.op.name} runs once for each example, so that its result has no shape "
                "where there are none"
            )
        if isinstance(rows[0], tuple):
            return tuple(self.xp.stack(list(column), axis=0) for column in zip(*rows, strict=True))
        return self.xp.stack(rows, axis=0)


_slow: set[str] = set()  # ops without a batched form that somebody was told about


def _outside() -> int:
    """How many frames up the caller is whom this package is called by."""
    depth, frame = 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("xpgrad."):
        depth, frame = depth + 1, frame.f_back
    return depth


def _of_example(settings: Any, n: int) -> Any:
    """Settings with each batched index array as one example has it."""
    if isinstance(settings, Batched):
        value = settings.value
        return (
            tensor_namespace(value._ns).getitem(value, (n, ...))._data
            if settings.batched
            else value._data
        )
    if type(settings) in (tuple, list):
        return type(settings)(_of_example(s, n) for s in settings)
    if type(settings) is dict:
        return {k: _of_example(v, n) for k, v in settings.items()}
    return settings


def _batched_index(settings: Any) -> bool:
    """Whether an index among the settings differs between examples."""
    if isinstance(settings, Batched):
        return settings.batched
    if type(settings) is dict:
        return any(map(_batched_index, settings.values()))
    return type(settings) in (tuple, list) and any(map(_batched_index, settings))


def _behind(settings: dict[str, Any], rank: int) -> dict[str, Any] | None:
    """Settings whose axes count the batch dimension; `None` where no axis is among them."""
    names = [name for name in ("axis", "axes", "axis1", "axis2") if name in settings]
    if not names:
        return None
    shifted = dict(settings)
    for name in names:
        axis = settings[name]
        if axis is None:
            shifted[name] = tuple(range(1, rank + 1))
        elif isinstance(axis, tuple):
            shifted[name] = tuple(a + 1 for a in axis)
        else:
            shifted[name] = axis + 1
    return shifted


# ------------------------------------------------------------------ ops that need a rule


def DECOMPOSED(call: Call, **settings: Any) -> Any:
    """Stands for: run the forward on batches."""
    raise NotImplementedError


def _reduction(call: Call, axis: Any = None, **settings: Any) -> Any:
    (shape,) = call.shapes
    axes = _behind({"axis": axis}, len(shape))
    assert axes is not None
    return call(call.values[0], **axes, **settings)


def _single(call: Call, axis: Any = None, keepdims: bool = False) -> Any:
    """A position: along an axis, or in the flattened array, where it has no tuple of axes."""
    (x,), (shape,) = call.values, call.shapes
    if axis is not None:
        return call(x, axis=axis + 1, keepdims=keepdims)
    out = call(call.xp.reshape(x, (call.size, math.prod(shape))), axis=1)
    return call.xp.reshape(out, (call.size, *(1,) * len(shape))) if keepdims else out


def _reshape(call: Call, shape: Any) -> Any:
    return call(call.values[0], shape=(call.size, *shape))


def _broadcast_to(call: Call, shape: Any) -> Any:
    return call(call.front(0, len(shape)), shape=(call.size, *shape))


def _permute(call: Call, axes: Any) -> Any:
    return call(call.values[0], axes=(0, *(a + 1 for a in axes)))


def _expand_dims(call: Call, axis: int) -> Any:
    rank = len(call.shapes[0])
    return call(call.values[0], axis=axis + 1 if axis >= 0 else axis + rank + 2)


def _as_it_is(call: Call, **settings: Any) -> Any:
    """For what works on the last axes alone."""
    return call(call.values[0], **settings)


def _squeeze(call: Call, axis: Any) -> Any:
    axes = axis if isinstance(axis, tuple) else (axis,)
    rank = len(call.shapes[0])
    return call(call.values[0], axis=tuple(a % rank + 1 for a in axes) if axes else axes)


def _roll(call: Call, shift: Any, axis: Any = None) -> Any:
    (x,), (shape,) = call.values, call.shapes
    if axis is None:
        flat = call.xp.reshape(x, (call.size, math.prod(shape)))
        return call.xp.reshape(call(flat, shift=shift, axis=1), (call.size, *shape))
    return call(x, shift=shift, **_behind({"axis": axis}, len(shape)) or {})


def _tile(call: Call, repetitions: Any) -> Any:
    x = call.front(0, len(repetitions))
    lead = (1,) * (len(x.shape) - len(repetitions))
    return call(x, repetitions=(*lead, *repetitions))


def _repeat(call: Call, axis: int) -> Any:
    x, repeats = call.values
    if call.batched[1]:  # which has a result only if all examples happen to be as long
        return call.one_by_one({"axis": axis})
    return call(x, repeats, axis=axis + 1)


def _join(call: Call, axis: int) -> Any:
    return call(*(call.whole(i) for i in range(len(call.values))), axis=axis + 1)


def _matmul(call: Call) -> Any:
    """Matrices and vectors, each perhaps with a batch: one product of stacks, or of matrices."""
    xp, (x, y), (a, b) = call.xp, call.values, call.batched
    (p, q) = (len(s) for s in call.shapes)
    if a and not b and q <= 2 and p >= 1:  # the batch is more rows of x
        return xp.matmul(x, y)
    if b and not a and q == 1 and p == 2:  # or of y
        return xp.matmul(y, xp.matrix_transpose(x))
    rank = max(p, q, 2)
    left = call.front(0, 0 if p < 2 else rank)
    right = call.front(1, 0 if q < 2 else rank)
    if p < 2:
        left = xp.reshape(left, (left.shape[0], *(1,) * (rank - 1), left.shape[-1]))
    if q < 2:
        right = xp.reshape(right, (right.shape[0], *(1,) * (rank - 2), right.shape[-1], 1))
    out = xp.matmul(left, right)
    if q < 2:
        out = xp.squeeze(out, axis=-1)
    if p < 2:
        out = xp.squeeze(out, axis=-1 if q < 2 else -2)
    return out


def _vecdot(call: Call, axis: int) -> Any:
    rank = max(len(s) for s in call.shapes)
    return call(call.front(0, rank), call.front(1, rank), axis=axis)


def _linear(call: Call) -> Any:
    xp, (x, weight, bias) = call.xp, call.values
    if not any(call.batched[1:]):
        return call(x, weight, bias)
    rank = len(call.shapes[0])
    if call.batched[1]:
        if rank == 1:
            x = call.front(0, 2)
        else:
            x = call.front(0)
        w = xp.matrix_transpose(weight)
        if rank > 2:
            w = xp.reshape(w, (call.size, *(1,) * (rank - 2), *w.shape[1:]))
        out = xp.matmul(x, w)
        if rank == 1:
            out = xp.squeeze(out, axis=1)
    else:
        out = call(x, weight, None)
        if not call.batched[0]:
            out = xp.expand_dims(out, axis=0)
    if bias is None:
        return out
    if call.batched[2]:
        bias = call.front(2, max(rank, 1))
    return out + bias


def _reduced_loss(call: Call, reduction: str = "mean", **settings: Any) -> Any:
    """The terms of all examples, and then each example's sum or mean."""
    out = call.elementwise(reduction="none", **settings)
    rank = max(len(s) for s in call.shapes)
    if reduction == "none":
        return out
    reduce = call.xp.mean if reduction == "mean" else call.xp.sum
    return reduce(out, axis=tuple(range(1, rank + 1)))


def _nll(call: Call, reduction: str = "mean") -> Any:
    """All rows of all examples at once."""
    xp = call.xp
    (rows, classes), size = call.shapes[0], call.size
    x = xp.reshape(call.whole(0), (size * rows, classes))
    target = xp.reshape(call.whole(1), (size * rows,))
    weight = call.whole(2)
    flat = None if weight is None else xp.reshape(weight, (size * rows,))
    out = xp.reshape(call(x, target, flat, reduction="none"), (size, rows))
    if reduction == "none":
        return out
    total = xp.sum(out, axis=1)
    if reduction == "sum":
        return total
    return total / (rows if weight is None else xp.sum(weight, axis=1))


def _embedding(call: Call, padding_idx: Any = None, by_frequency: bool = False) -> Any:
    xp, (_, indices) = call.xp, call.values
    if not call.batched[0] and not by_frequency:
        return call(call.values[0], indices, padding_idx=padding_idx)
    # The tables of all examples below one another; each example starts at its own first row.
    # Frequencies are those in one example, so that each has a table even where all share one.
    rows, width = call.shapes[0]
    places = _wide(call, 1, rows)
    places = places + _offsets(call, rows, len(call.shapes[1]), places.dtype)
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


def _offsets(call: Call, stride: int, rank: int, dtype: Any) -> Any:
    """Where each example begins among all: (size, 1, …)."""
    first = call.xp.arange(call.size, dtype=dtype) * stride
    return call.xp.reshape(first, (call.size, *(1,) * rank))


# ------------------------------------------------------------------ reading and writing by index
#
# In NumPy's terms the arrays of an index form a block: its dimensions stand in the result where the
# arrays stand in the index, or first if something parts them. A batch joins either as one more
# slice, ahead of an index that all examples share, or as one more dimension of the block.


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
        self.shared = not _batched_index(parts)
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


def _masked_fill(call: Call) -> Any:
    """As `where`, whose inputs line up."""
    xp = call.xp
    rank = max(len(s) for s in call.shapes[:2])
    x, mask, value = (call.front(i, rank) for i in range(3))
    if isinstance(value, Tensor) and value._data.dtype != x._data.dtype:
        value = xp.astype(value, x.dtype)
    if not call.batched[0]:
        x = xp.broadcast_to(x, (call.size, *x.shape[1:]))
    if isinstance(value, Tensor):
        return xp.where(mask, value, x)
    return call(x, mask, value)


def _copy(call: Call) -> Any:
    rank = len(call.shapes[0])
    return call(call.whole(0), call.front(1, rank))


def _searchsorted(call: Call, side: str = "left") -> Any:
    """Positions counted by comparing: each batch has boundaries of its own."""
    xp, (x1, x2, sorter) = call.xp, call.values
    if sorter is not None:
        x1 = xp.take_along_axis(call.whole(0), call.whole(2), axis=1)
    else:
        x1 = call.front(0)
    x1 = xp.reshape(x1, (x1.shape[0], *(1,) * len(call.shapes[1]), x1.shape[-1]))
    x2 = xp.expand_dims(call.front(1), axis=-1)
    below = x1 < x2 if side == "left" else x1 <= x2
    return xp.sum(xp.astype(below, xp.arange(0).dtype), axis=-1)


def _reduce_at(call: Call, **settings: Any) -> Any:
    """Flat places within each example as places among all."""
    places = call.whole(2)
    count = math.prod(call.shapes[0])
    places = places + _offsets(call, count, len(call.shapes[2]), places.dtype)
    return call(call.whole(0), call.whole(1), places, **settings)


def _as_strided(call: Call, shape: Any, strides: Any, offset: int, own: Any = None) -> Any:
    (have,) = call.shapes
    apart = math.prod(have)  # how far examples lie from one another
    if own is not None:
        apart = 1 + sum((n - 1) * step for n, step in zip(have, own, strict=True))
        own = (apart, *own)
    shape, strides = (call.size, *shape), (apart, *strides)
    return call(call.values[0], shape=shape, strides=strides, offset=offset, own=own)


def _dynamic(call: Call, **settings: Any) -> Any:
    name = call.op.name.partition("_")[0]
    raise GradientError(
        "vmap: We do not support batching operators that can output dynamic shape. Attempted to "
        f"vmap over {name}, whose result has another size for each example; do it outside of vmap."
    )


BATCHED: dict[str, Callable[..., Any]] = {
    **dict.fromkeys(("sum", "mean", "var", "std", "prod", "max", "min", "all", "any"), _reduction),
    **dict.fromkeys(("count_nonzero", "logsumexp", "vector_norm", "flip"), _reduction),
    **dict.fromkeys(("argmax", "argmin"), _single),
    **dict.fromkeys(("matmul", "mm", "bmm", "mv", "dot"), _matmul),
    **dict.fromkeys(("concat", "stack"), _join),
    **dict.fromkeys(("tril", "triu", "matrix_transpose", "trace", "zero"), _as_it_is),
    **dict.fromkeys(("view_as_real", "view_as_complex"), _as_it_is),
    **dict.fromkeys(("mse_loss", "smooth_l1_loss", "huber_loss"), _reduced_loss),
    **dict.fromkeys(("binary_cross_entropy", "binary_cross_entropy_with_logits"), _reduced_loss),
    **dict.fromkeys(("getitem", "getview"), _getitem),
    **dict.fromkeys(("take_along_axis", "pick", "pick_shared"), _along),
    **dict.fromkeys(
        ("nonzero", "unique_all", "unique_counts", "unique_inverse", "unique_values"), _dynamic
    ),
    "reshape": _reshape,
    "broadcast_to": _broadcast_to,
    "permute_dims": _permute,
    "expand_dims": _expand_dims,
    "squeeze": _squeeze,
    "roll": _roll,
    "tile": _tile,
    "repeat": _repeat,
    "vecdot": _vecdot,
    "linear": _linear,
    "nll_loss": _nll,
    "embedding": _embedding,
    "index_add": _index_add,
    "index_put": _index_put,
    "take": _take,
    "scatter_add": _scatter_add,
    "masked_fill": _masked_fill,
    "copy": _copy,
    "copy_slices": DECOMPOSED,
    "cdist": DECOMPOSED,
    "reduce_at": _reduce_at,
    "as_strided": _as_strided,
    "searchsorted": _searchsorted,
    **NETWORKS,
    **SPATIAL,
}
