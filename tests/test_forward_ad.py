"""Forward mode by hand: against PyTorch, on every namespace, and what outlives a level."""

import gc
import threading
import warnings
import weakref

import numpy as np
import pytest

import xpgrad as xg
import xpgrad.autograd.forward_ad as fw
from namespaces import host, tensor
from xpgrad import func, nn
from xpgrad.errors import DeviceError, GradientError
from xpgrad.registry import resolve

# ------------------------------------------------------------------ programs for both libraries


def forward_ad(t):
    """The module of either library."""
    if t is xg:
        return fw
    import torch.autograd.forward_ad

    return torch.autograd.forward_ad


def plain(value, t):
    """A value without its library."""
    if isinstance(value, t.Tensor):
        tangent = None
        if forward_ad(t)._local.level if t is xg else forward_ad(t)._current_level >= 0:
            tangent = forward_ad(t).unpack_dual(value).tangent
        shown = value.detach()
        return (
            "Tensor",
            shown.tolist(),
            value.requires_grad,
            None if tangent is None else plain(tangent, t),
        )
    if isinstance(value, (tuple, list)):
        return [plain(v, t) for v in value]
    return value if isinstance(value, (bool, int, float, type(None))) else str(value)


def outcome(program, t):
    """What a program gives, or raises, within a level."""
    F = forward_ad(t)
    x, v = t.tensor([0.5, -1.0, 2.0]), t.tensor([1.0, 10.0, 100.0])
    p = t.tensor([0.5, -1.0, 2.0], requires_grad=True)
    w = t.tensor([3.0, 4.0, 5.0], requires_grad=True)
    try:
        with warnings.catch_warnings(), F.dual_level():
            warnings.simplefilter("ignore")  # PyTorch's own, of its own machinery
            return plain(program(t, F, x, v, p, w), t)
    except Exception as error:
        return error


def close(a, b):
    if isinstance(a, (tuple, list)) and isinstance(b, (tuple, list)):
        return len(a) == len(b) and all(map(close, a, b))
    if isinstance(a, float) and isinstance(b, float):
        return bool(np.isclose(a, b, rtol=1e-5, atol=1e-6))
    return type(a) is type(b) and a == b


def f(t, x):
    return (t.sin(x) * x**3).cumsum(0)


def values(tensors):
    """Without tangents: PyTorch's gradients of tangents have some that mean nothing."""
    return [t.tolist() for t in tensors]


def written(y, index, value):
    y[index] = value
    return y


