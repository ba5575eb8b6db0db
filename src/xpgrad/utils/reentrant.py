"""Checkpoints with reentrance: a function as one operation, whose backward runs a backward."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterable
from typing import Any

from xpgrad.autograd.function import Function
from xpgrad.backward import backward
from xpgrad.errors import GradientError
from xpgrad.hooks import Run
from xpgrad.mode import enable_grad, no_grad
from xpgrad.tensor import Tensor
from xpgrad.utils.randomness import Randomness


def check_backward_validity(inputs: Iterable[Any]) -> None:
    """Warn if no Tensor among `inputs` requires a gradient.

    >>> import xpgrad as xg
    >>> from xpgrad.utils.checkpoint import check_backward_validity
    >>> check_backward_validity([xg.ones(2, requires_grad=True), 3])
    """
    if not any(x.requires_grad for x in inputs if isinstance(x, Tensor)):
        warnings.warn(
            "None of the inputs have requires_grad=True. Gradients will be None",
            UserWarning,
            stacklevel=2,
        )


def detach_variable(inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """The values of a tuple, Tensors detached; they require a gradient as before.

    Raises:
        GradientError: for anything but a tuple.

    >>> import xpgrad as xg
    >>> from xpgrad.utils.checkpoint import detach_variable
    >>> detach_variable((xg.ones(1, requires_grad=True) * 2, 3))
    (tensor([2.], requires_grad=True), 3)
    """
    if not isinstance(inputs, tuple):
        raise GradientError(
            "Only tuple of tensors is supported. Got Unsupported input type: "
            f"{type(inputs).__name__}"
        )
    return tuple(
        x.detach().requires_grad_(x.requires_grad) if isinstance(x, Tensor) else x for x in inputs
    )


class CheckpointFunction(Function):
    """A function as one operation, whose backward runs it again and then backward through it."""

    @staticmethod
    def forward(ctx: Any, run_function: Callable[..., Any], preserve: bool, *args: Any) -> Any:
        """Run the function without recording."""
        check_backward_validity(args)
        ctx.run_function = run_function
        ctx.randomness = Randomness(args) if preserve else None
        ctx.inputs = [None if isinstance(a, Tensor) else a for a in args]
        ctx.places = [i for i, a in enumerate(args) if isinstance(a, Tensor)]
        ctx.save_for_backward(*(args[i] for i in ctx.places))
        with no_grad():
            out = run_function(*args)
        if preserve:
            ctx.randomness.ran()
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        """Run the function again, recording, and the engine on what it gives."""
        if Run.current().needed is not None:
            raise GradientError(
                "When use_reentrant=True, xpgrad.utils.checkpoint is incompatible with .grad() or "
                "passing an `inputs` parameter to .backward(). To resolve this error, you can "
                "either set use_reentrant=False, or call .backward() without passing the `inputs` "
                "argument."
            )
        inputs = list(ctx.inputs)
        for i, t in zip(ctx.places, ctx.saved_tensors, strict=True):
            inputs[i] = t
        same = contextlib.nullcontext() if ctx.randomness is None else ctx.randomness.again()
        with same, enable_grad():
            detached = detach_variable(tuple(inputs))
            outs = ctx.run_function(*detached)
        pairs = [
            (out, g)
            for out, g in zip(outs if isinstance(outs, tuple) else (outs,), grads, strict=False)
            if isinstance(out, Tensor) and out.requires_grad
        ]
        if not pairs:
            raise GradientError(
                "none of output has requires_grad=True, this checkpoint() is not necessary"
            )
        backward([out for out, _ in pairs], [g for _, g in pairs])
        found = [x.grad if isinstance(x, Tensor) and x.requires_grad else None for x in detached]
        return (None, None, *found)
