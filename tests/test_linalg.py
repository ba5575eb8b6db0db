"""``xpgrad.linalg`` and ``xpgrad.fft`` as PyTorch has them, beyond what op_db.py walks through.

Complex matrices and second order, errors and their words, matrices that cannot be taken, all
namespaces and transforms, and the ways that are taken without SciPy.
"""

import math
import warnings

import numpy as np
import pytest

import xpgrad as xg
from namespaces import NAMES, give, host, why_not
from xpgrad import func, host_linalg
from xpgrad.errors import GradientError
from xpgrad_backends.numpy_linalg import Transforms

RNG = np.random.default_rng(3)


def real(*shape):
    return RNG.normal(size=shape)


def complexes(*shape):
    return RNG.normal(size=shape) + 1j * RNG.normal(size=shape)


def hermitian(x):
    return x + np.conj(np.swapaxes(x, -1, -2))


def adjoint(t, x):
    """The conjugate transpose in either library."""
    return x.mT.conj()


def apart(x, t):
    """The product with the conjugate of each element: what is the same for all phases."""
    return x * x.conj()


def spd(t, x):
    return x @ adjoint(t, x) + t.eye(x.shape[-1])


def svd_of(t, x, full=False):
    u, s, vh = t.linalg.svd(x, full_matrices=full)
    k = s.shape[-1]
    u, vh = u[..., :k], vh[..., :k, :]
    return apart(u, t), s, u @ vh


def eigh_of(t, x):
    values, v = t.linalg.eigh(x)
    return values, apart(v, t)


def eig_of(t, x):
    values, v = t.linalg.eig(x)
    return values.abs(), apart(v, t).real


