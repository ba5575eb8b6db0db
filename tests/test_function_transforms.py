"""`Function` within transforms: against PyTorch, against plain operations, and its errors."""

import gc
import warnings
import weakref

import numpy as np
import pytest

import xpgrad as xg
import xpgrad.autograd.forward_ad as fw
from namespaces import host, tensor
from xpgrad import func
from xpgrad.autograd import Function
from xpgrad.autograd.function import once_differentiable
from xpgrad.errors import GradientError
from xpgrad.utils.checkpoint import checkpoint

X = [0.5, -1.0, 2.0]
M = [[0.5, -1.0, 2.0], [1.0, 3.0, -2.0]]


def made(t, forward, setup_context=None, name="Sample", **more):
    """A Function of either library from plain functions; what is no function is an attribute."""
    base = t.autograd.Function
    body = {k: staticmethod(v) if callable(v) else v for k, v in more.items()}
    body["forward"] = staticmethod(forward)
    if setup_context is not None:
        body["setup_context"] = staticmethod(setup_context)
    return type(base)(name, (base,), body)


def keep(ctx, inputs, output):
    """Keep all tensors."""
    tensors = [i for i in inputs if not isinstance(i, (int, float))]
    outputs = output if isinstance(output, tuple) else (output,)
    ctx.save_for_backward(*tensors, *outputs)
    ctx.save_for_forward(*tensors, *outputs)


def cube(t, **more):
    """A Function with every method but ``vmap``, which saves its input and its output."""

    def backward(ctx, g):
        x, out = ctx.saved_tensors
        return g * (2 * x**2 + out / x)

    def jvp(ctx, tx):
        x, out = ctx.saved_tensors
        return tx * (2 * x**2 + out / x)

    more = {"generate_vmap_rule": True, "backward": backward, "jvp": jvp} | more
    return made(t, lambda x: x * x * x, keep, "Cube", **more)


def product(t, **more):
    """Of two inputs and a number; with two results, one of them a number for each example."""

    def setup(ctx, inputs, output):
        ctx.save_for_backward(*inputs[:2])
        ctx.save_for_forward(*inputs[:2])
        ctx.k = inputs[2]

    def backward(ctx, g, h):
        x, y = ctx.saved_tensors
        return g * y * ctx.k + h, g * x * ctx.k, None

    def jvp(ctx, tx, ty, tk):
        x, y = ctx.saved_tensors
        return (tx * y + x * ty) * ctx.k, tx.sum()

    more = {"generate_vmap_rule": True, "backward": backward, "jvp": jvp} | more
    return made(t, lambda x, y, k=2.0: (x * y * k, x.sum()), setup, "Product", **more)


def by_hand(t):
    """`cube` with a ``vmap`` of its own."""

    def vmap(info, in_dims, x):
        assert info.batch_size == 2
        assert info.randomness == "error"
        assert in_dims == (0,)
        return by_hand(t).apply(x), 0

    return cube(t, generate_vmap_rule=False, vmap=vmap)


def sine(t):
    """Two Functions that are each other's derivative."""
    found = {}

    def cosine_of(ctx, g):
        return found["cos"].apply(ctx.saved_tensors[0]) * g

    def minus_sine_of(ctx, g):
        return -found["sin"].apply(ctx.saved_tensors[0]) * g

    how = {"generate_vmap_rule": True}
    found["sin"] = made(
        t, lambda x: t.sin(x), keep, "Sin", backward=cosine_of, jvp=cosine_of, **how
    )
    found["cos"] = made(
        t, lambda x: t.cos(x), keep, "Cos", backward=minus_sine_of, jvp=minus_sine_of, **how
    )
    return found["sin"]


# ------------------------------------------------------------------ programs for both libraries


def forward_ad(t):
    if t is xg:
        return fw
    import torch.autograd.forward_ad

    return torch.autograd.forward_ad


def with_dual(t, f, x, v):
    """Primal and tangent of ``f(x)`` by a dual level, with the gradient of each by `x`."""
    F = forward_ad(t)
    x = x.clone().requires_grad_()
    with F.dual_level():
        d = F.make_dual(x, v)
        y = f(d)
        primal, tangent = F.unpack_dual(y)
        (g,) = t.autograd.grad(y.sum(), d, retain_graph=True)
        (h,) = t.autograd.grad(tangent.sum(), x, retain_graph=True)
        return primal, tangent, *F.unpack_dual(g), h


