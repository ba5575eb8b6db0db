"""Ops: a forward, one rule per input, and the call path between a Tensor and its library.

    @op(x=lambda g, y, xp: g * xp.conj(y), y=lambda g, x, xp: g * xp.conj(x))
    def multiply(xp, x, y, /):
        return xp.multiply(x, y)

The forward takes the namespace and raw arrays (positional-only), then canonical settings
(keyword-only). A rule stands under the name of the input that it differentiates and asks for
values by name:

    ``g``      the incoming gradient         ``out``    the result
    ``like``   shape and dtype of the input  ``xp``     the namespace
    any input or setting of the forward; what no rule names is not saved.

For an op with several outputs, ``gs`` is the tuple of their gradients (`None` where there is none)
and ``out`` the tuple of results. For a variadic input (``*arrays``) the rule runs once per array:
``i`` is its position and ``likes`` the tuple of all their shapes.

A rule runs on raw arrays (first order) or on Tensors with `xp` their namespace (``create_graph``):
it is the same rule. It never un-broadcasts and never casts: the engine does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Protocol

from xpgrad.errors import DTypeError, GradientError
from xpgrad.graph import Bundle, Node, Output, tick
from xpgrad.mode import mode
from xpgrad.namespace import Array, Namespace
from xpgrad.promotion import explain, is_operand, unify
from xpgrad.tensor import Tensor, new
from xpgrad.views import link_view

Rule = Callable[..., Any]

REQUIRED: Any = object()  # the default of a setting that has none
VARIADIC = 0x04  # the flag of a code object that takes *args

OPS: dict[str, Op] = {}  # every op by name; the tests walk it

INFERENCE_SAVED = (
    "Inference tensors cannot be saved for backward. Please do not use Tensors created in "
    "inference mode in computation tracked by autograd. To work around this, you can make a clone "
    "to get a normal tensor and use it in autograd, or use `xpgrad.no_grad()` instead of "
    "`xpgrad.inference_mode()`."
)


class Op:
    """What is known about an op; hangs on its function as ``.op``.

    Attributes:
        inputs: the names of the array inputs.
        rules: the rules by input name, `None` where an input is not differentiable.
        elementwise: each output element depends on the input elements at its place alone.
        linear: the op is linear in all its inputs together.
        view: the result shows the input's memory where the library can.
        promotes: the inputs that are brought to one dtype.
        integers: what happens to integer inputs: ``"keep"`` them or make them ``"float"``.
        kept: which of several results the rules read of ``out``; `None` means all of them.
    """

    __slots__ = (
        "elementwise", "forward", "inputs", "integers", "keep", "kept", "linear", "name",
        "needs_likes", "needs_out", "node_type", "out_for", "outputs", "promotes", "rules",
        "settings", "variadic", "view", "vjp",
    )  # fmt: skip

    def __init__(
        self,
        forward: Callable[..., Any],
        rules: dict[str, Rule | None],
        *,
        node: str,
        elementwise: bool,
        linear: bool,
        view: bool,
        outputs: int,
        integers: str,
        promotes: bool | tuple[str, ...],
        kept: tuple[int, ...] | None = None,
    ) -> None:
        self.name = forward.__name__
        self.forward = forward
        self.rules = rules
        self.elementwise = elementwise
        self.linear = linear
        self.view = view
        self.outputs = outputs
        self.integers = integers
        self.kept = kept
        # Read off the code object: `inspect` would cost more than all the rest of the import.
        code = forward.__code__
        names, n, m = code.co_varnames, code.co_posonlyargcount, code.co_kwonlyargcount
        if code.co_argcount != n or n == 0:
            raise TypeError(f"op {self.name!r} takes (xp, arrays, /, *, settings)")
        self.variadic = bool(code.co_flags & VARIADIC)
        self.inputs = names[1:n] + ((names[n + m],) if self.variadic else ())
        defaults = forward.__kwdefaults__ or {}
        self.settings = {name: defaults.get(name, REQUIRED) for name in names[n : n + m]}
        if isinstance(promotes, bool):
            promotes = self.inputs if promotes else ()
        self.promotes: tuple[str, ...] = promotes
        if set(rules) != set(self.inputs):
            raise TypeError(
                f"op {self.name!r} takes {self.inputs} and has rules for {tuple(rules)}: each "
                "array input needs a rule or an explicit None"
            )
        wanted = {n: _parameters(r) for n, r in rules.items() if r is not None}
        self._check(wanted)
        # keep[j][i]: the rule of input i reads input j.
        self.keep = tuple(
            tuple(j in wanted.get(i, ()) for i in self.inputs) for j in self.inputs
        )
        self.out_for = tuple("out" in wanted.get(i, ()) for i in self.inputs)
        self.needs_out = any(self.out_for)
        self.needs_likes = any("likes" in names for names in wanted.values())
        self.vjp = _make_vjp(self, wanted)
        self.node_type = self._node_type(node)

    def _node_type(self, name: str) -> type[OpNode]:
        body = {"__slots__": (), "vjp": staticmethod(self.vjp), "op": self, "__module__": "xpgrad"}
        return type(name, (OpNode,), body)

    def _check(self, wanted: dict[str, tuple[str, ...]]) -> None:
        known = {"g", "out", "like", "xp", *self.inputs, *self.settings}
        if self.outputs != 1:
            known = (known - {"g"}) | {"gs"}
        if self.variadic:
            known |= {"i", "likes"}
        for name, asked in wanted.items():
            unknown = [a for a in asked if a not in known]
            if unknown:
                raise TypeError(
                    f"the rule of op {self.name!r} for {name!r} asks for {', '.join(unknown)}; "
                    f"it can have {', '.join(sorted(known))}"
                )

    @property
    def differentiable(self) -> bool:
        """Whether any input has a rule."""
        return any(rule is not None for rule in self.rules.values())

    def __repr__(self) -> str:
        return f"<op {self.name}>"


class OpFunction(Protocol):
    """What `op` makes of a forward: the function that users call, with the `Op` on it."""

    op: Op

    def __call__(self, *inputs: Any, **settings: Any) -> Any: ...

    def __hash__(self) -> int: ...


def _parameters(rule: Rule) -> tuple[str, ...]:
    code = rule.__code__
    return code.co_varnames[: code.co_argcount]


# ------------------------------------------------------------------ rules, compiled once

_factories: dict[str, Callable[..., Any]] = {}


def _bind(source: str, *rules: Rule) -> Callable[..., Any]:
    """Close a piece of code over rules. It depends on their signatures alone, so ops share it."""
    factory = _factories.get(source)
    if factory is None:
        factory = _factories[source] = eval(source)
    return factory(*rules)


def _make_vjp(op: Op, wanted: dict[str, tuple[str, ...]]) -> Callable[..., Any]:
    """The node's ``vjp(node, g, edges)``: call the rules whose edges are wanted."""
    places = {name: f"n.saved[{i}]" for i, name in enumerate(op.inputs)}
    for name, default in op.settings.items():
        got = f"[{name!r}]" if default is REQUIRED else f".get({name!r}, {default!r})"
        places[name] = f"n.settings{got}"
    places |= {"g": "g", "gs": "g", "xp": "n.ns", "out": f"n.saved[{len(op.inputs)}]"}
    places |= {"i": "i", "likes": "n.settings['likes']"}

    def arguments(position: int, name: str) -> str:
        like = "n.edges[i]" if op.variadic else f"n.edges[{position}]"
        return ", ".join((places | {"like": like})[a] for a in wanted.get(name, ("g",)))

    rules = [op.rules[name] or _no_rule(op, name) for name in op.inputs]
    given = [arguments(i, name) for i, name in enumerate(op.inputs)]
    if op.outputs == 1 and not op.variadic:
        # One Python call from the engine to the vjp, one from there to each rule.
        if len(rules) == 1:
            return _bind(f"lambda r: lambda n, g, e: (r({given[0]}),)", rules[0])
        names = [f"r{i}" for i in range(len(rules))]
        calls = "".join(
            f"None if e[{i}] is None else {r}({a}), "
            for i, (r, a) in enumerate(zip(names, given, strict=True))
        )
        return _bind(f"lambda {', '.join(names)}: lambda n, g, e: ({calls})", *rules)
    head = "lambda n, g, i" if op.variadic else "lambda n, g"
    calls_ = [
        _bind(f"lambda r: {head}: r({a})", r) for r, a in zip(rules, given, strict=True)
    ]
    if op.variadic:
        (each,) = calls_

        def of_variadic(node: Any, g: Any, edges: Any) -> tuple[Any, ...]:
            return tuple(
                None if edge is None else each(node, g, i) for i, edge in enumerate(edges)
            )

        return of_variadic

    def of_several(node: Any, g: Bundle, edges: Any) -> tuple[Any, ...]:
        count = op.outputs or node.settings["outputs"]
        gs = tuple(g.parts.get(i) for i in range(count))
        return tuple(
            None if edge is None else call(node, gs)
            for call, edge in zip(calls_, edges, strict=True)
        )

    return of_several


