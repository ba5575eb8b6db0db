"""Parameter: a tensor that a module trains."""

from __future__ import annotations

from typing import Any

from xpgrad.tensor import Tensor, wrap
from xpgrad.views import link_alias


class Parameter(Tensor):
    """A leaf tensor that becomes a parameter of the module it is assigned to.

    It shares the memory of `data` (which must be floating-point or complex to require a gradient)
    and nothing of its history. ``Parameter()`` is empty.

    Raises:
        TypeError: where `data` is no tensor.
        DTypeError: for integers, unless ``requires_grad=False``.

    >>> import xpgrad as xg
    >>> xg.nn.Parameter(xg.ones(2))
    Parameter containing:
    tensor([1., 1.], requires_grad=True)
    """

    def __init__(self, data: Tensor | None = None, requires_grad: bool = True) -> None:
        if data is None:
            from xpgrad.registry import resolve

            ns = resolve()
            data = wrap(ns.zeros((0,), dtype=ns.native(float)), ns)
        elif not isinstance(data, Tensor):
            raise TypeError(
                f"a Parameter is made of a Tensor, got {type(data).__name__}; xpgrad.tensor(data) "
                "makes one"
            )
        self._data, self._ns, self._node = data._data, data._ns, None
        data._counter().share(self)  # one memory, one version counter, as with detach()
        if data._inference:
            self._inference = True
        if not data._ns.mutable:
            link_alias(self, data)
        if requires_grad:
            self.requires_grad = True

    def __deepcopy__(self, memo: dict[int, Any]) -> Parameter:
        if id(self) not in memo:  # as in PyTorch, the copy starts without a gradient
            copied = wrap(self._ns.copy(self._data), self._ns)
            memo[id(self)] = type(self)(copied, self.requires_grad)
        found: Parameter = memo[id(self)]
        return found

    def __repr__(self) -> str:
        return f"Parameter containing:\n{super().__repr__()}"

    __str__ = __repr__


class _Marked(type):
    """The type of `Buffer`: an instance is a tensor that says so."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, Tensor) and hasattr(instance, "persistent")


class Buffer(Tensor, metaclass=_Marked):
    """A tensor that becomes a buffer of the module it is assigned to: moved and saved with it.

    It shares the memory of `data` and nothing of its history; unless `persistent`, ``state_dict``
    leaves it out. ``Buffer()`` is empty.

    >>> import xpgrad as xg
    >>> layer = xg.nn.Identity()
    >>> layer.mean = xg.nn.Buffer(xg.zeros(2))
    >>> layer.state_dict()["mean"]
    tensor([0., 0.])
    """

    persistent: bool

    def __new__(cls, data: Tensor | None = None, *, persistent: bool = True) -> Any:
        """A plain tensor, marked."""
        made: Any = Parameter(data, requires_grad=False).detach()
        if data is not None and data.requires_grad:
            made.requires_grad = True
        made.persistent = persistent
        return made


def typename(value: Any) -> str:
    """What PyTorch calls the type of a value in its messages: ``xpgrad.FloatTensor``, ``int``."""
    if isinstance(value, Tensor):
        return f"xpgrad.{value.dtype.torch_name}Tensor"
    kind = type(value)
    prefix = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    return prefix + kind.__qualname__
