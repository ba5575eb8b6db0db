"""Extrema: the largest and smallest elements, and where they are.

Everywhere ``axis=`` and ``keepdims=`` are taken for ``dim=`` and ``keepdim=``.
"""

from __future__ import annotations

from typing import Any

from xpgrad import dtypes
from xpgrad.door import results
from xpgrad.door.arguments import dim_of, dims_of, only_tensor
from xpgrad.door.attach import called, method
from xpgrad.door.data import settle
from xpgrad.errors import ShapeError
from xpgrad.ops import elementwise, searching
from xpgrad.ops import reductions as ops
from xpgrad.tensor import Tensor

__all__ = [
    "amax", "amin", "aminmax", "argmax", "argmin", "max", "min",
]  # fmt: skip


@method()
def max(
    input: Tensor,
    dim: Any = None,
    keepdim: bool = False,
    *,
    other: Tensor | None = None,
    axis: int | None = None,
    keepdims: bool = False,
) -> Any:
    """The largest element; along `dim` the largest ones and their places; of two, `maximum`.

    Over all elements, equal maxima share the gradient; along a dimension the one picked gets it.

    >>> import xpgrad as xg
    >>> x = xg.tensor([[1.0, 5.0], [7.0, 3.0]])
    >>> x.max()
    tensor(7.)
    >>> x.max(1)
    xpgrad.return_types.max(
    values=tensor([5., 7.]),
    indices=tensor([1, 0]))
    >>> x = xg.tensor([3.0, 1.0, 3.0], requires_grad=True)
    >>> xg.autograd.grad(x.max(), x), xg.autograd.grad(x.max(0).values, x)
    ((tensor([0.5000, 0.0000, 0.5000]),), (tensor([1., 0., 0.]),))
    """
    dim = dim if axis is None else axis
    if isinstance(dim, Tensor) or other is not None:
        return elementwise.maximum(input, dim if other is None else other)
    if dim is None:
        return ops.max_all(_some(input, "max"))
    values, places = _extremum("max", searching.argmax, input, dim, keepdim or keepdims)
    return results.max(values(searching.max_at), places)


@method()
def min(
    input: Tensor,
    dim: Any = None,
    keepdim: bool = False,
    *,
    other: Tensor | None = None,
    axis: int | None = None,
    keepdims: bool = False,
) -> Any:
    """The smallest element; along `dim` the smallest ones and their places; of two, `minimum`.

    Over all elements, equal minima share the gradient; along a dimension the one picked gets
    it.

    >>> import xpgrad as xg
    >>> x = xg.tensor([[1.0, 5.0], [7.0, 3.0]])
    >>> x.min(), x.min(1).indices
    (tensor(1.), tensor([0, 1]))
    >>> x = xg.tensor([1.0, 3.0, 1.0], requires_grad=True)
    >>> xg.autograd.grad(x.min(), x), xg.autograd.grad(x.min(0).values, x)
    ((tensor([0.5000, 0.0000, 0.5000]),), (tensor([1., 0., 0.]),))
    """
    dim = dim if axis is None else axis
    if isinstance(dim, Tensor) or other is not None:
        return elementwise.minimum(input, dim if other is None else other)
    if dim is None:
        return ops.min_all(_some(input, "min"))
    values, places = _extremum("min", searching.argmin, input, dim, keepdim or keepdims)
    return results.min(values(searching.min_at), places)


def _extremum(what: str, find: Any, x: Tensor, dim: int, keepdim: bool) -> tuple[Any, Tensor]:
    """How to pick the extrema along a dimension, and where they are."""
    at = _nonempty(only_tensor(x, what), dim, what)
    if not x._data.shape:
        return lambda pick: pick(x.reshape(1), zero_index(x), axis=0), zero_index(x)
    places = find(x, axis=at, keepdims=keepdim)
    return lambda pick: pick(x, places, axis=at, keepdims=keepdim), places


def zero_index(x: Tensor) -> Tensor:
    """The place of the only element of a 0-d tensor."""
    return x.new_zeros((), dtype=settle(x._ns, None, dtypes.int64))


def _some(x: Tensor, what: str, error: type[Exception] = ShapeError) -> Tensor:
    if not only_tensor(x, what).shape.numel():
        hint = " Specify the reduction dim with the 'dim' argument." if error is ShapeError else ""
        raise error(
            f"{what}(): Expected reduction dim to be specified for input.numel() == 0.{hint}"
        )
    return x


