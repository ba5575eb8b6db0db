"""``x[index]`` and ``x[index] = value``, and PyTorch's functions that read or write by position.

As in PyTorch an index is taken in two steps: integers, slices, ``...`` and ``None`` first, which
give a view, then the arrays and masks, which give a copy. (So ``x[0, :, [1, 2]]`` keeps its
dimensions in order, where NumPy puts the last one first.)
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from xpgrad import dtypes, indexing
from xpgrad.door.arguments import dim_of, only_tensor
from xpgrad.door.attach import method
from xpgrad.door.creation import guarded
from xpgrad.door.inplace import assignable, store
from xpgrad.errors import DeviceError, DTypeError, ShapeError
from xpgrad.graph import Node, tick
from xpgrad.mode import mode
from xpgrad.namespace import Array, Namespace
from xpgrad.ops import indexing as ops
from xpgrad.ops import searching
from xpgrad.ops.device import clone, to_device
from xpgrad.ops.shape import reshape
from xpgrad.promotion import SCALARS, as_operand, is_operand
from xpgrad.tensor import Tensor, new
from xpgrad.views import OVERLAPPING, check_write, overlaps, rebase, replace

__all__ = [
    "gather", "index_add", "index_copy", "index_fill", "index_put", "index_select",
    "masked_fill", "masked_scatter", "masked_select", "narrow", "put", "scatter", "scatter_add",
    "select", "select_scatter", "slice_scatter", "take", "take_along_dim",
]  # fmt: skip

FULL = slice(None)
BASIC = frozenset((int, slice, type(None), type(Ellipsis)))

# ------------------------------------------------------------------ reading


def _quick(x: Tensor, index: Any) -> tuple[Any, tuple[Any, ...]] | None:
    """The op and the raw index for what is most frequent; `None` for all else, and for mistakes."""
    kind = type(index)
    if kind is int:
        return ops.select, (index, ...)
    if kind is slice:
        return (ops.getview, (index, ...)) if _forwards(index) else None
    if kind is tuple:
        op, dots = ops.alias, False
        for part in index:
            kind = type(part)
            if kind is int:
                op = ops.select
            elif kind is slice and _forwards(part):
                if part != FULL:
                    op = ops.getview
            elif part is None:
                op = ops.unsqueeze
            elif part is Ellipsis and not dots:
                dots = True
            else:
                return None
        return op, index if dots else (*index, ...)
    if isinstance(index, Tensor) and index._ns is x._ns and index._data.shape:
        if x._ns.dtype_of(index._data) in _DIRECT:
            return ops.getitem, (index._data,)
    return None


_DIRECT = frozenset((dtypes.int64, dtypes.int32, dtypes.bool_))


def _forwards(part: slice) -> bool:
    return part.step is None or (type(part.step) is int and part.step > 0)


@method()
def __getitem__(self: Tensor, index: Any) -> Tensor:
    try:
        quick = _quick(self, index)
        if quick is not None:
            return quick[0](self, index=quick[1])
    except (IndexError, TypeError):
        pass  # said better below
    basic, arrays, last = parse(self, index)
    out = self
    if basic is not None:
        out = last(self, index=basic)
    if arrays is not None:
        try:
            out = ops.getitem(out, index=arrays)
        except IndexError:
            _explain(out._data, out._ns, arrays)
            raise
    elif basic is None:
        out = ops.alias(self, index=(...,))
    return out


def parse(x: Tensor, index: Any) -> tuple[tuple[Any, ...] | None, tuple[Any, ...] | None, Any]:
    """An index in two steps: the part that gives a view, arrays for what is left, and the op.

    Raises:
        IndexError: in PyTorch's words, for all that is not an index of `x`.
    """
    shape = tuple(x._data.shape)
    parts = [_part(x, p) for p in (index if isinstance(index, tuple) else (index,))]
    used = sum(_dims(p) for p in parts)
    if used > len(shape):
        if not shape and len(parts) == 1:
            raise IndexError(
                "slice() cannot be applied to a 0-dim tensor."
                if isinstance(parts[0], slice)
                else "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or "
                "`tensor.item<T>()` in C++ to convert a 0-dim tensor to a number"
            )
        raise IndexError(f"too many indices for tensor of dimension {len(shape)}")
    left = len(shape) - used
    basic: list[Any] = []
    arrays: list[Any] = []
    op: Any = None
    dim = 0
    for part in parts:
        if isinstance(part, bool):  # an index of its own, into a dimension of its own
            ns = x._ns
            arrays.append(ns.zeros((int(part),), dtype=_positions(x)))
            basic.append(None)
            op = ops.unsqueeze
        elif isinstance(part, int):
            if not -shape[dim] <= part < shape[dim]:
                raise indexing.out_of_bounds(part, dim, shape[dim])
            basic.append(part)
            op = ops.select
            dim += 1
        elif isinstance(part, slice):
            if part.indices(shape[dim]) != (0, shape[dim], 1) or not isinstance(index, tuple):
                op = ops.getview
            basic.append(part)
            arrays.append(FULL)
            dim += 1
        elif part is None:
            basic.append(None)
            arrays.append(FULL)
            op = ops.unsqueeze
        elif part is Ellipsis:
            basic += [FULL] * left
            arrays += [FULL] * left
            dim += left
            left = 0
        else:
            width = _dims(part)
            basic += [FULL] * width
            arrays.append(part)
            dim += width
    while arrays and type(arrays[-1]) is slice:
        arrays.pop()
    return None if op is None else (*basic, ...), tuple(arrays) or None, op


def _dims(part: Any) -> int:
    """How many dimensions a part of an index takes."""
    if part is None or part is Ellipsis or isinstance(part, bool):
        return 0
    if isinstance(part, (int, slice)):
        return 1
    return len(part.shape) if _is_mask(part) else 1


def _is_mask(array: Array) -> bool:
    return str(array.dtype).endswith("bool")


def _positions(x: Tensor) -> Any:
    """The dtype of positions on the device of `x`."""
    natives = x._ns.natives
    return natives.get(dtypes.int64) or natives[dtypes.int32]


def _part(x: Tensor, part: Any) -> Any:
    """A part of an index as int, bool, slice, None, Ellipsis, or an array on the device of `x`."""
    kind = type(part)
    if kind is slice:
        for bound in (part.start, part.stop, part.step):
            if bound is not None and not hasattr(bound, "__index__"):
                raise TypeError(
                    "slice indices must be integers or None or have an __index__ method"
                )
        step = 1 if part.step is None else operator.index(part.step)
        if step < 1:
            raise ValueError("step must be greater than zero" if step else "slice step cannot be zero")
        return slice(_index(part.start), _index(part.stop), step)
    if kind in BASIC or kind is bool:
        return part
    if isinstance(part, (list, tuple, range)):
        return _array(x, _sequence(part))
    if isinstance(part, np.bool_):
        return bool(part)
    if not isinstance(part, np.generic) and is_operand(part):
        given, part = part, as_operand(part, "index")
        if isinstance(part, Tensor):
            if part.dtype.name not in _INDEXING:
                raise IndexError("tensors used as indices must be long, int, byte or bool tensors")
            if not part._data.shape:
                return (bool if part.dtype.name in ("bool", "uint8") else int)(part.item())
            # A version counter watches a Tensor until backward; nobody watches an array.
            return _array(x, part if isinstance(given, Tensor) else clone(part))
    try:
        return operator.index(part)
    except TypeError:
        pass
    message = (
        "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid "
        f"indices (got {kind.__name__})"
    )
    raise (TypeError if isinstance(part, str) else IndexError)(message)


_INDEXING = ("int64", "int32", "uint8", "bool")


def _index(bound: Any) -> int | None:
    return None if bound is None else operator.index(bound)


def _sequence(part: Any) -> np.ndarray[Any, Any]:
    """Nested sequences of integers or booleans as an array."""

    def plain(value: Any) -> Any:
        if isinstance(value, (list, tuple, range)):
            return list(map(plain, value))
        return value.tolist() if isinstance(value, Tensor) else value

    try:
        found = np.asarray(plain(part))
    except ValueError:
        raise IndexError("an index that is a sequence must be rectangular") from None
    if found.size == 0:
        return found.astype(np.int64)
    if found.dtype.kind not in "biu":
        raise IndexError("tensors used as indices must be long, int, byte or bool tensors")
    return found


def _array(x: Tensor, array: Any) -> Array:
    """An index array as one of the library that owns `x`."""
    ns = x._ns
    if isinstance(array, Tensor):
        mask = array.dtype.name == "uint8"
        if array._ns is not ns:
            if array.device.type != "cpu":
                raise DeviceError(
                    "indices should be either on cpu or on the same device as the indexed tensor "
                    f"({x.device}), got {array.device}"
                )
            array = to_device(array, ns=ns)
        with guarded(ns):
            return array._data != 0 if mask else array._data
    if array.dtype.kind != "b":
        array = array.astype(np.int64 if dtypes.int64 in ns.natives else np.int32)
    with guarded(ns):
        return ns.from_host(array)


def _explain(x: Array, ns: Namespace, arrays: tuple[Any, ...]) -> None:
    """Raise PyTorch's error for arrays that do not index `x`, if there is one."""
    shape, dim = tuple(x.shape), 0
    shapes = []
    with guarded(ns):
        for part in arrays:
            if type(part) is slice:
                dim += 1
                continue
            if _is_mask(part):
                indexing.check_mask(tuple(part.shape), shape, dim)
                shapes.append(tuple(ns.nonzero(part)[0].shape))
                dim += len(part.shape)
            else:
                indexing.check_bounds(ns, part, shape[dim], dim)
                shapes.append(tuple(part.shape))
                dim += 1
    indexing.broadcast_shape(shapes)


