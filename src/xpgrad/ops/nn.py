"""Activations, layers and losses, where one rule beats a chain of them.

Each stays finite for large inputs, in derivatives of any order. Conventions, as PyTorch's:
``relu'(0) = 0``; an ``axis`` is a non-negative int. Targets, weights of classes and the like are
inputs without a derivative.
"""

from __future__ import annotations

import math
from types import SimpleNamespace

from xpgrad.fused import narrowed, widened
from xpgrad.losses import at, less_at, places, reduced
from xpgrad.op import named, op
from xpgrad.ops.reductions import spread

# ------------------------------------------------------------------ activations


@op(elementwise=True, tied="out", x=lambda g, out, xp: xp.where(out <= 0, 0.0, g))
def relu(xp, x, /):
    return xp.maximum(x, 0)


@op(
    elementwise=True,
    tied="x",
    x=lambda g, x, negative_slope, xp: xp.leaky_relu_gradient(g, x, negative_slope),
)
def leaky_relu(xp, x, /, *, negative_slope=0.01):
    return xp.leaky_relu(x, negative_slope)


def elu_rule(g, x, alpha, scale, inner, xp):
    return xp.elu_gradient(g, x, alpha, scale, inner)


@op(elementwise=True, x=elu_rule)
def elu(xp, x, /, *, alpha=1.0, scale=1.0, inner=1.0):
    """scale * (x where it is positive, alpha * (exp(inner * x) - 1) elsewhere)."""
    return xp.elu(x, alpha, scale, inner)


@op(elementwise=True, x=lambda g, x, xp: g * xp.sigmoid(-x))
def log_sigmoid(xp, x, /):
    return xp.minimum(x, 0) - xp.log1p(xp.exp(-xp.abs(x)))


@op(elementwise=True, x=lambda g, x, xp: xp.silu_gradient(g, x))
def silu(xp, x, /):
    return xp.silu(x)


def softplus_rule(g, x, beta, threshold, xp):
    scaled = x if beta == 1 else x * beta
    return xp.where(scaled > threshold, g, g * xp.sigmoid(scaled))


@op(elementwise=True, x=softplus_rule)
def softplus(xp, x, /, *, beta=1.0, threshold=20.0):
    """log(1 + exp(beta * x)) / beta; `x` itself where beta * x is above the threshold."""
    scaled = x if beta == 1 else x * beta
    soft = xp.log1p(xp.exp(xp.minimum(scaled, threshold)))
    return xp.where(scaled > threshold, x, soft if beta == 1 else soft / beta)


@op(elementwise=True, x=lambda g, x, approximate, xp: xp.gelu_gradient(g, x, approximate))
def gelu(xp, x, /, *, approximate="none"):
    return xp.gelu(x, approximate)


# ------------------------------------------------------------------ along an axis


@op(x=lambda g, out, axis, xp: xp.softmax_gradient(g, out, axis))
def softmax(xp, x, /, *, axis):
    if 0 in x.shape:
        return xp.exp(x)
    return xp.softmax(xp.ordered(x), axis)


@op(x=lambda g, out, axis, xp: xp.log_softmax_gradient(g, out, axis))
def log_softmax(xp, x, /, *, axis):
    if 0 in x.shape:
        return xp.exp(x)
    return xp.log_softmax(xp.ordered(x), axis)


# A number has no axis, but the same formulas, whose second derivatives go by way of the result.


@op(node="Softmax", elementwise=True, x=lambda g, out: (g - g * out) * out)
def softmax_of_one(xp, x, /):
    """exp(x) / exp(x)."""
    return xp.exp(x - x)


@op(node="LogSoftmax", elementwise=True, x=lambda g, out, xp: g - xp.exp(out) * g)
def log_softmax_of_one(xp, x, /):
    """The logarithm of that."""
    return x - x


OF_ONE = {softmax: softmax_of_one, log_softmax: log_softmax_of_one}


