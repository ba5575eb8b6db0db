"""Inputs that are not alike: Python numbers, arrays, mixed dtypes, mixed devices.

PyTorch's category rule, the same on every backend: tensors with dimensions decide first, then 0-d
tensors, then Python numbers; a weaker operand matters only if its category (bool < integer <
floating < complex) is stronger.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from xpgrad import dtypes
from xpgrad.errors import (
    DeviceError,
    DTypeError,
    LinAlgError,
    OpError,
    ShapeError,
    UnsupportedDType,
    XpgradError,
)  # fmt: skip
from xpgrad.namespace import Namespace
from xpgrad.registry import namespace_of, resolve
from xpgrad.tensor import Tensor, wrap

if TYPE_CHECKING:
    from xpgrad.op import Op

SCALARS = (bool, int, float, complex)


def as_operand(value: Any, op_name: str) -> Any:
    """A Tensor or a Python number, from anything an operator may meet.

    Raises:
        TypeError: for what is neither a number, an array nor a Tensor.
    """
    if isinstance(value, Tensor) or type(value) in SCALARS:
        return value
    if isinstance(value, (np.generic, *SCALARS)):
        return value.item() if isinstance(value, np.generic) else _plain(value)
    ns = namespace_of(value)
    if ns is None:
        raise TypeError(
            f"{op_name}(): expected a Tensor, an array or a number, not {type(value).__name__}"
        )
    return wrap(value, ns)


def is_operand(value: Any) -> bool:
    """Whether `as_operand` takes it."""
    return isinstance(value, (Tensor, np.generic, *SCALARS)) or namespace_of(value) is not None


def _plain(value: Any) -> Any:
    """A subclass of a Python number as that number."""
    for kind in SCALARS[:-1]:
        if isinstance(value, kind):
            return kind(value)
    return complex(value)


def alike(op: Op, inputs: Sequence[Any]) -> tuple[Sequence[Any], Namespace] | None:
    """Tensors that `unify` would leave as they are, and their namespace; `None` if it might not.

    They are of one namespace and, where the op wants it, one dtype; or from just outside of the
    transform that the others belong to, and lifted into it. Inputs may be missing, and the second
    of two may be a Python number beside floats.
    """
    ns = dtype = None
    promotes = op.promotes
    for i, x in enumerate(inputs):
        if isinstance(x, Tensor):
            if ns is None:
                ns = x._ns
            elif x._ns is not ns:
                return _lifted(op, inputs)
            own = x._data.dtype
            if promotes and (op.variadic or op.inputs[i] in promotes):
                if dtype is None:
                    dtype = own
                elif own is not dtype:
                    return None
            if op.integers == "float" and own not in ns.inexact:
                return None
        elif x is None:
            continue
        elif i != 1 or type(x) not in (float, int) or dtype is None or dtype not in ns.inexact:  # type: ignore[union-attr]
            return None
    return None if ns is None or ns.ended else (inputs, ns)


def _lifted(op: Op, inputs: Sequence[Any]) -> tuple[Sequence[Any], Namespace] | None:
    deepest: Any = None
    for x in inputs:
        if isinstance(x, Tensor) and (deepest is None or x._ns.depth > deepest.depth):
            deepest = x._ns
    if not deepest.depth or deepest.ended:
        return None
    found = []
    for x in inputs:
        if isinstance(x, Tensor) and x._ns is not deepest:
            if x._ns is not deepest.under:
                return None
            x = deepest.lift(x)
        found.append(x)
    return alike(op, found)


def unify(op: Op, inputs: Sequence[Any]) -> tuple[list[Any], Namespace, bool]:
    """Bring inputs to one namespace and, if the op wants it, one dtype.

    Returns:
        The inputs (Tensors, and Python numbers for elementwise ops), their namespace, and whether
        anything had to be converted.

    Raises:
        DeviceError: where devices differ.
        TypeError: for an operand that is no number, array or Tensor.
    """
    operands = [None if v is None else as_operand(v, op.name) for v in inputs]
    if op.name in _SIGNED:
        _refuse_booleans(op, operands)
    tensors = [v for v in operands if isinstance(v, Tensor)]
    # Booleans and complex numbers are not on the fast path.
    converted = any(
        a is not b or type(a) in (bool, complex) for a, b in zip(operands, inputs, strict=True)
    )
    ns = common_namespace(op.name, tensors)
    if any(t._ns is not ns for t in tensors):
        operands = [follow(v, ns) for v in operands]
        converted = True
    if op.promotes:
        among: Sequence[int] = range(len(operands))
        if not op.variadic:
            among = [op.inputs.index(name) for name in op.promotes]
        target = result_type(*(operands[i] for i in among if operands[i] is not None))
        if op.integers == "float" and not target.is_differentiable:
            target = dtypes.get_default_dtype()
        native = ns.native(target)
        lone = not any(isinstance(operands[i], Tensor) for i in among)
        for i in among:
            v = operands[i]
            if isinstance(v, Tensor):
                if v._data.dtype != native:
                    operands[i] = _cast(v, target)
                    converted = True
            elif v is not None:
                # A number of a weaker category stands beside the array as it is; a stronger one
                # decided the type above. Functions of the standard want an array first.
                number = _number(v, target)
                first = i == among[0] or lone
                operands[i] = wrap(ns.asarray(number, dtype=native), ns) if first else number
                converted = converted or first or number is not v
    elif op.integers == "float":
        for i, v in enumerate(operands):
            if isinstance(v, Tensor) and v._data.dtype not in ns.inexact:
                operands[i] = _cast(v, dtypes.get_default_dtype())
                converted = True
    return operands, ns, converted


_SIGNED = frozenset(("subtract", "rsub", "negative"))
_INSTEAD = (
    "is not supported. If you are trying to invert a mask, use the `~` or `logical_not()` "
    "operator instead."
)


def _refuse_booleans(op: Op, operands: Sequence[Any]) -> None:
    """Raise PyTorch's errors for booleans and the sign ``-``."""
    given = [
        v.dtype is dtypes.bool_ if isinstance(v, Tensor) else type(v) is bool for v in operands
    ]
    if op.name == "negative" and all(given):
        raise DTypeError(f"Negation, the `-` operator, on a bool tensor {_INSTEAD}")
    if all(given):
        raise DTypeError(
            "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or "
            "`logical_xor()` operator instead."
        )
    if any(given):
        raise DTypeError(f"Subtraction, the `-` operator, with a bool tensor {_INSTEAD}")