PROGRAMS = {
    "grad": lambda t, F, x, v, m: F.grad(lambda x: cube(t).apply(x).sum())(x),
    "vjp": lambda t, F, x, v, m: F.vjp(cube(t).apply, x)[1](v),
    "jvp": lambda t, F, x, v, m: F.jvp(cube(t).apply, (x,), (v,)),
    "vmap": lambda t, F, x, v, m: F.vmap(cube(t).apply)(m),
    "vmap, another dimension": lambda t, F, x, v, m: F.vmap(cube(t).apply, 1, 1)(m),
    "vmap of grad": lambda t, F, x, v, m: F.vmap(F.grad(lambda x: cube(t).apply(x).sum()))(m),
    "grad of vmap": lambda t, F, x, v, m: F.grad(lambda m: F.vmap(cube(t).apply)(m).sum())(m),
    "grad of grad of vmap": lambda t, F, x, v, m: F.grad(
        lambda m: F.grad(lambda m: F.vmap(cube(t).apply)(m).sum())(m).sum()
    )(m),
    "vmap of jvp": lambda t, F, x, v, m: F.vmap(lambda x: F.jvp(cube(t).apply, (x,), (v,)))(m),
    "hessian": lambda t, F, x, v, m: F.hessian(lambda x: cube(t).apply(x).sum())(x),
    "vmap of hessian": lambda t, F, x, v, m: F.vmap(
        F.hessian(lambda x: cube(t).apply(x).sum())
    )(m),
    "jacrev": lambda t, F, x, v, m: F.jacrev(cube(t).apply)(x),
    "jacfwd": lambda t, F, x, v, m: F.jacfwd(cube(t).apply)(x),
    "jacrev of jacrev": lambda t, F, x, v, m: F.jacrev(F.jacrev(cube(t).apply))(x),
    "jacrev of jacfwd": lambda t, F, x, v, m: F.jacrev(F.jacfwd(cube(t).apply))(x),
    "linearize": lambda t, F, x, v, m: F.vjp(lambda x: F.vjp(cube(t).apply, x)[1](v)[0], x)[1](v),
    "jvp of grad": lambda t, F, x, v, m: F.jvp(
        F.grad(lambda x: cube(t).apply(x).sum()), (x,), (v,)
    ),
    "grad of jvp": lambda t, F, x, v, m: F.grad(
        lambda x: F.jvp(cube(t).apply, (x,), (v,))[1].sum()
    )(x),
    "vmap of vmap": lambda t, F, x, v, m: F.vmap(F.vmap(cube(t).apply))(t.stack([m, m + 0.25])),
    "grad of vmap of vmap": lambda t, F, x, v, m: F.grad(
        lambda m: F.vmap(F.vmap(cube(t).apply))(m).sum()
    )(t.stack([m, m + 0.25])),
    "vmap of grad of vmap": lambda t, F, x, v, m: F.vmap(
        F.grad(lambda m: F.vmap(cube(t).apply)(m).sum())
    )(t.stack([m, m + 0.25])),
    "dual level": lambda t, F, x, v, m: with_dual(t, cube(t).apply, x, v),
    "dual level, vmap": lambda t, F, x, v, m: with_dual(t, F.vmap(cube(t).apply), m, m * m),
    # several inputs and results
    "two: grad": lambda t, F, x, v, m: F.grad(
        lambda x, y: sum(o.sum() for o in product(t).apply(x, y, 3.0)), (0, 1)
    )(x, v),
    "two: one result alone": lambda t, F, x, v, m: F.grad(
        lambda x, y: product(t).apply(x, y, 3.0)[1], (0, 1)
    )(x, v),
    "two: jvp": lambda t, F, x, v, m: F.jvp(lambda x: product(t).apply(x, v, 3.0), (x,), (v,)),
    "two: vmap of one": lambda t, F, x, v, m: F.vmap(lambda x: product(t).apply(x, v, 3.0))(m),
    "two: a default": lambda t, F, x, v, m: F.vmap(lambda x: product(t).apply(x, v))(m),
    "two: by name": lambda t, F, x, v, m: F.vmap(lambda x: product(t).apply(x, k=4.0, y=v))(m),
    "two: grad of vmap by what is shared": lambda t, F, x, v, m: F.grad(
        lambda v, m: sum(o.sum() for o in F.vmap(lambda x: product(t).apply(x, v))(m)), (0, 1)
    )(v, m),
    "two: vmap of grad of both": lambda t, F, x, v, m: F.vmap(
        F.grad(lambda x, y: product(t).apply(x, y)[0].sum(), (0, 1)), (0, None)
    )(m, v),
    "two: vmap of jvp": lambda t, F, x, v, m: F.vmap(
        lambda x, y: F.jvp(lambda y: product(t).apply(x, y), (y,), (v,)), (0, None)
    )(m, x),
    "two: one result of vmap": lambda t, F, x, v, m: F.grad(
        lambda m: F.vmap(lambda x: product(t).apply(x, v)[1])(m).sum()
    )(m),
    "two: dual level": lambda t, F, x, v, m: with_dual(
        t, lambda x: product(t).apply(x, v)[0], x, v
    ),
    # a vmap of its own
    "vmap by hand": lambda t, F, x, v, m: F.vmap(by_hand(t).apply)(m),
    "vmap by hand: grad of it": lambda t, F, x, v, m: F.grad(
        lambda m: F.vmap(by_hand(t).apply)(m).sum()
    )(m),
    "vmap by hand: of grad": lambda t, F, x, v, m: F.vmap(
        F.grad(lambda x: by_hand(t).apply(x).sum())
    )(m),
    "vmap by hand: what is shared": lambda t, F, x, v, m: F.vmap(lambda y: by_hand(t).apply(x) + y)(
        m
    ),
    "vmap by hand: dims": lambda t, F, x, v, m: F.vmap(
        lambda x: made(
            t,
            lambda x: (x, 1),
            keep,
            vmap=lambda info, dims, x: ((x.T, x.sum(), "a"), (1, None, None)),
        ).apply(x)[:2]
    )(m),
    "vmap by hand: one dim for all": lambda t, F, x, v, m: F.vmap(
        made(t, lambda x: (x, x), keep, vmap=lambda info, dims, x: ((x, x * 2), 0)).apply
    )(m),
    "vmap by hand: randomness": lambda t, F, x, v, m: F.vmap(
        made(
            t, lambda x: x, keep, vmap=lambda info, dims, x: (x * (info.randomness == "same"), 0)
        ).apply,
        randomness="same",
    )(m),
    # one in another
    "nested: hessian": lambda t, F, x, v, m: F.hessian(lambda x: sine(t).apply(x).sum())(x),
    "nested: jacrev of jacrev": lambda t, F, x, v, m: F.jacrev(F.jacrev(sine(t).apply))(x),
    "nested: vmap of hessian": lambda t, F, x, v, m: F.vmap(
        F.hessian(lambda x: sine(t).apply(x).sum())
    )(m),
    "nested: third": lambda t, F, x, v, m: F.grad(F.grad(F.grad(sine(t).apply)))(x[0]),
    "nested in forward": lambda t, F, x, v, m: F.vmap(
        F.grad(
            lambda x: made(
                t,
                lambda x: cube(t).apply(x).sum(),
                keep,
                backward=lambda ctx, g: g * 3 * ctx.saved_tensors[0] ** 2,
                generate_vmap_rule=True,
            ).apply(x)
        )
    )(m),
    # what ctx knows
    "materialize": lambda t, F, x, v, m: F.jvp(
        lambda x: made(
            t,
            lambda x, y: x * 2,
            lambda ctx, i, o: None,
            jvp=lambda ctx, tx, ty: tx + ty,
        ).apply(x, v),
        (x,),
        (v,),
    ),
    "no materializing": lambda t, F, x, v, m: F.jvp(
        lambda x: made(
            t,
            lambda x, y: x * 2,
            lambda ctx, i, o: ctx.set_materialize_grads(False),
            jvp=lambda ctx, tx, ty: tx * (ty is None),
        ).apply(x, v),
        (x,),
        (v,),
    ),
    "no materializing, vmap": lambda t, F, x, v, m: F.grad(
        lambda m: F.vmap(
            made(
                t,
                lambda x: (x * 2, x * 3),
                lambda ctx, i, o: ctx.set_materialize_grads(False),
                backward=lambda ctx, g, h: g * (5 if h is None else 7),
                generate_vmap_rule=True,
            ).apply
        )(m)[0].sum()
    )(m),
    "attributes": lambda t, F, x, v, m: F.grad(
        lambda m: F.vmap(
            made(
                t,
                lambda x: x * 2,
                lambda ctx, i, o: setattr(ctx, "kept", {"a": [i[0], 3]}),
                backward=lambda ctx, g: g * ctx.kept["a"][0] * ctx.kept["a"][1],
                generate_vmap_rule=True,
            ).apply
        )(m).sum()
    )(m),
    "needs_input_grad": lambda t, F, x, v, m: [
        log := [],
        F.grad(
            lambda m: F.vmap(
                lambda x: made(
                    t,
                    lambda x, y, k: x * 2,
                    lambda ctx, i, o: None,
                    backward=lambda ctx, g: log.append(ctx.needs_input_grad) or (g, None, None),
                    generate_vmap_rule=True,
                ).apply(x, v, 3)
            )(m).sum()
        )(m),
    ],
    "non-differentiable": lambda t, F, x, v, m: F.jvp(
        made(
            t,
            lambda x: (x * 2, x.long(), x * 3),
            lambda ctx, i, o: ctx.mark_non_differentiable(*o[1:]),
            jvp=lambda ctx, tx: (tx * 2, None, None),
        ).apply,
        (x,),
        (v,),
    ),
    "no tensor": lambda t, F, x, v, m: F.vmap(
        lambda x: made(t, lambda x: (x * 2, None, "a"), keep_first, generate_vmap_rule=True).apply(
            x
        )[0]
    )(m),
    "once": lambda t, F, x, v, m: F.vmap(
        F.grad(
            lambda x: cube(t, backward=once(t)(lambda ctx, g: g * ctx.saved_tensors[0]))
            .apply(x)
            .sum()
        )
    )(m),
    "once, vmap": lambda t, F, x, v, m: F.grad(
        lambda m: F.vmap(
            cube(t, backward=once(t)(lambda ctx, g: g * ctx.saved_tensors[0])).apply
        )(m).sum()
    )(m),
    # in place
    "dirty: grad": lambda t, F, x, v, m: F.grad(lambda x: doubled(t).apply(x.clone()).sum())(x),
    "dirty: jvp": lambda t, F, x, v, m: [
        F.jvp(lambda x: doubled(t).apply(x + 0), (x,), (v,)), x, v
    ],
    "dirty: a view": lambda t, F, x, v, m: F.jvp(
        lambda x: [y := x * 1, doubled(t).apply(y[1:])][0], (x,), (v,)
    ),
    "dirty: dual level": lambda t, F, x, v, m: [
        D := forward_ad(t),
        D.enter_dual_level(),
        y := D.make_dual(x, v) * 1,
        z := y * 1,
        doubled(t).apply(y) is y,
        *D.unpack_dual(y * x),
        *D.unpack_dual(z),
        D.exit_dual_level(),
    ][4:],
    # the form with ctx, which dual levels take
    "with ctx: dual level": lambda t, F, x, v, m: with_dual(t, with_ctx(t).apply, x, v),
}  # fmt: skip


