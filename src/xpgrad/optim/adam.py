"""Adam, and AdamW whose weight decay leaves the statistics alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

from xpgrad.namespace import Array, Namespace
from xpgrad.optim.optimizer import Group, Optimizer, arithmetic
from xpgrad.tensor import wrap


class Adam(Optimizer):
    """Steps of about `lr`, scaled for each element by running moments of its gradient.

    The arithmetic is PyTorch's.

    Args:
        params: tensors, ``(name, tensor)`` pairs, or dicts with options of their own.
        lr: the learning rate.
        betas: how much of the running mean, and of the running mean square, is kept.
        eps: keeps the division defined where gradients vanish.
        weight_decay: adds this multiple of each parameter to its gradient.
        amsgrad: divide by the largest mean square so far.
        maximize: step along the gradient instead.
        decoupled_weight_decay: shrink parameters by ``lr * weight_decay`` instead (AdamW).
        foreach, fused: accepted for PyTorch's sake; without effect.

    Raises:
        ValueError: for options out of range.

    >>> import xpgrad as xg
    >>> w = xg.nn.Parameter(xg.tensor([1.0, -2.0]))
    >>> optimizer = xg.optim.Adam([w], lr=0.5)
    >>> (w**2).sum().backward(); optimizer.step(); w
    Parameter containing:
    tensor([ 0.5000, -1.5000], requires_grad=True)
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": betas,
                "eps": eps,
                "weight_decay": weight_decay,
                "amsgrad": amsgrad,
                "maximize": maximize,
                "decoupled_weight_decay": decoupled_weight_decay,
            },
        )

    def check(self, group: Group) -> None:
        if not group["lr"] >= 0:
            raise ValueError(f"Invalid learning rate: {group['lr']}")
        if not group["eps"] >= 0:
            raise ValueError(f"Invalid epsilon value: {group['eps']}")
        for i in range(2):
            if not 0 <= group["betas"][i] < 1:
                raise ValueError(f"Invalid beta parameter at index {i}: {group['betas'][i]}")
        if not group["weight_decay"] >= 0:
            raise ValueError(f"Invalid weight_decay value: {group['weight_decay']}")

    def update(self, xp: Namespace, p: Array, g: Array, state: dict[str, Any], group: Group) -> Any:
        lr, (beta1, beta2), eps = group["lr"], group["betas"], group["eps"]
        decay, decoupled = group["weight_decay"], group["decoupled_weight_decay"]
        if group["maximize"]:
            g = -g
        if decay and not decoupled:
            g = g + decay * p
        if not state:
            state["step"] = 0
            state["exp_avg"] = wrap(xp.zeros_like(p), xp)
            state["exp_avg_sq"] = wrap(xp.zeros_like(p), xp)
            if group["amsgrad"]:
                state["max_exp_avg_sq"] = wrap(xp.zeros_like(p), xp)
        state["step"] += 1
        add, multiply, divide = arithmetic(xp)
        mean, square = state["exp_avg"], state["exp_avg_sq"]
        mean._data = add(mean._data, multiply(g - mean._data, 1 - beta1))
        squared = _by_parts(xp, xp.square, g)
        square._data = add(multiply(square._data, beta2), multiply(squared, 1 - beta2))
        if group["amsgrad"]:
            most = state["max_exp_avg_sq"]
            most._data = xp.wrap(_by_parts(xp, xp.maximum, most._data, square._data))
            square = most
        # Both running means start at zero; dividing by 1 - beta^step makes up for it.
        root = math.sqrt(1 - beta2 ** state["step"])
        pace = -lr / (1 - beta1 ** state["step"])

        def direction(mean: Array, square: Array) -> Array:
            return multiply(mean / add(divide(xp.sqrt(square), root), eps), pace)

        change = _by_parts(xp, direction, mean._data, square._data)
        return add(change, (-lr * decay) * p) if decay and decoupled else change


class AdamW(Adam):
    """`Adam` whose weight decay shrinks parameters directly, by ``lr * weight_decay`` a step.

    The arguments are those of `Adam`.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            maximize=maximize,
            decoupled_weight_decay=True,
        )


def _by_parts(xp: Namespace, function: Callable[..., Any], *arrays: Array) -> Any:
    """A function of real arrays; of complex ones, applied to real and imaginary parts apart."""
    if arrays[0].dtype not in xp.complexes:
        return function(*arrays)
    return function(*map(xp.real, arrays)) + 1j * function(*map(xp.imag, arrays))
