# ruff: noqa: E501 - a program is a line
"""Gradients where there is a choice: at ties, kinks, zeros and infinities, and of complex numbers."""

import functools
import itertools
import math

from behaviours.table import Table

TABLE = Table()

# ------------------------------------------------------------------ ties

TABLE.lines("""
    max_shares_among_ties: a = leaf([1.0, 3.0, 3.0]); grad(a.max(), a)
    min_shares_among_ties: a = leaf([1.0, 1.0, 3.0, 1.0]); grad(a.min(), a)
    max_of_a_dimension_picks_one: a = leaf([[1.0, 3.0, 3.0]]); v, i = a.max(1); [i, grad(v.sum(), a)]
    min_of_a_dimension_picks_one: a = leaf([[1.0, 1.0, 3.0]]); v, i = a.min(1); [i, grad(v.sum(), a)]
    amax_shares_among_ties: a = leaf([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]]); grad(a.amax(1).sum(), a)
    amin_shares_among_ties: a = leaf([[1.0, 1.0, 3.0]]); grad(a.amin(1).sum(), a)
    amax_over_everything: a = t.ones(2, 2, requires_grad=True); grad(a.amax(), a)
    amax_over_two_dimensions: a = t.ones(2, 2, 2, requires_grad=True); grad(a.amax((0, 2)).sum(), a)
    maximum_halves: a, b = leaf([1.0, 2.0]), leaf([1.0, 3.0]); grad(t.maximum(a, b).sum(), [a, b])
    minimum_halves: a, b = leaf([1.0, 2.0]), leaf([1.0, 3.0]); grad(t.minimum(a, b).sum(), [a, b])
    fmax_at_ties: a, b = leaf([1.0, nan]), leaf([1.0, 3.0]); grad(t.fmax(a, b).sum(), [a, b])
    fmin_at_ties: a, b = leaf([1.0, nan]), leaf([1.0, 3.0]); grad(t.fmin(a, b).sum(), [a, b])
    maximum_of_nan: a, b = leaf([nan, 1.0]), leaf([1.0, nan]); grad(t.maximum(a, b).sum(), [a, b])
    sort_of_ties: a = leaf([2.0, 1.0, 2.0, 1.0]); v, i = a.sort(stable=True); [i, grad((v * t.arange(4.0)).sum(), a)]
    sort_of_ties_descending: a = leaf([2.0, 1.0, 2.0, 1.0]); v, i = a.sort(stable=True, descending=True); [i, grad((v * t.arange(4.0)).sum(), a)]
    topk_gradient: a = leaf([2.0, 5.0, 1.0, 4.0]); v, i = a.topk(2); [v, i, grad((v * t.tensor([1.0, 10.0])).sum(), a)]
    median_gradient: a = leaf([3.0, 1.0, 2.0, 4.0]); [a.median(), grad(a.median(), a)]
    median_of_a_dimension: a = leaf([[3.0, 1.0, 2.0]]); v, i = a.median(1); [i, grad(v.sum(), a)]
    median_of_ties: a = leaf([2.0, 2.0, 2.0]); grad(a.median(), a)
    kthvalue_gradient: a = leaf([3.0, 1.0, 2.0]); v, i = a.kthvalue(2); [i, grad(v, a)]
    max_of_nan: a = leaf([1.0, nan, nan]); [a.max(), grad(a.max(), a)]
    max_of_infinities: a = leaf([inf, 1.0, inf]); grad(a.max(), a)
    max_of_one: a = leaf([5.0]); grad(a.max(), a)
    aminmax_of_ties: a = leaf([1.0, 2.0, 2.0, 1.0]); r = a.aminmax(); grad(r.min + 10 * r.max, a)
    logsumexp_of_ties: a = t.zeros(4, requires_grad=True); grad(a.logsumexp(0), a)
    softmax_of_infinities: a = leaf([0.0, -inf, 0.0]); b = a.softmax(0); [b, grad((b * t.arange(3.0)).sum(), a)]
    logsumexp_of_minus_infinity: a = leaf([-inf, -inf]); [a.logsumexp(0), grad(a.logsumexp(0), a)]
""")

