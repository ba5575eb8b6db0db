"""How the terms of a loss become one number."""

from __future__ import annotations

import warnings

from xpgrad.ops import reductions
from xpgrad.tensor import Tensor


def reduction_of(size_average: bool | None, reduce: bool | None, reduction: str) -> str:
    """The reduction, from its present or its former spelling.

    Raises:
        ValueError: for none of the three.
    """
    if size_average is not None or reduce is not None:
        warnings.warn(
            "size_average and reduce args will be deprecated, please use reduction='"
            f"{_former(size_average, reduce)}' instead.",
            UserWarning,
            stacklevel=3,
        )
        return _former(size_average, reduce)
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{reduction} is not a valid value for reduction")
    return reduction


def _former(size_average: bool | None, reduce: bool | None) -> str:
    if reduce is False:
        return "none"
    return "sum" if size_average is False else "mean"


def reduced(terms: Tensor, how: str) -> Tensor:
    """The terms of a loss, their sum or their mean."""
    if how == "none":
        return terms
    out: Tensor = reductions.sum(terms) if how == "sum" else reductions.mean(terms)
    return out
