"""Forward mode by hand: tensors that carry a tangent, within a level of the thread.

A `make_dual` tensor is of the level that `enter_dual_level` opened; what is computed with it is
too. Unlike in a transform, whatever else happens meanwhile stays as it is outside: new tensors
belong to no level, `backward` works, and tensors that outlive the level become their primals.

Both directions meet here. What has a history has it twice: that of the dual numbers, along which
`autograd.grad` gives gradients with tangents (forward over reverse), and below it that of primals
and tangents, along which tangents are differentiated (reverse over forward). A `Lift` leads from
the one to the other, wherever a tensor without a tangent meets one that has one.
"""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Any, NamedTuple, Self

from xpgrad import printing
from xpgrad.errors import DeviceError, GradientError, ShapeError
from xpgrad.func.dual import Dual, DualLevel, DualNamespace
from xpgrad.func.levels import Level
from xpgrad.func.wrapped import Wrapped, held
from xpgrad.graph import AccumulateGrad, Node, Output, tick
from xpgrad.mode import _Switch, mode
from xpgrad.namespace import Namespace
from xpgrad.ops.shape import reshape
from xpgrad.tensor import Tensor, new, wrap
from xpgrad.views import living, parent_of

__all__ = [
    "UnpackedDualTensor", "dual_level", "enter_dual_level", "exit_dual_level", "make_dual",
    "unpack_dual",
]  # fmt: skip

# ------------------------------------------------------------------ the graph between both


def _joint(kind: type[Node], edge: Node, t: Tensor, ns: Namespace) -> Any:
    """A node of `ns` that hands the gradient of `t` on to what made it."""
    node = new(kind)
    node.edges = (edge,)
    node.saved = node.settings = node.hooks = None
    node.seq = tick()
    node.ns, node.shape, node.dtype = ns, t._data.shape, t._data.dtype
    return node


class Lift(Output):
    """Stands, unseen, for a tensor from outside of the level: its gradient goes there."""

    __slots__ = ()

    @classmethod
    def onto(cls, t: Tensor, ns: Namespace) -> Lift:
        """The node within `ns` of a tensor that requires a gradient below."""
        assert t._node is not None
        node: Lift = _joint(cls, t._node, t, ns)
        node.index = 0
        return node

    @staticmethod
    def vjp(node: Any, g: Any, edges: tuple[Node | None, ...]) -> tuple[Any, ...]:
        """The gradient, with its tangent; raw arrays know no tangents outside."""
        return (g if isinstance(g, Tensor) else g.value._data,)


class MadeDual(Node):
    """Made a tensor with a tangent of one without."""

    __slots__ = ()

    vjp = staticmethod(Lift.vjp)

    def name(self) -> str:
        """As PyTorch calls it."""
        return "ViewBackward0"


class Redone(Node):
    """Made a tensor with a tangent of one of the same level."""

    __slots__ = ()

    def name(self) -> str:
        """As PyTorch calls it."""
        return "ViewBackward0"

    @staticmethod
    def vjp(node: Any, g: Any, edges: tuple[Node | None, ...]) -> tuple[Any, ...]:
        """The gradient as it is."""
        return (g,)


class Gone(Node):
    """Stands for a history that the end of its level has cut off."""

    __slots__ = ()

    @staticmethod
    def vjp(node: Any, g: Any, edges: tuple[Node | None, ...]) -> tuple[Any, ...]:
        """Raise."""
        raise GradientError(
            "this tensor was computed, inside a dual level that has ended, from a tensor with a "
            "tangent that was made to require a gradient there; let what make_dual() is given "
            "require it instead, or differentiate before the level ends"
        )


# ------------------------------------------------------------------ the level


