"""Modules of nn.functional's families: what they say, hold and compute, against PyTorch's."""

import copy
import inspect
import pickle

import numpy as np
import pytest

import xpgrad as xg
from namespaces import host, tensor
from test_functional import numbers
from xpgrad import nn

rng = np.random.default_rng(2)
F32 = np.float32
X = rng.uniform(-2, 2, (4, 6)).astype(F32)
SIGNAL = rng.uniform(-2, 2, (4, 6, 5)).astype(F32)
IMAGE = rng.uniform(-2, 2, (4, 6, 3, 2)).astype(F32)
VOLUME = rng.uniform(-2, 2, (2, 6, 2, 3, 2)).astype(F32)
SIGNS = np.sign(rng.uniform(-1, 1, (4, 6))).astype(F32)
CLASSES = np.array([0, 5, 2, 2])

# A module, its arguments, and what it is called with (arrays), if at all.
MODULES = [
    ("ReLU6", (), (X * 5,)), ("Hardtanh", (-0.5, 0.7), (X,)), ("CELU", (0.7,), (X,)),
    ("SELU", (), (X,)), ("GLU", (), (X,)), ("PReLU", (), (X,)), ("PReLU", (6,), (SIGNAL,)),
    ("Hardswish", (), (X,)), ("Hardsigmoid", (), (X * 2,)), ("Hardshrink", (), (X,)),
    ("Softshrink", (0.3,), (X,)), ("Tanhshrink", (), (X,)), ("Softsign", (), (X,)),
    ("Mish", (), (X,)), ("Threshold", (0.1, 2.0), (X,)), ("LogSigmoid", (), (X,)),
    ("Softmin", (1,), (X,)), ("Softmax2d", (), (IMAGE,)), ("Sigmoid", (), (X,)),
    ("LogSoftmax", (1,), (X,)), ("Softmax", (0,), (X,)), ("GELU", (), (X,)), ("ELU", (2.0,), (X,)),
    ("LeakyReLU", (0.2,), (X,)), ("Tanh", (), (X,)), ("SiLU", (), (X,)), ("Softplus", (2,), (X,)),
    ("ReLU", (), (X,)), ("ReLU", (True,), None), ("ReLU6", (True,), None), ("SiLU", (True,), None),
    ("Mish", (True,), None), ("Hardswish", (True,), None), ("ELU", (1.0, True), None),
    ("CELU", (1.0, True), None), ("RReLU", (), None), ("RReLU", (0.1, 0.2, True), None),
    ("Threshold", (1, 2, True), None), ("Hardtanh", (-1, 1, True), None),
    ("BatchNorm1d", (6,), (X,)), ("BatchNorm1d", (6,), (SIGNAL,)),
    ("BatchNorm2d", (6, 1e-3, 0.3), (IMAGE,)), ("BatchNorm3d", (6, 1e-5, None), (VOLUME,)),
    ("BatchNorm1d", (6, 1e-5, 0.1, False, False), (X,)),
    ("InstanceNorm1d", (6,), (SIGNAL,)), ("InstanceNorm1d", (6,), (SIGNAL[0],)),
    ("InstanceNorm2d", (6, 1e-5, 0.1, True, True), (IMAGE,)), ("InstanceNorm3d", (6,), (VOLUME,)),
    ("GroupNorm", (3, 6), (IMAGE,)), ("GroupNorm", (2, 6, 1e-3, False), (X,)),
    ("LayerNorm", ((6, 5),), (SIGNAL,)), ("LayerNorm", (6, 1e-5, True, False), (X,)),
    ("RMSNorm", (6,), (X,)), ("RMSNorm", ((6, 5), 1e-3, False), (SIGNAL,)),
    ("LocalResponseNorm", (2,), (IMAGE,)),
    ("Dropout", (0.2, True), None), ("Dropout1d", (), None), ("Dropout2d", (0.1, True), None),
    ("Dropout3d", (), None), ("AlphaDropout", (), None), ("FeatureAlphaDropout", (), None),
    ("Embedding", (7, 3), (CLASSES,)), ("Embedding", (7, 3, -5, 1.0, 3.0, True), (CLASSES,)),
    ("Embedding", (7, 3, 0, 1.0, 3.0, True, True), None),
    ("EmbeddingBag", (7, 3), (CLASSES[None],)),
    ("EmbeddingBag", (7, 3, 1.0, 3.0, False, "sum", False, None, False, 2), (CLASSES[None],)),
    ("EmbeddingBag", (7, 3, 1.0, 3.0, True, "sum", False, None, True, 2), None),
    ("EmbeddingBag", (7, 3, None, 2.0, False, "max"), (CLASSES, np.array([0, 2]))),
    ("Bilinear", (6, 6, 4), (X, X[::-1].copy())), ("Bilinear", (6, 6, 2, False), (X, X)),
    ("CosineSimilarity", (), (X, X[::-1].copy())), ("PairwiseDistance", (1.0,), (X, X * 2)),
    ("Unflatten", (1, (2, 3)), (X,)), ("Flatten", (0,), (X,)), ("Identity", (), (X,)),
    ("Linear", (6, 3, False), (X,)),
    ("L1Loss", (), (X, SIGNS)), ("MSELoss", (None, None, "sum"), (X, SIGNS)),
    ("SmoothL1Loss", (None, None, "none", 0.5), (X, SIGNS)),
    ("HuberLoss", ("mean", 0.5), (X, SIGNS)),
    ("SoftMarginLoss", (), (X, SIGNS)), ("HingeEmbeddingLoss", (0.5,), (X, SIGNS)),
    ("MultiLabelSoftMarginLoss", (), (X, SIGNS)), ("MultiMarginLoss", (2, 0.5), (X, CLASSES)),
    ("MultiLabelMarginLoss", (), (X[0], np.array([3, 1, -1, 0, 0, 0]))),
    ("CrossEntropyLoss", (None, None, 2), (X, CLASSES)),
    ("CrossEntropyLoss", (None, None, -100, None, "sum", 0.1), (X, CLASSES)),
    ("NLLLoss", (), (X, CLASSES)), ("KLDivLoss", (None, None, "batchmean", True), (X, SIGNS)),
    ("PoissonNLLLoss", (False, True), (X + 3, X + 4)), ("GaussianNLLLoss", (), (X, SIGNS, X + 3)),
    ("MarginRankingLoss", (0.2,), (X, SIGNS * 2, SIGNS)),
    ("CosineEmbeddingLoss", (0.1,), (X, SIGNS, SIGNS[:, 0])),
    ("TripletMarginLoss", (0.5, 2.0, 1e-6, True), (X, SIGNS, X * 2)),
    ("TripletMarginWithDistanceLoss", (), (X, SIGNS, X * 2)),
    ("BCELoss", (), (X / 5 + 0.5, SIGNS / 2 + 0.5)),
    ("BCEWithLogitsLoss", (), (X, SIGNS / 2 + 0.5)),
    ("LinearCrossEntropyLoss", (6, 8), (X, CLASSES)),
    ("CTCLoss", (), (np.log(np.full((6, 2, 4), 0.25, F32)), np.array([[1, 2], [3, 3]]),
                     np.array([6, 5]), np.array([2, 2]))),
]  # fmt: skip
IDS = [f"{name}{arguments}" for name, arguments, _ in MODULES]


