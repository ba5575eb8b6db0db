"""Backends: who owns which device, found through the entry points ``xpgrad.backends``.

The name of an entry point is the device type it serves (``cpu``, ``cuda``, ...), and it leads to a
`Backend`. Nothing is imported until a device of that type is asked for or an array of unknown
type turns up. A backend that fails takes no other device with it.
"""

from __future__ import annotations

import functools
import threading
from typing import TYPE_CHECKING, Any

from xpgrad.device import device, wanted_device
from xpgrad.errors import DeviceError
from xpgrad.mode import mode
from xpgrad.namespace import Array, Namespace

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "xpgrad.backends"


class Backend:
    """One array library and the devices it computes on. Subclass it, then `register_backend` it.

    Attributes:
        device_type: what a device of this backend is called, such as ``"cuda"``.
        library: the import name of the array library, such as ``"cupy"``; an array belongs to
            this backend if its type is defined there. `None` where arrays that users bring are
            never this backend's.
        indexed: whether a device prints its index (``cuda:0``) or not (``cpu``).
    """

    device_type: str
    library: str | None = None
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

    def set_current(self, index: int) -> None:
        """Make another device the one that a bare device type stands for."""
        raise DeviceError(f"{self.device_type} has no current device to set")

    def device_name(self, index: int) -> str:
        """What the device calls itself, such as its model."""
        return f"{self.device_type}:{index}"

    def index_of(self, array: Array) -> int:
        """The index of the device that holds `array`."""
        return 0

    def namespace(self, where: device) -> Namespace:
        """A new namespace for a device whose index has been checked."""
        raise NotImplementedError


_backends: dict[str, Backend] = {}
_failed: dict[str, DeviceError] = {}  # entry points that could not be loaded, by device type
_namespaces: dict[device | str, Namespace] = {}  # under every spelling that was resolved
_lock = threading.RLock()


def register_backend(backend: Backend) -> None:
    """Add a backend, or replace the one that serves its device type.

    Replace one before making tensors on its device: tensors keep the namespace that made them.

    Raises:
        TypeError: for what is no `Backend`, or has no usable ``device_type``.

    See ``backends/README.md`` for an example.
    """
    name = getattr(backend, "device_type", None)
    if not isinstance(backend, Backend) or not isinstance(name, str) or not name.isidentifier():
        raise TypeError(
            "register_backend() takes an instance of a subclass of xpgrad.Backend whose "
            f"device_type is a name such as 'cuda', not {backend!r}"
        )
    with _lock:
        _backends[name] = backend
        _failed.pop(name, None)
        for spelling in [s for s, ns in _namespaces.items() if ns.device.type == name]:
            del _namespaces[spelling]


@functools.cache
def _entry_points() -> dict[str, EntryPoint]:
    import importlib.metadata  # when the first tensor is made: it costs more than the rest here

    found: dict[str, EntryPoint] = {}
    for entry in importlib.metadata.entry_points(group=GROUP):
        # Where two packages serve one device type, xpgrad's own goes first: whoever wants to
        # replace it says so with `register_backend`.
        if entry.name not in found or entry.value.startswith("xpgrad_backends."):
            found[entry.name] = entry
    return found


def device_types() -> list[str]:
    """The device types that some backend serves, installed libraries or not.

    >>> import xpgrad as xg
    >>> "cpu" in xg.device_types()
    True
    """
    return sorted(_entry_points().keys() | _backends.keys())


def backend_of(device_type: str) -> Backend:
    """The backend that serves a device type.

    Raises:
        DeviceError: where none is registered, or its entry point cannot be loaded.
    """
    found = _backends.get(device_type)
    if found is not None:
        return found
    if device_type in _failed:
        raise _failed[device_type]
    entry = _entry_points().get(device_type)
    if entry is None:
        known = ", ".join(device_types()) or "none (is xpgrad installed?)"
        raise DeviceError(
            f"Expected one of {known} device type at start of device string: {device_type}. "
            "A backend for another library is added with xpgrad.register_backend"
        )
    with _lock:
        if device_type not in _backends:
            _backends[device_type] = _load(device_type, entry)
        return _backends[device_type]


