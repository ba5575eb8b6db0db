"""Checking derivatives against finite differences.

A Jacobian here has a row for each element of an input and a column for each of an output. Reverse
mode gives its columns, forward mode its rows, and so do differences. In fast mode all of them are
projected onto random vectors, which costs two calls and one backward whatever the sizes are.

Complex numbers follow PyTorch's convention: the gradient of a real function of ``x + iy`` is its
derivative by x plus i times that by y. A complex output is checked as two real functions by reverse
mode; a complex input is moved along both axes by forward mode.
"""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from xpgrad.autograd.function import FunctionNode
from xpgrad.autograd.gradients import grad
from xpgrad.dtypes import DType, complex128, float64
from xpgrad.errors import GradientError, XpgradError
from xpgrad.graph import Bundle, Output
from xpgrad.mode import no_grad
from xpgrad.registry import resolve
from xpgrad.tensor import Tensor, wrap

Host = np.ndarray[Any, Any]


class GradcheckError(XpgradError, RuntimeError):
    """A derivative is not what it should be."""


# ------------------------------------------------------------------ tensors and host arrays


def as_tuple(what: Any) -> tuple[Any, ...]:
    """One thing, or several in a list, as a tuple."""
    return tuple(what) if isinstance(what, (tuple, list)) else (what,)


def _tensors(outputs: Any) -> list[Tensor]:
    found = list(as_tuple(outputs))
    for o in found:
        if not isinstance(o, Tensor):
            raise TypeError(
                f"the function given to gradcheck must return Tensors, got {type(o).__name__}"
            )
    return found


def differentiable(outputs: Any) -> list[Tensor]:
    """The outputs that require a gradient."""
    return [o for o in _tensors(outputs) if o.requires_grad]


def _floating(outputs: Any) -> list[Tensor]:
    return [o for o in _tensors(outputs) if o.dtype.is_differentiable]


def check_inputs(inputs: tuple[Any, ...]) -> None:
    """Warn of, or refuse, what cannot be checked."""
    checked = False
    for i, x in enumerate(inputs):
        if not (isinstance(x, Tensor) and x.requires_grad):
            continue
        checked = True
        if x.dtype not in (float64, complex128):
            warnings.warn(
                f"Input #{i} requires gradient and is not a double precision floating point or "
                "complex. This check will likely fail if all the inputs are not of double "
                "precision floating point or complex. ",
                UserWarning,
                stacklevel=3,
            )
        if x.numel() and 0 in [step for step, n in zip(x.stride(), x.shape, strict=True) if n > 1]:
            raise GradientError(
                f"The {i}th input has a dimension with stride 0. gradcheck only supports inputs "
                "that are non-overlapping to be able to compute the numerical gradients correctly. "
                "You should call .contiguous on the input before passing it to gradcheck."
            )
    if not checked:
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of them "
            "have requires_grad=True."
        )


def _host(t: Tensor) -> Host:
    """A copy of a tensor's elements."""
    return np.array(t._ns.to_host(t._data))


def _give(host: Host, like: Tensor) -> Tensor:
    return wrap(like._ns.from_host(np.array(host, dtype=like.dtype.name)), like._ns)


def _zeros(like: Tensor) -> Tensor:
    return wrap(like._ns.zeros(tuple(like.shape), dtype=like._data.dtype), like._ns)


def random_like(t: Tensor, rng: np.random.Generator, non_contiguous: bool = False) -> Tensor:
    """Normal random numbers on the device of `t`, in its shape and dtype."""
    host = rng.standard_normal(tuple(t.shape))
    if t.dtype.is_complex:
        host = host + 1j * rng.standard_normal(tuple(t.shape))
    host = np.asarray(host, t.dtype.name)
    if non_contiguous:
        host = np.stack([host, host], axis=-1)[..., 0]
    return wrap(t._ns.from_host(host), t._ns)


