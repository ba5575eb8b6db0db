"""What a transform makes of a library and its arrays: namespaces and arrays around Tensors."""

from __future__ import annotations

import contextlib
import math
import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from xpgrad.array_api.namespace import function as of_tensors
from xpgrad.errors import GradientError
from xpgrad.indexing import is_basic
from xpgrad.namespace import CREATION, Namespace
from xpgrad.ops import compare, device, elementwise, indexing, linalg, reductions
from xpgrad.ops import shape as shapes
from xpgrad.portable import EXTRAS
from xpgrad.tensor import Tensor, wrap

if TYPE_CHECKING:
    from xpgrad.func.levels import Level
    from xpgrad.op import Op, OpFunction


def held(t: Tensor) -> Tensor:
    """A Tensor to wrap: what shows the memory of one from outside, and is known to nobody.

    So it counts as a holder of the array that may have been saved (`xpgrad.versions`).
    """
    if t._ns.depth:
        return t
    out = wrap(t._data, t._ns, t._node)
    out._shared, out._inference = t._counter(), t._inference
    return out


class Wrapped:
    """What a level makes of an array: a Tensor of the level below, and what belongs to it.

    To a rule it looks like an array: shape, dtype and operators. Each operator is the Tensors'.
    """

    __slots__ = ("__weakref__", "dtype", "ns", "shape", "value")

    ns: WrappedNamespace
    value: Tensor
    shape: tuple[int, ...]
    dtype: Any  # the library's own

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        return math.prod(self.shape)

    def __getitem__(self, index: Any) -> Any:
        return self.ns.getitem(self, index)

    def __bool__(self) -> bool:
        return bool(self.ns.number(self, "bool"))

    def __int__(self) -> int:
        return int(self.ns.number(self, "item"))

    def __float__(self) -> float:
        return float(self.ns.number(self, "item"))

    def __index__(self) -> int:
        return operator.index(self.ns.number(self, "item"))

    __hash__ = object.__hash__


# What a rule computes with wrapped arrays is one op on them, which the level knows how to run.
# Where they are alike (of one level and one dtype, or floats beside a Python number) nothing has to
# be looked at any further; for all else the Tensors' own functions are thorough.


def _alike(x: Any, y: Any) -> bool:
    kind = type(y)
    if kind is float or kind is int:
        return x.dtype in x.ns.inexact
    return kind is type(x) and y.ns is x.ns and y.dtype is x.dtype


def _operator(name: str, function: Any = None) -> None:
    of_tensors = getattr(operator, name)
    floats = function is elementwise.divide

    def call(self: Wrapped, other: Any) -> Any:
        quotient = floats and self.dtype not in self.ns.inexact  # of integers: a float
        if function is not None and not quotient and _alike(self, other):
            return self.ns.run(function.op, (self, other), {})
        return _array(of_tensors(wrap(self, self.ns), _tensor(other)))

    call.__name__ = call.__qualname__ = name
    setattr(Wrapped, name, call)


def _reflected(name: str, function: Any = None) -> None:
    of_tensors = getattr(operator, f"__{name}__")

    def call(self: Wrapped, other: Any) -> Any:
        if function is not None and _alike(self, other):
            return self.ns.run(function.op, (self, other), {})
        return _array(of_tensors(_tensor(other), wrap(self, self.ns)))

    call.__name__ = call.__qualname__ = f"__r{name}__"
    setattr(Wrapped, call.__name__, call)


def _sign(name: str) -> None:
    of_tensors = getattr(operator, name)

    def call(self: Wrapped) -> Any:
        return _array(of_tensors(wrap(self, self.ns)))

    call.__name__ = call.__qualname__ = name
    setattr(Wrapped, name, call)


for _name, _function in {
    "add": elementwise.add, "sub": elementwise.subtract, "mul": elementwise.multiply,
    "truediv": elementwise.divide, "floordiv": None, "mod": None, "pow": None, "matmul": None,
    "and": None, "or": None, "xor": None, "lshift": None, "rshift": None,
}.items():  # fmt: skip
    _operator(f"__{_name}__", _function)
    # In the other order a number is added or multiplied all the same.
    _reflected(_name, _function if _name in ("add", "mul") else None)
for _name, _function in {
    "eq": compare.equal, "ne": compare.not_equal, "lt": compare.less,
    "le": compare.less_equal, "gt": compare.greater, "ge": compare.greater_equal,
}.items():  # fmt: skip
    _operator(f"__{_name}__", _function)
for _name in ("neg", "pos", "abs", "invert"):
    _sign(f"__{_name}__")


def _tensor(value: Any) -> Any:
    """Wrapped arrays as Tensors, wherever they stand in arguments."""
    if isinstance(value, Wrapped):
        return wrap(value, value.ns)
    if type(value) in (tuple, list):
        return type(value)(map(_tensor, value))
    return value


