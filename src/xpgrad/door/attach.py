"""How the door's functions become methods of `Tensor`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from xpgrad.tensor import Tensor

F = TypeVar("F", bound=Callable[..., Any])

METHODS: dict[str, Callable[..., Any]] = {}  # all that are attached; ci/stubs reads them
PROPERTIES: dict[str, Callable[..., Any]] = {}


def method(*names: str) -> Callable[[F], F]:
    """Attach a function as a method under its own name, or under `names`."""

    def attach(function: F) -> F:
        for name in names or (function.__name__,):
            METHODS[name] = function
            setattr(Tensor, name, function)
        return function

    return attach


def attribute(function: F) -> F:
    """Attach a function of one tensor as a read-only property."""
    name = function.__name__
    PROPERTIES[name] = function
    setattr(Tensor, name, property(function))
    return function
