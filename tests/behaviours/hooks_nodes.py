# ruff: noqa: E501 - a program is a line
"""Hooks of nodes and of several tensors: `grad_fn.register_hook`, `register_multi_grad_hook`."""

from behaviours.table import Table, caught, function, in_thread

TABLE = Table()

# ------------------------------------------------------------------ hooks of nodes

TABLE.lines("""
    node_hook: a = x * 2; a.grad_fn.register_hook(lambda gi, go: log.append((gi, go))); a.sum().backward(); [log, x.grad]
    node_hook_replaces: a = x * y; a.grad_fn.register_hook(lambda gi, go: (gi[0] * 10, gi[1])); a.sum().backward(); [x.grad, y.grad]
    node_hook_returns_nothing: a = x * y; a.grad_fn.register_hook(lambda gi, go: None); a.sum().backward(); [x.grad, y.grad]
    node_hook_sees_none_for_what_needs_none: a = x * c; a.grad_fn.register_hook(lambda gi, go: log.append(gi)); a.sum().backward(); log
    node_hook_may_drop_a_gradient: a = x * y; a.grad_fn.register_hook(lambda gi, go: (None, gi[1])); a.sum().backward(); [x.grad, y.grad]
    node_hooks_in_order: a = x * 2; [a.grad_fn.register_hook(lambda gi, go, i=i: log.append(i)) for i in range(3)]; a.sum().backward(); log
    node_hooks_in_a_row: a = x * 1; a.grad_fn.register_hook(lambda gi, go: (gi[0] * 2, None)); a.grad_fn.register_hook(lambda gi, go: log.append(gi[0]) or (gi[0] * 5, None)); a.sum().backward(); [log, x.grad]
    node_hook_of_too_many: a = x * 2; a.grad_fn.register_hook(lambda gi, go: (gi[0],) * 3); caught(a.sum().backward)
    node_hook_of_a_tensor: a = x.exp(); a.grad_fn.register_hook(lambda gi, go: gi[0] * 10); [caught(a.sum().backward), x.grad]
    node_hook_of_another_shape: a = x.exp(); a.grad_fn.register_hook(lambda gi, go: (gi[0][:2],)); caught(a.sum().backward)
    node_hook_of_a_number: a = x.exp(); a.grad_fn.register_hook(lambda gi, go: (3,)); caught(a.sum().backward)
    node_hook_removed: a = x * 2; h = a.grad_fn.register_hook(lambda gi, go: log.append(1)); h.remove(); a.sum().backward(); log
    node_hook_as_a_context: a = (x * 2).sum(); h = a.grad_fn.register_hook(lambda gi, go: log.append(1)); within(h, lambda: a.backward(retain_graph=True)); a.backward(); log
    node_hook_that_raises: a = x * 2; a.grad_fn.register_hook(lambda gi, go: 1 / 0); e = caught(a.sum().backward); [e, x.grad]
    node_hook_in_grad: a = x * 2; a.grad_fn.register_hook(lambda gi, go: (gi[0] * 5, None)); grad(a.sum(), x)
    node_hook_above_what_is_wanted: a = x * 2; b = a * 3; a.grad_fn.register_hook(lambda gi, go: log.append("a")); b.grad_fn.register_hook(lambda gi, go: log.append("b")); grad(b.sum(), a); log
    node_hook_under_create_graph: a = x**3; a.grad_fn.register_hook(lambda gi, go: (gi[0] * x,)); (g,) = grad(a.sum(), x, create_graph=True); [g, *grads(g, x)]
    node_hook_comes_after_the_tensors: a = x * 2; a.register_hook(lambda g: log.append("tensor")); a.grad_fn.register_hook(lambda gi, go: log.append("node")); x.register_hook(lambda g: log.append("leaf")); a.sum().backward(); log
    node_hook_sees_what_the_tensors_hook_returned: a = x * 2; a.register_hook(lambda g: g * 7); a.grad_fn.register_hook(lambda gi, go: log.append(go)); a.sum().backward(); log
    node_hook_of_several_outputs: a, b = m.unbind(); a.grad_fn.register_hook(lambda gi, go: log.append((gi, go))); b.sum().backward(); log
    node_hook_of_a_sum: a = x.sum(); a.grad_fn.register_hook(lambda gi, go: log.append((gi, go))); a.backward(); log
    node_hook_in_each_backward: a = (x * 2).sum(); a.grad_fn.register_hook(lambda gi, go: log.append(1)); a.backward(retain_graph=True); a.backward(); log
    node_prehook: a = x * 2; a.grad_fn.register_prehook(lambda go: log.append(go)); a.sum().backward(); log
    node_prehook_replaces: a = x * 2; a.grad_fn.register_prehook(lambda go: (go[0] * 10,)); a.sum().backward(); x.grad
    node_prehooks_in_order: a = x * 2; [a.grad_fn.register_prehook(lambda go, i=i: log.append((i, go[0])) or (go[0] * 2,)) for i in range(2)]; a.sum().backward(); [log, x.grad]
    node_prehook_comes_first: a = x * 2; a.grad_fn.register_hook(lambda gi, go: log.append("post")); a.grad_fn.register_prehook(lambda go: log.append("pre")); a.sum().backward(); log
    node_prehook_and_tensor_hooks: a = x * 2; a.grad_fn.register_prehook(lambda go: log.append("node")); a.register_hook(lambda g: log.append("tensor")); a.sum().backward(); log
    node_prehook_and_the_capture: a = x * 2; a.grad_fn.register_prehook(lambda go: (go[0] * 10,)); [grad(a.sum(), a, retain_graph=True), grad(a.sum(), x)]
    node_prehook_of_too_many: a = x * 2; a.grad_fn.register_prehook(lambda go: (go[0], go[0])); caught(a.sum().backward)
    node_prehook_of_several_outputs: a, b = m.unbind(); a.grad_fn.register_prehook(lambda go: log.append(go)); b.sum().backward(); log
    node_prehook_removed: a = x * 2; h = a.grad_fn.register_prehook(lambda go: log.append(1)); h.remove(); a.sum().backward(); log
    node_prehook_and_retain: a = x * 2; a.retain_grad(); a.grad_fn.register_prehook(lambda go: (go[0] * 10,)); a.sum().backward(); [a.grad, x.grad]
    accumulating_node_hook: n = (x * 2).grad_fn.next_functions[0][0]; b = x * 3; n.register_hook(lambda gi, go: log.append((gi, go, x.grad.clone()))); b.sum().backward(); log
    accumulating_node_prehook: n = (x * 2).grad_fn.next_functions[0][0]; n.register_prehook(lambda go: (go[0] * 10,)); (x * 3).sum().backward(); x.grad
    accumulating_node_prehook_in_grad: n = (x * 2).grad_fn.next_functions[0][0]; n.register_prehook(lambda go: log.append(1)); [grad((x * 3).sum(), x), log]
    metadata: a = x * 2; a.grad_fn.metadata["key"] = 3; [a.grad_fn.metadata, (x * 2).grad_fn.metadata]
    metadata_of_a_leaf: n = (x * 2).grad_fn.next_functions[0][0]; n.metadata["key"] = 3; (x * 5).grad_fn.next_functions[0][0].metadata
    metadata_in_a_hook: a = x * 2; n = a.grad_fn; n.metadata["calls"] = 0; n.register_hook(lambda gi, go: n.metadata.update(calls=n.metadata["calls"] + 1)); a.sum().backward(); n.metadata
""")