def keep_first(ctx, inputs, output):
    ctx.save_for_backward(inputs[0])


def once(t):
    if t is xg:
        return once_differentiable
    import torch

    return torch.autograd.function.once_differentiable


def doubled(t):
    return made(
        t,
        lambda x: x.mul_(2),
        lambda ctx, i, o: ctx.mark_dirty(i[0]),
        backward=lambda ctx, g: g * 2,
        jvp=lambda ctx, tx: tx.mul_(2),
    )


def with_ctx(t):
    def forward(ctx, x):
        out = x**3
        ctx.save_for_backward(x, out)
        ctx.save_for_forward(x, out)
        ctx.two = 2
        return out

    def derivative(ctx, g):
        x, out = ctx.saved_tensors
        return g * (ctx.two * x**2 + out / x)

    return made(t, forward, backward=derivative, jvp=derivative)


def plain(value, t):
    if isinstance(value, t.Tensor):
        return value.detach().tolist()
    if isinstance(value, (tuple, list)):
        return [plain(v, t) for v in value]
    return value


def run(program, t):
    transforms = func
    if t is not xg:
        transforms = t.func
    x, v, m = t.tensor(X), t.tensor([1.0, 10.0, 100.0]), t.tensor(M)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch's own, of its own machinery
        try:
            return plain(program(t, transforms, x, v, m), t)
        except Exception as error:
            return error


