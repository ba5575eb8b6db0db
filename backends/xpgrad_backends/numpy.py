"""NumPy on the CPU."""

from __future__ import annotations

import contextlib
import warnings
from typing import Any

import array_api_compat.numpy as compat
import numpy as np

from xpgrad import dtypes
from xpgrad.device import device
from xpgrad.host import host_erf
from xpgrad.namespace import FUNCTIONS, Namespace
from xpgrad.registry import Backend

# NumPy warns where IEEE arithmetic gives inf or nan; CUDA and PyTorch stay silent, and so do ops
# here, at no cost per call. Arithmetic in the user's own modules warns as ever.
warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"xpgrad(_backends)?(\.|$)")

# Functions whose array-api-compat wrapper adds only Python time: NumPy's own already conforms.
_WRAPPED_FOR_CAUSE = {
    "astype", "sum", "prod", "std", "var", "reshape", "argsort", "sort", "nonzero", "clip",
    "cumulative_sum", "cumulative_prod", "unique_all", "unique_counts", "unique_inverse",
    "unique_values", "isdtype", "unstack", "finfo", "iinfo", "searchsorted", "from_dlpack",
    "take_along_axis", "ceil", "floor", "trunc", "count_nonzero",
}  # fmt: skip


class NumPyNamespace(Namespace):
    """NumPy's functions, its own wherever they conform to the standard."""

    array_type = np.ndarray

    def __init__(self, where: device) -> None:
        super().__init__(compat, where, native_device="cpu")  # type: ignore[arg-type]
        for name in FUNCTIONS:
            if name not in _WRAPPED_FOR_CAUSE and name not in type(self).__dict__:
                setattr(self, name, getattr(np, name, getattr(compat, name, None)))
        for name in ("arange", "empty", "eye", "full", "linspace", "ones", "zeros"):
            setattr(self, name, getattr(np, name))  # the only device is the default one
        for name in ("empty_like", "full_like", "ones_like", "zeros_like"):
            setattr(self, name, getattr(np, name))
        self.asarray = np.asarray
        # Rules conjugate freely; on real arrays and Python numbers this gives the thing itself.
        self.conj = lambda x, /: x.conjugate()

    def native_dtypes(self) -> dict[dtypes.dtype, Any]:
        return {d: np.dtype(d.name) for d in dtypes.ALL}

    def wrap(self, value: Any) -> Any:
        return np.asarray(value)

    def quiet(self) -> contextlib.AbstractContextManager[Any]:
        return np.errstate(all="ignore")

    # -- the standard, faster or stricter than NumPy's own

    def sum(self, x: Any, /, *, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Any:
        return np.add.reduce(x, axis=axis, dtype=dtype, keepdims=keepdims)

    def astype(self, x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Any:
        return x.astype(dtype, copy=copy)

    def reshape(self, x: Any, /, shape: Any, *, copy: bool | None = None) -> Any:
        return x.reshape(shape) if copy is None else compat.reshape(x, shape, copy=copy)

    # -- the extras

    def getitem(self, x: Any, index: Any) -> Any:
        return x[index]

    def index_add(self, like: Any, index: Any, values: Any) -> Any:
        out = np.zeros(like.shape, dtype=values.dtype)
        if _may_repeat(index):
            np.add.at(out, index, values)
        else:
            out[index] = values
        return out

    def assign(self, x: Any, index: Any, value: Any) -> Any:
        x[index] = value
        return x

    def erf(self, x: Any) -> Any:
        return host_erf(x)

    def copy(self, x: Any) -> Any:
        return x.copy()

    def to_host(self, x: Any) -> np.ndarray[Any, Any]:
        return np.asarray(x)

    def from_host(self, x: np.ndarray[Any, Any]) -> Any:
        return x

    def owns_memory(self, x: Any) -> bool:
        return bool(x.base is None and x.flags.owndata)

    def memory_key(self, x: Any) -> int:
        while isinstance(base := getattr(x, "base", None), np.ndarray):
            x = base
        return id(x)


def _may_repeat(index: Any) -> bool:
    """Whether an index can name one place twice: it holds an integer array."""
    parts = index if isinstance(index, tuple) else (index,)
    return any(isinstance(p, (np.ndarray, list)) and np.asarray(p).dtype.kind in "iu" for p in parts)


class NumPyBackend(Backend):
    """NumPy: one device, always there."""

    device_type = "cpu"
    library = "numpy"
    indexed = False

    def namespace(self, where: device) -> Namespace:
        return NumPyNamespace(where)


backend = NumPyBackend()
