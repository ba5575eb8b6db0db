"""Batches of ops of networks: normalisation, bags of rows, sequences of labels.

Scales and shifts, which each example may have its own of, are left to multiplication and addition.
What else there are more of is of the kind that an op knows many of anyway.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from xpgrad.func.indexed import offsets
from xpgrad.losses import counted

if TYPE_CHECKING:
    from xpgrad.func.calls import Call


def _layer_norm(call: Call, axes: Any, **how: Any) -> Any:
    xp, rank = call.xp, len(call.shapes[0])
    none = (None,) * (len(call.values) - 1)
    out = call(call.front(0), *none, axes=tuple(a + 1 for a in axes), **how)
    for i, combine in ((1, xp.multiply), (2, xp.add)):
        if i < len(call.values) and call.values[i] is not None:
            out = combine(out, call.front(i, rank))
    return out


def _channel_norm(call: Call, groups: int, over: int, eps: float = 1e-5) -> Any:
    """Of each example: more examples. Of a batch together: more channels."""
    xp, (n, channels, *places) = call.xp, call.shapes[0]
    x, size = call.whole(0), call.size
    if not size:
        dtype = x.dtype
        form = (1, groups, 1) if over == 0 else (n, groups, 1)
        shapes = ((0, n, channels, *places), (0, *form), (0, *form))
        return tuple(xp.zeros(shape, dtype=dtype) for shape in shapes)
    if over:
        flat = xp.reshape(x, (size * n, channels, *places))
        made = call(flat, None, None, groups=groups, over=over, eps=eps)
        out, mean, rstd = (xp.reshape(a, (size, n, *a.shape[1:])) for a in made)
    else:
        flat = xp.reshape(xp.moveaxis(x, 0, 1), (n, size * channels, *places))
        out, *parts = call(flat, None, None, groups=size * groups, over=over, eps=eps)
        out = xp.moveaxis(xp.reshape(out, (n, size, channels, *places)), 1, 0)
        mean, rstd = (xp.reshape(a, (size, 1, groups, 1)) for a in parts)
    for i, combine in ((1, xp.multiply), (2, xp.add)):
        if call.values[i] is not None:
            each = call.front(i)
            each = xp.reshape(each, (each.shape[0], 1, channels, *(1,) * len(places)))
            out = combine(out, each)
    return out, mean, rstd


def _scaled(call: Call) -> Any:
    """Each channel of each example times a number, plus another."""
    xp, out, rank = call.xp, call.front(0), len(call.shapes[0])
    for i, combine in ((1, xp.multiply), (2, xp.add)):
        if call.values[i] is not None:
            each, own = call.front(i), call.shapes[i]
            form = (each.shape[0], *(1,) * (2 - len(own)), *own, *(1,) * (rank - 2))
            out = combine(out, xp.reshape(each, form))
    return out


def _fixed_norm(call: Call) -> Any:
    """The same with all that is known of channels."""
    x, (_, channels, *places) = call.front(0), call.shapes[0]
    form = (1, channels, *(1,) * len(places))
    parts: list[Any] = [call.front(i) for i in range(1, 5)]
    parts = [a if a is None else call.xp.reshape(a, (a.shape[0], *form)) for a in parts]
    weight, bias, mean, rstd = parts
    scale = rstd if weight is None else rstd * weight
    shift: Any = -mean * scale
    out = x * scale + (shift if bias is None else shift + bias)
    return out if out.dtype == x.dtype else call.xp.astype(out, x.dtype)


def _embedding_bag(call: Call, count: int, by_frequency: bool = False) -> Any:
    """More bags and, unless all examples share the table, more rows; all of them in one."""
    xp, size = call.xp, call.size
    table, places, bags, factors = call.values
    rows, *width = call.shapes[0]
    (length,) = call.shapes[1]
    if call.batched[0] or by_frequency:
        table = xp.reshape(call.whole(0), (size * rows, *width))
        places = call.whole(1) + offsets(call, rows, 1, places.dtype)
    else:
        places = call.whole(1)
    bags = call.whole(2) + offsets(call, count, 1, bags.dtype)
    places, bags = (xp.reshape(a, (size * length,)) for a in (places, bags))
    if factors is not None:
        factors = xp.reshape(call.whole(3), (size * length,))
    out = call(table, places, bags, factors, count=size * count, by_frequency=by_frequency)
    return xp.reshape(out, (size, count, *width))


def _ctc_loss(call: Call, **how: Any) -> Any:
    """More sequences."""
    xp, (steps, n, classes) = call.xp, call.shapes[0]
    x = xp.reshape(xp.moveaxis(call.whole(0), 0, 1), (steps, call.size * n, classes))
    rest = []
    for i in (1, 2, 3):
        part = call.whole(i)
        rest.append(xp.reshape(part, (call.size * n, *part.shape[2:])))
    return xp.reshape(call(x, *rest, **how), (call.size, n))


def _linear_cross_entropy(call: Call, chunk: int) -> Any:
    """More rows of one layer; layers of their own have their rows one after the other."""
    xp, (rows, width) = call.xp, call.shapes[0]
    if True not in call.batched[1:3]:
        x = xp.reshape(call.whole(0), (call.size * rows, width))
        target = xp.reshape(call.whole(3), (call.size * rows,))
        out = call(x, *call.values[1:3], target, chunk=chunk)
        return xp.reshape(out, (call.size, rows))
    parts = [None if v is None else call.whole(i) for i, v in enumerate(call.values)]
    each = [
        call(*(None if p is None else xp.getitem(p, (i, ...)) for p in parts), chunk=chunk)
        for i in range(call.size)
    ]
    return xp.stack(each, axis=0) if each else xp.zeros((0, rows), dtype=call.values[0].dtype)


def _cross_entropy(
    call: Call, reduction: str = "mean", ignore: int | None = None, smoothing: float = 0.0
) -> Any:
    """All rows of all examples at once; with weights of their own, one after the other."""
    xp, size, (rows, *_), weight = call.xp, call.size, call.shapes[0], call.values[2]
    x, target = call.whole(0), call.whole(1)
    how = {"reduction": reduction, "ignore": ignore, "smoothing": smoothing}
    if call.batched[2] and size:
        return _in_turn(call, x, target, weight, **how)
    flat, classes = (xp.reshape(a, (size * rows, *a.shape[2:])) for a in (x, target))
    weight = None if call.batched[2] else weight
    terms, powers = call(flat, classes, weight, **(how | {"reduction": "none"}))
    terms, powers = xp.reshape(terms, tuple(target.shape)), xp.reshape(powers, tuple(x.shape))
    if reduction == "none":
        return terms, powers
    _, factor, _ = counted(target, weight, ignore, xp)
    axes = tuple(range(1, len(target.shape)))
    total = xp.sum(terms, axis=axes)
    if reduction == "mean":
        share = math.prod(target.shape[1:])
        if factor is not None:
            share = xp.sum(xp.astype(factor, terms.dtype), axis=axes)
        total = total / share
    return total, powers


def _in_turn(call: Call, *parts: Any, **how: Any) -> tuple[Any, ...]:
    """What the op makes of each example's parts, as a batch."""
    xp = call.xp
    made = [call(*(xp.getitem(p, (i, ...)) for p in parts), **how) for i in range(call.size)]
    return tuple(xp.stack(list(each), axis=0) for each in zip(*made, strict=True))


