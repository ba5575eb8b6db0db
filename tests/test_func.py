"""The transforms: against PyTorch's, against loops and reverse mode on every namespace, and nested.

How single ops behave under them is in test_vmap.py and test_forward.py.
"""

import threading
import warnings

import numpy as np
import pytest

import xpgrad as xg
from xpgrad import func
from xpgrad.errors import GradientError

RNG = np.random.default_rng(0)
M, V, W = RNG.normal(size=(4, 3)), RNG.normal(size=3), RNG.normal(size=(3, 2))


def leaves(tree):
    """The arrays of a nested result, in order."""
    if isinstance(tree, dict):
        return [leaf for key in tree for leaf in leaves(tree[key])]
    if isinstance(tree, (tuple, list)):
        return [leaf for part in tree for leaf in leaves(part)]
    return [np.asarray(tree.detach().cpu().numpy())]


# ------------------------------------------------------------------ against PyTorch


def f(t):
    return lambda v: (t.sin(v) * v**2).sum()


def net(t):
    return lambda w: t.tanh(t.asarray(M) @ w)


def written(t, y, i, value):
    y[i] = value
    return y


PROGRAMS = {
    "grad": lambda t, F, c: F.grad(f(t))(c(V)),
    "grad of grad": lambda t, F, c: F.grad(lambda v: F.grad(f(t))(v).sum())(c(V)),
    "third derivative": lambda t, F, c: F.grad(F.grad(F.grad(lambda v: t.sin(v) * v)))(c(V[0])),
    "grad by two": lambda t, F, c: F.grad(lambda a, b: (a * b).sum(), argnums=(1, 0))(c(V), c(V)),
    "grad by the last": lambda t, F, c: F.grad(lambda a, b: (a * b**2).sum(), -1)(c(V), c(V)),
    "grad of a tree": lambda t, F, c: F.grad(lambda d: (d["a"] * d["b"][0]).sum())(
        {"a": c(V), "b": [c(V), c(M)]}
    ),
    "grad, aux": lambda t, F, c: F.grad(lambda v: (v.sum(), {"s": v * 2}), has_aux=True)(c(V)),
    "grad and value": lambda t, F, c: F.grad_and_value(f(t))(c(V)),
    "grad of what is unused": lambda t, F, c: F.grad(lambda a, b: a.sum(), 1)(c(V), c(M)),
    "grad, keyword": lambda t, F, c: F.grad(lambda v, *, k: (v * k).sum())(c(V), k=3.0),
    "perturbations apart": lambda t, F, c: F.grad(
        lambda x: x * F.grad(lambda y: x + y)(t.asarray(1.0, dtype=t.float64))
    )(c(V[0])),
    "perturbations apart, forward": lambda t, F, c: F.jvp(
        lambda x: x * F.jvp(lambda y: x + y, (c(V[1]),), (c(1.0),))[1], (c(V[0]),), (c(1.0),)
    ),
    "vjp": lambda t, F, c: F.vjp(net(t), c(W))[1](t.ones(4, 2, dtype=t.float64)),
    "vjp of a tree": lambda t, F, c: F.vjp(lambda a, b: {"s": a * b, "t": a.sum()}, c(V), c(V))[1](
        {"s": c(V), "t": c(2.0)}
    ),
    "vjp, aux": lambda t, F, c: F.vjp(lambda v: (v * 2, v.sum()), c(V), has_aux=True)[2],
    "vmap of vjp": lambda t, F, c: F.vmap(F.vjp(lambda v: t.sin(v) * v, c(V))[1])(c(M)),
    "jvp": lambda t, F, c: F.jvp(f(t), (c(V),), (c(V * 2),)),
    "jvp of a tree": lambda t, F, c: F.jvp(
        lambda d, b: (d["a"] * b, {"s": b.sum()}), ({"a": c(V)}, c(V)), ({"a": c(V)}, c(V * 2))
    ),
    "jvp, aux": lambda t, F, c: F.jvp(lambda v: (v * 2, v), (c(V),), (c(V),), has_aux=True),
    "jvp of what is constant": lambda t, F, c: F.jvp(lambda v: c(W), (c(V),), (c(V),)),
    "jvp of jvp": lambda t, F, c: F.jvp(
        lambda v: F.jvp(f(t), (v,), (c(V * 2),))[1], (c(V),), (c(V * 3),)
    ),
    "jvp of grad": lambda t, F, c: F.jvp(F.grad(f(t)), (c(V),), (c(V * 2),)),
    "grad of jvp": lambda t, F, c: F.grad(lambda v: F.jvp(f(t), (v,), (c(V * 2),))[1])(c(V)),
    "linearize": lambda t, F, c: F.linearize(lambda v: t.sin(v) * v, c(V))[1](c(V)),
    "linearize, value": lambda t, F, c: F.linearize(lambda v: t.sin(v) * v, c(V))[0],
    "vmap of linearize": lambda t, F, c: F.vmap(F.linearize(net(t), c(W))[1])(
        c(np.stack([W, W * 2, W * 3]))
    ),
    "jacrev": lambda t, F, c: F.jacrev(net(t))(c(W)),
    "jacrev in chunks": lambda t, F, c: F.jacrev(net(t), chunk_size=3)(c(W)),
    "jacrev by two": lambda t, F, c: F.jacrev(lambda a, b: a * b.sum(), (0, 1))(c(V), c(M)),
    "jacrev of a tree": lambda t, F, c: F.jacrev(lambda v: (v * 2, {"a": v.sum()}))(c(V)),
    "jacrev, aux": lambda t, F, c: F.jacrev(lambda v: (v * v, v), has_aux=True)(c(V)),
    "jacfwd": lambda t, F, c: F.jacfwd(net(t))(c(W)),
    "jacfwd by two": lambda t, F, c: F.jacfwd(lambda a, b: a * b.sum(), (0, 1))(c(V), c(M)),
    "jacfwd of a tree": lambda t, F, c: F.jacfwd(lambda v: (v * 2, {"a": v.sum()}))(c(V)),
    "jacfwd, aux": lambda t, F, c: F.jacfwd(lambda v: (v * v, v), has_aux=True)(c(V)),
    "jacrev of jacfwd": lambda t, F, c: F.jacrev(F.jacfwd(net(t)))(c(W)),
    "jacfwd of jacfwd": lambda t, F, c: F.jacfwd(F.jacfwd(net(t)))(c(W)),
    "jacrev of jacrev": lambda t, F, c: F.jacrev(F.jacrev(net(t)))(c(W)),
    "hessian": lambda t, F, c: F.hessian(f(t))(c(V)),
    "hessian by two": lambda t, F, c: F.hessian(lambda a, b: (a * b**2).sum(), (0, 1))(c(V), c(V)),
    "vmap": lambda t, F, c: F.vmap(f(t))(c(M)),
    "vmap of grad": lambda t, F, c: F.vmap(F.grad(f(t)))(c(M)),
    "vmap of hessian": lambda t, F, c: F.vmap(F.hessian(f(t)))(c(M)),
    "vmap of jvp": lambda t, F, c: F.vmap(lambda v: F.jvp(f(t), (v,), (v * 2,)))(c(M)),
    "grad of vmap": lambda t, F, c: F.grad(lambda m: F.vmap(f(t))(m).sum())(c(M)),
    "jvp of vmap of grad": lambda t, F, c: F.jvp(F.vmap(F.grad(f(t))), (c(M),), (c(M * 2),)),
    "vmap of vmap": lambda t, F, c: F.vmap(lambda a: F.vmap(lambda b: a * t.exp(b))(c(V)))(c(M)),
    "vmap of vmap of grad": lambda t, F, c: F.vmap(
        F.vmap(F.grad(lambda w, b: w * t.exp(b)), in_dims=(None, 0)), in_dims=(0, None)
    )(c(V), c(V)),
    "vmap, in and out": lambda t, F, c: F.vmap(
        lambda a, b: (a @ b, a), in_dims=(1, None), out_dims=(-1, 0)
    )(c(M), c(M)),
    "vmap of a tree": lambda t, F, c: F.vmap(
        lambda d: (d["a"] * 2, [d["b"]]), in_dims=({"a": 0, "b": None},)
    )({"a": c(V), "b": c(W)}),
    "vmap, keyword": lambda t, F, c: F.vmap(lambda v, *, k: v * k)(c(V), k=c(V)),
    "vmap in chunks": lambda t, F, c: F.vmap(lambda v: (v.sum(), v), out_dims=(0, 1), chunk_size=3)(
        c(M)
    ),
    "vmap of what is shared": lambda t, F, c: F.vmap(lambda v: c(W))(c(V)),
    "vmap over places": lambda t, F, c: F.vmap(lambda v, i: v[i] + v[t.tensor([0, 1])].sum())(
        c(M), t.tensor([0, 2, 1, 1])
    ),
    "vmap with writes": lambda t, F, c: F.vmap(lambda v: v.clone().mul_(v).add_(1))(c(M)),
    "vmap of grad with writes": lambda t, F, c: F.vmap(
        F.grad(lambda v: (written(t, v.clone(), 0, v[1] * v[2]) * v).sum())
    )(c(M)),
    "jacfwd with writes": lambda t, F, c: F.jacfwd(
        lambda v: written(t, t.zeros(3, dtype=t.float64), 1, v[1] * v[2])
    )(c(V)),
    "conv-like": lambda t, F, c: F.vmap(lambda i: c(V)[i] * t.asarray(M)[i % 2])(t.arange(3)),
}


