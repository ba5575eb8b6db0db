"""CuPy without a GPU: whatever xpgrad asks of CuPy, CuPy's own signatures accept.

NumPy plays CuPy here. The backend is the real one, and so is every function's signature: each call
it makes, directly or for an op, is bound to the function of CuPy (or of array-api-compat's view of
it) that would have run, and only then computed by NumPy. Arrays have CuPy's attributes and methods
and no others, stay off the host, and insist on the current device (`fake_device`).
"""

import ast
import ctypes
import functools
import inspect
import os
import re
import shutil
import subprocess
import warnings
from pathlib import Path
from types import ModuleType, SimpleNamespace

import array_api_compat.numpy as compat_numpy
import numpy as np
import pytest
import test_ops
from fake_device import OnDevice, Undisciplined, Using, check, current, on_current, place, plain
from namespaces import give, has_dtype, host
from op_table import ROWS

import xpgrad as xg
from xpgrad.device import device as Device
from xpgrad.host import HostGenerator
from xpgrad.namespace import CONSTANTS, CREATION, FUNCTIONS
from xpgrad.registry import Backend, register_backend, resolve

if os.environ.get("XPGRAD_CUPY", "0") == "0":
    cupy = pytest.importorskip("cupy", reason="its signatures are what is checked: ci/test --cupy")
else:
    import cupy
import array_api_compat.cupy as compat_cupy  # noqa: E402 - after the skip
from xpgrad_backends import cupy as backend_module  # noqa: E402
from xpgrad_backends.cupy import CuPyNamespace, Philox  # noqa: E402

SOURCES = Path(xg.__file__).resolve().parent

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


X = object()


@pytest.mark.parametrize(
    ("function", "args", "kwargs"),
    [
        (cupy.sum, (X,), {"axis": 0, "keepdims": True}),
        (cupy.exp, (X,), {}),
        (cupy.add, (X, X), {}),
        (cupy.add, (X, X, X), {}),  # the last is where the result goes
        (cupy.zeros, ((2,),), {"dtype": "f4"}),
        (cupy.from_dlpack, (X,), {"copy": True}),
        (cupy.ndarray.astype, ("f4",), {"copy": False}),
        (cupy.ndarray.reshape, (2, 3), {"copy": None}),
        (cupy.ndarray.swapaxes, (0, 1), {}),
        (compat_cupy.var, (X,), {"correction": 1.0}),
    ],
)
def test_the_checker_accepts(function, args, kwargs):
    assert misfit(function, args, kwargs) is None


@pytest.mark.parametrize(
    ("function", "args", "kwargs"),
    [
        (cupy.sum, (X,), {"axes": 0}),
        (cupy.sum, (X, 0, None, None, True, 1), {}),
        (cupy.exp, (), {}),
        (cupy.exp, (X, X, X), {}),
        (cupy.exp, (X,), {"axis": 0}),
        (cupy.add, (X,), {}),
        (cupy.take, (X,), {}),
        (cupy.zeros, (2, 3, "C", 4), {}),
        (cupy.zeros, ((2,),), {"device": None}),
        (cupy.from_dlpack, (X,), {"stream": 1}),
        (cupy.from_dlpack, (), {}),
        (cupy.ndarray.astype, (), {"copy": False}),
        (cupy.ndarray.astype, ("f4",), {"device": 0}),
        (cupy.ndarray.swapaxes, (0,), {}),
        (compat_cupy.var, (X,), {"ddof": 1, "corection": 1}),
        (compat_cupy.permute_dims, (X,), {}),
    ],
)
def test_the_checker_refuses(function, args, kwargs):
    if function is compat_cupy.var:  # compat hands on what it does not know
        function = cupy.var
    assert misfit(function, args, kwargs) is not None


@pytest.mark.parametrize("name", [*FUNCTIONS, *CREATION])
def test_every_function_can_be_checked(name):
    for module in (cupy, compat_cupy):
        function = getattr(module, name, None)
        if function is not None and not isinstance(function, cupy.ufunc):
            assert signature_of(function) is not None


# ── NumPy plays CuPy ─────────────────────────────────────────────────────────────────────────────

log = set()  # every kind of call: (function, number of positional arguments, keywords)

# These wait for the device, since the shape of their result depends on values.
WAITING = {"nonzero", "unique_all", "unique_counts", "unique_inverse", "unique_values", "argwhere"}


def played(name, real, stand_in):
    """A function of CuPy: its signature, and NumPy's arithmetic."""
    takes_host = name in ("cupy.array", "cupy.asarray")

    @functools.wraps(stand_in, assigned=("__name__",), updated=())
    def call(*args, **kwargs):
        log.add((name, len(args), tuple(sorted(kwargs))))
        complaint = misfit(real, args, kwargs)
        if complaint is not None:
            raise Undisciplined(f"CuPy refuses this call: {complaint}")
        if takes_host and isinstance(args[0], np.ndarray) and not isinstance(args[0], OnDevice):
            return place(np.array(args[0]), Played)
        return on_current(stand_in, Played)(*args, **kwargs)

    call.real = real
    return call


