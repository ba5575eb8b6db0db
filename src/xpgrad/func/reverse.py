"""Gradients of functions: `grad`, `vjp`, and whole Jacobians and Hessians.

A function is called on inputs that nobody else has seen, so that derivatives are its own: with
respect to what is passed in here, whatever else requires a gradient. If something from outside does
(a captured weight, an input, what an outer transform differentiates), the results have a history
that leads there; otherwise nothing is recorded twice.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Any

from xpgrad.autograd.gradients import grad as gradients_of
from xpgrad.backward import tensor_namespace
from xpgrad.errors import GradientError
from xpgrad.func.mapping import vmap
from xpgrad.func.trees import flatten, map_tensors, outline
from xpgrad.graph import Node, tick
from xpgrad.mode import mode
from xpgrad.ops.indexing import alias
from xpgrad.tensor import Tensor, wrap

Argnums = int | tuple[int, ...]


class Recording:
    """Record for a transform of its own: whatever the grad mode outside, which comes back after.

    Attributes:
        outside: whether ops were recorded outside.
        since: nodes with a smaller number were there before.
    """

    def __enter__(self) -> Recording:
        self.outside = mode.grad
        self.frozen = None if mode.level is None else mode.level.freeze(mode.grad)
        mode.grad = True
        mode.transforms += 1
        self._around = mode.recordings, mode.pulling
        mode.recordings, mode.pulling = (*mode.recordings, self), None
        self.since = tick()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        mode.grad = self.outside
        mode.transforms -= 1
        mode.recordings, mode.pulling = self._around
        if self.frozen is not None:
            self.frozen.recording_below = None

    @contextlib.contextmanager
    def pulling(self) -> Iterator[None]:
        """What runs inside is the backward of this transform, which calls its hooks."""
        before, mode.pulling = mode.pulling, self
        try:
            yield
        finally:
            mode.pulling = before

    def hooked(self, hook: Callable[..., Any]) -> Callable[..., Any]:
        """A hook that was registered in here: not for those who differentiate the gradient."""

        @functools.wraps(hook)
        def call(*args: Any) -> Any:
            inside = mode.pulling is None and self in mode.recordings
            return hook(*args) if inside or mode.pulling is self else None

        return call

    def fresh(self, t: Tensor) -> Tensor:
        """A tensor to differentiate with respect to, with the values and the history of `t`."""
        if not isinstance(t, Tensor):
            raise ValueError(f"Thing passed to transform API must be Tensor, got {type(t)}")
        if mode.level is not None:
            t = mode.level.over(t._ns.base).lift(t)
        if t._node is not None and self.outside:
            out: Tensor = alias(t, index=(...,))
            return out
        return own(t).requires_grad_()

    def leads_out(self, tensors: Sequence[Tensor], inputs: Sequence[Tensor]) -> bool:
        """Whether the history of any tensor leads to something besides the inputs."""
        if not self.outside:
            return False
        own = {x._node for x in inputs}
        if any(node is not None and node.edges for node in own):
            return True  # the inputs have a history themselves
        stack: list[Node] = [t._node for t in tensors if t._node is not None]
        seen = set(stack)
        while stack:
            node = stack.pop()
            if node in own:
                continue
            if node.seq < self.since or not node.edges:
                return True
            for edge in node.edges:
                if edge is not None and edge not in seen:
                    seen.add(edge)
                    stack.append(edge)
        return False

    def closed(self, t: Tensor, inputs: Sequence[Tensor]) -> Tensor:
        """A result, without the part of its history that is the transform's own business."""
        return t if t._node is None or self.leads_out([t], inputs) else own(t)


def own(t: Tensor) -> Tensor:
    """`t` without what was recorded of it here; what outer transforms know stays."""
    return t._shown(t._counter())


# ------------------------------------------------------------------ which arguments


def chosen(args: tuple[Any, ...], argnums: Argnums) -> Any:
    """The arguments to differentiate with respect to: one, or a tuple of them.

    Raises:
        GradientError: for numbers that are none of an argument.
    """
    if isinstance(argnums, int) and not isinstance(argnums, bool):
        return args[_place(argnums, len(args))]
    if not isinstance(argnums, tuple):
        raise GradientError(f"argnums must be int or Tuple[int, ...], got: {type(argnums)}")
    if not argnums:
        raise GradientError("argnums must be non-empty")
    if len(set(argnums)) < len(argnums):
        raise GradientError(f"argnums elements must be unique, got {argnums}")
    for n in argnums:
        if not isinstance(n, int):
            raise GradientError(f"argnums must be int or Tuple[int, ...], got: {argnums}")
    return tuple(args[_place(n, len(args))] for n in argnums)


def _place(n: int, count: int) -> int:
    if not -count <= n < count:
        raise GradientError(f"Got argnum={n}, but only {count} positional inputs")
    return n % count


def replaced(args: tuple[Any, ...], argnums: Argnums, values: Any) -> tuple[Any, ...]:
    """The arguments with others for those that `chosen` chose."""
    out = list(args)
    if isinstance(argnums, int):
        out[argnums] = values
    else:
        for n, value in zip(argnums, values, strict=True):
            out[n] = value
    return tuple(out)


