"""What Numba compiles of networks gives what the portable steps give: see test_numba_kernels.py."""

import itertools

import numpy as np
import pytest

import test_ops
from op_table import ROWS
from test_numba_kernels import SPECIAL, close, draw, kernels, views  # noqa: F401 - a fixture
from xpgrad.boxes import Boxed, Boxes
from xpgrad.distant import Distant
from xpgrad.fused import Fused
from xpgrad.losses import Losses
from xpgrad.pieces import Pieces
from xpgrad.sampled import Sampled
from xpgrad.sequences import Sequences
from xpgrad.windowed import Taps, Windowed
from xpgrad_backends import numba_kernels, numpy_losses
from xpgrad_backends.numba_kernels import compiled
from xpgrad_backends.numpy_windows import Blocks, Packed, Plan

rng = np.random.default_rng(0)

OPS = (
    "box_max", "cdist", "convolution", "convolution_input", "convolution_weight", "cross_entropy",
    "ctc_loss", "erfc", "multi_margin_loss", "multilabel_margin_loss",
    "glu", "grid_sample", "hardshrink", "hardsigmoid", "hardtanh", "max_pool", "pdist", "resample",
    "softshrink", "threshold",
)  # fmt: skip
SAMPLES = [pytest.param(row, id=f"{row.name}-{i}") for i, row in enumerate(ROWS) if row.name in OPS]


def test_all_ops_have_rows():
    assert {row.values[0].name for row in SAMPLES} == set(OPS)


@pytest.mark.parametrize("row", SAMPLES)
def test_the_same_row_holds(kernels, cpu, row):  # noqa: F811
    test_ops.check_values(row, cpu)
    if row.differentiable:
        test_ops.check_gradient(row)
        test_ops.check_gradient_there(row, cpu)
        if row.second_order:
            test_ops.check_second_order(row)


# ── functions of pieces ──────────────────────────────────────────────────────────────────────────

SETTINGS = {
    "hardtanh": (-0.7, 1.2), "hardshrink": (0.5,), "softshrink": (0.5,), "shrink": (0.5,),
    "threshold": (0.1, -3.0), "threshold_gradient": (0.1,), "hardsigmoid": (),
    "bent": (0.7,),
}  # fmt: skip
PIECES = [name for name in vars(Pieces) if name[0] != "_" and name[:3] not in ("glu", "erf")]


@pytest.mark.parametrize("kind", "fd")
@pytest.mark.parametrize("name", PIECES)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of the portable form on special numbers
def test_pieces(kernels, cpu, name, kind):  # noqa: F811
    settings = SETTINGS.get(name, SETTINGS.get(name.partition("_")[0]))
    edges = [-3, -0.7, -0.5, 0.1, 0.5, 1.2, 3]
    numbers = np.concatenate([SPECIAL, edges, np.linspace(-4, 4, 101)]).astype(kind)
    for x in (numbers, draw(kind), draw(kind, 3, 5, 7), *views(draw(kind, 33, 5))):
        given = (draw(kind, *x.shape), x) if name.endswith("gradient") else (x,)
        theirs = getattr(Pieces, name)(cpu, *given, *settings)
        close(getattr(cpu, name)(*given, *settings), theirs, name)
        if name != "hardtanh":
            close(compiled(name, *given, *settings), theirs, name)
    if name != "hardtanh":
        given = (draw("d", 3).astype("e"),) * len(given)
        assert compiled(name, *given, *settings) is None  # left to NumPy


@pytest.mark.parametrize("kind", "fd")
@pytest.mark.parametrize("axis", range(3))
def test_halves(kernels, cpu, axis, kind):  # noqa: F811
    for x in views(draw(kind, 4, 6, 8)):
        if x.shape[axis] % 2 == 0:
            out = Pieces.glu(cpu, x, axis)
            close(compiled("glu", x, axis), out)
            g = draw(kind, *out.shape)
            close(compiled("glu_gradient", g, x, axis), Pieces.glu_gradient(cpu, g, x, axis))


