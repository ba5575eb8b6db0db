"""Combinations, blocks, distances, and numbers taken apart into digits and exponents."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from xpgrad.door import results
from xpgrad.door.arguments import dim_of, only_tensor
from xpgrad.door.attach import called, method
from xpgrad.door.indexing import own_array
from xpgrad.door.inplace import assignable
from xpgrad.door.joining import stack
from xpgrad.door.rearrange import diag_embed, meshgrid
from xpgrad.errors import DTypeError, ShapeError
from xpgrad.ops import distances, elementwise, linalg, special
from xpgrad.ops import indexing as access
from xpgrad.tensor import Tensor

__all__ = [
    "cartesian_prod", "cdist", "combinations", "diagflat", "fill", "frexp", "ldexp",
    "renorm",
]  # fmt: skip

# ------------------------------------------------------------------ combinations and blocks


def combinations(input: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    """All choices of `r` elements, one a row, in the order of `itertools.combinations`.

    >>> import xpgrad as xg
    >>> xg.combinations(xg.tensor([1, 2, 3]))
    tensor([[1, 2],
            [1, 3],
            [2, 3]])
    """
    x = only_tensor(input, "combinations")
    if x.ndim != 1:
        raise ShapeError(f"Expect a 1D vector, but got shape {list(x.shape)}")
    if r < 0:
        raise ShapeError(f"Expect a non-negative number, but got {r}")
    if r == 0:
        return x.new_empty((0,))
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    rows = np.array(list(choose(range(x._data.shape[0]), r)), dtype=np.int64).reshape(-1, r)
    return access.getitem(x, index=(own_array(x, rows),))


def cartesian_prod(*tensors: Any) -> Tensor:
    """All combinations of an element of each 1-D tensor, one a row; of one tensor, itself.

    >>> import xpgrad as xg
    >>> xg.cartesian_prod(xg.tensor([1, 2]), xg.tensor([3, 4]))
    tensor([[1, 3],
            [1, 4],
            [2, 3],
            [2, 4]])
    """
    given = tensors[0] if len(tensors) == 1 and not isinstance(tensors[0], Tensor) else tensors
    for x in given:
        if x.ndim != 1:
            raise ShapeError(f"Expect a 1D vector, but got shape {list(x.shape)}")
    if len(given) == 1:
        only: Tensor = given[0]
        return only
    return stack([x.reshape(-1) for x in meshgrid(*given)], 1)


@method()
def diagflat(input: Tensor, offset: int = 0) -> Tensor:
    """The matrix with all elements on its diagonal.

    >>> import xpgrad as xg
    >>> xg.diagflat(xg.tensor([1, 2]))
    tensor([[1, 0],
            [0, 2]])
    """
    return diag_embed(only_tensor(input, "diagflat").reshape(-1), offset)


def fill(input: Tensor, value: Any) -> Tensor:
    """A tensor like `input` with one number, or the one element of a 0-d tensor, everywhere.

    Raises:
        RuntimeError: for a value with dimensions.

    >>> import xpgrad as xg
    >>> xg.fill(xg.zeros(2), 3)
    tensor([3., 3.])
    """
    x = only_tensor(input, "fill")
    if isinstance(value, Tensor) and value.ndim:
        raise ShapeError(
            "fill_ only supports 0-dimension value tensor but got tensor with "
            f"{value.ndim} dimensions."
        )
    if isinstance(value, Tensor):
        return called(access.copy, "FillBackward1")(x, value)
    return called(access.copy, "Fill")(x, assignable(x, value))


# ------------------------------------------------------------------ distances and lengths


def cdist(x1: Tensor, x2: Tensor, p: float = 2.0, compute_mode: Any = None) -> Tensor:
    """The distance of each row of `x1` from each of `x2`, in the norm of order `p`.

    Where it is 0, so are its derivatives.

    Args:
        compute_mode: ``"use_mm_for_euclid_dist"``: by matrix products, faster for long rows and
            less precise for near ones; ``"donot_use_mm_for_euclid_dist"``; or, if there are more
            than 25 rows, the first, ``"use_mm_for_euclid_dist_if_necessary"``.

    Raises:
        RuntimeError: for rows of different lengths, or a negative `p`.

    >>> import xpgrad as xg
    >>> xg.cdist(xg.tensor([[0.0, 0.0]]), xg.tensor([[3.0, 4.0], [0.0, 1.0]]))
    tensor([[5., 1.]])
    """
    modes = (
        "use_mm_for_euclid_dist_if_necessary", "use_mm_for_euclid_dist",
        "donot_use_mm_for_euclid_dist",
    )  # fmt: skip
    if compute_mode is None:
        compute_mode = modes[0]
    if compute_mode not in modes:
        raise ValueError(f"{compute_mode} is not a valid value for compute_mode")
    x, y = only_tensor(x1, "cdist", "x1"), only_tensor(x2, "cdist", "x2", 2)
    for name, t in (("X1", x), ("X2", y)):
        if t.ndim < 2:
            raise ShapeError(f"cdist only supports at least 2D tensors, {name} got: {t.ndim}D")
        if not t.dtype.is_floating_point:
            raise DTypeError(
                f"cdist only supports floating-point dtypes, {name} got: {t.dtype.torch_name}"
            )
    (rows, width), (others, length) = x._data.shape[-2:], y._data.shape[-2:]
    if width != length:
        raise ShapeError(
            f"X1 and X2 must have the same number of columns. X1: {width} X2: {length}"
        )
    if p < 0:
        raise ShapeError("cdist only supports non-negative p values")
    if p not in (0, 1, 2, math.inf) and width:
        off = x.unsqueeze(-2) - y.unsqueeze(-3)
        norm = called(linalg.vector_norm, "Cdist")
        return norm(off, axis=(off.ndim - 1,), ord=float(p))
    many = compute_mode == modes[0] and (rows > 25 or others > 25)
    by_product = p == 2 and (many or compute_mode == modes[1])
    return distances.cdist(x, y, p=float(p), by_product=by_product)


@method()
def renorm(input: Tensor, p: Any, dim: int, maxnorm: Any) -> Tensor:
    """The slices along a dimension, those longer than `maxnorm` scaled down to it.

    Raises:
        RuntimeError: for a norm that is not positive, or fewer than two dimensions.

    >>> import xpgrad as xg
    >>> xg.renorm(xg.tensor([[3.0, 4.0], [0.3, 0.4]]), 2, 0, 1)
    tensor([[0.6000, 0.8000],
            [0.3000, 0.4000]])
    """
    x = only_tensor(input, "renorm")
    if p <= 0:
        raise ShapeError("renorm: non-positive-norm not supported")
    if maxnorm < 0:
        raise ShapeError(f"renorm: expected maxnorm to be >= 0 but got {maxnorm}")
    if x.ndim < 2:
        raise ShapeError(f"renorm: input needs at least 2 dimensions, got {x.ndim} dimensions")
    at = dim_of(dim, x.ndim)
    axes = tuple(i for i in range(x.ndim) if i != at)
    norm = linalg.vector_norm(x, axis=axes, keepdims=True, ord=float(p))
    # The small number is PyTorch's.
    factor = elementwise.where(norm > maxnorm, float(maxnorm) / (norm + 1e-7), 1.0)
    return called(elementwise.multiply, "Renorm")(x.contiguous(), factor)


# ------------------------------------------------------------------ digits and exponents


@method()
def ldexp(input: Tensor, other: Any) -> Tensor:
    """``input * 2**other``.

    >>> import xpgrad as xg
    >>> xg.ldexp(xg.tensor([1.0, 3.0]), xg.tensor([2, -1]))
    tensor([4.0000, 1.5000])
    """
    return called(elementwise.multiply, "Ldexp")(input, elementwise.pow(2.0, other))


@method()
def frexp(input: Tensor) -> results.frexp:
    """Numbers from [0.5, 1) and integers, with ``input == mantissa * 2**exponent``.

    The derivative of the mantissa is ``2**-exponent``.

    Raises:
        RuntimeError: for what is no floating-point number.

    >>> import xpgrad as xg
    >>> xg.frexp(xg.tensor([3.0, -0.1]))
    xpgrad.return_types.frexp(
    mantissa=tensor([ 0.7500, -0.8000]),
    exponent=tensor([ 2, -3], dtype=xpgrad.int32))
    """
    x = only_tensor(input, "frexp")
    if not x.dtype.is_floating_point:
        raise DTypeError("xpgrad.frexp() only supports floating-point dtypes")
    exponent = special.exponent(x.detach())
    # In two steps: the power of two itself may be too large for the dtype.
    half = (exponent // 2).to(x.dtype)
    rest = exponent.to(x.dtype) - half
    first, second = (elementwise.pow(2.0, -part) for part in (half, rest))
    mantissa = called(elementwise.multiply, "Frexp")(x * first, second)
    return results.frexp(mantissa, exponent)
