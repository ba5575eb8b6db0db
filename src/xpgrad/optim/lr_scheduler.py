"""Learning rates that change from epoch to epoch.

Each scheduler multiplies what it finds, as PyTorch's do, so that several work on one optimizer and
a rate changed by hand stays changed. Call ``scheduler.step()`` once an epoch, after the
optimizer's steps.
"""

from __future__ import annotations

import math
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from xpgrad.optim.optimizer import Optimizer


class LRScheduler:
    """Base of the schedulers: subclasses define `get_lr`.

    Attributes:
        last_epoch: the number of `step` calls so far.
        base_lrs: the learning rates of the groups at first.
    """

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", group["lr"])
            elif "initial_lr" not in group:
                raise KeyError(
                    f"param 'initial_lr' is not specified in param_groups[{i}] when resuming "
                    "scheduler with last_epoch >= 0: load the optimizer's state first"
                )
        self.optimizer = optimizer
        self.base_lrs: list[float] = [g["initial_lr"] for g in optimizer.param_groups]
        self.last_epoch = last_epoch
        self._started = False
        self.step()

    def get_lr(self) -> Sequence[float]:
        """The learning rates of the groups in epoch `last_epoch`."""
        raise NotImplementedError

    def _now(self) -> list[float]:
        return [group["lr"] for group in self.optimizer.param_groups]

    def get_last_lr(self) -> list[float]:
        """The learning rates that this scheduler set last."""
        return self._last_lr

    def step(self) -> None:
        """Go on to the next epoch."""
        if self._started and self.last_epoch == 0 and self.optimizer._stepped is False:
            warnings.warn(
                "Detected call of `lr_scheduler.step()` before `optimizer.step()`. You should "
                "call them in the opposite order: `optimizer.step()` before "
                "`lr_scheduler.step()`. Otherwise the first value of the learning rate schedule "
                "is skipped.",
                UserWarning,
                stacklevel=2,
            )
        self._started = True
        self.last_epoch += 1
        for group, lr in zip(self.optimizer.param_groups, self.get_lr()):
            group["lr"] = lr
        self._last_lr = self._now()

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer (and functions, which are no state)."""
        return {k: v for k, v in self.__dict__.items() if k not in ("optimizer", "lr_lambdas")}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from what `state_dict` returned."""
        self.__dict__.update(state_dict)


class LambdaLR(LRScheduler):
    """The first learning rate times ``lr_lambda(epoch)``; a list has one function a group.

    >>> import xpgrad as xg
    >>> optimizer = xg.optim.SGD([xg.nn.Parameter(xg.ones(1))], lr=0.8)
    >>> scheduler = xg.optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: 0.5**epoch)
    >>> optimizer.step(); scheduler.step(); scheduler.get_last_lr()
    [0.4]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Callable[[int], float] | Sequence[Callable[[int], float]],
        last_epoch: int = -1,
    ) -> None:
        groups = len(getattr(optimizer, "param_groups", ()))
        self.lr_lambdas = [lr_lambda] * groups if callable(lr_lambda) else list(lr_lambda)
        if isinstance(optimizer, Optimizer) and len(self.lr_lambdas) != groups:
            raise ValueError(f"Expected {groups} lr_lambdas, but got {len(self.lr_lambdas)}")
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> Sequence[float]:
        return [lr * f(self.last_epoch) for lr, f in zip(self.base_lrs, self.lr_lambdas)]


class StepLR(LRScheduler):
    """Multiply by `gamma` every `step_size` epochs.

    >>> import xpgrad as xg
    >>> optimizer = xg.optim.SGD([xg.nn.Parameter(xg.ones(1))], lr=1.0)
    >>> scheduler = xg.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5)
    >>> for epoch in range(4):
    ...     optimizer.step(); scheduler.step()
    >>> scheduler.get_last_lr()
    [0.25]
    """

    def __init__(
        self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        self.step_size = step_size
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> Sequence[float]:
        due = self.last_epoch > 0 and self.last_epoch % self.step_size == 0
        return [lr * self.gamma for lr in self._now()] if due else self._now()


class MultiStepLR(LRScheduler):
    """Multiply by `gamma` in each of the epochs `milestones`."""

    def __init__(
        self,
        optimizer: Optimizer,
        milestones: Iterable[int],
        gamma: float = 0.1,
        last_epoch: int = -1,
    ) -> None:
        self.milestones = Counter(milestones)
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> Sequence[float]:
        return [lr * self.gamma ** self.milestones[self.last_epoch] for lr in self._now()]


class ExponentialLR(LRScheduler):
    """Multiply by `gamma` every epoch."""

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> Sequence[float]:
        return [lr * self.gamma for lr in self._now()] if self.last_epoch > 0 else self._now()


class CosineAnnealingLR(LRScheduler):
    """Half a cosine, from the first learning rate down to `eta_min` in `T_max` epochs."""

    def __init__(
        self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        self.T_max = T_max
        self.eta_min = eta_min
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> Sequence[float]:
        epoch, half, low = self.last_epoch, self.T_max, self.eta_min
        if epoch <= 0:
            return self._now()
        if (epoch - 1 - half) % (2 * half) == 0:  # at the bottom, where there is no ratio
            climb = (1 - math.cos(math.pi / half)) / 2
            return [lr + (base - low) * climb for lr, base in zip(self._now(), self.base_lrs)]
        ratio = (1 + math.cos(math.pi * epoch / half)) / (
            1 + math.cos(math.pi * (epoch - 1) / half)
        )
        return [low + ratio * (lr - low) for lr in self._now()]
