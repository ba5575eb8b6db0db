"""A walk over PyTorch's own database of ops: every entry matches, or is listed with a reason."""

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="PyTorch is the oracle here")
pytest.importorskip("expecttest", reason="PyTorch's database of ops needs it")
pytest.importorskip("scipy", reason="special functions are among the ops")

import numpy as np

import op_db
import xpgrad as xg
from op_db_lists import ABSENT, DIFFERENT, MATCHED, OTHER_DTYPES

pytestmark = pytest.mark.oracle

NAMES = list(op_db.entries())
WITH_DTYPES = [name for name in op_db.everything() if op_db.dtypes_of(name)]
SAMPLES = 8


@pytest.mark.parametrize("name", NAMES)
def test_entry(name):
    """Values, two orders of derivatives, and the methods, in float64."""
    if name in ABSENT:
        with pytest.raises(op_db.Missing):
            op_db.check(name, SAMPLES)
    elif name in DIFFERENT:
        with pytest.raises(op_db.Different):
            op_db.check(name, SAMPLES)
    else:
        assert op_db.check(name, SAMPLES) > 0


@pytest.mark.parametrize("name", WITH_DTYPES)
def test_entry_in_other_dtypes(name):
    """Values and dtypes, and in complex128 gradients; functions that we have not pass by."""
    try:
        op_db.function_of(name)
    except op_db.Missing:
        assert name in ABSENT or name not in NAMES, f"{name} is counted and has no function"
        return
    for dtype in op_db.dtypes_of(name):
        if (name, dtype) in OTHER_DTYPES:
            with pytest.raises(op_db.Different):
                op_db.check_dtype(name, dtype)
        else:
            op_db.check_dtype(name, dtype)


def test_at_least_so_many_entries_match():
    assert len(NAMES) - len(ABSENT) - len(DIFFERENT) >= MATCHED


def test_lists_name_entries_and_reasons():
    assert set(ABSENT) | set(DIFFERENT) <= set(NAMES)
    assert {name for name, _ in OTHER_DTYPES} <= set(WITH_DTYPES)
    reasons = [*ABSENT.values(), *DIFFERENT.values(), *OTHER_DTYPES.values()]
    assert all(len(reason) > 20 for reason in reasons)


def test_the_table_in_the_readme_is_this_one():
    """As ``python tests/op_db.py --table`` prints it."""
    readme = (Path(__file__).resolve().parent.parent / "README.md").read_text("utf-8")
    assert op_db.table({*ABSENT, *DIFFERENT}) in readme


def test_every_entry_has_a_family():
    assert {op_db.family(name) for name in NAMES} == set(op_db.FAMILIES)


# ------------------------------------------------------------------ each kind of check fails once


def replaced(monkeypatch, name, function):
    """Check the samples of an entry with another function in place of ours."""
    monkeypatch.setitem(op_db.CALLS, name, function)
    return name


@pytest.mark.parametrize(
    ("function", "complaint"),
    [
        (lambda x: xg.sin(x) * 1.0001, "result 0: values"),
        (lambda x: xg.sin(x.detach()) + 0 * x, "gradient 0: values"),
        (lambda x: xg.sin(x.detach()) + xg.cos(x.detach()) * (x - x.detach()), "second derivative"),
        (lambda x: xg.sin(x.detach()), "requires_grad"),
        (lambda x: xg.sin(x).reshape(-1, 1), "shape"),
        (lambda x: xg.sin(x).to(xg.float32), "dtype float32"),
        (lambda x: (xg.sin(x), x), "2 results, not 1"),
        (lambda x: xg.sin(x, 1), "TypeError"),
    ],
    ids=["values", "gradient", "second", "history", "shape", "dtype", "count", "error"],
)
def test_a_wrong_function_is_found(monkeypatch, function, complaint):
    with pytest.raises(op_db.Different, match=complaint):
        op_db.check(replaced(monkeypatch, "sin", function), 2)


def test_a_wrong_method_is_found(monkeypatch):
    monkeypatch.setattr(xg.Tensor, "sin", lambda x: x)
    with pytest.raises(op_db.Different, match="method sin"):
        op_db.check("sin", 2)


def test_a_wrong_method_in_place_is_found(monkeypatch):
    monkeypatch.setattr(xg.Tensor, "sin_", lambda x: xg.sin(x))
    with pytest.raises(op_db.Different, match="what sin_ wrote"):
        op_db.check("sin", 2)


def test_a_wrong_dtype_is_found(monkeypatch):
    name = replaced(monkeypatch, "sin", lambda x: xg.sin(x.to(xg.float64)))
    assert op_db.dtypes_of(name) == [*op_db.DTYPES]
    for dtype in op_db.DTYPES:
        with pytest.raises(op_db.Different, match=r"dtype|real"):
            op_db.check_dtype(name, dtype)


def test_a_missing_error_is_found(monkeypatch):
    """Where PyTorch raises, so must ours, and as it does."""
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
    entry = op_db.everything()["sin"]
    sample = op_db.samples(entry, 1)[0]
    monkeypatch.setattr(entry, "op", lambda x: torch.sin("x"))
    op_db.check_values(entry, lambda x: xg.sin("x"), sample)
    with pytest.raises(op_db.Different, match="no TypeError"):
        op_db.check_values(entry, xg.sin, sample)


def test_tensors_that_show_a_part_of_the_memory_stay_so():
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
    theirs = torch.arange(12.0).reshape(3, 4).t()[1:3]
    ours = op_db.Arguments()(theirs)
    assert (ours.stride(), ours.storage_offset()) == (theirs.stride(), theirs.storage_offset())
    np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