# ------------------------------------------------------------------ writing


@method()
def __setitem__(self: Tensor, index: Any, value: Any) -> None:
    ns = self._ns
    if (
        self._view is None
        and not (mode.grad and self._node is not None)
        and ns.mutable
        and ns.guard is None
        and not self._inference
    ):
        # Nothing to record and one dtype: if the index is quick too, the array does it all.
        raw: Any = None
        if type(value) is float:
            if self._data.dtype in ns.inexact:
                raw = value
        elif isinstance(value, Tensor) and value._ns is ns and value._view is None:
            if value._data.dtype == self._data.dtype and not (mode.grad and value._node is not None):
                raw = value._data
        quick = None if raw is None else _quick(self, index)
        if quick is not None:
            try:
                ns.assign(self._data, quick[1], raw)
            except (IndexError, TypeError, ValueError):
                pass  # nothing was written; said better below
            else:
                self._written()
                return
    _assign(self, index, value)


def _assign(x: Tensor, index: Any, value: Any) -> None:
    ns = x._ns
    if type(value) in SCALARS:
        value = assignable(x, value)
    elif is_operand(value):
        value = as_operand(value, "__setitem__")
        if not isinstance(value, Tensor):
            value = assignable(x, value)
    else:
        raise TypeError(
            f"can't assign a {type(value).__name__} to a xpgrad.{x.dtype.torch_name}Tensor"
        )
    if isinstance(index, bool) and not index:
        return  # PyTorch does nothing at all
    # In a tuple a full slice is nothing, so that ``x[:] = …`` writes to `x` and not through a view.
    basic, arrays, _ = parse(x, (index,) if isinstance(index, slice) else index)
    source = value if isinstance(value, Tensor) else None
    history = mode.grad and x.dtype.is_differentiable
    history = history and (x._node is not None or (source is not None and source._node is not None))
    check_write(x, history, through=basic is not None)
    if overlaps(x):
        raise ShapeError(OVERLAPPING)
    with guarded(ns):
        region = x._data if basic is None else ns.getitem(x._data, basic)
        raw = value
        if source is not None:
            source = _fitting(x, source, region, arrays)
            raw = source._data
            if raw.dtype != x._data.dtype:
                raw = ns.astype(raw, x._data.dtype)
            elif ns.memory_key(raw) == ns.memory_key(x._data):
                raw = ns.copy(raw)
        try:
            _write(x, region, basic, arrays, raw)
        except IndexError:  # nothing was written
            _explain(region, ns, arrays or ())
            raise
    if history:
        _remember(x, basic, arrays, source)


