"""Elementwise functions: the ops themselves, where the standard's promotion needs no more."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from xpgrad.array_api.arguments import tensor_of
from xpgrad.array_api.data_types import result_type
from xpgrad.ops import compare as _compare
from xpgrad.ops import elementwise as _ops
from xpgrad.ops.device import astype, clone
from xpgrad.tensor import Tensor

Function = Callable[..., Any]


def promoted(*operands: Any) -> tuple[Any, ...]:
    """Arrays of several dtypes brought to one. PyTorch's rule, which the ops apply, lets an array
    of no dimensions give way; the standard's does not.
    """
    kinds = {t._data.dtype for t in operands if isinstance(t, Tensor)}
    if len(kinds) < 2:
        return operands
    target = result_type(*(t for t in operands if t is not None))
    return tuple(astype(t, dtype=target) if isinstance(t, Tensor) else t for t in operands)


def _binary(op: Function) -> Function:
    """An op of two operands as the standard writes it."""

    @functools.wraps(op)
    def function(x1: Any, x2: Any, /) -> Any:
        return op(*promoted(x1, x2))

    del function.__wrapped__  # the signature is this one
    return function


abs: Function = _ops.abs
acos: Function = _ops.acos
acosh: Function = _ops.acosh
asin: Function = _ops.asin
asinh: Function = _ops.asinh
atan: Function = _ops.atan
atanh: Function = _ops.atanh
bitwise_invert: Function = _compare.bitwise_invert
ceil: Function = _ops.ceil
conj: Function = _ops.conj
cos: Function = _ops.cos
cosh: Function = _ops.cosh
exp: Function = _ops.exp
expm1: Function = _ops.expm1
floor: Function = _ops.floor
isfinite: Function = _compare.isfinite
isinf: Function = _compare.isinf
isnan: Function = _compare.isnan
log: Function = _ops.log
log10: Function = _ops.log10
log1p: Function = _ops.log1p
log2: Function = _ops.log2
logical_not: Function = _compare.logical_not
negative: Function = _ops.negative
positive: Function = _ops.positive
reciprocal: Function = _ops.reciprocal
round: Function = _ops.round
sign: Function = _ops.sgn  # complex numbers too
signbit: Function = _compare.signbit
sin: Function = _ops.sin
sinh: Function = _ops.sinh
sqrt: Function = _ops.sqrt
square: Function = _ops.square
tan: Function = _ops.tan
tanh: Function = _ops.tanh
trunc: Function = _ops.trunc

add = _binary(_ops.add)
atan2 = _binary(_ops.atan2)
bitwise_and = _binary(_compare.bitwise_and)
bitwise_left_shift = _binary(_compare.bitwise_left_shift)
bitwise_or = _binary(_compare.bitwise_or)
bitwise_right_shift = _binary(_compare.bitwise_right_shift)
bitwise_xor = _binary(_compare.bitwise_xor)
copysign = _binary(_ops.copysign)
divide = _binary(_ops.divide)
equal = _binary(_compare.equal)
floor_divide = _binary(_ops.floor_divide)
greater = _binary(_compare.greater)
greater_equal = _binary(_compare.greater_equal)
hypot = _binary(_ops.hypot)
less = _binary(_compare.less)
less_equal = _binary(_compare.less_equal)
logaddexp = _binary(_ops.logaddexp)
logical_and = _binary(_compare.logical_and)
logical_or = _binary(_compare.logical_or)
logical_xor = _binary(_compare.logical_xor)
maximum = _binary(_ops.maximum)
minimum = _binary(_ops.minimum)
multiply = _binary(_ops.multiply)
nextafter = _binary(_ops.nextafter)
not_equal = _binary(_compare.not_equal)
pow = _binary(_ops.pow)
remainder = _binary(_ops.remainder)
subtract = _binary(_ops.subtract)


def imag(x: Any, /) -> Any:
    """The imaginary part of complex numbers."""
    return _ops.imag(x)


def real(x: Any, /) -> Any:
    """The real part of complex numbers; real ones are their own."""
    return _ops.real(x)


def clip(x: Any, /, min: Any = None, max: Any = None) -> Any:
    """`x` kept between bounds: numbers, arrays (which leave its dtype alone) or nothing."""
    x = tensor_of(x, "clip")
    bounds = [b for b in (min, max) if b is not None]
    if not bounds:
        return clone(x)
    if any(hasattr(b, "shape") for b in bounds):
        out = _ops.clip_between(x, min, max)
        return out if out.dtype is x.dtype else astype(out, dtype=x.dtype)
    target = result_type(x, *bounds)
    return _ops.clip(x if target is x.dtype else astype(x, dtype=target), min=min, max=max)


def where(condition: Any, x1: Any, x2: Any, /) -> Any:
    """The elements of `x1` where a condition holds, and of `x2` elsewhere."""
    return _ops.where(condition, *promoted(x1, x2))
