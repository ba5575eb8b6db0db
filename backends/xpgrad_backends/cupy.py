"""CuPy on CUDA devices, as ``cuda:0``, ``cuda:1``, ...

Importing this module needs neither CuPy nor a GPU; using a device does. What CUDA does differently:

- Nothing here waits for the device, except where a result's shape depends on values (``x[mask]``,
  ``nonzero``, ``unique``, an array of repeats) and where values go to the host.
- An index array out of range wraps around (PyTorch stops with a device-side assertion); checking
  would make every lookup wait. Python integers are checked, as they are everywhere.
- Repeated places are added up by atomic operations, so float sums differ in the last digits from
  run to run.
- A matrix that cannot be inverted or decomposed gives NaNs, not an error: the status is on the
  device. ``cupyx.errstate(linalg="raise")`` asks for it.
- Arithmetic follows the current device and the current stream, as CuPy does. Where there are
  several devices, every call is made with the array's own device as the current one.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import importlib.util
import operator
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from xpgrad import dtypes
from xpgrad.device import device
from xpgrad.errors import DeviceError
from xpgrad.namespace import CREATION, FUNCTIONS, Namespace
from xpgrad.registry import Backend
from xpgrad_backends.cupy_linalg import CuPyLinalg

OLDEST = (14, 2)  # sign() of NaN, scatter_add() of int64 and cumulative_sum() are right from here

# Functions that deviate from the standard in CuPy and are put right by array-api-compat. All others
# are CuPy's own: a wrapper costs time on each call, and some of compat's wait for the device.
_WRAPPED_FOR_CAUSE = {
    "argsort", "broadcast_arrays", "ceil", "count_nonzero", "finfo", "floor", "iinfo", "isin",
    "meshgrid", "nonzero", "searchsorted", "sort", "std", "take_along_axis", "trunc", "unique_all",
    "unique_counts", "unique_inverse", "unique_values", "unstack", "var", "vecdot",
}  # fmt: skip
_RENAMED = {"permute_dims": "transpose"}

# What needs no device to be the current one. All else is guarded where there are several devices.
_UNGUARDED = {
    "broadcast_to", "finfo", "iinfo", "isdtype", "dtype_of", "generator", "libraries",
    "memory_key", "native", "native_dtypes", "owner", "owns_memory", "quiet", "scipy_linalg",
    "send", "special_function", "synchronize", "current", "is_view",
}  # fmt: skip

# Types that CUDA adds atomically, and the one to compute in for the others.
_ATOMIC = "efdiIlLqQ"
_WIDER = {"?": "int32", "b": "int32", "h": "int32", "B": "uint32", "H": "uint32"}


class CuPyNamespace(CuPyLinalg):
    """CuPy's functions on one device, its own wherever they conform to the standard.

    Args:
        where: the device, with its index.
        several: whether there are other devices, so that each call must name this one.
    """

    def __init__(self, where: device, several: bool = False) -> None:
        cupy, compat = self.libraries()
        self.cupy = cupy
        self.index = where.index or 0
        self.array_type = cupy.ndarray
        self._peak: Any = None
        super().__init__(compat, where, native_device=cupy.cuda.Device(self.index))
        for name in FUNCTIONS:
            if name not in _WRAPPED_FOR_CAUSE and not hasattr(type(self), name):
                native = getattr(cupy, _RENAMED.get(name, name), None)
                setattr(self, name, native or getattr(compat, name))
        for name in CREATION:  # on the current device, which is this one
            setattr(self, name, getattr(cupy, name))
        self.matmul = operator.matmul  # CuPy's function takes a long way to the same kernel
        # Rules conjugate freely; on real arrays and Python numbers this gives the thing itself.
        self.conj = lambda x, /: x.conjugate()  # type: ignore[method-assign]
        if several:
            self.guard = functools.partial(cupy.cuda.Device, self.index)
            extras = {
                n for n in dir(type(self)) if callable(getattr(type(self), n)) and n[0] != "_"
            }
            for name in ({*FUNCTIONS, *CREATION} | extras) - _UNGUARDED:
                setattr(self, name, _guarded(self.guard, getattr(self, name)))

    def libraries(self) -> tuple[Any, Any]:
        """CuPy and array-api-compat's view of it. Importing them takes no driver."""
        import array_api_compat.cupy as compat
        import cupy

        return cupy, compat

    def native_dtypes(self) -> dict[dtypes.dtype, Any]:
        return {d: np.dtype(d.name) for d in dtypes.ALL}

    def quiet(self) -> contextlib.AbstractContextManager[Any]:
        return contextlib.nullcontext()  # CUDA never warns

    # -- the standard, faster or stricter than CuPy's own and compat's

    def astype(self, x: Any, dtype: Any, /, *, copy: bool = True) -> Any:
        return x.astype(dtype, copy=copy)

    def reshape(self, x: Any, /, shape: Any, *, copy: bool | None = None) -> Any:
        return x.reshape(shape) if copy is None else x.reshape(shape, copy=copy)

    def matrix_transpose(self, x: Any, /) -> Any:
        return x.mT

    def clip(self, x: Any, /, min: Any = None, max: Any = None) -> Any:
        # compat's waits for the device; CuPy's own takes a NaN for no bound.
        out = x if min is None else self.cupy.maximum(x, min)
        out = out if max is None else self.cupy.minimum(out, max)
        return out.astype(x.dtype, copy=out is x)

    # -- the extras

    def getitem(self, x: Any, index: Any) -> Any:
        return x[index]

    def index_add(self, like: Any, index: Any, values: Any) -> Any:
        out = self.cupy.zeros(tuple(like.shape), dtype=values.dtype)
        if not _may_repeat(index):
            out[index] = values
            return out
        from cupyx import scatter_add

        kind = values.dtype.char
        if kind in _ATOMIC:
            scatter_add(out, index, values)
        elif values.dtype.kind == "c":
            scatter_add(out.real, index, values.real)
            scatter_add(out.imag, index, values.imag)
        else:
            wide = out.astype(_WIDER[kind])
            scatter_add(wide, index, values.astype(_WIDER[kind]))
            out = wide.astype(values.dtype)
        return out

    def assign(self, x: Any, index: Any, value: Any) -> Any:
        mask = index[0] if isinstance(index, tuple) and len(index) == 1 else index
        one = not getattr(value, "shape", ())
        if one and getattr(mask, "shape", None) == x.shape and mask.dtype.kind == "b":
            # `x[mask] = 0` would count the mask on the device and wait for the number.
            self.cupy.copyto(x, value, casting="unsafe", where=mask)
        else:
            x[index] = value
        return x

    def windows(self, x: Any, axis: int, size: int, step: int) -> Any:
        count = (x.shape[axis] - size) // step + 1
        shape = (*x.shape[:axis], count, *x.shape[axis + 1 :], size)
        along = x.strides[axis]
        strides = (*x.strides[:axis], along * step, *x.strides[axis + 1 :], along)
        return self.cupy.lib.stride_tricks.as_strided(x, shape, strides)

    def strided(self, x: Any, shape: Any, strides: Any, offset: int, own: Any = None) -> Any:
        item, view = x.dtype.itemsize, self.cupy.lib.stride_tricks.as_strided
        if x.flags.c_contiguous if own is None else x.strides == tuple(s * item for s in own):
            start = view(x, (offset + 1,), (item,))[offset:]
            return view(start, shape, tuple(s * item for s in strides))
        return super().strided(x, shape, strides, offset, own)

    def gcd(self, x: Any, y: Any) -> Any:
        return self.cupy.gcd(x, y)

    def special_function(self, name: str) -> Any:
        """A function of ``cupyx.scipy.special``.

        Raises:
            NotImplementedError: where CuPy has none of that name.
        """
        found = getattr(importlib.import_module("cupyx.scipy.special"), name, None)
        if found is None:
            raise NotImplementedError(f"CuPy has no special function {name!r}")
        return found

    def special(self, name: str, *values: Any) -> Any:
        function = self.special_function(name)
        dtype = next(v.dtype for v in values if isinstance(v, self.array_type))
        if dtype.char != "e":
            return function(*values)
        # Half precision by way of single: CuPy's special functions make it double.
        wide = [v.astype(np.float32) if isinstance(v, self.array_type) else v for v in values]
        return function(*wide).astype(dtype)

    def sigmoid(self, x: Any) -> Any:
        return self.special("expit", x) if x.dtype.kind == "f" else super().sigmoid(x)

    def bounds(self, x: Any) -> None:
        return None  # the host does not wait for the device

    def generator(self, seed: int) -> Philox:
        return Philox(self, seed)

    def copy(self, x: Any) -> Any:
        return x.copy()

    def to_host(self, x: Any) -> np.ndarray[Any, Any]:
        return x.get()

    def from_host(self, x: np.ndarray[Any, Any]) -> Any:
        x = np.asarray(x)
        return self.cupy.array(x.astype(x.dtype.newbyteorder("="), copy=False))

    def send(self, x: Any, ns: Namespace) -> Any:
        if not isinstance(ns, CuPyNamespace):
            return super().send(x, ns)
        # From GPU to GPU, without the host: the other stream waits until `x` has been computed.
        with self.current():
            ready = self.cupy.cuda.get_current_stream().record()
        with ns.current():
            self.cupy.cuda.get_current_stream().wait_event(ready)
            return x.copy()

    def owns_memory(self, x: Any) -> bool:
        # Memory that came through DLPack or an interface protocol is somebody else's.
        memory = self.cupy.cuda.memory
        own = (memory.PooledMemory, memory.Memory, memory.MemoryAsync)
        return x.base is None and isinstance(x.data.mem, own)

    def owner(self, x: Any) -> Any:
        owner = x if x.base is None else x.base
        return owner if self.owns_memory(owner) else None

    def memory_key(self, x: Any) -> int:
        memory = x.data.mem  # views share it
        return memory.ptr or id(memory)

    # -- the device

    def synchronize(self) -> None:
        self.native_device.synchronize()

    def memory_allocated(self) -> int:
        return int(self.cupy.get_default_memory_pool().used_bytes())

    def max_memory_allocated(self) -> int:
        """The most bytes in use, since `reset_peak_memory_stats` in this thread.

        CuPy keeps no record of its own: until the first reset this is what its pool holds of the
        device, which is at least the peak.
        """
        if self._peak is None:
            return int(self.cupy.get_default_memory_pool().total_bytes())
        return max(self._peak.bytes, self.memory_allocated())

    def reset_peak_memory_stats(self) -> None:
        """Begin to watch each allocation of this thread (about a microsecond each)."""
        if self._peak is None:
            self._peak = _watch(self)
        self._peak.bytes = self.memory_allocated()

    def empty_cache(self) -> None:
        self.cupy.get_default_memory_pool().free_all_blocks()


