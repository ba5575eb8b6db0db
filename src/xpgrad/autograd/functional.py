"""Derivatives of functions: whole Jacobians and Hessians, and their products with vectors.

Inputs and results are Tensors or tuples of Tensors, and results are nested like them: what depends
on the output comes first, then what depends on the input. The function is called on copies without
history, so the caller's graph is neither needed nor touched, unless ``create_graph=True``.

With ``strict=True``, a result that does not depend on an input is an error rather than zeros.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from xpgrad.autograd.gradients import grad, stack
from xpgrad.backward import tensor_namespace
from xpgrad.errors import GradientError, ShapeError
from xpgrad.mode import enable_grad
from xpgrad.tensor import Tensor, wrap

Function = Callable[..., Any]
Tensors = tuple[Tensor, ...]


# ------------------------------------------------------------------ what goes in and out


def _as_tuple(given: Any, what: str, name: str) -> tuple[bool, Tensors]:
    """Whether `given` was a tuple, and it as one."""
    if isinstance(given, Tensor):
        return False, (given,)
    whose = "outputs of the user-provided function" if what == "outputs" else what
    noun = f"The {whose} given to {name}"
    if not isinstance(given, tuple):
        raise TypeError(
            f"{noun} must be either a Tensor or a tuple of Tensors but the given {whose} has type "
            f"{type(given)}."
        )
    for i, t in enumerate(given):
        if not isinstance(t, Tensor):
            raise TypeError(
                f"{noun} must be either a Tensor or a tuple of Tensors but the value at index {i} "
                f"has type {type(t)}."
            )
    return True, given


def _like(values: Sequence[Any], as_tuple: bool) -> Any:
    return tuple(values) if as_tuple else values[0]


def _sources(inputs: Tensors, create_graph: bool) -> Tensors:
    """What to differentiate with respect to: new tensors, so that nobody's ``.grad`` is in play."""
    if not create_graph:
        return tuple(t.detach().requires_grad_() for t in inputs)
    # Connected to the caller's graph where there is one. Each is a tensor of its own, so that one
    # given twice still has two gradients.
    return tuple(_view(t) if t._node is not None else t.detach().requires_grad_() for t in inputs)


def _view(t: Tensor) -> Tensor:
    out: Tensor = tensor_namespace(t._ns).reshape(t, tuple(t.shape))
    return out


def _finished(values: Sequence[Tensor], create_graph: bool) -> Tensors:
    """Results for the caller: without history, unless it was asked for."""
    return tuple(values) if create_graph else tuple(t.detach() for t in values)


def _call(func: Function, inputs: Tensors, name: str, strict: bool) -> tuple[bool, Tensors]:
    """Call the user's function; whether it returned a tuple, and its results as one."""
    is_tuple, outputs = _as_tuple(func(*inputs), "outputs", name)
    if strict:
        for i, o in enumerate(outputs):
            if o._node is None:
                raise GradientError(
                    f"Output {i} of the user-provided function does not require gradients. The "
                    "outputs must be computed in a differentiable manner from the input when "
                    "running in strict mode."
                )
    return is_tuple, outputs


def _single(is_tuple: bool, outputs: Tensors, name: str) -> None:
    if is_tuple:
        raise GradientError(f"The function given to {name} should return a single Tensor")
    if outputs[0].shape.numel() != 1:
        raise GradientError(
            f"The Tensor returned by the function given to {name} should contain a single element"
        )


def _vector(v: Any, like: Tensors, like_is_tuple: bool, name: str, why: str) -> Tensors:
    """The vector of a product, checked against what it must be shaped like."""
    if v is None:
        if len(like) != 1 or like[0].shape.numel() != 1:
            raise GradientError(
                f"The vector v can only be None if {why} a single Tensor with a single element."
            )
        return tuple(_filled(t, 1) for t in like)
    _, found = _as_tuple(v, "v", name)
    if len(found) != len(like):
        if like_is_tuple:
            raise GradientError(
                f"v is a tuple of invalid length: should be {len(like)} but got {len(found)}."
            )
        raise GradientError("The given v should contain a single Tensor.")
    for i, (a, b) in enumerate(zip(found, like, strict=True)):
        if a.shape != b.shape:
            what = f"Entry {i} in v" if len(like) > 1 else "v"
            raise ShapeError(f"{what} has invalid size: should be {b.shape} but got {a.shape}.")
    return found


