"""What numbers a dtype can hold."""

from __future__ import annotations

from typing import Any

import numpy as np

from xpgrad import dtypes

__all__ = ["finfo", "iinfo"]


class finfo:
    """The limits of a floating-point dtype (of its parts, for a complex one).

    Raises:
        TypeError: for integers and booleans.

    >>> import xpgrad as xg
    >>> xg.finfo(xg.float32).eps
    1.1920928955078125e-07
    """

    def __init__(self, dtype: Any = None) -> None:
        found = dtypes.get_default_dtype() if dtype is None else dtypes.as_dtype(dtype)
        if not found.is_differentiable:
            raise TypeError(
                f"xpgrad.finfo() requires a floating point input type, got {found}. Use "
                "xpgrad.iinfo to handle integers"
            )
        limits = np.finfo(found.to_real().name)
        self.bits = int(limits.bits)
        self.dtype = found.to_real().name
        self.eps = float(limits.eps)
        self.max = float(limits.max)
        self.min = float(limits.min)
        self.resolution = float(f"1e-{limits.precision}")
        self.smallest_normal = self.tiny = float(limits.smallest_normal)

    def __repr__(self) -> str:
        return (
            f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, "
            f"eps={self.eps:g}, smallest_normal={self.smallest_normal:g}, tiny={self.tiny:g}, "
            f"dtype={self.dtype})"
        )


class iinfo:
    """The limits of an integer dtype.

    Raises:
        TypeError: for other dtypes.

    >>> import xpgrad as xg
    >>> xg.iinfo(xg.int8)
    iinfo(min=-128, max=127, dtype=int8)
    """

    def __init__(self, dtype: Any) -> None:
        found = dtypes.as_dtype(dtype)
        if found.category != dtypes.INTEGER:
            raise TypeError(
                f"xpgrad.iinfo() requires an integer input type, got {found}. Use xpgrad.finfo to "
                "handle floating-point types"
            )
        limits = np.iinfo(found.name)
        self.bits = int(limits.bits)
        self.dtype = found.name
        self.max = int(limits.max)
        self.min = int(limits.min)

    def __repr__(self) -> str:
        return f"iinfo(min={self.min}, max={self.max}, dtype={self.dtype})"
