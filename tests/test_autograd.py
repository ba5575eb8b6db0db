"""What the engine promises: accumulation, aliasing, order, memory, hooks, threads."""

import collections
import contextlib
import gc
import re
import threading
import time
import tracemalloc
import types
import warnings
import weakref

import numpy as np
import pytest

import xpgrad as xg
from namespaces import host, tensor
from xpgrad import backward as engine
from xpgrad.autograd import backward, grad
from xpgrad.autograd.graph import GradientEdge, get_gradient_edge, increment_version
from xpgrad.graph import FREED, AccumulateGrad, Node
from xpgrad.ops.elementwise import exp, multiply


def leaf(values, dtype=xg.float64):
    return xg.tensor(values, dtype=dtype, requires_grad=True)


def memories(*tensors):
    """The address of each tensor's memory; all differ where nothing is shared."""
    return {t._data.__array_interface__["data"][0] for t in tensors}


@pytest.fixture
def no_gc():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


# ------------------------------------------------------------------ accumulation


def test_grad_accumulates_in_place(ns):
    x = tensor(ns, np.array([1.0, 2.0, 3.0]), requires_grad=True)
    assert x.grad is None
    (x * x).sum().backward()
    first = x.grad
    assert host(first).tolist() == [2.0, 4.0, 6.0]
    (x * x).sum().backward()
    assert x.grad is first
    assert host(first).tolist() == [4.0, 8.0, 12.0]
    assert first._version == 1
    x.grad = None
    (x * 2.0).sum().backward()
    assert host(x.grad).tolist() == [2.0, 2.0, 2.0]
    assert x.grad is not first


def test_grad_is_no_alias_of_a_callers_gradient(ns):
    x = tensor(ns, np.array([1.0, 2.0]), requires_grad=True)
    v = tensor(ns, np.array([5.0, 6.0]))
    x.clone().backward(v)
    assert ns.memory_key(x.grad._data) != ns.memory_key(v._data)
    x.clone().backward(v)
    assert host(v).tolist() == [5.0, 6.0]
    assert host(x.grad).tolist() == [10.0, 12.0]


@pytest.mark.parametrize("create_graph", [False, True])
def test_grads_are_no_aliases_of_each_other(create_graph):
    a, b, v = leaf([1.0, 2.0]), leaf([3.0, 4.0]), xg.tensor([1.0, 1.0], dtype=xg.float64)
    z = a + b
    z.retain_grad()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        z.backward(v, create_graph=create_graph)
    assert len(memories(a.grad, b.grad, z.grad, v)) == 4
    z = a + b
    found = grad(z, [a, b, z, a], v, create_graph=create_graph)
    assert len(memories(*found, v)) == 5
    # Through a broadcast, the gradient would be one number seen many times.
    (g,) = grad(a.sum(), a, create_graph=create_graph)
    assert g._data.strides == (8,)


def test_what_a_hook_keeps_is_no_alias_of_grad():
    kept = []
    x = leaf(np.ones(10_000))
    y = x + 1.0
    y.register_hook(lambda g: kept.append(g))
    x.register_hook(lambda g: kept.append(g))
    y.backward(xg.ones(10_000))
    y = x + 1.0
    y.backward(xg.ones(10_000))
    assert len(memories(x.grad, *kept[:2])) >= 2
    assert kept[0].tolist() == kept[1].tolist() == [1.0] * 10_000
    assert not np.shares_memory(x.grad._data, kept[0]._data)
    assert not np.shares_memory(x.grad._data, kept[1]._data)


def test_grad_given_by_the_user_is_added_into():
    x = leaf([1.0, 2.0])
    mine = xg.tensor([10.0, 20.0], dtype=xg.float64)
    x.grad = mine
    (x * 3.0).sum().backward()
    assert x.grad is mine
    assert mine.tolist() == [13.0, 23.0]


def test_grad_never_touches_dot_grad():
    x = leaf([1.0, 2.0])
    y = x * x
    y.retain_grad()
    grad(y.sum(), [x, y])
    assert x.grad is None
    assert y.grad is not None
    x.grad = old = xg.zeros(2, dtype=xg.float64)
    grad((x * x).sum(), x)
    assert x.grad is old
    assert old.tolist() == [0.0, 0.0]


# ------------------------------------------------------------------ shapes of graphs


def test_diamonds_and_reuse():
    x = leaf(2.0)
    a, b = x * 3.0, x * x
    (a * b + a + b * x).backward()
    assert x.grad.item() == pytest.approx(9 * 4 + 3 + 3 * 4)


def test_order_is_by_creation():
    order = []
    x = leaf(1.0)
    y = x * 1.0
    z = y * 2.0
    w = y * z  # y is used by z and by w: it waits for both
    for name, t in (("y", y), ("z", z), ("w", w)):
        t.register_hook(lambda g, name=name: order.append((name, g.item())))
    w.backward()
    assert order == [("w", 1.0), ("z", 1.0), ("y", 4.0)]


