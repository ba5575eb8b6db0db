"""Where NumPy's backend takes another way for large arrays, it arrives at the same place."""

import itertools

import numpy as np
import pytest

from xpgrad.namespace import Namespace
from xpgrad_backends import numba_kernels

rng = np.random.default_rng(0)
SPECIAL = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e-42, -3.5])


def same(a, b):
    """Equal in type, shape and every bit."""
    assert (a.dtype, a.shape) == (b.dtype, b.shape)
    np.testing.assert_array_equal(
        np.ascontiguousarray(a).view("V1"), np.ascontiguousarray(b).view("V1")
    )


@pytest.fixture
def large(cpu):
    """Condition and operands, large enough, with every special number and negative strides."""
    x, y = (np.resize(rng.permutation(np.resize(SPECIAL, 9000)), (90, 100)) for _ in range(2))
    assert x.size >= type(cpu).where.__globals__["LARGE"]
    return x > y, x[:, ::-1], y.T.reshape(90, 100)


@pytest.mark.parametrize("kind", ["e", "f", "d", "F", "D", "i"])
@pytest.mark.filterwarnings("ignore:invalid value")
def test_where(cpu, large, kind):
    condition, x, y = large
    x, y = x.astype(kind), y.astype(kind)
    zero = 0 if kind == "i" else 0.0
    for args in [
        (condition, x, y), (condition, x, zero), (condition, zero, x), (condition, x, -0.0),
        (condition, x, y[0]), (condition[:, :1], x, y), (condition, x, 2), (~condition, y, x),
        (condition, x[0, 0], y), (condition, x[:1], zero),
    ]:  # fmt: skip
        same(cpu.where(*args), np.where(*args))


NUMBERS = [0, 0.0, 1.5, -2, np.inf, -np.inf, np.nan]


@pytest.mark.parametrize(
    ("kind", "number"),
    [(k, n) for k in "efd" for n in NUMBERS] + [("i", 0), ("i", 1.5), ("i", -2)],
)
@pytest.mark.filterwarnings("ignore:invalid value")
def test_maximum_and_minimum(cpu, large, kind, number):
    x = large[1].astype(kind)
    for mine, theirs in ((cpu.maximum, np.maximum), (cpu.minimum, np.minimum)):
        a, b = mine(x, number), theirs(x, number)
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


# ── places ───────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(params=["NumPy alone", "with Numba"])
def either(request, monkeypatch):
    """With what Numba compiles, and without."""
    if request.param == "with Numba":
        pytest.importorskip("numba", reason="the extra `numba` is not installed: NumPy alone is")
    monkeypatch.setattr(numba_kernels, "enabled", request.param == "with Numba")


SHAPES = [((60, 40), 0), ((60, 40), 1), ((10, 12, 40), 1), ((5000,), 0), ((4, 300, 8), 2)]
KINDS = ["e", "f", "d", "F", "D", "i", "l", "b", "?"]


def numbers(kind, *shape):
    return (rng.standard_normal(shape) * 8).astype(kind)


def beside(places, axis):
    """An index that names places along an axis, for each of everything else."""
    grids = np.meshgrid(*map(np.arange, places.shape), indexing="ij", sparse=True)
    return tuple(places if i == axis else grid for i, grid in enumerate(grids))


@pytest.mark.usefixtures("either")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("shape", "axis"), SHAPES)
def test_places_along_an_axis(cpu, shape, axis, kind):
    x, n = numbers(kind, *shape), shape[axis]
    count = n + 5
    places = rng.integers(-n, n, (*shape[:axis], count, *shape[axis + 1 :]))
    values = numbers(kind, *places.shape)
    for given in (x, np.asfortranarray(x), x[::-1]):
        same(cpu.take_along_axis(given, places, axis=axis), np.take_along_axis(given, places, axis))
        index = beside(places, axis)
        same(cpu.getitem(given, index), given[index])
        for value in (values, values[::-1], 1, values[:1]):
            mine, theirs = given.copy("K"), given.copy()
            cpu.assign(mine, index, value)
            theirs[index] = value
            same(mine, theirs)
    locked = x.copy()
    locked.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        cpu.assign(locked, index, values)
    theirs = np.zeros(shape, kind)
    np.add.at(theirs, index, values)
    for mine in (cpu.add_along_axis(values, places, shape, axis), cpu.index_add(x, index, values)):
        assert mine.dtype == theirs.dtype
        np.testing.assert_allclose(mine, theirs, rtol=1e-3, atol=1e-3 if kind in "fF" else 1e-1)


