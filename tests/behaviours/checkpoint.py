"""`utils.checkpoint`: computing again instead of keeping, in both variants."""

import functools

from behaviours.table import Table, caught, function, grads

TABLE = Table()


def both(program):
    """A behaviour of either variant."""
    for reentrant in (False, True):
        variant = "reentrant" if reentrant else "plain"
        TABLE(functools.partial(with_variant, program, reentrant), f"{program.__name__}_{variant}")
    return program


def with_variant(program, reentrant, t):
    checkpoint = functools.partial(t.utils.checkpoint.checkpoint, use_reentrant=reentrant)
    return program(t, checkpoint)


def leaves(t):
    x = t.tensor([0.5, -1.0, 2.0], requires_grad=True)
    w = t.tensor([1.0, 2.0, 3.0], requires_grad=True)
    return x, w


@both
def the_same_gradients(t, checkpoint):
    x, w = leaves(t)
    out = checkpoint(lambda a: (a * w).tanh() * a, x)
    out.sum().backward()
    return out.detach(), out.requires_grad, x.grad, w.grad


@both
def computed_twice(t, checkpoint):
    x, w = leaves(t)
    log = []

    def f(a):
        log.append(t.is_grad_enabled())
        return (a * w).tanh()

    out = checkpoint(f, x)
    before = list(log)
    out.sum().backward()
    return before, log


@both
def several_results(t, checkpoint):
    x, w = leaves(t)
    a, b = checkpoint(lambda v: (v * w, v.sin()), x)
    (a * b).sum().backward()
    return x.grad, w.grad


@both
def a_result_that_is_unused(t, checkpoint):
    x, w = leaves(t)
    a, _b = checkpoint(lambda v: (v * w, v.sin()), x)
    a.sum().backward()
    return x.grad, w.grad


@both
def arguments_that_are_no_tensors(t, checkpoint):
    x, _ = leaves(t)
    out = checkpoint(lambda a, n, names: a.sin() * n * len(names), x, 3, ["a", "b"])
    out.sum().backward()
    return out.detach(), x.grad


@both
def an_argument_that_is_none(t, checkpoint):
    x, _ = leaves(t)
    out = checkpoint(lambda a, b: a.sin() if b is None else b, x, None)
    out.sum().backward()
    return x.grad


@both
def an_input_that_needs_no_gradient(t, checkpoint):
    x, w = leaves(t)
    out = checkpoint(lambda a: (a * w).sin(), x.detach())
    return out.requires_grad, caught(out.sum().backward), w.grad


@both
def under_no_grad(t, checkpoint):
    x, _ = leaves(t)
    with t.no_grad():
        out = checkpoint(lambda a: a.sin(), x)
    return out


@both
def a_second_backward(t, checkpoint):
    x, w = leaves(t)
    out = checkpoint(lambda a: (a * w).tanh(), x).sum()
    out.backward()
    return caught(out.backward)


@both
def retained(t, checkpoint):
    x, w = leaves(t)
    out = checkpoint(lambda a: (a * w).tanh(), x).sum()
    out.backward(retain_graph=True)
    found = caught(out.backward)
    return found, x.grad


@both
def nested(t, checkpoint):
    x, w = leaves(t)

    def inner(a):
        return (a * w).tanh()

    def outer(a):
        return checkpoint(inner, a.sin()) * checkpoint(inner, a)

    out = checkpoint(outer, x)
    out.sum().backward()
    return out.detach(), x.grad, w.grad


@both
def one_after_another(t, checkpoint):
    x, w = leaves(t)
    a = x
    for _ in range(3):
        a = checkpoint(lambda v: (v * w).sin(), a)
    a.sum().backward()
    return a.detach(), x.grad, w.grad


@both
def a_function_that_raises(t, checkpoint):
    x, _ = leaves(t)
    return caught(checkpoint, lambda a: 1 / 0, x), t.is_grad_enabled()


@both
def a_function_that_raises_the_second_time(t, checkpoint):
    x, w = leaves(t)
    calls = []

    def f(a):
        calls.append(1)
        return (a * w).sin() if len(calls) < 2 else 1 / 0

    out = checkpoint(f, x)
    return caught(out.sum().backward), x.grad


@both
def a_function_that_changes_its_mind(t, checkpoint):
    x, w = leaves(t)
    calls = []

    def f(a):
        calls.append(1)
        return a.sin() * w if len(calls) < 2 else a.sin().exp() * w

    out = checkpoint(f, x)
    return caught(out.sum().backward) is None