def test_the_same_input_twice_and_the_same_root_twice():
    x = leaf(3.0)
    (x * x + x).backward()
    assert x.grad.item() == 7.0
    x.grad = None
    y = x * 2.0
    backward([y, y, x])
    assert x.grad.item() == 5.0


def test_a_leaf_as_root():
    x = leaf(3.0)
    x.backward()
    x.backward()
    assert x.grad.item() == 2.0
    assert grad(x, x)[0].item() == 1.0


def test_a_million_operations(no_gc):
    x = leaf(1.0)
    y = x
    for _ in range(1_000_000):
        y = multiply(y, 1.0)
    y.backward()
    assert x.grad.item() == 1.0
    node = weakref.ref(y.grad_fn)
    del y  # a deep structure goes without recursion
    assert node() is None


def test_a_deep_graph_that_nobody_differentiates():
    y = leaf(1.0)
    for _ in range(200_000):
        y = exp(y)
        y._data = np.array(0.0)  # keep the numbers finite
    del y


def test_a_wide_graph():
    x = leaf([1.0, 2.0])
    total = x * 0.0
    for _ in range(100_000):
        total = total + x
    total.sum().backward()
    assert x.grad.tolist() == [100_000.0, 100_000.0]


def test_deep_with_inputs():
    x = leaf(1.0)
    y = x
    for _ in range(50_000):
        y = multiply(y, 1.0)
    z = y * 2.0
    assert grad(z, [x, y], retain_graph=True)[0].item() == 2.0
    assert grad(z, y)[0].item() == 2.0


# ------------------------------------------------------------------ retain_graph


SECOND = "Trying to backward through the graph a second time"


def test_a_second_backward():
    x = leaf([1.0, 2.0])
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    with pytest.raises(RuntimeError, match=SECOND):
        y.backward()
    assert x.grad.tolist() == [4.0, 8.0]  # the failed one added nothing
    z = (x + 1.0).sum()  # saves nothing, frees nothing
    z.backward()
    z.backward()


def test_create_graph_retains():
    x = leaf(2.0)
    y = x * x
    grad(y, x, create_graph=True)
    grad(y, x, create_graph=True, retain_graph=False)
    with pytest.raises(RuntimeError, match=SECOND):
        grad(y, x)


def test_part_of_a_graph_is_freed():
    x = leaf(2.0)
    y = x * x
    z, w = exp(y), y * y
    z.backward()
    with pytest.raises(RuntimeError, match=SECOND):
        w.backward()
    assert grad(w, w)[0].item() == 1.0  # needs nothing that was freed
    v = leaf(2.0)
    y = v * v
    z = y + 3.0
    grad(z, y)
    grad(z, v)  # the first stopped at y and freed nothing beyond


def test_saved_values_are_released():
    x = leaf(np.ones(3))
    y = exp(x * 2.0)
    saved = weakref.ref(y.grad_fn.saved[1])
    del y._data
    assert saved() is not None
    y.backward(xg.ones(3))
    assert y.grad_fn.saved is FREED
    assert saved() is None


# ------------------------------------------------------------------ higher orders


def test_higher_orders():
    x = leaf(1.3)
    y = x * x * x * x * x
    expected = 1.3**5
    for n in range(5):
        assert y.item() == pytest.approx(expected)
        (y,) = grad(y, x, create_graph=True)
        expected *= (5 - n) / 1.3
    assert y.item() == pytest.approx(120.0)


def test_gradients_are_keyed_by_node():
    # The rule of multiply sees its inputs as Tensors made anew; were gradients kept by Tensor,
    # the second order through `a` would be lost.
    x = leaf(1.5)
    a = x * 2.0
    b = a * a * a
    del a
    (g,) = grad(b, x, create_graph=True)
    (h,) = grad(g, x)
    assert h.item() == pytest.approx(8 * 6 * 1.5)


def test_backward_with_create_graph():
    x = leaf(2.0)
    with pytest.warns(UserWarning, match="Using backward\\(\\) with create_graph=True will create"):
        (x * x * x).backward(create_graph=True)
    g = x.grad
    assert g.requires_grad
    assert g.item() == 12.0
    with pytest.warns(UserWarning, match="reference cycle"):
        (x * x * x).backward(create_graph=True)
    assert x.grad is not g
    assert x.grad.item() == 24.0
    assert g.item() == 12.0
    assert grad(x.grad, x)[0].item() == 24.0
    x.grad = None


def test_adding_into_a_recorded_grad():
    x = leaf(2.0)
    with pytest.warns(UserWarning, match="reference cycle"):
        (x * x).backward(create_graph=True)
    (x * x).backward()
    assert x.grad.item() == 8.0
    assert x.grad.requires_grad
    x.grad = None


