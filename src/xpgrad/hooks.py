"""Hooks: functions of the user's that a backward calls, and how a node calls its own.

A node without hooks pays nothing for them, and the engine does not know of those around a node's
rules: registering the first one turns the node into one of a type whose `vjp` calls them.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from xpgrad.errors import DTypeError, GradientError, ShapeError
from xpgrad.mode import mode

if TYPE_CHECKING:
    from xpgrad.graph import Node


_NONE: dict[Any, Any] = {}  # stays empty


class Hooks:
    """The hooks of one node by kind, and what users remember about it."""

    __slots__ = ("__weakref__", "after", "before", "metadata", "moved", "post", "pre", "retain")

    def __init__(self) -> None:
        # Of the tensor: they see the whole gradient of the node's output, and may replace it.
        self.before: dict[int, Callable[[Any], Any]] = {}
        self.retain: Callable[[Any], None] | None = None  # runs last, sees the final value
        self.after: dict[int, Callable[[Any], None]] = _NONE  # of a leaf: once .grad is written
        self.moved = False  # of a leaf: its tensor got a history, which backward has to refuse
        # Of the node itself, around its rules.
        self.pre: dict[int, Callable[[Any], Any]] = _NONE
        self.post: dict[int, Callable[[Any, Any], Any]] = _NONE
        self.metadata: dict[Any, Any] = _NONE

    def of(self, kind: str) -> dict[Any, Any]:
        """The dict of one kind, to be filled."""
        found: dict[Any, Any] = getattr(self, kind)
        if found is _NONE:
            with _registering:
                found = getattr(self, kind)
                if found is _NONE:
                    found = {}
                    setattr(self, kind, found)
        if kind == "after":
            eager.add(self)
        return found

    @property
    def urgent(self) -> bool:
        """Whether a leaf's gradient may not wait for the end: see `xpgrad.arrivals`."""
        return bool(self.after or self.post or self.moved)


class Eager:
    """Hooks of leaves that are called once ``.grad`` is written: see `xpgrad.arrivals`."""

    def __init__(self) -> None:
        self.waiting = False  # whether there ever were any
        self._known: weakref.WeakSet[Hooks] = weakref.WeakSet()

    def add(self, hooks: Hooks) -> None:
        """Note the hooks of a leaf."""
        self._known.add(hooks)
        self.waiting = True

    def expected(self) -> bool:
        """Whether there are any."""
        return any(hooks.urgent for hooks in tuple(self._known))


eager = Eager()

_registering = threading.Lock()

# Two threads that find no gradient yet, or add into the same one, would lose one of theirs.
accumulating = threading.Lock()


def hooks_of(node: Any) -> Hooks:
    """The hooks of a node, made if there are none yet."""
    hooks: Hooks | None = node.hooks
    if hooks is None:
        with _registering:
            hooks = node.hooks = node.hooks or Hooks()
    return hooks


def own(node: Any, hook: Callable[..., Any]) -> Callable[..., Any]:
    """A hook as backward calls it: one of a transform's own node only when that differentiates."""
    for recording in reversed(mode.recordings):
        if node.seq >= recording.since:
            return recording.hooked(hook)
    return hook


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