def _fitting(x: Tensor, value: Tensor, region: Array, arrays: tuple[Any, ...] | None) -> Tensor:
    """A value that broadcasts to ``region[arrays]``, where it is to be written.

    Raises:
        ShapeError: in PyTorch's words.
        DTypeError: for another dtype, where the index holds arrays.
    """
    ns = x._ns
    if value._ns is not ns:
        value = to_device(value, ns=ns)
    have = tuple(value._data.shape)
    if not have:
        return value
    shape = tuple(region.shape)
    if arrays is not None:
        if value.dtype is not x.dtype:
            raise DTypeError(
                "Index put requires the source and destination dtypes match, got "
                f"{x.dtype.torch_name} for the destination and {value.dtype.torch_name} for the "
                "source."
            )
        try:
            shape = indexing.result_shape(ns, shape, arrays)
        except IndexError:
            _explain(region, ns, arrays)
            raise
    while len(have) > len(shape) and have[0] == 1:
        have = have[1:]
    offset = len(shape) - len(have)
    wrong = [i for i, n in enumerate(have, offset) if offset >= 0 and n not in (1, shape[i])]
    if wrong and arrays is None:
        raise ShapeError(
            f"The expanded size of the tensor ({shape[wrong[-1]]}) must match the existing size "
            f"({have[wrong[-1] - offset]}) at non-singleton dimension {wrong[-1]}.  Target sizes: "
            f"{list(shape)}.  Tensor sizes: {list(have)}"
        )
    if wrong or offset < 0:
        raise ShapeError(
            f"shape mismatch: value tensor of shape {list(value.shape)} cannot be broadcast to "
            f"indexing result of shape {list(shape)}"
        )
    return value if have == tuple(value._data.shape) else reshape(value, shape=have)