def _guarded(guard: Callable[[], Any], function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function, assigned=("__doc__", "__name__"))
    def call(*args: Any, **kwargs: Any) -> Any:
        with guard():
            return function(*args, **kwargs)

    return call


def _may_repeat(index: Any) -> bool:
    """Whether an index can name one place twice: it holds integers in an array or a list."""
    parts = index if isinstance(index, tuple) else (index,)
    return any(
        isinstance(p, list) or getattr(getattr(p, "dtype", None), "kind", "") in ("i", "u")
        for p in parts
    )


def _watch(ns: CuPyNamespace) -> Any:
    """A hook that keeps the most bytes in use after any allocation of this thread."""
    pool = ns.cupy.get_default_memory_pool()

    class Peak(ns.cupy.cuda.MemoryHook):  # type: ignore[misc,name-defined]
        name = f"xpgrad peak of {ns.device}"
        bytes = 0

        def malloc_postprocess(self, **what: Any) -> None:
            if what["device_id"] == ns.index:
                self.bytes = max(self.bytes, pool.used_bytes())

    return Peak().__enter__()


# ------------------------------------------------------------------ random numbers

# Philox 4x32-10 (Salmon et al., 2011): four random words from a counter and a key. Element i of a
# draw at position p is made from the counter p + i and nothing else, so that a generator's state is
# two numbers, reading it waits for nothing, and every GPU gives the same numbers.
PHILOX = """
__device__ inline void xpgrad_philox(unsigned long long key, unsigned int* w) {
    unsigned int k0 = (unsigned int)key, k1 = (unsigned int)(key >> 32);
    for (int round = 0; round < 10; ++round) {
        unsigned long long a = 0xD2511F53ull * w[0], b = 0xCD9E8D57ull * w[2];
        unsigned int w1 = w[1], w3 = w[3];
        w[0] = (unsigned int)(b >> 32) ^ w1 ^ k0;
        w[1] = (unsigned int)b;
        w[2] = (unsigned int)(a >> 32) ^ w3 ^ k1;
        w[3] = (unsigned int)a;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
}
"""
_DRAW = """
    unsigned long long at = position + (unsigned long long)i;
    unsigned int w[4] = {(unsigned int)at, (unsigned int)(at >> 32), 0u, 0u};
    xpgrad_philox(key, w);
"""
_WIDE = "((((unsigned long long)w[{}] << 32) | w[{}]) >> 11)"  # 53 random bits
_SINGLE_NORMAL = (
    "sqrtf(-2.0f * logf((w[0] + 1.0f) * 2.3283064365386963e-10f))"
    " * cospif(w[1] * 4.656612873077393e-10f)"
)
# [0, 1): as many bits as the type has digits, since rounding more of them could give 1.
UNIFORM = {
    "float16": "out = float16((w[0] >> 21) * 4.8828125e-4f);",
    "float32": "out = (w[0] >> 8) * 5.9604644775390625e-8f;",
    "float64": f"out = {_WIDE.format(0, 1)} * 1.1102230246251565e-16;",
}
# Box and Muller's: the logarithm of a number from (0, 1], and an angle.
NORMAL = {
    "float16": f"out = float16({_SINGLE_NORMAL});",
    "float32": f"out = {_SINGLE_NORMAL};",
    "float64": f"out = sqrt(-2.0 * log(({_WIDE.format(0, 1)} + 1ull) * 1.1102230246251565e-16))"
    f" * cospi({_WIDE.format(2, 3)} * 2.220446049250313e-16);",
}
# The upper half of a 128-bit product: biased by span / 2**64 at most.
INTEGERS = "out = (T)(low + (long long)__umul64hi(((unsigned long long)w[0] << 32) | w[1], span));"


