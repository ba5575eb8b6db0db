"""Forward mode: numbers with a tangent, and how ops carry tangents along.

The derivative of each op is known once, as its rules: the products of its transposed Jacobian with
a gradient. What forward mode needs is the Jacobian itself, and it is had from the same rules:

* an elementwise op's Jacobian is diagonal, so a rule on a tangent gives the tangent,
* an op that is linear in its inputs is applied to their tangents, a product to each in turn,
* for the rest, where `TANGENTS` has nothing faster, the rule (linear in its gradient) is itself
  transposed by differentiating it with respect to that gradient, whatever it is.

So whatever has a rule has a tangent, with the same conventions at ties and kinks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from xpgrad.autograd.gradients import grad
from xpgrad.backward import _fit, tensor_namespace
from xpgrad.errors import GradientError
from xpgrad.func.levels import Level
from xpgrad.func.wrapped import Wrapped, WrappedNamespace, held, lowered
from xpgrad.graph import Bundle, Node
from xpgrad.mode import enable_grad, mode
from xpgrad.namespace import Namespace
from xpgrad.tensor import Tensor, wrap

if TYPE_CHECKING:
    from xpgrad.op import Op


class Dual(Wrapped):
    """A Tensor with its tangent, which is shaped like it; `None` stands for zeros."""

    __slots__ = ("tangent",)

    def __init__(self, ns: WrappedNamespace, primal: Tensor, tangent: Tensor | None) -> None:
        self.ns, self.value, self.tangent = ns, primal, tangent
        self.shape, self.dtype = primal._data.shape, primal._data.dtype


class DualNamespace(WrappedNamespace):
    """A library whose arrays carry tangents."""

    array_type = Dual

    def constant(self, t: Tensor) -> Dual:
        """A Tensor that does not depend on the inputs."""
        return Dual(self, t, None)

    def run(self, op: Op, arrays: Any, settings: dict[str, Any]) -> Any:
        """The op below, and the tangent of what it gives."""
        primals = [a.value if type(a) is Dual else a for a in arrays]
        tangents = [a.tangent if type(a) is Dual else None for a in arrays]
        if "index" in settings:
            settings = lowered(settings, self)
        with self.level.lowered():
            out = op.call(*primals, **settings)
            outs = out if type(out) is tuple else (out,)
            found: list[Tensor | None] = [None] * len(outs)
            if op.differentiable:
                for t in tangents:
                    if t is not None:
                        found = tangents_of(op, primals, tangents, outs, settings)
                        break
        if type(out) is not tuple:
            return Dual(self, out, found[0] if out._data.dtype in self.inexact else None)
        return tuple(
            Dual(self, o, t if o._data.dtype in self.inexact else None)
            for o, t in zip(outs, found, strict=True)
        )

    def through(self, x: Any, function: Callable[[Tensor], Tensor]) -> Dual:
        """Both parts of a dual, each through a linear function."""
        return Dual(self, function(x.value), None if x.tangent is None else function(x.tangent))

    def severed(self, x: Any) -> Dual:
        """The primal alone, without a history either."""
        return Dual(self, x.value.detach(), None)

    def captured(self) -> GradientError:
        """In PyTorch's words."""
        return GradientError(
            "During a grad (vjp, jvp, grad, etc) transform, the function provided attempted to "
            "call in-place operation that would mutate a captured Tensor. This is not supported; "
            "please rewrite the function being transformed to explicitly accept the mutated "
            "Tensor(s) as inputs."
        )

    def number(self, x: Wrapped, what: str) -> Any:
        """The number without its tangent: a branch has the derivative of the way it took."""
        return bool(x.value) if what == "bool" else x.value.item()

    def to_host(self, x: Any) -> Any:
        """The values without their tangents."""
        with self.level.lowered():
            return self.under.to_host(x.value._data)

    def show(self, x: Any) -> str:
        """How a Tensor around `x` is printed."""
        return repr(x.value)


