"""Tensors and the rest of Python: numbers, NumPy, DLPack, copies, pickles, text."""

from __future__ import annotations

import copy
import math
import pickle
import warnings

import numpy as np
import pytest

import xpgrad as xg
from namespaces import tensor
from oracle import check, check_error, evaluate, lines
from xpgrad import Tensor
from xpgrad.errors import GradientError, ShapeError
from xpgrad.registry import namespace_of

TABLE = """
    s.item(), i[0].item(), b[0].item(), z[0].item(), t.tensor([[2.5]]).item()
    x.tolist(), s.tolist(), e.tolist(), t.ones(2, 0).tolist(), z.tolist()
    int(s), float(s), complex(z[0]), float(i[0]), int(t.tensor([3.7])), bool(s)
    float(t.tensor(1 + 0j))
    len(x), len(e), list(i), [r for r in x]
    [1, 2, 3][t.tensor(1)], [1, 2, 3][t.tensor([1])], [1, 2, 3][t.tensor(True)], list(range(i[1]))
    "%.2f %d" % (s, i[1])
    f"{s:.2f}", f"{s}", f"{i}", f"{i[1]:>5}", f"{t.tensor(2.5):8.3e}"
    f"{t.tensor(True)}", f"{x}"
    "{:.1f}".format(s), format(s, "")
    str(x), repr(x * 2), repr(i), repr(x.sum()), repr(x.detach().half()), repr(e)
    repr(t.arange(2000)), repr(t.ones(50, 50)), repr(t.zeros(3, 0)), repr(z)
    x.detach().numpy(), np.asarray(i), np.asarray(i, dtype=np.float32), (x * 2).numpy(force=True)
    np.stack([i, i]), np.from_dlpack(i), np.concatenate([i, i])
    reversed(i), x.__reversed__()
    3 in i, s in s
    hasattr(i, "__cuda_array_interface__"), i.__array_priority__
    copy.copy(x).requires_grad, copy.copy(x).is_leaf, copy.copy(x * 2).is_leaf
    copy.deepcopy(x), copy.deepcopy(i), copy.deepcopy([x, x])[0] is x
    hash(x) == hash(x), x == x
"""