@functools.cache
def _kernel(name: str, dtype: str, body: str) -> Any:
    import cupy

    bounds = ", int64 low, uint64 span" if "span" in body else ""
    return cupy.ElementwiseKernel(
        f"uint64 key, uint64 position{bounds}",
        f"{dtype} out",
        _DRAW + body,
        f"xpgrad_{name}",
        preamble=PHILOX,
    )


class Philox:
    """Random numbers made on the device from a counter; the state is (seed, position)."""

    def __init__(self, xp: CuPyNamespace, seed: int) -> None:
        self._xp = xp
        self._seed = seed % 2**64
        self._position = 0
        self._lock = threading.Lock()  # two threads never get the same numbers

    def _draw(self, kernel: Any, shape: tuple[int, ...], dtype: Any, *bounds: Any) -> Any:
        out = self._xp.empty(shape, dtype=dtype)
        with self._lock:
            seed, position = self._seed, self._position
            self._position = (position + out.size) % 2**64
        if out.size:
            with self._xp.guard() if self._xp.guard is not None else contextlib.nullcontext():
                kernel(np.uint64(seed), np.uint64(position), *bounds, out)
        return out

    def uniform(self, shape: tuple[int, ...], dtype: Any) -> Any:
        """Numbers from [0, 1)."""
        name = dtypes.as_dtype(dtype).name
        return self._draw(_kernel("uniform", name, UNIFORM[name]), shape, name)

    def normal(self, shape: tuple[int, ...], dtype: Any) -> Any:
        """Standard normal numbers."""
        name = dtypes.as_dtype(dtype).name
        return self._draw(_kernel("normal", name, NORMAL[name]), shape, name)

    def integers(self, low: int, high: int, shape: tuple[int, ...], dtype: Any) -> Any:
        """Integers from [low, high).

        Raises:
            ValueError: where there are none.
        """
        if low >= high:
            raise ValueError(f"low >= high: there is no integer from {low} to below {high}")
        kernel = _kernel("integers", "T", INTEGERS)
        name = dtypes.as_dtype(dtype).name
        return self._draw(kernel, shape, name, np.int64(low), np.uint64(high - low))

    def permutation(self, n: int) -> Any:
        """The integers below `n` in random order."""
        return self._xp.argsort(self.uniform((n,), dtypes.float64))

    def get_state(self) -> np.ndarray[Any, Any]:
        """The state as bytes: seed and position."""
        return np.array([self._seed, self._position], dtype="<u8").view(np.uint8)

    def set_state(self, state: np.ndarray[Any, Any]) -> None:
        """Go on from `state`.

        Raises:
            ValueError: where `state` is not one that `get_state` returned.
        """
        packed = np.asarray(state, dtype=np.uint8).tobytes()
        if len(packed) != 16:
            raise ValueError(f"a generator state is 16 bytes on CUDA, got {len(packed)}")
        seed, position = np.frombuffer(packed, dtype="<u8")
        self._seed, self._position = int(seed), int(position)