def close(a, b):
    if isinstance(a, (tuple, list)) and isinstance(b, (tuple, list)):
        return len(a) == len(b) and all(map(close, a, b))
    if isinstance(a, float) and isinstance(b, float):
        return bool(np.isclose(a, b, rtol=1e-5, atol=1e-5))
    return type(a) is type(b) and a == b


@pytest.mark.oracle
@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_pytorch(program):
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
    expected, found = run(program, torch), run(program, xg)
    for value in (expected, found):
        if isinstance(value, Exception):
            raise value
    assert close(found, expected), f"\nxpgrad:  {found}\nPyTorch: {expected}"


# ------------------------------------------------------------------ errors


def sample(jvp, outs=lambda x: x * 2, setup=lambda ctx, i, o: None):
    return lambda t, F, x, v, m: F.jvp(made(t, outs, setup, jvp=jvp).apply, (x,), (v,))


def mapped(vmap, **more):
    return lambda t, F, x, v, m: F.vmap(
        made(t, lambda x: (x, x), lambda ctx, i, o: None, vmap=vmap, **more).apply
    )(m)


def old(t):
    return made(t, lambda ctx, x: x * 2, backward=lambda ctx, g: g * 2)


NEITHER = {"generate_vmap_rule": False}
ERRORS = {
    "with ctx: grad": lambda t, F, x, v, m: F.grad(lambda x: old(t).apply(x).sum())(x),
    "with ctx: vmap": lambda t, F, x, v, m: F.vmap(old(t).apply)(m),
    "with ctx: jvp": lambda t, F, x, v, m: F.jvp(old(t).apply, (x,), (v,)),
    "with ctx: vjp": lambda t, F, x, v, m: F.vjp(old(t).apply, x),
    "with ctx: captured": lambda t, F, x, v, m: F.vmap(lambda y: old(t).apply(x) + y)(m),
    "no vmap": lambda t, F, x, v, m: F.vmap(cube(t, **NEITHER).apply)(m),
    "no vmap, of grad": lambda t, F, x, v, m: F.vmap(
        F.grad(lambda x: cube(t, **NEITHER).apply(x).sum())
    )(m),
    "two ways to vmap": mapped(lambda info, dims, x: ((x, x), 0), generate_vmap_rule=True),
    "vmap without dims": mapped(lambda info, dims, x: x),
    "vmap returns three": mapped(lambda info, dims, x: (x, x, 0)),
    "no jvp": sample(Function.jvp),
    "no jvp, dual level": lambda t, F, x, v, m: with_dual(t, old(t).apply, x, v),
    "too few tangents": sample(lambda ctx, tx: tx, lambda x: (x * 2, x * 3)),
    "too many tangents": sample(lambda ctx, tx: (tx, tx)),
    "a tangent of another shape": sample(lambda ctx, tx: tx.sum()),
    "a tangent that is none": sample(lambda ctx, tx: 3.0),
    "a tangent of integers": sample(lambda ctx, tx: tx, lambda x: x.long()),
    "a tangent of what is not differentiable": sample(
        lambda ctx, tx: (tx, tx),
        lambda x: (x * 2, x * 3),
        lambda ctx, i, o: ctx.mark_non_differentiable(o[1]),
    ),
    "dirty, with another tangent": lambda t, F, x, v, m: F.jvp(
        lambda x: made(
            t,
            lambda x: x.mul_(2),
            lambda ctx, i, o: ctx.mark_dirty(i[0]),
            jvp=lambda ctx, tx: tx * 2,
        ).apply(x.clone()),
        (x,),
        (v,),
    ),
    "too few gradients of a batch": lambda t, F, x, v, m: F.grad(
        lambda m: F.vmap(
            lambda x: product(t, backward=lambda ctx, g, h: g).apply(x, v)[0]
        )(m).sum()
    )(m),
    "dirty, in a batch": lambda t, F, x, v, m: F.vmap(
        lambda x: made(
            t, lambda x: x.mul_(2), lambda ctx, i, o: ctx.mark_dirty(i[0]), generate_vmap_rule=True
        ).apply(x.clone())
    )(m),
    "randomness": lambda t, F, x, v, m: F.vmap(
        made(t, lambda x: x + t.rand(3), lambda ctx, i, o: None, generate_vmap_rule=True).apply
    )(m),
    "save_for_forward of no tensor": lambda t, F, x, v, m: made(
        t, lambda x: x * 2, lambda ctx, i, o: ctx.save_for_forward(3)
    ).apply(x),
    "backward in a transform": lambda t, F, x, v, m: F.grad(
        lambda x: (x * 2).sum().backward()
    )(x),
}  # fmt: skip