def _unit_like(t: Tensor, rng: np.random.Generator) -> Host:
    """A random vector of length one, in positive directions only."""
    v = rng.random(tuple(t.shape))
    return np.asarray(v / (np.linalg.norm(v) or 1.0))


def _axes(dtype: DType) -> tuple[complex, ...]:
    """The directions in which a number can move."""
    return (1, 1j) if dtype.is_complex else (1,)


def _part(values: Host, part: complex) -> Host:
    return np.asarray(values.imag if part == 1j else values.real)


def _each_unit(shape: Sequence[int]) -> Iterator[tuple[tuple[int, ...], Host]]:
    """Each place in an array, and zeros with a one there."""
    for place in np.ndindex(*shape):
        unit = np.zeros(tuple(shape))
        unit[place] = 1
        yield place, unit


# ------------------------------------------------------------------ the work


@dataclasses.dataclass
class Check:
    """One run of gradcheck."""

    func: Callable[..., Any]
    inputs: tuple[Any, ...]
    eps: float
    atol: float
    rtol: float
    nondet_tol: float
    dtypes: bool
    fast: bool
    masked: bool

    def __post_init__(self) -> None:
        pairs = [(i, x) for i, x in enumerate(self.inputs) if isinstance(x, Tensor)]
        self.places = [i for i, x in pairs if x.requires_grad]
        self.xs: list[Tensor] = [x for _, x in pairs if x.requires_grad]
        self.slopes: dict[int, dict[complex, list[Host]]] = {}
        rng = np.random.default_rng(0)  # nobody else's
        # Where fast mode moves inputs, and what it projects outputs on.
        self.moves = [{axis: _unit_like(x, rng) for axis in _axes(x.dtype)} for x in self.xs]
        self.onto = [_unit_like(o, rng) for _, o in self.outputs]

    @cached_property
    def floating(self) -> list[Tensor]:
        """What the function returns, as far as it can have a derivative."""
        return _floating(self.func(*self.inputs))

    @property
    def outputs(self) -> list[tuple[int, Tensor]]:
        """What has a derivative, with its number among the floating outputs."""
        return [(k, o) for k, o in enumerate(self.floating) if o.requires_grad]

    # -- finite differences

    def _slope(self, x: Tensor, step: Host, where: str) -> list[Host]:
        """The derivative of each floating output along `step`."""
        data, at, ends = x._data, _host(x), []
        try:
            for sign in (-1, 1):
                # The very same Tensor gets another array: a function may hold it, too.
                x._data = x._ns.from_host(np.asarray(at + sign * self.eps * step, at.dtype))
                outputs = _floating(self.func(*self.inputs))  # perhaps `x` itself: read at once
                ends.append([(o.shape, o.dtype, _host(o)) for o in outputs])
        finally:
            x._data = data
        found = []
        for behind, ahead in zip(*ends, strict=True):
            for what, a, b in zip(("shape", "dtype"), behind[:2], ahead[:2], strict=True):
                if a != b:
                    raise AssertionError(
                        f"Expected `func` to return outputs with the same {what} when inputs are "
                        f"perturbed {where}by {self.eps}, but got: {what}s {a} and {b}."
                    )
            found.append(np.asarray((ahead[2] - behind[2]) / (2 * self.eps)).reshape(-1))
        return found

    def numerical(self, j: int) -> dict[complex, list[Host]]:
        """By axis: the Jacobian of each floating output (or a row of it, in fast mode)."""
        if j not in self.slopes:
            x = self.xs[j]
            self.slopes[j] = {}
            for axis in _axes(x.dtype):
                if self.fast:
                    rows = [self._slope(x, axis * self.moves[j][axis], "")]
                else:
                    rows = [
                        self._slope(x, axis * unit, f"on index {place} ")
                        for place, unit in _each_unit(x.shape)
                    ]
                self.slopes[j][axis] = [
                    np.stack([row[k] for row in rows]) if rows else np.zeros((0, o.numel()))
                    for k, o in enumerate(self.floating)
                ]
        return self.slopes[j]

    def gradient(self, j: int, k: int, part: complex) -> Host:
        """What reverse mode should give for one part of an output: complex for a complex input."""
        found = self.numerical(j)
        rows = _part(found[1][k], part)
        return rows if len(found) == 1 else np.asarray(rows + 1j * _part(found[1j][k], part))

    def expect_constant(self) -> None:
        """A function without a gradient must not depend on its inputs.

        Raises:
            GradcheckError: it does.
        """
        allowed = self.nondet_tol if self.fast else 0.0
        for j in range(len(self.xs)):
            for found in self.numerical(j).values():
                if any(np.any(np.abs(slopes) > allowed) for slopes in found):
                    raise GradcheckError("Numerical gradient for function expected to be zero")

    def agree(self, a: Host, n: Host, scale: float) -> bool:
        """Whether a derivative and finite differences do, which add up `scale` elements."""
        return not a.size or np.allclose(a, n, rtol=self.rtol, atol=self.atol * scale)

    @property
    def slow(self) -> Check:
        """The same for all elements, to show after a projection has failed."""
        return dataclasses.replace(self, fast=False)

    # -- reverse mode

    def pull(self, outputs: Sequence[Tensor], seeds: Sequence[Tensor]) -> tuple[Any, ...]:
        """The gradients of the checked inputs."""
        found: tuple[Any, ...] = grad(outputs, self.xs, seeds, retain_graph=True, allow_unused=True)
        return found

    def columns(self, output: Tensor, seeds: Iterable[Host]) -> list[Host]:
        """For each checked input, a column of its gradient for each seed."""
        columns: list[list[Host]] = [[] for _ in self.xs]
        for seed in seeds:
            found = self.pull([output], [_give(seed, output)])
            for column, g, x in zip(columns, found, self.xs, strict=True):
                if g is not None and g.shape != x.shape:
                    raise GradcheckError("Analytical gradient has incorrect size")
                if g is not None and self.dtypes and g.dtype is not x.dtype:
                    raise GradcheckError("Gradient has dtype mismatch")
                column.append(_host(_zeros(x) if g is None else g).reshape(-1))
        return [
            np.stack(c, axis=1) if c else np.zeros((x.numel(), 0), x.dtype.name)
            for c, x in zip(columns, self.xs, strict=True)
        ]

    def reverse(self, number: int, part: complex) -> list[Host]:
        """The Jacobians of one part of an output, for each checked input; in fast mode projected.

        Raises:
            GradcheckError: a second time they are others.
        """
        _, output = self.outputs[number]

        def seeds() -> Iterator[Host]:
            if self.fast:
                yield part * self.onto[number]
            else:
                yield from (part * unit for _, unit in _each_unit(output.shape))

        first, again = self.columns(output, seeds()), self.columns(output, seeds())
        for a, b in zip(first, again, strict=True):
            with np.errstate(invalid="ignore"):  # nan is a matter of comparing
                if np.any(np.abs(a - b) > self.nondet_tol):
                    raise GradcheckError(NOT_REENTRANT.format(self.nondet_tol))
        return first

    def compare_backward(self) -> None:
        """Reverse mode against finite differences; imaginary parts first.

        Raises:
            GradcheckError: they disagree.
        """
        parts = (1j, 1) if any(o.dtype.is_complex for o in self.floating) else (1,)
        for part in parts:
            for number, (k, output) in enumerate(self.outputs):
                is_complex = output.dtype.is_complex
                if not is_complex and part != parts[0]:
                    continue  # what is real was checked already
                side = part if is_complex else 1
                head = _considering("outputs", side) if is_complex else ""
                head += f"Jacobian mismatch for output {number} with respect to input"
                for j, a in enumerate(self.reverse(number, side)):
                    n = self.gradient(j, k, side)
                    if not self.fast:
                        if not self.agree(a, n, 1.0):
                            raise _mismatch(f"{head} {j}", a, n)
                        continue
                    moves, onto = self.moves[j], self.onto[number]
                    a = np.asarray(sum(i * (_part(a[:, 0], i) @ u.flat) for i, u in moves.items()))
                    n = n[0] @ onto.flat
                    if not self.agree(a, n, sum(u.sum() for u in moves.values()) * onto.sum()):
                        slow = self.slow
                        full = slow.reverse(number, side)[j], slow.gradient(j, k, side)
                        raise _mismatch(f"{head} {j}", a, n, full, slow)

    # -- forward mode

    def push(self, tangents: dict[int, Tensor]) -> list[tuple[Tensor, Tensor | None]]:
        """The floating outputs with their tangents, given those of some of the checked inputs."""
        from xpgrad.autograd.forward_ad import ForwardLevel

        given = list(self.inputs)
        with ForwardLevel() as level:
            for j, (place, x) in enumerate(zip(self.places, self.xs, strict=True)):
                given[place] = level.make(x.detach(), tangents.get(j))
            return [level.parts(o) for o in _floating(self.func(*given))]

    def forward(self, j: int, axis: complex) -> list[Host]:
        """The Jacobians of the floating outputs by one axis of an input (or a row of each)."""
        x = self.xs[j]
        steps = [self.moves[j][axis]] if self.fast else [unit for _, unit in _each_unit(x.shape)]
        rows: list[list[Host]] = []
        for step in steps:
            tangents = {i: _zeros(other) for i, other in enumerate(self.xs)}
            tangents[j] = _give(axis * step, x)
            row = []
            for value, tangent in self.push(tangents):
                if tangent is None:
                    tangent = _zeros(value)
                elif self.dtypes and tangent.dtype.is_complex != value.dtype.is_complex:
                    raise GradcheckError("Forward AD gradient has dtype mismatch.")
                row.append(_host(tangent).reshape(-1))
            if len(row) != len(self.floating):
                raise GradcheckError(
                    f"In forward mode, the function returned {len(row)} outputs that can have a "
                    f"derivative, otherwise {len(self.floating)}. Does it use the inputs passed to "
                    "it, rather than the same Tensors from outside?"
                )
            rows.append(row)
        return [
            np.stack([row[k] for row in rows]) if rows else np.zeros((0, o.numel()))
            for k, o in enumerate(self.floating)
        ]

    def compare_forward(self) -> None:
        """Forward mode against finite differences; along imaginary axes first.

        Raises:
            GradcheckError: they disagree.
        """
        given = [x for x in self.inputs if isinstance(x, Tensor)]
        axes = (1j, 1) if any(x.dtype.is_complex for x in given) else (1,)
        for axis in axes:
            found: dict[int, list[Host]] = {}
            for j, x in enumerate(self.xs):
                if x.dtype.is_complex or axis == axes[0]:
                    found[j] = self.forward(j, axis if x.dtype.is_complex else 1)
            for number, (k, _) in enumerate(self.outputs):
                for j, rows in found.items():
                    is_complex = self.xs[j].dtype.is_complex
                    side = axis if is_complex else 1
                    head = _considering("inputs", side) if is_complex else ""
                    head += f"Jacobian computed with forward mode mismatch for output {number}"
                    head += f" with respect to input {j}"
                    a, n = rows[k], self.numerical(j)[side][k]
                    if not self.fast:
                        if not self.agree(a, n, 1.0):
                            raise _mismatch(head, a, n)
                    elif not self.agree(a[0], n[0], self.moves[j][side].sum()):
                        slow = self.slow
                        full = slow.forward(j, side)[k], slow.numerical(j)[side][k]
                        raise _mismatch(head, a[0], n[0], full, slow)

    def expect_missing_tangents_to_be_zero(self) -> None:
        """An input without a tangent is one whose tangent is zero.

        Raises:
            GradcheckError: it is not.
        """
        for j, x in enumerate(self.xs):
            others = {
                i: _give(move[1], other)
                for i, (other, move) in enumerate(zip(self.xs, self.moves, strict=True))
                if i != j
            }
            zero, none = self.push({**others, j: _zeros(x)}), self.push(others)
            for k, ((_, a), (_, b)) in enumerate(zip(zero, none, strict=True)):
                if a is not None and b is not None and not np.allclose(_host(a), _host(b)):
                    raise GradcheckError(
                        f"Mismatch in tangent values for output with index: {k} when input: {x} "
                        f"has an undefined tangent value. Got: {b} but expected: {a}"
                    )

    # -- batches

    def compare_batched_backward(self) -> None:
        """A batch of gradients against one at a time.

        Raises:
            GradcheckError: they disagree, or a batch cannot be computed.
        """
        for number, (_, output) in enumerate(self.outputs):

            def pull(seed: Tensor, output: Tensor = output) -> tuple[Tensor, ...]:
                found = self.pull([output], [seed])
                return tuple(
                    _zeros(x) if g is None else g for g, x in zip(found, self.xs, strict=True)
                )

            for j, (got, expected) in enumerate(_in_batches(pull, output, FAILED_BATCH)):
                _same_batch(got, expected, number, j, FAILED_BATCH)

    def compare_batched_forward(self) -> None:
        """A batch of tangents against one at a time.

        Raises:
            GradcheckError: they disagree, or a batch cannot be computed.
        """
        for j, x in enumerate(self.xs):

            def push(tangent: Tensor, j: int = j) -> tuple[Tensor, ...]:
                return tuple(_zeros(o) if t is None else t for o, t in self.push({j: tangent}))

            for number, (got, expected) in enumerate(_in_batches(push, x, FAILED_BATCH_FORWARD)):
                _same_batch(got, expected, number, j, FAILED_BATCH_FORWARD)

    # -- zeros, and what is not there

    def expect_zero_from_zero(self) -> None:
        """Backward multiplies with what comes in.

        Raises:
            GradcheckError: it does not.
        """
        outputs = [o for _, o in self.outputs]
        found = self.pull(outputs, [_zeros(o) for o in outputs])
        for g, x in zip(found, self.xs, strict=True):
            if g is None:
                continue
            if not (np.allclose(_host(g), 0) if self.masked else np.all(_host(g) == 0)):
                raise GradcheckError("backward not multiplied by grad_output")
            for what, wrong in (
                ("type", g.dtype is not x.dtype),
                ("device", g.device != x.device),
                ("size", g.shape != x.shape),
            ):
                if wrong:
                    raise GradcheckError(f"grad is incorrect {what}")

    def expect_missing_gradients_to_be_zero(self) -> None:
        """An output without a gradient is one whose gradient is zero.

        Raises:
            GradcheckError: it is not, or cannot be.
        """
        outputs = differentiable(self.func(*self.inputs))
        try:
            found = [*_all_missing(outputs)]
            for missing in range(len(outputs) if len(outputs) > 1 else 0):
                others = [o for i, o in enumerate(outputs) if i != missing]
                found += self.pull(others, [_zeros(o) for o in others])
        except GradcheckError:
            raise
        except RuntimeError as error:
            raise GradcheckError(
                f"Expected backward function to handle undefined output grads.{MATERIALIZE}"
            ) from error
        if not all(g is None or np.all(_host(g) == 0) for g in found):
            raise GradcheckError(
                "Expected all input grads to be undefined or zero when all output grads are "
                f"undefined or zero.{MATERIALIZE}"
            )


