"""Attention: values, weighted by how well their keys fit a query."""

from __future__ import annotations

import math
import warnings
from typing import Any

from xpgrad import dtypes
from xpgrad.door.arguments import UnsupportedDType, only_tensor
from xpgrad.door.joining import cat
from xpgrad.errors import DTypeError, ShapeError
from xpgrad.nn.functional.along import softmax
from xpgrad.nn.functional.arguments import drawn
from xpgrad.nn.functional.dropouts import dropout
from xpgrad.nn.functional.layers import linear
from xpgrad.nn.functional.padding import pad
from xpgrad.nn.functional.space import in_single
from xpgrad.ops import attention as ops
from xpgrad.ops.device import astype
from xpgrad.tensor import Tensor, wrap

__all__ = ["multi_head_attention_forward", "scaled_dot_product_attention"]


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """``softmax(scale * query @ key.mT + attn_mask) @ value``.

    Args:
        query: (..., L, E).
        key, value: (..., S, E) and (..., S, Ev).
        attn_mask: booleans, false where a query must not look, or numbers to be added to the
            scores; it broadcasts to (..., L, S). A query that may look nowhere gets zeros.
        dropout_p: set weights to 0 with this probability, and divide the others by its complement.
        is_causal: query i looks at the first i + 1 keys.
        scale: by default ``1 / sqrt(E)``.
        enable_gqa: keys and values have fewer heads (dimension -3), each for several of the query.

    Returns:
        (..., L, Ev).

    Raises:
        ShapeError: for shapes that do not fit each other.
        DTypeError: for other dtypes of key, value or mask.

    >>> import xpgrad as xg
    >>> q, k = xg.zeros(2, 3), xg.ones(2, 3)
    >>> v = xg.tensor([[1.0], [3.0]])
    >>> xg.nn.functional.scaled_dot_product_attention(q, k, v)
    tensor([[2.],
            [2.]])
    >>> xg.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
    tensor([[1.],
            [2.]])
    """
    function = "scaled_dot_product_attention"
    q = only_tensor(query, function, "query", 1)
    k = only_tensor(key, function, "key", 2)
    v = only_tensor(value, function, "value", 3)
    if min(q.ndim, k.ndim, v.ndim) < 2:
        raise ShapeError(
            "Expected query, key, and value to all be  at least 2 dimensional, but got query.dim: "
            f"{q.ndim} key.dim: {k.ndim} and value.dim: {v.ndim} instead."
        )
    if not q.dtype is k.dtype is v.dtype:
        raise DTypeError(
            "Expected query, key, and value to have the same dtype, but got query.dtype: "
            f"{q.dtype.name} key.dtype: {k.dtype.name} and value.dtype: {v.dtype.name} instead."
        )
    if not q.dtype.is_differentiable or q.dtype.is_complex:
        raise UnsupportedDType(f"\"{function}\" not implemented for '{q.dtype.torch_name}'")
    if not 0 <= dropout_p <= 1:
        raise ShapeError(f"dropout probability has to be between 0 and 1, but got {dropout_p}")
    if q.shape[-1] != k.shape[-1]:
        raise ShapeError(
            f"Expected query and key to have the same last dimension, but got {list(q.shape)} and "
            f"{list(k.shape)}"
        )
    if enable_gqa:
        k, v = _repeated(q, k), _repeated(q, v)
    bias = None
    if attn_mask is not None:
        bias = _bias(only_tensor(attn_mask, function, "attn_mask", 4), q)
    if scale is None:
        scale = 1 / math.sqrt(q.shape[-1]) if q.shape[-1] else math.inf
    keep = None
    if dropout_p:
        lead = _broadcast(q.shape[:-2], k.shape[:-2])
        q, numbers = drawn(q, (*lead, q.shape[-2], k.shape[-2]))
        ns = q._ns
        with ns.current():
            mask = ns.astype(numbers >= dropout_p, q._data.dtype)
            mask = mask * (1 / (1 - dropout_p) if dropout_p < 1 else 0.0)
            keep = wrap(ns.wrap(mask), ns)
    return _attention(q, k, v, bias, keep, scale=scale, causal=is_causal)


@in_single
def _attention(*arrays: Tensor | None, **how: Any) -> Tensor:
    out: Tensor = ops.attention(*arrays, **how)[0]
    return out


