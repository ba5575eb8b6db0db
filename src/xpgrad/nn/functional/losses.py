"""Losses that compare element with element."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

from xpgrad.door.arguments import UnsupportedDType, only_tensor
from xpgrad.door.elementwise import xlogy
from xpgrad.errors import DTypeError, ShapeError
from xpgrad.mode import no_grad
from xpgrad.nn.functional.arguments import floating
from xpgrad.nn.functional.reducing import reduced, reduction_of
from xpgrad.ops import elementwise, reductions
from xpgrad.ops import nn as ops
from xpgrad.promotion import broadcast_fault
from xpgrad.tensor import Tensor

__all__ = [
    "binary_cross_entropy", "binary_cross_entropy_with_logits", "gaussian_nll_loss", "huber_loss",
    "kl_div", "l1_loss", "mse_loss", "poisson_nll_loss", "smooth_l1_loss", "soft_margin_loss",
]  # fmt: skip


def _same_target(x: Tensor, target: Tensor, what: str) -> None:
    """Raise unless two shapes broadcast, and warn unless they are the same."""
    fault = broadcast_fault([tuple(x.shape), tuple(target.shape)])
    if fault is not None:
        raise ShapeError(f"{what}: {fault}")
    if x._data.shape != target._data.shape:
        warnings.warn(
            f"Using a target size ({target.shape}) that is different to the input size "
            f"({x.shape}). This will likely lead to incorrect results due to broadcasting. Please "
            "ensure they have the same size.",
            UserWarning,
            stacklevel=4,
        )


def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """The squared difference.

    Args:
        weight: a factor for each element; the mean is then divided by the sum of the factors.

    >>> import xpgrad as xg
    >>> xg.nn.functional.mse_loss(xg.tensor([1.0, 2.0]), xg.tensor([1.0, 4.0]))
    tensor(2.)
    """
    how = reduction_of(size_average, reduce, reduction)
    return _difference(ops.mse_loss, "mse_loss", input, target, how, weight, {})


def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """The absolute difference; the gradient where it is 0 is 0.

    Args:
        weight: a factor for each element; the mean is then divided by the sum of the factors.

    >>> import xpgrad as xg
    >>> xg.nn.functional.l1_loss(xg.tensor([1.0, 2.0]), xg.tensor([1.0, 4.0]))
    tensor(1.)
    >>> x = xg.tensor([1.0, 2.0], requires_grad=True)
    >>> y = xg.tensor([1.0, 4.0], requires_grad=True)
    >>> xg.autograd.grad(xg.nn.functional.l1_loss(x, y), (x, y))
    (tensor([ 0.0000, -0.5000]), tensor([-0.0000, 0.5000]))
    """
    how = reduction_of(size_average, reduce, reduction)
    return _difference(_absolute, "l1_loss", input, target, how, weight, {})


def _absolute(x: Tensor, y: Tensor, *, reduction: str) -> Tensor:
    return reduced(elementwise.abs(elementwise.subtract(x, y)), reduction)


def smooth_l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Tensor:
    """The squared difference over ``2 * beta`` below `beta`, the absolute one (shifted) above.

    The derivatives on both sides of `beta` meet; with ``beta=0`` that of 0 is 0.

    Raises:
        RuntimeError: for a negative `beta`.

    >>> import xpgrad as xg
    >>> xg.nn.functional.smooth_l1_loss(xg.tensor([1.0, 2.0]), xg.tensor([1.5, 4.0]))
    tensor(0.8125)
    >>> x = xg.tensor([1.0, 2.0], requires_grad=True)
    >>> y = xg.tensor([1.0, 3.0], requires_grad=True)
    >>> xg.autograd.grad(xg.nn.functional.smooth_l1_loss(x, y), (x, y))
    (tensor([ 0.0000, -0.5000]), tensor([0.0000, 0.5000]))
    """
    how = reduction_of(size_average, reduce, reduction)
    if beta < 0:
        raise ShapeError("smooth_l1_loss does not support negative values for beta.")
    if beta == 0:
        return _difference(_absolute, "smooth_l1_loss", input, target, how, None, {})
    settings = {"beta": float(beta)}
    return _difference(ops.smooth_l1_loss, "smooth_l1_loss", input, target, how, None, settings)


def huber_loss(
    input: Tensor,
    target: Tensor,
    reduction: str = "mean",
    delta: float = 1.0,
    weight: Tensor | None = None,
) -> Tensor:
    """Half the squared difference up to `delta`, `delta` times the absolute one (shifted) above.

    The derivatives on both sides of `delta` meet; at `delta` the second one is 0.

    Raises:
        RuntimeError: unless `delta` is positive.

    >>> import xpgrad as xg
    >>> xg.nn.functional.huber_loss(xg.tensor([1.0, 2.0]), xg.tensor([1.5, 4.0]))
    tensor(0.8125)
    >>> x = xg.tensor([1.0, 2.0], requires_grad=True)
    >>> y = xg.tensor([1.0, 3.0], requires_grad=True)
    >>> xg.autograd.grad(xg.nn.functional.huber_loss(x, y), (x, y))
    (tensor([ 0.0000, -0.5000]), tensor([0.0000, 0.5000]))
    """
    how = reduction_of(None, None, reduction)
    if delta <= 0:
        raise ShapeError("huber_loss does not support non-positive values for delta.")
    settings = {"delta": float(delta)}
    return _difference(ops.huber_loss, "huber_loss", input, target, how, weight, settings)


def _difference(
    loss: Callable[..., Tensor],
    what: str,
    input: Tensor,
    target: Tensor,
    how: str,
    weight: Tensor | None,
    settings: dict[str, Any],
) -> Tensor:
    """A loss that compares elements."""
    x, t = only_tensor(input, what), only_tensor(target, what, "target", 2)
    _same_target(x, t, what)
    if not (x.dtype.is_differentiable or t.dtype.is_differentiable):
        raise UnsupportedDType(f"\"{what}\" not implemented for '{x.dtype.torch_name}'")
    if weight is None:
        return loss(x, t, reduction=how, **settings)
    terms = loss(x, t, reduction="none", **settings)
    if tuple(weight.shape) != tuple(terms.shape):
        raise ShapeError("Weights and input must have the same size.")
    terms = terms * weight
    if how == "none":
        return terms
    return reductions.sum(terms) if how == "sum" else reductions.sum(terms) / reductions.sum(weight)


def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """``-(target * log(input) + (1 - target) * log(1 - input))``, each log no less than -100.

    At an `input` of 0 or 1 derivatives are large but finite.

    Raises:
        RuntimeError: numbers outside [0, 1] (on the CPU; a GPU is not made to wait for it).
        ShapeError: where shapes differ.

    >>> import xpgrad as xg
    >>> xg.nn.functional.binary_cross_entropy(xg.tensor([0.5, 0.0]), xg.tensor([1.0, 1.0]))
    tensor(50.3466)
    >>> x = xg.tensor([0.5, 0.0], requires_grad=True)
    >>> xg.autograd.grad(xg.nn.functional.binary_cross_entropy(x, xg.tensor([1.0, 1.0])), x)
    (tensor([-1.0000e+00, -5.0000e+11]),)
    """
    how = reduction_of(size_average, reduce, reduction)
    x = floating(input, "binary_cross_entropy")
    t = only_tensor(target, "binary_cross_entropy", "target", 2)
    if x._data.shape != t._data.shape:
        raise ShapeError(
            f"Using a target size ({t.shape}) that is different to the input size ({x.shape}) is "
            "deprecated. Please ensure they have the same size."
        )
    if t.dtype is not x.dtype:
        raise DTypeError(f"Found dtype {t.dtype.torch_name} but expected {x.dtype.torch_name}")
    for name, part in (("input", x), ("target", t)):
        least, most = part._ns.bounds(part._data) or (0, 0)
        if least < 0 or most > 1:
            raise ShapeError(f"all elements of {name} should be between 0 and 1")
    return ops.binary_cross_entropy(x, t, weight, reduction=how)


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """`binary_cross_entropy` of ``sigmoid(input)``, finite for any input.

    Args:
        pos_weight: a factor for the part of the positive targets, such as one for each class.

    Raises:
        ShapeError: where shapes differ.

    >>> import xpgrad as xg
    >>> F = xg.nn.functional
    >>> F.binary_cross_entropy_with_logits(xg.tensor([0.0, -1000.0]), xg.tensor([1.0, 1.0]))
    tensor(500.3466)
    """
    how = reduction_of(size_average, reduce, reduction)
    x = floating(input, "binary_cross_entropy_with_logits")
    t = only_tensor(target, "binary_cross_entropy_with_logits", "target", 2)
    if x._data.shape != t._data.shape:
        raise ShapeError(f"Target size ({t.shape}) must be the same as input size ({x.shape})")
    if not t.dtype.is_differentiable:
        raise DTypeError(
            f"result type {x.dtype.torch_name} can't be cast to the desired output type "
            f"{t.dtype.torch_name}"
        )
    return ops.binary_cross_entropy_with_logits(x, t, weight, pos_weight, reduction=how)


# ------------------------------------------------------------------ likelihoods


def soft_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """``log(1 + exp(-target * input))`` for targets 1 and -1, finite for any input.

    >>> import xpgrad as xg
    >>> xg.nn.functional.soft_margin_loss(xg.tensor([0.0, -1000.0]), xg.tensor([1.0, 1.0]))
    tensor(500.3466)
    """
    how = reduction_of(size_average, reduce, reduction)
    x = only_tensor(input, "soft_margin_loss")
    t = only_tensor(target, "soft_margin_loss", "target", 2)
    if not (x.dtype.is_differentiable or t.dtype.is_differentiable):
        raise DTypeError(
            f"result type Float can't be cast to the desired output type {x.dtype.torch_name}"
        )
    return reduced(-ops.log_sigmoid(x * t), how)


def kl_div(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:
    """``target * (log(target) - input)``: the Kullback-Leibler divergence from log-probabilities.

    Args:
        input: logarithms of probabilities.
        target: probabilities, or their logarithms if `log_target`. One of 0 contributes 0.
        reduction: also ``"batchmean"``: the sum over the length of the first dimension, which is
            the divergence; ``"mean"`` divides by the number of all elements.

    Warns:
        UserWarning: for the mean.

    >>> import xpgrad as xg
    >>> q = xg.tensor([[0.5, 0.5]]).log()
    >>> xg.nn.functional.kl_div(q, xg.tensor([[1.0, 0.0]]), reduction="batchmean")
    tensor(0.6931)
    """
    if size_average is None and reduce is None and reduction == "mean":
        warnings.warn(
            "reduction: 'mean' divides the total loss by both the batch size and the support size."
            "'batchmean' divides only by the batch size, and aligns with the KL div math definition"
            ".'mean' will be changed to behave the same as 'batchmean' in the next major release.",
            UserWarning,
            stacklevel=2,
        )
    mean_of_rows = size_average is None and reduce is None and reduction == "batchmean"
    how = "sum" if mean_of_rows else reduction_of(size_average, reduce, reduction)
    x, t = only_tensor(input, "kl_div"), only_tensor(target, "kl_div", "target", 2)
    for part in (x, t):
        if part.dtype.is_complex:
            raise ShapeError("kl_div: Complex inputs not supported.")
        if not part.dtype.is_floating_point:
            raise ShapeError("kl_div: Integral inputs not supported.")
    if log_target:
        terms = elementwise.exp(t) * (t - x)
    else:
        terms = xlogy(t, t) - t * x
    out = reduced(terms, how)
    return out / x.shape[0] if mean_of_rows and x.ndim else out


def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    size_average: bool | None = None,
    eps: float = 1e-8,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The negative log likelihood of counts under a Poisson distribution.

    ``exp(input) - target * input``, or ``input - target * log(input + eps)``.

    Args:
        log_input: the input is the logarithm of the rate.
        full: add Stirling's approximation of ``log(target!)`` where the target exceeds 1.
        eps: keeps the logarithm finite.

    >>> import xpgrad as xg
    >>> xg.nn.functional.poisson_nll_loss(xg.tensor([0.0, 1.0]), xg.tensor([1.0, 3.0]))
    tensor(0.3591)
    """
    x = only_tensor(input, "poisson_nll_loss")
    t = only_tensor(target, "poisson_nll_loss", "target", 2)
    how = reduction_of(size_average, reduce, reduction)
    if log_input:
        terms = elementwise.exp(x) - t * x
    else:
        terms = x - t * elementwise.log(x + eps)
    if full:
        many = t > 1
        n = elementwise.where(many, t, 1.0)  # whose derivative is 0 elsewhere, too
        rest = n * elementwise.log(n) - n + 0.5 * elementwise.log(2 * math.pi * n)
        terms = terms + elementwise.where(many, rest, 0.0)
    return reduced(terms, how)


