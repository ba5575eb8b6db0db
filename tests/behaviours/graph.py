# ruff: noqa: E501 - a program is a line
"""The graph that people look at: nodes, names, edges, what keeps what alive."""

import gc
import weakref

from behaviours.table import Table, function

TABLE = Table()

TABLE.lines("""
    grad_fn_of_a_leaf: [x.grad_fn, c.grad_fn, x.is_leaf, c.is_leaf]
    grad_fn_is_one_object: a = x * 2; [a.grad_fn is a.grad_fn, a.grad_fn == a.grad_fn]
    grad_fn_name: a = x * 2; [a.grad_fn.name(), type(a.grad_fn).__name__, a.grad_fn]
    grad_fn_is_a_node: a = x * 2; [isinstance(a.grad_fn, G.Node), issubclass(type(a.grad_fn), G.Node), isinstance(3, G.Node)]
    grad_fn_cannot_be_set: a = x * 2; isinstance(caught(setattr, a, "grad_fn", None), AttributeError)
    next_functions: (x * y).grad_fn.next_functions
    next_functions_with_a_constant: [(x * c).grad_fn.next_functions, (x * 2).grad_fn.next_functions, (c * x).grad_fn.next_functions]
    next_functions_of_a_chain: (x.exp() * y.sin()).grad_fn.next_functions
    next_functions_of_the_same_input_twice: n = (x * x).grad_fn.next_functions; [len(n), n[0][0] is n[1][0], n]
    next_functions_of_a_leaf: (x * 2).grad_fn.next_functions[0][0].next_functions
    next_functions_end_at_the_leaf: (x * 2).grad_fn.next_functions[0][0].variable is x
    next_functions_are_the_same_each_time: a = x * 2; b = a.exp(); [b.grad_fn.next_functions[0][0] is a.grad_fn, (x * 3).grad_fn.next_functions[0][0] is (x + 1).grad_fn.next_functions[0][0]]
    next_functions_with_output_numbers: a, b = m.unbind(); (b * a).grad_fn.next_functions
    next_functions_of_several_outputs: v, i = m.max(1); [v.grad_fn, i.grad_fn, v.grad_fn.next_functions, v.output_nr]
    next_functions_of_joined_tensors: t.cat([x, c, y * 2]).grad_fn.next_functions
    next_functions_of_a_stack: t.stack([x, y]).grad_fn.next_functions
    next_functions_of_where: t.where(c > 7, x, y).grad_fn.next_functions
    next_functions_of_an_index: x[t.tensor([0, 1])].grad_fn.next_functions
    next_functions_of_functions: [v.grad_fn.next_functions for v in (x**2, x.exp(), x.sum(), x.pow(y), 2**x, 2 - x, x - 2, x / 2, x.clamp(0, 1), x.relu(), m @ x, m.t(), x.view(3, 1), x.expand(2, 3), x[0], x.double(), x.masked_fill(x > 1, 0.0), t.maximum(x, c), m.softmax(0), x.std(), x.sort()[0], x.cumsum(0), x.index_select(0, t.tensor([0])), x.clamp(s, y))]
    next_functions_survive_backward: a = x * y; a.sum().backward(); a.grad_fn.next_functions
    next_functions_of_a_clone: x.clone().grad_fn.next_functions
    output_number_of_a_result: [(x * 2).output_nr, x.output_nr, m.max(1)[0].output_nr]
    names_of_arithmetic: [v.grad_fn for v in (x + y, x - y, x * y, x / y, -x, x**2, x**y, 2**x, 2 - x, 2 / x, x @ y, m @ m.t(), m @ x, abs(x))]
    names_of_functions: [v.grad_fn for v in (x.exp(), x.log(), x.sqrt(), x.sin(), x.tanh(), x.sigmoid(), x.relu(), x.abs(), x.pow(2), x.square(), x.reciprocal(), x.rsqrt(), x.clamp(0, 1), x.sign(), x.floor())]
    names_of_reductions: [v.grad_fn for v in (x.sum(), m.sum(0), x.mean(), m.mean(0), x.prod(), m.prod(0), x.max(), x.min(), m.amax(0), x.norm(), x.std(), x.var(), x.logsumexp(0), x.cumsum(0), x.cumprod(0))]
    names_of_conversions: [v.grad_fn for v in (x.double(), x.to(t.float64), x.clone(), x.detach(), x.contiguous(), x.to(t.complex64))]
    names_of_selections: [v.grad_fn for v in (x.sort()[0], x.topk(2)[0], m.gather(0, t.tensor([[0, 1, 0]])), x.index_select(0, t.tensor([0])), x.masked_select(x > 1), x.masked_fill(x > 1, 0), x.flip(0), x.roll(1), x.repeat(2), t.where(x > 1, x, y), m.tril())]
    what_comparison_returns: a = x > y; [a.requires_grad, a.is_leaf, a.grad_fn]
    what_integer_results_are: [v.requires_grad for v in (x.argmax(), x.sort()[1], x.long(), x.bool(), m.max(0)[1], (x == y))]
    a_result_of_constants: a = c * 2; [a.requires_grad, a.is_leaf, a.grad_fn]
    a_result_may_be_told_to_require_a_gradient: a = (c * 2).requires_grad_(); b = a * 3; grads(b, a)
    requires_grad_spreads: [(x * c).requires_grad, (c * c).requires_grad, (x.detach() * c).requires_grad, t.stack([c, x]).requires_grad]
    zero_times_x_requires_a_gradient: a = x * 0; [a.requires_grad, *grads(a, x)]
    like_functions_require_none: [f(x).requires_grad for f in (t.zeros_like, t.ones_like, t.empty_like, t.rand_like, lambda v: t.full_like(v, 2.0), lambda v: v.new_zeros(3), lambda v: v.new_tensor([1.0]))]
    like_functions_may_require_one: [f(x, requires_grad=True).is_leaf for f in (t.zeros_like, t.ones_like, t.empty_like)]
    tensor_of_a_tensor: with_warning = t.tensor(x); [with_warning.requires_grad, with_warning is x]
    as_tensor_of_a_tensor: [t.as_tensor(x) is x, t.as_tensor(x, dtype=t.float64)]
    a_scalar_from_a_tensor: [x.sum().item(), float(s), x.tolist(), int(s), bool(s), len(x), repr(s), x.requires_grad]
    text_of_a_leaf: [repr(x), str(x * 2), repr(x.sum()), repr(x[0]), repr(c)]
    text_of_a_node: repr(type((x * 2).grad_fn).__name__)
    in_a_set: a = x * 2; {x: 1, a: 2}[a]
    equality_is_by_element: [(x == x).tolist(), x is x, caught(lambda: x in [x])]
    a_tensor_in_a_list: [caught(lambda: [x, y].index(x)), caught(lambda: any(v is y for v in [x, y]))]
    truth_of_several: bool(x)
    truth_of_none: bool(t.ones(0))
""")

