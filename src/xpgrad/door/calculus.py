"""Differences and sums over sampled functions: gradients and the trapezoidal rule."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from xpgrad import dtypes
from xpgrad.door.arguments import dim_of, is_number, only_tensor
from xpgrad.door.joining import cat
from xpgrad.door.reductions import sum
from xpgrad.door.running import cumsum
from xpgrad.errors import DTypeError, ShapeError
from xpgrad.tensor import Tensor

__all__ = ["cumulative_trapezoid", "gradient", "trapezoid", "trapz"]


def _slice(x: Tensor, dim: int, start: int | None, stop: int | None) -> Tensor:
    found: Tensor = x[(*(slice(None),) * dim, slice(start, stop))]
    return found


# ------------------------------------------------------------------ integrals


def trapezoid(y: Tensor, x: Tensor | None = None, *, dx: Any = None, dim: int = -1) -> Tensor:
    """The integral along a dimension by the trapezoidal rule. Also called ``trapz``.

    Args:
        x: where `y` was sampled (one row for all, or the shape of `y`), or
        dx: how far apart, by default 1.

    >>> import xpgrad as xg
    >>> xg.trapezoid(xg.tensor([1.0, 2.0, 3.0])), xg.trapezoid(xg.ones(2), xg.tensor([1.0, 4.0]))
    (tensor(4.), tensor(3.))
    """
    areas, axis = _areas("trapezoid", y, x, dx, dim)
    return sum(areas, axis)


trapz = trapezoid


def cumulative_trapezoid(
    y: Tensor, x: Tensor | None = None, *, dx: Any = None, dim: int = -1
) -> Tensor:
    """The running integral along a dimension by the trapezoidal rule: see `trapezoid`.

    >>> import xpgrad as xg
    >>> xg.cumulative_trapezoid(xg.tensor([1.0, 2.0, 3.0]))
    tensor([1.5000, 4.0000])
    """
    areas, axis = _areas("cumulative_trapezoid", y, x, dx, dim)
    return cumsum(areas, axis)


def _areas(what: str, y: Tensor, x: Any, dx: Any, dim: int) -> tuple[Tensor, int]:
    """The area below each segment, and the dimension as a non-negative number."""
    if not only_tensor(y, what, "y").ndim:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    if y.dtype is dtypes.bool_:
        raise DTypeError(f"{what}: received a bool input for `y`, but bool is not supported")
    axis = dim_of(dim, y.ndim)
    if not y._data.shape[axis]:
        return _slice(y.new_zeros(y.shape, dtype=(y[..., :1] * 0.5).dtype), axis, 0, 0), axis
    if x is None:
        width: Any = (1 if dx is None else dx) / 2
    else:
        if x.dtype is dtypes.bool_:
            raise DTypeError(f"{what}: received a bool input for `x`, but bool is not supported")
        if x.ndim == 1:
            x = x.reshape((*(1,) * axis, -1, *(1,) * (y.ndim - axis - 1)))
        x = x.reshape((*(1,) * (y.ndim - x.ndim), *x.shape))
        width = (_slice(x, axis, 1, None) - _slice(x, axis, None, -1)) / 2
    return (_slice(y, axis, 1, None) + _slice(y, axis, None, -1)) * width, axis


# ------------------------------------------------------------------ derivatives


def gradient(
    input: Tensor, *, spacing: Any = 1, dim: int | Sequence[int] | None = None, edge_order: int = 1
) -> list[Tensor]:
    """The derivatives of a sampled function along each dimension, by central differences.

    Args:
        spacing: how far samples are apart: a number, a number for each dimension, or for each a 1-D
            tensor of where they are.
        dim: along which dimensions (all of them).
        edge_order: of the differences at both ends: 1 or 2.

    Raises:
        RuntimeError: where `spacing` does not fit, or there are too few samples.

    >>> import xpgrad as xg
    >>> xg.gradient(xg.tensor([1.0, 4.0, 9.0, 16.0]))
    [tensor([3., 4., 6., 7.])]
    """
    x = only_tensor(input, "gradient")
    if edge_order not in (1, 2):
        raise ShapeError("xpgrad.gradient only supports edge_order=1 and edge_order=2.")
    if dim is None:
        dims = list(range(x.ndim))
    else:
        given = (dim,) if isinstance(dim, int) else dim
        dims = [dim_of(d, x.ndim) for d in given]
    for d in dims:
        if dims.count(d) > 1:
            raise ShapeError(f"dim {d} appears multiple times in the list of dims")
        if x._data.shape[d] < edge_order + 1:
            raise ShapeError(
                "xpgrad.gradient expected each dimension size to be at least edge_order+1"
            )
    spacing = 1 if spacing is None else spacing
    if isinstance(spacing, Tensor) and spacing.ndim == 1 and len(dims) == 1:
        spacing = (spacing,)
    spacings = list(spacing) if isinstance(spacing, (tuple, list)) else [spacing] * len(dims)
    if len(spacings) != len(dims):
        raise ShapeError(
            "xpgrad.gradient expected spacing to be unspecified, a scalar, or a list of length "
            f"equal to 'self.dim() = {x.ndim}', since dim argument was not given, but got a list "
            f"of length {len(spacings)}"
            if dim is None
            else "xpgrad.gradient expected spacing to be unspecified, a scalar or it's spacing and "
            f"dim arguments to have the same length, but got a spacing argument of length "
            f"{len(spacings)} and a dim argument of length {len(dims)}."
        )
    return [_along(x, d, step, edge_order) for d, step in zip(dims, spacings, strict=True)]


def _along(x: Tensor, dim: int, step: Any, edge_order: int) -> Tensor:
    """The derivative along one dimension; for uneven steps by fitting parabolas."""
    n = x._data.shape[dim]
    if is_number(step) or not step.ndim:
        middle = (_slice(x, dim, 2, None) - _slice(x, dim, None, -2)) / (2 * step)
        before = after = None
        one = two = step
        first, last = (one, two), (one, two)
    else:
        form = (*(1,) * dim, -1, *(1,) * (x.ndim - dim - 1))
        steps = (step[1:] - step[:-1]).reshape(form)
        before, after = _slice(steps, dim, None, -1), _slice(steps, dim, 1, None)
        whole = before + after
        middle = (
            _slice(x, dim, 2, None) * (before / (after * whole))
            + _slice(x, dim, 1, -1) * ((after - before) / (before * after))
            - _slice(x, dim, None, -2) * (after / (before * whole))
        )
        at = [_slice(steps, dim, i, i + 1) for i in range(min(n - 1, 2))]
        back = [_slice(steps, dim, n - 2 - i, n - 1 - i) for i in range(min(n - 1, 2))]
        first, last = (at[0], at[-1]), (back[0], back[-1])
    left = _edge([_slice(x, dim, i, i + 1) for i in range(edge_order + 1)], *first)
    right = _edge([_slice(x, dim, n - 1 - i, n - i) for i in range(edge_order + 1)], *last)
    return cat([left, middle, -right], dim)


def _edge(values: list[Tensor], one: Any, two: Any) -> Tensor:
    """The derivative at the first of two or three values, `one` and `two` steps apart."""
    if len(values) == 2:
        a, b = values
        return (b - a) / one
    a, b, c = values
    return (
        b * ((one + two) / (one * two))
        - a * ((2 * one + two) / (one * (one + two)))
        - c * (one / (two * (one + two)))
    )
