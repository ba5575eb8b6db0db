"""Connectionist temporal classification: Graves, Fernández, Gomez, Schmidhuber (ICML 2006).

The sum over all ways to spread labels, with blanks between them, over the steps of a sequence: see
`xpgrad.sequences`.
"""

from __future__ import annotations

import math

from xpgrad.op import op
from xpgrad.sequences import NEVER


def ctc_rule(g, x, targets, steps, lengths, blank, zero_infinity, scores, xp):
    """Minus the share of the paths that have the class at that step; see `ctc_loss`."""
    t = x.shape[0]
    if not t:
        return xp.zeros_like(x)
    total, taken = xp.ctc_shares(x, targets, steps, lengths, blank)
    scale = xp.where(total < NEVER / 2, 0.0 if zero_infinity else math.nan, g)
    scale = xp.expand_dims(scale, axis=1)
    counts = xp.reshape(xp.arange(t, dtype=steps.dtype), (t, 1)) < steps
    slope = xp.exp(x) - taken if scores else -taken
    return xp.where(xp.expand_dims(counts, axis=2), slope * scale, 0.0)


@op(x=ctc_rule, targets=None, steps=None, lengths=None)
def ctc_loss(xp, x, targets, steps, lengths, /, *, blank=0, zero_infinity=False, scores=False):
    """Minus the log-probability of each target.

    Args:
        xp: the namespace.
        x: log-probabilities, (T, N, C).
        targets: labels, (N, S).
        steps: how many of the T steps each has, (N,).
        lengths: how many of the S labels each has, (N,).
        blank: the class of the blank.
        zero_infinity: where there is no path, 0 instead of infinity.
        scores: the gradient is that of the scores that `x` is `log_softmax` of: exp(x) more. It is
            all the same to what is passed on to them. PyTorch's is.
    """
    total = xp.ctc_paths(x, targets, steps, lengths, blank)
    return xp.where(total < NEVER / 2, 0.0 if zero_infinity else math.inf, -total)