@both
def random_numbers_come_again(t, checkpoint):
    x, _ = leaves(t)
    t.manual_seed(0)
    out = checkpoint(lambda a: (a * t.rand(3)).sin() * t.rand(3), x)
    out.sum().backward()
    after = t.rand(1)
    first, x.grad = x.grad, None
    t.manual_seed(0)
    (x * t.rand(3)).sin().mul(t.rand(3)).sum().backward()
    return bool(((first - x.grad).abs() < 1e-6).all()), bool((after == t.rand(1)).all())


@both
def random_numbers_are_others(t, checkpoint):
    x, w = leaves(t)
    t.manual_seed(0)
    seen = []

    def f(a):
        seen.append(t.rand(1).item())
        return a.sin() * w

    checkpoint(f, x, preserve_rng_state=False).sum().backward()
    return len(seen), seen[0] == seen[1]


@both
def the_generator_goes_on(t, checkpoint):
    """Computing again leaves no trace in the sequence of random numbers."""
    x, _ = leaves(t)
    t.manual_seed(3)
    out = checkpoint(lambda a: a.sin() * t.rand(3), x)
    state = t.rand(2)
    t.manual_seed(3)
    t.rand(3)
    same = bool((state == t.rand(2)).all())
    out.sum().backward()
    return same, x.grad is not None


@both
def hooks_inside(t, checkpoint):
    x, w = leaves(t)
    log = []

    def f(a):
        b = a.sin()
        if b.requires_grad:
            b.register_hook(lambda g: log.append("hook"))
        return b * w

    checkpoint(f, x).sum().backward()
    return log, x.grad


@both
def a_function_of_mine_inside(t, checkpoint):
    x, w = leaves(t)
    f = function(
        t,
        lambda ctx, a: ctx.save_for_backward(a) or a * a,
        lambda ctx, g: g * 2 * ctx.saved_tensors[0],
        name="Square",
    )
    checkpoint(lambda a: f.apply(a) * w, x).sum().backward()
    return x.grad, w.grad


@both
def a_gradient_with_respect_to_an_input(t, checkpoint):
    x, w = leaves(t)
    out = checkpoint(lambda a: (a * w).sin(), x)
    found = caught(t.autograd.grad, out.sum(), x)
    return found


@both
def a_view_as_a_result(t, checkpoint):
    x, w = leaves(t)
    out = checkpoint(lambda a: (a * w)[1:], x)
    out.sum().backward()
    return out.detach(), x.grad


@both
def the_input_as_a_result(t, checkpoint):
    x, _ = leaves(t)
    a = x * 1
    out = checkpoint(lambda v: v, a)
    out.sum().backward()
    return out.detach(), x.grad


@both
def a_module(t, checkpoint):
    layer = t.nn.Linear(2, 2)
    with t.no_grad():
        layer.weight.copy_(t.tensor([[1.0, 2.0], [3.0, 4.0]]))
        layer.bias.zero_()
    x = t.tensor([[0.1, 0.2]], requires_grad=True)
    out = checkpoint(layer, x)
    out.tanh().sum().backward()
    return out.detach(), x.grad, layer.weight.grad, layer.bias.grad


@both
def a_parameter_written_in_between(t, checkpoint):
    x, w = leaves(t)
    out = checkpoint(lambda a: (a * w).sin(), x)
    with t.no_grad():
        w.mul_(2)
    found = caught(out.sum().backward)
    return found, x.grad


# ------------------------------------------------------------------ of one variant alone


def plain(program):
    def run(t):
        return program(t, functools.partial(t.utils.checkpoint.checkpoint, use_reentrant=False))

    TABLE(run, program.__name__)
    return program


@plain
def keyword_arguments(t, checkpoint):
    x, w = leaves(t)
    out = checkpoint(lambda a, *, by: a.sin() * by, x, by=w)
    out.sum().backward()
    return x.grad, w.grad


@plain
def tensors_in_a_dictionary(t, checkpoint):
    x, w = leaves(t)
    out = checkpoint(lambda d: {"y": d["x"].sin() * d["w"]}, {"x": x, "w": w})
    out["y"].sum().backward()
    return x.grad, w.grad


@plain
def the_second_order(t, checkpoint):
    x, w = leaves(t)
    out = checkpoint(lambda a: (a * w) ** 3, x)
    (g,) = t.autograd.grad(out.sum(), x, create_graph=True)
    return g.detach(), grads(t, g, x, w)


@plain
def a_gradient_of_part(t, checkpoint):
    x, w = leaves(t)
    out = checkpoint(lambda a: (a * w).sin(), x)
    return t.autograd.grad(out.sum(), [x, w])


@plain
def a_backward_inside(t, checkpoint):
    x, _ = leaves(t)

    def f(a):
        with t.enable_grad():
            b = a.detach().requires_grad_()
            (g,) = t.autograd.grad((b**3).sum(), b)
        return a.sin() * g

    checkpoint(f, x).sum().backward()
    return x.grad