@pytest.mark.oracle
@pytest.mark.parametrize("program", ERRORS.values(), ids=ERRORS)
def test_errors(program):
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
    expected, found = run(program, torch), run(program, xg)
    assert isinstance(expected, Exception), expected
    assert isinstance(found, type(expected)), found
    words = str(expected).replace("<class 'torch.Tensor'>", "<class 'xpgrad.Tensor'>")
    assert words.replace("VmappedProductGenerated", "Product").rstrip(".") in str(found)


def test_dims_that_do_not_fit():
    with pytest.raises(GradientError, match=r"out_dims=\(0, 0, 0\) to be compatible"):
        run_plain(mapped(lambda info, dims, x: ((x, x), (0, 0, 0))))


def run_plain(program):
    return program(xg, func, xg.tensor(X), xg.tensor(X), xg.tensor(M))


def test_once_means_once():
    """PyTorch gives zeros."""
    f = cube(xg, backward=once_differentiable(lambda ctx, g: g * ctx.saved_tensors[0]))
    m = xg.tensor(M)
    for g in (
        func.grad(lambda m: xg.vmap(f.apply)(m).sum()),
        func.grad(lambda m: f.apply(m).sum()),
    ):
        assert g(m).shape == m.shape
        with pytest.raises(GradientError, match="marked with @once_differentiable"):
            func.vjp(g, m)[1](m)