def _all_missing(outputs: list[Tensor]) -> Iterator[Tensor | None]:
    """What each `Function` among the last ops makes of no gradient at all."""
    nodes = [o._node for o in outputs]
    made_by = dict.fromkeys(n.edges[0] if isinstance(n, Output) else n for n in nodes)
    for node in made_by:
        if isinstance(node, FunctionNode):
            with no_grad():
                found = node.vjp(node, Bundle({}), node.edges)
            for g, edge in zip(found, node.edges, strict=True):
                yield None if g is None or edge is None else wrap(g, edge.ns)


def _in_batches(
    function: Callable[[Tensor], tuple[Tensor, ...]], like: Tensor, hint: str
) -> Iterator[tuple[Tensor, Tensor]]:
    """The results of a function for two random tensors: by `vmap`, and one at a time."""
    from xpgrad.backward import tensor_namespace
    from xpgrad.func.mapping import vmap

    rng = np.random.default_rng(0)
    given = [random_like(like, rng) for _ in range(2)]
    expected = [function(t) for t in given]
    stack = tensor_namespace(like._ns).stack
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="There is a performance drop")
        try:
            got = vmap(function)(stack(given, axis=0))
        except RuntimeError as error:
            text = f"While computing batched gradients, got: {error}\n\n{hint}"
            raise GradcheckError(text) from error
    for one, several in zip(got, zip(*expected, strict=True), strict=True):
        yield one, tensor_namespace(one._ns).stack(list(several), axis=0)


