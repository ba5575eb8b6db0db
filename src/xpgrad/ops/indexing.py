"""Reading and writing parts of a tensor.

An ``index`` is what the raw namespace indexes with: integers, slices, ``...``, ``None`` and its own
arrays. The doors make it from what users write.
"""

from __future__ import annotations

import math
from typing import Any

from xpgrad.graph import Bundle
from xpgrad.op import named, op

# ------------------------------------------------------------------ reading


def getitem_rule(g, index, like, xp):
    return xp.index_add(like, index, g)


@op(node="Index", linear=True, x=getitem_rule)
def getitem(xp, x, /, *, index):
    """A copy of the elements at any index."""
    return xp.getitem(x, index)


@op(node="Slice", linear=True, view=True, x=getitem_rule)
def getview(xp, x, /, *, index):
    """The part at an index of integers, slices, ``...`` and ``None``: a view."""
    return xp.getitem(x, index)


@op(node="IndexAdd", linear=True, values=lambda g, index, xp: xp.getitem(g, index))
def index_add(xp, values, /, *, shape, index):
    """Zeros of `shape` with `values` added at an index: the adjoint of reading there."""
    return xp.index_add(Shaped(shape), index, values)


class Shaped:
    """What ``like`` is to `index_add`: a shape."""

    def __init__(self, shape):
        self.shape = shape


# ------------------------------------------------------------------ writing, out of place


def kept_rule(g, index, accumulate, xp):
    return g if accumulate else xp.assign(xp.copy(g), index, 0)


@op(node="IndexPut", x=kept_rule, values=lambda g, index, xp: xp.getitem(g, index))
def index_put(xp, x, values, /, *, index, accumulate=False):
    """A copy of `x` with `values` written at an index, or added there: repeated places add up."""
    if not accumulate:
        return xp.assign(xp.copy(x), index, values)
    if values.dtype != x.dtype:
        values = xp.astype(values, x.dtype)
    return x + xp.index_add(x, index, values)


def left_rule(g, places, accumulate, xp):
    if accumulate:
        return g
    flat = xp.copy(xp.reshape(g, (math.prod(g.shape),)))
    return xp.reshape(xp.assign(flat, (places,), 0), g.shape)


def read_rule(g, places, xp):
    return xp.take_along_axis(xp.reshape(g, (math.prod(g.shape),)), places, axis=0)


@op(linear=True, x=left_rule, values=read_rule, places=None)
def put(xp, x, values, places, /, *, accumulate=False):
    """A copy of `x` with 1-D `values` at row-major positions in it, or added there."""
    size = math.prod(x.shape)
    if accumulate:
        return x + xp.reshape(xp.add_along_axis(values, places, (size,), 0), x.shape)
    flat = xp.assign(xp.copy(xp.reshape(x, (size,))), (places,), values)
    return xp.reshape(flat, x.shape)


def unmasked_rule(g, mask, xp):
    return xp.where(mask, xp.zeros_like(g), g)


@op(
    node="MaskedFill",
    x=unmasked_rule,
    mask=None,
    value=lambda g, mask, xp: xp.where(mask, g, xp.zeros_like(g)),
)
def masked_fill(xp, x, mask, value, /):
    """`value`, a number or a 0-d array, where `mask` is true, and `x` elsewhere."""
    value = xp.astype(value, x.dtype) if hasattr(value, "dtype") else value
    return xp.ordered(xp.where(mask, value, x))


# A write whose result does not depend on what was there: what in-place ops make their history of.


@op(x=lambda g, xp: xp.zeros_like(g))
def zero(xp, x, /):
    return xp.zeros_like(x)


@op(node="Copy", x=lambda g, xp: xp.zeros_like(g), y=lambda g: g)
def copy(xp, x, y, /):
    """`y` in the shape and dtype of `x`."""
    y = xp.astype(y, x.dtype) if hasattr(y, "dtype") else xp.asarray(y, dtype=x.dtype)
    return xp.copy(xp.broadcast_to(y, x.shape))


# ------------------------------------------------------------------ writing through views
#
# A view is reached from its base in steps, each a view op with its settings and the shape that it
# starts from. All of them select elements: the adjoint of the steps puts these back into zeros.


