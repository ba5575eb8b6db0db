# ruff: noqa: E501 - a program is a line
"""Leaves and their `.grad`: assigned, accumulated, cleared, copied, pickled; dtypes and shapes."""

from behaviours.table import Table, caught

TABLE = Table()

# ------------------------------------------------------------------ .grad

TABLE.lines("""
    grad_is_none_at_first: [x.grad, c.grad, s.grad]
    grad_accumulates: (x * 2).sum().backward(); (x * 3).sum().backward(); x.grad
    grad_stays_the_same_object: x.sum().backward(); g = x.grad; (x * 2).sum().backward(); [x.grad is g, g]
    grad_is_a_plain_tensor: x.sum().backward(); [x.grad.requires_grad, x.grad.is_leaf, x.grad.grad_fn, x.grad.grad]
    grad_assigned: x.grad = c; [x.grad is c, x.grad]
    grad_assigned_is_added_into: x.grad = c; x.sum().backward(); [x.grad is c, c]
    grad_assigned_none: x.sum().backward(); x.grad = None; a = x.grad; x.sum().backward(); [a, x.grad]
    grad_deleted: x.sum().backward(); del x.grad; x.grad
    grad_zeroed: x.sum().backward(); g = x.grad; x.grad.zero_(); (x * 5).sum().backward(); [x.grad, x.grad is g]
    grad_assigned_to_a_constant: c.grad = t.ones(3); c.grad
    grad_assigned_a_view: a = t.zeros(5); x.grad = a[1:4]; (x * y).sum().backward(); a
    grad_assigned_an_expanded_tensor: x.grad = t.ones(1).expand(3); e = caught((x * y).sum().backward); x.grad if e is None else "refused"
    grad_assigned_that_requires_a_gradient: x.grad = y; (x * 2).sum().backward(); [x.grad.requires_grad, x.grad.detach(), y.grad]
    grad_assigned_a_result: x.grad = y * 2; [x.grad, x.grad.requires_grad]
    grad_read_from_the_leaf_of_a_view: v = x[:2]; v.sum().backward(); [x.grad, v.is_leaf]
    grad_of_a_leaf_of_an_unused_branch: a = x * 2; b = y * 2; a.sum().backward(); [x.grad, y.grad]
    grad_that_is_zero: (x * 0).sum().backward(); x.grad
    grad_of_a_leaf_used_by_its_shape_alone: (y * x.shape[0]).sum().backward(); [x.grad, y.grad]
    grad_of_a_scalar_leaf: (s * s).backward(); s.grad
    grad_of_an_empty_leaf: a = t.ones(0, 2, requires_grad=True); (a * 2).sum().backward(); a.grad
    grad_of_a_leaf_of_one_element: a = t.ones(1, requires_grad=True); (a * x).sum().backward(); a.grad
    grad_is_not_shared_between_leaves: (x + y).sum().backward(); x.grad.mul_(5); y.grad
    grad_is_not_the_incoming_one: g = t.ones(3); x.backward(g); g.mul_(5); x.grad
    grad_is_not_what_autograd_grad_returns: (g,) = grad(x.sum(), x); x.sum().backward(); x.grad.mul_(5); g
    grad_of_a_copy: x.sum().backward(); [x.clone().detach().grad, x.detach().grad, x.data.grad]
    grad_in_a_second_thread_of_use: a = x.detach().requires_grad_(); (a * 2).sum().backward(); [a.grad, x.grad]
    grad_manual_step: (x * x).sum().backward(); within(t.no_grad(), lambda: x.sub_(0.1 * x.grad)); x.grad = None; (x * x).sum().backward(); [x, x.grad]
    grad_manual_step_by_data: (x * x).sum().backward(); x.data -= 0.1 * x.grad; [x, x.is_leaf, x.requires_grad]
    grad_manual_step_by_data_sub: (x * x).sum().backward(); x.data.sub_(x.grad, alpha=0.1); x
    grad_manual_step_without_a_guard: (x * x).sum().backward(); caught(x.sub_, x.grad)
    rebinding_makes_a_result: (x * x).sum().backward(); x = x - 0.1 * x.grad; [x.is_leaf, x.requires_grad, x.grad_fn]
    a_leaf_by_detach: a = (x * 2).detach().requires_grad_(); [a.is_leaf, a.requires_grad]
    a_leaf_by_clone_and_detach: a = x.clone().detach().requires_grad_(True); (a * 2).sum().backward(); [a.grad, x.grad]
    a_leaf_moved_is_no_leaf: [x.double().is_leaf, x.float().is_leaf, x.to(t.float64).is_leaf, x.clone().is_leaf]
    a_leaf_of_a_factory: [f(2, requires_grad=True).is_leaf for f in (t.ones, t.zeros, t.rand, t.randn, t.empty, t.eye)]
    a_leaf_divided_is_no_leaf: a = t.ones(2, requires_grad=True) / 2; [a.is_leaf, a.requires_grad]
    a_complex_leaf: (z * z.conj()).real.sum().backward(); z.grad
""")

