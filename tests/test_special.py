"""Special functions: dtypes, numbers beside tensors, what has no derivative, life without SciPy."""

import math
import sys

import numpy as np
import pytest

import xpgrad as xg
from namespaces import NAMES, has_dtype, why_not
from xpgrad.errors import MissingExtra
from xpgrad.registry import resolve

scipy = pytest.importorskip("scipy.special", reason="it computes them")

UNARY = (
    "erfc", "erfcx", "erfinv", "ndtr", "ndtri", "log_ndtr", "entr", "gammaln", "digamma", "i0",
    "i0e", "i1", "i1e", "bessel_j0", "bessel_j1", "bessel_y0", "bessel_y1", "modified_bessel_k0",
    "modified_bessel_k1", "scaled_modified_bessel_k0", "scaled_modified_bessel_k1", "sinc",
)  # fmt: skip


@pytest.mark.parametrize("name", UNARY)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_the_dtype_stays(name, dtype):
    x = xg.tensor([0.25, 0.5], dtype=getattr(xg, dtype), requires_grad=True)
    out = getattr(xg.special, name)(x)
    (g,) = xg.autograd.grad(out.sum(), x)
    assert out.dtype is g.dtype is x.dtype


@pytest.mark.parametrize("name", UNARY)
def test_integers_become_floats(name):
    out = getattr(xg.special, name)(xg.tensor([1, 2]))
    assert out.dtype is xg.float32


def test_numbers_stand_beside_tensors():
    x = xg.tensor([1.0, 2.0])
    assert xg.special.xlog1py(2, x).dtype is xg.float32
    np.testing.assert_allclose(xg.special.zeta(2, x).numpy(), scipy.zeta(2, [1.0, 2.0]), rtol=1e-6)
    np.testing.assert_allclose(xg.igamma(x, 2.0).numpy(), scipy.gammainc([1, 2], 2), rtol=1e-6)


def test_arguments_have_pytorchs_names():
    x = xg.tensor([1.0, 2.0])
    assert xg.special.gammainc(input=x, other=x).shape == x.shape
    assert xg.special.multigammaln(input=x + 2, p=2).shape == x.shape
    assert xg.special.polygamma(n=1, input=x).shape == x.shape
    assert xg.erfc(input=x).tolist() == x.erfc().tolist()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: xg.igamma(x, x), "the derivative for 'igamma: input' is not implemented"),
        (lambda x: xg.igammac(x, x), "the derivative for 'igammac: input' is not implemented"),
        (lambda x: xg.special.zeta(x, x), "the derivative for 'zeta: input' is not implemented"),
    ],
)
def test_what_has_no_derivative_says_so(call, message):
    x = xg.tensor([1.5, 2.0], requires_grad=True)
    with pytest.raises(NotImplementedError, match=message):
        xg.autograd.grad(call(x).sum(), x)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: xg.polygamma(-1, x), "does not support negative n"),
        (lambda x: xg.mvlgamma(x, 0), "p has to be greater than or equal to 1"),
    ],
)
def test_errors(call, message):
    with pytest.raises(RuntimeError, match=message):
        call(xg.tensor([1.0]))


def derivatives(function, x, count):
    """The derivatives of a function at a number, from the first on."""
    at = xg.tensor(x, dtype=xg.float64, requires_grad=True)
    found = [function(at)]
    for _ in range(count):
        found += xg.autograd.grad(found[-1], at, create_graph=True)
    return [f.item() for f in found[1:]]


def test_derivatives_of_sinc_at_zero_are_those_of_its_series():
    expected = [0, -(math.pi**2) / 3, 0, math.pi**4 / 5, 0, -(math.pi**6) / 7]
    np.testing.assert_allclose(derivatives(xg.sinc, 0.0, 6), expected, rtol=1e-12)


def test_derivatives_of_sinc_meet_where_its_formulas_do():
    inside, outside = (derivatives(xg.sinc, x, 3) for x in (0.5 - 1e-9, 0.5 + 1e-9))
    np.testing.assert_allclose(inside, outside, rtol=1e-7)


def test_polygammas_are_derivatives_of_one_another():
    found = derivatives(xg.lgamma, 1.3, 4)
    expected = [scipy.psi(1.3), *(scipy.polygamma(n, 1.3) for n in (1, 2, 3))]
    np.testing.assert_allclose(found, expected, rtol=1e-13)


def test_log_ndtr_has_slopes_where_ndtr_underflows():
    (slope,) = derivatives(xg.special.log_ndtr, -60.0, 1)
    np.testing.assert_allclose(slope, 60.016657, rtol=1e-6)  # about -x - 1 / x


# ------------------------------------------------------------------ without SciPy


@pytest.fixture
def no_scipy(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy", None)


def test_erf_and_erfc_need_no_scipy(no_scipy):
    x = xg.tensor([0.5, -1.0], dtype=xg.float64)
    np.testing.assert_allclose(xg.erf(x).tolist(), [math.erf(0.5), math.erf(-1.0)], rtol=1e-15)
    np.testing.assert_allclose(xg.erfc(x).tolist(), [math.erfc(0.5), math.erfc(-1.0)], rtol=1e-15)


@pytest.mark.parametrize("device", [n for n in NAMES if not n.startswith(("played", "cuda"))])
def test_the_error_names_what_is_missing(no_scipy, device):
    if why_not(device):
        pytest.skip(why_not(device))
    with pytest.raises(
        MissingExtra, match=r"'gammaln' needs SciPy: pip install 'xpgrad\[special\]'"
    ):
        xg.lgamma(xg.tensor([1.5], device=device))


@pytest.mark.parametrize("name", ["sinc", "entr", "expit", "logit", "exp2", "log1p"])
def test_what_needs_no_more_than_logarithms_needs_no_scipy(no_scipy, name):
    assert math.isfinite(getattr(xg.special, name)(xg.tensor(0.5)).item())


def test_large_single_precision_is_as_precise_as_small():
    """Above some size the error function is computed in another way."""
    x = np.concatenate([np.linspace(-5, 5, 20_001), np.logspace(-30, 0, 5000), [np.inf, -np.inf]])
    x = x.astype(np.float32)
    expected = scipy.erf(x.astype(np.float64))
    for device in NAMES:
        if why_not(device) is None and has_dtype(resolve(device), "float32"):
            found = np.array(xg.erf(xg.tensor(x, device=device)).cpu())
            np.testing.assert_allclose(found, expected, rtol=1e-6, err_msg=device)
    assert np.isnan(xg.erf(xg.full((5000,), math.nan)).numpy()).all()
