"""Equations: physics-informed networks, mechanics, molecules, transport, Gaussian processes."""

import itertools
import math

from ported.kit import Table, draws, filled

TABLE = Table()


def mlp(t, *sizes, seed=0, act=None):
    layers = []
    for a, b in itertools.pairwise(sizes):
        layers += [t.nn.Linear(a, b), (act or t.nn.Tanh)()]
    return filled(t.nn.Sequential(*layers[:-1]), t, seed, scale=1.0)


@TABLE
def burgers_equation(t):
    """u_t + u u_x = nu u_xx at random points, the residual trained by Adam."""
    net = mlp(t, 2, 8, 8, 1)
    opt = t.optim.Adam(net.parameters(), lr=1e-2)
    s = draws(t, 10, 1, low=0.0, requires_grad=True)
    x = draws(t, 10, 1, seed=1, requires_grad=True)
    derivative = lambda u, x: t.autograd.grad(
        u, x, grad_outputs=t.ones_like(u), retain_graph=True, create_graph=True
    )[0]
    losses = []
    for _ in range(3):
        u = net(t.cat([s, x], dim=1))
        u_t, u_x = derivative(u, s), derivative(u, x)
        residual = u_t + u * u_x - (0.01 / math.pi) * derivative(u_x, x)
        start = net(t.hstack([t.zeros_like(x), x])) + t.sin(math.pi * x)
        loss = residual.pow(2).mean() + start.pow(2).mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
        losses.append(loss.detach())
    return t.stack(losses), residual, [p.grad for p in net.parameters()]


@TABLE
def third_derivatives(t):
    """u_t + 6 u u_x + u_xxx by transforms for each point, and by autograd for all."""
    net = mlp(t, 2, 6, 1)
    p = {k: v.detach() for k, v in net.named_parameters()}
    u = lambda p, s, x: t.func.functional_call(net, p, t.stack([s, x])).squeeze()
    ux = t.func.grad(u, argnums=2)
    uxxx = t.func.grad(t.func.grad(ux, argnums=2), argnums=2)
    res = lambda p, s, x: t.func.grad(u, 1)(p, s, x) + 6 * u(p, s, x) * ux(p, s, x) + uxxx(p, s, x)
    s, x = draws(t, 7), draws(t, 7, seed=1)
    loss = lambda p: t.func.vmap(res, (None, 0, 0))(p, s, x).pow(2).mean()
    grads, value = t.func.grad_and_value(loss)(p)
    y = x.clone().requires_grad_()
    d = net(t.stack([s, y], 1)).squeeze(1)
    chain = []
    for _ in range(3):
        (d,) = t.autograd.grad(d.sum(), y, create_graph=True)
        chain.append(d.detach())
    return value, grads, chain, t.func.vmap(uxxx, (None, 0, 0))(p, s, x)


@TABLE
def sine_networks(t):
    """SIREN: an image from its Laplacian; gradients and divergences by autograd."""
    nn = t.nn

    class Sine(nn.Module):
        def __init__(self, a, b, w0=5.0, first=False):
            super().__init__()
            self.w0, self.linear = w0, nn.Linear(a, b)
            with t.no_grad():
                bound = 1 / a if first else math.sqrt(6 / a) / w0
                self.linear.weight.uniform_(-bound, bound)

        def forward(self, x):
            return t.sin(self.w0 * self.linear(x))

    net = filled(nn.Sequential(Sine(2, 6, first=True), Sine(6, 6), nn.Linear(6, 1)), t, scale=0.3)
    side = t.linspace(-1, 1, 4)
    grid = t.stack(t.meshgrid(side, side, indexing="ij"), dim=-1).reshape(-1, 2)
    coords = grid.clone().detach().requires_grad_(True)
    out = net(coords)
    (g,) = t.autograd.grad(out, [coords], grad_outputs=t.ones_like(out), create_graph=True)
    div = 0.0
    for i in range(g.shape[-1]):
        unit = t.ones_like(g[..., i])
        div += t.autograd.grad(g[..., i], coords, unit, create_graph=True)[0][..., i : i + 1]
    loss = ((div - (-grid.square().sum(1, keepdim=True)).exp()) ** 2).mean()
    loss.backward()
    return out, g.detach(), div, [p.grad for p in net.parameters()]


