"""`xg.cuda`: what it says without CUDA, what it asks of the backend, what only a GPU can show."""

import importlib
import importlib.metadata
import importlib.util
import re
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import numpy as np
import pytest

import xpgrad as xg
from fake_device import Using, current
from namespaces import host, why_not
from test_registry import DuoBackend, DuoNamespace
from test_registry import restore as restore_registry  # noqa: F401 - a fixture
from xpgrad import registry
from xpgrad.errors import DeviceError
from xpgrad.registry import register_backend, resolve
from xpgrad_backends import cupy as backend_module
from xpgrad_backends.cupy import CuPyBackend

NO_GPU = why_not("cuda")
without = pytest.mark.skipif(NO_GPU is None, reason="cuda: there is a GPU here")
on_gpu = [pytest.mark.cuda, pytest.mark.skipif(NO_GPU is not None, reason=str(NO_GPU))]

SAYS_WHY = [
    lambda: xg.cuda.current_device(),
    lambda: xg.cuda.set_device(0),
    lambda: xg.cuda.synchronize(),
    lambda: xg.cuda.memory_allocated(),
    lambda: xg.cuda.max_memory_allocated(),
    lambda: xg.cuda.reset_peak_memory_stats(),
    lambda: xg.cuda.get_device_name(),
    lambda: xg.cuda.device(0).__enter__(),
    lambda: xg.tensor([1.0], device="cuda"),
    lambda: xg.tensor([1.0]).cuda(),
    lambda: xg.tensor([1.0], device=0),
]


# ── without CUDA ─────────────────────────────────────────────────────────────────────────────────


@without
def test_without_cuda():
    assert xg.cuda.is_available() is False
    assert xg.cuda.device_count() == 0
    # Scripts call these whatever the machine; PyTorch ignores them too.
    xg.cuda.manual_seed(0)
    xg.cuda.manual_seed_all(0)
    xg.cuda.empty_cache()


@without
@pytest.mark.parametrize("ask", SAYS_WHY)
def test_everything_else_says_why_not(ask):
    with pytest.raises(DeviceError, match=r"device 'cuda(:0)?' cannot be used: .*CuPy"):
        ask()


def test_other_devices_are_refused():
    with pytest.raises(ValueError, match="Expected a cuda device, but got: cpu"):
        xg.cuda.synchronize("cpu")
    with pytest.raises(DeviceError, match="Invalid device string"):
        xg.cuda.memory_allocated("cuda:x")


# ── why not: each reason has its words ───────────────────────────────────────────────────────────


class CUDARuntimeError(RuntimeError):
    pass


def fake_cupy(count=1, version="14.2.0", built=13020, error=None):
    def device_count():
        if error is not None:
            raise CUDARuntimeError(error)
        return count

    runtime = SimpleNamespace(
        CUDARuntimeError=CUDARuntimeError,
        getDeviceCount=device_count,
        runtimeGetVersion=lambda: built,
    )
    return SimpleNamespace(__version__=version, cuda=SimpleNamespace(runtime=runtime))


@pytest.fixture
def ask(monkeypatch):
    """What a new backend says, with this CuPy (or none) and a driver that runs this CUDA."""

    def ask(cupy, driver):
        find = importlib.util.find_spec
        spec = None if cupy is None else importlib.util.spec_from_loader("cupy", None)
        monkeypatch.setattr(
            importlib.util, "find_spec", lambda n, *a: spec if n == "cupy" else find(n, *a)
        )
        monkeypatch.setitem(sys.modules, "cupy", cupy)
        monkeypatch.setattr(backend_module, "_driver_version", lambda: driver)
        return CuPyBackend().unavailable()

    return ask


INSUFFICIENT = "cudaErrorInsufficientDriver: CUDA driver version is insufficient"


