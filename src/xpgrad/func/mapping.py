"""`vmap`: a function of examples becomes one of batches."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from xpgrad.backward import tensor_namespace
from xpgrad.errors import GradientError
from xpgrad.func.batched import BatchLevel
from xpgrad.func.trees import flatten, outline, spread
from xpgrad.func.wrapped import held
from xpgrad.tensor import Tensor


def vmap(
    func: Callable[..., Any],
    in_dims: Any = 0,
    out_dims: Any = 0,
    randomness: str = "error",
    *,
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    """The function that applies `func` to each example of a batch, all at once.

    `func` sees Tensors without the batch dimension, and each of its operations runs once, for all
    examples. It may be a gradient (``vmap(grad(loss))`` gives one per example), use modules,
    indexing and in-place operations, and contain another ``vmap``. It must not let control flow
    depend on values (use `where`), nor give each example a result of another size.

    Args:
        in_dims: which dimension of each positional argument counts examples; `None` for what all
            share. One for all arguments, or nested like them. Keyword arguments are shared.
        out_dims: where that dimension comes in each result, likewise.
        randomness: random operations are an ``"error"``, the ``"same"`` for all examples, or
            ``"different"``.
        chunk_size: so many examples at a time, to save memory.

    Raises:
        ValueError: `in_dims` or `out_dims` that do not fit, batches of unequal size, a result that
            is no Tensor.
        GradientError: an operation that batches cannot have (control flow by value, results whose
            size depends on values), randomness that was not allowed.

    >>> import xpgrad as xg
    >>> xg.vmap(xg.dot)(xg.tensor([[1.0, 2.0], [3.0, 4.0]]), xg.ones(2, 2))
    tensor([3., 7.])
    >>> xg.vmap(xg.func.grad(lambda w, x: (w * x) ** 2), in_dims=(None, 0))(
    ...     xg.tensor(2.0), xg.tensor([1.0, 10.0]))
    tensor([  4., 400.])
    """
    check_randomness(randomness)
    check_chunk(chunk_size)

    @functools.wraps(func)
    def mapped(*args: Any, **kwargs: Any) -> Any:
        name = getattr(func, "__name__", type(func).__name__)
        leaves, dims, make = _inputs(name, in_dims, args, kwargs)
        size = _size(leaves, dims)
        if chunk_size is None or chunk_size >= size:
            results, where, build = _run(func, leaves, dims, make, size, out_dims, randomness, name)
            return build(results)
        pieces = []
        for start in range(0, size, chunk_size):
            stop = min(start + chunk_size, size)
            part = [
                x if d is None else _narrowed(x, d, start, stop)
                for x, d in zip(leaves, dims, strict=True)
            ]
            pieces.append(_run(func, part, dims, make, stop - start, out_dims, randomness, name))
        _, where, build = pieces[0]
        joined = [
            column[0] if d is None else tensor_namespace(column[0]._ns).concat(column, axis=d)
            for column, d in zip(zip(*(p[0] for p in pieces), strict=True), where, strict=True)
        ]
        return build(joined)

    return mapped


def check_randomness(randomness: str) -> None:
    """Raise for what is no way to treat random operations."""
    if randomness not in ("error", "different", "same"):
        raise GradientError(
            "Only allowed values for randomness are 'error', 'different', or 'same'. Got "
            f"{randomness}"
        )


def check_chunk(chunk_size: int | None) -> None:
    """Raise for chunks without anything in them."""
    if chunk_size is not None and chunk_size <= 0:
        raise ValueError(f"vmap: chunk_size should be None or greater than 0. (got {chunk_size})")


def _narrowed(x: Tensor, dim: int, start: int, stop: int) -> Tensor:
    index = (*(slice(None),) * dim, slice(start, stop))
    out: Tensor = x[index]
    return out


# ------------------------------------------------------------------ what goes in


def _inputs(
    name: str, in_dims: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[list[Any], list[int | None], Callable[[Sequence[Any]], Any]]:
    """The leaves of all arguments, the batch dimension of each, and how to nest others alike."""
    head = f"vmap({name}, in_dims={in_dims}, ...)(<inputs>): "
    if not isinstance(in_dims, (int, tuple)):
        raise ValueError(
            f"{head}expected `in_dims` to be int or a (potentially nested) tuple matching the "
            f"structure of inputs, got: {type(in_dims)}."
        )
    if not args and not kwargs:
        raise ValueError(
            f"vmap({name})(<inputs>): got no inputs. Maybe you forgot to add inputs, or you are "
            "trying to vmap over a function with no inputs. The latter is unsupported."
        )
    dims = spread(in_dims, args)
    if dims is None:
        raise ValueError(
            f"{head}in_dims is not compatible with the structure of `inputs`. in_dims has "
            f"structure {outline(in_dims)} but inputs has structure {outline(args)}."
        )
    leaves, make = flatten((args, kwargs))
    dims += [None] * (len(leaves) - len(dims))
    found: list[int | None] = []
    for x, d in zip(leaves, dims, strict=True):
        if d is not None and not isinstance(d, int):
            raise ValueError(
                f"{head}Got in_dim={d} for an input but in_dim must be either an integer dimension "
                "or None."
            )
        if d is not None and not isinstance(x, Tensor):
            raise ValueError(
                f"{head}Got in_dim={d} for an input but the input is of type {type(x)}. We cannot "
                "vmap over non-Tensor arguments, please use None as the respective in_dim"
            )
        if d is not None and not -x.ndim <= d < x.ndim:
            raise ValueError(
                f"{head}Got in_dim={d} for some input, but that input is a Tensor of "
                f"dimensionality {x.ndim} so expected in_dim to satisfy -{x.ndim} <= in_dim < "
                f"{x.ndim}."
            )
        found.append(None if d is None else d % x.ndim)
    return leaves, found, make


def _size(leaves: Sequence[Any], dims: Sequence[int | None]) -> int:
    sizes = [x.shape[d] for x, d in zip(leaves, dims, strict=True) if d is not None]
    if not sizes:
        raise ValueError("vmap: Expected at least one Tensor to vmap over")
    if len(set(sizes)) > 1:
        raise ValueError(
            "vmap: Expected all tensors to have the same size in the mapped dimension, got sizes "
            f"{sizes} for the mapped dimension"
        )
    size: int = sizes[0]
    return size


# ------------------------------------------------------------------ what comes out


def _run(
    func: Callable[..., Any],
    leaves: Sequence[Any],
    dims: Sequence[int | None],
    make: Callable[[Sequence[Any]], Any],
    size: int,
    out_dims: Any,
    randomness: str,
    name: str,
) -> tuple[list[Any], list[int | None], Callable[[Sequence[Any]], Any]]:
    """The results of one batch, where each has its batch dimension, and how to nest them."""
    with BatchLevel(size, randomness) as level:
        args, kwargs = make(
            [x if d is None else level.make(held(x), d) for x, d in zip(leaves, dims, strict=True)]
        )
        output = func(*args, **kwargs)
        results, build = flatten(output)
        where = _places(name, out_dims, output)
        taken = []
        for i, (x, d) in enumerate(zip(results, where, strict=True)):
            if not isinstance(x, Tensor):
                if d is None:
                    taken.append(x)
                    continue
                raise ValueError(
                    f"vmap({name}, ...): `{name}` must only return Tensors, got type {type(x)}. "
                    "Did you mean to set out_dims= to None for output?"
                )
            if d is not None:
                if not -x.ndim - 1 <= d <= x.ndim:
                    raise IndexError(
                        f"Dimension out of range (expected to be in range of [{-x.ndim - 1}, "
                        f"{x.ndim}], but got {d})"
                    )
                where[i] = d = d % (x.ndim + 1)
            taken.append(level.taken(x, d, name))
    return taken, where, build


def _places(name: str, out_dims: Any, output: Any) -> list[Any]:
    found = spread(out_dims, output)
    given = flatten(out_dims)[0]
    if any(d is not None and not isinstance(d, int) for d in given):
        raise ValueError(
            f"vmap({name}, ..., out_dims={out_dims}): `out_dims` must be an int, None or a python "
            "collection of ints representing where in the outputs the vmapped dimension should "
            "appear."
        )
    if found is None:
        raise ValueError(
            f"vmap({name}, ..., out_dims={out_dims})(<inputs>): out_dims is not compatible with "
            f"the structure of `outputs`. out_dims has structure {outline(out_dims)} but outputs "
            f"has structure {outline(output)}."
        )
    return found
