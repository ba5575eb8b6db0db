"""The graph at work: hooks, saved values, checkpoints, threads, anomalies, gradients by parts."""

import itertools
import tempfile
import threading
import warnings
from collections import Counter
from functools import partial
from importlib import import_module
from pathlib import Path

import numpy as np

from ported.kit import Table, caught, draws, filled

TABLE = Table()


def mlp(t, *sizes, seed=0):
    layers = []
    for a, b in itertools.pairwise(sizes):
        layers += [t.nn.Linear(a, b), t.nn.Tanh()]
    return filled(t.nn.Sequential(*layers[:-1]), t, seed)


@TABLE
def saved_values_on_disk(t):
    """Packed to files, one for each saved tensor, gone with the graph."""
    with tempfile.TemporaryDirectory() as folder:

        class Kept:
            def __init__(self, path):
                self.path = path

            def __del__(self):
                self.path.unlink(missing_ok=True)

        sizes = []

        def pack(x):
            if x.numel() < 10:
                return x
            sizes.append(tuple(x.shape))
            kept = Kept(Path(folder) / f"{len(sizes)}.npy")
            np.save(kept.path, x.cpu().numpy())
            return kept

        def unpack(x):
            return x if isinstance(x, t.Tensor) else t.tensor(np.load(x.path))

        net = mlp(t, 3, 16, 2)
        x = draws(t, 5, 3)
        with t.autograd.graph.saved_tensors_hooks(pack, unpack):
            loss = (net(x) ** 2).sum()
        kept = len(list(Path(folder).iterdir()))
        loss.backward()
        del loss
        left = len(list(Path(folder).iterdir()))
        return len(sizes) == kept > 3, left, [p.grad for p in net.parameters()]


@TABLE
def saved_values_elsewhere(t):
    """On the CPU, in half precision, or only counted."""
    x, w = draws(t, 4, requires_grad=True), draws(t, 4, seed=1, requires_grad=True)
    with t.autograd.graph.save_on_cpu(pin_memory=False):
        a = (x * w).sigmoid() * x
    half = lambda v: (v.dtype, v.half())
    with t.autograd.graph.saved_tensors_hooks(half, lambda p: p[1].to(p[0])):
        b = (x * 0.5).pow(2)
    count = Counter()

    def pack(v):
        count[v.dtype == x.dtype, tuple(v.shape)] += 1
        return v

    with t.autograd.graph.saved_tensors_hooks(pack, lambda v: v):
        c = t.softmax(x.tanh() * w, 0)
    (a.sum() + (b * 4).round(decimals=1).detach().sum() + b.sum() + c[0]).backward()
    return x.grad.round(decimals=2), w.grad, sorted(count.items())


@TABLE
def saved_values_disabled(t):
    x = draws(t, 3, requires_grad=True)

    def inside():
        g = t.autograd.graph
        off = g.disable_saved_tensors_hooks("not here")
        with off, g.saved_tensors_hooks(lambda v: v, lambda v: v):
            return x.exp()

    y = x.exp()
    return caught(inside), y.grad_fn._saved_result, caught(getattr, y.grad_fn, "_saved_other")


@TABLE
def a_saved_value_was_changed(t):
    x = draws(t, 3, requires_grad=True)
    y = x.exp()
    z = y**2
    y.add_(1)
    first = caught(z.sum().backward)
    with t.autograd.graph.allow_mutation_on_saved_tensors():
        a = x.exp()
        b = a**2
        a.zero_()
        b.sum().backward()
    return first, x.grad


@TABLE
def an_optimizer_in_backward(t):
    """Each parameter is stepped and its gradient freed when it is there."""
    net, other = mlp(t, 3, 4, 2), mlp(t, 3, 4, 2)
    steps = {p: t.optim.SGD([p], lr=0.1, momentum=0.9) for p in net.parameters()}
    held = []

    def hook(p):
        held.append(sum(q.grad is not None for q in net.parameters()))
        steps[p].step()
        steps[p].zero_grad()

    handles = [p.register_post_accumulate_grad_hook(hook) for p in net.parameters()]
    opt = t.optim.SGD(other.parameters(), lr=0.1, momentum=0.9)
    x = draws(t, 6, 3)
    for _ in range(3):
        net(x).square().mean().backward()
        opt.zero_grad()
        other(x).square().mean().backward()
        opt.step()
    for handle in handles:
        handle.remove()
    same = [t.equal(p, q) for p, q in zip(net.parameters(), other.parameters())]
    return held, same, [p.grad for p in net.parameters()], list(net.parameters())


