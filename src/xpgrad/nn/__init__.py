"""Building blocks of networks: modules, layers, losses."""

from __future__ import annotations

from xpgrad.nn import functional, init, utils
from xpgrad.nn.containers import ModuleDict, ModuleList, Sequential
from xpgrad.nn.layers import (
    ELU,
    GELU,
    Dropout,
    Embedding,
    Flatten,
    Identity,
    LayerNorm,
    LeakyReLU,
    Linear,
    LogSoftmax,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from xpgrad.nn.losses import (
    BCELoss,
    BCEWithLogitsLoss,
    CrossEntropyLoss,
    HuberLoss,
    L1Loss,
    MSELoss,
    NLLLoss,
    SmoothL1Loss,
)
from xpgrad.nn.module import Module
from xpgrad.nn.parameter import Parameter

__all__ = [
    "functional", "init", "utils",
    "Module", "Parameter",
    "ModuleDict", "ModuleList", "Sequential",
    "Dropout", "Embedding", "Flatten", "Identity", "LayerNorm", "Linear",
    "ELU", "GELU", "LeakyReLU", "LogSoftmax", "ReLU", "Sigmoid", "SiLU", "Softmax", "Softplus",
    "Tanh",
    "BCELoss", "BCEWithLogitsLoss", "CrossEntropyLoss", "HuberLoss", "L1Loss", "MSELoss",
    "NLLLoss", "SmoothL1Loss",
]  # fmt: skip
