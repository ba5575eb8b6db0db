"""Tensors print letter for letter as PyTorch prints them.

The literal tests need no PyTorch; the others hold xpgrad's text against PyTorch's own, with
``torch.`` read as ``xpgrad.``, over tables and over random tensors.
"""

from __future__ import annotations

import contextlib
import doctest
import inspect
import itertools
import math
import threading
import tracemalloc
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from xpgrad import printing
from xpgrad.printing import (
    PARAMETER_CLASS_NAME,
    get_printoptions,
    printoptions,
    set_printoptions,
    tensor_str,
)

NAN, INF = math.nan, math.inf

FLOATS = ("float16", "bfloat16", "float32", "float64")
COMPLEX = ("complex64", "complex128")
INTS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
DTYPES = (*FLOATS, *COMPLEX, *INTS, "bool")

# Small thresholds and narrow lines make every rule bite on small tensors.
OPTIONS: tuple[dict[str, Any], ...] = (
    {},
    {"profile": "short"},
    {"profile": "full"},
    {"precision": 0},
    {"precision": 1, "linewidth": 40},
    {"precision": 12, "sci_mode": True},
    {"sci_mode": True},
    {"sci_mode": False},
    {"threshold": 0},
    {"threshold": 5, "edgeitems": 1},
    {"threshold": 10, "edgeitems": 2, "linewidth": 30},
    {"threshold": 4, "edgeitems": 0},
    {"edgeitems": 0},
    {"linewidth": 1},
    {"linewidth": 200, "threshold": 30, "edgeitems": 5},
)

SHAPES: tuple[tuple[int, ...], ...] = (
    (),
    (0,),
    (1,),
    (2,),
    (6,),
    (7,),
    (29,),
    (0, 3),
    (3, 0),
    (1, 1),
    (2, 3),
    (3, 8),
    (8, 2),
    (0, 0, 0),
    (2, 2, 2),
    (3, 1, 7),
    (2, 0, 4, 1),
    (1, 3, 2, 2),
    (2, 1, 1, 2, 3),
)


@pytest.fixture(autouse=True)
def _default_options() -> Iterator[None]:
    set_printoptions(profile="default")
    yield
    set_printoptions(profile="default")


# The whole module, because hypothesis calls a test many times within one fixture.
@pytest.fixture(scope="module")
def torch() -> Any:
    return pytest.importorskip("torch", reason="PyTorch is the oracle here")


# --- without PyTorch ----------------------------------------------------------------------------


def lines(*text: str) -> str:
    return "\n".join(text)


