"""Special functions of each element: what is known as such beyond exponentials and the like.

Values come from ``xp.special``, under the names of ``scipy.special``. The derivatives are in
closed form; the formulas are those of the Digital Library of Mathematical Functions (DLMF), whose
equations are named. Each is written so that it stays finite where the function does.
"""

from __future__ import annotations

import math

from xpgrad.op import op
from xpgrad.ops import elementwise

SQRT_PI = math.sqrt(math.pi)

# ------------------------------------------------------------------ around the error function


@op(elementwise=True, integers="float", x=lambda g, x, xp: g * (-2 / SQRT_PI) * xp.exp(-x * x))
def erfc(xp, x, /):
    """1 - erf(x), precise where that is small."""
    return xp.erfc(x)


@op(
    node="SpecialErfcx",
    elementwise=True,
    integers="float",
    x=lambda g, x, out: g * (2 * x * out - 2 / SQRT_PI),
)
def erfcx(xp, x, /):
    """exp(x²) erfc(x), which does not underflow."""
    return xp.special("erfcx", x)


@op(
    elementwise=True,
    integers="float",
    x=lambda g, out, xp: g * (SQRT_PI / 2) * xp.exp(out * out),
)
def erfinv(xp, x, /):
    """What `erf` makes `x` of."""
    return xp.special("erfinv", x)


@op(
    node="SpecialNdtr",
    elementwise=True,
    integers="float",
    x=lambda g, x, xp: g * (xp.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)),
)
def ndtr(xp, x, /):
    """How likely a standard normal number is to be at most `x`."""
    return xp.special("ndtr", x)


@op(
    node="SpecialNdtri",
    elementwise=True,
    integers="float",
    x=lambda g, out, xp: g * (xp.exp(0.5 * out * out) * math.sqrt(2 * math.pi)),
)
def ndtri(xp, x, /):
    """What `ndtr` makes `x` of."""
    return xp.special("ndtri", x)


def log_ndtr_rule(g, x, xp):
    # The density over the probability; `erfcx` has their common factor divided out.
    return g * math.sqrt(2 / math.pi) / xp.special("erfcx", x * -math.sqrt(0.5))


@op(node="SpecialLogNdtr", elementwise=True, integers="float", x=log_ndtr_rule)
def log_ndtr(xp, x, /):
    """log(ndtr(x)), precise where ndtr underflows."""
    return xp.special("log_ndtr", x)


# ------------------------------------------------------------------ logarithms times something


@op(
    node="SpecialEntr",
    elementwise=True,
    integers="float",
    x=lambda g, x, xp: -g * (1 + xp.log(x)),
)
def entr(xp, x, /):
    """-x log(x): 0 at 0, and -inf below."""
    inside = -x * xp.log(xp.where(x > 0, x, 1.0))
    return xp.where(x < 0, -math.inf, xp.where(x == x, inside, math.nan))


def xlog1py_x(g, x, y, xp):
    nothing = (y <= -1) & (x == 0)
    return xp.where(nothing, 0.0, g * xp.log1p(xp.where(nothing, 0.0, y)))


@op(
    node="SpecialXlog1PyBackward0",
    elementwise=True,
    integers="float",
    x=xlog1py_x,
    y=lambda g, x, y: g * (x / (y + 1)),
)
def xlog1py(xp, x, y, /):
    """``x * log1p(y)``, and 0 where `x` is 0 (unless `y` is nan)."""
    nothing = (y == y) & (x == 0)
    return xp.where(nothing, 0.0, x * xp.log1p(xp.where(nothing, 0.0, y)))


# ------------------------------------------------------------------ the gamma function's family


def polygamma_of(xp, n, x):
    """The derivative of digamma of order `n`: DLMF 5.15.2 with 25.11.1."""
    if n == 0:
        return xp.special("psi", x)
    return (-1) ** (n + 1) * float(math.factorial(n)) * xp.special("zeta", float(n + 1), x)


@op(elementwise=True, integers="float", x=lambda g, x, xp: g * polygamma_of(xp, 0, x))
def lgamma(xp, x, /):
    """The logarithm of the absolute value of the gamma function."""
    return xp.special("gammaln", x)


