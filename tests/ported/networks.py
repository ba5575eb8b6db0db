"""Networks and their training: attention, recurrence, generation, regularisation, optimisers."""

import copy
import math

from ported.kit import Table, caught, draws, filled

TABLE = Table()


@TABLE
def a_transformer_block(t):
    nn, f = t.nn, t.nn.functional

    class Block(nn.Module):
        def __init__(self, width, heads):
            super().__init__()
            self.heads = heads
            self.qkv = nn.Linear(width, 3 * width, bias=False)
            self.out = nn.Linear(width, width)
            self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
            self.mlp = nn.Sequential(
                nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width), nn.Dropout(0.0)
            )
            self.register_buffer("mask", t.tril(t.ones(16, 16, dtype=t.bool)), persistent=False)

        def forward(self, x, by_hand=False):
            n, s, w = x.shape
            split = lambda a: a.view(n, s, self.heads, w // self.heads).transpose(1, 2)
            q, k, v = map(split, self.qkv(self.norms[0](x)).chunk(3, dim=-1))
            if by_hand:
                score = q @ k.transpose(-2, -1) / math.sqrt(q.size(-1))
                score = score.masked_fill(~self.mask[:s, :s], float("-inf"))
                a = score.softmax(dim=-1) @ v
            else:
                a = f.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.out(a.transpose(1, 2).contiguous().view(n, s, w))
            return x + self.mlp(self.norms[1](x))

    block = filled(Block(8, 2), t)
    x = draws(t, 2, 5, 8, requires_grad=True)
    a, b = block(x), block(x, by_hand=True)
    b.square().mean().backward()
    grads = {n: p.grad for n, p in block.named_parameters()}
    return a, b, grads, x.grad, list(block.state_dict()), repr(block)


@TABLE
def a_language_model(t):
    """Tied weights, sinusoidal positions, padding ignored, labels smoothed, perplexity."""
    nn, f = t.nn, t.nn.functional

    class Positions(nn.Module):
        def __init__(self, width, most=20):
            super().__init__()
            where = t.arange(most).unsqueeze(1)
            rate = t.exp(t.arange(0, width, 2) * (-math.log(10000.0) / width))
            pe = t.zeros(most, 1, width)
            pe[:, 0, 0::2] = t.sin(where * rate)
            pe[:, 0, 1::2] = t.cos(where * rate)
            self.register_buffer("pe", pe)

        def forward(self, x):
            return x + self.pe[: x.size(0)]

    class Model(nn.Module):
        def __init__(self, words, width):
            super().__init__()
            self.embed = nn.Embedding(words, width, padding_idx=0)
            self.positions = Positions(width)
            self.attend = nn.MultiheadAttention(width, 2)
            self.decode = nn.Linear(width, words, bias=False)
            self.decode.weight = self.embed.weight

        def forward(self, tokens):
            x = self.positions(self.embed(tokens) * math.sqrt(self.embed.embedding_dim))
            mask = t.triu(t.full((len(x), len(x)), float("-inf")), diagonal=1)
            x, weights = self.attend(x, x, x, attn_mask=mask)
            return self.decode(x), weights

    model = filled(Model(9, 4), t)
    tokens = t.tensor([[1, 2, 3], [4, 5, 6], [7, 8, 0], [2, 0, 0]])
    logits, weights = model(tokens[:-1])
    target = tokens[1:].reshape(-1)
    loss = f.cross_entropy(logits.view(-1, 9), target, ignore_index=0, label_smoothing=0.1)
    loss.backward()
    return loss.exp(), weights, model.embed.weight.grad, [n for n, _ in model.named_parameters()]


@TABLE
def attention_biased(t):
    """Relative positions, padding masks, grouped keys, rotations by complex numbers."""
    f = t.nn.functional
    q, k, v = (draws(t, 2, 4, 5, 6, seed=i, requires_grad=True) for i in range(3))
    angles = t.outer(t.arange(5.0), 1.0 / (100.0 ** (t.arange(0, 6, 2)[:3] / 6)))
    turn = t.polar(t.ones_like(angles), angles)

    def rotate(x):
        z = t.view_as_complex(x.reshape(*x.shape[:-1], -1, 2))
        return t.view_as_real(z * turn).flatten(-2)

    distance = (t.arange(5)[None, :] - t.arange(5)[:, None]).abs()
    slopes = 2.0 ** -t.arange(1.0, 5.0)
    bias = -slopes[:, None, None] * distance
    pad = t.tensor([[True] * 5, [True] * 3 + [False] * 2])[:, None, None, :]
    bias = bias.unsqueeze(0).masked_fill(~pad, float("-inf"))
    a = f.scaled_dot_product_attention(rotate(q), rotate(k), v, attn_mask=bias)
    b = f.scaled_dot_product_attention(q, k[:, :2], v[:, :2], attn_mask=pad, enable_gqa=True)
    c = f.scaled_dot_product_attention(q, k, v, scale=0.1)
    (a.sum() + b.square().sum() + c.prod()).backward()
    return a.detach(), b.detach(), c.detach(), q.grad, k.grad, v.grad


@TABLE
def an_lstm_by_hand(t):
    class LSTM(t.nn.Module):
        def __init__(self, inputs, hidden):
            super().__init__()
            self.hidden = hidden
            self.w = t.nn.Parameter(t.empty(4 * hidden, inputs + hidden))
            self.b = t.nn.Parameter(t.zeros(4 * hidden))
            self.reset_parameters()

        def reset_parameters(self):
            std = 1.0 / math.sqrt(self.hidden)
            t.nn.init.uniform_(self.w, -std, std)

        def forward(self, xs, state=None):
            if state is None:
                state = tuple(xs.new_zeros(xs.size(1), self.hidden) for _ in range(2))
            h, c = state
            out = []
            for x in xs.unbind(0):
                gates = t.addmm(self.b, t.cat((x, h), 1), self.w.t())
                i, f, g, o = gates.chunk(4, 1)
                c = f.sigmoid() * c + i.sigmoid() * g.tanh()
                h = o.sigmoid() * c.tanh()
                out.append(h)
            return t.stack(out), (h, c)

    net = filled(LSTM(3, 4), t)
    out, (h, c) = net(draws(t, 6, 2, 3))
    (out.mean() + c.norm()).backward()
    return out, h, c, net.w.grad, net.b.grad


@TABLE
def a_variational_autoencoder(t):
    nn, f = t.nn, t.nn.functional

    class VAE(nn.Module):
        def __init__(self):
            super().__init__()
            self.encode = nn.Sequential(nn.Linear(6, 8), nn.ReLU())
            self.mean, self.log_variance = nn.Linear(8, 2), nn.Linear(8, 2)
            self.decode = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 6), nn.Sigmoid())

        def forward(self, x, noise):
            h = self.encode(x)
            mu, lv = self.mean(h), self.log_variance(h)
            z = mu + t.exp(0.5 * lv) * noise
            return self.decode(z), mu, lv

    net = filled(VAE(), t)
    opt = t.optim.Adam(net.parameters(), lr=1e-2, weight_decay=1e-3, amsgrad=True)
    x, noise = draws(t, 5, 6, low=0.0), draws(t, 5, 2, seed=1)
    losses = []
    for _ in range(3):
        out, mu, lv = net(x, noise)
        bce = f.binary_cross_entropy(out, x, reduction="sum")
        kld = -0.5 * t.sum(1 + lv - mu.pow(2) - lv.exp())
        opt.zero_grad()
        (bce + kld).backward()
        opt.step()
        losses.append((bce.item(), kld.item()))
    noise = t.randn_like(t.empty(3, 2))
    return (
        losses,
        list(net.parameters()),
        net.decode(noise).shape,
        opt.state_dict()["param_groups"][0]["betas"],
    )


