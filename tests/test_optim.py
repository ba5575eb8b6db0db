"""Optimizers and learning-rate schedules: PyTorch's arithmetic step by step, and its words."""

import copy
import pickle

import numpy as np
import pytest

import xpgrad as xg
from namespaces import host, tensor
from xpgrad import optim
from xpgrad.nn import Parameter
from xpgrad.optim import lr_scheduler
from xpgrad.registry import resolve

RECIPES = [
    (optim.SGD, {"lr": 0.1}),
    (optim.SGD, {"lr": 0.1, "weight_decay": 0.3}),
    (optim.SGD, {"lr": 0.1, "momentum": 0.9}),
    (optim.SGD, {"lr": 0.1, "momentum": 0.9, "dampening": 0.4}),
    (optim.SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.3}),
    (optim.SGD, {"lr": 0.1, "momentum": 0.9, "maximize": True, "weight_decay": 0.3}),
    (optim.Adam, {"lr": 0.1}),
    (optim.Adam, {"lr": 0.1, "betas": (0.3, 0.6), "eps": 0.5}),
    (optim.Adam, {"lr": 0.1, "weight_decay": 0.3, "amsgrad": True}),
    (optim.Adam, {"lr": 0.1, "weight_decay": 0.3, "decoupled_weight_decay": True}),
    (optim.Adam, {"lr": 0.1, "maximize": True}),
    (optim.AdamW, {"lr": 0.1}),
    (optim.AdamW, {"lr": 0.1, "weight_decay": 0.3, "amsgrad": True, "maximize": True}),
]
recipes = pytest.mark.parametrize(
    ("kind", "options"), RECIPES, ids=[f"{k.__name__}-{'-'.join(o)}" for k, o in RECIPES]
)


def numbers(seed, shape, dtype=np.float64):
    rng = np.random.default_rng(seed)
    drawn = rng.normal(size=shape)
    return np.asarray(drawn + 1j * rng.normal(size=shape) if dtype == np.complex128 else drawn)


def on(device, array):
    return tensor(resolve(device), np.asarray(array))


def parameter(array, device="cpu"):
    return Parameter(on(device, array))


def give_grads(params, seed):
    for i, p in enumerate(params):
        dtype = host(p).dtype
        p.grad = on(p.device, numbers(100 * seed + i, p.shape, dtype).astype(dtype))


# ── the arithmetic ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.oracle
@recipes
@pytest.mark.parametrize("dtype", [np.float64, np.complex128])
def test_steps_are_pytorchs(kind, options, dtype):
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
    shapes = [(3, 2), (4,), ()]
    start = [numbers(i, s, dtype) for i, s in enumerate(shapes)]
    ours = [parameter(a) for a in start]
    theirs = [torch.nn.Parameter(torch.tensor(a)) for a in start]
    groups = [
        [{"params": ps[:1]}, {"params": ps[1:], "lr": 0.03, "weight_decay": 0.2}]
        for ps in (ours, theirs)
    ]
    mine = kind(groups[0], **options)
    its = getattr(torch.optim, kind.__name__)(groups[1], **options)
    for step in range(8):
        give_grads(ours, step)
        for p, q in zip(ours, theirs):
            q.grad = torch.tensor(host(p.grad))
        if step == 3:
            ours[1].grad = theirs[1].grad = None  # a parameter may sit out a step
        if step == 5:
            for optimizer in (mine, its):
                optimizer.param_groups[0]["lr"] = 0.7
        before = [host(p.grad) for p in ours if p.grad is not None]
        mine.step()
        its.step()
        for p, q in zip(ours, theirs):
            np.testing.assert_allclose(host(p), q.detach().numpy(), rtol=1e-12, atol=1e-14)
        after = [host(p.grad) for p in ours if p.grad is not None]
        assert all(np.array_equal(a, b) for a, b in zip(before, after)), "gradients are not ours"
    for p, q in zip(ours, theirs):
        for name, value in mine.state[p].items():
            there = its.state[q][name].numpy()
            here = value if name == "step" else host(value)
            np.testing.assert_allclose(here, there, rtol=1e-12, atol=1e-14)


