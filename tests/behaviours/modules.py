# ruff: noqa: E501 - a program is a line
"""Modules, as far as autograd goes through them: hooks of backward, and what holds parameters."""

from behaviours.table import Table

TABLE = Table()

# ------------------------------------------------------------------ hooks of backward

TABLE.lines("""
    what_a_backward_hook_gets: m = t.nn.Bilinear(2, 2, 3); m.register_full_backward_hook(lambda m, i, o: log.append([type(m).__name__, [g.shape for g in i], [g.shape for g in o]])); m(leaf([[1.0, 2.0]]), leaf([[3.0, 4.0]])).sum().backward(); log
    a_backward_hook_replaces: m = t.nn.Identity(); m.register_full_backward_hook(lambda m, i, o: (i[0] * 10,)); m(x).sum().backward(); x.grad
    backward_hooks_in_a_row: m = t.nn.Identity(); m.register_full_backward_hook(lambda m, i, o: (i[0] * 10,)); m.register_full_backward_hook(lambda m, i, o: log.append([i[0], o[0]])); m(x).sum().backward(); log
    a_backward_hook_before_the_others: m = t.nn.Identity(); m.register_full_backward_hook(lambda m, i, o: log.append(1)); m.register_full_backward_hook(lambda m, i, o: log.append(2), prepend=True); m(x).sum().backward(); log
    a_backward_hook_of_a_sequence: m = t.nn.Sequential(t.nn.Tanh(), t.nn.Tanh()); [k.register_full_backward_hook(lambda k, i, o, n=n: log.append(n)) for n, k in m.named_modules()]; m(x).sum().backward(); log
    a_backward_hook_that_is_removed: m = t.nn.Tanh(); h = m.register_full_backward_hook(lambda m, i, o: log.append(1)); h.remove(); [m(x), log]
    a_backward_hook_returns_too_many: m = t.nn.Tanh(); m.register_full_backward_hook(lambda m, i, o: i + i); caught(m(x).sum().backward)
    a_backward_hook_raises: m = t.nn.Tanh(); m.register_full_backward_hook(lambda m, i, o: 1 / 0); caught(m(x).sum().backward)
    a_backward_hook_under_no_grad: m = t.nn.Tanh(); m.register_full_backward_hook(lambda m, i, o: log.append(1)); [within(t.no_grad(), lambda: m(x)), log]
    a_backward_hook_and_the_second_order: m = t.nn.Tanh(); m.register_full_backward_hook(lambda m, i, o: log.append(o[0])); (g,) = grad(m(x).pow(2).sum(), x, create_graph=True); g.sum().backward(); [log, x.grad]
    a_backward_hook_and_what_needs_no_gradient: m = t.nn.Identity(); m.register_full_backward_hook(lambda m, i, o: log.append(1)); [m(c), log]
    a_backward_hook_and_one_that_needs_no_gradient: m = t.nn.Bilinear(2, 2, 3); m.register_full_backward_hook(lambda m, i, o: log.append(i[1])); m(leaf([[1.0, 2.0]]), t.ones(1, 2)).sum().backward(); log
    a_backward_hook_and_what_is_no_tensor: m = t.nn.Identity(); m.forward = lambda a, n: a * n; m.register_full_backward_hook(lambda m, i, o: log.append([i, o])); m(x, 3).sum().backward(); log
    a_backward_hook_and_several_calls: m = t.nn.Tanh(); m.register_full_backward_hook(lambda m, i, o: log.append(i[0])); (m(x) + m(m(y))).sum().backward(); log
    a_backward_hook_and_results_in_a_tuple: m = t.nn.MultiheadAttention(2, 1); m.register_full_backward_hook(lambda m, i, o: log.append([len(i), [g is None for g in o]])); a = leaf([[[1.0, 2.0]]]); m(a, a, a)[0].sum().backward(); log
    a_backward_hook_and_a_written_result: m = t.nn.Tanh(); m.register_full_backward_hook(lambda m, i, o: None); caught(m(x).add_, 1)
    a_backward_hook_and_a_module_in_place: m = t.nn.ReLU(inplace=True); m.register_full_backward_hook(lambda m, i, o: None); caught(m, x * 1)
    what_a_hooked_module_leaves: m = t.nn.Tanh(); m.register_full_backward_hook(lambda m, i, o: None); a = m(x); [a, a.grad_fn.next_functions[0][0]]
    a_hook_before_backward: m = t.nn.Identity(); m.register_full_backward_pre_hook(lambda m, o: log.append(o)); m(x).sum().backward(); log
    a_hook_before_backward_replaces: m = t.nn.Tanh(); m.register_full_backward_pre_hook(lambda m, o: (o[0] * 2,)); m(x).sum().backward(); x.grad
    hooks_before_backward_in_a_row: m = t.nn.Identity(); m.register_full_backward_pre_hook(lambda m, o: log.append(o[0])); m.register_full_backward_pre_hook(lambda m, o: (o[0] * 2,), prepend=True); m(x).sum().backward(); [log, x.grad]
    a_hook_before_backward_returns_too_many: m = t.nn.Tanh(); m.register_full_backward_pre_hook(lambda m, o: o + o); caught(m(x).sum().backward)
    hooks_around_backward: m = t.nn.Tanh(); m.register_full_backward_pre_hook(lambda m, o: log.append("pre") or (o[0] * 2,)); m.register_full_backward_hook(lambda m, i, o: log.append(o[0])); m(x).sum().backward(); [log, x.grad]
    forward_hooks_around_those_of_backward: m = t.nn.Identity(); m.register_forward_pre_hook(lambda m, i: (i[0] * 2,)); m.register_forward_hook(lambda m, i, o: o * 3); m.register_full_backward_hook(lambda m, i, o: log.append([i[0], o[0]])); [m(x).sum().backward(), log, x.grad]
""")