@pytest.mark.oracle
@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_pytorch(program):
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch's own, of its own machinery
        theirs = leaves(program(torch, torch.func, lambda a: torch.tensor(a, dtype=torch.float64)))
    ours = leaves(program(xg, func, lambda a: xg.tensor(a, dtype=xg.float64)))
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        assert a.shape == b.shape
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


# ------------------------------------------------------------------ on every namespace


def here(device):
    """Make tensors on a device, of the widest floating type there."""
    probe = xg.zeros(1, device=device)
    wide = xg.float64 if xg.float64 in probe._ns.natives else xg.float32
    return lambda a: xg.tensor(np.asarray(a), dtype=wide, device=device)


def test_transforms_agree(device):
    c = here(device)
    narrow = c(1.0).dtype is xg.float32
    scale = {"rtol": 1e-3, "atol": 1e-4} if narrow else {"rtol": 1e-9}

    def g(v, w):
        return (xg.softmax(v @ w, 0) * (v[:2] ** 2)).sum() + xg.log(v[0] * v[0] + 1)

    rows, w = c(M), c(W)
    one_by_one = [func.grad(g)(row, w) for row in rows]
    batch = func.vmap(func.grad(g), in_dims=(0, None))(rows, w)
    assert batch.device == rows.device
    for a, b in zip(one_by_one, batch, strict=True):
        np.testing.assert_allclose(a.cpu().numpy(), b.cpu().numpy(), **scale)
    reverse = func.jacrev(func.grad(g))(rows[0], w).cpu().numpy()
    for other in (func.hessian(g), func.jacfwd(func.jacfwd(g)), func.jacrev(func.jacfwd(g))):
        np.testing.assert_allclose(other(rows[0], w).cpu().numpy(), reverse, **scale)
    _, forward = func.jvp(lambda v: g(v, w), (rows[0],), (rows[1],))
    _, linear = func.linearize(lambda v: g(v, w), rows[0])
    expected = (one_by_one[0] * rows[1]).sum().item()
    np.testing.assert_allclose(forward.item(), expected, **scale)
    np.testing.assert_allclose(linear(rows[1]).item(), expected, **scale)


