"""Hooks on what the graph saves: they see each value on its way in and give it back on its way out.

Saving is part of the call path, where every nanosecond counts, so hooks cost nothing while there
are none. While there are any, in whatever thread, the makers of nodes use other functions: `_new`
for nodes of ops, `_save` for `Function`, `_update` for writes in place. Where hooks hold, a node is
made of a subclass of its type that packs what it saved as soon as it is complete, and unpacks it
when a backward asks.
"""

from __future__ import annotations

import contextlib
import functools
import threading
import weakref
from collections.abc import Callable, Iterator
from types import ModuleType, TracebackType
from typing import Any

from xpgrad import backward, call, versions
from xpgrad.autograd import function
from xpgrad.autograd.function import FunctionNode, SavedTensor
from xpgrad.call import OpNode
from xpgrad.door import indexing, inplace
from xpgrad.errors import DeviceError, GradientError
from xpgrad.graph import AccumulateGrad, Node, Output
from xpgrad.mode import mode, no_grad
from xpgrad.namespace import Array, Namespace
from xpgrad.tensor import Tensor, wrap

__all__ = [
    "allow_mutation_on_saved_tensors", "disable_saved_tensors_hooks", "save_on_cpu",
    "saved_tensors_hooks",
]  # fmt: skip

PACK_WROTE = (
    "A saved tensor pack hook is modifying its input in place. Tensors provided as input to pack "
    "hook cannot be modified by in-place operations as this can lead to unexpected side-effects. "
    "Please open an issue if you need to perform in-place operations on the input to a pack hook."
)

Pack = Callable[[Tensor], Any]
Unpack = Callable[[Any], Tensor]


class _Local(threading.local):
    def __init__(self) -> None:
        self.hooks: list[tuple[Pack, Unpack]] = []  # the innermost, the last, is the one that holds
        self.disabled: str | None = None
        # The nodes of an in-place operation wait until it has written: see `_update`.
        self.waiting: list[OpNode] | None = None
        self.saver = ""  # the name of the node whose values are being packed


local = _Local()

# ------------------------------------------------------------------ one value


class Packed:
    """What a pack hook made of a value, and the hook that makes the value of it again."""

    __slots__ = ("level", "unpack", "what")

    def __init__(self, shown: Tensor, own: bool, hooks: tuple[Pack, Unpack] | None = None) -> None:
        pack, self.unpack = hooks or local.hooks[-1]
        self.level = mode.level
        version = shown._version
        with no_grad():
            self.what = pack(shown)
        if shown._version != version:
            raise GradientError(PACK_WROTE)
        if own:  # the node's own result: a hook that keeps it must not keep the node
            shown._node = None

    def tensor(self) -> Tensor:
        """The value again.

        Raises:
            TypeError: where the hook gives anything but a Tensor.
        """
        level, mode.level = mode.level, self.level  # as for the pack hook
        try:
            found = self.unpack(self.what)
        finally:
            mode.level = level
        if not isinstance(found, Tensor):
            raise TypeError(
                "Output of saved tensor unpack_hook expected to be a Tensor but got result of type "
                f"{type(found).__name__}"
            )
        return found

    def array(self, ns: Namespace) -> Array:
        """The value again, raw.

        Raises:
            DeviceError: where the hook gives a Tensor of another device.
        """
        found = self.tensor()
        if found._ns is not ns:
            raise DeviceError(
                "Expected all tensors to be on the same device, but a saved tensor unpack_hook "
                f"gave one on {found.device} for one that was saved on {ns.device}"
            )
        return found._data


# ------------------------------------------------------------------ the nodes of ops


