"""What every op promises, made from the rows of op_table.py."""

import contextlib
import warnings
import zlib

import numpy as np
import pytest

from namespaces import NAMES, give_all, has_dtype, host, tensor, why_not
from numeric import assert_close, gradient, is_floating
from op_table import FLOATS, ROWS, Row, S, functions
from xpgrad.backward import backward
from xpgrad.op import OPS, Op, function_of
from xpgrad.registry import resolve
from xpgrad.tensor import Tensor, wrap

FUNCTIONS = functions()
VALUES = {
    "float16": 4e-3,
    "float32": 2e-6,
    "float64": 1e-12,
    "complex64": 4e-6,
    "complex128": 1e-12,
}


def rows(keep=lambda row: True):
    return [pytest.param(row, id=row.name) for row in ROWS if row.name in FUNCTIONS and keep(row)]


def on_every_namespace(keep=lambda row: True):
    found = []
    for name in NAMES:
        reason = why_not(name)
        skip = [pytest.mark.skip(reason=reason)] if reason else []
        ns = None if reason else resolve(name)
        for row in ROWS:
            here = not row.cpu_only or name in ("cpu", "readonly")
            here = here and (ns is None or all(has_dtype(ns, d) for d in row.needs))
            if row.name in FUNCTIONS and keep(row) and here:
                found.append(pytest.param(name, row, id=f"{name}-{row.name}", marks=skip))
    return found


def differentiable(row):
    return row.differentiable


# ------------------------------------------------------------------ calling an op


def cases(row, dtypes):
    """Each sample in each dtype: (what it is, host inputs, settings)."""
    for dtype in dtypes:
        for i, sample in enumerate(row.samples):
            seed = zlib.crc32(f"{row.name}{i}".encode())
            yield f"{sample!r} {dtype}", sample.draw(row.domain, dtype, seed), sample.settings


def wants_gradient(row, inputs):
    return [is_floating(x) and i not in row.constants for i, x in enumerate(inputs)]


def call(function, ns, inputs, settings, wanted=None):
    """The op on a namespace: its input Tensors (or numbers) and its outputs."""
    wanted = wanted or [False] * len(inputs)
    given = [
        tensor(ns, x, requires_grad=w) if isinstance(x, np.ndarray) else x
        for x, w in zip(inputs, wanted, strict=True)
    ]
    out = function(*given, **give_all(ns, settings))
    return given, out if isinstance(out, tuple) else (out,)


def weights_for(outputs, seed=7):
    """Incoming gradients: random numbers for floating outputs, None for others."""
    rng = np.random.default_rng(seed)
    found = []
    for o in outputs:
        w = rng.uniform(0.5, 1.5, o.shape) * rng.choice([-1, 1], o.shape)
        if o.dtype.kind == "c":
            w = w + 1j * rng.uniform(0.5, 1.5, o.shape)
        found.append(np.asarray(w, o.dtype) if o.dtype.kind in "fc" else None)
    return found


def pull_back(outputs, weights, leaves, **options):
    """The gradients of `leaves`, taken out of their ``.grad``."""
    pairs = [(o, w) for o, w in zip(outputs, weights, strict=True) if w is not None]
    pairs = [(o, w) for o, w in pairs if o.requires_grad]
    for leaf in leaves:
        leaf.grad = None
    if pairs:
        with warnings.catch_warnings():  # of the cycle that create_graph makes with .grad
            warnings.simplefilter("ignore", UserWarning)
            outputs, weights = zip(*pairs, strict=True)
            backward(outputs, weights, inputs=leaves, **options)
    return [leaf.grad for leaf in leaves]


def first_order(row, function, ns, inputs, settings, weights):
    """The engine's gradients as host arrays, None for inputs that take none."""
    wanted = wants_gradient(row, inputs)
    given, outputs = call(function, ns, inputs, settings, wanted)
    seeds = [None if w is None else tensor(ns, w) for w in weights]
    leaves = [x for x, w in zip(given, wanted, strict=True) if w]
    found = iter(pull_back(outputs, seeds, leaves))
    return [
        _host_or_zero(next(found), x) if w else None for w, x in zip(wanted, inputs, strict=True)
    ]