PROGRAMS = {
    "a tangent": lambda t, F, x, v, p, w: f(t, F.make_dual(x, v)),
    "unpacked": lambda t, F, x, v, p, w: F.unpack_dual(f(t, F.make_dual(x, v))),
    "unpacked without": lambda t, F, x, v, p, w: F.unpack_dual(x),
    "unpacked, no level meant": lambda t, F, x, v, p, w: F.unpack_dual(x, level=-1),
    "level 0 by name": lambda t, F, x, v, p, w: F.unpack_dual(
        F.make_dual(x, v, level=0), level=0
    ),
    "with what has none": lambda t, F, x, v, p, w: F.make_dual(x, v) * x + x,
    "of two": lambda t, F, x, v, p, w: F.make_dual(x, v) * F.make_dual(v, x),
    "integers have none": lambda t, F, x, v, p, w: F.make_dual(x, v).long(),
    "comparisons have none": lambda t, F, x, v, p, w: F.make_dual(x, v) > 0,
    "positions have none": lambda t, F, x, v, p, w: list(F.make_dual(x, v).sort()),
    "detach": lambda t, F, x, v, p, w: F.make_dual(x, v).detach() * x,
    "data": lambda t, F, x, v, p, w: F.make_dual(x, v).data * x,
    "clone": lambda t, F, x, v, p, w: F.make_dual(x, v).clone(),
    "views": lambda t, F, x, v, p, w: F.make_dual(x, v)[1:].reshape(2, 1).t(),
    "no_grad keeps tangents": lambda t, F, x, v, p, w: t.no_grad()(
        lambda: F.make_dual(p, v) * 2
    )(),
    "inference mode does not": lambda t, F, x, v, p, w: F.unpack_dual(
        t.inference_mode()(lambda: F.make_dual(x, v) * 2)()
    ).tangent,
    "numbers": lambda t, F, x, v, p, w: [
        F.make_dual(x, v).sum().item(),
        F.make_dual(x, v).tolist(),
        bool(F.make_dual(x, v)[0] > 0),
        len(F.make_dual(x, v)),
    ],
    "printed": lambda t, F, x, v, p, w: [
        repr(F.make_dual(x, v)),
        repr(F.make_dual(p, v)),
        repr(F.make_dual(x, v).detach()),
        repr(F.make_dual(x.double() * 1000, v.double())),
    ],
    "of a double tangent": lambda t, F, x, v, p, w: str(
        F.unpack_dual(F.make_dual(x, v.double())).tangent.dtype
    ),
    "complex": lambda t, F, x, v, p, w: t.view_as_real(
        F.make_dual(x * (1 + 1j), v * 1j) ** 2
    ),
    "the tangent is the one given": lambda t, F, x, v, p, w: F.unpack_dual(
        F.make_dual(x, v)
    ).tangent is v,
    # the graph
    "a history": lambda t, F, x, v, p, w: [
        F.make_dual(p, v).requires_grad,
        F.make_dual(p, v).is_leaf,
        F.make_dual(p, v).grad_fn.name(),
        F.make_dual(x, v).is_leaf,
        F.make_dual(x, v).requires_grad,
        (F.make_dual(p, v) * w).grad_fn.next_functions[1][0].name().endswith("AccumulateGrad"),
    ],
    "reverse over forward": lambda t, F, x, v, p, w: values(
        t.autograd.grad(F.unpack_dual(f(t, F.make_dual(p, v))).tangent.sum(), p)
    ),
    "reverse over forward, by what has no tangent": lambda t, F, x, v, p, w: values(
        t.autograd.grad(F.unpack_dual(f(t, F.make_dual(p, v)) * w).tangent.sum(), (p, w))
    ),
    "reverse over forward, by the tangent": lambda t, F, x, v, p, w: t.autograd.grad(
        F.unpack_dual(f(t, F.make_dual(x, w))).tangent.sum(), w
    ),
    "a tangent that requires a gradient": lambda t, F, x, v, p, w: [
        F.make_dual(x, w).requires_grad,
        F.unpack_dual(F.make_dual(x, w) * 2).tangent.requires_grad,
    ],
    "forward over reverse": lambda t, F, x, v, p, w: t.autograd.grad(
        f(t, d := F.make_dual(p, v)).sum(), d, create_graph=True
    ),
    "forward over reverse, by the leaf": lambda t, F, x, v, p, w: t.autograd.grad(
        f(t, F.make_dual(p, v)).sum(), p
    ),
    "forward over reverse, mixed": lambda t, F, x, v, p, w: t.autograd.grad(
        (f(t, F.make_dual(p, v)) * w**2).sum(), (p, w)
    ),
    "forward over reverse of what is given": lambda t, F, x, v, p, w: t.autograd.grad(
        f(t, d := F.make_dual(p, v)), d, F.make_dual(x, v)
    ),
    "reverse over forward over reverse": lambda t, F, x, v, p, w: values(
        t.autograd.grad(
            F.unpack_dual(
                t.autograd.grad((f(t, d := F.make_dual(p, v)) * w).sum(), d, create_graph=True)[0]
            ).tangent.sum(),
            (p, w),
        )
    ),
    "second order with tangents": lambda t, F, x, v, p, w: t.autograd.grad(
        t.autograd.grad(f(t, d := F.make_dual(p, v)).sum(), d, create_graph=True)[0].sum(), d
    ),
    "several results": lambda t, F, x, v, p, w: t.autograd.grad(
        sum(part.prod() for part in (F.make_dual(p, v) * w).split(2)), (p, w)
    ),
    "backward": lambda t, F, x, v, p, w: [
        f(t, F.make_dual(p, v)).sum().backward(),
        p.grad,
    ],
    "backward, to a leaf that has no tangent": lambda t, F, x, v, p, w: [
        (F.make_dual(x, v) * w).sum().backward(),
        w.grad,
    ],
    "a leaf of the level": lambda t, F, x, v, p, w: [
        d := F.make_dual(x, v).requires_grad_(),
        d.is_leaf,
        (d**3).sum().backward(),
        d.grad,
        t.autograd.grad((d**3).sum(), d),
    ],
    "hooks": lambda t, F, x, v, p, w: [
        d := F.make_dual(p, v),
        d.register_hook(lambda g: g * d) and None,
        t.autograd.grad((d**2).sum(), p),
    ],
    "made dual again": lambda t, F, x, v, p, w: t.autograd.grad(
        (F.make_dual(F.make_dual(p, v).detach() * w, v) ** 2).sum(), w
    ),
    # writes
    "into a new tensor": lambda t, F, x, v, p, w: written(
        t.zeros(4), slice(1, None), F.make_dual(x, v)
    ),
    "into what was there": lambda t, F, x, v, p, w: x.mul_(F.make_dual(v, x.clone())),
    "views of what was written": lambda t, F, x, v, p, w: [
        y := t.zeros(3),
        z := y[1:],
        y.copy_(F.make_dual(x, v)) is y,
        z,
        z.add_(F.make_dual(x, v)[0]) is z,
        y,
    ],
    "by a mask": lambda t, F, x, v, p, w: written(x.clone(), x > 0, F.make_dual(v, v)[:2]),
    "into one with a history": lambda t, F, x, v, p, w: [
        y := w * 2,
        y.mul_(F.make_dual(x, v)) is y,
        t.autograd.grad(y.sum(), w),
    ],
    "filled": lambda t, F, x, v, p, w: t.zeros(2).fill_(F.make_dual(x, v).sum()),
    # transforms
    "grad": lambda t, F, x, v, p, w: t.func.grad(lambda y: f(t, y).sum())(F.make_dual(x, v)),
    "grad of what is captured": lambda t, F, x, v, p, w: [
        d := F.make_dual(x, v), t.func.grad(lambda y: (y * d**2).sum())(x)
    ],
    "vmap": lambda t, F, x, v, p, w: t.vmap(lambda y: t.sin(y) * y)(F.make_dual(x, v)),
    "vmap of grad": lambda t, F, x, v, p, w: t.vmap(t.func.grad(lambda y: t.sin(y) * y))(
        F.make_dual(x, v)
    ),
    "vmap, captured": lambda t, F, x, v, p, w: [
        d := F.make_dual(x, v), t.vmap(lambda y: (y * d).sum())(v)
    ],
    "jacrev": lambda t, F, x, v, p, w: t.func.jacrev(lambda y: f(t, y))(F.make_dual(x, v)),
    # errors
    "a tangent of another shape": lambda t, F, x, v, p, w: F.make_dual(x, v[:2]),
    "an integer": lambda t, F, x, v, p, w: F.make_dual(t.tensor([1, 2, 3]), v),
    "an integer tangent": lambda t, F, x, v, p, w: F.make_dual(x, t.tensor([1, 2, 3])),
    "twice": lambda t, F, x, v, p, w: F.make_dual(F.make_dual(x, v), v),
    "a tangent with a tangent": lambda t, F, x, v, p, w: F.make_dual(x, F.make_dual(v, v)),
    "nested": lambda t, F, x, v, p, w: F.enter_dual_level(),
    "another level": lambda t, F, x, v, p, w: F.make_dual(x, v, level=1),
    "no level": lambda t, F, x, v, p, w: F.make_dual(x, v, level=-1),
    "unpacked from another level": lambda t, F, x, v, p, w: F.unpack_dual(
        F.make_dual(x, v), level=1
    ),
    "unpacked, no tensor": lambda t, F, x, v, p, w: F.unpack_dual(1.0),
    "the wrong exit": lambda t, F, x, v, p, w: F.exit_dual_level(level=1),
    "no gradient": lambda t, F, x, v, p, w: F.make_dual(x, v).sum().backward(),
}  # fmt: skip


