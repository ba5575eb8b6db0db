# ruff: noqa: E501 - a program is a line
"""Hooks of tensors: their order, what they see, what they may change, and how they are removed."""

import functools

from behaviours.table import Table, caught, within

TABLE = Table()

# ------------------------------------------------------------------ hooks of tensors

TABLE.lines("""
    hooks_run_in_order: [x.register_hook(lambda g, i=i: log.append(i)) for i in range(3)]; x.sum().backward(); log
    a_hook_replaces: x.register_hook(lambda g: g * 2); x.sum().backward(); x.grad
    a_hook_that_returns_nothing: x.register_hook(lambda g: None); x.sum().backward(); x.grad
    each_hook_sees_what_the_one_before_returned: [x.register_hook(lambda g, i=i: log.append(g) or g * (i + 2)) for i in range(3)]; x.sum().backward(); [log, x.grad]
    a_hook_of_a_result_replaces: a = x * 2; a.register_hook(lambda g: g * 10); a.sum().backward(); x.grad
    a_hook_of_a_result_changes_nothing_beside_it: a = x * 2; a.register_hook(lambda g: g * 10); (a.sum() + x.sum()).backward(); x.grad
    a_hook_sees_the_sum_of_all_uses: a = x * 2; a.register_hook(lambda g: log.append(g)); (a * 3 + a * 4 + a.exp() * 0).sum().backward(); [log, x.grad]
    a_hook_of_a_leaf_sees_the_sum_of_all_uses: x.register_hook(lambda g: log.append(g)); (x * 3 + x * 4).sum().backward(); log
    a_hook_runs_before_grad_is_written: x.register_hook(lambda g: log.append(x.grad)); x.sum().backward(); x.sum().backward(); log
    a_hook_runs_in_each_backward: x.register_hook(lambda g: log.append(g)); x.sum().backward(); (x * 2).sum().backward(); [log, x.grad]
    a_hook_sees_this_backward_alone: x.sum().backward(); x.register_hook(lambda g: log.append(g)); x.sum().backward(); [log, x.grad]
    a_hook_of_a_root: a = x.sum(); a.register_hook(lambda g: g * 5); a.backward(); x.grad
    a_hook_of_a_leaf_that_is_the_root: s.register_hook(lambda g: g * 5); s.backward(); s.grad
    a_hook_of_a_tensor_that_is_gone: (x * 2).register_hook(lambda g: log.append(g)); a = x * 2; a.register_hook(lambda g: log.append(g)); b = a * 3; del a; b.sum().backward(); log
    hooks_of_two_tensors: a = x * 2; b = a * 3; b.register_hook(lambda g: log.append("b")); a.register_hook(lambda g: log.append("a")); x.register_hook(lambda g: log.append("x")); b.sum().backward(); log
    the_same_hook_twice: hook = lambda g: g * 2; x.register_hook(hook); x.register_hook(hook); x.sum().backward(); x.grad
    what_a_hook_gets: x.register_hook(lambda g: log.extend([type(g).__name__, g.requires_grad, g.is_leaf, g.shape, g.dtype, g is x])); x.sum().backward(); log
    a_hook_may_write_into_its_gradient: x.register_hook(lambda g: log.append(g.mul_(2)) ); (x * 1).sum().backward(); [log, x.grad]
    a_hook_that_raises: x.register_hook(lambda g: 1 / 0); e = caught((x * y).sum().backward); [e, x.grad]
    a_hook_that_raises_on_the_way: a = x * 2; a.register_hook(lambda g: 1 / 0); e = caught((a * y).sum().backward); [e, x.grad]
    a_graph_after_a_hook_that_raised: a = x * 2; h = a.register_hook(lambda g: 1 / 0); b = a.sum(); e = caught(b.backward); h.remove(); b.backward(); x.grad
    a_hook_under_no_grad: within(t.no_grad(), lambda: x.register_hook(lambda g: g * 2)); x.sum().backward(); x.grad
    a_hook_that_looks_at_grad_mode: x.register_hook(lambda g: log.append(t.is_grad_enabled())); x.sum().backward(); x.sum().backward(create_graph=True); x.grad = None; log
    a_hook_in_grad: x.register_hook(lambda g: g * 2); grad(x.sum(), x)
    a_hook_of_a_result_in_grad: a = x * 2; a.register_hook(lambda g: g * 10); grad(a.sum(), [a, x])
    a_hook_off_the_way_in_grad: a, b = x * 2, y * 2; b.register_hook(lambda g: log.append("b")); a.register_hook(lambda g: log.append("a")); grad((a + b).sum(), x); log
    a_hook_below_what_is_wanted: a = x * 2; x.register_hook(lambda g: log.append("x")); grad(a.sum(), a); log
    a_hook_of_what_is_unused: y.register_hook(lambda g: log.append("y")); grad(x.sum(), [x, y], allow_unused=True); log
    a_hook_and_a_recorded_gradient: x.register_hook(lambda g: g * x); (g,) = grad((x * x).sum(), x, create_graph=True); [g, *grads(g, x)]
    a_hook_that_cuts_the_recorded_gradient: x.register_hook(lambda g: g.detach()); (g,) = grad((x**3).sum(), x, create_graph=True); [g.requires_grad, g]
    a_hook_of_a_result_and_the_second_order: a = x**3; a.register_hook(lambda g: g * 2); (g,) = grad(a.sum(), x, create_graph=True); [g, *grads(g, x)]
    a_hook_that_clips: x.register_hook(lambda g: g.clamp(-1, 1)); (x * t.tensor([-5.0, 0.5, 5.0])).sum().backward(); x.grad
    a_hook_with_a_name: x.register_hook(log.append); x.sum().backward(); log
    a_hook_that_gets_a_sum_with_an_expanded_gradient: a = x * 1; a.register_hook(lambda g: log.append(g.clone())); a.sum().backward(); log
    a_hook_of_one_of_several_outputs: a, b = (m * 2).unbind(); b.register_hook(lambda g: g * 10); (a + b).sum().backward(); m.grad
    a_hook_of_an_unused_output: a, b = (m * 2).unbind(); b.register_hook(lambda g: log.append(g)); a.sum().backward(); [log, m.grad]
    a_hook_of_a_view: v = x[:2]; v.register_hook(lambda g: g * 10); (v.sum() + x.sum()).backward(); x.grad
    a_hook_of_a_base: a = x * 2; v = a[:2]; a.register_hook(lambda g: log.append(g)); v.sum().backward(); log
    a_hook_registered_before_a_write: a = x * 2; a.register_hook(lambda g: log.append(g)); a.mul_(3); a.sum().backward(); [log, x.grad]
    a_hook_registered_after_a_write: a = x * 2; a.mul_(3); a.register_hook(lambda g: log.append(g)); a.sum().backward(); [log, x.grad]
    hooks_registered_before_and_after_a_write: a = x * 2; a.register_hook(lambda g: log.append(("before", g))); a.mul_(3); a.register_hook(lambda g: log.append(("after", g))); a.sum().backward(); log
    a_hook_that_replaces_before_a_write: a = x * 2; a.register_hook(lambda g: g * 10); a.mul_(3); a.sum().backward(); x.grad
    a_hook_of_a_base_that_is_written_through_a_view: a = x * 2; a.register_hook(lambda g: log.append(g)); a[0:1].mul_(3); a.sum().backward(); [log, x.grad]
    a_hook_registered_after_backward: a = (x * 2).sum(); a.backward(retain_graph=True); x.register_hook(lambda g: g * 100); a.backward(); x.grad
    a_hook_of_a_constant_made_to_require_a_gradient: c.requires_grad_(); c.register_hook(lambda g: g * 2); (c * 2).sum().backward(); c.grad
    a_hook_survives_the_flag: x.register_hook(lambda g: g * 2); x.requires_grad_(False); x.requires_grad_(); x.sum().backward(); x.grad
    a_hook_of_a_detached_tensor: a = x * 2; a.register_hook(lambda g: log.append(g)); b = a.exp(); a.detach_(); b.sum().backward(); [log, x.grad]
    a_hook_does_not_come_along_in_detach: x.register_hook(lambda g: g * 2); b = x.detach().requires_grad_(); b.sum().backward(); b.grad
    a_hook_does_not_come_along_in_a_clone: x.register_hook(lambda g: log.append(g)); b = x.clone(); b.sum().backward(); log
    a_hook_with_two_arguments: x.register_hook(lambda g, h: g); caught(x.sum().backward)
    a_hook_that_is_no_function: x.register_hook(3); caught(x.sum().backward)
    hooks_and_retain_grad: a = x * 2; a.register_hook(lambda g: g * 2); a.retain_grad(); a.register_hook(lambda g: g * 3); a.sum().backward(); [a.grad, x.grad]
    retain_grad_before_a_hook: a = x * 2; a.retain_grad(); a.register_hook(lambda g: g * 2); a.sum().backward(); [a.grad, x.grad]
    a_hook_with_inputs: x.register_hook(lambda g: log.append("x")); y.register_hook(lambda g: log.append("y")); (x * y).sum().backward(inputs=[x]); log
    a_hook_of_an_input_that_is_no_leaf: a = x * 2; a.register_hook(lambda g: g * 5); a.sum().backward(inputs=[a]); [a.grad, x.grad]
    hooks_of_two_leaves_run_in_an_order: x.register_hook(lambda g: log.append("x")); y.register_hook(lambda g: log.append("y")); (x * y).sum().backward(); sorted(log)
    a_hook_for_a_complex_tensor: z.register_hook(lambda g: g.conj()); (z * z).real.sum().backward(); z.grad
""")