def _write(
    x: Tensor, region: Array, basic: tuple[Any, ...] | None, arrays: tuple[Any, ...] | None, raw: Any
) -> None:
    """Write a raw value into ``x[basic][arrays]``, of which `region` is the first part."""
    ns = x._ns
    if ns.mutable:
        store(x, ... if arrays is None else arrays, raw, region)
        return
    if arrays is not None:
        raw = ns.assign(region, arrays, raw)
    replace(x, raw if basic is None and arrays is not None else ns.assign(x._data, basic or ..., raw))


def _remember(
    x: Tensor, basic: tuple[Any, ...] | None, arrays: tuple[Any, ...] | None, source: Tensor | None
) -> None:
    """The history of a value that was written into ``x[basic][arrays]``."""
    edge = None if source is None else source._node
    start = () if basic is None else ((ops.getview.op, {"index": basic}, tuple(x._data.shape)),)
    if arrays is None and basic is not None:
        rebase(x, edge, start)
        return
    before, region = x._node, tuple(x._data.shape)
    if arrays is None:
        kind = ops.COPY if source is not None and source._data.shape else ops.FILL
        rebase(x, _node(x, kind, (before, edge), None, region))
        return
    if basic is not None:
        region = tuple(x._ns.getitem(x._data, basic).shape)
        if before is not None:
            before = _node(x, ops.getview.op.node_type, (before,), {"index": basic}, region)
    settings = {"index": arrays, "accumulate": False}
    rebase(x, _node(x, ops.INDEX_PUT, (before, edge), settings, region), start)


def _node(
    x: Tensor, kind: type[Node], edges: tuple[Any, ...], settings: Any, shape: tuple[int, ...]
) -> Node:
    node: Node = new(kind)
    node.edges = edges
    node.saved = node.hooks = None
    node.settings = settings
    node.seq = tick()
    node.shape, node.dtype, node.ns = shape, x._data.dtype, x._ns
    return node


# ------------------------------------------------------------------ parts along one dimension


def _at(dim: int, *part: Any) -> tuple[Any, ...]:
    """The index that names a part of one dimension and all of the others."""
    return (*(FULL,) * dim, *part)


@method()
def select(input: Tensor, dim: int, index: int) -> Tensor:
    """The slice at `index` along a dimension, which disappears: a view.

    Raises:
        IndexError: out of range.

    >>> import xpgrad as xg
    >>> xg.select(xg.arange(6).reshape(2, 3), 1, -1)
    tensor([2, 5])
    """
    x = only_tensor(input, "select")
    if not x._data.shape:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    axis, i = dim_of(dim, x.ndim), operator.index(index)
    n = x._data.shape[axis]
    if not -n <= i < n:
        raise IndexError(
            f"select(): index {i} out of range for tensor of size {list(x.shape)} at dimension "
            f"{axis}"
        )
    return ops.select(x, index=_at(axis, i, ...))


@method()
def narrow(input: Tensor, dim: int, start: Any, length: int) -> Tensor:
    """`length` slices along a dimension, from `start` on: a view.

    Raises:
        IndexError: out of range.
        ShapeError: where there are not that many.

    >>> import xpgrad as xg
    >>> xg.narrow(xg.arange(5), 0, 1, 3)
    tensor([1, 2, 3])
    """
    x = only_tensor(input, "narrow")
    if not x._data.shape:
        raise ShapeError("narrow() cannot be applied to a 0-dim tensor.")
    axis, begin = dim_of(dim, x.ndim), int(start)
    n = x._data.shape[axis]
    if length < 0:
        raise ShapeError("narrow(): length must be non-negative.")
    if not -n <= begin <= n:
        raise IndexError(
            f"start out of range (expected to be in range of [{-n}, {n}], but got {begin})"
        )
    begin += n if begin < 0 else 0
    if begin + length > n:
        raise ShapeError(f"start ({begin}) + length ({length}) exceeds dimension size ({n}).")
    return ops.getview(x, index=_at(axis, slice(begin, begin + length), ...))


