"""Grad mode under the name it has in PyTorch; `xpgrad.mode` holds it."""

from __future__ import annotations

from xpgrad.mode import enable_grad, inference_mode, no_grad, set_grad_enabled

__all__ = ["enable_grad", "inference_mode", "no_grad", "set_grad_enabled"]
