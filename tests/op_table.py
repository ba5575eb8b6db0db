"""One row per op: what to call it with, what it should give, where it has a derivative.

`tests/test_ops.py` makes from a row: values against NumPy in every dtype on every namespace,
gradients and second-order gradients against finite differences, gradients on every namespace
against the CPU's, dtypes, devices, aliasing. A registered op without a row fails the suite.

    Row("exp", np.exp, [S(()), S((2, 3)), S((0, 4))], dtypes=FLOATS + COMPLEX)

A sample, ``S(*inputs, **settings)``, is one call. An input is

    a shape        filled with numbers of the row's domain, in the dtype under test; no two are
                   closer than about half the average distance, and none lies on a kink
    D(shape, ...)  the same with a domain of its own
    an array       floating: cast to the dtype under test; else as it is (indices, masks)
    a number, None as it is

Settings go to the op and to the reference as they are; arrays in them are moved to the namespace.
"""

import importlib
import math
import pkgutil
import types
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.special

from xpgrad.op import OPS

FLOATS = ("float32", "float64")
HALF = ("float16",)
COMPLEX = ("complex64", "complex128")
INTS = ("int8", "uint8", "int32", "int64")
BOOL = ("bool",)
ALL_REAL = HALF + FLOATS + INTS
NUMBERS = ALL_REAL + COMPLEX

SEEN: dict[str, Callable] = {}  # what is made of ops whose results are not all theirs to say


def functions():
    """Every op's function by the name of its op."""
    package = importlib.import_module("xpgrad.ops")
    names = [f"{package.__name__}.{m.name}" for m in pkgutil.iter_modules(package.__path__)]
    modules = [importlib.import_module(name) for name in names]
    found = {}
    for module in modules:
        for value in vars(module).values():
            skipped = isinstance(value, (type, types.ModuleType))
            op = None if skipped else getattr(value, "op", None)
            if op is not None and OPS.get(op.name) is op:  # not a `named` variant of it
                found[op.name] = value
    return found | {name: change(found[name]) for name, change in SEEN.items()}


# ------------------------------------------------------------------ domains and samples