LITERALS: list[tuple[str, Any, str, dict[str, Any]]] = [
    # expected, values, dtype, what else is said
    ("tensor(1.)", 1.0, "float32", {}),
    ("tensor(3.1416)", math.pi, "float32", {}),
    ("tensor(3)", 3, "int64", {}),
    ("tensor(True)", True, "bool", {}),
    ("tensor(1.+2.j)", 1 + 2j, "complex64", {}),
    ("tensor(nan)", NAN, "float32", {}),
    ("tensor(-0.)", -0.0, "float32", {}),
    ("tensor([1., 2.])", [1.0, 2.0], "float32", {}),
    ("tensor([1.0000, 2.5000])", [1.0, 2.5], "float32", {}),
    ("tensor([0., nan])", [0.0, NAN], "float32", {}),
    ("tensor([1., nan, inf])", [1.0, NAN, INF], "float32", {}),
    ("tensor([1.5000,    nan,   -inf])", [1.5, NAN, -INF], "float32", {}),
    ("tensor([1.0000e-05, 1.0000e+00])", [1e-5, 1.0], "float32", {}),
    ("tensor([1.0000e+00, 1.0010e+03])", [1.0, 1001.0], "float32", {}),
    ("tensor([   1., 1000.])", [1.0, 1000.0], "float32", {}),
    ("tensor([1.0000e+09,        nan])", [1e9, NAN], "float32", {}),
    ("tensor([0.0001], dtype=xpgrad.float64)", [1e-4], "float64", {}),
    ("tensor([9.9990e-05], dtype=xpgrad.float64)", [9.999e-5], "float64", {}),
    ("tensor([100000000.])", [1e8], "float32", {}),
    ("tensor([1.0000e+08])", [1e8 + 8], "float32", {}),
    ("tensor([-1, 20,  3])", [-1, 20, 3], "int64", {}),
    ("tensor([ True, False])", [True, False], "bool", {}),
    ("tensor([1, 2], dtype=xpgrad.uint8)", [1, 2], "uint8", {}),
    ("tensor([1., 2.], dtype=xpgrad.float64)", [1.0, 2.0], "float64", {}),
    ("tensor([1., 2.], dtype=xpgrad.bfloat16)", [1.0, 2.0], "bfloat16", {}),
    ("tensor([1.+2.j, 3.-0.j])", [1 + 2j, complex(3, -0.0)], "complex64", {}),
    ("tensor([1.+nanj, 0.+1.j])", [complex(1, NAN), 1j], "complex64", {}),
    ("tensor([-1.5000+0.j])", [-1.5], "complex64", {}),
    ("tensor([1.+0.j], dtype=xpgrad.complex128)", [1], "complex128", {}),
    ("tensor([1.])", [1.0], "float64", {"default_dtype_name": "float64"}),
    ("tensor([1.+0.j])", [1], "complex128", {"default_dtype_name": "float64"}),
    ("tensor([1.], dtype=xpgrad.float32)", [1.0], "float32", {"default_dtype_name": "float64"}),
    ("tensor([])", [], "float32", {}),
    ("tensor([], dtype=xpgrad.int64)", [], "int64", {}),
    ("tensor([], dtype=xpgrad.complex64)", [], "complex64", {}),
    ("tensor([], size=(0, 3))", np.zeros((0, 3)), "float32", {}),
    ("tensor([], size=(2, 0, 3), dtype=xpgrad.bool)", np.zeros((2, 0, 3)), "bool", {}),
    ("tensor([1.], requires_grad=True)", [1.0], "float32", {"requires_grad": True}),
    (
        "tensor([1.], grad_fn=<MulBackward0>)",
        [1.0],
        "float32",
        {"requires_grad": True, "grad_fn": "MulBackward0"},
    ),
    ("tensor([1.], device='cuda:0')", [1.0], "float32", {"device": "cuda:0"}),
    (
        "tensor([], device='cuda:1', size=(0, 2), dtype=xpgrad.float64)",
        np.zeros((0, 2)),
        "float64",
        {"device": "cuda:1"},
    ),
    ("tensor([1], dtype=lib.int32)", [1], "int32", {"module": "lib"}),
    ("MyTensor([1, 2])", [1, 2], "int64", {"class_name": "MyTensor"}),
    (
        lines(
            "MyTensor([[1., 2.],",
            "          [3., 4.]])",
        ),
        [[1.0, 2.0], [3.0, 4.0]],
        "float32",
        {"class_name": "MyTensor"},
    ),
    (
        lines(
            "Parameter containing:",
            "tensor([[1., 2.],",
            "        [3., 4.]], requires_grad=True)",
        ),
        [[1.0, 2.0], [3.0, 4.0]],
        "float32",
        {"class_name": PARAMETER_CLASS_NAME, "requires_grad": True},
    ),
    (
        lines(
            "tensor([[[0, 1],",
            "         [2, 3]],",
            "",
            "        [[4, 5],",
            "         [6, 7]]])",
        ),
        np.arange(8).reshape(2, 2, 2),
        "int64",
        {},
    ),
    (
        lines(
            "tensor([[   0,    1,    2,  ...,   47,   48,   49],",
            "        [  50,   51,   52,  ...,   97,   98,   99],",
            "        [ 100,  101,  102,  ...,  147,  148,  149],",
            "        ...,",
            "        [1850, 1851, 1852,  ..., 1897, 1898, 1899],",
            "        [1900, 1901, 1902,  ..., 1947, 1948, 1949],",
            "        [1950, 1951, 1952,  ..., 1997, 1998, 1999]])",
        ),
        np.arange(2000).reshape(40, 50),
        "int64",
        {},
    ),
    (
        lines(
            "tensor([0.0000, 0.1000, 0.2000, 0.3000, 0.4000, 0.5000, 0.6000, 0.7000, 0.8000,",
            "        0.9000, 1.0000])",
        ),
        np.arange(11) / 10,
        "float32",
        {},
    ),
    (
        lines(
            "tensor([0.0000, 0.1000, 0.2000, 0.3000, 0.4000, 0.5000, 0.6000, 0.7000],",
            "       grad_fn=<DivBackward0>)",
        ),
        np.arange(8) / 10,
        "float32",
        {"grad_fn": "DivBackward0"},
    ),
]