class PackedValues:
    """Stands where a node keeps raw values. Going through them unpacks them."""

    __slots__ = ("ns", "values")

    def __init__(self, values: tuple[Any, ...], ns: Namespace) -> None:
        self.values = values
        self.ns = ns

    def __iter__(self) -> Iterator[Any]:
        return map(self._unpacked, self.values)

    def _unpacked(self, value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(map(self._unpacked, value))
        return value.array(self.ns) if isinstance(value, Packed) else value


class _Unpacked:
    """Looks like a node to its rules, with the values in place."""

    __slots__ = ("edges", "ns", "saved", "settings")

    def __init__(self, node: OpNode) -> None:
        self.edges, self.ns = node.edges, node.ns
        self.saved = None if node.saved is None else tuple(node.saved)
        self.settings = _settings(node)


def _settings(node: OpNode) -> dict[str, Any] | None:
    settings = node.settings
    if settings and isinstance(index := settings.get("index"), PackedValues):
        return {**settings, "index": tuple(index)}
    return settings


def _pack(node: OpNode) -> None:
    """Pack what a node saved; one that saved nothing is as any other."""
    saved, settings = node.saved, node.settings
    index = settings.get("index") if settings else None
    local.saver = node.name()
    if saved is not None:
        *_, out = saved
        made: Any = node
        if isinstance(out, tuple):
            made = [None if o is None else _output(node, i, o) for i, o in enumerate(out)]
        inputs = (node.edges,) if node.op.variadic else node.edges
        node.saved = PackedValues(_packed(node, saved, (*inputs, made)), node.ns)
    if isinstance(index, tuple) and any(type(part) is node.ns.array_type for part in index):
        assert settings is not None
        parts = _packed(node, index, [None] * len(index))
        node.settings = {**settings, "index": PackedValues(parts, node.ns)}
    elif saved is None:
        node.__class__ = type(node).__base__  # type: ignore[assignment]


def _packed(node: OpNode, values: tuple[Any, ...], makers: Any) -> tuple[Any, ...]:
    """The values, the arrays among them packed. Their makers are the nodes that made them."""
    found: list[Any] = []
    for value, maker in zip(values, makers, strict=True):
        if isinstance(value, tuple):
            value = _packed(node, value, maker)
        elif type(value) is node.ns.array_type:
            leaf = maker.variable if isinstance(maker, AccumulateGrad) else None
            if leaf is not None and leaf._data is value:
                value = Packed(leaf, own=False)
            else:
                own = maker is not None and maker not in node.edges
                value = Packed(wrap(value, node.ns, maker), own)
        found.append(value)
    return tuple(found)


def _output(node: OpNode, index: int, data: Array) -> Output:
    """What stands for one of several outputs while hooks look at it."""
    made: Output = object.__new__(Output)
    made.edges = (node,)
    made.saved = made.settings = made.hooks = None
    made.seq, made.ns = node.seq, node.ns
    made.shape, made.dtype, made.index = data.shape, data.dtype, index
    return made


@functools.cache
def _packing(kind: type[OpNode]) -> type[OpNode]:
    """The same type of node, packing."""
    place: Any = Node.__dict__["ns"]

    def complete(node: OpNode, ns: Namespace) -> None:
        # The makers of nodes set what they save and the namespace last: now everything is there.
        place.__set__(node, ns)
        if local.waiting is None:
            _pack(node)
        else:
            local.waiting.append(node)

    def vjp(state: Any, g: Any, edges: tuple[Node | None, ...]) -> tuple[Any, ...]:
        if not isinstance(state, OpNode):  # lifted
            return kind.vjp(state, g, edges)
        unpacked = _Unpacked(state)
        try:
            return kind.vjp(unpacked, g, edges)
        except RuntimeWarning:  # as in the engine, but without unpacking again
            with unpacked.ns.quiet():
                return kind.vjp(unpacked, g, edges)

    def lifted(node: OpNode, tensor_namespace: Callable[[Namespace], Any]) -> Any:
        state = kind.lifted(node, tensor_namespace)
        state.settings = _settings(node)
        return state

    body = {
        "__slots__": (),
        "__module__": kind.__module__,
        "ns": property(place.__get__, complete),
        "vjp": staticmethod(vjp),
        "lifted": lifted,
    }
    return type(kind.__name__, (kind,), body)


def _new(kind: type[Any]) -> Any:
    """What the call path makes Tensors and nodes with."""
    if local.hooks and issubclass(kind, OpNode):
        return object.__new__(_packing(kind))  # type: ignore[arg-type]
    return object.__new__(kind)


def _update(t: Tensor, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Tensor:
    """`inplace.update`. Hooks are to see what nodes save in the end: what is about to be
    overwritten is copied first.
    """
    if not local.hooks or local.waiting is not None:
        return _plain_update(t, function, *args, **kwargs)
    nodes: list[OpNode] = []
    local.waiting = nodes
    try:
        out = _plain_update(t, function, *args, **kwargs)
    finally:
        local.waiting = None
    for node in nodes:
        _pack(node)
    return out


_plain_update = inplace.update

# ------------------------------------------------------------------ a Function's saved tensors


class PackedTensor:
    """A `SavedTensor` that was packed."""

    __slots__ = ("maker", "packed")

    def __init__(self, tensor: Tensor, output: int | None) -> None:
        local.saver = "save_for_backward"
        self.maker: Node | int | None = tensor._node if output is None else output
        if output is None:
            self.packed = Packed(tensor, own=False)
        else:
            self.packed = Packed(wrap(tensor._data, tensor._ns, tensor._node), own=True)

    def unpack(self, owner: FunctionNode) -> Tensor:
        """The tensor, with the history that it had."""
        found = self.packed.tensor()
        maker = self.maker
        if isinstance(maker, int):
            maker = owner.output(maker, found._data)
        out = wrap(found._data, found._ns, maker)
        found._counter().share(out)
        return out


def save(tensor: Tensor, output: int | None = None) -> SavedTensor | PackedTensor:
    """Keep a tensor as `Function` keeps one: packed if there are hooks."""
    return (PackedTensor if local.hooks else SavedTensor)(tensor, output)


# ------------------------------------------------------------------ hooks that hold

# By module and name.
_Functions = dict[tuple[ModuleType, str], Callable[..., Any]]

_HOOKED: _Functions = {
    (call, "new"): _new,
    (function, "SavedTensor"): save,
    (inplace, "update"): _update,
}


def _plain(functions: _Functions) -> _Functions:
    return {place: getattr(*place) for place in functions}


def _swap(functions: _Functions) -> None:
    """Make modules use other functions."""
    for place, replacement in functions.items():
        setattr(*place, replacement)


_PLAIN = _plain(_HOOKED)
_lock = threading.Lock()
_count = 0  # of contexts open in all threads


def _push(pack: Pack, unpack: Unpack) -> None:
    global _count
    if local.disabled is not None:
        raise GradientError(local.disabled)
    if not (callable(pack) and callable(unpack)):
        raise TypeError(
            "saved_tensors_hooks(): both hooks must be callable, got "
            f"{type(pack).__name__} and {type(unpack).__name__}"
        )
    with _lock:
        _count += 1
        if _count == 1:
            _swap(_HOOKED)
    local.hooks.append((pack, unpack))


def _pop() -> None:
    global _count
    local.hooks.pop()
    with _lock:
        _count -= 1
        if _count == 0:
            _swap(_PLAIN)


class saved_tensors_hooks:
    """A context in which a pair of hooks packs what operations save, and unpacks it in backward.

    ``pack_hook(tensor)`` may return anything, and must not write to the tensor.
    ``unpack_hook(packed)`` returns a tensor of the same values; nobody checks. It is called once
    for each backward. Of nested contexts the innermost holds; other threads are not concerned.
    Later writes to a tensor that was packed are not noticed: what the hook keeps is what counts.
    A result that its own operation saves has its history only while `pack_hook` looks at it.

    Raises:
        TypeError: where a hook is not callable, or `unpack_hook` returns no Tensor.
        GradientError: where `pack_hook` writes to its argument, or hooks are disabled.

    >>> import xpgrad as xg
    >>> kept = []
    >>> def pack(t):
    ...     kept.append(t.detach())
    ...     return len(kept) - 1
    >>> a, b = xg.ones(2, requires_grad=True), xg.ones(2, requires_grad=True) * 2
    >>> with xg.autograd.graph.saved_tensors_hooks(pack, kept.__getitem__):
    ...     y = a * b
    >>> kept
    [tensor([1., 1.]), tensor([2., 2.])]
    >>> y.sum().backward(); a.grad
    tensor([2., 2.])
    """

    def __init__(self, pack_hook: Pack, unpack_hook: Unpack) -> None:
        self.pack_hook = pack_hook
        self.unpack_hook = unpack_hook

    def __enter__(self) -> None:
        _push(self.pack_hook, self.unpack_hook)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _pop()


class save_on_cpu(saved_tensors_hooks):
    """A context in which operations keep what they save on the CPU; backward moves it back.

    It costs time and spares the device's memory. What is on the CPU is not copied.

    Args:
        pin_memory: PyTorch's; accepted, and without effect here.
        device_type: PyTorch's; accepted, for every tensor goes back to where it was.

    >>> import xpgrad as xg
    >>> x = xg.ones(2, requires_grad=True)
    >>> with xg.autograd.graph.save_on_cpu():
    ...     y = x * x
    >>> y.sum().backward(); x.grad
    tensor([2., 2.])
    """

    def __init__(self, pin_memory: bool = False, device_type: str = "cuda") -> None:
        def pack(t: Tensor) -> tuple[Any, Tensor]:
            return t.device, t.cpu()

        def unpack(packed: tuple[Any, Tensor]) -> Tensor:
            where, t = packed
            return t.to(where)

        super().__init__(pack, unpack)


@contextlib.contextmanager
def disable_saved_tensors_hooks(error_message: str) -> Iterator[None]:
    """A context in which `saved_tensors_hooks` and what is built on it raise `error_message`.

    Raises:
        GradientError: with that message, where there are hooks already.

    >>> import xpgrad as xg
    >>> with xg.autograd.graph.disable_saved_tensors_hooks("not here"):
    ...     with xg.autograd.graph.save_on_cpu():
    ...         pass
    Traceback (most recent call last):
        ...
    xpgrad.errors.GradientError: not here
    """
    before, local.disabled = local.disabled, error_message
    try:
        if local.hooks:
            raise GradientError(error_message)
        yield
    finally:
        local.disabled = before


# ------------------------------------------------------------------ writing to what was saved

OUTSIDE = (
    "Trying to backward outside of the 'allow_mutation_on_saved_tensors' contextin which the "
    "graph was originally recorded."
)


class _Handle:
    """Stands for a saved value."""

    __slots__ = ("__weakref__",)


class Mutations:
    """What `allow_mutation_on_saved_tensors` knows about saved values.

    Attributes:
        original: the values that nobody has written to since they were saved, by handle.
        cloned: copies of the others.
    """

    def __init__(self) -> None:
        self.original: weakref.WeakKeyDictionary[_Handle, Tensor] = weakref.WeakKeyDictionary()
        self.cloned: weakref.WeakKeyDictionary[_Handle, Tensor] = weakref.WeakKeyDictionary()
        self._places: dict[Any, weakref.WeakSet[_Handle]] = {}  # of the originals, by memory

    def clear(self) -> None:
        """Forget all values: a backward that needs one of them raises."""
        self.original.clear()
        self.cloned.clear()
        self._places.clear()

    def pack(self, t: Tensor) -> _Handle:
        """Take note of a value."""
        handle = _Handle()
        self.original[handle] = wrap(t._data, t._ns)
        if t._ns.mutable:
            self._places.setdefault(t._ns.memory_key(t._data), weakref.WeakSet()).add(handle)
        return handle

    def unpack(self, handle: _Handle) -> Tensor:
        """The value as it was saved."""
        found = self.cloned.get(handle, self.original.get(handle))
        if found is None:
            raise AssertionError(OUTSIDE)
        return found

    def before_write(self, t: Tensor) -> None:
        """Copy what was saved of the memory of a tensor that is about to be written to."""
        ns = t._ns
        copies: dict[int, Tensor] = {}
        for handle in self._places.pop(ns.memory_key(t._data), ()):
            saved = self.original.pop(handle)
            if id(saved._data) not in copies:
                copies[id(saved._data)] = wrap(ns.copy(saved._data), ns)
            self.cloned[handle] = copies[id(saved._data)]


_mutations: Mutations | None = None


def _writing(write: Callable[..., Any], of: Callable[[Tensor], Tensor | None]) -> Any:
    """A function that writes to its first argument, or to something of it, having said so."""

    @functools.wraps(write)
    def announced(t: Tensor, *args: Any, **kwargs: Any) -> Any:
        target = of(t)
        if _mutations is not None and target is not None:
            _mutations.before_write(target)
        return write(t, *args, **kwargs)

    return announced


def _itself(t: Tensor) -> Tensor:
    return t


_ANNOUNCED: _Functions = {
    (inplace, "store"): _writing(inplace.store, _itself),
    (indexing, "store"): _writing(inplace.store, _itself),
    (inplace, "_compute"): _writing(inplace._compute, _itself),
    (indexing, "_quick"): lambda x, index: None,  # the shortest way to write says nothing
    (backward, "_accumulate"): _writing(backward._accumulate, lambda t: t._grad),
}
_UNANNOUNCED = _plain(_ANNOUNCED)


@contextlib.contextmanager
def allow_mutation_on_saved_tensors() -> Iterator[Mutations]:
    """A context in which one may write to what the graph saved: it is copied first.

    Backward has to run in the same context. It holds for one thread at a time.

    Raises:
        GradientError: where one such context is open already.

    >>> import xpgrad as xg
    >>> a = xg.ones(2, requires_grad=True)
    >>> with xg.autograd.graph.allow_mutation_on_saved_tensors():
    ...     b = a * 3
    ...     out = (b**2).sum()
    ...     b = b.zero_()
    ...     out.backward()
    >>> a.grad
    tensor([18., 18.])
    """
    global _mutations
    if _mutations is not None:
        raise GradientError("allow_mutation_on_saved_tensors contexts cannot be nested")
    found = Mutations()
    with saved_tensors_hooks(found.pack, found.unpack):
        _mutations, versions.announced = found, True
        _swap(_ANNOUNCED)
        try:
            yield found
        finally:
            _swap(_UNANNOUNCED)
            _mutations, versions.announced = None, False
            found.clear()
