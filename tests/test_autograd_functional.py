"""autograd.functional: Jacobians, Hessians and their products, against each other and PyTorch."""

import re
import warnings

import numpy as np
import pytest

import xpgrad as xg
from namespaces import host, tensor
from xpgrad.autograd import functional as F


def vec(*values, dtype=xg.float64):
    return xg.tensor(values, dtype=dtype)


def cube_sum(x):
    return (x * x * x).sum()


def assert_same(a, b):
    """Equal nesting, shapes and values."""
    if isinstance(b, tuple):
        assert isinstance(a, tuple)
        assert len(a) == len(b)
        for u, v in zip(a, b, strict=True):
            assert_same(u, v)
    else:
        b = np.asarray(b)
        assert tuple(a.shape) == b.shape
        np.testing.assert_allclose(host(a), b, rtol=1e-5)


# ------------------------------------------------------------------ values


def test_on_every_namespace(ns):
    x = tensor(ns, np.array([1.0, 2.0, 3.0]))
    v = tensor(ns, np.array([1.0, 0.0, 2.0]))
    assert_same(F.jacobian(lambda x: x * x, x), np.diag([2.0, 4.0, 6.0]))
    assert_same(F.hessian(cube_sum, x), np.diag([6.0, 12.0, 18.0]))
    assert_same(F.vjp(lambda x: x * x, x, v), ([1.0, 4.0, 9.0], [2.0, 0.0, 12.0]))
    assert_same(F.jvp(lambda x: x * x, x, v), ([1.0, 4.0, 9.0], [2.0, 0.0, 12.0]))
    assert_same(F.vhp(cube_sum, x, v), (36.0, [6.0, 0.0, 36.0]))
    assert_same(F.hvp(cube_sum, x, v), (36.0, [6.0, 0.0, 36.0]))
    for found in (F.jacobian(lambda x: x * x, x), F.hvp(cube_sum, x, v)[1]):
        assert found._ns is ns


def test_the_jacobian_of_the_tutorial():
    def f(x):
        return xg.stack([x[0] * x[1], x[1] * x[1], x[2] + x[0]])

    found = F.jacobian(f, xg.tensor([1.0, 2.0, 3.0]))
    assert repr(found) == ("tensor([[2., 1., 0.],\n        [0., 4., 0.],\n        [1., 0., 1.]])")


def test_products_agree_with_the_jacobian():
    def f(x, y):
        return (x * y.exp()).sum(0), xg.outer(x.sin(), y)

    x, y = vec(0.3, -0.7), vec(0.1, 0.2)
    j = F.jacobian(f, (x, y))
    v = vec(1.0, -2.0), vec(0.5, 3.0)
    (_, tangents) = F.jvp(f, (x, y), v)
    for row, t in zip(j, tangents, strict=True):
        expected = sum(np.tensordot(host(m), host(u), 1) for m, u in zip(row, v, strict=True))
        np.testing.assert_allclose(host(t), expected)
    w = xg.tensor(2.0, dtype=xg.float64), xg.tensor([[1.0, 2.0], [3.0, 4.0]], dtype=xg.float64)
    (_, cotangents) = F.vjp(f, (x, y), w)
    for i, c in enumerate(cotangents):
        expected = sum(np.tensordot(host(u), host(j[o][i]), host(u).ndim) for o, u in enumerate(w))
        np.testing.assert_allclose(host(c), expected)


def test_hessian_products_agree_with_the_hessian():
    def f(x, y):
        return (x * x * y).sum() + (y * y * y * x).sum()

    x, y = vec(0.3, -0.7), vec(0.1, 0.2)
    v = vec(1.0, -2.0), vec(0.5, 3.0)
    h = F.hessian(f, (x, y))
    expected = tuple(sum(host(h[i][j]) @ host(v[j]) for j in (0, 1)) for i in (0, 1))
    assert_same(F.hvp(f, (x, y), v)[1], expected)
    assert_same(F.vhp(f, (x, y), v)[1], expected)


