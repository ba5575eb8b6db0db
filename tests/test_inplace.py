"""In-place operations: values, history, versions, what is refused, and what a write invalidates."""

import copy
import gc

import numpy as np
import pytest

import xpgrad as xg
from namespaces import has_dtype, host, tensor
from xpgrad import versions
from xpgrad.door.inplace import TABLE
from xpgrad.errors import GradientError
from xpgrad.registry import resolve
from xpgrad.tensor import Tensor, wrap

# ------------------------------------------------------------------ PyTorch's programs

# After `a = x * 1` (2 × 3); `v` is a leaf of three, `s` a leaf of one, `n` a leaf of 1 × 3.
PROGRAMS = """
a.add_(1); a.add_(v); a.add_(v, alpha=2); a.sub_(v, alpha=0.5); a.mul_(v); a.mul_(2); a.div_(v)
a.div_(v, rounding_mode="floor"); a.pow_(2); a.pow_(3.0); a += 1; a -= v; a *= n; a /= s; a **= 2
a %= 2; a.neg_(); a.exp_(); a.sigmoid_(); a.tanh_(); a.relu_(); a.abs_(); a.square_()
a.sin_(); a.cos_(); a.floor_(); a.ceil_(); a.round_(); a.trunc_(); a.sign_(); a.remainder_(2)
a.fmod_(2); a.clamp_(1, 3); a.clamp_(min=2); a.clamp_min_(1); a.clamp_max_(3); a.clip_(0, 1)
a.add_(1).sqrt_(); a.add_(1).rsqrt_(); a.add_(1).log_(); a.add_(1).reciprocal_(); a.expm1_()
a.log1p_(); a.sinh_(); a.erf_(); a.zero_(); a.fill_(2.0); a.fill_(s); a.copy_(v); a.copy_(y)
a.copy_(d); a.add_(d); a.add_(i); a.addcmul_(v, n, value=2); a.addcdiv_(y, v, value=-1)
a.lerp_(y, 0.25); a.lerp_(y, v); a.masked_fill_(a > 2, 0.0); a.masked_fill_(b, s)
a.index_add_(1, i - 1, y); a.index_copy_(0, i[:1], n); a.index_fill_(0, i[:1], 2.0)
a.index_fill_(0, i[:1], s); a.scatter_(1, k, 3.0); a.scatter_(0, k[1:], y[:1, :2])
a.scatter_add_(1, k, y[:, :2]); a.index_put_((i[:1], i[:1]), v[:1]); a.masked_scatter_(b, y)
a.put_(t.tensor([0, 5]), v[:2]); a.atan2_(y); a.copysign_(v); a.tril_(); a.cumsum_(1); a.cumprod_(0)
a.t_(); a.transpose_(0, 1); a.unsqueeze_(0); a.squeeze_()
a.unsqueeze_(1).squeeze_(1).mul_(v); a.t_().mul_(2).t_().add_(v); a.detach_()
a.add_(v).mul_(a.sum())
a.multiply_(2); a.subtract_(1); a.negative_(); a.absolute_(); a.true_divide_(2); a.mul_(v).add_(1)
a.add_(a); a.sub_(a); a.add_(np.float64(2)); a.mul_(t.tensor(3)); a += True
"""

ERRORS = """
x.add_(1); x += 1; x.zero_(); x.copy_(y); x.t_(); x.exp_(); x.fill_(s); x[0].add_(1)
x.view(-1).mul_(2); v.add_(1); v.mul_(v); a[0].add_(y); v.detach().add_(y)
v.detach().mul_(t.ones(2, 1)); v.detach().add_(t.ones(2)); v.detach().copy_(y)
v.detach().copy_(t.ones(2)); v.detach().copy_(n)
i.add_(1.5); i /= 2; i.exp_(); i.copy_("a"); b.add_(1); a.add_(1j); i.add_(1, alpha=1.5)
a.fill_(v); a.masked_fill_(b, v); a.fill_(1j); a[0].detach_(); a.expand(2, 2, 3).add_(1)
n.detach().expand(2, 3).add_(1); n.detach().expand(2, 3).copy_(y); a.add_(None); a.add_([1, 2])
a.lerp_(y, "b"); a += "c"; a += None; v.detach().squeeze_(7); a.transpose_(0, 5); w.detach().t_()
i **= -1; a.index_add_(0, i, y); a.scatter_(0, i, 1.0); a.clamp_()
"""