class Domain:
    """A union of intervals to draw from."""

    def __init__(self, *pieces: tuple[float, float]):
        self.pieces = pieces

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> np.ndarray:
        dt = np.dtype(dtype)
        if dt.kind == "c":
            parts = [self._reals(rng, shape) for _ in range(2)]
            return np.asarray(parts[0] + 1j * parts[1], dt)
        if dt.kind == "b":
            return rng.integers(0, 2, shape).astype(dt)
        values = self._reals(rng, shape)
        if dt.kind in "iu":
            values = np.where(values < 0, np.floor(values), np.ceil(values))
            values = np.abs(values) if dt.kind == "u" else values
        return np.asarray(values, dt)

    def _reals(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        n = int(np.prod(shape))
        # One number in each of n equal parts of the whole length, in random order.
        u = (rng.permutation(n) + rng.uniform(0.25, 0.75, n)) / max(n, 1)
        u = u * sum(high - low for low, high in self.pieces)
        out = np.empty(n)
        start = 0.0
        for low, high in self.pieces:
            out = np.where((u >= start) & (u <= start + high - low), low + u - start, out)
            start += high - low
        return out.reshape(shape)


REAL = Domain((-2.0, -0.1), (0.1, 2.0))  # not at zero, where many functions have a kink
POSITIVE = Domain((0.2, 3.0))
OPEN_UNIT = Domain((-0.9, -0.05), (0.05, 0.9))
PROBABILITY = Domain((0.05, 0.95))
ABOVE_ONE = Domain((1.1, 3.0))
OFF_INTEGERS = Domain(*((i + 0.1, i + 0.4) for i in range(-3, 3)))  # nor at halves


@dataclass(frozen=True)
class D:
    """A shape with a domain of its own."""

    shape: tuple[int, ...]
    domain: Domain


class S:
    """A sample: one call of an op."""

    def __init__(self, *inputs: Any, **settings: Any):
        self.inputs = inputs
        self.settings = settings

    def draw(self, domain: Domain, dtype: str, seed: int) -> list[Any]:
        """The inputs as host arrays (numbers and None as they are)."""
        rng = np.random.default_rng(seed)
        drawn = []
        for part in self.inputs:
            if isinstance(part, D):
                part = part.domain.draw(rng, part.shape, dtype)
            elif isinstance(part, tuple):
                part = domain.draw(rng, part, dtype)
            elif isinstance(part, np.ndarray) and part.dtype.kind in "fc":
                part = part.astype(dtype)
            drawn.append(part)
        return drawn

    def __repr__(self) -> str:
        return f"S({', '.join(map(repr, self.inputs))}, {self.settings})"


# ------------------------------------------------------------------ rows


@dataclass(frozen=True)
class Error:
    """A call that has to fail: its sample, the exception, and a part of the message."""

    sample: S
    kind: type[Exception]
    match: str
    dtype: str = "float32"


@dataclass(frozen=True)
class Row:
    """How to test one op. An op may have several rows."""

    name: str
    reference: Callable[..., Any]  # on host arrays, positionally, with the same settings
    samples: Sequence[S]
    domain: Domain = REAL
    dtypes: Sequence[str] = FLOATS
    errors: Sequence[Error] = ()
    differentiable: bool = True  # every floating input has to have a gradient
    constants: Sequence[int] = ()  # except these, by position
    second_order: bool = True
    result: Callable[[str], str] | None = None  # dtype of the result, if not the reference's
    tolerance: float = 1.0  # factor on the tolerance of values
    host: str = ""  # why a copy to the host is right here (on namespaces without better)
    needs: Sequence[str] = ()  # dtypes without which a device does not run this row
    cpu_only: str = ""  # why this row runs on NumPy's namespaces alone


# What a unary elementwise function meets: 0-d, one element, none, 1-D, 2-D, 3-D.
SHAPES = [(), (1,), (0,), (0, 3), (5,), (2, 3), (2, 1, 3)]
SPECIAL = np.array([0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 1e-30, 60.0, -60.0])

# Pairs that broadcast: alike, 0-d, prefix, stretched on both sides, empty, with Python numbers.
PAIRS = [
    ((), ()), ((3,), (3,)), ((2, 3), (2, 3)), ((2, 3), ()), ((), (2, 3)), ((2, 3), (3,)),
    ((3,), (2, 3)), ((2, 1), (1, 3)), ((1,), (4,)), ((4, 1, 2), (3, 1)), ((0, 3), (3,)),
    ((2, 0), (1, 1)),
]  # fmt: skip


def unary(name, reference, domain=REAL, dtypes=FLOATS, special=True, **more):
    """A row for an elementwise function of one array."""
    samples = [S(shape) for shape in SHAPES]
    row = [Row(name, reference, samples, domain, dtypes, **more)]
    if special:  # values only: there is no derivative to be had by differences at inf
        row.append(_values_only(name, reference, [S(SPECIAL)], FLOATS, **more))
    return row


def binary(name, reference, domain=REAL, dtypes=FLOATS, number=2, special=True, **more):
    """A row for an elementwise function of two arrays."""
    samples = [S(*pair) for pair in PAIRS]
    if number is not None:
        samples += [S((2, 3), number), S(number, (2, 3)), S((), number), S((0,), number)]
    clash = Error(S((2, 3), (2, 4)), RuntimeError, r"size of tensor a \(3\) must match")
    row = [Row(name, reference, samples, domain, dtypes, errors=(clash,), **more)]
    if special:
        pair = [S(SPECIAL[:, None], SPECIAL), S(SPECIAL, 1.5), S(0.5, SPECIAL)]
        row.append(_values_only(name, reference, pair, FLOATS, **more))
    return row


def _values_only(name, reference, samples, dtypes, **more):
    more = more | {"differentiable": False}
    return Row(name, reference, samples, REAL, dtypes, **more)


def nondifferentiable(make, name, reference, **more):
    """A row for a function without derivative."""
    return make(name, reference, differentiable=False, **more)


ROWS: list[Row] = []

# ------------------------------------------------------------------ elementwise: arithmetic

WIDE = FLOATS + HALF + COMPLEX
REALS = FLOATS + HALF + ("int32",)  # for functions that make floats of integers

ROWS += [
    *binary("add", np.add, dtypes=NUMBERS),
    *binary("subtract", np.subtract, dtypes=NUMBERS),
    *binary("multiply", np.multiply, dtypes=NUMBERS),
    *binary("divide", np.divide, dtypes=(*WIDE, "int32")),
    *binary("floor_divide", np.floor_divide, OFF_INTEGERS, dtypes=FLOATS + INTS, special=False),
    *binary("remainder", np.remainder, dtypes=FLOATS + INTS, special=False),
    *binary("fmod", np.fmod, dtypes=FLOATS + INTS, special=False),
    Row("remainder", np.remainder, [S(np.array([5.0, -5, 5, -5]), np.array([3.0, 3, -3, -3]))]),
    Row("fmod", np.fmod, [S(np.array([5.0, -5, 5, -5]), np.array([3.0, 3, -3, -3]))]),
    *binary("truncate_divide", lambda x, y: np.trunc(x / y), POSITIVE, dtypes=FLOATS,
            special=False),
    *unary("negative", np.negative, dtypes=(*WIDE, "int32")),
    *unary("positive", np.positive, dtypes=NUMBERS),
    *unary("reciprocal", lambda x: 1 / x, dtypes=REALS + COMPLEX),
]  # fmt: skip

# ------------------------------------------------------------------ elementwise: powers and roots

EXPONENTS = (2, 3, 1, 0, -1, 0.5, 1.5, -2.0)

ROWS += [
    *binary("pow", np.power, POSITIVE, dtypes=FLOATS + COMPLEX + ("int32",)),
    Row("pow", np.power, [S((2, 3), n) for n in EXPONENTS], POSITIVE, FLOATS + COMPLEX),
    Row("pow", np.power, [S((2, 3), n) for n in (2, 3, 1, 0, -1, -2.0)], REAL, FLOATS + HALF),
    Row("pow", np.power, [S(n, (2, 3)) for n in (2, 0.5, 1, 3.0)], REAL, FLOATS + COMPLEX),
    # Exponents as arrays, on a negative base and on 0: only `x` is moved, 0 ** 0 is on a kink.
    Row("pow", np.power, [S(D((4,), REAL), np.array([2, 3, -1, 1]))],
        result=lambda dtype: dtype),
    *unary("square", np.square, dtypes=(*WIDE, "int32")),
    *unary("sqrt", np.sqrt, POSITIVE, dtypes=REALS + COMPLEX),
    *binary("hypot", np.hypot, dtypes=REALS),
]  # fmt: skip

# ------------------------------------------------------------------ elementwise: functions

OFF_BOUNDS = Domain((0.05, 0.25), (0.35, 0.65), (0.75, 0.95))  # of logit, below

ROWS += [
    *unary("exp", np.exp, dtypes=REALS + COMPLEX),
    *unary("expm1", np.expm1, dtypes=REALS + COMPLEX),
    *unary("log", np.log, POSITIVE, dtypes=REALS + COMPLEX),
    *unary("log1p", np.log1p, POSITIVE, dtypes=REALS + COMPLEX),
    *unary("log2", np.log2, POSITIVE, dtypes=REALS + COMPLEX),
    *unary("log10", np.log10, POSITIVE, dtypes=REALS + COMPLEX),
    *binary("logaddexp", np.logaddexp, dtypes=REALS),
    *binary("xlogy", scipy.special.xlogy, POSITIVE, number=None, special=False),
    Row("xlogy", scipy.special.xlogy, [S(SPECIAL[:, None], SPECIAL)], differentiable=False),
    *unary("logit", scipy.special.logit, PROBABILITY, special=False),
    Row(
        "logit",
        lambda x, eps: scipy.special.logit(np.clip(x, eps, 1 - eps)),
        [S(s, eps=0.3) for s in SHAPES],
        OFF_BOUNDS,
    ),
    *unary("sigmoid", scipy.special.expit, special=False),
    *unary("sigmoid", lambda x: 1 / (1 + np.exp(-x)), dtypes=REALS + COMPLEX),
    *unary("erf", scipy.special.erf, host="the standard has no erf"),
    *unary("sin", np.sin, dtypes=REALS + COMPLEX),
    *unary("cos", np.cos, dtypes=REALS + COMPLEX),
    *unary("tan", np.tan, OPEN_UNIT, dtypes=FLOATS + HALF + COMPLEX),
    *unary("asin", np.arcsin, OPEN_UNIT, dtypes=FLOATS + HALF + COMPLEX),
    *unary("acos", np.arccos, OPEN_UNIT, dtypes=FLOATS + HALF + COMPLEX),
    *unary("atan", np.arctan, OPEN_UNIT, dtypes=REALS + COMPLEX),
    *binary("atan2", np.arctan2, dtypes=REALS),
    *unary("sinh", np.sinh, dtypes=REALS + COMPLEX),
    *unary("cosh", np.cosh, dtypes=REALS + COMPLEX),
    *unary("tanh", np.tanh, dtypes=REALS + COMPLEX),
    *unary("asinh", np.arcsinh, dtypes=REALS + COMPLEX),
    *unary("acosh", np.arccosh, ABOVE_ONE, dtypes=REALS),
    *unary("acosh", np.arccosh, OPEN_UNIT, dtypes=COMPLEX, special=False),
    *unary("atanh", np.arctanh, OPEN_UNIT, dtypes=FLOATS + HALF + COMPLEX),
]

# ------------------------------------------------------------------ elementwise: signs, choices

SAME = [np.array([1.0, 2.0, 3.0]), np.array([1.0, 3.0, 2.0])]


def _clip(x, min=None, max=None):
    return x if min is None and max is None else np.clip(x, min, max)


ROWS += [
    *unary("abs", np.abs, dtypes=(*WIDE, "int32")),
    *unary("sgn", np.sign, dtypes=(*WIDE, "int32")),
    *unary("sign", np.sign, dtypes=(*FLOATS, *HALF, "int32")),
    *unary("ceil", np.ceil, OFF_INTEGERS, dtypes=FLOATS + HALF + ("int32",)),
    *unary("floor", np.floor, OFF_INTEGERS, dtypes=FLOATS + HALF + ("int32",)),
    *unary("round", np.round, OFF_INTEGERS, dtypes=FLOATS + HALF + ("int32",)),
    *unary("trunc", np.trunc, OFF_INTEGERS, dtypes=FLOATS + HALF + ("int32",)),
    *binary("copysign", np.copysign, dtypes=REALS),
    *binary("maximum", np.maximum, dtypes=ALL_REAL),
    *binary("minimum", np.minimum, dtypes=ALL_REAL),
    *unary("twice", lambda x: x + x, dtypes=WIDE + HALF),
    Row("scale", lambda x, by: x * by, [S(s, by=-2.5) for s in SHAPES], dtypes=WIDE + HALF),
    Row("clip", _clip, [S(s, min=-0.5, max=1.2) for s in SHAPES] + [S((2, 3), min=-0.5),
        S((2, 3), max=1.2), S((2, 3)), S((2, 3), min=2, max=1)], dtypes=FLOATS + HALF),
    Row("clip_between", _clip,
        [S((2, 3), (2, 3), (2, 3)), S((2, 3), (3,), None), S((2, 3), None, (2, 1)), S((), (), ()),
         S((0, 3), (3,), ()), S((2, 3), -0.5, (2, 3)), S((3,), (2, 3), 1.2)]),
    Row("where", np.where,
        [S(np.array([True, False, True]), (3,), (3,)), S(np.array(True), (), ()),
         S(np.array([[True], [False]]), (1, 3), (2, 3)), S(np.array([True, False]), (3, 1), ()),
         S(np.zeros((0, 3), bool), (0, 3), (3,)), S(np.array([True, False]), (2,), 2),
         S(np.array([True, False]), 2, (2,))],
        dtypes=NUMBERS,
        errors=[Error(S(np.array([True, False]), (3,), (3,)), RuntimeError, "size of tensor a")]),
]  # fmt: skip

UNORDERED = Error(S((3,), (3,)), TypeError, "no order", dtype="complex64")

ROWS += [
    Row(name, getattr(np, name), [S(*SAME)], errors=[UNORDERED], differentiable=False)
    for name in ("maximum", "minimum", "greater", "greater_equal", "less", "less_equal")
]

# ------------------------------------------------------------------ elementwise: complex

ROWS += [
    *unary("conj", np.conj, dtypes=COMPLEX + FLOATS),
    *unary("real", np.real, dtypes=COMPLEX + FLOATS),
    *unary("imag", np.imag, dtypes=COMPLEX, special=False),
    *unary("angle", np.angle, dtypes=COMPLEX + FLOATS, special=False),
]

# ------------------------------------------------------------------ elementwise: no derivative

SOME = [np.array([0.0, 1.0, 2.0, -3.0]), np.array([0.0, 2.0, 1.0, -3.0])]
COMPARE = {"differentiable": False, "dtypes": ALL_REAL}


def of_bits(name, reference):
    """A row for a bitwise function."""
    wrong = Error(S((3,), (3,)), TypeError, name)
    samples = [S((2, 3), (3,)), S((), ()), S((0,), (0,)), S((2, 3), 1)]
    return Row(name, reference, samples, dtypes=INTS, differentiable=False, errors=[wrong])


ROWS += [
    *binary("nextafter", np.nextafter, special=False),
    *unary("signbit", np.signbit, differentiable=False, dtypes=FLOATS),
    *unary("isfinite", np.isfinite, differentiable=False, dtypes=FLOATS + COMPLEX),
    *unary("isinf", np.isinf, differentiable=False, dtypes=FLOATS + COMPLEX),
    *unary("isnan", np.isnan, differentiable=False, dtypes=FLOATS + COMPLEX),
    *binary("equal", np.equal, **COMPARE),
    *binary("not_equal", np.not_equal, **COMPARE),
    *binary("greater", np.greater, **COMPARE),
    *binary("greater_equal", np.greater_equal, **COMPARE),
    *binary("less", np.less, **COMPARE),
    *binary("less_equal", np.less_equal, **COMPARE),
    *(Row(name, reference, [S(*SOME)], dtypes=FLOATS, differentiable=False)
      for name, reference in (("equal", np.equal), ("less", np.less), ("greater", np.greater),
                              ("less_equal", np.less_equal))),
    Row("equal", np.equal, [S((2, 3), (3,)), S((), ())], dtypes=BOOL, differentiable=False),
    *(Row(name, reference, [S(*SOME), S((2, 3), (3,)), S((), ()), S((2, 3), number)],
          dtypes=dtypes, differentiable=False)
      for name, reference in (("logical_and", np.logical_and), ("logical_or", np.logical_or),
                              ("logical_xor", np.logical_xor))
      for number, dtypes in ((1, FLOATS + INTS), (True, FLOATS + INTS + BOOL))),
    *unary("logical_not", np.logical_not, differentiable=False, dtypes=FLOATS + INTS + BOOL),
    of_bits("bitwise_and", np.bitwise_and),
    of_bits("bitwise_or", np.bitwise_or),
    of_bits("bitwise_xor", np.bitwise_xor),
    Row("bitwise_invert", np.invert, [S(s) for s in SHAPES], dtypes=INTS + BOOL,
        differentiable=False),
    Row("bitwise_left_shift", np.left_shift, [S((2, 3), D((3,), PROBABILITY))], dtypes=INTS,
        differentiable=False),
    Row("bitwise_right_shift", np.right_shift, [S((2, 3), D((3,), PROBABILITY))], dtypes=INTS,
        differentiable=False),
]  # fmt: skip

# ------------------------------------------------------------------ elementwise: PyTorch's own

ROWS += [
    *binary("rsub", lambda x, y: y - x, dtypes=NUMBERS),
    *unary("rsqrt", lambda x: 1 / np.sqrt(x), POSITIVE, dtypes=FLOATS + COMPLEX),
]

# ------------------------------------------------------------------ nn: activations

LARGE = np.array([0.0, 1e4, -1e4, 80.0, -80.0, 700.0, -700.0])


def activation(name, reference, *settings, **more):
    """Rows for an activation, with each of some settings: shapes, and numbers far from 0."""
    more = {"dtypes": FLOATS + HALF} | more
    samples = [S(shape, **s) for s in settings or ({},) for shape in SHAPES]
    far = [S(LARGE, **s) for s in settings or ({},)]
    host = more.get("host", "")
    return [
        Row(name, reference, samples, **more),
        _values_only(name, reference, far, FLOATS, host=host),
    ]


def _gelu(x, approximate="none"):
    if approximate == "none":
        return (0.5 * x * (1 + scipy.special.erf(x / np.sqrt(2)))).astype(x.dtype)
    inner = np.sqrt(2 / np.pi) * (x + 0.044715 * x.astype(np.float64) ** 3)
    return np.asarray(0.5 * x * (1 + np.tanh(inner)), x.dtype)


def _elu(x, alpha=1.0, scale=1.0):
    return np.where(x > 0, scale * x, scale * alpha * np.expm1(x))


def _softplus(x, beta=1.0, threshold=20.0):
    return np.where(x * beta > threshold, x, np.logaddexp(x * beta, np.zeros_like(x)) / beta)


ROWS += [
    *activation("relu", lambda x: np.maximum(x, 0), dtypes=ALL_REAL),
    *activation("leaky_relu", lambda x, negative_slope=0.01: np.where(x > 0, x, x * negative_slope),
                {}, {"negative_slope": 0.2}),
    *activation("elu", _elu, {}, {"alpha": 0.7, "scale": 1.3}, dtypes=FLOATS),
    *activation("log_sigmoid", lambda x: -np.logaddexp(np.zeros_like(x), -x)),
    *activation("silu", lambda x: x * scipy.special.expit(x), dtypes=FLOATS),
    *activation("softplus", _softplus, {}, {"beta": 2.0}, {"threshold": 1.0}),
    *activation("gelu", _gelu, {}, dtypes=FLOATS, host="the standard has no erf"),
    *activation("gelu", _gelu, {"approximate": "tanh"}, dtypes=FLOATS),
]  # fmt: skip

# ------------------------------------------------------------------ nn: along an axis

_ROWS_OF = [S((3,), axis=0), S((2, 3), axis=0), S((2, 3), axis=1), S((2, 3, 2), axis=1),
            S((0, 3), axis=1), S((0, 3), axis=0), S((2, 1), axis=1), S(LARGE, axis=0)]  # fmt: skip
_SUMMED = [S(()), S((3,)), S((2, 3), axis=(1,)), S((2, 3, 2), axis=(0, 2)), S((0, 3), axis=(0,)),
           S((2, 3), axis=(0, 1), keepdims=True), S((0, 3), axis=(1,)), S(LARGE),
           S((2, 3), axis=(0,), keepdims=True)]  # fmt: skip
_INFINITE = [S(np.array([[-np.inf, -np.inf], [-np.inf, 1.0], [np.inf, 0.0]]), axis=(1,))]


def _logsumexp(x, axis=None, keepdims=False):
    with np.errstate(all="ignore"):
        wide = scipy.special.logsumexp(x, axis=axis, keepdims=keepdims) if x.size else np.log(
            np.sum(x, axis=axis, keepdims=keepdims))  # fmt: skip
    return np.asarray(wide, x.dtype)


def _layer_norm(x, weight, bias, axes, eps=1e-5):
    mean, var = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
    rstd = 1 / np.sqrt(var + x.dtype.type(eps))
    out = (x - mean) * rstd
    out = out if weight is None else out * weight
    return out if bias is None else out + bias


ROWS += [
    Row("softmax", lambda x, axis: np.asarray(scipy.special.softmax(x, axis) if x.size else x),
        _ROWS_OF),
    Row("log_softmax",
        lambda x, axis: np.asarray(scipy.special.log_softmax(x, axis) if x.size else x), _ROWS_OF),
    Row("softmax_of_one", lambda x: np.exp(x - x), [S(()), S((2, 3))]),
    Row("log_softmax_of_one", lambda x: x - x, [S(()), S((2, 3))]),
    Row("logsumexp", _logsumexp, _SUMMED),
    Row("logsumexp", _logsumexp, _INFINITE, differentiable=False),
    Row("layer_norm", _layer_norm,
        [S((4, 3), (3,), (3,), axes=(1,)), S((2, 3, 4), (3, 4), (3, 4), axes=(1, 2)),
         S((4, 3), None, None, axes=(1,)), S((4, 3), (3,), None, axes=(1,), eps=0.1),
         S((4, 3), None, (3,), axes=(1,)), S((3,), (3,), (3,), axes=(0,)),
         S((0, 3), (3,), (3,), axes=(1,))], tolerance=4),
]  # fmt: skip

# ------------------------------------------------------------------ nn: layers

PLACES = np.array([[0, 2, 0], [4, 1, 2]])


def _linear(x, weight, bias):
    out = x @ weight.T
    return out if bias is None else out + bias


ROWS += [
    Row("linear", _linear,
        [S((2, 3), (4, 3), (4,)), S((2, 3), (4, 3), None), S((3,), (4, 3), (4,)),
         S((3,), (4, 3), None), S((2, 5, 3), (4, 3), (4,)), S((2, 5, 3), (4, 3), None),
         S((0, 3), (4, 3), (4,)), S((2, 0), (4, 0), (4,)), S((1, 1), (1, 1), (1,))],
        dtypes=FLOATS + COMPLEX, tolerance=4,
        errors=[Error(S((2, 3), (4, 2), (4,)), RuntimeError, "linear")]),
    Row("embedding", lambda w, i: w[i],
        [S((5, 3), PLACES), S((5, 3), PLACES[0]), S((5, 3), np.array(2)), S((5, 2), PLACES[:, :0])],
        dtypes=FLOATS + COMPLEX),
    # What these two do to gradients is no derivative: PyTorch's answers are in another test.
    Row("embedding", lambda w, i, padding_idx: w[i], [S((5, 3), PLACES, padding_idx=2)],
        differentiable=False),
    Row("embedding", lambda w, i, by_frequency: w[i], [S((5, 3), PLACES, by_frequency=True)],
        differentiable=False),
]  # fmt: skip

# ------------------------------------------------------------------ nn: losses

REDUCTIONS = ("none", "sum", "mean")


def loss(name, terms, *settings, domain=REAL, inputs=2, constants=(), more=(), dtypes=FLOATS):
    """A row for a loss: `terms` gives its terms, before they are reduced."""

    def reference(*arrays, reduction="mean", **setting):
        found = np.asarray(terms(*arrays, **setting))
        if reduction == "none":
            return found
        total = np.sum(found)
        with np.errstate(all="ignore"):
            return total if reduction == "sum" else total / found.dtype.type(found.size)

    absent = (None,) * (inputs - 2)
    samples = [
        S(shape, shape, *absent, reduction=r, **s)
        for s in settings or ({},) for r in REDUCTIONS for shape in ((), (3,), (2, 3))
    ]  # fmt: skip
    empty = [S((0, 3), (0, 3), *absent, reduction=r) for r in ("none", "sum")]
    return Row(name, reference, [*samples, *empty, *more], domain, dtypes, constants=constants,
               tolerance=4)  # fmt: skip


def _bce(x, t, weight):
    terms = -t * np.log(x) - (1 - t) * np.log1p(-x)
    return terms if weight is None else terms * weight


def _bce_logits(x, t, weight, pos_weight):
    positive = 1 if pos_weight is None else pos_weight
    zero = np.zeros_like(x)
    terms = positive * t * np.logaddexp(zero, -x) + (1 - t) * np.logaddexp(zero, x)
    return terms if weight is None else terms * weight


def _smooth_l1(x, y, beta=1.0):
    d = np.abs(x - y)
    return np.where(d < beta, 0.5 * d * d / beta, d - 0.5 * beta)


def _huber(x, y, delta=1.0):
    d = np.abs(x - y)
    return np.where(d <= delta, 0.5 * d * d, delta * (d - 0.5 * delta))


def _nll(x, target, weight, reduction="mean"):
    weight = np.ones(target.shape, x.dtype) if weight is None else weight
    terms = -np.take_along_axis(x, target[:, None], 1)[:, 0] * weight
    if reduction == "none":
        return terms
    total = np.sum(terms)
    return total if reduction == "sum" else total / np.sum(weight)


PROB = D((2, 3), PROBABILITY)

ROWS += [
    loss("mse_loss", lambda x, y: (x - y) ** 2, more=[S((2, 3), (3,)), S((2, 1), (3,))]),
    loss("smooth_l1_loss", _smooth_l1, {}, {"beta": 0.5}),
    loss("huber_loss", _huber, {}, {"delta": 0.5}),
    loss("binary_cross_entropy", _bce, domain=PROBABILITY, inputs=3, constants=(2,),
         more=[S((2, 3), (2, 3), (2, 3)), S((2, 3), (2, 3), (3,), reduction="none")]),
    loss("binary_cross_entropy_with_logits", _bce_logits, inputs=4, constants=(2, 3),
         more=[S((2, 3), PROB, (2, 3), (3,)), S((2, 3), PROB, None, (3,), reduction="none"),
               S(LARGE, np.array([0.0, 0, 1, 1, 0, 0.5, 1]), None, None, reduction="none")]),
    Row("nll_loss", _nll,
        [S((3, 4), np.array([2, 0, 3]), D((3,), POSITIVE), reduction=r) for r in REDUCTIONS]
        + [S((3, 4), np.array([2, 2, 2]), None, reduction=r) for r in REDUCTIONS]
        + [S((3, 4), np.array([2, 0, 3]), np.array([0.0, 2.0, 0.5]), reduction=r)
           for r in REDUCTIONS]
        + [S((0, 4), np.zeros(0, int), (0,), reduction="sum")]
        + [S((2, 4, 3), np.array([[2, 0, 3], [1, 1, 2]]), w, reduction=r)
           for r in REDUCTIONS for w in (None, D((2, 3), POSITIVE))],
        constants=(2,)),
]  # fmt: skip

# ------------------------------------------------------------------ dtype, device, copies

ROWS += [
    Row("clone", np.copy, [S(shape) for shape in SHAPES], dtypes=NUMBERS + BOOL),
    Row("preserved", np.copy, [S(shape) for shape in SHAPES], dtypes=NUMBERS + BOOL),
    Row("cast", lambda x, dtype: x.astype(dtype), [S(s, dtype="float64") for s in SHAPES],
        dtypes=FLOATS + HALF + INTS, needs=["float64"]),
    Row("cast", lambda x, dtype: x.astype(dtype), [S(s, dtype="complex64") for s in SHAPES],
        dtypes=("float32", "complex64"), differentiable=False),
    Row("discretize", lambda x, dtype: x.astype(dtype),
        [S((2, 3), dtype="int32"), S((), dtype="bool"), S((0,), dtype="int8")],
        dtypes=FLOATS + HALF + INTS, differentiable=False),
]  # fmt: skip

# ------------------------------------------------------------------ reductions

# All, one and several axes; kept or not; none at all; nothing to reduce, and nothing left.
REDUCED = [
    S(()), S((1,)), S((4,)), S((2, 3)), S((2, 3), keepdims=True), S((2, 3), axis=(0,)),
    S((2, 3), axis=(1,), keepdims=True), S((2, 3, 2), axis=(0, 2)), S((2, 3, 2), axis=(0, 1, 2)),
    S((2, 3), axis=()), S((2, 1, 3), axis=(1,)), S((3, 0), axis=(0,)),
]  # fmt: skip
EMPTY = [S((0,)), S((0, 3), axis=(0,)), S((2, 0), axis=(1,), keepdims=True)]
TIES = np.array([[1.0, 3.0, 3.0], [3.0, 2.0, 0.0], [0.5, 0.5, 0.5]])
NANS = np.array([[1.0, np.nan, 3.0], [3.0, 2.0, 0.0]])


def reduction(name, function, samples=REDUCED, **more):
    """A row for a reduction whose reference is NumPy's function."""

    def reference(x, axis=None, keepdims=False):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # nan is the right mean of nothing
            return function(x, axis=axis, keepdims=keepdims)

    return Row(name, reference, samples, **more)


def _spread_of(function):
    def reference(x, axis=None, keepdims=False, correction=1):
        free = (x.size if axis is None else math.prod(x.shape[i] for i in axis)) - correction
        mean = np.mean(x, axis=axis, keepdims=True) if x.size else 0
        squares = np.sum(np.abs(x - mean) ** 2, axis=axis, keepdims=keepdims)
        return function(squares / np.asarray(max(free, 0), squares.dtype)).astype(squares.dtype)

    return reference


SPREADS = [
    S((4,)), S((2, 3)), S((2, 3), correction=0), S((2, 3), axis=(1,), correction=0.5),
    S((2, 3, 2), axis=(0, 2), keepdims=True), S((3, 0), axis=(0,)),
    S((3, 1), axis=(1,), correction=0),
]  # fmt: skip

ROWS += [
    reduction("sum", np.sum, REDUCED + EMPTY, dtypes=(*WIDE, "int32", "int64")),
    reduction("mean", np.mean, dtypes=WIDE),
    reduction("mean", np.mean, EMPTY, differentiable=False),
    reduction("prod", np.prod, REDUCED + EMPTY, dtypes=FLOATS + COMPLEX + ("int32", "int64")),
    reduction("prod", np.prod, [  # any number of factors that are zero
        S(np.array([2.0, 0.0, 3.0, -1.0])), S(np.array([0.0, 2.0, 0.0])), S(np.zeros(3)),
        S(np.array([[0.0, 2.0, 3.0], [0.0, 0.0, 4.0], [1.0, 5.0, 6.0]]), axis=(1,)),
        S(np.array([[0.0, 2.0], [3.0, 4.0]]), axis=(0, 1), keepdims=True),
    ]),
    reduction("max", np.max, dtypes=FLOATS + HALF + INTS),
    reduction("min", np.min, dtypes=FLOATS + HALF + INTS),
    *(reduction(name, f, [S(TIES), S(TIES, axis=(0,)), S(NANS), S(NANS, axis=(1,), keepdims=True)],
                differentiable=False) for name, f in (("max", np.max), ("min", np.min))),
    Row("var", _spread_of(lambda x: x), SPREADS, dtypes=FLOATS),
    Row("std", _spread_of(np.sqrt), [s for s in SPREADS if s.inputs != ((3, 1),)], dtypes=FLOATS),
    Row("std", _spread_of(np.sqrt), [S(np.ones(3)), S((3, 1), axis=(1,), correction=0), S((1,))],
        differentiable=False),
    *(reduction(name, f, REDUCED + EMPTY, domain=Domain((-1, 1)),
                dtypes=BOOL + INTS + FLOATS, differentiable=False)
      for name, f in (("all", np.all), ("any", np.any), ("count_nonzero", np.count_nonzero))),
    reduction("any", np.any, [S(NANS, axis=(0,))], differentiable=False),
]  # fmt: skip

# ------------------------------------------------------------------ running sums and products

RUNNING = [
    S((1,), axis=0), S((5,), axis=0), S((2, 3), axis=0), S((2, 3, 4), axis=1), S((2, 7), axis=1),
    S((0,), axis=0), S((3, 0), axis=1), S((0, 3), axis=1),
]  # fmt: skip

ROWS += [
    Row("cumulative_sum", np.cumsum, RUNNING, dtypes=(*WIDE, "int32", "int64")),
    Row("cumulative_prod", np.cumprod, RUNNING, dtypes=FLOATS + COMPLEX + ("int32",)),
    Row("cumulative_prod", np.cumprod, [
        S(np.array([2.0, 0.0, 3.0, 0.0, 5.0]), axis=0), S(np.zeros(4), axis=0),
        S(np.array([[0.0, 2.0, 3.0], [4.0, 0.0, 5.0]]), axis=1),
    ]),
]  # fmt: skip

# ------------------------------------------------------------------ shape


def of_settings(function):
    """A reference that takes its settings positionally, in the order in which they are written."""
    return lambda *inputs, **settings: function(*inputs, *settings.values())


def _split(x, axis, sizes, outputs):
    return np.split(x, np.cumsum(sizes)[:-1], axis)


ROWS += [
    Row("reshape", np.reshape,
        [S((2, 3), shape=(6,)), S((), shape=(1, 1)), S((0, 3), shape=(3, 0))], dtypes=NUMBERS),
    Row("expand_dims", np.expand_dims,
        [S((), axis=0), S((2, 3), axis=0), S((2, 3), axis=2), S((0,), axis=1)]),
    Row("squeeze", np.squeeze,
        [S((1,), axis=(0,)), S((2, 1, 3, 1), axis=(1, 3)), S((2, 3), axis=()),
         S((0, 1), axis=(1,))]),
    Row("permute_dims", np.transpose,
        [S((2, 3), axes=(1, 0)), S((2, 3, 4), axes=(2, 0, 1)), S((), axes=()),
         S((0, 3), axes=(1, 0))]),
    Row(
        "view_as_real",
        lambda x: np.stack([x.real, x.imag], -1),
        [S((2, 3)), S(()), S((0, 3))],
        dtypes=COMPLEX,
    ),
    Row(
        "view_as_complex",
        lambda x: x[..., 0] + np.asarray(1j, np.result_type(x, np.complex64)) * x[..., 1],
        [S((2, 3, 2)), S((2,)), S((0, 2))],
        dtypes=("float32", "float64"),
    ),
    Row("complex_of", lambda x, y: np.stack(np.broadcast_arrays(x, y), -1).view(
            np.result_type(x, np.complex64))[..., 0],
        [S((2, 3), (2, 3)), S((), ()), S((2, 1), (3,)), S((0, 3), (3,))],
        dtypes=("float32", "float64")),
    Row("matrix_transpose", np.matrix_transpose, [S((2, 3)), S((4, 2, 3)), S((0, 3)), S((1, 1))]),
    Row("broadcast_to", np.broadcast_to,
        [S((3,), shape=(2, 3)), S((), shape=(2,)), S((), shape=()), S((2, 1), shape=(4, 2, 3)),
         S((1, 3), shape=(0, 3)), S((1,), shape=(0,))]),
    Row("unstack", lambda x, axis, outputs: tuple(np.moveaxis(x, axis, 0)),
        [S((3,), axis=0, outputs=3), S((2, 3), axis=1, outputs=3), S((2, 3, 2), axis=0, outputs=2),
         S((2, 0), axis=0, outputs=2)]),
    Row("split", _split,
        [S((5,), axis=0, sizes=(2, 3), outputs=2), S((2, 4), axis=1, sizes=(1, 0, 3), outputs=3),
         S((2, 3), axis=0, sizes=(2,), outputs=1)]),
    Row("concat", lambda *x, axis: np.concatenate(x, axis),
        [S((2,), (3,), axis=0), S((2, 3), (2, 1), (2, 0), axis=1), S((1, 2), axis=0)],
        dtypes=FLOATS + COMPLEX + INTS),
    Row("stack", lambda *x, axis: np.stack(x, axis),
        [S((), (), axis=0), S((2, 3), (2, 3), axis=1), S((2, 3), (2, 3), (2, 3), axis=2),
         S((0,), (0,), axis=0)]),
    Row("flip", np.flip,
        [S(()), S((3,)), S((2, 3)), S((2, 3), axis=(1,)), S((2, 3, 2), axis=(0, 2)), S((0, 2))]),
    Row("roll", np.roll,
        [S((4,), shift=1), S((2, 3), shift=-2), S((2, 3), shift=(1,), axis=(1,)),
         S((2, 3), shift=(1, -1), axis=(0, 1)), S((0,), shift=1), S((3,), shift=7, axis=(0,))]),
    Row("repeat", np.repeat,
        [S((3,), 2, axis=0), S((2, 3), 3, axis=1), S((2, 3), 0, axis=0), S((0, 2), 2, axis=0),
         S((3,), np.array([2, 0, 1]), axis=0), S((2, 3), np.array([1, 3, 2]), axis=1)]),
    Row("tile", of_settings(np.tile),
        [S((3,), repetitions=(2,)), S((2, 3), repetitions=(2,)), S((3,), repetitions=(2, 1, 2)),
         S((), repetitions=(3,)), S((2,), repetitions=(0,)), S((2, 3), repetitions=()),
         S((0, 2), repetitions=(2, 2))]),
    *(Row(name, f, [S((3, 3)), S((2, 3), k=1), S((2, 4, 3), k=-1), S((0, 3)), S((2, 2), k=5),
                    S((2, 2), k=-5)]) for name, f in (("tril", np.tril), ("triu", np.triu))),
]  # fmt: skip

# ------------------------------------------------------------------ searching and sorting


def _pick(x, indices, axis, keepdims=False):
    indices = indices if keepdims else np.expand_dims(indices, axis)
    found = np.take_along_axis(x, indices, axis)
    return found if keepdims else np.squeeze(found, axis)


def _scatter_add(values, indices, shape, axis):
    out = np.zeros(shape, values.dtype)
    places = list(np.indices(values.shape))
    places[axis] = indices
    np.add.at(out, tuple(places), values)
    return out


def _sorted(function):
    def reference(x, axis, descending=False, stable=True):
        if descending:  # equal elements stay in order
            return np.flip(function(np.flip(x, axis), axis=axis, kind="stable"), axis)
        return function(x, axis=axis, kind="stable")

    return reference


def _top_places(x, axis, count, largest):
    """Ordered by what is larger, and then by place; nan is larger than all."""

    def places(line):
        key = lambda i: (np.isnan(line[i]), 0 if np.isnan(line[i]) else line[i])
        order = sorted(range(line.size), key=key, reverse=largest)
        return np.array(order[:count], int)  # a sort that is stable, also in reverse

    return np.apply_along_axis(places, axis, x) if x.size else np.zeros((0, 1), int)


def _kth_place(x, axis, k, keepdims=False, nan=False):
    def place(line):
        strange = np.flatnonzero(np.isnan(line))
        if nan and strange.size:
            return strange[0]
        middle = max((line.size - strange.size - 1) // 2, 0)
        return np.argsort(line, kind="stable")[middle if k is None else k]

    found = np.apply_along_axis(place, axis, x)
    return np.expand_dims(found, axis) if keepdims else found


def _argsort(x, **options):
    order = _sorted(np.argsort)(x, **options)
    return x.shape[options["axis"]] - 1 - order if options.get("descending") else order


ROWS += [
    Row("take", np.take,
        [S((3,), np.array([0, 2, 0, 1]), axis=0), S((2, 3), np.array([2, 0]), axis=1),
         S((3, 2), np.array([-1, 0, -3]), axis=0), S((3, 2), np.array([[0, 1], [2, 2]]), axis=0),
         S((3, 2), np.array(1), axis=0), S((3,), np.array([], int), axis=0)]),
    Row("take_along_axis", np.take_along_axis,
        [S((3,), np.array([2, 0, 2, 1]), axis=0), S((2, 3), np.array([[0, 2], [1, 1]]), axis=1),
         S((2, 3), np.array([[-1, 0, 1]]), axis=0), S((1, 3), np.array([[0, 2], [1, 1]]), axis=1),
         S((2, 3), np.zeros((2, 0), int), axis=1),
         S((2, 3), np.array([[0], [2]], "int8"), axis=1)]),
    Row("scatter_add", _scatter_add,
        [S((4,), np.array([0, 2, 0, 1]), shape=(3,), axis=0),
         S((2, 2), np.array([[0, 2], [1, 1]]), shape=(2, 3), axis=1),
         S((2, 0), np.zeros((2, 0), int), shape=(2, 3), axis=1)]),
    Row("pick_shared", _pick,
        [S((3,), np.array(1), axis=0), S((2, 3), np.array([2, 0]), axis=1)]),
    Row("pick", _pick,
        [S((3,), np.array(1), axis=0), S((2, 3), np.array([2, 0]), axis=1),
         S((2, 3), np.array([[1, 0, 1]]), axis=0, keepdims=True),
         S((2, 3, 2), np.array([[0, 1], [2, 0]]), axis=1)]),
    Row("sort", _sorted(np.sort),
        [S((5,), axis=0), S((2, 3), axis=1, descending=True), S((3, 2), axis=0, stable=False),
         S((0,), axis=0), S((2, 1), axis=1)], dtypes=FLOATS + HALF + ("int32",)),
    Row("sort", _sorted(np.sort), [S(TIES, axis=1), S(NANS, axis=1)], differentiable=False),
    Row("argsort", _argsort,
        [S((5,), axis=0), S((2, 3), axis=1, descending=True), S((0,), axis=0), S(TIES, axis=1),
         S(TIES, axis=1, descending=True)], dtypes=FLOATS + HALF + INTS, differentiable=False),
    Row("top_places", _top_places,
        [S((5,), axis=0, count=2, largest=True), S((2, 3), axis=1, count=3, largest=False),
         S((3, 2), axis=0, count=0, largest=True), S(TIES, axis=1, count=2, largest=True),
         S(TIES, axis=1, count=2, largest=False), S((0, 3), axis=1, count=1, largest=True)],
        dtypes=FLOATS + HALF + ("int32",), differentiable=False),
    Row("top_places", _top_places,
        [S(NANS, axis=1, count=2, largest=True), S(NANS, axis=1, count=2, largest=False)],
        differentiable=False),
    Row("kth_place", _kth_place,
        [S((5,), axis=0, k=2), S((2, 3), axis=1, k=0), S((3, 2), axis=0, k=2, keepdims=True),
         S(TIES, axis=1, k=1), S((2, 3), axis=1, k=1, nan=True)],
        dtypes=FLOATS + HALF + ("int32",), differentiable=False),
    Row("kth_place", _kth_place,
        [S(NANS, axis=1, k=1), S(NANS, axis=1, k=1, nan=True), S(NANS, axis=1, k=None),
         S(NANS, axis=0, k=None, keepdims=True), S(NANS * np.nan, axis=1, k=None),
         S(NANS, axis=0, k=0, nan=True)],
        differentiable=False),
    *(Row(name, f, [S(()), S((5,)), S((2, 3)), S((2, 3), axis=0), S((2, 3), axis=1, keepdims=True),
                    S(TIES, axis=1)], dtypes=FLOATS + HALF + INTS, differentiable=False)
      for name, f in (("argmax", np.argmax), ("argmin", np.argmin))),
    Row("argmax", np.argmax, [S(NANS), S(NANS, axis=1)], differentiable=False),
    Row("argmin", np.argmin, [S(NANS), S(NANS, axis=1)], differentiable=False),
    Row("nonzero", lambda x, outputs: np.nonzero(x),
        [S((5,), outputs=1), S((2, 3), outputs=2), S((0, 2), outputs=2)],
        domain=Domain((-1, 1)), dtypes=FLOATS + INTS + BOOL, differentiable=False),
    Row("searchsorted", lambda x, v, side="left": np.array(
            [np.searchsorted(line, given, side) for line, given in zip(x, v, strict=True)]),
        [S(np.array([[1.0, 2, 2], [0.0, 5, np.inf]]), np.array([[2.0, 9], [-1.0, 5]]), side=side)
         for side in ("left", "right")] +
        [S(np.array([[1.0, np.nan], [np.nan, np.nan]]), np.array([[np.nan, 1], [0.0, np.nan]]),
           side=side) for side in ("left", "right")], differentiable=False),
    Row("searchsorted", lambda x, v, sorter=None, side="left": np.searchsorted(x, v, side, sorter),
        [S(np.array([1.0, 2, 2, 3]), np.array([[0.0, 2], [2.5, 9]])),
         S(np.array([1.0, 2, 2, 3]), np.array([2.0]), side="right"),
         S(np.array([3.0, 1, 2]), np.array([2.5]), np.array([1, 2, 0]))], differentiable=False),
    Row("gcd", np.gcd, [S(np.array([6, 8, 0, -4, 7]), np.array([4, 12, 5, 6, 0])),
                        S(np.array([[12], [9]]), np.array([6, 4]))], dtypes=("int64",),
        differentiable=False),
    Row("unique_values", np.unique_values, [S(TIES), S((0,)), S((4,))], differentiable=False),
    Row("unique_counts", np.unique_counts, [S(TIES), S((0,)), S((4,))], differentiable=False),
    Row("unique_inverse", np.unique_inverse, [S(TIES), S((0,)), S((4,))], differentiable=False),
    Row("unique_all", np.unique_all, [S(TIES), S((0,)), S((4,))], differentiable=False),
]  # fmt: skip

# ------------------------------------------------------------------ indexing

AT = np.array([0, 2, 0])  # the first place twice
GRID = np.array([[0, -1], [2, 1]])
MASKED = np.array([[True, False, True, True], [False] * 4, [False, True, False, False]])
BASIC = [
    (slice(1, 3), ...), (0, slice(None, None, 2)), (None, ..., 1), (...,),
    (slice(None, None, -1), ...), (slice(3, 1), ...), (2, 3),
]  # fmt: skip
ADVANCED = [
    (AT,), (GRID,), (AT, slice(None, None, 2)), (slice(1, 3), AT), (AT, AT), (None, AT), (GRID, 1),
    (MASKED,), (np.array([True, False, True]), 1), (np.zeros(0, int),), (AT, ..., None),
]  # fmt: skip


def _index_add(values, shape, index):
    out = np.zeros(shape, values.dtype)
    np.add.at(out, index, values)
    return out


def _index_put(x, values, index, accumulate=False):
    out = x.copy()
    if accumulate:
        np.add.at(out, index, values)
    else:
        out[index] = values
    return out


def _copy_slices(base, values, steps):
    out = base.copy()
    view = out
    for op, settings, _ in steps:
        sliced = op.name == "getview"
        view = view[settings["index"]] if sliced else np.transpose(view, settings["axes"])
    view[...] = values
    return out


def _slices(*steps):
    """Steps to a view, as the op takes them."""
    found = functions()
    return tuple((found[name].op, settings, shape) for name, settings, shape in steps)


ROWS += [
    Row("getitem", lambda x, index: x[index], [S((3, 4), index=i) for i in (*BASIC, *ADVANCED)]),
    Row("getitem", lambda x, index: x[index],
        [S((3, 3, 4), index=i) for i in [(AT[:2], slice(None), AT[:2]), (0, slice(None), AT),
                                         (slice(None), AT, None, AT), (..., AT)]]
        + [S((), index=(...,)), S((0, 3), index=(slice(None), AT))], dtypes=FLOATS + COMPLEX),
    Row("getview", lambda x, index: x[index], [S((3, 4), index=i) for i in BASIC]
        + [S((), index=(None, ...)), S((2, 0), index=(1, ...))]),
    Row("index_add", _index_add,
        [S((3, 4), shape=(5, 4), index=(AT,)), S((2, 2, 4), shape=(3, 4), index=(GRID,)),
         S((3,), shape=(3, 4), index=(AT, AT)), S((2, 4), shape=(3, 4), index=(slice(1, 3), ...)),
         S((4,), shape=(3, 4), index=(MASKED,)), S((0, 4), shape=(3, 4), index=(AT[:0],))],
        dtypes=FLOATS + COMPLEX),
    # Repeated places with different values: the last one wins here, and nobody promises that.
    Row("index_put", _index_put,
        [S((3, 4), (2, 4), index=(slice(1, 3), ...)), S((3, 4), (), index=(0, ...)),
         S((3, 4), (2,), index=(AT[:2], AT[:2])), S((3, 4), (2, 4), index=(AT[:2],)),
         S((3, 4), (4,), index=(MASKED,)), S((3, 4), (), index=(MASKED,)),
         S((3, 4), (3, 4), index=(AT,), accumulate=True),
         S((3, 4), (4,), index=(AT,), accumulate=True),
         S((3, 4), (), index=(..., 1), accumulate=True)],
        host="the standard cannot write to places that arrays name"),
    Row("masked_fill", lambda x, mask, value: np.where(mask, np.asarray(value, x.dtype), x),
        [S((3, 4), MASKED, ()), S((3, 4), MASKED, 2.5), S((3, 4), MASKED[0], ()),
         S((2, 3, 4), MASKED, -1), S((), np.array(True), ())]),
    Row("zero", np.zeros_like, [S(shape) for shape in SHAPES]),
    Row("copy", lambda x, y: np.array(np.broadcast_to(y, x.shape)),
        [S((2, 3), (2, 3)), S((2, 3), (3,)), S((2, 3), ()), S((), ()), S((2, 0), (1, 1))]),
    Row("copy_slices", _copy_slices,
        [S((3, 4), (2, 4), steps=_slices(("getview", {"index": (slice(1, 3), ...)}, (3, 4)))),
         S((3, 4), (4, 3), steps=_slices(("permute_dims", {"axes": (1, 0)}, (3, 4)))),
         S((3, 4), (3,), steps=_slices(("permute_dims", {"axes": (1, 0)}, (3, 4)),
                                       ("getview", {"index": (2, ...)}, (4, 3))))]),
]  # fmt: skip


# ------------------------------------------------------------------ linear algebra

PRODUCTS = FLOATS + COMPLEX
CLASH = r"mm.*float32\[2, 3\]"


def _diagonal(x, offset=0, axis1=0, axis2=1):
    return np.diagonal(x, offset, axis1, axis2)


def _diag_embed(x, offset=0):
    n = x.shape[-1] + abs(offset)
    out = np.zeros((*x.shape[:-1], n, n), x.dtype)
    for i in range(x.shape[-1]):
        out[..., i + max(-offset, 0), i + max(offset, 0)] = x[..., i]
    return out


def _trace(x, offset=0):
    return np.trace(x, offset, -2, -1)


def _vector_norm(x, axis=None, keepdims=False, ord=2):
    return np.linalg.vector_norm(x, axis=axis, keepdims=keepdims, ord=ord)


def _vecdot(x, y, axis):
    x, y = (np.moveaxis(a, axis, -1) for a in (x, y))
    return np.sum(np.conj(x) * y, axis=-1)


NORMS = [S((3,), ord=p) for p in (2, 1, 3, 1.5, np.inf, -np.inf, -1)] + [
    S(()), S((2, 3)), S((2, 3), axis=(1,), ord=1), S((2, 3, 2), axis=(0, 2), keepdims=True),
]  # fmt: skip

ROWS += [
    Row("mm", np.matmul,
        [S((2, 3), (3, 4)), S((1, 1), (1, 1)), S((0, 3), (3, 2)), S((2, 0), (0, 3))],
        dtypes=(*PRODUCTS, "int32"), errors=[Error(S((2, 3), (2, 3)), RuntimeError, CLASH)]),
    Row("bmm", np.matmul, [S((4, 2, 3), (4, 3, 2)), S((0, 2, 3), (0, 3, 2))], dtypes=PRODUCTS),
    Row("mv", np.matmul, [S((2, 3), (3,)), S((0, 3), (3,)), S((2, 0), (0,))], dtypes=PRODUCTS),
    Row("dot", np.matmul, [S((3,), (3,)), S((0,), (0,)), S((1,), (1,))], dtypes=PRODUCTS),
    Row("matmul", np.matmul,
        [S((3,), (3,)), S((2, 3), (3,)), S((3,), (3, 2)), S((2, 3), (3, 4)), S((5, 2, 3), (3, 1)),
         S((5, 2, 3), (3,)), S((2, 3), (5, 3, 4)), S((3,), (5, 3, 2)), S((0, 3), (3, 2)),
         S((4, 1, 2, 3), (2, 3, 2)), S((2, 3, 4), (2, 4, 1)), S((0, 2, 3), (3, 2)),
         S((2, 2, 0), (0, 3))],
        dtypes=(*PRODUCTS, "int32"), errors=[Error(S((2, 3), (2, 3)), RuntimeError, "matmul")]),
    Row("vecdot", _vecdot,
        [S((3,), (3,), axis=-1), S((2, 3), (3,), axis=-1), S((3, 2), (3, 1), axis=-2),
         S((2, 0), (2, 0), axis=-1)], dtypes=PRODUCTS),
    Row("diagonal", _diagonal,
        [S((3, 3), axis1=0, axis2=1), S((2, 3), offset=1, axis1=0, axis2=1),
         S((3, 2), offset=-1, axis1=0, axis2=1), S((2, 3, 4), axis1=0, axis2=2),
         S((2, 3, 4), axis1=2, axis2=1), S((2, 2), offset=5, axis1=0, axis2=1),
         S((2, 2), offset=-5, axis1=0, axis2=1), S((0, 2), axis1=0, axis2=1)], dtypes=PRODUCTS),
    Row("diag_embed", _diag_embed,
        [S((3,)), S((2, 3), offset=1), S((2, 2, 1), offset=-2), S((0,)), S((2, 0), offset=2)],
        dtypes=PRODUCTS),
    Row("trace", _trace, [S((3, 3)), S((2, 3), offset=1), S((4, 2, 3), offset=-1), S((0, 2))],
        dtypes=PRODUCTS),
    Row("vector_norm", _vector_norm, NORMS, dtypes=PRODUCTS),
    Row("vector_norm", _vector_norm, [S((3,), ord=0), S(np.array([3.0, 0.0, -3.0]), ord=0.5),
        S(np.array([3.0, 0.0, -3.0]), ord=np.inf), S(np.zeros(2)), S((0,))], differentiable=False),
]  # fmt: skip

# ------------------------------------------------------------------ rows in files of their own

from op_table_spatial import SPATIAL  # noqa: E402 - which needs what is above

ROWS += SPATIAL

import op_table_linalg  # noqa: E402

ROWS += op_table_linalg.ROWS


import op_table_special  # noqa: E402

ROWS += op_table_special.ROWS

import op_table_nn  # noqa: E402

ROWS += op_table_nn.ROWS