def _same_batch(got: Tensor, expected: Tensor, number: int, j: int, hint: str) -> None:
    if not np.allclose(_host(got), _host(expected), rtol=1e-5, atol=1e-8):
        raise GradcheckError(
            f"For output {number} and input {j}:\n\n{hint}\n\nGot:\n{got}\n\nExpected:\n{expected}"
        )


# ------------------------------------------------------------------ texts


def _considering(what: str, part: complex) -> str:
    name = "imaginary" if part == 1j else "real"
    return f"While considering the {name} part of complex {what} only, "


def _mismatch(
    what: str, a: Host, n: Host, full: tuple[Host, Host] | None = None, slow: Check | None = None
) -> GradcheckError:
    """The error for an analytical and a numerical derivative; in fast mode with all elements."""
    text = f"{what},\nnumerical:{_show(n)}\nanalytical:{_show(a)}\n"
    if full is not None and slow is not None:
        with np.errstate(invalid="ignore"):
            worst = np.max(np.abs(full[1] - full[0]))
        text += (
            "\nThe above quantities relating the numerical and analytical jacobians are computed "
            "in fast mode. Below, we recompute numerical and analytical jacobians in slow mode:\n\n"
            f"Numerical:\n {_show(full[1])}\nAnalytical:\n{_show(full[0])}\n\n"
            f"The max per-element difference (slow mode) is: {worst}.\n"
        )
        text += FAST_ONLY if slow.agree(*full, 1.0) else ""
    return GradcheckError(text)


