# ruff: noqa: E501 - a program is a line
"""`gradcheck` and `gradgradcheck`: what passes, what fails, and in which words."""

from behaviours.table import Table, caught, function

TABLE = Table()

TABLE.lines("""
    a_right_gradient: t.autograd.gradcheck(lambda a: a.sin() * a, d)
    a_right_gradient_of_a_tuple: t.autograd.gradcheck(lambda a: a.sin() * a, (d,))
    a_right_gradient_of_a_list: t.autograd.gradcheck(lambda a, b: a * b, [d, d.detach().clone().requires_grad_()])
    a_right_gradient_of_two: t.autograd.gradcheck(lambda a, b: a * b.exp(), (d, t.ones(3, dtype=t.float64, requires_grad=True)))
    an_input_that_needs_no_gradient: t.autograd.gradcheck(lambda a, b, n: a * b * n, (d, t.ones(3, dtype=t.float64), 3))
    several_results: t.autograd.gradcheck(lambda a: (a.sin(), a.sum()), d)
    a_result_that_is_an_integer: t.autograd.gradcheck(lambda a: (a.sin(), a.long()), d)
    a_result_that_needs_no_gradient: t.autograd.gradcheck(lambda a: (a.sin(), t.ones(2, dtype=t.float64)), d)
    an_input_of_size_zero: t.autograd.gradcheck(lambda a: a * 2, t.ones(0, dtype=t.float64, requires_grad=True))
    an_input_of_no_dimension: t.autograd.gradcheck(lambda a: a.exp(), t.tensor(0.5, dtype=t.float64, requires_grad=True))
    a_complex_input: t.autograd.gradcheck(lambda a: a * a, z.detach().to(t.complex128).requires_grad_())
    a_complex_input_and_a_real_result: t.autograd.gradcheck(lambda a: a.abs(), z.detach().to(t.complex128).requires_grad_())
    a_real_input_and_a_complex_result: t.autograd.gradcheck(lambda a: a * (1 + 2j), d)
    an_unused_input: t.autograd.gradcheck(lambda a, b: a * 2, (d, t.ones(2, dtype=t.float64, requires_grad=True)))
    a_view_as_a_result: t.autograd.gradcheck(lambda a: a[1:], d)
    the_input_as_a_result: t.autograd.gradcheck(lambda a: a, d)
    a_non_leaf_as_an_input: t.autograd.gradcheck(lambda a: a.sin(), d * 2)
    a_transposed_input: t.autograd.gradcheck(lambda a: a.sin(), m.detach().double().t().requires_grad_())
    a_wrong_gradient_returns_false: t.autograd.gradcheck(lambda a: a.detach() * a, d, raise_exception=False)
    a_wrong_gradient_in_the_second_result: t.autograd.gradcheck(lambda a: (a * 2, a.detach() * a), d)
    a_wrong_gradient_of_the_second_input: t.autograd.gradcheck(lambda a, b: a * b.detach() + b * 0, (d, t.ones(3, dtype=t.float64, requires_grad=True)))
    a_kink: t.autograd.gradcheck(lambda a: (a - 0.5).abs(), d, raise_exception=False)
    a_tolerance: [t.autograd.gradcheck(lambda a: (a * 1.001 - a.detach() * 0.001), d, atol=1e-2, raise_exception=False), t.autograd.gradcheck(lambda a: (a * 1.1 - a.detach() * 0.1), d, atol=1e-6, rtol=1e-6, raise_exception=False)]
    a_step: t.autograd.gradcheck(lambda a: a**3, d, eps=1e-3, atol=1e-4)
    fast_and_right: t.autograd.gradcheck(lambda a: a.sin() * a, d, fast_mode=True)
    fast_and_wrong: t.autograd.gradcheck(lambda a: a.detach() * a, d, fast_mode=True, raise_exception=False)
    fast_and_complex: t.autograd.gradcheck(lambda a: a * a, z.detach().to(t.complex128).requires_grad_(), fast_mode=True)
    grad_mode_is_left_alone: t.autograd.gradcheck(lambda a: a * a, d); [t.is_grad_enabled(), d.grad, d]
    under_no_grad: caught(within, t.no_grad(), lambda: t.autograd.gradcheck(lambda a: a * a, d)) is True
    twice_right: t.autograd.gradgradcheck(lambda a: a.sin() * a, d)
    twice_with_gradients: t.autograd.gradgradcheck(lambda a: a.sin() * a, d, t.ones(3, dtype=t.float64, requires_grad=True))
    twice_of_two_results: t.autograd.gradgradcheck(lambda a: (a.sin(), a.exp()), d)
    twice_of_a_linear_function: t.autograd.gradgradcheck(lambda a: a * 2, d)
    twice_of_two_inputs: t.autograd.gradgradcheck(lambda a, b: (a * b).tanh(), (d, t.ones(3, dtype=t.float64, requires_grad=True)))
    twice_complex: t.autograd.gradgradcheck(lambda a: a * a * a, z.detach().to(t.complex128).requires_grad_())
    twice_wrong_returns_false: t.autograd.gradgradcheck(lambda a: a * a.detach() * a, d, raise_exception=False)
    twice_fast: t.autograd.gradgradcheck(lambda a: a.sin() * a, d, fast_mode=True)
    twice_without_contiguous_gradients: t.autograd.gradgradcheck(lambda a: a.sin() * a, m.detach().double().requires_grad_(), gen_non_contig_grad_outputs=True)
    forward_and_right: t.autograd.gradcheck(lambda a: a.sin() * a, d, check_forward_ad=True)
    forward_alone: t.autograd.gradcheck(lambda a: a.sin() * a, d, check_forward_ad=True, check_backward_ad=False)
    forward_of_two_results: t.autograd.gradcheck(lambda a: (a.sin(), a.sum()), d, check_forward_ad=True)
    forward_of_complex_numbers: t.autograd.gradcheck(lambda a: a * a, z.detach().to(t.complex128).requires_grad_(), check_forward_ad=True)
    forward_and_fast: t.autograd.gradcheck(lambda a: a.sin() * a, d, check_forward_ad=True, fast_mode=True)
    forward_and_wrong: t.autograd.gradcheck(lambda a: a.detach() * a, d, check_forward_ad=True, check_backward_ad=False)
    forward_and_wrong_returns_false: t.autograd.gradcheck(lambda a: a.detach() * a, d, check_forward_ad=True, check_backward_ad=False, raise_exception=False)
    batched_and_right: t.autograd.gradcheck(lambda a: a.sin() * a, d, check_batched_grad=True)
    batched_and_fast: caught(t.autograd.gradcheck, lambda a: a.sin() * a, d, check_batched_grad=True, fast_mode=True)
    batched_forward_and_right: t.autograd.gradcheck(lambda a: a.sin() * a, d, check_forward_ad=True, check_batched_forward_grad=True)
    batched_forward_without_forward: caught(t.autograd.gradcheck, lambda a: a.sin(), d, check_batched_forward_grad=True)
    dtypes_of_gradients: t.autograd.gradcheck(lambda a: a.sin(), d, check_grad_dtypes=True)
    masked: t.autograd.gradcheck(lambda a: a.sin(), d, masked=True)
    twice_forward_over_reverse: t.autograd.gradgradcheck(lambda a: a.sin() * a, d, check_fwd_over_rev=True)
    twice_forward_over_reverse_alone: t.autograd.gradgradcheck(lambda a: a.sin() * a, d, check_fwd_over_rev=True, check_rev_over_rev=False)
    twice_batched: t.autograd.gradgradcheck(lambda a: a.sin() * a, d, check_batched_grad=True)
    an_error_of_the_function: t.autograd.gradcheck(lambda a: 1 / 0, d)
    a_result_that_is_no_tensor: caught(t.autograd.gradcheck, lambda a: 3, d) is not True
""")


