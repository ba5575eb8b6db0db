"""nn.functional's families against PyTorch: kinks, dtypes, errors, statistics, what is random.

Values and derivatives of every function are in `test_op_db.py`; this is what that does not ask.
"""

import math
import warnings

import numpy as np
import pytest

import xpgrad as xg
from namespaces import has_dtype, host, tensor
from test_functional import LARGE, compare, is_float, numbers, run
from xpgrad.nn import functional

F32 = np.float32
rng = np.random.default_rng(11)
X = rng.uniform(-2, 2, (4, 6))
Y = rng.uniform(-2, 2, (4, 6))
IMAGE = rng.uniform(-2, 2, (3, 4, 2, 2))
CHANNELS = rng.uniform(0.5, 1.5, 4)
SHIFTS = rng.uniform(-1, 1, 4)
nan, inf = math.nan, math.inf

# ------------------------------------------------------------------ kinks, and what is no number

KINKS = {
    "hardtanh": (lambda F, x: F.hardtanh(x), [-1.0, 1.0, 0.5, -2.0, nan, inf, -inf]),
    "relu6": (lambda F, x: F.relu6(x), [0.0, 6.0, 3.0, 7.0, nan]),
    "hardsigmoid": (lambda F, x: F.hardsigmoid(x), [-3.0, 3.0, 0.0, 4.0, nan]),
    "hardswish": (lambda F, x: F.hardswish(x), [-3.0, 3.0, 1.0, -4.0, nan, inf]),
    "threshold": (lambda F, x: F.threshold(x, 1.0, 5.0), [1.0, 2.0, 0.0, nan]),
    "hardshrink": (lambda F, x: F.hardshrink(x), [0.5, -0.5, 0.0, 1.0, nan, inf]),
    "softshrink": (lambda F, x: F.softshrink(x), [0.5, -0.5, 0.0, 1.0, nan, inf]),
    "celu": (lambda F, x: F.celu(x, 0.5), [0.0, -1.0, 1.0, nan, -1e3, 1e3]),
    "elu": (lambda F, x: F.elu(x, 0.5), [0.0, -1.0, 1.0, nan, -1e3, 1e3]),
    "prelu": (lambda F, x, w: F.prelu(x, w), [0.0, -1.0, 1.0], [0.25]),
    "rrelu": (lambda F, x: F.rrelu(x), [0.0, -1.0, 1.0]),
    "softsign": (lambda F, x: F.softsign(x), [0.0, -1.0, 1.0]),
    "tanhshrink": (lambda F, x: F.tanhshrink(x), [0.0, -1.0, 1.0]),
    "mish": (lambda F, x: F.mish(x), [0.0, -1.0, 1.0, 30.0, -30.0]),
    "glu": (lambda F, x: F.glu(x), [0.0, -1.0, 1.0, -1000.0]),
    "hinge": (lambda F, x: F.hinge_embedding_loss(x, -x.detach() ** 0, reduction="none"),
              [1.0, 0.5, 2.0]),
    "ranking": (lambda F, x, y: F.margin_ranking_loss(x, y, y.detach() ** 0, reduction="none"),
                [1.0, 0.5, 2.0], [1.0, 1.0, 1.0]),
    "multi margin": (lambda F, x: F.multi_margin_loss(x, (x.detach() * 0).long()[0]),
                     [1.0, 0.0, -1.0]),
    "pairwise": (lambda F, x, y: F.pairwise_distance(x, y, eps=0.0), [0.0, 0.0], [0.0, 0.0]),
    "cosine": (lambda F, x, y: F.cosine_similarity(x, y, 0, 0.5), [0.0, 0.0], [1.0, 0.0]),
    "variance": (lambda F, x, v: F.gaussian_nll_loss(x, x.detach() * 2, v, eps=0.5),
                 [1.0, 2.0], [0.25, 1.0]),
}  # fmt: skip


# PyTorch has no second derivative, or one that is no number or (prelu) the one from above.
ONCE = {"hardsigmoid", "multi margin", "pairwise", "cosine", "prelu"}


@pytest.mark.oracle
@pytest.mark.parametrize("case", KINKS)
def test_kinks_like_pytorch(case):
    program, *values = KINKS[case]
    order = 1 if case in ONCE else 2
    tolerance = 1e-7 if case == "hardsigmoid" else 1e-9  # PyTorch's sixth is in single precision
    compare(program, *map(np.array, values), order=order, name=False, tolerance=tolerance)


def test_no_distance_has_no_slope():
    """As in PyTorch, which differentiates it once."""
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
    rows = np.array([[1.0, 2.0], [0.0, 0.0], [1.0, 2.0]])
    for p in (0.5, 1, 2, 3, 0):
        found = []
        for lib in (torch, xg):
            x = lib.tensor(rows, requires_grad=True)
            lib.nn.functional.pdist(x, p).sum().backward()
            found.append(np.zeros((3, 2)) if x.grad is None else numbers(x.grad))
        np.testing.assert_allclose(*found)


def test_counts_of_nothing_have_no_slope():
    """Where PyTorch's is no number."""
    t = xg.tensor([0.0, 0.5, 3.0], requires_grad=True)
    x = xg.zeros(3)
    loss = functional.poisson_nll_loss(x, t, full=True, reduction="none")
    assert loss[:2].tolist() == [1.0, 1.0]
    (g,) = xg.autograd.grad(loss.sum(), t)
    assert g[:2].tolist() == [0.0, 0.0]
    assert g[2].item() == pytest.approx(math.log(3) + 1 / 6)