def _show(host: Host) -> Tensor:
    cpu = resolve("cpu")
    return wrap(cpu.from_host(np.asarray(host)), cpu)


FAST_ONLY = """
Fast gradcheck failed but element-wise differences are small. This means that the
test might've passed in slow_mode! Call gradcheck/gradgradcheck with `fast_mode=False`
as a keyword argument."""

NOT_REENTRANT = (
    "Backward is not reentrant, i.e., running backward with same input and grad_output multiple "
    "times gives different values, although analytical gradient matches numerical gradient."
    "The tolerance for nondeterminism was {}.\n\nIf it is random on purpose, call "
    "gradcheck/gradgradcheck with `nondet_tol=<tol>` as a keyword argument."
)

FAILED_BATCH = """\
gradcheck or gradgradcheck failed while testing batched gradient computation.

To compute batched grads (e.g., jacobians, hessians), we vmap over the backward
computation. The most common failure case is a backward with a 'vmap-incompatible
operation': one that looks at values, or computes outside of xpgrad. To leave this
check out, call gradcheck/gradgradcheck with `check_batched_grad=False`."""

FAILED_BATCH_FORWARD = """\
gradcheck failed while testing batched gradient computation with forward-mode AD.

The function is vmapped, and its tangents are. To leave this check out, call gradcheck
with `check_batched_forward_grad=False`."""

MATERIALIZE = (
    " A backward gets None for them only after `ctx.set_materialize_grads(False)`. To leave this "
    "check out, call gradcheck/gradgradcheck with `check_undefined_grad=False`."
)
