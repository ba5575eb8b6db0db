"""Sums over the ways that labels are spread over a sequence, by what the standard has.

By dynamic programming over steps, with logarithms, for a whole batch at once. No path is minus
infinity, but `NEVER`: so that nothing is nan, in derivatives of any order.
"""

from __future__ import annotations

from typing import Any

Array = Any

NEVER = -1e30


class Sequences:
    """The extras of `ctc_loss`: a part of every `Namespace`, and of Tensors'.

    With log-probabilities ``x``, (T, N, C), ``labels``, (N, S), how many ``steps`` of the T each
    sequence has and how many of the labels (``lengths``).

    =======================================  =======================================================
    ``ctc_paths(x, labels, …)``              the log-probability of all paths, (N,)
    ``ctc_shares(x, labels, …)``             that, and the share of the paths that have a class at a
                                             step, (T, N, C)
    =======================================  =======================================================
    """

    def ctc_paths(
        self: Any, x: Array, labels: Array, steps: Array, lengths: Array, blank: int
    ) -> Array:
        """The log-probability of all paths; less than half of `NEVER` if there is none."""
        places, skips = layout(labels, lengths, blank, self)
        last, _ = forwards(emissions(x, places, self), skips, steps, self)
        return log_likelihood(last, lengths, self)

    def ctc_shares(
        self: Any, x: Array, labels: Array, steps: Array, lengths: Array, blank: int
    ) -> tuple[Array, Array]:
        """The same, and for each step and class the share of the paths that are there then."""
        places, skips = layout(labels, lengths, blank, self)
        emitted = emissions(x, places, self)
        t, n, _ = emitted.shape
        last, alphas = forwards(emitted, skips, steps, self)
        betas = backwards(emitted, skips, steps, lengths, self)
        total = log_likelihood(last, lengths, self)
        ways = self.stack(alphas, axis=0) + self.stack(betas, axis=0)
        share = self.exp(self.minimum(ways - self.expand_dims(total, axis=1), 0.0))
        rows = self.reshape(self.arange(t), (t, 1, 1))
        columns = self.reshape(self.arange(n), (1, n, 1))
        return total, self.index_add(x, (rows, columns, self.expand_dims(places, axis=0)), share)


def layout(targets: Array, lengths: Array, blank: int, xp: Any) -> tuple[Array, Array]:
    """Labels with blanks around them, (N, 2 S + 1); and where a path may skip the blank before."""
    n, s = targets.shape
    places = xp.arange(s, dtype=lengths.dtype)
    known = xp.where(places < xp.expand_dims(lengths, axis=1), targets, blank)
    blanks = xp.full_like(known, blank)
    labels = xp.reshape(xp.stack([blanks, known], axis=2), (n, 2 * s))
    labels = xp.concat([labels, xp.full((n, 1), blank, dtype=labels.dtype)], axis=1)
    before = xp.concat([xp.full((n, 2), blank, dtype=labels.dtype), labels], axis=1)
    return labels, xp.logical_and(labels != blank, labels != before[:, : 2 * s + 1])


def shifted(x: Array, by: int, xp: Any) -> Array:
    """Columns moved to the right (or left), those that are new being impossible."""
    n, width = x.shape
    new = xp.full((n, min(abs(by), width)), NEVER, dtype=x.dtype)
    if by > 0:
        return xp.concat([new, x[:, : max(width - by, 0)]], axis=1)
    return xp.concat([x[:, min(-by, width) :], new], axis=1)


def either(a: Array, b: Array, c: Array, xp: Any) -> Array:
    """The logarithm of the sum of three exponentials."""
    top = xp.maximum(xp.maximum(a, b), c)
    return top + xp.log(xp.exp(a - top) + xp.exp(b - top) + xp.exp(c - top))


def emissions(x: Array, labels: Array, xp: Any) -> Array:
    """The log-probabilities of the labels at each step."""
    t, n, _ = x.shape
    places = xp.broadcast_to(xp.expand_dims(labels, axis=0), (t, n, labels.shape[1]))
    return xp.maximum(xp.take_along_axis(x, places, axis=2), NEVER)


def forwards(emitted: Array, skips: Array, steps: Array, xp: Any) -> tuple[Array, list[Array]]:
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


def at_end(lengths: Array, width: int, xp: Any) -> Array:
    """Whether a path may end at a place: on the last label or the blank behind it."""
    ends = xp.expand_dims(lengths * 2, axis=1)
    places = xp.arange(width, dtype=lengths.dtype)
    return xp.logical_or(places == ends, places == ends - 1)


def backwards(emitted: Array, skips: Array, steps: Array, lengths: Array, xp: Any) -> list[Array]:
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


def log_likelihood(last: Array, lengths: Array, xp: Any) -> Array:
    """The logarithm of the probability of all paths, after the last step of each."""
    ends = xp.where(at_end(lengths, last.shape[1], xp), last, NEVER)
    top = xp.max(ends, axis=1, keepdims=True)
    return xp.squeeze(top + xp.log(xp.sum(xp.exp(ends - top), axis=1, keepdims=True)), axis=1)