@plain
def another_number_of_tensors(t, checkpoint):
    x, _ = leaves(t)
    calls = []

    def f(a):
        calls.append(1)
        return a.sin().exp() if len(calls) < 2 else a.sin()

    return caught(checkpoint(f, x).sum().backward)


@plain
def more_tensors_than_before(t, checkpoint):
    x, _ = leaves(t)
    calls = []

    def f(a):
        calls.append(1)
        return a.sin() if len(calls) < 2 else (a.sin() + (a.exp() * a.cos()).sin())

    found = caught(checkpoint(f, x, determinism_check="none").sum().backward)
    return type(found).__name__ if isinstance(found, Exception) else found


@plain
def tensors_of_another_shape(t, checkpoint):
    x, _ = leaves(t)
    calls = []

    def f(a):
        calls.append(1)
        return (a if len(calls) < 2 else a[:2]).sin().sum()

    return caught(checkpoint(f, x).backward)


@plain
def tensors_of_another_shape_not_looked_at(t, checkpoint):
    x, _ = leaves(t)
    calls = []

    def f(a):
        calls.append(1)
        return (a * (1.0 if len(calls) < 2 else 2.0)).sin().sum()

    checkpoint(f, x, determinism_check="none").backward()
    return x.grad


@plain
def an_unknown_determinism_check(t, checkpoint):
    x, _ = leaves(t)
    return caught(checkpoint, lambda a: a.sin(), x, determinism_check="some")


@plain
def stopping_early(t, checkpoint):
    x, _ = leaves(t)
    log = []

    def f(a):
        b = a.sin()
        log.append("first")
        c = b * 2
        log.append("second")
        return c

    checkpoint(f, x).sum().backward()
    return log


@plain
def not_stopping_early(t, checkpoint):
    x, _ = leaves(t)
    log = []

    def f(a):
        b = a.sin()
        log.append("first")
        return b * 2

    with t.utils.checkpoint.set_checkpoint_early_stop(False):
        out = checkpoint(f, x)
    out.sum().backward()
    return log


@plain
def a_context_for_each_run(t, checkpoint):
    import contextlib

    x, w = leaves(t)
    log = []

    @contextlib.contextmanager
    def noted(name):
        log.append(f"{name} begins")
        yield
        log.append(f"{name} ends")

    out = checkpoint(
        lambda a: a.sin() * w, x, context_fn=lambda: (noted("forward"), noted("again"))
    )
    before = list(log)
    out.sum().backward()
    return before, log[:3]


@plain
def hooks_of_saved_tensors_outside(t, checkpoint):
    x, _ = leaves(t)
    log = []
    with t.autograd.graph.saved_tensors_hooks(lambda v: log.append("pack") or v, lambda v: v):
        out = checkpoint(lambda a: a.sin().exp(), x)
    out.sum().backward()
    return x.grad


@plain
def a_retained_graph_computes_again(t, checkpoint):
    x, w = leaves(t)
    log = []

    def f(a):
        log.append(1)
        return (a * w).tanh()

    out = checkpoint(f, x).sum()
    out.backward(retain_graph=True)
    out.backward(retain_graph=True)
    return len(log), x.grad


# ------------------------------------------------------------------ what is said


@TABLE
def a_variant_must_be_chosen(t):
    x, _ = leaves(t)
    t.utils.checkpoint.checkpoint(lambda a: a.sin(), x).sum().backward()
    return x.grad


@TABLE
def keywords_of_the_reentrant_variant(t):
    x, _ = leaves(t)
    return caught(t.utils.checkpoint.checkpoint, lambda a, by: a * by, x, use_reentrant=True, by=2)


@TABLE
def none_of_the_inputs_requires_a_gradient(t):
    x, w = leaves(t)
    return t.utils.checkpoint.checkpoint(lambda a: a * w, x.detach(), use_reentrant=True)


@TABLE
def a_sequence(t):
    x, w = leaves(t)
    log = []
    steps = [lambda a, i=i: log.append(i) or (a * w).tanh() for i in range(4)]
    out = t.utils.checkpoint.checkpoint_sequential(steps, 2, x, use_reentrant=False)
    before = list(log)
    out.sum().backward()
    return before, log, x.grad, w.grad


@TABLE
def a_sequence_in_one_piece(t):
    x, w = leaves(t)
    steps = [lambda a: (a * w).tanh()] * 3
    t.utils.checkpoint.checkpoint_sequential(steps, 1, x, use_reentrant=False).sum().backward()
    return x.grad


