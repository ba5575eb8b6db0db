"""Special functions under PyTorch's names, and as methods; `xpgrad.special` has all of them.

SciPy computes them (on CUDA what CuPy has of it): ``pip install 'xpgrad[special]'``. Without it
there are `erf` and `erfc`, slowly, and what needs no more than exponentials and logarithms.
"""

from __future__ import annotations

import math
import operator
from typing import Any

from xpgrad.door.arguments import only_tensor
from xpgrad.door.attach import binary, called, method, unary
from xpgrad.errors import OpError
from xpgrad.ops import elementwise
from xpgrad.ops import special as ops
from xpgrad.tensor import Tensor

__all__ = [
    "digamma", "erfc", "erfinv", "i0", "igamma", "igammac", "lgamma", "mvlgamma", "polygamma",
]  # fmt: skip

erfc = unary(
    ops.erfc, "erfc", "``1 - erf(input)``, precise where that is small.",
    "[0., 5.] -> [1.0000e+00, 1.5375e-12]",
)  # fmt: skip
erfinv = unary(
    ops.erfinv,
    "erfinv",
    "What `erf` makes `input` of; inf at 1, nan beyond, and so are the derivatives.",
    "[0., 0.5] -> [0.0000, 0.4769]",
    "[0., 1.] -> [0.8862,    inf]",
)
lgamma = unary(
    ops.lgamma, "lgamma", "The logarithm of the absolute value of the gamma function.",
    "[1., 4.] -> [0.0000, 1.7918]",
)  # fmt: skip
digamma = unary(
    ops.digamma, "digamma", "The derivative of `lgamma`; -inf at 0, nan at negative integers.",
    "[1., 2.] -> [-0.5772,  0.4228]",
)  # fmt: skip
i0 = unary(
    ops.i0, "i0", "The modified Bessel function of the first kind, of order 0.",
    "[0., 1.] -> [1.0000, 1.2661]",
)  # fmt: skip
igamma = binary(
    ops.igamma,
    "igamma",
    "The regularised lower incomplete gamma function, without a derivative for `input`.",
    "[4., 4.]; [3., 4.] -> [0.3528, 0.5665]",
)
igammac = binary(
    ops.igammac,
    "igammac",
    "The regularised upper incomplete gamma function, without a derivative for `input`.",
    "[4., 4.]; [3., 4.] -> [0.6472, 0.4335]",
)


def polygamma(n: int, input: Tensor) -> Tensor:
    """The derivative of digamma of order `n`.

    Raises:
        RuntimeError: for a negative order.

    >>> import xpgrad as xg
    >>> xg.polygamma(1, xg.tensor([1.0, 2.0]))
    tensor([1.6449, 0.6449])
    """
    order, x = operator.index(n), only_tensor(input, "polygamma", position=2)
    if order < 0:
        raise OpError("polygamma(n, x) does not support negative n.")
    return ops.polygamma(x, n=order)


@method("polygamma")
def _polygamma(self: Tensor, n: int) -> Tensor:
    """`xpgrad.polygamma` of this tensor."""
    return polygamma(n, self)


@method()
def mvlgamma(input: Tensor, p: int) -> Tensor:
    """The logarithm of the gamma function of `p` dimensions.

    Raises:
        RuntimeError: for a `p` below 1.

    >>> import xpgrad as xg
    >>> xg.mvlgamma(xg.tensor([3.0, 4.0]), 2)
    tensor([1.5502, 3.5651])
    """
    x, count = only_tensor(input, "mvlgamma").contiguous(), operator.index(p)
    if count < 1:
        raise OpError("p has to be greater than or equal to 1")
    total: Any = count * (count - 1) / 4 * math.log(math.pi)
    for j in range(count):
        total = called(elementwise.add, "Mvlgamma")(ops.lgamma(x - j / 2), total)
    found: Tensor = total
    return found
