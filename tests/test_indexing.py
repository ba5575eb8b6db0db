"""``x[index]`` and ``x[index] = value``: against NumPy below, against PyTorch above."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import xpgrad as xg
from namespaces import NAMES, host, tensor, why_not
from xpgrad import indexing
from xpgrad.namespace import Namespace
from xpgrad.registry import resolve

# ------------------------------------------------------------------ the namespaces' own indexing


@st.composite
def indices(draw):
    """A shape and an index for it, of any mixture that NumPy takes (and some it does not)."""
    shape = draw(hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4))
    block = draw(st.sampled_from([(), (1,), (2,), (3,), (2, 3), (0,)]))
    parts, dim, dots = [], 0, False
    while len(parts) < 7:
        kinds = ["stop", "none", "bool"] + ["dots"] * (not dots)
        if dim < len(shape):
            kinds += ["int", "slice", "array", "mask", "int", "slice", "array"]
            n = shape[dim]
        kind = draw(st.sampled_from(kinds))
        if kind == "stop":
            break
        if kind == "none":
            parts.append(None)
        elif kind == "bool":
            parts.append(draw(st.booleans()))
        elif kind == "dots":
            dots = True
            parts.append(...)
            dim += draw(st.integers(0, len(shape) - dim))
        elif kind == "mask":
            width = draw(st.integers(1, min(2, len(shape) - dim)))
            parts.append(draw(hnp.arrays(bool, shape[dim : dim + width])))
            dim += width
        else:
            if kind == "slice" or (kind == "int" and n == 0):
                part = draw(st.slices(n))
            elif kind == "int":
                part = draw(st.integers(-n, n - 1))
            elif n == 0:
                part = np.zeros(0, int)
            else:
                form = draw(st.sampled_from([block, (1,) * len(block), ()]))
                part = draw(hnp.arrays(np.int64, form, elements=st.integers(-n, n - 1)))
            parts.append(part)
            dim += 1
    return shape, tuple(parts)


def give_index(ns, index):
    """An index with the namespace's own arrays."""
    narrow = not any(d.name == "int64" for d in ns.natives)
    return tuple(
        ns.from_host(p.astype(np.int32) if narrow and p.dtype == np.int64 else p)
        if isinstance(p, np.ndarray)
        else p
        for p in index
    )


class Portable:
    """The portable defaults, on a library that needs none of them."""

    def __init__(self, ns):
        self.ns = ns

    def __getattr__(self, name):
        if name in ("getitem", "index_add", "assign"):
            return getattr(Namespace, name).__get__(self.ns)
        return getattr(self.ns, name)


def raw_namespaces():
    found = [resolve(name) for name in NAMES if why_not(name) is None]
    return [*found, Portable(resolve("readonly"))]


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(case=indices())
def test_raw_indexing_is_numpys(case):
    shape, index = case
    x = np.arange(np.prod(shape, dtype=int), dtype=np.float32).reshape(shape) + 1
    try:
        expected = np.asarray(x[index])
    except IndexError:
        expected = None
    for ns in raw_namespaces():
        given_index, given_x = give_index(ns, index), ns.from_host(np.array(x))
        if expected is None:
            with pytest.raises(IndexError):
                ns.getitem(given_x, given_index)
            continue
        got = ns.to_host(ns.wrap(ns.getitem(given_x, given_index)))
        assert got.shape == expected.shape, ns
        np.testing.assert_array_equal(got, expected)
        values = np.random.default_rng(0).standard_normal(expected.shape).astype(np.float32)
        summed = np.zeros(shape, np.float32)
        np.add.at(summed, index, values)
        got = ns.to_host(ns.wrap(ns.index_add(given_x, given_index, ns.from_host(values))))
        np.testing.assert_allclose(got, summed, atol=1e-5)
        for value in (values, 7.0):
            written = np.array(x)
            written[index] = value
            start = ns.copy(given_x)
            raw = ns.from_host(value) if isinstance(value, np.ndarray) else value
            got = ns.assign(start, given_index, raw)
            np.testing.assert_array_equal(ns.to_host(ns.wrap(got)), written)
            if ns.mutable:
                assert got is start


