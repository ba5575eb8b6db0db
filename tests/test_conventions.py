"""What the table of conventions in `xpgrad.autograd` says, row by row, here and in PyTorch.

A case is an expression, the values of its inputs and their gradients. Its names are the inputs
``x`` and ``y``, ``t`` (the library), ``F`` (its functions of layers) and ``c`` (a constant).
"""

import importlib
import math
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import xpgrad
from namespaces import has_dtype
from xpgrad.registry import resolve

inf, nan = math.inf, math.nan


@dataclass(frozen=True)
class Case:
    """An expression, its inputs, and the gradients of its sum."""

    expression: str
    inputs: list[list[Any]]
    gradients: list[list[Any] | None]
    elsewhere: Any = None  # PyTorch's gradients or error, where they are not the same
    second: list[list[Any]] | None = None  # of the sum of the first gradient
    needs: str = "float32"  # a dtype without which a device does not run this


def of_one(expression, x, gradient, elsewhere=None, **more):
    theirs = [elsewhere] if isinstance(elsewhere, list) else elsewhere
    return Case(expression, [x], [gradient], theirs, **more)


def of_two(expression, x, y, *gradients, elsewhere=None):
    return Case(expression, [x, y], list(gradients), elsewhere)


TIE, NO = [3.0, 1.0, 3.0], RuntimeError

