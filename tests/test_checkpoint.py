"""Checkpointing: right gradients, less memory, the same random numbers; held against PyTorch."""

import contextlib
import functools
import gc
import importlib
import math
import re
import subprocess
import sys
import threading
import warnings
import weakref

import numpy as np
import pytest

import xpgrad as xg
from fake_device import waiting_allowed
from namespaces import host, tensor
from oracle import check_error
from test_registry import duo, restore  # noqa: F401 - fixtures
from xpgrad import random
from xpgrad.autograd.graph import disable_saved_tensors_hooks, save_on_cpu, saved_tensors_hooks
from xpgrad.errors import GradientError
from xpgrad.namespace import Namespace
from xpgrad.op import OPS
from xpgrad.ops import elementwise as ops
from xpgrad.utils.checkpoint import (
    CheckpointError,
    CheckpointPolicy,
    checkpoint,
    checkpoint_sequential,
    create_selective_checkpoint_contexts,
    detach_variable,
    get_device_states,
    noop_context_fn,
    set_checkpoint_debug_enabled,
    set_checkpoint_early_stop,
    set_device_states,
)

REENTRANT = pytest.mark.parametrize("reentrant", [False, True])


@pytest.fixture
def torch():
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
    importlib.import_module("torch.utils.checkpoint")
    return torch


@pytest.fixture(autouse=True)
def _own_generators():
    before = dict(random._defaults)
    yield
    random._defaults.clear()
    random._defaults.update(before)


def leaf(values=(1.0, 2.0, 3.0), t=xg):
    return t.tensor(values, requires_grad=True)


def close(mine, theirs):
    np.testing.assert_allclose(host(mine), host(theirs), rtol=1e-5, atol=1e-6)


class Counted:
    """A function that counts its calls, and how far they got."""

    def __init__(self, function):
        self.function = function
        self.calls = self.ends = 0

    def __call__(self, *args, **kwargs):
        self.calls += 1
        out = self.function(*args, **kwargs)
        self.ends += 1
        return out


# ------------------------------------------------------------------ values


def network(x, w):
    h = (x @ w).tanh()
    h = h * xg.where(h > 0, h, h * 2)
    h = h[[1, 0]].exp_() / (1 + h.max(1, keepdim=True).values.exp())
    h[0] = h[1] * 2
    return (h.log_softmax(1) * h).sum()


@REENTRANT
def test_gradients_are_those_without(ns, reentrant):
    rng = np.random.default_rng(0)
    values = rng.normal(size=(2, 3)), rng.normal(size=(3, 3))
    found = []
    for checkpointed in (False, True):
        x, w = (tensor(ns, v, requires_grad=True) for v in values)
        inner = w * 2
        out = checkpoint(network, x, inner, use_reentrant=reentrant) if checkpointed else None
        out = network(x, inner) if out is None else out
        (out * out).backward()
        found.append((out.detach(), x.grad, w.grad))
    for mine, plain in zip(*found, strict=True):
        close(mine, plain)


def test_double_backward(ns):
    found = []
    for checkpointed in (False, True):
        x = tensor(ns, np.array([0.5, 1.0, 2.0]), requires_grad=True)

        def cube(x):
            return (x.exp() * x).sin() * x

        out = checkpoint(cube, x, use_reentrant=False) if checkpointed else cube(x)
        (g,) = xg.autograd.grad(out.sum(), x, create_graph=True)
        (h,) = xg.autograd.grad((g * g).sum(), x, create_graph=True)
        (third,) = xg.autograd.grad(h.sum(), x)
        found.append((g.detach(), h.detach(), third))
    for mine, plain in zip(*found, strict=True):
        close(mine, plain)


def test_each_backward_runs_it_again():
    x = leaf()
    f = Counted(lambda x: x.exp().sin())
    out = checkpoint(f, x, use_reentrant=False).sum()
    assert f.calls == 1
    for n in (2, 3, 4):
        (g,) = xg.autograd.grad(out, x, retain_graph=True)
        assert f.calls == n
        close(g, x.exp().cos() * x.exp())
    out.backward()
    with pytest.raises(GradientError, match="second time"):
        out.backward()


def test_a_backward_through_a_part_of_it():
    x, y = leaf(), leaf((4.0, 5.0, 6.0))
    f = Counted(lambda x, y: (x.exp() * 2, y.sin() * x))
    one, two = checkpoint(f, x, y, use_reentrant=False)
    (g,) = xg.autograd.grad(one.sum(), x, retain_graph=True)
    close(g, 2 * x.exp())
    (g,) = xg.autograd.grad(two.sum(), y, retain_graph=True)
    close(g, y.cos() * x)
    g = xg.autograd.grad(one.sum() + two.sum(), (x, y))
    close(g[0], 2 * x.exp() + y.sin())