# ------------------------------------------------------------------ kinks and zeros


def at_points(t, f, points):
    """Values and first derivatives; second ones where something leads on to them."""
    x = t.tensor(points, requires_grad=True)
    out = f(t, x)
    return out.detach(), *t.autograd.grad(out.sum(), x, allow_unused=True)


def twice_at_points(t, f, points):
    x = t.tensor(points, requires_grad=True)
    (g,) = t.autograd.grad(f(t, x).sum(), x, create_graph=True)
    return t.autograd.grad(g.sum(), x)


SPECIAL = [-2.0, -1.0, -0.0, 0.0, 1.0, 2.0]
KINKS = {
    "abs": lambda t, x: x.abs(),
    "sign": lambda t, x: x.sign(),
    "sgn": lambda t, x: x.sgn(),
    "relu": lambda t, x: x.relu(),
    "clamp": lambda t, x: x.clamp(-1, 1),
    "clamp_below": lambda t, x: x.clamp(min=0),
    "clamp_above": lambda t, x: x.clamp(max=0),
    "clamp_crossed": lambda t, x: x.clamp(1, -1),
    "clamp_by_tensors": lambda t, x: t.clamp(x, t.tensor(-1.0), t.tensor(1.0)),
    "floor": lambda t, x: x.floor(),
    "ceil": lambda t, x: x.ceil(),
    "round": lambda t, x: x.round(),
    "trunc": lambda t, x: x.trunc(),
    "frac": lambda t, x: x.frac(),
    "sqrt": lambda t, x: x.sqrt(),
    "rsqrt": lambda t, x: x.rsqrt(),
    "reciprocal": lambda t, x: x.reciprocal(),
    "log": lambda t, x: x.log(),
    "log1p": lambda t, x: x.log1p(),
    "log2": lambda t, x: x.log2(),
    "power_of_zero": lambda t, x: x**0,
    "power_of_one": lambda t, x: x**1,
    "power_of_two": lambda t, x: x**2,
    "power_of_half": lambda t, x: x**0.5,
    "power_of_one_and_a_half": lambda t, x: x**1.5,
    "power_of_three": lambda t, x: x**3,
    "power_of_minus_one": lambda t, x: x**-1,
    "zero_to_the_power": lambda t, x: 0.0**x,
    "two_to_the_power": lambda t, x: 2.0**x,
    "minus_one_to_the_power": lambda t, x: (-1.0) ** x,
    "itself_to_the_power": lambda t, x: x**x,
    "acos": lambda t, x: x.acos(),
    "asin": lambda t, x: x.asin(),
    "atanh": lambda t, x: x.atanh(),
    "atan2_of_zero": lambda t, x: t.atan2(x, x * 0),
    "hypot_of_zero": lambda t, x: t.hypot(x, x * 0),
    "logaddexp": lambda t, x: t.logaddexp(x, x),
    "xlogy": lambda t, x: t.xlogy(x, x),
    "sinc": lambda t, x: x.sinc(),
    "sigmoid": lambda t, x: x.sigmoid(),
    "tanh": lambda t, x: x.tanh(),
    "erf": lambda t, x: x.erf(),
    "remainder": lambda t, x: t.remainder(x, 2.0),
    "fmod": lambda t, x: t.fmod(x, 2.0),
    "copysign": lambda t, x: t.copysign(x, t.tensor(-1.0)),
    "heaviside_like": lambda t, x: (x > 0).to(x.dtype) * x,
    "where_guarded": lambda t, x: t.where(x > 0, x.log(), x),
    "where_safe": lambda t, x: t.where(x > 0, t.where(x > 0, x, t.ones_like(x)).log(), x),
    "nan_to_num": lambda t, x: (x / x).nan_to_num(7.0),
    "masked": lambda t, x: x.masked_fill(x <= 0, 0.0).sqrt(),
    "norm": lambda t, x: x.norm(),
    "norm_of_each": lambda t, x: x.reshape(6, 1).norm(dim=1),
    "norm_of_order_one": lambda t, x: x.norm(1),
    "norm_of_order_three": lambda t, x: x.norm(3),
    "norm_of_order_inf": lambda t, x: x.norm(float("inf")),
    "norm_of_order_minus_inf": lambda t, x: x.norm(float("-inf")),
    "norm_of_order_half": lambda t, x: x.norm(0.5),
    "prod": lambda t, x: x.prod(),
    "prod_with_one_zero": lambda t, x: x[3:].prod(),
    "prod_of_rows": lambda t, x: x.reshape(2, 3).prod(1),
    "cumprod": lambda t, x: x.cumprod(0),
    "cumprod_with_one_zero": lambda t, x: x[3:].cumprod(0),
    "cumsum": lambda t, x: x.cumsum(0) * x,
    "std": lambda t, x: x.std(),
    "var_of_rows": lambda t, x: x.reshape(2, 3).var(1, unbiased=False),
    "mean_of_rows": lambda t, x: x.reshape(2, 3).mean(1) ** 2,
    "dist": lambda t, x: t.dist(x, x),
    "logit": lambda t, x: x.sigmoid().logit(),
    "division_by_itself": lambda t, x: x / x,
    "division_of_zero": lambda t, x: 0 / x,
    "true_division_by_zero": lambda t, x: x / 0.0,
    "nan_is_ignored": lambda t, x: t.nansum(x / x),
    "smooth_maximum": lambda t, x: t.maximum(x, -x),
    "smooth_minimum": lambda t, x: t.minimum(x, x * 1),
    "softplus": lambda t, x: t.nn.functional.softplus(x),
    "leaky_relu": lambda t, x: t.nn.functional.leaky_relu(x, 0.1),
    "elu": lambda t, x: t.nn.functional.elu(x),
    "huber": lambda t, x: t.nn.functional.smooth_l1_loss(x, x.detach() * 0, reduction="none"),
    "l1_loss": lambda t, x: t.nn.functional.l1_loss(x, x.detach() * 0),
}
for _name, _f in KINKS.items():
    TABLE(functools.partial(at_points, f=_f, points=SPECIAL), f"at_zeros_and_kinks_{_name}")

