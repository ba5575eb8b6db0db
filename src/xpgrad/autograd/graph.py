"""Looking at the graph: nodes and edges."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from xpgrad.autograd.saved_tensors import (
    allow_mutation_on_saved_tensors,
    disable_saved_tensors_hooks,
    save_on_cpu,
    saved_tensors_hooks,
)
from xpgrad.errors import GradientError
from xpgrad.graph import GradientEdge, Node, Output
from xpgrad.hooks import RemovableHandle, Run
from xpgrad.tensor import Tensor

__all__ = [
    "GradientEdge", "Node", "allow_mutation_on_saved_tensors", "disable_saved_tensors_hooks",
    "get_gradient_edge", "increment_version", "register_multi_grad_hook", "save_on_cpu",
    "saved_tensors_hooks",
]  # fmt: skip


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
        raise GradientError(
            "It is not possible to get the gradient edge for a Tensor that does not require "
            "gradients"
        )
    if isinstance(target, Output):
        assert target.edges[0] is not None
        return GradientEdge(target.edges[0], target.index, target)
    return GradientEdge(target, 0)


def increment_version(tensor: Any) -> None:
    """Count a write to a tensor's memory (or to each of several) that xpgrad did not see.

    A backward that needs the old values then raises instead of using the new ones.

    Raises:
        GradientError: for what is no tensor, or one of inference mode.

    >>> import xpgrad as xg
    >>> x = xg.tensor([1.0])
    >>> xg.autograd.graph.increment_version(x); x._version
    1
    """
    if not isinstance(tensor, (Tensor, Iterable)):
        raise GradientError("increment_version expect a Iterable[Tensor] as input")
    tensors = [tensor] if isinstance(tensor, Tensor) else list(tensor)
    for t in tensors:
        if not isinstance(t, Tensor):
            raise GradientError(
                "increment_version expects each element of the iterable to be a tensor"
            )
        if t._inference:
            raise GradientError("Inference tensors do not track version counter.")
    for t in tensors:
        t._written()


class _Handles(RemovableHandle):
    """Several handles as one."""

    __slots__ = ("_handles",)

    def __init__(self, handles: Sequence[RemovableHandle]) -> None:
        super().__init__({}, None)
        self._handles = handles

    def remove(self) -> None:
        """Unregister all of them."""
        for handle in self._handles:
            handle.remove()


def register_multi_grad_hook(
    tensors: Sequence[Tensor], fn: Callable[[Any], None], *, mode: str = "all"
) -> RemovableHandle:
    """Call `fn` once in each backward, with the gradients of several tensors.

    What it returns is ignored.

    Args:
        fn: takes a sequence of gradients, `None` for tensors that the backward does not come
            past, as soon as the last is known; with ``mode="any"``, the gradient that is known
            first.
        mode: ``"all"`` or ``"any"``.

    Raises:
        ValueError: for another mode.
        AssertionError: for a tensor that does not require a gradient (``"any"`` ignores it).

    >>> import xpgrad as xg
    >>> a, b = xg.ones(2, requires_grad=True), xg.ones(2, requires_grad=True)
    >>> handle = xg.autograd.graph.register_multi_grad_hook([a, b], print)
    >>> (a * 3).sum().backward()
    [tensor([3., 3.]), None]
    """
    if mode not in ("all", "any"):
        raise ValueError(f"Expects mode to be one of ('all', 'any') but got {mode}")
    key = object()

    def first(g: Tensor) -> None:
        notes = Run.current().notes
        if key not in notes:
            notes[key] = None
            fn(g)

    if mode == "any":
        return _Handles([t.register_hook(first) for t in tensors if t.requires_grad])
    makers = [t._node for t in tensors]
    if None in makers:
        raise AssertionError("Expected gradient function to be set")
    # Weak, for the hooks hang on these very nodes.
    nodes = [weakref.ref(node) for node in makers if node is not None]

    def each(i: int, g: Tensor) -> None:
        run = Run.current()
        waiting = run.notes.get(key)
        if waiting is None:
            waiting = run.notes[key] = run.awaiting([node() for node in nodes], fn)
        waiting.take(i, g)

    return _Handles([t.register_hook(functools.partial(each, i)) for i, t in enumerate(tensors)])
