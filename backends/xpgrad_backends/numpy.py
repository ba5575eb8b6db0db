"""NumPy on the CPU."""

from __future__ import annotations

import contextlib
import math
import operator
import warnings
from typing import Any

import array_api_compat.numpy as compat
import numpy as np

from xpgrad import dtypes, indexing
from xpgrad.device import device
from xpgrad.host import host_special
from xpgrad.namespace import FUNCTIONS, Namespace
from xpgrad.registry import Backend
from xpgrad_backends import numba_kernels as kernels
from xpgrad_backends.numpy_convolution import Convolutions
from xpgrad_backends.numpy_fused import ERF, NumPyFused
from xpgrad_backends.numpy_indexing import selected
from xpgrad_backends.numpy_linalg import WithSciPy
from xpgrad_backends.numpy_memory import Ordered, by_rows, copied, ordered
from xpgrad_backends.numpy_places import (
    Places,
    added_along,
    gridded_if_large,
    joined,
    written_along,
    written_at,
)
from xpgrad_backends.numpy_searching import Searching
from xpgrad_backends.numpy_sparse import Sums

# NumPy warns where IEEE arithmetic gives inf or nan; CUDA and PyTorch stay silent, and so do ops
# here, at no cost per call. Arithmetic in the user's own modules warns as ever.
warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"xpgrad(_backends)?(\.|$)")

# Functions whose array-api-compat wrapper adds only Python time: NumPy's own already conforms.
_WRAPPED_FOR_CAUSE = {
    "astype", "sum", "prod", "std", "var", "reshape", "argsort", "sort", "nonzero", "clip",
    "cumulative_sum", "cumulative_prod", "unique_all", "unique_counts", "unique_inverse",
    "unique_values", "isdtype", "unstack", "finfo", "iinfo", "searchsorted", "from_dlpack",
    "ceil", "floor", "trunc",
}  # fmt: skip

_add: Any = np.add.reduce
_multiply: Any = np.multiply.reduce
_maximum: Any = np.maximum.reduce
_minimum: Any = np.minimum.reduce
_and: Any = np.logical_and.reduce
_or: Any = np.logical_or.reduce

LARGE = 4096  # elements; from here on `where`, `maximum` and `minimum` are worth a detour
_BITS = {"e": np.int16, "f": np.int32, "d": np.int64, "F": np.int64}  # as wide as these types


def _doubled(x: Any, axis: int) -> Any:
    """A stack of columns or rows with zeros beside each.

    The products of such are outer products, too, and BLAS makes them: those of single columns and
    rows NumPy takes for something else, which lasts twice to four times as long.
    """
    shape = (*x.shape[:-2], x.shape[-2], 2) if axis == -1 else (*x.shape[:-2], 2, x.shape[-1])
    out = np.zeros(shape, x.dtype)
    out[(..., slice(1)) if axis == -1 else (..., slice(1), slice(None))] = x
    return out


def _keep(x: Any, condition: Any) -> Any:
    """`x` where the condition holds, 0 elsewhere: its bits times 1 or 0.

    NumPy's `where` branches on each element, which costs random conditions ten times as much. And
    unlike numbers, bits times 0 are 0 for inf and nan too.
    """
    bits = _BITS[x.dtype.char]
    if not x.flags.c_contiguous or x.shape != condition.shape:
        return (x.view(bits) * condition).view(x.dtype)
    out = np.empty(x.shape, x.dtype)
    np.multiply(x.view(bits), condition, out.view(bits))
    return out  # itself, and no view: it may become a gradient as it is


def _seen(x: Any, shape: Any, strides: Any, start: int = 0) -> Any:
    """A view of the memory of `x`, from `start` bytes behind its first element; or `None`."""
    owner = x
    while isinstance(owner.base, np.ndarray):
        owner = owner.base
    if not owner.flags.c_contiguous:
        owner = by_rows(owner)
    if not owner.flags.c_contiguous or 0 in shape:
        return None
    start += x.__array_interface__["data"][0] - owner.__array_interface__["data"][0]
    out: Any = np.ndarray(shape, x.dtype, owner, start, strides)
    if not x.flags.writeable:
        out.flags.writeable = False
    return out


