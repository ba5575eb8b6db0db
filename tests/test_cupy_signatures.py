"""CuPy without a GPU: whatever xpgrad asks of CuPy, CuPy's own signatures accept.

NumPy plays CuPy here (`played_cupy`). With ``ci/test --cupy`` the whole suite runs on it; this file
holds what must be so in any case: the checker complains where it should, the ops' calls fit, the
backend's own code is right, and the kernels' source gives the numbers it should.
"""

import ast
import contextlib
import ctypes
import functools
import os
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

if os.environ.get("XPGRAD_CUPY", "0") == "0":
    pytest.importorskip("cupy", reason="its signatures are what is checked: ci/test --cupy")

import array_api_compat.cupy as compat_cupy
import cupy
from cupyx.scipy.special import erf

import test_ops
import xpgrad as xg
from fake_device import OnDevice, Undisciplined, check, current, plain
from namespaces import NAMES, host
from op_table import ROWS
from played_cupy import (
    DEVICES,
    WAITING,
    Memory,
    log,
    misfit,
    played,
    result_of,
    signature_of,
    waited,
)
from test_registry import trained
from xpgrad.autograd.forward_ad import ForwardNamespace
from xpgrad.device import device as Device
from xpgrad.func.wrapped import WrappedNamespace
from xpgrad.namespace import CONSTANTS, CREATION, FUNCTIONS
from xpgrad.registry import resolve
from xpgrad_backends import cupy as backend_module
from xpgrad_backends.cupy import CuPyNamespace, Philox

SOURCES = Path(xg.__file__).resolve().parent


@pytest.fixture(params=DEVICES)
def there(request):
    yield resolve(request.param)
    assert current.index == 0


# ── does a call fit a function of CuPy? ──────────────────────────────────────────────────────────

X = object()


@pytest.mark.parametrize(
    ("function", "args", "kwargs"),
    [
        (cupy.sum, (X,), {"axis": 0, "keepdims": True}),
        (cupy.exp, (X,), {}),
        (cupy.add, (X, X), {}),
        (cupy.add, (X, X, X), {}),  # the last is where the result goes
        (cupy.zeros, ((2,),), {"dtype": "f4"}),
        (cupy.from_dlpack, (X,), {"copy": True}),
        (cupy.ndarray.astype, ("f4",), {"copy": False}),
        (cupy.ndarray.reshape, (2, 3), {"copy": None}),
        (cupy.ndarray.swapaxes, (0, 1), {}),
        (compat_cupy.var, (X,), {"correction": 1.0}),
    ],
)
def test_the_checker_accepts(function, args, kwargs):
    assert misfit(function, args, kwargs) is None


@pytest.mark.parametrize(
    ("function", "args", "kwargs"),
    [
        (cupy.sum, (X,), {"axes": 0}),
        (cupy.sum, (X, 0, None, None, True, 1), {}),
        (cupy.exp, (), {}),
        (cupy.exp, (X, X, X), {}),
        (cupy.exp, (X,), {"axis": 0}),
        (cupy.add, (X,), {}),
        (cupy.take, (X,), {}),
        (cupy.zeros, (2, 3, "C", 4), {}),
        (cupy.zeros, ((2,),), {"device": None}),
        (cupy.from_dlpack, (X,), {"stream": 1}),
        (cupy.from_dlpack, (), {}),
        (cupy.ndarray.astype, (), {"copy": False}),
        (cupy.ndarray.astype, ("f4",), {"device": 0}),
        (cupy.ndarray.swapaxes, (0,), {}),
        (compat_cupy.var, (X,), {"ddof": 1, "corection": 1}),
        (compat_cupy.permute_dims, (X,), {}),
    ],
)
def test_the_checker_refuses(function, args, kwargs):
    if function is compat_cupy.var:  # compat hands on what it does not know
        function = cupy.var
    assert misfit(function, args, kwargs) is not None


