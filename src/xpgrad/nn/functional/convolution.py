"""Convolutions in one, two and three dimensions, transposed ones, and windows laid side by side."""

from __future__ import annotations

from typing import Any

from xpgrad.door.arguments import UnsupportedDType, only_tensor
from xpgrad.dtypes import bool_
from xpgrad.errors import DTypeError, ShapeError
from xpgrad.nn.functional.space import Ints, batched, in_single, ints_of
from xpgrad.ops import convolution as ops
from xpgrad.tensor import Tensor

__all__ = [
    "conv_transpose3d",
    "conv1d", "conv2d", "conv3d", "conv_tbc", "conv_transpose1d", "conv_transpose2d",
]  # fmt: skip


def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """`conv2d` in one dimension: an input of (N, C, L) or (C, L), a weight of (F, C / groups, K).

    >>> import xpgrad as xg
    >>> x = xg.tensor([[1.0, 2.0, 4.0, 8.0]])
    >>> xg.nn.functional.conv1d(x, xg.tensor([[[-1.0, 1.0]]]))
    tensor([[1., 2., 4.]])
    """
    return _convolve(1, "conv1d", input, weight, bias, stride, padding, dilation, groups)


def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """The products of a kernel with windows of the input (which is not flipped), plus a bias.

    Args:
        input: (N, C, H, W) or (C, H, W).
        weight: (F, C / groups, kH, kW).
        bias: (F,), or nothing.
        stride: the steps from window to window, for each dimension or one for both.
        padding: how many zeros are put on each side; ``"valid"`` means none, ``"same"`` as many as
            keep the size.
        dilation: the steps between the elements of a window.
        groups: into how many parts the channels fall that have nothing to do with each other.

    Returns:
        (N, F, oH, oW), with ``oH = (H + 2 * padding - dilation * (kH - 1) - 1) // stride + 1``.

    Raises:
        ShapeError: for shapes that do not fit each other.
        DTypeError: where dtypes differ.

    >>> import xpgrad as xg
    >>> x = xg.arange(9.0).reshape(1, 3, 3)
    >>> xg.nn.functional.conv2d(x, xg.ones(1, 1, 2, 2))
    tensor([[[ 8., 12.],
             [20., 24.]]])
    """
    return _convolve(2, "conv2d", input, weight, bias, stride, padding, dilation, groups)


def conv3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """`conv2d` in three dimensions: an input of (N, C, D, H, W) or (C, D, H, W).

    >>> import xpgrad as xg
    >>> xg.nn.functional.conv3d(xg.ones(1, 2, 2, 2), xg.ones(1, 1, 2, 2, 2))
    tensor([[[[8.]]]])
    """
    return _convolve(3, "conv3d", input, weight, bias, stride, padding, dilation, groups)


def conv_transpose1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    """`conv_transpose2d` in one dimension: (N, C, L) or (C, L), a weight of (C, F / groups, K).

    >>> import xpgrad as xg
    >>> x = xg.tensor([[1.0, 2.0, 4.0]])
    >>> xg.nn.functional.conv_transpose1d(x, xg.tensor([[[1.0, 10.0]]]))
    tensor([[ 1., 12., 24., 40.]])
    """
    given = (input, weight, bias, stride, padding, output_padding, groups, dilation)
    return _transpose(1, "conv_transpose1d", *given)


def conv_transpose2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    """The kernel times each element of the input, laid over each other: `conv2d` backwards.

    It is what `conv2d` with the same weight and settings does to gradients.

    Args:
        input: (N, C, H, W) or (C, H, W).
        weight: (C, F / groups, kH, kW).
        padding: how much is cut off on each side.
        output_padding: how much longer the result is at its end; the size of what a convolution
            with a stride came from is not known otherwise.

    Returns:
        (N, F, oH, oW), with
        ``oH = (H - 1) * stride - 2 * padding + dilation * (kH - 1) + output_padding + 1``.

    Raises:
        ShapeError: for shapes that do not fit each other, an output padding that is not smaller
            than the stride or the dilation.
        DTypeError: where dtypes differ.

    >>> import xpgrad as xg
    >>> x = xg.tensor([[[1.0, 2.0]]])
    >>> xg.nn.functional.conv_transpose2d(x, xg.ones(1, 1, 2, 2))
    tensor([[[1., 3., 2.],
             [1., 3., 2.]]])
    """
    given = (input, weight, bias, stride, padding, output_padding, groups, dilation)
    return _transpose(2, "conv_transpose2d", *given)


