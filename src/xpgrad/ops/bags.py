"""Sums of rows in bags: rows of a table at some places, each times a factor, added into bags."""

from __future__ import annotations

from types import SimpleNamespace

from xpgrad.op import op


def bag_of_row(g, places, bags, factors, like, by_frequency, xp):
    """What is summed into bags is summed back into rows: places and bags change their parts."""
    factors = None if factors is None else xp.conj(factors)
    if by_frequency:
        ones = xp.ones(tuple(places.shape), dtype=g.dtype)
        counts = xp.index_add(SimpleNamespace(shape=like.shape[:1]), (places,), ones)
        share = 1 / xp.getitem(counts, (places,))
        factors = share if factors is None else factors * share
    return xp.gathered_sums(g, bags, places, factors, like.shape[0])


@op(
    weight=bag_of_row,
    places=None,
    bags=None,
    factors=lambda g, weight, places, bags, xp: xp.vecdot(
        xp.getitem(weight, (places,)), xp.getitem(g, (bags,))
    ),
)
def embedding_bag(xp, weight, places, bags, factors, /, *, count, by_frequency=False):
    """For each of `count` bags the sum of ``factors * weight[places]`` over what is in it.

    `places`, `bags` and `factors` (`None`: ones) are 1-D and of one length.
    """
    return xp.gathered_sums(weight, places, bags, factors, count)