class ForwardNamespace(DualNamespace):
    """A library whose arrays carry tangents, as long as the level lasts."""

    whole = True
    level: ForwardLevel

    def run(self, op: Any, arrays: Any, settings: dict[str, Any]) -> Any:
        """As for any dual numbers; there are no tangents in inference mode."""
        if mode.inference:
            arrays = [Dual(self, a.value, None) if isinstance(a, Dual) else a for a in arrays]
        return super().run(op, arrays, settings)

    def lift(self, t: Tensor) -> Tensor:
        """A Tensor from outside as one of this level, with its history."""
        out = super().lift(t)
        if out is not t and mode.grad and out._data.value._node is not None:
            out._node = Lift.onto(out._data.value, self)
        return out

    def landed(self, g: Tensor, ns: Namespace) -> Any:
        """A gradient as ``.grad`` keeps it: without its tangent."""
        if ns is self:
            return Dual(self, g._data.value.detach(), None)
        below: Tensor = g._data.value
        return below._data if below._ns is ns else below._ns.landed(below, ns)

    def show(self, x: Any) -> str:
        """As PyTorch prints it."""
        if x.tangent is None:
            return repr(x.value)
        return printing.with_suffix(repr(x.value), f"tangent={x.tangent!r}")

    # ---------------------------------------------------------------- tensors come and go

    def receive(self, t: Tensor) -> None:
        """Let a Tensor from outside, which is about to take a tangent, be of this level.

        Its views are too. From now on they have memory of their own.

        Raises:
            GradientError: for a leaf that requires a gradient.
        """
        while (parent := parent_of(t)) is not None:
            t = parent
        family: list[tuple[Tensor, Tensor | None]] = [(t, None)]
        for x, _ in family:
            if isinstance(x._node, AccumulateGrad):
                raise GradientError(
                    "a leaf Variable that requires grad cannot take a value with a tangent in place"
                )
            family += [(view, x) for view in living(x)]
        hidden: dict[Tensor, Tensor] = {}
        for x, parent in family:
            below = hidden[x] = new(Tensor)
            vars(below).update(vars(x), _views=[])
            if x._view is not None:
                assert parent is not None
                below._view = (hidden[parent], *x._view[1:])
            x._data, x._ns = Dual(self, below, None), self
            x._node = None if below._node is None else Lift.onto(below, self)

    def settle(self, t: Tensor) -> None:
        """Let a Tensor of this level, which has ended, be its primal."""
        primal: Tensor = t._data.value
        if primal._ns.ended:
            primal._ns.settle(primal)
        node = vars(t)["_node"]
        t._data, t._ns = primal._data, primal._ns
        if isinstance(node, AccumulateGrad):
            node.ns = t._ns
        elif node is not None:
            t._node = primal._node or _joint(Gone, node, t, t._ns)
        if t._grad is not None and t._grad._ns.ended:
            t._grad._ns.settle(t._grad)
        parent = parent_of(t)
        if parent is not None and parent._ns is self:
            self.settle(parent)
        if parent is not None and t._ns.mutable and not t._ns.is_view(t._data, parent._data):
            t._view = t._source = None


class ForwardLevel(DualLevel):
    """A level of a thread rather than of a function."""

    kind = "dual_level"
    namespace = ForwardNamespace

    def inside(self, base: Namespace) -> Namespace:
        """The namespace of what is made within: nothing has a tangent unless it is given one."""
        return base if self.outer is None else self.outer.inside(base)

    def freeze(self, recording: bool) -> Level | None:
        """Grad mode is one for dual numbers and for what they are made of."""
        return None

    def __enter__(self) -> Self:  # no transform of a function: see `mode.transforms`
        mode.level = self
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        mode.level = self.outer
        self.ended = True
        for ns in self._namespaces.values():
            ns.ended = True
        self._namespaces.clear()


class _Local(threading.local):
    level: ForwardLevel | None = None


_local = _Local()


def enter_dual_level() -> int:
    """Begin a level, in which tensors can have tangents. Prefer `dual_level`.

    Returns:
        Its number, which is 0: levels do not nest. (Transforms such as `func.jvp` do.)

    Raises:
        GradientError: within a level.

    >>> from xpgrad.autograd import forward_ad
    >>> forward_ad.enter_dual_level()
    0
    >>> forward_ad.exit_dual_level()
    """
    if _local.level is not None:
        raise GradientError("Nested forward mode AD is not supported at the moment")
    _local.level = ForwardLevel().__enter__()
    return 0


def exit_dual_level(*, level: int | None = None) -> None:
    """End a level: tensors with a tangent become their primals.

    Args:
        level: its number.

    Raises:
        GradientError: for any but the one that was begun last.

    >>> import xpgrad as xg
    >>> from xpgrad.autograd import forward_ad
    >>> level = forward_ad.enter_dual_level()
    >>> y = forward_ad.make_dual(xg.ones(1), xg.ones(1)) ** 2
    >>> forward_ad.unpack_dual(y).tangent
    tensor([2.])
    >>> forward_ad.exit_dual_level()
    >>> forward_ad.unpack_dual(y).tangent is None
    True
    """
    current = _local.level
    if current is None and level is None:
        raise GradientError("Dual level must be a positive number.")
    if current is None or level not in (None, 0) or mode.level is not current:
        raise GradientError(
            "Trying to exit a forward AD level that was not the last one that was created. This is "
            "not supported."
        )
    current.__exit__()
    _local.level = None


class dual_level(_Switch):
    """A context (or decorator) in which tensors can have tangents; it gives the level's number.

    Raises:
        GradientError: within another.

    >>> import xpgrad as xg
    >>> import xpgrad.autograd.forward_ad as fwAD
    >>> with fwAD.dual_level():
    ...     x = fwAD.make_dual(xg.tensor([1.0, 2.0]), xg.tensor([1.0, 10.0]))
    ...     fwAD.unpack_dual(x * x)
    UnpackedDualTensor(primal=tensor([1., 4.]), tangent=tensor([ 2., 40.]))
    """

    def __enter__(self) -> int:  # type: ignore[override]
        return enter_dual_level()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        exit_dual_level()


