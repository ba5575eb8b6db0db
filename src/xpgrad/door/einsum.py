"""Einstein's summation, put together from `permute`, `reshape`, `sum` and matrix products.

An equation becomes a list of labels for each operand: a letter is itself, the dimensions behind
``...`` are negative numbers, the last of them -1. Then operands are contracted two at a time until
one is left.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

from xpgrad.door.arguments import only_tensor
from xpgrad.door.linalg import _same
from xpgrad.errors import ShapeError
from xpgrad.ops import elementwise, linalg, reductions, shape
from xpgrad.tensor import Tensor

__all__ = ["einsum"]

Labels = tuple[Any, ...]  # one for each dimension


def einsum(equation: Any, *operands: Any) -> Tensor:
    """Products of all operands, summed over the indices that the result does not have.

    Args:
        equation: letters for the dimensions of each operand, such as ``"ij,jk->ik"``. A letter
            that occurs twice in one operand means its diagonal; ``...`` stands for all other
            dimensions, which broadcast; without ``->`` the result has the letters that occur once,
            in alphabetical order. Or operands and lists of integers in turn.
        operands: tensors, or one list of them.

    Raises:
        RuntimeError: for an equation that does not fit the operands.

    >>> import xpgrad as xg
    >>> a, b = xg.tensor([[1.0, 2.0], [3.0, 4.0]]), xg.tensor([1.0, 10.0])
    >>> xg.einsum("ij,j->i", a, b), xg.einsum("ii", a), xg.einsum("ij->ji", a)
    (tensor([21., 43.]), tensor(5.), tensor([[1., 3.],
            [2., 4.]]))
    """
    if isinstance(equation, Tensor):
        equation, operands = _from_lists((equation, *operands))
    if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = tuple(operands[0])
    for i, x in enumerate(operands):
        only_tensor(x, "einsum", "operands", i + 2)
    inputs, output = _parse(equation, tuple([x.ndim for x in operands]))
    sizes = _sizes(inputs, operands)
    for label in output:
        if label not in sizes:
            raise _fault(
                f"output subscript {label} does not appear in the equation for any input operand"
            )
    terms = [_prepare(x, labels, sizes) for x, labels in zip(operands, inputs, strict=True)]
    for i, j in _path(terms, output, sizes):
        b, a = terms.pop(max(i, j)), terms.pop(min(i, j))
        kept = set(output).union(*(labels for _, labels in terms))
        terms.append(_contract(a, b, kept, output))
    out, labels = _sum_away(*terms[0], set(output))
    if labels == output and out is not operands[0]:
        return out
    return shape.permute_dims(out, axes=tuple(map(labels.index, output)))


# ------------------------------------------------------------------ reading the equation


def _fault(text: str) -> ShapeError:
    return ShapeError(f"einsum(): {text}")


@functools.lru_cache(1024)
def _parse(equation: str, ranks: tuple[int, ...]) -> tuple[list[Labels], Labels]:
    """The labels of each operand and of the result."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    given = left.split(",")
    if len(given) != len(ranks):
        fewer = "fewer" if len(ranks) < len(given) else "more"
        raise _fault(f"{fewer} operands were provided than specified in the equation")
    inputs = []
    for i, (text, rank) in enumerate(zip(given, ranks, strict=True)):
        letters = _letters(text, equation)
        hidden = rank - len([c for c in letters if c is not Ellipsis])
        if hidden < 0 or (hidden and Ellipsis not in letters):
            more = " and no ellipsis was given" if Ellipsis not in letters else ""
            raise _fault(
                f"the number of subscripts in the equation ({rank - hidden}) does not match the "
                f"number of dimensions ({rank}) for operand {i}{more}"
            )
        inputs.append(_expand(letters, hidden))
    hidden = max((sum(isinstance(k, int) for k in labels) for labels in inputs), default=0)
    dots = tuple(range(-hidden, 0))
    if not arrow:
        every = [k for labels in inputs for k in labels if isinstance(k, str)]
        return inputs, (*dots, *sorted(k for k in set(every) if every.count(k) == 1))
    letters = _letters(right, equation)
    output = _expand(letters, len(dots)) if Ellipsis in letters else tuple(letters)
    for label in output:
        if output.count(label) > 1:
            raise _fault(f"output subscript {label} appears more than once in the output")
    return inputs, output


def _letters(text: str, equation: str) -> list[Any]:
    found: list[Any] = []
    for part in text.replace("...", "\0"):
        if part == "\0":
            if Ellipsis in found:
                raise _fault(
                    "found '.' for an operand or the output that is not part of one ellipsis"
                )
            found.append(Ellipsis)
        elif part.isascii() and part.isalpha():
            found.append(part)
        else:
            raise _fault(
                f"invalid subscript given at index {equation.index(part)} in the equation string, "
                "subscripts must be in [a-zA-Z]"
            )
    return found


def _expand(letters: list[Any], hidden: int) -> Labels:
    """The letters, with numbers for the dimensions behind ``...``."""
    return tuple(k for c in letters for k in (range(-hidden, 0) if c is Ellipsis else (c,)))


def _from_lists(given: Sequence[Any]) -> tuple[str, tuple[Any, ...]]:
    """The form ``einsum(x, [0, 1], y, [1, 2], [0, 2])`` as an equation and its operands."""

    def text(numbers: Sequence[Any]) -> str:
        for n in numbers:
            if n is not Ellipsis and not 0 <= n < 52:
                raise _fault(f"subscript {n} is not within the valid range [0, 52)")
        return "".join(
            "..." if n is Ellipsis else chr(ord("A") + n if n < 26 else ord("a") + n - 26)
            for n in numbers
        )

    operands, lists = given[0::2], given[1::2]
    arrow = ""
    if len(operands) > len(lists):
        *operands, last = operands
        arrow = f"->{text(last)}"
    return ",".join(map(text, lists)) + arrow, tuple(operands)