def test_shapes_of_results():
    x, s = xg.ones(2, 3), xg.tensor(2.0)
    assert F.jacobian(lambda x: x.sum(), x).shape == (2, 3)
    assert F.jacobian(lambda s: s * x, s).shape == (2, 3)
    assert F.jacobian(lambda s: s * s, s).shape == ()
    assert F.jacobian(lambda x: x.sum(1), x).shape == (2, 2, 3)
    assert F.hessian(lambda x: (x * x).sum(), x).shape == (2, 3, 2, 3)
    for empty in (xg.ones(0), xg.ones(0, 3)):
        shape = tuple(empty.shape)
        assert F.jacobian(lambda x: x * 2.0, empty).shape == shape + shape
    assert F.jacobian(lambda x: x[:0], xg.ones(3)).shape == (0, 3)


def test_tuples_in_and_out():
    x = vec(1.0, 2.0)
    one = F.jacobian(lambda x: (x * 2.0,), x)
    assert isinstance(one, tuple)
    assert one[0].shape == (2, 2)
    one = F.jacobian(lambda x: x * 2.0, (x,))
    assert isinstance(one, tuple)
    assert one[0].shape == (2, 2)
    two = F.jacobian(lambda x, y: (x * y, x.sum()), (x, x))
    assert [[m.shape for m in row] for row in two] == [[(2, 2), (2, 2)], [(2,), (2,)]]
    assert_same(two[0][0], [[1.0, 0.0], [0.0, 2.0]])
    h = F.hessian(lambda x: (x * x).sum(), (x,))
    assert isinstance(h, tuple)
    assert isinstance(h[0], tuple)


def test_one_tensor_twice():
    x = vec(1.0, 2.0).requires_grad_()
    for create_graph in (False, True):
        a, b = F.jacobian(lambda a, b: (a * 3.0 + b).sum(), (x, x), create_graph=create_graph)
        assert a.tolist() == [3.0, 3.0]
        assert b.tolist() == [1.0, 1.0]


def test_independent_outputs_give_zeros():
    x, c = vec(1.0, 2.0), vec(5.0, 6.0)
    assert_same(F.jacobian(lambda x: c, x), np.zeros((2, 2)))
    assert_same(F.jacobian(lambda x, y: x * 2.0, (x, x))[1], np.zeros((2, 2)))
    assert_same(F.hessian(lambda x: x.sum(), x), np.zeros((2, 2)))
    assert_same(F.hessian(lambda x: c.sum(), x), np.zeros((2, 2)))
    assert_same(F.vjp(lambda x: c, x, c), ([5.0, 6.0], [0.0, 0.0]))
    assert_same(F.jvp(lambda x: c, x, c), ([5.0, 6.0], [0.0, 0.0]))
    for product in (F.vhp, F.hvp):
        assert_same(product(lambda x: x.sum(), x, c), (3.0, [0.0, 0.0]))
        assert_same(product(lambda x: c.sum(), x, c), (11.0, [0.0, 0.0]))


def test_vectors_may_be_omitted_for_numbers():
    s = xg.tensor(3.0)
    assert_same(F.vjp(lambda s: s * s, s), (9.0, 6.0))
    assert_same(F.jvp(lambda s: s * s, s), (9.0, 6.0))
    assert_same(F.vhp(lambda s: s * s * s, s), (27.0, 18.0))
    assert_same(F.hvp(lambda s: s * s * s, xg.tensor([3.0])), ([27.0], [18.0]))


def test_complex_products():
    z = xg.tensor([1 + 2j, 3 - 1j], dtype=xg.complex128)
    v = xg.tensor([1j, 2 + 1j], dtype=xg.complex128)
    _, tangent = F.jvp(lambda z: z * z, z, v)
    np.testing.assert_allclose(host(tangent), 2 * host(z) * host(v))
    _, cotangent = F.vjp(lambda z: z * z, z, v)
    np.testing.assert_allclose(host(cotangent), np.conj(2 * host(z)) * host(v))


