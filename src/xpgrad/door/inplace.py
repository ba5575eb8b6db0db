"""Methods that write into the tensor they are called on: ``add_``, ``+=``, ``zero_``, ….

``name_`` is ``name`` and a write of the result into the tensor's own memory, so each is one line of
a table. Everything is checked before anything is written: a call that raises changes nothing. What
a training loop does on every parameter (``w -= lr * g``, ``add_``, ``addcdiv_``, ``zero_``, …, with
nothing to record) goes straight to the array.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from xpgrad import dtypes
from xpgrad.door.arguments import as_kind, only_tensor
from xpgrad.door.attach import METHODS, method
from xpgrad.door.data import guarded
from xpgrad.errors import DTypeError, ShapeError
from xpgrad.graph import Node, tick
from xpgrad.mode import mode
from xpgrad.ops import indexing as ops
from xpgrad.ops.device import clone
from xpgrad.promotion import is_operand, received
from xpgrad.tensor import Tensor
from xpgrad.views import (
    OVERLAPPING,
    check_write,
    distinct,
    overlaps,
    rebase,
    replace,
    steps_to,
)

# ------------------------------------------------------------------ any function, in place


def update(t: Tensor, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Tensor:
    """Write ``function(t, *args, **kwargs)`` into `t`: values, history and version.

    Raises:
        GradientError: a leaf that requires a gradient, or a view that PyTorch forbids to write to.
        ShapeError: where the result has another shape; elements that share memory.
        DTypeError: where the result is of a stronger kind of number.
    """
    recorded = mode.grad and (t.requires_grad or any(map(_has_history, args)))
    _allow(t, recorded)
    since = tick()
    out = function(t, *args, **kwargs)
    if out._ns is not t._ns:
        received(out, t)
    if out._data.shape != t._data.shape:
        raise ShapeError(
            f"output with shape {list(t.shape)} doesn't match the broadcast shape {list(out.shape)}"
        )
    cast = out._data.dtype != t._data.dtype
    if cast and not dtypes.can_cast(out.dtype, t.dtype):
        raise DTypeError(
            f"result type {out.dtype.torch_name} can't be cast to the desired output type "
            f"{t.dtype.torch_name}"
        )
    if not cast and out._node is None and t._node is None and t._ns.mutable:
        with guarded(t._ns):
            store(t, ..., out._data)
        return t
    return _commit(t, out, since)


def _allow(t: Tensor, recorded: bool) -> None:
    """Check that `t` may be written to, as a whole."""
    if recorded or t._view is not None or t._inference:
        check_write(t, recorded)
        if overlaps(t):
            raise ShapeError(OVERLAPPING)


def _has_history(value: Any) -> bool:
    return isinstance(value, Tensor) and value.requires_grad


def _commit(t: Tensor, out: Tensor, since: int) -> Tensor:
    """Write a result, computed since the tick `since`, into `t`."""
    ns, node = t._ns, out._node
    if not t.dtype.is_differentiable:
        node = None
    elif node is not None and (out is t or node.seq < since):
        out = clone(out)  # nothing was computed: the history is somebody else's
        node = out._node
    elif node is None and mode.grad and t._node is not None:
        out = ops.copied(t, out)  # a function without derivative: what was there is forgotten
        node = out._node
    data = out._data
    if node is not None:
        _protect(node, t, since)
    with guarded(ns):
        if data.dtype != t._data.dtype:
            data = ns.astype(data, t._data.dtype)
        if ns.mutable:
            store(t, ..., data)
        else:
            replace(t, data)
    if node is not None:
        if node.saved is not None and node.saved[-1] is out._data and data is out._data:
            # PyTorch saves the tensor itself, so that writing to it again is noticed.
            node.saved = (*node.saved[:-1], t._data)
        node.dtype = t._data.dtype
        node.seq = tick()  # after the write: what it saved is what is there now
        rebase(t, node)
    return t


def _protect(node: Node, t: Tensor, since: int) -> None:
    """Copy what was saved, since a tick, of the memory that is about to be written to."""
    copies: dict[int, Any] = {}
    stack = [node]
    while stack:
        n = stack.pop()
        if n.saved is not None:
            n.saved = tuple([_kept(value, t, copies) for value in n.saved])
        stack += [e for e in n.edges if e is not None and e.seq > since and e.edges]


def _kept(value: Any, t: Tensor, copies: dict[int, Any]) -> Any:
    """A saved value, or its copy if it shows the memory of `t`."""
    ns = t._ns
    if isinstance(value, tuple):
        return tuple([_kept(v, t, copies) for v in value])
    if type(value) is not ns.array_type or ns.memory_key(value) != ns.memory_key(t._data):
        return value
    if id(value) not in copies:
        copies[id(value)] = ns.copy(value)
    return copies[id(value)]


def store(t: Tensor, index: Any, value: Any, part: Any = None) -> None:
    """Write an array or a number into ``t[index]`` on a mutable library, and count it.

    Args:
        part: a raw view of `t` to index instead.

    Raises:
        ShapeError: for memory that nobody may write to.
    """
    ns = t._ns
    target = t._data if part is None else part
    try:
        ns.assign(target, index, value)
    except ValueError as error:
        if "read-only" not in str(error):
            raise
        if (t._view is not None or _shows_another(t)) and _written_anyway(t, index, value, target):
            t._written()
            return
        raise ShapeError(
            f"the memory of this tensor is read-only ({error}); clone() it before writing to it"
        ) from None
    target = None  # so that `_written` finds it unshared, if it is
    t._written()


def _shows_another(t: Tensor) -> bool:
    """Whether the memory is that of another tensor, who may write to it: ``detach()`` of a view."""
    owner = t._shared.owner() if t._shared is not None and t._shared.owner is not None else None
    flags = getattr(owner._data, "flags", None) if owner is not None and owner is not t else None
    return bool(getattr(flags, "writeable", False))


def _written_anyway(t: Tensor, index: Any, value: Any, target: Any) -> bool:
    """Write into a view that is read-only because its elements were repeated, if its base is not.

    Returns:
        whether it could be done.
    """
    ns = t._ns
    try:
        target.flags.writeable = True
        ns.assign(target, index, value)
    except ValueError:  # so is its base
        return False
    except AttributeError:  # nobody can see the memory: make the base anew
        if target is not t._data:
            return False
        base, whole = t._root(), ns.assign(ns.copy(target), index, value)
        ns.assign(
            base._data, ..., ops.copy_slices.op.forward(ns, base._data, whole, steps=steps_to(t))
        )
    return True


# ------------------------------------------------------------------ arithmetic


def _direct(t: Tensor, operand: Any) -> Any:
    """The raw operand if it can be computed with in the memory of `t` as it is; else `None`.

    Nothing to record, one device, one floating-point dtype, and no partial overlap.
    """
    ns, data, kind = t._ns, t._data, type(operand)
    if kind is float or kind is int:
        if data.dtype not in ns.inexact:
            return None
        raw = operand
    elif isinstance(operand, Tensor) and operand._ns is ns:
        raw = operand._data
        if raw.dtype != data.dtype or (mode.grad and operand._node is not None):
            return None
        seen = operand._view is not None and raw is not data
        if seen and ns.memory_key(raw) == ns.memory_key(data):
            return None
    else:
        return None
    if not ns.mutable or (mode.grad and t.requires_grad):
        return None
    _allow(t, False)
    return raw


def _compute(t: Tensor, raw: Callable[[Any, Any], Any], value: Any) -> bool:
    """``raw(t, value)`` in place; whether it could be done (nothing was written if not)."""
    ns = t._ns
    try:
        if ns.guard is None:
            raw(t._data, value)
        else:
            with ns.guard():
                raw(t._data, value)
    except RuntimeWarning:
        pass  # warnings are errors here: inf or nan was written, and is a value
    except (TypeError, ValueError):
        return False
    t._written()
    return True


def _operator(name: str, raw: Callable[[Any, Any], Any] | None, function: str) -> None:
    """Attach Python's in-place operator for one of the door's functions."""

    def call(self: Tensor, other: Any) -> Any:
        if raw is not None:
            value = _direct(self, other)
            if value is not None and _compute(self, raw, value):
                return self
        if not is_operand(other):
            return NotImplemented
        return update(self, METHODS[function], other)

    call.__name__ = call.__qualname__ = f"__{name}__"
    method(call.__name__)(call)


for _name, _raw, _function in (
    ("iadd", operator.iadd, "add"),
    ("isub", operator.isub, "sub"),
    ("imul", operator.imul, "mul"),
    ("itruediv", operator.itruediv, "div"),
    ("ifloordiv", None, "__floordiv__"),
    ("imod", None, "__mod__"),
    ("ipow", None, "__pow__"),
    ("iand", None, "__and__"),
    ("ior", None, "__or__"),
    ("ixor", None, "__xor__"),
    ("ilshift", None, "__lshift__"),
    ("irshift", None, "__rshift__"),
):
    _operator(_name, _raw, _function)


def _operand(value: Any, name: str) -> None:
    if not is_operand(value):
        raise TypeError(
            f"{name}(): argument 'other' (position 1) must be Tensor, not {type(value).__name__}"
        )


def _plus(name: str, raw: Callable[[Any, Any], Any], function: str) -> Callable[..., Tensor]:
    def call(self: Tensor, other: Any, *, alpha: Any = 1) -> Tensor:
        value = _direct(self, other)
        if value is not None and alpha != 1:
            value = value * alpha if self._data.dtype in self._ns.inexact else None
        if value is not None and _compute(self, raw, value):
            return self
        _operand(other, name)
        return update(self, METHODS[function], other, alpha=alpha)

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"`Tensor.{function}`, written into this tensor."
    return call


method("add_")(_plus("add_", operator.iadd, "add"))
method("sub_", "subtract_")(_plus("sub_", operator.isub, "sub"))


@method("mul_", "multiply_")
def mul_(self: Tensor, other: Any) -> Tensor:
    """`Tensor.mul`, written into this tensor.

    >>> import xpgrad as xg
    >>> xg.tensor([1.0, 2.0]).mul_(3)
    tensor([3., 6.])
    """
    value = _direct(self, other)
    if value is not None and _compute(self, operator.imul, value):
        return self
    _operand(other, "mul_")
    return update(self, METHODS["mul"], other)


@method("div_", "divide_")
def div_(self: Tensor, other: Any, *, rounding_mode: str | None = None) -> Tensor:
    """`Tensor.div`, written into this tensor."""
    value = _direct(self, other) if rounding_mode is None else None
    if value is not None and _compute(self, operator.itruediv, value):
        return self
    _operand(other, "div_")
    return update(self, METHODS["div"], other, rounding_mode=rounding_mode)


def _addc(name: str, combine: Callable[[Any, Any], Any], function: str) -> None:
    def call(self: Tensor, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Tensor:
        a, b = _direct(self, tensor1), _direct(self, tensor2)
        if a is not None and b is not None and self._data.dtype in self._ns.inexact:
            try:
                with guarded(self._ns):
                    change = combine(a, b)
                    if value != 1:
                        change = change * value
                if _compute(self, operator.iadd, change):
                    return self
            except (RuntimeWarning, ValueError):
                pass  # warnings are errors here, or the shapes do not fit
        return update(self, METHODS[function], tensor1, tensor2, value=value)

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"`Tensor.{function}`, written into this tensor."
    method(name)(call)


_addc("addcmul_", operator.mul, "addcmul")
_addc("addcdiv_", operator.truediv, "addcdiv")

# ------------------------------------------------------------------ new contents


def overwrite(t: Tensor, value: Any, recorded: Callable[..., Any]) -> Tensor:
    """Write a number or an array of the right shape; `recorded` is the op if there is history."""
    ns = t._ns
    source = value if isinstance(value, Tensor) else None
    history = mode.grad and (t.requires_grad or _has_history(source))
    plain = source is None and t._view is None and not t._inference
    if plain and not history and ns.guard is None and ns.mutable:
        store(t, ..., value)
        return t
    if history or not ns.mutable:
        return update(t, recorded, value)
    _allow(t, False)
    raw = value
    with guarded(ns):
        if source is not None:
            raw = source._data
            if raw.dtype != t._data.dtype:
                raw = ns.astype(raw, t._data.dtype)
            elif (t._view or source._view) and ns.memory_key(raw) == ns.memory_key(t._data):
                raw = ns.copy(raw)  # perhaps in another order
        store(t, ..., raw)
    return t


@method()
def zero_(input: Tensor) -> Tensor:
    """Write zeros.

    >>> import xpgrad as xg
    >>> xg.ones(2).zero_()
    tensor([0., 0.])
    """
    if (once := distinct(input)) is not None:
        ops.getview(input, index=once).zero_()
        return input
    history = mode.grad and input.requires_grad
    return (
        update(input, ops.zero) if history else overwrite(input, assignable(input, 0), ops.copied)
    )


def assignable(t: Tensor, number: Any) -> Any:
    """A Python number that the library writes into an array of this dtype without a word.

    Raises:
        DTypeError: a complex number for real elements.
    """
    found = as_kind(number, t.dtype)
    if t.dtype.category == dtypes.INTEGER:
        limits = t._ns.iinfo(t._data.dtype)
        if not int(limits.min) <= found <= int(limits.max):
            raise DTypeError(
                f"value cannot be converted to type {t.dtype.name} without overflow: {number}"
            )
    return found


@method()
def fill_(input: Tensor, value: Any) -> Tensor:
    """Write one number, or the one element of a 0-d tensor, everywhere.

    Raises:
        ShapeError: for a tensor with dimensions.

    >>> import xpgrad as xg
    >>> xg.zeros(2).fill_(3)
    tensor([3., 3.])
    """
    if isinstance(value, Tensor):
        if value._data.shape:
            raise ShapeError(
                "fill_ only supports 0-dimension value tensor but got tensor with "
                f"{value.ndim} dimensions."
            )
        return overwrite(input, received(value, input), ops.fill_by)
    if (once := distinct(input)) is not None:
        ops.getview(input, index=once).fill_(value)
        return input
    return overwrite(input, assignable(input, value), ops.fill)


@method()
def copy_(self: Tensor, src: Tensor, non_blocking: bool = False) -> Tensor:
    """Write the elements of another tensor, cast and moved here if need be, or a number.

    Raises:
        TypeError: for what is no tensor.
        ShapeError: where the shapes do not fit.

    >>> import xpgrad as xg
    >>> xg.zeros(2, 2).copy_(xg.tensor([1, 2]))
    tensor([[1., 2.],
            [1., 2.]])
    """
    if isinstance(src, (bool, int, float, complex)):
        return overwrite(self, assignable(self, src), ops.copied)
    src = only_tensor(src, "copy_", "other")
    if src is self and not (mode.grad and self._node is not None):
        if self._view is not None or self._inference:
            check_write(self, False)
        self._written()  # though nothing is, so that it works where elements share their place
        return self
    if src._data.shape != self._data.shape:
        _allow(self, mode.grad and (self._node is not None or _has_history(src)))
        check_fits(tuple(src.shape), tuple(self.shape))
    if src._ns is not self._ns:
        src = received(src, self)
    return overwrite(self, src, ops.copied)


def check_fits(source: tuple[int, ...], target: tuple[int, ...]) -> None:
    """Check that a shape can be stretched to another.

    Raises:
        ShapeError: in PyTorch's words.
    """
    rank = max(len(source), len(target))
    there, given = ((1,) * (rank - len(shape)) + shape for shape in (target, source))
    for i in reversed(range(rank)):
        if there[i] != given[i] and 1 not in (there[i], given[i]):
            raise ShapeError(
                f"The size of tensor a ({there[i]}) must match the size of tensor b ({given[i]}) "
                f"at non-singleton dimension {i}"
            )
    stretched = [n if m == 1 else m for m, n in zip(there, given, strict=True)]
    if stretched != list(target):
        raise ShapeError(
            f"output with shape {list(target)} doesn't match the broadcast shape {stretched}"
        )


# ------------------------------------------------------------------ the table

# Every name here is a method; with an underscore, its result is written into the tensor.
TABLE = """
    abs absolute neg negative reciprocal square sqrt rsqrt exp exp2 expm1 log log2 log10 log1p
    sin cos tan asin arcsin acos arccos atan arctan sinh cosh tanh asinh arcsinh acosh arccosh
    atanh arctanh sigmoid erf logit sinc sign sgn ceil floor trunc fix round frac deg2rad rad2deg
    nan_to_num relu
    conj_physical digamma erfc erfinv i0 igamma igammac lgamma mvlgamma polygamma
    true_divide floor_divide remainder fmod pow float_power hypot atan2 arctan2 xlogy copysign
    nextafter heaviside lerp clamp clip clamp_min clamp_max
    eq ne lt le gt ge not_equal less less_equal greater greater_equal logical_and logical_or
    logical_xor logical_not bitwise_and bitwise_or bitwise_xor bitwise_not bitwise_left_shift
    bitwise_right_shift gcd lcm
    cumsum cumprod tril triu
    addmm addmv addbmm baddbmm addr
    masked_fill masked_scatter index_add index_copy index_fill index_put scatter scatter_add put
    scatter_reduce index_reduce renorm ldexp
"""


def _in_place(name: str) -> None:
    def call(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return update(self, METHODS[name], *args, **kwargs)

    call.__name__ = call.__qualname__ = f"{name}_"
    call.__doc__ = f"`Tensor.{name}`, written into this tensor."
    method(call.__name__)(call)


for _name in TABLE.split():
    _in_place(_name)
