"""Tensors on the way: items, NumPy, dtypes, statistics, control flow, and mistakes."""

import copy
import math
import pickle

import numpy as np

from ported.kit import Table, caught, draws, filled

TABLE = Table()


@TABLE
def numpy_and_back(t):
    x = draws(t, 3, requires_grad=True)
    err = caught(x.numpy)
    with t.no_grad():
        unrecorded = [x.numpy(), np.asarray(x * 2)]
    a = x.detach().numpy()
    y = np.sin(a) * 2
    z = t.from_numpy(y)
    z[0] = 7
    return (
        err,
        unrecorded,
        t.as_tensor(a),
        y,
        z,
        np.asarray(x.detach()),
        x.tolist(),
        t.tensor(np.float32(3)),
        t.tensor(a),
        float(x[0]),
        int(t.tensor(3)),
        [float(v) for v in x],
        t.from_dlpack(np.arange(3)),
        x.detach().cpu().numpy().dtype,
    )


@TABLE
def copies_and_pickles(t):
    net = filled(t.nn.Sequential(t.nn.Linear(2, 2), t.nn.BatchNorm1d(2)), t)
    net(t.ones(3, 2)).sum().backward()
    c = copy.deepcopy(net)
    p = pickle.loads(pickle.dumps(net))
    x = draws(t, 2, requires_grad=True)
    y = pickle.loads(pickle.dumps(x))
    return (
        c[0].weight,
        c[0].weight.grad is None,
        p[1].running_mean,
        y,
        copy.copy(x).requires_grad,
        p.state_dict(),
    )


@TABLE
def grad_of_slices_and_items(t):
    x = draws(t, 4, 5, requires_grad=True)
    i = t.tensor([0, 2])
    m = t.tensor([True, False, True, True])
    parts = [
        x[i, 1:3].sum(), x[m][:, -1].prod(), x[..., None, 2].mean(), x[[1, 3], [0, 4]].norm(),
        x[t.tensor([[0, 1], [2, 3]])].amax(), x.take(t.tensor([3, 3])).sum(), x[1:, ::2].min(),
        t.gather(x, 1, t.tensor([[0, 1], [1, 1]])).sum(), x.unfold(1, 2, 2).std(), x.T[2].var(),
        x.masked_select(x > 0).sum(), t.where(x > 0, x, 2 * x).median(),
        x.flip(0).roll(1, 1).trace(),
    ]  # fmt: skip
    y = sum(parts)
    y.backward()
    return y, x.grad


@TABLE
def distributions_by_hand(t):
    mu, ls = draws(t, 3, requires_grad=True), draws(t, 3, seed=1, requires_grad=True)
    x = draws(t, 5, 3, seed=2)
    logp = -0.5 * ((x - mu) / ls.exp()) ** 2 - ls - 0.5 * math.log(2 * math.pi)
    cov = t.diag_embed(ls.exp()) + 0.1
    low = t.linalg.cholesky(cov)
    d = t.linalg.solve_triangular(low, (x - mu).unsqueeze(-1), upper=False)
    mvn = -0.5 * d.pow(2).sum((-2, -1)) - low.diagonal(dim1=-2, dim2=-1).log().sum(-1)
    a = ls.exp() + 1
    beta = t.lgamma(a.sum()) - t.lgamma(a).sum() + ((a - 1) * t.log_softmax(x, -1)).sum(-1)
    kl = (ls - 0.3 + 0.5 * (t.exp(t.tensor(0.6)) + mu**2) / t.exp(2 * ls) - 0.5).sum()
    gamma = t.digamma(a) * a - t.special.gammaln(a) + t.polygamma(1, a)
    erf = 0.5 * (1 + t.erf((x - mu) / (ls.exp() * math.sqrt(2))))
    icdf = t.erfinv(2 * erf.clamp(0.01, 0.99) - 1)
    poisson = t.xlogy(x.abs().round(), mu.exp()) - mu.exp()
    (
        logp.sum()
        + mvn.sum()
        + beta.sum()
        + kl
        + gamma.sum()
        + erf.sum()
        + icdf.sum()
        + poisson.sum()
    ).backward()
    return logp, mvn, beta, kl, gamma, erf, icdf, poisson, mu.grad, ls.grad


@TABLE
def reductions_and_stats(t):
    x = draws(t, 3, 4, requires_grad=True)
    outs = [
        x.std(0),
        x.var(1, correction=0),
        t.std_mean(x)[1],
        t.var_mean(x, 1)[0],
        x.logsumexp((0, 1)),
        t.cov(x),
        t.corrcoef(x),
        x.renorm(2, 0, 0.5),
        t.dist(x, x.flip(0), 1),
        t.nanmean(x),
        t.aminmax(x).max,
        x.norm(p=1, dim=1),
        t.linalg.vector_norm(x, 3, dim=0),
        t.linalg.matrix_norm(x, "nuc"),
        t.cumprod(x, 0),
        t.logcumsumexp(x, 1),
        x.kthvalue(2, 1).values,
        x.mode(1).values,
        t.histc(x.detach(), 4, -1, 1),
        x.prod(1, keepdim=True),
        t.frac(x),
        t.hypot(x, x + 1),
        t.atan2(x, x.roll(1)),
        t.lerp(x, 2 * x, x.sigmoid()),
        t.addcmul(x, x, x, value=2),
        t.addcdiv(x, x, x + 3, value=0.1),
        t.nan_to_num(x / x),
        t.clamp(x, t.zeros(4), x.detach().abs() / 2),
        t.count_nonzero(x),
        t.unique(t.tensor([3, 1, 1]), return_counts=True),
        t.diff(x, n=2),
        t.triu(x, 1),
        t.cross(x[:, :3], x[:, 1:], dim=1),
        t.linalg.svdvals(x),
        t.linalg.qr(x.T).R.abs(),
        t.linalg.det(x[:, :3]),
        t.matrix_exp(x[:, :3]),
    ]
    s = sum(o.sum() for o in outs if isinstance(o, t.Tensor) and o.requires_grad)
    s.backward()
    return outs, x.grad