@TABLE
def tensor_hooks(t):
    seen = []
    x = draws(t, 3, requires_grad=True)
    y = x * 2
    y.retain_grad()
    a = y.register_hook(lambda g: g * 10)
    b = y.register_hook(lambda g: seen.append(g.clone()))
    x.register_hook(lambda g: g.clamp(max=15))
    z = (y * t.tensor([1.0, 0.5, 2.0], dtype=x.dtype)).sum()
    z.backward(retain_graph=True)
    a.remove()
    z.backward()
    b.remove()
    none = caught(draws(t, 2).register_hook, print)
    return seen, y.grad, x.grad, none


@TABLE
def node_hooks(t):
    log = []
    x = draws(t, 3, requires_grad=True)
    y = x.exp().sin()
    node = y.grad_fn
    node.register_prehook(lambda gs: log.append(("pre", [g.tolist() for g in gs])))
    node.register_hook(lambda gi, go: log.append((len(gi), len(go))))
    handle = node.next_functions[0][0].register_hook(lambda gi, go: tuple(g * 2 for g in gi))
    node.metadata["who"] = "sin"
    y.sum().backward()
    handle.remove()
    walked, stack = [], [node]
    while stack:
        n = stack.pop()
        walked.append(n.name().rpartition(":")[2])
        stack += [m for m, _ in n.next_functions if m is not None]
    edge = t.autograd.graph.get_gradient_edge(x.exp())
    return log, x.grad, walked, node.metadata, type(edge).__name__, edge.output_nr


@TABLE
def several_tensors_one_hook(t):
    calls = []
    a, b, c = (draws(t, 2, seed=i, requires_grad=True) for i in range(3))
    multi = t.autograd.graph.register_multi_grad_hook
    every = multi((a, b, c), lambda gs: calls.append([g is None for g in gs]))
    first = multi((a * 1, b), lambda g: calls.append(g.shape), mode="any")
    (a * b).sum().backward()
    (a * b * c).sum().backward()
    every.remove()
    first.remove()
    (a * c).sum().backward()
    return calls


@TABLE
def module_hooks(t):
    """Activations taken on the way, inputs changed before, outputs after, gradients between."""
    net = mlp(t, 3, 4, 4, 2)
    kept, log = {}, []

    def keep(name, module, args, output):
        kept[name] = output.detach()

    handles = [
        m.register_forward_hook(partial(keep, n))
        for n, m in net.named_modules()
        if isinstance(m, t.nn.Linear)
    ]
    net[0].register_forward_pre_hook(lambda m, args: (args[0] * 2,))
    net[2].register_forward_hook(lambda m, args, kw, out: out + 1, with_kwargs=True)
    net[2].register_full_backward_hook(lambda m, gi, go: log.append((len(gi), go[0].shape)))
    net[4].register_full_backward_pre_hook(lambda m, go: (go[0] * 3,))
    net[4].register_full_backward_hook(lambda m, gi, go: (gi[0] * 0.5,))
    x = draws(t, 2, 3, requires_grad=True)
    out = net(x)
    out.sum().backward()
    for h in handles:
        h.remove()
    kept_then = len(kept)
    net(x)
    return out, kept, log, x.grad, net[4].weight.grad, kept_then