@recipes
def test_the_same_on_every_device(kind, options, device):
    results = []
    for where in ("cpu", device):
        params = [parameter(numbers(i, s), where) for i, s in enumerate([(3, 2), (), (0, 2)])]
        optimizer = kind(params, **options)
        for step in range(3):
            give_grads(params, step)
            optimizer.step()
        kept = [v for s in optimizer.state.values() for v in s.values() if isinstance(v, xg.Tensor)]
        assert all(type(t._data) is t._ns.array_type for t in (*params, *kept))
        assert all(t.device == xg.device(where) for t in (*params, *kept))
        results.append(params)
    for expected, found in zip(*results):
        close = 1e-5 if found.dtype is xg.float32 else 1e-13
        np.testing.assert_allclose(host(found), host(expected), rtol=close)


@recipes
def test_float32_stays_float32(kind, options):
    p = parameter(numbers(0, (3,)).astype(np.float32))
    optimizer = kind([p], **options)
    for step in range(2):
        give_grads([p], step)
        optimizer.step()
    kept = [v.dtype for v in optimizer.state[p].values() if isinstance(v, xg.Tensor)]
    assert {p.dtype, *kept} == {xg.float32}


@recipes
def test_memory_is_the_parameters(kind, options):
    p = parameter([1.0, 2.0, 3.0])
    memory, version = p._data, p._version
    give_grads([p], 0)
    kind([p], **options).step()
    assert p._data is memory
    assert p._version == version + 1


@recipes
def test_gradients_that_overflow(kind, options, device):
    p = parameter(np.float32([1.0, 2.0, 3.0, 4.0]), device)
    optimizer = kind([p], **options)
    for _ in range(2):
        p.grad = on(device, np.float32([np.inf, np.nan, 3e38, 1.0]))
        optimizer.step()
    assert list(np.isfinite(host(p))[[1, 3]]) == [False, True]


def test_backward_notices_a_step():
    p = parameter([2.0])
    y = p * p
    p.grad = on("cpu", [1.0])
    optim.SGD([p], lr=0.1).step()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()


def test_closure():
    p = parameter([3.0])
    optimizer = optim.SGD([p], lr=0.25)

    def closure():
        optimizer.zero_grad()
        loss = p * p
        loss.backward()
        return loss

    with xg.no_grad():
        loss = optimizer.step(closure)
    assert host(loss) == [9.0]
    assert host(p) == [1.5]


def test_zero_grad():
    p, q = parameter([1.0]), parameter([2.0])
    optimizer = optim.SGD([p, q])
    give_grads([p], 0)
    optimizer.zero_grad(set_to_none=False)
    assert host(p.grad) == [0.0]
    assert q.grad is None
    optimizer.zero_grad()
    assert p.grad is None


# ── saving and loading ───────────────────────────────────────────────────────────────────────────


def pickled(thing):
    return pickle.loads(pickle.dumps(thing))


@recipes
@pytest.mark.parametrize("through", [copy.deepcopy, pickled, lambda state: state])
def test_training_goes_on_from_a_saved_state(kind, options, through, device):
    p = parameter(numbers(0, (3,)))
    optimizer = kind([p], **options)
    for step in range(2):
        give_grads([p], step)
        optimizer.step()
    q = parameter(host(p), device)
    again = kind([q], lr=99.0)
    again.load_state_dict(through(optimizer.state_dict()))
    for step in range(2, 4):
        for one, of in ((optimizer, p), (again, q)):
            give_grads([of], step)
            one.step()
    close = 1e-5 if q.dtype is xg.float32 else 1e-13
    np.testing.assert_allclose(host(p), host(q), rtol=close)
    assert q.device == xg.device(device)


@pytest.mark.parametrize("through", [copy.deepcopy, pickled])
def test_an_optimizer_is_copied_with_its_parameters(through):
    p = parameter([1.0, 2.0])
    optimizer = optim.Adam([p], lr=0.1)
    give_grads([p], 0)
    optimizer.step()
    twin = through(optimizer)
    (q,) = twin.param_groups[0]["params"]
    assert q is not p
    assert list(twin.state) == [q]
    for one, of in ((optimizer, p), (twin, q)):
        give_grads([of], 1)
        one.step()
    np.testing.assert_array_equal(host(p), host(q))


