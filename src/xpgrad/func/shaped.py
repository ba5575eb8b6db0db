"""Batches of ops on shapes: reductions, joins, products, and losses that reduce."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from xpgrad.errors import GradientError
from xpgrad.func.calls import DECOMPOSED, Call, behind
from xpgrad.ops import reductions
from xpgrad.tensor import Tensor


def _reduction(call: Call, axis: Any = None, **settings: Any) -> Any:
    (shape,) = call.shapes
    axes = behind({"axis": axis}, len(shape))
    assert axes is not None
    # A sum over everything is one over some axes here; PyTorch's names tell the two apart.
    run = _PARTIAL.get(call.op.node_type.__name__, call)
    return run(call.values[0], **axes, **settings)


_PARTIAL = {"SumBackward0": reductions.sum_dim, "MeanBackward0": reductions.mean_dim}


def _single(call: Call, axis: Any = None, keepdims: bool = False) -> Any:
    """A position: along an axis, or in the flattened array, where it has no tuple of axes."""
    (x,), (shape,) = call.values, call.shapes
    if axis is not None:
        return call(x, axis=axis + 1, keepdims=keepdims)
    out = call(call.xp.reshape(x, (call.size, math.prod(shape))), axis=1)
    return call.xp.reshape(out, (call.size, *(1,) * len(shape))) if keepdims else out


def _reshape(call: Call, shape: Any) -> Any:
    return call(call.values[0], shape=(call.size, *shape))


def _broadcast_to(call: Call, shape: Any) -> Any:
    return call(call.front(0, len(shape)), shape=(call.size, *shape))


def _permute(call: Call, axes: Any) -> Any:
    return call(call.values[0], axes=(0, *(a + 1 for a in axes)))


def _expand_dims(call: Call, axis: int) -> Any:
    rank = len(call.shapes[0])
    return call(call.values[0], axis=axis + 1 if axis >= 0 else axis + rank + 2)


def _as_it_is(call: Call, **settings: Any) -> Any:
    """For what works on the last axes alone."""
    return call(call.values[0], **settings)


def _squeeze(call: Call, axis: Any) -> Any:
    axes = axis if isinstance(axis, tuple) else (axis,)
    rank = len(call.shapes[0])
    return call(call.values[0], axis=tuple(a % rank + 1 for a in axes) if axes else axes)


def _roll(call: Call, shift: Any, axis: Any = None) -> Any:
    (x,), (shape,) = call.values, call.shapes
    if axis is None:
        flat = call.xp.reshape(x, (call.size, math.prod(shape)))
        return call.xp.reshape(call(flat, shift=shift, axis=1), (call.size, *shape))
    return call(x, shift=shift, **behind({"axis": axis}, len(shape)) or {})


def _tile(call: Call, repetitions: Any) -> Any:
    x = call.front(0, len(repetitions))
    lead = (1,) * (len(x.shape) - len(repetitions))
    return call(x, repetitions=(*lead, *repetitions))


def _repeat(call: Call, axis: int) -> Any:
    x, repeats = call.values
    if call.batched[1]:  # which has a result only if all examples happen to be as long
        return call.one_by_one({"axis": axis})
    return call(x, repeats, axis=axis + 1)


def _join(call: Call, axis: int) -> Any:
    return call(*(call.whole(i) for i in range(len(call.values))), axis=axis + 1)


def _matmul(call: Call) -> Any:
    """Matrices and vectors, each perhaps with a batch: one product of stacks, or of matrices."""
    xp, (x, y), (a, b) = call.xp, call.values, call.batched
    (p, q) = (len(s) for s in call.shapes)
    if a and not b and q <= 2 and p >= 1:  # the batch is more rows of x
        return xp.matmul(x, y)
    if b and not a and q == 1 and p == 2:  # or of y
        return xp.matmul(y, xp.matrix_transpose(x))
    rank = max(p, q, 2)
    left = call.front(0, 0 if p < 2 else rank)
    right = call.front(1, 0 if q < 2 else rank)
    if p < 2:
        left = xp.reshape(left, (left.shape[0], *(1,) * (rank - 1), left.shape[-1]))
    if q < 2:
        right = xp.reshape(right, (right.shape[0], *(1,) * (rank - 2), right.shape[-1], 1))
    out = xp.matmul(left, right)
    if q < 2:
        out = xp.squeeze(out, axis=-1)
    if p < 2:
        out = xp.squeeze(out, axis=-1 if q < 2 else -2)
    return out


def _vecdot(call: Call, axis: int) -> Any:
    rank = max(len(s) for s in call.shapes)
    return call(call.front(0, rank), call.front(1, rank), axis=axis)


def _linear(call: Call) -> Any:
    xp, (x, weight, bias) = call.xp, call.values
    if not any(call.batched[1:]):
        return call(x, weight, bias)
    rank = len(call.shapes[0])
    if call.batched[1]:
        if rank == 1:
            x = call.front(0, 2)
        else:
            x = call.front(0)
        w = xp.matrix_transpose(weight)
        if rank > 2:
            w = xp.reshape(w, (call.size, *(1,) * (rank - 2), *w.shape[1:]))
        out = xp.matmul(x, w)
        if rank == 1:
            out = xp.squeeze(out, axis=1)
    else:
        out = call(x, weight, None)
        if not call.batched[0]:
            out = xp.expand_dims(out, axis=0)
    if bias is None:
        return out
    if call.batched[2]:
        bias = call.front(2, max(rank, 1))
    return out + bias


def _reduced_loss(call: Call, reduction: str = "mean", **settings: Any) -> Any:
    """The terms of all examples, and then each example's sum or mean."""
    out = call.elementwise(reduction="none", **settings)
    rank = max(len(s) for s in call.shapes)
    if reduction == "none":
        return out
    reduce = call.xp.mean if reduction == "mean" else call.xp.sum
    return reduce(out, axis=tuple(range(1, rank + 1)))