def _no_rule(op: Op, name: str) -> Rule:
    def missing(g: Any) -> Any:
        raise NotImplementedError(f"the derivative for '{op.name}: {name}' is not implemented.")

    return missing


# ------------------------------------------------------------------ the decorator


def op(
    *,
    node: str | None = None,
    elementwise: bool = False,
    linear: bool = False,
    view: bool = False,
    outputs: int = 1,
    integers: str = "keep",
    promotes: bool | tuple[str, ...] | None = None,
    kept: tuple[int, ...] | None = None,
    **rules: Rule | None,
) -> Callable[[Callable[..., Any]], OpFunction]:
    """Make an op of a forward function; the rules stand under the names of its inputs.

    Args:
        node: PyTorch's name for the node (``"Mul"``), if it is not the op's own in CamelCase.
        elementwise, linear, view, integers, kept: see `Op`.
        outputs: the number of results, or 0 if a setting ``outputs`` says.
        promotes: bring the inputs, or those named, to one dtype (default: elementwise ops do).

    Raises:
        TypeError: at import, where an input has no rule or a rule asks for what is not there.
    """

    def decorate(forward: Callable[..., Any]) -> OpFunction:
        name = forward.__name__
        title = node or "".join(part.capitalize() for part in name.split("_"))
        made = Op(
            forward,
            rules,
            node=title if title[-1].isdigit() else f"{title}Backward0",
            elementwise=elementwise,
            linear=linear,
            view=view,
            outputs=outputs,
            integers=integers,
            promotes=elementwise if promotes is None else promotes,
            kept=kept,
        )
        if name in OPS:
            raise TypeError(f"there is an op {name!r} already")
        OPS[name] = made
        return function_of(made)

    return decorate


