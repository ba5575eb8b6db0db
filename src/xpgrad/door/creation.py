"""Tensors of one value, ranges and patterns.

Every function here takes ``dtype=``, ``device=`` and ``requires_grad=``.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from xpgrad import dtypes
from xpgrad.door.arguments import as_kind, new_size, number_of, only_tensor
from xpgrad.door.attach import method
from xpgrad.door.data import guarded, laid_out, leaf, made_of, settle, tensor, warn_of_copy
from xpgrad.door.reading import type_name
from xpgrad.errors import OpError, ShapeError
from xpgrad.registry import within
from xpgrad.tensor import Tensor

__all__ = [
    "arange", "empty", "empty_like", "eye", "full", "full_like", "linspace", "logspace", "ones",
    "ones_like", "scalar_tensor", "tril_indices", "triu_indices", "zeros", "zeros_like",
]  # fmt: skip

# ------------------------------------------------------------------ of one value


def zeros(
    *size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False, **named: Any
) -> Tensor:
    """Zeros, of a size written ``2, 3`` or ``(2, 3)`` or ``size=(2, 3)``.

    >>> import xpgrad as xg
    >>> xg.zeros(2, 3)
    tensor([[0., 0., 0.],
            [0., 0., 0.]])
    """
    return _new("zeros", size, named, dtype, device, requires_grad)


def ones(
    *size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False, **named: Any
) -> Tensor:
    """Ones, of a size written ``2, 3`` or ``(2, 3)`` or ``size=(2, 3)``.

    >>> import xpgrad as xg
    >>> xg.ones((2,), requires_grad=True)
    tensor([1., 1.], requires_grad=True)
    """
    return _new("ones", size, named, dtype, device, requires_grad)


def empty(
    *size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False, **named: Any
) -> Tensor:
    """A tensor whose values are whatever the memory holds.

    >>> import xpgrad as xg
    >>> xg.empty(2, 0).shape
    xpgrad.Size([2, 0])
    """
    return _new("empty", size, named, dtype, device, requires_grad)


def _new(
    what: str, size: Any, named: dict[str, Any], dtype: Any, device: Any, requires_grad: bool
) -> Tensor:
    shape = new_size(what, sized(what, size, named))
    ns = within(device)
    found = settle(ns, dtype, dtypes.get_default_dtype())
    return leaf(getattr(ns, what)(shape, dtype=ns.native(found)), ns, requires_grad)


def sized(what: str, size: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, ...]:
    """The size among positional arguments, or the one given as ``size=``.

    Raises:
        TypeError: for none or both, or an unknown keyword.
    """
    if not size and "size" in named:
        size = (named.pop("size"),)
    elif not size:
        raise TypeError(f'{what}() missing 1 required positional arguments: "size"')
    if named:
        raise TypeError(f"{what}() got an unexpected keyword argument {next(iter(named))!r}")
    return size


def full(
    size: Any,
    fill_value: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """A tensor of one value; its dtype is the value's (float32, int64 or bool) unless given.

    >>> import xpgrad as xg
    >>> xg.full((2,), 1.5), xg.full((2,), True)
    (tensor([1.5000, 1.5000]), tensor([True, True]))
    """
    if not hasattr(size, "__len__"):
        raise TypeError(
            f"full(): argument 'size' (position 1) must be tuple of ints, not {type_name(size)}"
        )
    shape = new_size("full", (size,))
    ns = within(device)
    own = getattr(fill_value, "dtype", None)
    value = number_of(fill_value)
    inferred = dtypes.of_scalar(value) if own is None else dtypes.as_dtype(own)
    found = settle(ns, dtype, inferred)
    return leaf(ns.full(shape, as_kind(value, found), dtype=ns.native(found)), ns, requires_grad)


def scalar_tensor(
    s: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """A 0-d tensor in the default dtype, whatever kind of number `s` is.

    >>> import xpgrad as xg
    >>> xg.scalar_tensor(2)
    tensor(2.)
    """
    target = dtypes.get_default_dtype() if dtype is None else dtype
    return full((), s, dtype=target, device=device, requires_grad=requires_grad)


def zeros_like(
    input: Tensor, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Zeros with the shape, dtype and device of `input`.

    >>> import xpgrad as xg
    >>> xg.zeros_like(xg.tensor([1, 2]))
    tensor([0, 0])
    """
    return _like("zeros", input, dtype, device, requires_grad)


