"""Names that PyTorch has in several places, and families that only it had: held against it."""

import copy
import re

import numpy as np
import pytest

import xpgrad as xg
from oracle import check, lines

torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
pytestmark = pytest.mark.oracle

# ------------------------------------------------------------------ functions that write

# Not of dense tensors, or of memory that changes its size.
NOT_HERE = {"resize_as_", "resize_as_sparse_"}
WRITING = sorted(n for n in dir(torch) if re.fullmatch(r"[a-z]\w*_", n) and n not in NOT_HERE)


@pytest.mark.parametrize("name", WRITING)
def test_functions_that_write_are_here(name):
    assert callable(getattr(xg, name))


@pytest.mark.parametrize("name", [n for n in WRITING if hasattr(torch.Tensor, n)])
def test_functions_that_write_are_the_methods(name):
    assert getattr(xg, name) is getattr(xg.Tensor, name) or name in ("relu_", "detach_")


# ------------------------------------------------------------------ networks at the top level

NETWORKS = """
    t.dropout(x, 0.5, False)
    t.dropout_(x * 1, 1.0, True)
    t.alpha_dropout(x, 0.5, False)
    t.feature_dropout(w, 0.5, False)
    t.feature_dropout(w, 1.0, True)
    t.feature_dropout_(w * 1, 1.0, True)
    t.feature_alpha_dropout(w, 0.5, False)
    t.dropout(x, 1.5, True)
    t.feature_dropout(w, -0.5, True)
    t.batch_norm(x, None, None, None, None, True, 0.1, 1e-5, False)
    t.batch_norm(x, v, v, t.zeros(3), t.ones(3), False, 0.1, 1e-5, False)
    t.instance_norm(w, v, v, None, None, True, 0.1, 1e-5, False)
    t.layer_norm(x, (3,))
    t.layer_norm(x, (3,), v, v, 1e-3, False)
    t.group_norm(x, 3)
    t.group_norm(x, 1, v, v, 1e-3)
    t.norm_except_dim(w)
    t.norm_except_dim(w, 2, 1)
    t.norm_except_dim(w + 1, 3, -1)
    t.embedding(m, t.tensor([[1, 0], [1, 1]]))
    t.embedding(m, t.tensor([1, 0]), 1)
    t.embedding_renorm_(m.detach(), t.tensor([1]), 1.0, 2.0)
    t.binary_cross_entropy_with_logits(x, p)
    t.binary_cross_entropy_with_logits(x, p, reduction=0)
    t.cosine_embedding_loss(x + 1, p, t.tensor([1, -1]), 0.1, 2)
    t.ctc_loss(w.permute(1, 0, 2).log_softmax(2), t.tensor([[1, 2], [3, 1]]), [3, 3], [2, 1])
    t.hinge_embedding_loss(x, t.tensor([1.0, -1.0, 1.0]))
    t.kl_div(p.log(), p.flip(1))
    t.kl_div(p.log(), p.flip(1).log(), 2, log_target=True)
    t.kl_div(p.log(), p.flip(1), 0)
    t.margin_ranking_loss(x, p, y.detach(), 0.5)
    t.poisson_nll_loss(x, p, True, True, 1e-8, 1)
    t.poisson_nll_loss(x, p, False, False, 1e-8, 2)
    t.triplet_margin_loss(x, y, p)
    t.triplet_margin_loss(x, y, p, swap=True, reduction=0)
"""


@pytest.mark.parametrize("expression", lines(NETWORKS))
def test_networks_at_the_top_level(expression):
    check(torch, expression, node=False)


# ------------------------------------------------------------------ questions, tables, histograms