def _number(value: Any, target: dtypes.dtype) -> Any:
    """A Python number in the category of `target`."""
    if target.category == dtypes.FLOATING and not isinstance(value, float):
        return float(value)
    if target.category == dtypes.INTEGER and isinstance(value, bool):
        return int(value)
    if target.category == dtypes.COMPLEX and isinstance(value, bool):
        return int(value)
    return value


def common_namespace(what: str, tensors: Sequence[Tensor]) -> Namespace:
    """The one namespace of several tensors; 0-d CPU tensors follow the others.

    Raises:
        DeviceError: naming the devices that differ.
    """
    if not tensors:
        return resolve()
    for t in tensors:
        if t._ns.ended:
            t._ns.settle(t)
    first = tensors[0]._ns
    if all(t._ns is first for t in tensors):
        return first
    settled = [t for t in tensors if t._data.shape or t._ns.device.type != "cpu"] or list(tensors)
    ns = settled[0]._ns
    deepest = max((t._ns for t in tensors), key=lambda ns: ns.depth)
    for t in settled:
        if t._ns is not ns and t._ns.base is not ns.base:
            raise DeviceError(
                f"{what}: Expected all tensors to be on the same device, but found at least two "
                f"devices, {ns.device} and {t._ns.device}! Move one of them with "
                f".to({str(ns.device)!r})"
            )
    return deepest.beside(ns)


def follow(value: Any, ns: Namespace) -> Any:
    """A Tensor on another device, or within a transform around it; anything else as it is.

    Raises:
        GradientError: for a Tensor of a transform that the namespace knows nothing of.
    """
    if not isinstance(value, Tensor) or value._ns is ns:
        return value
    if value._ns.depth > ns.depth:
        raise value._ns.captured()
    if value._ns.base is not ns.base:
        from xpgrad.ops.device import to_device

        value = to_device(value, ns=ns.base)
    return ns.lift(value) if ns.depth else value


def received(value: Any, t: Tensor) -> Any:
    """A value that is about to be written into `t`, as one of the same namespace.

    Raises:
        GradientError: where `t` cannot take it.
    """
    if isinstance(value, Tensor) and value._ns.depth > t._ns.depth:
        value._ns.receive(t)
    return follow(value, t._ns)


