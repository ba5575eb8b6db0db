"""What the functions have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from xpgrad import dtypes
from xpgrad.door.arguments import UnsupportedDType, only_tensor
from xpgrad.namespace import Array
from xpgrad.ops.device import clone
from xpgrad.random import inside, source
from xpgrad.tensor import Tensor


def floating(x: Any, what: str, position: int = 1) -> Tensor:
    """`x`, which must be a Tensor of floating-point or complex numbers."""
    found = only_tensor(x, what, position=position)
    if found._node is None and found._data.dtype not in found._ns.inexact:
        raise UnsupportedDType(
            f"\"{what}\" not implemented for '{found.dtype.torch_name}': convert the input with "
            f".to(xpgrad.{dtypes.get_default_dtype().name}) first"
        )
    return found


def real(x: Any, what: str, position: int = 1) -> Tensor:
    """`x`, which must be a Tensor of floating-point numbers."""
    found = floating(x, what, position)
    if found._data.dtype in found._ns.complexes:
        raise UnsupportedDType(f"\"{what}\" not implemented for '{found.dtype.torch_name}'")
    return found


def drawn(x: Tensor, shape: tuple[int, ...]) -> tuple[Tensor, Array]:
    """Numbers uniform in [0, 1) to go with `x`, and `x` as they know it (they may be batched)."""
    x = inside(x)
    ns = x._ns
    with ns.current():
        return x, ns.wrap(source(ns, None).uniform(shape, ns.native(x.dtype.to_real())))


def activate(function: Callable[..., Tensor], x: Tensor, inplace: bool, **settings: Any) -> Tensor:
    """The activation of `x`, written over it if `inplace`."""
    if not inplace:
        return function(x, **settings)
    # Of a copy: the rule may want what is about to be overwritten.
    return x.copy_(function(clone(x), **settings))
