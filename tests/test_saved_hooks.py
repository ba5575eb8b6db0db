"""Hooks on what the graph saves, and what is built on them, held against PyTorch."""

import gc
import threading
import weakref

import numpy as np
import pytest

import xpgrad as xg
from fake_device import waiting_allowed
from namespaces import host, tensor
from oracle import check_error
from test_registry import duo, restore  # noqa: F401 - fixtures
from xpgrad import call, versions
from xpgrad.autograd import function, saved_tensors
from xpgrad.autograd.graph import (
    allow_mutation_on_saved_tensors,
    disable_saved_tensors_hooks,
    save_on_cpu,
    saved_tensors_hooks,
)
from xpgrad.door import indexing, inplace
from xpgrad.errors import DeviceError, GradientError
from xpgrad.graph import FREED


@pytest.fixture
def torch():
    return pytest.importorskip("torch", reason="PyTorch is the oracle here")


@pytest.fixture(autouse=True)
def _no_trace():
    """Each test leaves the call path as fast as it found it."""
    yield
    assert call.new is object.__new__
    assert function.SavedTensor is saved_tensors.SavedTensor
    assert inplace.update is saved_tensors._plain_update
    assert inplace.store is indexing.store
    assert not hasattr(inplace.store, "__wrapped__")
    assert not versions.announced


def logging(t, log, *, pack=lambda x: x.detach(), unpack=lambda x: x):
    """Hooks that write down what they see."""

    def packing(x):
        name = None if x.grad_fn is None else x.grad_fn.name()
        log.append(("pack", tuple(x.shape), str(x.dtype).split(".")[1], x.requires_grad, name))
        return pack(x)

    def unpacking(x):
        log.append(("unpack", t.is_grad_enabled()))
        return unpack(x)

    return t.autograd.graph.saved_tensors_hooks(packing, unpacking)


def leaves(t):
    a = t.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], requires_grad=True)
    b = t.tensor([[0.5, 0.25, 2.0], [3.0, 1.5, 1.0]], requires_grad=True)
    return a, b, t.tensor([[2.0, 1.0, 3.0], [1.0, 2.0, 2.0]])


# ------------------------------------------------------------------ what hooks see

PROGRAMS = {
    "product": lambda t, a, b, c: a * b,
    "product with a constant": lambda t, a, b, c: a * c,
    "square": lambda t, a, b, c: a * a,
    "result": lambda t, a, b, c: a.exp(),
    "nothing": lambda t, a, b, c: a * 2 + b,
    "history": lambda t, a, b, c: (a * 2) * (b * 3),
    "quotient": lambda t, a, b, c: a / b,
    "power": lambda t, a, b, c: a**b,
    "power of a number": lambda t, a, b, c: a**3,
    "matrices": lambda t, a, b, c: a @ b.T,
    "one of several results": lambda t, a, b, c: a.max(1).values,
    "whole maximum": lambda t, a, b, c: a.max(),
    "order": lambda t, a, b, c: a.sort(1).values,
    "index": lambda t, a, b, c: a[t.tensor([1, 0, 1])],
    "mask": lambda t, a, b, c: t.where(a > 2, a, b),
    "softmax": lambda t, a, b, c: a.softmax(1),
    "relu": lambda t, a, b, c: (a - 2).relu(),
    "norm": lambda t, a, b, c: a.norm(),
    "joined": lambda t, a, b, c: t.cat([a, b]) * t.cat([b, a]),
    "in place, result kept": lambda t, a, b, c: (a * 1).exp_(),
    "in place twice": lambda t, a, b, c: (a * 1).exp_().sigmoid_(),
    "views": lambda t, a, b, c: a.T.reshape(2, 3)[:, 1:] * b[0, :2],
}