@pytest.mark.parametrize(
    ("expected", "values", "dtype_name", "said"), LITERALS, ids=[row[0] for row in LITERALS]
)
def test_literal(expected: str, values: Any, dtype_name: str, said: dict[str, Any]) -> None:
    host = np.asarray(values, dtype=host_dtype(dtype_name))
    assert tensor_str(host, dtype_name=dtype_name, **said) == expected


def test_threshold_is_the_most_that_is_shown_in_full() -> None:
    values = np.arange(7)
    with printoptions(threshold=7):
        assert tensor_str(values, dtype_name="int64") == "tensor([0, 1, 2, 3, 4, 5, 6])"
    with printoptions(threshold=6):
        assert tensor_str(values, dtype_name="int64") == "tensor([0, 1, 2,  ..., 4, 5, 6])"
        assert tensor_str(values[1:], dtype_name="int64") == "tensor([1, 2, 3, 4, 5, 6])"
    with printoptions(threshold=6, edgeitems=0):
        assert tensor_str(values, dtype_name="int64") == "tensor([...], size=(7,))"
        assert tensor_str(values[:2], dtype_name="int64") == "tensor([0, 1], size=(2,))"


@pytest.mark.parametrize(
    ("linewidth", "expected"),
    [
        (58, "tensor([1.5000], dtype=xpgrad.float64, requires_grad=True)"),
        (57, "tensor([1.5000], dtype=xpgrad.float64,\n       requires_grad=True)"),
        (38, "tensor([1.5000], dtype=xpgrad.float64,\n       requires_grad=True)"),
        (37, "tensor([1.5000],\n       dtype=xpgrad.float64,\n       requires_grad=True)"),
    ],
)
def test_suffixes_wrap(linewidth: int, expected: str) -> None:
    # The first line counts two more than it has, and one less for the name that is not `torch`.
    with printoptions(linewidth=linewidth):
        text = tensor_str(np.array([1.5]), dtype_name="float64", requires_grad=True)
    assert text == expected


def test_huge_array_is_not_read() -> None:
    # 10**14 elements that occupy four bytes: reading even one whole row of them would show.
    huge = np.broadcast_to(np.float32(0.5), (10**7, 10**7))
    tracemalloc.start()
    try:
        text = tensor_str(huge, dtype_name="float32")
        assert tracemalloc.get_traced_memory()[1] < 1e6  # bytes
    finally:
        tracemalloc.stop()
    row = "[0.5000, 0.5000, 0.5000,  ..., 0.5000, 0.5000, 0.5000]"
    rows = [row] * 3 + ["..."] + [row] * 3
    assert text == "tensor([" + ",\n        ".join(rows) + "])"


def test_only_what_is_shown_decides_the_format() -> None:
    values = np.ones(2000, dtype=np.float32)
    values[1000] = 1e-12
    assert tensor_str(values, dtype_name="float32") == "tensor([1., 1., 1.,  ..., 1., 1., 1.])"


def test_array_is_left_alone() -> None:
    values = np.arange(6.0).reshape(2, 3)[:, ::-1]
    values.flags.writeable = False
    expected = tensor_str(values.copy(), dtype_name="float64")
    assert tensor_str(values, dtype_name="float64") == expected


def test_signalling_nan_prints_without_a_warning() -> None:
    values = np.array([0x7FA00000], dtype=np.uint32).view(np.float32)
    assert tensor_str(values, dtype_name="float32") == "tensor([nan])"


def test_docstring_examples() -> None:
    result = doctest.testmod(printing)
    assert result.attempted > 0
    assert result.failed == 0


# --- options ------------------------------------------------------------------------------------

DEFAULTS = {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80, "sci_mode": None}


def test_profiles() -> None:
    assert get_printoptions() == DEFAULTS
    set_printoptions(profile="short")
    assert get_printoptions() == DEFAULTS | {"precision": 2, "edgeitems": 2}
    set_printoptions(profile="full", precision=7)
    assert get_printoptions() == DEFAULTS | {"precision": 7, "threshold": INF}
    set_printoptions(linewidth=60)
    assert get_printoptions() == DEFAULTS | {"precision": 7, "threshold": INF, "linewidth": 60}


