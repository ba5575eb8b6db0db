"""2,000 random programs, run by PyTorch and by xpgrad: no difference. See programs.py.

`XPGRAD_PROGRAMS` says how many more than these to run; programs.py itself is the long run.
"""

import os

import pytest

import xpgrad as xg

pytest.importorskip("torch", reason="PyTorch is the oracle here")

import programs
from xpgrad import versions
from xpgrad.door import indexing, inplace
from xpgrad.ops import elementwise

pytestmark = pytest.mark.oracle

CHUNK = 100
COUNT = max(2_000, int(os.environ.get("XPGRAD_PROGRAMS", "0")))


@pytest.mark.parametrize("first", range(0, COUNT, CHUNK))
def test_programs(first):
    for seed in range(first, first + CHUNK):
        found = programs.check(seed)
        if found is not None:
            device = programs.device_for(seed)
            small = programs.shrink(found, device)
            pytest.fail(f"{programs.script(small.program, device)}\n\n# {small}")


def test_each_device_gets_its_share():
    seen = [programs.device_for(seed) for seed in range(2_000)]
    assert {name: seen.count(name) for name in seen} == {
        "cpu": 1_750, "readonly": 187, "strict:1": 63
    }  # fmt: skip


# ------------------------------------------------------------------ what it catches


def forgetful(monkeypatch):
    """Writes that nobody counts."""
    monkeypatch.setattr(xg.Tensor, "_written", lambda self: None)


def careless(monkeypatch):
    """Saved values that were written to are used."""
    monkeypatch.setattr(versions, "check_fresh", lambda node: None)


def permissive(monkeypatch):
    """Writes to leaves and to views of leaves."""
    for module in (indexing, inplace):
        monkeypatch.setattr(module, "check_write", lambda *args, **kwargs: None)


def disconnected(monkeypatch):
    """A write through a view that the base does not hear of."""

    def rebase(t, node, through=()):
        t._node = node

    for module in (indexing, inplace):
        monkeypatch.setattr(module, "rebase", rebase)


def imprecise(monkeypatch):
    """A rule that is wrong by a millionth."""
    node = elementwise.multiply.op.node_type
    right = node.vjp

    def wrong(node, g, edges):
        return tuple([x if x is None else x * (1 + 1e-6) for x in right(node, g, edges)])

    monkeypatch.setattr(node, "vjp", staticmethod(wrong))


FAULTS = (forgetful, careless, permissive, disconnected, imprecise)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_fault_is_caught(fault, monkeypatch):
    fault(monkeypatch)
    for seed in range(300):
        found = programs.check(seed, "cpu")
        if found is not None:
            return
    pytest.fail(f"nobody notices: {fault.__doc__}")


def test_a_change_after_an_error_is_caught(monkeypatch):
    """Errors that come too late: the value has been written."""
    check = inplace._allow

    def late(t, recorded):
        try:
            check(t, recorded)
        except RuntimeError:
            t._data[...] = 7.0
            raise

    monkeypatch.setattr(inplace, "_allow", late)
    kinds = [found.what for seed in range(300) if (found := programs.check(seed, "cpu"))]
    assert any(what.startswith("changed by an error") for what in kinds)


def test_shrinking(monkeypatch):
    """What is left of a program is what is needed, and it runs as it is printed."""
    imprecise(monkeypatch)
    found = next(f for seed in range(300) if (f := programs.check(seed, "cpu")) is not None)
    small = programs.shrink(found)
    assert len(small.program) < len(found.program)
    assert small.kind == found.kind
    assert programs.compare(small.program) is not None
    for left_out in range(len(small.program)):
        rest = [line for i, line in enumerate(small.program) if i != left_out]
        again = programs.compare(rest)
        assert again is None or again.kind != small.kind
    exec(programs.script(small.program), {})
    monkeypatch.undo()
    assert programs.compare(small.program) is None


def test_the_same_seed_writes_the_same_program():
    def program(seed):
        writer = programs.Writer(seed)
        writer.look_at(programs.Side(programs.torch))
        lines = []
        for line in writer:
            lines.append(line)
            writer.side.run(programs.compiled(line))
        return lines

    assert program(5) == program(5) != program(6)
