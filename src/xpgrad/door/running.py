"""Along a dimension: sums, products and extrema so far, and differences of neighbours."""

from __future__ import annotations

from typing import Any

from xpgrad import dtypes
from xpgrad.door import results
from xpgrad.door.arguments import UnsupportedDType, dim_of, only_tensor
from xpgrad.door.attach import called, method
from xpgrad.door.extrema import zero_index
from xpgrad.door.joining import cat
from xpgrad.door.reductions import of_one, summable
from xpgrad.errors import ShapeError
from xpgrad.ops import compare, cumulative, searching
from xpgrad.ops.device import clone
from xpgrad.tensor import Tensor

__all__ = ["cummax", "cummin", "cumprod", "cumsum", "diff", "logcumsumexp"]

# ------------------------------------------------------------------ sums and products, differences


@method()
def cumsum(
    input: Tensor, dim: int | None = None, *, dtype: Any = None, axis: int | None = None
) -> Tensor:
    """Running sums along a dimension.

    >>> import xpgrad as xg
    >>> xg.cumsum(xg.tensor([1, 2, 3]), 0)
    tensor([1, 3, 6])
    """
    return _running(cumulative.cumulative_sum, "cumsum", input, dim, dtype, axis)


@method()
def cumprod(
    input: Tensor, dim: int | None = None, *, dtype: Any = None, axis: int | None = None
) -> Tensor:
    """Running products along a dimension.

    The derivatives hold at zeros too.

    >>> import xpgrad as xg
    >>> xg.cumprod(xg.tensor([1, 2, 3]), 0)
    tensor([1, 2, 6])
    >>> x = xg.tensor([0.0, 2.0, 3.0], requires_grad=True)
    >>> xg.autograd.grad(xg.cumprod(x, 0).sum(), x)
    (tensor([9., 0., 0.]),)
    """
    return _running(cumulative.cumulative_prod, "cumprod", input, dim, dtype, axis)


def _running(function: Any, what: str, input: Tensor, dim: Any, dtype: Any, axis: Any) -> Tensor:
    dim = dim if axis is None else axis
    if dim is None:
        raise TypeError(f'{what}() missing 1 required positional arguments: "dim"')
    x = summable(input, dtype, what)
    at = dim_of(dim, x.ndim)
    return function(x, axis=at) if x.ndim else of_one(function, x)


@method()
def diff(
    input: Tensor,
    n: int = 1,
    dim: int = -1,
    prepend: Tensor | None = None,
    append: Tensor | None = None,
) -> Tensor:
    """Differences of neighbours along a dimension, taken `n` times.

    >>> import xpgrad as xg
    >>> xg.diff(xg.tensor([1, 3, 6]))
    tensor([2, 3])
    """
    if n < 0:
        raise ShapeError(f"order must be non-negative but got {n}")
    if only_tensor(input, "diff").ndim and not n:
        return input.clone()
    parts = [x for x in (prepend, input, append) if x is not None]
    out = cat(parts, dim) if len(parts) > 1 else input
    if not out.ndim:
        raise ShapeError("diff expects input to be at least one-dimensional")
    before = (slice(None),) * dim_of(dim, out.ndim)
    for _ in range(n):
        later, earlier = out[(*before, slice(1, None))], out[(*before, slice(None, -1))]
        different = out.dtype is dtypes.bool_
        out = compare.logical_xor(later, earlier) if different else later - earlier
    return out


# ------------------------------------------------------------------ extrema, and in log space


def _extreme(name: str, input: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    x = only_tensor(input, name)
    at = dim_of(dim, x.ndim)
    if not x.ndim:
        return called(clone, name.capitalize())(x), zero_index(x)
    places = cumulative.running_extremum(x.detach(), axis=at, largest=name == "cummax")
    return called(searching.take_along_axis, name.capitalize())(x, places, axis=at), places


@method()
def cummax(input: Tensor, dim: int) -> results.cummax:
    """The largest element so far along a dimension, and its place: the last of equal ones.

    >>> import xpgrad as xg
    >>> xg.cummax(xg.tensor([1.0, 3.0, 2.0]), 0)
    xpgrad.return_types.cummax(
    values=tensor([1., 3., 3.]),
    indices=tensor([0, 1, 1]))
    """
    return results.cummax(*_extreme("cummax", input, dim))


@method()
def cummin(input: Tensor, dim: int) -> results.cummin:
    """The smallest element so far along a dimension, and its place: the last of equal ones.

    >>> import xpgrad as xg
    >>> xg.cummin(xg.tensor([3.0, 1.0, 2.0]), 0).values
    tensor([3., 1., 1.])
    """
    return results.cummin(*_extreme("cummin", input, dim))


@method()
def logcumsumexp(input: Tensor, dim: int) -> Tensor:
    """The logarithm of the running sums of ``exp(input)``, without overflow.

    Where it is -inf, derivatives are 0.

    >>> import xpgrad as xg
    >>> xg.logcumsumexp(xg.tensor([100.0, 100.0]), 0)
    tensor([100.0000, 100.6931])
    """
    x = only_tensor(input, "logcumsumexp")
    if not x.dtype.is_differentiable:
        raise UnsupportedDType(
            f"\"logcumsumexp_out_cpu\" not implemented for '{x.dtype.torch_name}'"
        )
    at = dim_of(dim, x.ndim)
    call = cumulative.cumulative_logsumexp
    return call(x, axis=at) if x.ndim else of_one(call, x)