def test_sci_mode_is_forgotten_by_the_next_call() -> None:
    set_printoptions(sci_mode=True)
    set_printoptions(precision=2)
    assert get_printoptions()["sci_mode"] is None


def test_unknown_profile_changes_nothing() -> None:
    with pytest.raises(ValueError, match="profile must be one of default, short, full"):
        set_printoptions(profile="long", precision=2)
    assert get_printoptions() == DEFAULTS


def test_context_manager_restores() -> None:
    set_printoptions(profile="full", sci_mode=False)
    before = get_printoptions()

    def fail_inside() -> None:
        with printoptions(precision=1, threshold=3):
            assert get_printoptions() == DEFAULTS | {"precision": 1, "threshold": 3}
            raise KeyError

    with pytest.raises(KeyError):
        fail_inside()
    assert get_printoptions() == before


def test_context_manager_is_a_decorator() -> None:
    @printoptions(precision=1)
    def inside() -> str:
        return tensor_str(np.array([0.5]), dtype_name="float32")

    assert inside() == "tensor([0.5])"
    assert get_printoptions() == DEFAULTS


def test_a_change_in_another_thread_never_shows_half() -> None:
    stop = threading.Event()

    def flip() -> None:
        while not stop.is_set():
            set_printoptions(profile="short")
            set_printoptions(profile="default")

    values = np.full(7, 0.5)
    thread = threading.Thread(target=flip)
    thread.start()
    try:
        seen = {tensor_str(values, dtype_name="float32") for _ in range(500)}
    finally:
        stop.set()
        thread.join()
    whole = {f"tensor([{', '.join([cell] * 7)}])" for cell in ("0.50", "0.5000")}
    assert seen <= whole


# --- against PyTorch ----------------------------------------------------------------------------


def host_dtype(dtype_name: str) -> str:
    """NumPy has no bfloat16: its values come as float32."""
    return {"bfloat16": "float32"}.get(dtype_name, dtype_name)


@contextlib.contextmanager
def both(torch: ModuleType, options: dict[str, Any]) -> Iterator[None]:
    with torch._tensor_str.printoptions(**options), printoptions(**options):
        yield


def check(torch: Any, host: npt.NDArray[Any], dtype_name: str, **said: Any) -> None:
    """Print the same values with both."""
    tensor = torch.from_numpy(np.array(host))
    if dtype_name == "bfloat16":
        tensor = tensor.to(torch.bfloat16)
        host = tensor.to(torch.float32).numpy()
    assert str(tensor.dtype) == "torch." + dtype_name
    if said.get("requires_grad"):
        tensor.requires_grad_()
    expected = repr(tensor).replace("torch.", "xpgrad.")
    assert tensor_str(host, dtype_name=dtype_name, **said) == expected


