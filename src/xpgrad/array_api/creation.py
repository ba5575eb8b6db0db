"""Creation functions. ``device=`` is an `xpgrad.device` or its name."""

from __future__ import annotations

from typing import Any

import numpy as np

from xpgrad import dtypes
from xpgrad.array_api.arguments import default_of, native, number, shape_of, tensor_of
from xpgrad.array_api.manipulation import broadcast_to, reshape
from xpgrad.errors import ShapeError
from xpgrad.namespace import Namespace
from xpgrad.ops import shape as _shape
from xpgrad.registry import within
from xpgrad.tensor import Tensor, wrap

# ------------------------------------------------------------------ from data


def asarray(obj: Any, /, *, dtype: Any = None, device: Any = None, copy: bool | None = None) -> Any:
    """`obj` (a Tensor, an array, numbers, nested sequences of them) as a Tensor, history included.

    Raises:
        ValueError: where a copy is needed and ``copy=False``.
    """
    from xpgrad.door.data import asarray as of_anything

    if isinstance(obj, np.ndarray) and not obj.flags.writeable and copy is None:
        obj = obj.copy()  # a Tensor that nobody can write to would surprise
    return of_anything(obj, dtype=dtype, device=device, copy=copy)


def from_dlpack(x: Any, /, *, device: Any = None, copy: bool | None = None) -> Any:
    """A Tensor that shares memory with any object that has ``__dlpack__``.

    Raises:
        BufferError: where a copy is needed and ``copy=False``.
    """
    from xpgrad.door.data import from_dlpack as of_capsule

    return of_capsule(x, device=device, copy=copy)


# ------------------------------------------------------------------ of one value


def _new(what: str, shape: Any, dtype: Any, device: Any) -> Tensor:
    ns = within(device)
    found = native(ns, dtype, dtypes.get_default_dtype())
    return wrap(getattr(ns, what)(shape_of(shape), dtype=found), ns)


def empty(shape: Any, *, dtype: Any = None, device: Any = None) -> Any:
    """An uninitialised Tensor."""
    return _new("empty", shape, dtype, device)


def ones(shape: Any, *, dtype: Any = None, device: Any = None) -> Any:
    """A Tensor of ones."""
    return _new("ones", shape, dtype, device)


def zeros(shape: Any, *, dtype: Any = None, device: Any = None) -> Any:
    """A Tensor of zeros."""
    return _new("zeros", shape, dtype, device)


def full(shape: Any, fill_value: Any, *, dtype: Any = None, device: Any = None) -> Any:
    """A Tensor of one value; its dtype is the default one for that kind of number."""
    ns, value = within(device), number(fill_value)
    found = native(ns, dtype, default_of(ns, [value]))
    return wrap(ns.full(shape_of(shape), value, dtype=found), ns)


def _like(x: Any, device: Any) -> tuple[Namespace, Any]:
    x = tensor_of(x, "like")
    ns = x._ns if device is None else within(device)
    return ns, (x._data.dtype if ns is x._ns else x.dtype)


def empty_like(x: Any, /, *, dtype: Any = None, device: Any = None) -> Any:
    """An uninitialised Tensor with the shape, dtype and device of `x`."""
    ns, own = _like(x, device)
    return wrap(ns.empty(tuple(x.shape), dtype=native(ns, dtype, own)), ns)


def ones_like(x: Any, /, *, dtype: Any = None, device: Any = None) -> Any:
    """Ones with the shape, dtype and device of `x`."""
    ns, own = _like(x, device)
    return wrap(ns.ones(tuple(x.shape), dtype=native(ns, dtype, own)), ns)


def zeros_like(x: Any, /, *, dtype: Any = None, device: Any = None) -> Any:
    """Zeros with the shape, dtype and device of `x`."""
    ns, own = _like(x, device)
    return wrap(ns.zeros(tuple(x.shape), dtype=native(ns, dtype, own)), ns)


def full_like(x: Any, /, fill_value: Any, *, dtype: Any = None, device: Any = None) -> Any:
    """One value with the shape, dtype and device of `x`."""
    ns, own = _like(x, device)
    value = number(fill_value)
    return wrap(ns.full(tuple(x.shape), value, dtype=native(ns, dtype, own)), ns)


# ------------------------------------------------------------------ ranges and patterns


def arange(
    start: Any,
    /,
    stop: Any = None,
    step: Any = 1,
    *,
    dtype: Any = None,
    device: Any = None,
) -> Any:
    """Numbers from `start` up to but not including `stop` (from 0 to `start` if it is alone)."""
    start, stop, step = number(start), number(stop), number(step)
    if stop is None:
        start, stop = 0, start
    ns = within(device)
    found = native(ns, dtype, default_of(ns, [0, start, stop, step]))
    return wrap(ns.arange(start, stop, step, dtype=found), ns)


def linspace(
    start: Any,
    stop: Any,
    /,
    num: int,
    *,
    dtype: Any = None,
    device: Any = None,
    endpoint: bool = True,
) -> Any:
    """`num` evenly spaced numbers from `start` to `stop`, which is one of them if `endpoint`."""
    ns, start, stop = within(device), number(start), number(stop)
    found = native(ns, dtype, default_of(ns, [0.0, start, stop]))
    return wrap(ns.linspace(start, stop, num, dtype=found, endpoint=endpoint), ns)


def eye(
    n_rows: int,
    n_cols: int | None = None,
    /,
    *,
    k: int = 0,
    dtype: Any = None,
    device: Any = None,
) -> Any:
    """A matrix with ones on its `k`-th diagonal."""
    ns = within(device)
    found = native(ns, dtype, dtypes.get_default_dtype())
    return wrap(ns.eye(n_rows, n_cols, k=k, dtype=found), ns)


def meshgrid(*arrays: Any, indexing: str = "xy") -> list[Any]:
    """Coordinate matrices of 1-D arrays; "xy" exchanges the first two axes, "ij" does not.

    Raises:
        ValueError: for another `indexing`.
    """
    if indexing not in ("xy", "ij"):
        raise ShapeError(f"indexing is 'xy' or 'ij', got {indexing!r}")
    tensors = [tensor_of(x, "meshgrid") for x in arrays]
    if len({t.dtype for t in tensors}) > 1:
        raise ShapeError("meshgrid needs arrays of one dtype")
    order = list(range(len(tensors)))
    if indexing == "xy" and len(order) > 1:
        order[:2] = 1, 0
    shape = tuple(tensors[i].shape.numel() for i in order)
    found = []
    for i, t in enumerate(tensors):
        line = reshape(t, tuple(-1 if j == i else 1 for j in order))
        found.append(broadcast_to(line, shape))
    return found


def tril(x: Any, /, *, k: int = 0) -> Any:
    """The lower triangles of a stack of matrices, up to the `k`-th diagonal."""
    return _shape.tril(x, k=k)


def triu(x: Any, /, *, k: int = 0) -> Any:
    """The upper triangles of a stack of matrices, from the `k`-th diagonal."""
    return _shape.triu(x, k=k)
