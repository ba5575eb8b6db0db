"""Devices: how they are written, compared and printed, and the context that chooses one."""

import asyncio
import copy
import pickle
import threading
from types import SimpleNamespace

import pytest

import xpgrad as xg
from xpgrad.errors import DeviceError

OTHER = "strict:1"


@pytest.fixture(autouse=True)
def restore_default():
    yield
    xg.set_default_device(None)


# ── reading and printing ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("given", "type", "index"),
    [
        (("cpu",), "cpu", None),
        (("cpu:0",), "cpu", 0),
        (("cuda",), "cuda", None),
        (("cuda:0",), "cuda", 0),
        (("cuda:17",), "cuda", 17),
        (("cuda", 1), "cuda", 1),
        (("cuda", None), "cuda", None),
        ((1,), "cuda", 1),
        ((xg.device("cuda:1"),), "cuda", 1),
        ((xg.device("cuda"), 2), "cuda", 2),
        ((SimpleNamespace(type="cuda", index=3),), "cuda", 3),
        ((SimpleNamespace(type="cpu", index=None),), "cpu", None),
        (("not_yet_registered:4",), "not_yet_registered", 4),
    ],
)
def test_reads(given, type, index):
    found = xg.device(*given)
    assert (found.type, found.index) == (type, index)
    assert found == xg.device(type, index)
    assert hash(found) == hash(xg.device(type, index))
    assert str(found) == (type if index is None else f"{type}:{index}")
    inside = f"type={type!r}" + ("" if index is None else f", index={index}")
    assert repr(found) == f"device({inside})"
    assert pickle.loads(pickle.dumps(found)) == found
    assert copy.deepcopy(found) == found


def test_keywords():
    assert xg.device(type="cuda", index=2) == xg.device("cuda:2")


@pytest.mark.parametrize(
    "text",
    [
        "cuda:x",
        "cuda:",
        "cuda:-1",
        "cuda:01",
        "cuda: 1",
        "cuda:1:2",
        ":1",
        " cuda",
        "a-b",
        "1",
        "cuda:²",
    ],
)
def test_malformed(text):
    with pytest.raises(RuntimeError, match=r"^Invalid device string: ") as caught:
        xg.device(text)
    assert repr(text) in str(caught.value)
    assert isinstance(caught.value, DeviceError)


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        (("",), RuntimeError, "Device string must not be empty"),
        (("cuda:1", 0), RuntimeError, "must not include an index because index was passed"),
        (("cuda", -1), RuntimeError, "Device index must not be negative"),
        ((-1,), RuntimeError, "Device index must not be negative"),
        (("cuda", 1.5), TypeError, "must be int, not float"),
        (("cuda", True), TypeError, "must be int, not bool"),
        ((None,), TypeError, "not NoneType"),
        ((1.5,), TypeError, "not float"),
        ((True,), TypeError, "not bool"),
        ((b"cpu",), TypeError, "not bytes"),
    ],
)
def test_refused(given, error, words):
    with pytest.raises(error, match=words):
        xg.device(*given)


def test_equality():
    assert xg.device("cuda") != xg.device("cuda:0")
    assert xg.device("cuda") != "cuda"
    assert len({xg.device("cuda:1"), xg.device("cuda", 1), xg.device("cpu")}) == 2


def test_cannot_be_changed():
    where = xg.device("cuda:1")
    with pytest.raises(AttributeError, match="not writable"):
        where.index = 2
    with pytest.raises(AttributeError):
        del where.type
    with pytest.raises(AttributeError):
        where.other = 1
    assert where == xg.device("cuda:1")


@pytest.mark.oracle
def test_as_pytorch():
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
    for text in ("cpu", "cpu:0", "cuda", "cuda:0", "cuda:1"):
        ours, theirs = xg.device(text), torch.device(text)
        assert (repr(ours), str(ours)) == (repr(theirs), str(theirs))
        assert xg.device(theirs) == ours
    for given in (("cuda:x",), ("cuda:",), ("cuda:-1",), ("cuda:01",), ("",), ("cuda:1", 0)):
        with pytest.raises(Exception) as theirs:  # noqa: PT011 - whatever it is
            torch.device(*given)
        with pytest.raises(theirs.type) as ours:
            xg.device(*given)
        assert str(ours.value) == str(theirs.value)


# ── the context and the default ──────────────────────────────────────────────────────────────────


def where():
    return str(xg.tensor([1.0]).device)


def test_precedence():
    assert where() == "cpu"
    xg.set_default_device(OTHER)
    assert where() == OTHER
    with xg.device("cpu"):
        assert where() == "cpu"  # a context goes before the default
        assert str(xg.tensor([1.0], device="strict:2").device) == "strict:2"  # device= before it
        xg.set_default_device("strict:2")
        assert where() == "cpu"
    assert where() == "strict:2"
    xg.set_default_device(None)
    assert where() == "cpu"


def test_default_is_given_back_with_its_index():
    assert xg.get_default_device() == xg.device("cpu")
    xg.set_default_device("strict")
    assert xg.get_default_device() == xg.device("strict:0")
    with xg.device("strict:1"):
        assert xg.get_default_device() == xg.device("strict:1")


def test_nesting_and_errors():
    outer, inner = xg.device(OTHER), xg.device("strict:2")
    with outer as entered:
        assert entered is outer
        with inner, outer, inner:
            assert where() == "strict:2"
        with pytest.raises(ZeroDivisionError), inner:
            1 / 0
        assert where() == OTHER
    assert where() == "cpu"


def test_an_unusable_default_speaks_up_when_used():
    xg.set_default_device("cpu:7")
    with pytest.raises(DeviceError, match="'cpu:7' does not exist"):
        xg.tensor(1.0)
    with pytest.raises(DeviceError):
        xg.get_default_device()


def test_threads_share_a_device_object_and_nothing_else():
    shared = xg.device(OTHER)
    barrier = threading.Barrier(2, timeout=10)
    seen = {}

    def first():
        with shared:
            barrier.wait()  # both are inside
            seen["inside"] = where()
            barrier.wait()
        seen["after"] = where()
        barrier.wait()

    def second():
        with xg.device("strict:2"), shared:
            barrier.wait()
            barrier.wait()
            barrier.wait()  # the other has left
            seen["still inside"] = where()
        seen["second after"] = where()

    with xg.device("strict:3"):
        xg.set_default_device("strict:4")
        threads = [threading.Thread(target=f) for f in (first, second)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
    assert seen == {
        "inside": OTHER,
        "after": "cpu",  # neither the context nor the default of the main thread
        "still inside": OTHER,
        "second after": "cpu",
    }


def test_tasks_do_not_see_each_other():
    async def within(name, others):
        with xg.device(name):
            for _ in range(3):
                await asyncio.sleep(0)
                others.append(where())

    async def main():
        one, two = [], []
        await asyncio.gather(within(OTHER, one), within("strict:2", two))
        return one, two, where()

    assert asyncio.run(main()) == ([OTHER] * 3, ["strict:2"] * 3, "cpu")


def test_a_dtype_that_the_other_device_lacks():
    x = xg.tensor([1.0, 2.0], dtype=xg.float64)
    with pytest.raises(xg.errors.DTypeError, match=r"strict:3 has no xpgrad\.float64"):
        x.to("strict:3")
    assert x.to("strict:3", xg.float32).device == xg.device("strict:3")
