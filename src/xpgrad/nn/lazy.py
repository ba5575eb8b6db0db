"""Layers that find out the size of their input when they are first called.

Until then their parameters and buffers are not there: they have a dtype and a device, and no shape.
"""

from __future__ import annotations

from typing import Any, ClassVar

from xpgrad.door.creation import empty
from xpgrad.errors import ShapeError
from xpgrad.mode import no_grad
from xpgrad.nn.convolution import (
    Conv1d,
    Conv2d,
    Conv3d,
    ConvTranspose1d,
    ConvTranspose2d,
    ConvTranspose3d,
)
from xpgrad.nn.layers import Linear
from xpgrad.nn.module import Module
from xpgrad.nn.normalization import (
    BatchNorm1d,
    BatchNorm2d,
    BatchNorm3d,
    InstanceNorm1d,
    InstanceNorm2d,
    InstanceNorm3d,
    _Channels,
)
from xpgrad.nn.parameter import Parameter
from xpgrad.size import Size
from xpgrad.tensor import Tensor

__all__ = [
    "LazyBatchNorm1d", "LazyBatchNorm2d", "LazyBatchNorm3d", "LazyConv1d", "LazyConv2d",
    "LazyConv3d", "LazyConvTranspose1d", "LazyConvTranspose2d", "LazyConvTranspose3d",
    "LazyInstanceNorm1d", "LazyInstanceNorm2d", "LazyInstanceNorm3d", "LazyLinear",
    "UninitializedBuffer", "UninitializedParameter",
]  # fmt: skip

# ------------------------------------------------------------------ what is not there yet


class _Uninitialized(Tensor):
    """A tensor without a shape."""

    @property
    def shape(self) -> Size:
        """Not there yet.

        Raises:
            RuntimeError: always.
        """
        raise ShapeError(
            "Can't access the shape of an uninitialized parameter or buffer. This error usually "
            "happens in `load_state_dict` when trying to load an uninitialized parameter into an "
            "initialized one. Call `forward` to initialize the parameters before accessing their "
            "attributes."
        )

    def materialize(self, shape: Any, device: Any = None, dtype: Any = None) -> None:
        """Become an ordinary one of a shape, with any values; the object stays the same."""
        made = empty(tuple(shape), device=device or self.device, dtype=dtype or self.dtype)
        self._show(made)
        self.__class__ = self._becomes()  # type: ignore[assignment]

    def _becomes(self) -> type[Tensor]:
        return Tensor

    def detach(self) -> Tensor:
        """Itself: there is nothing that could be shown without history."""
        return self

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    __str__ = __repr__


class UninitializedParameter(_Uninitialized, Parameter):
    """A parameter whose shape is not known yet.

    >>> import xpgrad as xg
    >>> weight = xg.nn.UninitializedParameter()
    >>> weight
    <UninitializedParameter>
    >>> weight.materialize((2, 3)); weight.shape
    xpgrad.Size([2, 3])
    """

    def __init__(self, requires_grad: bool = True, device: Any = None, dtype: Any = None) -> None:
        super().__init__(empty(0, device=device, dtype=dtype), requires_grad)

    def _becomes(self) -> type[Tensor]:
        return Parameter

    def __deepcopy__(self, memo: dict[int, Any]) -> Parameter:
        if id(self) not in memo:
            memo[id(self)] = type(self)(self.requires_grad, self.device, self.dtype)
        found: Parameter = memo[id(self)]
        return found


class UninitializedBuffer(_Uninitialized):
    """A buffer whose shape is not known yet."""

    def __init__(self, requires_grad: bool = False, device: Any = None, dtype: Any = None) -> None:
        made = empty(0, device=device, dtype=dtype)
        self._data, self._ns, self._node = made._data, made._ns, None
        if requires_grad:
            self.requires_grad = True

    def __deepcopy__(self, memo: dict[int, Any]) -> UninitializedBuffer:
        return type(self)(self.requires_grad, self.device, self.dtype)


# ------------------------------------------------------------------ modules


