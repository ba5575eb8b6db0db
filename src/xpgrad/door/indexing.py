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
from xpgrad.door.attach import method
from xpgrad.door.data import guarded
from xpgrad.door.inplace import assignable, copy_, store, update
from xpgrad.errors import DeviceError, DTypeError, ShapeError
from xpgrad.graph import Node, tick
from xpgrad.mode import mode
from xpgrad.namespace import Array, Namespace
from xpgrad.ops import elementwise
from xpgrad.ops import indexing as ops
from xpgrad.ops.device import clone
from xpgrad.ops.shape import reshape
from xpgrad.promotion import SCALARS, as_operand, follow, is_operand, received
from xpgrad.tensor import Tensor, new, wrap
from xpgrad.views import OVERLAPPING, check_write, overlaps, rebase, replace

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
    if not isinstance(index, Tensor) or index._ns is not x._ns or not index._data.shape:
        return None
    direct = x._ns.dtype_of(index._data) in _DIRECT
    return (ops.getitem, (index._data,)) if direct else None


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
    self = joined(self, *index) if isinstance(index, tuple) else joined(self, index)
    basic, arrays, last = parse(self, index)
    out = self
    if basic is not None:
        out = last(self, index=basic)
    if arrays is not None:
        try:
            out = ops.getitem(out, index=arrays)
        except IndexError:
            explain(out._data, out._ns, arrays)
            raise
    elif basic is None:
        out = ops.alias(self, index=(...,))
    return out


def joined(x: Tensor, *others: Any) -> Tensor:
    """`x` where any tensors among `others` are: within the transform they belong to, if any."""
    for other in others:
        if isinstance(other, Tensor) and other._ns is not x._ns and other._ns.depth > x._ns.depth:
            x = follow(x, other._ns.beside(x._ns))
    return x


def parse(x: Tensor, index: Any) -> tuple[tuple[Any, ...] | None, tuple[Any, ...] | None, Any]:
    """An index in two steps: the part that gives a view, arrays for what is left, and the op.

    Raises:
        IndexError: in PyTorch's words, for all that is not an index of `x`.
    """
    shape = tuple(x._data.shape)
    parts = [read_part(x, p) for p in (index if isinstance(index, tuple) else (index,))]
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
            arrays.append(ns.zeros((int(part),), dtype=position_type(x)))
            basic.append(None)
            op = ops.unsqueeze
        elif isinstance(part, int):
            if not -shape[dim] <= part < shape[dim]:
                raise indexing.out_of_bounds(part, dim, shape[dim])
            basic.append(part)
            op = ops.select
            dim += 1
        elif isinstance(part, slice):
            if not (isinstance(index, tuple) and _whole(part, shape[dim])):
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


def _whole(part: slice, size: int) -> bool:
    """Whether a slice says that it takes all: one with a negative bound does not."""
    return not part.start and (part.stop is None or part.stop >= size) and part.step in (None, 1)


def _dims(part: Any) -> int:
    """How many dimensions a part of an index takes."""
    if part is None or part is Ellipsis or isinstance(part, bool):
        return 0
    if isinstance(part, (int, slice)):
        return 1
    return len(part.shape) if is_mask(part) else 1


def is_mask(array: Array) -> bool:
    """Whether an index array is a mask."""
    return str(array.dtype).endswith("bool")


def position_type(x: Tensor) -> Any:
    """The dtype of positions on the device of `x`."""
    natives = x._ns.natives
    return natives.get(dtypes.int64) or natives[dtypes.int32]


