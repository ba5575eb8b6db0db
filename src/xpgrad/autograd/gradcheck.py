"""Derivatives against finite differences: `gradcheck` and `gradgradcheck`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from xpgrad.autograd.differences import (
    Check,
    GradcheckError,
    as_tuple,
    check_inputs,
    differentiable,
    random_like,
)
from xpgrad.autograd.gradients import grad
from xpgrad.tensor import Tensor


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
    """Compare the derivatives of `func` with finite differences; true if they agree.

    The defaults are right for double precision, away from kinks. `func` is called very often: for
    each element of an input twice (or four times, if it is complex).

    Args:
        func: takes `inputs`, returns a Tensor or several. Forward mode and batches see only what it
            does with the inputs passed to it, not with the same Tensors held from outside.
        inputs: a Tensor or several things; the double precision (or complex) Tensors among them
            that require a gradient are checked.
        eps: half the step of the differences.
        atol, rtol: what may differ, absolutely and relative to the difference quotient.
        raise_exception: raise where they disagree, rather than return false.
        nondet_tol: by how much two backwards may differ.
        check_undefined_grad: check that outputs without a gradient, and inputs without a tangent,
            are taken as zero.
        check_grad_dtypes: check that gradients have the dtype of their inputs, and that tangents
            are complex where outputs are.
        check_batched_grad: check that a batch of gradients (``vmap``) gives what each gives alone.
        check_batched_forward_grad: the same for a batch of tangents; with `check_forward_ad`.
        check_forward_ad: check forward mode.
        check_backward_ad: check reverse mode.
        fast_mode: compare a random projection of each Jacobian rather than all of its elements.
        masked: gradients for zero need only be close to zero.

    Raises:
        GradcheckError: they disagree.
        ValueError: no input requires a gradient.
        GradientError: an input whose elements share memory, as after ``expand``.
        AssertionError: checks of a mode that is not checked itself.

    >>> import xpgrad as xg
    >>> x = xg.tensor([1.0, 2.0], dtype=xg.float64, requires_grad=True)
    >>> xg.autograd.gradcheck(lambda x: x * x, x, check_forward_ad=True)
    True
    """
    if not (check_forward_ad or check_backward_ad):
        raise AssertionError(
            "Expected at least one of check_forward_ad or check_backward_ad to be True"
        )
    if check_batched_grad and not check_backward_ad:
        raise AssertionError(
            "Setting check_batched_grad=True requires check_backward_ad to be True"
        )
    if check_batched_forward_grad and not check_forward_ad:
        raise AssertionError(
            "Setting check_batched_forward_grad=True requires check_forward_ad to be True"
        )
    given = as_tuple(inputs)
    check_inputs(given)
    check = Check(
        func, given, eps, atol, rtol, nondet_tol, check_grad_dtypes, fast_mode, bool(masked)
    )
    try:
        if not check.outputs:
            check.expect_constant()
        if check_backward_ad:
            check.compare_backward()
        if check_forward_ad:
            check.compare_forward()
            if check_undefined_grad:
                check.expect_missing_tangents_to_be_zero()
        if check_batched_forward_grad:
            check.compare_batched_forward()
        if check_backward_ad:
            if check_batched_grad:
                check.compare_batched_backward()
            check.expect_zero_from_zero()
            if check_undefined_grad:
                check.expect_missing_gradients_to_be_zero()
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
        check_fwd_over_rev: check forward mode through the gradients.
        check_rev_over_rev: check reverse mode through the gradients.

    The rest is as for `gradcheck`.

    >>> import xpgrad as xg
    >>> x = xg.tensor([1.0, 2.0], dtype=xg.float64, requires_grad=True)
    >>> xg.autograd.gradgradcheck(lambda x: x * x * x, x)
    True
    """
    if not (check_fwd_over_rev or check_rev_over_rev):
        raise AssertionError(
            "Expected at least one of check_fwd_over_rev or check_rev_over_rev to be True"
        )
    for name, asked in (
        ("check_undefined_grad", check_undefined_grad),
        ("check_batched_grad", check_batched_grad),
    ):
        if asked and not check_rev_over_rev:
            raise AssertionError(f"Setting {name}=True requires check_rev_over_rev to be True")
    given = as_tuple(inputs)
    if grad_outputs is None:
        rng = np.random.default_rng(0)
        outputs = differentiable(func(*given))
        seeds = tuple(
            random_like(o, rng, gen_non_contig_grad_outputs).requires_grad_() for o in outputs
        )
    else:
        seeds = as_tuple(grad_outputs)
    count = len(given)
    wanted = [isinstance(x, Tensor) and x.requires_grad for x in given + seeds]

    def gradients(*args: Any) -> tuple[Tensor, ...]:
        for x, w in zip(args, wanted, strict=True):
            if w:
                x.requires_grad_()  # forward mode comes without
        xs = [x for x, w in zip(args[:count], wanted, strict=False) if w]
        outputs = differentiable(func(*args[:count]))
        found = grad(outputs, xs, args[count:], create_graph=True, allow_unused=True)
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
        check_forward_ad=check_fwd_over_rev,
        check_backward_ad=check_rev_over_rev,
        fast_mode=fast_mode,
        masked=masked,
    )