def logsumexp_rule(g, x, out, like, axis, keepdims, xp):
    out = spread(out, like, axis, keepdims, xp)
    # Of nothing but -inf, each has the same share of nothing.
    share = xp.exp(x - xp.where(out == -math.inf, 0.0, out))
    return spread(g, like, axis, keepdims, xp) * xp.conj(share)


@op(integers="float", x=logsumexp_rule)
def logsumexp(xp, x, /, *, axis=None, keepdims=False):
    """log(sum(exp(x))) over the axes (a tuple, or all of them)."""
    if 0 in x.shape:
        return xp.log(xp.sum(xp.exp(x), axis=axis, keepdims=keepdims))
    top = xp.max(xp.real(x) if x.dtype in xp.complexes else x, axis=axis, keepdims=True)
    top = xp.where(xp.isfinite(top), top, 0.0)
    out = xp.log(xp.sum(xp.exp(x - top), axis=axis, keepdims=True)) + top
    if keepdims:
        return out
    return xp.squeeze(out, axis=tuple(range(len(x.shape))) if axis is None else axis)


# ------------------------------------------------------------------ layers


def linear_weight(g, x, xp):
    if len(g.shape) != 2:  # a batch of any shape is many rows
        rows = math.prod(g.shape[:-1])
        g, x = xp.reshape(g, (rows, g.shape[-1])), xp.reshape(x, (rows, x.shape[-1]))
    return xp.matmul(xp.matrix_transpose(g), xp.conj(x))


@op(
    node="Addmm",
    x=lambda g, weight, xp: xp.matmul(g, xp.conj(weight)),
    weight=linear_weight,
    bias=lambda g: g,
)
def linear(xp, x, weight, bias, /):
    """x @ weight.T + bias, for `x` of shape (..., in) and a weight of (out, in)."""
    out = xp.matmul(x, xp.matrix_transpose(weight))
    if bias is None:
        return out
    if xp.mutable and out.dtype == bias.dtype and out.shape[-1:] == bias.shape:
        out += bias
        return out
    return out + bias


linear_mm = named(linear, "MmBackward0")  # what PyTorch's own is made of, by rank and bias
linear_view = named(linear, "ViewBackward0")
linear_unsafe_view = named(linear, "UnsafeViewBackward0")
linear_squeeze = named(linear, "SqueezeBackward4")


def embedding_rule(g, indices, like, padding_idx, by_frequency, rows, xp):
    if by_frequency:
        ones = xp.ones(tuple(indices.shape), dtype=g.dtype)
        counts = xp.index_add(SimpleNamespace(shape=like.shape[:1]), (indices,), ones)
        g = g / xp.expand_dims(xp.getitem(counts, (indices,)), axis=-1)
    if padding_idx is not None:
        row = indices if rows is None else indices % rows
        g = xp.where(xp.expand_dims(row, axis=-1) == padding_idx, 0.0, g)
    return xp.index_add(like, (indices,), g)


@op(weight=embedding_rule, indices=None)
def embedding(xp, weight, indices, /, *, padding_idx=None, by_frequency=False, rows=None):
    """The rows of `weight` at `indices`. The row `padding_idx` gets no gradient.

    `rows` is the length of each table where `weight` holds several below one another.
    """
    return xp.getitem(weight, (indices,))


# ------------------------------------------------------------------ losses


def each(g, terms, reduction):
    """The gradient of each term; `terms` is anything of their shape."""
    return g / math.prod(terms.shape) if reduction == "mean" else g


def mse_rule(g, x, y, reduction):
    d = x - y
    return d * (each(g, d, reduction) * 2)


@op(
    promotes=True,
    x=mse_rule,
    y=lambda g, x, y, reduction: mse_rule(g, y, x, reduction),
)
def mse_loss(xp, x, y, /, *, reduction="mean"):
    d = x - y
    return reduced(d * d, reduction, xp)


def smooth_l1_rule(g, x, y, reduction, beta, xp):
    d = xp.hardtanh(x - y, -beta, beta)
    return d * (each(g, d, reduction) / beta)