# ------------------------------------------------------------------ what holds parameters

TABLE.lines("""
    a_parameter_replaced_keeps_its_place: m = t.nn.Linear(2, 2); m.weight = t.nn.Parameter(t.ones(2, 2)); [n for n, _ in m.named_parameters()]
    a_module_replaced_keeps_its_place: m = t.nn.Module(); m.a = t.nn.ReLU(); m.b = t.nn.ReLU(); m.a = t.nn.Tanh(); [type(k).__name__ for k in m.children()]
    a_list_of_parameters: p = t.nn.ParameterList([c]); p += [t.ones(1)]; p[0] = t.zeros(1); [p[-1], len(p), [a.shape for a in p], list(p.state_dict()), len(p[:1]), p[0].requires_grad]
    a_list_of_other_things: p = t.nn.ParameterList([c, 3]); [p[1], repr(p[1:]), [n for n, _ in p.named_parameters()]]
    a_list_goes_wrong: p = t.nn.ParameterList([c]); [caught(p.__getitem__, 1), caught(p, 1), caught(p.extend, 3), caught(p.extend, c), caught(p.__setitem__, 3, c)]
    a_dict_of_parameters: d = t.nn.ParameterDict({"b": c, "a": c * 2}); d["z"] = t.ones(1); [list(d), d.pop("a"), d.get("q"), "b" in d, len(d), d.b is d["b"], [k for k, _ in d.items()], list(d.values()), d.keys()]
    a_dict_and_another: d = t.nn.ParameterDict({"a": c}) | t.nn.ParameterDict({"b": c}); e = d.copy(); [list(d), d.popitem(), d.setdefault("z", c), list(reversed(d)), list(e), e.clear(), len(e), list(d.fromkeys(["u", "v"], c))]
    a_dict_goes_wrong: d = t.nn.ParameterDict(); [caught(d.__getitem__, "a"), caught(d, 1), caught(d.update, 3), caught(d.update, [(1,)]), caught(d.popitem)]
    copies_of_them: [copy.deepcopy(t.nn.ParameterDict({"a": c}))["a"], pickled(t.nn.ParameterList([c]))[0]]
    buffers: m = t.nn.Module(); m.a = t.nn.Buffer(c); m.b = t.nn.Buffer(c, persistent=False); m.b = c * 2; [m.state_dict(), dict(m.named_buffers()), type(m.a).__name__, isinstance(m.a, t.nn.Buffer), isinstance(c, t.nn.Buffer), t.nn.Buffer()]
    a_buffer_of_another_kind: m = t.nn.Linear(1, 1); m.q = 3; [caught(setattr, m, "weight", t.nn.Buffer(c)), caught(setattr, m, "q", t.nn.Buffer(c))]
    norms_of_gradients: u = t.nn.utils; [u.get_total_norm([]), u.get_total_norm(c, 1), u.get_total_norm([c, c * 2], float("inf")), u.get_total_norm(a for a in [c, c])]
    norms_clipped: x.grad = c.clone(); t.nn.utils.clip_grads_with_norm_([x], 0.5, t.tensor(2.0)); x.grad
""")
