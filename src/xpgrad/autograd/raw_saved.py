"""Hooks on one saved value: ``grad_fn._raw_saved_self.register_hooks(pack, unpack)``.

A node whose value is hooked becomes one of the type that unpacks what it saved (`saved_tensors`);
its other values stay where they are.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import Any

from xpgrad.autograd.function import FunctionNode
from xpgrad.autograd.function import SavedTensor as Kept
from xpgrad.autograd.saved_tensors import (
    Pack,
    Packed,
    PackedTensor,
    PackedValues,
    Unpack,
    _packing,
)
from xpgrad.call import OpNode
from xpgrad.errors import GradientError
from xpgrad.graph import FREED, SECOND_BACKWARD, Node
from xpgrad.hooks import surround
from xpgrad.tensor import wrap
from xpgrad.versions import check_fresh

ALREADY = (
    "Calling register_hooks on a saved tensor whose hooks have already been set. Hint: only one "
    "pair of hooks is allowed at a time."
)
TOO_LATE = (
    "Calling register_hooks on a saved tensor after it has been freed. Saved intermediate values "
    "of the graph are freed when you call .backward() or autograd.grad(). Specify "
    "retain_graph=True if you need to backward through the graph a second time or if you need to "
    "access saved variables after calling backward."
)


class _Rest:
    """Looks like a node that saved those values alone that are not packed."""

    settings = None

    def __init__(self, node: OpNode, values: tuple[Any, ...]) -> None:
        self.ns, self.seq, self.edges = node.ns, node.seq, node.edges
        self.saved = tuple([None if isinstance(v, Packed) else v for v in values])


class PartlyPacked(PackedValues):
    """Stands where a node keeps raw values of which some are packed."""

    __slots__ = ("_node",)

    def __init__(self, values: tuple[Any, ...], node: OpNode) -> None:
        super().__init__(values, node.ns)
        self._node = weakref.ref(node)

    def __iter__(self) -> Iterator[Any]:
        node = self._node()
        if node is not None:
            rest: Any = _Rest(node, self.values)
            check_fresh(rest)
        return super().__iter__()


class SavedTensor:
    """One value that a node saved for backward: ``grad_fn._raw_saved_self`` and its like.

    >>> import xpgrad as xg
    >>> xg.ones(1, requires_grad=True).exp().grad_fn._raw_saved_result.data
    tensor([2.7183])
    """

    __slots__ = ("_node", "_place")

    _node: Any
    _place: int

    def __init__(self, *args: Any) -> None:
        raise GradientError("Trying to create a SavedTensor object from Python is forbidden.")

    @classmethod
    def of(cls, node: Node, place: int) -> SavedTensor:
        """That of a node at a place."""
        made: SavedTensor = object.__new__(cls)
        made._node, made._place = node, place
        return made

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SavedTensor):
            return NotImplemented
        return self._node is other._node and self._place == other._place

    def __hash__(self) -> int:
        return hash((id(self._node), self._place))

    def _value(self, message: str) -> Any:
        saved: Any = self._node.saved
        if saved is FREED:
            raise GradientError(message)
        return (saved.values if isinstance(saved, PackedValues) else saved)[self._place]

    @property
    def data(self) -> Any:
        """The value without history, or what the pack hook made of it."""
        value = self._value(SECOND_BACKWARD)
        if isinstance(value, Kept):
            return wrap(value.data, value.ns)
        packed = value.packed if isinstance(value, PackedTensor) else value
        return packed.what if isinstance(packed, Packed) else wrap(value, self._node.ns)

    @property
    def unpack_hook(self) -> Unpack | None:
        """The hook that makes the value again, if there is one."""
        value = self._value(SECOND_BACKWARD)
        packed = value.packed if isinstance(value, PackedTensor) else value
        return packed.unpack if isinstance(packed, Packed) else None

    def register_hooks(self, pack_hook: Pack, unpack_hook: Unpack) -> None:
        """Keep what `pack_hook` makes of this value; `unpack_hook` makes the value of it again.

        Both are what `saved_tensors_hooks` takes; `pack_hook` is called at once.

        Raises:
            TypeError: where a hook is not callable.
            GradientError: where there are hooks already, the value was freed, or `pack_hook`
                writes to it.

        >>> import xpgrad as xg
        >>> x = xg.tensor([1.0, 2.0], requires_grad=True)
        >>> y = x.square()
        >>> y.grad_fn._raw_saved_self.register_hooks(lambda t: t.numpy(), xg.tensor)
        >>> y.sum().backward(); x.grad
        tensor([2., 4.])
        """
        if not (callable(pack_hook) and callable(unpack_hook)):
            raise TypeError("register_hooks(): incompatible function arguments.")
        value = self._value(TOO_LATE)
        node, hooks = self._node, (pack_hook, unpack_hook)
        if isinstance(value, (Packed, PackedTensor)):
            raise GradientError(ALREADY)
        if isinstance(node, FunctionNode):
            kept = object.__new__(PackedTensor)
            kept.maker = value.maker
            kept.packed = Packed(wrap(value.data, value.ns), own=False, hooks=hooks)
            values = list(node.saved)
            values[self._place] = kept
            node.saved = tuple(values)
            return
        assert isinstance(node, OpNode)
        packed = Packed(wrap(value, node.ns), own=False, hooks=hooks)
        known = isinstance(node.saved, PackedValues)
        values = list(node.saved.values if known else node.saved)
        values[self._place] = packed
        node.saved = PartlyPacked(tuple(values), node)
        if not known:
            _unpack_from_now_on(node)


def _unpack_from_now_on(node: OpNode) -> None:
    kind = type(node)
    surrounded = "_surrounded" in vars(kind)
    node.__class__ = _packing(kind.__base__ if surrounded else kind)
    if surrounded:  # its hooks stay around it
        surround(node)


def _raw(name: str) -> property:
    def found(node: OpNode) -> SavedTensor:
        count = len(node.op.inputs)
        places = {"self": 0, "input": 0, "other": 1, "exponent": 1, "result": -1, "out": -1}
        places |= {n: i for i, n in enumerate(node.op.inputs)}
        place = places.get(name, count)
        saved: Any = node.saved
        values = saved.values if isinstance(saved, PackedValues) else saved
        there = place < count and values is not None
        if there and values is not FREED:
            value = values[place]
            there = isinstance(value, Packed) or type(value) is node.ns.array_type
        if not there:
            raise AttributeError(
                f"'{type(node).__name__}' object has no attribute '_raw_saved_{name}'"
            )
        return SavedTensor.of(node, place)

    return property(found)


def _of_function(node: FunctionNode) -> tuple[SavedTensor | None, ...]:
    if node.saved is FREED:
        raise GradientError(SECOND_BACKWARD)
    return tuple(None if s is None else SavedTensor.of(node, i) for i, s in enumerate(node.saved))


for _name in [name for name in vars(OpNode) if name.startswith("_saved_")]:
    setattr(OpNode, f"_raw{_name}", _raw(_name.removeprefix("_saved_")))
FunctionNode._raw_saved_tensors = property(_of_function)  # type: ignore[attr-defined]
