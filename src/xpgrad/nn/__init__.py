"""Building blocks of networks: modules, layers, losses."""

from __future__ import annotations

from xpgrad.nn import activations as _activations
from xpgrad.nn import adaptive as _adaptive
from xpgrad.nn import attention as _attention
from xpgrad.nn import collections as _collections
from xpgrad.nn import convolution as _convolution
from xpgrad.nn import dropouts as _dropouts
from xpgrad.nn import embeddings as _embeddings
from xpgrad.nn import functional as functional
from xpgrad.nn import init as init
from xpgrad.nn import layers as _layers
from xpgrad.nn import lazy as _lazy
from xpgrad.nn import losses as _losses
from xpgrad.nn import normalization as _normalization
from xpgrad.nn import pooling as _pooling
from xpgrad.nn import spatial as _spatial
from xpgrad.nn import utils as utils
from xpgrad.nn.activations import *
from xpgrad.nn.adaptive import *
from xpgrad.nn.attention import *
from xpgrad.nn.collections import *
from xpgrad.nn.containers import ModuleDict, ModuleList, Sequential
from xpgrad.nn.convolution import *
from xpgrad.nn.dropouts import *
from xpgrad.nn.embeddings import *
from xpgrad.nn.layers import *
from xpgrad.nn.lazy import *
from xpgrad.nn.losses import *
from xpgrad.nn.module import Module
from xpgrad.nn.normalization import *
from xpgrad.nn.parameter import Buffer, Parameter
from xpgrad.nn.pooling import *
from xpgrad.nn.spatial import *

__all__ = [
    "functional", "init", "utils",
    "Buffer", "Module", "Parameter",
    "ModuleDict", "ModuleList", "Sequential",
    *_activations.__all__,
    *_adaptive.__all__,
    *_attention.__all__,
    *_collections.__all__,
    *_convolution.__all__,
    *_dropouts.__all__,
    *_embeddings.__all__,
    *_layers.__all__,
    *_lazy.__all__,
    *_losses.__all__,
    *_normalization.__all__,
    *_pooling.__all__,
    *_spatial.__all__,
]  # fmt: skip