def _host_or_zero(g, like):
    return np.zeros(like.shape, like.dtype) if g is None else host(g)


@contextlib.contextmanager
def no_host_copies(ns, row):
    """Fail on a copy to the host where the namespace is a device's stand-in."""
    if ns.device.type != "strict" or row.host:
        yield
        return

    def refuse(x):
        raise AssertionError(f"{row.name} copies to the host")

    ns.to_host = refuse
    try:
        yield
    finally:
        del ns.to_host


# ------------------------------------------------------------------ the checks


def check_values(row, ns, function=None):
    """Values, dtypes and devices, against the reference on the host."""
    function = function or FUNCTIONS[row.name]
    op = function.op
    for what, inputs, settings in cases(row, [d for d in row.dtypes if has_dtype(ns, d)]):
        with no_host_copies(ns, row):
            _, outputs = call(function, ns, inputs, settings)
        with np.errstate(all="ignore"):
            expected = row.reference(*inputs, **settings)
        expected = expected if isinstance(expected, (tuple, list)) else (expected,)
        assert len(outputs) == len(expected), what
        kind = next((x.dtype.name for x in inputs if isinstance(x, np.ndarray)), "float32")
        for o, e in zip(outputs, expected, strict=True):
            e = np.asarray(e)
            assert o._ns is ns, what
            assert type(o._data) is ns.array_type, f"{what}: {type(o._data)}"
            assert tuple(o.shape) == e.shape, what
            if row.result is not None:
                name = row.result(kind)
            elif op.integers == "float" and np.dtype(kind).kind not in "fc":
                name = "float32"
            else:
                name = e.dtype.name
            # On a device without 64-bit types the default integer is narrower.
            if has_dtype(ns, name):
                assert o.dtype.name == name, f"{what}: {o.dtype}, not {name}"
            given = host(o)
            if given.dtype.kind in "fc":
                tolerance = VALUES[given.dtype.name] * row.tolerance
                with np.errstate(all="ignore"):
                    np.testing.assert_allclose(
                        given, e.astype(given.dtype), rtol=tolerance, atol=tolerance, err_msg=what
                    )
            else:
                np.testing.assert_array_equal(given, e, err_msg=what)


def wide(row):
    """The dtypes in which differences are meaningful."""
    return [d for d in row.dtypes if d in ("float64", "complex128")]


def check_gradient(row, function=None):
    """First order against central differences on NumPy."""
    function, ns = function or FUNCTIONS[row.name], resolve("cpu")
    checked = 0
    for what, inputs, settings in cases(row, wide(row)):

        def forward(values, settings=settings):
            return host(list(call(function, ns, values, settings)[1]))

        weights = weights_for(forward(inputs))
        expected = gradient(forward, inputs, weights)
        actual = first_order(row, function, ns, inputs, settings, weights)
        for i, (a, e) in enumerate(zip(actual, expected, strict=True)):
            if a is not None:
                assert_close(a, e, what=f"{what}, input {i}")
                checked += 1
    assert checked, f"{row.name}: no input with a gradient in {row.dtypes}"


def second_order(row, function, ns, inputs, settings, weights, directions):
    """Gradients of ``sum of inner(direction, gradient)`` for the inputs and the weights."""
    wanted = wants_gradient(row, inputs)
    given, outputs = call(function, ns, inputs, settings, wanted)
    seeds = [None if w is None else tensor(ns, w, requires_grad=True) for w in weights]
    leaves = [x for x, w in zip(given, wanted, strict=True) if w]
    first = pull_back(outputs, seeds, leaves, create_graph=True)
    for leaf in leaves:
        leaf.grad = None
    pairs = [(g, tensor(ns, d)) for g, d in zip(first, directions, strict=True) if g is not None]
    variables = leaves + [s for s in seeds if s is not None]
    second = pull_back([g for g, _ in pairs], [d for _, d in pairs], variables)
    return (
        [_host_or_zero(g, x) for g, x in zip(first, leaves, strict=True)],
        [_host_or_zero(g, host(x)) for g, x in zip(second, variables, strict=True)],
    )