@TABLE
def hamiltonian_network(t):
    """dq/dt = dH/dp, dp/dt = -dH/dq, trained through a leapfrog step."""
    net = mlp(t, 4, 8, 1)
    x = draws(t, 5, 4, requires_grad=True)

    def field(x):
        h = net(x).sum()
        (dh,) = t.autograd.grad(h, x, create_graph=True)
        dq, dp = dh.split(2, dim=-1)
        return t.cat([dp, -dq], -1)

    def leapfrog(x, dt):
        q, p = x.tensor_split(2, -1)
        p = p + 0.5 * dt * field(t.cat([q, p], -1))[..., 2:]
        q = q + dt * field(t.cat([q, p], -1))[..., :2]
        return t.cat([q, p + 0.5 * dt * field(t.cat([q, p], -1))[..., 2:]], -1)

    out = x
    for _ in range(3):
        out = leapfrog(out, 0.1)
    loss = (out - x.detach().roll(1, 0)).pow(2).mean()
    loss.backward()
    return field(x), loss, x.grad, [p.grad for p in net.parameters()]


@TABLE
def lagrangian_network(t):
    """Accelerations of a learned Lagrangian: a Hessian solved for, itself differentiated."""
    net = mlp(t, 4, 6, 1, act=t.nn.Softplus)
    p = {k: v.detach() for k, v in net.named_parameters()}
    lagrangian = lambda p, q, v: t.func.functional_call(net, p, (t.cat([q, v]),)).squeeze()

    def acceleration(p, q, v):
        m = t.func.hessian(lagrangian, argnums=2)(p, q, v) + t.eye(2)
        force = t.func.grad(lagrangian, argnums=1)(p, q, v)
        mixed = t.func.jacfwd(t.func.grad(lagrangian, argnums=2), argnums=1)(p, q, v)
        return t.linalg.pinv(m) @ (force - mixed @ v), t.linalg.solve(m, force - mixed @ v)

    q, v = draws(t, 3, 2), draws(t, 3, 2, seed=1)
    a = t.vmap(acceleration, (None, 0, 0))
    loss = lambda p: (a(p, q, v)[1] - q).square().mean()
    return a(p, q, v), t.func.grad(loss)(p)


@TABLE
def double_pendulum(t):
    """An exact Lagrangian: a Jacobian of a Hessian, a trajectory, its sensitivity."""

    def lagrangian(q, v):
        kinetic = v[0] ** 2 + 0.5 * v[1] ** 2 + v[0] * v[1] * t.cos(q[0] - q[1])
        return kinetic + 2 * 9.8 * q[0].cos() + 9.8 * q[1].cos()

    def rate(s):
        q, v = s[:2], s[2:]
        mass = t.func.jacfwd(t.func.grad(lagrangian, 1), 1)(q, v)
        coriolis = t.func.jacfwd(t.func.grad(lagrangian, 1), 0)(q, v)
        return t.cat([v, t.linalg.solve(mass, t.func.grad(lagrangian)(q, v) - coriolis @ v)])

    def flow(s, h=0.02, steps=4):
        for _ in range(steps):
            s = s + h * rate(s + h / 2 * rate(s))
        return s

    s = t.tensor([1.0, -0.5, 0.1, 0.2])
    return flow(s), t.func.jacrev(flow)(s), t.func.jacrev(t.func.jacrev(rate))(s)


@TABLE
def molecular_forces(t):
    """Energies of pairs within a cutoff, summed per atom by index_add; forces, and a Hessian."""
    pos = draws(t, 6, 3, low=0.0, high=3.0, requires_grad=True)
    kind = t.tensor([0, 1, 0, 1, 1, 0])
    table = draws(t, 2, 2, seed=3, low=0.5, requires_grad=True)
    cell = t.tensor([4.0, 4.0, 4.0])

    def energy(pos):
        i, j = t.triu_indices(6, 6, offset=1)
        d = pos[i] - pos[j]
        d = d - cell * t.round(d / cell).detach()
        r = d.norm(dim=-1)
        near = r < 2.5
        i, j, r = i[near], j[near], r[near].clamp(min=0.8)
        eps = table[kind[i], kind[j]]
        e = 4 * eps * ((1 / r) ** 12 - (1 / r) ** 6) * 0.5 * (t.cos(math.pi * r / 2.5) + 1)
        atoms = t.zeros(6).index_add(0, i, e / 2).index_add(0, j, e / 2)
        return atoms.sum(), atoms

    total, atoms = energy(pos)
    (force,) = t.autograd.grad(-total, pos, create_graph=True)
    loss = (force - 0.1).square().sum()
    loss.backward()
    h = t.autograd.functional.hessian(lambda p: energy(p)[0], pos.detach())
    return total, atoms, force, table.grad, pos.grad, h.reshape(18, 18).diagonal()


