# ruff: noqa: E501 - a program is a line
"""The graph as users see it: nodes and their hooks, edges, views and writes, anomaly detection.

A program runs on both libraries and yields what can be seen. Everything that it yields must agree;
an error counts as its family and its text, where "torch." reads "xpgrad.".
"""

import gc
import re
import warnings
import weakref

import numpy as np
import pytest

import namespaces
import xpgrad as xg
from xpgrad.graph import Node

PROGRAMS = {}


def program(function):
    assert function.__name__ not in PROGRAMS
    PROGRAMS[function.__name__] = function
    return function


def show(value):
    """What is compared of a value: numbers, names and texts."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (tuple, list)):
        return tuple(show(v) for v in value)
    if hasattr(value, "tolist"):
        return np.round(np.array(value.tolist()), 4).tolist()
    return value.name().rpartition("::")[2] if hasattr(value, "name") else str(value)


def attempt(function, *args):
    """What a call returns, or what it raises."""
    try:
        return show(function(*args))
    except Exception as error:
        family = next(k for k in type(error).__mro__ if k.__module__ == "builtins")
        text = re.sub(r"\btorch([./])", r"xpgrad\1", str(error))
        return family.__name__, re.sub(r"\w+\.<locals>\.", "", text)


def state(*tensors):
    """What can be seen of each tensor without its values' history."""
    return [
        (t.requires_grad, t.is_leaf, show(t.grad_fn), t._version, t._base is not None, show(t.detach()))
        for t in tensors
    ]  # fmt: skip


def noting(log, name, returned=None):
    """A hook that writes down what it sees."""

    def hook(*args):
        log.append((name, show(args)))
        return None if returned is None else returned(*args)

    return hook


def inputs(t):
    x = t.tensor([1.0, 2.0], requires_grad=True)
    y = t.tensor([[3.0, 4.0], [5.0, 6.0]], requires_grad=True)
    return x, y


# ------------------------------------------------------------------ hooks of nodes


@program
def hooks_in_order(t):
    x, y = inputs(t)
    z, log = x * y, []
    z.grad_fn.register_hook(noting(log, "post 1"))
    z.grad_fn.register_hook(noting(log, "post 2"))
    z.grad_fn.register_prehook(noting(log, "pre 1", lambda go: (go[0] * 2,)))
    z.grad_fn.register_prehook(noting(log, "pre 2"))
    z.register_hook(noting(log, "tensor", lambda g: g * 3))
    z.retain_grad()
    z.sum().backward()
    yield log, show(z.grad), show(x.grad), show(y.grad)


@program
def hooks_that_replace(t):
    x, y = inputs(t)
    z = x * y
    z.grad_fn.register_prehook(lambda go: (go[0] * 2,))
    z.grad_fn.register_hook(lambda gi, go: (gi[0] * go[0].sum(), gi[1]))
    yield show(t.autograd.grad(z.sum(), (x, y)))


@program
def hooks_that_return_something_else(t):
    x, y = inputs(t)
    for hook in (
        lambda gi, go: (gi[0],) * 3,
        lambda gi, go: (gi[0],),
        lambda gi, go: 3,
        lambda gi, go: gi[0],
        lambda gi, go: (3, 4),
        lambda gi, go: [gi[0], gi[1]],
        lambda gi, go: (gi[0][:1], gi[1]),
        lambda gi, go: (gi[0].double(), gi[1]),
        lambda gi, go: (None, gi[1]),
        lambda gi, go: (None, None),
        lambda gi, go: None,
        lambda: None,
    ):
        z = x * y
        z.grad_fn.register_hook(hook)
        yield attempt(lambda z=z: t.autograd.grad(z.sum(), (x, y), allow_unused=True))
    for hook in (
        lambda go: (go[0],) * 3,
        lambda go: (),
        lambda go: 3,
        lambda go: go[0] * 2,
        lambda go: (3,),
        lambda go: (go[0][:1],),
        lambda go: (go[0].double(),),
        lambda go: (None,),
    ):
        z = x * y
        z.grad_fn.register_prehook(hook)
        yield attempt(lambda z=z: t.autograd.grad(z.sum(), (x, y), allow_unused=True))


@program
def hooks_and_gradients_that_nobody_wants(t):
    x, y = inputs(t)
    log = []
    for z in (x * 2, x * y.detach(), x * y):
        z.grad_fn.register_hook(noting(log, "post"))
        t.autograd.grad(z.sum(), x)
    z = x * y.detach()
    z.grad_fn.register_hook(lambda gi, go: (gi[0], gi[0]))
    yield log, attempt(z.sum().backward)


@program
def hooks_of_a_node_with_several_outputs(t):
    _, y = inputs(t)
    for made in (lambda: (y * 1).unbind(), lambda: (y * 1).split(1), lambda: (y * 1).max(1)[:1]):
        parts, log = made(), []
        node = parts[-1].grad_fn
        node.register_prehook(noting(log, "pre"))
        node.register_prehook(lambda go: (*go[:-1], go[-1] * 3))
        node.register_hook(noting(log, "post"))
        parts[-1].sum().backward()
        yield show(node), [p.grad_fn is node for p in parts], [p.output_nr for p in parts], log
    parts = (y * 1).unbind()
    parts[0].grad_fn.register_prehook(lambda go: (go[1], go[1]))
    yield attempt(parts[1].sum().backward), show(y.grad)