STEADY = {
    "celu": lambda F, x: F.celu(x),
    "mish": lambda F, x: F.mish(x),
    "hardswish": lambda F, x: F.hardswish(x),
    "softsign": lambda F, x: F.softsign(x),
    "glu": lambda F, x: F.glu(x),
    "soft margin": lambda F, x: F.soft_margin_loss(x, x.detach() ** 0),
    "multilabel": lambda F, x: F.multilabel_soft_margin_loss(x, x.detach() ** 0),
    "rms_norm": lambda F, x: F.rms_norm(x, (8,)),
    "batch_norm": lambda F, x: F.batch_norm(x.reshape(4, 2), None, None, training=True),
    "group_norm": lambda F, x: F.group_norm(x.reshape(2, 4), 2),
    "cross entropy": lambda F, x: F.cross_entropy(x.reshape(2, 4), x.detach().long()[:2] * 0),
    "in chunks": lambda F, x: F.linear_cross_entropy(
        x.reshape(4, 2), x.detach().reshape(4, 2) * 0 + 1, x.detach().long()[:4] * 0,
        options=xg.nn.LinearCrossEntropyOptions(batch_chunk_size=3)),
}  # fmt: skip


@pytest.mark.parametrize("kind", [F32, np.float64])
@pytest.mark.parametrize("case", STEADY)
def test_large_inputs_stay_finite(case, kind):
    found, _ = run(xg, functional, STEADY[case], [LARGE.astype(kind)], order=2)
    for values in found:
        assert np.all(np.isfinite(values)), found


# ------------------------------------------------------------------ dtypes

DTYPES = ("int64", "uint8", "bool", "complex64", "float16", "float32")
OF_DTYPES = {
    name: (lambda F, x, name=name: getattr(F, name)(x))
    for name in (
        "hardtanh", "relu6", "hardsigmoid", "hardswish", "hardshrink", "softshrink", "celu", "elu",
        "selu", "leaky_relu", "softsign", "tanhshrink", "mish", "rrelu", "relu", "logsigmoid",
        "gelu", "softplus", "silu", "glu",
    )
} | {
    "threshold": lambda F, x: F.threshold(x, 1, 2),
    "gumbel_softmax": lambda F, x: F.gumbel_softmax(x),
    "normalize": lambda F, x: F.normalize(x),
    "batch_norm": lambda F, x: F.batch_norm(x, None, None, training=True),
    "instance_norm": lambda F, x: F.instance_norm(x[None]),
    "group_norm": lambda F, x: F.group_norm(x, 2),
    "layer_norm": lambda F, x: F.layer_norm(x, (4,)),
    "rms_norm": lambda F, x: F.rms_norm(x, (4,)),
    "cosine_similarity": lambda F, x: F.cosine_similarity(x, x),
    "pairwise_distance": lambda F, x: F.pairwise_distance(x, x + x),
    "pdist": lambda F, x: F.pdist(x),
    "kl_div": lambda F, x: F.kl_div(x, x, reduction="sum"),
    "soft_margin_loss": lambda F, x: F.soft_margin_loss(x, x),
    "alpha_dropout": lambda F, x: F.alpha_dropout(x, 0.5, True),
    "dropout2d": lambda F, x: F.dropout1d(x, 0.5),
}  # fmt: skip

# Half precision: what PyTorch's CPU has no kernel for, and nothing speaks against.
MORE = {("pdist", "float16"), ("pdist", "bool"), ("rms_norm", "bool"), ("dropout2d", "complex64")}


@pytest.mark.oracle
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", OF_DTYPES)
def test_dtypes_like_pytorch(name, dtype):
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
    if (name, dtype) in MORE:
        return
    found = []
    for lib in (torch, xg):
        try:
            out = OF_DTYPES[name](lib.nn.functional, lib.ones(2, 4, dtype=getattr(lib, dtype)))
            found.append(str(out.dtype).partition(".")[2])
        except Exception as error:
            found.append(error)
    theirs, mine = found
    if isinstance(theirs, Exception):
        assert isinstance(mine, type(theirs)), f"{mine!r}, not {theirs!r}"
    else:
        assert mine == theirs


@pytest.mark.parametrize("name", ["layer_norm", "rms_norm", "batch_norm", "group_norm", "mish"])
def test_half_precision_is_computed_in_single(name):
    """Squares of 300 overflow in half precision."""
    x = np.linspace(-300, 300, 8).reshape(2, 4)
    found = []
    for kind in (np.float16, F32):
        t = xg.tensor(x.astype(kind), requires_grad=True)
        out = OF_DTYPES[name](functional, t)
        (out * xg.arange(8.0).reshape(2, 4).to(out.dtype)).sum().backward()
        assert out.dtype is t.dtype is t.grad.dtype
        found.append((numbers(out), numbers(t.grad)))
    for a, e in zip(*found, strict=True):
        np.testing.assert_allclose(a, e, rtol=4e-3, atol=4e-3)


# ------------------------------------------------------------------ errors


def _same(t, F, name, *args, **more):
    return getattr(F, name)(t.ones(2, 3), t.ones(2, 3), *args, **more)