@op(elementwise=True, integers="float", x=lambda g, x, xp: g * polygamma_of(xp, 1, x))
def digamma(xp, x, /):
    """The derivative of `lgamma`."""
    return xp.special("psi", x)


@op(elementwise=True, integers="float", x=lambda g, x, n, xp: g * polygamma_of(xp, n + 1, x))
def polygamma(xp, x, /, *, n):
    """The derivative of digamma of order `n`, a Python int."""
    return polygamma_of(xp, n, x)


def zeta_other(g, input, other, xp):
    return g * (-input * xp.special("zeta", input + 1, other))  # DLMF 25.11.17


# PyTorch's error about what has no derivative names the argument: so these have its names.


@op(node="SpecialZeta", elementwise=True, integers="float", input=None, other=zeta_other)
def zeta(xp, input, other, /):
    """Hurwitz's zeta function: the sum of (k + other)**-input over k from 0 on."""
    return xp.special("zeta", input, other)


def igamma_other(g, input, other, xp):
    # DLMF 8.8.13
    return g * xp.exp((input - 1) * xp.log(other) - other - xp.special("gammaln", input))


@op(elementwise=True, integers="float", input=None, other=igamma_other)
def igamma(xp, input, other, /):
    """The regularised lower incomplete gamma function."""
    return xp.special("gammainc", input, other)


@op(
    elementwise=True,
    integers="float",
    input=None,
    other=lambda g, input, other, xp: -igamma_other(g, input, other, xp),
)
def igammac(xp, input, other, /):
    """The regularised upper incomplete gamma function."""
    return xp.special("gammaincc", input, other)


# ------------------------------------------------------------------ sinc


def sinc_slope(xp, x, out):
    """``(cos(pi x) - sinc(x)) / x``; near 0, where that cancels, its power series.

    The series has derivatives of its own, so that those of higher order hold at 0 too.
    """
    near = xp.abs(x) < 0.5
    small, rest = xp.where(near, x, 0.0), xp.where(near, 1.0, x)
    square = small * small * -(math.pi**2)
    series = 0.0
    for k in range(10, 0, -1):
        series = series * square + 2 * k / math.factorial(2 * k + 1)
    far = (xp.cos(rest * math.pi) - out) / rest
    return xp.where(near, 0.0 - small * series * math.pi**2, far)  # no -0 at 0


@op(elementwise=True, integers="float", x=lambda g, x, out, xp: g * xp.conj(sinc_slope(xp, x, out)))
def sinc(xp, x, /):
    """``sin(pi x) / (pi x)``, and 1 at 0."""
    at_zero = x == 0
    angle = xp.where(at_zero, 1.0, x) * math.pi
    return xp.where(at_zero, 1.0, xp.sin(angle) / angle)


# ------------------------------------------------------------------ Bessel's functions


def over(xp, y, x):
    """``y / x`` for a function that is about ``x / 2`` near 0."""
    at_zero = x == 0
    return xp.where(at_zero, 0.5, y / xp.where(at_zero, 1.0, x))


@op(node="I0Backward0", elementwise=True, integers="float",
    x=lambda g, x, xp: g * xp.special("i1", x))  # fmt: skip
def i0(xp, x, /):
    """The modified Bessel function of the first kind, of order 0 (DLMF 10.29 for all of them)."""
    return xp.special("i0", x)


@op(node="SpecialI0EBackward0", elementwise=True, integers="float",
    x=lambda g, x, out, xp: g * (xp.special("i1e", x) - xp.sign(x) * out))  # fmt: skip
def i0e(xp, x, /):
    """exp(-|x|) i0(x)."""
    return xp.special("i0e", x)


@op(node="SpecialI1Backward0", elementwise=True, integers="float",
    x=lambda g, x, out, xp: g * (xp.special("i0", x) - over(xp, out, x)))  # fmt: skip
def i1(xp, x, /):
    """The modified Bessel function of the first kind, of order 1."""
    return xp.special("i1", x)


@op(node="SpecialI1EBackward0", elementwise=True, integers="float",
    x=lambda g, x, out, xp: g * (xp.special("i0e", x) - over(xp, out, x) - xp.sign(x) * out),
)  # fmt: skip
def i1e(xp, x, /):
    """exp(-|x|) i1(x)."""
    return xp.special("i1e", x)


