# ruff: noqa: E501 - a program is a line
"""Hooks of saved tensors: what is packed, when, in which order, and what comes back."""

from behaviours.table import Table, caught, function, grads, in_thread

TABLE = Table()


def hooks(t, pack, unpack=lambda v: v):
    return t.autograd.graph.saved_tensors_hooks(pack, unpack)


def logged(log):
    """Hooks that note what they see."""

    def pack(v):
        log.append(("pack", v.detach().clone()))
        return v

    def unpack(v):
        log.append(("unpack", v.detach().clone()))
        return v

    return pack, unpack


TABLE.lines("""
    what_is_packed_by_a_product: within(hooks(lambda v: log.append(v.tolist()) or v, lambda v: v), lambda: x * y); sorted(log)
    what_is_packed_by_a_product_with_a_constant: within(hooks(lambda v: log.append(v.tolist()) or v, lambda v: v), lambda: x * c); log
    what_is_packed_by_a_square: within(hooks(lambda v: log.append(v.tolist()) or v, lambda v: v), lambda: x * x); log
    what_is_packed_by_exp: within(hooks(lambda v: log.append(v.tolist()) or v, lambda v: v), lambda: s.exp()); log
    what_is_packed_by_a_sum: within(hooks(lambda v: log.append(v.tolist()) or v, lambda v: v), lambda: (x + y).sum()); log
    what_is_packed_by_a_scaling: within(hooks(lambda v: log.append(v.tolist()) or v, lambda v: v), lambda: x * 2); log
    what_is_packed_without_recording: within(hooks(lambda v: log.append(v) or v, lambda v: v), lambda: c * c); log
    what_is_packed_by_a_matrix_product: within(hooks(lambda v: log.append(tuple(v.shape)) or v, lambda v: v), lambda: m @ m.t()); sorted(log)
    what_a_pack_hook_gets: within(hooks(lambda v: log.append((type(v).__name__, v.requires_grad, v.grad_fn)) or v, lambda v: v), lambda: (x * 2).exp()); log
    what_a_pack_hook_gets_of_an_input: within(hooks(lambda v: log.append((v.requires_grad, v.is_leaf)) or v, lambda v: v), lambda: x.sin()); log
    packed_as_a_number: a = within(hooks(lambda v: v.tolist(), lambda v: t.tensor(v)), lambda: x * y); grads(a, x, y)
    packed_in_a_tuple: a = within(hooks(lambda v: ("kept", v.detach() * 1), lambda v: v[1]), lambda: x * y); grads(a, x, y)
    packed_in_half_precision: a = within(hooks(lambda v: v.half(), lambda v: v.float()), lambda: x * y); grads(a, x, y)
    unpacked_as_something_else: a = within(hooks(lambda v: v, lambda v: v * 10), lambda: x * y); grads(a, x, y)
    unpacked_only_when_needed: a = within(hooks(lambda v: log.append("pack") or v, lambda v: log.append("unpack") or v), lambda: x * c); b = list(log); grads(a, x); [b, log]
    unpacked_in_each_backward: a = within(hooks(lambda v: v, lambda v: log.append("unpack") or v), lambda: (x * c).sum()); a.backward(retain_graph=True); a.backward(); log
    unpacked_for_what_is_asked: a = within(hooks(lambda v: v, lambda v: log.append(v.tolist()) or v), lambda: x * y); grad(a.sum(), x); sorted(log)
    unpacked_never_without_a_backward: a = within(hooks(lambda v: v, lambda v: log.append(1) or v), lambda: x * y); del a; log
    unpacked_to_no_tensor: a = within(hooks(lambda v: v, lambda v: 3), lambda: x * y); caught(a.sum().backward)
    unpacked_to_nothing: a = within(hooks(lambda v: v, lambda v: None), lambda: x * y); caught(a.sum().backward)
    a_pack_hook_that_raises: caught(within, hooks(lambda v: 1 / 0, lambda v: v), lambda: x * y)
    an_unpack_hook_that_raises: a = within(hooks(lambda v: v, lambda v: 1 / 0), lambda: x * y); [caught(a.sum().backward), x.grad]
    a_pack_hook_that_writes: caught(within, hooks(lambda v: v.add_(1), lambda v: v), lambda: (x * 2).exp())
    a_pack_hook_that_returns_its_input: a = within(hooks(lambda v: v, lambda v: v), lambda: x.exp()); (g,) = grads(a, x, create_graph=True); grads(g, x)
    saved_values_are_freed: a = within(hooks(lambda v: v, lambda v: v), lambda: (x * y).sum()); a.backward(); caught(a.backward)
    hooks_hold_inside_alone: a = x * c; b = within(hooks(lambda v: log.append("in") or v, lambda v: v), lambda: x * c); d_ = x * c; log
    hooks_nested_the_inner_ones_win: within(hooks(lambda v: log.append("outer") or v, lambda v: v), lambda: [x * c, within(hooks(lambda v: log.append("inner") or v, lambda v: v), lambda: x * c), x * c]); log
    hooks_and_the_graph_of_the_graph: a = within(hooks(lambda v: v, lambda v: log.append("unpack") or v), lambda: (x**3).sum()); (g,) = grad(a, x, create_graph=True); n = len(log); [n, *grads(g, x)]
    hooks_while_recording_a_backward: a = (x**3).sum(); (g,) = within(hooks(lambda v: log.append(1) or v, lambda v: v), lambda: grad(a, x, create_graph=True)); [len(log) > 0, *grads(g, x)]
    hooks_see_no_writes: a = within(hooks(lambda v: v.clone(), lambda v: v), lambda: x.exp()); a.add_(1); grads(a, x)
    hooks_that_keep_the_tensor_and_a_write: a = x * 1; b = within(hooks(lambda v: v, lambda v: v), lambda: a.sin()); a.add_(1); caught(lambda: grads(b, x))
    hooks_that_detach: a = within(hooks(lambda v: v.detach(), lambda v: v), lambda: x * x); (g,) = grads(a, x, create_graph=True); g
    save_on_cpu: a = within(G.save_on_cpu(), lambda: (x * y).exp()); grads(a, x, y)
    save_on_cpu_and_the_second_order: a = within(G.save_on_cpu(), lambda: x**3); (g,) = grads(a, x, create_graph=True); grads(g, x)
    save_on_cpu_and_a_write: a = x * 1; b = within(G.save_on_cpu(), lambda: a.sin()); a.add_(1); caught(lambda: grads(b, x))
    disabled: within(G.disable_saved_tensors_hooks("not here"), lambda: caught(within, hooks(lambda v: v, lambda v: v), lambda: x * y))
    disabled_and_saving_itself_goes_on: a = within(G.disable_saved_tensors_hooks("not here"), lambda: x * y); grads(a, x)
    disabled_within_hooks: caught(within, hooks(lambda v: v, lambda v: v), lambda: within(G.disable_saved_tensors_hooks("not here"), lambda: x * y))
    disabled_and_enabled_again: within(G.disable_saved_tensors_hooks("no"), lambda: 1); a = within(hooks(lambda v: v, lambda v: v), lambda: x * y); grads(a, x)
    mutation_allowed: b = within(G.allow_mutation_on_saved_tensors(), lambda: [a := x * 1, b := a.sin(), a.mul_(10), b.sum().backward()] and x.grad); b
    mutation_allowed_on_a_leaf_of_data: b = within(G.allow_mutation_on_saved_tensors(), lambda: [b := (c * x).sum(), c.zero_(), b.backward()] and [x.grad, c]); b
    mutation_allowed_and_used_outside: a = x * 1; b = within(G.allow_mutation_on_saved_tensors(), lambda: [b := a.sin(), a.mul_(10)][0]); caught(b.sum().backward)
""")


