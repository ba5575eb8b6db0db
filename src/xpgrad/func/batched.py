"""Batches: arrays with a dimension that functions do not see.

The batch dimension of a `Batched` always comes first in the Tensor below. An op runs once, on whole
batches:

* an elementwise op lines its inputs up behind the batch dimension,
* an op on stacks of matrices (its ``stacks``) takes the batch for one more stack,
* an op with an ``axis`` (or ``axes``, ``axis1``, …) takes the one behind,
* for the others `BATCHED` says how; where it says `DECOMPOSED`, the op's own forward runs on
  batches, so that what it is made of has a batched form,
* what is left (nothing that xpgrad has) runs once for each example, and warns.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from xpgrad.backward import tensor_namespace
from xpgrad.errors import GradientError
from xpgrad.func.calls import DECOMPOSED, Batched, Call, batched_index, behind
from xpgrad.func.indexed import INDEXED
from xpgrad.func.levels import Level
from xpgrad.func.networks import NETWORKS
from xpgrad.func.shaped import SHAPED
from xpgrad.func.spatial import SPATIAL
from xpgrad.func.wrapped import Draws, Wrapped, WrappedNamespace, lowered
from xpgrad.mode import mode
from xpgrad.tensor import Tensor, wrap

if TYPE_CHECKING:
    from xpgrad.op import Op

BATCHED: dict[str, Callable[..., Any]] = {**SHAPED, **INDEXED, **NETWORKS, **SPATIAL}


class BatchedNamespace(WrappedNamespace):
    """A library whose arrays may have a batch dimension."""

    array_type = Batched
    level: BatchLevel

    def constant(self, t: Tensor) -> Batched:
        """A Tensor that all examples share."""
        return Batched(self, t, False)

    def run(self, op: Op, arrays: Any, settings: dict[str, Any]) -> Any:
        """The op below, on whole batches."""
        rule = BATCHED.get(op.name)
        if rule is None and op.elementwise and op.outputs == 1:
            return self._elementwise(op, arrays, settings)
        batched = [type(a) is Batched and a.batched for a in arrays]
        indexed = "index" in settings
        if True not in batched and not (indexed and batched_index(settings["index"])):
            values = [a.value if type(a) is Batched else a for a in arrays]
            with self.level.lowered():
                if indexed:
                    settings = lowered(settings, self)
                return self._made(op.call(*values, **settings), False)
        if rule is DECOMPOSED:
            return op.forward(self, *arrays, **settings)
        call = Call(self, op, arrays, batched)
        with self.level.lowered():
            if rule is not None:
                return self._made(rule(call, **settings), True)
            if op.elementwise:
                return self._made(call.elementwise(**settings), True)
            if op.stacks is not None:
                return self._made(call.stacked(op.stacks, **settings), True)
            if len(arrays) == 1 and not op.variadic:
                shifted = behind(settings, len(arrays[0].shape))
                if shifted is not None:
                    return self._made(op.call(call.values[0], **shifted), True)
            return self._made(call.one_by_one(settings), True)

    def _elementwise(self, op: Op, arrays: Any, settings: dict[str, Any]) -> Batched:
        """The op on inputs that are lined up behind the batch dimension.

        What most of a program is made of, and so without a `Call`.
        """
        batched = uneven = False
        rank = -1
        values = []
        for a in arrays:
            if type(a) is not Batched:
                values.append(a)
                continue
            values.append(a.value)
            batched = batched or a.batched
            own = len(a.shape)
            uneven = uneven or own != rank != -1
            rank = own if own > rank else rank
        level = self.level
        recording, within = mode.grad, mode.level
        if level.recording_below is not None:
            mode.grad = level.recording_below
        mode.level = level.outer
        try:
            if uneven and batched:  # what all examples share broadcasts as it is
                xp = tensor_namespace(self.under)
                for i, a in enumerate(arrays):
                    if type(a) is Batched and a.batched and len(a.shape) < rank:
                        wide = (1,) * (rank - len(a.shape))
                        values[i] = xp.reshape(a.value, (level.size, *wide, *a.shape))
            return Batched(self, op.call(*values, **settings), batched)
        finally:
            mode.grad, mode.level = recording, within

    def _made(self, out: Any, batched: bool) -> Any:
        if isinstance(out, tuple):
            return tuple(Batched(self, o, batched) for o in out)
        return Batched(self, out, batched)

    def through(self, x: Any, function: Callable[[Tensor], Tensor]) -> Batched:
        """The whole batch through a function."""
        return Batched(self, function(x.value), x.batched)

    def severed(self, x: Any) -> Batched:
        """The batch without a history."""
        return Batched(self, x.value.detach(), x.batched)

    def captured(self) -> GradientError:
        """In PyTorch's words."""
        return GradientError(
            "vmap: inplace arithmetic(self, *extra_args) is not possible because there exists a "
            "Tensor `other` in extra_args that has more elements than `self`. This happened due to "
            "`other` being vmapped over but `self` not being vmapped over in a vmap. Please try to "
            "use out-of-place operators instead of inplace arithmetic, or pass `self` to the "
            "function that is mapped."
        )

    def draws(self, source: Any) -> Draws:
        """Random numbers, if they were allowed: for all examples together or for each.

        Raises:
            GradientError: where randomness is an error.
        """
        if self.level.randomness == "error":
            raise GradientError(RANDOM)
        return (BatchedDraws if self.level.randomness == "different" else Draws)(self, source)

    def number(self, x: Wrapped, what: str) -> Any:
        """A number that all examples share.

        Raises:
            GradientError: in PyTorch's words, where each example has its own.
        """
        assert isinstance(x, Batched)
        if x.batched and what == "bool":
            raise GradientError(
                "vmap: It looks like you're attempting to use a Tensor in some data-dependent "
                "control flow. We don't support that yet; use xpgrad.where to choose between "
                "values that both exist."
            )
        if x.batched:
            raise GradientError(
                "vmap: It looks like you're calling .item() on a Tensor. We don't support vmap "
                "over calling .item() on a Tensor, please try to rewrite what you're doing with "
                "other operations."
            )
        return bool(x.value) if what == "bool" else x.value.item()

    def to_host(self, x: Any) -> Any:
        """The values, where all examples share them.

        Raises:
            GradientError: where each example has its own.
        """
        if x.batched:
            raise GradientError(
                "vmap: Cannot access data pointer of Tensor that doesn't have storage: the values "
                "of a batch cannot leave xpgrad (numpy(), tolist(), DLPack) inside the function "
                "that is mapped; return it instead"
            )
        with self.level.lowered():
            return self.under.to_host(x.value._data)

    def show(self, x: Any) -> str:
        """How a Tensor around `x` is printed, as PyTorch does."""
        inner = "\n".join("    " + line for line in repr(x.value).splitlines())
        dim = "0" if x.batched else "None"
        return f"BatchedTensor(lvl={self.depth}, bdim={dim}, value=\n{inner}\n)"


