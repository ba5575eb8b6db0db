"""The Tensor: an array, the namespace that owns it, and how it was made.

This module holds the parts that the engine needs. Operators, methods and creation functions are
PyTorch's door; they attach themselves (`xpgrad.door`).
"""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from xpgrad import dtypes
from xpgrad.device import device as Device
from xpgrad.errors import DTypeError, GradientError, ShapeError
from xpgrad.graph import (
    AccumulateGrad,
    Node,
    Output,
    RemovableHandle,
    hooks_of,
)  # fmt: skip
from xpgrad.hooks import accumulating, own
from xpgrad.mode import mode
from xpgrad.namespace import Array, Namespace
from xpgrad.size import Size as Size
from xpgrad.versions import Version, mark_written

if TYPE_CHECKING:
    # Written by ci/stubs from the door's functions, for type checkers and completion alone.
    from xpgrad._methods import Methods
else:
    Methods = object

new: Callable[[Any], Any] = object.__new__


def set_engine(backward: Callable[..., None]) -> None:
    """Tell `Tensor.backward` what runs it: `xpgrad.backward`, which is built on this module."""
    global _engine
    _engine = backward


_engine: Callable[..., None]


class Tensor(Methods):
    """A multi-dimensional array that can remember how it was computed.

    Made by creation functions (`xpgrad.tensor`, `xpgrad.zeros`, …) and by operations.
    """

    # Only _data, _ns and _node are set on each result; the rest stays on the class until needed.
    _data: Array
    _ns: Namespace
    _node: Node | None  # AccumulateGrad on a leaf that requires a gradient
    _idle: AccumulateGrad | None = None  # the same, on one that did: with its hooks, for next time
    _grad: Tensor | None = None
    # What this is a view of, by which op with which settings, made in which mode (`xpgrad.views`).
    _view: tuple[Tensor, Any, dict[str, Any], int] | None = None
    _views: list[weakref.ref[Tensor]] | None = None
    _source: Tensor | None = None  # whose memory a detached tensor shows, on immutable libraries
    _shared: Version | None = None
    _inference: bool = False
    _retained: bool = False

    # `ndarray * tensor` must ask the Tensor; without these NumPy and CuPy would take it apart.
    __array_ufunc__ = None
    __array_priority__ = 1000

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if args or kwargs:
            raise TypeError(
                f"{type(self).__name__}(...) is not a way to make a tensor; use xpgrad.tensor(data)"
            )

    # ---------------------------------------------------------------- what it is

    @property
    def shape(self) -> Size:
        """The lengths of the dimensions."""
        return Size(self._data.shape)

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return len(self._data.shape)

    @property
    def dtype(self) -> dtypes.dtype:
        """The data type of the elements."""
        return self._ns.dtype_of(self._data)

    @property
    def device(self) -> Device:
        """Where the elements live."""
        return self._ns.device

    @property
    def is_leaf(self) -> bool:
        """Whether no recorded operation made this tensor."""
        return self._node is None or isinstance(self._node, AccumulateGrad)

    @property
    def grad_fn(self) -> Node | None:
        """The node of the operation that made this tensor; `None` for a leaf."""
        node = self._node
        if isinstance(node, AccumulateGrad):
            return None
        return node.edges[0] if isinstance(node, Output) else node

    @property
    def output_nr(self) -> int:
        """Which output of its ``grad_fn`` this tensor is."""
        return self._node.index if isinstance(self._node, Output) else 0

    @property
    def requires_grad(self) -> bool:
        """Whether gradients flow to or through this tensor.

        Raises:
            GradientError: when set on a result.
            DTypeError: when set on integers.
        """
        return self._node is not None

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if value is not True and value is not False:
            raise GradientError("requires_grad must be a bool")
        if not self.is_leaf:
            raise GradientError(
                "you can only change requires_grad flags of leaf variables."
                + " If you want to use a computed variable in a subgraph that doesn't require "
                "differentiation use var_no_grad = var.detach()." * (not value)
            )
        if not value:
            if self._node is not None and self._node.variable is self:  # type: ignore[attr-defined]
                self._idle = self._node
            self._node = None
        elif self._node is None or self._node.variable is not self:  # type: ignore[attr-defined]
            if self._inference and not mode.inference:
                raise GradientError(
                    "Setting requires_grad=True on inference tensor outside InferenceMode is not "
                    "allowed."
                )
            if not self.dtype.is_differentiable:
                raise DTypeError(
                    "only Tensors of floating point and complex dtype can require gradients, "
                    f"got {self.dtype}"
                )
            leaf = self._idle or AccumulateGrad(self)
            self._node, self._idle = leaf, None
            leaf._tensor = weakref.ref(self)
            leaf.shape = self._data.shape  # which may have been turned since
        if self._view or self._views:
            from xpgrad.views import share_flag

            share_flag(self)

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Set `requires_grad` in place and return the tensor.

        Raises:
            DTypeError: for integers and booleans.
            TypeError: unless `requires_grad` is a bool.
        """
        if requires_grad is not True and requires_grad is not False:
            raise TypeError(
                "requires_grad_(): argument 'requires_grad' (position 1) must be bool, not "
                f"{type(requires_grad).__name__}"
            )
        if requires_grad and not self.dtype.is_differentiable:
            raise DTypeError(
                f"only Tensors of floating point dtype can require gradients, got {self.dtype}"
            )
        if not (requires_grad and self.requires_grad and not self.is_leaf):
            self.requires_grad = requires_grad
        return self

    def is_inference(self) -> bool:
        """Whether it was made in inference mode."""
        return self._inference

    # ---------------------------------------------------------------- the gradient

    @property
    def grad(self) -> Tensor | None:
        """The accumulated gradient, or `None`.

        Raises:
            GradientError: when set to something of another shape, dtype or device.
        """
        if self._grad is None and not self.is_leaf and not self._retained:
            warnings.warn(
                "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its "
                ".grad attribute won't be populated during autograd.backward(). If you indeed want "
                "the .grad field to be populated for a non-leaf Tensor, use .retain_grad() on the "
                "non-leaf Tensor. If you access the non-leaf Tensor by mistake, make sure you "
                "access the leaf Tensor instead.",
                UserWarning,
                stacklevel=2,
            )
        return self._grad

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None:
            if not isinstance(value, Tensor):
                raise TypeError(
                    f"assigned grad expected to be a Tensor or None but got grad of type "
                    f"{type(value).__name__}"
                )
            if value is self:
                raise GradientError("can't assign Variable as its own grad")
            if value._data.shape != self._data.shape:
                raise ShapeError(
                    f"attempting to assign a gradient of size '{list(value.shape)}' to a tensor of "
                    f"size '{list(self.shape)}'. Please ensure that the gradient and the tensor "
                    "are the same size"
                )
            if value.dtype is not self.dtype:
                raise DTypeError(
                    f"attempting to assign a gradient with dtype '{value.dtype}' to a tensor with "
                    f"dtype '{self.dtype}'. Please ensure that the gradient and the tensor have "
                    "the same dtype"
                )
            if value._ns is not self._ns:
                raise GradientError(
                    f"attempting to assign a gradient with device type '{value.device}' to a "
                    f"tensor with device type '{self.device}'. Please ensure that the gradient "
                    "and the tensor are on the same device"
                )
        self._grad = value

    @grad.deleter
    def grad(self) -> None:
        self._grad = None

    @property
    def retains_grad(self) -> bool:
        """Whether this non-leaf keeps its gradient."""
        return self._retained

    def retain_grad(self) -> None:
        """Keep the gradient of this non-leaf in ``.grad``. No effect on a leaf.

        Raises:
            GradientError: where no gradient is required.
        """
        if self._node is None:
            raise GradientError("can't retain_grad on Tensor that has requires_grad=False")
        if self.is_leaf or self._retained:
            return
        import weakref

        owner = weakref.ref(self)  # the node must not keep its own output alive

        def keep(g: Tensor) -> None:
            tensor = owner()
            if tensor is not None:
                with accumulating:
                    if tensor._grad is None:
                        tensor._grad = wrap(tensor._ns.copy(g._data), tensor._ns, g._node)
                    else:
                        tensor._grad = tensor._grad + g

        hooks_of(self._node).retain = keep
        self._retained = True

    def register_hook(self, hook: Callable[[Tensor], Tensor | None]) -> RemovableHandle:
        """Call ``hook(grad)`` whenever the gradient of this tensor is known; it may replace it.

        Raises:
            GradientError: where no gradient is required.

        >>> import xpgrad as xg
        >>> x = xg.tensor([1.0, 2.0], requires_grad=True)
        >>> handle = x.register_hook(lambda grad: grad * 2)
        >>> x.sum().backward(); x.grad
        tensor([2., 2.])
        """
        if self._node is None:
            raise GradientError("cannot register a hook on a tensor that doesn't require gradient")
        return RemovableHandle(hooks_of(self._node).before, own(self._node, hook))

    def register_post_accumulate_grad_hook(self, hook: Callable[[Tensor], None]) -> RemovableHandle:
        """Call ``hook(tensor)`` after backward has written this leaf's ``.grad``.

        Raises:
            GradientError: for a non-leaf, or where no gradient is required.
        """
        if self._node is None:
            raise GradientError("cannot register a hook on a tensor that doesn't require gradient")
        if not self.is_leaf:
            raise GradientError(
                "post accumulate grad hooks cannot be registered on non-leaf tensors"
            )
        return RemovableHandle(hooks_of(self._node).of("after"), hook)

    def backward(
        self,
        gradient: Any = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
        inputs: Any = None,
    ) -> None:
        """Add the gradients of this tensor into the ``.grad`` of the leaves it depends on.

        Args:
            gradient: the incoming gradient, shaped like this tensor; a scalar needs none.
            retain_graph: keep saved values for another backward (default: `create_graph`).
            create_graph: record the computation of the gradients too, for higher orders.
            inputs: only these tensors get a ``.grad``, non-leaves included.

        Raises:
            GradientError: not a scalar and no `gradient`; nothing requires a gradient; a second
                backward through a freed graph; a saved value was modified.

        >>> import xpgrad as xg
        >>> x = xg.tensor(4.0, requires_grad=True)
        >>> (3 * x**2 + 2 * x + 1).backward(); x.grad
        tensor(26.)
        """
        _engine(self, gradient, retain_graph, create_graph, inputs=inputs)

    # ---------------------------------------------------------------- views and memory

    @property
    def _base(self) -> Tensor | None:
        """The tensor whose memory this view shows; `None` if it is no view."""
        return None if self._view is None or self._inference else self._root()

    def _root(self) -> Tensor:
        base = self  # where the views end; never `_base or self`, which would ask for a truth value
        while base._view is not None:
            base = base._view[0]
        return base

    def _is_view(self) -> bool:
        return self._view is not None

    def _counter(self) -> Version:
        """The version counter, shared with everything that shows the same memory."""
        root = self._root()
        if root._shared is None:
            root._shared = Version(owner=root)
        return root._shared

    @property
    def _version(self) -> int:
        """How often the memory was written to."""
        if self._inference:
            raise GradientError("Inference tensors do not track version counter.")
        root = self._root()
        return 0 if root._shared is None else root._shared.count

    def _written(self) -> None:
        """Record that this tensor's memory was written to."""
        root = self if self._view is None else self._root()
        version = root._shared
        if version is None:
            version = root._shared = Version(owner=root)
        mark_written(self._ns, self._data, version)

    @property
    def data(self) -> Tensor:
        """The same memory without history, outside version counting."""
        return self._forgetting(self._shown(Version(silent=True)))

    @data.setter
    def data(self, value: Tensor) -> None:
        if not isinstance(value, Tensor):
            raise TypeError(f"Variable data has to be a tensor, but got {type(value).__name__}")
        if self._node is not None and not value.dtype.is_differentiable:
            raise DTypeError(
                "data set to a tensor that requires gradients must be floating point or complex "
                "dtype"
            )
        self._show(value)
        if self._inference is not value._inference:
            self._inference = value._inference

    def _show(self, value: Tensor) -> None:
        """Show the memory of `value` from now on, with the same history."""
        self._data, self._ns = value._data, value._ns
        if isinstance(self._node, AccumulateGrad):
            self._node.ns = value._ns
            self._node.shape = value._data.shape
            self._node.dtype = value._data.dtype

    def detach(self) -> Tensor:
        """The same memory without history.

        >>> import xpgrad as xg
        >>> xg.ones(2, requires_grad=True).detach().requires_grad
        False
        """
        return self._forgetting(self._shown(self._counter()))

    def _forgetting(self, out: Tensor) -> Tensor:
        if self._ns.depth:  # what transforms know of it is forgotten too
            out._data = self._ns.severed(self._data)
        return out

    def _shown(self, version: Version) -> Tensor:
        """The same memory without what was recorded of it; transforms still know theirs."""
        out: Tensor = new(Tensor)
        out._data, out._ns, out._node = self._data, self._ns, None
        version.share(out)
        if self._inference:
            out._inference = True
        if not self._ns.mutable:
            from xpgrad.views import link_alias

            link_alias(out, self)
        return out

    __hash__ = object.__hash__


def wrap(data: Array, ns: Namespace, node: Node | None = None) -> Tensor:
    """A Tensor around an array of a namespace: the one place outside the call path."""
    out: Tensor = new(Tensor)
    out._data, out._ns, out._node = data, ns, node
    if mode.inference:
        out._inference = True
    return out
