"""Manipulation and indexing functions."""

from __future__ import annotations

from typing import Any

from xpgrad.array_api.arguments import axes_of, axis_of, complete, rank_of, shape_of, tensor_of
from xpgrad.errors import ShapeError
from xpgrad.ops import searching as _searching
from xpgrad.ops import shape as _shape
from xpgrad.ops.device import clone


def reshape(x: Any, /, shape: Any, *, copy: bool | None = None) -> Any:
    """The same elements in another shape; one length may be -1.

    Args:
        copy: always (`True`), never (`False`), or where needed (`None`).

    Raises:
        ValueError: where the elements do not fit, or ``copy=False`` is impossible.
    """
    x = tensor_of(x, "reshape")
    out = _shape.reshape(clone(x) if copy else x, shape=complete(shape, x.shape.numel()))
    if copy is False and x._ns.memory_key(out._data) != x._ns.memory_key(x._data):
        raise ShapeError(f"reshape to {tuple(out.shape)} needs a copy")
    return out


def broadcast_to(x: Any, /, shape: Any) -> Any:
    """`x` stretched to a shape."""
    return _shape.broadcast_to(x, shape=shape_of(shape))


def broadcast_arrays(*arrays: Any) -> list[Any]:
    """The arrays stretched to the shape that they have together."""
    shape = broadcast_shapes(*(tuple(x.shape) for x in arrays))
    return [_shape.broadcast_to(x, shape=shape) for x in arrays]


def broadcast_shapes(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    """The shape that arrays of these shapes have together.

    Raises:
        ValueError: where they do not fit.
    """
    rank = max(map(len, shapes), default=0)
    found = [1] * rank
    for shape in shapes:
        for i, n in enumerate(shape, rank - len(shape)):
            if n != 1 and found[i] not in (1, n):
                raise ShapeError(f"shapes {', '.join(map(str, shapes))} do not broadcast")
            found[i] = n if n != 1 else found[i]
    return tuple(found)


def concat(arrays: Any, /, *, axis: int | None = 0) -> Any:
    """Arrays joined along an axis; `None` flattens them first."""
    if axis is None:
        arrays, axis = [reshape(x, (-1,)) for x in arrays], 0
    if not arrays:
        raise ShapeError("concat needs at least one array")
    return _shape.concat(*arrays, axis=axis_of(axis, rank_of(arrays[0])))


def stack(arrays: Any, /, *, axis: int = 0) -> Any:
    """Arrays of one shape joined along a new axis."""
    if not arrays:
        raise ShapeError("stack needs at least one array")
    return _shape.stack(*arrays, axis=axis_of(axis, rank_of(arrays[0]) + 1))


def unstack(x: Any, /, *, axis: int = 0) -> tuple[Any, ...]:
    """The slices of `x` along an axis."""
    axis = axis_of(axis, rank_of(x))
    found: tuple[Any, ...] = _shape.unstack(x, axis=axis, outputs=x.shape[axis])
    return found


def expand_dims(x: Any, /, axis: int) -> Any:
    """`x` with a new axis of length 1 at a place."""
    return _shape.expand_dims(x, axis=axis_of(axis, rank_of(x) + 1))


def squeeze(x: Any, /, axis: Any) -> Any:
    """`x` without axes of length 1.

    Raises:
        ValueError: where an axis has another length.
    """
    axes = axes_of(axis, rank_of(x)) or ()
    for i in axes:
        if x.shape[i] != 1:
            raise ShapeError(f"axis {i} has length {x.shape[i]}, and only 1 can be squeezed")
    return _shape.squeeze(x, axis=axes)


def flip(x: Any, /, *, axis: Any = None) -> Any:
    """`x` in reverse order along axes, or along all of them."""
    return _shape.flip(x, axis=axes_of(axis, rank_of(x)))


def roll(x: Any, /, shift: Any, *, axis: Any = None) -> Any:
    """`x` with its elements moved along axes; what leaves at the end comes back at the start."""
    if axis is None:
        return _shape.roll(x, shift=shift)
    axes = axis if isinstance(axis, (tuple, list)) else (axis,)
    shifts = shift if isinstance(shift, (tuple, list)) else (shift,) * len(axes)
    if len(shifts) != len(axes):
        raise ShapeError(f"roll: {len(shifts)} shifts for {len(axes)} axes")
    rank = rank_of(x)
    return _shape.roll(x, shift=tuple(shifts), axis=tuple(axis_of(a, rank) for a in axes))


def permute_dims(x: Any, /, axes: Any) -> Any:
    """`x` with its axes in another order.

    Raises:
        ValueError: unless each axis is named once.
    """
    rank = rank_of(x)
    found = tuple(axis_of(a, rank) for a in axes)
    if sorted(found) != list(range(rank)):
        raise ShapeError(f"{tuple(axes)} is no order of {rank} axes")
    return _shape.permute_dims(x, axes=found)


def moveaxis(x: Any, source: Any, destination: Any, /) -> Any:
    """`x` with some axes at other places; the others keep their order.

    Raises:
        ValueError: where an axis is named twice, or the numbers of axes differ.
    """
    rank = rank_of(x)
    found = []
    for axes in (source, destination):
        axes = axes if isinstance(axes, (tuple, list)) else (axes,)
        found.append([axis_of(a, rank) for a in axes])
    if len(found[0]) != len(found[1]) or any(len(set(f)) < len(f) for f in found):
        raise ShapeError(f"moveaxis: {source} cannot move to {destination}")
    return _shape.moveaxis(tensor_of(x, "moveaxis"), *found)


def repeat(x: Any, repeats: Any, /, *, axis: int | None = None) -> Any:
    """Each element (each slice along an axis) several times in a row."""
    if axis is None:
        x, axis = reshape(x, (-1,)), 0
    return _shape.repeat(x, repeats, axis=axis_of(axis, rank_of(x)))


def tile(x: Any, repetitions: Any, /) -> Any:
    """Copies of `x` side by side."""
    return _shape.tile(x, repetitions=shape_of(repetitions))


def take(x: Any, indices: Any, /, *, axis: int | None = None) -> Any:
    """The slices of `x` at `indices` along an axis, which only a 1-D array may leave open.

    Raises:
        ValueError: for an array of several dimensions without an axis.
    """
    if axis is None and rank_of(x) != 1:
        raise ShapeError(f"take needs an axis for an array of {rank_of(x)} dimensions")
    return _searching.take(x, indices, axis=axis_of(axis or 0, rank_of(x)))


def take_along_axis(x: Any, indices: Any, /, *, axis: int = -1) -> Any:
    """The elements of `x` at `indices`, which vary along one axis and follow `x` along others.

    Raises:
        ValueError: where ranks differ, or lengths do not broadcast.
    """
    rank = rank_of(x)
    if rank_of(indices) != rank:
        raise ShapeError(f"take_along_axis: {rank} dimensions and {rank_of(indices)} do not fit")
    axis = axis_of(axis, rank)
    shapes = [tuple(1 if i == axis else n for i, n in enumerate(a.shape)) for a in (x, indices)]
    broadcast_shapes(*shapes)
    return _searching.take_along_axis(x, indices, axis=axis)