ERRORS = {
    "hardtanh": lambda t, F: F.hardtanh(t.ones(2), 2, 1),
    "unsigned": lambda t, F: F.hardtanh(t.ones(2, dtype=t.uint8), -1, 1),
    "softshrink": lambda t, F: F.softshrink(t.ones(2), -1),
    "celu": lambda t, F: F.celu(t.ones(2), 0.0),
    "glu": lambda t, F: F.glu(t.ones(3)),
    "glu of a number": lambda t, F: F.glu(t.tensor(1.0)),
    "prelu": lambda t, F: F.prelu(t.ones(2, 3), t.ones(2)),
    "prelu of a number": lambda t, F: F.prelu(t.tensor(1.0), t.ones(2)),
    "prelu weight": lambda t, F: F.prelu(t.ones(2, 3), t.ones(1, 3)),
    "prelu type": lambda t, F: F.prelu(t.ones(2, 3), t.ones(3, dtype=t.float64)),
    "rrelu": lambda t, F: F.rrelu(t.ones(3), 0.5, 0.1),
    "a list": lambda t, F: F.relu6([1.0]),
    "batch_norm": lambda t, F: F.batch_norm(t.ones(2, 3), None, None),
    "one value": lambda t, F: F.batch_norm(t.ones(1, 3), None, None, training=True),
    "one running": lambda t, F: F.batch_norm(t.ones(2, 3), t.ones(3), None, training=True),
    "running mean": lambda t, F: F.batch_norm(t.ones(2, 3), t.ones(4), t.ones(3), training=True),
    "batch_norm weight": lambda t, F: F.batch_norm(
        t.ones(2, 3), None, None, t.ones(4), training=True),
    "batch_norm type": lambda t, F: F.batch_norm(
        t.ones(2, 3), None, None, t.ones(3, dtype=t.float64), training=True),
    "instance_norm": lambda t, F: F.instance_norm(t.ones(2, 3, 1)),
    "instance_norm running": lambda t, F: F.instance_norm(t.ones(2, 3, 2), use_input_stats=False),
    "instance_norm weight": lambda t, F: F.instance_norm(t.ones(2, 3, 2), weight=t.ones(4)),
    "group_norm": lambda t, F: F.group_norm(t.ones(2, 6, 3), 4),
    "group_norm rank": lambda t, F: F.group_norm(t.ones(3), 1),
    "group_norm weight": lambda t, F: F.group_norm(t.ones(2, 6), 2, t.ones(5)),
    "group_norm of one": lambda t, F: F.group_norm(t.ones(1, 2), 2),
    "layer_norm type": lambda t, F: F.layer_norm(t.ones(2, 3), (3,), t.ones(3, dtype=t.float64)),
    "rms_norm": lambda t, F: F.rms_norm(t.ones(2, 3), (4,)),
    "rms_norm weight": lambda t, F: F.rms_norm(t.ones(2, 3), (3,), t.ones(2)),
    "response": lambda t, F: F.local_response_norm(t.ones(2, 3), 2),
    "dropout1d": lambda t, F: F.dropout1d(t.ones(2, 3, 4, 5)),
    "alpha_dropout": lambda t, F: F.alpha_dropout(t.ones(3), -1),
    "feature dropout": lambda t, F: F.feature_alpha_dropout(t.ones(3), 0.5, True),
    "bilinear": lambda t, F: F.bilinear(t.ones(4, 5), t.ones(4, 3), t.ones(2, 4, 3)),
    "bilinear second": lambda t, F: F.bilinear(t.ones(4, 5), t.ones(4, 3), t.ones(2, 5, 2)),
    "bilinear bias": lambda t, F: F.bilinear(
        t.ones(4, 5), t.ones(4, 3), t.ones(2, 5, 3), t.ones(3)),
    "bilinear batch": lambda t, F: F.bilinear(t.ones(4, 5), t.ones(2, 3), t.ones(2, 5, 3)),
    "bag": lambda t, F: F.embedding_bag(t.tensor([0, 1]), t.ones(3, 2)),
    "bag offsets": lambda t, F: F.embedding_bag(
        t.tensor([[0, 1]]), t.ones(3, 2), t.tensor([0])),
    "bag first": lambda t, F: F.embedding_bag(t.tensor([0, 1]), t.ones(3, 2), t.tensor([1])),
    "bag last": lambda t, F: F.embedding_bag(t.tensor([0, 1]), t.ones(3, 2), t.tensor([0, 5])),
    "bag mode": lambda t, F: F.embedding_bag(t.tensor([[0, 1]]), t.ones(3, 2), mode="foo"),
    "bag factors": lambda t, F: F.embedding_bag(
        t.tensor([[0, 1]]), t.ones(3, 2), per_sample_weights=t.ones(1, 2)),
    "bag factors' shape": lambda t, F: F.embedding_bag(
        t.tensor([[0, 1]]), t.ones(3, 2), mode="sum", per_sample_weights=t.ones(1, 3)),
    "bag frequency": lambda t, F: F.embedding_bag(
        t.tensor([[0, 1]]), t.ones(3, 2), mode="max", scale_grad_by_freq=True),
    "bag padding": lambda t, F: F.embedding_bag(t.tensor([[0, 1]]), t.ones(3, 2), padding_idx=5),
    "bag of floats": lambda t, F: F.embedding_bag(t.ones(1, 2), t.ones(3, 2)),
    "bag table": lambda t, F: F.embedding_bag(t.tensor([[0, 1]]), t.ones(3)),
    "pdist": lambda t, F: F.pdist(t.ones(3)),
    "pdist order": lambda t, F: F.pdist(t.ones(3, 2), -1.0),
    "cosine": lambda t, F: F.cosine_similarity(t.ones(2, 3), t.ones(2, 4)),
    "margin": lambda t, F: F.margin_ranking_loss(t.ones(2, 3), t.ones(2), t.ones(2)),
    "multi_margin": lambda t, F: F.multi_margin_loss(t.ones(2, 3), t.tensor([0, 3])),
    "multi_margin power": lambda t, F: F.multi_margin_loss(t.ones(2, 3), t.tensor([0, 1]), p=3),
    "multi_margin weight": lambda t, F: F.multi_margin_loss(
        t.ones(2, 3), t.tensor([0, 1]), weight=t.ones(2)),
    "multilabel": lambda t, F: F.multilabel_margin_loss(t.ones(2, 3), t.tensor([[0, 1], [1, 0]])),
    "multilabel range": lambda t, F: F.multilabel_margin_loss(t.ones(3), t.tensor([0, 3, -1])),
    "triplet margin": lambda t, F: F.triplet_margin_loss(
        t.ones(2), t.ones(2), t.ones(2), margin=0),
    "triplet ranks": lambda t, F: F.triplet_margin_loss(t.ones(2, 3), t.ones(3), t.ones(2, 3)),
    "cosine loss": lambda t, F: F.cosine_embedding_loss(t.ones(2, 3), t.ones(2, 3), t.ones(2, 1)),
    "variance": lambda t, F: F.gaussian_nll_loss(t.ones(2, 3), t.ones(2, 3), -t.ones(2, 3)),
    "variance shape": lambda t, F: F.gaussian_nll_loss(t.ones(2, 3), t.ones(2, 3), t.ones(3)),
    "gaussian reduction": lambda t, F: _same(t, F, "gaussian_nll_loss", 1.0, reduction="foo"),
    "kl_div reduction": lambda t, F: _same(t, F, "kl_div", reduction="foo"),
    "ctc lengths": lambda t, F: F.ctc_loss(t.ones(5, 2, 3), t.ones(2, 2).long(), (6, 5), (1, 1)),
    "ctc targets": lambda t, F: F.ctc_loss(t.ones(5, 2, 3), t.ones(2, 2).long(), (5, 5), (3, 1)),
    "ctc blank": lambda t, F: F.ctc_loss(
        t.ones(5, 2, 3), t.ones(2, 2).long(), (5, 5), (1, 1), blank=3),
    "ctc batch": lambda t, F: F.ctc_loss(t.ones(5, 2, 3), t.ones(2, 2).long(), (5,), (1, 1)),
    "ctc rows": lambda t, F: F.ctc_loss(t.ones(5, 2, 3), t.ones(3).long(), (5, 5), (1, 1)),
    "ctc type": lambda t, F: F.ctc_loss(
        t.ones(5, 2, 3, dtype=t.float16), t.ones(2, 2).long(), (5, 5), (1, 1)),
    "options": lambda t, F: t.nn.LinearCrossEntropyOptions(batch_chunk_size=0),
    "chunking": lambda t, F: t.nn.LinearCrossEntropyOptions(chunking_method="foo"),
    "policy": lambda t, F: t.nn.LinearCrossEntropyOptions(acc_policy="foo"),
}  # fmt: skip