TWICE = (
    "abs", "relu", "leaky_relu", "elu", "softplus", "sqrt", "rsqrt", "reciprocal", "log", "log1p",
    "power_of_two", "power_of_half", "power_of_one_and_a_half", "power_of_three", "cumprod",
    "prod", "prod_with_one_zero", "std", "var_of_rows", "norm", "sigmoid", "tanh", "asin", "huber",
    "where_safe", "division_by_itself", "logaddexp",
)  # fmt: skip
for _name in TWICE:
    TABLE(
        functools.partial(twice_at_points, f=KINKS[_name], points=SPECIAL),
        f"twice_at_zeros_and_kinks_{_name}",
    )

# Gradients that depend on the input in steps, or not at all: which of them have a history?

IMAGE = [
    [[0.1, 0.9, 0.4, -0.2], [0.5, -0.3, 0.7, 0.0]],
    [[0.2, -0.8, 0.6, 0.3], [1.1, 1.0, -1.2, 2.0]],
]
STEPS = {
    "relu": lambda F, x: F.relu(x),
    "relu6": lambda F, x: F.relu6(x),
    "leaky_relu": lambda F, x: F.leaky_relu(x),
    "rrelu": lambda F, x: F.rrelu(x),
    "rrelu_in_training": lambda F, x: F.rrelu(x, 0.5, 0.5, training=True),
    "prelu": lambda F, x: F.prelu(x + 0.01, x.detach()[0, 0, 0]),
    "hardtanh": lambda F, x: F.hardtanh(x),
    "threshold": lambda F, x: F.threshold(x, 0.1, 2.0),
    "hardshrink": lambda F, x: F.hardshrink(x),
    "softshrink": lambda F, x: F.softshrink(x),
    "a_loss_of_ignored_rows": lambda t, x: t.nn.functional.nll_loss(
        (1 / x).reshape(3, 2), t.tensor([-100, -100, 1]), reduction="none"
    ),
    "the_mean_of_a_loss_without_ignored_rows": lambda t, x: t.nn.functional.nll_loss(
        (1 / x).reshape(3, 2), t.tensor([0, -100, 0])
    ),
    "l1_loss": lambda F, x: F.l1_loss(x, x.detach() * 2),
    "nll_loss": lambda F, x: F.nll_loss(x, x.detach()[0].long()[None].expand(2, 2, 4)[:, 0]),
    "hinge_embedding_loss": lambda F, x: F.hinge_embedding_loss(x, x.detach().sign()),
    "max_pool1d": lambda F, x: F.max_pool1d(x, 2),
    "max_pool2d": lambda F, x: F.max_pool2d(x, 2),
    "adaptive_max_pool1d": lambda F, x: F.adaptive_max_pool1d(x, 2),
    "adaptive_max_pool2d": lambda F, x: F.adaptive_max_pool2d(x, 2),
    "avg_pool1d": lambda F, x: F.avg_pool1d(x, 2),
    "adaptive_avg_pool2d": lambda F, x: F.adaptive_avg_pool2d(x, 2),
    "reflected": lambda F, x: F.pad(x, (1, 1), "reflect"),
    "replicated": lambda F, x: F.pad(x, (1, 1), "replicate"),
    "interpolate": lambda F, x: F.interpolate(x, scale_factor=2),
    "clamp": lambda F, x: x.clamp(-0.5, 0.5),
    "clamp_min": lambda F, x: x.clamp(min=0),
    "maximum": lambda F, x: x.maximum(x.detach() * 0),
    "where": lambda F, x: x.where(x > 0, x.detach()),
    "amax": lambda F, x: x.amax(0),
    "sort": lambda F, x: x.sort()[0],
    "median": lambda F, x: x.median(),
    "masked_fill": lambda F, x: x.masked_fill(x > 0, 0),
    "remainder": lambda F, x: x.remainder(0.3),
    "abs": lambda F, x: x.abs(),
    "times_two": lambda F, x: x * 2,
    "square": lambda F, x: x.square(),
}


