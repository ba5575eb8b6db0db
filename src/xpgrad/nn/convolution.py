"""Convolutional layers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

from xpgrad.door.creation import empty
from xpgrad.nn import functional as F
from xpgrad.nn import init
from xpgrad.nn.functional.space import Ints, ints_of
from xpgrad.nn.module import Module
from xpgrad.nn.parameter import Parameter
from xpgrad.tensor import Tensor

__all__ = ["Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"]

MODES = ("zeros", "reflect", "replicate", "circular")


class _Convolution(Module):
    """What all of them have: a kernel and a bias, and the settings of the function."""

    space: ClassVar[int]
    transposed: ClassVar[bool] = False
    function: ClassVar[Any]
    weight: Parameter
    bias: Parameter | None

    def _build(
        self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any, padding: Any,
        dilation: Any, output_padding: Any, groups: int, bias: bool, padding_mode: str,
        device: Any, dtype: Any,
    ) -> None:  # fmt: skip
        if groups <= 0:
            raise ValueError("groups must be a positive integer")
        if in_channels % groups:
            raise ValueError("in_channels must be divisible by groups")
        if out_channels % groups:
            raise ValueError("out_channels must be divisible by groups")
        if isinstance(padding, str):
            if padding not in ("same", "valid"):
                raise ValueError(
                    f"Invalid padding string '{padding}', should be one of {{'same', 'valid'}}"
                )
            steps = self._numbers(stride, "stride")
            if padding == "same" and any(s != 1 for s in steps):
                raise ValueError("padding='same' is not supported for strided convolutions")
        if padding_mode not in MODES:
            raise ValueError(
                f"padding_mode must be one of {set(MODES)}, but got padding_mode='{padding_mode}'"
            )
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = self._numbers(kernel_size, "kernel_size")
        self.stride = self._numbers(stride, "stride")
        self.padding = padding if isinstance(padding, str) else self._numbers(padding, "padding")
        self.dilation = self._numbers(dilation, "dilation")
        self.output_padding = self._numbers(output_padding, "output_padding")
        self.groups = groups
        self.padding_mode = padding_mode
        channels = (in_channels, out_channels) if self.transposed else (out_channels, in_channels)
        shape = (channels[0], channels[1] // groups, *self.kernel_size)
        self.weight = Parameter(empty(shape, device=device, dtype=dtype))
        made = Parameter(empty(out_channels, device=device, dtype=dtype)) if bias else None
        self.register_parameter("bias", made)
        self.reset_parameters()

    def _numbers(self, value: Any, what: str) -> Ints:
        """A number for each dimension."""
        if isinstance(value, Sequence):
            return tuple(value)
        return ints_of(value, self.space, what, type(self).__name__)

    def reset_parameters(self) -> None:
        """Draw kernel and bias anew: uniform in ±1 / sqrt(inputs of an output)."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        fan_in = math.prod(self.weight.shape[1:])
        if self.bias is not None and fan_in:
            bound = 1 / math.sqrt(fan_in)
            init.uniform_(self.bias, -bound, bound)

    def extra_repr(self) -> str:
        text = (
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, "
            f"stride={self.stride}"
        )
        if self.padding != (0,) * self.space:
            text += f", padding={self.padding}"
        if self.dilation != (1,) * self.space:
            text += f", dilation={self.dilation}"
        if self.output_padding != (0,) * self.space:
            text += f", output_padding={self.output_padding}"
        if self.groups != 1:
            text += f", groups={self.groups}"
        if self.bias is None:
            text += ", bias=False"
        if self.padding_mode != "zeros":
            text += f", padding_mode={self.padding_mode}"
        return text