@pytest.mark.usefixtures("either")
def test_places_that_are_nearly_along_an_axis(cpu):
    x, count = numbers("d", 60, 40), np.arange(60)[:, None]
    places = rng.integers(0, 40, (60, 40))
    values = numbers("d", 60, 40)
    for index in (
        (count[::-1], places), (count * 0, places), (count[:30], places[:30]),
        (np.roll(count, 1), places), (places % 60, places), (count, np.arange(40)[None]),
        (count, places.reshape(1, 60, 40)), (count.astype("i"), places.astype("B")),
        (rng.integers(-60, 60, 2000), rng.integers(-40, 40, 2000)), (slice(None), places[0]),
        (slice(None), np.tile(places[0], 30)), (np.tile(places[0], 30), slice(None)),
        (slice(None), places[0], ...), (slice(2, 50), np.tile(places[0], 9)),
    ):  # fmt: skip
        same(cpu.getitem(x, index), np.ascontiguousarray(x[index]))
        shape = x[index].shape
        given = np.resize(values, shape)
        theirs = np.zeros_like(x)
        np.add.at(theirs, index, given)
        np.testing.assert_allclose(cpu.index_add(x, index, given), theirs, rtol=1e-9, atol=1e-9)
        mine, theirs = x.copy(), x.copy()
        cpu.assign(mine, index, given)
        theirs[index] = given
        same(mine, theirs)


@pytest.mark.usefixtures("either")
def test_values_to_be_stretched_are_added(cpu):
    x, values = numbers("d", 60, 40), numbers("d", 1000)
    index = rng.integers(-60, 60, (5, 1000)), rng.integers(-40, 40, (5, 1000))
    for given in (index, (index[0], slice(None, 1))):
        value = values if given is index else values[:, None]
        theirs = np.zeros_like(x)
        np.add.at(theirs, given, value)
        np.testing.assert_allclose(cpu.index_add(x, given, value), theirs, rtol=1e-9, atol=1e-9)


@pytest.mark.usefixtures("either")
@pytest.mark.parametrize("wrong", [40, -41])
def test_places_outside(cpu, wrong):
    x, places = numbers("f", 60, 40), rng.integers(0, 40, (60, 100))
    places[30, 50] = wrong
    index = beside(places, 1)
    kept = x.copy()
    for call in (
        lambda: cpu.take_along_axis(x, places, axis=1),
        lambda: cpu.getitem(x, index),
        lambda: cpu.assign(x, index, 1.0),
        lambda: cpu.index_add(x, index, numbers("f", 60, 100)),
        lambda: cpu.index_add(x, (slice(None), places[30]), numbers("f", 60, 100)),
    ):
        with pytest.raises(IndexError):
            call()
    same(x, kept)


# ── order ────────────────────────────────────────────────────────────────────────────────────────


def to_order(kind):
    """Lines of numbers: different ones, ties of all kinds, nan and infinities."""
    yield numbers(kind, 50, 41)
    yield (rng.integers(0, 4, (50, 41)) - 1).astype(kind)
    yield numbers(kind, 6, 30, 8)
    yield numbers(kind, 4000)
    if kind in "fd":
        x = (rng.integers(0, 9, (60, 33)) - 1).astype(kind)
        x[::3, ::4], x[1::3, 5], x[2::5, 9] = np.nan, np.inf, -np.inf
        yield x
        yield np.where(x == 0, -np.abs(x), x)  # also -0


