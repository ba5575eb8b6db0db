"""The engine: gradients from roots to leaves, iteratively and in reverse order of creation."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Sequence
from heapq import heappop, heappush
from operator import attrgetter
from sys import getrefcount
from typing import Any

from xpgrad import graph, versions
from xpgrad.arrivals import Arrival, arrivals
from xpgrad.errors import DeviceError, DTypeError, GradientError, ShapeError
from xpgrad.graph import FREED, AccumulateGrad, Node
from xpgrad.hooks import Run, accumulating, after_leaf, before_leaf, eager, replaced
from xpgrad.mode import anomaly, mode
from xpgrad.namespace import Array, Namespace
from xpgrad.tensor import Size, Tensor, set_engine, wrap
from xpgrad.views import replace

NO_ORIGIN = (
    "No forward pass information available. Enable detect anomaly during forward pass for more "
    "information."
)

SMALL = 4096  # elements; below, a new array costs less than asking whose the old one is


def run(
    roots: Sequence[tuple[Node, Any]],
    *,
    retain_graph: bool,
    create_graph: bool,
    wanted: Sequence[Node] | None = None,
) -> dict[Node, Any]:
    """Propagate gradients from `roots` and return those of the leaves, or of `wanted`.

    Gradients are raw arrays, or Tensors if the roots' are; they are keyed by node, so that it
    does not matter which Tensor objects are still alive.

    Args:
        create_graph: record what the rules compute; the roots' gradients are Tensors then.
    """
    tensors = create_graph or (bool(roots) and isinstance(roots[0][1], Tensor))  # all, or none
    grads: dict[Node, Any] = {}
    heap: list[tuple[int, Node]] = []
    captured: dict[Node, Any] = {}
    for node, g in roots:
        if node in grads:
            with node.ns.current():
                grads[node] = grads[node] + g
        else:
            grads[node] = g
            if node.edges:
                heappush(heap, (-node.seq, node))
    if eager.waiting and wanted is None and eager.expected():
        for arrival in arrivals(list(grads), grads, create_graph, _arrived):
            grads[arrival] = None
            heappush(heap, (-arrival.seq, arrival))
    needed = targets = None
    if wanted is not None:
        targets = frozenset(wanted)
        needed = _leading_to(targets, list(grads))
        if len(roots) > 1:  # hooks see the gradient of a single root whatever is wanted
            grads = {node: g for node, g in grads.items() if node in needed}
            heap = sorted(entry for entry in heap if entry[1] in needed)
    current: Namespace | None = None
    array_type: Any = None
    check_nan = anomaly.enabled and anomaly.check_nan
    device: contextlib.AbstractContextManager[Any] | None = None
    outer, mode.grad = mode.grad, create_graph and not mode.inference
    level = roots[0][0].ns.level if roots else None
    if level is not None:
        level = level.freeze(outer)  # what is below records or not as it did
    around, mode.run = mode.run, (roots, needed)
    try:
        while heap:
            node = heappop(heap)[1]
            g = grads.pop(node)
            if node.ns is not current:
                current = node.ns
                array_type = Tensor if tensors else current.array_type
                if device is not None:
                    device.__exit__(None, None, None)
                    device = None
                if current.guard is not None:
                    guard = current.guard()
                    guard.__enter__()
                    device = guard
            if type(g) is not array_type and node.shape is not None:
                g = current.wrap(g)
            if node.hooks is not None:
                g = _call_hooks(node, g, tensors)
            edges = node.edges
            if targets is not None and needed is not None:
                if node in targets:
                    captured[node] = g
                if node not in needed:
                    continue
                edges = tuple([e if e in needed else None for e in edges])
                if not any(edges):  # wanted itself, and nothing further down is
                    continue
            try:
                if node.seq < versions.last_write:
                    versions.check_fresh(node)
                state = node if not tensors else node.lifted(tensor_namespace)
                gs = node.vjp(state, g, edges)
            except Exception as error:
                gs = _recover(node, g, edges, tensors, error)
            if check_nan:
                _check_nan(node, gs)
            if not retain_graph and node.saved is not None:
                node.saved = FREED
            g = None  # so that `_add_into` finds it unshared, if it is
            i = -1  # counting by hand is several times faster than zip here
            for parent in edges:
                i += 1
                if parent is None:
                    continue
                gi = gs[i]
                if gi is None:
                    continue
                raw = gi if not tensors else gi._data
                if raw.shape != parent.shape or raw.dtype is not parent.dtype:
                    gi = _fit(gi, raw, parent, node, tensors)
                before = grads.get(parent)
                if before is None:
                    grads[parent] = gi
                    if parent.edges:  # leaves wait in `grads` until the end
                        heappush(heap, (-parent.seq, parent))
                elif parent.ns is not current and parent.ns.guard is not None:
                    with parent.ns.guard():  # came from another device
                        grads[parent] = before + gi
                elif tensors or gi.size < SMALL:
                    grads[parent] = before + gi
                else:
                    before = None
                    _add_into(grads, parent, gi, current)
            gs = ()  # what is no longer needed makes room for what comes
            gi = raw = before = None
        for node in [n for n in grads if n.hooks is not None]:
            grads[node] = _call_hooks(node, grads[node], tensors)
        if type(mode.run) is Run:
            mode.run.finish()
    except Exception:
        if anomaly.enabled:
            _show_origin(node)
        raise
    finally:
        mode.grad, mode.run = outer, around
        if level is not None:
            level.recording_below = None
        if device is not None:
            device.__exit__(None, None, None)
    if wanted is None:
        return grads
    captured.update((n, grads[n]) for n in wanted if n in grads)
    return captured


# ------------------------------------------------------------------ whose memory is it?
#
# Adding into existing memory is worth more than any arithmetic, and right only where nobody else
# can see it: a rule may return its `g`, a saved value, a view or what a user holds. An array with
# no holder but the engine, and no base whose memory it shows, is the engine's own. What
# `getrefcount` says then differs between versions of Python, so each of the two functions is first
# run on an object of which that is known to be true.


def _add_into(grads: dict[Node, Any], key: Node, g: Any, ns: Any) -> None:
    """Add `g` to a pending gradient: in place where the memory is the engine's own."""
    before = grads[key]
    if getrefcount(before) == _HELD_BY_DICT and ns.mutable and ns.owns_memory(before):
        before += g
        grads[key] = before
    else:
        grads[key] = before + g


