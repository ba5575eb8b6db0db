"""Helpers for training: clipping gradients, parameters as one vector."""

from __future__ import annotations

import math
from collections.abc import Iterable

from xpgrad.door.data import guarded
from xpgrad.door.joining import cat, stack
from xpgrad.errors import GradientError, ShapeError
from xpgrad.mode import no_grad
from xpgrad.nn.parameter import typename
from xpgrad.registry import resolve
from xpgrad.tensor import Tensor, wrap

__all__ = [
    "clip_grad_norm_", "clip_grad_value_", "clip_grads_with_norm_", "get_total_norm",
    "parameters_to_vector", "vector_to_parameters",
]  # fmt: skip


def _grads(parameters: Tensor | Iterable[Tensor]) -> list[Tensor]:
    given = [parameters] if isinstance(parameters, Tensor) else parameters
    return [p.grad for p in given if p.grad is not None]


@no_grad()
def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale all gradients, in place, so that together their norm is at most `max_norm`.

    Nothing waits for the device unless `error_if_nonfinite`; `foreach` makes no difference.

    Returns:
        The norm of all gradients as one vector, before they were scaled.

    Raises:
        GradientError: where that norm is not finite and `error_if_nonfinite`.

    >>> import xpgrad as xg
    >>> w = xg.nn.Parameter(xg.zeros(2)); (w * xg.tensor([3.0, 4.0])).sum().backward()
    >>> xg.nn.utils.clip_grad_norm_([w], 1.0), w.grad
    (tensor(5.), tensor([0.6000, 0.8000]))
    """
    grads = _grads(parameters)
    total = get_total_norm(grads, norm_type, error_if_nonfinite)
    _scale(grads, max_norm, total)
    return total


@no_grad()
def get_total_norm(
    tensors: Tensor | Iterable[Tensor],
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """The norm of all tensors as one vector. `foreach` makes no difference.

    Raises:
        GradientError: where it is not finite and `error_if_nonfinite`.

    >>> import xpgrad as xg
    >>> xg.nn.utils.get_total_norm([xg.tensor([3.0]), xg.tensor([4.0])])
    tensor(5.)
    """
    given = [tensors] if isinstance(tensors, Tensor) else list(tensors)
    if not given:
        ns = resolve()
        return wrap(ns.asarray(0.0, dtype=ns.native(float)), ns)
    norms = [_norm(x, norm_type) for x in given]
    first = norms[0]
    total = _norm(stack([n.to(device=first.device, dtype=first.dtype) for n in norms]), norm_type)
    if error_if_nonfinite and not math.isfinite(total.item()):
        raise GradientError(
            f"The total norm of order {norm_type} for gradients from `parameters` is non-finite, "
            "so it cannot be clipped. To disable this error and scale the gradients by the "
            "non-finite norm anyway, set `error_if_nonfinite=False`"
        )
    return total


@no_grad()
def clip_grads_with_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    total_norm: Tensor,
    foreach: bool | None = None,
) -> None:
    """Scale all gradients, in place, so that a norm of `total_norm` becomes at most `max_norm`.

    `foreach` makes no difference.

    >>> import xpgrad as xg
    >>> w = xg.nn.Parameter(xg.zeros(2)); (w * xg.tensor([3.0, 4.0])).sum().backward()
    >>> xg.nn.utils.clip_grads_with_norm_(w, 1.0, xg.tensor(10.0)); w.grad
    tensor([0.3000, 0.4000])
    """
    _scale(_grads(parameters), max_norm, total_norm)


def _scale(grads: list[Tensor], max_norm: float, total: Tensor) -> None:
    factor = (max_norm / (total + 1e-6)).clamp(max=1.0)
    for g in grads:
        g.mul_(factor.to(device=g.device, dtype=g.dtype))


def _norm(x: Tensor, order: float) -> Tensor:
    ns = x._ns
    with guarded(ns):
        return wrap(ns.wrap(ns.linalg.vector_norm(x._data, ord=order)), ns)


@no_grad()
def clip_grad_value_(
    parameters: Tensor | Iterable[Tensor], clip_value: float, foreach: bool | None = None
) -> None:
    """Clamp each element of the gradients, in place, to ±`clip_value`.

    `foreach` makes no difference.

    >>> import xpgrad as xg
    >>> w = xg.nn.Parameter(xg.zeros(2)); (w * xg.tensor([3.0, -0.1])).sum().backward()
    >>> xg.nn.utils.clip_grad_value_(w, 1.0); w.grad
    tensor([ 1.0000, -0.1000])
    """
    for g in _grads(parameters):
        g.clamp_(-float(clip_value), float(clip_value))


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All parameters as one 1-D tensor; recorded, as `cat` is.

    >>> import xpgrad as xg
    >>> xg.nn.utils.parameters_to_vector(xg.nn.Linear(2, 3).parameters()).shape
    xpgrad.Size([9])
    """
    vector: Tensor = cat([p.reshape(-1) for p in parameters])
    return vector


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Take the values of the parameters from one 1-D tensor, as `parameters_to_vector` made it.

    The parameters share memory with `vec` afterwards.

    Raises:
        ShapeError: where `vec` has too few or too many elements.
    """
    if not isinstance(vec, Tensor):
        raise TypeError(f"expected xpgrad.Tensor, but got: {typename(vec)}")
    targets = list(parameters)
    sizes = [p.shape.numel() for p in targets]
    if vec.shape != (sum(sizes),):
        raise ShapeError(
            f"the parameters have {sum(sizes)} elements together; expected a vector of that "
            f"length, got shape {list(vec.shape)}"
        )
    start = 0
    for p, size in zip(targets, sizes):
        p.data = vec.detach()[start : start + size].reshape(p.shape)
        start += size
