"""Memory for compute: do not keep what a function computes, but compute it again in backward.

What users call is here. `regions` computes it again without reentrance, `reentrant` with it;
`selective` keeps some of it after all, and `randomness` draws the same random numbers again.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from xpgrad.utils.randomness import get_device_states, set_device_states
from xpgrad.utils.reentrant import CheckpointFunction, check_backward_validity, detach_variable
from xpgrad.utils.regions import CheckpointError, ContextFn, in_region, noop_context_fn
from xpgrad.utils.selective import (
    CheckpointPolicy,
    SelectiveCheckpointContext,
    create_selective_checkpoint_contexts,
)

__all__ = [
    "CheckpointError", "CheckpointFunction", "CheckpointPolicy", "SelectiveCheckpointContext",
    "check_backward_validity", "checkpoint", "checkpoint_sequential",
    "create_selective_checkpoint_contexts", "detach_variable", "get_device_states",
    "noop_context_fn", "set_checkpoint_debug_enabled", "set_checkpoint_early_stop",
    "set_device_states",
]  # fmt: skip

# ------------------------------------------------------------------ settings

_early_stop: bool | None = None
_debug: bool | None = None


@contextlib.contextmanager
def set_checkpoint_early_stop(enable: bool) -> Iterator[None]:
    """A context in which `checkpoint` stops running a function again early, or does not.

    What counts is whether forward ran in it. It goes before the argument ``early_stop``.

    >>> import xpgrad as xg
    >>> from xpgrad.utils.checkpoint import checkpoint, set_checkpoint_early_stop
    >>> x = xg.ones(2, requires_grad=True)
    >>> with set_checkpoint_early_stop(False):
    ...     y = checkpoint(xg.exp, x, use_reentrant=False)
    >>> y.sum().backward()
    """
    global _early_stop
    before, _early_stop = _early_stop, enable
    try:
        yield
    finally:
        _early_stop = before


@contextlib.contextmanager
def set_checkpoint_debug_enabled(enabled: bool | None) -> Iterator[None]:
    """A context that overrides the argument ``debug`` of `checkpoint`; `None` leaves it be.

    >>> import xpgrad as xg
    >>> from xpgrad.utils.checkpoint import checkpoint, set_checkpoint_debug_enabled
    >>> x = xg.ones(2, requires_grad=True)
    >>> with set_checkpoint_debug_enabled(True):
    ...     y = checkpoint(xg.exp, x, use_reentrant=False)
    """
    global _debug
    before, _debug = _debug, enabled
    try:
        yield
    finally:
        _debug = before


# ------------------------------------------------------------------ what users call


def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    use_reentrant: bool | None = None,
    context_fn: ContextFn = noop_context_fn,
    determinism_check: str = "default",
    debug: bool = False,
    early_stop: bool = True,
    **kwargs: Any,
) -> Any:
    """Return ``function(*args, **kwargs)`` without keeping what backward needs: it is computed
    again then.

    `function` has to do the same again. Random numbers are the same again, and new tensors go to
    the same default device. Backward may run several times, each of which computes it again.

    Args:
        use_reentrant: ``True`` (the default, with a warning) makes `function` one operation, whose
            backward runs a backward of its own. It takes no `kwargs`, sees only Tensors that are
            arguments or results themselves, and works with ``backward()`` alone. ``False`` knows
            no such limits.
        context_fn: returns two contexts: for `function` when it runs first, and when again.
        determinism_check: ``"none"`` compares no shapes, dtypes and devices of recomputed values.
        debug: an error about recomputation tells what was saved where.
        early_stop: stop running `function` again once all values are there.
        preserve_rng_state (bool): default ``True``; ``False`` saves the time it takes.

    Raises:
        CheckpointError: in backward, where `function` did something else the second time.
        ValueError: for arguments that do not go together.

    >>> import xpgrad as xg
    >>> from xpgrad.utils.checkpoint import checkpoint
    >>> x = xg.tensor([0.0, 1.0], requires_grad=True)
    >>> y = checkpoint(lambda x: (x.exp() * 2).sin(), x, use_reentrant=False)
    >>> y.sum().backward(); x.grad
    tensor([-0.8323,  3.6018])
    """
    if use_reentrant is None:
        warnings.warn(
            "xpgrad.utils.checkpoint: the use_reentrant parameter should be passed explicitly. "
            "Starting in PyTorch 2.9, calling checkpoint without use_reentrant will raise an "
            "exception. use_reentrant=False is recommended, but if you need to preserve the "
            "current default behavior, you can pass use_reentrant=True. Refer to docs for more "
            "details on the differences between the two variants.",
            UserWarning,
            stacklevel=2,
        )
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if not use_reentrant:
        return in_region(
            function,
            args,
            kwargs,
            preserve_rng_state=preserve,
            context_fn=context_fn,
            determinism_check=determinism_check,
            debug=debug if _debug is None else _debug,
            early_stop=early_stop if _early_stop is None else _early_stop,
        )
    if kwargs:
        raise ValueError(f"Unexpected keyword arguments: {','.join(kwargs)}")
    if context_fn is not noop_context_fn or debug is not False:
        raise ValueError(
            "Passing `context_fn` or `debug` is only supported when use_reentrant=False."
        )
    return CheckpointFunction.apply(function, preserve, *args)


def checkpoint_sequential(
    functions: Any, segments: int, input: Any, use_reentrant: bool | None = None, **kwargs: Any
) -> Any:
    """Call functions one after another, in `segments` of which all but the last are checkpointed.

    Args:
        functions: functions of one argument, or a `xpgrad.nn.Sequential`.
        use_reentrant: see `checkpoint`; so too for ``preserve_rng_state`` (keyword only).

    Raises:
        ValueError: for more segments than functions, or other keyword arguments.

    >>> import xpgrad as xg
    >>> from xpgrad.utils.checkpoint import checkpoint_sequential
    >>> x = xg.ones(1, requires_grad=True)
    >>> y = checkpoint_sequential([xg.exp, xg.sin, xg.exp], 3, x, use_reentrant=False)
    >>> y.backward(); x.grad
    tensor([-3.7373])
    """
    from xpgrad.nn import Sequential

    if use_reentrant is None:
        warnings.warn(
            "xpgrad.utils.checkpoint.checkpoint_sequential: the use_reentrant parameter should be "
            "passed explicitly. In version 2.9 we will raise an exception if use_reentrant is not "
            "passed. use_reentrant=False is recommended, but if you need to preserve the current "
            "default behavior, you can pass use_reentrant=True. Refer to docs for more details on "
            "the differences between the two variants.",
            UserWarning,
            stacklevel=2,
        )
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if kwargs:
        raise ValueError(f"Unexpected keyword arguments: {','.join(kwargs)}")
    steps = list(functions.children() if isinstance(functions, Sequential) else functions)
    size = len(steps) // segments
    last = 0
    for start in range(0, size * (segments - 1), size):
        last = start + size
        input = checkpoint(
            _in_turn(steps[start:last]),
            input,
            use_reentrant=use_reentrant,
            preserve_rng_state=preserve,
        )
    return _in_turn(steps[last:])(input)


def _in_turn(steps: list[Callable[[Any], Any]]) -> Callable[[Any], Any]:
    def run(x: Any) -> Any:
        for step in steps:
            x = step(x)
        return x

    return run
