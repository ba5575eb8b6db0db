"""The call path: from a Tensor to its library and back, with a node if a gradient is wanted.

`unary`, `binary`, `ternary`, `unary_with_settings` and `general` make the function that users call.
They are the product's hot loop, written out for speed and alike on purpose: no loop over the inputs
where there are few, nothing called or allocated that a plain op does not need. Anything unusual
(other types, mixed dtypes or devices, integers where floats are needed, errors) goes to `apply`,
which is thorough.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import and_
from typing import TYPE_CHECKING, Any, ClassVar

from xpgrad.errors import GradientError
from xpgrad.graph import Node, Output, tick
from xpgrad.mode import mode
from xpgrad.namespace import Array, Namespace
from xpgrad.promotion import alike, explain, unify
from xpgrad.tensor import Tensor, new
from xpgrad.versions import check_fresh
from xpgrad.views import link_view

if TYPE_CHECKING:
    from xpgrad.op import Op

INFERENCE_SAVED = (
    "Inference tensors cannot be saved for backward. Please do not use Tensors created in "
    "inference mode in computation tracked by autograd. To work around this, you can make a clone "
    "to get a normal tensor and use it in autograd, or use `xpgrad.no_grad()` instead of "
    "`xpgrad.inference_mode()`."
)


def unary(op: Op) -> Callable[..., Any]:
    """The call of an op with one input and no settings."""
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


def binary(op: Op, slow: Callable[..., Any]) -> Callable[..., Any]:
    """The call of an op with two inputs and no settings; `slow` takes what is unusual."""
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
                if (x_for_y and xn is None and x._inference) or (
                    y_for_x and yn is None and yd is not y and y._inference
                ):
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


def unary_with_settings(op: Op) -> Callable[..., Any]:
    """The call of an op with one input and settings, or one that gives a view."""
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


def ternary(op: Op) -> Callable[..., Any]:
    """The call of an op with three inputs that keep their dtypes, the last perhaps `None`."""
    forward, node_type, differentiable = op.forward, op.node_type, op.differentiable
    (x_for_x, x_for_y, x_for_z), (y_for_x, y_for_y, y_for_z), (z_for_x, z_for_y, z_for_z) = op.keep
    out_for_x, out_for_y, out_for_z = op.out_for

    def call(x: Any, y: Any, z: Any = None, /, **settings: Any) -> Any:
        try:
            ns = x._ns
            xd = x._data
            xn = x._node
            yd = y._data
            yn = y._node
            zd = zn = None
            if z is not None:
                zd = z._data
                zn = z._node
                if z._ns is not ns:
                    return apply(op, (x, y, z), settings)
            if y._ns is not ns or ns.guard is not None:
                return apply(op, (x, y, z), settings)
        except AttributeError:  # Python numbers, arrays, nothing at all
            return apply(op, (x, y, z), settings)
        try:
            out = forward(ns, xd, yd, zd, **settings)
        except Exception as error:
            return apply(op, (x, y, z), settings, error)
        if type(out) is not ns.array_type:
            out = ns.wrap(out)
        t = new(Tensor)
        t._data = out
        t._ns = ns
        if (xn or yn or zn) and mode.grad and differentiable:
            n = new(node_type)
            n.edges = (xn, yn, zn)
            keep_x = (x_for_x and xn) or (x_for_y and yn) or (x_for_z and zn)
            keep_y = (y_for_x and xn) or (y_for_y and yn) or (y_for_z and zn)
            keep_z = (z_for_x and xn) or (z_for_y and yn) or (z_for_z and zn)
            keep_out = (out_for_x and xn) or (out_for_y and yn) or (out_for_z and zn)
            if (
                (keep_x and xn is None and x._inference)
                or (keep_y and yn is None and y._inference)
                or (keep_z and zn is None and z is not None and z._inference)
            ):
                raise GradientError(INFERENCE_SAVED)
            n.saved = None
            if keep_x or keep_y or keep_z or keep_out:
                n.saved = (
                    xd if keep_x else None,
                    yd if keep_y else None,
                    zd if keep_z else None,
                    out if keep_out else None,
                )
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

    return call


def general(op: Op) -> Callable[..., Any]:
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
    if error is None and (found := alike(op, inputs)) is not None:
        (tensors, ns), converted = found, False
    else:
        tensors, ns, converted = unify(op, inputs)
    if error is not None and not converted and not isinstance(error, RuntimeWarning):
        raise _fault(op, tensors, settings, error) from error
    arrays = [t._data if isinstance(t, Tensor) else t for t in tensors]
    try:
        out = _compute(op, ns, arrays, settings or {})
    except Exception as failure:
        raise _fault(op, tensors, settings, failure) from failure
    return record(op, ns, tensors, arrays, settings, out)


def _fault(
    op: Op, tensors: Sequence[Any], settings: dict[str, Any] | None, error: Exception
) -> Exception:
    """What to raise for an error; that an input cannot be saved comes first, as in PyTorch."""
    edges = tuple([t._node if isinstance(t, Tensor) else None for t in tensors])
    if mode.grad and any(edges) and not op.variadic:
        try:
            _saved(op, tensors, tensors, edges, ())
        except GradientError as first:
            return first
    return explain(op, tensors, settings, error)


def _compute(op: Op, ns: Namespace, arrays: list[Array], settings: dict[str, Any]) -> Any:
    try:
        if ns.guard is None or ns.depth:
            return ns.run(op, arrays, settings)
        with ns.guard():
            return ns.run(op, arrays, settings)
    except RuntimeWarning:  # warnings are errors here, yet inf and nan are values, not faults
        with ns.quiet():
            return ns.run(op, arrays, settings)


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
    kind = ns.array_type
    outs = [o if type(o) is kind else ns.wrap(o) for o in (out if several else (out,))]
    made = []
    for o in outs:
        t = new(Tensor)
        t._data, t._ns, t._node = o, ns, None
        if mode.inference:
            t._inference = True
        made.append(t)
    edges = tuple([t._node if isinstance(t, Tensor) else None for t in tensors])
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
            node.shape, node.dtype, node.outputs = None, None, {}
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
    present = [e is not None for e in edges]
    kept = [True in map(and_, readers, present) for readers in op.keep]
    keep_out = op.needs_out and True in map(and_, op.out_for, present)
    if True not in kept and not keep_out:
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

    def _shown(self, name: str) -> Any:
        """A saved value by PyTorch's name for it or by ours: a Tensor, or a setting.

        Raises:
            GradientError: where it was freed, or written to since.
        """
        settings = self.settings or {}
        for spelled in (name, {"dim": "axis", "dims": "axes"}.get(name)):
            if spelled in settings:
                return settings[spelled]
        named = {"self": 0, "input": 0, "other": 1, "exponent": 1, "result": -1, "out": -1}
        places = {**named, **{n: i for i, n in enumerate(self.op.inputs)}}
        count = len(self.op.inputs)
        place = places.get(name, count)
        if place >= count or self.saved is None:
            raise AttributeError(f"'{type(self).__name__}' object has no attribute '_saved_{name}'")
        check_fresh(self)
        value = _Lifted._restore(self, *self.saved)[place]
        made_by = None if value is None or place < 0 else self.edges[place]
        leaf = getattr(made_by, "variable", None)
        return leaf if leaf is not None and leaf._data is value._data else value

    def lifted(self, tensor_namespace: Callable[[Namespace], Any]) -> Any:
        """The node as its rules see it under ``create_graph``: all values are Tensors."""
        return _Lifted(self, tensor_namespace(self.ns))


def _shown_as(name: str) -> property:
    return property(lambda node: node._shown(name))


# What PyTorch shows of its nodes. (Not by `__getattr__`, which would slow down every attribute.)
for _name in (
    "self", "input", "other", "exponent", "result", "weight", "bias", "target", "mask", "index",
    "dim", "dims", "keepdims", "axis", "axes", "shape", "correction",
):  # fmt: skip
    setattr(OpNode, f"_saved_{_name}", _shown_as(_name))


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
            made_by = [None if o is None else Output.of(node, i, o) for i, o in enumerate(out)]
            out = tuple(map(tensor, out, made_by))
        else:
            out = tensor(out, node)
        return (*inputs, out)
