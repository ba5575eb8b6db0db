"""Every example runs, on the CPU and on a strict device, and prints and writes what it says."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
DEVICES = ("cpu", "strict:1")
if os.environ.get("XPGRAD_TEST_DEVICE") == "cuda":
    DEVICES = (*DEVICES, "cuda")

# What the output matches, from its first line to its last.
SAYS = {
    "neuron.py": (
        r"by hand:   loss 6.7012  dL/dw 6.6918  dL/db 0.9988\n"
        r"autograd:  loss 6.7012  dL/dw 6.6918  dL/db 0.9988\n.*"
        r"result: float32 \(\)\n.*SigmoidBackward0.*w: float32 \(\).*b: float32 \(\)\n.*see above\n"
    ),
    "derivatives.py": r"sin\(x\): .* 0.0e\+00\nlog.*: .* \d\.\de-0[67]\nwrote .*derivatives.png\n",
    "custom_function.py": (
        r"step  0: .*loss   0.000,  0 of 12 signs wrong\nsecret  (\S+)\nlearned \1\n"
    ),
    "curve_fit.py": (
        r"CONVERGENCE.*amplitude   found  2.0.*frequency   found  1.7.*error 0.04\d+ .*\n"
    ),
    "newton.py": (
        r"Newton's method\n.*step 7: f = \S+, distance (?:0.0e\+00|\d.\de-1\d)\n"
        r"gradient descent\n.*step 2000: f = 7.\d+e-02, distance 5.6e-01\n"
    ),
    "per_sample_gradients.py": (
        r"48 digits, a gradient of 50826 numbers for each\nlargest difference .*: \de-0[67]\n"
        r"loop .* times as fast\nhardest pulls: a \d \(.*\)\n"
    ),
    "hessian_vector.py": (
        r"step 0: loss 2.30259, .*step 7: loss 0.26393, .*gradient at last: \de-(?:0[789]|1\d)\n"
    ),
    "checkpointing.py": (
        r"64 layers, all kept:   1\d\.\d MB .*in  8 segments:          \d\.\d MB .*bit for bit\n"
    ),
    "train_digits.py": (
        r"1347 digits to learn from, 450 to test on\n50826 .*test accuracy: \d\d\.\d %\n"
    ),
}
WRITES_TO = {"derivatives.py", "train_digits.py"}


def run(name, *options):
    environment = {**os.environ, "MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLES / name), *map(str, options)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=environment | {"PYTHONIOENCODING": "utf-8"},
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done


def test_every_example_is_tested():
    assert {path.name for path in EXAMPLES.glob("*.py")} == set(SAYS)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", SAYS)
def test_example(name, device, tmp_path):
    pytest.importorskip("sklearn", reason="the extra examples")
    if (name, device) == ("train_digits.py", "cpu"):
        return  # test_what_the_demo_writes
    options = ["--device", device]
    if name in WRITES_TO:
        options += ["--out", tmp_path]
    if name == "per_sample_gradients.py":
        options += ["--batch", 48]
    if name == "train_digits.py":
        options += ["--quick", "--batch", 450]
    done = run(name, *options)
    assert re.fullmatch(SAYS[name], done.stdout, re.S), done.stdout
    if name != "train_digits.py":
        assert done.stderr == ""
    for png in tmp_path.glob("*.png"):
        assert png.read_bytes().startswith(b"\x89PNG")


def test_what_the_demo_writes(tmp_path):
    pytest.importorskip("sklearn", reason="the extra examples")
    first = run("train_digits.py", "--quick", "--out", tmp_path)
    assert re.fullmatch(SAYS["train_digits.py"], first.stdout, re.S), first.stdout
    assert 60 < float(first.stdout.split()[-2]) < 100
    found = {p.name for p in tmp_path.iterdir()} - {"graph.svg"}  # needs Graphviz's program
    assert found == {"digits.png", "weights.safetensors", "graph.txt", "graph.dot"}
    tree = (tmp_path / "graph.txt").read_text("utf-8")
    for name in ("1.weight", "1.bias", "4.weight", "4.bias", "7.weight", "7.bias"):
        assert f"{name}: float32" in tree
        assert f"{name}\\n" in (tmp_path / "graph.dot").read_text("utf-8")
    assert (tmp_path / "digits.png").stat().st_size > 50_000

    from safetensors.numpy import load_file

    weights = load_file(tmp_path / "weights.safetensors")
    assert weights["1.weight"].shape == (256, 64)
    assert all(np.isfinite(w).all() for w in weights.values())
    run("train_digits.py", "--quick", "--out", tmp_path / "again")
    again = load_file(tmp_path / "again" / "weights.safetensors")
    assert all(np.array_equal(again[name], weights[name]) for name in weights), "not reproducible"


@pytest.mark.slow
def test_the_demo_learns(tmp_path):
    pytest.importorskip("sklearn", reason="the extra examples")
    done = run("train_digits.py", "--seed", 1, "--out", tmp_path)
    assert float(done.stdout.split()[-2]) >= 97
    trained = re.search(r"trained in (\S+) s", done.stdout)
    assert float(trained[1]) < 60


def test_a_device_that_is_not_there(tmp_path):
    pytest.importorskip("sklearn", reason="the extra examples")
    with pytest.raises(AssertionError, match=r"error: .*device.*nonsense"):
        run("train_digits.py", "--device", "nonsense", "--out", tmp_path)
