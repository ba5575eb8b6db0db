"""`func.functional_call` and `func.stack_module_state`: against PyTorch, and ensembles."""

import warnings

import numpy as np
import pytest

import xpgrad as xg
from namespaces import host, tensor
from xpgrad import func, nn
from xpgrad.errors import GradientError, ShapeError

# ------------------------------------------------------------------ modules of either library


def modules(t):
    """A namespace of classes."""

    class Line(t.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = t.nn.Linear(2, 2)
            self.scale = t.nn.Parameter(t.tensor(2.0))
            self.register_buffer("shift", t.tensor(1.0))
            self.register_buffer("nothing", None)
            self.plain = t.tensor(5.0)
            with t.no_grad():
                self.layer.weight.copy_(t.eye(2))
                self.layer.bias.zero_()

        def forward(self, x, y=0.0):
            return self.layer(x) * self.scale + self.shift + y + self.plain

    class Counter(t.nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("written", t.tensor(0.0))
            self.register_buffer("assigned", t.tensor(0.0))
            self.fails = False

        def forward(self, x):
            self.written.add_(1)
            self.assigned = self.assigned + 1
            if self.fails:
                raise ZeroDivisionError
            return x * self.written * self.assigned

    class Tied(t.nn.Module):
        def __init__(self):
            super().__init__()
            self.a = t.nn.Linear(2, 2, bias=False)
            self.b = t.nn.Linear(2, 2, bias=False)
            self.b.weight = self.a.weight
            self.register_buffer("u", t.tensor(0.0))
            self.register_buffer("v", self.u)
            with t.no_grad():
                self.a.weight.copy_(t.eye(2))

        def forward(self):
            return self.a.weight.sum(), self.b.weight.sum(), self.u, self.v

    class Odd(t.nn.Module):
        def __init__(self):
            super().__init__()
            self.first = t.nn.Parameter(t.tensor(1.0))
            self.second = t.nn.Parameter(t.tensor(2.0))

        def forward(self, what="see"):
            if what == "replace":
                self.first = t.nn.Parameter(t.tensor(9.0))
            if what == "delete":
                del self.first
                return 0
            if what == "other":
                return self.other
            return [self.first, list(dict(self.named_parameters()))]

    return Line, Counter, Tied, Odd


def plain(value, t):
    if isinstance(value, t.Tensor):
        return value.detach().tolist()
    if isinstance(value, (tuple, list)):
        return [plain(v, t) for v in value]
    if isinstance(value, dict):
        return {k: plain(v, t) for k, v in value.items()}
    return value


def own(m):
    """What a module has."""
    return {**dict(m.named_parameters()), **dict(m.named_buffers())}


PROGRAMS = {
    "nothing": lambda t, call, Line, Counter, Tied, Odd, x: call(Line(), {}, x),
    "a tuple of arguments": lambda t, call, Line, Counter, Tied, Odd, x: call(Line(), {}, (x, 2.0)),
    "keywords": lambda t, call, Line, Counter, Tied, Odd, x: call(Line(), {}, (x,), {"y": 5.0}),
    "keywords alone": lambda t, call, Line, Counter, Tied, Odd, x: call(
        Line(), {}, None, {"x": x}
    ),
    "a parameter": lambda t, call, Line, Counter, Tied, Odd, x: call(
        Line(), {"scale": t.tensor(3.0)}, x
    ),
    "a parameter inside, a buffer": lambda t, call, Line, Counter, Tied, Odd, x: call(
        Line(), {"layer.weight": t.ones(2, 2), "shift": t.tensor(7.0)}, x
    ),
    "a plain attribute": lambda t, call, Line, Counter, Tied, Odd, x: [
        m := Line(), call(m, {"plain": t.tensor(7.0)}, x), m.plain
    ][1:],
    "an attribute that is not there": lambda t, call, Line, Counter, Tied, Odd, x: [
        m := Odd(), call(m, {"other": t.tensor(7.0)}, ("other",)), hasattr(m, "other")
    ][1:],
    "a buffer of None": lambda t, call, Line, Counter, Tied, Odd, x: call(
        Line(), {"nothing": t.tensor(1.0), "scale": None if t is None else t.tensor(1.0)}, x
    ),
    "several dicts": lambda t, call, Line, Counter, Tied, Odd, x: call(
        Line(), [{"scale": t.tensor(3.0)}, {"shift": t.tensor(7.0)}], x
    ),
    "what the module sees": lambda t, call, Line, Counter, Tied, Odd, x: call(
        Odd(), {"first": t.tensor(3.0)}
    ),
    "what it replaces": lambda t, call, Line, Counter, Tied, Odd, x: [
        m := Odd(),
        call(m, d := {"first": t.tensor(3.0)}, ("replace",))[0],
        dict(m.named_parameters()),
        d,
    ][1:],
    "what it deletes": lambda t, call, Line, Counter, Tied, Odd, x: [
        m := Odd(), call(m, {"first": t.tensor(3.0)}, ("delete",)), m.first
    ][1:],
    "buffers": lambda t, call, Line, Counter, Tied, Odd, x: [
        m := Counter(),
        d := {"written": t.tensor(10.0), "assigned": t.tensor(20.0)},
        call(m, d, x),
        d,
        own(m),
    ][1:],
    "buffers of several dicts": lambda t, call, Line, Counter, Tied, Odd, x: [
        d := ({"written": t.tensor(10.0)}, {"assigned": t.tensor(20.0)}),
        call(Counter(), d, x),
        d,
    ],
    "tied": lambda t, call, Line, Counter, Tied, Odd, x: [
        m := Tied(),
        call(m, {"a.weight": t.ones(2, 2)}),
        call(m, {"b.weight": t.ones(2, 2)}),
        call(m, {"u": t.ones(2)}),
        call(m, {"a.weight": w, "b.weight": w} if (w := t.ones(2, 2)) is not None else {}),
        call(m, {"a.weight": w}, tie_weights=False),
        call(m, {"a.weight": w, "b.weight": w * 2}, tie_weights=False),
        m.a.weight is m.b.weight,
    ][1:],
    "hooks": lambda t, call, Line, Counter, Tied, Odd, x: [
        m := Line(), m.register_forward_hook(lambda m, args, out: out + 100) and call(m, {}, x)
    ][1:],
    "strict": lambda t, call, Line, Counter, Tied, Odd, x: [
        call(m := Line(), own(m), x, strict=True),
        call(Tied(), {"a.weight": t.ones(2, 2), "u": x}, strict=True),
    ],
    # errors
    "strict, missing": lambda t, call, Line, Counter, Tied, Odd, x: call(
        Line(), {"scale": t.tensor(3.0)}, x, strict=True
    ),
    "strict, both": lambda t, call, Line, Counter, Tied, Odd, x: call(
        Line(), {"scale": t.tensor(3.0), "zz": x}, x, strict=True
    ),
    "strict, not tied": lambda t, call, Line, Counter, Tied, Odd, x: call(
        Tied(), {"a.weight": t.ones(2, 2), "u": x}, strict=True, tie_weights=False
    ),
    "tied, two": lambda t, call, Line, Counter, Tied, Odd, x: call(
        Tied(), {"a.weight": t.ones(2, 2), "b.weight": t.ones(2, 2)}
    ),
    "in two dicts": lambda t, call, Line, Counter, Tied, Odd, x: call(
        Line(), ({"scale": x}, {"scale": x}), x
    ),
    "no dict": lambda t, call, Line, Counter, Tied, Odd, x: call(Line(), 3, x),
    "no dicts": lambda t, call, Line, Counter, Tied, Odd, x: call(Line(), (3,), x),
    "no tensor": lambda t, call, Line, Counter, Tied, Odd, x: call(Line(), {"scale": 3.0}, x),
    "a module": lambda t, call, Line, Counter, Tied, Odd, x: call(Line(), {"layer": x}, x),
    "no tensor before": lambda t, call, Line, Counter, Tied, Odd, x: call(
        Line(), {"training": x}, x
    ),
    "no such module": lambda t, call, Line, Counter, Tied, Odd, x: call(Line(), {"q.z": x}, x),
    "an empty name": lambda t, call, Line, Counter, Tied, Odd, x: call(Line(), {"": x}, x),
    "keywords that are none": lambda t, call, Line, Counter, Tied, Odd, x: call(Line(), {}, x, 3),
}  # fmt: skip


def run(program, t):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch's own, of its own machinery
        functional_call = func.functional_call if t is xg else t.func.functional_call
        try:
            found = program(t, functional_call, *modules(t), t.tensor([1.0, 2.0]))
        except Exception as error:
            return error
    return plain(found, t)


@pytest.mark.oracle
@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_pytorch(program):
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
    expected, found = run(program, torch), run(program, xg)
    if not isinstance(expected, Exception):
        assert found == expected
        return
    assert isinstance(found, type(expected)), found
    assert str(expected).replace("torch.", "xpgrad.") in str(found)


def test_own_tensors_come_back_after_errors():
    _, Counter, _, _ = modules(xg)
    m = Counter()
    m.fails = True
    before = own(m)
    given = {"written": xg.tensor(10.0), "assigned": xg.tensor(20.0)}
    with pytest.raises(ZeroDivisionError):
        func.functional_call(m, given, xg.ones(1))
    assert all(before[name] is value for name, value in own(m).items())
    assert {name: t.item() for name, t in given.items()} == {"written": 11.0, "assigned": 21.0}


@pytest.mark.parametrize("names", [{"scale": 3.0}, {"layer": xg.ones(1)}, {"q.z": xg.ones(1)}])
def test_nothing_is_replaced_if_anything_is_wrong(names):
    Line, *_ = modules(xg)
    m = Line()
    before = own(m)
    with pytest.raises((TypeError, AttributeError)):
        func.functional_call(m, {"shift": xg.ones(1), **names}, xg.ones(2))
    assert all(before[name] is value for name, value in own(m).items())


def test_a_module_with_two_names():
    """PyTorch leaves the given tensor in the module."""
    shared = nn.Linear(1, 1, bias=False)
    m = nn.Sequential(shared, shared)
    weight = shared.weight
    for tie in (True, False):
        out = func.functional_call(
            m, {"1.weight": xg.full((1, 1), 3.0)}, xg.ones(1), tie_weights=tie
        )
        assert out.tolist() == [9.0]
        assert shared.weight is weight


def test_order_is_kept():
    *_, Odd = modules(xg)
    m = Odd()
    func.functional_call(m, {"first": xg.tensor(3.0)}, ("replace",))
    assert list(dict(m.named_parameters())) == ["first", "second"]


# ------------------------------------------------------------------ transforms


def test_gradients():
    xg.manual_seed(0)
    m, x = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1)), xg.randn(4, 2)
    parameters = {name: p.detach() for name, p in m.named_parameters()}
    found = func.grad(lambda p: func.functional_call(m, p, x).sum())(parameters)
    m(x).sum().backward()
    for name, p in m.named_parameters():
        assert np.allclose(found[name].numpy(), p.grad.numpy(), atol=1e-6)
    rows = xg.vmap(func.grad(lambda p, x: func.functional_call(m, p, x).sum()), (None, 0))(
        parameters, x
    )
    for name, p in m.named_parameters():
        assert rows[name].shape == (4, *p.shape)
        assert np.allclose(rows[name].sum(0).numpy(), p.grad.numpy(), atol=1e-5)


