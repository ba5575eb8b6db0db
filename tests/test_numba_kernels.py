"""What Numba compiles gives what the portable steps give, and where it is absent nobody notices."""

import itertools
import random
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest

import test_ops
import xpgrad as xg
from namespaces import give
from op_table import ROWS
from xpgrad.fused import Fused
from xpgrad.namespace import Namespace
from xpgrad.windowed import Windowed
from xpgrad_backends import numba_kernels, numpy_depthwise, numpy_places
from xpgrad_backends.numba_kernels import compiled
from xpgrad_backends.numpy_windows import Plan

TOLERANCE = {"f": 1e-5, "d": 3e-14}  # of the largest number
SPECIAL = [0.0, -0.0, np.inf, -np.inf, np.nan, 1e-42, -1e-42, 88.8, -88.8, 104, -104, 1e30, -1e30]


@pytest.fixture
def kernels(monkeypatch):
    """Kernels for arrays of any size, none of which may fail."""
    pytest.importorskip("numba", reason="the extra `numba` is not installed: no kernels to test")
    monkeypatch.setattr(numba_kernels, "LARGE", 1)
    monkeypatch.setattr(numpy_places, "SMALL", 1)
    monkeypatch.setattr(numba_kernels, "enabled", True)
    yield numba_kernels
    assert numba_kernels.failures == {}


@pytest.fixture
def afresh(monkeypatch):
    """As if no kernel had been asked for yet."""
    monkeypatch.setattr(numba_kernels, "LARGE", 1)
    monkeypatch.setattr(numba_kernels, "enabled", True)
    monkeypatch.setattr(numba_kernels, "_loaded", {})
    monkeypatch.setattr(numba_kernels, "failures", {})
    return numba_kernels


def close(mine, theirs, what=""):
    """Equal but for rounding; nan, infinities, shapes and types as they are."""
    if isinstance(theirs, tuple):
        assert len(mine) == len(theirs)
        for pair in zip(mine, theirs, strict=True):
            close(*pair, what)
        return
    if theirs is None:
        assert mine is None, what
        return
    assert (mine.shape, mine.dtype) == (theirs.shape, theirs.dtype), what
    finite = np.abs(theirs[np.isfinite(theirs)]).max(initial=1.0)
    tolerance = TOLERANCE[mine.dtype.char]
    np.testing.assert_allclose(
        mine, theirs, rtol=10 * tolerance, atol=min(tolerance * finite, 1e25), err_msg=str(what)
    )


# ── what a row of the table promises ─────────────────────────────────────────────────────────────


OPS = (
    "channel_norm", "convolution", "convolution_input", "convolution_weight",
    "cumulative_logsumexp", "cumulative_prod", "cumulative_sum", "elu", "embedding",
    "fixed_norm", "flip",
    "gelu", "getitem", "hardswish", "index_add", "index_put", "kth_place", "layer_norm",
    "leaky_relu", "log_softmax", "matmul", "pick", "reduce_at", "rms_norm", "running_extremum",
    "scaled", "scatter_add", "sigmoid", "silu", "softmax", "take", "take_along_axis", "top_places",
    "tril", "triu",
)  # fmt: skip
SAMPLES = [pytest.param(row, id=f"{row.name}-{i}") for i, row in enumerate(ROWS) if row.name in OPS]


def test_all_ops_have_rows():
    assert {row.values[0].name for row in SAMPLES} == set(OPS)


@pytest.mark.parametrize("row", SAMPLES)
def test_the_same_row_holds(kernels, cpu, row):
    test_ops.check_values(row, cpu)
    if row.differentiable:
        test_ops.check_gradient(row)
        test_ops.check_gradient_there(row, cpu)
        if row.second_order:
            test_ops.check_second_order(row)


# ── beside the portable form ─────────────────────────────────────────────────────────────────────


def draw(kind, *shape):
    return np.random.standard_normal(shape).astype(kind)


def settings_of(name):
    """Some settings of an extra."""
    if name.startswith("gelu"):
        return [("none",), ("tanh",)]
    if name.startswith("elu"):
        return [(1, 1, 1), (0.7, 1.3, 2.0), (0.5, 1.0, 0.25)]
    return [(0.01,), (-1,)] if name.startswith("leaky_relu") else [()]


POINTWISE = ("elu", "gelu", "hardswish", "leaky_relu", "sigmoid", "silu")
ALONG = ("log_softmax", "softmax")
NORMS = ("channel_norm", "layer_norm", "rms_norm")


def portable(name):
    return getattr(Fused, name, None) or getattr(Namespace, name)


def test_all_extras_are_here():
    found = {name.partition("_gradient")[0] for name in vars(Fused) if not name.startswith("_")}
    others = "carried_back", "channel_sums", "scaled"
    assert found | {"sigmoid"} == {*POINTWISE, *ALONG, *NORMS, *others}


def views(x):
    """An array and the same in other layouts: backwards, transposed, spread, read-only."""
    locked = x.copy()
    locked.flags.writeable = False
    spread = np.zeros((*x.shape, 2), x.dtype)[..., 0]
    spread[...] = x
    unaligned = np.zeros(x.nbytes + 1, np.uint8)[1:].view(x.dtype).reshape(x.shape)
    unaligned[...] = x
    return [x, x[..., ::-1], x.T, spread, locked, unaligned, np.broadcast_to(x[:1], x.shape)]


