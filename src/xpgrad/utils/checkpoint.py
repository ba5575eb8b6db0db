"""Memory for compute: do not keep what a function computes, but compute it again in backward.

Without reentrance (``use_reentrant=False``) a pair of saved-tensor hooks keeps a `_Place` instead
of each value that would be saved. A place that backward asks for its value when it has none makes
its `_Region` run the function again, which fills all places that are still there; each gives its
value away. So memory holds the inputs of a region, and during its backward what one run of the
function saves.

Places are counted off in order: the nth value saved then is the nth one saved now. Where regions
are nested, the inputs of the inner one are saved values of the outer one. Only nodes hold places,
places and nodes hold their region, and the region holds its inputs: no cycle.
"""

from __future__ import annotations

import contextlib
import warnings
import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, NoReturn

from xpgrad import random
from xpgrad.autograd.function import Function
from xpgrad.autograd.saved_tensors import local, save, saved_tensors_hooks
from xpgrad.backward import backward
from xpgrad.device import device as Device
from xpgrad.device import wanted_device
from xpgrad.errors import GradientError
from xpgrad.hooks import Run
from xpgrad.mode import enable_grad, mode, no_grad
from xpgrad.tensor import Tensor, wrap
from xpgrad.utils.selective import (
    CheckpointPolicy,
    SelectiveCheckpointContext,
    create_selective_checkpoint_contexts,
)

if TYPE_CHECKING:
    import traceback

__all__ = [
    "CheckpointError", "CheckpointFunction", "CheckpointPolicy", "SelectiveCheckpointContext",
    "check_backward_validity", "checkpoint", "checkpoint_sequential",
    "create_selective_checkpoint_contexts", "detach_variable", "get_device_states",
    "noop_context_fn", "set_checkpoint_debug_enabled", "set_checkpoint_early_stop",
    "set_device_states",
]  # fmt: skip

ContextFn = Callable[
    [], tuple[contextlib.AbstractContextManager[Any], contextlib.AbstractContextManager[Any]]
]


class CheckpointError(GradientError):
    """A function saved other values when it ran again than when it ran first."""


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


def noop_context_fn() -> tuple[
    contextlib.AbstractContextManager[Any], contextlib.AbstractContextManager[Any]
]:
    """The default of ``context_fn``: two contexts that do nothing.

    >>> from xpgrad.utils.checkpoint import noop_context_fn
    >>> forward, again = noop_context_fn()
    >>> with forward, again:
    ...     pass
    """
    return contextlib.nullcontext(), contextlib.nullcontext()


# ------------------------------------------------------------------ the same random numbers again


def _tensors(values: Any) -> Iterator[Tensor]:
    """The Tensors anywhere in tuples, lists and dicts."""
    if isinstance(values, Tensor):
        yield values
    elif isinstance(values, (tuple, list)):
        for value in values:
            yield from _tensors(value)
    elif isinstance(values, dict):
        yield from _tensors(list(values.values()))


def get_device_states(*args: Any) -> tuple[list[Device], list[Tensor]]:
    """The devices, other than the CPU, of the Tensors among `args`, and their generators' states.

    >>> import xpgrad as xg
    >>> from xpgrad.utils.checkpoint import get_device_states
    >>> get_device_states(xg.ones(2), [3])
    ([], [])
    """
    devices = list(dict.fromkeys(t.device for t in _tensors(args) if t.device.type != "cpu"))
    return devices, [random.get_rng_state(d) for d in devices]


def set_device_states(
    devices: Iterable[Any], states: Iterable[Tensor], *, device_type: str | None = None
) -> None:
    """Put the generators of `devices` into `states`, as `get_device_states` returned them.

    Args:
        devices: devices, or the numbers of devices of one type.
        device_type: that type (default: ``"cuda"``).

    >>> from xpgrad.utils.checkpoint import get_device_states, set_device_states
    >>> set_device_states(*get_device_states())
    """
    for device, state in zip(devices, states, strict=False):
        number = isinstance(device, int)
        random.set_rng_state(state, Device(device_type or "cuda", device) if number else device)


