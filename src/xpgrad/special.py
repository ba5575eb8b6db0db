"""Special functions, as ``torch.special`` has them.

All are functions of each element. Most values are SciPy's (on CUDA those of what CuPy has of it),
in the dtype of the input; derivatives are in closed form, of any order. PyTorch has none for the
Bessel functions: here those have theirs.
"""

from __future__ import annotations

import math
from typing import Any

from xpgrad.door.attach import documented
from xpgrad.door.data import tensor
from xpgrad.door.elementwise import erf, exp2, expm1, log1p, logit, sigmoid, sinc, xlogy
from xpgrad.door.reductions import log_softmax as _log_softmax
from xpgrad.door.reductions import logsumexp
from xpgrad.door.reductions import softmax as _softmax
from xpgrad.door.rounding import round
from xpgrad.door.special import (
    digamma,
    erfc,
    erfinv,
    i0,
    igamma,
    igammac,
    lgamma,
    mvlgamma,
    polygamma,
)
from xpgrad.ops import elementwise
from xpgrad.ops import special as ops
from xpgrad.tensor import Tensor

__all__ = [
    "airy_ai", "bessel_j0", "bessel_j1", "bessel_y0", "bessel_y1", "chebyshev_polynomial_t",
    "chebyshev_polynomial_u", "chebyshev_polynomial_v", "chebyshev_polynomial_w", "digamma", "entr",
    "erf", "erfc", "erfcx", "erfinv", "exp2", "expit", "expm1", "gammainc", "gammaincc", "gammaln",
    "hermite_polynomial_h", "hermite_polynomial_he", "i0", "i0e", "i1", "i1e",
    "laguerre_polynomial_l", "legendre_polynomial_p", "log1p", "log_ndtr", "log_softmax", "logit",
    "logsumexp", "modified_bessel_i0", "modified_bessel_i1", "modified_bessel_k0",
    "modified_bessel_k1", "multigammaln", "ndtr", "ndtri", "polygamma", "psi", "round",
    "scaled_modified_bessel_k0", "scaled_modified_bessel_k1", "shifted_chebyshev_polynomial_t",
    "shifted_chebyshev_polynomial_u", "shifted_chebyshev_polynomial_v",
    "shifted_chebyshev_polynomial_w", "sinc", "softmax", "spherical_bessel_j0", "xlog1py", "xlogy",
    "zeta",
]  # fmt: skip

expit, gammaln, psi, multigammaln = sigmoid, lgamma, digamma, mvlgamma
gammainc, gammaincc = igamma, igammac


def _of(op: Any, name: str, text: str, example: str, slope: str = "") -> Any:
    return documented(op, f"special.{name}", (), text, example, slope)


