# ruff: noqa: E501 - a program is a line
"""The transforms of `func`: grad, vjp, jvp, jacobians, vmap, and what they are nested to."""

from behaviours.table import Table, caught, function

TABLE = Table()

# ------------------------------------------------------------------ grad and its like

TABLE.lines("""
    func_grad: fn.grad(lambda a: (a**3).sum())(c)
    func_grad_of_a_scalar: fn.grad(t.sin)(t.tensor(0.5))
    func_grad_of_the_second: fn.grad(lambda a, b: (a * b).sum(), argnums=1)(c, c * 2)
    func_grad_of_two: fn.grad(lambda a, b: (a * b).sum(), argnums=(0, 1))(c, c * 2)
    func_grad_of_the_last: fn.grad(lambda a, b: (a * b * b).sum(), argnums=-1)(c, c * 2)
    func_grad_of_a_tuple_of_one: fn.grad(lambda a: (a * a).sum(), argnums=(0,))(c)
    func_grad_of_a_dictionary: fn.grad(lambda p: (p["w"] * p["b"]).sum())({"w": c, "b": c * 2})
    func_grad_of_a_nested_structure: fn.grad(lambda p: (p[0]["a"] * p[1][0]).sum())(({"a": c}, [c * 2]))
    func_grad_with_aux: fn.grad(lambda a: ((a * a).sum(), a * 10), has_aux=True)(c)
    func_grad_with_aux_that_is_nested: fn.grad(lambda a: ((a * a).sum(), {"twice": a * 2, "name": (a, 3)}), has_aux=True)(c)
    func_grad_has_no_history: fn.grad(lambda a: (a * a).sum())(c).requires_grad
    func_grad_of_a_leaf: g = fn.grad(lambda a: (a**3).sum())(x); [g, *grads(g, x)]
    func_grad_touches_no_grad: fn.grad(lambda a: (a * a).sum())(x); x.grad
    func_grad_of_what_else_is_used: g = fn.grad(lambda a: (a * y).sum())(x); [g.detach(), *grads(g, y)]
    func_grad_of_what_is_unused: fn.grad(lambda a: c.sum())(x.detach())
    func_grad_of_a_constant_of_a_leaf: fn.grad(lambda a: y.sum())(c)
    func_grad_of_order_two: fn.grad(fn.grad(lambda a: a**4))(t.tensor(2.0))
    func_grad_of_order_three: fn.grad(fn.grad(fn.grad(lambda a: a**4)))(t.tensor(2.0))
    func_grad_of_a_gradient_sum: fn.grad(lambda a: fn.grad(lambda b: (b**3).sum())(a).sum())(c)
    func_grad_perturbations_are_kept_apart: fn.grad(lambda a: a * fn.grad(lambda b: a * b)(t.tensor(1.0)))(t.tensor(3.0))
    func_grad_under_no_grad: within(t.no_grad(), lambda: fn.grad(lambda a: (a * a).sum())(c))
    func_grad_with_no_grad_inside: fn.grad(lambda a: (a * within(t.no_grad(), lambda: a * a)).sum())(c)
    func_grad_with_no_grad_around_the_inner: fn.grad(lambda a: within(t.no_grad(), lambda: fn.grad(lambda b: (b**3).sum())(a)).sum())(c)
    func_grad_with_detach_inside: fn.grad(lambda a: (a * a.detach()).sum())(c)
    func_grad_of_a_function_in_place: fn.grad(lambda a: (a * 2).mul_(a).sum())(c)
    func_grad_of_a_function_with_items: fn.grad(lambda a: (lambda b: [b.__setitem__(0, a[1] * 3), b.sum()][1])(a.clone()))(c)
    func_grad_of_a_vector: caught(fn.grad(lambda a: a * a), c)
    func_grad_of_a_tuple: caught(fn.grad(lambda a: (a.sum(), a.sum())), c)
    func_grad_of_a_number: caught(fn.grad(lambda a: 3.0), c)
    func_grad_of_integers: caught(fn.grad(lambda a: (a * 2.0).sum()), t.tensor([1, 2]))
    func_grad_out_of_range: caught(fn.grad(lambda a: a.sum(), argnums=1), c)
    func_grad_of_no_tensor: caught(fn.grad(lambda a: c.sum() * a), 3.0)
    func_grad_with_aux_but_none: caught(fn.grad(lambda a: a.sum(), has_aux=True), c)
    func_grad_with_aux_that_is_no_tensor: caught(fn.grad(lambda a: (a.sum(), "text"), has_aux=True), c)
    func_grad_with_keywords: fn.grad(lambda a, by=1.0: (a * by).sum())(c, by=5.0)
    func_grad_keeps_the_name: fn.grad(len).__name__
    func_grad_of_float64: fn.grad(lambda a: (a.float() * 2).sum())(d.detach())
    func_grad_of_complex_numbers: fn.grad(lambda a: (a * a.conj()).real.sum())(z.detach())
    func_value_and_grad: fn.grad_and_value(lambda a: (a * a).sum())(c)
    func_value_and_grad_with_aux: fn.grad_and_value(lambda a: ((a * a).sum(), a * 10), has_aux=True)(c)
    func_value_and_grad_of_two: fn.grad_and_value(lambda a, b: (a * b).sum(), argnums=(1, 0))(c, c * 2)
    func_vjp: o, f = fn.vjp(lambda a: a * a, c); [o, f(t.arange(3.0))]
    func_vjp_twice: o, f = fn.vjp(lambda a: a * a, c); [f(t.ones(3)), f(t.arange(3.0))]
    func_vjp_of_two: o, f = fn.vjp(lambda a, b: a * b, c, c * 2); f(t.ones(3))
    func_vjp_of_a_tuple: o, f = fn.vjp(lambda a: (a * a, a.sum()), c); [o, f((t.ones(3), t.tensor(10.0)))]
    func_vjp_of_a_dictionary: o, f = fn.vjp(lambda a: {"y": a["x"] * 2}, {"x": c}); [o, f({"y": c})]
    func_vjp_with_aux: o, f, aux = fn.vjp(lambda a: (a * a, a * 10), c, has_aux=True); [o, f(t.ones(3)), aux]
    func_vjp_of_what_is_unused: o, f = fn.vjp(lambda a, b: a * 2, c, c); f(t.ones(3))
    func_vjp_of_another_shape: o, f = fn.vjp(lambda a: a * a, c); caught(f, t.ones(2))
    func_vjp_of_another_structure: o, f = fn.vjp(lambda a: a * a, c); caught(f, (t.ones(3), t.ones(3)))
    func_vjp_of_a_leaf: o, f = fn.vjp(lambda a: a**3, x); (g,) = f(c); [g.detach(), *grads(g, x)]
    func_jvp: fn.jvp(lambda a: a * a, (c,), (t.arange(3.0),))
    func_jvp_of_two: fn.jvp(lambda a, b: a * b, (c, c * 2), (t.arange(3.0), t.ones(3)))
    func_jvp_of_a_tuple: fn.jvp(lambda a: (a * a, a.sum()), (c,), (t.arange(3.0),))
    func_jvp_of_a_dictionary: fn.jvp(lambda p: {"y": p["x"].sin()}, ({"x": c},), ({"x": t.ones(3)},))
    func_jvp_with_aux: fn.jvp(lambda a: (a * a, a * 10), (c,), (t.ones(3),), has_aux=True)
    func_jvp_of_a_constant: fn.jvp(lambda a: t.ones(2), (c,), (t.ones(3),))
    func_jvp_of_jvp: fn.jvp(lambda a: fn.jvp(lambda b: b**3, (a,), (t.ones(3),))[1], (c,), (t.ones(3),))
    func_jvp_of_grad: fn.jvp(fn.grad(lambda a: (a**3).sum()), (c,), (t.arange(3.0),))
    func_grad_of_jvp: fn.grad(lambda a: fn.jvp(lambda b: b**3, (a,), (t.ones(3),))[1].sum())(c)
    func_jvp_of_another_shape: caught(fn.jvp, lambda a: a * a, (c,), (t.ones(2),))
    func_jvp_without_a_tuple: caught(fn.jvp, lambda a: a * a, c, t.ones(3))
    func_jvp_of_another_number: caught(fn.jvp, lambda a, b: a * b, (c, c), (t.ones(3),))
    func_jvp_in_place: fn.jvp(lambda a: a.clone().mul_(a), (c,), (t.ones(3),))
    func_jvp_and_detach: fn.jvp(lambda a: a * a.detach(), (c,), (t.ones(3),))
    func_jvp_and_no_grad: within(t.no_grad(), lambda: fn.jvp(lambda a: a * a, (c,), (t.ones(3),)))
    func_linearize: o, f = fn.linearize(lambda a: a**3, c); [o, f(t.ones(3)), f(t.arange(3.0))]
    func_linearize_of_two: o, f = fn.linearize(lambda a, b: a * b, c, c * 2); [o, f(t.ones(3), t.arange(3.0))]
    func_linearize_of_a_dictionary: o, f = fn.linearize(lambda p: {"y": p["x"].sin()}, {"x": c}); f({"x": t.ones(3)})
    func_linearize_of_another_shape: o, f = fn.linearize(lambda a: a**3, c); caught(f, t.ones(2))
""")