def _take(found: dict[Node, Any], key: Node | None = None) -> tuple[Node, Any, int]:
    """Remove one gradient, the last if no other, with the number of references to it."""
    node, g = found.popitem() if key is None else (key, found.pop(key))
    return node, g, getrefcount(g)


class _Known:
    """Stands for a gradient and its namespace alike, to see what `_add_into` makes of it."""

    asked = False
    mutable = True

    def owns_memory(self, x: Any) -> bool:
        self.asked = True
        return False

    def __add__(self, other: Any) -> Any:
        return self


def _held_by_dict() -> int:
    global _HELD_BY_DICT
    key: Any = None
    for _HELD_BY_DICT in range(1, 10):
        ns = _Known()
        _add_into({key: _Known()}, key, None, ns)
        if ns.asked:
            return _HELD_BY_DICT
    return -1  # nothing is ever in place


_HELD_BY_DICT = -1
_HELD_BY_DICT = _held_by_dict()
_SOLE = _take({None: object()})[2]  # type: ignore[dict-item]


def _leading_to(wanted: frozenset[Node], roots: list[Node]) -> set[Node]:
    """The nodes on a path from a root to a wanted node, the wanted ones included."""
    needed = set(wanted)
    oldest = min((n.seq for n in wanted), default=0)
    seen = set(roots)
    stack = list(seen)
    order = []
    while stack:
        node = stack.pop()
        order.append(node)
        for edge in node.edges:
            # Nothing older than every wanted node leads to one.
            if edge is not None and edge not in seen and edge.seq >= oldest:
                seen.add(edge)
                stack.append(edge)
    order.sort(key=attrgetter("seq"))
    for node in order:
        if node not in needed and any(edge in needed for edge in node.edges):
            needed.add(node)
    return needed


