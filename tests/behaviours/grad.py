# ruff: noqa: E501 - a program is a line
"""`autograd.grad` and `autograd.backward`: what their options mean, and what is in `.grad` then."""

from behaviours.table import Table, caught

TABLE = Table()

# ------------------------------------------------------------------ autograd.grad

TABLE.lines("""
    grad_returns_a_tuple: grad((x * y).sum(), x)
    grad_of_two_inputs: grad((x * y).sum(), [x, y])
    grad_of_a_tuple_of_inputs: grad((x * y).sum(), (y, x))
    grad_of_the_same_input_twice: grad((x * y).sum(), [x, x])
    grad_of_two_outputs: grad([(x * y).sum(), (x * x).sum()], x)
    grad_of_the_same_output_twice: a = (x * y).sum(); grad([a, a], x)
    grad_leaves_dot_grad_alone: grad((x * y).sum(), [x, y]); [x.grad, y.grad]
    grad_of_an_output_by_itself: a = x * 2; grad(a.sum(), a)
    grad_of_a_tensor_by_itself: a = x * 2; [*grad(a, a, c), *grad(x, x, c)]
    grad_of_what_is_between: a = x * 2; b = a.exp(); grad(b.sum(), [a, b, x])
    grad_with_a_vector: grad(x * y, x, c)
    grad_with_a_list_of_vectors: grad([x * y, x + y], [x, y], [c, c * 2])
    grad_with_a_mix_of_none: grad([x * y, x.sum()], x, [c, None])
    grad_with_none: grad((x * y).sum(), x, None)
    grad_with_a_tuple_of_none: grad(((x * y).sum(), x.sum()), x, (None, None))
    grad_with_an_expanded_vector: grad(m * 2, m, c.expand(2, 3))
    grad_with_a_view_as_vector: grad(m * 2, m, t.arange(6.0).view(3, 2).t())
    grad_with_another_dtype: grad(x * y, x, t.ones(3, dtype=t.float64))
    grad_with_integers: caught(grad, x * y, x, t.ones(3, dtype=t.int64))
    grad_with_a_scalar_shape: [*grad(s * 2, s, t.tensor(3.0)), caught(grad, s * 2, s, t.ones(1))]
    grad_of_one_element: a = x[:1] * 2; grad(a, x)
    grad_of_one_element_of_two_dimensions: grad((x[:1] * 2).view(1, 1), x)
    grad_of_nothing: a = t.ones(0, requires_grad=True); grad((a * 2).sum(), a)
    grad_allow_unused: grad(x.sum(), [x, y], allow_unused=True)
    grad_allow_unused_for_a_result: a = x * 2; grad(x.sum(), [a], allow_unused=True)
    grad_allow_unused_for_a_constant: caught(grad, x.sum(), [x, c], allow_unused=True)
    grad_materialized: grad(x.sum(), [x, y, m], materialize_grads=True)
    grad_materialized_and_allowed: grad(x.sum(), y, materialize_grads=True, allow_unused=True)
    grad_materialized_and_recorded: (g,) = grad(x.sum(), y, materialize_grads=True, create_graph=True); g
    grad_materialized_in_the_dtype_of_the_input: grad(x.sum(), [d, z], materialize_grads=True)
    grad_that_is_zero_is_no_none: grad((x * 0).sum() + (y.detach() * x).sum(), x)
    grad_frees: a = (x * x).sum(); grad(a, x); caught(grad, a, x)
    grad_retains: a = (x * x).sum(); grad(a, x, retain_graph=True); grad(a, x)
    grad_creates_and_retains: a = (x * x).sum(); grad(a, x, create_graph=True); grad(a, x)
    grad_creates_and_does_not_retain: a = (x * x).sum(); grad(a, x, create_graph=True, retain_graph=False); caught(grad, a, x)
    grad_frees_nothing_where_nothing_is_saved: a = (x + 1).sum(); [*grad(a, x), *grad(a, x)]
    grad_frees_what_it_passed_only: a = x.exp(); b, d_ = a.sin().sum(), a.cos().sum(); grad(b, a); [*grad(d_, x)]
    grad_of_a_part_that_is_shared: a = x.exp(); b, d_ = a.sin().sum(), a.cos().sum(); grad(b, x); caught(grad, d_, x)
    grad_creates: (g,) = grad((x**3).sum(), x, create_graph=True); [g, g.requires_grad, *grads(g, x)]
    grad_does_not_create: (g,) = grad((x**3).sum(), x); [g.requires_grad, g.is_leaf, caught(grad, g.sum(), x)]
    grad_of_a_linear_function_recorded: (g,) = grad((x * 2).sum(), x, create_graph=True); [g.requires_grad, g]
    grad_recorded_under_no_grad: a = (x**3).sum(); (g,) = within(t.no_grad(), lambda: grad(a, x, create_graph=True)); [g.requires_grad, *grads(g, x)]
    grad_under_no_grad: a = (x * x).sum(); within(t.no_grad(), lambda: grad(a, x))
    grad_by_a_vector_that_requires_one: v = c.requires_grad_(); (g,) = grad(x * x, x, v, create_graph=True); grads(g, x, v)
    grad_of_order_three: (g,) = grad((x**4).sum(), x, create_graph=True); (h,) = grad(g.sum(), x, create_graph=True); grad(h.sum(), x)
    grad_of_a_norm_of_a_gradient: (g,) = grad((x * y).sin().sum(), x, create_graph=True); g.norm().backward(); [x.grad, y.grad]
    grad_of_two_paths: a = x * 2; grad((a + a * y).sum(), [a, x, y])
    grad_stops_at_what_is_wanted: a = x * 2; b = (a * y).sum(); grad(b, a); caught(grad, b, x)
    grad_of_a_leaf_that_is_used_twice: a = x * 2; grad((a * x).sum(), x)
    grad_with_a_real_leaf_of_a_complex_graph: a = x * (1 + 2j); grad((a * a.conj()).real.sum(), x)
    grad_only_inputs: grad(x.sum(), x, only_inputs=True)
    grad_of_a_dict: caught(grad, x.sum(), {"x": x})
    grad_by_name: t.autograd.grad(outputs=(x * y).sum(), inputs=x, retain_graph=False, create_graph=False, allow_unused=None, is_grads_batched=False, materialize_grads=False)
    grad_batched: grad(x * y, x, t.eye(3), is_grads_batched=True)
    grad_batched_of_two_inputs: grad(x * y, [x, y], t.eye(3), is_grads_batched=True)
    grad_batched_of_a_scalar: grad((x * y).sum(), x, t.tensor([1.0, 2.0, 3.0, 4.0]), is_grads_batched=True)
    grad_batched_of_two_outputs: grad([x * y, x.sum()], x, [t.eye(3), c], is_grads_batched=True)
    grad_batched_of_a_matrix_product: w = m @ m.t(); grad(w, m, t.eye(4).view(4, 2, 2), is_grads_batched=True)
    grad_batched_unused: grad(x * 2, [x, y], t.eye(3), is_grads_batched=True, allow_unused=True)
    grad_batched_materialized: grad(x * 2, [x, y], t.eye(3), is_grads_batched=True, materialize_grads=True)
    grad_batched_recorded: (g,) = grad(x * x * y, x, t.eye(3), is_grads_batched=True, create_graph=True); grads(g, x, y)
    grad_batched_retained: a = x * x; grad(a, x, t.eye(3), is_grads_batched=True, retain_graph=True); grad(a, x, c)
    grad_batched_frees: a = x * x; grad(a, x, t.eye(3), is_grads_batched=True); caught(grad, a, x, c)
    grad_batched_with_a_broken_shape: caught(grad, x * 2, x, t.ones(2, 2), is_grads_batched=True) and None
""")