def test_dtypes_follow_inputs():
    x = xg.tensor([1.0, 2.0])
    assert F.jacobian(lambda x: x.double() * 2.0, x).dtype is xg.float32
    assert F.jvp(lambda x: x.double() * 2.0, x, x)[1].dtype is xg.float64


# ------------------------------------------------------------------ graphs


def test_nothing_is_left_behind():
    x = vec(1.0, 2.0).requires_grad_()
    w = vec(3.0, 4.0).requires_grad_()
    found = (
        F.jacobian(lambda x: x * w, x),
        F.hessian(lambda x: (x * x * w).sum(), x),
        *F.vjp(lambda x: x * w, x, w),
        *F.jvp(lambda x: x * w, x, w),
        *F.vhp(lambda x: (x * x * w).sum(), x, w),
        *F.hvp(lambda x: (x * x * w).sum(), x, w),
    )
    assert not any(t.requires_grad for t in found)
    assert x.grad is None
    assert w.grad is None
    assert x.requires_grad


@pytest.mark.parametrize("mode", [xg.no_grad, xg.enable_grad])
def test_grad_mode_outside_does_not_matter(mode):
    x = vec(1.0, 2.0)
    with mode():
        assert_same(F.jacobian(lambda x: x * x, x), np.diag([2.0, 4.0]))
        assert_same(F.hvp(cube_sum, x, x)[1], [6.0, 24.0])


def test_create_graph():
    x = vec(1.0, 2.0).requires_grad_()
    j = F.jacobian(lambda x: x * x * x, x, create_graph=True)
    (g,) = xg.autograd.grad(j.sum(), x)
    assert g.tolist() == [6.0, 12.0]
    h = F.hessian(cube_sum, x, create_graph=True)
    (g,) = xg.autograd.grad(h.sum(), x)
    assert g.tolist() == [6.0, 6.0]
    v = vec(1.0, 1.0).requires_grad_()
    for product in (F.vjp, F.jvp):
        _, p = product(lambda x: x * x * x, x, v, create_graph=True)
        gx, gv = xg.autograd.grad(p.sum(), (x, v))
        assert gx.tolist() == [6.0, 12.0]
        assert gv.tolist() == [3.0, 12.0]
    for product in (F.vhp, F.hvp):
        _, p = product(cube_sum, x, v, create_graph=True)
        gx, gv = xg.autograd.grad(p.sum(), (x, v))
        assert gx.tolist() == [6.0, 6.0]
        assert gv.tolist() == [6.0, 12.0]


# ------------------------------------------------------------------ all ways give the same

JACOBIANS = ({}, {"vectorize": True}, {"vectorize": True, "strategy": "forward-mode"})
HESSIANS = ({}, {"vectorize": True}, {"vectorize": True, "outer_jacobian_strategy": "forward-mode"})

