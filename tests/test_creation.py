"""Making tensors: from data, of one value, ranges; against PyTorch and on every namespace."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import xpgrad as xg
from namespaces import has_dtype
from oracle import check, check_error, evaluate, lines, plain, same
from test_methods import tensors
from xpgrad.errors import DeviceError, DTypeError, ShapeError
from xpgrad.registry import resolve

TABLE = """
    t.tensor(3.0)
    t.tensor(3)
    t.tensor(True)
    t.tensor(1 + 2j)
    t.tensor([])
    t.tensor([[]])
    t.tensor([[], []], dtype=t.int32)
    t.tensor([1, 2.5])
    t.tensor([True, 2])
    t.tensor([True, 2.5, 1j])
    t.tensor((1, 2))
    t.tensor([(1, 2), [3, 4]])
    t.tensor(range(3))
    t.tensor([[[1.0]], [[2.0]]])
    t.tensor(1.5, dtype=t.int32)
    t.tensor([1.0, 2.0], dtype=t.float16)
    t.tensor([1, 2], dtype=t.float32, requires_grad=True)
    t.tensor(-1, dtype=t.uint8)
    t.tensor([0.0, 2.0, nan], dtype=t.bool)
    t.tensor(1e40)
    t.tensor([nan, inf, -inf])
    t.tensor(np.float64(1.0))
    t.tensor(np.int32(1))
    t.tensor([np.float32(1.0), np.float32(2.0)])
    t.tensor([1.0, np.float64(1.0)])
    t.tensor([np.int8(1), np.int32(2)])
    t.tensor(np.arange(3.0))
    t.tensor(np.array([True, False]))
    t.tensor(np.ones((2, 0), np.complex64))
    t.tensor(np.arange(3), dtype=t.float32)
    t.tensor([t.tensor(1.0), t.tensor(2)])
    t.tensor([t.tensor(1, dtype=t.int32), 2])
    t.tensor([s, 2])
    t.as_tensor([1.0, 2.0])
    t.as_tensor(np.arange(3), dtype=t.float32)
    t.as_tensor(x) is x
    t.as_tensor(x * 2)
    t.as_tensor(x * 2, dtype=t.float64)
    t.asarray([1.0, 2])
    t.asarray(x * 2)
    t.asarray(x * 2, requires_grad=False)
    t.asarray(i, requires_grad=False) is i
    t.asarray(t.ones(1), requires_grad=True)
    t.asarray(np.arange(2.0), dtype=t.float32)
    t.from_numpy(np.arange(3))
    t.from_numpy(np.array(3.0))
    t.from_numpy(np.ones((2, 3), np.float16)[:, ::2])
    t.from_dlpack(np.arange(3.0))
    t.from_dlpack(np.array([True]))
    t.from_dlpack(i)
    t.zeros(2, 3)
    t.zeros((2, 3))
    t.zeros([2, 3], dtype=t.int64)
    t.zeros(t.Size([2]))
    t.zeros(size=(2,))
    t.zeros(())
    t.zeros(0)
    t.zeros(t.tensor(2))
    t.zeros(np.int64(2), 1)
    t.ones(2, requires_grad=True)
    t.ones(2, 3, dtype=t.bool)
    t.ones(2, dtype=t.complex64)
    t.empty(2, 0)
    t.empty((3, 4)).shape
    t.full((2,), 1)
    t.full((2,), True)
    t.full((2, 1), 1.5)
    t.full((2,), 1j)
    t.full((2,), 1.5, dtype=t.int32)
    t.full((2,), t.tensor(2.0))
    t.full((), 7, dtype=t.float32)
    t.scalar_tensor(2)
    t.zeros_like(x)
    t.ones_like(i)
    t.ones_like(i, dtype=t.float32, requires_grad=True)
    t.empty_like(x).shape
    t.full_like(i, 2.7)
    t.full_like(x, 2, dtype=t.int8)
    t.arange(5)
    t.arange(5.0)
    t.arange(1, 5)
    t.arange(0, 1, 0.25)
    t.arange(0, 1, 0.1)
    t.arange(5, 1, -2)
    t.arange(0)
    t.arange(3, dtype=t.float64)
    t.arange(0, 2.5, dtype=t.int64)
    t.arange(start=1, end=3)
    t.arange(end=3)
    t.arange(t.tensor(3))
    t.arange(t.tensor(3.0))
    t.arange(1, 4, requires_grad=False)
    t.arange(4.0, requires_grad=True)
    t.linspace(0, 1, 5)
    t.linspace(-1, 1, 4)
    t.linspace(0, 1, 1)
    t.linspace(0, 1, 0)
    t.linspace(0, 10, 5, dtype=t.int64)
    t.linspace(-3, 3, 4, dtype=t.int64)
    t.linspace(0, 1j, 3)
    t.linspace(start=0, end=1, steps=3, requires_grad=True)
    t.linspace(t.tensor(0.0), t.tensor(1.0), 3)
    t.logspace(0, 2, 3)
    t.logspace(0, 3, 4, base=2)
    t.eye(2)
    t.eye(2, 3, dtype=t.int64)
    t.eye(0)
    t.tril_indices(3, 3)
    t.tril_indices(2, 3, -1)
    t.triu_indices(2, 3, 1)
    x.new_zeros(2, 3)
    i.new_zeros((2,))
    x.new_tensor([1, 2])
    i.new_full((2,), 1.5)
    i.new_ones((2,), dtype=t.float32)
    x.new_empty(0, 2)
