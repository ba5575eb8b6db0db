"""NumPy's own forms of fused extras give what the portable steps give, whatever the blocks are."""

import itertools
import math
import random
import threading

import numpy as np
import pytest

import test_ops
from op_table import ROWS
from xpgrad.fused import Fused
from xpgrad_backends import numba_kernels, numpy_depthwise, numpy_fused, numpy_running
from xpgrad_backends.numpy_windows import Plan

rng = np.random.default_rng(0)
TOLERANCE = {"e": 2e-3, "f": 3e-6, "d": 1e-13}  # of the largest number
BLOCK = 64
SPECIAL = [0.0, -0.0, np.inf, -np.inf, np.nan, 1e-42, -1e-42, 88.8, -88.8, 104, -104, 1e30, -1e30]
OVERFLOW = pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid value", "ignore:divide by")


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    """NumPy without kernels, and small blocks."""
    monkeypatch.setattr(numba_kernels, "enabled", False)
    monkeypatch.setattr(numba_kernels, "LARGE", 1)
    monkeypatch.setattr(numpy_fused, "BLOCK", BLOCK)
    monkeypatch.setattr(numpy_fused, "FEW", 1)
    monkeypatch.setattr(numpy_fused, "WIDE", 16)


@pytest.fixture
def few(monkeypatch):
    """Running sums by products though there are few, and small blocks."""
    monkeypatch.setattr(numpy_running, "FEW", 1)
    monkeypatch.setattr(numpy_running, "BLOCK", 100)


def close(mine, theirs, what):
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
    finite = np.abs(theirs[np.isfinite(theirs)].astype("d")).max(initial=1.0)
    tolerance = TOLERANCE[mine.dtype.char]
    np.testing.assert_allclose(
        mine, theirs, rtol=10 * tolerance, atol=tolerance * finite, err_msg=str(what)
    )


def draw(kind, *shape):
    return (2 * rng.standard_normal(shape)).astype(kind)


def same(cpu, name, *given):
    """Check an extra beside its portable form."""
    close(getattr(cpu, name)(*given), getattr(Fused, name)(cpu, *given), name)


def arranged(x, *others):
    """Arrays of the same shape in several orders of memory."""
    yield (x, *others)
    yield tuple(np.asfortranarray(a) for a in (x, *others))
    yield tuple(np.repeat(a, 2, axis=-1)[..., ::2] for a in (x, *others))
    yield (x, *(np.asfortranarray(a) for a in others))
    yield (x, *(np.broadcast_to(a[..., :1], a.shape) for a in others))
    yield tuple(np.moveaxis(np.moveaxis(a, 0, -1).copy(), -1, 0) for a in (x, *others))


SIZES = [0, 1, *(BLOCK * k + i for k in (1, 2) for i in (-1, 0, 1))]
KINDS = pytest.mark.parametrize("kind", "efd")


def test_the_namespace_takes_every_form(cpu):
    for form in numpy_fused.FORMS:
        name = form.__name__
        assert getattr(type(cpu), name) is getattr(numpy_fused.NumPyFused, name)
        assert name in vars(Fused)


@pytest.mark.parametrize("kind", "efd")
def test_forms_are_for_dense_arrays_of_single_and_double_precision(cpu, kind):
    made = kind != "e"
    x, w = draw(kind, 9, 20), draw(kind, 20)
    forms = numpy_fused
    for given in (x, np.asfortranarray(x), x[::2]):
        dense = made and (given.flags.c_contiguous or given.flags.f_contiguous)
        assert (forms.silu(cpu, given) is not None) is dense
        assert (forms.gelu_gradient(cpu, given[::-1], given, "none") is not None) is dense
        assert (forms.softmax(cpu, given, 1) is not None) is made
        assert forms.softmax(cpu, given, 0) is None
        assert (forms.layer_norm(cpu, given, w, w, (1,), 0.1) is not None) is made
        assert (forms.channel_norm(cpu, given, w, w, 20, 0, 0.1) is not None) is made
    assert forms.silu_gradient(cpu, draw("d", 9, 20), draw("f", 9, 20)) is None


OPS = (
    *("channel_norm", "convolution", "cumulative_sum", "gelu", "layer_norm", "log_softmax"),
    *("rms_norm", "silu", "softmax"),
)
SAMPLES = [pytest.param(row, id=f"{row.name}-{i}") for i, row in enumerate(ROWS) if row.name in OPS]


def test_all_ops_have_rows():
    assert {row.values[0].name for row in SAMPLES} == set(OPS)


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("row", SAMPLES)
def test_the_same_row_holds(cpu, row):
    test_ops.check_values(row, cpu)
    if row.differentiable:
        test_ops.check_gradient(row)
        test_ops.check_gradient_there(row, cpu)
        if row.second_order:
            test_ops.check_second_order(row)