# (what it is, function of the library and tensors, shapes of these)
PROGRAMS = {
    "solve": (lambda t, a, b: t.linalg.solve(a, b), (2, 3, 3), (2, 3, 2)),
    "solve, one matrix": (lambda t, a, b: t.linalg.solve(a, b), (3, 3), (3, 2)),
    "solve, vector": (lambda t, a, b: t.linalg.solve(a, b), (3, 3), (3,)),
    "solve, stack of vectors": (lambda t, a, b: t.linalg.solve(a, b), (2, 3, 3), (2, 3)),
    "solve from the right": (lambda t, a, b: t.linalg.solve(a, b, left=False), (3, 3), (2, 4, 3)),
    "solve_ex": (lambda t, a, b: t.linalg.solve_ex(a, b).result, (3, 3), (3, 2)),
    "triangular": (
        lambda t, a, b: t.linalg.solve_triangular(a, b, upper=True, left=False), (3, 3), (2, 3)),
    "triangular, ones": (
        lambda t, a, b: t.linalg.solve_triangular(a, b, upper=False, unitriangular=True),
        (2, 3, 3), (3, 2)),
    "inv": (lambda t, a: t.linalg.inv(a), (2, 3, 3)),
    "inv_ex": (lambda t, a: t.linalg.inv_ex(a).inverse, (3, 3)),
    "pinv, tall": (lambda t, a: t.linalg.pinv(a), (2, 4, 3)),
    "pinv, wide": (lambda t, a: t.linalg.pinv(a, rtol=1e-3), (3, 4)),
    "pinv of low rank": (lambda t, a, b: t.linalg.pinv(a @ b), (4, 2), (2, 3)),
    "lstsq": (lambda t, a, b: t.linalg.lstsq(a, b).solution, (4, 3), (4, 2)),
    "det": (lambda t, a: t.linalg.det(a), (2, 3, 3)),
    "slogdet": (lambda t, a: tuple(t.linalg.slogdet(a)), (2, 3, 3)),
    "logdet": (lambda t, a: t.logdet(spd(t, a)), (3, 3)),
    "cholesky": (lambda t, a: t.linalg.cholesky(spd(t, a)), (2, 3, 3)),
    "cholesky, upper": (lambda t, a: t.linalg.cholesky(spd(t, a), upper=True), (3, 3)),
    "cholesky_solve": (lambda t, a, b: t.cholesky_solve(b, a.tril()), (3, 3), (2, 3, 2)),
    "cholesky_inverse": (
        lambda t, a: t.cholesky_inverse(t.linalg.cholesky(spd(t, a), upper=True), True), (3, 3)),
    "lu": (lambda t, a: tuple(t.linalg.lu(a))[1:], (2, 3, 3)),
    "lu, tall": (lambda t, a: tuple(t.linalg.lu(a))[1:], (4, 3)),
    "lu, wide": (lambda t, a: tuple(t.linalg.lu(a))[1:], (3, 5)),
    "lu_solve": (
        lambda t, a, b: t.linalg.lu_solve(*t.linalg.lu_factor(a), b, adjoint=True), (3, 3), (3, 2)),
    "lu_solve from the right": (
        lambda t, a, b: t.linalg.lu_solve(*t.linalg.lu_factor(a), b, left=False),
        (2, 3, 3), (2, 4, 3)),
    "qr": (lambda t, a: tuple(t.linalg.qr(a)), (2, 3, 3)),
    "qr, tall": (lambda t, a: tuple(t.linalg.qr(a)), (4, 3)),
    "qr, wide": (lambda t, a: tuple(t.linalg.qr(a, "complete")), (3, 5)),
    "svd": (svd_of, (2, 3, 3)),
    "svd, tall": (svd_of, (5, 3)),
    "svd, wide and full": (lambda t, a: svd_of(t, a, True), (3, 5)),
    "svdvals": (lambda t, a: t.linalg.svdvals(a), (4, 3)),
    "eigh": (lambda t, a: eigh_of(t, a + adjoint(t, a)), (2, 3, 3)),
    "eigvalsh": (lambda t, a: t.linalg.eigvalsh(a + adjoint(t, a), "U"), (3, 3)),
    "eig": (eig_of, (3, 3)),
    "matrix_exp": (lambda t, a: t.linalg.matrix_exp(a * 3), (2, 3, 3)),
    "matrix_power": (lambda t, a: t.linalg.matrix_power(a, -3), (2, 3, 3)),
    "householder_product": (lambda t, a, b: t.linalg.householder_product(a, b), (4, 3), (2,)),
    "ormqr": (lambda t, a, b, c: t.ormqr(a, b, c, transpose=True), (4, 2), (2,), (4, 3)),
    "ormqr from the right": (
        lambda t, a, b, c: t.ormqr(a, b, c, left=False), (4, 2), (2,), (3, 4)),
    "multi_dot": (lambda t, *x: t.linalg.multi_dot(x), (4,), (4, 2), (2, 5), (5,)),
    "norms": (
        lambda t, a: [t.linalg.norm(a, p) for p in ("fro", "nuc", 1, -1, 2, -2, math.inf)], (3, 4)),
    "cond": (lambda t, a: [t.linalg.cond(a, p) for p in (None, -2)], (2, 3, 3)),
    "vander": (lambda t, a: t.linalg.vander(a, N=4), (2, 3)),
    "tensorinv": (lambda t, a: t.linalg.tensorinv(a), (2, 3, 6)),
    "tensorsolve": (lambda t, a, b: t.linalg.tensorsolve(a, b, (0,)), (2, 2, 1), (2,)),
    "vecdot": (lambda t, a, b: t.linalg.vecdot(a, b, dim=0), (3, 2), (3, 1)),
    "fft": (lambda t, a: t.fft.fft(a, n=5, dim=0, norm="ortho"), (4, 3)),
    "irfftn": (lambda t, a: t.fft.irfftn(a, s=(3, 6), norm="forward"), (3, 4)),
    "hfftn": (lambda t, a: t.fft.hfftn(a, dim=(0, 1)), (3, 4)),
    "istft": (lambda t, a: t.istft(a + 0j, 4, length=9), (3, 8)),
}  # fmt: skip
# PyTorch has no second derivative of these in complex numbers, or one of another gauge.
FIRST = {"tensorsolve"}


def arrays_of(name, kind):
    make = complexes if kind == "complex128" else real
    return [make(*shape) for shape in PROGRAMS[name][1:]]


def outputs(found):
    found = list(found) if isinstance(found, (tuple, list)) else [found]
    return found


def weights(results, seed):
    rng = np.random.default_rng(seed)
    found = []
    for r in results:
        w = rng.uniform(0.5, 1.5, tuple(r.shape))
        complex_ = r.is_complex() if callable(getattr(r, "is_complex", None)) else False
        found.append(w + 1j * rng.uniform(0.5, 1.5, tuple(r.shape)) if complex_ else w)
    return found


