"""Normalisation: mean 0 and variance 1 over some axes, then a scale and a shift.

The rules are those of Ba, Kiros, Hinton, *Layer Normalization* (2016), Ioffe, Szegedy, *Batch
Normalization* (2015), and Zhang, Sennrich, *Root Mean Square Layer Normalization* (2019). What is
computed stands in `xpgrad.fused`.
"""

from __future__ import annotations

from xpgrad.fused import narrowed, rows_of, shaped, widened
from xpgrad.op import op

# ------------------------------------------------------------------ over the last axes


def layer_norm_bias(g, like, axes, xp):
    g = rows_of(g, axes, xp)
    return shaped(xp.matmul(xp.ones((g.shape[0],), dtype=g.dtype), g), like.shape, xp)


@op(
    node="NativeLayerNorm",
    tied=("x", "weight", "bias"),
    shared=lambda g, x, weight, axes, eps, xp: xp.layer_norm_gradients(g, x, weight, axes, eps),
    x=lambda shared: shared[0],
    weight=lambda shared, like, xp: shaped(shared[1], like.shape, xp),
    bias=layer_norm_bias,
)
def layer_norm(xp, x, weight, bias, /, *, axes, eps=1e-5):
    """`x` with mean 0 and variance 1 over the last axes, times `weight`, plus `bias`."""
    return xp.layer_norm(xp.ordered(x), weight, bias, axes, eps)


@op(
    node="FusedRmsNorm",
    shared=lambda g, x, weight, axes, eps, xp: xp.rms_norm_gradients(g, x, weight, axes, eps),
    x=lambda shared: shared[0],
    weight=lambda shared, like, xp: shaped(shared[1], like.shape, xp),
)
def rms_norm(xp, x, weight, /, *, axes, eps):
    """`x` over its root mean square along the last axes, times `weight`."""
    return xp.rms_norm(xp.ordered(x), weight, axes, eps)


# ------------------------------------------------------------------ over channels


def channel_norm_rules(gs, x, weight, out, groups, over, xp):
    """The gradients of input, weight and bias.

    Those of means and deviations come in only where gradients are differentiated.
    """
    return xp.channel_norm_gradients(gs, x, weight, out, groups, over)


@op(
    node="NativeGroupNorm",
    outputs=3,
    kept=(1, 2),
    shared=channel_norm_rules,
    x=lambda shared: shared[0],
    weight=lambda shared: shared[1],
    bias=lambda shared: shared[2],
)
def channel_norm(xp, x, weight, bias, /, *, groups, over, eps=1e-5):
    """`x` of shape (N, C, …) with mean 0 and variance 1, times `weight`, plus `bias`.

    There are statistics of each group of channels: of each example, or of all together. Means and
    reciprocal standard deviations are results, too.

    Args:
        groups: how many; all channels are one each where `over` is 0.
        over: 0 for statistics of all examples, 2 for those of each.
        eps: added to the variance.
    """
    return xp.channel_norm(xp.ordered(x), weight, bias, groups, over, eps)


def fixed_scale(weight, rstd, xp):
    """What channels are multiplied by."""
    rstd = widened(rstd, xp)
    return rstd if weight is None else rstd * shaped(widened(weight, xp), rstd.shape, xp)


def fixed_norm_x(g, weight, rstd, xp):
    found = xp.scaled(widened(g, xp), fixed_scale(weight, rstd, xp), None)
    return narrowed(found, g.dtype, xp)


@op(
    node="NativeBatchNorm",
    tied=("x", "weight"),
    shared=lambda g, x, mean, xp: xp.channel_sums(*(widened(a, xp) for a in (g, x, mean))),
    x=fixed_norm_x,
    weight=lambda shared, rstd, like, xp: shaped(shared[1] * widened(rstd, xp), like.shape, xp),
    bias=lambda shared, like, xp: shaped(shared[0], like.shape, xp),
    mean=None,
    rstd=None,
)
def fixed_norm(xp, x, weight, bias, mean, rstd, /):
    """`x` of shape (N, C, …) less `mean`, times `rstd` and `weight`, plus `bias`.

    Means and reciprocal standard deviations of channels are given, and have no derivative.
    """
    scale = fixed_scale(weight, rstd, xp)
    shift = -widened(mean, xp) * scale
    if bias is not None:
        shift = shift + shaped(widened(bias, xp), shift.shape, xp)
    return narrowed(xp.scaled(xp.ordered(widened(x, xp)), scale, shift), x.dtype, xp)


@op(x=lambda g, scale, xp: xp.scaled(g, scale, None), scale=None, shift=None)
def scaled(xp, x, scale, shift, /):
    """`x` of shape (N, C, …) times numbers of channels, or of those of each example, plus others.

    These have no derivative.
    """
    return xp.scaled(xp.ordered(x), scale, shift)