# Words of PyTorch's messages that must be in ours, where the whole message is not.
KEY_WORDS = {
    "a list": "argument 'input' (position 1) must be Tensor, not list",
    "response": "Expected 3D or higher dimensionality",
    "ctc lengths": "Expected input_lengths to have value at most 5, but got value 6",
    "ctc targets": "Expected tensor to have size at least 3 at dimension 1, but got size 2",
    "ctc rows": "Expected tensor to have size 2 at dimension 0, but got size 3",
    "ctc type": "not implemented for 'Half'",
    "bag first": "in the mini-batch has to start from position 0. However, got 1",
    "bag factors": "per_sample_weights is only supported for mode='sum' (got mode='mean').",
}


@pytest.mark.oracle
@pytest.mark.parametrize("case", ERRORS)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_errors_like_pytorch(case):
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
    with pytest.raises(Exception) as theirs:  # noqa: PT011
        ERRORS[case](torch, torch.nn.functional)
    with pytest.raises(type(theirs.value)) as mine:
        ERRORS[case](xg, functional)
    words = KEY_WORDS.get(case, str(theirs.value)).replace("torch.", "xpgrad.")
    assert words in str(mine.value)
    if case in KEY_WORDS:
        assert KEY_WORDS[case] in str(theirs.value)


# ------------------------------------------------------------------ normalisation


def _running(lib, name, *args, **more):
    """A function's result, and the running statistics that it leaves."""
    mean, var = lib.tensor(SHIFTS), lib.tensor(CHANNELS)
    out = getattr(lib.nn.functional, name)(lib.tensor(IMAGE), mean, var, *args, **more)
    return [numbers(t) for t in (out, mean, var)]


@pytest.mark.oracle
@pytest.mark.parametrize("momentum", [0.1, 0.0, 1.0, 0.7])
@pytest.mark.parametrize(
    ("name", "more"),
    [("batch_norm", {"training": True}), ("batch_norm", {}), ("instance_norm", {}),
     ("instance_norm", {"use_input_stats": False})],
)  # fmt: skip
def test_running_statistics_like_pytorch(name, more, momentum):
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
    for a, e in zip(
        _running(xg, name, momentum=momentum, **more),
        _running(torch, name, momentum=momentum, **more),
        strict=True,
    ):
        np.testing.assert_allclose(a, e, rtol=1e-9, atol=1e-12)


def test_running_statistics_may_move_before_gradients_are_asked_for():
    x = xg.tensor([[1.0, 2.0], [3.0, 5.0]], requires_grad=True)
    w = xg.ones(2, requires_grad=True)
    mean, var = xg.tensor([1.0, 2.0]), xg.tensor([4.0, 9.0])
    out = functional.batch_norm(x, mean, var, w, eps=0.0)
    functional.batch_norm(x, mean, var, training=True)
    out.sum().backward()
    np.testing.assert_allclose(host(x.grad), [[1 / 2, 1 / 3]] * 2, rtol=1e-6)
    np.testing.assert_allclose(host(w.grad), [2 / 2, 3 / 3], rtol=1e-6)