def derivatives(t, function, arrays, second=True):
    """Values, gradients and gradients of gradients in either library, as host arrays."""
    as_tensor = (lambda x: xg.tensor(x)) if t is xg else t.from_numpy
    leaves = [as_tensor(np.array(a)).requires_grad_() for a in arrays]
    results = outputs(function(t, *leaves))
    tracked = [r for r in results if r.requires_grad]
    seeds = [as_tensor(np.asarray(w)) for w in weights(tracked, 1)]
    first = t.autograd.grad(tracked, leaves, seeds, create_graph=second)
    again = []
    if second:
        kept = [g for g in first if g.requires_grad]
        seeds = [as_tensor(np.asarray(w)) for w in weights(kept, 2)]
        if kept:
            again = t.autograd.grad(kept, leaves, seeds, allow_unused=True)
            again = [x * 0 if g is None else g for g, x in zip(again, leaves, strict=True)]
    groups = (results, first, again)
    return [[np.asarray(numpy_of(x)) for x in group] for group in groups]


def numpy_of(x):
    x = x.detach()
    return x.resolve_conj().numpy() if hasattr(x, "resolve_conj") else x.numpy()


@pytest.mark.oracle
@pytest.mark.parametrize("kind", ["float64", "complex128"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_like_pytorch(name, kind):
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
    if name in ("istft",) and kind == "complex128":
        return
    function, arrays = PROGRAMS[name][0], arrays_of(name, kind)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = derivatives(torch, function, arrays, name not in FIRST)
    found = derivatives(xg, function, arrays, name not in FIRST)
    for what, mine, theirs in zip(("value", "gradient", "second"), found, expected, strict=True):
        assert len(mine) == len(theirs)
        for a, b in zip(mine, theirs, strict=True):
            assert a.dtype == b.dtype
            scale = max(1.0, float(np.max(np.abs(b), initial=0)))
            np.testing.assert_allclose(
                a, b, rtol=1e-7, atol=1e-9 * scale, err_msg=f"{name}, {what}"
            )


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("kind", ["float32", "complex64"])
def test_single_precision_stays(name, kind):
    if name == "istft" and kind == "complex64":
        return
    arrays = arrays_of(name, "complex128" if kind == "complex64" else "float64")
    leaves = [xg.tensor(a.astype(kind)).requires_grad_() for a in arrays]
    results = outputs(PROGRAMS[name][0](xg, *leaves))
    assert {r.dtype.name for r in results} <= {"float32", "complex64"}
    seeds = [xg.tensor(np.asarray(w)).to(r.dtype) for w, r in zip(weights(results, 1), results)]
    for g in xg.autograd.grad(results, leaves, seeds):
        assert g.dtype.name == kind


# ------------------------------------------------------------------ everywhere, under transforms


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("where", [n for n in NAMES if n in ("readonly", "strict:1", "played:0")])
def test_everywhere(name, where):
    if why_not(where):
        pytest.skip(f"{where}: {why_not(where)}")
    function = PROGRAMS[name][0]
    from xpgrad.registry import resolve
    from xpgrad.tensor import wrap

    ns, arrays = resolve(where), arrays_of(name, "float64")
    there = [wrap(give(ns, a), ns).requires_grad_() for a in arrays]
    here = [xg.tensor(a).requires_grad_() for a in arrays]
    found = [outputs(function(_On(where), *x)) for x in (there, here)]
    for a, b in zip(*found, strict=True):
        assert a._ns is ns
        np.testing.assert_allclose(host(a), host(b), rtol=1e-9, atol=1e-9)
    grads = [
        xg.autograd.grad(sum(abs(o).sum() for o in out), x)
        for out, x in zip(found, (there, here), strict=True)
    ]
    for a, b in zip(*grads, strict=True):
        np.testing.assert_allclose(host(a), host(b), rtol=1e-7, atol=1e-8)


class _On:
    """xpgrad, making new tensors on a device."""

    def __init__(self, device):
        self.device = device

    def __getattr__(self, name):
        if name == "eye":
            return lambda n: _Eye()
        return getattr(xg, name)


class _Eye:
    """An identity matrix on any device."""

    def __radd__(self, x):
        return x + xg.eye(x.shape[-1], dtype=x.dtype, device=x.device)


MAPPED = [n for n in PROGRAMS if n not in ("solve, stack of vectors",)]


@pytest.mark.parametrize("name", MAPPED)
def test_under_vmap_and_jvp(name):
    function, arrays = PROGRAMS[name][0], arrays_of(name, "float64")
    batch = [np.stack([a, a * 1.1, a * 0.9]) for a in arrays]
    tensors = [xg.tensor(b) for b in batch]

    def plain(*x):
        return tuple(outputs(function(_On("cpu"), *x)))

    found = func.vmap(plain)(*tensors)
    rows = [plain(*(x[i] for x in tensors)) for i in range(3)]
    for i, out in enumerate(found):
        expected = np.stack([host(r[i]) for r in rows])
        np.testing.assert_allclose(host(out), expected, rtol=1e-9, atol=1e-9)
    places, ways = [x[0] for x in tensors], [xg.tensor(real(*a.shape)) for a in arrays]
    _, tangents = func.jvp(plain, tuple(places), tuple(ways))
    step = 1e-6
    ends = [
        plain(*(x + sign * step * w for x, w in zip(places, ways, strict=True))) for sign in (1, -1)
    ]
    for t, a, b in zip(tangents, *ends, strict=True):
        slope = (host(a) - host(b)) / (2 * step)
        scale = max(1.0, float(np.max(np.abs(slope), initial=0)))
        np.testing.assert_allclose(host(t), slope, rtol=1e-4, atol=1e-5 * scale)


def test_results_that_only_the_host_knows_under_vmap():
    a = xg.tensor(np.stack([np.eye(2), np.ones((2, 2))]))
    out = func.vmap(lambda x: tuple(xg.linalg.inv_ex(x)))(a)
    assert out[1].tolist() == [0, 2]
    assert out[0][1].isnan().all()
    assert func.vmap(lambda x: xg.linalg.cond(x, 1))(a)[1] == math.inf
    assert func.vmap(lambda x: xg.linalg.matrix_rank(x))(a).tolist() == [2, 1]
    assert func.vmap(lambda x: xg.linalg.lstsq(x, x).rank)(a).tolist() == [2, 1]


# ------------------------------------------------------------------ without SciPy


@pytest.fixture
def _numpy_alone(monkeypatch):
    monkeypatch.setattr(host_linalg, "_routine", lambda *what: None)
    transforms = Transforms()
    for name in ("fft", "ifft", "fftn", "ifftn", "rfftn", "irfftn"):
        setattr(transforms, name, getattr(np.fft, name))
    monkeypatch.setattr(type(xg.zeros(1)._ns), "fft", transforms)


@pytest.mark.usefixtures("_numpy_alone")
@pytest.mark.parametrize("kind", ["float64", "complex128"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_numpy_alone(name, kind, request):
    if name == "istft" and kind == "complex128":
        return
    function, arrays = PROGRAMS[name][0], arrays_of(name, kind)
    second = name not in FIRST
    alone = derivatives(xg, function, arrays, second)
    request.getfixturevalue("monkeypatch").undo()
    for mine, theirs in zip(alone, derivatives(xg, function, arrays, second), strict=True):
        for a, b in zip(mine, theirs, strict=True):
            scale = max(1.0, float(np.max(np.abs(b), initial=0)))
            np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-9 * scale)


def test_small_matrices_in_large_stacks():
    a = xg.tensor(real(300, 3, 3) + 3 * np.eye(3)).requires_grad_()
    many = xg.linalg.det(a)
    few = xg.stack([xg.linalg.det(x) for x in a.detach()[:4]])
    np.testing.assert_allclose(host(many)[:4], host(few), rtol=1e-12)
    (g,) = xg.autograd.grad(many.sum(), a)
    inverse = np.linalg.inv(host(a)).swapaxes(1, 2) * host(many)[:, None, None]
    np.testing.assert_allclose(host(g), inverse, rtol=1e-9, atol=1e-11)
    p, left, right = xg.linalg.lu(a.detach())
    np.testing.assert_allclose(host(p @ left @ right), host(a), atol=1e-12)


# ------------------------------------------------------------------ errors

ERRORS = """
    t.linalg.inv(t.ones(3, 4))
    t.linalg.inv(t.ones(3))
    t.linalg.inv(t.ones(3, 3, dtype=t.int64))
    t.linalg.inv(t.ones(3, 3, dtype=t.float16))
    t.linalg.inv(t.zeros(3, 3))
    t.linalg.inv(t.zeros(2, 3, 3))
    t.linalg.inv_ex(t.ones(2, 2), check_errors=True)
    t.linalg.det(t.ones(3, 4))
    t.linalg.det(t.ones(3))
    t.linalg.det(t.ones(2, 2, dtype=t.int64))
    t.linalg.slogdet(t.ones(3, 4))
    t.logdet(t.ones(3, 4))
    t.linalg.cholesky(t.ones(3, 4))
    t.linalg.cholesky(-t.eye(3))
    t.linalg.cholesky(t.tensor([[1.0, 2.0], [2.0, 1.0]]))
    t.linalg.cholesky(t.stack([t.eye(3), -t.eye(3)]))
    t.cholesky(-t.eye(3))
    t.linalg.cholesky_ex(-t.eye(3), check_errors=True)
    t.cholesky_inverse(t.ones(3, 4))
    t.cholesky_solve(t.ones(3), t.eye(3))
    t.cholesky_solve(t.ones(3, 2), t.eye(4))
    t.linalg.solve(t.eye(3), t.ones(4, 2))
    t.linalg.solve(t.eye(3), t.ones(2, 4, 2))
    t.linalg.solve(t.eye(3), t.ones(3, 2, dtype=t.float64))
    t.linalg.solve(t.zeros(3, 3), t.ones(3, 2))
    t.linalg.solve(t.zeros(2, 3, 3), t.ones(2, 3, 2))
    t.linalg.solve(t.eye(3), t.ones(()))
    t.linalg.solve_ex(t.zeros(3, 3), t.eye(3), check_errors=True)
    t.linalg.solve_triangular(t.ones(3, 4), t.eye(3), upper=True)
    t.linalg.solve_triangular(t.eye(3), t.ones(4, 2), upper=True)
    t.linalg.solve_triangular(t.eye(3), t.ones(4, 2), upper=True, left=False)
    t.linalg.lu_factor(t.zeros(2, 2))
    t.linalg.lu_factor(t.zeros(2, 2, 2))
    t.linalg.lu_solve(t.eye(3), t.tensor([1, 2, 3]), t.ones(3, 4))
    t.linalg.qr(t.ones(3, 4), mode="x")
    t.linalg.eigh(t.eye(3), UPLO="x")
    t.linalg.matrix_power(t.ones(3, 4), 2)
    t.linalg.matrix_power(t.eye(3), 2.0)
    t.linalg.matrix_power(t.ones(3, 3, dtype=t.int64), -2)
    t.linalg.matrix_norm(t.eye(3), ord=3)
    t.linalg.matrix_norm(t.eye(3), ord="x")
    t.linalg.matrix_norm(t.eye(3), dim=(0,))
    t.linalg.matrix_norm(t.eye(3), dim=(0, 0))
    t.linalg.matrix_norm(t.ones(3))
    t.linalg.norm(t.ones(2, 2, 2), 2)
    t.linalg.norm(t.ones(2, 2, 2), 2, dim=(0, 1, 2))
    t.linalg.norm(t.ones(2, 2, 2), "fro", dim=1)
    t.linalg.vector_norm(t.ones(3, dtype=t.int64))
    t.linalg.vector_norm(t.ones(0), ord=float("inf"))
    t.linalg.vector_norm(t.ones(3), dtype=t.complex64)
    t.linalg.vector_norm(t.ones(3, dtype=t.float64), dtype=t.float32)
    t.linalg.cond(t.ones(3, 4), 1)
    t.linalg.cond(t.eye(3), "x")
    t.linalg.cond(t.ones(3))
    t.linalg.multi_dot([t.eye(3)])
    t.linalg.multi_dot([t.eye(3), t.ones(3, 4), t.eye(3)])
    t.linalg.multi_dot([t.ones(2, 2, 2), t.eye(2)])
    t.linalg.multi_dot([t.eye(2), t.ones(2, 2, 2), t.eye(2)])
    t.linalg.tensorinv(t.ones(3, 4), ind=1)
    t.linalg.tensorinv(t.ones(3, 4), ind=0)
    t.linalg.tensorsolve(t.ones(3, 4), t.ones(3))
    t.linalg.cross(t.ones(3, 4), t.ones(3, 4))
    t.linalg.vander(t.ones(3), N=0)
    t.linalg.diagonal(t.ones(3))
    t.linalg.lstsq(t.eye(3), t.eye(3), driver="x")
    t.linalg.lstsq(t.eye(3), t.ones(3, 2, dtype=t.float64))
    t.linalg.householder_product(t.ones(3, 4), t.ones(4))
    t.linalg.householder_product(t.ones(4, 3), t.ones(4))
    t.linalg.pinv(t.ones(3))
    t.linalg.matrix_rank(t.ones(3, 3, dtype=t.int64))
    t.block_diag(t.ones(2, 2, 2))
    t.block_diag(3)
    t.fft.fft(t.ones(3), n=0)
    t.fft.fft(t.ones(3), norm="x")
    t.fft.fft(t.tensor(1.0))
    t.fft.fft(t.ones(3), dim=2)
    t.fft.rfft(t.ones(3, dtype=t.complex64))
    t.fft.ihfft(t.ones(3, dtype=t.complex64))
    t.fft.fftn(t.ones(3, 3), dim=(0, 0))
    t.fft.fftn(t.ones(3), s=(2, 2))
    t.fft.fftn(t.ones(3, 3), s=(2,), dim=(0, 1))
    t.fft.irfft(t.ones(1))
    t.fft.rfftn(t.ones(3, 3), dim=())
    t.fft.fft2(t.ones(3))
    t.stft(t.ones(20), 4)
    t.stft(t.ones(20) + 0j, 4, onesided=True)
    t.stft(t.ones(3), 8, return_complex=True)
    t.istft(t.ones(3, 5), 4)
"""


def said(t, expression):
    with pytest.raises(Exception) as caught:  # noqa: PT011 - which one is compared
        eval(expression, {"t": t})
    return caught.value


@pytest.mark.oracle
@pytest.mark.parametrize("expression", [line.strip() for line in ERRORS.strip().splitlines()])
def test_errors_like_pytorch(expression):
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
    theirs, mine = said(torch, expression), said(xg, expression)
    for kind in (RuntimeError, TypeError, IndexError, NotImplementedError):
        if isinstance(theirs, kind):
            assert isinstance(mine, kind), f"{type(mine).__mro__}: {mine}"
    if isinstance(theirs, torch.linalg.LinAlgError):
        assert isinstance(mine, xg.linalg.LinAlgError)
    words = str(theirs).splitlines()[0].replace("torch.", "xpgrad.")
    if "Half" not in words and "not implemented" not in words and "Argument #4" not in words:
        assert str(mine) == words


PHASES = {
    "svd_backward": lambda x: xg.linalg.svd(x).U.real.sum(),
    "eigh_backward": lambda x: xg.linalg.eigh(x + x.mH).eigenvectors.imag.sum(),
    "eig_backward": lambda x: xg.linalg.eig(x).eigenvectors.real.sum(),
}


@pytest.mark.parametrize("what", PHASES)
def test_what_depends_on_phases_is_refused(what):
    x = xg.tensor(complexes(3, 3)).requires_grad_()
    with pytest.raises(GradientError, match=f"{what}.*in the complex case are specified up to"):
        xg.autograd.grad(PHASES[what](x), x)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda x: xg.linalg.qr(x, "r").R.sum(), "depends on Q, which is not computed"),
        (lambda x: xg.linalg.qr(x, "complete").R.sum(), "nrows > ncols"),
    ],
)
def test_what_qr_has_no_derivative_of(call, match):
    x = xg.tensor(real(4, 2)).requires_grad_()
    with pytest.raises(GradientError, match=match):
        xg.autograd.grad(call(x), x)