def _recover(
    node: Node, g: Any, edges: tuple[Node | None, ...], create_graph: bool, error: Exception
) -> Any:
    """Compute on where warnings are errors; otherwise raise, saying whose backward it was."""
    if isinstance(error, RuntimeWarning):  # inf and nan are values, not faults
        with node.ns.quiet():
            state = node if not create_graph else node.lifted(tensor_namespace)
            return node.vjp(state, g, edges)
    if not isinstance(error, GradientError):
        error.add_note(f"raised in the backward of {node.name()}")
    raise error


def _check_nan(node: Node, gs: Any) -> None:
    """Raise where a gradient just computed is not a number (anomaly detection only)."""
    for i, g in enumerate(gs):
        if g is None or isinstance(g, graph.Bundle):
            continue
        raw, ns = (g._data, g._ns) if isinstance(g, Tensor) else (g, node.ns)
        if raw.dtype in ns.inexact and bool(ns.to_host(ns.wrap(ns.any(ns.isnan(raw))))):
            raise GradientError(
                f"Function '{node.name()}' returned nan values in its {i}th output."
            )


def _show_origin(node: Node) -> None:
    """Warn with the traceback of the call that made a node, if anomaly detection noted it."""
    noted: Any = node.seq
    known = hasattr(noted, "origin")
    found = (
        f"Traceback of forward call that caused the error:\n{noted.origin()}"
        if known
        else NO_ORIGIN
    )
    texts = [f"Error detected in {node.name()}. {found}"] + (noted.causes() if known else [])
    for text in texts:
        warnings.warn(text, UserWarning, stacklevel=2)


def tensor_namespace(ns: Namespace) -> Any:
    """The namespace whose functions are the differentiable ops, on the device of `ns`."""
    found = ns.tensors
    if found is None:
        from xpgrad.array_api.namespace import TensorNamespace

        found = ns.tensors = TensorNamespace(ns)
    return found


def _fit(g: Any, raw: Array, parent: Node, node: Node, create_graph: bool) -> Any:
    """Sum a gradient to the shape of what it belongs to, and cast it to its dtype.

    The one place where broadcasting and promotion are undone.
    """
    ns = parent.ns
    xp = tensor_namespace(ns) if create_graph else ns
    shape, have = parent.shape, raw.shape
    assert shape is not None
    lead = len(have) - len(shape)
    if lead > 0 and have[lead:] == shape:  # a bias, say: whole axes were added in front
        g = xp.sum(g, axis=tuple(range(lead)), dtype=raw.dtype)
    elif have != shape:
        kept = have[lead:] if lead >= 0 else None
        if kept is None or any(n != m and n != 1 for n, m in zip(shape, kept, strict=True)):
            raise ShapeError(
                f"Function {node.name()} returned an invalid gradient at index "
                f"{node.edges.index(parent)} - got {list(have)} but expected shape compatible "
                f"with {list(shape)}"
            )
        stretched = [i + lead for i, n in enumerate(shape) if n != kept[i]]
        g = xp.sum(g, axis=(*range(lead), *stretched), keepdims=True, dtype=raw.dtype)
        if lead:
            g = xp.reshape(g, tuple(shape))
    if raw.dtype != parent.dtype:
        if raw.dtype in ns.complexes and parent.dtype not in ns.complexes:
            g = xp.real(g)
        if (g._data if create_graph else g).dtype != parent.dtype:
            g = xp.astype(g, parent.dtype)
    return g


def _call_hooks(node: Node, g: Any, create_graph: bool) -> Any:
    """Show a gradient to the hooks of a node; they may replace it."""
    hooks = node.hooks
    assert hooks is not None
    if node.shape is None or not (hooks.before or hooks.retain):
        return g
    shown = g if create_graph else wrap(g, node.ns)
    for hook in tuple(hooks.before.values()):
        new = replaced(hook, hook(shown), shown)
        if new is not None:
            shown = new
    if hooks.retain is not None:
        hooks.retain(shown)
    return shown if create_graph else shown._data


# ------------------------------------------------------------------ from tensors to nodes