@pytest.mark.oracle
@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_pytorch(program):
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
    expected, found = outcome(program, torch), outcome(program, xg)
    if isinstance(expected, Exception):
        assert isinstance(found, type(expected)), found
        assert str(expected).replace("torch.", "xpgrad.").split(" (Could")[0] in str(found)
        return
    if isinstance(found, Exception):
        raise found
    expected = eval(repr(expected).replace("torch.", "xpgrad."))
    assert close(found, expected), f"\nxpgrad:  {found}\nPyTorch: {expected}"


# ------------------------------------------------------------------ levels


@pytest.mark.oracle
@pytest.mark.parametrize(
    "program",
    [
        lambda F, x: F.make_dual(x, x),
        lambda F, x: F.exit_dual_level(),
        lambda F, x: F.exit_dual_level(level=0),
        lambda F, x: F.unpack_dual(x),
    ],
)
def test_outside_of_a_level(program):
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
    outcomes = []
    for t in (torch, xg):
        try:
            outcomes.append(str(program(forward_ad(t), t.ones(2))))
        except RuntimeError as error:
            outcomes.append(str(error))
    assert outcomes[0] == outcomes[1]


def test_a_level_ends_after_an_error():
    with pytest.raises(ZeroDivisionError), fw.dual_level():
        1 / 0
    assert fw.enter_dual_level() == 0
    fw.exit_dual_level()