def _level(number: int | None, what: str) -> ForwardLevel | None:
    """The level with a number; `None` where there is none, of which number -1 says so."""
    if _local.level is None if number is None else number < 0:
        return None
    if _local.level is None or number not in (None, 0):
        raise GradientError(f"Invalid level given to {what}")
    return _local.level


# ------------------------------------------------------------------ primals and tangents


def make_dual(tensor: Tensor, tangent: Tensor, *, level: int | None = None) -> Tensor:
    """`tensor` with a tangent, which everything that is computed with it carries along.

    Args:
        tangent: shaped like `tensor`.
        level: the number of a level (default: the last).

    Raises:
        GradientError: outside of a level, for a tensor that has a tangent already, and for a
            tangent that has one.
        ShapeError: where the shapes differ.
        ValueError: for integers.
        DeviceError: where the devices differ.

    >>> import xpgrad as xg
    >>> import xpgrad.autograd.forward_ad as fwAD
    >>> with fwAD.dual_level():
    ...     fwAD.make_dual(xg.tensor(3.0), xg.tensor(1.0)) ** 2
    tensor(9., tangent=tensor(6.))
    """
    current = _level(level, "_make_dual")
    if current is None:
        raise GradientError(
            "Trying to create a dual Tensor for forward AD but no level exists, make sure to "
            "enter_dual_level() first."
        )
    for what, t in (("primal", tensor), ("tangent", tangent)):
        if not isinstance(t, Tensor):
            raise TypeError(f"make_dual(): the {what} must be a Tensor, not {type(t).__name__}")
        if not t.dtype.is_differentiable:
            raise ValueError(f"Expected {what} to be floating point or complex, but got: {t.dtype}")
        _check_depth(t, current)
    if tensor._data.shape != tangent._data.shape:
        raise ShapeError(
            "Trying to set a forward gradient that has a different size than that of the original "
            f"Tensor, this is not supported. Tensor is of size {list(tensor.shape)} while the "
            f"given forward gradient is of size {list(tangent.shape)}."
        )
    if tensor._ns.base is not tangent._ns.base:
        raise DeviceError(
            f"make_dual(): expected both on one device, got a tensor on {tensor.device} and a "
            f"tangent on {tangent.device}"
        )
    primal, has = current.parts(tensor)
    if has is not None:
        raise GradientError(
            "Making a dual Tensor based on a Tensor that already has a forward gradient at the "
            "same level 0 is not supported."
        )
    change, has = current.parts(tangent)
    if has is not None:
        raise GradientError(
            "Setting a forward grad that itself has a forward gradient at the same level0 is not "
            "supported."
        )
    ns = current.over(primal._ns.base)
    with current.lowered():
        shown = held(reshape(primal, shape=tuple(primal._data.shape)))
        out = wrap(Dual(ns, shown, change), ns)
    kind, maker = (Redone, tensor._node) if tensor._ns is ns else (MadeDual, primal._node)
    if mode.grad and maker is not None:
        out._node = _joint(kind, maker, out, ns)
    return out


class UnpackedDualTensor(NamedTuple):
    """A tensor without its tangent, and the tangent, `None` if it has none."""

    primal: Tensor
    tangent: Tensor | None


def unpack_dual(tensor: Tensor, *, level: int | None = None) -> UnpackedDualTensor:
    """A tensor without its tangent, and the tangent; `None` if it has none.

    Both have the history that they were computed with.

    Raises:
        TypeError: for what is no Tensor.
        GradientError: for a level that does not exist.

    >>> import xpgrad as xg
    >>> import xpgrad.autograd.forward_ad as fwAD
    >>> x = xg.tensor([1.0, 2.0], requires_grad=True)
    >>> with fwAD.dual_level():
    ...     y = fwAD.make_dual(x, xg.tensor([1.0, 0.0])) ** 3
    ...     xg.autograd.grad(fwAD.unpack_dual(y).tangent.sum(), x)
    (tensor([6., 0.]),)
    """
    if not isinstance(tensor, Tensor):
        raise TypeError(
            "_unpack_dual(): argument 'dual' (position 1) must be Tensor, not "
            f"{type(tensor).__name__}"
        )
    current = _level(level, "_fw_primal")
    if tensor._ns.ended:
        tensor._ns.settle(tensor)
    if current is None:
        return UnpackedDualTensor(tensor, None)
    _check_depth(tensor, current)
    if isinstance(tensor._data, Wrapped) and tensor._data.ns.level is current:
        return UnpackedDualTensor(*current.parts(tensor))
    return UnpackedDualTensor(tensor, None)


def _check_depth(t: Tensor, level: Level) -> None:
    if t._ns.depth > level.depth:
        raise GradientError(
            f"dual tensors are made and unpacked outside of {t._ns.level.kind}, not in a function "
            "that it transforms: begin the dual level in there, or use func.jvp"
        )
