"""Pooling in one, two and three dimensions: maxima and averages of windows, and the way back.

Inputs are (N, C, *space) or (C, *space). Without a `stride` windows lie side by side. With
`ceil_mode` a window may reach beyond the padding behind, if it begins within it. Of equal maxima
the first one gets the gradient.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from xpgrad import dtypes
from xpgrad.door.arguments import UnsupportedDType, only_tensor
from xpgrad.dtypes import bool_, int64
from xpgrad.errors import DTypeError, ShapeError
from xpgrad.nn.functional.space import Ints, in_single, numbers_of
from xpgrad.op import named
from xpgrad.ops import elementwise, indexing, pooling
from xpgrad.ops.shape import reshape
from xpgrad.tensor import Tensor, wrap

__all__ = [
    "avg_pool1d", "avg_pool2d", "avg_pool3d", "lp_pool1d", "lp_pool2d", "lp_pool3d", "max_pool1d",
    "max_pool1d_with_indices", "max_pool2d", "max_pool2d_with_indices", "max_pool3d",
    "max_pool3d_with_indices", "max_unpool1d", "max_unpool2d", "max_unpool3d",
]  # fmt: skip


class Windows:
    """The windows of a pooling, checked: what there is for each dimension of space."""

    def __init__(
        self, function: str, x: Tensor, space: int, kernel: Any, stride: Any, padding: Any,
        dilation: Any, ceil_mode: bool,
    ) -> None:  # fmt: skip
        self.space = space
        self.kernel = numbers_of(kernel, space, "kernel_size", function)
        if stride is None or (isinstance(stride, (list, tuple)) and not stride):
            self.stride = self.kernel
        else:
            self.stride = numbers_of(stride, space, "stride", function)
        self.padding = numbers_of(padding, space, "padding", function)
        self.dilation = numbers_of(dilation, space, "dilation", function)
        for k, s, p, d in zip(self.kernel, self.stride, self.padding, self.dilation, strict=True):
            if k <= 0:
                raise ShapeError(f"{function}() kernel_size must be greater than zero, but got {k}")
            if s <= 0:
                raise ShapeError(f"{function}() stride must be greater than zero, but got {s}")
            if d <= 0:
                raise ShapeError(f"{function}() dilation should be greater than zero, but got {d}")
            if p < 0:
                raise ShapeError(f"pad must be non-negative, but got pad: {p}")
            if p > (d * (k - 1) + 1) // 2:
                raise ShapeError(
                    "pad should be at most half of effective kernel size, but got "
                    f"pad={p}, kernel_size={k} and dilation={d}"
                )
        self.axes = tuple(range(x.ndim - space, x.ndim))
        self.inputs = tuple(x.shape[-space:])
        self.outputs = tuple(
            _count(n, k, s, p, d, ceil_mode)
            for n, k, s, p, d in zip(
                self.inputs, self.kernel, self.stride, self.padding, self.dilation, strict=True
            )
        )
        if min(self.outputs) < 1:
            c = x.shape[-space - 1]
            sizes = ["x".join(map(str, (c, *s))) for s in (self.inputs, self.outputs)]
            raise ShapeError(
                f"Given input size: ({sizes[0]}). Calculated output size: ({sizes[1]}). Output "
                "size is too small"
            )

    def along(self, i: int) -> dict[str, int]:
        """The settings of an op along a dimension."""
        return {
            "axis": self.axes[i], "size": self.kernel[i], "stride": self.stride[i],
            "padding": self.padding[i], "dilation": self.dilation[i], "count": self.outputs[i],
        }  # fmt: skip


def _count(n: int, k: int, s: int, p: int, d: int, ceil_mode: bool) -> int:
    """How many windows there are along a dimension."""
    span = n + 2 * p - d * (k - 1) - 1
    count = (span + (s - 1 if ceil_mode else 0)) // s + 1
    if ceil_mode and (count - 1) * s >= n + p:  # the last one has to begin inside
        count -= 1
    return count


def _input(x: Any, space: int, function: str) -> Tensor:
    """An input for `space` dimensions; only the batch may be empty.

    Raises:
        ShapeError: for another number of dimensions, or empty ones.
        DTypeError: for booleans and complex numbers.
    """
    found = only_tensor(x, function)
    if found.ndim not in (space + 1, space + 2) or 0 in found.shape[-space - 1 :]:
        raise ShapeError(
            f"{function}: Expected {space + 1}D or {space + 2}D (batch mode) tensor with optional "
            f"0 dim batch size for input, but got:{list(found.shape)}"
        )
    if found.dtype is bool_ or found.dtype.is_complex:
        raise UnsupportedDType(f"\"{function}\" not implemented for '{found.dtype.torch_name}'")
    return found


# ------------------------------------------------------------------ maxima


def _maxima(
    space: int, input: Any, kernel_size: Any, stride: Any, padding: Any, dilation: Any,
    ceil_mode: bool, places: bool,
) -> Any:  # fmt: skip
    function = f"max_pool{space}d"
    x = _input(input, space, function)
    how = Windows(function, x, space, kernel_size, stride, padding, dilation, ceil_mode)
    found: Tensor | None = None
    for i in reversed(range(space)):
        pool: Callable[..., Any] = pooling.max_pool if i else pooling.MAXIMA[space]
        x, code = pool(x, **how.along(i))
        if places:
            unit = math.prod(how.inputs[i + 1 :])
            found = pooling.max_places(found, code, unit=unit, **how.along(i))
    return (x, found) if places else x


def max_pool1d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """`max_pool2d` in one dimension.

    >>> import xpgrad as xg
    >>> xg.nn.functional.max_pool1d(xg.tensor([[1.0, 3.0, 2.0, 0.0]]), 2)
    tensor([[3., 2.]])
    """
    given = (input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)
    return _maxima(1, *given)


def max_pool2d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The maximum of each window.

    Args:
        kernel_size, stride, padding, dilation: one number for both dimensions, or two. What pads
            is less than everything.
        return_indices: give the places of the maxima, too: row-major positions in each image.

    Raises:
        ShapeError: for windows that are larger than the input, padding of more than half a window.

    >>> import xpgrad as xg
    >>> x = xg.arange(16.0).reshape(1, 4, 4)
    >>> xg.nn.functional.max_pool2d(x, 2)
    tensor([[[ 5.,  7.],
             [13., 15.]]])
    >>> xg.nn.functional.max_pool2d(x, 2, return_indices=True)[1]
    tensor([[[ 5,  7],
             [13, 15]]])
    >>> x = xg.ones(1, 1, 2, requires_grad=True)
    >>> xg.autograd.grad(xg.nn.functional.max_pool2d(x, (1, 2)).sum(), x)
    (tensor([[[1., 0.]]]),)
    """
    given = (input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)
    return _maxima(2, *given)


