"""Random numbers: distributions, seeds, states, devices, errors."""

from __future__ import annotations

import numpy as np
import pytest

import xpgrad as xg
from namespaces import has_dtype
from oracle import check_error, evaluate, lines
from xpgrad.errors import DeviceError
from xpgrad.registry import resolve

SIZES = [(), (0,), (3,), (2, 3), (2, 0, 3)]
DRAWS = {
    "rand": xg.rand,
    "randn": xg.randn,
    "randint": lambda *size, **kw: xg.randint(5, size, **kw),
}

ERRORS = """
    t.randint(3, 3, (2,))
    t.randint(0, (2,))
    t.randint(3)
    t.randint(300, (2,), dtype=t.uint8)
    t.randperm(-1)
    t.normal(0.0, -1.0, (2,))
    t.bernoulli(t.tensor([2.0]))
    t.bernoulli(t.tensor([1]))
    t.multinomial(t.tensor([0.5, 0.5]), 3)
    t.multinomial(t.tensor([-0.5, 0.5]), 1)
    t.multinomial(t.tensor([nan, 0.5]), 1)
    t.multinomial(t.tensor([0.0, 0.0]), 1)
    t.multinomial(t.ones(2, 2, 2), 1)
    t.multinomial(t.ones(2), 0)
    t.multinomial(t.tensor([1, 1]), 1)
    t.randn(2, dtype=t.int64)
    t.rand(2, dtype=t.int64)
    t.rand(2, generator=3)
    t.rand_like(t.ones(2, dtype=t.int64))
    t.manual_seed(2**64)
    t.Generator().set_state(t.zeros(3))
    t.Generator().set_state(t.zeros(3, dtype=t.uint8))
"""


@pytest.fixture(autouse=True)
def _seeded():
    """Each test starts and leaves with generators that others cannot tell from their own."""
    with xg.random.fork_rng():
        xg.manual_seed(0)
        yield


# ------------------------------------------------------------------ shapes, dtypes, places


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", DRAWS)
def test_sizes(name, size):
    assert DRAWS[name](*size if size else [()] if name != "randint" else []).shape == size
    if name != "randint":
        assert DRAWS[name](size).shape == DRAWS[name](size=size).shape == size


def test_devices(device):
    ns = resolve(device)
    for made in (xg.rand(2, device=device), xg.randn(2, device=device),
                 xg.randperm(3, device=device),
                 xg.randint(3, (2,), device=device), xg.rand_like(xg.ones(2, device=device)),
                 xg.bernoulli(xg.full((2,), 0.5, device=device)),
                 xg.normal(xg.zeros(2, device=device), 1.0),
                 xg.multinomial(xg.ones(3, device=device), 2)):  # fmt: skip
        assert made._ns is ns
        assert type(made._data) is ns.array_type
    with xg.device(device):
        assert xg.randn(1)._ns is ns


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "complex64", "complex128"])
def test_dtypes(device, dtype):
    if not has_dtype(resolve(device), dtype):
        pytest.skip(f"{device} has no {dtype}")
    for draw in (xg.rand, xg.randn):
        made = draw(3, dtype=dtype, device=device, requires_grad=True)
        assert made.dtype.name == dtype
        assert made.is_leaf
        assert made.requires_grad


def test_integers_in_every_dtype():
    for dtype in (xg.uint8, xg.int8, xg.int32, xg.int64, xg.float32, xg.bool):
        made = xg.randint(0, 2, (50,), dtype=dtype)
        assert made.dtype is dtype
        assert sorted(set(map(int, made.tolist()))) == [0, 1]


def test_default_dtype():
    assert xg.rand(1).dtype is xg.randn(1).dtype is xg.float32
    assert xg.randint(3, (1,)).dtype is xg.randperm(3).dtype is xg.int64
    xg.set_default_dtype(xg.float64)
    try:
        assert xg.rand(1).dtype is xg.float64
    finally:
        xg.set_default_dtype(xg.float32)


def test_like():
    x = xg.ones(2, 3, dtype=xg.float64)
    for made in (
        xg.rand_like(x),
        xg.randn_like(x),
        xg.randint_like(x, 3),
        xg.randint_like(x, 1, 3),
    ):
        assert made.shape == x.shape
        assert made.dtype is xg.float64


# ------------------------------------------------------------------ distributions

N = 20_000


def test_uniform():
    x = xg.rand(N).numpy()
    assert x.min() >= 0.0
    assert x.max() < 1.0
    np.testing.assert_allclose(np.histogram(x, 10, (0, 1))[0] / N, 0.1, atol=0.01)


def test_half_precision_never_reaches_one():
    assert xg.rand(N, dtype=xg.float16).max().item() < 1.0


def test_normal():
    x = xg.randn(N).numpy()
    assert abs(x.mean()) < 0.03
    assert abs(x.std() - 1) < 0.03
    assert abs((np.abs(x) < 1).mean() - 0.6827) < 0.02


def test_complex_normal_has_variance_one():
    x = xg.randn(N, dtype=xg.complex64).numpy()
    assert abs((np.abs(x) ** 2).mean() - 1) < 0.05
    assert abs(np.corrcoef(x.real, x.imag)[0, 1]) < 0.03


def test_normal_with_parameters():
    x = xg.normal(xg.tensor([0.0, 100.0]).expand(N, 2), xg.tensor([1.0, 0.1])).numpy()
    np.testing.assert_allclose(x.mean(0), [0, 100], atol=0.05)
    np.testing.assert_allclose(x.std(0), [1, 0.1], rtol=0.05)
    assert xg.normal(2.0, xg.ones(3)).shape == (3,)
    assert abs(xg.normal(5.0, 0.0, (4,)).numpy() - 5).max() == 0


