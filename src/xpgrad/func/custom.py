"""`Function` within transforms: what each level makes of an operation written by hand.

``apply`` on wrapped Tensors runs below their level, and what it gives is wrapped again:

* `jvp` and dual levels run ``apply`` on the primals, and the ``jvp`` staticmethod on tangents;
* `vmap` runs the ``vmap`` staticmethod on whole batches, or where there is none and
  ``generate_vmap_rule`` says so, `Mapped`: a Function all parts of which run within a batch.

Reverse mode is not a level: whoever records, records a node around all this, as for any Tensors.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from xpgrad.autograd.function import Function, FunctionCtx, needed, once_differentiable
from xpgrad.backward import _fit, tensor_namespace
from xpgrad.errors import GradientError, ShapeError
from xpgrad.func.batched import BatchedNamespace, BatchLevel
from xpgrad.func.calls import Batched
from xpgrad.func.dual import Dual, DualNamespace
from xpgrad.func.trees import flatten, map_tensors, outline, spread
from xpgrad.mode import mode, no_grad
from xpgrad.ops.device import clone
from xpgrad.tensor import Tensor, wrap
from xpgrad.views import replace

Call = tuple[tuple[Any, ...], dict[str, Any]]  # positional and keyword arguments

HELP = " For more details, please see https://pytorch.org/docs/main/notes/extending.func.html"

MISCOUNTED = (
    "Function's jvp returned an invalid number of forward gradients (expected {} but got {})"
)


def within(function: type[Function], call: Call, ctx: FunctionCtx) -> tuple[Call, Any]:
    """A Function on Tensors of transforms: its arguments and results, all of the innermost one.

    If somebody records there, `ctx` is set up.
    """
    leaves, make = flatten(call)
    ns: Any = None
    for t in leaves:
        if isinstance(t, Tensor):
            if t._ns.ended:
                t._ns.settle(t)
            if t._ns.depth and (ns is None or t._ns.depth > ns.depth):
                ns = t._ns
    if ns is None:  # what is made in forward is not the transforms' either
        ctx.needs_input_grad = needed(call)
        level, mode.level = mode.level, None
        try:
            return call, function._compute(call, ctx)
        finally:
            mode.level = level
    call = make([ns.beside(t._ns).lift(t) if isinstance(t, Tensor) else t for t in leaves])
    ctx.needs_input_grad = needed(call)
    run = _pushed if isinstance(ns, DualNamespace) else _batched
    out = run(function, ns, call, ctx)
    if mode.grad and any(ctx.needs_input_grad) and function._is_separate():
        with no_grad():
            function.setup_context(ctx, call[0], out)
    return call, out


def _several(value: Any) -> list[Any]:
    """What a staticmethod returned, one by one."""
    return list(value) if isinstance(value, tuple) else [value]


# ------------------------------------------------------------------ forward mode


def _pushed(function: type[Function], ns: DualNamespace, call: Call, ctx: FunctionCtx) -> Any:
    """The results of a Function with their tangents."""
    leaves, make = flatten(call)
    primals = [t._data.value if isinstance(t, Tensor) else t for t in leaves]
    inputs = (*call[0], *call[1].values())
    tangents = [t._data.tangent if isinstance(t, Tensor) else None for t in inputs]
    below: Call = make(primals)
    with ns.level.lowered():
        out, own = function._applied(below)
        outs = _several(out)
        changes: list[Tensor | None] = [None] * len(outs)
        if any(t is not None for t in tangents):
            if function._is_separate():
                own = FunctionCtx()
                own.needs_input_grad = needed(below)
                with no_grad():
                    function.setup_context(own, below[0], out)
            written = {id(t) for t in own.dirty_tensors}
            # Others may have the same tangent, which jvp is going to write to.
            tangents = [
                clone(t) if t is not None and id(a._data.value) in written else t
                for t, a in zip(tangents, inputs, strict=True)
            ]
            if own.materialize_grads:
                tangents = [_materialized(t, a) for t, a in zip(tangents, inputs, strict=True)]
            changes = _several(function.jvp(own, *tangents))
            _check(changes, outs, own)
    above = {id(p): t for p, t in zip(primals, leaves, strict=True) if isinstance(t, Tensor)}
    written = {id(t) for t in own.dirty_tensors}
    made: list[Any] = []
    for o, change in zip(outs, changes, strict=True):
        if not isinstance(o, Tensor):
            made.append(map_tensors(ns.lift, o))
            continue
        if id(o) in written:
            t = above[id(o)]
            before = next(x for x, a in zip(tangents, inputs, strict=True) if a is t)
            made.append(_written(ns, t, before, change))
        else:
            made.append(wrap(Dual(ns, o, change), ns))
        above[id(o)] = made[-1]

    def known(t: Any) -> Any:
        return above[id(t)] if id(t) in above else ns.lift(t) if isinstance(t, Tensor) else t

    if function._is_separate():
        ctx.dirty_tensors = tuple(map(known, own.dirty_tensors))
    else:  # all that forward left, as what is known here of the Tensors below
        left = {k: v for k, v in vars(own).items() if k not in ("needs_input_grad", "_node")}
        values, again = flatten(left)
        vars(ctx).update(again([known(value) for value in values]))
    own._forget()
    return tuple(made) if isinstance(out, tuple) else made[0]


def _materialized(tangent: Tensor | None, t: Any) -> Tensor | None:
    if tangent is not None or not isinstance(t, Tensor) or not t.dtype.is_differentiable:
        return tangent
    primal = t._data.value
    zeros: Tensor = tensor_namespace(primal._ns).zeros_like(primal)
    return zeros


def _check(changes: Sequence[Any], outs: Sequence[Any], ctx: FunctionCtx) -> None:
    """Check the tangents that a ``jvp`` returned.

    Raises:
        GradientError, ShapeError: in PyTorch's words.
    """
    if len(changes) != len(outs):
        raise GradientError(MISCOUNTED.format(len(outs), len(changes)))
    constant = {id(t) for t in ctx.non_differentiable}
    for i, (o, change) in enumerate(zip(outs, changes, strict=True)):
        if change is None:
            continue
        if not isinstance(change, Tensor):
            raise GradientError(
                f"expected Variable or None (got {type(change).__name__}) for grad output {i}."
            )
        if not isinstance(o, Tensor) or not o.dtype.is_differentiable or id(o) in constant:
            raise GradientError(
                f"Function's jvp returned a gradient at position {i}, but  the corresponding "
                "forward output is not a differentiable Tensor."
                "You should return None at that position instead."
            )
        if change._data.shape != o._data.shape:
            raise ShapeError(
                "Trying to set a forward gradient that has a different size than that of the "
                f"original Tensor, this is not supported. Tensor is of size {list(o.shape)} while "
                f"the given forward gradient is of size {list(change.shape)}."
            )


def _written(ns: DualNamespace, t: Tensor, before: Tensor | None, change: Tensor | None) -> Tensor:
    """An input that forward wrote to, with the tangent that ``jvp`` wrote to.

    Raises:
        GradientError: where that is another one.
    """
    if change is not before:
        raise GradientError(
            "An inplace custom Function is not modifying the forward mode gradients inplace. If "
            "the forward is modifying an input inplace, then the jvp function must modify the "
            "corresponding gradient inplace."
        )
    if t._data.tangent is not change:
        replace(t, Dual(ns, t._data.value, change))
    return t


# ------------------------------------------------------------------ batches


class VmapInfo(NamedTuple):
    """What the ``vmap`` staticmethod is told."""

    batch_size: int
    randomness: str


def _batched(function: type[Function], ns: BatchedNamespace, call: Call, ctx: FunctionCtx) -> Any:
    """The results of a Function on batches.

    Raises:
        GradientError: in PyTorch's words, for a Function that has no batched form, or two.
    """
    level = ns.level
    leaves, make = flatten(call)
    dims = [0 if isinstance(t, Tensor) and t._data.batched else None for t in leaves]
    values = [t._data.value if isinstance(t, Tensor) else t for t in leaves]
    args, kwargs = make(values)
    if not any(d == 0 for d in dims):
        with level.lowered():
            out = function.apply(*args, **kwargs)
        return map_tensors(ns.lift, out)
    own = function.vmap is not Function.vmap
    if own is function.generate_vmap_rule:
        has = (
            "it has both generate_vmap_rule=True and an overridden vmap staticmethod. Please set "
            "generate_vmap_rule=False or delete the overridden vmap staticmethod to avoid "
            "ambiguity."
            if own
            else "it does not have vmap support. Please override and implement the vmap "
            "staticmethod or set generate_vmap_rule=True."
        )
        raise GradientError(f"You tried to vmap over {function.__name__}, but {has}{HELP}")
    if not own:
        plan = Plan(function, level, dims, make)
        with level.lowered():
            outs = Mapped.apply(plan, *values)
        return plan.build([level.make(o, 0) if isinstance(o, Tensor) else o for o in outs])
    with level.lowered():
        info = VmapInfo(level.size, level.randomness)
        returned = function.vmap(info, make(dims)[0], *args, **kwargs)
    if not isinstance(returned, tuple) or len(returned) != 2:
        got = f"{len(returned)} returns" if isinstance(returned, tuple) else f"a {type(returned)}"
        raise GradientError(
            "Expected the vmap staticmethod to have two returns, an output and out_dims with "
            f"pytree structure compatible with the output. Got {got} instead"
        )
    out, out_dims = returned
    places = spread(out_dims, out)
    if places is None:
        raise GradientError(
            "The autograd.Function's vmap staticmethod returned an incompatible (output, out_dims) "
            f"tuple. Expected out_dims={out_dims} to be compatible with the structure of `output`. "
            f"out_dims has structure {outline(out_dims)} but output has structure {outline(out)}."
            + HELP
        )
    # What is returned as it was given is the same Tensor above, too: it may have been written to.
    above = {id(v): t for v, t in zip(values, leaves, strict=True) if isinstance(t, Tensor)}

    def made(o: Any, dim: int | None) -> Any:
        if not isinstance(o, Tensor):
            return o
        if id(o) in above:
            return above[id(o)]
        return ns.lift(o) if dim is None else level.make(o, dim % max(o.ndim, 1))

    results, build = flatten(out)
    return build([made(o, dim) for o, dim in zip(results, places, strict=True)])


class Plan:
    """How a Function runs within a batch: the first argument of `Mapped`.

    Attributes:
        function: the Function.
        dims: of each leaf of its arguments, where the batch is.
        make: how to nest such leaves.
        inputs: of each argument that is a leaf itself, which one.
        outputs: likewise of each result that is a Tensor, once there are some.
        build: how to nest the leaves of results.
        count: how many those are.
    """

    outputs: list[int | None]
    build: Callable[[Sequence[Any]], Any]
    count: int

    def __init__(
        self,
        function: type[Function],
        level: BatchLevel,
        dims: list[int | None],
        make: Callable[[Sequence[Any]], Call],
    ) -> None:
        self.function, self.dims, self.make = function, dims, make
        self.size, self.randomness = level.size, level.randomness
        args, kwargs = make(range(len(dims)))
        self.inputs = [a if isinstance(a, int) else None for a in (*args, *kwargs.values())]

    @contextlib.contextmanager
    def entered(self, tensors: Sequence[Any]) -> Iterator[BatchLevel]:
        """A level for the batch, around the levels that the Tensors are of."""
        levels = [t._ns.level for t in tensors if isinstance(t, Tensor) and t._ns.depth]
        outer, mode.level = mode.level, max(levels, key=lambda x: x.depth, default=None)
        try:
            with BatchLevel(self.size, self.randomness) as found:
                yield found
        finally:
            mode.level = outer

    def call(self, level: BatchLevel, leaves: Sequence[Any]) -> Call:
        """Arguments, or what belongs to them, as one example sees them."""
        return self.make(
            [
                level.make(x, d) if d is not None and isinstance(x, Tensor) else x
                for x, d in zip(leaves, self.dims, strict=True)
            ]
        )

    def returned(self, out: Any) -> list[Any]:
        """The leaves of what forward returned."""
        leaves, self.build = flatten(out)
        self.outputs, self.count = [], 0
        for o in _several(out):
            self.outputs.append(self.count if isinstance(o, Tensor) else None)
            self.count += len(flatten(o)[0])
        return leaves

    def gradient(self, level: BatchLevel, g: Tensor, i: int, like: tuple[Any, Any]) -> Any:
        """A gradient for a leaf of the arguments, as the gradient of the whole batch."""
        shape, dtype = like
        if g._data.shape != shape or g._data.dtype != dtype:
            place = _Place(self.function, g, shape, dtype)
            g = _fit(g, g._data, place, place, True)  # type: ignore[arg-type]
        if self.dims[i] is not None:
            return level.taken(g, 0, self.function.__name__)
        value, batched = _parts(level, g)
        # The sum over all examples: the engine takes it where there is a dimension too many.
        return value if batched else value * self.size


class _Place:
    """An argument of one example, and the node that its gradient is from."""

    def __init__(self, function: type[Function], g: Tensor, shape: Any, dtype: Any) -> None:
        self.function, self.ns, self.shape, self.dtype = function, g._ns, shape, dtype
        self.edges = (self,)

    def name(self) -> str:
        """The node's name."""
        return self.function._backward_cls.__name__