@TABLE
def a_sequence_of_modules(t):
    t.manual_seed(0)
    model = t.nn.Sequential(t.nn.Linear(3, 3), t.nn.Tanh(), t.nn.Linear(3, 1))
    with t.no_grad():
        for p in model.parameters():
            p.fill_(0.5)
    x = t.tensor([[0.1, 0.2, 0.3]], requires_grad=True)
    out = t.utils.checkpoint.checkpoint_sequential(model, 2, x, use_reentrant=False)
    out.backward()
    return out.detach(), x.grad, [p.grad for p in model.parameters()]


@TABLE
def a_sequence_with_a_typo(t):
    x, _ = leaves(t)
    return caught(
        t.utils.checkpoint.checkpoint_sequential, [lambda a: a], 1, x, use_reentrant=False, other=1
    )


# ------------------------------------------------------------------ results that are kept after all

HERE = {"mul": "multiply"}


def op_of(t, name):
    """What a policy gets for an op: its overload in PyTorch, and its name here."""
    if t.__name__ == "torch":
        return t.ops.aten.mul.Tensor if name == "mul" else getattr(t.ops.aten, name).default
    return HERE.get(name, name)


def selected(t, what, f, *inputs, **options):
    contexts = functools.partial(
        t.utils.checkpoint.create_selective_checkpoint_contexts, what, **options
    )
    return t.utils.checkpoint.checkpoint(f, *inputs, use_reentrant=False, context_fn=contexts)


def _matrices(t):
    x = t.tensor([[0.5, -1.0], [2.0, 0.25]], requires_grad=True)
    return x, t.tensor([[1.0, 2.0], [-3.0, 0.5]], requires_grad=True)


@TABLE
def selective_gradients(t):
    x, w = _matrices(t)
    found = []
    for names in ((), ("mm",), ("exp",), ("mm", "exp", "mul", "sin")):
        out = selected(t, [op_of(t, n) for n in names], lambda a: (a.mm(w).exp() * a).sin(), x)
        found.append(grads(t, out, x, w))
    return found


def _by_policy(t, answer):
    x, w = _matrices(t)
    log = []
    names = {op_of(t, name): name for name in ("mm", "exp", "mul", "sin")}

    def policy(ctx, op, *args, **kwargs):
        if op in names:
            shown = [a.detach().clone() for a in args]
            log.append([names[op], ctx.is_recompute, shown, ctx.op_output.detach().clone()])
        return answer(t.utils.checkpoint.CheckpointPolicy, names.get(op))

    out = selected(t, policy, lambda a: (a.mm(w).exp() * a).sin(), x)
    before = len(log)
    return grads(t, out, x, w), before, log


ANSWERS = {
    "that_keeps_all": lambda policy, name: policy.PREFER_SAVE,
    "that_must_keep_some": lambda policy, name: (
        policy.MUST_SAVE if name in ("mm", "exp") else policy.MUST_RECOMPUTE
    ),
    "that_keeps_nothing": lambda policy, name: policy.PREFER_RECOMPUTE,
    "that_says_yes_or_no": lambda policy, name: name == "exp",
}
for _name, _answer in ANSWERS.items():
    TABLE(functools.partial(_by_policy, answer=_answer), f"selective_policy_{_name}")


@TABLE
def selective_policies(t):
    return [(p.name, p.value) for p in t.utils.checkpoint.CheckpointPolicy]


@TABLE
def selective_backward_twice(t):
    x, w = _matrices(t)
    out = selected(t, [op_of(t, "mm")], lambda a: a.mm(w).exp(), x)
    return grads(t, out, x, w, retain_graph=True), caught(grads, t, out, x, w)


@TABLE
def selective_backward_twice_of_nothing_kept(t):
    x, w = _matrices(t)
    out = selected(t, [], lambda a: a.mm(w).exp(), x)
    return grads(t, out, x, w, retain_graph=True), grads(t, out, x, w)


@TABLE
def selective_and_written_to(t):
    x, w = _matrices(t)
    found = []
    for allowed in (False, True):
        out = selected(
            t, [op_of(t, "mm")], lambda a: a.mm(w).add_(1).sin(), x,
            allow_cache_entry_mutation=allowed,
        )  # fmt: skip
        found.append(caught(lambda out=out: type(grads(t, out, x, w)).__name__))
    return found


@TABLE
def selective_of_something_else(t):
    return caught(t.utils.checkpoint.create_selective_checkpoint_contexts, 3)


@TABLE
def selective_to_second_order(t):
    x, w = _matrices(t)
    out = selected(t, [op_of(t, "exp")], lambda a: (a * w).exp(), x)
    (g,) = t.autograd.grad(out.sum(), x, create_graph=True)
    return g.detach(), t.autograd.grad(g.sum(), [x, w])
