"""What there is to know about this namespace."""

from __future__ import annotations

from typing import Any

from xpgrad import dtypes
from xpgrad.array_api.arguments import default_int
from xpgrad.array_api.data_types import KINDS
from xpgrad.device import device as Device
from xpgrad.device import get_default_device
from xpgrad.errors import DeviceError
from xpgrad.registry import backend_of, device_types, resolve


class Info:
    """Capabilities, devices and dtypes; ``xpgrad.array_api.__array_namespace_info__()``.

    >>> from xpgrad import array_api as xp
    >>> xp.__array_namespace_info__().default_dtypes()["real floating"]
    xpgrad.float32
    """

    def capabilities(self) -> dict[str, Any]:
        """What indexing and shapes can do."""
        return {
            "boolean indexing": True,
            "data-dependent shapes": True,
            "max dimensions": 64,
        }

    def default_device(self) -> Device:
        """Where new tensors go."""
        return resolve(get_default_device()).device

    def devices(self) -> list[Device]:
        """The devices that can be used here and now."""
        found = []
        for kind in device_types():
            try:
                backend = backend_of(kind)
                if backend.unavailable() is None:
                    found += [
                        Device(kind, i if backend.indexed else None)
                        for i in range(backend.device_count())
                    ]
            except (DeviceError, ImportError):
                continue
        return found

    def default_dtypes(self, *, device: Any = None) -> dict[str, dtypes.dtype]:
        """The dtypes of tensors made from Python numbers."""
        real, integer = dtypes.get_default_dtype(), default_int(resolve(device))
        return {
            "real floating": real,
            "complex floating": real.to_complex(),
            "integral": integer,
            "indexing": integer,
        }

    def dtypes(self, *, device: Any = None, kind: Any = None) -> dict[str, dtypes.dtype]:
        """The dtypes of a device by name: all, or those of a kind.

        Raises:
            ValueError: for an unknown kind.
        """
        if isinstance(kind, tuple):
            return {n: d for k in kind for n, d in self.dtypes(device=device, kind=k).items()}
        if kind is not None and kind not in KINDS:
            raise ValueError(f"unknown kind of dtype {kind!r}; there are {', '.join(KINDS)}")
        # float16 is xpgrad's, and not in the standard.
        there = [d for d in resolve(device).natives if d is not dtypes.float16]
        return {d.name: d for d in there if kind is None or KINDS[kind](d)}