def max_pool3d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """`max_pool2d` in three dimensions.

    >>> import xpgrad as xg
    >>> xg.nn.functional.max_pool3d(xg.arange(8.0).reshape(1, 2, 2, 2), 2)
    tensor([[[[7.]]]])
    """
    given = (input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)
    return _maxima(3, *given)


def _with_indices(space: int) -> Callable[..., Any]:
    def function(
        input: Tensor,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        ceil_mode: bool = False,
        return_indices: bool = False,
    ) -> tuple[Tensor, Tensor]:
        given = (input, kernel_size, stride, padding, dilation, ceil_mode, True)
        found: tuple[Tensor, Tensor] = _maxima(space, *given)
        return found

    function.__name__ = function.__qualname__ = f"max_pool{space}d_with_indices"
    function.__doc__ = f"""`max_pool{space}d` with the places of the maxima.

    >>> import xpgrad as xg
    >>> x = xg.arange(8.0).reshape(1, {", ".join(["2"] * (space - 1) + ["-1"])})
    >>> xg.nn.functional.max_pool{space}d_with_indices(x, 2)[1].flatten()[-1]
    tensor(7)
    """
    return function


max_pool1d_with_indices = _with_indices(1)
max_pool2d_with_indices = _with_indices(2)
max_pool3d_with_indices = _with_indices(3)


# ------------------------------------------------------------------ the way back

_UNPOOLED: dict[int, Callable[..., Tensor]] = {
    1: named(indexing.index_put, "SqueezeBackward1"),
    2: named(indexing.index_put, "MaxUnpool2DBackward0"),
    3: named(indexing.index_put, "MaxUnpool3DBackward0"),
}


