"""The namespaces that the suite runs on, and the way between them and NumPy.

``cpu``        NumPy
``readonly``   NumPy with every result made read-only: an immutable library, and a trap for
               whatever writes into memory that others can see
``strict:N``   array-api-strict's five devices: CPU_DEVICE, device1, device2, no_float64, no_x64
``played``     CuPy's signatures and discipline, NumPy's arithmetic, where ``XPGRAD_CUPY=1``
               (``ci/test --cupy``); see played_cupy.py
``cuda:0``     CuPy, where the environment says ``XPGRAD_TEST_DEVICE=cuda:0`` (ci/gpu does);
               likewise any other device, such as that of a backend of yours
"""

import functools
import os

import numpy as np

from xpgrad import dtypes
from xpgrad.errors import DeviceError
from xpgrad.namespace import CREATION, FUNCTIONS
from xpgrad.registry import Backend, register_backend, resolve
from xpgrad.tensor import Tensor, wrap
from xpgrad_backends.numpy import NumPyNamespace

NAMES = ("cpu", "readonly", *(f"strict:{i}" for i in range(5)))
if os.environ.get("XPGRAD_CUPY", "0") != "0":
    import played_cupy

    NAMES = (*NAMES, *played_cupy.DEVICES)
if os.environ.get("XPGRAD_TEST_DEVICE"):
    NAMES = (*NAMES, os.environ["XPGRAD_TEST_DEVICE"])


# ------------------------------------------------------------------ NumPy, read-only


class Frozen(np.ndarray):
    """A NumPy array that nobody can write to."""

    def __array_wrap__(self, array, context=None, return_scalar=False):
        return freeze(array)


def freeze(x):
    """A read-only view of an array."""
    out = np.asarray(x).view(Frozen)
    out.flags.writeable = False
    return out


def _frozen(value):
    if isinstance(value, (np.ndarray, np.generic)):
        return freeze(value)
    return type(value)(map(_frozen, value)) if type(value) in (tuple, list) else value


def _freezing(function):
    @functools.wraps(function)
    def call(*args, **kwargs):
        return _frozen(function(*args, **kwargs))

    return call


class FrozenNamespace(NumPyNamespace):
    """NumPy, immutable. All that comes out of it is read-only."""

    array_type = Frozen
    mutable = False

    def __init__(self, where):
        super().__init__(where)
        extras = ("combine_along_axis", "conj", "copy", "erf", "from_host", "getitem", "index_add",
                  "special", "strided", "windows")  # fmt: skip
        for name in (*FUNCTIONS, *CREATION, *extras):
            if name not in ("finfo", "iinfo", "isdtype"):
                setattr(self, name, _freezing(getattr(self, name)))

    def wrap(self, value):
        return freeze(value)

    def assign(self, x, index, value):
        out = np.array(x)
        out[index] = value
        return freeze(out)

    def to_host(self, x):
        return np.array(x)

    def owns_memory(self, x):
        return False


class FrozenBackend(Backend):
    """Registered as anybody's backend would be."""

    device_type = "readonly"
    library = Frozen.__module__.partition(".")[0]
    indexed = False

    def namespace(self, where):
        return FrozenNamespace(where)


register_backend(FrozenBackend())


# ------------------------------------------------------------------ to a namespace and back


def why_not(name):
    """Why a namespace cannot be used here, or None."""
    try:
        resolve(name)
    except DeviceError as error:
        return f"{name}: {error}"
    return None


# What to use where a device has no such type.
NARROWER = {"float64": "float32", "complex128": "complex64", "int64": "int32", "uint64": "uint32"}


def has_dtype(ns, name):
    return dtypes.as_dtype(name) in ns.natives


def give(ns, host):
    """A NumPy array's values on a namespace's device, narrowed where it has no such type."""
    host = np.array(host)
    if not has_dtype(ns, host.dtype):
        host = host.astype(NARROWER[host.dtype.name])
    return ns.from_host(host)


def give_all(ns, value):
    """The same for arrays anywhere inside tuples, lists and dicts; anything else stays."""
    if isinstance(value, np.ndarray):
        return give(ns, value)
    if isinstance(value, dict):
        return {k: give_all(ns, v) for k, v in value.items()}
    return type(value)(give_all(ns, v) for v in value) if type(value) in (tuple, list) else value


def tensor(ns, host, *, requires_grad=False):
    """A leaf Tensor with a NumPy array's values."""
    out = wrap(give(ns, host), ns)
    return out.requires_grad_() if requires_grad else out


def host(x):
    """A NumPy copy of a Tensor or of a raw array of any namespace (a tuple of them for a tuple)."""
    if isinstance(x, (tuple, list)):
        return type(x)(map(host, x))
    return np.array(x._ns.to_host(x._data)) if isinstance(x, Tensor) else x
