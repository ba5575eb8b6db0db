"""Views: tensors that show one memory, and what a write through one of them means for the others.

A view holds on to its parent, and the parent knows its living views, weakly. From a base to a view
lead steps: view ops with their settings. That is all it takes

* to give the base a history when a view is written to (a `CopySlices` node, as in PyTorch), and
  every other view the history that follows from it, and
* to have writes seen everywhere on a library whose arrays cannot be written to: the base gets a
  new array, and the views are taken again. There a detached tensor follows its source like a view.
"""

from __future__ import annotations

import functools
import math
import weakref
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from xpgrad.arrivals import moved
from xpgrad.errors import GradientError
from xpgrad.graph import AccumulateGrad, Node, Output, hooks_of, tick
from xpgrad.mode import mode
from xpgrad.namespace import Array
from xpgrad.tensor import Tensor, new
from xpgrad.versions import Version, mark, short

if TYPE_CHECKING:
    from xpgrad.op import Op

# In which mode a view was made. PyTorch forbids recorded writes through views that were not
# recorded themselves, and through one of several views that one op made.
RECORDED, NO_GRAD, INFERENCE, CUSTOM = range(4)  # the last: by an `autograd.Function`

INFERENCE_WRITTEN = (
    "Inplace update to inference tensor outside InferenceMode is not allowed.You can make a clone "
    "to get a normal tensor before doing inplace update.See "
    "https://github.com/pytorch/rfcs/pull/17 for more details."
)
LEAF_WRITTEN = "a leaf Variable that requires grad is being used in an in-place operation."
OVERLAPPING = (
    "unsupported operation: more than one element of the written-to tensor refers to a single "
    "memory location. Please clone() the tensor before performing the operation."
)
SEVERAL = (
    " This view is the output of a function that returns multiple views. Such functions do not "
    "allow the output views to be modified inplace. You should replace the inplace operation by "
    "an out-of-place one."
)
BY_FUNCTION = (
    " This view was created inside a custom Function (or because an input was returned as-is) and "
    "the autograd logic to handle view+inplace would override the custom backward associated with "
    "the custom Function, leading to incorrect gradients. This behavior is forbidden. You can fix "
    "this by cloning the output of the custom Function."
)
AMBIGUOUS = (
    " Given that this use case is ambiguous and error-prone, it is forbidden. You can clarify your "
    "code by moving both the view and the inplace either both inside the {0} block (if you don't "
    "want the inplace to be tracked) or both outside (if you want the inplace to be tracked)."
)

# ------------------------------------------------------------------ who shows whose memory


def link_view(
    out: Tensor, x: Tensor, op: Op, settings: dict[str, Any] | None, index: int | None = None
) -> None:
    """Remember that `out`, made of `x` by a view op, shows its memory, if it does."""
    ns = x._ns
    if ns.mutable and not ns.is_view(out._data, x._data):
        return
    made = RECORDED if mode.grad else INFERENCE if mode.inference else NO_GRAD
    out._view = (x, op if index is None else (op, index), settings or {}, made)
    if out._inference is not x._inference:
        out._inference = x._inference
    _register(x, out)
    if made and x.requires_grad:
        out._node = unheard(out)


def link_alias(out: Tensor, x: Tensor) -> None:
    """Remember that `out` shows the memory of `x` without its history, where nobody can write."""
    if not x._ns.mutable:
        out._source = x
        _register(x, out)


def _register(x: Tensor, view: Tensor) -> None:
    views = x._views
    if views is None:
        views = vars(x).setdefault("_views", [])  # another thread may be just here
    views.append(weakref.ref(view))
    n = len(views)
    if n >= 16 and not n & (n - 1):  # now and then, so that the list stays about as long as needed
        x._views = kept = [r for r in views[:n] if r() is not None]
        kept += views[n:]


def living(x: Tensor) -> Iterator[Tensor]:
    """The views (and aliases) of a tensor that somebody still holds."""
    for r in x._views or ():
        view = r()
        if view is not None and parent_of(view) is x:
            yield view


def parent_of(t: Tensor) -> Tensor | None:
    """What a view or an alias was made of."""
    return t._source if t._view is None else t._view[0]