def test_integers():
    x = xg.randint(-2, 3, (N,)).numpy()
    assert set(x) == {-2, -1, 0, 1, 2}
    np.testing.assert_allclose(np.bincount(x + 2) / N, 0.2, atol=0.02)
    assert set(xg.randint(low=4, high=6, size=(50,)).tolist()) == {4, 5}


def test_permutation():
    x = xg.randperm(50)
    assert sorted(x.tolist()) == list(range(50))
    assert x.tolist() != list(range(50))
    assert xg.randperm(0).shape == (0,)


def test_bernoulli():
    x = xg.bernoulli(xg.full((N,), 0.3)).numpy()
    assert set(x) == {0.0, 1.0}
    assert abs(x.mean() - 0.3) < 0.02
    assert xg.bernoulli(xg.tensor([0.0, 1.0])).tolist() == [0.0, 1.0]
    assert abs(xg.ones(N).bernoulli(0.25).mean().item() - 0.25) < 0.02
    assert not xg.bernoulli(xg.tensor([0.5], requires_grad=True)).requires_grad


def test_multinomial():
    weights = xg.tensor([1.0, 0.0, 3.0])
    x = xg.multinomial(weights, N, replacement=True).numpy()
    np.testing.assert_allclose(np.bincount(x, minlength=3) / N, [0.25, 0, 0.75], atol=0.02)
    for _ in range(20):
        assert sorted(xg.multinomial(weights, 2).tolist()) == [0, 2]
    rows = xg.multinomial(xg.tensor([[1.0, 0.0], [0.0, 1.0]]), 3, replacement=True)
    assert rows.tolist() == [[0, 0, 0], [1, 1, 1]]
    first = [xg.multinomial(weights, 1).item() for _ in range(400)]
    assert abs(first.count(2) / 400 - 0.75) < 0.1


def test_multinomial_passes_over_weights_of_zero():
    weights = xg.tensor([0.0, 1e-3, 0.0, 1e-3, 0.0])
    assert set(xg.multinomial(weights, 500, replacement=True).tolist()) == {1, 3}
    assert set(xg.multinomial(weights, 2).tolist()) == {1, 3}


# ------------------------------------------------------------------ seeds and states


def everything(where):
    return [
        x.tolist()
        for x in (xg.rand(3, device=where), xg.randn(3, device=where),
                  xg.randint(100, (3,), device=where), xg.randperm(5, device=where))
    ]  # fmt: skip


def test_a_seed_repeats_everything(device):
    xg.manual_seed(7)
    first = everything(device)
    assert everything(device) != first
    xg.manual_seed(7)
    assert everything(device) == first
    xg.manual_seed(8)
    assert everything(device) != first


def test_a_seed_holds_for_devices_used_later(monkeypatch):
    xg.manual_seed(11)
    monkeypatch.setattr(xg.random, "_defaults", {})
    x = xg.rand(2).tolist()
    xg.manual_seed(11)
    assert xg.rand(2).tolist() == x


def test_state(device):
    g = xg.Generator(device).manual_seed(3)
    xg.randn(5, generator=g, device=device)
    state = g.get_state()
    assert state.dtype is xg.uint8
    assert state.device == xg.device("cpu")
    x = xg.randn(5, generator=g, device=device).tolist()
    other = xg.Generator(device)
    assert other.set_state(state) is other
    assert other.initial_seed() == 3
    assert xg.randn(5, generator=other, device=device).tolist() == x


def test_rng_state():
    state = xg.get_rng_state()
    x = xg.rand(3).tolist()
    xg.set_rng_state(state)
    assert xg.rand(3).tolist() == x


def test_initial_seed():
    assert xg.manual_seed(42).initial_seed() == xg.initial_seed() == 42
    assert xg.manual_seed(-1).initial_seed() == 2**64 - 1
    fresh = xg.seed()
    assert xg.initial_seed() == fresh != xg.seed()
    assert xg.Generator().initial_seed() == 67280421310721


def test_generators_are_independent():
    a, b = xg.Generator().manual_seed(1), xg.Generator().manual_seed(1)
    before = xg.get_rng_state().tolist()
    assert xg.rand(3, generator=a).tolist() == xg.rand(3, generator=b).tolist()
    assert xg.get_rng_state().tolist() == before
    assert str(a.device) == "cpu"


def test_fork():
    before = xg.get_rng_state().tolist()
    with xg.random.fork_rng():
        xg.manual_seed(99)
        inside = xg.rand(2).tolist()
    assert xg.get_rng_state().tolist() == before
    with xg.random.fork_rng(devices=["cpu"]):
        xg.manual_seed(99)
        assert xg.rand(2).tolist() == inside
    with xg.random.fork_rng(enabled=False):
        xg.rand(1)
    assert xg.get_rng_state().tolist() != before


def test_fork_restores_after_an_error():
    before = xg.get_rng_state().tolist()
    with pytest.raises(KeyError), xg.random.fork_rng():
        {}[xg.rand(1)]
    assert xg.get_rng_state().tolist() == before


def test_generator_of_another_device():
    with pytest.raises(DeviceError, match="strict:1"):
        xg.rand(2, generator=xg.Generator("strict:1"))


@pytest.mark.oracle
@pytest.mark.parametrize("expression", lines(ERRORS))
def test_errors_like_pytorch(expression):
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
    # The names of kernels, and lists of signatures, are PyTorch's own.
    words = not any(w in expression for w in ("randint(3)", "dtype=", "[1]", "generator=", "state"))
    check_error(evaluate(expression, torch)[0], evaluate(expression, xg)[0], words=words)