def test_a_recorded_gradient_of_a_gradient_given():
    x, v = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    (g,) = grad(x * x, x, v, create_graph=True)
    gx, gv = grad(g.sum(), [x, v])
    assert gx.tolist() == [6.0, 8.0]
    assert gv.tolist() == [2.0, 4.0]
    (g,) = grad(x.clone(), x, v, create_graph=True)
    assert grad(g.sum(), v)[0].tolist() == [1.0, 1.0]


# ------------------------------------------------------------------ autograd.grad


def test_grad_arguments():
    x, y = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    assert isinstance(grad(x.sum(), x), tuple)
    z = (x * y).sum()
    found = grad(z, {"x": x, "y": y}, retain_graph=True)
    assert found["x"].tolist() == [3.0, 4.0]
    assert found["y"].tolist() == [1.0, 2.0]
    assert grad(z, [x, x])[0].tolist() == [3.0, 4.0]
    outputs = x * 2.0, (x * y).sum()
    (g,) = grad(outputs, x, [xg.ones(2), None])
    assert g.tolist() == [5.0, 6.0]


def test_unused_inputs():
    x, y = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    assert grad(x.sum(), [x, y], allow_unused=True)[1] is None
    zeros = grad(x.sum(), [x, y], materialize_grads=True)[1]
    assert zeros.tolist() == [0.0, 0.0]
    assert zeros.dtype is xg.float64
    assert grad(x.sum(), {"y": y}, allow_unused=True) == {"y": None}


def test_grad_of_what_is_in_between():
    x = leaf(2.0)
    y = x * x
    z = y * y
    gx, gy, gz = grad(z, [x, y, z])
    assert (gx.item(), gy.item(), gz.item()) == (32.0, 8.0, 1.0)


def test_gradients_given_are_cast():
    x = leaf([1.0, 2.0], dtype=xg.float32)
    for dtype in (xg.float64, xg.float16, xg.int64, xg.bool):
        (g,) = grad(x * 2.0, x, xg.ones(2, dtype=dtype))
        assert g.dtype is xg.float32
        assert g.tolist() == [2.0, 2.0]


def test_batched_gradients(ns):
    x = tensor(ns, np.array([1.0, 2.0]), requires_grad=True)
    y = x * x
    rows = tensor(ns, np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]))
    (g,) = grad(y, x, rows, is_grads_batched=True)
    assert host(g).tolist() == [[2.0, 0.0], [0.0, 4.0], [2.0, 4.0]]
    assert g._ns is ns


def test_batched_gradients_of_several():
    x, w = leaf([1.0, 2.0]), leaf(1.0)
    outputs = x * x, (x * 3.0).sum()
    seeds = xg.ones(4, 2, dtype=xg.float64), xg.ones(4, dtype=xg.float64)
    gx, gw = grad(outputs, [x, w], seeds, is_grads_batched=True, allow_unused=True)
    assert gx.shape == (4, 2)
    assert gx[3].tolist() == [5.0, 7.0]
    assert gw is None
    v = leaf([[1.0, 0.0], [0.0, 1.0]])
    (g,) = grad(x * x, x, v, is_grads_batched=True, create_graph=True)
    gx, gv = grad(g.sum(), [x, v])
    assert gx.tolist() == [2.0, 2.0]
    assert gv.tolist() == [[2.0, 4.0], [2.0, 4.0]]
    (g,) = grad(x * x, x, xg.ones(0, 2, dtype=xg.float64), is_grads_batched=True)
    assert g.shape == (0, 2)


def test_batched_gradients_take_one_backward():
    x = leaf([1.0, 2.0, 3.0])
    y = x * x
    seen = []
    y.register_hook(lambda g: seen.append(tuple(g.shape)))
    rows = xg.eye(3, dtype=xg.float64)
    for create_graph in (True, False):
        (g,) = grad(y.exp(), x, rows, is_grads_batched=True, create_graph=create_graph)
        assert g.shape == (3, 3)
        assert g.requires_grad is create_graph
    assert seen == [(3,), (3,)]


def test_batched_gradients_equal_a_loop(ns):
    def f(x, y):
        z = (x @ y).tanh()
        return z.sum(0), (z[1:] * y[0, 0]).reshape(-1)

    rng = np.random.default_rng(0)
    x, y = (tensor(ns, rng.uniform(-1, 1, s), requires_grad=True) for s in ((3, 2), (2, 4)))
    v, w = (tensor(ns, rng.uniform(-1, 1, s), requires_grad=True) for s in ((5, 4), (5, 8)))
    found = grad(f(x, y), (x, y), (v, w), is_grads_batched=True, create_graph=True)
    rows = [grad(f(x, y), (x, y), (v[i], w[i]), create_graph=True) for i in range(5)]
    expected = [xg.stack(column) for column in zip(*rows, strict=True)]
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(host(a), host(b), rtol=1e-5)
    seconds = [grad(sum((g * g).sum() for g in gs), (x, y, v, w)) for gs in (found, expected)]
    for a, b in zip(*seconds, strict=True):
        np.testing.assert_allclose(host(a), host(b), rtol=1e-4, atol=1e-6)


