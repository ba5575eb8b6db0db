"""Losses for classes: of a target that names one, several, or the probability of each."""

from __future__ import annotations

from typing import Any

from xpgrad import dtypes
from xpgrad.door.arguments import only_tensor
from xpgrad.errors import DTypeError, ShapeError
from xpgrad.namespace import Array, Namespace
from xpgrad.nn.functional.arguments import floating, real
from xpgrad.nn.functional.reducing import reduced, reduction_of
from xpgrad.ops import elementwise, reductions
from xpgrad.ops import nn as ops
from xpgrad.ops.shape import reshape
from xpgrad.promotion import together
from xpgrad.tensor import Tensor, wrap

__all__ = [
    "cross_entropy", "multi_margin_loss", "multilabel_margin_loss", "multilabel_soft_margin_loss",
    "nll_loss",
]  # fmt: skip

_TARGETS = (dtypes.int64, dtypes.uint8)


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """The cross entropy between `target` and the softmax of `input` over dimension 1.

    Rows that do not count get gradient 0.

    Args:
        input: logits of shape (C,), (N, C) or (N, C, d1, …).
        target: the class of each, shaped like `input` without C; or probabilities, shaped like it.
        weight: a factor for each class; the mean is then weighted too.
        ignore_index: targets of this value do not count.
        label_smoothing: the share of the target that is spread evenly over all classes.

    Raises:
        IndexError: a class out of range (on the CPU; a GPU is not made to wait for it).
        ShapeError: shapes or weights that do not fit.
        DTypeError: a target that is neither classes (int64) nor probabilities.

    >>> import xpgrad as xg
    >>> logits = xg.tensor([[2.0, 0.0], [0.0, 0.0]], requires_grad=True)
    >>> xg.nn.functional.cross_entropy(logits, xg.tensor([0, 1]))
    tensor(0.4100, grad_fn=<NllLossBackward0>)
    >>> x = xg.tensor([[2.0, 0.0], [0.0, 0.0]], requires_grad=True)
    >>> xg.autograd.grad(xg.nn.functional.cross_entropy(x, xg.tensor([-100, 1])), x)
    (tensor([[ 0.0000,  0.0000],
            [ 0.5000, -0.5000]]),)
    """
    how = reduction_of(size_average, reduce, reduction)
    plain, ignore = _plain(input, target, weight, ignore_index)
    if plain and 0.0 <= label_smoothing <= 1.0 and not (label_smoothing and _recorded(weight)):
        loss = _CROSS_ENTROPY[_rank(input, how)]
        loss = ops.cross_entropy_smooth if label_smoothing else loss
        more = {"smoothing": label_smoothing} if label_smoothing else {}
        terms: Tensor = loss(input, target, weight, reduction=how, ignore=ignore, **more)[0]
        return terms
    x = only_tensor(input, "cross_entropy_loss")
    t = only_tensor(target, "cross_entropy_loss", "target", 2)
    if not 0.0 <= label_smoothing <= 1.0:
        raise ShapeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}")
    axis = 0 if x.ndim <= 1 else 1
    if x._data.shape == t._data.shape:
        if t.dtype.category < dtypes.FLOATING:
            raise DTypeError(
                "Expected floating point type for target with class probabilities, got "
                f"{t.dtype.torch_name}"
            )
        if ignore_index >= 0:
            raise ShapeError("ignore_index is not supported for floating point target")
        return _soft_cross_entropy(x, t, weight, how, label_smoothing, axis)
    logs = ops.log_softmax(floating(x, "log_softmax"), axis=axis)
    if not label_smoothing:
        return _nll(logs, t, weight, ignore_index, how)
    return _smoothed(logs, t, weight, ignore_index, how, label_smoothing, axis)


_CROSS_ENTROPY = (ops.cross_entropy, ops.cross_entropy_2d, ops.cross_entropy_view)
_NLL = (ops.nll_loss, ops.nll_loss_2d, ops.nll_loss_view)


def _rank(x: Tensor, how: str) -> int:
    """Which of the above PyTorch has for a rank: of rows, of images, of others."""
    rank = len(x._data.shape)
    return 0 if rank <= 2 else 1 if rank == 4 or how != "none" else 2


def _recorded(x: Tensor | None) -> bool:
    return x is not None and x._node is not None