# What is differentiated; at what. `k` is a constant, `w` a captured tensor that is differentiable.
FUNCTIONS = {
    line.partition(":")[0].strip(): line.partition(":")[2].strip()
    for line in """
    elementwise: lambda x: x * x.sin(); v
    captured: lambda x: x * w; v
    matrix: lambda m: m @ m.t(); m
    tuple out: lambda x: (x * x, x.sum()); v
    tuple of one: lambda x: (x * x,); (v,)
    tuples: lambda x, y: (x * y.sum(), (x * x).sum(), y.exp()); (v, u)
    same twice: lambda x, y: x * 3.0 + y; (v, v)
    unused input: lambda x, y: x * x; (v, u)
    unrelated output: lambda x: (x * x, k); v
    all unrelated: lambda x: k; v
    integer output: lambda x: (x * x, t.tensor([1, 2])); v
    swapped: lambda x, y: (y, x); (v, u)
    number: lambda s: s * s; s
    number to vector: lambda s: s * k; s
    one element: lambda x: (x * x).sum(0, keepdim=True); v
    part: lambda x: x[:1] * x[1:]; v
    detached: lambda x: x.detach() * x; v
    in place: lambda x: x.clone().mul_(x); v
    another dtype: lambda x: x.float() * 2.0; v
    requires gradient: lambda x: x * x; w
    complex: lambda z: z * z.sin(); z
    conjugate: lambda z: z.conj() * z; z
    to real: lambda z: (z * z.conj()).real; z
    to complex: lambda x: x * (1 + 2j); v
    no elements: lambda e: e * 2.0; e
    some without elements: lambda x, e: (x * 2.0, e * 3.0); (v, e)
    no elements out: lambda x: x[:0]; v
    integers: lambda x: x * 2; t.tensor([1, 2])
    list out: lambda x: [x * 2.0]; v
    list in: lambda x: x * 2.0; [v]
    number out: lambda x: 3; v
    number in tuple out: lambda x: (x, 3); v
    number in: lambda x: x; 3
    number in tuple in: lambda x, y: x; (v, 3)
    cube: lambda x: (x * x * x).sum(); v
    product: lambda x, y: (x * x).sum() * (y * y * y).sum(); (v, u)
    mixed: lambda x, s: (x * x).sum() * s; (v, s)
    linear: lambda x: x.sum(); v
    linear in one: lambda x, y: (x * x).sum() + y.sum(); (v, u)
    constant: lambda x: k.sum(); v
    unused in sum: lambda x, y: (x * x).sum(); (v, u)
    captured sum: lambda x: (x * x * x * w).sum(); v
    complex sum: lambda z: (z * z * z.conj()).real.sum(); z
    sum of none: lambda e: (e * e).sum(); e
    """.strip().splitlines()
}


def names(t):
    """What a function of the table can use."""

    def real(*values, **options):
        return t.tensor(values, dtype=t.float64, **options)

    return {
        "t": t, "v": real(0.3, -0.7), "u": real(0.1, 0.2, 1.3), "k": real(5.0, 6.0),
        "w": real(3.0, 4.0, requires_grad=True), "s": real(3.0)[0], "e": real(),
        "m": real(0.3, 1.2, 2.0, 0.1).reshape(2, 2), "z": t.tensor([1 + 2j, 3 - 1j]),
    }  # fmt: skip


def outcome(t, call, case, vector=None, **options):
    """What a function of `functional` makes of a case: plain values, or the error."""
    scope = names(t)
    function, inputs = (eval(part, scope) for part in FUNCTIONS[case].split("; "))
    try:
        given = [] if vector is None else [vector(t, call, function, inputs)]
        found = getattr(t.autograd.functional, call)(function, inputs, *given, **options)
        return plain(found)
    except Exception as error:
        return error


def fitting(t, call, function, inputs):
    """A vector for a product: ones, like the output for `vjp` and like the inputs for others."""
    if call == "vjp":
        inputs = function(*inputs) if isinstance(inputs, tuple) else function(inputs)
    return tuple(map(t.ones_like, inputs)) if isinstance(inputs, tuple) else t.ones_like(inputs)


MISFITS = (
    lambda t, *_: None,
    lambda t, *_: t.ones(3),
    lambda t, *_: (t.ones(3),),
    lambda t, *_: [t.ones(2)],
    lambda t, *_: (t.ones(2), 3),
    lambda t, *_: (t.ones(2), t.ones(3)),
)


def plain(found):
    if isinstance(found, (tuple, list)):
        return [plain(part) for part in found]
    return str(found.dtype).rpartition(".")[2], found.requires_grad, found.detach().numpy()


def assert_plain(a, b, history=True, dtype=True):
    if isinstance(b, list):
        assert isinstance(a, list)
        assert len(a) == len(b)
        for u, v in zip(a, b, strict=True):
            assert_plain(u, v, history, dtype)
    else:
        assert a[0] == b[0] or not dtype
        assert a[1] == b[1] or not history
        assert a[2].shape == b[2].shape
        np.testing.assert_allclose(a[2], b[2], rtol=1e-5, atol=1e-7)


