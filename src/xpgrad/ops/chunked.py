"""A linear layer and the cross entropy of its results, without all of them at once.

With many classes the scores of a batch are larger than anything else in a network. Here they exist
for some rows at a time, forward and backward, where they are computed once more. Half precision is
computed in single.
"""

from __future__ import annotations

from xpgrad.fused import widened
from xpgrad.op import op


def chunks(count, size):
    """Slices of that many rows."""
    return [slice(i, min(i + size, count)) for i in range(0, count, size)]


def scores(x, weight, bias, rows, xp):
    """The scores of some rows, and the logarithm of the sum of their exponentials."""
    found = xp.matmul(x[rows, :], xp.matrix_transpose(weight))
    if bias is not None:
        found = found + bias
    top = xp.max(found, axis=1, keepdims=True)
    total = xp.log(xp.sum(xp.exp(found - top), axis=1, keepdims=True)) + top
    return found, total


def rules(g, x, weight, bias, target, chunk, xp):
    """The gradients of input, weight and bias."""
    x, weight, bias, g = (widened(a, xp) for a in (x, weight, bias, g))
    classes = xp.arange(weight.shape[0], dtype=target.dtype)
    dx, dw, db = [], 0.0, 0.0
    for rows in chunks(x.shape[0], chunk):
        found, total = scores(x, weight, bias, rows, xp)
        share = xp.exp(found - total)
        share = xp.where(xp.expand_dims(target[rows], axis=1) == classes, share - 1, share)
        share = share * xp.expand_dims(g[rows], axis=1)
        dx.append(xp.matmul(share, weight))
        dw = dw + xp.matmul(xp.matrix_transpose(share), x[rows, :])
        db = db + xp.sum(share, axis=0)
    if not dx:
        return xp.zeros_like(x), xp.zeros_like(weight), xp.zeros_like(weight[:, 0])
    return xp.concat(dx, axis=0) if len(dx) > 1 else dx[0], dw, db


@op(
    shared=rules,
    x=lambda shared: shared[0],
    weight=lambda shared: shared[1],
    bias=lambda shared: shared[2],
    target=None,
)
def linear_cross_entropy(xp, x, weight, bias, target, /, *, chunk):
    """The cross entropy of each row of ``x @ weight.T + bias``, some rows at a time."""
    dtype = x.dtype
    x, weight, bias = (widened(a, xp) for a in (x, weight, bias))
    found = []
    for rows in chunks(x.shape[0], chunk):
        logits, total = scores(x, weight, bias, rows, xp)
        picked = xp.take_along_axis(logits, xp.expand_dims(target[rows], axis=1), axis=1)
        found.append(xp.squeeze(total - picked, axis=1))
    if not found:
        return xp.zeros((0,), dtype=dtype)
    out = xp.concat(found, axis=0) if len(found) > 1 else found[0]
    return out if out.dtype == dtype else xp.astype(out, dtype)