def _repeated(q: Tensor, x: Tensor) -> Tensor:
    """Keys or values with as many heads as the queries have."""
    heads, have = q.shape[-3], x.shape[-3]
    if not have or heads % have:
        raise ShapeError(
            "Number of heads in key and value must divide the number of heads in query, but got "
            f"{have} and {heads}"
        )
    return x if have == heads else x.repeat_interleave(heads // have, -3)


def _bias(mask: Tensor, q: Tensor) -> Tensor:
    """A mask as numbers to be added to the scores."""
    if mask.dtype is dtypes.bool_:
        ns = mask._ns
        with ns.current():
            zero, never = (ns.full((), x, dtype=q._data.dtype) for x in (0.0, -math.inf))
            return wrap(ns.wrap(ns.where(mask._data, zero, never)), ns)
    if mask.dtype is q.dtype:
        return mask
    if mask.dtype is dtypes.float32:
        return astype(mask, dtype=q.dtype)
    raise DTypeError(
        "Expected attn_mask dtype to be bool or float or to match query dtype, but got "
        f"attn_mask.dtype: {mask.dtype.name} and  query.dtype: {q.dtype.name} instead."
    )


def _broadcast(a: Any, b: Any) -> tuple[int, ...]:
    rank = max(len(a), len(b))
    a, b = ((1,) * (rank - len(s)) + tuple(s) for s in (a, b))
    return tuple(n if m == 1 else m for n, m in zip(a, b, strict=True))


# ------------------------------------------------------------------ many heads


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise AssertionError(message)


def _check_shapes(
    q: Tensor, k: Tensor, v: Tensor, padding: Tensor | None, mask: Tensor | None, heads: int
) -> bool:
    """Whether there is a batch dimension.

    Raises:
        AssertionError: in PyTorch's words, for other numbers of dimensions.
    """
    _require(
        q.ndim in (2, 3),
        f"query should be unbatched 2D or batched 3D tensor but received {q.ndim}-D query tensor",
    )
    kind = "batched" if q.ndim == 3 else "unbatched"
    _require(
        k.ndim == v.ndim == q.ndim,
        f"For {kind} ({q.ndim}-D) `query`, expected `key` and `value` to be {q.ndim}-D but found "
        f"{k.ndim}-D and {v.ndim}-D tensors respectively",
    )
    if padding is not None:
        _require(
            padding.ndim == q.ndim - 1,
            f"For {kind} ({q.ndim}-D) `query`, expected `key_padding_mask` to be `None` or "
            f"{q.ndim - 1}-D but found {padding.ndim}-D tensor instead",
        )
    if mask is not None:
        _require(
            mask.ndim in (2, 3),
            f"For {kind} ({q.ndim}-D) `query`, expected `attn_mask` to be `None`, 2-D or 3-D but "
            f"found {mask.ndim}-D tensor instead",
        )
        if q.ndim == 2 and mask.ndim == 3:
            expected = (heads, q.shape[0], k.shape[0])
            _require(
                tuple(mask.shape) == expected,
                f"Expected `attn_mask` shape to be {expected} but got {mask.shape}",
            )
    return q.ndim == 3


def _numbers(mask: Tensor | None, name: str, like: Tensor) -> Tensor | None:
    """A mask, true or -inf where nobody must look, as numbers to be added to the scores."""
    if mask is None or mask.dtype.category == dtypes.FLOATING:
        return mask
    _require(mask.dtype is dtypes.bool_, f"only bool and floating types of {name} are supported")
    return _bias(mask.logical_not(), like)


def _projected(
    q: Tensor, k: Tensor, v: Tensor, weight: Tensor, bias: Tensor | None
) -> tuple[Tensor, ...]:
    """Queries, keys and values through one weight for all; what is one input is one product."""
    e = q.shape[-1]
    if q is k is v:
        return tuple(linear(q, weight, bias).split(e, -1))
    if k is v:
        for_q, for_kv = weight.split([e, 2 * e])
        of_q, of_kv = (None, None) if bias is None else bias.split([e, 2 * e])
        return linear(q, for_q, of_q), *linear(k, for_kv, of_kv).split(e, -1)
    biases = (None,) * 3 if bias is None else bias.chunk(3)
    return tuple(
        linear(x, w, b) for x, w, b in zip((q, k, v), weight.chunk(3), biases, strict=True)
    )


def _projected_each(q: Any, k: Any, v: Any, weights: Any, bias: Any) -> tuple[Tensor, ...]:
    """Queries, keys and values through weights of their own."""
    e = q.shape[-1]
    biases = (None,) * 3 if bias is None else bias.chunk(3)
    out = []
    for name, x, w, b in zip(("query", "key", "value"), (q, k, v), weights, biases, strict=True):
        _require(
            w is not None, f"use_separate_proj_weight is True but {name[0]}_proj_weight is None"
        )
        shape = (e, x.shape[-1])
        _require(
            tuple(w.shape) == shape,
            f"expecting {name} weights shape of {shape}, but got {w.shape}",
        )
        out.append(linear(x, w, b))
    return tuple(out)


def multi_head_attention_forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Tensor,
    out_proj_bias: Tensor | None,
    training: bool = True,
    key_padding_mask: Tensor | None = None,
    need_weights: bool = True,
    attn_mask: Tensor | None = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Tensor | None = None,
    k_proj_weight: Tensor | None = None,
    v_proj_weight: Tensor | None = None,
    static_k: Tensor | None = None,
    static_v: Tensor | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """Attention of several heads, between linear maps: what `MultiheadAttention` computes.

    Args:
        query, key, value: (L, N, E) and (S, N, E), or without N.
        in_proj_weight, in_proj_bias: the maps to queries, keys and values below one another; or
            `q_proj_weight` and its like, if `use_separate_proj_weight`.
        bias_k, bias_v: (1, 1, E), one more key and value for all.
        add_zero_attn: one more key and value of zeros.
        key_padding_mask: (N, S), true (or -inf) for keys that nobody must look at.
        attn_mask: (L, S) or (N * num_heads, L, S), true (or -inf) where a query must not look.
        need_weights: give the weights, too, averaged over heads if `average_attn_weights`.
        static_k, static_v: (N * num_heads, S, E / num_heads), instead of what the maps give.
        is_causal: a hint that `attn_mask` is the causal one.

    Returns:
        The result, shaped like `query`, and the weights, (N, L, S), or `None`.

    Raises:
        AssertionError: for arguments that do not fit each other.

    >>> import xpgrad as xg
    >>> x, w = xg.tensor([[1.0, 0.0], [0.0, 1.0]]), xg.eye(2)
    >>> given = (xg.cat([0 * w, w, w]), None, None, None, False, 0.0, w, None)
    >>> xg.nn.functional.multi_head_attention_forward(x, x, x, 2, 1, *given)
    (tensor([[0.5000, 0.5000],
            [0.5000, 0.5000]]), tensor([[0.5000, 0.5000],
            [0.5000, 0.5000]]))
    """
    batched = _check_shapes(query, key, value, key_padding_mask, attn_mask, num_heads)
    if not batched:
        same = query is key is value, key is value
        query = query.unsqueeze(1)
        key = query if same[0] else key.unsqueeze(1)
        value = key if same[1] else value.unsqueeze(1)
        key_padding_mask = None if key_padding_mask is None else key_padding_mask.unsqueeze(0)
    length, n, e = query.shape
    sources = key.shape[0]
    if (
        key_padding_mask is not None
        and attn_mask is not None
        and key_padding_mask.dtype is not attn_mask.dtype
    ):
        warnings.warn(
            "Support for mismatched key_padding_mask and attn_mask is deprecated. Use same type "
            "for both instead.",
            UserWarning,
            stacklevel=2,
        )
    padding = _numbers(key_padding_mask, "key_padding_mask", query)
    if is_causal and attn_mask is None:
        raise ShapeError(
            "Need attn_mask if specifying the is_causal hint. You may use the Transformer module "
            "method `generate_square_subsequent_mask` to create this mask."
        )
    is_causal = is_causal and padding is None and not need_weights
    mask = None if is_causal else _numbers(attn_mask, "attn_mask", query)
    _require(
        e == embed_dim_to_check,
        f"was expecting embedding dimension of {embed_dim_to_check}, but got {e}",
    )
    size = e // num_heads
    _require(size * num_heads == e, f"embed_dim {e} not divisible by num_heads {num_heads}")
    if use_separate_proj_weight:
        _require(
            key.shape[:2] == value.shape[:2],
            f"key's sequence and batch dims {key.shape[:2]} do not match value's {value.shape[:2]}",
        )
        weights = (q_proj_weight, k_proj_weight, v_proj_weight)
        q, k, v = _projected_each(query, key, value, weights, in_proj_bias)
    else:
        _require(
            key.shape == value.shape,
            f"key shape {key.shape} does not match value shape {value.shape}",
        )
        assert in_proj_weight is not None, (
            "use_separate_proj_weight is False but in_proj_weight is None"
        )
        q, k, v = _projected(query, key, value, in_proj_weight, in_proj_bias)
    mask = _fitting(mask, length, sources, n * num_heads)
    more = 0
    if bias_k is not None or bias_v is not None:
        assert bias_k is not None, "bias_v is set but bias_k is None"
        assert bias_v is not None, "bias_k is set but bias_v is None"
        _require(static_k is None, "bias cannot be added to static key.")
        _require(static_v is None, "bias cannot be added to static value.")
        k = cat([k, bias_k.expand(1, n, e)], 0)
        v = cat([v, bias_v.expand(1, n, e)], 0)
        more += 1

    def split(x: Tensor, static: Tensor | None, name: str) -> Tensor:
        """Heads as more of a batch: (N * heads, length, size)."""
        if static is None:
            return x.reshape(x.shape[0], n * num_heads, size).transpose(0, 1)
        for at, expected in ((0, n * num_heads), (2, size)):
            _require(
                static.shape[at] == expected,
                f"expecting {name}.size({at}) of {expected}, but got {static.shape[at]}",
            )
        return static

    q, k, v = split(q, None, ""), split(k, static_k, "static_k"), split(v, static_v, "static_v")
    if add_zero_attn:
        nothing = k.new_zeros(n * num_heads, 1, size)
        k, v = cat([k, nothing], 1), cat([v, nothing], 1)
        more += 1
    if more:
        mask = None if mask is None else pad(mask, (0, more))
        padding = None if padding is None else pad(padding, (0, more))
    total = k.shape[1]
    if padding is not None:
        _require(
            tuple(padding.shape) == (n, total),
            f"expecting key_padding_mask shape of {(n, total)}, but got {padding.shape}",
        )
        spread = padding.reshape(n, 1, 1, total).expand(-1, num_heads, -1, -1)
        spread = spread.reshape(n * num_heads, 1, total)
        mask = spread if mask is None else mask + spread
    p = dropout_p if training else 0.0
    found = None
    if need_weights:
        scores = (q * math.sqrt(1 / size)) @ k.transpose(-2, -1)
        found = softmax(scores if mask is None else scores + mask, dim=-1)
        found = dropout(found, p) if p else found
        out = found @ v
    else:
        if mask is not None:
            shape = (1, 1) if mask.shape[0] == 1 and n * num_heads != 1 else (n, num_heads)
            mask = mask.reshape(*shape, *mask.shape[1:])
        q, k, v = (x.reshape(n, num_heads, -1, size) for x in (q, k, v))
        out = scaled_dot_product_attention(q, k, v, mask, p, is_causal)
        out = out.reshape(n * num_heads, length, size)
    out = linear(out.transpose(0, 1).reshape(length * n, e), out_proj_weight, out_proj_bias)
    out = out.reshape(length, n, out.shape[1])
    if found is not None:
        found = found.reshape(n, num_heads, length, total)
        found = found.mean(dim=1) if average_attn_weights else found
    if not batched:
        out = out.squeeze(1)
        found = None if found is None else found.squeeze(0)
    return out, found


def _fitting(mask: Tensor | None, length: int, sources: int, stacked: int) -> Tensor | None:
    """A mask for (N * heads, L, S).

    Raises:
        ShapeError: for another shape.
    """
    if mask is None:
        return None
    expected = (length, sources) if mask.ndim == 2 else (stacked, length, sources)
    if tuple(mask.shape) != expected:
        raise ShapeError(
            f"The shape of the {mask.ndim}D attn_mask is {mask.shape}, but should be {expected}."
        )
    return mask.unsqueeze(0) if mask.ndim == 2 else mask