def agree(expected, found, history=True):
    """Whether PyTorch and xpgrad do the same; PyTorch cannot do without elements."""
    if not isinstance(expected, Exception):
        assert not isinstance(found, Exception), found
        assert_plain(found, expected, history)
        return
    words = str(expected).replace("torch.", "xpgrad.").replace("isonly", "is only")
    if not isinstance(found, Exception) or "INTERNAL ASSERT" in words:
        assert re.search("non-empty TensorList|with size 0|dims of size 0|INTERNAL ASSERT", words)
        return
    assert isinstance(found, type(expected)), found
    if "given to None" not in words:  # PyTorch forgot to name itself
        # It says the number of the output where it means the input.
        number = r"input \d. This is not allowed in strict mode when"
        assert re.sub(number, "", words) in re.sub(number, "", str(found))


@pytest.mark.oracle
@pytest.mark.parametrize("case", FUNCTIONS)
def test_all_ways_like_torch(case):
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
    for call, ways in (("jacobian", JACOBIANS), ("hessian", HESSIANS)):
        for options in (
            *ways, {"create_graph": True}, {"create_graph": True, "vectorize": True},
            {"strict": True}, {"strict": True, "create_graph": True},
            {"strict": True, "vectorize": True}, {"strict": True, **ways[2]},
            {"create_graph": True, **ways[2]}, {**ways[2], "vectorize": False},
        ):  # fmt: skip
            # In forward mode, PyTorch gives results with a history that was not asked for.
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                expected = outcome(torch, call, case, **options)
            agree(expected, outcome(xg, call, case, **options), history=options != ways[2])


@pytest.mark.oracle
@pytest.mark.parametrize("case", FUNCTIONS)
def test_products_like_torch(case):
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
    for call in ("vjp", "jvp", "vhp", "hvp"):
        for options in (
            {}, {"create_graph": True}, {"strict": True}, {"strict": True, "create_graph": True},
        ):  # fmt: skip
            expected = outcome(torch, call, case, fitting, **options)
            agree(expected, outcome(xg, call, case, fitting, **options))
        for vector in MISFITS:
            agree(outcome(torch, call, case, vector), outcome(xg, call, case, vector))


@pytest.mark.parametrize("case", FUNCTIONS)
def test_all_ways_give_the_same(case):
    for call, ways in (("jacobian", JACOBIANS), ("hessian", HESSIANS)):
        one, *others = [outcome(xg, call, case, **options) for options in ways]
        if isinstance(one, Exception):
            # A batch of rows or columns is possible for complex outputs, too.
            possible = "real scalar outputs" in str(one)
            assert possible or all(isinstance(other, Exception) for other in others)
            continue
        assert_plain(others[0], one)
        # In forward mode the dtype is the output's. Of a real function of complex numbers it gives
        # the slope along the real axis, which the gradient has for its real part.
        if call == "jacobian" and "real" in FUNCTIONS[case]:
            one = (*one[:2], one[2].real)
        assert_plain(others[1], one, dtype=False)


def test_forward_mode_gives_results_without_history():
    x, w = vec(1.0, 2.0).requires_grad_(), vec(3.0, 4.0).requires_grad_()
    assert not F.jacobian(lambda x: x * w, x, **JACOBIANS[2]).requires_grad
    assert not F.hessian(lambda x: (x * x * w).sum(), x, **HESSIANS[2]).requires_grad


def test_all_rows_take_one_backward():
    seen = []

    def f(x):
        y = x * x
        y.register_hook(lambda g: seen.append(tuple(g.shape)))
        return y.exp(), y.sum()

    x = vec(1.0, 2.0, 3.0)
    F.jacobian(f, x, vectorize=True)
    assert seen == [(3,)]
    F.jacobian(f, x)
    assert len(seen) == 1 + 3 + 1


def test_forward_mode_calls_the_function_once():
    calls = []

    def f(x):
        calls.append(x.shape)
        return (x * x).sum()

    F.jacobian(f, vec(1.0, 2.0, 3.0), **JACOBIANS[2])
    assert calls == [(3,)]
    F.hessian(f, vec(1.0, 2.0, 3.0), **HESSIANS[2])
    assert calls == [(3,)] * 2