PATHS = {
    "NllLossBackward0": lambda F, x: F.cross_entropy(x[:, :, 0, 0], x[:, 0, 0, 0].long() * 0),
    "NllLoss2DBackward0": lambda F, x: F.cross_entropy(x, x[:, 0].long() * 0, reduction="none"),
    "ViewBackward0": lambda F, x: F.nll_loss(x[..., 0], x[:, 0, :, 0].long() * 0, reduction="none"),
    "AddBackward0": lambda F, x: F.cross_entropy(x, x[:, 0].long() * 0, label_smoothing=0.1),
    "MulBackward0": lambda F, x: F.dropout2d(x),
    "MultiMarginLossBackward0": lambda F, x: F.multi_margin_loss(
        x[:, :, 0, 0], x[:, 0, 0, 0].long() * 0
    ),
    "NativeBatchNormBackward0": lambda F, x: F.batch_norm(
        x, x[0, :, 0, 0].detach(), x[0, :, 0, 0].detach() ** 2 + 1
    ),
}


@pytest.mark.oracle
@pytest.mark.parametrize("name", PATHS)
def test_nodes_have_the_names_of_pytorchs(name):
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
    for t in (xg, torch):
        assert (
            PATHS[name](t.nn.functional, t.ones(2, 3, 4, 5).requires_grad_()).grad_fn.name() == name
        )


PROGRAMS = {
    "group norm": (lambda F, x, w, b: F.group_norm(x, 2, w, b), IMAGE, CHANNELS, SHIFTS),
    "group norm, flat": (lambda F, x, w, b: F.group_norm(x, 2, w, b), X[:, :4], CHANNELS, SHIFTS),
    "instance norm": (lambda F, x, w: F.instance_norm(x, weight=w), IMAGE, CHANNELS),
    "batch norm": (lambda F, x, w, b: F.batch_norm(x, None, None, w, b, True), IMAGE, CHANNELS,
                   SHIFTS),
    "batch norm, flat": (lambda F, x, b: F.batch_norm(x, None, None, None, b, True), X[:, :4],
                         SHIFTS),
    "batch norm, eval": (
        lambda F, x, w, b: F.batch_norm(x, b.detach(), w.detach(), w, b), IMAGE, CHANNELS, SHIFTS),
    "rms norm": (lambda F, x, w: F.rms_norm(x, (6,), w), X, Y[0]),
    "response": (lambda F, x: F.local_response_norm(x, 3, 0.5, 0.75, 2.0), IMAGE),
    "normalize": (lambda F, x: F.normalize(x, 3.0, 0), X),
    "bag": (lambda F, x, i: F.embedding_bag(i, x), X, np.array([[0, 3], [3, 3]])),
    "prelu, channels": (lambda F, x, w: F.prelu(x, w), IMAGE, CHANNELS),
    "poisson": (lambda F, x, y: F.poisson_nll_loss(x, y.detach(), full=True), X, Y + 2.5),
    "kl": (lambda F, x, y: F.kl_div(x, y, reduction="batchmean", log_target=True), X, Y),
}  # fmt: skip


@pytest.mark.oracle
@pytest.mark.parametrize("case", PROGRAMS)
def test_like_pytorch(case):
    program, *arrays = PROGRAMS[case]
    once = ("bag", "batch norm, flat")  # PyTorch's second derivatives fail
    compare(program, *arrays, order=1 if case in once else 2, name=False)


@pytest.mark.oracle
@pytest.mark.parametrize("function", ["batch_norm", "group_norm", "layer_norm", "rms_norm"])
def test_node_names_of_norms(function):
    pytest.importorskip("torch", reason="PyTorch is the oracle here")
    x = xg.tensor(X, requires_grad=True)
    made = {
        "batch_norm": functional.batch_norm(x, None, None, training=True),
        "group_norm": functional.group_norm(x, 2),
        "layer_norm": functional.layer_norm(x, (6,)),
        "rms_norm": functional.rms_norm(x, (6,)),
    }[function]
    title = "".join(part.capitalize() for part in function.split("_"))
    expected = "FusedRmsNorm" if function == "rms_norm" else f"Native{title}"
    assert made.grad_fn.name() == f"{expected}Backward0"


@pytest.mark.parametrize("rows", [3, 400])
def test_blocks_of_rows_are_as_good_as_all_of_them(rows, cpu, monkeypatch):
    """In blocks that fit a cache, or all at once: the same numbers, also at second order."""
    x = rng.uniform(-2, 2, (rows, 5))
    w, b = rng.uniform(-2, 2, (2, 5))
    program = lambda F, x, w, b: F.layer_norm(x, (5,), w, b) + F.rms_norm(x, (5,), w)
    found = []
    for block in (None, 16):
        monkeypatch.setattr(type(cpu), "block", block)
        found.append(run(xg, functional, program, [x, w, b], order=2)[0])
    for a, e in zip(*found, strict=True):
        np.testing.assert_allclose(a, e, rtol=1e-9, atol=1e-9)


# ------------------------------------------------------------------ bags, distances, sequences

BAGS = {
    "in a row": {"input": [0, 3, 1, 3, 3], "offsets": [0, 2, 2, 4]},
    "the last offset": {"input": [0, 3, 1, 3], "offsets": [0, 1, 4], "include_last_offset": True},
    "rows": {"input": [[0, 3], [1, 1]]},
    "padding": {"input": [0, 3, 1, 3], "offsets": [0, 1, 1], "padding_idx": 3},
    "rows with padding": {"input": [[3, 3], [1, 3]], "padding_idx": -1},
    "nothing": {"input": np.zeros(0, int), "offsets": [0, 0]},
    "by frequency": {"input": [[0, 3], [3, 3]], "scale_grad_by_freq": True},
    "scaled": {"input": [[0, 3], [3, 3]], "max_norm": 1.0, "norm_type": 1.0},
}  # fmt: skip