def read_part(x: Tensor, part: Any) -> Any:
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
            raise ValueError(
                "step must be greater than zero" if step else "slice step cannot be zero"
            )
        return slice(_index(part.start), _index(part.stop), step)
    if kind in BASIC or kind is bool:
        return part
    if isinstance(part, (list, tuple, range)):
        return own_array(x, _sequence(part))
    if isinstance(part, np.bool_):
        return bool(part)
    if not isinstance(part, np.generic) and is_operand(part):
        given, part = part, as_operand(part, "index")
        if isinstance(part, Tensor):
            if part.dtype.name not in _INDEXING:
                raise IndexError("tensors used as indices must be long, int, byte or bool tensors")
            if not part._data.shape and not part._ns.depth:
                return (bool if part.dtype.name in ("bool", "uint8") else int)(part.item())
            # A version counter watches a Tensor until backward; nobody watches an array.
            return own_array(x, part if isinstance(given, Tensor) else clone(part))
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


def own_array(x: Tensor, array: Any) -> Array:
    """An index array as one of the library that owns `x`."""
    ns = x._ns
    if isinstance(array, Tensor):
        mask = array.dtype.name == "uint8"
        if array._ns is not ns:
            if array.device.type != "cpu" and array.device != x.device:
                raise DeviceError(
                    "indices should be either on cpu or on the same device as the indexed tensor "
                    f"({x.device}), got {array.device}"
                )
            array = follow(array, ns)
        with guarded(ns):
            return array._data != 0 if mask else array._data
    if array.dtype.kind != "b":
        array = array.astype(np.int64 if dtypes.int64 in ns.natives else np.int32)
    with guarded(ns):
        return ns.from_host(array)


def explain(x: Array, ns: Namespace, arrays: tuple[Any, ...]) -> None:
    """Raise PyTorch's error for arrays that do not index `x`, if there is one."""
    shape, dim = tuple(x.shape), 0
    shapes = []
    with guarded(ns):
        for part in arrays:
            if type(part) is slice:
                dim += 1
                continue
            if is_mask(part):
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
        quick, raw = None, value
        if type(value) is float:
            if self._data.dtype in ns.inexact:
                quick = _quick(self, index)
        elif isinstance(value, Tensor) and value._ns is ns and value._view is None:
            raw = value._data
            if raw.dtype == self._data.dtype and not (mode.grad and value._node is not None):
                quick = _quick(self, index)
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
        elif value._ns.depth > ns.depth:
            value = received(value, x)
            ns = x._ns
    else:
        raise TypeError(
            f"can't assign a {type(value).__name__} to a xpgrad.{x.dtype.torch_name}Tensor"
        )
    if isinstance(index, bool) and not index:
        return  # PyTorch does nothing at all
    # In a tuple a full slice is nothing, so that ``x[:] = …`` writes to `x` and not through a view.
    basic, arrays, _ = parse(x, (index,) if isinstance(index, slice) else index)
    if ns.depth and arrays is not None and _write_masked(x, basic, arrays, value):
        return
    source = value if isinstance(value, Tensor) else None
    history = mode.grad and x.dtype.is_differentiable
    history = history and (x.requires_grad or (source is not None and source.requires_grad))
    with guarded(ns):
        region = x._data if basic is None else ns.getitem(x._data, basic)
        if source is not None and arrays is None:
            source = fitting(x, source, region, None)
        check_write(x, history, through=basic is not None)
        if overlaps(x):
            part = None if basic is None else ops.getview(x, index=basic)
            if part is None or arrays is not None or overlaps(part):
                raise ShapeError(OVERLAPPING)
            copy_(part, value)
            return
        raw = value
        if source is not None:
            if arrays is not None:
                source = fitting(x, source, region, arrays)
            raw = source._data
            if raw.dtype != x._data.dtype:
                raw = ns.astype(raw, x._data.dtype)
            elif ns.memory_key(raw) == ns.memory_key(x._data):
                raw = ns.copy(raw)
        try:
            _write(x, region, basic, arrays, raw)
        except IndexError:  # nothing was written
            explain(region, ns, arrays or ())
            raise
    if history:
        _remember(x, basic, arrays, source)