@TABLE
def hooks_in_the_order_of_the_program(t):
    log = []
    x = t.tensor([1.0, 2.0], requires_grad=True)
    with hooks(t, *logged(log)):
        out = (x.sin() * x.exp()).sum()
    packed = len(log)
    out.backward()
    return packed, sorted(kind for kind, _ in log), x.grad


@TABLE
def hooks_of_a_function_of_mine(t):
    log = []
    x = t.tensor([1.0, 2.0], requires_grad=True)
    f = function(
        t,
        lambda ctx, x: ctx.save_for_backward(x, x * 5) or x * x,
        lambda ctx, g: g * 2 * ctx.saved_tensors[0],
        name="Square",
    )
    with hooks(t, *logged(log)):
        out = f.apply(x)
    out.sum().backward()
    return log, x.grad


@TABLE
def hooks_are_of_one_thread(t):
    log = []
    x = t.tensor([1.0, 2.0], requires_grad=True)
    with hooks(t, lambda v: log.append(1) or v):
        in_thread(lambda: x.sin())
    return log


@TABLE
def hooks_end_with_an_error(t):
    log = []
    x = t.tensor([1.0, 2.0], requires_grad=True)

    def run():
        with hooks(t, lambda v: log.append(1) or v):
            raise ValueError("mine")

    found = caught(run)
    x.sin()
    return found, log


