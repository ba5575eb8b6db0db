"""Curvature and influence: Hessian-vector products, Fisher information, per-sample hooks."""

from ported.kit import Table, draws, filled

TABLE = Table()


def problem(t):
    net = filled(t.nn.Sequential(t.nn.Linear(3, 4), t.nn.Tanh(), t.nn.Linear(4, 3)), t)
    x, y = draws(t, 8, 3, seed=5), t.tensor([0, 1, 2, 0, 1, 2, 0, 1])
    return net, x, y, t.nn.functional.cross_entropy


@TABLE
def power_iteration(t):
    """The largest eigenvalues of a loss's Hessian, deflated, by double backward."""
    net, x, y, loss = problem(t)
    params = list(net.parameters())
    grads = t.autograd.grad(loss(net(x), y), params, create_graph=True)
    dot = lambda a, b: sum((p * q).sum() for p, q in zip(a, b))
    found, values = [], []
    for k in range(2):
        v = [draws(t, *p.shape, seed=k) for p in params]
        for _ in range(15):
            for u in found:
                c = dot(u, v)
                v = [a - c * b for a, b in zip(v, u)]
            norm = dot(v, v).sqrt()
            v = [a / norm for a in v]
            hv = t.autograd.grad(grads, params, grad_outputs=v, only_inputs=True, retain_graph=True)
            value = dot(hv, v)
            v = list(hv)
        found.append([a / dot(v, v).sqrt() for a in v])
        values.append(value)
    return values


@TABLE
def lanczos(t):
    """A spectrum from products by forward over reverse; traces by Hutchinson under vmap."""
    net, x, y, loss = problem(t)
    params = {k: p.detach() for k, p in net.named_parameters()}
    sizes = {k: p.numel() for k, p in params.items()}

    def unflatten(v):
        parts = v.split(list(sizes.values()))
        return {k: part.view_as(params[k]) for k, part in zip(params, parts)}

    flat = t.cat([p.flatten() for p in params.values()])
    f = lambda v: loss(t.func.functional_call(net, unflatten(v), (x,)), y)
    hvp = lambda v: t.func.jvp(t.func.grad(f), (flat,), (v,))[1]
    q, beta, basis, diag, off = draws(t, len(flat)), 0.0, [], [], []
    q = q / q.norm()
    for _ in range(5):
        w = hvp(q) - (beta * basis[-1] if basis else 0)
        diag.append(w @ q)
        w = w - diag[-1] * q
        basis.append(q)
        beta = w.norm()
        off.append(beta)
        q = w / beta
    off = t.stack(off[:-1])
    tri = t.diag(t.stack(diag)) + t.diag(off, 1) + t.diag(off, -1)
    signs = draws(t, 6, len(flat), seed=3).sign()
    trace = t.func.vmap(lambda s: s @ hvp(s))(signs)
    exact = t.func.hessian(f)(flat)
    return t.linalg.eigvalsh(tri), trace, exact.trace(), (exact - exact.T).abs().max() < 1e-4


@TABLE
def conjugate_gradients(t):
    """A damped Newton step without a Hessian; products through `functional.hvp` and by hand."""
    net, x, y, loss = problem(t)
    params = list(net.parameters())
    grads = t.autograd.grad(loss(net(x), y), params, create_graph=True)
    flat = t.nn.utils.parameters_to_vector(grads)

    def product(v):
        g = t.autograd.grad(flat @ v, params, retain_graph=True)
        return t.cat([p.contiguous().view(-1) for p in g]) + 0.1 * v

    b = -flat.detach()
    step, r = t.zeros_like(b), b.clone()
    p, rs = r.clone(), r.dot(r)
    for _ in range(10):
        ap = product(p)
        alpha = rs / p.dot(ap)
        step += alpha * p
        r -= alpha * ap
        new = r.dot(r)
        if new.sqrt() < 1e-8:
            break
        p = r + new / rs * p
        rs = new
    before = t.nn.utils.parameters_to_vector(params)
    t.nn.utils.vector_to_parameters(before + step, params)
    return step, r.norm() < 0.1, loss(net(x), y), before.grad_fn


