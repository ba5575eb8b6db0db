"""The op decorator and the engine's inner workings: what is saved, whose memory is added into."""

from __future__ import annotations

import numpy as np
import pytest

import xpgrad as xg
from xpgrad import backward as engine
from xpgrad.graph import FREED, AccumulateGrad, Bundle, Output
from xpgrad.op import OPS, named, op
from xpgrad.ops import elementwise
from xpgrad.ops.reductions import sum as total

BIG = engine.SMALL * 2  # elements: enough for the engine to think about reusing memory


@pytest.fixture(autouse=True)
def _forget_sample_ops():
    before = dict(OPS)
    yield
    OPS.clear()
    OPS.update(before)


def leaf(values, **options) -> xg.Tensor:
    return xg.tensor(values, requires_grad=True, **options)


# ------------------------------------------------------------------ declaring an op


def test_every_input_needs_a_rule_or_none():
    with pytest.raises(TypeError, match=r"'sample' takes \('x', 'y'\) and has rules for \('x',\)"):

        @op(x=lambda g: g)
        def sample(xp, x, y, /):
            return x + y


def test_a_rule_for_no_input_is_refused():
    with pytest.raises(TypeError, match="needs a rule or an explicit None"):

        @op(x=lambda g: g, z=lambda g: g)
        def sample(xp, x, /):
            return x


def test_a_rule_asks_only_for_what_there_is():
    with pytest.raises(TypeError, match=r"the rule of op 'sample' for 'x' asks for axes; it can"):

        @op(x=lambda g, axes: g)
        def sample(xp, x, /, *, axis=None):
            return x


def test_two_ops_of_one_name_are_refused():
    with pytest.raises(TypeError, match="an op 'multiply' already"):

        @op(x=None)
        def multiply(xp, x, /):
            return x


def test_names_of_nodes():
    @op(x=lambda g: g)
    def two_words(xp, x, /):
        return x

    assert two_words(leaf(1.0)).grad_fn.name() == "TwoWordsBackward0"
    assert named(two_words, "OtherBackward1")(leaf(1.0)).grad_fn.name() == "OtherBackward1"


def test_settings_reach_rules_given_or_not():
    @op(x=lambda g, factor: g * factor)
    def scaled_by(xp, x, /, *, factor=3.0):
        return x * factor

    for settings, expected in (({}, 3.0), ({"factor": 5.0}, 5.0)):
        x = leaf(2.0)
        scaled_by(x, **settings).backward()
        assert x.grad.item() == expected


def test_an_input_without_rule_says_so_in_backward():
    @op(x=None, y=lambda g: g)
    def half(xp, x, y, /):
        return x + y

    x, y = leaf(1.0), leaf(2.0)
    with pytest.raises(NotImplementedError, match="the derivative for 'half: x' is not impl"):
        half(x, y).backward()
    assert x.grad is None
    assert y.grad is None
    half(x.detach(), y).backward()
    assert y.grad.item() == 1.0


# ------------------------------------------------------------------ what a node saves


def test_only_what_wanted_rules_name_is_saved():
    x, y = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    both = (x * y).grad_fn.saved
    assert both[0] is x._data
    assert both[1] is y._data
    assert both[2] is None
    one = (x * y.detach()).grad_fn.saved  # only y is read for x's gradient
    assert one[0] is None
    assert one[1] is y._data
    assert (x + y).grad_fn.saved is None
    out = elementwise.exp(x)
    assert out.grad_fn.saved[0] is None
    assert out.grad_fn.saved[1] is out._data


def test_saved_values_go_after_backward():
    x = leaf([1.0, 2.0])
    y = elementwise.exp(x)
    total(y).backward()
    assert y.grad_fn.saved is FREED
    z = elementwise.exp(x)
    total(z).backward(retain_graph=True)
    assert z.grad_fn.saved is not FREED


def three():
    @op(
        x=lambda g, y: g * y,
        y=lambda g, x, scale: g * x * scale,
        z=lambda g, out: g * out,
    )
    def mixed(xp, x, y, z=None, /, *, scale=1.0):
        return x * y * scale if z is None else x * y * scale + z

    return mixed


def test_of_three_inputs_only_what_wanted_rules_name_is_saved():
    mixed = three()
    x, y, z = leaf([2.0]), leaf([3.0]), leaf([5.0])
    every = mixed(x, y, z)
    assert every.grad_fn.saved == (x._data, y._data, None, every._data)
    only_x = mixed(x, y.detach(), z.detach()).grad_fn.saved
    assert only_x == (None, y._data, None, None)
    only_z = mixed(x.detach(), y.detach(), z)
    assert only_z.grad_fn.saved == (None, None, None, only_z._data)


@pytest.mark.parametrize("third", [(), (None,)], ids=["absent", "none"])
def test_the_third_input_may_be_missing(third):
    x, y = leaf([2.0]), leaf([3.0])
    out = three()(x, y, *third, scale=10.0)
    out.backward()
    assert (out.item(), x.grad.item(), y.grad.item()) == (60.0, 3.0, 20.0)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_inference_tensors_are_not_saved(place):
    @op(
        x=lambda g, x, y, z: g,
        y=lambda g, x, y, z: g,
        z=lambda g, x, y, z: g,
    )
    def needs_all(xp, x, y, z, /):
        return x + y + z

    with xg.inference_mode():
        made = xg.ones(1)
    inputs = [leaf([1.0]) for _ in range(3)]
    inputs[place] = made
    with pytest.raises(RuntimeError, match="Inference tensors cannot be saved for backward"):
        needs_all(*inputs)


# ------------------------------------------------------------------ whose memory


