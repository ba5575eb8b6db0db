"""`grad`: gradients returned rather than accumulated."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from xpgrad import backward as engine
from xpgrad.backward import as_gradients, as_sequence, node_of, seeds, unshared
from xpgrad.errors import GradientError, ShapeError
from xpgrad.graph import Node
from xpgrad.tensor import Size, Tensor, wrap


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> Any:
    """The sum of the gradients of `outputs` with respect to each of `inputs`.

    No ``.grad`` is touched, and what is returned shares memory with nothing else.

    Args:
        outputs: a Tensor or `GradientEdge`, or several.
        inputs: what to differentiate with respect to, likewise; for a dict, a dict is returned.
        grad_outputs: a gradient for each output; a scalar needs none.
        retain_graph: keep saved values for another backward (default: `create_graph`).
        create_graph: record the computation of the gradients too, for higher orders.
        only_inputs: ignored; other tensors never get a gradient.
        allow_unused: `None` for an input that `outputs` do not depend on, instead of an error.
        is_grads_batched: the first dimension of each of `grad_outputs` counts gradients: the
            result has it too. All of them go through the graph together, in one backward, which
            takes as much memory as that many gradients of everything in between.
        materialize_grads: zeros instead of `None` for unused inputs.

    Raises:
        GradientError: an input that is unused or requires no gradient; what `Tensor.backward`
            raises.
        ShapeError: batches of gradients that fit no output, or are of unequal size.
        TypeError: a mapping of inputs that is no dict.
        ValueError: ``allow_unused=False`` together with `materialize_grads`.

    >>> import xpgrad as xg
    >>> x = xg.tensor(2.0, requires_grad=True)
    >>> (first,) = xg.autograd.grad(x**3, x, create_graph=True)
    >>> xg.autograd.grad(first, x)
    (tensor(12.),)
    """
    if materialize_grads and allow_unused is False:
        raise ValueError(
            "Expected allow_unused to be True or not passed when materialize_grads=True, but got: "
            "allow_unused=False."
        )
    if not only_inputs:
        warnings.warn(
            "only_inputs argument is deprecated and is ignored now (defaults to True). To "
            "accumulate gradient for other parts of the graph, please use "
            "xpgrad.autograd.backward.",
            FutureWarning,
            stacklevel=2,
        )
    if isinstance(inputs, Mapping) and type(inputs) is not dict:
        raise TypeError(
            f"`inputs` argument to `grad()` must be a dict, not {type(inputs).__name__}. Other "
            "Mapping types are not supported."
        )
    sources = as_sequence(outputs)
    wanted = list(inputs.values()) if isinstance(inputs, dict) else as_sequence(inputs)
    if not wanted:
        raise GradientError("`inputs` argument to `grad()` cannot be empty.")
    gradients = as_gradients(grad_outputs, len(sources))
    retain = create_graph if retain_graph is None else retain_graph
    compute = _batched if is_grads_batched else _grad
    found = compute(sources, wanted, gradients, retain, create_graph)
    for i, (g, w) in enumerate(zip(found, wanted, strict=True)):
        if g is None and materialize_grads:
            if not isinstance(w, Tensor):
                raise GradientError(
                    "materialize_grads cannot be used when the given input is a GradientEdge"
                )
            found[i] = _zeros(w).requires_grad_(create_graph)
        elif g is None and not allow_unused:
            raise GradientError(
                f"The differentiated Tensor at index {i} appears to not have been used in the "
                "graph. Set allow_unused=True if this is the desired behavior."
            )
    return dict(zip(inputs, found, strict=True)) if isinstance(inputs, dict) else tuple(found)


def _grad(
    outputs: list[Any],
    inputs: list[Any],
    gradients: list[Any],
    retain_graph: bool,
    create_graph: bool,
) -> list[Tensor | None]:
    """The gradient of each input, `None` where it is unused."""
    roots = seeds(outputs, gradients, create_graph)
    targets = [node_of(x) for x in inputs]
    nodes = [n for n in targets if n is not None]
    if len(nodes) < len(targets):
        raise GradientError("One of the differentiated Tensors does not require grad")
    found = engine.run(roots, retain_graph=retain_graph, create_graph=create_graph, wanted=nodes)
    del roots  # so that only who holds a gradient beside the engine counts below
    own: dict[Node, Tensor] = {}
    while found:
        node, g, holders = engine._take(found)
        own[node] = unshared(g, node.ns, holders == engine._SOLE)
    taken: list[Tensor | None] = []
    for n in nodes:
        g = own.get(n)
        again = g is not None and any(g is t for t in taken)
        taken.append(unshared(g, n.ns, False) if again else g)
    return taken


def _batched(
    outputs: list[Any],
    inputs: list[Any],
    gradients: list[Any],
    retain_graph: bool,
    create_graph: bool,
) -> list[Tensor | None]:
    """`_grad` for all gradients along the first dimension of `gradients` at once."""
    from xpgrad.func.batched import BatchLevel  # which differentiates, too

    sizes = []
    for i, (t, g) in enumerate(zip(outputs, gradients, strict=True)):
        if g is None:
            continue
        node = node_of(t)
        shape = None if node is None else Size(node.shape or ())
        if not g._data.shape or (shape is not None and g.shape[1:] != shape):
            raise ShapeError(
                "Batched grads are not supported with GradientEdge"
                if not isinstance(t, Tensor)
                else "If `is_grads_batched=True`, we interpret the first dimension of each "
                "grad_output as the batch dimension. The sizes of the remaining dimensions are "
                "expected to match the shape of corresponding output, but a mismatch was detected: "
                f"grad_output[{i}] has a shape of {g.shape} and output[{i}] has a shape of {shape}."
                " If you only want some tensors in `grad_output` to be considered batched, consider"
                " using vmap."
            )
        sizes.append(g.shape[0])
    if not sizes:
        raise GradientError("grad can be implicitly created only for scalar outputs")
    if len(set(sizes)) > 1:
        raise ShapeError(
            "vmap: Expected all tensors to have the same size in the mapped dimension, got sizes "
            f"{sizes} for the mapped dimension"
        )
    with BatchLevel(sizes[0], "error") as level:
        rows = [None if g is None else level.make(g, 0) for g in gradients]
        found = _grad(outputs, inputs, rows, retain_graph, create_graph)
        taken = [None if g is None else level.taken(g, 0, "grad") for g in found]
    # Within the level nothing is ever written to, so that arrays may have gone right through.
    return [None if g is None else unshared(g, g._ns, False) for g in taken]


def _zeros(t: Tensor) -> Tensor:
    """Zeros for an input that has no gradient."""
    return wrap(t._ns.zeros(tuple(t._data.shape), dtype=t._data.dtype), t._ns)
