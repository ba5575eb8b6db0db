"""NumPy plays CuPy: the real backend, and the real signature of every function it calls.

Each call that the backend makes, directly or for an op, is bound to the function of CuPy (or of
array-api-compat's view of it) that would have run, and only then computed by NumPy. Arrays have
CuPy's attributes and methods and no others, stay off the host, and insist on the current device
(`fake_device`). Needs CuPy, which imports without a driver, and no GPU.

``played:0`` is a lone device, without guards, and ``played_pair:1`` the second of two, with them.
With ``XPGRAD_CUPY=1`` (``ci/test --cupy``) the whole suite runs on both.
"""

import ast
import functools
import inspect
import re
from pathlib import Path
from types import ModuleType, SimpleNamespace

import array_api_compat.cupy as compat_cupy
import array_api_compat.numpy as compat_numpy
import cupy
import numpy as np
import pytest

from fake_device import (
    OnDevice,
    Undisciplined,
    Using,
    check,
    current,
    on_current,
    place,
    plain,
)  # fmt: skip
from xpgrad.host import HostGenerator
from xpgrad.registry import Backend, register_backend
from xpgrad_backends.cupy import CuPyNamespace

# ── does a call fit a function of CuPy? ──────────────────────────────────────────────────────────

UFUNC_KEYWORDS = {"out", "dtype", "casting"}


@functools.cache
def signature_of(function):
    """What a function or method of CuPy takes, from wherever it says so."""
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):
        # Cython writes it into the docstring: "_ndarray_base.sum(self, axis=None, …) -> …".
        found = re.match(r"[\w.]*\((.*)\)", (function.__doc__ or "").partition("\n")[0])
        if found is None:
            raise TypeError(f"{function!r} says nowhere what it takes") from None
    names = [re.sub(r"^.*\s(?=\w)", "", p.strip()) for p in found[1].split(",")]
    arguments = ", ".join(re.sub(r"=.*", "=None", n) for n in names if n != "self")
    scope = {}
    exec(f"def read({arguments}): pass", scope)
    return inspect.signature(scope["read"])


@functools.cache
def written_signature(package, name):
    """What a function takes, from its source: importing it would need CUDA's libraries."""
    folder = Path(cupy.__file__).parent.parent.joinpath(*package.split("."))
    for path in folder.glob("*.py"):
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name == name:
                scope = {}
                exec(f"def read({ast.unparse(node.args)}): pass", scope)
                return inspect.signature(scope["read"])
    raise AttributeError(f"{package} has no {name}")


def misfit(function, args, kwargs):
    """Why CuPy would refuse this call, or None."""
    if isinstance(function, cupy.ufunc):
        if not function.nin <= len(args) <= function.nin + function.nout:
            return f"{function.name} takes {function.nin} arrays, got {len(args)}"
        unknown = set(kwargs) - UFUNC_KEYWORDS
        return f"{function.name} takes no {', '.join(unknown)}" if unknown else None
    try:
        signature_of(function).bind(*args, **kwargs)
    except TypeError as error:
        return f"{getattr(function, '__name__', function)}: {error}"
    return None


# What a Python number beside an array may become: it never makes the array's type wider.
KINDS_OF_NUMBERS = {bool: "?biufc", int: "iufc", float: "fc", complex: "c"}


def result_of(ufunc, args):
    """The dtype that a ufunc of CuPy gives for these arguments; None if it has no such loop."""
    arrays = [a for a in args if hasattr(a, "dtype")]
    for loop in ufunc.types:
        taken, _, given = loop.partition("->")
        fits = all(
            np.can_cast(a.dtype, t, "safe")
            if hasattr(a, "dtype")
            else np.dtype(t).kind in KINDS_OF_NUMBERS[type(a)] or not arrays
            for a, t in zip(args, taken, strict=False)
        )
        if fits:
            return np.dtype(given)
    return None


# ── NumPy plays CuPy ─────────────────────────────────────────────────────────────────────────────

log = set()  # every kind of call: (function, number of positional arguments, keywords)

# These wait for the device, since the shape of their result depends on values.
WAITING = {"nonzero", "unique_all", "unique_counts", "unique_inverse", "unique_values", "argwhere"}


def played(name, real, stand_in, kind):
    """A function of CuPy: its signature, and NumPy's arithmetic."""
    takes_host = name in ("cupy.array", "cupy.asarray")

    @functools.wraps(stand_in, assigned=("__name__",), updated=())
    def call(*args, **kwargs):
        log.add((name, len(args), tuple(sorted(kwargs))))
        complaint = misfit(real, args, kwargs)
        if complaint is not None:
            raise Undisciplined(f"CuPy refuses this call: {complaint}")
        if takes_host and isinstance(args[0], np.ndarray) and not isinstance(args[0], OnDevice):
            return place(np.array(args[0]), kind)
        result = on_current(stand_in, kind)(*args, **kwargs)
        if isinstance(real, cupy.ufunc) and not kwargs:
            expected = result_of(real, args)
            if expected != result.dtype:
                given = ", ".join(str(getattr(a, "dtype", type(a).__name__)) for a in args)
                raise Undisciplined(f"CuPy's {name}({given}) gives {expected}, not {result.dtype}")
        return result

    call.real = real
    return call


class Memory:
    """What ``x.data.mem`` is."""

    def __init__(self, ptr):
        self.ptr = ptr


class Stream:
    """The current device's stream: it can wait for an event of another one's."""

    def record(self):
        return current.index

    def wait_event(self, event):
        waited.append((current.index, event))