@TABLE
def a_gradient_with_a_sign_wrong(t):
    f = function(t, lambda ctx, x: x.sin(), lambda ctx, g: -g, name="Wrong")
    return caught(t.autograd.gradcheck, f.apply, t.ones(2, dtype=t.float64, requires_grad=True))


@TABLE
def a_gradient_that_is_complex_and_wrong(t):
    f = function(
        t,
        lambda ctx, z: ctx.save_for_backward(z) or z * z,
        lambda ctx, g: 2 * g * ctx.saved_tensors[0],  # lacks a conjugate
        name="Wrong",
    )
    z = t.tensor([1 + 2j], dtype=t.complex128, requires_grad=True)
    return caught(t.autograd.gradcheck, f.apply, z)


@TABLE
def a_gradient_that_is_not_deterministic(t):
    state = {"n": 0.0}

    def backward(ctx, g):
        state["n"] += 1e-9
        return g * (2 + state["n"])

    f = function(t, lambda ctx, x: x * 2, backward, name="Noisy")
    x = t.ones(2, dtype=t.float64, requires_grad=True)
    strict = caught(t.autograd.gradcheck, f.apply, x)
    return strict, t.autograd.gradcheck(f.apply, x, nondet_tol=1e-6)


@TABLE
def a_gradient_that_ignores_the_incoming_one(t):
    f = function(t, lambda ctx, x: x * 2, lambda ctx, g: g * 0 + 2, name="Ignorant")
    return caught(t.autograd.gradcheck, f.apply, t.ones((), dtype=t.float64, requires_grad=True))


@TABLE
def a_gradient_that_needs_every_result(t):
    """One that takes a missing gradient for something else than zeros."""

    def forward(ctx, x):
        ctx.set_materialize_grads(False)
        return x * 2, x * 3

    def backward(ctx, a, b):
        return (t.ones(2, dtype=t.float64) if a is None else a * 2) + (0 if b is None else b * 3)

    f = function(t, forward, backward, name="Partial")
    x = t.ones(2, dtype=t.float64, requires_grad=True)
    return (
        caught(t.autograd.gradcheck, f.apply, x),
        caught(t.autograd.gradcheck, f.apply, x, check_undefined_grad=False),
    )


@TABLE
def the_error_is_a_kind_of(t):
    error = caught(
        t.autograd.gradcheck,
        lambda a: a.detach() * a,
        t.ones(2, dtype=t.float64, requires_grad=True),
    )
    return (
        type(error).__name__,
        isinstance(error, RuntimeError),
        type(error) is t.autograd.gradcheck.__globals__["GradcheckError"],
    )


@TABLE
def a_jvp_of_mine_that_is_wrong(t):
    def forward(ctx, x):
        ctx.save_for_forward(x)
        ctx.save_for_backward(x)
        return x * x

    f = function(
        t,
        forward,
        lambda ctx, g: 2 * g * ctx.saved_tensors[0],
        jvp=lambda ctx, v: 3 * v * ctx.saved_tensors[0],
        name="Wrong",
    )
    x = t.ones(2, dtype=t.float64, requires_grad=True)
    return (
        t.autograd.gradcheck(f.apply, x),
        caught(t.autograd.gradcheck, f.apply, x, check_forward_ad=True),
    )
