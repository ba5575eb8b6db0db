"""`Function`: an operation whose forward and backward are written by hand."""

from __future__ import annotations

import functools
import warnings
import weakref
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, TypeVar

from xpgrad.call import INFERENCE_SAVED
from xpgrad.errors import DeviceError, GradientError
from xpgrad.graph import (
    FREED,
    SECOND_BACKWARD,
    AccumulateGrad,
    Bundle,
    Node,
    Output,
    tick,
)
from xpgrad.mode import mode, no_grad
from xpgrad.namespace import Array, Namespace
from xpgrad.ops.shape import reshape
from xpgrad.tensor import Tensor, new, wrap
from xpgrad.versions import Version, stale
from xpgrad.views import CUSTOM, rebase

F = TypeVar("F", bound=Callable[..., Any])
Call = tuple[tuple[Any, ...], dict[str, Any]]  # positional and keyword arguments

NOT_SEPARATE = (
    "In order to use an autograd.Function with functorch transforms (vmap, grad, jvp, jacrev, "
    "...), it must override the setup_context staticmethod. For more details, please see "
    "https://pytorch.org/docs/main/notes/extending.func.html"
)


class FunctionCtx:
    """What a forward leaves for its backward. Any attribute may be set on it.

    Attributes:
        needs_input_grad: for each argument of ``apply``, whether it requires a gradient.
    """

    needs_input_grad: tuple[bool, ...] = ()
    to_save: tuple[Tensor | None, ...] = ()
    dirty_tensors: tuple[Tensor, ...] = ()
    non_differentiable: tuple[Tensor, ...] = ()
    materialize_grads: bool = True

    # The node owns its ctx; the way back is weak, for a cycle would pin what both of them hold.
    _node: Callable[[], FunctionNode | None] | None = None

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keep tensors (or `None`) for `saved_tensors`; the last call counts.

        Inputs and outputs kept this way cost no cycle, and are checked for later writes.

        Raises:
            TypeError: for anything but a Tensor or `None`; set that as an attribute.
        """
        for i, t in enumerate(tensors):
            if t is not None and not isinstance(t, Tensor):
                raise TypeError(
                    "save_for_backward can only save variables, but argument "
                    f"{i} is of type {type(t).__name__}"
                )
        self.to_save = tensors

    def save_for_forward(self, *tensors: Tensor | None) -> None:
        """Keep tensors (or `None`) for `saved_tensors` in `Function.jvp`; the last call counts.

        Raises:
            AssertionError: for anything but a Tensor or `None`.
        """
        if any(t is not None and not isinstance(t, Tensor) for t in tensors):
            raise AssertionError(
                "save_for_forward expects all arguments to be tensors; you should save non-tensors "
                "as attributes on ctx."
            )
        self.saved_for_forward = tensors

    @property
    def saved_tensors(self) -> tuple[Tensor | None, ...]:
        """What `save_for_backward` kept, with its history; in ``jvp``, what `save_for_forward` did.

        Raises:
            GradientError: after a backward that did not retain the graph, or if a kept tensor
                was modified in place.
        """
        if "saved_for_forward" in vars(self):  # there until ``apply`` returns
            return self.saved_for_forward
        if self._node is None:
            return ()
        node = self._node()
        if node is None or node.saved is FREED:
            raise GradientError(SECOND_BACKWARD)
        return tuple(None if s is None else s.unpack(node) for s in node.saved)

    def mark_dirty(self, *tensors: Tensor) -> None:
        """Say which inputs forward modified in place; each must be returned."""
        for t in tensors:
            if not isinstance(t, Tensor):
                raise GradientError(
                    f"mark_dirty can only accept variables, but argument is of type "
                    f"{type(t).__name__}"
                )
        self.dirty_tensors = tensors

    def mark_non_differentiable(self, *tensors: Tensor) -> None:
        """Say which outputs have no gradient."""
        for t in tensors:
            if not isinstance(t, Tensor):
                raise GradientError(
                    "mark_non_differentiable only accepts variable arguments, but got "
                    f"{type(t).__name__}"
                )
        self.non_differentiable = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """Whether backward gets zeros (the default) or `None` for outputs without a gradient."""
        self.materialize_grads = bool(value)

    def _forget(self) -> None:
        """Let go of tensors that were needed until ``apply`` had its results."""
        self.to_save = self.dirty_tensors = self.non_differentiable = ()
        vars(self).pop("saved_for_forward", None)


class SavedTensor:
    """A tensor kept for backward: its array, who made it and its version. Never the Tensor."""

    __slots__ = ("count", "data", "maker", "ns", "version")

    def __init__(self, tensor: Tensor, output: int | None) -> None:
        self.data: Array = tensor._data
        self.ns: Namespace = tensor._ns
        self.version: Version = tensor._counter()
        self.count = self.version.count
        # An output's maker is the very node that keeps this: its number stands for it.
        self.maker: Node | int | None = tensor._node if output is None else output

    def unpack(self, owner: FunctionNode) -> Tensor:
        """The tensor as it was.

        Raises:
            GradientError: where it was modified in place since.
        """
        maker = self.maker
        if isinstance(maker, int):
            maker = owner.output(maker, self.data)
        if self.version.count != self.count:
            raise stale(self.ns, self.data, maker, self.version.count, self.count)
        if isinstance(maker, AccumulateGrad):
            leaf = maker.variable
            if leaf is not None and leaf._data is self.data:
                return leaf
        out = wrap(self.data, self.ns, maker)
        out._shared = self.version
        return out


class FunctionNode(Node):
    """The node of a `Function`; shows what forward left on its ctx."""

    __slots__ = ("_results", "_variables", "ctx")

    function: ClassVar[type[Function]]

    ctx: FunctionCtx
    _variables: tuple[bool, ...]  # for each argument, whether it is a Tensor: those have edges
    # Of each result that is a Tensor, for zeros where it has no gradient.
    _results: tuple[tuple[tuple[int, ...], Any, Namespace] | None, ...]

    def output(self, index: int, data: Array) -> Node:
        """What gradients of an output are known by: the node itself if there is only one."""
        if self.shape is not None:
            return self
        return Output.of(self, index, data)

    @property
    def saved_tensors(self) -> tuple[Tensor | None, ...]:
        """See `FunctionCtx.saved_tensors`."""
        return self.ctx.saved_tensors

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name == "ctx":
            raise AttributeError(f"{type(self).__name__} has no {name!r}")
        return getattr(self.ctx, name)

    @staticmethod
    def vjp(node: Any, g: Any, edges: tuple[Node | None, ...]) -> tuple[Any, ...]:
        """Call the user's backward and check what it returns."""
        parts = g.parts if isinstance(g, Bundle) else {0: g}
        recording = any(isinstance(part, Tensor) for part in parts.values())
        ctx = node.ctx
        given = []
        for i, result in enumerate(node._results):
            part = parts.get(i)
            if result is not None and part is None and ctx.materialize_grads:
                shape, dtype, ns = result
                part = ns.zeros(shape, dtype=dtype)
            if result is not None and part is not None and not isinstance(part, Tensor):
                part = wrap(part, result[2])
            given.append(part)
        found = node.function._call_backward(ctx, given)
        return node._check(found if isinstance(found, tuple) else (found,), recording)

    def _check(self, found: tuple[Any, ...], recording: bool) -> tuple[Any, ...]:
        """The gradients of the Tensors among the arguments, as the engine wants them."""
        expected = len(self._variables)
        if len(found) < expected or any(extra is not None for extra in found[expected:]):
            raise GradientError(
                f"function {self.name()} returned an incorrect number of gradients (expected "
                f"{expected}, got {len(found)})"
            )
        gradients: list[Any] = []
        for i, (g, is_tensor) in enumerate(zip(found, self._variables, strict=False)):
            if g is not None and not is_tensor:
                raise GradientError(
                    f"function {self.name()} returned a gradient different than None at position "
                    f"{i + 1}, but the corresponding forward input was not a Variable"
                )
            if g is not None and not isinstance(g, Tensor):
                raise GradientError(f"expected Variable or None (got {type(g).__name__})")
            if not is_tensor:
                continue
            edge = self.edges[len(gradients)]
            if g is not None and edge is not None and g._ns.base is not edge.ns.base:
                raise DeviceError(
                    f"Function {self.name()} returned an invalid gradient at index "
                    f"{len(gradients)} - expected device {edge.ns.device} but got {g.device}"
                )
            if g is not None and not recording:
                if edge is not None and g._ns.depth > edge.ns.depth:
                    g = g._ns.landed(g, edge.ns)
                else:
                    g = g._data
            gradients.append(g)
        return tuple(gradients)


