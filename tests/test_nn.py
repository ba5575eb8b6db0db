"""Modules: what they hold, how they print, save, load and complain, and that layers compute."""

import copy
import math
import pickle

import numpy as np
import pytest

import xpgrad as xg
from namespaces import host, tensor
from xpgrad import nn
from xpgrad.registry import resolve


def on(device, array):
    return tensor(resolve(device), np.asarray(array))


def pickled(thing):
    return pickle.loads(pickle.dumps(thing))


class Two(nn.Module):
    """A bit of everything."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(2, 3)
        self.second = nn.Sequential(nn.Linear(3, 3), nn.ReLU())
        self.scale = nn.Parameter(xg.tensor(2.0))
        self.register_buffer("count", xg.tensor([1, 2]))
        self.register_buffer("scratch", xg.tensor([0.5]), persistent=False)
        self.register_parameter("nothing", None)

    def forward(self, x):
        return self.second(self.first(x)) * self.scale


# ── Parameter ────────────────────────────────────────────────────────────────────────────────────


def test_parameter_shares_memory_and_version():
    t = xg.tensor([1.0, 2.0])
    p = nn.Parameter(t)
    assert isinstance(p, xg.Tensor)
    assert p.requires_grad
    assert p.is_leaf
    with xg.no_grad():
        p.add_(1)
    assert t.tolist() == [2.0, 3.0]
    assert t._version == p._version == 1


def test_parameter_drops_history():
    x = xg.tensor([1.0], requires_grad=True)
    assert nn.Parameter(x * 2).is_leaf
    assert not nn.Parameter(xg.tensor([1]), requires_grad=False).requires_grad
    assert nn.Parameter().shape == (0,)


def test_parameter_complains():
    with pytest.raises(TypeError, match="made of a Tensor, got list"):
        nn.Parameter([1.0])
    with pytest.raises(RuntimeError, match="floating point and complex dtype can require grad"):
        nn.Parameter(xg.tensor([1]))


@pytest.mark.parametrize("show", [repr, str, "{}".format])
def test_parameter_prints(show):
    expected = "Parameter containing:\ntensor([1., 2.], requires_grad=True)"
    assert show(nn.Parameter(xg.tensor([1.0, 2.0]))) == expected


@pytest.mark.parametrize("copied", [copy.deepcopy, pickled])
@pytest.mark.parametrize("requires_grad", [True, False])
def test_parameter_is_copied(copied, requires_grad):
    p = nn.Parameter(xg.tensor([1.0, 2.0]), requires_grad=requires_grad)
    if requires_grad:
        p.grad = xg.tensor([1.0, 1.0])
    q = copied(p)
    assert type(q) is nn.Parameter
    assert q.requires_grad is requires_grad
    assert q.grad is None
    with xg.no_grad():
        q.mul_(10)
    assert p.tolist() == [1.0, 2.0]
    assert q.tolist() == [10.0, 20.0]


# ── what a module holds ──────────────────────────────────────────────────────────────────────────


def test_names():
    model = Two()
    parameters = ["scale", "first.weight", "first.bias", "second.0.weight", "second.0.bias"]
    assert [n for n, _ in model.named_parameters()] == parameters
    assert [n for n, _ in model.named_parameters("m", recurse=False)] == ["m.scale"]
    assert [n for n, _ in model.named_buffers()] == ["count", "scratch"]
    assert [n for n, _ in model.named_children()] == ["first", "second"]
    modules = ["", "first", "second", "second.0", "second.1"]
    assert [n for n, _ in model.named_modules()] == modules
    assert len(list(model.modules())) == 5
    assert list(model.state_dict()) == [*parameters[:1], "count", *parameters[1:]]


def test_what_is_shared_is_named_once():
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    model[1].weight = model[0].weight
    assert len(list(model.parameters())) == 3
    assert len(list(model.named_parameters(remove_duplicate=False))) == 4
    assert len(model.state_dict()) == 4
    for twin in (copy.deepcopy(model), pickled(model), model.double()):
        assert twin[1].weight is twin[0].weight
    layer = nn.ReLU()
    assert len(list(nn.Sequential(layer, layer).modules())) == 2


def test_getting_and_setting():
    model = Two()
    assert model.get_parameter("second.0.weight") is model.second[0].weight
    assert model.get_submodule("second.1") is model.second[1]
    assert model.get_submodule("") is model
    assert model.get_buffer("count") is model.count
    model.plain = 3
    assert model.plain == 3
    model.first = None
    assert model.first is None
    model.scale = None
    assert model.scale is None
    model.count = xg.tensor([7])
    assert dict(model.named_buffers())["count"].tolist() == [7]
    del model.second, model.plain
    assert list(model.state_dict()) == ["count"]
    assert {"count", "scale"} <= set(dir(model))


def test_a_parameter_takes_the_place_of_a_plain_attribute():
    model = nn.Module()
    model.w = 3
    model.w = nn.Parameter(xg.ones(2))
    assert [n for n, _ in model.named_parameters()] == ["w"]
    assert "w" not in vars(model)
    model.w = nn.Parameter(xg.ones(3))
    assert model.w.shape == (3,)


def test_train_and_eval():
    model = nn.Sequential(nn.Dropout(0.5), nn.Sequential(nn.Dropout(0.5)))
    assert model.eval() is model
    assert not any(m.training for m in model.modules())
    model.train()
    assert all(m.training for m in model.modules())


def test_freezing_and_clearing():
    model = nn.Linear(2, 1)
    model(xg.ones(3, 2)).sum().backward()
    model.zero_grad(set_to_none=False)
    assert model.weight.grad.tolist() == [[0.0, 0.0]]
    model.zero_grad()
    assert model.weight.grad is None
    model.requires_grad_(False)
    assert not model(xg.ones(3, 2)).requires_grad


def test_apply():
    seen = []
    model = Two()
    assert model.apply(lambda m: seen.append(type(m).__name__)) is model
    assert seen == ["Linear", "Linear", "ReLU", "Sequential", "Two"]


# ── moving and casting ───────────────────────────────────────────────────────────────────────────


def test_casting_keeps_identity_and_integers():
    model = Two()
    model(xg.ones(1, 2)).sum().backward()
    before = list(model.parameters())
    assert model.double() is model
    assert all(a is b for a, b in zip(before, model.parameters()))
    assert {p.dtype for p in before} == {xg.float64}
    assert {p.grad.dtype for p in before} == {xg.float64}
    assert model.count.dtype == xg.int64
    assert model.scratch.dtype == xg.float64
    model(xg.ones(1, 2, dtype=xg.float64)).sum().backward()
    assert model.to(xg.float32).scale.dtype == xg.float32
    assert model.half().scale.dtype == xg.float16
    assert model.float().scale.dtype == xg.float32
    assert model.to(xg.ones(1, dtype=xg.float64)).scale.dtype == xg.float64
    assert model.type(xg.float32).count.dtype == xg.float32


def test_moving(device):
    model = Two()
    model.count = model.count.to(xg.int32)  # which every device has
    given = list(model.parameters())
    model.to(device)
    assert all(t.device == xg.device(device) for t in (*model.parameters(), *model.buffers()))
    model(on(device, np.ones((4, 2), np.float32))).sum().backward()
    assert all(p.grad.device == p.device for p in given)
    model.cpu()
    assert all(p.device == p.grad.device == xg.device("cpu") for p in given)
    assert model.to("cpu", xg.float64).scale.dtype == xg.float64
    assert model.to(device="cpu", dtype=xg.float32).scale.dtype == xg.float32


# ── state dicts ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("through", [copy.deepcopy, pickled, lambda state: state])
def test_state_goes_round(through):
    one, other = Two(), Two()
    result = other.load_state_dict(through(one.state_dict()))
    assert repr(result) == "<All keys matched successfully>"
    x = xg.ones(3, 2)
    assert other(x).tolist() == one(x).tolist()
    for a, b in zip(one.parameters(), other.parameters()):
        assert a is not b
        assert a._data is not b._data


def test_state_shares_memory_with_the_module():
    model = nn.Linear(1, 1)
    model.state_dict()["weight"].fill_(3)
    assert model.weight.item() == 3
    assert model.state_dict(keep_vars=True)["weight"] is model.weight
    assert not model.state_dict()["weight"].requires_grad
    assert list(model.state_dict(prefix="m.")) == ["m.weight", "m.bias"]


def test_loading_converts(device):
    model = nn.Linear(2, 2).to(device)
    weight = model.weight
    model.load_state_dict({"weight": xg.ones(2, 2, dtype=xg.float64), "bias": xg.zeros(2)})
    assert model.weight is weight
    assert (weight.dtype, weight.device) == (xg.float32, xg.device(device))
    assert host(weight).tolist() == [[1, 1], [1, 1]]


def test_loading_by_assignment():
    model = nn.Linear(2, 2).requires_grad_(False)
    value = xg.ones(2, 2, dtype=xg.float64)
    model.load_state_dict({"weight": value}, strict=False, assign=True)
    assert model.weight._data is value._data
    assert type(model.weight) is nn.Parameter
    assert not model.weight.requires_grad


def test_loading_writes_all_or_nothing():
    model = Two()
    before = copy.deepcopy(model.state_dict())
    state = {name: t + 1 for name, t in before.items()}
    state["second.0.bias"] = xg.ones(7)
    with pytest.raises(RuntimeError, match=r"size mismatch for second\.0\.bias"):
        model.load_state_dict(state)
    assert all(t.tolist() == before[name].tolist() for name, t in model.state_dict().items())


@pytest.mark.parametrize("copied", [copy.deepcopy, pickled])
def test_modules_are_copied(copied):
    model = Two().eval()
    twin = copied(model)
    x = xg.ones(3, 2)
    assert twin(x).tolist() == model(x).tolist()
    assert twin.training is False
    assert list(twin.state_dict()) == list(model.state_dict())
    with xg.no_grad():
        twin.first.weight.zero_()
    assert twin(x).tolist() != model(x).tolist()


# ── hooks ────────────────────────────────────────────────────────────────────────────────────────


def test_hooks_see_and_replace():
    model = nn.Identity()
    model.register_forward_pre_hook(lambda m, args: (args[0] + 1,))
    model.register_forward_pre_hook(lambda m, args: args[0] * 10)
    model.register_forward_hook(lambda m, args, out: out + args[0])
    handle = model.register_forward_hook(lambda m, args, out: -out)
    assert model(xg.tensor(1.0)).item() == -40
    handle.remove()
    handle.remove()
    assert model(xg.tensor(1.0)).item() == 40
    with model.register_forward_hook(lambda m, args, out: out / 8, prepend=True):
        assert model(xg.tensor(1.0)).item() == 22.5
    assert model(xg.tensor(1.0)).item() == 40


def test_hooks_with_keywords():
    class Scaled(nn.Module):
        def forward(self, x, by=1):
            return x * by

    model, seen = Scaled(), []
    model.register_forward_pre_hook(lambda m, a, k: (a, k | {"by": 3}), with_kwargs=True)
    model.register_forward_hook(lambda m, a, k, out: seen.append(k), with_kwargs=True)
    assert model(xg.tensor(2.0), by=2).item() == 6
    assert seen == [{"by": 3}]
    model.register_forward_pre_hook(lambda m, a, k: 3, with_kwargs=True)
    with pytest.raises(RuntimeError, match="must return None or a tuple of"):
        model(xg.tensor(2.0))


def test_a_hook_that_is_always_called():
    class Broken(nn.Module):
        def forward(self, x):
            raise ZeroDivisionError

    seen = []
    model = Broken()
    model.register_forward_hook(lambda m, a, out: seen.append("never"))
    model.register_forward_hook(lambda m, a, out: seen.append(out), always_call=True)
    with pytest.raises(ZeroDivisionError):
        model(1)
    assert seen == [None]


# ── containers ───────────────────────────────────────────────────────────────────────────────────


def test_sequential():
    layers = [nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)]
    model = nn.Sequential(*layers)
    assert len(model) == 3
    assert list(model) == layers
    assert model[-1] is layers[2]
    assert list(model[1:]) == layers[1:]
    assert model[1:].state_dict().keys() == {"2.weight", "2.bias"}
    assert model.append(nn.Tanh()) is model
    assert isinstance(model.pop(), nn.Tanh)
    model[1] = nn.Identity()
    model.insert(0, nn.Flatten())
    del model[2]
    assert [type(m).__name__ for m in model] == ["Flatten", "Linear", "Linear"]
    assert list(dict(model.named_children())) == ["0", "1", "2"]
    assert len(model + nn.Sequential(nn.ReLU())) == 4
    named = nn.Sequential({"a": nn.ReLU(), "b": nn.Tanh()})
    assert isinstance(named.b, nn.Tanh)
    assert list(dict(named[1:].named_children())) == ["b"]


def test_module_list_and_dict():
    layers = nn.ModuleList([nn.Linear(1, 1)])
    layers.extend([nn.Linear(1, 1), nn.ReLU()])
    layers += [nn.Linear(1, 1)]
    assert len(list(layers.parameters())) == 6
    del layers[1:3]
    assert list(layers.state_dict()) == ["0.weight", "0.bias", "1.weight", "1.bias"]
    heads = nn.ModuleDict({"a": nn.Linear(1, 1)})
    heads["b"] = nn.ReLU()
    assert list(heads) == list(heads.keys()) == ["a", "b"]
    assert "b" in heads
    assert len(heads) == 2
    assert isinstance(heads.pop("b"), nn.ReLU)
    assert list(heads.state_dict()) == ["a.weight", "a.bias"]


# ── the same words as PyTorch ────────────────────────────────────────────────────────────────────


def mixed(t):
    layers = [t.nn.Linear(2, 2), t.nn.ReLU(), t.nn.ReLU(inplace=True), t.nn.LeakyReLU()]
    layers += [
        t.nn.ELU(0.5),
        t.nn.GELU(),
        t.nn.SiLU(),
        t.nn.Tanh(),
        t.nn.Sigmoid(),
        t.nn.Softplus(),
    ]
    layers += [t.nn.Softmax(-1), t.nn.LogSoftmax(1), t.nn.Dropout(0.2), t.nn.Flatten()]
    layers += [t.nn.Identity(), t.nn.LayerNorm(3), t.nn.LayerNorm((2, 3), bias=False)]
    layers += [t.nn.Embedding(3, 4), t.nn.Embedding(3, 4, padding_idx=-1)]
    return t.nn.Sequential(t.nn.Sequential(*layers), t.nn.Sequential(), t.nn.Module())


LOSS_NAMES = ("CrossEntropyLoss", "NLLLoss", "MSELoss", "L1Loss", "BCELoss", "BCEWithLogitsLoss")
LOSS_NAMES += ("SmoothL1Loss", "HuberLoss")

PRINTED = {
    "layers": mixed,
    "losses": lambda t: t.nn.ModuleList(getattr(t.nn, name)() for name in LOSS_NAMES),
    "runs": lambda t: t.nn.ModuleList([t.nn.ReLU(), *(mixed(t) for _ in range(3))]),
    "empty": lambda t: t.nn.ModuleList(),
    "dict": lambda t: t.nn.ModuleDict({"a": t.nn.Linear(1, 1)}),
}


@pytest.mark.oracle
@pytest.mark.parametrize("name", PRINTED)
def test_printed_as_pytorch_does(name):
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
    assert repr(PRINTED[name](xg)) == repr(PRINTED[name](torch))


def holder(t, **members):
    module = t.nn.Linear(2, 3)
    module.register_buffer("b", t.ones(2))
    module.register_buffer("none", None)
    module.child = t.nn.Linear(1, 1)
    return module


def uninitialised(t, name, value):
    class Bare(t.nn.Module):
        def __init__(self):
            if name == "buffer":
                self.register_buffer("x", value)
            else:
                self.x = value

    return Bare()


COMPLAINTS = {
    "parameter = tensor": lambda t: setattr(holder(t), "weight", t.ones(3, 2)),
    "parameter = number": lambda t: setattr(holder(t), "weight", 3),
    "child = tensor": lambda t: setattr(holder(t), "child", t.ones(2)),
    "register no parameter": lambda t: holder(t).register_parameter("w", t.ones(2)),
    "register parameter 1": lambda t: holder(t).register_parameter(1, None),
    "register parameter .": lambda t: holder(t).register_parameter("a.b", None),
    "register parameter ''": lambda t: holder(t).register_parameter("", None),
    "register parameter twice": lambda t: holder(t).register_parameter("child", None),
    "register buffer 1": lambda t: holder(t).register_buffer(1, None),
    "register buffer .": lambda t: holder(t).register_buffer("a.b", None),
    "register buffer ''": lambda t: holder(t).register_buffer("", None),
    "register buffer twice": lambda t: holder(t).register_buffer("weight", None),
    "add number": lambda t: holder(t).add_module("x", 3),
    "add 3": lambda t: holder(t).add_module(3, None),
    "add .": lambda t: holder(t).add_module("a.b", None),
    "add ''": lambda t: holder(t).add_module("", None),
    "add forward": lambda t: holder(t).add_module("forward", None),
    "early parameter": lambda t: uninitialised(t, "x", t.nn.Parameter(t.ones(1))),
    "early module": lambda t: uninitialised(t, "x", t.nn.ReLU()),
    "early buffer": lambda t: uninitialised(t, "buffer", t.ones(1)),
    "no attribute": lambda t: holder(t).nonsense,
    "no forward": lambda t: t.nn.Module()(3),
    "train": lambda t: holder(t).train(3),
    "to integers": lambda t: holder(t).to(t.int64),
    "arguments": lambda t: t.nn.Module(3),
    "keywords": lambda t: t.nn.Module(x=3),
    "load a number": lambda t: holder(t).load_state_dict(3),
    "load": lambda t: holder(t).load_state_dict({"weight": t.ones(2, 2), "foo": t.ones(1)}),
    "get parameter": lambda t: holder(t).get_parameter("nonsense"),
    "get submodule": lambda t: holder(t).get_submodule("nonsense"),
    "get no module": lambda t: holder(t).get_submodule("weight"),
    "get no buffer": lambda t: holder(t).get_buffer("weight"),
    "get no parameter": lambda t: holder(t).get_parameter("b"),
    "sequential index": lambda t: t.nn.Sequential(t.nn.ReLU())[3],
    "sequential key": lambda t: t.nn.Sequential(t.nn.ReLU())["a"],
    "sequential number": lambda t: t.nn.Sequential(3),
    "list number": lambda t: t.nn.ModuleList([3]),
    "list of number": lambda t: t.nn.ModuleList(3),
    "dropout": lambda t: t.nn.Dropout(2.0),
    "gain": lambda t: t.nn.init.calculate_gain("nonsense"),
    "slope": lambda t: t.nn.init.calculate_gain("leaky_relu", "x"),
    "fan": lambda t: t.nn.init.kaiming_uniform_(t.ones(3)),
    "mode": lambda t: t.nn.init.kaiming_normal_(t.ones(3, 3), mode="x"),
    "eye": lambda t: t.nn.init.eye_(t.ones(3)),
    "vector": lambda t: t.nn.utils.vector_to_parameters(3, holder(t).parameters()),
}


@pytest.mark.oracle
@pytest.mark.parametrize("name", COMPLAINTS)
def test_complaints_are_pytorchs(name):
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
    with pytest.raises(Exception, match=r".") as theirs:
        COMPLAINTS[name](torch)
    with pytest.raises(theirs.type) as ours:
        COMPLAINTS[name](xg)
    expected = str(theirs.value).replace("torch.", "xpgrad.")
    assert str(ours.value) == expected


def test_a_buffer_is_a_tensor():
    with pytest.raises(TypeError, match="cannot assign 'int' as buffer 'b'"):
        holder(xg).b = 3
    with pytest.raises(TypeError, match="cannot assign 'int' object to buffer 'x'"):
        holder(xg).register_buffer("x", 3)
    holder(xg).b = None


def test_a_layer_says_what_does_not_fit():
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        nn.Linear(2, 3)(xg.ones(3))


def test_padding_is_inside_the_table():
    with pytest.raises(AssertionError, match="Padding_idx must be within num_embeddings"):
        nn.Embedding(3, 4, padding_idx=3)


# ── layers compute ───────────────────────────────────────────────────────────────────────────────

LAYERS = {
    "Linear": (lambda n: n.Linear(4, 3), (2, 4)),
    "Linear, no bias": (lambda n: n.Linear(4, 3, bias=False), (2, 5, 4)),
    "ReLU": (lambda n: n.ReLU(), (3, 4)),
    "LeakyReLU": (lambda n: n.LeakyReLU(0.2), (3, 4)),
    "ELU": (lambda n: n.ELU(0.5), (3, 4)),
    "GELU": (lambda n: n.GELU(), (3, 4)),
    "GELU, tanh": (lambda n: n.GELU("tanh"), (3, 4)),
    "SiLU": (lambda n: n.SiLU(), (3, 4)),
    "Tanh": (lambda n: n.Tanh(), (3, 4)),
    "Sigmoid": (lambda n: n.Sigmoid(), (3, 4)),
    "Softplus": (lambda n: n.Softplus(2.0, 1.0), (3, 4)),
    "Softmax": (lambda n: n.Softmax(1), (3, 4)),
    "LogSoftmax": (lambda n: n.LogSoftmax(0), (3, 4)),
    "Flatten": (lambda n: n.Flatten(), (3, 4, 5)),
    "LayerNorm": (lambda n: n.LayerNorm(4), (3, 4)),
    "LayerNorm, 2 dimensions": (lambda n: n.LayerNorm((3, 4), eps=0.1), (2, 3, 4)),
    "Identity": (lambda n: n.Identity(3, x=4), (3,)),
    "Sequential": (lambda n: n.Sequential(n.Linear(4, 5), n.Tanh(), n.Linear(5, 1)), (2, 4)),
    "Dropout, evaluated": (lambda n: n.Dropout(0.7).eval(), (3, 4)),
}


@pytest.mark.oracle
@pytest.mark.parametrize("name", LAYERS)
def test_layers_are_pytorchs(name):
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
    make, shape = LAYERS[name]
    ours, theirs = make(nn).double(), make(torch.nn).double()
    rng = np.random.default_rng(0)
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        values = rng.normal(size=tuple(p.shape))
        p.data = xg.tensor(values)
        q.data = torch.tensor(values)
    x = rng.normal(size=shape)
    mine, its = xg.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    out, expected = ours(mine), theirs(its)
    np.testing.assert_allclose(host(out), expected.detach().numpy(), rtol=1e-12, atol=1e-14)
    weights = rng.normal(size=tuple(expected.shape))
    (out * xg.tensor(weights)).sum().backward()
    (expected * torch.tensor(weights)).sum().backward()
    for p, q in zip([mine, *ours.parameters()], [its, *theirs.parameters()], strict=True):
        np.testing.assert_allclose(host(p.grad), q.grad.numpy(), rtol=1e-11, atol=1e-13)


REAL, CLASSES, BINARY = "real", "classes", "binary"
LOSSES = {
    "CrossEntropyLoss": ({}, REAL, CLASSES),
    "CrossEntropyLoss, options": (
        {"weight": (4,), "ignore_index": 1, "label_smoothing": 0.1, "reduction": "sum"},
        REAL,
        CLASSES,
    ),
    "NLLLoss": ({"weight": (4,)}, REAL, CLASSES),
    "MSELoss": ({"reduction": "none"}, REAL, REAL),
    "L1Loss": ({}, REAL, REAL),
    "SmoothL1Loss": ({"beta": 0.7}, REAL, REAL),
    "HuberLoss": ({"delta": 0.7, "reduction": "sum"}, REAL, REAL),
    "BCELoss": ({"weight": (5, 4)}, BINARY, BINARY),
    "BCEWithLogitsLoss": ({"pos_weight": (4,), "weight": (5, 4)}, REAL, BINARY),
}


@pytest.mark.oracle
@pytest.mark.parametrize("name", LOSSES)
def test_losses_are_pytorchs(name):
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
    options, *kinds = LOSSES[name]
    rng = np.random.default_rng(0)
    options = {k: rng.uniform(size=v) if type(v) is tuple else v for k, v in options.items()}
    draw = {
        REAL: lambda: rng.normal(size=(5, 4)),
        BINARY: lambda: rng.uniform(size=(5, 4)),
        CLASSES: lambda: np.array([0, 3, 1, 2, 1]),
    }
    x, y = (draw[kind]() for kind in kinds)
    results = []
    for t in (xg, torch):
        given = {k: t.tensor(v) if isinstance(v, np.ndarray) else v for k, v in options.items()}
        layer = getattr(t.nn, name.split(",")[0])(**given)
        leaf = t.tensor(x, requires_grad=True)
        loss = layer(leaf, t.tensor(y))
        loss.sum().backward()
        results.append((loss.detach().numpy(), leaf.grad.numpy()))
    for found, expected in zip(*results):
        np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-13)


def test_weights_of_a_loss_move_with_it():
    loss = nn.CrossEntropyLoss(weight=xg.ones(3))
    assert loss.double().weight.dtype == xg.float64
    assert list(loss.state_dict()) == ["weight"]


def test_embedding():
    table = nn.Embedding(4, 2, padding_idx=-1)
    assert table.padding_idx == 3
    assert table.weight[3].tolist() == [0.0, 0.0]
    table(xg.tensor([[0, 3], [0, 1]])).sum().backward()
    assert table.weight.grad.tolist() == [[2, 2], [1, 1], [0, 0], [0, 0]]


def test_dropout():
    xg.manual_seed(0)
    out = host(nn.Dropout(0.25)(xg.ones(10_000)))
    assert set(np.unique(out)) == {0.0, np.float32(1 / 0.75)}
    assert 0.7 < (out > 0).mean() < 0.8


def test_layers_are_made_where_asked(device):
    for layer in (nn.Linear(2, 3, device=device), nn.Embedding(2, 3, device=device)):
        assert layer.weight.device == xg.device(device)
        assert layer.weight.dtype == xg.float32
    with xg.device(device):
        assert nn.LayerNorm(3).bias.device == xg.device(device)
    assert nn.Linear(2, 3, dtype=xg.float64).bias.dtype == xg.float64
    assert nn.Linear(2, 3, bias=False).bias is None


# ── init ─────────────────────────────────────────────────────────────────────────────────────────


def test_linear_starts_as_pytorchs():
    xg.manual_seed(0)
    layer = nn.Linear(100, 200)
    for p in layer.parameters():
        values = np.abs(host(p))
        assert 0.099 < values.max() <= 0.1
        assert abs(values.mean() - 0.05) < 0.01
    with pytest.warns(UserWarning, match="zero-element tensors is a no-op"):
        nn.Linear(0, 2)


SPREADS = {
    "uniform_": (lambda w: nn.init.uniform_(w, -3, 3), math.sqrt(3)),
    "normal_": (lambda w: nn.init.normal_(w, 0, 0.2), 0.2),
    "xavier_uniform_": (lambda w: nn.init.xavier_uniform_(w, gain=2), 2 * math.sqrt(2 / 600)),
    "xavier_normal_": (nn.init.xavier_normal_, math.sqrt(2 / 600)),
    "kaiming_uniform_": (lambda w: nn.init.kaiming_uniform_(w, a=1), math.sqrt(1 / 200)),
    "kaiming_normal_": (
        lambda w: nn.init.kaiming_normal_(w, mode="fan_out", nonlinearity="relu"),
        math.sqrt(2 / 400),
    ),
}


@pytest.mark.parametrize("name", SPREADS)
def test_spread(name):
    xg.manual_seed(1)
    fill, spread = SPREADS[name]
    w = nn.Parameter(xg.empty(400, 200))
    assert fill(w) is w
    assert w.requires_grad
    assert w.is_leaf
    values = host(w)
    assert abs(values.mean()) < spread / 50
    assert values.std() == pytest.approx(spread, rel=0.02)


def test_constants():
    w = nn.Parameter(xg.empty(2, 3))
    assert nn.init.constant_(w, 5).tolist() == [[5] * 3] * 2
    assert nn.init.ones_(w).tolist() == [[1] * 3] * 2
    assert nn.init.zeros_(w).tolist() == [[0] * 3] * 2
    assert nn.init.eye_(w).tolist() == [[1, 0, 0], [0, 1, 0]]
    assert w.is_leaf


@pytest.mark.oracle
def test_gains():
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
    for name in ("linear", "sigmoid", "tanh", "relu", "leaky_relu", "selu"):
        assert nn.init.calculate_gain(name) == torch.nn.init.calculate_gain(name)
    assert nn.init.calculate_gain("leaky_relu", 2) == torch.nn.init.calculate_gain("leaky_relu", 2)


# ── utils ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.oracle
@pytest.mark.parametrize("norm_type", [1.0, 2.0, 3.5, math.inf])
@pytest.mark.parametrize("max_norm", [0.5, 100.0])
def test_clipping_the_norm(norm_type, max_norm, device):
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
    rng = np.random.default_rng(0)
    values = [rng.normal(size=shape).astype(np.float32) for shape in [(3, 2), (), (4,)]]
    ours = [nn.Parameter(on(device, np.zeros_like(v))) for v in values]
    theirs = [torch.nn.Parameter(torch.zeros(v.shape)) for v in values]
    for p, q, v in zip(ours[:2], theirs, values):  # the third has no gradient
        p.grad, q.grad = on(device, v), torch.tensor(v)
    memory = [p.grad for p in ours]
    norm = nn.utils.clip_grad_norm_(iter(ours), max_norm, norm_type)
    expected = torch.nn.utils.clip_grad_norm_(theirs, max_norm, norm_type)
    np.testing.assert_allclose(host(norm), expected.numpy(), rtol=1e-6)
    for p, q, g in zip(ours, theirs, memory):
        assert p.grad is g
        if g is not None:
            np.testing.assert_allclose(host(g), q.grad.numpy(), rtol=1e-6)


def test_clipping_what_is_not_there():
    assert nn.utils.clip_grad_norm_([], 1.0).item() == 0
    nn.utils.clip_grad_value_([nn.Parameter(xg.ones(2))], 1.0)


def test_clipping_nan():
    w = nn.Parameter(xg.ones(2))
    w.grad = xg.tensor([math.nan, 1.0])
    with pytest.raises(RuntimeError, match=r"total norm of order 2\.0 .* is non-finite"):
        nn.utils.clip_grad_norm_(w, 1.0, error_if_nonfinite=True)
    assert w.grad[1].item() == 1.0
    nn.utils.clip_grad_norm_(w, 1.0)
    assert host(w.grad[1]) != 1.0


def test_clipping_values():
    w = nn.Parameter(xg.ones(3))
    w.grad = xg.tensor([-5.0, 0.1, 5.0])
    nn.utils.clip_grad_value_(w, 0.5)
    np.testing.assert_allclose(host(w.grad), [-0.5, 0.1, 0.5], rtol=1e-6)


def test_parameters_as_a_vector():
    model = nn.Linear(2, 3)
    vector = nn.utils.parameters_to_vector(model.parameters())
    assert vector.requires_grad
    nn.utils.vector_to_parameters(xg.arange(9.0), model.parameters())
    assert model.weight.tolist() == [[0, 1], [2, 3], [4, 5]]
    assert model.bias.tolist() == [6, 7, 8]
    assert type(model.weight) is nn.Parameter
    with pytest.raises(RuntimeError, match=r"9 elements together.*\[8\]"):
        nn.utils.vector_to_parameters(xg.arange(8.0), model.parameters())
