"""Another view of the same memory, or other memory, in place: ``t_``, ``detach_``, ``set_``, …."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from xpgrad.door.arguments import dim_of, only_tensor
from xpgrad.door.attach import method
from xpgrad.door.data import guarded
from xpgrad.errors import DeviceError, DTypeError, GradientError, ShapeError
from xpgrad.graph import AccumulateGrad, Node, tick
from xpgrad.mode import mode
from xpgrad.ops import shape as shapes
from xpgrad.tensor import Tensor, new, wrap
from xpgrad.views import check_write, leave, link_alias, relink, renamed


def _turn(t: Tensor, node: str, function: Callable[..., Any], **settings: Any) -> Tensor:
    """Make `t` the view of itself that an op gives; its memory and its views stay as they are."""
    recorded = mode.grad and t.requires_grad
    check_write(t, recorded)
    before = tuple(t._data.shape)
    out = function(t, **settings)
    if "axes" in settings:
        back = (shapes.permute_dims.op, {"axes": shapes.inverse(settings["axes"])})
    else:
        back = (shapes.reshape.op, {"shape": before})
    relink(t, out, back)
    history = out._node
    if recorded and history is not None:
        history.__class__ = renamed(type(history).op, node)
        t._node = history
    if t._ns.mutable:
        t._written()
    else:
        t._counter().bump()
    return t


@method()
def t_(self: Tensor) -> Tensor:
    """`Tensor.t`, in place."""
    if self.ndim > 2:
        raise ShapeError(f"t_() expects a tensor with <= 2 dimensions, but self is {self.ndim}D")
    return _turn(self, "TBackward1", shapes.t, axes=tuple(reversed(range(self.ndim))))


@method("transpose_", "swapaxes_", "swapdims_")
def transpose_(self: Tensor, dim0: int, dim1: int) -> Tensor:
    """`Tensor.transpose`, in place."""
    a, b = dim_of(dim0, self.ndim), dim_of(dim1, self.ndim)
    axes = list(range(self.ndim))
    if axes:
        axes[a], axes[b] = axes[b], axes[a]
    return _turn(self, "TransposeBackward1", shapes.transpose, axes=tuple(axes))


@method()
def unsqueeze_(self: Tensor, dim: int) -> Tensor:
    """`Tensor.unsqueeze`, in place."""
    axis = dim_of(dim, self.ndim + 1)
    return _turn(self, "UnsqueezeBackward1", shapes.expand_dims, axis=axis)


@method()
def squeeze_(self: Tensor, dim: Any = None) -> Tensor:
    """`Tensor.squeeze`, in place."""
    given = range(self.ndim) if dim is None else dim if isinstance(dim, tuple) else (dim,)
    axes = tuple(sorted({dim_of(d, self.ndim) for d in given})) if self.ndim else ()
    axes = tuple(i for i in axes if self._data.shape[i] == 1)
    return _turn(self, "SqueezeBackward3", shapes.squeeze, axis=axes)


@method()
def detach_(input: Tensor) -> Tensor:
    """Forget the history, in place: the tensor becomes a leaf without a gradient.

    Raises:
        GradientError: for a view.

    >>> import xpgrad as xg
    >>> y = xg.ones(2, requires_grad=True) * 2
    >>> y.detach_().requires_grad
    False
    """
    if input._view is not None and not input._inference:
        raise GradientError(
            "Can't detach views in-place. Use detach() instead. If you are using "
            "DistributedDataParallel (DDP) for training, and gradient_as_bucket_view is set as "
            "True, gradients are views of DDP buckets, and hence detach_() cannot be called on "
            "these gradients. To fix this error, please refer to the Optimizer.zero_grad() "
            "function in xpgrad/optim/optimizer.py as the solution."
        )
    if isinstance(input._node, AccumulateGrad):
        input.requires_grad = False
    input._node = None
    input._retained = False
    return input._forgetting(input)


class Underivable(Node):
    """The history of what ``set_`` has set: there is no derivative."""

    __slots__ = ()

    @staticmethod
    def vjp(node: Any, g: Any, edges: Any) -> tuple[Any, ...]:
        """There is none."""
        raise GradientError("derivative for set_ is not implemented")


Underivable.__name__ = Underivable.__qualname__ = "NotImplemented"  # as PyTorch calls it


@method()
def set_(self: Tensor, source: Tensor | None = None) -> Tensor:
    """Show the memory of `source` from now on, with its shape; nothing without one.

    Writes to either are seen in both; views of this tensor keep showing the memory that it had.

    Raises:
        TypeError: for what is no tensor.
        DTypeError, DeviceError: for a tensor of another dtype, or on another device.
        GradientError: for a leaf that requires a gradient, and in a backward through this.

    >>> import xpgrad as xg
    >>> x = xg.zeros(3)
    >>> x.set_(xg.ones(2))
    tensor([1., 1.])
    """
    if source is None:
        with guarded(self._ns):
            empty = self._ns.zeros((0,), dtype=self._data.dtype)
        source = wrap(empty, self._ns)
    source = only_tensor(source, "set_", "source")
    if source._ns is not self._ns:
        raise DeviceError(f"Could not set tensor on {source.device} to a tensor on {self.device}")
    if source._data.dtype != self._data.dtype:
        raise DTypeError(
            f"Could not set tensor of type {source.dtype.torch_name.lower()} to a tensor of type "
            f"{self.dtype.torch_name.lower()}"
        )
    recorded = mode.grad and (self.requires_grad or source.requires_grad)
    check_write(self, recorded)
    self._written()
    leave(self)
    self._show(source)
    link_alias(self, source)
    if recorded:
        node = new(Underivable)
        node.edges = (self._node, source._node)
        node.saved = node.settings = node.hooks = None
        node.seq = tick()
        node.ns, node.shape, node.dtype = self._ns, self._data.shape, self._data.dtype
        self._node = node
    return self


@method()
def is_set_to(self: Tensor, tensor: Tensor) -> bool:
    """Whether both tensors show the same memory with the same shape and strides."""
    tensor = only_tensor(tensor, "is_set_to", "tensor")
    a, b = self._data, tensor._data
    if self._ns is not tensor._ns or a.shape != b.shape or a.dtype != b.dtype:
        return False
    if getattr(a, "strides", None) != getattr(b, "strides", None):
        return False
    return a is b or (self._ns.mutable and self.data_ptr() == tensor.data_ptr())


@method()
def is_same_size(self: Tensor, other: Tensor) -> bool:
    """Whether both tensors have the same shape."""
    return bool(self._data.shape == only_tensor(other, "is_same_size", "other")._data.shape)
