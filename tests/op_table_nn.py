"""The rows of `op_table` for networks: activations of pieces, normalisation, bags, losses."""

import itertools

import numpy as np

from op_table import (
    COMPLEX,
    FLOATS,
    HALF,
    POSITIVE,
    REDUCTIONS,
    D,
    Domain,
    Row,
    S,
    activation,
    binary,
)

# ------------------------------------------------------------------ activations

OFF_KINKS = Domain((-5.0, -3.2), (-2.8, -1.2), (-0.4, -0.1), (0.1, 0.4), (1.2, 2.8), (3.2, 5.0))


def _shrunk(x, width=0.5, soft=False):
    found = x - np.sign(x) * np.asarray(width, x.dtype) if soft else x
    return np.where(np.abs(x) <= width, np.zeros_like(x), found)


def _hardsigmoid(x):
    return np.clip(x / 6 + x.dtype.type(0.5), 0, 1)


def _threshold(x, threshold, value):
    return np.where(x > threshold, x, x.dtype.type(value))


def _mish(x):
    wide = x.astype(np.float64)
    return np.asarray(wide * np.tanh(np.logaddexp(wide, 0)), x.dtype)


def _glu(x, axis):
    value, gate = np.split(x, 2, axis)
    return np.asarray(value / (1 + np.exp(-gate)), x.dtype)


def _celu(x, alpha=1.0, scale=1.0, inner=1.0):
    return np.asarray(np.where(x > 0, scale * x, scale * alpha * np.expm1(inner * x)), x.dtype)


def pieces(name, reference, *settings, **more):
    return activation(name, reference, *settings, domain=OFF_KINKS, **more)


ROWS = [
    *pieces("hardtanh", lambda x, low=-1.0, high=1.0: np.clip(x, low, high), {},
            {"low": 0.0, "high": 6.0}),
    *pieces("hardsigmoid", _hardsigmoid),
    *pieces("hardswish", lambda x: x * _hardsigmoid(x), dtypes=FLOATS),
    *pieces("threshold", _threshold, {"threshold": 0.5, "value": -7.0}),
    *pieces("hardshrink", _shrunk, {}, {"width": 1.0}),
    *pieces("softshrink", lambda x, width=0.5: _shrunk(x, width, True), {}, {"width": 1.0}),
    *activation("mish", _mish, tolerance=4),
    *activation("elu", _celu, {"alpha": 0.5, "inner": 2.0}, dtypes=FLOATS),
    *binary("prelu", lambda x, w: np.where(x > 0, x, x * w), dtypes=FLOATS + HALF, special=False),
    Row("glu", _glu, [S((4,), axis=0), S((2, 6), axis=1), S((2, 3), axis=0), S((2, 0), axis=1)]),
]  # fmt: skip

# ------------------------------------------------------------------ normalisation


def _rms_norm(x, weight, axes, eps):
    out = x / np.sqrt(np.mean(x * x, axes, keepdims=True) + x.dtype.type(eps))
    return out if weight is None else out * weight


