"""Reductions, orders and products at the points where opinions differ: ties, zeros, inf, nan, none.

Each program is run by PyTorch and by xpgrad, as in `test_ops_oracle`.
"""

import numpy as np
import pytest

pytest.importorskip("torch", reason="PyTorch is the oracle here")

from test_ops_oracle import compare

pytestmark = pytest.mark.oracle

inf, nan = np.inf, np.nan
TIES = [[1.0, 3.0, 3.0], [3.0, 2.0, 0.0], [0.5, 0.5, 0.5]]
ZEROS = [[0.0, 2.0, 3.0], [0.0, 0.0, 4.0], [1.0, 5.0, 6.0]]
SEED = [[1.0, -2.0, 0.5], [3.0, 1.5, -1.0], [2.0, 0.25, 4.0]]
EMPTY = np.zeros((2, 0))
COMPLEX = [1 + 2j, -0.5 + 1j, 2 - 3j]

PROGRAMS = {
    "all": lambda t, x: x.sum(),
    "sum": lambda t, x: x.sum(0),
    "mean": lambda t, x: x.mean(),
    "mean of columns": lambda t, x: x.mean(0, keepdim=True),
    "prod": lambda t, x: x.prod(),
    "prod of rows": lambda t, x: x.prod(1),
    "max": lambda t, x: x.max(),
    "min": lambda t, x: x.min(),
    "amax": lambda t, x: x.amax(1),
    "amin": lambda t, x: x.amin((0, 1)),
    "max of rows": lambda t, x: x.max(1)[0],
    "min of columns": lambda t, x: x.min(0, keepdim=True)[0],
    "std": lambda t, x: x.std(),
    "std of rows": lambda t, x: x.std(1),
    "var": lambda t, x: x.var(0),
    "var, no correction": lambda t, x: x.var(1, correction=0),
    "cumsum": lambda t, x: x.cumsum(1),
    "cumprod": lambda t, x: x.cumprod(0),
    "norm": lambda t, x: x.norm(),
    "norm of rows": lambda t, x: x.norm(dim=1),
    "norm 1": lambda t, x: x.norm(1, dim=1),
    "norm 3": lambda t, x: x.norm(3),
    "norm inf": lambda t, x: x.norm(inf, dim=0),
    "norm -inf": lambda t, x: x.norm(-inf, dim=0),
    "flip": lambda t, x: x.flip(0),
    "roll": lambda t, x: x.roll(1, 1),
    "repeat": lambda t, x: x.repeat(2, 1, 2),
    "tril": lambda t, x: x.tril(-1),
    "diagonal": lambda t, x: x.diagonal(1),
    "trace": lambda t, x: x.trace(),
    "matmul": lambda t, x: x @ x,
    "mv": lambda t, x: x @ x[0],
}


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("points", ["ties", "zeros", "seed"])
def test_like_pytorch(name, points):
    compare(PROGRAMS[name], {"ties": TIES, "zeros": ZEROS, "seed": SEED}[points])


# Values that several places hold are sorted by place here, and in no order in PyTorch.
@pytest.mark.parametrize("name", ["sort", "argsort", "topk"])
def test_orders_like_pytorch(name):
    programs = {
        "sort": lambda t, x: x.sort(1)[0] * t.arange(3.0, dtype=t.float64),
        "argsort": lambda t, x: x.argsort(1, descending=True),
        "topk": lambda t, x: x.topk(2, 1)[0] * t.arange(2.0, dtype=t.float64),
    }
    compare(programs[name], SEED)


@pytest.mark.parametrize(
    "program",
    [
        lambda t, x: x.max(),  # nan shares, too
        lambda t, x: x.min(),
        lambda t, x: x.sum(),
        lambda t, x: x.cumsum(0),
        lambda t, x: x.sort()[0][:2],
        lambda t, x: x.max(0)[0],
    ],
)
def test_nan_like_pytorch(program):
    compare(program, [1.0, nan, 2.0, nan])


@pytest.mark.parametrize("name", ["all", "mean", "prod", "prod of rows", "sum", "cumprod", "flip"])
def test_nothing_like_pytorch(name):
    compare(PROGRAMS[name], EMPTY)


@pytest.mark.filterwarnings("ignore:.*degrees of freedom:UserWarning")
@pytest.mark.parametrize(
    "program",
    [
        lambda t, x: x.std(),  # no degree of freedom
        lambda t, x: x.var(),
        lambda t, x: x.std(correction=0),
        lambda t, x: x.norm(),
    ],
)
def test_one_zero_like_pytorch(program):
    compare(program, [0.0])


@pytest.mark.parametrize(
    "program",
    [
        lambda t, z: z.sum(),
        lambda t, z: z.mean(),
        lambda t, z: z.prod(),
        lambda t, z: z.cumsum(0),
        lambda t, z: z.cumprod(0),
        lambda t, z: z.norm(),
        lambda t, z: z.norm(3),
        lambda t, z: z.norm(1),
        lambda t, z: z.norm(inf),
        lambda t, z: z @ z,
        lambda t, z: z.flip(0),
    ],
)
def test_complex_like_pytorch(program):
    compare(program, COMPLEX)


def test_products_like_pytorch():
    a, b, v = np.arange(6.0).reshape(2, 3), np.arange(24.0).reshape(2, 3, 4), np.arange(3.0)
    for program, arrays in (
        (lambda t, x, y: x @ y, (a, b[0])),
        (lambda t, x, y: x @ y, (v, v)),
        (lambda t, x, y: t.bmm(x, y), (b, b.transpose(0, 2, 1))),
        (lambda t, x, y: t.tensordot(x, y, dims=([1], [1])), (a, b)),
        (lambda t, x, y: t.outer(x, y), (v, v)),
        (lambda t, x, y: t.cat([x, y], 1), (a, a)),
        (lambda t, x, y: t.stack([x, y], 1), (a, a)),
        (lambda t, x: t.tile(x, (2, 2)), (a,)),
        (lambda t, x: x.repeat_interleave(t.tensor([1, 0, 2]), 1), (a,)),
        (lambda t, x: x.gather(1, t.tensor([[0, 0], [2, 1]])), (a,)),
        (lambda t, x: x.index_select(0, t.tensor([1, 1])), (a,)),
        (lambda t, x: x.unbind(1)[1], (a,)),
        (lambda t, x: x.split([1, 2], 1)[1], (a,)),
    ):
        compare(program, *arrays)
    # A chain of views in PyTorch, one op here.
    compare(lambda t, x: x.repeat_interleave(2, 1), a, name=False)