def _plain(x: Any, target: Any, weight: Any, ignore: int) -> tuple[bool, int | None]:
    """Whether this is a plain case: floats, and a class of each place in range.

    And which targets do not count, if there may be any. Where the host knows the classes, that is;
    it does not wait for a device to tell it. Transforms know what to make of the general case.
    """
    other = False, None
    try:
        ns, shape, t = x._ns, x._data.shape, target._data
        if (
            len(shape) < 2
            or t.shape != (shape[0], *shape[2:])
            or target._ns is not ns
            or ns.depth
            or target.dtype is not dtypes.int64
            or x._data.dtype not in ns.inexact
        ):
            return other
        classes = shape[1]
        if weight is not None:
            w = weight._data
            if weight._ns is not ns or w.shape != (classes,) or w.dtype != x._data.dtype:
                return other
        bounds = ns.bounds(t)
        if bounds is None:
            return other
        least, most = bounds
        if not least <= ignore <= most:
            return 0 <= least <= most < classes, None
        if ignore < 0:  # as most often
            least, most = ns.bounds(ns.where(t == ignore, 0, t))
        return 0 <= least <= most < classes, ignore
    except AttributeError:
        return other


def _class_weights(weight: Tensor | None, x: Tensor, axis: int) -> Tensor | None:
    """A checked weight for each class, shaped to stand beside `x`."""
    if weight is None:
        return None
    classes = x.shape[axis] if x.ndim else 1
    if weight.ndim != 1 or weight.shape[0] != classes:
        raise ShapeError(
            f"weight tensor should be defined either for all {classes} classes or no classes but "
            f"got weight tensor of shape: {list(weight.shape)}"
        )
    if weight.dtype is not x.dtype:
        raise DTypeError(
            f"expected scalar type {x.dtype.torch_name} but found {weight.dtype.torch_name}"
        )
    form = tuple(classes if i == axis else 1 for i in range(x.ndim))
    return reshape(weight, shape=form)