def test_batched_gradients_of_a_function():
    class Square(xg.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, g):
            assert g.shape == (2,)
            return g * 2.0 * ctx.saved_tensors[0]

    x, v = leaf([1.0, 2.0]), leaf([[1.0, 0.0], [1.0, 1.0], [0.0, 3.0]])
    (g,) = grad(Square.apply(x), x, v, is_grads_batched=True, create_graph=True)
    assert g.tolist() == [[2.0, 0.0], [2.0, 4.0], [0.0, 12.0]]
    gx, gv = grad(g.sum(), (x, v))
    assert gx.tolist() == [4.0, 8.0]
    assert gv.tolist() == [[2.0, 4.0]] * 3


def test_batched_gradients_share_no_memory():
    x, v = leaf([1.0, 2.0]), xg.ones(3, 2, dtype=xg.float64)
    for y in (x.clone(), x.reshape(2), x):
        found = grad((y, y.clone()), (x, x), (v, v), is_grads_batched=True)
        assert len(memories(*found, v, x)) == 4


def test_none_among_batched_gradients_is_one():
    x = leaf([1.0, 2.0])
    (g,) = grad((x * x, (x * 3.0).sum()), x, (xg.eye(2), None), is_grads_batched=True)
    assert g.tolist() == [[5.0, 3.0], [3.0, 7.0]]


def test_batched_gradients_inside_a_transform():
    def f(x):
        x = x.detach().requires_grad_()
        (g,) = grad(x * x, x, xg.eye(2, dtype=xg.float64), is_grads_batched=True)
        return g

    found = xg.vmap(f)(xg.tensor([[1.0, 2.0], [3.0, 4.0]], dtype=xg.float64))
    assert found.tolist() == [[[2.0, 0.0], [0.0, 4.0]], [[6.0, 0.0], [0.0, 8.0]]]


# What `grad` makes of arguments, in PyTorch's words.
GRAD = """
    G(x * x, x, I, is_grads_batched=True)
    G((x * x).sum(), x, c, is_grads_batched=True)
    G((x * x, x.sum()), x, (I, c), is_grads_batched=True)
    G(x * x, [x, w], I, is_grads_batched=True)
    G(x * x, [x, w], I, is_grads_batched=True, allow_unused=True)
    G(x * x, [x, w], I, is_grads_batched=True, materialize_grads=True)
    G(x * x, x, I.double(), is_grads_batched=True)
    G(x * x, x, I * 1j, is_grads_batched=True)
    G(z * z, z, I * 1j, is_grads_batched=True)
    G(x * x, x, I, is_grads_batched=True, create_graph=True)[0].requires_grad
    G((x * x, x * 3), x, (I, t.ones(3, 2)), is_grads_batched=True)
    G((x * x, x * 3), x, (I,), is_grads_batched=True)
    G((x * x, x * 3), x, (I, None), is_grads_batched=True)
    G(x * x, x, is_grads_batched=True)
    [y := x * x, G(y, x, I, is_grads_batched=True), G(y, x, I, is_grads_batched=True)]
    [y := x * x, G(y, x, I, True, is_grads_batched=True), G(y, x, I, is_grads_batched=True)][1:]
    G(edge(x * x), [edge(x)], I, is_grads_batched=True)
    G(edge(x * x), [edge(x)], t.ones(2, 3), is_grads_batched=True)
    G((x * x, c), x, (c, None))
    G((x * x, x * 3), x, (c,))
    G((x * x, x * 3), x, c)
    G([x * x, x * 3], x, [c, c])
    G(3, x)
    G(x.sum(), [3])
    G(x.sum(), 3)
    G(x.sum(), [None])
    G(x * x, x, [3])
    G(x.sum(), [x, c])
    G(x.sum(), [x, c], allow_unused=True)
    G(x.sum(), [x, c], materialize_grads=True)
    G(x.sum(), collections.OrderedDict(a=x))
    G(x.sum(), types.MappingProxyType({"a": x}))
    G(x.sum(), {})
    G(x.sum(), [])
    G([], x)
    G([], x, allow_unused=True)
    G(x.sum(), {"a": x, "b": w})
    G(x.sum(), {"a": x, "b": w}, allow_unused=True)
    G(x.sum(), {"a": x, "b": w}, materialize_grads=True)
    G(x.sum(), {"a": x}, create_graph=True)
    G(x.sum(), [x, w], materialize_grads=True, create_graph=True)[1].requires_grad
    G(x.sum(), [x, w], materialize_grads=True)[1].requires_grad
    G(x.sum(), w, materialize_grads=True, allow_unused=False)
    G(x.sum(), [edge(w)], materialize_grads=True)
    G(x.sum(), [edge(x)], materialize_grads=True)
    G(edge(x * x), [edge(x)])
    G(edge(x * x), [edge(x)], t.ones(3))
    G(edge((x * x).sum()), [edge(x)])
    G((x * x).sum(0, keepdim=True), x)
    G(t.tensor(1), x)
    G((z * z).sum(), z)
    G(z * z, z, c)
    G(x.sum(), x, None, None, False, True, None, False, True)
""".strip().splitlines()


