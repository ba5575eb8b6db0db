"""How the door's functions become methods of `Tensor`, and ops become functions of the door."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from types import FunctionType
from typing import Any, TypeVar

from xpgrad.op import OpFunction, function_of, named
from xpgrad.tensor import Tensor

F = TypeVar("F", bound=Callable[..., Any])

METHODS: dict[str, Callable[..., Any]] = {}  # all that are attached; ci/stubs reads them
PROPERTIES: dict[str, Callable[..., Any]] = {}


def method(*names: str) -> Callable[[F], F]:
    """Attach a function as a method under its own name, or under `names`."""

    def attach(function: F) -> F:
        for name in names or (function.__name__,):
            METHODS[name] = function
            setattr(Tensor, name, function)
        return function

    return attach


def attribute(function: F) -> F:
    """Attach a function of one tensor as a read-only property."""
    name = function.__name__
    PROPERTIES[name] = function
    setattr(Tensor, name, property(function))
    return function


@functools.cache
def called(function: OpFunction, node: str) -> OpFunction:
    """An op under another node name, for what ends in it and has a name of its own in PyTorch."""
    return named(function, f"{node}Backward0" if not node[-1].isdigit() else node)


# ------------------------------------------------------------------ ops as they are
#
# Where PyTorch's function takes what the op takes, the door's function *is* the op: a function of
# its own (for its name and docstring) around the same call path, with nothing in between.


def unary(
    function: OpFunction, names: str, text: str, example: str = "", slope: str = ""
) -> Callable[[Tensor], Tensor]:
    """The door's function for an op of one tensor, attached as methods.

    Args:
        function: the op.
        names: PyTorch's name for it, and its aliases, with spaces between.
        text: the docstring's sentence.
        example: ``given -> result``, as tensors print them.
        slope: ``given -> gradient`` of the sum, where there is something to say about it.
    """
    return _as_is(function, names, text, example, slope)


def binary(
    function: OpFunction, names: str, text: str, example: str = "", slope: str = ""
) -> Callable[[Any, Any], Tensor]:
    """The door's function for an op of two tensors or numbers, attached as methods."""
    return _as_is(function, names, text, example, slope)


def _as_is(
    function: OpFunction, names: str, text: str, example: str, slope: str
) -> Callable[..., Any]:
    name, *aliases = names.split()
    call = documented(function, name, aliases, text, example, slope)
    attached: Callable[..., Any] = method(name, *aliases)(call)
    return attached


def documented(
    function: OpFunction,
    name: str,
    aliases: Sequence[str],
    text: str,
    example: str = "",
    slope: str = "",
) -> Any:
    """An op as the door's function of that name, which may begin with a module's: no method."""
    call = spelled(function_of(function.op), *("input", "other")[: len(function.op.inputs)])
    call.op = function.op
    call.__annotations__["return"] = "Tensor"
    call.__name__ = call.__qualname__ = name.rpartition(".")[2]
    call.__module__ = "xpgrad"
    call.__doc__ = text
    if aliases:
        call.__doc__ += f" Also called {', '.join(f'``{a}``' for a in aliases)}."
    if example:
        given, result = example.split(" -> ")
        given = ", ".join(f"xg.tensor({part})" for part in given.split("; "))
        call.__doc__ += f"\n\n>>> import xpgrad as xg\n>>> xg.{name}({given})\ntensor({result})"
    if slope:
        call.__doc__ += "\n" + _slope(name, *slope.split(" -> "))
    return call


def spelled(function: Any, *names: str) -> Any:
    """A function with other names for its first arguments, which can then be given by name.

    The code is the same, but for what it calls its arguments: there is no layer in between.
    """
    code = function.__code__
    before, rest = code.co_varnames[: len(names)], code.co_varnames[len(names) :]
    code = code.replace(co_posonlyargcount=0, co_varnames=(*names, *rest))
    made: Any = FunctionType(
        code, function.__globals__, function.__name__, function.__defaults__, function.__closure__
    )
    known = dict(zip(before, names, strict=True))
    made.__annotations__ = {known.get(k, k): v for k, v in function.__annotations__.items()}
    made.__kwdefaults__, made.__doc__ = function.__kwdefaults__, function.__doc__
    made.__module__ = function.__module__
    return made


def _slope(name: str, given: str, found: str) -> str:
    """The example that shows a gradient."""
    inputs, gradients = given.split("; "), found.split("; ")
    letters = "xy"[: len(inputs)]
    lines = [f">>> {v} = xg.tensor({part}, requires_grad=True)" for v, part in zip(letters, inputs)]
    args = ", ".join(letters)
    lines.append(
        f">>> xg.autograd.grad(xg.{name}({args}).sum(), ({args}{',' * (len(inputs) < 2)}))"
    )
    shown = ", ".join(f"tensor({g})" for g in gradients)
    return "\n".join([*lines, f"({shown}{',' * (len(inputs) < 2)})"])
