"""What happens when a module is called: its hooks, before and after, forwards and backwards."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

from xpgrad.autograd.function import Function, FunctionCtx
from xpgrad.door.creation import zeros
from xpgrad.errors import GradientError
from xpgrad.graph import RemovableHandle
from xpgrad.mode import mode
from xpgrad.tensor import Tensor


class Hooked:
    """What can be called, with hooks around the call: the upper half of `Module`."""

    _forward_hooks: OrderedDict[int, Any]
    _forward_pre_hooks: OrderedDict[int, Any]
    _backward_hooks: OrderedDict[int, Any]
    _backward_pre_hooks: OrderedDict[int, Any]

    def _missing(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(
            f'Module [{type(self).__name__}] is missing the required "forward" function'
        )

    forward: Callable[..., Any] = _missing

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not (
            self._forward_hooks
            or self._forward_pre_hooks
            or self._backward_hooks
            or self._backward_pre_hooks
        ):
            return self.forward(*args, **kwargs)
        return self._call_with_hooks(args, kwargs)

    def _call_with_hooks(self, args: Any, kwargs: dict[str, Any]) -> Any:
        for hook, with_kwargs, _ in tuple(self._forward_pre_hooks.values()):
            if with_kwargs:
                given = hook(self, args, kwargs)
                if given is not None:
                    if not isinstance(given, tuple) or len(given) != 2:
                        raise RuntimeError(
                            "forward pre-hook must return None or a tuple of (new_args, "
                            f"new_kwargs), but got {given}."
                        )
                    args, kwargs = given
            else:
                given = hook(self, args)
                if given is not None:
                    args = given if isinstance(given, tuple) else (given,)
        crossing = None
        if self._backward_hooks or self._backward_pre_hooks:
            crossing = Crossing(self)
            args = crossing.entered(args)
        due = dict(self._forward_hooks)
        result = None
        try:
            result = self.forward(*args, **kwargs)
            for key in tuple(due):
                hook, with_kwargs, _ = due.pop(key)
                given = (
                    hook(self, args, kwargs, result) if with_kwargs else hook(self, args, result)
                )
                result = result if given is None else given
        except Exception:
            for hook, with_kwargs, always in due.values():
                if always:
                    hook(self, args, kwargs, result) if with_kwargs else hook(self, args, result)
            raise
        return result if crossing is None else crossing.left(result)

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, args)`` before ``forward``; what it returns replaces ``args``.

        With `with_kwargs` it is ``hook(module, args, kwargs)`` and returns both, or `None`.
        """
        return _registered(self._forward_pre_hooks, (hook, with_kwargs, False), prepend)

    def register_forward_hook(
        self,
        hook: Callable[..., Any],
        *,
        prepend: bool = False,
        with_kwargs: bool = False,
        always_call: bool = False,
    ) -> RemovableHandle:
        """Call ``hook(module, args, output)`` after ``forward``; what it returns replaces it.

        With `with_kwargs` it is ``hook(module, args, kwargs, output)``; with `always_call` it also
        runs where ``forward`` raised.

        >>> import xpgrad as xg
        >>> layer = xg.nn.ReLU()
        >>> with layer.register_forward_hook(lambda module, args, output: output + 1):
        ...     layer(xg.tensor([-1.0, 1.0]))
        tensor([1., 2.])
        """
        return _registered(self._forward_hooks, (hook, with_kwargs, always_call), prepend)

    def register_full_backward_pre_hook(
        self, hook: Callable[[Any, Any], Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, grad_output)`` before a backward comes through the module.

        `grad_output` has the gradient of each of the module's results, `None` for what is no
        tensor. What the hook returns, unless `None`, is used instead.

        >>> import xpgrad as xg
        >>> layer = xg.nn.Identity()
        >>> handle = layer.register_full_backward_pre_hook(lambda module, grads: (grads[0] * 10,))
        >>> x = xg.tensor(1.0, requires_grad=True); layer(x).backward(); x.grad
        tensor(10.)
        """
        return _registered(self._backward_pre_hooks, hook, prepend)

    def register_full_backward_hook(
        self, hook: Callable[[Any, Any, Any], Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, grad_input, grad_output)`` after a backward came through the module.

        Both are tuples: of the gradients of the positional arguments and of the results, `None`
        for what is no tensor. What the hook returns, unless `None`, is used as `grad_input`.
        Arguments and results pass through a node on the way, so that neither can be written to in
        place. Where no argument requires a gradient, the hook is called, with a warning, when the
        gradients of the results are there.

        >>> import xpgrad as xg
        >>> layer = xg.nn.Linear(3, 1)
        >>> handle = layer.register_full_backward_hook(
        ...     lambda module, grad_input, grad_output: print(grad_output[0].shape)
        ... )
        >>> layer(xg.ones(2, 3, requires_grad=True)).sum().backward()
        xpgrad.Size([2, 1])
        """
        return _registered(self._backward_hooks, hook, prepend)


def _registered(hooks: Any, entry: Any, prepend: bool) -> RemovableHandle:
    handle = RemovableHandle(hooks, entry)
    if prepend:
        hooks.move_to_end(handle.id, last=False)
    return handle


# ------------------------------------------------------------------ backwards


class BackwardHookFunction(Function):
    """Nothing but a node that several tensors pass through, so that it sees all their gradients."""

    @staticmethod
    def forward(ctx: FunctionCtx, *tensors: Tensor) -> Any:
        """The tensors, as views."""
        ctx.mark_non_differentiable(*[x for x in tensors if not x.requires_grad])
        return tensors

    @staticmethod
    def backward(ctx: FunctionCtx, *grads: Tensor) -> Any:
        """The gradients."""
        return grads


class Crossing:
    """One call of a module with backward hooks: the nodes at its entrance and at its exit."""

    def __init__(self, module: Hooked) -> None:
        self.module = module
        self.before = tuple(module._backward_pre_hooks.values())
        self.after = tuple(module._backward_hooks.values())
        self.sizes = (0, 0)  # how many arguments, how many results
        self.entrance: list[int] | None = None  # which arguments are tensors, if any needs one
        self.grad_output: Any = None  # between exit and entrance
        self.forms: list[Any] = []  # of the arguments that are tensors

    def entered(self, args: Any) -> Any:
        """The arguments, behind a node that calls the hooks last."""
        self.sizes = (len(args), 0)
        # Of what requires no gradient hooks get zeros.
        self.forms = [
            (tuple(x.shape), x.dtype, x.device) if isinstance(x, Tensor) else None for x in args
        ]
        args, self.entrance = _through(args, self._at_entrance)
        return args

    def left(self, result: Any) -> Any:
        """The results, behind a node that notes their gradients first."""
        results = result if isinstance(result, tuple) else (result,)
        self.sizes = (self.sizes[0], len(results))
        results, places = _through(results, lambda *grads: self._at_exit(places, *grads))
        return results if isinstance(result, tuple) else results[0]

    def _at_exit(self, places: Any, _: Any, given: tuple[Any, ...]) -> Any:
        grads: Any = _spread(given, places, self.sizes[1])
        for hook in self.before:
            new = hook(self.module, grads)
            if new is not None:
                _same_number("Backward pre hook", "grad_output", new, grads)
                grads = new
        if self.entrance is not None:
            self.grad_output = grads
        else:
            warnings.warn(
                "Full backward hook is firing when gradients are computed with respect to module "
                "outputs since no inputs require gradients.",
                UserWarning,
                stacklevel=2,
            )
            for fn in self.after:
                new = fn(self.module, (None,) * self.sizes[0], grads)
                nothing = isinstance(new, tuple) and all(g is None for g in new)
                if new is not None and not nothing:
                    raise GradientError(
                        "Backward hook for Modules where no input requires gradient should always "
                        "return None or None for all gradients."
                    )
        return tuple([grads[i] for i in places])

    def _at_entrance(self, given: tuple[Any, ...], _: Any) -> Any:
        if self.grad_output is None:  # came to the arguments, but not by way of the results
            return None
        places = self.entrance or []
        grads: Any = _spread(given, places, self.sizes[0])
        grads = tuple(
            [
                zeros(form[0], dtype=form[1], device=form[2]) if g is None and form else g
                for g, form in zip(grads, self.forms)
            ]
        )
        for hook in self.after:
            new = hook(self.module, grads, self.grad_output)
            if new is not None:
                _same_number("Backward hook", "grad_input", new, grads)
                grads = new
        self.grad_output = None
        return tuple([None if g is None else grads[i] for i, g in zip(places, given)])


def _through(values: Any, hook: Callable[..., Any]) -> tuple[Any, list[int] | None]:
    """The values, with tensors behind a common node that has a hook; and which those are."""
    places = [i for i, value in enumerate(values) if isinstance(value, Tensor)]
    if not mode.grad or not any(values[i].requires_grad for i in places):
        return values, None
    new = list(values)
    for i, x in zip(places, BackwardHookFunction.apply(*[values[i] for i in places])):
        new[i] = x
    node = next(new[i].grad_fn for i in places if new[i].requires_grad)
    node.register_hook(hook)
    return (tuple(new) if type(values) is tuple else type(values)(*new)), places


def _spread(values: Sequence[Any], places: Any, size: int) -> tuple[Any, ...]:
    found = dict(zip(places, values))
    return tuple([found.get(i) for i in range(size)])


def _same_number(who: str, what: str, new: Any, old: Any) -> None:
    if len(new) != len(old):
        raise GradientError(
            f"{who} returned an invalid number of {what}, got {len(new)}, but expected {len(old)}"
        )
