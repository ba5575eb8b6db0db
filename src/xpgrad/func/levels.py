"""Transforms as namespaces: a library wrapped in a level, and its arrays in what the level adds.

``vmap`` and ``jvp`` each open a `Level`. Within it a Tensor's array may be a `Wrapped`: a Tensor of
the level below together with what the transform keeps about it (a batch dimension, a tangent). Its
namespace, a `WrappedNamespace`, runs an op by running ops on the Tensors below. So transforms nest
in any order: what is below may be wrapped again, and may have a history of its own, while the
Tensors above are recorded, differentiated and written to like any others.

    Tensor ── Dual ──▶ Tensor ── Batched ──▶ Tensor ── array      jvp within vmap

Tensors from outside of a level are lifted into it when they meet one of its own.
"""

from __future__ import annotations

import weakref
from collections.abc import MutableMapping
from types import TracebackType
from typing import TYPE_CHECKING, ClassVar, Self

from xpgrad.mode import mode

if TYPE_CHECKING:
    from xpgrad.func.wrapped import WrappedNamespace
    from xpgrad.namespace import Namespace
    from xpgrad.tensor import Tensor


class Level:
    """One transform at work, as a context. What it wraps a library in is a `WrappedNamespace`."""

    kind: ClassVar[str]
    namespace: ClassVar[type[WrappedNamespace]]

    def __init__(self) -> None:
        self.outer: Level | None = mode.level
        self.depth: int = 1 if self.outer is None else self.outer.depth + 1
        # Whether ops below are recorded, where that is not what they are in here: a transform
        # that differentiates inside switches grad mode for its own Tensors alone.
        self.recording_below: bool | None = None
        self.ended = False
        self._namespaces: MutableMapping[Namespace, WrappedNamespace] = {}

    def over(self, base: Namespace) -> WrappedNamespace:
        """The namespace of this level, and of all outer ones, on a library."""
        found = self._namespaces.get(base)
        if found is None:
            below = base if self.outer is None else self.outer.over(base)
            found = self._namespaces[base] = self.namespace(self, base, below)
        return found

    def inside(self, base: Namespace) -> Namespace:
        """The namespace on a library of what is made while this level is the innermost."""
        return self.over(base)

    def below(self, t: Tensor) -> Tensor:
        """A Tensor from anywhere outside, as one of the level just below."""
        if t._ns.ended:
            t._ns.settle(t)
        return t if self.outer is None else self.outer.over(t._ns.base).lift(t)

    def lowered(self) -> Lowered:
        """A context: what runs inside runs below this level."""
        return Lowered(self)

    def freeze(self, recording: bool) -> Level | None:
        """Hold on to what is recorded below while grad mode changes; `self` if that is news."""
        if self.recording_below is not None:
            return None
        self.recording_below = recording
        return self

    def mute(self) -> list[Level]:
        """Record nothing below, however deep; the levels where something was."""
        found: list[Level] = []
        level: Level | None = self
        while level is not None:
            if level.recording_below:
                level.recording_below = False
                found.append(level)
            level = level.outer
        return found

    def __enter__(self) -> Self:
        mode.level = self
        mode.transforms += 1
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        mode.level = self.outer
        mode.transforms -= 1
        self.ended = True
        for ns in self._namespaces.values():  # a cycle less for the garbage collector
            ns.tensors = None
        # Weakly: who still has something of this level may go on with it.
        self._namespaces = weakref.WeakValueDictionary(self._namespaces)


class Lowered:
    """The context in which ops run below a level."""

    __slots__ = ("level", "recording", "within")

    def __init__(self, level: Level) -> None:
        self.level = level

    def __enter__(self) -> None:
        level = self.level
        self.recording, self.within = mode.grad, mode.level
        if level.recording_below is not None:
            mode.grad = level.recording_below
        mode.level = level.outer

    def __exit__(self, *error: object) -> None:
        mode.grad, mode.level = self.recording, self.within
