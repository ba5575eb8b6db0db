"""Connectionist temporal classification: Graves, Fernández, Gomez, Schmidhuber (ICML 2006).

The sum over all ways to spread labels, with blanks between them, over the steps of a sequence. By
dynamic programming over steps, with logarithms, for a whole batch at once. No path is minus
infinity, but `NEVER`: so that nothing is nan, in derivatives of any order.
"""

from __future__ import annotations

import math

from xpgrad.op import op

NEVER = -1e30


def layout(targets, lengths, blank, xp):
    """Labels with blanks around them, (N, 2 S + 1); and where a path may skip the blank before."""
    n, s = targets.shape
    places = xp.arange(s, dtype=lengths.dtype)
    known = xp.where(places < xp.expand_dims(lengths, axis=1), targets, blank)
    blanks = xp.full_like(known, blank)
    labels = xp.reshape(xp.stack([blanks, known], axis=2), (n, 2 * s))
    labels = xp.concat([labels, xp.full((n, 1), blank, dtype=labels.dtype)], axis=1)
    before = xp.concat([xp.full((n, 2), blank, dtype=labels.dtype), labels[:, :-2]], axis=1)
    return labels, xp.logical_and(labels != blank, labels != before[:, : 2 * s + 1])


def shifted(x, by, xp):
    """Columns moved to the right (or left), those that are new being impossible."""
    n, width = x.shape
    new = xp.full((n, min(abs(by), width)), NEVER, dtype=x.dtype)
    if by > 0:
        return xp.concat([new, x[:, : max(width - by, 0)]], axis=1)
    return xp.concat([x[:, -by:], new], axis=1)


def either(a, b, c, xp):
    """The logarithm of the sum of three exponentials."""
    top = xp.maximum(xp.maximum(a, b), c)
    return top + xp.log(xp.exp(a - top) + xp.exp(b - top) + xp.exp(c - top))


def emissions(x, labels, xp):
    """The log-probabilities of the labels at each step."""
    t, n, _ = x.shape
    places = xp.broadcast_to(xp.expand_dims(labels, axis=0), (t, n, labels.shape[1]))
    return xp.maximum(xp.take_along_axis(x, places, axis=2), NEVER)


def forwards(emitted, skips, steps, xp):
    """For each step the log-probability of all that leads there, each of shape (N, 2 S + 1)."""
    t, n, width = emitted.shape
    start = xp.arange(width) == 0
    now = xp.where(start, 0.0, xp.full((n, width), NEVER, dtype=emitted.dtype))
    found = []
    for i in range(t):
        skipping = xp.where(skips, shifted(now, 2, xp), NEVER)
        then = either(now, shifted(now, 1, xp), skipping, xp) + emitted[i, ...]
        now = xp.where(xp.expand_dims(steps > i, axis=1), then, now)
        found.append(now)
    return now, found


def at_end(lengths, width, xp):
    """Whether a path may end at a place: on the last label or the blank behind it."""
    ends = xp.expand_dims(lengths * 2, axis=1)
    places = xp.arange(width, dtype=lengths.dtype)
    return xp.logical_or(places == ends, places == ends - 1)


def backwards(emitted, skips, steps, lengths, xp):
    """For each step the log-probability of all that may follow."""
    t, _, width = emitted.shape
    zeros = xp.zeros(emitted.shape[1:], dtype=emitted.dtype)
    over = xp.where(at_end(lengths, width, xp), zeros, NEVER)
    now, found = over, []
    for i in range(t - 1, -1, -1):
        if i + 1 < t:
            then = now + emitted[i + 1, ...]
            skipping = shifted(xp.where(skips, then, NEVER), -2, xp)
            then = either(then, shifted(then, -1, xp), skipping, xp)
            now = xp.where(xp.expand_dims(steps > i + 1, axis=1), then, over)
        found.append(now)
    return found[::-1]


def ctc_rule(g, x, targets, steps, lengths, blank, zero_infinity, scores, xp):
    """Minus the share of the paths that have the class at that step; see `ctc_loss`."""
    labels, skips = layout(targets, lengths, blank, xp)
    emitted = emissions(x, labels, xp)
    t, n, _ = emitted.shape
    if not t:
        return xp.zeros_like(x)
    last, alphas = forwards(emitted, skips, steps, xp)
    betas = backwards(emitted, skips, steps, lengths, xp)
    total = log_likelihood(last, lengths, xp)
    ways = xp.stack(alphas, axis=0) + xp.stack(betas, axis=0)
    share = xp.exp(xp.minimum(ways - xp.expand_dims(total, axis=1), 0.0))
    rows = xp.reshape(xp.arange(t), (t, 1, 1))
    columns = xp.reshape(xp.arange(n), (1, n, 1))
    taken = xp.index_add(x, (rows, columns, xp.expand_dims(labels, axis=0)), share)
    scale = xp.where(total < NEVER / 2, 0.0 if zero_infinity else math.nan, g)
    scale = xp.expand_dims(scale, axis=1)
    counts = xp.reshape(xp.arange(t, dtype=steps.dtype), (t, 1)) < steps
    slope = xp.exp(x) - taken if scores else -taken
    return xp.where(xp.expand_dims(counts, axis=2), slope * scale, 0.0)


def log_likelihood(last, lengths, xp):
    """The logarithm of the probability of all paths, after the last step of each."""
    ends = xp.where(at_end(lengths, last.shape[1], xp), last, NEVER)
    top = xp.max(ends, axis=1, keepdims=True)
    return xp.squeeze(top + xp.log(xp.sum(xp.exp(ends - top), axis=1, keepdims=True)), axis=1)


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
    labels, skips = layout(targets, lengths, blank, xp)
    last, _ = forwards(emissions(x, labels, xp), skips, steps, xp)
    total = log_likelihood(last, lengths, xp)
    return xp.where(total < NEVER / 2, 0.0 if zero_infinity else math.inf, -total)
