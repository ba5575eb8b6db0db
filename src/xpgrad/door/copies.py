"""Views that are copies at once, such as ``permute_copy``, and what else PyTorch says twice."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from xpgrad.door import joining, rearrange, shape, windows
from xpgrad.door.arguments import only_tensor, size_of
from xpgrad.door.attach import METHODS, called, method
from xpgrad.door.data import guarded
from xpgrad.door.gather import narrow, select
from xpgrad.door.reductions import sum
from xpgrad.errors import ShapeError
from xpgrad.op import named
from xpgrad.ops import indexing, reductions
from xpgrad.ops import shape as ops
from xpgrad.ops.device import clone
from xpgrad.tensor import Tensor

__all__ = [
    "alias_copy", "as_strided_copy", "diagonal_copy", "diagonal_scatter", "expand_copy",
    "narrow_copy", "permute_copy", "resolve_neg", "select_copy", "slice_copy", "split_copy",
    "split_with_sizes_copy", "squeeze_copy", "t_copy", "transpose_copy", "unbind_copy",
    "unfold_copy", "unsafe_chunk", "unsafe_split", "unsafe_split_with_sizes", "unsqueeze_copy",
    "view_copy",
]  # fmt: skip

# ------------------------------------------------------------------ copies of views


def _copy(what: str, view: Callable[..., Any], example: str) -> Any:
    """The function that copies what a view shows.

    Args:
        example: ``arguments -> result`` for ``tensor([[1, 2], [3, 4]])``.
    """
    title = "".join(part.capitalize() for part in what.split("_"))
    copied = named(clone, f"{title}Backward0_copy")
    name = f"{what}_copy"

    def call(input: Tensor, *args: Any, **kwargs: Any) -> Any:
        found = view(only_tensor(input, name), *args, **kwargs)
        return tuple(map(copied, found)) if isinstance(found, tuple) else copied(found)

    signature = inspect.signature(view)
    first, *rest = signature.parameters.values()
    call.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[first.replace(name="input"), *rest]
    )
    call.__name__ = call.__qualname__ = name
    call.__module__ = __name__
    given, result = example.split(" -> ")
    call.__doc__ = (
        f"What `{what}` shows, as a copy.\n\n>>> import xpgrad as xg\n"
        f">>> xg.{name}(xg.tensor([[1, 2], [3, 4]]){given})\n{result}"
    )
    return call


def _slice(
    input: Tensor, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Tensor:
    before = (slice(None),) * (dim % max(input.ndim, 1))
    found: Tensor = input[(*before, slice(start, end, step))]
    return found


def _alias(input: Tensor) -> Tensor:
    return indexing.alias(input, index=(...,))


MATRIX = "tensor([[1, 2],\n        [3, 4]])"
TURNED = "tensor([[1, 3],\n        [2, 4]])"
ROWS = "(tensor([[1, 2]]), tensor([[3, 4]]))"

alias_copy = _copy("alias", _alias, f" -> {MATRIX}")
as_strided_copy = _copy("as_strided", windows.as_strided, ", (2,), (3,) -> tensor([1, 4])")
diagonal_copy = _copy("diagonal", rearrange.diagonal, " -> tensor([1, 4])")
expand_copy = _copy("expand", METHODS["expand"], f", (2, 2) -> {MATRIX}")
permute_copy = _copy("permute", shape.permute, f", (1, 0) -> {TURNED}")
select_copy = _copy("select", select, ", 0, 1 -> tensor([3, 4])")
slice_copy = _copy("slice", _slice, ", 0, 1 -> tensor([[3, 4]])")
split_copy = _copy("split", joining.split, f", 1 -> {ROWS}")
split_with_sizes_copy = _copy("split_with_sizes", joining.split_with_sizes, f", (1, 1) -> {ROWS}")
squeeze_copy = _copy("squeeze", shape.squeeze, f" -> {MATRIX}")
t_copy = _copy("t", shape.t, f" -> {TURNED}")
transpose_copy = _copy("transpose", shape.transpose, f", 0, 1 -> {TURNED}")
unbind_copy = _copy("unbind", joining.unbind, " -> (tensor([1, 2]), tensor([3, 4]))")
unfold_copy = _copy("unfold", windows.unfold, ", 0, 2, 1 -> tensor([[[1, 3],\n         [2, 4]]])")
unsqueeze_copy = _copy("unsqueeze", shape.unsqueeze, ", 0 -> tensor([[[1, 2],\n         [3, 4]]])")
view_copy = _copy("view", METHODS["view"], ", (4,) -> tensor([1, 2, 3, 4])")


@method()
def narrow_copy(input: Tensor, dim: int, start: int, length: int) -> Tensor:
    """What `narrow` shows, as a copy.

    >>> import xpgrad as xg
    >>> xg.narrow_copy(xg.arange(5), 0, 1, 3)
    tensor([1, 2, 3])
    """
    return called(clone, "NarrowCopy")(narrow(input, dim, start, length))


# ------------------------------------------------------------------ pieces that are no views


def unsafe_split(input: Tensor, split_size: int, dim: int = 0) -> tuple[Tensor, ...]:
    """`split` into pieces that may be written to: copies here.

    >>> import xpgrad as xg
    >>> xg.unsafe_split(xg.arange(3), 2)
    (tensor([0, 1]), tensor([2]))
    """
    return tuple(map(called(clone, "UnsafeSplit"), joining.split(input, split_size, dim)))


def unsafe_split_with_sizes(
    input: Tensor, split_sizes: Sequence[int], dim: int = 0
) -> tuple[Tensor, ...]:
    """`split_with_sizes` into pieces that may be written to: copies here.

    >>> import xpgrad as xg
    >>> xg.unsafe_split_with_sizes(xg.arange(3), (1, 2))
    (tensor([0]), tensor([1, 2]))
    """
    pieces = joining.split_with_sizes(input, split_sizes, dim)
    return tuple(map(called(clone, "UnsafeSplitWithSizes"), pieces))


def unsafe_chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """`chunk` into pieces that may be written to: copies here.

    >>> import xpgrad as xg
    >>> xg.unsafe_chunk(xg.arange(4), 2)
    (tensor([0, 1]), tensor([2, 3]))
    """
    return tuple(map(called(clone, "UnsafeSplit"), joining.chunk(input, chunks, dim)))


for _function in (unsafe_split, unsafe_split_with_sizes, unsafe_chunk):
    method()(_function)

# ------------------------------------------------------------------ and others


@method()
def diagonal_scatter(
    input: Tensor, src: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1
) -> Tensor:
    """`input` with `src` on its diagonals over two dimensions.

    Raises:
        RuntimeError: where `src` has not the size of the diagonals.

    >>> import xpgrad as xg
    >>> xg.diagonal_scatter(xg.zeros(2, 2), xg.ones(2))
    tensor([[1., 0.],
            [0., 1.]])
    """
    x, values = only_tensor(input, "diagonal_scatter"), only_tensor(src, "diagonal_scatter", "src")
    seen = rearrange.diagonal(x, offset, dim1, dim2)
    if tuple(values.shape) != tuple(seen.shape):
        raise ShapeError(
            "expected src to have a size equal to the slice of self. src size = "
            f"{list(values.shape)}, slice size = {list(seen.shape)}"
        )
    ns, count = x._ns, values._data.shape[-1]
    with guarded(ns):
        rows = ns.arange(count) + max(-offset, 0)
        columns = ns.arange(count) + max(offset, 0)
    turned = shape.movedim(x, (dim1, dim2), (-2, -1))
    place = (*(slice(None),) * (x.ndim - 2), rows, columns)
    put = called(indexing.index_put, "DiagonalScatter")
    return shape.movedim(put(turned, values, index=place), (-2, -1), (dim1, dim2))


@method()
def resolve_neg(input: Tensor) -> Tensor:
    """The tensor itself: negation is never put off here."""
    return input


@method()
def sum_to_size(self: Tensor, size: Any = (), *more: Any) -> Tensor:
    """Summed over what broadcasting to this shape has stretched.

    Raises:
        RuntimeError: where a tensor of that size does not broadcast to this shape.

    >>> import xpgrad as xg
    >>> xg.ones(2, 3).sum_to_size(1, 3)
    tensor([[2., 2., 2.]])
    """
    wanted, have = size_of("sum_to_size", (size, *more)), tuple(self._data.shape)
    lead = len(have) - len(wanted)
    if lead < 0 or any(n not in (1, m) for n, m in zip(wanted, have[lead:], strict=True)):
        raise ShapeError(f"size {{{list(wanted)}}} is not expandable to size {{{list(have)}}}.")
    if not wanted:
        return sum(self)
    axes = [i for i, n in enumerate(have) if i < lead or (wanted[i - lead] == 1 != n)]
    if not axes:
        return self
    return ops.reshape(reductions.sum_dim(self, axis=tuple(axes), keepdims=True), shape=wanted)
