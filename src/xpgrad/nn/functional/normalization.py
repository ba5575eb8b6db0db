"""Normalisation: over a batch, over channels, over the last dimensions, by a norm."""

from __future__ import annotations

import math
from typing import Any

from xpgrad import dtypes
from xpgrad.door.arguments import dim_of, only_tensor, size_of
from xpgrad.door.joining import cat
from xpgrad.door.limits import finfo
from xpgrad.door.linalg import norm
from xpgrad.errors import DTypeError, ShapeError
from xpgrad.fused import shaped, widened
from xpgrad.mode import no_grad
from xpgrad.nn.functional.arguments import floating, real
from xpgrad.op import named
from xpgrad.ops import elementwise, reductions
from xpgrad.ops import normalization as ops
from xpgrad.ops.shape import reshape
from xpgrad.tensor import Tensor, wrap

__all__ = [
    "batch_norm", "group_norm", "instance_norm", "layer_norm", "local_response_norm", "normalize",
    "rms_norm",
]  # fmt: skip

_norm_of_batch: Any = named(ops.channel_norm, "NativeBatchNormBackward0", tied=("x", "weight"))

# ------------------------------------------------------------------ over the last dimensions


def layer_norm(
    input: Tensor,
    normalized_shape: Any,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """`input` with mean 0 and variance 1 over the last dimensions, times `weight`, plus `bias`.

    Args:
        normalized_shape: the lengths of the dimensions to normalise over.
        eps: added to the variance.

    Raises:
        ShapeError: for shapes that do not end in `normalized_shape`.
        DTypeError: where dtypes differ; half precision may have single precision beside it.

    >>> import xpgrad as xg
    >>> xg.nn.functional.layer_norm(xg.tensor([[1.0, 3.0]]), (2,))
    tensor([[-1.0000,  1.0000]])
    """
    x, axes = _last(input, normalized_shape, "layer_norm", weight=weight, bias=bias)
    real(x, "layer_norm")
    _same_dtype(x, weight, bias)
    return ops.layer_norm(x, weight, bias, axes=axes, eps=eps)


def rms_norm(
    input: Tensor, normalized_shape: Any, weight: Tensor | None = None, eps: float | None = None
) -> Tensor:
    """`input` divided by its root mean square over the last dimensions, times `weight`.

    Args:
        normalized_shape: the lengths of the dimensions to normalise over.
        eps: added to the mean square; the dtype's machine epsilon unless given.

    Raises:
        ShapeError: for shapes that do not end in `normalized_shape`.

    >>> import xpgrad as xg
    >>> xg.nn.functional.rms_norm(xg.tensor([[3.0, 4.0]]), (2,))
    tensor([[0.8485, 1.1314]])
    """
    x, axes = _last(input, normalized_shape, "rms_norm", weight=weight)
    floating(x, "rms_norm")
    if eps is None:
        eps = finfo(dtypes.float32 if x.dtype is dtypes.float16 else x.dtype.to_real()).eps
    if x.dtype.is_complex:
        mean = reductions.mean_dim(elementwise.square(x), axis=axes, keepdims=True)
        whole = x / elementwise.sqrt(mean + eps)
        return whole if weight is None else whole * weight
    plain = weight is None or weight.dtype is x.dtype
    out: Tensor = ops.rms_norm(x, weight if plain else None, axes=axes, eps=eps)
    if plain:
        return out
    out = out * weight
    return out.to(x.dtype) if x.dtype is dtypes.float16 else out


def _last(
    input: Any, normalized_shape: Any, what: str, **parts: Tensor | None
) -> tuple[Tensor, tuple[int, ...]]:
    """The input and the axes to normalise over, once they have the shape that they should have."""
    x = only_tensor(input, what)
    if isinstance(normalized_shape, int):
        raise TypeError(
            f"{what}(): argument 'normalized_shape' (position 2) must be tuple of ints, not int"
        )
    shape = size_of(what, (tuple(normalized_shape),))
    if not shape:
        raise ShapeError(
            "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one "
            "element, but got normalized_shape = []"
        )
    for name, part in parts.items():
        if part is not None and tuple(part.shape) != shape:
            raise ShapeError(
                f"Expected {name} to be of same shape as normalized_shape, but got {name} of shape "
                f"{list(part.shape)} and normalized_shape = {list(shape)}"
            )
    if tuple(x.shape[-len(shape) :]) != shape:
        raise ShapeError(
            f"Given normalized_shape={list(shape)}, expected input with shape "
            f"[*{', ' * (what == 'layer_norm')}{', '.join(map(str, shape))}], but got input of "
            f"size{list(x.shape)}"
        )
    return x, tuple(range(x.ndim - len(shape), x.ndim))


def _same_dtype(x: Tensor, *parts: Tensor | None) -> None:
    """Raise unless weights and the like have the dtype of `x`, or are single beside half."""
    for part in parts:
        if part is None or part.dtype is x.dtype:
            continue
        if part.dtype is not dtypes.float32:
            raise DTypeError("mixed dtype (CPU): expect parameter to have scalar type of Float")
        if x.dtype is not dtypes.float16:
            raise DTypeError("mixed dtype (CPU): all inputs must share same datatype.")


# ------------------------------------------------------------------ over channels


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Each channel (dimension 1) with mean 0 and variance 1, times `weight`, plus `bias`.

    Args:
        input: of shape (N, C, …).
        running_mean, running_var: what to normalise by if not `training`; if `training` they are
            moved towards the mean and the (unbiased) variance of the input, in place.
        weight, bias: one number for each channel.
        training: normalise by the mean and the variance of the input.
        momentum: how far they are moved: 1 replaces them.
        eps: added to the variance.

    Raises:
        ValueError: in training, for a single number in each channel.
        ShapeError: where numbers of channels differ.
        DTypeError: where dtypes differ; half precision may have single precision beside it.

    >>> import xpgrad as xg
    >>> xg.nn.functional.batch_norm(xg.tensor([[1.0], [3.0]]), None, None, training=True)
    tensor([[-1.0000],
            [ 1.0000]])
    """
    x = only_tensor(input, "batch_norm")
    if training:
        if not x.ndim:
            raise IndexError("tuple index out of range")
        shape = x._data.shape
        if math.prod(shape) == (shape[1] if len(shape) > 1 else 0) != 0:
            raise ValueError(
                f"Expected more than 1 value per channel when training, got input size {x.shape!r}"
            )
        if (running_mean is None) != (running_var is None):
            raise ValueError(
                "running_mean and running_var must either both be None or neither be None"
            )
    if 0 in x._data.shape:
        out = x.clone()
        parts = ((elementwise.multiply, weight), (elementwise.add, bias))
        for combine, part in parts:
            if part is not None and part.shape.numel():
                out = combine(out, part[0])
        return out
    dim_of(1, x.ndim)
    args = (weight, bias, running_mean, running_var, training, momentum, eps)
    return _over_batch(x, *args)[0]


def _over_batch(
    x: Tensor, weight: Any, bias: Any, running_mean: Any, running_var: Any, training: bool,
    momentum: float, eps: float,
) -> Any:  # fmt: skip
    """`batch_norm`, and what it normalised by: nothing unless `training`."""
    real(x, "batch_norm")
    if not training:
        for name, part in (("running_mean", running_mean), ("running_var", running_var)):
            if part is None:
                raise ShapeError(f"{name} must be defined in evaluation mode")
    channels = x._data.shape[1]
    _channels(channels, weight=weight, bias=bias, running_mean=running_mean,
              running_var=running_var)  # fmt: skip
    _same_dtype(x, weight, bias, running_mean, running_var)
    if not training:
        return _by_running(x, weight, bias, running_mean, running_var, eps), None, None
    out, mean, rstd = _norm_of_batch(x, weight, bias, groups=channels, over=0, eps=eps)
    ns = out._ns
    with ns.current():
        mean, rstd = (wrap(ns.reshape(t._data, (channels,)), ns) for t in (mean, rstd))
    if running_mean is not None or running_var is not None:
        count = x.shape.numel() // max(channels, 1)
        _move(running_mean, running_var, mean, rstd, count, momentum, eps)
    return out, mean, rstd


def _channels(count: int, **parts: Tensor | None) -> None:
    for name in ("running_mean", "running_var", "weight", "bias"):
        part = parts.get(name)
        if part is not None and math.prod(part._data.shape) != count:
            raise ShapeError(f"{name} should contain {count} elements not {part.shape.numel()}")


def _by_running(
    x: Tensor, weight: Any, bias: Any, running_mean: Tensor, running_var: Tensor, eps: float
) -> Tensor:
    """Channels normalised by what has been running along, which has no gradient."""
    ns, channels = running_var._ns, x._data.shape[1:2]
    with ns.current():
        rstd = 1 / ns.sqrt(widened(running_var._data, ns) + eps)
        rstd = wrap(ns.wrap(shaped(rstd, channels, ns)), ns)
    ns = running_mean._ns
    with ns.current():  # a copy, for it may have moved when gradients are asked for
        mean = wrap(shaped(ns.copy(running_mean._data), channels, ns), ns)
    out: Tensor = ops.fixed_norm(x, weight, bias, mean, rstd)
    return out


def _move(
    running_mean: Any, running_var: Any, mean: Tensor, rstd: Tensor, count: int, momentum: float,
    eps: float,
) -> None:  # fmt: skip
    """Move running statistics towards those of a batch of `count` numbers."""
    ns, rest = mean._ns, count / (count - 1) if count > 1 else math.nan
    with no_grad(), ns.current():
        parts = [(running_mean, mean._data), (running_var, None)]
        if running_var is not None:
            var = ns.maximum(1 / (rstd._data * rstd._data) - eps, 0.0) * rest
            parts[1] = (running_var, var)
        for running, now in parts:
            if running is not None:
                now = wrap(ns.wrap(now), ns)
                now = now if now.dtype is running.dtype else now.to(running.dtype)
                running.mul_(1 - momentum).add_(now, alpha=momentum)


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Each channel of each example with mean 0 and variance 1, times `weight`, plus `bias`.

    Args:
        input: of shape (N, C, …).
        running_mean, running_var: what to normalise by unless `use_input_stats`; with it they are
            moved towards the averages over the examples, in place.
        weight, bias: one number for each channel.
        use_input_stats: normalise by the mean and the variance of the input.
        momentum: how far running statistics are moved: 1 replaces them.
        eps: added to the variance.

    Raises:
        ValueError: for a single number in each channel of an example.
        ShapeError: where numbers of channels differ.

    >>> import xpgrad as xg
    >>> xg.nn.functional.instance_norm(xg.tensor([[[1.0, 3.0], [5.0, 5.0]]]))
    tensor([[[-1.0000,  1.0000],
             [ 0.0000,  0.0000]]])
    """
    x = only_tensor(input, "instance_norm")
    if use_input_stats and math.prod(x.shape[2:]) == 1:
        raise ValueError(
            f"Expected more than 1 spatial element when training, got input size {x.shape!r}"
        )
    if not use_input_stats and (running_mean is None or running_var is None):
        raise ShapeError(
            "Expected running_mean and running_var to be defined when use_input_stats is false"
        )
    real(x, "batch_norm")
    n, channels = x.shape[:2]
    parts = {"running_mean": running_mean, "running_var": running_var}
    parts |= {"weight": weight, "bias": bias}
    for name, part in parts.items():
        if part is not None and part.shape.numel() != channels:
            raise ShapeError(
                f"{name} should contain {n * channels} elements not {n * part.shape.numel()}"
            )
    _same_dtype(x, weight, bias, running_mean, running_var)
    if not use_input_stats:
        assert running_mean is not None
        assert running_var is not None
        return _by_running(x, weight, bias, running_mean, running_var, eps)
    out, mean, rstd = _norm_of_batch(x, weight, bias, groups=channels, over=2, eps=eps)
    if running_mean is not None or running_var is not None:
        mean, rstd = (reshape(t.detach(), shape=(n, channels)) for t in (mean, rstd))
        root = (rstd**-2).mean(0) ** -0.5  # of the average of the variances
        count = math.prod(x.shape[2:])
        _move(running_mean, running_var, mean.mean(0), root, count, momentum, eps)
    return out


def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Each group of channels of an example with mean 0 and variance 1, times `weight`, plus `bias`.

    Args:
        input: of shape (N, C, …).
        num_groups: into how many groups the channels are divided.
        weight, bias: one number for each channel.
        eps: added to the variance.

    Raises:
        ValueError: for a single number in each group.
        ShapeError: where the channels cannot be divided so, or numbers of channels differ.

    >>> import xpgrad as xg
    >>> xg.nn.functional.group_norm(xg.tensor([[1.0, 3.0, 5.0, 5.0]]), 2)
    tensor([[-1.0000,  1.0000,  0.0000,  0.0000]])
    """
    x = only_tensor(input, "group_norm")
    if x.ndim < 2:
        raise ShapeError(f"Expected at least 2 dimensions for input tensor but received {x.ndim}")
    shape, channels = list(x.shape), x.shape[1]
    if x.shape[0] * (channels // num_groups) * math.prod(x.shape[2:]) == 1:
        raise ValueError(
            f"Expected more than 1 value per channel when training, got input size {shape}"
        )
    if channels % num_groups:
        raise ShapeError(
            "Expected number of channels in input to be divisible by num_groups, but got input of "
            f"shape {shape} and num_groups={num_groups}"
        )
    for name, part in (("weight", weight), ("bias", bias)):
        if part is not None and (part.ndim != 1 or part.shape[0] != channels):
            raise ShapeError(
                f"Expected {name} to be a vector of size equal to the number of channels in input, "
                f"but got {name} of shape {list(part.shape)} and input of shape {shape}"
            )
    real(x, "group_norm")
    _same_dtype(x, weight, bias)
    return ops.channel_norm(x, weight, bias, groups=num_groups, over=2, eps=eps)[0]


def local_response_norm(
    input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """Divide by a power of the mean square in a window of neighbouring channels.

    ``input / (k + alpha * mean) ** beta``, where the window reaches over zeros at both ends. From
    Krizhevsky, Sutskever, Hinton, *ImageNet Classification with Deep CNNs* (2012).

    Args:
        input: of shape (N, C, …) with at least 3 dimensions.
        size: how many channels the window holds.
        alpha, beta, k: of the formula.

    Raises:
        ValueError: for fewer dimensions.
        RuntimeError: for a window of no channels.

    >>> import xpgrad as xg
    >>> xg.nn.functional.local_response_norm(xg.ones(1, 2, 1), 2, alpha=1.0, beta=1.0)
    tensor([[[0.6667],
             [0.5000]]])
    """
    x = only_tensor(input, "local_response_norm")
    if x.ndim < 3:
        raise ValueError(f"Expected 3D or higher dimensionality input (got {x.ndim} dimensions)")
    if size < 1:
        raise ShapeError(f"kernel size should be greater than zero, but got {size}")
    if not x.shape.numel():
        return x
    squares = elementwise.square(x)
    before, behind = size // 2, (size - 1) // 2
    zeros = [squares.new_zeros(x.shape[0], n, *x.shape[2:]) for n in (before, behind)]
    padded = cat([zeros[0], squares, zeros[1]], 1)
    channels = x.shape[1]
    total = padded[:, :channels]
    for i in range(1, size):
        total = total + padded[:, i : i + channels]
    return x / (total * (alpha / size) + k) ** beta


# ------------------------------------------------------------------ by a norm


def normalize(
    input: Tensor, p: float = 2.0, dim: Any = 1, eps: float = 1e-12, out: Tensor | None = None
) -> Tensor:
    """`input` divided by its `p`-norm along a dimension, or by `eps` where that is smaller.

    >>> import xpgrad as xg
    >>> xg.nn.functional.normalize(xg.tensor([[3.0, 4.0], [0.0, 0.0]]))
    tensor([[0.6000, 0.8000],
            [0.0000, 0.0000]])
    """
    x = only_tensor(input, "normalize")
    if not x.dtype.is_differentiable:
        raise DTypeError(
            "linalg.vector_norm: Expected a floating point or complex tensor as input. Got "
            f"{x.dtype.torch_name}"
        )
    found = x / norm(x, p, dim, keepdim=True).clamp_min(eps)
    if out is None:
        return found
    return out.copy_(found)
