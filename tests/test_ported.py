"""Programs as people write them for PyTorch, moved over by changing the name of the library.

The programs stand in `ported`, one module a topic. They return what they computed, which must be
PyTorch's in value, dtype, shape, history, errors and warnings: in double precision, on NumPy and
on an immutable library, and in single precision, where rounding grows on the way.
"""

import functools
import importlib

import pytest

import namespaces  # noqa: F401  (registers the device readonly)
import xpgrad as xg
from behaviours import table
from xpgrad.ops import elementwise

torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
pytestmark = pytest.mark.oracle

TOPICS = (
    "functions", "engine", "transforms", "second_order", "networks", "vision", "science", "tensors",
)  # fmt: skip

PROGRAMS = {
    f"{topic}.{name}": program
    for topic in TOPICS
    for name, program in importlib.import_module(f"ported.{topic}").TABLE.items()
}

RUNS = {
    "double": ("cpu", "float64"),
    "single": ("cpu", "float32"),
    "readonly": ("readonly", "float64"),
}

# What an immutable library on a device of its own cannot do.
OTHERWISE = {
    "engine.a_saved_value_was_changed": "the error names what made the saved value, not the write",
    "tensors.numpy_and_back": "what shares memory with NumPy's arrays is on the CPU",
}


def run(program, t, dtype):
    """What comes of a program where numbers are of this dtype by default."""
    before = t.get_default_dtype()
    t.set_default_dtype(getattr(t, dtype))
    try:
        return table.outcome(program, t)
    finally:
        t.set_default_dtype(before)


@functools.cache
def theirs(name, dtype):
    torch._C._set_warnAlways(True)
    return run(PROGRAMS[name], torch, dtype)


@pytest.fixture(params=RUNS)
def setting(request, monkeypatch):
    device, dtype = RUNS[request.param]
    if dtype == "float32":
        monkeypatch.setattr(table, "TOLERANCE", 1e-3)
    before = xg.get_default_device()
    xg.set_default_device(device)
    yield request.param, dtype
    xg.set_default_device(before)


@pytest.mark.parametrize("name", PROGRAMS)
def test_program(name, setting):
    where, dtype = setting
    assert not isinstance(theirs(name, dtype).value, table.Raised), "no program for PyTorch"
    found = table.differences(run(PROGRAMS[name], xg, dtype), theirs(name, dtype))
    if where == "readonly" and name in OTHERWISE:
        assert found, f"{name} agrees with PyTorch by now: take it out of OTHERWISE"
    else:
        assert not found, "\n".join(found)


def test_there_are_many():
    assert len(PROGRAMS) > 100
    assert set(OTHERWISE) <= set(PROGRAMS)


@pytest.mark.parametrize("setting", ["double", "single"], indirect=True)
def test_a_wrong_rule_is_noticed(setting, monkeypatch):
    kind = elementwise.tanh.op.node_type
    right = kind.vjp
    wrong = lambda node, g, edges: tuple([gi * 1.1 for gi in right(node, g, edges)])
    name, dtype = "second_order.conjugate_gradients", setting[1]
    assert not table.differences(run(PROGRAMS[name], xg, dtype), theirs(name, dtype))
    monkeypatch.setattr(kind, "vjp", staticmethod(wrong))
    assert table.differences(run(PROGRAMS[name], xg, dtype), theirs(name, dtype))
