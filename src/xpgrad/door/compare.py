"""Comparison, logic, bits and choice: without derivatives, but for what `where` chooses from."""

from __future__ import annotations

import math
from typing import Any

from xpgrad import dtypes
from xpgrad.door.arguments import is_number, only_tensor
from xpgrad.door.attach import binary, method, unary
from xpgrad.errors import DTypeError, ShapeError
from xpgrad.ops import compare as ops
from xpgrad.ops import elementwise, searching
from xpgrad.tensor import Tensor

__all__ = [
    "allclose", "bitwise_and", "bitwise_left_shift", "bitwise_not", "bitwise_or",
    "bitwise_right_shift", "bitwise_xor", "eq", "equal", "ge", "greater", "greater_equal", "gt",
    "isclose", "isfinite", "isin", "isinf", "isnan", "isneginf", "isposinf", "isreal", "le", "less",
    "less_equal", "logical_and", "logical_not", "logical_or", "logical_xor", "lt", "ne",
    "not_equal", "signbit", "where",
]  # fmt: skip

# ------------------------------------------------------------------ comparison

eq = binary(ops.equal, "eq", "Whether elements are equal.", "[1, 2]; [1, 3] -> [ True, False]")
ne = not_equal = binary(
    ops.not_equal, "ne not_equal", "Whether they differ.", "[1, 2]; [1, 3] -> [False,  True]"
)
lt = less = binary(
    ops.less, "lt less", "Whether ``input < other``.", "[1, 2]; [2, 2] -> [ True, False]"
)
le = less_equal = binary(
    ops.less_equal, "le less_equal", "Whether ``input <= other``.", "[1, 3]; 2 -> [ True, False]"
)
gt = greater = binary(
    ops.greater, "gt greater", "Whether ``input > other``.", "[1, 3]; 2 -> [False,  True]"
)
ge = greater_equal = binary(
    ops.greater_equal,
    "ge greater_equal",
    "Whether ``input >= other``.",
    "[1, 2]; 2 -> [False,  True]",
)


@method()
def equal(input: Tensor, other: Tensor) -> bool:
    """Whether two tensors have the same shape and the same elements.

    >>> import xpgrad as xg
    >>> xg.equal(xg.tensor([1, 2]), xg.tensor([1, 2])), xg.equal(xg.ones(2), xg.ones(3))
    (True, False)
    """
    if only_tensor(input, "equal").shape != only_tensor(other, "equal", "other", 2).shape:
        return False
    return bool(ops.equal(input, other).all())


