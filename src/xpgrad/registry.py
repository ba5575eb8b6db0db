"""Backends: who owns which device, found through the entry points ``xpgrad.backends``.

The name of an entry point is the device type it serves (``cpu``, ``cuda``, ...), and it leads to a
`Backend`. Nothing is imported until a device of that type is asked for or an array of unknown
type turns up.
"""

from __future__ import annotations

import functools
import importlib.metadata
import threading

from xpgrad.device import device, get_default_device
from xpgrad.errors import DeviceError
from xpgrad.namespace import Array, Namespace


class Backend:
    """One array library and the devices it computes on. Subclass it, then `register` it.

    Attributes:
        device_type: what a device of this backend is called, such as ``"cuda"``.
        library: the import name of the array library, such as ``"cupy"``; an array belongs to
            this backend if its type is defined there.
        indexed: whether a device prints its index (``cuda:0``) or not (``cpu``).
    """

    device_type: str
    library: str
    indexed: bool = True

    def unavailable(self) -> str | None:
        """Why no device can be used, and what to do about it; `None` if all is well."""
        return None

    def device_count(self) -> int:
        """How many devices there are."""
        return 1

    def current_index(self) -> int:
        """The index that a bare device type stands for."""
        return 0

    def index_of(self, array: Array) -> int:
        """The index of the device that holds `array`."""
        return 0

    def namespace(self, where: device) -> Namespace:
        """A new namespace for a device whose index has been checked."""
        raise NotImplementedError


_backends: dict[str, Backend] = {}
_namespaces: dict[device, Namespace] = {}
_lock = threading.RLock()


def register(backend: Backend) -> None:
    """Add a backend, or replace the one that serves its device type."""
    with _lock:
        _backends[backend.device_type] = backend
        for where in [w for w in _namespaces if w.type == backend.device_type]:
            del _namespaces[where]


@functools.cache
def _entry_points() -> dict[str, importlib.metadata.EntryPoint]:
    return {e.name: e for e in importlib.metadata.entry_points(group="xpgrad.backends")}


def device_types() -> list[str]:
    """The device types that some backend serves, installed libraries or not."""
    return sorted(_entry_points().keys() | _backends.keys())


def backend_of(device_type: str) -> Backend:
    """The backend that serves a device type.

    Raises:
        DeviceError: where none is registered.
    """
    found = _backends.get(device_type)
    if found is None:
        entry = _entry_points().get(device_type)
        if entry is None:
            known = ", ".join(repr(t) for t in device_types()) or "none (is xpgrad installed?)"
            raise DeviceError(
                f"unknown device type {device_type!r}; registered device types: {known}. "
                f"A backend for another library is added with xpgrad.register_backend"
            )
        with _lock:
            found = _backends.setdefault(device_type, entry.load())
    return found


def resolve(spec: str | int | device | None = None) -> Namespace:
    """The namespace of a device written in any way; `None` means the default device.

    Raises:
        DeviceError: unknown device type, missing library or driver, index out of range.
    """
    if isinstance(spec, int) and not isinstance(spec, bool):
        spec = device("cuda", spec)  # PyTorch reads a bare number as an accelerator
    where = get_default_device() if spec is None else device(spec)
    found = _namespaces.get(where)
    return found if found is not None else _open(where)


def _open(where: device) -> Namespace:
    backend = backend_of(where.type)
    reason = backend.unavailable()
    if reason is not None:
        raise DeviceError(f"device {str(where)!r} cannot be used: {reason}")
    count = backend.device_count()
    index = backend.current_index() if where.index is None else where.index
    if index >= count:
        plural = "device" if count == 1 else "devices"
        raise DeviceError(
            f"device {str(where)!r} does not exist: there are {count} {where.type} {plural}, "
            f"numbered from 0"
        )
    canonical = device(where.type, index if backend.indexed else None)
    with _lock:
        found = _namespaces.get(canonical)
        if found is None:
            found = _namespaces[canonical] = backend.namespace(canonical)
        if where.index is not None:
            # A bare "cuda" is the current device, which may change: never remembered.
            _namespaces[where] = found
    return found


def namespace_of(array: Array) -> Namespace | None:
    """The namespace of the device that holds an array, or `None` for what is no array."""
    library = type(array).__module__.partition(".")[0]
    backend = _library_backend(library)
    if backend is None or not hasattr(array, "shape"):
        return None
    return resolve(device(backend.device_type, backend.index_of(array) if backend.indexed else None))


def _library_backend(library: str) -> Backend | None:
    for backend in tuple(_backends.values()):
        if backend.library == library:
            return backend
    # The entry points name device types; the library is known once its (small) module is loaded.
    for device_type in _entry_points():
        if device_type not in _backends and backend_of(device_type).library == library:
            return _backends[device_type]
    return None