@pytest.mark.parametrize("kind", "fd")
@pytest.mark.parametrize("name", POINTWISE)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of the portable form on special numbers
def test_elements(kernels, cpu, name, kind):
    numbers = np.concatenate([SPECIAL, np.linspace(-30, 30, 1001)]).astype(kind)
    for x, settings in itertools.product(
        [numbers, draw(kind), draw(kind, 1), draw(kind, 3, 5, 7), *views(draw(kind, 33, 5))],
        settings_of(name),
    ):
        before = x.copy()
        mine = compiled(name, x, *settings)
        close(mine, portable(name)(cpu, x, *settings), name)
        assert mine.flags.owndata
        if name == "sigmoid":
            continue
        name_, g = f"{name}_gradient", draw(kind, *x.shape)
        for given in (g, g.T.copy().T, np.ones_like(g)):
            mine = compiled(name_, given, x, *settings)
            close(mine, portable(name_)(cpu, given, x, *settings), name_)
        np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize("kind", "fd")
@pytest.mark.parametrize("name", POINTWISE)
def test_elements_are_accurate(kernels, name, kind):
    """Relative to the number itself, where it is not a difference of others."""
    special = pytest.importorskip("scipy.special", reason="SciPy is the reference here")
    x = np.linspace(-10, 4, 4001).astype(kind)
    wide = x.astype(np.longdouble)
    expected = {
        "sigmoid": 1 / (1 + np.exp(-wide)),
        "silu": wide / (1 + np.exp(-wide)),
        "gelu": wide * special.ndtr(wide.astype("d")),
        "elu": np.where(wide > 0, wide, np.expm1(wide)),
    }
    if name not in expected:
        return
    settings = {"gelu": ("none",), "elu": (1, 1, 1)}.get(name, ())
    mine = compiled(name, x, *settings).astype(np.longdouble)
    error = np.abs(mine - expected[name]) / np.maximum(np.abs(expected[name]), 1e-30)
    bound = 6 + x * x if name == "gelu" else 3  # for x**2 / 2 is rounded before its exponential
    assert (error < bound * np.finfo(kind).eps).all()


@pytest.mark.parametrize("kind", "fd")
@pytest.mark.parametrize("name", ALONG)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_rows(kernels, cpu, name, kind):
    strange = draw(kind, 6, 70)
    strange[0, 3], strange[1, 69], strange[2, 0], strange[3, 5] = np.nan, np.inf, -np.inf, 1e30
    strange[4] = -np.inf
    for x in (strange, draw(kind, 1), draw(kind, 3, 1), draw(kind, 2, 3, 33), *views(strange)):
        axis = x.ndim - 1
        close(compiled(name, x, axis), portable(name)(cpu, x, axis), name)
        out, g = portable(name)(cpu, x, axis), draw(kind, *x.shape)
        name_ = f"{name}_gradient"
        close(compiled(name_, g, out, axis), portable(name_)(cpu, g, out, axis), name_)


def parameters(kind, n):
    """A weight and a bias, or none of them."""
    for weight, bias in itertools.product((True, False), repeat=2):
        yield draw(kind, n) if weight else None, draw(kind, n) if bias else None


@pytest.mark.parametrize("kind", "fd")
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_row_norms(kernels, cpu, kind):
    strange = draw(kind, 5, 33)
    strange[1, 2], strange[3, 0] = np.nan, np.inf
    for x in (strange, draw(kind, 1, 9), draw(kind, 200, 17), *views(draw(kind, 70, 33))):
        g = draw(kind, *x.shape)
        for weight, bias in parameters(kind, x.shape[1]):
            mine = compiled("layer_norm", x, weight, bias, (1,), 1e-5)
            close(mine, Fused.layer_norm(cpu, x, weight, bias, (1,), 1e-5))
            close(
                compiled("layer_norm_gradients", g, x, weight, (1,), 1e-5),
                Fused.layer_norm_gradients(cpu, g, x, weight, (1,), 1e-5),
            )
            close(
                compiled("rms_norm", x, weight, (1,), 1e-5),
                Fused.rms_norm(cpu, x, weight, (1,), 1e-5),
            )
            close(
                compiled("rms_norm_gradients", g, x, weight, (1,), 1e-5),
                Fused.rms_norm_gradients(cpu, g, x, weight, (1,), 1e-5),
            )


CHANNELS = [  # shape, groups, over
    ((4, 6, 5, 7), 3, 2), ((4, 6, 5, 7), 6, 2), ((4, 6, 5, 7), 1, 2), ((4, 6, 5, 7), 6, 0),
    ((1, 1, 9), 1, 0), ((1, 1, 9), 1, 2), ((3, 1, 40), 1, 0), ((130, 5), 5, 0), ((1, 5), 5, 0),
    ((70, 5, 1), 5, 0), ((2, 4, 3), 4, 2),
]  # fmt: skip


@pytest.mark.parametrize("kind", "fd")
@pytest.mark.parametrize(("shape", "groups", "over"), CHANNELS)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_channel_norms(kernels, cpu, shape, groups, over, kind):
    strange = draw(kind, *shape)
    strange.reshape(-1)[3] = np.nan
    for x in (draw(kind, *shape), strange, draw(kind, *shape[::-1]).T):
        gs = (draw(kind, *shape), None, None)
        for weight, bias in parameters(kind, shape[1]):
            mine = compiled("channel_norm", x, weight, bias, groups, over, 1e-3)
            theirs = Fused.channel_norm(cpu, x, weight, bias, groups, over, 1e-3)
            close(mine, theirs)
            given = (gs, x, weight, theirs, groups, over)
            close(
                compiled("channel_norm_gradients", *given),
                Fused.channel_norm_gradients(cpu, *given),
            )


