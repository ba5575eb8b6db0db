"""Convolution and its two adjoints, of which each has the others for derivatives.

All are the extras of `windowed` as ops: inputs are (N, C, *space), kernels (F, C / groups, *size).
``size`` is the length of the result in each dimension of space: what the padding behind is follows
from it, and so does the output padding of a transposed convolution.
"""

from __future__ import annotations

import math

from xpgrad.op import op


def by_input(g, weight, like, stride, padding, dilation, groups, xp):
    size = tuple(like.shape[2:])
    return xp.convolve_input(g, xp.conj(weight), size, stride, padding, dilation, groups)


def by_weight(g, x, like, stride, padding, dilation, groups, xp):
    size = tuple(like.shape[2:])
    return xp.convolve_weight(xp.conj(x), g, size, stride, padding, dilation, groups)


def by_bias(g, xp):
    n, f, *space = g.shape
    places = math.prod(space)
    rows = xp.matmul(xp.reshape(g, (n, f, places)), xp.ones((places,), dtype=g.dtype))
    return xp.sum(rows, axis=0)  # faster than a sum over all


def biased(out, bias, xp):
    """The result of a convolution with a number added to each channel."""
    if bias is None:
        return out
    bias = xp.reshape(bias, (bias.shape[0], *(1,) * (len(out.shape) - 2)))
    if xp.mutable and out.dtype == bias.dtype:
        out += bias
        return out
    return out + bias


@op(x=by_input, weight=by_weight, bias=by_bias, tied=("x", "weight"))
def convolution(xp, x, weight, bias, /, *, size, stride, padding, dilation, groups):
    """Windows of `x` times a kernel, plus a bias for each channel of the result."""
    return biased(xp.convolve(x, weight, size, stride, padding, dilation, groups), bias, xp)


def transposed_by_input(g, weight, like, stride, padding, dilation, groups, xp):
    size = tuple(like.shape[2:])
    return xp.convolve(g, xp.conj(weight), size, stride, padding, dilation, groups)


def transposed_by_weight(g, x, like, stride, padding, dilation, groups, xp):
    # The sum is linear in both arrays, so that what is conjugated here is the other one.
    size = tuple(like.shape[2:])
    return xp.convolve_weight(g, xp.conj(x), size, stride, padding, dilation, groups)


def transposed_rules(g, x, weight, edges, stride, padding, dilation, groups, xp):
    """The gradients of the input and of the weight, which come of the same windows."""
    how = (stride, padding, dilation, groups)
    if edges[0] is None:
        return None, transposed_by_weight(g, x, weight, *how, xp)
    if edges[1] is None:
        return transposed_by_input(g, weight, x, *how, xp), None
    return xp.convolve_twice(g, xp.conj(weight), xp.conj(x), *how)


@op(
    node="Convolution",
    tied=("x", "weight"),
    shared=transposed_rules,
    x=lambda shared: shared[0],
    weight=lambda shared: shared[1],
    bias=by_bias,
)
def convolution_input(xp, x, weight, bias, /, *, size, stride, padding, dilation, groups):
    """The transposed convolution: the adjoint of `convolution` with respect to its input."""
    return biased(xp.convolve_input(x, weight, size, stride, padding, dilation, groups), bias, xp)


def weight_by_x(g, y, like, stride, padding, dilation, groups, xp):
    size = tuple(like.shape[2:])
    return xp.convolve_input(xp.conj(y), g, size, stride, padding, dilation, groups)


def weight_by_y(g, x, like, stride, padding, dilation, groups, xp):
    size = tuple(like.shape[2:])
    return xp.convolve(xp.conj(x), g, size, stride, padding, dilation, groups)


@op(node="Convolution", x=weight_by_x, y=weight_by_y)
def convolution_weight(xp, x, y, /, *, size, stride, padding, dilation, groups):
    """What a kernel gets from inputs `x` and gradients `y` of outputs: `convolution`'s adjoint."""
    return xp.convolve_weight(x, y, size, stride, padding, dilation, groups)


# ------------------------------------------------------------------ as functions of Tensors


def convolve(x, w, size, stride, padding, dilation, groups):
    """The extra of that name on Tensors."""
    how = {"size": size, "stride": stride, "padding": padding, "dilation": dilation}
    return convolution(x, w, None, groups=groups, **how)


def convolve_input(g, w, size, stride, padding, dilation, groups):
    """The extra of that name on Tensors."""
    how = {"size": size, "stride": stride, "padding": padding, "dilation": dilation}
    return convolution_input(g, w, None, groups=groups, **how)


def convolve_weight(x, g, size, stride, padding, dilation, groups):
    """The extra of that name on Tensors."""
    how = {"size": size, "stride": stride, "padding": padding, "dilation": dilation}
    return convolution_weight(x, g, groups=groups, **how)


def convolve_twice(x, w, g, stride, padding, dilation, groups):
    """The extra of that name on Tensors."""
    how = (stride, padding, dilation, groups)
    found = convolve(x, w, tuple(g.shape[2:]), *how)
    return found, convolve_weight(x, g, tuple(w.shape[2:]), *how)