def _unpool(
    space: int, input: Any, indices: Any, kernel_size: Any, stride: Any, padding: Any,
    output_size: Any,
) -> Tensor:  # fmt: skip
    function = f"max_unpool{space}d"
    x, places = only_tensor(input, function), only_tensor(indices, function, "indices", 2)
    kernel = numbers_of(kernel_size, space, "kernel_size", function)
    steps = kernel if stride is None else numbers_of(stride, space, "stride", function)
    before = numbers_of(padding, space, "padding", function)
    if x.ndim not in (space + 1, space + 2):
        raise ShapeError(
            f"Input to max_unpooling{space}d should be a {space + 1}d or {space + 2}d Tensor, but "
            f"got a tensor with {x.ndim} dimensions."
        )
    if places.dtype is not int64 and int64 in places._ns.natives:
        raise DTypeError(
            f"elements in indices should be type int64 but got: {places.dtype.torch_name}"
        )
    if places.shape != x.shape:
        raise ShapeError(
            "Expected shape of indices to be same as that of the input tensor "
            f"({list(x.shape)}) but got indices tensor with shape: {list(places.shape)}"
        )
    size = tuple(
        (n - 1) * s + k - 2 * p
        for n, s, k, p in zip(x.shape[-space:], steps, kernel, before, strict=True)
    )
    if output_size is not None:
        size = _unpooled_size(tuple(output_size), size, steps)
    lead, count, inner = tuple(x.shape[:-space]), math.prod(size), math.prod(x.shape[-space:])
    least, most = places._ns.bounds(places._data) or (0, 0)
    if least < 0 or most >= max(count, 1):
        raise ShapeError(
            f"Found an invalid max index: {least if least < 0 else most} (output volumes are of "
            f"size {'x'.join(map(str, size))}"
        )
    ns, rows = x._ns, math.prod(lead)
    with ns.current():
        nothing = wrap(ns.wrap(ns.zeros((rows, count), dtype=x._data.dtype)), ns)
        row = ns.reshape(ns.arange(rows, dtype=places._data.dtype), (rows, 1))
    index = (row, reshape(places, shape=(rows, inner))._data)
    out = _UNPOOLED[space](nothing, reshape(x, shape=(rows, inner)), index=index)
    return reshape(out, shape=(*lead, *size))


def _unpooled_size(given: Ints, size: Ints, steps: Ints) -> Ints:
    """The size that is asked for.

    Raises:
        ValueError: where no pooling of that size gives such an input.
    """
    space = len(size)
    if len(given) == space + 2:
        given = given[2:]
    if len(given) != space:
        raise ValueError(
            f"output_size should be a sequence containing {space} or {space + 2} elements, but it "
            f"has a length of '{len(given)}'"
        )
    for d, (n, m, s) in enumerate(zip(given, size, steps, strict=True)):
        if not m - s < n < m + s:
            raise ValueError(
                f'invalid output_size "{given}" (dim {d} must be between {m - s} and {m + s})'
            )
    return given


def max_unpool1d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    output_size: Any = None,
) -> Tensor:
    """`max_unpool2d` in one dimension.

    >>> import xpgrad as xg
    >>> x = xg.tensor([[1.0, 3.0, 2.0, 0.0]])
    >>> x, i = xg.nn.functional.max_pool1d(x, 2, return_indices=True)
    >>> xg.nn.functional.max_unpool1d(x, i, 2)
    tensor([[0., 3., 2., 0.]])
    """
    return _unpool(1, input, indices, kernel_size, stride, padding, output_size)


def max_unpool2d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    output_size: Any = None,
) -> Tensor:
    """Maxima back in their places, and zeros elsewhere.

    Args:
        indices: the places that `max_pool2d` with the same settings gave.
        output_size: the size of what was pooled, where several give the same.

    Raises:
        ValueError: for an `output_size` that this is not the pooling of.
        ShapeError: for places that do not belong to the input or are out of range.

    >>> import xpgrad as xg
    >>> x, i = xg.nn.functional.max_pool2d(xg.arange(4.0).reshape(1, 2, 2), 2, return_indices=True)
    >>> xg.nn.functional.max_unpool2d(x, i, 2)
    tensor([[[0., 0.],
             [0., 3.]]])
    """
    return _unpool(2, input, indices, kernel_size, stride, padding, output_size)


def max_unpool3d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    output_size: Any = None,
) -> Tensor:
    """`max_unpool2d` in three dimensions.

    >>> import xpgrad as xg
    >>> x, i = xg.ones(1, 1, 1, 1), xg.tensor([[[[1]]]])
    >>> xg.nn.functional.max_unpool3d(x, i, (1, 1, 2))
    tensor([[[[0., 1.]]]])
    """
    return _unpool(3, input, indices, kernel_size, stride, padding, output_size)


# ------------------------------------------------------------------ averages


def _averages(
    space: int, input: Any, kernel_size: Any, stride: Any, padding: Any, ceil_mode: bool,
    count_include_pad: bool, divisor_override: int | None = None,
) -> Tensor:  # fmt: skip
    function = f"avg_pool{space}d"
    x = _input(input, space, function)
    how = Windows(function, x, space, kernel_size, stride, padding, 1, ceil_mode)
    if divisor_override == 0:
        raise ShapeError("divisor must be not zero")
    return _divided(x, how, count_include_pad, divisor_override)