# ------------------------------------------------------------------ jacobians

TABLE.lines("""
    func_jacrev: fn.jacrev(lambda a: a.sin() * a.sum())(c)
    func_jacrev_of_a_scalar: fn.jacrev(lambda a: a.sum())(c)
    func_jacrev_of_a_matrix: fn.jacrev(lambda a: a @ a.t())(m.detach())
    func_jacrev_of_two: fn.jacrev(lambda a, b: a * b, argnums=(0, 1))(c, c * 2)
    func_jacrev_of_the_second: fn.jacrev(lambda a, b: a * b * b, argnums=1)(c, c * 2)
    func_jacrev_of_a_tuple: fn.jacrev(lambda a: (a * a, a.sum()))(c)
    func_jacrev_of_a_dictionary: fn.jacrev(lambda p: {"y": p["x"] * 2, "z": p["x"].sum()})({"x": c})
    func_jacrev_with_aux: fn.jacrev(lambda a: (a * a, a * 10), has_aux=True)(c)
    func_jacrev_in_chunks: fn.jacrev(lambda a: a.sin() * a.sum(), chunk_size=2)(c)
    func_jacrev_in_chunks_of_one: fn.jacrev(lambda a: a.sin() * a.sum(), chunk_size=1)(c)
    func_jacrev_in_no_chunks: caught(lambda: fn.jacrev(lambda a: a, chunk_size=0)(c))
    func_jacrev_of_what_is_unused: fn.jacrev(lambda a, b: a * 2, argnums=1)(c, c[:2])
    func_jacfwd: fn.jacfwd(lambda a: a.sin() * a.sum())(c)
    func_jacfwd_of_a_matrix: fn.jacfwd(lambda a: a @ a.t())(m.detach())
    func_jacfwd_of_two: fn.jacfwd(lambda a, b: a * b, argnums=(0, 1))(c, c * 2)
    func_jacfwd_of_a_tuple: fn.jacfwd(lambda a: (a * a, a.sum()))(c)
    func_jacfwd_of_a_dictionary: fn.jacfwd(lambda p: {"y": p["x"] * 2})({"x": c})
    func_jacfwd_with_aux: fn.jacfwd(lambda a: (a * a, a * 10), has_aux=True)(c)
    func_jacfwd_of_a_scalar_result: fn.jacfwd(lambda a: a.sum())(c)
    func_jacfwd_of_a_constant: fn.jacfwd(lambda a: t.ones(2))(c)
    func_hessian: fn.hessian(lambda a: (a**3).sum() + a.prod())(c)
    func_hessian_of_two: fn.hessian(lambda a, b: (a * a * b).sum(), argnums=(0, 1))(c, c * 2)
    func_hessian_of_a_vector: fn.hessian(lambda a: a**3)(c)
    func_jacobians_of_jacobians: [f(g(lambda a: a**3))(c) for f in (fn.jacrev, fn.jacfwd) for g in (fn.jacrev, fn.jacfwd)]
    func_jacrev_of_a_leaf: j = fn.jacrev(lambda a: a**3)(x); [j.detach(), *grads(j, x)]
    func_jacrev_of_no_tensor: caught(fn.jacrev(lambda a: a * 2), 3.0)
    func_jacrev_to_no_tensor: caught(fn.jacrev(lambda a: 3.0), c)
""")