def with_a_history(t, f):
    """What a gradient, and that of a product with a vector, can be differentiated for."""
    x = t.tensor(IMAGE, requires_grad=True)
    (g,) = t.autograd.grad(f(t.nn.functional, x).sum(), x, create_graph=True)
    found = [g.detach(), g.requires_grad]
    if g.requires_grad:
        (h,) = t.autograd.grad(g.sum(), x, create_graph=True)
        found.append(h.detach())
    y = f(t.nn.functional, x)
    v = t.ones(y.shape, requires_grad=True)
    (g,) = t.autograd.grad(y, x, v, create_graph=True)
    return [*found, t.autograd.grad(g.sum(), [x, v], allow_unused=True)]


for _name, _f in STEPS.items():
    TABLE(functools.partial(with_a_history, f=_f), f"history_of_the_gradient_of_{_name}")


# Ops of several inputs whose backward is one op of them all in PyTorch.
FUSED = {
    "conv2d": ([(2, 3, 4, 4), (4, 3, 2, 2), (4,)], lambda F, x, w, b: F.conv2d(x, w, b)),
    "conv_transpose2d": (
        [(2, 3, 4, 4), (3, 4, 2, 2), (4,)], lambda F, x, w, b: F.conv_transpose2d(x, w, b),
    ),
    "batch_norm": (
        [(4, 3), (3,), (3,)],
        lambda F, x, w, b: F.batch_norm(x, w.detach(), w.detach() ** 2 + 1, w, b, False),
    ),
    "layer_norm": ([(4, 3), (3,), (3,)], lambda F, x, w, b: F.layer_norm(x, (3,), w, b)),
    "grid_sample": (
        [(1, 2, 4, 4), (1, 3, 3, 2)], lambda F, x, g: F.grid_sample(x, g, align_corners=False),
    ),
    "linear": ([(4, 3), (2, 3), (2,)], lambda F, x, w, b: F.linear(x, w, b)),
}  # fmt: skip


