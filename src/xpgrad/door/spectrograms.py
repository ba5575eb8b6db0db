"""Short-time Fourier transforms, there and back."""

from __future__ import annotations

import warnings
from types import SimpleNamespace
from typing import Any

import numpy as np

from xpgrad.backward import tensor_namespace
from xpgrad.door.arguments import only_tensor
from xpgrad.door.attach import method
from xpgrad.door.complex import view_as_real
from xpgrad.errors import DTypeError, ShapeError
from xpgrad.ops import elementwise, fft, searching, shape, strided
from xpgrad.tensor import Tensor, wrap

__all__ = ["istft", "stft"]


def _from_host(values: Any, like: Tensor) -> Tensor:
    ns = like._ns
    with ns.current():
        return wrap(ns.from_host(np.asarray(values)), ns)


def _zeros(sizes: tuple[int, ...], like: Tensor) -> Tensor:
    ns = like._ns
    with ns.current():
        return wrap(ns.zeros(sizes, dtype=like._data.dtype), ns)


# ------------------------------------------------------------------ arguments


def _steps(
    what: str, n_fft: int, hop_length: int | None, win_length: int | None, window: Tensor | None
) -> tuple[int, int]:
    """The distance of windows, and their length."""
    hop = n_fft // 4 if hop_length is None else hop_length
    length = n_fft if win_length is None else win_length
    if hop <= 0:
        raise ShapeError(f"{what}: expected hop_length > 0, but got hop_length={hop}")
    if not 0 < length <= n_fft:
        raise ShapeError(f"{what}: expected 0 < win_length <= n_fft, but got win_length={length}")
    if window is not None and tuple(window.shape) != (length,):
        raise ShapeError(
            f"{what}: expected a 1D window tensor of size equal to win_length={length}, but got "
            f"window with size {list(window.shape)}"
        )
    return hop, length


def _window(window: Tensor | None, length: int, n_fft: int, like: Tensor) -> Tensor | None:
    """The window in the middle of `n_fft` points; `None` for ones everywhere."""
    if window is None:
        if length == n_fft:
            return None
        ns = like._ns
        with ns.current():
            window = wrap(ns.ones((length,), dtype=ns.native(like.dtype.to_real())), ns)
    before = (n_fft - length) // 2
    if length == n_fft:
        return window
    around = (_zeros((n,), window) for n in (before, n_fft - length - before))
    first, last = around
    found: Tensor = shape.concat(first, window, last, axis=0)
    return found


# Which elements stand beyond the ends.
_BEYOND = {
    "reflect": lambda i, n: n - 1 - np.abs(n - 1 - np.abs(i)),
    "replicate": lambda i, n: np.clip(i, 0, n - 1),
    "circular": lambda i, n: i % n,
}


def _padded(x: Tensor, by: int, mode: str) -> Tensor:
    """`x` with `by` more elements at both ends of its last axis."""
    n, last = x._data.shape[-1], x.ndim - 1
    if mode == "constant":
        zeros = _zeros((*tuple(x.shape)[:-1], by), x)
        whole: Tensor = shape.concat(zeros, x, zeros, axis=last)
        return whole
    if mode not in _BEYOND:
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    if by >= n if mode == "reflect" else by > n and mode == "circular":
        raise ShapeError(
            "Padding size should be less than the corresponding input dimension, but got: padding "
            f"({by}, {by}) at dimension {last} of input {list(x.shape)}"
        )
    places = _BEYOND[mode](np.arange(-by, n + by), n)
    found: Tensor = searching.take(x, _from_host(places, x), axis=last)
    return found


# ------------------------------------------------------------------ the transforms