@REENTRANT
def test_one_backward_at_a_time_is_enough_for_several_results(reentrant):
    x = leaf()
    f = Counted(lambda x: (x.exp(), x.sin(), x * x))
    a, b, c = checkpoint(f, x, use_reentrant=reentrant)
    (a + b + c).sum().backward()
    assert f.calls == 2
    close(x.grad, x.exp() + x.cos() + 2 * x)


def test_nested_arguments_keywords_and_results():
    x, y, z = leaf(), leaf(), leaf()

    def f(pair, *, scale, more):
        return {"out": [pair[0].exp() * pair[1] * scale, 7], "more": (more["z"].sin(), None)}

    out = checkpoint(f, (x, y), scale=3.0, more={"z": z}, use_reentrant=False)
    assert out["out"][1] == 7
    (out["out"][0] + out["more"][0]).sum().backward()
    close(x.grad, x.exp() * y * 3)
    close(y.grad, x.exp() * 3)
    close(z.grad, z.cos())


def test_reentrance_sees_tensors_at_the_top_only():
    x = leaf()
    out, number, none, inner = checkpoint(
        lambda x, k: (x * k, k, None, [x.detach()]), x, 3.0, use_reentrant=True
    )
    assert (number, none) == (3.0, None)
    assert not inner[0].requires_grad
    out.sum().backward()
    close(x.grad, xg.full((3,), 3.0))


@REENTRANT
def test_parameters_that_are_no_arguments(reentrant):
    w, x = leaf(), leaf()
    checkpoint(lambda x: (x * w).exp(), x, use_reentrant=reentrant).sum().backward()
    close(w.grad, (x * w).exp() * x)
    close(x.grad, (x * w).exp() * w)


def test_inputs_need_not_require_a_gradient():
    w, x = leaf(), xg.tensor([1.0, 2.0, 3.0])
    checkpoint(lambda x: (x * w).exp(), x, use_reentrant=False).sum().backward()
    close(w.grad, (x * w).exp() * x)


@REENTRANT
def test_nothing_is_recorded_without_grad_mode(reentrant):
    x = leaf()
    f = Counted(lambda x: x.exp())
    with xg.no_grad():
        out = checkpoint(f, x, use_reentrant=reentrant)
    assert not out.requires_grad
    assert f.calls == 1