# ------------------------------------------------------------------ vmap

TABLE.lines("""
    vmap_of_a_function: fn.vmap(lambda a: (a * a).sum())(m.detach())
    vmap_of_two: fn.vmap(lambda a, b: a * b.sum())(m.detach(), m.detach() * 2)
    vmap_of_a_dot: fn.vmap(t.dot)(m.detach(), m.detach())
    vmap_with_one_shared: fn.vmap(lambda a, b: a @ b, in_dims=(0, None))(m.detach(), c)
    vmap_over_another_dimension: fn.vmap(lambda a: a.sum(), in_dims=1)(m.detach())
    vmap_over_the_last_dimension: fn.vmap(lambda a: a * 2, in_dims=-1)(m.detach())
    vmap_over_different_dimensions: fn.vmap(lambda a, b: a @ b, in_dims=(0, 1))(m.detach(), t.arange(6.0).view(3, 2))
    vmap_out_to_another_dimension: fn.vmap(lambda a: a * 2, out_dims=1)(m.detach())
    vmap_out_to_the_last_dimension: fn.vmap(lambda a: a * 2, out_dims=-1)(m.detach())
    vmap_out_to_different_dimensions: fn.vmap(lambda a: (a * 2, a.sum()), out_dims=(1, 0))(m.detach())
    vmap_in_and_out: fn.vmap(lambda a: a.cumsum(0), in_dims=1, out_dims=1)(m.detach())
    vmap_of_a_dictionary: fn.vmap(lambda p: p["a"] * p["b"], in_dims=({"a": 0, "b": None},))({"a": m.detach(), "b": c})
    vmap_to_a_dictionary: fn.vmap(lambda a: {"y": a * 2, "s": a.sum()})(m.detach())
    vmap_of_a_list: fn.vmap(lambda ab: ab[0] * ab[1])([m.detach(), m.detach()])
    vmap_of_a_number: fn.vmap(lambda a, n: a * n, in_dims=(0, None))(m.detach(), 3)
    vmap_with_keywords: fn.vmap(lambda a, *, b: a * b)(m.detach(), b=m.detach())
    vmap_of_a_constant: fn.vmap(lambda a: t.ones(2))(m.detach())
    vmap_of_the_input: fn.vmap(lambda a: a)(m.detach())
    vmap_in_chunks: fn.vmap(lambda a: a.sin(), chunk_size=2)(t.arange(10.0).view(5, 2))
    vmap_in_chunks_of_one: fn.vmap(lambda a: a.sum(), chunk_size=1)(m.detach())
    vmap_in_large_chunks: fn.vmap(lambda a: a.sum(), chunk_size=100)(m.detach())
    vmap_in_chunks_of_nothing: caught(lambda: fn.vmap(lambda a: a, chunk_size=0)(m.detach()))
    vmap_of_vmap: fn.vmap(fn.vmap(lambda a: a * a))(m.detach())
    vmap_of_vmap_over_both: fn.vmap(fn.vmap(lambda a, b: a * b, in_dims=(None, 0)), in_dims=(0, None))(c, t.arange(2.0))
    vmap_of_grad: fn.vmap(fn.grad(lambda a: (a**3).sum()))(m.detach())
    vmap_of_grad_with_shared_weights: fn.vmap(fn.grad(lambda w, a: (w @ a).tanh()), in_dims=(None, 0))(c / 10, m.detach() / 10)
    vmap_of_grad_and_value: fn.vmap(fn.grad_and_value(lambda a: (a**3).sum()))(m.detach())
    vmap_of_jacrev: fn.vmap(fn.jacrev(lambda a: a * a))(m.detach())
    vmap_of_jacfwd: fn.vmap(fn.jacfwd(lambda a: a * a))(m.detach())
    vmap_of_hessian: fn.vmap(fn.hessian(lambda a: (a**3).sum()))(m.detach())
    vmap_of_vjp: o, f = fn.vjp(lambda a: a * a, c); fn.vmap(f)(t.eye(3))
    vmap_of_jvp: fn.vmap(lambda v: fn.jvp(lambda a: a * a, (c,), (v,))[1])(t.eye(3))
    grad_of_vmap: fn.grad(lambda a: fn.vmap(lambda b: (b * b).sum())(a).sum())(m.detach())
    jvp_of_vmap: fn.jvp(fn.vmap(lambda a: (a * a).sum()), (m.detach(),), (t.ones(2, 3),))
    jvp_of_vmap_of_grad: fn.jvp(fn.vmap(fn.grad(lambda a: (a**3).sum())), (m.detach(),), (t.ones(2, 3),))
    backward_through_vmap: o = fn.vmap(lambda a: (a**3).sum())(m); [o.detach(), *grads(o, m)]
    backward_through_vmap_of_what_is_shared: o = fn.vmap(lambda a: a * x)(m); grads(o, m, x)
    vmap_under_no_grad: within(t.no_grad(), lambda: fn.vmap(lambda a: a * 2)(m))
    vmap_of_shapes: fn.vmap(lambda a: log.append((tuple(a.shape), a.ndim, a.numel())) or a)(m.detach()); log
    vmap_of_reshapes: fn.vmap(lambda a: a.reshape(1, 3).expand(2, 3).t())(m.detach())
    vmap_of_indexing: fn.vmap(lambda a: a[1:])(m.detach())
    vmap_of_indexing_by_an_array: fn.vmap(lambda a, i: a[i])(m.detach(), t.tensor([[0, 2], [1, 1]]))
    vmap_of_gather: fn.vmap(lambda a, i: a.gather(0, i))(m.detach(), t.tensor([[0, 2], [1, 1]]))
    vmap_of_where: fn.vmap(lambda a: t.where(a > 2, a, -a))(m.detach())
    vmap_of_sort: fn.vmap(lambda a: a.sort(descending=True))(m.detach())
    vmap_of_max: fn.vmap(lambda a: a.max(0))(m.detach())
    vmap_of_cat: fn.vmap(lambda a, b: t.cat([a, b]), in_dims=(0, None))(m.detach(), c)
    vmap_of_stack: fn.vmap(lambda a: t.stack([a, a * 2]))(m.detach())
    vmap_of_matmul: fn.vmap(lambda a, b: a @ b)(t.arange(8.0).view(2, 2, 2), t.arange(8.0).view(2, 2, 2))
    vmap_of_softmax: fn.vmap(lambda a: a.softmax(0))(m.detach())
    vmap_of_std: fn.vmap(lambda a: a.std())(m.detach())
    vmap_of_prod_and_cumprod: fn.vmap(lambda a: (a.prod(), a.cumprod(0)))(m.detach())
    vmap_of_in_place: fn.vmap(lambda a: a.clone().mul_(2).add_(a))(m.detach())
    vmap_of_in_place_on_what_is_shared: caught(fn.vmap(lambda a: c.clone().mul_(a)), m.detach())
    vmap_of_in_place_on_the_input: a = m.detach().clone(); fn.vmap(lambda b: b.mul_(2))(a); a
    vmap_of_items: fn.vmap(lambda a: [b := a.clone(), b.__setitem__(0, a[1])][0])(m.detach())
    vmap_of_factories: fn.vmap(lambda a: t.zeros_like(a) + t.ones(3) + a.new_zeros(3))(m.detach())
    vmap_of_dtypes: fn.vmap(lambda a: a.double())(m.detach())
    vmap_of_integers: fn.vmap(lambda a: a + 1)(t.tensor([1, 2]))
    vmap_of_booleans: fn.vmap(lambda a: (a > 2).any())(m.detach())
    vmap_of_einsum: fn.vmap(lambda a: t.einsum("i,j->ij", a, a))(m.detach())
    vmap_of_an_empty_batch: caught(fn.vmap(lambda a: a * 2), t.ones(0, 3))
    vmap_different_sizes: caught(fn.vmap(lambda a, b: a * b), t.ones(2), t.ones(3))
    vmap_of_no_dimension: caught(fn.vmap(lambda a: a), t.tensor(1.0))
    vmap_of_nothing_batched: caught(fn.vmap(lambda a: a, in_dims=None), c)
    vmap_out_of_range: caught(fn.vmap(lambda a: a, in_dims=3), m.detach())
    vmap_of_no_tensor: caught(fn.vmap(lambda a: a), 3)
    vmap_of_no_arguments: caught(fn.vmap(lambda: c))
    vmap_to_no_tensor: caught(fn.vmap(lambda a: 3), m.detach())
    vmap_to_a_nested_no_tensor: caught(fn.vmap(lambda a: (a, "text")), m.detach())
    vmap_in_dims_of_another_structure: caught(fn.vmap(lambda a, b: a, in_dims=(0,)), m.detach(), m.detach())
    vmap_in_dims_of_a_wrong_type: caught(fn.vmap(lambda a: a, in_dims="0"), m.detach())
    vmap_out_dims_of_another_structure: caught(fn.vmap(lambda a: (a, a), out_dims=(0, 0, 0)), m.detach())
    vmap_out_dims_out_of_range: caught(fn.vmap(lambda a: a, out_dims=5), m.detach())
    vmap_out_dims_none: fn.vmap(lambda a: (a, c), out_dims=(0, None))(m.detach())
    vmap_out_dims_none_of_what_is_batched: caught(fn.vmap(lambda a: a, out_dims=None), m.detach())
    vmap_of_an_item: caught(fn.vmap(lambda a: a.sum().item()), m.detach())
    vmap_and_autograd_for_a_leaf_from_outside: caught(fn.vmap(lambda a: grad((a * x).sum(), x)[0]), m.detach())
    vmap_and_autograd_for_a_leaf_from_outside_recorded: caught(fn.vmap(lambda a: grad((a * x).sum(), x, create_graph=True)[0]), m.detach())
    vmap_and_autograd_for_a_result_from_outside: u = x * 2; caught(fn.vmap(lambda a: grad((a * u).sum(), u)[0]), m.detach())
    vmap_and_autograd_for_what_is_mapped: caught(fn.vmap(lambda a: grad((a * a).sum(), a)[0]), m)
    vmap_and_autograd_of_what_is_outside_altogether: fn.vmap(lambda a: grad((x * x).sum(), x)[0] + a)(m.detach())
    vmap_and_autograd_by_a_mapped_vector: u = x * x; fn.vmap(lambda a: grad(u, x, a, retain_graph=True)[0])(m.detach())
    vmap_and_backward: caught(fn.vmap(lambda a: (a * x).sum().backward()), m.detach())
    vmap_of_what_requires_a_gradient_outside: fn.vmap(lambda a: log.append([a.requires_grad, (a * x).requires_grad, x.requires_grad]) or a * x)(m); log
    vmap_and_autograd_after_it: grads(fn.vmap(lambda a: (a * x).sum())(m), x, m)
    jvp_and_autograd_for_a_leaf_from_outside: caught(fn.jvp, lambda v: grad((v * v * x).sum(), x)[0], (c,), (c,))
    vmap_of_a_branch: caught(fn.vmap(lambda a: a if a.sum() > 1 else -a), m.detach())
    vmap_of_a_number_from_a_tensor: caught(fn.vmap(lambda a: a * float(a.sum())), m.detach())
    vmap_of_a_size_that_depends: caught(fn.vmap(lambda a: a[a > 2]), m.detach())
    vmap_of_nonzero: caught(fn.vmap(lambda a: a.nonzero()), m.detach())
    vmap_of_random_numbers_is_an_error: caught(fn.vmap(lambda a: a + t.rand(3)), m.detach())
    vmap_of_different_random_numbers: r = fn.vmap(lambda a: t.rand(3) + a * 0, randomness="different")(m.detach()); [r.shape, bool((r[0] == r[1]).all())]
    vmap_of_the_same_random_numbers: r = fn.vmap(lambda a: t.rand(3) + a * 0, randomness="same")(m.detach()); [r.shape, bool((r[0] == r[1]).all())]
    vmap_of_an_unknown_randomness: caught(fn.vmap(lambda a: a, randomness="some"), m.detach())
    vmap_of_different_random_permutations: r = fn.vmap(lambda a: t.randn_like(a), randomness="different")(m.detach()); [r.shape, bool((r[0] == r[1]).all())]
    vmap_of_the_same_random_numbers_like_the_input: caught(fn.vmap(lambda a: t.randn_like(a), randomness="same"), m.detach()).shape
    vmap_keeps_the_name: fn.vmap(len).__name__
    vmap_at_the_top: t.vmap(lambda a: a.sum())(m.detach())
    vmap_of_a_gradient_of_autograd: b = x * x; fn.vmap(lambda v: grad(b, x, v, retain_graph=True)[0])(t.eye(3))
    vmap_of_a_view_that_is_written: fn.vmap(lambda a: [b := a.clone(), b[1:].mul_(10)][0])(m.detach())
    vmap_of_norm: fn.vmap(lambda a: a.norm())(m.detach())
    vmap_of_outer: fn.vmap(t.outer)(m.detach(), m.detach())
    vmap_of_flip_and_roll: fn.vmap(lambda a: a.flip(0) + a.roll(1))(m.detach())
    vmap_of_topk: fn.vmap(lambda a: a.topk(2))(m.detach())
    vmap_of_clamp: fn.vmap(lambda a, lo: t.clamp(a, lo, lo + 1))(m.detach(), t.tensor([2.0, 4.5]))
    vmap_of_unbind: fn.vmap(lambda a: a.unbind())(m.detach())
    vmap_of_masked_fill: fn.vmap(lambda a, k: a.masked_fill(k, 0.0))(m.detach(), t.tensor([[True, False, True], [False, False, True]]))
""")

