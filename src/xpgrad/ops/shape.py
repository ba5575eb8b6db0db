"""Ops that rearrange elements: all linear, most of them views where the library can.

An axis is a non-negative int, axes a tuple of them, and shapes are complete (no -1).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from xpgrad.fused import part
from xpgrad.op import named, op


def inverse(axes: tuple[int, ...]) -> tuple[int, ...]:
    """The permutation that undoes `axes`."""
    return tuple(sorted(range(len(axes)), key=axes.__getitem__))


# ------------------------------------------------------------------ views


@op(node="View", linear=True, view=True, x=lambda g, like, xp: xp.reshape(g, like.shape))
def reshape(xp, x, /, *, shape):
    return xp.reshape(x, shape)


@op(node="Unsqueeze", linear=True, view=True, x=lambda g, like, xp: xp.reshape(g, like.shape))
def expand_dims(xp, x, /, *, axis):
    return xp.expand_dims(x, axis=axis)


@op(linear=True, view=True, x=lambda g, like, xp: xp.reshape(g, like.shape))
def squeeze(xp, x, /, *, axis):
    return xp.squeeze(x, axis=axis)


@op(node="Permute", linear=True, view=True, x=lambda g, axes, xp: xp.permute_dims(g, inverse(axes)))
def permute_dims(xp, x, /, *, axes):
    return xp.permute_dims(x, axes)


@op(node="Transpose", linear=True, view=True, x=lambda g, xp: xp.matrix_transpose(g))
def matrix_transpose(xp, x, /):
    return xp.matrix_transpose(x)


@op(node="Expand", linear=True, view=True, x=lambda g: g)  # the engine sums it back
def broadcast_to(xp, x, /, *, shape):
    return xp.broadcast_to(x, shape)


def moveaxis(x: Any, /, source: Sequence[int], destination: Sequence[int]) -> Any:
    """Move axes to other places; the others keep their order."""
    rank = len(x.shape)
    pairs = sorted((d % rank, s % rank) for s, d in zip(source, destination, strict=True))
    axes = [i for i in range(rank) if i not in {s for _, s in pairs}]
    for d, s in pairs:
        axes.insert(d, s)
    return permute_dims(x, axes=tuple(axes))


@op(linear=True, view=True, x=lambda g, xp: xp.as_complex(g))
def view_as_real(xp, x, /):
    """Complex numbers as pairs along a new last axis."""
    return xp.as_real(x)


@op(linear=True, view=True, x=lambda g, xp: xp.as_real(g))
def view_as_complex(xp, x, /):
    """Pairs along the last axis as complex numbers."""
    return xp.as_complex(x)


@op(
    elementwise=True, linear=True,
    x=lambda g, xp: xp.real(g), y=lambda g, xp: xp.imag(g),
)  # fmt: skip
def complex_of(xp, x, y, /):
    """Complex numbers from their parts, which may be infinite: arithmetic would make them nan."""
    return xp.as_complex(xp.stack(xp.broadcast_arrays(x, y), axis=-1))


# ------------------------------------------------------------------ several results


def unstack_rule(gs, like, axis, xp):
    none = xp.zeros((*like.shape[:axis], *like.shape[axis + 1 :]), dtype=like.dtype)
    return xp.stack([none if g is None else g for g in gs], axis=axis)


@op(node="Unbind", linear=True, view=True, outputs=0, x=unstack_rule)
def unstack(xp, x, /, *, axis, outputs):
    """The slices along an axis; `outputs` is the length of that axis."""
    return xp.unstack(x, axis=axis)


def split_rule(gs, like, axis, sizes, xp):
    pieces = []
    for g, n in zip(gs, sizes, strict=True):
        shape = (*like.shape[:axis], n, *like.shape[axis + 1 :])
        pieces.append(xp.zeros(shape, dtype=like.dtype) if g is None else g)
    return xp.concat(pieces, axis=axis)


@op(linear=True, view=True, outputs=0, x=split_rule)
def split(xp, x, /, *, axis, sizes, outputs):
    """Consecutive pieces with these lengths along an axis; `outputs` is how many there are."""
    ends = itertools.accumulate(sizes)
    return tuple(part(x, axis, end - n, end, xp) for n, end in zip(sizes, ends, strict=True))


# ------------------------------------------------------------------ joining


def concat_rule(g, i, likes, axis, xp):
    start = sum(shape[axis] for shape in likes[:i])
    return part(g, axis, start, start + likes[i][axis], xp)


@op(node="Cat", linear=True, promotes=True, arrays=concat_rule)
def concat(xp, /, *arrays, axis):
    return xp.concat(arrays, axis=axis)


def stack_rule(g, i, axis, xp):
    return xp.getitem(g, (*(slice(None),) * axis, i, ...))


@op(linear=True, promotes=True, arrays=stack_rule)
def stack(xp, /, *arrays, axis):
    return xp.stack(arrays, axis=axis)


# ------------------------------------------------------------------ moving and repeating

# Some libraries flip by a view, which nobody could tell from a result of its own.


@op(linear=True, x=lambda g, axis, xp: xp.flip(g, axis=axis))
def flip(xp, x, /, *, axis=None):
    out = xp.flip(x, axis=axis)
    return out if xp.owns_memory(out) else xp.clone(out)


def back(shift):
    """The shift that undoes another."""
    return tuple(-s for s in shift) if isinstance(shift, tuple) else -shift


@op(linear=True, x=lambda g, shift, axis, xp: xp.roll(g, back(shift), axis=axis))
def roll(xp, x, /, *, shift, axis=None):
    return xp.roll(x, shift, axis=axis)


def tile_rule(g, like, repetitions, xp):
    """Sum over the copies, which lie along axes of their own once these are split off."""
    rank = max(len(like.shape), len(repetitions))
    shape = (1,) * (rank - len(like.shape)) + tuple(like.shape)
    times = (1,) * (rank - len(repetitions)) + tuple(repetitions)
    pairs = tuple(itertools.chain.from_iterable(zip(times, shape, strict=True)))
    copies = tuple(range(0, 2 * rank, 2))
    return xp.reshape(xp.sum(xp.reshape(g, pairs), axis=copies), like.shape)


@op(node="Repeat", linear=True, x=tile_rule)
def tile(xp, x, /, *, repetitions):
    return xp.tile(x, repetitions)


def repeat_rule(g, repeats, axis, like, xp):
    length = like.shape[axis]
    if isinstance(repeats, int):
        shape = (*like.shape[:axis], length, repeats, *like.shape[axis + 1 :])
        return xp.sum(xp.reshape(g, shape), axis=(axis + 1,))
    places = xp.repeat(xp.arange(length), repeats)
    return xp.index_add(like, (*(slice(None),) * axis, places, ...), g)


@op(node="IndexSelect", linear=True, x=repeat_rule, repeats=None)
def repeat(xp, x, repeats, /, *, axis):
    """Each element `repeats` times in a row: an int, or an array with a count for each."""
    return xp.repeat(x, repeats, axis=axis)


@op(linear=True, x=lambda g, k, xp: xp.tril(g, k=k))
def tril(xp, x, /, *, k=0):
    return xp.tril(x, k=k)


@op(linear=True, x=lambda g, k, xp: xp.triu(g, k=k))
def triu(xp, x, /, *, k=0):
    return xp.triu(x, k=k)


# ------------------------------------------------------------------ as PyTorch names them

unsafe_view = named(reshape, "UnsafeViewBackward0")
reshape_alias = named(reshape, "ReshapeAliasBackward0")
squeeze_dim = named(squeeze, "SqueezeBackward1")
squeeze_dims = named(squeeze, "SqueezeBackward2")
transpose = named(permute_dims, "TransposeBackward0")
t = named(permute_dims, "TBackward0")
split_with_sizes = named(split, "SplitWithSizesBackward0")