def test_many_values_add_up():
    """Above a few hundred values NumPy's `add.at` gives way to something faster."""
    ns, rng = resolve("cpu"), np.random.default_rng(0)
    mask = rng.random((30, 40)) > 0.5
    cases = [
        ((30, 40), (rng.integers(-30, 30, 100),)),
        ((30, 40), (rng.integers(-30, 30, (10, 10)), slice(None))),
        ((30, 40, 5), (rng.integers(0, 30, 100), slice(1, 3))),
        ((30, 40, 5), (slice(None), rng.integers(-40, 40, 100), ...)),
        ((30, 40), (rng.integers(0, 30, 2000), rng.integers(0, 40, 2000))),
        ((30, 40), (rng.integers(0, 30, 2000).astype(np.uint8),)),
        ((5, 30, 40), (rng.integers(0, 5, 100), slice(None), rng.integers(0, 40, 100))),
        ((3000,), (rng.integers(-3000, 3000, 5000),)),
        ((30, 40), (mask,)),
        ((30, 40), (mask[:, 0], rng.integers(0, 40, (40, 1)))),
    ]
    for shape, index in cases:
        expected = np.zeros(shape)
        try:
            values = rng.standard_normal(expected[index].shape)
        except IndexError:
            continue
        np.add.at(expected, index, values)
        for dtype in (np.float64, np.complex128):
            got = ns.index_add(expected, index, values.astype(dtype))
            np.testing.assert_allclose(got, expected, atol=1e-12)
            assert got.dtype == dtype
    with pytest.raises(IndexError):
        ns.index_add(np.zeros((30, 40)), (np.full(600, 30),), np.zeros((600, 40)))


def test_sums_do_not_cancel():
    """A large value in one cell must not cost another one its digits."""
    places, values = np.array([0, 1, 1, 2]), np.array([1e8, 1.0, 1e-4, -1e8], np.float32)
    got = indexing.summed(resolve("cpu"), places, values, 3)
    np.testing.assert_array_equal(got, np.array([1e8, 1.0001, -1e8], np.float32))


def test_result_shape_needs_no_elements():
    shape = (2, 3, 4)
    mask = np.array([[True, False, True], [True, False, False]])
    at, full = np.array([0, 1, 0]), slice(None)
    for arrays in [
        (at,),
        (full, at),
        (at, full, at),
        (mask,),
        (full, at[:, None], at),
        (full, full, at),
    ]:
        expected = np.zeros(shape)[arrays].shape
        assert indexing.result_shape(resolve("cpu"), shape, arrays) == expected


# ------------------------------------------------------------------ PyTorch's reading

READS = """
x[0]; x[-1]; x[0:1]; x[:]; x[...]; x[()]; x[None]; x[0, 1]; x[0, 1:2]; x[:, 0]; x[:, None]
x[0, None]; x[None, 0]; x[..., 0]; x[..., 0:2]; x[..., :]; x[0, :]; x[0, ...]; x[::2]; x[5:10]
x[1:0]; x[None, ..., None]; x[..., ...]; x[0, 0, None]; x[0:t.tensor(2)]; x[-1:]; x[t.tensor(1)]
x[t.tensor(0), t.tensor(1)]; x[t.tensor(0),]; s[None]; s[...]; s[()]; s[True]; s[t.tensor(True)]
x[True]; x[False]; x[None, True]; x[True, 0]; x[0, True]; x[True, True]; x[True, :, True]
x[[0, 1]]; x[[1, 1, 0]]; x[(0, 1), :]; x[range(2)]; x[[True, False]]; x[[]]; x[np.int64(1)]
x[np.array([0, 1])]; x[np.array([True, False])]; x[np.array(1)]; x[t.tensor([1, 0, 1])]
x[t.tensor([[0, 1], [1, 1]])]; x[:, [0, 2, 2]]; x[[0, 1], [1, 2]]; x[[[0], [1]], [0, 2]]
x[[0, 1], None]; x[[0], None, [1]]; x[True, [0, 1]]; x[False, [0]]; x[x > 2]; x[:, x[0] > 0]
x[0, x[0] > 0]; x[x[:, 0] > 0]; x[x[:, 0] > 0, 1]; x[t.tensor([], dtype=t.int64)]
x[t.tensor([1, 0], dtype=t.int32)]; x[t.tensor([True, False])]
w[0, :, [1, 2]]; w[[0, 1], :, [1, 2]]; w[:, 0, [1, 2]]; w[[0, 1], 0:2]; w[..., [0, 2], :, None][0]
w[[0, 1], t.tensor([True, False, True])]; w[w[..., 0] > 1]; w[1, w[1] > 1.5]; w[:, [0, 1], [1, 3]]
w[[1, 0], ..., True]; w[t.tensor([[0, 1]]), :, t.tensor([1])]; w[0][1][2]; w[:, 1:][0, [0, 0]]
e[:, 0]; e[t.tensor([], dtype=t.int64), 1]; e[e > 0]; z[[0, 0, 2]]; z[1:]
z[t.tensor([True, False, True])]
i[1]; i[[0, 0]]; b[1:]; u[u > 2]; h[::2]
"""

