"""Batches of ops of space: convolution, pooling and what moves elements about.

A batch of images is more images. A batch of kernels is more channels, in as many groups where each
example has images of its own, too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xpgrad.func.calls import Call


def _more_images(call: Call, i: int) -> Any:
    """Arrays (N, C, …), one for each example, as one with more images."""
    n, *rest = call.shapes[i]
    return call.xp.reshape(call.values[i], (call.size * n, *rest))


def _more_channels(call: Call, i: int, axis: int, groups: int = 1) -> Any:
    """Arrays, one for each example, as one with more channels at an axis, in each of the groups."""
    xp, shape = call.xp, tuple(call.shapes[i])
    lead, n, rest = shape[:axis], shape[axis], shape[axis + 1 :]
    x = xp.reshape(call.values[i], (call.size, *lead, groups, n // groups, *rest))
    x = xp.moveaxis(x, 0, axis + 1)
    return xp.reshape(x, (*lead, call.size * n, *rest))


def _examples(call: Call, out: Any, axis: int, groups: int = 1) -> Any:
    """The other way: the examples among the channels at an axis in front."""
    xp, shape = call.xp, tuple(out.shape)
    lead, n, rest = shape[:axis], shape[axis] // call.size, shape[axis + 1 :]
    out = xp.reshape(out, (*lead, groups, call.size, n // groups, *rest))
    out = xp.moveaxis(out, axis + 1, 0)
    return xp.reshape(out, (call.size, *lead, n, *rest))


def _nothing(call: Call, *shape: int) -> Any:
    """The result for a batch of no examples."""
    return call.xp.zeros((0, *shape), dtype=call.values[0].dtype)


def _convolution(call: Call, groups: int, **how: Any) -> Any:
    """Of images and kernels; the bias may be a batch, too."""
    xp, (_, _, bias), (a, b, c) = call.xp, call.values, call.batched
    transposed = call.op.name == "convolution_input"
    axis = 1 if transposed else 0  # where a kernel has the channels of the result
    if not call.size:
        (n, *_), w = call.shapes[:2]
        return _nothing(call, n, w[1] * groups if transposed else w[0], *how["size"])
    if not b:
        shared = None if c else bias
        if not a:  # a batch of biases alone
            out = xp.expand_dims(call(*call.values[:2], None, groups=groups, **how), axis=0)
        else:
            out = call(_more_images(call, 0), call.values[1], shared, groups=groups, **how)
            n = call.shapes[0][0]
            out = xp.reshape(out, (call.size, n, *out.shape[1:]))
        if shared is not None:
            return out
    elif a:
        x, weight = _more_channels(call, 0, 1), _more_channels(call, 1, 0)
        out = call(x, weight, None, groups=call.size * groups, **how)
        out = _examples(call, out, 1)
    else:
        weight = _more_channels(call, 1, axis, 1 if transposed else groups)
        out = call(call.values[0], weight, None, groups=groups, **how)
        out = _examples(call, out, 1, groups)
    if bias is None:
        return out
    bias = call.front(2)
    return out + xp.reshape(bias, (bias.shape[0], 1, bias.shape[1], *(1,) * (len(out.shape) - 3)))


def _convolution_weight(call: Call, groups: int, **how: Any) -> Any:
    (x, y), (a, b) = call.values, call.batched
    if not call.size:
        (_, c, *_), (_, f, *_) = call.shapes
        return _nothing(call, f, c // groups, *how["size"])
    if a and b:
        x, y = _more_channels(call, 0, 1), _more_channels(call, 1, 1)
        return _examples(call, call(x, y, groups=call.size * groups, **how), 0)
    if a:
        out = call(_more_channels(call, 0, 1, groups), y, groups=groups, **how)
        return _examples(call, out, 1)
    out = call(x, _more_channels(call, 1, 1, groups), groups=groups, **how)
    return _examples(call, out, 0, groups)


def _pad(call: Call, widths: Any, value: Any = 0) -> Any:
    return call(call.values[0], widths=((0, 0), *widths), value=value)


def _images(call: Call, **how: Any) -> Any:
    """For what does something to each image."""
    out = call(_more_images(call, 0), **how)
    n = call.shapes[0][0]
    return call.xp.reshape(out, (call.size, n, *out.shape[1:]))


def _max_places(call: Call, axis: int, **how: Any) -> Any:
    return call(call.whole(0), call.whole(1), axis=axis + 1, **how)


def _attention(call: Call, **how: Any) -> Any:
    """Of stacks; the weights are a batch where the queries are one."""
    rank = max(len(s) for s, x in zip(call.shapes, call.values, strict=True) if x is not None)
    values: Any = (None if x is None else call.front(i, rank) for i, x in enumerate(call.values))
    q, *others = values
    return call(call.xp.broadcast_to(q, (call.size, *q.shape[1:])), *others, **how)


def _grid_sample(call: Call, **how: Any) -> Any:
    """More images, each with its grid."""
    xp, (n, channels, *_), (_, *outputs, _) = call.xp, *call.shapes
    if not call.size:
        return _nothing(call, n, channels, *outputs)
    parts = (call.whole(i) for i in (0, 1))
    out = call(*(xp.reshape(p, (call.size * n, *p.shape[2:])) for p in parts), **how)
    return xp.reshape(out, (call.size, n, *out.shape[1:]))


SPATIAL: dict[str, Callable[..., Any]] = {
    "convolution": _convolution,
    "convolution_input": _convolution,
    "convolution_weight": _convolution_weight,
    "max_places": _max_places,
    "pad": _pad,
    "grid_sample": _grid_sample,
    "im2col": _images,
    "col2im": _images,
    "attention": _attention,
}
