"""Leaves that cannot wait: their gradients are accumulated as soon as they are whole.

Other leaves wait until the end of a backward, which costs nothing. One with a hook that is called
after its ``.grad`` was written cannot wait: the hook may update the leaf and free the gradient, so
that not all gradients are in memory at once. Nor can one whose tensor is no leaf any more: backward
refuses it, and should have changed as little as possible by then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from xpgrad.graph import AccumulateGrad, Node
from xpgrad.hooks import eager, hooks_of

if TYPE_CHECKING:
    from xpgrad.tensor import Tensor


class Arrival(Node):
    """Queued behind the last node that adds to the gradient of a leaf."""

    __slots__ = ("arrived", "create_graph", "grads", "leaf")

    leaf: Node
    grads: dict[Node, Any]
    create_graph: bool
    arrived: Callable[[Arrival], None]

    def name(self) -> str:
        """The leaf's name, for who asks where an error came from."""
        return self.leaf.name()

    @staticmethod
    def vjp(node: Any, g: Any, edges: Any) -> tuple[Any, ...]:
        """Nothing; the leaf's gradient is whole."""
        node.arrived(node)
        return (None,)


def moved(leaf: AccumulateGrad, tensor: Tensor) -> None:
    """Note that a leaf's tensor, which wanted no gradient any more, is getting a history."""
    hooks = hooks_of(leaf)
    hooks.moved = True
    eager.add(hooks)
    leaf._tensor = lambda: tensor  # a backward through the leaf fails though nobody else holds it


def arrivals(
    roots: Iterable[Node], grads: dict[Node, Any], create_graph: bool, arrived: Any
) -> list[Arrival]:
    """One for each leaf with such a hook that a backward from `roots` will come to.

    Args:
        grads: where the leaf's gradient will be.
        arrived: is called with an arrival when that is whole.
    """
    last: dict[Node, int] = {}  # to add to a leaf: the oldest node that does
    seen = set(roots)
    stack = list(seen)
    while stack:
        node = stack.pop()
        for edge in node.edges:
            if edge is None:
                continue
            if edge.edges:
                if edge not in seen:
                    seen.add(edge)
                    stack.append(edge)
            elif edge.hooks is not None and edge.hooks.urgent:
                last[edge] = min(node.seq, last.get(edge, node.seq))
    found = []
    for i, (leaf, seq) in enumerate(last.items()):
        arrival = Arrival()
        arrival.edges, arrival.shape, arrival.ns = (None,), None, leaf.ns
        arrival.saved = arrival.settings = arrival.hooks = None
        # Between two nodes, and never twice the same.
        arrival.seq = seq - (i + 1) / (len(last) + 1)  # type: ignore[assignment]
        arrival.leaf, arrival.grads = leaf, grads
        arrival.create_graph, arrival.arrived = create_graph, arrived
        found.append(arrival)
    return found
