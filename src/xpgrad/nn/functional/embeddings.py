"""Tables of vectors, looked up by integer; bags of them."""

from __future__ import annotations

import warnings
from types import SimpleNamespace
from typing import Any

from xpgrad import dtypes
from xpgrad.door.arguments import UnsupportedDType, only_tensor
from xpgrad.errors import DTypeError, ShapeError
from xpgrad.mode import no_grad
from xpgrad.namespace import Array, Namespace
from xpgrad.ops import elementwise, indexing, reductions
from xpgrad.ops import nn as ops
from xpgrad.ops.bags import embedding_bag as embedding_bags
from xpgrad.ops.searching import take
from xpgrad.ops.shape import reshape
from xpgrad.promotion import common_namespace, together
from xpgrad.tensor import Tensor, wrap

__all__ = [
    "embedding", "embedding_bag", "one_hot",
]  # fmt: skip


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
    >>> table = xg.ones(2, 1, requires_grad=True)
    >>> rows = xg.nn.functional.embedding(xg.tensor([1, 1, 0]), table, padding_idx=0)
    >>> xg.autograd.grad(rows.sum(), table)
    (tensor([[0.],
            [2.]]),)
    """
    indices, table = only_tensor(input, "embedding"), only_tensor(weight, "embedding", "weight", 2)
    _integers("embedding", indices)
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


def _integers(what: str, *positions: Tensor) -> None:
    for x in positions:
        if x.dtype not in (dtypes.int64, dtypes.int32):
            raise DTypeError(
                "Expected tensor for argument #1 'indices' to have one of the following scalar "
                f"types: Long, Int; but got xpgrad.{x.dtype.torch_name}Tensor instead (while "
                f"checking arguments for {what})"
            )


def _renorm(table: Tensor, indices: Tensor, max_norm: float, norm_type: float) -> None:
    """Scale the rows that are used and too long, in place and outside the graph."""
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
        return wrap(ns.ordered(ns.astype(hot, x._data.dtype)), ns)


# ------------------------------------------------------------------ bags


def embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """The sums, means or maxima of the rows of `weight` that each bag of positions names.

    A bag of nothing gives 0. The gradient of a maximum goes to the first row that reaches it.

    Args:
        input: positions; each row of a matrix is a bag, and a vector is cut into bags at `offsets`.
        weight: the table, of shape (rows, width).
        offsets: where in the vector each bag begins; the first is 0.
        max_norm: rows with a larger `norm_type`-norm are first scaled down to it, in place.
        scale_grad_by_freq: divide a row's gradient by how often it occurs in `input`.
        mode: ``"sum"``, ``"mean"`` or ``"max"``.
        sparse: accepted; gradients are dense all the same.
        per_sample_weights: a factor for each position, for sums alone.
        include_last_offset: the last of the offsets is where the last bag ends.
        padding_idx: positions of this value do not count.

    Raises:
        ValueError: for arguments that do not go together.
        RuntimeError: a position out of range (on the CPU; a GPU is not made to wait for it).

    >>> import xpgrad as xg
    >>> table = xg.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    >>> xg.nn.functional.embedding_bag(xg.tensor([0, 1, 2]), table, xg.tensor([0, 2]))
    tensor([[2., 3.],
            [5., 6.]])
    >>> table = xg.tensor([[1.0], [1.0], [0.0]], requires_grad=True)
    >>> out = xg.nn.functional.embedding_bag(xg.tensor([[2, 1, 0]]), table, mode="max")
    >>> xg.autograd.grad(out.sum(), table)
    (tensor([[0.],
             [1.],
             [0.]]),)
    """
    input, weight = only_tensor(input, "embedding_bag"), only_tensor(weight, "embedding_bag")
    if weight.dtype is dtypes.int64 and input.dtype.is_differentiable:
        warnings.warn(
            "Argument order of nn.functional.embedding_bag was changed. Usage `embedding_bag("
            "weight, input, ...)` is deprecated, and should now be `embedding_bag(input, weight, "
            "...)`.",
            UserWarning,
            stacklevel=2,
        )
        input, weight = weight, input
    factors = per_sample_weights
    _check_bags(input, weight, offsets, factors, mode, scale_grad_by_freq, sparse)
    count = weight.shape[0]
    if padding_idx is not None:
        if not -count <= padding_idx < count:
            raise ShapeError(
                "padding_idx must be within the number of embeddings, "
                f"{-count} through {count - 1}, but got {padding_idx}"
            )
        padding_idx %= count
    if max_norm is not None:
        _renorm(weight, input, max_norm, norm_type)
    input, weight, offsets, factors = together("embedding_bag", input, weight, offsets, factors)
    ns = weight._ns
    least, most = ns.bounds(input._data) or (0, 0)
    if least < 0 or most >= max(count, 1):
        raise ShapeError(
            f"embedding_bag: position {least if least < 0 else most} is out of range for {count} "
            "embeddings"
        )
    with ns.current():
        starts, bags, count = _bags(ns, input._data, offsets, include_last_offset)
        counts = None  # which positions count, where not all of them do
        if padding_idx is not None:
            counts = ns.wrap(input._data != padding_idx)
        if mode == "max":
            return _picked(weight, *_largest(ns, weight._data, input._data, starts, counts))
        if counts is not None:  # the others get into a bag behind the last one
            counts = ns.reshape(counts, (-1,))
            bags = ns.where(counts, bags, count)
        size = (
            _sizes(ns, bags, count, input._data.shape, counts, weight) if mode == "mean" else None
        )
        places = wrap(ns.reshape(input._data, (-1,)), ns)
    flat = None if factors is None else reshape(factors, shape=tuple(places.shape))
    more = starts is not None or counts is not None
    out: Tensor = embedding_bags(
        weight, places, wrap(bags, ns), flat, count=count + more, by_frequency=scale_grad_by_freq
    )
    if more:
        out = out[:-1]
    return out if size is None else out / size


def _check_bags(
    input: Tensor, weight: Tensor, offsets: Any, factors: Any, mode: str, by_frequency: bool,
    sparse: bool,
) -> None:  # fmt: skip
    """Raise unless the arguments go together."""
    what = "embedding_bag"
    if factors is not None and input.shape != factors.shape:
        raise ValueError(
            f"embedding_bag: If per_sample_weights ({factors.shape!r}) is not None, then it must "
            f"have the same shape as the input ({input.shape!r})"
        )
    if weight.ndim != 2:
        raise ValueError(f"weight has to be a 2D Tensor, but got Tensor of dimension {weight.ndim}")
    if input.ndim == 2 and offsets is not None:
        raise ValueError(
            "if input is 2D, then offsets has to be None, as input is treated is a mini-batch of "
            f"fixed length sequences. However, found offsets of type {type(offsets)}"
        )
    if input.ndim == 1:
        if not isinstance(offsets, Tensor):
            raise ValueError(f"offsets has to be a 1D Tensor but got {offsets}")
        if offsets.ndim != 1:
            raise ValueError("offsets has to be a 1D Tensor")
    elif input.ndim != 2:
        raise ValueError(
            f"input has to be 1D or 2D Tensor, but got Tensor of dimension {input.ndim}"
        )
    if mode not in ("sum", "mean", "max"):
        raise ValueError("mode has to be one of sum, mean or max")
    if mode == "max" and by_frequency:
        raise ValueError("max mode does not support scaling the gradient by the frequency")
    if mode == "max" and sparse:
        raise ValueError("max mode does not support sparse weights")
    if factors is not None and mode != "sum":
        raise UnsupportedDType(
            "embedding_bag: per_sample_weights was not None. per_sample_weights is only supported "
            f"for mode='sum' (got mode='{mode}')."
        )
    _integers(what, input, *([] if offsets is None else [offsets]))
    if weight.dtype.category != dtypes.FLOATING:
        raise DTypeError(
            "Expected tensor for argument #1 'weight' to have one of the following scalar types: "
            f"Half, BFloat16, Float, Double; but got xpgrad.{weight.dtype.torch_name}Tensor "
            "instead (while checking arguments for embedding_bag)"
        )
    if factors is not None and factors.dtype is not weight.dtype:
        raise DTypeError(
            "Expected tensor for argument #1 'weight' to have the same type as tensor for argument "
            f"#1 'per_sample_weights'; but type xpgrad.{weight.dtype.torch_name}Tensor does not "
            f"equal xpgrad.{factors.dtype.torch_name}Tensor (while checking arguments for "
            "embedding_bag)"
        )


def _bags(
    ns: Namespace, positions: Array, offsets: Tensor | None, last: bool
) -> tuple[Any, Array, int]:
    """Where each bag begins and, at the end, the last one ends; each one's bag; how many there are.

    Rows of a matrix begin nowhere. What is behind the last bag has a bag of its own.
    """
    index = ns.arange(0).dtype
    if offsets is None:
        rows, length = positions.shape
        bags = ns.expand_dims(ns.arange(rows, dtype=index), axis=1)
        return None, ns.reshape(ns.broadcast_to(bags, (rows, length)), (rows * length,)), rows
    (length,) = positions.shape
    starts = ns.astype(offsets._data, index)
    if last and not starts.shape[0]:
        raise ShapeError("include_last_offset: number of offset should be at least 1")
    if ns.bounds(starts) is not None:
        first, *_, end = known if len(known := ns.to_host(starts)) > 1 else (known[0], known[0])
        if first != 0:
            raise ShapeError(
                "offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start "
                f"from position 0. However, got {first}"
            )
        if end > length:
            raise ShapeError(
                f"offsets[-1] can not be greater than input's length {length} but got offsets[-1] "
                f"of {end}"
            )
    if not last:
        starts = ns.concat([starts, ns.asarray([length], dtype=index)], axis=0)
    places = ns.arange(length, dtype=index)
    return starts, ns.searchsorted(starts, places, side="right") - 1, starts.shape[0] - 1


def _sizes(ns: Namespace, bags: Array, count: int, shape: Any, counts: Any, weight: Tensor) -> Any:
    """How many positions each bag has, at least 1."""
    if len(shape) == 2 and counts is None:
        return max(shape[1], 1)
    ones = ns.ones((bags.shape[0],), dtype=weight._data.dtype)
    size = ns.index_add(SimpleNamespace(shape=(count + 1,)), (bags,), ones)[:-1]
    return wrap(ns.expand_dims(ns.maximum(size, 1.0), axis=-1), ns)


def _largest(
    ns: Namespace, table: Array, positions: Array, starts: Any, counts: Any
) -> tuple[Array, Array]:
    """The row of the table that is the largest in each bag and column; whether there is any."""
    if starts is None:
        grid, valid = positions, counts
    else:  # bags as rows of the length of the longest
        lengths = starts[1:] - starts[:-1]
        longest = int(ns.to_host(ns.max(lengths))) if 0 not in lengths.shape else 0
        steps = ns.arange(max(longest, 1), dtype=starts.dtype)
        places = ns.expand_dims(starts[:-1], axis=-1) + steps
        valid = steps < ns.expand_dims(lengths, axis=-1)
        if not positions.shape[0]:
            grid = ns.zeros(places.shape, dtype=positions.dtype)
        else:
            places = ns.where(valid, places, 0)
            grid = ns.getitem(positions, (places,))
            if counts is not None:
                valid = ns.logical_and(valid, ns.getitem(counts, (places,)))
    bags, width = grid.shape[0], table.shape[1]
    if not grid.shape[1]:
        return ns.zeros((bags, width), dtype=grid.dtype), ns.zeros(
            (bags, 1), dtype=ns.native("bool")
        )
    rows = ns.getitem(table, (grid,))
    if valid is None:
        some = ns.ones((bags, 1), dtype=ns.native("bool"))
    else:
        rows = ns.where(ns.expand_dims(valid, axis=-1), rows, -ns.inf)
        some = ns.any(valid, axis=1, keepdims=True)
    best = ns.argmax(rows, axis=1)
    return ns.take_along_axis(grid, best, axis=1), some


def _picked(table: Tensor, rows: Array, some: Array) -> Tensor:
    """Of each column the element in its row, or 0."""
    ns = table._ns
    with ns.current():
        columns = ns.arange(table.shape[1], dtype=rows.dtype)
    found: Tensor = indexing.getitem(table, index=(rows, columns))
    return elementwise.where(wrap(some, ns), found, 0.0)