class Hookable:
    """What a node offers to users: hooks around its rules, and a dict."""

    __slots__ = ()

    hooks: Hooks | None

    @property
    def metadata(self) -> dict[Any, Any]:
        """A dict for whatever one wants to remember about this node."""
        return hooks_of(self).of("metadata")

    def register_hook(self, fn: Callable[[Any, Any], Any]) -> RemovableHandle:
        """Call ``fn(grad_inputs, grad_outputs)`` after this node's part of a backward.

        Both are tuples of Tensors, with `None` where there is no gradient. `fn` may return a
        tuple to use instead of `grad_inputs`; it must not change them in place.

        >>> import xpgrad as xg
        >>> x = xg.tensor(3.0, requires_grad=True)
        >>> y = x * x
        >>> handle = y.grad_fn.register_hook(lambda grad_inputs, grad_outputs: print(grad_inputs))
        >>> y.backward()
        (tensor(3.), tensor(3.))
        """
        surround(self)
        return RemovableHandle(hooks_of(self).of("post"), own(self, fn))

    def register_prehook(self, fn: Callable[[Any], Any]) -> RemovableHandle:
        """Call ``fn(grad_outputs)`` before this node's part of a backward; it may replace them.

        It runs after the hooks of the tensors that the node made.

        >>> import xpgrad as xg
        >>> x = xg.tensor(3.0, requires_grad=True)
        >>> y = x * x
        >>> handle = y.grad_fn.register_prehook(lambda grad_outputs: (grad_outputs[0] * 10,))
        >>> y.backward(); x.grad
        tensor(60.)
        """
        surround(self)
        return RemovableHandle(hooks_of(self).of("pre"), own(self, fn))

    def __call__(self, *grads: Any) -> Any:
        """This node's part of a backward by hand: the gradients of its inputs.

        Args:
            grads: of each of its outputs, or `None`.

        Returns:
            A Tensor (or `None`) for each of `next_functions`, in a tuple unless it is one. A leaf's
            node adds to ``.grad`` and returns an empty tuple. Hooks are not called.

        Raises:
            TypeError: for anything but as many gradients as there are outputs.
            GradientError: where saved values were freed, or written to since.

        >>> import xpgrad as xg
        >>> x = xg.tensor(3.0, requires_grad=True)
        >>> (x**2).grad_fn(xg.tensor(1.0))
        tensor(6., grad_fn=<MulBackward0>)
        """
        return called(self, grads)


# ------------------------------------------------------------------ what hooks return


def replaced(hook: Any, new: Any, old: Any) -> Any:
    """What a hook gives instead of a gradient, checked.

    Raises:
        TypeError, GradientError, ShapeError, DTypeError: in PyTorch's words.
    """
    if new is None or new is old:
        return new
    from xpgrad.tensor import Tensor

    if not isinstance(new, Tensor):
        raise TypeError(f"expected Variable, but hook returned '{type(new).__name__}'")
    if old is None:
        raise GradientError("can't replace a None gradient with a non-None value")
    if new._data.shape != old._data.shape:
        raise ShapeError(f"hook '{_label(hook)}' has changed the size of value")
    if new.dtype is not old.dtype or new._ns is not old._ns:
        raise DTypeError(
            f"hook '{_label(hook)}' has changed the type of value (was {old.type()} got "
            f"{new.type()})"
        )
    return new


def _label(hook: Any) -> str:
    return getattr(hook, "__name__", type(hook).__name__)


def call_all(
    hooks: dict[int, Any], values: tuple[Any, ...], *more: tuple[Any, ...]
) -> tuple[Any, ...]:
    """Show a node's gradients to its hooks, one after another; they may replace them.

    Raises:
        TypeError, GradientError: where a hook returns anything but as many gradients.
    """
    for hook in tuple(hooks.values()):
        new = hook(values, *more)
        if new is None:
            continue
        if not isinstance(new, tuple):
            raise TypeError(f"expected tuple, but hook returned '{type(new).__name__}'")
        if len(new) != len(values):
            raise GradientError(
                f"hook '{_label(hook)}' has returned an incorrect number of values (got "
                f"{len(new)}, but expected {len(values)})"
            )
        values = tuple([replaced(hook, n, v) for n, v in zip(new, values, strict=True)])
    return values


# ------------------------------------------------------------------ around a node's rules


class _Lifted:
    """What the rules get as their node under ``create_graph``, and the node itself."""

    __slots__ = ("node", "state")

    def __init__(self, node: Any, state: Any) -> None:
        self.node = node
        self.state = state


def _outputs(node: Any) -> int:
    """How many outputs a node has that has several."""
    results = getattr(node, "_results", None)  # of a `Function`
    return node.op.outputs or node.settings["outputs"] if results is None else len(results)


def surround(node: Any) -> None:
    """From now on, this node calls its hooks; `xpgrad.backward` calls those of a leaf."""
    kind = type(node)
    if not node.edges:
        eager.add(hooks_of(node))
        return
    if "_surrounded" in vars(kind):
        return
    known = vars(kind).get("_with_hooks")
    if known is None:
        known = kind._with_hooks = _surrounding(kind)
    node.__class__ = known


