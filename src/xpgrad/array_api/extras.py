"""The extras of `xpgrad.namespace`, on Tensors: differentiable, so that rules of rules work."""

from __future__ import annotations

from typing import Any

from xpgrad.ops import indexing
from xpgrad.tensor import Tensor


def getitem(x: Tensor, index: Any) -> Tensor:
    """``x[index]``; arrays in the index are raw."""
    return indexing.getitem(x, index=index)


def index_add(like: Any, index: Any, values: Tensor) -> Tensor:
    """Zeros shaped like `like` with `values` added at ``[index]``."""
    return indexing.index_add(values, shape=tuple(like.shape), index=index)
