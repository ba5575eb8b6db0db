"""Forward mode: `jvp`, `jacfwd` and `linearize`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from xpgrad.errors import GradientError, ShapeError
from xpgrad.func.dual import DualLevel
from xpgrad.func.mapping import check_randomness, vmap
from xpgrad.func.reverse import (
    Argnums,
    Recording,
    chosen,
    pulled,
    replaced,
    unit_vectors,
    zeros_like,
)
from xpgrad.func.trees import flatten, map_tensors, outline
from xpgrad.mode import mode
from xpgrad.tensor import Tensor

HEAD = "jvp(f, primals, tangents)"


def jvp(
    func: Callable[..., Any],
    primals: Any,
    tangents: Any,
    *,
    strict: bool = False,
    has_aux: bool = False,
) -> Any:
    """``func(*primals)`` and the product of its Jacobian with `tangents`, in one pass.

    Args:
        primals: a tuple of the arguments; each may be a tree of Tensors.
        tangents: nested and shaped like the primals.
        strict: an output that does not depend on the inputs is an error rather than zeros.
        has_aux: `func` returns a pair; what comes second is passed on as a third result.

    Returns:
        The output, and its tangent, which is nested and shaped like it.

    Raises:
        GradientError: `primals` is no tuple of Tensors; `tangents` is nested otherwise; `func`
            returns something besides Tensors.
        ShapeError: for a tangent that is shaped unlike its primal.

    >>> import xpgrad as xg
    >>> xg.func.jvp(lambda x: x * x, (xg.tensor([1.0, 2.0]),), (xg.tensor([1.0, 10.0]),))
    (tensor([1., 4.]), tensor([ 2., 40.]))
    """
    if not isinstance(primals, tuple):
        raise GradientError(
            f"{HEAD}: Expected primals to be a tuple. E.g. it should be valid to call f(*primals)."
        )
    points, make = flatten(primals)
    directions, _ = flatten(tangents)
    if outline(primals) != outline(tangents):
        raise GradientError(
            f"{HEAD}: Expected primals and tangents to have the same python structure. For "
            "example, if primals is a tuple of 3 tensors, tangents also must be. Got primals with "
            f"structure {outline(primals)} and tangents with structure {outline(tangents)}"
        )
    if not points:
        raise GradientError(f"{HEAD}: Expected primals to contain at least one Tensor.")
    for what, values in (("primals", points), ("tangents", directions)):
        for value in values:
            if not isinstance(value, Tensor):
                raise GradientError(
                    f"{HEAD}: Expected {what} to only contain Tensors, got {type(value)}"
                )
    with DualLevel() as level:
        duals = [dual(level, p, t) for p, t in zip(points, directions, strict=True)]
        result = func(*make(duals))
        aux = None
        if has_aux:
            if not (isinstance(result, tuple) and len(result) == 2):
                raise GradientError(
                    f"{HEAD}: output of function f should be a tuple: (output, aux) if has_aux is "
                    "True"
                )
            result, aux = result
            aux = map_tensors(lambda t: level.parts(t)[0], aux)
        outputs, build = flatten(result)
        values, changes = [], []
        for o in outputs:
            if not isinstance(o, Tensor):
                raise GradientError(
                    f"{HEAD}: expected f(*primals) to return only tensors, got unsupported type "
                    f"{type(o)}"
                )
            value, change = level.parts(o)
            if change is None:
                if strict:
                    raise GradientError(
                        f"{HEAD[:-1]}, strict=True): The output of f is independent of the inputs. "
                        "This is not allowed with strict=True."
                    )
                change = zeros_like(value)
            values.append(value)
            changes.append(change)
    found = (build(values), build(changes))
    return (*found, aux) if has_aux else found


def dual(level: DualLevel, primal: Tensor, tangent: Tensor) -> Tensor:
    """A dual number of checked parts.

    Raises:
        ShapeError: where they are shaped unalike.
        DTypeError: for a primal that has no derivative.
    """
    if primal.shape != tangent.shape:
        raise ShapeError(
            "Trying to set a forward gradient that has a different size than that of the original "
            f"Tensor, this is not supported. Tensor is of size {list(primal.shape)} while the "
            f"given forward gradient is of size {list(tangent.shape)}."
        )
    return level.make(primal, tangent)


def jacfwd(
    func: Callable[..., Any],
    argnums: Argnums = 0,
    has_aux: bool = False,
    *,
    randomness: str = "error",
) -> Callable[..., Any]:
    """The function that computes the Jacobian of `func` by forward mode, all columns at once.

    Cheaper than `jacrev` where there are more outputs than inputs; the result is the same.

    Args:
        argnums: with respect to which positional argument(s).
        has_aux: `func` returns a pair; what comes second is passed on.
        randomness: see `vmap`.

    >>> import xpgrad as xg
    >>> xg.func.jacfwd(lambda x: x * x)(xg.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    check_randomness(randomness)

    @functools.wraps(func)
    def jacobian(*args: Any, **kwargs: Any) -> Any:
        picked = chosen(args, argnums)
        inputs, make_input = flatten(picked)
        for x in inputs:
            if not isinstance(x, Tensor):
                raise GradientError(
                    f"{HEAD}: Expected primals to only contain Tensors, got {type(x)}"
                )
        shapes: list[tuple[Any, Any]] = []
        kept: list[Any] = []

        def push(*directions: Tensor) -> Any:
            def of_picked(*leaves: Tensor) -> Any:
                value = make_input(list(leaves))
                return func(*replaced(args, argnums, value), **kwargs)

            found = jvp(of_picked, tuple(inputs), directions, has_aux=has_aux)
            if has_aux:
                leaves, build = flatten(found[2])
                kept.append((len(leaves), build))
            changes, build = flatten(found[1])
            shapes.append(([o.shape for o in changes], build))
            return (*changes, *(leaves if has_aux else ()))

        count = sum(x.shape.numel() for x in inputs)
        if count == 0:
            raise GradientError("jacfwd: the inputs have no elements to differentiate by")
        basis = unit_vectors(inputs)
        results = vmap(push, randomness=randomness)(*basis)
        (forms, build_output) = shapes[0]
        blocks = []
        for column, form in zip(results, forms, strict=False):
            start, parts = 0, []
            for x in inputs:
                stop = start + x.shape.numel()
                part = column[start:stop]
                axes = (*range(1, part.ndim), 0)
                parts.append(part.permute(axes).reshape((*form, *x.shape)))
                start = stop
            blocks.append(make_input(parts))
        found = build_output(blocks)
        if has_aux:
            aux = [t[0] if isinstance(t, Tensor) else t for t in results[len(forms) :]]
            return found, kept[0][1](aux)
        return found

    return jacobian


def linearize(func: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[..., Any]]:
    """``func(*primals)`` and its derivative there: a linear function of tangents.

    `func` is called once; the derivative can be applied to many tangents without doing so again.

    Returns:
        The output, and a function of tangents that are nested and shaped like the primals.

    Raises:
        GradientError: from the function, for tangents that are nested or shaped unlike the primals.

    >>> import xpgrad as xg
    >>> y, push = xg.func.linearize(lambda x: x * x, xg.tensor([1.0, 2.0]))
    >>> push(xg.tensor([1.0, 10.0]))
    tensor([ 2., 40.])
    """
    points, make = flatten(primals)
    with Recording() as recording:
        inputs = [recording.fresh(t) for t in points]
        result = func(*make(inputs))
        outputs, build = flatten(result)
        tensors = [o for o in outputs if isinstance(o, Tensor)]
        # J.T u for any u, recorded once; it is linear in u, and its transpose is what is wanted.
        us = [zeros_like(o).requires_grad_() for o in tensors if o._node is not None]
        with recording.pulling():
            pull = pulled([o for o in tensors if o._node is not None], inputs, us, True, True)
        outward = recording.leads_out(tensors, inputs)
        shown = build(
            [recording.closed(o, inputs) if isinstance(o, Tensor) else o for o in outputs]
        )

    def push(*tangents: Any) -> Any:
        given, _ = flatten(tangents)
        if outline(tangents) != outline(primals):
            raise GradientError(
                f"Expected the tangents {outline(tangents)} to have the same argspec as the "
                f"primals {outline(primals)}"
            )
        for i, (t, p) in enumerate(zip(given, points, strict=True)):
            for what in ("shape", "dtype", "device"):
                if getattr(t, what) != getattr(p, what):
                    raise GradientError(
                        f"tangent:{i} with {what} {getattr(t, what)} in flattened pytree doesn't "
                        f"match the {what} {getattr(p, what)} of the corresponding primal."
                    )
        further = mode.grad and (outward or any(t._node is not None for t in given))
        found = iter(pulled(pull, us, given, further, True))
        return build(
            [
                o
                if not isinstance(o, Tensor)
                else next(found)
                if o._node is not None
                else zeros_like(o)
                for o in outputs
            ]
        )

    return shown, push