# ------------------------------------------------------------------ autograd.backward

TABLE.lines("""
    backward_returns_nothing: [x.sum().backward(), t.autograd.backward(y.sum())]
    gradients_of_results_of_one_number: s = t.tensor(1.4, requires_grad=True); [[r.retain_grad(), grad(grad(r, s, create_graph=True)[0], s), r.grad] for r in (s.log_softmax(0), s.softmax(0), t.nn.functional.log_softmax(s, 0))]
    backward_of_two: t.autograd.backward([(x * y).sum(), x.sum()]); [x.grad, y.grad]
    backward_with_vectors: t.autograd.backward([x * y, x + y], [c, c * 2]); [x.grad, y.grad]
    backward_with_a_vector_and_none: t.autograd.backward([x * y, x.sum()], [c, None]); x.grad
    backward_of_one_with_a_vector: t.autograd.backward(x * y, c); x.grad
    backward_of_one_with_a_tuple: t.autograd.backward((x * y,), (c,)); x.grad
    backward_of_none: t.autograd.backward([])
    backward_of_a_leaf: s.backward(); [s.grad, s.is_leaf]
    backward_of_a_leaf_with_a_vector: x.backward(c); [x.grad, x.grad is c]
    backward_is_no_alias: (x + 0).backward(c); x.grad.zero_(); c
    backward_of_two_leaves_is_no_alias: (x + y).backward(c); x.grad.zero_(); y.grad
    backward_inputs: (x * y).sum().backward(inputs=[x]); [x.grad, y.grad]
    backward_inputs_of_one_tensor: (x * y).sum().backward(inputs=x); [x.grad, y.grad]
    backward_inputs_of_a_result: a = x * 2; (a * y).sum().backward(inputs=[a]); [a.grad, x.grad, y.grad]
    backward_inputs_of_a_result_and_a_leaf: a = x * 2; (a * y).sum().backward(inputs=[a, x]); [a.grad, x.grad, y.grad]
    backward_inputs_that_are_unused: x.sum().backward(inputs=[x, y]); [x.grad, y.grad]
    backward_inputs_twice: a = x * 2; b = (a * y).sum(); b.backward(inputs=[a], retain_graph=True); b.backward(inputs=[a]); [a.grad, a.retains_grad]
    backward_inputs_of_a_tuple: t.autograd.backward([(x * y).sum()], inputs=(y,)); [x.grad, y.grad]
    backward_inputs_and_the_graph: a = (x * y).sum(); a.backward(inputs=[x]); caught(a.backward)
    backward_inputs_recorded: (x * x).sum().backward(inputs=[x], create_graph=True); g = x.grad; x.grad = None; [g.requires_grad, *grads(g, x)]
    backward_inputs_that_is_the_output: a = (x * y).sum(); a.backward(inputs=[a]); [a.grad, x.grad]
    backward_retains: a = (x * x).sum(); a.backward(retain_graph=True); a.backward(); x.grad
    backward_with_retain_off: a = (x * x).sum(); a.backward(retain_graph=False); caught(a.backward)
    backward_recorded: (x**3).sum().backward(create_graph=True); g = x.grad; x.grad = None; [g.requires_grad, *grads(g, x)]
    backward_recorded_and_added: x.grad = t.ones(3); (x**3).sum().backward(create_graph=True); g = x.grad; x.grad = None; [g.requires_grad, g.detach(), *grads(g, x)]
    backward_twice_recorded: (x**3).sum().backward(create_graph=True); g = x.grad; (x**3).sum().backward(create_graph=True); h = x.grad; x.grad = None; [g is h, g.detach(), h.detach()]
    backward_recorded_without_retaining: a = (x**3).sum(); a.backward(create_graph=True, retain_graph=False); x.grad = None; caught(a.backward)
    backward_under_no_grad: a = (x * x).sum(); within(t.no_grad(), a.backward); x.grad
    backward_under_no_grad_of_what_was_not_recorded: a = within(t.no_grad(), lambda: (x * x).sum()); a.backward()
    backward_by_keyword: (x * y).backward(gradient=c, retain_graph=True, create_graph=False, inputs=[y]); [x.grad, y.grad]
    backward_of_a_graph_with_a_detached_part: a = x * 2; (a.detach() * x).sum().backward(); x.grad
    backward_of_a_scalar_of_one_dimension: (x[:1] * 3).backward(); x.grad
    backward_of_a_view: (x * 2)[1].backward(); x.grad
    backward_through_a_clone: x.clone().sum().backward(); x.grad
    backward_of_a_large_sum: a = t.ones(100, 100, requires_grad=True); (a * a).sum().backward(); [a.grad.sum(), a.grad.shape]
    backward_of_a_loss_that_does_not_depend: a = (x.detach() * 2).sum(); caught(a.backward)
    backward_of_an_integer: caught(t.tensor(3).backward)
    backward_with_a_sequence_of_another_length: caught(t.autograd.backward, [x * 2], [c, c])
    backward_with_a_number: caught((x * 2).sum().backward, 3.0)
""")