def _is_zero(x: Any) -> bool:
    return type(x) in (int, float) and x == 0 and math.copysign(1.0, x) > 0


class NumPyNamespace(Places, Searching, NumPyFused, Convolutions, Sums, WithSciPy, Ordered):
    """NumPy's functions, its own wherever they conform to the standard."""

    array_type = np.ndarray
    block = 2**16

    def __init__(self, where: device) -> None:
        super().__init__(compat, where, native_device="cpu")
        for name in FUNCTIONS:
            if name not in _WRAPPED_FOR_CAUSE and not hasattr(type(self), name):
                setattr(self, name, getattr(np, name, getattr(compat, name, None)))
        for name in ("arange", "empty", "eye", "full", "linspace", "ones", "zeros"):
            setattr(self, name, getattr(np, name))  # the only device is the default one
        for name in ("empty_like", "full_like", "ones_like", "zeros_like"):
            setattr(self, name, getattr(np, name))
        self.asarray = np.asarray
        self.matrix_transpose = operator.attrgetter("mT")

    def native_dtypes(self) -> dict[dtypes.dtype, Any]:
        return {d: np.dtype(d.name) for d in dtypes.ALL}

    def wrap(self, value: Any) -> Any:
        return np.asarray(value)

    def quiet(self) -> contextlib.AbstractContextManager[Any]:
        return np.errstate(all="ignore")

    def conj(self, x: Any, /) -> Any:
        return x.conjugate()  # on real arrays and Python numbers the thing itself

    # -- the standard, faster or stricter than NumPy's own: a method or a ufunc costs a fraction of
    # the function around it

    def where(self, condition: Any, x: Any, y: Any, /) -> Any:
        if condition.size >= LARGE and condition.dtype.char == "?":
            mine: Any = getattr(x, "dtype", None)
            other: Any = getattr(y, "dtype", None)
            if mine is other is not None and mine.char in _BITS:
                x, y = x.view(_BITS[mine.char]), y.view(_BITS[mine.char])
                found = (x ^ y) * condition
                if found.shape != y.shape or not (
                    found.flags.c_contiguous and y.flags.c_contiguous
                ):
                    return (found ^ y).view(mine)
                out = np.empty(y.shape, mine)
                np.bitwise_xor(found, y, out.view(y.dtype))
                return out
            if other is None and mine is not None and mine.char in _BITS and _is_zero(y):
                return _keep(x, condition)
            if mine is None and other is not None and other.char in _BITS and _is_zero(x):
                return _keep(y, ~condition)
        return np.where(condition, x, y)

    def maximum(self, x: Any, y: Any, /) -> Any:
        if type(y) in (int, float) and x.size >= LARGE and x.dtype.kind == "f":
            return x.clip(y, np.inf)
        return np.maximum(x, y)

    def minimum(self, x: Any, y: Any, /) -> Any:
        if type(y) in (int, float) and x.size >= LARGE and x.dtype.kind == "f":
            return x.clip(-np.inf, y)
        return np.minimum(x, y)

    def clip(self, x: Any, /, min: Any = None, max: Any = None) -> Any:
        if type(min) in (int, float) and type(max) in (int, float) and x.dtype.kind == "f":
            return x.clip(min, max)
        return compat.clip(x, min, max)

    def sum(self, x: Any, /, *, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Any:
        out = _add(x, axis=axis, dtype=dtype, keepdims=keepdims)
        return out if x.ndim < 3 else ordered(out)

    def prod(
        self, x: Any, /, *, axis: Any = None, dtype: Any = None, keepdims: bool = False
    ) -> Any:
        out = _multiply(x, axis=axis, dtype=dtype, keepdims=keepdims)
        return out if x.ndim < 3 else ordered(out)

    def max(self, x: Any, /, *, axis: Any = None, keepdims: bool = False) -> Any:
        out = _maximum(x, axis=axis, keepdims=keepdims)
        return out if x.ndim < 3 else ordered(out)

    def min(self, x: Any, /, *, axis: Any = None, keepdims: bool = False) -> Any:
        out = _minimum(x, axis=axis, keepdims=keepdims)
        return out if x.ndim < 3 else ordered(out)

    def all(self, x: Any, /, *, axis: Any = None, keepdims: bool = False) -> Any:
        out = _and(x, axis=axis, keepdims=keepdims)
        return out if x.ndim < 3 else ordered(out)

    def any(self, x: Any, /, *, axis: Any = None, keepdims: bool = False) -> Any:
        out = _or(x, axis=axis, keepdims=keepdims)
        return out if x.ndim < 3 else ordered(out)

    def mean(self, x: Any, /, *, axis: Any = None, keepdims: bool = False) -> Any:
        if x.dtype.char == "e":  # half precision has too few digits for a sum
            wide = ordered(_add(x, axis=axis, dtype=np.float32, keepdims=keepdims))
            return (wide / (x.size / max(wide.size, 1) or np.nan)).astype(np.float16)
        total = _add(x, axis=axis, keepdims=keepdims)
        if x.ndim > 2:
            total = ordered(total)
        return total / (x.size // max(total.size, 1) or np.nan)

    def var(
        self, x: Any, /, *, axis: Any = None, correction: float = 0.0, keepdims: bool = False
    ) -> Any:
        wide = x.astype(np.float32) if x.dtype.char == "e" else x
        distance = wide - self.mean(wide, axis=axis, keepdims=True)
        squares = (distance * distance.conjugate()).real
        total = ordered(_add(squares, axis=axis, keepdims=keepdims))
        found = total / max(x.size / max(total.size, 1) - correction, 0)
        return found.astype(np.float16) if wide is not x else found

    def std(
        self, x: Any, /, *, axis: Any = None, correction: float = 0.0, keepdims: bool = False
    ) -> Any:
        return np.sqrt(self.var(x, axis=axis, correction=correction, keepdims=keepdims))

    def argmax(self, x: Any, /, *, axis: Any = None, keepdims: bool = False) -> Any:
        return x.argmax(axis, keepdims=keepdims)

    def argmin(self, x: Any, /, *, axis: Any = None, keepdims: bool = False) -> Any:
        return x.argmin(axis, keepdims=keepdims)

    def take(self, x: Any, indices: Any, /, *, axis: Any = None) -> Any:
        return x.take(indices, axis)

    def matmul(self, x: Any, y: Any, /) -> Any:
        if x.ndim == 2 == y.ndim:
            return x.dot(y)
        if y.ndim == 2 < x.ndim and x.flags.c_contiguous:  # one large product, not many small
            rows = x.reshape(math.prod(x.shape[:-1]), x.shape[-1])
            return rows.dot(y).reshape(*x.shape[:-1], y.shape[1])
        if x.ndim > 2 < y.ndim and x.shape[-1] == 1 == y.shape[-2] and x.dtype.kind in "fc":
            # Stacks of outer products: gradients of weights for each example.
            if x.dtype is y.dtype and x.dtype.kind == "f":
                if x.size * y.shape[-1] >= kernels.LARGE:
                    found = kernels.compiled("outer", x, y)
                    if found is None and x.dtype.char in "fd":
                        found = np.matmul(_doubled(x, -1), _doubled(y, -2))
                    if found is not None:
                        return found
                return np.einsum("...ij,...jk->...ik", x, y, order="C")
            return ordered(x * y)
        return np.matmul(x, y) if x.ndim < 3 else ordered(np.matmul(x, y))

    def as_real(self, x: Any) -> Any:
        part = np.float64 if x.dtype == np.complex128 else np.float32
        return x[..., None].view(part)

    def as_complex(self, x: Any) -> Any:
        whole = np.complex128 if x.dtype == np.float64 else np.complex64
        if x.strides[-1] != x.itemsize or any(s % (2 * x.itemsize) for s in x.strides[:-1]):
            x = np.ascontiguousarray(x)
        return x.view(whole)[..., 0]

    def broadcast_to(self, x: Any, /, shape: Any) -> Any:
        if x.ndim:
            out = np.broadcast_to(x, shape)
            lead = out.ndim - x.ndim
            # Nothing repeated: no reason to be read-only.
            return x[(None,) * lead] if out.shape == (1,) * lead + x.shape else out
        out = np.ndarray(shape, x.dtype, x, 0, (0,) * len(shape))
        if out.size > 1:
            out.flags.writeable = False
        return out

    def expand_dims(self, x: Any, /, *, axis: int) -> Any:
        place = axis + x.ndim + 1 if axis < 0 else axis
        if not 0 <= place <= x.ndim:
            raise IndexError(f"axis {axis} is out of range for an array of {x.ndim} dimensions")
        return x[(slice(None),) * place + (None,)]

    def unstack(self, x: Any, /, *, axis: int = 0) -> tuple[Any, ...]:
        lead = (slice(None),) * (axis % x.ndim)
        return tuple([x[(*lead, i, ...)] for i in range(x.shape[axis])])  # 0-d views, no scalars

    def squeeze(self, x: Any, /, axis: Any) -> Any:
        return x.squeeze(axis)

    def permute_dims(self, x: Any, /, axes: Any) -> Any:
        return x.transpose(axes)

    def astype(self, x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Any:
        if copy and not x.flags.c_contiguous:
            return copied(x, dtype)
        return x.astype(dtype, copy=copy)

    def reshape(self, x: Any, /, shape: Any, *, copy: bool | None = None) -> Any:
        return x.reshape(shape) if copy is None else compat.reshape(x, shape, copy=copy)

    # -- the extras

    # NumPy's own walk over an index of any kind is general and slow. What training does all the
    # time (rows by number, elements by mask) is several times faster by flat positions.

    def getitem(self, x: Any, index: Any) -> Any:
        if type(index) is tuple and index and isinstance(index[-1], np.ndarray):
            part = index[0]
            if len(index) > 1 or not x.flags.c_contiguous:
                return selected(x, index)
            if part.dtype.kind in "iu":
                return x.take(part, axis=0)
            if part.shape == x.shape:
                return x.reshape(-1).take(np.flatnonzero(part))
        return x[index]

    def index_add(self, like: Any, index: Any, values: Any) -> Any:
        out = np.zeros(like.shape, dtype=values.dtype)
        parts = index if type(index) is tuple else (index,)
        arrays = [p for p in parts if isinstance(p, np.ndarray)]
        if not any(p.dtype.kind in "iu" for p in arrays):
            return self.assign(out, index, values)  # nothing is named twice
        if values.size < 512:
            np.add.at(out, index, values)
            return out
        shape: tuple[int, ...] = out.shape
        if len(arrays) == 1:
            found = self._slices_added(shape, parts, arrays[0], values)
            if found is not None:
                return found
        axis = gridded_if_large(parts, shape)
        if axis is not None:
            found = added_along(values, arrays[axis], shape, axis)
            if found is not None:
                return found
        places = None
        if len(arrays) == len(parts) == len(shape) and all(p.dtype.kind in "iu" for p in arrays):
            places = joined(arrays, shape)
        if places is None:
            places = indexing.flat_positions(self, shape, index)
        if values.shape != places.shape:
            values = np.broadcast_to(values, places.shape)
        flat = places.reshape(-1)
        if values.size >= kernels.LARGE:
            line = values.reshape(1, flat.size, 1)
            found = kernels.compiled("slices_added", flat, line, out.size, shape)
            if found is not None:
                return found
        np.add.at(out.reshape(-1), flat, values.reshape(-1))
        return out

    def _slices_added(self, shape: Any, parts: Any, places: Any, values: Any) -> Any:
        """`index_add` of slices along the axis of an index with one array."""
        axis, size = next(i for i, part in enumerate(parts) if part is places), places.size
        before, after = math.prod(shape[:axis]), math.prod(shape[axis + 1 :])
        if (
            any(p is not places and p is not Ellipsis and p != slice(None) for p in parts)
            or Ellipsis in parts[:axis]
            or before * size * after != values.size
            or places.dtype.kind not in "iu"
        ):
            return None
        flat, n = places.reshape(-1), shape[axis]
        found = self.rows_added(flat, values.reshape(size, after), n) if before == 1 else None
        if found is None:
            return self.slices_added(flat, values.reshape(before, size, after), shape, axis)
        return found if found.shape == shape else found.reshape(shape)

    def assign(self, x: Any, index: Any, value: Any) -> Any:
        if type(index) is tuple and len(index) == 1 and isinstance(index[0], np.ndarray):
            (part,) = index
            if part.shape == x.shape and part.dtype.kind == "b" and x.flags.c_contiguous:
                x.reshape(-1)[np.flatnonzero(part)] = value
                return x
        several = type(index) is tuple and len(index) > 0 and isinstance(index[-1], np.ndarray)
        if several and written_at(x, index, value):
            return x
        axis = gridded_if_large(index, x.shape) if type(index) is tuple else None
        if axis is None or not written_along(x, index[axis], value, axis):
            x[index] = value
        return x

    def bounds(self, x: Any) -> tuple[Any, Any] | None:
        if x.size >= kernels.LARGE:
            found: Any = kernels.compiled("extrema", x)
            if found is not None:
                return found
        return (_minimum(x, axis=None).item(), _maximum(x, axis=None).item()) if x.size else None

    special = staticmethod(host_special)

    def erf(self, x: Any) -> Any:
        if x.dtype.char != "f" or x.size < LARGE:
            return host_special("erf", x)
        out = np.empty(x.shape, x.dtype)
        flat, found = np.asarray(x).reshape(-1), out.reshape(-1)
        step = self.block // 2
        for i in range(0, x.size, step):  # what is read and written stays in the cache
            part = flat[i : i + step].clip(-4, 4)
            square = part * part
            power = square * ERF[0]
            for c in ERF[1:-1]:
                power += c
                power *= square
            power += ERF[-1]
            power *= part
            np.tanh(power, out=found[i : i + step])
        return out

    def gcd(self, x: Any, y: Any) -> Any:
        return np.gcd(x, y)

    def memory(self, x: Any) -> tuple[Any, int] | None:
        owner = x
        while isinstance(owner.base, np.ndarray):
            owner = owner.base
        if not owner.flags.c_contiguous:
            owner = by_rows(owner)
        start = x.__array_interface__["data"][0] - owner.__array_interface__["data"][0]
        if not owner.flags.c_contiguous or start % x.itemsize or owner.nbytes % x.itemsize:
            return None
        flat = np.ndarray((owner.nbytes // x.itemsize,), x.dtype, owner)
        return self.wrap(flat), start // x.itemsize

    def windows(self, x: Any, axis: int, size: int, step: int) -> Any:
        count = (x.shape[axis] - size) // step + 1
        shape = (*x.shape[:axis], count, *x.shape[axis + 1 :], size)
        along = x.strides[axis]
        strides = (*x.strides[:axis], along * step, *x.strides[axis + 1 :], along)
        seen = _seen(x, shape, strides)
        return super().windows(x, axis, size, step) if seen is None else seen

    def strided(self, x: Any, shape: Any, strides: Any, offset: int, own: Any = None) -> Any:
        item = x.itemsize
        if x.flags.c_contiguous if own is None else x.strides == tuple(s * item for s in own):
            seen = _seen(x, shape, tuple(s * item for s in strides), offset * item)
            if seen is not None:
                return seen
        return super().strided(x, shape, strides, offset, own)

    def copy(self, x: Any) -> Any:
        return x.copy()

    def to_host(self, x: Any) -> np.ndarray[Any, Any]:
        return np.asarray(x)

    def from_host(self, x: np.ndarray[Any, Any]) -> Any:
        return x

    def owns_memory(self, x: Any) -> bool:
        return bool(x.base is None and x.flags.owndata)

    def owner(self, x: Any) -> Any:
        owner = x if x.base is None else x.base
        return owner if isinstance(owner, np.ndarray) and self.owns_memory(owner) else None

    def memory_key(self, x: Any) -> int:
        # NumPy gives a view of a view the base of both, unless that is no array of its own.
        while isinstance(base := x.base, np.ndarray):
            x = base
        return id(x)

    def is_view(self, x: Any, of: Any) -> bool:
        base = x.base
        if base is None:
            return x is of
        return base is of or base is of.base or self.memory_key(x) == self.memory_key(of)


class NumPyBackend(Backend):
    """NumPy: one device, always there."""

    device_type = "cpu"
    library = "numpy"
    indexed = False

    def namespace(self, where: device) -> Namespace:
        # glibc maps large blocks afresh for each operation and returns them after it; the page
        # faults cost more than the arithmetic. It stops doing so for blocks up to the size of any
        # that was freed before, 32 MB at most: free one. Untouched, it costs nothing.
        np.empty(2**25 - 2**16, np.uint8)
        return NumPyNamespace(where)


backend = NumPyBackend()