READ_ERRORS = """
x[2]; x[-3]; x[0, 5]; x[0, 0, 0]; x[[0, 5]]; x[0, [7]]; x[[0, 1], [0, 1, 2]]; x[t.tensor(2)]
x[t.tensor([-3])]; x[1.0]; x[{}]; x[::-1]; x[::0]; x[0.0:1]; s[0]; s[:]; s[0, 0]; x[False, [0, 1]]
x[t.tensor([1, 0], dtype=t.int16)]; x[t.tensor([1.0, 0])]; x[t.tensor(1.0)]; x[t.tensor([])]
x[t.tensor([True, False, True])]; x[t.tensor([[True, False]])]; x[:, t.tensor([True, False])]
w[w[0] > 1]; w[w[0, 0] > 1, 0]; x[[True]]
"""


def table(text):
    return [part.strip() for line in text.split("\n") for part in line.split(";") if part.strip()]


@pytest.mark.oracle
@pytest.mark.parametrize("expression", table(READS) + table(READ_ERRORS))
def test_reading_is_pytorchs(expression):
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
    from oracle import check

    check(torch, expression)


@pytest.mark.oracle
@pytest.mark.parametrize("expression", table("""
x.select(1, -1); x.select(0, 1); x.narrow(1, 1, 2); x.narrow(0, -1, 1); s.select(0, 0)
x.select(0, 2)
x.narrow(1, 2, 2); x.narrow(1, 0, -1); t.select(x, 0, 0); t.narrow(x, 0, 0, 1)
x.index_select(1, t.tensor([2, 0, 0])); t.index_select(x, 0, t.tensor([1]))
v.index_select(0, i[:1])
x.index_select(0, t.tensor([[0]])); x.index_select(0, t.tensor([0.5])); x.index_select(5, i)
x.gather(1, t.tensor([[0, 0], [1, 2]])); x.gather(0, t.tensor([[1, 0, 1]])); t.gather(v, 0, i - 1)
x.gather(1, t.tensor([0])); x.gather(0, t.tensor([[0, 0, 0, 0]])); x.gather(1, t.tensor([[0.5]]))
t.take_along_dim(x, t.tensor([[0], [2]]), 1); x.take_along_dim(t.tensor([5, 0]))
x.take(t.tensor([[0, 5], [5, -1]])); t.take(v, t.tensor(1)); x.take(t.tensor([6])); x.take(v)
x.masked_select(x > 2); x.masked_select(t.tensor([True, False, True])); t.masked_select(s, s > 0)
x.masked_select(i); x.masked_fill(x > 2, -1.0); x.masked_fill(b, s); v.masked_fill(b, 3)
x.masked_fill(b, v); x.masked_fill(i, 0.0); v.masked_fill(x > 2, 1.0)
x.masked_scatter(x > 1, t.arange(6.0)); v.masked_scatter(b, n.reshape(-1))
v.masked_scatter(b, v[:1])
x.scatter(1, t.tensor([[2, 0], [1, 1]])[:, :1], t.tensor([[9.0], [8.0]]))
v.scatter(0, i - 1, n[0])
x.scatter(1, t.tensor([[2], [0]]), 7.0); v.scatter(0, t.tensor([0, 2]), value=1.5)
v.scatter(0, i[:1], n)
x.scatter(0, t.tensor([0]), 1.0); v.scatter(0, i - 1, d[0])
x.scatter_add(1, t.tensor([[2, 2, 0], [1, 1, 1]]), y)
v.scatter_add(0, t.tensor([1, 1]), n[0, :2])
x.index_add(1, t.tensor([0, 0]), y[:, :2]); x.index_add(0, t.tensor([1, 1]), y, alpha=2)
x.index_add(0, t.tensor([0]), y); x.index_add(0, t.tensor([0, 0]), d); v.index_add(0, i - 1, n[0])
x.index_copy(1, t.tensor([2, 0]), y[:, :2]); x.index_copy(0, t.tensor([0]), y)
x.index_fill(1, t.tensor([0, 2]), 5); x.index_fill(0, t.tensor([0]), s)
x.index_fill(0, i[:1] - 1, v)
x.index_put((t.tensor([0, 1]), t.tensor([2, 2])), n[0, :2])
x.index_put((t.tensor([0, 0]),), y, True)
v.index_put((b,), s); v.index_put((t.tensor([0, 0, 1]),), n[0], accumulate=True)
x.put(t.tensor([0, 5]), n[0, :2]); x.put(t.tensor([1, 1]), n[0, :2], accumulate=True)
x.select_scatter(v, 0, 1); x.slice_scatter(y[:, :1], 1, 2); x.slice_scatter(n, 0, 0, 1)
x.select_scatter(s, 0, 0); t.select_scatter(x, v, 0, 0); t.masked_fill(x, x > 0, 1.0)
"""))  # fmt: skip
def test_functions_are_pytorchs(expression):
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
    from oracle import check_error, evaluate, gradients, plain, same

    expected, their_names = evaluate(expression, torch)
    actual, our_names = evaluate(expression, xg)
    if isinstance(expected, Exception):  # whose words often name a function inside of PyTorch
        check_error(expected, actual, words=False)
        return
    if isinstance(actual, Exception):
        raise actual
    assert same(plain(actual, xg), plain(expected, torch), 1e-6)
    ours, theirs = gradients(actual, our_names, xg), gradients(expected, their_names, torch)
    assert same(list(ours.items()), list(theirs.items()), 1e-6)