def _parts(level: BatchLevel, t: Any) -> tuple[Any, bool]:
    """A Tensor without the level, and whether it is a batch; anything else as it is."""
    data = t._data if isinstance(t, Tensor) else None
    if isinstance(data, Batched) and data.ns.level is level:
        return data.value, data.batched
    return t, False


class Mapped(Function):
    """A Function over a batch, on Tensors that have the batch as their first dimension."""

    generate_vmap_rule = True

    @staticmethod
    def forward(plan: Plan, *leaves: Any) -> Any:
        """Its forward within a batch."""
        with plan.entered(leaves) as level:
            args, kwargs = plan.call(level, leaves)
            outs = plan.returned(plan.function.forward(*args, **kwargs))
            name = plan.function.__name__
            return tuple(level.taken(o, 0, name) if isinstance(o, Tensor) else o for o in outs)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Any, ...]) -> None:
        """Its setup_context within a batch. What that leaves is kept without the level."""
        plan, *leaves = inputs
        with plan.entered(inputs) as level:
            args, kwargs = plan.call(level, leaves)
            given = (*args, *kwargs.values())
            outs = [level.make(o, 0) if isinstance(o, Tensor) else o for o in output]
            inner = FunctionCtx()
            needs = ctx.needs_input_grad[1:]
            inner.needs_input_grad = tuple(i is not None and needs[i] for i in plan.inputs)
            plan.function.setup_context(inner, args, plan.build(outs))
            if inner.dirty_tensors:
                raise GradientError(
                    "Some elements marked as dirty during the forward method were not returned as "
                    "output. The inputs that are modified inplace must all be outputs of the "
                    "Function: generate_vmap_rule=True cannot know, so write a vmap staticmethod."
                )
            constant = {id(t) for t in inner.non_differentiable}
            ctx.mark_non_differentiable(
                *[o for o, t in zip(output, outs, strict=True) if id(t) in constant]
            )
            ctx.set_materialize_grads(inner.materialize_grads)
            left = vars(inner)
            for name, save in (
                ("to_save", ctx.save_for_backward),
                ("saved_for_forward", ctx.save_for_forward),
            ):
                parts = [_parts(level, t) for t in left.pop(name, ())]
                save(*[value for value, _ in parts])
                left[name] = [batched for _, batched in parts]
            left.pop("non_differentiable", None)
            values, make = flatten(left)
            ctx.plan = plan
            ctx.left = [_parts(level, value) for value in values], make
            ctx.likes = [
                (t._data.shape, t._data.dtype) if isinstance(t, Tensor) else None for t in given
            ]

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        """Its backward within a batch."""
        function = ctx.plan.function
        backward = function.backward if function.vjp is Function.vjp else function.vjp
        once = getattr(backward, "once_differentiable", False)
        return (once_differentiable(_pulled) if once else _pulled)(ctx, *grads)

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Any:
        """Its jvp within a batch."""
        plan: Plan = ctx.plan
        saved = ctx.saved_tensors
        with plan.entered((*tangents, *saved)) as level:
            args, kwargs = plan.call(level, tangents[1:])
            given = zip((*args, *kwargs.values()), plan.inputs, strict=True)
            changes = _several(
                plan.function.jvp(
                    _restored(ctx, level, saved, "saved_for_forward"),
                    *[None if i is None else t for t, i in given],
                )
            )
            if len(changes) != len(plan.outputs):
                raise GradientError(MISCOUNTED.format(len(plan.outputs), len(changes)))
            found: list[Any] = [None] * plan.count
            for i, change in zip(plan.outputs, changes, strict=True):
                if i is not None and change is not None:
                    found[i] = level.taken(change, 0, plan.function.__name__)
            return tuple(found)