def trace(t, program, create_graph=False):
    """What hooks saw in forward and in backward, and the gradients."""
    log = []
    a, b, c = leaves(t)
    with logging(t, log):
        out = program(t, a, b, c)
    log.append("backward")
    weights = t.linspace(1.0, 2.0, out.numel()).reshape(out.shape)
    loss = (out * weights).sum()
    found = t.autograd.grad(loss, (a, b), allow_unused=True, create_graph=create_graph)
    return log, [None if g is None else g.tolist() for g in found]


def close(mine, yours):
    assert len(mine) == len(yours)
    for x, y in zip(mine, yours, strict=True):
        assert (x is None) == (y is None)
        if x is not None:
            np.testing.assert_allclose(x, y, rtol=1e-5)


@pytest.mark.oracle
@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("name", PROGRAMS)
def test_hooks_see_what_pytorchs_see(torch, name, create_graph):
    mine, grads = trace(xg, PROGRAMS[name], create_graph)
    theirs, expected = trace(torch, PROGRAMS[name], create_graph)
    # In which order an operation saves its values is nobody's business.
    cut = mine.index("backward")
    assert theirs.index("backward") == cut
    assert sorted(mine[:cut], key=str) == sorted(theirs[:cut], key=str)
    assert mine[cut:] == theirs[cut:]
    close(grads, expected)


def test_a_wrong_expectation_is_noticed():
    assert trace(xg, PROGRAMS["product"])[0] != trace(xg, PROGRAMS["square"])[0][1:]
    with pytest.raises(AssertionError):
        close([1.0], [1.1])


def test_what_is_saved_in_place_is_copied_before_it_is_overwritten():
    """As in PyTorch the hook keeps the memory itself, and gets what was there before."""
    a, b, _ = leaves(xg)
    x = a * 1
    with saved_tensors_hooks(lambda t: t, lambda t: t):
        x.mul_(b).mul_(b)
    x.sum().backward()
    np.testing.assert_allclose(host(b.grad), host(2 * a * b))


def test_in_place_through_a_view():
    a, _, _ = leaves(xg)
    log = []
    x = a * 1
    with logging(xg, log):
        x[0].exp_()
    x.sum().backward()
    assert [entry[0] for entry in log] == ["pack", "unpack"]
    np.testing.assert_allclose(host(a.grad), [np.exp([1, 2, 3]), [1, 1, 1]], rtol=1e-6)


def test_leaves_are_shown_themselves():
    a, b, _ = leaves(xg)
    seen = []
    with saved_tensors_hooks(lambda t: seen.append(t) or t.detach(), lambda t: t):
        a * b
        (a.detach() * b).sum()
    assert seen[0] is a
    assert seen[1] is b
    assert not seen[2].requires_grad


def test_a_result_has_its_history_while_the_hook_looks():
    a, _, _ = leaves(xg)
    seen = []

    def pack(t):
        seen.append((t, t.requires_grad, t.grad_fn.name()))
        return t

    with saved_tensors_hooks(pack, lambda t: t):
        out = a.exp()
    ((kept, required, name),) = seen
    assert (required, name) == (True, "ExpBackward0")
    assert not kept.requires_grad
    assert kept is not out


def test_hooks_run_without_recording_and_may_return_anything():
    a, b, _ = leaves(xg)
    modes, kept = [], []

    def pack(t):
        modes.append(xg.is_grad_enabled())
        kept.append(t * 1)
        return {"number": len(kept) - 1}

    with saved_tensors_hooks(pack, lambda packed: kept[packed["number"]]):
        out = a * b
    out.sum().backward()
    assert modes == [False, False]
    assert not kept[0].requires_grad
    np.testing.assert_array_equal(host(a.grad), host(b))


def test_what_unpacks_is_what_counts():
    a, b, _ = leaves(xg)
    with saved_tensors_hooks(lambda t: None, lambda none: xg.full((2, 3), 7.0)):
        out = a * b
    out.sum().backward()
    assert a.grad.tolist() == b.grad.tolist() == [[7.0] * 3] * 2