ORDERS = [
    "y[:, i]", "y[:, k]", "y[k]", "y.t()[:, i]", "y.t()[i]", "x[:, i]", "x[..., i]", "x[:, i, j]",
    "x[:, :, i, j]", "x[j, :, i]", "x[:, i, :, j]", "x[:, k, i]", "x[0, :, i]", "x[:, 0, i]",
    "x[:, i, 0]", "x[1:, i]", "x[:, i, ::2]", "x[None, j]", "x[:, None, i]", "x[:, i, None]",
    "x[:, m]", "x[:, m, i]", "x[:, y > 3]", "x[x > 3]", "x[:, -i]", "x[:, -i, -j]", "v[:, i]",
    "v[i]", "v[:, :, j]", "v[..., j]", "v[i, :, j]", "v[:, i, j]", "v[i, i]", "v[..., j, i]",
    "v[:, k]", "v[:, m]", "y.expand(2, 3, 4)[:, :, i]", "y[0].expand(3, 4)[:, i]",
    "x.index_select(1, i)", "v.index_select(1, i)", "v.index_select(0, i)", "x.take(k)",
    "t.take_along_dim(y, y.argsort(1), 1)", "y.gather(1, k)", "y.t().masked_select(y.t() > 3)",
]  # fmt: skip


@pytest.mark.oracle
@pytest.mark.parametrize("expression", ORDERS)
def test_what_is_read_lies_in_memory_as_in_pytorch(expression):
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")

    def found(t):
        x, y = t.arange(120.0).reshape(2, 3, 4, 5), t.arange(12.0).reshape(3, 4)
        scope = {"t": t, "x": x, "y": y, "v": x.permute(3, 1, 0, 2), "i": t.tensor([2, 1])}
        scope |= {"j": t.tensor([0, 1]), "k": t.tensor([[0, 1], [1, 0]]), "m": y[:, 0] != 4}
        out = eval(expression, scope)
        steps = zip(out.shape, out.stride(), strict=True)
        return out.tolist(), [(n, step) for n, step in steps if n > 1]

    assert found(xg) == found(torch)


# ------------------------------------------------------------------ PyTorch's writing