@pytest.mark.parametrize("kind", "fd")
def test_complement_of_the_error_function(kernels, kind):  # noqa: F811
    special = pytest.importorskip("scipy.special", reason="SciPy is the reference here")
    x = np.concatenate([np.linspace(-6, 9 if kind == "f" else 26, 4001), [np.inf, -np.inf, np.nan]])
    x = x.astype(kind)
    mine, theirs = compiled("erfc", x), special.erfc(x.astype("d"))
    eps = np.finfo(kind).eps
    squares = np.nan_to_num(x.astype("d"), posinf=0, neginf=0) ** 2
    bound = (4 + 3 * squares * (kind == "d")) * eps  # for it is rounded before its exponential
    tiny = 2 * np.finfo(kind).smallest_subnormal
    assert (np.abs(mine - theirs)[:-1] <= bound[:-1] * theirs[:-1] + tiny).all()
    assert np.isnan(mine[-1])


# ── losses ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
@pytest.mark.parametrize("kind", "fd")
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_cross_entropy(kernels, cpu, kind, reduction):  # noqa: F811
    strange = draw(kind, 6, 70)
    strange[0, 3], strange[1, 69], strange[2, 0], strange[3, 5] = np.nan, np.inf, -np.inf, 1e30
    images = strange.reshape(2, 3, 70).transpose(0, 2, 1)
    for x in (strange, draw(kind, 1, 1), draw(kind, 5, 33) * 50, strange[:, ::-1], strange.T,
              images, draw(kind, 2, 4, 300), draw(kind, 2, 5, 3, 1)):  # fmt: skip
        weight = np.abs(draw(kind, x.shape[1]))
        for w, ignore, smoothing in itertools.product(
            (None, weight, weight * (weight < 1)), (None, -100, 0), (0.0, 0.3)
        ):
            target = rng.integers(0, x.shape[1], (len(x), *x.shape[2:]))
            if ignore is not None:
                target[rng.random(target.shape) < 0.3] = ignore
            how = (w, reduction, ignore, smoothing)
            theirs = Losses.cross_entropy(cpu, x, target, *how)
            for made in (compiled("cross_entropy", x, target, *how),
                         numpy_losses.cross_entropy(cpu, x, target, *how)):  # fmt: skip
                close(np.asarray(made[0]), np.asarray(theirs[0]), how)
                there = ~np.isnan(x).any(axis=1)  # of nan the sum is nan, and that is what counts
                mine, exact = (np.moveaxis(a[1], 1, -1)[there] for a in (made, theirs))
                close(mine, exact)
            g = draw(kind, *np.shape(theirs[0]))
            given = (g, theirs[1], target, *how)
            theirs = Losses.cross_entropy_gradient(cpu, *given)
            close(compiled("cross_entropy_gradient", *given), theirs, how)
            close(numpy_losses.cross_entropy_gradient(cpu, *given), theirs, how)


@pytest.mark.parametrize("kind", "fd")
@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_softmax_across(kernels, cpu, name, axis, kind):  # noqa: F811
    strange = draw(kind, 3, 5, 140)
    strange[0, 0, :4] = np.nan, np.inf, -np.inf, 1e30
    for x in (strange, strange.transpose(2, 0, 1), draw(kind, 4, 1, 2) * 100):
        out = getattr(Fused, name)(cpu, x, axis)
        close(compiled(name, x, axis), out)
        given = (draw(kind, *x.shape), out, axis)
        theirs = getattr(Fused, f"{name}_gradient")(cpu, *given)
        close(compiled(f"{name}_gradient", *given), theirs)


@pytest.mark.parametrize("kind", "fd")
@pytest.mark.parametrize("width", [1, 2, 21, 4000])
def test_logarithms(kernels, cpu, width, kind):  # noqa: F811
    """Of all sums from 1 to the number of classes."""
    x = np.zeros((1, width, 513), kind)
    x[0, 1:] = -np.linspace(0, 30, 513)
    close(compiled("log_softmax", x, 1), Fused.log_softmax(cpu, x, 1))
    assert np.isnan(compiled("log_softmax", np.full_like(x, np.nan), 1)).all()


