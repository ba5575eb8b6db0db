"""CuPy's linear algebra where the standard has none: cuSOLVER's and cuBLAS' through CuPy.

`lu_factor` (and what it is for: gradients of determinants, `linalg.lu`) and `matrix_exp` wait for
the device, as CuPy's `lu_factor` and the choice of a scale do.
"""

from __future__ import annotations

import importlib
import math
import warnings
from typing import Any

import numpy as np

from xpgrad.namespace import Namespace

KINDS = "fdFD"  # what cuSOLVER computes in


class CuPyLinalg(Namespace):
    """The extras of `xpgrad.portable`, faster."""

    cupy: Any

    def scipy_linalg(self, name: str) -> Any:
        """A function of ``cupyx.scipy.linalg``, which needs CUDA's libraries to be imported."""
        return getattr(importlib.import_module("cupyx.scipy.linalg"), name)

    def eig(self, x: Any, /) -> tuple[Any, Any]:
        try:
            values, vectors = self.cupy.linalg.eig(x)
        except RuntimeError:  # cuSOLVER has it since CUDA 12.6
            return super().eig(x)
        kind = np.result_type(x.dtype, np.complex64)
        return values.astype(kind, copy=False), vectors.astype(kind, copy=False)

    def lu_factor(self, x: Any, /) -> tuple[Any, Any]:
        count = math.prod(x.shape[:-2])
        if x.dtype.char not in KINDS or 0 in x.shape or count > 16 * min(x.shape[-2:]):
            return super().lu_factor(x)
        factor = self.scipy_linalg("lu_factor")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # a zero pivot stays
            if x.ndim == 2:
                lu, pivots = factor(x, check_finite=False)
                return lu, pivots.astype(np.int64)
            flat = x.reshape((count, *x.shape[-2:]))
            found = [factor(flat[i], check_finite=False) for i in range(count)]
        lu = self.cupy.stack([f[0] for f in found]).reshape(x.shape)
        pivots = self.cupy.stack([f[1] for f in found]).astype(np.int64)
        return lu, pivots.reshape((*x.shape[:-2], pivots.shape[-1]))

    def solve_triangular(self, a: Any, b: Any, upper: bool, unitriangular: bool = False, /) -> Any:
        if a.dtype != b.dtype or a.dtype.char not in KINDS or 0 in a.shape or 0 in b.shape:
            return super().solve_triangular(a, b, upper, unitriangular)
        a, b = self._alike(a, b)
        solve = self.scipy_linalg("solve_triangular")
        return solve(a, b, lower=not upper, unit_diagonal=unitriangular)

    def resolve(self, a: Any, factors: Any, b: Any, adjoint: bool, /) -> Any:
        a, b = self._alike(a, b)
        return super().resolve(a, factors, b, adjoint)

    def _alike(self, a: Any, b: Any) -> tuple[Any, Any]:
        """Both with the same stack, which CuPy's functions want."""
        if a.shape[:-2] == b.shape[:-2]:
            return a, b
        lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        shapes = ((*lead, *x.shape[-2:]) for x in (a, b))
        a, b = (self.cupy.broadcast_to(x, s) for x, s in zip((a, b), shapes, strict=True))
        return a, b

    def dft(self, x: Any, axes: tuple[int, ...], norm: str, inverse: bool, /) -> Any:
        return (self.fft.ifftn if inverse else self.fft.fftn)(x, axes=axes, norm=norm)