def with_what_history(t, shapes, f):
    """Which recorded gradients have a history, for each choice of inputs, and what it leads to."""
    log = []
    for wanted in itertools.product((False, True), repeat=len(shapes)):
        xs = [
            (t.arange(float(math.prod(s))) * (0.7 + i)).sin().reshape(s).requires_grad_(w)
            for i, (s, w) in enumerate(zip(shapes, wanted, strict=True))
        ]
        chosen = [x for x in xs if x.requires_grad]
        if not chosen:
            continue
        out = f(t.nn.functional, *xs)
        for g in t.autograd.grad(out.sum(), chosen, create_graph=True):
            found = [g.requires_grad]
            if g.requires_grad:
                again = t.autograd.grad(g.sum(), chosen, retain_graph=True, allow_unused=True)
                found.append([h is None for h in again])
            log.append(found)
    return log


for _name, (_shapes, _f) in FUSED.items():
    TABLE(
        functools.partial(with_what_history, shapes=_shapes, f=_f),
        f"histories_of_gradients_{_name}",
    )

TABLE.lines("""
    history_that_leads_nowhere: w = t.ones(1, 1, 2); a = x.reshape(1, 1, 3); (g,) = grad(t.nn.functional.conv1d(a, w).sum(), a, create_graph=True); g.sum().backward(); [g.detach(), g.requires_grad, x.grad]
    hessian_of_a_convolution: fn.hessian(lambda v: t.nn.functional.conv1d(v.reshape(1, 1, 3), t.ones(1, 1, 2)).sum())(c)
    history_of_a_gradient_of_relu: (g,) = grad((x - 2).relu().sum(), x, create_graph=True); [g, g.grad_fn.name(), g.grad_fn.next_functions[1][0].name(), g.requires_grad]
    history_after_hardtanh: (g,) = grad(t.nn.functional.hardtanh(x).sum(), x, create_graph=True); [g.grad_fn.name(), g.grad_fn.next_functions[0]]
    history_backward_of_relu: (g,) = grad(x.relu().sum(), x, create_graph=True); g.sum().backward(); x.grad
    history_of_relu_written_over_its_input: (g,) = grad((x * 1).relu_().sum(), x, create_graph=True); [g.requires_grad, grad(g.sum(), x)]
    history_of_relu_of_a_constant: (g,) = grad((c.relu() * x).sum(), x, create_graph=True); g.requires_grad
    history_of_relu_under_no_grad: a = x.relu().sum(); (g,) = within(t.no_grad(), lambda: grad(a, x)); g.requires_grad
    history_of_relu_thrice: (g,) = grad(x.relu().sum(), x, create_graph=True); (h,) = grad(g.sum(), x, create_graph=True); [h, grad(h.sum(), x)]
    history_of_relu_and_more: (g,) = grad((x.relu() * x).sum(), x, create_graph=True); grad(g.sum(), x)
    history_of_relu_whose_graph_was_freed: (g,) = grad(x.relu().sum(), x, create_graph=True, retain_graph=False); caught(g.sum().backward)
    history_of_prelu_with_a_weight: w = leaf([0.25]); (g,) = grad(t.nn.functional.prelu(-x, w).sum(), x, create_graph=True); grads(g, x, w)
    history_of_a_weight_of_prelu: w = leaf([0.25]); (g,) = grad(t.nn.functional.prelu(-x, w).sum(), w, create_graph=True); grads(g, x)
    history_of_relu_seen_by_hooks: a = x.relu(); a.grad_fn.register_hook(lambda i, o: log.append(i[0].requires_grad)); grad(a.sum(), x, create_graph=True); log
    history_of_relu_with_saved_hooks: a = within(hooks(lambda v: v * 1, lambda v: v), lambda: (x - 2).relu().sum()); (g,) = grad(a, x, create_graph=True); grad(g.sum(), x)
    derivatives_of_a_square: g = x.square().sum(); log += [g := grad(g.sum(), x, create_graph=True)[0] for _ in range(3)]; [[g.detach() for g in log], caught(grad, log[-1].sum(), x)]
    derivatives_of_a_cube: g = (x**3).sum(); log += [g := grad(g.sum(), x, create_graph=True)[0] for _ in range(4)]; [[g.detach() for g in log], caught(grad, log[-1].sum(), x)]
    hessian_of_relu: fn.hessian(lambda v: (v - 2).relu().sum())(x.detach())
    jvp_of_the_gradient_of_relu: fn.jvp(fn.grad(lambda v: ((v - 2).relu() * v).sum()), (c,), (c,))
    vmap_of_the_second_derivative_of_relu: fn.vmap(fn.grad(fn.grad(lambda v: (v * v).relu())))(c)
""")