def test_as_decorator():
    @fw.dual_level()
    def derivative(function, x):
        return fw.unpack_dual(function(fw.make_dual(x, xg.ones_like(x)))).tangent

    assert derivative(lambda x: x**3, xg.tensor([1.0, 2.0])).tolist() == [3.0, 12.0]
    assert derivative(xg.sin, xg.tensor(0.0)).item() == 1.0


def test_levels_are_of_a_thread():
    seen = []

    def other():
        with pytest.raises(GradientError, match="no level exists"):
            fw.make_dual(xg.ones(1), xg.ones(1))
        with fw.dual_level():
            seen.append(fw.unpack_dual(fw.make_dual(xg.ones(1), xg.ones(1)) * 2).tangent.item())

    with fw.dual_level():
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        fw.make_dual(xg.ones(1), xg.ones(1))
    assert seen == [2.0]


def test_no_tensors():
    with fw.dual_level():
        with pytest.raises(TypeError, match="the primal must be a Tensor, not float"):
            fw.make_dual(1.0, xg.ones(1))
        with pytest.raises(TypeError, match="the tangent must be a Tensor, not NoneType"):
            fw.make_dual(xg.ones(1), None)


def test_two_devices():
    with fw.dual_level(), pytest.raises(DeviceError, match=r"strict:0.*cpu"):
        fw.make_dual(tensor(resolve("strict:0"), np.ones(1)), xg.ones(1))


# ------------------------------------------------------------------ what outlives a level


def dual_and_more(x):
    """Of a level that has ended: a dual tensor, a view, a result and one that was written to."""
    with fw.dual_level():
        d = fw.make_dual(x, xg.ones(3))
        y = xg.zeros(3)
        y.copy_(d)
        return d, d[1:], d * x, y


def test_tensors_become_their_primals():
    x = xg.tensor([1.0, 2.0, 3.0])
    for t in dual_and_more(x):
        assert "tangent" not in repr(t)
        assert fw.unpack_dual(t) == (t, None)
        assert t._ns is x._ns
        with fw.dual_level():
            assert fw.unpack_dual(t).tangent is None
            again = fw.make_dual(t, t)
            assert fw.unpack_dual(again).tangent.tolist() == t.tolist()
            assert fw.unpack_dual(again * t).tangent.tolist() == (t * t).tolist()


@pytest.mark.parametrize(
    "use",
    [
        lambda t: t + 1,
        lambda t: xg.stack([t, t]),
        lambda t: t[0],
        lambda t: t.clone().add_(t),
        lambda t: xg.zeros(t.shape).copy_(t),
        lambda t: t.detach(),
        lambda t: xg.vmap(lambda a: a * 2)(t),
        lambda t: xg.vmap(lambda a, b: a * b, (0, None))(xg.ones(2), t),
        lambda t: func.grad(lambda a: (a * t).sum())(t),
        lambda t: func.jvp(lambda a: a * t, (t,), (t,)),
        lambda t: func.jacfwd(lambda a: a * t)(t),
        lambda t: nn.Parameter(t) * 2,
        lambda t: t.mul_(2),
    ],
)
def test_use_after_the_end(use):
    x = xg.tensor([1.0, 2.0, 3.0])
    for i, known in enumerate((x, x[1:], x * x, x)):
        found, expected = use(dual_and_more(x.clone())[i]), use(known.clone())
        found, expected = (v if isinstance(v, tuple) else (v,) for v in (found, expected))
        for a, b in zip(found, expected, strict=True):
            a = a * 1
            assert a.tolist() == b.tolist()
            assert a._ns is x._ns