# ------------------------------------------------------------------ when they hold


def test_the_innermost_holds():
    log = []
    a, b, _ = leaves(xg)

    def named(name):
        return saved_tensors_hooks(lambda t: log.append(name) or (name, t.detach()), unpack)

    def unpack(packed):
        log.append(f"un{packed[0]}")
        return packed[1]

    with named("outer"):
        one = a.exp()
        with named("inner"):
            two = one.exp()
        three = two.exp()
    four = three * b
    four.sum().backward()
    assert log == ["outer", "inner", "outer", "unouter", "uninner", "unouter"]


def test_backward_in_the_context_packs_what_a_second_order_saves():
    log = []
    a, _, _ = leaves(xg)
    with logging(xg, log):
        (g,) = xg.autograd.grad(a.exp().sum(), a, create_graph=True)
        assert log.count(("unpack", True)) == 1
    packed = len(log)
    assert packed == 3  # exp; in backward, the product
    (h,) = xg.autograd.grad(g.sum(), a)
    assert len(log) > packed
    np.testing.assert_allclose(host(h), host(a.exp()), rtol=1e-6)


def test_other_threads_are_not_concerned():
    log, found = [], []
    a, b, _ = leaves(xg)

    def work():
        out = a * b
        found.append(type(out.grad_fn.saved) is tuple)

    with logging(xg, log):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        assert log == []
        assert found == [True]
        a * b
    assert len(log) == 2


def test_a_backward_in_another_thread_unpacks():
    log = []
    a, b, _ = leaves(xg)
    with logging(xg, log):
        out = (a * b).sum()
    thread = threading.Thread(target=out.backward)
    thread.start()
    thread.join()
    assert [entry[0] for entry in log] == ["pack"] * 2 + ["unpack"] * 2
    np.testing.assert_array_equal(host(a.grad), host(b))


def test_retained_graphs_unpack_each_time_and_freed_ones_never():
    log = []
    a, _, _ = leaves(xg)
    with logging(xg, log):
        out = a.exp()
    for _ in range(3):
        out.sum().backward(retain_graph=True)
    assert log.count(("unpack", False)) == 3
    out.sum().backward()
    assert out.grad_fn.saved is FREED
    with pytest.raises(GradientError, match="Trying to backward through the graph a second time"):
        out.sum().backward()
    assert log.count(("unpack", False)) == 4


def test_an_exception_ends_the_context_too():
    a, b, _ = leaves(xg)
    log = []
    with pytest.raises(KeyError), logging(xg, log):
        raise KeyError
    a * b
    assert log == []


def test_nodes_look_the_same():
    a, b, _ = leaves(xg)
    plain = (a * b).grad_fn
    log = []
    with logging(xg, log):
        packed = (a * b).grad_fn
        unsaved = (a + b).grad_fn
    assert type(unsaved) is type((a + b).grad_fn)
    assert packed.name() == plain.name() == type(packed).__name__
    assert isinstance(packed, type(plain))
    assert packed.op is plain.op
    assert packed.next_functions == plain.next_functions
    assert (packed.shape, packed.dtype, packed.ns) == (plain.shape, plain.dtype, plain.ns)
    assert repr(packed).startswith("<MulBackward0 object")


def test_only_wanted_gradients():
    """All values of a node are unpacked at once, as in PyTorch."""
    log = []
    a, b, _ = leaves(xg)
    with logging(xg, log):
        out = a * b
    (g,) = xg.autograd.grad(out.sum(), a)
    assert log.count(("unpack", False)) == 2
    np.testing.assert_array_equal(host(g), host(b))


# ------------------------------------------------------------------ errors