LIMITS = (
    "exp",
    "log",
    "sqrt",
    "tanh",
    "sigmoid",
    "reciprocal",
    "sin",
    "atan",
    "abs",
    "relu",
    "log1p",
)
for _name in LIMITS:
    TABLE(
        functools.partial(
            at_points,
            f=lambda t, x, n=_name: getattr(x, n)(),
            points=[float("inf"), float("-inf"), float("nan")],
        ),
        f"at_infinities_{_name}",
    )

TABLE.lines("""
    norm_at_zero: a = t.zeros(3, requires_grad=True); grad(a.norm(), a)
    norm_of_rows_at_zero: a = leaf([[0.0, 0.0], [3.0, 4.0]]); grad(a.norm(dim=1).sum(), a)
    std_of_equal_numbers: a = t.ones(3, requires_grad=True); grad(a.std(), a)
    std_of_one_number: a = t.ones(1, requires_grad=True); grad(a.std(), a)
    var_of_equal_numbers: a = t.ones(3, requires_grad=True); grad(a.var(), a)
    prod_of_two_zeros: a = leaf([0.0, 2.0, 0.0]); grad(a.prod(), a)
    prod_of_one_zero: a = leaf([0.0, 2.0, 3.0]); grad(a.prod(), a)
    prod_of_one_zero_to_the_second_order: a = leaf([0.0, 2.0, 3.0]); (g,) = grad(a.prod(), a, create_graph=True); grads(g, a)
    power_by_a_tensor_at_zero: a, b = t.zeros(3, requires_grad=True), leaf([0.0, 1.0, 2.0]); grad((a**b).sum(), [a, b])
    power_of_a_negative_base: a, b = leaf([-2.0]), leaf([2.0]); grad((a**b).sum(), [a, b])
    clamp_to_a_leaf: a, b = leaf([1.0, 2.0, 3.0]), leaf(2.0); grad(t.clamp(a, max=b).sum(), [a, b])
    clamp_between_leaves: lo, hi = leaf(1.5), leaf(2.5); grad(t.clamp(x, lo, hi).sum(), [x, lo, hi])
    where_gives_each_its_part: grad((t.where(x > 1.5, x * 2, y * 3)).sum(), [x, y])
    masked_select_gives_each_its_part: grad((x.masked_select(x > 1.5) * 2).sum(), x)
    lerp_gradient: w = leaf(0.25); grad(t.lerp(x, y, w).sum(), [x, y, w])
    dot_gradient: grad(x @ y, [x, y])
    division_gradient: grad((x / y).sum(), [x, y])
    atan2_gradient: grad(t.atan2(x, y).sum(), [x, y])
    nan_hides_in_a_product_with_zero: a = t.zeros(1, requires_grad=True); grad((a.log() * 0).sum(), a)
    detached_copies_cut_the_nan: a = t.zeros(1, requires_grad=True); grad((a.log().detach() * a).sum(), a)
    floor_division_of_floats: grad((x // 2).sum(), x)
    cross_entropy_gradient: a = leaf([[1.0, 2.0, 3.0]]); grad(t.nn.functional.cross_entropy(a, t.tensor([2])), a)
    mse_gradient: grad(t.nn.functional.mse_loss(x, c), x)
    bce_at_the_ends: a = leaf([0.0, 1.0]); b = t.nn.functional.binary_cross_entropy(a, t.tensor([0.0, 1.0])); [b, grad(b, a)]
    interpolated_quantile: grad(x.quantile(0.4), x)
    trace_gradient: grad((m @ m.t()).trace(), m)
    diagonal_gradient: grad(m.diagonal().sum(), m)
    tril_gradient: grad(m.tril().sum(), m)
    flip_gradient: grads(m.flip(0, 1), m)
    roll_gradient: grads(m.roll(1, 1), m)
    cumsum_gradient: grads(x.cumsum(0), x)
    diff_gradient: grads(x.diff(), x)
    kron_gradient: grads(t.kron(x[:2], y[:2]), x, y)
    outer_gradient: grads(t.outer(x, y), x, y)
    einsum_gradient: grads(t.einsum("ij,j->i", m, x), m, x)
    matmul_of_vectors: grads(m @ x, m, x)
    batched_matmul: a = t.arange(12.0).view(2, 2, 3).requires_grad_(); grads(a @ x, a, x)
    pad_and_slice: grads(t.cat([x[:1], x, x[-1:]]), x)
    gather_gradient: grads(m.gather(1, t.tensor([[0, 0], [2, 1]])), m)
    scatter_gradient: grads(x.scatter(0, t.tensor([0, 2]), y[:2]), x, y)
    index_add_gradient: grads(x.index_add(0, t.tensor([0, 0]), y[:2]), x, y)
""")