# Each is run after `a = leaf * 1`; then everything about `a` has to agree, and the gradients of
# the leaves that were written.
WRITES = """
a[0] = 2.5; a[0] = v; a[0:2] = v; a[:] = 2.5; a[:] = v; a[...] = s; a[...] = v; a[()] = 1
a[None] = v
a[True] = s; a[0, 1] = s; a[:, 0] = s; a[..., 0] = v[:2]; a[[0, 1]] = 2.5; a[[0, 1]] = v
a[[1]] = n
a[0, [0, 2]] = v[:2]; a[0, [0, 2]] = 7; a[:, [1, 2]] = s; a[[0, 1], [2, 0]] = v[:2]; a[a > 2] = s
a[a > 2] = 0.0; a[:, a[0] > 0] = s; a[t.tensor([True, False])] = v; a[t.tensor(1)] = v
a[x > 3] = 1
a[1:] = n; a[0] = n[None]; a[[0]] = n[None]; a[0] = i; a[0] = t.tensor(1); a[0] = True; a[2:] = v
a[[]] = 1.0; a[False] = 1.0; a[0] = d[0]; a[0] += 1; a[0] *= v; a[:, 1] -= s; a[[0, 1]] += v
a[a > 2] *= 2
a[0] = a[1]; a[0] = a[1].clone() * v; a[:, 0] = a[:, 1]; a[0][1] = s; a[0, 1:][0] = s
a[0].mul_(v)
a.t()[0] = 5; a.t()[1:] = v[:2]; a.reshape(-1)[1] = s; a.view(-1)[[0, 5]] = v[:2]; a[0:1].add_(v)
a[0].add_(1).mul_(2); a[None, 0].copy_(v); a.T.mul_(2); a.unsqueeze(1)[:, 0, 1] = s
a[0] = v.exp()
a[0, 0] = s; a[0, 0] = a[0, 1].clone() * s; a[1] = v; a[0] = s; a[1] = a[0]; a[:, 1] = s
"""

WRITE_ERRORS = """
a[0:2] = v[:2]; a[0] = v[:2]; a[[0, 1]] = v[:2]; a[a > 2] = v[:2]; a[0, 0] = v; a[0] = w
a[[0]] = d[:1]
a[5] = 1; a[[0, 5]] = 1; a[0, 0, 0] = 1; a[0] = [1, 2, 3]; a[0] = None; a[0] = "b"; a[::-1] = 0
a[0] = 1j
x[0] = 1; x[...] = 1; x[:] = v; x[[0]] = 1; x[0, [0]] = 1; x[0].add_(1); x[0][0] = 1
a[[0]] = y[:, :2]
"""


def after(program, lib):
    """What a program leaves behind: the tensor, and the gradients of all leaves."""
    from oracle import gradients, names

    found = names(lib)
    found["a"] = found["x"] * 1
    exec(program, found)
    a = found.pop("a")
    seen = (a.tolist(), a._version, a.requires_grad, a.grad_fn.name().rpartition(":")[2])
    return seen, gradients(a, found, lib)


@pytest.mark.oracle
@pytest.mark.parametrize("program", table(WRITES))
def test_writing_is_pytorchs(program):
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
    from oracle import same

    (seen, ours), (expected, theirs) = after(program, xg), after(program, torch)
    assert same(seen, expected, 1e-5)
    assert same(list(ours.items()), list(theirs.items()), 1e-5)


@pytest.mark.oracle
@pytest.mark.parametrize("program", table(WRITE_ERRORS))
def test_wrong_writing_is_pytorchs_error(program):
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
    from oracle import check_error, names

    errors = []
    for lib in (torch, xg):
        found = names(lib)
        found["a"] = found["x"] * 1
        with pytest.raises((RuntimeError, IndexError, TypeError, ValueError)) as error:
            exec(program, found)
        errors.append(error.value)
    for name in "ax":  # nothing was written here (PyTorch has written to the first row sometimes)
        assert found[name]._version == 0
        assert found[name].tolist() == [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]
    words = "expand(" not in str(errors[0]) and "type float" not in str(errors[0])
    check_error(*errors, words=words and not str(errors[0]).startswith("The expanded size"))


@pytest.mark.oracle
def test_second_order_through_reading_and_writing():
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")

    def second(lib):
        x = lib.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
        v = lib.tensor([0.5, -1.0], requires_grad=True)
        a = x * x
        a[0] = v * a[1].clone()
        a[lib.tensor([1, 1]), lib.tensor([0, 1])] = v**3
        b = a.t()
        b[1].mul_(v)
        a = a.clone()
        y = (a[[0, 1, 0]] ** 2).sum() + (a[a > 1] ** 3).sum()
        first = lib.autograd.grad(y, [x, v], create_graph=True)
        return lib.autograd.grad(sum((g * g).sum() for g in first), [x, v])

    for mine, theirs in zip(second(xg), second(torch), strict=True):
        np.testing.assert_allclose(mine.tolist(), theirs.tolist(), rtol=1e-5)


