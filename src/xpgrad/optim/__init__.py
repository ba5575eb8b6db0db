"""Optimizers: from gradients to better parameters, by PyTorch's arithmetic."""

from __future__ import annotations

from xpgrad.optim import lr_scheduler
from xpgrad.optim.adam import Adam, AdamW
from xpgrad.optim.optimizer import Optimizer
from xpgrad.optim.sgd import SGD

__all__ = ["Optimizer", "SGD", "Adam", "AdamW", "lr_scheduler"]