# ── elements ─────────────────────────────────────────────────────────────────────────────────────


@KINDS
@pytest.mark.parametrize(
    ("name", "settings"), [("silu", ()), ("gelu", ("none",)), ("gelu", ("tanh",))]
)
def test_elements(cpu, kind, name, settings):
    shapes = [*((n,) for n in SIZES), (8, 8), (5, 13), (3, 4, 11), (2, 0, 3), (65, 1)]
    for shape in shapes:
        for x, g in arranged(draw(kind, *shape), draw(kind, *shape)):
            same(cpu, name, x, *settings)
            same(cpu, f"{name}_gradient", g, x, *settings)


def test_gelu_of_all_magnitudes(cpu):
    x = np.linspace(-40, 40, 8001, dtype="f")
    same(cpu, "gelu", x, "none")
    same(cpu, "gelu_gradient", np.ones_like(x), x, "none")


@OVERFLOW
@pytest.mark.parametrize("kind", "fd")
@pytest.mark.parametrize(
    ("name", "settings"), [("silu", ()), ("gelu", ("none",)), ("gelu", ("tanh",))]
)
def test_special_numbers(cpu, kind, name, settings):
    x = np.resize(np.array(SPECIAL, kind), 3 * BLOCK + 1)
    for g in (np.ones_like(x), np.roll(x, 1)):
        with np.errstate(all="ignore"):
            mine = getattr(cpu, f"{name}_gradient")(g, x, *settings)
            theirs = getattr(Fused, f"{name}_gradient")(cpu, g, x, *settings)
            np.testing.assert_allclose(mine, theirs, rtol=1e-5)
    np.testing.assert_allclose(
        getattr(cpu, name)(x, *settings), getattr(Fused, name)(cpu, x, *settings), rtol=1e-5
    )


def test_results_are_arrays_of_their_own_in_the_order_of_the_input(cpu):
    for (x,) in arranged(draw("f", 7, 20)):
        found = cpu.silu(x)
        assert found.base is None
        assert found.strides == np.empty_like(x).strides
    x, w = draw("f", 9, 20), draw("f", 20)
    y = cpu.softmax(x, 1)
    out = cpu.channel_norm(x, w, w, 20, 0, 1e-5)
    for found in (
        *(y, cpu.softmax_gradient(x, y, 1), cpu.layer_norm(x, w, w, (1,), 1e-5)),
        cpu.layer_norm_gradients(x, x, w, (1,), 1e-5)[0],
        cpu.channel_norm_gradients((x, None, None), x, w, out, 20, 0)[0],
        *(out[0], cpu.channel_norm(draw("f", 2, 4, 20), None, None, 2, 2, 1e-5)[0]),
    ):
        assert found.base is None
        assert found.flags.c_contiguous


# ── rows ─────────────────────────────────────────────────────────────────────────────────────────

SHAPES = [
    *((n, 8) for n in (7, 8, 9, 15, 16, 17)), *((3, n) for n in SIZES[1:]), (2, 3, 20), (0, 8),
    (4, 0), (5, 1), (70,), (4, 5, 6, 7),
]  # fmt: skip


@KINDS
def test_softmax(cpu, kind):
    for shape in SHAPES:
        for x, g in arranged(draw(kind, *shape), draw(kind, *shape)):
            for axis in range(len(shape)):
                if not shape[axis]:
                    continue
                for name in ("softmax", "log_softmax"):
                    same(cpu, name, x, axis)
                    same(cpu, f"{name}_gradient", g, getattr(Fused, name)(cpu, x, axis), axis)


@OVERFLOW
def test_softmax_of_special_numbers(cpu):
    x = np.resize(np.array(SPECIAL, "f"), (40, 14))
    x[3], x[5], x[7] = -np.inf, 1e30, 0
    for name in ("softmax", "log_softmax"):
        same(cpu, name, x, 1)


def last_axes(shape):
    return [tuple(range(i, len(shape))) for i in range(len(shape))]


@KINDS
def test_normalisation_of_rows(cpu, kind):
    for shape in SHAPES:
        for x, g in arranged(draw(kind, *shape), draw(kind, *shape)):
            for axes in last_axes(shape):
                w, b = (draw(kind, *(shape[a] for a in axes)) for _ in range(2))
                for weight, bias in ((w, b), (w, None), (None, b), (None, None), (w.T.copy().T, b)):
                    same(cpu, "layer_norm", x, weight, bias, axes, 0.1)
                    same(cpu, "layer_norm_gradients", g, x, weight, axes, 0.1)
                    same(cpu, "rms_norm", x, weight, axes, 0.1)
                    same(cpu, "rms_norm_gradients", g, x, weight, axes, 0.1)