def table(text):
    return [part.strip() for line in text.split("\n") for part in line.split(";") if part.strip()]


def after(program, lib):
    """What a program leaves behind: the tensor, and the gradients of all leaves."""
    from oracle import gradients, names

    found = names(lib)
    # `x` as PyTorch sees it is no view; `a` is a result.
    found["x"] = lib.tensor([[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]], requires_grad=True)
    found["a"] = found["x"] * 1
    try:
        exec(program, found)
    except Exception as error:
        return error, found
    a = found.pop("a")
    name = None if a.grad_fn is None else a.grad_fn.name().rpartition(":")[2]
    return (a.tolist(), tuple(a.shape), a._version, a.requires_grad, name), gradients(a, found, lib)


@pytest.mark.oracle
@pytest.mark.parametrize("program", table(PROGRAMS))
def test_program_is_pytorchs(program):
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
    from oracle import same

    (seen, ours), (expected, theirs) = after(program, xg), after(program, torch)
    assert not isinstance(expected, Exception), expected
    if isinstance(seen, Exception):
        raise seen
    assert same(seen, expected, 1e-5)
    assert same(list(ours.items()), list(theirs.items()), 1e-5)


@pytest.mark.oracle
@pytest.mark.parametrize("program", table(ERRORS))
def test_error_is_pytorchs_and_nothing_is_written(program):
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
    from oracle import check_error, names

    (actual, found), (expected, _) = after(program, xg), after(program, torch)
    assert isinstance(expected, Exception), "PyTorch does it"
    ours = (
        "add_(): argument",
        "exp",
        "clamp",
        "lerp",
        "scatter",
        "index_add",
        "type float",
        "t()",
        "detach views",
    )
    check_error(expected, actual, words=not any(words in str(expected) for words in ours))
    before = names(xg)
    for name, value in before.items():
        if isinstance(value, Tensor):
            assert found[name]._version == 0
            np.testing.assert_array_equal(host(found[name]), host(value))


# ------------------------------------------------------------------ each method of the table

OTHER = xg.tensor([0.5, 2.0, 1.0])
SMALL = xg.tensor([1, 0, 2])
MATRICES = ("tril", "triu", "renorm", "addmm", "addr", "addbmm", "baddbmm")
ARGUMENTS = {
    **dict.fromkeys(("pow", "float_power", "remainder", "fmod"), (2,)),
    **dict.fromkeys(("floor_divide", "true_divide"), (2,)),
    **dict.fromkeys(("eq", "ne", "lt", "le", "gt", "ge", "not_equal"), (0.5,)),
    **dict.fromkeys(("less", "less_equal", "greater", "greater_equal"), (0.5,)),
    **dict.fromkeys(("igamma", "igammac"), (OTHER,)),
    **dict.fromkeys(("mvlgamma", "polygamma"), (1,)),
    **dict.fromkeys(("bitwise_left_shift", "bitwise_right_shift", "ldexp"), (SMALL,)),
    **dict.fromkeys(("gcd", "lcm"), (xg.tensor([6, 5, 3]),)),
    **dict.fromkeys(("hypot", "atan2", "arctan2", "xlogy", "copysign", "nextafter"), (OTHER,)),
    **dict.fromkeys(("heaviside", "logical_and", "logical_or", "logical_xor"), (OTHER,)),
    **dict.fromkeys(("bitwise_and", "bitwise_or", "bitwise_xor"), (xg.tensor([6, 5, 3]),)),
    "lerp": (xg.tensor([0.5, 2.0, 1.0]), 0.3),
    "clamp": (0.3, 0.6),
    "clip": (0.3, 0.6),
    "clamp_min": (0.5,),
    "clamp_max": (0.5,),
    "cumsum": (0,),
    "cumprod": (0,),
    "masked_fill": (xg.tensor([True, False, True]), 2.0),
    "masked_scatter": (xg.tensor([True, False, True]), xg.tensor([5.0, 6.0])),
    "index_add": (0, xg.tensor([0, 0]), xg.tensor([5.0, 6.0])),
    "index_copy": (0, xg.tensor([0, 2]), xg.tensor([5.0, 6.0])),
    "index_fill": (0, xg.tensor([0, 2]), 3.0),
    "index_put": ((xg.tensor([0, 2]),), xg.tensor([5.0, 6.0])),
    "scatter": (0, xg.tensor([0, 2]), xg.tensor([5.0, 6.0])),
    "scatter_add": (0, xg.tensor([0, 0]), xg.tensor([5.0, 6.0])),
    "put": (xg.tensor([0, 2]), xg.tensor([5.0, 6.0])),
    "scatter_reduce": (0, xg.tensor([0, 0]), xg.tensor([5.0, 6.0]), "prod"),
    "index_reduce": (0, xg.tensor([0, 0]), xg.tensor([5.0, 6.0]), "mean"),
    "renorm": (2, 0, 0.5),
    "addmm": (xg.ones(2, 2), xg.ones(2, 3)),
    "addmv": (xg.ones(3, 2), xg.ones(2)),
    "addr": (xg.ones(2), xg.ones(3)),
    "addbmm": (xg.ones(2, 2, 2), xg.ones(2, 2, 3)),
    "baddbmm": (xg.ones(1, 2, 2), xg.ones(1, 2, 3)),
}