@pytest.mark.parametrize("kind", "fd")
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_margins(kernels, cpu, kind):  # noqa: F811
    strange = draw(kind, 6, 20)
    strange[0, 3], strange[1, 19], strange[2, 0], strange[3] = np.nan, np.inf, -np.inf, 1
    for x in (strange, draw(kind, 1, 1), strange[:, ::-1], strange.T, draw(kind, 0, 3)):
        target = rng.integers(0, x.shape[1], len(x))
        for w, p, margin in itertools.product((None, draw(kind, x.shape[1])), (1, 2), (1.0, 0.1)):
            given = (x, target, w, p, margin)
            close(compiled("multi_margin", *given), Losses.multi_margin(cpu, *given))
        labels = rng.integers(-1, x.shape[1], x.shape)
        given = (x, labels)
        close(compiled("multilabel_margin", *given), Losses.multilabel_margin(cpu, *given))


@pytest.mark.parametrize("kind", "fd")
def test_labels_of_sequences(kernels, cpu, kind):  # noqa: F811
    for case in range(60):
        t, n, c, s = (int(rng.integers(1, most)) for most in (12, 5, 6, 6))
        x = np.log(rng.dirichlet(np.ones(c), (t, n)) + 1e-300).astype(kind)
        x[rng.random(x.shape) < 0.1] = -np.inf if case % 3 == 0 else -50
        x = np.asfortranarray(x) if case % 4 == 0 else x
        labels = rng.integers(0, c, (n, s))
        steps, lengths = rng.integers(0, t + 1, n), rng.integers(0, s + 1, n)
        given = (x, labels, steps, lengths, int(rng.integers(0, c)))
        total, taken = Sequences.ctc_shares(cpu, *given)
        possible = total > -1e29
        mine = compiled("ctc_shares", *given)
        for totals in (compiled("ctc_paths", *given), mine[0]):
            close(totals[possible], total[possible], given)
            assert (totals[~possible] < -1e29).all()
        counts = (np.arange(t)[:, None] < steps) & possible
        close(mine[1][counts], taken[counts], given)


# ── at other places ──────────────────────────────────────────────────────────────────────────────

TABLES = [
    Taps([[0, 1], [2, 2], [4, 3]], 5, [[0.5, 0.5], [1.0, 0.0], [0.25, -0.5]]),
    Taps([3, 0, 0, 2], 5),
    Taps([[0, 1, 2]], 5, [[1.0, 1.0, 0.0]]),
    Taps([[0, 1], [2, 2]], 5, [[0.0, 0.0], [2.0, 1.0]]),
    Taps(np.zeros((0, 1), int), 5),
]


@pytest.mark.parametrize("kind", "fd")
@pytest.mark.parametrize("taps", TABLES)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_resampling(kernels, cpu, taps, kind):  # noqa: F811
    strange = draw(kind, 3, 5)
    strange[0, 1], strange[1, 2], strange[2, 3] = np.nan, np.inf, -np.inf
    for x, axis in ((strange, 1), (strange.T, 0), (draw(kind, 2, 5, 3), 1), (draw(kind, 5), 0)):
        for x_, taps_ in ((x, taps), (np.take(x, range(taps.count), axis, mode="wrap"),
                                      taps.transposed)):  # fmt: skip
            theirs = Windowed.resample(cpu, x_, axis, taps_)
            close(compiled("resample", x_, axis, taps_), theirs)
            close(cpu.resample(x_, axis, taps_), theirs)


@pytest.mark.parametrize("kind", "fd")
@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("mode", ["bilinear", "nearest", "bicubic"])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_places_of_a_grid(kernels, cpu, mode, padding, kind):  # noqa: F811
    for shape, outputs, align in itertools.product(
        ((2, 3, 4, 5), (1, 2, 1, 1), (2, 1, 3, 4, 2)), ((2, 3), (1, 700)), (False, True)
    ):
        space = len(shape) - 2
        if mode == "bicubic" and space == 3:
            continue
        outputs = (*outputs, 2)[:space]
        how = (mode, padding, align)
        x, g = draw(kind, *shape), draw(kind, *shape[:2], *outputs)
        grid = rng.uniform(-3.2, 3.2, (shape[0], *outputs, space)).astype(kind)
        flat = grid.reshape(-1)
        flat[:4] = [1, -1, 0, 3e10 if padding != "reflection" else 1]
        size = shape[2:]
        for spread in (False, True):
            if spread:
                x, grid = np.asfortranarray(x), np.asfortranarray(grid)
            mine = compiled("grid_sample", x, grid, how)
            close(mine, Sampled.grid_sample(cpu, x, grid, how), how)
            mine = compiled("grid_sample_input", g, grid, size, how)
            close(mine, Sampled.grid_sample_input(cpu, g, grid, size, how), how)
            if mode != "nearest":
                mine = compiled("grid_sample_grid", g, x, grid, how)
                close(mine, Sampled.grid_sample_grid(cpu, g, x, grid, how), how)
    flat[:2] = np.nan, np.inf
    mine, theirs = cpu.grid_sample(x, grid, how), Sampled.grid_sample(cpu, x, grid, how)
    np.testing.assert_array_equal(np.isnan(mine), np.isnan(theirs))