@op(elementwise=True, integers="float", x=lambda g, x, xp: -g * xp.special("j1", x))
def bessel_j0(xp, x, /):
    """The Bessel function of the first kind, of order 0 (DLMF 10.6 for the four of them)."""
    return xp.special("j0", x)


@op(elementwise=True, integers="float",
    x=lambda g, x, out, xp: g * (xp.special("j0", x) - over(xp, out, x)))  # fmt: skip
def bessel_j1(xp, x, /):
    """The Bessel function of the first kind, of order 1."""
    return xp.special("j1", x)


@op(elementwise=True, integers="float", x=lambda g, x, xp: -g * xp.special("y1", x))
def bessel_y0(xp, x, /):
    """The Bessel function of the second kind, of order 0."""
    return xp.special("y0", x)


@op(elementwise=True, integers="float",
    x=lambda g, x, out, xp: g * (xp.special("y0", x) - out / x))  # fmt: skip
def bessel_y1(xp, x, /):
    """The Bessel function of the second kind, of order 1."""
    return xp.special("y1", x)


@op(elementwise=True, integers="float", x=lambda g, x, xp: -g * xp.special("k1", x))
def modified_bessel_k0(xp, x, /):
    """The modified Bessel function of the second kind, of order 0."""
    return xp.special("k0", x)


@op(elementwise=True, integers="float",
    x=lambda g, x, out, xp: -g * (xp.special("k0", x) + out / x))  # fmt: skip
def modified_bessel_k1(xp, x, /):
    """The modified Bessel function of the second kind, of order 1."""
    return xp.special("k1", x)


@op(elementwise=True, integers="float",
    x=lambda g, x, out, xp: g * (out - xp.special("k1e", x)))  # fmt: skip
def scaled_modified_bessel_k0(xp, x, /):
    """exp(x) k0(x)."""
    return xp.special("k0e", x)


@op(elementwise=True, integers="float",
    x=lambda g, x, out, xp: g * (out - xp.special("k0e", x) - out / x))  # fmt: skip
def scaled_modified_bessel_k1(xp, x, /):
    """exp(x) k1(x)."""
    return xp.special("k1e", x)


# ------------------------------------------------------------------ without derivative


@op(elementwise=True, integers="float", x=None)
def airy_ai(xp, x, /):
    """Airy's function Ai."""
    return xp.special("airy", x)


@op(elementwise=True, x=None)
def exponent(xp, x, /):
    """The integer e for which abs(x) is in [2**(e - 1), 2**e); 0 for 0, inf and nan."""
    usual = xp.isfinite(x) & (x != 0)
    size = xp.where(usual, xp.abs(x), 1.0)
    found = xp.floor(xp.log2(size)) + 1
    # The logarithm is rounded: it may have come to lie beyond a power of two.
    half = xp.floor(found / 2)
    scaled = size * 2.0**-half * 2.0 ** (half - found)
    found = xp.where(scaled >= 1, found + 1, xp.where(scaled < 0.5, found - 1, found))
    return xp.astype(xp.where(usual, found, 0.0), xp.native("int32"))


@op(elementwise=True, integers="float", x=None, y=None)
def polynomial(xp, x, y, /, *, name):
    """An orthogonal polynomial by SciPy's name, of the order `y` (whole numbers), at `x`."""
    order = xp.trunc(y)
    found = xp.special(name, xp.where(order < 0, 0.0, order), x)
    return xp.where(order < 0, 0.0, found)


# ------------------------------------------------------------------ as the namespaces name them

# What ``xp.special`` is on Tensors.
BY_NAME = {
    "erf": elementwise.erf, "erfc": erfc, "erfcx": erfcx, "erfinv": erfinv, "expit":
    elementwise.sigmoid, "gammainc": igamma, "gammaincc": igammac, "gammaln": lgamma, "i0": i0,
    "i0e": i0e, "i1": i1, "i1e": i1e, "j0": bessel_j0, "j1": bessel_j1, "k0": modified_bessel_k0,
    "k0e": scaled_modified_bessel_k0, "k1": modified_bessel_k1, "k1e": scaled_modified_bessel_k1,
    "log_ndtr": log_ndtr, "ndtr": ndtr, "ndtri": ndtri, "psi": digamma, "y0": bessel_y0,
    "y1": bessel_y1, "zeta": zeta,
}  # fmt: skip
