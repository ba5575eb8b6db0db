"""Fourier transforms: the standard's extension, differentiable."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from xpgrad import dtypes
from xpgrad.array_api.arguments import axis_of, native, rank_of, tensor_of
from xpgrad.array_api.data_types import astype
from xpgrad.errors import DTypeError, ShapeError
from xpgrad.ops import fft as _ops
from xpgrad.registry import within
from xpgrad.tensor import Tensor, wrap

__all__ = [
    "fft", "fftfreq", "fftn", "fftshift", "hfft", "ifft", "ifftn", "ifftshift", "ihfft", "irfft",
    "irfftn", "rfft", "rfftfreq", "rfftn",
]  # fmt: skip


def _axes(x: Any, s: Any, axes: Any) -> tuple[int, ...]:
    rank = rank_of(x)
    if axes is None:
        axes = range(rank) if s is None else range(-len(s), 0)
    found = tuple(axis_of(a, rank) for a in axes)
    if len(set(found)) < len(found):
        raise ShapeError(f"an axis is named twice in {tuple(axes)}")
    return found


def _several(
    x: Any, s: Any, axes: Any, norm: str, what: str, *, real: bool = False, half: bool = False
) -> tuple[Tensor, tuple[int, ...], list[int], str]:
    """The arguments of a transform over several axes, put in order.

    Args:
        real: the input is real; otherwise it may be, and is taken for complex.
        half: the last of the axes has half a spectrum.

    Raises:
        ValueError: for sizes that are not positive, a norm that there is not, axes named twice.
        TypeError: for other numbers than floating ones, or for complex ones where real ones go.
    """
    x = tensor_of(x, what)
    if norm not in _ops.OTHER:
        raise ShapeError(f"{what}: norm is 'backward', 'ortho' or 'forward', not {norm!r}")
    if not x.dtype.is_differentiable or (real and x.dtype.is_complex):
        raise DTypeError(f"{what}: {'real ' * real}floating numbers are needed, got {x.dtype.name}")
    found = _axes(x, s, axes)
    sizes = [x.shape[a] for a in found]
    if half and found:
        sizes[-1] = 2 * (sizes[-1] - 1)
    if s is not None:
        if len(s) != len(found):
            raise ShapeError(f"{what}: {len(s)} sizes for {len(found)} axes")
        sizes = [n if given in (None, -1) else given for n, given in zip(sizes, s, strict=True)]
    if any(n < 1 for n in sizes):
        raise ShapeError(f"{what}: cannot transform {min(sizes)} points")
    return x, found, sizes, norm


def _one(x: Any, n: Any, axis: Any, norm: str, what: str, **kind: bool) -> Any:
    return _several(x, None if n is None else (n,), (axis,), norm, what, **kind)


def fft(x: Any, /, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> Any:
    """The transform along an axis, of `n` points."""
    return _ops.transformed(*_one(x, n, axis, norm, "fft"))


def ifft(x: Any, /, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> Any:
    """The inverse of `fft`."""
    x, axes, sizes, norm = _one(x, n, axis, norm, "ifft")
    return _ops.transformed(x, axes, sizes, norm, inverse=True)


def fftn(
    x: Any, /, *, s: Sequence[int] | None = None, axes: Sequence[int] | None = None,
    norm: str = "backward",
) -> Any:  # fmt: skip
    """The transform over several axes."""
    return _ops.transformed(*_several(x, s, axes, norm, "fftn"))


def ifftn(
    x: Any, /, *, s: Sequence[int] | None = None, axes: Sequence[int] | None = None,
    norm: str = "backward",
) -> Any:  # fmt: skip
    """The inverse of `fftn`."""
    return _ops.transformed(*_several(x, s, axes, norm, "ifftn"), inverse=True)


def rfft(x: Any, /, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> Any:
    """Half of the transform of real numbers, which says all."""
    return _ops.of_real(*_one(x, n, axis, norm, "rfft", real=True))


def irfft(x: Any, /, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> Any:
    """The inverse of `rfft`; an even number of points unless `n` says otherwise."""
    return _ops.to_real(*_complex(*_one(x, n, axis, norm, "irfft", half=True)))


def rfftn(
    x: Any, /, *, s: Sequence[int] | None = None, axes: Sequence[int] | None = None,
    norm: str = "backward",
) -> Any:  # fmt: skip
    """The transform of real numbers over several axes, half of it along the last."""
    return _ops.of_real(*_several(x, s, axes, norm, "rfftn", real=True))


def irfftn(
    x: Any, /, *, s: Sequence[int] | None = None, axes: Sequence[int] | None = None,
    norm: str = "backward",
) -> Any:  # fmt: skip
    """The inverse of `rfftn`."""
    return _ops.to_real(*_complex(*_several(x, s, axes, norm, "irfftn", half=True)))


def hfft(x: Any, /, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> Any:
    """The real transform of what is its own mirror image conjugated, given as a half."""
    return _ops.hermitian(*_complex(*_one(x, n, axis, norm, "hfft", half=True)))


def ihfft(x: Any, /, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> Any:
    """The inverse of `hfft`."""
    return _ops.half_of_hermitian(*_one(x, n, axis, norm, "ihfft", real=True))


def _complex(x: Tensor, *rest: Any) -> tuple[Any, ...]:
    return (x if x.dtype.is_complex else astype(x, x.dtype.to_complex()), *rest)


def fftfreq(n: int, /, *, d: float = 1.0, dtype: Any = None, device: Any = None) -> Tensor:
    """The frequencies that `fft` of `n` points, a distance of `d` apart, has."""
    return _frequencies(n, d, dtype, device, [*range((n + 1) // 2), *range(-(n // 2), 0)])


def rfftfreq(n: int, /, *, d: float = 1.0, dtype: Any = None, device: Any = None) -> Tensor:
    """The frequencies that `rfft` has."""
    return _frequencies(n, d, dtype, device, list(range(n // 2 + 1)))


def _frequencies(n: int, d: float, dtype: Any, device: Any, cycles: list[int]) -> Tensor:
    ns = within(device)
    kind = native(ns, dtype, dtypes.get_default_dtype())
    with ns.current():
        return wrap(ns.asarray([k / (n * d) for k in cycles], dtype=kind), ns)


def fftshift(x: Any, /, *, axes: int | Sequence[int] | None = None) -> Any:
    """The zero frequency in the middle."""
    return _shift(x, axes, False)


def ifftshift(x: Any, /, *, axes: int | Sequence[int] | None = None) -> Any:
    """The inverse of `fftshift`."""
    return _shift(x, axes, True)


def _shift(x: Any, axes: Any, back: bool) -> Any:
    x = tensor_of(x, "ifftshift" if back else "fftshift")
    return _ops.shifted(x, _axes(x, None, (axes,) if isinstance(axes, int) else axes), back)