# ------------------------------------------------------------------ histories


def test_results_have_no_history_of_their_own():
    x = xg.tensor([1.0, 2.0])
    for result in (
        func.grad(lambda v: (v * v).sum())(x),
        func.grad_and_value(lambda v: (v * v).sum())(x)[1],
        func.vjp(lambda v: v * v, x)[0],
        func.jacrev(lambda v: v * v)(x),
        func.jacfwd(lambda v: v * v)(x),
        func.vmap(lambda v: v * v)(x),
        func.linearize(lambda v: v * v, x)[0],
    ):
        assert not result.requires_grad
    assert x.grad is None
    assert not x.requires_grad


def test_history_leads_out_where_something_outside_requires_a_gradient():
    w = xg.tensor([3.0, 4.0], requires_grad=True)
    x = xg.tensor([1.0, 2.0])
    for result in (
        func.grad(lambda v: (w * v * v).sum())(x),
        func.vmap(func.grad(lambda v, u: u * v * v), in_dims=0)(x, w),
        func.jvp(lambda v: w * v * v, (x,), (xg.ones(2),))[1],
        func.jacfwd(lambda v: w * v * v)(x).sum(0),
        func.jacrev(lambda v: w * v * v)(x).sum(0),
        func.linearize(lambda v: w * v * v, x)[1](xg.ones(2)),
        func.vjp(lambda v: w * v * v, x)[1](xg.ones(2))[0],
    ):
        (found,) = xg.autograd.grad(result.sum(), w)
        assert found.tolist() == [2.0, 4.0]


def test_an_input_that_requires_a_gradient_gets_one_through_the_transform():
    x = xg.tensor([1.0, 2.0], requires_grad=True)
    func.grad(lambda v: (v**3).sum())(x).sum().backward()
    assert x.grad.tolist() == [6.0, 12.0]