def gaussian_nll_loss(
    input: Tensor,
    target: Tensor,
    var: Any,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Tensor:
    """The negative log likelihood under a normal distribution of mean `input` and variance `var`.

    ``(log(var) + (input - target)**2 / var) / 2``. The derivative passes a variance that was too
    small as if it were large enough.

    Args:
        var: a number, a tensor shaped like the input, or one for each row of its last dimension.
        full: add ``log(2 * pi) / 2``.
        eps: the least variance.

    Raises:
        ValueError: for a negative variance, or one of another shape.

    >>> import xpgrad as xg
    >>> F = xg.nn.functional
    >>> F.gaussian_nll_loss(xg.tensor([1.0, 2.0]), xg.tensor([1.0, 4.0]), xg.tensor([1.0, 1.0]))
    tensor(1.)
    >>> x, v = xg.tensor([2.0]), xg.tensor([0.0], requires_grad=True)
    >>> xg.autograd.grad(F.gaussian_nll_loss(x, x, v, eps=0.5), v)
    (tensor([1.]),)
    """
    x = only_tensor(input, "gaussian_nll_loss")
    t = only_tensor(target, "gaussian_nll_loss", "target", 2)
    if not isinstance(var, Tensor):
        if var < 0:
            raise ValueError("var has negative entry/entries")
        var = x.new_full(x.shape, var)
    shape = tuple(x.shape)
    if tuple(var.shape) != shape:
        if shape[:-1] == tuple(var.shape):
            var = var.unsqueeze(-1)
        elif tuple(var.shape) != (*shape[:-1], 1) or not shape:
            raise ValueError("var is of incorrect size")
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{reduction} is not valid")
    least, _ = var._ns.bounds(var._data) or (0, 0)
    if least < 0:
        raise ValueError("var has negative entry/entries")
    var = var.clone()
    with no_grad():
        var.clamp_(min=eps)
    terms = 0.5 * (elementwise.log(var) + elementwise.square(x - t) / var)
    if full:
        terms = terms + 0.5 * math.log(2 * math.pi)
    return reduced(terms, reduction)
