"""The rows of `op_table` for decompositions of matrices and for Fourier transforms.

Matrices are drawn so that they are far from singular, and values far from each other. Of vectors
that are known up to their phases (and signs), what is compared is how large their elements are:
`AS` says what is made of an op's arguments and results before it is looked at.
"""

import functools

import numpy as np
import scipy.linalg

from op_table import COMPLEX, FLOATS, SEEN, D, Domain, Error, Row, S

BOTH = FLOATS + COMPLEX
RNG = np.random.default_rng(5)

# ------------------------------------------------------------------ matrices


class Matrices(Domain):
    """Numbers that are made into matrices of a kind, which the last two axes are."""

    def __init__(self, make):
        super().__init__((-1.0, -0.1), (0.1, 1.0))
        self.make = make

    def draw(self, rng, shape, dtype):
        x = super().draw(rng, shape, dtype)
        return np.asarray(self.make(x) if x.ndim > 1 else x, dtype)


def _graded(n):
    """A diagonal of numbers that are far apart."""
    return np.diag(np.arange(1.0, n + 1) * 2)


def _adjoint(x):
    return np.conj(np.swapaxes(x, -1, -2))


REGULAR = Matrices(lambda x: x + np.eye(*x.shape[-2:]) * 3)
HERMITIAN = Matrices(lambda x: (x + _adjoint(x)) / 2 + _graded(x.shape[-1]))
POSITIVE = Matrices(lambda x: x @ _adjoint(x) + 2 * np.eye(x.shape[-1]))
LOWER = Matrices(lambda x: np.tril(x) + 3 * np.eye(*x.shape[-2:]))
APART = Matrices(lambda x: x / 4 + np.eye(*x.shape[-2:]) * (np.arange(x.shape[-1]) * 2 + 1))

SQUARE = [S((3, 3)), S((2, 3, 3)), S((1, 1)), S((2, 1, 2, 2)), S((0, 3, 3))]
RANKS = [  # of rank 2 in three rows, of rank 1, of rank 0; nearly so
    S(np.array([[1.0, 2.0, 3.0], [2.0, 4.0, 6.5], [3.0, 6.0, 9.5]])),
    S(np.array([[1.0, 2.0, 3.0], [2.0, 4.0, 6.0], [3.0, 6.0, 9.0]])),
    S(np.zeros((3, 3))),
    S(np.array([[[1.0, 0.5], [2.0, 1.0]], [[0.0, 0.0], [0.0, 3.0]]])),
    S(np.eye(3)),
]

# ------------------------------------------------------------------ what of vectors is compared


def _sizes(*places):
    """Some of the results as sizes of their elements."""

    def change(results):
        return tuple(abs(r) if i in places else r for i, r in enumerate(results))

    return change


def _halved(x):
    """The Hermitian part: all derivatives of such ops are along Hermitian matrices."""
    turned = x.mT if hasattr(x, "mT") else np.swapaxes(x, -1, -2)
    return (x + turned.conj()) / 2


def _as_it_is(x):
    return x


AS = {
    "cholesky": (_halved, _as_it_is),
    "eig": (_as_it_is, _sizes(1)),
    "eigh": (_halved, _sizes(1)),
    "eigvalsh": (_halved, _as_it_is),
    "svd": (_as_it_is, _sizes(0, 2)),
}


def looked_at(name, function):
    """An op as it is tested."""
    before, after = AS[name]

    def call(x, **settings):
        return after(function(before(x), **settings))

    call.op = function.op
    call.__name__ = name
    return call


SEEN.update({name: functools.partial(looked_at, name) for name in AS})


def _reference(name, function):
    before, after = AS[name]
    return lambda x, **settings: after(function(before(x), **settings))


# ------------------------------------------------------------------ references


def _triangle(a, upper, unitriangular=False):
    a = np.triu(a) if upper else np.tril(a)
    return a - a * np.eye(a.shape[-1]) + np.eye(a.shape[-1]) if unitriangular else a


def _solve_triangular(a, b, upper, unitriangular=False):
    return np.linalg.solve(_triangle(a, upper, unitriangular), b).astype(b.dtype)


def _cofactor(x):
    out = np.zeros_like(x)
    for i in np.ndindex(*x.shape):
        rest = np.delete(np.delete(x[i[:-2]], i[-2], 0), i[-1], 1)
        out[i] = (-1) ** (i[-1] + i[-2]) * np.linalg.det(rest)
    return out


