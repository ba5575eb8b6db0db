"""PyTorch as the oracle: one expression, evaluated with PyTorch and with xpgrad.

An expression is Python text such as ``"x.sum(0)"``. Its names are those of `names`; ``t`` is the
library. Both evaluations have to agree: in shape, dtype, values, the name of the node, the text
that is printed, the gradients of all leaves; or in the type of the error and the words of its
message (``torch.`` is read as ``xpgrad.``).
"""

from __future__ import annotations

import contextlib
import copy
import math
import re
import warnings
from typing import Any

import numpy as np

import xpgrad
from xpgrad.errors import DTypeError


def names(t: Any) -> dict[str, Any]:
    """What an expression can use; fresh leaves each time."""
    found = {
        "t": t, "np": np, "copy": copy, "inf": math.inf, "nan": math.nan,
        "x": t.arange(6.0).reshape(2, 3).requires_grad_(),  # distinct, with a zero
        "y": t.ones(2, 3, requires_grad=True),  # all ties
        "p": t.linspace(0.1, 0.9, 6).reshape(2, 3).requires_grad_(),  # in (0, 1)
        "n": t.tensor([[-1.5, 2.5, -0.5]], requires_grad=True),  # signs; broadcasts with x
        "s": t.tensor(2.0, requires_grad=True),  # 0-d
        "v": t.tensor([3.0, -1.0, 2.0], requires_grad=True),
        "w": (t.arange(24.0).reshape(2, 3, 4) / 10).requires_grad_(),
        "m": t.tensor([[2.0, 1.0], [0.5, 3.0]], requires_grad=True),  # square
        "e": t.ones(0, 3, requires_grad=True),  # empty
        "h": t.tensor([nan, 1.0, inf, -inf, -0.0, 2.5]),  # what floats can be
        "i": t.tensor([1, 2, 3]),
        "k": t.tensor([[2, 0], [1, 1]]),
        "b": t.tensor([True, False, True]),
        "u": t.tensor([1, 200, 3], dtype=t.uint8),
        "z": t.tensor([1 + 2j, -3j, 0.5], requires_grad=True),
    }  # fmt: skip
    with contextlib.suppress(DTypeError):  # some devices have no such type
        found["d"] = t.ones(2, 3, dtype=t.float64)
    return found


nan, inf = math.nan, math.inf


def evaluate(expression: str, t: Any) -> tuple[Any, dict[str, Any]]:
    """The value (or the exception), and the names that it was computed from."""
    found = names(t)
    with warnings.catch_warnings():
        # PyTorch warns once, and of things of its own.
        warnings.simplefilter("ignore", UserWarning)
        try:
            value = eval(expression, found)
        except Exception as error:
            value = error
    return value, found


def plain(value: Any, t: Any) -> Any:
    """A value without its library: equal for both if they mean the same."""
    if isinstance(value, t.Tensor):
        node = value.grad_fn
        name = None if node is None else node.name()
        return (
            "Tensor", tuple(value.shape), str(value.dtype).rpartition(".")[2],
            value.detach().tolist(), name, value.requires_grad,
        )  # fmt: skip
    if isinstance(value, (tuple, list)):
        return [plain(v, t) for v in value]
    if isinstance(value, (np.ndarray, np.generic)):
        return ("NumPy", str(value.dtype), value.tolist())
    if value is None or isinstance(value, (bool, int, float, complex)):
        return value
    text = value if isinstance(value, str) else re.sub(r" object at 0x\w+", "", repr(value))
    return text.replace("torch.", "xpgrad.")


def same(a: Any, b: Any, tolerance: float) -> bool:
    """Whether two plain values agree; floats up to rounding."""
    if isinstance(a, (float, complex)) and isinstance(b, (float, complex)):
        with np.errstate(all="ignore"):
            return bool(np.isclose(a, b, rtol=tolerance, atol=tolerance, equal_nan=True))
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(same(p, q, tolerance) for p, q in zip(a, b, strict=True))
    return type(a) is type(b) and a == b


def gradients(value: Any, found: dict[str, Any], t: Any) -> dict[str, Any]:
    """The gradients of all leaves, for weights that tell the elements of the value apart."""
    outputs = [value] if isinstance(value, t.Tensor) else value
    if not isinstance(outputs, (tuple, list)):
        return {}
    total = None
    for place, out in enumerate(outputs):
        if isinstance(out, t.Tensor) and out.requires_grad and out.grad_fn is not None:
            weights = t.linspace(0.5 + place, 1.5 + place, out.numel()).reshape(out.shape)
            weights = weights.to(out.dtype) * (1 + 0.5j if out.dtype.is_complex else 1)
            term = (out * weights).sum()
            term = t.real(term) if out.dtype.is_complex else term
            total = term if total is None else total + term
    if total is None:
        return {}
    total.backward()
    leaves = {name: leaf for name, leaf in found.items() if isinstance(leaf, t.Tensor)}
    return {
        name: None if leaf.grad is None else (leaf.grad + t.zeros_like(leaf.grad)).tolist()
        for name, leaf in leaves.items()
        if leaf.requires_grad
    }


def check_error(expected: Exception, actual: Any, *, words: bool = True) -> None:
    """The same kind of error (one of its bases will do), with PyTorch's words in it."""
    assert isinstance(actual, Exception), f"PyTorch raises {expected!r}, xpgrad gives {actual!r}"
    assert isinstance(actual, type(expected)), f"{actual!r} is no {type(expected).__name__}"
    if words:
        text = str(expected).split("\n")[0].partition(" (Could this")[0].rstrip(". ")
        assert text.replace("torch.", "xpgrad.") in str(actual)


def check(torch: Any, expression: str, *, node: bool = True, tolerance: float = 1e-5) -> None:
    """Evaluate with both and compare everything."""
    expected, their_names = evaluate(expression, torch)
    actual, our_names = evaluate(expression, xpgrad)
    if isinstance(expected, Exception):
        check_error(expected, actual)
        return
    if isinstance(actual, Exception):
        raise actual
    mine, yours = plain(actual, xpgrad), plain(expected, torch)
    if not node:
        mine, yours = without_nodes(mine), without_nodes(yours)
    assert same(mine, yours, tolerance), f"\nxpgrad:  {mine}\nPyTorch: {yours}"
    if "copy." in expression:
        return
    theirs = gradients(expected, their_names, torch)
    ours = gradients(actual, our_names, xpgrad)
    assert same(list(ours.items()), list(theirs.items()), tolerance), (
        f"gradients\nxpgrad:  {ours}\nPyTorch: {theirs}"
    )


def without_nodes(value: Any) -> Any:
    """A plain value that does not say which node made it."""
    if isinstance(value, tuple) and value and value[0] == "Tensor":
        return (*value[:4], value[5])
    return [without_nodes(v) for v in value] if isinstance(value, list) else value


def lines(text: str) -> list[str]:
    """The expressions in a table: one a line, comments and blank lines left out."""
    kept = (line.partition("  #")[0].strip() for line in text.splitlines())
    return [line for line in kept if line and not line.startswith("#")]