# ------------------------------------------------------------------ modules and Function


@TABLE
def per_sample_gradients(t):
    w = t.tensor([[0.5, -1.0], [2.0, 0.25]])
    b = t.tensor([0.1, 0.2])
    xs = t.tensor([[1.0, 2.0], [3.0, 4.0], [-1.0, 0.5]])
    ys = t.tensor([1.0, 0.0, 2.0])

    def loss(params, x, y):
        return ((params["w"] @ x + params["b"]).tanh().sum() - y) ** 2

    params = {"w": w, "b": b}
    found = t.func.vmap(t.func.grad(loss), in_dims=(None, 0, 0))(params, xs, ys)
    loop = [t.func.grad(loss)(params, x, y) for x, y in zip(xs, ys)]
    return found, loop


@TABLE
def an_ensemble(t):
    models = []
    for i in range(3):
        model = t.nn.Linear(2, 1)
        with t.no_grad():
            model.weight.fill_(float(i))
            model.bias.fill_(0.5)
        models.append(model)
    params, buffers = t.func.stack_module_state(models)
    x = t.tensor([[1.0, 2.0], [3.0, 4.0]])

    def call(p, b, x):
        return t.func.functional_call(models[0], (p, b), (x,))

    return (
        t.func.vmap(call, in_dims=(0, 0, None))(params, buffers, x),
        params["weight"].shape,
        params["weight"].requires_grad,
    )


