"""Signs, rounding, bounds, and the larger or smaller of two."""

from __future__ import annotations

import math
from typing import Any

from xpgrad.door.arguments import is_number, only_tensor
from xpgrad.door.attach import binary, called, method, unary
from xpgrad.errors import ShapeError
from xpgrad.ops import compare
from xpgrad.ops import elementwise as ops
from xpgrad.ops.device import astype
from xpgrad.promotion import result_type
from xpgrad.tensor import Tensor

__all__ = [
    "ceil", "clamp", "clamp_max", "clamp_min", "clip", "copysign", "fix", "floor", "fmax", "fmin",
    "frac", "heaviside", "maximum", "minimum", "nan_to_num", "nextafter", "round", "sgn", "sign",
    "trunc",
]  # fmt: skip

sign = unary(
    ops.sign, "sign", "-1, 0 or 1 (nan of nan). Its derivative is 0, at 0 too.",
    "[2., -3., 0.] -> [ 1., -1.,  0.]", "[2., 0.] -> [0., 0.]",
)  # fmt: skip
sgn = unary(
    ops.sgn,
    "sgn",
    "The sign; of a complex number, its direction. Its derivative is 0 for real numbers and at 0; "
    "a complex number turns its direction only by moving across it.",
    "[2., -3.] -> [ 1., -1.]",
    "[2., 0.] -> [0., 0.]",
)
ceil = unary(
    ops.ceil, "ceil", "Rounded up. Its derivative is 0.", "[1.2, -1.2] -> [ 2., -1.]",
    "[1.2, 2.] -> [0., 0.]",
)  # fmt: skip
floor = unary(
    ops.floor, "floor", "Rounded down. Its derivative is 0.", "[1.2, -1.2] -> [ 1., -2.]",
    "[1.2, 2.] -> [0., 0.]",
)  # fmt: skip
trunc = fix = unary(
    ops.trunc, "trunc fix", "Rounded towards zero. Its derivative is 0.",
    "[1.2, -1.2] -> [ 1., -1.]", "[1.2, 2.] -> [0., 0.]",
)  # fmt: skip
nextafter = binary(
    ops.nextafter,
    "nextafter",
    "The next number from `input` towards `other`. The derivatives are 1 (0 where the two are "
    "equal) and 0.",
    "[0.]; [1.] -> [1.4013e-45]",
    "[0., 1.]; [1., 1.] -> [1., 0.]; [0., 0.]",
)


@method()
def round(input: Tensor, *, decimals: int = 0) -> Tensor:
    """To the nearest number with so many decimals; halves go to the even one.

    Its derivative is 0.

    >>> import xpgrad as xg
    >>> xg.round(xg.tensor([0.5, 1.5])), xg.round(xg.tensor([1.26]), decimals=1)
    (tensor([0., 2.]), tensor([1.3000]))
    >>> x = xg.tensor([0.5, 1.2], requires_grad=True)
    >>> xg.autograd.grad(xg.round(x).sum(), x)
    (tensor([0., 0.]),)
    """
    if decimals == 0:
        return ops.round(input)
    scale = 10.0 ** math.fabs(decimals)
    if decimals > 0:
        return called(ops.divide, "RoundBackward1")(ops.round(input * scale), scale)
    return called(ops.multiply, "RoundBackward1")(ops.round(input / scale), scale)


@method()
def copysign(input: Tensor, other: Any) -> Tensor:
    """The size of `input` with the sign of `other`.

    The derivatives are 1 or -1 (0 where `input` is 0) and 0.

    >>> import xpgrad as xg
    >>> xg.copysign(xg.tensor([1.0, -2.0]), -1)
    tensor([-1., -2.])
    >>> x = xg.tensor([2.0, 0.0], requires_grad=True)
    >>> y = xg.tensor([-1.0, -1.0], requires_grad=True)
    >>> xg.autograd.grad(xg.copysign(x, y).sum(), (x, y))
    (tensor([-1.,  0.]), tensor([0., 0.]))
    """
    number = is_number(other)
    return (called(ops.copysign, "CopysignBackward1") if number else ops.copysign)(input, other)


