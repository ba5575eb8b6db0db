"""The rows of `op_table` for special functions, running extrema, steps over memory, scattering."""

import numpy as np
import scipy.special

from op_table import (
    ABOVE_ONE,
    COMPLEX,
    FLOATS,
    HALF,
    NANS,
    OPEN_UNIT,
    POSITIVE,
    REAL,
    RUNNING,
    SHAPES,
    SPECIAL,
    TIES,
    D,
    Domain,
    Row,
    S,
    binary,
    unary,
)

# ------------------------------------------------------------------ special functions

BELOW_ONE = Domain((0.05, 0.45), (0.55, 0.95))
ON_HOST = "the standard has no special functions"
NO_CUPY = "SciPy has it, and CuPy has not"


def special(name, reference, domain=REAL, more=(*HALF, "int32"), special=False, **rest):
    """A row for a special function: what SciPy gives, in the dtype that comes in."""

    def narrowed(x):
        return np.asarray(reference(x), x.dtype if x.dtype.kind == "f" else "float32")

    rest = {"host": ON_HOST} | rest
    return unary(name, narrowed, domain, FLOATS + tuple(more), special, **rest)


def _zeta(s, q):
    return np.asarray(scipy.special.zeta(s, q), q.dtype if hasattr(q, "dtype") else s.dtype)


def _polynomial(x, n, name):
    found = getattr(scipy.special, name)(np.trunc(n).astype(int), x)
    return np.asarray(np.where(n < 0, 0, found), x.dtype)


def _polygamma(x, n):
    return np.asarray(scipy.special.polygamma(n, x), x.dtype)


def _exponent(x):
    return np.frexp(x)[1].astype("int32")


EXPONENTS_OF = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, 0.5, 2.0, 1e-40, 3e38, -8.0])
INCOMPLETE = [S((2, 3), (2, 3)), S((), ()), S((0,), (0,)), S((2, 1), (3,))]

ROWS = [
    *special("erfc", scipy.special.erfc),
    *special("erfcx", scipy.special.erfcx),
    *special("erfinv", scipy.special.erfinv, OPEN_UNIT, HALF),
    *special("ndtr", scipy.special.ndtr),
    *special("ndtri", scipy.special.ndtri, BELOW_ONE, HALF),
    *special("log_ndtr", scipy.special.log_ndtr),
    *special("entr", scipy.special.entr, POSITIVE, tolerance=2, host=""),
    Row("entr", scipy.special.entr, [S(np.array([0.0, -1.0, np.nan, 1.0]))], differentiable=False),
    *special("lgamma", scipy.special.gammaln),
    *special("digamma", scipy.special.psi),
    Row("polygamma", _polygamma, [S((2, 3), n=n) for n in range(4)] + [S((), n=1), S((0,), n=2)],
        POSITIVE, FLOATS, host=ON_HOST, tolerance=8),
    Row("zeta", _zeta, [S(D((2, 3), ABOVE_ONE), (2, 3)), S(D((2, 3), ABOVE_ONE), (3,)),
                        S(2.0, (3,)), S(3.0, ())],
        POSITIVE, FLOATS, host=ON_HOST, constants=(0,), tolerance=4),
    Row("igamma", scipy.special.gammainc, INCOMPLETE, POSITIVE, host=ON_HOST, constants=(0,),
        tolerance=4),
    Row("igammac", scipy.special.gammaincc, INCOMPLETE, POSITIVE, host=ON_HOST, constants=(0,),
        tolerance=4),
    *binary("xlog1py", scipy.special.xlog1py, POSITIVE, number=None, special=False),
    Row("xlog1py", scipy.special.xlog1py, [S(SPECIAL[:, None], SPECIAL)], differentiable=False),
    *unary("sinc", np.sinc, dtypes=FLOATS + HALF + COMPLEX, tolerance=2),
    Row("sinc", np.sinc, [S(np.array([0.0, 1e-9, 1e-3, 0.4999, 0.5001, -0.25]))], dtypes=FLOATS),
    *(row for name, scipys in (
        ("i0", "i0"), ("i0e", "i0e"), ("i1", "i1"), ("i1e", "i1e"), ("bessel_j0", "j0"),
        ("bessel_j1", "j1")) for row in special(name, getattr(scipy.special, scipys))),
    *(row for name, scipys in (
        ("bessel_y0", "y0"), ("bessel_y1", "y1"), ("modified_bessel_k0", "k0"),
        ("modified_bessel_k1", "k1"), ("scaled_modified_bessel_k0", "k0e"),
        ("scaled_modified_bessel_k1", "k1e"))
      for row in special(name, getattr(scipy.special, scipys), POSITIVE)),
    *special("airy_ai", lambda x: scipy.special.airy(x)[0], differentiable=False, cpu_only=NO_CUPY),
    Row("polynomial", _polynomial,
        [S((2, 3), np.array([0.0, 1.0, 3.0]), name=name)
         for name in ("eval_chebyt", "eval_hermite", "eval_laguerre")]
        + [S((), np.array(-1.0), name="eval_legendre")],
        differentiable=False, cpu_only=NO_CUPY),
    Row("exponent", _exponent, [S(s) for s in SHAPES], dtypes=FLOATS + HALF, differentiable=False),
    Row("exponent", _exponent, [S(EXPONENTS_OF)], dtypes=FLOATS, differentiable=False),
]  # fmt: skip