# ── boxes ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", "fd")
def test_maxima_of_boxes(kernels, cpu, kind):  # noqa: F811
    for shape, sizes in (
        ((5, 7), (3, 3)), ((2, 6, 9), (6, 2)), ((3, 200), (2,)), ((2, 3, 90), (1, 1)),
        ((2, 4, 150), (2, 2)), ((2, 4, 5, 6), (3, 1, 4)), ((4, 3, 5), (2, 2, 2)), ((130,), (1,)),
    ):  # fmt: skip
        axis = len(shape) - len(sizes)
        boxes = Boxes(shape[axis:], sizes)
        strange = rng.integers(0, 4, shape).astype(kind)  # many are equal
        strange.reshape(-1)[::29] = -np.inf
        for x in (draw(kind, *shape), strange, np.asfortranarray(strange)):
            for _ in range(2):
                best, places = compiled("box_maxima", x, axis, boxes)
                theirs = Boxed.box_maxima(cpu, x, axis, boxes)
                np.testing.assert_array_equal(best, theirs[0])
                np.testing.assert_array_equal(places, theirs[1])
                x = x.copy()
                x.reshape(-1)[::17] = np.nan
    assert compiled("box_maxima", x.astype("e"), axis, boxes) is None
    assert compiled("box_maxima", np.zeros((0, 4), kind), 1, Boxes((4,), (2,))) is None


# ── distances ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("p", [0, 1, 2, np.inf])
@pytest.mark.parametrize("kind", "fd")
@pytest.mark.filterwarnings("ignore:invalid value")
def test_distances(kernels, cpu, kind, p):  # noqa: F811
    for lead, n, others, width in (
        ((), 5, 7, 3),
        ((2, 3), 4, 9, 20),
        ((), 40, 33, 1),
        ((), 1, 2, 2),
    ):
        for strange in (False, True):
            x, y = draw(kind, *lead, n, width), draw(kind, *lead, others, width)
            if strange:
                x, y = np.asfortranarray(np.round(x)), np.asfortranarray(np.round(y))
                y[..., 0, 0] = np.nan
                x[..., 0, 0] = np.inf
            out = Distant.row_distances(cpu, x, y, p)
            close(compiled("row_distances", x, y, p), out)
            g = draw(kind, *out.shape)
            for second in (False, True):
                given = (g, x, y, out, p, second)
                mine = compiled("row_distances_gradient", *given)
                if p in (0, 2):  # without a kernel
                    assert mine is None
                else:
                    close(mine, Distant.row_distances_gradient(cpu, *given))
            if strange:
                x[..., 0, 0] = 0
            out = Distant.pair_distances(cpu, x, p)
            close(compiled("pair_distances", x, p), out)
            given = (draw(kind, *out.shape), x, out, p)
            mine = compiled("pair_distances_gradient", *given)
            if p:
                close(mine, Distant.pair_distances_gradient(cpu, *given))
    assert compiled("row_distances", x, y, 3) is None
    assert compiled("row_distances", x.astype("e"), y.astype("e"), p) is None
    assert compiled("pair_distances", x, 0.5) is None


