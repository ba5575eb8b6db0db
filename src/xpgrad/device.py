"""Devices: where a tensor lives, and the context that says where new ones go."""

from __future__ import annotations

import operator
import re
import threading
from contextvars import ContextVar
from types import TracebackType
from typing import Any

from xpgrad.errors import DeviceError

_WRITTEN = re.compile(r"([A-Za-z_]\w*)(?::(0|[1-9][0-9]*))?", re.ASCII)


class device:
    """A device, such as ``device("cpu")``, ``device("cuda")`` or ``device("cuda", 1)``.

    Usable as a context: tensors made inside it without ``device=`` go there. Equal devices compare
    and hash equal; ``"cuda"`` (the current one) is not ``"cuda:0"``. Another library's device is
    read by its ``type`` and ``index``; a bare number is an index of ``"cuda"``.

    Raises:
        DeviceError: for a malformed name. Whether the device exists is checked when it is used.
        TypeError: for what names no device.

    >>> import xpgrad as xg
    >>> xg.device("cuda:1").type, xg.device("cuda:1").index
    ('cuda', 1)
    >>> with xg.device("cpu"):
    ...     xg.ones(2).device
    device(type='cpu')
    """

    __slots__ = ("index", "type")

    type: str
    index: int | None

    def __init__(self, type: Any, index: int | None = None) -> None:
        given = type
        if isinstance(given, int) and not isinstance(given, bool) and index is None:
            type, index = "cuda", given
        elif not isinstance(given, str) and isinstance(getattr(given, "type", None), str):
            type = given.type
            index = getattr(given, "index", None) if index is None else index
        if not isinstance(type, str):
            raise TypeError(
                "device(): a device is written 'cpu', 'cuda' or 'cuda:1', not "
                f"{given.__class__.__name__}"
            )
        if not type:
            raise DeviceError("Device string must not be empty")
        found = _WRITTEN.fullmatch(type)
        if found is None:
            raise DeviceError(f"Invalid device string: {type!r}")
        name, number = found.groups()
        if number is not None:
            if index is not None:
                raise DeviceError(
                    "type (string) must not include an index because index was passed explicitly: "
                    f"{type}"
                )
            index = int(number)
        elif index is not None:
            if isinstance(index, bool) or not hasattr(index, "__index__"):
                raise TypeError(
                    "device(): argument 'index' (position 2) must be int, not "
                    f"{index.__class__.__name__}"
                )
            index = operator.index(index)
            if index < 0:
                raise DeviceError(f"Device index must not be negative, got {index}")
        object.__setattr__(self, "type", name)
        object.__setattr__(self, "index", index)

    def __setattr__(self, name: str, value: Any = None) -> None:
        # Devices are keys of dictionaries, and shared between threads.
        raise AttributeError(f"attribute {name!r} of 'xpgrad.device' objects is not writable")

    __delattr__ = __setattr__

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
        # Nothing is kept on the object: threads and tasks may enter the same one at once.
        _entered.set((self, _entered.get()))
        return self

    def __exit__(
        self,
        kind: Any,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        before = _entered.get()
        _entered.set(before and before[1])


class _Default(threading.local):
    device: device | None = None


_default = _Default()
_CPU = device("cpu")

# The `with` blocks that are open here, innermost first: (device, those around it). Each thread has
# its own, and so has each task of asyncio.
_Entered = tuple[device, Any] | None
_entered: ContextVar[_Entered] = ContextVar("xpgrad.device", default=None)


def wanted_device() -> device:
    """Where new tensors go, as the user wrote it: perhaps without an index."""
    inner = _entered.get()
    return inner[0] if inner is not None else _default.device or _CPU


def get_default_device() -> device:
    """The device of new tensors: the innermost ``with xg.device(...)``, or the default.

    Raises:
        DeviceError: where it cannot be used.

    >>> import xpgrad as xg
    >>> xg.get_default_device()
    device(type='cpu')
    """
    from xpgrad.registry import resolve

    return resolve().device


def set_default_device(where: Any) -> None:
    """Set the device of this thread's new tensors; `None` means the CPU.

    ``with xg.device(...)`` goes before it, and ``device=`` before both.

    Raises:
        DeviceError: for a malformed name. Whether the device exists is checked when it is used.

    >>> import xpgrad as xg
    >>> xg.set_default_device("cpu")
    """
    _default.device = None if where is None else device(where)