@pytest.mark.oracle
@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
@pytest.mark.parametrize("case", BAGS)
def test_bags_like_pytorch(case, mode):
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
    if mode == "max" and case == "by frequency":
        return
    found = []
    for lib in (torch, xg):
        how = {
            k: lib.tensor(v) if isinstance(v, (list, np.ndarray)) else v
            for k, v in BAGS[case].items()
        }
        table = lib.tensor(X[:, :3], requires_grad=case != "scaled")
        out = lib.nn.functional.embedding_bag(weight=table, mode=mode, **how)
        found.append([numbers(out), numbers(table)])
        if table.requires_grad:
            (out * lib.arange(out.numel()).reshape(out.shape)).sum().backward()
            found[-1].append(numbers(table.grad))
    for a, e in zip(*found, strict=True):
        np.testing.assert_allclose(a, e, rtol=1e-12, atol=1e-12)


def test_a_padding_row_that_is_no_number_does_not_count():
    table = xg.tensor([[1.0], [nan]], requires_grad=True)
    for mode in ("sum", "mean", "max"):
        out = functional.embedding_bag(xg.tensor([[0, 1]]), table, mode=mode, padding_idx=1)
        assert out.item() == 1
        (g,) = xg.autograd.grad(out.sum(), table)
        assert g.tolist() == [[1.0], [0.0]]


@pytest.mark.parametrize("without", [True, False])
def test_large_bags_with_and_without_scipy(without, monkeypatch):
    """The sparse products that large ones are made of, against sums by index."""
    if without:
        import xpgrad_backends.numpy_sparse as sparse

        monkeypatch.setattr(sparse, "SMALL", 10**9)
    table = xg.tensor(rng.uniform(-1, 1, (50, 64)), requires_grad=True)
    places = rng.integers(0, 50, (30, 7))
    factors = xg.tensor(rng.uniform(-1, 1, (30, 7)), requires_grad=True)
    out = functional.embedding_bag(xg.tensor(places), table, mode="sum", per_sample_weights=factors)
    seed = rng.uniform(-1, 1, (30, 64))
    out.backward(xg.tensor(seed))
    t, f = numbers(table), numbers(factors)
    np.testing.assert_allclose(numbers(out), np.einsum("blw,bl->bw", t[places], f), rtol=1e-12)
    expected = np.zeros_like(t)
    np.add.at(expected, places, f[..., None] * seed[:, None])
    np.testing.assert_allclose(numbers(table.grad), expected, rtol=1e-11, atol=1e-12)
    by_factor = np.einsum("blw,bw->bl", t[places], seed)
    np.testing.assert_allclose(numbers(factors.grad), by_factor, rtol=1e-11)
    rows = xg.tensor(t, requires_grad=True)
    functional.embedding(xg.tensor(places), rows).backward(xg.tensor(t[places]))
    expected = np.zeros_like(t)
    np.add.at(expected, places, t[places])
    np.testing.assert_allclose(numbers(rows.grad), expected, rtol=1e-11)


def test_positions_of_large_bags_are_checked_below_the_door():
    """SciPy's products would read and write beside the arrays."""
    table = xg.tensor(np.ones((50, 1000)))
    inside = xg.tensor(np.zeros(8, int))
    outside = xg.tensor(np.array([0, 1, 2, 3, 4, 5, 6, 50]))
    for places, bags in ((outside, inside), (inside, outside)):
        with pytest.raises((IndexError, RuntimeError), match="out of bounds"):
            xg.ops.bags.embedding_bag(table, places, bags, None, count=50)


CTC = {
    "rows": (([[1, 2, 2], [3, 1, 0]], (6, 5), (3, 2)), {}),
    "one after the other": (([1, 2, 2, 3, 1], (6, 5), (3, 2)), {}),
    "blank": (([[1, 2, 2], [3, 1, 0]], (6, 5), (3, 2)), {"blank": 3}),
    "no labels": (([[1, 2, 2], [3, 1, 0]], (6, 5), (3, 0)), {}),
    "too few steps": (([[1, 2, 2], [3, 1, 0]], (2, 5), (3, 2)), {"zero_infinity": True}),
    "tensors": (([[1, 2, 2], [3, 1, 0]], [6, 5], [3, 2]), {}),
}


@pytest.mark.oracle
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("case", CTC)
def test_ctc_like_pytorch(case, reduction):
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
    (targets, *lengths), more = CTC[case]
    if case == "blank":
        targets = [[1, 2, 2], [0, 1, 0]]
    scores = np.random.default_rng(3).normal(size=(6, 2, 4))
    found = []
    for lib in (torch, xg):
        x = lib.tensor(scores, requires_grad=True)
        args = [lib.tensor(n) if isinstance(n, list) else n for n in (targets, *lengths)]
        out = lib.nn.functional.ctc_loss(x.log_softmax(2), *args, reduction=reduction, **more)
        (out * lib.arange(1.0, 1.0 + out.numel()).double().reshape(out.shape)).sum().backward()
        found.append((numbers(out), numbers(x.grad)))
    for a, e in zip(*found, strict=True):
        np.testing.assert_allclose(a, e, rtol=1e-9, atol=1e-12)


def test_ctc_without_a_way():
    x = xg.zeros(2, 1, 3).log_softmax(2).requires_grad_()
    loss = functional.ctc_loss(x, xg.tensor([[1, 1]]), (2,), (2,))
    assert loss.item() == inf
    assert np.isnan(numbers(xg.autograd.grad(loss, x)[0])).all()


