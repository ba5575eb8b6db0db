"""Ops: a forward and one rule per input. How they are called is `xpgrad.call`.

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

from collections.abc import Callable
from typing import Any, Protocol

from xpgrad.call import (
    OpNode,
    _Lifted,
    apply,
    binary,
    general,
    ternary,
    unary,
    unary_with_settings,
)  # fmt: skip
from xpgrad.graph import Bundle, Node, tick
from xpgrad.mode import mode
from xpgrad.promotion import is_operand
from xpgrad.tensor import Tensor, wrap

Rule = Callable[..., Any]

REQUIRED: Any = object()  # the default of a setting that has none
VARIADIC = 0x04  # the flag of a code object that takes *args

OPS: dict[str, Op] = {}  # every op by name; the tests walk it


class Op:
    """What is known about an op; hangs on its function as ``.op``.

    Attributes:
        inputs: the names of the array inputs.
        rules: the rules by input name, `None` where an input is not differentiable.
        differentiable: any input has a rule.
        elementwise: each output element depends on the input elements at its place alone.
        linear: the op is linear in all its inputs together.
        view: the result shows the input's memory where the library can.
        promotes: the inputs that are brought to one dtype.
        integers: what happens to integer inputs: ``"keep"`` them or make them ``"float"``.
        kept: which of several results the rules read of ``out``; `None` means all of them.
        stacks: how many of the last axes of each input are its own, where those before are a stack
            that broadcasts with the others' (of matrices, say); `None` for other ops.
        shared: what several rules need, computed once for all: they name it ``shared``. Of one
            result it may ask for ``edges``: `None` where nobody wants the gradient of an input.
        tied: what a recorded gradient has for its history beside ``g``, though it depends on it
            in steps or not at all, so that its derivative is 0: an input, or ``"out"``. In PyTorch
            such gradients can be differentiated too. Or a tuple of inputs, where PyTorch's rule is
            one op of them: what would have no history has these, but no derivative for any.
        call: the function that users call.
    """

    call: Callable[..., Any]

    __slots__ = (
        "call", "differentiable", "elementwise", "forward", "inputs", "integers", "keep", "kept",
        "linear", "name", "needs_likes", "needs_out", "node_type", "out_for", "outputs", "promotes",
        "rules", "settings", "shared", "stacks", "tied", "variadic", "view", "vjp",
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
        stacks: int | tuple[int, ...] | None = None,
        shared: Rule | None = None,
        tied: str | tuple[str, ...] | None = None,
    ) -> None:
        self.name = forward.__name__
        self.forward = forward
        self.rules = rules
        self.differentiable = any(rule is not None for rule in rules.values())
        self.elementwise = elementwise
        self.linear = linear
        self.view = view
        self.outputs = outputs
        self.integers = integers
        self.kept = kept
        self.shared = shared
        self.tied = tied
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
        if isinstance(stacks, int):
            stacks = (stacks,) * len(self.inputs)
        self.stacks: tuple[int, ...] | None = stacks
        if set(rules) != set(self.inputs):
            raise TypeError(
                f"op {self.name!r} takes {self.inputs} and has rules for {tuple(rules)}: each "
                "array input needs a rule or an explicit None"
            )
        called = {n: _parameters(r) for n, r in rules.items() if r is not None}
        common = () if shared is None else _parameters(shared)  # who names it reads what it reads
        if shared is not None and (self.variadic or len(self.inputs) < 2):
            raise TypeError(f"op {self.name!r} has no rules that could share what they compute")
        wanted = {n: a + common if "shared" in a else a for n, a in called.items()}
        self._check(wanted)
        # keep[j][i]: the rule of input i reads input j.
        self.keep = tuple(tuple(j in wanted.get(i, ()) for i in self.inputs) for j in self.inputs)
        self.out_for = tuple("out" in wanted.get(i, ()) for i in self.inputs)
        self.needs_out = any(self.out_for)
        self.needs_likes = any("likes" in names for names in wanted.values())
        self.vjp = _make_vjp(self)
        self.node_type = self._node_type(node)

    def _node_type(self, name: str) -> type[OpNode]:
        shown = tuple(i for i, name in enumerate(self.inputs) if self.rules[name] is not None)
        body = {"__slots__": (), "vjp": staticmethod(self.vjp), "op": self, "__module__": "xpgrad"}
        if shown != tuple(range(len(self.inputs))):
            body["shown"] = shown
        if self.tied is not None:
            body["vjp"] = staticmethod(_make_vjp(self, _tying(self, name)))
        return type(name, (OpNode,), body)

    def _check(self, wanted: dict[str, tuple[str, ...]]) -> None:
        known = {"g", "out", "like", "xp", *self.inputs, *self.settings}
        if self.outputs != 1:
            known = (known - {"g"}) | {"gs"}
        if self.variadic:
            known |= {"i", "likes"}
        if self.shared is not None:
            known |= {"shared", "edges"} if self.outputs == 1 else {"shared"}
        for name, asked in wanted.items():
            unknown = [a for a in asked if a not in known]
            if unknown:
                raise TypeError(
                    f"the rule of op {self.name!r} for {name!r} asks for {', '.join(unknown)}; "
                    f"it can have {', '.join(sorted(known))}"
                )

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


def _make_vjp(op: Op, tie: Callable[..., Any] | None = None) -> Callable[..., Any]:
    """The node's ``vjp(node, g, edges)``: call the rules whose edges are wanted."""
    if tie is not None and (op.outputs != 1 or len(op.inputs) != 1):
        plain = _make_vjp(op)
        return lambda n, g, e: tie(n, plain(n, g, e)) if type(n) is _Lifted else plain(n, g, e)
    wanted = {name: _parameters(rule) for name, rule in op.rules.items() if rule is not None}
    places = {name: f"n.saved[{i}]" for i, name in enumerate(op.inputs)}
    for name, default in op.settings.items():
        got = f"[{name!r}]" if default is REQUIRED else f".get({name!r}, {default!r})"
        places[name] = f"n.settings{got}"
    places |= {"g": "g", "gs": "g", "xp": "n.ns", "out": f"n.saved[{len(op.inputs)}]"}
    places |= {"i": "i", "likes": "n.settings['likes']"}
    places |= {"shared": "shared", "edges": "e"}

    def arguments(position: int, name: str) -> str:
        like = "n.edges[i]" if op.variadic else f"n.edges[{position}]"
        return ", ".join((places | {"like": like})[a] for a in wanted.get(name, ("g",)))

    rules = [op.rules[name] or _no_rule(op, name) for name in op.inputs]
    users = [i for i, name in enumerate(op.inputs) if "shared" in wanted.get(name, ())]
    given = [arguments(i, name) for i, name in enumerate(op.inputs)]
    if op.outputs == 1 and not op.variadic:
        # One Python call from the engine to the vjp, one from there to each rule.
        if tie is not None:
            body = f"r({given[0]}),"
            made = f"lambda n, g, e: ({body}) if type(n) is not lifted else tie(n, ({body}))"
            return _bind(f"lambda r, lifted, tie: {made}", rules[0], _Lifted, tie)
        if len(rules) == 1:
            return _bind(f"lambda r: lambda n, g, e: (r({given[0]}),)", rules[0])
        names = [f"r{i}" for i in range(len(rules))]
        calls = "".join(
            f"None if e[{i}] is None else {r}({a}), "
            for i, (r, a) in enumerate(zip(names, given, strict=True))
        )
        if op.shared is not None:
            read = f"s({', '.join(places[a] for a in _parameters(op.shared))})"
            if len(users) < len(rules):  # nobody may want it, and nothing be saved for it
                asking = " or ".join(f"e[{i}] is not None" for i in users)
                read = f"{read} if {asking} else None"
            body = f"(lambda shared: ({calls}))({read})"
            return _bind(f"lambda s, {', '.join(names)}: lambda n, g, e: {body}", op.shared, *rules)
        return _bind(f"lambda {', '.join(names)}: lambda n, g, e: ({calls})", *rules)
    head = "lambda n, g, i" if op.variadic else "lambda n, g, shared"
    calls_ = [_bind(f"lambda r: {head}: r({a})", r) for r, a in zip(rules, given, strict=True)]
    if op.variadic:
        (each,) = calls_

        def of_variadic(node: Any, g: Any, edges: Any) -> tuple[Any, ...]:
            return tuple(None if edge is None else each(node, g, i) for i, edge in enumerate(edges))

        return of_variadic

    once: Any = None
    if op.shared is not None:
        asked = ", ".join(places[a] for a in _parameters(op.shared))
        once = _bind(f"lambda s: lambda n, g: s({asked})", op.shared)

    def of_several(node: Any, g: Bundle, edges: Any) -> tuple[Any, ...]:
        count = op.outputs or node.settings["outputs"]
        gs = tuple(g.parts.get(i) for i in range(count))
        shared = None
        if once is not None and any(edges[i] is not None for i in users):
            shared = once(node, gs)
        return tuple(
            None if edge is None else call(node, gs, shared)
            for call, edge in zip(calls_, edges, strict=True)
        )

    return of_several


