"""nn.functional: against PyTorch where it is installed, and on every namespace.

A program is a function of a library and its tensors; both libraries run it. Values, first and
second-order gradients, dtypes, the name of the node, and errors have to agree.
"""

import importlib
import inspect
import pkgutil
import re
import types
import warnings

import numpy as np
import pytest

import xpgrad as xg
from namespaces import host, tensor
from xpgrad.nn import functional

F32 = np.float32
rng = np.random.default_rng(5)
X = rng.uniform(-2, 2, (4, 3))
Y = rng.uniform(-2, 2, (4, 3))
P = rng.uniform(0.1, 0.9, (4, 3))
Q = rng.uniform(0.1, 0.9, (4, 3))
W = rng.uniform(0.5, 1.5, (4, 3))
CLASS_WEIGHT = rng.uniform(0.5, 1.5, 3)
CLASSES = np.array([2, 0, 1, 2])
SOME_IGNORED = np.array([2, -100, 1, -100])
IMAGE = rng.uniform(-1, 1, (2, 3, 2, 2))
MASK = np.array([[[0, 2], [1, 1]], [[2, -100], [0, 1]]])
LARGE = np.array([0.0, 1.0, 1e4, -1e4, 80.0, -80.0, 800.0, -800.0])
TABLE = rng.uniform(-1, 1, (5, 2))


def is_float(x):
    return isinstance(x, np.ndarray) and x.dtype.kind in "fc"


def numbers(t):
    """A tensor's values."""
    return np.asarray(t.detach().numpy(force=True))


def run(torch, functional, program, arrays, order=1):
    """Value, first and second-order gradients, dtype and node name of a program."""
    leaves = [torch.tensor(a, requires_grad=True) if is_float(a) else
              torch.tensor(a) if isinstance(a, np.ndarray) else a for a in arrays]  # fmt: skip
    floating = [t for t, a in zip(leaves, arrays, strict=True) if is_float(a)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        out = program(functional, *leaves)
        found = [numbers(out)]
        if out.requires_grad:
            total = (out * (1 + torch.arange(out.numel()).reshape(out.shape) * 0.25)).sum()
            total.backward(create_graph=order == 2)
            grads = [t.grad for t in floating]
            found += [None if g is None else numbers(g) for g in grads]
            again = sum((g * g).sum() for g in grads if g is not None and g.requires_grad)
            if order == 2:
                for t in floating:
                    t.grad = None
                if not isinstance(again, int) and again.requires_grad:
                    again.backward()
                # A gradient that depends on nothing has the derivative 0, said or unsaid.
                found += [
                    np.zeros(a.shape) if t.grad is None else numbers(t.grad)
                    for t, a in zip(floating, map(numbers, floating), strict=True)
                ]
    name = out.grad_fn.name() if out.grad_fn is not None else None
    return found, name


def compare(program, *arrays, order=2, name=True, tolerance=1e-9):
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
    theirs, their_name = run(torch, torch.nn.functional, program, arrays, order)
    mine, my_name = run(xg, functional, program, arrays, order)
    assert len(mine) == len(theirs)
    for i, (a, b) in enumerate(zip(mine, theirs, strict=True)):
        assert (a is None) == (b is None), f"result {i}: {a}, not {b}"
        if b is not None:
            assert a.dtype == b.dtype
            assert a.shape == b.shape
            np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance, err_msg=f"result {i}")
    if name:
        assert my_name == their_name


# ------------------------------------------------------------------ values and gradients

