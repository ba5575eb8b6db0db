"""PyTorch's ``torch.nn.functional``: activations, normalisation, layers and losses.

Losses take ``reduction="mean"``, ``"sum"`` or ``"none"``; ``size_average`` and ``reduce`` are
PyTorch's old spelling of it. Whatever is said about gradients at kinks holds for PyTorch too.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

from xpgrad import dtypes
from xpgrad.door.arguments import UnsupportedDType, dim_of, only_tensor, size_of
from xpgrad.errors import DTypeError, ShapeError
from xpgrad.namespace import Array, Namespace
from xpgrad.ops import elementwise, reductions
from xpgrad.ops import nn as ops
from xpgrad.ops.device import astype, clone
from xpgrad.ops.searching import take
from xpgrad.ops.shape import permute_dims, reshape
from xpgrad.promotion import broadcast_fault, common_namespace
from xpgrad.random import inside, source
from xpgrad.tensor import Tensor, wrap

__all__ = [
    "binary_cross_entropy", "binary_cross_entropy_with_logits", "cross_entropy", "dropout", "elu",
    "embedding", "gelu", "huber_loss", "l1_loss", "layer_norm", "leaky_relu", "linear",
    "log_softmax", "logsigmoid", "mse_loss", "nll_loss", "one_hot", "relu", "selu", "sigmoid",
    "silu", "smooth_l1_loss", "softmax", "softmin", "softplus", "tanh",
]  # fmt: skip


def _floating(x: Any, what: str, position: int = 1) -> Tensor:
    """`x`, which must be a Tensor of floating-point or complex numbers."""
    found = only_tensor(x, what, position=position)
    if found._node is None and found._data.dtype not in found._ns.inexact:
        raise UnsupportedDType(
            f"\"{what}\" not implemented for '{found.dtype.torch_name}': convert the input with "
            f".to(xpgrad.{dtypes.get_default_dtype().name}) first"
        )
    return found


def _activate(function: Callable[..., Tensor], x: Tensor, inplace: bool, **settings: Any) -> Tensor:
    """The activation of `x`, written over it if `inplace`."""
    if not inplace:
        return function(x, **settings)
    # Of a copy: the rule may want what is about to be overwritten.
    return x.copy_(function(clone(x), **settings))


# ------------------------------------------------------------------ activations


def sigmoid(input: Tensor) -> Tensor:
    """``1 / (1 + exp(-input))``; integers become the default dtype.

    >>> import xpgrad as xg
    >>> xg.nn.functional.sigmoid(xg.tensor([0.0, 2.0]))
    tensor([0.5000, 0.8808])
    """
    return elementwise.sigmoid(input)


def tanh(input: Tensor) -> Tensor:
    """The hyperbolic tangent; integers become the default dtype.

    >>> import xpgrad as xg
    >>> xg.nn.functional.tanh(xg.tensor([0.0, 1.0]))
    tensor([0.0000, 0.7616])
    """
    return elementwise.tanh(input)


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """`input` where it is positive, 0 elsewhere; the gradient at 0 is 0.

    Raises:
        DTypeError: for booleans and complex numbers.

    >>> import xpgrad as xg
    >>> xg.nn.functional.relu(xg.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """
    kind = only_tensor(input, "relu").dtype
    if kind is dtypes.bool_:
        raise DTypeError("Boolean inputs not supported for relu")
    if kind.category == dtypes.COMPLEX:
        raise UnsupportedDType("clamp is not supported for complex types")
    return ops.relu(input) if not inplace else _activate(ops.relu, input, inplace)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """`input` where it is positive, ``negative_slope * input`` elsewhere (at 0 too).

    >>> import xpgrad as xg
    >>> xg.nn.functional.leaky_relu(xg.tensor([-1.0, 2.0]))
    tensor([-0.0100,  2.0000])
    """
    x = _floating(input, "leaky_relu")
    return _activate(ops.leaky_relu, x, inplace, negative_slope=negative_slope)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """`input` where it is positive, ``alpha * (exp(input) - 1)`` elsewhere.

    >>> import xpgrad as xg
    >>> xg.nn.functional.elu(xg.tensor([-1.0, 2.0]))
    tensor([-0.6321,  2.0000])
    """
    x = _floating(input, "elu")
    return _activate(ops.elu, x, inplace, alpha=alpha)


SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """The scaled `elu` whose constants keep mean 0 and variance 1 from layer to layer.

    >>> import xpgrad as xg
    >>> xg.nn.functional.selu(xg.tensor([-1.0, 2.0]))
    tensor([-1.1113,  2.1014])
    """
    x = _floating(input, "selu")
    return _activate(ops.elu, x, inplace, alpha=SELU_ALPHA, scale=SELU_SCALE)


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """`input` times the normal distribution function of it, or an approximation by ``"tanh"``.

    Raises:
        RuntimeError: for another `approximate`.

    >>> import xpgrad as xg
    >>> xg.nn.functional.gelu(xg.tensor([-1.0, 2.0]))
    tensor([-0.1587,  1.9545])
    """
    x = _floating(input, "gelu")
    if approximate not in ("none", "tanh"):
        raise ShapeError("approximate argument must be either none or tanh.")
    return ops.gelu(x, approximate=approximate)


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """``input * sigmoid(input)``.

    >>> import xpgrad as xg
    >>> xg.nn.functional.silu(xg.tensor([-1.0, 2.0]))
    tensor([-0.2689,  1.7616])
    """
    x = _floating(input, "silu")
    return _activate(ops.silu, x, inplace)


def softplus(input: Tensor, beta: float = 1, threshold: float = 20) -> Tensor:
    """``log(1 + exp(beta * input)) / beta``; `input` itself where it is above the threshold.

    >>> import xpgrad as xg
    >>> xg.nn.functional.softplus(xg.tensor([-1.0, 30.0]))
    tensor([ 0.3133, 30.0000])
    """
    return ops.softplus(_floating(input, "softplus"), beta=beta, threshold=threshold)


def logsigmoid(input: Tensor) -> Tensor:
    """``log(sigmoid(input))``, finite for large negative numbers.

    >>> import xpgrad as xg
    >>> xg.nn.functional.logsigmoid(xg.tensor([-100.0, 2.0]))
    tensor([-100.0000,   -0.1269])
    """
    return ops.log_sigmoid(_floating(input, "log_sigmoid"))


# ------------------------------------------------------------------ along a dimension


def _along(
    function: Callable[..., Tensor], what: str, input: Tensor, dim: Any, stacklevel: int, dtype: Any
) -> Tensor:
    x = only_tensor(input, what)
    if dim is None:
        warnings.warn(
            f"Implicit dimension choice for {what} has been deprecated. Change the call to "
            "include dim=X as an argument.",
            UserWarning,
            stacklevel=stacklevel,
        )
        dim = 0 if x.ndim in (0, 1, 3) else 1
    elif isinstance(dim, (float, str, bool)):
        raise TypeError(
            f"{what}(): argument 'dim' (position 2) must be int, not {type(dim).__name__}"
        )
    if dtype is not None:
        x = astype(x, dtype=dtypes.as_dtype(dtype))
    axis = dim_of(dim, x.ndim)
    _floating(x, what)
    if x.ndim:
        return function(x, axis=axis)
    return reshape(function(reshape(x, shape=(1,)), axis=0), shape=())


def softmax(input: Tensor, dim: Any = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """``exp(input)`` divided by its sum along `dim`, without overflow.

    Args:
        dtype: convert the input to this type first.

    Raises:
        IndexError: there is no such dimension.

    >>> import xpgrad as xg
    >>> xg.nn.functional.softmax(xg.tensor([0.0, 0.0, 1000.0]), dim=0)
    tensor([0., 0., 1.])
    """
    return _along(ops.softmax, "softmax", input, dim, _stacklevel, dtype)


def softmin(input: Tensor, dim: Any = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """`softmax` of ``-input``.

    >>> import xpgrad as xg
    >>> xg.nn.functional.softmin(xg.tensor([1.0, 1.0]), dim=0)
    tensor([0.5000, 0.5000])
    """
    return _along(ops.softmax, "softmin", -only_tensor(input, "softmin"), dim, _stacklevel, dtype)


def log_softmax(input: Tensor, dim: Any = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """The logarithm of `softmax`, without the loss of digits that taking it would cost.

    >>> import xpgrad as xg
    >>> xg.nn.functional.log_softmax(xg.tensor([0.0, 1000.0]), dim=0)
    tensor([-1000.,     0.])
    """
    return _along(ops.log_softmax, "log_softmax", input, dim, _stacklevel, dtype)


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

    >>> import xpgrad as xg
    >>> xg.nn.functional.layer_norm(xg.tensor([[1.0, 3.0]]), (2,))
    tensor([[-1.0000,  1.0000]])
    """
    x = only_tensor(input, "layer_norm")
    if isinstance(normalized_shape, int):
        raise TypeError(
            "layer_norm(): argument 'normalized_shape' (position 2) must be tuple of ints, not int"
        )
    shape = size_of("layer_norm", (tuple(normalized_shape),))
    if not shape:
        raise ShapeError(
            "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one "
            "element, but got normalized_shape = []"
        )
    for name, part in (("weight", weight), ("bias", bias)):
        if part is not None and tuple(part.shape) != shape:
            raise ShapeError(
                f"Expected {name} to be of same shape as normalized_shape, but got {name} of shape "
                f"{list(part.shape)} and normalized_shape = {list(shape)}"
            )
    if tuple(x.shape[-len(shape) :]) != shape:
        raise ShapeError(
            f"Given normalized_shape={list(shape)}, expected input with shape "
            f"[*, {', '.join(map(str, shape))}], but got input of size{list(x.shape)}"
        )
    _floating(x, "layer_norm")
    axes = tuple(range(x.ndim - len(shape), x.ndim))
    return ops.layer_norm(x, weight, bias, axes=axes, eps=eps)[0]


# ------------------------------------------------------------------ layers


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """``input @ weight.T + bias`` for an input of shape (..., in) and a weight of (out, in).

    A 1-D weight gives a dot product with each row.

    Raises:
        ShapeError: where the last dimension of the input is not that of the weight, or the bias
            does not fit the result.
        DTypeError: where dtypes differ.

    >>> import xpgrad as xg
    >>> xg.nn.functional.linear(xg.ones(2, 3), xg.ones(4, 3), xg.zeros(4))
    tensor([[3., 3., 3., 3.],
            [3., 3., 3., 3.]])
    """
    try:
        rank, fits = len(input._data.shape), input._data.shape[-1] == weight._data.shape[-1]
        plain = len(weight._data.shape) == 2 and input._data.dtype == weight._data.dtype
        plain = plain and (
            bias is None
            or (
                bias._data.shape == weight._data.shape[:1] and bias._data.dtype == input._data.dtype
            )
        )
    except (AttributeError, IndexError):
        plain = fits = False
    if not (plain and fits):
        return _unusual_linear(input, weight, bias)
    if rank == 2:
        out: Tensor = (ops.linear if bias is not None else ops.linear_mm)(input, weight, bias)
        return out
    if bias is not None:
        return ops.linear_view(input, weight, bias)
    named_so = ops.linear_squeeze if rank == 1 else ops.linear_unsafe_view
    return named_so(input, weight, None)


def _unusual_linear(input: Any, weight: Any, bias: Any) -> Tensor:
    """What `linear` does with a vector for a weight and a bias of another shape; its errors."""
    x, w = only_tensor(input, "linear"), only_tensor(weight, "linear", "weight", 2)
    b = bias if bias is None else only_tensor(bias, "linear", "bias", 3)
    if not x.ndim or not w.ndim:
        raise ShapeError(
            f"both arguments to linear need to be at least 1D, but they are {x.ndim}D and {w.ndim}D"
        )
    if w.ndim > 2:
        raise ShapeError(f"t() expects a tensor with <= 2 dimensions, but self is {w.ndim}D")
    if w.ndim == 1 and b is not None:
        raise ShapeError("mat2 must be a matrix, got 1-D tensor")
    rows = math.prod(x.shape[:-1])
    if x.shape[-1] != w.shape[-1]:
        columns = f"{w.shape[-1]}x{w.shape[0] if w.ndim == 2 else 1}"
        raise ShapeError(
            f"linear: mat1 and mat2 shapes cannot be multiplied ({rows}x{x.shape[-1]} and "
            f"{columns}); the input has {x.shape[-1]} features, the weight takes {w.shape[-1]}"
        )
    for name, part in (("weight", w), ("bias", b)):
        if part is not None and part.dtype is not x.dtype:
            raise DTypeError(
                f"linear: expected input and {name} to have the same dtype, but got: "
                f"{x.dtype.name} != {part.dtype.name}"
            )
    if w.ndim == 1:
        product = ops.linear_mm(x, reshape(w, shape=(1, *w.shape)), None)
        return reshape(product, shape=tuple(x.shape[:-1]))
    out = linear(x, w)
    assert b is not None
    lead = out.ndim - b.ndim
    if lead < 0 or any(n not in (1, m) for n, m in zip(b.shape, out.shape[lead:], strict=True)):
        raise ShapeError(
            f"linear: The expanded size of the tensor ({w.shape[0]}) must match the existing size "
            f"({b.shape[-1] if b.ndim else 1}) at non-singleton dimension {out.ndim - 1}.  "
            f"Target sizes: {list(out.shape)}.  Tensor sizes: {list(b.shape)}"
        )
    return elementwise.add(out, b)


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """The rows of `weight` at the positions in `input`. Gradients of a repeated row add up.

    Args:
        padding_idx: this row gets no gradient.
        max_norm: rows with a larger norm are first scaled down to it, in place.
        scale_grad_by_freq: divide a row's gradient by how often it occurs in `input`.
        sparse: accepted; gradients are dense all the same.

    Raises:
        IndexError: a position out of range (on the CPU; a GPU is not made to wait for it).

    >>> import xpgrad as xg
    >>> table = xg.tensor([[1.0, 2.0], [3.0, 4.0]])
    >>> xg.nn.functional.embedding(xg.tensor([1, 0, 1]), table)
    tensor([[3., 4.],
            [1., 2.],
            [3., 4.]])
    """
    indices, table = only_tensor(input, "embedding"), only_tensor(weight, "embedding", "weight", 2)
    if indices.dtype not in (dtypes.int64, dtypes.int32):
        raise DTypeError(
            "Expected tensor for argument #1 'indices' to have one of the following scalar types: "
            f"Long, Int; but got xpgrad.{indices.dtype.torch_name}Tensor instead (while checking "
            "arguments for embedding)"
        )
    if table.ndim != 2:
        raise ShapeError("'weight' must be 2-D")
    count = table.shape[0]
    if padding_idx is not None:
        if not -count <= padding_idx < count:
            raise AssertionError("Padding_idx must be within num_embeddings")
        padding_idx %= count
    ns = common_namespace("embedding", [indices, table])
    least, most = ns.bounds(indices._data) or (0, 0)
    if least < 0 or most >= max(count, 1):
        raise IndexError(
            f"index out of range in self: {least if least < 0 else most} for {count} embeddings"
        )
    if max_norm is not None:
        _renorm(table, indices, max_norm, norm_type)
    return ops.embedding(table, indices, padding_idx=padding_idx, by_frequency=scale_grad_by_freq)


def _renorm(table: Tensor, indices: Tensor, max_norm: float, norm_type: float) -> None:
    """Scale the rows that are used and too long, in place and outside the graph."""
    from xpgrad.mode import no_grad

    with no_grad():
        flat = reshape(indices, shape=(indices.shape.numel(),))
        rows = take(table, flat, axis=0)
        size = reductions.sum(elementwise.abs(rows) ** norm_type, axis=(1,), keepdims=True)
        size = size ** (1 / norm_type)
        scaled = rows * elementwise.where(size > max_norm, max_norm / (size + 1e-7), 1.0)
        table[flat] = scaled


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """A 1 at the position that each element names, 0 elsewhere, along a new last dimension.

    Args:
        num_classes: the length of that dimension; -1 stands for the largest element plus 1.

    Raises:
        RuntimeError: negative elements, or elements not smaller than `num_classes`.

    >>> import xpgrad as xg
    >>> xg.nn.functional.one_hot(xg.tensor([0, 2]))
    tensor([[1, 0, 0],
            [0, 0, 1]])
    """
    x = only_tensor(tensor, "one_hot", "tensor")
    if x.dtype is not dtypes.int64:
        raise DTypeError("one_hot is only applicable to index tensor of type LongTensor.")
    if not x.shape.numel() and num_classes <= 0:
        raise ShapeError("Can not infer total number of classes from empty tensor.")
    ns = x._ns
    bounds = ns.bounds(x._data)
    if bounds is None and num_classes == -1:
        with ns.current():
            bounds = (0, int(ns.to_host(ns.max(x._data))))  # the shape depends on it
    least, most = bounds or (0, -1)
    if least < 0:
        raise ShapeError("Class values must be non-negative.")
    if num_classes == -1:
        num_classes = most + 1
    elif num_classes < 1:
        raise ShapeError("num_classes should be positive")
    elif most >= num_classes:
        raise ShapeError("Class values must be smaller than num_classes.")
    with ns.current():
        classes = ns.arange(num_classes, dtype=x._data.dtype)
        hot = ns.expand_dims(x._data, axis=-1) == classes
        return wrap(ns.astype(hot, x._data.dtype), ns)


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Each element 0 with probability `p` and divided by ``1 - p`` otherwise.

    Without `training`, or with ``p = 0``, it is the input itself.

    Raises:
        ValueError: for a `p` outside [0, 1].

    >>> import xpgrad as xg
    >>> xg.nn.functional.dropout(xg.ones(3), p=0.3, training=False)
    tensor([1., 1., 1.])
    """
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
    x = only_tensor(input, "dropout")
    if not training or p == 0:
        return x
    if not x.dtype.is_differentiable:
        raise DTypeError(
            f"result type Float can't be cast to the desired output type {x.dtype.torch_name}"
        )
    x = inside(x)
    ns = x._ns
    kind, shape = ns.native(x.dtype.to_real()), tuple(x.shape)
    with ns.current():
        if p == 1:
            mask = ns.zeros(shape, dtype=kind)
        else:
            drawn = ns.wrap(source(ns, None).uniform(shape, kind))
            mask = ns.astype(drawn >= p, kind) * (1 / (1 - p))
    out: Tensor = elementwise.multiply(x, wrap(ns.wrap(mask), ns))
    return x.copy_(out) if inplace else out


# ------------------------------------------------------------------ losses


def _reduction(size_average: bool | None, reduce: bool | None, reduction: str) -> str:
    """The reduction, from its present or its former spelling.

    Raises:
        ValueError: for none of the three.
    """
    if size_average is not None or reduce is not None:
        warnings.warn(
            "size_average and reduce args will be deprecated, please use reduction='"
            f"{_former(size_average, reduce)}' instead.",
            UserWarning,
            stacklevel=3,
        )
        return _former(size_average, reduce)
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{reduction} is not a valid value for reduction")
    return reduction


def _former(size_average: bool | None, reduce: bool | None) -> str:
    if reduce is False:
        return "none"
    return "sum" if size_average is False else "mean"


_TARGETS = (dtypes.int64, dtypes.uint8)


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """The cross entropy between `target` and the softmax of `input` over dimension 1.

    Args:
        input: logits of shape (C,), (N, C) or (N, C, d1, …).
        target: the class of each, shaped like `input` without C; or probabilities, shaped like it.
        weight: a factor for each class; the mean is then weighted too.
        ignore_index: targets of this value do not count.
        label_smoothing: the share of the target that is spread evenly over all classes.

    Raises:
        IndexError: a class out of range (on the CPU; a GPU is not made to wait for it).
        ShapeError: shapes or weights that do not fit.
        DTypeError: a target that is neither classes (int64) nor probabilities.

    >>> import xpgrad as xg
    >>> logits = xg.tensor([[2.0, 0.0], [0.0, 0.0]], requires_grad=True)
    >>> xg.nn.functional.cross_entropy(logits, xg.tensor([0, 1]))
    tensor(0.4100, grad_fn=<NllLossBackward0>)
    """
    how = _reduction(size_average, reduce, reduction)
    if weight is None and not label_smoothing and _all_count(input, target, ignore_index):
        return ops.nll_loss(ops.log_softmax(input, axis=1), target, None, reduction=how)
    x = only_tensor(input, "cross_entropy_loss")
    t = only_tensor(target, "cross_entropy_loss", "target", 2)
    if not 0.0 <= label_smoothing <= 1.0:
        raise ShapeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}")
    axis = 0 if x.ndim <= 1 else 1
    if x._data.shape == t._data.shape:
        if t.dtype.category < dtypes.FLOATING:
            raise DTypeError(
                "Expected floating point type for target with class probabilities, got "
                f"{t.dtype.torch_name}"
            )
        if ignore_index >= 0:
            raise ShapeError("ignore_index is not supported for floating point target")
        return _soft_cross_entropy(x, t, weight, how, label_smoothing, axis)
    logs = ops.log_softmax(_floating(x, "log_softmax"), axis=axis)
    if not label_smoothing:
        return _nll(logs, t, weight, ignore_index, how)
    return _smoothed(logs, t, weight, ignore_index, how, label_smoothing, axis)


def _all_count(x: Any, target: Any, ignore: int) -> bool:
    """Whether this is the plain case: rows of floats and a class for each, in range.

    Where the host knows the classes, that is; it does not wait for a device to tell it.
    """
    try:
        ns, shape, t = x._ns, x._data.shape, target._data
        if (
            len(shape) != 2
            or t.shape != shape[:1]
            or target._ns is not ns
            or target.dtype is not dtypes.int64
            or x._data.dtype not in ns.inexact
        ):
            return False
        bounds = ns.bounds(t)
    except AttributeError:
        return False
    if bounds is None:
        return False
    least, most = bounds
    return 0 <= least <= most < shape[1] and not least <= ignore <= most


def _class_weights(weight: Tensor | None, x: Tensor, axis: int) -> Tensor | None:
    """A checked weight for each class, shaped to stand beside `x`."""
    if weight is None:
        return None
    classes = x.shape[axis] if x.ndim else 1
    if weight.ndim != 1 or weight.shape[0] != classes:
        raise ShapeError(
            f"weight tensor should be defined either for all {classes} classes or no classes but "
            f"got weight tensor of shape: {list(weight.shape)}"
        )
    if weight.dtype is not x.dtype:
        raise DTypeError(
            f"expected scalar type {x.dtype.torch_name} but found {weight.dtype.torch_name}"
        )
    form = tuple(classes if i == axis else 1 for i in range(x.ndim))
    return reshape(weight, shape=form)


def _total(terms: Tensor) -> Tensor:
    return reductions.sum(terms)


def _soft_cross_entropy(
    x: Tensor, target: Tensor, weight: Tensor | None, how: str, smoothing: float, axis: int
) -> Tensor:
    """The cross entropy for targets that are probabilities."""
    logs = ops.log_softmax(_floating(x, "log_softmax"), axis=axis)
    if smoothing:
        target = target * (1 - smoothing) + smoothing / x.shape[axis]
    terms = logs * target
    factors = _class_weights(weight, x, axis)
    if factors is not None:
        terms = terms * factors
    if how == "none":
        return -reductions.sum_dim(terms, axis=(axis,))
    total = -_total(terms)
    return total if how == "sum" else total / (x.shape.numel() // max(x.shape[axis], 1))


def _smoothed(
    logs: Tensor, target: Tensor, weight: Tensor | None, ignore: int, how: str, smoothing: float,
    axis: int,
) -> Tensor:  # fmt: skip
    """(1 - s) times the loss for the target and s / C times that for every class alike."""
    hard = _nll(logs, target, weight, ignore, how)
    factors = _class_weights(weight, logs, axis)
    terms = -reductions.sum_dim(logs if factors is None else logs * factors, axis=(axis,))
    ns = logs._ns
    with ns.current():
        places = ns.reshape(target._data, tuple(terms.shape))
        counts = ns.wrap(places != ignore)
    terms = elementwise.where(wrap(counts, ns), terms, 0.0)
    if how != "none":
        terms = _total(terms)
    if how == "mean":  # divided by what the loss for the target was divided by
        with ns.current():
            share = ns.astype(counts, logs._data.dtype)
            if weight is not None:
                share = share * ns.getitem(weight._data, (ns.where(counts, places, 0),))
            share = ns.wrap(ns.sum(share))
        terms = terms / wrap(share, ns)
    spread = smoothing / logs.shape[axis]
    return hard * (1 - smoothing) + terms * spread


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The negative log likelihood: minus what `target` picks of the log-probabilities `input`.

    See `cross_entropy`, which takes logits.

    >>> import xpgrad as xg
    >>> xg.nn.functional.nll_loss(xg.tensor([[-0.1, -2.0], [-3.0, -0.5]]), xg.tensor([0, 0]))
    tensor(1.5500)
    """
    how = _reduction(size_average, reduce, reduction)
    x, t = only_tensor(input, "nll_loss"), only_tensor(target, "nll_loss", "target", 2)
    if not x.ndim:
        raise ValueError("Expected 1 or more dimensions (got 0)")
    return _nll(_floating(x, "nll_loss"), t, weight, ignore_index, how)


def _nll(x: Tensor, target: Tensor, weight: Tensor | None, ignore: int, how: str) -> Tensor:
    """Minus what `target` picks of `x`, weighted and reduced."""
    ns = common_namespace("nll_loss", [x, target] if weight is None else [x, target, weight])
    shape = tuple(x.shape)
    _check_target(x, target)
    loss = ops.nll_loss
    if len(shape) == 1:
        x = reshape(x, shape=(1, *shape))
    elif len(shape) > 2:
        loss = ops.nll_loss_2d
        x = reshape(permute_dims(x, axes=(0, *range(2, len(shape)), 1)), shape=(-1, shape[1]))
    with ns.current():
        t, factor = _rows(ns, x, target._data, weight, ignore)
    out: Tensor = loss(x, wrap(t, ns), factor, reduction=how)
    out_shape = tuple(target.shape) if len(shape) > 1 else ()
    if how == "none" and tuple(out.shape) != out_shape:
        out = reshape(out, shape=out_shape)
    return out


def _rows(
    ns: Namespace, x: Tensor, target: Array, weight: Tensor | None, ignore: int
) -> tuple[Array, Tensor | None]:
    """The class of each row of `x`, and the weight of each if they differ.

    Classes that do not count become 0, and so does their weight.
    """
    rows, classes = x.shape
    t = ns.reshape(target, (rows,))
    bounds = ns.bounds(t)
    if bounds is not None and not bounds[0] <= ignore <= bounds[1]:  # nobody is ignored
        _check_classes(bounds, classes)
        if weight is None:
            return t, None
    counts = ns.wrap(t != ignore)
    t = ns.where(counts, t, 0)
    if bounds is not None:
        _check_classes(ns.bounds(t) or (0, 0), classes)
    found = ns.astype(counts, x._data.dtype)
    if weight is not None:
        _class_weights(weight, x, 1)
        found = found * ns.getitem(weight._data, (t,))
    return t, wrap(ns.wrap(found), ns)


def _check_classes(bounds: tuple[Any, Any], classes: int) -> None:
    least, most = bounds
    if least < 0 or most >= max(classes, 1):
        raise IndexError(f"Target {least if least < 0 else most} is out of bounds.")


def _check_target(x: Tensor, target: Tensor) -> None:
    """Raise unless the shapes and dtypes of log-probabilities and classes fit."""
    shape, tshape = tuple(x.shape), tuple(target.shape)
    if len(shape) <= 2:
        if len(tshape) > 1:
            raise ShapeError("0D or 1D target tensor expected, multi-target not supported")
        batch = shape[0] if len(shape) == 2 else 1
        got = tshape[0] if tshape else 1 if len(shape) < 2 else 0
        if got != batch:
            raise ShapeError(
                f"Expected input batch_size ({batch}) to match target batch_size ({got})."
            )
    elif tshape != (shape[0], *shape[2:]):
        raise ShapeError(
            f"Expected target size {[shape[0], *shape[2:]]}, got {list(tshape)} (size mismatch: "
            f"got input: {list(shape)}, target: {list(tshape)})"
        )
    if target.dtype not in _TARGETS and not _widest_integer(target):
        raise DTypeError(
            f"expected target dtype to be Long or Byte, but got {target.dtype.torch_name}"
        )


def _widest_integer(x: Tensor) -> bool:
    """Whether it is the widest integer type that its device has (some have no int64)."""
    return dtypes.int64 not in x._ns.natives and x.dtype is dtypes.int32


def _same_target(x: Tensor, target: Tensor, what: str) -> None:
    """Raise unless two shapes broadcast, and warn unless they are the same."""
    fault = broadcast_fault([tuple(x.shape), tuple(target.shape)])
    if fault is not None:
        raise ShapeError(f"{what}: {fault}")
    if x._data.shape != target._data.shape:
        warnings.warn(
            f"Using a target size ({target.shape}) that is different to the input size "
            f"({x.shape}). This will likely lead to incorrect results due to broadcasting. Please "
            "ensure they have the same size.",
            UserWarning,
            stacklevel=4,
        )


def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """The squared difference.

    Args:
        weight: a factor for each element; the mean is then divided by the sum of the factors.

    >>> import xpgrad as xg
    >>> xg.nn.functional.mse_loss(xg.tensor([1.0, 2.0]), xg.tensor([1.0, 4.0]))
    tensor(2.)
    """
    how = _reduction(size_average, reduce, reduction)
    return _difference(ops.mse_loss, "mse_loss", input, target, how, weight, {})


def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """The absolute difference; the gradient where it is 0 is 0.

    Args:
        weight: a factor for each element; the mean is then divided by the sum of the factors.

    >>> import xpgrad as xg
    >>> xg.nn.functional.l1_loss(xg.tensor([1.0, 2.0]), xg.tensor([1.0, 4.0]))
    tensor(1.)
    """
    how = _reduction(size_average, reduce, reduction)
    return _difference(_absolute, "l1_loss", input, target, how, weight, {})


def _absolute(x: Tensor, y: Tensor, *, reduction: str) -> Tensor:
    terms: Tensor = elementwise.abs(elementwise.subtract(x, y))
    if reduction == "none":
        return terms
    return _total(terms) if reduction == "sum" else _mean(terms)


def _mean(terms: Tensor) -> Tensor:
    return reductions.mean(terms)


def smooth_l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Tensor:
    """The squared difference over ``2 * beta`` below `beta`, the absolute one (shifted) above.

    Raises:
        RuntimeError: for a negative `beta`.

    >>> import xpgrad as xg
    >>> xg.nn.functional.smooth_l1_loss(xg.tensor([1.0, 2.0]), xg.tensor([1.5, 4.0]))
    tensor(0.8125)
    """
    how = _reduction(size_average, reduce, reduction)
    if beta < 0:
        raise ShapeError("smooth_l1_loss does not support negative values for beta.")
    if beta == 0:
        return _difference(_absolute, "smooth_l1_loss", input, target, how, None, {})
    settings = {"beta": float(beta)}
    return _difference(ops.smooth_l1_loss, "smooth_l1_loss", input, target, how, None, settings)


def huber_loss(
    input: Tensor,
    target: Tensor,
    reduction: str = "mean",
    delta: float = 1.0,
    weight: Tensor | None = None,
) -> Tensor:
    """Half the squared difference up to `delta`, `delta` times the absolute one (shifted) above.

    Raises:
        RuntimeError: unless `delta` is positive.

    >>> import xpgrad as xg
    >>> xg.nn.functional.huber_loss(xg.tensor([1.0, 2.0]), xg.tensor([1.5, 4.0]))
    tensor(0.8125)
    """
    how = _reduction(None, None, reduction)
    if delta <= 0:
        raise ShapeError("huber_loss does not support non-positive values for delta.")
    settings = {"delta": float(delta)}
    return _difference(ops.huber_loss, "huber_loss", input, target, how, weight, settings)


def _difference(
    loss: Callable[..., Tensor],
    what: str,
    input: Tensor,
    target: Tensor,
    how: str,
    weight: Tensor | None,
    settings: dict[str, Any],
) -> Tensor:
    """A loss that compares elements."""
    x, t = only_tensor(input, what), only_tensor(target, what, "target", 2)
    _same_target(x, t, what)
    if not (x.dtype.is_differentiable or t.dtype.is_differentiable):
        raise UnsupportedDType(f"\"{what}\" not implemented for '{x.dtype.torch_name}'")
    if weight is None:
        return loss(x, t, reduction=how, **settings)
    terms = loss(x, t, reduction="none", **settings)
    if tuple(weight.shape) != tuple(terms.shape):
        raise ShapeError("Weights and input must have the same size.")
    terms = terms * weight
    if how == "none":
        return terms
    return _total(terms) if how == "sum" else _total(terms) / _total(weight)


def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """``-(target * log(input) + (1 - target) * log(1 - input))``, each log no less than -100.

    Raises:
        RuntimeError: numbers outside [0, 1] (on the CPU; a GPU is not made to wait for it).
        ShapeError: where shapes differ.

    >>> import xpgrad as xg
    >>> xg.nn.functional.binary_cross_entropy(xg.tensor([0.5, 0.0]), xg.tensor([1.0, 1.0]))
    tensor(50.3466)
    """
    how = _reduction(size_average, reduce, reduction)
    x = _floating(input, "binary_cross_entropy")
    t = only_tensor(target, "binary_cross_entropy", "target", 2)
    if x._data.shape != t._data.shape:
        raise ShapeError(
            f"Using a target size ({t.shape}) that is different to the input size ({x.shape}) is "
            "deprecated. Please ensure they have the same size."
        )
    if t.dtype is not x.dtype:
        raise DTypeError(f"Found dtype {t.dtype.torch_name} but expected {x.dtype.torch_name}")
    for name, part in (("input", x), ("target", t)):
        least, most = part._ns.bounds(part._data) or (0, 0)
        if least < 0 or most > 1:
            raise ShapeError(f"all elements of {name} should be between 0 and 1")
    return ops.binary_cross_entropy(x, t, weight, reduction=how)


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """`binary_cross_entropy` of ``sigmoid(input)``, finite for any input.

    Args:
        pos_weight: a factor for the part of the positive targets, such as one for each class.

    Raises:
        ShapeError: where shapes differ.

    >>> import xpgrad as xg
    >>> F = xg.nn.functional
    >>> F.binary_cross_entropy_with_logits(xg.tensor([0.0, -1000.0]), xg.tensor([1.0, 1.0]))
    tensor(500.3466)
    """
    how = _reduction(size_average, reduce, reduction)
    x = _floating(input, "binary_cross_entropy_with_logits")
    t = only_tensor(target, "binary_cross_entropy_with_logits", "target", 2)
    if x._data.shape != t._data.shape:
        raise ShapeError(f"Target size ({t.shape}) must be the same as input size ({x.shape})")
    if not t.dtype.is_differentiable:
        raise DTypeError(
            f"result type {x.dtype.torch_name} can't be cast to the desired output type "
            f"{t.dtype.torch_name}"
        )
    return ops.binary_cross_entropy_with_logits(x, t, weight, pos_weight, reduction=how)