# ------------------------------------------------------------------ everywhere


def test_same_on_every_device(ns):
    """Values and gradients of reading and writing, in one program."""

    def run(ns):
        x = tensor(ns, np.arange(12, dtype=np.float32).reshape(3, 4) / 4, requires_grad=True)
        v = tensor(ns, np.array([1.0, -2.0, 3.0, 0.5], np.float32), requires_grad=True)
        at = tensor(ns, np.array([2, 0, 2]))
        a = x * 2
        a[1] = v
        a[:, 0] *= 3
        a[at] = a[at] * v
        a[a > 4] = 0.25
        a[0, [1, 2]] = v[:2] * v[2:]
        a[1:, None, ::2][0].mul_(2)
        y = a[at, 1:3] * a[[0, 1, 1]][:, 2:] + a[..., -1][at][:, None]
        (y * y).sum().backward()
        return host([a.detach(), y.detach(), x.grad, v.grad])

    for mine, expected in zip(run(ns), run(resolve("cpu")), strict=True):
        np.testing.assert_allclose(mine, expected, rtol=1e-5)


def test_functions_on_every_device(ns):
    def run(ns):
        x = tensor(ns, np.arange(12, dtype=np.float32).reshape(3, 4) / 4, requires_grad=True)
        at = tensor(ns, np.array([[2, 0, 1, 1], [0, 0, 2, 1]]))
        row = tensor(ns, np.array([3, 0, 3]))
        outs = [
            x.gather(0, at), x.scatter(0, at, x * x), x.scatter_add(0, at, x * 2),
            x.index_select(1, row), x.index_add(1, row, x[:, :3]),
            x.index_copy(1, row[:2], x[:, :2]),
            x.index_fill(1, row, 2.0), x.take(at), x.put(at[1], x[0], accumulate=True),
            x.masked_fill(x > 1, 0.5), x.masked_select(x > 1), x.masked_scatter(x > 1, x * 3),
        ]  # fmt: skip
        sum((o * o).sum() for o in outs).backward()
        return host([*(o.detach() for o in outs), x.grad])

    for mine, expected in zip(run(ns), run(resolve("cpu")), strict=True):
        np.testing.assert_allclose(mine, expected, rtol=1e-5)


def test_index_on_another_device():
    x = tensor(resolve("strict:1"), np.arange(3.0), requires_grad=True)
    assert x[xg.tensor([2, 0])].tolist() == [2.0, 0.0]  # an index on the CPU follows
    with pytest.raises(
        RuntimeError, match=r"indices should be either on cpu or on the same device"
    ):
        xg.ones(3)[tensor(resolve("strict:1"), np.array([0]))]


# ------------------------------------------------------------------ what only shows later


def test_an_index_may_not_change_before_backward():
    x, at = xg.ones(3, requires_grad=True), xg.tensor([0, 1])
    y = x[at]
    at += 1
    with pytest.raises(
        RuntimeError, match=r"modified by an inplace operation: \[xpgrad.LongTensor \[2\]\]"
    ):
        y.sum().backward()


def test_an_array_as_index_is_copied():
    x, at = xg.ones(3, requires_grad=True), np.array([0, 1])
    y = x[at]
    at += 1
    y.sum().backward()
    assert x.grad.tolist() == [1.0, 1.0, 0.0]


def test_views_show_memory():
    x = xg.zeros(2, 3)
    for index in (0, (0, 1), slice(1, 2), (..., 0), None, ..., (slice(None), 1)):
        part = x[index]
        assert part._base is x
        part += 1
    assert x.tolist() == [[4.0, 5.0, 3.0], [4.0, 4.0, 3.0]]
    assert xg.zeros(3)[[0, 1]]._base is None


def test_many_short_lived_views_leave_nothing():
    x = xg.zeros(4)
    for _ in range(1000):
        x[1:]
    assert len(x._views) < 20
    kept = [x[1:] for _ in range(100)]
    assert sum(1 for r in x._views if r() is not None) == len(kept)
