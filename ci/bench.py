"""Benchmarks: xpgrad beside PyTorch eager, HIPS/autograd, MyGrad and hand-written array code.

Each row runs every contender in turn, round after round in one process, and prints medians and
the ratio of xpgrad to each of the others (below 1: xpgrad is faster). Machines are noisy; ratios of
interleaved medians are what can be compared between runs.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--quick", action="store_true", help="few rounds: for a first look")
    parser.add_argument("--only", default="", help="rows whose name contains this")
    parser.add_argument("--threads", type=int, default=1, help="for BLAS and PyTorch (default 1)")
    parser.add_argument("--markdown", action="store_true", help="print a Markdown table")
    return parser.parse_args()


OPTIONS = arguments()
os.environ.pop("OPENBLAS_CORETYPE", None)  # each library takes the kernels that suit the machine
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = str(OPTIONS.threads)

import numpy as np  # noqa: E402 - after the thread counts

import xpgrad as xg  # noqa: E402
from xpgrad_backends import numba_kernels  # noqa: E402

CUDA = OPTIONS.device.startswith("cuda")


def optional(name: str) -> Any:
    """A module, or None where it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


torch = optional("torch")
cupy = optional("cupy") if CUDA else None
hips = None if CUDA else optional("autograd")
hips_np = None if CUDA else optional("autograd.numpy")
mygrad = None if CUDA else optional("mygrad")
jax = optional("jax") if CUDA else None
numba = None if CUDA or not numba_kernels.enabled else optional("numba")
if torch is not None:
    torch.set_num_threads(OPTIONS.threads)

HAND = "CuPy by hand" if CUDA else "NumPy by hand"
Run = Callable[[], Any]  # does the work once


def wait() -> None:
    """Until the device is done: a time without this is the time to ask for the work."""
    if CUDA:
        if cupy is not None:
            cupy.cuda.Device().synchronize()
        if torch is not None:
            torch.cuda.synchronize()


def race(contenders: dict[str, Run], rounds: int, per_round: int = 1) -> dict[str, float]:
    """Median seconds per run of each contender, interleaved.

    `per_round` runs in a row make a block: real work runs hot, with its code and data in cache.
    """
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for run in contenders.values():  # warm: caches, pools, lazy imports
        run()
        run()
    wait()
    for turn in range(rounds):
        names = list(contenders)
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            run = contenders[name]
            start = time.perf_counter()
            for _ in range(per_round):
                run()
            wait()
            times[name].append((time.perf_counter() - start) / per_round)
    return {name: statistics.median(t) for name, t in times.items()}


