"""The differentiable ops as a namespace: what rules compute with under ``create_graph``."""

from __future__ import annotations

import functools
import importlib
from typing import Any

from xpgrad import dtypes
from xpgrad.backward import tensor_namespace
from xpgrad.fused import Fused
from xpgrad.namespace import CREATION, Namespace
from xpgrad.tensor import Tensor, wrap


class TensorNamespace(Fused):
    """`xpgrad.array_api` on one device, with the extras of a `Namespace`.

    A rule cannot tell it from the raw namespace: the same names, Tensors instead of arrays.
    """

    array_type = Tensor
    guard = None  # the ops guard themselves
    mutable = False
    block = None

    def __init__(self, raw: Namespace) -> None:
        self.raw = raw
        self.device = raw.device
        self.quiet = raw.quiet
        if raw.depth:
            library = tensor_namespace(raw.base)
            self.natives, self.inexact = library.natives, library.inexact
            self.complexes = library.complexes
            return
        self.natives = {d: d for d in raw.natives}
        self.inexact = frozenset(d for d in raw.natives if d.is_differentiable)
        self.complexes = frozenset(d for d in raw.natives if d.is_complex)

    @staticmethod
    def of(raw: Namespace) -> TensorNamespace:
        """The one for a raw namespace."""
        found: TensorNamespace = tensor_namespace(raw)
        return found

    def __getattr__(self, name: str) -> Any:
        # Resolved once and remembered.
        if name in CREATION and self.raw.depth:
            found = functools.partial(self._create, getattr(self.raw, name))
        elif name in CREATION:
            found = functools.partial(function(name), device=self.device)
        else:
            found = function(name)
        self.__dict__[name] = found
        return found

    def _create(self, make: Any, *args: Any, dtype: Any = None, **kwargs: Any) -> Tensor:
        """New Tensors where the raw namespace is a transform's, which no device names."""
        raw = [a._data if isinstance(a, Tensor) else a for a in args]
        return wrap(make(*raw, dtype=dtype and self.raw.native(dtype), **kwargs), self.raw)

    def native(self, spec: Any) -> dtypes.dtype:
        """The dtype of this namespace's arrays for one written in any way."""
        found = dtypes.as_dtype(spec)
        self.raw.native(found)
        return found

    def wrap(self, value: Any) -> Tensor:
        """A Tensor around a raw array; a Tensor is itself."""
        return value if isinstance(value, Tensor) else wrap(self.raw.wrap(value), self.raw)

    def __repr__(self) -> str:
        return f"Tensors of {self.raw}"


_NOTHING = object()


@functools.cache
def function(name: str) -> Any:
    """What the standard's door, or the extras on Tensors, have of a name.

    Raises:
        AttributeError: where neither has it.
    """
    # Imported late: the door is built on the engine.
    for module in ("xpgrad.array_api.extras", "xpgrad.array_api"):
        found = getattr(importlib.import_module(module), name, _NOTHING)
        if found is not _NOTHING:
            return found
    raise AttributeError(f"Tensors have no {name!r}: the standard and the extras are here")
