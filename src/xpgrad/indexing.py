"""What an index means, worked out with the standard's functions alone.

Most libraries index like NumPy and never come here. For the others, an index of any mixture
(integers, slices, ``...``, ``None``, integer and boolean arrays) becomes one integer array of
flat positions, computed on the device.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xpgrad.namespace import Array, Namespace


def as_tuple(index: Any) -> tuple[Any, ...]:
    """An index as the tuple of its parts."""
    return index if isinstance(index, tuple) else (index,)


def is_array(part: Any) -> bool:
    """Whether a part of an index is an array (or a list, which NumPy reads as one)."""
    return isinstance(part, list) or (hasattr(part, "shape") and hasattr(part, "dtype"))


def is_basic(index: Any, ndim: int) -> bool:
    """Whether the standard itself defines this index: integers, slices, ``...``, ``None``.

    It also wants either ``...`` or a part for every dimension.
    """
    parts = as_tuple(index)
    if any(is_array(p) or isinstance(p, bool) for p in parts):
        return False
    return any(p is Ellipsis for p in parts) or sum(p is not None for p in parts) == ndim


def expand(index: Any, ndim: int, is_bool: Any) -> list[Any]:
    """The parts of an index with ``...`` written out as full slices.

    Args:
        is_bool: tells whether an array part is a boolean mask (it takes as many dimensions as
            it has; other parts take one, and ``None`` none).

    Raises:
        IndexError: more parts than dimensions, or more than one ``...``.
    """
    parts = list(as_tuple(index))

    def takes(part: Any) -> int:
        if part is None or part is Ellipsis or isinstance(part, bool):
            return 0
        return len(part.shape) if is_array(part) and is_bool(part) else 1

    used = sum(takes(p) for p in parts)
    if used > ndim:
        raise IndexError(
            f"too many indices for tensor of dimension {ndim}: {used} were indexed"
        )
    dots = [i for i, p in enumerate(parts) if p is Ellipsis]
    if len(dots) > 1:
        raise IndexError("an index can only have a single ellipsis ('...')")
    at = dots[0] if dots else len(parts)
    full = [slice(None)] * (ndim - used)
    return parts[:at] + full + parts[at + len(dots) :]


def flat_positions(xp: Namespace, shape: tuple[int, ...], index: Any) -> Array:
    """The row-major positions that ``[index]`` selects of an array of `shape`.

    The result has the shape that ``x[index]`` has in NumPy.

    Raises:
        IndexError: out of bounds, or masks and sizes that do not match.
    """
    int_type = xp.native("int64") if "int64" in {d.name for d in xp.natives} else xp.native("int32")

    def is_bool(part: Any) -> bool:
        return bool(part.dtype == xp.native("bool"))

    parts = [
        xp.asarray(p, dtype=None if p else int_type) if isinstance(p, list) else p
        for p in as_tuple(index)
    ]
    parts = expand(tuple(parts), len(shape), is_bool)
    # Each dimension becomes either a run of its own in the result (slice) or part of the
    # advanced block, whose arrays broadcast against each other.
    strides = [math.prod(shape[i + 1 :]) for i in range(len(shape))]
    block: list[Array] = []  # contributions to the flat position, broadcast together
    runs: list[tuple[int, Array | None]] = []  # (place among the parts, positions or new axis)
    block_places: list[int] = []
    dim = 0
    any_array = any(is_array(p) or isinstance(p, bool) for p in parts)
    for place, part in enumerate(parts):
        if part is None:
            runs.append((place, None))
        elif isinstance(part, bool):
            block.append(xp.zeros((int(part),), dtype=int_type))
            block_places.append(place)
        elif isinstance(part, slice):
            chosen = range(*part.indices(shape[dim]))
            steps = xp.asarray([i * strides[dim] for i in chosen], dtype=int_type)
            runs.append((place, steps))
            dim += 1
        elif is_array(part) and is_bool(part):
            width = len(part.shape)
            if tuple(part.shape) != tuple(shape[dim : dim + width]):
                raise IndexError(
                    f"The shape of the mask {list(part.shape)} at index {dim} does not match the "
                    f"shape of the indexed tensor {list(shape)} at index {dim}"
                )
            if width == 0:
                chosen_mask = xp.zeros((int(bool(part)),), dtype=int_type)
                block.append(chosen_mask)
            else:
                for offset, found in enumerate(xp.nonzero(part)):
                    block.append(xp.astype(found, int_type) * strides[dim + offset])
            block_places.append(place)
            dim += width
        else:
            length = shape[dim]
            array = is_array(part)
            if not array:
                part = part.__index__()
                if not -length <= part < length:
                    raise IndexError(
                        f"index {part} is out of bounds for dimension {dim} with size {length}"
                    )
                part = xp.asarray(part % length, dtype=int_type)
            else:
                part = xp.astype(part, int_type)
                if math.prod(part.shape) and bool(
                    xp.any(xp.logical_or(part < -length, part >= length))
                ):
                    raise IndexError(
                        f"index is out of bounds for dimension {dim} with size {length}"
                    )
                part = xp.where(part < 0, part + length, part)
            if array or any_array:
                block.append(part * strides[dim])
                block_places.append(place)
            else:
                block.append(part * strides[dim])  # a lone integer: drops the dimension
            dim += 1
    # NumPy: arrays side by side stay where they are; arrays apart move to the front.
    together = block_places == list(range(block_places[0], block_places[-1] + 1)) if block_places else True
    front = block_places[0] if block_places and together else 0
    total = None
    if block:
        total = block[0]
        for part in block[1:]:
            total = total + part
    width = len(total.shape) if total is not None else 0
    before = [r for r in runs if block_places and r[0] < front] if together else []
    after = [r for r in runs if r not in before]
    layout: list[Any] = [*before, "block", *after]
    rank = len(before) + width + len(after)
    out = xp.zeros((1,) * rank, dtype=int_type)
    axis = 0
    for item in layout:
        if item == "block":
            if total is not None:
                form = (1,) * axis + tuple(total.shape) + (1,) * (rank - axis - width)
                out = out + xp.reshape(total, form)
            axis += width
        else:
            if item[1] is not None:
                out = out + xp.reshape(item[1], (1,) * axis + (-1,) + (1,) * (rank - axis - 1)) \
                    if item[1].shape[0] else xp.zeros(
                        tuple(0 if a == axis else n for a, n in enumerate(out.shape)), dtype=int_type)
            axis += 1
    return out