PROGRAMS = {
    "relu": (lambda F, x: F.relu(x), X),
    "relu of integers": (lambda F, x: F.relu(x), np.array([-1, 0, 2])),
    "leaky_relu": (lambda F, x: F.leaky_relu(x, 0.2), X),
    "elu": (lambda F, x: F.elu(x, 0.7), X),
    "selu": (lambda F, x: F.selu(x), X),
    "gelu": (lambda F, x: F.gelu(x), X),
    "gelu by tanh": (lambda F, x: F.gelu(x, approximate="tanh"), X),
    "silu": (lambda F, x: F.silu(x), X),
    "sigmoid": (lambda F, x: F.sigmoid(x), X),
    "tanh": (lambda F, x: F.tanh(x), X),
    "softplus": (lambda F, x: F.softplus(x), X),
    "softplus, beta": (lambda F, x: F.softplus(x, 2.0, 1.5), X),
    "logsigmoid": (lambda F, x: F.logsigmoid(x), X),
    "softmax": (lambda F, x: F.softmax(x, 1), X),
    "softmax, first dimension": (lambda F, x: F.softmax(x, dim=-2), X),
    "softmax of a number": (lambda F, x: F.softmax(x, 0), np.array(2.0)),
    "softmax, implicit dimension": (lambda F, x: F.softmax(x), IMAGE),
    "softmin": (lambda F, x: F.softmin(x, 1), X),
    "log_softmax": (lambda F, x: F.log_softmax(x, -1), X),
    "log_softmax, empty": (lambda F, x: F.log_softmax(x, 1), X[:0]),
    "layer_norm": (lambda F, x, w, b: F.layer_norm(x, (3,), w, b), X, W[0], Y[0]),
    "layer_norm, bare": (lambda F, x: F.layer_norm(x, [3], eps=0.1), X),
    "layer_norm, two dimensions": (lambda F, x, w: F.layer_norm(x, (4, 3), w), X, W),
    "layer_norm, empty": (lambda F, x, w, b: F.layer_norm(x, (3,), w, b), X[:0], W[0], Y[0]),
    "linear": (lambda F, x, w, b: F.linear(x, w, b), X, W[:2], Y[0, :2]),
    "linear without bias": (lambda F, x, w: F.linear(x, w), X, W[:2]),
    "linear of a vector": (lambda F, x, w: F.linear(x, w), X[0], W[:2]),
    "linear of a vector, bias": (lambda F, x, w, b: F.linear(x, w, b), X[0], W[:2], Y[0, :2]),
    "linear of a batch": (lambda F, x, w: F.linear(x, w), IMAGE, W[:2, :2]),
    "linear of a batch, bias": (lambda F, x, w, b: F.linear(x, w, b), IMAGE, W[:, :2], Y[:, 0]),
    "linear, nothing": (lambda F, x, w, b: F.linear(x, w, b), X[:0], W[:2], Y[0, :2]),
    "embedding": (lambda F, i, w: F.embedding(i, w), MASK % 3, TABLE),
    "embedding, padding": (lambda F, i, w: F.embedding(i, w, padding_idx=-4), MASK % 3, TABLE),
    "embedding, by frequency": (lambda F, i, w: F.embedding(i, w, scale_grad_by_freq=True),
                                MASK % 3, TABLE),
    "dropout, off": (lambda F, x: F.dropout(x, 0.5, training=False) * 1.0, X),
    "dropout, nothing": (lambda F, x: F.dropout(x, 0.0) * 1.0, X),
    "dropout, everything": (lambda F, x: F.dropout(x, 1.0), X),
    "one_hot": (lambda F, x: F.one_hot(x), CLASSES),
    "one_hot, more classes": (lambda F, x: F.one_hot(x, 5), CLASSES),
}  # fmt: skip

NOT_IN_NAME = {
    "softmax of a number",  # one view more: there is no axis to sum along
    "linear of a batch",  # PyTorch multiplies other ranks by other functions
    "layer_norm, empty",
}
FIRST_ORDER = {"embedding, by frequency"}  # PyTorch does not differentiate it twice


@pytest.mark.oracle
@pytest.mark.parametrize("case", PROGRAMS)
def test_like_pytorch(case):
    program, *arrays = PROGRAMS[case]
    compare(program, *arrays, name=case not in NOT_IN_NAME, order=1 if case in FIRST_ORDER else 2)


REDUCTIONS = ["none", "mean", "sum"]