# ------------------------------------------------------------------ so far, and in steps


def _logcumsumexp(x, axis):
    return np.asarray(np.logaddexp.accumulate(x, axis=axis) if x.size else x, x.dtype)


def _running_extremum(x, axis, largest):
    moved = np.moveaxis(x, axis, -1)
    out = np.zeros(moved.shape, int)
    for place in np.ndindex(moved.shape[:-1]):
        best = 0
        for i, v in enumerate(moved[place]):
            now = moved[place][best]
            better = v >= now if largest else v <= now
            best = i if np.isnan(v) or (better and not np.isnan(now)) else best
            out[(*place, i)] = best
    return np.moveaxis(out, -1, axis)


def _unfold(x, axis, size, step):
    windows = np.lib.stride_tricks.sliding_window_view(x, size, axis)
    return windows[(*(slice(None),) * axis, slice(None, None, step))]


def _as_strided(x, shape, strides, offset):
    places = np.asarray(offset)
    for n, step in zip(shape, strides, strict=True):
        places = places[..., None] + np.arange(n) * step
    return x.reshape(-1)[places]


def _length(off, p):
    if p == 2:
        return np.sqrt(np.sum(off**2, -1))
    size = (off != 0).astype(off.dtype) if p == 0 else abs(off)
    return size.max(-1, initial=0) if p == np.inf else size.sum(-1)


def _cdist(x, y, p=2, by_product=False):
    return _length(x[..., :, None, :] - y[..., None, :, :], p)


def _pdist(x, p):
    i, j = np.triu_indices(x.shape[-2], 1)
    return _length(x[..., i, :] - x[..., j, :], p)


REDUCE = {
    "sum": np.add, "prod": np.multiply, "amax": np.maximum, "amin": np.minimum, "mean": np.add,
}  # fmt: skip


def _reduce_at(x, values, places, how, axis=None, include_self=True):
    if axis is not None:
        at = np.indices(values.shape)
        at[axis] = places
        places = np.ravel_multi_index(tuple(at), x.shape, mode="wrap")
    out, flat = x.copy().reshape(-1), places.reshape(-1)
    count = np.bincount(flat, minlength=out.size).reshape(-1)
    if not include_self:
        start = {"prod": 1, "amax": -np.inf, "amin": np.inf}.get(how, 0)
        out[count > 0] = start
    REDUCE[how].at(out, flat, values.reshape(-1))
    if how == "mean":
        out = out / np.maximum(count + include_self, 1)
    return out.reshape(x.shape).astype(x.dtype)