def conv_transpose3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    """`conv_transpose2d` in three dimensions: (N, C, D, H, W) or (C, D, H, W).

    >>> import xpgrad as xg
    >>> xg.nn.functional.conv_transpose3d(xg.ones(1, 1, 1, 1), xg.ones(1, 1, 2, 1, 2))
    tensor([[[[1., 1.]],
    <BLANKLINE>
             [[1., 1.]]]])
    """
    given = (input, weight, bias, stride, padding, output_padding, groups, dilation)
    return _transpose(3, "conv_transpose3d", *given)


def conv_tbc(input: Tensor, weight: Tensor, bias: Tensor, pad: int = 0) -> Tensor:
    """`conv1d` with channels last: an input of (L, N, C), a weight of (K, C, F), a bias of (F,).

    >>> import xpgrad as xg
    >>> x = xg.tensor([1.0, 2.0, 4.0]).reshape(3, 1, 1)
    >>> xg.nn.functional.conv_tbc(x, xg.ones(2, 1, 1), xg.zeros(1)).flatten()
    tensor([3., 6.])
    """
    x, w = only_tensor(input, "conv_tbc"), only_tensor(weight, "conv_tbc", "weight", 2)
    if x.ndim != 3:
        raise ShapeError("Input must have 3 dims: time, batch, in_channel")
    if w.ndim != 3:
        raise ShapeError("Weight tensor must have 3 dims: kernel_width, in_channels, out_channels.")
    out = conv1d(x.permute(1, 2, 0), w.permute(2, 1, 0), bias, padding=pad)
    return out.permute(2, 0, 1)


# ------------------------------------------------------------------ what they share


def _checked(
    function: str, input: Any, weight: Any, bias: Any, space: int, groups: Any, transposed: bool
) -> tuple[Tensor, Tensor, Tensor | None, bool]:
    """The arrays of a convolution, which fit each other, and whether there was no batch."""
    x, single = batched(input, space, function)
    w = only_tensor(weight, function, "weight", 2)
    b = bias if bias is None else only_tensor(bias, function, "bias", 3)
    shape, rank = list(w.shape), space + 2
    if w.ndim != rank:
        raise ShapeError(
            f"Expected {w.ndim}-dimensional input for {w.ndim}-dimensional weight {shape}, but got "
            f"{rank}-dimensional input of size {list(x.shape)} instead"
        )
    if groups <= 0:
        raise ShapeError("non-positive groups is not supported")
    if x.dtype is not w.dtype:
        raise DTypeError(
            f"expected scalar type {x.dtype.torch_name} but found {w.dtype.torch_name}: the input "
            "and the weight of a convolution have one dtype"
        )
    if b is not None and b.dtype is not x.dtype:
        raise DTypeError(
            f"Input type ({x.dtype.name}) and bias type ({b.dtype.name}) should be the same"
        )
    if x.dtype is bool_:
        raise UnsupportedDType(f"\"{function}\" not implemented for 'Bool'")
    how = f"transposed={int(transposed)}" if transposed else f"groups={groups}"
    if w.shape[0] < groups:
        raise ShapeError(
            f"Given groups={groups}, expected weight to be at least {groups} at dimension 0, but "
            f"got weight of size {shape} instead"
        )
    if w.shape[0] % groups:
        raise ShapeError(
            f"Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, "
            f"but got weight of size {shape} instead"
        )
    channels = w.shape[0] if transposed else w.shape[1] * groups
    if x.shape[1] != channels:
        raise ShapeError(
            f"Given {how}, weight of size {shape}, expected input{list(x.shape)} to have "
            f"{channels} channels, but got {x.shape[1]} channels instead"
        )
    features = w.shape[1] * groups if transposed else w.shape[0]
    if b is not None and tuple(b.shape) != (features,):
        how = "transposed=1, " if transposed else ""
        raise ShapeError(
            f"Given {how}weight of size {shape}, expected bias to be 1-dimensional with {features} "
            f"elements, but got bias of size {list(b.shape)} instead"
        )
    return x, w, b, single


