"""Checking gradients against finite differences.

Complex numbers follow PyTorch's convention: the gradient of a real function of ``x + iy`` is its
derivative by x plus i times that by y. A complex output is checked as two real functions.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from xpgrad.autograd.gradients import grad
from xpgrad.dtypes import complex128, float64
from xpgrad.errors import XpgradError
from xpgrad.registry import resolve
from xpgrad.tensor import Tensor, wrap

Host = np.ndarray[Any, Any]


class GradcheckError(XpgradError, RuntimeError):
    """A gradient and finite differences disagree."""


def gradcheck(
    func: Callable[..., Any],
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_batched_forward_grad: bool = False,
    check_forward_ad: bool = False,
    check_backward_ad: bool = True,
    fast_mode: bool = False,
    masked: bool | None = None,
) -> bool:
    """Compare the gradients of `func` with finite differences; true if they agree.

    Args:
        func: takes `inputs`, returns a Tensor or several.
        inputs: a Tensor or several things; the double precision (or complex) Tensors among them
            that require a gradient are checked.
        eps: half the step of the differences.
        atol, rtol: what may differ, absolutely and relative to the difference quotient.
        raise_exception: raise where they disagree, rather than return false.
        nondet_tol: by how much two backwards may differ.
        check_undefined_grad: check that outputs without a gradient are taken as zero.
        check_grad_dtypes: check that gradients have the dtype of their inputs.
        fast_mode: compare one random projection of the Jacobian instead of all of it.
        check_batched_grad, check_batched_forward_grad, check_forward_ad, masked: not there yet.

    Raises:
        GradcheckError: they disagree.
        ValueError: no input requires a gradient.
        NotImplementedError: for checks that are not there yet.

    >>> import xpgrad as xg
    >>> x = xg.tensor([1.0, 2.0], dtype=xg.float64, requires_grad=True)
    >>> xg.autograd.gradcheck(lambda x: x * x, x)
    True
    """
    for name, asked in (
        ("check_batched_grad", check_batched_grad),
        ("check_batched_forward_grad", check_batched_forward_grad),
        ("check_forward_ad", check_forward_ad),
        ("masked", masked),
    ):
        if asked:
            raise NotImplementedError(f"gradcheck: {name}=True is not implemented yet")
    if not check_backward_ad:
        raise AssertionError(
            "Expected at least one of check_forward_ad or check_backward_ad to be True"
        )
    given = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    check = _Check(func, given, eps=eps, atol=atol, rtol=rtol)
    try:
        check.run(fast_mode, nondet_tol, check_undefined_grad, check_grad_dtypes)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def gradgradcheck(
    func: Callable[..., Any],
    inputs: Any,
    grad_outputs: Any = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    gen_non_contig_grad_outputs: bool = False,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_fwd_over_rev: bool = False,
    check_rev_over_rev: bool = True,
    fast_mode: bool = False,
    masked: bool = False,
) -> bool:
    """Compare the second-order gradients of `func` with finite differences of the first.

    Args:
        grad_outputs: a gradient for each output; random ones if not given.
        gen_non_contig_grad_outputs: make the random ones non-contiguous.
        check_fwd_over_rev: not there yet.

    The rest is as for `gradcheck`.

    >>> import xpgrad as xg
    >>> x = xg.tensor([1.0, 2.0], dtype=xg.float64, requires_grad=True)
    >>> xg.autograd.gradgradcheck(lambda x: x * x * x, x)
    True
    """
    if check_fwd_over_rev:
        raise NotImplementedError("gradgradcheck: check_fwd_over_rev=True is not implemented yet")
    if not check_rev_over_rev:
        raise AssertionError(
            "Expected at least one of check_fwd_over_rev or check_rev_over_rev to be True"
        )
    given = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    if grad_outputs is None:
        rng = np.random.default_rng(0)
        outputs = _differentiable(func(*given))
        seeds: tuple[Any, ...] = tuple(
            _random_like(o, rng, gen_non_contig_grad_outputs) for o in outputs
        )
    else:
        seeds = (grad_outputs,) if isinstance(grad_outputs, Tensor) else tuple(grad_outputs)
    count = len(seeds)

    def gradients(*args: Any) -> tuple[Tensor, ...]:
        xs, gs = args[: len(args) - count], args[len(args) - count :]
        wanted = [x for x in xs if isinstance(x, Tensor) and x.requires_grad]
        found = grad(_differentiable(func(*xs)), wanted, gs, create_graph=True, allow_unused=True)
        return tuple(g for g in found if g is not None)

    return gradcheck(
        gradients,
        given + seeds,
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
        nondet_tol=nondet_tol,
        check_undefined_grad=check_undefined_grad,
        check_grad_dtypes=check_grad_dtypes,
        check_batched_grad=check_batched_grad,
        fast_mode=fast_mode,
        masked=masked,
    )


# ------------------------------------------------------------------ the work


def _tensors(outputs: Any) -> list[Tensor]:
    found = [outputs] if isinstance(outputs, Tensor) else list(outputs)
    for o in found:
        if not isinstance(o, Tensor):
            raise TypeError(
                f"the function given to gradcheck must return Tensors, got {type(o).__name__}"
            )
    return found


def _differentiable(outputs: Any) -> list[Tensor]:
    return [o for o in _tensors(outputs) if o.requires_grad]


def _host(t: Tensor) -> Host:
    """A copy of a tensor's elements."""
    return np.array(t._ns.to_host(t._data))


