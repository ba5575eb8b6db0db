"""Discrete Fourier transforms, over several axes at once.

A transform is linear, and but for its scale unitary: the gradient takes the way back, with the
scale (`norm`, as the standard has it) of the way here. Real input has half of a spectrum, of which
all but the first (and middle) elements stand for two: their mirror image is their conjugate.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from xpgrad.op import op
from xpgrad.ops import elementwise, indexing, shape
from xpgrad.tensor import Tensor, wrap

OTHER = {"backward": "forward", "forward": "backward", "ortho": "ortho"}


def weights(length, rank, axis, shared, xp, dtype):
    """Ones for the elements of half a spectrum that stand for themselves, `shared` for others."""
    places = xp.arange(length // 2 + 1)
    alone = xp.logical_or(places == 0, 2 * places == length)
    found = xp.where(alone, xp.ones((), dtype=dtype), xp.full((), shared, dtype=dtype))
    return xp.reshape(found, (*(1,) * axis, length // 2 + 1, *(1,) * (rank - axis - 1)))


@op(
    node="FftC2C",
    linear=True,
    integers="float",
    x=lambda g, axes, norm, inverse, xp: xp.dft(g, axes, OTHER[norm], not inverse),
)
def dft(xp, x, /, *, axes, norm="backward", inverse=False):
    """The transform of complex (or real) numbers, or its inverse."""
    return xp.dft(x, axes, norm, inverse)


def rdft_rule(g, like, axes, norm, xp):
    length = like.shape[axes[-1]]
    share = weights(length, len(like.shape), axes[-1], 0.5, xp, like.dtype)
    sizes = [like.shape[a] for a in axes]
    return xp.fft.irfftn(g * xp.astype(share, g.dtype), s=sizes, axes=axes, norm=OTHER[norm])


@op(node="FftR2C", linear=True, integers="float", x=rdft_rule)
def rdft(xp, x, /, *, axes, norm="backward"):
    """Of real numbers; along the last of the axes, the half of the spectrum that says all."""
    return xp.fft.rfftn(x, axes=axes, norm=norm)


def irdft_rule(g, like, axes, norm, length, xp):
    share = weights(length, len(like.shape), axes[-1], 2.0, xp, g.dtype)
    out = xp.fft.rfftn(g, axes=axes, norm=OTHER[norm])
    return out * xp.astype(share, out.dtype)


@op(node="FftC2R", linear=True, x=irdft_rule)
def irdft(xp, x, /, *, axes, norm="backward", length):
    """The real numbers, `length` along the last of the axes, that have such half a spectrum."""
    sizes = [x.shape[a] for a in axes[:-1]]
    return xp.fft.irfftn(x, s=[*sizes, length], axes=axes, norm=norm)


# ------------------------------------------------------------------ made of these


def resized(x: Any, axes: Sequence[int], sizes: Sequence[int]) -> Any:
    """Cut off at the end of axes, or filled up with zeros there."""
    if any(x.shape[a] > n for a, n in zip(axes, sizes, strict=True)):
        wanted = dict(zip(axes, sizes, strict=True))
        cut = tuple(slice(0, min(wanted.get(i, n), n)) for i, n in enumerate(x.shape))
        x = indexing.getview(x, index=cut)
    for axis, n in zip(axes, sizes, strict=True):
        if x.shape[axis] < n:
            lengths = [*x.shape]
            lengths[axis] = n - lengths[axis]
            ns = x._ns
            with ns.current():
                zeros = wrap(ns.zeros(tuple(lengths), dtype=x._data.dtype), ns)
            x = shape.concat(x, zeros, axis=axis)
    return x


def transformed(
    x: Tensor, axes: tuple[int, ...], sizes: Sequence[int], norm: str, inverse: bool = False
) -> Any:
    """The transform over axes, brought to these sizes."""
    return dft(resized(x, axes, sizes), axes=axes, norm=norm, inverse=inverse) if axes else x


def of_real(x: Tensor, axes: tuple[int, ...], sizes: Sequence[int], norm: str) -> Any:
    """Half the spectrum of real numbers."""
    return rdft(resized(x, axes, sizes), axes=axes, norm=norm)


def to_real(x: Tensor, axes: tuple[int, ...], sizes: Sequence[int], norm: str) -> Any:
    """Real numbers from half a spectrum; the last size is that of the result."""
    halves = [*sizes[:-1], sizes[-1] // 2 + 1]
    return irdft(resized(x, axes, halves), axes=axes, norm=norm, length=sizes[-1])


def hermitian(x: Tensor, axes: tuple[int, ...], sizes: Sequence[int], norm: str) -> Any:
    """The real spectrum of what is its own mirror image conjugated, given as a half."""
    return to_real(elementwise.conj(x), axes, sizes, OTHER[norm])


def half_of_hermitian(x: Tensor, axes: tuple[int, ...], sizes: Sequence[int], norm: str) -> Any:
    """The half of what has this real spectrum."""
    return elementwise.conj(of_real(x, axes, sizes, OTHER[norm]))


def shifted(x: Tensor, axes: tuple[int, ...], back: bool) -> Any:
    """The zero frequency to the middle, or back from there to the front."""
    steps = [x.shape[a] // 2 for a in axes]
    return shape.roll(x, shift=tuple(-s if back else s for s in steps), axis=axes)
