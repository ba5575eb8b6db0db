"""Whether operations are recorded: thread-local grad mode, as contexts and as decorators."""

from __future__ import annotations

import functools
import threading
import warnings
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self, TypeVar

GENERATOR = 0x20  # the flag of a generator function's code object

F = TypeVar("F", bound=Callable[..., Any])


class _Mode(threading.local):
    grad: bool = True
    inference: bool = False
    run: Any = None  # the innermost backward at work (`xpgrad.hooks.Run`)
    level: Any = None  # the innermost transform at work (`xpgrad.func.levels`)
    transforms: int = 0  # how many transforms of `xpgrad.func` are at work
    recordings: tuple[Any, ...] = ()  # those of them that differentiate backwards
    pulling: Any = None  # whose backward is at work (`xpgrad.func.reverse.Recording`)


mode = _Mode()  # read on every operation: `mode.grad` costs about 30 ns


class _Anomaly:
    """Whether backward looks for the origin of errors and of nan; the same in every thread."""

    enabled: bool = False
    check_nan: bool = True


anomaly = _Anomaly()  # switched by `xpgrad.autograd.set_detect_anomaly`


def _now() -> tuple[bool, bool]:
    return mode.grad, mode.inference


class _Switch:
    """A context manager that doubles as a decorator of functions and generator functions."""

    def __init__(self) -> None:
        self._before: list[tuple[bool, bool, Any]] = []

    def _switch(self) -> None:
        raise NotImplementedError

    def _again(self) -> _Switch:
        """A fresh context with the same settings, for one call of a decorated function."""
        return type(self)()

    def __enter__(self) -> Self:
        self._enter(mode.grad, mode.inference)
        return self

    def _enter(self, grad: bool, inference: bool) -> None:
        self._switch()
        # A transform that differentiates has a mode of its own, but what is off is off for all.
        muted = mode.level is not None and not mode.grad and mode.level.mute()
        self._before.append((grad, inference, muted))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        mode.grad, mode.inference, muted = self._before.pop()
        for level in muted or ():
            level.recording_below = True

    def __call__(self, function: F) -> F:
        if isinstance(function, type):
            warnings.warn(
                "Decorating classes is deprecated and will be disabled in future versions. You "
                "should only decorate functions or methods. To preserve the current behavior of "
                "class decoration, you can directly decorate the `__init__` method and nothing "
                "else.",
                FutureWarning,
                stacklevel=2,
            )
        code = getattr(function, "__code__", None)
        if code is not None and code.co_flags & GENERATOR:

            @functools.wraps(function)
            def generator(*args: Any, **kwargs: Any) -> Any:
                # The mode holds while the generator runs, not while its consumer does.
                running = function(*args, **kwargs)
                send, value = running.send, None
                while True:
                    try:
                        with self._again():
                            item = send(value)
                    except StopIteration as stop:
                        return stop.value
                    try:
                        send, value = running.send, (yield item)
                    except GeneratorExit:
                        with self._again():
                            running.close()
                        raise
                    except BaseException as error:
                        send, value = running.throw, error

            return generator  # type: ignore[return-value]

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            with self._again():
                return function(*args, **kwargs)

        return call  # type: ignore[return-value]


class no_grad(_Switch):
    """Record nothing inside: results do not require gradients.

    >>> import xpgrad as xg
    >>> x = xg.ones(2, requires_grad=True)
    >>> with xg.no_grad():
    ...     (x * 2).requires_grad
    False
    """

    def __new__(cls, function: Callable[..., Any] | None = None) -> Any:
        made = super().__new__(cls)
        if function is None:
            return made
        made.__init__()  # type: ignore[misc]  # written bare: @no_grad
        return made(function)

    def __init__(self, function: Callable[..., Any] | None = None) -> None:
        super().__init__()

    def _switch(self) -> None:
        mode.grad = False


class enable_grad(no_grad):
    """Record inside, also within ``no_grad``. Has no effect within ``inference_mode``.

    >>> import xpgrad as xg
    >>> x = xg.ones(1, requires_grad=True)
    >>> with xg.no_grad(), xg.enable_grad():
    ...     (2 * x).requires_grad
    True
    """

    def _switch(self) -> None:
        mode.grad = not mode.inference


class set_grad_enabled(_Switch):
    """Set grad mode at once, and put it back at the end of a ``with`` block if there is one.

    Has no effect within ``inference_mode``.

    Raises:
        TypeError: unless `mode` is a bool.

    >>> import xpgrad as xg
    >>> with xg.set_grad_enabled(False):
    ...     xg.is_grad_enabled()
    False
    """

    def __init__(self, mode: bool) -> None:
        if not isinstance(mode, bool):
            raise TypeError(
                "set_grad_enabled(): argument 'enabled' (position 1) must be bool, not "
                f"{type(mode).__name__}"
            )
        super().__init__()
        self._enabled = mode
        self._outer: tuple[bool, bool] | None = _now()
        self._switch()

    def _again(self) -> set_grad_enabled:
        return set_grad_enabled(self._enabled)

    def _switch(self) -> None:
        mode.grad = self._enabled and not mode.inference

    def __enter__(self) -> Self:
        # The mode to go back to is the one before the constructor ran.
        outer, self._outer = self._outer, None
        self._enter(*(outer or (mode.grad, mode.inference)))
        return self

    def __call__(self, function: F) -> F:
        if self._outer is not None:  # used as a decorator: the constructor must leave no trace
            mode.grad, mode.inference = self._outer
        return super().__call__(function)


class inference_mode(_Switch):
    """Like ``no_grad``, and tensors made inside can never enter a graph.

    >>> import xpgrad as xg
    >>> with xg.inference_mode():
    ...     y = xg.ones(2)
    >>> y.is_inference()
    True
    """

    def __new__(cls, mode: bool | Callable[..., Any] = True) -> Any:
        made = super().__new__(cls)
        if callable(mode):
            made.__init__()  # type: ignore[misc]
            return made(mode)
        return made

    def __init__(self, mode: bool | Callable[..., Any] = True) -> None:
        super().__init__()
        self._enabled = True if callable(mode) else bool(mode)

    def _again(self) -> inference_mode:
        return inference_mode(self._enabled)

    def _switch(self) -> None:
        mode.inference = self._enabled
        mode.grad = not self._enabled


def is_grad_enabled() -> bool:
    """Whether operations are recorded in this thread."""
    return mode.grad


def is_inference_mode_enabled() -> bool:
    """Whether this thread is inside ``inference_mode``."""
    return mode.inference