def ones_like(
    input: Tensor, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Ones with the shape, dtype and device of `input`.

    >>> import xpgrad as xg
    >>> xg.ones_like(xg.tensor([1, 2]), dtype=xg.float32)
    tensor([1., 1.])
    """
    return _like("ones", input, dtype, device, requires_grad)


def empty_like(
    input: Tensor, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """A tensor like `input` whose values are whatever the memory holds.

    >>> import xpgrad as xg
    >>> xg.empty_like(xg.ones(2, 3)).shape
    xpgrad.Size([2, 3])
    """
    return _like("empty", input, dtype, device, requires_grad)


def full_like(
    input: Tensor,
    fill_value: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """One value with the shape, dtype and device of `input`.

    >>> import xpgrad as xg
    >>> xg.full_like(xg.ones(2), 7)
    tensor([7., 7.])
    """
    only_tensor(input, "full_like")
    made = full(
        input.shape,
        fill_value,
        dtype=input.dtype if dtype is None else dtype,
        device=input.device if device is None else device,
        requires_grad=requires_grad,
    )
    return laid_out(made, input)


def _like(what: str, x: Tensor, dtype: Any, device: Any, requires_grad: bool) -> Tensor:
    only_tensor(x, f"{what}_like")
    ns = x._ns if device is None else within(device)
    native = x._data.dtype if dtype is None and ns is x._ns else ns.native(dtype or x.dtype)
    made = getattr(ns, what)(x._data.shape, dtype=native)
    return laid_out(leaf(made, ns, requires_grad), x)


# ------------------------------------------------------------------ ranges and patterns


def arange(
    start: Any = None,
    end: Any = None,
    step: Any = 1,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Numbers from `start` (0) up to but not including `end`, `step` apart.

    Integers if all arguments are, else the default dtype.

    Raises:
        RuntimeError: for a step of zero or of the wrong sign, or bounds that are not finite.

    >>> import xpgrad as xg
    >>> xg.arange(4.0), xg.arange(5, 1, -2)
    (tensor([0., 1., 2., 3.]), tensor([5, 3]))
    """
    if end is None:
        if start is None:
            raise TypeError('arange() missing 1 required positional argument: "end"')
        start, end = 0, start
    first, last, by = (number_of(v) for v in (0 if start is None else start, end, step))
    ns = within(device)
    whole = all(isinstance(v, int) for v in (first, last, by))
    inferred = dtypes.int64 if whole else dtypes.get_default_dtype()
    target = settle(ns, dtype, inferred)
    if any(isinstance(v, complex) for v in (first, last, by)):
        raise OpError("value cannot be converted to type double without overflow")
    if not (math.isfinite(first) and math.isfinite(last)):
        raise OpError(f"unsupported range: {first} -> {last}")
    if target.category <= dtypes.INTEGER:
        first, last, by = int(first), int(last), int(by)
    if by == 0:
        raise ShapeError("step must be nonzero")
    if (last - first) * by < 0:
        raise ShapeError("upper bound and lower bound inconsistent with step sign")
    count = -((first - last) // by) if isinstance(first + by + last, int) else math.ceil(
        (last - first) / by
    )  # fmt: skip
    native = ns.native(target)
    with guarded(ns):
        if target.category <= dtypes.INTEGER:
            data = ns.astype(ns.arange(first, first + count * by, by), native)
        else:
            # Counted in integers and scaled in the widest type: no error piles up.
            wide = ns.native(settle(ns, None, dtypes.float64))
            grid = ns.astype(ns.arange(0, count, 1), wide)
            data = ns.astype(grid * float(by) + float(first), native)
    return leaf(data, ns, requires_grad)


def linspace(
    start: Any,
    end: Any,
    steps: int,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """`steps` numbers evenly spaced from `start` to `end`, both included.

    Raises:
        RuntimeError: for a negative number of steps.

    >>> import xpgrad as xg
    >>> xg.linspace(0, 1, 5)
    tensor([0.0000, 0.2500, 0.5000, 0.7500, 1.0000])
    """
    if steps < 0:
        raise ShapeError("number of steps must be non-negative")
    ns = within(device)
    first, last = number_of(start), number_of(end)
    default = dtypes.get_default_dtype()
    is_complex = isinstance(first, complex) or isinstance(last, complex)
    target = settle(ns, dtype, default.to_complex() if is_complex else default)
    if target.is_differentiable:
        low, high = as_kind(first, target), as_kind(last, target)
        with guarded(ns):
            data = ns.linspace(low, high, steps, dtype=ns.native(target))
    else:
        wide = ns.native(settle(ns, None, dtypes.float64))
        with guarded(ns):
            grid = ns.linspace(float(first), float(last), steps, dtype=wide)
            data = ns.astype(ns.trunc(grid), ns.native(target))
    return leaf(data, ns, requires_grad)


def logspace(
    start: Any,
    end: Any,
    steps: int,
    base: float = 10.0,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Powers of `base`, with exponents evenly spaced from `start` to `end`.

    >>> import xpgrad as xg
    >>> xg.logspace(0, 2, 3)
    tensor([  1.,  10., 100.])
    """
    if steps < 0:
        raise ShapeError("number of steps must be non-negative")
    ns = within(device)
    target = settle(ns, dtype, dtypes.get_default_dtype())
    wide = ns.native(settle(ns, None, dtypes.float64))
    with guarded(ns):
        grid = ns.linspace(float(number_of(start)), float(number_of(end)), steps, dtype=wide)
        powers = ns.pow(ns.full((), float(number_of(base)), dtype=wide), grid)
        if target.category == dtypes.INTEGER:
            powers = ns.trunc(powers)
        return leaf(ns.astype(powers, ns.native(target)), ns, requires_grad)


def eye(
    n: int,
    m: int | None = None,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """An `n` by `m` matrix (square by default) with ones on the diagonal.

    Raises:
        RuntimeError: for a negative size.

    >>> import xpgrad as xg
    >>> xg.eye(2)
    tensor([[1., 0.],
            [0., 1.]])
    """
    for name, length in (("n", n), ("m", m)):
        if length is not None and length < 0:
            raise ShapeError(f"{name} must be greater or equal to 0, got {length}")
    ns = within(device)
    found = settle(ns, dtype, dtypes.get_default_dtype())
    return leaf(ns.eye(n, m, dtype=ns.native(found)), ns, requires_grad)


def tril_indices(
    row: int, col: int, offset: int = 0, *, dtype: Any = None, device: Any = None
) -> Tensor:
    """The indices of a matrix's lower triangle: rows above columns, shape ``(2, n)``.

    >>> import xpgrad as xg
    >>> xg.tril_indices(2, 2)
    tensor([[0, 1, 1],
            [0, 0, 1]])
    """
    return tensor(np.stack(np.tril_indices(row, offset, col)).tolist(), dtype=dtype, device=device)


def triu_indices(
    row: int, col: int, offset: int = 0, *, dtype: Any = None, device: Any = None
) -> Tensor:
    """The indices of a matrix's upper triangle: rows above columns, shape ``(2, n)``.

    >>> import xpgrad as xg
    >>> xg.triu_indices(2, 2)
    tensor([[0, 0, 1],
            [0, 1, 1]])
    """
    return tensor(np.stack(np.triu_indices(row, offset, col)).tolist(), dtype=dtype, device=device)


# ------------------------------------------------------------------ like another tensor


@method()
def new_tensor(
    self: Tensor, data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """A new leaf from `data`, with this tensor's dtype and device unless others are given."""
    if isinstance(data, Tensor):
        warn_of_copy("tensor.new_tensor")
    return made_of(data, requires_grad=requires_grad, **_own(self, dtype, device))


@method()
def new_zeros(
    self: Tensor, *size: Any, dtype: Any = None, device: Any = None, **named: Any
) -> Tensor:
    """Zeros of a size, with this tensor's dtype and device unless others are given."""
    return zeros(*size, **_own(self, dtype, device), **named)


@method()
def new_ones(
    self: Tensor, *size: Any, dtype: Any = None, device: Any = None, **named: Any
) -> Tensor:
    """Ones of a size, with this tensor's dtype and device unless others are given."""
    return ones(*size, **_own(self, dtype, device), **named)


@method()
def new_empty(
    self: Tensor, *size: Any, dtype: Any = None, device: Any = None, **named: Any
) -> Tensor:
    """Uninitialised memory, with this tensor's dtype and device unless others are given."""
    return empty(*size, **_own(self, dtype, device), **named)


@method()
def new_full(
    self: Tensor,
    size: Any,
    fill_value: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """One value of a size, with this tensor's dtype and device unless others are given."""
    return full(size, fill_value, requires_grad=requires_grad, **_own(self, dtype, device))


def _own(x: Tensor, dtype: Any, device: Any) -> dict[str, Any]:
    return {
        "dtype": x.dtype if dtype is None else dtype,
        "device": x.device if device is None else device,
    }