FURTHER = """
    t.detach(x)
    t.is_inference(x)
    [t.is_conj(x), x.is_conj(), t.is_neg(x), x.is_neg(), x.is_shared(), x.is_pinned(), x.is_meta]
    [t.is_same_size(x, y), t.is_same_size(x, v), x.is_same_size(y)]
    [x.dim_order(), x.t().dim_order(), w.permute(2, 0, 1).dim_order(), s.dim_order()]
    t.nonzero_static(x, size=3)
    t.nonzero_static(x, size=7, fill_value=9)
    t.nonzero_static(x, size=0)
    t.nonzero_static(x, size=-1)
    x.detach().nonzero_static(size=2)
    t.vander(v.detach())
    t.vander(v.detach(), 2)
    t.vander(v.detach(), 4, increasing=True)
    t.vander(i)
    t.vander(i, 0)
    t.vander(i, 1)
    t.vander(x)
    t.vander(v.detach(), -1)
    x.detach().apply_(lambda a: a * 2)
    i.apply_(lambda a: a + 1)
    x.apply_(lambda a: a)
    x.detach().map_(v.detach(), lambda a, b: a * b)
    x.detach().map_(t.tensor(2.0), max)
    x.map_(x, max)
    x.detach().cauchy_(sigma=-1)
    x.detach().geometric_(0.0)
    x.detach().geometric_(1.5)
    x.detach().log_normal_(std=-1)
    [(x * 1).cauchy_().grad_fn, (x * 1).geometric_(0.5).grad_fn, (x * 1).log_normal_().grad_fn]
    (x * 1).cauchy_().sum() * 0 + x.sum()
    t.histogram(x.detach(), 4)
    t.histogram(x.detach(), 4, range=(1.0, 4.0))
    t.histogram(v.detach(), t.tensor([-1.0, 0.0, 3.0]))
    t.histogram(v.detach(), t.tensor([-1.0, 0.0, 3.0]), density=True)
    t.histogram(x.detach(), 3, weight=p.detach(), density=True)
    t.histogram(t.ones(3), 3)
    t.histogram(t.ones(0), 3)
    t.histogram(h, 3, range=(0.0, 2.5))
    t.histogram(h, 3)
    t.histogram(i, 3)
    t.histogram(x.detach(), 0)
    t.histogram(x.detach(), 3, range=(3.0, 1.0))
    t.histogram(x.detach(), 3, weight=v.detach())
    t.histogram(v.detach(), 3, weight=v.detach().double())
    x.detach().histogram(2)
    t.histogramdd(w.detach()[..., :2], [2, 3])
    t.histogramdd(w.detach()[..., :2], 2)
    t.histogramdd(w.detach()[..., :2], [2, 3], range=[0.0, 1.0, 0.5, 2.0], density=True)
    t.histogramdd(w.detach()[..., :2], [t.tensor([0.0, 1.0, 3.0]), t.tensor([0.0, 2.0])])
    t.histogramdd(w.detach()[..., :2], [2, 3], weight=p.detach())
    t.histogramdd(v.detach(), [2])
    t.histogramdd(x.detach(), [2])
    t.histogramdd(x.detach(), [2, 0, 1])
"""


@pytest.mark.parametrize("expression", lines(FURTHER))
def test_what_tensors_can_be_asked(expression):
    check(torch, expression)


def test_distributions():
    xg.manual_seed(0)
    x = xg.empty(40_000, dtype=xg.float64)
    counts = x.geometric_(0.25)
    assert counts.min() == 1
    assert abs(counts.mean().item() - 4) < 0.1
    assert abs((counts == 1).double().mean().item() - 0.25) < 0.02
    assert abs(x.cauchy_(2.0, 3.0).median().item() - 2) < 0.2
    assert abs(x.quantile(0.75).item() - 5) < 0.3
    assert abs(x.log_normal_(1.0, 0.5).log().mean().item() - 1) < 0.02
    assert abs(x.log().std().item() - 0.5) < 0.02


# ------------------------------------------------------------------ fractional max pooling


