"""The differentiable ops as a namespace: what rules compute with under ``create_graph``."""

from __future__ import annotations

import functools
import importlib
from typing import Any

from xpgrad.namespace import CREATION, Namespace


class TensorNamespace:
    """`xpgrad.array_api` on one device, with the extras of a `Namespace`.

    A rule cannot tell it from the raw namespace: the same names, Tensors instead of arrays.
    """

    def __init__(self, raw: Namespace) -> None:
        self.raw = raw
        self.device = raw.device

    @staticmethod
    @functools.cache
    def of(raw: Namespace) -> TensorNamespace:
        """The one for a raw namespace."""
        return TensorNamespace(raw)

    def __getattr__(self, name: str) -> Any:
        # Resolved once and remembered. The door is imported late: it is built on the engine.
        door = importlib.import_module("xpgrad.array_api")
        extras = importlib.import_module("xpgrad.array_api.extras")
        if hasattr(extras, name):
            found = getattr(extras, name)
        elif name in CREATION:
            found = functools.partial(getattr(door, name), device=self.device)
        else:
            found = getattr(door, name)
        self.__dict__[name] = found
        return found

    def native(self, spec: Any) -> Any:
        """The dtype to hand to this namespace's functions: they take any spelling."""
        return spec