@pytest.mark.parametrize(
    ("ufunc", "args", "expected"),
    [
        (cupy.exp, (np.zeros(1, "i4"),), "f8"),
        (cupy.exp, (np.zeros(1, "f2"),), "f2"),
        (cupy.add, (np.zeros(1, "f4"), 2.5), "f4"),
        (cupy.add, (np.zeros(1, "i4"), 2.5), "f8"),
        (cupy.add, (np.zeros(1, "f4"), 1j), "c8"),
        (cupy.add, (np.zeros(1, "f4"), np.zeros((), "f8")), "f8"),
        (cupy.less, (np.zeros(1, "f4"), 1), "?"),
        (erf, (np.zeros(1, "f2"),), "f8"),  # CuPy's own way with half precision
    ],
)
def test_result_types(ufunc, args, expected):
    assert result_of(ufunc, args) == np.dtype(expected)


def test_what_cupy_cannot_compute(there, monkeypatch):
    assert result_of(cupy.floor, (np.zeros(1, "c8"),)) is None
    there.cupy.exp  # made
    monkeypatch.setattr(there, "exp", played("exp", erf, np.exp, there.array_type))
    with there.current(), pytest.raises(Undisciplined, match=r"gives float64, not float16"):
        there.exp(there.from_host(np.zeros(1, "f2")))


@pytest.mark.parametrize("name", [*FUNCTIONS, *CREATION])
def test_every_function_can_be_checked(name):
    for module in (cupy, compat_cupy):
        function = getattr(module, name, None)
        if function is not None and not isinstance(function, cupy.ufunc):
            assert signature_of(function) is not None


# ── everything the ops ask of CuPy ───────────────────────────────────────────────────────────────


def rows_here(always=False):
    """The ops' rows; one of them will do where the whole suite runs on these devices."""
    functions = test_ops.FUNCTIONS
    if DEVICES[0] in NAMES and not always:
        return [pytest.param(ROWS[0], id=ROWS[0].name)]
    return [
        pytest.param(row, id=row.name) for row in ROWS if row.name in functions and not row.cpu_only
    ]


@pytest.mark.parametrize("row", rows_here())
def test_ops_forward(there, row):
    test_ops.check_values(row, there)


@pytest.mark.filterwarnings("ignore:Using backward.. with create_graph=True")
@pytest.mark.parametrize("row", [p for p in rows_here() if p.values[0].differentiable])
def test_ops_backward(there, row):
    function = test_ops.FUNCTIONS[row.name]
    cpu = resolve("cpu")
    for what, inputs, settings in test_ops.cases(
        row, ["float64"] if "float64" in row.dtypes else row.dtypes[:1]
    ):
        outputs = test_ops.call(function, cpu, inputs, settings)[1]
        weights = test_ops.weights_for([host(o) for o in outputs])
        expected = test_ops.first_order(row, function, cpu, inputs, settings, weights)
        found = test_ops.first_order(row, function, there, inputs, settings, weights)
        for f, e in zip(found, expected, strict=True):
            if e is not None:
                np.testing.assert_allclose(f, e, rtol=1e-6, atol=1e-9, err_msg=what)


@pytest.mark.filterwarnings("ignore:Using backward.. with create_graph=True")
@pytest.mark.parametrize("row", [p for p in rows_here(True) if p.values[0].differentiable])
def test_ops_second_order(row):
    """The ops as Tensors' namespace, under the guard: rules of rules."""
    function, ns, cpu = test_ops.FUNCTIONS[row.name], resolve("played_pair:1"), resolve("cpu")
    for what, inputs, settings in list(test_ops.cases(row, test_ops.wide(row)[:1]))[:3]:
        outputs = test_ops.call(function, cpu, inputs, settings)[1]
        weights = test_ops.weights_for([host(o) for o in outputs])
        like = [x for x, w in zip(inputs, test_ops.wants_gradient(row, inputs), strict=True) if w]
        directions = test_ops.weights_for(like, seed=11)
        arguments = inputs, settings, weights, directions
        expected = test_ops.second_order(row, function, cpu, *arguments)
        found = test_ops.second_order(row, function, ns, *arguments)
        for f, e in zip([*found[0], *found[1]], [*expected[0], *expected[1]], strict=True):
            np.testing.assert_allclose(f, e, rtol=1e-6, atol=1e-8, err_msg=what)