def named(function: OpFunction, node: str) -> OpFunction:
    """The same op under another node name: PyTorch tells ``sum()`` and ``sum(dim)`` apart."""
    source = function.op
    made = Op.__new__(Op)
    for slot in Op.__slots__:
        setattr(made, slot, getattr(source, slot))
    made.node_type = made._node_type(node)
    return function_of(made)


def function_of(op: Op) -> OpFunction:
    """The function that users of an op call: the call path, unrolled for the common shapes."""
    if op.outputs != 1 or op.variadic or len(op.inputs) > 2 or (op.settings and len(op.inputs) > 1):
        call = _general(op)
    elif op.settings or op.view:
        call = _unary_with_settings(op)
    elif len(op.inputs) == 1:
        call = _unary(op)
    else:
        call = _binary(op, apply)
    return _labelled(call, op)


def operator_of(function: OpFunction) -> OpFunction:
    """An op of two inputs as one of Python's operators: no layer between the sign and the op.

    For an operand of unknown type it gives NotImplemented, so that Python asks the other one.
    """

    def slow(op: Op, inputs: Any, settings: Any, error: Exception | None = None) -> Any:
        known = all(v is not None and is_operand(v) for v in inputs)
        return apply(op, inputs, settings, error) if known else NotImplemented

    op = function.op
    return _labelled(_binary(op, slow), op)


def _labelled(call: Any, op: Op) -> OpFunction:
    call.__name__ = call.__qualname__ = op.name
    call.__doc__ = op.forward.__doc__
    call.__module__ = op.forward.__module__
    call.op = op
    return call


# ------------------------------------------------------------------ the call path
#
# These three functions are the product's hot loop, written out for speed: no loops, no keyword
# juggling, nothing allocated that a plain op does not need. Anything unusual (other types, mixed
# dtypes or devices, integers where floats are needed, errors) goes to `apply`, which is thorough.


def _unary(op: Op) -> Callable[..., Any]:
    forward, node_type, floats = op.forward, op.node_type, op.integers == "float"
    ((keep_x,),) = op.keep
    keep_out, differentiable = op.needs_out, op.differentiable
    saves, same_shape = keep_x or keep_out, op.elementwise

    def call(x: Any, /) -> Any:
        try:
            ns = x._ns
            xd = x._data
            xn = x._node
            if ns.guard is not None or (xn is None and floats and xd.dtype not in ns.inexact):
                return apply(op, (x,), None)
            out = forward(ns, xd)
        except Exception as error:
            return apply(op, (x,), None, error)
        if type(out) is not ns.array_type:
            out = ns.wrap(out)
        t = new(Tensor)
        t._data = out
        t._ns = ns
        if xn is not None and mode.grad and differentiable:
            n = new(node_type)
            n.edges = (xn,)
            n.saved = (xd if keep_x else None, out if keep_out else None) if saves else None
            n.settings = n.hooks = None
            n.seq = tick()
            n.shape = xn.shape if same_shape else out.shape
            n.dtype = out.dtype
            n.ns = ns
            t._node = n
        else:
            t._node = None
            if mode.inference:
                t._inference = True
        return t

    return call