def zeros_like(t: Tensor) -> Tensor:
    """Zeros of a tensor's shape, dtype, device and level, without a history."""
    return wrap(t._ns.zeros(tuple(t._data.shape), dtype=t._data.dtype), t._ns)


# ------------------------------------------------------------------ gradients


def grad(
    func: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """The function that computes the gradient of `func`, which returns a single number.

    It can be differentiated itself, to any order, mapped by `vmap` and pushed forward by `jvp`.

    Args:
        argnums: with respect to which positional argument(s); each may be a tree of Tensors.
        has_aux: `func` returns a pair, and so does the result: what comes second is passed on.

    Returns:
        A function that takes what `func` takes and returns a gradient for each chosen argument,
        nested like it.

    Raises:
        GradientError: where `func` does not return a Tensor with one element.

    >>> import xpgrad as xg
    >>> f = lambda x: (x ** 3).sum()
    >>> xg.func.grad(f)(xg.tensor([1.0, 2.0]))
    tensor([ 3., 12.])
    >>> xg.func.grad(xg.func.grad(lambda x: x ** 3))(xg.tensor(2.0))
    tensor(12.)
    """
    both = grad_and_value(func, argnums, has_aux)

    @functools.wraps(func)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        found, value = both(*args, **kwargs)
        return (found, value[1]) if has_aux else found

    return gradient


def grad_and_value(
    func: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """The function that computes the gradient of `func` and what `func` returns; see `grad`.

    With `has_aux` the second result is a pair: the value and what came with it.

    >>> import xpgrad as xg
    >>> xg.func.grad_and_value(lambda x: x * x)(xg.tensor(3.0))
    (tensor(6.), tensor(9.))
    """

    @functools.wraps(func)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        leaves, make = flatten(chosen(args, argnums))
        with Recording() as recording:
            inputs = [recording.fresh(t) for t in leaves]
            output = func(*replaced(args, argnums, make(inputs)), **kwargs)
            aux = None
            if has_aux:
                if not (isinstance(output, tuple) and len(output) == 2):
                    raise GradientError(
                        "grad_and_value(f)(*args): output of function f should be a tuple: "
                        "(output, aux) if has_aux is True"
                    )
                output, aux = output
            if not isinstance(output, Tensor):
                raise GradientError(
                    "grad_and_value(f)(*args): Expected f(*args) to return a Tensor, got "
                    f"{type(output)}"
                )
            if output.shape:
                raise GradientError(
                    "grad_and_value(f)(*args): Expected f(*args) to return a scalar Tensor, got "
                    f"tensor with {output.ndim} dims. Maybe you wanted to use the vjp or jacrev "
                    "APIs instead?"
                )
            further = recording.leads_out([output], inputs)
            with recording.pulling():
                found = pulled([output], inputs, [None], further)
            value = output if further else own(output)
            if has_aux:
                aux = map_tensors(lambda t: recording.closed(t, inputs), aux)
        return make(found), ((value, aux) if has_aux else value)

    return gradient


def pulled(
    outputs: Sequence[Tensor],
    inputs: Sequence[Tensor],
    cotangents: Sequence[Tensor | None],
    create_graph: bool,
    retain_graph: bool | None = None,
) -> list[Tensor]:
    """The gradient of each input; zeros for one that no output depends on."""
    used = [(o, c) for o, c in zip(outputs, cotangents, strict=True) if o._node is not None]
    found: Sequence[Tensor | None] = [None] * len(inputs)
    if used and inputs:
        found = gradients_of(
            [o for o, _ in used],
            list(inputs),
            [c for _, c in used],
            retain_graph=retain_graph,
            create_graph=create_graph,
            allow_unused=True,
        )
    return [zeros_like(x) if g is None else g for g, x in zip(found, inputs, strict=True)]


def vjp(func: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """``func(*primals)`` and the function that multiplies vectors with its transposed Jacobian.

    Args:
        primals: trees of Tensors.
        has_aux: `func` returns a pair; what comes second is passed on as a third result.

    Returns:
        The output, and a function of a cotangent that is nested and shaped like the output. It
        returns a gradient for each of the primals (one alone if there is one), may be called
        several times, and be mapped by `vmap`.

    Raises:
        GradientError: where `func` returns something besides Tensors; from the function, for a
            cotangent that is nested or shaped unlike the output.

    >>> import xpgrad as xg
    >>> y, pull = xg.func.vjp(lambda x: x * x, xg.tensor([1.0, 2.0]))
    >>> pull(xg.tensor([1.0, 10.0]))
    (tensor([ 2., 40.]),)
    """
    return _vjp(func, primals, has_aux, "vjp(f, *primals)")


def _vjp(func: Callable[..., Any], primals: tuple[Any, ...], has_aux: bool, what: str) -> Any:
    leaves, make = flatten(primals)
    with Recording() as recording:
        inputs = [recording.fresh(t) for t in leaves]
        result = func(*make(inputs))
        aux = None
        if has_aux:
            if not (isinstance(result, tuple) and len(result) == 2):
                raise GradientError(
                    f"{what}: output of function f should be a tuple: (output, aux) if has_aux is "
                    "True"
                )
            result, aux = result
            aux = map_tensors(lambda t: recording.closed(t, inputs), aux)
        outputs, make_output = flatten(result)
        for o in outputs:
            if not isinstance(o, Tensor):
                raise GradientError(
                    f"{what}: expected f(*primals) to return only tensors, got unsupported type "
                    f"{type(o)}"
                )
        outward = recording.leads_out(outputs, inputs)
        shown = make_output([recording.closed(o, inputs) for o in outputs])

    def pull(
        cotangents: Any, retain_graph: bool = True, create_graph: bool | None = None
    ) -> tuple[Any, ...]:
        given, _ = flatten(cotangents)
        if outline(cotangents) != outline(result):
            raise GradientError(
                "Expected pytree structure of cotangents to be the same as pytree structure of "
                f"outputs to the function. cotangents: {outline(cotangents)}, primal output: "
                f"{outline(result)}"
            )
        further = create_graph
        if further is None:
            further = mode.grad and (outward or any(c._node is not None for c in given))
        with recording.pulling():
            found: tuple[Any, ...] = make(pulled(outputs, inputs, given, further, retain_graph))
        return found

    return (shown, pull, aux) if has_aux else (shown, pull)


# ------------------------------------------------------------------ whole Jacobians


def jacrev(
    func: Callable[..., Any],
    argnums: Argnums = 0,
    *,
    has_aux: bool = False,
    chunk_size: int | None = None,
    _preallocate_and_copy: bool = False,
) -> Callable[..., Any]:
    """The function that computes the Jacobian of `func` by reverse mode, all rows at once.

    Args:
        argnums: with respect to which positional argument(s).
        has_aux: `func` returns a pair; what comes second is passed on.
        chunk_size: so many rows at a time, to save memory; 1 needs the least.

    Returns:
        A function that takes what `func` takes. For each output and each chosen argument, nested
        like the outputs first, there is a Tensor of the output's shape followed by the argument's.

    Raises:
        GradientError: where `func` returns something besides Tensors.
        ValueError: for a `chunk_size` that is not positive.

    >>> import xpgrad as xg
    >>> xg.func.jacrev(lambda x: x * x)(xg.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    if chunk_size is not None and chunk_size <= 0:
        raise ValueError("jacrev: `chunk_size` should be greater than 0.")

    @functools.wraps(func)
    def jacobian(*args: Any, **kwargs: Any) -> Any:
        picked = chosen(args, argnums)

        def of_picked(value: Any) -> Any:
            return func(*replaced(args, argnums, value), **kwargs)

        result = _vjp(of_picked, (picked,), has_aux, "vjp(f, *primals)")
        outputs, make_output = flatten(result[0])
        inputs, make_input = flatten(picked)
        rows = sum(o.shape.numel() for o in outputs)

        def pull(*cotangents: Tensor) -> tuple[Tensor, ...]:
            (found,) = result[1](make_output(list(cotangents)))
            return tuple(flatten(found)[0])

        basis = unit_vectors(outputs)
        if rows > 1:
            columns = vmap(pull, chunk_size=chunk_size)(*basis)
        elif rows:  # a number's gradient is all there is
            columns = [_stretched(g, 1) for g in pull(*(b[0] for b in basis))]
        else:
            columns = [_stretched(zeros_like(x), 0) for x in inputs]
        blocks, start = [], 0
        for o in outputs:
            stop = start + o.shape.numel()
            parts = [
                column[start:stop].reshape((*o.shape, *x.shape))
                for column, x in zip(columns, inputs, strict=True)
            ]
            blocks.append(make_input(parts))
            start = stop
        found = make_output(blocks)
        return (found, result[2]) if has_aux else found

    return jacobian


def _stretched(t: Tensor, size: int) -> Tensor:
    xp = tensor_namespace(t._ns)
    out: Tensor = xp.broadcast_to(xp.expand_dims(t, axis=0), (size, *t.shape))
    return out


def unit_vectors(tensors: Sequence[Tensor]) -> list[Tensor]:
    """All unit vectors of the space that the tensors span together, along a new first dimension."""
    sizes = [t.shape.numel() for t in tensors]
    total, start, found = sum(sizes), 0, []
    for t, size in zip(tensors, sizes, strict=True):
        base = t._ns.base
        with base.current():
            eye = base.eye(total, size, k=-start, dtype=t._data.dtype)
            found.append(wrap(base.reshape(eye, (total, *t._data.shape)), base))
        start += size
    return found


def hessian(func: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., Any]:
    """The function that computes the Hessian of `func`: forward mode over reverse mode.

    Args:
        argnums: with respect to which positional argument(s).

    >>> import xpgrad as xg
    >>> xg.func.hessian(lambda x: (x ** 3).sum())(xg.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    from xpgrad.func.forward import jacfwd

    return jacfwd(jacrev(func, argnums), argnums)