@op(
    node="SmoothL1Loss",
    promotes=True,
    x=smooth_l1_rule,
    y=lambda g, x, y, reduction, beta, xp: smooth_l1_rule(g, y, x, reduction, beta, xp),
)
def smooth_l1_loss(xp, x, y, /, *, reduction="mean", beta=1.0):
    return reduced(xp.bent(x - y, beta), reduction, xp) / beta


def huber_rule(g, x, y, reduction, delta, xp):
    d = xp.hardtanh(x - y, -delta, delta)
    return d * each(g, d, reduction)


@op(
    promotes=True,
    x=huber_rule,
    y=lambda g, x, y, reduction, delta, xp: huber_rule(g, y, x, reduction, delta, xp),
)
def huber_loss(xp, x, y, /, *, reduction="mean", delta=1.0):
    return reduced(xp.bent(x - y, delta), reduction, xp)


def nll_rule(g, target, weight, like, reduction, xp):
    if weight is None:
        each = g / -math.prod(target.shape) if reduction == "mean" else -g
    else:
        each = -g * weight / xp.sum(weight) if reduction == "mean" else -g * weight
        each = xp.where(weight == 0, 0.0, each)  # also where no row counts and the mean is nan
    if len(like.shape) == 2:  # each row is written to once: no need to add up
        return xp.assign(xp.zeros(like.shape, dtype=g.dtype), places(target, xp), each)
    each = xp.expand_dims(xp.broadcast_to(each, tuple(target.shape)), axis=1)
    return xp.add_along_axis(each, xp.expand_dims(target, axis=1), tuple(like.shape), 1)


@op(tied="x", x=nll_rule, target=None, weight=None)
def nll_loss(xp, x, target, weight, /, *, reduction="mean"):
    """Minus what `target` picks of `x` along axis 1; `weight`, like it, has a number for each."""
    picked = at(x, target, xp)
    if weight is not None:  # what is ignored may be anything, and counts nothing
        picked = xp.where(weight == 0, 0.0, picked * weight)
    if reduction == "none":
        return -picked
    total = xp.sum(picked)
    if reduction == "sum":
        return -total
    return total / -(math.prod(target.shape) if weight is None else xp.sum(weight))


def cross_entropy_rule(gs, target, weight, out, reduction, ignore, smoothing, xp):
    (g, g_powers), (_, powers) = gs, out
    dx = 0.0
    if g is not None:
        how = (widened(weight, xp), reduction, ignore, smoothing)
        dx = xp.cross_entropy_gradient(g, powers, target, *how)
    if g_powers is not None:  # where gradients are differentiated
        part = g_powers * powers
        first = xp.astype(powers == 1, powers.dtype)
        first = first / xp.sum(first, axis=1, keepdims=True)
        dx = dx + part - first * xp.sum(part, axis=1, keepdims=True)
    return dx


@op(node="NllLoss", outputs=2, kept=(1,), x=cross_entropy_rule, target=None, weight=None)
def cross_entropy(xp, x, target, weight, /, *, reduction="mean", ignore=None, smoothing=0.0):
    """Minus what `target` picks of `log_softmax(x)` along axis 1; see `xpgrad.losses`.

    The exponentials of `x` less the largest beside it come along: for the rule, which divides them
    by their sum.
    """
    how = (widened(weight, xp), reduction, ignore, smoothing)
    found, powers = xp.cross_entropy(xp.ordered(widened(x, xp)), target, *how)
    return narrowed(found, x.dtype, xp), powers


def multi_margin_rule(gs, target, weight, out, p, reduction, xp):
    """By the slopes, whose own derivatives there are where gradients are differentiated."""
    dx = multilabel_margin_rule(gs, out, reduction, xp)
    if gs[1] is None or p == 1:
        return dx
    slopes, others = out[1], gs[1]
    others = (others - xp.expand_dims(at(others, target, xp), axis=1)) * (2 / slopes.shape[1])
    if weight is not None:
        others = others * xp.expand_dims(xp.getitem(weight, (target,)), axis=1)
    others = xp.where(slopes != 0, others, 0.0)
    return dx + less_at(others, target, xp.sum(others, axis=1), xp)