def moved(value, ns):
    if isinstance(value, tuple):
        return tuple(moved(v, ns) for v in value)
    return tensor(ns, host(value)) if isinstance(value, Tensor) else value


@pytest.mark.parametrize("name", TABLE.split())
def test_method_is_the_function_written_back(name, ns):
    if name == "float_power" and not has_dtype(ns, "float64"):
        pytest.skip(f"{ns.device} has no float64, and float_power gives nothing else")
    args = moved(ARGUMENTS.get(name, ()), ns)
    values = np.array([[0.25, 0.75, 0.5], [0.125, 0.5, 0.875]], np.float32)
    if name.startswith("bitwise") or name in ("gcd", "lcm"):
        values = np.array([4, 5, 6])
    elif name not in MATRICES:
        values = values[0]
    elif name == "baddbmm":
        values = values[None]
    if name in ("acosh", "arccosh"):
        values = values + 1
    x = tensor(ns, values)
    shown, alias = x[...], x.detach()
    given = tensor(ns, values)
    expected = getattr(given, name)(*args)
    assert getattr(x, f"{name}_")(*args) is x
    assert x._version == 1
    assert x.dtype is given.dtype
    for t in (x, shown, alias):
        np.testing.assert_array_equal(host(t), host(expected.to(given.dtype)))
    assert alias._version == shown._version == 1
    if not given.dtype.is_differentiable or not expected.dtype.is_differentiable:
        return
    if name.startswith("igamma"):
        return  # which has no derivative for what it is called on
    gradients = []
    for method in (name, f"{name}_"):
        leaf = tensor(ns, values, requires_grad=True)
        y = getattr(leaf * 1, method)(*args)
        if y.requires_grad:
            (y * y).sum().backward()
        gradients.append(np.zeros(values.shape) if leaf.grad is None else host(leaf.grad))
    np.testing.assert_allclose(*gradients, rtol=1e-6)


# ------------------------------------------------------------------ straight to the array


def test_optimizer_steps_work_in_place():
    """The array stays the array, and nothing but the arithmetic is done."""
    w = xg.tensor([1.0, 2.0], requires_grad=True)
    g = xg.tensor([0.5, -0.5])
    memory = w._data
    with xg.no_grad():
        w -= 0.1 * g
        w += g
        w *= 2
        w /= 4
        w.add_(g, alpha=-0.5)
        w.sub_(g)
        w.mul_(g).div_(0.5)
        w.addcmul_(g, g, value=2)
        w.addcdiv_(g, g)
        w.copy_(g)
        w.fill_(3)
        w.zero_()
    assert w._data is memory
    assert w._version == 13
    assert w.is_leaf
    assert w.requires_grad


def test_written_once_where_warnings_are_errors():
    x = xg.tensor([1e38, 2.0])
    x *= 10
    assert x.tolist() == [float("inf"), 20.0]
    x = xg.tensor([1.0, 2.0])
    x /= xg.tensor([0.0, 2.0])
    assert x.tolist() == [float("inf"), 1.0]
    x = xg.tensor([1.0, 2.0])
    x.addcdiv_(xg.ones(2), xg.tensor([0.0, 2.0]))
    assert x.tolist() == [float("inf"), 2.5]