@pytest.mark.parametrize("kind", "fd")
@pytest.mark.parametrize("shape", [(9, 5), (130, 5, 1), (3, 4, 7), (2, 3, 4, 5), (1, 1, 1)])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_channels_by_given_numbers(kernels, cpu, shape, kind):
    strange = draw(kind, *shape)
    strange.reshape(-1)[-1] = np.inf
    for x in (draw(kind, *shape), strange, draw(kind, *shape[::-1]).T):
        for own, shifted in itertools.product((shape[1:2], shape[:2]), (True, False)):
            given = x, draw(kind, *own), draw(kind, *own) if shifted else None
            mine = compiled("scaled", *given)
            if len(own) == 2 and x[0, 0].size == 1:
                assert mine is None  # left to NumPy
            else:
                close(mine, Fused.scaled(cpu, *given))
        given = draw(kind, *shape), x, draw(kind, shape[1])
        close(compiled("channel_sums", *given), Fused.channel_sums(cpu, *given))


def test_sums_over_many_rows_are_accurate(kernels):
    x, g = np.ones((100_000, 2), np.float32), np.full((100_000, 2), 0.1, np.float32)
    _, dw = compiled("rms_norm_gradients", g, x, np.ones(2, np.float32), (1,), 0.0)
    np.testing.assert_allclose(dw, 1e4, rtol=1e-4)
    out, mean, _ = compiled("channel_norm", g, None, None, 2, 0, 1e-5)
    np.testing.assert_allclose(mean, 0.1, rtol=1e-4)
    gs, moments = (g, None, None), (out, 0 * mean, np.ones_like(mean))
    _, dw, db = compiled("channel_norm_gradients", gs, g, np.ones(2, "f"), moments, 2, 0)
    np.testing.assert_allclose(db, 1e4, rtol=1e-4)
    np.testing.assert_allclose(dw, 1e3, rtol=1e-4)


def test_what_kernels_leave_to_numpy(kernels, cpu):
    x = draw("f", 4, 6)
    assert compiled("gelu", x.astype("e"), "none") is None
    assert compiled("silu", x.astype("F")) is None
    assert compiled("silu", x.astype(">f4")) is None
    assert compiled("silu_gradient", x.astype("d"), x) is None
    assert compiled("silu_gradient", x[:1], x) is None
    assert compiled("elu", x, 1, 1, -1.0) is None
    assert compiled("layer_norm", x, draw("d", 6), None, (1,), 1e-5) is None
    assert compiled("channel_norm", x, None, None, 2, 2, 1e-5) is None  # a group of single numbers
    out = Fused.channel_norm(cpu, x, None, None, 6, 0, 1e-5)
    gs = (x, np.ones_like(out[1]), None)  # gradients of gradients
    assert compiled("channel_norm_gradients", gs, x, None, out, 6, 0) is None
    assert compiled("rows_added", np.arange(4), x.astype("i"), 4) is None


def test_arrays_of_other_types_are_left_alone(kernels, cpu, monkeypatch):
    class Mine(np.ndarray):
        pass

    x = draw("f", 4, 6)
    monkeypatch.setattr(numba_kernels, "compiled", lambda *_: pytest.fail("a kernel was asked"))
    assert type(cpu.silu(x.view(Mine))) is Mine


# ── sums at places ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", "fd")
@pytest.mark.parametrize("index", ["l", "i", "B"])
def test_sums_at_places(kernels, cpu, kind, index):
    like = types.SimpleNamespace(shape=(9, 5))
    places = np.random.randint(0, 9, 700).astype(index)
    values = draw(kind, 700, 5)
    expected = np.zeros((9, 5))
    np.add.at(expected, places, values.astype("d"))
    for given in (values, values[::-1][::-1], np.asfortranarray(values)):
        mine = cpu.index_add(like, (places,), given)
        assert mine.dtype == kind
        np.testing.assert_allclose(mine, expected, rtol=1e-4, atol=1e-4)
    mine = cpu.index_add(types.SimpleNamespace(shape=(9,)), (places,), values[:, 0])
    np.testing.assert_allclose(mine, expected[:, 0], rtol=1e-4, atol=1e-4)
    other = np.random.randint(0, 5, 700)
    mine = cpu.index_add(like, (places, other), values[:, 0])
    expected = np.zeros((9, 5))
    np.add.at(expected, (places, other), values[:, 0].astype("d"))
    np.testing.assert_allclose(mine, expected, rtol=1e-4, atol=1e-4)


def test_places_count_from_the_end_and_stay_inside(kernels, cpu):
    like, values = types.SimpleNamespace(shape=(9, 5)), np.ones((700, 5))
    places = np.full(700, -1)
    assert cpu.index_add(like, (places,), values)[8, 0] == 700
    for wrong in (9, -10):
        places[350] = wrong
        assert compiled("rows_added", places, values, 9) is None
        with pytest.raises(IndexError):
            cpu.index_add(like, (places,), values)
        with pytest.raises(IndexError):
            cpu.index_add(types.SimpleNamespace(shape=(9,)), (places,), values[:, 0])


# ── places along an axis ─────────────────────────────────────────────────────────────────────────

ALONG_AXES = [((7, 5), 1, 4), ((7, 5), 0, 9), ((3, 4, 5), 1, 6), ((6,), 0, 8), ((1, 3), 1, 1)]
MOVED = ["f", "d", "i", "l", "F", "I"]  # bits of 4 and of 8 bytes


def named(shape, axis, count, kind="l"):
    """Places along an axis, some from the end, and a shape of them."""
    n = shape[axis]
    form = (*shape[:axis], count, *shape[axis + 1 :])
    return np.random.randint(0 if kind in "BQ" else -n, n, form).astype(kind)


def plain_sums(shape, axis, places, values):
    """Zeros with values added, one after the other."""
    out = np.zeros(shape, values.dtype)
    for at in np.ndindex(places.shape):
        out[(*at[:axis], places[at], *at[axis + 1 :])] += values[at]
    return out