def _give(host: Host, like: Tensor) -> Tensor:
    return wrap(like._ns.from_host(np.array(host)), like._ns)


def _random_like(t: Tensor, rng: np.random.Generator, non_contiguous: bool) -> Tensor:
    host = rng.standard_normal(tuple(t.shape))
    if t.dtype.is_complex:
        host = host + 1j * rng.standard_normal(tuple(t.shape))
    host = np.asarray(host).astype(t.dtype.name)
    if non_contiguous:
        host = np.stack([host, host], axis=-1)[..., 0]
    return wrap(t._ns.from_host(host), t._ns).requires_grad_()


class _Check:
    """One run of gradcheck."""

    def __init__(
        self, func: Callable[..., Any], inputs: tuple[Any, ...], *, eps: float, atol: float,
        rtol: float,
    ) -> None:  # fmt: skip
        self.func, self.inputs = func, inputs
        self.eps, self.atol, self.rtol = eps, atol, rtol
        self.checked: list[tuple[int, Tensor]] = []
        for i, x in enumerate(inputs):
            if isinstance(x, Tensor) and x.requires_grad:
                if x.dtype not in (float64, complex128):
                    warnings.warn(
                        f"Input #{i} requires gradient and is not a double precision floating "
                        "point or complex. This check will likely fail if all the inputs are not "
                        "of double precision floating point or complex. ",
                        UserWarning,
                        stacklevel=4,
                    )
                self.checked.append((i, x))
        if not self.checked:
            raise ValueError(
                "gradcheck expects at least one input tensor to require gradient, but none of "
                "them have requires_grad=True."
            )

    def run(self, fast: bool, nondet_tol: float, undefined: bool, dtypes: bool) -> None:
        """Check everything.

        Raises:
            GradcheckError: they disagree.
        """
        everything = _tensors(self.func(*self.inputs))
        outputs = [o for o in everything if o.requires_grad]
        if not outputs:
            self._expect_zero(everything)
            return
        for o, output in enumerate(outputs):
            for part in (1j, 1) if output.dtype.is_complex else (1,):
                if fast:
                    self._compare_projection(o, output, part)
                else:
                    self._compare(o, output, part, nondet_tol)
        self._expect_linear(outputs, undefined, dtypes)

    # -- finite differences

    def _moved(self, x: Tensor, direction: Host) -> Iterator[list[Host]]:
        """The outputs at `x` plus and minus `eps` times `direction`."""
        data, at = x._data, _host(x)
        try:
            for sign in (1, -1):
                # The very same Tensor gets another array: a function may hold it, too.
                moved = (at + sign * self.eps * direction).astype(at.dtype)
                x._data = x._ns.from_host(moved)
                yield [_host(o) for o in _tensors(self.func(*self.inputs)) if _floats(o)]
        finally:
            x._data = data

    def _slope(self, x: Tensor, direction: Host) -> list[Host]:
        """The derivative of each floating output along `direction`."""
        ahead, behind = self._moved(x, direction)
        return [np.asarray((a - b) / (2 * self.eps)) for a, b in zip(ahead, behind, strict=True)]

    def _numerical(self, x: Tensor, number: int, part: complex) -> Host:
        """The Jacobian of one output: a row for each element of `x`."""
        rows = []
        for place in np.ndindex(*x.shape):
            row: Any = 0
            for unit in (1, 1j) if x.dtype.is_complex else (1,):
                direction = np.zeros(tuple(x.shape), dtype=type(unit))
                direction[place] = unit
                row = row + unit * _part(self._slope(x, direction)[number].reshape(-1), part)
            rows.append(row)
        return np.stack(rows) if rows else np.zeros((0, 0))

    # -- gradients

    def _analytical(self, output: Tensor, part: complex) -> list[Host]:
        """The Jacobians by backward, one for each checked input."""
        columns: list[list[Host]] = [[] for _ in self.checked]
        for place in np.ndindex(*output.shape):
            unit = np.zeros(tuple(output.shape), dtype=output.dtype.name)
            unit[place] = part
            found = self._grads([output], [_give(unit, output)])
            for column, g, (_, x) in zip(columns, found, self.checked, strict=True):
                host = np.zeros(tuple(x.shape), x.dtype.name) if g is None else _host(g)
                column.append(host.reshape(-1))
        return [np.stack(c, axis=1) if c else np.zeros((0, 0)) for c in columns]

    def _grads(self, outputs: Sequence[Tensor], seeds: Sequence[Tensor]) -> tuple[Any, ...]:
        xs = [x for _, x in self.checked]
        found: tuple[Any, ...] = grad(outputs, xs, seeds, retain_graph=True, allow_unused=True)
        return found

    # -- checks

    def _compare(self, o: int, output: Tensor, part: complex, nondet_tol: float) -> None:
        first, again = self._analytical(output, part), self._analytical(output, part)
        number = self._number(o)
        for (i, x), a in zip(self.checked, first, strict=True):
            n = self._numerical(x, number, part)
            if a.size and not np.allclose(a, n, rtol=self.rtol, atol=self.atol):
                raise GradcheckError(_mismatch(o, i, n, a, output, part))
        for a, b in zip(first, again, strict=True):
            if a.size and not np.max(np.abs(a - b)) <= nondet_tol:
                raise GradcheckError(
                    "Backward is not reentrant, i.e., running backward with same input and "
                    "grad_output multiple times gives different values, although analytical "
                    "gradient matches numerical gradient.The tolerance for nondeterminism was "
                    f"{nondet_tol}."
                )

    def _number(self, o: int) -> int:
        """The place among the floating outputs of the differentiable output number `o`."""
        outputs = [t for t in _tensors(self.func(*self.inputs)) if _floats(t)]
        return [i for i, t in enumerate(outputs) if t.requires_grad][o]

    def _compare_projection(self, o: int, output: Tensor, part: complex) -> None:
        """Compare the Jacobian between two random unit vectors."""
        rng = np.random.default_rng(0)
        number = self._number(o)
        v = _unit(rng, output.shape)
        seed = _give((v * part).astype(output.dtype.name), output)
        for (i, x), g in zip(self.checked, self._grads([output], [seed]), strict=True):
            for unit in (1j, 1) if x.dtype.is_complex else (1,):
                u = _unit(rng, x.shape)
                gradient = np.zeros(tuple(x.shape)) if g is None else _host(g)
                analytical = float(np.sum(_part(gradient, unit) * u))
                numerical = float(np.sum(_part(self._slope(x, unit * u)[number], part) * v))
                atol = self.atol * max(float(np.sum(u) * np.sum(v)), 1.0)
                if not np.isclose(analytical, numerical, rtol=self.rtol, atol=atol):
                    slow_n = self._numerical(x, number, part)
                    slow_a = self._analytical(output, part)[[j for j, _ in self.checked].index(i)]
                    raise GradcheckError(
                        f"{_considering(output, part)}Jacobian mismatch for output {o} with "
                        f"respect to input {i},\nnumerical:{numerical}\nanalytical:{analytical}\n\n"
                        "The above quantities relating the numerical and analytical jacobians are "
                        "computed in fast mode. Below, we recompute numerical and analytical "
                        f"jacobians in slow mode:\n\nNumerical:\n {_show(slow_n)}\n"
                        f"Analytical:\n{_show(slow_a)}\n\nThe max per-element difference (slow "
                        f"mode) is: {np.max(np.abs(slow_n - slow_a))}.\n"
                    )

    def _expect_zero(self, outputs: list[Tensor]) -> None:
        """A function without a gradient must not depend on its inputs."""
        for number in range(len([o for o in outputs if _floats(o)])):
            for _, x in self.checked:
                for part in (1, 1j):
                    if np.any(np.abs(self._numerical(x, number, part)) > self.atol):
                        raise GradcheckError("Numerical gradient for function expected to be zero")

    def _expect_linear(self, outputs: list[Tensor], undefined: bool, dtypes: bool) -> None:
        """Zero in, zero out; and the same for one output after another, the rest undefined."""
        zeros = [_give(np.zeros(tuple(o.shape), o.dtype.name), o) for o in outputs]
        for (i, x), g in zip(self.checked, self._grads(outputs, zeros), strict=True):
            if g is None:
                continue
            if np.any(_host(g) != 0):
                raise GradcheckError("backward not multiplied by grad_output")
            if g.shape != x.shape:
                raise GradcheckError(f"grad of input {i} is incorrect size")
            if dtypes and g.dtype is not x.dtype:
                raise GradcheckError(f"grad of input {i} is incorrect type")
        for o, z in zip(outputs, zeros, strict=True) if undefined and len(outputs) > 1 else ():
            for g in self._grads([o], [z]):
                if g is not None and np.any(_host(g) != 0):
                    raise GradcheckError(
                        "Expected all input grads to be undefined or zero when all output grads "
                        "are undefined or zero."
                    )


def _floats(t: Tensor) -> bool:
    return t.dtype.is_differentiable


def _part(values: Host, part: complex) -> Host:
    """The real or the imaginary part."""
    return np.asarray(values.imag if part == 1j else values.real)


def _unit(rng: np.random.Generator, shape: Sequence[int]) -> Host:
    """A random vector of length one, in positive directions only."""
    v = rng.random(tuple(shape))
    return np.asarray(v / (np.linalg.norm(v) or 1.0))


def _considering(output: Tensor, part: complex) -> str:
    if not output.dtype.is_complex:
        return ""
    name = "imaginary" if part == 1j else "real"
    return f"While considering the {name} part of complex outputs only, "


def _mismatch(o: int, i: int, n: Host, a: Host, output: Tensor, part: complex) -> str:
    return (
        f"{_considering(output, part)}Jacobian mismatch for output {o} with respect to input {i},\n"
        f"numerical:{_show(n)}\nanalytical:{_show(a)}\n"
    )


def _show(host: Host) -> Tensor:
    cpu = resolve("cpu")
    return wrap(cpu.from_host(host), cpu)
