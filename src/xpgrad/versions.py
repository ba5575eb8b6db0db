"""Version counters: catching saved values that were written to before backward read them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xpgrad.errors import GradientError
from xpgrad.graph import FREED, AccumulateGrad, Node, Output, tick
from xpgrad.mode import anomaly

if TYPE_CHECKING:
    import weakref

    from xpgrad.namespace import Array, Namespace
    from xpgrad.tensor import Tensor


class Version:
    """How often some memory was written to, shared by a tensor, its views and ``detach()``."""

    __slots__ = ("count", "silent", "stamps", "watch")

    def __init__(self, silent: bool = False) -> None:
        self.count = 0
        self.stamps: list[int] = []  # of the latest writes, by the clock
        self.silent = silent  # writes leave no mark: ``tensor.data`` bypasses the check
        self.watch: weakref.ref[Tensor] | None = None  # a base with views that await a write

    def bump(self) -> int:
        """Record a write, and return its stamp."""
        self.count += 1
        stamp = tick()
        stamps = self.stamps
        stamps.append(stamp)
        if len(stamps) > 64:  # enough for the message; the newest decides
            del stamps[:32]
        if self.watch is not None:
            self._tell()
        return stamp

    def _tell(self) -> None:
        from xpgrad.views import written_to

        root, self.watch = self.watch and self.watch(), None
        if root is not None:
            written_to(root)

    def at(self, seq: int) -> int:
        """The version at an earlier moment."""
        return self.count - sum(stamp > seq for stamp in self.stamps)


# Written memory by `Namespace.memory_key`. Saving costs nothing this way: a write leaves a mark
# here, and backward looks only at nodes older than the latest write. A key may be reused once
# its memory is freed, but then its mark is older than any node that saved the new memory (the
# mark, not the counter, which may have gone on with a tensor that moved to other memory). So the
# table needs no clearing, and is as large as the number of places written to.
written: dict[int, tuple[int, Version]] = {}
last_write = 0


def mark_written(ns: Namespace, data: Array, version: Version) -> None:
    """Note that the memory of `data` was written to, before or after the fact."""
    global last_write
    stamp = version.bump()
    if not version.silent:
        last_write = stamp
        written[ns.memory_key(data)] = (stamp, version)


def mark(ns: Namespace, data: Array, version: Version) -> None:
    """Note that the latest write, counted already, also changed what `data` should hold."""
    global last_write
    if not version.silent:
        last_write = stamp = version.stamps[-1]
        written[ns.memory_key(data)] = (stamp, version)


def check_fresh(node: Node) -> None:
    """Raise if an array that `node` saved was written to since.

    Raises:
        GradientError: naming the array, the op that made it and the versions.
    """
    kept = [] if node.saved is None or node.saved is FREED else _arrays(node.saved)
    index = node.settings.get("index") if node.settings else None
    if isinstance(index, tuple):
        kept += [(None, part) for part in index if hasattr(part, "shape")]
    for place, value in kept:
        stamp, version = written.get(node.ns.memory_key(value), (0, None))
        if version is None or stamp < node.seq:
            continue
        maker = None if place is None else (*node.edges, node)[min(place, len(node.edges))]
        raise stale(node.ns, value, maker, version.count, version.at(node.seq))


def stale(ns: Namespace, array: Array, maker: Node | None, count: int, saved: int) -> GradientError:
    """The error for a saved array that was written to since."""
    made_by = ""
    if maker is not None and not isinstance(maker, AccumulateGrad):
        number, shown = (maker.index, maker.edges[0]) if isinstance(maker, Output) else (0, maker)
        assert shown is not None
        made_by = f", which is output {number} of {short(shown)},"
    hint = (
        "the backtrace further above shows the operation that failed to compute its gradient. The "
        "variable in question was changed in there or anywhere later. Good luck!"
        if anomaly.enabled
        else "enable anomaly detection to find the operation that failed to compute its gradient, "
        "with xpgrad.autograd.set_detect_anomaly(True, check_nan=False)."
    )
    kind = ns.dtype_of(array).torch_name
    return GradientError(
        "one of the variables needed for gradient computation has been modified by an inplace "
        f"operation: [xpgrad.{kind}Tensor {list(array.shape)}]{made_by} is at version {count}; "
        f"expected version {saved} instead. Hint: {hint}"
    )


def short(node: Node) -> str:
    """The name of a node as PyTorch's messages have it: ``Exp``, ``Pow1``."""
    return node.name().replace("Backward0", "").replace("Backward", "")


def _arrays(saved: Any) -> list[tuple[int | None, Any]]:
    """The arrays among saved values, each with the number of the input it belongs to."""
    found: list[tuple[int | None, Any]] = []
    for i, value in enumerate(saved):
        if hasattr(value, "shape"):
            found.append((i, value))
        elif isinstance(value, (tuple, list)):
            found.extend((j, v) for j, v in enumerate(value) if hasattr(v, "shape"))
    return found