def test_a_linalg_error_is_numpy_s_too():
    with pytest.raises(np.linalg.LinAlgError):
        xg.linalg.inv(xg.zeros(2, 2))
    assert issubclass(xg.linalg.LinAlgError, RuntimeError)


# ------------------------------------------------------------------ singular matrices


@pytest.mark.parametrize("rank", [0, 1, 2, 3])
def test_determinants_of_any_rank(rank):
    """First and second derivatives against minors, and the third where singular values differ."""
    x = real(3, rank) @ real(rank, 3)
    leaf = xg.tensor(x).requires_grad_()
    (first,) = xg.autograd.grad(xg.linalg.det(leaf), leaf, create_graph=True)
    a, b = real(3, 3), real(3, 3)
    (second,) = xg.autograd.grad((first * xg.tensor(a)).sum(), leaf, create_graph=rank > 1)

    def along(*directions):  # the determinant is a polynomial: exact mixed differences
        total = 0.0
        for signs in np.ndindex(*(2,) * len(directions)):
            moved = x + sum((2 * s - 1) * d for s, d in zip(signs, directions, strict=True))
            total += np.prod([2 * s - 1 for s in signs]) * np.linalg.det(moved)
        return total / 2 ** len(directions)

    # Of degree 3, so that differences of odd order see a term of third order.
    slope = along(a) - np.linalg.det(a)
    np.testing.assert_allclose(np.sum(host(first) * a), slope, atol=1e-10)
    np.testing.assert_allclose(np.sum(host(second) * b), along(a, b), atol=1e-9)
    if rank > 1:
        (third,) = xg.autograd.grad((second * xg.tensor(b)).sum(), leaf)
        c = real(3, 3)
        np.testing.assert_allclose(np.sum(host(third) * c), along(a, b, c), atol=1e-8)