@TABLE
def dtypes_on_the_way(t):
    x = t.ones(3, dtype=t.float32, requires_grad=True)
    h = x.half() * 2
    d = (x.double() + h).sum()
    d.backward()
    c = t.complex(x, x * 2)
    i = t.arange(3)
    return (
        d,
        x.grad,
        h.dtype,
        (x + i).dtype,
        (h + 1.5).dtype,
        (i / 2).dtype,
        (i + 1.0).dtype,
        c.dtype,
        (c * h).dtype,
        (x > 0).dtype,
        (i // 2).dtype,
        t.result_type(x, 1j),
        t.promote_types(t.int32, t.float16),
        t.can_cast(t.float32, t.int32),
        x.long(),
        t.mean(x.half()).dtype,
        caught(t.mean, i),
        i.float().mean(),
        t.finfo(t.float16).max,
        t.iinfo(t.int8).min,
        x.mul(True).dtype,
        (True + x).dtype,
        t.tensor(3) * h,
    )


@TABLE
def meta_and_inspection(t):
    x = draws(t, 2, 3, requires_grad=True)
    y = x * 2
    return (
        y.grad_fn.next_functions[0][0].variable is x,
        x.is_leaf,
        y.retains_grad,
        x.grad_fn,
        y._version,
        x.data_ptr() == x.detach().data_ptr(),
        y.shape,
        y.size(-1),
        y.numel(),
        y.dim(),
        y.stride(),
        y.is_contiguous(),
        y.T.is_contiguous(),
        x.element_size(),
        x.storage_offset(),
        y[1].storage_offset(),
        x.nelement(),
        x.ndimension(),
        t.is_tensor(x),
        t.numel(x),
        x.is_floating_point(),
        t.is_complex(x),
        y._is_view(),
        y.T._is_view(),
        y.T._base is y,
        t.get_default_dtype() == x.dtype,
        hash(x) == hash(x),
        len(x),
        x.requires_grad,
        x.new_tensor([1, 2]),
        x.new_full((2,), 3),
        t.empty_like(x).shape,
        t.full_like(x, 2),
    )


@TABLE
def recursive_and_dynamic(t):
    """Control flow: a tree of modules, early exits, loops whose length depends on values."""
    w = draws(t, 3, 3, requires_grad=True)

    def encode(tree):
        if isinstance(tree, tuple):
            a, b = map(encode, tree)
            return t.tanh(w @ (a + b))
        return t.full((3,), float(tree))

    x = encode((1, ((2, 3), 4)))
    n = 0
    while x.norm() < 5:
        x = x * 1.5 + 0.1
        n += 1
    if x.sum() > 0:
        x = x.relu()
    for v in x:
        if v > 1:
            x = x - v.log()
            break
    x.sum().backward()
    return n, x, w.grad, max(x.tolist()), sorted(x.detach(), key=float)[0], sum(x), min(x)


@TABLE
def mistakes(t):
    """What is wrong on the way, in PyTorch's words."""
    F, nn = t.nn.functional, t.nn
    x = draws(t, 3, 4, requires_grad=True)

    class NoInit(nn.Module):
        def __init__(self):
            self.l = nn.Linear(1, 1)

    class NoForward(nn.Module):
        pass

    return [
        caught(f)
        for f in (
            lambda: x.backward(),
            lambda: (x.detach() * 2).sum().backward(),
            lambda: x @ x,
            lambda: F.cross_entropy(x, t.tensor([0, 1])),
            lambda: F.cross_entropy(x, t.tensor([0, 1, 9])),
            NoInit,
            NoForward(),
            lambda: NoForward()(x),
            lambda: nn.Conv2d(3, 4, 3)(x),
            lambda: t.autograd.grad(x.sum(), t.ones(2)),
            lambda: t.autograd.grad(x.sum(), t.ones(2, requires_grad=True)),
            lambda: t.stack([x, x[0]]),
            lambda: t.cat([x, x[:, :2]]),
            lambda: x.view(5, 5),
            lambda: x.reshape(-1, 5),
            lambda: x.expand(2, 4),
            lambda: F.nll_loss(x, x),
            lambda: F.binary_cross_entropy(x, x),
            lambda: F.softmax(x, 5),
            lambda: t.optim.SGD([], 0.1),
            lambda: t.optim.SGD([x * 2], 0.1),
            lambda: bool(x),
            lambda: x.item(),
            lambda: nn.BatchNorm1d(4)(x[:1]),
            lambda: t.func.grad(lambda x: x)(x),
            lambda: t.vmap(lambda a, b: a)(x, x[:2]),
            lambda: t.func.jvp(lambda a: a, (x,), (x[0],)),
            lambda: x.sum(3),
            lambda: x[5],
            lambda: x[0, 0, 0],
            lambda: t.einsum("ij,jk->ik", x, x),
            lambda: F.interpolate(x, 3),
            lambda: F.grid_sample(x, x),
            lambda: F.pad(x, (1,)),
            lambda: t.zeros(2).add_(x),
            lambda: t.linalg.cholesky(-t.eye(2)),
            lambda: t.linalg.inv(t.zeros(2, 2)),
            lambda: t.linalg.solve(x, x),
            lambda: x.unflatten(1, (3, 2)),
            lambda: x.permute(0, 0),
            lambda: F.one_hot(t.tensor([5]), 3),
        )
    ]
