"""Resizing: each dimension on its own is read at other places, from a few elements with weights."""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from xpgrad.door.arguments import UnsupportedDType, only_tensor
from xpgrad.dtypes import float32, uint8
from xpgrad.errors import ShapeError
from xpgrad.nn.functional.adaptive import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_avg_pool3d,
)
from xpgrad.nn.functional.space import in_single
from xpgrad.ops import resampling
from xpgrad.ops.device import astype
from xpgrad.tensor import Tensor
from xpgrad.windowed import Taps

__all__ = ["interpolate", "upsample", "upsample_bilinear", "upsample_nearest"]

_RANKS = {"linear": 3, "bilinear": 4, "bicubic": 4, "trilinear": 5, "lanczos": 4}
_MODES = "nearest | linear | bilinear | bicubic | trilinear | lanczos | area | nearest-exact"
_AREA = {3: adaptive_avg_pool1d, 4: adaptive_avg_pool2d, 5: adaptive_avg_pool3d}


class UnsupportedMode(ShapeError, NotImplementedError):
    """A way of interpolating that there is not for such an input."""


def interpolate(
    input: Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """(N, C, *space) in another size, given as a `size` or as a `scale_factor`.

    Args:
        mode: ``"nearest"`` (the element before), ``"nearest-exact"`` (the closest one), ``"area"``
            (means of windows), ``"linear"``, ``"bilinear"`` and ``"trilinear"`` in 1, 2 and 3
            dimensions, ``"bicubic"`` and, with `antialias` alone, ``"lanczos"`` in 2.
        align_corners: the first and last elements stay where they are; otherwise the outer edges
            of these elements do.
        recompute_scale_factor: take the scale from the sizes, not the factor as it was given.
        antialias: where a size becomes smaller, take as many elements more (in two dimensions).

    Raises:
        ValueError: for arguments that contradict each other.
        NotImplementedError: for a mode that there is not in so many dimensions.
        ShapeError: for sizes that are not positive.

    >>> import xpgrad as xg
    >>> x = xg.tensor([[[1.0, 3.0]]])
    >>> xg.nn.functional.interpolate(x, scale_factor=2)
    tensor([[[1., 1., 3., 3.]]])
    >>> xg.nn.functional.interpolate(x, 4, mode="linear")
    tensor([[[1.0000, 1.5000, 2.5000, 3.0000]]])
    >>> xg.nn.functional.interpolate(x, 3, mode="linear", align_corners=True)
    tensor([[[1., 2., 3.]]])
    """
    x = only_tensor(input, "interpolate")
    plain = mode in ("nearest", "area", "nearest-exact")
    if plain and align_corners is not None:
        raise ValueError(
            "align_corners option can only be set with the interpolating modes: linear | bilinear "
            "| bicubic | trilinear"
        )
    sizes, factors = _sizes(x, size, scale_factor, recompute_scale_factor)
    if antialias and not (mode in ("bilinear", "bicubic", "lanczos") and x.ndim == 4):
        raise ValueError(
            "Anti-alias option is restricted to bilinear, bicubic, and lanczos modes and requires "
            "a 4-D tensor as input"
        )
    if mode == "lanczos" and not antialias:
        raise ValueError("lanczos mode requires antialias=True")
    if x.ndim not in (3, 4, 5) or not (plain or mode in _RANKS):
        raise UnsupportedMode(
            "Input Error: Only 3D, 4D and 5D input Tensors supported "
            f"(got {x.ndim}D) for the modes: {_MODES} (got {mode})"
        )
    if not plain and x.ndim != _RANKS[mode]:
        raise UnsupportedMode(f"Got {x.ndim}D input, but {mode} mode needs {_RANKS[mode]}D input")
    if min(sizes, default=1) <= 0 or 0 in x.shape[2:]:
        names = ("D", "H", "W")[-len(sizes) :]
        shown = [
            ", ".join(f"{a}: {n}" for a, n in zip(names, s, strict=True))
            for s in (x.shape[2:], sizes)
        ]
        raise ShapeError(
            f"Input and output sizes should be greater than 0, but got input ({shown[0]}) output "
            f"({shown[1]})"
        )
    if mode == "area":
        found: Tensor = _AREA[x.ndim](x, sizes)
        return found
    kind = x.dtype
    if kind is not uint8 and (kind.is_complex or not kind.is_differentiable):
        raise UnsupportedDType(f"\"upsample_{mode}\" not implemented for '{kind.torch_name}'")
    tables = _tables(x, sizes, factors, mode, bool(align_corners), antialias)
    if kind is uint8 and not mode.startswith("nearest"):
        for axis, taps in reversed(tables):  # rounded each time, as Pillow does
            x = resampling.resample(astype(x, dtype=float32), axis=axis, taps=taps)
            x = astype((x + 0.5).floor().clamp(0, 255), dtype=uint8)
        return x
    key = f"{mode}{x.ndim - 2}" + ("aa" if antialias else "")
    return _resized(x, tables, resampling.UPSAMPLED.get(key, resampling.resample))


def _sizes(
    x: Tensor, size: Any, scale_factor: Any, recompute: bool | None
) -> tuple[tuple[int, ...], list[Any]]:
    """The new sizes, and the factors that the scales are to be taken from (or `None`)."""
    space = x.ndim - 2
    if size is not None and scale_factor is not None:
        raise ValueError("only one of size or scale_factor should be defined")
    if size is not None:
        if recompute:
            raise ValueError("recompute_scale_factor is not meaningful with an explicit size.")
        if isinstance(size, (list, tuple)):
            if len(size) != space:
                raise ValueError(
                    "Input and output must have the same number of spatial dimensions, but got "
                    f"input with spatial dimensions of {list(x.shape[2:])} and output size of "
                    f"{size}. Please provide input tensor in (N, C, d1, d2, ...,dK) format and "
                    "output size in (o1, o2, ...,oK) format."
                )
            wanted = tuple(size)
        else:
            wanted = (size,) * space
        if not all(isinstance(n, (int, np.integer)) for n in wanted):
            raise TypeError(f"expected size to be one of int or Tuple[int], but got {size}")
        return wanted, [None] * space
    if scale_factor is None:
        raise ValueError("either size or scale_factor should be defined")
    if isinstance(scale_factor, (list, tuple)):
        if len(scale_factor) != space:
            raise ValueError(
                "Input and scale_factor must have the same number of spatial dimensions, but got "
                f"input with spatial dimensions of {list(x.shape[2:])} and scale_factor of shape "
                f"{scale_factor}. Please provide input tensor in (N, C, d1, d2, ...,dK) format and "
                "scale_factor in (s1, s2, ...,sK) format."
            )
        factors = [float(f) for f in scale_factor]
    else:
        factors = [float(scale_factor)] * space
    sizes = tuple(math.floor(n * f) for n, f in zip(x.shape[2:], factors, strict=True))
    return sizes, [None] * space if recompute else factors


def _tables(
    x: Tensor, sizes: Any, factors: Any, mode: str, align: bool, antialias: bool
) -> list[tuple[int, Taps]]:
    """For each dimension of space, what to read for its new places."""
    found = []
    for i, (m, factor) in enumerate(zip(sizes, factors, strict=True)):
        n = x.shape[i + 2]
        if mode.startswith("nearest"):
            taps = _nearest(n, m, factor, mode == "nearest-exact")
        elif antialias:
            taps = _smooth(n, m, factor, align, mode)
        elif mode == "bicubic":
            taps = _cubic(n, m, factor, align)
        else:
            taps = _linear(n, m, factor, align)
        found.append((i + 2, taps))
    return found


@in_single
def _resized(x: Tensor, tables: list[tuple[int, Taps]], last: Callable[..., Tensor]) -> Tensor:
    # What makes it smaller comes first: there is less to do for the others then.
    *others, end = sorted(tables, key=lambda pair: pair[1].count / pair[1].length)
    for axis, taps in others:
        x = resampling.resample(x, axis=axis, taps=taps)
    return last(x, axis=end[0], taps=end[1])


# ------------------------------------------------------------------ tables
#
# Networks ask for the same few again and again.


def _scale(n: int, m: int, factor: float | None, align: bool) -> float:
    """How many elements there are for one place."""
    if align:
        return (n - 1) / (m - 1) if m > 1 else 0.0
    return 1 / factor if factor is not None and factor > 0 else n / m


@functools.lru_cache(64)
def _nearest(n: int, m: int, factor: float | None, exact: bool) -> Taps:
    """In single precision, as PyTorch has it: which side of an element a place is on depends."""
    i = np.arange(m)
    if not exact and m == n:
        return Taps(i, n)
    if not exact and m == 2 * n:
        return Taps(i // 2, n)
    if factor is not None and factor > 0:
        scale = np.float32(1 / factor)
    else:
        scale = np.float32(n) / np.float32(m)
    at = np.floor((i + (np.float32(0.5) if exact else np.float32(0))).astype(np.float32) * scale)
    return Taps(np.minimum(at.astype(np.int64), n - 1), n)


def _places(n: int, m: int, factor: float | None, align: bool) -> Any:
    i = np.arange(m)
    scale = _scale(n, m, factor, align)
    return i * scale if align else (i + 0.5) * scale - 0.5


@functools.lru_cache(64)
def _linear(n: int, m: int, factor: float | None, align: bool) -> Taps:
    if m == n:
        return Taps(np.arange(n), n)
    at = np.maximum(_places(n, m, factor, align), 0.0)
    low = np.minimum(np.floor(at).astype(np.int64), n - 1)
    share = np.clip(at - low, 0.0, 1.0)
    high = np.minimum(low + 1, n - 1)
    return Taps(np.stack([low, high], axis=1), n, np.stack([1 - share, share], axis=1))


def _cubic_weights(t: Any, a: float) -> Any:
    """Keys' cubic convolution: R. Keys, *Cubic convolution interpolation* (1981), eq. 4."""
    t = np.abs(t)
    near = ((a + 2) * t - (a + 3)) * t * t + 1
    far = (((t - 5) * t + 8) * t - 4) * a
    return np.where(t <= 1, near, np.where(t < 2, far, 0.0))


@functools.lru_cache(64)
def _cubic(n: int, m: int, factor: float | None, align: bool) -> Taps:
    at = _places(n, m, factor, align)
    low = np.floor(at)
    offsets = np.arange(-1, 3)
    weights = _cubic_weights((at - low)[:, None] - offsets, -0.75)
    elements = np.clip(low.astype(np.int64)[:, None] + offsets, 0, n - 1)
    return Taps(elements, n, weights)


def _triangle(t: Any) -> Any:
    return np.maximum(1 - np.abs(t), 0.0)


def _lanczos(t: Any) -> Any:
    return np.where(np.abs(t) < 3, np.sinc(t) * np.sinc(t / 3), 0.0)


_FILTERS: dict[str, tuple[Callable[[Any], Any], int]] = {
    "bilinear": (_triangle, 2),
    "bicubic": (lambda t: _cubic_weights(t, -0.5), 4),
    "lanczos": (_lanczos, 6),
}


@functools.lru_cache(64)
def _smooth(n: int, m: int, factor: float | None, align: bool, mode: str) -> Taps:
    """With windows that grow with the scale, as Pillow has them."""
    function, width = _FILTERS[mode]
    scale = _scale(n, m, factor, align)
    support = width / 2 * max(scale, 1.0)
    centre = scale * (np.arange(m) + 0.5)
    first = np.maximum((centre - support + 0.5).astype(np.int64), 0)
    last = np.minimum((centre + support + 0.5).astype(np.int64), n)
    offsets = np.arange(np.max(last - first))
    elements = first[:, None] + offsets
    inside = elements < last[:, None]
    weights = function((elements - centre[:, None] + 0.5) * (1 / max(scale, 1.0))) * inside
    weights /= weights.sum(axis=1, keepdims=True)
    return Taps(np.where(inside, elements, first[:, None]), n, weights)


# ------------------------------------------------------------------ older names


def upsample(
    input: Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
) -> Tensor:
    """`interpolate`, as it was called once.

    Warns:
        UserWarning: always.

    >>> import warnings
    >>> import xpgrad as xg
    >>> with warnings.catch_warnings(action="ignore"):
    ...     xg.nn.functional.upsample(xg.tensor([[[1.0, 3.0]]]), 4)
    tensor([[[1., 1., 3., 3.]]])
    """
    _deprecated("upsample")
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """`interpolate` with mode ``"nearest"``, as it was called once.

    Warns:
        UserWarning: always.

    >>> import warnings
    >>> import xpgrad as xg
    >>> with warnings.catch_warnings(action="ignore"):
    ...     xg.nn.functional.upsample_nearest(xg.tensor([[[1.0, 3.0]]]), 4)
    tensor([[[1., 1., 3., 3.]]])
    """
    _deprecated("upsample_nearest")
    return interpolate(input, size, scale_factor, "nearest")


def upsample_bilinear(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """`interpolate` with mode ``"bilinear"`` and aligned corners, as it was called once.

    Warns:
        UserWarning: always.

    >>> import warnings
    >>> import xpgrad as xg
    >>> with warnings.catch_warnings(action="ignore"):
    ...     xg.nn.functional.upsample_bilinear(xg.tensor([[[[1.0, 3.0]]]]), (1, 3))
    tensor([[[[1., 2., 3.]]]])
    """
    _deprecated("upsample_bilinear")
    return interpolate(input, size, scale_factor, "bilinear", align_corners=True)


def _deprecated(name: str) -> None:
    warnings.warn(
        f"`nn.functional.{name}` is deprecated. Use `nn.functional.interpolate` instead.",
        UserWarning,
        stacklevel=3,
    )
