"""Linear algebra that the array API standard lacks, made of what it has.

A backend overrides what its library does better. All of it works on stacks of matrices. Only `eig`
goes by way of the host; `matrix_exp` reads one number.
"""

from __future__ import annotations

import math
from typing import Any

from numpy import broadcast_shapes

from xpgrad.host_linalg import eig as host_eig
from xpgrad.windowed import EXTRAS as _WINDOWED
from xpgrad.windowed import Windowed

Array = Any


class Portable(Windowed):
    """The extras of linear algebra and Fourier transforms: a part of every `Namespace`.

    ================================  ==============================================================
    ``eig(x)``                        complex eigenvalues and eigenvectors
    ``lu_factor(x)``                  ``L`` and ``U`` in one matrix; which row changed places with i
    ``permutation(pivots, length)``   the order of rows that these exchanges lead to
    ``solve_triangular(a, b, …)``     where only a triangle of `a` is looked at
    ``cholesky_solve(b, lower)``      the `x` with ``lower @ lower.H @ x = b``
    ``factors(a)``                    what makes solving with `a` cheap, for `resolve`; or `None`
    ``resolve(a, factors, b, …)``     the `x` with ``a @ x = b``, or with the adjoint of `a`
    ``cofactor(x)``                   the derivative of the determinant
    ``matrix_exp(x)``                 the exponential
    ``dft(x, axes, norm, inverse)``   the Fourier transform, of real numbers too
    ================================  ==============================================================
    """

    def eig(self: Any, x: Array, /) -> tuple[Array, Array]:
        """Complex eigenvalues and eigenvectors of length 1 (in columns), computed on the host."""
        values, vectors = host_eig(self.to_host(x))
        return self.from_host(values), self.from_host(vectors)

    def lu_factor(self: Any, x: Array, /) -> tuple[Array, Array]:
        """``L`` (below the diagonal, its ones left out) and ``U``; which row changed places with i.

        Rows are exchanged so that the pivot is the largest (by the sum of the sizes of real and
        imaginary part, as in LAPACK). A zero pivot stays: nothing raises. Gaussian elimination,
        Golub & Van Loan, *Matrix Computations* (2013), algorithm 3.4.1; one column at a time.
        """
        m, n = x.shape[-2:]
        count = min(m, n)
        rows = self.reshape(self.arange(m), (m, 1))
        columns = self.reshape(self.arange(n), (1, n))
        pivots = []
        for i in range(count):
            column = x[..., :, i : i + 1]
            size = self.abs(column)
            if x.dtype in self.complexes:
                size = self.abs(self.real(column)) + self.abs(self.imag(column))
            size = self.where(rows < i, -self.ones_like(size), size)
            j = self.argmax(size, axis=-2, keepdims=True)
            pivots.append(j[..., 0])
            lower = self.broadcast_to(j, (*j.shape[:-1], n))
            mine, other = x[..., i : i + 1, :], self.take_along_axis(x, lower, axis=-2)
            x = self.where(rows == i, other, self.where(rows == j, mine, x))
            pivot = x[..., i : i + 1, i : i + 1]
            pivot = self.where(pivot == 0, self.ones_like(pivot), pivot)
            factor = self.where(rows > i, x[..., :, i : i + 1] / pivot, self.zeros_like(pivot))
            reduced = x - factor * self.where(columns > i, x[..., i : i + 1, :], 0)
            x = self.where(self.logical_and(rows > i, columns == i), factor, reduced)
        if not pivots:
            return x, self.zeros((*x.shape[:-2], 0), dtype=self.arange(0).dtype)
        return x, self.concat(pivots, axis=-1)

    def permutation(self: Any, pivots: Array, length: int, /) -> Array:
        """The order of `length` rows after row i changed places with ``pivots[i]``, in turn."""
        places = self.arange(length, dtype=pivots.dtype)
        order = self.broadcast_to(places, (*pivots.shape[:-1], length))
        for i in range(pivots.shape[-1]):
            j = pivots[..., i : i + 1]
            mine, other = order[..., i : i + 1], self.take_along_axis(order, j, axis=-1)
            order = self.where(places == i, other, self.where(places == j, mine, order))
        return order

    def solve_triangular(
        self: Any, a: Array, b: Array, upper: bool, unitriangular: bool = False, /
    ) -> Array:
        """The `x` with ``a @ x = b``, where only a triangle of `a` is looked at.

        By halves: one is solved for, and its products are taken off before the other is. So each
        number is as exact as substitution makes it, however small the diagonal; zeros there give
        inf and nan.
        """
        lead = broadcast_shapes(a.shape[:-2], b.shape[:-2])
        if b.shape[:-2] != lead:
            b = self.broadcast_to(b, (*lead, *b.shape[-2:]))
        return self._by_halves(a, b, upper, unitriangular)

    def _by_halves(self: Any, a: Array, b: Array, upper: bool, unitriangular: bool) -> Array:
        n = a.shape[-1]
        if n <= 1:
            return b if unitriangular or n == 0 else b / a
        half = n // 2
        parts = slice(0, half), slice(half, n)
        known, other = reversed(parts) if upper else parts
        x = self._by_halves(a[..., known, known], b[..., known, :], upper, unitriangular)
        rest = b[..., other, :] - self.matmul(a[..., other, known], x)
        y = self._by_halves(a[..., other, other], rest, upper, unitriangular)
        return self.concat([y, x] if upper else [x, y], axis=-2)

    def cholesky_solve(self: Any, b: Array, lower: Array, /) -> Array:
        """The `x` with ``lower @ lower.H @ x = b``."""
        half = self.solve_triangular(lower, b, False)
        return self.solve_triangular(self.conj(self.matrix_transpose(lower)), half, True)

    def factors(self: Any, a: Array, /) -> Any:
        """What a library keeps of `a` so as to solve with it again; `None` for nothing."""
        return None

    def resolve(self: Any, a: Array, factors: Any, b: Array, adjoint: bool, /) -> Array:
        """The `x` with ``a @ x = b``, or with the adjoint of `a` in its place."""
        return self.linalg.solve(self.conj(self.matrix_transpose(a)) if adjoint else a, b)

    def cofactor(self: Any, x: Array, /) -> Array:
        """The derivative of the determinant by each element; of singular matrices, too.

        ``det(A) inv(A).T`` by the decomposition ``A[order] = L U``, in which a pivot that is zero
        becomes a tiny one: what it is divides the one factor and multiplies the other.
        """
        n = x.shape[-1]
        lu, pivots = self.lu_factor(x)
        diagonal = self.linalg.diagonal(lu)
        eps = self.finfo(x.dtype).eps
        sizes = self.max(self.abs(diagonal), axis=-1, keepdims=True) if n else self.abs(diagonal)
        tiny = self.astype(eps * self.where(sizes == 0, self.ones_like(sizes), sizes), x.dtype)
        diagonal = self.where(diagonal == 0, tiny, diagonal)
        eye = self.eye(n, dtype=x.dtype)
        lu = self.where(eye == 1, self.expand_dims(diagonal, axis=-1), lu)
        moved = pivots != self.arange(n, dtype=pivots.dtype)
        odd = self.count_nonzero(moved, axis=-1) % 2 == 1
        det = self.prod(diagonal, axis=-1)
        det = self.expand_dims(self.expand_dims(self.where(odd, -det, det), axis=-1), axis=-1)
        lu = self.matrix_transpose(lu)
        out = self.solve_triangular(lu, eye * det, False, False)
        out = self.solve_triangular(lu, out, True, True)
        order = self.argsort(self.permutation(pivots, n), axis=-1)
        order = self.broadcast_to(self.expand_dims(order, axis=-1), out.shape)
        return self.take_along_axis(out, order, axis=-2)

    def matrix_exp(self: Any, x: Array, /) -> Array:
        """The exponential of square matrices.

        Scaling and squaring with a Padé approximant of degree 13: Higham, *The scaling and squaring
        method for the matrix exponential revisited* (SIAM J. Matrix Anal. Appl. 26, 2005). The host
        waits for the largest norm, which says how often to square.
        """
        if 0 in x.shape:
            return x
        norm = self.max(self.sum(self.abs(x), axis=-2))
        norm = float(self.to_host(self.wrap(norm)))
        squarings = 0
        if math.isfinite(norm) and norm > THETA:
            squarings = max(0, math.ceil(math.log2(norm / THETA)))
        a = x / 2.0**squarings
        b = PADE
        eye = self.eye(x.shape[-1], dtype=x.dtype)
        a2 = self.matmul(a, a)
        a4 = self.matmul(a2, a2)
        a6 = self.matmul(a2, a4)
        u = self.matmul(a6, b[13] * a6 + b[11] * a4 + b[9] * a2)
        u = self.matmul(a, u + b[7] * a6 + b[5] * a4 + b[3] * a2 + b[1] * eye)
        v = self.matmul(a6, b[12] * a6 + b[10] * a4 + b[8] * a2)
        v = v + b[6] * a6 + b[4] * a4 + b[2] * a2 + b[0] * eye
        out = self.linalg.solve(v - u, v + u)
        for _ in range(squarings):
            out = self.matmul(out, out)
        return out

    def dft(self: Any, x: Array, axes: tuple[int, ...], norm: str, inverse: bool, /) -> Array:
        """The discrete Fourier transform, or its inverse; real numbers are taken for complex."""
        if x.dtype not in self.complexes:
            x = self.astype(x, self.native(self.dtype_of(x).to_complex()))
        function = self.fft.ifftn if inverse else self.fft.fftn
        return function(x, axes=axes, norm=norm)


EXTRAS = (*(name for name in vars(Portable) if name[0] != "_"), *_WINDOWED)

# The degree 13 approximant is exact to double precision for norms up to here.
THETA = 5.371920351148152
_COEFFICIENTS = (
    64764752532480000, 32382376266240000, 7771770303897600, 1187353796428800, 129060195264000,
    10559470521600, 670442572800, 33522128640, 1323241920, 40840800, 960960, 16380, 182, 1,
)  # fmt: skip
PADE = tuple(c / _COEFFICIENTS[0] for c in _COEFFICIENTS)  # scaled, so that float32 holds them