OUTPUT = "the user-provided function returns"
INPUT = "the input to the user-provided function is"


def _filled(t: Tensor, value: int) -> Tensor:
    ns = t._ns
    make = ns.ones if value else ns.zeros
    return wrap(make(tuple(t.shape), dtype=t._data.dtype), ns)


# ------------------------------------------------------------------ gradients, and what is missing


def _grads(
    outputs: Sequence[Tensor],
    inputs: Sequence[Tensor],
    vectors: Sequence[Tensor | None],
    create_graph: bool,
    batched: bool = False,
) -> tuple[Tensor | None, ...]:
    """`grad`, with `None` for what is not connected."""
    used = [(o, v) for o, v in zip(outputs, vectors, strict=True) if o._node is not None]
    if not used:
        return (None,) * len(inputs)
    found: tuple[Tensor | None, ...] = grad(
        [o for o, _ in used],
        list(inputs),
        [v for _, v in used],
        create_graph=create_graph,
        retain_graph=True,
        allow_unused=True,
        is_grads_batched=batched,
    )
    return found


# What strict mode says of a gradient that is not there, by what it is the gradient of.
BACK = "The output of the user-provided function is independent of input {i}."
BACK_TRICK = (
    "The gradient with respect to the input is independent of entry {i} in the grad_outputs when "
    "using the double backward trick to compute forward mode gradients."
)
DOUBLE = "The jacobian of the user-provided function is independent of input {i}."
DOUBLE_TRICK = (
    "The hessian of the user-provided function is independent of entry {i} in the grad_jacobian."
)
ELEMENT = "Output {o} of the user-provided function is independent of input {i}."
FORBIDDEN = " This is not allowed in strict mode"


def _check(grads: Sequence[Tensor | None], strict: bool, create_graph: bool, missing: str) -> None:
    """Raise in strict mode where a gradient is missing, or constant though it may be needed."""
    for i, g in enumerate(grads if strict else ()):
        if g is None:
            raise GradientError(missing.format(i=i) + FORBIDDEN + ".")
        if create_graph and g._node is None:
            which = "hessian" if missing in (DOUBLE, DOUBLE_TRICK) else "jacobian"
            raise GradientError(
                f"The {which} of the user-provided function is independent of input {i}."
                f"{FORBIDDEN} when create_graph=True."
            )


def _fill(
    grads: Sequence[Tensor | None],
    like: Sequence[Tensor],
    strict: bool,
    create_graph: bool,
    missing: str,
) -> Tensors:
    """Zeros for what is missing, which in strict mode is an error."""
    _check(grads, strict, create_graph, missing)
    return tuple(_filled(t, 0) if g is None else g for g, t in zip(grads, like, strict=True))


def _twice(grads: Sequence[Tensor | None], inputs: Tensors, strict: bool) -> Tensors:
    """First gradients on the way to second ones; in strict mode each must depend on its input."""
    if strict:
        for i, g in enumerate(grads):
            if g is None:
                raise GradientError(BACK.format(i=i) + FORBIDDEN + ".")
            if g._node is None:
                raise GradientError(
                    "While computing the hessian, found that the jacobian of the user-provided "
                    f"function with respect to input {i} is independent of the input.{FORBIDDEN}. "
                    "You should ensure that your function is twice differentiable and that the "
                    "jacobian depends on the inputs (this would be violated by a linear function "
                    "for example)."
                )
    return _fill(grads, inputs, False, True, BACK)


# ------------------------------------------------------------------ products with vectors


