"""The graph: nodes that remember how a value was made.

Edges point at nodes, never at Tensors, and a node saves raw arrays, so reference counting frees
a graph as soon as its last result is gone. A node knows the shape and dtype of its output: that is
all the engine needs to put a gradient right, and what a rule gets as ``like``.
"""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from xpgrad.errors import GradientError
from xpgrad.mode import anomaly

if TYPE_CHECKING:
    from xpgrad.namespace import Array, Namespace
    from xpgrad.tensor import Tensor

# One clock for everything whose order matters: nodes are numbered as they are made, and memory
# is stamped when it is written to. A saved array is stale if it was written to after its node.
tick = itertools.count(1).__next__

SECOND_BACKWARD = (
    "Trying to backward through the graph a second time (or directly access saved tensors after "
    "they have already been freed). Saved intermediate values of the graph are freed when you call "
    ".backward() or autograd.grad(). Specify retain_graph=True if you need to backward through the "
    "graph a second time or if you need to access saved tensors after calling backward."
)


class _Freed:
    """Stands where saved values were, and complains when somebody wants one."""

    def __getitem__(self, index: Any = None) -> Any:
        raise GradientError(SECOND_BACKWARD)

    __iter__ = __len__ = __getitem__


FREED: Any = _Freed()


class Node:
    """How one value was computed. ``tensor.grad_fn`` shows it.

    Subclasses, one per op, carry the vector-Jacobian product as a class attribute:
    ``vjp(node, g, edges)`` gives a gradient (or `None`) for each edge that is not `None`.
    """

    __slots__ = (
        "__weakref__", "dtype", "edges", "hooks", "ns", "saved", "seq", "settings", "shape",
    )  # fmt: skip

    edges: tuple[Node | None, ...]  # who made the inputs; None where no gradient is wanted
    saved: Any  # the raw arrays that rules named, by position; None if none; FREED
    settings: dict[str, Any] | None
    seq: int
    shape: tuple[int, ...] | None  # of the output; None for a node with several
    dtype: Any  # the library's own
    ns: Namespace
    hooks: Hooks | None

    @staticmethod
    def vjp(node: Any, g: Any, edges: tuple[Node | None, ...]) -> tuple[Any, ...]:
        """The gradients of the inputs; `None` where the edge is."""
        raise NotImplementedError

    def lifted(self, tensor_namespace: Callable[[Namespace], Any]) -> Any:
        """What `vjp` gets as `node` under ``create_graph``, where it computes with Tensors."""
        return self

    def name(self) -> str:
        """The node's name, such as ``MulBackward0``."""
        return type(self).__name__

    @property
    def next_functions(self) -> tuple[tuple[Node | None, int], ...]:
        """The nodes of the inputs, each with the number of its output that was used."""
        return tuple((e.edges[0], e.index) if isinstance(e, Output) else (e, 0) for e in self.edges)

    def __repr__(self) -> str:
        return f"<{self.name()} object at {id(self):#x}>"


class AccumulateGrad(Node):
    """The leaf end of the graph: stands for a tensor whose ``.grad`` collects the result."""

    __slots__ = ("_tensor",)

    def __init__(self, tensor: Tensor) -> None:
        self.edges = ()
        self.saved = self.settings = self.hooks = None
        self.seq = tick()
        self.ns = tensor._ns
        self.shape = tensor._data.shape
        self.dtype = tensor._data.dtype
        # Weak: the tensor owns its node, and a cycle would pin its memory.
        self._tensor = weakref.ref(tensor)

    @property
    def variable(self) -> Tensor | None:
        """The leaf tensor, or `None` if nobody holds it any more."""
        return self._tensor()

    @staticmethod
    def vjp(node: Any, g: Any, edges: Any) -> tuple[Any, ...]:
        """A leaf passes nothing on."""
        return ()


class Output(Node):
    """One output of a node that has several. Invisible to users: ``grad_fn`` looks through it."""

    __slots__ = ("index",)

    def __init__(self, made_by: Node, index: int, data: Array) -> None:
        self.edges = (made_by,)
        self.saved = self.settings = self.hooks = None
        self.seq = tick()
        self.ns = made_by.ns
        self.shape = data.shape
        self.dtype = data.dtype
        self.index = index

    @staticmethod
    def vjp(node: Any, g: Any, edges: Any) -> tuple[Any, ...]:
        """The gradient of one output, as part of the gradient of all."""
        return (Bundle({node.index: g}),)


class Bundle:
    """The gradient of a node with several outputs: gradients by output number."""

    __slots__ = ("parts",)
    shape = None  # equal to the shape and dtype of such a node, so that the engine
    dtype = None  # treats a bundle like any gradient
    size = 0

    def __init__(self, parts: dict[int, Any]) -> None:
        self.parts = parts

    def __add__(self, other: Bundle) -> Bundle:
        # Made by the engine for itself alone, so merging in place is safe and linear in time.
        for index, g in other.parts.items():
            mine = self.parts.get(index)
            self.parts[index] = g if mine is None else mine + g
        return self

    @property
    def _data(self) -> Bundle:
        return self


class GradientEdge(NamedTuple):
    """An edge of the graph: stands for a tensor in `grad` and `backward` without keeping it."""

    node: Node
    output_nr: int
    target: Node  # what the engine knows gradients by

    @property
    def ownership_token(self) -> Node:
        """What keeps the edge's node alive: the edge itself does."""
        return self.node