@pytest.mark.oracle
@pytest.mark.parametrize("expression", [line.strip() for line in GRAD])
def test_grad_like_torch(expression):
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")

    def plain(value):
        if isinstance(value, dict):
            return {k: plain(v) for k, v in value.items()}
        if isinstance(value, (tuple, list)):
            return [plain(v) for v in value]
        if hasattr(value, "tolist"):
            return str(value.dtype).rpartition(".")[2], value.tolist(), value.requires_grad
        return value

    def outcome(t):
        names = {
            "t": t, "G": t.autograd.grad, "edge": t.autograd.graph.get_gradient_edge,
            "x": t.tensor([1.0, 2.0], requires_grad=True), "w": t.tensor(1.0, requires_grad=True),
            "z": t.tensor([1 + 2j, 3j], requires_grad=True), "c": t.ones(2), "I": t.eye(2),
            "collections": collections, "types": types,
        }  # fmt: skip
        try:
            return plain(eval(expression, names))
        except Exception as error:
            return error

    expected, found = outcome(torch), outcome(xg)
    if not isinstance(expected, Exception):
        assert found == expected
    elif isinstance(expected, AssertionError):  # its own, of what is no Tensor
        assert isinstance(found, RuntimeError)
    else:
        assert isinstance(found, type(expected)), found
        words = str(expected).replace("torch.", "xpgrad.")
        # PyTorch says the shape of another part of the gradient.
        assert re.sub(r"Size.*?\]\)", "", words) in re.sub(r"Size.*?\]\)", "", str(found))


def test_edges():
    x = leaf([1.0, 2.0])
    y = x * x
    edge = get_gradient_edge(y)
    assert isinstance(edge, GradientEdge)
    assert isinstance(edge.node, Node)
    assert edge.node is y.grad_fn
    assert edge.output_nr == 0
    z = (y * 3.0).sum()
    assert grad(z, edge, retain_graph=True)[0].tolist() == [3.0, 3.0]
    backward(z, inputs=[get_gradient_edge(x)], retain_graph=True)
    assert x.grad.tolist() == [6.0, 12.0]
    del y
    assert grad(edge, x, xg.ones(2))[0].tolist() == [2.0, 4.0]
    with pytest.raises(RuntimeError, match="gradient edge"):
        get_gradient_edge(xg.ones(2))


# ------------------------------------------------------------------ backward(inputs=)


def test_only_inputs_get_a_gradient():
    x, w = leaf(2.0), leaf(3.0)
    y = x * w
    z = y * y
    z.backward(inputs=[x], retain_graph=True)
    assert x.grad.item() == 36.0
    assert w.grad is None
    backward(z, inputs=[y, w], retain_graph=True)
    assert y.grad.item() == 12.0
    assert w.grad.item() == 24.0
    assert x.grad.item() == 36.0
    assert y.retains_grad
    backward(z, inputs={"w": w})
    assert w.grad.item() == 48.0
    unused = leaf(1.0)
    backward(x * 1.0, inputs=unused)
    assert unused.grad is None


def test_several_roots():
    x = leaf([1.0, 2.0])
    backward([x.sum(), x * x], [None, xg.ones(2, dtype=xg.float64)])
    assert x.grad.tolist() == [3.0, 5.0]
    backward([], [])


# ------------------------------------------------------------------ dtypes


def test_gradients_have_the_dtype_of_the_leaf():
    x = leaf([1.0, 2.0], dtype=xg.float32)
    (x.double() * 2.0).sum().backward()
    assert x.grad.dtype is xg.float32
    y = leaf([1.0, 2.0], dtype=xg.float64)
    (x * y).sum().backward()
    assert x.grad.dtype is xg.float32
    assert y.grad.dtype is xg.float64
    assert x.grad.tolist() == [3.0, 4.0]


def test_float16():
    x = leaf([1.0, 2.0], dtype=xg.float16)
    y = x * x * 2.0
    assert y.dtype is xg.float16
    y.sum().backward()
    assert x.grad.dtype is xg.float16
    assert x.grad.tolist() == [4.0, 8.0]


def test_complex_gradients_point_downhill():
    # The conjugate Wirtinger convention: of |z| the gradient is z/|z|, of Re(z²) it is 2 conj(z).
    z = leaf(3 + 4j, dtype=xg.complex128)
    z.abs().backward()
    assert z.grad.item() == pytest.approx(0.6 + 0.8j)
    z = leaf(1 + 2j, dtype=xg.complex128)
    (z * z).real.backward()
    assert z.grad.item() == 2 - 4j
    z = leaf(1 + 2j, dtype=xg.complex128)
    (z * z).backward(xg.tensor(1j, dtype=xg.complex128))
    assert z.grad.item() == pytest.approx(1j * (2 - 4j))