# ------------------------------------------------------------------ is there a device?


class CuPyBackend(Backend):
    """CUDA through CuPy."""

    device_type = "cuda"
    library = "cupy"

    def __init__(self) -> None:
        self._count: int | None = None  # known once CuPy and the driver have answered

    def unavailable(self) -> str | None:
        if self._count is not None:
            return None
        if importlib.util.find_spec("cupy") is None:
            return f"CuPy is not installed. {_how_to_install(_driver_version())}"
        try:
            import cupy
        except Exception as error:
            return f"CuPy is installed and cannot be imported: {type(error).__name__}: {error}"
        if tuple(int(n) for n in cupy.__version__.split(".")[:2]) < OLDEST:
            needed = ".".join(map(str, OLDEST))
            return f"CuPy {cupy.__version__} is too old, {needed} is needed: pip install -U cupy"
        runtime = cupy.cuda.runtime
        try:
            self._count = int(runtime.getDeviceCount())
        except runtime.CUDARuntimeError as error:
            built = int(runtime.runtimeGetVersion())
            return f"{_why_no_device(_driver_version(), built)} ({error})"
        if self._count == 0:
            self._count = None
            return "CUDA finds no GPU; does CUDA_VISIBLE_DEVICES hide it?"
        return None

    def device_count(self) -> int:
        if self.unavailable() is not None:
            return 0
        return self._count or 0

    def current_index(self) -> int:
        import cupy

        return int(cupy.cuda.runtime.getDevice())

    def set_current(self, index: int) -> None:
        import cupy

        if not 0 <= index < self.device_count():
            raise DeviceError(f"invalid device ordinal {index}: there are {self.device_count()}")
        cupy.cuda.Device(index).use()

    def device_name(self, index: int) -> str:
        import cupy

        found: bytes = cupy.cuda.runtime.getDeviceProperties(index)["name"]
        return found.decode()

    def index_of(self, array: Any) -> int:
        return int(array.device.id)

    def namespace(self, where: device) -> Namespace:
        return CuPyNamespace(where, several=self.device_count() > 1)