class Tied(Node):
    """Where a recorded gradient joins what its derivative for is 0."""

    __slots__ = ()

    @staticmethod
    def vjp(node: Any, g: Any, edges: Any) -> tuple[Any, ...]:
        """The gradient as it came, and zeros."""
        to = edges[1]
        zeros = None if to is None else to.ns.zeros(to.shape, dtype=to.dtype)
        return (g, wrap(zeros, to.ns) if isinstance(g, Tensor) and to is not None else zeros)


class Joined(Node):
    """Where a recorded gradient has a history, but no derivative."""

    __slots__ = ()

    @staticmethod
    def vjp(node: Any, g: Any, edges: Any) -> tuple[Any, ...]:
        """Nothing."""
        return (None,) * len(edges)


def _tying(op: Op, name: str) -> Callable[..., Any]:
    """What ties the gradients that a node's rules have recorded."""
    first = {"ReluBackward0": "ThresholdBackward0", "CeluBackward0": "EluBackward0"}
    title = first.get(name, name).replace("Backward0", "BackwardBackward0")
    several = isinstance(op.tied, tuple)
    body = {"__slots__": (), "__module__": "xpgrad"}
    kind: Any = type(title, (Joined if several else Tied,), body)
    names: Any = op.tied if several else (op.tied,)
    places = [-1 if n == "out" else op.inputs.index(n) for n in names]

    def tie(node: Any, found: tuple[Any, ...]) -> tuple[Any, ...]:
        given = [node.saved[-1]._node if i < 0 else node.edges[i] for i in places]
        to = tuple([edge for edge in given if edge is not None])
        if not to or not mode.grad:
            return found
        if several:
            return tuple([g if g is None or g._node is not None else behind(g, to) for g in found])
        return tuple([None if g is None else behind(g, (g._node, *to)) for g in found])

    def behind(g: Tensor, edges: tuple[Any, ...]) -> Tensor:
        node = kind()
        node.edges, node.ns = edges, g._ns
        node.saved = node.settings = node.hooks = None
        node.seq, node.shape, node.dtype = tick(), g._data.shape, g._data.dtype
        return wrap(g._data, g._ns, node)

    return tie


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
    stacks: int | tuple[int, ...] | None = None,
    shared: Rule | None = None,
    tied: str | tuple[str, ...] | None = None,
    **rules: Rule | None,
) -> Callable[[Callable[..., Any]], OpFunction]:
    """Make an op of a forward function; the rules stand under the names of its inputs.

    Args:
        node: PyTorch's name for the node (``"Mul"``), if it is not the op's own in CamelCase.
        elementwise, linear, view, integers, kept, stacks, shared, tied: see `Op`.
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
            stacks=stacks,
            shared=shared,
            tied=tied,
        )
        if name in OPS:
            raise TypeError(f"there is an op {name!r} already")
        OPS[name] = made
        return function_of(made)

    return decorate


def named(
    function: OpFunction, node: str, *, tied: str | tuple[str, ...] | None = None
) -> OpFunction:
    """The same op under another node name: PyTorch tells ``sum()`` and ``sum(dim)`` apart.

    Args:
        tied: see `Op`.
    """
    source = function.op
    made = Op.__new__(Op)
    for slot in Op.__slots__:
        setattr(made, slot, getattr(source, slot))
    made.tied = tied or source.tied
    made.node_type = made._node_type(node)
    return function_of(made)


def function_of(op: Op) -> OpFunction:
    """The function that users of an op call: the call path, unrolled for the common shapes."""
    plain = op.outputs == 1 and not op.variadic and not op.view
    if plain and len(op.inputs) == 3 and not op.promotes and op.integers == "keep":
        call = ternary(op)
    elif op.outputs != 1 or op.variadic or len(op.inputs) > 2 or (op.settings and op.inputs[1:]):
        call = general(op)
    elif op.settings or op.view:
        call = unary_with_settings(op)
    elif len(op.inputs) == 1:
        call = unary(op)
    else:
        call = binary(op, apply)
    op.call = _labelled(call, op)
    return op.call


def operator_of(function: OpFunction) -> OpFunction:
    """An op of two inputs as one of Python's operators: no layer between the sign and the op.

    For an operand of unknown type it gives NotImplemented, so that Python asks the other one.
    """

    def slow(op: Op, inputs: Any, settings: Any, error: Exception | None = None) -> Any:
        x, y = inputs
        known = is_operand(x) and is_operand(y)
        return apply(op, inputs, settings, error) if known else NotImplemented

    op = function.op
    return _labelled(binary(op, slow), op)


def _labelled(call: Any, op: Op) -> OpFunction:
    call.__name__ = call.__qualname__ = op.name
    call.__doc__ = op.forward.__doc__
    call.__module__ = op.forward.__module__
    call.op = op
    return call