@TABLE
def a_wasserstein_critic(t):
    """Gradient penalty between real and made samples, through convolutions and norms."""
    nn = t.nn
    critic = nn.Sequential(
        nn.Conv2d(1, 3, 3, stride=2, padding=1), nn.InstanceNorm2d(3, affine=True),
        nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(12, 1),
    )  # fmt: skip
    critic = filled(critic, t)
    real, fake = draws(t, 3, 1, 4, 4), draws(t, 3, 1, 4, 4, seed=1)
    eps = draws(t, 3, 1, 1, 1, seed=2, low=0.0).expand_as(real)
    mixed = (eps * real + (1 - eps) * fake).requires_grad_(True)
    scores = critic(mixed)
    (g,) = t.autograd.grad(
        outputs=scores, inputs=mixed, grad_outputs=t.ones_like(scores),
        create_graph=True, retain_graph=True, only_inputs=True,
    )  # fmt: skip
    penalty = ((g.view(3, -1).norm(2, dim=1) - 1) ** 2).mean()
    loss = critic(fake).mean() - critic(real).mean() + 10 * penalty
    loss.backward()
    return loss, g.detach(), [p.grad for p in critic.parameters()]


@TABLE
def gumbel_softmax(t):
    f = t.nn.functional
    logits = draws(t, 4, 3, requires_grad=True)
    gumbel = -t.log(-t.log(draws(t, 4, 3, seed=1, low=0.01, high=0.99)))
    soft = ((logits + gumbel) / 0.7).softmax(-1)
    hard = f.one_hot(soft.argmax(-1), 3).to(soft.dtype) - soft.detach() + soft
    hard2 = t.zeros_like(logits).scatter_(-1, soft.max(-1, keepdim=True)[1], 1.0)
    (hard @ t.arange(3.0)).square().sum().backward()
    drawn = f.gumbel_softmax(logits, tau=0.5, hard=True)
    return hard, hard2, logits.grad, drawn.sum(-1), drawn.shape


