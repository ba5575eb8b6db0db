"""Layers that pool: the functions of `xpgrad.nn.functional` with their settings."""

from __future__ import annotations

from typing import Any, ClassVar

from xpgrad.nn import functional as F
from xpgrad.nn.functional.space import Ints, ints_of, ratios_of
from xpgrad.nn.module import Module
from xpgrad.tensor import Tensor

__all__ = [
    "AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AdaptiveAvgPool3d", "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d", "AdaptiveMaxPool3d", "AvgPool1d", "AvgPool2d", "AvgPool3d",
    "FractionalMaxPool2d", "FractionalMaxPool3d", "LPPool1d", "LPPool2d", "LPPool3d",
    "MaxPool1d", "MaxPool2d", "MaxPool3d", "MaxUnpool1d", "MaxUnpool2d", "MaxUnpool3d",
]  # fmt: skip


class _Pooling(Module):
    function: ClassVar[Any]


class _MaxPool(_Pooling):
    _shown = ("kernel_size", "stride", "padding", "dilation", "ceil_mode")

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.dilation = dilation
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode

    def forward(self, input: Tensor) -> Any:
        return type(self).function(
            input, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode,
            self.return_indices,
        )  # fmt: skip


class MaxPool1d(_MaxPool):
    """`functional.max_pool1d`.

    >>> import xpgrad as xg
    >>> xg.nn.MaxPool1d(2)(xg.tensor([[1.0, 3.0, 2.0, 0.0]]))
    tensor([[3., 2.]])
    """

    function = staticmethod(F.max_pool1d)


class MaxPool2d(_MaxPool):
    """`functional.max_pool2d`.

    >>> import xpgrad as xg
    >>> xg.nn.MaxPool2d(2)(xg.ones(1, 3, 4, 4)).shape
    xpgrad.Size([1, 3, 2, 2])
    """

    function = staticmethod(F.max_pool2d)


class MaxPool3d(_MaxPool):
    """`functional.max_pool3d`."""

    function = staticmethod(F.max_pool3d)