class FunctionMeta(type):
    """Gives each `Function` a class of nodes of its own, named after it."""

    def __init__(cls, name: str, bases: tuple[type, ...], body: dict[str, Any]) -> None:
        super().__init__(name, bases, body)
        cls._backward_cls: type[FunctionNode] = type(
            f"{name}Backward",
            (FunctionNode,),
            {"__slots__": (), "function": cls, "__module__": __name__},
        )


class Function(metaclass=FunctionMeta):
    """An operation with a backward of its own: subclass it, and call ``apply``.

    ``forward(ctx, *args)`` computes (nothing in it is recorded) and keeps what is needed with
    ``ctx.save_for_backward``; ``backward(ctx, *grads)`` takes a gradient for each result and
    returns one, or `None`, for each argument. Written with differentiable operations, backward
    can be differentiated again. A ``forward(*args)`` without ctx goes with a
    ``setup_context(ctx, inputs, output)``; ``vjp`` is another name for ``backward``.

    The transforms of `xpgrad.func` want that second form. Forward mode calls ``jvp(ctx,
    *tangents)``, where ``ctx.saved_tensors`` is what ``ctx.save_for_forward`` kept, and `vmap`
    calls ``vmap(info, in_dims, *args)``, which returns results and their batch dimensions; or with
    ``generate_vmap_rule = True`` it batches the methods themselves.

    >>> import xpgrad as xg
    >>> class Square(xg.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x * x
    ...     @staticmethod
    ...     def backward(ctx, grad):
    ...         (x,) = ctx.saved_tensors
    ...         return grad * 2 * x
    >>> x = xg.tensor(3.0, requires_grad=True)
    >>> y = Square.apply(x); y
    tensor(9., grad_fn=<SquareBackward>)
    >>> y.backward(); x.grad
    tensor(6.)
    """

    _backward_cls: ClassVar[type[FunctionNode]]

    generate_vmap_rule: ClassVar[bool] = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise GradientError(
            f"{type(self)} should not be instantiated. Methods on autograd functions are all "
            "static, so you should invoke them on the class itself."
        )

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """Compute the result; subclasses define it."""
        raise NotImplementedError(
            "You must implement the forward function for custom autograd.Function."
        )

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> Any:
        """Keep what backward needs, where forward takes no ctx."""
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """The gradient of each argument; subclasses define it or `vjp`."""
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom "
            "autograd.Function to use it with backward mode AD."
        )

    vjp = backward

    @staticmethod
    def jvp(ctx: Any, *grad_inputs: Any) -> Any:
        """The tangents of the results, for forward mode."""
        raise NotImplementedError(
            "You must implement the jvp function for custom autograd.Function to use it with "
            "forward mode AD."
        )

    @staticmethod
    def vmap(info: Any, in_dims: Any, *args: Any) -> Any:
        """The function over a batch, for ``vmap``."""
        raise NotImplementedError(
            "To use autograd.Function with vmap, you must either override the vmap static method "
            "or set generate_vmap_rule=True."
        )

    @classmethod
    def _call_backward(cls, ctx: FunctionCtx, grads: Sequence[Any]) -> Any:
        if cls.vjp is not Function.vjp:
            if cls.backward is not Function.backward:
                raise GradientError(
                    "Implementing both 'backward' and 'vjp' for a custom Function is not allowed. "
                    "You should only implement one of them."
                )
            return cls.vjp(ctx, *grads)
        return cls.backward(ctx, *grads)

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Call forward and record a node if any argument requires a gradient.

        A tuple that forward returns may hold anything; its floating Tensors get a history.

        Raises:
            GradientError: a leaf that requires a gradient was modified in place; a modified input
                was not returned.
        """
        out, ctx = cls._applied((args, kwargs))
        ctx._forget()
        return out

    @classmethod
    def _is_separate(cls) -> bool:
        return cls.setup_context is not Function.setup_context

    @classmethod
    def _applied(cls, call: Call) -> tuple[Any, FunctionCtx]:
        """The results of ``apply``, and the ctx with all that forward left there."""
        args, kwargs = call
        if cls._is_separate():
            import inspect

            bound = inspect.signature(cls.forward).bind(*args, **kwargs)
            bound.apply_defaults()
            call = args, kwargs = bound.args, bound.kwargs
        elif mode.transforms:
            raise GradientError(NOT_SEPARATE)
        inputs = (*args, *kwargs.values())
        ctx = FunctionCtx()
        if mode.level is None and not any(isinstance(a, Tensor) and a._ns.depth for a in inputs):
            ctx.needs_input_grad = needed(call)
            out = cls._compute(call, ctx)
        else:
            from xpgrad.func.custom import within

            (args, kwargs), out = within(cls, call, ctx)
            inputs = (*args, *kwargs.values())
        recording = mode.grad and any(ctx.needs_input_grad)
        several = isinstance(out, tuple)
        results = cls._finish(ctx, inputs, out if several else (out,), recording, several=several)
        return (tuple(results) if several else results[0]), ctx

    @classmethod
    def _compute(cls, call: Call, ctx: FunctionCtx) -> Any:
        """Run forward on what nobody transforms, and leave on `ctx` what backward needs."""
        args, kwargs = call
        with no_grad():
            if not cls._is_separate():
                return cls.forward(ctx, *args, **kwargs)
            out = cls.forward(*args, **kwargs)
            cls.setup_context(ctx, args, out)
            return out

    @classmethod
    def _finish(
        cls,
        ctx: FunctionCtx,
        inputs: tuple[Any, ...],
        outs: tuple[Any, ...],
        recording: bool,
        *,
        several: bool,
    ) -> list[Any]:
        """Give the results of forward their history, and keep what was to be saved."""
        tensors = [a for a in inputs if isinstance(a, Tensor)]
        dirty = _dirty(ctx, tensors, outs)
        node = cls._new_node(ctx, inputs, outs, several) if recording else None
        constant = {id(t) for t in ctx.non_differentiable}
        given = {id(t) for t in tensors}
        results = []
        for i, o in enumerate(outs):
            if isinstance(o, Tensor):
                modified = id(o) in dirty
                if modified and recording and isinstance(o._node, AccumulateGrad):
                    raise GradientError(
                        "a leaf Variable that requires grad has been used in an in-place operation."
                    )
                if modified:
                    o._written()
                elif id(o) in given or isinstance(o._node, AccumulateGrad):
                    o = _alias(o)
                history = None
                if node is not None and id(outs[i]) not in constant and o.dtype.is_differentiable:
                    history = node.output(i, o._data)
                if not modified:
                    o._node = history
                    if history is not None and o._view is not None:
                        o._view = (*o._view[:3], CUSTOM)
                elif history is not None:
                    rebase(o, history)
            results.append(o)
        if node is not None:
            made = {id(o): i for i, o in enumerate(results)}
            for t in ctx.to_save:
                if t is not None and t._inference and t._node is None:
                    raise GradientError(INFERENCE_SAVED)
            node.saved = tuple(
                None if t is None else SavedTensor(t, made.get(id(t))) for t in ctx.to_save
            )
            ctx._node = weakref.ref(node)
        return results

    @classmethod
    def _new_node(
        cls, ctx: FunctionCtx, inputs: tuple[Any, ...], outs: tuple[Any, ...], several: bool
    ) -> FunctionNode | None:
        shown = [o for o in outs if isinstance(o, Tensor)]
        if not shown:
            return None
        node: FunctionNode = new(cls._backward_cls)
        node.ctx = ctx
        node.edges = tuple(a._node for a in inputs if isinstance(a, Tensor))
        node.ns = shown[0]._ns
        node.settings = node.hooks = None
        node.saved = ()
        node.seq = tick()
        node.shape = None if several else shown[0]._data.shape
        node.dtype = None if several else shown[0]._data.dtype
        node._variables = tuple(isinstance(a, Tensor) for a in inputs)
        node._results = tuple(
            (o._data.shape, o._data.dtype, o._ns) if isinstance(o, Tensor) else None for o in outs
        )
        node.outputs = {}
        return node


def needed(call: Call) -> tuple[bool, ...]:
    """Of each argument, whether it requires a gradient."""
    args, kwargs = call
    return tuple([isinstance(a, Tensor) and a._node is not None for a in (*args, *kwargs.values())])


def _dirty(ctx: FunctionCtx, tensors: list[Tensor], outs: tuple[Any, ...]) -> set[int]:
    """The inputs that forward modified, checked."""
    dirty = {id(t) for t in ctx.dirty_tensors}
    if not dirty <= {id(t) for t in tensors}:
        warnings.warn(
            "ctx.mark_dirty() received a tensor that was not an input. Only input Tensors that "
            "have been mutated should be passed to ctx.mark_dirty().",
            UserWarning,
            stacklevel=5,
        )
        dirty &= {id(t) for t in tensors}
    if not dirty <= {id(o) for o in outs}:
        raise GradientError(
            "Some elements marked as dirty during the forward method were not returned as output. "
            "The inputs that are modified inplace must all be outputs of the Function."
        )
    return dirty


def _alias(tensor: Tensor) -> Tensor:
    """An input that is returned as it is becomes a result of its own, on the same memory."""
    with no_grad():
        out: Tensor = reshape(tensor, shape=tuple(tensor.shape))
    return out


def once_differentiable(backward: F) -> F:
    """Mark a backward as one that must not be differentiated again; trying to is an error.

    Nothing in it is recorded, so it may compute in any way, as with NumPy.

    >>> import xpgrad as xg
    >>> from xpgrad.autograd.function import once_differentiable
    >>> class Double(xg.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         return 2 * x
    ...
    ...     @staticmethod
    ...     @once_differentiable
    ...     def backward(ctx, g):
    ...         return 2 * g
    >>> x = xg.ones(1, requires_grad=True)
    >>> xg.autograd.grad(Double.apply(x).sum(), x)
    (tensor([2.]),)
    """

    @functools.wraps(backward)
    def once(ctx: Any, *grads: Any) -> Any:
        with no_grad():
            found = backward(ctx, *grads)
        if not mode.grad:
            return found
        makers = [g._node for g in grads if isinstance(g, Tensor)]
        node = ctx._node() if ctx._node is not None else None
        edges = tuple(e for e in (*makers, *(node.edges if node else ())) if e is not None)
        if not edges:
            return found
        outs = found if isinstance(found, tuple) else (found,)
        refusing = tuple(_refuse(o, edges) if isinstance(o, Tensor) else o for o in outs)
        return refusing if isinstance(found, tuple) else refusing[0]

    once.once_differentiable = True  # type: ignore[attr-defined]
    return once  # type: ignore[return-value]


class Error(Node):
    """Stands where a derivative must not be taken."""

    __slots__ = ()

    @staticmethod
    def vjp(node: Any, g: Any, edges: Any) -> tuple[Any, ...]:
        """Raise."""
        raise GradientError(
            "trying to differentiate twice a function that was marked with @once_differentiable"
        )


def _refuse(tensor: Tensor, edges: tuple[Node, ...]) -> Tensor:
    node: Error = new(Error)
    node.edges = edges
    node.saved = node.settings = node.hooks = None
    node.seq = tick()
    node.ns, node.shape, node.dtype = tensor._ns, tensor._data.shape, tensor._data.dtype
    return wrap(tensor._data, tensor._ns, node)