def failing(name):
    def program(t):
        a, b, _ = leaves(t)
        hooks = t.autograd.graph.saved_tensors_hooks
        disable = t.autograd.graph.disable_saved_tensors_hooks

        def unpack_to(value):
            with hooks(lambda x: x.detach(), lambda x: value):
                out = a * b
            out.sum().backward()

        def pack_by(write):
            with hooks(write, lambda x: x):
                (a * 1).exp()

        if name == "unpack gives a number":
            unpack_to(5)
        elif name == "unpack gives nothing":
            unpack_to(None)
        elif name == "unpack gives a list":
            unpack_to([1.0])
        elif name == "unpack raises":
            with hooks(lambda x: x.detach(), lambda x: 1 / 0):
                out = a * b
            out.sum().backward()
        elif name == "pack writes":
            pack_by(lambda x: x.add_(1))
        elif name == "pack writes to a view":
            pack_by(lambda x: x[0].zero_())
        elif name == "pack writes to what is detached":
            pack_by(lambda x: x.detach().zero_())
        elif name == "pack raises":
            pack_by(lambda x: {}["missing"])
        elif name == "disabled":
            with disable("not in here"), hooks(lambda x: x, lambda x: x):
                pass
        elif name == "disabled within hooks":
            with hooks(lambda x: x, lambda x: x), disable("not in here"):
                pass
        elif name == "disabled twice":
            with disable("outer"), disable("inner"), hooks(lambda x: x, lambda x: x):
                pass
        elif name == "disabled again outside":
            with disable("outer"):
                with disable("inner"):
                    pass
                with t.autograd.graph.save_on_cpu():
                    pass
        elif name == "not callable":
            with hooks(1, 2):
                pass
        elif name == "second backward":
            with hooks(lambda x: x.detach(), lambda x: x):
                out = (a * b).sum()
            out.backward()
            out.backward()
        elif name == "mutation contexts nested":
            with (
                t.autograd.graph.allow_mutation_on_saved_tensors(),
                t.autograd.graph.allow_mutation_on_saved_tensors(),
            ):
                pass
        elif name == "mutation, backward outside":
            with t.autograd.graph.allow_mutation_on_saved_tensors():
                out = (a * b).sum()
            out.backward()
        elif name == "mutation, cleared":
            with t.autograd.graph.allow_mutation_on_saved_tensors() as context:
                out = (a * b).sum()
                context.clear()
                out.backward()
        else:
            raise AssertionError(name)

    return program


FAILURES = [
    "unpack gives a number", "unpack gives nothing", "unpack gives a list", "unpack raises",
    "pack writes", "pack writes to a view", "pack writes to what is detached", "pack raises",
    "disabled", "disabled within hooks", "disabled twice", "disabled again outside",
    "second backward", "mutation contexts nested", "mutation, backward outside",
    "mutation, cleared", "not callable",
]  # fmt: skip


@pytest.mark.oracle
@pytest.mark.parametrize("name", FAILURES)
def test_errors_are_pytorchs(torch, name):
    found = {}
    for t in (torch, xg):
        with pytest.raises(Exception) as caught:  # noqa: PT011 - compared below
            failing(name)(t)
        found[t] = caught.value
    # What is no function is refused by PyTorch's binding, in words of its own.
    check_error(found[torch], found[xg], words=name != "not callable")


def test_a_hook_that_gives_another_device_is_told_so():
    x = xg.ones(2, device="readonly", requires_grad=True)
    with saved_tensors_hooks(lambda t: t.cpu(), lambda t: t):
        out = x * x
    with pytest.raises(DeviceError, match="on cpu for one that was saved on readonly"):
        out.sum().backward()


def test_disabling_ends():
    with disable_saved_tensors_hooks("no"):
        pass
    with save_on_cpu():
        pass


# ------------------------------------------------------------------ Function


def kept(t, log):
    class Kept(t.autograd.Function):
        @staticmethod
        def forward(ctx, x, y):
            out = x * y
            ctx.save_for_backward(x, None, out, y)
            return out, x + y

        @staticmethod
        def backward(ctx, g, h):
            x, none, out, y = ctx.saved_tensors
            log.append((none, x.requires_grad, out.requires_grad, type(out.grad_fn).__name__))
            return g * y + h + 0 * out, g * x + h

    return Kept


