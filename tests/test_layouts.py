"""What places name, order and count: the same whatever an array's layout, size and library are.

Random programs, run by PyTorch, and here by kernels for arrays of any size, by NumPy alone, and
by the portable forms on arrays that cannot be written to, and on array-api-strict's.
"""

import contextlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import xpgrad as xg
from namespaces import host, tensor, why_not
from xpgrad.registry import resolve
from xpgrad_backends import numba_kernels, numpy_places

torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")

pytestmark = [
    pytest.mark.oracle,
    pytest.mark.filterwarnings("ignore:index_reduce.. is in beta:UserWarning"),
]

HOWS = ("sum", "prod", "mean", "amax", "amin")


@contextlib.contextmanager
def by(way):
    """Kernels for arrays of any size, or none, and NumPy's other ways for all."""
    before = numba_kernels.LARGE, numba_kernels.enabled, numpy_places.SMALL
    numba_kernels.LARGE, numba_kernels.enabled, numpy_places.SMALL = 1, way == "kernels", 1
    try:
        yield
    finally:
        numba_kernels.LARGE, numba_kernels.enabled, numpy_places.SMALL = before


def laid_out(x, how):
    """The same numbers otherwise in memory: transposed, backwards, apart, behind others."""
    if how == "transposed":
        return np.asfortranarray(x)
    if how == "backwards":
        turn = (slice(None, None, -1),) * x.ndim
        return np.ascontiguousarray(x[turn])[turn]
    room = np.zeros((*x.shape[:-1], 2 * x.shape[-1] + 1), x.dtype)
    room[..., 1::2] = x
    return room[..., 1::2] if how == "apart" else x


@st.composite
def programs(draw):
    """A function of either library, its arrays, and which of them are differentiated."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    shape = draw(st.lists(st.integers(1, 5), min_size=1, max_size=3))
    axis = draw(st.integers(0, len(shape) - 1))
    n, m = shape[axis], draw(st.integers(0, 7))
    named = [*shape[:axis], m, *shape[axis + 1 :]]
    x, values = rng.standard_normal(shape), rng.standard_normal(named)
    each = rng.integers(0, n, named)
    how, flag = draw(st.sampled_from(HOWS)), draw(st.booleans())
    what = draw(st.sampled_from((
        "gather", "scatter_add", "scatter_reduce", "index_reduce", "index_add", "index_put",
        "searchsorted", "cummax", "sort", "median", "bools", "bincount", "unique",
    )))  # fmt: skip
    if what == "gather":
        return lambda t, x, i: t.gather(x, axis, i), (x, each), (0,)
    if what == "scatter_add":
        return lambda t, x, i, v: x.scatter_add(axis, i, v), (x, each, values), (0, 2)
    if what == "scatter_reduce":
        run = lambda t, x, i, v: x.scatter_reduce(axis, i, v, how, include_self=flag)
        return run, (x, each, values), (0, 2)
    line = rng.integers(0, n, m)
    if what == "index_reduce":
        kind = "prod" if how == "sum" else how
        run = lambda t, x, i, v: x.index_reduce(axis, i, v, kind, include_self=flag)
        return run, (x, line, values), (0, 2)
    if what == "index_add":
        return lambda t, x, i, v: x.index_add(axis, i, v, alpha=2), (x, line, values), (0, 2)
    if what == "index_put":  # places as a line, or one alone beside or instead of it
        parts = [
            rng.integers(-k, k, draw(st.sampled_from(((), (1,), (m,), (2, m))))) for k in shape
        ]
        parts = [p if p.ndim == 0 or p.shape == parts[0].shape else p.reshape(-1)[:1].sum()
                 for p in parts][: draw(st.integers(1, len(shape)))]  # fmt: skip
        run = lambda t, x, v, *i: x.index_put(i, v, accumulate=True)
        return run, (x, rng.standard_normal(()), *parts), (0, 1)
    kind = draw(st.sampled_from(("int64", "int32", "int16", "int8", "uint8")))
    if what == "searchsorted":
        lines = np.sort(rng.integers(0, 9, shape), axis=-1).astype(kind)
        return (
            lambda t, x, v: t.searchsorted(x, v, right=flag),
            (lines, rng.integers(0, 9, (*shape[:-1], m)).astype(kind)),
            (),
        )
    if flag:
        x[rng.random(shape) < 0.2] = np.nan
    if what == "cummax":
        return lambda t, x: (*t.cummax(x, axis), *t.cummin(x, axis)), (x,), ()
    if what == "sort":
        return lambda t, x: t.sort(x, dim=axis, stable=True, descending=flag), (x,), (0,)
    if what == "median":
        return lambda t, x: t.median(x, axis), (x,), (0,)
    if what == "bools":
        run = lambda t, x: (*t.sort(x, dim=axis, stable=True), *t.cummin(x, axis), x.prod(axis))
        return run, (x > 0,), ()
    counted = rng.integers(0, 9, m).astype(kind)
    if what == "bincount":
        weights = rng.standard_normal(m).astype(("f4", "f8")[flag])
        run = lambda t, x, w: (t.bincount(x, minlength=3), t.bincount(x, w))
        return run, (counted, weights), ()
    run = lambda t, x: t.unique(x, return_inverse=True, return_counts=True)
    return run, (np.resize(counted, shape) if m else rng.integers(0, 3, shape),), ()


def results(t, program, arrays, wanted, make):
    """The values of a program and the gradients of what is wanted."""
    inputs = [make(a).requires_grad_(i in wanted) for i, a in enumerate(arrays)]
    outs = program(t, *inputs)
    outs = tuple(outs) if isinstance(outs, tuple) else (outs,)
    roots = [out for out in outs if out.requires_grad]
    weights = [t.cumsum(t.ones_like(out).reshape(-1), 0).reshape(out.shape) for out in roots]
    sources = [inputs[i] for i in wanted] if roots else []
    grads = t.autograd.grad(roots, sources, weights, materialize_grads=True) if sources else ()
    return [out.detach() for out in (*outs, *grads)]


@pytest.mark.parametrize("way", ["kernels", "numpy", "readonly", "strict:0"])
def test_the_same_everywhere(way):
    if way == "kernels":
        pytest.importorskip("numba", reason="the extra `numba` is not installed: no kernels")
    device = way if way in ("readonly", "strict:0") else "cpu"
    if why_not(device):
        pytest.skip(why_not(device))
    ns, layouts = resolve(device), st.sampled_from(("rows", "transposed", "backwards", "apart"))

    def make(a):
        return xg.from_numpy(np.asarray(a)) if device == "cpu" else tensor(ns, a)

    @settings(max_examples=400, deadline=None, derandomize=True, database=None)
    @given(programs(), st.lists(layouts, min_size=5, max_size=5))
    def check(made, layouts):
        program, arrays, wanted = made
        arrays = [laid_out(a, how) if np.ndim(a) else a for a, how in zip(arrays, layouts)]
        before = [np.array(a) for a in arrays]
        theirs = results(torch, program, arrays, wanted, lambda a: torch.tensor(np.array(a)))
        with by(way):
            mine = results(xg, program, arrays, wanted, make)
        assert len(mine) == len(theirs)
        for a, b in zip(mine, theirs):
            np.testing.assert_allclose(host(a), b.numpy(), rtol=1e-9, atol=1e-12, strict=True)
        for a, b in zip(arrays, before):
            np.testing.assert_array_equal(a, b)  # nothing was written to

    check()
    assert numba_kernels.failures == {}
