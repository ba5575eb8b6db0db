"""Python's operators: numbers, arrays and Tensors on either side."""

from __future__ import annotations

import itertools
import operator

import numpy as np
import pytest

import xpgrad as xg
from namespaces import tensor
from oracle import check, check_error, evaluate, lines
from xpgrad import Tensor
from xpgrad.errors import DTypeError
from xpgrad.ops import compare, elementwise
from xpgrad.registry import resolve

TABLE = """
    x + y, x + 1, 1 + x, x + 1.5, 1.5 + x, x + True, x + n
    x - y, x - 1, 1 - x, x - n, 2.5 - n
    x * y, x * 2, 2 * x, x * n, x * 0.5
    x / y, x / 2, 2 / y, 1 / p, x / n
    x ** 2, x ** 3, p ** 0.5, p ** -1, 2 ** x, p ** y, x ** 0, x ** 1
    -x, +x, abs(n), -i, abs(i)
    x // 2 > 0, 7 // i, i // 2, (i - 4) // 2, x.detach() // n.detach()
    i % 2, (i - 4) % 3, x.detach() % 2, n.detach() % 2, 7 % i
    x % 2, x % n
    x @ v, m @ m, v @ v
    i + 1, i + 1.5, i * 2, i - 4, i / 2, i ** 2, 2 ** i, i ** 0.5, 1.5 * i
    i + x, x * i, i / x, u + i, u * 2, u + u
    b + 1, b * 2, b + b, b * b, b / 2, b + x[0]
    z + 1, z * 2j, 1j * z, z ** 2, z / 2, x[0] * 1j, i * 1j, z - z
    s + x, x * s, s * s, s ** s, s + i, t.tensor(1.5) + i, t.tensor(2) * x
    t.tensor(1.5, dtype=t.float64) * x
    x == y, x != y, x < y, x <= y, x > y, x >= y
    x == 1, 1 == x, x < 1, 1 < x, x >= 2.5, 2.5 >= x, i == 2, i < 2.5, z == 1 + 2j
    x == None, x != None, None == x, x == "a", x != "a"
    x == n, h == h, h < 1
    b & True, b | b, b ^ b, ~b, b & b, True | b
    i & 1, i | 4, i ^ i, ~i, i << 2, i >> 1, 1 << i, 8 >> i, 3 & i, u & 7, ~u
    b | 1, i & True
    x + np.float64(2.0), np.float64(2.0) * i, i * np.int8(2), i + np.float32(0.5)
    x.detach() == np.ones((2, 3), np.float32)
    h + 1, h * 0, 1 / h
    e + 1, e * e, 2 - e
    x[0] + x[1], x[:, None] * n
    1.0 in x, 3 in i, 7 in i
    bool(s), bool(t.tensor([0])), not s
"""

ERRORS = """
    x + "a"
    x + None
    "a" + x
    x + [1, 2, 3]
    x < "a"
    x @ 2
    2 @ x
    divmod(x, 2)
    ~x
    i ** -1
    i // 0
    i % 0
    x + t.ones(2, 4)
    x < t.ones(4)
    "a" in x
    bool(x)
    bool(t.tensor([]))
    x.foo + 1
"""


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch", reason="PyTorch is the oracle here")


def parts(text):
    """A tuple line by line is one case an element: a gradient each."""
    for line in lines(text):
        yield from _split(line)


def _split(line):
    depth, start = 0, 0
    for at, char in enumerate(line + ","):
        depth += (char in "([{") - (char in ")]}")
        if char == "," and depth == 0:
            yield line[start:at].strip()
            start = at + 1


@pytest.mark.oracle
@pytest.mark.parametrize("expression", list(parts(TABLE)))
def test_like_pytorch(torch, expression):
    check(torch, expression)


@pytest.mark.oracle
@pytest.mark.parametrize("expression", lines(ERRORS))
def test_errors_like_pytorch(torch, expression):
    check_error(evaluate(expression, torch)[0], evaluate(expression, xg)[0])


# ------------------------------------------------------------------ every pair of operands

