"""Whose memory a result shows: a view's its input's, any other op's its own.

An op that hands its input on, or a view of it that the library made unasked, would let a write into
the one change the other.
"""

import numpy as np
import pytest

from namespaces import host
from op_table import ROWS, functions
from test_ops import call, cases, pull_back, wants_gradient, weights_for
from xpgrad.op import Op, function_of
from xpgrad.registry import resolve
from xpgrad.tensor import Tensor, wrap

FUNCTIONS = functions()
CPU = resolve("cpu")
# Ops that may hand on their input, and are called where that is what is wanted.
HANDED_ON = {
    "clip": "without bounds (the doors copy, or refuse)",
    "conj": "real numbers, as PyTorch does",
    "getitem": "at a basic index, for which there is `getview`",
}


def shared(function, inputs, settings):
    """For each output, whether it shares memory with an input or with another output."""
    given, outputs = call(function, CPU, inputs, settings)
    given = [t for t in given if isinstance(t, Tensor)]
    return [
        any(np.shares_memory(o._data, t._data) for t in (*given, *outputs) if t is not o)
        for o in outputs
    ]


def all_ints(index):
    """An index for which NumPy gives a number; the doors write ``...`` behind it."""
    return isinstance(index, tuple) and all(type(i) is int for i in index)


@pytest.mark.parametrize("name", sorted({row.name for row in ROWS if row.name in FUNCTIONS}))
def test_only_views_share_memory(name):
    function = FUNCTIONS[name]
    for row in ROWS:
        if row.name != name:
            continue
        for what, inputs, settings in cases(row, row.dtypes):
            found = shared(function, inputs, settings)
            if not function.op.view:
                if name not in HANDED_ON:
                    assert not any(found), f"{what}: shares memory and is no view"
            elif inputs[0].size and not all_ints(settings.get("index")):
                outputs = call(function, CPU, inputs, settings)[1]
                there = [o._data.size > 0 for o in outputs]
                assert found == there, f"{what}: is no view of its input's memory"


def strided(array):
    """The same numbers in memory that runs backwards and skips every other place."""
    wide = np.zeros(tuple(2 * n for n in array.shape), array.dtype)
    found = wide[(..., *(slice(None, None, -2) for _ in array.shape))]
    found[...] = array
    found.flags.writeable = False
    return found


def value_and_gradients(row, inputs, settings):
    function, wanted = FUNCTIONS[row.name], wants_gradient(row, inputs)
    given = []
    for x, w in zip(inputs, wanted, strict=True):
        t = wrap(x, CPU) if isinstance(x, np.ndarray) else x
        given.append(t.requires_grad_() if w and row.differentiable else t)
    out = function(*given, **settings)
    outputs = out if isinstance(out, tuple) else (out,)
    leaves = [t for t in given if isinstance(t, Tensor) and t.requires_grad]
    seeds = [None if w is None else wrap(w, CPU) for w in weights_for([host(o) for o in outputs])]
    found = pull_back(outputs, seeds, leaves)
    return [host(t) for t in (*outputs, *found) if t is not None]


@pytest.mark.parametrize("name", sorted({row.name for row in ROWS if row.name in FUNCTIONS}))
def test_any_strides_and_read_only_memory(name):
    for row in (r for r in ROWS if r.name == name):
        for what, inputs, settings in cases(row, row.dtypes[-1:]):
            moved = [strided(x) if isinstance(x, np.ndarray) else x for x in inputs]
            expected = value_and_gradients(row, inputs, settings)
            for a, b in zip(value_and_gradients(row, moved, settings), expected, strict=True):
                close = 1e-3 if b.dtype == np.float16 else 1e-5
                np.testing.assert_allclose(a, b, rtol=close, atol=close, err_msg=what)


def test_a_flip_that_is_a_view_would_fail():
    op = FUNCTIONS["flip"].op
    made = Op(
        lambda xp, x, /, *, axis=None: xp.flip(x, axis=axis), op.rules, node="Broken",
        elementwise=False, linear=True, view=False, outputs=1, integers="keep", promotes=False,
    )  # fmt: skip
    x = np.arange(3.0)
    assert shared(function_of(made), [x], {}) == [True]
    assert shared(FUNCTIONS["flip"], [x], {}) == [False]