def _vector(what: str, x: Tensor, index: Any) -> Array:
    """Positions along one dimension, given as a vector or as one number."""
    found = _part(x, index)
    if isinstance(found, (bool, int)):
        ns = x._ns
        return ns.asarray([int(found)], dtype=_positions(x))
    if not hasattr(found, "dtype") or _is_mask(found):
        raise IndexError(f"{what}(): Expected dtype int32 or int64 for index")
    if len(found.shape) != 1:
        raise IndexError(f"{what}(): Index is supposed to be a vector")
    return found


def _said(x: Tensor, arrays: tuple[Any, ...], call: Any, *args: Any, **kwargs: Any) -> Tensor:
    """``call(...)``, with PyTorch's words for positions that are not there."""
    try:
        out: Tensor = call(*args, **kwargs)
    except IndexError:
        _explain(x._data, x._ns, arrays)
        raise
    return out


@method()
def index_select(input: Tensor, dim: int, index: Any) -> Tensor:
    """The slices at the positions in a vector, along a dimension.

    Raises:
        IndexError: out of range.

    >>> import xpgrad as xg
    >>> xg.index_select(xg.arange(6).reshape(2, 3), 1, xg.tensor([2, 0, 0]))
    tensor([[2, 0, 0],
            [5, 3, 3]])
    """
    x = only_tensor(input, "index_select")
    found = _vector("index_select", x, index)
    if not x._data.shape:
        return _said(x, (), ops.getitem, x, index=(True,)).reshape(())
    axis = dim_of(dim, x.ndim)
    return _said(x, _at(axis, found), searching.take, x, found, axis=axis)


@method()
def index_add(input: Tensor, dim: int, index: Any, source: Tensor, *, alpha: Any = 1) -> Tensor:
    """`input` with ``alpha * source`` added at positions along a dimension.

    Positions that are named several times get all that is added to them.

    Raises:
        IndexError: out of range.
        ShapeError: where `source` does not fit.

    >>> import xpgrad as xg
    >>> xg.index_add(xg.zeros(3), 0, xg.tensor([0, 2, 0]), xg.tensor([1.0, 2.0, 3.0]))
    tensor([4., 0., 2.])
    """
    at = _rows("index_add_", input, dim, index, source)
    values = source if alpha == 1 else source * alpha
    return _said(input, at, ops.index_accumulate, input, values, index=at, accumulate=True)


@method()
def index_copy(input: Tensor, dim: int, index: Any, source: Tensor) -> Tensor:
    """`input` with the slices of `source` at positions along a dimension.

    Raises:
        IndexError: out of range.
        ShapeError: where `source` does not fit.
    """
    at = _rows("index_copy_", input, dim, index, source)
    return _said(input, at, ops.index_copy, input, source, index=at)


def _rows(what: str, x: Tensor, dim: int, index: Any, source: Tensor) -> tuple[Any, ...]:
    """The index for a vector of positions along a dimension, checked against the source."""
    only_tensor(x, what)
    only_tensor(source, what, "source", 3)
    axis = dim_of(dim, x.ndim)
    found = _vector(what, x, index)
    if source.dtype is not x.dtype:
        raise DTypeError(
            f"{what}(): self ({x.dtype.torch_name}) and source ({source.dtype.torch_name}) must "
            "have the same scalar type"
        )
    if not x._data.shape:
        raise ShapeError(f"{what}(): expected a tensor with dimensions; unsqueeze(0) gives it one")
    if len(source._data.shape) != x.ndim or source._data.shape[axis] != found.shape[0]:
        have = source._data.shape[axis] if axis < source.ndim else 1
        raise ShapeError(
            f"{what}(): Number of indices ({found.shape[0]}) should be equal to source.size(dim): "
            f"({have}), for dim: {axis}"
        )
    if any(n != m for i, (n, m) in enumerate(zip(x.shape, source.shape, strict=True)) if i != axis):
        raise ShapeError(
            f"{what}(): source tensor shape must match self tensor shape, excluding the specified "
            f"dimension. Got self.shape = {list(x.shape)} source.shape = {list(source.shape)}"
        )
    return _at(axis, found)