class _Randomness:
    """The generators' states at a moment: of all that were ever used, and all that `args` may."""

    def __init__(self, args: Any) -> None:
        random.default_generator("cpu")
        for t in _tensors(args):
            random.default_generator(t.device)
        self._states = {g: g.get_state() for g in random._defaults.values()}
        self._seeds: dict[random.Generator, int] = {}

    def ran(self) -> None:
        """Note what the generators that were first used since then started from."""
        for generator in random._defaults.values():
            if generator not in self._states:
                self._seeds[generator] = generator.initial_seed()

    @contextlib.contextmanager
    def again(self) -> Iterator[None]:
        """A context in which the generators draw what they drew then."""
        outside = {g: g.get_state() for g in random._defaults.values()}
        for generator, state in self._states.items():
            generator.set_state(state)
        for generator, seed in self._seeds.items():
            generator.manual_seed(seed)
        try:
            yield
        finally:
            for generator, state in outside.items():
                generator.set_state(state)


# ------------------------------------------------------------------ without reentrance


class _Stop(BaseException):
    """All that was to be computed again has been."""


class _Place:
    """Stands in the graph for a value that was not kept."""

    __slots__ = ("__weakref__", "value")

    def __init__(self) -> None:
        self.value: Tensor | None = None


class _Region:
    """One call of a function, which can be made again.

    Attributes:
        places: of all values that would have been saved, in order, while somebody holds them.
        looks: what these values looked like.
    """

    def __init__(
        self,
        run: Callable[..., Any],
        inputs: tuple[Any, ...],
        look: Callable[[Tensor], Any],
        early_stop: bool,
        debug: bool,
    ) -> None:
        self.run = run
        # Saved like any operation's inputs: packed by the hooks around this region, if there are
        # any; else checked for later writes.
        self.inputs: list[tuple[bool, Any]] = [
            (True, save(a)) if isinstance(a, Tensor) else (False, a) for a in inputs
        ]
        self.look = look
        self.early_stop = early_stop
        self.log: list[_Line] | None = [] if debug else None
        self.places: list[weakref.ref[_Place]] = []
        self.looks: list[Any] = []
        self.complete = False

    def pack(self, value: Tensor) -> _Place:
        """Leave a place where a value would be kept."""
        place = _Place()
        self.places.append(weakref.ref(place))
        self.looks.append(self.look(value))
        if self.log is not None:
            self.log.append(_Line(value))
        return place

    def unpack(self, place: _Place) -> Tensor:
        """The value of a place, which forgets it."""
        found = place.value
        if found is None:
            found = self._fill(place)
        place.value = None
        return found

    def _fill(self, wanted: _Place) -> Tensor:
        """Run the function again, up to the last value that it saved."""
        places, count, log = self.places, 0, []
        found: Tensor | None = None  # another thread may empty the place before this one looks

        def pack(value: Tensor) -> Tensor:
            nonlocal count, found
            count += 1
            value = wrap(value._data, value._ns)  # the history would keep this run's graph
            if self.log is not None:
                log.append(_Line(value))
            if count <= len(places):
                place = places[count - 1]()
                if place is wanted:
                    found = value
                if place is not None:  # otherwise a backward within the function was there before
                    place.value = value
            elif self.complete:
                raise CheckpointError(f"{MORE}\n{TIP}")
            if self.early_stop and count == len(places):
                raise _Stop
            return value  # for a backward within the function

        args = [a.unpack(None) if saved else a for saved, a in self.inputs]
        try:
            with saved_tensors_hooks(pack, _itself), enable_grad(), contextlib.suppress(_Stop):
                self.run(*args)
            # While the function runs for the first time, nobody knows what is to come.
            if self.complete or count < len(places):
                self._compare(count)
        except BaseException as error:
            for place in filter(None, [ref() for ref in places]):
                place.value = None
            if isinstance(error, CheckpointError):
                self._explain(error, log)
            raise
        assert found is not None
        return found

    def _compare(self, count: int) -> None:
        if count != len(self.places):
            raise CheckpointError(FEWER.format(len(self.places), count, TIP))
        different = ""
        for i, (ref, before) in enumerate(zip(self.places, self.looks, strict=True)):
            place = ref()
            if place is None or place.value is None:
                continue
            now = self.look(place.value)
            if now != before:
                different += (
                    f"tensor at position {i}:\nsaved metadata: {before}\n"
                    f"recomputed metadata: {now}\n"
                )
        if different:
            raise CheckpointError(DIFFERENT.format(different, TIP))

    def _explain(self, error: CheckpointError, log: list[_Line]) -> NoReturn:
        if self.log is None:
            raise error
        raise CheckpointError(
            LOGS.format(_report(self.log, "original"), _report(log, "recompute"))
        ) from error


