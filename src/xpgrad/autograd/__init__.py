"""Differentiation: gradients on demand, operations with a backward of their own, and checks."""

from __future__ import annotations

from xpgrad.autograd import anomaly_mode, function, functional, grad_mode, graph
from xpgrad.autograd.anomaly_mode import detect_anomaly, set_detect_anomaly
from xpgrad.autograd.function import Function
from xpgrad.autograd.gradcheck import gradcheck, gradgradcheck
from xpgrad.autograd.gradients import grad
from xpgrad.backward import backward
from xpgrad.mode import enable_grad, inference_mode, no_grad, set_grad_enabled

__all__ = [
    "Function", "backward", "detect_anomaly", "enable_grad", "grad", "gradcheck", "gradgradcheck",
    "inference_mode", "no_grad", "set_detect_anomaly", "set_grad_enabled",
    "anomaly_mode", "function", "functional", "grad_mode", "graph",
]  # fmt: skip