# ------------------------------------------------------------------ dtypes and shapes of gradients

TABLE.lines("""
    a_float32_leaf_of_a_float64_graph: (x.double() * d).sum().backward(); [x.grad, d.grad]
    a_promoted_graph: (x * d).sum().backward(); [x.grad, d.grad]
    a_float16_leaf: a = t.ones(3, dtype=t.float16, requires_grad=True); (a * 2).sum().backward(); a.grad
    a_float16_leaf_of_a_float32_graph: a = t.ones(3, dtype=t.float16, requires_grad=True); (a.float() * x).sum().backward(); [a.grad, x.grad]
    a_complex_graph_of_a_real_leaf: (x * z).abs().sum().backward(); [x.grad, z.grad.dtype]
    a_complex_double_graph: (z.to(t.complex128) * d).real.sum().backward(); [z.grad, d.grad]
    a_gradient_given_in_another_dtype: (x * 2).backward(t.ones(3, dtype=t.float64)); x.grad
    a_scalar_promotes_nothing: a = x * t.tensor(2.0, dtype=t.float64); [a.dtype, *grads(a, x)]
    a_tensor_promotes: a = x + d; [a.dtype, *grads(a, x, d)]
    integers_in_a_graph: i = t.tensor([1, 2, 3]); a = x * i; [a, *grads(a, x)]
    booleans_in_a_graph: k = t.tensor([True, False, True]); a = x * k; [a, *grads(a, x)]
    broadcast_over_rows: (m * x).sum().backward(); [m.grad, x.grad]
    broadcast_over_columns: a = t.ones(2, 1, requires_grad=True); (m * a).sum().backward(); a.grad
    broadcast_of_a_scalar: (m * s).sum().backward(); s.grad
    broadcast_of_both: a, b = t.ones(3, 1, requires_grad=True), t.ones(1, 2, requires_grad=True); (a * b * 2).sum().backward(); [a.grad, b.grad]
    broadcast_of_new_axes: a = t.ones(3, requires_grad=True); (a + t.ones(2, 4, 3)).sum().backward(); a.grad
    broadcast_with_nothing: a = t.ones(1, 3, requires_grad=True); (a * t.ones(0, 3)).sum().backward(); a.grad
    broadcast_in_a_product: a = t.ones(3, requires_grad=True); (t.ones(2, 4, 3) @ a).sum().backward(); a.grad
    broadcast_batches: a, b = t.ones(2, 3, 4, requires_grad=True), t.ones(4, 5, requires_grad=True); (a @ b).sum().backward(); [a.grad.shape, b.grad]
    expand_sums: (x.expand(4, 3) * t.arange(12.0).view(4, 3)).sum().backward(); x.grad
    expand_of_a_scalar: s.expand(2, 3).sum().backward(); s.grad
    expand_keeps: x.expand(-1).sum().backward(); x.grad
    repeat_sums: (x.repeat(2, 2) * t.arange(12.0).view(2, 6)).sum().backward(); x.grad
    broadcast_to_sums: (t.broadcast_to(x, (2, 3)) * m).sum().backward(); [x.grad, m.grad]
    zero_dimensions: a = leaf(3.0); (a[None] * a[..., None]).sum().backward(); a.grad
    size_zero_sum: a = t.ones(0, requires_grad=True); b = a.sum(); b.backward(); [b, a.grad]
    size_zero_mean: a = t.ones(0, requires_grad=True); b = a.mean(); b.backward(); [b, a.grad]
    size_zero_prod: a = t.ones(0, requires_grad=True); b = a.prod(); b.backward(); [b, a.grad]
    size_zero_max: a = t.ones(0, requires_grad=True); caught(a.max)
    size_zero_product: a, b = t.ones(2, 0, requires_grad=True), t.ones(0, 3, requires_grad=True); e = a @ b; e.sum().backward(); [e, a.grad, b.grad]
    size_zero_of_a_dimension: a = t.ones(2, 0, requires_grad=True); a.sum(1).sum().backward(); [a.grad, a.sum(0)]
    size_zero_concatenated: a = t.ones(0, requires_grad=True); b = t.cat([a, x]); b.sum().backward(); [a.grad, x.grad]
    size_zero_indexed: b = x[t.tensor([], dtype=t.int64)]; b.sum().backward(); [b, x.grad]
    size_zero_masked: b = x[x > 100]; b.sum().backward(); [b, x.grad]
    size_zero_sliced: b = x[3:]; b.sum().backward(); [b, x.grad]
    duplicates_in_an_index_add_up: x[t.tensor([0, 0, 2, 0])].sum().backward(); x.grad
    duplicates_in_a_gather_add_up: x.gather(0, t.tensor([1, 1, 1])).sum().backward(); x.grad
    duplicates_in_an_embedding: m[t.tensor([[0, 1], [1, 1]])].sum().backward(); m.grad
    stacked_with_itself: t.stack([x, x * 2, x]).sum().backward(); x.grad
""")

