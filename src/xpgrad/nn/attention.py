"""Attention as a layer."""

from __future__ import annotations

from typing import Any

from xpgrad.door.creation import empty
from xpgrad.nn import functional as F
from xpgrad.nn import init
from xpgrad.nn.layers import Linear
from xpgrad.nn.module import Module
from xpgrad.nn.parameter import Parameter
from xpgrad.tensor import Tensor

__all__ = ["MultiheadAttention"]


class NonDynamicallyQuantizableLinear(Linear):
    """`Linear`, under the name that PyTorch prints."""


class MultiheadAttention(Module):
    """`functional.multi_head_attention_forward` with maps that are learned.

    Args:
        embed_dim: the features of queries and of the result, in `num_heads` parts.
        dropout: the probability with which a weight becomes 0 in training.
        bias: whether the linear maps have one.
        add_bias_kv: one more key and value for all, learned.
        add_zero_attn: one more key and value of zeros.
        kdim, vdim: the features of keys and values, if they are others.
        batch_first: inputs are (N, L, E), not (L, N, E).

    >>> import xpgrad as xg
    >>> attention = xg.nn.MultiheadAttention(8, 2, batch_first=True)
    >>> q, k = xg.ones(5, 3, 8), xg.ones(5, 4, 8)
    >>> out, weights = attention(q, k, k)
    >>> out.shape, weights.shape
    (xpgrad.Size([5, 3, 8]), xpgrad.Size([5, 3, 4]))
    """

    in_proj_weight: Parameter | None
    in_proj_bias: Parameter | None
    q_proj_weight: Parameter | None
    k_proj_weight: Parameter | None
    v_proj_weight: Parameter | None
    bias_k: Parameter | None
    bias_v: Parameter | None

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if embed_dim <= 0 or num_heads <= 0:
            raise ValueError(
                "embed_dim and num_heads must be greater than 0, got "
                f"embed_dim={embed_dim} and num_heads={num_heads} instead"
            )
        super().__init__()
        self.embed_dim = embed_dim
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self._qkv_same_embed_dim = self.kdim == embed_dim and self.vdim == embed_dim
        self.num_heads = num_heads
        self.dropout = dropout
        self.batch_first = batch_first
        self.head_dim = embed_dim // num_heads
        if self.head_dim * num_heads != embed_dim:
            raise AssertionError("embed_dim must be divisible by num_heads")

        def parameter(*shape: int) -> Parameter:
            return Parameter(empty(shape, device=device, dtype=dtype))

        e, same = embed_dim, self._qkv_same_embed_dim
        for name, rows, columns in (("q", e, e), ("k", e, self.kdim), ("v", e, self.vdim)):
            made = None if same else parameter(rows, columns)
            self.register_parameter(f"{name}_proj_weight", made)
        self.register_parameter("in_proj_weight", parameter(3 * e, e) if same else None)
        self.register_parameter("in_proj_bias", parameter(3 * e) if bias else None)
        self.out_proj = NonDynamicallyQuantizableLinear(e, e, bias, device, dtype)
        for name in ("bias_k", "bias_v"):
            self.register_parameter(name, parameter(1, 1, e) if add_bias_kv else None)
        self.add_zero_attn = add_zero_attn
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        weights = (
            self.in_proj_weight, self.q_proj_weight, self.k_proj_weight, self.v_proj_weight,
        )  # fmt: skip
        for weight in weights:
            if weight is not None:
                init.xavier_uniform_(weight)
        if self.in_proj_bias is not None:
            assert self.out_proj.bias is not None
            init.zeros_(self.in_proj_bias)
            init.zeros_(self.out_proj.bias)
        for bias in (self.bias_k, self.bias_v):
            if bias is not None:
                init.xavier_normal_(bias)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        swapped = self.batch_first and query.ndim == 3
        if swapped:
            known: dict[int, Tensor] = {}  # one input stays one input
            query, key, value = (
                known.setdefault(id(x), x.transpose(0, 1)) for x in (query, key, value)
            )
        out, weights = F.multi_head_attention_forward(
            query,
            key,
            value,
            self.embed_dim,
            self.num_heads,
            self.in_proj_weight,
            self.in_proj_bias,
            self.bias_k,
            self.bias_v,
            self.add_zero_attn,
            self.dropout,
            self.out_proj.weight,
            self.out_proj.bias,
            training=self.training,
            key_padding_mask=key_padding_mask,
            need_weights=need_weights,
            attn_mask=attn_mask,
            use_separate_proj_weight=not self._qkv_same_embed_dim,
            q_proj_weight=self.q_proj_weight,
            k_proj_weight=self.k_proj_weight,
            v_proj_weight=self.v_proj_weight,
            average_attn_weights=average_attn_weights,
            is_causal=is_causal,
        )
        return (out.transpose(0, 1) if swapped else out), weights