MOMENTUM = functools.partial(xg.optim.SGD, momentum=0.9)


@pytest.mark.parametrize("optimizer", [MOMENTUM, xg.optim.Adam])
def test_a_training_step_waits_for_nothing(there, optimizer, monkeypatch):
    """Nor does it bring anything from the host: it could be captured as a CUDA graph."""

    def no(x):
        raise Undisciplined("a copy between host and device")

    @contextlib.contextmanager
    def refuse():
        monkeypatch.setattr(there, "to_host", no)
        monkeypatch.setattr(there, "from_host", no)
        log.clear()
        yield
        monkeypatch.undo()

    found = trained(there.device, optimizer, refuse)
    called = {name.rpartition(".")[2] for name, *_ in log}
    assert "maximum" in called or "where" in called  # it did run there
    assert not called & WAITING
    for f, e in zip(found, trained("cpu", optimizer), strict=True):
        np.testing.assert_allclose(host(f), host(e), rtol=2e-5, atol=1e-6)


def test_a_wrong_call_is_caught(there, monkeypatch):
    """A rule with a keyword that CuPy lacks, and one that waits, fail these tests."""
    x = there.asarray(np.ones(3))
    with pytest.raises(Undisciplined, match=r"CuPy refuses this call: sum: .*axes"):
        there.sum(x, axes=0)
    with pytest.raises(Undisciplined, match=r"CuPy refuses this call.*exp takes 1 arrays"):
        there.exp(x, x, x)
    with pytest.raises(AttributeError, match=r"cupy.ndarray.*'tobytes_or_so'"):
        x.tobytes_or_so()
    with pytest.raises(Undisciplined, match="CuPy refuses this call: astype"):
        x.astype("f4", device=1)
    with pytest.raises(Undisciplined, match="array of the host"):
        there.exp(np.ones(3))
    with pytest.raises(Undisciplined, match="waits for the device"):
        float(there.getitem(x, 0))
    with pytest.raises(AttributeError, match="no_such_function"):
        there.no_such_function(x)
    if there.guard is not None:
        with pytest.raises(Undisciplined, match="device 1 is used while 0 is current"):
            x + x


# ── the backend's own code ───────────────────────────────────────────────────────────────────────

INDICES = {
    "an integer": 1,
    "a slice": slice(None, None, -2),
    "new axes": (None, ..., 0),
    "integers that repeat": np.array([0, 2, 0, -1]),
    "two arrays": (np.array([[0], [1]]), np.array([2, 2])),
    "an array and a slice": (slice(1, 3), np.array([1, 1, 0])),
    "arrays apart": (np.array([0, 0]), None, np.array([1, 1])),
    "no integers": (np.zeros((0,), np.int64),),
    "a mask": np.array([True, False, True, True]),
    "a full mask": np.arange(12).reshape(4, 3) % 5 == 0,
    "nothing true": np.zeros((4, 3), bool),
}
DTYPES = (
    "float16 float32 float64 complex64 complex128 bool int8 uint8 int16 uint16 int32 int64 uint32"
)


def moved(ns, index):
    if isinstance(index, tuple):
        return tuple(moved(ns, i) for i in index)
    return ns.from_host(index) if isinstance(index, np.ndarray) else index


@pytest.mark.parametrize("index", INDICES.values(), ids=INDICES)
def test_indexing(there, index):
    cpu = resolve("cpu")
    for dtype in DTYPES.split():
        x = (np.arange(12) % 7).astype(dtype).reshape(4, 3)
        values = (np.arange(x[index].size) % 3 + 1).astype(dtype).reshape(x[index].shape)
        if dtype.startswith("complex"):
            values = values * (1 - 2j)
        raw, there_index = there.from_host(x), moved(there, index)
        np.testing.assert_array_equal(there.to_host(there.getitem(raw, there_index)), x[index])
        found = there.to_host(there.index_add(raw, there_index, there.from_host(values)))
        expected = cpu.index_add(x, index, values)
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)
        for value in (there.from_host(values), there.from_host(np.asarray(1, dtype)), 1):
            copy = there.copy(raw)
            assert there.assign(copy, there_index, value) is copy
            expected = x.copy()
            expected[index] = values if getattr(value, "shape", ()) == values.shape else 1
            if values.shape != ():
                np.testing.assert_array_equal(there.to_host(copy), expected)