@pytest.mark.parametrize("vectorize", [False, True])
def test_jacobians_in_a_graph(vectorize):
    """A penalty on a Jacobian or a Hessian, differentiated by inputs and by what was captured."""
    x, w = vec(0.3, -0.7).requires_grad_(), vec(0.5, 1.5).requires_grad_()
    options = {"create_graph": True, "vectorize": vectorize}

    def penalty(x, w):
        j = F.jacobian(lambda x: ((x * w).sin(), x.sum() * w), x, **options)
        h = F.hessian(lambda x: (x * x * x * w).sum(), x, **options)
        return sum((m * m).sum() for m in (*j, h))

    assert xg.autograd.gradcheck(penalty, (x, w))


def test_on_every_namespace_in_every_way(ns):
    x = tensor(ns, np.array([1.0, 2.0, 3.0]))
    for options in JACOBIANS:
        found = F.jacobian(lambda x: x * x, x, **options)
        assert found._ns is ns
        assert_same(found, np.diag([2.0, 4.0, 6.0]))
    for options in HESSIANS:
        found = F.hessian(cube_sum, x, **options)
        assert found._ns is ns
        assert_same(found, np.diag([6.0, 12.0, 18.0]))


def test_inside_transforms():
    def f(x):
        return (x * x * x).sum()

    x = vec(1.0, 2.0)
    batch = xg.stack([x, x * 10.0])
    for options in HESSIANS:
        found = xg.vmap(lambda x, o=options: F.hessian(f, x, **o))(batch)
        assert_same(found, [np.diag([6.0, 12.0]), np.diag([60.0, 120.0])])


# ------------------------------------------------------------------ strict mode


def made(forward, backward):
    """A `Function`, for derivatives that are constant though they are there."""

    class Made(xg.autograd.Function):
        pass

    Made.forward = staticmethod(lambda ctx, x: forward(x))
    Made.backward = staticmethod(lambda ctx, g: backward(g))
    return Made.apply


def test_strict_mode_wants_gradients_that_depend_on_what_comes_in():
    f = made(lambda x: x * 2.0, lambda g: g.detach() * 2.0)
    x = vec(1.0, 2.0)
    with pytest.raises(RuntimeError, match="with respect to input 0 is independent of the inputs"):
        F.jvp(f, x, x, strict=True)
    assert_same(F.jvp(f, x, x), ([2.0, 4.0], [0.0, 0.0]))


@pytest.mark.oracle
def test_like_torch():
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")

    def program(t):
        F = t.autograd.functional
        x, y = t.tensor([[0.3, 1.2], [2.0, 0.1]]), t.tensor([0.5, 1.5])

        def many(x, y):
            return (x * y).sin(), (x * x).sum() * y

        def one(x, y):
            return ((x * y).sin() * x).sum() + (y * y * y).sum()

        v, w = t.ones(2, 2) * 2, t.tensor([3.0, 4.0])
        found = [
            F.jacobian(many, (x, y)),
            F.hessian(one, (x, y)),
            F.vjp(many, (x, y), (v, w)),
            F.jvp(many, (x, y), (v, w)),
            F.vhp(one, (x, y), (v, w)),
            F.hvp(one, (x, y), (v, w)),
        ]
        return flat(found)

    def flat(found):
        if isinstance(found, (tuple, list)):
            return [a for part in found for a in flat(part)]
        return [found.detach().numpy()]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = program(torch)
    found = program(xg)
    assert len(found) == len(expected) == 4 + 4 + 4 + 4 + 3 + 3
    for a, b in zip(found, expected, strict=True):
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


# ------------------------------------------------------------------ errors beside test_messages


def test_integers_cannot_be_differentiated():
    with pytest.raises(RuntimeError, match="only Tensors of floating point dtype can require grad"):
        F.jacobian(lambda x: x * 2, xg.tensor([1, 2]))
