"""What the functions of ``xpgrad.linalg`` ask of matrices, and what they say where it is not so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from xpgrad.backward import tensor_namespace
from xpgrad.door.arguments import UnsupportedDType, only_tensor
from xpgrad.dtypes import float16
from xpgrad.errors import DTypeError, LinAlgError, ShapeError
from xpgrad.mode import mode
from xpgrad.ops import decompositions, matrices
from xpgrad.tensor import Tensor, wrap


def floating(x: Any, what: str, name: str = "A") -> Tensor:
    """A tensor of floating numbers.

    Raises:
        DTypeError: for others; also for half precision, in which no library decomposes matrices.
    """
    x = only_tensor(x, what.replace(".", "_"), name)
    if not x.dtype.is_differentiable:
        raise DTypeError(
            f"{what}: Expected a floating point or complex tensor as input. "
            f"Got {x.dtype.torch_name}"
        )
    if x.dtype is float16:
        raise UnsupportedDType(f"{what}: Low precision dtypes not supported. Got Half")
    return x


def matrix(x: Any, what: str, name: str = "A") -> Tensor:
    """A stack of matrices of floating numbers.

    Raises:
        ShapeError: for fewer than two dimensions.
    """
    x = only_tensor(x, what.replace(".", "_"), name)
    if x.ndim < 2:
        raise ShapeError(f"{what}: The input tensor {name} must have at least 2 dimensions.")
    return floating(x, what, name)


def square(x: Any, what: str, name: str = "A") -> Tensor:
    """A stack of square matrices of floating numbers.

    Raises:
        ShapeError: for others.
    """
    check_square(x, what, name)
    return floating(x, what, name)


def check_square(x: Any, what: str, name: str = "A") -> None:
    """Complain about matrices that are not square."""
    x = only_tensor(x, what.replace(".", "_"), name)
    if x.ndim < 2:
        raise ShapeError(f"{what}: The input tensor {name} must have at least 2 dimensions.")
    if x._data.shape[-1] != x._data.shape[-2]:
        raise ShapeError(
            f"{what}: {name} must be batches of square matrices, but they are "
            f"{x.shape[-2]} by {x.shape[-1]} matrices"
        )


def alike(a: Tensor, b: Tensor, what: str) -> None:
    """Complain about two dtypes."""
    if a.dtype is not b.dtype:
        raise DTypeError(
            f"{what}: Expected A and B to have the same dtype, but found A of type "
            f"{a.dtype.torch_name} and B of type {b.dtype.torch_name} instead"
        )


def fitting(a: Tensor, b: Tensor, left: bool, what: str) -> None:
    """Complain about sides of an equation that do not fit."""
    if a._data.shape[-1] != b._data.shape[-2 if left else -1]:
        sizes = [f"{x.shape[-2]}x{x.shape[-1]}" for x in (a, b)]
        raise ShapeError(
            f"{what}: Incompatible shapes of A and B for the equation {'AX' if left else 'XA'} = B "
            f"({sizes[0]} and {sizes[1]})"
        )


# ------------------------------------------------------------------ matrices that cannot be taken


def is_recorded(*tensors: Tensor) -> bool:
    """Whether an op on these would be recorded, by no transform."""
    return mode.grad and any(t._node is not None for t in tensors) and not tensors[0]._ns.depth


def first_of(info: Tensor) -> tuple[str, int]:
    """Where in a stack the first fault is, in PyTorch's words, and its number; 0 if unknown."""
    if info._ns.depth:
        return "", 0
    numbers = info.numpy(force=True).reshape(-1).tolist()
    fault = next(((i, n) for i, n in enumerate(numbers) if n), (0, 0))
    return (f"(Batch element {fault[0]}): " if info.ndim else ""), fault[1]


def report(info: Tensor, words: Callable[[str, int], str], kind: type[Exception]) -> None:
    """Raise if any number is not zero, unless the host would have to wait to know it."""
    ns = info._ns
    bounds = None if ns.depth else ns.bounds(info._data)
    if bounds is not None and bounds[1] > 0:
        raise kind(words(*first_of(info)))


def singular_info(x: Tensor) -> Tensor:
    """The number of the first zero pivot, from 1; 0 where a matrix is regular."""
    lu, _ = decompositions.lu_factor(x.detach())
    diagonal = tensor_namespace(x._ns).linalg.diagonal(lu)
    return matrices.info_of(diagonal != 0)


def no_inverse(what: str, x: Tensor) -> LinAlgError:
    """The error for singular matrices where inverses are wanted."""
    batch, number = first_of(singular_info(x))
    place = f"The diagonal element {number} is zero, t" if number else "T"
    return LinAlgError(
        f"{what}: {batch}{place}he inversion could not be completed because the input matrix is "
        "singular."
    )


def no_solution(what: str, x: Tensor) -> LinAlgError:
    """The error for singular matrices where solutions are wanted."""
    batch, _ = first_of(singular_info(x))
    return LinAlgError(
        f"xpgrad.{what}: {batch}The solver failed because the input matrix is singular."
    )


def not_positive(what: str, batch: str, number: int) -> str:
    """What to say about a matrix that has no Cholesky decomposition."""
    return (
        f"{what}: {batch}The factorization could not be completed because the input is not "
        f"positive-definite (the leading minor of order {number} is not positive-definite)."
    )


def positive_info(x: Tensor) -> Tensor:
    """The order of the first leading minor that is not positive-definite; 0 where all are.

    On the host, one matrix after the other: it is for what has failed.
    """
    ns = x._ns
    host = ns.to_host(x._data)
    found = np.zeros(host.shape[:-2], np.int32)
    for place in np.ndindex(*host.shape[:-2]):
        try:
            np.linalg.cholesky(host[place])
        except np.linalg.LinAlgError:
            low, high = 0, host.shape[-1]  # the order below is fine, the one above is not
            while high - low > 1:
                middle = (low + high) // 2
                try:
                    np.linalg.cholesky(host[place][:middle, :middle])
                except np.linalg.LinAlgError:
                    high = middle
                else:
                    low = middle
            found[place] = high
    with ns.current():
        return wrap(ns.from_host(found), ns)


def replaced(x: Tensor, info: Tensor) -> tuple[Tensor, Tensor]:
    """Identities in the place of matrices with a fault, and where these are."""
    xp = tensor_namespace(x._ns)
    wrong = xp.expand_dims(xp.expand_dims(info != 0, axis=-1), axis=-1)
    eye = xp.eye(x.shape[-1], dtype=x.dtype)
    return xp.where(wrong, eye, x), wrong


def blotted(x: Tensor, wrong: Tensor) -> Tensor:
    """nan where there was no right result."""
    xp = tensor_namespace(x._ns)
    out: Tensor = xp.where(wrong, xp.full((), float("nan"), dtype=x.dtype), x)
    return out