def test_assigning_through_a_mask_does_not_wait(there, monkeypatch):
    """``x[mask] = 0`` counts the mask on a real device; copyto does not."""
    x = there.from_host(np.arange(6.0).reshape(2, 3))
    mask = there.from_host(np.arange(6).reshape(2, 3) % 2 == 0)

    def refuse(self, index, value):
        raise Undisciplined("x[mask] = value waits for the device")

    monkeypatch.setattr(OnDevice, "__setitem__", refuse)
    for index in (mask, (mask,)):
        there.assign(x, index, 0.5)
        there.assign(x, index, there.from_host(np.array(7.0)))
    np.testing.assert_array_equal(there.to_host(x), [[7, 1, 7], [3, 7, 5]])


def test_clip(there):
    x = np.array([-2.0, -0.5, 0.5, 2.0, np.nan], np.float32)
    raw = there.from_host(x)
    for low, high in [(-1, 1), (None, 1.0), (0, None), (None, None), (1, -1), (np.nan, 1.0)]:
        found = there.clip(raw, low, high)
        assert found is not raw
        with np.errstate(invalid="ignore"):
            expected = x if low is None else np.maximum(x, np.float32(low))
            expected = expected if high is None else np.minimum(expected, np.float32(high))
        np.testing.assert_array_equal(there.to_host(found), expected)
        assert found.dtype == x.dtype
    wide = there.from_host(np.full(5, 0.25))
    assert there.clip(raw, wide, wide).dtype == np.float32
    assert there.clip(there.from_host(np.array([1, 5], np.int8)), 2, 3).dtype == np.int8


def test_memory(there):
    x = there.from_host(np.arange(6.0).reshape(2, 3))
    y = there.from_host(np.arange(6.0))
    assert there.owns_memory(x)
    part = there.getitem(x, (slice(None), slice(None, None, 2)))
    for view in (part, there.reshape(x, (3, 2)), there.permute_dims(x, (1, 0))):
        assert there.memory_key(view) == there.memory_key(x)
        assert not there.owns_memory(view)
    assert there.owner(x) is x
    assert there.memory_key(x) != there.memory_key(y)
    assert there.memory_key(there.copy(x)) != there.memory_key(x)


def test_from_gpu_to_gpu(monkeypatch):
    """Directly, and not before the other has computed it."""
    here, there = resolve("played_pair:0"), resolve("played_pair:1")
    for ns in (here, there):
        monkeypatch.setattr(ns, "to_host", None)
        monkeypatch.setattr(ns, "from_host", None)
    x = xg.arange(3.0, device="played_pair:1").requires_grad_()
    waited.clear()
    y = x.to("played_pair:0")
    assert waited == [(0, 1)]
    assert y._data.on == 0
    (y * y).sum().backward()
    assert waited == [(0, 1), (1, 0)]
    assert x.grad._data.on == 1
    monkeypatch.undo()
    np.testing.assert_array_equal(host(x.grad), [0, 2, 4])


def test_what_is_nobodys_or_somebody_elses(there):
    """An empty array has no address of its own; imported memory belongs to another library."""
    empty = [SimpleNamespace(data=SimpleNamespace(mem=Memory(0))) for _ in range(2)]
    assert there.memory_key(empty[0]) != there.memory_key(empty[1])
    imported = SimpleNamespace(base=None, data=SimpleNamespace(mem=object()))
    assert not there.owns_memory(imported)
    assert there.owner(imported) is None


def test_figures(there):
    pool = there.cupy.get_default_memory_pool()
    assert there.memory_allocated() == 512
    assert there.max_memory_allocated() == 4096  # what the pool holds: nobody has watched
    there.cupy.cuda.MemoryHook = cupy.cuda.MemoryHook
    there.reset_peak_memory_stats()
    watch = there._peak
    try:
        assert there.max_memory_allocated() == 512
        pool.used = 2048
        watch.malloc_postprocess(
            device_id=there.index + 1, size=1, mem_size=512, mem_ptr=1, pmem_id=1
        )
        assert watch.bytes == 512  # another device's
        watch.malloc_postprocess(device_id=there.index, size=1, mem_size=512, mem_ptr=1, pmem_id=1)
        pool.used = 512
        assert there.max_memory_allocated() == 2048
        there.reset_peak_memory_stats()
        assert there.max_memory_allocated() == 512
        assert there._peak is watch
    finally:
        watch.__exit__()
    there.empty_cache()
    assert pool.total == 512