def _itself(value: Tensor) -> Tensor:
    return value


def _look(value: Tensor) -> dict[str, Any]:
    return {"shape": value.shape, "dtype": value.dtype, "device": value.device}


def _blind(value: Tensor) -> None:
    return None


CHECKS: dict[str, Callable[[Tensor], Any]] = {"default": _look, "none": _blind}


@contextlib.contextmanager
def _resumed(level: Any) -> Iterator[None]:
    """A context inside of a transform (`xpgrad.func.levels`) that may have ended since."""
    outer, mode.level = mode.level, level
    ended = []
    while level is not None:
        if level.ended:
            level.ended = False
            ended.append(level)
        level = level.outer
    try:
        yield
    finally:
        mode.level = outer
        for level in ended:
            level.ended = True


def _call(
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    *,
    preserve_rng_state: bool,
    context_fn: ContextFn,
    determinism_check: str,
    debug: bool,
    early_stop: bool,
) -> Any:
    """Call a function in a region of its own."""
    if debug and context_fn is not noop_context_fn:
        raise ValueError("debug=True is incompatible with non-default context_fn")
    if determinism_check not in CHECKS:
        raise ValueError(
            f"determinism_check should be one of {list(CHECKS)}, but got {determinism_check}"
        )
    first, again = context_fn()
    randomness = _Randomness(args) if preserve_rng_state else None
    where, level = wanted_device(), mode.level
    if not mode.grad:
        return function(*args, **kwargs)

    def run(*inputs: Any) -> None:
        same = contextlib.nullcontext() if randomness is None else randomness.again()
        with _resumed(level), same, again, where:
            function(*inputs, **kwargs)

    region = _Region(run, args, CHECKS[determinism_check], early_stop, debug)
    with saved_tensors_hooks(region.pack, region.unpack), first:
        out = function(*args, **kwargs)
        region.complete = True
        if randomness is not None:
            randomness.ran()
    if not region.complete:
        raise GradientError(
            "xpgrad.utils.checkpoint: the forward context provided by context_fn suppressed an "
            "exception raised during the checkpointed forward. This is not supported because "
            "checkpoint cannot return a value for a failed forward."
        )
    return out


# ------------------------------------------------------------------ what went wrong

FEWER = (
    "xpgrad.utils.checkpoint: A different number of tensors was saved during the original forward "
    "and recomputation.\nNumber of tensors saved during forward: {}\n"
    "Number of tensors saved during recomputation: {}.\n{}"
)
MORE = (
    "xpgrad.utils.checkpoint: trying to save more tensors during recomputation than during the "
    "original forward pass."
)
DIFFERENT = (
    "xpgrad.utils.checkpoint: Recomputed values for the following tensors have different metadata "
    "than during the forward pass.\n{}.\n{}"
)
TIP = """
Tip: To see a more detailed error message, either pass `debug=True` to
`xpgrad.utils.checkpoint.checkpoint(...)` or wrap the code block
with `with xpgrad.utils.checkpoint.set_checkpoint_debug_enabled(True):` to
enable checkpoint-debug mode globally.
"""
LOGS = """\
An error happened while unpacking tensors; dumping logs of latest computation
because you passed `debug=True` to `xpgrad.utils.checkpoint.checkpoint()`.

1. What operations saved in the original forward, and where they were called

{}
2. What operations saved during recomputation, and where they were called

{}
ERROR: Detected non-determinism while running activation checkpointing

The two logs above should be the same. The first line in which they differ belongs to an operation
that ran only once, or on other values: look for what decides about it.
"""


class _Line:
    """A value that was saved, and the call that did so."""

    def __init__(self, value: Tensor) -> None:
        import sys
        import traceback

        self.what = f"{local.saver}: {value.dtype} {list(value.shape)} on {value.device}"
        self.where: traceback.StackSummary = traceback.StackSummary.extract(
            reversed(list(traceback.walk_stack(sys._getframe(1)))), lookup_lines=False
        )


def _report(log: list[_Line], label: str) -> str:
    return "".join(
        f"{line.what}   ({i} of {len(log)} in {label})\n{''.join(line.where.format())}\n"
        for i, line in enumerate(log, 1)
    )


# ------------------------------------------------------------------ with reentrance


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
        ctx.randomness = _Randomness(args) if preserve else None
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
        return _call(
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