def test_operands_that_show_the_same_memory(ns):
    """As if the operand had been copied first; PyTorch refuses most of these."""
    start = np.arange(9, dtype=np.float32).reshape(3, 3)

    def check(change, expected):
        x = tensor(ns, start)
        change(x)
        np.testing.assert_allclose(host(x), expected)

    check(lambda x: x.add_(x.t()), start + start.T)
    check(lambda x: x.sub_(x[0]), start - start[0])
    check(lambda x: x.mul_(x), start * start)
    check(lambda x: x.copy_(x.t()), start.T)
    check(lambda x: x.__setitem__(slice(1, None), x[:-1]), start[[0, 0, 1]])
    check(lambda x: x.__setitem__([0, 1], x[1:]), start[[1, 2, 2]])
    check(lambda x: x.detach().add_(x.t()), start + start.T)
    x = tensor(ns, np.array([2.0, 3.0], np.float32), requires_grad=True)
    y = x * 1
    y.mul_(y[0])
    y.sum().backward()
    np.testing.assert_allclose(host(x.grad), [7.0, 2.0])


def test_mixed_dtypes_and_devices():
    x = xg.ones(2)
    assert x.add_(xg.ones(2, dtype=xg.float64)).dtype is xg.float32
    assert x.mul_(xg.tensor([2, 3])).tolist() == [4.0, 6.0]
    assert xg.tensor([1, 2]).add_(True).tolist() == [2, 3]
    there = tensor(resolve("strict:1"), np.zeros(2, np.float32))
    assert there.copy_(x).tolist() == [4.0, 6.0]
    assert there.device == xg.device("strict:1")
    with pytest.raises(RuntimeError, match="same device"):
        there.add_(x)
    with pytest.raises(RuntimeError, match="without overflow"):
        xg.zeros(2, dtype=xg.int8).fill_(300)


def test_read_only_memory():
    frozen = np.ones(3, np.float32)
    frozen.flags.writeable = False
    x = wrap(frozen, resolve("cpu"))
    for write in (x.zero_, lambda: x.add_(1), lambda: x.exp_(), lambda: x.__setitem__(0, 1.0)):
        with pytest.raises(RuntimeError, match="read-only"):
            write()
        assert x.tolist() == [1.0, 1.0, 1.0]
        assert x._version == 0


# ------------------------------------------------------------------ random contents


@pytest.mark.parametrize(
    ("fill", "low", "high", "mean"),
    [
        (lambda x: x.uniform_(), 0, 1, 0.5),
        (lambda x: x.uniform_(-2, 4), -2, 4, 1),
        (lambda x: x.normal_(), -9, 9, 0),
        (lambda x: x.normal_(5, 0.5), 0, 10, 5),
        (lambda x: x.bernoulli_(0.25), 0, 1, 0.25),
        (lambda x: x.bernoulli_(x * 0 + 0.75), 0, 1, 0.75),
        (lambda x: x.random_(10), 0, 9, 4.5),
        (lambda x: x.random_(5, 7), 5, 6, 5.5),
        (lambda x: x.exponential_(2), 0, 20, 0.5),
    ],
)
def test_random_contents(fill, low, high, mean, ns):
    x = tensor(ns, np.zeros(2000, np.float32))
    assert fill(x) is x
    assert x._version == 1
    values = host(x)
    assert low <= values.min()
    assert values.max() <= high
    assert abs(values.mean() - mean) < 0.2
    xg.manual_seed(3)
    first = host(fill(x * 0))
    xg.manual_seed(3)
    np.testing.assert_array_equal(host(fill(x * 0)), first)


def test_random_contents_forget_the_history():
    x = xg.ones(3, requires_grad=True)
    y = (x * 2).normal_()
    assert y.grad_fn.name() == "NormalBackward0"
    y.sum().backward()
    assert x.grad.tolist() == [0.0, 0.0, 0.0]
    with pytest.raises(RuntimeError, match="leaf Variable"):
        x.uniform_()
    with pytest.raises(RuntimeError, match="std >= 0"):
        xg.zeros(2).normal_(0, -1)