LOSSES = {
    "mse": (lambda F, r, x, y: F.mse_loss(x, y, reduction=r), X, Y),
    "mse, weighted": (lambda F, r, x, y, w: F.mse_loss(x, y, reduction=r, weight=w.detach()),
                      X, Y, W),
    "mse, broadcast": (lambda F, r, x, y: F.mse_loss(x, y, reduction=r), X, Y[:1]),
    "l1": (lambda F, r, x, y: F.l1_loss(x, y, reduction=r), X, Y),
    "smooth_l1": (lambda F, r, x, y: F.smooth_l1_loss(x, y, reduction=r), X, Y),
    "smooth_l1, beta": (lambda F, r, x, y: F.smooth_l1_loss(x, y, reduction=r, beta=0.3), X, Y),
    "smooth_l1, beta 0": (lambda F, r, x, y: F.smooth_l1_loss(x, y, reduction=r, beta=0.0), X, Y),
    "huber": (lambda F, r, x, y: F.huber_loss(x, y, r), X, Y),
    "huber, delta": (lambda F, r, x, y: F.huber_loss(x, y, r, 0.3), X, Y),
    "bce": (lambda F, r, x, y: F.binary_cross_entropy(x, y, reduction=r), P, Q),
    "bce, weighted": (lambda F, r, x, y, w: F.binary_cross_entropy(x, y, w.detach(), reduction=r),
                      P, Q, W),
    "logits": (lambda F, r, x, y: F.binary_cross_entropy_with_logits(x, y, reduction=r), X, Q),
    "logits, weighted": (lambda F, r, x, y, w, p: F.binary_cross_entropy_with_logits(
        x, y, w.detach(), reduction=r, pos_weight=p.detach()), X, Q, W, CLASS_WEIGHT),
    "nll": (lambda F, r, x, t: F.nll_loss(x, t, reduction=r), X, CLASSES),
    "nll, weighted": (lambda F, r, x, t, w: F.nll_loss(x, t, w.detach(), reduction=r),
                      X, CLASSES, CLASS_WEIGHT),
    "nll, ignored": (lambda F, r, x, t: F.nll_loss(x, t, reduction=r), X, SOME_IGNORED),
    "nll of one": (lambda F, r, x, t: F.nll_loss(x, t, reduction=r), X[0], np.array(1)),
    "nll of an image": (lambda F, r, x, t, w: F.nll_loss(x, t, w.detach(), reduction=r),
                        IMAGE, MASK, CLASS_WEIGHT),
    "nll of a sequence": (lambda F, r, x, t: F.nll_loss(x, t, reduction=r), IMAGE[:, :, 0],
                          MASK[:, 0]),
    "cross entropy": (lambda F, r, x, t: F.cross_entropy(x, t, reduction=r), X, CLASSES),
    "cross entropy, weighted": (
        lambda F, r, x, t, w: F.cross_entropy(x, t, w.detach(), reduction=r),
        X, CLASSES, CLASS_WEIGHT),
    "cross entropy, ignored": (lambda F, r, x, t: F.cross_entropy(x, t, reduction=r),
                               X, SOME_IGNORED),
    "cross entropy, ignored class": (
        lambda F, r, x, t, w: F.cross_entropy(x, t, w.detach(), ignore_index=2, reduction=r),
        X, CLASSES, CLASS_WEIGHT),
    "cross entropy, all ignored": (lambda F, r, x, t: F.cross_entropy(x, t, reduction=r),
                                   X, np.full(4, -100)),
    "cross entropy of one": (lambda F, r, x, t: F.cross_entropy(x, t, reduction=r),
                             X[0], np.array(1)),
    "cross entropy of bytes": (lambda F, r, x, t: F.cross_entropy(x, t, reduction=r),
                               X, CLASSES.astype(np.uint8)),
    "cross entropy of an image": (
        lambda F, r, x, t, w: F.cross_entropy(x, t, w.detach(), reduction=r),
        IMAGE, MASK, CLASS_WEIGHT),
    "cross entropy of nothing": (lambda F, r, x, t: F.cross_entropy(x, t, reduction=r),
                                 X[:0], CLASSES[:0]),
    "smoothed": (lambda F, r, x, t: F.cross_entropy(x, t, reduction=r, label_smoothing=0.2),
                 X, CLASSES),
    "smoothed, weighted": (
        lambda F, r, x, t, w: F.cross_entropy(x, t, w.detach(), reduction=r, label_smoothing=0.2),
        X, SOME_IGNORED, CLASS_WEIGHT),
    "smoothed image": (
        lambda F, r, x, t, w: F.cross_entropy(x, t, w.detach(), reduction=r, label_smoothing=0.2),
        IMAGE, MASK, CLASS_WEIGHT),
    "smoothed one": (lambda F, r, x, t: F.cross_entropy(x, t, reduction=r, label_smoothing=0.2),
                     X[0], np.array(1)),
    "probabilities": (lambda F, r, x, t: F.cross_entropy(x, t, reduction=r), X, P),
    "probabilities, weighted": (
        lambda F, r, x, t, w: F.cross_entropy(x, t, w.detach(), reduction=r, label_smoothing=0.1),
        X, P, CLASS_WEIGHT),
    "probabilities of an image": (lambda F, r, x, t: F.cross_entropy(x, t, reduction=r),
                                  IMAGE, IMAGE**2),
    "probabilities of one": (lambda F, r, x, t: F.cross_entropy(x, t, reduction=r), X[0], P[0]),
}  # fmt: skip