ERRORS = """
    i.item()
    e.item()
    int(i)
    float(i)
    float(z[0])
    int(t.tensor(nan))
    int(t.tensor(inf))
    len(s)
    list(s)
    [1, 2][t.tensor(1.0)]
    [1, 2][i]
    f"{i:.2f}"
    x.numpy()
    np.asarray(x)
    x.__dlpack__()
    np.from_dlpack(x)
    i.__cuda_array_interface__
    copy.deepcopy(x * 2)
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
    words = "deepcopy" not in expression  # PyTorch's goes on about a link
    check_error(evaluate(expression, torch)[0], evaluate(expression, xg)[0], words=words)


# ------------------------------------------------------------------ Python's numbers


def test_numbers_on_every_namespace(ns):
    x = tensor(ns, np.array([[1.5]], np.float32))
    assert x.item() == float(x) == 1.5
    assert type(x.item()) is float
    assert int(x) == 1
    assert complex(x) == 1.5
    assert bool(x) is True
    assert x.tolist() == [[1.5]]
    assert f"{x[0, 0]:.3f}" == "1.500"
    i = tensor(ns, np.array([3, 4], np.int32))
    assert i.tolist() == [3, 4]
    assert [v.item() for v in i] == [3, 4]
    assert list(range(10))[i[0]] == 3
    assert 4 in i
    assert 5 not in i
    assert len(i) == 2


@pytest.mark.parametrize("kind", [float, complex, math.sin])
def test_history_is_not_lost_silently(kind):
    x = xg.tensor(1.0, requires_grad=True)
    with pytest.warns(UserWarning, match="Converting a tensor with requires_grad=True"):
        kind(x)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        kind(x.detach())
        assert bool(x)
        assert int(x) == 1  # PyTorch says nothing either
        assert x.item() == 1.0
        assert f"{x:.1f}" == "1.0"


def test_iteration_is_differentiable():
    x = xg.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    a, b = x
    (a * b).sum().backward()
    assert x.grad.tolist() == [[3.0, 4.0], [1.0, 2.0]]


def test_an_array_of_tensors_asks_for_their_values():
    assert np.array([xg.tensor(1.0), xg.tensor(2.0)]).tolist() == [1.0, 2.0]


# ------------------------------------------------------------------ NumPy


def test_numpy_shares_memory():
    x = xg.zeros(2, 3)
    a = x.numpy()
    a[0, 1] = 5.0
    assert x[0, 1].item() == 5.0
    x[1, 2] = 7.0
    assert a[1, 2] == 7.0
    assert np.shares_memory(np.asarray(x), a)
    assert np.shares_memory(x.detach().numpy(), a)
    assert not np.shares_memory(np.array(x), a)


def test_array_protocol():
    x = xg.ones(2, dtype=xg.float32)
    assert np.asarray(x, dtype=np.float64).dtype == np.float64
    assert np.array(x, copy=True) is not x.numpy()
    with pytest.raises(ValueError, match="copy"):
        np.array(x, dtype=np.float64, copy=False)
    assert np.shares_memory(np.array(x, copy=False), x.numpy())


def test_numpy_of_another_device():
    x = xg.ones(2, device="strict:1", requires_grad=True)
    with pytest.raises(
        TypeError, match=r"strict:1 device type tensor to numpy. Use Tensor.cpu\(\)"
    ):
        x.detach().numpy()
    assert x.numpy(force=True).tolist() == [1.0, 1.0]


def test_matplotlib_takes_tensors():
    matplotlib = pytest.importorskip(
        "matplotlib", reason="matplotlib comes with the extra examples"
    )
    matplotlib.use("agg")
    from matplotlib import pyplot

    x = xg.linspace(0, 1, 5, requires_grad=True)
    x.sin().sum().backward()
    figure, axes = pyplot.subplots()
    (line,) = axes.plot(x.detach(), x.grad)
    assert line.get_ydata().tolist() == pytest.approx(np.cos(np.linspace(0, 1, 5)).tolist())
    pyplot.close(figure)


# ------------------------------------------------------------------ DLPack


def test_dlpack_out_without_a_copy():
    x = xg.zeros(2, 3)
    a = np.from_dlpack(x)
    assert np.shares_memory(a, x.numpy())
    x[0, 0] = 4.0
    assert a[0, 0] == 4.0


def test_dlpack_in_without_a_copy():
    a = np.zeros((2, 3))
    x = xg.from_dlpack(a)
    a[1, 2] = 4.0
    assert x[1, 2].item() == 4.0
    assert np.shares_memory(xg.from_dlpack(x).numpy(), a)
    assert not np.shares_memory(xg.from_dlpack(a, copy=True).numpy(), a)


@pytest.mark.oracle
def test_dlpack_with_pytorch(torch):
    theirs = torch.zeros(3)
    mine = xg.from_dlpack(theirs)
    theirs[1] = 5.0
    assert mine.tolist() == [0.0, 5.0, 0.0]
    back = torch.from_dlpack(mine)
    mine[2] = 6.0
    assert back.tolist() == [0.0, 5.0, 6.0]


def test_dlpack_between_namespaces(ns):
    raw = ns.from_host(np.arange(3, dtype=np.float32))
    if not hasattr(raw, "__dlpack__"):
        return
    try:
        raw.__dlpack_device__()
    except Exception as error:
        pytest.skip(f"{ns} exports no DLPack: {error}")
    assert xg.from_dlpack(raw)._ns is namespace_of(raw)


def test_dlpack_to_another_device():
    moved = xg.from_dlpack(np.arange(3.0, dtype=np.float32), device="strict:1")
    assert str(moved.device) == "strict:1"
    with pytest.raises(BufferError):
        xg.from_dlpack(np.arange(3.0, dtype=np.float32), device="strict:1", copy=False)


class FakeCuda:
    """Says that its data is on some device."""

    def __init__(self, kind):
        self.kind = kind

    def __dlpack__(self, **options):
        raise AssertionError("never asked")

    def __dlpack_device__(self):
        return (self.kind, 0)


def test_dlpack_of_unknown_things():
    with pytest.raises(RuntimeError, match="device type 8"):
        xg.from_dlpack(FakeCuda(8))
    with pytest.raises(RuntimeError, match="int"):
        xg.from_dlpack(3)
    with pytest.raises(BufferError):
        xg.from_dlpack(xg.ones(1, requires_grad=True))


def test_cuda_array_interface_is_passed_on():
    class Device(np.ndarray):
        __cuda_array_interface__ = {"version": 3, "shape": (2,)}  # noqa: RUF012

    x = xg.ones(2)
    x._data = np.ones(2).view(Device)
    assert x.__cuda_array_interface__ == {"version": 3, "shape": (2,)}
    y = xg.ones(2, requires_grad=True)
    y._data = x._data
    with pytest.raises(GradientError, match="requires grad"):
        y.__cuda_array_interface__


# ------------------------------------------------------------------ copies


def test_deepcopy(device):
    x = xg.tensor([1.0, 2.0], device=device, requires_grad=True)
    (x * x).sum().backward()
    x.label = ["kept"]
    y = copy.deepcopy(x)
    assert y.tolist() == [1.0, 2.0]
    assert y.device == x.device
    assert y.requires_grad
    assert y.grad.tolist() == [2.0, 4.0]
    assert y.grad is not x.grad
    assert y.label == ["kept"]
    assert y.label is not x.label
    (y * 3).sum().backward()
    assert x.grad.tolist() == [2.0, 4.0]
    assert y.grad.tolist() == [5.0, 7.0]
    with xg.no_grad():
        y += 1
    assert x.tolist() == [1.0, 2.0]


def test_deepcopy_keeps_what_is_shared():
    x = xg.ones(2)
    a, b = copy.deepcopy([x, x])
    assert a is b
    with pytest.raises(GradientError, match="explicitly by the user"):
        copy.deepcopy(xg.ones(2, requires_grad=True) * 2)


def test_copy_shares_memory():
    x = xg.ones(2, requires_grad=True)
    y = copy.copy(x)
    assert y is not x
    assert y.requires_grad
    assert y.is_leaf
    assert y._data is x._data
    with xg.no_grad():
        y[0] = 5.0
    assert x.tolist() == [5.0, 1.0]
    assert x._version == y._version == 1


class Sub(Tensor):
    pass


@pytest.mark.parametrize("protocol", [2, pickle.HIGHEST_PROTOCOL])
def test_pickle(device, protocol):
    x = xg.tensor([1.0, 2.0], device=device, requires_grad=True)
    (x * x).sum().backward()
    x.label = "kept"
    y = pickle.loads(pickle.dumps(x, protocol))
    assert y.tolist() == [1.0, 2.0]
    assert y.device == x.device
    assert y.dtype is x.dtype
    assert y.requires_grad
    assert y.is_leaf
    assert y.grad is None
    assert y.label == "kept"
    (y * 3).sum().backward()
    assert y.grad.tolist() == [3.0, 3.0]


def test_pickle_drops_history():
    y = xg.ones(2, requires_grad=True) * 2
    again = pickle.loads(pickle.dumps(y))
    assert again.is_leaf
    assert again.requires_grad
    assert again.tolist() == [2.0, 2.0]


def test_pickles_are_independent():
    x = xg.ones(2)
    y = pickle.loads(pickle.dumps(x))
    y[0] = 7.0
    assert x.tolist() == [1.0, 1.0]


def test_subclasses_survive():
    x = Sub()
    x._data, x._ns, x._node = xg.ones(2)._data, xg.ones(2)._ns, None
    for made in (copy.copy(x), copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        assert type(made) is Sub


def test_dtypes_devices_and_results_pickle():
    for value in (xg.float32, xg.bool, xg.device("cuda:1"), xg.ones(2).shape):
        again = pickle.loads(pickle.dumps(value))
        assert again == value
        assert type(again) is type(value)
    assert pickle.loads(pickle.dumps(xg.float32)) is xg.float32
    pair = pickle.loads(pickle.dumps(xg.tensor([1.0, 3.0]).max(0)))
    assert pair.values.item() == 3.0


# ------------------------------------------------------------------ text


def test_text_of_another_device():
    x = xg.ones(2, device="strict:1")
    assert repr(x) == "tensor([1., 1.], device='strict:1')"
    assert repr(x.requires_grad_() * 2) == (
        "tensor([2., 2.], device='strict:1', grad_fn=<MulBackward0>)"
    )


def test_large_tensors_stay_on_their_device(device, monkeypatch):
    """Only the ends of each axis are fetched."""
    x = xg.arange(10_000.0, device=device).reshape(100, 100)
    fetched = []
    original = type(x._ns).to_host

    def to_host(self, data):
        fetched.append(math.prod(data.shape))
        return original(self, data)

    monkeypatch.setattr(type(x._ns), "to_host", to_host)
    text = repr(x)
    monkeypatch.undo()
    assert sum(fetched) <= 36
    where = "" if device == "cpu" else f", device='{x.device}'"
    assert text.startswith("tensor([[0.0000e+00, 1.0000e+00, 2.0000e+00,  ..., 9.7000e+01,")
    assert " ".join(text.split()).endswith(f"9.9970e+03, 9.9980e+03, 9.9990e+03]]{where})")


def test_printoptions():
    with xg.printoptions(precision=2):
        assert repr(xg.tensor(1.23456)) == "tensor(1.23)"
    assert repr(xg.tensor(1.23456)) == "tensor(1.2346)"


def test_format_of_zero_dimensions():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert f"{xg.tensor(1.5, requires_grad=True) * 2:.4f}" == "3.0000"


def test_item_names_the_count():
    with pytest.raises(ShapeError, match="3 elements"):
        xg.ones(3).item()