class _Forward(_Convolution):
    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, ...],
        stride: int | tuple[int, ...] = 1,
        padding: str | int | tuple[int, ...] = 0,
        dilation: int | tuple[int, ...] = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self._build(
            in_channels, out_channels, kernel_size, stride, padding, dilation, 0, groups, bias,
            padding_mode, device, dtype,
        )  # fmt: skip

    def forward(self, input: Tensor) -> Tensor:
        padding: Any = self.padding
        if self.padding_mode != "zeros":
            input = F.pad(input, self._around(), mode=self.padding_mode)
            padding = 0
        out: Tensor = type(self).function(
            input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups
        )
        return out

    def _around(self) -> list[int]:
        """The padding as `pad` takes it: pairs, the last dimension first."""
        found = []
        for i in reversed(range(self.space)):
            if isinstance(self.padding, str):
                wide = self.dilation[i] * (self.kernel_size[i] - 1) * (self.padding == "same")
                found += [wide // 2, wide - wide // 2]
            else:
                found += [self.padding[i]] * 2
        return found


class _Transposed(_Convolution):
    transposed = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, ...],
        stride: int | tuple[int, ...] = 1,
        padding: int | tuple[int, ...] = 0,
        output_padding: int | tuple[int, ...] = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: int | tuple[int, ...] = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if padding_mode != "zeros":
            raise ValueError(f'Only "zeros" padding mode is supported for {type(self).__name__}')
        self._build(
            in_channels, out_channels, kernel_size, stride, padding, dilation, output_padding,
            groups, bias, padding_mode, device, dtype,
        )  # fmt: skip

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        more = self.output_padding
        if output_size is not None:
            more = self._output_padding(input, tuple(output_size))
        out: Tensor = type(self).function(
            input, self.weight, self.bias, self.stride, self.padding, more, self.groups,
            self.dilation,
        )  # fmt: skip
        return out

    def _output_padding(self, input: Tensor, size: Ints) -> Ints:
        """What makes the result as large as is asked for.

        Raises:
            ValueError: it cannot be that large.
        """
        space, ranks = self.space, (self.space, input.ndim)
        lead = input.ndim - space
        if len(size) == input.ndim:
            size = size[lead:]
        if len(size) != space:
            raise ValueError(
                f"{type(self).__name__}: for {input.ndim}D input, output_size must have {ranks[0]} "
                f"or {ranks[1]} elements (got {len(size)})"
            )
        before: Any = self.padding
        least = [
            (n - 1) * s - 2 * p + d * (k - 1) + 1
            for n, s, p, d, k in zip(
                input.shape[lead:], self.stride, before, self.dilation, self.kernel_size,
                strict=True,
            )
        ]  # fmt: skip
        most = [n + s - 1 for n, s in zip(least, self.stride, strict=True)]
        if any(not a <= n <= b for a, n, b in zip(least, size, most, strict=True)):
            raise ValueError(
                f"requested an output size of {list(size)}, but valid sizes range from {least} to "
                f"{most} (for an input of {list(input.shape[lead:])})"
            )
        return tuple(n - a for n, a in zip(size, least, strict=True))


class Conv1d(_Forward):
    """`functional.conv1d` with a kernel and a bias that are learned.

    >>> import xpgrad as xg
    >>> xg.nn.Conv1d(2, 3, 5, padding=2)(xg.ones(1, 2, 8)).shape
    xpgrad.Size([1, 3, 8])
    """

    space = 1
    function = staticmethod(F.conv1d)


class Conv2d(_Forward):
    """`functional.conv2d` with a kernel and a bias that are learned.

    Args:
        in_channels, out_channels: of the input and of the result.
        kernel_size, stride, dilation: one number for both dimensions, or two.
        padding: the same, or ``"same"`` or ``"valid"``.
        groups: into how many parts the channels fall.
        bias: whether there is one.
        padding_mode: ``"zeros"``, ``"reflect"``, ``"replicate"`` or ``"circular"``.
        device, dtype: of the parameters.

    >>> import xpgrad as xg
    >>> xg.nn.Conv2d(2, 3, 3, stride=2, padding=1)(xg.ones(1, 2, 8, 8)).shape
    xpgrad.Size([1, 3, 4, 4])
    """

    space = 2
    function = staticmethod(F.conv2d)


class Conv3d(_Forward):
    """`functional.conv3d` with a kernel and a bias that are learned.

    >>> import xpgrad as xg
    >>> xg.nn.Conv3d(2, 3, 2)(xg.ones(1, 2, 3, 3, 3)).shape
    xpgrad.Size([1, 3, 2, 2, 2])
    """

    space = 3
    function = staticmethod(F.conv3d)


class ConvTranspose1d(_Transposed):
    """`functional.conv_transpose1d` with a kernel and a bias that are learned.

    >>> import xpgrad as xg
    >>> xg.nn.ConvTranspose1d(2, 3, 2, stride=2)(xg.ones(1, 2, 4)).shape
    xpgrad.Size([1, 3, 8])
    """

    space = 1
    function = staticmethod(F.conv_transpose1d)


class ConvTranspose2d(_Transposed):
    """`functional.conv_transpose2d` with a kernel and a bias that are learned.

    Called with an ``output_size``, it pads its output until it has that size.

    >>> import xpgrad as xg
    >>> up = xg.nn.ConvTranspose2d(2, 3, 3, stride=2, padding=1)
    >>> up(xg.ones(1, 2, 4, 4)).shape, up(xg.ones(1, 2, 4, 4), (8, 8)).shape
    (xpgrad.Size([1, 3, 7, 7]), xpgrad.Size([1, 3, 8, 8]))
    """

    space = 2
    function = staticmethod(F.conv_transpose2d)


class ConvTranspose3d(_Transposed):
    """`functional.conv_transpose3d` with a kernel and a bias that are learned.

    >>> import xpgrad as xg
    >>> xg.nn.ConvTranspose3d(2, 3, 2)(xg.ones(1, 2, 3, 3, 3)).shape
    xpgrad.Size([1, 3, 4, 4, 4])
    """

    space = 3
    function = staticmethod(F.conv_transpose3d)