def test_third_derivatives_where_singular_values_are_equal():
    leaf = xg.tensor(np.eye(3)).requires_grad_()
    (g,) = xg.autograd.grad(xg.linalg.det(leaf), leaf, create_graph=True)
    (g,) = xg.autograd.grad(g[0, 0], leaf, create_graph=True)
    (g,) = xg.autograd.grad(g[1, 1], leaf)
    np.testing.assert_allclose(host(g), np.diag([0.0, 0, 1]), atol=1e-14)


def test_what_ex_functions_return_is_differentiable():
    a = xg.tensor(np.stack([np.diag([2.0, 4]), np.zeros((2, 2))])).requires_grad_()
    inverse, info = xg.linalg.inv_ex(a)
    assert info.tolist() == [0, 1]
    assert inverse[1].isnan().all()
    (g,) = xg.autograd.grad(inverse[0].sum(), a)
    np.testing.assert_allclose(host(g)[0], [[-0.25, -0.125], [-0.125, -0.0625]])
    factor, info = xg.linalg.cholesky_ex(xg.stack([a[0], -a[0]]))
    assert info.tolist() == [0, 1]
    np.testing.assert_allclose(host(factor)[0], np.diag([math.sqrt(2), 2]))


def test_factors_are_used_once():
    """What solving keeps beside its inputs is gone after a backward, as saved values are."""
    a = xg.tensor(real(4, 4) + 4 * np.eye(4)).requires_grad_()
    b = xg.tensor(real(4, 2)).requires_grad_()
    x = xg.linalg.solve(a, b)
    kept = x.grad_fn.settings.get("factors")
    first = xg.autograd.grad(x.sum(), (a, b), retain_graph=True)
    assert kept is None or kept.parts is None
    again = xg.autograd.grad(x.sum(), (a, b))
    for p, q in zip(first, again, strict=True):
        np.testing.assert_allclose(host(p), host(q), rtol=1e-12)