# ------------------------------------------------------------------ where PyTorch gives up


def test_jacfwd_of_jacfwd():
    """PyTorch gives zeros."""
    x = xg.tensor(X)
    found = func.jacfwd(func.jacfwd(lambda x: sine(xg).apply(x).sum()))(x)
    assert np.allclose(found.numpy(), np.diag(-np.sin(X)), atol=1e-6)


def test_jvp_of_vmap():
    m = xg.tensor(M)
    found = func.jvp(xg.vmap(cube(xg).apply), (m,), (m * m,))
    expected = func.jvp(lambda m: m**3, (m,), (m * m,))
    for a, b in zip(found, expected, strict=True):
        assert np.allclose(a.numpy(), b.numpy(), atol=1e-5)


def test_the_gradient_of_what_is_shared_counts_each_example():
    """Even where backward gives the same for each."""
    f = product(xg, backward=lambda ctx, g, h: (g, xg.ones(3), None))
    v = func.grad(lambda v: xg.vmap(lambda x: f.apply(x, v)[0])(xg.tensor(M)).sum())(xg.tensor(X))
    assert v.tolist() == [2.0, 2.0, 2.0]


def test_gradients_that_broadcast():
    """A gradient of a batch may have any shape that sums to its argument's."""
    f = made(
        xg,
        lambda x, y: x * y.sum(),
        lambda ctx, i, o: None,
        backward=lambda ctx, g: (xg.ones(4, 3) * g, xg.ones(4, 3) * g),
        generate_vmap_rule=True,
    )
    m = xg.tensor(M)
    found = func.grad(lambda m, v: xg.vmap(f.apply, (0, None))(m, v).sum(), (0, 1))(m, m[0])
    assert [g.tolist() for g in found] == [[[4.0] * 3] * 2, [8.0] * 3]


def test_trees():
    f = made(xg, lambda d: {"a": d["x"] * 2, "b": [d["x"]]}, keep_nothing, generate_vmap_rule=True)
    found = xg.vmap(lambda x: f.apply({"x": x}))(xg.tensor(M))
    assert found["a"].tolist() == (xg.tensor(M) * 2).tolist()
    assert found["b"][0].tolist() == M


def keep_nothing(ctx, inputs, output):
    pass


def test_what_is_made_in_forward_is_of_nobody():
    """A captured tensor is none of the transform's, nor is what forward makes of it."""
    seen = []

    def forward(x):
        out = xg.zeros(3)
        out[:] = x * 2
        seen.append(out._ns.depth)
        return out

    f = made(xg, forward, keep_nothing, backward=lambda ctx, g: g * 2)
    x = xg.tensor(X, requires_grad=True)
    y = xg.vmap(lambda row: f.apply(x) * row)(xg.tensor(M))
    y.sum().backward()
    assert seen == [0]
    assert x.grad.tolist() == (xg.tensor(M).sum(0) * 2).tolist()


def test_a_number_as_tangent_of_nothing():
    """No tangent at all is one of zeros."""
    f = made(xg, lambda x: (x * 2, x * 3), keep_nothing, jvp=lambda ctx, tx: (None, tx * 3))
    _, change = func.jvp(f.apply, (xg.tensor(X),), (xg.ones(3),))
    assert [c.tolist() for c in change] == [[0.0] * 3, [3.0] * 3]


def test_dirty_writes_are_noticed():
    f = doubled(xg)
    with fw.dual_level():
        d = fw.make_dual(xg.tensor(X, requires_grad=True), xg.ones(3)) * 1
        y = d**2
        assert f.apply(d) is d
        with pytest.raises(GradientError, match="modified by an inplace operation"):
            y.sum().backward()


def test_ctx_lets_go():
    gc.collect()
    gc.disable()
    try:
        x = xg.tensor(X)
        kept = []

        def f(x):
            y = cube(xg).apply(x)
            kept.append(weakref.ref(y))
            return y

        func.jvp(f, (x,), (x,))
        func.grad(lambda x: f(x).sum())(x)
        xg.vmap(f)(xg.tensor(M))
        func.grad(lambda m: xg.vmap(f)(m).sum())(xg.tensor(M))
        with fw.dual_level():
            y = with_ctx(xg).apply(fw.make_dual(x.requires_grad_(), xg.ones(3)))
            kept += map(weakref.ref, (y, y.grad_fn, fw.unpack_dual(y).primal.grad_fn))
        del y
        assert [ref() for ref in kept] == [None] * 7
    finally:
        gc.enable()