class _Lazy(Module):
    """A module that becomes another when it is first called, or is one already if it was loaded."""

    becomes: ClassVar[type[Module]]

    def _wait(self) -> None:
        self.__dict__["_finding"] = self.register_forward_pre_hook(_Lazy._find)

    def _find(self, args: Any) -> None:
        if self.has_uninitialized_params():
            with no_grad():
                self.initialize_parameters(*args)
        self._settle(args[0])
        self.__dict__.pop("_finding").remove()
        self.__class__ = self.becomes  # type: ignore[assignment]

    def has_uninitialized_params(self) -> bool:
        """Whether any parameter or buffer is not there yet."""
        inside = (*self._parameters.values(), *self._buffers.values())
        return any(isinstance(value, _Uninitialized) for value in inside)

    def initialize_parameters(self, input: Tensor) -> None:
        """Make parameters and buffers that suit an input."""
        raise NotImplementedError

    def _settle(self, input: Tensor) -> None:
        """Note the size of the input."""

    def reset_parameters(self) -> None:
        """Draw parameters anew, if there are any."""
        if not self.has_uninitialized_params():
            super().reset_parameters()  # type: ignore[misc]


class LazyLinear(_Lazy, Linear):
    """`Linear` whose `in_features` are those of the first input.

    >>> import xpgrad as xg
    >>> layer = xg.nn.LazyLinear(2)
    >>> layer(xg.ones(5, 3)).shape, layer
    (xpgrad.Size([5, 2]), Linear(in_features=3, out_features=2, bias=True))
    """

    becomes = Linear

    def __init__(
        self, out_features: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        Module.__init__(self)
        self.in_features, self.out_features = 0, out_features
        for name, wanted in (("weight", True), ("bias", bias)):
            made = UninitializedParameter(device=device, dtype=dtype) if wanted else None
            self.register_parameter(name, made)
        self._wait()

    def initialize_parameters(self, input: Tensor) -> None:
        """Make weights and biases that suit an input."""
        self._settle(input)
        _materialize(self.weight, (self.out_features, self.in_features))
        _materialize(self.bias, (self.out_features,))
        self.reset_parameters()

    def _settle(self, input: Tensor) -> None:
        self.in_features = input.shape[-1]


def _materialize(value: Any, shape: tuple[int, ...]) -> None:
    if isinstance(value, _Uninitialized):
        value.materialize(shape)


def _channels(module: Module, input: Tensor, space: int) -> int:
    """The number of channels of an input.

    Raises:
        ShapeError: for another number of dimensions.
    """
    if input.ndim not in (space + 1, space + 2):
        raise ShapeError(
            f"Expected {space + 1}D (unbatched) or {space + 2}D (batched) input to "
            f"{type(module).__name__}, but got input of size: {input.shape}"
        )
    return input.shape[-space - 1]


# ------------------------------------------------------------------ convolutions


class _LazyConvolution(_Lazy):
    """A convolution whose input has as many channels as the first one."""

    space: ClassVar[int]
    transposed: ClassVar[bool]
    in_channels: int
    out_channels: int
    kernel_size: tuple[int, ...]
    groups: int

    def __init__(self, out_channels: int, kernel_size: Any, *args: Any, **kwargs: Any) -> None:
        # With the bias and the channels left out, all settings are as they will be.
        super().__init__(0, 0, kernel_size, *args, **kwargs)  # type: ignore[call-arg]
        self.out_channels = out_channels
        self.weight: Any
        self.bias: Any
        weight, bias = self._parameters["weight"], self._parameters["bias"]
        assert weight is not None
        like: dict[str, Any] = {"device": weight.device, "dtype": weight.dtype}
        self._parameters["weight"] = UninitializedParameter(**like)
        self._parameters["bias"] = None if bias is None else UninitializedParameter(**like)
        self._wait()

    def initialize_parameters(self, input: Tensor) -> None:
        """Make a kernel and a bias that suit an input."""
        self._settle(input)
        if self.in_channels % self.groups:
            raise ValueError("in_channels must be divisible by groups")
        channels = (self.out_channels, self.in_channels)
        first, second = channels[::-1] if self.transposed else channels
        _materialize(self.weight, (first, second // self.groups, *self.kernel_size))
        _materialize(self.bias, (self.out_channels,))
        self.reset_parameters()

    def _settle(self, input: Tensor) -> None:
        self.in_channels = _channels(self, input, self.space)

    def reset_parameters(self) -> None:
        """Draw kernel and bias anew, if they are there."""
        if self.in_channels:
            super().reset_parameters()


class LazyConv1d(_LazyConvolution, Conv1d):
    """`Conv1d` whose `in_channels` are those of the first input.

    >>> import xpgrad as xg
    >>> layer = xg.nn.LazyConv1d(4, 3)
    >>> layer(xg.ones(2, 5, 8)).shape, layer
    (xpgrad.Size([2, 4, 6]), Conv1d(5, 4, kernel_size=(3,), stride=(1,)))
    """

    becomes = Conv1d


class LazyConv2d(_LazyConvolution, Conv2d):
    """`Conv2d` whose `in_channels` are those of the first input."""

    becomes = Conv2d


class LazyConv3d(_LazyConvolution, Conv3d):
    """`Conv3d` whose `in_channels` are those of the first input."""

    becomes = Conv3d


class LazyConvTranspose1d(_LazyConvolution, ConvTranspose1d):
    """`ConvTranspose1d` whose `in_channels` are those of the first input."""

    becomes = ConvTranspose1d


class LazyConvTranspose2d(_LazyConvolution, ConvTranspose2d):
    """`ConvTranspose2d` whose `in_channels` are those of the first input."""

    becomes = ConvTranspose2d


class LazyConvTranspose3d(_LazyConvolution, ConvTranspose3d):
    """`ConvTranspose3d` whose `in_channels` are those of the first input."""

    becomes = ConvTranspose3d


# ------------------------------------------------------------------ normalisation


class _LazyNorm(_Lazy, _Channels):
    """Normalisation of as many channels as the first input has."""

    def __init__(
        self,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(0, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)
        kinds: Any = (
            (self._parameters, UninitializedParameter),
            (self._buffers, UninitializedBuffer),
        )
        for members, kind in kinds:
            for name, value in members.items():
                if value is not None and value.ndim:
                    members[name] = kind(device=value.device, dtype=value.dtype)
        self._wait()

    def initialize_parameters(self, input: Tensor) -> None:
        """Make parameters and running statistics that suit an input."""
        self._settle(input)
        for value in (*self._parameters.values(), *self._buffers.values()):
            _materialize(value, (self.num_features,))
        self.reset_parameters()

    def _settle(self, input: Tensor) -> None:
        self.num_features = input.shape[1]

    def reset_parameters(self) -> None:
        """Start from scale 1 and shift 0, and from running statistics of nothing."""
        if not self.has_uninitialized_params() and self.num_features:
            super().reset_parameters()


class LazyBatchNorm1d(_LazyNorm, BatchNorm1d):
    """`BatchNorm1d` whose `num_features` are the channels of the first input.

    >>> import xpgrad as xg
    >>> layer = xg.nn.LazyBatchNorm1d()
    >>> layer(xg.ones(4, 3)).shape, layer.running_mean.shape
    (xpgrad.Size([4, 3]), xpgrad.Size([3]))
    """

    becomes = BatchNorm1d


class LazyBatchNorm2d(_LazyNorm, BatchNorm2d):
    """`BatchNorm2d` whose `num_features` are the channels of the first input."""

    becomes = BatchNorm2d


class LazyBatchNorm3d(_LazyNorm, BatchNorm3d):
    """`BatchNorm3d` whose `num_features` are the channels of the first input."""

    becomes = BatchNorm3d


class _LazyInstanceNorm(_LazyNorm):
    def _settle(self, input: Tensor) -> None:
        self.num_features = _channels(self, input, self.ranks[0] - 1)


class LazyInstanceNorm1d(_LazyInstanceNorm, InstanceNorm1d):
    """`InstanceNorm1d` whose `num_features` are the channels of the first input."""

    becomes = InstanceNorm1d


class LazyInstanceNorm2d(_LazyInstanceNorm, InstanceNorm2d):
    """`InstanceNorm2d` whose `num_features` are the channels of the first input."""

    becomes = InstanceNorm2d


class LazyInstanceNorm3d(_LazyInstanceNorm, InstanceNorm3d):
    """`InstanceNorm3d` whose `num_features` are the channels of the first input."""

    becomes = InstanceNorm3d
