"""Selective checkpoints: some results are kept after all, so that they need not be computed again.

While one of the two contexts is open, every op takes the thorough path (`xpgrad.call.apply`), which
asks the namespace to run it; `Namespace.run` is another function then. Otherwise nothing here costs
anything.
"""

from __future__ import annotations

import contextlib
import enum
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any

from xpgrad import versions
from xpgrad.errors import GradientError
from xpgrad.graph import tick
from xpgrad.namespace import Array, Namespace
from xpgrad.op import OPS, Op
from xpgrad.tensor import wrap

__all__ = [
    "CheckpointPolicy", "SelectiveCheckpointContext", "create_selective_checkpoint_contexts",
]  # fmt: skip

MISMATCH = (
    "This can happen if the operations in the checkpointed region are nondeterministic or depend "
    "on global state that changed between forward and backward."
)
TWICE = (
    "Trying to backward an extra time. You are only allowed to backward once on any region "
    "computed under selective activation checkpoint."
)


class CheckpointPolicy(enum.Enum):
    """What is done with the result of an op: kept, kept on the CPU, or computed again.

    ``MUST`` and ``PREFER`` are the same here.

    >>> from xpgrad.utils.checkpoint import CheckpointPolicy
    >>> CheckpointPolicy.MUST_SAVE
    <CheckpointPolicy.MUST_SAVE: 0>
    """

    MUST_SAVE = 0
    PREFER_SAVE = 1
    MUST_RECOMPUTE = 2
    PREFER_RECOMPUTE = 3
    MUST_CPU_OFFLOAD = 4
    PREFER_CPU_OFFLOAD = 5


_SAVED = (CheckpointPolicy.MUST_SAVE, CheckpointPolicy.PREFER_SAVE)
_OFFLOADED = (CheckpointPolicy.MUST_CPU_OFFLOAD, CheckpointPolicy.PREFER_CPU_OFFLOAD)


class SelectiveCheckpointContext:
    """What a policy is told besides: the result of the op.

    Attributes:
        is_recompute: always ``False``, for a policy is asked in forward alone.
        op_output: the result, or a tuple of results.

    >>> from xpgrad.utils.checkpoint import SelectiveCheckpointContext
    >>> SelectiveCheckpointContext(is_recompute=False, op_output=1).op_output
    1
    """

    def __init__(self, *, is_recompute: bool, op_output: Any = None) -> None:
        self.is_recompute = is_recompute
        self.op_output = op_output


# ------------------------------------------------------------------ what was kept

_RECOMPUTE, _CONSUMED = object(), object()


class _Entry:
    """The results of a run of an op."""

    def __init__(self, ns: Namespace, out: Any, offloaded: bool) -> None:
        self.ns, self.offloaded = ns, offloaded
        self.several = isinstance(out, (tuple, list))
        parts = [ns.wrap(part) for part in (out if self.several else (out,))]
        self.parts = [ns.copy(part) if offloaded else part for part in parts]
        if offloaded:
            self.parts = [ns.to_host(part) for part in self.parts]
        self.since = tick()

    def get(self, allow_mutation: bool) -> Any:
        """The results again.

        Raises:
            GradientError: where one of them was written to.
        """
        parts = self.parts
        if self.offloaded:
            parts = [self.ns.from_host(part) for part in parts]
        elif not allow_mutation and self.ns.mutable:
            for part in parts:
                mark = versions.written.get(self.ns.memory_key(part))
                if mark is not None and mark.stamp > self.since:
                    raise GradientError(
                        "Tensor cached during selective activation checkpoint has been mutated"
                    )
        return tuple(parts) if self.several else parts[0]


Storage = dict[str, list[Any]]  # what is known of each run of an op, by its name


class _Mode:
    """A context in which ops run in another way."""

    def __enter__(self) -> None:
        _open(self)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _close()

    def run(self, ns: Namespace, op: Op, arrays: Any, settings: dict[str, Any]) -> Any:
        """Compute an op, or know its result."""
        raise NotImplementedError


class _Keeping(_Mode):
    """Forward: the policy says what is kept."""

    def __init__(self, policy: Callable[..., Any], storage: Storage) -> None:
        self.policy = policy
        self.storage = storage

    def run(self, ns: Namespace, op: Op, arrays: Any, settings: dict[str, Any]) -> Any:
        out = op.forward(ns, *arrays, **settings)

        def shown(value: Any) -> Any:
            if isinstance(value, (tuple, list)):
                return tuple(map(shown, value))
            return wrap(value, ns) if isinstance(value, ns.array_type) else value

        told = SelectiveCheckpointContext(is_recompute=False, op_output=shown(out))
        policy = self.policy(told, op.name, *map(shown, arrays), **settings)
        if isinstance(policy, bool):
            policy = CheckpointPolicy.MUST_SAVE if policy else CheckpointPolicy.PREFER_RECOMPUTE
        kept: Any = _RECOMPUTE
        if policy in _SAVED or policy in _OFFLOADED:
            kept = _Entry(ns, out, policy in _OFFLOADED)
        self.storage.setdefault(op.name, []).append(kept)
        return out