def test_a_history_outlives_the_level():
    p, w = xg.ones(3, requires_grad=True), xg.ones(3, requires_grad=True)
    with fw.dual_level():
        d = fw.make_dual(p, xg.ones(3))
        y = d * 2 * w
    y.sum().backward()
    assert p.grad.tolist() == w.grad.tolist() == [2.0] * 3
    assert not d.is_leaf
    assert d.grad_fn.name() == "ViewBackward0"
    (g,) = xg.autograd.grad((d**2).sum(), d)
    assert g.tolist() == [2.0] * 3
    d.sum().backward()
    assert p.grad.tolist() == [3.0] * 3


def test_gradients_have_no_tangents():
    p = xg.ones(2, requires_grad=True)
    with fw.dual_level():
        for _ in range(2):
            (fw.make_dual(p, xg.ones(2)) ** 2).sum().backward()
        assert fw.unpack_dual(p.grad) == (p.grad, None)
    assert p.grad.tolist() == [4.0, 4.0]
    assert not p.grad.requires_grad
    assert p.grad._ns is p._ns
    xg.optim.SGD([p], lr=0.5).step()
    assert p.tolist() == [-1.0, -1.0]


def test_gradients_of_create_graph_have():
    p = xg.ones(2, requires_grad=True)
    with fw.dual_level():
        y = (fw.make_dual(p, xg.ones(2)) ** 2).sum()
        with pytest.warns(UserWarning, match="reference cycle"):
            y.backward(create_graph=True)
        assert fw.unpack_dual(p.grad).tangent.tolist() == [2.0, 2.0]
        tangent = fw.unpack_dual(p.grad).tangent
        assert not tangent.requires_grad
    (g,) = xg.autograd.grad(p.grad.sum(), p)
    assert g.tolist() == [2.0, 2.0]
    p.grad = None


def test_a_leaf_of_the_level_outlives_it_as_a_leaf():
    with fw.dual_level():
        d = fw.make_dual(xg.ones(2), xg.ones(2)).requires_grad_()
        y = d * 2
        y.sum().backward()
        d.grad = d.grad * 1
    assert d.is_leaf
    (d * 3).sum().backward()
    assert d.grad.tolist() == [5.0, 5.0]
    assert d.grad._ns is d._ns
    with pytest.raises(GradientError, match="inside a dual level that has ended"):
        y.sum().backward()


def test_nothing_else_is_of_the_level():
    with fw.dual_level():
        made = [xg.zeros(2), xg.rand(2), nn.Linear(2, 2).weight, xg.tensor([1.0]), xg.arange(3)]
        made += [nn.functional.dropout(xg.ones(2)), xg.ones(2) * 2]
    assert all(t._ns.depth == 0 for t in made)


def test_a_written_tensor_leaves_other_memory_alone():
    """Unlike in PyTorch: see the README."""
    x, memory = xg.ones(2), np.zeros(2, np.float32)
    shared = xg.from_numpy(memory)
    with fw.dual_level():
        fw.make_dual(x, xg.ones(2)).mul_(3)
        shared.add_(fw.make_dual(x, xg.ones(2)))
    assert x.tolist() == shared.tolist() == [1.0, 1.0]
    assert memory.tolist() == [0.0, 0.0]


def test_a_leaf_takes_no_tangents():
    p = xg.ones(2, requires_grad=True)
    with fw.dual_level(), xg.no_grad(), pytest.raises(GradientError, match="a leaf Variable"):
        p.add_(fw.make_dual(xg.ones(2), xg.ones(2)))
    assert p.tolist() == [1.0, 1.0]
    assert p.is_leaf


def test_memory_is_freed():
    gc.collect()
    gc.disable()
    try:
        p = xg.ones(2, requires_grad=True)
        with fw.dual_level():
            d = fw.make_dual(p, xg.ones(2))
            y = (d * p) ** 2
            (g,) = xg.autograd.grad(y.sum(), d, create_graph=True)
            kept = [weakref.ref(t) for t in (d, y, g, fw.unpack_dual(y).tangent)]
            del d, y, g
        assert [ref() for ref in kept] == [None] * 4
    finally:
        gc.enable()


# ------------------------------------------------------------------ with transforms


