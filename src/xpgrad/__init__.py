"""Reverse-mode autograd in pure Python, for whoever has arrays. It reads like PyTorch."""

from __future__ import annotations

from xpgrad import autograd, cuda
from xpgrad import door as _door
from xpgrad.device import device, get_default_device, set_default_device
from xpgrad.door import convert as _convert
from xpgrad.door import interop as _interop
from xpgrad.door import operators as _operators
from xpgrad.door.creation import tensor
from xpgrad.dtypes import bool_ as bool
from xpgrad.dtypes import float32, float64, int64
from xpgrad.mode import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from xpgrad.registry import Backend, device_types, register_backend
from xpgrad.tensor import Size, Tensor