def vjp(
    func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """``func(*inputs)`` and the product of a vector with its Jacobian.

    Args:
        v: shaped like the output; may be omitted for a single number.

    Raises:
        GradientError: `v` does not fit; in strict mode, an output independent of an input.

    >>> import xpgrad as xg
    >>> x = xg.tensor([1.0, 2.0])
    >>> xg.autograd.functional.vjp(lambda x: x * x, x, xg.tensor([1.0, 10.0]))
    (tensor([1., 4.]), tensor([ 2., 40.]))
    """
    with enable_grad():
        is_tuple, inputs = _as_tuple(inputs, "inputs", "vjp")
        xs = _sources(inputs, create_graph)
        out_is_tuple, outputs = _call(func, xs, "vjp", strict)
        vector = _vector(v, outputs, out_is_tuple, "vjp", OUTPUT)
    found = _fill(_grads(outputs, xs, vector, create_graph), xs, strict, create_graph, BACK)
    return (
        _like(_finished(outputs, create_graph), out_is_tuple),
        _like(_finished(found, create_graph), is_tuple),
    )


def jvp(
    func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """``func(*inputs)`` and the product of its Jacobian with a vector.

    Computed by differentiating a vector-Jacobian product with respect to its vector, in which it
    is linear.

    Args:
        v: shaped like the inputs; may be omitted for a single number.

    Raises:
        GradientError: `v` does not fit; in strict mode, an output independent of an input.

    >>> import xpgrad as xg
    >>> x = xg.tensor([1.0, 2.0])
    >>> xg.autograd.functional.jvp(lambda x: x * x, x, xg.tensor([1.0, 10.0]))
    (tensor([1., 4.]), tensor([ 2., 40.]))
    """
    with enable_grad():
        is_tuple, inputs = _as_tuple(inputs, "inputs", "jvp")
        xs = _sources(inputs, create_graph)
        vector = _vector(v, xs, is_tuple, "jvp", INPUT)
        out_is_tuple, outputs = _call(func, xs, "jvp", strict)
        dummies = tuple(_filled(o, 0).requires_grad_() for o in outputs)
        back = _fill(_grads(outputs, xs, dummies, True), xs, strict, False, BACK)
        products = _grads(back, dummies, vector, create_graph)
        found = _fill(products, outputs, strict, create_graph, BACK_TRICK)
    return (
        _like(_finished(outputs, create_graph), out_is_tuple),
        _like(_finished(found, create_graph), out_is_tuple),
    )


def vhp(
    func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """``func(*inputs)``, a single number, and the product of a vector with its Hessian.

    Args:
        v: shaped like the inputs; may be omitted for a single number.

    Raises:
        GradientError: `v` does not fit; `func` returns no single number; in strict mode, a
            gradient independent of an input.

    >>> import xpgrad as xg
    >>> x = xg.tensor([1.0, 2.0])
    >>> xg.autograd.functional.vhp(lambda x: (x * x * x).sum(), x, xg.tensor([1.0, 10.0]))
    (tensor(9.), tensor([  6., 120.]))
    """
    with enable_grad():
        is_tuple, inputs = _as_tuple(inputs, "inputs", "vhp")
        xs = _sources(inputs, create_graph)
        vector = _vector(v, xs, is_tuple, "vhp", INPUT)
        out_is_tuple, outputs = _call(func, xs, "vhp", strict)
        _single(out_is_tuple, outputs, "vhp")
        jac = _twice(_grads(outputs, xs, (None,), True), xs, strict)
        found = _fill(_grads(jac, xs, vector, create_graph), xs, strict, create_graph, DOUBLE)
    return (
        _finished(outputs, create_graph)[0],
        _like(_finished(found, create_graph), is_tuple),
    )


def hvp(
    func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """``func(*inputs)``, a single number, and the product of its Hessian with a vector.

    By the symmetry of the Hessian `vhp` gives the same for less work.

    Args:
        v: shaped like the inputs; may be omitted for a single number.

    Raises:
        GradientError: `v` does not fit; `func` returns no single number; in strict mode, a
            gradient independent of an input.

    >>> import xpgrad as xg
    >>> x = xg.tensor([1.0, 2.0])
    >>> xg.autograd.functional.hvp(lambda x: (x * x * x).sum(), x, xg.tensor([1.0, 10.0]))
    (tensor(9.), tensor([  6., 120.]))
    """
    with enable_grad():
        is_tuple, inputs = _as_tuple(inputs, "inputs", "hvp")
        xs = _sources(inputs, create_graph)
        vector = _vector(v, xs, is_tuple, "hvp", INPUT)
        out_is_tuple, outputs = _call(func, xs, "hvp", strict)
        _single(out_is_tuple, outputs, "hvp")
        jac = _twice(_grads(outputs, xs, (None,), True), xs, strict)
        dummies = tuple(_filled(t, 0).requires_grad_() for t in xs)
        double = _fill(_grads(jac, xs, dummies, True), xs, strict, False, DOUBLE)
        products = _grads(double, dummies, vector, create_graph)
        found = _fill(products, xs, strict, create_graph, DOUBLE_TRICK)
    return (
        _finished(outputs, create_graph)[0],
        _like(_finished(found, create_graph), is_tuple),
    )


# ------------------------------------------------------------------ whole matrices


def jacobian(
    func: Function,
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """The Jacobian of ``func`` at `inputs`, shaped like each output followed by each input.

    Args:
        vectorize: accepted; rows are computed one after another in any case.
        strategy: ``"reverse-mode"``; ``"forward-mode"`` is not there yet.

    Raises:
        GradientError: in strict mode, an output independent of an input; a complex output.
        NotImplementedError: for forward mode.

    >>> import xpgrad as xg
    >>> xg.autograd.functional.jacobian(lambda x: x * x, xg.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    _check_strategy(strategy, vectorize, strict, "jacobian")
    with enable_grad():
        is_tuple, inputs = _as_tuple(inputs, "inputs", "jacobian")
        xs = _sources(inputs, create_graph)
        out_is_tuple, outputs = _call(func, xs, "jacobian", strict)
        rows = []
        for i, o in enumerate(outputs):
            grads = _rows(o, xs, create_graph)
            _check(grads, strict, create_graph, ELEMENT.replace("{o}", str(i)))
            row = []
            for g, x in zip(grads, xs, strict=True):
                shape = (*o.shape, *x.shape)
                if g is None:
                    row.append(wrap(x._ns.zeros(shape, dtype=x._data.dtype), x._ns))
                else:
                    row.append(tensor_namespace(x._ns).reshape(g, shape))
            rows.append(_like(_finished(row, create_graph), is_tuple))
    return _like(rows, out_is_tuple)


def _rows(output: Tensor, inputs: Tensors, create_graph: bool) -> list[Tensor | None]:
    """The gradients of each element of `output`, along a new first dimension."""
    ns = output._ns
    count = output.shape.numel()
    if output._node is None or count == 0:
        return [None] * len(inputs)
    if output.dtype.is_complex:
        raise GradientError(
            f"grad can be implicitly created only for real scalar outputs but got {output.dtype}"
        )
    found = []
    for i in range(count):  # one unit vector at a time: all at once would be a square matrix
        unit = ns.assign(ns.zeros((count,), dtype=output._data.dtype), (i,), 1)
        unit = wrap(ns.reshape(unit, tuple(output.shape)), ns)
        found.append(_grads([output], inputs, [unit], create_graph))
    return [stack(column, create_graph) for column in zip(*found, strict=True)]


def _check_strategy(strategy: str, vectorize: bool, strict: bool, name: str) -> None:
    if strategy not in ("forward-mode", "reverse-mode"):
        raise AssertionError(
            'Expected strategy to be either "forward-mode" or "reverse-mode". Hint: If your '
            'function has more outputs than inputs, "forward-mode" tends to be more performant. '
            'Otherwise, prefer to use "reverse-mode".'
        )
    if strategy == "forward-mode":
        raise NotImplementedError(
            f"xpgrad.autograd.functional.{name}: forward-mode is not implemented yet; use "
            'strategy="reverse-mode", which gives the same result'
        )
    if vectorize and strict:
        raise GradientError(
            f"xpgrad.autograd.functional.{name}: `strict=True` and `vectorized=True` are not "
            "supported together. Please either set `strict=False` or `vectorize=False`."
        )


def hessian(
    func: Function,
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """The Hessian at `inputs` of ``func``, which returns a single number.

    Args:
        vectorize: accepted; rows are computed one after another in any case.
        outer_jacobian_strategy: ``"reverse-mode"``; ``"forward-mode"`` is not there yet.

    Raises:
        GradientError: `func` returns no single number; in strict mode, a gradient independent of
            an input.
        NotImplementedError: for forward mode.

    >>> import xpgrad as xg
    >>> xg.autograd.functional.hessian(lambda x: (x * x * x).sum(), xg.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    if outer_jacobian_strategy not in ("forward-mode", "reverse-mode"):
        raise AssertionError('Expected strategy to be either "forward-mode" or "reverse-mode".')
    _check_strategy(outer_jacobian_strategy, vectorize, strict, "hessian")
    is_tuple, inputs = _as_tuple(inputs, "inputs", "hessian")

    def gradient(*xs: Tensor) -> Tensors:
        out_is_tuple, outputs = _call(func, xs, "hessian", False)
        _single(out_is_tuple, outputs, "hessian")
        grads = _fill(_grads(outputs, xs, (None,), True), xs, False, True, BACK)
        return _twice(grads, xs, strict)

    found = jacobian(gradient, inputs, create_graph=create_graph, strict=strict)
    return found if is_tuple else found[0][0]