@TABLE
def a_graph_with_two_losses(t):
    x = t.tensor([1.0, 2.0], requires_grad=True)
    shared = x.exp()
    first, second = (shared * 2).sum(), (shared**2).sum()
    first.backward(retain_graph=True)
    after_first = x.grad.clone()
    second.backward()
    return after_first, x.grad, caught(first.backward)


@TABLE
def truncated_backpropagation(t):
    w = t.tensor(0.5, requires_grad=True)
    state = t.tensor(1.0)
    found = []
    for step in range(4):
        state = (state * w).tanh()
        if step % 2:
            state.backward()
            found.append(w.grad.clone())
            w.grad = None
            state = state.detach()
    return found


@TABLE
def a_gradient_penalty(t):
    w = t.tensor([[0.5, -1.0], [2.0, 0.25]], requires_grad=True)
    x = t.tensor([1.0, 2.0], requires_grad=True)
    out = (w @ x).tanh().sum()
    (g,) = t.autograd.grad(out, x, create_graph=True)
    ((g.norm() - 1) ** 2 + out).backward()
    return g.detach(), w.grad, x.grad


@TABLE
def a_step_of_an_inner_loop(t):
    """The gradient through a gradient step, as in learning to learn."""
    w = t.tensor([1.0, -2.0], requires_grad=True)
    rate = t.tensor(0.1, requires_grad=True)
    inner = (w * w * w).sum()
    (g,) = t.autograd.grad(inner, w, create_graph=True)
    updated = w - rate * g
    (updated * updated).sum().backward()
    return updated, w.grad, rate.grad