# ------------------------------------------------------------------ handles

TABLE.lines("""
    a_handle_removes: h = x.register_hook(lambda g: g * 2); h.remove(); x.sum().backward(); x.grad
    a_handle_removes_its_hook_only: h = [x.register_hook(lambda g, i=i: log.append(i)) for i in range(4)]; h[1].remove(); h[3].remove(); x.sum().backward(); log
    a_handle_removed_twice: h = x.register_hook(lambda g: g * 2); h.remove(); h.remove(); x.sum().backward(); x.grad
    a_handle_as_a_context: h = x.register_hook(lambda g: g * 2); within(h, x.sum().backward); x.sum().backward(); x.grad
    a_handle_returns_itself: h = x.register_hook(lambda g: g); within(h, lambda: h.__enter__() is h)
    a_handle_of_the_same_hook: hook = lambda g: g * 2; h, _ = x.register_hook(hook), x.register_hook(hook); h.remove(); x.sum().backward(); x.grad
    handles_have_different_numbers: a, b = x.register_hook(lambda g: g), x.register_hook(lambda g: g); [type(a).__name__, a.id < b.id]
    a_removed_hook_and_a_new_one: h = x.register_hook(lambda g: log.append("old")); h.remove(); x.register_hook(lambda g: log.append("new")); x.sum().backward(); log
    a_handle_that_is_dropped: x.register_hook(lambda g: g * 2); x.sum().backward(); x.grad
    a_handle_that_outlives_its_tensor: a = x * 2; h = a.register_hook(lambda g: g); del a; h.remove()
    a_handle_removed_between_two_backwards: a = (x * 2).sum(); h = x.register_hook(lambda g: g * 10); a.backward(retain_graph=True); h.remove(); a.backward(); x.grad
""")