def pair(name, arguments):
    """PyTorch's module and ours, with the same parameters."""
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
    theirs, mine = (getattr(lib.nn, name)(*arguments) for lib in (torch, xg))
    mine.load_state_dict({k: xg.tensor(v.numpy().copy()) for k, v in theirs.state_dict().items()})
    return theirs, mine


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore:reduction")
@pytest.mark.parametrize(("name", "arguments", "inputs"), MODULES, ids=IDS)
def test_modules_like_pytorch(name, arguments, inputs):
    """Their text, state, attributes, results and gradients, in training and in evaluation."""
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
    theirs, mine = pair(name, arguments)
    assert repr(mine) == repr(theirs)
    assert list(mine.state_dict()) == list(theirs.state_dict())
    assert [n for n, _ in mine.named_parameters()] == [n for n, _ in theirs.named_parameters()]
    public = [{k for k in vars(m) if not k.startswith("_")} for m in (mine, theirs)]
    assert public[0] == public[1]
    for train in (True, False) if inputs is not None else ():
        found = []
        for lib, module in ((torch, theirs), (xg, mine)):
            module.train(train)
            module.zero_grad()
            given = [lib.tensor(a) for a in inputs]
            if given[0].dtype.is_floating_point:
                given[0].requires_grad_()
            out = module(*given)
            if out.requires_grad:
                n = out.numel()
                (out * lib.arange(1.0, 1 + n).div(n).reshape(out.shape)).sum().backward()
            leaves = [given[0], *module.parameters()]
            state = module.state_dict()
            found.append([
                numbers(t)
                for t in (out, *(x.grad for x in leaves), *state.values())
                if t is not None
            ])  # fmt: skip
        assert len(found[0]) == len(found[1])
        for a, e in zip(found[1], found[0], strict=True):
            assert a.dtype == e.dtype
            np.testing.assert_allclose(a, e, rtol=2e-5, atol=2e-6)