def _binary(op: Op, slow: Callable[..., Any]) -> Callable[..., Any]:
    forward, node_type, floats = op.forward, op.node_type, op.integers == "float"
    (x_for_x, x_for_y), (y_for_x, y_for_y) = op.keep
    (out_for_x, out_for_y), differentiable = op.out_for, op.differentiable
    promotes = bool(op.promotes)
    saves = op.needs_out or x_for_x or x_for_y or y_for_x or y_for_y

    def call(x: Any, y: Any, /) -> Any:
        kind = type(y)
        try:
            ns = x._ns
            xd = x._data
            xn = x._node
            if kind is float or kind is int:
                # A Python number beside a float array keeps the array's dtype.
                if ns.guard is not None or (xn is None and xd.dtype not in ns.inexact):
                    return slow(op, (x, y), None)
                yd, yn = y, None
            else:
                yd = y._data
                yn = y._node
                if (
                    y._ns is not ns
                    or ns.guard is not None
                    or (promotes and xd.dtype is not yd.dtype)
                    or (floats and xn is None and yn is None and xd.dtype not in ns.inexact)
                ):
                    return slow(op, (x, y), None)
            out = forward(ns, xd, yd)
        except Exception as error:
            return slow(op, (x, y), None, error)
        if type(out) is not ns.array_type:
            out = ns.wrap(out)
        t = new(Tensor)
        t._data = out
        t._ns = ns
        if (xn is not None or yn is not None) and mode.grad and differentiable:
            n = new(node_type)
            n.edges = (xn, yn)
            if saves:
                if (xn is None and x._inference) or (yn is None and yd is not y and y._inference):
                    raise GradientError(INFERENCE_SAVED)
                n.saved = (
                    xd if (x_for_x and xn) or (x_for_y and yn) else None,
                    yd if (y_for_x and xn) or (y_for_y and yn) else None,
                    out if (out_for_x and xn) or (out_for_y and yn) else None,
                )
            else:
                n.saved = None
            n.settings = n.hooks = None
            n.seq = tick()
            n.shape = out.shape
            n.dtype = out.dtype
            n.ns = ns
            t._node = n
        else:
            t._node = None
            if mode.inference:
                t._inference = True
        return t

    return call


def _unary_with_settings(op: Op) -> Callable[..., Any]:
    forward, node_type, floats = op.forward, op.node_type, op.integers == "float"
    ((keep_x,),) = op.keep
    keep_out, differentiable, view = op.needs_out, op.differentiable, op.view
    saves = keep_x or keep_out

    def call(x: Any, /, **settings: Any) -> Any:
        try:
            ns = x._ns
            xd = x._data
            xn = x._node
            if ns.guard is not None or (xn is None and floats and xd.dtype not in ns.inexact):
                return apply(op, (x,), settings)
            out = forward(ns, xd, **settings)
        except Exception as error:
            return apply(op, (x,), settings, error)
        if type(out) is not ns.array_type:
            out = ns.wrap(out)
        t = new(Tensor)
        t._data = out
        t._ns = ns
        if xn is not None and mode.grad and differentiable:
            n = new(node_type)
            n.edges = (xn,)
            n.saved = (xd if keep_x else None, out if keep_out else None) if saves else None
            n.settings = settings
            n.hooks = None
            n.seq = tick()
            n.shape = out.shape
            n.dtype = out.dtype
            n.ns = ns
            t._node = n
        else:
            t._node = None
            if mode.inference:
                t._inference = True
        if view:
            link_view(t, x, op, settings)
        return t

    return call