@TABLE
def message_passing(t):
    """A graph network: gather, edge features, scatter_add, scatter_reduce, softmax over edges."""
    nodes, w = draws(t, 5, 3, requires_grad=True), draws(t, 6, 4, seed=1, requires_grad=True)
    src = t.tensor([0, 1, 1, 2, 3, 4, 4])
    dst = t.tensor([1, 0, 2, 3, 3, 0, 1])
    edge = t.cat([nodes[src], nodes.index_select(0, dst)], 1) @ w
    score = t.nn.functional.leaky_relu(edge.sum(-1), 0.2)
    most = t.full((5,), float("-inf")).scatter_reduce(0, dst, score, "amax")
    e = t.exp(score - most[dst].detach())
    total = t.zeros(5).scatter_add(0, dst, e)
    alpha = e / total[dst]
    out = t.zeros(5, 4).scatter_add_(0, dst[:, None].expand(-1, 4), alpha[:, None] * edge)
    mean = t.zeros(5, 4).scatter_reduce(
        0, dst[:, None].expand(-1, 4), edge, "mean", include_self=False
    )
    degree = t.bincount(dst, minlength=5)
    out.pow(3).sum().backward()
    return most, alpha, out, mean, degree, nodes.grad, w.grad


@TABLE
def gaussian_process(t):
    """The marginal likelihood by Cholesky, hyperparameters fitted, a prediction with variance."""
    x, y = t.linspace(0, 1, 8)[:, None], t.sin(t.linspace(0, 6, 8))
    raw = t.zeros(3, requires_grad=True)
    opt = t.optim.Adam([raw], lr=0.1)
    kernel = lambda a, b, scale, length: scale * t.exp(-0.5 * (t.cdist(a, b) / length) ** 2)

    def factor():
        scale, length, noise = t.nn.functional.softplus(raw) + 1e-2
        k = kernel(x, x, scale, length) + noise * t.eye(8)
        return t.linalg.cholesky(k), scale, length

    for _ in range(4):
        chol, *_ = factor()
        alpha = t.cholesky_solve(y.unsqueeze(-1), chol).squeeze(-1)
        nll = 0.5 * y @ alpha + chol.diagonal().log().sum() + 4 * math.log(2 * math.pi)
        opt.zero_grad()
        nll.backward()
        opt.step()
    with t.no_grad():
        chol, scale, length = factor()
        new = t.tensor([[0.3], [1.2]])
        cross = kernel(new, x, scale, length)
        mean = cross @ t.cholesky_solve(y[:, None], chol)
        v = t.linalg.solve_triangular(chol, cross.mT, upper=False)
        var = scale - (v * v).sum(0)
    return nll, raw, raw.grad, mean, var


@TABLE
def optimal_transport(t):
    """Sinkhorn in logarithms, its cost differentiated through the iterations and at the end."""
    a, b = draws(t, 5, 2, requires_grad=True), draws(t, 4, 2, seed=1)
    cost = t.cdist(a, b, p=2) ** 2
    f, g = t.zeros(5), t.zeros(4)
    log_a, log_b, eps = -math.log(5) * t.ones(5), -math.log(4) * t.ones(4), 0.3
    for _ in range(20):
        f = eps * (log_a - t.logsumexp((g[None, :] - cost) / eps, dim=1))
        g = eps * (log_b - t.logsumexp((f[:, None] - cost) / eps, dim=0))
    plan = t.exp((f[:, None] + g[None, :] - cost) / eps)
    value = (plan * cost).sum()
    value.backward()
    (envelope,) = t.autograd.grad((plan.detach() * t.cdist(a, b) ** 2).sum(), a)
    return value, plan.sum(0), plan.sum(1), a.grad, envelope


@TABLE
def soft_sorting(t):
    x = draws(t, 6, requires_grad=True)
    s = x.sort(descending=True).values
    soft = t.softmax(-(x[None, :] - s[:, None]).abs() / 0.1, dim=-1)
    rank = t.sigmoid((x[:, None] - x[None, :]) / 0.1).sum(1) + 0.5
    top, where = x.topk(3)
    median, q = x.median(), x.quantile(t.tensor([0.25, 0.5], dtype=x.dtype))
    order = t.argsort(x, stable=True)
    pinball = t.maximum(0.9 * (x - q[0]), -0.1 * (x - q[0])).sum()
    loss = (soft @ x * t.arange(6.0)).sum() + rank[0] ** 2 + top.prod() + median * q[1] + pinball
    loss.backward()
    cum = x.cummax(0)
    return soft, rank, top, where, order, cum.values, cum.indices, loss, x.grad