@pytest.mark.parametrize("kind", MOVED)
@pytest.mark.parametrize(("shape", "axis", "count"), ALONG_AXES)
def test_reading_and_writing_along_an_axis(kernels, shape, axis, count, kind):
    for index in "liBQ":
        places = named(shape, axis, count, index)
        for x in views(draw("d", *shape).astype(kind)):
            if x.shape != shape:
                continue
            found = compiled("taken_along", x, places, axis)
            same(found, np.take_along_axis(x, places.astype("l"), axis))
        out = draw("d", *shape).astype(kind)
        expected, values = out.copy(), draw("d", *places.shape).astype(kind)
        np.put_along_axis(expected, places.astype("l"), values, axis)
        assert compiled("written_along", out, places, values, axis) is True
        same(out, expected)


def same(mine, theirs):
    assert mine.dtype == theirs.dtype
    np.testing.assert_array_equal(mine, theirs)
    assert mine.flags.owndata


@pytest.mark.parametrize("kind", "fd")
@pytest.mark.parametrize(("shape", "axis", "count"), ALONG_AXES)
def test_adding_along_an_axis(kernels, cpu, shape, axis, count, kind):
    for index in "liB":
        places = named(shape, axis, count, index)
        values = draw(kind, *places.shape)
        expected = plain_sums(shape, axis, places, values)
        close(compiled("added_along", values, places, shape, axis), expected)
        backwards = (slice(None, None, -1),) * len(shape)
        given = values[backwards].copy()[backwards]
        close(cpu.add_along_axis(given, places, shape, axis), expected)
        grid = np.meshgrid(*map(np.arange, places.shape), indexing="ij", sparse=True)
        grid = (*grid[:axis], places, *grid[axis + 1 :])
        close(cpu.index_add(types.SimpleNamespace(shape=shape), grid, values), expected)


@pytest.mark.parametrize("kind", "fd")
def test_slices_added_along_an_axis(kernels, cpu, kind):
    places = np.array([2, -1, 0, 2, 2])
    for shape, axis in (((4, 3), 1), ((4, 3, 2), 1), ((3, 7), 0), ((2, 2, 3), 2)):
        form = (*shape[:axis], 5, *shape[axis + 1 :])
        values, expected = draw(kind, *form), np.zeros(shape, kind)
        for i, p in enumerate(places):
            before = (slice(None),) * axis
            expected[(*before, p)] += values[(*before, i)]
        like = types.SimpleNamespace(shape=shape)
        for index in ((slice(None),) * axis + (places,), (slice(None),) * axis + (places, ...)):
            close(cpu.index_add(like, index, np.tile(values, 1)), expected)
        flat = values.reshape(int(np.prod(shape[:axis])), 5, -1)
        close(compiled("slices_added", places, flat, shape[axis], shape), expected)


def test_places_along_an_axis_stay_inside(kernels, cpu):
    x = draw("f", 6, 5)
    for shape, axis in (((6, 3), 1), ((2, 5), 0)):
        n = x.shape[axis]
        for wrong in (n, -n - 1, 2**62, -(2**62)):
            places = np.zeros(shape, int)
            places[-1, -1] = wrong
            assert compiled("taken_along", x, places, axis) is None
            assert compiled("added_along", draw("f", *shape), places, x.shape, axis) is None
            with pytest.raises(IndexError):
                cpu.take_along_axis(x, places, axis=axis)
            grid = [np.arange(6)[:, None], np.arange(5)[None, :]]
            grid[axis] = places
            if shape[1 - axis] == x.shape[1 - axis]:
                before = x.copy()
                with pytest.raises(IndexError):
                    cpu.assign(x, tuple(grid), draw("f", *shape))
                np.testing.assert_array_equal(x, before)  # nothing is written before the error
                with pytest.raises(IndexError):
                    cpu.getitem(x, tuple(grid))


def test_what_kernels_along_an_axis_leave_to_numpy(kernels):
    x, places = draw("f", 6, 5), np.zeros((6, 3), int)
    assert compiled("taken_along", x.astype("e"), places, 1) is None  # two bytes
    assert compiled("taken_along", x, places.astype("d"), 1) is None
    assert compiled("taken_along", x, places[:1], 1) is None  # to be stretched
    assert compiled("taken_along", draw("f", 5, 60).T, places[:, :1].repeat(60, 0)[:60], 1) is None
    assert compiled("added_along", x[:, :3].astype("i"), places, x.shape, 1) is None
    assert compiled("added_along", x[:, :3], places[:, :2], x.shape, 1) is None
    locked = x.copy()
    locked.flags.writeable = False
    assert compiled("written_along", locked, places, x[:, :3], 1) is None
    assert compiled("written_along", x, places, x[:, :3].astype("d"), 1) is None


@pytest.mark.parametrize("kind", "fd")
@pytest.mark.parametrize(("shape", "axis", "count"), ALONG_AXES)
@pytest.mark.filterwarnings("ignore:invalid value")
def test_combining_along_an_axis(kernels, shape, axis, count, kind):
    for index in "liB":
        places = named(shape, axis, count, index)
        values = draw(kind, *places.shape)
        values.reshape(-1)[0] = np.nan
        line = places[tuple(slice(None) if i == axis else 0 for i in range(len(shape)))]
        for how in ("multiply", "maximum", "minimum"):
            for at in (places, line):
                for x in views(draw(kind, *shape)):
                    if x.shape != shape:
                        continue
                    form = [-1 if i == axis else 1 for i in range(len(shape))]
                    grid = list(np.indices(places.shape))
                    grid[axis] = np.broadcast_to(
                        at.reshape(form) if at is line else at, values.shape
                    )
                    expected = np.array(x, order="C")
                    getattr(np, how).at(expected, tuple(grid), values)
                    close(compiled("combined_along", x, at, values, axis, how), expected)
                wrong = at.astype("l")
                wrong.reshape(-1)[-1] = shape[axis]
                x = draw(kind, *shape)
                assert compiled("combined_along", x, wrong, values, axis, how) is None