def check_second_order(row, function=None):
    """Gradients of gradients against differences of gradients, on NumPy."""
    function, ns = function or FUNCTIONS[row.name], resolve("cpu")
    for what, inputs, settings in cases(row, wide(row)):
        wanted = wants_gradient(row, inputs)
        weights = weights_for([host(o) for o in call(function, ns, inputs, settings)[1]])
        places = [i for i, w in enumerate(wanted) if w]
        seeds = [i for i, w in enumerate(weights) if w is not None]
        first = first_order(row, function, ns, inputs, settings, weights)
        directions = weights_for([first[i] for i in places], seed=11)

        def slopes(values, inputs=inputs, weights=weights, settings=settings, places=places,
                   seeds=seeds):  # fmt: skip
            inputs, weights = list(inputs), list(weights)
            for i, v in zip(places, values[: len(places)], strict=True):
                inputs[i] = v
            for i, v in zip(seeds, values[len(places) :], strict=True):
                weights[i] = v
            return [g for g in first_order(row, function, ns, inputs, settings, weights)
                    if g is not None]  # fmt: skip

        variables = [inputs[i] for i in places] + [weights[i] for i in seeds]
        expected = gradient(slopes, variables, directions)
        again, actual = second_order(row, function, ns, inputs, settings, weights, directions)
        for i, g in zip(places, again, strict=True):
            assert_close(g, first[i], 1e-12, f"{what}, create_graph, input {i}")
        for i, (a, e) in enumerate(zip(actual, expected, strict=True)):
            assert_close(a, e, 2e-6, f"{what}, second order, variable {i}")


# Devices of array-api-strict that differ from others in nothing that a second order could show.
ONCE = ("strict:0", "strict:2", "strict:3")


def check_gradient_there(row, ns, function=None):
    """First and second order on any namespace, against the same on NumPy; dtypes, devices."""
    function, cpu = function or FUNCTIONS[row.name], resolve("cpu")
    dtypes = [d for d in row.dtypes if has_dtype(ns, d) and np.dtype(d).kind in "fc"]
    widest = (" float64", " complex128") if has_dtype(ns, "float64") else (" float32", " complex64")
    for what, inputs, settings in cases(row, dtypes):
        wanted = wants_gradient(row, inputs)
        weights = weights_for([host(o) for o in call(function, cpu, inputs, settings)[1]])
        with no_host_copies(ns, row):
            given, outputs = call(function, ns, inputs, settings, wanted)
            seeds = [None if w is None else tensor(ns, w) for w in weights]
            leaves = [x for x, w in zip(given, wanted, strict=True) if w]
            found = pull_back(outputs, seeds, leaves)
        expected = first_order(row, function, cpu, inputs, settings, weights)
        expected = [e for e, w in zip(expected, wanted, strict=True) if w]
        for x, g, e in zip(leaves, found, expected, strict=True):
            if g is None:
                assert not np.any(e), what
                continue
            assert g._ns is ns, what
            assert type(g._data) is ns.array_type, what
            assert g.dtype is x.dtype, what
            assert g.shape == x.shape, what
            _close_in_dtype(host(g), e, row, what)
        if ns.device.type == "cpu":
            _assert_no_alias(given, outputs, seeds, found, what)
        elif row.second_order and str(ns.device) not in ONCE and what.endswith(widest):
            directions = weights_for(expected, seed=11)
            args = (inputs, settings, weights, directions)
            there = second_order(row, function, ns, *args)
            here = second_order(row, function, cpu, *args)
            for a, e in zip(there[0] + there[1], here[0] + here[1], strict=True):
                _close_in_dtype(a, e, row, what)