BINARY = {
    operator.add: np.add, operator.sub: np.subtract, operator.mul: np.multiply,
    operator.truediv: np.divide, operator.floordiv: np.floor_divide, operator.mod: np.remainder,
    operator.pow: np.power, operator.eq: np.equal, operator.ne: np.not_equal,
    operator.lt: np.less, operator.le: np.less_equal, operator.gt: np.greater,
    operator.ge: np.greater_equal,
}  # fmt: skip
BITS = {
    operator.and_: np.bitwise_and, operator.or_: np.bitwise_or, operator.xor: np.bitwise_xor,
    operator.lshift: np.left_shift, operator.rshift: np.right_shift,
}  # fmt: skip


@pytest.mark.parametrize("sign", BINARY, ids=lambda f: f.__name__)
def test_floats_on_every_namespace(ns, sign):
    a = np.array([[1.0, 2.0, 4.0], [0.5, 3.0, 8.0]], np.float32)
    b = np.array([2.0, 0.5, 3.0], np.float32)
    expected = BINARY[sign](a, b)
    x, y = tensor(ns, a), tensor(ns, b)
    sides = [(x, y), (x, y._data), (x._data, y)] if type(x._data) is np.ndarray else [(x, y)]
    for left, right in sides:
        out = sign(left, right)
        assert type(out) is Tensor
        assert out._ns is ns
        np.testing.assert_allclose(out._ns.to_host(out._data), expected, rtol=1e-5)
    for number in (2, 2.0, True, np.float32(2), np.int64(2)):
        if number is True and sign is operator.sub:
            continue  # refused, as in PyTorch
        for out, want in ((sign(x, number), BINARY[sign](a, np.float32(number))),
                          (sign(number, y), BINARY[sign](np.float32(number), b))):  # fmt: skip
            assert out._ns is ns
            assert out.dtype in (xg.float32, xg.bool)
            np.testing.assert_allclose(ns.to_host(out._data), want, rtol=1e-5)


@pytest.mark.parametrize("sign", BITS, ids=lambda f: f.__name__)
def test_bits_on_every_namespace(ns, sign):
    a, b = np.array([6, 3, 8], np.int32), np.array([1, 2, 3], np.int32)
    x, y = tensor(ns, a), tensor(ns, b)
    for out, want in ((sign(x, y), BITS[sign](a, b)), (sign(x, 2), BITS[sign](a, 2)),
                      (sign(5, y), BITS[sign](5, b))):  # fmt: skip
        assert out.dtype is xg.int32
        np.testing.assert_array_equal(ns.to_host(out._data), want)


@pytest.mark.parametrize("sign", [*BINARY, operator.matmul], ids=lambda f: f.__name__)
def test_numpy_arrays_on_either_side(sign):
    """NumPy leaves the operation to the Tensor; the result is one, with its history."""
    a = np.array([[1.0, 2.0], [3.0, 4.0]])
    for left, right in (
        (xg.tensor(a, requires_grad=True), a),
        (a, xg.tensor(a, requires_grad=True)),
    ):
        out = sign(left, right)
        assert type(out) is Tensor
        np.testing.assert_allclose(out.detach().numpy(), sign(a, a))
        if out.dtype is xg.float64:
            assert out.requires_grad


def test_numpy_scalars_are_numbers():
    x = xg.ones(2)
    for number in (np.float64(2), np.float32(2), np.int64(2), np.bool_(True), np.array(2.0)[()]):
        assert (x * number).dtype is (number * x).dtype is xg.float32


def test_gradients_of_both_sides(device):
    x = xg.tensor([1.0, 2.0], device=device, requires_grad=True)
    y = xg.tensor([3.0, 4.0], device=device, requires_grad=True)
    (x * y + x / y - 2 * x + 1 / y - (3 - x) ** 2).sum().backward()
    gx = y.detach() + 1 / y.detach() - 2 + 2 * (3 - x.detach())
    gy = x.detach() - (x.detach() + 1) / y.detach() ** 2
    assert xg.allclose(x.grad, gx)
    assert xg.allclose(y.grad, gy)