@pytest.mark.parametrize("kind", "fd")
def test_long_rows(cpu, kind):
    x, g = draw(kind, 2, numpy_fused.LONG + 1), draw(kind, 2, numpy_fused.LONG + 1)
    same(cpu, "softmax", x, 1)
    same(cpu, "log_softmax_gradient", g, Fused.log_softmax(cpu, x, 1), 1)
    same(cpu, "layer_norm", x, None, None, (1,), 0.1)
    same(cpu, "layer_norm_gradients", g, x, g[0], (1,), 0.1)


# ── channels ─────────────────────────────────────────────────────────────────────────────────────


@KINDS
@pytest.mark.parametrize(
    "shape",
    [(9, 8), (9, 8, 1), (3, 4, 15), (3, 4, 16), (2, 6, 5, 7), (1, 2, 1, 1), (70, 2, 1), (0, 2, 16)],
    ids=str,
)
def test_normalisation_of_channels(cpu, kind, shape):
    for x, g in arranged(draw(kind, *shape), draw(kind, *shape)):
        c = shape[1]
        if not x.size:
            continue
        for (over, groups), plain in itertools.product(((0, c), (2, c), (2, 2), (2, 1)), (0, 1)):
            w, b = (None, None) if plain else (draw(kind, c), draw(kind, c))
            given = w, b, groups, over, 0.1
            out = Fused.channel_norm(cpu, x, *given)
            same(cpu, "channel_norm", x, *given)
            for gs in ((g, None, None), (g, out[1], out[2]), (None, out[1], None)):
                same(cpu, "channel_norm_gradients", gs, x, w, out, groups, over)


@KINDS
@pytest.mark.parametrize(
    "shape", [(9, 8), (9, 8, 1), (3, 4, 15), (3, 4, 16), (2, 6, 5, 7), (0, 2, 16)], ids=str
)
def test_channels_by_given_numbers(cpu, kind, shape):
    for x, g in arranged(draw(kind, *shape), draw(kind, *shape)):
        for own in (shape[1:2], shape[:2]):
            same(cpu, "scaled", x, draw(kind, *own), None)
            same(cpu, "scaled", x, draw(kind, *own), draw(kind, *own))
        same(cpu, "channel_sums", g, x, draw(kind, shape[1]))


def test_types_that_differ_are_left_to_the_portable_form(cpu):
    x, w = draw("f", 9, 20), draw("d", 20)
    same(cpu, "layer_norm", x, w, w, (1,), 0.1)
    same(cpu, "layer_norm_gradients", draw("d", 9, 20), x, w, (1,), 0.1)
    same(cpu, "silu_gradient", draw("d", 9, 20), x)
    same(cpu, "channel_norm", x, w, w, 20, 0, 0.1)


# ── the buffer ───────────────────────────────────────────────────────────────────────────────────


def test_the_buffer_is_what_it_was(cpu):
    def fails():
        assert np.getbufsize() == numpy_fused.WIDE
        there = []
        thread = threading.Thread(target=lambda: there.append(np.getbufsize()))
        thread.start()
        thread.join()
        raise KeyError(*there)

    before = np.getbufsize()
    with pytest.raises(KeyError, match=str(before)):  # nobody else's has changed
        numpy_fused.unbuffered(fails, numpy_fused.WIDE)
    assert np.getbufsize() == before
    assert numpy_fused.unbuffered(np.getbufsize, numpy_fused.WIDE - 1) == before
    cpu.softmax(draw("f", 9, 100), 1)
    assert np.getbufsize() == before


# ── running sums ─────────────────────────────────────────────────────────────────────────────────


def sums(x, axis, back):
    way = tuple(slice(None, None, -1 if back and i == axis else 1) for i in range(x.ndim))
    return np.add.accumulate(x[way].astype("d"), axis)[way]


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("kind", "fd")
@pytest.mark.parametrize("back", [False, True])
def test_running_sums(kind, back):
    for n in (32, 33, 47, 48, 49, 64, 200):
        for x, _ in arranged(draw(kind, 2, 3, n), draw(kind, 2, 3, n)):
            found = numpy_running.running_sums(x, 2, back)
            np.testing.assert_allclose(found, sums(x, 2, back), 0, 1e-4 if kind == "f" else 1e-12)
            assert found.dtype == x.dtype
            assert found.base is None
        found = numpy_running.running_sums(x[..., None], 2, back)
        np.testing.assert_array_equal(found[..., 0], numpy_running.running_sums(x, 2, back))
    for x, axis in ((draw(kind, 9, 31), 1), (draw(kind, 40, 9), 0), (draw("e", 9, 40), 1)):
        assert numpy_running.running_sums(x, axis, back) is None


