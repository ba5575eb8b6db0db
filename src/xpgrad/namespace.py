"""The namespace of one device: the array API standard's functions, bound there, and the extras.

Everything above this module speaks to arrays through a `Namespace` alone. Its instance attributes
are the library's own functions (no wrapper between an op and the library), except where a
subclass defines a method of that name because the library deviates or something faster exists.

The extras are what the standard lacks and autograd needs. A backend may override any of them; a
portable default, built on the standard, stands behind each.

=====================  =========================================================================
``getitem(x, i)``      ``x[i]`` for every index NumPy takes, basic and advanced mixed
``index_add(l, i, v)`` zeros shaped like `l` with `v` added at ``[i]``; repeated places add up
``assign(x, i, v)``    write `v` into ``x[i]`` and return the array to go on with: `x` itself, or
                       a new one where the library is immutable
``special(f, *x)``     a function by its name in ``scipy.special``, and more: see `extras`
``erf(x)``             the error function: ``special("erf", x)``, perhaps faster
``sigmoid(x)``         1 / (1 + exp(-x)): an op of its own, so that rules which need it stay
                       finite in derivatives of any order
``eig(x)`` and others  linear algebra that the standard lacks: see `portable`
``gelu(x)`` and others functions of several steps, which a library may have in one: see `fused`
``generator(seed)``    random numbers with a state: a `host.Generator`
``bounds(x)``          the least and the greatest element as Python numbers; `None` of nothing, and
                       where asking would make the host wait for the device
``wrap(x)``            normalise what a call returned (NumPy's scalars) to an array
``quiet()``            a context without floating-point warnings
``guard``              ``None``, or a context that makes this device the current one
``block``              ``None``, or how many elements are worth working on at a time (in a cache)
``to_host, from_host`` a NumPy copy of an array, and the way back
``send(x, ns)``        `x` on the device of another namespace
``owns_memory(x)``     whether nobody but `x` can see its memory (`False` if unknown)
``owner(x)``           the array whose memory `x` shows, through which alone others can see it
``memory_key(x)``      equal for arrays that share memory, such as views of one base
``synchronize, …``     wait for the device; its memory figures
=====================  =========================================================================
"""

from __future__ import annotations

import contextlib
import functools
import math
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from xpgrad import dtypes, indexing
from xpgrad.device import device as Device
from xpgrad.errors import DeviceError, DTypeError
from xpgrad.extras import Extras
from xpgrad.fused import Fused
from xpgrad.host import Generator, HostGenerator
from xpgrad.portable import Portable

Array = Any  # an array of some library; which one, nobody above the namespace knows

# The standard's functions that take the device: bound to it, so that callers never name it.
CREATION = (
    "arange", "asarray", "empty", "eye", "full", "linspace", "ones", "zeros",
    "empty_like", "full_like", "ones_like", "zeros_like",
)  # fmt: skip

FUNCTIONS = (
    "abs", "acos", "acosh", "add", "all", "any", "argmax", "argmin", "argsort", "asin", "asinh",
    "astype", "atan", "atan2", "atanh", "bitwise_and", "bitwise_invert", "bitwise_left_shift",
    "bitwise_or", "bitwise_right_shift", "bitwise_xor", "broadcast_arrays", "broadcast_to",
    "ceil", "clip", "concat", "conj", "copysign", "cos", "cosh", "count_nonzero",
    "cumulative_prod", "cumulative_sum", "diff", "divide", "equal", "exp", "expand_dims", "expm1",
    "finfo", "flip", "floor", "floor_divide", "from_dlpack", "greater", "greater_equal", "hypot",
    "iinfo", "imag", "isdtype", "isfinite", "isin", "isinf", "isnan", "less", "less_equal", "log",
    "log10", "log1p", "log2", "logaddexp", "logical_and", "logical_not", "logical_or",
    "logical_xor", "matmul", "matrix_transpose", "max", "maximum", "mean", "meshgrid", "min",
    "minimum", "moveaxis", "multiply", "negative", "nextafter", "nonzero", "not_equal",
    "permute_dims", "positive", "pow", "prod", "real", "reciprocal", "remainder", "repeat",
    "reshape", "roll", "round", "searchsorted", "sign", "signbit", "sin", "sinh", "sort", "sqrt",
    "square", "squeeze", "stack", "std", "subtract", "sum", "take", "take_along_axis", "tan",
    "tanh", "tensordot", "tile", "tril", "triu", "trunc", "unique_all", "unique_counts",
    "unique_inverse", "unique_values", "unstack", "var", "vecdot", "where",
)  # fmt: skip