# The rows of the table: what it says of which functions, and where; then the cases.
ROWS: dict[tuple[str, str], list[Case]] = {
    ("abs, norm, dist, l1_loss", "0"): [
        of_one("t.abs(x)", [0.0, -0.0, -2.0], [0.0, 0.0, -1.0]),
        *(of_one(f"t.norm(x, {p})", [0.0, 0.0], [0.0, 0.0]) for p in (1, 2, 3, inf, 0.5)),
        of_one("t.norm(x, 1)", [0.0, 2.0], [0.0, 1.0]),
        *(of_two(f"t.dist(x, y, {p})", [1.0], [1.0], [0.0], [0.0]) for p in (1, 2, 3)),
        of_two("F.l1_loss(x, y)", [1.0, 2.0], [1.0, 4.0], [0.0, -0.5], [0.0, 0.5]),
    ],
    ("abs *", "nan"): [of_one("t.abs(x)", [nan], [nan], [0.0])],
    ("relu", "0"): [
        of_one("t.relu(x)", [-1.0, 0.0, -0.0, 2.0], [0.0, 0.0, 0.0, 1.0]),
        of_one("F.relu(x)", [0.0], [0.0]),
    ],
    ("leaky_relu, elu, selu", "0"): [
        of_one("F.leaky_relu(x, 0.1)", [0.0, 2.0], [0.1, 1.0]),
        of_one("F.elu(x, 0.5)", [0.0, 2.0], [0.5, 1.0], second=[[0.0, 0.0]]),
        of_one("F.selu(x)", [0.0], [1.7580993]),
    ],
    ("smooth_l1_loss, huber_loss", "beta, delta"): [
        of_two("F.smooth_l1_loss(x, y)", [2.0], [1.0], [1.0], [-1.0]),
        of_two("F.smooth_l1_loss(x, y, beta=0.0)", [2.0], [2.0], [0.0], [0.0]),
        of_two("F.huber_loss(x, y)", [2.0], [1.0], [1.0], [-1.0]),
        Case("F.huber_loss(x, c([1.0]))", [[2.0]], [[1.0]], second=[[0.0]]),
    ],
    ("clamp, clamp_min, clamp_max", "a bound"): [
        of_one("t.clamp(x, 1, 2)", [0.0, 1.0, 1.5, 2.0, 3.0], [0.0, 1.0, 1.0, 1.0, 0.0]),
        of_one("t.clamp(x, 2, 1)", [1.0, 2.0], [0.0, 0.0]),
        of_one("t.clamp_min(x, 1)", [0.0, 1.0], [0.0, 1.0]),
        of_one("t.clamp_max(x, 1)", [1.0, 2.0], [1.0, 0.0]),
    ],
    ("clamp", "a tensor for a bound"): [
        of_two("t.clamp(x, min=y)", [0.0, 1.0], [1.0, 1.0], [0.0, 1.0], [1.0, 0.0]),
        of_two("t.clamp(x, max=y)", [1.0, 2.0], [1.0, 1.0], [1.0, 0.0], [0.0, 1.0]),
    ],
    ("maximum, minimum", "a tie"): [
        of_two(f"t.{name}(x, y)", [1.0], [1.0], [0.5], [0.5]) for name in ("maximum", "minimum")
    ],
    ("fmax, fmin", "a tie"): [
        of_two(f"t.{name}(x, y)", [1.0, nan], [1.0, 2.0], [1.0, 0.0], [0.0, 1.0])
        for name in ("fmax", "fmin")
    ],
    ("max(), min(), amax, amin, aminmax", "a tie"): [
        *(of_one(f"{e}", TIE, [0.5, 0.0, 0.5])
          for e in ("x.max()", "t.amax(x, 0)", "t.aminmax(x).max")),
        *(of_one(f"{e}", [1.0, 3.0, 1.0], [0.5, 0.0, 0.5])
          for e in ("x.min()", "t.amin(x, 0)", "t.aminmax(x).min")),
    ],
    ("median()", "a tie"): [of_one("x.median()", [1.0, 2.0, 2.0], [0.0, 0.5, 0.5])],
    ("scatter_reduce", "equal extrema"): [
        of_two("t.scatter_reduce(x, 0, c([0, 0]), y, 'amax')", [3.0, 5.0], [3.0, 1.0],
               [0.5, 1.0], [0.5, 0.0]),
    ],
    ("amax, amin, aminmax *", "nan"): [
        of_one(e, [nan, 1.0, nan], [0.5, 0.0, 0.5], [nan, nan, nan])
        for e in ("t.amax(x, 0)", "t.amin(x, 0)", "t.aminmax(x).max")
    ],
    ("max(dim), min(dim), median(dim)", "a tie"): [
        of_one("x.max(0).values", TIE, [1.0, 0.0, 0.0]),
        of_one("x.min(0).values", [1.0, 3.0, 1.0], [1.0, 0.0, 0.0]),
        of_one("x.median(0).values", [1.0, 2.0, 2.0], [0.0, 1.0, 0.0]),
    ],
    ("kthvalue, topk, sort", "a tie"): [
        of_one("t.kthvalue(x, 2).values", [1.0, 3.0, 2.0], [0.0, 0.0, 1.0]),
        of_one("t.topk(x, 1).values", TIE, [1.0, 0.0, 0.0]),
        of_one("t.sort(x, stable=True).values * c([1.0, 2.0, 4.0])", TIE, [2.0, 1.0, 4.0]),
    ],
    ("cummax, cummin", "a tie"): [
        of_one("t.cummax(x, 0).values", TIE, [2.0, 0.0, 1.0]),
        of_one("t.cummin(x, 0).values", [1.0, 3.0, 1.0], [2.0, 0.0, 1.0]),
    ],
    ("sign, floor, ceil, trunc, round", "everywhere"): [
        of_one(f"t.{name}(x)", [-1.5, 0.0, 0.5, 1.0], [0.0] * 4)
        for name in ("sign", "floor", "ceil", "trunc", "round")
    ],
    ("div(rounding_mode)", "everywhere"): [
        of_two(f't.div(x, y, rounding_mode="{mode}")', [3.0, 0.0], [2.0, 0.0], [0.0] * 2, [0.0] * 2)
        for mode in ("trunc", "floor")
    ],
    ("// *", "everywhere"): [of_two("x // y", [3.0], [2.0], [0.0], [0.0], elsewhere=NO)],
    ("heaviside *", "0"): [
        Case("t.heaviside(c([-1.0, 0.0, 1.0]), x)", [[0.5] * 3], [[0.0, 1.0, 0.0]], NO)
    ],
    ("remainder, fmod, frac", "a jump"): [
        of_two("t.remainder(x, y)", [6.0, -5.0], [3.0, 3.0], [1.0, 1.0], [-2.0, 2.0]),
        of_two("t.fmod(x, y)", [6.0, -5.0], [3.0, 3.0], [1.0, 1.0], [-2.0, 1.0]),
        of_one("t.frac(x)", [2.0], [1.0]),
    ],
    ("copysign", "0"): [
        of_two("t.copysign(x, y)", [0.0, 2.0], [-1.0, -1.0], [0.0, -1.0], [0.0, 0.0])
    ],
    ("nextafter", "equal numbers"): [
        of_two("t.nextafter(x, y)", [1.0, 1.0], [1.0, 2.0], [0.0, 1.0], [0.0, 0.0])
    ],
    ("sqrt, log, logit, x ** 0.5", "0"): [
        *(of_one(f"t.{name}(x)", [0.0], [inf]) for name in ("sqrt", "log", "logit")),
        of_one("t.logit(x)", [1.0, 2.0], [inf, nan]),
        of_one("t.logit(x, 0.25)", [0.0, 0.25, 0.75], [0.0, 16 / 3, 16 / 3]),
        of_one("x ** 0.5", [0.0], [inf]),
    ],
    ("rsqrt", "0"): [of_one("t.rsqrt(x)", [0.0], [-inf])],
    ("x ** 0", "everywhere"): [
        of_one("x ** 0", [0.0, 2.0], [0.0, 0.0]),
        of_one("x ** c([0.0, 0.0])", [0.0, 2.0], [0.0, 0.0]),
    ],
    ("0 ** x", "0 and above"): [
        of_one("0 ** x", [0.0, 2.0], [0.0, 0.0]),
        of_one("c([0.0, 0.0, 0.0]) ** x", [0.0, 2.0, -1.0], [0.0, 0.0, -inf]),
    ],
    ("hypot", "the origin"): [of_two("t.hypot(x, y)", [0.0], [0.0], [nan], [nan])],
    ("atan2", "the origin"): [of_two("t.atan2(x, y)", [0.0], [0.0], [0.0], [0.0])],
    ("norm, dist, cdist, std, var", "all equal, or 0"): [
        of_two("t.cdist(x.reshape(1, 2), y.reshape(1, 2))", [1.0, 2.0], [1.0, 2.0],
               [0.0, 0.0], [0.0, 0.0]),
        of_one("t.norm(x)", [0.0, 0.0], [0.0, 0.0]),
        of_one("t.norm(x, 2, 0)", [0.0, 0.0], [0.0, 0.0]),
        of_two("t.dist(x, y)", [1.0, 2.0], [1.0, 2.0], [0.0, 0.0], [0.0, 0.0]),
        of_one("t.std(x)", [2.0, 2.0], [0.0, 0.0]),
        of_one("t.var(x)", [2.0, 2.0], [0.0, 0.0]),
    ],
    ("prod, cumprod", "zeros among factors"): [
        of_one("t.prod(x)", [0.0, 2.0, 3.0], [6.0, 0.0, 0.0]),
        of_one("x.prod(0)", [0.0, 0.0, 3.0], [0.0, 0.0, 0.0]),
        of_one("t.cumprod(x, 0)", [0.0, 2.0, 3.0], [9.0, 0.0, 0.0]),
        of_one("t.cumprod(x, 0)", [2.0, 0.0, 0.0], [1.0, 2.0, 0.0]),
    ],
    ("prod, cumprod *", "infinities"): [
        of_one("t.prod(x)", [inf, 2.0, 3.0], [6.0, inf, inf], [nan, inf, inf]),
        of_one("t.cumprod(x, 0)", [inf, 2.0, 3.0], [9.0, inf, inf], [nan, inf, inf]),
    ],
    ("xlogy(x, y)", "both 0"): [
        of_two("t.xlogy(x, y)", [0.0, 0.0], [0.0, 2.0], [0.0, math.log(2)], [nan, 0.0])
    ],
    ("sinc", "0"): [of_one("t.sinc(x)", [0.0], [0.0])],
    ("entr", "0"): [of_one("t.special.entr(x)", [0.0, 1.0], [inf, -1.0])],
    ("logsumexp *", "nothing but -inf"): [
        of_one("t.logsumexp(x, 0)", [-inf, -inf], [0.0, 0.0], [nan, nan]),
        of_one("t.logsumexp(x, 0)", [-inf, 1.0], [0.0, 1.0]),
    ],
    ("logaddexp", "two like infinities"): [
        of_two("t.logaddexp(x, y)", [-inf, -inf], [-inf, 0.0], [nan, 0.0], [nan, 1.0])
    ],
    ("binary_cross_entropy *", "0 or 1, for a target"): [
        Case("F.binary_cross_entropy(c([0.0, 1.0]), x, reduction='sum')", [[1.0, 1.0]],
             [[100.0, -100.0]], [[inf, -inf]]),
    ],
    ("softmax, log_softmax", "-inf beside numbers"): [
        of_one("t.softmax(x, 0)[1]", [-inf, 1.0], [0.0, 0.0]),
        of_one("t.log_softmax(x, 0)[1]", [-inf, 1.0], [0.0, 0.0]),
    ],
    ("nansum, nanmean, nan_to_num", "nan"): [
        of_one("t.nansum(x)", [nan, 1.0], [0.0, 1.0]),
        of_one("t.nanmean(x)", [nan, 1.0, 3.0], [0.0, 0.5, 0.5]),
        of_one("t.nan_to_num(x)", [nan, inf, 1.0], [0.0, 0.0, 1.0]),
    ],
    ("where, masked_fill", "what is not taken"): [
        of_one("t.where(x > 0, x, 2 * x)", [0.0, 1.0], [2.0, 1.0]),
        of_one("t.where(x > 0, t.log(x), x)", [0.0, 2.0], [nan, 0.5]),
        of_one("t.where(x > 0, t.log(t.where(x > 0, x, 1.0)), x)", [0.0, 2.0], [1.0, 0.5]),
        of_one("x.masked_fill(x < 0, 0.0)", [-1.0, 2.0], [0.0, 1.0]),
        of_one("t.log(x).masked_fill(x <= 0, 0.0)", [0.0, 2.0], [nan, 0.5]),
    ],
    ("x[i], index_select, gather, take", "a place named twice"): [
        of_one(e, [1.0, 2.0], [2.0, 0.0])
        for e in ("x[c([0, 0])]", "x.index_select(0, c([0, 0]))", "x.gather(0, c([0, 0]))",
                  "x.take(c([0, 0]))")
    ],
    ("embedding", "a place named twice"): [
        Case("F.embedding(c([1, 1, 0]), x)", [[[1.0], [2.0]]], [[[1.0], [2.0]]]),
        Case("F.embedding(c([1, 1, 0]), x, padding_idx=0)", [[[1.0], [2.0]]], [[[0.0], [2.0]]]),
    ],
    ("expand, broadcasting", "what is stretched"): [
        of_one("x.expand(3, 2)", [1.0, 2.0], [3.0, 3.0]),
        of_one("x * c([[1.0], [2.0]])  # broadcasting", [1.0, 2.0], [3.0, 3.0]),
    ],
    ("scatter, index_copy, index_put", "a place named twice"): [
        of_two(e, [1.0, 2.0], [3.0, 3.0], [0.0, 1.0], [1.0, 1.0])
        for e in ("x.scatter(0, c([0, 0]), y)", "x.index_copy(0, c([0, 0]), y)",
                  "x.index_put((c([0, 0]),), y)")
    ],
    ("scatter_add, index_add", "a place named twice"): [
        of_two(e, [1.0, 2.0], [3.0, 3.0], [1.0, 1.0], [1.0, 1.0])
        for e in ("x.scatter_add(0, c([0, 0]), y)", "x.index_add(0, c([0, 0]), y)")
    ],
    ("index_fill", "a place named twice"): [
        of_two("t.index_fill(x, 0, c([0, 0]), y)", [1.0, 2.0], 3.0, [0.0, 1.0], 1.0),
    ],
    ("to(dtype), double", "everywhere"): [
        of_one("x.to(t.float16)", [1.0, 2.0], [1.0, 1.0], needs="float16"),
        of_one("x.to(t.complex64) * (2 + 1j)", [1.0, 2.0], [2.0, 2.0]),
        of_one("x.double()", [1.0, 2.0], [1.0, 1.0], needs="float64"),
    ],
    ("argmax, long, x < y", "everywhere"): [
        of_one("x.argmax()", [1.5, 2.0], None),
        of_one("x.long()", [1.5, 2.0], None, needs="int64"),
        of_one("x < c([2.0, 1.0])", [1.5, 2.0], None),
    ],
    ("abs, sgn, angle", "0 + 0i"): [
        of_one("t.abs(x)", [0j, 3 + 4j], [0j, 0.6 + 0.8j]),
        of_one("t.sgn(x).real", [0j, 2 + 0j], [0j, 0j]),
        of_one("t.angle(x)", [0j, 2 + 0j], [0j, 0.5j]),
    ],
    ("polar *", "size 0"): [
        of_two("t.polar(x, y).real", [0.0], [0.0], [1.0], [0.0], elsewhere=[[0.0], [0.0]])
    ],
}  # fmt: skip