def test_ctc_has_a_second_derivative():
    """Of what goes into `log_softmax`, which PyTorch has none of."""
    scores = xg.tensor(np.random.default_rng(3).normal(size=(4, 1, 3)), requires_grad=True)

    def loss(scores):
        return functional.ctc_loss(scores.log_softmax(2), xg.tensor([[1, 2]]), (4,), (2,))

    assert xg.autograd.gradgradcheck(loss, (scores,))


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("size", [1, 3, 100])
def test_in_chunks_as_all_at_once(size, reduction):
    x, w, b = X[:, :3], Y.reshape(8, 3), Y.reshape(-1)[:8]
    target, weight = np.array([0, 7, -100, 2]), np.abs(Y.reshape(-1)[:8])
    options = xg.nn.LinearCrossEntropyOptions(batch_chunk_size=size)
    found = [
        run(
            xg,
            functional,
            lambda F, x, w, b, t, c, o=o: F.linear_cross_entropy(
                x, w, t, linear_bias=b, weight=c.detach(), reduction=reduction, options=o
            ),
            [x, w, b, target, weight],
            order=2,
        )[0]
        for o in (options, None)
    ]
    for a, e in zip(*found, strict=True):
        if e is not None:
            np.testing.assert_allclose(a, e, rtol=1e-9, atol=1e-12)


@pytest.mark.oracle
@pytest.mark.parametrize("method", ["auto", None, "aspect_ratio", "aspect_ratio:4"])
@pytest.mark.parametrize("size", [None, 6])
def test_chunks_have_the_size_of_pytorchs(method, size):
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
    for shape in ((64, 16, 100), (5, 4, 4), (1000, 8, 10000), (7, 30, 3)):
        theirs = torch.nn.LinearCrossEntropyOptions(batch_chunk_size=size, chunking_method=method)
        mine = xg.nn.LinearCrossEntropyOptions(batch_chunk_size=size, chunking_method=method)
        try:
            expected = theirs._adjust(*shape, torch.float32, torch.device("cpu")).batch_chunk_size
        except ValueError:
            with pytest.raises(ValueError, match="chunk"):
                mine.rows(*shape)
        else:
            assert mine.rows(*shape) == max(expected, 1)


def test_chunks_that_do_not_apply_warn():
    options = xg.nn.LinearCrossEntropyOptions(batch_chunk_size=2)
    args = xg.ones(4, 2), xg.zeros(8, 2), xg.tensor([0, 1, 2, 3])
    with pytest.warns(UserWarning, match="``options`` ignored"):
        out = functional.linear_cross_entropy(*args, options=options, label_smoothing=0.5)
    assert out.item() == pytest.approx(math.log(8))


# ------------------------------------------------------------------ what is random

N = 20_000


def test_alpha_dropout_keeps_mean_and_variance(ns):
    xg.manual_seed(4)
    x = tensor(ns, np.random.default_rng(0).normal(size=N).astype(F32), requires_grad=True)
    out = functional.alpha_dropout(x, 0.25, training=True)
    values = host(out)
    dropped = np.isclose(values, -0.75 * 1.7580993408473766 * (0.75 * (1 + 0.772726)) ** -0.5)
    assert 0.23 < np.mean(dropped) < 0.27
    assert abs(values.mean()) < 0.05
    assert 0.9 < values.var() < 1.1
    out.sum().backward()
    assert np.all((host(x.grad) == 0) == dropped)
    assert not np.any(host(functional.alpha_dropout(x, 1.0, training=True)))


@pytest.mark.parametrize(
    ("name", "shape", "each"),
    [("dropout1d", (50, 40, 3), (50, 40)), ("dropout1d", (500, 3), (500,)),
     ("dropout2d", (20, 30, 2, 2), (20, 30)), ("dropout3d", (20, 30, 1, 2, 2), (20, 30)),
     ("dropout3d", (500, 1, 2, 2), (500,)), ("feature_alpha_dropout", (20, 30, 2), (20, 30))],
)  # fmt: skip
def test_channels_are_dropped_together(name, shape, each):
    xg.manual_seed(1)
    out = getattr(functional, name)(xg.ones(*shape), 0.25, True)
    values = numbers(out).reshape(math.prod(each), -1)
    assert np.all(values == values[:, :1])
    kept = values[:, 0] == values.max()
    assert 0.65 < kept.mean() < 0.85
    if "alpha" not in name:
        assert values.max() == F32(1 / 0.75)
    x = xg.ones(*shape)
    assert getattr(functional, name)(x, 0.25, True, inplace=True) is x
    assert not np.all(numbers(x) == 1)
    assert getattr(functional, name)(x, 0.25, False) is x


@pytest.mark.parametrize(
    ("name", "shape"), [("dropout2d", (2, 3)), ("dropout2d", (2, 3, 4)), ("dropout3d", (2, 3))]
)
def test_unusual_shapes_warn_as_in_pytorch(name, shape):
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
    said = []
    for lib in (torch, xg):
        with pytest.warns(UserWarning) as found:  # noqa: PT030
            getattr(lib.nn.functional, name)(lib.ones(*shape))
        said.append(str(found[0].message))
    assert said[1] == said[0]


def test_rrelu_draws_a_slope_for_each():
    x = xg.full((N,), -2.0, requires_grad=True)
    out = functional.rrelu(x, 0.25, 0.75, training=True)
    assert out.grad_fn.name() == "RreluWithNoiseBackward0"
    slopes = -numbers(out) / 2
    assert 0.25 <= slopes.min() < 0.26
    assert 0.74 < slopes.max() <= 0.75
    out.sum().backward()
    np.testing.assert_allclose(numbers(x.grad), slopes, rtol=1e-6)
    assert functional.rrelu(xg.ones(3), training=True).tolist() == [1.0, 1.0, 1.0]


