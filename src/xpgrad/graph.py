"""The graph: nodes that remember how a value was made.

Edges point at nodes, never at Tensors, and a node saves raw arrays, so reference counting frees
a graph as soon as its last result is gone. A node knows the shape and dtype of its output: that is
all the engine needs to put a gradient right, and what a rule gets as ``like``.
"""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from xpgrad.errors import GradientError
from xpgrad.hooks import Hookable
from xpgrad.hooks import RemovableHandle as RemovableHandle
from xpgrad.hooks import hooks_of as hooks_of

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


class Node(Hookable):
    """How one value was computed. ``tensor.grad_fn`` shows it.

    Subclasses, one per op, carry the vector-Jacobian product as a class attribute:
    ``vjp(node, g, edges)`` gives a gradient (or `None`) for each edge that is not `None`.
    """

    __slots__ = (
        "__weakref__", "dtype", "edges", "hooks", "ns", "outputs", "saved", "seq", "settings",
        "shape",
    )  # fmt: skip

    edges: tuple[Node | None, ...]  # who made the inputs; None where no gradient is wanted
    saved: Any  # the raw arrays that rules named, by position; None if none; FREED
    settings: dict[str, Any] | None
    seq: int
    shape: tuple[int, ...] | None  # of the output; None for a node with several
    dtype: Any  # the library's own
    ns: Namespace
    outputs: dict[int, weakref.ref[Output]]  # of a node with several: those that somebody holds
    shown: ClassVar[tuple[int, ...] | None] = None  # edges that can lead anywhere, if not all

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
        edges = self.edges if self.shown is None else [self.edges[i] for i in self.shown]
        return tuple((e.edges[0], e.index) if isinstance(e, Output) else (e, 0) for e in edges)

    def __repr__(self) -> str:
        return f"<{self.name()} object at {id(self):#x}>"


class AccumulateGrad(Node):
    """The leaf end of the graph: stands for a tensor whose ``.grad`` collects the result."""

    __slots__ = ("_tensor",)
    _tensor: Callable[[], Tensor | None]

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
        made_by.outputs[index] = weakref.ref(self)

    @classmethod
    def of(cls, made_by: Node, index: int, data: Array) -> Output:
        """The one node that gradients of this output are known by."""
        known = made_by.outputs.get(index)
        return (known and known()) or cls(made_by, index, data)

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


class Nowhere(Node):
    """What nothing leads to: stands for an output that nobody holds."""

    __slots__ = ()

    def __init__(self) -> None:
        self.edges, self.seq, self.hooks = (), 0, None


class GradientEdge(NamedTuple):
    """An edge of the graph: stands for a tensor in `grad` and `backward` without keeping it."""

    node: Node
    output_nr: int
    ownership_token: Node | None = None  # what keeps the edge alive, beside the node

    @property
    def target(self) -> Node:
        """What the engine knows the edge's gradient by."""
        node = self.node
        known: Any = None
        if node.shape is None:
            known = node.outputs.get(self.output_nr)
        elif self.output_nr == 0:
            return node
        return (known and known()) or Nowhere()