@TABLE
def a_hook_that_removes_itself(t):
    x = t.ones(3, requires_grad=True)
    log = []

    def hook(g):
        log.append("once")
        handle.remove()
        return g * 2

    handle = x.register_hook(hook)
    x.sum().backward()
    x.sum().backward()
    return log, x.grad


@TABLE
def a_hook_that_is_an_object(t):
    class Scale:
        def __init__(self, by):
            self.by = by

        def __call__(self, g):
            return g * self.by

    x = t.ones(3, requires_grad=True)
    x.register_hook(Scale(3))
    x.register_hook(functools.partial(lambda by, g: g * by, 5))
    x.sum().backward()
    return x.grad


@TABLE
def a_hook_that_runs_a_backward_of_its_own(t):
    x = t.ones(3, requires_grad=True)
    w = t.ones(3, requires_grad=True)

    def hook(g):
        with t.enable_grad():
            (w * g.detach()).sum().backward()

    x.register_hook(hook)
    (x * 5).sum().backward()
    return x.grad, w.grad


@TABLE
def a_hook_that_asks_for_a_gradient(t):
    x = t.tensor([1.0, 2.0], requires_grad=True)

    def hook(g):
        with t.enable_grad():
            a = x.detach().requires_grad_()
            return g + t.autograd.grad((a**3).sum(), a)[0]

    x.register_hook(hook)
    x.sum().backward()
    return x.grad