@TABLE
def influence(t):
    """How each sample moves a test loss: g_test^T H^-1 g_i, exactly and by a Neumann series."""
    net, x, y, loss = problem(t)
    params = tuple(p.detach() for p in net.parameters())
    names = [n for n, _ in net.named_parameters()]

    def f(*ps):
        return loss(t.func.functional_call(net, dict(zip(names, ps)), (x,)), y)

    blocks = t.autograd.functional.hessian(f, params)
    h = t.cat([t.cat([b.reshape(p.numel(), -1) for b in row], 1) for p, row in zip(params, blocks)])
    h = h + 0.5 * t.eye(len(h))
    each = lambda ps, x, y: loss(
        t.func.functional_call(net, dict(zip(names, ps)), (x[None],)), y[None]
    )
    g = t.func.vmap(t.func.grad(each), (None, 0, 0))(params, x, y)
    g = t.cat([a.flatten(1) for a in g], 1)
    test = g.mean(0)
    exact = g @ t.linalg.solve(h, test)
    v = test.clone()
    for _ in range(60):
        _, hv = t.autograd.functional.vhp(f, params, _split(t, v, params))
        v = test + v - 0.5 * (t.cat([a.flatten() for a in hv]) + 0.5 * v)
    return exact, t.allclose(g @ v * 0.5, exact, atol=1e-3)


def _split(t, v, params):
    return tuple(a.reshape(p.shape) for a, p in zip(v.split([p.numel() for p in params]), params))


@TABLE
def elastic_weights(t):
    """Diagonals of the Fisher information, and their penalty on the way to a new task."""
    net, x, y, loss = problem(t)
    fisher = {n: t.zeros_like(p) for n, p in net.named_parameters()}
    for i in range(len(x)):
        net.zero_grad()
        logp = net(x[i].unsqueeze(0)).log_softmax(1)
        t.nn.functional.nll_loss(logp, y[i : i + 1]).backward()
        for n, p in net.named_parameters():
            fisher[n] += p.grad.data.pow(2) / len(x)
    old = {n: p.clone().detach() for n, p in net.named_parameters()}
    opt = t.optim.SGD(net.parameters(), lr=0.5, weight_decay=0.01)
    for _ in range(3):
        opt.zero_grad()
        total = loss(net(x), y.flip(0))
        for n, p in net.named_parameters():
            total = total + 10 * (fisher[n] * (p - old[n]).pow(2)).sum()
        total.backward()
        opt.step()
    return fisher, total, {n: (p - old[n]).norm() for n, p in net.named_parameters()}


@TABLE
def natural_gradient(t):
    """Kronecker factors caught by hooks of layers; per-sample gradients from the same."""
    net, x, y, _ = problem(t)
    x.requires_grad_()
    acts, grads, handles = {}, {}, []
    for m in net.modules():
        if isinstance(m, t.nn.Linear):
            handles.append(
                m.register_forward_pre_hook(lambda m, a: acts.__setitem__(m, a[0].detach()))
            )
            handles.append(
                m.register_full_backward_hook(lambda m, gi, go: grads.__setitem__(m, go[0]))
            )
    t.nn.functional.cross_entropy(net(x), y, reduction="sum").backward()
    steps, samples = [], []
    for m in acts:
        a = t.cat([acts[m], t.ones(len(x), 1)], 1)
        g = grads[m]
        left = t.linalg.inv(g.T @ g / len(x) + 0.1 * t.eye(g.size(1)))
        right = t.linalg.inv(a.T @ a / len(x) + 0.1 * t.eye(a.size(1)))
        full = t.cat([m.weight.grad, m.bias.grad[:, None]], 1)
        steps.append(left @ full @ right)
        samples.append(t.einsum("bi,bj->bij", g, acts[m]).sum(0) - m.weight.grad)
    for h in handles:
        h.remove()
    return (
        [s.detach() for s in steps],
        [s.abs().max() < 1e-5 for s in samples],
        len(net[0]._forward_pre_hooks),
    )