def _channel_norm(x, weight, bias, groups, over, eps=1e-5):
    n, c = x.shape[:2]
    parts = x.reshape(n, groups, c // groups, -1)
    axes = (0, 3) if over == 0 else (2, 3)
    mean, var = parts.mean(axes, keepdims=True), parts.var(axes, keepdims=True)
    rstd = 1 / np.sqrt(var + x.dtype.type(eps))
    out = ((parts - mean) * rstd).reshape(x.shape)
    form = (1, c, *(1,) * (x.ndim - 2))
    out = out if weight is None else out * weight.reshape(form)
    out = out if bias is None else out + bias.reshape(form)
    return out, mean[..., 0], rstd[..., 0]


def _scaled(x, scale, shift):
    form = scale.shape + (1,) * (x.ndim - 2)
    out = x * scale.reshape(form)
    return out if shift is None else out + shift.reshape(form)


def _fixed_norm(x, weight, bias, mean, rstd):
    scale = rstd if weight is None else rstd * weight
    shift = -mean * scale
    return _scaled(x, scale, shift if bias is None else shift + bias)


ROWS += [
    Row("scaled", _scaled,
        [S((4, 3), (3,), (3,)), S((2, 3, 2), (3,), None), S((2, 3, 2, 2), (2, 3), (2, 3)),
         S((4, 3), (4, 3), None), S((0, 3, 2), (3,), (3,))],
        dtypes=FLOATS + HALF, constants=(1, 2)),
    Row("fixed_norm", _fixed_norm,
        [S((4, 3), (3,), (3,), (3,), D((3,), POSITIVE)),
         S((2, 3, 2), None, (3,), (3,), D((3,), POSITIVE)),
         S((3, 2, 2, 2), (2,), None, (2,), D((2,), POSITIVE))],
        dtypes=FLOATS, constants=(3, 4), tolerance=8),
    Row("rms_norm", _rms_norm,
        [S((4, 3), (3,), axes=(1,), eps=0.1), S((2, 3, 4), (3, 4), axes=(1, 2), eps=1e-5),
         S((4, 3), None, axes=(1,), eps=1e-5), S((3,), (3,), axes=(0,), eps=1e-5),
         S((0, 3), (3,), axes=(1,), eps=1e-5)], tolerance=4),
    Row("channel_norm", _channel_norm,
        [S((4, 3), (3,), (3,), groups=3, over=0), S((4, 3, 2), None, (3,), groups=3, over=0),
         S((3, 2, 2, 2), (2,), None, groups=2, over=0, eps=0.1),
         S((2, 4, 3), (4,), (4,), groups=2, over=2), S((2, 4), (4,), (4,), groups=2, over=2),
         S((2, 3, 2, 2), (3,), (3,), groups=3, over=2, eps=0.1),
         S((2, 4, 2), None, None, groups=1, over=2)], tolerance=8),
]  # fmt: skip

# ------------------------------------------------------------------ bags

PLACES = np.array([0, 2, 0, 4, 1, 2])
BAGS = np.array([0, 0, 0, 2, 2, 3])


def _bags(weight, places, bags, factors, count, by_frequency=False):
    out = np.zeros((count, weight.shape[1]), weight.dtype)
    rows = weight[places] if factors is None else weight[places] * factors[:, None]
    np.add.at(out, bags, rows)
    return out


ROWS += [
    Row("embedding_bag", _bags,
        [S((5, 3), PLACES, BAGS, None, count=4), S((5, 3), PLACES, BAGS, (6,), count=4),
         S((5, 2), BAGS, PLACES, (6,), count=5), S((5, 2), PLACES[:0], BAGS[:0], None, count=2),
         S((9, 1024), PLACES, BAGS, (6,), count=4)],
        dtypes=FLOATS + COMPLEX, tolerance=2),
    # What this does to gradients is no derivative: PyTorch's answers are in another test.
    Row("embedding_bag", _bags, [S((5, 3), PLACES, BAGS, None, count=4, by_frequency=True)],
        differentiable=False),
]  # fmt: skip

# ------------------------------------------------------------------ losses


def _cross_entropy(x, target, weight=None, reduction="mean", ignore=None, smoothing=0.0):
    top = x.max(1, keepdims=True)
    powers = np.exp(x - top)
    logs = x - top - np.log(powers.sum(1, keepdims=True))
    each = np.ones(x.shape[1], x.dtype) if weight is None else weight
    counts = (target == target) if ignore is None else target != ignore
    target = np.where(counts, target, 0)
    picked = -np.take_along_axis(logs, target[:, None], 1)[:, 0] * each[target]
    spread = -np.moveaxis(logs, 1, -1) @ each / x.shape[1]
    terms = np.where(counts, (1 - smoothing) * picked + smoothing * spread, 0)
    found = terms
    if reduction != "none":
        found = terms.sum() / (np.sum(each[target] * counts) if reduction == "mean" else 1)
    return np.asarray(found, x.dtype), powers


def _linear_cross_entropy(x, weight, bias, target, chunk):
    scores = x @ weight.T + (0 if bias is None else bias)
    return _cross_entropy(scores, target, reduction="none")[0]


def _ctc(x, targets, steps, lengths, blank=0, zero_infinity=False, scores=False):
    """By every way to spread the labels."""
    found = []
    for i in range(x.shape[1]):
        labels = targets[i, : lengths[i]].tolist()
        total = 0.0
        for path in itertools.product(range(x.shape[2]), repeat=int(steps[i])):
            merged = [c for c, _ in itertools.groupby(path)]
            if [c for c in merged if c != blank] == labels:
                total += np.exp(sum(float(x[t, i, c]) for t, c in enumerate(path)))
        found.append(-np.log(total) if total else 0.0 if zero_infinity else np.inf)
    return np.asarray(found, x.dtype)


def _multi_margin(x, target, weight=None, p=1, margin=1.0, reduction="mean"):
    terms, slopes = np.zeros(len(x), x.dtype), np.zeros_like(x)
    for i, (row, t) in enumerate(zip(x, target, strict=True)):
        factor = (1 if weight is None else weight[t]) / len(row)
        for j in range(len(row)):
            over = max(0, margin - row[t] + row[j])
            if j != t and over > 0:
                terms[i] += over**p * factor
                slopes[i, j] += p * over ** (p - 1) * factor
                slopes[i, t] -= p * over ** (p - 1) * factor
    found = {"none": lambda t: t, "sum": np.sum, "mean": np.mean}[reduction](terms)
    return np.asarray(found, x.dtype), slopes


def _multilabel_margin(x, target, reduction="mean"):
    terms, slopes = np.zeros(len(x), x.dtype), np.zeros_like(x)
    for i, (row, labels) in enumerate(zip(x, target, strict=True)):
        own = list(itertools.takewhile(lambda t: t >= 0, labels))
        for t, j in itertools.product(own, set(range(len(row))) - set(own)):
            if 1 - row[t] + row[j] > 0:
                terms[i] += (1 - row[t] + row[j]) / len(row)
                slopes[i, j] += 1 / len(row)
                slopes[i, t] -= 1 / len(row)
    found = {"none": lambda t: t, "sum": np.sum, "mean": np.mean}[reduction](terms)
    return np.asarray(found, x.dtype), slopes


LABELS = np.array([[1, 2], [2, 2], [1, 0], [2, 1]])
STEPS, LENGTHS = np.array([4, 3, 4, 1]), np.array([2, 2, 1, 0])
CLASSES = np.array([2, 0, 3])

ROWS += [
    Row("cross_entropy", _cross_entropy,
        [S((3, 4), CLASSES, None, reduction=r) for r in REDUCTIONS]
        + [S((3, 4), CLASSES * 0, None)]
        + [S((3, 4), CLASSES, w, reduction=r, ignore=i, smoothing=s)
           for r in REDUCTIONS for w, i, s in (
               (None, 2, 0.0), (None, None, 0.2), (D((4,), POSITIVE), None, 0.0),
               (D((4,), POSITIVE), 0, 0.2))]
        + [S((2, 4, 3), np.array([[2, 0, 3], [1, 1, 2]]), w, reduction=r, ignore=i, smoothing=s)
           for r, w, i, s in (
               ("none", None, None, 0.0), ("mean", D((4,), POSITIVE), 1, 0.2),
               ("mean", None, 1, 0.0))]
        + [S((2, 3, 2, 2), np.array([[[0, 1], [2, 2]], [[1, 1], [0, 2]]]), None)],
        tolerance=4, constants=(2,)),
    Row("multi_margin_loss", _multi_margin,
        [S((3, 4), CLASSES, w, p=p, reduction=r, margin=m)
         for r, p, m, w in (
             ("mean", 1, 1.0, None), ("sum", 1, 0.3, (4,)), ("none", 2, 1.0, None),
             ("mean", 2, 0.3, (4,)))] + [S((1, 1), CLASSES[1:2], None)],
        tolerance=4, constants=(2,)),
    Row("multilabel_margin_loss", _multilabel_margin,
        [S((3, 4), np.array([[2, 0, -1, 1], [-1, 0, 1, 2], [3, 3, 1, -1]]), reduction=r)
         for r in REDUCTIONS] + [S((1, 2), np.array([[1, 0]]))],
        tolerance=4),
    Row("linear_cross_entropy", _linear_cross_entropy,
        [S((3, 2), (4, 2), (4,), CLASSES, chunk=n) for n in (1, 2, 3)]
        + [S((3, 2), (4, 2), None, CLASSES, chunk=2),
           S((0, 2), (4, 2), (4,), CLASSES[:0], chunk=2)],
        tolerance=8),
    Row("ctc_loss", _ctc,
        [S(D((4, 4, 3), POSITIVE), LABELS, STEPS, LENGTHS),
         S((4, 4, 3), LABELS % 2, STEPS, LENGTHS, blank=2)], tolerance=8),
    Row("ctc_loss", _ctc,
        [S((4, 4, 3), LABELS, np.array([1, 2, 4, 0]), LENGTHS),
         S((4, 4, 3), LABELS, np.array([1, 2, 4, 0]), LENGTHS, zero_infinity=True),
         S((4, 4, 3), LABELS, STEPS, LENGTHS, scores=True)],  # whose rule is no derivative
        tolerance=8, differentiable=False),
]  # fmt: skip