def test_gumbel_softmax_chooses_by_probability():
    logits = xg.tensor([0.7, 0.2, 0.1]).log().expand(N, 3).clone().requires_grad_()
    hard = functional.gumbel_softmax(logits, hard=True)
    np.testing.assert_allclose(numbers(hard).mean(0), [0.7, 0.2, 0.1], atol=0.02)
    assert set(np.unique(numbers(hard).round(6))) == {0.0, 1.0}
    soft = functional.gumbel_softmax(logits, tau=0.5)
    np.testing.assert_allclose(numbers(soft).sum(1), 1, rtol=1e-5)
    (g,) = xg.autograd.grad((hard * xg.arange(3.0)).sum(), logits)
    assert np.any(numbers(g))
    with pytest.warns(UserWarning, match="`eps` parameter is deprecated"):
        functional.gumbel_softmax(xg.ones(3), eps=1.0)


@pytest.mark.parametrize(
    ("function", "args"),
    [("celu", ()), ("hardtanh", ()), ("relu6", ()), ("hardsigmoid", ()), ("hardswish", ()),
     ("threshold", (0.1, 3.0)), ("mish", ()), ("rrelu", ())],
)  # fmt: skip
def test_in_place(function, args):
    x = xg.tensor(X, requires_grad=True)
    y = x * 1
    out = getattr(functional, function)(y, *args, inplace=True)
    assert out is y
    out.sum().backward()
    expected = xg.tensor(X, requires_grad=True)
    result = getattr(functional, function)(expected, *args)
    result.sum().backward()
    np.testing.assert_allclose(numbers(y), numbers(result))
    np.testing.assert_allclose(numbers(x.grad), numbers(expected.grad))


# ------------------------------------------------------------------ on every namespace

EVERYWHERE = {
    "layer_norm": (lambda F, x, w: F.layer_norm(x, (6,), w), X, Y[0]),
    "rms_norm": (lambda F, x, w: F.rms_norm(x, (6,), w), X, Y[0]),
    "batch_norm": (lambda F, x, w: F.batch_norm(x, None, None, w, w, True), IMAGE, CHANNELS),
    "group_norm": (lambda F, x, w: F.group_norm(x, 2, w, w), IMAGE, CHANNELS),
    "bag": (lambda F, x, i: F.embedding_bag(i, x), X, np.array([[0, 3], [3, 3]])),
    "largest of a bag": (lambda F, x, i: F.embedding_bag(i, x, mode="max"), X,
                         np.array([[0, 3], [3, 3]])),
    "ragged bags": (lambda F, x, i, o: F.embedding_bag(i, x, o, mode="max"), X,
                    np.array([0, 3, 3, 1]), np.array([0, 1, 1])),
    "ctc": (lambda F, x, t: F.ctc_loss(x.log_softmax(2), t, (4,), (2,)), X[:, None],
            np.array([[1, 3]])),
    "in chunks": (lambda F, x, w, t: F.linear_cross_entropy(
        x, w, t, options=xg.nn.LinearCrossEntropyOptions(batch_chunk_size=3)), X, Y,
        np.array([0, 3, 1, 1])),
    "multi margin": (lambda F, x, t: F.multi_margin_loss(x, t), X, np.array([0, 3, 1, 1])),
    "multilabel": (lambda F, x, t: F.multilabel_margin_loss(x, t), X[:, :2],
                   np.array([[0, -1], [1, 0], [-1, 0], [1, 1]])),
    "pdist": (lambda F, x: F.pdist(x), X),
    "cosine": (lambda F, x, y: F.cosine_similarity(x, y), X, Y),
    "glu": (lambda F, x: F.glu(x, 1), X),
    "prelu": (lambda F, x, w: F.prelu(x, w), IMAGE, CHANNELS),
    "mish": (lambda F, x: F.mish(x), X),
}  # fmt: skip


@pytest.mark.parametrize("case", EVERYWHERE)
def test_families_on_every_namespace(case, ns):
    program, *arrays = EVERYWHERE[case]
    cpu = xg.tensor(0.0)._ns
    found = []
    for where in (cpu, ns):
        leaves = [
            tensor(where, a.astype(F32), requires_grad=True) if is_float(a) else tensor(where, a)
            for a in arrays
        ]
        out = program(functional, *leaves)
        assert out._ns is where
        out.sum().backward()
        found.append([host(out), *(host(t.grad) for t in leaves if t.requires_grad)])
    for a, e in zip(*found, strict=True):
        np.testing.assert_allclose(a, e, rtol=2e-5, atol=2e-6)


def test_the_tests_can_fail(monkeypatch):
    pytest.importorskip("torch", reason="PyTorch is the oracle here")
    monkeypatch.setattr(functional, "mish", lambda x: x * 1.001)
    with pytest.raises(AssertionError), warnings.catch_warnings():
        test_kinks_like_pytorch("mish")
    assert has_dtype(xg.tensor(0.0)._ns, "float32")


def test_what_a_loss_weighs_with_nothing():
    """It counts nothing, though it be infinite: PyTorch's is nan."""
    x = xg.tensor([[math.inf, 2.0], [math.nan, 1.0]], requires_grad=True)
    loss = functional.nll_loss(x, xg.tensor([0, 1]), weight=xg.tensor([0.0, 1.0]))
    loss.backward()
    assert loss.item() == -1
    assert x.grad.tolist() == [[0, 0], [0, -1]]
