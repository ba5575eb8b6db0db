"""One op on a batch: what the rules of vmap work with."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from xpgrad.backward import tensor_namespace
from xpgrad.errors import GradientError
from xpgrad.func.wrapped import Wrapped, WrappedNamespace, lowered
from xpgrad.tensor import Tensor

if TYPE_CHECKING:
    from xpgrad.func.batched import BatchedNamespace
    from xpgrad.op import Op


class Batched(Wrapped):
    """A Tensor whose first dimension counts examples; or one that all examples share."""

    __slots__ = ("batched",)

    def __init__(self, ns: WrappedNamespace, value: Tensor, batched: bool) -> None:
        self.ns, self.value, self.batched = ns, value, batched
        shape = value._data.shape
        self.shape, self.dtype = shape[1:] if batched else shape, value._data.dtype


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


def batched_index(settings: Any) -> bool:
    """Whether an index among the settings differs between examples."""
    if isinstance(settings, Batched):
        return settings.batched
    if type(settings) is dict:
        return any(map(batched_index, settings.values()))
    return type(settings) in (tuple, list) and any(map(batched_index, settings))


def behind(settings: dict[str, Any], rank: int) -> dict[str, Any] | None:
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


def DECOMPOSED(call: Call, **settings: Any) -> Any:
    """Stands for: run the forward on batches."""
    raise NotImplementedError