def _array(value: Any) -> Any:
    """Tensors as their arrays, wherever they stand in results."""
    if isinstance(value, Tensor):
        return value._data
    if isinstance(value, (tuple, list)):
        return (
            type(value)(map(_array, value))
            if type(value) in (tuple, list)
            else tuple(map(_array, value))
        )
    return value


def lowered(value: Any, ns: Namespace) -> Any:
    """Settings for an op below: index arrays without what this namespace wraps them in."""
    if isinstance(value, Wrapped) and value.ns is ns:
        return value.value._data
    if type(value) in (tuple, list):
        return type(value)(lowered(v, ns) for v in value)
    if type(value) is dict:
        return {k: lowered(v, ns) for k, v in value.items()}
    return value


class WrappedNamespace(Namespace):
    """A library within a level: every function of it is the Tensors' function of that name."""

    array_type: type[Wrapped]
    level: Level
    base: Any = None  # over the property of that name, so that it can be set
    mutable = False  # a write gives a Tensor a new array, as on any immutable library

    def __init__(self, level: Level, base: Namespace, under: Namespace) -> None:
        self.level = level
        self.base = base
        self.under = under
        self.depth = level.depth
        self.module = base.module
        self.device = base.device
        self.native_device = base.native_device
        self.guard = base.guard or contextlib.nullcontext  # there is one, so that ops come to `run`
        self.natives = base.natives
        self.inexact = base.inexact
        self.complexes = base.complexes
        self.dtype_of = base.dtype_of  # type: ignore[method-assign]
        self.native = base.native  # type: ignore[method-assign]
        self.quiet = base.quiet  # type: ignore[method-assign]
        self.finfo, self.iinfo, self.isdtype = base.finfo, base.iinfo, base.isdtype

    # ---------------------------------------------------------------- what a transform defines

    def constant(self, t: Tensor) -> Wrapped:
        """A Tensor of the level below that this transform has nothing to do with."""
        raise NotImplementedError

    def run(self, op: Op, arrays: Any, settings: dict[str, Any]) -> Any:
        """An op on wrapped arrays."""
        raise NotImplementedError

    def severed(self, x: Any) -> Wrapped:
        """`x` without derivatives: what ``detach`` leaves of it."""
        raise NotImplementedError

    def through(self, x: Any, function: Callable[[Tensor], Tensor]) -> Wrapped:
        """All that is below `x`, each Tensor through a linear function."""
        raise NotImplementedError

    def show(self, x: Any) -> str:
        """How a Tensor around `x` is printed."""
        raise NotImplementedError

    def captured(self) -> GradientError:
        """The error where a Tensor from outside is written to with values of this transform."""
        raise NotImplementedError

    def receive(self, t: Tensor) -> None:
        """Let a Tensor from outside take values of this transform in place.

        Raises:
            GradientError: that is not possible.
        """
        raise self.captured()

    def landed(self, g: Tensor, ns: Namespace) -> Any:
        """A gradient as the array that a leaf of `ns` accumulates."""
        if ns is not self:
            raise self.captured()
        return g._data

    def draws(self, source: Any) -> Any:
        """The random numbers of a library as this transform gives them: the same at each place."""
        return Draws(self, source)

    def number(self, x: Wrapped, what: str) -> Any:
        """The Python number in an array of one element."""
        raise NotImplementedError

    # ---------------------------------------------------------------- from level to level

    def lift(self, t: Tensor) -> Tensor:
        """A Tensor from outside as one of this level; its history stays below.

        Raises:
            GradientError: for a Tensor of a level that has ended, or of another one as deep.
        """
        if t._ns is self:
            return t
        if t._ns.depth >= self.depth or self.level.ended:
            raise GradientError(
                f"a tensor made inside {self.level.kind} is used after it has ended, or in another "
                "one beside it: return it from the function that is transformed"
            )
        if t._ns is not self.under:
            t = self.under.lift(t)
        return wrap(self.constant(held(t)), self)

    def beside(self, ns: Namespace) -> Namespace:
        """This level on another device."""
        return self.level.over(ns.base)

    def send(self, x: Any, ns: Namespace) -> Any:
        """`x` on the device of another namespace of this level."""
        from xpgrad.ops.device import to_device

        assert isinstance(ns, WrappedNamespace)
        with self.level.lowered():
            return ns.through(x, lambda t: to_device(t, ns=ns.under))

    def wrap(self, value: Any) -> Any:
        """An array of this namespace around anything."""
        if isinstance(value, Wrapped) and value.ns is self:
            return value
        if not isinstance(value, (Tensor, Wrapped)):
            value = wrap(self.base.wrap(value), self.base)
        return self.lift(_tensor(value))._data

    # ---------------------------------------------------------------- functions

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        found = of_tensors(name)
        if callable(found):
            found = _on_arrays(found)
            setattr(WrappedNamespace, name, staticmethod(found))
        return found

    @property
    def linalg(self) -> _Extension:
        """The standard's extension."""
        return _Extension("linalg")

    @property
    def fft(self) -> _Extension:
        """The standard's extension."""
        return _Extension("fft")

    def reshape(self, x: Any, /, shape: Any, *, copy: bool | None = None) -> Any:
        """The same elements in another shape."""
        if self._own(x) and copy is None and type(shape) is tuple and -1 not in shape:
            return self.run(shapes.reshape.op, (x,), {"shape": shape})
        return _on_arrays(of_tensors("reshape"))(x, shape, copy=copy)

    def permute_dims(self, x: Any, /, axes: Any) -> Any:
        """The axes in another order."""
        if self._own(x) and type(axes) is tuple and min(axes, default=0) >= 0:
            return self.run(shapes.permute_dims.op, (x,), {"axes": axes})
        return _on_arrays(of_tensors("permute_dims"))(x, axes)

    def matrix_transpose(self, x: Any, /) -> Any:
        """The last two axes exchanged."""
        if self._own(x):
            return self.run(shapes.matrix_transpose.op, (x,), {})
        return _on_arrays(of_tensors("matrix_transpose"))(x)

    def expand_dims(self, x: Any, /, *, axis: int) -> Any:
        """A new axis of length 1."""
        if self._own(x) and 0 <= axis <= len(x.shape):
            return self.run(shapes.expand_dims.op, (x,), {"axis": axis})
        return _on_arrays(of_tensors("expand_dims"))(x, axis=axis)

    def broadcast_to(self, x: Any, /, shape: Any) -> Any:
        """The array stretched to a shape."""
        if self._own(x) and type(shape) is tuple:
            return self.run(shapes.broadcast_to.op, (x,), {"shape": shape})
        return _on_arrays(of_tensors("broadcast_to"))(x, shape)

    def sum(self, x: Any, /, *, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Any:
        """The sum over axes."""
        known = axis is None or (type(axis) is tuple and min(axis, default=0) >= 0)
        if known and self._own(x) and x.dtype in self.inexact and dtype in (None, x.dtype):
            return self.run(reductions.sum.op, (x,), {"axis": axis, "keepdims": keepdims})
        found = _on_arrays(of_tensors("sum"))
        return found(x, axis=axis, dtype=dtype, keepdims=keepdims)

    def matmul(self, x: Any, y: Any, /) -> Any:
        """The product of matrices, stacks of them and vectors."""
        if self._own(x) and self._own(y) and y.dtype is x.dtype:
            return self.run(linalg.matmul.op, (x, y), {})
        return _on_arrays(of_tensors("matmul"))(x, y)

    def where(self, condition: Any, x: Any, y: Any, /) -> Any:
        """The elements of `x` where a condition holds, and of `y` elsewhere."""
        array, other = (x, y) if self._own(x) else (y, x)
        if self._own(condition) and self._own(array) and _alike(array, other):
            return self.run(elementwise.where.op, (condition, x, y), {})
        return _on_arrays(of_tensors("where"))(condition, x, y)

    def getitem(self, x: Any, index: Any) -> Any:
        """``x[index]``."""
        if self._own(x):
            read = indexing.getview if is_basic(index) else indexing.getitem
            return self.run(read.op, (x,), {"index": index})
        return _on_arrays(of_tensors("getitem"))(x, index)

    def index_add(self, like: Any, index: Any, values: Any) -> Any:
        """Zeros shaped like `like` with `values` added at an index."""
        if self._own(values):
            settings = {"shape": tuple(like.shape), "index": index}
            return self.run(indexing.index_add.op, (values,), settings)
        return _on_arrays(of_tensors("index_add"))(like, index, values)

    def assign(self, x: Any, index: Any, value: Any) -> Any:
        """`x` with `value` at an index: another array, as this one stays."""
        if self._own(x) and (self._own(value) or type(value) in (int, float)):
            return self.run(indexing.index_put.op, (x, value), {"index": index})
        return _on_arrays(of_tensors("assign"))(x, index, value)

    def conj(self, x: Any, /) -> Any:
        """The complex conjugate; real arrays and Python numbers are their own."""
        if not isinstance(x, Wrapped):
            return x.conjugate()
        return _on_arrays(of_tensors("conj"))(x) if x.dtype in self.complexes else x

    def copy(self, x: Any) -> Any:
        """A copy that shares nothing with `x`, at no level."""
        return self.run(device.clone.op, (self.wrap(x),), {})

    def from_host(self, x: Any) -> Any:
        """The values of a NumPy array, which no transform has anything to do with."""
        return self.wrap(self.base.from_host(x))

    def _own(self, x: Any) -> bool:
        return type(x) is self.array_type and x.ns is self

    # ---------------------------------------------------------------- extras

    def bounds(self, x: Any) -> tuple[Any, Any] | None:
        """The least and the greatest element of all that is below."""
        found: tuple[Any, Any] | None = self.under.bounds(self.wrap(x).value._data)
        return found

    def generator(self, seed: int) -> Any:
        """The library's."""
        return self.base.generator(seed)

    def owns_memory(self, x: Any) -> bool:
        """Nobody can write to it."""
        return True

    def synchronize(self) -> None:
        """Wait until the device has done its work."""
        self.base.synchronize()

    def __repr__(self) -> str:
        return f"{self.level.kind} of {self.under}"


def _on_arrays(function: Any) -> Any:
    """A function of Tensors as one of wrapped arrays."""

    def call(*args: Any, **kwargs: Any) -> Any:
        if kwargs:
            kwargs = {k: _tensor(v) for k, v in kwargs.items()}
        return _array(function(*map(_tensor, args), **kwargs))

    return call


def _creation(name: str) -> Callable[..., Any]:
    kind = name.removesuffix("_like")

    def create(self: WrappedNamespace, *args: Any, **kwargs: Any) -> Any:
        if name == "asarray" and isinstance(args[0], Wrapped):
            x, dtype = args[0], kwargs.get("dtype")
            return x if dtype is None or dtype == x.dtype else self.astype(x, dtype)
        if kind != name:
            x, *rest = args
            kwargs["dtype"] = x.dtype if kwargs.get("dtype") is None else kwargs["dtype"]
            args = (tuple(x.shape), *rest)
        return self.wrap(getattr(self.base, kind)(*args, **kwargs))

    return create


def _unary(function: OpFunction) -> Callable[..., Any]:
    name = function.op.name

    def call(self: WrappedNamespace, x: Any, /) -> Any:
        if self._own(x) and x.dtype in self.inexact:
            return self.run(function.op, (x,), {})
        return _on_arrays(of_tensors(name))(x)

    return call


def _binary(function: OpFunction) -> Callable[..., Any]:
    name = function.op.name

    def call(self: WrappedNamespace, x: Any, y: Any, /) -> Any:
        if self._own(x) and _alike(x, y):
            return self.run(function.op, (x, y), {})
        return _on_arrays(of_tensors(name))(x, y)

    return call


def _extra(name: str) -> Callable[..., Any]:
    def call(self: WrappedNamespace, *args: Any, **kwargs: Any) -> Any:
        return _on_arrays(of_tensors(name))(*args, **kwargs)

    return call


for _name in CREATION:
    setattr(WrappedNamespace, _name, _creation(_name))
for _function in (
    elementwise.abs, elementwise.cos, elementwise.erf, elementwise.exp, elementwise.log,
    elementwise.sigmoid, elementwise.sin, elementwise.sqrt, elementwise.square, elementwise.tanh,
):  # fmt: skip
    setattr(WrappedNamespace, _function.op.name, _unary(_function))
for _function in (
    elementwise.add, elementwise.maximum, elementwise.minimum, elementwise.multiply,
    compare.equal, compare.logical_and, compare.logical_or,
):  # fmt: skip
    setattr(WrappedNamespace, _function.op.name, _binary(_function))
for _name in (
    *(*EXTRAS, "special", "add_along_axis", "combine_along_axis", "windows", "strided"),
    *("as_real", "as_complex"),
):
    setattr(WrappedNamespace, _name, _extra(_name))


class Draws:
    """A source of random numbers within a level."""

    def __init__(self, ns: WrappedNamespace, source: Any) -> None:
        self.ns = ns
        self.under = (
            source if not isinstance(ns.under, WrappedNamespace) else ns.under.draws(source)
        )

    def draw(self, what: str, *args: Any) -> Any:
        """Numbers of the level below, as this level's."""
        return self.ns.wrap(wrap(getattr(self.under, what)(*args), self.ns.under))

    def uniform(self, shape: tuple[int, ...], dtype: Any) -> Any:
        """See `host.Generator`."""
        return self.draw("uniform", shape, dtype)

    def normal(self, shape: tuple[int, ...], dtype: Any) -> Any:
        """See `host.Generator`."""
        return self.draw("normal", shape, dtype)

    def integers(self, low: int, high: int, shape: tuple[int, ...], dtype: Any) -> Any:
        """See `host.Generator`."""
        return self.draw("integers", low, high, shape, dtype)

    def permutation(self, n: int) -> Any:
        """See `host.Generator`."""
        return self.draw("permutation", n)


class _Extension:
    """``xp.linalg`` or ``xp.fft`` of a wrapped namespace."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        return _on_arrays(getattr(of_tensors(self._name), name))
