"""Attention as one op: scores, softmax and the weighted sum of values.

T. Dao et al., *FlashAttention* (2022), appendix B.4, has the derivatives; of all that lies between
only the weights are kept.
"""

from __future__ import annotations

import math
from typing import Any

from xpgrad.fused import dots
from xpgrad.op import op


def scores_rule(gs, v, keep, out, xp):
    """What the scores get."""
    g, more = gs
    weights = out[1]
    d: Any = None
    if g is not None:
        d = xp.matmul(g, xp.matrix_transpose(v))
        if keep is not None:
            d = d * keep
    if more is not None:  # when gradients are differentiated
        d = more if d is None else d + more
    return weights * (d - dots(d, weights, (len(d.shape) - 1,), xp))


def query_rule(shared, k, scale, xp):
    return xp.matmul(shared, k) * scale


def key_rule(shared, q, scale, xp):
    return xp.matmul(xp.matrix_transpose(shared), q) * scale


def value_rule(gs, keep, out, xp):
    if gs[0] is None:
        return None
    weights = out[1] if keep is None else out[1] * keep
    return xp.matmul(xp.matrix_transpose(weights), gs[0])


@op(
    node="ScaledDotProductAttention",
    outputs=2,
    kept=(1,),
    shared=scores_rule,
    q=query_rule,
    k=key_rule,
    v=value_rule,
    bias=lambda shared: shared,
    keep=None,
)
def attention(xp, q, k, v, bias, keep, /, *, scale, causal=False):
    """softmax(scale * q @ k.T + bias) @ v, and the weights that the softmax gives.

    `keep` multiplies the weights (dropout). A query for which all scores are -inf gets zeros.
    """
    scores = xp.matmul(q * scale, xp.matrix_transpose(k))
    if causal:
        rows, columns = (xp.arange(n) for n in scores.shape[-2:])
        later = xp.reshape(columns, (1, -1)) > xp.reshape(rows, (-1, 1))
        scores = scores + xp.where(later, xp.full((), -math.inf, dtype=scores.dtype), 0.0)
    if bias is not None:
        scores = scores + bias
    if 0 in scores.shape:
        return xp.matmul(scores, v), scores
    top = xp.max(scores, axis=-1, keepdims=True)
    if causal or bias is not None:
        top = xp.where(top == -math.inf, 0.0, top)
    e = xp.exp(scores - top)
    total = xp.sum(e, axis=-1, keepdims=True)
    if causal or bias is not None:
        total = xp.where(total == 0, 1.0, total)
    weights = e / total
    return xp.matmul(weights if keep is None else weights * keep, v), weights
