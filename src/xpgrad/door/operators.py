"""Python's operators on Tensors. The common ones are the ops themselves: no layer in between."""

from __future__ import annotations

from typing import Any

from xpgrad import dtypes
from xpgrad.door.attach import method
from xpgrad.door.linalg import matmul
from xpgrad.errors import DTypeError, UnsupportedDType, XpgradError
from xpgrad.op import OpFunction, named, operator_of
from xpgrad.ops import compare
from xpgrad.ops import elementwise as ops
from xpgrad.promotion import is_operand
from xpgrad.tensor import Tensor

# ------------------------------------------------------------------ arithmetic

add = method("__add__", "__radd__")(operator_of(ops.add))
multiply = method("__mul__", "__rmul__")(operator_of(ops.multiply))
subtract = method("__sub__")(operator_of(ops.subtract))
# What stands left of the sign is no Tensor here, and has no history.
_reflected = named(ops.rsub, "RsubBackward1")
_reflected.op.node_type.shown = (0,)
reflected = method("__rsub__")(operator_of(_reflected))
divide = method("__truediv__")(operator_of(ops.divide))
method("__neg__")(ops.negative)
method("__abs__")(ops.abs)

_pow = operator_of(ops.pow)
_pow_number = operator_of(ops.pow_number)
_number_pow = operator_of(ops.number_pow)
_remainder = operator_of(ops.remainder)
_remainder_number = operator_of(named(ops.remainder, "RemainderBackward0"))
_floor_divide = operator_of(ops.floor_divide)


@method()
def __pow__(self: Tensor, exponent: Any) -> Any:
    if type(exponent) is int and exponent < 0 and self._data.dtype not in self._ns.inexact:
        raise DTypeError("Integers to negative integer powers are not allowed.")
    if not isinstance(exponent, Tensor):
        return _pow_number(self, exponent)
    if self.dtype is dtypes.bool_ is exponent.dtype:
        raise UnsupportedDType("\"pow\" not implemented for 'Bool'")
    return _pow(self, exponent)


@method()
def __rpow__(self: Tensor, base: Any) -> Any:
    return _number_pow(base, self)


@method()
def __rtruediv__(self: Tensor, other: Any) -> Any:
    # As PyTorch computes it: 1 / x many times over costs one division.
    return multiply(ops.reciprocal(self), other) if is_operand(other) else NotImplemented


@method()
def __floordiv__(self: Tensor, other: Any) -> Any:
    _not_zero(self, other)
    return _floor_divide(self, other)


@method()
def __rfloordiv__(self: Tensor, other: Any) -> Any:
    return _floor_divide(other, self)


@method()
def __mod__(self: Tensor, other: Any) -> Any:
    if isinstance(other, Tensor):
        return _remainder(self, other)
    _not_zero(self, other)
    return _remainder_number(self, other)


@method()
def __rmod__(self: Tensor, other: Any) -> Any:
    return _remainder(other, self)


def _not_zero(x: Tensor, number: Any) -> None:
    if type(number) is int and number == 0 and x._data.dtype not in x._ns.inexact:
        raise DivisionByZeroError("ZeroDivisionError: an integer tensor is divided by 0")


class DivisionByZeroError(XpgradError, ZeroDivisionError, RuntimeError):
    """Integers divided by zero, which have no inf."""


@method()
def __round__(self: Tensor, ndigits: int | None = None) -> Tensor:
    return self.round(decimals=ndigits or 0)


@method()
def __matmul__(self: Tensor, other: Any) -> Any:
    return matmul(self, other) if _is_array(other) else NotImplemented


@method()
def __rmatmul__(self: Tensor, other: Any) -> Any:
    return matmul(other, self) if _is_array(other) else NotImplemented


def _is_array(value: Any) -> bool:
    return isinstance(value, Tensor) or (hasattr(value, "shape") and is_operand(value))


# ------------------------------------------------------------------ comparison

method("__eq__")(operator_of(compare.equal))
method("__ne__")(operator_of(compare.not_equal))
method("__lt__")(operator_of(compare.less))
method("__le__")(operator_of(compare.less_equal))
method("__gt__")(operator_of(compare.greater))
method("__ge__")(operator_of(compare.greater_equal))

# ------------------------------------------------------------------ bits and truth


def _bits(name: str, function: OpFunction) -> None:
    call = operator_of(function)

    def forwards(self: Tensor, other: Any) -> Any:
        return call(self, other)

    def backwards(self: Tensor, other: Any) -> Any:
        return call(other, self)

    method(f"__{name}__")(forwards)
    method(f"__r{name}__")(backwards)


for _name, _function in {
    "and": compare.bitwise_and, "or": compare.bitwise_or, "xor": compare.bitwise_xor,
    "lshift": compare.bitwise_left_shift, "rshift": compare.bitwise_right_shift,
}.items():  # fmt: skip
    _bits(_name, _function)


@method()
def __invert__(self: Tensor) -> Tensor:
    if self.dtype.category > dtypes.INTEGER:
        raise DTypeError(
            "~ (operator.invert) is only implemented on integer and Boolean-type tensors"
        )
    return compare.bitwise_invert(self)