def steps_to(view: Tensor) -> tuple[Any, ...]:
    """How to get from the base to a view: an op, its settings and the shape before, each."""
    steps = []
    while view._view is not None:
        parent, op, settings, _ = view._view
        steps.append((op, settings, tuple(parent._data.shape)))
        view = parent
    return tuple(reversed(steps))


def relink(t: Tensor, seen: Tensor, back: tuple[Any, dict[str, Any]] | None) -> None:
    """Let `t` turn into `seen`, a view of it: from now on it has that shape.

    Args:
        back: the view op, with settings, that leads from there to what `t` was. A hidden tensor
            stands for that; it is now the parent of the views of `t`, or if `t` is a view itself,
            or nothing leads back (`None`), the parent of `t`.
    """
    hidden: Tensor = new(Tensor)
    hidden._data, hidden._ns, hidden._node = t._data, t._ns, t._node
    hidden._shared = t._shared
    children = [view for view in living(t) if view is not seen]
    t._views = []
    if back is not None and t._view is None and t._source is None:
        hidden._view = (t, *back, RECORDED)
        if children:
            _register(t, hidden)
    else:
        hidden._view, hidden._source = t._view, t._source
        parent = parent_of(t)
        assert seen._view is not None
        if parent is not None:
            _register(parent, hidden)
        t._source, t._view = None, (hidden, *seen._view[1:])
        _register(hidden, t)
    for view in children:
        _reparent(view, hidden)
    t._data = seen._data


def leave(t: Tensor) -> None:
    """Let `t` be no view, and have none: a hidden tensor takes its place."""
    children = list(living(t))
    version, parent = t._counter(), parent_of(t)
    if children or parent is not None:
        hidden: Tensor = new(Tensor)
        hidden._data, hidden._ns, hidden._node = t._data, t._ns, vars(t)["_node"]
        hidden._view, hidden._source = t._view, t._source
        hidden._shared = version
        if parent is not None:
            _register(parent, hidden)
        for view in children:
            _reparent(view, hidden)
    t._view, t._source, t._views = None, None, []
    if parent is not None or children:
        t._shared = Version(version.silent, t)
        t._shared.count = version.count


def _reparent(view: Tensor, parent: Tensor) -> None:
    if view._view is None:
        view._source = parent
    else:
        view._view = (parent, *view._view[1:])
    _register(parent, view)


# ------------------------------------------------------------------ before a write


def check_write(t: Tensor, recorded: bool, through: bool = False) -> None:
    """Check that a tensor may be written to, with or without history.

    Args:
        through: the write goes through a view of it.

    Raises:
        GradientError: in PyTorch's words.
    """
    if t._inference and not mode.inference:
        raise GradientError(INFERENCE_WRITTEN)
    if t._view is not None:
        _check_view(t, recorded)
    elif recorded and isinstance(t._node, AccumulateGrad):
        raise GradientError(f"a view of {LEAF_WRITTEN}" if through else LEAF_WRITTEN)


def _check_view(t: Tensor, recorded: bool) -> None:
    chain, several = [t], False
    while (view := chain[-1]._view) is not None:
        chain.append(view[0])
        several = several or isinstance(view[1], tuple)
    if mode.grad and (recorded or chain[-1].requires_grad):
        made = made_in(t)
        if made == CUSTOM:
            what = f"{_output(t)} is a view and is being modified inplace."
            raise GradientError(what + BY_FUNCTION)
        if made:
            where = ("no_grad", "grad mode enabled")
            if made == INFERENCE:
                where = ("inference", "normal mode")
            raise GradientError(
                f"A view was created in {where[0]} mode and is being modified inplace "
                f"{'with ' if made == NO_GRAD else 'in '}{where[1]}."
                + AMBIGUOUS.format("no_grad" if made == NO_GRAD else "inference_mode")
            )
        if several:
            raise GradientError(_several(t))
        if t.requires_grad and (t.is_leaf or chain[-1].is_leaf):
            raise GradientError(f"a view of {LEAF_WRITTEN}")


def made_in(view: Tensor) -> int:
    """In which mode a view was made, or if it was recorded, what it is a view of."""
    made = RECORDED
    while made == RECORDED and view._view is not None:
        view, _, _, made = view._view
    return made


