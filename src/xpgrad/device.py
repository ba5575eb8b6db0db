"""Devices: where a tensor lives, and the context that says where new ones go."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Any

from xpgrad.errors import DeviceError


class device:
    """A device, such as ``device("cpu")``, ``device("cuda")`` or ``device("cuda", 1)``.

    Usable as a context: tensors made inside it without ``device=`` go there.

    Raises:
        DeviceError: for a malformed name. Whether the device exists is checked when it is used.

    >>> import xpgrad as xg
    >>> xg.device("cuda:1").type, xg.device("cuda:1").index
    ('cuda', 1)
    >>> with xg.device("cpu"):
    ...     xg.ones(2).device
    device(type='cpu')
    """

    __slots__ = ("_entered", "index", "type")

    type: str
    index: int | None

    def __init__(self, type: str | device, index: int | None = None) -> None:
        if isinstance(type, device):
            type, index = type.type, type.index if index is None else index
        if not isinstance(type, str):
            raise DeviceError(f"a device is written 'cpu', 'cuda' or 'cuda:1', got {type!r}")
        name, colon, number = type.partition(":")
        if colon:
            if index is not None or not number.isdecimal():
                raise DeviceError(f"Invalid device string: {type!r}")
            index = int(number)
        if not name.isidentifier():
            raise DeviceError(f"Invalid device string: {type!r}")
        if index is not None and index < 0:
            raise DeviceError(f"a device index is not negative, got {index}")
        self.type = name
        self.index = index
        self._entered: list[device | None] = []

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, device):
            return NotImplemented
        return self.type == other.type and self.index == other.index

    def __hash__(self) -> int:
        return hash((self.type, self.index))

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __repr__(self) -> str:
        where = "" if self.index is None else f", index={self.index}"
        return f"device(type={self.type!r}{where})"

    def __reduce__(self) -> tuple[Any, ...]:
        return (device, (self.type, self.index))

    def __enter__(self) -> device:
        self._entered.append(_context.device)
        _context.device = self
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _context.device = self._entered.pop()


class _Context(threading.local):
    device: device | None = None  # of the innermost `with`, thread-local


_context = _Context()
_default = device("cpu")


def get_default_device() -> device:
    """The device of new tensors: the innermost ``with xg.device(...)``, or the default."""
    return _context.device or _default


def set_default_device(where: str | device | None) -> None:
    """Set the device of new tensors for the whole process (``None`` means the CPU)."""
    global _default
    _default = device("cpu" if where is None else where)