def _put(x, values, places, accumulate=False):
    out = x.copy().reshape(-1)
    if accumulate:
        np.add.at(out, places, values)
    else:
        out[places] = values
    return out.reshape(x.shape)


TWICE = np.array([0, 3, 0, 5])

ROWS += [
    Row("cumulative_logsumexp", _logcumsumexp, RUNNING),
    Row("cumulative_logsumexp", _logcumsumexp,
        [S(np.array([-np.inf, -np.inf, 1.0, 900.0]), axis=0)], differentiable=False),
    Row("running_extremum", _running_extremum,
        [S((5,), axis=0, largest=True), S((2, 7), axis=1, largest=False), S(TIES, axis=1,
         largest=True), S(NANS, axis=1, largest=True), S(NANS, axis=0, largest=False),
         S((0,), axis=0, largest=True)], dtypes=FLOATS, differentiable=False),
    Row("unfold", _unfold,
        [S((5,), axis=0, size=2, step=1), S((5,), axis=0, size=3, step=2),
         S((2, 5, 2), axis=1, size=2, step=2), S((2, 3), axis=0, size=2, step=3)],
        dtypes=FLOATS + COMPLEX),
    Row("as_strided", _as_strided,
        [S((6,), shape=(2, 2), strides=(1, 2), offset=1),
         S((2, 3), shape=(3,), strides=(2,), offset=0), S((2, 3), shape=(), strides=(), offset=4),
         S((4,), shape=(2, 3), strides=(0, 1), offset=0)],
        dtypes=FLOATS + COMPLEX),
    Row("cdist", _cdist,
        [S((2, 3), (4, 3)), S((5, 2, 3), (1, 4, 3)), S((2, 3), (4, 3), by_product=True),
         S((0, 3), (2, 3)), S((1, 1), (1, 1)), *(S((2, 3), (4, 3), p=p) for p in (1, np.inf)),
         S((3, 2, 3), (4, 3), p=1.0)], tolerance=4),
    Row("pdist", _pdist, [S((4, 3), p=p) for p in (1, 2, np.inf)] + [S((2, 3, 2), p=2)],
        tolerance=4),
    Row("cdist", _cdist, [S((2, 3), (4, 3), p=0), S((2, 0), (4, 0), p=np.inf)], dtypes=FLOATS,
        differentiable=False),
    Row("pdist", _pdist, [S((4, 3), p=0), S((1, 3), p=1)], dtypes=FLOATS, differentiable=False),
    *(Row("reduce_at", _reduce_at,
          [S((2, 3), (4,), TWICE, how=how), S((2, 3), (4,), TWICE, how=how, include_self=False),
           S((6,), (2, 2), TWICE.reshape(2, 2), how=how),
           S((2, 3), (2, 4), np.array([[0, 2, 0, -1], [1, 1, 1, 0]]), how=how, axis=1),
           S((3, 2), (4, 2), np.array([[2], [0], [2], [-3]]), how=how, axis=0),
           S((2, 3, 2), (2, 2, 2), np.array([[[1], [1]]], "int32"), how=how, axis=1,
             include_self=False)], dtypes=FLOATS, tolerance=2)
      for how in REDUCE),
    Row("put", _put,
        [S((2, 3), (2,), np.array([5, -6])), S((2, 3), (4,), np.array([0, 3, 0, 5]),
         accumulate=True), S((2, 2), (0,), np.array([], int)), S((), (1,), np.array([0]))],
        dtypes=FLOATS + COMPLEX),
    Row("put", _put, [S((2, 3), (3,), np.array([4, 1, 4]))], differentiable=False),
    Row("reduce_at", _reduce_at, [S((6,), (4,), TWICE, how=how) for how in ("sum", "prod", "amax")],
        dtypes=("int32", "int64"), differentiable=False),
]  # fmt: skip