def test_every_namespace(ns):
    m = tensor(ns, np.asarray(M, np.float32))
    plain = lambda m: m**3
    for transform in (
        lambda f: xg.vmap(f)(m),
        lambda f: func.grad(lambda m: xg.vmap(f)(m).sum())(m),
        lambda f: xg.vmap(func.grad(lambda x: f(x).sum()))(m),
        lambda f: func.jvp(f, (m,), (m,))[1],
        lambda f: xg.vmap(func.hessian(lambda x: f(x).sum()))(m),
        lambda f: func.jvp(xg.vmap(func.grad(lambda x: f(x).sum())), (m,), (m,))[1],
    ):
        assert np.allclose(host(transform(cube(xg).apply)), host(transform(plain)), rtol=1e-4)
        assert np.allclose(host(transform(by_hand(xg).apply)), host(transform(plain)), rtol=1e-4)


# ------------------------------------------------------------------ hooks in transforms


def hooked(t, log):
    def f(x):
        y = x * 2
        y.register_hook(lambda g: log.append(g.shape) or g * 10)
        return (y * x).sum()

    return f


def several(t, log):
    def f(x):
        y, z = x * 2, x * 3
        t.autograd.graph.register_multi_grad_hook((y, z), lambda gs: log.append(len(gs)))
        return (y * z).sum()

    return f


def of_nodes(t, log):
    def f(x):
        y = x**2
        y.grad_fn.register_hook(lambda a, b: log.append(len(a)))
        y.grad_fn.register_prehook(lambda a: (a[0] * 5,))
        return y.sum()

    return f


def of_inputs(t, log):
    def f(x):
        handle = x.register_hook(lambda g: g * 100)
        handle.remove()
        x.register_hook(lambda g: log.append(g.shape) or g * 10)
        return (x * x).sum()

    return f


@pytest.mark.oracle
@pytest.mark.parametrize(
    "transform",
    [
        lambda F, f, x, m: F.grad(f)(x),
        lambda F, f, x, m: F.vmap(F.grad(f))(m),
        lambda F, f, x, m: F.vjp(f, x)[1](F.grad(lambda y: y)(x[0])),
        lambda F, f, x, m: F.grad(lambda x: F.grad(f)(x).sum())(x),
        lambda F, f, x, m: F.grad(lambda x: F.vjp(f, x)[1](x[0])[0].sum())(x),
        lambda F, f, x, m: F.jacrev(F.grad(f))(x),
        lambda F, f, x, m: F.jvp(F.grad(f), (x,), (x,)),
        lambda F, f, x, m: F.hessian(f)(x),
        lambda F, f, x, m: F.vmap(F.hessian(f))(m),
    ],
)
@pytest.mark.parametrize("program", [hooked, several, of_nodes, of_inputs])
def test_hooks(program, transform):
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
    outcomes = []
    for t in (torch, xg):
        log = []
        value = run(lambda t, F, x, v, m, log=log: transform(F, program(t, log), x, m), t)
        outcomes.append(
            value
            if isinstance(value, Exception)
            else [value, [str(n).rpartition(".")[2] for n in log]]
        )
    assert not isinstance(outcomes[0], Exception), outcomes[0]
    assert not isinstance(outcomes[1], Exception), outcomes[1]
    assert close(*outcomes), f"\nxpgrad:  {outcomes[1]}\nPyTorch: {outcomes[0]}"


def test_a_hook_is_not_for_those_who_differentiate_the_gradient():
    x = xg.tensor(X, requires_grad=True)
    log = []
    g = func.grad(hooked(xg, log))(x)
    assert len(log) == 1
    g.sum().backward()
    assert len(log) == 1
    assert x.grad.tolist() == [22.0] * 3


def test_a_hook_from_outside():
    """One of a captured tensor, registered in the function, is for those outside."""
    w = xg.ones(3, requires_grad=True)
    log = []

    def f(x):
        w.register_hook(lambda g: log.append(1))
        return (w * x).sum()

    g = func.grad(f)(xg.tensor(X))
    assert log == []
    g.sum().backward()
    assert log == [1]


def test_hooks_need_a_history():
    for transform in (
        lambda f: func.jvp(f, (xg.ones(2),), (xg.ones(2),)),
        lambda f: xg.vmap(f)(xg.ones(2)),
    ):
        with pytest.raises(GradientError, match="cannot register a hook on a tensor that doesn't"):
            transform(lambda x: x.register_hook(print))


# ------------------------------------------------------------------ checkpoints in transforms


def costly(x):
    return (x.sin() * xg.ones(x.shape) * x).cumsum(0).sum()


def frugal(x):
    return checkpoint(costly, x, use_reentrant=False)


