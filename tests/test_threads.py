"""Threads: modes of their own, shared parameters, one graph differentiated by many at once.

The interpreter is made to switch threads as often as it can. Sums are of small whole numbers, so
that they are exact whatever the order, and a lost update shows.
"""

import sys
import threading
import warnings

import numpy as np
import pytest

import namespaces  # noqa: F401  (registers the device readonly)
import xpgrad as xg
from xpgrad.hooks import hooks_of


@pytest.fixture(autouse=True)
def _impatient():
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def together(count, function):
    """Call ``function(i)`` in `count` threads that start at once; their results, or an error."""
    found, errors, barrier = [None] * count, [], threading.Barrier(count)

    def run(i):
        try:
            barrier.wait()
            found[i] = function(i)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return found


# ------------------------------------------------------------------ modes


def modes():
    return xg.is_grad_enabled(), xg.is_inference_mode_enabled(), str(xg.get_default_device())


FRESH = (True, False, "cpu")


@pytest.mark.parametrize(
    "enter", [xg.no_grad, xg.inference_mode, lambda: xg.set_grad_enabled(False)]
)
def test_a_mode_is_its_threads_own(enter):
    with enter():
        assert together(2, lambda i: modes()) == [FRESH] * 2
    inside, checked = threading.Event(), threading.Event()

    def other():
        with enter():
            inside.set()
            checked.wait()

    thread = threading.Thread(target=other)
    thread.start()
    inside.wait()
    assert modes() == FRESH
    assert (xg.ones(1, requires_grad=True) * 2).requires_grad
    checked.set()
    thread.join()


def test_the_default_device_is_its_threads_own():
    def run(i):
        if i % 2:
            xg.set_default_device("readonly")
        with xg.device("cpu" if i % 2 else "readonly"):
            inner = str(xg.ones(1).device)
        return inner, str(xg.ones(1).device)

    assert together(4, run) == [("readonly", "cpu"), ("cpu", "readonly")] * 2
    assert modes() == FRESH


def test_modes_in_a_crowd():
    x = xg.ones(2, requires_grad=True)

    def run(i):
        for k in range(50):
            if (i + k) % 2:
                with xg.no_grad():
                    assert not (x * 2).requires_grad
            else:
                assert (x * 2).requires_grad
        return modes()

    assert together(8, run) == [FRESH] * 8


def test_a_decorated_function_in_a_crowd():
    x = xg.ones(2, requires_grad=True)

    @xg.no_grad()
    def plain():
        return x * 2

    assert not any(together(8, lambda i: any(plain().requires_grad for _ in range(50))))
    assert modes() == FRESH


def test_anomaly_detection_is_everybodys():
    x = xg.zeros(1, requires_grad=True)

    def run(i):
        y = (x.sqrt() * 0).sum()
        with pytest.raises(RuntimeError, match="returned nan values"):
            y.backward()
        return xg.autograd.anomaly_mode.is_anomaly_enabled()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with xg.autograd.detect_anomaly():
            (found,) = together(1, run)
    assert found is True
    assert not xg.autograd.anomaly_mode.is_anomaly_enabled()


# ------------------------------------------------------------------ shared parameters


@pytest.mark.parametrize("device", ["cpu", "readonly"])
def test_no_update_is_lost(device):
    p = xg.ones(5, requires_grad=True, device=device)
    q = xg.ones(3, 5, requires_grad=True, device=device)

    def run(i):
        for _ in range(25):
            x = xg.full((5,), float(i + 1), device=device)
            ((p * x).sum() + (q @ x).sum() + (q.t()[0] * 3).sum()).backward()

    together(8, run)
    expected = np.full((3, 5), 25.0 * 36)
    assert p.grad.tolist() == expected[0].tolist()
    expected[:, 0] += 25 * 8 * 3
    assert q.grad.tolist() == expected.tolist()


def test_the_first_update_is_not_lost():
    for _ in range(50):
        p = xg.ones(2, requires_grad=True)
        together(4, lambda i, p=p: (p * (i + 1)).sum().backward())
        assert p.grad.tolist() == [10.0, 10.0]


def test_no_hook_of_a_shared_parameter_is_missed():
    p = xg.ones(2, requires_grad=True)
    calls = []
    p.register_hook(lambda g: calls.append("tensor"))
    p.register_post_accumulate_grad_hook(lambda t: calls.append("after"))
    p.view_as(p).grad_fn.next_functions[0][0].register_prehook(lambda go: (go[0] * 2,))
    together(8, lambda i: [(p * 1).sum().backward() for _ in range(10)])
    assert sorted(calls) == ["after"] * 80 + ["tensor"] * 80
    assert p.grad.tolist() == [160.0, 160.0]


# ------------------------------------------------------------------ one graph