def _restored(ctx: Any, level: BatchLevel, saved: Sequence[Any], name: str) -> FunctionCtx:
    """What setup_context left, for one example."""

    def again(value: Any, batched: bool) -> Any:
        return level.make(value, 0) if batched else value

    inner = FunctionCtx()
    values, make = ctx.left
    vars(inner).update(make([again(*part) for part in values]))
    batched = vars(inner)[name]
    inner.saved_for_forward = tuple(map(again, saved, batched))  # what `saved_tensors` returns
    return inner


def _pulled(ctx: Any, *grads: Any) -> Any:
    """The gradients of a batch."""
    plan: Plan = ctx.plan
    saved = ctx.saved_tensors
    with plan.entered((*grads, *saved)) as level:
        given = [
            None if i is None or grads[i] is None else level.make(grads[i], 0) for i in plan.outputs
        ]
        inner = _restored(ctx, level, saved, "to_save")
        gradients = _several(plan.function._call_backward(inner, given))
        expected = len(plan.inputs)
        if len(gradients) < expected or any(g is not None for g in gradients[expected:]):
            raise GradientError(
                f"function {plan.function._backward_cls.__name__} returned an incorrect number of "
                f"gradients (expected {expected}, got {len(gradients)})"
            )
        found: list[Any] = [None] * (1 + len(plan.dims))
        for g, i, like in zip(gradients, plan.inputs, ctx.likes, strict=False):
            if i is not None and g is not None:
                known = isinstance(g, Tensor) and like is not None
                found[1 + i] = plan.gradient(level, g, i, like) if known else g
        return tuple(found)