def _each(function, x, outputs=1):
    """A function of one matrix on each of a stack."""
    found = {i: function(x[i]) for i in np.ndindex(*x.shape[:-2])}
    return [
        np.array([found[i][k] for i in found]).reshape(
            x.shape[:-2] + next(iter(found.values()))[k].shape
        )
        for k in range(outputs)
    ]


def _lu_factor(x):
    lu, pivots = _each(scipy.linalg.lu_factor, x, 2)
    return lu, pivots.astype("int64")


def _permutation(pivots, length):
    out = np.empty((*pivots.shape[:-1], length), pivots.dtype)
    for i in np.ndindex(*pivots.shape[:-1]):
        order = np.arange(length)
        for k, j in enumerate(pivots[i]):
            order[[k, j]] = order[[j, k]]
        out[i] = order
    return out


def _pinv(x, atol, rtol, hermitian=False):
    return np.linalg.pinv(x)


def _qr(x, mode="reduced"):
    if mode == "r":
        return np.zeros((*x.shape[:-2], 0), x.dtype), np.linalg.qr(x, mode="r")
    return tuple(np.linalg.qr(x, mode))


def _svd(x, full_matrices=False):
    return tuple(np.linalg.svd(x, full_matrices))


def _eig(x):
    kind = np.result_type(x.dtype, np.complex64)
    return tuple(np.asarray(v, kind) for v in np.linalg.eig(x))


ON_HOST = "the standard has no eigenvalues of general matrices"
NONE = np.array(0)
POSSIBLE = np.array([[1.0, 2.0], [2.0, 1.0]])

ROWS = [
    Row("solve", np.linalg.solve,
        [S((3, 3), D((3, 2), REGULAR)), S((2, 3, 3), (2, 3, 1)), S((3, 3), (2, 3, 2)),
         S((2, 1, 2, 2), (3, 2, 4)), S((2, 2), (2, 0)), S((0, 3, 3), (3, 1))],
        REGULAR, BOTH, tolerance=8,
        errors=[Error(S(np.zeros((2, 2)), (2, 1)), np.linalg.LinAlgError, "ingular")]),
    Row("solve_triangular", _solve_triangular,
        [S((3, 3), (3, 2), upper=u, unitriangular=one) for u in (True, False)
         for one in (True, False)]
        + [S((2, 3, 3), (3, 1), upper=True), S((3, 3), (2, 3, 2), upper=False),
           S((70, 2, 2), (2, 1), upper=False), S((2, 2), (2, 0), upper=True)],
        REGULAR, BOTH, tolerance=8),
    Row("inv", np.linalg.inv, SQUARE, REGULAR, BOTH, tolerance=8,
        errors=[Error(S(np.zeros((2, 2))), np.linalg.LinAlgError, "ingular")]),
    Row("pinv", _pinv,
        [S(s, NONE, NONE) for s in ((3, 3), (4, 2), (2, 3), (2, 3, 2), (2, 1, 1))],
        REGULAR, BOTH, tolerance=20),
    Row("pinv", _pinv, [S((3, 3), NONE, NONE, hermitian=True)], HERMITIAN, BOTH,
        differentiable=False, tolerance=20),
    Row("pinv", lambda x, atol, rtol: np.linalg.pinv(x, rcond=0.6),
        [S(np.diag([4.0, 3.0, 2.0]), np.array(0.5), np.array(0.6)),
         S(np.diag([4.0, 3.0, 2.0]), np.array(2.4), np.array(0.0))], differentiable=False),
    Row("det", np.linalg.det, SQUARE, REGULAR, BOTH, tolerance=8),
    Row("det", np.linalg.det, RANKS, tolerance=8, dtypes=("float64",)),
    Row("cofactor", _cofactor, SQUARE, REGULAR, BOTH, tolerance=20),
    Row("cofactor", _cofactor, [RANKS[i] for i in (0, 3, 4)], tolerance=20, dtypes=("float64",)),
    # Its second derivative, which is the determinant's third, wants different singular values.
    Row("cofactor", _cofactor, RANKS, tolerance=20, dtypes=("float64",), second_order=False),
    Row("slogdet", lambda x: tuple(np.linalg.slogdet(x)), SQUARE, REGULAR, BOTH, tolerance=8),
    Row("cholesky", _reference("cholesky", np.linalg.cholesky),
        [*SQUARE, S((2, 3, 3), upper=True)], POSITIVE, BOTH, tolerance=8,
        errors=[Error(S(POSSIBLE), np.linalg.LinAlgError, "ositive")]),
    # Derivatives by a triangle that is not looked at are another triangle's, as in PyTorch: those
    # of these two are compared with it, in test_linalg.py.
    Row("cholesky_solve", lambda b, lower: np.linalg.solve(lower @ _adjoint(lower), b),
        [S((3, 2), (3, 3)), S((2, 3, 1), (3, 3)), S((2, 2), (4, 2, 2))], LOWER, BOTH,
        constants=(1,), tolerance=20),
    Row("cholesky_inverse", lambda lower: np.linalg.inv(lower @ _adjoint(lower)), SQUARE,
        LOWER, BOTH, tolerance=20, differentiable=False),
    Row("lu_factor", _lu_factor,
        [S((3, 3)), S((2, 4, 3)), S((3, 4)), S((1, 1)), S((2, 2, 2)), S((40, 2, 2))], APART, BOTH,
        tolerance=8),
    Row("permutation", _permutation,
        [S(np.array([2, 1, 2]), length=3), S(np.array([[1, 1], [3, 2]]), length=4),
         S(np.zeros((0,), int), length=2), S(np.ones((70, 2), int), length=2)],
        dtypes=("float32",), differentiable=False),
    Row("qr", _qr, [S((3, 3)), S((4, 2)), S((2, 2, 4)), S((1, 1)), S((3, 3), mode="complete")],
        REGULAR, BOTH, tolerance=20),
    Row("qr", _qr, [S((4, 2), mode="complete"), S((3, 2), mode="r")], REGULAR, BOTH,
        differentiable=False, tolerance=20),
    Row("svd", _reference("svd", _svd),
        [S((3, 3)), S((4, 2)), S((2, 2, 3)), S((1, 1)), S((0, 2, 2))], APART, BOTH, tolerance=20),
    Row("svd", _reference("svd", _svd),
        [S((2, 2), full_matrices=True), S((2, 3, 3), full_matrices=True)], APART, BOTH,
        tolerance=20),
    Row("svdvals", lambda x: np.linalg.svd(x, compute_uv=False), [*SQUARE, S((2, 3)), S((4, 2))],
        APART, BOTH, tolerance=20),
    Row("eigh", _reference("eigh", lambda x: tuple(np.linalg.eigh(x))), SQUARE, HERMITIAN, BOTH,
        tolerance=20),
    Row("eigvalsh", _reference("eigvalsh", np.linalg.eigvalsh), SQUARE, HERMITIAN, BOTH,
        tolerance=20),
    Row("eig", _reference("eig", _eig), SQUARE, APART, BOTH, host=ON_HOST, tolerance=20),
    Row("matrix_exp", lambda x: scipy.linalg.expm(x).astype(x.dtype),
        [S((3, 3)), S((2, 2, 2)), S((1, 1)), S((2, 0, 0)), S(D((2, 2), REGULAR))],
        Domain((-1.0, 1.0)), BOTH, host="how often to square depends on the norm", tolerance=20),
]  # fmt: skip