@pytest.mark.parametrize(
    ("cupy", "driver", "words"),
    [
        (None, 13000, ["CuPy is not installed", "'xpgrad[cuda13]'", "CUDA 13.0"]),
        (None, 12080, ["CuPy is not installed", "'xpgrad[cuda12]'", "CUDA 12.8"]),
        (None, 11080, ["CuPy is not installed", "CUDA up to 11.8", "update the driver"]),
        (None, None, ["CuPy is not installed", "'xpgrad[cuda13]'", "No NVIDIA driver"]),
        (fake_cupy(version="13.6.0"), 13000, ["CuPy 13.6.0 is too old", "14.2"]),
        (fake_cupy(version="14.1.0rc1"), 13000, ["CuPy 14.1.0rc1 is too old", "14.2"]),
        (fake_cupy(error=INSUFFICIENT), None, ["no NVIDIA driver", INSUFFICIENT]),
        (
            fake_cupy(error=INSUFFICIENT),
            12040,
            ["CUDA up to 12.4", "built for CUDA 13.2", "'xpgrad[cuda12]'", INSUFFICIENT],
        ),
        (fake_cupy(error=INSUFFICIENT), 11040, ["CUDA up to 11.4", "update the driver"]),
        (
            fake_cupy(error="cudaErrorNoDevice: no CUDA-capable device is detected"),
            13000,
            ["CUDA finds no GPU", "CUDA_VISIBLE_DEVICES", "cudaErrorNoDevice"],
        ),
        (fake_cupy(count=0), 13000, ["CUDA finds no GPU"]),
    ],
)
def test_why_not(ask, cupy, driver, words):
    said = ask(cupy, driver)
    for word in words:
        assert word in said
    assert "'xpgrad[cuda13]'" not in said or driver != 12040  # no wrong advice


def test_a_cupy_that_cannot_be_imported(ask, monkeypatch):
    ask(fake_cupy(), 13000)
    monkeypatch.setitem(sys.modules, "cupy", None)  # importing it raises
    said = CuPyBackend().unavailable()
    assert said.startswith("CuPy is installed and cannot be imported: ModuleNotFoundError: ")


def test_a_good_answer_is_remembered(ask):
    cupy = fake_cupy(count=3)
    assert ask(cupy, 13000) is None
    backend = CuPyBackend()
    assert backend.device_count() == 3
    cupy.cuda.runtime.getDeviceCount = None  # would fail if it were asked again
    assert backend.unavailable() is None


def test_the_drivers_version():
    """Whatever this machine has, asking takes neither CuPy nor a GPU."""
    found = backend_module._driver_version()
    assert found is None or found > 1000


# ── what is asked of the backend ─────────────────────────────────────────────────────────────────


class FakeCuda(DuoBackend):
    """Two pretended devices under CUDA's name."""

    device_type = "cuda"

    def set_current(self, index):
        Using(index).use()

    def device_name(self, index):
        return f"pretended {index}"


class FakeCudaNamespace(DuoNamespace):
    peak, used = 300, 200

    def synchronize(self):
        raise InterruptedError(f"synchronizing {self.device}")

    def memory_allocated(self):
        return self.used + self.device.index

    def max_memory_allocated(self):
        return self.peak + self.device.index

    def reset_peak_memory_stats(self):
        self.peak = self.used

    def empty_cache(self):
        self.used = 100


@pytest.fixture
def cuda():
    register_backend(FakeCuda(kind=FakeCudaNamespace))
    before = dict(xg.random._defaults)
    yield xg.cuda
    current.index = 0
    xg.random._defaults.clear()
    xg.random._defaults.update(before)


def test_devices(cuda):
    assert cuda.is_available()
    assert cuda.device_count() == 2
    assert cuda.current_device() == 0
    assert cuda.get_device_name() == "pretended 0"
    assert cuda.get_device_name(1) == cuda.get_device_name("cuda:1") == "pretended 1"
    with pytest.raises(DeviceError, match="'cuda:2' does not exist: there are 2 cuda devices"):
        cuda.synchronize(2)


def test_the_current_device(cuda):
    cuda.set_device(1)
    assert cuda.current_device() == 1
    assert str(xg.tensor([1.0], device="cuda").device) == "cuda:1"
    assert str(xg.tensor([1.0]).cuda().device) == "cuda:1"
    cuda.set_device("cuda")  # the current one
    assert cuda.current_device() == 1
    with cuda.device(0):
        assert str(xg.tensor([1.0], device="cuda").device) == "cuda:0"
        with cuda.device("cuda:1"), cuda.device(xg.device("cuda:0")):
            assert cuda.current_device() == 0
        assert cuda.current_device() == 0
    assert cuda.current_device() == 1
    with pytest.raises(ZeroDivisionError), cuda.device(0):
        1 / 0
    assert cuda.current_device() == 1
    with pytest.raises(DeviceError, match="'cuda:5' does not exist"):
        cuda.set_device(5)
    assert cuda.current_device() == 1


