"""Convolution on NumPy: every way of copying windows gives what the portable form gives, in little
memory. And what the functions of space promise beyond single ops: errors, modules, transforms.
"""

import math
import random
import tracemalloc

import numpy as np
import pytest

import xpgrad as xg
from namespaces import host, tensor
from xpgrad.registry import resolve
from xpgrad.windowed import Windowed
from xpgrad_backends import numpy_windows

F = xg.nn.functional
CPU = resolve("cpu")
EXTRAS = ("convolve", "convolve_input", "convolve_weight")


def outputs_of(inputs, kernel, stride, padding, dilation):
    along = zip(inputs, kernel, stride, padding, dilation, strict=True)
    return tuple((n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in along)


def some_convolution(rng, draw):
    """Arrays and settings for the three products."""
    space, groups = draw.choice([1, 2, 2, 3]), draw.choice([1, 1, 2, 3])
    kernel, stride, dilation, padding = (
        tuple(draw.choice(choices) for _ in range(space))
        for choices in ((1, 2, 3), (1, 1, 2, 3), (1, 1, 2), (0, 1, 2))
    )
    if draw.random() < 0.2:
        kernel, padding = (1,) * space, (0,) * space
    inputs = tuple(draw.randint(5, 9) for _ in range(space))
    outputs = outputs_of(inputs, kernel, stride, padding, dilation)
    n, c, f = draw.choice([1, 2, 5]), groups * draw.choice([1, 2]), groups * draw.choice([1, 3])
    x, w, g = (
        rng.standard_normal(shape)
        for shape in ((n, c, *inputs), (f, c // groups, *kernel), (n, f, *outputs))
    )
    if draw.random() < 0.2:
        x, w, g = (a + 1j * rng.standard_normal(a.shape) for a in (x, w, g))
    if draw.random() < 0.2:  # any strides
        x, g = x[..., ::-1], np.swapaxes(np.swapaxes(g, 0, 1).copy(), 0, 1)
    arguments = ((x, w, outputs), (g, w, inputs), (x, g, kernel))
    return arguments, (stride, padding, dilation, groups)


# How large blocks are, and what it costs to begin a run of memory: what decides between the ways.
TUNINGS = [(2**21, 256, 10), (200, 1, 10), (2000, 10, 1000), (2**21, 256, 0), (300, 4, 1000)]


@pytest.mark.parametrize(("block", "columns", "run"), TUNINGS)
def test_any_way_of_copying_windows_gives_the_portable_result(monkeypatch, block, columns, run):
    for name, value in (("BLOCK", block), ("COLUMNS", columns), ("RUN", run)):
        monkeypatch.setattr(numpy_windows, name, value)
    rng, draw = np.random.default_rng(block), random.Random(run + columns)
    for _ in range(60):
        arguments, how = some_convolution(rng, draw)
        for name, given in zip(EXTRAS, arguments, strict=True):
            mine = getattr(CPU, name)(*given, *how)
            portable = getattr(Windowed, name)(CPU, *given, *how)
            assert mine.dtype == portable.dtype
            np.testing.assert_allclose(mine, portable, rtol=1e-10, atol=1e-10, err_msg=name)


def test_all_ways_of_copying_windows_are_taken(monkeypatch):
    taken = set()
    for cls in (numpy_windows.Blocks, numpy_windows.Same, numpy_windows.Gapped):
        original = cls.windows

        def windows(self, x, original=original, cls=cls):
            taken.add(cls.__name__)
            return original(self, x)

        monkeypatch.setattr(cls, "windows", windows)
    for x, w, stride, padding in (
        ((2, 3, 9, 9), (4, 3, 3, 3), 1, 1),
        ((2, 3, 9, 9), (4, 3, 3, 3), 2, 1),
        ((2, 3, 400), (4, 3, 3), 1, 0),
    ):
        convolve = F.conv1d if len(x) == 3 else F.conv2d
        convolve(xg.ones(x), xg.ones(w), stride=stride, padding=padding)
    assert taken == {"Blocks", "Same", "Gapped"}


def test_float16_is_computed_in_single():
    rng = np.random.default_rng(0)
    x, w, b = (
        rng.standard_normal(s).astype(np.float16) for s in ((2, 3, 8, 8), (4, 3, 3, 3), (4,))
    )
    found = F.conv2d(xg.tensor(x), xg.tensor(w), xg.tensor(b))
    wide = F.conv2d(*(xg.tensor(a.astype(np.float32)) for a in (x, w, b)))
    assert found.dtype is xg.float16
    np.testing.assert_array_equal(found.numpy(), wide.half().numpy())


@pytest.mark.parametrize(
    ("x", "w", "how"),
    [
        ((16, 32, 28, 28), (64, 32, 3, 3), {"padding": 1}),
        ((64, 32, 28, 28), (64, 32, 3, 3), {"padding": 1, "stride": 2}),
        ((1, 32, 256, 256), (32, 32, 3, 3), {"padding": 1}),
        ((16, 32, 28, 28), (32, 1, 3, 3), {"padding": 1, "groups": 32}),
        ((32, 64, 32, 32), (64, 64, 1, 1), {}),
    ],
)
def test_memory_stays_within_twice_input_and_output(x, w, how):
    image = tensor(CPU, np.ones(x, np.float32), requires_grad=True)
    kernel = tensor(CPU, np.ones(w, np.float32), requires_grad=True)
    out = F.conv2d(image, kernel, **how)
    g = xg.ones_like(out)
    both = 4 * (math.prod(x) + math.prod(out.shape))
    out.backward(g)
    image.grad = kernel.grad = None
    tracemalloc.start()
    out = F.conv2d(image, kernel, **how)
    out.backward(g)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # The result and the gradient of the input are as large as both; blocks come on top.
    assert peak < 2 * both, f"{peak / both:.2f} of input and output"


# ── transforms ───────────────────────────────────────────────────────────────────────────────────


def test_gradients_of_a_kernel_for_each_example():
    rng = np.random.default_rng(0)
    x, w = (xg.tensor(rng.standard_normal(s)) for s in ((4, 3, 6, 6), (5, 3, 3, 3)))

    def loss(w, x):
        return F.conv2d(x, w, padding=1).tanh().square().sum()

    found = xg.func.vmap(xg.func.grad(loss), in_dims=(None, 0))(w, x)
    rows = [xg.func.grad(loss)(w, x[i]) for i in range(4)]
    np.testing.assert_allclose(found.numpy(), xg.stack(rows).numpy(), rtol=1e-12)


def test_a_network_under_jvp_and_vmap():
    rng = np.random.default_rng(0)
    w = xg.tensor(rng.standard_normal((2, 1, 3, 3)))

    def network(x):
        x = F.max_pool2d(F.conv2d(x, w, padding=1), 2)
        x = F.interpolate(F.pad(x, (1, 1, 0, 1), "reflect"), scale_factor=2, mode="bilinear")
        return F.avg_pool2d(x, 3, 2, 1).sum((-1, -2))

    x = xg.tensor(rng.standard_normal((3, 1, 1, 8, 8)))
    v = xg.tensor(rng.standard_normal((3, 1, 1, 8, 8)))
    out, tangent = xg.func.vmap(lambda x, v: xg.func.jvp(network, (x,), (v,)))(x, v)
    step = 1e-6
    for i in range(3):
        np.testing.assert_allclose(out[i].numpy(), network(x[i]).numpy(), rtol=1e-12)
        slope = (network(x[i] + step * v[i]) - network(x[i] - step * v[i])) / (2 * step)
        np.testing.assert_allclose(tangent[i].numpy(), slope.numpy(), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("name", ["strict:1", "readonly"])
def test_a_network_elsewhere(name):
    ns, rng = resolve(name), np.random.default_rng(0)
    x, w = rng.standard_normal((2, 2, 8, 8)), rng.standard_normal((4, 2, 3, 3))

    def run(ns):
        image, kernel = (tensor(ns, a, requires_grad=True) for a in (x, w))
        y = F.max_pool2d(F.conv2d(image, kernel, stride=2, padding=1), 2)
        y = F.pad(F.adaptive_avg_pool2d(y, 3), (1, 0, 1, 1), "circular")
        grid = F.affine_grid(y[:, 0, :2, :3], (2, 4, 4, 4), align_corners=False)
        y = F.grid_sample(y, grid, align_corners=False)
        y = F.scaled_dot_product_attention(y, y, y, is_causal=True)
        y.square().sum().backward()
        return host(y), host(image.grad), host(kernel.grad)

    for a, b in zip(run(ns), run(CPU), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)


# ── randomness ───────────────────────────────────────────────────────────────────────────────────


def test_dropout_of_attention():
    q, v = xg.zeros(4, 8, 5, 2), xg.ones(4, 8, 5, 3)
    xg.manual_seed(0)
    out = F.scaled_dot_product_attention(q, q, v, dropout_p=0.4)
    counts = (out[..., 0] * 5 * 0.6).round()  # of weights that were kept
    assert set(np.unique(counts.numpy())) <= {0.0, 1.0, 2.0, 3.0, 4.0, 5.0}
    assert 2.5 < counts.mean().item() < 3.5
    xg.manual_seed(0)
    assert xg.equal(out, F.scaled_dot_product_attention(q, q, v, dropout_p=0.4))
    assert not F.scaled_dot_product_attention(q, q, v, dropout_p=1.0).any()
