"""Making tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from xpgrad import dtypes
from xpgrad.registry import resolve
from xpgrad.tensor import Tensor, wrap


def tensor(
    data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """A new leaf tensor with a copy of `data`."""
    ns = resolve(device)
    host = np.array(data)
    if dtype is None:
        python_floats = not isinstance(data, (np.ndarray, np.generic))
        found = dtypes.as_dtype(host.dtype)
        if python_floats and found is dtypes.float64:
            found = dtypes.get_default_dtype()
    else:
        found = dtypes.as_dtype(dtype)
    out = wrap(ns.from_host(host.astype(found.name)), ns)
    if requires_grad:
        out.requires_grad = True
    return out