class Hooks:
    """The hooks of one node's output: they see its whole gradient and may replace it."""

    __slots__ = ("after", "before", "retain")

    def __init__(self) -> None:
        self.before: dict[int, Callable[[Any], Any]] = {}
        self.retain: Callable[[Any], None] | None = None  # runs last, sees the final value
        self.after: dict[int, Callable[[Any], None]] = {}  # once .grad is written


def hooks_of(node: Node) -> Hooks:
    """The hooks of a node, made if there are none yet."""
    if node.hooks is None:
        node.hooks = Hooks()
    return node.hooks


class RemovableHandle:
    """What registering a hook returns: ``remove()`` it, or use it as a context."""

    __slots__ = ("_hooks", "id")

    _next = itertools.count().__next__

    def __init__(self, hooks: dict[int, Any], hook: Any) -> None:
        self.id = RemovableHandle._next()
        self._hooks = hooks
        hooks[self.id] = hook

    def remove(self) -> None:
        """Unregister the hook; doing so twice is harmless."""
        self._hooks.pop(self.id, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *error: object) -> None:
        self.remove()


# ------------------------------------------------------------------ modified after saving


class Version:
    """How often some memory was written to, shared by a tensor, its views and ``detach()``."""

    __slots__ = ("count", "silent", "stamps")

    def __init__(self, silent: bool = False) -> None:
        self.count = 0
        self.stamps: list[int] = []  # of the latest writes, by the clock
        self.silent = silent  # writes leave no mark: ``tensor.data`` bypasses the check

    def bump(self) -> int:
        """Record a write, and return its stamp."""
        self.count += 1
        stamp = tick()
        stamps = self.stamps
        stamps.append(stamp)
        if len(stamps) > 64:  # enough for the message; the newest decides
            del stamps[:32]
        return stamp

    def at(self, seq: int) -> int:
        """The version at an earlier moment."""
        return self.count - sum(stamp > seq for stamp in self.stamps)


# Written memory by `Namespace.memory_key`. Saving costs nothing this way: a write leaves a mark
# here, and backward looks only at nodes older than the latest write. A key may be reused once
# its memory is freed, but then its mark is older than any node that saved the new memory (the
# mark, not the counter, which may have gone on with a tensor that moved to other memory). So the
# table needs no clearing, and is as large as the number of places written to.
written: dict[int, tuple[int, Version]] = {}
last_write = 0


def mark_written(ns: Namespace, data: Array, version: Version) -> None:
    """Note that the memory of `data` was written to, before or after the fact."""
    global last_write
    stamp = version.bump()
    if not version.silent:
        last_write = stamp
        written[ns.memory_key(data)] = (stamp, version)


def mark(ns: Namespace, data: Array, version: Version) -> None:
    """Note that the latest write, counted already, also changed what `data` should hold."""
    global last_write
    if not version.silent:
        last_write = stamp = version.stamps[-1]
        written[ns.memory_key(data)] = (stamp, version)


def check_fresh(node: Node) -> None:
    """Raise if an array that `node` saved was written to since.

    Raises:
        GradientError: naming the array, the op that made it and the versions.
    """
    kept = [] if node.saved is None or node.saved is FREED else _arrays(node.saved)
    index = node.settings.get("index") if node.settings else None
    if isinstance(index, tuple):
        kept += [(None, part) for part in index if hasattr(part, "shape")]
    for place, value in kept:
        stamp, version = written.get(node.ns.memory_key(value), (0, None))
        if version is None or stamp < node.seq:
            continue
        maker = None if place is None else (*node.edges, node)[min(place, len(node.edges))]
        raise stale(node.ns, value, maker, version.count, version.at(node.seq))


def stale(ns: Namespace, array: Array, maker: Node | None, count: int, saved: int) -> GradientError:
    """The error for a saved array that was written to since."""
    made_by = ""
    if maker is not None and not isinstance(maker, AccumulateGrad):
        number, shown = (maker.index, maker.edges[0]) if isinstance(maker, Output) else (0, maker)
        assert shown is not None
        made_by = f", which is output {number} of {shown.name().partition('Backward')[0]},"
    hint = (
        "the backtrace further above shows the operation that failed to compute its gradient. The "
        "variable in question was changed in there or anywhere later. Good luck!"
        if anomaly.enabled
        else "enable anomaly detection to find the operation that failed to compute its gradient, "
        "with xpgrad.autograd.set_detect_anomaly(True, check_nan=False)."
    )
    kind = ns.dtype_of(array).torch_name
    return GradientError(
        "one of the variables needed for gradient computation has been modified by an inplace "
        f"operation: [xpgrad.{kind}Tensor {list(array.shape)}]{made_by} is at version {count}; "
        f"expected version {saved} instead. Hint: {hint}"
    )


def _arrays(saved: Any) -> list[tuple[int | None, Any]]:
    """The arrays among saved values, each with the number of the input it belongs to."""
    found: list[tuple[int | None, Any]] = []
    for i, value in enumerate(saved):
        if hasattr(value, "shape"):
            found.append((i, value))
        elif isinstance(value, (tuple, list)):
            found.extend((j, v) for j, v in enumerate(value) if hasattr(v, "shape"))
    return found
