"""`func` at work: ensembles, gradients per sample, neural tangent kernels, MAML, Jacobians."""

import functools
from functools import partial

from ported.kit import Table, caught, draws, filled

TABLE = Table()


def convnet(t):
    nn = t.nn

    class CNN(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1 = nn.Conv2d(1, 3, (3, 3))
            self.conv2 = nn.Conv2d(3, 4, 3, stride=2)
            self.fc = nn.Linear(4 * 2 * 2, 5)

        def forward(self, x):
            x = nn.functional.relu(self.conv1(x))
            x = nn.functional.relu(self.conv2(x))
            return nn.functional.log_softmax(self.fc(x.flatten(1)), dim=1)

    return filled(CNN(), t)


@TABLE
def per_sample_gradients_of_a_convnet(t):
    from_func = t.func
    model = convnet(t)
    x, y = draws(t, 6, 1, 7, 7), t.tensor([0, 1, 2, 3, 4, 0])
    params = {k: v.detach() for k, v in model.named_parameters()}
    buffers = {k: v.detach() for k, v in model.named_buffers()}

    def compute_loss(params, buffers, sample, target):
        batch, targets = sample.unsqueeze(0), target.unsqueeze(0)
        predictions = from_func.functional_call(model, (params, buffers), (batch,))
        return t.nn.functional.nll_loss(predictions, targets)

    grads = from_func.vmap(from_func.grad(compute_loss), in_dims=(None, None, 0, 0))(
        params, buffers, x, y
    )
    slow = []
    for i in range(len(x)):
        loss = t.nn.functional.nll_loss(model(x[i : i + 1]), y[i : i + 1])
        slow.append(t.autograd.grad(loss, list(model.parameters())))
    same = [t.allclose(g, t.stack(s), atol=1e-5) for g, s in zip(grads.values(), zip(*slow))]
    return grads, same


@TABLE
def private_gradients(t):
    """Gradients of each sample, clipped, summed, with weights of an embedding among them."""

    class Bag(t.nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = t.nn.Embedding(7, 4, padding_idx=0)
            self.norm = t.nn.LayerNorm(4)
            self.head = t.nn.Linear(4, 3)

        def forward(self, tokens):
            mask = (tokens != 0).unsqueeze(-1)
            h = (self.embedding(tokens) * mask).sum(-2) / mask.sum(-2).clamp(min=1)
            return self.head(self.norm(h))

    model = filled(Bag(), t)
    tokens = t.tensor([[1, 2, 0], [3, 3, 6], [5, 0, 0], [1, 4, 2]])
    labels = t.tensor([0, 2, 1, 1])
    params = dict(model.named_parameters())

    def loss(params, x, y):
        out = t.func.functional_call(model, params, (x[None],))
        return t.nn.functional.cross_entropy(out, y[None])

    grads, losses = t.func.vmap(t.func.grad_and_value(loss), (None, 0, 0))(params, tokens, labels)
    norms = t.stack([g.flatten(1).norm(dim=1) for g in grads.values()]).norm(dim=0)
    scale = (0.5 / norms).clamp(max=1.0)
    clipped = {k: t.einsum("b,b...->...", scale, g) for k, g in grads.items()}
    return losses, norms, clipped


@TABLE
def an_ensemble(t):
    """Models stacked to one, a batch for each or one for all; dropout with draws of its own."""
    make = lambda i: filled(
        t.nn.Sequential(t.nn.Linear(3, 5), t.nn.ReLU(), t.nn.Linear(5, 2)), t, i
    )
    models = [make(i) for i in range(4)]
    params, buffers = t.func.stack_module_state(models)
    base = make(9)
    f = lambda p, b, x: t.func.functional_call(base, (p, b), (x,))
    x = draws(t, 4, 6, 3)
    each = t.func.vmap(f)(params, buffers, x)
    same = t.func.vmap(f, in_dims=(0, 0, None))(params, buffers, x[0])
    noisy = lambda p, x: t.nn.functional.dropout(f(p, {}, x), 0.5)
    different = t.func.vmap(noisy, in_dims=(0, None), randomness="different")(params, x[0])
    kept = different != 0
    alike = t.func.vmap(noisy, in_dims=(0, None), randomness="same")(params, x[0]) != 0
    error = caught(t.func.vmap(noisy, in_dims=(0, None)), params, x[0])
    return (
        {k: (v.shape, v.requires_grad, v.is_leaf) for k, v in params.items()}, each, same,
        t.allclose(different, t.where(kept, same * 2, t.zeros_like(same))),
        bool((alike == alike[0]).all()), error,
    )  # fmt: skip


@TABLE
def an_ensemble_trained(t):
    """One optimiser step for all members at once, with in_dims of dictionaries."""
    models = [filled(t.nn.Linear(2, 1), t, i) for i in range(3)]
    params, _ = t.func.stack_module_state(models)
    x, y = draws(t, 8, 2), draws(t, 8, 1, seed=1)

    def loss(p, x, y):
        return ((t.func.functional_call(models[0], p, x) - y) ** 2).mean()

    opt = t.optim.Adam(params.values(), lr=0.1)
    history = []
    for _ in range(4):
        losses = t.func.vmap(loss, in_dims=({"weight": 0, "bias": 0}, None, None))(params, x, y)
        opt.zero_grad()
        losses.sum().backward()
        opt.step()
        history.append(losses.detach())
    return t.stack(history), params


@TABLE
def neural_tangent_kernels(t):
    """Of Jacobians contracted, and of vector-Jacobian products: three ways, one kernel."""
    model = convnet(t)
    params = {k: v.detach() for k, v in model.named_parameters()}
    x1, x2 = draws(t, 3, 1, 7, 7), draws(t, 2, 1, 7, 7, seed=1)

    def single(params, x):
        return t.func.functional_call(model, params, (x.unsqueeze(0),)).squeeze(0)

    def contracted(x1, x2, how="full"):
        j1 = t.func.vmap(t.func.jacrev(single), (None, 0))(params, x1).values()
        j2 = t.func.vmap(t.func.jacrev(single), (None, 0))(params, x2).values()
        j1, j2 = [[j.flatten(2) for j in js] for js in (j1, j2)]
        rule = {"full": "Naf,Mbf->NMab", "trace": "Naf,Maf->NM", "diagonal": "Naf,Maf->NMa"}[how]
        return t.stack([t.einsum(rule, a, b) for a, b in zip(j1, j2)]).sum(0)

    def by_products(x1, x2):
        def entry(x1, x2):
            def product(v):
                _, vjp = t.func.vjp(lambda p: single(p, x1), params)
                return t.func.jvp(lambda p: single(p, x2), (params,), vjp(v))[1]

            return t.func.vmap(product)(t.eye(5))

        return t.func.vmap(t.func.vmap(entry, (None, 0)), (0, None))(x1, x2)

    full, other = contracted(x1, x2), by_products(x1, x2)
    return full, t.allclose(full, other, atol=1e-4), contracted(x1, x2, "trace"), other


@TABLE
def maml(t):
    """A step inside, differentiated outside, over a batch of tasks."""
    net = filled(t.nn.Sequential(t.nn.Linear(1, 8), t.nn.Tanh(), t.nn.Linear(8, 1)), t)
    params = dict(net.named_parameters())
    mse = t.nn.functional.mse_loss
    call = partial(t.func.functional_call, net)

    def task(x1, y1, x2, y2):
        inner = lambda p: mse(call(p, x1), y1)
        p = params
        for _ in range(2):
            grads = t.func.grad(inner)(p)
            p = {k: p[k] - 0.1 * g for k, g in grads.items()}
        return mse(call(p, x2), y2)

    phase, x = draws(t, 3, 1, 1, low=0, high=3), draws(t, 3, 5, 1, seed=1)
    y = t.sin(x + phase)
    losses = t.func.vmap(task)(x, y, x + 0.5, t.sin(x + 0.5 + phase))
    losses.mean().backward()
    return losses.detach(), [p.grad for p in net.parameters()]


@TABLE
def maml_by_autograd(t):
    """The same with `grad(create_graph=True)`, weights in a list and a module's own `F` calls."""
    f = t.nn.functional
    weights = [draws(t, 6, 2, requires_grad=True), draws(t, 6, seed=1, requires_grad=True),
               draws(t, 3, 6, seed=2, requires_grad=True)]  # fmt: skip

    def forward(x, w):
        return f.linear(f.elu(f.linear(x, w[0], w[1])), w[2])

    x, y = draws(t, 7, 2, seed=3), t.tensor([0, 1, 2, 0, 1, 2, 1])
    fast = weights
    for _ in range(3):
        grads = t.autograd.grad(f.cross_entropy(forward(x, fast), y), fast, create_graph=True)
        fast = [w - 0.4 * g for w, g in zip(fast, grads)]
    outer = f.cross_entropy(forward(-x, fast), y)
    meta = t.autograd.grad(outer, weights)
    first = t.autograd.grad(f.cross_entropy(forward(-x, fast), y), fast)
    return outer, meta, first


@TABLE
def jacobians_and_hessians_of_a_model(t):
    weight, bias = draws(t, 4, 4), draws(t, 4, seed=1)
    predict = lambda w, b, x: t.nn.functional.linear(x, w, b).tanh()
    x = draws(t, 4, seed=2)
    xs = draws(t, 3, 4, seed=3)
    jac = t.func.jacrev(predict, argnums=(0, 1))(weight, bias, x)
    fwd = t.func.jacfwd(predict, argnums=(0, 1))(weight, bias, x)
    batch = t.func.vmap(t.func.jacrev(predict, argnums=2), in_dims=(None, None, 0))(
        weight, bias, xs
    )
    hess = t.func.hessian(predict, argnums=2)(weight, bias, x)
    mixed = t.func.jacfwd(t.func.jacrev(predict, argnums=2), argnums=2)
    batched = t.func.vmap(mixed, in_dims=(None, None, 0))(weight, bias, xs)
    chunked = t.func.jacrev(predict, argnums=0, chunk_size=2)(weight, bias, x)
    both = t.func.vmap(lambda x: (t.func.jacrev(predict, 2)(weight, bias, x), x.sum()))(xs)
    return jac, fwd, batch, hess, batched, t.equal(chunked, jac[0]), both


@TABLE
def hessian_products(t):
    def hvp(f, primals, tangents):
        return t.func.jvp(t.func.grad(f), primals, tangents)[1]

    def reverse(f, primals, tangents):
        _, vjp = t.func.vjp(t.func.grad(f), *primals)
        return vjp(*tangents)[0]

    f = lambda x: x.sin().sum() * (x**2).mean()
    x, v = draws(t, 10), draws(t, 10, seed=1)
    direct = t.autograd.functional.hvp(f, x, v)
    other = t.autograd.functional.vhp(f, x, v)
    return hvp(f, (x,), (v,)), reverse(f, (x,), (v,)), direct, other, t.func.hessian(f)(x) @ v


@TABLE
def a_laplacian(t):
    """Of a network for a batch of points, by forward over reverse along unit vectors."""
    net = filled(t.nn.Sequential(t.nn.Linear(3, 6), t.nn.SiLU(), t.nn.Linear(6, 1)), t)
    f = lambda x: net(x).squeeze(-1)

    def laplacian(x):
        along = lambda e: t.func.jvp(lambda y: t.func.jvp(f, (y,), (e,))[1], (x,), (e,))[1]
        return t.func.vmap(along)(t.eye(3)).sum()

    x = draws(t, 4, 3)
    trace = t.func.vmap(lambda x: t.func.hessian(f)(x).diagonal().sum())(x)
    return t.func.vmap(laplacian)(x).detach(), trace.detach()


@TABLE
def batch_norm_under_the_transforms(t):
    """Running statistics are an error; without them, or patched, it works."""
    make = lambda **k: filled(
        t.nn.Sequential(t.nn.Linear(3, 4), t.nn.BatchNorm1d(4, **k), t.nn.ReLU()), t
    )
    x = draws(t, 5, 2, 3)
    p = lambda m: {k: v.detach() for k, v in m.named_parameters()}

    def loss(m, p, x):
        return t.func.functional_call(m, p, (x,)).square().sum()

    running, plain = make(), make(track_running_stats=False)
    error = caught(t.func.vmap(partial(loss, running), (None, 0)), p(running), x)
    fine = t.func.vmap(t.func.grad(partial(loss, plain)), (None, 0))(p(plain), x)
    running.eval()
    frozen = t.func.vmap(t.func.grad(partial(loss, running)), (None, 0))(p(running), x)
    return isinstance(error, RuntimeError), fine, frozen


@TABLE
def batch_norm_replaced(t):
    net = t.nn.Sequential(t.nn.Conv2d(1, 2, 2), t.nn.BatchNorm2d(2), t.nn.Flatten())
    net = t.func.replace_all_batch_norm_modules_(filled(net, t))
    x = draws(t, 3, 2, 1, 3, 3)
    p = {k: v.detach() for k, v in net.named_parameters()}
    f = lambda p, x: t.func.functional_call(net, p, (x,)).square().sum()
    return t.func.vmap(t.func.grad(f), (None, 0))(p, x), repr(net[1]), net[1].running_mean


@TABLE
def functional_call_with_buffers_and_ties(t):
    class Tied(t.nn.Module):
        def __init__(self):
            super().__init__()
            self.a = t.nn.Linear(3, 3, bias=False)
            self.b = t.nn.Linear(3, 3, bias=False)
            self.b.weight = self.a.weight
            self.register_buffer("calls", t.zeros(()))

        def forward(self, x, *, scale=1.0):
            self.calls.add_(1)
            return self.b(self.a(x)) * scale

    m = filled(Tied(), t)
    new = {"a.weight": t.eye(3), "calls": t.tensor(10.0)}
    x = draws(t, 2, 3)
    tied = t.func.functional_call(m, new, x, {"scale": 2.0})
    loose = t.func.functional_call(m, new, (x,), tie_weights=False)
    strict = caught(t.func.functional_call, m, new, (x,), strict=True)
    unknown = caught(t.func.functional_call, m, {"c.weight": t.eye(3)}, (x,), strict=True)
    return tied, loose, new["calls"], m.calls, strict, unknown


@TABLE
def in_and_out_dims(t):
    x, y = draws(t, 3, 4), draws(t, 4, 5, seed=1)
    v = t.func.vmap
    dot = v(t.dot)
    rows = v(lambda r: r @ y)
    columns = v(t.mv, in_dims=(None, 1), out_dims=1)
    every = v(v(t.dot, in_dims=(None, 1)), in_dims=(0, None))
    nested = v(
        lambda d: {"s": d["a"] + d["b"][0], "n": 3.0 * d["a"]}, in_dims=({"a": 0, "b": [1]},)
    )
    return (
        dot(x, x), rows(x), columns(x, y), every(x, y), nested({"a": x, "b": [x.T.contiguous()]}),
        v(lambda a: a.cumsum(0), in_dims=-1, out_dims=-1)(x),
        v(lambda a: (a.sum(), a), out_dims=(0, 1))(x),
        v(lambda a: a.sort().values[:2], chunk_size=2)(x),
        caught(dot, x, x[:2]),
        caught(v(t.sin, in_dims=2), x), caught(v(lambda a: a.sum(), out_dims=1), x),
    )  # fmt: skip


@TABLE
def bilevel_hyperparameters(t):
    """The derivative of a validation loss for a penalty, through an inner ridge regression."""
    x, y = draws(t, 8, 3), draws(t, 8, seed=1)
    xv, yv = draws(t, 5, 3, seed=2), draws(t, 5, seed=3)

    def validation(log_penalty):
        a = x.T @ x + log_penalty.exp() * t.eye(3)
        w = t.linalg.solve(a, x.T @ y)
        return ((xv @ w - yv) ** 2).mean()

    p = t.linspace(-2, 2, 5)
    values = t.func.vmap(validation)(p)
    slopes = t.func.vmap(t.func.grad(validation))(p)
    curvature = t.func.vmap(t.func.grad(t.func.grad(validation)))(p)
    return values, slopes, curvature


@TABLE
def gauss_newton(t):
    """Least squares for a curve by Jacobians, damped; products with J and J^T without matrices."""
    s = t.linspace(0, 2, 12)
    target = 1.5 * t.exp(-0.7 * s) + 0.2
    f = lambda p: p[0] * t.exp(-p[1] * s) + p[2]
    p = t.tensor([1.0, 0.3, 0.0])
    for _ in range(8):
        r, jvp = t.func.linearize(lambda p: f(p) - target, p)
        j = t.func.vmap(jvp, out_dims=1)(t.eye(3))
        a = j.T @ j + 1e-3 * t.eye(3)
        p = p - t.cholesky_solve((j.T @ r).unsqueeze(1), t.linalg.cholesky(a)).squeeze(1)
    j2 = t.autograd.functional.jacobian(f, p)
    j3 = t.autograd.functional.jacobian(f, p, vectorize=True, strategy="forward-mode")
    return p, t.allclose(j, j2, atol=1e-3), j3


@TABLE
def newton_batched(t):
    """Roots of many equations at once, with a where that decides for each."""
    f = lambda x, c: x**3 - 2 * x - c
    df = t.func.grad(f)

    def step(x, c):
        new = x - f(x, c) / df(x, c)
        return t.where(t.isfinite(new), new, x)

    c = t.linspace(2, 6, 7)
    x = t.full((7,), 2.0)
    for _ in range(20):
        x = t.vmap(step)(x, c)
    return x, t.vmap(f)(x, c).abs().max() < 1e-5


@TABLE
def an_argument_by_name(t):
    f = lambda x, y, *, power=2: (x * y).pow(power).sum()
    x, y = draws(t, 3), draws(t, 3, seed=1)
    j = t.func.jacrev(lambda x: (x**2, {"c": x.cumprod(0)}), has_aux=False)(x)
    aux = t.func.jacfwd(lambda x: (x**2, x.norm()), has_aux=True)(x)
    g, (v, extra) = t.func.grad_and_value(lambda x: (x.sum(), {"n": x.norm()}), has_aux=True)(x)
    return t.func.grad(f, argnums=(0, 1))(x, y, power=3), j, aux, g, v, extra


@TABLE
def random_numbers_in_vmap(t):
    """Shapes, not values: one draw for each, or one for all."""
    x = t.zeros(4, 3)
    v = t.func.vmap
    each = v(lambda a: a + t.randn(3), randomness="different")(x)
    all_ = v(lambda a: a + t.rand(3), randomness="same")(x)
    perm = v(lambda a: t.randperm(3), randomness="different")(x)
    drop = v(lambda a: t.nn.functional.dropout(a + 1, 0.5), randomness="different")(x)
    normal = v(lambda a: a.clone().normal_(), randomness="different")(x)
    multi = v(lambda a: t.multinomial(a + 1, 2), randomness="different")(x)
    return (
        each.shape, bool((each[0] != each[1]).any()), all_.shape, bool((all_[0] == all_[1]).all()),
        perm.sort(1).values, drop.shape, normal.shape, multi.shape,
        caught(v(lambda a: a + t.randn(3)), x), caught(lambda: v(t.sin, randomness="odd")(x)),
    )  # fmt: skip


@TABLE
def wrapped_in_a_class(t):
    """functools, partials, staticmethods, lambdas, callables of classes in transforms."""

    class Model:
        def __init__(self, w):
            self.w = w

        def __call__(self, x):
            return (self.w * x).sin().sum()

    w, x = draws(t, 3), draws(t, 3, seed=1)
    m = Model(w)
    g = t.func.grad(m)(x)
    h = t.func.hessian(functools.partial(lambda a, x: (a * x).cos().sum(), w))(x)
    j = t.func.jacrev(functools.partial(t.softmax, dim=-1))(x)
    k = t.func.vmap(t.nn.functional.mse_loss)(t.stack([w, x]), t.stack([x, w]))
    r = functools.reduce(lambda f, _: t.func.grad(f), range(4), t.sin)(t.tensor(0.3))
    t2 = t.func.vmap(functools.partial(t.sum, dim=-1))(t.ones(2, 3, 4))
    return g, h, j, k, r, t2, t.vmap is t.func.vmap


@TABLE
def tree_parameters(t):
    """Networks as nested dicts and lists, updated by comprehension and tree-map."""
    params = {
        "layers": [
            {"w": draws(t, 3, 4), "b": t.zeros(4)},
            {"w": draws(t, 4, 2, seed=1), "b": t.zeros(2)},
        ],
        "scale": t.tensor(1.0),
    }

    def predict(p, x):
        *hidden, last = p["layers"]
        for layer in hidden:
            x = t.relu(x @ layer["w"] + layer["b"])
        return (x @ last["w"] + last["b"]) * p["scale"]

    x, y = draws(t, 6, 3, seed=2), draws(t, 6, 2, seed=3)
    loss = lambda p, x, y: ((predict(p, x) - y) ** 2).mean()
    grads, value = t.func.grad_and_value(loss)(params, x, y)
    per = t.func.vmap(t.func.grad(loss), in_dims=(None, 0, 0))(params, x, y)
    out, vjp = t.func.vjp(lambda p: predict(p, x), params)
    (ct,) = vjp(t.ones_like(out))
    jac = t.func.jacfwd(lambda p: predict(p, x[0]))(params)
    return grads, value, per, ct, jac