@TABLE
def norms_of_weights(t):
    """Spectral normalisation with a buffer for the power iteration, weights as size x direction."""
    nn, f = t.nn, t.nn.functional

    class Spectral(nn.Module):
        def __init__(self, layer, steps=2):
            super().__init__()
            self.layer, self.steps = layer, steps
            w = layer.weight
            del layer._parameters["weight"]
            self.weight_orig = nn.Parameter(w.data)
            self.register_buffer("u", f.normalize(draws(t, w.size(0), seed=3), dim=0))

        def forward(self, x):
            w = self.weight_orig
            if self.training:
                with t.no_grad():
                    for _ in range(self.steps):
                        v = f.normalize(t.mv(w.t(), self.u), dim=0, eps=1e-12)
                        self.u.copy_(f.normalize(t.mv(w, v), dim=0, eps=1e-12))
            v = f.normalize(t.mv(w.t(), self.u).detach(), dim=0)
            sigma = t.dot(self.u.clone(), t.mv(w, v))
            self.layer.weight = w / sigma
            return self.layer(x)

    class WeightNorm(nn.Module):
        def __init__(self, w):
            super().__init__()
            self.v = nn.Parameter(w)
            self.g = nn.Parameter(w.norm(dim=1, keepdim=True))

        def forward(self, x):
            return f.linear(x, self.g * self.v / self.v.norm(dim=1, keepdim=True))

    a, b = Spectral(filled(nn.Linear(4, 3), t)), WeightNorm(draws(t, 2, 3))
    x = draws(t, 5, 4, seed=7)
    out = b(t.tanh(a(x)))
    out.square().sum().backward()
    a.eval()
    return out, a.u, a(x), {n: p.grad for m in (a, b) for n, p in m.named_parameters()}


@TABLE
def an_average_of_weights(t):
    net = filled(t.nn.Sequential(t.nn.Linear(2, 3), t.nn.BatchNorm1d(3), t.nn.Linear(3, 1)), t)
    ema = copy.deepcopy(net).requires_grad_(False).eval()
    opt = t.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, nesterov=True)
    x = draws(t, 8, 2)
    for step in range(4):
        opt.zero_grad(set_to_none=step % 2 == 0)
        net(x).pow(2).mean().backward()
        opt.step()
        with t.no_grad():
            for p, q in zip(ema.parameters(), net.parameters()):
                p.lerp_(q, 0.1)
            for p, q in zip(ema.buffers(), net.buffers()):
                p.copy_(q)
    loaded = ema.load_state_dict(net.state_dict())
    return ema(x), ema.state_dict(), str(loaded), [p.requires_grad for p in ema.parameters()]