# ------------------------------------------------------------------ Fourier transforms

LENGTHS = [(5,), (6,), (1,), (2,), (0, 3), (2, 4, 3)]
NORMS = ("backward", "ortho", "forward")


def _transforms(last=None):
    """Each length, over the last axis or over two, in each norm."""
    found = [
        S(s, axes=(len(s) - 1,), norm=NORMS[i % 3], **(last or {})) for i, s in enumerate(LENGTHS)
    ]
    return found + [S((2, 4, 3), axes=a, norm=n) for a in ((0, 1), (2, 0)) for n in NORMS]


def _dft(x, axes, norm="backward", inverse=False):
    return (np.fft.ifftn if inverse else np.fft.fftn)(x, axes=axes, norm=norm)


def _irdft(x, axes, length, norm="backward"):
    sizes = [*(x.shape[a] for a in axes[:-1]), length]
    return np.fft.irfftn(x, s=sizes, axes=axes, norm=norm)


ROWS += [
    Row("dft", _dft, _transforms() + _transforms({"inverse": True}), dtypes=BOTH, tolerance=8),
    Row("rdft", lambda x, axes, norm="backward": np.fft.rfftn(x, axes=axes, norm=norm),
        _transforms(), tolerance=8),
    Row("irdft", _irdft,
        [S((3,), axes=(0,), length=n, norm=norm) for n in (4, 5) for norm in NORMS]
        + [S((1,), axes=(0,), length=1), S((2, 3, 2), axes=(2, 1), length=4),
           S((2, 3, 2), axes=(1, 0), length=3, norm="ortho"), S((0, 2), axes=(1,), length=2)],
        dtypes=COMPLEX, tolerance=8),
]  # fmt: skip
