"""NumPy's linear algebra, as the standard has it; what NumPy lacks by SciPy, where it is there."""

from __future__ import annotations

import importlib
import math
from typing import Any

import array_api_compat.numpy as compat
import numpy as np

from xpgrad import host_linalg
from xpgrad.namespace import Namespace


class Linalg:
    """The extension: NumPy's own functions, or array-api-compat's where they deviate."""

    _WRAPPED = ("matrix_norm", "matrix_rank", "pinv", "svdvals", "trace", "vector_norm")

    def __getattr__(self, name: str) -> Any:
        found = getattr(compat.linalg if name in self._WRAPPED else np.linalg, name)
        setattr(self, name, found)
        return found

    @staticmethod
    def diagonal(x: Any, /, *, offset: int = 0) -> Any:
        """The diagonals over the last two axes; they can be written to."""
        out = x.diagonal(offset, -2, -1)
        out.flags.writeable = x.flags.writeable
        return out


class Transforms:
    """The Fourier transforms: SciPy's, several times as fast in places, or NumPy's."""

    def __getattr__(self, name: str) -> Any:
        try:
            module: Any = importlib.import_module("scipy.fft")
        except ImportError:
            module = np.fft
        found = getattr(module, name)
        setattr(self, name, found)
        return found


class WithSciPy(Namespace):
    """The extras by SciPy's BLAS and LAPACK, where SciPy is installed and a loop is no loss."""

    linalg = Linalg()
    fft = Transforms()

    def dft(self, x: Any, axes: tuple[int, ...], norm: Any, inverse: bool, /) -> Any:
        if len(axes) == 1:
            return (self.fft.ifft if inverse else self.fft.fft)(x, None, axes[0], norm)
        return (self.fft.ifftn if inverse else self.fft.fftn)(x, None, axes, norm)

    def eig(self, x: Any, /) -> tuple[Any, Any]:
        return host_linalg.eig(x)

    def lu_factor(self, x: Any, /) -> tuple[Any, Any]:
        found = host_linalg.lu_factor(x)
        return super().lu_factor(x) if found is None else found

    def permutation(self, pivots: Any, length: int, /) -> Any:
        if math.prod(pivots.shape[:-1]) > 64:
            return super().permutation(pivots, length)
        return host_linalg.permutation(pivots, length)

    def solve_triangular(self, a: Any, b: Any, upper: bool, unitriangular: bool = False, /) -> Any:
        found = host_linalg.solve_triangular(a, b, upper, unitriangular)
        return super().solve_triangular(a, b, upper, unitriangular) if found is None else found

    def cofactor(self, x: Any, /) -> Any:
        if x.ndim > 2 and 0 not in x.shape:  # all at once by inverses, if these are exact enough
            try:
                inverse = np.linalg.inv(x)
            except np.linalg.LinAlgError:
                return super().cofactor(x)
            condition = np.max(np.abs(x).sum(-1), -1) * np.max(np.abs(inverse).sum(-1), -1)
            if np.max(condition, initial=0) < np.finfo(x.dtype).eps ** (-1 / 3):
                return inverse.mT * np.linalg.det(x)[..., None, None]
        return super().cofactor(x)

    def matrix_exp(self, x: Any, /) -> Any:
        # In double precision: squaring doubles the error each time.
        wide = super().matrix_exp(x.astype(np.result_type(x.dtype, np.float64), copy=False))
        return wide.astype(x.dtype, copy=False)

    def factors(self, a: Any, /) -> Any:
        return host_linalg.Factors.of(a)

    def resolve(self, a: Any, factors: Any, b: Any, adjoint: bool, /) -> Any:
        found = None if factors is None else factors.solve(b, adjoint)
        return super().resolve(a, None, b, adjoint) if found is None else found