waited = []  # by which device, for which


class PlayedModule:
    """A module of CuPy's: the same names, each function `played`."""

    def __init__(self, name, real, stand_in, kind):
        self.__name__ = name
        self._real, self._stand_in, self._kind = real, stand_in, kind

    def __getattr__(self, name):
        real = getattr(self._real, name)
        if not isinstance(real, ModuleType) and (not callable(real) or isinstance(real, type)):
            found = real
        else:
            make = PlayedModule if isinstance(real, ModuleType) else played
            stand_in = getattr(self._stand_in, name)
            found = make(f"{self.__name__}.{name}", real, stand_in, self._kind)
        self.__dict__[name] = found
        return found


class Pool:
    """What CuPy's memory pool says."""

    used, total = 512, 4096

    def used_bytes(self):
        return self.used

    def total_bytes(self):
        return self.total

    def free_all_blocks(self):
        self.total = self.used


NAMES_OF_ARRAYS = set(dir(cupy.ndarray)) | {"on"}


def _base(x):
    """The array whose memory another shows; NumPy puts an object of its own behind `as_strided`."""
    base = np.ndarray.base.__get__(x)
    return base if base is None or isinstance(base, np.ndarray) else base.base


class Played(OnDevice):
    """An array with the attributes of CuPy's, and no others."""

    def __getattribute__(self, name):
        if not name.startswith("_") and name not in NAMES_OF_ARRAYS:
            raise AttributeError(f"'cupy.ndarray' object has no attribute {name!r}")
        return super().__getattribute__(name)

    @property
    def device(self):
        return Using(self.on)

    @property
    def base(self):
        root = _base(self)
        own = type(root) is np.ndarray and root.base is None and root.size == self.size
        return None if own else root

    @property
    def data(self):
        root = self
        while (base := _base(root)) is not None:
            root = base
        return SimpleNamespace(mem=Memory(root.view(np.ndarray).ctypes.data))

    def scatter_add(self, slices, value):
        check(self, slices, value)
        if self.dtype.char not in "iqlefdILQ":
            raise TypeError(f"cupy.add.at only supports some types, not {self.dtype}")
        value = np.asarray(plain(value)).astype(self.dtype)
        np.add.at(plain(self), plain(slices), value)


def _copy_here(self):
    """CuPy's ``copy`` brings an array of another device to the current one."""
    with Using(self.on):
        here = plain(self).copy()
    return place(here, type(self))


def _checked(name):
    real, compute = getattr(cupy.ndarray, name), getattr(OnDevice, name)

    def call(self, *args, **kwargs):
        complaint = misfit(real, args, kwargs)
        if complaint is not None:
            raise Undisciplined(f"CuPy refuses this call: {complaint}")
        return compute(self, *args, **kwargs)

    return call


for _name in ("astype", "conjugate", "reshape", "transpose"):
    setattr(Played, _name, _checked(_name))
Played.copy = _copy_here


class PlayedPair(Played):
    """The arrays of a pair of devices, told from a lone one's by their module, as backends do."""

    __module__ = "played_pair"


class PlayedNamespace(CuPyNamespace):
    """The real backend's namespace, over a CuPy that NumPy plays."""

    def __init__(self, where, several):
        self.several = several
        super().__init__(where, several)

    def libraries(self):
        kind = PlayedPair if self.several else Played
        played_cupy = PlayedModule("cupy", cupy, np, kind)
        played_cupy.ndarray = kind
        kinds = dict.fromkeys(("PooledMemory", "Memory", "MemoryAsync"), Memory)
        played_cupy.cuda = SimpleNamespace(
            Device=Using, memory=SimpleNamespace(**kinds), get_current_stream=Stream
        )
        pool = Pool()
        played_cupy.get_default_memory_pool = lambda: pool
        return played_cupy, PlayedModule("compat", compat_cupy, compat_numpy, kind)

    def special_function(self, name):
        real = super().special_function(name)
        scipy = pytest.importorskip("scipy.special", reason="it plays CuPy's special functions")

        def call(*args):
            assert misfit(real, args, {}) is None
            dtype = result_of(real, args)

            def compute(*values):
                return np.asarray(getattr(scipy, name)(*values), dtype)

            return on_current(compute, self.array_type)(*args)

        return call

    def scipy_linalg(self, name):
        scipy = pytest.importorskip("scipy.linalg", reason="it plays CuPy's linear algebra")
        takes = written_signature("cupyx.scipy.linalg", name)

        def call(*args, **kwargs):
            takes.bind(*args, **kwargs)
            log.add((f"cupyx.scipy.linalg.{name}", len(args), tuple(sorted(kwargs))))
            if name == "solve_triangular":
                assert args[0].shape[:-2] == args[1].shape[:-2]
            else:
                assert args[0].ndim == 2
            return on_current(getattr(scipy, name), self.array_type)(*args, **kwargs)

        return call

    def generator(self, seed):
        return HostGenerator(self, seed)


class PlayedBackend(Backend):
    """Registered as anybody's backend would be."""

    def __init__(self, device_type, count, kind):
        self.device_type, self.count, self.library = device_type, count, kind.__module__

    def device_count(self):
        return self.count

    def index_of(self, array):
        return array.device.id

    def namespace(self, where):
        return PlayedNamespace(where, several=self.count > 1)


register_backend(PlayedBackend("played", 1, Played))
register_backend(PlayedBackend("played_pair", 2, PlayedPair))
DEVICES = ("played:0", "played_pair:1")