def test_random_integers_fill_any_dtype():
    for dtype in (xg.int64, xg.uint8, xg.bool, xg.float32):
        x = xg.zeros(100, dtype=dtype).random_()
        assert x.dtype is dtype
        assert len(set(x.tolist())) > 1


# ------------------------------------------------------------------ saved, then written to


def stale(expected, found):
    return pytest.raises(
        RuntimeError, match=f"at version {found}; expected version {expected} instead"
    )


def result():
    leaf = xg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    return leaf, leaf * 2


def test_writing_to_what_was_saved(ns):
    def program(write, saved=0):
        leaf = tensor(ns, np.array([1.0, 2.0, 3.0], np.float32), requires_grad=True)
        x = leaf * 2
        part = x[1:]
        y = (x * x).sum() + part.exp().sum() * saved
        write(x, part)
        return y

    writes = [
        lambda x, part: x.add_(1), lambda x, part: part.mul_(2), lambda x, part: x.detach().zero_(),
        lambda x, part: x.__setitem__(0, 5.0), lambda x, part: part.__setitem__(0, 5.0),
        lambda x, part: part[1:].zero_(), lambda x, part: x[0].detach().fill_(3),
        lambda x, part: x.view(3, 1).neg_(), lambda x, part: x.detach()[1:].neg_(),
    ]  # fmt: skip
    for write in writes:
        with stale(0, 1):
            program(write).backward()
    program(lambda x, part: x.data.add_(1)).backward()  # nobody knows
    program(lambda x, part: x.clone().add_(1)).backward()
    program(lambda x, part: (x + 1).add_(1)).backward()


def test_versions_in_the_message():
    _, x = result()
    x.add_(1).add_(1)
    y = x * x
    x.add_(1)
    x.add_(1)
    with stale(2, 4):
        y.sum().backward()


def test_a_result_saved_in_place():
    leaf, x = result()
    x.exp_().sum().backward()
    np.testing.assert_allclose(leaf.grad.tolist(), 2 * np.exp([2.0, 4.0, 6.0]), rtol=1e-6)
    leaf, x = result()
    x.exp_().exp_()
    with stale(1, 2):
        x.sum().backward()
    leaf, x = result()
    x.sigmoid_()[0] = 3.0
    with stale(1, 2):
        x.sum().backward()
    leaf, x = result()
    x.mul_(3).add_(1).neg_().sum().backward()  # these save nothing of x
    assert leaf.grad.tolist() == [-6.0, -6.0, -6.0]


def test_a_result_that_no_rule_wants_is_not_saved():
    leaf, x = result()
    y = x / 2.0
    y += 1
    z = x**2
    z += 1
    (y + z).sum().backward()
    assert leaf.grad.tolist() == [9.0, 17.0, 25.0]


def marks(write):
    """Whether a write makes backward look at what was saved before."""
    before = versions.last_write
    write()
    return versions.last_write != before


@pytest.mark.parametrize(
    "write",
    [
        "mul_(2)", "add_(y, alpha=2)", "zero_()", "fill_(2.0)", "copy_(y)", "sin_()",
        "addcmul_(y, y)", "__setitem__(0, 1.0)", "__setitem__(slice(2), xg.ones(2))",
        "clamp_(0, 1)", "masked_fill_(y > 0, 1.0)", "index_add_(0, xg.tensor([0]), y[:1])",
    ],
)  # fmt: skip
def test_only_memory_that_somebody_else_holds_is_marked(write):
    x, y = xg.ones(5), xg.ones(5)
    run = compile(f"x.{write}", "write", "eval")
    version = x._version
    assert not marks(lambda: eval(run, {"x": x, "y": y, "xg": xg}))
    assert x._version == version + 1
    leaf = xg.ones(5, requires_grad=True)
    for hold in (lambda: x.detach(), lambda: x[1:], lambda: x.numpy(), lambda: leaf * x,
                 lambda: x.view(5, 1).mT, lambda: memoryview(x.numpy()), lambda: [x._data],
                 lambda: (leaf[1:] * x[1:]).exp()):  # fmt: skip
        held = hold()
        assert marks(lambda: eval(run, {"x": x, "y": y, "xg": xg})), hold
        del held