@TABLE
def a_module_called_with_other_parameters(t):
    model = t.nn.Linear(2, 1)
    with t.no_grad():
        model.weight.fill_(1.0)
        model.bias.fill_(0.0)
    x = t.tensor([1.0, 2.0])
    other = {"weight": t.tensor([[3.0, 4.0]], requires_grad=True)}
    out = t.func.functional_call(model, other, (x,))
    out.sum().backward()
    return out, other["weight"].grad, model.weight.grad, model.weight.tolist()


@TABLE
def a_module_called_with_a_parameter_that_is_not_there(t):
    model = t.nn.Linear(2, 1)
    return caught(t.func.functional_call, model, {"other": t.ones(1)}, (t.ones(2),), strict=True)


@TABLE
def a_module_called_with_keywords(t):
    class Scale(t.nn.Module):
        def __init__(self):
            super().__init__()
            self.w = t.nn.Parameter(t.tensor(2.0))

        def forward(self, x, *, by=1.0):
            return self.w * x * by

    return t.func.functional_call(Scale(), {"w": t.tensor(5.0)}, (t.ones(2),), {"by": 3.0})


@TABLE
def the_gradient_of_a_module(t):
    model = t.nn.Sequential(t.nn.Linear(2, 2), t.nn.Tanh(), t.nn.Linear(2, 1))
    with t.no_grad():
        for i, p in enumerate(model.parameters()):
            p.fill_(0.1 * (i + 1))
    params = dict(model.named_parameters())
    x = t.tensor([1.0, 2.0])
    return t.func.grad(lambda p: t.func.functional_call(model, p, (x,)).sum())(
        {k: v.detach() for k, v in params.items()}
    )