def _nll(call: Call, reduction: str = "mean") -> Any:
    """All rows of all examples at once."""
    xp, size = call.xp, call.size
    parts = [call.whole(i) for i in range(3)]
    shape, weight = tuple(parts[1].shape), parts[2]
    flat = (None if a is None else xp.reshape(a, (size * a.shape[1], *a.shape[2:])) for a in parts)
    out = xp.reshape(call(*flat, reduction="none"), shape)
    if reduction == "none":
        return out
    axes = tuple(range(1, len(shape)))
    total = xp.sum(out, axis=axes)
    if reduction == "sum":
        return total
    return total / (math.prod(shape[1:]) if weight is None else xp.sum(weight, axis=axes))


def _masked_fill(call: Call) -> Any:
    """As `where`, whose inputs line up."""
    xp = call.xp
    rank = max(len(s) for s in call.shapes[:2])
    x, mask, value = (call.front(i, rank) for i in range(3))
    if isinstance(value, Tensor) and value._data.dtype != x._data.dtype:
        value = xp.astype(value, x.dtype)
    if not call.batched[0]:
        x = xp.broadcast_to(x, (call.size, *x.shape[1:]))
    if isinstance(value, Tensor):
        return xp.where(mask, value, x)
    return call(x, mask, value)


def _copy(call: Call) -> Any:
    rank = len(call.shapes[0])
    return call(call.whole(0), call.front(1, rank))


def _as_strided(call: Call, shape: Any, strides: Any, offset: int, own: Any = None) -> Any:
    (have,) = call.shapes
    apart = math.prod(have)  # how far examples lie from one another
    if own is not None:
        apart = 1 + sum((n - 1) * step for n, step in zip(have, own, strict=True))
        own = (apart, *own)
    shape, strides = (call.size, *shape), (apart, *strides)
    return call(call.values[0], shape=shape, strides=strides, offset=offset, own=own)


def _dynamic(call: Call, **settings: Any) -> Any:
    name = call.op.name.partition("_")[0]
    raise GradientError(
        "vmap: We do not support batching operators that can output dynamic shape. Attempted to "
        f"vmap over {name}, whose result has another size for each example; do it outside of vmap."
    )


SHAPED: dict[str, Callable[..., Any]] = {
    **dict.fromkeys(("sum", "mean", "var", "std", "prod", "max", "min", "all", "any"), _reduction),
    **dict.fromkeys(("count_nonzero", "logsumexp", "vector_norm", "flip"), _reduction),
    **dict.fromkeys(("argmax", "argmin"), _single),
    **dict.fromkeys(("matmul", "mm", "bmm", "mv", "dot"), _matmul),
    **dict.fromkeys(("concat", "stack"), _join),
    **dict.fromkeys(("tril", "triu", "matrix_transpose", "trace", "zero"), _as_it_is),
    **dict.fromkeys(("view_as_real", "view_as_complex"), _as_it_is),
    **dict.fromkeys(("mse_loss", "smooth_l1_loss", "huber_loss"), _reduced_loss),
    **dict.fromkeys(("binary_cross_entropy", "binary_cross_entropy_with_logits"), _reduced_loss),
    **dict.fromkeys(
        ("nonzero", "unique_all", "unique_counts", "unique_inverse", "unique_values"), _dynamic
    ),
    "reshape": _reshape,
    "broadcast_to": _broadcast_to,
    "permute_dims": _permute,
    "expand_dims": _expand_dims,
    "squeeze": _squeeze,
    "roll": _roll,
    "tile": _tile,
    "repeat": _repeat,
    "vecdot": _vecdot,
    "linear": _linear,
    "nll_loss": _nll,
    "masked_fill": _masked_fill,
    "copy": _copy,
    "copy_slices": DECOMPOSED,
    "as_strided": _as_strided,
}