class BatchedDraws(Draws):
    """Other random numbers for each example."""

    ns: BatchedNamespace

    def draw(self, what: str, *args: Any) -> Any:
        """Numbers for all examples."""
        size = self.ns.level.size
        if what == "permutation":
            rows = [wrap(self.under.permutation(*args), self.ns.under) for _ in range(size)]
            return Batched(self.ns, tensor_namespace(self.ns.under).stack(rows, axis=0), True)
        *first, shape, dtype = args
        drawn = getattr(self.under, what)(*first, (size, *shape), dtype)
        return Batched(self.ns, wrap(drawn, self.ns.under), True)


RANDOM = (
    "vmap: called random operation while in randomness error mode. Please either use the 'same' or "
    "'different' randomness flags on vmap or perform the randomness operation out of vmap"
)


class BatchLevel(Level):
    """Within it, Tensors may have a batch dimension of one size."""

    kind = "vmap"
    namespace = BatchedNamespace

    def __init__(self, size: int, randomness: str = "error") -> None:
        super().__init__()
        self.size = size
        self.randomness = randomness

    def make(self, t: Tensor, dim: int) -> Tensor:
        """A Tensor from outside as one of this level, whose dimension `dim` becomes the batch."""
        t = self.below(t)
        ns = self.over(t._ns.base)
        if dim:
            xp = tensor_namespace(t._ns)
            t = xp.moveaxis(t, dim, 0)
        return wrap(Batched(ns, t, True), ns)

    def taken(self, t: Tensor, dim: int | None, name: str) -> Tensor:
        """A result without the level: with the batch at `dim`, shared results repeated there."""
        data = t._data
        if not (isinstance(data, Batched) and data.ns.level is self):
            value, batched = self.below(t), False
        else:
            value, batched = data.value, data.batched
        if dim is None:
            if batched:
                raise ValueError(
                    f"vmap({name}, ...): `{name}` can not return a BatchedTensor when out_dim is "
                    "None"
                )
            return value
        xp = tensor_namespace(value._ns)
        if not batched:
            value = xp.broadcast_to(xp.expand_dims(value, axis=0), (self.size, *value.shape))
        return value if dim == 0 else xp.moveaxis(value, 0, dim)