def _soft_cross_entropy(
    x: Tensor, target: Tensor, weight: Tensor | None, how: str, smoothing: float, axis: int
) -> Tensor:
    """The cross entropy for targets that are probabilities."""
    logs = ops.log_softmax(floating(x, "log_softmax"), axis=axis)
    if smoothing:
        target = target * (1 - smoothing) + smoothing / x.shape[axis]
    terms = logs * target
    factors = _class_weights(weight, x, axis)
    if factors is not None:
        terms = terms * factors
    if how == "none":
        return -reductions.sum_dim(terms, axis=(axis,))
    total = -reductions.sum(terms)
    return total if how == "sum" else total / (x.shape.numel() // max(x.shape[axis], 1))


def _smoothed(
    logs: Tensor, target: Tensor, weight: Tensor | None, ignore: int, how: str, smoothing: float,
    axis: int,
) -> Tensor:  # fmt: skip
    """(1 - s) times the loss for the target and s / C times that for every class alike."""
    logs, target, weight = together("cross_entropy_loss", logs, target, weight)
    hard = _nll(logs, target, weight, ignore, how)
    factors = _class_weights(weight, logs, axis)
    terms = -reductions.sum_dim(logs if factors is None else logs * factors, axis=(axis,))
    ns = logs._ns
    with ns.current():
        places = ns.reshape(target._data, tuple(terms.shape))
        counts = ns.wrap(places != ignore)
    terms = elementwise.where(wrap(counts, ns), terms, 0.0)
    if how != "none":
        terms = reductions.sum(terms)
    if how == "mean":  # divided by what the loss for the target was divided by
        with ns.current():
            share = ns.astype(counts, logs._data.dtype)
            if weight is not None:
                share = share * ns.getitem(weight._data, (ns.where(counts, places, 0),))
            share = ns.wrap(ns.sum(share))
        terms = terms / wrap(share, ns)
    spread = smoothing / logs.shape[axis]
    return hard * (1 - smoothing) + terms * spread


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The negative log likelihood: minus what `target` picks of the log-probabilities `input`.

    See `cross_entropy`, which takes logits.

    >>> import xpgrad as xg
    >>> xg.nn.functional.nll_loss(xg.tensor([[-0.1, -2.0], [-3.0, -0.5]]), xg.tensor([0, 0]))
    tensor(1.5500)
    """
    how = reduction_of(size_average, reduce, reduction)
    if weight is None and _plain(input, target, None, ignore_index) == (True, None):
        found: Tensor = _NLL[_rank(input, how)](input, target, None, reduction=how)
        return found
    x, t = only_tensor(input, "nll_loss"), only_tensor(target, "nll_loss", "target", 2)
    if not x.ndim:
        raise ValueError("Expected 1 or more dimensions (got 0)")
    return _nll(floating(x, "nll_loss"), t, weight, ignore_index, how)


def _nll(x: Tensor, target: Tensor, weight: Tensor | None, ignore: int, how: str) -> Tensor:
    """Minus what `target` picks of `x`, weighted and reduced."""
    x, target, weight = together("nll_loss", x, target, weight)
    ns = x._ns
    _check_target(x, target)
    single = x.ndim == 1
    if single:
        x = reshape(x, shape=(1, *x.shape))
    with ns.current():
        t, factor = _counted(ns, x, target._data, weight, ignore)
    out: Tensor = _NLL[_rank(x, how)](x, wrap(t, ns), factor, reduction=how)
    return reshape(out, shape=()) if single and how == "none" else out


def _counted(
    ns: Namespace, x: Tensor, target: Array, weight: Tensor | None, ignore: int
) -> tuple[Array, Tensor | None]:
    """The class of each place of `x`, and the weight of each if they differ.

    Classes that do not count become 0, and so does their weight.
    """
    classes = x.shape[1]
    t = ns.reshape(target, (x.shape[0], *x.shape[2:]))
    bounds = ns.bounds(t)
    if bounds is not None and not bounds[0] <= ignore <= bounds[1]:  # nobody is ignored
        _check_classes(bounds, classes)
        if weight is None:
            return t, None
    counts = ns.wrap(t != ignore)
    t = ns.where(counts, t, 0)
    if bounds is not None:
        _check_classes(ns.bounds(t) or (0, 0), classes)
    found = ns.astype(counts, x._data.dtype)
    if weight is not None:
        _class_weights(weight, x, 1)
        found = found * ns.getitem(weight._data, (t,))
    return t, wrap(ns.wrap(found), ns)


def _check_classes(bounds: tuple[Any, Any], classes: int) -> None:
    least, most = bounds
    if least < 0 or most >= max(classes, 1):
        raise IndexError(f"Target {least if least < 0 else most} is out of bounds.")


def _check_target(x: Tensor, target: Tensor) -> None:
    """Raise unless the shapes and dtypes of log-probabilities and classes fit."""
    shape, tshape = tuple(x.shape), tuple(target.shape)
    if len(shape) <= 2:
        if len(tshape) > 1:
            raise ShapeError("0D or 1D target tensor expected, multi-target not supported")
        batch = shape[0] if len(shape) == 2 else 1
        got = tshape[0] if tshape else 1 if len(shape) < 2 else 0
        if got != batch:
            raise ShapeError(
                f"Expected input batch_size ({batch}) to match target batch_size ({got})."
            )
    elif tshape != (shape[0], *shape[2:]):
        raise ShapeError(
            f"Expected target size {[shape[0], *shape[2:]]}, got {list(tshape)} (size mismatch: "
            f"got input: {list(shape)}, target: {list(tshape)})"
        )
    if target.dtype not in _TARGETS and not _widest_integer(target):
        raise DTypeError(
            f"expected target dtype to be Long or Byte, but got {target.dtype.torch_name}"
        )


def _widest_integer(x: Tensor) -> bool:
    """Whether it is the widest integer type that its device has (some have no int64)."""
    return dtypes.int64 not in x._ns.natives and x.dtype is dtypes.int32


# ------------------------------------------------------------------ margins between classes


def multi_margin_loss(
    input: Tensor,
    target: Tensor,
    p: int = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The mean over classes of ``max(0, margin - input[target] + input[i]) ** p``.

    The target class does not count, and on the margin the derivative is 0.

    Args:
        input: of shape (C,) or (N, C).
        target: the class of each.
        p: 1 or 2.
        weight: a factor for each class, by that of the target.

    Raises:
        ValueError: for another `p`.
        RuntimeError: for shapes that do not fit, or a class out of range (on the CPU; a GPU is not
            made to wait for it).

    >>> import xpgrad as xg
    >>> xg.nn.functional.multi_margin_loss(xg.tensor([[0.5, 0.0, 2.0]]), xg.tensor([0]))
    tensor(1.)
    >>> x = xg.tensor([1.0, 0.0], requires_grad=True)
    >>> xg.autograd.grad(xg.nn.functional.multi_margin_loss(x, xg.tensor(0)), x)
    (tensor([0., 0.]),)
    """
    how = reduction_of(size_average, reduce, reduction)
    if p not in (1, 2):
        raise ValueError("only p == 1 and p == 2 supported")
    if weight is not None and weight.ndim != 1:
        raise ValueError("weight must be one-dimensional")
    x = only_tensor(input, "multi_margin_loss")
    t = only_tensor(target, "multi_margin_loss", "target", 2)
    rows, classes = _rows_of(x)
    if t.shape.numel() != rows or t.ndim > 1:
        raise ShapeError(
            "multi_margin_loss: target tensor should be 1-D with size equal to the number of input "
            f"samples (batch size). Expected target size [{rows}], but got {list(t.shape)}. Input "
            f"has shape {list(x.shape)}."
        )
    if weight is not None and weight.shape[0] != classes:
        raise ShapeError(
            f"inconsistent weight size, expected {classes} but got {list(weight.shape)}"
        )
    _long(t)
    real(x, "multi_margin_loss")
    x, t, weight = together("multi_margin_loss", x, t, weight)
    least, most = t._ns.bounds(t._data) or (0, 0)
    if least < 0 or most >= max(classes, 1):
        raise ShapeError("target out of range")
    if x.ndim < 2 or not t.ndim:
        x, t = reshape(x, shape=(rows, classes)), reshape(t, shape=(rows,))
    if weight is not None and weight.dtype is not x.dtype:
        weight = weight.to(x.dtype)
    out: Tensor = ops.multi_margin_loss(x, t, weight, p=p, margin=margin, reduction=how)[0]
    return out if target.ndim or how != "none" else reshape(out, shape=())


def _rows_of(x: Tensor) -> tuple[int, int]:
    """How many rows of how many classes there are.

    Raises:
        ShapeError: for more than two dimensions, or rows of nothing.
    """
    if x.ndim > 2 or (x.ndim and not x.shape[-1]):
        raise ShapeError(
            "Expected non-empty vector or matrix with optional 0-dim batch size, but got: "
            f"{list(x.shape)}"
        )
    return x.shape[0] if x.ndim == 2 else 1, x.shape[-1] if x.ndim else 1


def _long(target: Tensor) -> None:
    if target.dtype is not dtypes.int64 and not _widest_integer(target):
        raise DTypeError(f"expected scalar type Long but found {target.dtype.torch_name}")


def multilabel_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The sum of ``max(0, 1 - input[j] + input[i])`` for classes j of a target and i not of it.

    It is divided by the number of classes. On the margin the derivative is 0.

    Args:
        input: of shape (C,) or (N, C).
        target: shaped like it: the classes of each; the first -1 ends them.

    Raises:
        RuntimeError: for shapes that do not fit, or a class out of range (on the CPU; a GPU is not
            made to wait for it).

    >>> import xpgrad as xg
    >>> x, target = xg.tensor([[0.5, 0.0, 2.0]]), xg.tensor([[2, 0, -1]])
    >>> xg.nn.functional.multilabel_margin_loss(x, target)
    tensor(0.1667)
    >>> x = xg.tensor([1.0, 0.0], requires_grad=True)
    >>> xg.autograd.grad(xg.nn.functional.multilabel_margin_loss(x, xg.tensor([0, -1])), x)
    (tensor([0., 0.]),)
    """
    how = reduction_of(size_average, reduce, reduction)
    x = only_tensor(input, "multilabel_margin_loss")
    t = only_tensor(target, "multilabel_margin_loss", "target", 2)
    rows, classes = _rows_of(x)
    if x._data.shape != t._data.shape:
        raise ShapeError(
            f"inconsistent target size: {list(t.shape)} for input of size: {list(x.shape)}"
        )
    _long(t)
    real(x, "multilabel_margin_loss")
    x, t = together("multilabel_margin_loss", x, t)
    least, most = t._ns.bounds(t._data) or (0, 0)
    if least < -1 or most >= classes:
        raise ShapeError("argument #2 'target' is out of range")
    single = x.ndim < 2
    if single:
        x, t = (reshape(a, shape=(rows, classes)) for a in (x, t))
    out: Tensor = ops.multilabel_margin_loss(x, t, reduction=how)[0]
    return reshape(out, shape=()) if single and how == "none" else out


def multilabel_soft_margin_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The mean over classes of the cross entropy between `target` and the sigmoid of `input`.

    Args:
        input: of shape (…, C).
        target: 1 for the classes of each, 0 for the others.
        weight: a factor for each class.

    >>> import xpgrad as xg
    >>> x, target = xg.tensor([[0.0, 1000.0]]), xg.tensor([[1.0, 1.0]])
    >>> xg.nn.functional.multilabel_soft_margin_loss(x, target)
    tensor(0.3466)
    """
    if size_average is not None or reduce is not None:
        reduction = reduction_of(size_average, reduce, reduction)
    x = only_tensor(input, "multilabel_soft_margin_loss")
    t = only_tensor(target, "multilabel_soft_margin_loss", "target", 2)
    terms = -(t * ops.log_sigmoid(x) + (1 - t) * ops.log_sigmoid(-x))
    if weight is not None:
        terms = terms * weight
    terms = reductions.mean_dim(terms, axis=(x.ndim - 1,))
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{reduction} is not valid")
    return reduced(terms, reduction)