@program
def hooks_of_a_function(t):
    log = []

    class F(t.autograd.Function):
        @staticmethod
        def forward(ctx, a, n, b):
            return a * n, b * n, 3

        @staticmethod
        def backward(ctx, g, h, k):
            log.append(("backward", show((g, h, k))))
            return g.double() * 2, None, None

    x, y = inputs(t)
    p, _, _ = F.apply(x, 2.0, y * 1)
    node = p.grad_fn
    p.register_hook(noting(log, "p"))
    node.register_prehook(noting(log, "pre"))
    node.register_hook(noting(log, "post"))
    node.register_hook(lambda gi, go: log.append(str(gi[0].dtype).rpartition(".")[2]))
    p.sum().backward()
    node.metadata["key"] = 1
    yield log, p.grad_fn.metadata, show(node), show(node.next_functions)


@program
def hooks_see_gradients_that_fit(t):
    class F(t.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            return a.expand(2, 2) * 1

        @staticmethod
        def backward(ctx, g):
            return g

    x, _ = inputs(t)
    log, out = [], F.apply(x * 1)
    out.grad_fn.register_hook(noting(log, "post"))
    out.sum().backward()
    yield log, show(x.grad)


@program
def hooks_under_create_graph(t):
    x, _ = inputs(t)
    z, log = x * x * x, []
    z.grad_fn.register_hook(lambda gi, go: log.append((gi[0].requires_grad, go[0].requires_grad)))
    (g,) = t.autograd.grad(z.sum(), x, create_graph=True)
    yield log, show(t.autograd.grad(g.sum(), x))
    z = x * x
    z.grad_fn.register_prehook(lambda go: (go[0] * x,))
    z.grad_fn.register_hook(lambda gi, go: (gi[0] * x, gi[1]))
    (g,) = t.autograd.grad(z.sum(), x, create_graph=True)
    yield show(g), show(t.autograd.grad(g.sum(), x))
    z = x * x
    z.grad_fn.register_hook(
        lambda gi, go: log.append((t.is_grad_enabled(), (gi[0] * x).requires_grad))
    )
    z.sum().backward()
    yield log


@program
def hooks_of_a_node_that_is_only_captured(t):
    x, y = inputs(t)
    a, log = x * y, []
    b = a * 2
    a.register_hook(noting(log, "tensor", lambda g: g * 7))
    a.grad_fn.register_prehook(noting(log, "pre"))
    a.grad_fn.register_hook(noting(log, "post"))
    b.grad_fn.register_prehook(noting(log, "b"))
    yield show(t.autograd.grad(b.sum(), a)), log


@program
def hooks_of_a_leafs_node(t):
    x, y = inputs(t)
    node, log = x.view_as(x).grad_fn.next_functions[0][0], []
    yield show(node), node.variable is x, node.next_functions, node.metadata
    node.register_hook(lambda gi, go: log.append((show(gi), show(go), show(x.grad))))
    node.register_prehook(lambda go: log.append((show(go), show(x.grad))) or (go[0] * 5,))
    x.register_hook(noting(log, "tensor"))
    x.register_post_accumulate_grad_hook(
        lambda p: log.append(("after", show(p.grad), t.is_grad_enabled()))
    )
    for run in (
        lambda: (x * y).sum().backward(),
        lambda: t.autograd.grad((x * y).sum(), x),
        lambda: (x * y).sum().backward(inputs=[x]),
        lambda: (x * y).sum().backward(inputs=[y]),
    ):
        log.clear()
        run()
        yield list(log), show(x.grad)


@program
def hooks_of_a_leafs_node_that_return_something_else(t):
    for kind, hook in (
        ("register_hook", lambda gi, go: (go[0],)),
        ("register_hook", lambda gi, go: ()),
        ("register_hook", lambda gi, go: 3),
        ("register_prehook", lambda go: (go[0][:1],)),
        ("register_prehook", lambda go: ()),
        ("register_prehook", lambda go: 3),
        ("register_prehook", lambda go: (None,)),
    ):
        x, _ = inputs(t)
        node = x.view_as(x).grad_fn.next_functions[0][0]  # PyTorch's would be gone
        getattr(node, kind)(hook)
        yield attempt((x * 2).sum().backward), show(x.grad)


@program
def after_hooks_that_return_something(t):
    for returned in (3, t.ones(2)):
        x, _ = inputs(t)
        x.register_post_accumulate_grad_hook(lambda p, returned=returned: returned)
        yield attempt((x * 2).sum().backward), show(x.grad)


@program
def hooks_removed(t):
    x, _ = inputs(t)
    z, log, handles = x * x, [], []
    handles.append(z.grad_fn.register_hook(lambda gi, go: (log.append(1), handles[1].remove())[0]))
    handles.append(z.grad_fn.register_hook(noting(log, "two")))
    for _ in range(2):
        z.sum().backward(retain_graph=True)
    handles[0].remove()
    handles[0].remove()
    with z.grad_fn.register_prehook(noting(log, "pre")):
        z.sum().backward(retain_graph=True)
    z.sum().backward()
    yield log


@program
def hooks_of_written_nodes(t):
    x, _ = inputs(t)
    a, log = x * 1, []
    a.register_hook(noting(log, "before"))
    a.retain_grad()
    a.mul_(3)
    a.register_hook(noting(log, "after"))
    a.grad_fn.register_hook(noting(log, "node"))
    a.sum().backward()
    yield log, show(a.grad)
    b = x * 1
    b[:1].mul_(3)
    log.clear()
    b.grad_fn.register_prehook(noting(log, "pre"))
    b.sum().backward()
    yield show(b.grad_fn), log, show(x.grad)


@program
def what_a_node_is(t):
    x, y = inputs(t)
    kind, z = t.autograd.graph.Node, (x * y)
    leaf = z.grad_fn.next_functions[0][0]
    yield [isinstance(v, kind) for v in (z.grad_fn, leaf, 3, x)], issubclass(type(z.grad_fn), kind)
    before = type(z.grad_fn).__name__, repr(z.grad_fn).partition(" at ")[0]
    z.grad_fn.register_hook(print)
    yield before, (type(z.grad_fn).__name__, repr(z.grad_fn).partition(" at ")[0])
    z.grad_fn.metadata["a"] = 1
    yield z.grad_fn.metadata, leaf.metadata, x.grad_fn
    for v in (x * 2, x**2, 2**x, x**x, x.gather(0, t.tensor([0])), t.where(x > 0, x, x * 2), x[[0]],
              x.masked_fill(x > 1, 0.0), x.double(), x.sum()):  # fmt: skip
        yield show(v.grad_fn), show(v.grad_fn.next_functions)


# ------------------------------------------------------------------ hooks of several tensors


@program
def hooks_of_several(t):
    graph, log = t.autograd.graph, []
    x, y = inputs(t)
    a, b = x * 2, y * 3
    d, e = a * b, a * 5
    every = graph.register_multi_grad_hook([a, b, d], noting(log, "all"))
    first = graph.register_multi_grad_hook((a, b, d), noting(log, "any"), mode="any")
    for run in (
        lambda: d.sum().backward(retain_graph=True),
        lambda: e.sum().backward(retain_graph=True),
        lambda: t.autograd.grad(d.sum(), x, retain_graph=True),
        lambda: t.autograd.grad(d.sum(), a, retain_graph=True),
        lambda: t.autograd.grad(d.sum(), d, retain_graph=True),
        lambda: d.sum().backward(inputs=[y], retain_graph=True),
    ):
        log.clear()
        run()
        yield sorted(log)
    every.remove()
    first.remove()
    log.clear()
    d.sum().backward(retain_graph=True)
    yield log


@program
def hooks_of_several_leaves(t):
    x, y = inputs(t)
    log = []
    t.autograd.graph.register_multi_grad_hook([x, y], noting(log, "leaves"))
    (x * y).sum().backward()
    (x * 2).sum().backward()
    yield log


@program
def hooks_of_several_and_mistakes(t):
    register = t.autograd.graph.register_multi_grad_hook
    x, _ = inputs(t)
    c, log = t.ones(2), []
    yield attempt(register, [x], print, "mode")
    with pytest.raises(ValueError, match="Expects mode to be one of"):
        register([x], print, mode="some")
    with pytest.raises(AssertionError, match="Expected gradient function to be set"):
        register([x, c], print)
    register([x, c], noting(log, "any"), mode="any")
    register([], noting(log, "none"))
    (x * 2).sum().backward()
    yield log
    seen = []

    def once(grads):
        seen.append(1)
        if len(seen) == 1:
            raise ValueError("no")
        log.append(show(grads))

    a = x * 2
    register([a, x], once)
    yield attempt(lambda: a.sum().backward(retain_graph=True))
    a.sum().backward()
    yield log


@program
def hooks_of_several_return_nothing(t):
    x, _ = inputs(t)
    for mode in ("all", "any"):
        a = x * 2
        t.autograd.graph.register_multi_grad_hook([a, a], lambda g: [v * 100 for v in g], mode=mode)
        a.sum().backward()
    yield show(x.grad)


@program
def hooks_of_several_in_a_nested_backward(t):
    x, _ = inputs(t)
    a, b, log = x * x, x * 3, []
    t.autograd.graph.register_multi_grad_hook([a, b], noting(log, "both"))

    def inner(g):
        with t.enable_grad():
            total = b.sum()
        total.backward(retain_graph=True)

    a.register_hook(inner)
    (a * b).sum().backward(retain_graph=True)
    yield log


@program
def hooks_of_several_where_a_rule_gives_nothing(t):
    class F(t.autograd.Function):
        @staticmethod
        def forward(ctx, a, b):
            return a * b

        @staticmethod
        def backward(ctx, g):
            return g, None

    x, _ = inputs(t)
    a, b, log = x * 1, x * 2, []
    t.autograd.graph.register_multi_grad_hook([a, b], noting(log, "both"))
    F.apply(a, b).sum().backward()
    yield log


# ------------------------------------------------------------------ edges


@program
def edges(t):
    graph = t.autograd.graph
    x, _ = inputs(t)
    yield attempt(graph.get_gradient_edge, t.ones(2))
    for v in (x, x * 2, (x * 1).unbind()[1]):
        e = graph.get_gradient_edge(v)
        yield show(e.node), e.output_nr, e._fields, e[0] is e.node
    parts = (x * 1).unbind()
    node, total = parts[0].grad_fn, parts[0] * 2 + parts[1] * 3
    for e in (
        graph.GradientEdge(node, 1),
        graph.GradientEdge(node, 0),
        graph.get_gradient_edge(parts[1]),
    ):
        yield show(t.autograd.grad(total, e, retain_graph=True))
    leaf = graph.GradientEdge(x.view_as(x).grad_fn.next_functions[0][0], 0)
    yield show(t.autograd.grad(total, leaf, retain_graph=True))
    a = x * x
    yield attempt(t.autograd.backward, graph.GradientEdge(a.grad_fn, 0))
    t.autograd.backward(graph.GradientEdge(a.grad_fn, 0), t.ones(2))
    yield show(x.grad)


@program
def versions_counted_by_hand(t):
    v, w = t.ones(2), t.ones(2)
    t.autograd.graph.increment_version(v)
    t.autograd.graph.increment_version([v, w])
    yield v._version, w._version
    yield (
        attempt(t.autograd.graph.increment_version, 3),
        attempt(t.autograd.graph.increment_version, [3]),
    )
    x = t.ones(2, requires_grad=True)
    y = x * w
    t.autograd.graph.increment_version(w)
    yield attempt(y.sum().backward)


# ------------------------------------------------------------------ views without a history


@program
def views_of_a_leaf_made_in_no_grad(t):
    x = t.ones(3, requires_grad=True)
    with t.no_grad():
        v, w, d = x[:2], x.view(3, 1), x.detach()
    yield state(x, v, w, d), v.retains_grad
    (v * v).sum().backward()
    yield show(v.grad), show(x.grad), attempt(lambda: v.requires_grad_(False).requires_grad)
    yield attempt(v.mul_, 2), attempt(v.detach_), v[:1].requires_grad, v[:1].is_leaf
    v.requires_grad_()
    (v * v).sum().backward()
    yield show(v.grad), show(x.grad)


@program
def views_written_in_no_grad(t):
    for write in (
        lambda x, v: v.mul_(2),
        lambda x, v: x.mul_(2),
        lambda x, v: x.detach().mul_(2),
        lambda x, v: x.__setitem__(0, 5.0),
        lambda x, v: x.data.mul_(2),
    ):
        x = t.ones(3, requires_grad=True)
        with t.no_grad():
            v = x[:2]
            write(x, v)
            yield show(v * 2), (v * 2).requires_grad, show(v[:1]), v[:1].requires_grad
        yield v.requires_grad, v.tolist(), show(v.detach()), show(v.data)
        yield (
            attempt(lambda v=v: v.grad_fn),
            attempt(lambda v=v: v.is_leaf),
            attempt(lambda v=v: v * 2),
        )
        yield (
            attempt(v.clone),
            attempt(lambda v=v: v[0]),
            attempt(v.mul_, 2),
            re.sub(", device='.*?'", "", repr(v)),
        )
        yield attempt(x[:2].sum().backward), show(x.grad)


@program
def views_of_a_result_made_in_no_grad(t):
    x = t.ones(3, requires_grad=True)
    a = x * 2
    with t.no_grad():
        v = a[:2]
        w = v[0]
    yield state(a, v, w)
    a.mul_(2)
    yield v.requires_grad, attempt(lambda: v.grad_fn), attempt(lambda: w * 2), attempt(v.mul_, 2)
    a = x * 1
    a.mul_(2)
    with t.no_grad():
        v = a[:2]
    yield state(v), (v * 2).requires_grad


@program
def views_made_before_the_base_required_a_gradient(t):
    c = t.ones(3)
    v = c[:2]
    w = v[:1]
    c.requires_grad_()
    yield state(c, v, w), attempt(v.mul_, 2), attempt(c.mul_, 2)
    with t.no_grad():
        c.mul_(2)
    yield state(c, v, w)
    (v * v).sum().backward()
    yield show(c.grad)
    c, v = t.ones(3), None
    v = c[:2]
    c.requires_grad_()
    c.requires_grad_(False)
    yield state(c, v)


@program
def views_of_constants_made_in_no_grad(t):
    c, x = t.ones(3), t.ones(3, requires_grad=True)
    with t.no_grad():
        v = c[:2]
    yield state(v), attempt(v.mul_, 2), attempt(lambda: v.mul_(x[:2]))
    c.mul_(x)
    yield attempt(lambda: v * 2), attempt(lambda: v.sum().backward())


@program
def views_made_in_inference_mode(t):
    c, x = t.ones(3), t.ones(3, requires_grad=True)
    a = x * 1
    with t.inference_mode():
        v, w, i = c[:2], a[:2], t.ones(3)
        vi = i[:2]
    yield [u.is_inference() for u in (v, w, i, vi)], v._base is c, vi._base, state(v, w)
    yield attempt(v.mul_, 2), attempt(w.mul_, 2), attempt(vi.detach_)
    a.mul_(2)
    yield attempt(lambda: w * 2), attempt(lambda: w.grad_fn)
    with t.inference_mode():
        yield attempt(lambda: show(w * 2))


@program
def several_views_made_in_no_grad(t):
    x = t.ones(3, 2, requires_grad=True)
    with t.no_grad():
        parts = x.unbind()
    yield state(*parts)
    with t.no_grad():
        parts[0].mul_(2)
    yield attempt(lambda: parts[1] * 2), attempt(lambda: parts[0].grad_fn)


@program
def every_view_made_in_no_grad(t):
    x = t.ones(2, 3, requires_grad=True)
    with t.no_grad():
        yield [v.requires_grad for v in (
            x.t(), x.T, x.mT, x.transpose(0, 1), x.permute(1, 0), x.expand(4, 2, 3), x.squeeze(),
            x.unsqueeze(0), x.narrow(0, 0, 1), x.select(0, 0), x.diagonal(), x.view(6),
            x.reshape(6), x.flatten(), x.detach(), x[0], x[:, None], x[...], x[[0]], x.view_as(x),
            x.movedim(0, 1), x.chunk(2)[0], x.ravel(), x.double(), x.clone(), x * 1,
        )]  # fmt: skip


# ------------------------------------------------------------------ writes


@program
def writes_to_expanded_tensors(t):
    for index in (
        slice(None),
        ...,
        None,
        slice(0, 2),
        0,
        slice(0, 1),
        slice(0, 0),
        (0,),
        (..., 0),
        True,
    ):
        for value in (5.0, t.tensor(6.0)):
            e = t.ones(1).expand(3)
            yield attempt(e.__setitem__, index, value), show(e)
    for name, args in (
        ("zero_", ()), ("fill_", (3,)), ("fill_", (t.tensor(4.0),)), ("mul_", (2,)), ("add_", (1,)),
        ("copy_", (t.ones(3),)), ("exp_", ()), ("cumsum_", (0,)), ("clamp_", (0, 1)),
    ):  # fmt: skip
        c = t.ones(1)
        e = c.expand(3)
        yield attempt(getattr(e, name), *args), show(e), show(c), c._version
    e = t.ones(1, 2).expand(3, 2)
    e[0] = t.tensor([7.0, 8.0])
    yield show(e), show(e[1].mul_(2)), show(e[:, 0].zero_()), show(e), attempt(e[:, 0].mul_, 2)
    yield show(t.ones(1).expand(1).mul_(2)), show(t.ones(1).expand(1, 0).mul_(2))


@program
def writes_to_expanded_tensors_with_history(t):
    for write in (
        lambda e: e[0].mul_(3),
        lambda e: e.__setitem__(0, 5.0),
        lambda e: e[0, 0].mul_(3),
        lambda e: e.mul_(2),
    ):
        x = t.tensor([[1.0, 2.0]], requires_grad=True)
        a = x * 1
        e = a.expand(3, 2)
        yield attempt(write, e), show(a), show(e), show(e.grad_fn)
        e.sum().backward()
        yield show(x.grad)


@program
def memory_set(t):
    x, y = t.ones(3), t.arange(4.0).reshape(2, 2)
    yield x.set_(y) is x, state(x, y)
    x.mul_(2)
    y.add_(1)
    yield state(x, y), show(x.set_()), x._version
    yield attempt(t.ones(3).set_, t.ones(2, dtype=t.float64))
    d = t.ones(2)
    e = d.detach()
    e.set_(t.zeros(3))
    yield state(d, e)
    d, e = t.ones(2), t.ones(6)
    d.set_(e[2:4]).fill_(7)
    yield show(e), d._version, e._version
    c = t.ones(4)
    v = c[:2]
    c.set_(t.zeros(2))
    v.mul_(3)
    yield show(c), show(v)
    with t.inference_mode():
        i = t.ones(2)
    yield attempt(t.ones(2).set_, i) and t.ones(2).set_(i).is_inference(), attempt(i.set_, c)


@program
def memory_set_with_history(t):
    x = t.ones(3, requires_grad=True)
    yield attempt(x.set_, t.ones(2)), attempt(x.set_)
    with t.no_grad():
        x.set_(t.ones(2))
    (x * x).sum().backward()
    yield show(x.grad), x.is_leaf, x._version
    a = t.ones(3, requires_grad=True) * 1
    a.set_(t.ones(2))
    yield show(a.grad_fn), a._version, attempt(a.sum().backward)
    c = t.ones(2).set_(x)
    yield show(c.grad_fn), attempt(c.sum().backward)
    with t.no_grad():
        c = t.ones(2).set_(x)
    yield c.requires_grad, show(c.mul_(2)), show(x)
    a = x * 1
    y = a * a
    with t.no_grad():
        a.set_(t.ones(2))
    yield attempt(y.sum().backward)


@program
def same_memory(t):
    x = t.ones(3)
    yield [x.is_set_to(v) for v in (x, x.detach(), x[:2], x.view(3), t.ones(3), x.view(3, 1))]
    yield [x.is_same_size(v) for v in (x, x[:2], t.ones(3))], attempt(x.is_set_to, 3)
    yield [v._is_view() for v in (x[:2], x, x.detach(), x[...])], x[:2][:1]._base is x


@program
def data_set(t):
    x = t.ones(3, requires_grad=True)
    x.data = t.zeros(2)
    yield state(x)
    yield attempt(setattr, x, "data", t.ones(2, dtype=t.int64)), attempt(setattr, x, "data", 3)
    a = t.ones(3, requires_grad=True) * 2
    a.data = t.zeros(3)
    yield state(a)
    c, e = t.ones(3), t.ones(3)
    d = c.data
    d.mul_(2)
    c.data = e
    e.mul_(3)
    yield show(c), show(d), c._version, d._version, e._version
    with t.inference_mode():
        i = t.ones(2)
    c.data = i
    yield c.is_inference()


@program
def detached_in_place(t):
    x = t.ones(3, requires_grad=True)
    a = x * 2
    b = a * 3
    yield a.detach_() is a, state(a)
    b.sum().backward()
    yield show(x.grad), show(a.detach_().requires_grad_().requires_grad)
    x, c = t.ones(3, requires_grad=True), t.ones(3)
    y = x * 2
    x.detach_()
    y.sum().backward()
    yield show(x.grad), c.detach_() is c, attempt(c[:2].detach_), attempt(c.unbind()[0].detach_)
    a = t.ones(3, requires_grad=True) * 2
    v = a[:2]
    a.detach_()
    yield a.requires_grad, v.requires_grad, show(v.grad_fn), attempt(v.mul_, 2), show(a)


@program
def flags(t):
    x = t.ones(3, requires_grad=True)
    a = x * 2
    yield (
        a.requires_grad_() is a,
        attempt(a.requires_grad_, False),
        attempt(setattr, a, "requires_grad", True),
    )
    yield (
        attempt(setattr, x, "requires_grad", 1),
        attempt(x.requires_grad_, "a"),
        attempt(x.requires_grad_, 0),
    )
    log = []
    x.register_hook(noting(log, "hook"))
    x.requires_grad_(False)
    a.sum().backward()
    yield show(x.grad)
    x.requires_grad_()
    (x * 2).sum().backward()
    yield show(x.grad), log


# ------------------------------------------------------------------ comparing the two

ORACLE = pytest.mark.oracle


@ORACLE
@pytest.mark.parametrize("name", PROGRAMS)
def test_program(name):
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
    found = {}
    for t in (torch, xg):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            found[t] = list(PROGRAMS[name](t))
    for ours, theirs in zip(found[xg], found[torch], strict=True):
        assert ours == theirs
    assert found[xg]


WRITES = (
    "views_written_in_no_grad", "views_of_a_result_made_in_no_grad", "memory_set",
    "views_made_before_the_base_required_a_gradient", "writes_to_expanded_tensors",
    "writes_to_expanded_tensors_with_history", "hooks_of_written_nodes", "detached_in_place",
)  # fmt: skip


@pytest.mark.parametrize("device", ["readonly", "strict:1"])
@pytest.mark.parametrize("name", WRITES)
def test_program_on_other_libraries(name, device):
    """A library whose arrays cannot be written to gives the same as NumPy."""
    if (reason := namespaces.why_not(device)) is not None:
        pytest.skip(reason)
    expected = list(PROGRAMS[name](xg))
    xg.set_default_device(device)
    try:
        found = list(PROGRAMS[name](xg))
    finally:
        xg.set_default_device(None)
    assert found == expected


# ------------------------------------------------------------------ anomaly detection

ANOMALIES = {}


def anomaly(function):
    ANOMALIES[function.__name__] = function
    return function


def failing(t, name="E"):
    def backward(ctx, g):
        raise ValueError("no")

    body = {"forward": staticmethod(lambda ctx, x: x * 1), "backward": staticmethod(backward)}
    return type(t.autograd.Function)(name, (t.autograd.Function,), body)


@anomaly
def error_in_a_backward(t):
    failing(t).apply(t.ones(2, requires_grad=True)).sum().backward()


@anomaly
def error_in_a_hook(t):
    y = t.ones(2, requires_grad=True) * 2
    y.register_hook(lambda g: 1 / 0)
    y.sum().backward()


@anomaly
def error_in_a_hook_of_a_node(t):
    y = t.ones(2, requires_grad=True) * 2
    y.grad_fn.register_hook(lambda gi, go: 1 / 0)
    y.sum().backward()


@anomaly
def gradient_that_does_not_fit(t):
    body = {
        "forward": staticmethod(lambda ctx, x: x * 1),
        "backward": staticmethod(lambda ctx, g: t.ones(5)),
    }
    f = type(t.autograd.Function)("E", (t.autograd.Function,), body)
    f.apply(t.ones(2, requires_grad=True)).sum().backward()


@anomaly
def nan_from_a_rule(t):
    x = t.zeros(2, requires_grad=True)
    (x.sqrt() * 0).sum().backward()


@anomaly
def nan_from_a_hook(t):
    y = t.ones(2, requires_grad=True) * 2
    y.register_hook(lambda g: g * float("nan"))
    (y * 3).sum().backward()


@anomaly
def nan_as_a_seed(t):
    t.ones(2, requires_grad=True).backward(t.tensor([float("nan")] * 2))


@anomaly
def nan_in_a_second_derivative(t):
    x = t.zeros(1, requires_grad=True)
    (g,) = t.autograd.grad((x**1.5).sum(), x, create_graph=True)
    t.autograd.grad((g * 0).sum(), x)


@anomaly
def nan_in_a_third_derivative(t):
    x = t.zeros(1, requires_grad=True)
    (g,) = t.autograd.grad((x**2.5).sum(), x, create_graph=True)
    (h,) = t.autograd.grad(g.sum(), x, create_graph=True)
    t.autograd.grad((h * 0).sum(), x)


@anomaly
def second_backward(t):
    x = t.ones(2, requires_grad=True)
    y = (x * x).sum()
    y.backward()
    y.backward()


@anomaly
def modified(t):
    y = t.ones(2, requires_grad=True).exp()
    y.add_(1)
    y.sum().backward()


@anomaly
def half_of_it_made_without(t):
    x = t.zeros(1, requires_grad=True)
    with t.autograd.set_detect_anomaly(False):
        y = (x**1.5).sum()
    (g,) = t.autograd.grad(y, x, create_graph=True)
    t.autograd.grad((g * 0).sum(), x)


def said(function, t, check_nan):
    """What anomaly detection says of a program: its warnings without the tracebacks, the error."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        warnings.simplefilter("ignore", RuntimeWarning)  # NumPy's, of nan
        with t.autograd.set_detect_anomaly(True, check_nan=check_nan):
            error = attempt(function, t)
    texts = [
        re.sub(r"\(Triggered internally .*", "", str(w.message), flags=re.DOTALL) for w in seen
    ]
    return [re.sub(r"  File .*", "", text, flags=re.DOTALL).strip() for text in texts], error


@ORACLE
@pytest.mark.parametrize("check_nan", [True, False])
@pytest.mark.parametrize("name", ANOMALIES)
def test_anomaly(name, check_nan):
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
    torch._C._set_warnAlways(True)
    expected = said(ANOMALIES[name], torch, check_nan)
    assert said(ANOMALIES[name], xg, check_nan) == expected


def test_anomaly_shows_the_line_of_each_forward():
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        warnings.simplefilter("ignore", RuntimeWarning)  # NumPy's, of nan
        with xg.autograd.set_detect_anomaly(True), pytest.raises(RuntimeError, match="nan values"):
            nan_in_a_third_derivative(xg)
    texts = [str(w.message) for w in seen]
    lines = [re.findall(r", in nan_in_a_third_derivative\n +(.*)", text) for text in texts]
    assert [line[-1].partition(" = ")[0] for line in lines] == ["(h,)", "(g,)", "(g,)"]
    assert texts[1].startswith("\n\nPrevious calculation was induced by PowBackward0.")
    assert not any("xpgrad/" in text for text in texts)


def test_anomaly_is_off_afterwards():
    with xg.autograd.set_detect_anomaly(True):
        noted = (xg.ones(2, requires_grad=True) * 2).grad_fn.seq
    plain = (xg.ones(2, requires_grad=True) * 2).grad_fn.seq
    assert type(plain) is int
    assert type(noted) is not int
    assert noted < plain


# ------------------------------------------------------------------ on its own


def leaf(*values):
    return xg.tensor(values, requires_grad=True)


def test_a_hook_changes_one_node_alone():
    x = leaf(1.0, 2.0)
    a, b = x * 2, x * 3
    kind = type(b.grad_fn)
    a.grad_fn.register_hook(print)
    assert type(b.grad_fn) is kind is type((x * 4).grad_fn)
    assert type(a.grad_fn) is not kind
    assert isinstance(a.grad_fn, kind)
    c = x * 5
    c.grad_fn.register_prehook(print)
    assert type(c.grad_fn) is type(a.grad_fn)


def test_hooks_leave_no_cycle():
    """Everything goes without the garbage collector, hooks of several tensors included."""
    gc.collect()
    gc.disable()
    try:
        x = leaf(1.0, 2.0)
        a, b = x * 2, x * 3
        xg.autograd.graph.register_multi_grad_hook([a, b, x], lambda grads: None)
        a.grad_fn.register_hook(lambda gi, go: None)
        a.grad_fn.register_prehook(lambda go: None)
        a.grad_fn.metadata["key"] = [1]
        (a * b).sum().backward()
        nodes = [weakref.ref(v._node) for v in (a, b, x)]
        del a, b, x
        assert [r() for r in nodes] == [None] * 3
    finally:
        gc.enable()


def test_a_warning_in_a_rule_calls_hooks_once():
    x = leaf(0.0)
    y, calls = x.log(), []
    y.grad_fn.register_prehook(lambda go: calls.append("pre"))
    y.grad_fn.register_hook(lambda gi, go: calls.append("post"))
    y.sum().backward()  # divides by zero, and warnings are errors here
    assert calls == ["pre", "post"]
    assert x.grad.tolist() == [float("inf")]


def test_hooks_of_several_work_in_grad_too():
    # PyTorch raises: "A leaf node was passed to _will_engine_execute_node".
    x, y, log = leaf(1.0), leaf(2.0), []
    xg.autograd.graph.register_multi_grad_hook([x, y], lambda gs: log.append(show(gs)))
    xg.autograd.grad((x * y).sum(), x)
    assert log == [([2.0], None)]


def test_hooks_do_not_run_where_there_is_no_gradient():
    # PyTorch calls them with `None`.
    x, log = leaf(1.0, 2.0), []
    a, b = (x * 1).unbind()
    b.register_hook(log.append)
    a.backward()
    assert log == []


def test_what_grad_captures_is_what_hooks_made_of_it():
    # PyTorch gives the gradient as it was if something below is wanted too.
    x = leaf(1.0)
    a = x * 2
    a.register_hook(lambda g: g * 10)
    assert show(xg.autograd.grad(a.sum(), [a, x])) == ([10.0], [20.0])


def test_a_hook_of_a_view_stays_when_it_is_written_to():
    # PyTorch forgets it.
    x, log = leaf(1.0, 2.0), []
    a = x * 1
    v = a[:1]
    v.register_hook(lambda g: log.append(show(g)))
    v.mul_(3)
    a.sum().backward()
    assert log == [[3.0]]


def test_an_unknown_output_is_unused():
    x = leaf(1.0, 2.0)
    a, b = (x * 1).unbind()
    edge = xg.autograd.graph.GradientEdge(a.grad_fn, 5)
    with pytest.raises(RuntimeError, match="not have been used"):
        xg.autograd.grad(a + b, edge)
    edge = xg.autograd.graph.GradientEdge((x * 2).grad_fn, 1)
    with pytest.raises(RuntimeError, match="not have been used"):
        xg.autograd.grad(a + b, edge)


def test_the_outputs_of_a_node_are_known_by_one_node_each():
    """A second derivative by a result that the first rule used: both ways count."""
    x = leaf(1.0, 2.0, 4.0)
    out, _, rstd = xg.ops.normalization.channel_norm(
        x.reshape(1, 1, 3), None, None, groups=1, over=2
    )
    (g,) = xg.autograd.grad(out[0, 0, 0], x, create_graph=True)
    by_rstd = xg.autograd.grad(g.sum() + rstd.sum() + (g * g).sum(), rstd, retain_graph=True)[0]
    h = 1e-3
    d = np.array(x.tolist()) - 7 / 3

    def f(r):
        xhat = d * r
        g = (np.array([1.0, 0, 0]) - 1 / 3 - xhat * (xhat[0] / 3)) * r
        # What the rule computes from the mean and `rstd`, both as they were saved.
        return g.sum() + r + (g * g).sum()

    r = rstd.item()
    assert by_rstd.item() == pytest.approx((f(r + h) - f(r - h)) / (2 * h), rel=1e-3)


def test_views_are_forgotten_in_time():
    x = leaf(1.0, 2.0)
    with xg.no_grad():
        for _ in range(1000):
            x.view(2)
    assert len(x._views) < 40
    assert len(x._counter().waiting) == 1


def test_setting_data_leaves_what_was_saved():
    # PyTorch saves the leaf itself, and computes with its new data.
    x = leaf(1.0, 2.0)
    y = x * x
    x.data = xg.zeros(2)
    y.sum().backward()
    assert x.grad.tolist() == [2.0, 4.0]


@pytest.mark.parametrize(
    "name", ["register_hook", "register_prehook", "metadata", "name", "next_functions"]
)
def test_nodes_offer(name):
    for node in ((leaf(1.0) * 2).grad_fn, leaf(1.0)._node, leaf(1.0, 2.0).unbind()[0].grad_fn):
        assert isinstance(node, Node)
        assert hasattr(node, name)


def test_writes_are_noticed_at_little_cost():
    """Without a write since the forward nothing is looked at; with one, all that was saved is."""
    from xpgrad import versions

    x, other, looked = leaf(1.0), xg.ones(2), []
    real, versions.check_fresh = versions.check_fresh, looked.append
    try:
        (x * x).sum().backward()
        assert looked == []
        y = (x * x).sum()
        other.zero_()  # memory that nothing else shows
        y.backward()
        assert looked == []
        y, shown = (x * x).sum(), other[1:]
        other.zero_()
        y.backward()
        del shown
        assert [n.name() for n in looked] == ["SumBackward0", "MulBackward0"]
    finally:
        versions.check_fresh = real


def test_a_hook_registered_between_two_steps_of_a_backward():
    """Another thread may register the first hook after the engine has asked for a node's state."""
    from xpgrad.backward import tensor_namespace

    x = leaf(3.0)
    node, calls = (x * x).grad_fn, []
    state = node.lifted(tensor_namespace)
    node.register_hook(lambda gi, go: calls.append(1))
    (a, b) = node.vjp(state, xg.ones(1), node.edges)
    assert (a.tolist(), b.tolist(), calls) == ([3.0], [3.0], [])


def test_writes_to_expanded_tensors_by_positions_raise():
    # PyTorch warns, and does it.
    e = xg.ones(1).expand(3)
    for write in (
        lambda: e.__setitem__(xg.tensor([0]), 5.0),
        lambda: e.__setitem__(xg.tensor([True, False, False]), 5.0),
        lambda: e.masked_fill_(xg.tensor([True, False, False]), 5.0),
        lambda: e.index_fill_(0, xg.tensor([0]), 5.0),
    ):
        with pytest.raises(RuntimeError, match="single memory location"):
            write()
    assert e.tolist() == [1.0] * 3
