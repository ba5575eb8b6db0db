"""Images and explanations: Grad-CAM, integrated gradients, splines, rendering, resampling."""

from ported.kit import Table, draws, filled

TABLE = Table()


def small(t):
    nn = t.nn
    return filled(
        nn.Sequential(
            nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(4, 4, 3, padding="same", groups=2), nn.GELU(), nn.AdaptiveAvgPool2d(1),
            nn.Flatten(), nn.Linear(4, 3),
        ),
        t,
    )  # fmt: skip


@TABLE
def grad_cam(t):
    """What a layer showed, weighed by the gradients that came back to it; by two kinds of hook."""
    net = small(t).eval()
    kept = {}

    def forward_hook(module, args, output):
        kept["a"] = output
        output.register_hook(lambda g: kept.__setitem__("g", g))

    net[4].register_forward_hook(forward_hook)
    net[4].register_full_backward_hook(lambda m, gi, go: kept.__setitem__("go", go[0]))
    x = draws(t, 1, 3, 8, 8)
    score = net(x)
    score[:, score.argmax(dim=1)].sum().backward()
    weights = kept["g"].mean(dim=(2, 3), keepdim=True)
    cam = t.relu((weights * kept["a"]).sum(1, keepdim=True)).detach()
    cam = t.nn.functional.interpolate(cam, size=(8, 8), mode="bilinear", align_corners=False)
    cam = (cam - cam.amin()) / (cam.amax() - cam.amin() + 1e-8)
    return score.detach(), cam, t.equal(kept["g"], kept["go"])


