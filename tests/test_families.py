"""Families of functions on every namespace: the same values and gradients as on the CPU.

What they give there is compared with PyTorch, entry by entry, in test_op_db.
"""

import numpy as np
import pytest

import xpgrad as xg
from namespaces import NAMES, has_dtype, why_not
from xpgrad.registry import resolve

pytest.importorskip("scipy", reason="special functions are SciPy's")

X = [[0.3, 0.7, 0.2], [0.9, 0.4, 0.6]]
Y = [0.5, 0.1, 0.8]

# Expressions in `x` (2, 3) and `y` (3,), two leaves; `i` makes integers, and `t` is the library.
EXPRESSIONS = [
    "t.special.ndtr(x)", "t.special.log_ndtr(x)", "t.special.i1e(x)",
    "t.special.zeta(x.detach() + 2, y)",
    "t.polygamma(2, x)", "t.mvlgamma(x + 2, 2)", "t.igamma(x.detach(), y)", "t.sinc(x)",
    "t.special.xlog1py(x, y)", "t.special.spherical_bessel_j0(x)", "t.special.entr(x)",
    "t.cov(x)", "t.cov(x, aweights=y)", "t.corrcoef(x)", "t.cummax(x, 1).values",
    "t.cummin(x, 0).indices", "t.logcumsumexp(x, 1)", "t.nanmedian(x)", "t.mode(x, 1).values",
    "t.quantile(x, 0.3, 1)", "t.quantile(x, y, interpolation='linear')",
    "t.nanquantile(x, y, 1, keepdim=True, interpolation='midpoint')",
    "t.gradient(x, dim=1, edge_order=2)[0]", "t.gradient(x, spacing=(y[:2], y))[1]",
    "t.trapezoid(x, y)", "t.cumulative_trapezoid(x, dx=0.5)",
    "t.cdist(x, x + y)", "t.cdist(x, x + y, p=1)", "t.renorm(x, 2, 0, 0.5)",
    "t.frexp(x).mantissa", "t.frexp(x).exponent", "t.ldexp(x, i([1, 2, 3]))",
    "t.combinations(y, 2)", "t.cartesian_prod(y, y)", "t.diagflat(y, 1)", "t.fill(x, y[0])",
    "x.unfold(1, 2, 1)", "t.as_strided(x, (2, 2), (2, 1), 1)", "x.t().as_strided((2,), (3,))",
    "t.as_strided_scatter(x, y, (3,), (2,))", "t.diagonal_scatter(x, y[:2])",
    "t.scatter_reduce(x, 1, i([[0, 0, 1], [2, 2, 2]]), x * 2, 'prod')",
    "t.scatter_reduce(x, 1, i([[0, 0, 1], [2, 2, 2]]), x * 2, 'mean', include_self=False)",
    "t.scatter_reduce(x, 1, i([[0, 0, 1], [2, 2, 2]]), x * 2, 'amax')",
    "t.index_reduce(x, 0, i([1, 1]), x + 1, 'amin')", "t.index_fill(x, 1, i([0, 0]), y[0])",
    "t.gather(y, 0, i([[]]).reshape(1, 0))", "t.put(y[0], i([0]), y[1:2])",
    "t.unfold_copy(x, 1, 2, 1)", "t.unbind_copy(x)[1]", "x.sum_to_size(1, 3)",
    "t.unique(i([[2, 1], [0, 3], [2, 1]]), dim=0)", "t.unique_consecutive(i([1, 1, 2, 1]))",
    "t.gcd(i([12, 18]), i([8, -27]))", "t.lcm(i([4, 0]), i([6, 3]))", "t.histc(x, 4, 0, 1)",
    "t.searchsorted(x.sort().values, x)", "t.bucketize(x, y.sort().values, out_int32=True)",
    "t.unravel_index(i([4, 1]), (2, 3))[0]", "t.diff(x, 2, prepend=x[:, :1])",
]  # fmt: skip


def evaluate(expression, device):
    """The value and the gradients of an expression on a device, as host arrays."""
    ns = resolve(device)
    wide = "float64" if has_dtype(ns, "float64") else "float32"
    x, y = (
        xg.tensor(v, dtype=getattr(xg, wide), device=device, requires_grad=True) for v in (X, Y)
    )

    def integers(values):
        return xg.tensor(np.asarray(values, "int64").tolist(), device=device).to(
            xg.int64 if has_dtype(ns, "int64") else xg.int32
        )

    out = eval(expression, {"t": xg, "x": x, "y": y, "i": integers})
    assert out.device == xg.device(device)
    found = [np.array(out.detach().cpu())]
    if out.requires_grad:
        scale = xg.arange(1, out.numel() + 1, dtype=out.dtype, device=device).reshape(out.shape)
        grads = xg.autograd.grad((out * scale).sum(), (x, y), allow_unused=True)
        found += [None if g is None else np.array(g.cpu()) for g in grads]
    return found


@pytest.mark.parametrize("device", [n for n in NAMES if n != "cpu"])
@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_the_same_everywhere(expression, device):
    if why_not(device):
        pytest.skip(why_not(device))
    narrow = not has_dtype(resolve(device), "float64")
    expected, found = evaluate(expression, "cpu"), evaluate(expression, device)
    assert len(expected) == len(found)
    for a, b in zip(found, expected, strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            close = 2e-5 if narrow else 1e-12
            np.testing.assert_allclose(a, b, rtol=close, atol=close)


BATCHED = [e for e in EXPRESSIONS if not any(w in e for w in ("unique", "histc", "combinations"))]


@pytest.mark.parametrize("expression", BATCHED)
def test_the_same_for_each_example_of_a_batch(expression):
    def of(x, y):
        names = {"t": xg, "x": x, "y": y, "i": lambda v: xg.tensor(np.asarray(v, "int64"))}
        return eval(expression, names)

    xs = xg.tensor([X, np.flip(X).tolist()], dtype=xg.float64)
    ys = xg.tensor([Y, [0.2, 0.3, 0.9]], dtype=xg.float64)
    together = xg.vmap(of)(xs, ys)
    for n in range(2):  # copies: the memory of an example is its own there
        alone = of(xs[n].clone(), ys[n].clone())
        np.testing.assert_allclose(together[n].numpy(), alone.numpy(), rtol=1e-12)