@TABLE
def checkpointed_segments(t):
    """A deep stack in pieces, with dropout whose draws must be the same again."""
    ck = import_module(f"{t.__name__}.utils.checkpoint")
    net = mlp(t, *[4] * 7)
    x = draws(t, 5, 4, requires_grad=True)
    out = ck.checkpoint_sequential(net, 3, x, use_reentrant=False)
    out.sum().backward()
    grads = [p.grad.clone() for p in net.parameters()]
    gx = x.grad.clone()
    net.zero_grad()
    x.grad = None
    plain = net(x)
    plain.sum().backward()
    same = all(t.allclose(a, p.grad) for a, p in zip(grads, net.parameters()))

    def noisy(a, p):
        mask = t.nn.functional.dropout(t.ones_like(a), p)
        kept.append(mask)
        return (a * mask).sin()

    kept = []
    y = ck.checkpoint(noisy, x, 0.5, use_reentrant=False)
    y.sum().backward()
    return out, same, t.allclose(gx, x.grad) or len(kept), t.equal(*kept), grads[0]


@TABLE
def double_backward_of_a_checkpoint(t):
    checkpoint = import_module(f"{t.__name__}.utils.checkpoint").checkpoint
    net = mlp(t, 2, 5, 1)
    x = draws(t, 4, 2, requires_grad=True)
    y = checkpoint(net, x, use_reentrant=False)
    (g,) = t.autograd.grad(y.sum(), x, create_graph=True)
    penalty = (g.norm(dim=1) - 1).square().mean()
    penalty.backward()
    return penalty, [p.grad for p in net.parameters()], caught(checkpoint, net, x, junk=1)


@TABLE
def anomalies(t):
    x = draws(t, 3, requires_grad=True)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        with t.autograd.detect_anomaly():
            y = (x - x).sqrt() * 0
            error = caught(y.sum().backward)
    return error, len(seen) >= 2, t.is_anomaly_enabled()


@TABLE
def threads(t):
    """Several backwards into the same leaves, and each thread with modes of its own."""
    net = mlp(t, 3, 4, 1)
    x = draws(t, 8, 3)
    modes = []

    def work(rows):
        modes.append(t.is_grad_enabled())
        (net(rows) ** 2).sum().backward()

    with t.no_grad():
        found = [threading.Thread(target=work, args=(part,)) for part in x.split(2)]
        for thread in found:
            thread.start()
            thread.join()
    return modes, [p.grad for p in net.parameters()]


@TABLE
def accumulation_and_clipping(t):
    net, u = mlp(t, 3, 4, 2), t.nn.utils
    for part in draws(t, 8, 3).chunk(4):
        (net(part).pow(2).mean() / 4).backward()
    total = u.clip_grad_norm_(net.parameters(), 0.1)
    after = [p.grad.clone() for p in net.parameters()]
    largest = u.clip_grad_norm_(net.parameters(), 0.01, norm_type=float("inf"))
    u.clip_grad_value_(net.parameters(), 0.005)
    norm = u.get_total_norm([p.grad for p in net.parameters()])
    u.clip_grads_with_norm_(net.parameters(), 0.001, norm)
    net[0].bias.grad[0] = float("nan")
    bad = caught(u.clip_grad_norm_, net.parameters(), 1.0, error_if_nonfinite=True)
    return total, largest, after, norm, [p.grad for p in net.parameters()], bad


@TABLE
def truncated_backpropagation(t):
    """A GRU cell by hand; the state is detached after every third step, in place or not."""
    wx, wh = draws(t, 3, 6, 2), draws(t, 3, 6, 6, seed=1)
    wx.requires_grad_()
    wh.requires_grad_()
    h = t.zeros(1, 6)
    losses = []
    for i, x in enumerate(draws(t, 9, 1, 2, seed=2)):
        r, z = t.sigmoid(x @ wx[:2].mT + h @ wh[:2].mT).unbind(0)
        n = t.tanh(x @ wx[2].T + r * (h @ wh[2].T))
        h = (1 - z) * n + z * h
        losses.append(h.square().mean())
        if i % 3 == 2:
            sum(losses[-3:]).backward()
            h = h.detach() if i % 2 else h.detach_()
    return t.stack(losses), wx.grad, wh.grad