@pytest.mark.usefixtures("few")
@pytest.mark.filterwarnings("ignore:invalid value")
@pytest.mark.parametrize("back", [False, True])
def test_running_sums_keep_apart_what_is_not_finite(back):
    x = draw("f", 12, 50)
    x[1, 20], x[4, 3], x[4, 40], x[7, 0], x[9, 49] = np.inf, np.inf, -np.inf, np.nan, -np.inf
    found, wanted = numpy_running.running_sums(x, 1, back), sums(x, 1, back)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(wanted))
    np.testing.assert_allclose(found, wanted, 0, 1e-4)
    x[...] = -0.0
    x[3] = -np.inf
    assert not np.signbit(numpy_running.running_sums(x, 1, back)[[0, 1, 2, 4, 5]]).any()


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("kind", "fd")
@pytest.mark.parametrize("back", [False, True])
def test_running_sums_stay_or_grow(kind, back):
    """What is drawn by them never has the probability 0."""
    for n in (32, 77, 160):
        x = np.abs(draw(kind, 300, n))
        x[rng.random(x.shape) < 0.5] = 0
        steps = np.diff(numpy_running.running_sums(x, 1, back), axis=1)
        steps = -steps if back else steps
        assert steps.min() >= 0
        assert not steps[(x[:, :-1] if back else x[:, 1:]) == 0].any()


# ── convolution with kernels for each channel alone ──────────────────────────────────────────────


def convolutions(count):
    draws = random.Random(3)
    while count:
        rank = draws.choice([1, 2, 2, 3])
        size, kernel, stride, padding, dilation = (
            tuple(draws.randint(*ends) for _ in range(rank))
            for ends in ((1, 8), (1, 4), (1, 3), (0, 3), (1, 3))
        )
        around = zip(size, kernel, stride, padding, dilation, strict=True)
        outputs = tuple((n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in around)
        if min(outputs) > 0:
            count -= 1
            lengths = (draws.randint(1, 3), draws.randint(1, 3), draws.randint(1, 2))
            yield lengths, (kernel, outputs, size, stride, padding, dilation)


def convolved(x, w, kernel, outputs, size, stride, padding, dilation):
    """Each output by its definition."""
    n, c, times = *x.shape[:2], w.shape[0] // x.shape[1]
    padded = np.pad(x, ((0, 0), (0, 0), *((p, p) for p in padding)))
    out = np.zeros((n, c, times, *outputs))
    for tap in np.ndindex(*kernel):
        around = zip(tap, dilation, stride, outputs, strict=True)
        part = padded[(..., *(slice(k * d, k * d + s * (o - 1) + 1, s) for k, d, s, o in around))]
        factor = w.reshape(c, times, *kernel)[(..., *tap)]
        out += part[:, :, None] * factor.reshape(c, times, *(1 for _ in kernel))
    return out.reshape(n, c * times, *outputs)


def test_depthwise_convolution(monkeypatch):
    for (n, c, times), how in convolutions(200):
        monkeypatch.setattr(numpy_depthwise, "LONG", random.Random(n).choice([1, 100, 10_000]))
        kernel, outputs, size = how[:3]
        x, w = draw("d", n, c, *size), draw("d", c * times, 1, *kernel)
        g, dx = draw("d", n, c * times, *outputs), np.zeros((n, c, *size))
        plan = Plan(*how, c, x.itemsize)
        y = numpy_depthwise.forward(plan, x, w)
        np.testing.assert_allclose(y, convolved(x, w, *how), rtol=1e-12, atol=1e-12)
        numpy_depthwise.adjoint(plan, g, w, dx)
        dw = numpy_depthwise.weight(plan, x, g)
        wanted = np.vdot(y, g)  # linear in both
        tolerance = 1e-12 * max(1, math.sqrt(np.vdot(y, y) * np.vdot(g, g)))
        assert abs(np.vdot(x, dx) - wanted) <= tolerance
        assert abs(np.vdot(w, dw) - wanted) <= tolerance
        other = draw("d", *x.shape)
        image = numpy_depthwise.forward(plan, other, w)
        assert abs(np.vdot(other, dx) - np.vdot(image, g)) <= 1e-11 * max(1, np.abs(image).sum())
        weights = draw("d", *w.shape)
        image = numpy_depthwise.forward(plan, x, weights)
        assert abs(np.vdot(weights, dw) - np.vdot(image, g)) <= 1e-11 * max(1, np.abs(image).sum())
