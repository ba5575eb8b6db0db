"""Complex numbers: made, taken apart, shown as pairs."""

from __future__ import annotations

from xpgrad.door.arguments import only_tensor
from xpgrad.door.attach import attribute, called, method, unary
from xpgrad.errors import DTypeError, ShapeError
from xpgrad.ops import elementwise as ops
from xpgrad.ops import shape
from xpgrad.ops.device import astype
from xpgrad.tensor import Tensor

__all__ = [
    "angle", "complex", "conj", "conj_physical", "imag", "polar", "real", "resolve_conj",
    "view_as_complex", "view_as_real",
]  # fmt: skip

_real = called(ops.real, "Select")  # PyTorch picks from pairs of numbers
_imag = called(ops.imag, "Select")

angle = unary(
    ops.angle,
    "angle",
    "The angle in the complex plane. Its derivative is 0 for real numbers and at 0.",
    "[1j, -1.] -> [1.5708, 3.1416]",
    "[0j, 2.0] -> [0.+0.0000j, 0.+0.5000j]",
)


def real(input: Tensor) -> Tensor:
    """The real part; of a real tensor, itself.

    The gradient is real: what the imaginary part does has no say.

    >>> import xpgrad as xg
    >>> xg.real(xg.tensor([1 + 2j]))
    tensor([1.])
    >>> x = xg.tensor([1 + 2j], requires_grad=True)
    >>> xg.autograd.grad(xg.real(x).sum(), x)
    (tensor([1.+0.j]),)
    """
    return _real(input) if only_tensor(input, "real").dtype.is_complex else input


def imag(input: Tensor) -> Tensor:
    """The imaginary part.

    The gradient is ``1j`` times that of the part.

    Raises:
        RuntimeError: for a real tensor.

    >>> import xpgrad as xg
    >>> xg.imag(xg.tensor([1 + 2j]))
    tensor([2.])
    >>> x = xg.tensor([1 + 2j], requires_grad=True)
    >>> xg.autograd.grad(xg.imag(x).sum(), x)
    (tensor([0.+1.j]),)
    """
    if not only_tensor(input, "imag").dtype.is_complex:
        raise DTypeError("imag is not implemented for tensors with non-complex dtypes.")
    return _imag(input)


attribute(real)
attribute(imag)


@method()
def conj(input: Tensor) -> Tensor:
    """The complex conjugate; a real tensor is its own.

    The gradient is conjugated.

    >>> import xpgrad as xg
    >>> xg.conj(xg.tensor([1 + 2j]))
    tensor([1.-2.j])
    >>> x = xg.tensor([1 + 2j], requires_grad=True)
    >>> xg.autograd.grad((xg.conj(x) * 1j).real.sum(), x)
    (tensor([0.+1.j]),)
    """
    return ops.conj(input) if only_tensor(input, "conj").dtype.is_complex else input


@method()
def conj_physical(input: Tensor) -> Tensor:
    """The complex conjugate, which PyTorch computes at once under this name."""
    conjugate = called(ops.conj, "ConjPhysical")
    return conjugate(input) if only_tensor(input, "conj_physical").dtype.is_complex else input


@method()
def resolve_conj(input: Tensor) -> Tensor:
    """The tensor itself: conjugation is never put off here."""
    return input


def complex(real: Tensor, imag: Tensor) -> Tensor:
    """Complex numbers from their two parts.

    The gradients are the two parts of that of the result.

    Raises:
        RuntimeError: unless both parts are real floating-point numbers of one dtype.

    >>> import xpgrad as xg
    >>> xg.complex(xg.tensor([1.0]), xg.tensor([2.0]))
    tensor([1.+2.j])
    >>> x = xg.tensor([1.0], requires_grad=True)
    >>> y = xg.tensor([2.0], requires_grad=True)
    >>> xg.autograd.grad((xg.complex(x, y) ** 2).real.sum(), (x, y))
    (tensor([2.]), tensor([-4.]))
    """
    x, y = only_tensor(real, "complex", "real"), only_tensor(imag, "complex", "imag", 2)
    if not (x.dtype.is_floating_point and y.dtype.is_floating_point):
        raise DTypeError(
            "Expected both inputs to be Half, Float or Double tensors but got "
            f"{x.dtype.torch_name} and {y.dtype.torch_name}"
        )
    if x.dtype is not y.dtype:
        raise DTypeError(
            f"Expected object of scalar type {x.dtype.torch_name} but got scalar type "
            f"{y.dtype.torch_name} for second argument"
        )
    return _joined("Complex", x, y)


def _joined(node: str, x: Tensor, y: Tensor) -> Tensor:
    part = x.dtype.to_complex().to_real()
    if x.dtype is not part:  # there are no complex numbers of such small parts
        x, y = astype(x, dtype=part), astype(y, dtype=part)
    return called(shape.complex_of, node)(x, y)


def polar(abs: Tensor, angle: Tensor) -> Tensor:
    """Complex numbers from their size and angle.

    The derivative for the size is the direction, at size 0 too (there PyTorch's is 0).

    >>> import xpgrad as xg
    >>> xg.polar(xg.ones(1), xg.zeros(1))
    tensor([1.+0.j])
    >>> x = xg.tensor([0.0], requires_grad=True)
    >>> y = xg.tensor([0.0], requires_grad=True)
    >>> xg.autograd.grad(xg.polar(x, y).real.sum(), (x, y))
    (tensor([1.]), tensor([0.]))
    """
    x, y = ops.multiply(abs, ops.cos(angle)), ops.multiply(abs, ops.sin(angle))
    return _joined("Polar", x, y)


@method()
def view_as_real(input: Tensor) -> Tensor:
    """Pairs of real and imaginary part, along a new last dimension: a view.

    >>> import xpgrad as xg
    >>> xg.view_as_real(xg.tensor([1 + 2j]))
    tensor([[1., 2.]])
    """
    x = only_tensor(input, "view_as_real")
    if not x.dtype.is_complex:
        raise DTypeError("view_as_real is only supported for complex tensors")
    found: Tensor = shape.view_as_real(x)
    return found


@method()
def view_as_complex(input: Tensor) -> Tensor:
    """Complex numbers from pairs along the last dimension: a view where memory allows.

    >>> import xpgrad as xg
    >>> xg.view_as_complex(xg.tensor([[1.0, 2.0]]))
    tensor([1.+2.j])
    """
    x = only_tensor(input, "view_as_complex")
    if not x.ndim or x._data.shape[-1] != 2 or not x.dtype.is_floating_point:
        raise ShapeError("Tensor must have a last dimension of size 2 and floating-point numbers")
    found: Tensor = shape.view_as_complex(x)
    return found
