"""Version counters: catching saved values that were written to before backward read them."""

from __future__ import annotations

import threading
from sys import getrefcount
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import ref

from xpgrad.errors import GradientError
from xpgrad.graph import AccumulateGrad, Node, Output, tick
from xpgrad.mode import anomaly

if TYPE_CHECKING:
    from xpgrad.namespace import Array, Namespace
    from xpgrad.tensor import Tensor


class Version:
    """How often some memory was written to, shared by a tensor, its views and ``detach()``."""

    __slots__ = ("count", "owner", "shown", "silent", "stamps", "waiting")

    def __init__(self, silent: bool = False, owner: Tensor | None = None) -> None:
        self.count = 0
        self.stamps: list[int] = []  # of the latest writes, by the clock
        self.silent = silent  # writes leave no mark: ``tensor.data`` bypasses the check
        self.owner = None if owner is None else ref(owner)  # the base
        # Tensors that show the memory and are neither its owner nor views of it.
        self.shown: list[ref[Tensor]] = []
        # Bases with views that await the next write (`xpgrad.views`).
        self.waiting: list[ref[Tensor]] = []

    def share(self, t: Tensor) -> None:
        """Count for another tensor, too: one memory, one counter."""
        t._shared, shown = self, self.shown
        shown.append(ref(t))
        n = len(shown)
        if n >= 16 and not n & (n - 1):  # now and then, so that it is about as long as needed
            shown[:n] = [r for r in shown[:n] if r() is not None]

    def tensors(self) -> list[Tensor]:
        """Those known to show the memory that somebody still holds, each once."""
        found: dict[int, Tensor] = {}
        stack = self.shown[:] if self.owner is None else [self.owner, *self.shown]
        while stack:
            t = stack.pop()()
            if t is not None and id(t) not in found:
                found[id(t)] = t
                stack += t._views or ()
        return list(found.values())

    def bump(self) -> int:
        """Record a write, and return its stamp."""
        self.count += 1
        stamp = tick()
        stamps = self.stamps
        stamps.append(stamp)
        if len(stamps) > 64:  # enough for the message; the newest decides
            del stamps[:32]
        if self.waiting:
            self._tell()
        return stamp

    def _tell(self) -> None:
        from xpgrad.views import written_to

        waiting, self.waiting = self.waiting, []
        for r in waiting:
            root = r()
            if root is not None:
                written_to(root)

    def at(self, seq: int) -> int:
        """The version at an earlier moment."""
        return self.count - sum(stamp > seq for stamp in self.stamps)


class Mark(NamedTuple):
    """The latest write to some memory."""

    stamp: int
    version: Version
    ns: Namespace
    owner: ref[Any] | None  # the array whose memory it is, where that is known


# Written memory by `Namespace.memory_key`. Saving costs nothing this way: a write leaves a mark
# here, and backward looks only at nodes older than the latest write. A key may be reused once
# its memory is freed, but then its mark is older than any node that saved the new memory (the
# mark, not the counter, which may have gone on with a tensor that moved to other memory). So the
# table needs no clearing, and is as large as the number of places written to. It is in the order
# of the writes: the last is the latest.
written: dict[int, Mark] = {}
last_write = 0  # of those that a node may have saved
judged = 0  # what that was when it was last asked whether a node can have saved it
marking = threading.RLock()  # a finalizer may write, at any moment
announced = False  # whether writes are told of beforehand: `allow_mutation_on_saved_tensors`


def mark_written(ns: Namespace, data: Array, version: Version) -> None:
    """Note that the memory of `data` was written to, before or after the fact.

    Memory that nothing but one Tensor holds was not saved by any node: it needs no mark. So is most
    of what programs write to (running statistics, buffers, gradients), and backward need not look.
    """
    version.bump()
    if not version.silent and not (getrefcount(data) <= _SOLE and ns.owns_memory(data)):
        mark(ns, data, version)


def mark(ns: Namespace, data: Array, version: Version) -> None:
    """Note that the latest write, counted already, also changed what `data` should hold."""
    global last_write
    if not version.silent:
        owner = ns.owner(data)
        with marking:
            key, last_write = ns.memory_key(data), tick()  # in the order of the table
            written.pop(key, None)
            written[key] = Mark(last_write, version, ns, owner if owner is None else ref(owner))


def judge(seq: int) -> None:
    """Forget those writes since a moment that changed nothing that a node can have saved.

    That is so where every reference to an array that shows the memory is known: a Tensor's, or that
    of a view to its base. It is asked where it matters first, and not at each write.
    """
    global judged, last_write
    with marking:
        harmless = []
        for key, mark in reversed(written.items()):
            if mark.stamp < seq:
                break
            if mark.owner is not None and _held_by_tensors(
                mark.ns, mark.owner(), mark.version.tensors()
            ):
                harmless.append(key)
        for key in harmless:
            del written[key]
        last_write = judged = next(reversed(written.values())).stamp if written else 0


