"""The extras of `xpgrad.namespace`, on Tensors: differentiable, so that rules of rules work."""

from __future__ import annotations

from typing import Any

from xpgrad.indexing import is_basic
from xpgrad.ops import (
    bags,
    decompositions,
    device,
    elementwise,
    indexing,
    searching,
    shape,
    spectra,
)
from xpgrad.ops import fft as _transforms
from xpgrad.ops import strided as _steps
from xpgrad.ops.convolution import (  # noqa: F401
    convolve,
    convolve_input,
    convolve_twice,
    convolve_weight,
)
from xpgrad.ops.resampling import resample as _resample
from xpgrad.ops.scatter import combine_along_axis as combine_along_axis
from xpgrad.ops.special import BY_NAME
from xpgrad.tensor import Tensor

cholesky_solve = decompositions.cholesky_solve
cofactor = decompositions.cofactor
clone = device.preserved
copy = device.clone
eig = spectra.eig
erf = elementwise.erf
lu_factor = decompositions.lu_factor
matrix_exp = spectra.matrix_exp
sigmoid = elementwise.sigmoid
twice = elementwise.twice


def special(name: str, *values: Any) -> Any:
    """A function of tensors and numbers by its name in ``scipy.special``."""
    return BY_NAME[name](*values)


def add_along_axis(x: Tensor, indices: Any, shape: tuple[int, ...], axis: int) -> Tensor:
    """Zeros of `shape` with `x` added where `indices` point along an axis."""
    if isinstance(indices, Tensor):  # a result, perhaps, beside one that has a derivative
        indices = indices.detach()
    found: Tensor = searching.scatter_add(x, indices, shape=shape, axis=axis)
    return found


def gathered_sums(x: Tensor, places: Any, into: Any, factors: Any, count: int) -> Tensor:
    """Rows of `x` at `places`, times factors (or none), added up into `count` rows."""
    found: Tensor = bags.embedding_bag(x, places, into, factors, count=count)
    return found


def windows(x: Tensor, axis: int, size: int, step: int) -> Tensor:
    """Windows of `size` elements along an axis, one every `step`, along a new last axis."""
    found: Tensor = _steps.unfold(x, axis=axis, size=size, step=step)
    return found


def strided(x: Tensor, shape: Any, strides: Any, offset: int, own: Any = None) -> Tensor:
    """The elements of `x` that steps over its memory, whose own are `own`, lead to."""
    found: Tensor = _steps.as_strided(x, shape=shape, strides=strides, offset=offset, own=own)
    return found


def ordered(x: Tensor) -> Tensor:
    """`x` itself: where its elements lie matters to nobody who computes with it."""
    return x


def conj(x: Any) -> Any:
    """The complex conjugate; real tensors and Python numbers are their own."""
    if not isinstance(x, Tensor):
        return x.conjugate()
    return elementwise.conj(x) if x._data.dtype in x._ns.complexes else x


def _raw(index: Any) -> Any:
    """An index with raw arrays for Tensors: places have no derivative."""
    if isinstance(index, tuple):
        return tuple(map(_raw, index))
    return index._data if isinstance(index, Tensor) else index


def getitem(x: Tensor, index: Any) -> Tensor:
    """``x[index]``."""
    read = indexing.getview if is_basic(index) else indexing.getitem
    found: Tensor = read(x, index=_raw(index))
    return found


def index_add(like: Any, index: Any, values: Tensor) -> Tensor:
    """Zeros shaped like `like` with `values` added at ``[index]``."""
    found: Tensor = indexing.index_add(values, shape=tuple(like.shape), index=_raw(index))
    return found


def assign(x: Tensor, index: Any, value: Any) -> Tensor:
    """A copy of `x` with `value` written into ``[index]``."""
    found: Tensor = indexing.index_put(x, value, index=_raw(index))
    return found


def as_real(x: Tensor) -> Tensor:
    """Complex numbers as pairs along a new last dimension."""
    found: Tensor = shape.view_as_real(x)
    return found


def as_complex(x: Tensor) -> Tensor:
    """Pairs along the last dimension as complex numbers."""
    found: Tensor = shape.view_as_complex(x)
    return found


def send(x: Tensor, ns: Any) -> Tensor:
    """`x` on the device of another raw namespace."""
    found: Tensor = device.to_device(x, ns=ns)
    return found


def resample(x: Tensor, axis: int, taps: Any) -> Tensor:
    """An axis read at the places of a table."""
    found: Tensor = _resample(x, axis=axis, taps=taps)
    return found


def dft(x: Tensor, axes: Any, norm: str, inverse: bool) -> Tensor:
    """The discrete Fourier transform of complex or real numbers, or its inverse."""
    found: Tensor = _transforms.dft(x, axes=axes, norm=norm, inverse=inverse)
    return found


def bounds(x: Tensor) -> tuple[Any, Any] | None:
    """The least and the greatest element, where nobody has to wait for them."""
    found: tuple[Any, Any] | None = x._ns.bounds(x._data)
    return found


# ------------------------------------------------------------------ linear algebra


def solve_triangular(a: Tensor, b: Tensor, upper: bool, unitriangular: bool = False) -> Tensor:
    """The `x` with ``a @ x = b``, where only a triangle of `a` is looked at."""
    found: Tensor = decompositions.solve_triangular(a, b, upper=upper, unitriangular=unitriangular)
    return found


def permutation(pivots: Tensor, length: int) -> Tensor:
    """The order of rows that their exchanges lead to."""
    found: Tensor = decompositions.permutation(pivots, length=length)
    return found


def factors(a: Tensor) -> Any:
    """Nothing: factors that are known apart from `a` have no derivative."""
    return None


def resolve(a: Tensor, factors: Any, b: Tensor, adjoint: bool) -> Tensor:
    """The `x` with ``a @ x = b``, or with the adjoint of `a` in its place."""
    if adjoint:
        a = conj(shape.matrix_transpose(a))
    found: Tensor = decompositions.solve(a, b)
    return found
