"""Forward mode: the tangent of every op is its Jacobian times that of the inputs."""

import itertools

import numpy as np
import pytest

import xpgrad as xg
from namespaces import has_dtype, host, tensor
from numeric import inner
from test_ops import no_host_copies
from test_vmap import EVERYWHERE
from transforms import DYNAMIC, Case, assert_same, by_op, directions, samples, subsets
from xpgrad import func
from xpgrad.autograd import grad
from xpgrad.func import dual

WIDE = ("float64", "complex128")


def ops(keep=lambda row: row.differentiable):
    return [
        pytest.param(rows, id=name) for name, rows in by_op(keep).items() if name not in DYNAMIC
    ]


def cases(rows, ns, dtypes=WIDE):
    for row in rows:
        for what, inputs, settings in samples(row, ns, dtypes):
            yield f"{row.name} {what}", row, Case(row, ns, inputs, settings)


def of_some(case, tensors, chosen):
    """The case as a function of some of its arrays, giving its floating results."""

    def function(*some):
        given = list(tensors)
        for i, x in zip(chosen, some, strict=True):
            given[i] = x
        return tuple(o for o in case(*given) if o.dtype.is_differentiable)

    return function


def jacobian(function, inputs, tangents):
    """The Jacobian times tangents, row by row in reverse mode: a list of host arrays."""
    leaves = [x.detach().requires_grad_() for x in inputs]
    found = []
    for o in function(*leaves):
        product = np.zeros(tuple(o.shape), o.dtype.name)
        for place in np.ndindex(*o.shape):
            for unit in (1, 1j) if o.dtype.is_complex else (1,):
                seed = np.zeros(tuple(o.shape), o.dtype.name)
                seed[place] = unit
                rows = [None] * len(leaves)
                if o.requires_grad:
                    seed = tensor(o._ns, seed)
                    rows = grad(o, leaves, seed, retain_graph=True, allow_unused=True)
                product[place] += unit * sum(
                    inner(host(r), host(t))
                    for r, t in zip(rows, tangents, strict=True)
                    if r is not None
                )
        found.append(product)
    return found


def check_tangents(what, case):
    tensors = case.arrays()
    everything = directions(tensors, 3)
    for chosen in subsets(case.floating):
        function = of_some(case, tensors, chosen)
        inputs, tangents = [tensors[i] for i in chosen], [everything[i] for i in chosen]
        values, found = func.jvp(function, tuple(inputs), tuple(tangents))
        plain = function(*inputs)
        for v, p in zip(values, plain, strict=True):
            assert_same(v, p, f"{what}, value")
        for t, v, e in zip(found, values, jacobian(function, inputs, tangents), strict=True):
            assert t.dtype is v.dtype
            assert t._ns is v._ns
            assert_same(t, e, f"{what}, tangents of {chosen}", exact_dtype=False)


@pytest.mark.parametrize("rows", ops())
def test_each_op(rows, cpu):
    for what, _, case in cases(rows, cpu):
        check_tangents(what, case)


def second_orders(function, inputs, tangents, weights):
    """Hessian-vector products: reverse over reverse, forward over reverse, reverse over forward."""

    def gradient(*inputs):
        return func.vjp(function, *inputs)[1](weights)

    def slope(*inputs):
        return func.jvp(function, inputs, tangents)[1]

    _, pull = func.vjp(gradient, *inputs)
    reverse = pull(tangents)
    _, forward = func.jvp(gradient, inputs, tangents)
    _, pull = func.vjp(slope, *inputs)
    return reverse, forward, pull(weights)


def check_second_orders(what, case):
    tensors = case.arrays()
    chosen = case.floating
    function = of_some(case, tensors, chosen)
    inputs = tuple(tensors[i] for i in chosen)
    tangents = tuple(directions(inputs, 3))
    weights = tuple(directions(function(*inputs), 5))
    expected, forward, reverse = second_orders(function, inputs, tangents, weights)
    for i, e in enumerate(expected):
        assert_same(forward[i], e, f"{what}, forward over reverse, input {i}")
        assert_same(reverse[i], e, f"{what}, reverse over forward, input {i}")


@pytest.mark.parametrize("rows", ops(lambda row: row.differentiable and row.second_order))
def test_second_orders_agree(rows, cpu):
    for what, _, case in cases(rows, cpu):
        if case.floating:
            check_second_orders(what, case)


# ------------------------------------------------------------------ everywhere