# ------------------------------------------------------------------ copies and pickles

TABLE.lines("""
    deepcopy_of_a_leaf: b = copy.deepcopy(x); [b, b is x, b.is_leaf, b.grad]
    deepcopy_has_memory_of_its_own: b = copy.deepcopy(c); b.add_(1); [c, b]
    deepcopy_copies_the_gradient: x.sum().backward(); b = copy.deepcopy(x); b.sum().backward(); [b.grad, x.grad, b.grad is x.grad]
    deepcopy_keeps_identity: a, b = copy.deepcopy([x, x]); [a is b, a is x]
    deepcopy_of_a_detached_result: copy.deepcopy((x * 2).detach())
    deepcopy_of_a_dictionary: b = copy.deepcopy({"w": x, "b": [y]}); [b["w"] is x, b]
    deepcopy_under_no_grad: a = within(t.no_grad(), lambda: copy.deepcopy(x)); a
    deepcopy_forgets_hooks: x.register_hook(lambda g: g * 2); b = copy.deepcopy(x); b.sum().backward(); b.grad
    deepcopy_of_a_view: b = copy.deepcopy(c[1:]); [b, b._base]
    deepcopy_of_views_of_one_memory: a = t.zeros(4); b, v = copy.deepcopy([a, a[1:]]); v.add_(1); b
    copy_of_a_leaf: b = copy.copy(x); [b, b is x, b.is_leaf]
    copy_shares_memory: b = copy.copy(c); b.add_(1); c
    copy_of_a_result: a = x * 2; b = caught(copy.copy, a); type(b).__name__
    pickle_of_a_leaf: b = pickled(x); [b, b.is_leaf]
    pickle_of_a_result: b = caught(pickled, (x * 2).detach()); b
    pickle_of_a_result_with_history: b = caught(pickled, x * 2); [b.requires_grad, b.is_leaf, b.tolist()]
    pickle_drops_the_gradient: x.sum().backward(); pickled(x).grad
    pickle_of_a_constant: pickled(c)
    pickle_keeps_identity: a, b = pickled([x, x]); a is b
    pickle_of_many_dtypes: [pickled(v) for v in (d, z.detach(), t.tensor([1, 2]), t.tensor([True]), t.ones(2, dtype=t.float16), s, t.ones(0, 2))]
    pickle_of_a_view: pickled(c[1:])
    pickle_of_a_dtype: [pickled(t.float32) is t.float32, pickled(x.shape), pickled(x.device)]
    pickle_of_a_dictionary: pickled({"w": x, "n": 3})
    a_clone_is_a_result: b = x.clone(); b.add_(1); [b, x, *grads(b, x)]
    a_clone_of_a_view: b = x[1:].clone(); [b._base, *grads(b, x)]
    hash_of_a_tensor: [hash(x) == hash(x), hash(x) == hash(x.detach()), len({x, x, y})]
""")