def _close_in_dtype(actual, expected, row, what):
    tolerance = 10 * row.tolerance * max(VALUES[actual.dtype.name], VALUES[expected.dtype.name])
    scale = np.max(np.abs(expected), initial=1.0)
    np.testing.assert_allclose(
        actual, expected, rtol=tolerance, atol=tolerance * scale, err_msg=what
    )


def _assert_no_alias(given, outputs, seeds, gradients, what):
    """A gradient's memory is seen by nothing else."""
    others = [t for t in (*given, *outputs, *seeds, *gradients) if isinstance(t, Tensor)]
    for g in gradients:
        if g is not None:
            shared = [t for t in others if t is not g and np.shares_memory(t._data, g._data)]
            assert not shared, f"{what}: a gradient shares memory"


# ------------------------------------------------------------------ the tests


@pytest.mark.parametrize(("name", "row"), on_every_namespace())
def test_values(name, row):
    check_values(row, resolve(name))


@pytest.mark.parametrize("row", rows(differentiable))
def test_gradient(row):
    check_gradient(row)


@pytest.mark.parametrize("row", rows(lambda row: row.differentiable and row.second_order))
def test_second_order(row):
    check_second_order(row)


@pytest.mark.parametrize(("name", "row"), on_every_namespace(differentiable))
def test_gradient_everywhere(name, row):
    check_gradient_there(row, resolve(name))


def strided(x):
    """The same values, every second element of a buffer and backwards."""
    if not isinstance(x, np.ndarray) or not x.ndim:
        return x
    buffer = np.full((*x.shape[:-1], 2 * x.shape[-1]), 7).astype(x.dtype)
    view = buffer[..., ::-2]
    view[...] = x
    return view


@pytest.mark.parametrize("row", rows(lambda row: row.samples))
def test_strides_do_not_matter(row):
    """Values and gradients for arrays that are not contiguous, on NumPy."""
    function, ns = FUNCTIONS[row.name], resolve("cpu")
    for what, inputs, settings in cases(row, [d for d in row.dtypes if d != "float16"][:1]):
        wanted = [w and row.differentiable for w in wants_gradient(row, inputs)]
        found = []
        for arrange in (lambda x: x, strided):
            arrays = [arrange(x) for x in inputs]
            given = [wrap(x, ns) if isinstance(x, np.ndarray) else x for x in arrays]
            leaves = [x.requires_grad_() for x, w in zip(given, wanted, strict=True) if w]
            out = function(*given, **settings)
            out = out if isinstance(out, tuple) else (out,)
            weights = [None if w is None else tensor(ns, w) for w in weights_for(host(out))]
            grads = pull_back(out, weights, leaves) if leaves else []
            found.append([host(o) for o in (*out, *grads) if o is not None])
        for a, b in zip(*found, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6, err_msg=what)


@pytest.mark.parametrize("row", rows(lambda row: row.errors))
def test_errors(row, ns):
    for error in row.errors:
        if has_dtype(ns, error.dtype):
            inputs = error.sample.draw(row.domain, error.dtype, 0)
            with pytest.raises(error.kind, match=error.match):
                call(FUNCTIONS[row.name], ns, inputs, error.sample.settings)


ELSEWHERE = {"cholesky_inverse"}  # its rules are compared with PyTorch's, in test_linalg.py


def complaints(ops, table):
    """Ops without a row, rows without an op, and rows that leave a rule unchecked."""
    named = {row.name for row in table}
    checked = {row.name for row in table if row.differentiable}
    unchecked = {name for name, op in ops.items() if op.differentiable} - checked - ELSEWHERE
    return (
        [f"op {name} has no row in op_table.py" for name in sorted(ops.keys() - named)]
        + [f"row {name} is for no op" for name in sorted(named - ops.keys())]
        + [f"no row checks the rules of {name}" for name in sorted(unchecked & named)]
    )


