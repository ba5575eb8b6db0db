"""Looking at the graph: nodes and edges."""

from __future__ import annotations

from typing import Any

from xpgrad.errors import GradientError
from xpgrad.graph import GradientEdge, Node, Output
from xpgrad.tensor import Tensor

__all__ = ["GradientEdge", "Node", "get_gradient_edge", "increment_version"]


def get_gradient_edge(tensor: Tensor) -> GradientEdge:
    """The edge that `grad` and `backward` can take instead of `tensor`, without keeping its data.

    Raises:
        GradientError: where no gradient is required.

    >>> import xpgrad as xg
    >>> x = xg.tensor(2.0, requires_grad=True)
    >>> y = x * x
    >>> edge = xg.autograd.graph.get_gradient_edge(y)
    >>> del y
    >>> xg.autograd.grad(edge, x)
    (tensor(4.),)
    """
    target = tensor._node
    if target is None:
        raise GradientError("Can't get gradient edge for a tensor that doesn't require grad")
    if isinstance(target, Output):
        assert target.edges[0] is not None
        return GradientEdge(target.edges[0], target.index, target)
    return GradientEdge(target, 0, target)


def increment_version(tensor: Any) -> None:
    """Count a write to a tensor's memory (or to each of several) that xpgrad did not see.

    A backward that needs the old values then raises instead of using the new ones.

    >>> import xpgrad as xg
    >>> x = xg.tensor([1.0])
    >>> xg.autograd.graph.increment_version(x); x._version
    1
    """
    for t in (tensor,) if isinstance(tensor, Tensor) else tensor:
        if t._inference:
            raise GradientError("Inference tensors do not track version counter.")
        t._written()