# ------------------------------------------------------------------ complex numbers

TABLE.lines("""
    complex_modulus: grad(z.abs().sum(), z)
    complex_modulus_at_zero: a = t.zeros(1, dtype=t.complex64, requires_grad=True); grad(a.abs().sum(), a)
    complex_modulus_squared: grad((z * z.conj()).real.sum(), z)
    complex_square: grad((z * z).real.sum(), z)
    complex_square_of_the_imaginary_part: grad((z * z).imag.sum(), z)
    complex_conjugate: grad(z.conj().real.sum() + 2 * z.conj().imag.sum(), z)
    complex_real_part: grad(z.real.sum(), z)
    complex_imaginary_part: grad(z.imag.sum(), z)
    complex_angle: grad(z.angle().sum(), z)
    complex_angle_of_real_numbers: grad(t.angle(d).sum(), d)
    complex_exp: grad(z.exp().real.sum(), z)
    complex_log: grad(z.log().real.sum(), z)
    complex_power: grad((z**3).imag.sum(), z)
    complex_sqrt: grad(z.sqrt().real.sum(), z)
    complex_product: w = leaf([1j, 2.0, 1 - 1j]); grad((z * w).real.sum(), [z, w])
    complex_division: w = leaf([1j, 2.0, 1 - 1j]); grad((z / w).real.sum(), [z, w])
    complex_dot: w = leaf([1j, 2.0, 1 - 1j]); grad((z @ w).real, [z, w])
    complex_vdot: w = leaf([1j, 2.0, 1 - 1j]); grad(t.vdot(z, w).real, [z, w])
    complex_sum_with_a_vector: grad(z.sum(), z, t.tensor(1 + 2j))
    complex_with_a_real_input: grad((z * x).real.sum(), [z, x])
    complex_from_parts: grad((t.complex(x, y) * (1 + 2j)).real.sum(), [x, y])
    complex_polar: grad(t.polar(x, y).real.sum(), [x, y])
    complex_sgn: grad(z.sgn().real.sum(), z)
    complex_mean: grad(z.mean().imag, z)
    complex_prod: grad(z.prod().real, z)
    complex_norm: grad(t.view_as_real(z).norm(), z)
    complex_second_order: (g,) = grad((z**3).real.sum(), z, create_graph=True); grad(g.real.sum(), z)
    complex_hook: log.append(None); z.register_hook(lambda g: log.append(g)); (z * 2j).real.sum().backward(); log[1:]
    complex_step_goes_down: l = (z - (2 + 1j)).abs().pow(2).sum(); (g,) = grad(l, z); a = z.detach() - 0.1 * g; [(a - (2 + 1j)).abs().pow(2).sum() < l, g]
    complex_of_a_real_function: grad((x.to(t.complex64) * (2 + 3j)).real.sum(), x)
    complex_real_of_a_real_tensor: grad(x.real.sum(), x)
    complex_matmul: a = z.reshape(1, 3); grad((a @ a.conj().t()).real.sum(), z)
""")