class _FractionalMaxPool(Module):
    function: ClassVar[Any]
    space: ClassVar[int]

    def __init__(
        self,
        kernel_size: Any,
        output_size: Any = None,
        output_ratio: Any = None,
        return_indices: bool = False,
        _random_samples: Tensor | None = None,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        if (output_size is None) == (output_ratio is None):
            raise ValueError(
                f"{name} requires specifying either an output size, or a pooling ratio"
                if output_size is None
                else "only one of output_size and output_ratio may be specified"
            )
        self.kernel_size = ints_of(kernel_size, self.space, "kernel_size", name)
        self.output_size: Any = None
        self.output_ratio: Any = None
        if output_size is not None:
            self.output_size = ints_of(output_size, self.space, "output_size", name)
        else:
            self.output_ratio = ratios_of(output_ratio, self.space)
        self.return_indices = return_indices
        self.register_buffer("_random_samples", _random_samples)

    def forward(self, input: Tensor) -> Any:
        return type(self).function(
            input, self.kernel_size, self.output_size, self.output_ratio, self.return_indices,
            self._random_samples,
        )  # fmt: skip


class FractionalMaxPool2d(_FractionalMaxPool):
    """`functional.fractional_max_pool2d`.

    >>> import xpgrad as xg
    >>> xg.nn.FractionalMaxPool2d(2, output_ratio=0.5)(xg.ones(1, 3, 5, 5)).shape
    xpgrad.Size([1, 3, 2, 2])
    """

    space = 2
    function = staticmethod(F.fractional_max_pool2d)


class FractionalMaxPool3d(_FractionalMaxPool):
    """`functional.fractional_max_pool3d`."""

    space = 3
    function = staticmethod(F.fractional_max_pool3d)


class _MaxUnpool(_Pooling):
    _shown = ("kernel_size", "stride", "padding")
    space: ClassVar[int]

    def __init__(self, kernel_size: Any, stride: Any = None, padding: Any = 0) -> None:
        super().__init__()
        self.kernel_size = self._numbers(kernel_size, "kernel_size")
        self.stride = self._numbers(kernel_size if stride is None else stride, "stride")
        self.padding = self._numbers(padding, "padding")

    def _numbers(self, value: Any, what: str) -> Ints:
        return ints_of(value, self.space, what, type(self).__name__)

    def forward(self, input: Tensor, indices: Tensor, output_size: Any = None) -> Tensor:
        out: Tensor = type(self).function(
            input, indices, self.kernel_size, self.stride, self.padding, output_size
        )
        return out


class MaxUnpool1d(_MaxUnpool):
    """`functional.max_unpool1d`."""

    space = 1
    function = staticmethod(F.max_unpool1d)


class MaxUnpool2d(_MaxUnpool):
    """`functional.max_unpool2d`.

    >>> import xpgrad as xg
    >>> x, i = xg.nn.MaxPool2d(2, return_indices=True)(xg.arange(4.0).reshape(1, 2, 2))
    >>> xg.nn.MaxUnpool2d(2)(x, i)
    tensor([[[0., 0.],
             [0., 3.]]])
    """

    space = 2
    function = staticmethod(F.max_unpool2d)


class MaxUnpool3d(_MaxUnpool):
    """`functional.max_unpool3d`."""

    space = 3
    function = staticmethod(F.max_unpool3d)


class AvgPool1d(_Pooling):
    """`functional.avg_pool1d`.

    >>> import xpgrad as xg
    >>> xg.nn.AvgPool1d(2)(xg.tensor([[1.0, 3.0, 2.0, 0.0]]))
    tensor([[2., 1.]])
    """

    _shown = ("kernel_size", "stride", "padding")

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__()
        self.kernel_size = ints_of(kernel_size, 1, "kernel_size", "AvgPool1d")
        self.stride = ints_of(kernel_size if stride is None else stride, 1, "stride", "AvgPool1d")
        self.padding = ints_of(padding, 1, "padding", "AvgPool1d")
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad

    def forward(self, input: Tensor) -> Tensor:
        return F.avg_pool1d(
            input, self.kernel_size, self.stride, self.padding, self.ceil_mode,
            self.count_include_pad,
        )  # fmt: skip


class _AvgPool(_Pooling):
    _shown = ("kernel_size", "stride", "padding")

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override

    def forward(self, input: Tensor) -> Tensor:
        out: Tensor = type(self).function(
            input, self.kernel_size, self.stride, self.padding, self.ceil_mode,
            self.count_include_pad, self.divisor_override,
        )  # fmt: skip
        return out


class AvgPool2d(_AvgPool):
    """`functional.avg_pool2d`."""

    function = staticmethod(F.avg_pool2d)


class AvgPool3d(_AvgPool):
    """`functional.avg_pool3d`."""

    function = staticmethod(F.avg_pool3d)


class _LPPool(_Pooling):
    _shown = ("norm_type", "kernel_size", "stride", "ceil_mode")

    def __init__(
        self, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
    ) -> None:
        super().__init__()
        self.norm_type = norm_type
        self.kernel_size = kernel_size
        self.stride = stride
        self.ceil_mode = ceil_mode

    def forward(self, input: Tensor) -> Tensor:
        out: Tensor = type(self).function(
            input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode
        )
        return out


class LPPool1d(_LPPool):
    """`functional.lp_pool1d`."""

    function = staticmethod(F.lp_pool1d)


class LPPool2d(_LPPool):
    """`functional.lp_pool2d`."""

    function = staticmethod(F.lp_pool2d)


class LPPool3d(_LPPool):
    """`functional.lp_pool3d`."""

    function = staticmethod(F.lp_pool3d)


class _AdaptiveAvgPool(_Pooling):
    _shown = ("output_size",)

    def __init__(self, output_size: Any) -> None:
        super().__init__()
        self.output_size = output_size

    def forward(self, input: Tensor) -> Tensor:
        out: Tensor = type(self).function(input, self.output_size)
        return out


class AdaptiveAvgPool1d(_AdaptiveAvgPool):
    """`functional.adaptive_avg_pool1d`."""

    function = staticmethod(F.adaptive_avg_pool1d)


class AdaptiveAvgPool2d(_AdaptiveAvgPool):
    """`functional.adaptive_avg_pool2d`.

    >>> import xpgrad as xg
    >>> xg.nn.AdaptiveAvgPool2d((1, None))(xg.ones(2, 3, 5, 7)).shape
    xpgrad.Size([2, 3, 1, 7])
    """

    function = staticmethod(F.adaptive_avg_pool2d)


class AdaptiveAvgPool3d(_AdaptiveAvgPool):
    """`functional.adaptive_avg_pool3d`."""

    function = staticmethod(F.adaptive_avg_pool3d)


class _AdaptiveMaxPool(_Pooling):
    _shown = ("output_size",)

    def __init__(self, output_size: Any, return_indices: bool = False) -> None:
        super().__init__()
        self.output_size = output_size
        self.return_indices = return_indices

    def forward(self, input: Tensor) -> Any:
        return type(self).function(input, self.output_size, self.return_indices)


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """`functional.adaptive_max_pool1d`."""

    function = staticmethod(F.adaptive_max_pool1d)


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """`functional.adaptive_max_pool2d`."""

    function = staticmethod(F.adaptive_max_pool2d)


class AdaptiveMaxPool3d(_AdaptiveMaxPool):
    """`functional.adaptive_max_pool3d`."""

    function = staticmethod(F.adaptive_max_pool3d)