def suspected(hold):
    """Whether backward looks at what it saved, after a write to memory that `hold` shows, too."""
    leaf = xg.ones(5, requires_grad=True)
    memory = xg.ones(5) * 2
    y = (leaf * leaf).exp().sum()
    held = hold(memory, leaf)
    memory.add_(1)
    y.backward()
    del held
    before, versions.last_write = versions.last_write, 0  # for the next
    return before != 0


def unbound(x, leaf):
    return x.unbind(), x.view(5, 1).mT[0, 1:], x.detach()[2:].view(-1, 1)


@pytest.mark.parametrize(
    "hold",
    [
        lambda x, leaf: x[1:],
        lambda x, leaf: x.detach(),
        lambda x, leaf: [x.detach() for _ in range(40)],
        lambda x, leaf: [x[1:] for _ in range(40)],
        lambda x, leaf: xg.nn.Parameter(x),
        lambda x, leaf: xg.nn.Parameter(x)[1:].detach(),
        lambda x, leaf: x.data,
        lambda x, leaf: copy.copy(x),
        lambda x, leaf: leaf + x,
        lambda x, leaf: (leaf * x.clone(), x[0]),
        unbound,
    ],
)
def test_memory_that_only_tensors_show_is_not_looked_for(hold):
    versions.last_write = 0
    versions.written.clear()
    if hold.__code__.co_names == ("data",):  # has a counter of its own, which nobody knows of
        assert suspected(hold)
    else:
        assert not suspected(hold)


@pytest.mark.parametrize(
    "hold",
    [
        lambda x, leaf: leaf * x,
        lambda x, leaf: leaf * x.detach(),
        lambda x, leaf: (leaf[1:] * x[1:]).exp(),
        lambda x, leaf: (leaf[1:] * x.detach()[1:], x[1:], x[2:]),
        lambda x, leaf: leaf.index_add(0, xg.tensor([0]), x[:1]) * x.view(5),
        lambda x, leaf: x.numpy(),
        lambda x, leaf: x.numpy()[2:],
        lambda x, leaf: memoryview(x.detach().numpy()),
        lambda x, leaf: [x._data],
        lambda x, leaf: (x._data[1:], x[2:]),
    ],
)
def test_memory_that_others_show_is_looked_for(hold):
    versions.last_write = 0
    versions.written.clear()
    assert suspected(hold)


def test_an_older_write_is_looked_for_when_it_matters():
    """Writes are judged as backward comes to nodes that are older than they."""
    leaf, saved, shown = xg.ones(3, requires_grad=True), xg.ones(3), xg.ones(3)
    z = leaf * saved
    saved.add_(1)
    z = z.exp()
    view = shown[1:]
    shown.add_(1)
    with pytest.raises(GradientError, match="is at version 1; expected version 0"):
        z.sum().backward()
    assert leaf.grad is None
    z = (leaf * leaf).sum()
    view.add_(1)
    z.backward()
    assert leaf.grad.tolist() == [2.0, 2.0, 2.0]


def test_a_write_through_data_is_noticed_by_nobody():
    """Not even where what `.data` gave was saved itself: there PyTorch raises."""
    w, x = xg.ones(2, requires_grad=True), xg.ones(2)
    d = x.data
    y = w * d
    d.mul_(3)
    y.sum().backward()
    assert w.grad.tolist() == [3, 3]


def test_running_statistics_and_steps_leave_no_marks():
    layer, x = xg.nn.BatchNorm1d(4), xg.ones(8, 4, requires_grad=True)
    steps = [xg.optim.SGD([x], 0.1, momentum=0.9), xg.optim.SGD([x], 0.1)]
    assert not marks(lambda: layer(x))
    (x * x).sum().backward()
    assert not marks(lambda: (x * x).sum().backward())
    for step in (*steps, *steps):
        assert not marks(step.step)


def test_marks_outlive_neither_memory_nor_tensors():
    """Memory that was written to, freed and used again by another tensor is as good as new."""
    leaf = xg.ones(1000, requires_grad=True)
    written = xg.ones(1000)
    for _ in range(50):
        scratch = xg.zeros(1000)
        scratch.add_(1)
        # The counter goes on with the tensor, on other memory.
        written.data = scratch.clone()
        written.add_(1)
        del scratch
        y = (leaf * 2) * (leaf * 3)
        written.add_(1)
        y.sum().backward()
    gc.collect()