@method()
def index_fill(input: Tensor, dim: int, index: Any, value: Any) -> Tensor:
    """`input` with one number (or a 0-d tensor) at positions along a dimension.

    Raises:
        IndexError: out of range.

    >>> import xpgrad as xg
    >>> xg.index_fill(xg.zeros(3), 0, xg.tensor([0, 2]), 5)
    tensor([5., 0., 5.])
    """
    x = only_tensor(input, "index_fill")
    at = _at(dim_of(dim, x.ndim), _vector("index_fill_", x, index))
    if isinstance(value, Tensor) and value._data.shape:
        raise ShapeError(
            "index_fill_ only supports a 0-dimensional value tensor, but got tensor with "
            f"{value.ndim} dimension(s)."
        )
    number = value if isinstance(value, Tensor) else assignable(x, value)
    return _said(x, at, ops.index_fill, x, number, index=at)


# ------------------------------------------------------------------ a position for each element


def _along(what: str, x: Tensor, dim: int, index: Tensor, limits: Any) -> tuple[Any, ...]:
    """The index that names, for each element of `index`, the place it stands for.

    Raises:
        ShapeError: where `index` is larger than the shapes in `limits` (apart from the dimension).
        DTypeError: for positions that are no integers.
    """
    axis = dim_of(dim, x.ndim)
    only_tensor(index, what, "index", 2)
    if index.dtype.category != dtypes.INTEGER:
        raise DTypeError(f"{what}(): Expected dtype int64 for index")
    if index.ndim != x.ndim:
        raise ShapeError(
            "Index tensor must have the same number of dimensions as self tensor, got "
            f"{list(index.shape)} for {list(x.shape)}"
        )
    for name, limit, apart in limits:
        if len(limit) != index.ndim or any(
            n > m and not (apart and i == axis)
            for i, (n, m) in enumerate(zip(index.shape, limit, strict=True))
        ):
            raise ShapeError(
                f"{what}(): Expected index {list(index.shape)} to be no larger than {name} "
                f"{list(limit)}" + (f" apart from dimension {axis}" if apart else "")
            )
    ns = x._ns
    raw = _array(x, index)
    wide = _positions(x)
    with guarded(ns):
        grids = []
        for i, n in enumerate(raw.shape):
            form = tuple(n if j == i else 1 for j in range(len(raw.shape)))
            grids.append(raw if i == axis else ns.reshape(ns.arange(n, dtype=wide), form))
    return tuple(grids)


@method()
def gather(input: Tensor, dim: int, index: Tensor, *, sparse_grad: bool = False) -> Tensor:
    """For each element of `index`, the element of `input` there along a dimension.

    ``out[i, j] = input[index[i, j], j]`` for ``dim=0``.

    Raises:
        IndexError: out of range.
        ShapeError: where `index` is larger than `input` in another dimension.

    >>> import xpgrad as xg
    >>> xg.gather(xg.tensor([[1.0, 2.0], [3.0, 4.0]]), 1, xg.tensor([[0, 0], [1, 0]]))
    tensor([[1., 1.],
            [4., 3.]])
    """
    x = only_tensor(input, "gather")
    at = _along("gather", x, dim, index, [("self", tuple(x.shape), True)])
    if not at:
        return x.clone()
    axis = dim_of(dim, x.ndim)
    part = _corner(x, [n if i != axis else None for i, n in enumerate(index.shape)])
    return _said(x, at, searching.take_along_axis, part, at[axis], axis=axis)


def _corner(x: Tensor, lengths: Any) -> Tensor:
    """The first so many in each dimension: a view, or the tensor itself if that is all."""
    if all(n is None or n == m for n, m in zip(lengths, x._data.shape, strict=True)):
        return x
    return ops.getview(x, index=tuple(slice(0, n) for n in lengths))


@method()
def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None) -> Tensor:
    """`gather` with broadcasting; without `dim`, by position among all elements.

    >>> import xpgrad as xg
    >>> x = xg.tensor([[10.0, 30.0, 20.0]])
    >>> xg.take_along_dim(x, x.argsort(1), 1)
    tensor([[10., 20., 30.]])
    """
    x = only_tensor(input, "take_along_dim")
    if dim is None:
        x, indices, dim = x.reshape(-1), indices.reshape(-1), 0
    axis = dim_of(dim, x.ndim)
    if x.ndim != indices.ndim:
        raise ShapeError(
            "xpgrad.take_along_dim(): input and indices should have the same number of dimensions, "
            f"but got {x.ndim} dimensions for input, and {indices.ndim} dimensions for indices"
        )
    both = np.broadcast_shapes(
        tuple(1 if i == axis else n for i, n in enumerate(x.shape)),
        tuple(1 if i == axis else n for i, n in enumerate(indices.shape)),
    )
    size = [(*both[:axis], t.shape[axis], *both[axis + 1 :]) for t in (x, indices)]
    return gather(x.expand(size[0]), axis, indices.expand(size[1]))