def _several(t: Tensor) -> str:
    if t._node is None:
        what = "A view was created in no_grad mode and is being modified inplace with grad mode "
        return f"{what}enabled.{SEVERAL}"
    return f"{_output(t)} is a view and is being modified inplace.{SEVERAL}"


def _output(t: Tensor) -> str:
    if isinstance(t, Overtaken):
        return t._was
    fn = t.grad_fn
    name = "" if fn is None else short(fn)
    return f"Output {t.output_nr} of {name}"


def overlaps(t: Tensor) -> bool:
    """Whether several elements share one place in memory, as after ``expand``."""
    return distinct(t) is not None


def distinct(t: Tensor) -> tuple[slice, ...] | None:
    """The index of one element each of those that share a place; `None` where none do."""
    if t._view is None or 0 in t._data.shape:
        return None
    ns, shape = t._ns, t._data.shape
    strides = getattr(t._data, "strides", None)
    if strides is not None and ns.mutable:
        repeated = [s == 0 and n > 1 for s, n in zip(strides, shape, strict=True)]
    else:  # nobody can see the memory: look where the elements come from
        steps = steps_to(t)
        if not any(getattr(op, "name", "") == "broadcast_to" for op, *_ in steps):
            return None
        from xpgrad.ops.indexing import follow

        size = math.prod(steps[0][2])
        places: Any = ns.reshape(ns.arange(size), steps[0][2])
        if t._root().dtype.is_complex:  # of which the steps may take one part
            places = ns.astype(places, t._root()._data.dtype) * (1 + 1j)
        places = follow(ns, places, steps)
        places = ns.to_host(ns.wrap(places))
        repeated = [
            n > 1 and bool((places == places.take([0], axis=i)).all()) for i, n in enumerate(shape)
        ]
    return tuple(slice(0, 1 if r else None) for r in repeated) if any(repeated) else None


# ------------------------------------------------------------------ after a write: values


def replace(t: Tensor, data: Array) -> None:
    """Give a tensor of an immutable library new contents; all that shows its memory follows."""
    from xpgrad.ops.indexing import copy_slices, follow

    ns, top = t._ns, t
    steps: list[Any] = []
    while (parent := parent_of(top)) is not None:
        if top._view is not None:
            steps.append((*top._view[1:3], tuple(parent._data.shape)))
        top = parent
    if steps:
        steps.reverse()
        data = copy_slices.op.forward(ns, top._data, data, steps=tuple(steps))
    version = t._counter()
    version.bump()
    stack = [(top, ns.wrap(data))]
    while stack:
        x, new_data = stack.pop()
        # Whoever saved the old array meant what the memory held then: PyTorch raises, so do we.
        mark(ns, x._data, version)
        x._data = new_data
        for view in living(x):
            step = () if view._view is None else ((*view._view[1:3], None),)
            seen = ns.wrap(follow(ns, new_data, step))
            if view._view is None and ns.depth:
                seen = ns.severed(seen)
            stack.append((view, seen))


# ------------------------------------------------------------------ after a write: history


def rebase(t: Tensor, node: Node | None, through: tuple[Any, ...] = ()) -> None:
    """`node` made what has just been written into `t`: its base and all views follow.

    Args:
        through: steps from `t` to the part of it that was written to.
    """
    base = t._root()
    if through or base is not t:
        from xpgrad.ops.indexing import CopySlices

        inner, node = node, new(CopySlices)
        node.edges = (base._node, inner)
        node.saved = node.hooks = None
        node.settings = {"steps": steps_to(t) + through}
        node.seq = tick()
        node.shape, node.dtype, node.ns = base._data.shape, base._data.dtype, base._ns
    assert node is not None
    _succeed(base, node)
    stack = [base]
    while stack:
        x = stack.pop()
        for view in living(x):
            if view._view is not None:
                _follow(view)
                stack.append(view)


def _succeed(t: Tensor, node: Node) -> None:
    """Give a tensor a new history; ``retain_grad`` means the tensor, not the old history."""
    before = t._node
    if t._retained and before is not None and before.hooks is not None:
        hooks_of(node).retain, before.hooks.retain = before.hooks.retain, None
    if t._idle is not None:
        moved(t._idle, t)
    t._node = node