@method()
def frac(input: Tensor) -> Tensor:
    """What trunc() takes away.

    Its derivative is 1, also where it jumps.

    >>> import xpgrad as xg
    >>> xg.frac(xg.tensor([1.5, -1.25]))
    tensor([ 0.5000, -0.2500])
    >>> x = xg.tensor([1.5, 2.0], requires_grad=True)
    >>> xg.autograd.grad(xg.frac(x).sum(), x)
    (tensor([1., 1.]),)
    """
    return called(ops.subtract, "Frac")(input, ops.trunc(input))


@method("clamp", "clip")
def clamp(input: Tensor, min: Any = None, max: Any = None) -> Tensor:
    """`input`, but nowhere below `min` or above `max` (numbers or tensors). Also ``clip``.

    The gradient passes where ``min <= input <= max``, and goes to a tensor that is a bound where it
    is the smaller or larger one; not where they are equal.

    Raises:
        RuntimeError: where neither bound is given.

    >>> import xpgrad as xg
    >>> xg.clamp(xg.tensor([-1.0, 0.5, 2.0]), 0, 1)
    tensor([0.0000, 0.5000, 1.0000])
    >>> x, low = (xg.tensor(v, requires_grad=True) for v in ([0.0, 1.0, 2.0], [1.0, 1.0, 1.0]))
    >>> xg.autograd.grad(xg.clamp(x, 1, 2).sum(), x)
    (tensor([0., 1., 1.]),)
    >>> xg.autograd.grad(xg.clamp(x, min=low).sum(), (x, low))
    (tensor([0., 1., 1.]), tensor([1., 0., 0.]))
    """
    if min is None and max is None:
        raise ShapeError("xpgrad.clamp: At least one of 'min' or 'max' must not be None")
    only_tensor(input, "clamp")
    if is_number(min, none=True) and is_number(max, none=True):
        if input._data.dtype in input._ns.inexact:
            return ops.clip(input, min=min, max=max)
        target = result_type(*(v for v in (input, min, max) if v is not None))
        if target is not input.dtype:
            input = astype(input, dtype=target)
        return ops.clip(input, min=min, max=max)
    return ops.clip_between(input, min, max)


clip = clamp


@method()
def clamp_min(input: Tensor, min: Any) -> Tensor:
    """`input`, but nowhere below `min`.

    The gradient passes where ``input >= min``.

    >>> import xpgrad as xg
    >>> x = xg.tensor([0.0, 1.0], requires_grad=True)
    >>> xg.autograd.grad(xg.clamp_min(x, 1).sum(), x)
    (tensor([0., 1.]),)
    """
    return _one_bound("ClampMin", input, min, None)


@method()
def clamp_max(input: Tensor, max: Any) -> Tensor:
    """`input`, but nowhere above `max`.

    The gradient passes where ``input <= max``.

    >>> import xpgrad as xg
    >>> x = xg.tensor([1.0, 2.0], requires_grad=True)
    >>> xg.autograd.grad(xg.clamp_max(x, 1).sum(), x)
    (tensor([1., 0.]),)
    """
    return _one_bound("ClampMax", input, None, max)


def _one_bound(node: str, x: Tensor, low: Any, high: Any) -> Tensor:
    bound = high if low is None else low
    if not is_number(bound):
        return called(ops.clip_between, f"{node}Backward1")(x, low, high)
    target = result_type(x, bound)
    x = x if target is x.dtype else astype(x, dtype=target)
    return called(ops.clip, node)(x, min=low, max=high)