def test_state_dict_looks_like_pytorchs():
    p, q = parameter([1.0]), parameter([2.0])
    optimizer = optim.SGD([{"params": [p]}, {"params": q, "lr": 1.0}], lr=0.1, momentum=0.5)
    give_grads([q], 0)
    optimizer.step()
    state = optimizer.state_dict()
    assert list(state["state"]) == [1]
    assert list(state["state"][1]) == ["momentum_buffer"]
    assert [g["params"] for g in state["param_groups"]] == [[0], [1]]
    assert [g["lr"] for g in state["param_groups"]] == [0.1, 1.0]
    assert optimizer.defaults["lr"] == 0.1


def test_names_are_kept():
    model = xg.nn.Linear(2, 2)
    optimizer = optim.SGD(model.named_parameters())
    assert optimizer.state_dict()["param_groups"][0]["param_names"] == ["weight", "bias"]


# ── complaints: the same as PyTorch's ────────────────────────────────────────────────────────────


COMPLAINTS = {
    "a tensor": lambda t, p: t.optim.SGD(p),
    "nothing": lambda t, p: t.optim.SGD([]),
    "a number": lambda t, p: t.optim.SGD([3]),
    "not iterable": lambda t, p: t.optim.SGD(3),
    "non-leaf": lambda t, p: t.optim.SGD([p * 2]),
    "twice": lambda t, p: t.optim.SGD([{"params": p}, {"params": [p]}]),
    "set": lambda t, p: t.optim.SGD([{"params": {p}}]),
    "no params": lambda t, p: t.optim.SGD([{"lr": 1}]),
    "no dict": lambda t, p: t.optim.SGD([p]).add_param_group([p]),
    "names": lambda t, p: t.optim.SGD([("p", p)]).add_param_group({"params": t.ones(2)}),
    "sgd lr": lambda t, p: t.optim.SGD([p], lr=-1),
    "sgd momentum": lambda t, p: t.optim.SGD([p], momentum=-1),
    "sgd decay": lambda t, p: t.optim.SGD([p], weight_decay=-1),
    "nesterov": lambda t, p: t.optim.SGD([p], nesterov=True),
    "nesterov dampening": lambda t, p: t.optim.SGD([p], momentum=0.9, nesterov=True, dampening=0.1),
    "adam lr": lambda t, p: t.optim.Adam([p], lr=-1),
    "adam eps": lambda t, p: t.optim.AdamW([p], eps=-1),
    "adam beta 0": lambda t, p: t.optim.Adam([p], betas=(1, 0.9)),
    "adam beta 1": lambda t, p: t.optim.Adam([p], betas=(0.9, 1.0)),
    "adam decay": lambda t, p: t.optim.AdamW([p], weight_decay=-1),
    "groups": lambda t, p: t.optim.SGD([p]).load_state_dict({"state": {}, "param_groups": []}),
    "size": lambda t, p: t.optim.SGD([p]).load_state_dict(
        {"state": {}, "param_groups": [{"params": []}]}
    ),
    "no optimizer": lambda t, p: t.optim.lr_scheduler.StepLR(3, 2),
    "lambdas": lambda t, p: t.optim.lr_scheduler.LambdaLR(t.optim.SGD([p]), [abs, abs]),
}


@pytest.mark.oracle
@pytest.mark.parametrize("name", COMPLAINTS)
def test_complaints_are_pytorchs(name):
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
    with pytest.raises(Exception, match=r".") as theirs:
        COMPLAINTS[name](torch, torch.nn.Parameter(torch.ones(2)))
    kind = theirs.type if theirs.type.__module__ == "builtins" else RuntimeError
    with pytest.raises(kind) as ours:
        COMPLAINTS[name](xg, parameter(np.ones(2, np.float32)))
    assert str(ours.value) == str(theirs.value).replace("torch.", "xpgrad.")


def test_a_later_group_is_checked_too():
    p, q = parameter([1.0]), parameter([2.0])
    optimizer = optim.SGD([p], lr=0.1)
    with pytest.raises(ValueError, match="Invalid learning rate: -3"):
        optimizer.add_param_group({"params": q, "lr": -3})
    assert len(optimizer.param_groups) == 1