def _held_by_tensors(ns: Namespace, memory: Array | None, tensors: list[Tensor]) -> bool:
    """Whether nobody but these holds an array that shows the memory of one."""
    if memory is None:  # it is gone
        return True
    arrays: dict[int, Any] = {}
    holders: dict[int, int] = {}
    for t in tensors:
        key = id(t._data)
        arrays[key], holders[key] = t._data, holders.get(key, 0) + 1
    for x in list(arrays.values()):
        owner = ns.owner(x)
        if owner is None:
            return False
        if owner is not x:
            arrays[id(owner)] = owner
            holders[id(owner)] = holders.get(id(owner), 0) + 1
    if id(memory) not in arrays:
        return False
    x = owner = memory = None
    while arrays:
        key, x = arrays.popitem()
        if getrefcount(x) > holders[key] + _KNOWN:
            return False
    return True


# What `getrefcount` says in these two functions of an array that only its Tensor holds differs
# between versions of Python: it is tried on something of which that is known. Whoever holds more
# makes it larger.


class _Known:
    """Stands for a Tensor and its namespace alike, to see what is made of it."""

    asked = False

    def __init__(self) -> None:
        self._data: Any = set()

    def owner(self, x: Any) -> Any:
        return x

    def owns_memory(self, x: Any) -> bool:
        self.asked = True
        return True

    def memory_key(self, x: Any) -> int:
        return 0

    def _written(self) -> None:
        version: Any = Version()
        self_: Any = self
        mark_written(self_, self._data, version)


def _calibrate() -> None:
    global _SOLE, _KNOWN
    for _SOLE in range(1, 10):
        known: Any = _Known()
        known._written()
        if known.asked:
            break
    else:
        _SOLE = -1  # nothing is ever found to be alone
    for _KNOWN in range(10):
        known = _Known()
        if _held_by_tensors(known, known._data, [known]):
            break
    else:
        _KNOWN = -10


_SOLE = _KNOWN = -1
_calibrate()
written.clear()
last_write = 0


def latest(ns: Namespace, value: Array) -> Mark | None:
    """The latest write to the memory of an array, or to what a transform made it of."""
    found = written.get(ns.memory_key(value))
    below: Tensor | None
    while (below := getattr(value, "value", None) if ns.depth else None) is not None:
        ns, value = below._ns, below._data
        mark = written.get(ns.memory_key(value))
        if mark is not None and (found is None or mark.stamp > found.stamp):
            found = mark
    return found


def check_fresh(node: Node) -> None:
    """Raise if an array that `node` saved was written to since.

    Raises:
        GradientError: naming the array, the op that made it and the versions.
    """
    if last_write != judged:
        judge(node.seq)
        if last_write < node.seq:
            return
    saved, settings = node.saved, node.settings
    if not settings or "index" not in settings:
        # Nearly always one or two arrays, and nothing was written to: the rest is for errors.
        if type(saved) is not tuple:
            return
        ns, seq = node.ns, node.seq
        key, array_type = ns.memory_key, ns.array_type
        for value in saved:
            if type(value) is array_type:
                mark = latest(ns, value) if ns.depth else written.get(key(value))
                if mark is not None and mark.stamp > seq:
                    break
            elif type(value) is tuple:
                break
        else:
            return
    kept = _arrays(node.saved) if type(node.saved) is tuple else []  # or freed, or packed
    index = node.settings.get("index") if node.settings else None
    if isinstance(index, tuple):
        kept += [(None, part) for part in index if hasattr(part, "shape")]
    for place, value in kept:
        found = latest(node.ns, value)
        if found is None or found.stamp < node.seq or 0 in value.shape:  # empty: has no place
            continue
        version = found.version
        maker = None if place is None else (*node.edges, node)[min(place, len(node.edges))]
        owner = None if version.owner is None else version.owner()
        if owner is not None and place is not None and place < len(node.edges):
            from xpgrad.views import below

            # PyTorch names who made the tensor what it is now.
            for t in (owner, *below(owner)):
                if t._data is value:
                    maker = vars(t)["_node"]
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
    name, _, number = node.name().rpartition("Backward")
    return name + number if number != "0" else name


def _arrays(saved: Any) -> list[tuple[int | None, Any]]:
    """The arrays among saved values, each with the number of the input it belongs to."""
    found: list[tuple[int | None, Any]] = []
    for i, value in enumerate(saved):
        if hasattr(value, "shape"):
            found.append((i, value))
        elif isinstance(value, (tuple, list)):
            found.extend((j, v) for j, v in enumerate(value) if hasattr(v, "shape"))
    return found
