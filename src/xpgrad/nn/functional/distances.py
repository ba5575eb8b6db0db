"""Distances and angles between vectors."""

from __future__ import annotations

import math

import numpy as np

from xpgrad import dtypes
from xpgrad.door.arguments import dim_of, only_tensor
from xpgrad.door.linalg import norm
from xpgrad.door.rearrange import broadcast_tensors
from xpgrad.door.reductions import sum as sum_
from xpgrad.errors import DTypeError, ShapeError
from xpgrad.mode import no_grad
from xpgrad.op import named
from xpgrad.ops import distances
from xpgrad.ops import linalg as ops
from xpgrad.ops.searching import take
from xpgrad.promotion import broadcast_fault, result_type
from xpgrad.tensor import Tensor, wrap

__all__ = [
    "cosine_similarity", "pairwise_distance", "pdist",
]  # fmt: skip


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """The cosine of the angle between vectors along a dimension.

    A length below `eps` counts as `eps`, and the derivative passes it as if it were no shorter.

    Raises:
        ShapeError: for shapes that do not broadcast.
        DTypeError: for numbers that are not floating-point.

    >>> import xpgrad as xg
    >>> xg.nn.functional.cosine_similarity(xg.tensor([[3.0, 4.0]]), xg.tensor([[2.0, 0.0]]))
    tensor([0.6000])
    >>> x = xg.tensor([0.0, 0.0], requires_grad=True)
    >>> cos = xg.nn.functional.cosine_similarity(x, xg.tensor([1.0, 0.0]), dim=0, eps=0.5)
    >>> xg.autograd.grad(cos, x)
    (tensor([2., 0.]),)
    """
    x = only_tensor(x1, "cosine_similarity", "x1")
    y = only_tensor(x2, "cosine_similarity", "x2", 2)
    common = result_type(x, y)
    if not common.is_floating_point:
        raise DTypeError(
            f"expected common dtype to be floating point, yet common dtype is {common.torch_name}"
        )
    fault = broadcast_fault([tuple(x.shape), tuple(y.shape)])
    if fault is not None:
        raise ShapeError(fault)
    x, y = broadcast_tensors(x.to(common), y.to(common))
    dim = dim_of(dim, x.ndim)
    lengths = [norm(t, 2, dim, keepdim=True).clone() for t in (x, y)]
    with no_grad():
        for length in lengths:
            length.clamp_min_(eps)
    return sum_((x / lengths[0]) * (y / lengths[1]), dim)


def pairwise_distance(
    x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Tensor:
    """The `p`-norm of ``x1 - x2 + eps`` along the last dimension.

    Args:
        eps: keeps the norm from where it has no derivative.
        keepdim: leave the dimension, of length 1.

    >>> import xpgrad as xg
    >>> xg.nn.functional.pairwise_distance(xg.tensor([[0.0, 0.0]]), xg.tensor([[3.0, 4.0]]))
    tensor([5.0000])
    """
    x = only_tensor(x1, "pairwise_distance", "x1")
    y = only_tensor(x2, "pairwise_distance", "x2", 2)
    return norm(x - y + eps, p, -1, keepdim=keepdim)


def pdist(input: Tensor, p: float = 2) -> Tensor:
    """The distances between all pairs of rows, in the order of ``(0, 1), (0, 2), …, (1, 2), …``.

    The derivative of a distance of 0 is 0.

    Raises:
        ShapeError: for anything but a matrix, or a negative `p`.
        DTypeError: for numbers that are not floating-point.

    >>> import xpgrad as xg
    >>> xg.nn.functional.pdist(xg.tensor([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]]))
    tensor([5.0000, 1.0000, 4.2426])
    """
    x = only_tensor(input, "pdist")
    if x.ndim != 2:
        raise ShapeError(f"pdist only supports 2D tensors, got: {x.ndim}D")
    if not x.dtype.is_floating_point:
        raise DTypeError("pdist only supports floating-point dtypes")
    if p < 0:
        raise ShapeError("pdist only supports non-negative p values")
    if p in (0, 1, 2, math.inf) or not x.shape[1]:
        found: Tensor = distances.pdist(x, p=float(p))
        return found
    ns = x._ns
    integer = "int64" if dtypes.int64 in ns.natives else "int32"
    with ns.current():
        pairs = np.triu_indices(x.shape[0], 1)
        i, j = (wrap(ns.base.from_host(places.astype(integer)), ns.base) for places in pairs)
    powers: Tensor = _norms(take(x, i, axis=0) - take(x, j, axis=0), axis=(1,), ord=float(p))
    return powers


_norms = named(ops.vector_norm, "PdistBackward0")