# Not in the table: what the text around it says.
COMPLEX = [
    of_one("(x * x).real", [1 + 2j], [2 - 4j]),
    of_one("(x * x).imag", [1 + 2j], [4 + 2j]),
    of_one("(x * t.conj(x)).real", [1 + 2j], [2 + 4j]),
    of_one("t.real(x)", [1 + 2j], [1 + 0j]),
    of_one("t.imag(x)", [1 + 2j], [1j]),
    of_one("t.exp(x).real", [0.5j], [np.conj(np.exp(0.5j))]),
    of_one("t.norm(x)", [3 + 0j, 4j], [0.6, 0.8j]),
    of_one("t.prod(x).real", [0j, 1 + 2j], [1 - 2j, 0j]),
    of_one("t.logsumexp(x, 0).real", [1 + 1j, 1 + 1j], [0.5 + 0j, 0.5 + 0j]),
    of_one("t.logsumexp(x, 0).real", [0j, 0.5j * math.pi], [0.5 + 0.5j, 0.5 - 0.5j]),
    of_two("(x * y).real", [1 + 2j], [3 - 1j], [3 + 1j], [1 - 2j]),
    of_two("(x / y).real", [1 + 2j], [1j], [1j], [1 - 2j]),
    of_two("(x ** y).real", [0j], [2 + 0j], [0j], [0j]),
    of_two("(x * y).real", [2.0], [3 - 1j], [3.0], [2 + 0j]),  # the real part for a real input
]
SECOND = [  # 0 here, and 0 / 0 in PyTorch
    of_one(e, x, first, second=[[0.0] * len(x)]) for e, x, first in (
        ("t.norm(x)", [0.0, 0.0], [0.0, 0.0]),
        ("t.atan2(x, c([0.0]))", [0.0], [0.0]),
        ("t.copysign(x, c([1.0]))", [0.0], [0.0]),
        ("t.sgn(x).real", [0j], [0j]),
        ("t.angle(x)", [0j], [0j]),
    )
] + [of_one("t.sinc(x)", [0.0], [0.0], second=[[-(math.pi**2) / 3]])]  # fmt: skip