@method()
def isclose(
    input: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Tensor:
    """Whether ``abs(input - other) <= atol + rtol * abs(other)``; infinities of one sign are close.

    >>> import xpgrad as xg
    >>> xg.isclose(xg.tensor([1.0, 2.0]), xg.tensor([1.0, 2.1]))
    tensor([ True, False])
    """
    _same_dtype(input, other)
    x, y = input.detach(), other.detach()
    same = ops.equal(x, y)
    if x.dtype.is_differentiable:
        if equal_nan:
            same = ops.logical_or(same, ops.logical_and(ops.not_equal(x, x), ops.not_equal(y, y)))
        far = elementwise.abs(elementwise.subtract(x, y))
        near = ops.less_equal(far, atol + rtol * elementwise.abs(y))
        return ops.logical_or(same, ops.logical_and(near, ops.isfinite(far)))
    wide = dtypes.get_default_dtype()
    far = elementwise.abs(elementwise.subtract(x.to(wide), y.to(wide)))
    return ops.logical_or(same, ops.less_equal(far, atol + rtol * elementwise.abs(y.to(wide))))


@method()
def allclose(
    input: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> bool:
    """Whether all elements are close (see `isclose`).

    Raises:
        RuntimeError: for different dtypes.

    >>> import xpgrad as xg
    >>> xg.allclose(xg.tensor([1.0, 2.0]), xg.tensor([1.0, 2.0 + 1e-6]))
    True
    """
    return bool(isclose(input, other, rtol, atol, equal_nan).all())


def _same_dtype(x: Tensor, y: Tensor) -> None:
    only_tensor(x, "isclose"), only_tensor(y, "isclose", "other", 2)
    if x.dtype is not y.dtype:
        raise DTypeError(f"{x.dtype.torch_name} did not match {y.dtype.torch_name}")


# ------------------------------------------------------------------ kinds of numbers

isnan = unary(
    ops.isnan, "isnan", "Whether elements are nan.", "[1., float('nan')] -> [False,  True]"
)
isinf = unary(
    ops.isinf, "isinf", "Whether elements are infinite.", "[1., float('inf')] -> [False,  True]"
)
isfinite = unary(
    ops.isfinite, "isfinite", "Whether elements are neither infinite nor nan.",
    "[1., float('inf')] -> [ True, False]",
)  # fmt: skip
signbit = unary(
    ops.signbit, "signbit", "Whether elements have a minus sign.", "[1., -0.] -> [False,  True]"
)


@method()
def isposinf(input: Tensor) -> Tensor:
    """Whether elements are positive infinity."""
    return ops.equal(input, math.inf)


@method()
def isneginf(input: Tensor) -> Tensor:
    """Whether elements are negative infinity."""
    return ops.equal(input, -math.inf)


@method()
def isreal(input: Tensor) -> Tensor:
    """Whether elements have no imaginary part."""
    x = only_tensor(input, "isreal")
    if not x.dtype.is_complex:
        return x.new_ones(x.shape, dtype=bool)
    return ops.equal(elementwise.imag(x), 0)


# ------------------------------------------------------------------ truth and bits

logical_and = binary(
    ops.logical_and,
    "logical_and",
    "Whether both are true (not 0).",
    "[1, 0]; [1, 1] -> [ True, False]",
)
logical_or = binary(
    ops.logical_or, "logical_or", "Whether one is true (not 0).", "[1, 0]; [0, 0] -> [ True, False]"
)
logical_xor = binary(
    ops.logical_xor, "logical_xor", "Whether one alone is true.", "[1, 0]; [1, 1] -> [False,  True]"
)
logical_not = unary(
    ops.logical_not, "logical_not", "Whether elements are false (0).", "[1, 0] -> [False,  True]"
)
bitwise_and = binary(ops.bitwise_and, "bitwise_and", "The bits that both have.", "[6]; [3] -> [2]")
bitwise_or = binary(ops.bitwise_or, "bitwise_or", "The bits that one has.", "[6]; [3] -> [7]")
bitwise_xor = binary(
    ops.bitwise_xor, "bitwise_xor", "The bits that one alone has.", "[6]; [3] -> [5]"
)
bitwise_not = unary(ops.bitwise_invert, "bitwise_not", "All bits inverted.", "[0, 1] -> [-1, -2]")
bitwise_left_shift = binary(
    ops.bitwise_left_shift, "bitwise_left_shift", "Bits moved left by `other`.", "[1]; [3] -> [8]"
)
bitwise_right_shift = binary(
    ops.bitwise_right_shift,
    "bitwise_right_shift",
    "Bits moved right by `other`.",
    "[8]; [3] -> [1]",
)

# ------------------------------------------------------------------ choice


def where(condition: Tensor, input: Any = None, other: Any = None) -> Any:
    """`input` where the condition is true and `other` elsewhere.

    The gradient goes to the side that is taken, and 0 to the other. Where the side that is not
    taken has an infinite or undefined derivative this is not enough: 0 times that is nan. Make
    its input harmless as well, with a second `where`.

    With the condition alone, the places where it is true: an index for each dimension.

    Raises:
        RuntimeError: for a condition that is not boolean.

    >>> import xpgrad as xg
    >>> x = xg.tensor([-1.0, 2.0])
    >>> xg.where(x > 0, x, 0.0)
    tensor([0., 2.])
    >>> xg.where(x > 0)
    (tensor([1]),)
    >>> x = xg.tensor([0.0, 1.0], requires_grad=True)
    >>> xg.autograd.grad(xg.where(x > 0, x.log(), x).sum(), x)
    (tensor([nan, 1.]),)
    >>> xg.autograd.grad(xg.where(x > 0, xg.where(x > 0, x, 1.0).log(), x).sum(), x)
    (tensor([1., 1.]),)
    """
    mask = only_tensor(condition, "where", "condition")
    if input is None and other is None:
        return mask.nonzero(as_tuple=True)
    if mask.dtype is not dtypes.bool_:
        raise DTypeError(
            "where expected condition to be a boolean tensor, but got a tensor with dtype "
            f"{mask.dtype.torch_name}"
        )
    return elementwise.where(mask, input, other)


@method("where")
def _where(self: Tensor, condition: Tensor, other: Any) -> Tensor:
    """This tensor where the condition is true, and `other` elsewhere."""
    found: Tensor = where(condition, self, other)
    return found


def isin(
    elements: Any, test_elements: Any, *, assume_unique: bool = False, invert: bool = False
) -> Tensor:
    """Whether each element is among the test elements.

    >>> import xpgrad as xg
    >>> xg.isin(xg.tensor([1, 2, 3]), xg.tensor([1, 3]))
    tensor([ True, False,  True])
    """
    if is_number(elements) and is_number(test_elements):
        raise ShapeError("isin needs a tensor of elements or of test elements")
    among = elements if is_number(test_elements) else test_elements
    tests = test_elements if isinstance(test_elements, Tensor) else among.new_tensor(test_elements)
    x = elements if isinstance(elements, Tensor) else tests.new_tensor(elements)
    ordered = searching.sort(tests.detach().reshape(-1), axis=0)
    if not ordered.numel():
        found = x.new_zeros(x.shape, dtype=bool)
    else:
        places = searching.searchsorted(ordered, x.detach().reshape(-1))
        nearest = elementwise.minimum(places, ordered.numel() - 1).reshape(x.shape)
        found = ops.equal(ordered[nearest], x)
    return ops.logical_not(found) if invert else found