def test_gradients_of_the_modules_own():
    m = nn.Linear(2, 1)
    func.functional_call(m, {"bias": xg.zeros(1)}, xg.ones(3, 2)).sum().backward()
    assert m.weight.grad.tolist() == [[3.0, 3.0]]
    assert m.bias.grad is None


# ------------------------------------------------------------------ ensembles


@pytest.mark.oracle
def test_stack_module_state_pytorch():
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
    outcomes = []
    for t in (torch, xg):
        _, Counter, _, _ = modules(t)
        stack = func.stack_module_state if t is xg else t.func.stack_module_state
        frozen = [t.nn.Linear(2, 3) for _ in range(2)]
        for m in frozen:
            m.weight.requires_grad_(False)
        found = []
        for models in (tuple(frozen), t.nn.ModuleList(frozen), [Counter(), Counter(), Counter()]):
            for state in stack(models):
                found.append(
                    {k: (tuple(v.shape), v.requires_grad, v.is_leaf) for k, v in state.items()}
                )
        outcomes.append(found)
    assert outcomes[0] == outcomes[1]


@pytest.mark.oracle
@pytest.mark.parametrize(
    "models",
    [
        lambda nn: [],
        lambda nn: [nn.Linear(2, 3), nn.Linear(2, 3).eval()],
        lambda nn: [nn.Linear(2, 3), nn.ReLU()],
        lambda nn: [nn.Linear(2, 3), nn.Linear(2, 4)],
        lambda nn: [nn.Linear(2, 3), nn.Linear(2, 3).requires_grad_(False)],
        lambda nn: nn.Linear(2, 3),
    ],
)
def test_stack_module_state_errors(models):
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
    with pytest.raises((RuntimeError, TypeError)) as expected:
        torch.func.stack_module_state(models(torch.nn))
    with pytest.raises(expected.type) as found:
        func.stack_module_state(models(nn))
    assert str(expected.value) in str(found.value)


