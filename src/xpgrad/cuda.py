"""CUDA devices: whether there are any, which is current, what they have in memory.

All of it asks the backend that serves ``"cuda"``. Where that cannot be used, `is_available` is
False, `device_count` 0, seeding and `empty_cache` do nothing (as in PyTorch), and everything else
raises a `DeviceError` that says what is missing.

Work is given to CuPy's current stream: ``with cupy.cuda.Stream(): ...`` chooses another. Backward
runs on the stream that is current when it is called.
"""

from __future__ import annotations

import threading
from typing import Any

from xpgrad.device import device as Device
from xpgrad.namespace import Namespace
from xpgrad.registry import Backend, backend_of, resolve

__all__ = [
    "current_device", "device", "device_count", "empty_cache", "get_device_name", "is_available",
    "manual_seed", "manual_seed_all", "max_memory_allocated", "memory_allocated",
    "reset_peak_memory_stats", "set_device", "synchronize",
]  # fmt: skip


def _index(where: Any) -> int | None:
    """The index in a device written in any way; `None` for the current one.

    Raises:
        ValueError: for a device of another type.
    """
    if where is None:
        return None
    found = Device(where)
    if found.type != "cuda":
        raise ValueError(f"Expected a cuda device, but got: {found}")
    return found.index


def _namespace(where: Any) -> Namespace:
    return resolve(Device("cuda", _index(where)))


def _usable() -> Backend:
    """The backend, once it is known that its devices can be used."""
    resolve("cuda")
    return backend_of("cuda")


def is_available() -> bool:
    """Whether there is a CUDA device that can be used.

    >>> import xpgrad as xg
    >>> xg.cuda.is_available() == (xg.cuda.device_count() > 0)
    True
    """
    return backend_of("cuda").unavailable() is None


def device_count() -> int:
    """How many CUDA devices there are; 0 where CUDA cannot be used."""
    return backend_of("cuda").device_count() if is_available() else 0


def current_device() -> int:
    """The index of the device that a bare ``"cuda"`` stands for.

    Raises:
        DeviceError: where CUDA cannot be used.
    """
    return _usable().current_index()


def set_device(device: Any) -> None:
    """Make a device the one that a bare ``"cuda"`` stands for in this thread.

    Raises:
        DeviceError: where CUDA cannot be used, or there is no such device.
    """
    index = _namespace(device).device.index
    if _index(device) is not None and index is not None:
        _usable().set_current(index)


class _Left(threading.local):
    def __init__(self) -> None:
        self.indices: list[int] = []


_left = _Left()  # the devices that this thread's `with` blocks have left, and go back to


class device:
    """A context in which a bare ``"cuda"`` stands for another device.

    Raises:
        DeviceError: on entry, where there is no such device.
    """

    def __init__(self, device: Any) -> None:
        self._where = Device("cuda", _index(device))

    def __enter__(self) -> None:
        before = current_device()
        set_device(self._where)
        _left.indices.append(before)

    def __exit__(self, *error: object) -> None:
        _usable().set_current(_left.indices.pop())


def get_device_name(device: Any = None) -> str:
    """What the device calls itself.

    Raises:
        DeviceError: where CUDA cannot be used, or there is no such device.
    """
    return backend_of("cuda").device_name(_namespace(device).device.index or 0)


def synchronize(device: Any = None) -> None:
    """Wait until a device (the current one) has done all work given to it.

    Raises:
        DeviceError: where CUDA cannot be used, or there is no such device.
    """
    _namespace(device).synchronize()


def memory_allocated(device: Any = None) -> int:
    """Bytes that arrays occupy on a device (the current one), rounded up as they are allocated.

    Raises:
        DeviceError: where CUDA cannot be used, or there is no such device.
    """
    return _namespace(device).memory_allocated()


def max_memory_allocated(device: Any = None) -> int:
    """The most bytes that arrays have occupied since `reset_peak_memory_stats`.

    Before the first reset in this thread nobody has watched, and this is what is held of the
    device, cached memory included: at least the peak.

    Raises:
        DeviceError: where CUDA cannot be used, or there is no such device.
    """
    return _namespace(device).max_memory_allocated()


def reset_peak_memory_stats(device: Any = None) -> None:
    """Begin to watch, or begin anew: allocations of this thread cost about a microsecond more.

    Raises:
        DeviceError: where CUDA cannot be used, or there is no such device.
    """
    _namespace(device).reset_peak_memory_stats()


def empty_cache() -> None:
    """Give memory that is cached but unused back to the device. Nothing without CUDA.

    >>> import xpgrad as xg
    >>> xg.cuda.empty_cache()
    """
    if is_available():
        for index in range(device_count()):
            _namespace(index).empty_cache()


def manual_seed(seed: int) -> None:
    """Start the current device's generator from `seed`. Nothing without CUDA.

    >>> import xpgrad as xg
    >>> xg.cuda.manual_seed(0)
    """
    if is_available():
        from xpgrad.random import default_generator

        default_generator("cuda").manual_seed(seed)


def manual_seed_all(seed: int) -> None:
    """Start the generators of all CUDA devices from `seed`. Nothing without CUDA."""
    from xpgrad.random import default_generator

    for index in range(device_count()):
        default_generator(Device("cuda", index)).manual_seed(seed)