@TABLE
def stacking_no_modules(t):
    return caught(t.func.stack_module_state, [])


@TABLE
def stacking_modules_of_two_kinds(t):
    return caught(t.func.stack_module_state, [t.nn.Linear(2, 1), t.nn.Tanh()])


@TABLE
def stacking_modules_in_two_modes(t):
    models = [t.nn.Linear(2, 1), t.nn.Linear(2, 1)]
    models[1].eval()
    return caught(t.func.stack_module_state, models)


def cube(t, **more):
    def forward(x):
        return x**3

    def setup(ctx, inputs, output):
        ctx.save_for_backward(inputs[0])
        ctx.save_for_forward(inputs[0])

    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * 3 * x * x

    def jvp(ctx, v):
        (x,) = ctx.saved_tensors
        return v * 3 * x * x

    return function(t, forward, backward, setup_context=setup, jvp=jvp, name="Cube", **more)


@TABLE
def func_grad_of_a_function_of_mine(t):
    f = cube(t).apply
    x = t.tensor([1.0, 2.0])
    return t.func.grad(lambda a: f(a).sum())(x), t.func.jacrev(f)(x), t.func.vjp(f, x)[1](x)


@TABLE
def func_hessian_of_a_function_of_mine(t):
    f = cube(t).apply
    return t.func.grad(lambda a: t.func.grad(lambda b: f(b).sum())(a).sum())(t.tensor([1.0, 2.0]))