def test_an_ensemble_is_a_loop_over_models(ns):
    xg.manual_seed(0)
    models = [
        nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)).to(ns.device) for _ in range(4)
    ]
    x = tensor(ns, np.random.default_rng(0).normal(size=(5, 2)).astype(np.float32))
    parameters, buffers = func.stack_module_state(models)

    def call(parameters, buffers, x):
        return func.functional_call(models[0], (parameters, buffers), (x,))

    out = xg.vmap(call, (0, 0, None))(parameters, buffers, x)
    expected = xg.stack([m(x) for m in models])
    assert np.allclose(host(out.detach()), host(expected.detach()), rtol=1e-5, atol=1e-6)
    out.square().sum().backward()
    expected.square().sum().backward()
    for name, p in parameters.items():
        rows = [host(dict(m.named_parameters())[name].grad) for m in models]
        assert np.allclose(host(p.grad), np.stack(rows), rtol=1e-4, atol=1e-5)


def test_buffers_of_an_ensemble():
    _, Counter, _, _ = modules(xg)
    models = [Counter() for _ in range(3)]
    _, buffers = func.stack_module_state(models)
    buffers["written"] += xg.arange(3)

    def call(buffers, x):
        out = func.functional_call(models[0], buffers, x)
        return out, buffers

    out, after = xg.vmap(call, (0, None))(buffers, xg.tensor(10.0))
    assert out.tolist() == [10.0, 20.0, 30.0]
    assert after["written"].tolist() == [1.0, 2.0, 3.0]
    assert after["assigned"].tolist() == [1.0, 1.0, 1.0]


def test_error_classes():
    with pytest.raises(GradientError, match="at least one model"):
        func.stack_module_state([])
    with pytest.raises(ShapeError, match="equal size"):
        func.stack_module_state([nn.Linear(1, 2), nn.Linear(1, 3)])