def test_reference_counts_were_understood():
    # On an interpreter that counts otherwise nothing breaks, yet every sum takes new memory.
    key = AccumulateGrad(xg.tensor(1.0))
    grads = {key: np.ones(BIG)}
    address = grads[key].ctypes.data
    engine._add_into(grads, key, np.ones(BIG), xg.tensor(1.0)._ns)
    assert grads[key].ctypes.data == address
    assert engine._take({key: np.ones(3)})[2] == engine._SOLE


@pytest.mark.parametrize("holder", ["name", "view"])
def test_shared_memory_is_never_added_into(holder):
    key = AccumulateGrad(xg.tensor(1.0))
    mine = np.ones(BIG)
    held = mine if holder == "name" else mine[:]
    grads = {key: held}
    engine._add_into(grads, key, np.ones(BIG), xg.tensor(1.0)._ns)
    assert mine.max() == 1.0
    assert grads[key].min() == 2.0


def test_sums_share_no_memory():
    a, b = leaf(np.ones(BIG)), leaf(np.ones(BIG))
    g = xg.tensor(np.ones(BIG))
    (a + b).backward(g)
    arrays = [a.grad._data, b.grad._data, g._data]
    for i, x in enumerate(arrays):
        for y in arrays[i + 1 :]:
            assert not np.shares_memory(x, y)


def test_a_used_gradient_is_not_overwritten_by_later_sums():
    seen = []
    x = leaf(np.ones(BIG))
    y = x + x.detach()  # passes its gradient on as it is
    y.register_hook(lambda g: seen.append(g))
    z = (y * 2.0) + (y * 3.0) + x + x + y
    z.backward(xg.tensor(np.ones(BIG)))
    assert x.grad._data.min() == x.grad._data.max() == 8.0
    assert seen[0]._data.min() == seen[0]._data.max() == 6.0


def test_a_rule_may_return_what_was_saved():
    @op(x=lambda g, y: y, y=None)
    def odd(xp, x, y, /):
        return x * 1.0

    x, y = leaf(np.ones(BIG)), xg.tensor(np.full(BIG, 3.0))
    z = odd(x, y) + odd(x, y) + odd(x, y)
    z.backward(xg.tensor(np.ones(BIG)))
    assert x.grad._data.max() == 9.0
    assert y._data.max() == 3.0
    w = leaf(np.ones(BIG))
    odd(w, y).backward(xg.tensor(np.ones(BIG)))
    assert not np.shares_memory(w.grad._data, y._data)


# ------------------------------------------------------------------ several outputs


def pieces():
    @op(outputs=2, x=lambda gs, out, xp: _join(gs, out, xp))
    def two(xp, x, /):
        return xp.exp(x), x * x

    def _join(gs, out, xp):
        e, s = gs
        total = e * out[0] if e is not None else None
        if s is not None:
            part = s * 2.0 * xp.log(out[0])
            total = part if total is None else total + part
        return total

    return two


def test_gradients_of_several_outputs():
    two = pieces()
    x = leaf(1.5, dtype=xg.float64)
    e, s = two(x)
    assert e.grad_fn is s.grad_fn
    assert (e.output_nr, s.output_nr) == (0, 1)
    s.backward(retain_graph=True)
    assert x.grad.item() == pytest.approx(3.0)
    (e + s * s + e).backward()
    assert x.grad.item() == pytest.approx(3.0 + 2 * np.exp(1.5) + 4 * 1.5**3)


def test_second_order_through_several_outputs():
    two = pieces()
    x = leaf(1.5, dtype=xg.float64)
    e, s = two(x)
    node = x._node
    seeds = engine.seeds((e * s,), [None], create_graph=True)
    g = engine.run(seeds, retain_graph=True, create_graph=True)[node]
    h = engine.run(engine.seeds((g,), [None], True), retain_graph=True, create_graph=True)[node]
    assert g.item() == pytest.approx(np.exp(1.5) * (1.5**2 + 3))
    assert h.item() == pytest.approx(np.exp(1.5) * (1.5**2 + 4 * 1.5 + 2))


def test_bundles_merge_by_output():
    merged = Bundle({0: 1.0}) + Bundle({1: 2.0}) + Bundle({0: 3.0})
    assert merged.parts == {0: 4.0, 1: 2.0}


def test_outputs_are_invisible():
    two = pieces()
    e, _ = two(leaf(1.0))
    assert isinstance(e._node, Output)
    assert e.grad_fn.name() == "TwoBackward0"
    ((node, number),) = (e * 2.0).grad_fn.next_functions[:1]
    assert node is e.grad_fn
    assert number == 0


@pytest.mark.parametrize("wrong", [(), (2, 2), (2,)], ids=str)
def test_a_gradient_of_another_shape_is_refused(wrong):
    @op(x=lambda g, xp: xp.zeros(wrong, dtype=g.dtype))
    def off(xp, x, /):
        return x * 1.0

    x = leaf([[1.0], [2.0], [3.0]])
    with pytest.raises(RuntimeError, match="OffBackward0 returned an invalid gradient at index 0"):
        off(x).backward(xg.ones(3, 1))
    assert x.grad is None


@pytest.mark.parametrize("shape", [(), (1,), (4,), (3, 1), (1, 4), (2, 1, 4), (1, 1, 1)], ids=str)
def test_broadcasting_is_undone(shape):
    x = leaf(np.full(shape, 2.0))
    (x * xg.ones(2, 3, 4, dtype=xg.float64)).backward(xg.ones(2, 3, 4, dtype=xg.float64))
    assert tuple(x.grad.shape) == shape
    assert x.grad._data.min() == x.grad._data.max() == 24 / max(np.prod(shape), 1)