CASES = [case for cases in ROWS.values() for case in cases] + COMPLEX


def evaluate(case, t, inputs, **where):
    """The value of a case's expression."""
    functions = importlib.import_module(f"{t.__name__}.nn.functional")
    names = {"t": t, "F": functions, "inf": inf, "c": lambda values: t.tensor(values, **where)}
    return eval(case.expression, names | dict(zip("xy", inputs)))


def gradients(case, t, **where):
    """The gradients of the sum of a case's expression, and of the sum of the first of these."""
    inputs = [t.tensor(values, requires_grad=True, **where) for values in case.inputs]
    out = evaluate(case, t, inputs, **where)
    if not out.requires_grad:
        return [None] * len(inputs), None
    total = out.sum()
    found = t.autograd.grad(total.real if total.is_complex() else total, inputs, create_graph=True)
    second = None
    if case.second is not None:
        part = found[0].imag if found[0].is_complex() else found[0]
        second = t.autograd.grad(part.sum(), inputs, allow_unused=True, materialize_grads=True)
    return found, second


def check(case, found, expected):
    for x, values, gradient in zip(case.inputs, expected, found, strict=True):
        if values is None:
            assert gradient is None
            continue
        assert gradient.is_complex() == (np.asarray(x).dtype.kind == "c")
        close = {"rtol": 1e-4, "atol": 1e-6, "err_msg": case.expression}
        np.testing.assert_allclose(np.asarray(gradient.detach().cpu()), values, **close)