def test_the_current_device_is_the_threads(cuda):
    seen = []
    shared = cuda.device(1)

    def other():
        seen.append(cuda.current_device())
        with shared:
            seen.append(cuda.current_device())
        seen.append(cuda.current_device())

    with shared:
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        assert cuda.current_device() == 1
    assert seen == [0, 1, 0]


def test_memory(cuda):
    assert (cuda.memory_allocated(), cuda.memory_allocated(1)) == (200, 201)
    assert (cuda.max_memory_allocated(), cuda.max_memory_allocated("cuda:1")) == (300, 301)
    cuda.reset_peak_memory_stats(1)
    assert (cuda.max_memory_allocated(0), cuda.max_memory_allocated(1)) == (300, 201)
    cuda.empty_cache()
    assert (cuda.memory_allocated(0), cuda.memory_allocated(1)) == (100, 101)
    with pytest.raises(InterruptedError, match="cuda:1"):
        cuda.synchronize("cuda:1")


def test_seeds(cuda):
    def draw(where):
        return host(xg.rand(3, device=where)).tolist()

    cuda.manual_seed_all(7)
    first = draw("cuda:0"), draw("cuda:1")
    cuda.manual_seed_all(7)
    assert (draw("cuda:0"), draw("cuda:1")) == first
    cuda.manual_seed(7)  # the current device's alone
    assert draw("cuda:0") == first[0]
    assert draw("cuda:1") != first[1]


def test_memory_figures_of_devices_that_keep_none():
    for what in ("memory_allocated", "max_memory_allocated", "reset_peak_memory_stats"):
        with pytest.raises(DeviceError, match="numpy on cpu keeps no memory figures"):
            getattr(resolve("cpu"), what)()
    resolve("cpu").synchronize()
    resolve("cpu").empty_cache()
    assert registry.backend_of("cpu").device_name(0) == "cpu:0"
    with pytest.raises(DeviceError, match="no current device to set"):
        registry.backend_of("cpu").set_current(1)


# ── on a GPU ─────────────────────────────────────────────────────────────────────────────────────