class DualLevel(Level):
    """Within it, Tensors may carry tangents."""

    kind = "jvp"
    namespace = DualNamespace

    def make(self, primal: Tensor, tangent: Tensor | None) -> Tensor:
        """A Tensor of this level with a tangent; both parts may come from any level outside."""
        primal = held(self.below(primal))
        if tangent is not None:
            tangent = held(self.below(tangent))
        ns = self.over(primal._ns.base)
        return wrap(Dual(ns, primal, tangent), ns)

    def parts(self, t: Tensor) -> tuple[Tensor, Tensor | None]:
        """The primal and the tangent of a Tensor, `None` where it depends on no input."""
        data = t._data
        if isinstance(data, Dual) and data.ns.level is self:
            return data.value, data.tangent
        return self.below(t), None


# ------------------------------------------------------------------ the tangent of an op


Tangents = Sequence[Tensor | None]


def tangents_of(
    op: Op,
    primals: Sequence[Any],
    tangents: Tangents,
    outs: tuple[Tensor, ...],
    settings: dict[str, Any],
) -> list[Tensor | None]:
    """The tangent of each result, given those of the inputs."""
    special = TANGENTS.get(op.name)
    if special is not None:
        made = special(op, primals, tangents, outs[0], settings)
        if made is not NotImplemented:
            return [_shaped(made, outs[0])]
    if op.elementwise and _diagonal(op, primals, outs[0]):
        return [_elementwise(op, primals, tangents, outs[0], settings)]
    if op.linear:
        return _linear(op, primals, tangents, outs, settings)
    return _transposed(op, primals, tangents, outs, settings)


def _zeros(t: Tensor) -> Tensor:
    xp = tensor_namespace(t._ns)
    zeros: Tensor = xp.zeros_like(t)
    return zeros


def _shaped(tangent: Tensor | None, out: Tensor) -> Tensor | None:
    """A tangent in the shape and dtype of what it belongs to."""
    if tangent is None:
        return None
    xp = tensor_namespace(out._ns)
    if tangent._data.dtype != out._data.dtype:
        if tangent.dtype.is_complex and not out.dtype.is_complex:
            tangent = xp.real(tangent)
        tangent = xp.astype(tangent, out.dtype)
    if tangent._data.shape != out._data.shape:
        tangent = xp.broadcast_to(tangent, tuple(out.shape))
    return tangent


def _diagonal(op: Op, primals: Sequence[Any], out: Tensor) -> bool:
    """Whether ``conj(rule(conj(t)))`` is the tangent.

    It is for real numbers, for what is complex-differentiable, and for real functions of complex
    numbers; for the others a rule mixes a gradient with its conjugate.
    """
    if not out.dtype.is_complex:
        return True
    if op.name in ("sgn", "sign", "conj", "copysign"):
        return False
    return all(p.dtype.is_complex for p in primals if isinstance(p, Tensor))


def _conj(t: Tensor) -> Tensor:
    if t._data.dtype not in t._ns.complexes:
        return t
    found: Tensor = tensor_namespace(t._ns).conj(t)
    return found


def _elementwise(
    op: Op, primals: Sequence[Any], tangents: Tangents, out: Tensor, settings: dict[str, Any]
) -> Tensor | None:
    total: Any = None
    state = _state(op, primals, (out,), settings)
    for i, t in enumerate(tangents):
        if t is None or op.rules[op.inputs[i]] is None:
            continue
        edges = tuple(state.edges[j] if i == j else None for j in range(len(primals)))
        part = op.vjp(state, _conj(t), edges)[i]
        part = _shaped(None if part is None else _conj(part), out)
        total = part if total is None else total + part
    return total


def _linear(
    op: Op,
    primals: Sequence[Any],
    tangents: Tangents,
    outs: tuple[Tensor, ...],
    settings: dict[str, Any],
) -> list[Tensor | None]:
    """The op itself on the tangents; inputs without a rule, such as positions, stay."""
    if len(primals) == 1 == op.outputs:
        return [_shaped(op.call(tangents[0], **settings), outs[0])]
    given = []
    for i, (p, t) in enumerate(zip(primals, tangents, strict=True)):
        if p is None or (not op.variadic and op.rules[op.inputs[i]] is None):
            given.append(p)
        elif not isinstance(p, Tensor):
            given.append(0)
        else:
            given.append(_zeros(p) if t is None else t)
    found = op.call(*given, **settings)
    return list(found) if isinstance(found, tuple) else [_shaped(found, outs[0])]


