"""Where elements lie in memory: what PyTorch lets be viewed in another shape, we do too.

Inputs come in several layouts, and results are compared by their strides. A result that is in
row-major order in PyTorch has to be so here; in functions of elements, copies and gradients the
strides are the same. The other way round nobody is hurt: what PyTorch leaves as LAPACK wrote it, in
columns, is in rows here.
"""

import warnings

import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided

import xpgrad as xg

torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
pytest.importorskip("expecttest", reason="PyTorch's database of ops needs it")
pytest.importorskip("scipy", reason="special functions are among the ops")

import op_db  # noqa: E402 - it needs PyTorch

pytestmark = pytest.mark.oracle


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Several wait for each other most of the time where arrays are small."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


# ------------------------------------------------------------------ layouts


def in_order(a, order):
    """An array in memory with its dimensions in an order, the outermost first."""
    return np.ascontiguousarray(a.transpose(order)).transpose(np.argsort(order))


def stepped(a, axis):
    """An array with gaps between its elements along an axis."""
    out = np.zeros([2 * n if i == axis else n for i, n in enumerate(a.shape)], a.dtype)
    seen = out[(*(slice(None),) * axis, slice(None, None, 2))]
    seen[...] = a
    return seen


def rest(a, *first):
    return (*first, *(i for i in range(a.ndim) if i not in first))


LAYOUTS = {
    "rows": np.ascontiguousarray,
    "transposed": lambda a: in_order(a, (*range(a.ndim - 2), a.ndim - 1, a.ndim - 2)),
    "reversed": lambda a: in_order(a, tuple(range(a.ndim))[::-1]),
    "batch inside": lambda a: in_order(a, rest(a, 1)),
    "channels last": lambda a: in_order(a, (*(i for i in range(a.ndim) if i != 1), 1)),
    "gaps": lambda a: stepped(a, a.ndim - 1),
    "gaps before": lambda a: stepped(a, 0),
    "expanded": lambda a: np.broadcast_to(np.ascontiguousarray(a[:1]), a.shape),
}
PLAIN = ("rows", "gaps", "gaps before")


def laid(a, layout):
    """An array in a layout; vectors and numbers have no other."""
    if a.ndim < 2 or not a.size:
        return np.ascontiguousarray(a) if a.ndim else a
    return LAYOUTS[layout](a)


