"""Linear algebra on the host that NumPy does not offer, by SciPy's BLAS and LAPACK if it is there.

`None` stands for a result where SciPy is not installed, or where a loop over the matrices of a
stack would be slow: the caller has another way.
"""

from __future__ import annotations

import functools
import importlib
import math
from typing import Any

import numpy as np

Matrix = np.ndarray[Any, Any]


@functools.cache
def _routine(kind: str, name: str, char: str) -> Any:
    """A routine of BLAS or LAPACK for a dtype; `None` without SciPy."""
    try:
        module = importlib.import_module(f"scipy.linalg.{kind}")
    except ImportError:
        return None
    prefix = {"f": "s", "d": "d", "F": "c", "D": "z"}.get(char)
    return None if prefix is None else getattr(module, prefix + name)


def worthwhile(x: Matrix, steps: int) -> bool:
    """Whether to go through a stack matrix by matrix, rather than all at once in so many steps."""
    return 0 not in x.shape and math.prod(x.shape[:-2]) <= max(1, 16 * steps)


def lu_factor(x: Matrix) -> tuple[Matrix, Matrix] | None:
    """``L`` and ``U`` in one matrix, and the row that each row changed places with."""
    m, n = x.shape[-2:]
    getrf = _routine("lapack", "getrf", x.dtype.char)
    if getrf is None or not worthwhile(x, min(m, n)):
        return None
    if x.ndim == 2:
        lu, pivots, _ = getrf(x)
        return np.ascontiguousarray(lu), pivots.astype(np.int64)
    out = np.empty(x.shape, x.dtype)
    pivots = np.empty((*x.shape[:-2], min(m, n)), np.int64)
    for i in np.ndindex(*x.shape[:-2]):
        out[i], pivots[i], _ = getrf(x[i])
    return out, pivots


def permutation(pivots: Matrix, length: int) -> Matrix:
    """The order of `length` rows that exchanging row i with ``pivots[i]``, in turn, leads to."""
    out = np.empty((*pivots.shape[:-1], length), pivots.dtype)
    for i in np.ndindex(*pivots.shape[:-1]):
        order = list(range(length))
        for row, other in enumerate(pivots[i].tolist()):
            order[row], order[other] = order[other], order[row]
        out[i] = order
    return out


def solve_triangular(a: Matrix, b: Matrix, upper: bool, unitriangular: bool) -> Matrix | None:
    """The `x` with ``a @ x = b``; inf and nan where `a` is singular."""
    trsm = _routine("blas", "trsm", a.dtype.char)
    if trsm is None or a.dtype != b.dtype or 0 in a.shape or 0 in b.shape:
        return None
    if a.ndim == 2 == b.ndim:
        return _triangular(trsm, a, b, upper, unitriangular)
    stack = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    if math.prod(stack) > 16 * a.shape[-1]:
        return None
    a = np.broadcast_to(a, stack + a.shape[-2:])
    b = np.broadcast_to(b, stack + b.shape[-2:])
    out = np.empty(b.shape, b.dtype)
    for i in np.ndindex(*stack):
        out[i] = _triangular(trsm, a[i], b[i], upper, unitriangular)
    return out


def _triangular(trsm: Any, a: Matrix, b: Matrix, upper: bool, unitriangular: bool) -> Matrix:
    # As ``x.T @ a.T = b.T``: transposes of C's order are Fortran's, so that only `b` is copied.
    diag = int(unitriangular)
    if a.flags.f_contiguous and not a.flags.c_contiguous:
        out = trsm(1.0, a, b.T, side=1, lower=int(not upper), trans_a=1, diag=diag)
    else:
        out = trsm(1.0, a.T, b.T, side=1, lower=int(upper), diag=diag)
    found: Matrix = out.T
    return found


class Factors:
    """A square matrix by its factors, which makes solving with it again cheap.

    Solving with the adjoint, as a backward does, gives them away: they are saved values, which a
    backward releases. A second one is left to factorise again.
    """

    __slots__ = ("parts",)

    def __init__(self, lu: Matrix, pivots: Matrix) -> None:
        # Of the transposed matrix, whose order is Fortran's.
        self.parts: tuple[Matrix, Matrix] | None = (lu, pivots)

    @classmethod
    def of(cls, a: Matrix) -> Factors | None:
        """The factors of one matrix.

        Raises:
            numpy.linalg.LinAlgError: it is singular.
        """
        if a.ndim != 2 or 0 in a.shape:
            return None
        getrf = _routine("lapack", "getrf", a.dtype.char)
        if getrf is None:
            return None
        lu, pivots, info = getrf(a.T)
        if info > 0:
            raise np.linalg.LinAlgError("Singular matrix")
        return cls(lu, pivots)

    def solve(self, b: Matrix, adjoint: bool) -> Matrix | None:
        """The `x` with ``a @ x = b``, or with the adjoint of `a` there; `None` without factors."""
        parts = self.parts
        if adjoint:
            self.parts = None
        if parts is None or b.ndim != 2 or 0 in b.shape or b.dtype != parts[0].dtype:
            return None
        getrs = _routine("lapack", "getrs", b.dtype.char)
        turned = adjoint and b.dtype.kind == "c"
        out, _ = getrs(*parts, b.conj() if turned else b, trans=int(not adjoint))
        found: Matrix = out.conj() if turned else out
        return found


def eig(x: Matrix) -> tuple[Matrix, Matrix]:
    """Complex eigenvalues, and eigenvectors (columns) of length 1."""
    values, vectors = np.linalg.eig(x)
    kind = np.result_type(x.dtype, np.complex64)
    return values.astype(kind, copy=False), vectors.astype(kind, copy=False)
