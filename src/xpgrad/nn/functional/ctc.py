"""The loss of sequences whose labels have no places."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from xpgrad import dtypes
from xpgrad.door.arguments import UnsupportedDType, only_tensor
from xpgrad.errors import DTypeError, ShapeError
from xpgrad.namespace import Namespace
from xpgrad.nn.functional.reducing import reduced, reduction_of
from xpgrad.ops import ctc as ops
from xpgrad.ops.shape import reshape
from xpgrad.promotion import together
from xpgrad.tensor import Tensor, wrap

__all__ = [
    "ctc_loss",
]  # fmt: skip


def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Tensor,
    target_lengths: Tensor,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """Minus the log-probability of labels in that order, whenever they come: CTC.

    A label may go on for several steps, and blanks may stand between labels; between two of the
    same kind one has to. The gradient is for what `log_softmax` was taken of; with respect to
    log-probabilities that are free to be anything it has ``exp(log_probs)`` too much.

    Args:
        log_probs: the logarithms of probabilities, of shape (T, N, C) or (T, C).
        targets: the labels, of shape (N, S) or, one after the other, (sum of all lengths,).
        input_lengths: how many of the T steps count, for each of the N.
        target_lengths: how many labels there are.
        blank: the class that stands for none.
        reduction: ``"mean"`` divides each loss by the number of labels first.
        zero_infinity: where there are more labels than steps, 0 instead of infinity.

    Raises:
        RuntimeError: for lengths and labels out of range (on the CPU; a GPU is not made to wait for
            it), or shapes that do not fit.

    >>> import xpgrad as xg
    >>> steps = xg.tensor([[0.5, 0.5], [0.5, 0.5]]).log()
    >>> loss = xg.nn.functional.ctc_loss(steps, xg.tensor([1]), (2,), (1,))
    >>> loss.neg().exp()
    tensor(0.7500)
    """
    how = reduction_of(None, None, reduction)
    x = only_tensor(log_probs, "ctc_loss", "log_probs")
    t = only_tensor(targets, "ctc_loss", "targets", 2)
    if x.dtype not in (dtypes.float32, dtypes.float64):
        raise UnsupportedDType(f"\"ctc_loss\" not implemented for '{x.dtype.torch_name}'")
    single = x.ndim == 2
    if single:
        x = x.unsqueeze(1)
        t = t.unsqueeze(0) if t.ndim == 1 else t
    if x.ndim != 3:
        raise ShapeError(
            f"Expected 3-dimensional tensor, but got {x.ndim}-dimensional tensor for argument #1 "
            "'log_probs' (while checking arguments for ctc_loss)"
        )
    if t.ndim not in (1, 2):
        raise ShapeError(
            f"Expected 1 to 2 dimensions, but got {t.ndim}-dimensional tensor for argument #2 "
            "'targets' (while checking arguments for ctc_loss)"
        )
    steps, batch, classes = x.shape
    if not 0 <= blank < classes:
        raise ShapeError("blank must be in label range")
    given = (
        _numbers(input_lengths, "input_lengths", x),
        _numbers(target_lengths, "target_lengths", x),
    )
    x, t, *lengths = together("ctc_loss", x, t, *given)
    ns = x._ns
    index = ns.base.arange(0).dtype
    with ns.current():
        durations = _checked(ns, lengths[0], "input_lengths", batch, steps)
        counts = _checked(ns, lengths[1], "target_lengths", batch, None)
        labels = ns.astype(t._data, index)
        if t.ndim == 1:
            labels = _rows(ns, labels, counts)
        if labels.shape[0] != batch:
            raise ShapeError(
                f"Expected tensor to have size {batch} at dimension 0, but got size "
                f"{labels.shape[0]} for argument #2 'targets' (while checking arguments for "
                "ctc_loss)"
            )
        bounds = ns.bounds(counts)
        if bounds is not None and bounds[1] > labels.shape[1]:
            raise ShapeError(
                f"Expected tensor to have size at least {bounds[1]} at dimension 1, but got size "
                f"{labels.shape[1]} for argument #2 'targets' (while checking arguments for "
                "ctc_loss)"
            )
        inside = ns.arange(labels.shape[1], dtype=index) < ns.expand_dims(counts, axis=1)
        bounds = ns.bounds(ns.where(inside, labels, blank))
        if bounds is not None and not 0 <= bounds[0] <= bounds[1] < classes:
            raise ShapeError(f"a label is out of range for {classes} classes")
    out: Tensor = ops.ctc_loss(
        x,
        wrap(labels, ns),
        wrap(durations, ns),
        wrap(counts, ns),
        blank=blank,
        zero_infinity=zero_infinity,
        scores=True,
    )
    if how == "mean":
        with ns.current():
            count = wrap(ns.astype(ns.maximum(counts, 1), x._data.dtype), ns)
        out = out / count
    if single and how == "none":
        return reshape(out, shape=())
    return reduced(out, how)


def _numbers(given: Any, name: str, x: Tensor) -> Tensor:
    """Lengths as a Tensor."""
    if isinstance(given, Tensor):
        if given.dtype.category != dtypes.INTEGER:
            raise DTypeError(f"{name} must be integral")
        return given.reshape(-1)
    if not isinstance(given, Sequence):
        raise TypeError(f"ctc_loss(): argument '{name}' must be Tensor, not {type(given).__name__}")
    ns = x._ns.base
    with ns.current():
        index = ns.arange(0).dtype
        return wrap(ns.asarray(given, dtype=index) if given else ns.zeros((0,), dtype=index), ns)


def _checked(ns: Namespace, lengths: Tensor, name: str, batch: int, most: int | None) -> Any:
    """Lengths as an array, checked where the host knows them."""
    found = ns.astype(lengths._data, ns.base.arange(0).dtype)
    if found.shape[0] != batch:
        raise ShapeError(f"{name} must be of size batch_size")
    bounds = ns.bounds(found)
    if bounds is not None and bounds[0] < 0:
        raise ShapeError(
            f"Expected {name} to have value at least 0, but got value {bounds[0]} (while checking "
            "arguments for ctc_loss)"
        )
    if bounds is not None and most is not None and bounds[1] > most:
        raise ShapeError(
            f"Expected {name} to have value at most {most}, but got value {bounds[1]} (while "
            "checking arguments for ctc_loss)"
        )
    return found


def _rows(ns: Namespace, labels: Any, counts: Any) -> Any:
    """Labels that stand one after the other as rows, filled up with zeros."""
    lengths = np.asarray(ns.to_host(counts))
    total = int(lengths.sum())
    if labels.shape[0] != total:
        raise ShapeError(
            f"Expected tensor to have size {total} at dimension 0, but got size {labels.shape[0]} "
            "for argument #2 'targets' (while checking arguments for ctc_loss)"
        )
    width = int(lengths.max(initial=0))
    places = (np.cumsum(lengths) - lengths)[:, None] + np.arange(width)
    known = np.arange(width) < lengths[:, None]
    if not total:
        return ns.zeros(places.shape, dtype=labels.dtype)
    found = ns.getitem(labels, (ns.base.from_host(np.where(known, places, 0)),))
    return ns.where(ns.base.from_host(known), found, 0)
