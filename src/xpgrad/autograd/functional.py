"""Derivatives of functions: whole Jacobians and Hessians, and their products with vectors.

Inputs and results are Tensors or tuples of Tensors, and results are nested like them: what depends
on the output comes first, then what depends on the input. The function is called on copies without
history, so the caller's graph is neither needed nor touched, unless ``create_graph=True``.

What does not depend on an input has zeros for a derivative, which may hide a mistake: a part that
was computed outside of xpgrad, say. With ``strict=True`` it is an error instead; with
`create_graph` so is a derivative that does not depend on the input itself.

A Jacobian is computed one row (reverse mode) at a time, which takes little memory and as many
backwards as there are elements in the outputs. With ``vectorize=True`` all rows go through the
graph together, in one backward: much faster where rows are small, but each gradient in between
takes as much memory as all rows, and the unit vectors alone are a square matrix. With
``strategy="forward-mode"`` columns are computed instead, one for each element of the inputs, so it
is the better choice where outputs have more elements than inputs; there is nothing to keep for a
backward, and the function itself runs once, on all columns together. All ways give the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from xpgrad.autograd.gradients import grad
from xpgrad.backward import tensor_namespace
from xpgrad.errors import DTypeError, GradientError, ShapeError
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
    _depend(outputs, "outputs", strict)
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
            what = f"Entry {i} in v" if like_is_tuple else "v"
            raise ShapeError(f"{what} has invalid size: should be {b.shape} but got {a.shape}.")
    return found


OUTPUT = "the user-provided function returns"
INPUT = "the input to the user-provided function is"


def _filled(t: Tensor, value: int) -> Tensor:
    ns = t._ns
    make = ns.ones if value else ns.zeros
    return wrap(make(tuple(t.shape), dtype=t._data.dtype), ns)


def _dummy(t: Tensor) -> Tensor:
    """What to differentiate a product with, where the product is linear in it."""
    if not t.dtype.is_differentiable:
        raise DTypeError(
            f"Only Tensors of floating point and complex dtype can require gradients, got {t.dtype}"
        )
    return _filled(t, 0).requires_grad_()


# ------------------------------------------------------------------ gradients, and what is missing


def _grads(
    outputs: Sequence[Tensor | None],
    inputs: Sequence[Tensor],
    vectors: Sequence[Tensor | None],
    create_graph: bool,
    batched: bool = False,
) -> tuple[Tensor | None, ...]:
    """`grad`, with `None` for what is not connected."""
    pairs = zip(outputs, vectors, strict=True)
    used = [(o, v) for o, v in pairs if o is not None and o._node is not None]
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
HINDERS = " as it prevents from using the double backward trick to replace forward mode AD"

# And of one that is there, but must depend on the inputs for what comes next.
CONSTANT = {
    "outputs": "Output {i} of the user-provided function does not require gradients. The outputs "
    "must be computed in a differentiable manner from the input when running in strict mode.",
    "gradients": "The gradient with respect to input {i} is independent of the inputs of the "
    "user-provided function. This is not allowed in strict mode.",
    "jacobian": "While computing the hessian, found that the jacobian of the user-provided "
    "function with respect to input {i} is independent of the input. This is not allowed in strict "
    "mode. You should ensure that your function is twice differentiable and that the jacobian "
    "depends on the inputs (this would be violated by a linear function for example).",
}


def _depend(tensors: Sequence[Tensor | None], what: str, strict: bool) -> None:
    """Raise in strict mode where a tensor on the way is missing or constant."""
    for i, t in enumerate(tensors if strict else ()):
        if t is None:
            raise GradientError(BACK.format(i=i) + FORBIDDEN + ".")
        if t._node is None:
            raise GradientError(CONSTANT[what].format(i=i))


def _check(grads: Sequence[Tensor | None], strict: bool, create_graph: bool, missing: str) -> None:
    """Raise in strict mode where a gradient is missing, or constant though it may be needed."""
    for i, g in enumerate(grads if strict else ()):
        if g is None:
            why = HINDERS if missing is DOUBLE_TRICK else ""
            raise GradientError(missing.format(i=i) + FORBIDDEN + why + ".")
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


# ------------------------------------------------------------------ products with vectors


def vjp(
    func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """``func(*inputs)`` and the product of a vector with its Jacobian.

    Args:
        v: shaped like the output; may be omitted for a single number.
        create_graph: both results can be differentiated further, by `inputs` and by `v`.
        strict: an output that does not depend on an input is an error rather than zeros.

    Raises:
        GradientError: `v` does not fit; in strict mode, an output independent of an input.
        ShapeError: `v` has another size.

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
    is linear: two backwards, where `func.jvp` needs none.

    Args:
        v: shaped like the inputs; may be omitted for a single number.
        create_graph: both results can be differentiated further, by `inputs` and by `v`.
        strict: an output that does not depend on an input is an error rather than zeros.

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
        dummies = tuple(map(_dummy, outputs))
        back = _grads(outputs, xs, dummies, True)
        _depend(back, "gradients", strict)
        products = _grads(back, dummies, vector, create_graph)
        found = _fill(products, outputs, strict, create_graph, BACK_TRICK)
    return (
        _like(_finished(outputs, create_graph), out_is_tuple),
        _like(_finished(found, create_graph), out_is_tuple),
    )