"""

ERRORS = """
    t.tensor([[1, 2, 3], [1, 2]])
    t.tensor([[1, 2], [1, 2, 3]])
    t.tensor([[[1], [2]], [[1], [2, 3]]])
    t.tensor([[1, 2], 3])
    t.tensor(2**63)
    t.tensor([2**63, 1])
    t.tensor(2**70)
    t.tensor(300, dtype=t.uint8)
    t.tensor([300], dtype=t.int8)
    t.tensor(nan, dtype=t.int32)
    t.tensor("a")
    t.tensor(["a"])
    t.tensor(None)
    t.tensor([None, 1])
    t.tensor({})
    t.tensor(object())
    t.tensor([1, 2], requires_grad=True)
    t.tensor(True, requires_grad=True)
    t.tensor(np.array(["a"]))
    t.tensor(np.arange(2.0).astype(">f8"))
    t.from_numpy([1])
    t.from_numpy(np.array(["a"]))
    t.from_numpy(np.array([object()]))
    t.from_numpy(np.arange(2.0).astype(">f8"))
    t.zeros()
    t.zeros(-1)
    t.zeros(2.0)
    t.zeros("a")
    t.zeros(True)
    t.ones(2, dtype=t.int64, requires_grad=True)
    t.full(2, 1.0)
    t.zeros_like([1])
    t.arange(1, 5, 0)
    t.arange(5, 1)
    t.arange(inf)
    t.arange(nan)
    t.arange(2j)
    t.arange(3, requires_grad=True)
    t.linspace(0, 1, -1)
    t.eye(-1)
    t.complex(t.ones(1), t.ones(1, dtype=t.float64))