class _Like:
    """Stands for an edge: what a rule gets as ``like``, and whose gradient is wanted."""

    name = Node.name

    def __init__(self, t: Tensor) -> None:
        self.ns, self.shape, self.dtype = t._ns, t._data.shape, t._data.dtype


class _State:
    """Looks like a node to a rule, with Tensors for saved values."""

    def __init__(self, ns: Namespace, edges: Any, saved: Any, settings: Any) -> None:
        self.ns, self.edges, self.saved, self.settings = ns, edges, saved, settings


def _state(
    op: Op, primals: Sequence[Any], outs: tuple[Tensor, ...], settings: dict[str, Any]
) -> Any:
    edges = tuple(_Like(p) if isinstance(p, Tensor) else None for p in primals)
    out = outs[0] if op.outputs == 1 else outs
    inputs = [tuple(primals)] if op.variadic else primals
    if op.needs_likes:
        settings = {**settings, "likes": tuple(p._data.shape for p in primals)}
    return _State(tensor_namespace(outs[0]._ns), edges, (*inputs, out), settings)


def _transposed(
    op: Op,
    primals: Sequence[Any],
    tangents: Tangents,
    outs: tuple[Tensor, ...],
    settings: dict[str, Any],
) -> list[Tensor | None]:
    """``J t`` as the derivative of ``J.T u`` with respect to `u`, in direction `t`."""
    recording = mode.grad
    state = _state(op, primals, outs, settings)
    edges = tuple(
        e if t is not None and (op.variadic or op.rules[op.inputs[i]] is not None) else None
        for i, (e, t) in enumerate(zip(state.edges, tangents, strict=True))
    )
    us: list[Tensor | None] = [
        _zeros(o).requires_grad_() if o.dtype.is_differentiable else None for o in outs
    ]
    with enable_grad():
        g: Any = us[0]
        if op.outputs != 1:
            g = Bundle({i: u for i, u in enumerate(us) if u is not None})
        rows = op.vjp(state, g, edges)
        node: Any = _Named(op, edges)
        pairs = []
        for row, edge, t in zip(rows, edges, tangents, strict=True):
            if row is None or edge is None or row._node is None:
                continue
            if row._data.shape != edge.shape or row._data.dtype != edge.dtype:
                row = _fit(row, row._data, edge, node, True)
            pairs.append((row, t))
        if not pairs:
            return [None] * len(outs)
        wanted = [u for u in us if u is not None]
        found = grad(
            [row for row, _ in pairs],
            wanted,
            [t for _, t in pairs],
            create_graph=recording,
            allow_unused=True,
        )
    by_place = iter(found)
    return [None if u is None else next(by_place) for u in us]


class _Named:
    """The node that `_fit` names where a rule's gradient has the wrong shape."""

    def __init__(self, op: Op, edges: Any) -> None:
        self.op, self.edges = op, edges

    def name(self) -> str:
        """The op's node name."""
        return self.op.node_type.__name__


# ------------------------------------------------------------------ faster ways, by op


def _each_in_turn(op: Op, primals: Any, tangents: Any, out: Tensor, settings: Any) -> Any:
    """A product: the sum of what it gives with each factor replaced by its tangent."""
    total = None
    for i, t in enumerate(tangents):
        if t is not None:
            part = op.call(*primals[:i], t, *primals[i + 1 :], **settings)
            total = part if total is None else total + part
    return total


def _add(op: Op, primals: Any, tangents: Any, out: Tensor, settings: Any) -> Any:
    a, b = tangents
    return b if a is None else a if b is None else a + b


def _subtract(op: Op, primals: Any, tangents: Any, out: Tensor, settings: Any) -> Any:
    a, b = tangents
    return -b if a is None else a if b is None else a - b


def _of_first(op: Op, primals: Any, tangents: Any, out: Tensor, settings: Any) -> Any:
    """The op is linear in its first input, and knows no derivative by the others."""
    return None if tangents[0] is None else op.call(tangents[0], *primals[1:], **settings)


def _linear_layer(op: Op, primals: Any, tangents: Any, out: Tensor, settings: Any) -> Any:
    (x, weight, _), (tx, tw, total) = primals, tangents
    for a, b in ((tx, weight), (x, tw)):
        if a is not None and b is not None:
            part = op.call(a, b, None)
            total = part if total is None else total + part
    return total