def draw(rng: np.random.Generator, dtype_name: str, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    """Random values of a random kind: what they look like decides the format."""
    dtype = np.dtype(host_dtype(dtype_name))
    if dtype.kind == "b":
        return np.asarray(rng.random(shape) < rng.choice([0.0, 0.5, 1.0]))
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        bits = int(rng.integers(1, info.bits + 1))
        low = -(2 ** (bits - 1)) if dtype.kind == "i" else 0
        high = low + 2**bits - 1
        return rng.integers(low, high, shape, dtype=dtype, endpoint=True)
    if dtype.kind == "c":
        host = np.empty(shape, dtype)
        host.real = draw_floats(rng, shape)
        host.imag = draw_floats(rng, shape)
        return host
    with np.errstate(over="ignore"):  # 1e12 in half precision
        return draw_floats(rng, shape).astype(dtype)


def draw_floats(rng: np.random.Generator, shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
    kind = rng.integers(6)
    host = np.asarray(rng.standard_normal(shape))
    if kind == 0:  # each of its own magnitude
        host = host * 10.0 ** rng.integers(-12, 13, shape)
    elif kind == 1:  # all of one magnitude
        host = host * 10.0 ** rng.integers(-12, 13)
    elif kind == 2:  # whole
        host = np.round(host * 10.0 ** rng.integers(0, 10))
    elif kind == 3:  # at the edges of scientific notation
        host = rng.choice([1e-4, 1.0001e-4, 0.1, 0.1001, 1, 100, 1000, 1001, 1e8, 1.01e8], shape)
    elif kind == 4:  # halves, which rounding treats specially
        host = np.round(host * 8) / 8
    host = np.where(rng.random(shape) < rng.choice([0, 0, 0.2]), 0.0, host)
    if rng.random() < 0.3:
        odd = rng.choice([NAN, INF, -INF, -0.0], shape)
        host = np.where(rng.random(shape) < rng.choice([0.1, 0.5, 1.0]), odd, host)
    return np.asarray(host)


@pytest.mark.oracle
@pytest.mark.parametrize("dtype_name", DTYPES)
def test_every_option_and_shape(torch: Any, dtype_name: str) -> None:
    rng = np.random.default_rng(DTYPES.index(dtype_name))
    for options, shape in itertools.product(OPTIONS, SHAPES):
        host = draw(rng, dtype_name, shape)
        with both(torch, options):
            check(torch, host, dtype_name)


@pytest.mark.oracle
@pytest.mark.parametrize("dtype_name", ["float32", "int64", "complex64"])
@pytest.mark.parametrize(
    "shape", [(1000,), (1001,), (10, 100), (7, 143), (143, 7), (6, 167), (2, 5, 101), (40000, 30)]
)
def test_around_the_threshold(torch: Any, dtype_name: str, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(len(shape))
    check(torch, draw(rng, dtype_name, shape), dtype_name)


SPECIAL: list[list[float]] = [
    [0.0],
    [-0.0],
    [0.0, -0.0, NAN, INF, -INF],
    [1.0, -0.0, NAN, INF, -INF],
    [1.5, 0.0, NAN, -INF],
    [1e10, 0.0, NAN, -INF],
    [1.0, 1000.0],
    [1.0, 1001.0],
    [1e-4, 1e-4],
    [9.99e-5],
    [1e8],
    [1e8 + 1],
    [99999999.5],
    [0.99999, 0.00005],
    [0.5, 1.5, 2.5],
    [0.00005, 0.00015, 0.00025],
    [5e-324, 1.7e308],
    [1e-45],
    [3.4e38],
    [65504.0, 6e-8],
    [123456789.0],
    [-1.0, 10.0],
    [-99999.5, 100000.0],
]


@pytest.mark.oracle
@pytest.mark.parametrize("dtype_name", [*FLOATS, *COMPLEX])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_special_values(torch: Any, dtype_name: str, options: dict[str, Any]) -> None:
    with both(torch, options):
        for values in SPECIAL:
            with np.errstate(over="ignore", under="ignore"):
                host = np.array(values).astype(host_dtype(dtype_name))
            check(torch, host, dtype_name)
            if dtype_name in COMPLEX:
                host.imag = host.real[::-1]
                host.real[:] = 1
                check(torch, host, dtype_name)


@pytest.mark.oracle
@pytest.mark.parametrize("dtype_name", DTYPES)
@pytest.mark.parametrize("default", FLOATS)
def test_default_dtype(torch: Any, dtype_name: str, default: str) -> None:
    before = torch.get_default_dtype()
    torch.set_default_dtype(getattr(torch, default))
    try:
        for shape in [(), (0,), (2,), (0, 2)]:
            host = np.ones(shape, host_dtype(dtype_name))
            check(torch, host, dtype_name, default_dtype_name=default)
    finally:
        torch.set_default_dtype(before)


@pytest.mark.oracle
def test_suffixes_wrap_where_pytorch_wraps_them(
    torch: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Without a GPU this is how PyTorch is made to name the device: it thinks CPU not the default.
    monkeypatch.setattr(torch._C, "_get_default_device", lambda: "elsewhere")
    for n, linewidth, edgeitems in itertools.product(range(24), (20, 60, 80), (0, 3)):
        with both(torch, {"linewidth": linewidth, "edgeitems": edgeitems}):
            for dtype_name in ("float32", "float64"):
                for shape in [(n,), (2, n)]:
                    host = np.full(shape, 0.5, dtype_name)
                    check(torch, host, dtype_name, device="cpu")
                    check(torch, host, dtype_name, device="cpu", requires_grad=True)


@pytest.mark.oracle
def test_grad_fn(torch: Any) -> None:
    for shape in [(), (3,), (8,), (2, 8), (0, 2)]:
        for dtype_name in FLOATS:
            x = torch.full(shape, 0.75, dtype=getattr(torch, dtype_name), requires_grad=True)
            y = x * x
            text = tensor_str(
                y.detach().to(torch.float64).numpy(),
                dtype_name=dtype_name,
                grad_fn=type(y.grad_fn).__name__,
                requires_grad=True,
            )
            assert text == repr(y).replace("torch.", "xpgrad.")


@pytest.mark.oracle
def test_parameter_and_subclass(torch: Any) -> None:
    class Named(torch.Tensor):  # type: ignore[misc]
        pass

    class Special(torch.nn.Parameter):  # type: ignore[misc]
        pass

    for shape in [(), (0, 3), (8,), (2, 8), (2, 2, 2), (50, 50)]:
        host = np.full(shape, 0.5)
        said: dict[str, Any] = {"dtype_name": "float64", "module": "torch"}
        data = torch.from_numpy(host)

        text = tensor_str(host, class_name=PARAMETER_CLASS_NAME, requires_grad=True, **said)
        assert text == repr(torch.nn.Parameter(data))
        assert tensor_str(host, class_name="Named", **said) == repr(data.as_subclass(Named))
        text = tensor_str(host, class_name="Special", requires_grad=True, **said)
        assert f"Parameter containing:\nParameter({text})" == repr(Special(data))


@pytest.mark.oracle
def test_huge_array(torch: Any) -> None:
    for shape in [(10**13,), (10**6, 10**6), (3, 10**6, 10**5), (100, 7, 10**4, 6, 10)]:
        tensor = torch.ones(1).expand(shape)
        assert tensor_str(np.broadcast_to(np.float32(1), shape), dtype_name="float32") == repr(
            tensor
        )


@pytest.mark.oracle
def test_options_are_pytorchs(torch: Any) -> None:
    assert get_printoptions() == torch._tensor_str.get_printoptions()
    ours, theirs = map(inspect.signature, (set_printoptions, torch.set_printoptions))
    assert [(p.name, p.default) for p in ours.parameters.values()] == [
        (p.name, p.default) for p in theirs.parameters.values()
    ]
    for options in OPTIONS:
        with both(torch, options):
            assert get_printoptions() == torch._tensor_str.get_printoptions()


FUZZ = settings(
    max_examples=1000,
    deadline=None,  # the machine may be busy
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)

OPTION_SETS = st.fixed_dictionaries(
    {},
    optional={
        "precision": st.integers(0, 9),
        "threshold": st.integers(0, 40),
        "edgeitems": st.integers(0, 4),
        "linewidth": st.integers(1, 130),
        "profile": st.sampled_from(["default", "short", "full"]),
        "sci_mode": st.sampled_from([None, True, False]),
    },
)


@pytest.mark.oracle
@FUZZ
@given(
    dtype_name=st.sampled_from(DTYPES),
    shape=st.lists(st.integers(0, 9), max_size=5).filter(lambda s: math.prod(s) <= 400),
    seed=st.integers(0, 2**32 - 1),
    options=OPTION_SETS,
)
def test_fuzz_shapes(
    torch: Any, dtype_name: str, shape: list[int], seed: int, options: dict[str, Any]
) -> None:
    host = draw(np.random.default_rng(seed), dtype_name, tuple(shape))
    with both(torch, options):
        check(torch, host, dtype_name)


@pytest.mark.oracle
@FUZZ
@given(
    values=st.lists(st.floats(width=64), max_size=12),
    dtype_name=st.sampled_from(FLOATS),
    options=OPTION_SETS,
)
def test_fuzz_floats(
    torch: Any, values: list[float], dtype_name: str, options: dict[str, Any]
) -> None:
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        host = np.array(values, dtype=np.float64).astype(host_dtype(dtype_name))
    with both(torch, options):
        check(torch, host, dtype_name)


@pytest.mark.oracle
@FUZZ
@given(
    values=st.lists(st.complex_numbers(), max_size=12),
    dtype_name=st.sampled_from(COMPLEX),
    options=OPTION_SETS,
)
def test_fuzz_complex(
    torch: Any, values: list[complex], dtype_name: str, options: dict[str, Any]
) -> None:
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        host = np.array(values, dtype=np.complex128).astype(dtype_name)
    with both(torch, options):
        check(torch, host, dtype_name)
