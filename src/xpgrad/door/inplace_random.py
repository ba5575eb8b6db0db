"""Random contents, written into a tensor: ``normal_``, ``uniform_``, ``bernoulli_``, …."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

from xpgrad import dtypes
from xpgrad.door.attach import method
from xpgrad.door.inplace import overwrite
from xpgrad.errors import DTypeError, ShapeError
from xpgrad.op import named
from xpgrad.ops import indexing as ops
from xpgrad.tensor import Tensor


def _random(node: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Write what a function draws; the node that PyTorch shows forgets what was there."""
    recorded = named(ops.copy, node)

    def attach(draw: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(draw)
        def call(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
            return overwrite(self, draw(self, *args, **kwargs), recorded)

        return method()(call)

    return attach


def _uniform(t: Tensor, generator: Any) -> Tensor:
    from xpgrad.random import rand_like

    wide = None if t.dtype.is_floating_point else dtypes.float32
    return rand_like(t.detach(), generator=generator, dtype=wide)


def _floating(t: Tensor, name: str) -> None:
    if not t.dtype.is_differentiable:
        raise DTypeError(f"{name}: expected a floating-point tensor, got {t.dtype}")


@_random("NormalBackward0")
def normal_(self: Tensor, mean: float = 0, std: float = 1, *, generator: Any = None) -> Tensor:
    """Write normal random numbers.

    Raises:
        ShapeError: for a negative standard deviation.
    """
    from xpgrad.random import randn_like

    _floating(self, "normal_")
    if std < 0:
        raise ShapeError(f"normal_ expects std >= 0.0, but found std {std}")
    return randn_like(self.detach(), generator=generator) * std + mean


# PyTorch's name for the lower end is a keyword of Python's.
@_random("UniformBackward0")
def uniform_(self: Tensor, a: float = 0, b: float = 1, *, generator: Any = None) -> Tensor:
    """Write uniform random numbers from ``[a, b)``.

    Raises:
        ShapeError: where `a` is greater than `b`.
    """
    _floating(self, "uniform_")
    if a > b:
        raise ShapeError(
            f"uniform_ expects to return a [from, to) range, but found from={a} > to={b}"
        )
    return _uniform(self, generator) * (b - a) + a


@_random("BernoulliBackward2")
def bernoulli_(self: Tensor, p: Any = 0.5, *, generator: Any = None) -> Tensor:
    """Write ones with probability `p`, a number or a tensor, and zeros elsewhere.

    Raises:
        ShapeError: for a probability outside of [0, 1].
    """
    if not isinstance(p, Tensor) and not 0 <= p <= 1:
        raise ShapeError(f"bernoulli_ expects p to be in [0, 1], but got p={p}")
    chance = p.detach() if isinstance(p, Tensor) else p
    return (_uniform(self, generator) < chance).to(self.dtype)


@_random("ExponentialBackward0")
def exponential_(self: Tensor, lambd: float = 1, *, generator: Any = None) -> Tensor:
    """Write exponentially distributed random numbers.

    Raises:
        ShapeError: for a rate that is not positive.
    """
    _floating(self, "exponential_")
    if lambd <= 0:
        raise ShapeError(f"exponential_ expects lambda > 0.0, but found lambda={lambd}")
    return (1 - _uniform(self, generator)).log() / -lambd


@_random("GeometricBackward0")
def geometric_(self: Tensor, p: float, *, generator: Any = None) -> Tensor:
    """Write how many trials it takes until one with probability `p` succeeds: 1 or more.

    Raises:
        ShapeError: for a probability outside of (0, 1).
    """
    if not 0 < p < 1:
        raise ShapeError(f"geometric_ expects p to be in (0, 1), but got p={p:g}")
    trials = (1 - _uniform(self, generator)).log() / math.log1p(-p)
    return (trials.floor() + 1).to(self.dtype)


@_random("CauchyBackward0")
def cauchy_(self: Tensor, median: float = 0, sigma: float = 1, *, generator: Any = None) -> Tensor:
    """Write numbers of a Cauchy distribution.

    Raises:
        ShapeError: for a width that is not positive.
    """
    if not self.dtype.is_floating_point:
        raise DTypeError(
            "Cauchy distribution is a continuous probability distribution. dtype must be a "
            f"floating point but you specified {self.dtype.name}"
        )
    if sigma <= 0:
        raise ShapeError(f"cauchy_ expects sigma > 0.0, but found sigma={sigma}")
    return ((_uniform(self, generator) - 0.5) * math.pi).tan() * sigma + median


@_random("LogNormalBackward0")
def log_normal_(self: Tensor, mean: float = 1, std: float = 2, *, generator: Any = None) -> Tensor:
    """Write numbers whose logarithms are normal.

    Raises:
        ShapeError: for a standard deviation that is not positive.
    """
    from xpgrad.random import randn_like

    _floating(self, "log_normal_")
    if std <= 0:
        raise ShapeError(f"log_normal_ expects std > 0.0, but found std={std}")
    return (randn_like(self.detach(), generator=generator) * std + mean).exp()


@_random("RandomBackward0")
def random_(
    self: Tensor, low: int = 0, high: int | None = None, *, generator: Any = None
) -> Tensor:
    """Write random integers from ``[low, high)``, or from ``[0, low)`` if only one is given.

    Without arguments, all that the dtype holds exactly and that is not negative.
    """
    from xpgrad.random import randint

    if high is None and low:
        low, high = 0, low
    if high is None:
        name = self.dtype.name
        bits = {"float16": 11, "float32": 24, "float64": 53, "bool": 1}.get(name)
        if bits is None:
            bits = 8 * self.dtype.itemsize - (not name.startswith("uint"))
        high = 2 ** min(bits, 63) + (bits in (11, 24, 53))
    drawn = randint(low, high, tuple(self.shape), generator=generator, device=self.device)
    return drawn.to(self.dtype)
