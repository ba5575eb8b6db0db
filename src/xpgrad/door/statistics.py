"""Covariance, quantiles, and what is most frequent."""

from __future__ import annotations

import warnings
from typing import Any

from xpgrad import dtypes
from xpgrad.door import results
from xpgrad.door.arguments import dim_of, is_number, only_tensor
from xpgrad.door.attach import called, method
from xpgrad.door.data import settle
from xpgrad.door.elementwise import lerp
from xpgrad.door.extrema import zero_index
from xpgrad.door.reductions import mean, sum
from xpgrad.door.running import cummax
from xpgrad.door.sorting import sort
from xpgrad.errors import DTypeError, ShapeError
from xpgrad.ops import compare, elementwise, linalg, searching, shape
from xpgrad.ops.device import astype, clone
from xpgrad.tensor import Tensor

__all__ = [
    "corrcoef", "cov", "mode", "nanmedian", "nanquantile", "quantile",
]  # fmt: skip

# ------------------------------------------------------------------ covariance


@method()
def cov(
    input: Tensor,
    *,
    correction: int = 1,
    fweights: Tensor | None = None,
    aweights: Tensor | None = None,
) -> Tensor:
    """The covariances of variables (rows), from observations (columns).

    Args:
        correction: taken from the number of observations.
        fweights: how often each was made, integers.
        aweights: how much each counts.

    Raises:
        RuntimeError: for weights that do not fit.

    >>> import xpgrad as xg
    >>> xg.cov(xg.tensor([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]]))
    tensor([[ 1., -1.],
            [-1.,  1.]])
    """
    x = only_tensor(input, "cov")
    if x.ndim > 2:
        raise ShapeError(
            "cov(): expected input to have two or fewer dimensions but got an input with "
            f"{x.ndim} dimensions"
        )
    if x.dtype is dtypes.bool_:
        raise DTypeError("cov(): bool dtype is not supported for input")
    if x.ndim < 2:
        x = x.reshape(1, -1)
    count = x._data.shape[1]
    weight: Any = None
    for name, given in (("fweights", fweights), ("aweights", aweights)):
        if given is not None:
            _check_weights(name, given, count)
            weight = given if weight is None else weight * given
    if not x.dtype.is_differentiable:
        x = astype(x, dtype=dtypes.get_default_dtype())
    total: Any = count if weight is None else weight.sum()
    if weight is None:
        average, free = mean(x, 1, True), count - correction
    else:
        average, free = sum(x * weight, 1, True) / total, total - correction
        if aweights is not None:
            free = total - correction * (aweights * weight).sum() / total
    off = x - average
    scaled = off if weight is None else off * weight
    if isinstance(free, Tensor):
        free = elementwise.where(free < 0, 0, free)
        enough = free._ns.depth or bool(free > 0)
    else:
        enough, free = free > 0, max(free, 0)
    if not enough:
        warnings.warn(
            "cov(): degrees of freedom is <= 0. Correction should be strictly less than the "
            "number of observations.",
            UserWarning,
            stacklevel=2,
        )
    product = linalg.matmul(off, elementwise.conj(shape.matrix_transpose(scaled)))
    found = product / (free if isinstance(free, Tensor) else x.new_tensor(float(free)))
    return found.squeeze()


def _check_weights(name: str, given: Tensor, count: int) -> None:
    if given.ndim > 1:
        raise ShapeError(
            f"cov(): expected {name} to have one or fewer dimensions but got {name} with "
            f"{given.ndim} dimensions"
        )
    wanted = dtypes.INTEGER if name == "fweights" else dtypes.FLOATING
    if given.dtype.category != wanted:
        kind = "integral" if name == "fweights" else "floating point"
        raise DTypeError(
            f"cov(): expected {name} to have {kind} dtype but got {name} with "
            f"{given.dtype.torch_name} dtype"
        )
    if given.numel() != count:
        raise ShapeError(
            f"cov(): expected {name} to have the same numel as there are observations in the input "
            f"but got {given.numel()} != {count}"
        )
    bounds = given._ns.bounds(given._data)
    if bounds is not None and bounds[0] < 0:
        raise ShapeError(f"cov(): {name} cannot be negative")


