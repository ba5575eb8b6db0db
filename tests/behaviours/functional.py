# ruff: noqa: E501 - a program is a line
"""`autograd.functional`: what comes back, in which nesting, with which history."""

from behaviours.table import Table, caught, grads

TABLE = Table()

TABLE.lines("""
    jacobian: F.jacobian(lambda a: a * a, c)
    jacobian_of_a_matrix: F.jacobian(lambda a: a @ a.t(), m.detach())
    jacobian_of_a_scalar_result: F.jacobian(lambda a: a.sum(), c)
    jacobian_of_a_scalar: F.jacobian(lambda a: a * c, t.tensor(2.0))
    jacobian_of_a_tuple_of_inputs: F.jacobian(lambda a, b: a * b, (c, c + 1))
    jacobian_of_a_tuple_of_one: F.jacobian(lambda a: a * a, (c,))
    jacobian_of_a_tuple_of_results: F.jacobian(lambda a: (a * a, a.sum()), c)
    jacobian_of_tuples: F.jacobian(lambda a, b: (a * b.sum(), b), (c, c[:2]))
    jacobian_of_a_tuple_of_one_result: F.jacobian(lambda a: (a * a,), c)
    jacobian_of_what_is_independent: F.jacobian(lambda a, b: a * 2, (c, c[:2]))
    jacobian_of_a_constant: F.jacobian(lambda a: t.ones(2), c)
    jacobian_does_not_touch: F.jacobian(lambda a: a * x, x); [x.grad, x.requires_grad]
    jacobian_has_no_history: F.jacobian(lambda a: a * y, x).requires_grad
    jacobian_recorded: j = F.jacobian(lambda a: a**3, x, create_graph=True); [j, *grads(j, x)]
    jacobian_recorded_in_what_else_is_used: j = F.jacobian(lambda a: a * y, x, create_graph=True); grads(j, y)
    jacobian_recorded_of_a_constant: j = F.jacobian(lambda a: a**3, c, create_graph=True); j.requires_grad
    jacobian_strict: F.jacobian(lambda a: a * a, c, strict=True)
    jacobian_vectorized: F.jacobian(lambda a: a.sin() * a.sum(), c, vectorize=True)
    jacobian_vectorized_of_tuples: F.jacobian(lambda a, b: (a * b.sum(), b), (c, c[:2]), vectorize=True)
    jacobian_vectorized_of_a_matrix: F.jacobian(lambda a: a @ a.t(), m.detach(), vectorize=True)
    jacobian_vectorized_and_recorded: j = F.jacobian(lambda a: a**3, x, vectorize=True, create_graph=True); grads(j, x)
    jacobian_vectorized_of_what_is_independent: F.jacobian(lambda a, b: a * 2, (c, c[:2]), vectorize=True)
    jacobian_forward: F.jacobian(lambda a: a.sin() * a.sum(), c, vectorize=True, strategy="forward-mode")
    jacobian_forward_of_tuples: j = F.jacobian(lambda a, b: (a * b.sum(), b * 2), (c, c[:2]), vectorize=True, strategy="forward-mode"); [list(row) for row in j]
    jacobian_containers: [nesting(F.jacobian(f, i, vectorize=how != {}, **how)) for i in (c, (c,)) for f in (lambda a: a * 2, lambda a: (a * 2,), lambda a: (a, a.sum())) for how in ({}, {"strategy": "reverse-mode"}, {"strategy": "forward-mode"})]
    hessian_containers: [nesting(F.hessian(lambda *a: sum(v.sum() for v in a) ** 2, i, vectorize=True, outer_jacobian_strategy=how)) for i in (c, (c,), (c, c[:2])) for how in ("reverse-mode", "forward-mode")]
    jacobian_forward_not_vectorized: F.jacobian(lambda a: a.sin(), c, strategy="forward-mode")
    jacobian_forward_recorded: caught(F.jacobian, lambda a: a.sin(), c, create_graph=True, vectorize=True, strategy="forward-mode")
    jacobian_of_float64: F.jacobian(lambda a: a.float() * 2, d.detach())
    jacobian_of_two_dtypes: F.jacobian(lambda a, b: a * b, (c, d.detach()))
    jacobian_of_the_same_input_twice: F.jacobian(lambda a, b: a * b, (c, c))
    jacobian_under_no_grad: within(t.no_grad(), lambda: F.jacobian(lambda a: a * a, c))
    jacobian_of_what_switches_recording_off: F.jacobian(lambda a: within(t.no_grad(), lambda: a * a), c)
    jacobian_of_a_function_in_place: F.jacobian(lambda a: (a * 2).mul_(a), c)
    jacobian_of_the_input_itself: F.jacobian(lambda a: a, c)
    jacobian_of_an_empty_input: F.jacobian(lambda a: a * 2, t.ones(0))
    jacobian_of_a_view: F.jacobian(lambda a: a[1:], c)
    jacobian_of_a_module_like_function: w = m.detach(); F.jacobian(lambda v: (w @ v).tanh(), c / 10)
    hessian: F.hessian(lambda a: (a**3).sum(), c)
    hessian_of_a_product: F.hessian(lambda a: a.prod(), c)
    hessian_of_tuples: F.hessian(lambda a, b: (a * a).sum() * b.sum(), (c, c[:2]))
    hessian_of_a_tuple_of_one: F.hessian(lambda a: (a**3).sum(), (c,))
    hessian_of_a_scalar: F.hessian(lambda a: a**4, t.tensor(2.0))
    hessian_of_a_matrix: F.hessian(lambda a: (a @ a.t()).trace(), m.detach())
    hessian_of_a_linear_function: F.hessian(lambda a: a.sum(), c)
    hessian_of_a_constant: caught(F.hessian, lambda a: t.tensor(1.0), c)
    hessian_of_one_element: F.hessian(lambda a: (a**3).sum().reshape(1), c)
    hessian_recorded: h = F.hessian(lambda a: (a**4).sum(), x, create_graph=True); grads(h, x)
    hessian_vectorized: F.hessian(lambda a: (a.sin() * a.sum()).sum(), c, vectorize=True)
    hessian_vectorized_of_tuples: F.hessian(lambda a, b: (a * a).sum() * (b * b).sum(), (c, c[:2]), vectorize=True)
    hessian_forward: F.hessian(lambda a: (a.sin() * a.sum()).sum(), c, vectorize=True, outer_jacobian_strategy="forward-mode").detach()
    hessian_of_what_is_independent: F.hessian(lambda a, b: (a * a).sum(), (c, c[:2]))
    vjp: F.vjp(lambda a: a * a, c, t.arange(3.0))
    vjp_of_a_scalar: F.vjp(lambda a: (a * a).sum(), c)
    vjp_of_tuples: F.vjp(lambda a, b: (a * b, a.sum()), (c, c + 1), (t.arange(3.0), t.tensor(2.0)))
    vjp_of_a_tuple_of_one: F.vjp(lambda a: (a * a,), c, (t.arange(3.0),))
    vjp_has_no_history: [v.requires_grad for v in F.vjp(lambda a: a * y, x, c)]
    vjp_recorded: o, g = F.vjp(lambda a: a**3, x, c, create_graph=True); [o, g.detach(), *grads(g, x)]
    vjp_recorded_in_v: v = c.requires_grad_(); o, g = F.vjp(lambda a: a**3, x, v, create_graph=True); grads(g, v)
    vjp_strict: F.vjp(lambda a: a * a, c, t.arange(3.0), strict=True)
    vjp_of_what_is_independent: F.vjp(lambda a, b: a * 2, (c, c[:2]), t.arange(3.0))
    vjp_under_no_grad: within(t.no_grad(), lambda: F.vjp(lambda a: a * a, c, t.arange(3.0)))
    jvp: F.jvp(lambda a: a * a, c, t.arange(3.0))
    jvp_of_a_scalar: F.jvp(lambda a: a**3, t.tensor(2.0))
    jvp_of_tuples: F.jvp(lambda a, b: (a * b, a.sum()), (c, c + 1), (t.arange(3.0), t.ones(3)))
    jvp_has_no_history: [v.requires_grad for v in F.jvp(lambda a: a * y, x, c)]
    jvp_recorded: o, g = F.jvp(lambda a: a**3, x, c, create_graph=True); [o, g.detach(), *grads(g, x)]
    jvp_recorded_in_v: v = c.requires_grad_(); o, g = F.jvp(lambda a: a**3, x, v, create_graph=True); grads(g, v)
    jvp_strict: F.jvp(lambda a: a * a, c, t.arange(3.0), strict=True)
    jvp_of_what_is_independent: F.jvp(lambda a, b: a * 2, (c, c[:2]), (t.arange(3.0), t.ones(2)))
    vhp: F.vhp(lambda a: (a**3).sum(), c, t.arange(3.0))
    vhp_of_tuples: F.vhp(lambda a, b: (a * a).sum() * b.sum(), (c, c[:2]), (t.arange(3.0), t.ones(2)))
    vhp_of_a_scalar: F.vhp(lambda a: a**3, t.tensor(2.0), t.tensor(3.0))
    vhp_of_a_linear_function: F.vhp(lambda a: a.sum(), c, t.arange(3.0))
    vhp_recorded: o, g = F.vhp(lambda a: (a**4).sum(), x, c, create_graph=True); [o, *grads(g, x)]
    vhp_strict: F.vhp(lambda a: (a**3).sum(), c, t.arange(3.0), strict=True)
    hvp: F.hvp(lambda a: (a**3).sum(), c, t.arange(3.0))
    hvp_of_tuples: F.hvp(lambda a, b: (a * a).sum() * b.sum(), (c, c[:2]), (t.arange(3.0), t.ones(2)))
    hvp_of_a_product: [F.hvp(lambda a: a.prod(), c, v)[1] for v in t.eye(3)]
    hvp_of_a_linear_function: F.hvp(lambda a: a.sum(), c, t.arange(3.0))
    hvp_recorded: o, g = F.hvp(lambda a: (a**4).sum(), x, c, create_graph=True); [o, *grads(g, x)]
    hvp_strict: F.hvp(lambda a: (a**3).sum(), c, t.arange(3.0), strict=True)
    hvp_of_what_is_independent: F.hvp(lambda a, b: (a * a).sum(), (c, c[:2]), (t.arange(3.0), t.ones(2)))
""")