def _general(op: Op) -> Callable[..., Any]:
    """Any number of inputs, some of them perhaps `None`: a loop instead of lines written out."""
    forward, node_type, floats = op.forward, op.node_type, op.integers == "float"
    keep_out, differentiable, count = op.needs_out, op.differentiable, len(op.inputs)
    joins = [name in op.promotes for name in op.inputs]
    # By input: of which other inputs the rules read it.
    readers = [tuple(i for i, reads in enumerate(row) if reads) for row in op.keep]
    out_readers = [i for i, reads in enumerate(op.out_for) if reads]
    saves = keep_out or any(readers)
    plain = op.outputs == 1 and not op.view

    def call(*inputs: Any, **settings: Any) -> Any:
        arrays: list[Any] = []
        edges: list[Any] = []
        dtype = None
        tracked = False
        try:
            ns = inputs[0]._ns
            if ns.guard is not None or len(inputs) != count:
                return apply(op, inputs, settings)
            for x, joined in zip(inputs, joins, strict=True):
                if x is None:
                    arrays.append(None)
                    edges.append(None)
                    continue
                data = x._data
                node = x._node
                if x._ns is not ns:
                    return apply(op, inputs, settings)
                if joined:
                    if dtype is None:
                        dtype = data.dtype
                    elif data.dtype is not dtype:
                        return apply(op, inputs, settings)
                if node is not None:
                    tracked = True
                arrays.append(data)
                edges.append(node)
            if floats and not tracked and dtype not in ns.inexact:
                return apply(op, inputs, settings)
        except (AttributeError, IndexError):  # Python numbers, arrays, nothing at all
            return apply(op, inputs, settings)
        try:
            out = forward(ns, *arrays, **settings)
        except Exception as error:
            return apply(op, inputs, settings, error)
        if not plain:
            return record(op, ns, inputs, arrays, settings, out)
        if type(out) is not ns.array_type:
            out = ns.wrap(out)
        t = new(Tensor)
        t._data = out
        t._ns = ns
        if tracked and mode.grad and differentiable:
            n = new(node_type)
            n.edges = tuple(edges)
            n.saved = None
            if saves:
                i = -1
                for of in readers:
                    i += 1
                    for reader in of:
                        if edges[reader] is not None:
                            x = inputs[i]
                            if edges[i] is None and x is not None and x._inference:
                                raise GradientError(INFERENCE_SAVED)
                            break
                    else:
                        arrays[i] = None
                kept = any(edges[i] is not None for i in out_readers)
                n.saved = (*arrays, out if kept else None)
            n.settings = settings
            n.hooks = None
            n.seq = tick()
            n.shape = out.shape
            n.dtype = out.dtype
            n.ns = ns
            t._node = n
        else:
            t._node = None
            if mode.inference:
                t._inference = True
        return t

    def variadic(*inputs: Any, **settings: Any) -> Any:
        try:
            ns = inputs[0]._ns
            arrays = [x._data for x in inputs]
            dtype = arrays[0].dtype
            if ns.guard is not None or not all(
                x._ns is ns and x._data.dtype is dtype for x in inputs
            ):
                return apply(op, inputs, settings)
        except (AttributeError, IndexError):  # Python numbers, arrays, nothing at all
            return apply(op, inputs, settings)
        try:
            out = forward(ns, *arrays, **settings)
        except Exception as error:
            return apply(op, inputs, settings, error)
        return record(op, ns, inputs, arrays, settings, out)

    return variadic if op.variadic else call


# ------------------------------------------------------------------ the thorough path


def apply(
    op: Op,
    inputs: Sequence[Any],
    settings: dict[str, Any] | None,
    error: Exception | None = None,
) -> Any:
    """Run an op on anything it accepts: promote, check devices, compute, record.

    Args:
        error: what the fast path stumbled over. If the inputs were in order, it is a fault of
            the call; if they needed converting, it is only the sign that they did.
    """
    if isinstance(error, GradientError):
        raise error
    tensors, ns, converted = unify(op, inputs)
    if error is not None and not converted and not isinstance(error, RuntimeWarning):
        raise explain(op, inputs, settings, error) from error
    arrays = [t._data if isinstance(t, Tensor) else t for t in tensors]
    try:
        out = _compute(op, ns, arrays, settings or {})
    except Exception as failure:
        raise explain(op, tensors, settings, failure) from failure
    return record(op, ns, tensors, arrays, settings, out)


def _compute(op: Op, ns: Namespace, arrays: list[Array], settings: dict[str, Any]) -> Any:
    try:
        if ns.guard is None:
            return op.forward(ns, *arrays, **settings)
        with ns.guard():
            return op.forward(ns, *arrays, **settings)
    except RuntimeWarning:  # warnings are errors here, yet inf and nan are values, not faults
        with ns.quiet():
            return op.forward(ns, *arrays, **settings)