@pytest.mark.parametrize("kind", MOVED)
def test_writing_slices(kernels, kind):
    for shape, axis in (((4, 3), 1), ((4, 3, 2), 1), ((3, 7), 0), ((6,), 0)):
        for index in "liB":
            places = np.array([2, 0, 2, 1] if index == "B" else [2, -1, 0, 2]).astype(index)
            values = draw("d", *shape[:axis], 4, *shape[axis + 1 :]).astype(kind)
            for given in (values, values[:1].ravel()[:1]):
                out = draw("d", *shape).astype(kind)
                expected, at = out.copy(), (*(slice(None),) * axis, places)
                expected[at] = given if given is values else given[0]
                assert compiled("slices_written", out, places, given, axis) is True
                same(out, expected)
    x, places = draw("f", 6, 5), np.array([1, 2])
    assert compiled("slices_written", x.T, places, draw("f", 6, 2), 1) is None
    assert compiled("slices_written", x, places, draw("d", 6, 2), 1) is None
    assert compiled("slices_written", x, places, draw("f", 6, 3), 1) is None
    assert compiled("slices_written", x, places[:0], draw("f", 6, 0), 1) is None


@pytest.mark.parametrize("kind", "bBhHiIlL")
def test_the_ends_of_integers(kernels, kind):
    ends = np.iinfo(kind)
    for x in ([3, 1, 2], [ends.max, 0, ends.min], [ends.max], [ends.min, ends.min]):
        assert compiled("extrema", np.array(x, kind)) == (min(x), max(x))
    assert compiled("extrema", np.zeros(3)) is None


@pytest.mark.parametrize("kind", MOVED)
def test_places_in_lines(kernels, kind):
    block = numba_kernels.kernel("search_lines").__globals__["BLOCK"]
    for lead, n, m in (((), 5, 2 * block + 3), ((7,), 4, 3), ((2, 3), 1, 1), ((2,), 9, block + 1)):
        x, values = (np.round(draw("d", *lead, k) * 4).astype(kind) for k in (n, m))
        x.sort(-1)
        for side in ("left", "right"):
            pairs = zip(x.reshape(-1, n), values.reshape(-1, m), strict=True)
            expected = np.array([np.searchsorted(*pair, side) for pair in pairs])
            found = compiled("search_lines", x, values, side)
            if kind == "F":
                assert found is None
            else:
                same(found, expected.reshape(values.shape))
    assert compiled("search_lines", np.zeros(3), np.zeros(3, "f"), "left") is None
    assert compiled("search_lines", np.zeros(0), np.zeros(3), "left") is None
    assert compiled("search_lines", np.zeros((2, 3)), np.zeros((3, 3)), "left") is None


# ── running along an axis ────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", "fd")
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_running_along_an_axis(kernels, cpu, kind):
    strange = draw(kind, 7, 6)
    strange[1, 2], strange[3, 0], strange[4, 4], strange[5, 1] = np.nan, np.inf, -np.inf, -0.0
    wide = draw(kind, 3, numba_kernels.kernel("running_sums").__globals__["BLOCK"] + 5)
    for x in (strange, *views(draw(kind, 9, 5)), draw(kind, 3, 4, 5), draw(kind, 4), wide):
        for axis in range(x.ndim):
            check_running(cpu, np.asarray(x), axis)


def check_running(cpu, x, axis):
    close(compiled("running_sums", x, axis), np.cumsum(x, axis, "d").astype(x.dtype))
    close(compiled("running_products", x, axis), np.cumprod(x, axis, "d").astype(x.dtype))
    portable = Fused.carried_back
    plain = portable(cpu, x, None, axis)
    close(compiled("carried_back", x, None, axis), np.ascontiguousarray(plain))
    factor = draw(x.dtype.char, *x.shape)[(slice(None),) * axis + (slice(1, None),)]
    mine, plain = compiled("carried_back", x, factor, axis), portable(cpu, x, factor, axis)
    if np.isfinite(x).all():  # by doubling, inf meets others
        close(mine, plain)
    for largest in (True, False):
        found = compiled("running_places", x, axis, largest)
        np.testing.assert_array_equal(found, Namespace.running_places(cpu, x, axis, largest))
        assert found.dtype == np.int64


def test_single_precision_runs_in_double(kernels):
    ones = np.full(1_000_000, 0.1, "f")
    np.testing.assert_allclose(compiled("running_sums", ones, 0)[-1], 1e5, rtol=1e-6)
    columns = ones.reshape(-1, 2)
    np.testing.assert_allclose(compiled("running_sums", columns, 0)[-1], 5e4, rtol=1e-6)
    np.testing.assert_allclose(compiled("carried_back", columns, None, 0)[0], 5e4, rtol=1e-6)
    np.testing.assert_allclose(
        compiled("carried_back", columns, np.ones_like(columns[1:]), 0)[0], 5e4, rtol=1e-6
    )
    up_and_down = np.array([1e-30, 1e-30, 1e30, 1e30], "f")
    np.testing.assert_allclose(compiled("running_products", up_and_down, 0)[-1], 1, rtol=1e-6)


def test_nothing_runs_nowhere(kernels, cpu):
    x = np.zeros((3, 0), "f")
    for axis in (0, 1):
        for name in ("running_sums", "running_products"):
            assert compiled(name, x, axis).shape == (3, 0)
        assert compiled("carried_back", x, None, axis).shape == (3, 0)
        assert compiled("running_places", x, axis, True).shape == (3, 0)
    single = np.ones((1, 3), "f")
    same(compiled("carried_back", single, single[:0], 0), single)