maximum = binary(
    ops.maximum, "maximum", "The larger of two; nan if either is. A tie halves the gradient.",
    "[1., 4.]; [3., 2.] -> [3., 4.]", "[3., 2.]; [3., 1.] -> [0.5000, 1.0000]; [0.5000, 0.0000]",
)  # fmt: skip
minimum = binary(
    ops.minimum, "minimum", "The smaller of two; nan if either is. A tie halves the gradient.",
    "[1., 4.]; [3., 2.] -> [1., 2.]", "[3., 2.]; [3., 1.] -> [0.5000, 0.0000]; [0.5000, 1.0000]",
)  # fmt: skip


@method()
def fmax(input: Tensor, other: Tensor) -> Tensor:
    """The larger of two; a number, if one of them is nan.

    Of a tie `input` gets the gradient (`maximum` halves it), of nan and a number the number.

    >>> import xpgrad as xg
    >>> x = xg.tensor([1.0, xg.nan], requires_grad=True)
    >>> y = xg.tensor([1.0, 2.0], requires_grad=True)
    >>> xg.autograd.grad(xg.fmax(x, y).sum(), (x, y))
    (tensor([1., 0.]), tensor([0., 1.]))
    """
    first = compare.logical_or(compare.greater_equal(input, other), compare.not_equal(other, other))
    return called(ops.where, "Fmax")(first, input, other)


@method()
def fmin(input: Tensor, other: Tensor) -> Tensor:
    """The smaller of two; a number, if one of them is nan.

    Of a tie `input` gets the gradient (`minimum` halves it), of nan and a number the number.

    >>> import xpgrad as xg
    >>> x = xg.tensor([1.0, xg.nan], requires_grad=True)
    >>> y = xg.tensor([1.0, 2.0], requires_grad=True)
    >>> xg.autograd.grad(xg.fmin(x, y).sum(), (x, y))
    (tensor([1., 0.]), tensor([0., 1.]))
    """
    first = compare.logical_or(compare.less_equal(input, other), compare.not_equal(other, other))
    return called(ops.where, "Fmin")(first, input, other)


@method()
def heaviside(input: Tensor, values: Tensor) -> Tensor:
    """0 below zero, 1 above, and `values` at zero.

    The gradient goes to `values` where they are taken; there is none for `input` (in PyTorch
    for neither).

    >>> import xpgrad as xg
    >>> xg.heaviside(xg.tensor([-1.0, 0.0, 2.0]), xg.tensor([0.5]))
    tensor([0.0000, 0.5000, 1.0000])
    >>> y = xg.tensor([0.5, 0.5], requires_grad=True)
    >>> xg.autograd.grad(xg.heaviside(xg.tensor([-1.0, 0.0]), y).sum(), y)
    (tensor([0., 1.]),)
    """
    step = astype(compare.greater(input, 0), dtype=result_type(input, values))
    return ops.where(compare.equal(input, 0), values, step)


@method()
def nan_to_num(
    input: Tensor, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None
) -> Tensor:
    """Replace nan, and infinities by the largest numbers of the dtype unless others are given.

    What is replaced gets no gradient.

    >>> import xpgrad as xg
    >>> xg.nan_to_num(xg.tensor([float("nan"), float("inf"), 1.0]), posinf=7.0)
    tensor([0., 7., 1.])
    >>> x = xg.tensor([xg.nan, xg.inf, 1.0], requires_grad=True)
    >>> xg.autograd.grad(xg.nan_to_num(x).sum(), x)
    (tensor([0., 0., 1.]),)
    """
    x = only_tensor(input, "nan_to_num")
    if not x.dtype.is_floating_point:
        return ops.positive(x)
    limits = x._ns.finfo(x._data.dtype)
    x = ops.where(compare.isnan(x), float(nan or 0.0), x)
    high = float(limits.max if posinf is None else posinf)
    low = float(limits.min if neginf is None else neginf)
    x = ops.where(compare.equal(x, math.inf), high, x)
    return called(ops.where, "NanToNum")(compare.equal(x, -math.inf), low, x)
