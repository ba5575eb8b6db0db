"""Windows along a dimension, and whatever steps over the memory lead to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from xpgrad import indexing
from xpgrad.door.arguments import dim_of, only_tensor, size_of
from xpgrad.door.attach import called, method
from xpgrad.door.data import guarded
from xpgrad.door.indexing import own_array
from xpgrad.door.shape import reshape
from xpgrad.door.shape import stride as strides_of
from xpgrad.errors import ShapeError
from xpgrad.mode import mode
from xpgrad.namespace import Array
from xpgrad.ops import elementwise
from xpgrad.ops import indexing as access
from xpgrad.ops import strided as ops
from xpgrad.tensor import Tensor, wrap
from xpgrad.views import check_write, relink, renamed, steps_to

__all__ = ["as_strided", "as_strided_scatter"]

# ------------------------------------------------------------------ windows


@method()
def unfold(self: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """Windows of `size` elements along a dimension, one every `step`, along a new last dimension.

    A view where the library can; the gradient of an element is the sum over its windows.

    Raises:
        RuntimeError: for a window that is longer than the dimension, or no step.

    >>> import xpgrad as xg
    >>> xg.arange(5).unfold(0, 3, 2)
    tensor([[0, 1, 2],
            [2, 3, 4]])
    >>> x = xg.ones(5, requires_grad=True)
    >>> xg.autograd.grad(x.unfold(0, 3, 2).sum(), x)
    (tensor([1., 1., 2., 1., 1.]),)
    """
    axis = dim_of(dimension, self.ndim)
    longest = self._data.shape[axis] if self.ndim else 1
    if size < 0:
        raise ShapeError(f"size is {size} but must be >= 0")
    if size > longest:
        raise ShapeError(
            f"maximum size for tensor at dimension {axis} is {longest} but size is {size}"
        )
    if step <= 0:
        raise ShapeError(f"step is {step} but must be > 0")
    if not self.ndim:
        return reshape(self, 1)[:size]
    return ops.unfold(self, axis=axis, size=int(size), step=int(step))


# ------------------------------------------------------------------ steps over the memory


@method()
def storage_offset(self: Tensor) -> int:
    """How many elements of the memory that this tensor shows lie before its first."""
    return _place(self)[1]


def _place(x: Tensor) -> tuple[tuple[int, ...], int, int]:
    """Where a tensor lies in the memory it shows: its steps, its first element, how much there is.

    Where nobody can see the memory, it is that of the tensor's base, in row-major order.
    """
    data, ns = x._data, x._ns
    known = ns.memory(data)
    if known is not None:
        return strides_of(x), known[1], math.prod(known[0].shape)
    steps = steps_to(x)
    if not steps or any(getattr(op, "name", "") in ("real", "imag") for op, *_ in steps):
        return strides_of(x), 0, math.prod(data.shape)
    shape = steps[0][2]
    with guarded(ns):
        found = access.follow(ns, ns.reshape(ns.arange(math.prod(shape)), shape), steps)
        host = ns.to_host(ns.wrap(found))
    first = (0,) * host.ndim
    along = [
        int(host[(*first[:i], 1, *first[i + 1 :])] - host[first]) if n > 1 else 1
        for i, n in enumerate(host.shape)
    ]
    return tuple(along), int(host[first]) if host.size else 0, math.prod(shape)


def _steps(
    what: str, x: Tensor, size: Any, stride: Any, offset: int | None
) -> tuple[tuple[int, ...], tuple[int, ...], int, tuple[int, ...], int]:
    """Size, steps and first element, relative to that of `x`; the steps of `x`; all that is there.

    Raises:
        ShapeError: in PyTorch's words, for what is not in the memory.
    """
    shape, strides = size_of(what, (size,)), size_of(what, (stride,))
    if len(shape) != len(strides):
        raise ShapeError("mismatch in length of strides and shape")
    if any(s < 0 for s in strides):
        raise ShapeError(
            f"as_strided: Negative strides are not supported at the moment, got strides: "
            f"{list(strides)}"
        )
    own, start, whole = _place(x)
    first = start if offset is None else int(offset)
    if first < 0:
        raise ShapeError(f"Tensor: invalid storage offset {first}")
    last = first + sum((n - 1) * s for n, s in zip(shape, strides, strict=True))
    if 0 not in shape and last >= whole:
        item = x.dtype.itemsize
        raise ShapeError(
            f"setStorage: sizes {list(shape)}, strides {list(strides)}, storage offset {first}, "
            f"and itemsize {item} requiring a storage size of {(last + 1) * item} are out of "
            f"bounds for storage of size {whole * item}"
        )
    return shape, strides, first - start, own, last - start


@method()
def as_strided(
    input: Tensor, size: Sequence[int], stride: Sequence[int], storage_offset: int | None = None
) -> Tensor:
    """What steps over the memory of `input` lead to: a view where the library can, or a copy.

    Element ``[i, j]`` is the one that lies ``storage_offset + i * stride[0] + j * stride[1]``
    elements behind the first in the memory that `input` shows, all of its base's. What the steps
    find there outside of `input` itself comes as a copy and has no gradient.

    Raises:
        RuntimeError: for steps that lead out of that memory.

    >>> import xpgrad as xg
    >>> xg.as_strided(xg.arange(9), (2, 2), (1, 2), 1)
    tensor([[1, 3],
            [2, 4]])
    >>> x = xg.ones(3, requires_grad=True)
    >>> xg.autograd.grad(xg.as_strided(x, (2, 2), (1, 1)).sum(), x)
    (tensor([1., 2., 1.]),)
    """
    x = only_tensor(input, "as_strided")
    shape, strides, first, own, last = _steps("as_strided", x, size, stride, storage_offset)
    have = tuple(x._data.shape)
    if 0 in shape:
        return reshape(x, -1)[:0].reshape(shape)
    row_major = _row_major(own, have)
    if row_major and first >= 0 and last < math.prod(have):
        return ops.as_strided(x, shape=shape, strides=strides, offset=first)
    mine, wanted = _host_positions(own, have, 0), _host_positions(strides, shape, first)
    inside = np.isin(wanted, mine)
    if inside.all():
        return ops.as_strided(x, shape=shape, strides=strides, offset=first, own=own)
    return _with_surroundings(x, mine, wanted, inside)


def _row_major(own: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    expected = 1
    for n, step in zip(reversed(shape), reversed(own), strict=True):
        if n != 1 and step != expected:
            return False
        expected *= n
    return True


def _host_positions(
    strides: tuple[int, ...], shape: tuple[int, ...], first: int
) -> np.ndarray[Any, Any]:
    places = np.asarray(first)
    for n, step in zip(shape, strides, strict=True):
        places = places[..., None] + np.arange(n) * step
    return places


def _with_surroundings(x: Tensor, mine: Any, wanted: Any, inside: Any) -> Tensor:
    """What steps find in `x`, with its gradient, and what they find outside of it, without."""
    ns = x._ns
    order = np.argsort(mine, axis=None)
    found = np.searchsorted(mine.reshape(-1)[order], np.where(inside, wanted, mine.min()))
    with guarded(ns):
        index = (own_array(x, order[found]),)
        here = own_array(x, inside)
        around = _memory(x, wanted)
    chosen = access.getitem(reshape(x, -1), index=index)
    return called(elementwise.where, "AsStrided")(wrap(here, ns), chosen, wrap(around, ns))


def _memory(x: Tensor, wanted: np.ndarray[Any, Any]) -> Array:
    """The elements of the memory at positions counted from the first element of `x`."""
    ns, start = x._ns, _place(x)[1]
    known = ns.memory(x._data)
    whole = x._root()._data if known is None else known[0]
    flat = ns.reshape(whole, (math.prod(whole.shape),))
    found = ns.take(flat, own_array(x, (wanted + start).reshape(-1)), axis=0)
    return ns.reshape(found, wanted.shape)


@method()
def as_strided_scatter(
    input: Tensor,
    src: Tensor,
    size: Sequence[int],
    stride: Sequence[int],
    storage_offset: int | None = None,
) -> Tensor:
    """`input` with `src` where `as_strided` looks.

    Raises:
        RuntimeError: for steps that lead out of `input`, or a `src` of another size.

    >>> import xpgrad as xg
    >>> xg.as_strided_scatter(xg.zeros(2, 2), xg.ones(2), (2,), (3,))
    tensor([[1., 0.],
            [0., 1.]])
    """
    what = "as_strided_scatter"
    x, values = only_tensor(input, what), only_tensor(src, what, "src", 2)
    shape, strides, first, own, _ = _steps(what, x, size, stride, storage_offset)
    if tuple(values.shape) != shape:
        raise ShapeError(
            "expected src to have a size equal to the slice of self. src size = "
            f"{list(values.shape)}, slice size = {list(shape)}"
        )
    ns, have = x._ns, tuple(x._data.shape)
    with guarded(ns):
        places = indexing.strided_positions(
            ns, have, shape, strides, first, None if _row_major(own, have) else own
        )
    put = called(access.index_put, "AsStridedScatter")
    return reshape(put(reshape(x, -1), values, index=(places,)), have)


@method()
def as_strided_(
    input: Tensor, size: Sequence[int], stride: Sequence[int], storage_offset: int | None = None
) -> Tensor:
    """Let this tensor be what `as_strided` gives: its memory stays, seen in other steps.

    Raises:
        GradientError: for a leaf that requires a gradient.
    """
    recorded = mode.grad and input.requires_grad
    check_write(input, recorded)
    seen = as_strided(input, size, stride, storage_offset)
    if seen._view is None:
        raise ShapeError("as_strided_(): this library has no view of such steps; use as_strided()")
    relink(input, seen, None)
    history = seen._node
    if recorded and history is not None:
        history.__class__ = renamed(ops.as_strided.op, "AsStridedBackward1")
        input._node = history
    input._counter().bump()
    return input