@TABLE
def a_function_sees_tensors_of_its_own(t):
    x = t.ones(2, requires_grad=True)
    log = []

    def f(a):
        log.extend([a is x, a.requires_grad, t.is_grad_enabled()])
        return a * 2

    t.autograd.functional.jacobian(f, x)
    t.autograd.functional.vjp(f, x, t.ones(2))
    return log


@TABLE
def a_function_that_raises(t):
    def f(a):
        raise ValueError("mine")

    functional = t.autograd.functional
    x = t.ones(2)
    calls = (functional.jacobian, functional.hessian, functional.vjp, functional.jvp)
    return [caught(call, f, x) for call in calls], t.is_grad_enabled()


@TABLE
def a_jacobian_in_a_graph(t):
    """Trained through: a penalty on the Jacobian."""
    w = t.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    j = t.autograd.functional.jacobian(
        lambda a: (w @ a).tanh(), t.tensor([0.1, 0.2]), create_graph=True
    )
    (j * j).sum().backward()
    return j.detach(), w.grad


@TABLE
def a_jacobian_of_a_jacobian(t):
    jacobian = t.autograd.functional.jacobian

    def f(a):
        return jacobian(lambda b: b**3, a, create_graph=True)

    x = t.tensor([1.0, 2.0], requires_grad=True)
    j = jacobian(f, x, create_graph=True)
    return j, grads(t, j, x)