class Step:
    """Looks like a node to the rule of a view op."""

    saved = None

    def __init__(self, xp, settings, shape, dtype):
        self.ns = xp
        self.settings = settings
        self.shape = shape
        self.dtype = dtype

    @property
    def edges(self):
        return (self,)


def follow(xp: Any, x: Any, steps: Any) -> Any:
    """The view that `steps` lead to."""
    for op_, settings, _ in steps:
        if isinstance(op_, tuple):  # one of several results
            x = op_[0].forward(xp, x, **settings)[op_[1]]
        else:
            x = op_.forward(xp, x, **settings)
    return x


def put_back(xp, g, steps):
    """Zeros shaped like the base with `g` at the view that `steps` lead to."""
    for op_, settings, shape in reversed(steps):
        step = Step(xp, settings, shape, g.dtype)
        if isinstance(op_, tuple):
            (g,) = op_[0].vjp(step, Bundle({op_[1]: g}), step.edges)
        else:
            (g,) = op_.vjp(step, g, step.edges)
        lead = len(g.shape) - len(shape)
        repeated = [i for i, n in enumerate(g.shape) if i < lead or n != shape[i - lead]]
        if repeated and getattr(op_, "name", "") == "broadcast_to":
            g = xp.sum(g, axis=tuple(repeated), keepdims=True, dtype=g.dtype)
        g = xp.reshape(g, shape)
    return g


def outside_rule(g, like, steps, xp):
    if len(steps) == 1 and getattr(steps[0][0], "name", "") == "getview":
        return xp.assign(xp.copy(g), steps[0][1]["index"], 0)
    inside = follow(xp, g, steps)
    return overlaid(xp, g, xp.zeros_like(g), xp.ones_like(inside), steps)


def overlaid(xp, base, values, ones, steps):
    """`values` where the steps lead to, and elsewhere `base`; as large as that, both of them."""
    there = put_back(xp, ones, steps)
    if ones.dtype == base.dtype:
        return xp.where(there != 0, values, base)
    # The real or the imaginary part: the other one stays.
    there, values = (xp.astype(x, base.dtype) for x in (there, values))
    parts = [xp.where(p(there) != 0, p(values), p(base)) for p in (xp.real, xp.imag)]
    return xp.as_complex(xp.stack(parts, axis=-1))


@op(base=outside_rule, values=lambda g, steps, xp: follow(xp, g, steps))
def copy_slices(xp, base, values, /, *, steps):
    """`base` with `values` at the view that `steps` lead to."""
    return overlaid(xp, base, put_back(xp, values, steps), xp.ones_like(values), steps)


# ------------------------------------------------------------------ as PyTorch names them

select = named(getview, "SelectBackward0")
unsqueeze = named(getview, "UnsqueezeBackward0")
alias = named(getview, "AliasBackward0")
masked_select = named(getitem, "MaskedSelectBackward0")
take = named(getitem, "TakeBackward0")
index_copy = named(index_put, "IndexCopyBackward0")
index_fill = named(index_put, "IndexFillBackward0")
index_fill_by = named(masked_fill, "IndexFillBackward1")
index_accumulate = named(index_put, "IndexAddBackward0")
scatter = named(index_put, "ScatterBackward0")
scatter_value = named(index_put, "ScatterBackward1")
scatter_add = named(index_put, "ScatterAddBackward0")
masked_scatter = named(index_put, "MaskedScatterBackward0")
masked_fill_by = named(masked_fill, "MaskedFillBackward1")
masked_fill.op.node_type.shown = index_fill.op.node_type.shown = (0,)
fill = named(copy, "FillBackward2")
fill_by = named(copy, "FillBackward3")
copied = named(copy, "CopyBackwards")
CopySlices = named(copy_slices, "CopySlices").op.node_type
INDEX_PUT = index_put.op.node_type
COPY = copied.op.node_type
FILL = fill_by.op.node_type
PARTS = {
    "select_scatter": named(index_put, "SelectScatterBackward0"),
    "slice_scatter": named(index_put, "SliceScatterBackward0"),
}