@pytest.mark.oracle
@pytest.mark.parametrize("name", sorted({name for name, _, _ in MODULES}))
def test_signatures_like_pytorch(name):
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")

    def parameters(lib):
        found = inspect.signature(getattr(lib.nn, name)).parameters
        return {k: ... if p.default is p.empty else p.default for k, p in found.items()}

    theirs = parameters(torch)
    if list(theirs) == ["args", "kwargs"]:  # of a Module that says nothing about it
        theirs = parameters(xg) if name in ("Identity",) else {}
    assert parameters(xg) == theirs


@pytest.mark.oracle
@pytest.mark.parametrize(
    ("name", "arguments"),
    [("Bilinear", (5, 4, 3)), ("EmbeddingBag", (50, 40)), ("PReLU", (3, 0.1)), ("RMSNorm", (4,)),
     ("BatchNorm1d", (3,)), ("GroupNorm", (1, 3)), ("InstanceNorm2d", (3, 1e-5, 0.1, True))],
)  # fmt: skip
def test_parameters_start_like_pytorchs(name, arguments):
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
    state = [getattr(lib.nn, name)(*arguments).state_dict() for lib in (torch, xg)]
    for key, theirs in state[0].items():
        mine, theirs = numbers(state[1][key]), numbers(theirs)
        assert mine.shape == theirs.shape
        assert mine.dtype == theirs.dtype
        if mine.size < 20 and name == "Bilinear":
            continue
        assert abs(mine.std() - theirs.std()) < 0.2
        assert abs(mine.mean() - theirs.mean()) < 0.2
        if name == "Bilinear":
            assert np.abs(mine).max() <= 5**-0.5


# ------------------------------------------------------------------ batch normalisation


@pytest.mark.oracle
@pytest.mark.parametrize("momentum", [0.1, None])
def test_running_statistics_of_several_batches(momentum):
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
    theirs, mine = pair("BatchNorm1d", (6, 1e-5, momentum))
    for i in range(3):
        theirs(torch.tensor(X * (i + 1) + i))
        mine(xg.tensor(X * (i + 1) + i))
    theirs.eval(), mine.eval()
    theirs(torch.tensor(X)), mine(xg.tensor(X))
    for name, value in theirs.state_dict().items():
        np.testing.assert_allclose(numbers(mine.state_dict()[name]), numbers(value), rtol=1e-5)
    assert mine.num_batches_tracked.item() == 3
    mine.reset_running_stats()
    assert mine.num_batches_tracked.item() == 0
    assert mine.running_var.tolist() == [1.0] * 6
    assert not np.any(numbers(mine.running_mean))


@pytest.mark.parametrize(
    ("module", "rank"),
    [(nn.BatchNorm1d(3), 4), (nn.BatchNorm2d(3), 3), (nn.BatchNorm3d(3), 4),
     (nn.InstanceNorm1d(3), 4), (nn.InstanceNorm2d(3), 2), (nn.InstanceNorm3d(3), 3)],
)  # fmt: skip
def test_other_ranks_are_refused(module, rank):
    with pytest.raises(ValueError, match=rf"expected .* input \(got {rank}D input\)"):
        module(xg.ones(*(3,) * rank))


def test_numbers_of_channels_are_checked():
    with pytest.raises(ValueError, match="to match num_features"):
        nn.InstanceNorm1d(4, affine=True)(xg.ones(2, 3, 5))
    with pytest.warns(UserWarning, match="does not match num_features"):
        nn.InstanceNorm1d(4)(xg.ones(2, 3, 5))
    with pytest.raises(ValueError, match="must be divisible by num_groups"):
        nn.GroupNorm(2, 3)


def test_batch_norm_is_copied_and_moved_with_its_buffers():
    norm = nn.BatchNorm1d(2)
    norm(xg.tensor([[1.0, 2.0], [3.0, 5.0]]))
    for twin in (copy.deepcopy(norm), pickle.loads(pickle.dumps(norm)), norm.double()):
        assert twin.running_mean.tolist() == pytest.approx([0.2, 0.35])
        assert twin.num_batches_tracked.item() == 1
    assert norm.running_var.dtype is xg.float64
    assert norm.num_batches_tracked.dtype is xg.int64


def test_norms_train_on_every_namespace(ns):
    found = []
    for where in (xg.tensor(0.0)._ns, ns):
        x = tensor(where, IMAGE, requires_grad=True)
        device = str(where.device)
        model = nn.Sequential(
            nn.BatchNorm2d(6, device=device),
            nn.GroupNorm(2, 6, device=device),
            nn.InstanceNorm2d(6, track_running_stats=True, device=device),
        )
        (model(x) * x.detach()).sum().backward()
        grads = [x.grad, *(p.grad for p in model.parameters())]
        found.append([host(t) for t in (*grads, *model.buffers())])
    for a, e in zip(*found, strict=True):
        np.testing.assert_allclose(a, e, rtol=2e-4, atol=2e-4)


