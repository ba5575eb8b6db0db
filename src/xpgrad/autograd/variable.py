"""Variable: what tensors with gradients were called once."""

from __future__ import annotations

import warnings
from typing import Any

from xpgrad.registry import resolve
from xpgrad.tensor import Tensor, wrap

__all__ = ["Variable"]


class _Kind(type):
    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, Tensor)


class Variable(metaclass=_Kind):
    """A tensor of the same memory as `data`, without its history. Every tensor is an instance.

    For code of old; ``data.detach()`` says the same.

    Raises:
        TypeError: where `data` is no tensor.

    >>> import xpgrad as xg
    >>> xg.autograd.Variable(xg.ones(2), requires_grad=True)
    tensor([1., 1.], requires_grad=True)
    """

    def __new__(
        cls, data: Tensor | None = None, requires_grad: bool = False, volatile: Any = None
    ) -> Any:
        """A plain tensor."""
        if data is None:
            ns = resolve()
            data = wrap(ns.zeros((0,), dtype=ns.native(float)), ns)
        if not isinstance(data, Tensor):
            raise TypeError(f"Variable data has to be a tensor, but got {type(data).__name__}")
        if volatile is not None:
            warnings.warn(
                "volatile was removed and now has no effect. Use `with xpgrad.no_grad():` instead.",
                UserWarning,
                stacklevel=2,
            )
        made = data.detach()
        made.requires_grad = requires_grad
        return made