@TABLE
def schedules_and_groups(t):
    """Groups of parameters, a frozen layer, warm-up by hand, cosine by a scheduler."""
    o = t.optim
    net = filled(t.nn.Sequential(t.nn.Linear(2, 4), t.nn.Tanh(), t.nn.Linear(4, 1)), t)
    net[0].weight.requires_grad_(False)
    decay = [p for n, p in net.named_parameters() if n.endswith("weight") and p.requires_grad]
    rest = [p for n, p in net.named_parameters() if not n.endswith("weight")]
    opt = o.AdamW([{"params": decay, "weight_decay": 0.1}, {"params": rest, "lr": 0.5}], lr=0.01)
    plan = o.lr_scheduler.LambdaLR(opt, lambda s: min(1.0, (s + 1) / 3))
    cosine = o.lr_scheduler.CosineAnnealingLR(opt, T_max=4)
    x, rates = draws(t, 6, 2), []
    for step in range(6):
        for group in opt.param_groups:
            group["lr"] *= 0.99
        opt.zero_grad()
        net(x).square().sum().backward()
        opt.step()
        (plan if step < 3 else cosine).step()
        rates.append([g["lr"] for g in opt.param_groups])
    opt.add_param_group({"params": [net[0].weight], "lr": 1.0})
    state = opt.state_dict()
    return rates, list(net.parameters()), len(state["param_groups"]), list(state["state"][0])


@TABLE
def a_quasi_newton_loop(t):
    """L-BFGS by hand: flat gradients, curvature pairs, a line search that backtracks."""
    x = t.tensor([-1.2, 1.0, 0.5], requires_grad=True)
    f = lambda x: ((1 - x[:-1]) ** 2 + 10 * (x[1:] - x[:-1] ** 2) ** 2).sum()
    pairs, values = [], []
    (g,) = t.autograd.grad(f(x), x)
    for _ in range(12):
        q, alphas = g.clone(), []
        for s, y, rho in reversed(pairs):
            alphas.append(rho * s.dot(q))
            q.sub_(alphas[-1] * y)
        if pairs:
            s, y, rho = pairs[-1]
            q.mul_(1 / (rho * y.dot(y)))
        for (s, y, rho), a in zip(pairs, reversed(alphas)):
            q.add_(s, alpha=(a - rho * y.dot(q)).item())
        step = 1.0
        with t.no_grad():
            while f(x - step * q) > f(x) - 1e-4 * step * g.dot(q) and step > 1e-6:
                step *= 0.5
            new = x - step * q
        new.requires_grad_()
        value = f(new)
        (g_new,) = t.autograd.grad(value, new)
        s, y = (new - x).detach(), g_new - g
        pairs = [*pairs[-3:], (s, y, 1 / y.dot(s))]
        x, g = new, g_new
        values.append(value.item())
    return values, x


@TABLE
def an_optimizer_of_ones_own(t):
    class Lion(t.optim.Optimizer):
        def __init__(self, params, lr=1e-2, betas=(0.9, 0.99), weight_decay=0.0):
            if lr <= 0:
                raise ValueError(f"Invalid learning rate: {lr}")
            super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay})

        @t.no_grad()
        def step(self, closure=None):
            loss = None
            if closure is not None:
                with t.enable_grad():
                    loss = closure()
            for group in self.param_groups:
                for p in group["params"]:
                    if p.grad is None:
                        continue
                    state = self.state[p]
                    if len(state) == 0:
                        state["m"] = t.zeros_like(p)
                    b1, b2 = group["betas"]
                    p.mul_(1 - group["lr"] * group["weight_decay"])
                    update = state["m"].mul(b1).add_(p.grad, alpha=1 - b1).sign_()
                    p.add_(update, alpha=-group["lr"])
                    state["m"].mul_(b2).add_(p.grad, alpha=1 - b2)
            return loss

    net = filled(t.nn.Linear(3, 2), t)
    opt = Lion(net.parameters(), weight_decay=0.1)
    x = draws(t, 4, 3)

    def closure():
        opt.zero_grad()
        loss = net(x).pow(2).mean()
        loss.backward()
        return loss

    losses = [opt.step(closure).item() for _ in range(4)]
    other = Lion(net.parameters(), lr=1.0)
    other.load_state_dict(opt.state_dict())
    lr = other.param_groups[0]["lr"]
    return losses, net.weight, lr, caught(Lion, net.parameters(), lr=-1.0), caught(Lion, [])


