"""Reverse-mode autograd in pure Python, for whoever has arrays. It reads like PyTorch.

Everything public is here: what the modules of `xpgrad.door` list in their ``__all__``, dtypes,
devices, modes, random numbers. Submodules: `autograd`, `cuda`, `random`, and, imported when first
used, `io`, `nn`, `optim`, `utils`, `viz`.
"""

from __future__ import annotations

import importlib
from math import e as e
from math import inf as inf
from math import nan as nan
from math import pi as pi
from typing import TYPE_CHECKING

from xpgrad import autograd as autograd
from xpgrad import cuda as cuda
from xpgrad import random as random
from xpgrad.autograd.anomaly_mode import (
    is_anomaly_check_nan_enabled as is_anomaly_check_nan_enabled,
)
from xpgrad.autograd.anomaly_mode import is_anomaly_enabled as is_anomaly_enabled
from xpgrad.device import device as device
from xpgrad.device import get_default_device as get_default_device
from xpgrad.device import set_default_device as set_default_device
from xpgrad.door import indexing as _indexing
from xpgrad.door import inplace_random as _inplace_random
from xpgrad.door import inplace_views as _inplace_views
from xpgrad.door import interop as _interop
from xpgrad.door import operators as _operators
from xpgrad.door import results as _results
from xpgrad.door.activations import *
from xpgrad.door.calculus import *
from xpgrad.door.combining import *
from xpgrad.door.compare import *
from xpgrad.door.complex import *
from xpgrad.door.convert import *
from xpgrad.door.copies import *
from xpgrad.door.counting import *
from xpgrad.door.creation import *
from xpgrad.door.data import *
from xpgrad.door.einsum import *
from xpgrad.door.elementwise import *
from xpgrad.door.extrema import *
from xpgrad.door.further import *
from xpgrad.door.gather import *
from xpgrad.door.histograms import *
from xpgrad.door.joining import *
from xpgrad.door.limits import *
from xpgrad.door.linalg import *
from xpgrad.door.linalg_classic import *
from xpgrad.door.masks import *
from xpgrad.door.rearrange import *
from xpgrad.door.reductions import *
from xpgrad.door.rounding import *
from xpgrad.door.running import *
from xpgrad.door.scatter import *
from xpgrad.door.shape import *
from xpgrad.door.sorting import *
from xpgrad.door.special import *
from xpgrad.door.spectrograms import *
from xpgrad.door.statistics import *
from xpgrad.door.tapers import *
from xpgrad.door.windows import *
from xpgrad.door.written import *
from xpgrad.dtypes import bool_ as bool_
from xpgrad.dtypes import can_cast as can_cast
from xpgrad.dtypes import complex64 as complex64
from xpgrad.dtypes import complex128 as complex128
from xpgrad.dtypes import dtype as dtype
from xpgrad.dtypes import float16 as float16
from xpgrad.dtypes import float32 as float32
from xpgrad.dtypes import float64 as float64
from xpgrad.dtypes import get_default_dtype as get_default_dtype
from xpgrad.dtypes import int8 as int8
from xpgrad.dtypes import int16 as int16
from xpgrad.dtypes import int32 as int32
from xpgrad.dtypes import int64 as int64
from xpgrad.dtypes import promote_types as promote_types
from xpgrad.dtypes import set_default_dtype as set_default_dtype
from xpgrad.dtypes import uint8 as uint8
from xpgrad.dtypes import uint16 as uint16
from xpgrad.dtypes import uint32 as uint32
from xpgrad.dtypes import uint64 as uint64
from xpgrad.mode import enable_grad as enable_grad
from xpgrad.mode import inference_mode as inference_mode
from xpgrad.mode import is_grad_enabled as is_grad_enabled
from xpgrad.mode import is_inference_mode_enabled as is_inference_mode_enabled
from xpgrad.mode import no_grad as no_grad
from xpgrad.mode import set_grad_enabled as set_grad_enabled
from xpgrad.printing import get_printoptions as get_printoptions
from xpgrad.printing import printoptions as printoptions
from xpgrad.printing import set_printoptions as set_printoptions
from xpgrad.promotion import result_type as result_type
from xpgrad.random import *
from xpgrad.registry import Backend as Backend
from xpgrad.registry import device_types as device_types
from xpgrad.registry import register_backend as register_backend
from xpgrad.tensor import Size as Size
from xpgrad.tensor import Tensor as Tensor

if TYPE_CHECKING:
    from xpgrad import fft as fft
    from xpgrad import func as func
    from xpgrad import io as io
    from xpgrad import linalg as linalg
    from xpgrad import nn as nn
    from xpgrad import optim as optim
    from xpgrad import special as special
    from xpgrad import utils as utils
    from xpgrad import viz as viz
    from xpgrad.func import vmap as vmap
    from xpgrad.nn.native import *
    from xpgrad.nn.native_layers import *
    from xpgrad.nn.native_spatial import *

Tensor.__module__ = "xpgrad"  # where users find it, and what its type is printed as

# PyTorch's other names; they hide Python's own below this line.
bool = bool_
half, float, double, cfloat, cdouble = float16, float32, float64, complex64, complex128
short, int, long = int16, int32, int64
return_types = _results
newaxis = None

# Imported when first used: who needs none need not wait.
_OF_NETWORKS = (
    "bilinear", "celu", "celu_", "cosine_similarity", "native_batch_norm", "native_dropout",
    "native_dropout_backward", "native_group_norm", "native_layer_norm", "pairwise_distance",
    "pdist", "relu_", "rms_norm", "rrelu", "rrelu_", "selu", "selu_", "threshold", "threshold_",
)  # fmt: skip
_OF_LAYERS = (
    "alpha_dropout", "alpha_dropout_", "batch_norm", "binary_cross_entropy_with_logits",
    "cosine_embedding_loss", "ctc_loss", "dropout", "dropout_", "embedding", "embedding_renorm_",
    "feature_alpha_dropout", "feature_alpha_dropout_", "feature_dropout", "feature_dropout_",
    "group_norm", "hinge_embedding_loss", "instance_norm", "kl_div", "layer_norm",
    "margin_ranking_loss", "norm_except_dim", "poisson_nll_loss", "triplet_margin_loss",
)  # fmt: skip
_OF_SPACE = (
    "adaptive_avg_pool1d", "adaptive_max_pool1d", "affine_grid_generator", "avg_pool1d",
    "channel_shuffle", "constant_pad_nd", "conv1d", "conv2d", "conv3d", "conv_tbc",
    "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "convolution", "grid_sampler",
    "grid_sampler_2d", "grid_sampler_3d", "max_pool1d", "max_pool1d_with_indices", "max_pool2d",
    "max_pool3d", "native_channel_shuffle", "pixel_shuffle", "pixel_unshuffle",
)  # fmt: skip
_LATE = ("fft", "func", "io", "linalg", "nn", "optim", "special", "utils", "viz")


def __getattr__(name: str) -> object:
    if name in _LATE:
        return importlib.import_module(f"xpgrad.{name}")
    if name == "vmap":
        return importlib.import_module("xpgrad.func").vmap
    if name in _OF_NETWORKS:
        return getattr(importlib.import_module("xpgrad.nn.native"), name)
    if name in _OF_LAYERS:
        return getattr(importlib.import_module("xpgrad.nn.native_layers"), name)
    if name in _OF_SPACE:
        return getattr(importlib.import_module("xpgrad.nn.native_spatial"), name)
    raise AttributeError(f"module 'xpgrad' has no attribute {name!r}")
