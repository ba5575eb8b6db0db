"""Pairs of results with names, such as ``values`` and ``indices``; exported as ``return_types``."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeVar

from xpgrad.tensor import Tensor

Result = TypeVar("Result", bound=type)


def _repr(self: Any) -> str:
    fields = ",\n".join(f"{name}={getattr(self, name)!r}" for name in self._fields)
    return f"xpgrad.return_types.{type(self).__name__}(\n{fields})"


def _printed(cls: Result) -> Result:
    """Print as PyTorch does: a field a line."""
    setattr(cls, "__repr__", _repr)  # noqa: B010 - a NamedTuple's body takes no such line
    return cls


@_printed
class max(NamedTuple):
    """What ``max(dim)`` returns."""

    values: Tensor
    indices: Tensor


@_printed
class min(NamedTuple):
    """What ``min(dim)`` returns."""

    values: Tensor
    indices: Tensor


@_printed
class median(NamedTuple):
    """What ``median(dim)`` returns."""

    values: Tensor
    indices: Tensor


@_printed
class kthvalue(NamedTuple):
    """What ``kthvalue`` returns."""

    values: Tensor
    indices: Tensor


@_printed
class sort(NamedTuple):
    """What ``sort`` returns."""

    values: Tensor
    indices: Tensor


@_printed
class topk(NamedTuple):
    """What ``topk`` returns."""

    values: Tensor
    indices: Tensor


@_printed
class aminmax(NamedTuple):
    """What ``aminmax`` returns."""

    min: Tensor
    max: Tensor