@TABLE
def a_hook_closure_counts(t):
    x = t.ones(3, requires_grad=True)
    count = {"calls": 0}

    def hook(g):
        count["calls"] += 1
        return g * count["calls"]

    x.register_hook(hook)
    for _ in range(3):
        x.sum().backward()
    return count, x.grad


@TABLE
def the_order_of_hooks_along_a_chain(t):
    log = []
    x = t.ones(2, requires_grad=True)
    a = x * 2
    b = a * 3
    c = a * 4
    d = b + c
    for name, v in {"d": d, "x": x, "a": a, "c": c, "b": b}.items():
        v.register_hook(lambda g, name=name: log.append((name, g.tolist())))
    d.sum().backward()
    return log


# ------------------------------------------------------------------ hooks after accumulating

TABLE.lines("""
    after_accumulating: x.register_post_accumulate_grad_hook(lambda p: log.append((p is x, p.grad.clone()))); x.sum().backward(); x.sum().backward(); log
    after_accumulating_in_order: [x.register_post_accumulate_grad_hook(lambda p, i=i: log.append(i)) for i in range(3)]; x.sum().backward(); log
    after_accumulating_comes_after_the_hook: x.register_post_accumulate_grad_hook(lambda p: log.append(("after", p.grad))); x.register_hook(lambda g: log.append("before") or g * 2); x.sum().backward(); log
    after_accumulating_grad_may_be_dropped: x.register_post_accumulate_grad_hook(lambda p: setattr(p, "grad", None)); x.sum().backward(); x.grad
    after_accumulating_grad_may_be_written: x.register_post_accumulate_grad_hook(lambda p: p.grad.mul_(10) and None); caught(x.sum().backward); x.grad
    after_accumulating_in_grad: x.register_post_accumulate_grad_hook(lambda p: log.append("after")); [grad(x.sum(), x), log]
    after_accumulating_with_inputs: x.register_post_accumulate_grad_hook(lambda p: log.append("x")); y.register_post_accumulate_grad_hook(lambda p: log.append("y")); (x * y).sum().backward(inputs=[x]); log
    after_accumulating_of_what_is_unused: y.register_post_accumulate_grad_hook(lambda p: log.append("y")); x.sum().backward(); log
    after_accumulating_removed: h = x.register_post_accumulate_grad_hook(lambda p: log.append(1)); x.sum().backward(); h.remove(); x.sum().backward(); [log, type(h).__name__]
    after_accumulating_that_raises: x.register_post_accumulate_grad_hook(lambda p: 1 / 0); e = caught(x.sum().backward); [e, x.grad]
    after_accumulating_that_returns_something: x.register_post_accumulate_grad_hook(lambda p: 3); e = caught(x.sum().backward); [e, x.grad]
    after_accumulating_grad_mode: x.register_post_accumulate_grad_hook(lambda p: log.append(t.is_grad_enabled())); x.sum().backward(); log
    after_accumulating_once_for_all_uses: x.register_post_accumulate_grad_hook(lambda p: log.append(p.grad.clone())); (x * 2 + x * 3).sum().backward(); log
""")