def _gradient(
    func: Function, inputs: Any, v: Any, create_graph: bool, strict: bool, name: str
) -> tuple[Tensors, Tensors, Tensors, Sequence[Tensor | None]]:
    """New inputs, the vector of a product with the Hessian, the function's value, its gradient."""
    is_tuple, inputs = _as_tuple(inputs, "inputs", name)
    xs = _sources(inputs, create_graph)
    vector = _vector(v, xs, is_tuple, name, INPUT)
    out_is_tuple, outputs = _call(func, xs, name, strict)
    _single(out_is_tuple, outputs, name)
    found = _grads(outputs, xs, (None,), True)
    _depend(found, "jacobian", strict)
    return xs, vector, outputs, found


def vhp(
    func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """``func(*inputs)``, a single number, and the product of a vector with its Hessian.

    Args:
        v: shaped like the inputs; may be omitted for a single number.
        create_graph: both results can be differentiated further, by `inputs` and by `v`.
        strict: a gradient that does not depend on an input is an error rather than zeros.

    Raises:
        GradientError: `v` does not fit; `func` returns no single number; in strict mode, a
            gradient independent of an input.

    >>> import xpgrad as xg
    >>> x = xg.tensor([1.0, 2.0])
    >>> xg.autograd.functional.vhp(lambda x: (x * x * x).sum(), x, xg.tensor([1.0, 10.0]))
    (tensor(9.), tensor([  6., 120.]))
    """
    with enable_grad():
        xs, vector, value, jac = _gradient(func, inputs, v, create_graph, strict, "vhp")
        found = _fill(_grads(jac, xs, vector, create_graph), xs, strict, create_graph, DOUBLE)
    products = _like(_finished(found, create_graph), isinstance(inputs, tuple))
    return _finished(value, create_graph)[0], products


def hvp(
    func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """``func(*inputs)``, a single number, and the product of its Hessian with a vector.

    Three backwards; by the symmetry of the Hessian `vhp` gives the same with two.

    Args:
        v: shaped like the inputs; may be omitted for a single number.
        create_graph: both results can be differentiated further, by `inputs` and by `v`.
        strict: a gradient that does not depend on an input is an error rather than zeros.

    Raises:
        GradientError: `v` does not fit; `func` returns no single number; in strict mode, a
            gradient independent of an input.

    >>> import xpgrad as xg
    >>> x = xg.tensor([1.0, 2.0])
    >>> xg.autograd.functional.hvp(lambda x: (x * x * x).sum(), x, xg.tensor([1.0, 10.0]))
    (tensor(9.), tensor([  6., 120.]))
    """
    with enable_grad():
        xs, vector, value, jac = _gradient(func, inputs, v, create_graph, strict, "hvp")
        dummies = tuple(map(_dummy, xs))
        double = _grads(jac, xs, dummies, True)
        found = _grads(double, dummies, vector, create_graph)
        found = _fill(found, xs, strict, create_graph, DOUBLE_TRICK)
    products = _like(_finished(found, create_graph), isinstance(inputs, tuple))
    return _finished(value, create_graph)[0], products


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
        create_graph: results can be differentiated further (reverse mode only).
        strict: an output that does not depend on an input is an error; one at a time only.
        vectorize: all rows at once; faster, and takes as much more memory as there are rows.
        strategy: ``"reverse-mode"``, or ``"forward-mode"`` (with `vectorize`), which is cheaper
            where there are more outputs than inputs.

    Returns:
        A Tensor for each output and each input; its dtype is the input's, or in forward mode the
        output's. For a tuple of inputs forward mode gives lists.

    Raises:
        GradientError: in strict mode, an output independent of an input; a complex output, one row
            at a time; `strict` with `vectorize` or forward mode.
        NotImplementedError: forward mode with `create_graph`, or without `vectorize`.

    >>> import xpgrad as xg
    >>> xg.autograd.functional.jacobian(lambda x: x * x, xg.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    if strategy not in ("forward-mode", "reverse-mode"):
        raise AssertionError(
            'Expected strategy to be either "forward-mode" or "reverse-mode". Hint: If your '
            'function has more outputs than inputs, "forward-mode" tends to be more performant. '
            'Otherwise, prefer to use "reverse-mode".'
        )
    if strategy == "forward-mode":
        return _forward(func, inputs, create_graph, strict, vectorize)
    with enable_grad():
        is_tuple, inputs = _as_tuple(inputs, "inputs", "jacobian")
        xs = _sources(inputs, create_graph)
        out_is_tuple, outputs = _call(func, xs, "jacobian", strict)
        if vectorize and strict:
            raise GradientError(
                "xpgrad.autograd.functional.jacobian: `strict=True` and `vectorized=True` are not "
                "supported together. Please either set `strict=False` or `vectorize=False`."
            )
        if vectorize:
            table = _rows_at_once(outputs, xs, create_graph)
        else:
            table = [_rows(i, o, xs, create_graph, strict) for i, o in enumerate(outputs)]
        rows = []
        for o, row in zip(outputs, table, strict=True):
            found = [_block(o, x, g) for g, x in zip(row, xs, strict=True)]
            rows.append(_like(_finished(found, create_graph), is_tuple))
    return _like(rows, out_is_tuple)


def _block(output: Tensor, x: Tensor, rows: Tensor | None) -> Tensor:
    """The derivative of one output by one input in its final shape; zeros where there is none."""
    shape = (*output.shape, *x.shape)
    if rows is None:
        return wrap(x._ns.zeros(shape, dtype=x._data.dtype), x._ns)
    found: Tensor = tensor_namespace(rows._ns).reshape(rows, shape)
    return found


def _rows(
    place: int, output: Tensor, inputs: Tensors, create_graph: bool, strict: bool
) -> Sequence[Tensor | None]:
    """The gradients of each element of one output, along a new first dimension."""
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
        row = _grads([output], inputs, [unit], create_graph)
        _check(row, strict, create_graph, ELEMENT.replace("{o}", str(place)))
        found.append(row)
    return [
        None if column[0] is None else tensor_namespace(column[0]._ns).stack(column, axis=0)
        for column in zip(*found, strict=True)
    ]


def _rows_at_once(
    outputs: Tensors, inputs: Tensors, create_graph: bool
) -> list[Sequence[Tensor | None]]:
    """The gradients of each element of all outputs by one backward."""
    from xpgrad.func.reverse import unit_vectors

    columns = _grads(outputs, inputs, unit_vectors(outputs), create_graph, batched=True)
    sizes = [o.shape.numel() for o in outputs]
    stops = [sum(sizes[: i + 1]) for i in range(len(sizes))]
    return [
        [None if column is None else column[stop - size : stop] for column in columns]
        for stop, size in zip(stops, sizes, strict=True)
    ]


def _forward(func: Function, inputs: Any, create_graph: bool, strict: bool, vectorize: bool) -> Any:
    """`jacobian` by forward mode: the function runs once, on tangents for all columns."""
    from xpgrad.func.dual import DualLevel
    from xpgrad.func.mapping import vmap
    from xpgrad.func.reverse import unit_vectors, zeros_like

    for wrong, words in ((create_graph, "create_graph"), (strict, "strict")):
        if wrong:
            raise (NotImplementedError if words == "create_graph" else GradientError)(
                f"xpgrad.autograd.functional.jacobian: `{words}=True` and "
                '`strategy="forward-mode"` are not supported together (yet). Please either set '
                f'`{words}=False` or `strategy="reverse-mode"`.'
            )
    is_tuple, given = _as_tuple(inputs, "inputs", "jacobian")
    if not vectorize:
        raise NotImplementedError(
            "Computing Jacobian using forward-AD or forward-over-reverse Hessian is only "
            "implemented for `vectorize=True`."
        )
    for x in given:
        if not x.dtype.is_differentiable:
            raise ValueError(f"Expected primal to be floating point or complex, but got: {x.dtype}")
    xs = tuple(x.detach() for x in given)
    known: list[tuple[bool, Tensors]] = []  # what the function returned

    def push(*directions: Tensor) -> Tensors:
        with DualLevel() as level:
            duals = [level.make(x, t) for x, t in zip(xs, directions, strict=True)]
            out_is_tuple, outputs = _as_tuple(func(*duals), "outputs", "jacobian")
            pairs = [level.parts(o) for o in outputs]
        known.append((out_is_tuple, tuple(value for value, _ in pairs)))
        return tuple(zeros_like(value) if t is None else t for value, t in pairs)

    columns = vmap(push)(*unit_vectors(xs))
    out_is_tuple, outputs = known[0]
    rows = []
    for o, column in zip(outputs, columns, strict=True):
        row, start = [], 0
        for x in xs:
            stop = start + x.shape.numel()
            part = column[start:stop].detach()
            row.append(_block(o, x, part.permute((*range(1, part.ndim), 0))))
            start = stop
        rows.append(row if is_tuple else row[0])
    if not out_is_tuple:
        return rows[0]
    return rows if is_tuple else tuple(rows)  # lists, as PyTorch's are in this mode


def hessian(
    func: Function,
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """The Hessian at `inputs` of ``func``, which returns a single number.

    It is the Jacobian of a gradient, which is computed by reverse mode.

    Args:
        create_graph: results can be differentiated further (reverse mode only).
        strict: a gradient that does not depend on an input is an error; one row at a time only.
        vectorize: all rows at once; faster, and takes as much more memory as there are rows.
        outer_jacobian_strategy: ``"reverse-mode"``, or ``"forward-mode"`` (with `vectorize`),
            which is usually faster.

    Raises:
        GradientError: `func` returns no single number; in strict mode, a gradient independent of
            an input; `strict` with `vectorize` or forward mode.
        NotImplementedError: forward mode with `create_graph`, or without `vectorize`.

    >>> import xpgrad as xg
    >>> xg.autograd.functional.hessian(lambda x: (x * x * x).sum(), xg.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    from xpgrad.func.reverse import Recording

    is_tuple, inputs = _as_tuple(inputs, "inputs", "hessian")
    if outer_jacobian_strategy not in ("forward-mode", "reverse-mode"):
        raise AssertionError('Expected strategy to be either "forward-mode" or "reverse-mode".')

    def gradient(*given: Tensor) -> Tensors:
        with Recording() as recording:  # under forward mode, what is given has tangents
            xs = tuple(recording.fresh(x) for x in given)
            out_is_tuple, outputs = _call(func, xs, "hessian", strict)
            _single(out_is_tuple, outputs, "hessian")
            grads = _fill(_grads(outputs, xs, (None,), True), xs, False, True, BACK)
            _depend(grads, "jacobian", strict)
        return grads

    found = jacobian(gradient, inputs, create_graph, strict, vectorize, outer_jacobian_strategy)
    return found if is_tuple else found[0][0]