def test_the_namespace_asks_for_kernels(cpu, kernels, monkeypatch):
    """Without these NumPy would do as well, only later."""
    used, real = [], numba_kernels.compiled

    def noted(name, *given):
        found = real(name, *given)
        used.extend([name] if found is not None else [])
        return found

    monkeypatch.setattr(numba_kernels, "compiled", noted)
    x, places = draw("f", 90, 60), np.zeros((90, 60), int)
    grid, like = (np.arange(90)[:, None], places), types.SimpleNamespace(shape=(90, 60))
    same_line = np.broadcast_to(places[:, :1], places.shape)
    for name, call in {
        "taken_along": lambda: cpu.take_along_axis(x, places, axis=1),
        "taken_along ": lambda: cpu.getitem(x, grid),
        "written_along": lambda: cpu.assign(x.copy(), grid, x),
        "written_along ": lambda: cpu.assign(x.copy(), grid, 1.0),
        "slices_written": lambda: cpu.assign(x.copy(), (slice(None), places[0]), x),
        "slices_written ": lambda: cpu.assign(x[0].copy(), (places[0],), 1.0),
        "extrema": lambda: cpu.bounds(places),
        "added_along": lambda: cpu.add_along_axis(x, places, (90, 60), 1),
        "added_along ": lambda: cpu.index_add(like, grid, x),
        "rows_added": lambda: cpu.index_add(like, (places[:, 0],), x),
        "slices_added": lambda: cpu.index_add(like, (slice(None), places[0]), x),
        "slices_added ": lambda: cpu.index_add(like, (places, places), x),
        "added_along  ": lambda: cpu.add_along_axis(places, places, (90, 60), 1),
        "slices_added  ": lambda: cpu.add_along_axis(x, same_line, (90, 60), 0),
        "combined_along": lambda: cpu.combine_along_axis(x, places, x, 1, "multiply"),
        "combined_along ": lambda: cpu.combine_along_axis(x, same_line, x, 0, "maximum"),
        "search_lines": lambda: cpu.search_lines(x, x, "left"),
        "search_lines ": lambda: cpu.searchsorted(x[0], x),
        "running_sums": lambda: cpu.cumulative_sum(x, axis=0),
        "running_products": lambda: cpu.cumulative_prod(x, axis=1),
        "carried_back": lambda: cpu.carried_back(x, None, 1),
        "carried_back ": lambda: cpu.carried_back(x, x[1:], 0),
        "running_places": lambda: cpu.running_places(x, 1, True),
        "reversed_lines": lambda: cpu.flip(x, axis=(1,)),
        "outer": lambda: cpu.matmul(x[:, :, None], x[:, None, :]),
    }.items():
        used.clear()
        call()
        asked = name.strip()
        assert used in ([asked], ["extrema", asked]), name  # whether places exist comes first


# ── copies ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", MOVED)
def test_flips(kernels, cpu, kind):
    for x in (draw("d", 4, 5), draw("d", 2, 3, 4), draw("d", 7), *views(draw("d", 6, 5))):
        x = x.astype(kind)
        for count in range(1, x.ndim + 1):
            for axes in itertools.combinations(range(x.ndim), count):
                found = cpu.flip(x, axis=axes)
                np.testing.assert_array_equal(found, np.flip(x, axes))
                if x.ndim - 1 in axes:
                    assert found.flags.owndata
                    assert found.flags.c_contiguous


@pytest.mark.parametrize("kind", "fd")
def test_outer_products(kernels, cpu, kind):
    for lead in ((3,), (2, 3), (0,), (1,)):
        for x in (draw(kind, *lead, 4, 1), draw(kind, *lead, 1, 4).mT):
            y = draw(kind, *lead, 1, 5)
            y.reshape(-1)[:1] = np.nan
            found = compiled("outer", x, y)
            same(found, x * y)
            same(cpu.matmul(x, y), x * y)
    x, y = draw(kind, 3, 4, 1), draw(kind, 3, 1, 5)
    assert compiled("outer", x[:1], y) is None
    assert compiled("outer", x.astype("e"), y.astype("e")) is None
    close(cpu.matmul(x[:1], y), x[:1] * y)


# ── convolution with kernels for each channel alone ──────────────────────────────────────────────