@pytest.mark.parametrize("rows", ops(lambda row: row.differentiable and row.name in EVERYWHERE))
def test_tangents_everywhere(rows, ns, cpu):
    """On any namespace, as on NumPy, in the same dtype."""
    for row in rows:
        if row.cpu_only and ns.device.type not in ("cpu", "readonly"):
            continue
        if not all(has_dtype(ns, d) for d in row.needs):
            continue
        for what, inputs, settings in itertools.islice(samples(row, ns, ("float32",)), 4):
            found = []
            for where in (cpu, ns):
                case = Case(row, where, inputs, settings)
                tensors = case.arrays()
                chosen = [tensors[i] for i in case.floating]
                function = of_some(case, tensors, case.floating)
                tangents = [directions([t], 3)[0] for t in chosen]
                with no_host_copies(where, row):
                    found.append(func.jvp(function, tuple(chosen), tuple(tangents)))
            for a, e in zip(found[1][0] + found[1][1], found[0][0] + found[0][1], strict=True):
                assert a._ns is ns
                assert type(a._data) is ns.array_type
                assert_same(a, e, what)


# ------------------------------------------------------------------ more than one derivative


def test_tangents_of_tangents():
    x, t = xg.tensor([0.3, -1.2], dtype=xg.float64), xg.tensor([1.0, 2.0], dtype=xg.float64)

    def slope(f):
        return lambda x: func.jvp(f, (x,), (t,))[1]

    f, first, second, third = xg.sin, x.cos() * t, -x.sin() * t**2, -x.cos() * t**3
    for expected in (first, second, third):
        f = slope(f)
        assert_same(f(x), expected, "")


def test_jacobians_and_hessians_agree():
    def f(x):
        return xg.stack([(x * x.flip(0)).prod(), x.exp().cumsum(0).log().sum(), x[0] ** 3])

    def g(x):
        return (f(x) ** 2).sum()

    x = xg.tensor([0.5, -1.0, 2.0, 0.1], dtype=xg.float64)
    forward, reverse = func.jacfwd(f)(x), func.jacrev(f)(x)
    assert_same(forward, reverse, "Jacobians")
    expected = func.jacrev(func.jacrev(g))(x)
    for outer, inner_ in itertools.product((func.jacfwd, func.jacrev), repeat=2):
        assert_same(outer(inner_(g))(x), expected, "Hessians")
    assert_same(func.hessian(g)(x), expected, "hessian")


@pytest.mark.parametrize("cut", ["detach", "data", "detach_"])
def test_detach_cuts_off_tangents_too(cut):
    """At every level, as in PyTorch."""

    def f(v):
        constant = {"detach": v.detach, "data": lambda: v.data, "detach_": v.clone().detach_}
        return constant[cut]() * v

    x, t = xg.tensor([1.0, 2.0]), xg.ones(2)
    assert func.jvp(f, (x,), (t,))[1].tolist() == [1.0, 2.0]
    assert func.jvp(func.vmap(f), (x,), (t,))[1].tolist() == [1.0, 2.0]
    gradient = func.grad(lambda x: f(x).sum())
    assert func.jvp(gradient, (x,), (t,))[1].tolist() == [0.0, 0.0]
    slope = func.grad(lambda x: func.jvp(f, (x,), (t,))[1].sum())
    assert slope(x).tolist() == [0.0, 0.0]


def test_a_detached_tensor_stays_detached_when_its_source_is_written_to():
    def f(x):
        y = x.clone()
        seen = y.detach()
        y *= x
        return seen * x

    _, slope = func.jvp(f, (xg.tensor([1.0, 2.0]),), (xg.ones(2),))
    assert slope.tolist() == [1.0, 4.0]


def test_no_grad_is_about_gradients_alone():
    """Recording and tangents are two things: PyTorch's transforms say so."""

    def f(x):
        with xg.no_grad():
            c = x**2
        return x - c

    x = xg.tensor(3.0)
    assert func.grad(f)(x).item() == 1.0
    assert func.jvp(f, (x,), (xg.ones(()),))[1].item() == -5.0


# ------------------------------------------------------------------ the tests, tested


@pytest.mark.parametrize("name", ["softmax", "multiply", "matmul"])
def test_a_tangent_wrong_by_a_thousandth_fails(name, cpu, monkeypatch):
    row = next(row for row in by_op()[name] if row.differentiable)
    what, _, case = next(iter(cases([row], cpu)))
    check_tangents(what, case)
    check_second_orders(what, case)
    tangent = dual.TANGENTS[name]
    monkeypatch.setitem(dual.TANGENTS, name, lambda *args: tangent(*args) * 1.001)
    with pytest.raises(AssertionError):
        check_tangents(what, case)
    with pytest.raises(AssertionError):
        check_second_orders(what, case)