@TABLE
def gradients_in_parts(t):
    """Cutting a graph in two by detached leaves, and running backward by hand from edges."""
    net = mlp(t, 3, 4, 4, 1)
    x = draws(t, 5, 3)
    h = net[:2](x)
    cut = h.detach().requires_grad_()
    loss = net[2:](cut).sum()
    loss.backward(inputs=[cut, net[4].weight])
    t.autograd.backward([h], [cut.grad])
    some = {n: None if p.grad is None else p.grad for n, p in net.named_parameters()}
    y = net(x)
    a = t.autograd.grad(y, net[0].weight, t.ones_like(y), retain_graph=True)
    b = t.autograd.grad(
        [y[:2], y[2:]], net[0].weight, [t.ones(2, 1), t.ones(3, 1)], materialize_grads=True
    )
    return some, a, b, caught(t.autograd.grad, loss, x), caught(loss.backward)


@TABLE
def batched_cotangents(t):
    x = draws(t, 3, requires_grad=True)
    y = t.stack([x.prod(), x.norm(), x @ x])
    (j,) = t.autograd.grad(y, x, t.eye(3), is_grads_batched=True, retain_graph=True)
    rows = [t.autograd.grad(y, x, e, retain_graph=True)[0] for e in t.eye(3)]
    return j, t.allclose(j, t.stack(rows))


@TABLE
def modes(t):
    @t.no_grad()
    def frozen(x):
        return x * 2

    @t.inference_mode()
    def inferred(x):
        return x + 1

    x = draws(t, 2, requires_grad=True)
    a, b = frozen(x), inferred(x)
    with t.set_grad_enabled(False):
        c = x * 3
        with t.enable_grad():
            d = x * 4
    return a, b.is_inference(), c, d, caught(lambda: (b * x).sum().backward()), caught(b.add_, x)


@TABLE
def leaves_and_data(t):
    p = draws(t, 3, requires_grad=True)
    errors = [caught(p.add_, 1), caught(p.__setitem__, 0, 1.0), caught(p.view(3, 1).mul_, 2)]
    with t.no_grad():
        p -= 0.1
        p[0] = 5
    q = (p * 2).sum()
    q.backward()
    before = p.grad
    p.data.mul_(2)
    p.grad.zero_()
    q2 = p.detach()
    q2 += 1
    p.grad.data.add_(3)
    return (
        errors,
        p,
        before is p.grad,
        p.grad,
        p._version > 2,
        caught((p * 1).requires_grad_, False),
    )


@TABLE
def views_and_buffers(t):
    """A ring buffer, masks and items written within a recorded loop."""
    x = draws(t, 6, requires_grad=True)
    ring = t.zeros(4)
    out = t.empty(6)
    for i in range(6):
        ring = ring.clone()
        ring[i % 4] = x[i] * (i + 1)
        out[i] = ring.sum()
    masked = out.clone()
    masked[masked < 0] *= 0.1
    masked[::2] += x[1::2]
    masked.view(2, 3)[:, 1].mul_(2)
    masked[[0, 5]] = masked[[5, 0]]
    masked.index_put_((t.tensor([1, 1]),), x[:2], accumulate=True)
    masked.masked_fill_(x > 0.9, 0.0)
    masked.narrow(0, 2, 2).copy_(x[2:4] ** 2)
    (masked * t.arange(1.0, 7.0)).sum().backward()
    return out, masked, x.grad


@TABLE
def mixed_gradients_and_hooks(t):
    """Gradients normalised and clipped by hooks, and of two tasks, one projected on the other."""
    a, b = draws(t, 4, requires_grad=True), draws(t, 4, seed=1, requires_grad=True)
    h = [
        p.register_hook(f)
        for p, f in ((a, lambda g: g / g.norm()), (b, lambda g: t.clamp(g, -0.5, 0.5)))
    ]
    task1, task2 = (a * b).sum(), (a - b).pow(2).sum()
    g1 = t.autograd.grad(task1, (a, b), retain_graph=True)
    g2 = t.autograd.grad(task2, (a, b), retain_graph=True)
    flat1, flat2 = map(t.nn.utils.parameters_to_vector, (g1, g2))
    if (dot := flat1 @ flat2) < 0:
        flat1 = flat1 - dot / flat2.dot(flat2) * flat2
    for p, g in zip((a, b), (flat1 + flat2).split(4)):
        p.grad = g.clone()
    task1.backward()
    h[0].remove()
    (task2 * 3).backward()
    return g1, g2, flat1, a.grad, b.grad