# Made of other parts than PyTorch's.
COMPOSED = ("smoothed", "probabilities", "mse, weighted", "l1", "nll of one", "nll of an image",
            "nll of a sequence", "cross entropy of one", "cross entropy of an image")  # fmt: skip


@pytest.mark.oracle
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("case", LOSSES)
def test_loss_like_pytorch(case, reduction):
    program, *arrays = LOSSES[case]
    composed = case.startswith(COMPOSED)
    compare(lambda F, *a: program(F, reduction, *a), *arrays, name=not composed)


@pytest.mark.oracle
@pytest.mark.parametrize("size_average", [None, True, False])
@pytest.mark.parametrize("reduce", [None, True, False])
def test_former_spelling_of_reductions(size_average, reduce):
    compare(lambda F, x, y: F.mse_loss(x, y, size_average=size_average, reduce=reduce), X, Y)


def test_former_spelling_warns():
    with pytest.warns(UserWarning, match="please use reduction='sum' instead"):
        functional.mse_loss(xg.tensor([1.0]), xg.tensor([1.0]), size_average=False)


STEADY = {
    "relu": lambda F, x: F.relu(x),
    "leaky_relu": lambda F, x: F.leaky_relu(x),
    "elu": lambda F, x: F.elu(x),
    "selu": lambda F, x: F.selu(x),
    "gelu": lambda F, x: F.gelu(x),
    "gelu by tanh": lambda F, x: F.gelu(x, approximate="tanh"),
    "silu": lambda F, x: F.silu(x),
    "sigmoid": lambda F, x: F.sigmoid(x),
    "tanh": lambda F, x: F.tanh(x),
    "softplus": lambda F, x: F.softplus(x),
    "logsigmoid": lambda F, x: F.logsigmoid(x),
    "softmax": lambda F, x: F.softmax(x, 0),
    "log_softmax": lambda F, x: F.log_softmax(x, 0),
    "layer_norm": lambda F, x: F.layer_norm(x, (8,)),
    "bce": lambda F, x: F.binary_cross_entropy_with_logits(x, x.detach() > 0),
    "logsumexp": lambda F, x: x.logsumexp(0),
}


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("case", STEADY)
def test_large_inputs_stay_finite(case, kind):
    def program(F, x):
        if case == "bce":
            t = (x.detach() > 0) * 1.0
            return F.binary_cross_entropy_with_logits(x, t.to(x.dtype))
        return STEADY[case](F, x)

    found, _ = run(xg, functional, program, [LARGE.astype(kind)], order=2)
    for values in found:
        assert np.all(np.isfinite(values)), found