def fractional_case(space, seed):
    rng = np.random.default_rng(seed)
    shape, kernel = rng.integers(6, 10, space), rng.integers(1, 4, space)
    most = shape - kernel + (space == 2)
    x = rng.standard_normal((2, 3, *shape)).round(1)
    if seed % 3 == 0:
        x = x[0]
    settings = {"kernel_size": kernel.tolist(), "output_size": rng.integers(1, most + 1).tolist()}
    return x, rng.random((len(x) if x.ndim == space + 2 else 1, 3, space)), settings


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("space", [2, 3])
def test_fractional_max_pooling(space, seed):
    values, samples, settings = fractional_case(space, seed)
    found = []
    for t in (torch, xg):
        pool = getattr(t.nn.functional, f"fractional_max_pool{space}d")
        x = t.tensor(values, requires_grad=True)
        how = settings | {"_random_samples": t.tensor(samples), "return_indices": True}
        out, places = pool(x, **how)
        weights = t.arange(1.0, out.numel() + 1, dtype=t.float64).reshape(out.shape)
        (g,) = t.autograd.grad(out, x, weights, create_graph=True)
        (second,) = t.autograd.grad(g.sum(), x)
        found.append([v.detach().tolist() for v in (out, places, g, second)])
        found[-1].append(out.grad_fn.name() if values.ndim == space + 2 and t is torch else None)
    assert found[0][:4] == found[1][:4]


@pytest.mark.parametrize("space", [2, 3])
def test_drawn_windows_lie_within(space):
    xg.manual_seed(0)
    x = xg.rand(4, 5, *[9] * space)
    layer = getattr(xg.nn, f"FractionalMaxPool{space}d")(2, output_ratio=0.5, return_indices=True)
    out, places = layer(x)
    assert tuple(out.shape) == (4, 5, *[4] * space)
    flat = x.flatten(2).gather(2, places.flatten(2))
    assert (flat.reshape(out.shape) == out).all()
    assert len({tuple(row) for row in places.flatten(2).flatten(0, 1).tolist()}) > 1


@pytest.mark.parametrize(
    "call",
    [
        lambda t: t.nn.functional.fractional_max_pool2d(t.ones(1, 4, 4), 2),
        lambda t: t.nn.functional.fractional_max_pool2d(t.ones(1, 4, 4), 3, 3),
        lambda t: t.nn.functional.fractional_max_pool3d(t.ones(1, 4, 4, 4), 3, 2),
        lambda t: t.nn.FractionalMaxPool2d(2),
        lambda t: t.nn.FractionalMaxPool2d(2, 3, 0.5),
        lambda t: t.nn.FractionalMaxPool2d(2, output_ratio=1.5),
        lambda t: t.nn.functional.fractional_max_pool2d(
            t.ones(1, 4, 4), 2, 2, _random_samples=t.ones(1, 1, 2, dtype=t.float64)
        ),
    ],
)
def test_wrong_fractions(call):
    with pytest.raises(Exception) as theirs:  # noqa: PT011 - whatever PyTorch raises
        call(torch)
    kind = theirs.type
    with pytest.raises(kind):
        call(xg)


# ------------------------------------------------------------------ lazy modules

LAZY = {
    "LazyLinear": (lambda nn: nn.LazyLinear(3), (2, 5)),
    "LazyLinear without a bias": (lambda nn: nn.LazyLinear(3, bias=False), (4, 2, 5)),
    "LazyConv1d": (lambda nn: nn.LazyConv1d(4, 3, padding=1, groups=2), (2, 6, 5)),
    "LazyConv2d": (lambda nn: nn.LazyConv2d(4, (2, 3), stride=2, bias=False), (2, 3, 5, 6)),
    "LazyConv2d of one": (lambda nn: nn.LazyConv2d(4, 2), (3, 5, 6)),
    "LazyConv3d": (lambda nn: nn.LazyConv3d(2, 2, padding_mode="reflect"), (1, 3, 4, 4, 4)),
    "LazyConvTranspose1d": (lambda nn: nn.LazyConvTranspose1d(4, 3, output_padding=0), (2, 6, 5)),
    "LazyConvTranspose2d": (lambda nn: nn.LazyConvTranspose2d(4, 3, groups=2), (2, 6, 5, 5)),
    "LazyConvTranspose3d": (lambda nn: nn.LazyConvTranspose3d(2, 2), (1, 3, 4, 4, 4)),
    "LazyBatchNorm1d": (lambda nn: nn.LazyBatchNorm1d(), (4, 3)),
    "LazyBatchNorm2d": (lambda nn: nn.LazyBatchNorm2d(momentum=None), (4, 3, 2, 2)),
    "LazyBatchNorm2d without a scale": (lambda nn: nn.LazyBatchNorm2d(affine=False), (4, 3, 2, 2)),
    "LazyBatchNorm3d": (lambda nn: nn.LazyBatchNorm3d(), (2, 3, 2, 2, 2)),
    "LazyInstanceNorm1d": (lambda nn: nn.LazyInstanceNorm1d(), (4, 3, 5)),
    "LazyInstanceNorm2d": (lambda nn: nn.LazyInstanceNorm2d(), (2, 3, 5, 5)),
    "LazyInstanceNorm3d": (lambda nn: nn.LazyInstanceNorm3d(affine=False), (2, 3, 4, 4, 4)),
}  # fmt: skip