@pytest.mark.parametrize("kind", "fdil")
def test_places_in_order(cpu, kind):
    for x in to_order(kind):
        for axis in range(x.ndim):
            n = x.shape[axis]
            for largest, count in itertools.product((True, False), {1, 3, n // 2, n}):
                found = cpu.top_places(x, axis, count, largest)
                same(found, Namespace.top_places(cpu, x, axis, count, largest).copy())
            for nan, k in itertools.product((True, False), {0, 3, n // 2, n - 1}):
                found = cpu.kth_place(x, axis, k, nan)
                same(found, Namespace.kth_place(cpu, x, axis, k, nan).copy())
            if kind in "fd":
                found = cpu.kth_place(x, axis, None, False)
                same(found, Namespace.kth_place(cpu, x, axis, None, False).copy())


# ── what is combined, distinct, sorted ───────────────────────────────────────────────────────────


@pytest.mark.usefixtures("either")
@pytest.mark.parametrize("kind", "fdli")
@pytest.mark.parametrize("how", ["multiply", "maximum", "minimum"])
@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid value")
def test_combining_along_an_axis(cpu, kind, how):
    for shape, axis in [*SHAPES, ((3, 2500), 0), ((2, 3, 2500), 1)]:
        n = shape[axis]
        line = rng.integers(-n, n, 2 * n)
        form = [2 * n if i == axis else 1 for i in range(len(shape))]
        inner = (*shape[:axis], 2 * n, *shape[axis + 1 :])
        values, x = (numbers(kind, *s) // 2 for s in (inner, shape))
        if kind in "fd":
            values.reshape(-1)[:3] = np.nan, np.inf, -np.inf
        same_line = np.broadcast_to(line.reshape(form), inner)
        for places in (rng.integers(-n, n, inner), same_line, same_line.astype("i")):
            at = list(np.indices(inner, sparse=True))
            at[axis] = places
            expected = x.copy()
            getattr(np, how).at(expected, tuple(at), values)
            for given in (x, np.asfortranarray(x)):
                found = cpu.combine_along_axis(given, places, values, axis, how)
                assert found.dtype == kind
                np.testing.assert_allclose(found, expected, rtol=1e-5)
                assert not np.shares_memory(found, given)
            if places.strides[axis] and places is not same_line and how == "maximum":
                taken = cpu.take_along_axis(x, places, axis=axis)
                same(taken, np.take_along_axis(x, places.astype("l"), axis))
                zeros = np.zeros_like(x)
                finite = np.nan_to_num(values, posinf=1, neginf=1)
                np.add.at(zeros, tuple(at), finite)
                found = cpu.add_along_axis(finite, places, shape, axis)
                np.testing.assert_allclose(found, zeros, rtol=1e-4, atol=1e-4)
        wrong = same_line.copy()
        wrong.reshape(-1)[-1] = n
        for places in (wrong, np.broadcast_to(np.full(form, -n - 1), inner)):
            with pytest.raises(IndexError):
                cpu.take_along_axis(x, places, axis=axis)


@pytest.mark.usefixtures("either")
@pytest.mark.parametrize("kind", KINDS)
def test_slices_written_along_an_axis(cpu, kind):
    for shape, axis in SHAPES:
        n = shape[axis]
        for places in (rng.integers(-n, n, 2 * n), rng.integers(0, n, (3, n)).astype("i")):
            index = (*(slice(None),) * axis, places)
            values = numbers(kind, *shape[:axis], *places.shape, *shape[axis + 1 :])
            for value in (values, 1, True, values.ravel()[0], values[..., :1], values[:1]):
                if (
                    np.ndim(value)
                    and np.broadcast_shapes(value.shape, values.shape) != values.shape
                ):
                    continue
                x = numbers(kind, *shape)
                expected = x.copy()
                expected[index] = value
                same(cpu.assign(x, index, value), expected)
            x = numbers(kind, *shape)
            before = x.copy()
            with pytest.raises(IndexError):
                cpu.assign(x, (*index[:-1], np.append(places.reshape(-1), n)), 0)
            same(x, before)


@pytest.mark.usefixtures("either")
@pytest.mark.parametrize("kind", "fdilBeq")
def test_places_in_sorted_lines(cpu, kind):
    for lead, n, m in (((), 101, 5000), ((40,), 7, 130), ((3, 20), 64, 1), ((5,), 1, 1000)):
        x, values = (np.abs(numbers(kind, *lead, size)) for size in (n, m))
        if kind in "fde":
            values.reshape(-1)[:3] = np.nan, np.inf, -np.inf
            x.reshape(-1)[::9] = np.nan
            x.reshape(-1)[::7] = np.inf
        x.sort(-1)
        for side in ("left", "right"):
            lines = [
                np.searchsorted(*pair, side)
                for pair in zip(x.reshape(-1, n), values.reshape(-1, m), strict=True)
            ]
            expected = np.array(lines).reshape(values.shape)
            found = cpu.search_lines(x, values, side)
            same(found, expected)
            same(Namespace.search_lines(cpu, x, values, side), expected)
            if not lead:
                same(cpu.searchsorted(x, values, side=side), expected)


@pytest.mark.parametrize("kind", ["b", "B", "h", "i", "I", "l", "L", "f", "?"])
@pytest.mark.filterwarnings("ignore:invalid value")
def test_distinct_elements(cpu, kind):
    ends = np.iinfo(kind) if kind not in "f?" else None
    for x in (numbers(kind, 60, 40), numbers(kind, 700), numbers(kind, 3)):
        given = [x, x[::-1], x.T]
        if ends is not None:  # counted at both ends of the type, and too far apart for that
            at = rng.integers(0, 9, x.shape).astype(kind)
            given += [ends.max - at, ends.min + at, np.where(at == 1, ends.max, ends.min + at)]
        for part in given:
            values, first, inverse, counts = np.unique(part, True, True, True)
            for mine, theirs in (
                (cpu.unique_all(part), (values, first, inverse, counts)),
                (cpu.unique_counts(part), (values, counts)),
                (cpu.unique_inverse(part), (values, inverse)),
                ((cpu.unique_values(part),), (values,)),
            ):
                for a, b in zip(mine, theirs, strict=True):
                    same(np.asarray(a), b)


@pytest.mark.parametrize("kind", KINDS)
def test_order_of_rows(cpu, kind):
    for shape in ((90, 40), (300, 2), (700, 1), (0, 5), (5, 0), (3, 2)):
        x = (numbers(kind, *shape) / 8).astype(kind)
        if kind in "efd" and x.size > 100:
            x.reshape(-1)[:9] = (-0.0, 0.0, np.inf, -np.inf, 0.0, -0.0, np.nan, -np.nan, 1)
        if kind in "FD":
            x = x.real.astype(kind)
        for given in (x, x[:, ::-1], x[::-1]):
            same(cpu.row_order(given), np.asarray(Namespace.row_order(cpu, given)))


# ── running along an axis ────────────────────────────────────────────────────────────────────────


@pytest.mark.usefixtures("either")
@pytest.mark.parametrize("kind", "efdil")
@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid value")
def test_running_along_an_axis(cpu, kind):
    for shape in ((40, 200), (3, 40, 200), (9000,), (2, 3, 4), (0, 5), (5, 0)):
        x = numbers(kind, *shape) / (8 if kind in "efd" else 1)
        x = x.astype(kind)
        for axis in range(x.ndim):
            wide = x.astype("d") if kind in "efd" else x
            how = {"rtol": 0, "atol": {"e": 0.1, "f": 1e-3}.get(kind, 1e-9)}
            sums = cpu.cumulative_sum(x, axis=axis)
            np.testing.assert_allclose(sums, wide.cumsum(axis), **how)
            assert sums.dtype == (x.dtype if kind in "efd" else np.int64)
            products = cpu.cumulative_prod(x, axis=axis)
            np.testing.assert_allclose(products, wide.cumprod(axis), **how | {"rtol": 1e-2})
            back = cpu.carried_back(x, None, axis)
            np.testing.assert_allclose(back, np.flip(np.flip(wide, axis).cumsum(axis), axis), **how)
            turned = np.asfortranarray(x)
            for found in (
                *(sums, products, back, cpu.cumulative_sum(turned, axis=axis)),
                *(cpu.cumulative_prod(turned, axis=axis), cpu.carried_back(turned, None, axis)),
            ):
                assert found.flags.c_contiguous


@pytest.mark.usefixtures("either")
@pytest.mark.parametrize("kind", "fdil")
@pytest.mark.filterwarnings("ignore:invalid value")
def test_extrema_so_far(cpu, kind):
    for x in to_order(kind):
        for axis in range(x.ndim):
            for largest in (True, False):
                found = cpu.running_places(x, axis, largest)
                same(found, Namespace.running_places(cpu, x, axis, largest))
            if kind in "fd":
                mine, theirs = (
                    f(x, axis) for f in (cpu.running_logaddexp, np.logaddexp.accumulate)
                )
                np.testing.assert_allclose(mine, theirs, rtol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_triangles(cpu, kind):
    for shape in ((90, 60), (60, 90), (3, 50, 50)):
        x = numbers(kind, *shape)
        if kind in "efdFD":
            x[..., 3, 5], x[..., 5, 3] = np.nan, np.inf
        for given in (x, x.mT.copy().mT, x[..., ::-1]):
            for k in (-70, -1, 0, 2, 95):
                same(cpu.tril(given, k=k), np.tril(given, k))
                same(cpu.triu(given, k=k), np.triu(given, k))


@pytest.mark.parametrize("kind", "efd")
@pytest.mark.filterwarnings("ignore:invalid value")
def test_stacks_of_outer_products(cpu, kind, monkeypatch):
    monkeypatch.setattr(numba_kernels, "enabled", False)
    for shape in ((6, 90), (5, 3), (0, 9), (2, 3, 40)):
        x = np.resize(rng.permutation(np.resize(SPECIAL, 900)), (*shape, 1)).astype(kind)
        for y in (x.mT[..., ::-1], np.resize(x, (*shape[:-1], 1, 250)), x[:1].mT.copy()):
            with np.errstate(over="ignore", under="ignore"):
                np.testing.assert_array_equal(cpu.matmul(x, y), x * y)
                assert cpu.matmul(x, y).dtype == kind
    assert (6 * 90 * 90) > numba_kernels.LARGE > 5 * 3 * 250
