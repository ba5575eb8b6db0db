"""Where NumPy's backend takes another way for large arrays, it arrives at the same place."""

import numpy as np
import pytest

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