def agrees(case, t, expected, second, **where):
    found = gradients(case, t, **where)
    check(case, found[0], expected)
    if second is not None:
        check(case, found[1], second)


def ids(case):
    return f"{case.expression}, {case.inputs}"


@pytest.mark.parametrize("case", [*CASES, *SECOND], ids=ids)
def test_as_the_table_says(case, device):
    if not has_dtype(resolve(device), case.needs):
        pytest.skip(f"{device} has no {case.needs}")
    agrees(case, xpgrad, case.gradients, case.second, device=device)


REAL = [
    case
    for case in CASES
    if None not in case.gradients and not any(np.iscomplexobj(x) for x in case.inputs)
]


def total(case, t):
    """The function that backward differentiates in `gradients`."""

    def function(*inputs):
        out = evaluate(case, t, inputs).sum()
        return out.real if out.is_complex() else out

    return function


@pytest.mark.parametrize("case", REAL, ids=ids)
def test_the_same_in_a_batch(case):
    inputs = [xpgrad.stack([xpgrad.tensor(x)] * 2) for x in case.inputs]
    each = xpgrad.func.grad(total(case, xpgrad), argnums=tuple(range(len(inputs))))
    for i in (0, 1):
        check(case, [g[i] for g in xpgrad.vmap(each)(*inputs)], case.gradients)


