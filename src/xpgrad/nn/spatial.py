"""Layers that pad, resize, and move elements between channels and places."""

from __future__ import annotations

from typing import Any, ClassVar

from xpgrad.nn import functional as F
from xpgrad.nn.functional.space import ints_of
from xpgrad.nn.module import Module
from xpgrad.tensor import Tensor

__all__ = [
    "ChannelShuffle", "CircularPad1d", "CircularPad2d", "CircularPad3d", "ConstantPad1d",
    "ConstantPad2d", "ConstantPad3d", "Fold", "PixelShuffle", "PixelUnshuffle", "ReflectionPad1d",
    "ReflectionPad2d", "ReflectionPad3d", "ReplicationPad1d", "ReplicationPad2d",
    "ReplicationPad3d", "Unfold", "Upsample", "UpsamplingBilinear2d", "UpsamplingNearest2d",
    "ZeroPad1d", "ZeroPad2d", "ZeroPad3d",
]  # fmt: skip


class _Pad(Module):
    """`functional.pad` in one mode; one number stands for all sides."""

    mode: ClassVar[str]
    space: ClassVar[int]

    def __init__(self, padding: Any) -> None:
        super().__init__()
        self.padding = ints_of(padding, 2 * self.space, "padding", type(self).__name__)

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, self.mode)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _ConstantPad(_Pad):
    mode = "constant"

    def __init__(self, padding: Any, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(_ConstantPad):
    """`functional.pad` with a value in the last dimension.

    >>> import xpgrad as xg
    >>> xg.nn.ConstantPad1d((1, 2), 9.0)(xg.ones(1, 2))
    tensor([[9., 1., 1., 9., 9.]])
    """

    space = 1


class ConstantPad2d(_ConstantPad):
    """`functional.pad` with a value in the last two dimensions."""

    space = 2


class ConstantPad3d(_ConstantPad):
    """`functional.pad` with a value in the last three dimensions."""

    space = 3


class _ZeroPad(_ConstantPad):
    def __init__(self, padding: Any) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ZeroPad1d(_ZeroPad):
    """`functional.pad` with zeros in the last dimension."""

    space = 1


class ZeroPad2d(_ZeroPad):
    """`functional.pad` with zeros in the last two dimensions."""

    space = 2


class ZeroPad3d(_ZeroPad):
    """`functional.pad` with zeros in the last three dimensions."""

    space = 3


class ReflectionPad1d(_Pad):
    """`functional.pad` with mode ``"reflect"`` in one dimension.

    >>> import xpgrad as xg
    >>> xg.nn.ReflectionPad1d(2)(xg.tensor([[1.0, 2.0, 3.0]]))
    tensor([[3., 2., 1., 2., 3., 2., 1.]])
    """

    mode, space = "reflect", 1


class ReflectionPad2d(_Pad):
    """`functional.pad` with mode ``"reflect"`` in two dimensions."""

    mode, space = "reflect", 2


class ReflectionPad3d(_Pad):
    """`functional.pad` with mode ``"reflect"`` in three dimensions."""

    mode, space = "reflect", 3


class ReplicationPad1d(_Pad):
    """`functional.pad` with mode ``"replicate"`` in one dimension."""

    mode, space = "replicate", 1


class ReplicationPad2d(_Pad):
    """`functional.pad` with mode ``"replicate"`` in two dimensions."""

    mode, space = "replicate", 2


class ReplicationPad3d(_Pad):
    """`functional.pad` with mode ``"replicate"`` in three dimensions."""

    mode, space = "replicate", 3


class CircularPad1d(_Pad):
    """`functional.pad` with mode ``"circular"`` in one dimension."""

    mode, space = "circular", 1


class CircularPad2d(_Pad):
    """`functional.pad` with mode ``"circular"`` in two dimensions."""

    mode, space = "circular", 2


class CircularPad3d(_Pad):
    """`functional.pad` with mode ``"circular"`` in three dimensions."""

    mode, space = "circular", 3


# ------------------------------------------------------------------ sizes


class Upsample(Module):
    """`functional.interpolate`.

    >>> import xpgrad as xg
    >>> xg.nn.Upsample(scale_factor=2)(xg.tensor([[[1.0, 2.0]]]))
    tensor([[[1., 1., 2., 2.]]])
    """

    def __init__(
        self,
        size: Any = None,
        scale_factor: Any = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
    ) -> None:
        super().__init__()
        self.name = type(self).__name__
        self.size = size
        if isinstance(scale_factor, tuple):
            self.scale_factor: Any = tuple(map(float, scale_factor))
        else:
            self.scale_factor = float(scale_factor) if scale_factor else None
        self.mode = mode
        self.align_corners = align_corners
        self.recompute_scale_factor = recompute_scale_factor

    def forward(self, input: Tensor) -> Tensor:
        return F.interpolate(
            input, self.size, self.scale_factor, self.mode, self.align_corners,
            self.recompute_scale_factor,
        )  # fmt: skip

    def extra_repr(self) -> str:
        if self.scale_factor is not None:
            size = f"scale_factor={self.scale_factor!r}"
        else:
            size = f"size={self.size!r}"
        return f"{size}, mode={self.mode!r}"


class UpsamplingNearest2d(Upsample):
    """`Upsample` with mode ``"nearest"``."""

    def __init__(self, size: Any = None, scale_factor: Any = None) -> None:
        super().__init__(size, scale_factor, mode="nearest")


class UpsamplingBilinear2d(Upsample):
    """`Upsample` with mode ``"bilinear"`` and aligned corners."""

    def __init__(self, size: Any = None, scale_factor: Any = None) -> None:
        super().__init__(size, scale_factor, mode="bilinear", align_corners=True)


# ------------------------------------------------------------------ channels and places


class PixelShuffle(Module):
    """`functional.pixel_shuffle`."""

    _shown = ("upscale_factor",)

    def __init__(self, upscale_factor: int) -> None:
        super().__init__()
        self.upscale_factor = upscale_factor

    def forward(self, input: Tensor) -> Tensor:
        return F.pixel_shuffle(input, self.upscale_factor)


class PixelUnshuffle(Module):
    """`functional.pixel_unshuffle`."""

    _shown = ("downscale_factor",)

    def __init__(self, downscale_factor: int) -> None:
        super().__init__()
        self.downscale_factor = downscale_factor

    def forward(self, input: Tensor) -> Tensor:
        return F.pixel_unshuffle(input, self.downscale_factor)


class ChannelShuffle(Module):
    """`functional.channel_shuffle`."""

    _shown = ("groups",)

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups

    def forward(self, input: Tensor) -> Tensor:
        return F.channel_shuffle(input, self.groups)


class Unfold(Module):
    """`functional.unfold`."""

    _shown = ("kernel_size", "dilation", "padding", "stride")

    def __init__(
        self, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, input: Tensor) -> Tensor:
        return F.unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)


class Fold(Module):
    """`functional.fold`.

    >>> import xpgrad as xg
    >>> x = xg.ones(1, 1, 2, 3)
    >>> xg.nn.Fold((2, 3), 2)(xg.nn.Unfold(2)(x))
    tensor([[[[1., 2., 1.],
              [1., 2., 1.]]]])
    """

    _shown = ("output_size", "kernel_size", "dilation", "padding", "stride")

    def __init__(
        self,
        output_size: Any,
        kernel_size: Any,
        dilation: Any = 1,
        padding: Any = 0,
        stride: Any = 1,
    ) -> None:
        super().__init__()
        self.output_size = output_size
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, input: Tensor) -> Tensor:
        return F.fold(
            input, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride
        )