@TABLE
def an_optimizer_in_a_hook(t):
    w = t.tensor([1.0, 2.0], requires_grad=True)

    def step(p):
        with t.no_grad():
            p -= 0.1 * p.grad
        p.grad = None

    w.register_post_accumulate_grad_hook(step)
    for _ in range(3):
        (w * w).sum().backward()
    return w, w.grad, w._version


# ------------------------------------------------------------------ retain_grad

TABLE.lines("""
    retained: a = x * 2; a.retain_grad(); a.sum().backward(); [a.grad, a.retains_grad, x.grad]
    retained_twice: a = x * 2; a.retain_grad(); a.retain_grad(); a.sum().backward(); a.grad
    retained_leaf: x.retain_grad(); x.sum().backward(); [x.grad, x.retains_grad]
    retains_grad_before: [x.retains_grad, (x * 2).retains_grad, c.retains_grad]
    retained_over_two_backwards: a = x * 2; a.retain_grad(); b = a.sum(); b.backward(retain_graph=True); g = a.grad; b.backward(); [a.grad, a.grad is g]
    retained_and_set_to_none: a = x * 2; a.retain_grad(); b = a.sum(); b.backward(retain_graph=True); a.grad = None; b.backward(); a.grad
    retained_and_recorded: a = x * x; a.retain_grad(); (a * a).sum().backward(create_graph=True); g = a.grad; x.grad = None; [g.requires_grad, g.is_leaf, *grads(g, x)]
    retained_in_grad: a = x * 2; a.retain_grad(); grad(a.sum(), x); a.grad
    retained_and_wanted: a = x * 2; a.retain_grad(); [grad((a * 3).sum(), a), a.grad]
    retained_in_a_hook: a = x * 2; a.retain_grad(); x.register_hook(lambda g: log.append(a.grad)); a.sum().backward(); log
    retained_and_a_hook_looks: a = x * 2; a.retain_grad(); a.register_hook(lambda g: log.append(a.grad)); a.sum().backward(); log
    retained_after_use: a = x * 2; b = a * 3; a.retain_grad(); b.sum().backward(); a.grad
    retained_one_of_several: a, b = (m * 2).unbind(); b.retain_grad(); (a * 2 + b * 3).sum().backward(); b.grad
    retained_view: v = x[1:]; v.retain_grad(); (v * v).sum().backward(); [v.grad, x.grad]
    retained_root: a = (x * 2).sum(); a.retain_grad(); a.backward(); a.grad
    retained_is_no_alias: a = x * 2; a.retain_grad(); a.backward(c); a.grad.zero_(); [c, x.grad]
    retained_scalar_that_is_expanded: a = s * 2; a.retain_grad(); a.expand(3).sum().backward(); a.grad
""")


@TABLE
def handles_as_contexts_nest(t):
    x = t.ones(2, requires_grad=True)
    found = []
    with x.register_hook(lambda g: g * 2):
        with x.register_hook(lambda g: g * 5):
            found.append(t.autograd.grad(x.sum(), x))
        found.append(t.autograd.grad(x.sum(), x))
    found.append(within(t.enable_grad(), lambda: t.autograd.grad(x.sum(), x)))
    return found


@TABLE
def a_failing_hook_keeps_the_other_gradients(t):
    x = t.ones(2, requires_grad=True)
    y = t.ones(2, requires_grad=True)
    a = x * 2
    b = y * 2
    a.register_hook(lambda g: g[:1])
    found = caught((a + b).sum().backward)
    return found, x.grad


# ------------------------------------------------------------------ hooks that wait for .grad

