"""The extras of `xpgrad.namespace`, on Tensors: differentiable, so that rules of rules work."""

from __future__ import annotations

from typing import Any

from xpgrad.indexing import is_basic
from xpgrad.ops import device, elementwise, indexing
from xpgrad.tensor import Tensor

copy = device.clone
erf = elementwise.erf
sigmoid = elementwise.sigmoid


def conj(x: Any) -> Any:
    """The complex conjugate; real tensors and Python numbers are their own."""
    if not isinstance(x, Tensor):
        return x.conjugate()
    return elementwise.conj(x) if x._data.dtype in x._ns.complexes else x


def _raw(index: Any) -> Any:
    """An index with raw arrays for Tensors: places have no derivative."""
    if isinstance(index, tuple):
        return tuple(map(_raw, index))
    return index._data if isinstance(index, Tensor) else index


def getitem(x: Tensor, index: Any) -> Tensor:
    """``x[index]``."""
    read = indexing.getview if is_basic(index) else indexing.getitem
    found: Tensor = read(x, index=_raw(index))
    return found


def index_add(like: Any, index: Any, values: Tensor) -> Tensor:
    """Zeros shaped like `like` with `values` added at ``[index]``."""
    found: Tensor = indexing.index_add(values, shape=tuple(like.shape), index=_raw(index))
    return found


def assign(x: Tensor, index: Any, value: Any) -> Tensor:
    """A copy of `x` with `value` written into ``[index]``."""
    found: Tensor = indexing.index_put(x, value, index=_raw(index))
    return found


def send(x: Tensor, ns: Any) -> Tensor:
    """`x` on the device of another raw namespace."""
    found: Tensor = device.to_device(x, ns=ns)
    return found