# What a linear function forgets has derivative 0 forwards, here and in PyTorch.
FORGETFUL = ("x.scatter(", "x.index_copy(", "x.index_put(", "padding_idx")


@pytest.mark.parametrize("case", REAL, ids=ids)
def test_the_same_forwards(case):
    if not all(np.isfinite(g).all() for g in case.gradients):
        return  # 0 times inf: a direction says nothing about the others
    inputs = [xpgrad.tensor(x) for x in case.inputs]
    rng = np.random.default_rng(0)
    directions = [rng.normal(size=np.shape(x)).astype("float32") for x in case.inputs]
    tangents = tuple(xpgrad.tensor(d) for d in directions)
    _, found = xpgrad.func.jvp(total(case, xpgrad), tuple(inputs), tangents)
    expected = sum((d * np.asarray(g)).sum() for d, g in zip(directions, case.gradients))
    same = math.isclose(found.item(), expected, rel_tol=2e-3, abs_tol=1e-3)
    assert same != any(part in case.expression for part in FORGETFUL)


@pytest.mark.oracle
@pytest.mark.parametrize("case", CASES, ids=ids)
def test_as_pytorch(case):
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
    if isinstance(case.elsewhere, type):
        with pytest.raises(case.elsewhere, match="not implemented"):
            gradients(case, torch)
        return
    theirs = case.elsewhere or case.gradients
    assert theirs != case.gradients or case.elsewhere is None
    agrees(case, torch, theirs, case.second)


@pytest.mark.oracle
@pytest.mark.parametrize("case", SECOND, ids=ids)
def test_second_derivatives_that_pytorch_does_not_have(case):
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
    _, (second,) = gradients(case, torch)
    assert np.isnan(np.asarray(second.resolve_conj())).all()


@pytest.mark.oracle
def test_the_sign_of_nan():
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
    assert math.isnan(xpgrad.sign(xpgrad.tensor(nan)).item())
    assert torch.sign(torch.tensor(nan)).item() == 0


def table(text):
    """The first two columns of the rows between the rulers."""
    _, _, body, _ = re.split(r"^=[= ]+$", text, flags=re.MULTILINE)
    return [tuple(re.split(r"\s{2,}", line)[:2]) for line in body.strip().splitlines()]


def test_the_table_has_these_rows():
    assert table(xpgrad.autograd.__doc__) == list(ROWS)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_each_function_of_a_row_has_a_case(row):
    for name in re.sub(r"\(.*?\)", "", row[0]).removesuffix(" *").split(", "):
        plain = name.replace("x[i]", "x[c(").replace("x < y", "x < c(")
        assert any(plain in case.expression for case in ROWS[row]), name


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_stars_mark_what_differs(row):
    assert row[0].endswith("*") == any(case.elsewhere is not None for case in ROWS[row])


def test_a_wrong_gradient_fails(cpu):
    case = of_one("t.abs(x)", [0.0], [1.0])
    with pytest.raises(AssertionError, match=r"t\.abs"):
        agrees(case, xpgrad, case.gradients, None)
    case = of_one("x.long()", [0.0], [1.0])
    with pytest.raises(AttributeError):
        agrees(case, xpgrad, case.gradients, None)
