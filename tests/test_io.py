"""Tensors in files."""

import os
import stat
import sys

import numpy as np
import pytest

import xpgrad as xg
from namespaces import give, has_dtype, host
from xpgrad import dtypes, io
from xpgrad.registry import resolve
from xpgrad.tensor import wrap

pytest.importorskip("safetensors", reason="the extra io")

STORED = [d.name for d in dtypes.ALL if d is not dtypes.complex128]


@pytest.mark.parametrize("shape", [(), (3,), (2, 0), (2, 3, 4)])
@pytest.mark.parametrize("dtype", STORED)
def test_what_was_saved_is_loaded(tmp_path, dtype, shape):
    values = np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(dtype)
    path = tmp_path / "x.safetensors"
    io.save_file({"x": xg.tensor(values)}, path)
    (loaded,) = io.load_file(path).values()
    assert loaded.dtype == dtypes.as_dtype(dtype)
    assert loaded.shape == shape
    np.testing.assert_array_equal(host(loaded), values)
    if loaded.dtype.is_differentiable:
        loaded += 1  # its memory is its own


def test_every_device(tmp_path, device):
    ns = resolve(device)
    path = tmp_path / "x.safetensors"
    x = wrap(give(ns, np.arange(6, dtype=np.float32).reshape(2, 3)), ns).requires_grad_()
    io.save_file({"x": x}, path)
    for where in ("cpu", device):
        loaded = io.load_file(path, device=where)["x"]
        assert loaded.device == xg.device(where)
        assert not loaded.requires_grad
        np.testing.assert_array_equal(host(loaded), host(x))
    with xg.device(device):
        assert io.load_file(path)["x"].device == xg.device(device)


def test_a_dtype_that_the_device_lacks(tmp_path, device):
    path = tmp_path / "x.safetensors"
    io.save_file({"x": xg.ones(2, dtype=xg.float64)}, path)
    if has_dtype(resolve(device), "float64"):
        assert io.load_file(path, device=device)["x"].dtype == xg.float64
    else:
        with pytest.raises(xg.errors.DTypeError, match=r"'x'.*float64"):
            io.load_file(path, device=device)


def test_memory_in_any_order(tmp_path):
    x = np.arange(24.0).reshape(2, 3, 4)
    wide = np.broadcast_to(x[:1], (5, 3, 4))
    given = {"t": x.T, "step": x[:, ::2], "back": x[::-1], "wide": wide}
    path = tmp_path / "x.safetensors"
    ns = resolve("cpu")
    io.save_file({name: wrap(a, ns) for name, a in given.items()}, path)
    for name, loaded in io.load_file(path).items():
        np.testing.assert_array_equal(host(loaded), given[name])


def test_a_module(tmp_path):
    path = tmp_path / "model.safetensors"
    one, other = xg.nn.Linear(3, 2), xg.nn.Linear(3, 2)
    io.save_file(one.state_dict(), path)
    other.load_state_dict(io.load_file(path))
    assert other.weight.tolist() == one.weight.tolist()


@pytest.mark.oracle
def test_pytorch_reads_it(tmp_path):
    pytest.importorskip("torch", reason="PyTorch is the oracle here")
    from safetensors.torch import load_file, save_file

    path = tmp_path / "x.safetensors"
    io.save_file({"x": xg.arange(6.0).reshape(2, 3)}, path, {"made by": "xpgrad"})
    assert load_file(path)["x"].tolist() == [[0, 1, 2], [3, 4, 5]]
    save_file({"x": load_file(path)["x"].bfloat16()}, path)
    with pytest.raises(xg.errors.DTypeError, match="'x' has a dtype that xpgrad lacks"):
        io.load_file(path)


def test_metadata(tmp_path):
    from safetensors import safe_open

    path = str(tmp_path / "x.safetensors")
    io.save_file({"x": xg.ones(1)}, path, {"epoch": "7"})
    with safe_open(path, framework="numpy") as file:
        assert file.metadata() == {"epoch": "7"}


BAD = {
    "no dict": (lambda: ([xg.ones(1)],), TypeError, "tensors by name, got list"),
    "a name": (lambda: ({3: xg.ones(1)},), TypeError, "a name is a str, got 3"),
    "a value": (lambda: ({"x": 1.0},), TypeError, "'x' is no Tensor but float"),
    "complex128": (
        lambda: ({"z": xg.ones(1, dtype=xg.complex128)},),
        xg.errors.DTypeError,
        "'z' is xpgrad.complex128",
    ),
    "metadata": (lambda: ({}, {"epoch": 7}), TypeError, "metadata is text by name"),
}


@pytest.mark.parametrize("name", BAD)
def test_nothing_is_written_unless_all_is_well(tmp_path, name):
    make, kind, message = BAD[name]
    path = tmp_path / "x.safetensors"
    path.write_bytes(b"precious")
    tensors, *metadata = make()
    with pytest.raises(kind, match=message):
        io.save_file(tensors, path, *metadata)
    assert path.read_bytes() == b"precious"
    assert os.listdir(tmp_path) == ["x.safetensors"]


def test_a_disk_that_is_full(tmp_path, monkeypatch):
    path = tmp_path / "x.safetensors"
    path.write_bytes(b"precious")

    def full(file):
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        io.save_file({"x": xg.ones(1)}, path)
    assert path.read_bytes() == b"precious"
    assert os.listdir(tmp_path) == ["x.safetensors"]


@pytest.mark.skipif(os.name != "posix", reason="cpu: permissions are POSIX's")
def test_others_may_read_it(tmp_path):
    path = tmp_path / "x.safetensors"
    before = os.umask(0o022)
    try:
        io.save_file({"x": xg.ones(1)}, path)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_files_that_are_not(tmp_path):
    path = tmp_path / "x.safetensors"
    with pytest.raises(FileNotFoundError, match=r"x\.safetensors"):
        io.load_file(path)
    with pytest.raises(FileNotFoundError):
        io.save_file({"x": xg.ones(1)}, tmp_path / "nowhere" / "x")
    io.save_file({"x": xg.ones(1000)}, path)
    whole = path.read_bytes()
    for broken in (b"", b"nonsense", whole[:100], whole[:-1]):
        path.write_bytes(broken)
        with pytest.raises(ValueError, match="not a complete safetensors file"):
            io.load_file(path)


@pytest.mark.parametrize("call", [lambda: io.save_file({}, "x"), lambda: io.load_file("x")])
def test_without_the_package(monkeypatch, call):
    for module in ("safetensors", "safetensors.numpy"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=r"needs safetensors: pip install 'xpgrad\[io\]'"):
        call()