@pytest.mark.oracle
@pytest.mark.parametrize("case", [c for c in STEADY if c not in ("bce", "layer_norm")])
def test_large_inputs_like_pytorch(case):
    # At first order: PyTorch's own second order has nans here.
    compare(STEADY[case], LARGE, order=1, tolerance=1e-8)


@pytest.mark.oracle
def test_certainty_costs_a_hundred():
    x, t = np.array([0.0, 1.0, 0.0, 1.0, 0.5]), np.array([0.0, 1.0, 1.0, 0.0, 0.5])
    compare(
        lambda F, x, t: F.binary_cross_entropy(x, t.detach(), reduction="none"),
        x,
        t,
        order=1,
        tolerance=1e-7,
    )  # PyTorch's bound is 1e-12 in single precision


# ------------------------------------------------------------------ errors

ONES, LONG = np.ones((3, 4), F32), np.ones((3, 4), int)

ERRORS = {
    "target too large": lambda t, F: F.cross_entropy(t.ones(3, 4), t.tensor([0, 1, 4])),
    "target negative": lambda t, F: F.cross_entropy(t.ones(3, 4), t.tensor([0, 1, -1])),
    "target of floats": lambda t, F: F.cross_entropy(t.ones(3, 4), t.tensor([0.0, 1.0, 2.0])),
    "target of int32": lambda t, F: F.cross_entropy(
        t.ones(3, 4), t.tensor([0, 1, 2], dtype=t.int32)),
    "batch": lambda t, F: F.cross_entropy(t.ones(3, 4), t.tensor([0, 1])),
    "target of two dimensions": lambda t, F: F.cross_entropy(
        t.ones(3, 4), t.tensor([[0], [1], [2]])),
    "integer probabilities": lambda t, F: F.cross_entropy(
        t.ones(3, 4), t.ones(3, 4, dtype=t.int64)),
    "ignored probabilities": lambda t, F: F.cross_entropy(
        t.ones(3, 4), t.ones(3, 4), ignore_index=1),
    "weight of classes": lambda t, F: F.cross_entropy(
        t.ones(3, 4), t.tensor([0, 1, 2]), weight=t.ones(3)),
    "weight of another type": lambda t, F: F.cross_entropy(
        t.ones(3, 4), t.tensor([0, 1, 2]), weight=t.ones(4, dtype=t.float64)),
    "smoothing": lambda t, F: F.cross_entropy(
        t.ones(3, 4), t.tensor([0, 1, 2]), label_smoothing=1.5),
    "reduction": lambda t, F: F.cross_entropy(t.ones(3, 4), t.tensor([0, 1, 2]), reduction="foo"),
    "target is a list": lambda t, F: F.cross_entropy(t.ones(3, 4), [0, 1, 2]),
    "image": lambda t, F: F.cross_entropy(t.ones(2, 4, 5), t.zeros(2, 6, dtype=t.int64)),
    "nll of a number": lambda t, F: F.nll_loss(t.tensor(1.0), t.tensor(1)),
    "nll target of a number": lambda t, F: F.nll_loss(t.ones(3, 4), t.tensor(1)),
    "nll out of bounds": lambda t, F: F.nll_loss(t.ones(3, 4), t.tensor([0, 1, 9])),
    "nll image out of bounds": lambda t, F: F.nll_loss(
        t.ones(2, 4, 5), t.full((2, 5), 7)),
    "mse": lambda t, F: F.mse_loss(t.ones(3, 4), t.ones(2, 4)),
    "mse reduction": lambda t, F: F.mse_loss(t.ones(3, 4), t.ones(3, 4), reduction="foo"),
    "l1 reduction": lambda t, F: F.l1_loss(t.ones(3, 4), t.ones(3, 4), reduction="foo"),
    "beta": lambda t, F: F.smooth_l1_loss(t.ones(3), t.ones(3), beta=-1),
    "delta": lambda t, F: F.huber_loss(t.ones(3), t.ones(3), delta=0),
    "not a probability": lambda t, F: F.binary_cross_entropy(t.ones(3) * 2, t.ones(3)),
    "target not a probability": lambda t, F: F.binary_cross_entropy(t.ones(3), -t.ones(3)),
    "bce shape": lambda t, F: F.binary_cross_entropy(t.ones(3, 4), t.ones(3, 1)),
    "bce type": lambda t, F: F.binary_cross_entropy(t.ones(3), t.ones(3, dtype=t.float64)),
    "logits shape": lambda t, F: F.binary_cross_entropy_with_logits(t.ones(3, 4), t.ones(3, 1)),
    "logits type": lambda t, F: F.binary_cross_entropy_with_logits(
        t.ones(3), t.ones(3, dtype=t.int64)),
    "linear": lambda t, F: F.linear(t.ones(3, 4), t.ones(5, 3)),
    "linear of a batch": lambda t, F: F.linear(t.ones(2, 3, 4), t.ones(5, 3)),
    "linear bias": lambda t, F: F.linear(t.ones(3, 4), t.ones(5, 4), t.ones(3)),
    "linear vector and bias": lambda t, F: F.linear(t.ones(3, 4), t.ones(4), t.tensor(1.0)),
    "linear type": lambda t, F: F.linear(t.ones(3, 4), t.ones(5, 4, dtype=t.float64)),
    "linear number": lambda t, F: F.linear(t.tensor(1.0), t.ones(5, 4)),
    "linear weight": lambda t, F: F.linear(t.ones(3, 4), t.ones(2, 5, 4)),
    "embedding too large": lambda t, F: F.embedding(t.tensor([0, 9]), t.ones(3, 4)),
    "embedding negative": lambda t, F: F.embedding(t.tensor([0, -1]), t.ones(3, 4)),
    "embedding of floats": lambda t, F: F.embedding(t.tensor([0.0]), t.ones(3, 4)),
    "embedding weight": lambda t, F: F.embedding(t.tensor([0]), t.ones(4)),
    "embedding padding": lambda t, F: F.embedding(t.tensor([0]), t.ones(3, 4), padding_idx=5),
    "layer_norm": lambda t, F: F.layer_norm(t.ones(3, 4), (3,)),
    "layer_norm nothing": lambda t, F: F.layer_norm(t.ones(3, 4), ()),
    "layer_norm weight": lambda t, F: F.layer_norm(t.ones(3, 4), (4,), t.ones(3)),
    "layer_norm bias": lambda t, F: F.layer_norm(t.ones(3, 4), (4,), None, t.ones(3)),
    "layer_norm int": lambda t, F: F.layer_norm(t.ones(3, 4), 4),
    "layer_norm longer": lambda t, F: F.layer_norm(t.ones(3, 4), (2, 3, 4)),
    "layer_norm of integers": lambda t, F: F.layer_norm(t.ones(3, 4, dtype=t.int64), (4,)),
    "dropout": lambda t, F: F.dropout(t.ones(3), 1.5),
    "dropout of integers": lambda t, F: F.dropout(t.ones(3, dtype=t.int64)),
    "softmax of integers": lambda t, F: F.softmax(t.ones(3, dtype=t.int64), 0),
    "softmax dimension": lambda t, F: F.softmax(t.ones(3, 4), 2),
    "softmax dimension, float": lambda t, F: F.softmax(t.ones(3, 4), 1.0),
    "gelu": lambda t, F: F.gelu(t.ones(3), approximate="foo"),
    "gelu of integers": lambda t, F: F.gelu(t.ones(3, dtype=t.int64)),
    "silu of integers": lambda t, F: F.silu(t.ones(3, dtype=t.int64)),
    "softplus of integers": lambda t, F: F.softplus(t.ones(3, dtype=t.int64)),
    "relu of booleans": lambda t, F: F.relu(t.ones(3, dtype=t.bool)),
    "relu of a list": lambda t, F: F.relu([1.0]),
    "one_hot negative": lambda t, F: F.one_hot(t.tensor([0, -2])),
    "one_hot too large": lambda t, F: F.one_hot(t.tensor([0, 2]), 2),
    "one_hot of floats": lambda t, F: F.one_hot(t.tensor([0.0, 2.0])),
}  # fmt: skip