def _surrounding(kind: Any) -> Any:
    """The nodes of a type, with hooks called before and after its rules."""
    from xpgrad.graph import Bundle
    from xpgrad.tensor import Tensor

    rules = kind.vjp

    def lifted(self: Any, tensor_namespace: Any) -> Any:
        return _Lifted(self, kind.lifted(self, tensor_namespace))

    def vjp(node: Any, g: Any, edges: Any) -> Any:
        state = node
        if type(node) is _Lifted:
            node, state = node.node, node.state
        elif not isinstance(node, kind):  # another thread has registered a hook this very moment
            return rules(node, g, edges)
        parts = g.parts if isinstance(g, Bundle) else {0: g}
        recorded = any(isinstance(part, Tensor) for part in parts.values())
        ns = node.ns
        count = 1 if node.shape is not None else _outputs(node)
        given: Any = [parts.get(i) for i in range(count)]
        if not recorded:
            given = [_tensor(part, ns) for part in given]
        given = call_all(node.hooks.pre, tuple(given))
        found: Any = (None,) * len(edges)
        if any(part is not None for part in given):
            raw = given if recorded else tuple(map(_raw, given))
            if node.shape is None:
                g = Bundle({i: part for i, part in enumerate(raw) if part is not None})
            else:
                (g,) = raw
            try:
                found = rules(state, g, edges)
            except RuntimeWarning:  # warnings are errors here, yet inf and nan are values
                with ns.quiet():
                    found = rules(state, g, edges)
        if not node.hooks.post:
            return found
        inputs = range(len(edges)) if node.shown is None else node.shown
        shown = [_shown(node, found[i], edges[i], recorded) for i in inputs]
        seen = call_all(node.hooks.post, tuple(shown), given)
        new = dict(zip(inputs, seen if recorded else map(_raw, seen), strict=True))
        return tuple([new.get(i) for i in range(len(edges))])

    body = {"__slots__": (), "_surrounded": True, "__module__": kind.__module__}
    return type(kind.__name__, (kind,), {**body, "lifted": lifted, "vjp": staticmethod(vjp)})


def _shown(node: Any, g: Any, parent: Any, recorded: bool) -> Any:
    """A gradient that a rule gave, as hooks get it: a Tensor that fits its input."""
    from xpgrad.backward import _fit

    if g is None or parent is None:
        return None
    raw = g._data if recorded else g
    if raw.shape != parent.shape or raw.dtype != parent.dtype:
        g = _fit(g, raw, parent, node, recorded)
    return g if recorded else _tensor(g, parent.ns)


def _tensor(g: Any, ns: Any) -> Any:
    from xpgrad.tensor import Tensor, wrap

    if g is None or isinstance(g, Tensor):
        return g
    return wrap(g if type(g) is ns.array_type else ns.wrap(g), ns)


def _raw(g: Any) -> Any:
    return None if g is None else g._data


def called(node: Any, grads: tuple[Any, ...]) -> Any:
    """What a node makes of gradients; recorded, where operations are."""
    from xpgrad import backward, versions
    from xpgrad.graph import Bundle
    from xpgrad.tensor import Tensor

    count = 1 if node.shape is not None else _outputs(node)
    if len(grads) != count:
        raise TypeError(f"expected {count} arguments, got {len(grads)} instead")
    for i, g in enumerate(grads):
        if g is not None and not isinstance(g, Tensor):
            raise TypeError(f"argument {i} is not a Variable")
    recorded = mode.grad
    given: Any = grads if recorded else tuple(map(_raw, grads))
    if not node.edges:
        if given[0] is not None:
            backward._land({node: given[0]}, node, recorded)
        return ()
    if node.seq < versions.last_write:
        versions.check_fresh(node)
    kind: Any = type(node)
    rules = (kind.__base__ if "_surrounded" in vars(kind) else kind).vjp
    state = type(node).lifted(node, backward.tensor_namespace) if recorded else node
    state = state.state if isinstance(state, _Lifted) else state
    found: Any = (None,) * len(node.edges)
    if any(g is not None for g in given):
        g = given[0] if node.shape is not None else Bundle(_there(given))
        found = rules(state, g, node.edges)
    inputs = range(len(found)) if node.shown is None else node.shown
    out = tuple([_shown(node, found[i], node.edges[i], recorded) for i in inputs])
    return out[0] if len(out) == 1 else out


