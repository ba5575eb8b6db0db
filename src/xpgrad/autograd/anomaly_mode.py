"""Finding where errors and nan in a backward come from."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any

from xpgrad import call, graph, views
from xpgrad.autograd import function
from xpgrad.door import indexing, inplace
from xpgrad.mode import anomaly

if TYPE_CHECKING:
    import traceback

_PACKAGE = os.path.dirname(os.path.dirname(__file__))  # pathlib would cost a millisecond


class _Noted(int):
    """A node's number that remembers who asked for it: kept as long as the node, and no longer."""

    summary: traceback.StackSummary

    def origin(self) -> str:
        """The traceback of the call that made the node."""
        return "".join(self.summary.format())


def _noting() -> int:
    """Number a node, and note where in the user's code it is made."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    number = _Noted(graph.tick())
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
    tick: Callable[[], Any] = _noting if mode else graph.tick
    # Whoever makes nodes asks this for a number: swapping it is what makes the mode free while off.
    for maker in (call, function, inplace, indexing, views):
        maker.tick = tick  # type: ignore[attr-defined]


def is_anomaly_enabled() -> bool:
    """Whether anomaly detection is on."""
    return anomaly.enabled


def is_anomaly_check_nan_enabled() -> bool:
    """Whether nan in a backward is an error while anomaly detection is on."""
    return anomaly.check_nan