def _write_masked(
    x: Tensor, basic: tuple[Any, ...] | None, arrays: tuple[Any, ...], value: Any
) -> bool:
    """Write one value wherever a mask is true, which need not be known to the host.

    Returns:
        Whether that is what is asked for: the index has one array, a mask, and `value` does not
        tell the places that are true apart.
    """
    *lead, mask = arrays
    if not all(type(part) is slice for part in lead) or not is_mask(mask):
        return False
    part = x if basic is None else ops.getview(x, index=basic)
    shape, wide = tuple(part.shape), len(mask.shape)
    indexing.check_mask(tuple(mask.shape), shape, len(lead))
    rest = len(shape) - len(lead) - wide
    if isinstance(value, Tensor):
        have = tuple(value.shape)
        if len(have) > rest:
            split = len(have) - rest
            if have[split - 1] != 1:
                return False
            value = reshape(value, shape=(*have[: split - 1], *(1,) * wide, *have[split:]))
    here = reshape(wrap(mask, x._ns), shape=(*mask.shape, *(1,) * rest))
    update(part, lambda t, v: elementwise.where(here, v, t), value)
    return True


def fitting(x: Tensor, value: Tensor, region: Array, arrays: tuple[Any, ...] | None) -> Tensor:
    """A value that broadcasts to ``region[arrays]``, where it is to be written.

    Raises:
        ShapeError: in PyTorch's words.
        DTypeError: for another dtype, where the index holds arrays.
    """
    ns = x._ns
    if value._ns is not ns:
        value = follow(value, ns)
    have = tuple(value._data.shape)
    shape = tuple(region.shape)
    if arrays is not None:
        masks = [part for part in arrays if type(part) is not slice]
        filled = len(masks) == 1 and is_mask(masks[0]) and value.shape.numel() == 1
        if value.dtype is not x.dtype and not filled:
            raise DTypeError(
                "Index put requires the source and destination dtypes match, got "
                f"{x.dtype.torch_name} for the destination and {value.dtype.torch_name} for the "
                "source."
            )
    if not have:
        return value
    if arrays is not None:
        try:
            shape = indexing.result_shape(ns, shape, arrays)
        except IndexError:
            explain(region, ns, arrays)
            raise
    while len(have) > len(shape) and have[0] == 1:
        have = have[1:]
    offset = len(shape) - len(have)
    wrong = [i for i, n in enumerate(have, offset) if offset >= 0 and n not in (1, shape[i])]
    while (wrong or offset < 0) and have[0] == 1:  # messages say what is left without these
        have, offset = have[1:], offset + 1
    if offset < 0 and arrays is None:
        raise ShapeError(
            f"expand({value.type()}{{{list(have)}}}, size={list(shape)}): the number of sizes "
            f"provided ({len(shape)}) must be greater or equal to the number of dimensions in the "
            f"tensor ({len(have)})"
        )
    if wrong and arrays is None:
        raise ShapeError(
            f"The expanded size of the tensor ({shape[wrong[-1]]}) must match the existing size "
            f"({have[wrong[-1] - offset]}) at non-singleton dimension {wrong[-1]}.  Target sizes: "
            f"{list(shape)}.  Tensor sizes: {list(have)}"
        )
    if wrong or offset < 0:
        raise ShapeError(
            f"shape mismatch: value tensor of shape {list(have)} cannot be broadcast to "
            f"indexing result of shape {list(shape)}"
        )
    return value if have == tuple(value._data.shape) else reshape(value, shape=have)


def _write(
    x: Tensor,
    region: Array,
    basic: tuple[Any, ...] | None,
    arrays: tuple[Any, ...] | None,
    raw: Any,
) -> None:
    """Write a raw value into ``x[basic][arrays]``, of which `region` is the first part."""
    ns = x._ns
    if ns.mutable:
        store(x, ... if arrays is None else arrays, raw, region)
        return
    if arrays is not None:
        raw = ns.assign(region, arrays, raw)
    replace(
        x, raw if basic is None and arrays is not None else ns.assign(x._data, basic or ..., raw)
    )


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
        kind = ops.COPY if not region or (source is not None and source._data.shape) else ops.FILL
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
