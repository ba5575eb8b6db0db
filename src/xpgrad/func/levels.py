"""Transforms as namespaces: a library wrapped in a level, and its arrays in what the level adds.

``vmap`` and ``jvp`` each open a `Level`. Within it a Tensor's array may be a `Wrapped`: a Tensor of
the level below together with what the transform keeps about it (a batch dimension, a tangent). Its
namespace, a `WrappedNamespace`, runs an op by running ops on the Tensors below. So transforms nest
in any order: what is below may be wrapped again, and may have a history of its own, while the
Tensors above are recorded, differentiated and written to like any others.

    Tensor ── Dual ──▶ Tensor ── Batched ──▶ Tensor ── array      jvp within vmap

Tensors from outside of a level are lifted into it when they meet one of its own.
"""

from __future__ import annotations

import contextlib
import math
import operator
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Self

from xpgrad.backward import tensor_namespace
from xpgrad.errors import GradientError
from xpgrad.mode import mode
from xpgrad.namespace import CREATION, Namespace
from xpgrad.tensor import Tensor, wrap

if TYPE_CHECKING:
    from xpgrad.op import Op


class Level:
    """One transform at work, as a context. What it wraps a library in is a `WrappedNamespace`."""

    kind: ClassVar[str]
    namespace: ClassVar[type[WrappedNamespace]]

    def __init__(self) -> None:
        self.outer: Level | None = mode.level
        self.depth: int = 1 if self.outer is None else self.outer.depth + 1
        # Whether ops below are recorded, where that is not what they are in here: a transform
        # that differentiates inside switches grad mode for its own Tensors alone.
        self.recording_below: bool | None = None
        self.ended = False
        self._namespaces: dict[Namespace, WrappedNamespace] = {}

    def over(self, base: Namespace) -> WrappedNamespace:
        """The namespace of this level, and of all outer ones, on a library."""
        found = self._namespaces.get(base)
        if found is None:
            below = base if self.outer is None else self.outer.over(base)
            found = self._namespaces[base] = self.namespace(self, base, below)
        return found

    def below(self, t: Tensor) -> Tensor:
        """A Tensor from anywhere outside, as one of the level just below."""
        return t if self.outer is None else self.outer.over(t._ns.base).lift(t)

    @contextlib.contextmanager
    def lowered(self) -> Iterator[None]:
        """What runs inside runs below this level."""
        recording, level = mode.grad, mode.level
        if self.recording_below is not None:
            mode.grad = self.recording_below
        mode.level = self.outer
        try:
            yield
        finally:
            mode.grad, mode.level = recording, level

    def freeze(self, recording: bool) -> Level | None:
        """Hold on to what is recorded below while grad mode changes; `self` if that is news."""
        if self.recording_below is not None:
            return None
        self.recording_below = recording
        return self

    def __enter__(self) -> Self:
        mode.level = self
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        mode.level = self.outer
        self.ended = True


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


def _operator(name: str) -> None:
    function = getattr(operator, name)

    def call(self: Wrapped, *other: Any) -> Any:
        return _array(function(wrap(self, self.ns), *map(_tensor, other)))

    call.__name__ = call.__qualname__ = name
    setattr(Wrapped, name, call)


def _reflected(name: str) -> None:
    function = getattr(operator, f"__{name}__")

    def call(self: Wrapped, other: Any) -> Any:
        return _array(function(_tensor(other), wrap(self, self.ns)))

    call.__name__ = call.__qualname__ = f"__r{name}__"
    setattr(Wrapped, call.__name__, call)


_BINARY = (
    "add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and", "or", "xor",
    "lshift", "rshift",
)  # fmt: skip
for _name in _BINARY:
    _operator(f"__{_name}__")
    _reflected(_name)
for _name in ("eq", "ne", "lt", "le", "gt", "ge", "neg", "pos", "abs", "invert"):
    _operator(f"__{_name}__")


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
        self.from_host = lambda x: self.wrap(base.from_host(x))  # type: ignore[method-assign]
        self.quiet = base.quiet  # type: ignore[method-assign]
        self.linalg = _Extension(self, "linalg")
        self.fft = _Extension(self, "fft")
        for name in CREATION:
            setattr(self, name, self._creation(name))

    # ---------------------------------------------------------------- what a transform defines

    def constant(self, t: Tensor) -> Wrapped:
        """A Tensor of the level below that this transform has nothing to do with."""
        raise NotImplementedError

    def run(self, op: Op, arrays: Any, settings: dict[str, Any]) -> Any:
        """An op on wrapped arrays."""
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
        return wrap(self.constant(t), self)

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

    def _creation(self, name: str) -> Callable[..., Any]:
        make = getattr(self.base, name)
        kind = name.removesuffix("_like")

        def create(*args: Any, **kwargs: Any) -> Any:
            if name == "asarray" and isinstance(args[0], Wrapped):
                x, dtype = args[0], kwargs.get("dtype")
                return x if dtype is None or dtype == x.dtype else self.astype(x, dtype)
            if kind != name:
                x, *rest = args
                kwargs["dtype"] = x.dtype if kwargs.get("dtype") is None else kwargs["dtype"]
                return self.wrap(getattr(self.base, kind)(tuple(x.shape), *rest, **kwargs))
            return self.wrap(make(*args, **kwargs))

        return create

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        found = _on_arrays(getattr(tensor_namespace(self), name))
        self.__dict__[name] = found
        return found

    # ---------------------------------------------------------------- extras

    def bounds(self, x: Any) -> tuple[Any, Any] | None:
        """The least and the greatest element of all that is below."""
        found: tuple[Any, Any] | None = self.under.bounds(x.value._data)
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
    if not callable(function):
        return function

    def call(*args: Any, **kwargs: Any) -> Any:
        return _array(function(*map(_tensor, args), **{k: _tensor(v) for k, v in kwargs.items()}))

    return call


# What `Namespace` has a portable form of is an op here, which the level knows how to run.
for _name in ("getitem", "index_add", "assign", "erf", "sigmoid", "conj", "copy"):

    def _make(name: str) -> Callable[..., Any]:
        def call(self: WrappedNamespace, *args: Any) -> Any:
            return _on_arrays(getattr(tensor_namespace(self), name))(*args)

        return call

    setattr(WrappedNamespace, _name, _make(_name))


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

    def __init__(self, ns: WrappedNamespace, name: str) -> None:
        self._ns, self._name = ns, name

    def __getattr__(self, name: str) -> Any:
        return _on_arrays(getattr(getattr(tensor_namespace(self._ns), self._name), name))