@method()
def scatter(
    input: Tensor, dim: int, index: Tensor, src: Any = None, *, value: Any = None, reduce: Any = None
) -> Tensor:
    """`input` with elements of `src`, or one number, at the places that `index` names.

    ``out[index[i, j], j] = src[i, j]`` for ``dim=0``. Where a place is named several times, the
    last one counts.

    Args:
        reduce: ``"add"`` adds instead.

    Raises:
        IndexError: out of range.
        ShapeError: where `index` is larger than `src`, or than `input` in another dimension.

    >>> import xpgrad as xg
    >>> xg.zeros(2, 3).scatter(1, xg.tensor([[2], [0]]), 1.0)
    tensor([[0., 0., 1.],
            [1., 0., 0.]])
    """
    x = only_tensor(input, "scatter")
    if reduce not in (None, "add"):
        raise NotImplementedError(f"scatter with reduce={reduce!r}: only 'add' is there")
    given = value if src is None else src
    limits = [("self", tuple(x.shape), True)]
    if not isinstance(given, Tensor):
        at = _along("scatter", x, dim, index, limits)
        call = ops.scatter_value
        given = assignable(x, given)
    else:
        at, given = _with_source("scatter", x, dim, index, given)
        call = ops.scatter
    return _said(x, at, call, x, given, index=at, accumulate=reduce == "add")


@method()
def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """`input` with elements of `src` added at the places that `index` names.

    Raises:
        IndexError: out of range.
        ShapeError: where `index` is larger than `src`, or than `input` in another dimension.

    >>> import xpgrad as xg
    >>> xg.zeros(3).scatter_add(0, xg.tensor([0, 0, 2]), xg.ones(3))
    tensor([2., 0., 1.])
    """
    x = only_tensor(input, "scatter_add")
    at, values = _with_source("scatter_add", x, dim, index, only_tensor(src, "scatter_add", "src", 3))
    return _said(x, at, ops.scatter_add, x, values, index=at, accumulate=True)


def _with_source(what: str, x: Tensor, dim: int, index: Tensor, src: Tensor) -> Any:
    if src.dtype is not x.dtype:
        raise DTypeError(f"{what}(): Expected self.dtype to be equal to src.dtype")
    limits = [("self", tuple(x.shape), True), ("src", tuple(src.shape), False)]
    return _along(what, x, dim, index, limits), _corner(src, index.shape)


# ------------------------------------------------------------------ masks


@method()
def masked_select(input: Tensor, mask: Tensor) -> Tensor:
    """The elements where a mask is true, in one dimension.

    Raises:
        DTypeError: for a mask that is not boolean.

    >>> import xpgrad as xg
    >>> x = xg.tensor([1.0, -2.0, 3.0])
    >>> xg.masked_select(x, x > 0)
    tensor([1., 3.])
    """
    x, mask = only_tensor(input, "masked_select"), _mask("masked_select", mask)
    shape = np.broadcast_shapes(tuple(x.shape), tuple(mask.shape))
    x, mask = x.expand(shape), mask.expand(shape)
    return ops.masked_select(x, index=(_array(x, mask),))


def _mask(what: str, mask: Tensor) -> Tensor:
    if only_tensor(mask, what, "mask", 2).dtype is not dtypes.bool_:
        raise DTypeError(f"{what}: expected BoolTensor for mask, got {mask.dtype}")
    return mask


@method()
def masked_fill(input: Tensor, mask: Tensor, value: Any) -> Tensor:
    """`input` with one number (or a 0-d tensor) where a mask is true.

    Raises:
        DTypeError: for a mask that is not boolean.

    >>> import xpgrad as xg
    >>> x = xg.tensor([1.0, -2.0, 3.0])
    >>> xg.masked_fill(x, x < 0, 0)
    tensor([1., 0., 3.])
    """
    x, mask = only_tensor(input, "masked_fill"), _mask("masked_fill", mask)
    if not isinstance(value, Tensor):
        return ops.masked_fill(x, mask, assignable(x, value))
    if value._data.shape:
        raise ShapeError(
            "masked_fill_ only supports a 0-dimensional value tensor, but got tensor with "
            f"{value.ndim} dimension(s)."
        )
    return ops.masked_fill_by(x, mask, value)


