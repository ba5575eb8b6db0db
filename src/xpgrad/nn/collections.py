"""Modules that hold parameters: as a list, or by name."""

from __future__ import annotations

import operator
from collections import OrderedDict
from collections.abc import Iterable, Iterator, KeysView, Mapping
from typing import Any, NoReturn, Self

from xpgrad.nn.module import Module
from xpgrad.nn.parameter import Parameter, typename
from xpgrad.tensor import Tensor

__all__ = ["ParameterDict", "ParameterList"]


class _Holder(Module):
    """Values that are attributes of this module, tensors made parameters; to look at, not call."""

    def _hold(self, name: str, value: Any) -> None:
        if isinstance(value, Tensor) and not isinstance(value, Parameter):
            value = Parameter(value)
        setattr(self, name, value)

    def forward(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raise: this is not a function."""
        raise RuntimeError(f"{type(self).__name__} should not be called.")

    def _lines(self, values: Iterable[tuple[Any, Any]], detailed: bool) -> str:
        lines = []
        for name, value in values:
            text = f"Object of type: {type(value).__name__}"
            if isinstance(value, Tensor):
                kind = "Parameter" if isinstance(value, Parameter) else "Tensor"
                size = "x".join(map(str, value.shape))
                where = "" if str(value.device) == "cpu" else f" ({value.device})"
                what = typename(value) if detailed else value.dtype
                text = f"{kind} containing: [{what} of size {size}{where}]"
            lines.append(f"  ({name}): {text}")
        return "\n".join(lines)


class ParameterList(_Holder):
    """A list of parameters that are found. Tensors become parameters; other values are kept.

    >>> import xpgrad as xg
    >>> scales = xg.nn.ParameterList(xg.ones(2) for _ in range(3))
    >>> len(scales), sum(p.numel() for p in scales.parameters())
    (3, 6)
    """

    def __init__(self, values: Iterable[Any] | None = None) -> None:
        super().__init__()
        self._size = 0
        if values is not None:
            self.extend(values)

    def _key(self, index: Any) -> str:
        place = operator.index(index)
        if not -self._size <= place < self._size:
            raise IndexError(f"index {place} is out of range")
        return str(place % self._size)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return type(self)([self[i] for i in range(*index.indices(self._size))])
        return getattr(self, self._key(index))

    def __setitem__(self, index: int, value: Any) -> None:
        self._hold(self._key(index), value)

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(self._size))

    def __iadd__(self, values: Iterable[Any]) -> Self:
        return self.extend(values)

    def append(self, value: Any) -> Self:
        """Add a value at the end."""
        self._hold(str(self._size), value)
        self._size += 1
        return self

    def extend(self, values: Iterable[Any]) -> Self:
        """Add values at the end.

        Raises:
            TypeError: for a tensor, which is one value, and for what is not iterable.
        """
        if not isinstance(values, Iterable) or isinstance(values, Tensor):
            raise TypeError(
                "ParameterList.extend should be called with an iterable, but got "
                f"{type(values).__name__}"
            )
        for value in list(values):
            self.append(value)
        return self

    def extra_repr(self) -> str:
        return self._lines(enumerate(self), detailed=False)


class ParameterDict(_Holder):
    """Parameters by name, which are found. Tensors become parameters; other values are kept.

    >>> import xpgrad as xg
    >>> priors = xg.nn.ParameterDict({"mean": xg.zeros(2), "spread": xg.ones(2)})
    >>> priors["spread"].requires_grad, [name for name, _ in priors.named_parameters()]
    (True, ['mean', 'spread'])
    """

    def __init__(self, parameters: Any = None) -> None:
        super().__init__()
        self._keys: dict[str, None] = {}
        if parameters is not None:
            self.update(parameters)

    def _key(self, name: Any) -> str:
        if not isinstance(name, str):
            raise TypeError(
                "Index given to ParameterDict cannot be used as a key as it is not a string (type "
                f"is '{type(name).__name__}')."
            )
        return name

    def __getitem__(self, name: str) -> Any:
        return getattr(self, self._key(name))

    def __setitem__(self, name: str, value: Any) -> None:
        self._hold(self._key(name), value)
        self._keys[name] = None

    def __delitem__(self, name: str) -> None:
        del self._keys[name]
        delattr(self, name)

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __reversed__(self) -> Iterator[str]:
        return reversed(list(self._keys))

    def __contains__(self, name: str) -> bool:
        return name in self._keys

    def __or__(self, other: ParameterDict) -> ParameterDict:
        return self.copy().__ior__(other)

    def __ror__(self, other: ParameterDict) -> ParameterDict:
        return other.copy().__ior__(self)

    def __ior__(self, other: ParameterDict) -> Self:
        self.update(other)
        return self

    def keys(self) -> KeysView[str]:
        """The names."""
        return self._keys.keys()

    def values(self) -> Iterable[Any]:
        """The values."""
        return (self[name] for name in self._keys)

    def items(self) -> Iterable[tuple[str, Any]]:
        """Names and values."""
        return ((name, self[name]) for name in self._keys)

    def get(self, name: str, default: Any = None) -> Any:
        """The value of a name, or `default`."""
        return self[name] if name in self._keys else default

    def setdefault(self, name: str, default: Any = None) -> Any:
        """The value of a name, which is `default` from now on if there was none."""
        if name not in self:
            self[name] = default
        return self[name]

    def pop(self, name: str) -> Any:
        """Remove a value and return it."""
        value = self[name]
        del self[name]
        return value

    def popitem(self) -> tuple[str, Any]:
        """Remove the name that came last and return it with its value."""
        name, _ = self._keys.popitem()
        self._keys[name] = None
        return name, self.pop(name)

    def clear(self) -> None:
        """Remove all values."""
        for name in list(self._keys):
            del self[name]

    def copy(self) -> ParameterDict:
        """Another dict of the same parameters."""
        return ParameterDict(OrderedDict(self.items()))

    def fromkeys(self, keys: Iterable[str], default: Any = None) -> ParameterDict:
        """A dict of these names, all with the same value."""
        return ParameterDict(dict.fromkeys(keys, default))

    def update(self, parameters: Any) -> None:
        """Add values, by name or in pairs, replacing those of the same name.

        Raises:
            TypeError, ValueError: for anything else.
        """
        if isinstance(parameters, (OrderedDict, ParameterDict)):
            parameters = parameters.items()
        elif isinstance(parameters, Mapping):  # in order of the names, as in PyTorch
            parameters = sorted(parameters.items())
        elif not isinstance(parameters, Iterable):
            raise TypeError(
                "ParametersDict.update should be called with an iterable of key/value pairs, but "
                f"got {type(parameters).__name__}"
            )
        for i, pair in enumerate(list(parameters)):
            if len(pair) != 2:
                raise ValueError(
                    f"ParameterDict update sequence element #{i} has length {len(pair)}; 2 is "
                    "required"
                )
            self[pair[0]] = pair[1]

    def extra_repr(self) -> str:
        return self._lines(self.items(), detailed=True)