@TABLE
def guided_backpropagation(t):
    """ReLUs replaced for backward, by a function of one's own and by hooks of modules."""
    net = small(t).eval()

    class Guided(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x.clamp(min=0)

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * (g > 0) * (x > 0)

    class GuidedReLU(t.nn.Module):
        def forward(self, x):
            return Guided.apply(x)

    x = draws(t, 2, 3, 8, 8, requires_grad=True)
    handle = net[2].register_full_backward_hook(lambda m, gi, go: (gi[0].clamp(min=0.0),))
    (hooked,) = t.autograd.grad(net(x)[:, 1].sum(), x)
    handle.remove()
    net[2] = GuidedReLU()
    (guided,) = t.autograd.grad(net(x)[:, 1].sum(), x)
    return hooked.sum(), t.allclose(hooked, guided, atol=1e-6), guided[0, 0]


@TABLE
def integrated_gradients(t):
    net = small(t).eval()
    x, baseline = draws(t, 3, 8, 8), t.zeros(3, 8, 8)
    alphas = ((t.arange(10.0) + 0.5) / 10).view(-1, 1, 1, 1)
    path = (baseline + alphas * (x - baseline)).requires_grad_()
    out = t.softmax(net(path), -1)[:, 0]
    (g,) = t.autograd.grad(t.unbind(out), path)
    attribution = (x - baseline) * g.mean(0)
    each = t.func.vmap(t.func.grad(lambda x: net(x[None]).softmax(-1)[0, 0]))(path.detach())
    noise = 0.1 * draws(t, 4, 3, 8, 8, seed=3)
    smooth = t.autograd.functional.jacobian(lambda n: net(x + n).logsumexp(-1).sum(), noise).mean(0)
    return attribution.sum(), t.allclose(each, g, atol=1e-5), smooth.abs().sum(0), attribution[0]


@TABLE
def an_adversarial_attack(t):
    """FGSM and projected descent; the network's parameters stay without gradients."""
    net = small(t).eval().requires_grad_(False)
    x, y = draws(t, 2, 3, 8, 8, low=0.0), t.tensor([0, 2])
    loss = lambda x: t.nn.functional.cross_entropy(net(x), y)
    x.requires_grad = True
    loss(x).backward()
    fgsm = t.clamp(x + 0.1 * x.grad.data.sign(), 0, 1).detach()
    adv = x.detach().clone()
    for _ in range(3):
        adv.requires_grad_()
        (g,) = t.autograd.grad(loss(adv), [adv])
        adv = adv.detach() + 0.05 * g / g.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
        adv = t.max(t.min(adv, x.detach() + 0.1), x.detach() - 0.1).clamp_(0, 1)
    return loss(fgsm), loss(adv), adv[0, 0], net[0].weight.grad


@TABLE
def a_style(t):
    """Gram matrices of features at several depths; an image optimised for them."""
    net = small(t).eval().requires_grad_(False)
    f = t.nn.functional

    def features(x):
        kept = []
        for layer in list(net.children())[:6]:
            x = layer(x)
            if isinstance(layer, t.nn.Conv2d):
                kept.append(x)
        return kept

    def gram(x):
        n, c, h, w = x.size()
        y = x.view(n, c, h * w)
        return t.bmm(y, y.transpose(1, 2)).div(c * h * w)

    goal = [gram(x) for x in features(draws(t, 1, 3, 8, 8, seed=1))]
    img = draws(t, 1, 3, 8, 8, seed=2).requires_grad_()
    opt = t.optim.Adam([img], lr=0.05)
    for _ in range(3):
        opt.zero_grad()
        style = sum(f.mse_loss(gram(a), b) for a, b in zip(features(img), goal))
        tv = (img[..., 1:, :] - img[..., :-1, :]).abs().mean() + img.diff(dim=-1).square().mean()
        (style * 100 + tv).backward()
        opt.step()
    return style, tv, img[0, 0], img.grad.norm()


@TABLE
def a_spatial_transformer(t):
    f = t.nn.functional
    img = draws(t, 2, 1, 6, 6, requires_grad=True)
    angle = t.tensor([0.3, -0.5], requires_grad=True)
    c, s, z = angle.cos(), angle.sin(), t.zeros(2)
    theta = t.stack([t.stack([c, -s, z + 0.1], -1), t.stack([s, c, z], -1)], 1)
    grid = f.affine_grid(theta, img.size(), align_corners=False)
    found = []
    for mode, pad in (("bilinear", "zeros"), ("bicubic", "border"), ("nearest", "reflection")):
        out = f.grid_sample(img, grid, mode=mode, padding_mode=pad, align_corners=False)
        found.append(
            (out.detach(), *t.autograd.grad(out.square().sum(), (img, angle), retain_graph=True))
        )
    return found


@TABLE
def displacement_of_images(t):
    """Registration: a coarse field of displacements, upsampled, warps one image to another."""
    f = t.nn.functional
    a, b = draws(t, 1, 1, 8, 8), draws(t, 1, 1, 8, 8, seed=1)
    field = draws(t, 1, 2, 3, 3, seed=2, low=-0.1, high=0.1, requires_grad=True)
    base = f.affine_grid(t.eye(2, 3)[None], [1, 1, 8, 8], align_corners=True)
    losses = []
    for _ in range(3):
        fine = f.interpolate(field, scale_factor=8 / 3, mode="bicubic", align_corners=True)
        warped = f.grid_sample(a, base + fine.permute(0, 2, 3, 1), align_corners=True)
        ncc = -f.cosine_similarity(
            f.avg_pool2d(warped, 2).flatten(1), f.avg_pool2d(b, 2).flatten(1)
        )
        losses.append(ncc + 0.1 * fine.diff(dim=2).pow(2).mean())
        (g,) = t.autograd.grad(losses[-1], field)
        with t.no_grad():
            field -= 0.5 * g
    jac = t.stack(t.gradient(fine.detach()[0, 0], spacing=0.5))
    return losses, field, jac


@TABLE
def splines(t):
    """A cubic spline: knots by a tridiagonal solve, pieces by searchsorted and gather."""
    x = t.linspace(0, 1, 6)
    y = draws(t, 6, requires_grad=True)
    h = x.diff()
    d = 6 * (y.diff() / h).diff()
    a = t.diag(2 * (h[:-1] + h[1:])) + t.diag(h[1:-1], 1) + t.diag(h[1:-1], -1)
    m = t.nn.functional.pad(t.linalg.solve(a, d), (1, 1))
    at = t.tensor([0.05, 0.33, 0.5, 0.99], requires_grad=True)
    i = t.searchsorted(x, at.detach(), right=True).clamp(1, 5) - 1
    u, w = x[i + 1] - at, at - x[i]
    hi = h.take(i)
    s = (m[i] * u**3 + m[i + 1] * w**3) / (6 * hi)
    s = s + (y[i] / hi - m[i] * hi / 6) * u + (y[i + 1] / hi - m[i + 1] * hi / 6) * w
    (slope,) = t.autograd.grad(s.sum(), at, create_graph=True)
    (bend,) = t.autograd.grad(slope.sum(), at, retain_graph=True)
    (slope**2).sum().backward()
    return s, slope, bend, y.grad, t.bucketize(at.detach(), x), t.trapezoid(y, x).detach()


@TABLE
def rendering(t):
    """Volume rendering: rays, cumulative products of transmittance, samples by inverse cdf."""
    net = filled(t.nn.Sequential(t.nn.Linear(9, 8), t.nn.ReLU(), t.nn.Linear(8, 4)), t)
    origin, way = draws(t, 4, 3), t.nn.functional.normalize(draws(t, 4, 3, seed=1), dim=-1)
    z = t.linspace(0.5, 2.0, 6).expand(4, 6)
    pts = origin[..., None, :] + way[..., None, :] * z[..., :, None]
    enc = t.cat([fn(pts * f) for f in (1.0,) for fn in (lambda p: p, t.sin, t.cos)], -1)
    rgb, sigma = t.split(net(enc), [3, 1], dim=-1)
    gap = t.cat([z.diff(dim=-1), t.full((4, 1), 1e10)], -1) * t.linalg.norm(way, dim=-1)[:, None]
    alpha = 1.0 - t.exp(-t.relu(sigma[..., 0]) * gap)
    clear = t.cumprod(t.cat([t.ones(4, 1), 1.0 - alpha + 1e-10], -1), -1)[..., :-1]
    weights = alpha * clear
    color = t.sum(weights[..., None] * t.sigmoid(rgb), -2)
    depth = t.sum(weights * z, -1)
    cdf = t.cumsum(weights[..., 1:-1] + 1e-5, -1)
    cdf = t.cat([t.zeros_like(cdf[..., :1]), cdf / cdf[..., -1:]], -1).detach()
    u = t.linspace(0.0, 1.0, 5).expand(4, 5).contiguous()
    place = t.searchsorted(cdf, u, right=True)
    below, above = t.max(t.zeros_like(place), place - 1), place.clamp_max(cdf.shape[-1] - 1)
    fine = t.lerp(z.gather(1, below), z.gather(1, above), 0.5)
    (color.square().mean() + depth.var(unbiased=False)).backward()
    return color, depth, fine, [p.grad for p in net.parameters()]


@TABLE
def soft_rasterizer(t):
    """Triangles covered by sigmoids of signed distances, vertices moved by gradients."""
    v = t.tensor([[0.2, 0.2], [0.8, 0.3], [0.5, 0.9]], requires_grad=True)
    ys, xs = t.meshgrid(t.linspace(0, 1, 6), t.linspace(0, 1, 6), indexing="ij")
    p = t.stack((xs, ys), -1)
    edge = lambda a, b: (b[0] - a[0]) * (p[..., 1] - a[1]) - (b[1] - a[1]) * (p[..., 0] - a[0])
    inside = t.stack([edge(v[i], v[(i + 1) % 3]) for i in range(3)], -1).amin(-1)
    image = t.sigmoid(inside / 0.05)
    target = (p - 0.5).norm(dim=-1).lt(0.3).to(image.dtype)
    iou = 1 - (image * target).sum() / (image + target - image * target).sum()
    iou.backward()
    return image, iou, v.grad


@TABLE
def a_u_net(t):
    nn, f = t.nn, t.nn.functional

    class UNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.down = nn.Conv2d(1, 4, 3, padding=1)
            self.mid = nn.Sequential(
                nn.Conv2d(4, 4, 3, padding=1, padding_mode="reflect"), nn.SiLU()
            )
            self.up = nn.ConvTranspose2d(4, 4, 2, stride=2)
            self.norm = nn.GroupNorm(2, 8)
            self.out = nn.Conv2d(8, 2, 1)

        def forward(self, x):
            a = f.leaky_relu(self.down(x), 0.1, inplace=True)
            b = self.up(self.mid(f.max_pool2d(a, 2)))
            b = f.pad(b, (0, a.size(3) - b.size(3), 0, a.size(2) - b.size(2)))
            return self.out(self.norm(t.cat([a, b], dim=1)))

    net = filled(UNet(), t)
    x = draws(t, 2, 1, 7, 6)
    out = net(x)
    mask = (x[:, 0] > 0).long()
    p = f.softmax(out, 1)[:, 1]
    dice = 1 - 2 * (p * mask).sum((1, 2)) / (p + mask).sum((1, 2))
    loss = f.cross_entropy(out, mask, weight=t.tensor([0.3, 0.7])) + dice.mean()
    loss.backward()
    pooled, where = f.max_pool2d(x, 2, return_indices=True)
    again = f.max_unpool2d(pooled, where, 2, output_size=x.shape)
    shuffled = f.pixel_unshuffle(f.pixel_shuffle(out.detach().repeat(1, 2, 1, 1), 2), 2)
    mixed = [f.channel_shuffle(x.reshape(2, 6, *size), 3) for size in ((7,), (1, 7), (7, 1, 1))]
    patches = f.fold(f.unfold(x, 2, stride=1), (7, 6), 2)
    grads = {n: q.grad for n, q in net.named_parameters()}
    return out, loss, grads, again, shuffled.sum(), patches, mixed


@TABLE
def second_order_of_layers(t):
    """Gradient norms as losses through what networks are made of."""
    f = t.nn.functional
    x = draws(t, 2, 4, 6, 6)
    w = draws(t, 3, 4, 3, 3, seed=1)
    layers = {
        "conv": lambda x: f.conv2d(x, w, stride=2, padding=1, dilation=2),
        "transposed": lambda x: f.conv_transpose2d(
            x, w.transpose(0, 1), stride=2, output_padding=1
        ),
        "max": lambda x: f.max_pool2d(x, 3, 2),
        "avg": lambda x: f.avg_pool2d(x, 3, ceil_mode=True, count_include_pad=False),
        "lp": lambda x: f.lp_pool2d(x.abs() + 0.1, 2, 2),
        "batch": lambda x: f.batch_norm(x, None, None, training=True),
        "layer": lambda x: f.layer_norm(x, (6, 6)),
        "group": lambda x: f.group_norm(x, 2),
        "instance": f.instance_norm,
        "rms": lambda x: f.rms_norm(x, (6,)),
        "local": lambda x: f.local_response_norm(x, 2),
        "up": lambda x: f.interpolate(x, scale_factor=2, mode="bilinear"),
        "prelu": lambda x: f.prelu(x, t.tensor([0.1, 0.2, 0.3, 0.4])),
        "glu": lambda x: f.glu(x, 1),
        "mish": f.mish,
        "hardswish": f.hardswish,
        "softmin": lambda x: f.softmin(x, 1),
        "normalize": f.normalize,
    }
    found = {}
    for name, layer in layers.items():
        a = x.clone().requires_grad_()
        (g,) = t.autograd.grad(layer(a).pow(3).sum(), a, create_graph=True)
        (h,) = t.autograd.grad(g.square().mean(), a)
        found[name] = g.detach(), h
    return found