def seeds(
    tensors: Sequence[Any], gradients: Sequence[Any], create_graph: bool
) -> list[tuple[Node, Any]]:
    """The nodes to start from, each with its checked incoming gradient.

    Raises:
        GradientError: a tensor without history, a missing or misshapen gradient.
    """
    found: list[tuple[Node, Any]] = []
    lifted, lacking = create_graph, None
    for i, (t, g) in enumerate(zip(tensors, gradients, strict=True)):
        node = node_of(t)
        if node is None:  # said last
            lacking = i if lacking is None else lacking
            continue
        ns, shape = node.ns, node.shape or ()
        lifted = lifted or ns.whole
        if g is None and shape == () and node.dtype not in ns.complexes:  # nearly always
            one = ns.ones((), dtype=node.dtype)
            found.append((node, wrap(one, ns) if create_graph else one))
            continue
        shape = Size(shape)
        dtype = ns.dtype_of(node)  # a node has a dtype as an array has
        if g is None:
            if shape.numel() != 1:
                raise GradientError("grad can be implicitly created only for scalar outputs")
            if dtype.is_complex:
                raise GradientError(
                    f"grad can be implicitly created only for real scalar outputs but got {dtype}"
                )
            g = wrap(ns.ones(tuple(shape), dtype=node.dtype), ns)
        if g.shape != shape:
            raise ShapeError(
                f"Mismatch in shape: grad_output[{i}] has a shape of {g.shape} and output[{i}] "
                f"has a shape of {shape}."
            )
        if g._ns is not ns and g._ns.base is ns.base:  # of another transform, or of none
            g = ns.lift(g) if g._ns.depth < ns.depth else g
            lifted = lifted or g._ns is not ns
        elif g._ns is not ns:
            raise DeviceError(
                f"invalid gradient at index {i} - expected device {ns.device} but got {g.device}: "
                f"move it with .to({str(ns.device)!r})"
            )
        if g.dtype is not dtype:
            if g.dtype.is_complex != dtype.is_complex:
                raise DTypeError(
                    "For complex Tensors, both grad_output and output are required to have the "
                    f"same dtype. Mismatch in dtype: grad_output[{i}] has a dtype of {g.dtype} "
                    f"and output[{i}] has a dtype of {dtype}."
                )
            g = tensor_namespace(ns).astype(g, dtype)
        found.append((node, g if create_graph or g._ns is not ns else g._data))
    if lacking is not None:
        raise GradientError(
            f"element {lacking} of tensors does not require grad and does not have a grad_fn"
        )
    if lifted:
        found = [(n, g if isinstance(g, Tensor) else wrap(g, n.ns)) for n, g in found]
    return found


def node_of(what: Any) -> Node | None:
    """The node whose gradient is the gradient of a Tensor or of a `GradientEdge`.

    Raises:
        GradientError: for anything else.
    """
    if isinstance(what, Tensor):
        if what._ns.ended:
            what._ns.settle(what)
        return what._node
    if isinstance(what, graph.GradientEdge):
        return what.target
    raise GradientError(
        f"all inputs have to be Tensors or GradientEdges, but got {type(what).__name__}"
    )


def as_sequence(what: Any) -> list[Any]:
    """One Tensor or edge, or several of them, as a list."""
    return [what] if isinstance(what, (Tensor, graph.GradientEdge, str)) else list(what)


def backward(
    tensors: Any,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Any = None,
) -> None:
    """Add the gradients of `tensors` into the ``.grad`` of their leaves, or of `inputs`.

    See `Tensor.backward`; several tensors take a gradient (or `None`) each.

    >>> import xpgrad as xg
    >>> x = xg.tensor([1.0, 2.0], requires_grad=True)
    >>> xg.autograd.backward([x.sum(), (x * x).sum()]); x.grad
    tensor([3., 5.])
    """
    if mode.transforms:
        raise GradientError(
            "backward() called inside a functorch transform. This is not supported, please use "
            "functorch.grad or functorch.vjp instead or call backward() outside of functorch "
            "transforms."
        )
    outputs = as_sequence(tensors)
    gradients = as_gradients(grad_tensors, len(outputs))
    if inputs is not None:
        given = list(inputs.values()) if isinstance(inputs, dict) else as_sequence(inputs)
        if not given:
            raise GradientError("`inputs` argument to `backward()` cannot be empty.")
    roots = seeds(outputs, gradients, create_graph)
    targets: list[Node] | None = None
    if inputs is not None:
        targets = []
        for t in given:
            node = node_of(t)
            if isinstance(t, Tensor):
                t.retain_grad()  # what is no leaf gets its ``.grad`` this way
            if node is not None:
                targets.append(node)
    if create_graph:
        warnings.warn(
            "Using backward() with create_graph=True will create a reference cycle between the "
            "parameter and its gradient which can cause a memory leak. We recommend using "
            "autograd.grad when creating the graph to avoid this. If you have to use this "
            "function, make sure to reset the .grad fields of your parameters to None after use "
            "to break the cycle and avoid the leak.",
            UserWarning,
            stacklevel=2,
        )
    found = run(
        roots,
        retain_graph=create_graph if retain_graph is None else retain_graph,
        create_graph=create_graph,
        wanted=targets,
    )
    while found:
        _land(found, None, create_graph)


