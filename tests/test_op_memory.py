"""Whose memory a result shows: a view's its input's, any other op's its own.

An op that hands its input on, or a view of it that the library made unasked, would let a write into
the one change the other.
"""

import numpy as np
import pytest

from op_table import ROWS, functions
from test_ops import call, cases
from xpgrad.op import Op, function_of
from xpgrad.registry import resolve
from xpgrad.tensor import Tensor

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
            elif inputs[0].size:
                outputs = call(function, CPU, inputs, settings)[1]
                there = [o._data.size > 0 for o in outputs]
                assert found == there, f"{what}: is no view of its input's memory"


@pytest.mark.parametrize("name", sorted(n for n in FUNCTIONS if FUNCTIONS[n].op.view))
def test_views_of_strided_memory(name):
    """Views of what is a view itself: reversed, and every other row."""
    for row in ROWS:
        if row.name != name:
            continue
        for what, inputs, settings in cases(row, ["float32"]):
            x = inputs[0]
            wide = np.zeros(tuple(2 * n for n in x.shape), x.dtype)
            strided = wide[(..., *(slice(None, None, -2) for _ in x.shape))]
            strided[...] = x
            straight = call(FUNCTIONS[name], CPU, inputs, settings)[1]
            _, found = call_on(FUNCTIONS[name], strided, settings)
            for a, b in zip(found, straight, strict=True):
                np.testing.assert_array_equal(a._data, b._data, err_msg=what)


def call_on(function, array, settings):
    """The op on an array as it is, strides and all."""
    x = Tensor.__new__(Tensor)
    x._data, x._ns, x._node = array, CPU, None
    out = function(x, **settings)
    return x, out if isinstance(out, tuple) else (out,)


def test_a_flip_that_is_a_view_would_fail():
    op = FUNCTIONS["flip"].op
    made = Op(
        lambda xp, x, /, *, axis=None: xp.flip(x, axis=axis), op.rules, node="Broken",
        elementwise=False, linear=True, view=False, outputs=1, integers="keep", promotes=False,
    )  # fmt: skip
    x = np.arange(3.0)
    assert shared(function_of(made), [x], {}) == [True]
    assert shared(FUNCTIONS["flip"], [x], {}) == [False]