def test_writing_to_a_factor_of_an_equation_is_noticed():
    a = xg.tensor(real(3, 3)).requires_grad_()
    matrix = a * 1
    x = xg.linalg.solve(matrix, xg.ones(3, 1, dtype=xg.float64))
    matrix.mul_(2)
    with pytest.raises(GradientError, match="modified by an inplace operation"):
        x.sum().backward()


# ------------------------------------------------------------------ signals


@pytest.mark.oracle
@pytest.mark.parametrize(
    "how",
    [
        {"n_fft": 4},
        {"n_fft": 8, "hop_length": 3, "win_length": 6, "normalized": True},
        {"n_fft": 8, "hop_length": 2, "center": False},
        {"n_fft": 8, "onesided": False, "pad_mode": "constant"},
        {"n_fft": 6, "pad_mode": "replicate", "hop_length": 2},
        {"n_fft": 6, "pad_mode": "circular", "hop_length": 2},
        {"n_fft": 8, "win_length": 5, "center": False, "align_to_window": True},
    ],
)
def test_short_time_transforms(how):
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
    signal = real(2, 30)

    def there(t, x):
        window = t.hann_window(how.get("win_length", how["n_fft"]), dtype=t.float64) + 0.1
        return t.stft(x, window=window, return_complex=True, **how)

    expected = derivatives(torch, there, [signal], second=False)
    for mine, theirs in zip(derivatives(xg, there, [signal], second=False), expected, strict=True):
        for a, b in zip(mine, theirs, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-12)
    if how.get("align_to_window") or not how.get("center", True):
        return
    back = {k: v for k, v in how.items() if k != "pad_mode"} | {"length": 30}

    def home(t, z):
        window = t.hann_window(how.get("win_length", how["n_fft"]), dtype=t.float64) + 0.1
        return t.istft(z, window=window, **back)

    spectrum, expected = expected[0], derivatives(torch, home, expected[0], second=False)
    for mine, theirs in zip(derivatives(xg, home, spectrum, second=False), expected, strict=True):
        for a, b in zip(mine, theirs, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-12)
    np.testing.assert_allclose(expected[0][0], signal, atol=1e-12)


