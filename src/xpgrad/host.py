"""What NumPy computes for a device whose own library cannot: random numbers, special functions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from xpgrad import dtypes
from xpgrad.errors import missing_extra

if TYPE_CHECKING:
    from xpgrad.namespace import Array, Namespace


class Generator(Protocol):
    """What a backend's random generator offers; `Namespace.generator` makes one."""

    def uniform(self, shape: tuple[int, ...], dtype: Any) -> Array:
        """Numbers from [0, 1)."""

    def normal(self, shape: tuple[int, ...], dtype: Any) -> Array:
        """Standard normal numbers."""

    def integers(self, low: int, high: int, shape: tuple[int, ...], dtype: Any) -> Array:
        """Integers from [low, high)."""

    def permutation(self, n: int) -> Array:
        """The integers below `n` in random order."""

    def get_state(self) -> np.ndarray[Any, Any]:
        """The state as bytes (uint8)."""

    def set_state(self, state: np.ndarray[Any, Any]) -> None:
        """Go on from a state that `get_state` returned."""


# What Python's own library has too, element by element, where SciPy is not installed.
_PLAIN: dict[str, Callable[[float], float]] = {"erf": math.erf, "erfc": math.erfc}


def host_special(name: str, *values: Any) -> np.ndarray[Any, Any]:
    """One of ``scipy.special``'s functions of NumPy arrays and numbers, in the arrays' dtype.

    Raises:
        MissingExtra: without SciPy, for all but `erf` and `erfc`.
    """
    dtype = next(v.dtype for v in values if isinstance(v, (np.ndarray, np.generic)))
    try:
        from scipy import special
    except ImportError:
        if name not in _PLAIN:
            raise missing_extra("SciPy", "special", f"the special function {name!r}") from None
        return np.asarray(np.frompyfunc(_PLAIN[name], 1, 1)(*values), dtype=dtype)
    if name.startswith("eval_"):  # a polynomial of an order, which has to be an integer
        values = (np.asarray(values[0]).astype(np.int64), *values[1:])
    found = getattr(special, name)(*values)
    return np.asarray(found[0] if isinstance(found, tuple) else found, dtype=dtype)  # airy's Ai


class HostGenerator:
    """Random numbers drawn by NumPy and moved to the device."""

    def __init__(self, xp: Namespace, seed: int) -> None:
        self._xp = xp
        self._bits = np.random.PCG64(seed)
        self._rng = np.random.Generator(self._bits)

    def _give(self, x: Any, dtype: Any) -> Array:
        return self._xp.from_host(np.asarray(x).astype(self._xp_name(dtype), copy=False))

    def _xp_name(self, dtype: Any) -> str:
        return dtypes.as_dtype(dtype).name

    def uniform(self, shape: tuple[int, ...], dtype: Any) -> Array:
        """Numbers from [0, 1)."""
        # Drawn in the precision asked for: rounding a wider draw could give 1.0.
        wide = np.float64 if self._xp_name(dtype) == "float64" else np.float32
        drawn = np.asarray(self._rng.random(shape, dtype=wide))
        if self._xp_name(dtype) == "float16":
            drawn = np.floor(drawn * 2048) / 2048
        return self._give(drawn, dtype)

    def normal(self, shape: tuple[int, ...], dtype: Any) -> Array:
        """Standard normal numbers."""
        wide = np.float64 if self._xp_name(dtype) == "float64" else np.float32
        return self._give(self._rng.standard_normal(shape, dtype=wide), dtype)

    def integers(self, low: int, high: int, shape: tuple[int, ...], dtype: Any) -> Array:
        """Integers from [low, high)."""
        return self._give(self._rng.integers(low, high, size=shape), dtype)

    def permutation(self, n: int) -> Array:
        """The integers below `n` in random order."""
        has = dtypes.int64 in self._xp.natives
        return self._give(self._rng.permutation(n), dtypes.int64 if has else dtypes.int32)

    def get_state(self) -> np.ndarray[Any, Any]:
        """The state as bytes."""
        state: Any = self._bits.state
        inner = state["state"]
        packed = (
            inner["state"].to_bytes(16, "little")
            + inner["inc"].to_bytes(16, "little")
            + int(state["has_uint32"]).to_bytes(4, "little")
            + int(state["uinteger"]).to_bytes(4, "little")
        )
        return np.frombuffer(packed, dtype=np.uint8).copy()

    def set_state(self, state: np.ndarray[Any, Any]) -> None:
        """Go on from `state`.

        Raises:
            ValueError: where `state` is not one that `get_state` returned.
        """
        packed = np.asarray(state, dtype=np.uint8).tobytes()
        if len(packed) != 40:
            raise ValueError(f"a generator state is 40 bytes here, got {len(packed)}")
        self._bits.state = {
            "bit_generator": "PCG64",
            "state": {
                "state": int.from_bytes(packed[:16], "little"),
                "inc": int.from_bytes(packed[16:32], "little"),
            },
            "has_uint32": int.from_bytes(packed[32:36], "little"),
            "uinteger": int.from_bytes(packed[36:40], "little"),
        }