@method()
def masked_scatter(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """`input` with the first elements of `source`, in order, where a mask is true.

    Raises:
        ShapeError: where there are not enough of them.

    >>> import xpgrad as xg
    >>> xg.zeros(3).masked_scatter(xg.tensor([True, False, True]), xg.tensor([1.0, 2.0]))
    tensor([1., 0., 2.])
    """
    x, mask = only_tensor(input, "masked_scatter"), _mask("masked_scatter", mask)
    shape = np.broadcast_shapes(tuple(x.shape), tuple(mask.shape))
    at = (_array(x, mask.expand(shape)),)
    with guarded(x._ns):
        count = int(x._ns.count_nonzero(at[0]))
    if only_tensor(source, "masked_scatter", "source", 3).shape.numel() < count:
        raise ShapeError(
            f"masked_scatter: expected at least {count} elements in source, got "
            f"{source.shape.numel()}"
        )
    values = source.reshape(-1)[:count].to(x.dtype)
    return ops.masked_scatter(x.expand(shape), values, index=at)


# ------------------------------------------------------------------ any index, as functions


@method()
def index_put(
    input: Tensor, indices: Any, values: Any, accumulate: bool = False
) -> Tensor:
    """`input` with `values` at an index of tensors, one for each dimension, or added there.

    >>> import xpgrad as xg
    >>> xg.zeros(3).index_put((xg.tensor([0, 0]),), xg.ones(2), accumulate=True)
    tensor([2., 0., 0.])
    """
    x = only_tensor(input, "index_put")
    _, arrays, _ = parse(x, tuple(FULL if i is None else i for i in indices))
    if arrays is None:
        raise ShapeError("index_put needs an index that is no scalar")
    value = _fitting(x, values, x._data, arrays) if isinstance(values, Tensor) else values
    return _said(x, arrays, ops.index_put, x, value, index=arrays, accumulate=accumulate)


@method()
def take(input: Tensor, index: Any) -> Tensor:
    """The elements at positions among all of them, as if there were one dimension.

    Raises:
        IndexError: out of range.

    >>> import xpgrad as xg
    >>> xg.take(xg.tensor([[1.0, 2.0], [3.0, 4.0]]), xg.tensor([0, 3]))
    tensor([1., 4.])
    """
    x = only_tensor(input, "take").reshape(-1)
    at = _flat(x, index)
    return _said(x, at, ops.take, x, index=at).reshape(index.shape)


def _flat(x: Tensor, index: Any) -> tuple[Any, ...]:
    found = only_tensor(index, "take", "index", 2)
    if found.dtype.category != dtypes.INTEGER:
        raise DTypeError("take(): Expected a long tensor for index, but got " + found.dtype.torch_name)
    return (_array(x, found.reshape(-1)),)


@method()
def put(input: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Tensor:
    """`input` with `source` at positions among all elements, or added there."""
    x = only_tensor(input, "put").reshape(-1)
    at = _flat(x, index)
    values = only_tensor(source, "put", "source", 3).reshape(-1)
    return _said(x, at, ops.put, x, values, index=at, accumulate=accumulate).reshape(input.shape)


@method()
def select_scatter(input: Tensor, src: Tensor, dim: int, index: int) -> Tensor:
    """`input` with `src` as the slice at `index` along a dimension.

    >>> import xpgrad as xg
    >>> xg.zeros(2, 2).select_scatter(xg.ones(2), 0, 1)
    tensor([[0., 0.],
            [1., 1.]])
    """
    return _with_part("select_scatter", input, src, select(input, dim, index))


@method()
def slice_scatter(
    input: Tensor, src: Tensor, dim: int = 0, start: Any = None, end: Any = None, step: int = 1
) -> Tensor:
    """`input` with `src` in place of some slices along a dimension."""
    x = only_tensor(input, "slice_scatter")
    part = _at(dim_of(dim, x.ndim), slice(start, end, step))
    return _with_part("slice_scatter", x, src, x[part])


def _with_part(what: str, x: Tensor, src: Tensor, part: Tensor) -> Tensor:
    if tuple(src.shape) != tuple(part.shape):
        raise ShapeError(
            f"expected src to have a size equal to the slice of self. src size = "
            f"{list(src.shape)}, slice size = {list(part.shape)}"
        )
    settings = part._view[2] if part._view is not None else {"index": (...,)}
    return ops.PARTS[what](x, src, **settings)