def _convolution(op: Op, primals: Any, tangents: Any, out: Tensor, settings: Any) -> Any:
    (x, weight, _), (tx, tw, tb) = primals, tangents
    total = None
    for a, b in ((tx, weight), (x, tw)):
        if a is not None and b is not None:
            part = op.call(a, b, None, **settings)
            total = part if total is None else total + part
    if tb is None:
        return total
    xp = tensor_namespace(out._ns)
    tb = xp.reshape(tb, (tb.shape[0], *(1,) * (out.ndim - 2)))
    return tb if total is None else total + tb


def _pad(op: Op, primals: Any, tangents: Any, out: Tensor, settings: Any) -> Any:
    return op.call(tangents[0], widths=settings["widths"])


def _softmax(op: Op, primals: Any, tangents: Any, out: Tensor, settings: Any) -> Any:
    xp = tensor_namespace(out._ns)
    (t,) = tangents
    return out * (t - xp.sum(out * t, axis=settings["axis"], keepdims=True))


def _log_softmax(op: Op, primals: Any, tangents: Any, out: Tensor, settings: Any) -> Any:
    xp = tensor_namespace(out._ns)
    (t,) = tangents
    return t - xp.sum(xp.exp(out) * t, axis=settings["axis"], keepdims=True)


def _masked_fill(op: Op, primals: Any, tangents: Any, out: Tensor, settings: Any) -> Any:
    (_, mask, _), (tx, _, tv) = primals, tangents
    return op.call(_zeros(out) if tx is None else tx, mask, 0.0 if tv is None else tv)


def _index_put(op: Op, primals: Any, tangents: Any, out: Tensor, settings: Any) -> Any:
    (_, values), (tx, tv) = primals, tangents
    if tv is None:
        tv = _zeros(values) if isinstance(values, Tensor) else 0
    return op.call(_zeros(out) if tx is None else tx, tv, **settings)


def _copy(op: Op, primals: Any, tangents: Any, out: Tensor, settings: Any) -> Any:
    return tangents[1]


def _embedding(op: Op, primals: Any, tangents: Any, out: Tensor, settings: Any) -> Any:
    return op.call(tangents[0], primals[1])  # padding and frequencies are about gradients


def _sort(op: Op, primals: Any, tangents: Any, out: Tensor, settings: Any) -> Any:
    xp = tensor_namespace(out._ns)
    order = xp.argsort(primals[0], **settings)
    return xp.take_along_axis(tangents[0], order, axis=settings["axis"])


def _inv(op: Op, primals: Any, tangents: Any, out: Tensor, settings: Any) -> Any:
    xp = tensor_namespace(out._ns)
    return -xp.matmul(out, xp.matmul(tangents[0], out))


def _solve(op: Op, primals: Any, tangents: Any, out: Tensor, settings: Any) -> Any:
    """``a dx = db - da x``; of a triangle that alone is looked at, there."""
    xp, (ta, tb) = tensor_namespace(out._ns), tangents
    if ta is not None:
        if "upper" in settings:
            k = int(settings.get("unitriangular", False))
            ta = xp.triu(ta, k=k) if settings["upper"] else xp.tril(ta, k=-k)
        product = xp.matmul(ta, out)
        tb = -product if tb is None else tb - product
    return op.call(primals[0], tb, **settings)


TANGENTS: dict[str, Callable[..., Any]] = {
    "add": _add,
    "subtract": _subtract,
    "nll_loss": _of_first,
    "multiply": _each_in_turn,
    "mm": _each_in_turn,
    "bmm": _each_in_turn,
    "mv": _each_in_turn,
    "dot": _each_in_turn,
    "matmul": _each_in_turn,
    "vecdot": _each_in_turn,
    "linear": _linear_layer,
    "convolution": _convolution,
    "convolution_input": _convolution,
    "convolution_weight": _each_in_turn,
    "pad": _pad,
    "softmax": _softmax,
    "log_softmax": _log_softmax,
    "masked_fill": _masked_fill,
    "index_put": _index_put,
    "copy": _copy,
    "embedding": _embedding,
    "sort": _sort,
    "inv": _inv,
    "solve": _solve,
    "solve_triangular": _solve,
}
