# ruff: noqa
# fmt: off
"""The methods that PyTorch's door attaches to Tensor. Written by ci/stubs: edit the door."""

import builtins
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from xpgrad import dtypes
from xpgrad.device import device as Device
from xpgrad.door import results
from xpgrad.namespace import Array
from xpgrad.random import Generator
from xpgrad.tensor import Size, Tensor

class Methods:
    def __abs__(self) -> Tensor: ...
    def __add__(self, other: Any) -> Tensor: ...
    def __and__(self, other: Any) -> Any: ...
    def __array__(self, dtype: Any = ..., copy: builtins.bool | None = ...) -> np.ndarray[Any, Any]: ...
    def __array_namespace__(self, *, api_version: str | None = ...) -> Any: ...
    def __bool__(self) -> builtins.bool: ...
    def __complex__(self) -> builtins.complex: ...
    def __contains__(self, element: Any) -> builtins.bool: ...
    def __copy__(self) -> Tensor:
        r"""The same memory in a new leaf."""
    def __deepcopy__(self, memo: dict[builtins.int, Any]) -> Tensor:
        r"""A leaf's values, gradient and public attributes, sharing nothing."""
    def __dlpack__(self, *, stream: Any = ..., max_version: tuple[builtins.int, builtins.int] | None = ..., dl_device: tuple[builtins.int, builtins.int] | None = ..., copy: builtins.bool | None = ...) -> Any: ...
    def __dlpack_device__(self) -> tuple[builtins.int, builtins.int]: ...
    def __eq__(self, other: Any) -> Tensor: ...  # type: ignore[override]
    def __float__(self) -> builtins.float: ...
    def __floordiv__(self, other: Any) -> Any: ...
    def __format__(self, spec: str) -> str: ...
    def __ge__(self, other: Any) -> Tensor: ...
    def __getitem__(self, index: Any) -> Tensor: ...
    def __gt__(self, other: Any) -> Tensor: ...
    def __iadd__(self, other: Any) -> Any: ...
    def __iand__(self, other: Any) -> Any: ...
    def __ifloordiv__(self, other: Any) -> Any: ...
    def __ilshift__(self, other: Any) -> Any: ...
    def __imod__(self, other: Any) -> Any: ...
    def __imul__(self, other: Any) -> Any: ...
    def __index__(self) -> builtins.int: ...
    def __int__(self) -> builtins.int: ...
    def __invert__(self) -> Tensor: ...
    def __ior__(self, other: Any) -> Any: ...
    def __ipow__(self, other: Any) -> Any: ...
    def __irshift__(self, other: Any) -> Any: ...
    def __isub__(self, other: Any) -> Any: ...
    def __iter__(self) -> Iterator[Tensor]: ...
    def __itruediv__(self, other: Any) -> Any: ...
    def __ixor__(self, other: Any) -> Any: ...
    def __le__(self, other: Any) -> Tensor: ...
    def __len__(self) -> builtins.int: ...
    def __lshift__(self, other: Any) -> Any: ...
    def __lt__(self, other: Any) -> Tensor: ...
    def __matmul__(self, other: Any) -> Any: ...
    def __mod__(self, other: Any) -> Any: ...
    def __mul__(self, other: Any) -> Tensor: ...
    def __ne__(self, other: Any) -> Tensor: ...  # type: ignore[override]
    def __neg__(self) -> Tensor: ...
    def __or__(self, other: Any) -> Any: ...
    def __pos__(self) -> Tensor:
        r"""`input` itself."""
    def __pow__(self, exponent: Any) -> Any: ...
    def __radd__(self, other: Any) -> Tensor: ...
    def __rand__(self, other: Any) -> Any: ...
    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        r"""Values, device, ``requires_grad`` and public attributes; no history and no gradient."""
    def __repr__(self) -> str: ...
    def __reversed__(self) -> Tensor: ...
    def __rfloordiv__(self, other: Any) -> Any: ...
    def __rlshift__(self, other: Any) -> Any: ...
    def __rmatmul__(self, other: Any) -> Any: ...
    def __rmod__(self, other: Any) -> Any: ...
    def __rmul__(self, other: Any) -> Tensor: ...
    def __ror__(self, other: Any) -> Any: ...
    def __round__(self, ndigits: builtins.int | None = ...) -> Tensor: ...
    def __rpow__(self, base: Any) -> Any: ...
    def __rrshift__(self, other: Any) -> Any: ...
    def __rshift__(self, other: Any) -> Any: ...
    def __rsub__(self, other: Any) -> Tensor:
        r"""``y - x``: the way ``1 - x`` calls it."""
    def __rtruediv__(self, other: Any) -> Any: ...
    def __rxor__(self, other: Any) -> Any: ...
    def __setitem__(self, index: Any, value: Any) -> None: ...
    def __str__(self) -> str: ...
    def __sub__(self, other: Any) -> Tensor: ...
    def __truediv__(self, other: Any) -> Tensor: ...
    def __xor__(self, other: Any) -> Any: ...
    def abs(self) -> Tensor:
        r"""The absolute value. Its derivative at 0 is 0; of a complex z the gradient is ``z / abs(z)``. Also called ``absolute``."""
    def abs_(self) -> Tensor:
        r"""`Tensor.abs`, written into this tensor."""
    def absolute(self) -> Tensor:
        r"""The absolute value. Its derivative at 0 is 0; of a complex z the gradient is ``z / abs(z)``. Also called ``absolute``."""
    def absolute_(self) -> Tensor:
        r"""`Tensor.absolute`, written into this tensor."""
    def acos(self) -> Tensor:
        r"""The inverse cosine. Also called ``arccos``."""
    def acos_(self) -> Tensor:
        r"""`Tensor.acos`, written into this tensor."""
    def acosh(self) -> Tensor:
        r"""The inverse hyperbolic cosine. Also called ``arccosh``."""
    def acosh_(self) -> Tensor:
        r"""`Tensor.acosh`, written into this tensor."""
    def add(self, other: Any, *, alpha: Any = ...) -> Tensor:
        r"""``input + alpha * other``."""
    def add_(self, other: Any, *, alpha: Any = ...) -> Tensor:
        r"""`Tensor.add`, written into this tensor."""
    def addbmm(self, batch1: Tensor, batch2: Tensor, *, beta: Any = ..., alpha: Any = ...) -> Tensor:
        r"""``beta * input + alpha * bmm(batch1, batch2).sum(0)``."""
    def addbmm_(self, batch1: Tensor, batch2: Tensor, *, beta: Any = ..., alpha: Any = ...) -> Tensor:
        r"""`Tensor.addbmm`, written into this tensor."""
    def addcdiv(self, tensor1: Any, tensor2: Any, *, value: Any = ...) -> Tensor:
        r"""``input + value * tensor1 / tensor2``."""
    def addcdiv_(self, tensor1: Any, tensor2: Any, *, value: Any = ...) -> Tensor:
        r"""`Tensor.addcdiv`, written into this tensor."""
    def addcmul(self, tensor1: Any, tensor2: Any, *, value: Any = ...) -> Tensor:
        r"""``input + value * tensor1 * tensor2``."""
    def addcmul_(self, tensor1: Any, tensor2: Any, *, value: Any = ...) -> Tensor:
        r"""`Tensor.addcmul`, written into this tensor."""
    def addmm(self, mat1: Tensor, mat2: Tensor, *, beta: Any = ..., alpha: Any = ...) -> Tensor:
        r"""``beta * input + alpha * (mat1 @ mat2)``."""
    def addmm_(self, mat1: Tensor, mat2: Tensor, *, beta: Any = ..., alpha: Any = ...) -> Tensor:
        r"""`Tensor.addmm`, written into this tensor."""
    def addmv(self, mat: Tensor, vec: Tensor, *, beta: Any = ..., alpha: Any = ...) -> Tensor:
        r"""``beta * input + alpha * (mat @ vec)``."""
    def addmv_(self, mat: Tensor, vec: Tensor, *, beta: Any = ..., alpha: Any = ...) -> Tensor:
        r"""`Tensor.addmv`, written into this tensor."""
    def addr(self, vec1: Tensor, vec2: Tensor, *, beta: Any = ..., alpha: Any = ...) -> Tensor:
        r"""``beta * input + alpha * outer(vec1, vec2)``."""
    def addr_(self, vec1: Tensor, vec2: Tensor, *, beta: Any = ..., alpha: Any = ...) -> Tensor:
        r"""`Tensor.addr`, written into this tensor."""
    def adjoint(self) -> Tensor:
        r"""The conjugate transposes of the matrices in the last two dimensions."""
    def all(self, dim: Any = ..., keepdim: builtins.bool = ..., *, axis: Any = ..., keepdims: builtins.bool = ...) -> Tensor:
        r"""Whether all elements are true (not 0)."""
    def allclose(self, other: Tensor, rtol: builtins.float = ..., atol: builtins.float = ..., equal_nan: builtins.bool = ...) -> builtins.bool:
        r"""Whether all elements are close (see `isclose`)."""
    def amax(self, dim: Any = ..., keepdim: builtins.bool = ..., *, axis: Any = ..., keepdims: builtins.bool = ...) -> Tensor:
        r"""The largest elements over one or more dimensions; equal ones share the gradient."""
    def amin(self, dim: Any = ..., keepdim: builtins.bool = ..., *, axis: Any = ..., keepdims: builtins.bool = ...) -> Tensor:
        r"""The smallest elements over one or more dimensions; equal ones share the gradient."""
    def aminmax(self, *, dim: builtins.int | None = ..., keepdim: builtins.bool = ...) -> results.aminmax:
        r"""The smallest and the largest elements."""
    def angle(self) -> Tensor:
        r"""The angle in the complex plane. Its derivative is 0 for real numbers and at 0."""
    def any(self, dim: Any = ..., keepdim: builtins.bool = ..., *, axis: Any = ..., keepdims: builtins.bool = ...) -> Tensor:
        r"""Whether any element is true (not 0)."""
    def apply_(self, callable: Callable[[Any], Any]) -> Tensor:
        r"""Replace each element by what a function of Python numbers gives, one after another: slowly."""
    def arccos(self) -> Tensor:
        r"""The inverse cosine. Also called ``arccos``."""
    def arccos_(self) -> Tensor:
        r"""`Tensor.arccos`, written into this tensor."""
    def arccosh(self) -> Tensor:
        r"""The inverse hyperbolic cosine. Also called ``arccosh``."""
    def arccosh_(self) -> Tensor:
        r"""`Tensor.arccosh`, written into this tensor."""
    def arcsin(self) -> Tensor:
        r"""The inverse sine. Also called ``arcsin``."""
    def arcsin_(self) -> Tensor:
        r"""`Tensor.arcsin`, written into this tensor."""
    def arcsinh(self) -> Tensor:
        r"""The inverse hyperbolic sine. Also called ``arcsinh``."""
    def arcsinh_(self) -> Tensor:
        r"""`Tensor.arcsinh`, written into this tensor."""
    def arctan(self) -> Tensor:
        r"""The inverse tangent. Also called ``arctan``."""
    def arctan2(self, other: Any) -> Tensor:
        r"""The angle of the point (other, input). Its derivatives at the origin are 0. Also called ``arctan2``."""
    def arctan2_(self, other: Any) -> Tensor:
        r"""`Tensor.arctan2`, written into this tensor."""
    def arctan_(self) -> Tensor:
        r"""`Tensor.arctan`, written into this tensor."""
    def arctanh(self) -> Tensor:
        r"""The inverse hyperbolic tangent. Also called ``arctanh``."""
    def arctanh_(self) -> Tensor:
        r"""`Tensor.arctanh`, written into this tensor."""
    def argmax(self, dim: builtins.int | None = ..., keepdim: builtins.bool = ..., *, axis: builtins.int | None = ..., keepdims: builtins.bool = ...) -> Tensor:
        r"""The place of the largest element (the first, if there are several)."""
    def argmin(self, dim: builtins.int | None = ..., keepdim: builtins.bool = ..., *, axis: builtins.int | None = ..., keepdims: builtins.bool = ...) -> Tensor:
        r"""The place of the smallest element (the first, if there are several)."""
    def argsort(self, dim: builtins.int = ..., descending: builtins.bool = ..., stable: builtins.bool = ...) -> Tensor:
        r"""The places of the sorted elements along a dimension."""
    def argwhere(self) -> Tensor:
        r"""The places of what is not zero, a row of indices for each."""
    def as_strided(self, size: Sequence[builtins.int], stride: Sequence[builtins.int], storage_offset: builtins.int | None = ...) -> Tensor:
        r"""What steps over the memory of `input` lead to: a view where the library can, or a copy."""
    def as_strided_(self, size: Sequence[builtins.int], stride: Sequence[builtins.int], storage_offset: builtins.int | None = ...) -> Tensor:
        r"""Let this tensor be what `as_strided` gives: its memory stays, seen in other steps."""
    def as_strided_scatter(self, src: Tensor, size: Sequence[builtins.int], stride: Sequence[builtins.int], storage_offset: builtins.int | None = ...) -> Tensor:
        r"""`input` with `src` where `as_strided` looks."""
    def asin(self) -> Tensor:
        r"""The inverse sine. Also called ``arcsin``."""
    def asin_(self) -> Tensor:
        r"""`Tensor.asin`, written into this tensor."""
    def asinh(self) -> Tensor:
        r"""The inverse hyperbolic sine. Also called ``arcsinh``."""
    def asinh_(self) -> Tensor:
        r"""`Tensor.asinh`, written into this tensor."""
    def atan(self) -> Tensor:
        r"""The inverse tangent. Also called ``arctan``."""
    def atan2(self, other: Any) -> Tensor:
        r"""The angle of the point (other, input). Its derivatives at the origin are 0. Also called ``arctan2``."""
    def atan2_(self, other: Any) -> Tensor:
        r"""`Tensor.atan2`, written into this tensor."""
    def atan_(self) -> Tensor:
        r"""`Tensor.atan`, written into this tensor."""
    def atanh(self) -> Tensor:
        r"""The inverse hyperbolic tangent. Also called ``arctanh``."""
    def atanh_(self) -> Tensor:
        r"""`Tensor.atanh`, written into this tensor."""
    def baddbmm(self, batch1: Tensor, batch2: Tensor, *, beta: Any = ..., alpha: Any = ...) -> Tensor:
        r"""``beta * input + alpha * bmm(batch1, batch2)``."""
    def baddbmm_(self, batch1: Tensor, batch2: Tensor, *, beta: Any = ..., alpha: Any = ...) -> Tensor:
        r"""`Tensor.baddbmm`, written into this tensor."""
    def bernoulli(self, p: builtins.float | None = ..., *, generator: Generator | None = ...) -> Tensor:
        r"""Ones with the probabilities in `input` (or with probability `p`), zeros elsewhere."""
    def bernoulli_(self, p: Any = ..., *, generator: Any = ...) -> Tensor:
        r"""Write ones with probability `p`, a number or a tensor, and zeros elsewhere."""
    def bincount(self, weights: Tensor | None = ..., minlength: builtins.int = ...) -> Tensor:
        r"""How often each integer from 0 on occurs, or the sums of its weights."""
    def bitwise_and(self, other: Any) -> Tensor:
        r"""The bits that both have."""
    def bitwise_and_(self, other: Any) -> Tensor:
        r"""`Tensor.bitwise_and`, written into this tensor."""
    def bitwise_left_shift(self, other: Any) -> Tensor:
        r"""Bits moved left by `other`."""
    def bitwise_left_shift_(self, other: Any) -> Tensor:
        r"""`Tensor.bitwise_left_shift`, written into this tensor."""
    def bitwise_not(self) -> Tensor:
        r"""All bits inverted."""
    def bitwise_not_(self) -> Tensor:
        r"""`Tensor.bitwise_not`, written into this tensor."""
    def bitwise_or(self, other: Any) -> Tensor:
        r"""The bits that one has."""
    def bitwise_or_(self, other: Any) -> Tensor:
        r"""`Tensor.bitwise_or`, written into this tensor."""
    def bitwise_right_shift(self, other: Any) -> Tensor:
        r"""Bits moved right by `other`."""
    def bitwise_right_shift_(self, other: Any) -> Tensor:
        r"""`Tensor.bitwise_right_shift`, written into this tensor."""
    def bitwise_xor(self, other: Any) -> Tensor:
        r"""The bits that one alone has."""
    def bitwise_xor_(self, other: Any) -> Tensor:
        r"""`Tensor.bitwise_xor`, written into this tensor."""
    def bmm(self, mat2: Tensor) -> Tensor:
        r"""The products of two stacks of matrices, pair by pair."""
    def bool(self, memory_format: Any = ...) -> Tensor:
        r"""This tensor as bool; itself if it is that."""
    def broadcast_to(self, size: Any) -> Tensor:
        r"""`input` stretched to a size: `expand` as a function."""
    def byte(self, memory_format: Any = ...) -> Tensor:
        r"""This tensor as uint8; itself if it is that."""
    def cauchy_(self, median: builtins.float = ..., sigma: builtins.float = ..., *, generator: Any = ...) -> Tensor:
        r"""Write numbers of a Cauchy distribution."""
    def cdouble(self, memory_format: Any = ...) -> Tensor:
        r"""This tensor as complex128; itself if it is that."""
    def ceil(self) -> Tensor:
        r"""Rounded up. Its derivative is 0."""
    def ceil_(self) -> Tensor:
        r"""`Tensor.ceil`, written into this tensor."""
    def cfloat(self, memory_format: Any = ...) -> Tensor:
        r"""This tensor as complex64; itself if it is that."""
    def char(self, memory_format: Any = ...) -> Tensor:
        r"""This tensor as int8; itself if it is that."""
    def cholesky(self, upper: builtins.bool = ...) -> Tensor:
        r"""The triangular factor of positive-definite matrices: `linalg.cholesky`."""
    def cholesky_inverse(self, upper: builtins.bool = ...) -> Tensor:
        r"""The inverse of matrices that are known by their Cholesky factors `L`."""
    def cholesky_solve(self, L: Tensor, upper: builtins.bool = ...) -> Tensor:
        r"""The `X` with ``A @ X = B``, where `A` is known by its Cholesky factor."""
    def chunk(self, chunks: builtins.int, dim: builtins.int = ...) -> tuple[Tensor, ...]:
        r"""About `chunks` pieces of one length, the last perhaps shorter."""
    def clamp(self, min: Any = ..., max: Any = ...) -> Tensor:
        r"""`input`, but nowhere below `min` or above `max` (numbers or tensors). Also ``clip``."""
    def clamp_(self, min: Any = ..., max: Any = ...) -> Tensor:
        r"""`Tensor.clamp`, written into this tensor."""
    def clamp_max(self, max: Any) -> Tensor:
        r"""`input`, but nowhere above `max`."""
    def clamp_max_(self, max: Any) -> Tensor:
        r"""`Tensor.clamp_max`, written into this tensor."""
    def clamp_min(self, min: Any) -> Tensor:
        r"""`input`, but nowhere below `min`."""
    def clamp_min_(self, min: Any) -> Tensor:
        r"""`Tensor.clamp_min`, written into this tensor."""
    def clip(self, min: Any = ..., max: Any = ...) -> Tensor:
        r"""`input`, but nowhere below `min` or above `max` (numbers or tensors). Also ``clip``."""
    def clip_(self, min: Any = ..., max: Any = ...) -> Tensor:
        r"""`Tensor.clip`, written into this tensor."""
    def clone(self, *, memory_format: Any = ...) -> Tensor:
        r"""A copy that shares no memory; gradients flow through it."""
    def conj(self) -> Tensor:
        r"""The complex conjugate; a real tensor is its own."""
    def conj_physical(self) -> Tensor:
        r"""The complex conjugate, which PyTorch computes at once under this name."""
    def conj_physical_(self) -> Tensor:
        r"""`Tensor.conj_physical`, written into this tensor."""
    def contiguous(self, memory_format: Any = ...) -> Tensor:
        r"""The tensor itself if its memory is in row-major order without gaps, or a copy that is."""
    def copy_(self, src: Tensor, non_blocking: builtins.bool = ...) -> Tensor:
        r"""Write the elements of another tensor, cast and moved here if need be, or a number."""
    def copysign(self, other: Any) -> Tensor:
        r"""The size of `input` with the sign of `other`."""
    def copysign_(self, other: Any) -> Tensor:
        r"""`Tensor.copysign`, written into this tensor."""
    def corrcoef(self) -> Tensor:
        r"""The correlations of variables (rows), from observations (columns)."""
    def cos(self) -> Tensor:
        r"""The cosine."""
    def cos_(self) -> Tensor:
        r"""`Tensor.cos`, written into this tensor."""
    def cosh(self) -> Tensor:
        r"""The hyperbolic cosine."""
    def cosh_(self) -> Tensor:
        r"""`Tensor.cosh`, written into this tensor."""
    def count_nonzero(self, dim: Any = ...) -> Tensor:
        r"""How many elements are not zero."""
    def cov(self, *, correction: builtins.int = ..., fweights: Tensor | None = ..., aweights: Tensor | None = ...) -> Tensor:
        r"""The covariances of variables (rows), from observations (columns)."""
    def cpu(self) -> Tensor:
        r"""This tensor on the CPU; itself if it is there."""
    def cross(self, other: Tensor, dim: builtins.int | None = ...) -> Tensor:
        r"""The cross products of vectors with three elements, along `dim` (the first of length 3)."""
    def cuda(self, device: Any = ..., non_blocking: builtins.bool = ...) -> Tensor:
        r"""This tensor on a CUDA device (the current one by default); itself if it is there."""
    def cummax(self, dim: builtins.int) -> results.cummax:
        r"""The largest element so far along a dimension, and its place: the last of equal ones."""
    def cummin(self, dim: builtins.int) -> results.cummin:
        r"""The smallest element so far along a dimension, and its place: the last of equal ones."""
    def cumprod(self, dim: builtins.int | None = ..., *, dtype: Any = ..., axis: builtins.int | None = ...) -> Tensor:
        r"""Running products along a dimension."""
    def cumprod_(self, dim: builtins.int | None = ..., *, dtype: Any = ..., axis: builtins.int | None = ...) -> Tensor:
        r"""`Tensor.cumprod`, written into this tensor."""
    def cumsum(self, dim: builtins.int | None = ..., *, dtype: Any = ..., axis: builtins.int | None = ...) -> Tensor:
        r"""Running sums along a dimension."""
    def cumsum_(self, dim: builtins.int | None = ..., *, dtype: Any = ..., axis: builtins.int | None = ...) -> Tensor:
        r"""`Tensor.cumsum`, written into this tensor."""
    def data_ptr(self) -> builtins.int:
        r"""The address of the first element, where the library tells it."""
    def deg2rad(self) -> Tensor:
        r"""Angles in radians, from degrees."""
    def deg2rad_(self) -> Tensor:
        r"""`Tensor.deg2rad`, written into this tensor."""
    def det(self) -> Tensor:
        r"""The determinants of square matrices (…, n, n)."""
    def detach_(self) -> Tensor:
        r"""Forget the history, in place: the tensor becomes a leaf without a gradient."""
    def diag(self, diagonal: builtins.int = ...) -> Tensor:
        r"""The diagonal of a matrix, or the matrix with a vector on its diagonal."""
    def diag_embed(self, offset: builtins.int = ..., dim1: builtins.int = ..., dim2: builtins.int = ...) -> Tensor:
        r"""Matrices with the last dimension on their diagonals."""
    def diagflat(self, offset: builtins.int = ...) -> Tensor:
        r"""The matrix with all elements on its diagonal."""
    def diagonal(self, offset: builtins.int = ..., dim1: builtins.int = ..., dim2: builtins.int = ...) -> Tensor:
        r"""The diagonals over two dimensions; they come last."""
    def diagonal_scatter(self, src: Tensor, offset: builtins.int = ..., dim1: builtins.int = ..., dim2: builtins.int = ...) -> Tensor:
        r"""`input` with `src` on its diagonals over two dimensions."""
    def diff(self, n: builtins.int = ..., dim: builtins.int = ..., prepend: Tensor | None = ..., append: Tensor | None = ...) -> Tensor:
        r"""Differences of neighbours along a dimension, taken `n` times."""
    def digamma(self) -> Tensor:
        r"""The derivative of `lgamma`; -inf at 0, nan at negative integers."""
    def digamma_(self) -> Tensor:
        r"""`Tensor.digamma`, written into this tensor."""
    def dim(self) -> builtins.int:
        r"""The number of dimensions."""
    def dim_order(self) -> tuple[builtins.int, ...]:
        r"""The dimensions, from the outermost in memory to the innermost."""
    def dist(self, other: Tensor, p: builtins.float = ...) -> Tensor:
        r"""The norm of the difference."""
    def div(self, other: Any, *, rounding_mode: str | None = ...) -> Tensor:
        r"""The quotient; rounded down (``"floor"``) or towards zero (``"trunc"``). Also ``divide``."""
    def div_(self, other: Any, *, rounding_mode: str | None = ...) -> Tensor:
        r"""`Tensor.div`, written into this tensor."""
    def divide(self, other: Any, *, rounding_mode: str | None = ...) -> Tensor:
        r"""The quotient; rounded down (``"floor"``) or towards zero (``"trunc"``). Also ``divide``."""
    def divide_(self, other: Any, *, rounding_mode: str | None = ...) -> Tensor:
        r"""`Tensor.div`, written into this tensor."""
    def dot(self, tensor: Tensor) -> Tensor:
        r"""The dot product of two vectors; nothing is conjugated."""
    def double(self, memory_format: Any = ...) -> Tensor:
        r"""This tensor as float64; itself if it is that."""
    def dsplit(self, sections: Any = ..., *, indices: Any = ...) -> tuple[Tensor, ...]:
        r"""Pieces behind one another: see `tensor_split`."""
    def element_size(self) -> builtins.int:
        r"""The size of an element in bytes."""
    def eq(self, other: Any) -> Tensor:
        r"""Whether elements are equal."""
    def eq_(self, other: Any) -> Tensor:
        r"""`Tensor.eq`, written into this tensor."""
    def equal(self, other: Tensor) -> builtins.bool:
        r"""Whether two tensors have the same shape and the same elements."""
    def erf(self) -> Tensor:
        r"""The error function."""
    def erf_(self) -> Tensor:
        r"""`Tensor.erf`, written into this tensor."""
    def erfc(self) -> Tensor:
        r"""``1 - erf(input)``, precise where that is small."""
    def erfc_(self) -> Tensor:
        r"""`Tensor.erfc`, written into this tensor."""
    def erfinv(self) -> Tensor:
        r"""What `erf` makes `input` of; inf at 1, nan beyond, and so are the derivatives."""
    def erfinv_(self) -> Tensor:
        r"""`Tensor.erfinv`, written into this tensor."""
    def exp(self) -> Tensor:
        r"""The exponential."""
    def exp2(self) -> Tensor:
        r"""Two to the power of each element."""
    def exp2_(self) -> Tensor:
        r"""`Tensor.exp2`, written into this tensor."""
    def exp_(self) -> Tensor:
        r"""`Tensor.exp`, written into this tensor."""
    def expand(self, size: Any = ..., *more: Any, implicit: builtins.bool = ...) -> Tensor:
        r"""Stretch dimensions of length 1, and add new ones in front, without a copy; -1 keeps a length."""
    def expand_as(self, other: Tensor) -> Tensor:
        r"""This tensor stretched to the shape of `other`."""
    def expm1(self) -> Tensor:
        r"""``exp(input) - 1``, precise near 0."""
    def expm1_(self) -> Tensor:
        r"""`Tensor.expm1`, written into this tensor."""
    def exponential_(self, lambd: builtins.float = ..., *, generator: Any = ...) -> Tensor:
        r"""Write exponentially distributed random numbers."""
    def fill_(self, value: Any) -> Tensor:
        r"""Write one number, or the one element of a 0-d tensor, everywhere."""
    def fill_diagonal_(self, fill_value: Any, wrap: builtins.bool = ...) -> Tensor:
        r"""Write one number on the main diagonal: where all indices are equal."""
    def fix(self) -> Tensor:
        r"""Rounded towards zero. Its derivative is 0. Also called ``fix``."""
    def fix_(self) -> Tensor:
        r"""`Tensor.fix`, written into this tensor."""
    def flatten(self, start_dim: builtins.int = ..., end_dim: builtins.int = ...) -> Tensor:
        r"""Join the dimensions from `start_dim` to `end_dim` into one."""
    def flip(self, dims: Any = ..., *more: Any) -> Tensor:
        r"""The order of elements reversed along dimensions (a copy)."""
    def fliplr(self) -> Tensor:
        r"""The columns in reverse order."""
    def flipud(self) -> Tensor:
        r"""The rows in reverse order."""
    def float(self, memory_format: Any = ...) -> Tensor:
        r"""This tensor as float32; itself if it is that."""
    def float_power(self, exponent: Any) -> Tensor:
        r"""The power, computed in double precision."""
    def float_power_(self, exponent: Any) -> Tensor:
        r"""`Tensor.float_power`, written into this tensor."""
    def floor(self) -> Tensor:
        r"""Rounded down. Its derivative is 0."""
    def floor_(self) -> Tensor:
        r"""`Tensor.floor`, written into this tensor."""
    def floor_divide(self, other: Any) -> Tensor:
        r"""The quotient, rounded down; ``//``. Both derivatives are 0 (PyTorch has none)."""
    def floor_divide_(self, other: Any) -> Tensor:
        r"""`Tensor.floor_divide`, written into this tensor."""
    def fmax(self, other: Tensor) -> Tensor:
        r"""The larger of two; a number, if one of them is nan."""
    def fmin(self, other: Tensor) -> Tensor:
        r"""The smaller of two; a number, if one of them is nan."""
    def fmod(self, other: Any) -> Tensor:
        r"""What is left after division rounded towards zero: it has the sign of `input`."""
    def fmod_(self, other: Any) -> Tensor:
        r"""`Tensor.fmod`, written into this tensor."""
    def frac(self) -> Tensor:
        r"""What trunc() takes away."""
    def frac_(self) -> Tensor:
        r"""`Tensor.frac`, written into this tensor."""
    def frexp(self) -> results.frexp:
        r"""Numbers from [0.5, 1) and integers, with ``input == mantissa * 2**exponent``."""
    def gather(self, dim: builtins.int, index: Tensor, *, sparse_grad: builtins.bool = ...) -> Tensor:
        r"""For each element of `index`, the element of `input` there along a dimension."""
    def gcd(self, other: Any) -> Tensor:
        r"""The greatest common divisor."""
    def gcd_(self, other: Any) -> Tensor:
        r"""`Tensor.gcd`, written into this tensor."""
    def ge(self, other: Any) -> Tensor:
        r"""Whether ``input >= other``. Also called ``greater_equal``."""
    def ge_(self, other: Any) -> Tensor:
        r"""`Tensor.ge`, written into this tensor."""
    def geometric_(self, p: builtins.float, *, generator: Any = ...) -> Tensor:
        r"""Write how many trials it takes until one with probability `p` succeeds: 1 or more."""
    def geqrf(self) -> results.geqrf:
        r"""The reflections whose product is the `Q` of `qr`, below the diagonal of `R`; on the host."""
    def ger(self, vec2: Tensor) -> Tensor:
        r"""The products of all pairs of elements of two vectors. Also called ``ger``."""
    def get_device(self) -> builtins.int:
        r"""The index of the device; -1 on the CPU."""
    def greater(self, other: Any) -> Tensor:
        r"""Whether ``input > other``. Also called ``greater``."""
    def greater_(self, other: Any) -> Tensor:
        r"""`Tensor.greater`, written into this tensor."""
    def greater_equal(self, other: Any) -> Tensor:
        r"""Whether ``input >= other``. Also called ``greater_equal``."""
    def greater_equal_(self, other: Any) -> Tensor:
        r"""`Tensor.greater_equal`, written into this tensor."""
    def gt(self, other: Any) -> Tensor:
        r"""Whether ``input > other``. Also called ``greater``."""
    def gt_(self, other: Any) -> Tensor:
        r"""`Tensor.gt`, written into this tensor."""
    def half(self, memory_format: Any = ...) -> Tensor:
        r"""This tensor as float16; itself if it is that."""
    def hardshrink(self, lambd: builtins.float = ...) -> Tensor:
        r"""`input`, but 0 where it lies between ``-lambd`` and `lambd`; there its derivative is 0 too."""
    def heaviside(self, values: Tensor) -> Tensor:
        r"""0 below zero, 1 above, and `values` at zero."""
    def heaviside_(self, values: Tensor) -> Tensor:
        r"""`Tensor.heaviside`, written into this tensor."""
    def histc(self, bins: builtins.int = ..., min: builtins.float = ..., max: builtins.float = ...) -> Tensor:
        r"""How many elements lie in each of so many equal parts of an interval, in the input's dtype."""
    def histogram(self, bins: builtins.int | Tensor = ..., *, range: Sequence[builtins.float] | None = ..., weight: Tensor | None = ..., density: builtins.bool = ...) -> results.histogram:
        r"""How many elements lie in each of the parts of an interval; the last part has both its ends."""
    def hsplit(self, sections: Any = ..., *, indices: Any = ...) -> tuple[Tensor, ...]:
        r"""Pieces side by side: see `tensor_split`."""
    def hypot(self, other: Any) -> Tensor:
        r"""``sqrt(input**2 + other**2)``. Its derivatives at the origin are nan, unlike those of `norm`."""
    def hypot_(self, other: Any) -> Tensor:
        r"""`Tensor.hypot`, written into this tensor."""
    def i0(self) -> Tensor:
        r"""The modified Bessel function of the first kind, of order 0."""
    def i0_(self) -> Tensor:
        r"""`Tensor.i0`, written into this tensor."""
    def igamma(self, other: Any) -> Tensor:
        r"""The regularised lower incomplete gamma function, without a derivative for `input`."""
    def igamma_(self, other: Any) -> Tensor:
        r"""`Tensor.igamma`, written into this tensor."""
    def igammac(self, other: Any) -> Tensor:
        r"""The regularised upper incomplete gamma function, without a derivative for `input`."""
    def igammac_(self, other: Any) -> Tensor:
        r"""`Tensor.igammac`, written into this tensor."""
    def index_add(self, dim: builtins.int, index: Any, source: Tensor, *, alpha: Any = ...) -> Tensor:
        r"""`input` with ``alpha * source`` added at positions along a dimension."""
    def index_add_(self, dim: builtins.int, index: Any, source: Tensor, *, alpha: Any = ...) -> Tensor:
        r"""`Tensor.index_add`, written into this tensor."""
    def index_copy(self, dim: builtins.int, index: Any, source: Tensor) -> Tensor:
        r"""`input` with the slices of `source` at positions along a dimension."""
    def index_copy_(self, dim: builtins.int, index: Any, source: Tensor) -> Tensor:
        r"""`Tensor.index_copy`, written into this tensor."""
    def index_fill(self, dim: builtins.int, index: Any, value: Any) -> Tensor:
        r"""`input` with one number (or a 0-d tensor) at positions along a dimension."""
    def index_fill_(self, dim: builtins.int, index: Any, value: Any) -> Tensor:
        r"""`Tensor.index_fill`, written into this tensor."""
    def index_put(self, indices: Any, values: Any, accumulate: builtins.bool = ...) -> Tensor:
        r"""`input` with `values` at an index of tensors, one for each dimension, or added there."""
    def index_put_(self, indices: Any, values: Any, accumulate: builtins.bool = ...) -> Tensor:
        r"""`Tensor.index_put`, written into this tensor."""
    def index_reduce(self, dim: builtins.int, index: Tensor, source: Tensor, reduce: str, *, include_self: builtins.bool = ...) -> Tensor:
        r"""`input` with the slices of `source` reduced into positions along a dimension."""
    def index_reduce_(self, dim: builtins.int, index: Tensor, source: Tensor, reduce: str, *, include_self: builtins.bool = ...) -> Tensor:
        r"""`Tensor.index_reduce`, written into this tensor."""
    def index_select(self, dim: builtins.int, index: Any) -> Tensor:
        r"""The slices at the positions in a vector, along a dimension."""
    def inner(self, other: Tensor) -> Tensor:
        r"""Dot products along the last dimensions: each row of `input` with each of `other`."""
    def int(self, memory_format: Any = ...) -> Tensor:
        r"""This tensor as int32; itself if it is that."""
    def inverse(self) -> Tensor:
        r"""The inverses of square matrices (…, n, n). Also called ``inverse``."""
    def is_complex(self) -> builtins.bool:
        r"""Whether the elements are complex numbers."""
    def is_conj(self) -> builtins.bool:
        r"""Whether a tensor shows conjugates of its memory: never here, where `conj` computes them."""
    def is_contiguous(self, memory_format: Any = ...) -> builtins.bool:
        r"""Whether the memory is in row-major order without gaps."""
    def is_floating_point(self) -> builtins.bool:
        r"""Whether the elements are real floating-point numbers."""
    def is_neg(self) -> builtins.bool:
        r"""Whether a tensor shows negatives of its memory: never here."""
    def is_nonzero(self) -> builtins.bool: ...
    def is_pinned(self, device: Any = ...) -> builtins.bool:
        r"""Whether the memory is page-locked: never here."""
    def is_same_size(self, other: Tensor) -> builtins.bool:
        r"""Whether two tensors have the same shape."""
    def is_set_to(self, tensor: Tensor) -> builtins.bool:
        r"""Whether both tensors show the same memory with the same shape and strides."""
    def is_shared(self) -> builtins.bool:
        r"""Whether processes share the memory: never here."""
    def is_signed(self) -> builtins.bool:
        r"""Whether the elements can be negative."""
    def isclose(self, other: Tensor, rtol: builtins.float = ..., atol: builtins.float = ..., equal_nan: builtins.bool = ...) -> Tensor:
        r"""Whether ``abs(input - other) <= atol + rtol * abs(other)``; infinities of one sign are close."""
    def isfinite(self) -> Tensor:
        r"""Whether elements are neither infinite nor nan."""
    def isinf(self) -> Tensor:
        r"""Whether elements are infinite."""
    def isnan(self) -> Tensor:
        r"""Whether elements are nan."""
    def isneginf(self) -> Tensor:
        r"""Whether elements are negative infinity."""
    def isposinf(self) -> Tensor:
        r"""Whether elements are positive infinity."""
    def isreal(self) -> Tensor:
        r"""Whether elements have no imaginary part."""
    def istft(self, n_fft: builtins.int, hop_length: builtins.int | None = ..., win_length: builtins.int | None = ..., window: Tensor | None = ..., center: builtins.bool = ..., normalized: builtins.bool = ..., onesided: builtins.bool | None = ..., length: builtins.int | None = ..., return_complex: builtins.bool = ...) -> Tensor:
        r"""The signal whose `stft` this is; the one that comes closest to it, if there is none."""
    def item(self) -> Any:
        r"""The only element, as a Python number."""
    def kron(self, other: Tensor) -> Tensor:
        r"""The Kronecker product: each element of `input` times all of `other`."""
    def kthvalue(self, k: builtins.int, dim: builtins.int = ..., keepdim: builtins.bool = ...) -> results.kthvalue:
        r"""The `k`-th smallest element along a dimension (counted from 1), and its place."""
    def lcm(self, other: Tensor) -> Tensor:
        r"""The least common multiple."""
    def lcm_(self, other: Tensor) -> Tensor:
        r"""`Tensor.lcm`, written into this tensor."""
    def ldexp(self, other: Any) -> Tensor:
        r"""``input * 2**other``."""
    def ldexp_(self, other: Any) -> Tensor:
        r"""`Tensor.ldexp`, written into this tensor."""
    def le(self, other: Any) -> Tensor:
        r"""Whether ``input <= other``. Also called ``less_equal``."""
    def le_(self, other: Any) -> Tensor:
        r"""`Tensor.le`, written into this tensor."""
    def lerp(self, end: Tensor, weight: Any) -> Tensor:
        r"""``input + weight * (end - input)``: `input` at weight 0, `end` at weight 1."""
    def lerp_(self, end: Tensor, weight: Any) -> Tensor:
        r"""`Tensor.lerp`, written into this tensor."""
    def less(self, other: Any) -> Tensor:
        r"""Whether ``input < other``. Also called ``less``."""
    def less_(self, other: Any) -> Tensor:
        r"""`Tensor.less`, written into this tensor."""
    def less_equal(self, other: Any) -> Tensor:
        r"""Whether ``input <= other``. Also called ``less_equal``."""
    def less_equal_(self, other: Any) -> Tensor:
        r"""`Tensor.less_equal`, written into this tensor."""
    def lgamma(self) -> Tensor:
        r"""The logarithm of the absolute value of the gamma function."""
    def lgamma_(self) -> Tensor:
        r"""`Tensor.lgamma`, written into this tensor."""
    def log(self) -> Tensor:
        r"""The natural logarithm. Its derivative at 0 is inf; below, the value is nan and it is 1 / x."""
    def log10(self) -> Tensor:
        r"""The logarithm to base 10."""
    def log10_(self) -> Tensor:
        r"""`Tensor.log10`, written into this tensor."""
    def log1p(self) -> Tensor:
        r"""``log(1 + input)``, precise near 0."""
    def log1p_(self) -> Tensor:
        r"""`Tensor.log1p`, written into this tensor."""
    def log2(self) -> Tensor:
        r"""The logarithm to base 2."""
    def log2_(self) -> Tensor:
        r"""`Tensor.log2`, written into this tensor."""
    def log_(self) -> Tensor:
        r"""`Tensor.log`, written into this tensor."""
    def log_normal_(self, mean: builtins.float = ..., std: builtins.float = ..., *, generator: Any = ...) -> Tensor:
        r"""Write numbers whose logarithms are normal."""
    def log_softmax(self, dim: builtins.int, dtype: Any = ...) -> Tensor:
        r"""The logarithm of softmax, without overflow."""
    def logaddexp(self, other: Any) -> Tensor:
        r"""``log(exp(input) + exp(other))``, without overflow. Of two like infinities the derivatives are nan."""
    def logaddexp2(self, other: Tensor) -> Tensor:
        r"""``log2(2**input + 2**other)``, without overflow."""
    def logcumsumexp(self, dim: builtins.int) -> Tensor:
        r"""The logarithm of the running sums of ``exp(input)``, without overflow."""
    def logdet(self) -> Tensor:
        r"""The logarithms of determinants of square matrices: nan for negative ones, -inf for 0."""
    def logical_and(self, other: Any) -> Tensor:
        r"""Whether both are true (not 0)."""
    def logical_and_(self, other: Any) -> Tensor:
        r"""`Tensor.logical_and`, written into this tensor."""
    def logical_not(self) -> Tensor:
        r"""Whether elements are false (0)."""
    def logical_not_(self) -> Tensor:
        r"""`Tensor.logical_not`, written into this tensor."""
    def logical_or(self, other: Any) -> Tensor:
        r"""Whether one is true (not 0)."""
    def logical_or_(self, other: Any) -> Tensor:
        r"""`Tensor.logical_or`, written into this tensor."""
    def logical_xor(self, other: Any) -> Tensor:
        r"""Whether one alone is true."""
    def logical_xor_(self, other: Any) -> Tensor:
        r"""`Tensor.logical_xor`, written into this tensor."""
    def logit(self, eps: builtins.float | None = ...) -> Tensor:
        r"""``log(x / (1 - x))``, with `input` first brought to [eps, 1 - eps] if `eps` is given."""
    def logit_(self, eps: builtins.float | None = ...) -> Tensor:
        r"""`Tensor.logit`, written into this tensor."""
    def logsumexp(self, dim: Any, keepdim: builtins.bool = ...) -> Tensor:
        r"""``log(sum(exp(x)))``, without overflow."""
    def long(self, memory_format: Any = ...) -> Tensor:
        r"""This tensor as int64; itself if it is that."""
    def lt(self, other: Any) -> Tensor:
        r"""Whether ``input < other``. Also called ``less``."""
    def lt_(self, other: Any) -> Tensor:
        r"""`Tensor.lt`, written into this tensor."""
    def lu(self, pivot: builtins.bool = ..., get_infos: builtins.bool = ...) -> Any:
        r"""`linalg.lu_factor`; with the numbers of zero pivots if `get_infos`."""
    def lu_solve(self, LU_data: Tensor, LU_pivots: Tensor) -> Tensor:
        r"""The `X` with ``A @ X = input``, where `A` is known by its `lu`."""
    def map_(self, tensor: Tensor, callable: Callable[[Any, Any], Any]) -> Tensor:
        r"""`apply_` for a function of the element and that of another tensor."""
    def masked_fill(self, mask: Tensor, value: Any) -> Tensor:
        r"""`input` with one number (or a 0-d tensor) where a mask is true."""
    def masked_fill_(self, mask: Tensor, value: Any) -> Tensor:
        r"""`Tensor.masked_fill`, written into this tensor."""
    def masked_scatter(self, mask: Tensor, source: Tensor) -> Tensor:
        r"""`input` with the first elements of `source`, in order, where a mask is true."""
    def masked_scatter_(self, mask: Tensor, source: Tensor) -> Tensor:
        r"""`Tensor.masked_scatter`, written into this tensor."""
    def masked_select(self, mask: Tensor) -> Tensor:
        r"""The elements where a mask is true, in one dimension."""
    def matmul(self, other: Any) -> Tensor:
        r"""The product of matrices, of stacks of them (which broadcast), or of vectors: ``a @ b``."""
    def matrix_exp(self) -> Tensor:
        r"""The exponentials of square matrices (…, n, n): the sum of ``A^k / k!``."""
    def matrix_power(self, n: builtins.int) -> Tensor:
        r"""Products of `n` equal square matrices (…, m, m); of their inverses for a negative `n`."""
    def max(self, dim: Any = ..., keepdim: builtins.bool = ..., *, other: Tensor | None = ..., axis: builtins.int | None = ..., keepdims: builtins.bool = ...) -> Any:
        r"""The largest element; along `dim` the largest ones and their places; of two, `maximum`."""
    def maximum(self, other: Any) -> Tensor:
        r"""The larger of two; nan if either is. A tie halves the gradient."""
    def mean(self, dim: Any = ..., keepdim: builtins.bool = ..., *, dtype: Any = ..., axis: Any = ..., keepdims: builtins.bool = ...) -> Tensor:
        r"""The mean."""
    def median(self, dim: builtins.int | None = ..., keepdim: builtins.bool = ...) -> Any:
        r"""The middle element (the lower of two), over all, or along `dim` with its place."""
    def min(self, dim: Any = ..., keepdim: builtins.bool = ..., *, other: Tensor | None = ..., axis: builtins.int | None = ..., keepdims: builtins.bool = ...) -> Any:
        r"""The smallest element; along `dim` the smallest ones and their places; of two, `minimum`."""
    def minimum(self, other: Any) -> Tensor:
        r"""The smaller of two; nan if either is. A tie halves the gradient."""
    def mm(self, mat2: Tensor) -> Tensor:
        r"""The product of two matrices."""
    def mode(self, dim: builtins.int = ..., keepdim: builtins.bool = ...) -> results.mode:
        r"""The most frequent element along a dimension (the smallest of several), and its last place."""
    def moveaxis(self, source: Any, destination: Any) -> Tensor:
        r"""Dimensions moved to other places; the rest keep their order. Also called ``moveaxis``."""
    def movedim(self, source: Any, destination: Any) -> Tensor:
        r"""Dimensions moved to other places; the rest keep their order. Also called ``moveaxis``."""
    def msort(self) -> Tensor:
        r"""The elements sorted along the first dimension."""
    def mul(self, other: Any) -> Tensor:
        r"""The product. Also called ``multiply``."""
    def mul_(self, other: Any) -> Tensor:
        r"""`Tensor.mul`, written into this tensor."""
    def multinomial(self, num_samples: builtins.int, replacement: builtins.bool = ..., *, generator: Generator | None = ...) -> Tensor:
        r"""Positions drawn with the weights in `input`, one row of samples per row of weights."""
    def multiply(self, other: Any) -> Tensor:
        r"""The product. Also called ``multiply``."""
    def multiply_(self, other: Any) -> Tensor:
        r"""`Tensor.mul`, written into this tensor."""
    def mv(self, vec: Tensor) -> Tensor:
        r"""The product of a matrix and a vector."""
    def mvlgamma(self, p: builtins.int) -> Tensor:
        r"""The logarithm of the gamma function of `p` dimensions."""
    def mvlgamma_(self, p: builtins.int) -> Tensor:
        r"""`Tensor.mvlgamma`, written into this tensor."""
    def nan_to_num(self, nan: builtins.float = ..., posinf: builtins.float | None = ..., neginf: builtins.float | None = ...) -> Tensor:
        r"""Replace nan, and infinities by the largest numbers of the dtype unless others are given."""
    def nan_to_num_(self, nan: builtins.float = ..., posinf: builtins.float | None = ..., neginf: builtins.float | None = ...) -> Tensor:
        r"""`Tensor.nan_to_num`, written into this tensor."""
    def nanmean(self, dim: Any = ..., keepdim: builtins.bool = ..., *, dtype: Any = ...) -> Tensor:
        r"""The mean of what is not nan."""
    def nanmedian(self, dim: builtins.int | None = ..., keepdim: builtins.bool = ...) -> Any:
        r"""The middle element of those that are not nan (the lower of two): see `median`."""
    def nanquantile(self, q: Any, dim: builtins.int | None = ..., keepdim: builtins.bool = ..., *, interpolation: str = ...) -> Tensor:
        r"""`quantile` of what is not nan."""
    def nansum(self, dim: Any = ..., keepdim: builtins.bool = ..., *, dtype: Any = ...) -> Tensor:
        r"""The sum with nan as zero."""
    def narrow(self, dim: builtins.int, start: Any, length: builtins.int) -> Tensor:
        r"""`length` slices along a dimension, from `start` on: a view."""
    def narrow_copy(self, dim: builtins.int, start: builtins.int, length: builtins.int) -> Tensor:
        r"""What `narrow` shows, as a copy."""
    def ndimension(self) -> builtins.int:
        r"""The number of dimensions."""
    def ne(self, other: Any) -> Tensor:
        r"""Whether they differ. Also called ``not_equal``."""
    def ne_(self, other: Any) -> Tensor:
        r"""`Tensor.ne`, written into this tensor."""
    def neg(self) -> Tensor:
        r"""The same with the sign changed. Also called ``negative``."""
    def neg_(self) -> Tensor:
        r"""`Tensor.neg`, written into this tensor."""
    def negative(self) -> Tensor:
        r"""The same with the sign changed. Also called ``negative``."""
    def negative_(self) -> Tensor:
        r"""`Tensor.negative`, written into this tensor."""
    def nelement(self) -> builtins.int:
        r"""The number of elements."""
    def new_empty(self, *size: Any, dtype: Any = ..., device: Any = ..., **named: Any) -> Tensor:
        r"""Uninitialised memory, with this tensor's dtype and device unless others are given."""
    def new_full(self, size: Any, fill_value: Any, *, dtype: Any = ..., device: Any = ..., requires_grad: builtins.bool = ...) -> Tensor:
        r"""One value of a size, with this tensor's dtype and device unless others are given."""
    def new_ones(self, *size: Any, dtype: Any = ..., device: Any = ..., **named: Any) -> Tensor:
        r"""Ones of a size, with this tensor's dtype and device unless others are given."""
    def new_tensor(self, data: Any, *, dtype: Any = ..., device: Any = ..., requires_grad: builtins.bool = ...) -> Tensor:
        r"""A new leaf from `data`, with this tensor's dtype and device unless others are given."""
    def new_zeros(self, *size: Any, dtype: Any = ..., device: Any = ..., **named: Any) -> Tensor:
        r"""Zeros of a size, with this tensor's dtype and device unless others are given."""
    def nextafter(self, other: Any) -> Tensor:
        r"""The next number from `input` towards `other`. The derivatives are 1 (0 where the two are equal) and 0."""
    def nextafter_(self, other: Any) -> Tensor:
        r"""`Tensor.nextafter`, written into this tensor."""
    def nonzero(self, *, as_tuple: builtins.bool = ...) -> Any:
        r"""The places of what is not zero: a row of indices for each, or an index for each dimension."""
    def nonzero_static(self, *, size: builtins.int, fill_value: builtins.int = ...) -> Tensor:
        r"""The places of the first `size` elements that are not zero; rows of `fill_value` after them."""
    def norm(self, p: Any = ..., dim: Any = ..., keepdim: builtins.bool = ..., dtype: Any = ..., *, axis: Any = ..., keepdims: builtins.bool = ...) -> Tensor:
        r"""``sum(abs(x)**p)**(1/p)``; the Euclidean length for ``"fro"`` and 2."""
    def normal_(self, mean: builtins.float = ..., std: builtins.float = ..., *, generator: Any = ...) -> Tensor:
        r"""Write normal random numbers."""
    def not_equal(self, other: Any) -> Tensor:
        r"""Whether they differ. Also called ``not_equal``."""
    def not_equal_(self, other: Any) -> Tensor:
        r"""`Tensor.not_equal`, written into this tensor."""
    def numel(self) -> builtins.int:
        r"""The number of elements."""
    def numpy(self, *, force: builtins.bool = ...) -> np.ndarray[Any, Any]:
        r"""A NumPy array that shares memory with this CPU tensor."""
    def orgqr(self, tau: Tensor) -> Tensor:
        r"""The first columns of a product of reflections ``I - tau[i] v[i] v[i].mH``. Also ``orgqr``."""
    def ormqr(self, tau: Tensor, other: Tensor, left: builtins.bool = ..., transpose: builtins.bool = ...) -> Tensor:
        r"""The product with a square `Q` that is known by reflections; `Q` itself is not made."""
    def outer(self, vec2: Tensor) -> Tensor:
        r"""The products of all pairs of elements of two vectors. Also called ``ger``."""
    def permute(self, dims: Any = ..., *more: Any) -> Tensor:
        r"""The dimensions in another order."""
    def pin_memory(self, device: Any = ...) -> Tensor:
        r"""The tensor itself: page-locked memory makes no difference here."""
    def pinverse(self, rcond: builtins.float = ...) -> Tensor:
        r"""The pseudo-inverses of matrices; singular values up to `rcond` times the largest count as 0."""
    def polygamma(self, n: builtins.int) -> Tensor:
        r"""`xpgrad.polygamma` of this tensor."""
    def polygamma_(self, n: builtins.int) -> Tensor:
        r"""`Tensor.polygamma`, written into this tensor."""
    def positive(self) -> Tensor:
        r"""`input` itself."""
    def pow(self, exponent: Any) -> Tensor:
        r"""`input` to the power of `exponent`, either of them a number or a tensor."""
    def pow_(self, exponent: Any) -> Tensor:
        r"""`Tensor.pow`, written into this tensor."""
    def prelu(self, weight: Tensor) -> Tensor:
        r"""`input` where it is positive, ``weight * input`` elsewhere."""
    def prod(self, dim: builtins.int | None = ..., keepdim: builtins.bool = ..., *, dtype: Any = ..., axis: builtins.int | None = ..., keepdims: builtins.bool = ...) -> Tensor:
        r"""The product; of integers and booleans in int64."""
    def put(self, index: Tensor, source: Tensor, accumulate: builtins.bool = ...) -> Tensor:
        r"""`input` with `source` at positions among all elements, or added there."""
    def put_(self, index: Tensor, source: Tensor, accumulate: builtins.bool = ...) -> Tensor:
        r"""`Tensor.put`, written into this tensor."""
    def qr(self, some: builtins.bool = ...) -> results.qr:
        r"""`linalg.qr`, with a square `Q` unless `some`."""
    def quantile(self, q: Any, dim: builtins.int | None = ..., keepdim: builtins.bool = ..., *, interpolation: str = ...) -> Tensor:
        r"""The value below which a part `q` of the elements lies, over all or along a dimension."""
    def rad2deg(self) -> Tensor:
        r"""Angles in degrees, from radians."""
    def rad2deg_(self) -> Tensor:
        r"""`Tensor.rad2deg`, written into this tensor."""
    def random_(self, low: builtins.int = ..., high: builtins.int | None = ..., *, generator: Any = ...) -> Tensor:
        r"""Write random integers from ``[low, high)``, or from ``[0, low)`` if only one is given."""
    def ravel(self) -> Tensor:
        r"""All elements in one dimension, one behind the other in memory."""
    def reciprocal(self) -> Tensor:
        r"""``1 / input``."""
    def reciprocal_(self) -> Tensor:
        r"""`Tensor.reciprocal`, written into this tensor."""
    def relu(self) -> Tensor:
        r"""0 for negative elements, the others as they are. Its derivative at 0 is 0."""
    def relu_(self) -> Tensor:
        r"""`Tensor.relu`, written into this tensor."""
    def remainder(self, other: Any) -> Tensor:
        r"""What is left after floor division: it has the sign of `other`, like Python's ``%``."""
    def remainder_(self, other: Any) -> Tensor:
        r"""`Tensor.remainder`, written into this tensor."""
    def renorm(self, p: Any, dim: builtins.int, maxnorm: Any) -> Tensor:
        r"""The slices along a dimension, those longer than `maxnorm` scaled down to it."""
    def renorm_(self, p: Any, dim: builtins.int, maxnorm: Any) -> Tensor:
        r"""`Tensor.renorm`, written into this tensor."""
    def repeat(self, repeats: Any = ..., *more: Any) -> Tensor:
        r"""Copies of the whole tensor along each dimension, with new dimensions in front if need be."""
    def repeat_interleave(self, repeats: Any, dim: builtins.int | None = ..., *, output_size: builtins.int | None = ...) -> Tensor:
        r"""Each element several times in a row: as often as `repeats` says, for all or for each."""
    def reshape(self, shape: Any = ..., *more: Any) -> Tensor:
        r"""The same elements in another shape, in which one length may be -1: whatever is left."""
    def reshape_as(self, other: Tensor) -> Tensor:
        r"""These elements in the shape of `other`."""
    def resolve_conj(self) -> Tensor:
        r"""The tensor itself: conjugation is never put off here."""
    def resolve_neg(self) -> Tensor:
        r"""The tensor itself: negation is never put off here."""
    def roll(self, shifts: Any, dims: Any = ...) -> Tensor:
        r"""Elements moved along dimensions; what leaves at the end comes in at the front."""
    def rot90(self, k: builtins.int = ..., dims: Sequence[builtins.int] = ...) -> Tensor:
        r"""Rotated by `k` quarter turns, from the first of two dimensions towards the second."""
    def round(self, *, decimals: builtins.int = ...) -> Tensor:
        r"""To the nearest number with so many decimals; halves go to the even one."""
    def round_(self, *, decimals: builtins.int = ...) -> Tensor:
        r"""`Tensor.round`, written into this tensor."""
    def rsqrt(self) -> Tensor:
        r"""``1 / sqrt(input)``. Its derivative at 0 is -inf."""
    def rsqrt_(self) -> Tensor:
        r"""`Tensor.rsqrt`, written into this tensor."""
    def scatter(self, dim: builtins.int, index: Tensor, src: Any = ..., *, value: Any = ..., reduce: Any = ...) -> Tensor:
        r"""`input` with elements of `src`, or one number, at the places that `index` names."""
    def scatter_(self, dim: builtins.int, index: Tensor, src: Any = ..., *, value: Any = ..., reduce: Any = ...) -> Tensor:
        r"""`Tensor.scatter`, written into this tensor."""
    def scatter_add(self, dim: builtins.int, index: Tensor, src: Tensor) -> Tensor:
        r"""`input` with elements of `src` added at the places that `index` names."""
    def scatter_add_(self, dim: builtins.int, index: Tensor, src: Tensor) -> Tensor:
        r"""`Tensor.scatter_add`, written into this tensor."""
    def scatter_reduce(self, dim: builtins.int, index: Tensor, src: Tensor, reduce: str, *, include_self: builtins.bool = ...) -> Tensor:
        r"""`input` with elements of `src` reduced into the places that `index` names."""
    def scatter_reduce_(self, dim: builtins.int, index: Tensor, src: Tensor, reduce: str, *, include_self: builtins.bool = ...) -> Tensor:
        r"""`Tensor.scatter_reduce`, written into this tensor."""
    def select(self, dim: builtins.int, index: builtins.int) -> Tensor:
        r"""The slice at `index` along a dimension, which disappears: a view."""
    def select_scatter(self, src: Tensor, dim: builtins.int, index: builtins.int) -> Tensor:
        r"""`input` with `src` as the slice at `index` along a dimension."""
    def set_(self, source: Tensor | None = ...) -> Tensor:
        r"""Show the memory of `source` from now on, with its shape; nothing without one."""
    def sgn(self) -> Tensor:
        r"""The sign; of a complex number, its direction. Its derivative is 0 for real numbers and at 0; a complex number turns its direction only by moving across it."""
    def sgn_(self) -> Tensor:
        r"""`Tensor.sgn`, written into this tensor."""
    def short(self, memory_format: Any = ...) -> Tensor:
        r"""This tensor as int16; itself if it is that."""
    def sigmoid(self) -> Tensor:
        r"""``1 / (1 + exp(-input))``."""
    def sigmoid_(self) -> Tensor:
        r"""`Tensor.sigmoid`, written into this tensor."""
    def sign(self) -> Tensor:
        r"""-1, 0 or 1 (nan of nan). Its derivative is 0, at 0 too."""
    def sign_(self) -> Tensor:
        r"""`Tensor.sign`, written into this tensor."""
    def signbit(self) -> Tensor:
        r"""Whether elements have a minus sign."""
    def sin(self) -> Tensor:
        r"""The sine."""
    def sin_(self) -> Tensor:
        r"""`Tensor.sin`, written into this tensor."""
    def sinc(self) -> Tensor:
        r"""``sin(pi x) / (pi x)``, and 1 at 0. Its derivative at 0 is 0."""
    def sinc_(self) -> Tensor:
        r"""`Tensor.sinc`, written into this tensor."""
    def sinh(self) -> Tensor:
        r"""The hyperbolic sine."""
    def sinh_(self) -> Tensor:
        r"""`Tensor.sinh`, written into this tensor."""
    def size(self, dim: builtins.int | None = ...) -> Any:
        r"""The shape, or the length of one dimension."""
    def slice_scatter(self, src: Tensor, dim: builtins.int = ..., start: Any = ..., end: Any = ..., step: builtins.int = ...) -> Tensor:
        r"""`input` with `src` in place of some slices along a dimension."""
    def slogdet(self) -> results.slogdet:
        r"""The signs (or phases) of determinants, and the logarithms of their sizes."""
    def softmax(self, dim: builtins.int, dtype: Any = ...) -> Tensor:
        r"""Exponentials along a dimension, scaled to sum up to 1."""
    def sort(self, dim: builtins.int = ..., descending: builtins.bool = ..., stable: builtins.bool = ...) -> results.sort:
        r"""The sorted elements along a dimension, and their places. nan counts as the largest."""
    def split(self, split_size_or_sections: Any = ..., dim: builtins.int = ..., *, split_size: Any = ...) -> tuple[Tensor, ...]:
        r"""Pieces of one length (the last may be shorter), or of the lengths in a list."""
    def split_with_sizes(self, split_sizes: Sequence[builtins.int], dim: builtins.int = ...) -> tuple[Tensor, ...]:
        r"""Pieces of the lengths in a list."""
    def sqrt(self) -> Tensor:
        r"""The square root. Its derivative at 0 is inf."""
    def sqrt_(self) -> Tensor:
        r"""`Tensor.sqrt`, written into this tensor."""
    def square(self) -> Tensor:
        r"""Each element times itself."""
    def square_(self) -> Tensor:
        r"""`Tensor.square`, written into this tensor."""
    def squeeze(self, dim: Any = ...) -> Tensor:
        r"""Drop dimensions of length 1: all of them, or those named in `dim`."""
    def squeeze_(self, dim: Any = ...) -> Tensor:
        r"""`Tensor.squeeze`, in place."""
    def std(self, dim: Any = ..., unbiased: builtins.bool = ..., keepdim: builtins.bool = ..., *, correction: builtins.float | None = ..., axis: Any = ..., keepdims: builtins.bool = ...) -> Tensor:
        r"""The standard deviation; squares are averaged over ``n - correction``, by default n - 1."""
    def std_mean(self, dim: Any = ..., unbiased: builtins.bool = ..., keepdim: builtins.bool = ..., *, correction: builtins.float | None = ...) -> tuple[Tensor, Tensor]:
        r"""The standard deviation and the mean."""
    def stft(self, n_fft: builtins.int, hop_length: builtins.int | None = ..., win_length: builtins.int | None = ..., window: Tensor | None = ..., center: builtins.bool = ..., pad_mode: str = ..., normalized: builtins.bool = ..., onesided: builtins.bool | None = ..., return_complex: builtins.bool | None = ..., align_to_window: builtins.bool | None = ...) -> Tensor:
        r"""The Fourier transforms of windows along a signal."""
    def storage_offset(self) -> builtins.int:
        r"""How many elements of the memory that this tensor shows lie before its first."""
    def stride(self, dim: builtins.int | None = ...) -> Any:
        r"""How many elements lie between neighbours along each dimension."""
    def sub(self, other: Any, *, alpha: Any = ...) -> Tensor:
        r"""``input - alpha * other``. Also called ``subtract``."""
    def sub_(self, other: Any, *, alpha: Any = ...) -> Tensor:
        r"""`Tensor.sub`, written into this tensor."""
    def subtract(self, other: Any, *, alpha: Any = ...) -> Tensor:
        r"""``input - alpha * other``. Also called ``subtract``."""
    def subtract_(self, other: Any, *, alpha: Any = ...) -> Tensor:
        r"""`Tensor.sub`, written into this tensor."""
    def sum(self, dim: Any = ..., keepdim: builtins.bool = ..., *, dtype: Any = ..., axis: Any = ..., keepdims: builtins.bool = ...) -> Tensor:
        r"""The sum; of integers and booleans in int64."""
    def sum_to_size(self, size: Any = ..., *more: Any) -> Tensor:
        r"""Summed over what broadcasting to this shape has stretched."""
    def svd(self, some: builtins.bool = ..., compute_uv: builtins.bool = ...) -> results.svd:
        r"""``U``, ``S`` and ``V`` with ``input = U @ diag(S) @ V.mH``; see `linalg.svd`."""
    def swapaxes(self, axis0: builtins.int, axis1: builtins.int) -> Tensor:
        r"""`transpose` by another name."""
    def swapaxes_(self, dim0: builtins.int, dim1: builtins.int) -> Tensor:
        r"""`Tensor.transpose`, in place."""
    def swapdims(self, dim0: builtins.int, dim1: builtins.int) -> Tensor:
        r"""Two dimensions exchanged. Also called ``swapdims``, ``swapaxes``."""
    def swapdims_(self, dim0: builtins.int, dim1: builtins.int) -> Tensor:
        r"""`Tensor.transpose`, in place."""
    def t(self) -> Tensor:
        r"""The transpose of a matrix; a vector or a 0-d tensor is its own."""
    def t_(self) -> Tensor:
        r"""`Tensor.t`, in place."""
    def take(self, index: Any) -> Tensor:
        r"""The elements at positions among all of them, as if there were one dimension."""
    def take_along_dim(self, indices: Tensor, dim: builtins.int | None = ...) -> Tensor:
        r"""`gather` with broadcasting; without `dim`, by position among all elements."""
    def tan(self) -> Tensor:
        r"""The tangent."""
    def tan_(self) -> Tensor:
        r"""`Tensor.tan`, written into this tensor."""
    def tanh(self) -> Tensor:
        r"""The hyperbolic tangent."""
    def tanh_(self) -> Tensor:
        r"""`Tensor.tanh`, written into this tensor."""
    def tensor_split(self, tensor_indices_or_sections: Any = ..., dim: builtins.int = ..., *, sections: Any = ..., indices: Any = ...) -> tuple[Tensor, ...]:
        r"""So many pieces of nearly one length, or pieces that end at the indices in a list."""
    def tile(self, dims: Any = ..., *more: Any) -> Tensor:
        r"""Like `repeat`, but missing numbers count as 1."""
    def to(self, *args: Any, device: Any = ..., dtype: Any = ..., non_blocking: builtins.bool = ..., copy: builtins.bool = ..., memory_format: Any = ...) -> Tensor:
        r"""This tensor with another dtype or on another device; itself where nothing changes."""
    def to_device(self, device: Any, *, stream: Any = ...) -> Tensor:
        r"""The tensor on another device, as the array API standard writes it (see also `to`)."""
    def tolist(self) -> Any:
        r"""The elements as nested lists of Python numbers; a number for a 0-d tensor."""
    def topk(self, k: builtins.int, dim: builtins.int = ..., largest: builtins.bool = ..., sorted: builtins.bool = ...) -> results.topk:
        r"""The `k` largest (or smallest) elements along a dimension, and their places."""
    def trace(self) -> Tensor:
        r"""The sum of the diagonal of a matrix."""
    def transpose(self, dim0: builtins.int, dim1: builtins.int) -> Tensor:
        r"""Two dimensions exchanged. Also called ``swapdims``, ``swapaxes``."""
    def transpose_(self, dim0: builtins.int, dim1: builtins.int) -> Tensor:
        r"""`Tensor.transpose`, in place."""
    def triangular_solve(self, A: Tensor, upper: builtins.bool = ..., transpose: builtins.bool = ..., unitriangular: builtins.bool = ...) -> results.triangular_solve:
        r"""The `X` with ``A @ X = b`` (or ``A.T @ X = b``) for a triangular `A`, and a copy of `A`."""
    def tril(self, diagonal: builtins.int = ...) -> Tensor:
        r"""The lower triangle of matrices, with zeros above the diagonal."""
    def tril_(self, diagonal: builtins.int = ...) -> Tensor:
        r"""`Tensor.tril`, written into this tensor."""
    def triu(self, diagonal: builtins.int = ...) -> Tensor:
        r"""The upper triangle of matrices, with zeros below the diagonal."""
    def triu_(self, diagonal: builtins.int = ...) -> Tensor:
        r"""`Tensor.triu`, written into this tensor."""
    def true_divide(self, other: Any) -> Tensor:
        r"""The quotient."""
    def true_divide_(self, other: Any) -> Tensor:
        r"""`Tensor.true_divide`, written into this tensor."""
    def trunc(self) -> Tensor:
        r"""Rounded towards zero. Its derivative is 0. Also called ``fix``."""
    def trunc_(self) -> Tensor:
        r"""`Tensor.trunc`, written into this tensor."""
    def type(self, dtype: Any = ..., non_blocking: builtins.bool = ...) -> Any:
        r"""The type as PyTorch names it, or this tensor cast to `dtype`."""
    def type_as(self, other: Tensor) -> Tensor:
        r"""This tensor with the dtype and on the device of `other`."""
    def unbind(self, dim: builtins.int = ...) -> tuple[Tensor, ...]:
        r"""The slices along a dimension."""
    def unflatten(self, dim: builtins.int, sizes: Sequence[builtins.int]) -> Tensor:
        r"""Split one dimension into several."""
    def unfold(self, dimension: builtins.int, size: builtins.int, step: builtins.int) -> Tensor:
        r"""Windows of `size` elements along a dimension, one every `step`, along a new last dimension."""
    def uniform_(self, a: builtins.float = ..., b: builtins.float = ..., *, generator: Any = ...) -> Tensor:
        r"""Write uniform random numbers from ``[a, b)``."""
    def unique(self, sorted: builtins.bool = ..., return_inverse: builtins.bool = ..., return_counts: builtins.bool = ..., dim: builtins.int | None = ...) -> Any:
        r"""The distinct elements in ascending order, or the distinct slices along a dimension."""
    def unique_consecutive(self, return_inverse: builtins.bool = ..., return_counts: builtins.bool = ..., dim: builtins.int | None = ...) -> Any:
        r"""The elements, or slices along a dimension, without those that repeat the one before."""
    def unsafe_chunk(self, chunks: builtins.int, dim: builtins.int = ...) -> tuple[Tensor, ...]:
        r"""`chunk` into pieces that may be written to: copies here."""
    def unsafe_split(self, split_size: builtins.int, dim: builtins.int = ...) -> tuple[Tensor, ...]:
        r"""`split` into pieces that may be written to: copies here."""
    def unsafe_split_with_sizes(self, split_sizes: Sequence[builtins.int], dim: builtins.int = ...) -> tuple[Tensor, ...]:
        r"""`split_with_sizes` into pieces that may be written to: copies here."""
    def unsqueeze(self, dim: builtins.int) -> Tensor:
        r"""A new dimension of length 1 at `dim`."""
    def unsqueeze_(self, dim: builtins.int) -> Tensor:
        r"""`Tensor.unsqueeze`, in place."""
    def var(self, dim: Any = ..., unbiased: builtins.bool = ..., keepdim: builtins.bool = ..., *, correction: builtins.float | None = ..., axis: Any = ..., keepdims: builtins.bool = ...) -> Tensor:
        r"""The variance; squares are averaged over ``n - correction``, by default n - 1."""
    def var_mean(self, dim: Any = ..., unbiased: builtins.bool = ..., keepdim: builtins.bool = ..., *, correction: builtins.float | None = ...) -> tuple[Tensor, Tensor]:
        r"""The variance and the mean."""
    def vdot(self, other: Tensor) -> Tensor:
        r"""The dot product of two vectors, the first one conjugated."""
    def view(self, size: Any = ..., *more: Any, dtype: dtypes.dtype | None = ...) -> Any:
        r"""The same memory in another shape, or its bytes as another dtype."""
    def view_as(self, other: Tensor) -> Tensor:
        r"""This memory in the shape of `other`."""
    def view_as_complex(self) -> Tensor:
        r"""Complex numbers from pairs along the last dimension: a view where memory allows."""
    def view_as_real(self) -> Tensor:
        r"""Pairs of real and imaginary part, along a new last dimension: a view."""
    def vsplit(self, sections: Any = ..., *, indices: Any = ...) -> tuple[Tensor, ...]:
        r"""Pieces below one another: see `tensor_split`."""
    def where(self, condition: Tensor, other: Any) -> Tensor:
        r"""This tensor where the condition is true, and `other` elsewhere."""
    def xlogy(self, other: Any) -> Tensor:
        r"""``input * log(other)``, and 0 where `input` is 0 (unless `other` is nan)."""
    def xlogy_(self, other: Any) -> Tensor:
        r"""`Tensor.xlogy`, written into this tensor."""
    def zero_(self) -> Tensor:
        r"""Write zeros."""
    @property
    def H(self) -> Tensor:
        r"""The conjugate transpose of a matrix."""
    @property
    def T(self) -> Tensor:
        r"""The dimensions in reverse order."""
    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        r""""""
    @property
    def imag(self) -> Tensor:
        r"""The imaginary part."""
    @property
    def is_cpu(self) -> builtins.bool:
        r"""Whether it lives on the CPU."""
    @property
    def is_cuda(self) -> builtins.bool:
        r"""Whether it lives on a CUDA device."""
    @property
    def is_meta(self) -> builtins.bool:
        r"""Whether a tensor has a shape and no values: never here."""
    @property
    def itemsize(self) -> builtins.int:
        r"""The size of an element in bytes."""
    @property
    def mH(self) -> Tensor:
        r"""The conjugate transposes of the matrices in the last two dimensions."""
    @property
    def mT(self) -> Tensor:
        r"""The transposes of the matrices in the last two dimensions."""
    @property
    def nbytes(self) -> builtins.int:
        r"""The size of all elements in bytes."""
    @property
    def real(self) -> Tensor:
        r"""The real part; of a real tensor, itself."""