@TABLE
def func_jvp_of_a_function_of_mine(t):
    f = cube(t).apply
    x = t.tensor([1.0, 2.0])
    return t.func.jvp(f, (x,), (x * 10,)), t.func.jvp(
        lambda a: t.func.grad(lambda b: f(b).sum())(a), (x,), (x,)
    )


@TABLE
def func_jacfwd_of_a_function_of_mine(t):
    f = cube(t, generate_vmap_rule=True).apply
    return caught(t.func.jacfwd(f), t.tensor([1.0, 2.0])), caught(
        t.func.jacfwd(cube(t).apply), t.ones(2)
    )


@TABLE
def func_grad_of_a_function_without_setup(t):
    f = function(t, lambda ctx, x: x * 2, lambda ctx, g: g * 2).apply
    return caught(t.func.grad(lambda a: f(a).sum()), t.ones(2))


@TABLE
def vmap_of_a_function_without_a_rule(t):
    f = cube(t).apply
    return caught(t.func.vmap(f), t.tensor([1.0, 2.0]))


@TABLE
def vmap_of_a_function_with_a_generated_rule(t):
    f = cube(t, generate_vmap_rule=True).apply
    x = t.arange(4.0).view(2, 2)
    return t.func.vmap(f)(x), t.func.vmap(t.func.grad(lambda a: f(a).sum()))(x)