def multilabel_margin_rule(gs, out, reduction, xp):
    g, slopes = gs[0], out[1]
    if g is None:
        return slopes * 0
    if reduction == "none":
        return slopes * xp.expand_dims(g, axis=1)
    return slopes * (g / slopes.shape[0] if reduction == "mean" else g)


@op(outputs=2, kept=(1,), x=multi_margin_rule, target=None, weight=None)
def multi_margin_loss(xp, x, target, weight, /, *, p=1, margin=1.0, reduction="mean"):
    """The mean over other classes of ``max(0, margin - x[target] + x) ** p``, by rows."""
    terms, slopes = xp.multi_margin(xp.ordered(x), target, weight, p, margin)
    return reduced(terms, reduction, xp), slopes


@op(outputs=2, kept=(1,), x=multilabel_margin_rule, target=None)
def multilabel_margin_loss(xp, x, target, /, *, reduction="mean"):
    """The sum of ``max(0, 1 - x[j] + x[i])`` for the classes j of a target and i not of it."""
    terms, slopes = xp.multilabel_margin(xp.ordered(x), target)
    return reduced(terms, reduction, xp), slopes


# What PyTorch's own losses end with: an image has two dimensions, and others are viewed as such.
nll_loss_2d = named(nll_loss, "NllLoss2DBackward0")
nll_loss_view = named(nll_loss, "ViewBackward0")
cross_entropy_2d = named(cross_entropy, "NllLoss2DBackward0")
cross_entropy_view = named(cross_entropy, "ViewBackward0")
cross_entropy_smooth = named(cross_entropy, "AddBackward0")


def bce_x(g, x, target, weight, reduction, xp):
    slope = (x - target) / xp.maximum((1 - x) * x, 1e-12)
    if weight is not None:
        slope = slope * weight
    return each(g, slope, reduction) * slope


def bce_target(g, x, target, weight, reduction, xp):
    slope = xp.maximum(xp.log1p(-x), -100.0) - xp.maximum(xp.log(x), -100.0)
    if weight is not None:
        slope = slope * weight
    return each(g, slope, reduction) * slope


@op(promotes=("x", "target"), x=bce_x, target=bce_target, weight=None)
def binary_cross_entropy(xp, x, target, weight, /, *, reduction="mean"):
    """-(target * log(x) + (1 - target) * log(1 - x)), the logarithms no less than -100."""
    no = xp.maximum(xp.log1p(-x), -100.0)
    terms = target * (no - xp.maximum(xp.log(x), -100.0)) - no
    return reduced(terms if weight is None else terms * weight, reduction, xp)


def bce_logits_x(g, x, target, weight, pos_weight, reduction, xp):
    if pos_weight is None:
        slope = xp.sigmoid(x) - target
    else:
        positive = pos_weight * target
        slope = (positive + 1 - target) * xp.sigmoid(x) - positive
    if weight is not None:
        slope = slope * weight
    return each(g, slope, reduction) * slope


def bce_logits_target(g, x, target, weight, pos_weight, reduction, xp):
    slope = -x
    if pos_weight is not None:
        slope = slope + (pos_weight - 1) * xp.logaddexp(-x, xp.zeros_like(x))
    if weight is not None:
        slope = slope * weight
    return each(g, slope, reduction) * slope


@op(
    promotes=("x", "target"),
    x=bce_logits_x,
    target=bce_logits_target,
    weight=None,
    pos_weight=None,
)
def binary_cross_entropy_with_logits(xp, x, target, weight, pos_weight, /, *, reduction="mean"):
    """The cross entropy of sigmoid(x); `pos_weight` multiplies the part of the positives."""
    soft = xp.log1p(xp.exp(-xp.abs(x))) + xp.maximum(-x, 0)
    if pos_weight is not None:
        soft = soft * ((pos_weight - 1) * target + 1)
    terms = (1 - target) * x + soft
    return reduced(terms if weight is None else terms * weight, reduction, xp)