@TABLE
def packing_to_a_table(t):
    """As for writing to a disk: names go into the graph, values stay outside."""
    kept = {}
    x = t.tensor([1.0, 2.0], requires_grad=True)

    def pack(v):
        kept[len(kept)] = v.detach().clone()
        return len(kept) - 1

    with hooks(t, pack, lambda name: kept[name]):
        out = ((x * 3).tanh() * x).sum()
    out.backward()
    return sorted(kept), x.grad


@TABLE
def quantized(t):
    x = t.tensor([0.123, 0.456], requires_grad=True)
    with hooks(t, lambda v: (v * 10).round().to(t.int8), lambda v: v.float() / 10):
        out = x.detach() * 1 * x
    return grads(t, out, x)


@TABLE
def a_pack_hook_that_computes_packs_again(t):
    log = []
    x = t.tensor([1.0, 2.0], requires_grad=True)

    def pack(v):
        log.append("pack")
        with t.enable_grad():
            (v * v).sum()
        return v

    def run():
        with hooks(t, pack):
            x.sin()

    return isinstance(caught(run), RecursionError), len(log) > 100, (x * 2).requires_grad


@TABLE
def saved_tensors_of_a_node(t):
    x = t.tensor([1.0, 2.0], requires_grad=True)
    out = x.exp()
    return out.grad_fn._saved_result, (x * out).grad_fn._saved_self is x


@TABLE
def hooks_registered_on_what_is_saved(t):
    x = t.tensor([1.0, 2.0], requires_grad=True)
    out = x.exp()
    log = []
    out.grad_fn._raw_saved_result.register_hooks(
        lambda v: log.append("pack") or v, lambda v: log.append("unpack") or v
    )
    out.sum().backward()
    return log, x.grad