CONSTANTS = ("e", "inf", "nan", "newaxis", "pi")


class Namespace(Portable, Extras, Fused):
    """One device's array library. Backends subclass it; see ``backends/README.md``."""

    array_type: type[Any]
    guard: Callable[[], contextlib.AbstractContextManager[Any]] | None = None
    mutable: bool = True
    block: int | None = None  # how many elements to work on at a time, where caches matter
    depth: int = 0  # how many transforms are wrapped around the library (`xpgrad.func`)
    level: Any = None  # the innermost of them
    tensors: Any = None  # the namespace of Tensors around its arrays, once asked for
    whole: bool = False  # gradients stay what it makes of them on their way out of its graph
    ended: bool = False  # its level has ended, and its tensors settle as what they wrap

    def __init__(self, module: ModuleType, where: Device, native_device: Any = None) -> None:
        self.module = module
        self.device = where
        self.native_device = native_device
        cls = type(self)
        for name in (*FUNCTIONS, *CONSTANTS):
            if not hasattr(cls, name) and hasattr(module, name):
                setattr(self, name, getattr(module, name))
        for name in CREATION:
            if not hasattr(cls, name):
                bound = functools.partial(getattr(module, name), device=native_device)
                setattr(self, name, bound)
        for extension in ("linalg", "fft"):
            if not hasattr(cls, extension):
                setattr(self, extension, getattr(module, extension, None))
        self.natives: dict[dtypes.dtype, Any] = self.native_dtypes()
        self._dtypes = {native: d for d, native in self.natives.items()}
        # Membership is asked on the call path, so the sets hold the library's own dtypes.
        self.inexact = frozenset(n for d, n in self.natives.items() if d.is_differentiable)
        self.complexes = frozenset(n for d, n in self.natives.items() if d.is_complex)

    # ---------------------------------------------------------------- dtypes

    def native_dtypes(self) -> dict[dtypes.dtype, Any]:
        """The library's dtype for each of xpgrad's that this device has: what its arrays carry."""
        found = {}
        for d in dtypes.ALL:
            spelled = getattr(self.module, d.name, None)
            try:
                native = None if spelled is None else self.empty((0,), dtype=spelled).dtype
            except (TypeError, ValueError, RuntimeError):
                continue  # the library knows the type, and this device does not
            if native is not None and dtypes.as_dtype(native) is d:
                found[d] = native
        return found

    def native(self, spec: Any) -> Any:
        """The library's dtype for a dtype written in any way.

        Raises:
            DTypeError: where this device has no such type.
        """
        found = dtypes.as_dtype(spec)
        try:
            return self.natives[found]
        except KeyError:
            raise DTypeError(f"{self} has no {found}") from None

    def dtype_of(self, array: Array) -> dtypes.dtype:
        """xpgrad's dtype of an array."""
        try:
            return self._dtypes[array.dtype]
        except KeyError:
            # Byte-swapped and structured types hash differently or do not belong here.
            return dtypes.as_dtype(array.dtype)

    # ---------------------------------------------------------------- call path

    def run(self, op: Any, arrays: Any, settings: dict[str, Any]) -> Any:
        """Compute an op: the one place where a transform has another way of doing so."""
        return op.forward(self, *arrays, **settings)

    @property
    def base(self) -> Namespace:
        """The library itself, without the transforms around it."""
        return self

    def beside(self, ns: Namespace) -> Namespace:
        """What is to this library as another device is to this one: its namespace."""
        return ns

    def wrap(self, value: Any) -> Array:
        """An array, where a call returned one of the library's scalars."""
        return value if isinstance(value, self.array_type) else self.asarray(value)

    def current(self) -> contextlib.AbstractContextManager[Any]:
        """A context in which this device is the current one."""
        return contextlib.nullcontext() if self.guard is None else self.guard()

    def quiet(self) -> contextlib.AbstractContextManager[Any]:
        """Compute without floating-point warnings."""
        return np.errstate(all="ignore")

    def conj(self, x: Any, /) -> Any:
        """The complex conjugate; real arrays and Python numbers are their own."""
        if isinstance(x, (int, float, complex)):
            return x.conjugate()
        return self.module.conj(x) if x.dtype in self.complexes else x

    # ---------------------------------------------------------------- the extras

    def getitem(self, x: Array, index: Any) -> Array:
        """``x[index]`` for every index NumPy takes."""
        shape = tuple(x.shape)
        if indexing.is_basic(index):
            return x[indexing.explicit(index, shape)]
        places = indexing.flat_positions(self, shape, index)
        flat = self.take(self.reshape(x, (-1,)), self.reshape(places, (-1,)), axis=0)
        return self.reshape(flat, places.shape)

    def index_add(self, like: Any, index: Any, values: Array) -> Array:
        """Zeros shaped like `like` with `values` added at ``[index]``; repeated places add up."""
        shape = tuple(like.shape)
        if indexing.is_basic(index):
            return self.assign(self.zeros(shape, dtype=values.dtype), index, values)
        places = indexing.flat_positions(self, shape, index)
        values = self.reshape(self.broadcast_to(values, places.shape), (-1,))
        places = self.reshape(places, (-1,))
        return self.reshape(indexing.summed(self, places, values, math.prod(shape)), shape)

    def assign(self, x: Array, index: Any, value: Any) -> Array:
        """Write `value` into ``x[index]``; return `x`, or a new array where it is immutable."""
        if isinstance(value, (bool, int, float, complex)):
            value = self.asarray(value, dtype=x.dtype)
        elif value.dtype != x.dtype:
            value = self.astype(value, x.dtype)
        shape = tuple(x.shape)
        if self.mutable and indexing.is_basic(index):
            index = indexing.explicit(index, shape)
            if None in index:  # which the standard does not know here
                region = x[index].shape
                index = tuple([p for p in index if p is not None])
                value = self.reshape(self.broadcast_to(value, region), x[index].shape)
            x[index] = value
            return x
        places = indexing.flat_positions(self, shape, index)
        value = self.reshape(self.broadcast_to(value, places.shape), (-1,))
        flat, places = self.reshape(x, (-1,)), self.reshape(places, (-1,))
        out = self.reshape(indexing.written(self, flat, places, value), shape)
        if not self.mutable:
            return out
        x[...] = out
        return x

    def sigmoid(self, x: Array) -> Array:
        """1 / (1 + exp(-x))."""
        return 1 / (1 + self.exp(-x))

    def bounds(self, x: Array) -> tuple[Any, Any] | None:
        """The least and the greatest element; `None` of nothing, or where the host would wait."""
        if 0 in x.shape:
            return None
        number = float if x.dtype in self.inexact else int
        return number(self.min(x)), number(self.max(x))

    def generator(self, seed: int) -> Generator:
        """A random generator with a state of its own."""
        return HostGenerator(self, seed)

    def copy(self, x: Array) -> Array:
        """A copy that shares nothing with `x`."""
        return self.asarray(x, copy=True)

    def to_host(self, x: Array) -> np.ndarray[Any, Any]:
        """A NumPy array with the values of `x`; it may share memory with `x` on the CPU."""
        return np.from_dlpack(x)

    def from_host(self, x: np.ndarray[Any, Any]) -> Array:
        """The values of a NumPy array on this device; it may share memory on the CPU."""
        return self.asarray(x)

    def send(self, x: Array, ns: Namespace) -> Array:
        """`x` on the device of another namespace, in memory of its own."""
        with contextlib.nullcontext() if ns.guard is None else ns.guard():
            out = ns.from_host(self.to_host(x))
            return ns.copy(out) if ns.memory_key(out) == self.memory_key(x) else out

    def owns_memory(self, x: Array) -> bool:
        """Whether no other array can see the memory of `x`; `False` where nobody knows."""
        return False

    def owner(self, x: Array) -> Array | None:
        """The array whose memory `x` shows, which may be `x`; `None` where nobody knows."""

    def memory_key(self, x: Array) -> int:
        """Equal for arrays that share memory."""
        return id(x)

    def is_view(self, x: Array, of: Array) -> bool:
        """Whether `x`, just made of another array, shows its memory."""
        return self.memory_key(x) == self.memory_key(of)

    def synchronize(self) -> None:
        """Wait until the device has done its work."""

    def memory_allocated(self) -> int:
        """Bytes now in use on the device."""
        raise DeviceError(f"{self} keeps no memory figures")

    def max_memory_allocated(self) -> int:
        """The most bytes in use on the device so far."""
        raise DeviceError(f"{self} keeps no memory figures")

    def reset_peak_memory_stats(self) -> None:
        """Begin `max_memory_allocated` anew."""
        raise DeviceError(f"{self} keeps no memory figures")

    def empty_cache(self) -> None:
        """Give memory that is cached but unused back to the device."""

    def __repr__(self) -> str:
        library = self.module.__name__.rpartition(".")[2]
        return f"{library} on {self.device}"

    # The standard's functions are instance attributes; a type checker need not know each.
    def __getattr__(self, name: str) -> Any:
        raise AttributeError(
            f"{self.module.__name__} on {self.device} has no {name!r}, "
            f"which this operation needs from the array API standard"
        )