@method()
def corrcoef(input: Tensor) -> Tensor:
    """The correlations of variables (rows), from observations (columns).

    >>> import xpgrad as xg
    >>> xg.corrcoef(xg.tensor([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]]))
    tensor([[ 1., -1.],
            [-1.,  1.]])
    """
    found = cov(input)
    if not found.ndim:
        return found / found
    size = elementwise.sqrt(linalg.diagonal(found, axis1=0, axis2=1))
    found = found / size.unsqueeze(1) / size
    if not found.dtype.is_complex:
        return elementwise.clip(found, min=-1, max=1)
    parts = (elementwise.clip(part, min=-1, max=1) for part in (found.real, found.imag))
    a, b = (astype(part, dtype=found.dtype) for part in parts)
    return a + b * 1j


# ------------------------------------------------------------------ the middle, and other parts


@method()
def nanmedian(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    """The middle element of those that are not nan (the lower of two): see `median`.

    >>> import xpgrad as xg
    >>> xg.nanmedian(xg.tensor([1.0, xg.nan, 3.0, 2.0]))
    tensor(2.)
    >>> x = xg.tensor([1.0, xg.nan, 2.0, 3.0], requires_grad=True)
    >>> xg.autograd.grad(xg.nanmedian(x), x)
    (tensor([0., 0., 1., 0.]),)
    """
    from xpgrad.door.sorting import median

    x = only_tensor(input, "nanmedian")
    if not x.dtype.is_floating_point or not x.ndim or not x.numel():
        found = median(x, dim, keepdim)
        return found if dim is None else results.nanmedian(*found)
    flat = x.reshape(-1) if dim is None else x
    at = 0 if dim is None else dim_of(dim, x.ndim)
    if not flat._data.shape[at]:
        raise IndexError(f"median(): Expected reduction dim {at} to have non-zero size.")
    keepdim = keepdim and dim is not None
    places = searching.kth_place(flat.detach(), axis=at, k=None, keepdims=keepdim)
    if dim is None:
        return called(searching.pick_shared, "Nanmedian")(flat, places, axis=0)
    pick = called(searching.pick, "NanmedianBackward1")
    return results.nanmedian(pick(flat, places, axis=at, keepdims=keepdim), places)


@method()
def quantile(
    input: Tensor,
    q: Any,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
) -> Tensor:
    """The value below which a part `q` of the elements lies, over all or along a dimension.

    The gradient goes to the neighbours in proportion to their weights: of equal ones to those
    at these places; that of `q` is the difference between its neighbours, times how many there are.

    Args:
        q: a number in [0, 1], or a 1-D tensor of them: then it comes first in the result.
        interpolation: between neighbours: ``"linear"``, ``"lower"``, ``"higher"``, ``"nearest"``
            or ``"midpoint"``.

    >>> import xpgrad as xg
    >>> xg.quantile(xg.tensor([1.0, 2.0, 3.0, 4.0]), 0.5)
    tensor(2.5000)
    >>> x = xg.tensor([1.0, 2.0, 2.0], requires_grad=True)
    >>> xg.autograd.grad(xg.quantile(x, 0.75), x)
    (tensor([0.0000, 0.5000, 0.5000]),)
    """
    return _quantile("quantile", input, q, dim, keepdim, interpolation)


@method()
def nanquantile(
    input: Tensor,
    q: Any,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
) -> Tensor:
    """`quantile` of what is not nan.

    >>> import xpgrad as xg
    >>> xg.nanquantile(xg.tensor([1.0, xg.nan, 3.0]), 0.5)
    tensor(2.)
    """
    return _quantile("nanquantile", input, q, dim, keepdim, interpolation)


def _quantile(
    what: str, input: Tensor, q: Any, dim: int | None, keepdim: bool, interpolation: str
) -> Tensor:
    x = only_tensor(input, what)
    if not x.dtype.is_floating_point:
        raise DTypeError("quantile() input tensor must be either float or double dtype")
    if not x.numel():
        raise ShapeError("quantile() input tensor must be non-empty")
    if interpolation not in ("linear", "lower", "higher", "midpoint", "nearest"):
        raise ShapeError(
            "quantile() interpolation must be one of linear, lower, higher, midpoint or nearest, "
            f"but got {interpolation}"
        )
    if is_number(q):
        if not 0 <= q <= 1:
            raise ShapeError(f"quantile() q must be in the range [0, 1] but got {q:g}")
        parts = x.new_tensor([float(q)])
    else:
        parts = _parts(x, q)
    single = is_number(q) or not q.ndim
    flat = x.reshape(-1) if dim is None or not x.ndim else x.movedim(dim, -1)
    ordered, n = sort(flat).values, flat._data.shape[-1]
    missing = compare.isnan(ordered.detach())
    last = ordered.ndim - 1
    if what == "nanquantile":
        known = n - 1 - astype(sum(missing, last, True), dtype=x.dtype)
        ranks = parts * elementwise.clip(known, min=0)
    else:
        ranks = elementwise.where(missing[..., -1:], float(n - 1), parts * (n - 1))
    rounded = {"lower": elementwise.floor, "higher": elementwise.ceil, "nearest": elementwise.round}
    if interpolation in rounded:
        ranks = rounded[interpolation](ranks)
    places = settle(x._ns, None, dtypes.int64)
    below = astype(ranks.detach(), dtype=places)
    found = searching.take_along_axis(ordered, below, axis=last)
    if interpolation in ("linear", "midpoint"):
        above = astype(elementwise.ceil(ranks.detach()), dtype=places)
        weight: Any = 0.5
        if interpolation == "linear":
            weight = ranks - astype(below, dtype=x.dtype)
        found = lerp(found, searching.take_along_axis(ordered, above, axis=last), weight)
    out = found.squeeze(-1) if single else found.movedim(-1, 0)
    if not keepdim:
        return out
    lead = 0 if single else 1
    if dim is None or not x.ndim:
        return out.reshape((*out.shape[:lead], *(1,) * x.ndim))
    return out.unsqueeze(dim_of(dim, x.ndim) + lead)


def _parts(x: Tensor, q: Any) -> Tensor:
    """The tensor of parts, checked, with one dimension."""
    parts = only_tensor(q, "quantile", "q", 2)
    if parts.ndim > 1:
        raise ShapeError("quantile() q must be a scalar or 1D tensor")
    if parts.dtype is not x.dtype:
        raise DTypeError("quantile() q tensor must be same dtype as the input tensor")
    low, high = parts._ns.bounds(parts._data) or (0, 1)
    if not (low >= 0 and high <= 1):
        raise ShapeError("quantile() q values must be in the range [0, 1]")
    return parts if parts.ndim else parts.reshape(1)


@method()
def mode(input: Tensor, dim: int = -1, keepdim: bool = False) -> results.mode:
    """The most frequent element along a dimension (the smallest of several), and its last place.

    The gradient goes to the element picked.

    >>> import xpgrad as xg
    >>> xg.mode(xg.tensor([3.0, 1.0, 1.0, 3.0, 2.0]))
    xpgrad.return_types.mode(
    values=tensor(1.),
    indices=tensor(2))
    """
    x = only_tensor(input, "mode")
    at = dim_of(dim, x.ndim)
    if not x.ndim:
        return results.mode(called(clone, "Mode")(x), zero_index(x))
    n = x._data.shape[at]
    if not n:
        raise IndexError(f"mode(): Expected reduction dim {at} to have non-zero size.")
    order = searching.argsort(x.detach(), axis=at)
    ordered = searching.take_along_axis(x.detach(), order, axis=at).movedim(at, -1)
    # How far each element is from where its run of equal ones begins: farthest at the end of the
    # longest run.
    steps = order.new_ones((n,)).cumsum(0) - 1
    new = ordered[..., 1:] != ordered[..., :-1]
    begins = elementwise.where(new, steps[1:], 0)
    if n > 1:
        begins = cummax(begins, begins.ndim - 1).values
        far = shape.concat(order.new_zeros((*ordered.shape[:-1], 1)), steps[1:] - begins,
                           axis=ordered.ndim - 1)  # fmt: skip
    else:
        far = order.movedim(at, -1) * 0
    best = searching.argmax(far, axis=far.ndim - 1, keepdims=True).movedim(-1, at)
    places = searching.pick(order, best, axis=at, keepdims=True)
    if not keepdim:
        places = shape.squeeze(places, axis=(at,))
    return results.mode(
        called(searching.pick, "Mode")(x, places, axis=at, keepdims=keepdim), places
    )