# Words of PyTorch's messages that must be in ours, where the whole message is not.
KEY_WORDS = {
    "weight of another type": "expected scalar type Float but found Double",
    "linear": "mat1 and mat2 shapes cannot be multiplied (3x4 and ",
    "linear of a batch": "mat1 and mat2 shapes cannot be multiplied (6x4 and ",
    "linear type": "to have the same dtype, but got: ",
    "image": "Expected target size [2, 5], got [2, 6]",
    "mse": "The size of tensor a (3) must match the size of tensor b (2) at non-singleton",
    "softmax dimension, float": "argument 'dim'",
    "softmax of integers": "not implemented for 'Long'",
    "gelu of integers": "not implemented for 'Long'",
    "silu of integers": "not implemented for 'Long'",
    "softplus of integers": "not implemented for 'Long'",
    "layer_norm of integers": "not implemented for 'Long'",
    "target is a list": "argument 'target' (position 2) must be Tensor, not list",
    "embedding of floats": "to have one of the following scalar types: Long, Int; but got ",
    "embedding too large": "index out of range in self",
    "embedding negative": "index out of range in self",
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


# ------------------------------------------------------------------ on every namespace


def test_training_losses_on_every_namespace(ns):
    """Cross entropy of a linear layer: the same loss and gradients everywhere."""
    cpu = xg.tensor(0.0)._ns
    found = []
    for where in (cpu, ns):
        x, w, b = (tensor(where, a.astype(F32), requires_grad=True) for a in (X, W, Y[:, 0]))
        loss = functional.cross_entropy(functional.linear(x, w, b), tensor(where, CLASSES))
        loss.backward()
        assert loss._ns is where
        found.append([host(t) for t in (loss.detach(), x.grad, w.grad, b.grad)])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_targets_are_masked_where_the_host_does_not_look(cpu, monkeypatch):
    """As on a GPU: no bounds are known, and the loss is the same."""
    x, t = xg.tensor(X, requires_grad=True), xg.tensor(SOME_IGNORED)
    expected = [functional.cross_entropy(x, t, reduction=r) for r in REDUCTIONS]
    monkeypatch.setattr(type(cpu), "bounds", lambda self, x: None)
    for r, e in zip(REDUCTIONS, expected, strict=True):
        np.testing.assert_allclose(host(functional.cross_entropy(x, t, reduction=r)), host(e))


def test_dropout_is_random_scaled_and_repeatable(ns):
    x = tensor(ns, np.ones((40, 50), F32), requires_grad=True)
    xg.manual_seed(3)
    out = functional.dropout(x, 0.25)
    values = host(out)
    assert set(np.unique(values)) == {F32(0), F32(1 / 0.75)}
    assert 0.7 < np.mean(values > 0) < 0.8
    out.sum().backward()
    np.testing.assert_array_equal(host(x.grad), values)
    xg.manual_seed(3)
    np.testing.assert_array_equal(host(functional.dropout(x, 0.25)), values)


def test_max_norm_scales_used_rows_in_place():
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
    tables = []
    for lib, F in ((torch, torch.nn.functional), (xg, functional)):
        table = lib.tensor(TABLE * 3)
        F.embedding(lib.tensor([0, 2, 0]), table, max_norm=1.0)
        tables.append(np.asarray(table))
    np.testing.assert_allclose(*tables, rtol=1e-6)


@pytest.mark.parametrize(
    "function",
    ["relu", "leaky_relu", "elu", "selu", "silu"],
)
def test_in_place(function):
    x = xg.tensor(X, requires_grad=True)
    y = x * 1
    out = getattr(functional, function)(y, inplace=True)
    assert out is y
    out.sum().backward()
    expected = xg.tensor(X, requires_grad=True)
    result = getattr(functional, function)(expected)
    result.sum().backward()
    np.testing.assert_allclose(host(y), host(result))
    np.testing.assert_allclose(host(x.grad), host(expected.grad))
    with pytest.raises(RuntimeError, match="leaf Variable that requires grad"):
        getattr(functional, function)(x, inplace=True)
    np.testing.assert_array_equal(host(x), X)


def test_the_oracle_can_fail():
    pytest.importorskip("torch", reason="PyTorch is the oracle here")
    with pytest.raises(AssertionError):
        compare(lambda F, x: F.relu(x) * (1.001 if F is functional else 1), X)


TOP_LEVEL = {"constant_pad_nd", "grid_sampler"}  # PyTorch has these there alone


def test_every_function_is_named():
    """In the package, and in the ``__all__`` of the module that it is defined in."""
    modules = [importlib.import_module(f"{functional.__name__}.{m.name}")
               for m in pkgutil.iter_modules(functional.__path__)]  # fmt: skip
    helpers = {m for m in modules if not hasattr(m, "__all__")}
    public = {
        name
        for module in modules
        for name, value in vars(module).items()
        if module not in helpers and isinstance(value, types.FunctionType)
        and value.__module__ == module.__name__ and not name.startswith("_")
    }  # fmt: skip
    assert public - TOP_LEVEL <= set(functional.__all__)
    assert len(set(functional.__all__)) == len(functional.__all__)
    for module in set(modules) - helpers:
        assert set(module.__all__) <= set(functional.__all__)
    assert all(callable(getattr(functional, name)) for name in functional.__all__)


def documented(function):
    """The parameters of what is written in C: its documentation begins with them."""
    given = re.match(r"\s*\w+\((.*?)\)\s*(->|\n)", function.__doc__, re.DOTALL).group(1)
    return inspect.signature(eval(f"lambda {' '.join(given.split())}: None")).parameters


@pytest.mark.oracle
@pytest.mark.parametrize("name", functional.__all__)
def test_signatures_like_pytorch(name):
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
    mine = inspect.signature(getattr(functional, name)).parameters
    written_in_c = {  # and documented elsewhere
        "one_hot": {"tensor": ..., "num_classes": -1},
    }
    written_in_c["conv_tbc"] = {"input": ..., "weight": ..., "bias": ..., "pad": 0}
    found = torch.nn.functional
    function = getattr(found, f"{name}_with_indices", getattr(found, name))
    try:
        parameters = inspect.signature(function).parameters
    except ValueError:
        parameters = documented(function) if name not in written_in_c else {}
    theirs = written_in_c.get(name) or {
        k: ... if p.default is p.empty else p.default for k, p in parameters.items()
    }
    assert {k: ... if p.default is p.empty else p.default for k, p in mine.items()} == theirs


@pytest.mark.oracle
@pytest.mark.parametrize("case", [
    # PyTorch refuses a write to what has no elements, too.
    c for c, p in PROGRAMS.items() if any(is_float(a) and a.size for a in p[1:])
])  # fmt: skip
def test_results_may_be_overwritten_as_in_pytorch(case):
    """Writing into a result raises in backward where PyTorch saved that result, and only there."""
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
    program, *arrays = PROGRAMS[case]
    messages = []
    for lib, F in ((torch, torch.nn.functional), (xg, functional)):
        leaves = [lib.tensor(a, requires_grad=is_float(a)) for a in arrays]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            out = program(F, *leaves)
        out += 1
        try:
            out.sum().backward()
            messages.append("")
        except RuntimeError as error:
            messages.append(str(error)[:80])
    assert messages[0] == messages[1]