def convolutions(count):
    """Settings of any kind, of one and two dimensions."""
    draw = random.Random(3)
    while count:
        rank = draw.choice([1, 2, 2])
        size, kernel, stride, padding, dilation = (
            tuple(draw.randint(*ends) for _ in range(rank))
            for ends in ((1, 9), (1, 5), (1, 4), (0, 4), (1, 3))
        )
        around = zip(size, kernel, stride, padding, dilation, strict=True)
        outputs = tuple((n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in around)
        if min(outputs) > 0:
            count -= 1
            lengths = (draw.randint(1, 3), draw.randint(1, 3), draw.randint(1, 2))
            yield lengths, (kernel, outputs, size, stride, padding, dilation)


def check_depthwise(kind, lengths, how):
    n, c, times = lengths
    kernel, outputs, size = how[:3]
    x, w = draw(kind, n, c, *size), draw(kind, c * times, 1, *kernel)
    g = draw(kind, n, c * times, *outputs)
    plan = Plan(*how, c, x.itemsize)
    close(compiled("depthwise", plan, x, w), numpy_depthwise.forward(plan, x, w), how)
    close(compiled("depthwise_weight", plan, x, g), numpy_depthwise.weight(plan, x, g), how)
    inputs = np.zeros_like(x)
    numpy_depthwise.adjoint(plan, g, w, inputs)
    close(compiled("depthwise_input", plan, g, w), inputs, how)


@pytest.mark.parametrize("kind", "fd")
@pytest.mark.parametrize("long", [None, 20])
def test_depthwise(kernels, kind, long, monkeypatch):
    where = numba_kernels.kernel("depthwise").__globals__
    monkeypatch.setitem(
        where, "LONG", long or where["LONG"]
    )  # images in pieces, if they are larger
    for lengths, how in convolutions(150):
        check_depthwise(kind, lengths, how)


@pytest.mark.filterwarnings("ignore:invalid value")
def test_gaps_of_depthwise_convolutions_are_zero_times_anything(kernels, cpu):
    how = ((3, 3), (2, 2), (1, 1), (1, 1), 4)
    x, g = draw("f", 2, 4, 6, 6), draw("f", 2, 4, 3, 3)
    x[0, 1, 2, 3] = np.inf
    found = cpu.convolve_weight(x, g, *how)
    close(found, Windowed.convolve_weight(cpu, x, g, *how))
    w = draw("f", 4, 1, 3, 3)
    w[1, 0, 1, 2] = np.inf
    found = cpu.convolve_input(g, w, (6, 6), *how[1:])
    close(found, Windowed.convolve_input(cpu, g, w, (6, 6), *how[1:]))


def test_depthwise_of_volumes_is_left_to_numpy(kernels):
    plan = Plan((2,) * 3, (3,) * 3, (4,) * 3, (1,) * 3, (0,) * 3, (1,) * 3, 2, 4)
    x, w, g = draw("f", 1, 2, 4, 4, 4), draw("f", 2, 1, 2, 2, 2), draw("f", 1, 2, 3, 3, 3)
    assert compiled("depthwise", plan, x, w) is None
    assert compiled("depthwise_weight", plan, x, g) is None
    assert compiled("depthwise_input", plan, g, w) is None


# ── how they are compiled ────────────────────────────────────────────────────────────────────────


def dispatchers(kernels):
    for module in (*numba_kernels.MODULES.values(), "pointwise"):
        __import__(f"{kernels.__name__}.{module}")
        for name, value in vars(sys.modules[f"{kernels.__name__}.{module}"]).items():
            if hasattr(value, "targetoptions"):
                yield name, value


def test_one_kernel_for_each_type_of_numbers(kernels):
    """Whatever the layout of arrays in memory: compiling takes longer than copying."""
    for x in views(draw("f", 6, 5)):
        compiled("silu", x)
        compiled("softmax", x, 1)
        compiled("layer_norm", x, None, None, (1,), 1e-5)
    for name, kernel in dispatchers(kernels):
        for arrays in ([a for a in s if hasattr(a, "layout")] for s in kernel.signatures):
            assert all(a.layout == "C" and a.mutable and a.aligned for a in arrays), name


def test_kernels_release_the_lock_use_one_thread_and_know_nan(kernels):
    found = dict(dispatchers(kernels))
    assert len(found) > 45
    for name, options in ((name, kernel.targetoptions) for name, kernel in found.items()):
        assert options["nogil"], name
        assert not options.get("parallel"), name
        assert not {"nnan", "ninf", "fast"} & set(options["fastmath"]), name


def test_kernels_of_a_folder_that_cannot_be_written_to(kernels, monkeypatch):
    from xpgrad_backends.numba_kernels import jit

    real = jit.njit

    def njit(cache=False, **how):
        if cache:
            raise RuntimeError("cannot cache function 'double': no locator available")
        return real(**how)

    monkeypatch.setattr(jit, "njit", njit)

    @jit.kernel(jit.EXACT)
    def double(x):
        return 2 * x

    assert double(1.5) == 3


# ── without Numba ────────────────────────────────────────────────────────────────────────────────


def steps(cpu):
    x = draw("f", 64, 32)
    return x, cpu.silu(x), Fused.silu(cpu, x)


def test_absent(afresh, cpu, monkeypatch):
    monkeypatch.setitem(sys.modules, "numba", None)
    for module in ("pointwise", "jit"):
        monkeypatch.delitem(sys.modules, f"{afresh.__name__}.{module}", raising=False)
    _, mine, plain = steps(cpu)
    np.testing.assert_array_equal(mine, plain)
    assert afresh.failures == {} or isinstance(afresh.failures["silu"], ImportError)
    assert afresh._loaded["silu"] is None


@pytest.mark.parametrize("error", [ImportError("Numba needs NumPy 1.26 or less"), SystemError()])
def test_broken(afresh, cpu, monkeypatch, error):
    def refuse(name):
        raise error

    monkeypatch.setattr(afresh.importlib, "import_module", refuse)
    _, mine, plain = steps(cpu)
    np.testing.assert_array_equal(mine, plain)
    assert afresh.failures["silu"] is error


def test_a_kernel_that_does_not_compile(afresh, cpu):
    asked = []

    def refuse(x):
        asked.append(x)
        raise TypeError("no such intrinsic")

    afresh._loaded["silu"] = refuse
    for _ in range(2):
        _, mine, plain = steps(cpu)
        np.testing.assert_array_equal(mine, plain)
    assert len(asked) == 1
    assert isinstance(afresh.failures["silu"], TypeError)


def test_no_memory_is_no_failure_of_a_kernel(afresh, cpu):
    def refuse(x):
        raise MemoryError

    afresh._loaded["silu"] = refuse
    with pytest.raises(MemoryError):
        steps(cpu)
    assert afresh.failures == {}


def test_switched_off(afresh, cpu, monkeypatch):
    monkeypatch.setattr(afresh, "enabled", False)
    _, mine, plain = steps(cpu)
    np.testing.assert_array_equal(mine, plain)
    assert afresh._loaded == {}


def test_small_arrays_ask_for_no_kernel(afresh, cpu, monkeypatch):
    monkeypatch.setattr(afresh, "LARGE", 64 * 32 + 1)
    steps(cpu)
    cpu.index_add(types.SimpleNamespace(shape=(9, 2)), (np.zeros(700, int),), draw("d", 700, 2))
    many, few = draw("d", 700, 2), np.zeros((700, 2), int)
    cpu.take_along_axis(many, few, axis=1)
    cpu.add_along_axis(many, few, (700, 3), 1)
    cpu.assign(many, (np.arange(700)[:, None], few), 1.0)
    cpu.combine_along_axis(many, few, many, 1, "minimum")
    cpu.assign(many, (slice(None), few[0]), 1.0)
    cpu.search_lines(many, many, "left")
    cpu.searchsorted(many[0], many)
    cpu.bounds(few)
    cpu.flip(many, axis=(0, 1))
    cpu.cumulative_sum(many, axis=0)
    cpu.carried_back(many, None, 0)
    cpu.running_places(many, 0, True)
    cpu.matmul(many[:, :, None], many[:, None, :1])
    x, w = give(cpu, draw("f", 1, 2, 9, 9)), give(cpu, draw("f", 2, 1, 3, 3))
    cpu.convolve(x, w, (7, 7), (1, 1), (0, 0), (1, 1), 2)
    assert afresh._loaded == {}


SCRIPT = """
import os, sys
import xpgrad as xg

def train(rows):
    x = xg.ones((rows, 64), requires_grad=True)
    xg.nn.functional.layer_norm(x, (64,)).sum().backward()

train(4)
assert "numba" not in sys.modules, "imported for small arrays"
train(400)
print("numba" in sys.modules)
"""


@pytest.mark.parametrize("value", ["0", "1"])
def test_the_environment_decides(value, monkeypatch):
    if value == "1":
        pytest.importorskip("numba", reason="the extra `numba` is not installed: nothing to switch")
    monkeypatch.setenv("XPGRAD_NUMBA", value)
    run = [sys.executable, "-W", "error", "-c", SCRIPT]
    done = subprocess.run(run, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.stdout.strip() == str(value == "1")


# ── memory ───────────────────────────────────────────────────────────────────────────────────────


CHECKED = """
import numpy as np
import test_numba_kernels as t
from xpgrad.registry import resolve
from xpgrad_backends import numba_kernels

cpu = resolve("cpu")
np.seterr(all="ignore")
np.random.seed(0)
for lengths, how in t.convolutions(60):
    t.check_depthwise("d", lengths, how)
for shape, groups, over in t.CHANNELS:
    t.test_channel_norms(None, cpu, shape, groups, over, "d")
t.test_row_norms(None, cpu, "d")
for name in t.ALONG:
    t.test_rows(None, cpu, name, "d")
numba_kernels.LARGE = 1
t.test_sums_at_places(None, cpu, "d", "l")
for how in t.ALONG_AXES:
    t.test_reading_and_writing_along_an_axis(None, *how, "d")
    t.test_adding_along_an_axis(None, cpu, *how, "d")
    t.test_combining_along_an_axis(None, *how, "d")
t.test_slices_added_along_an_axis(None, cpu, "d")
t.test_writing_slices(None, "d")
t.test_places_in_lines(None, "d")
t.test_running_along_an_axis(None, cpu, "d")
t.test_nothing_runs_nowhere(None, cpu)
t.test_flips(None, cpu, "d")
t.test_outer_products(None, cpu, "d")
assert not numba_kernels.failures, numba_kernels.failures
"""


@pytest.mark.slow
def test_no_kernel_reads_or_writes_outside_of_its_arrays(kernels, tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_BOUNDSCHECK", "1")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("XPGRAD_NUMBA", "1")
    here = Path(__file__).parent
    run = [sys.executable, "-c", CHECKED]
    done = subprocess.run(run, capture_output=True, text=True, check=False, cwd=here)
    assert done.returncode == 0, done.stderr[-3000:]


# ── in use ───────────────────────────────────────────────────────────────────────────────────────


def model():
    """A layer of each kind, with its loss, at sizes that are large enough."""
    x = xg.randn(16, 8, 12, 12, requires_grad=True)
    w, table = xg.randn(8, 1, 3, 3, requires_grad=True), xg.randn(50, 64, requires_grad=True)
    f = xg.nn.functional
    y = f.conv2d(x, w, padding=1, groups=8)
    y = f.gelu(f.group_norm(y, 4)) + f.silu(f.batch_norm(y, None, None, training=True))
    y = f.softmax(f.layer_norm(y.reshape(256, 72), (72,)), 1).sum() + y.mean()
    y = y + f.embedding(xg.randint(0, 50, (400,)), table).square().sum()
    places = xg.randint(0, 64, (50, 64))
    picked = table.gather(1, places).cumsum(1).sin()
    spread = table.scatter_add(1, places, picked).flip(1).square()
    y = y + (spread * table.scatter(0, places % 50, picked)).mean() + table.cummax(1)[0].sum()
    y = y + table.div(8).exp().cumprod(0).topk(5, 1)[0].sin().sum()
    return y, (x, w, table)


def test_a_model_with_and_without(kernels, monkeypatch):
    found = []
    for on in (True, False):
        monkeypatch.setattr(numba_kernels, "enabled", on)
        xg.manual_seed(0)
        loss, leaves = model()
        first = xg.autograd.grad(loss, leaves, create_graph=True)
        second = xg.autograd.grad(sum(g.square().sum() for g in first), leaves)
        found.append([loss, *first, *second])
    for mine, plain in zip(*found, strict=True):
        scale = float(plain.detach().abs().max())
        xg_close = np.abs(mine.detach().numpy() - plain.detach().numpy()).max()
        assert xg_close <= 1e-4 * scale + 1e-6