def test_options_are_numbers():
    with pytest.raises(TypeError, match=r"lr is a number here, got a Tensor: pass lr\.item"):
        optim.SGD([parameter([1.0])], lr=xg.tensor(0.1))


def test_duplicates_warn():
    p = parameter([1.0])
    with pytest.warns(UserWarning, match="parameter group with duplicate parameters"):
        optim.SGD([p, p])


def test_a_method_without_arithmetic():
    p = parameter([1.0])
    give_grads([p], 0)
    with pytest.raises(NotImplementedError, match="neither update nor step"):
        optim.Optimizer([p], {}).step()


def test_a_method_of_ones_own():
    class SignSGD(optim.Optimizer):
        def update(self, xp, p, g, state, group):
            return -group["lr"] * xp.sign(g)

    p = parameter([1.0, 2.0])
    p.grad = on("cpu", [5.0, -0.1])
    SignSGD([p], {"lr": 0.5}).step()
    np.testing.assert_array_equal(host(p), [0.5, 2.5])


@pytest.mark.oracle
def test_repr():
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
    ours = repr(optim.SGD([parameter([1.0])], lr=0.5, momentum=0.9))
    theirs = repr(torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.5, momentum=0.9))
    hints = ("differentiable", "foreach", "fused")
    kept = [line for line in theirs.split("\n") if not line.strip().startswith(hints)]
    assert ours.split("\n") == kept


# ── learning rates ───────────────────────────────────────────────────────────────────────────────

SCHEDULES = {
    "step": lambda s, o: s.StepLR(o, 3, 0.5),
    "milestones": lambda s, o: s.MultiStepLR(o, [2, 5, 5], 0.5),
    "exponential": lambda s, o: s.ExponentialLR(o, 0.9),
    "cosine": lambda s, o: s.CosineAnnealingLR(o, 4, eta_min=0.01),
    "lambda": lambda s, o: s.LambdaLR(o, lambda epoch: 1 / (1 + epoch)),
    "lambdas": lambda s, o: s.LambdaLR(o, [lambda epoch: epoch, lambda epoch: 2.0]),
}


@pytest.mark.oracle
@pytest.mark.parametrize("name", SCHEDULES)
def test_rates_are_pytorchs(name):
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
    made = []
    for t, p, q in (
        (xg, parameter([1.0]), parameter([1.0])),
        (torch, *(torch.nn.Parameter(torch.ones(1)) for _ in "pq")),
    ):
        optimizer = t.optim.SGD([{"params": [p]}, {"params": [q], "lr": 0.1}], lr=0.4)
        made.append((optimizer, SCHEDULES[name](t.optim.lr_scheduler, optimizer)))
    for epoch in range(12):
        rates = [[g["lr"] for g in optimizer.param_groups] for optimizer, _ in made]
        assert rates[0] == pytest.approx(rates[1], rel=1e-13)
        for optimizer, schedule in made:
            optimizer.step()
            schedule.step()
            assert schedule.get_last_lr() == [g["lr"] for g in optimizer.param_groups]
            if epoch == 6:
                optimizer.param_groups[0]["lr"] = 3.0  # what is set by hand stays set


def test_a_schedule_goes_on_from_a_saved_state():
    def make():
        optimizer = optim.SGD([parameter([1.0])], lr=0.4)
        return optimizer, lr_scheduler.CosineAnnealingLR(optimizer, 10)

    optimizer, schedule = make()
    for _ in range(3):
        optimizer.step()
        schedule.step()
    other, again = make()
    other.load_state_dict(optimizer.state_dict())
    again.load_state_dict(pickled(schedule.state_dict()))
    assert again.optimizer is other
    for one, its in ((optimizer, schedule), (other, again)):
        one.step()
        its.step()
    assert schedule.get_last_lr() == again.get_last_lr()
    assert again.last_epoch == 4


def test_a_schedule_before_the_first_step_warns():
    schedule = lr_scheduler.StepLR(optim.SGD([parameter([1.0])]), 2)
    with pytest.warns(UserWarning, match=r"lr_scheduler.step\(\)` before `optimizer.step"):
        schedule.step()


def test_resuming_without_a_state():
    with pytest.raises(KeyError, match="initial_lr"):
        lr_scheduler.StepLR(optim.SGD([parameter([1.0])]), 2, last_epoch=3)