def of_function(t, create_graph):
    log = []
    a, b, _ = leaves(t)
    with logging(t, log):
        out, other = kept(t, log).apply(a, b * 1)
    log.append("backward")
    grads = t.autograd.grad(
        (out * out).sum() + other.sum(), (a, b), retain_graph=True, create_graph=create_graph
    )
    if create_graph:
        log.append("second")
        grads = t.autograd.grad(grads[0].sum() + grads[1].sum(), (a, b))
    return log, [g.tolist() for g in grads]


@pytest.mark.oracle
@pytest.mark.parametrize("create_graph", [False, True])
def test_saved_tensors_of_a_function(torch, create_graph):
    mine, grads = of_function(xg, create_graph)
    theirs, expected = of_function(torch, create_graph)
    assert mine == theirs
    close(grads, expected)


def test_a_function_unpacks_on_each_access():
    log = []

    class Twice(xg.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, g):
            return g * ctx.saved_tensors[0] + g * ctx.saved_tensors[0]

    a, _, _ = leaves(xg)
    with logging(xg, log):
        out = Twice.apply(a)
    out.sum().backward()
    assert [entry[0] for entry in log] == ["pack", "unpack", "unpack"]
    np.testing.assert_array_equal(host(a.grad), host(2 * a))
    with pytest.raises(GradientError, match="second time"):
        out.grad_fn.saved_tensors