@TABLE
def running_sums_begin_with_zero(t):
    x = t.tensor([-0.0, -0.0, 1.0])
    return 1 / x.cumsum(0), 1 / x.double().cumsum(0), 1 / t.stack([x, -x]).cumsum(1)


# ------------------------------------------------------------------ places

TABLE.lines("""
    scalar_and_line_of_places: a = t.zeros(3, 2); [a.index_put((t.tensor(1), t.tensor([0, 1])), t.tensor(5.0)), a.index_put((t.tensor([0, -1]), t.tensor(1)), t.tensor(5.0), True)]
    one_place_put: a = t.zeros(3, 2, requires_grad=True); b = t.ones(2, requires_grad=True); o = a.index_put((t.tensor(1),), b); [o, grad((o * 3).sum(), [a, b])]
    one_element_put: a = t.zeros(3, 2); a.index_put_((t.tensor(-1), t.tensor(0)), t.tensor(7.0)); a
    weights_of_counts: i = t.tensor([0, 1, 1]); [t.bincount(i, t.ones(3, dtype=k)).dtype for k in (t.float16, t.float32, t.int32, t.bool)]
    counts_of_nothing: [t.bincount(t.tensor([], dtype=t.int64), t.ones(0)), t.bincount(t.tensor([], dtype=t.int64), t.ones(0), 2)]
    counts_with_too_many_weights: t.bincount(t.tensor([1]), t.ones(2))
    counts_of_a_negative_length: t.bincount(t.tensor([1]), minlength=-1)
    searching_for_nothing: [t.searchsorted(t.ones(2, 3), t.ones(2, 0)), t.searchsorted(t.ones(2, 0), t.ones(2, 3)), t.searchsorted(t.ones(0, 3), t.ones(0, 2))]
    median_of_several_nan: a = leaf([1.0, nan, 2.0, nan, nan]); v, i = a.median(0); [v, i, grad(v, a)]
    extrema_of_nan_at_places: a = leaf([1.0, nan, 2.0]); b = leaf([nan, 3.0]); o = a.scatter_reduce(0, t.tensor([0, 2]), b, "amax"); [o, grad(o.sum(), [a, b])]
    bools_at_places: [t.tensor([True, False, True]).scatter_reduce(0, t.tensor([0, 1, 1]), t.tensor([False, True, True]), k) for k in ("sum", "prod", "amax", "amin")]
    mish_of_large_numbers: a = leaf([25.0, 1e10, 1e30]); grad(t.nn.functional.mish(a).sum(), a)
    pools_of_one_element: a = t.ones(1, 1, 2, 2); b = t.nn.functional.adaptive_max_pool2d(a, 2); b.mul_(5); [a, b]
    ctc_without_labels: a = t.zeros(4, 1, 3, requires_grad=True); l = t.nn.functional.ctc_loss(a.log_softmax(2), t.zeros(1, 0, dtype=t.int64), (4,), (0,)); [l, grad(l, a)]
""")