def _nonempty(x: Tensor, dim: int, what: str) -> int:
    shape = x._data.shape
    at = dim_of(dim, len(shape))
    if shape and not shape[at]:
        raise IndexError(f"{what}(): Expected reduction dim {at} to have non-zero size.")
    return at


@method()
def amax(
    input: Tensor,
    dim: Any = (),
    keepdim: bool = False,
    *,
    axis: Any = None,
    keepdims: bool = False,
) -> Tensor:
    """The largest elements over one or more dimensions; equal ones share the gradient.

    >>> import xpgrad as xg
    >>> xg.amax(xg.tensor([[1.0, 5.0], [7.0, 3.0]]), 1)
    tensor([5., 7.])
    >>> x = xg.tensor([3.0, 1.0, 3.0], requires_grad=True)
    >>> xg.autograd.grad(xg.amax(x, 0), x)
    (tensor([0.5000, 0.0000, 0.5000]),)
    """
    return _over(ops.max, "amax", input, dim if axis is None else axis, keepdim or keepdims)


@method()
def amin(
    input: Tensor,
    dim: Any = (),
    keepdim: bool = False,
    *,
    axis: Any = None,
    keepdims: bool = False,
) -> Tensor:
    """The smallest elements over one or more dimensions; equal ones share the gradient.

    >>> import xpgrad as xg
    >>> xg.amin(xg.tensor([[1.0, 5.0], [7.0, 3.0]]), 1)
    tensor([1., 3.])
    >>> x = xg.tensor([1.0, 3.0, 1.0], requires_grad=True)
    >>> xg.autograd.grad(xg.amin(x, 0), x)
    (tensor([0.5000, 0.0000, 0.5000]),)
    """
    return _over(ops.min, "amin", input, dim if axis is None else axis, keepdim or keepdims)


def _over(function: Any, what: str, x: Tensor, dim: Any, keepdim: bool) -> Tensor:
    axes = dims_of(dim, only_tensor(x, what).ndim)
    if axes is None:
        _some(x, what)
    for d in axes or ():
        _nonempty(x, d, what)
    return function(x, axis=axes, keepdims=keepdim)


@method()
def aminmax(input: Tensor, *, dim: int | None = None, keepdim: bool = False) -> results.aminmax:
    """The smallest and the largest elements.

    Equal ones share the gradient.

    >>> import xpgrad as xg
    >>> xg.aminmax(xg.tensor([1.0, 5.0, 3.0])).max
    tensor(5.)
    >>> x = xg.tensor([3.0, 1.0, 3.0], requires_grad=True)
    >>> xg.autograd.grad(xg.aminmax(x).max, x)
    (tensor([0.5000, 0.0000, 0.5000]),)
    """
    over = () if dim is None else dim
    low, high = called(ops.min, "Aminmax"), called(ops.max, "Aminmax")
    return results.aminmax(
        _over(low, "aminmax", input, over, keepdim), _over(high, "aminmax", input, over, keepdim)
    )


@method()
def argmax(
    input: Tensor,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    axis: int | None = None,
    keepdims: bool = False,
) -> Tensor:
    """The place of the largest element (the first, if there are several).

    >>> import xpgrad as xg
    >>> xg.argmax(xg.tensor([[1.0, 5.0], [7.0, 3.0]])), xg.argmax(xg.tensor([[1.0, 5.0]]), 1)
    (tensor(2), tensor([1]))
    """
    dim = dim if axis is None else axis
    return _place(searching.argmax, "argmax", input, dim, keepdim or keepdims)


@method()
def argmin(
    input: Tensor,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    axis: int | None = None,
    keepdims: bool = False,
) -> Tensor:
    """The place of the smallest element (the first, if there are several).

    >>> import xpgrad as xg
    >>> xg.argmin(xg.tensor([3.0, 1.0, 1.0]))
    tensor(1)
    """
    dim = dim if axis is None else axis
    return _place(searching.argmin, "argmin", input, dim, keepdim or keepdims)


def _place(find: Any, what: str, x: Tensor, dim: Any, keepdim: bool) -> Tensor:
    if dim is None:
        return find(_some(x, what, IndexError), axis=None, keepdims=keepdim)
    at = _nonempty(only_tensor(x, what), dim, what)
    return find(x, axis=at, keepdims=keepdim) if x._data.shape else zero_index(x)