def test_a_tensor_that_a_function_unpacked_shares_its_version():
    a, _, _ = leaves(xg)
    packed = xg.zeros(2, 3)

    class Writing(xg.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * 1

        @staticmethod
        def backward(ctx, g):
            ctx.saved_tensors[0].add_(1)
            return g

    with saved_tensors_hooks(lambda t: None, lambda none: packed):
        out = Writing.apply(a * 1)
    out.sum().backward()
    assert packed._version == 1


# ------------------------------------------------------------------ on every namespace


def network(x, w):
    h = (x @ w).tanh()
    h = h * xg.where(h > 0, h, h * 2)
    h = h[[1, 0]].exp_() / (1 + h.max(1, keepdim=True).values.exp())
    return (h.log_softmax(1) * h).sum()


def test_gradients_with_hooks_are_those_without(ns):
    rng = np.random.default_rng(0)
    values = rng.normal(size=(2, 3)), rng.normal(size=(3, 3))
    found = []
    for hooked in (False, True):
        x, w = (tensor(ns, v, requires_grad=True) for v in values)
        log = []
        with logging(xg, log) if hooked else xg.enable_grad():
            out = network(x, w)
        assert bool(log) == hooked
        g = xg.autograd.grad(out, (x, w), create_graph=True)
        second = xg.autograd.grad((g[0] * g[0]).sum() + g[1].sum(), (x, w))
        found.append([host(v) for v in (*g, *second)])
    for mine, plain in zip(found[1], found[0], strict=True):
        np.testing.assert_allclose(mine, plain, rtol=1e-5, atol=1e-6)


def test_save_on_cpu_moves_there_and_back(ns):
    x = tensor(ns, np.array([[0.5, 1.0], [1.5, 2.0]]), requires_grad=True)
    plain = xg.autograd.grad((x.exp() * x.exp()).sum(), x)[0]
    with save_on_cpu():
        inner = x.exp()
        out = inner * inner
    inside = weakref.ref(inner._data)
    for node in (out.grad_fn, inner.grad_fn):
        for value in node.saved.values:
            if value is not None:
                where, stored = value.what
                assert str(stored.device) == "cpu"
                assert where == x.device
    del inner, node, value, stored
    if x.device.type != "cpu":
        assert inside() is None  # only the CPU holds it now
    (g,) = xg.autograd.grad(out.sum(), x)
    assert g.device == x.device
    np.testing.assert_allclose(host(g), host(plain), rtol=1e-6)


def test_a_warning_in_a_rule_does_not_unpack_again():
    """Where warnings are errors, inf is a value all the same."""
    log = []
    x = xg.tensor([0.0, 4.0], requires_grad=True)
    with logging(xg, log):
        out = x.sqrt()
    out.sum().backward()
    assert x.grad.tolist() == [float("inf"), 0.25]
    assert log.count(("unpack", False)) == 1


def test_save_on_cpu_takes_pytorchs_arguments():
    with save_on_cpu(True, "cuda"), save_on_cpu(pin_memory=False, device_type="xpu"):
        pass


def test_save_on_cpu_of_devices_with_discipline(duo):  # noqa: F811 - a fixture
    """Two devices: each value goes back to its own, with that device made the current one."""
    leaves = [xg.tensor([1.0, 2.0, 3.0], device=d, requires_grad=True) for d in duo]
    with save_on_cpu():
        one, two = ((x.exp() * x)[xg.tensor([2, 0], device=x.device)] for x in leaves)
        out = (one * two.to(one.device)).sum()
    assert str(one.grad_fn.settings["index"].values[0].what[1].device) == "cpu"
    out.backward()
    at = np.array([3.0, 1.0])
    for x in leaves:
        assert x.grad.device == x.device
        with waiting_allowed():
            found = host(x.grad)[[2, 0]]
        np.testing.assert_allclose(found, at * np.exp(at) ** 2 * (at + 1), rtol=1e-5)


# ------------------------------------------------------------------ memory


@pytest.mark.parametrize(
    "pack", [lambda t: t, lambda t: [t], lambda t: t.detach(), lambda t: t[..., :]]
)
def test_packed_graphs_are_freed_without_the_collector(ns, pack):
    class Doubled(xg.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            out = x * 2
            ctx.save_for_backward(x, out)
            return out

        @staticmethod
        def backward(ctx, g):
            return g * 2

    x = tensor(ns, np.ones((2, 3)), requires_grad=True)
    gc.collect()
    gc.disable()
    try:
        with saved_tensors_hooks(pack, lambda t: t[0] if isinstance(t, list) else t):
            out = Doubled.apply(x.exp()).max(1).values.tanh_()
        nodes = []
        stack = [out.grad_fn]
        while stack:
            node = stack.pop()
            nodes.append(weakref.ref(node))
            stack += [n for n, _ in node.next_functions if n is not None and n.next_functions]
        assert len(nodes) >= 4
        del node, out
        assert [n() for n in nodes] == [None] * len(nodes)
    finally:
        gc.enable()


def test_packed_values_go_after_backward():
    a, b, _ = leaves(xg)
    with saved_tensors_hooks(lambda t: t.clone(), lambda t: t):
        out = a.exp() * b
    kept = [weakref.ref(v.what) for v in out.grad_fn.saved.values if v is not None]
    assert len(kept) == 2
    out.sum().backward()
    assert [k() for k in kept] == [None, None]


# ------------------------------------------------------------------ writing to what was saved


def written(t, write):
    a, b, _ = leaves(t)
    x = a * 1
    with t.autograd.graph.allow_mutation_on_saved_tensors() as context:
        out = (x * b + x).exp()
        write(t, x, b, out)
        counts = len(context.cloned), len(context.original)
        out = (out * x).sum()
        out.backward()
    return a.grad.tolist(), b.grad.tolist(), x.detach().tolist(), counts


def _step(t, x, b, out):
    b.grad = t.ones_like(b)
    t.optim.SGD([b], lr=0.1).step()
    b.grad = None


WRITES = {
    "nothing": lambda t, x, b, out: None,
    "function": lambda t, x, b, out: x.sin_(),
    "operator": lambda t, x, b, out: x.__imul__(2),
    "item": lambda t, x, b, out: x.__setitem__(0, 3.0),
    "items": lambda t, x, b, out: x.__setitem__(t.tensor([0, 1]), 3.0),
    "filled": lambda t, x, b, out: x.fill_(1.5),
    "view": lambda t, x, b, out: x[1].zero_(),
    "twice": lambda t, x, b, out: x.sin_().cos_(),
    "the result": lambda t, x, b, out: out.mul_(2),
    "a leaf": lambda t, x, b, out: t.no_grad()(lambda: b.mul_(3))(),
    "a leaf's item": lambda t, x, b, out: t.no_grad()(lambda: b.__setitem__((0, 0), 3.0))(),
    "data": lambda t, x, b, out: b.data.mul_(3),
    "optimizer": _step,
}


@pytest.mark.oracle
@pytest.mark.parametrize("name", WRITES)
def test_saved_values_may_be_written_to(torch, name):
    mine, theirs = written(xg, WRITES[name]), written(torch, WRITES[name])
    close(mine[:3], theirs[:3])
    if name == "nothing":
        assert mine[3][0] == 0
    elif name != "data":  # PyTorch does not see that one, but makes a copy in between
        assert mine[3][0] > 0


def test_without_the_context_they_may_not():
    a, b, _ = leaves(xg)
    x = a * 1
    out = (x * b).sum()
    x.sin_()
    with pytest.raises(GradientError, match="modified by an inplace operation"):
        out.backward()


def test_accumulating_into_a_saved_gradient_is_a_write():
    a, _, _ = leaves(xg)
    with allow_mutation_on_saved_tensors() as context:
        (a * 2).sum().backward()
        g = a.grad
        w = xg.ones(2, 3, requires_grad=True)
        out = (g * w).sum()
        (a * 3).sum().backward()
        assert a.grad is g
        assert len(context.cloned) == 1
        out.backward()
    assert w.grad.tolist() == [[2.0] * 3] * 2


def test_written_saved_values_on_every_namespace(ns):
    x = tensor(ns, np.array([1.0, 2.0]), requires_grad=True)
    with allow_mutation_on_saved_tensors():
        y = x * 1
        out = (y * y).sum()
        y.zero_()
        y[0] = 4.0
        out.backward()
    np.testing.assert_array_equal(host(x.grad), [2.0, 4.0])
    assert host(y.detach()).tolist() == [4.0, 0.0]


def test_nested_contexts_leave_the_outer_one_be():
    """PyTorch's outer context would be switched off by the error."""
    a, b, _ = leaves(xg)
    with allow_mutation_on_saved_tensors():
        out = (a * b).sum()
        with pytest.raises(GradientError, match="cannot be nested"):
            allow_mutation_on_saved_tensors().__enter__()
        out.backward()
    np.testing.assert_array_equal(host(a.grad), host(b))


def test_written_saved_values_of_devices_with_discipline(duo):  # noqa: F811 - a fixture
    x = xg.tensor([1.0, 2.0], device=duo[1], requires_grad=True)
    with allow_mutation_on_saved_tensors():
        y = x * 1
        out = (y * y).sum()
        y.zero_()
        out.backward()
    with waiting_allowed():
        assert host(x.grad).tolist() == [2.0, 4.0]


def test_one_copy_is_enough():
    a, _, _ = leaves(xg)
    with allow_mutation_on_saved_tensors() as context:
        x = a * 1
        out = x * x + x.sin()
        x.zero_()
        assert len(context.cloned) == 3
        assert len({id(t._data) for t in context.cloned.values()}) == 1
    del out


def test_the_context_forgets():
    a, b, _ = leaves(xg)
    with allow_mutation_on_saved_tensors() as context:
        out = (a * b).sum()
        assert len(context.original) == 2
        del out
        assert len(context.original) == 0
        again = (a * b).sum()
    assert len(context.original) == 0
    assert again.requires_grad