@TABLE
def phase_retrieval(t):
    """A complex signal from the sizes of its Fourier transform; gradients of complex leaves."""
    truth = t.complex(draws(t, 8), draws(t, 8, seed=1))
    sizes = t.fft.fft(truth, norm="ortho").abs()
    z = t.complex(draws(t, 8, seed=2), draws(t, 8, seed=3)).requires_grad_()
    opt = t.optim.SGD([z], lr=0.1, momentum=0.5)
    losses = []
    for _ in range(4):
        opt.zero_grad()
        f = t.fft.fft(z, norm="ortho")
        loss = (f.abs() - sizes).square().sum() + 0.1 * t.view_as_real(z).abs().sum()
        loss.backward()
        opt.step()
        losses.append(loss.detach())
    angle = t.angle(f).detach()
    project = t.fft.ifft(t.polar(sizes, angle), norm="ortho")
    (g,) = t.autograd.grad((z.conj() * project).sum().real + z.imag.pow(3).sum(), z)
    return t.stack(losses), z, z.grad, project, g, t.fft.fftshift(f.detach().abs())


@TABLE
def spectra_and_waves(t):
    """A heat equation stepped in Fourier space, with its coefficient learned through rfft."""
    n = 16
    x = t.arange(n) * (2 * math.pi / n)
    k = t.fft.rfftfreq(n, d=1.0 / n)
    nu = t.tensor(0.1, requires_grad=True)
    u = t.sin(x) + 0.5 * t.cos(3 * x)
    for _ in range(3):
        u = t.fft.irfft(t.fft.rfft(u) * t.exp(-nu * k**2 * 0.1), n=n)
        u = u - 0.05 * t.fft.irfft(1j * k * t.fft.rfft(u * u) / 2, n=n)
    loss = (u - t.sin(x)).square().mean()
    (g,) = t.autograd.grad(loss, nu, create_graph=True)
    (h,) = t.autograd.grad(g, nu)
    img = draws(t, 4, 6, requires_grad=True)
    power = t.fft.rfft2(img).abs().pow(2).sum()
    power.backward()
    window = t.hann_window(8, dtype=u.dtype)
    stft = t.stft(u.detach(), 8, hop_length=4, window=window, return_complex=True)
    back = t.istft(stft, 8, hop_length=4, window=window, length=n)
    return u, g, h, img.grad, stft.abs(), back


@TABLE
def tensor_networks(t):
    """Matrix product states contracted by einsum in several spellings; Tucker and CP by descent."""
    cores = [draws(t, 2, 3, 2, seed=i, requires_grad=True) for i in range(4)]
    full = t.einsum("aib,bjc,ckd,dla->ijkl", *cores)
    chain = t.tensordot(t.tensordot(cores[0], cores[1], dims=1), cores[2], dims=([3], [0]))
    trace = t.einsum(chain, [0, 1, 2, 3, 4], cores[3], [4, 5, 0], [1, 2, 3, 5])
    norm = t.einsum("...i,...i->", full.flatten(1), full.flatten(1))
    norm.backward()
    a, b, c = (draws(t, n, 2, seed=n, requires_grad=True) for n in (3, 4, 5))
    cp = t.einsum("ir,jr,kr->ijk", a, b, c)
    khatri = t.einsum("jr,kr->jkr", b, c).reshape(-1, 2)
    unfolded = a @ khatri.T
    g = t.autograd.grad((cp - 0.1).pow(2).sum(), (a, b, c))
    kron = t.kron(a.detach(), b.detach())
    multi = t.linalg.multi_dot([a.T, t.ones(3, 4), b])
    outer = t.einsum("i,j", a[:, 0], b[:, 0])
    batch = t.einsum("bij,bjk->bik", t.stack([a, a]), t.stack([b.T, b.T]))
    return (
        t.allclose(full, trace), norm, [x.grad for x in cores], t.allclose(cp.flatten(1), unfolded),
        g, kron.shape, multi.detach(), outer, batch, t.einsum("ii->i", multi).detach(),
    )  # fmt: skip


@TABLE
def implicit_layers(t):
    """An optimality condition differentiated: argmin by Newton, its gradient by a solve."""
    a = draws(t, 4, 3)
    inner = lambda x, theta: (a @ x - theta).square().sum() + (x**4).sum() / 4
    gx = t.func.grad(inner)

    class ArgMin(t.autograd.Function):
        @staticmethod
        def forward(ctx, theta):
            x = t.zeros(3)
            for _ in range(12):
                h = t.func.hessian(inner)(x, theta)
                x = x - t.linalg.solve(h, gx(x, theta))
            ctx.save_for_backward(x, theta)
            return x

        @staticmethod
        def backward(ctx, g):
            x, theta = ctx.saved_tensors
            h = t.func.hessian(inner)(x, theta)
            u = t.linalg.solve(h, g)
            return -t.func.vjp(lambda theta: gx(x, theta), theta)[1](u)[0]

    theta = draws(t, 4, seed=1, requires_grad=True)
    x = ArgMin.apply(theta)
    x.square().sum().backward()
    j = t.autograd.functional.jacobian(ArgMin.apply, theta.detach())
    return x, theta.grad, j