# ------------------------------------------------------------------ embeddings


def test_pretrained_tables():
    table = xg.tensor([[1.0, 2.0], [3.0, 4.0]])
    for kind in (nn.Embedding, nn.EmbeddingBag):
        frozen = kind.from_pretrained(table)
        assert not frozen.weight.requires_grad
        assert kind.from_pretrained(table, freeze=False).weight.requires_grad
        assert frozen(xg.tensor([[1]])).tolist() in ([[[3.0, 4.0]]], [[3.0, 4.0]])
        with pytest.raises(AssertionError, match="2-dimensional"):
            kind.from_pretrained(xg.ones(3))
    with pytest.raises(AssertionError, match="Shape of weight does not match"):
        nn.Embedding(3, 2, _weight=table)


def test_a_row_for_padding_starts_at_zero():
    assert nn.EmbeddingBag(3, 4, padding_idx=-1).weight[2].tolist() == [0.0] * 4
    with pytest.raises(AssertionError, match="padding_idx must be within num_embeddings"):
        nn.EmbeddingBag(3, 4, padding_idx=3)


def test_arguments_of_modules_are_checked():
    with pytest.raises(ValueError, match="in1_features must be > 0"):
        nn.Bilinear(0, 2, 3)
    with pytest.raises(AssertionError, match="max_val must be larger than min_val"):
        nn.Hardtanh(1, -1)
    with pytest.raises(ValueError, match="only p == 1 and p == 2 supported"):
        nn.MultiMarginLoss(3)
    with pytest.raises(ValueError, match="margin to be greater than 0, got 0 instead"):
        nn.TripletMarginLoss(0)
    with pytest.raises(TypeError, match="found element of type str at pos 1"):
        nn.Unflatten(1, (2, "3"))
    with pytest.raises(ValueError, match="expected input to be 3D or 4D, got 2D"):
        nn.Softmax2d()(xg.ones(2, 2))
    with pytest.raises(RuntimeError, match="label_smoothing to be in range"):
        nn.LinearCrossEntropyLoss(2, 3, label_smoothing=2.0)
    with pytest.raises(RuntimeError, match="expected weight shape"):
        nn.LinearCrossEntropyLoss(2, 3, weight=xg.ones(2))


@pytest.mark.parametrize("kind", [nn.MSELoss, nn.CrossEntropyLoss, nn.TripletMarginLoss])
def test_former_spelling_of_reductions(kind):
    with pytest.warns(UserWarning, match="please use reduction='sum' instead"):
        assert kind(size_average=False).reduction == "sum"


def test_modules_that_are_not_others():
    """Who looks for modules of a kind finds no more than PyTorch has of it."""
    assert not isinstance(nn.SELU(), nn.ReLU)
    assert not isinstance(nn.CELU(), nn.ELU)
    assert not isinstance(nn.Dropout2d(), nn.Dropout)
    assert not isinstance(nn.LogSoftmax(), nn.Softmax)
    assert isinstance(nn.ReLU6(), nn.Hardtanh)


# ------------------------------------------------------------------ adaptive softmax


@pytest.mark.oracle
@pytest.mark.parametrize("bias", [True, False])
def test_adaptive_softmax_like_pytorch(bias):
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
    theirs, mine = pair("AdaptiveLogSoftmaxWithLoss", (6, 12, [3, 7], 2.0, bias))
    assert repr(mine) == repr(theirs)
    found = []
    for lib, module in ((torch, theirs), (xg, mine)):
        x = lib.tensor(X, requires_grad=True)
        for target in ([0, 4, 11, 7], [1, 2, 0, 0]):
            out, loss = module(x, lib.tensor(target))
            (out.sum() + loss).backward()
        one = module(x[0], lib.tensor(5))
        found.append([
            numbers(t)
            for t in (out, loss, *one, module.log_prob(x), module.predict(x), x.grad,
                      *(p.grad for p in module.parameters()))
        ])  # fmt: skip
    for a, e in zip(*found, strict=True):
        np.testing.assert_allclose(a, e, rtol=2e-5, atol=2e-6)
    for target in (np.array([0, 4, 11, 12]), np.array([0, 4]), np.zeros((4, 1), int)):
        with pytest.raises(RuntimeError) as expected:
            theirs(torch.tensor(X), torch.tensor(target))
        with pytest.raises(RuntimeError) as error:
            mine(xg.tensor(X), xg.tensor(target))
        assert str(error.value) == str(expected.value)
    with pytest.raises(ValueError, match="unique, positive integers sorted"):
        nn.AdaptiveLogSoftmaxWithLoss(6, 12, [7, 3])