def test_a_real_leaf_of_a_complex_graph_gets_a_real_gradient():
    x = leaf([1.0, 2.0])
    z = x * (1 + 2j)
    (z * z.conj()).real.sum().backward()
    assert x.grad.dtype is xg.float64
    np.testing.assert_allclose(host(x.grad), [10.0, 20.0])
    c = leaf([1 + 1j, 2j], dtype=xg.complex64)
    r = leaf([1.0, 2.0], dtype=xg.float32)
    (c * r).sum().backward(xg.tensor(1 + 1j))
    assert r.grad.dtype is xg.float32
    assert c.grad.dtype is xg.complex64
    np.testing.assert_allclose(host(r.grad), [2.0, 2.0])


# ------------------------------------------------------------------ hooks


def test_hooks_run_in_order_and_replace():
    x = leaf([1.0, 2.0])
    seen = []
    x.register_hook(lambda g: seen.append(("a", g.tolist())))
    x.register_hook(lambda g: g * 10.0)
    x.register_hook(lambda g: seen.append(("b", g.tolist())))
    x.register_post_accumulate_grad_hook(lambda t: seen.append(("post", t.grad.tolist())))
    (x * 3.0).sum().backward()
    assert seen == [("a", [3.0, 3.0]), ("b", [30.0, 30.0]), ("post", [30.0, 30.0])]
    assert x.grad.tolist() == [30.0, 30.0]


def test_hooks_of_results():
    x = leaf(2.0)
    y = x * x
    y.retain_grad()
    y.register_hook(lambda g: g * 2.0)
    (y * 3.0).backward()
    assert y.grad.item() == 6.0  # the final value, though retain_grad came first
    assert x.grad.item() == 24.0


def test_a_hook_sees_the_whole_gradient_once():
    seen = []
    x = leaf(2.0)
    y = x * 1.0
    y.register_hook(lambda g: seen.append(g.item()))
    (y * 3.0 + y * y).backward()
    assert seen == [7.0]


def test_hooks_can_be_removed():
    seen = []
    x = leaf(1.0)
    first = x.register_hook(lambda g: seen.append(1))
    with x.register_hook(lambda g: seen.append(2)):
        (x * 1.0).backward()
    (x * 1.0).backward()
    first.remove()
    first.remove()
    (x * 1.0).backward()
    assert seen == [1, 2, 1]


def test_a_hook_that_removes_hooks():
    seen = []
    x = leaf(1.0)
    handles = []

    def once(g):
        seen.append("once")
        for h in handles:
            h.remove()

    handles += [x.register_hook(once), x.register_hook(lambda g: seen.append("other"))]
    (x * 1.0).backward()
    (x * 1.0).backward()
    assert seen == ["once", "other"]  # what had begun was finished


def test_hooks_and_inputs():
    seen = []
    x, w = leaf(2.0), leaf(3.0)
    w.register_hook(lambda g: seen.append("w"))
    y = x * w
    y.register_hook(lambda g: seen.append("y"))
    z = y * 2.0
    z.register_hook(lambda g: seen.append("z"))
    grad(z, y, retain_graph=True)
    grad(z, x)
    assert seen == ["z", "y", "z", "y"]
    assert grad(x * 1.0, x)[0].item() == 1.0
    x.register_hook(lambda g: g * 5.0)
    assert grad(x * 1.0, x)[0].item() == 5.0
    x.register_post_accumulate_grad_hook(lambda t: seen.append("post"))
    grad(x * 1.0, x)
    assert "post" not in seen
    backward(x * 1.0, inputs=x)
    assert seen[-1] == "post"


def test_hooks_under_create_graph():
    x = leaf(2.0)
    y = x * x
    y.register_hook(lambda g: g * x)
    (g,) = grad(y * 1.0, x, create_graph=True)  # 2x · x
    assert g.item() == 8.0
    assert grad(g, x)[0].item() == 8.0


def test_hooks_get_tensors_without_history():
    seen = []
    x = leaf([1.0, 2.0])
    y = x * 2.0
    y.register_hook(lambda g: seen.append((type(g), g.requires_grad, xg.is_grad_enabled())))
    y.sum().backward()
    assert seen == [(xg.Tensor, False, False)]


def test_hooks_of_one_of_several_outputs():
    x = leaf([1.0, 2.0, 3.0])
    a, b, _ = x.unbind()
    seen = []
    a.register_hook(lambda g: seen.append(g.item()) or g * 10.0)
    b.retain_grad()
    (a * 2.0 + b * 3.0).backward()
    assert seen == [2.0]
    assert b.grad.item() == 3.0
    assert x.grad.tolist() == [20.0, 3.0, 0.0]


