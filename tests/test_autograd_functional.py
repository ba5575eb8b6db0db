"""autograd.functional: Jacobians, Hessians and their products, against each other and PyTorch."""

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


def test_vectorize_changes_nothing():
    x = vec(1.0, 2.0)
    assert_same(F.jacobian(lambda x: x * x, x, vectorize=True), np.diag([2.0, 4.0]))
    assert_same(F.hessian(cube_sum, x, vectorize=True), np.diag([6.0, 12.0]))


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


def test_forward_mode_is_announced():
    x = vec(1.0, 2.0)
    with pytest.raises(NotImplementedError, match='use strategy="reverse-mode"'):
        F.jacobian(lambda x: x, x, strategy="forward-mode", vectorize=True)
    with pytest.raises(NotImplementedError, match='strategy="reverse-mode"'):
        F.hessian(cube_sum, x, outer_jacobian_strategy="forward-mode", vectorize=True)


def test_integers_cannot_be_differentiated():
    with pytest.raises(RuntimeError, match="only Tensors of floating point dtype can require grad"):
        F.jacobian(lambda x: x * 2, xg.tensor([1, 2]))