@in_single
def _divided(x: Tensor, how: Windows, count_include_pad: bool, override: int | None) -> Tensor:
    """The sum of each window, divided."""
    space = how.space
    for i in reversed(range(space)):
        x = pooling.sum_pool(x, **how.along(i))
    divisor: Any = override
    if divisor is None:
        lengths = [_lengths(how, i, count_include_pad) for i in range(space)]
        divisor = lengths[0]
        for other in lengths[1:]:
            divisor = np.multiply.outer(divisor, other)
        if (divisor == divisor.flat[0]).all():
            divisor = int(divisor.flat[0])
    if isinstance(divisor, np.ndarray):
        ns = x._ns
        with ns.current():
            divisor = wrap(ns.asarray(divisor.tolist(), dtype=x._data.dtype), ns)
    if x.dtype.category == dtypes.INTEGER:
        return x.div(divisor, rounding_mode="trunc")
    return _DIVIDED[space](x, divisor)


_DIVIDED: dict[int, Callable[..., Tensor]] = {
    1: named(elementwise.divide, "SqueezeBackward1"),
    2: named(elementwise.divide, "AvgPool2DBackward0"),
    3: named(elementwise.divide, "AvgPool3DBackward0"),
}


def _lengths(how: Windows, i: int, with_padding: bool) -> np.ndarray[Any, Any]:
    """How much of each window along a dimension there is."""
    n, p = how.inputs[i], how.padding[i]
    first = np.arange(how.outputs[i]) * how.stride[i] - p
    last = np.minimum(first + how.kernel[i], n + p)
    if not with_padding:
        first, last = np.maximum(first, 0), np.minimum(last, n)
    return np.maximum(last - first, 1)


def avg_pool1d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """`avg_pool2d` in one dimension.

    >>> import xpgrad as xg
    >>> xg.nn.functional.avg_pool1d(xg.tensor([[1.0, 3.0, 2.0, 0.0]]), 2)
    tensor([[2., 1.]])
    """
    return _averages(1, input, kernel_size, stride, padding, ceil_mode, count_include_pad)


def avg_pool2d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The mean of each window.

    Args:
        kernel_size, stride, padding: one number for both dimensions, or two.
        count_include_pad: the zeros that pad count like any others.
        divisor_override: divide the sums by this number instead.

    Raises:
        ShapeError: for windows that are larger than the input, padding of more than half a window.

    >>> import xpgrad as xg
    >>> x = xg.arange(16.0).reshape(1, 4, 4)
    >>> xg.nn.functional.avg_pool2d(x, 2)
    tensor([[[ 2.5000,  4.5000],
             [10.5000, 12.5000]]])
    """
    given = (input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)
    return _averages(2, *given)


def avg_pool3d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """`avg_pool2d` in three dimensions.

    >>> import xpgrad as xg
    >>> xg.nn.functional.avg_pool3d(xg.arange(8.0).reshape(1, 2, 2, 2), 2)
    tensor([[[[3.5000]]]])
    """
    given = (input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)
    return _averages(3, *given)


# ------------------------------------------------------------------ norms


def _norms(
    space: int, input: Any, norm_type: float, kernel_size: Any, stride: Any, ceil_mode: bool
) -> Tensor:
    x = only_tensor(input, f"lp_pool{space}d")
    count = math.prod(numbers_of(kernel_size, space, "kernel_size", f"lp_pool{space}d"))
    mean = (avg_pool1d, avg_pool2d, avg_pool3d)[space - 1]
    out = mean(x**norm_type, kernel_size, stride, 0, ceil_mode)
    return (out.sign() * out.abs().relu() * count) ** (1.0 / norm_type)


def lp_pool1d(
    input: Tensor, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
) -> Tensor:
    """`lp_pool2d` in one dimension.

    >>> import xpgrad as xg
    >>> xg.nn.functional.lp_pool1d(xg.tensor([[3.0, 4.0]]), 2, 2)
    tensor([[5.]])
    """
    return _norms(1, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool2d(
    input: Tensor, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
) -> Tensor:
    """The norm of each window: the sum of powers, and the root of it.

    The derivative is infinite or nan where all of a window is 0, as in PyTorch.

    >>> import xpgrad as xg
    >>> xg.nn.functional.lp_pool2d(xg.tensor([[[3.0, 4.0]]]), 2, (1, 2))
    tensor([[[5.]]])
    """
    return _norms(2, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool3d(
    input: Tensor, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
) -> Tensor:
    """`lp_pool2d` in three dimensions.

    >>> import xpgrad as xg
    >>> xg.nn.functional.lp_pool3d(xg.tensor([[[[3.0, 4.0]]]]), 2, (1, 1, 2))
    tensor([[[[5.]]]])
    """
    return _norms(3, input, norm_type, kernel_size, stride, ceil_mode)
