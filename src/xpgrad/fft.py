"""Discrete Fourier transforms: ``torch.fft``'s functions, differentiable.

Real input of a complex transform is taken for complex, integers for numbers of the default dtype.
``norm`` says where the scale is: ``"backward"`` (1/n on the way back; the default), ``"forward"``
(1/n on the way there) or ``"ortho"`` (a square root of it on both).

    >>> import xpgrad as xg
    >>> x = xg.tensor([1.0, 0.0, -1.0, 0.0], requires_grad=True)
    >>> xg.fft.rfft(x).abs()
    tensor([0., 2., 0.], grad_fn=<AbsBackward0>)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from xpgrad.door.arguments import UnsupportedDType, dim_of, only_tensor
from xpgrad.door.creation import arange
from xpgrad.dtypes import float16, get_default_dtype
from xpgrad.errors import DTypeError, ShapeError
from xpgrad.ops import fft as ops
from xpgrad.ops.device import astype
from xpgrad.tensor import Tensor

__all__ = [
    "fft", "fft2", "fftfreq", "fftn", "fftshift", "hfft", "hfft2", "hfftn", "ifft", "ifft2",
    "ifftn", "ifftshift", "ihfft", "ihfft2", "ihfftn", "irfft", "irfft2", "irfftn", "rfft",
    "rfft2", "rfftfreq", "rfftn",
]  # fmt: skip

Sizes = Sequence[int] | None
Arguments = tuple[Tensor, tuple[int, ...], list[int], str]

# ------------------------------------------------------------------ arguments


def _input(x: Any, what: str, real: bool, complex_: bool) -> Tensor:
    """The input in a dtype that can be transformed.

    Raises:
        DTypeError: for complex numbers where real ones go; for half precision.
    """
    x = only_tensor(x, f"fft_{what}")
    if real and x.dtype.is_complex:
        raise DTypeError(f"{what} expects a real input tensor, but got {x.dtype.torch_name}")
    if x.dtype is float16:
        raise UnsupportedDType("Unsupported dtype Half")
    if not x.dtype.is_differentiable:
        x = astype(x, dtype=get_default_dtype())
    if complex_ and not x.dtype.is_complex:
        x = astype(x, dtype=x.dtype.to_complex())
    return x


def _prepared(
    x: Any, s: Any, dim: Any, norm: Any, what: str, *, real: bool = False, half: bool = False
) -> Arguments:
    """What the transforms of `xpgrad.ops.fft` take.

    Args:
        real: the input is real.
        half: it is half a spectrum along the last dimension.

    Raises:
        ShapeError: in PyTorch's words.
    """
    x = _input(x, what, real, half)
    norm = "backward" if norm is None else norm
    s, dim = ((v,) if isinstance(v, int) else v for v in (s, dim))
    if norm not in ops.OTHER:
        raise ShapeError(f'Invalid normalization mode: "{norm}"')
    if dim is not None:
        axes = tuple(dim_of(d, x.ndim) for d in dim)
        if s is not None and len(s) != len(axes):
            raise ShapeError("When given, dim and shape arguments must have the same length")
        if len(set(axes)) < len(axes):
            raise ShapeError("FFT dims must be unique")
    elif s is not None:
        if len(s) > x.ndim:
            raise ShapeError(
                f"Got shape with {len(s)} values but input tensor only has {x.ndim} dimensions."
            )
        axes = tuple(range(x.ndim - len(s), x.ndim))
    else:
        axes = tuple(range(x.ndim))
    if not axes and (real or half):
        raise ShapeError(f"{what} must transform at least one axis")
    sizes = [x._data.shape[a] for a in axes]
    if half:
        sizes[-1] = 2 * (sizes[-1] - 1)
    if s is not None:
        sizes = [n if given == -1 else given for n, given in zip(sizes, s, strict=True)]
    for n in sizes:
        if n < 1:
            raise ShapeError(f"Invalid number of data points ({n}) specified")
    return x, axes, sizes, norm


def _single(x: Any, n: int | None, dim: int, norm: Any, what: str, **kind: bool) -> Arguments:
    if isinstance(x, Tensor) and x.ndim == 0:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    return _prepared(x, None if n is None else (n,), (dim,), norm, what, **kind)


# ------------------------------------------------------------------ along one dimension


def fft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """``X[k] = sum over j of x[j] exp(-2 pi i j k / n)`` along a dimension.

    Args:
        input: real or complex, any shape.
        n: how many points: the dimension is cut off or filled up with zeros.
        dim: along which.
        norm: see the module.

    >>> import xpgrad as xg
    >>> xg.fft.fft(xg.tensor([1.0, 0.0, 0.0, 0.0])).real
    tensor([1., 1., 1., 1.])
    """
    return ops.transformed(*_single(input, n, dim, norm, "fft"))


def ifft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """The inverse of `fft`.

    >>> import xpgrad as xg
    >>> xg.fft.ifft(xg.tensor([4.0, 0.0, 0.0, 0.0])).real
    tensor([1., 1., 1., 1.])
    """
    x, axes, sizes, norm = _single(input, n, dim, norm, "ifft")
    return ops.transformed(x, axes, sizes, norm, inverse=True)


def rfft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """The first ``n // 2 + 1`` of what `fft` gives of real numbers: the others mirror them.

    >>> import xpgrad as xg
    >>> xg.fft.rfft(xg.tensor([1.0, 0.0, 0.0, 0.0])).real
    tensor([1., 1., 1.])
    """
    return ops.of_real(*_single(input, n, dim, norm, "rfft", real=True))


def irfft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """The inverse of `rfft`: `n` real numbers (by default an even number).

    >>> import xpgrad as xg
    >>> xg.fft.irfft(xg.fft.rfft(xg.tensor([1.0, 2.0, 3.0])), n=3)
    tensor([1., 2., 3.])
    """
    return ops.to_real(*_single(input, n, dim, norm, "irfft", half=True))


def hfft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """The real transform, of `n` points, of half a signal whose other half is its mirror image.

    >>> import xpgrad as xg
    >>> xg.fft.hfft(xg.tensor([1.0, 0.0, 0.0]))
    tensor([1., 1., 1., 1.])
    """
    return ops.hermitian(*_single(input, n, dim, norm, "hfft", half=True))


def ihfft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """The inverse of `hfft`.

    >>> import xpgrad as xg
    >>> xg.fft.ihfft(xg.tensor([1.0, 1.0, 1.0, 1.0])).real
    tensor([1., 0., 0.])
    """
    return ops.half_of_hermitian(*_single(input, n, dim, norm, "ihfft", real=True))


# ------------------------------------------------------------------ over several dimensions


def fftn(input: Tensor, s: Sizes = None, dim: Any = None, norm: str | None = None) -> Tensor:
    """`fft` over several dimensions.

    Args:
        input: real or complex, any shape.
        s: how many points along each; -1 leaves the length as it is.
        dim: which dimensions; the last ``len(s)``, or all.
        norm: see the module.

    >>> import xpgrad as xg
    >>> xg.fft.fftn(xg.ones(2, 2)).real
    tensor([[4., 0.],
            [0., 0.]])
    """
    x, axes, sizes, norm = _prepared(input, s, dim, norm, "fftn")
    if not axes:
        return x if x.dtype.is_complex else astype(x, dtype=x.dtype.to_complex())
    return ops.transformed(x, axes, sizes, norm)


def ifftn(input: Tensor, s: Sizes = None, dim: Any = None, norm: str | None = None) -> Tensor:
    """The inverse of `fftn`.

    >>> import xpgrad as xg
    >>> xg.fft.ifftn(xg.ones(2, 2)).real
    tensor([[1., 0.],
            [0., 0.]])
    """
    x, axes, sizes, norm = _prepared(input, s, dim, norm, "ifftn")
    if not axes:
        return x if x.dtype.is_complex else astype(x, dtype=x.dtype.to_complex())
    return ops.transformed(x, axes, sizes, norm, inverse=True)


def rfftn(input: Tensor, s: Sizes = None, dim: Any = None, norm: str | None = None) -> Tensor:
    """`fftn` of real numbers; half of it along the last dimension.

    >>> import xpgrad as xg
    >>> xg.fft.rfftn(xg.ones(2, 4)).shape
    xpgrad.Size([2, 3])
    """
    return ops.of_real(*_prepared(input, s, dim, norm, "rfftn", real=True))


def irfftn(input: Tensor, s: Sizes = None, dim: Any = None, norm: str | None = None) -> Tensor:
    """The inverse of `rfftn`; the last of `s` is the length of the result.

    >>> import xpgrad as xg
    >>> xg.fft.irfftn(xg.fft.rfftn(xg.ones(2, 3)), s=(2, 3))
    tensor([[1., 1., 1.],
            [1., 1., 1.]])
    """
    return ops.to_real(*_prepared(input, s, dim, norm, "irfftn", half=True))


def hfftn(input: Tensor, s: Sizes = None, dim: Any = None, norm: str | None = None) -> Tensor:
    """`hfft` along the last dimension, and `fft` along the others.

    >>> import xpgrad as xg
    >>> xg.fft.hfftn(xg.ones(2, 3)).shape
    xpgrad.Size([2, 4])
    """
    return ops.hermitian(*_prepared(input, s, dim, norm, "hfftn", half=True))


def ihfftn(input: Tensor, s: Sizes = None, dim: Any = None, norm: str | None = None) -> Tensor:
    """The inverse of `hfftn`.

    >>> import xpgrad as xg
    >>> xg.fft.ihfftn(xg.ones(2, 4)).shape
    xpgrad.Size([2, 3])
    """
    return ops.half_of_hermitian(*_prepared(input, s, dim, norm, "ihfftn", real=True))


def _of_planes(function: Any) -> Any:
    """The function of two dimensions for one of several."""

    def call(
        input: Tensor, s: Sizes = None, dim: Any = (-2, -1), norm: str | None = None
    ) -> Tensor:
        found: Tensor = function(input, s, dim, norm)
        return found

    name = function.__name__
    call.__name__ = call.__qualname__ = f"{name[:-1]}2"
    call.__doc__ = f"""`{name}` over the last two dimensions.

    >>> import xpgrad as xg
    >>> xg.fft.{name[:-1]}2(xg.ones(3, 2, 4)).shape
    xpgrad.Size([3, 2, {4 if "r" not in name and "h" not in name else 6 if name in HALVED else 3}])
    """
    return call


HALVED = ("irfftn", "hfftn")  # they take half a spectrum

fft2 = _of_planes(fftn)
ifft2 = _of_planes(ifftn)
rfft2 = _of_planes(rfftn)
irfft2 = _of_planes(irfftn)
hfft2 = _of_planes(hfftn)
ihfft2 = _of_planes(ihfftn)

# ------------------------------------------------------------------ frequencies


def fftfreq(n: int, d: float = 1.0, *, dtype: Any = None, device: Any = None,
            requires_grad: bool = False) -> Tensor:  # fmt: skip
    """The frequencies of what `fft` gives, of `n` points a distance of `d` apart.

    >>> import xpgrad as xg
    >>> xg.fft.fftfreq(4)
    tensor([ 0.0000,  0.2500, -0.5000, -0.2500])
    """
    made = {"dtype": get_default_dtype() if dtype is None else dtype, "device": device}
    steps = arange(n, **made)
    middle = (n + 1) // 2
    found: Tensor = (steps - n * (steps >= middle)) / (n * d)
    return found.requires_grad_(requires_grad)


def rfftfreq(n: int, d: float = 1.0, *, dtype: Any = None, device: Any = None,
             requires_grad: bool = False) -> Tensor:  # fmt: skip
    """The frequencies of what `rfft` gives.

    >>> import xpgrad as xg
    >>> xg.fft.rfftfreq(4)
    tensor([0.0000, 0.2500, 0.5000])
    """
    made = {"dtype": get_default_dtype() if dtype is None else dtype, "device": device}
    found: Tensor = arange(n // 2 + 1, **made) / (n * d)
    return found.requires_grad_(requires_grad)


def _axes(x: Tensor, dim: Any) -> tuple[int, ...]:
    if dim is None:
        return tuple(range(x.ndim))
    return tuple(dim_of(d, x.ndim) for d in (dim if isinstance(dim, Sequence) else (dim,)))


def fftshift(input: Tensor, dim: Any = None) -> Tensor:
    """The zero frequency in the middle, along some dimensions or all.

    >>> import xpgrad as xg
    >>> xg.fft.fftshift(xg.tensor([0, 1, 2, -2, -1]))
    tensor([-2, -1,  0,  1,  2])
    """
    x = only_tensor(input, "fft_fftshift")
    return ops.shifted(x, _axes(x, dim), False)


def ifftshift(input: Tensor, dim: Any = None) -> Tensor:
    """The inverse of `fftshift`.

    >>> import xpgrad as xg
    >>> xg.fft.ifftshift(xg.tensor([-2, -1, 0, 1, 2]))
    tensor([ 0,  1,  2, -2, -1])
    """
    x = only_tensor(input, "fft_ifftshift")
    return ops.shifted(x, _axes(x, dim), True)