# ------------------------------------------------------------------ edges

TABLE.lines("""
    edge: e = G.get_gradient_edge(x * y); [e.node, e.output_nr, e._fields[:2]]
    edge_of_a_leaf: e = G.get_gradient_edge(x); [e.node, e.output_nr]
    edge_of_an_output: e = G.get_gradient_edge(m.unbind()[1]); [e.node, e.output_nr]
    edge_of_a_constant: G.get_gradient_edge(c)
    edge_is_the_nodes: a = x * 2; G.get_gradient_edge(a).node is a.grad_fn
    grad_of_an_edge: a = x * y; e = G.get_gradient_edge(a); grad(e, x, c)
    grad_of_an_edge_without_its_tensor: e = G.get_gradient_edge((x * x).sum()); grad(e, x)
    grad_to_an_edge: a = x * 2; e = G.get_gradient_edge(a); b = (a * a).sum(); [*grad(b, e, retain_graph=True), *grad(b, [e, x])]
    grad_to_the_edge_of_a_leaf: e = G.get_gradient_edge(x); grad((x * y).sum(), e)
    grad_of_edges_and_tensors: a, b = x * 2, x * 3; grad([a, G.get_gradient_edge(b)], x, [c, c])
    grad_of_an_edge_without_a_gradient: e = G.get_gradient_edge(x * 2); caught(grad, e, x)
    grad_of_an_edge_with_a_gradient_of_another_shape: e = G.get_gradient_edge(x * 2); caught(grad, e, x, t.ones(2))
    backward_of_an_edge: e = G.get_gradient_edge((x * x).sum()); t.autograd.backward(e); x.grad
    backward_of_an_edge_with_a_gradient: e = G.get_gradient_edge(x * x); t.autograd.backward(e, c); x.grad
    backward_to_an_edge: a = x * 2; e = G.get_gradient_edge(x); caught(t.autograd.backward, a.sum(), inputs=[e]); x.grad
    an_edge_of_an_output_in_grad: a, b = (m * 2).unbind(); e = G.get_gradient_edge(b); [*grad((a * b).sum(), e, retain_graph=True), *grad(e, m, c)]
    an_edge_survives_a_write: a = x * 2; e = G.get_gradient_edge(a); a.mul_(3); grad(a.sum(), [e, x])
    an_edge_with_create_graph: e = G.get_gradient_edge(x**3); (g,) = grad(e, x, c, create_graph=True); [g, *grads(g, x)]
""")

# ------------------------------------------------------------------ what lives how long


@TABLE
def a_result_keeps_its_inputs_graph(t):
    x = t.ones(3, requires_grad=True)
    a = x * 2
    alive = weakref.ref(a)
    b = a.exp()
    del a
    gc.collect()
    return alive() is None, b.grad_fn.next_functions, t.autograd.grad(b.sum(), x)


@TABLE
def a_leaf_that_is_gone(t):
    x = t.ones(3, requires_grad=True)
    w = t.ones(3, requires_grad=True)
    b = (x * w).sum()
    leaf = weakref.ref(w)
    del w
    gc.collect()
    b.backward()
    return x.grad, leaf() is None


@TABLE
def a_very_long_chain(t):
    x = t.ones(1, requires_grad=True)
    a = x
    for _ in range(5000):
        a = a + 1
    a.backward()
    return x.grad


@TABLE
def a_walk_through_the_graph(t):
    x = t.ones(2, requires_grad=True)
    w = t.ones(2, 2, requires_grad=True)
    out = ((w @ x).tanh() + x).sum()
    seen, stack = [], [out.grad_fn]
    while stack:
        node = stack.pop(0)
        seen.append(node)
        stack += [n for n, _ in node.next_functions if n is not None]
    return seen


@TABLE
def a_functions_node_among_others(t):
    f = function(t, lambda ctx, x, k: x * k, lambda ctx, g: (g * 3, None), name="Triple")
    x = t.ones(2, requires_grad=True)
    a = f.apply(x * 2, 3)
    b = a.exp()
    return b.grad_fn.next_functions, a.grad_fn.next_functions, a.grad_fn.name()