def _load(device_type: str, entry: EntryPoint) -> Backend:
    where = f"the entry point {entry.name} = {entry.value!r}"
    if entry.dist is not None:
        where += f" of {entry.dist.name} {entry.dist.version}"
    cause: Exception | None = None
    try:
        backend = entry.load()
    except Exception as error:
        problem = f"{where} cannot be loaded: {type(error).__name__}: {error}"
        cause = error
    else:
        if isinstance(backend, Backend) and backend.device_type == device_type:
            return backend
        problem = f"{where} is not an xpgrad.Backend for {device_type!r}, but {backend!r}"
    # Remembered: importing what is broken again and again would slow down everything else.
    _failed[device_type] = DeviceError(f"device {device_type!r} cannot be used: {problem}")
    raise _failed[device_type] from cause


def resolve(spec: Any = None) -> Namespace:
    """The namespace of a device written in any way; `None` means the default device.

    Raises:
        DeviceError: unknown device type, missing library or driver, index out of range.
        TypeError: for what names no device.
    """
    if spec is None:
        spec = wanted_device()
    if type(spec) is str or type(spec) is device:
        found = _namespaces.get(spec)
        if found is not None:
            return found
    return _open(device(spec))


def within(spec: Any = None) -> Namespace:
    """The namespace for what is made on a device now: within a transform, it is the transform's."""
    ns = resolve(spec)
    return ns if mode.level is None else mode.level.inside(ns)


def _open(where: device) -> Namespace:
    backend = backend_of(where.type)
    try:
        reason = backend.unavailable()
        count = backend.device_count() if reason is None else 0
        index = where.index
        if index is None and reason is None:
            index = backend.current_index()
    except DeviceError:
        raise
    except Exception as error:
        raise DeviceError(f"device {str(where)!r} cannot be used: {error!r}") from error
    if reason is not None:
        raise DeviceError(f"device {str(where)!r} cannot be used: {reason}")
    if index is None or index >= count:
        there = f"are {count} {where.type} devices, numbered from 0" if count != 1 else (
            f"is one {where.type} device, " + (f"{where.type}:0" if backend.indexed else where.type)
        )  # fmt: skip
        raise DeviceError(f"device {str(where)!r} does not exist: there {there}")
    canonical = device(where.type, index if backend.indexed else None)
    with _lock:
        found = _namespaces.get(canonical)
        if found is None:
            try:
                found = backend.namespace(canonical)
            except Exception as error:
                raise DeviceError(f"device {str(where)!r} cannot be used: {error!r}") from error
            _namespaces[canonical] = _namespaces[str(canonical)] = found
        # A bare "cuda" is the current device, which may change where there are several.
        if where.index is not None or count == 1:
            _namespaces[where] = _namespaces[str(where)] = found
    return found


def namespace_of(array: Array) -> Namespace | None:
    """The namespace of the device that holds an array, or `None` for what is no array.

    Raises:
        DeviceError: where the array's library is known and its device cannot be used.
    """
    if not hasattr(array, "shape"):
        return None
    owner = getattr(array, "ns", None)  # what a transform makes of an array knows it
    if isinstance(owner, Namespace):
        return owner
    for base in type(array).__mro__:
        backend = _library_backend(base.__module__.partition(".")[0])
        if backend is not None:
            index = backend.index_of(array) if backend.indexed else None
            return resolve(device(backend.device_type, index))
    return None


def _library_backend(library: str) -> Backend | None:
    """The backend whose arrays come from a library; entry points go before later registrations."""
    if library == "builtins":
        return None
    # Entry points name device types; the library is known once its (small) module is loaded.
    for device_type in dict.fromkeys((*_entry_points(), *tuple(_backends))):
        if device_type not in _failed:
            try:
                backend = backend_of(device_type)
            except DeviceError:
                continue  # broken: whoever asks for that device by name is told why
            if backend.library == library:
                return backend
    return None