"""


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch", reason="PyTorch is the oracle here")


@pytest.mark.oracle
@pytest.mark.parametrize("expression", lines(TABLE))
def test_like_pytorch(torch, expression):
    check(torch, expression)


@pytest.mark.oracle
@pytest.mark.parametrize("expression", lines(ERRORS))
def test_errors_like_pytorch(torch, expression):
    check_error(evaluate(expression, torch)[0], evaluate(expression, xg)[0])


def test_the_same_on_every_namespace(device):
    """Made there, on the default device; a dtype that was only inferred gives way."""
    ns = resolve(device)
    names = {d.name for d in xg.Tensor.dtype.fget.__globals__["dtypes"].ALL}
    missing = [n for n in names if not has_dtype(ns, n)]
    failures = []
    for expression in lines(TABLE):
        if any(f"t.{name}" in expression for name in missing) or "np." in expression:
            continue
        expected, _ = evaluate(expression, xg)
        with xg.device(device):
            actual, _ = evaluate(expression, xg)
        if isinstance(actual, Exception):
            failures.append(f"{expression}: {actual!r}")
            continue
        for a, b in zip(tensors(actual), tensors(expected), strict=True):
            mine, yours = plain(a, xg), plain(b, xg)
            if a.device != ns.device or not same(mine[3:4], yours[3:4], 1e-3):
                failures.append(f"{expression}: {mine} on {a.device} instead of {yours}")
    assert not failures, "\n".join(failures)


# ------------------------------------------------------------------ devices and dtypes


def test_device_argument_wins(device):
    with xg.device("cpu"):
        for made in (
            xg.tensor([1.0], device=device),
            xg.tensor(np.ones(2, np.float32), device=device),
            xg.zeros(2, device=device),
            xg.ones_like(xg.ones(2), device=device),
            xg.full((2,), 1.0, device=device),
            xg.arange(3.0, device=device),
            xg.linspace(0, 1, 3, device=device),
            xg.eye(2, device=device),
            xg.as_tensor(xg.ones(2), device=device),
        ):
            assert made.device == resolve(device).device


def test_data_stays_where_it_is(device):
    x = xg.ones(2, device=device)
    with pytest.warns(UserWarning, match="To copy construct from a tensor"):
        made = xg.tensor(x)
    assert made.device == x.device
    assert made._data is not x._data
    with pytest.warns(UserWarning, match=r"rather than tensor\.new_tensor\(sourceTensor\)"):
        assert xg.ones(1).new_tensor(x, device=device).device == x.device
    assert xg.as_tensor(x) is x
    assert xg.zeros_like(x).device == x.device
    assert x.new_ones(1).device == x.device


def test_arrays_of_a_known_library_are_read(ns):
    raw = ns.from_host(np.arange(3, dtype=np.float32))
    t = xg.as_tensor(raw)
    assert t._ns is ns
    assert t._data is raw
    copied = xg.tensor(raw)
    assert copied._ns is ns
    assert copied._data is not raw


def test_numpy_arrays_go_to_the_default_device():
    with xg.device("strict:1"):
        assert xg.tensor(np.ones(2)).device == xg.device("strict:1")
        assert xg.from_numpy(np.ones(2)).device == xg.device("cpu")


@pytest.mark.parametrize("where", ["strict:3", "strict:4"])
def test_missing_dtypes(where):
    """Asked for: an error. Inferred: the nearest there is."""
    asked = "float64" if where == "strict:3" else "int64"
    with pytest.raises(DTypeError, match=asked):
        xg.zeros(2, dtype=asked, device=where)
    assert xg.tensor([1, 2], device=where).dtype in (xg.int64, xg.int32)


def test_default_dtype():
    xg.set_default_dtype(xg.float64)
    try:
        assert xg.tensor(1.0).dtype is xg.float64
        assert xg.ones(2).dtype is xg.float64
        assert xg.arange(2.0).dtype is xg.float64
        assert xg.tensor(1j).dtype is xg.complex128
        assert xg.tensor(1).dtype is xg.int64
    finally:
        xg.set_default_dtype(xg.float32)
    with pytest.raises(TypeError):
        xg.set_default_dtype(xg.int64)


def test_unknown_devices():
    with pytest.raises(DeviceError, match="foo"):
        xg.tensor(1.0, device="foo")
    with pytest.raises(DeviceError, match="strict:7"):
        xg.zeros(2, device="strict:7")


# ------------------------------------------------------------------ memory


def test_from_numpy_shares_memory():
    a = np.zeros((3, 2))
    t = xg.from_numpy(a)
    a[0, 1] = 5.0
    assert t[0, 1].item() == 5.0
    t[2, 0] = 7.0
    assert a[2, 0] == 7.0
    assert np.shares_memory(t.numpy(), a)


def test_from_numpy_takes_any_strides():
    a = np.arange(6.0).reshape(2, 3)
    for view in (a[::-1], a[:, ::2], a.T, a[::-1, ::-1], a[:0]):
        t = xg.from_numpy(view)
        assert t.tolist() == view.tolist()
        assert (t.requires_grad_() * 2).sum().item() == 2 * view.sum()


def test_read_only_arrays_warn():
    a = np.arange(3.0)
    a.flags.writeable = False
    with pytest.warns(UserWarning, match="The given NumPy array is not writable"):
        t = xg.from_numpy(a)
    assert (t + 1).tolist() == [1.0, 2.0, 3.0]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert xg.tensor(a).add_(1).tolist() == [1.0, 2.0, 3.0]  # a copy: no warning


def test_tensor_copies():
    a = np.zeros(2)
    x = xg.tensor(a)
    a[0] = 1.0
    assert x[0].item() == 0.0
    with pytest.warns(UserWarning, match="To copy construct from a tensor"):
        y = xg.tensor(x)
    x[1] = 2.0
    assert y[1].item() == 0.0


def test_as_tensor_shares():
    a = np.zeros(2)
    x = xg.as_tensor(a)
    a[0] = 1.0
    assert x[0].item() == 1.0
    assert not np.shares_memory(xg.as_tensor(a, dtype=xg.float32).numpy(), a)


def test_asarray_copies_on_demand():
    x = xg.ones(2)
    assert xg.asarray(x) is x
    assert xg.asarray(x, copy=True).data_ptr() != x.data_ptr()
    assert xg.asarray(x, copy=False) is x
    with pytest.raises(ValueError, match="can't alias"):
        xg.asarray(x, dtype=xg.float64, copy=False)
    with pytest.raises(ValueError, match="can't alias"):
        xg.asarray([1.0], copy=False)


def test_subclasses_of_ndarray_are_read_as_arrays():
    masked = np.ma.array([1.0, 2.0], mask=[False, True])
    assert type(xg.from_numpy(masked)._data) is np.ndarray


def test_size_errors_name_the_size():
    with pytest.raises(ShapeError, match="-2"):
        xg.ones(3, -2)
    with pytest.raises(TypeError, match="unexpected keyword"):
        xg.ones(3, sizes=2)


def test_ranges_do_not_drift():
    grid = xg.arange(0, 1, 0.001)
    np.testing.assert_array_equal(grid.numpy(), (np.arange(1000) * 0.001).astype(np.float32))


def test_requires_grad_makes_leaves(device):
    for made in (xg.tensor([1.0], device=device, requires_grad=True),
                 xg.ones(2, device=device, requires_grad=True)):  # fmt: skip
        assert made.is_leaf
        assert made.requires_grad
        (made * 2).sum().backward()
        assert made.grad.tolist() == [2.0] * made.numel()