def test_hooks_have_the_names_that_cupy_calls():
    assert callable(cupy.cuda.MemoryHook.malloc_postprocess)
    assert callable(cupy.cuda.get_current_stream)
    assert callable(cupy.cuda.Stream.record)
    assert callable(cupy.cuda.Stream.wait_event)
    assert callable(cupy.get_default_memory_pool)
    for name in ("PooledMemory", "Memory", "MemoryAsync", "BaseMemory", "MemoryPointer"):
        assert hasattr(cupy.cuda.memory, name)
    assert hasattr(cupy.cuda.memory.BaseMemory, "ptr")
    assert hasattr(cupy.cuda.memory.MemoryPointer, "mem")
    for name in ("getDevice", "getDeviceCount", "getDeviceProperties", "runtimeGetVersion"):
        assert hasattr(cupy.cuda.runtime, name)
    for name in ("base", "data", "dtype", "device", "shape", "mT", "get"):
        assert hasattr(cupy.ndarray, name)
    assert {"used_bytes", "total_bytes", "free_all_blocks"} <= set(dir(cupy.cuda.MemoryPool))


def test_from_host(there):
    for x in (
        np.arange(3, dtype=">f4"),
        np.arange(6).reshape(2, 3).T,
        np.float32(2),
        np.zeros((0, 2)),
    ):
        raw = there.from_host(x)
        np.testing.assert_array_equal(there.to_host(raw), x)
        assert raw.dtype.isnative
        assert not np.shares_memory(plain(raw), x)


# ── the namespace without a driver ───────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def real():
    """The namespace over the real CuPy: made without a driver, and without use for one."""
    return CuPyNamespace(Device("cuda", 0))


def test_it_is_made_without_a_driver(real):
    assert set(real.natives) == set(resolve("cpu").natives)
    assert real.guard is None
    several = CuPyNamespace(Device("cuda", 1), several=True)
    assert several.guard().id == 1
    assert str(several) == "cupy on cuda:1"


@pytest.mark.parametrize("name", [*FUNCTIONS, *CREATION, *CONSTANTS])
def test_it_has_every_function(real, name):
    assert hasattr(real, name)