def _sizes(inputs: Sequence[Labels], operands: Sequence[Tensor]) -> dict[Any, int]:
    """The length that each label stands for; 1 broadcasts."""
    sizes: dict[Any, int] = {}
    for i, (labels, x) in enumerate(zip(inputs, operands, strict=True)):
        own: dict[Any, int] = {}
        for label, n in zip(labels, x._data.shape, strict=True):
            if own.setdefault(label, n) != n:
                raise _fault(
                    f"subscript {label} is repeated for operand {i} but the sizes don't match, "
                    f"{n} != {own[label]}"
                )
        for label, n in own.items():
            have = sizes.get(label, 1)
            if have != 1 and n not in (1, have):
                raise _fault(
                    f"subscript {label} has size {n} for operand {i} which does not broadcast with "
                    f"previously seen size {have}"
                )
            sizes[label] = n if have == 1 else have
    return sizes


# ------------------------------------------------------------------ contracting

Term = tuple[Tensor, Labels]


def _prepare(x: Tensor, labels: Labels, sizes: dict[Any, int]) -> Term:
    """Diagonals for repeated labels; no dimension of length 1 that others stretch."""
    for label in dict.fromkeys(labels):
        while labels.count(label) > 1:
            first = labels.index(label)
            second = labels.index(label, first + 1)
            x = linalg.diagonal(x, offset=0, axis1=first, axis2=second)
            rest = tuple(k for i, k in enumerate(labels) if i not in (first, second))
            labels = (*rest, label)
    lone = tuple(i for i, k in enumerate(labels) if x._data.shape[i] == 1 != sizes[k])
    if lone:
        x = shape.squeeze(x, axis=lone)
        labels = tuple(k for i, k in enumerate(labels) if i not in lone)
    return x, labels


def _path(terms: Sequence[Term], output: Labels, sizes: dict[Any, int]) -> list[tuple[int, ...]]:
    """Which two operands to contract next; the result goes to the end."""
    if len(terms) <= 2:
        return [(0, 1)] * (len(terms) - 1)
    try:
        from opt_einsum.paths import auto
    except ImportError:
        # From left to right: the last result meets the next operand.
        return [(0, 1), *((0, n) for n in range(len(terms) - 2, 0, -1))]
    sets = [frozenset(labels) for _, labels in terms]
    found: list[tuple[int, ...]] = []
    count = len(terms)
    for step in auto(sets, frozenset(output), sizes):
        # A step may join more than two at once, where order makes no difference.
        first, *others = sorted(step, reverse=True)
        for other in others:
            found.append((first, other))
            count -= 1
            first = count - 1
    return found


def _contract(a: Term, b: Term, kept: set[Any], output: Labels) -> Term:
    """The product of two operands, summed over what nobody needs any more.

    As far as a product of matrices allows, dimensions come in the order of the output.
    """
    a, b = _sum_away(*a, kept | set(b[1])), _sum_away(*b, kept | set(a[1]))
    _same("einsum", a[0], b[0])
    both = [k for k in a[1] if k in b[1]]
    inner = [k for k in both if k not in kept]

    def place(label: Any) -> int:
        return output.index(label) if label in output else len(output)

    batch = [k for k in both if k in kept]
    rows = [k for k in a[1] if k not in both]
    columns = [k for k in b[1] if k not in both]
    for group in (batch, rows, columns):
        if len(group) > 1:
            group.sort(key=place)
    if rows and columns and place(columns[0]) < place(rows[0]):
        a, b, rows, columns = b, a, columns, rows
    (x, x_labels), (y, y_labels) = a, b
    labels = (*batch, *rows, *columns)
    if not inner:
        labels = tuple(sorted(labels, key=place))
        x = _with_gaps(x, x_labels, labels)
        y = _with_gaps(y, y_labels, labels)
        return elementwise.multiply(x, y), labels
    length = dict(zip((*x_labels, *y_labels), (*x._data.shape, *y._data.shape), strict=True))

    def count(group: list[Any]) -> int:
        return math.prod(length[k] for k in group)

    stack = (count(batch),) if batch else ()
    x = _reshaped(
        _ordered(x, x_labels, (*batch, *rows, *inner)), (*stack, count(rows), count(inner))
    )
    y = _reshaped(
        _ordered(y, y_labels, (*batch, *inner, *columns)), (*stack, count(inner), count(columns))
    )
    product = (linalg.bmm if batch else linalg.mm)(x, y)
    return shape.reshape(product, shape=tuple(length[k] for k in labels)), labels


def _sum_away(x: Tensor, labels: Labels, kept: set[Any]) -> Term:
    gone = tuple(i for i, k in enumerate(labels) if k not in kept)
    if not gone:
        return x, labels
    x = reductions.sum_dim(x, axis=gone, keepdims=False)
    return x, tuple(k for k in labels if k in kept)


def _ordered(x: Tensor, labels: Labels, wanted: Labels) -> Tensor:
    axes = tuple(map(labels.index, wanted))
    return x if axes == tuple(range(len(axes))) else shape.permute_dims(x, axes=axes)


def _reshaped(x: Tensor, wanted: tuple[int, ...]) -> Tensor:
    return x if tuple(x._data.shape) == wanted else shape.reshape(x, shape=wanted)


def _with_gaps(x: Tensor, labels: Labels, wanted: Labels) -> Tensor:
    """`x` in another order of dimensions, with length 1 for labels that it has not."""
    own = tuple(k for k in wanted if k in labels)
    x = _ordered(x, labels, own)
    length = dict(zip(own, x._data.shape, strict=True))
    return _reshaped(x, tuple(length.get(k, 1) for k in wanted))
