"""Pairs of results with names, such as ``values`` and ``indices``; exported as ``return_types``."""

from __future__ import annotations

from typing import Any, NamedTuple

from xpgrad.tensor import Tensor


def _repr(self: Any) -> str:
    fields = ",\n".join(f"{name}={getattr(self, name)!r}" for name in self._fields)
    return f"xpgrad.return_types.{type(self).__name__}(\n{fields})"


class max(NamedTuple):
    """What ``max(dim)`` returns."""

    values: Tensor
    indices: Tensor
    __repr__ = _repr


class min(NamedTuple):
    """What ``min(dim)`` returns."""

    values: Tensor
    indices: Tensor
    __repr__ = _repr


class median(NamedTuple):
    """What ``median(dim)`` returns."""

    values: Tensor
    indices: Tensor
    __repr__ = _repr


class kthvalue(NamedTuple):
    """What ``kthvalue`` returns."""

    values: Tensor
    indices: Tensor
    __repr__ = _repr


class sort(NamedTuple):
    """What ``sort`` returns."""

    values: Tensor
    indices: Tensor
    __repr__ = _repr


class topk(NamedTuple):
    """What ``topk`` returns."""

    values: Tensor
    indices: Tensor
    __repr__ = _repr


class aminmax(NamedTuple):
    """What ``aminmax`` returns."""

    min: Tensor
    max: Tensor
    __repr__ = _repr
