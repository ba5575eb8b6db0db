"""Fractional max pooling: windows of one size whose distances are drawn, so that any ratio is met.

Graham, *Fractional Max-Pooling* (2014), arXiv:1412.6071.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from xpgrad.door.arguments import UnsupportedDType, only_tensor
from xpgrad.errors import DTypeError, ShapeError
from xpgrad.namespace import Array, Namespace
from xpgrad.nn.functional.arguments import drawn
from xpgrad.nn.functional.space import numbers_of, ratios_of
from xpgrad.op import named
from xpgrad.ops import searching
from xpgrad.ops.shape import reshape
from xpgrad.promotion import together
from xpgrad.tensor import Tensor, wrap

__all__ = [
    "fractional_max_pool2d", "fractional_max_pool2d_with_indices", "fractional_max_pool3d",
    "fractional_max_pool3d_with_indices",
]  # fmt: skip

_NAMES = ("time", "height", "width")

_TAKEN: dict[int, Callable[..., Tensor]] = {
    n: named(searching.take_along_axis, f"FractionalMaxPool{n}DBackward0", tied="x") for n in (2, 3)
}


def _pooled(
    space: int, input: Any, kernel_size: Any, output_size: Any, output_ratio: Any, samples: Any
) -> tuple[Tensor, Tensor]:
    function = f"fractional_max_pool{space}d"
    x = only_tensor(input, function)
    if output_size is None and output_ratio is None:
        raise ValueError(f"{function} requires specifying either an output_size or an output_ratio")
    if x.ndim not in (space + 1, space + 2):
        raise ShapeError(
            f"{function}(): Expected {space + 1}D or {space + 2}D tensor, but got: {list(x.shape)}"
        )
    if not x.dtype.is_floating_point:
        raise UnsupportedDType(f"\"{function}\" not implemented for '{x.dtype.torch_name}'")
    kernel = numbers_of(kernel_size, space, "kernel_size", function)
    lengths = tuple(x.shape[-space:])
    if output_size is None:
        ratios = ratios_of(output_ratio, space)
        sizes = tuple(int(n * r) for n, r in zip(lengths, ratios, strict=True))
    else:
        sizes = numbers_of(output_size, space, "output_size", function)
    for name, n, k, m in zip(_NAMES[-space:], lengths, kernel, sizes, strict=True):
        if m + k - (space == 2) > n:  # PyTorch's limit is another in space
            raise ShapeError(
                f"{function}(): pool {name} {k} too large relative to input {name} {n}"
            )
    batch = x.shape[0] if x.ndim == space + 2 else 1
    shape = (batch, x.shape[-space - 1], space)
    if samples is None:
        x, uniform = drawn(x, shape)
    else:
        if samples.dtype is not x.dtype:
            raise DTypeError("Expect _random_samples to have the same dtype as input")
        if tuple(samples.shape) != shape:
            raise ShapeError(f"Expect _random_samples to be of shape {list(shape)}")
        x, samples = together(function, x, samples)
        uniform = samples._data
    ns = x._ns
    planes = tuple(x.shape[:-space])
    flat = reshape(x, shape=(*planes, math.prod(lengths)))
    with ns.current():
        places = _places(ns, uniform, lengths, kernel, sizes, planes)
        windows = ns.take_along_axis(
            flat._data,
            ns.reshape(places, (*planes, math.prod(places.shape[len(planes) :]))),
            axis=-1,
        )
        windows = ns.reshape(windows, places.shape)
        # As if not a number were the largest.
        best = ns.argmax(ns.where(ns.isnan(windows), math.inf, windows), axis=-1, keepdims=True)
        chosen = ns.take_along_axis(places, best, axis=-1)
        at = wrap(ns.wrap(ns.reshape(chosen, (*planes, math.prod(sizes)))), ns)
    found = _TAKEN[space](flat, at, axis=len(planes))
    out = (*planes, *sizes)
    return reshape(found, shape=out), reshape(at, shape=out)


def _places(
    ns: Namespace,
    uniform: Array,
    lengths: tuple[int, ...],
    kernel: tuple[int, ...],
    sizes: tuple[int, ...],
    planes: tuple[int, ...],
) -> Array:
    """The row-major positions of the elements of each window: (*planes, *sizes, elements)."""
    space, wide = len(sizes), ns.arange(0).dtype
    total: Any = 0
    for i, (n, k, m) in enumerate(zip(lengths, kernel, sizes, strict=True)):
        # In the plane, PyTorch draws for the last dimension first.
        part = ns.getitem(uniform, (..., 1 - i if space == 2 else i))
        part = ns.reshape(part, (*planes, 1))
        if m > 1:
            step = (n - k) / (m - 1)
            steps = ns.astype(ns.arange(m - 1), part.dtype)
            first = ns.astype((steps + part) * step, wide) - ns.astype(part * step, wide)
            last = ns.zeros((*planes, 1), dtype=wide) + (n - k)
            first = ns.concat([first, last], axis=-1)
        else:
            first = ns.zeros((*planes, 1), dtype=wide) + (n - k)
        each = ns.reshape(first, (*planes, m, 1)) + ns.arange(k)  # (*planes, m, k)
        form = [1] * (2 * space)
        form[i], form[space + i] = m, k
        each = ns.reshape(each, (*planes, *form))
        total = total + each * math.prod(lengths[i + 1 :])
    return ns.reshape(total, (*planes, *sizes, math.prod(kernel)))


def fractional_max_pool2d_with_indices(
    input: Tensor,
    kernel_size: Any,
    output_size: Any = None,
    output_ratio: Any = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """`fractional_max_pool2d` with the places of the maxima.

    >>> import xpgrad as xg
    >>> x = xg.arange(9.0).reshape(1, 3, 3)
    >>> xg.nn.functional.fractional_max_pool2d_with_indices(x, 2, 2)[1]
    tensor([[[4, 5],
             [7, 8]]])
    """
    return _pooled(2, input, kernel_size, output_size, output_ratio, _random_samples)


def fractional_max_pool2d(
    input: Tensor,
    kernel_size: Any,
    output_size: Any = None,
    output_ratio: Any = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> Any:
    """The maxima of windows that begin at distances which are drawn for each plane.

    Args:
        input: (N, C, H, W) or (C, H, W).
        kernel_size: of the windows: one number, or two.
        output_size: how many windows there are; or
        output_ratio: how many for each element of the input, between 0 and 1.
        return_indices: give the places of the maxima, too: row-major positions in each plane.
        _random_samples: what is drawn, of shape (N, C, 2), instead.

    Raises:
        ValueError: without a size and a ratio, or with a ratio that is not between 0 and 1.
        ShapeError: for another number of dimensions, windows that do not fit in.

    >>> import xpgrad as xg
    >>> xg.nn.functional.fractional_max_pool2d(xg.arange(9.0).reshape(1, 3, 3), 2, 2)
    tensor([[[4., 5.],
             [7., 8.]]])
    """
    found = _pooled(2, input, kernel_size, output_size, output_ratio, _random_samples)
    return found if return_indices else found[0]


def fractional_max_pool3d_with_indices(
    input: Tensor,
    kernel_size: Any,
    output_size: Any = None,
    output_ratio: Any = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """`fractional_max_pool3d` with the places of the maxima.

    >>> import xpgrad as xg
    >>> x = xg.arange(27.0).reshape(1, 3, 3, 3)
    >>> xg.nn.functional.fractional_max_pool3d_with_indices(x, 2, 1)[1]
    tensor([[[[26]]]])
    """
    return _pooled(3, input, kernel_size, output_size, output_ratio, _random_samples)


def fractional_max_pool3d(
    input: Tensor,
    kernel_size: Any,
    output_size: Any = None,
    output_ratio: Any = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> Any:
    """`fractional_max_pool2d` in three dimensions.

    >>> import xpgrad as xg
    >>> xg.nn.functional.fractional_max_pool3d(xg.arange(27.0).reshape(1, 3, 3, 3), 2, 1)
    tensor([[[[26.]]]])
    """
    found = _pooled(3, input, kernel_size, output_size, output_ratio, _random_samples)
    return found if return_indices else found[0]
