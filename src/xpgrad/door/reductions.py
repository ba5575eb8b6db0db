"""Reductions: over all elements, or over ``dim``, one dimension or several.

Everywhere ``axis=`` and ``keepdims=`` are taken for ``dim=`` and ``keepdim=``.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

from xpgrad import dtypes
from xpgrad.door.arguments import UnsupportedDType, dim_of, dims_of, only_tensor
from xpgrad.door.attach import called, method
from xpgrad.door.data import settle
from xpgrad.errors import DTypeError
from xpgrad.ops import compare, elementwise, nn, shape
from xpgrad.ops import reductions as ops
from xpgrad.ops.device import astype
from xpgrad.tensor import Tensor

__all__ = [
    "all", "any", "count_nonzero", "log_softmax", "logsumexp", "mean", "nanmean", "nansum", "prod",
    "softmax", "std", "std_mean", "sum", "var", "var_mean",
]  # fmt: skip

# ------------------------------------------------------------------ sums and means


@method()
def sum(
    input: Tensor,
    dim: Any = None,
    keepdim: bool = False,
    *,
    dtype: Any = None,
    axis: Any = None,
    keepdims: bool = False,
) -> Tensor:
    """The sum; of integers and booleans in int64.

    >>> import xpgrad as xg
    >>> x = xg.tensor([[1.0, 2.0], [3.0, 4.0]])
    >>> x.sum(), x.sum(0), x.sum(1, keepdim=True).shape
    (tensor(10.), tensor([4., 6.]), xpgrad.Size([2, 1]))
    """
    if dtype is not None and dtypes.as_dtype(dtype) is dtypes.bool_:
        return any(input, dim, keepdim or keepdims, axis=axis)
    x = summable(input, dtype, "sum")
    if axis is not None:
        dim = axis
    if dim is None and not keepdim and not keepdims:
        return ops.sum(x)
    axes = dims_of(dim, len(x._data.shape))
    return ops.sum_dim(x, axis=axes, keepdims=keepdim or keepdims)


def summable(x: Any, dtype: Any, what: str) -> Tensor:
    """`x` in the dtype in which it is summed."""
    if not isinstance(x, Tensor):
        only_tensor(x, what)
    if dtype is not None:
        target = dtypes.as_dtype(dtype)
        return x if target is x.dtype else astype(x, dtype=target)
    if x._data.dtype in x._ns.inexact or x.dtype is dtypes.int64:
        return x
    wide = settle(x._ns, None, dtypes.int64)
    return x if x.dtype is wide else astype(x, dtype=wide)


@method()
def nansum(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The sum with nan as zero.

    nan gets no gradient.

    >>> import xpgrad as xg
    >>> x = xg.tensor([xg.nan, 1.0], requires_grad=True)
    >>> xg.autograd.grad(xg.nansum(x), x)
    (tensor([0., 1.]),)
    """
    x = summable(elementwise.where(compare.isnan(input), False, input), dtype, "nansum")
    axes = dims_of(dim, x.ndim)
    return called(ops.sum, "Nansum")(x, axis=axes, keepdims=keepdim)


@method()
def mean(
    input: Tensor,
    dim: Any = None,
    keepdim: bool = False,
    *,
    dtype: Any = None,
    axis: Any = None,
    keepdims: bool = False,
) -> Tensor:
    """The mean.

    Raises:
        RuntimeError: for integers and booleans, unless `dtype` says otherwise.

    >>> import xpgrad as xg
    >>> x = xg.tensor([[1.0, 2.0], [3.0, 4.0]])
    >>> x.mean(), x.mean(0)
    (tensor(2.5000), tensor([2., 3.]))
    """
    x = input if dtype is None else summable(input, dtype, "mean")
    if not isinstance(x, Tensor):
        only_tensor(x, "mean")
    if x._data.dtype not in x._ns.inexact:
        raise DTypeError(
            "mean(): could not infer output dtype. Input dtype must be either a floating point or "
            f"complex dtype. Got: {x.dtype.torch_name}"
        )
    if axis is not None:
        dim = axis
    if dim is None and not keepdim and not keepdims:
        return ops.mean(x)
    return ops.mean_dim(x, axis=dims_of(dim, len(x._data.shape)), keepdims=keepdim or keepdims)


