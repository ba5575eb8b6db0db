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