# ------------------------------------------------------------------ hooks of several tensors

TABLE.lines("""
    multi_hook: G.register_multi_grad_hook([x, y], log.append); (x * y).sum().backward(); log
    multi_hook_in_order_of_the_tensors: G.register_multi_grad_hook((y, x), lambda gs: log.append(gs)); (x * y).sum().backward(); log
    multi_hook_with_none: G.register_multi_grad_hook([x, y, s], lambda gs: log.append(gs)); (x * y).sum().backward(); log
    multi_hook_without_any: G.register_multi_grad_hook([x, y], lambda gs: log.append(gs)); s.backward(); log
    multi_hook_of_results: a, b = x * 2, y * 3; G.register_multi_grad_hook([a, b], lambda gs: log.append(gs)); (a * b).sum().backward(); log
    multi_hook_changes_nothing: G.register_multi_grad_hook([x, y], lambda gs: (gs[0] * 10, gs[1])); (x * y).sum().backward(); [x.grad, y.grad]
    multi_hook_in_each_backward: G.register_multi_grad_hook([x, y], lambda gs: log.append(len(gs))); (x * y).sum().backward(); (x + y).sum().backward(); log
    multi_hook_removed: h = G.register_multi_grad_hook([x, y], lambda gs: log.append(1)); h.remove(); (x * y).sum().backward(); log
    multi_hook_as_a_context: h = G.register_multi_grad_hook([x, y], lambda gs: log.append(1)); within(h, (x * y).sum().backward); (x * y).sum().backward(); log
    multi_hook_sees_what_hooks_return: x.register_hook(lambda g: g * 7); G.register_multi_grad_hook([x, y], lambda gs: log.append(gs)); (x * y).sum().backward(); log
    multi_hook_comes_last: G.register_multi_grad_hook([x, y], lambda gs: log.append("both")); x.register_hook(lambda g: log.append("one")); y.register_hook(lambda g: log.append("one")); (x * y).sum().backward(); log
    multi_hook_on_any: G.register_multi_grad_hook([x * 1, s], lambda g: log.append(g), mode="any"); (s * 3).backward(); log
    multi_hook_on_any_runs_once: a = x * 2; b = a * 3; G.register_multi_grad_hook([a, b], lambda g: log.append(g), mode="any"); b.sum().backward(); log
    multi_hook_on_any_in_each_backward: G.register_multi_grad_hook([x, y], lambda g: log.append(1), mode="any"); (x * y).sum().backward(); (x * y).sum().backward(); log
    multi_hook_of_an_unknown_mode: G.register_multi_grad_hook([x], log.append, mode="some")
    multi_hook_of_a_constant: G.register_multi_grad_hook([x, c], log.append)
    multi_hook_in_grad: G.register_multi_grad_hook([x, y], lambda gs: log.append(gs)); grad((x * y).sum(), x); log
    multi_hook_that_raises: G.register_multi_grad_hook([x, y], lambda gs: 1 / 0); caught((x * y).sum().backward)
    multi_hook_of_the_same_tensor_twice: G.register_multi_grad_hook([x, x], lambda gs: log.append(gs)); (x * 2).sum().backward(); log
    multi_hook_in_another_backward: G.register_multi_grad_hook([x, y], lambda gs: log.append(gs)); x.sum().backward(); y.sum().backward(); (x * y).sum().backward(); log
""")


