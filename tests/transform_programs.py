"""One-line programs for the tests of transforms against PyTorch: every function of the door.

``t`` is the library, ``F`` its ``nn.functional``; `DATA` says what the other names are: arrays
that one example has, of which a batch has several. `put` gives a copy with something written.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

SIZE = 2  # examples in a batch; no dimension of an example is as long


def _floats(rng, *shape, low=-2.0, high=2.0):
    n = int(np.prod(shape))
    values = np.linspace(low, high, n + 1)[:-1] + (high - low) / (2.7 * n)
    return rng.permutation(values).reshape(shape).astype("float32")


def _data():
    rng = np.random.default_rng(1)

    def floats(*shape, **how):
        return np.stack([_floats(rng, *shape, **how) for _ in range(SIZE)])

    def integers(high, *shape):
        return rng.integers(0, high, (SIZE, *shape))

    holes = floats(3, 4)
    holes[0, 1, 2], holes[1, 0, 0], holes[1, 2, 1] = np.nan, np.inf, np.nan
    masks = np.stack([rng.permutation(12).reshape(3, 4) < 5 for _ in range(SIZE)])
    return {
        "x": floats(3, 4),
        "y": floats(3, 4, low=-1.9, high=2.15),  # nowhere equal to x
        "v": floats(4),
        "u": floats(3),
        "s": floats(),
        "w": floats(4, 4),
        "e": floats(5, 3, 4),
        "a": floats(1, 4),
        "p": floats(3, 4, low=0.1, high=0.9),
        "r": floats(3, 4, low=0.3, high=3.0),
        "q": np.round(floats(3, 4)),  # ties, among them and with 0
        "h": holes,
        "z": (floats(3, 4) + 1j * floats(3, 4)).astype("complex64"),
        "c": (floats(4) + 1j * floats(4)).astype("complex64"),
        "i": np.stack([rng.permutation(3) for _ in range(SIZE)]),
        "d": np.array([[0, 2, 0], [1, 1, 2]]),  # some twice
        "k": integers(3, 3, 4),
        "j": np.array([1, 2]),
        "l": integers(9, 3, 4) - 4,
        "m": masks,
        "b": np.array([[True, False, True], [False, False, True]]),
    }


DATA = _data()

ELEMENTWISE = """
x + y   # broadcasting pairs
x + v
x + s
s + x
v + u[:, None]
2 + x
x + 2
x - y
1 - x
x * v
x * 0.5
x / r
1 / r
x // 0.7
x % 0.7
r ** 2
r ** -1
r ** s
2 ** x
r ** x
x ** 3
-x
+x
abs(x)
x @ v
x @ w
v @ w
e @ w
~m
m & b[:, None]
m | m
m ^ b[:, None]
x > y
x >= 0
x < v
x <= y
q == 1
q != v
l << 1
l >> 1
l & 3
l | 3
l ^ 3
k // 2
k % 2
l / 2
t.add(x, y, alpha=2)
t.sub(x, v, alpha=0.5)
t.rsub(x, y)
t.mul(x, l)
t.div(x, r, rounding_mode='floor')
t.div(x, r, rounding_mode='trunc')
t.true_divide(x, r)
t.floor_divide(x, r)
t.remainder(x, r)
t.fmod(x, r)
t.pow(r, 1.5)
t.float_power(r, 2)
t.square(x)
t.sqrt(r)
t.rsqrt(r)
t.reciprocal(r)
t.exp(x)
t.exp2(x)
t.expm1(x)
t.log(r)
t.log2(r)
t.log10(r)
t.log1p(r)
t.logaddexp(x, y)
t.logaddexp2(x, y)
t.logit(p)
t.sigmoid(x)
t.tanh(x)
t.sin(x)
t.cos(x)
t.tan(p)
t.asin(p)
t.acos(p)
t.atan(x)
t.atan2(x, y)
t.sinh(x)
t.cosh(x)
t.asinh(x)
t.acosh(r + 1)
t.atanh(p)
t.arcsin(p) + t.arccos(p) + t.arctan(p) + t.arctanh(p) + t.arcsinh(p) + t.arccosh(p + 1)
t.arctan2(x, y)
t.hypot(x, y)
t.erf(x)
t.sinc(x)
t.xlogy(x, r)
t.lerp(x, y, 0.3)
t.lerp(x, y, p)
t.addcmul(x, y, v, value=0.5)
t.addcdiv(x, y, r, value=0.5)
t.abs(x)
t.absolute(x)
t.sign(x)
t.sgn(x)
t.sgn(z)
t.neg(x)
t.negative(x)
t.positive(x)
t.ceil(x)
t.floor(x)
t.round(x)
t.round(x, decimals=1)
t.trunc(x)
t.fix(x)
t.frac(x)
t.copysign(x, y)
t.nextafter(x, y)
t.signbit(x)
t.heaviside(x, y)
t.relu(x)
t.clamp(x, -0.5, 0.7)
t.clamp(x, min=y)
t.clamp(x, y, y + 1)
t.clip(x, max=s)
t.clamp_min(x, 0.1)
t.clamp_max(x, 0.1)
t.maximum(x, y)
t.minimum(x, v)
t.fmax(h, x)
t.fmin(h, x)
t.max(x, y)
t.min(x, y)
t.where(x > 0, x, y)
t.where(m, x, 0.0)
t.where(b[:, None], 1.0, x)
t.where(m, v, s)
t.nan_to_num(h, nan=1.0, posinf=2.0)
t.isnan(h)
t.isinf(h)
t.isfinite(h)
t.isposinf(h)
t.isneginf(h)
t.isreal(z)
t.isclose(x, y)
t.eq(q, 1)
t.ne(q, y)
t.gt(x, y)
t.ge(x, 0)
t.lt(x, y)
t.le(x, 0)
t.greater(x, y)
t.greater_equal(x, y)
t.less(x, y)
t.less_equal(x, y)
t.not_equal(x, y)
t.logical_and(m, x)
t.logical_or(m, x > 0)
t.logical_xor(m, m)
t.logical_not(m)
t.bitwise_and(l, k)
t.bitwise_or(l, 3)
t.bitwise_xor(l, k)
t.bitwise_not(l)
t.bitwise_left_shift(k, 1)
t.bitwise_right_shift(l, k)
t.deg2rad(x)
t.rad2deg(x)
t.subtract(x, y)
t.multiply(x, y)
t.divide(x, r)
t.clone(x)
x.float()
x.double()
x.half().float()
x.to(t.float64)
x.to(l)
l.to(x)
x.type_as(l)
l.to(t.float32) * x
x.int() + x.long() + x.short() + x.char()
x.bool()
l.byte()
x.type(t.float64)
x.cpu()
x.contiguous()
x.detach() * x
x.data * 2
t.resolve_conj(z.conj())
x + z
z * c
z / c
z @ c
z.conj() * c
t.conj_physical(z)
t.real(z)
t.imag(z)
z.real * z.imag
t.abs(z)
t.angle(z)
t.angle(x)
t.complex(x, y)
t.polar(r, y)
t.view_as_real(z)
t.view_as_complex(e.reshape(3, 10, 2))
t.exp(z)
z.sum()
z.mean(0)
z ** 2
t.vdot(c, c)
z.mH @ z
z.adjoint() @ z
x.real
"""

REDUCTIONS = """
x.sum()
x.sum(0)
x.sum(-1, keepdim=True)
x.sum((0, 1))
e.sum((0, 2))
s.sum()
x.sum(dtype=t.float64)
l.sum(1)
x.mean()
x.mean(1)
e.mean((1, 2), keepdim=True)
x.prod()
x.prod(1)
x.var()
x.var(0)
x.var(1, correction=0)
x.std()
x.std(1, keepdim=True)
t.std_mean(x, 1)
t.var_mean(x)
x.max()
x.min()
q.max()
q.amax()
q.amax(1)
x.amin((0, 1))
t.aminmax(x, dim=0)
x.max(0)
x.min(1, keepdim=True)
q.max(1).values
t.aminmax(x)
x.argmax()
x.argmax(1)
x.argmin(0, keepdim=True)
m.all()
m.any(0)
x.all(1)
t.count_nonzero(l, 1)
t.count_nonzero(q)
x.logsumexp(1)
x.logsumexp((0, 1))
x.norm()
x.norm(dim=1)
x.norm(1)
x.norm(inf, dim=0)
x.norm(3, 1, keepdim=True)
z.norm()
t.norm(x, dim=(0, 1))
t.dist(x, y)
t.nansum(h)
t.nanmean(h, 1)
x.cumsum(0)
x.cumsum(-1)
x.cumprod(1)
s.cumsum(0)
x.median()
x.median(0)
x.median(1, keepdim=True)
x.kthvalue(2)
t.quantile(x, 0.3)
t.quantile(x, 0.5, dim=1)
x.softmax(0)
x.softmax(-1)
x.log_softmax(1)
t.softmax(e, 1)
t.trace(w)
x.diff()
x.diff(dim=0)
"""

SORTING = """
x.sort()
x.sort(0, descending=True)
x.sort(1).values
x.sort(1).indices
t.sort(v, stable=True)
s.sort()
t.msort(x)
x.argsort(1)
x.argsort(0, descending=True)
x.topk(2)
x.topk(2, dim=0, largest=False)
t.topk(v, 3)
t.searchsorted(v.sort().values, x)
t.searchsorted(v.sort().values, s, right=True)
t.bucketize(x, v.sort().values)
t.isin(l, k)
t.isin(k, 2)
"""

SHAPES = """
x.reshape(4, 3)
x.reshape(-1)
x.view(2, 6)
x.view(-1, 2)
x.view_as(y)
x.reshape_as(y)
x.flatten()
e.flatten(1)
t.ravel(x)
s.reshape(1, 1)
s.view(1)
x.unsqueeze(0)
x.unsqueeze(-1)
a.squeeze()
a.squeeze(0)
a.squeeze((0, 1))
x.unflatten(1, (2, 2))
x.T
x.t()
v.t()
x.mT
e.mT
z.H
x.transpose(0, 1)
e.transpose(-1, 0)
t.swapaxes(e, 0, 1)
t.swapdims(e, 0, 2)
e.permute(2, 0, 1)
t.permute(e, (1, 0, 2))
e.movedim(0, -1)
t.moveaxis(e, (0, 1), (1, 2))
v.expand(3, 4)
a.expand(3, -1)
a.expand(2, 3, 4)
v.expand_as(x)
t.broadcast_to(v, (2, 3, 4))
t.broadcast_tensors(v, u[:, None])
x.repeat(2, 1)
v.repeat(2, 3)
t.tile(x, (2,))
x.repeat_interleave(2)
x.repeat_interleave(2, dim=1)
x.flip(0)
x.flip((0, 1))
t.fliplr(x)
t.flipud(x)
x.roll(1)
x.roll((1, 2), (0, 1))
x.roll(-1, 1)
t.rot90(x)
x.narrow(1, 1, 2)
x.select(1, 2)
x.unbind(1)
t.unbind(x)
x.split(2, 1)
x.split((1, 2))
t.split_with_sizes(x, (1, 3), 1)
x.chunk(2, 1)
t.tensor_split(x, 3, 1)
t.hsplit(x, 2)
t.vsplit(x, 3)
t.dsplit(e, 2)
t.cat((x, y))
t.cat((x, v[None]), 0)
t.cat((x, l), 1)
t.concat((x, y), -1)
t.concatenate((x, a))
t.stack((x, y))
t.stack((x, y), -1)
t.stack((s, s))
t.hstack((x, y))
t.vstack((x, v))
t.dstack((x, y))
t.row_stack((v, v))
t.column_stack((u, x))
t.atleast_1d(s)
t.atleast_2d(v)
t.atleast_3d(x)
x.tril()
x.triu(1)
t.tril(e, -1)
x.diagonal()
e.diagonal(1, 0, 2)
t.diag(v)
t.diag(x, 1)
t.diag_embed(x)
t.diag_embed(v, 1)
t.meshgrid(v, u, indexing='ij')
t.meshgrid(v, u, indexing='xy')
x.new_zeros(3) + u
x.new_ones(3, 4) * x
x.new_full((4,), 2.0) * v
t.zeros_like(x) + x
t.ones_like(x) * x
t.full_like(x, 3.0) - x
t.empty_like(x).fill_(2) * x
x.new_tensor([1.0, 2, 3]) * u
t.arange(4) * v
t.eye(4) @ w
t.linspace(0, 1, 4) * v
t.tensor([1.0, 2, 3, 4]) * x
t.as_tensor(x) * 2
t.asarray(x) * 2
t.scalar_tensor(2.0) * x
x.size(0) * x
x.shape[1] * x
len(x) * x
x.numel() * x
x.dim() * x
[row * 2 for row in x]
reversed(x)
x.is_floating_point() * x
x.ndimension() * x.nelement() * x.element_size() * x.itemsize * x.nbytes * x
x.stride(0) * x if x.is_contiguous() else x
x if t.is_tensor(x) and not t.is_complex(x) and x.is_signed() and not x.is_inference() else -x
x if x.is_same_size(y) and x.is_cpu and not x.is_cuda else -x
t.zeros(3, 4) + t.ones(4) * x
t.full((3, 4), 2.0) * x
t.empty(3, 4).fill_(1.0) * x
x.new_empty(4).zero_() + v
t.tril_indices(3, 4) * j
t.triu_indices(3, 4) + j
t.logspace(0, 1, 4) * v
x * (t.result_type(x, l) is x.dtype)
"""

PRODUCTS = """
t.matmul(x, w)
t.matmul(e, w)
t.matmul(w, e.mT)
t.matmul(x, v)
t.matmul(v, x.T)
t.matmul(v, v)
t.matmul(e, v)
t.matmul(e, x.T)
t.mm(x, w)
t.mv(x, v)
t.dot(v, v)
t.bmm(e, e.mT)
t.outer(u, v)
t.ger(u, v)
t.inner(x, y)
t.inner(v, v)
t.addmm(u[:, None], x, y.T)
t.addmm(x, x, w, beta=0.5, alpha=2)
t.addmv(u, x, v)
t.addr(x, u, v)
t.baddbmm(w, e.mT, e)
t.addbmm(w, e.mT, e)
t.einsum('ij,j->i', x, v)
t.einsum('ij,kj->ik', x, y)
t.einsum('ii->', w)
t.einsum('ii->i', w)
t.einsum('bij,jk->bik', e, w)
t.einsum('i,j->ij', u, v)
t.einsum('...j,j', e, v)
t.tensordot(x, y, 2)
t.tensordot(e, x, ((1, 2), (0, 1)))
t.kron(x, y)
t.cross(w[:3], x.T[:3, :1].expand(3, 4), dim=0)
t.vdot(v, v)
F.linear(x, w)
F.linear(v, w, v)
F.linear(e, w, v)
F.linear(x, w[:2], v[:2])
F.linear(v, x)
"""

INDEXING = """
x[0]
x[-1, 2]
x[1:]
x[:, 1]
x[..., ::2]
x[:, None]
x[None]
x[...]
x[i]
x[d]
x[:, i]
x[:, d]
x[i, d]
x[d, 1:3]
e[1:, i]
e[:, i, d]
e[i, :, d]
e[0, :, d]
x[[0, 2]]
x[:, [0, 2]]
x[k]
x[k, k]
x[j]
x[:, j]
x[j, d]
x[-i]
v[k]
x[b]
x[m]
x[m].sum()
x.masked_select(m)
x[t.tensor([0, 2])]
x[t.tensor([True, False, True])]
x.index_select(0, d)
t.index_select(x, 1, i)
s.index_select(0, j * 0)
x.gather(0, k)
x.gather(1, k)
t.gather(v, 0, d)
x.gather(1, d[:, None])
x.take(d)
t.take(x, k)
t.take_along_dim(x, k, 1)
t.take_along_dim(x, x.argsort(1), 1)
x.masked_fill(m, 0.0)
x.masked_fill(m, s)
x.masked_fill(b[:, None], -1)
x.masked_scatter(m, y)
x.scatter(0, k, y)
x.scatter(1, i[:, None], 1.5)
x.scatter_add(0, k, y)
x.scatter_add(1, d[:, None], y)
x.scatter(1, i[:, None], y, reduce='add')
x.index_add(0, i, y)
x.index_add(0, d, y, alpha=2)
x.index_add(1, d, w[:3, :3])
x.index_copy(0, i, y)
x.index_fill(0, i, 1.5)
x.index_fill(1, i, s)
x.index_put((i,), y)
x.index_put((d,), y, accumulate=True)
x.index_put((i, d), u)
x.index_put((d, d), s, accumulate=True)
t.put(x, i, u)
t.put(x, d, u, accumulate=True)
t.select_scatter(x, v, 0, 1)
t.slice_scatter(x, u[:, None], 1, 2, 3)
put(x, 0, v)
put(x, 0, 1.5)
put(x, np.s_[:, 1], u)
put(x, np.s_[:, 1], s)
put(x, np.s_[1:], 0.5)
put(x, np.s_[...], y)
put(x, np.s_[:], v)
put(x, np.s_[..., None, :2], s)
put(x, i, y)
put(x, i, v)
put(x, i, s)
put(x, d, 0.5)
put(x, np.s_[:, i], u)
put(x, (i, d), u)
put(x, (i, slice(1, 3)), s)
put(x, np.s_[1, i], u)
put(x, m, 0.0)
put(x, m, s)
put(x, x > 0, 0.0)
put(x, b, 1.5)
put(x, b, v)
put(x, b, a)
put(x, np.s_[:, v > 0], 1.0)
put(x, np.s_[1, v > 0], s)
put(x, (slice(None), v > 0), u[:, None])
put(e, np.s_[1:, m], s)
put(x, j, v)
put(x, (j, j), s)
put(x, [0, 2], v)
put(x, t.tensor([True, False, True]), v)
put(x.T, 0, u)
"""

INPLACE = """
x.clone().add_(y)
x.clone().add_(v, alpha=2)
x.clone().sub_(s)
x.clone().mul_(y)
x.clone().mul_(2)
x.clone().div_(r)
x.clone().pow_(2)
x.clone().remainder_(0.7)
x.clone().fmod_(r)
x.clone().floor_divide_(r)
x.clone().neg_()
x.clone().abs_()
x.clone().exp_()
x.clone().sin_()
x.clone().cos_()
x.clone().tanh_()
x.clone().sigmoid_()
x.clone().relu_()
x.clone().square_()
r.clone().sqrt_()
r.clone().log_()
r.clone().rsqrt_()
r.clone().reciprocal_()
x.clone().clamp_(-0.5, 0.5)
x.clone().clamp_(min=y)
x.clone().zero_()
x.clone().fill_(2.5)
x.clone().fill_(s)
x.clone().copy_(y)
x.clone().copy_(v)
x.clone().lerp_(y, 0.3)
x.clone().addcmul_(y, r)
x.clone().addcdiv_(y, r)
x.clone().masked_fill_(m, 0.0)
x.clone().masked_fill_(m, s)
x.clone().masked_scatter_(m, y)
x.clone().index_add_(0, i, y)
x.clone().index_add_(0, d, y, alpha=0.5)
x.clone().index_copy_(0, i, y)
x.clone().index_fill_(0, i, 2.0)
x.clone().index_put_((i,), y)
x.clone().index_put_((d,), y, accumulate=True)
x.clone().scatter_(0, k, 1.5)
x.clone().scatter_(1, i[:, None], y)
x.clone().scatter_add_(0, k, y)
x.clone().put_(i, u)
x.clone().cumsum_(0)
x.clone().cumprod_(1)
x.clone().tril_()
x.clone().triu_(1)
x.clone().t_()
x.clone().transpose_(0, 1)
x.clone().unsqueeze_(1)
a.clone().squeeze_(0)
x.clone().floor_()
x.clone().ceil_()
x.clone().round_()
x.clone().trunc_()
x.clone().frac_()
x.clone().sign_()
x.clone().sgn_()
x.clone().erf_()
x.clone().expm1_()
r.clone().log1p_()
x.clone().atan2_(y)
x.clone().hypot_(y)
x.clone().copysign_(y)
x.clone().absolute_().negative_().multiply_(y).divide_(r).subtract_(s).true_divide_(2)
p.clone().acos_() + p.clone().asin_() + p.clone().atan_() + p.clone().atanh_() + p.clone().asinh_()
p.clone().arccos_() + p.clone().arcsin_() + p.clone().arctan_() + p.clone().arctanh_()
p.clone().arcsinh_() + r.add(1).acosh_() + r.add(1).arccosh_()
x.clone().sinh_() + x.clone().cosh_() + p.clone().tan_() + x.clone().sinc_()
r.clone().log2_() + r.clone().log10_() + x.clone().exp2_() + p.clone().logit_()
x.clone().deg2rad_() + x.clone().rad2deg_() + x.clone().fix_()
x.clone().arctan2_(y) + r.clone().xlogy_(r) + x.clone().heaviside_(y).detach()
x.clone().nextafter_(y)
r.double().float_power_(2)
x.clone().clip_(-1, 1) + x.clone().clamp_max_(0.3) + x.clone().clamp_min_(-0.3)
x.clone().ge_(0) + x.clone().le_(y) + x.clone().lt_(y) + x.clone().ne_(0)
l.clone().bitwise_or_(3).bitwise_xor_(k).bitwise_not_()
m.clone().logical_and_(m).logical_or_(m).logical_xor_(x > 0)
e.clone().swapaxes_(0, 1)
e.clone().swapdims_(1, 2)
add_to(x.clone(), v) if x.ndim == 2 else x
augmented(x.clone(), r, s)
x.clone().nan_to_num_()
x.clone().gt_(0)
x.clone().eq_(y)
k.clone().bitwise_and_(1)
m.clone().logical_not_()
x.clone().detach_() * x
x[0].clone().mul_(s)
add_to(x.clone(), y)
into(x.clone(), 0, lambda row: row.mul_(2))
into(x.clone(), 0, lambda row: row.add_(v))
into(x.clone(), np.s_[:, 1:3], lambda part: part.copy_(y[:, :2]))
into(x.clone(), np.s_[:, 0], lambda part: part.exp_())
"""

NEURAL = """
F.relu(x)
F.leaky_relu(x, 0.1)
F.elu(x)
F.selu(x)
F.gelu(x)
F.gelu(x, approximate='tanh')
F.silu(x)
F.sigmoid(x)
F.tanh(x)
F.logsigmoid(x)
F.softplus(x)
F.softmax(x, 1)
F.log_softmax(x, 0)
F.softmin(x, 1)
F.linear(x, w, v)
F.layer_norm(x, (4,))
F.layer_norm(x, (4,), v, v)
F.layer_norm(x, (3, 4))
F.layer_norm(e, (4,), v)
F.embedding(i, x)
F.embedding(k, x)
F.embedding(d, x, padding_idx=0)
F.embedding(j, x)
F.one_hot(d, 4)
F.cross_entropy(x, i)
F.cross_entropy(x, d, reduction='sum')
F.cross_entropy(x, d, reduction='none')
F.cross_entropy(x, d, weight=v.exp().detach())
F.cross_entropy(x, i, label_smoothing=0.1)
F.cross_entropy(x, p)
F.cross_entropy(v, j)
F.cross_entropy(x, d, ignore_index=1)
F.cross_entropy(e, k[:1, :4].expand(5, 4))
F.nll_loss(x, i)
F.nll_loss(x, d, weight=v.exp().detach())
F.nll_loss(x, d, reduction='none')
F.nll_loss(v, j)
F.nll_loss(x, d, ignore_index=0)
F.mse_loss(x, y)
F.mse_loss(x, y, reduction='sum')
F.mse_loss(x, y, reduction='none')
F.l1_loss(x, y)
F.smooth_l1_loss(x, y)
F.smooth_l1_loss(x, y, beta=0.5, reduction='none')
F.huber_loss(x, y, delta=0.5)
F.binary_cross_entropy(p, 1 - p)
F.binary_cross_entropy(p, m.float())
F.binary_cross_entropy(p, m.float(), weight=r.detach())
F.binary_cross_entropy(p, m.float(), reduction='none')
F.binary_cross_entropy_with_logits(x, m.float())
F.binary_cross_entropy_with_logits(x, p, pos_weight=r.detach())
F.binary_cross_entropy_with_logits(x, p, weight=r.detach(), reduction='sum')
F.dropout(x, 0.5, training=False)
(F.linear(F.relu(F.linear(x, w, v)), w) * y).sum()
F.cross_entropy(F.linear(F.layer_norm(x, (4,), v, v).relu(), w), i)
(F.softmax(x @ y.T / 2, 1) @ y).tanh()
t.stack([x.sin(), y.cos()]).prod(0).sum(1).max()
t.where(x > 0, x.log1p() if 0 else x.abs().log(), x * y).cumsum(0)[-1]
"""

LATER = """
F.celu(x, 0.7)
F.glu(x, 1)
F.hardshrink(x)
F.hardsigmoid(x)
F.hardswish(x)
F.hardtanh(x)
F.hardtanh(x.clone(), inplace=True)
F.mish(x)
F.prelu(x, s)
F.prelu(x, s[None])
F.relu6(x * 4)
F.softshrink(x)
F.softsign(x)
F.tanhshrink(x)
F.threshold(x, 0.1, 0.5)
F.rrelu(x)
F.elu_(x.clone()) + F.leaky_relu_(x.clone()) + F.selu_(x.clone())
F.normalize(x)
F.cosine_similarity(x, y, 1)
F.pairwise_distance(x, y)
F.poisson_nll_loss(x, r)
F.gaussian_nll_loss(x, y, r)
F.hinge_embedding_loss(x, y.sign())
F.margin_ranking_loss(x, y, x.sign())
F.cosine_embedding_loss(x, y, u.sign())
F.soft_margin_loss(x, y.sign())
F.multi_margin_loss(x, i)
F.multilabel_soft_margin_loss(x, m.float())
F.multilabel_margin_loss(v, t.tensor([0, 2, -1, 1]))
F.triplet_margin_loss(x, y, p)
F.batch_norm(x, v.detach(), v.detach().abs() + 1)
F.local_response_norm(e, 2)
F.bilinear(x, y, t.ones(2, 4, 4))
F.embedding_bag(d[None], x)
F.embedding_bag(d[None], x, mode='sum')
F.embedding_bag(d[None], x, mode='max')
F.embedding_bag(d, x, t.tensor([0, 2]), mode='sum', per_sample_weights=u)
F.group_norm(x, 2)
F.group_norm(e, 3, u, u)
F.instance_norm(e)
F.instance_norm(e, weight=u, bias=u)
F.batch_norm(e, None, None, u, u, True)
F.batch_norm(x, None, None, training=True)
F.rms_norm(x, (4,), v)
F.rms_norm(e, (3, 4))
F.kl_div(p.log(), p, reduction='sum')
F.pdist(x)
F.ctc_loss(e.log_softmax(2), t.tensor([[1, 2], [2, 1], [1, 1]]), (5, 5, 4), (2, 1, 2))
F.alpha_dropout(x) + F.feature_alpha_dropout(x)
F.dropout1d(x, training=False) + F.dropout2d(x[None, None], training=False)[0, 0]
F.dropout3d(x[None, None], training=False)[0, 0]
F.celu_(x.clone()) + F.hardtanh_(x.clone()) + F.threshold_(x.clone(), 0.1, 0.5)
F.relu_(x.clone()) + F.rrelu_(x.clone())
F.linear_cross_entropy(x, w, i)
F.triplet_margin_with_distance_loss(x, y, p)
F.multi_margin_loss(x, i, p=2, weight=v.detach())
F.threshold(x, 0.1, 0.5)
F.celu(x, 0.7)
F.conv1d(x, e)
F.conv1d(x[None], t.ones(2, 3, 2) * s)
F.conv2d(e[None], t.ones(2, 5, 2, 2) * s, padding=1)
F.conv_transpose1d(x[None], t.ones(3, 2, 2) * s)
t.erfc(x)
t.erfinv(p)
t.lgamma(r)
t.digamma(r)
t.polygamma(1, r)
t.i0(x)
t.igamma(r, r)
t.igammac(r, r.detach())
t.mvlgamma(r + 2, 2)
t.ldexp(x, k)
x.clone().erfc_() + p.clone().erfinv_() + r.clone().lgamma_() + r.clone().digamma_()
t.logcumsumexp(x, 1)
t.cummax(x, 1)
t.cummin(x, 0)
t.mode(q, 1)
t.trapezoid(x)
t.trapz(x, y)
t.cumulative_trapezoid(x)
t.renorm(x, 2, 0, 1.0)
t.gradient(x)
t.cov(x)
t.corrcoef(x)
t.block_diag(x, w)
t.cartesian_prod(v, u)
t.combinations(v)
t.diagflat(x)
t.diagonal_scatter(w, v)
t.chain_matmul(x, w, w)
t.fill(x, 1.5)
t.frexp(x)
x.sum_to_size(1, 4)
x.unfold(1, 2, 1)
t.det(w)
t.logdet(w @ w.T + t.eye(4))
t.slogdet(w)
t.inverse(w)
t.pinverse(x)
t.matrix_power(w, 3)
t.matrix_exp(w)
t.linalg.solve(w, v)
t.linalg.inv(w)
t.linalg.det(w)
t.linalg.cholesky(w @ w.T + t.eye(4))
t.cholesky(w @ w.T + t.eye(4))
t.cholesky_solve(w, t.linalg.cholesky(w @ w.T + t.eye(4)))
t.linalg.qr(w)
t.linalg.svdvals(x)
t.linalg.svd(x).S
t.linalg.eigvalsh(w + w.T)
t.linalg.lu_factor(w)
t.linalg.norm(x)
t.linalg.matrix_norm(x)
t.linalg.vector_norm(x, 3)
t.linalg.cross(w[:3], w[1:], dim=0)
t.view_copy(x, (4, 3))
t.permute_copy(x, (1, 0))
t.narrow_copy(x, 0, 1, 2)
t.unsafe_split(x, 2, 1)
t.unsafe_chunk(x, 2)
x.clone().addmm_(x, w)
u.clone().addmv_(x, v)
x.clone().addr_(u, v)
w.clone().addbmm_(e.mT, e)
x.clone().greater_(0) + x.clone().less_(y) + x.clone().less_equal_(0)
x.clone().greater_equal_(0) + x.clone().not_equal_(0)
l.clone().bitwise_left_shift_(1) + l.clone().bitwise_right_shift_(1)
t.fft.fft(x)
t.fft.rfft(x)
t.fft.irfft(c)
t.fft.fft2(x)
t.fft.fftshift(x)
"""

TABLES = {
    "elementwise": ELEMENTWISE,
    "reductions": REDUCTIONS,
    "sorting": SORTING,
    "shapes": SHAPES,
    "products": PRODUCTS,
    "indexing": INDEXING,
    "in place": INPLACE,
    "neural": NEURAL,
    "later": LATER,
}


# ------------------------------------------------------------------ running a program


def names_in(code: Any) -> set[str]:
    """The names that a program uses, those in functions within it included."""
    found = set(code.co_names)
    for constant in code.co_consts:
        if hasattr(constant, "co_names"):
            found |= names_in(constant)
    return found


def environment(t: Any) -> dict[str, Any]:
    """What a program can use besides arrays."""

    def put(x: Any, index: Any, value: Any) -> Any:
        out = x.clone()
        out[index] = value
        return out

    def add_to(x: Any, y: Any) -> Any:
        x += y
        return x

    def augmented(x: Any, y: Any, z: Any) -> Any:
        x -= y
        x *= z
        x /= y
        x **= 2
        x //= 0.7
        x %= 2
        return x

    def into(x: Any, index: Any, write: Any) -> Any:
        write(x[index])
        return x

    return {
        "t": t, "F": t.nn.functional, "np": np, "inf": math.inf,
        "put": put, "add_to": add_to, "augmented": augmented, "into": into,
    }  # fmt: skip


class Program:
    """A program with a library, as a function of its arrays that gives a tuple of tensors."""

    def __init__(self, text: str, t: Any) -> None:
        self.t = t
        self._code = compile(text, text, "eval")
        self._environment = environment(t)
        self.names = sorted(names_in(self._code) & set(DATA))
        self.floating = [i for i, n in enumerate(self.names) if DATA[n].dtype.kind in "fc"]

    def __call__(self, *arrays: Any) -> tuple[Any, ...]:
        given = dict(zip(self.names, arrays, strict=True))
        out = eval(self._code, {**self._environment, **given})
        return tuple(out) if isinstance(out, (tuple, list)) else (out,)

    def of_floats(self, arrays: Any) -> Any:
        """The program as a function of its floating arrays, giving its floating results."""

        def function(*floats: Any) -> tuple[Any, ...]:
            given = list(arrays)
            for i, x in zip(self.floating, floats, strict=True):
                given[i] = x
            return tuple(o for o in self(*given) if self.is_floating(o))

        return function

    def loss(self, *arrays: Any) -> Any:
        """One number, to which each element of each floating result adds another part."""
        total: Any = 0.0
        for place, o in enumerate(self(*arrays)):
            if self.is_floating(o):
                o = self.t.view_as_real(self.t.resolve_conj(o)) if o.dtype.is_complex else o
                count = math.prod(o.shape)
                weights = np.linspace(0.5 + place, 1.5 + place, count).reshape(tuple(o.shape))
                total = total + (o * self.t.tensor(weights.astype("float32"))).sum()
        return total

    def is_floating(self, value: Any) -> bool:
        """Whether something is a tensor with a derivative."""
        return isinstance(value, self.t.Tensor) and (
            value.dtype.is_floating_point or value.dtype.is_complex
        )


def tangent_of(values: np.ndarray) -> np.ndarray:
    """A direction for an array: other numbers of its shape and dtype."""
    return np.flip(values * 0.5 + 0.3).astype(values.dtype)