@TABLE
def vmap_of_a_function_with_a_rule(t):
    log = []

    def rule(info, in_dims, x):
        log.append((info.batch_size, info.randomness, in_dims, tuple(x.shape)))
        return x**3, in_dims[0]

    f = cube(t, vmap=rule).apply
    return t.func.vmap(f, in_dims=1)(t.arange(6.0).view(2, 3)), log


@TABLE
def vmap_of_a_function_with_two_rules(t):
    f = cube(t, vmap=lambda info, in_dims, x: (x**3, in_dims[0]), generate_vmap_rule=True).apply
    return caught(t.func.vmap(f), t.ones(2))


@TABLE
def vmap_of_a_function_whose_rule_returns_too_little(t):
    f = cube(t, vmap=lambda info, in_dims, x: x**3).apply
    return caught(t.func.vmap(f), t.ones(2))


@TABLE
def hooks_in_a_transform(t):
    log = []

    def f(a):
        b = a * 2
        b.register_hook(lambda g: log.append("hook") or g * 10)
        return b.sum()

    return t.func.grad(f)(t.ones(2)), log


@TABLE
def a_transform_inside_a_graph(t):
    """Gradients of autograd go through transforms, and beside them."""
    w = t.tensor([1.0, 2.0], requires_grad=True)
    x = t.tensor([[1.0, 2.0], [3.0, 4.0]])
    inner = t.func.vmap(t.func.grad(lambda v, a: ((v * a).sum()) ** 2), in_dims=(None, 0))(w, x)
    (inner.sum() + w.sum()).backward()
    return inner.detach(), w.grad


@TABLE
def autograd_inside_a_transform(t):
    """`autograd.grad` with create_graph, inside of `func.grad`."""

    def f(a):
        b = a.detach().requires_grad_()
        (g,) = t.autograd.grad((b**3).sum(), b)
        return (a * g).sum()

    return caught(t.func.grad(f), t.tensor([1.0, 2.0]))


@TABLE
def a_transform_leaves_no_trace_after_an_error(t):
    def f(a):
        raise ValueError("mine")

    x = t.ones(2)
    found = [
        caught(t.func.grad(f), x),
        caught(t.func.vmap(f), x),
        caught(t.func.jvp, f, (x,), (x,)),
    ]
    return found, t.func.grad(lambda a: (a * a).sum())(x), (x * 2).requires_grad