class TestOnGpu:
    """What no stand-in can show."""

    pytestmark = on_gpu

    @pytest.fixture
    def cupy(self):
        return importlib.import_module("cupy")

    @pytest.fixture
    def ns(self):
        return resolve("cuda:0")

    def test_it_is_there(self):
        assert xg.cuda.is_available()
        assert xg.cuda.get_device_name()
        assert xg.tensor([1.0], device="cuda").device == xg.device("cuda", xg.cuda.current_device())
        with pytest.raises(DeviceError, match="does not exist"):
            xg.tensor([1.0], device=f"cuda:{xg.cuda.device_count()}")

    def test_what_the_loader_says(self):
        assert backend_module._driver_version() >= 12000

    @pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
    def test_uniform_numbers(self, ns, dtype):
        signatures = pytest.importorskip("test_cupy_signatures", reason="the reference is there")
        generator = ns.generator(2**63 + 11)
        generator.uniform((3,), ns.native(dtype))
        found = ns.to_host(generator.uniform((4, 5), ns.native(dtype))).reshape(-1)
        bits = {"float16": 11, "float32": 24, "float64": 53}[dtype]
        words = [signatures.philox(2**63 + 11, [3 + i, 0, 0, 0]) for i in range(20)]
        whole = [(w[0] << 32 | w[1]) >> (64 - bits) for w in words]
        np.testing.assert_array_equal(found.astype(np.float64), np.array(whole) / 2**bits)

    @pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
    def test_normal_numbers(self, ns, dtype):
        x = ns.to_host(ns.generator(1).normal((100_000,), ns.native(dtype))).astype(np.float64)
        moments = [np.mean(x**k) for k in (1, 2, 3, 4)]
        np.testing.assert_allclose(moments, [0, 1, 0, 3], atol=0.1)

    def test_integers_and_permutations(self, ns):
        generator = ns.generator(1)
        x = ns.to_host(generator.integers(-3, 4, (1000,), ns.native("int64")))
        assert sorted(set(x.tolist())) == list(range(-3, 4))
        state = generator.get_state()
        p = ns.to_host(generator.permutation(100))
        assert sorted(p.tolist()) == list(range(100))
        generator.set_state(state)
        np.testing.assert_array_equal(ns.to_host(generator.permutation(100)), p)

    @pytest.mark.parametrize("dtype", "efdFD?bBhil")
    def test_index_add(self, ns, dtype):
        values = (np.arange(8) % 2).astype(dtype).reshape(4, 2)
        index = np.array([0, 2, 2, -1])
        like = np.zeros((5, 2), dtype)
        expected = resolve("cpu").index_add(like, (index,), values)
        found = ns.index_add(like, (ns.from_host(index),), ns.from_host(values))
        np.testing.assert_array_equal(ns.to_host(found), expected)
        assert found.dtype == expected.dtype

    def test_memory(self, ns, cupy):
        x = ns.from_host(np.arange(6.0).reshape(2, 3))
        assert ns.owns_memory(x)
        for view in (x[1], ns.reshape(x, (6,)), x.T, x[:, ::2], ns.broadcast_to(x, (4, 2, 3))):
            assert ns.memory_key(view) == ns.memory_key(x)
            assert not ns.owns_memory(view)
            assert ns.owner(view) is x
        assert ns.owner(x) is x
        assert ns.memory_key(ns.copy(x)) != ns.memory_key(x)
        imported = cupy.from_dlpack(x)
        assert not ns.owns_memory(imported)
        assert ns.owner(imported) is None
        assert ns.memory_key(imported) == ns.memory_key(x)

    def test_figures(self):
        xg.cuda.reset_peak_memory_stats()
        before = xg.cuda.memory_allocated()
        x = xg.ones(1_000_000, device="cuda")
        assert xg.cuda.memory_allocated() - before >= 4_000_000
        y = x + 1
        del y
        assert 8_000_000 <= xg.cuda.max_memory_allocated() - before < 16_000_000
        xg.cuda.reset_peak_memory_stats()
        assert xg.cuda.max_memory_allocated() == xg.cuda.memory_allocated()
        xg.cuda.synchronize()
        xg.cuda.empty_cache()

    def test_exchange(self, cupy):
        x = xg.arange(6.0, device="cuda").reshape(2, 3)
        seen = cupy.asarray(x)  # through __cuda_array_interface__
        seen[0, 0] = 7
        assert x[0, 0].item() == 7
        back = xg.from_dlpack(cupy.from_dlpack(x))
        assert back.device == x.device
        assert (cupy.ones((2, 3), cupy.float32) * x).device == x.device
        np.testing.assert_array_equal(x.cpu().numpy(), cupy.asnumpy(seen))
        with pytest.raises(TypeError, match=r"Use Tensor.cpu\(\)"):
            x.numpy()

    def test_a_training_step_can_be_captured(self, cupy):
        """The whole step as one CUDA graph: nothing in it waits for the host."""
        xg.manual_seed(0)
        model = xg.nn.Sequential(xg.nn.Linear(16, 32), xg.nn.ReLU(), xg.nn.Linear(32, 4)).cuda()
        optimizer = xg.optim.SGD(model.parameters(), lr=0.1)
        x = xg.randn(8, 16, device="cuda")
        target = xg.arange(8, device="cuda") % 4

        def step():
            optimizer.zero_grad()
            xg.nn.functional.cross_entropy(model(x), target).backward()
            optimizer.step()

        stream = cupy.cuda.Stream(non_blocking=True)
        cupy.cuda.Device().synchronize()
        with stream:
            for _ in range(3):  # compiles kernels, fills the pool
                step()
            stream.synchronize()
            before = [p.detach().cpu().numpy().copy() for p in model.parameters()]
            stream.begin_capture()
            step()
            graph = stream.end_capture()
            graph.launch(stream=stream)
            stream.synchronize()
        after = [p.detach().cpu().numpy() for p in model.parameters()]
        assert all(not np.array_equal(a, b) for a, b in zip(after, before, strict=True))

    @pytest.mark.skipif(xg.cuda.device_count() < 2, reason=NO_GPU or "cuda: there is one GPU")
    def test_two_gpus(self):
        a = xg.tensor([1.0, 2.0], device="cuda:1", requires_grad=True)
        b = a.to("cuda:0")
        ((a * a).sum() + (b * b * b).sum().to("cuda:1")).backward()
        assert a.grad._data.device.id == 1
        np.testing.assert_allclose(host(a.grad), [5, 16])
        with pytest.raises(DeviceError, match=r"cuda:1.*cuda:0"):
            a + xg.ones(2, device="cuda:0")