@TABLE
def a_multi_hook_and_threads(t):
    """Each backward gathers gradients of its own."""
    x, y = t.ones(2, requires_grad=True), t.ones(2, requires_grad=True)
    log = []
    t.autograd.graph.register_multi_grad_hook([x, y], lambda gs: log.append(gs))
    (x * y).sum().backward()
    in_thread(lambda: (x * y * 2).sum().backward())
    return log


@TABLE
def node_hooks_and_a_second_backward_inside(t):
    x = t.ones(2, requires_grad=True)
    w = t.ones(2, requires_grad=True)
    a = x * 2

    def hook(gi, go):
        with t.enable_grad():
            (w * 3).sum().backward()

    a.grad_fn.register_hook(hook)
    a.sum().backward()
    return x.grad, w.grad


@TABLE
def a_node_hook_that_returns_a_list(t):
    x = t.ones(2, requires_grad=True)
    a = x.exp()
    a.grad_fn.register_hook(lambda gi, go: [gi[0] * 2])
    return caught(a.sum().backward), x.grad


@TABLE
def accumulating_node_and_tensor_hooks(t):
    log = []
    x = t.ones(2, requires_grad=True)
    node = (x * 2).grad_fn.next_functions[0][0]
    x.register_post_accumulate_grad_hook(lambda p: log.append("after accumulating"))
    node.register_hook(lambda gi, go: log.append("node"))
    node.register_prehook(lambda go: log.append("node, before"))
    x.register_hook(lambda g: log.append("tensor"))
    (x * 3).sum().backward()
    return log


@TABLE
def the_hook_of_a_functions_node(t):
    log = []
    x = t.ones(2, requires_grad=True)
    out = function(t, lambda ctx, x: x * 2, lambda ctx, g: g * 3).apply(x)
    out.grad_fn.register_hook(lambda gi, go: log.append((gi, go)))
    out.sum().backward()
    return log


# ------------------------------------------------------------------ nodes called by hand

TABLE.lines("""
    a_node_called: a = (x * y).grad_fn; [a(c), within(t.no_grad(), lambda: a(c))]
    a_node_called_for_several: t.stack([x, y]).grad_fn(t.ones(2, 3))
    a_node_called_with_some_of_several: x.unbind()[0].grad_fn(s.detach(), None, s.detach())
    a_node_called_with_none: (x * y).grad_fn(None)
    a_node_called_with_too_few: caught((x * y).grad_fn)
    a_node_called_with_a_number: caught((x * y).grad_fn, 1)
    a_node_called_whose_input_needs_nothing: (x * c).grad_fn(c)
    a_node_called_after_backward: a = x.exp().sum(); b = a.grad_fn.next_functions[0][0]; a.backward(); caught(b, c)
    a_node_called_without_its_hooks: a = (x * 2).grad_fn; a.register_hook(lambda i, o: log.append(1)); [a(c), log]
    a_node_called_after_a_write: a = x * 1; b = a.exp(); d = (a * a).grad_fn; a.mul_(2); caught(d, c)
    the_node_of_a_leaf_called: a = (x * 2).grad_fn.next_functions[0][0]; [a(c), a(c), x.grad]
    a_graph_walked_by_hand: walk = lambda n, g: walk(n.next_functions[0][0], n(g)) if n.next_functions else n(g); a = (x * 2).exp().sin(); walk(a.grad_fn, c); x.grad.detach()
    what_a_called_node_gives_has_a_history: a = (x**2).grad_fn(c); grads(a, x)
""")