@TABLE
def dual_numbers_through_a_model(t):
    """Tangents given to parameters: by attributes deleted and set, and by functional_call."""
    fwad = t.autograd.forward_ad
    net, x, y, loss = problem(t)
    names = [n for n, _ in net.named_parameters()]
    params = {n: p.detach().clone() for n, p in net.named_parameters()}
    tangents = {n: draws(t, *p.shape, seed=i) for i, (n, p) in enumerate(params.items())}
    with fwad.dual_level():
        for n, p in params.items():
            module, _, last = n.rpartition(".")
            module = net.get_submodule(module)
            delattr(module, last)
            setattr(module, last, fwad.make_dual(p, tangents[n]))
        out = net(x)
        value, slope = fwad.unpack_dual(loss(out, y))
        duals = {n: fwad.make_dual(p, tangents[n]) for n, p in params.items()}
        other = fwad.unpack_dual(loss(t.func.functional_call(net, duals, x), y)).tangent
        plain = fwad.unpack_dual(x)
    f = lambda p: loss(t.func.functional_call(net, p, x), y)
    same = t.func.jvp(f, (params,), (tangents,))[1]
    return (
        value,
        slope,
        t.allclose(slope, other),
        same,
        plain.tangent,
        names,
        list(net[0]._parameters),
    )


@TABLE
def forward_over_reverse_by_levels(t):
    fwad = t.autograd.forward_ad
    f = lambda x: (x**3).sum() * x.sin().prod()
    x, v = draws(t, 4), draws(t, 4, seed=1)
    with fwad.dual_level():
        d = fwad.make_dual(x.clone().requires_grad_(), v)
        (g,) = t.autograd.grad(f(d), d, create_graph=True)
        hv = fwad.unpack_dual(g).tangent.detach()
    p = x.clone().requires_grad_()
    with fwad.dual_level():
        slope = fwad.unpack_dual(f(fwad.make_dual(p, v))).tangent
    slope.backward()
    return hv, p.grad, t.func.hessian(f)(x) @ v


@TABLE
def functional_of_many(t):
    """`autograd.functional` with several inputs and outputs, strict or not, and create_graph."""
    F = t.autograd.functional
    f = lambda a, b: (a.exp() * b, (a * b).sum())
    a, b = draws(t, 2), draws(t, 2, seed=1)
    va, vb = draws(t, 2, seed=2), draws(t, 2, seed=3)
    j = F.jacobian(f, (a, b))
    jv = F.jacobian(f, (a, b), vectorize=True)
    vjp = F.vjp(f, (a, b), (va, t.tensor(2.0)))
    jvp = F.jvp(f, (a, b), (va, vb))
    scalar = lambda a, b: (a.pow(2) * b).sum().exp()
    h = F.hessian(scalar, (a, b), outer_jacobian_strategy="reverse-mode")
    outer = F.hessian(scalar, (a, b), vectorize=True, outer_jacobian_strategy="forward-mode")
    vhp, hvp = F.vhp(scalar, (a, b), (va, vb)), F.hvp(scalar, (a, b), (va, vb))
    c = a.clone().requires_grad_()
    graph = F.jacobian(lambda x: x**3, c, create_graph=True)
    graph.sum().backward()
    outer = [[block.detach() for block in row] for row in outer]
    return j, jv, vjp, jvp, h, outer, vhp, hvp, graph, c.grad


@TABLE
def second_derivatives_of_losses(t):
    F = t.nn.functional
    x, y = draws(t, 4, 3), draws(t, 4, 3, seed=1, low=0.1, high=0.9)
    k = t.tensor([0, 2, 1, 1])
    out = {}
    for name, f in {
        "ce": lambda x: F.cross_entropy(x, k),
        "ce_soft": lambda x: F.cross_entropy(x, y.softmax(-1)),
        "nll": lambda x: F.nll_loss(x.log_softmax(-1), k),
        "bce": lambda x: F.binary_cross_entropy(x.sigmoid(), y),
        "bcel": lambda x: F.binary_cross_entropy_with_logits(
            x, y, pos_weight=t.tensor([1.0, 2, 3])
        ),
        "huber": lambda x: F.huber_loss(x, y),
        "kl": lambda x: F.kl_div(x.log_softmax(-1), y),
        "gauss": lambda x: F.gaussian_nll_loss(x, y, y + 1),
        "poisson": lambda x: F.poisson_nll_loss(x, y),
        "soft": lambda x: F.multilabel_soft_margin_loss(x, y.round()),
        "cos": lambda x: 1 - F.cosine_similarity(x, y).mean(),
        "pair": lambda x: F.pairwise_distance(x, y).mean(),
    }.items():
        a = x.clone().requires_grad_()
        (g,) = t.autograd.grad(f(a), a, create_graph=True)
        (h,) = t.autograd.grad(g.pow(2).sum(), a, allow_unused=True) if g.requires_grad else (None,)
        out[name] = g.detach(), h
    return out