def test_retain_grad():
    x = leaf(2.0)
    y = x * x
    assert not y.retains_grad
    y.retain_grad()
    y.retain_grad()
    (y * 3.0).backward(retain_graph=True)
    y.backward()
    assert y.grad.item() == 4.0
    assert y.retains_grad
    x.retain_grad()
    assert not x.retains_grad


def test_retain_grad_keeps_nothing_alive(no_gc):
    x = leaf(2.0)
    y = x * x
    y.retain_grad()
    y.backward()
    found = weakref.ref(y), weakref.ref(y.grad_fn)
    del y
    assert [r() for r in found] == [None, None]


def test_an_optimizer_in_a_hook():
    x = leaf([1.0, 2.0])

    def step(p):
        p.data -= 0.1 * p.grad
        p.grad = None

    x.register_post_accumulate_grad_hook(step)
    (x * 3.0).sum().backward()
    assert x.grad is None
    np.testing.assert_allclose(host(x.detach()), [0.7, 1.7])


def test_a_failing_hook_leaves_grads_alone():
    x, y = leaf(1.0), leaf(2.0)
    z = x * y
    z.register_hook(lambda g: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        z.backward()
    assert x.grad is None
    assert y.grad is None


# ------------------------------------------------------------------ modified in between


def test_writes_before_saving_do_not_matter():
    x = leaf([1.0, 2.0])
    y = x * 1.0
    y.mul_(2.0)
    (y * y).sum().backward()
    assert x.grad.tolist() == [8.0, 16.0]


def test_writes_after_saving_are_noticed():
    x = leaf([1.0, 2.0])
    for write in (
        lambda y: y.mul_(2.0),
        lambda y: y.detach().mul_(2.0),
        lambda y: y[0:1].mul_(2.0),
        lambda y: increment_version(y),
        lambda y: increment_version([y]),
    ):
        y = x * 1.0
        z = y * y
        write(y)
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            z.sum().backward()
    y = x * 1.0
    z = y * y
    y.data.mul_(2.0)  # on the user's own head
    z.sum().backward()


def test_writes_to_what_is_not_saved_do_not_matter():
    x = leaf([1.0, 2.0])
    y = x * 1.0
    z = y + 1.0
    y.mul_(2.0)
    z.sum().backward()
    assert x.grad.tolist() == [1.0, 1.0]


# ------------------------------------------------------------------ anomaly detection


def test_writes_are_traced(anomaly):
    x = leaf([1.0, 2.0])
    y = x * 1.0
    y.div_(xg.tensor([0.0, 1.0]))
    z = x * 1.0
    z[0] = 5.0
    for result, line in ((y, "div_"), (z, "z[0] = 5.0")):
        assert line in result.grad_fn.seq.origin()


@contextlib.contextmanager
def recorded_warnings():
    """The warnings that are not NumPy's."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        warnings.simplefilter("ignore", RuntimeWarning)
        yield seen


@pytest.fixture
def anomaly():
    with xg.autograd.set_detect_anomaly(True):
        yield


def test_nan_is_traced_to_its_origin(anomaly):
    x = leaf([0.0, 1.0])
    y = x / x  # the line to be named
    with (
        recorded_warnings() as seen,
        pytest.raises(RuntimeError, match="Function 'DivBackward0' returned nan values in its 1th"),
    ):
        y.sum().backward()
    text = str(seen[0].message)
    assert text.startswith("Error detected in DivBackward0. Traceback of forward call that caused")
    assert "the line to be named" in text.splitlines()[-1]
    assert "xpgrad/op.py" not in text


def test_other_errors_are_traced_too(anomaly):
    x = leaf([1.0, 2.0])
    y = exp(x)
    y.add_(1.0)
    with (
        pytest.warns(UserWarning, match="Error detected in ExpBackward0. Traceback of forward"),
        pytest.raises(RuntimeError, match="Hint: the backtrace further above shows the operation"),
    ):
        y.sum().backward()


def test_functions_are_traced(anomaly):
    class Bad(xg.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2.0

        @staticmethod
        def backward(ctx, g):
            return g * float("nan")

    y = Bad.apply(leaf([1.0]))
    with (
        pytest.warns(UserWarning, match="Bad.apply"),
        pytest.raises(RuntimeError, match="Function 'BadBackward' returned nan values in its 0th"),
    ):
        y.sum().backward()


def test_anomaly_detection_can_be_switched():
    x = leaf([0.0, 1.0])
    with xg.autograd.set_detect_anomaly(True, check_nan=False):
        (x / x).sum().backward()
    y = x / x
    with pytest.warns(UserWarning, match="Anomaly Detection has been enabled"):
        context = xg.autograd.detect_anomaly()
    with context, recorded_warnings() as seen, pytest.raises(RuntimeError, match="nan values"):
        y.sum().backward()
    assert "No forward pass information available" in str(seen[0].message)
    (x / x).sum().backward()
    assert type((x * 2.0).grad_fn.seq) is int  # nothing is noted any more


# ------------------------------------------------------------------ memory


def step(w, x):
    y = exp(x @ w)
    loss = (y * y).sum() / 1e3
    loss.backward()
    with xg.no_grad():
        w -= 1e-3 * w.grad
    w.grad = None
    return loss


def test_training_leaves_memory_where_it_was(no_gc):
    w, x = leaf(np.full((8, 4), 0.1)), xg.tensor(np.ones((16, 8)))
    for _ in range(20):
        step(w, x)
    before = live_nodes()
    tracemalloc.start()
    try:
        for i in range(1000):
            step(w, x)
            if i == 50:
                start = tracemalloc.get_traced_memory()[0]
        grown = tracemalloc.get_traced_memory()[0] - start
    finally:
        tracemalloc.stop()
    assert live_nodes() == before
    assert grown < 10_000, f"{grown} bytes more after 950 steps"


def live_nodes():
    return sum(issubclass(type(o), Node) for o in gc.get_objects())


def graph_of(x):
    y = exp(x * x)
    z = (y / x) @ y + y.sum()
    a, b = (z * x).reshape(2, 1).unbind()
    return (a * b + z).sum()


@pytest.mark.parametrize("end", ["dropped", "backward", "retained", "grad", "create_graph"])
def test_every_node_is_freed_by_counting_references(no_gc, end):
    x = leaf([0.5, 1.5])
    before = live_nodes()
    loss = graph_of(x)
    made = live_nodes() - before
    assert made > 8
    if end == "backward":
        loss.backward()
    elif end == "retained":
        loss.backward(retain_graph=True)
    elif end == "grad":
        grad(loss, x)
    elif end == "create_graph":
        (g,) = grad(loss, x, create_graph=True)
        (h,) = grad(g.sum(), x, create_graph=True)
        del g, h
    del loss
    assert live_nodes() == before


def test_leaves_are_freed(no_gc):
    x = leaf([1.0])
    (x * 2.0).sum().backward()
    found = weakref.ref(x), weakref.ref(x._node), weakref.ref(x._data)
    del x
    assert [r() for r in found] == [None] * 3


def test_a_graph_outlives_its_tensors():
    x = leaf([1.0, 2.0])
    y = x * x
    node = y.grad_fn
    z = y.sum()
    del y
    z.backward()
    assert x.grad.tolist() == [2.0, 4.0]
    assert node.name() == "MulBackward0"
    z = (leaf([1.0]) * 2.0).sum()
    assert z._node.edges[0].edges[0].variable is None
    z.backward()  # whose gradient nobody could see


# ------------------------------------------------------------------ threads


def run_threads(work, count=4):
    errors = []

    def guarded(i):
        try:
            work(i)
        except BaseException as e:  # pragma: no cover
            errors.append(e)

    threads = [threading.Thread(target=guarded, args=(i,)) for i in range(count)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not errors


def test_threads_over_separate_graphs():
    found = {}

    def work(i):
        x = leaf(float(i + 1))
        for _ in range(50):
            x.grad = None
            (x * x * x).backward()
        found[i] = x.grad.item()

    run_threads(work)
    assert found == {i: 3.0 * (i + 1) ** 2 for i in range(4)}


@pytest.mark.parametrize("size", [1, 50_000])
def test_threads_over_shared_parameters_lose_nothing(size):
    w = leaf(np.ones(size))
    turns = 200 if size == 1 else 20

    def work(i):
        for _ in range(turns):
            (w * 1.0).backward(xg.ones(size, dtype=xg.float64))

    run_threads(work)
    assert w.grad._data.min() == w.grad._data.max() == 4 * turns


def test_two_threads_that_find_no_gradient_yet(monkeypatch):
    def slowly(*args):
        time.sleep(0.05)
        return unshared(*args)

    unshared = engine.unshared
    monkeypatch.setattr(engine, "unshared", slowly)
    w = leaf(1.0)
    run_threads(lambda i: (w * 1.0).backward(), count=2)
    assert w.grad.item() == 2.0


# ------------------------------------------------------------------ the same as PyTorch


@pytest.mark.oracle
def test_next_functions_like_torch():
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")

    def program(t):
        x = t.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
        w = t.tensor([1.0, 2.0])
        y = ((x * w).exp() @ x - x.sum()) / 2.0
        names, stack = [], [(0, y.grad_fn)]
        while stack:
            depth, node = stack.pop()
            names.append((depth, None if node is None else type(node).__name__))
            if node is not None:
                stack += [(depth + 1, n) for n, _ in node.next_functions]
        return names

    assert program(xg) == program(torch)


def test_nodes():
    x = leaf(1.0)
    y = x * 2.0
    assert y.grad_fn.name() == "MulBackward0"
    (node, number), _ = y.grad_fn.next_functions
    assert isinstance(node, AccumulateGrad)
    assert node.variable is x
    assert number == 0
    assert node.name() == "AccumulateGrad"
    assert x.grad_fn is None
    assert "MulBackward0 object at 0x" in repr(y.grad_fn)