@TABLE
def distillation_and_contrast(t):
    f = t.nn.functional
    s, teacher = draws(t, 4, 3, requires_grad=True), draws(t, 4, 3, seed=1)
    soft = f.kl_div(
        f.log_softmax(s / 2, -1), f.log_softmax(teacher / 2, -1), reduction="batchmean",
        log_target=True,
    ) * 4  # fmt: skip
    z = f.normalize(t.cat([s, s * 0.9 + 0.1]), dim=1)
    sim = z @ z.T / 0.5
    sim.fill_diagonal_(float("-inf"))
    nce = f.cross_entropy(sim, t.arange(8).roll(4))
    triplet = f.triplet_margin_loss(s, s.roll(1, 0), teacher, margin=0.5)
    cosine = f.cosine_embedding_loss(s, teacher, t.tensor([1, -1, 1, -1]))
    rank = f.margin_ranking_loss(s[:, 0], s[:, 1], t.tensor([1.0, -1, 1, -1]), margin=0.1)
    focal = f.binary_cross_entropy_with_logits(s, (teacher > 0).to(s.dtype), reduction="none")
    focal = ((1 - t.exp(-focal)) ** 2 * focal).mean()
    poly = f.smooth_l1_loss(s, teacher, beta=0.3) + f.huber_loss(s, teacher, delta=0.2)
    (soft + nce + triplet + cosine + rank + focal + poly).backward()
    return soft, nce, triplet, cosine, rank, focal, poly, s.grad


@TABLE
def sequences_aligned(t):
    """CTC training: log-probabilities from a network, lengths that differ, an infinite loss."""
    net = filled(t.nn.Linear(3, 4), t)
    x = draws(t, 6, 2, 3)
    logp = net(x).log_softmax(2)
    targets = t.tensor([[1, 2, 2], [3, 1, 0]])
    lengths = t.tensor([6, 5]), t.tensor([3, 2])
    f = t.nn.functional.ctc_loss
    loss = f(logp, targets, *lengths, blank=0, reduction="mean")
    loss.backward()
    each = f(logp, t.tensor([1, 2, 2, 3, 1]), (6, 5), (3, 2), reduction="none")
    short = t.nn.CTCLoss(zero_infinity=True)(logp[:2], targets[:1].repeat(2, 1), (2, 2), (3, 3))
    return loss, each, short, net.weight.grad, net.bias.grad


@TABLE
def policy_gradients(t):
    """REINFORCE with a baseline, discounted returns, entropy, and PPO's clipped ratio."""
    net = filled(t.nn.Linear(4, 3), t)
    states, rewards = draws(t, 6, 4), [1.0, 0.0, -1.0, 2.0, 0.5, 1.0]
    actions = t.tensor([0, 2, 1, 1, 0, 2])
    returns, r = [], 0.0
    for reward in reversed(rewards):
        r = reward + 0.9 * r
        returns.insert(0, r)
    returns = t.tensor(returns)
    returns = (returns - returns.mean()) / (returns.std() + 1e-8)
    logp = t.log_softmax(net(states), dim=-1)
    chosen = logp.gather(1, actions.unsqueeze(1)).squeeze(1)
    entropy = -(logp.exp() * logp).sum(-1).mean()
    old = (chosen + 0.3 * t.sin(t.arange(6.0))).detach()
    ratio = t.exp(chosen - old)
    clipped = t.clamp(ratio, 0.8, 1.2) * returns
    loss = -t.min(ratio * returns, clipped).mean() - 0.01 * entropy
    loss.backward()
    pick = t.multinomial(logp.exp().detach(), 1)
    return returns, loss, entropy, net.weight.grad, pick.shape, pick.dtype


@TABLE
def a_normalising_flow(t):
    """Invertible 1x1 weights by slogdet and by triangular solves, with affine couplings."""
    w = (draws(t, 4, 4) + 2 * t.eye(4)).requires_grad_()
    lower, log_s = (
        draws(t, 4, 4, seed=1, requires_grad=True),
        draws(t, 4, seed=2, requires_grad=True),
    )
    net = filled(t.nn.Sequential(t.nn.Linear(2, 5), t.nn.Tanh(), t.nn.Linear(5, 4)), t)

    def flow(x):
        _, logdet = t.linalg.slogdet(w)
        x = x @ w.T
        low = t.tril(lower, -1) + t.diag(log_s.exp())
        x = t.linalg.solve_triangular(low, x.T, upper=False).T
        a, b = x.chunk(2, dim=-1)
        scale, shift = net(a).chunk(2, -1)
        scale = t.tanh(scale)
        z = t.cat([a, b * scale.exp() + shift], -1)
        return z, logdet - log_s.sum() + scale.sum(-1)

    x = draws(t, 6, 4, seed=5)
    z, logdet = flow(x)
    nll = (0.5 * z.square().sum(-1) + 2 * math.log(2 * math.pi) - logdet).mean()
    nll.backward()
    j = t.func.vmap(t.func.jacrev(lambda x: flow(x[None])[0][0]))(x)
    right = t.allclose(t.linalg.slogdet(j).logabsdet, logdet, atol=1e-4)
    return nll, w.grad, t.tril(lower.grad), log_s.grad, right


