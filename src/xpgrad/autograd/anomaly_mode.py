"""Finding where errors and nan in a backward come from."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any

from xpgrad import backward, graph
from xpgrad.mode import anomaly

if TYPE_CHECKING:
    import traceback

_tick = graph.tick


class _Noted(int):
    """A node's number that remembers who asked for it: kept as long as the node, and no longer."""

    summary: traceback.StackSummary
    # The name and number of the node whose backward made this one, where there is one.
    cause: tuple[str, int] | None

    def origin(self) -> str:
        """The traceback of the call that made the node."""
        return "".join(self.summary.format())

    def causes(self) -> list[str]:
        """What to say about the nodes whose backward this one is part of."""
        found = []
        cause = self.cause
        while cause is not None:
            name, number = cause
            if not isinstance(number, _Noted):
                found.append(f"Error detected in {name}. {backward.NO_ORIGIN}")
                break
            found.append(
                f"\n\nPrevious calculation was induced by {name}. Traceback of forward call that "
                f"induced the previous calculation:\n{number.origin()}"
            )
            cause = number.cause
        return found


def _noting() -> int:
    """Number a node, and note where in the user's code it is made."""
    frame: FrameType | None = sys._getframe(1)
    number = _Noted(_tick())
    number.cause = None
    outer = frame
    while outer is not None and number.cause is None:
        if outer.f_code is backward.run.__code__ and (node := outer.f_locals.get("node")):
            number.cause = (node.name(), node.seq)
        outer = outer.f_back
    while frame is not None and frame.f_globals.get("__name__", "").startswith("xpgrad."):
        frame = frame.f_back
    import traceback  # with all that it brings, only where anomalies are looked for

    number.summary = traceback.StackSummary.extract(
        reversed(list(traceback.walk_stack(frame))), lookup_lines=False
    )
    return number


class set_detect_anomaly:
    """Switch anomaly detection on or off; as a context, until its end.

    While it is on, each operation notes where it was called, and a backward that fails or gives
    nan warns with the traceback of that call. It is slow, and meant for debugging. Off, it costs
    nothing. Like PyTorch's it holds for all threads.

    Args:
        mode: on or off.
        check_nan: raise where a backward gives nan.

    >>> import xpgrad as xg
    >>> with xg.autograd.set_detect_anomaly(True):
    ...     xg.autograd.anomaly_mode.is_anomaly_enabled()
    True
    """

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        self._before = (anomaly.enabled, anomaly.check_nan)
        _switch(mode, check_nan)

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _switch(*self._before)


class detect_anomaly:
    """A context in which anomaly detection is on.

    >>> import xpgrad as xg, warnings
    >>> x = xg.tensor(0.0, requires_grad=True)
    >>> with warnings.catch_warnings(action="ignore"), xg.autograd.detect_anomaly():
    ...     (x / x).backward()
    Traceback (most recent call last):
        ...
    xpgrad.errors.GradientError: Function 'DivBackward0' returned nan values in its 1th output.
    """

    def __init__(self, check_nan: bool = True) -> None:
        self._check_nan = check_nan
        warnings.warn(
            "Anomaly Detection has been enabled. This mode will increase the runtime and should "
            "only be enabled for debugging.",
            UserWarning,
            stacklevel=2,
        )

    def __enter__(self) -> None:
        self._before = (anomaly.enabled, anomaly.check_nan)
        _switch(True, self._check_nan)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _switch(*self._before)


def _switch(mode: bool, check_nan: bool) -> None:
    anomaly.enabled, anomaly.check_nan = bool(mode), bool(check_nan)
    tick: Callable[[], Any] = _noting if mode else _tick
    # Whoever makes nodes asks this for a number: swapping it is what makes the mode free while off.
    for name, module in list(sys.modules.items()):
        if not name.startswith("xpgrad.") or name == "xpgrad.versions":  # which counts writes
            continue
        if vars(module).get("tick") in (_tick, _noting):
            module.tick = tick  # type: ignore[attr-defined]


def is_anomaly_enabled() -> bool:
    """Whether anomaly detection is on.

    >>> import xpgrad as xg
    >>> xg.autograd.anomaly_mode.is_anomaly_enabled()
    False
    """
    return anomaly.enabled


def is_anomaly_check_nan_enabled() -> bool:
    """Whether nan in a backward is an error while anomaly detection is on.

    >>> import xpgrad as xg
    >>> with xg.autograd.set_detect_anomaly(True, check_nan=False):
    ...     xg.autograd.anomaly_mode.is_anomaly_check_nan_enabled()
    False
    """
    return anomaly.check_nan