# ------------------------------------------------------------------ zero_grad


@TABLE
def zero_grad_of_an_optimizer(t):
    x, y = t.ones(2, requires_grad=True), t.ones(2, requires_grad=True)
    optimizer = t.optim.SGD([x, y], lr=0.1)
    x.sum().backward()
    kept = x.grad
    optimizer.zero_grad(set_to_none=False)
    zeroed = x.grad is kept, x.grad.clone(), y.grad
    optimizer.zero_grad()
    return zeroed, x.grad, y.grad, kept


@TABLE
def zero_grad_of_a_module(t):
    model = t.nn.Linear(2, 1, bias=False)
    model(t.ones(1, 2)).sum().backward()
    kept = model.weight.grad
    model.zero_grad(set_to_none=False)
    zeroed = model.weight.grad is kept, kept.clone()
    model.zero_grad()
    return zeroed, model.weight.grad


@TABLE
def zero_grad_of_a_recorded_gradient(t):
    """A gradient with a history is let go of rather than written to."""
    x = t.ones(2, requires_grad=True)
    optimizer = t.optim.SGD([x], lr=0.1)
    x.grad = t.autograd.grad((x**3).sum(), x, create_graph=True)[0]
    before = x.grad.requires_grad
    optimizer.zero_grad(set_to_none=False)
    return before, x.grad


@TABLE
def gradients_over_several_micro_batches(t):
    w = t.tensor([1.0, -1.0], requires_grad=True)
    data = t.arange(8.0).view(4, 2)
    for row in data:
        ((row * w).sum() ** 2 / 4).backward()
    one_by_one, w.grad = w.grad, None
    ((data @ w) ** 2).mean().backward()
    return one_by_one, w.grad


@TABLE
def a_parameter_is_a_leaf_that_requires_a_gradient(t):
    p = t.nn.Parameter(t.ones(2))
    frozen = t.nn.Parameter(t.ones(2), requires_grad=False)
    with t.no_grad():
        inside = t.nn.Parameter(t.zeros(1))
    return (
        p,
        frozen.requires_grad,
        inside.requires_grad,
        type(p * 2).__name__,
        isinstance(p, t.Tensor),
    )


@TABLE
def sharing_a_leaf_between_two_graphs(t):
    w = t.ones(2, requires_grad=True)
    first, second = (w * 2).sum(), (w * 3).sum()
    second.backward()
    middle = w.grad.clone()
    first.backward()
    return middle, w.grad


@TABLE
def freezing_a_part(t):
    a, b = t.ones(2, requires_grad=True), t.ones(2, requires_grad=True)
    a.requires_grad_(False)
    out = (a * b).sum()
    out.backward()
    a.requires_grad_(True)
    (a * b).sum().backward()
    return a.grad, b.grad, caught(out.backward)


# ------------------------------------------------------------------ tensors as they were called once

TABLE.lines("""
    variables: V = t.autograd.Variable; [V(c), V(x), V(x * 2), V(c, True), V(c, requires_grad=True), V(), V(data=c), V(t.nn.Parameter(c)), V(c) is c, V(c).data_ptr() == c.data_ptr()]
    what_is_a_variable: V = t.autograd.Variable; [isinstance(c, V), isinstance(3, V), issubclass(t.Tensor, V)]
    variables_that_cannot_be: V = t.autograd.Variable; caught(V, 3)
    a_volatile_variable: t.autograd.Variable(c, volatile=True)
""")
