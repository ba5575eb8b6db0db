"""Checkpoints without reentrance.

A pair of saved-tensor hooks keeps a `_Place` instead of each value that would be saved. A place
that backward asks for its value when it has none makes its `_Region` run the function again, which
fills all places that are still there; each gives its value away. So memory holds the inputs of a
region, and during its backward what one run of the function saves.

Places are counted off in order: the nth value saved then is the nth one saved now. Where regions
are nested, the inputs of the inner one are saved values of the outer one. Only nodes hold places,
places and nodes hold their region, and the region holds its inputs: no cycle.
"""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NoReturn

from xpgrad.autograd.saved_tensors import local, save, saved_tensors_hooks
from xpgrad.device import wanted_device
from xpgrad.errors import GradientError
from xpgrad.mode import enable_grad, mode
from xpgrad.tensor import Tensor, wrap
from xpgrad.utils.randomness import Randomness

if TYPE_CHECKING:
    import traceback

ContextFn = Callable[
    [], tuple[contextlib.AbstractContextManager[Any], contextlib.AbstractContextManager[Any]]
]


class CheckpointError(GradientError):
    """A function saved other values when it ran again than when it ran first."""

    __module__ = "xpgrad.utils.checkpoint"  # where users find it


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


def in_region(
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
    randomness = Randomness(args) if preserve_rng_state else None
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
