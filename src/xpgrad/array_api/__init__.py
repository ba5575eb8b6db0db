"""The array API standard's door: version 2024.12, to the letter, on Tensors.

    >>> import xpgrad as xg
    >>> from xpgrad import array_api as xp
    >>> x = xg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> y = xp.sum(xp.square(x), axis=0, keepdims=True); y
    tensor([14.], grad_fn=<SumBackward0>)
    >>> x.__array_namespace__() is xp
    True

Every function is differentiable where it has a derivative. Code written for the standard takes
Tensors as they are, and gradients flow through it: SciPy's and scikit-learn's array functions,
array-api-extra, your own. Beyond the standard the functions take arrays of any library that has a
backend, and dtypes and devices however they are written.

Tensors themselves are PyTorch's where the two contradict each other: ``x.size`` is a method, a
slice has no negative step (`flip` turns arrays round), and in ``x + y`` an array of no dimensions
does not widen the other's dtype, as it does in ``xp.add(x, y)``.
"""

from __future__ import annotations

import math
import sys
from typing import Any

# isort: off
from xpgrad.array_api import fft, linalg
from xpgrad.array_api.creation import (
    arange, asarray, empty, empty_like, eye, from_dlpack, full, full_like, linspace, meshgrid,
    ones, ones_like, tril, triu, zeros, zeros_like,
)  # fmt: skip
from xpgrad.array_api.data_types import astype, can_cast, finfo, iinfo, isdtype, result_type
from xpgrad.array_api.elementwise import (
    abs, acos, acosh, add, asin, asinh, atan, atan2, atanh, bitwise_and, bitwise_invert,
    bitwise_left_shift, bitwise_or, bitwise_right_shift, bitwise_xor, ceil, clip, conj, copysign,
    cos, cosh, divide, equal, exp, expm1, floor, floor_divide, greater, greater_equal, hypot, imag,
    isfinite, isinf, isnan, less, less_equal, log, log1p, log2, log10, logaddexp, logical_and,
    logical_not, logical_or, logical_xor, maximum, minimum, multiply, negative, nextafter,
    not_equal, positive, pow, real, reciprocal, remainder, round, sign, signbit, sin, sinh, sqrt,
    square, subtract, tan, tanh, trunc, where,
)  # fmt: skip
from xpgrad.array_api.info import Info as __array_namespace_info__
from xpgrad.array_api.linalg import matmul, matrix_transpose, tensordot, vecdot
from xpgrad.array_api.manipulation import (
    broadcast_arrays, broadcast_to, concat, expand_dims, flip, moveaxis, permute_dims, repeat,
    reshape, roll, squeeze, stack, take, take_along_axis, tile, unstack,
)  # fmt: skip

# Before the function `namespace` below, which takes over the name of this module.
from xpgrad.array_api.namespace import TensorNamespace as TensorNamespace
from xpgrad.array_api.searching import (
    argmax, argmin, argsort, count_nonzero, nonzero, searchsorted, sort, unique_all, unique_counts,
    unique_inverse, unique_values,
)  # fmt: skip
from xpgrad.array_api.statistical import (
    all, any, cumulative_prod, cumulative_sum, diff, max, mean, min, prod, std, sum, var,
)  # fmt: skip
from xpgrad.dtypes import (
    bool_ as bool, complex64, complex128, float32, float64, int8, int16, int32, int64, uint8,
    uint16, uint32, uint64,
)  # fmt: skip
# isort: on

__all__ = [
    "__array_api_version__", "__array_namespace_info__", "abs", "acos", "acosh", "add", "all",
    "any", "arange", "argmax", "argmin", "argsort", "asarray", "asin", "asinh", "astype",
    "atan", "atan2", "atanh", "bitwise_and", "bitwise_invert", "bitwise_left_shift",
    "bitwise_or", "bitwise_right_shift", "bitwise_xor", "bool", "broadcast_arrays",
    "broadcast_to", "can_cast", "ceil", "clip", "complex128", "complex64", "concat", "conj",
    "copysign", "cos", "cosh", "count_nonzero", "cumulative_prod", "cumulative_sum", "diff",
    "divide", "e", "empty", "empty_like", "equal", "exp", "expand_dims", "expm1", "eye",
    "fft", "finfo", "flip", "float32", "float64", "floor", "floor_divide", "from_dlpack", "full",
    "full_like", "greater", "greater_equal", "hypot", "iinfo", "imag", "inf", "int16", "int32",
    "int64", "int8", "isdtype", "isfinite", "isinf", "isnan", "less", "less_equal", "linalg",
    "linspace", "log", "log10", "log1p", "log2", "logaddexp", "logical_and", "logical_not",
    "logical_or", "logical_xor", "matmul", "matrix_transpose", "max", "maximum", "mean",
    "meshgrid", "min", "minimum", "moveaxis", "multiply", "nan", "negative", "newaxis",
    "nextafter", "nonzero", "not_equal", "ones", "ones_like", "permute_dims", "pi", "positive",
    "pow", "prod", "real", "reciprocal", "remainder", "repeat", "reshape", "result_type",
    "roll", "round", "searchsorted", "sign", "signbit", "sin", "sinh", "sort", "sqrt", "square",
    "squeeze", "stack", "std", "subtract", "sum", "take", "take_along_axis", "tan", "tanh",
    "tensordot", "tile", "tril", "triu", "trunc", "uint16", "uint32", "uint64", "uint8",
    "unique_all", "unique_counts", "unique_inverse", "unique_values", "unstack", "var",
    "vecdot", "where", "zeros", "zeros_like",
]  # fmt: skip

__array_api_version__ = "2024.12"

e = math.e
inf = math.inf
nan = math.nan
newaxis = None
pi = math.pi

VERSIONS = ("2021.12", "2022.12", "2023.12", "2024.12")


def namespace(api_version: str | None = None) -> Any:
    """This module: what ``Tensor.__array_namespace__`` returns.

    Raises:
        ValueError: for a version of the standard that it does not follow.
    """
    if api_version is not None and api_version not in VERSIONS:
        raise ValueError(
            f"xpgrad follows the array API standard up to {VERSIONS[-1]}, not {api_version!r}"
        )
    return sys.modules[__name__]


def __dir__() -> list[str]:
    return __all__
