"""Optimizer: parameter groups, state, and the way from gradients to new values."""

from __future__ import annotations

import contextlib
import copy
import operator
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from xpgrad import versions
from xpgrad.mode import enable_grad, no_grad
from xpgrad.namespace import Array, Namespace
from xpgrad.nn.module import clear_grads
from xpgrad.nn.parameter import typename
from xpgrad.tensor import Tensor, wrap

Group = dict[str, Any]


class _Required:
    """The default of an option that has none."""

    def __repr__(self) -> str:
        return "<required parameter>"


required: Any = _Required()


class Optimizer:
    """Base of the optimizers. Subclasses define `update` (or `step` itself).

    Attributes:
        param_groups: one dict a group: its ``"params"`` and their options, free to be changed
            between steps.
        state: by parameter, whatever the method remembers (momentum, counters).
        defaults: options for groups that do not give their own.
    """

    # Whether lr_scheduler may expect to see a step; None where a subclass has its own `step`.
    _stepped: bool | None = None

    def __init__(self, params: Iterable[Any], defaults: dict[str, Any]) -> None:
        if isinstance(params, Tensor):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or "
                f"dicts, but got {typename(params)}"
            )
        self.defaults = defaults
        self.state: defaultdict[Tensor, dict[str, Any]] = defaultdict(dict)
        self.param_groups: list[Group] = []
        groups: list[Any] = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)
        if type(self).step is Optimizer.step:
            self._stepped = False

    def add_param_group(self, param_group: Group) -> None:
        """Optimize more parameters, with options of their own.

        Raises:
            TypeError, ValueError: where `param_group` is not a dict with a list of leaf tensors
                under ``"params"``, of which none belongs to another group.

        >>> import xpgrad as xg
        >>> a, b = xg.nn.Linear(2, 2), xg.nn.Linear(2, 2)
        >>> optimizer = xg.optim.SGD(a.parameters(), lr=0.1)
        >>> optimizer.add_param_group({"params": b.parameters(), "lr": 0.01})
        >>> [group["lr"] for group in optimizer.param_groups]
        [0.1, 0.01]
        """
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        group = dict(param_group)
        params = group["params"]
        if isinstance(params, set):
            raise TypeError(
                "optimizer parameters need to be organized in ordered collections, but the "
                "ordering of tensors in sets will change between runs. Please use a list instead."
            )
        params = [params] if isinstance(params, Tensor) else list(params)
        if params and all(isinstance(p, tuple) for p in params):  # named_parameters()
            group["param_names"] = [name for name, _ in params]
            params = [p for _, p in params]
        for p in params:
            if not isinstance(p, Tensor):
                raise TypeError(
                    f"optimizer can only optimize Tensors, but one of the params is {typename(p)}"
                )
            if not p.is_leaf:
                raise ValueError("can't optimize a non-leaf Tensor")
        if any(("param_names" in g) != ("param_names" in group) for g in self.param_groups):
            which = "with" if "param_names" in group else "without"
            raise ValueError(
                "all optimizer param groups should be with/without names. cannot add param group "
                f"{which} names to the optimizer"
            )
        for name, default in self.defaults.items():
            if default is required and name not in group:
                raise ValueError(
                    f"parameter group didn't specify a value of required optimization parameter "
                    f"{name}"
                )
            group.setdefault(name, default)
        for name, value in group.items():
            if isinstance(value, Tensor) and name != "params":
                raise TypeError(f"{name} is a number here, got a Tensor: pass {name}.item()")
        if len({id(p) for p in params}) != len(params):
            warnings.warn(
                "optimizer contains a parameter group with duplicate parameters; in future, this "
                "will cause an error; see github.com/pytorch/pytorch/issues/40967 for more "
                "information",
                UserWarning,
                stacklevel=3,
            )
        taken = {id(p) for g in self.param_groups for p in g["params"]}
        if any(id(p) in taken for p in params):
            raise ValueError("some parameters appear in more than one parameter group")
        self.check(group)
        group["params"] = params
        self.param_groups.append(group)

    def check(self, group: Group) -> None:
        """Raise ValueError where the options of a group make no sense."""

    # ---------------------------------------------------------------- stepping

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters, or fill them with zeros."""
        for group in self.param_groups:
            clear_grads(group["params"], set_to_none)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Change each parameter that has a gradient.

        Args:
            closure: computes the loss and its gradients anew; its result is returned.
        """
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        self._stepped = True
        current: Namespace | None = None
        with no_grad(), contextlib.ExitStack() as contexts:
            for group in self.param_groups:
                for p in group["params"]:
                    grad = p._grad
                    if grad is None:
                        continue
                    ns = p._ns
                    if ns is not current:
                        current = ns
                        contexts.enter_context(ns.quiet())  # inf and nan are values
                        if ns.guard is not None:
                            contexts.enter_context(ns.guard())
                    change = self.update(ns, p._data, grad._data, self.state[p], group)
                    if ns.mutable and p._view is None and not versions.announced:
                        data = p._data  # what `add_` does, less the checks that cannot fail here
                        data += change
                        p._data = data
                        data = None
                        p._written()
                    else:
                        p.add_(wrap(ns.wrap(change), ns))
        return loss

    def update(self, xp: Namespace, p: Array, g: Array, state: dict[str, Any], group: Group) -> Any:
        """What to add to parameter `p` with gradient `g`: raw arrays of the namespace `xp`.

        Must not write into `p` or `g`. What it remembers goes into `state`, as Tensors.
        """
        raise NotImplementedError(f"{type(self).__name__} defines neither update nor step")

    # ---------------------------------------------------------------- saving and loading

    def state_dict(self) -> dict[str, Any]:
        """The state and options; parameters appear as numbers, in the order of the groups."""
        numbers = self._numbers()
        groups = [
            {
                **{k: v for k, v in g.items() if k != "params"},
                "params": [numbers[p] for p in g["params"]],
            }
            for g in self.param_groups
        ]
        state = {numbers.get(p, p): s for p, s in self.state.items()}
        return {"state": state, "param_groups": groups}

    def _numbers(self) -> dict[Tensor, int]:
        numbers: dict[Tensor, int] = {}
        for group in self.param_groups:
            for p in group["params"]:
                numbers.setdefault(p, len(numbers))
        return numbers

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a state that `state_dict` returned, moved to each parameter's device.

        Raises:
            ValueError: where its groups are not as many or as large as this optimizer's.
        """
        saved = state_dict["param_groups"]
        if len(saved) != len(self.param_groups):
            raise ValueError("loaded state dict has a different number of parameter groups")
        if any(len(a["params"]) != len(b["params"]) for a, b in zip(saved, self.param_groups)):
            raise ValueError(
                "loaded state dict contains a parameter group that doesn't match the size of "
                "optimizer's group"
            )
        by_number = {
            number: p
            for theirs, mine in zip(saved, self.param_groups)
            for number, p in zip(theirs["params"], mine["params"])
        }
        state: defaultdict[Tensor, dict[str, Any]] = defaultdict(dict)
        for number, values in state_dict["state"].items():
            p = by_number[number]
            state[p] = {name: _like(name, value, p) for name, value in values.items()}
        groups = []
        for theirs, mine in zip(saved, self.param_groups):
            options = {k: copy.deepcopy(v) for k, v in theirs.items() if k != "params"}
            groups.append({**options, "params": mine["params"]})
        self.state, self.param_groups = state, groups

    def __getstate__(self) -> dict[str, Any]:
        # Parameters change identity when pickled together with the state that they key.
        return {**self.__dict__, "state": list(self.state.items())}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.state = defaultdict(dict, state["state"])

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for i, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {i}")
            lines += [f"    {k}: {group[k]}" for k in sorted(group) if k != "params"]
        return "\n".join([*lines, ")"])


def arithmetic(ns: Namespace) -> tuple[Callable[..., Any], ...]:
    """Addition, multiplication and division that write into their first operand.

    Where the library is immutable they return a new array, so go on with what they return. Fresh
    memory costs more than arithmetic: an update makes as few arrays as it can.
    """
    in_place = (operator.iadd, operator.imul, operator.itruediv)
    return in_place if ns.mutable else (operator.add, operator.mul, operator.truediv)


def _like(name: str, value: Any, p: Tensor) -> Any:
    """A loaded value, as the state of `p` needs it: a copy, and counters as plain numbers."""
    if not isinstance(value, Tensor):
        return copy.deepcopy(value)
    if name == "step":
        return value.item()
    out: Tensor = value.detach().to(device=p.device, dtype=p.dtype, copy=True)
    return out
