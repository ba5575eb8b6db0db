"""array-api-strict: a namespace that takes nothing beyond the standard, on five devices.

For tests. Its second device is the CPU's stand-in for CUDA's discipline: arrays of different
devices do not mix, and nothing reaches the host by accident.
"""

from __future__ import annotations

import contextlib
import importlib.util
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from xpgrad import dtypes
from xpgrad.device import device
from xpgrad.namespace import Namespace
from xpgrad.registry import Backend

warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"array_api_strict(\.|$)")

# What these return in the default integer type: array-api-strict makes int64 of it on a device
# that has no such type, and then refuses its own result.
_OF_DEFAULT_INTEGERS = (
    "argmax", "argmin", "argsort", "count_nonzero", "cumulative_prod", "cumulative_sum", "nonzero",
    "prod", "searchsorted", "sum", "unique_all", "unique_counts", "unique_inverse",
)  # fmt: skip


def _writeable(view: Any, x: Any) -> Any:
    """A view that NumPy makes read-only, as writeable as what it shows."""
    view._array.flags.writeable = x._array.flags.writeable
    return view


class _Linalg:
    """The extension, with diagonals that can be written to."""

    def __init__(self, module: Any) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)

    def diagonal(self, x: Any, /, *, offset: int = 0) -> Any:
        return _writeable(self._module.diagonal(x, offset=offset), x)


class StrictNamespace(Namespace):
    """array-api-strict's functions on one of its devices."""

    def __init__(self, where: device) -> None:
        import array_api_strict as strict

        devices = strict.__array_namespace_info__().devices()
        super().__init__(strict, where, native_device=devices[where.index or 0])
        self.array_type = type(strict.asarray(0))
        self.linalg = _Linalg(strict.linalg)
        if dtypes.int64 not in self.natives:
            for name in _OF_DEFAULT_INTEGERS:
                setattr(self, name, self._narrowing(getattr(strict, name)))

    def _narrowing(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, computed where there are 64-bit integers and brought back as 32-bit."""
        strict = self.module
        narrower = {strict.int64: strict.int32, strict.uint64: strict.uint32}

        def there(x: Any) -> Any:
            return x.to_device(strict.Device("CPU_DEVICE")) if type(x) is self.array_type else x

        def back(x: Any) -> Any:
            return strict.astype(x, narrower.get(x.dtype, x.dtype)).to_device(self.native_device)

        def call(*args: Any, **kwargs: Any) -> Any:
            out = function(*map(there, args), **{k: there(v) for k, v in kwargs.items()})
            if not isinstance(out, tuple):
                return back(out)
            parts = map(back, out)
            return type(out)(*parts) if hasattr(out, "_fields") else tuple(parts)

        return call

    def broadcast_to(self, x: Any, /, shape: Any) -> Any:
        return _writeable(self.module.broadcast_to(x, shape), x)

    def native_dtypes(self) -> dict[dtypes.dtype, Any]:
        there = self.module.__array_namespace_info__().dtypes(device=self.native_device)
        return {dtypes.BY_NAME[name]: native for name, native in there.items()}

    @contextlib.contextmanager
    def quiet(self) -> Any:
        # Not all warnings of NumPy's are about floating-point errors: "Mean of empty slice".
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            yield

    def to_host(self, x: Any) -> np.ndarray[Any, Any]:
        return np.array(x._array)

    def from_host(self, x: np.ndarray[Any, Any]) -> Any:
        return self.asarray(np.array(x))

    def memory_key(self, x: Any) -> int:
        inner = x._array
        while isinstance(base := getattr(inner, "base", None), np.ndarray):
            inner = base
        return id(inner)


class StrictBackend(Backend):
    """array-api-strict, as ``strict:0`` to ``strict:4``."""

    device_type = "strict"
    library = "array_api_strict"

    def unavailable(self) -> str | None:
        if importlib.util.find_spec("array_api_strict") is None:
            return "array-api-strict is not installed: pip install array-api-strict"
        return None

    def _devices(self) -> tuple[Any, ...]:
        import array_api_strict as strict

        return tuple(strict.__array_namespace_info__().devices())

    def device_count(self) -> int:
        return len(self._devices())

    def index_of(self, array: Any) -> int:
        return self._devices().index(array.device)

    def namespace(self, where: device) -> Namespace:
        return StrictNamespace(where)


backend = StrictBackend()
