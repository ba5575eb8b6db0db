"""Modules as functions of their parameters: what transforms differentiate and map over."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from xpgrad.door.joining import stack
from xpgrad.errors import GradientError
from xpgrad.tensor import Tensor

if TYPE_CHECKING:
    from xpgrad.nn import Module


def functional_call(
    module: Module,
    parameter_and_buffer_dicts: dict[str, Tensor] | Sequence[dict[str, Tensor]],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """``module(*args, **kwargs)`` with other tensors instead of its parameters and buffers.

    The module has its own again afterwards, whatever happens. What it writes to goes into the
    tensors that are given, and what it assigns to a buffer into the dict.

    Args:
        parameter_and_buffer_dicts: tensors by dotted name, or several such dicts. Names that are
            absent mean the module's own.
        args: a tuple of arguments, or one that is none.
        tie_weights: what one name of a tensor that has several is given counts for all of them.
        strict: the names have to be exactly the module's.

    Raises:
        ValueError: for a name in two dicts; for different tensors instead of one that has several
            names.
        TypeError: for what is no Tensor.
        AttributeError: for a module that is not there.
        GradientError: with `strict`, for missing and unexpected names.

    >>> import xpgrad as xg
    >>> layer = xg.nn.Linear(2, 1)
    >>> x = xg.tensor([1.0, 2.0])
    >>> new = {"weight": xg.tensor([[10.0, 1.0]]), "bias": xg.tensor([0.5])}
    >>> xg.func.functional_call(layer, new, x)
    tensor([12.5000])
    >>> loss = lambda parameters: xg.func.functional_call(layer, parameters, x).sum()
    >>> xg.func.grad(loss)(new)
    {'weight': tensor([[1., 2.]]), 'bias': tensor([1.])}
    """
    given = _merged(parameter_and_buffer_dicts)
    names = _names(module) if tie_weights or strict else {}
    wanted = _tied(names, given) if tie_weights else dict(given)
    for value in wanted.values():
        if value is not None and not isinstance(value, Tensor):
            raise TypeError(f"{value} is not an instance of xpgrad.Tensor")
    if strict:
        _check_names(module, names, wanted)
    if args is None:
        args = ()
    elif not isinstance(args, tuple):
        args = (args,)
    with _replaced(module, wanted, given):
        return module(*args, **({} if kwargs is None else kwargs))


def _merged(dicts: Any) -> dict[str, Tensor]:
    """One dict of those given; the very one if it is one."""
    if isinstance(dicts, dict):
        return dicts
    if not isinstance(dicts, Sequence):
        raise ValueError(
            "Expected parameter_and_buffer_dicts to be a dict, or a list/tuple of dicts, but got "
            f"{type(dicts)}"
        )
    if not all(isinstance(d, dict) for d in dicts):
        raise ValueError("Expected all elements of parameter_and_buffer_dicts to be dictionaries")
    keys = [key for d in dicts for key in d]
    twice = list(dict.fromkeys(key for key in keys if keys.count(key) > 1))
    if twice:
        raise ValueError(
            f"{twice} appeared in multiple dictionaries; behavior of functional call is ambiguous"
        )
    return {key: value for d in dicts for key, value in d.items()}


def _names(module: Module) -> dict[str, Tensor]:
    """All names of all parameters and buffers."""
    return {
        **dict(module.named_parameters(remove_duplicate=False)),
        **dict(module.named_buffers(remove_duplicate=False)),
    }


def _tied(names: Mapping[str, Tensor], given: Mapping[str, Any]) -> dict[str, Any]:
    """What is given, for all names that the tensors of the given names have.

    Raises:
        ValueError: where that is not clear.
    """
    wanted = dict(given)
    groups: dict[Tensor, list[str]] = {}
    for name, tensor in names.items():
        groups.setdefault(tensor, []).append(name)
    for group in groups.values():
        found = [name for name in group if name in given]
        if any(given[name] is not given[found[0]] for name in found):
            raise ValueError(
                f"functional_call got multiple values for keys {sorted(found)}, which are tied. "
                "Consider using tie_weights=False"
            )
        if found:
            wanted |= dict.fromkeys(group, given[found[0]])
    return wanted


def _check_names(module: Module, names: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    text = ""
    for what, keys in (
        ("Unexpected", wanted.keys() - names.keys()),
        ("Missing", names.keys() - wanted.keys()),
    ):
        if keys:
            text += f"\n\t{what} key(s): {', '.join(map(repr, sorted(keys)))}."
    if text:
        raise GradientError(f"Error(s) in reparametrizing for {type(module).__name__}:{text}")


_ABSENT: Any = object()


@contextlib.contextmanager
def _replaced(module: Module, wanted: Mapping[str, Any], given: dict[str, Any]) -> Iterator[None]:
    """A context in which a module has other tensors; what it assigns meanwhile goes to `given`."""
    places = {name: _place(module, name) for name in wanted}
    # A module that has several names has one place for all of them.
    before = {(id(members), key): (members, key) for members, key in places.values()}
    saved = [(members, key, members.get(key, _ABSENT)) for members, key in before.values()]
    order = [(members, list(members)) for members, _, value in saved if value is not _ABSENT]
    for name, value in wanted.items():
        members, key = places[name]
        members[key] = value
    try:
        yield
    finally:
        for name in given:
            members, key = places[name]
            given[name] = members.get(key, given[name])
        for members, key, value in saved:
            if value is _ABSENT:
                members.pop(key, None)
            else:
                members[key] = value
        for members, keys in order:
            for key in keys if list(members)[: len(keys)] != keys else ():
                if key in members:  # at the end now, behind those that went before
                    members[key] = members.pop(key)


def _place(module: Module, name: str) -> tuple[dict[str, Any], str]:
    """The dict that holds a tensor of a module, and its key there."""
    path, _, key = name.rpartition(".")
    owner = module.get_submodule(path)
    if not key:
        raise KeyError('tensor name can\'t be empty string ""')
    own = vars(owner)
    for members in (own["_parameters"], own["_buffers"]):
        if key in members:
            return members, key
    now = getattr(owner, key, None)
    if now is not None and not isinstance(now, Tensor):
        raise TypeError(f"attribute `{key}`: {now} is not an instance of xpgrad.Tensor")
    return own, key


def stack_module_state(
    models: Sequence[Module],
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The parameters and the buffers of models of one kind, each stacked along a new dimension.

    They are what `vmap` and `functional_call` need to run all models at once. The stacked
    parameters are leaves, which require gradients as the models' own do.

    Raises:
        GradientError: for no models, or such of different classes or modes, or whose parameters
            differ in whether they require gradients.
        ShapeError: where their shapes differ.

    >>> import xpgrad as xg
    >>> models = [xg.nn.Linear(2, 3) for _ in range(5)]
    >>> parameters, buffers = xg.func.stack_module_state(models)
    >>> call = lambda p, b, x: xg.func.functional_call(models[0], (p, b), x)
    >>> xg.vmap(call, (0, 0, None))(parameters, buffers, xg.ones(4, 2)).shape
    xpgrad.Size([5, 4, 3])
    """
    if len(models) == 0:
        raise GradientError("stack_module_state: Expected at least one model, got 0.")
    if len({m.training for m in models}) > 1:
        raise GradientError(
            "stack_module_state: Expected all models to have the same training/eval mode."
        )
    if len({type(m) for m in models}) > 1:
        raise GradientError("stack_module_state: Expected all models to be of the same class.")
    parameters = [dict(m.named_parameters()) for m in models]
    buffers = [dict(m.named_buffers()) for m in models]
    return _stacked(parameters), _stacked(buffers)


def _stacked(dicts: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    found = {}
    for name in dicts[0]:
        tensors = [d[name] for d in dicts]
        if len({t.requires_grad for t in tensors}) > 1:
            raise GradientError(f"Expected {name} from each model to have the same .requires_grad")
        found[name] = stack(tensors).detach().requires_grad_(tensors[0].requires_grad)
    return found


def replace_all_batch_norm_modules_(root: Module) -> Module:
    """Let no batch normalisation inside `root` keep running statistics, in place.

    `vmap` cannot write what each example of a batch would have them be. Returns `root`.

    >>> import xpgrad as xg
    >>> model = xg.nn.Sequential(xg.nn.Linear(2, 3), xg.nn.BatchNorm1d(3))
    >>> xg.func.replace_all_batch_norm_modules_(model)[1].running_mean is None
    True
    """
    from xpgrad.nn.normalization import _BatchNorm

    for module in root.modules():
        if isinstance(module, _BatchNorm) and module.track_running_stats:
            module.running_mean = module.running_var = module.num_batches_tracked = None
            module.track_running_stats = False
    return root