_convolved, _transposed = in_single(ops.convolution), in_single(ops.convolution_input)


def _positive(**settings: Ints) -> None:
    for name, values in settings.items():
        if min(values) <= 0:
            raise ShapeError(f"non-positive {name} is not supported")


def _convolve(
    space: int, function: str, input: Any, weight: Any, bias: Any, stride: Any, padding: Any,
    dilation: Any, groups: int,
) -> Tensor:  # fmt: skip
    x, w, b, single = _checked(function, input, weight, bias, space, groups, transposed=False)
    steps = ints_of(stride, space, "stride", function)
    spread = ints_of(dilation, space, "dilation", function)
    _positive(stride=steps, dilation=spread)
    space_in, kernel = tuple(x.shape[2:]), tuple(w.shape[2:])
    wide = tuple(d * (k - 1) for d, k in zip(spread, kernel, strict=True))
    if isinstance(padding, str):
        if padding not in ("same", "valid"):
            raise ShapeError(f"Invalid padding string: '{padding}'")
        if padding == "same" and any(s != 1 for s in steps):
            raise ShapeError("padding='same' is not supported for strided convolutions")
        before = tuple(n // 2 if padding == "same" else 0 for n in wide)
        total = tuple(n if padding == "same" else 0 for n in wide)
    else:
        before = ints_of(padding, space, "padding", function)
        total = tuple(2 * p for p in before)
    if min(before) < 0:
        raise ShapeError("negative padding is not supported")
    padded = tuple(n + p for n, p in zip(space_in, total, strict=True))
    if any(n < m + 1 for n, m in zip(padded, wide, strict=True)):
        sizes = [" x ".join(map(str, s)) for s in (padded, (m + 1 for m in wide))]
        raise ShapeError(
            f"Calculated padded input size per channel: ({sizes[0]}). Kernel size: ({sizes[1]}). "
            "Kernel size can't be greater than actual input size"
        )
    size = tuple((n - m - 1) // s + 1 for n, m, s in zip(padded, wide, steps, strict=True))
    out = _convolved(
        x, w, b, size=size, stride=steps, padding=before, dilation=spread, groups=groups
    )
    return out.squeeze(0) if single else out


_AXES = ("depth", "height", "width")


def _transpose(
    space: int, function: str, input: Any, weight: Any, bias: Any, stride: Any, padding: Any,
    output_padding: Any, groups: int, dilation: Any,
) -> Tensor:  # fmt: skip
    x, w, b, single = _checked(function, input, weight, bias, space, groups, transposed=True)
    steps = ints_of(stride, space, "stride", function)
    spread = ints_of(dilation, space, "dilation", function)
    before = ints_of(padding, space, "padding", function)
    more = ints_of(output_padding, space, "output_padding", function)
    _positive(stride=steps, dilation=spread)
    if min(before) < 0:
        raise ShapeError("negative padding is not supported")
    if min(more) < 0:
        raise ShapeError("negative output_padding is not supported")
    if any(m >= s and m >= d for m, s, d in zip(more, steps, spread, strict=True)):
        three = {"output_padding": more, "stride": steps, "dilation": spread}
        shown = " ".join(
            f"{name}_{axis}: {n}"
            for name, values in three.items()
            for axis, n in zip(
                _AXES[1:] if space < 3 else _AXES, (0, *values)[-max(space, 2) :], strict=True
            )
        )
        raise ShapeError(
            f"output padding must be smaller than either stride or dilation, but got {shown}"
        )
    size = tuple(
        (n - 1) * s - 2 * p + d * (k - 1) + m + 1
        for n, s, p, d, k, m in zip(
            x.shape[2:], steps, before, spread, w.shape[2:], more, strict=True
        )
    )
    if min(size) < 1:
        raise ShapeError(
            f"Given input size per channel: {list(x.shape[2:])}. Calculated output size per "
            f"channel: {list(size)}. Output size is too small"
        )
    out = _transposed(
        x, w, b, size=size, stride=steps, padding=before, dilation=spread, groups=groups
    )
    return out.squeeze(0) if single else out
