"""Histograms by edges, in one dimension and in several; `histc` is in `xpgrad.door.counting`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from xpgrad.door import results
from xpgrad.door.arguments import UnsupportedDType, only_tensor
from xpgrad.door.attach import method
from xpgrad.door.creation import linspace
from xpgrad.door.sorting import bucketize
from xpgrad.errors import DTypeError, ShapeError
from xpgrad.ops import compare, elementwise
from xpgrad.tensor import Tensor

__all__ = ["histogram", "histogramdd"]


@method()
def histogram(
    input: Tensor,
    bins: int | Tensor = 100,
    *,
    range: Sequence[float] | None = None,
    weight: Tensor | None = None,
    density: bool = False,
) -> results.histogram:
    """How many elements lie in each of the parts of an interval; the last part has both its ends.

    Args:
        bins: how many parts of the same length there are, or their edges in ascending order.
        range: where the first part begins and the last one ends: at the least and the greatest
            element, if not said.
        weight: what each element counts.
        density: divide by the total and by the length of the part.

    Returns:
        ``hist`` and ``bin_edges``.

    Raises:
        RuntimeError: for bins or ranges that make no interval, weights of another shape or dtype.

    >>> import xpgrad as xg
    >>> xg.histogram(xg.tensor([1.0, 2.0, 1.0]), bins=4, range=(0.0, 3.0))
    xpgrad.return_types.histogram(
    hist=tensor([0., 2., 1., 0.]),
    bin_edges=tensor([0.0000, 0.7500, 1.5000, 2.2500, 3.0000]))
    """
    x = only_tensor(input, "histogram").detach()
    if isinstance(bins, Tensor) and range is not None:
        raise TypeError("histogram() with a tensor of edges takes no range")
    given = bins if isinstance(bins, Tensor) else [bins]
    found, edges = _counted(
        x.reshape(-1, 1), [given] if isinstance(given, Tensor) else given, range,
        None if weight is None else (weight.detach(), tuple(x.shape)), density,
    )  # fmt: skip
    return results.histogram(found, edges[0])


def histogramdd(
    input: Tensor,
    bins: Any,
    *,
    range: Sequence[float] | None = None,
    weight: Tensor | None = None,
    density: bool = False,
) -> results.histogramdd:
    """`histogram` of points: those in each of the parts of a box.

    Args:
        input: (..., D), a point in each row.
        bins: how many parts there are along each dimension, as one number or D; or D vectors of
            edges.
        range: both ends along each dimension, one pair after the other.
        weight: what each point counts, of shape (...).
        density: divide by the total and by the volume of the part.

    >>> import xpgrad as xg
    >>> points = xg.tensor([[0.0, 1.0], [1.0, 0.0], [2.0, 0.0], [2.0, 2.0]])
    >>> xg.histogramdd(points, bins=[3, 3]).hist
    tensor([[0., 1., 0.],
            [1., 0., 0.],
            [1., 0., 1.]])
    """
    x = only_tensor(input, "histogramdd").detach()
    if x.ndim < 2:
        raise ShapeError("xpgrad.histogramdd: input tensor should have at least 2 dimensions")
    d = x.shape[-1]
    bins = [bins] * d if isinstance(bins, int) else list(bins)
    found, edges = _counted(
        x.reshape(-1, d), bins, range,
        None if weight is None else (weight.detach(), tuple(x.shape[:-1])), density,
    )  # fmt: skip
    return results.histogramdd(found, edges)


def _counted(
    points: Tensor,
    bins: Sequence[Any],
    range: Sequence[float] | None,
    weight: tuple[Tensor, tuple[int, ...]] | None,
    density: bool,
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """The histogram of the rows of `points`, and the edges along each dimension."""
    if not points.dtype.is_floating_point:
        raise UnsupportedDType(f"\"histogramdd\" not implemented for '{points.dtype.torch_name}'")
    if len(bins) != points.shape[1]:
        raise ShapeError(
            "histogramdd: The size of bins must be equal to the innermost dimension of the input."
        )
    if weight is not None:
        w, shape = weight
        if tuple(w.shape) != shape:
            raise ShapeError(
                "xpgrad.histogramdd: if weight tensor is provided it should have the same shape as "
                "the input tensor excluding its innermost dimension, but got input with shape "
                f"{list(points.shape)} and weight with shape {list(w.shape)}"
            )
        if w.dtype is not points.dtype:
            raise DTypeError(
                "xpgrad.histogramdd: if weight tensor is provided, input tensor and weight tensor "
                "should have the same dtype, but got "
                f"input({points.dtype.torch_name.lower()}), and "
                f"weight({w.dtype.torch_name.lower()})"
            )
        counts = w.reshape(-1)
    else:
        counts = points.new_ones((points.shape[0],))
    edges = tuple(_edges(points, b, i, range) for i, b in enumerate(bins))
    place: Any = 0
    for i, e in enumerate(edges):
        x, last = points[:, i].contiguous(), e.shape[0] - 2
        inside = compare.logical_and(x >= e[0], x <= e[-1])
        at = (bucketize(x, e, right=True) - 1).clamp(0, last)
        counts = elementwise.where(inside, counts, 0.0)
        place = place * (last + 1) + at
    sizes = [e.shape[0] - 1 for e in edges]
    found = points.new_zeros((math.prod(sizes),)).scatter_add(0, place, counts).reshape(sizes)
    if density:
        found = found / found.sum()
        for i, e in enumerate(edges):
            found = found / e.diff().reshape(-1, *(1,) * (len(edges) - i - 1))
    return found, edges


def _edges(points: Tensor, bins: Any, i: int, range: Sequence[float] | None) -> Tensor:
    """The edges along a dimension."""
    if isinstance(bins, Tensor):
        if bins.ndim != 1 or not bins.shape[0]:
            raise ShapeError(
                f"xpgrad.histogramdd: bins tensor should have one dimension, but got {bins.ndim} "
                "dimensions in the bins tensor"
            )
        return bins.detach()
    if bins <= 0:
        raise ShapeError(f"xpgrad.histogram(): bins must be > 0, but got {bins} for dimension {i}")
    if range is not None:
        low, high = (float(v) for v in range[2 * i : 2 * i + 2])
    elif points.shape[0]:
        low, high = (float(v) for v in points[:, i].aminmax())
    else:
        low, high = 0.0, 1.0
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ShapeError(
            f"xpgrad.histogramdd: dimension {i}'s range [{low:g}, {high:g}] is not finite"
        )
    if low > high:
        raise ShapeError(
            f"xpgrad.histogramdd: min should not exceed max, but got min {low:g} max {high:g} for "
            f"dimension {i}"
        )
    if low == high:
        low, high = low - 0.5, high + 0.5
    return linspace(low, high, bins + 1, dtype=points.dtype, device=points.device)