def shown(module):
    state = [
        (k, tuple(v.shape), str(v.dtype).rpartition(".")[2]) for k, v in module.state_dict().items()
    ]
    return type(module).__name__, repr(module), state


@pytest.mark.parametrize("name", LAZY)
def test_lazy_modules(name):
    make, shape = LAZY[name]
    found = []
    for t in (torch, xg):
        module = make(t.nn)
        before = repr(module), [repr(p) for p in module.parameters()]
        waiting = module.has_uninitialized_params()
        parameters = list(module.parameters())
        out = module(t.ones(shape))
        same = [p is q for p, q in zip(parameters, module.parameters(), strict=True)]
        found.append((before, waiting, tuple(out.shape), same, shown(module)))
        assert not hasattr(module, "has_uninitialized_params")
    assert found[0] == found[1]


@pytest.mark.parametrize("name", LAZY)
def test_lazy_modules_load_what_is_known(name):
    make, shape = LAZY[name]
    known = make(xg.nn)
    known(xg.ones(shape))
    module = xg.nn.Sequential(make(xg.nn))
    module.load_state_dict({f"0.{k}": v for k, v in known.state_dict().items()})
    states = zip(module.state_dict().values(), known.state_dict().values(), strict=True)
    assert all(bool((a == b).all()) for a, b in states)
    assert not module[0].has_uninitialized_params()
    module(xg.ones(shape))
    assert shown(module[0]) == shown(known)  # PyTorch says that most have 0 channels


def test_lazy_modules_of_nothing_and_of_one_example():
    # PyTorch says that the first has 0 channels, and takes the second dimension of the other.
    norm = xg.nn.LazyBatchNorm1d(affine=False, track_running_stats=False)
    norm(xg.ones(2, 3))
    assert norm.num_features == 3
    norm = xg.nn.LazyInstanceNorm2d(affine=True)
    norm(xg.ones(3, 5, 4))
    assert norm.weight.shape == (3,)


@pytest.mark.parametrize(
    "call",
    [
        lambda t: t.nn.LazyLinear(2).weight.shape,
        lambda t: t.nn.LazyConv2d(2, 2)(t.ones(4, 4)),
        lambda t: t.nn.Linear(2, 2).load_state_dict(t.nn.LazyLinear(2).state_dict()),
        lambda t: t.nn.LazyConv1d(4, 2, groups=2)(t.ones(1, 3, 5)),
    ],
)
def test_lazy_modules_used_too_early(call):
    with pytest.raises(Exception) as theirs:  # noqa: PT011 - whatever PyTorch raises
        call(torch)
    with pytest.raises(theirs.type) as ours:
        call(xg)
    assert str(theirs.value).replace("torch.", "xpgrad.") == str(ours.value)


def test_copies_of_lazy_modules():
    module = xg.nn.LazyLinear(2)
    copied = copy.deepcopy(module)
    assert copied(xg.ones(1, 3)).shape == (1, 2)
    assert module.has_uninitialized_params()
    assert module(xg.ones(1, 5)).shape == (1, 2)


def test_lazy_modules_are_moved_and_trained():
    module = xg.nn.Sequential(xg.nn.LazyLinear(3), xg.nn.ReLU(), xg.nn.LazyLinear(1)).double()
    optimizer = xg.optim.SGD(module.parameters(), lr=0.1)
    x = xg.ones(2, 4, dtype=xg.float64)
    before = module(x)
    before.sum().backward()
    optimizer.step()
    assert module(x).sum() < before.sum()
    assert module[0].weight.dtype is xg.float64
