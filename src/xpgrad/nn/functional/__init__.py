"""PyTorch's ``torch.nn.functional``: activations, normalisation, layers and losses.

Losses take ``reduction="mean"``, ``"sum"`` or ``"none"``; ``size_average`` and ``reduce`` are
PyTorch's old spelling of it. Whatever is said about gradients at kinks holds for PyTorch too.
"""

from __future__ import annotations

from xpgrad.nn.functional import activations as _activations
from xpgrad.nn.functional import adaptive as _adaptive
from xpgrad.nn.functional import along as _along
from xpgrad.nn.functional import attention as _attention
from xpgrad.nn.functional import chunked as _chunked
from xpgrad.nn.functional import classes as _classes
from xpgrad.nn.functional import convolution as _convolution
from xpgrad.nn.functional import ctc as _ctc
from xpgrad.nn.functional import distances as _distances
from xpgrad.nn.functional import dropouts as _dropouts
from xpgrad.nn.functional import embeddings as _embeddings
from xpgrad.nn.functional import fractional as _fractional
from xpgrad.nn.functional import interpolation as _interpolation
from xpgrad.nn.functional import layers as _layers
from xpgrad.nn.functional import losses as _losses
from xpgrad.nn.functional import margins as _margins
from xpgrad.nn.functional import normalization as _normalization
from xpgrad.nn.functional import padding as _padding
from xpgrad.nn.functional import pooling as _pooling
from xpgrad.nn.functional import sampling as _sampling
from xpgrad.nn.functional.activations import *
from xpgrad.nn.functional.adaptive import *
from xpgrad.nn.functional.along import *
from xpgrad.nn.functional.attention import *
from xpgrad.nn.functional.chunked import *
from xpgrad.nn.functional.classes import *
from xpgrad.nn.functional.convolution import *
from xpgrad.nn.functional.ctc import *
from xpgrad.nn.functional.distances import *
from xpgrad.nn.functional.dropouts import *
from xpgrad.nn.functional.embeddings import *
from xpgrad.nn.functional.fractional import *
from xpgrad.nn.functional.interpolation import *
from xpgrad.nn.functional.layers import *
from xpgrad.nn.functional.losses import *
from xpgrad.nn.functional.margins import *
from xpgrad.nn.functional.normalization import *
from xpgrad.nn.functional.padding import *
from xpgrad.nn.functional.pooling import *
from xpgrad.nn.functional.sampling import *

__all__ = [
    *_activations.__all__,
    *_adaptive.__all__,
    *_along.__all__,
    *_chunked.__all__,
    *_classes.__all__,
    *_convolution.__all__,
    *_ctc.__all__,
    *_distances.__all__,
    *_dropouts.__all__,
    *_embeddings.__all__,
    *_layers.__all__,
    *_losses.__all__,
    *_pooling.__all__,
    *_fractional.__all__,
    *_attention.__all__,
    *_sampling.__all__,
    *_interpolation.__all__,
    *_padding.__all__,
    *_margins.__all__,
    *_normalization.__all__,
]