def rounds(n: int) -> int:
    """How many rounds to run."""
    return max(3, n // 5) if OPTIONS.quick else n


# ------------------------------------------------------------------ one op


def to_torch(x: np.ndarray, grad: bool = True) -> Any:
    return torch.tensor(x, device=OPTIONS.device).requires_grad_(grad)


def to_xpgrad(x: np.ndarray, grad: bool = True) -> Any:
    return xg.tensor(x, device=OPTIONS.device, requires_grad=grad)


OPS: dict[str, Callable[[Any, Any, Any], Any]] = {
    # name: step(library, value, other)
    "x + y": lambda lib, x, y: x + y,
    "x * y": lambda lib, x, y: x * y,
    "x * 1.01": lambda lib, x, y: x * 1.01,
    "x / y": lambda lib, x, y: x / y,
    "tanh(x)": lambda lib, x, y: lib.tanh(x),
    "cos(x)": lambda lib, x, y: lib.cos(x),
    "sin(x)": lambda lib, x, y: lib.sin(x),
    "sqrt(x)": lambda lib, x, y: lib.sqrt(x),
}


def op_row(step: Callable[[Any, Any, Any], Any], chain: int = 200) -> dict[str, Run]:
    """Forward and backward of a chain of one op on 3x4 arrays; the caller divides by its length."""
    rng = np.random.default_rng(0)
    a = rng.uniform(0.5, 1.0, (3, 4)).astype(np.float32)
    b = rng.uniform(0.9, 1.1, (3, 4)).astype(np.float32)
    ones = np.ones_like(a)

    def eager(lib: Any, x: Any, y: Any, seed: Any) -> Run:
        def run() -> None:
            z = x
            for _ in range(chain):
                z = step(lib, z, y)
            z.backward(seed)
            x.grad = y.grad = None

        return run

    found = {"xpgrad": eager(xg, to_xpgrad(a), to_xpgrad(b), to_xpgrad(ones, False))}
    if torch is not None:
        found["PyTorch"] = eager(torch, to_torch(a), to_torch(b), to_torch(ones, False))
    if hips is not None:

        def chain_of(x: Any, y: Any) -> Any:
            z = x
            for _ in range(chain):
                z = step(hips_np, z, y)
            return z

        vjp = hips.make_vjp(lambda xy: chain_of(*xy))
        found["autograd"] = lambda: vjp((a, b))[0](ones)
    if mygrad is not None:

        def run_mygrad() -> None:
            x, y = mygrad.tensor(a), mygrad.tensor(b)
            z = x
            for _ in range(chain):
                z = step(mygrad, z, y)
            z.backward(ones)

        found["MyGrad"] = run_mygrad
    return found


def safety_row(chain: int = 200) -> dict[str, Run]:
    """What it costs an op that saved values are checked for writes between forward and backward.

    Nothing is looked at before the first write, nor after one to memory that only tensors show;
    after one to memory that an array of the user's shows, too, all saved values are.
    """
    x, y = to_xpgrad(normal(3, 4)), to_xpgrad(np.ones((3, 4), np.float32))
    alone, viewed, shared = (xg.zeros(3, device=OPTIONS.device) for _ in range(3))
    others = [viewed[1:], viewed.detach(), shared._data]

    def written(*targets: Any) -> Run:
        def run() -> None:
            z = x
            for _ in range(chain):
                z = z * y
            for target in targets:
                target.zero_()
            z.sum().backward()
            x.grad = y.grad = None

        return run

    runs = {"xpgrad": written(alone, viewed), "nothing written": written()}
    last = written(shared)
    return runs | {"written what an array shows": lambda: last() or others}


# ------------------------------------------------------------------ a training step


def mlp_row() -> dict[str, Run]:
    """One SGD step of a 784-256-10 perceptron on a batch of 64, float32."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((64, 784)).astype(np.float32)
    labels = rng.integers(0, 10, 64)
    w1 = (rng.standard_normal((256, 784)) * 0.03).astype(np.float32)
    w2 = (rng.standard_normal((10, 256)) * 0.06).astype(np.float32)
    b1, b2 = np.zeros(256, np.float32), np.zeros(10, np.float32)
    lr = 0.01

    def by_hand(xp: Any) -> Run:
        data = xp.asarray(x)
        onehot = xp.asarray(np.eye(10, dtype=np.float32)[labels])
        p1, q1, p2, q2 = (xp.asarray(v.copy()) for v in (w1, b1, w2, b2))

        def run() -> None:
            nonlocal p1, q1, p2, q2
            pre = data @ p1.T + q1
            hidden = xp.maximum(pre, 0)
            logits = hidden @ p2.T + q2
            shifted = logits - logits.max(axis=1, keepdims=True)
            e = xp.exp(shifted)
            total = e.sum(axis=1, keepdims=True)
            loss = (xp.log(total)[:, 0] - (shifted * onehot).sum(axis=1)).mean()
            dlogits = (e / total - onehot) / len(labels)
            dp2 = dlogits.T @ hidden
            dq2 = dlogits.sum(axis=0)
            dhidden = dlogits @ p2
            dpre = dhidden * (pre > 0)
            dp1 = dpre.T @ data
            dq1 = dpre.sum(axis=0)
            for p, d in ((p1, dp1), (q1, dq1), (p2, dp2), (q2, dq2)):
                p -= lr * d
            return loss

        return run

    def with_optimizer(lib: Any, tensor: Callable[..., Any]) -> Run:
        model = lib.nn.Sequential(lib.nn.Linear(784, 256), lib.nn.ReLU(), lib.nn.Linear(256, 10))
        model = model.to(OPTIONS.device)
        with lib.no_grad():
            for p, v in zip(model.parameters(), (w1, b1, w2, b2), strict=True):
                p.copy_(tensor(v, False))
        optimizer = lib.optim.SGD(model.parameters(), lr=lr)
        data, target = tensor(x, False), tensor(labels, False)

        def run() -> None:
            loss = lib.nn.functional.cross_entropy(model(data), target)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()

        return run

    found = {"xpgrad": with_optimizer(xg, to_xpgrad), HAND: by_hand(cupy if CUDA else np)}
    if torch is not None:
        found["PyTorch"] = with_optimizer(torch, to_torch)
    if hips is not None:

        def loss_of(params: Any) -> Any:
            p1, q1, p2, q2 = params
            hidden = hips_np.maximum(hips_np.dot(x, p1.T) + q1, 0)
            logits = hips_np.dot(hidden, p2.T) + q2
            top = hips_np.max(logits, axis=1, keepdims=True)
            lse = hips_np.log(hips_np.sum(hips_np.exp(logits - top), axis=1)) + top[:, 0]
            return hips_np.mean(lse - logits[hips_np.arange(64), labels])

        gradient = hips.grad(loss_of)
        params = [w1.copy(), b1.copy(), w2.copy(), b2.copy()]

        def run_hips() -> None:
            for p, d in zip(params, gradient(params), strict=True):
                p -= np.float32(lr) * d

        found["autograd"] = run_hips
    if mygrad is not None:
        from mygrad.nnet.losses import softmax_crossentropy

        weights = [mygrad.tensor(v.copy()) for v in (w1, b1, w2, b2)]

        def run_mygrad() -> None:
            p1, q1, p2, q2 = weights
            hidden = mygrad.maximum(mygrad.matmul(x, p1.T) + q1, 0)
            loss = softmax_crossentropy(mygrad.matmul(hidden, p2.T) + q2, labels)
            loss.backward()
            for p in weights:
                p.data -= np.float32(lr) * p.grad
                p.null_grad()

        found["MyGrad"] = run_mygrad
    return found


# ------------------------------------------------------------------ memory-bound work


def chain_row(n: int = 1_000_000) -> dict[str, Run]:
    """sum(tanh(x * y + x) * y) over a million elements, float32: forward and backward."""
    rng = np.random.default_rng(0)
    a = rng.standard_normal(n).astype(np.float32)
    b = rng.standard_normal(n).astype(np.float32)

    def by_hand(xp: Any) -> Run:
        x, y = xp.asarray(a), xp.asarray(b)

        def run() -> Any:
            t = xp.tanh(x * y + x)
            total = (t * y).sum()
            du = y * (1 - t * t)
            dx = du * y + du
            dy = t + du * x
            return total, dx, dy

        return run

    def eager(lib: Any, x: Any, y: Any) -> Run:
        def run() -> None:
            (lib.tanh(x * y + x) * y).sum().backward()
            x.grad = y.grad = None

        return run

    found = {
        "xpgrad": eager(xg, to_xpgrad(a), to_xpgrad(b)),
        HAND: by_hand(cupy if CUDA else np),
    }
    if torch is not None:
        found["PyTorch"] = eager(torch, to_torch(a), to_torch(b))
    if hips is not None:
        gradient = hips.grad(lambda xy: hips_np.sum(hips_np.tanh(xy[0] * xy[1] + xy[0]) * xy[1]))
        found["autograd"] = lambda: gradient((a, b))
    if mygrad is not None:

        def run_mygrad() -> None:
            x, y = mygrad.tensor(a), mygrad.tensor(b)
            (mygrad.tanh(x * y + x) * y).sum().backward()

        found["MyGrad"] = run_mygrad
    if jax is not None:
        fused = jax.jit(jax.grad(lambda x, y: (jax.numpy.tanh(x * y + x) * y).sum(), (0, 1)))
        jx, jy = jax.numpy.asarray(a), jax.numpy.asarray(b)
        found["JAX jit"] = lambda: [v.block_until_ready() for v in fused(jx, jy)]
    return found


# ------------------------------------------------------------------ layers and transforms


def step_row(
    arrays: dict[str, np.ndarray],
    step: Callable[[Any, dict[str, Any]], Any],
    compiled: bool = False,
) -> dict[str, Run]:
    """Forward and backward of ``step(library, tensors)``, with a fixed incoming gradient.

    What is `compiled` where there is Numba runs without it, too.
    """

    def eager(lib: Any, tensor: Callable[..., Any]) -> Run:
        given = {n: tensor(a, a.dtype.kind == "f") for n, a in arrays.items()}
        leaves = [t for t in given.values() if t.requires_grad]
        out = step(lib, given)
        seed = tensor(np.random.default_rng(1).standard_normal(out.shape).astype("f"), False)

        def run() -> None:
            step(lib, given).backward(seed)
            for t in leaves:
                t.grad = None

        return run

    found = {"xpgrad": eager(xg, to_xpgrad)}
    if compiled:
        found["NumPy alone"] = without_kernels(found["xpgrad"])
    if torch is not None:
        found["PyTorch"] = eager(torch, to_torch)
    return found


def without_kernels(run: Run) -> Run:
    """The same with what NumPy offers, though Numba is there."""

    def plain() -> None:
        numba_kernels.enabled = False
        try:
            run()
        finally:
            numba_kernels.enabled = True

    return plain


def normal(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def positions(count: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, count, shape)


IMAGES = (16, 32, 28, 28)
LAYERS: dict[str, tuple[dict[str, np.ndarray], Callable[[Any, dict[str, Any]], Any]]] = {
    "conv2d 3x3 (64)": (
        {"x": normal(*IMAGES), "w": normal(64, 32, 3, 3), "b": normal(64)},
        lambda lib, t: lib.nn.functional.conv2d(t["x"], t["w"], t["b"], padding=1),
    ),
    "conv2d 1x1 (64)": (
        {"x": normal(*IMAGES), "w": normal(64, 32, 1, 1)},
        lambda lib, t: lib.nn.functional.conv2d(t["x"], t["w"]),
    ),
    "conv2d 3x3, stride 2 (64)": (
        {"x": normal(*IMAGES), "w": normal(64, 32, 3, 3)},
        lambda lib, t: lib.nn.functional.conv2d(t["x"], t["w"], stride=2, padding=1),
    ),
    "conv2d 3x3 depthwise": (
        {"x": normal(*IMAGES), "w": normal(32, 1, 3, 3)},
        lambda lib, t: lib.nn.functional.conv2d(t["x"], t["w"], padding=1, groups=32),
    ),
    "conv2d 3x3 depthwise, stride 2": (
        {"x": normal(*IMAGES), "w": normal(32, 1, 3, 3)},
        lambda lib, t: lib.nn.functional.conv2d(t["x"], t["w"], stride=2, padding=1, groups=32),
    ),
    "conv_transpose2d 2x2 (16)": (
        {"x": normal(*IMAGES), "w": normal(32, 16, 2, 2)},
        lambda lib, t: lib.nn.functional.conv_transpose2d(t["x"], t["w"], stride=2),
    ),
    "max_pool2d 2x2": (
        {"x": normal(*IMAGES)},
        lambda lib, t: lib.nn.functional.max_pool2d(t["x"], 2),
    ),
    "avg_pool2d 2x2": (
        {"x": normal(*IMAGES)},
        lambda lib, t: lib.nn.functional.avg_pool2d(t["x"], 2),
    ),
    "interpolate bilinear x2": (
        {"x": normal(*IMAGES)},
        lambda lib, t: lib.nn.functional.interpolate(t["x"], scale_factor=2, mode="bilinear"),
    ),
    "attention 8x8x128x64": (
        {n: normal(8, 8, 128, 64) for n in "qkv"},
        lambda lib, t: lib.nn.functional.scaled_dot_product_attention(t["q"], t["k"], t["v"]),
    ),
    "attention, causal": (
        {n: normal(8, 8, 128, 64) for n in "qkv"},
        lambda lib, t: lib.nn.functional.scaled_dot_product_attention(
            t["q"], t["k"], t["v"], is_causal=True
        ),
    ),
    "grid_sample bilinear": (
        {"x": normal(*IMAGES), "g": normal(16, 28, 28, 2) * 0.5},
        lambda lib, t: lib.nn.functional.grid_sample(t["x"], t["g"], align_corners=False),
    ),
    "cross_entropy 64x10": (
        {"x": normal(64, 10), "t": positions(10, 64)},
        lambda lib, t: lib.nn.functional.cross_entropy(t["x"], t["t"]),
    ),
    "cross_entropy 64x1000": (
        {"x": normal(64, 1000), "t": positions(1000, 64)},
        lambda lib, t: lib.nn.functional.cross_entropy(t["x"], t["t"]),
    ),
    "cross_entropy 8x21x64x64": (
        {"x": normal(8, 21, 64, 64), "t": positions(21, 8, 64, 64)},
        lambda lib, t: lib.nn.functional.cross_entropy(t["x"], t["t"]),
    ),
    "ctc_loss 50x16x20, 10 labels": (
        {
            "x": normal(50, 16, 20),
            "t": positions(19, 16, 10) + 1,
            "n": np.full(16, 50),
            "k": np.full(16, 10),
        },
        lambda lib, t: lib.nn.functional.ctc_loss(
            lib.nn.functional.log_softmax(t["x"], 2), t["t"], t["n"], t["k"]
        ),
    ),
    "embedding 10000x64, 64x32": (
        {"w": normal(10_000, 64), "i": positions(10_000, 64, 32)},
        lambda lib, t: lib.nn.functional.embedding(t["i"], t["w"]),
    ),
    "layer_norm 2048x256": (
        {"x": normal(2048, 256), "w": normal(256), "b": normal(256)},
        lambda lib, t: lib.nn.functional.layer_norm(t["x"], (256,), t["w"], t["b"]),
    ),
    "rms_norm 2048x256": (
        {"x": normal(2048, 256), "w": normal(256)},
        lambda lib, t: lib.nn.functional.rms_norm(t["x"], (256,), t["w"]),
    ),
    "batch_norm 64x256": (
        {"x": normal(64, 256), "w": normal(256), "b": normal(256)},
        lambda lib, t: lib.nn.functional.batch_norm(
            t["x"], None, None, t["w"], t["b"], training=True
        ),
    ),
    "batch_norm 16x32x28x28": (
        {"x": normal(*IMAGES), "w": normal(32), "b": normal(32)},
        lambda lib, t: lib.nn.functional.batch_norm(
            t["x"], None, None, t["w"], t["b"], training=True
        ),
    ),
    "batch_norm 16x32x28x28, eval": (
        {"x": normal(*IMAGES), "w": normal(32), "b": normal(32), "m": normal(32)},
        lambda lib, t: lib.nn.functional.batch_norm(
            t["x"], t["m"].detach(), t["m"].detach() ** 2 + 1, t["w"], t["b"]
        ),
    ),
    "group_norm 16x32x28x28, 8": (
        {"x": normal(*IMAGES), "w": normal(32), "b": normal(32)},
        lambda lib, t: lib.nn.functional.group_norm(t["x"], 8, t["w"], t["b"]),
    ),
    "index_add 1000x64, 20000 rows": (
        {"x": normal(1000, 64), "v": normal(20_000, 64), "i": positions(1000, 20_000)},
        lambda lib, t: t["x"].index_add(0, t["i"], t["v"]),
    ),
    "index_reduce mean, 1000 to 500": (
        {"x": normal(500, 256), "v": normal(1000, 256), "i": positions(500, 1000)},
        lambda lib, t: t["x"].index_reduce(0, t["i"], t["v"], "mean"),
    ),
    "scatter_reduce sum 1000x256 to 64": (
        {"x": normal(1000, 64), "v": normal(1000, 256), "i": positions(64, 1000, 256)},
        lambda lib, t: t["x"].scatter_reduce(1, t["i"], t["v"], "sum"),
    ),
    "put_ 50000 of 256000": (
        {"x": normal(1000, 256), "v": normal(50_000), "i": positions(256_000, 50_000)},
        lambda lib, t: t["x"].clone().put_(t["i"], t["v"]),
    ),
    "gather 1000x64 of 256": (
        {"x": normal(1000, 256), "i": positions(256, 1000, 64)},
        lambda lib, t: t["x"].gather(1, t["i"]),
    ),
    "scatter_add 1000x256 to 64": (
        {"x": normal(1000, 64), "v": normal(1000, 256), "i": positions(64, 1000, 256)},
        lambda lib, t: t["x"].scatter_add(1, t["i"], t["v"]),
    ),
    "cumsum 1000x256": (
        {"x": normal(1000, 256)},
        lambda lib, t: t["x"].cumsum(1),
    ),
    "topk 5 of 1000x256": (
        {"x": normal(1000, 256)},
        lambda lib, t: t["x"].topk(5, 1)[0],
    ),
    "gelu 1M": (
        {"x": normal(1_000_000)},
        lambda lib, t: lib.nn.functional.gelu(t["x"]),
    ),
    "gelu by tanh 1M": (
        {"x": normal(1_000_000)},
        lambda lib, t: lib.nn.functional.gelu(t["x"], approximate="tanh"),
    ),
    "silu 1M": (
        {"x": normal(1_000_000)},
        lambda lib, t: lib.nn.functional.silu(t["x"]),
    ),
    "softmax 1000x1000": (
        {"x": normal(1000, 1000)},
        lambda lib, t: lib.nn.functional.softmax(t["x"], 1),
    ),
}
COMPILED = (
    *("norm", "depthwise", "embedding", "index_add", "gather", "scatter_add", "cumsum"),
    *("index_reduce", "scatter_reduce"),
    *("gelu", "silu", "softmax", "cross_entropy", "ctc_loss"),
    *("conv2d 3x3", "conv_transpose2d", "interpolate", "grid_sample"),
)


def hvp_row() -> dict[str, Run]:
    """A Hessian times a vector, reverse over reverse: 64 rows through a 784-256-10 perceptron."""
    weights = [normal(256, 784) * 0.03, normal(10, 256) * 0.06]
    x, labels = normal(64, 784), positions(10, 64)

    def eager(lib: Any, tensor: Callable[..., Any]) -> Run:
        data, target = tensor(x, False), tensor(labels, False)
        p1, p2 = (tensor(w, True) for w in weights)
        directions = [tensor(w[::-1].copy(), False) for w in weights]

        def run() -> None:
            hidden = lib.tanh(data @ p1.T)
            loss = lib.nn.functional.cross_entropy(hidden @ p2.T, target)
            slopes = lib.autograd.grad(loss, (p1, p2), create_graph=True)
            lib.autograd.grad(slopes, (p1, p2), directions)

        return run

    found = {"xpgrad": eager(xg, to_xpgrad)}
    if torch is not None:
        found["PyTorch"] = eager(torch, to_torch)
    return found


# ------------------------------------------------------------------ the report


def import_time() -> dict[str, float]:
    """Seconds that an import takes beyond NumPy's own, compiled, each in a fresh process."""
    with tempfile.TemporaryDirectory() as cache:
        env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        env["PYTHONPYCACHEPREFIX"] = cache  # so that a read-only installation has bytecode too

        def once(module: str) -> float:
            timed = f"""if True:
                import numpy, time
                start = time.perf_counter()
                import {module}
                print(time.perf_counter() - start)"""
            done = subprocess.run(
                [sys.executable, "-c", timed], capture_output=True, text=True, env=env, check=True
            )
            return float(done.stdout)

        modules = {"xpgrad": "xpgrad"}
        if hips is not None:
            modules["autograd"] = "autograd.numpy"
        if torch is not None:
            modules["PyTorch"] = "torch"
        for module in modules.values():
            once(module)
        times = {name: [once(m) for _ in range(rounds(10))] for name, m in modules.items()}
    return {name: statistics.median(t) for name, t in times.items()}


def show(name: str, times: dict[str, float], scale: float, unit: str) -> dict[str, float]:
    """Print a row; return the ratios of xpgrad to the others."""
    mine = times["xpgrad"]
    ratios = {k: mine / t for k, t in times.items() if k != "xpgrad"}
    cells = [f"xpgrad {mine * scale:.2f} {unit}"]
    cells += [f"{k} {times[k] * scale:.2f} ({r:.2f})" for k, r in ratios.items()]
    joined = " | ".join(cells)
    print(f"| {name} | {joined} |" if OPTIONS.markdown else f"{name:32s} {joined}", flush=True)
    return ratios


def main() -> None:
    versions = {"Python": platform.python_version(), "NumPy": np.__version__}
    versions |= {
        n: m.__version__
        for n, m in (("PyTorch", torch), ("CuPy", cupy), ("JAX", jax), ("Numba", numba))
        if m
    }
    print(f"device {OPTIONS.device}, {OPTIONS.threads} thread(s), {json.dumps(versions)}")
    print("median time; in brackets the ratio xpgrad / other, below 1 where xpgrad is faster\n")
    gc.collect()

    def wanted(name: str) -> bool:
        return OPTIONS.only in name

    chain = 200
    ratios: dict[str, list[float]] = {}
    for name, step in OPS.items():
        title = f"one op: {name}"
        if wanted(title):
            row = race(op_row(step, chain), rounds(40))
            per_op = {k: t / chain for k, t in row.items()}
            for k, r in show(title, per_op, 1e6, "us").items():
                ratios.setdefault(k, []).append(r)
    if ratios:
        means = ", ".join(f"{k} {statistics.geometric_mean(r):.2f}" for k, r in ratios.items())
        print(f"{'one op: geometric mean':32s} xpgrad / {means}")
    if wanted("in-place safety"):
        row = {k: t / chain for k, t in race(safety_row(chain), rounds(100)).items()}
        show("in-place safety, x * y", row, 1e6, "us")
    if wanted("MLP step"):
        show("MLP step 64x784-256-10", race(mlp_row(), rounds(40), 25), 1e3, "ms")
    if wanted("1M chain"):
        show("1M chain", race(chain_row(), rounds(40), 5), 1e3, "ms")
    for name, (arrays, step) in LAYERS.items():
        if wanted(name):
            kernels = numba is not None and any(part in name for part in COMPILED)
            show(name, race(step_row(arrays, step, kernels), rounds(40), 2), 1e3, "ms")
    if wanted("HVP"):
        show("HVP 64x784-256-10", race(hvp_row(), rounds(40), 10), 1e3, "ms")
    if wanted("import"):
        show("import beyond NumPy", import_time(), 1e3, "ms")


if __name__ == "__main__":
    main()