def _margin_loss(call: Call, reduction: str = "mean", **how: Any) -> Any:
    """All rows of all examples at once; with weights of their own, one after the other."""
    xp, size, (x, target), weights = call.xp, call.size, map(call.whole, (0, 1)), call.values[2:]
    if any(call.batched[2:]) and size:
        return _in_turn(call, x, target, *weights, reduction=reduction, **how)
    shape = tuple(x.shape)
    flat, classes = (xp.reshape(a, (size * shape[1], *a.shape[2:])) for a in (x, target))
    weights = [None for _ in weights] if any(call.batched[2:]) else weights
    terms, slopes = call(flat, classes, *weights, reduction="none", **how)
    terms, slopes = xp.reshape(terms, shape[:2]), xp.reshape(slopes, shape)
    if reduction != "none":
        terms = (xp.mean if reduction == "mean" else xp.sum)(terms, axis=1)
    return terms, slopes


NETWORKS: dict[str, Callable[..., Any]] = {
    "layer_norm": _layer_norm,
    "rms_norm": _layer_norm,
    "channel_norm": _channel_norm,
    "scaled": _scaled,
    "fixed_norm": _fixed_norm,
    "embedding_bag": _embedding_bag,
    "ctc_loss": _ctc_loss,
    "cross_entropy": _cross_entropy,
    "multi_margin_loss": _margin_loss,
    "multilabel_margin_loss": _margin_loss,
    "linear_cross_entropy": _linear_cross_entropy,
}