class Memory:
    """What ``x.data.mem`` is."""

    def __init__(self, ptr):
        self.ptr = ptr


class PlayedModule:
    """A module of CuPy's: the same names, each function `played`."""

    def __init__(self, name, real, stand_in):
        self.__name__ = name
        self._real, self._stand_in = real, stand_in

    def __getattr__(self, name):
        real = getattr(self._real, name)
        if isinstance(real, ModuleType):
            found = PlayedModule(f"{self.__name__}.{name}", real, getattr(self._stand_in, name))
        elif not callable(real) or isinstance(real, type):
            found = real
        else:
            found = played(f"{self.__name__}.{name}", real, getattr(self._stand_in, name))
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
        root = super().base
        own = type(root) is np.ndarray and root.base is None and root.size == self.size
        return None if own else root

    @property
    def data(self):
        root = plain(self)
        while isinstance(root.base, np.ndarray):
            root = root.base
        return SimpleNamespace(mem=Memory(root.ctypes.data))

    def scatter_add(self, slices, value):
        check(self, slices, value)
        if self.dtype.char not in "iqlefdILQ":
            raise TypeError(f"cupy.add.at only supports some types, not {self.dtype}")
        value = np.asarray(plain(value)).astype(self.dtype)
        np.add.at(plain(self), plain(slices), value)


for _name in ("astype", "conjugate", "copy", "reshape", "transpose"):

    def _method(self, *args, _of=getattr(OnDevice, _name), _name=_name, **kwargs):
        complaint = misfit(getattr(cupy.ndarray, _name), args, kwargs)
        if complaint is not None:
            raise Undisciplined(f"CuPy refuses this call: {complaint}")
        return _of(self, *args, **kwargs)

    setattr(Played, _name, _method)


class PlayedNamespace(CuPyNamespace):
    """The real backend's namespace, over a CuPy that NumPy plays."""

    def libraries(self):
        played_cupy = PlayedModule("cupy", cupy, np)
        played_cupy.ndarray = Played
        kinds = dict.fromkeys(("PooledMemory", "Memory", "MemoryAsync"), Memory)
        played_cupy.cuda = SimpleNamespace(Device=Using, memory=SimpleNamespace(**kinds))
        pool = Pool()
        played_cupy.get_default_memory_pool = lambda: pool
        return played_cupy, PlayedModule("compat", compat_cupy, compat_numpy)

    def erf(self, x):
        from cupyx.scipy.special import erf

        assert (erf.nin, erf.nout) == (1, 1)
        special = pytest.importorskip("scipy.special", reason="it plays CuPy's special functions")
        return on_current(special.erf, Played)(x)

    def generator(self, seed):
        return HostGenerator(self, seed)


class PlayedBackend(Backend):
    """``played``: a lone device, without guards. ``played_pair:1``: the second of two, with them."""

    def __init__(self, device_type, count):
        self.device_type, self.count = device_type, count

    def device_count(self):
        return self.count

    def namespace(self, where):
        return PlayedNamespace(where, several=self.count > 1)


register_backend(PlayedBackend("played", 1))
register_backend(PlayedBackend("played_pair", 2))
DEVICES = ("played:0", "played_pair:1")


@pytest.fixture(params=DEVICES)
def there(request):
    yield resolve(request.param)
    assert current.index == 0


# ── everything the ops ask of CuPy ───────────────────────────────────────────────────────────────


def rows_here():
    functions = test_ops.FUNCTIONS
    return [pytest.param(row, id=row.name) for row in ROWS if row.name in functions and not row.cpu_only]


@pytest.mark.parametrize("row", rows_here())
def test_ops_forward(there, row):
    test_ops.check_values(row, there)


@pytest.mark.filterwarnings("ignore:Using backward.. with create_graph=True")
@pytest.mark.parametrize("row", [p for p in rows_here() if p.values[0].differentiable])
def test_ops_backward(there, row):
    function = test_ops.FUNCTIONS[row.name]
    cpu = resolve("cpu")
    for what, inputs, settings in test_ops.cases(row, ["float64"] if "float64" in row.dtypes else row.dtypes[:1]):
        outputs = test_ops.call(function, cpu, inputs, settings)[1]
        weights = test_ops.weights_for([host(o) for o in outputs])
        expected = test_ops.first_order(row, function, cpu, inputs, settings, weights)
        found = test_ops.first_order(row, function, there, inputs, settings, weights)
        for f, e in zip(found, expected, strict=True):
            if e is not None:
                np.testing.assert_allclose(f, e, rtol=1e-6, atol=1e-9, err_msg=what)
