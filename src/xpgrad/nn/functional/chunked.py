"""The cross entropy of a linear layer, all at once or some rows at a time."""

from __future__ import annotations

import dataclasses
import math
import warnings
from typing import Any

from xpgrad import dtypes
from xpgrad.door.arguments import only_tensor
from xpgrad.errors import ShapeError
from xpgrad.nn.functional.classes import _check_target, _counted, _widest_integer, cross_entropy
from xpgrad.nn.functional.layers import linear
from xpgrad.nn.functional.reducing import reduced
from xpgrad.ops import chunked as ops
from xpgrad.ops import reductions
from xpgrad.promotion import together
from xpgrad.tensor import Tensor, wrap

__all__ = [
    "linear_cross_entropy",
]  # fmt: skip

POLICIES = ("auto", "accurate", "balanced", "compact")


@dataclasses.dataclass(slots=True, frozen=True)
class LinearCrossEntropyOptions:
    """How `linear_cross_entropy` goes through the rows of a batch.

    Scores are computed in single precision where the input is in half, and twice where gradients
    are wanted, whatever is asked for: so `allow_retain_graph`, `acc_policy` and `acc_dtype` are
    accepted and make no difference.

    Args:
        batch_chunk_size: how many rows at a time; all of them unless said here or by the method.
        chunking_method: ``"aspect_ratio"``: as many as make the scores no larger than the input;
            ``"aspect_ratio:N"``: an N-th of that; ``"auto"``: half of that, unless a size is given;
            `None`: by the size.

    Raises:
        ValueError: for values out of range.
    """

    allow_retain_graph: bool = False
    batch_chunk_size: int | None = None
    chunking_method: str | None = "auto"
    acc_policy: str = "auto"
    acc_dtype: Any = None

    def __post_init__(self) -> None:
        if self.acc_policy not in POLICIES:
            raise ValueError(f"invalid acc_policy: {self.acc_policy!r}")
        if self.chunking_method not in (None, "auto") and not self._factor():
            raise ValueError(f"invalid chunking_method: {self.chunking_method!r}")
        size = self.batch_chunk_size
        if size is not None and not (isinstance(size, int) and size > 0):
            raise ValueError(f"batch_chunk_size must be positive int or None, got {size!r}")
        if self.acc_dtype is not None:
            found = dtypes.as_dtype(self.acc_dtype)
            if found not in (dtypes.float16, dtypes.float32, dtypes.float64):
                raise ValueError(
                    "acc_dtype must be one of {None, xpgrad.float16, xpgrad.float32, "
                    f"xpgrad.float64}}, got {self.acc_dtype!r}."
                )

    def _factor(self) -> int:
        """The N of the method; 0 for what is none."""
        name, colon, factor = str(self.chunking_method).partition(":")
        factor = factor if colon else "1"
        return int(factor) if name == "aspect_ratio" and factor.isdigit() else 0

    def rows(self, batch: int, features: int, classes: int) -> int:
        """How many rows at a time.

        Raises:
            ValueError: where a size and a method are given and do not agree.
        """
        size, method = self.batch_chunk_size, self.chunking_method
        given = batch if size is None else min(size, batch)
        if method is None or (method == "auto" and size is not None):
            return max(given, 1)
        wanted = -(-batch // -(-classes // max(features, 1))) if classes and batch else 1
        power = 1 << (wanted - 1).bit_length()
        factor = 2 if method == "auto" else self._factor()
        found = max(min(power // factor, batch), 1)
        if size is not None and size != found:
            raise ValueError(
                f"batch_chunk_size={size} and chunking_method={method!r} (which gives {found}) do "
                "not agree: give one of them"
            )
        return found


def linear_cross_entropy(
    input: Tensor,
    linear_weight: Tensor,
    target: Tensor,
    *,
    linear_bias: Tensor | None = None,
    weight: Tensor | None = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    options: LinearCrossEntropyOptions | None = None,
) -> Tensor:
    """``cross_entropy(linear(input, linear_weight, linear_bias), target, …)``.

    Args:
        input: of shape (features,) or (N, features).
        linear_weight: of shape (C, features), or (C, d1, …, features) for scores of shape
            (N, C, d1, …).
        target: as that of `cross_entropy`.
        linear_bias: shaped like the weight without its last dimension.
        weight, reduction, label_smoothing: as those of `cross_entropy`.
        ignore_index: targets of this value do not count; -100 unless given.
        options: go through the batch some rows at a time, so that all scores never exist at once.
            For classes that are integers, and neither smoothed nor with dimensions of their own.

    Raises:
        ShapeError: for shapes that do not fit.

    Warns:
        UserWarning: where options do not apply.

    >>> import xpgrad as xg
    >>> x, w = xg.ones(4, 2), xg.zeros(8, 2)
    >>> options = xg.nn.LinearCrossEntropyOptions(batch_chunk_size=2)
    >>> xg.nn.functional.linear_cross_entropy(x, w, xg.tensor([0, 1, 2, 3]), options=options)
    tensor(2.0794)
    """
    x = only_tensor(input, "linear_cross_entropy")
    w = only_tensor(linear_weight, "linear_cross_entropy", "linear_weight", 2)
    t = only_tensor(target, "linear_cross_entropy", "target", 3)
    shape = _shape_of_scores(x, w, linear_bias)
    if tuple(t.shape) == shape and ignore_index is not None:
        raise ShapeError("ignore_index cannot be specified when target contains probabilities")
    ignore = -100 if ignore_index is None else ignore_index
    inner = tuple(w.shape[1:-1])
    if options is not None:
        usual = t.dtype is dtypes.int64 or _widest_integer(t)
        usual = usual and reduction in ("none", "mean", "sum")
        if usual and not inner and not label_smoothing:
            return _in_chunks(x, w, t, linear_bias, weight, reduction, ignore, options)
        warnings.warn(
            "linear_cross_entropy: ``options`` ignored; chunked path needs reduction in {'mean',"
            "'sum','none'}, label_smoothing == 0, target.dtype == int64, out_features == (). Got "
            f"reduction={reduction!r}, label_smoothing={label_smoothing}, target.dtype="
            f"{t.dtype}, out_features={inner}.",
            UserWarning,
            stacklevel=2,
        )
    b = linear_bias
    if inner:
        w = w.reshape(math.prod(w.shape[:-1]), w.shape[-1])
        b = b if b is None else b.reshape(-1)
    scores = linear(x, w, b)
    scores = scores.reshape(shape) if inner else scores
    return cross_entropy(
        scores,
        t,
        weight=weight,
        reduction=reduction,
        ignore_index=ignore,
        label_smoothing=label_smoothing,
    )


def _shape_of_scores(x: Tensor, w: Tensor, bias: Tensor | None) -> tuple[int, ...]:
    """The shape of all scores, once everything fits."""
    if x.ndim not in (1, 2):
        raise ShapeError(f"expected input with dimensionality 1 or 2, got {x.ndim}")
    if w.ndim < 2:
        raise ShapeError(f"expected linear_weight with dimensionality at least 2, got {w.ndim}")
    features = x.shape[-1]
    if features != w.shape[-1]:
        raise ShapeError(
            "expected equal input and linear_weight last dimensions (in_features), got "
            f"{features} and {w.shape[-1]}, respectively"
        )
    wanted = tuple(w.shape[:-1])
    if bias is not None and tuple(bias.shape) != wanted:
        raise ShapeError(f"expected linear_bias shape {wanted}, got {tuple(bias.shape)}")
    if w.ndim > 2 and x.ndim == 1:
        raise ShapeError(
            f"K-dimensional loss defined by linear_weight shape {tuple(w.shape)} requires batched "
            f"input, (N, {features}), got unbatched input with shape {tuple(x.shape)}"
        )
    return (*x.shape[:-1], *wanted)


def _in_chunks(
    x: Tensor, w: Tensor, t: Tensor, b: Any, weight: Any, how: str, ignore: int,
    options: LinearCrossEntropyOptions,
) -> Tensor:  # fmt: skip
    single = x.ndim == 1
    if single:
        x, t = x.unsqueeze(0), t.unsqueeze(0)
    x, w, t, b, weight = together("linear_cross_entropy", x, w, t, b, weight)
    classes = w.shape[0]
    chunk = options.rows(x.shape[0], x.shape[1], classes)
    ns = x._ns
    scores = x.new_zeros(1, 1).expand(x.shape[0], classes)  # of their shape, without their memory
    _check_target(scores, t)
    with ns.current():
        places, factors = _counted(ns, scores, t._data, weight, ignore)
    terms: Tensor = ops.linear_cross_entropy(x, w, b, wrap(places, ns), chunk=chunk)
    if factors is not None:
        terms = terms * factors
    if how == "none":
        return terms.squeeze(0) if single else terms
    if how == "mean" and factors is not None:
        out: Tensor = reductions.sum(terms) / reductions.sum(factors)
        return out
    return reduced(terms, how)