class _Knowing(_Mode):
    """Recomputation: what was kept is not computed."""

    def __init__(self, storage: Storage, allow_mutation: bool) -> None:
        self.storage = storage
        self.allow_mutation = allow_mutation
        self.count: Counter[str] = Counter()

    def __enter__(self) -> None:
        self.count.clear()
        super().__enter__()

    def run(self, ns: Namespace, op: Op, arrays: Any, settings: dict[str, Any]) -> Any:
        index = self.count[op.name]
        self.count[op.name] += 1
        known = self.storage.get(op.name)
        if known is None:
            raise GradientError(
                f"{op.name} encountered during backward but not found in storage. {MISMATCH}"
            )
        if index >= len(known):
            raise GradientError(
                f"{op.name} invocation index {index} encountered during backward but not found in "
                f"storage. {MISMATCH}"
            )
        entry = known[index]
        if entry is _CONSUMED:
            raise GradientError(TWICE)
        if entry is _RECOMPUTE:
            return op.forward(ns, *arrays, **settings)
        known[index] = _CONSUMED
        return entry.get(self.allow_mutation)


# ------------------------------------------------------------------ in the way of every op


class _Local(threading.local):
    def __init__(self) -> None:
        self.modes: list[_Mode | None] = []


_local = _Local()
_lock = threading.Lock()
_count = 0  # of contexts open in all threads
_plain = Namespace.run


def _run(ns: Namespace, op: Op, arrays: Any, settings: dict[str, Any]) -> Array:
    modes = _local.modes
    mode = modes[-1] if modes else None
    if mode is None or op.view:
        return _plain(ns, op, arrays, settings)
    modes.append(None)  # what the policy computes is its own business
    try:
        return mode.run(ns, op, arrays, settings)
    finally:
        modes.pop()


def _open(mode: _Mode) -> None:
    global _count
    with _lock:
        _count += 1
        if _count == 1:
            Namespace.run = _run  # type: ignore[assignment,method-assign]
            Namespace.guard = contextlib.nullcontext
    _local.modes.append(mode)


def _close() -> None:
    global _count
    _local.modes.pop()
    with _lock:
        _count -= 1
        if _count == 0:
            Namespace.run = _plain  # type: ignore[method-assign]
            Namespace.guard = None


# ------------------------------------------------------------------ what users call


def create_selective_checkpoint_contexts(
    policy_fn_or_list: Callable[..., Any] | Sequence[Any], allow_cache_entry_mutation: bool = False
) -> tuple[contextlib.AbstractContextManager[Any], contextlib.AbstractContextManager[Any]]:
    """Two contexts for the ``context_fn`` of `checkpoint`: some results are not computed again.

    Ops are known by their names, which are the keys of ``xpgrad.op.OPS``: ``"mm"``,
    ``"linear"``, ``"softmax"``. Views are never kept.

    Args:
        policy_fn_or_list: ``policy(ctx, name, *inputs, **settings)``, called after each op of
            forward, returns a `CheckpointPolicy` (or whether to keep the result); or a list of
            names whose results are kept.
        allow_cache_entry_mutation: do not raise where a result that was kept was written to.

    Raises:
        TypeError: for what is neither a function nor a list.
        ValueError: for a name that no op has.

    >>> import functools
    >>> import xpgrad as xg
    >>> from xpgrad.utils.checkpoint import checkpoint, create_selective_checkpoint_contexts
    >>> x = xg.ones(2, 2, requires_grad=True)
    >>> keep = functools.partial(create_selective_checkpoint_contexts, ["mm"])
    >>> y = checkpoint(lambda x: (x @ x).sin(), x, use_reentrant=False, context_fn=keep)
    >>> y.sum().backward()
    """
    if isinstance(policy_fn_or_list, (list, tuple, set, frozenset)):
        names = {_name_of(op) for op in policy_fn_or_list}

        def policy(ctx: Any, name: str, *inputs: Any, **settings: Any) -> CheckpointPolicy:
            return (
                CheckpointPolicy.MUST_SAVE if name in names else CheckpointPolicy.PREFER_RECOMPUTE
            )

    elif callable(policy_fn_or_list):
        policy = policy_fn_or_list
    else:
        raise TypeError("policy_fn_or_list must be either a function or a list of ops.")
    storage: Storage = {}
    return _Keeping(policy, storage), _Knowing(storage, allow_cache_entry_mutation)


def _name_of(op: Any) -> str:
    """The name of an op from itself, or from the function that is made of it alone."""
    found: Any = getattr(op, "op", op)
    name = found.name if isinstance(found, Op) else found
    if name not in OPS:
        raise ValueError(
            f"Expected op in `op_list` to be the name of an op (a key of xpgrad.op.OPS) but got: "
            f"{op} of type {type(op)}."
        )
    return str(name)