def _driver_version() -> int | None:
    """The newest CUDA that the installed driver runs, such as 13000; `None` without a driver."""
    import ctypes

    for name in ("libcuda.so.1", "nvcuda.dll"):
        try:
            driver = ctypes.CDLL(name)
        except OSError:
            continue
        version = ctypes.c_int()
        if driver.cuDriverGetVersion(ctypes.byref(version)) == 0 and version.value:
            return version.value
    return None


def _written(version: int) -> str:
    return f"{version // 1000}.{version % 1000 // 10}"


def _how_to_install(driver: int | None) -> str:
    """Which extra brings the CuPy that fits a driver."""
    if driver is None:
        return (
            "pip install 'xpgrad[cuda13]' brings it (for drivers older than CUDA 13: "
            "'xpgrad[cuda12]'). No NVIDIA driver is found here either; it comes from "
            "https://www.nvidia.com/drivers"
        )
    if driver < 12000:
        return (
            f"The NVIDIA driver here runs CUDA up to {_written(driver)} and CuPy needs 12: update "
            "the driver, then pip install 'xpgrad[cuda13]'"
        )
    extra = "cuda13" if driver >= 13000 else "cuda12"
    return (
        f"pip install 'xpgrad[{extra}]' brings the one for this machine's driver "
        f"(CUDA {_written(driver)})"
    )


def _why_no_device(driver: int | None, built: int) -> str:
    """What is wrong where CuPy is there and CUDA is not."""
    if driver is None:
        return (
            "CuPy is installed, and there is no NVIDIA driver that this process can see. It comes "
            "from https://www.nvidia.com/drivers; a container needs --gpus all"
        )
    if driver // 1000 < built // 1000:
        other = ", or replace CuPy: pip install 'xpgrad[cuda12]'" if driver >= 12000 else ""
        return (
            f"the NVIDIA driver here runs CUDA up to {_written(driver)} and this CuPy was built "
            f"for CUDA {_written(built)}: update the driver{other}"
        )
    return (
        "CuPy and an NVIDIA driver are installed, and CUDA finds no GPU it can use; does "
        "CUDA_VISIBLE_DEVICES hide it?"
    )


backend = CuPyBackend()
