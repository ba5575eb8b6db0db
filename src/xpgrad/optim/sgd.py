"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from xpgrad.namespace import Array, Namespace
from xpgrad.optim.optimizer import Group, Optimizer, arithmetic
from xpgrad.tensor import wrap


class SGD(Optimizer):
    """Steps against the gradient, with momentum if wanted; the arithmetic is PyTorch's.

    Args:
        params: tensors, ``(name, tensor)`` pairs, or dicts with options of their own.
        lr: the learning rate.
        momentum: how much of the last step goes into the next.
        dampening: how much less of the gradient does.
        weight_decay: adds this multiple of each parameter to its gradient.
        nesterov: look ahead by one step of momentum.
        maximize: step along the gradient instead.
        foreach, fused: accepted for PyTorch's sake; without effect.

    Raises:
        ValueError: for negative options, or Nesterov without momentum or with dampening.

    >>> import xpgrad as xg
    >>> w = xg.nn.Parameter(xg.tensor([1.0, 2.0]))
    >>> optimizer = xg.optim.SGD([w], lr=0.5)
    >>> (w**2).sum().backward(); optimizer.step(); w
    Parameter containing:
    tensor([0., 0.], requires_grad=True)
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "momentum": momentum,
                "dampening": dampening,
                "weight_decay": weight_decay,
                "nesterov": nesterov,
                "maximize": maximize,
            },
        )

    def check(self, group: Group) -> None:
        if not group["lr"] >= 0:
            raise ValueError(f"Invalid learning rate: {group['lr']}")
        if not group["momentum"] >= 0:
            raise ValueError(f"Invalid momentum value: {group['momentum']}")
        if not group["weight_decay"] >= 0:
            raise ValueError(f"Invalid weight_decay value: {group['weight_decay']}")
        if group["nesterov"] and (group["momentum"] <= 0 or group["dampening"] != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")

    def update(self, xp: Namespace, p: Array, g: Array, state: dict[str, Any], group: Group) -> Any:
        momentum, dampening, decay = group["momentum"], group["dampening"], group["weight_decay"]
        if group["maximize"]:
            g = -g
        if decay:
            g = g + decay * p
        if momentum:
            last = state.get("momentum_buffer")
            if last is None:
                last = state["momentum_buffer"] = wrap(xp.copy(xp.wrap(g)), xp)
            else:
                add, multiply, _ = arithmetic(xp)
                fresh = (1 - dampening) * g if dampening else g
                last._data = add(multiply(last._data, momentum), fresh)
            g = g + momentum * last._data if group["nesterov"] else last._data
        return -group["lr"] * g