def both(a, requires_grad=False):
    """An array as a tensor of either library with the array's strides."""
    strides = [s // a.itemsize for s in a.strides]
    span = 1 + sum((n - 1) * s for n, s in zip(a.shape, strides, strict=True))
    flat = as_strided(a, (span,), (a.itemsize,)).copy()
    mine = as_strided(flat.copy(), a.shape, a.strides)
    theirs = torch.from_numpy(flat).as_strided(a.shape, strides)
    found = theirs.detach(), xg.from_numpy(mine).detach()
    assert np.array_equal(a, mine)
    return tuple(t.requires_grad_(requires_grad) for t in found)


def strides(t):
    """The strides that mean something."""
    return tuple(s for s, n in zip(t.stride(), t.shape, strict=True) if n != 1)


def by_rows(t):
    step = 1
    for s, n in zip(reversed(t.stride()), reversed(t.shape), strict=True):
        if n != 1 and s != step:
            return False
        step *= n
    return True


def harmful(theirs, mine):
    """Whether PyTorch's can be viewed in any shape, and ours cannot."""
    return bool(theirs.numel()) and by_rows(theirs) and not by_rows(mine)


def pairs(theirs, mine):
    return list(
        zip(op_db.tensors(theirs, torch.Tensor), op_db.tensors(mine, xg.Tensor), strict=True)
    )


# ------------------------------------------------------------------ all entries of the database

EXCEPTIONS = {
    "svd": "the identity for a matrix without rows is transposed, as all of this result are",
    "view_copy": "raises for layouts that PyTorch copies",
    "as_strided_scatter": "raises for places outside of an expanded tensor, which it cannot copy",
}


class Laid(op_db.Arguments):
    """Their arguments as ours, and both in a layout."""

    def __init__(self, layout):
        super().__init__()
        self.layout, self.theirs = layout, {}

    def _tensor(self, value):
        a = laid(np.asarray(value.detach().resolve_conj().numpy()), self.layout)
        theirs, mine = both(a) if a.size else (value.detach(), xg.from_numpy(a.copy()))
        self.theirs[id(value)] = theirs
        return mine

    def back(self, value):
        """Their arguments with tensors in that layout."""
        if isinstance(value, torch.Tensor):
            return self.theirs[id(value)]
        if isinstance(value, (list, tuple)) and not isinstance(value, torch.Size):
            return type(value)(map(self.back, value))
        return {k: self.back(v) for k, v in value.items()} if isinstance(value, dict) else value


def wrong_order(name, most=3):
    """The layouts in which a result of an entry is in another order than by rows; errors, too."""
    entry, function = op_db.everything()[name], op_db.function_of(name)
    kinds = (torch.float64, torch.float32, torch.complex128, torch.int64, torch.bool)
    dtype = next((d for d in kinds if d in entry.supported_dtypes("cpu")), None)
    found = []
    if dtype is None:
        return found
    torch.manual_seed(0)
    for sample in op_db.samples(entry, most, dtype):
        for layout in LAYOUTS:
            convert = Laid(layout)
            given = sample.input, tuple(sample.args), sample.kwargs
            mine = convert(given)
            x, args, kwargs = convert.back(given)
            try:
                theirs = entry.op(x, *args, **kwargs)
            except Exception:
                continue  # nothing to compare: `view` of what is not in order, singular matrices
            try:
                out = function(mine[0], *mine[1], **mine[2])
            except Exception as error:
                found.append((layout, repr(error)))
                continue
            found += [
                (layout, a.stride(), b.stride()) for a, b in pairs(theirs, out) if harmful(a, b)
            ]
    return found


@pytest.mark.parametrize("name", op_db.everything())
def test_entry(name):
    try:
        op_db.function_of(name)
    except op_db.Missing:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = wrong_order(name)
    assert bool(found) == (name in EXCEPTIONS), found


# ------------------------------------------------------------------ expressions

SMALL = {2: (3, 4), 3: (4, 3, 5), 4: (2, 3, 4, 6)}
LARGE = {2: (90, 120), 3: (15, 20, 30), 4: (4, 8, 12, 14)}  # where there are kernels

# By rank of `x`; `F` is nn.functional. Results have PyTorch's strides in every layout.
SAME = {
    2: """x.clone(); x.abs().sqrt(); x + 1; x + x; x * x.sin(); 2 / x; x.exp(); x.relu(); -x
        x > 0; x.clamp(0, 1); x.to(t.float32); x.double(); x.long(); (x > 0).to(t.uint8)
        x.clone(memory_format=t.contiguous_format); x.half(memory_format=t.contiguous_format)
        t.zeros_like(x); t.ones_like(x, dtype=t.int64); t.full_like(x, 2.0); t.empty_like(x)
        t.rand_like(x); t.randn_like(x); t.randint_like(x, 3); x.contiguous(); x.t().contiguous()
        x.t().clone(); t.where(x > 0, x, x + 1); t.lerp(x, x.sin(), 0.5); x[:1].expand(3, -1) * 2
        x.sum(0); x.mean(1, keepdim=True); x.softmax(0); x.log_softmax(1); x.cumsum(0); x.cumprod(1)
        x.logcumsumexp(0); x.cummax(0); t.cat([x, x], 1); t.cat([x, x]); t.stack([x, x], 1)
        x.masked_fill(x > 0, 0.0); x.gather(0, (x > 0).long()); x.roll(1, 1); x.tril(); x.triu()
        x.repeat(2, 3); x.tile((2, 2)); x.repeat_interleave(2, 1); x @ x.mT; x.mT @ x
        t.einsum('ij,kj->ki', x, x); t.einsum('ij,ij->ji', x, x); x.topk(2, 0); x.kthvalue(2, 1)
        F.layer_norm(x, x.shape[1:]); F.rms_norm(x, x.shape[1:]); F.one_hot((x > 0).long(), 2)
        F.batch_norm(x, None, None, training=True); F.normalize(x, dim=0); t.cdist(x, x); x.ravel()
        x.diff(dim=0); x.norm(dim=0); x.std(0); t.diag_embed(x, dim1=0); x.index_select(1, i)
        x.take_along_dim((x > 0).long(), 1); t.hstack([x, x]); t.block_diag(x, x); x[:, [1, 0]]
        x[x > 0]; F.linear(x, x); t.rot90(x, 3); t.permute_copy(x, (1, 0)); x.count_nonzero(0)""",
    3: """x.sum(1); x.mean(0); x.amax(2); x.max(1); x.min(0); x.var(1); x.prod(0); x.all(1)
        x.sum((0, 2)); x.sum(1, keepdim=True); x.norm(dim=1); x.logsumexp(1); x.aminmax(dim=1)
        x.softmax(1); x.log_softmax(2); x.cumsum(1); t.cat([x, x], 1); t.stack([x, x], 2)
        t.bmm(x, x.mT); x @ x.mT; x @ x[0].mT; x @ x[0, 0]; x.median(1); x.argmax(1); x.topk(2, 1)
        t.einsum('bij,bkj->bik', x, x); t.einsum('bij,bkj->kbi', x, x); x.tril(); x.roll(1, 1)
        F.conv1d(x, t.ones(2, x.shape[1], 2, dtype=x.dtype)) if ok else 0; F.group_norm(x, 1)
        F.instance_norm(x); F.batch_norm(x, None, None, training=True); F.linear(x, x[0])
        F.interpolate(x, scale_factor=2.0, mode='linear'); F.max_pool1d(x, 2) if ok else 0
        F.scaled_dot_product_attention(x, x, x); x.gather(1, (x > 0).long()); x[:, [1, 2]]
        x.quantile(0.5, dim=1); t.tensordot(x, x, ([1, 2], [1, 2])); x.clone(); x.double() * 2
        t.zeros_like(x); x.long(); x + x.cos(); x.movedim(0, 1).reshape(-1); x.flatten(1)""",
    4: """x.clone(); x + 1; x.sum((0, 2, 3)); x.mean(1); x.softmax(1); x @ x.mT; x @ x[0, 0, 0]
        F.layer_norm(x, x.shape[-1:]); F.unfold(x, 3); t.cat([x, x], 1) if ok else 0
        F.max_pool2d(x, 2) if ok else 0; F.max_pool2d(x, 3, 2, 1) if ok else 0
        F.avg_pool2d(x, 2) if ok else 0; F.adaptive_avg_pool2d(x, 3) if ok else 0
        F.adaptive_max_pool2d(x, 2) if ok else 0; F.group_norm(x, 1) if ok else 0
        F.conv2d(x, t.ones(4, x.shape[1], 3, 3, dtype=x.dtype)) if ok else 0
        F.batch_norm(x, None, None, training=True) if ok else 0; F.instance_norm(x) if ok else 0
        F.batch_norm(x, c, c + 1) if ok else 0; F.pad(x, (1, 1, 1, 1)) if ok else 0
        F.interpolate(x, scale_factor=2.0, mode='bilinear') if ok else 0
        F.interpolate(x, scale_factor=2.0) if ok else 0""",
}  # fmt: skip

# In large arrays, by rows in every layout: kernels write so.
ROWS = {
    2: """x.sigmoid(); F.gelu(x); F.silu(x); F.elu(x); F.leaky_relu(x); F.hardswish(x); t.erf(x)
        x.flip(1); x.sort(0); F.glu(x, 1); x.scatter(0, (x > 0).long(), x)
        x.index_add(0, i, x[:2]); x.contiguous() * x; x * x.contiguous()""",
}


def cases(table):
    """Rank and expression; ``if ok`` spares layouts of channels, which PyTorch keeps."""
    return [
        (rank, expression.strip())
        for rank, text in table.items()
        for line in text.splitlines()
        for expression in line.split(";")
    ]


def results(rank, expression, shape, layout, dtype=np.float64):
    rng = np.random.default_rng(0)
    a = laid(rng.uniform(0.5, 1.5, shape).astype(dtype), layout)
    found = []
    for lib, x in zip((torch, xg), both(a), strict=True):
        names = {"t": lib, "F": lib.nn.functional, "x": x, "i": lib.tensor([1, 0])}
        names["c"] = lib.zeros(shape[1], dtype=x.dtype)
        names["ok"] = layout not in ("channels last", *(("transposed",) if rank == 3 else ()))
        found.append(eval(expression, names))
    return pairs(*found)


@pytest.mark.parametrize(("rank", "expression"), cases(SAME))
def test_strides(rank, expression):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for layout in LAYOUTS:
            for theirs, mine in results(rank, expression, SMALL[rank], layout):
                assert strides(mine) == strides(theirs), layout


@pytest.mark.parametrize(("rank", "expression"), cases(SAME) + cases(ROWS))
def test_large(rank, expression):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for layout in ("transposed", "reversed", "gaps", "expanded"):
            for theirs, mine in results(rank, expression, LARGE[rank], layout, np.float32):
                assert not harmful(theirs, mine), (layout, theirs.stride(), mine.stride())


# ------------------------------------------------------------------ gradients

GRADIENTS = (
    "(x * y).sum()", "(x.sin() * y).sum()", "(x.t() * y.t()).sum()", "(x * w).sum()", "x.sum()",
    "(x.t() @ y).sum()", "x.softmax(0).norm()", "x.t().softmax(0).norm()", "x[1:].sum()",
    "(x + y.t().contiguous().t()).prod(0).sum()", "x.cumsum(0).norm()", "x.t().reshape(-1).norm()",
    "(x.unsqueeze(0) * y).amax(1).sum()", "x.logcumsumexp(1).norm()", "x.var(1).sum()",
)  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("expression", GRADIENTS)
def test_gradients_lie_as_their_parameters(expression, layout):
    rng = np.random.default_rng(0)
    a, b, c = (rng.uniform(0.5, 1.5, (3, 4)) for _ in range(3))
    leaves = []
    for lib, x, y, w in zip((torch, xg), both(laid(a, layout), True), both(b, True),
                            both(laid(c, "transposed"), True), strict=True):  # fmt: skip
        for _ in range(2):
            eval(expression, {"x": x, "y": y, "w": w}).backward()
        leaves.append((x, y, w))
        if lib is xg:
            value = eval(expression, {"x": x, "y": y, "w": w})
            for g in xg.autograd.grad(value, (x, y, w), allow_unused=True):
                assert g is None or g.is_contiguous()
    for theirs, mine in zip(*leaves, strict=True):
        if theirs.grad is not None:
            assert strides(mine.grad) == strides(theirs.grad)
            np.testing.assert_allclose(mine.grad.numpy(), theirs.grad.numpy())


def test_gradients_with_a_graph_lie_as_their_parameters():
    x = xg.ones(3, 4).t().clone().requires_grad_()
    y = xg.ones(4, 3).requires_grad_()
    with pytest.warns(UserWarning, match="reference cycle"):
        (x * y.sin()).sum().backward(create_graph=True)
    assert (x.grad.stride(), y.grad.stride()) == ((1, 4), (3, 1))


# ------------------------------------------------------------------ memory in another order


def test_views_of_memory_in_another_order_are_views():
    for lib in (torch, xg):
        x = lib.arange(12.0).reshape(3, 4).t() * 1
        assert x.stride() == (1, 4)
        x.as_strided((2, 2), (1, 2)).zero_()
        x.unfold(0, 2, 2)[1, 2, 1] = -1
        assert x.tolist() == [[0, 4, 8], [0, 5, 9], [0, 6, 10], [0, 7, -1]]
        assert lib.as_strided(x, (3,), (5,), 1).tolist() == [0, 6, -1]


def test_contiguous_format():
    x = xg.ones(2, 3).t()
    assert x.float().stride() == (1, 3)
    for made in (
        x.clone(memory_format=xg.contiguous_format),
        x.double(memory_format=xg.contiguous_format),
        x.to(xg.float64, memory_format=xg.contiguous_format),
        x.contiguous(),
    ):
        assert made.stride() == (2, 1)
    assert x.clone().stride() == (1, 3)
    assert x.to("cpu", xg.float32, False, True) is not x
    assert x.to(xg.float32, False, False) is x