TABLE.lines("""
    a_leaf_is_done_before_what_is_further_down: x.register_post_accumulate_grad_hook(lambda p: log.append("x")); y.register_post_accumulate_grad_hook(lambda p: log.append("y")); a = x * 2; a.register_hook(lambda g: log.append("a")); (a * y).sum().backward(); log
    a_leaf_waits_for_its_last_use: y.register_post_accumulate_grad_hook(lambda p: log.append(p.grad)); a = x * y; a.register_hook(lambda g: log.append("a")); (a * y).sum().backward(); log
    a_gradient_is_freed_before_the_next_comes: leaves = [leaf([1.0, 2.0]) for _ in range(4)]; [p.register_post_accumulate_grad_hook(lambda p: [log.append(sum(q.grad is not None for q in leaves)), setattr(p, "grad", None)] and None) for p in leaves]; a = t.ones(2); a = [a := (a * p).exp() for p in leaves][-1]; a.sum().backward(); [log, leaves[0].grad]
    a_leaf_is_updated_on_the_way: x.register_post_accumulate_grad_hook(lambda p: p.data.add_(p.grad) and None); y.register_hook(lambda g: log.append(x.detach().clone())); a = y * 2; (a * x).sum().backward(); [log, x, y.grad]
    a_hook_after_each_backward: x.register_post_accumulate_grad_hook(lambda p: log.append(p.grad.clone())); (x * 2).sum().backward(); (x * 3).sum().backward(); log
    hooks_before_and_after: x.register_hook(lambda g: log.append("before")); x.register_post_accumulate_grad_hook(lambda p: log.append("after")); a = x * 2; a.register_hook(lambda g: log.append("a")); (a + x).sum().backward(); log
    hooks_of_the_leaf_and_of_its_node: n = (x * 1).grad_fn.next_functions[0][0]; n.register_hook(lambda *g: log.append(["post", x.grad is not None])); n.register_prehook(lambda g: log.append("pre")); x.register_post_accumulate_grad_hook(lambda p: log.append("after")); (x * 3).sum().backward(); log
    after_a_backward_of_inputs: x.register_post_accumulate_grad_hook(lambda p: log.append(p.grad)); (x * y).sum().backward(inputs=[x]); log
    not_after_grad: x.register_post_accumulate_grad_hook(lambda p: log.append(1)); grad((x * y).sum(), x); log
    not_where_no_gradient_comes: x.register_post_accumulate_grad_hook(lambda p: log.append("x")); y.register_post_accumulate_grad_hook(lambda p: log.append("y")); (x.detach() * y).sum().backward(); log
    after_a_backward_with_a_graph: x.register_post_accumulate_grad_hook(lambda p: log.append([p.grad.requires_grad, t.is_grad_enabled()])); (x * x).sum().backward(create_graph=True); x.grad = None; log
    after_a_leaf_that_is_the_root: x.register_post_accumulate_grad_hook(lambda p: log.append(p.grad.clone())); x.backward(t.ones(3)); log
    after_a_leaf_that_is_a_root_among_others: x.register_post_accumulate_grad_hook(lambda p: log.append(p.grad.clone())); t.autograd.backward([x, (x * y).sum()], [t.ones(3), None]); log
    after_a_hook_that_raises: x.register_post_accumulate_grad_hook(lambda p: 1 / 0); [caught((x * x).sum().backward), x.grad]
    no_longer_after_it_was_removed: x.register_post_accumulate_grad_hook(lambda p: log.append(1)).remove(); (x * 2).sum().backward(); [log, x.grad]
    after_a_gradient_that_a_hook_replaced: x.register_hook(lambda g: g * 10); x.register_post_accumulate_grad_hook(lambda p: log.append(p.grad)); (x * 2).sum().backward(); log
    a_backward_within: x.register_post_accumulate_grad_hook(lambda p: log.append(within(t.enable_grad(), lambda: grad((p * p).sum(), p)))); (x * 2).sum().backward(); [log, x.grad]
""")