@method()
def nanmean(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The mean of what is not nan.

    nan gets no gradient.

    >>> import xpgrad as xg
    >>> x = xg.tensor([xg.nan, 1.0, 3.0], requires_grad=True)
    >>> xg.autograd.grad(xg.nanmean(x), x)
    (tensor([0.0000, 0.5000, 0.5000]),)
    """
    input = input if dtype is None else astype(input, dtype=dtype)
    known = astype(compare.logical_not(compare.isnan(input)), dtype=input.dtype)
    return nansum(input, dim, keepdim) / sum(known, dim, keepdim)


@method()
def prod(
    input: Tensor,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    dtype: Any = None,
    axis: int | None = None,
    keepdims: bool = False,
) -> Tensor:
    """The product; of integers and booleans in int64.

    The derivative for a factor is the product of the others, whatever is 0 among them.

    >>> import xpgrad as xg
    >>> xg.tensor([[1, 2], [3, 4]]).prod(), xg.tensor([[1, 2], [3, 4]]).prod(0)
    (tensor(24), tensor([3, 8]))
    >>> x = xg.tensor([0.0, 2.0, 3.0], requires_grad=True)
    >>> xg.autograd.grad(xg.prod(x), x)
    (tensor([6., 0., 0.]),)
    """
    if dtype is not None and dtypes.as_dtype(dtype) is dtypes.bool_:
        return all(input, dim, keepdim or keepdims, axis=axis)
    x = summable(input, dtype, "prod")
    dim = dim if axis is None else axis
    if dim is None:
        return ops.prod(x)
    return ops.prod_dim(x, axis=_one(dim, x), keepdims=keepdim or keepdims)


def _one(dim: int, x: Tensor) -> tuple[int, ...]:
    rank = len(x._data.shape)
    at = dim_of(dim, rank)
    return (at,) if rank else ()


@method()
def logsumexp(input: Tensor, dim: Any, keepdim: bool = False) -> Tensor:
    """``log(sum(exp(x)))``, without overflow.

    Of nothing but -inf it is -inf and the derivatives are 0 (PyTorch's are nan).

    >>> import xpgrad as xg
    >>> xg.logsumexp(xg.tensor([100.0, 100.0]), 0)
    tensor(100.6931)
    >>> x = xg.tensor([-xg.inf, -xg.inf], requires_grad=True)
    >>> xg.autograd.grad(xg.logsumexp(x, 0), x)
    (tensor([0., 0.]),)
    """
    axes = dims_of(dim, only_tensor(input, "logsumexp").ndim)
    return nn.logsumexp(input, axis=axes, keepdims=keepdim)


@method()
def softmax(input: Tensor, dim: int, dtype: Any = None) -> Tensor:
    """Exponentials along a dimension, scaled to sum up to 1.

    Of nothing but -inf it is nan, and so are the derivatives; beside a number -inf gets 0 and
    derivative 0.

    >>> import xpgrad as xg
    >>> xg.softmax(xg.tensor([0.0, 0.0]), 0)
    tensor([0.5000, 0.5000])
    >>> x = xg.tensor([-xg.inf, 0.0], requires_grad=True)
    >>> xg.autograd.grad(xg.softmax(x, 0)[1], x)
    (tensor([-0., 0.]),)
    """
    return _along(nn.softmax, "softmax", input, dim, dtype)


@method()
def log_softmax(input: Tensor, dim: int, dtype: Any = None) -> Tensor:
    """The logarithm of softmax, without overflow.

    Beside a number -inf stays -inf, with no share in the derivatives of the others.

    >>> import xpgrad as xg
    >>> xg.log_softmax(xg.tensor([0.0, 0.0]), 0)
    tensor([-0.6931, -0.6931])
    >>> x = xg.tensor([-xg.inf, 0.0], requires_grad=True)
    >>> xg.autograd.grad(xg.log_softmax(x, 0)[1], x)
    (tensor([0., 0.]),)
    """
    return _along(nn.log_softmax, "log_softmax", input, dim, dtype)


def _along(function: Any, what: str, input: Tensor, dim: int, dtype: Any) -> Tensor:
    x = only_tensor(input, what)
    if dtype is not None:
        x = astype(x, dtype=dtype)
    if not x.dtype.is_floating_point:
        raise UnsupportedDType(f"\"{what}\" not implemented for '{x.dtype.torch_name}'")
    at = dim_of(dim, x.ndim)
    return function(x, axis=at) if x.ndim else nn.OF_ONE[function](x)


def of_one(function: Any, x: Tensor) -> Tensor:
    """A function along a dimension, of a 0-d tensor."""
    node = function.op.node_type.__name__.removesuffix("Backward0")
    out = called(shape.reshape, node)(function(x.reshape(1), axis=0), shape=())
    out._view = None  # of what nobody else can see
    return out


# ------------------------------------------------------------------ spread


@method()
def std(
    input: Tensor,
    dim: Any = None,
    unbiased: bool = True,
    keepdim: bool = False,
    *,
    correction: float | None = None,
    axis: Any = None,
    keepdims: bool = False,
) -> Tensor:
    """The standard deviation; squares are averaged over ``n - correction``, by default n - 1.

    Where all are equal it is 0, and so is its derivative; of a single element both are nan,
    unless ``correction=0``.

    >>> import xpgrad as xg
    >>> xg.tensor([1.0, 2.0, 3.0]).std(), xg.tensor([1.0, 2.0, 3.0]).std(correction=0)
    (tensor(1.), tensor(0.8165))
    >>> x = xg.tensor([2.0, 2.0], requires_grad=True)
    >>> xg.autograd.grad(xg.std(x), x)
    (tensor([0., 0.]),)
    """
    dim = dim if axis is None else axis
    return _spread(ops.std, "std", input, dim, unbiased, keepdim or keepdims, correction)


@method()
def var(
    input: Tensor,
    dim: Any = None,
    unbiased: bool = True,
    keepdim: bool = False,
    *,
    correction: float | None = None,
    axis: Any = None,
    keepdims: bool = False,
) -> Tensor:
    """The variance; squares are averaged over ``n - correction``, by default n - 1.

    Where all are equal it is 0, and so is its derivative; of a single element both are nan,
    unless ``correction=0``.

    >>> import xpgrad as xg
    >>> xg.tensor([1.0, 2.0, 4.0]).var()
    tensor(2.3333)
    >>> x = xg.tensor([2.0, 2.0], requires_grad=True)
    >>> xg.autograd.grad(xg.var(x), x)
    (tensor([0., 0.]),)
    """
    dim = dim if axis is None else axis
    return _spread(ops.var, "var", input, dim, unbiased, keepdim or keepdims, correction)


def _spread(
    function: Any, what: str, x: Tensor, dim: Any, unbiased: bool, keepdim: bool, correction: Any
) -> Tensor:
    if isinstance(dim, bool):  # std(unbiased)
        dim, unbiased = None, dim
    if not only_tensor(x, what).dtype.is_differentiable:
        raise DTypeError(
            f"std and var only support floating point and complex dtypes, got {x.dtype}"
        )
    axes = dims_of(dim, x.ndim)
    off = (1 if unbiased else 0) if correction is None else correction
    shape = x._data.shape
    count = math.prod(shape if axes is None else [shape[i] for i in axes])
    if count - off <= 0:
        warnings.warn(
            f"{what}(): degrees of freedom is <= 0. Correction should be strictly less than the "
            "reduction factor (input numel divided by output numel).",
            UserWarning,
            stacklevel=3,
        )
    return function(x, axis=axes, correction=off, keepdims=keepdim)


@method()
def std_mean(
    input: Tensor,
    dim: Any = None,
    unbiased: bool = True,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> tuple[Tensor, Tensor]:
    """The standard deviation and the mean."""
    return _and_mean(ops.std, "std", input, dim, unbiased, keepdim, correction)


@method()
def var_mean(
    input: Tensor,
    dim: Any = None,
    unbiased: bool = True,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> tuple[Tensor, Tensor]:
    """The variance and the mean."""
    return _and_mean(ops.var, "var", input, dim, unbiased, keepdim, correction)


def _and_mean(
    function: Any, what: str, x: Tensor, dim: Any, unbiased: bool, keepdim: bool, correction: Any
) -> tuple[Tensor, Tensor]:
    node = f"{what.capitalize()}Mean"
    spread = _spread(called(function, node), what, x, dim, unbiased, keepdim, correction)
    axes = None if isinstance(dim, bool) else dims_of(dim, x.ndim)
    return spread, called(ops.mean, node)(x, axis=axes, keepdims=keepdim)


# ------------------------------------------------------------------ truth


@method()
def all(
    input: Tensor,
    dim: Any = None,
    keepdim: bool = False,
    *,
    axis: Any = None,
    keepdims: bool = False,
) -> Tensor:
    """Whether all elements are true (not 0).

    >>> import xpgrad as xg
    >>> xg.all(xg.tensor([[True, False], [True, True]])), xg.tensor([[1, 0], [1, 1]]).all(1)
    (tensor(False), tensor([False,  True]))
    """
    return _truth(ops.all, "all", input, dim if axis is None else axis, keepdim or keepdims)


@method()
def any(
    input: Tensor,
    dim: Any = None,
    keepdim: bool = False,
    *,
    axis: Any = None,
    keepdims: bool = False,
) -> Tensor:
    """Whether any element is true (not 0).

    >>> import xpgrad as xg
    >>> xg.any(xg.tensor([False, True]))
    tensor(True)
    """
    return _truth(ops.any, "any", input, dim if axis is None else axis, keepdim or keepdims)


def _truth(function: Any, what: str, x: Tensor, dim: Any, keepdim: bool) -> Tensor:
    out: Tensor = function(x, axis=dims_of(dim, only_tensor(x, what).ndim), keepdims=keepdim)
    # A byte tensor is PyTorch's old mask: it stays one.
    return astype(out, dtype=dtypes.uint8) if x.dtype is dtypes.uint8 else out


@method()
def count_nonzero(input: Tensor, dim: Any = None) -> Tensor:
    """How many elements are not zero.

    >>> import xpgrad as xg
    >>> xg.count_nonzero(xg.tensor([0.0, 2.0, 3.0]))
    tensor(2)
    """
    axes = dims_of(dim, only_tensor(input, "count_nonzero").ndim)
    return ops.count_nonzero(input, axis=axes)