def names_of_namespaces(source):
    """``xp.name`` and ``xp.linalg.name`` in a source, for whatever a namespace is called there."""
    called = {"xp", "ns", "there", "cpu"}
    tree = ast.parse(source)
    inner = {n.value for n in ast.walk(tree) if isinstance(n, ast.Attribute)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node not in inner:
            parts = [node.attr]
            while isinstance(node.value, ast.Attribute):
                node = node.value
                parts.append(node.attr)
            if isinstance(node.value, ast.Name) and node.value.id in called:
                yield tuple(reversed(parts))
            elif parts[-1] in ("ns", "_ns") and len(parts) > 1:
                yield tuple(reversed(parts[:-1]))


NOT_THE_LIBRARYS = {"raw", "ns", "xp", "asked", "tolist"}


@pytest.mark.parametrize(
    "path",
    [p for part in ("ops", "door", "nn", "optim") for p in sorted((SOURCES / part).rglob("*.py"))]
    + [p for p in sorted(SOURCES.glob("*.py")) if p.stem not in ("namespace", "registry", "host")],
    ids=lambda p: str(p.relative_to(SOURCES)),
)
def test_every_name_exists(real, path):
    """Also in branches that no test takes."""
    for parts in set(names_of_namespaces(path.read_text("utf-8"))):
        if parts[0] in NOT_THE_LIBRARYS or parts[0].startswith("__"):
            continue
        # Some are asked only of the namespaces of transforms.
        known = any(hasattr(n, parts[0]) for n in (real, WrappedNamespace, ForwardNamespace))
        assert known, f"{path.name}: xp.{'.'.join(parts)}"
        if parts[0] in ("linalg", "fft") and len(parts) > 1:
            assert hasattr(getattr(real, parts[0]), parts[1]), f"{path.name}: xp.{'.'.join(parts)}"


def test_every_name_exists_complains():
    source = "def f(xp, x):\n    return xp.no_such(xp.linalg.nor_this(x._ns.or_that(x)))"
    assert set(names_of_namespaces(source)) == {("no_such",), ("linalg", "nor_this"), ("or_that",)}


# ── random numbers ───────────────────────────────────────────────────────────────────────────────


def philox(key, counter):
    """Philox 4x32-10 in plain Python."""
    w = list(counter)
    k0, k1 = key & 0xFFFFFFFF, key >> 32
    for _ in range(10):
        a, b = 0xD2511F53 * w[0], 0xCD9E8D57 * w[2]
        w = [(b >> 32) ^ w[1] ^ k0, b & 0xFFFFFFFF, (a >> 32) ^ w[3] ^ k1, a & 0xFFFFFFFF]
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return w


# From the test vectors of Random123, whose authors designed it: counter, key, result.
KNOWN = [
    ([0] * 4, 0, [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
    ([0xFFFFFFFF] * 4, 2**64 - 1, [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]),
    (
        [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
        0x299F31D0A4093822,
        [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1],
    ),
]


def test_philox_in_python():
    for counter, key, expected in KNOWN:
        assert philox(key, counter) == expected


@pytest.fixture(scope="module")
def kernels(tmp_path_factory):
    """The kernels' own source, compiled for the CPU."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("cuda: no C compiler to compile the kernels' source with")
    types = {"float16": "float", "float32": "float", "float64": "double", "int64": "long long"}
    bodies = {("uniform", d): b for d, b in backend_module.UNIFORM.items()}
    bodies |= {("normal", d): b for d, b in backend_module.NORMAL.items()}
    bodies["integers", "int64"] = backend_module.INTEGERS
    source = """
        #include <math.h>
        #define __device__ static
        #define float16(x) (x)
        static float cospif(float x) { return cosf(3.14159265358979f * x); }
        static double cospi(double x) { return cos(3.14159265358979323846 * x); }
        static unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
            return (unsigned long long)(((unsigned __int128)a * b) >> 64);
        }
    """
    source += backend_module.PHILOX
    source += "void words(unsigned long long key, unsigned int* w) { xpgrad_philox(key, w); }"
    for (name, dtype), body in bodies.items():
        source += f"""
        void {name}_{dtype}(unsigned long long key, unsigned long long position, long long low,
                            unsigned long long span, {types[dtype]}* to, long long n) {{
            typedef {types[dtype]} T;
            for (long long i = 0; i < n; ++i) {{
                T out;
                {backend_module._DRAW} {body}
                to[i] = out;
            }}
        }}"""
    folder = tmp_path_factory.mktemp("philox")
    (folder / "philox.c").write_text(source)
    library = folder / "philox.so"
    command = [compiler, "-O2", "-w", "-shared", "-fPIC", "-o", library, folder / "philox.c", "-lm"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return ctypes.CDLL(str(library))


def drawn(kernels, name, dtype, n, *, key=1, position=0, low=0, span=1):
    out = np.empty(n, {"float16": "float32"}.get(dtype, dtype))
    u64, i64 = ctypes.c_uint64, ctypes.c_int64
    arguments = (
        u64(key),
        u64(position),
        i64(low),
        u64(span),
        out.ctypes.data_as(ctypes.c_void_p),
        i64(n),
    )
    getattr(kernels, f"{name}_{dtype}")(*arguments)
    return out


def test_philox_in_the_kernels(kernels):
    for counter, key, expected in KNOWN:
        words = (ctypes.c_uint32 * 4)(*counter)
        kernels.words(ctypes.c_uint64(key), words)
        assert list(words) == expected


@pytest.mark.parametrize(("dtype", "bits"), [("float16", 11), ("float32", 24), ("float64", 53)])
def test_uniform(kernels, dtype, bits):
    x = drawn(kernels, "uniform", dtype, 20000)
    assert 0 <= x.min() < x.max() < 1
    np.testing.assert_array_equal(x * 2.0**bits, np.floor(x * 2.0**bits))  # exact in the type
    if dtype == "float16":
        np.testing.assert_array_equal(x, x.astype(np.float16))
    assert abs(x.mean() - 0.5) < 0.01
    assert abs(x.var() - 1 / 12) < 0.005
    w = philox(1, [5, 0, 0, 0])
    first = (w[0] << 32 | w[1]) >> 11 if bits == 53 else w[0] >> (32 - bits)
    assert x[5] == first / 2**bits


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_normal(kernels, dtype):
    x = drawn(kernels, "normal", dtype, 50000, key=2**64 - 5).astype(np.float64)
    assert np.isfinite(x).all()
    moments = [np.mean(x**k) for k in (1, 2, 3, 4)]
    np.testing.assert_allclose(moments, [0, 1, 0, 3], atol=0.1)


def test_integers(kernels):
    x = drawn(kernels, "integers", "int64", 30000, low=-3, span=7)
    values, counts = np.unique(x, return_counts=True)
    assert values.tolist() == list(range(-3, 4))
    assert abs(counts / 30000 - 1 / 7).max() < 0.01


def test_a_draw_goes_on_where_the_last_one_ended(kernels):
    whole = drawn(kernels, "uniform", "float64", 10)
    np.testing.assert_array_equal(drawn(kernels, "uniform", "float64", 6, position=4), whole[4:])
    assert not np.array_equal(drawn(kernels, "uniform", "float64", 10, key=2), whole)
    far = drawn(kernels, "uniform", "float64", 2, position=2**32 - 1)  # into the second word
    w = philox(1, [0, 1, 0, 0])
    assert far[1] == ((w[0] << 32 | w[1]) >> 11) / 2**53


class Kernels:
    """Stands for CuPy's kernels: notes what they are called with."""

    def __init__(self):
        self.calls = []

    def __call__(self, name, dtype, body):
        def kernel(key, position, *rest):
            check(rest[-1])
            assert type(key) is type(position) is np.uint64
            self.calls.append(
                (name, dtype, int(key), int(position), *map(int, rest[:-1]), rest[-1].shape)
            )

        return kernel


def test_the_generator(there, monkeypatch):
    kernels = Kernels()
    monkeypatch.setattr(backend_module, "_kernel", kernels)
    g = Philox(there, -1)
    g.uniform((2, 3), there.native(xg.float32))
    g.normal((4,), there.native(xg.float64))
    state = g.get_state()
    assert state.dtype == np.uint8
    assert state.tolist() == [255] * 8 + [10] + [0] * 7
    out = g.integers(-5, 5, (2,), there.native("int32"))
    assert out.dtype == np.int32
    g.uniform((0, 3), "float32")  # nothing to draw
    g.set_state(state)
    assert g.permutation(4).shape == (4,)
    top = 2**64 - 1
    assert kernels.calls == [
        ("uniform", "float32", top, 0, (2, 3)),
        ("normal", "float64", top, 6, (4,)),
        ("integers", "T", top, 10, -5, 10, (2,)),
        ("uniform", "float64", top, 10, (4,)),
    ]
    with pytest.raises(ValueError, match="16 bytes"):
        g.set_state(np.zeros(40, np.uint8))
    with pytest.raises(ValueError, match="low >= high"):
        g.integers(3, 3, (1,), "int64")


def test_the_kernels_are_well_formed():
    """CuPy reads their parameters when they are made; the bodies were compiled above."""
    for name, bodies in (("uniform", backend_module.UNIFORM), ("normal", backend_module.NORMAL)):
        for dtype, body in bodies.items():
            made = backend_module._kernel(name, dtype, body)
            assert [p.name for p in made.in_params] == ["key", "position"]
            assert [p.name for p in made.out_params] == ["out"]
    made = backend_module._kernel("integers", "T", backend_module.INTEGERS)
    assert [p.name for p in made.in_params] == ["key", "position", "low", "span"]