set_engine(backward)


def _arrived(arrival: Arrival) -> None:
    """Accumulate the gradient of a leaf that nothing more will be added to, if there is one."""
    grads, leaf = arrival.grads, arrival.leaf
    if leaf in grads:
        grads[leaf] = _call_hooks(leaf, grads[leaf], isinstance(grads[leaf], Tensor))
        _land(grads, leaf, arrival.create_graph)


def _land(found: dict[Node, Any], leaf: Node | None, create_graph: bool) -> None:
    """Remove the gradient of a leaf, or of the last that there is, and accumulate it."""
    node, g, holders = _take(found, leaf)
    tensor = node._tensor() if isinstance(node, AccumulateGrad) else None
    if tensor is None:
        return
    if tensor._node is not node:  # it no longer wants one
        if not tensor.is_leaf:
            raise GradientError("leaf variable has been moved into the graph interior")
        return
    if node.hooks is not None and node.hooks.pre:
        g, holders = before_leaf(node, g), -1
    if g is not None:
        with accumulating:
            _accumulate(tensor, g, create_graph, holders == _SOLE)
    if node.hooks is not None:
        after_leaf(node, tensor, g)


def as_gradients(given: Any, count: int) -> list[Any]:
    """One gradient or `None` for each of `count` outputs.

    Raises:
        TypeError: for anything else.
        GradientError: where their number differs.
    """
    if given is None:
        return [None] * count
    found = [given] if isinstance(given, Tensor) or not hasattr(given, "__len__") else list(given)
    for g in found:
        if not (g is None or isinstance(g, Tensor)):
            raise TypeError(f"gradients can be either Tensors or None, but got {type(g).__name__}")
    if len(found) != count:
        raise GradientError(f"got {count} tensors and {len(found)} gradients")
    return found


def _accumulate(tensor: Tensor, g: Any, create_graph: bool, sole: bool) -> None:
    """Add `g` into ``tensor.grad``, which never shares memory with anything else."""
    ns = tensor._ns
    have = tensor._grad
    if isinstance(g, Tensor) and not create_graph:
        g, sole = g._ns.landed(g, ns) if g._ns.depth else g._data, False
    if have is None:
        tensor._grad = unshared(g, ns, sole, tensor._data)
    elif create_graph or have._data.shape != g.shape:  # somebody has squeezed it, say
        outer, mode.grad = mode.grad, create_graph and not mode.inference
        try:
            tensor._grad = have + g if create_graph else have.add_(wrap(g, ns))
        finally:
            mode.grad = outer
    else:
        with ns.current():
            if ns.mutable:
                have._data += g
                have._written()
            else:  # and views of it follow
                replace(have, have._data + g)


def unshared(g: Any, ns: Namespace, sole: bool, like: Array | None = None) -> Tensor:
    """A gradient as a Tensor whose memory nobody else can see.

    Args:
        sole: nobody else holds `g`, so that it may be kept rather than copied.
        like: what it is to be ordered in memory as; by rows without that.
    """
    if isinstance(g, Tensor):  # its array may be saved in the graph, or be somebody's
        return wrap(g._ns.settled(g._data, like, False), g._ns, g._node)
    if type(g) is not ns.array_type:
        g = ns.wrap(g)
    return wrap(ns.settled(g, like, sole), ns)