@pytest.mark.oracle
@pytest.mark.parametrize("length", [0, 1, 2, 5])
@pytest.mark.parametrize("periodic", [True, False])
@pytest.mark.parametrize("name", ["hann", "hamming", "blackman", "bartlett", "kaiser"])
def test_windows(name, length, periodic):
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
    mine, theirs = (getattr(t, f"{name}_window")(length, periodic) for t in (xg, torch))
    assert mine.dtype is xg.float32
    np.testing.assert_allclose(mine.numpy(), theirs.numpy(), atol=1e-6)


@pytest.mark.oracle
def test_integers_and_frequencies():
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
    for call in (
        lambda t: t.fft.fft(t.arange(3)),
        lambda t: t.fft.irfft(t.arange(3)),
        lambda t: t.fft.fftn(t.ones(3, dtype=t.bool)),
        lambda t: t.fft.fftn(t.ones(2, 2), dim=()),
        lambda t: t.fft.fftn(t.ones(3, 3), s=(-1, 2)),
        lambda t: t.fft.fftfreq(5, 0.5),
        lambda t: t.fft.rfftfreq(6, dtype=t.float64),
        lambda t: t.fft.ifftshift(t.arange(6).reshape(2, 3), dim=(1,)),
        lambda t: t.linalg.vander(t.arange(3, dtype=t.int32)),
        lambda t: t.linalg.matrix_power(t.ones(2, 2, dtype=t.int64), 3),
        lambda t: t.linalg.matrix_power(t.ones(2, 2), 0),
        lambda t: t.linalg.matrix_rank(t.ones(3, 3), 0.1),
        lambda t: t.linalg.matrix_rank(-t.eye(3), hermitian=True),
        lambda t: t.linalg.solve_triangular(t.zeros(2, 2), t.ones(2, 1), upper=True),
        lambda t: t.linalg.cond(t.zeros(2, 2), "fro"),
        lambda t: t.linalg.pinv(t.zeros(2, 3)),
        lambda t: t.svd(t.ones(2, 3), compute_uv=False).U,
        lambda t: t.svd(t.ones(2, 3), some=False).V.abs().shape.numel() * t.ones(1),
        lambda t: t.geqrf(t.tensor([[3.0, 1.0], [4.0, 2.0]])).tau,
        lambda t: t.lu_unpack(*t.linalg.lu_factor(t.eye(2)), unpack_data=False).L,
        lambda t: t.linalg.qr(t.eye(2), "r").Q,
        lambda t: t.triangular_solve(t.ones(2, 1), t.eye(2)).cloned_coefficient,
        lambda t: t.block_diag(t.ones(2), t.tensor(3), t.ones(2, 1, dtype=t.float64)),
        lambda t: t.block_diag(),
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = call(torch)
        found = call(xg)
        assert str(found.dtype)[7:] == str(expected.dtype)[6:]
        assert tuple(found.shape) == tuple(expected.shape)
        np.testing.assert_allclose(found.numpy(), expected.numpy(), atol=1e-6)
