"""What PyTorch's tensors can be asked and told besides."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from xpgrad.door.arguments import only_tensor
from xpgrad.door.attach import attribute, method
from xpgrad.door.data import guarded
from xpgrad.door.sorting import nonzero
from xpgrad.errors import GradientError, ShapeError
from xpgrad.mode import no_grad
from xpgrad.tensor import Tensor, wrap

__all__ = [
    "detach", "is_conj", "is_inference", "is_neg", "is_same_size", "nonzero_static", "vander",
]  # fmt: skip

# ------------------------------------------------------------------ questions


def detach(input: Tensor) -> Tensor:
    """`Tensor.detach`.

    >>> import xpgrad as xg
    >>> xg.detach(xg.ones(1, requires_grad=True)).requires_grad
    False
    """
    return only_tensor(input, "detach").detach()


def is_inference(input: Tensor) -> bool:
    """`Tensor.is_inference`.

    >>> import xpgrad as xg
    >>> xg.is_inference(xg.ones(1))
    False
    """
    return only_tensor(input, "is_inference").is_inference()


@method()
def is_conj(input: Tensor) -> bool:
    """Whether a tensor shows conjugates of its memory: never here, where `conj` computes them.

    >>> import xpgrad as xg
    >>> xg.is_conj(xg.tensor(1j).conj())
    False
    """
    return False


@method()
def is_neg(input: Tensor) -> bool:
    """Whether a tensor shows negatives of its memory: never here."""
    return False


@method()
def is_same_size(input: Tensor, other: Tensor) -> bool:
    """Whether two tensors have the same shape.

    >>> import xpgrad as xg
    >>> xg.is_same_size(xg.ones(2, 3), xg.ones(3, 2))
    False
    """
    return input.shape == other.shape


@method()
def is_shared(self: Tensor) -> bool:
    """Whether processes share the memory: never here."""
    return False


@method()
def is_pinned(self: Tensor, device: Any = None) -> bool:
    """Whether the memory is page-locked: never here."""
    return False


@method()
def pin_memory(self: Tensor, device: Any = None) -> Tensor:
    """The tensor itself: page-locked memory makes no difference here."""
    return self


@attribute
def is_meta(self: Tensor) -> bool:
    """Whether a tensor has a shape and no values: never here."""
    return False


@method()
def dim_order(self: Tensor) -> tuple[int, ...]:
    """The dimensions, from the outermost in memory to the innermost.

    >>> import xpgrad as xg
    >>> xg.ones(2, 3).t().dim_order()
    (1, 0)
    """
    steps = self.stride()
    return tuple(sorted(range(self.ndim), key=lambda i: -steps[i]))


# ------------------------------------------------------------------ values


@method()
def nonzero_static(input: Tensor, *, size: int, fill_value: int = -1) -> Tensor:
    """The places of the first `size` elements that are not zero; rows of `fill_value` after them.

    Raises:
        RuntimeError: for a negative size.

    >>> import xpgrad as xg
    >>> xg.nonzero_static(xg.tensor([0, 3, 4]), size=3)
    tensor([[ 1],
            [ 2],
            [-1]])
    """
    if size < 0:
        raise ShapeError("nonzero_static: 'size' must be an non-negative integer")
    found: Tensor = nonzero(input)
    out = found.new_full((size, input.ndim), fill_value)
    out[: found.shape[0]] = found[:size]
    return out


def vander(x: Tensor, N: int | None = None, increasing: bool = False) -> Tensor:
    """The powers ``N - 1`` to 0 of each element (a Vandermonde matrix), or 0 to ``N - 1``.

    Raises:
        RuntimeError: for anything but a vector, or a negative `N`.

    >>> import xpgrad as xg
    >>> xg.vander(xg.tensor([1, 2, 3]), increasing=True)
    tensor([[1, 1, 1],
            [1, 2, 4],
            [1, 3, 9]])
    """
    t = only_tensor(x, "vander", "x")
    if t.ndim != 1:
        raise ShapeError("x must be a one-dimensional tensor.")
    count = t.shape[0] if N is None else N
    if count < 0:
        raise ShapeError("N must be non-negative.")
    if not t.dtype.is_differentiable:
        t = t.to(t.new_ones(1).cumsum(0).dtype)
    columns = [t.new_ones((t.shape[0], 1))] if count else []
    if count > 1:
        columns.append(t[:, None].expand(t.shape[0], count - 1).cumprod(1))
    if not columns:
        return t.new_empty((t.shape[0], 0))
    from xpgrad.door.joining import cat

    out = cat(columns, 1)
    return out if increasing else out.flip(1)


def _each(name: str, self: Tensor, function: Callable[..., Any], *others: Tensor) -> Tensor:
    if self.requires_grad:
        raise GradientError(
            f"Can't call {name}() on Variable that requires grad. Use var.detach().{name}() "
            "instead."
        )
    ns = self._ns
    with guarded(ns):
        given = [ns.to_host(t.expand_as(self)._data) for t in others]
        host = ns.to_host(self._data)
        places = np.ndindex(host.shape)
        found = [function(host[at].item(), *(g[at].item() for g in given)) for at in places]
        values = np.asarray(found, dtype=host.dtype).reshape(host.shape)
        with no_grad():
            self.copy_(wrap(ns.from_host(values), ns))
    return self


@method()
def apply_(self: Tensor, callable: Callable[[Any], Any]) -> Tensor:
    """Replace each element by what a function of Python numbers gives, one after another: slowly.

    Raises:
        GradientError: where a gradient is required.

    >>> import xpgrad as xg
    >>> xg.tensor([1.0, 2.0]).apply_(lambda v: v + 1)
    tensor([2., 3.])
    """
    return _each("apply_", self, callable)


@method()
def map_(self: Tensor, tensor: Tensor, callable: Callable[[Any, Any], Any]) -> Tensor:
    """`apply_` for a function of the element and that of another tensor.

    >>> import xpgrad as xg
    >>> xg.tensor([1.0, 2.0]).map_(xg.tensor([3.0, 0.0]), max)
    tensor([3., 2.])
    """
    return _each("map_", self, callable, tensor)