@pytest.mark.parametrize(
    "transform",
    [
        lambda f, x, m: func.grad(f)(x),
        lambda f, x, m: func.vjp(f, x)[1](xg.tensor(2.0))[0],
        lambda f, x, m: xg.vmap(f)(m),
        lambda f, x, m: xg.vmap(func.grad(f))(m),
        lambda f, x, m: func.grad(lambda m: xg.vmap(f)(m).sum())(m),
        lambda f, x, m: func.jvp(f, (x,), (x,))[1],
        lambda f, x, m: func.jvp(func.grad(f), (x,), (x,))[1],
        lambda f, x, m: func.jacrev(lambda x: f(x) * x)(x),
        lambda f, x, m: func.jacfwd(lambda x: f(x) * x)(x),
        lambda f, x, m: func.hessian(f)(x),
        lambda f, x, m: func.grad(lambda x: func.grad(f)(x).sum())(x),
        lambda f, x, m: xg.vmap(func.hessian(f))(m),
    ],
)
def test_checkpoints(transform):
    """In vmap and jvp as in PyTorch; the others, which PyTorch refuses, give what they should."""
    x, m = xg.tensor(X, dtype=xg.float64), xg.tensor(M, dtype=xg.float64)
    found, expected = transform(frugal, x, m), transform(costly, x, m)
    assert np.allclose(found.detach().numpy(), expected.detach().numpy(), rtol=1e-9)


def test_checkpoints_in_a_dual_level():
    p, v = xg.tensor(X, requires_grad=True), xg.tensor([1.0, 10.0, 100.0])
    outcomes = []
    for f in (costly, frugal):
        with fw.dual_level():
            d = fw.make_dual(p, v)
            y = f(d)
            (h,) = xg.autograd.grad(fw.unpack_dual(y).tangent, p, retain_graph=True)
            (g,) = xg.autograd.grad(y, d)
            outcomes.append([y.item(), *(t.tolist() for t in (h, g, fw.unpack_dual(g).tangent))])
    assert close(*outcomes)


def test_a_checkpoint_around_transforms():
    """Around gradients only with reentrance: PyTorch refuses, too, to save for them elsewhere."""
    m = xg.tensor(M, requires_grad=True)
    for reentrant, f in (
        (True, xg.vmap(func.grad(costly))),
        (True, xg.vmap(costly)),
        (False, xg.vmap(costly)),
        (False, lambda m: func.jvp(costly, (m,), (m,))[1]),
    ):
        (g,) = func.vjp(f, m.detach())[1](f(m.detach()))
        m.grad = None
        y = checkpoint(f, m, use_reentrant=reentrant)
        y.backward(f(m.detach()))
        assert np.allclose(m.grad.numpy(), g.numpy(), atol=1e-5)


def test_a_checkpoint_with_reentrance_is_refused():
    with pytest.raises(GradientError, match="must override the setup_context staticmethod"):
        func.grad(lambda x: checkpoint(costly, x, use_reentrant=True))(xg.tensor(X))


# ------------------------------------------------------------------ no_grad in transforms


def half_recorded(t):
    def f(x):
        with t.no_grad():
            y = x * 2
        return (y * x).sum()

    return f


def unrecorded(t, F):
    def f(x):
        with t.no_grad():
            return F.grad(lambda x: (x**3).sum())(x)

    return f


@pytest.mark.oracle
@pytest.mark.parametrize(
    "program",
    [
        lambda t, F, m: F.vmap(half_recorded(t))(m),
        lambda t, F, m: F.grad(half_recorded(t))(m),
        lambda t, F, m: F.vmap(F.grad(half_recorded(t)))(m),
        lambda t, F, m: F.vmap(lambda x: F.vmap(F.grad(half_recorded(t)))(x[:, None]))(m),
        lambda t, F, m: unrecorded(t, F)(m),
        lambda t, F, m: F.vmap(unrecorded(t, F))(m),
        lambda t, F, m: F.vmap(F.grad(lambda x: (unrecorded(t, F)(x) * x).sum()))(m),
    ],
)
def test_what_is_not_recorded_is_recorded_nowhere(program):
    """Neither for whoever differentiates outside of a transform, nor for an outer one."""
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
    outcomes = []
    for t in (torch, xg):

        def twice(t, F, x, v, m):
            m = m.clone().requires_grad_()
            out = program(t, F, m)
            if out.requires_grad:
                (out**2).sum().backward()
            return [out, m.grad, F.grad(lambda m: program(t, F, m).sum())(m.detach())]

        found = run(twice, t)
        assert not isinstance(found, Exception), found
        outcomes.append(found)
    assert close(*outcomes), f"\nxpgrad:  {outcomes[1]}\nPyTorch: {outcomes[0]}"