def test_grad_accumulates_in_place_and_counts():
    x = xg.ones(2, requires_grad=True)
    (x * 2).sum().backward()
    g, seen = x.grad, x.grad.detach()
    (x * 3).sum().backward()
    assert x.grad is g
    assert seen.tolist() == [5.0, 5.0]
    assert g._version == 1


def test_a_silent_counter_leaves_no_mark():
    x = xg.ones(2)
    before = versions.last_write
    x.data.add_(1)
    assert versions.last_write == before
    assert x._version == 0


# ------------------------------------------------------------------ one memory, many tensors


def test_everything_that_shows_the_memory_follows(ns):
    x = tensor(ns, np.zeros((2, 3), np.float32))
    row, column, flat = x[0], x[:, 1], x.reshape(6)
    alias, data, deep = x.detach(), x.data, x[1][1:][0]
    tensors = [x, row, column, flat, alias, data, deep]
    for i, t in enumerate(tensors):
        t.add_(i + 1)
    expected = np.zeros((2, 3), np.float32)
    views = [
        expected, expected[0], expected[:, 1], expected.reshape(6), expected, expected,
        expected[1, 1:2].reshape(()),
    ]  # fmt: skip
    for i, v in enumerate(views):
        v += i + 1
    for t, v in zip(tensors, views, strict=True):
        np.testing.assert_array_equal(host(t), v)
    versions = [t._version for t in tensors]
    assert versions == [6, 6, 6, 6, 6, 1, 6]


def test_one_of_several_views(ns):
    x = tensor(ns, np.zeros((2, 3), np.float32))
    first, second = x.unbind(0)
    first.add_(1)
    second[0] = 5
    np.testing.assert_array_equal(host(x), [[1, 1, 1], [5, 0, 0]])
    with pytest.raises(RuntimeError, match="output of a function that returns multiple views"):
        first.add_(tensor(ns, np.ones(3, np.float32), requires_grad=True))
    y = tensor(ns, np.ones((2, 3), np.float32), requires_grad=True) * 1
    for row in y:
        with pytest.raises(RuntimeError, match=r"Output . of Unbind is a view and is being"):
            row += 1


def test_part_of_the_base_in_many_steps():
    leaf = xg.arange(24.0).reshape(2, 3, 4).clone().requires_grad_()
    a = leaf * 1
    part = a.transpose(0, 2)[1:].reshape(3, 3, 2) if False else a.transpose(0, 2)[1:][:, 0]
    part.mul_(3)
    a[1].t()[2].add_(part[0, 0])
    a.sum().backward()
    expected = np.ones((2, 3, 4), np.float32)
    expected[:, 0, 1:] = 3
    expected[0, 0, 1] += 3 * 3
    np.testing.assert_array_equal(leaf.grad.tolist(), expected)


def test_real_part_of_a_complex_tensor():
    leaf = xg.tensor([1 + 2j, 3 - 1j], requires_grad=True)
    z = leaf * 1
    if z.real._base is None:
        pytest.skip("the real part is no view here")
    z.real.mul_(3)
    assert z.tolist() == [3 + 2j, 9 - 1j]
    (z * z.conj()).real.sum().backward()
    np.testing.assert_allclose(leaf.grad.tolist(), [18 + 4j, 54 - 2j])


def test_parts_of_complex_gradients_written_to(ns):
    """The gradient of what was there before a write to one part is the other part."""
    if not has_dtype(ns, "complex128"):
        pytest.skip(f"{ns} has no complex128")
    for name, left in (("real", [2j, -1j]), ("imag", [1, 3])):
        leaf = tensor(ns, np.array([1 + 2j, 3 - 1j]), requires_grad=True)
        more = tensor(ns, np.array([0.5, 0.25]), requires_grad=True)
        z = leaf * 1
        part = getattr(z, name)
        part.copy_(more)
        assert [abs(v) for v in host(getattr(z, name))] == [0.5, 0.25]
        z.backward(tensor(ns, np.array([1 + 2j, 3 - 1j])))
        np.testing.assert_array_equal(host(leaf.grad), left)
        expected = [1, 3] if name == "real" else [2, -1]
        np.testing.assert_array_equal(host(more.grad), expected)
    leaf = tensor(ns, np.array([3 + 4j]), requires_grad=True)
    (g,) = xg.autograd.grad(leaf.abs().sum(), leaf, create_graph=True)
    g.real.add_(tensor(ns, np.array([0.5]), requires_grad=True))
    g.backward(tensor(ns, np.array([1j])))
    np.testing.assert_allclose(host(leaf.grad), [(-12 + 9j) / 125])


