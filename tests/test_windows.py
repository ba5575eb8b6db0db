"""`unfold` and `as_strided`: what they show, whose memory it is, what writes through them do."""

import numpy as np
import pytest

import xpgrad as xg
from namespaces import NAMES, host, tensor, why_not
from xpgrad.errors import GradientError
from xpgrad.registry import resolve


@pytest.fixture(params=NAMES)
def device(request):
    if why_not(request.param):
        pytest.skip(why_not(request.param))
    return request.param


# ------------------------------------------------------------------ programs, here and in PyTorch


def strided_of_a_transpose(t, x):
    return x.reshape(2, 3).t().as_strided((2, 2), (3, 1))


def strided_of_a_part(t, x):
    return x[1:5].as_strided((2, 2), (1, 2)), x[1:5].storage_offset()


def strided_from_the_start_of_the_memory(t, x):
    return x[2:].as_strided((3,), (2,), 0)


def strided_of_strided(t, x):
    return x.as_strided((3,), (2,)).as_strided((2,), (1,), 1)


def windows_of_every_kind(t, x):
    y = x.reshape(2, 3)
    return x.unfold(0, 3, 1), x.unfold(0, 2, 3), y.unfold(1, 2, 1), y.t().unfold(0, 2, 1)


def writes_through_steps(t, x):
    y = x * 1
    y.as_strided((2,), (3,), 1).mul_(5)
    return y


def writes_through_windows(t, x):
    y = x * 1
    y.unfold(0, 2, 2)[1].fill_(7)
    return y


def writes_below_steps(t, x):
    y = x * 1
    v = y.as_strided((2, 2), (2, 1))
    y += 1
    return v


def turns_in_place(t, x):
    y = x * 1
    y.as_strided_((2, 2), (1, 3), 1)
    y *= 2
    return y


def scatters_a_diagonal(t, x):
    return t.diagonal_scatter(x.reshape(2, 3), x[:2] * 2, 1)


PROGRAMS = [
    strided_of_a_transpose, strided_of_a_part, strided_from_the_start_of_the_memory,
    strided_of_strided, windows_of_every_kind, writes_through_steps, writes_through_windows,
    writes_below_steps, turns_in_place, scatters_a_diagonal,
]  # fmt: skip
VALUES = np.arange(1, 7, dtype="float32")


def results(program, t, x):
    out = program(t, x)
    out = out if isinstance(out, tuple) else (out,)
    total = sum((o * o).sum() for o in out if isinstance(o, t.Tensor))
    return [*out, *t.autograd.grad(total, x)]


# What needs a view of the memory in other steps.
NEEDS_VIEWS = (
    strided_of_strided, writes_through_steps, writes_through_windows, writes_below_steps,
    turns_in_place,
)  # fmt: skip


@pytest.mark.oracle
@pytest.mark.parametrize("program", PROGRAMS)
def test_as_pytorch(program, device):
    if program in NEEDS_VIEWS and device.startswith("strict"):
        pytest.skip(f"{device} can be written to and shows its memory in no other steps")
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
    expected = results(program, torch, torch.tensor(VALUES, requires_grad=True))
    found = results(program, xg, tensor(resolve(device), VALUES, requires_grad=True))
    for a, b in zip(found, expected, strict=True):
        if isinstance(b, torch.Tensor):
            np.testing.assert_array_equal(host(a), b.detach().numpy())
        else:
            assert a == b


# ------------------------------------------------------------------ memory


def test_views_show_the_memory_where_the_library_can():
    x = xg.arange(6.0)
    for view in (
        x.as_strided((2, 2), (1, 2)),
        x.unfold(0, 2, 1),
        x.reshape(2, 3).t().unfold(0, 2, 1),
    ):
        assert view._is_view()
        assert np.shares_memory(view._data, x._data)


def test_what_lies_outside_is_a_copy_without_a_gradient():
    base = xg.arange(6.0)
    x = base[2:4].detach().requires_grad_()
    seen = x.as_strided((4,), (1,), 1)
    assert seen.tolist() == [1.0, 2.0, 3.0, 4.0]
    assert not seen._is_view()
    (g,) = xg.autograd.grad(seen.sum(), x)
    assert g.tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: x.as_strided((2,), (-1,)), "Negative strides are not supported"),
        (lambda x: x.as_strided((2, 2), (1,)), "mismatch in length of strides and shape"),
        (lambda x: x.as_strided((7,), (1,)), r"setStorage: sizes \[7\], strides \[1\]"),
        (lambda x: x.as_strided((2,), (1,), -1), "invalid storage offset -1"),
        (lambda x: x.unfold(0, 7, 1), "maximum size for tensor at dimension 0 is 6 but size is 7"),
        (lambda x: x.unfold(0, 2, 0), "step is 0 but must be > 0"),
        (lambda x: x.unfold(0, -1, 1), "size is -1 but must be >= 0"),
        (lambda x: xg.as_strided_scatter(x, x[:2], (3,), (1,)), "src to have a size equal"),
    ],
)
def test_errors(call, message, device):
    with pytest.raises(RuntimeError, match=message):
        call(tensor(resolve(device), VALUES))


def test_a_leaf_is_not_turned_in_place():
    x = xg.ones(4, requires_grad=True)
    with pytest.raises(GradientError, match="leaf Variable"):
        x.as_strided_((2,), (2,))


def test_steps_within_a_batch():
    x = xg.arange(12.0).reshape(2, 6)
    found = xg.vmap(lambda row: row.reshape(2, 3).t().as_strided((2,), (2,), 1))(x)
    assert found.tolist() == [[1.0, 3.0], [7.0, 9.0]]