def _there(grads: Sequence[Any]) -> dict[int, Any]:
    return {i: g for i, g in enumerate(grads) if g is not None}


# ------------------------------------------------------------------ around a leaf


@contextlib.contextmanager
def _recording(g: Any) -> Iterator[None]:
    """Grad mode as it is in the backward that gave a gradient."""
    from xpgrad.tensor import Tensor

    outer, mode.grad = mode.grad, isinstance(g, Tensor) and not mode.inference
    try:
        yield
    finally:
        mode.grad = outer


def before_leaf(node: Any, g: Any) -> Any:
    """The gradient that a leaf's prehooks leave to be accumulated, if any."""
    shown = _tensor(g, node.ns)
    with _recording(g):
        (new,) = call_all(node.hooks.pre, (shown,))
    return new if shown is g else _raw(new)


def after_leaf(node: Any, tensor: Any, g: Any) -> None:
    """Call the hooks of a leaf whose gradient has been accumulated.

    Raises:
        TypeError, GradientError: where a hook of the tensor returns anything.
    """
    from xpgrad.tensor import Tensor

    hooks = node.hooks
    if not (hooks.after or hooks.post):
        return
    with _recording(g):
        for hook in () if g is None else tuple(hooks.after.values()):
            if (new := hook(tensor)) is None:
                continue
            if isinstance(new, Tensor):
                raise GradientError("Tensor post accumulate grad hooks should return None.")
            raise TypeError(f"expected Variable, but hook returned '{type(new).__name__}'")
        if hooks.post:
            call_all(hooks.post, (), (_tensor(g, node.ns),))


# ------------------------------------------------------------------ one backward


class Waiting:
    """What a hook of several tensors has seen of one backward."""

    __slots__ = ("fn", "left", "seen")

    def __init__(self, fn: Callable[[Any], Any], count: int, left: int) -> None:
        self.fn = fn
        self.seen: list[Any] = [None] * count
        self.left = left

    def take(self, i: int, g: Any) -> None:
        """Note a gradient; the last one calls the hook."""
        self.seen[i] = g
        self.left -= 1
        if self.left == 0:
            self.fn(self.seen)


class Run:
    """One backward as its hooks see it.

    ``mode.run`` of its thread holds the roots and the nodes that lead to something wanted (`None`
    if all are), so that a backward without such hooks makes nothing but a tuple.
    """

    __slots__ = ("_reached", "needed", "notes", "roots")

    def __init__(self, roots: Sequence[tuple[Node, Any]], needed: set[Node] | None) -> None:
        self.roots = roots
        self.needed = needed
        self.notes: dict[Any, Waiting | None] = {}  # by hook
        self._reached: set[Node] | None = None

    @staticmethod
    def current() -> Run:
        """The innermost backward of this thread."""
        run = mode.run
        if not isinstance(run, Run):
            run = mode.run = Run(*run)
        return run

    def reaches(self, node: Node) -> bool:
        """Whether the run comes past a node, if every rule on the way gives a gradient."""
        if self.needed is not None:
            return node in self.needed
        if self._reached is None:
            stack = [root for root, _ in self.roots]
            self._reached = set(stack)
            while stack:
                for edge in stack.pop().edges:
                    if edge is not None and edge not in self._reached:
                        self._reached.add(edge)
                        stack.append(edge)
        return node in self._reached

    def awaiting(self, nodes: Sequence[Node | None], fn: Callable[[Any], Any]) -> Waiting:
        """What calls `fn` once the gradients of all `nodes` that there will be are known."""
        coming = sum(node is not None and self.reaches(node) for node in nodes)
        return Waiting(fn, len(nodes), coming)

    def finish(self) -> None:
        """Call what still waits for a gradient that has not come: a rule gave none."""
        for waiting in self.notes.values():
            if waiting is not None and waiting.left > 0:
                waiting.fn(waiting.seen)