def test_functions_with_a_backward_of_their_own():
    class Square(xg.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            out = x * x
            ctx.save_for_backward(x, out)
            return out

        @staticmethod
        def backward(ctx, g):
            x, out = ctx.saved_tensors
            return 2 * g * x + 0 * out

    x = leaf()
    out = checkpoint(lambda x: Square.apply(x.exp()), x, use_reentrant=False)
    (g,) = xg.autograd.grad(out.sum(), x, create_graph=True)
    (h,) = xg.autograd.grad(g.sum(), x)
    close(g, 2 * (2 * x).exp())
    close(h, 4 * (2 * x).exp())


def test_asking_twice_for_what_was_saved_runs_it_twice():
    """Where PyTorch raises."""

    class Twice(xg.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, g):
            return g * ctx.saved_tensors[0] + g * ctx.saved_tensors[0]

    x = leaf()
    f = Counted(lambda x: Twice.apply(x * 1))
    checkpoint(f, x, use_reentrant=False).sum().backward()
    assert f.calls == 3
    close(x.grad, 2 * x)


def test_modules():
    xg.manual_seed(0)
    model = xg.nn.Sequential(xg.nn.Linear(3, 4), xg.nn.ReLU(), xg.nn.Linear(4, 2))
    x = xg.rand(5, 3)
    model(x).sum().backward()
    plain = [p.grad for p in model.parameters()]
    model.zero_grad()
    checkpoint(model, x, use_reentrant=False).sum().backward()
    for p, g in zip(model.parameters(), plain, strict=True):
        close(p.grad, g)


# ------------------------------------------------------------------ nested, and within hooks


@pytest.mark.parametrize("early_stop", [False, True])
def test_nested(early_stop):
    x = leaf((0.1, 0.2, 0.3))
    inner = Counted(lambda x: x.exp().sin())
    middle = Counted(lambda x: checkpoint(inner, x * 2, use_reentrant=False).cos().exp())
    outer = Counted(lambda x: checkpoint(middle, x * x, use_reentrant=False).sin())
    with set_checkpoint_early_stop(early_stop):
        out = checkpoint(outer, x, use_reentrant=False)
    expected = xg.autograd.grad(outer(x).sum(), x, create_graph=True)
    calls = inner.calls, middle.calls, outer.calls
    found = xg.autograd.grad(out.sum(), x, create_graph=True)
    assert outer.calls - calls[2] == 1
    close(found[0], expected[0])
    second = [xg.autograd.grad(g[0].sum(), x)[0] for g in (found, expected)]
    close(*second)


@pytest.mark.oracle
def test_nested_functions_run_as_often_as_pytorchs(torch):
    counts = {}
    for t in (xg, torch):
        again = t.utils.checkpoint.checkpoint
        inner = Counted(lambda x: x.exp().sin())
        outer = Counted(
            lambda x, again=again, inner=inner: again(inner, x * x, use_reentrant=False).cos().exp()
        )
        x = leaf(t=t)
        out = again(outer, x, use_reentrant=False)
        for _ in range(2):
            out.sum().backward(retain_graph=True)
        counts[t] = [(f.calls, f.ends) for f in (inner, outer)], x.grad.tolist()
    assert counts[xg][0] == counts[torch][0]
    np.testing.assert_allclose(counts[xg][1], counts[torch][1], rtol=1e-4)


def test_reentrance_within_reentrance():
    x = leaf((0.1, 0.2, 0.3))

    def inner(x):
        return x.exp().sin()

    def outer(x):
        return checkpoint(inner, x * x, use_reentrant=True).cos()

    with pytest.warns(UserWarning, match="None of the inputs have requires_grad"):
        out = checkpoint(outer, x, use_reentrant=True)  # whose forward records nothing
    out.sum().backward()
    (g,) = xg.autograd.grad(inner(x * x).cos().sum(), x)
    close(x.grad, g)


def test_a_backward_within_it():
    for retain in (False, True):
        for early_stop in (False, True):
            x = leaf((0.1, 0.2, 0.3))

            def f(x, retain=retain):
                z = x.sin().cos()
                (g,) = xg.autograd.grad(z.sum(), x, retain_graph=retain)
                return (x.exp() if not retain else z) * g

            out = checkpoint(f, x, use_reentrant=False, early_stop=early_stop)
            (g,) = xg.autograd.grad(out.sum(), x)
            (plain,) = xg.autograd.grad(f(x).sum(), x)
            close(g, plain)


def test_the_inputs_are_saved_by_the_hooks_around():
    seen = []
    x = leaf() * 2
    with saved_tensors_hooks(lambda t: seen.append(tuple(t.shape)) or t.detach(), lambda t: t):
        out = checkpoint(lambda x: x.exp().sin(), x, use_reentrant=False)
    assert seen == [(3,)]
    out.sum().backward()


def test_save_on_cpu_around_it(ns):
    x = tensor(ns, np.array([0.5, 1.0]), requires_grad=True)
    with save_on_cpu():
        out = checkpoint(lambda x: x.exp().sin(), x * 2, use_reentrant=False)
    (g,) = xg.autograd.grad(out.sum(), x)
    close(g, (2 * x).exp().cos() * (2 * x).exp() * 2)


def test_context_fn():
    log = []

    @contextlib.contextmanager
    def saying(name):
        log.append(name)
        yield
        log.append(f"after {name}")

    x = leaf()
    out = checkpoint(
        lambda x: x.exp() * 2, x, use_reentrant=False, early_stop=False,
        context_fn=lambda: (saying("first"), saying("again")),
    )  # fmt: skip
    assert log == ["first", "after first"]
    out.sum().backward()
    assert log == ["first", "after first", "again", "after again"]
    assert all(isinstance(c, contextlib.nullcontext) for c in noop_context_fn())


def test_new_tensors_go_to_the_same_device_again():
    x = xg.tensor([1.0, 2.0], device="readonly", requires_grad=True)
    with xg.device("readonly"):
        out = checkpoint(lambda x: (x * xg.arange(2.0)).exp(), x, use_reentrant=False)
    out.sum().backward()
    close(
        x.grad, (x * xg.arange(2.0, device="readonly")).exp() * xg.tensor([0.0, 1.0]).to("readonly")
    )


def test_threads_may_share_a_graph():
    x = leaf(tuple(np.linspace(0, 1, 50)))
    out = checkpoint(lambda x: x.exp().sin().exp().sin(), x, use_reentrant=False).sum()
    (plain,) = xg.autograd.grad(x.exp().sin().exp().sin().sum(), x)
    found, failed = [], []

    def work():
        try:
            for _ in range(10):
                found.append(xg.autograd.grad(out, x, retain_graph=True)[0])
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    for g in found:
        close(g, plain)


def below(f):
    return lambda x: xg.func.vmap(f)(x).sum()


TRANSFORMS = {
    "grad": xg.func.grad,
    "vjp": lambda f: lambda x: xg.func.vjp(f, x)[1](xg.tensor(1.0))[0],
    "jvp": lambda f: lambda x: xg.func.jvp(f, (x,), (x * 2,))[1],
    "second derivatives": xg.func.hessian,
    "jacrev of grad": lambda f: xg.func.jacrev(xg.func.grad(f)),
    "jvp of grad": lambda f: lambda x: xg.func.jvp(xg.func.grad(f), (x,), (x * 2,))[1],
    "per-sample gradients": lambda f: lambda x: xg.func.vmap(xg.func.grad(f))(xg.stack([x, x * 2])),
    "grad of vmap": lambda f: lambda x: xg.func.grad(below(f))(xg.stack([x, x * 2])),
}


@pytest.mark.parametrize("around", [contextlib.nullcontext, save_on_cpu])
@pytest.mark.parametrize("name", TRANSFORMS)
def test_transforms(name, around):
    x = xg.tensor([0.3, 0.7, 1.1])
    f = Counted(lambda x: (x.exp().sin() * x).sum())

    def checkpointed(x):
        with around():
            return checkpoint(f, x * xg.ones(3), use_reentrant=False)

    found = TRANSFORMS[name](checkpointed)(x)
    calls = f.calls
    close(found, TRANSFORMS[name](f)(x))
    assert (calls > f.calls - calls) is (name != "jvp")  # which needs no second run


@pytest.mark.parametrize("randomness", ["same", "different"])
def test_what_is_made_within_a_transform_is_the_same_again(randomness):
    """Also where backward comes after the transform has ended."""

    def f(x):
        return (x.exp().sin() * xg.arange(3.0) * xg.rand(3) * xg.nn.functional.dropout(x)).sum()

    def checkpointed(x):
        return checkpoint(f, x, use_reentrant=False)

    found = []
    for g in (checkpointed, f):
        x = leaf(((0.1, 0.2, 0.3), (0.4, 0.5, 0.6)))
        xg.manual_seed(0)
        xg.func.vmap(g, randomness=randomness)(x).sum().backward()
        found.append(x.grad)
        found.append(xg.func.vmap(xg.func.grad(g), randomness=randomness)(x.detach()))
    close(found[0], found[2])
    close(found[1], found[3])


# ------------------------------------------------------------------ early stop


@pytest.mark.parametrize(("early_stop", "ends"), [(True, 1), (False, 2)])
def test_early_stop(early_stop, ends):
    for context in (False, True):
        x = leaf()
        f = Counted(lambda x: x.exp().sin() + 1)
        if context:
            with set_checkpoint_early_stop(early_stop):
                out = checkpoint(f, x, use_reentrant=False, early_stop=not early_stop)
        else:
            out = checkpoint(f, x, use_reentrant=False, early_stop=early_stop)
        out.sum().backward()
        assert (f.calls, f.ends) == (2, ends)
        assert xg.is_grad_enabled()


def test_what_catches_errors_does_not_catch_the_early_stop():
    def f(x):
        y = x.exp()
        try:
            return y.sin()
        except Exception:
            return y

    x = leaf()
    checkpoint(f, x, use_reentrant=False).sum().backward()
    close(x.grad, x.exp().cos() * x.exp())


def test_reentrance_never_stops_early():
    x = leaf()
    f = Counted(lambda x: x.exp().sin() + 1)
    with set_checkpoint_early_stop(True):
        checkpoint(f, x, use_reentrant=True).sum().backward()
    assert f.ends == 2


# ------------------------------------------------------------------ memory


@REENTRANT
def test_activations_are_not_kept(ns, reentrant):
    """Nor is anything kept after backward, and no collector is needed."""
    alive, most = [], 0

    def layer(x):
        nonlocal most
        for _ in range(10):
            x = (x * 0.5).tanh()
            alive.append(weakref.ref(x._data))
            most = max(most, living())
        return x

    def living():
        return sum(ref() is not None for ref in alive)

    gc.collect()
    gc.disable()
    try:
        x = tensor(ns, np.ones((4, 4)), requires_grad=True)
        kept = layer(x)
        assert living() == 10  # each tanh keeps its result
        del kept
        assert living() == 0
        alive.clear()
        h = x
        for _ in range(5):
            h = checkpoint(layer, h, use_reentrant=reentrant)
        # What goes from one layer to the next; the last result is the user's own.
        assert living() <= 5
        most = 0
        h.sum().backward()
        assert 10 <= most <= 10 + 5  # one layer's at a time
        del h
        assert living() == 0
    finally:
        gc.enable()


def test_index_arrays_are_not_kept_either():
    alive = []

    def f(x):
        index = xg.tensor([2, 0])
        alive.append(weakref.ref(index._data))
        return x[index] * 2

    x = leaf()
    out = checkpoint(f, x, use_reentrant=False)
    assert alive[0]() is None
    out.sum().backward()
    assert x.grad.tolist() == [2.0, 0.0, 2.0]


def test_recomputed_values_go_as_they_are_used():
    sizes = []
    alive = []

    def f(x):
        for _ in range(4):
            x = x.exp()
            alive.append(weakref.ref(x._data))
            x.register_hook(lambda g: sizes.append(sum(r() is not None for r in alive)))
        return x.sum()

    x = leaf((0.01, 0.02))
    out = checkpoint(f, x, use_reentrant=False)
    alive.clear()
    out.backward(retain_graph=True)
    assert sizes == [0, 3, 2, 1]  # seen before each one's own turn
    assert sum(r() is not None for r in alive) == 0


def test_what_is_left_of_a_run_keeps_no_graph():
    alive = []

    def f(x):
        a = x.exp()
        b = a.sin()
        c = b.cos()
        alive[:] = [weakref.ref(t._data) for t in (a, b, c)]
        return b, c

    x = leaf()
    b, c = checkpoint(f, x, use_reentrant=False, early_stop=False)
    xg.autograd.grad(b.sum(), x, retain_graph=True)
    assert [ref() is not None for ref in alive] == [False, True, False]  # b awaits its turn
    del b, c
    assert [ref() is not None for ref in alive] == [False] * 3


def test_nothing_is_kept_after_an_error():
    alive = []

    def again(x):
        y = x.exp()
        alive.append(weakref.ref(y._data))
        return y * 1

    out = checkpoint(Changing(long, again), leaf(), use_reentrant=False)
    with pytest.raises(CheckpointError):
        out.sum().backward(retain_graph=True)
    assert [ref() for ref in alive] == [None]


def test_regions_are_freed_without_the_collector():
    gc.collect()
    gc.disable()
    try:
        x = leaf()
        marker = xg.ones(3)
        held = weakref.ref(marker)

        def inner(x, marker=marker):
            return x.exp() * marker

        def outer(x, inner=inner):
            return checkpoint(inner, x * 2, use_reentrant=False).sin()

        out = checkpoint(outer, x, use_reentrant=False)
        xg.autograd.grad(out.sum(), x, retain_graph=True)
        del out, outer, inner, marker
        assert held() is None
    finally:
        gc.enable()


# ------------------------------------------------------------------ random numbers


@REENTRANT
@pytest.mark.parametrize("device_name", ["cpu", "readonly"])
def test_random_numbers_are_the_same_again(reentrant, device_name):
    drawn = []

    def f(x):
        noise = xg.rand(3, device=device_name)
        drawn.append(noise.tolist())
        return x * noise.to(x.device) * xg.nn.functional.dropout(x, 0.5)

    x = leaf()
    xg.manual_seed(3)
    out = checkpoint(f, x, use_reentrant=reentrant)
    after = xg.get_rng_state(device_name).tolist()
    xg.rand(5)
    between = xg.get_rng_state().tolist()
    out.sum().backward()
    assert drawn[0] == drawn[1]
    assert xg.get_rng_state().tolist() == between
    if device_name != "cpu":
        assert xg.get_rng_state(device_name).tolist() == after


@REENTRANT
def test_or_not_the_same(reentrant):
    drawn = []

    def f(x):
        drawn.append(xg.rand(3).tolist())
        return x.exp() * 2

    checkpoint(f, leaf(), use_reentrant=reentrant, preserve_rng_state=False).sum().backward()
    assert drawn[0] != drawn[1]


def test_a_device_that_is_first_used_inside(duo):  # noqa: F811 - a fixture
    drawn = []

    def f(x):
        noise = xg.rand(3, device=duo[1])
        with waiting_allowed():
            drawn.append(host(noise).tolist())
        return x.exp() * 2

    checkpoint(f, leaf(), use_reentrant=False).sum().backward()
    assert drawn[0] == drawn[1]


def test_device_states(duo):  # noqa: F811 - a fixture
    x, y = (xg.ones(2, device=d) for d in duo)
    devices, states = get_device_states(x, [{"y": y}], xg.ones(1), 3)
    assert [str(d) for d in devices] == list(duo)
    with waiting_allowed():
        one = host(xg.rand(4, device=duo[1]))
        set_device_states(devices, states)
        assert (host(xg.rand(4, device=duo[1])) == one).all()
        set_device_states([1], states[1:], device_type="duo")
        assert (host(xg.rand(4, device=duo[1])) == one).all()


# ------------------------------------------------------------------ what PyTorch says


class Changing:
    """A function that is another one when it is called again."""

    def __init__(self, *functions):
        self.functions = list(functions)

    def __call__(self, *args):
        return self.functions.pop(0)(*args)


def long(x):
    return x.exp().sin().exp()


def short(x):
    return x.exp() * 1


def fall_short(t, **options):
    x = leaf(t=t)
    t.utils.checkpoint.checkpoint(
        Changing(long, short), x, use_reentrant=False, **options
    ).sum().backward()


def go_on(t):
    x = leaf(t=t)
    t.utils.checkpoint.checkpoint(
        Changing(short, long), x, use_reentrant=False, early_stop=False
    ).sum().backward()


def change(first, second):
    def program(t):
        x = leaf(t=t)
        f = Changing(lambda x: first(t, x).sum(), lambda x: second(t, x).sum())
        t.utils.checkpoint.checkpoint(f, x, use_reentrant=False).backward()

    return program


def after_a_backward_within(t):
    def first(x):
        t.autograd.grad(x.sin().sum(), x)
        return x[:2].exp()

    def again(x):
        t.autograd.grad(x.sin().sum(), x)
        return x.exp()

    f = Changing(first, lambda x: x.sin().sum(), again)
    t.utils.checkpoint.checkpoint(f, leaf(t=t), use_reentrant=False).sum().backward()


def ask(function, **options):
    return lambda t: t.utils.checkpoint.checkpoint(function, leaf(t=t), **options)


def written_input(reentrant):
    def program(t):
        x, y = leaf(t=t), t.ones(3)
        f = t.utils.checkpoint.checkpoint(lambda x, y: x.exp() * y, x, y, use_reentrant=reentrant)
        y.add_(1)
        f.sum().backward()

    return program


def twice(reentrant):
    def program(t):
        out = t.utils.checkpoint.checkpoint(long, leaf(t=t), use_reentrant=reentrant).sum()
        out.backward()
        out.backward()

    return program


def partly(t):
    x = leaf(t=t)
    t.autograd.grad(t.utils.checkpoint.checkpoint(long, x, use_reentrant=True).sum(), x)


def with_inputs(t):
    x = leaf(t=t)
    t.utils.checkpoint.checkpoint(long, x, use_reentrant=True).sum().backward(inputs=[x])


def inside_of_partly(t):
    x = leaf(t=t)
    again = t.utils.checkpoint.checkpoint
    out = again(lambda x: again(long, x, use_reentrant=True), x, use_reentrant=True)
    t.autograd.grad(out.sum(), x)


def sequence(*args, **options):
    return lambda t: t.utils.checkpoint.checkpoint_sequential(
        [t.exp, t.sin, t.cos], *args, leaf(t=t), **options
    )


@contextlib.contextmanager
def swallowing():
    with contextlib.suppress(KeyError):
        yield


def swallow(t):
    def f(x):
        raise KeyError

    t.utils.checkpoint.checkpoint(
        f, leaf(t=t), use_reentrant=False,
        context_fn=lambda: (swallowing(), contextlib.nullcontext()),
    )  # fmt: skip


def fail(x):
    raise KeyError("of the function")


def hooks_disabled(t):
    with t.autograd.graph.disable_saved_tensors_hooks("hooks are disabled"):
        t.utils.checkpoint.checkpoint(long, leaf(t=t), use_reentrant=False)


ERRORS = {
    "fewer saved": fall_short,
    "more saved": go_on,
    "another shape": change(lambda t, x: x[:2].exp(), lambda t, x: x.exp()),
    "another dtype": change(lambda t, x: x.exp(), lambda t, x: x.to(t.float64).exp()),
    "several of another shape": change(lambda t, x: x[:2].exp().sin(), lambda t, x: x.exp().sin()),
    "another shape after a backward within": after_a_backward_within,
    "debug": lambda t: fall_short(t, debug=True),
    "debug with contexts": ask(
        long, use_reentrant=False, debug=True, context_fn=lambda: (None, None)
    ),
    "another check": ask(long, use_reentrant=False, determinism_check="exact"),
    "keywords": ask(long, use_reentrant=True, scale=1, more=2),
    "debug with reentrance": ask(long, use_reentrant=True, debug=True),
    "contexts with reentrance": ask(long, use_reentrant=True, context_fn=lambda: (None, None)),
    "the function fails": ask(fail, use_reentrant=False),
    "the function fails, reentrant": ask(fail, use_reentrant=True),
    "a context swallows the failure": swallow,
    "input written to": written_input(False),
    "input written to, reentrant": written_input(True),
    "second backward": twice(False),
    "second backward, reentrant": twice(True),
    "reentrance and grad": partly,
    "reentrance and inputs": with_inputs,
    "reentrance in reentrance and grad": inside_of_partly,
    "no result requires grad": lambda t: (
        ask(lambda x: x.detach().exp(), use_reentrant=True)(t).sum().backward()
    ),
    "no tuple": lambda t: t.utils.checkpoint.detach_variable([leaf(t=t)]),
    "too many segments": sequence(4, use_reentrant=False),
    "no segments": sequence(0, use_reentrant=False),
    "other keywords of a sequence": sequence(2, use_reentrant=False, debug=True),
    "hooks disabled": hooks_disabled,
}


@pytest.mark.oracle
@pytest.mark.parametrize("name", ERRORS)
def test_errors_are_pytorchs(torch, name):
    found = {}
    for t in (torch, xg):
        with pytest.raises(Exception) as caught:  # noqa: PT011 - compared below
            ERRORS[name](t)
        found[t] = caught.value
    if isinstance(found[torch], torch.utils.checkpoint.CheckpointError):
        assert isinstance(found[xg], CheckpointError)
        theirs = str(found[torch]).partition("\nTip:")[0].replace("torch.", "xpgrad.").strip()
        if name == "debug":  # the logs are each one's own
            theirs = "\n".join(theirs.splitlines()[:2])
        assert str(found[xg]).startswith(theirs)
    else:
        check_error(found[torch], found[xg])


def test_fewer_or_more_of_no_concern():
    """As in PyTorch: stopped early, nobody sees what would have come."""
    x = leaf()
    checkpoint(Changing(short, long), x, use_reentrant=False).sum().backward()
    close(x.grad, x.exp())


def test_the_check_can_be_switched_off():
    x = leaf()
    f = Changing(lambda x: x.exp(), lambda x: x.to(xg.float64).exp())
    checkpoint(f, x, use_reentrant=False, determinism_check="none").sum().backward()
    close(x.grad, x.exp())


def test_debug_tells_what_was_saved_where():
    x = leaf()
    with set_checkpoint_debug_enabled(True):
        out = checkpoint(Changing(long, short), x, use_reentrant=False)
    with pytest.raises(CheckpointError) as caught:
        out.sum().backward()
    text = str(caught.value)
    found = re.findall(r"^(\w+): (\S+) \[3\] on cpu   \((\d) of (\d) in (\w+)\)$", text, re.M)
    assert found == [
        ("ExpBackward0", "xpgrad.float32", "1", "3", "original"),
        ("SinBackward0", "xpgrad.float32", "2", "3", "original"),
        ("ExpBackward0", "xpgrad.float32", "3", "3", "original"),
        ("ExpBackward0", "xpgrad.float32", "1", "1", "recompute"),
    ]
    assert "return x.exp().sin().exp()" in text
    assert "Detected non-determinism while running activation checkpointing" in text
    with set_checkpoint_debug_enabled(False):
        out = checkpoint(Changing(long, short), x, use_reentrant=False, debug=True)
    with pytest.raises(CheckpointError, match="A different number of tensors was saved"):
        out.sum().backward()


def test_after_an_error_one_may_try_again():
    x = leaf()
    out = checkpoint(Changing(long, short, long), x, use_reentrant=False).sum()
    with pytest.raises(CheckpointError):
        out.backward(retain_graph=True)
    out.backward()
    close(x.grad, long(x) * x.exp().cos() * x.exp())


WARNINGS = {
    "not said": lambda t: t.utils.checkpoint.checkpoint(long, leaf(t=t)),
    "not said of a sequence": sequence(2),
    "no input requires grad": lambda t: t.utils.checkpoint.checkpoint(
        long, t.ones(3), use_reentrant=True
    ),
    "nothing to say": lambda t: t.utils.checkpoint.checkpoint(long, t.ones(3), use_reentrant=False),
}


@pytest.mark.oracle
@pytest.mark.parametrize("name", WARNINGS)
def test_warnings_are_pytorchs(torch, name):
    found = {}
    for t in (torch, xg):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            out = WARNINGS[name](t)
        found[t] = [(w.category, str(w.message)) for w in caught]
        found[t].append(out.grad_fn and out.grad_fn.name())
    expected = [
        w if not isinstance(w, tuple) else (w[0], w[1].replace("torch.", "xpgrad."))
        for w in found[torch]
    ]
    assert found[xg] == expected


@pytest.mark.oracle
def test_signatures_are_pytorchs(torch):
    import inspect

    ours, theirs = xg.utils.checkpoint, torch.utils.checkpoint
    for name in ours.__all__:
        if not inspect.isfunction(getattr(ours, name)):
            continue
        found = [
            [(p.name, p.kind) for p in inspect.signature(getattr(m, name)).parameters.values()]
            for m in (ours, theirs)
        ]
        assert found[0] == found[1], name


# ------------------------------------------------------------------ in a row


@REENTRANT
@pytest.mark.parametrize("segments", [1, 2, 3, 4, 5])
def test_a_sequence(reentrant, segments):
    xg.manual_seed(0)
    model = xg.nn.Sequential(*(xg.nn.Linear(3, 3) for _ in range(5)))
    x = xg.rand(2, 3, requires_grad=True)
    calls = [0] * 5
    for i, layer in enumerate(model):
        layer.register_forward_hook(lambda *_, i=i: calls.__setitem__(i, calls[i] + 1))
    model(x).exp().sum().backward()
    plain = [p.grad for p in (x, *model.parameters())]
    for functions in (model, list(model)):
        x.grad = None
        model.zero_grad()
        calls[:] = [0] * 5
        with set_checkpoint_early_stop(False):
            out = checkpoint_sequential(functions, segments, x, use_reentrant=reentrant)
        out.exp().sum().backward()
        for p, g in zip((x, *model.parameters()), plain, strict=True):
            close(p.grad, g)
        again = (segments - 1) * (5 // segments)
        assert calls == [2] * again + [1] * (5 - again)


# ------------------------------------------------------------------ around


def test_it_is_imported_when_first_used():
    code = (
        "import sys, xpgrad; assert 'xpgrad.utils' not in sys.modules; "
        "xpgrad.utils.checkpoint.checkpoint"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_detached_variables():
    x = leaf() * 2
    one, two, three = detach_variable((x, x.detach(), 3))
    assert one.is_leaf
    assert one.requires_grad
    assert not two.requires_grad
    assert three == 3


def test_hooks_disabled_says_so():
    with disable_saved_tensors_hooks("not here"), pytest.raises(GradientError, match="not here"):
        checkpoint(long, leaf(), use_reentrant=False)


# ------------------------------------------------------------------ selective checkpoints


def counted(monkeypatch, *names):
    """How often ops run from now on, where nobody keeps their results."""
    runs = dict.fromkeys(names, 0)
    for name in names:
        op = OPS[name]
        before = op.forward

        def forward(*args, name=name, before=before, **settings):
            runs[name] += 1
            return before(*args, **settings)

        monkeypatch.setattr(op, "forward", forward)
    return runs


@pytest.mark.parametrize(
    ("what", "again"),
    [
        ([], ["exp", "sin"]),
        (["exp"], ["sin"]),
        ([ops.exp, "sin"], []),
        (lambda ctx, name, *a, **k: CheckpointPolicy.MUST_CPU_OFFLOAD, []),
        (lambda ctx, name, *a, **k: bool((ctx.op_output.exp().sin() * 0).sum() == 0), []),
    ],
)
def test_what_is_kept_is_not_computed_again(monkeypatch, what, again):
    x = xg.tensor([0.5, 1.0], requires_grad=True)
    keep = functools.partial(create_selective_checkpoint_contexts, what)
    y = checkpoint(lambda x: x.exp().sin().cos(), x, use_reentrant=False, context_fn=keep)
    runs = counted(monkeypatch, "exp", "sin")
    (g,) = xg.autograd.grad(y.sum(), x)
    monkeypatch.undo()
    # A context makes ops ask what is to be done; otherwise they call a forward of their own.
    assert runs == {name: int(name in again) for name in ("exp", "sin")}
    (expected,) = xg.autograd.grad(x.exp().sin().cos().sum(), x)
    assert g.tolist() == expected.tolist()


def test_selective_contexts_are_gone_afterwards():
    plain = Namespace.run, Namespace.guard
    x = xg.ones(2, requires_grad=True)

    def f(x):
        assert Namespace.run is not plain[0]
        return x.exp()

    keep = functools.partial(create_selective_checkpoint_contexts, ["exp"])
    checkpoint(f, x, use_reentrant=False, context_fn=keep).sum().backward()
    assert (Namespace.run, Namespace.guard) == plain
    with pytest.raises(ZeroDivisionError):
        checkpoint(lambda x: 1 / 0, x, use_reentrant=False, context_fn=keep)
    assert (Namespace.run, Namespace.guard) == plain


def test_another_thread_knows_nothing_of_a_selective_context():
    x = xg.ones(2, requires_grad=True)
    asked, found = [], []

    def policy(ctx, name, *inputs, **settings):
        asked.append(name)
        return True

    def f(x):
        thread = threading.Thread(target=lambda: found.append((xg.ones(2) * 3).sin().sum().item()))
        thread.start()
        thread.join()
        return x.exp()

    keep = functools.partial(create_selective_checkpoint_contexts, policy)
    checkpoint(f, x, use_reentrant=False, context_fn=keep)
    assert asked == ["exp"]
    assert found == [pytest.approx(2 * math.sin(3))]


@pytest.mark.parametrize(
    ("again", "message"),
    [
        (lambda x: x.sin(), "sin encountered during backward but not found in storage"),
        (lambda x: x.exp().exp(), "exp invocation index 1 encountered during backward but not fo"),
    ],
)
def test_a_function_that_does_something_else_the_second_time(again, message):
    x = xg.ones(2, requires_grad=True)
    programs = iter([lambda x: x.exp(), again])
    keep = functools.partial(create_selective_checkpoint_contexts, [])
    y = checkpoint(
        lambda x: next(programs)(x), x, use_reentrant=False, context_fn=keep, early_stop=False
    )
    with pytest.raises(xg.errors.GradientError, match=message):
        y.sum().backward()


def test_what_no_op_is_called_cannot_be_kept():
    with pytest.raises(ValueError, match="to be the name of an op"):
        create_selective_checkpoint_contexts(["no such op"])