# ── windows side by side ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", "fd")
@pytest.mark.parametrize(
    ("inputs", "kernel", "stride", "padding", "dilation"),
    [
        ((6, 7), (3, 3), (1, 1), (1, 1), (1, 1)),  # the width is kept: lines in one run
        ((6, 7), (3, 5), (1, 1), (2, 2), (1, 1)),
        ((5, 3), (3, 5), (1, 1), (1, 4), (1, 2)),  # taps that lie beyond both edges
        ((9, 31), (2, 3), (2, 2), (1, 1), (1, 1)),
        ((9, 31), (3, 2), (3, 3), (0, 2), (2, 1)),
        ((8, 40), (3, 3), (1, 1), (0, 0), (2, 2)),
        ((11,), (4,), (2,), (3,), (1,)),
        ((300,), (3,), (1,), (1,), (1,)),
        ((5, 4, 6), (2, 3, 3), (1, 1, 1), (1, 1, 1), (1, 1, 1)),
        ((5, 4, 6), (2, 2, 3), (2, 1, 2), (1, 0, 1), (1, 1, 1)),
    ],
)
@pytest.mark.parametrize("width", [1, 40, 10_000])  # columns of a block, about
def test_windows(kernels, monkeypatch, inputs, kernel, stride, padding, dilation, width, kind):  # noqa: F811
    import xpgrad_backends.numpy_windows as module

    images, channels, f = 5, 4, 3
    outputs = tuple(
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, k, s, p, d in zip(inputs, kernel, stride, padding, dilation, strict=True)
    )

    def plan():
        given = (kernel, outputs, inputs, stride, padding, dilation, channels)
        found = Plan(*given, np.dtype(kind).itemsize)
        found.width = width
        found.images = max(1, width // found.places)
        return found

    monkeypatch.setattr(module, "COLUMNS", min(width, 256))
    x = draw(kind, images, channels, *inputs)
    g = draw(kind, images, f, *outputs)
    mine, theirs = Packed(plan()), Blocks(plan())
    found = []
    for blocks in (mine, theirs):
        total = np.zeros((channels * np.prod(kernel), f), kind)
        rows = blocks.rows(g)
        for block, windows in blocks.windows(x):
            total += windows @ rows(block).T
        found.append(total)
    close(*found)
    for groups in (1, 2):
        w = draw(kind, groups, np.prod(kernel) * channels // groups, f)
        found = []
        for blocks in (mine, theirs):
            out, rows = np.zeros_like(x), blocks.rows(g)
            for i, j in blocks.plan.ranges(images):
                canvas = blocks.canvas(out[i:j])
                for a, b in blocks.columns(j - i):
                    part = np.matmul(w, rows((i, j, a, b)))
                    form = (groups, blocks.plan.taps, channels // groups, -1)
                    blocks.add(part.reshape(form), canvas, a, b)
                blocks.finish(canvas, out[i:j])
            found.append(out)
        close(*found)


@pytest.mark.parametrize("name", ["columns", "columns_added", "grid_sample", "ctc_paths"])
def test_without_a_kernel_that_cannot_be_compiled(cpu, monkeypatch, name):
    """NumPy computes, and it is said why."""

    def broken(*given):
        raise RuntimeError("no")

    monkeypatch.setattr(numba_kernels, "LARGE", 1)
    monkeypatch.setattr(numba_kernels, "enabled", True)
    monkeypatch.setattr(numba_kernels, "_loaded", {**numba_kernels._loaded, name: broken})
    monkeypatch.setattr(numba_kernels, "failures", {})
    x, w, grid = draw("f", 2, 3, 6, 7), draw("f", 4, 3, 3, 3), draw("f", 2, 3, 3, 2)
    how = ((6, 7), (1, 1), (1, 1), (1, 1), 1)
    g = draw("f", 2, 4, 6, 7)
    if name == "columns":
        close(cpu.convolve(x, w, *how), Windowed.convolve(cpu, x, w, *how))
    elif name == "columns_added":
        close(cpu.convolve_input(g, w, *how), Windowed.convolve_input(cpu, g, w, *how))
    elif name == "grid_sample":
        how = ("bilinear", "zeros", False)
        close(cpu.grid_sample(x, grid, how), Sampled.grid_sample(cpu, x, grid, how))
    else:
        given = (x[0], np.array([[1, 2]] * 6), np.full(6, 3), np.full(6, 2), 0)
        close(cpu.ctc_paths(*given), Sequences.ctc_paths(cpu, *given))
    if numba_kernels.kernel("outer") is not None:
        assert set(numba_kernels.failures) == {name}