def together(what: str, *values: Any) -> list[Any]:
    """Tensors on one device as ones of one namespace; anything else as it is.

    Raises:
        DeviceError: where devices differ.
    """
    ns = common_namespace(what, [v for v in values if isinstance(v, Tensor)])
    return [follow(v, ns) for v in values]


def _cast(value: Tensor, target: dtypes.dtype) -> Tensor:
    from xpgrad.ops.device import astype

    out: Tensor = astype(value, dtype=target)
    return out


def result_type(*operands: Any) -> dtypes.dtype:
    """The dtype of a result of these tensors and Python numbers together.

    >>> import xpgrad as xg
    >>> xg.result_type(xg.ones(2, dtype=xg.int32), 1.5)
    xpgrad.float32
    """
    strong: list[dtypes.dtype | None] = [None, None, None]  # with dimensions, 0-d, numbers
    for v in operands:
        if isinstance(v, Tensor):
            rank, d = (0 if v._data.shape else 1), v.dtype
        elif isinstance(v, dtypes.dtype):
            rank, d = 0, v
        else:
            rank, d = 2, dtypes.of_scalar(v)
        have = strong[rank]
        strong[rank] = d if have is None else dtypes.promote_types(have, d)
    found = dtypes.combine(strong[0], dtypes.combine(strong[1], strong[2]))
    if found is None:
        raise TypeError("result_type needs at least one operand")
    return found


# ------------------------------------------------------------------ errors that say what was given


def describe(value: Any) -> str:
    """A short description of an operand: ``float32[2, 3] on cpu``."""
    if isinstance(value, Tensor):
        return f"{value.dtype.name}{list(value.shape)} on {value.device}"
    shape = getattr(value, "shape", None)
    if shape is not None:
        return f"{type(value).__name__}{list(shape)}"
    return repr(value) if type(value) in SCALARS else type(value).__name__


# What PyTorch's errors call the ops that take no floating-point or no complex numbers.
_KERNELS = {
    "bitwise_and": "bitwise_and_cpu", "bitwise_or": "bitwise_or_cpu", "gcd": "gcd_cpu",
    "bitwise_xor": "bitwise_xor_cpu", "bitwise_left_shift": "lshift_cpu", "fmod": "fmod_cpu",
    "bitwise_right_shift": "rshift_cpu", "remainder": "remainder_cpu",
    "floor_divide": "div_floor_cpu",
}  # fmt: skip


def explain(
    op: Op, inputs: Sequence[Any], settings: dict[str, Any] | None, error: Exception
) -> Exception:
    """The error to raise for a failure inside an op: what was asked, with what, and why not."""
    if isinstance(error, (XpgradError, NotImplementedError, MemoryError, UserWarning)):
        return error
    if isinstance(error, TypeError) and op.name in _KERNELS:
        found = result_type(*inputs).torch_name
        return UnsupportedDType(f"\"{_KERNELS[op.name]}\" not implemented for '{found}'")
    names = op.inputs if not op.variadic else [f"{op.inputs[0]}[{i}]" for i in range(len(inputs))]
    given = [f"{n}: {describe(v)}" for n, v in zip(names, inputs, strict=False)]
    given += [f"{k}={_short(v)}" for k, v in (settings or {}).items()]
    shapes = [tuple(v.shape) for v in inputs if isinstance(v, Tensor)]
    detail = (op.elementwise and broadcast_fault(shapes)) or str(error)
    text = f"{op.name}: {detail} (given {'; '.join(given)})"
    kind: type[Exception]
    if isinstance(error, IndexError):
        kind = IndexError
    elif isinstance(error, np.linalg.LinAlgError):
        kind = LinAlgError
    elif isinstance(error, ValueError):
        kind = ShapeError
    elif isinstance(error, TypeError):
        kind = DTypeError
    elif isinstance(error, OverflowError):
        kind = OverflowError
    else:
        kind = OpError
    return kind(text)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def broadcast_fault(shapes: Sequence[tuple[int, ...]]) -> str | None:
    """PyTorch's sentence about the first pair of sizes that do not broadcast, or `None`."""
    for a, b in itertools.pairwise(shapes):
        rank = max(len(a), len(b))
        for i in range(1, min(len(a), len(b)) + 1):
            if a[-i] != b[-i] and 1 not in (a[-i], b[-i]):
                return (
                    f"The size of tensor a ({a[-i]}) must match the size of tensor b ({b[-i]}) at "
                    f"non-singleton dimension {rank - i}"
                )
    return None