# ── ci/gpu ───────────────────────────────────────────────────────────────────────────────────────

ROOT = Path(xg.__file__).resolve().parent.parent.parent
SCRIPT = ROOT / "ci" / "gpu.py"


@pytest.fixture(scope="module")
def script():
    if not SCRIPT.exists():
        pytest.skip("cuda: xpgrad is not run from its repository, where ci/gpu is")
    spec = importlib.util.spec_from_file_location("ci_gpu", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules["ci_gpu"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["ci_gpu"]


@without
def test_without_cuda_the_script_says_so(script, tmp_path):
    record = tmp_path / "record.md"
    command = [sys.executable, SCRIPT, "--no-venv", "--record", record]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    (line,) = run.stdout.splitlines()
    assert line.startswith("ci/gpu: no CUDA here (CuPy is ")
    assert not record.exists()


def test_xpgrad_need_not_be_installed_for_it(script, tmp_path, monkeypatch):
    def missing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setenv("PYTHONPATH", "before")
    monkeypatch.setattr(sys, "path", list(sys.path))
    with monkeypatch.context() as patched:
        patched.setattr(importlib.metadata, "distribution", missing)
        script.make_importable(tmp_path)
    code = (
        "import importlib.metadata as m, xpgrad as xg;"
        "print(m.distribution('xpgrad')._path.parent, xg.tensor([1.0]).device, xg.device_types())"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout.split()[0] == str(tmp_path)
    assert "cpu ['cpu', 'cuda', 'strict']" in run.stdout
    assert sys.path[0] == str(tmp_path)


JUNIT = """<testsuites><testsuite>
<testcase classname="tests.test_ops" name="test_value[cuda:0-exp]"/>
<testcase classname="tests.test_ops" name="test_value[cpu-exp]"/>
<testcase classname="tests.test_ops" name="test_value[cuda:0-sin]"><failure message="E  not
 close"/></testcase>
<testcase classname="tests.test_cuda.TestOnGpu" name="test_two_gpus">
<skipped message="cuda: one GPU"/></testcase>
<testcase classname="tests.test_x" name="test_setup"><error message="broke"/></testcase>
</testsuite></testsuites>"""


def test_the_record(script, tmp_path):
    found = script.summarise(ElementTree.fromstring(JUNIT))
    assert found.counts == {"passed": 2, "failed": 2, "skipped": 1}
    assert found.on_cuda == "1 passed, 1 failed, 1 skipped"
    assert found.failures == [
        ("tests.test_ops::test_value[cuda:0-sin]", "E not close"),
        ("tests.test_x::test_setup", "broke"),
    ]
    assert found.skips == {"cuda: one GPU": 1}
    good, bad = script.Report("Tests", True, ["5 passed"]), script.Report("Demo", False, ["no"])
    path = tmp_path / "deep" / "record.md"
    script.write(path, [("device", "a GPU")], [good, bad])
    text = path.read_text("utf-8")
    assert re.match(r"# On CUDA, \d{4}-\d\d-\d\d \d\d:\d\d UTC: FAILED\n", text)
    assert "| device | a GPU |" in text
    assert "## Tests: passed\n\n5 passed\n" in text
    assert "## Demo: FAILED" in text


@pytest.mark.parametrize(
    ("status", "lines", "good"),
    [
        (0, ["training", "test accuracy: 98.2 %"], True),
        (0, ["training", "test accuracy: nan %"], False),
        (1, ["test accuracy: 98.2 %"], False),
        (0, [], False),
    ],
)
def test_what_the_demo_came_to(script, tmp_path, monkeypatch, status, lines, good):
    monkeypatch.setattr(script, "stream", lambda *command: (status, lines, 12.3))
    assert script.demo(tmp_path).ok is good


def test_what_the_benchmarks_came_to(script, monkeypatch):
    rows = ["device cuda", "", "| MLP step | xpgrad 1.00 ms | CuPy by hand 0.90 (1.11) |"]
    monkeypatch.setattr(script, "stream", lambda *command: (0, rows, 12.3))
    report = script.bench(quick=True)
    assert report.ok
    assert report.lines[2:5] == [
        "| row | xpgrad | other (xpgrad / other) |",
        "|---|---|---|",
        rows[2],
    ]
    monkeypatch.setattr(script, "stream", lambda *command: (1, ["boom"], 1.0))
    assert not script.bench(quick=False).ok