erfcx = _of(
    ops.erfcx, "erfcx", "``exp(x * x) * erfc(x)``, which does not underflow.",
    "[0., 100.] -> [1.0000, 0.0056]",
)  # fmt: skip
ndtr = _of(
    ops.ndtr, "ndtr", "How likely a standard normal number is to be at most this.",
    "[0., 1.] -> [0.5000, 0.8413]",
)  # fmt: skip
ndtri = _of(ops.ndtri, "ndtri", "What `ndtr` makes its input of.", "[0.5, 0.9] -> [0.0000, 1.2816]")
log_ndtr = _of(
    ops.log_ndtr, "log_ndtr", "``log(ndtr(x))``, precise where ndtr underflows.",
    "[0., -40.] -> [-6.9315e-01, -8.0461e+02]",
)  # fmt: skip
entr = _of(
    ops.entr, "entr", "``-x * log(x)``: 0 at 0, where its derivative is inf, and -inf below.",
    "[0., 0.5] -> [0.0000, 0.3466]", "[0., 1.] -> [inf, -1.]",
)  # fmt: skip
i0e = _of(ops.i0e, "i0e", "``exp(-abs(x)) * i0(x)``.", "[0., 1.] -> [1.0000, 0.4658]")
i1 = _of(
    ops.i1, "i1", "The modified Bessel function of the first kind, of order 1.",
    "[0., 1.] -> [0.0000, 0.5652]",
)  # fmt: skip
i1e = _of(ops.i1e, "i1e", "``exp(-abs(x)) * i1(x)``.", "[0., 1.] -> [0.0000, 0.2079]")
bessel_j0 = _of(
    ops.bessel_j0, "bessel_j0", "The Bessel function of the first kind, of order 0.",
    "[0., 1.] -> [1.0000, 0.7652]",
)  # fmt: skip
bessel_j1 = _of(
    ops.bessel_j1, "bessel_j1", "The Bessel function of the first kind, of order 1.",
    "[0., 1.] -> [0.0000, 0.4401]",
)  # fmt: skip
bessel_y0 = _of(
    ops.bessel_y0, "bessel_y0", "The Bessel function of the second kind, of order 0.",
    "[1., 2.] -> [0.0883, 0.5104]",
)  # fmt: skip
bessel_y1 = _of(
    ops.bessel_y1, "bessel_y1", "The Bessel function of the second kind, of order 1.",
    "[1., 2.] -> [-0.7812, -0.1070]",
)  # fmt: skip
modified_bessel_i0 = _of(
    ops.i0, "modified_bessel_i0", "The same as `i0`.", "[0., 1.] -> [1.0000, 1.2661]"
)
modified_bessel_i1 = _of(
    ops.i1, "modified_bessel_i1", "The same as `i1`.", "[0., 1.] -> [0.0000, 0.5652]"
)
modified_bessel_k0 = _of(
    ops.modified_bessel_k0, "modified_bessel_k0",
    "The modified Bessel function of the second kind, of order 0.", "[1., 2.] -> [0.4210, 0.1139]",
)  # fmt: skip
modified_bessel_k1 = _of(
    ops.modified_bessel_k1, "modified_bessel_k1",
    "The modified Bessel function of the second kind, of order 1.", "[1., 2.] -> [0.6019, 0.1399]",
)  # fmt: skip
scaled_modified_bessel_k0 = _of(
    ops.scaled_modified_bessel_k0, "scaled_modified_bessel_k0",
    "``exp(x) * modified_bessel_k0(x)``.", "[1., 2.] -> [1.1445, 0.8416]",
)  # fmt: skip
scaled_modified_bessel_k1 = _of(
    ops.scaled_modified_bessel_k1, "scaled_modified_bessel_k1",
    "``exp(x) * modified_bessel_k1(x)``.", "[1., 2.] -> [1.6362, 1.0335]",
)  # fmt: skip
airy_ai = _of(
    ops.airy_ai, "airy_ai", "Airy's function Ai, without a derivative (on the CPU alone).",
    "[0., 1.] -> [0.3550, 0.1353]",
)  # fmt: skip


def spherical_bessel_j0(input: Tensor) -> Tensor:
    """``sin(x) / x``, and 1 at 0.

    >>> import xpgrad as xg
    >>> xg.special.spherical_bessel_j0(xg.tensor([0.0, 1.0]))
    tensor([1.0000, 0.8415])
    """
    return sinc(elementwise.multiply(input, 1 / math.pi))


def xlog1py(input: Any, other: Any) -> Tensor:
    """``input * log1p(other)``, and 0 where `input` is 0 (unless `other` is nan).

    Where `input` is 0, its derivative is 0 for an `other` of -1 or less.

    >>> import xpgrad as xg
    >>> xg.special.xlog1py(xg.tensor([0.0, 2.0]), xg.tensor([-1.0, 1.0]))
    tensor([0.0000, 1.3863])
    """
    return ops.xlog1py(input, other)


def zeta(input: Any, other: Any) -> Tensor:
    """Hurwitz's zeta function: the sum of ``(k + other) ** -input`` over k = 0, 1, ….

    It has no derivative with respect to `input`.

    >>> import xpgrad as xg
    >>> xg.special.zeta(xg.tensor([2.0, 4.0]), 1)
    tensor([1.6449, 1.0823])
    """
    return ops.zeta(input, other)