def test_grad_mode_inside_counts_and_outside_does_not():
    x = xg.tensor(2.0)

    def partly(v):
        with xg.no_grad():
            c = v * v
        return v - c

    assert func.grad(partly)(x).item() == 1.0
    with xg.no_grad():
        assert func.grad(lambda v: v * v)(x).item() == 4.0
        assert func.vmap(func.grad(lambda v: v * v))(x[None]).tolist() == [4.0]
        assert not xg.is_grad_enabled()
    w = xg.tensor(3.0, requires_grad=True)
    with xg.no_grad():
        assert not func.grad(lambda v: v * w)(x).requires_grad
        assert not func.vmap(func.grad(lambda v: v * w * v))(x[None]).requires_grad


def test_no_grad_within_vmap_holds_below():
    w = xg.tensor(3.0, requires_grad=True)

    def plain(v):
        with xg.no_grad():
            return v * w

    assert not func.vmap(plain)(xg.ones(2)).requires_grad
    assert func.vmap(lambda v: v * w)(xg.ones(2)).requires_grad


def test_modes_come_back_after_an_error():
    def fail(v):
        raise ZeroDivisionError

    for call in (
        lambda: func.grad(fail)(xg.ones(())),
        lambda: func.vmap(fail)(xg.ones(2)),
        lambda: func.jvp(fail, (xg.ones(2),), (xg.ones(2),)),
        lambda: func.vmap(func.grad(fail))(xg.ones(2)),
    ):
        with pytest.raises(ZeroDivisionError):
            call()
        assert xg.is_grad_enabled()
        assert xg.ones(2)._ns.depth == 0


# ------------------------------------------------------------------ what must not happen


def test_a_tensor_that_escapes_is_refused():
    kept = []
    func.vmap(lambda v: kept.append(v) or v)(xg.ones(3))
    with pytest.raises(GradientError, match="made inside vmap is used after it has ended"):
        kept[0] + xg.ones(3)


def test_what_is_captured_is_not_written_to():
    y = xg.zeros(3)
    for write in (lambda v: y.add_(v), lambda v: y.copy_(v), lambda v: y.__setitem__(0, v)):
        with pytest.raises(GradientError, match=r"vmap: .*is not possible"):
            func.vmap(write)(xg.ones(2))
    with pytest.raises(GradientError, match="mutate a captured Tensor"):
        func.jvp(lambda v: y.copy_(v), (xg.ones(3),), (xg.ones(3),))
    assert y.tolist() == [0.0, 0.0, 0.0]
    assert y._version == 0


def test_levels_belong_to_their_thread():
    seen = []

    def look(v):
        thread = threading.Thread(target=lambda: seen.append(xg.zeros(1)._ns.depth))
        thread.start()
        thread.join()
        seen.append(xg.zeros(1)._ns.depth)
        return v

    func.vmap(look)(xg.ones(2))
    assert seen == [0, 1]


def test_how_they_are_printed():
    shown = []
    func.vmap(lambda v: shown.append(repr(v)) or v)(xg.ones(2, 2))
    assert shown == [
        "BatchedTensor(lvl=1, bdim=0, value=\n    tensor([[1., 1.],\n            [1., 1.]])\n)"
    ]


# ------------------------------------------------------------------ randomness


def test_randomness():
    x = xg.zeros(64)
    with pytest.raises(RuntimeError, match="randomness error mode"):
        func.vmap(lambda v: v + xg.rand(()))(x)
    same = func.vmap(lambda v: v + xg.rand(()), randomness="same")(x)
    assert len(set(same.tolist())) == 1
    different = func.vmap(lambda v: v + xg.rand(()), randomness="different")(x)
    assert len(set(different.tolist())) > 32
    masks = func.vmap(xg.nn.functional.dropout, randomness="different")(xg.ones(64, 8))
    assert len({tuple(row) for row in masks.tolist()}) > 8
    masks = func.vmap(xg.nn.functional.dropout, randomness="same")(xg.ones(64, 8))
    assert len({tuple(row) for row in masks.tolist()}) == 1
    order = func.vmap(lambda v: xg.randperm(5), randomness="different")(x)
    assert all(sorted(row) == [0, 1, 2, 3, 4] for row in order.tolist())


# ------------------------------------------------------------------ memory


def test_reference_counting_frees_it_all():
    import gc
    import weakref

    gc.collect()
    gc.disable()
    try:
        x = xg.ones(3, 2)
        kept = []

        def loss(v):
            h = v * 2
            kept.append(weakref.ref(h))
            return (h * h).sum()

        func.vmap(func.grad(loss))(x)
        func.hessian(loss)(x[0])
        func.jvp(loss, (x,), (x,))
        func.jacrev(lambda v: loss(v) + v)(x[0])
        assert [r() for r in kept] == [None] * len(kept)
    finally:
        gc.enable()