def test_within_transforms():
    """PyTorch has no batched make_dual, and no levels within jvp or around it."""

    def derivative(x, v):
        with fw.dual_level():
            return fw.unpack_dual(fw.make_dual(x, v) ** 3).tangent

    x, v = xg.tensor([1.0, 2.0]), xg.tensor([1.0, 10.0])
    assert xg.vmap(derivative)(x, v).tolist() == [3.0, 120.0]
    assert func.grad(lambda x: derivative(x, v).sum())(x).tolist() == [6.0, 120.0]
    assert func.jvp(lambda x: derivative(x, v), (x,), (v,))[1].tolist() == [6.0, 1200.0]
    with fw.dual_level():
        d = fw.make_dual(x, v)
        y, change = func.jvp(lambda a: a * d**2, (x,), (v,))
        assert fw.unpack_dual(y).tangent.tolist() == [2.0, 80.0]
        assert change.tolist() == [1.0, 40.0]
        assert fw.unpack_dual(change).tangent.tolist() == [2.0, 400.0]


def test_not_in_a_function_that_is_mapped():
    with fw.dual_level():
        d = fw.make_dual(xg.ones(2), xg.ones(2))
        with pytest.raises(GradientError, match="outside of vmap"):
            xg.vmap(lambda x: fw.unpack_dual(x).tangent)(d)
        with pytest.raises(GradientError, match="outside of vmap"):
            xg.vmap(lambda x: fw.make_dual(x, x))(xg.ones(2))


def test_module_with_dual_parameters():
    xg.manual_seed(0)
    model, x = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)), xg.randn(5, 3)
    parameters = dict(model.named_parameters())
    tangents = {name: xg.randn(p.shape) for name, p in parameters.items()}
    with fw.dual_level():
        duals = {name: fw.make_dual(p, tangents[name]) for name, p in parameters.items()}
        out = func.functional_call(model, duals, x)
        found = fw.unpack_dual(out).tangent
    call = lambda p: func.functional_call(model, p, x)
    expected = func.jvp(call, (parameters,), (tangents,))[1]
    assert np.allclose(found.detach().numpy(), expected.detach().numpy(), atol=1e-6)


# ------------------------------------------------------------------ on every namespace


def test_every_namespace(ns):
    values = np.array([0.5, -1.0, 2.0], np.float32)
    x, p = tensor(ns, values), tensor(ns, values, requires_grad=True)
    v = tensor(ns, np.array([1.0, 10.0, 100.0], np.float32))
    with fw.dual_level():
        d = fw.make_dual(p, v)
        y = (d**3).sum() * d
        tangent = fw.unpack_dual(y).tangent
        expected = 3 * x**2 * v
        assert np.allclose(
            host(tangent.detach()), host(expected.sum() * x + (x**3).sum() * v), rtol=1e-5
        )
        (g,) = xg.autograd.grad((d**3).sum(), d)
        assert np.allclose(host(fw.unpack_dual(g).tangent), host(6 * x * v), rtol=1e-5)
        (g,) = xg.autograd.grad(fw.unpack_dual((d**3).sum()).tangent, p)
        assert np.allclose(host(g), host(6 * x * v), rtol=1e-5)
        z = xg.zeros_like(x)
        z[1:] = d[1:]
        assert host(fw.unpack_dual(z).tangent.detach()).tolist() == [0.0, 10.0, 100.0]
        (d**2).sum().backward()
    assert np.allclose(host(p.grad), host(2 * x))
    assert np.allclose(host((z * 2).detach()), [0.0, -2.0, 4.0])
    z.add_(1)
    assert np.allclose(host(z.detach()), [1.0, 0.0, 3.0])


@pytest.mark.parametrize("lifted", [False, True])
def test_writing_to_what_a_level_saved(lifted):
    x, w = xg.ones(3), xg.ones(3).requires_grad_()
    with fw.dual_level():
        if lifted:  # a Tensor from outside, met by a dual
            y = fw.make_dual(w, xg.ones(3)) * x
        else:
            y = w * fw.make_dual(x, xg.ones(3))[:2].sum() * fw.make_dual(x, xg.ones(3))
        y.sum().backward(retain_graph=True)
        x.mul_(2)  # nobody but Tensors holds the array, and one of them is saved
        with pytest.raises(GradientError, match="at version 1; expected version 0"):
            y.sum().backward()
    with pytest.raises(GradientError, match="at version 1; expected version 0"):
        y.sum().backward()