def test_each_op_has_a_row_and_each_row_an_op():
    assert complaints(OPS, ROWS) == []


# ------------------------------------------------------------------ the tests, tested


def remade(name, forward=None, **rules):
    """An op's function with another forward or other rules, unregistered."""
    op = OPS[name]
    made = Op(
        forward or op.forward, op.rules | rules, node="Broken", elementwise=op.elementwise,
        linear=op.linear, view=op.view, outputs=op.outputs, integers=op.integers,
        promotes=op.promotes,
    )  # fmt: skip
    return function_of(made)


def row_of(name):
    return next(row for row in ROWS if row.name == name and row.differentiable)


def test_a_rule_wrong_by_a_thousandth_fails():
    check_gradient(row_of("exp"), remade("exp"))
    with pytest.raises(AssertionError):
        check_gradient(row_of("exp"), remade("exp", x=lambda g, out, xp: 1.001 * g * xp.conj(out)))
    with pytest.raises(AssertionError):
        check_gradient(row_of("multiply"), remade("multiply", y=lambda g, x, xp: 1.001 * g * x))


def test_a_rule_right_at_first_order_alone_fails():
    # The derivative of exp, with the saved result cut off from its history.
    cut = remade("exp", x=lambda g, out, xp: g * (out.detach() if hasattr(out, "detach") else out))
    check_gradient(Row("exp", np.exp, [S((2, 3))]), cut)
    with pytest.raises(AssertionError):
        check_second_order(Row("exp", np.exp, [S((2, 3))]), cut)


def test_a_missing_rule_fails():
    with pytest.raises((AssertionError, NotImplementedError)):
        check_gradient(row_of("exp"), remade("exp", x=None))
    with pytest.raises((AssertionError, NotImplementedError)):
        check_gradient(row_of("multiply"), remade("multiply", y=None))


def test_a_wrong_value_fails():
    with pytest.raises(AssertionError):
        check_values(
            row_of("exp"), resolve("cpu"), remade("exp", lambda xp, x, /: xp.exp(x) * 1.001)
        )


def test_a_wrong_dtype_fails():
    widened = remade("exp", lambda xp, x, /: xp.astype(xp.exp(x), xp.native("float64")))
    with pytest.raises(AssertionError):
        check_values(row_of("exp"), resolve("cpu"), widened)


@pytest.mark.parametrize(
    "forward",
    [
        lambda xp, x, /: xp.asarray(np.exp(np.asarray(x))),
        lambda xp, x, /: xp.from_host(np.exp(xp.to_host(x))),
    ],
    ids=["through NumPy", "through the extras"],
)
def test_a_host_copy_fails(forward):
    row = Row("exp", np.exp, [S((2, 3))])
    check_values(row, resolve("cpu"), remade("exp", forward))
    with pytest.raises((AssertionError, RuntimeError)):
        check_values(row, resolve("strict:1"), remade("exp", forward))


def test_a_write_into_shared_memory_fails():
    def write(g, out):
        g *= out
        return g

    row = Row("exp", np.exp, [S((2, 3))])
    with pytest.raises(ValueError, match="read-only"):
        check_gradient_there(row, resolve("readonly"), remade("exp", x=write))


def test_an_op_without_a_row_fails():
    found = complaints(OPS, [row for row in ROWS if row.name != "exp"])
    assert set(found) - set(complaints(OPS, ROWS)) == {"op exp has no row in op_table.py"}
    extra = complaints(OPS, [*ROWS, Row("nonsense", np.exp, [])])
    assert "row nonsense is for no op" in extra
    undone = [row for row in ROWS if row.name != "exp"] + [
        Row("exp", np.exp, [S(())], differentiable=False)
    ]
    assert "no row checks the rules of exp" in complaints(OPS, undone)


def test_dtypes_under_test_are_there():
    assert set(FLOATS) == {"float32", "float64"}