TABLE.lines("""
    raw_hooks_of_one_value: a = x * y; a.grad_fn._raw_saved_self.register_hooks(lambda v: log.append(v) or v, lambda v: v * 10); [*grad(a.sum(), [x, y]), log]
    raw_hooks_see_no_history: a = x.exp(); a.grad_fn._raw_saved_result.register_hooks(lambda v: log.append([v.requires_grad, v.is_leaf, t.is_grad_enabled()]) or v, lambda v: v); log
    raw_hooks_see_no_leaf: a = x * y; a.grad_fn._raw_saved_other.register_hooks(lambda v: log.append([v is y, v.requires_grad]) or v, lambda v: v); log
    raw_hooks_pack_at_once: a = x * y; a.grad_fn._raw_saved_self.register_hooks(lambda v: log.append("pack"), lambda v: c); [log, *grad(a.sum(), y)]
    raw_hooks_and_what_is_shown: a = x.exp(); a.grad_fn._raw_saved_result.register_hooks(lambda v: v, lambda v: v * 10); a.grad_fn._saved_result
    raw_hooks_twice: a = x.exp(); r = a.grad_fn._raw_saved_result; r.register_hooks(lambda v: v, lambda v: v); [caught(r.register_hooks, lambda v: v, lambda v: v), caught(a.grad_fn._raw_saved_result.register_hooks, lambda v: v, lambda v: v)]
    raw_hooks_within_hooks: a = within(hooks(lambda v: v, lambda v: v), lambda: x.exp()); caught(a.grad_fn._raw_saved_result.register_hooks, lambda v: v, lambda v: v)
    raw_hooks_too_late: a = x.exp(); r = a.grad_fn._raw_saved_result; a.sum().backward(); caught(r.register_hooks, lambda v: v, lambda v: v)
    raw_hooks_that_write: a = x.exp(); caught(a.grad_fn._raw_saved_result.register_hooks, lambda v: v.mul_(2), lambda v: v)
    raw_hooks_that_give_no_tensor: a = x.exp(); a.grad_fn._raw_saved_result.register_hooks(lambda v: 5, lambda v: v); caught(a.sum().backward)
    raw_hooks_called_for_each_backward: a = x.exp(); a.grad_fn._raw_saved_result.register_hooks(lambda v: v, lambda v: log.append(1) or v); grad(a.sum(), x, retain_graph=True); grad(a.sum(), x, retain_graph=True); log
    raw_hooks_of_both_values: a = x * y; a.grad_fn._raw_saved_self.register_hooks(lambda v: v, lambda v: v + 1); a.grad_fn._raw_saved_other.register_hooks(lambda v: v, lambda v: v + 2); grad(a.sum(), [x, y])
    raw_hooks_and_a_write: a = x * 1; b = a * y; b.grad_fn._raw_saved_self.register_hooks(lambda v: v.clone(), lambda v: v); a.add_(1); grad(b.sum(), [x, y])
    raw_hooks_and_a_write_to_the_other: a = x * 1; b = a * a; b.grad_fn._raw_saved_self.register_hooks(lambda v: v.clone(), lambda v: v); a.add_(1); caught(b.sum().backward)
    raw_hooks_to_second_order: a = x**3; a.grad_fn._raw_saved_self.register_hooks(lambda v: v.clone(), lambda v: v * 1); (g,) = grad(a.sum(), x, create_graph=True); grad(g.sum(), x)
    raw_hooks_and_hooks_of_the_node: a = x.exp(); a.grad_fn.register_hook(lambda i, o: log.append("after")); a.grad_fn._raw_saved_result.register_hooks(lambda v: v, lambda v: log.append("unpack") or v); a.grad_fn.register_prehook(lambda o: log.append("before")); [*grad(a.sum(), x), log]
    raw_data: a = x.exp(); r = a.grad_fn._raw_saved_result; log.append(r.data); r.register_hooks(lambda v: 5, lambda v: v); [*log, r.data]
    raw_of_what_saves_nothing: hasattr(x.sum().grad_fn, "_raw_saved_self")
    raw_values_cannot_be_made: caught(t.autograd.SavedTensor)
""")


@TABLE
def raw_hooks_of_a_function_of_mine(t):
    x = t.tensor([1.0, 2.0], requires_grad=True)
    square = function(
        t,
        lambda ctx, v: ctx.save_for_backward(v) or v * v,
        lambda ctx, g: g * 2 * ctx.saved_tensors[0],
    )
    out = square.apply(x)
    (raw,) = out.grad_fn._raw_saved_tensors
    raw.register_hooks(lambda v: v * 1, lambda v: v * 10)
    return caught(raw.register_hooks, abs, abs), t.autograd.grad(out.sum(), x)


@TABLE
def disabled_twice(t):
    disable = t.autograd.graph.disable_saved_tensors_hooks

    def attempt():
        with hooks(t, lambda v: v):
            pass

    with disable("outer"):
        with disable("inner"):
            inner = caught(attempt)
        outer = caught(attempt)
    return inner, outer, caught(attempt)