@TABLE
def modules_and_their_machinery(t):
    """Everything that people call on a module on the way."""
    nn = t.nn

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.ModuleList([nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 2)])
            self.heads = nn.ModuleDict({"a": nn.Linear(2, 1), "b": nn.Linear(2, 1)})
            self.scales = nn.ParameterDict({"a": nn.Parameter(t.ones(1))})
            self.shifts = nn.ParameterList([nn.Parameter(t.zeros(1)) for _ in range(2)])
            self.register_buffer("seen", t.tensor(0))
            self.register_parameter("unused", None)

        def forward(self, x, head="a"):
            self.seen += 1
            for layer in self.body:
                x = layer(x)
            return self.heads[head](x) * self.scales["a"] + self.shifts[0]

    net = filled(Net(), t)

    def init(m):
        if isinstance(m, nn.Linear):
            nn.init.ones_(m.weight)
            nn.init.zeros_(m.bias)

    net.apply(init)
    out = net(t.ones(2, 2), head="b")
    other = Net()
    missing = other.load_state_dict({"seen": t.tensor(7)}, strict=False)
    wrong = caught(other.load_state_dict, {"seen": t.tensor(7)})
    net.train(False)
    return (
        out, net.state_dict(), [n for n, _ in net.named_modules()],
        [n for n, _ in net.named_parameters()], [n for n, _ in net.named_children()],
        list(missing.unexpected_keys), wrong, other.seen, net.training, net.body[0].training,
        net.get_submodule("heads.a") is net.heads["a"], sum(p.numel() for p in net.parameters()),
        net.half().scales["a"].dtype, net.double().seen.dtype, repr(net.body),
        caught(lambda: net.missing), caught(net.get_parameter, "body.0.x"),
    )  # fmt: skip


@TABLE
def schedulers_and_states(t):
    net = filled(t.nn.Linear(2, 1), t)
    out = {}
    for name, opt in {
        "sgd": t.optim.SGD(
            net.parameters(), lr=0.1, momentum=0.9, dampening=0.1, weight_decay=0.01
        ),
        "max": t.optim.SGD(net.parameters(), lr=0.1, maximize=True),
        "adamw": t.optim.AdamW(net.parameters(), lr=0.1, betas=(0.8, 0.9), eps=1e-6),
    }.items():
        sched = t.optim.lr_scheduler.StepLR(opt, 2, gamma=0.5)
        for _ in range(3):
            opt.zero_grad()
            net(t.ones(1, 2)).square().sum().backward()
            opt.step()
            sched.step()
        out[name] = (
            [p.detach().clone() for p in net.parameters()],
            sched.get_last_lr(),
            opt.param_groups[0]["lr"],
            sched.state_dict()["last_epoch"],
            repr(opt).split()[0],
        )
    return out


@TABLE
def initialisers(t):
    i, nn = t.nn.init, t.nn
    w = t.empty(3, 4)
    i.orthogonal_(w)
    o = w @ w.T
    i.trunc_normal_(w, std=0.02, a=-0.04, b=0.04)
    tn = bool((w.abs() <= 0.04).all())
    e = nn.init.eye_(t.empty(2, 3))
    d = i.dirac_(t.empty(2, 2, 3))
    return (
        t.round(o, decimals=4),
        tn,
        e,
        d,
        i.calculate_gain("leaky_relu", 0.2),
        [
            f(t.empty(5, 4)).shape
            for f in (
                i.xavier_uniform_,
                i.xavier_normal_,
                i.kaiming_uniform_,
                i.kaiming_normal_,
                i.normal_,
                i.uniform_,
            )
        ],
        i.constant_(t.empty(2), 3.0),
        i.sparse_(t.empty(4, 3), 0.5).eq(0).sum(0),
    )
