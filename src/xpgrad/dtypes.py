"""xpgrad's data types: small interned objects, the same on every backend.

NumPy and CuPy understand them wherever they take a dtype (``np.zeros(3, xpgrad.float32)``);
each namespace maps them to its library's own.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from xpgrad.errors import DTypeError

# The categories of type promotion, from weakest to strongest.
BOOL, INTEGER, FLOATING, COMPLEX = range(4)
_CATEGORIES = {"b": BOOL, "u": INTEGER, "i": INTEGER, "f": FLOATING, "c": COMPLEX}


class dtype:
    """A data type, such as ``xpgrad.float32``. Interned: compare with ``is`` or ``==``.

    >>> import xpgrad as xg
    >>> xg.float32.itemsize, xg.complex64.is_complex
    (4, True)
    """

    __slots__ = ("category", "itemsize", "name", "torch_name")

    name: str
    category: int
    itemsize: int
    torch_name: str

    def __init__(self, name: str, torch_name: str) -> None:
        host = np.dtype(name)
        self.name = name
        self.category = _CATEGORIES[host.kind]
        self.itemsize = host.itemsize
        self.torch_name = torch_name

    @property
    def dtype(self) -> Any:
        """The same type as NumPy names it (NumPy and CuPy look here)."""
        return np.dtype(self.name)

    @property
    def is_floating_point(self) -> bool:
        """Whether values are real floating-point numbers."""
        return self.category == FLOATING

    @property
    def is_complex(self) -> bool:
        """Whether values are complex numbers."""
        return self.category == COMPLEX

    @property
    def is_signed(self) -> bool:
        """Whether negative values exist."""
        return self.category > BOOL and not self.name.startswith("uint")

    @property
    def is_differentiable(self) -> bool:
        """Whether tensors of this type can require gradients."""
        return self.category >= FLOATING

    def to_real(self) -> DType:
        """The type of the real part: ``float32`` for ``complex64``; a real type is itself."""
        return _REAL_OF.get(self, self)

    def to_complex(self) -> DType:
        """The complex type with this real part: ``complex64`` for ``float32``."""
        return _COMPLEX_OF.get(self, self)

    def __repr__(self) -> str:
        return f"xpgrad.{self.name}"

    def __reduce__(self) -> str:
        # Pickled by name, so that identity survives.
        return "bool_" if self.name == "bool" else self.name


DType = dtype  # a second name, for annotations inside the class, where `dtype` is the property

bool_ = dtype("bool", "Bool")
uint8 = dtype("uint8", "Byte")
uint16 = dtype("uint16", "UInt16")
uint32 = dtype("uint32", "UInt32")
uint64 = dtype("uint64", "UInt64")
int8 = dtype("int8", "Char")
int16 = dtype("int16", "Short")
int32 = dtype("int32", "Int")
int64 = dtype("int64", "Long")
float16 = dtype("float16", "Half")
float32 = dtype("float32", "Float")
float64 = dtype("float64", "Double")
complex64 = dtype("complex64", "ComplexFloat")
complex128 = dtype("complex128", "ComplexDouble")

ALL: tuple[dtype, ...] = (
    bool_, uint8, uint16, uint32, uint64, int8, int16, int32, int64,
    float16, float32, float64, complex64, complex128,
)  # fmt: skip
BY_NAME: dict[str, dtype] = {d.name: d for d in ALL}
_COMPLEX_OF = {float16: complex64, float32: complex64, float64: complex128}
_REAL_OF = {complex64: float32, complex128: float64}
_PYTHON = {bool: bool_, int: int64, float: float32, complex: complex64}

_read: dict[Any, dtype] = {}  # spellings met so far: a library's own dtypes are slow to name

_default = float32


def as_dtype(spec: Any) -> dtype:
    """Read a dtype written as xpgrad's, NumPy's, a name, or ``bool``/``int``/``float``.

    Raises:
        DTypeError: where nothing of that kind exists here.
    """
    if isinstance(spec, dtype):
        return spec
    try:
        return _read[type(spec), spec]  # dtypes of two libraries must not be compared
    except (KeyError, TypeError):  # not seen yet, or nothing that hashes
        pass
    if spec is float:
        return _default
    if spec is complex:
        return _default.to_complex()
    if isinstance(spec, type) and spec in _PYTHON:
        return _PYTHON[spec]
    if isinstance(spec, str):
        found = BY_NAME.get(spec)
    else:
        # Any library's dtype prints its name last: dtype('float32'), strict.float32, ...
        found = BY_NAME.get(getattr(spec, "name", "")) or BY_NAME.get(str(spec).rpartition(".")[2])
        if found is None:
            try:
                found = BY_NAME.get(np.dtype(spec).name)
            except TypeError:
                found = None
    if found is None:
        known = ", ".join(d.name for d in ALL)
        raise DTypeError(f"{spec!r} is no data type of xpgrad; there are {known}")
    _read[type(spec), spec] = found
    return found


def get_default_dtype() -> dtype:
    """The dtype of tensors made from Python floats (``float32`` at first)."""
    return _default


def set_default_dtype(d: Any) -> None:
    """Set the dtype of tensors made from Python floats.

    Raises:
        DTypeError: unless `d` is a real floating-point type.
    """
    global _default
    found = as_dtype(d)
    if not found.is_floating_point:
        raise DTypeError(f"only floating-point types are supported as the default, got {found}")
    _default = found


def of_scalar(value: complex) -> dtype:
    """The dtype that a Python scalar stands for when nothing else decides."""
    if isinstance(value, bool):
        return bool_
    if isinstance(value, int):
        return int64
    return _default if isinstance(value, float) else _default.to_complex()


def promote_types(a: Any, b: Any) -> dtype:
    """The smallest type that holds both, by PyTorch's rule: a float stays as wide as it is
    beside an integer of any width.

    >>> import xpgrad as xg
    >>> xg.promote_types(xg.int64, xg.float32)
    xpgrad.float32
    """
    x, y = as_dtype(a), as_dtype(b)
    if x is y:
        return x
    if x.category == y.category or {x.category, y.category} == {FLOATING, COMPLEX}:
        found = BY_NAME[np.promote_types(x.name, y.name).name]
        if found.category > max(x.category, y.category):
            raise DTypeError(
                f"Promotion for uint16, uint32, uint64 types is not supported, attempted to "
                f"promote {x} and {y}"
            )
        return found
    return x if x.category > y.category else y


def can_cast(from_: Any, to: Any) -> bool:
    """Whether PyTorch's rules let `from_` be written into `to`: never to a weaker category.

    >>> import xpgrad as xg
    >>> xg.can_cast(xg.float64, xg.float32), xg.can_cast(xg.float32, xg.int64)
    (True, False)
    """
    source, target = as_dtype(from_), as_dtype(to)
    if source.is_signed and not target.is_signed and target.category == INTEGER:
        return False
    return source.category <= target.category


def combine(strong: dtype | None, weak: dtype | None) -> dtype | None:
    """The type of `strong` unless `weak` is of a stronger category.

    `strong` comes from tensors with dimensions, `weak` from 0-d tensors or Python scalars.
    """
    if strong is None or weak is None:
        return weak if strong is None else strong
    if weak.category <= strong.category:
        return strong
    if strong.category == FLOATING:  # beside a complex scalar: keep the precision
        return strong.to_complex()
    return promote_types(strong, weak)