def softmax(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """`xpgrad.softmax`."""
    return _softmax(input, dim, dtype)


def log_softmax(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """`xpgrad.log_softmax`."""
    return _log_softmax(input, dim, dtype)


# ------------------------------------------------------------------ orthogonal polynomials


def _polynomial(name: str, what: str, example: str, scipy: str = "", shift: bool = False) -> Any:
    """A polynomial of an order: SciPy's of that name, or Chebyshev's of the third, fourth kind."""

    def at(input: Any, n: Any) -> Tensor:
        x = 2 * input - 1 if shift else input
        if not isinstance(n, Tensor):
            n = tensor(n, dtype=x.dtype, device=x.device)
        if scipy:
            return ops.polynomial(x, n, name=scipy)
        # DLMF 18.9.5 and 18.9.6: the sum or difference of two of the second kind.
        first = ops.polynomial(x, n, name="eval_chebyu")
        second = ops.polynomial(x, n + -1, name="eval_chebyu")  # `n` may be a boolean
        return first - second if name.endswith("v") else first + second

    at.__name__ = at.__qualname__ = name
    at.__doc__ = (
        f"{what}, of order `n` (0 for a negative one), without a derivative; on the CPU alone.\n\n"
        f">>> import xpgrad as xg\n>>> xg.special.{name}(xg.tensor([0.5, 1.0, 2.0]), 3)\n"
        f"tensor({example})"
    )
    return at


chebyshev_polynomial_t = _polynomial(
    "chebyshev_polynomial_t", "Chebyshev's polynomial of the first kind",
    "[-1.,  1., 26.]", "eval_chebyt",
)  # fmt: skip
chebyshev_polynomial_u = _polynomial(
    "chebyshev_polynomial_u", "Chebyshev's polynomial of the second kind",
    "[-1.,  4., 56.]", "eval_chebyu",
)  # fmt: skip
chebyshev_polynomial_v = _polynomial(
    "chebyshev_polynomial_v", "Chebyshev's polynomial of the third kind", "[-1.,  1., 41.]"
)
chebyshev_polynomial_w = _polynomial(
    "chebyshev_polynomial_w", "Chebyshev's polynomial of the fourth kind", "[-1.,  7., 71.]"
)
shifted_chebyshev_polynomial_t = _polynomial(
    "shifted_chebyshev_polynomial_t",
    "Chebyshev's polynomial of the first kind at ``2 * input - 1``",
    "[-0.,  1., 99.]", "eval_chebyt", shift=True,
)  # fmt: skip
shifted_chebyshev_polynomial_u = _polynomial(
    "shifted_chebyshev_polynomial_u",
    "Chebyshev's polynomial of the second kind at ``2 * input - 1``",
    "[ -0.,   4., 204.]", "eval_chebyu", shift=True,
)  # fmt: skip
shifted_chebyshev_polynomial_v = _polynomial(
    "shifted_chebyshev_polynomial_v",
    "Chebyshev's polynomial of the third kind at ``2 * input - 1``",
    "[  1.,   1., 169.]", shift=True,
)  # fmt: skip
shifted_chebyshev_polynomial_w = _polynomial(
    "shifted_chebyshev_polynomial_w",
    "Chebyshev's polynomial of the fourth kind at ``2 * input - 1``",
    "[ -1.,   7., 239.]", shift=True,
)  # fmt: skip
hermite_polynomial_h = _polynomial(
    "hermite_polynomial_h", "The physicist's Hermite polynomial",
    "[-5., -4., 40.]", "eval_hermite",
)  # fmt: skip
hermite_polynomial_he = _polynomial(
    "hermite_polynomial_he", "The probabilist's Hermite polynomial",
    "[-1.3750, -2.0000,  2.0000]", "eval_hermitenorm",
)  # fmt: skip
laguerre_polynomial_l = _polynomial(
    "laguerre_polynomial_l", "Laguerre's polynomial",
    "[-0.1458, -0.6667, -0.3333]", "eval_laguerre",
)  # fmt: skip
legendre_polynomial_p = _polynomial(
    "legendre_polynomial_p", "Legendre's polynomial",
    "[-0.4375,  1.0000, 17.0000]", "eval_legendre",
)  # fmt: skip