# ------------------------------------------------------------------ no layer in between


@pytest.mark.parametrize(
    ("name", "op"),
    [
        ("__add__", elementwise.add), ("__radd__", elementwise.add),
        ("__mul__", elementwise.multiply),
        ("__rmul__", elementwise.multiply), ("__sub__", elementwise.subtract),
        ("__rsub__", elementwise.rsub), ("__truediv__", elementwise.divide),
        ("__neg__", elementwise.negative), ("__lt__", compare.less),
        ("__eq__", compare.equal),
    ],
)  # fmt: skip
def test_common_operators_are_the_ops(name, op):
    assert getattr(Tensor, name).op.forward is op.op.forward


# ------------------------------------------------------------------ operands of other kinds


class Other:
    """Something that knows how to deal with Tensors."""

    def __radd__(self, other):
        return "mine"

    __rsub__ = __rmul__ = __rtruediv__ = __rpow__ = __rmod__ = __rfloordiv__ = __radd__
    __rmatmul__ = __rand__ = __lt__ = __gt__ = __eq__ = __radd__

    __hash__ = None


@pytest.mark.parametrize(
    "sign",
    [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow, operator.mod,
     operator.floordiv, operator.matmul, operator.and_, operator.lt, operator.gt, operator.eq],
    ids=lambda f: f.__name__,
)  # fmt: skip
def test_other_classes_are_asked(sign):
    assert sign(xg.ones(2), Other()) == "mine"
    assert sign(xg.tensor([1]), Other()) == "mine"


@pytest.mark.parametrize(
    "value", ["a", None, [1.0], (1.0,), {}, object()], ids=lambda v: type(v).__name__
)
def test_unknown_operands(value):
    x = xg.ones(2)
    for sign, swap in itertools.product([*BINARY, *BITS, operator.matmul], (False, True)):
        pair = (value, x) if swap else (x, value)
        if sign in (operator.eq, operator.ne):
            assert sign(*pair) is (sign is operator.ne)
        elif not (sign is operator.mod and isinstance(pair[0], str)):  # "a" % x formats
            with pytest.raises(TypeError):
                sign(*pair)


def test_subclasses_of_numbers():
    class Two(int):
        pass

    class Half(float):
        pass

    assert (xg.ones(2) * Two(2) + Half(0.5)).tolist() == [2.5, 2.5]


# ------------------------------------------------------------------ the rest


def test_round():
    x = xg.tensor([0.5, 1.5, -1.26])
    assert round(x).tolist() == [0.0, 2.0, -1.0]
    assert xg.allclose(round(x, 1), xg.tensor([0.5, 1.5, -1.3]))


def test_booleans_have_no_minus():
    b = xg.tensor([True, False])
    for compute in (lambda: -b, lambda: b - b):
        with pytest.raises(DTypeError, match="not supported"):
            compute()


def test_equality_is_elementwise_and_hashing_by_identity():
    x, y = xg.ones(2), xg.ones(2)
    assert (x == y).all()
    assert len({x, y, x}) == 2
    assert {x: 1}[x] == 1


def test_python_scalars_never_promote():
    half = xg.ones(2, dtype=xg.float16)
    for out in (half + 1e-3, 2 * half, half / 3, half**2, 1 - half, half.clamp(0.5)):
        assert out.dtype is xg.float16
    assert (xg.ones(2, dtype=xg.int8) + 1).dtype is xg.int8


def test_operators_in_inference_mode():
    with xg.inference_mode():
        y = xg.ones(2) + 1
    assert y.is_inference()


def test_mixed_devices_are_named():
    with pytest.raises(RuntimeError, match="strict:1") as caught:
        xg.ones(2) + xg.ones(2, device="strict:1")
    assert "cpu" in str(caught.value)
    # A 0-d tensor on the CPU follows the others.
    out = xg.ones(2, device="strict:1") * xg.tensor(2.0)
    assert out._ns is resolve("strict:1")