def test_views_made_without_recording():
    base = xg.ones(2, 3, requires_grad=True) * 1
    with xg.no_grad():
        quiet = base[0]
    with pytest.raises(RuntimeError, match="A view was created in no_grad mode and is being"):
        quiet.add_(1)
    base.mul_(2)
    with pytest.raises(RuntimeError, match="no_grad mode and its base or another view"):
        (quiet * 1).sum().backward()
    with xg.inference_mode():
        quiet = base[1]
    assert not quiet.is_inference()
    with pytest.raises(RuntimeError, match="A view was created in inference mode and is being"):
        quiet.add_(1)


def test_inference_tensors():
    with xg.inference_mode():
        x = xg.ones(2)
        x.add_(1)
        x[0] = 5
    assert x.tolist() == [5.0, 2.0]
    for write in (lambda: x.add_(1), lambda: x.__setitem__(0, 1.0), lambda: x[0].zero_(), x.zero_,
                  lambda: x.copy_(xg.ones(2)), lambda: x.exp_()):  # fmt: skip
        with pytest.raises(RuntimeError, match="Inplace update to inference tensor outside"):
            write()
    assert x.tolist() == [5.0, 2.0]
    with pytest.raises(RuntimeError, match="do not track version counter"):
        x._version
    y = xg.ones(2)
    with xg.inference_mode():
        y.add_(1)
    assert y._version == 1


def test_retained_gradients_and_hooks():
    _, x = result()
    part = x[0]
    x.retain_grad()
    part.retain_grad()
    seen = []
    x.register_hook(lambda g: seen.append(g.tolist()))
    x.mul_(3)
    (x.sum() + part).backward()
    assert x.grad.tolist() == [2.0, 1.0, 1.0]  # of what x is now
    assert part.grad.tolist() == 1.0
    assert seen == [[6.0, 3.0, 3.0]]  # of what it was when the hook came


def test_second_order_in_place():
    x = xg.tensor([1.0, 2.0], requires_grad=True)
    y = x * x
    y.mul_(x).add_(1).sqrt_()
    (g,) = xg.autograd.grad(y.sum(), x, create_graph=True)
    (h,) = xg.autograd.grad(g.sum(), x)
    a = np.array([1.0, 2.0])
    expected = (12 * a * (a**3 + 1) - 9 * a**4) / (4 * (a**3 + 1) ** 1.5)
    np.testing.assert_allclose(h.tolist(), expected, rtol=1e-5)


def test_nothing_leaks():
    """Written tensors, their views and their history go by reference counting alone."""
    gc.collect()
    gc.disable()
    try:
        before = len(gc.get_objects())
        for _ in range(100):
            leaf, x = result()
            part = x[1:]
            part.mul_(2)
            x[0] = part[0]
            x.t_()
            x.exp_()
            x.sum().backward()
        del leaf, x, part
        assert len(gc.get_objects()) - before < 50
    finally:
        gc.enable()


def test_views_of_a_tensor_that_was_turned(ns):
    """Each keeps its place in memory, whatever shape the others take."""
    x = tensor(ns, np.zeros((3, 2), np.float32))
    part, row = x[1:], x[0]
    part.t_()
    inner = part[0]
    x.t_()
    later = x[1]
    for i, t in enumerate((x, part, row, inner, later)):
        t.add_(10**i)
    expected = np.array([[101, 10101], [1011, 10011], [1011, 10011]])
    np.testing.assert_array_equal(host(x), expected.T)
    np.testing.assert_array_equal(host(part), expected[1:].T)
    np.testing.assert_array_equal(host(row), expected[0])
    np.testing.assert_array_equal(host(inner), expected[1:, 0])
    np.testing.assert_array_equal(host(later), expected[:, 1])
    assert {t._version for t in (x, part, row, inner, later)} == {7}