def record(
    op: Op,
    ns: Namespace,
    tensors: Sequence[Any],
    arrays: Sequence[Any],
    settings: dict[str, Any] | None,
    out: Any,
) -> Any:
    """Tensors around the results, with a node if any input requires a gradient."""
    several = op.outputs != 1
    outs = [ns.wrap(o) for o in out] if several else [ns.wrap(out)]
    made = []
    for o in outs:
        t = new(Tensor)
        t._data, t._ns, t._node = o, ns, None
        if mode.inference:
            t._inference = True
        made.append(t)
    edges = tuple(getattr(t, "_node", None) for t in tensors)
    if mode.grad and op.differentiable and any(e is not None for e in edges):
        node = new(op.node_type)
        node.edges = edges
        node.saved = _saved(op, tensors, arrays, edges, tuple(outs) if several else outs[0])
        node.settings = settings
        if op.needs_likes:  # edges know shapes too, but inputs without a gradient have no edge
            node.settings = {**(settings or {}), "likes": tuple(a.shape for a in arrays)}
        node.hooks = None
        node.seq = tick()
        node.ns = ns
        if several:
            node.shape = node.dtype = None
            for i, t in enumerate(made):
                if t._data.dtype in ns.inexact:
                    t._node = Output(node, i, t._data)
        else:
            node.shape, node.dtype = outs[0].shape, outs[0].dtype
            made[0]._node = node
    if op.view:
        for i, t in enumerate(made):
            link_view(t, tensors[0], op, settings, i if several else None)
    return tuple(made) if several else made[0]


def _saved(
    op: Op, tensors: Sequence[Any], arrays: Sequence[Any], edges: tuple[Any, ...], out: Any
) -> Any:
    if op.variadic:
        if not op.keep[0][0] and not op.needs_out:
            return None
        return (tuple(arrays) if op.keep[0][0] else None, out if op.needs_out else None)
    kept = [
        any(reads and edge is not None for reads, edge in zip(readers, edges, strict=True))
        for readers in op.keep
    ]
    keep_out = any(reads and e is not None for reads, e in zip(op.out_for, edges, strict=True))
    if not any(kept) and not keep_out:
        return None
    for t, keep in zip(tensors, kept, strict=True):
        if keep and isinstance(t, Tensor) and t._inference and t._node is None:
            raise GradientError(INFERENCE_SAVED)
    values = [a if keep else None for a, keep in zip(arrays, kept, strict=True)]
    if keep_out and op.kept is not None:
        out = tuple(o if i in op.kept else None for i, o in enumerate(out))
    return (*values, out if keep_out else None)


class OpNode(Node):
    """A node made by an op; each op has a subclass of its own, named as PyTorch names it."""

    __slots__ = ()

    op: ClassVar[Op]

    def lifted(self, tensor_namespace: Callable[[Namespace], Any]) -> Any:
        """The node as its rules see it under ``create_graph``: all values are Tensors."""
        return _Lifted(self, tensor_namespace(self.ns))


class _Lifted:
    """Looks like a node to a rule; saved values are Tensors and `ns` is their namespace."""

    __slots__ = ("edges", "ns", "saved", "settings")

    def __init__(self, node: OpNode, ns: Any) -> None:
        self.edges = node.edges
        self.settings = node.settings
        self.ns = ns
        self.saved = None if node.saved is None else self._restore(node, *node.saved)

    @staticmethod
    def _restore(node: OpNode, *saved: Any) -> tuple[Any, ...]:
        """The saved arrays with their history: inputs were made by the edges, results here."""

        def tensor(value: Any, made_by: Node | None) -> Any:
            if type(value) is not node.ns.array_type:
                return value  # not kept, or a Python number
            t = new(Tensor)
            t._data, t._ns, t._node = value, node.ns, made_by
            return t

        *inputs, out = saved
        if node.op.variadic:
            (kept,) = inputs
            inputs = [kept and tuple(map(tensor, kept, node.edges))]
        else:
            inputs = list(map(tensor, inputs, node.edges))
        if isinstance(out, tuple):
            made_by = [None if o is None else Output(node, i, o) for i, o in enumerate(out)]
            out = tuple(map(tensor, out, made_by))
        else:
            out = tensor(out, node)
        return (*inputs, out)


def dtype_error(op: Op, expected: str, given: Any) -> DTypeError:
    """The error for a dtype that an op does not take."""
    return DTypeError(f"{op.name}: expected {expected}, got {given}")