@method()
def stft(
    input: Tensor,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Tensor | None = None,
    center: bool = True,
    pad_mode: str = "reflect",
    normalized: bool = False,
    onesided: bool | None = None,
    return_complex: bool | None = None,
    align_to_window: bool | None = None,
) -> Tensor:
    """The Fourier transforms of windows along a signal.

    Args:
        input: a signal (n,) or several (…, n).
        n_fft: how many points are transformed at a time.
        hop_length: the distance from one window to the next; a quarter of `n_fft`.
        win_length: the length of the window, which stands in the middle of these points; `n_fft`.
        window: what the points are multiplied with; ones.
        center: the windows are centred at multiples of the distance, and the signal is continued
            at both ends by half of `n_fft` points as `pad_mode` says (``"reflect"``,
            ``"replicate"``, ``"circular"``, ``"constant"``).
        normalized: scale by the square root of `n_fft`.
        onesided: half of the frequencies, which is the default where all is real.
        return_complex: required for real signals: otherwise the parts have a last dimension.
        align_to_window: without `center`, the first window starts where the signal does.

    Returns:
        Complex numbers (…, frequencies, windows).

    >>> import xpgrad as xg
    >>> xg.stft(xg.ones(16), 4, return_complex=True).shape
    xpgrad.Size([3, 17])
    """
    x = only_tensor(input, "stft")
    if not x.dtype.is_differentiable:
        raise DTypeError("stft: expected a tensor of floating point or complex values")
    if x.ndim not in (1, 2):
        raise ShapeError("stft: expected a 1D or 2D tensor")
    is_complex = x.dtype.is_complex or (window is not None and window.dtype.is_complex)
    if return_complex is None:
        if not is_complex:
            raise DTypeError(
                "stft requires the return_complex parameter be given for real inputs, and will "
                "further require that return_complex=True in a future PyTorch release."
            )
        return_complex = True
    if align_to_window is not None and center:
        raise ShapeError("stft align_to_window should only be set when center = false")
    if center:
        x = _padded(x, n_fft // 2, pad_mode)
    length = x._data.shape[-1]
    shortest = win_length if align_to_window and win_length is not None else n_fft
    if not n_fft > 0 or shortest > length:
        raise ShapeError(f"stft: expected 0 < n_fft < {length}, but got n_fft={n_fft}")
    hop, span = _steps("stft", n_fft, hop_length, win_length, window)
    onesided = not is_complex if onesided is None else onesided
    if onesided and is_complex:
        raise DTypeError("Cannot have onesided output if window or input is complex")
    if align_to_window and span < n_fft:
        before = (n_fft - span) // 2
        ends = [_zeros((*tuple(x.shape)[:-1], n), x) for n in (before, n_fft - span - before)]
        x = shape.concat(ends[0], x, ends[1], axis=x.ndim - 1)
    frames = strided.unfold(x, axis=x.ndim - 1, size=n_fft, step=hop)
    shaped = _window(window, span, n_fft, x)
    if shaped is not None:
        frames = elementwise.multiply(frames, shaped)
    axes, norm = (frames.ndim - 1,), "ortho" if normalized else "backward"
    transform = fft.rdft if onesided else fft.dft
    out: Tensor = shape.matrix_transpose(transform(frames, axes=axes, norm=norm))
    return out if return_complex else view_as_real(out)


def _overlapped(frames: Any, hop: int) -> Any:
    """The sum of windows, one every `hop` elements."""
    (*lead, count, size) = tuple(frames.shape)
    places = np.arange(count)[:, None] * hop + np.arange(size)
    whole = SimpleNamespace(shape=(*lead, size + hop * (count - 1)))
    index = (*(slice(None),) * len(lead), _from_host(places, frames)._data)
    return tensor_namespace(frames._ns).index_add(whole, index, frames)


@method()
def istft(
    input: Tensor,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Tensor | None = None,
    center: bool = True,
    normalized: bool = False,
    onesided: bool | None = None,
    length: int | None = None,
    return_complex: bool = False,
) -> Tensor:
    """The signal whose `stft` this is; the one that comes closest to it, if there is none.

    The windows are put back to their places, and divided by the sum of the squares of `window`
    there: Griffin & Lim, *Signal estimation from modified short-time Fourier transform* (1984).

    Args:
        input: (…, frequencies, windows), complex.
        length: of the signal; zeros fill what no window reaches.
        return_complex: the signal is complex.

    The others are those of `stft`.

    >>> import xpgrad as xg
    >>> w = xg.hann_window(4)
    >>> xg.istft(xg.stft(xg.ones(8), 4, window=w, return_complex=True), 4, window=w)
    tensor([1., 1., 1., 1., 1., 1., 1., 1.])
    """
    x = only_tensor(input, "istft")
    if not x.dtype.is_complex:
        raise DTypeError(
            "istft requires a complex-valued input tensor matching the output from stft with "
            "return_complex=True."
        )
    if x.ndim not in (2, 3):
        raise ShapeError(f"istft: expected a tensor with 2 or 3 dimensions, but got {x.ndim}")
    hop, span = _steps("istft", n_fft, hop_length, win_length, window)
    if hop > span:
        raise ShapeError("istft: expected 0 < hop_length <= win_length")
    complex_window = window is not None and window.dtype.is_complex
    if complex_window and not return_complex:
        raise DTypeError("Complex windows are incompatible with return_complex=False")
    onesided = x._data.shape[-2] != n_fft if onesided is None else onesided
    if onesided and return_complex:
        raise DTypeError("Cannot have onesided output if window or input is complex")
    wanted = n_fft // 2 + 1 if onesided else n_fft
    if x._data.shape[-2] != wanted:
        raise ShapeError(
            "istft: expected the frequency dimension (3rd to the last) of the input tensor "
            f"to match n_fft{' / 2 + 1' * onesided} when onesided={onesided}, but got "
            f"{x._data.shape[-2]}"
        )
    spectra = shape.matrix_transpose(x)
    axes, norm = (x.ndim - 1,), "ortho" if normalized else "backward"
    if return_complex:
        frames = fft.dft(spectra, axes=axes, norm=norm, inverse=True)
    else:  # half of the frequencies say all
        half = tensor_namespace(x._ns).getitem(spectra, (..., slice(0, n_fft // 2 + 1)))
        frames = fft.irdft(half, axes=axes, norm=norm, length=n_fft)
    shaped = _window(window, span, n_fft, frames)
    xp, count = tensor_namespace(x._ns), x._data.shape[-1]
    if shaped is None:
        shaped = xp.ones((n_fft,), dtype=x.dtype.to_real())
    frames = elementwise.multiply(frames, shaped)
    squares = elementwise.multiply(shaped, shaped)
    squares = _overlapped(shape.broadcast_to(squares, shape=(count, n_fft)), hop)
    out = _overlapped(frames, hop)
    whole = out.shape[-1]
    start = n_fft // 2 if center else 0
    end = whole - start if length is None else start + length
    part = (..., slice(start, min(end, whole)))
    out, squares = xp.getitem(out, part), xp.getitem(squares, part)
    least = None if x._ns.depth else x._ns.bounds(abs(squares.detach())._data)
    if least is not None and least[0] < 1e-11:
        raise ShapeError("istft: window overlap add min: 1")
    out = elementwise.divide(out, squares)
    if end > whole:
        warnings.warn(
            "The length of signal is shorter than the length parameter. Result is being padded "
            "with zeros in the tail. Please check your center and hop_length settings.",
            UserWarning,
            stacklevel=2,
        )
        out = shape.concat(
            out, _zeros((*tuple(out.shape)[:-1], end - whole), out), axis=out.ndim - 1
        )
    found: Tensor = out
    return found