def graph():
    """A retained graph of several kinds of nodes, and its leaf."""
    x = xg.arange(1.0, 5.0, requires_grad=True)
    m = x * x
    parts = x.unbind()
    z = (m * m).sum() + (x.view(2, 2) @ x.view(2, 2)).sum() + xg.cat([x, m]).sum() + parts[1] * 3
    a = x * 1
    a[1:].mul_(2)
    return x, m, z + (a * m).sum()


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("count", [2, 8])
def test_many_differentiate_one_graph(count, create_graph):
    x, m, z = graph()
    (expected,) = xg.autograd.grad(z, x, retain_graph=True)
    (first,) = xg.autograd.grad(z, x, create_graph=True)
    (second,) = xg.autograd.grad(first.sum(), x, retain_graph=True)
    (kept,) = xg.autograd.grad(z, m, retain_graph=True)
    seen = []
    m.retain_grad()
    m.register_hook(lambda g: seen.append("tensor"))
    m.grad_fn.register_hook(lambda gi, go: seen.append("post"))
    m.grad_fn.register_prehook(lambda go: seen.append("pre"))
    xg.autograd.graph.register_multi_grad_hook([m, x], lambda gs: seen.append(gs[1].tolist()))

    def run(i):
        found = []
        for _ in range(8):
            (d,) = xg.autograd.grad(z, x, retain_graph=True, create_graph=create_graph)
            found.append(d.tolist())
            if create_graph:
                (h,) = xg.autograd.grad(d.sum(), x, retain_graph=True)
                assert h.tolist() == second.tolist()
        return found

    found = together(count, run)
    assert found == [[expected.tolist()] * 8] * count
    runs = 8 * count
    if not create_graph:
        assert sorted(map(str, seen)) == sorted(
            ["tensor", "post", "pre", str(expected.tolist())] * runs
        )
        assert m.grad.tolist() == [runs * v for v in kept.tolist()]


@pytest.mark.parametrize("create_graph", [False, True])
def test_hooks_come_and_go_while_others_run(create_graph):
    x = xg.arange(1.0, 5.0, requires_grad=True)
    y = x * x
    z = (y * y).sum()

    def run(i):
        for _ in range(25):
            if i % 2:
                handles = [
                    y.register_hook(lambda g: None), x.register_hook(lambda g: None),
                    y.grad_fn.register_hook(lambda gi, go: None),
                    y.grad_fn.register_prehook(lambda go: None),
                    xg.autograd.graph.register_multi_grad_hook([x, y], lambda gs: None),
                ]  # fmt: skip
                for handle in handles:
                    handle.remove()
            else:
                (d,) = xg.autograd.grad(z, x, retain_graph=True, create_graph=create_graph)
                assert d.tolist() == [4.0, 32.0, 108.0, 256.0]

    together(6, run)
    hooks = hooks_of(y.grad_fn)
    assert not hooks.before
    assert not hooks.pre
    assert not hooks.post


def test_every_hook_of_a_crowd_is_registered():
    for _ in range(20):
        y = xg.ones(2, requires_grad=True) * 2
        calls = []

        def register(i, y=y, calls=calls):
            y.register_hook(lambda g: calls.append(i))
            y.grad_fn.register_hook(lambda gi, go: calls.append(i))
            y.grad_fn.metadata[i] = i

        together(6, register)
        y.sum().backward()
        assert sorted(calls) == sorted([*range(6)] * 2)
        assert sorted(y.grad_fn.metadata) == [*range(6)]


@pytest.mark.parametrize("create_graph", [False, True])
def test_what_one_frees_the_other_misses_with_words(create_graph):
    raised = 0
    for _ in range(20):
        x = xg.arange(1.0, 5.0, requires_grad=True)
        z = x
        for _ in range(15):
            z = (z * z).sin() * x
        z = z.sum()

        def run(i, x=x, z=z):
            try:
                # The first thread keeps what it needs, the others free it under its hands.
                xg.autograd.grad(z, x, retain_graph=i == 0, create_graph=create_graph)
            except RuntimeError as error:
                assert "Trying to backward through the graph a second time" in str(error)  # noqa: PT017
                return 1
            return 0

        raised += sum(together(3, run))
    assert raised > 0


def test_views_of_a_shared_tensor():
    """Whoever writes to it, the views that other threads hold follow."""
    for device in ("cpu", "readonly"):
        x = xg.zeros(4, device=device)
        views = [v for row in together(4, lambda i, x=x: [x[i:], x.view(2, 2)]) for v in row]
        x.add_(1)
        assert all(v.tolist() == xg.ones(*v.shape).tolist() for v in views)


def test_graphs_made_in_threads_are_ordered():
    """Nodes are numbered by one clock: a graph made by several threads in turn is in order."""
    x = xg.ones(1, requires_grad=True)
    held, turn = [x], threading.Lock()

    def run(i):
        for _ in range(20):
            with turn:
                held[0] = (held[0] + x) * 1

    together(4, run)
    (g,) = xg.autograd.grad(held[0], x)
    assert g.tolist() == [81.0]