def _view_node(view: Tensor) -> Node:
    """The node that makes a view of what its parent now is."""
    assert view._view is not None
    parent, op, settings, _ = view._view
    several = isinstance(op, tuple)
    made_by: Op = op[0] if several else op
    n = new(renamed(made_by, "AsStridedBackward0"))  # as PyTorch takes such views again
    n.edges = (parent._node,)
    n.saved = n.hooks = None
    n.settings = settings
    n.seq = tick()
    n.ns = view._ns
    if several:
        n.shape, n.dtype, n.outputs = None, None, {}
        return Output(n, op[1], view._data)
    n.shape, n.dtype = view._data.shape, view._data.dtype
    return n


@functools.cache
def renamed(op: Op, name: str) -> type[Node]:
    """The nodes of an op under another name."""
    return op._node_type(name)


# ------------------------------------------------------------------ views without a history
#
# A view that was made while nothing was recorded, or before its base required a gradient, requires
# one as soon as its base does: PyTorch asks the base. It is a leaf whose gradient nobody wants.
# The next write to that memory makes it part of the history if it was recorded, and otherwise
# makes it ambiguous what it is.


class Unheard(AccumulateGrad):
    """The end of the graph at a view that has no history although its base requires a gradient."""

    __slots__ = ()


def _nobody() -> None:
    return None


def unheard(view: Tensor) -> Node:
    """The node of such a view, which from now on waits for the next write."""
    n = new(Unheard)
    n.edges, n.seq = (), 0
    n.saved = n.settings = n.hooks = None
    n.ns, n.shape, n.dtype = view._ns, view._data.shape, view._data.dtype
    n._tensor = _nobody
    root, waiting = view._root(), view._counter().waiting
    if not any(r() is root for r in waiting):
        waiting.append(weakref.ref(root))
    return n


def below(x: Tensor) -> Iterator[Tensor]:
    """The views of a tensor and their views, parents first."""
    for view in living(x):
        if view._view is not None:
            yield view
            yield from below(view)


def share_flag(t: Tensor) -> None:
    """The flag `requires_grad` of `t` was set: views without a history follow their base."""
    root = t._root()
    for view in below(t) if root is t else [t]:
        if root.requires_grad and view._node is None and view.dtype.is_differentiable:
            view._node = unheard(view)
        elif type(view._node) is Unheard and not root.requires_grad:
            view._node = None


def written_to(root: Tensor) -> None:
    """The memory of `root` was written to, perhaps by nobody's record."""
    for view in below(root):
        if not isinstance(view, Overtaken) and type(view._node) is Unheard:
            _follow(view)


def _follow(view: Tensor) -> None:
    """Give a view the history that follows from its base's, if that is clear."""
    made = made_in(view)
    if made == RECORDED:
        _succeed(view, _view_node(view))
    elif not isinstance(view, Overtaken):
        was = _output(view)
        view.__class__ = Overtaken
        vars(view).update(_was=was, _made=made)


class Overtaken(Tensor):
    """A view whose base was written to, so that it is ambiguous how it was made: an error."""

    _was: str
    _made: int

    @property
    def _node(self) -> Node | None:
        if mode.grad:
            raise self._error()
        return None

    @_node.setter
    def _node(self, node: Node | None) -> None:
        self.__class__ = Tensor  # type: ignore[assignment]
        self._node = node

    def _error(self) -> GradientError:
        if self._made == CUSTOM:
            return GradientError(
                f"{self._was} is a view and its base or another view of its base has been modified "
                f"inplace.{BY_FUNCTION}"
            )
        no_grad = self._made == NO_GRAD
        where, outside = ("no_grad", "with grad mode enabled")
        if not no_grad:
            where, outside = ("inference", "in normal mode")
        return GradientError(
            f"A view was created in {where} mode and its base or another view of its base has "
            f"been modified inplace {outside}."
            + AMBIGUOUS.format("no_grad" if no_grad else "inference_mode")
        )

    @property
    def is_leaf(self) -> bool:
        """Nobody knows."""
        raise self._error()

    @property
    def grad_fn(self) -> Node | None:
        """Nobody knows."""
        raise self._error()

    @property
    def output_nr(self) -> int:
        """Which output of its ``grad_fn`` this tensor was."""
        return 0

    @property
    def requires_grad(self) -> bool:
        """Whether the base requires a gradient."""
        return self._root().requires_grad

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        pass

    requires_grad_ = Tensor.requires_grad_
