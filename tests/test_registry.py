"""Backends: how they are found, what is said where one is missing, and that devices stay apart."""

import contextlib
import importlib.util
import re
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import numpy as np
import pytest

import test_ops
import xpgrad as xg
from fake_device import OnDevice, Undisciplined, Using, current, on_current, place
from namespaces import host
from xpgrad import registry
from xpgrad.errors import DeviceError
from xpgrad.namespace import CREATION, FUNCTIONS
from xpgrad.portable import EXTRAS as PORTABLE
from xpgrad.registry import Backend, backend_of, namespace_of, register_backend, resolve
from xpgrad_backends.numpy import NumPyNamespace

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def restore():
    """Leave the registry as it was found."""
    places = (registry._backends, registry._failed, registry._namespaces)
    before = [dict(p) for p in places]
    yield
    registry._entry_points.cache_clear()
    for p, b in zip(places, before, strict=True):
        p.clear()
        p.update(b)


class Toy(Backend):
    """NumPy as some devices of a type of their own."""

    device_type = "toy"

    def __init__(self, count=2, kind=NumPyNamespace, **changes):
        self.count = count
        self.kind = kind
        self.current = 0
        self.__dict__.update(changes)

    def device_count(self):
        return self.count

    def current_index(self):
        return self.current

    def namespace(self, where):
        return self.kind(where)


# ── what is said where a device cannot be used ───────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("nonsense", ["Expected one of", "cpu", "cuda", "strict", "nonsense", "register_backend"]),
        ("nonsense:3", ["nonsense"]),
        ("cpu:1", ["'cpu:1' does not exist", "one cpu device"]),
        ("strict:5", ["'strict:5' does not exist", "5 strict devices, numbered from 0"]),
        ("cuda:x", ["Invalid device string: 'cuda:x'"]),
    ],
)
def test_what_is_said(spec, words):
    for ask in (resolve, lambda s: xg.tensor([1.0], device=s), xg.tensor(1.0).to):
        with pytest.raises(DeviceError) as caught:
            ask(spec)
        for word in words:
            assert word in str(caught.value)
        assert isinstance(caught.value, RuntimeError)


def test_a_library_that_is_not_installed(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda n, *a: None if n == "array_api_strict" else find(n, *a)
    )
    registry._namespaces.clear()
    with pytest.raises(DeviceError, match=r"strict:1.*pip install array-api-strict"):
        resolve("strict:1")
    assert resolve("cpu").device == xg.device("cpu")


def test_no_device_of_a_type():
    register_backend(Toy(count=0))
    for spec in ("toy", "toy:0"):
        with pytest.raises(DeviceError, match=f"'{spec}' does not exist: there are 0 toy devices"):
            resolve(spec)


@pytest.mark.parametrize("method", ["unavailable", "device_count", "current_index", "namespace"])
def test_a_backend_that_fails_is_named(method):
    def fail(*where):
        raise OSError("driver on fire")

    register_backend(Toy(**{method: fail}))
    with pytest.raises(DeviceError, match=r"'toy' cannot be used.*driver on fire") as caught:
        resolve("toy")
    assert isinstance(caught.value.__cause__, OSError)


# ── finding namespaces ───────────────────────────────────────────────────────────────────────────


def test_one_namespace_per_device():
    register_backend(Toy())
    assert resolve("toy:1") is resolve(xg.device("toy", 1)) is resolve("toy:1")
    assert resolve("toy:0") is not resolve("toy:1")
    assert resolve("toy:1").device == xg.device("toy:1")


def test_a_bare_type_is_the_current_device():
    backend = Toy()
    register_backend(backend)
    assert resolve("toy").device == xg.device("toy:0")
    backend.current = 1
    assert resolve("toy").device == xg.device("toy:1")


def test_a_lone_device_is_remembered_under_its_bare_type():
    backend = Toy(count=1)
    register_backend(backend)
    first = resolve("toy")
    backend.unavailable = None  # would fail if it were asked again
    assert resolve("toy") is resolve(xg.device("toy")) is resolve("toy:0") is first


def test_threads_get_the_same_namespace():
    made = []

    class Slow(NumPyNamespace):
        def __init__(self, where):
            made.append(where)
            super().__init__(where)

    register_backend(Toy(kind=Slow))
    barrier = threading.Barrier(4, timeout=10)
    found = []

    def ask():
        barrier.wait()
        found.append(resolve("toy:1"))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(set(map(id, found))) == 1
    assert made == [xg.device("toy:1")]


def test_namespace_of_an_array():
    class Mine(np.ndarray):
        pass

    assert namespace_of(np.ones(2)) is resolve("cpu")
    assert namespace_of(np.float32(1)) is resolve("cpu")
    assert namespace_of(np.ones(2).view(Mine)) is resolve("cpu")
    assert namespace_of([1.0]) is None
    assert namespace_of(1.0) is None
    there = resolve("strict:2")
    assert namespace_of(there.asarray([1.0])) is there


def test_whose_arrays_they_are():
    """A later backend does not take NumPy's arrays from the CPU."""
    register_backend(Toy(library="numpy"))
    assert namespace_of(np.ones(2)) is resolve("cpu")
    register_backend(Toy(library=None))
    assert namespace_of(np.ones(2)) is resolve("cpu")


def test_a_library_that_only_a_registered_backend_knows():
    register_backend(Toy(library=OnDevice.__module__, index_of=lambda array: array.on))
    with Using(1):
        array = place(np.ones(2))
    assert namespace_of(array).device == xg.device("toy:1")


# ── registering ──────────────────────────────────────────────────────────────────────────────────


def test_replacing_a_backend():
    register_backend(Toy())
    before = resolve("toy:0")
    register_backend(Toy(count=1))
    assert resolve("toy:0") is not before
    with pytest.raises(DeviceError, match="one toy device, toy:0"):
        resolve("toy:1")


@pytest.mark.parametrize(
    "bad", [None, Toy, object(), Toy(device_type="to y"), Toy(device_type=""), Toy(device_type=3)]
)
def test_what_cannot_be_registered(bad):
    with pytest.raises(TypeError, match="register_backend"):
        register_backend(bad)


def test_readme_examples(capsys):
    text = (ROOT / "backends" / "README.md").read_text("utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.M | re.S)
    assert len(blocks) == 2
    scope = {"__name__": "readme"}
    for block in blocks:
        exec(compile(block, "backends/README.md", "exec"), scope)
        expected = re.findall(r"^print\(.*\)  # (.*)$", block, re.M)
        assert capsys.readouterr().out.splitlines() == expected
    # What the page claims: any derivative, on both devices, which do not mix.
    x = xg.tensor([0.5, 1.0], device="toy:1", requires_grad=True)
    (g,) = xg.autograd.grad((x.exp() * x).sum(), x, create_graph=True)
    (second,) = xg.autograd.grad(g.sum(), x)
    assert str(second.device) == "toy:1"
    np.testing.assert_allclose(host(second), np.exp([0.5, 1.0]) * [2.5, 3.0], rtol=1e-6)
    with pytest.raises(DeviceError, match=r"toy:1.*toy:0|toy:0.*toy:1"):
        x + xg.tensor([1.0, 1.0], device="toy:0")


# ── entry points ─────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Pretend that packages with backends are installed: name -> (entry point's target, source)."""
    made = []

    def install(**packages):
        for name, (target, source) in packages.items():
            (tmp_path / f"{name}_backend_of_a_test.py").write_text(textwrap.dedent(source))
            info = tmp_path / f"{name}-1.2.dist-info"
            info.mkdir()
            (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
            entry = f"{target[0]} = {name}_backend_of_a_test:{target[1]}"
            (info / "entry_points.txt").write_text(f"[xpgrad.backends]\n{entry}\n")
            made.append(f"{name}_backend_of_a_test")
        monkeypatch.syspath_prepend(tmp_path)
        registry._entry_points.cache_clear()
        registry._failed.clear()

    yield install
    for name in made:
        sys.modules.pop(name, None)


GOOD = """
    from xpgrad.registry import Backend
    from xpgrad_backends.numpy import NumPyNamespace

    class Good(Backend):
        device_type = {name!r}

        def namespace(self, where):
            return NumPyNamespace(where)

    backend = Good()
"""


def test_an_installed_backend_is_found(installed):
    installed(third_party=(("gadget", "backend"), GOOD.format(name="gadget")))
    assert "gadget" in xg.device_types()
    assert "third_party_backend_of_a_test" not in sys.modules  # nobody has asked for it
    assert str(xg.tensor([1.0], device="gadget").device) == "gadget:0"
    assert "third_party_backend_of_a_test" in sys.modules


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("import no_such_module_at_all", ["ModuleNotFoundError", "no_such_module_at_all"]),
        ("1 / 0", ["ZeroDivisionError"]),
        ("nothing = 1", ["AttributeError", "backend"]),
        ("backend = 3", ["is not an xpgrad.Backend", "but 3"]),
        (GOOD.format(name="other"), ["is not an xpgrad.Backend for 'gadget'"]),
    ],
)
def test_a_broken_backend_takes_nothing_with_it(installed, source, words):
    installed(third_party=(("gadget", "backend"), source))
    # Arrays of unknown types make it look at every backend's library.
    assert namespace_of(type("Alien", (), {"shape": ()})()) is None
    assert str(xg.tensor([1.0]).device) == "cpu"
    assert namespace_of(np.ones(2)) is resolve("cpu")
    for _ in range(2):  # the second time from memory
        with pytest.raises(DeviceError) as caught:
            resolve("gadget")
        for word in ["'gadget' cannot be used", "gadget = ", "third_party 1.2", *words]:
            assert word in str(caught.value)
    # Registering something that works makes the device usable.
    register_backend(Toy(device_type="gadget"))
    assert resolve("gadget").device == xg.device("gadget:0")


def test_xpgrads_own_backend_goes_before_another_of_its_name(installed):
    installed(usurper=(("cpu", "backend"), GOOD.format(name="cpu")))
    registry._backends.clear()
    registry._namespaces.clear()
    assert type(backend_of("cpu")).__module__ == "xpgrad_backends.numpy"


def test_importing_loads_no_other_library():
    code = (
        "import sys, xpgrad as xg; xg.tensor([1.0]) + 1;"
        "print(sorted(m for m in sys.modules if m.split('.')[0] in "
        "('cupy', 'torch', 'jax', 'array_api_strict') or m in "
        "('xpgrad_backends.cupy', 'xpgrad_backends.strict')))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == "[]"


# ── devices stay apart: array-api-strict's ───────────────────────────────────────────────────────


@pytest.fixture
def pair():
    pytest.importorskip("array_api_strict", reason="its devices are the CPU's stand-in for CUDA's")
    return "strict:0", "strict:1"


def test_devices_do_not_mix(pair):
    a, b = (xg.tensor([1.0, 2.0], device=d, requires_grad=True) for d in pair)
    for mix in (
        lambda: a + b,
        lambda: b * a,
        lambda: a @ b,
        lambda: xg.autograd.grad((a * 2).sum(), a, grad_outputs=xg.tensor(1.0, device=pair[1])),
        lambda: setattr(a, "grad", b.detach()),
    ):
        with pytest.raises(RuntimeError) as caught:
            mix()
        assert pair[0] in str(caught.value)
        assert pair[1] in str(caught.value)


def test_moving_and_back(pair):
    a = xg.tensor([1.0, 2.0], device=pair[0], requires_grad=True)
    moved = a.to(pair[1])
    assert str(moved.device) == pair[1]
    assert moved.to(pair[1]) is moved
    b = xg.tensor([3.0, 4.0], device=pair[1], requires_grad=True)
    (moved * b + a.to(pair[1]) * 2).sum().backward()
    assert str(a.grad.device) == pair[0]
    assert str(b.grad.device) == pair[1]
    np.testing.assert_array_equal(host(a.grad), [5, 6])
    np.testing.assert_array_equal(host(b.grad), [1, 2])


def test_second_order_across_devices(pair):
    a = xg.tensor([1.0, 2.0], device=pair[0], requires_grad=True)
    b = a.to(pair[1])
    (g,) = xg.autograd.grad((b * b * b).sum(), a, create_graph=True)
    assert str(g.device) == pair[0]
    (h,) = xg.autograd.grad((g * g).sum(), a)
    np.testing.assert_array_equal(host(h), 2 * 3 * 6 * np.array([1.0, 8.0]))


def test_creation_follows_the_context(pair):
    with xg.device(pair[1]):
        made = [xg.zeros(2), xg.ones(2), xg.arange(3), xg.eye(2), xg.full((2,), 1.5), xg.rand(2)]
        made += [xg.tensor([1.0]), xg.linspace(0, 1, 3), xg.randn(2), xg.randperm(3)]
        assert {str(x.device) for x in made} == {pair[1]}
        assert str(xg.zeros(2, device="cpu").device) == "cpu"
        assert str(xg.zeros_like(xg.ones(2, device="cpu")).device) == "cpu"


def test_a_hidden_host_copy_is_caught(pair):
    """That the second device refuses what a GPU would: this is what the whole suite relies on."""
    x = xg.tensor([1.0, 2.0], device=pair[1])
    with pytest.raises((TypeError, RuntimeError, ValueError)):
        np.asarray(x._data)


# ── devices stay apart: the guard ────────────────────────────────────────────────────────────────


EXTRAS = (
    *("assign", "bounds", "carried_back", "clone", "combine_along_axis", "copy", "erf", "getitem"),
    *("index_add", "laid_out", "ordered", "row_order", "search_lines", "settled", "sigmoid"),
    "special",
)


class OnCurrent:
    """An extension whose functions run on the current device."""

    def __init__(self, functions):
        self.functions = functions

    def __getattr__(self, name):
        return on_current(getattr(self.functions, name))


class DuoNamespace(NumPyNamespace):
    """NumPy on one of two pretended devices that compute on a current device, as CUDA's do."""

    array_type = OnDevice

    def __init__(self, where):
        super().__init__(where)
        self.guard = lambda: Using(where.index)
        for name in {*FUNCTIONS} - {"finfo", "iinfo", "isdtype"}:
            setattr(self, name, on_current(getattr(self, name)))
        # These are called from anywhere, and put themselves on their device, as a backend's do.
        for name in (*CREATION, *EXTRAS, *PORTABLE):
            setattr(self, name, self._guarded(on_current(getattr(self, name))))
        self.fft = OnCurrent(self.fft)

    def _guarded(self, function):
        def call(*args, **kwargs):
            with Using(self.device.index):
                return function(*args, **kwargs)

        return call

    def wrap(self, value):
        with Using(self.device.index):
            return value if isinstance(value, OnDevice) else place(value)

    def from_host(self, x):
        with Using(self.device.index):
            return place(np.array(x))

    def to_host(self, x):
        return x.get()

    def owns_memory(self, x):
        return type(x.base) is np.ndarray and x.base.base is None and x.size == x.base.size


class DuoBackend(Toy):
    device_type = "duo"
    library = OnDevice.__module__

    def current_index(self):
        return current.index

    def index_of(self, array):
        return array.on


@pytest.fixture
def duo():
    register_backend(DuoBackend(kind=DuoNamespace))
    return "duo:0", "duo:1"


def train(where):
    """A training step with about everything in it: what it leaves in the parameters."""
    xg.manual_seed(0)
    with xg.device(where):
        x = xg.arange(12.0).reshape(4, 3) / 10
        w = (xg.arange(6.0).reshape(3, 2) / 7).requires_grad_()
        b = xg.zeros(2, requires_grad=True)
    for _ in range(2):
        out = (x @ w + b).tanh()
        loss = (out * out).mean() + out[1, 0] + out[xg.tensor([0, 0, 3], device=where)].sum()
        loss.backward()
        with xg.no_grad():
            for p in (w, b):
                p -= 0.1 * p.grad
                p.grad = None
    return w, b


def test_guard_in_a_training_step(duo):
    expected = train("cpu")
    for where in duo:
        found = train(where)
        assert {str(p.device) for p in found} == {where}
        for f, e in zip(found, expected, strict=True):
            np.testing.assert_allclose(host(f), host(e), rtol=1e-6)


def step(model, optimizer, x, target):
    optimizer.zero_grad()
    loss = xg.nn.functional.cross_entropy(model(x), target)
    loss = loss + 0.01 * sum((p * p).sum() for p in model.parameters())
    loss.backward()
    xg.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    return loss.detach()


def trained(where, optimizer, refuse=None):
    """A model after three steps; `refuse` is called before the last."""
    xg.manual_seed(0)
    model = xg.nn.Sequential(xg.nn.Linear(4, 8), xg.nn.ReLU(), xg.nn.Linear(8, 3)).to(where)
    optimizer = optimizer(model.parameters(), lr=0.1)
    x = xg.arange(20.0).reshape(5, 4).sin().to(where)
    target = xg.tensor([0, 2, 1, 1, 0]).to(where)
    for _ in range(2):
        step(model, optimizer, x, target)
    with refuse() if refuse else contextlib.nullcontext():
        loss = step(model, optimizer, x, target)
    return [loss, *model.parameters()]


@pytest.mark.parametrize("optimizer", [xg.optim.SGD, xg.optim.Adam, xg.optim.AdamW])
def test_guard_with_modules_and_optimizers(duo, optimizer):
    expected = trained("cpu", optimizer)
    for where in duo:
        found = trained(where, optimizer)
        assert {str(x.device) for x in found} == {where}
        for f, e in zip(found, expected, strict=True):
            np.testing.assert_allclose(host(f), host(e), rtol=2e-5, atol=1e-6)


@pytest.mark.filterwarnings("ignore:Using backward.. with create_graph=True")
@pytest.mark.parametrize("row", test_ops.rows(lambda row: row.differentiable and not row.cpu_only))
def test_guard_in_every_op(duo, row):
    """Forward, backward, and backward of backward, on the device that is not the current one."""
    function, cpu, ns = test_ops.FUNCTIONS[row.name], resolve("cpu"), resolve(duo[1])
    for what, inputs, settings in list(test_ops.cases(row, test_ops.wide(row)[:1]))[:2]:
        outputs = test_ops.call(function, cpu, inputs, settings)[1]
        weights = test_ops.weights_for([host(o) for o in outputs])
        like = [x for x, w in zip(inputs, test_ops.wants_gradient(row, inputs), strict=True) if w]
        arguments = inputs, settings, weights, test_ops.weights_for(like, seed=11)
        expected = test_ops.second_order(row, function, cpu, *arguments)
        found = test_ops.second_order(row, function, ns, *arguments)
        for f, e in zip([*found[0], *found[1]], [*expected[0], *expected[1]], strict=True):
            np.testing.assert_allclose(f, e, rtol=1e-6, atol=1e-8, err_msg=what)


def test_guard_is_what_makes_it_pass(duo):
    resolve(duo[1]).guard = None
    with pytest.raises((Undisciplined, DeviceError)):
        train(duo[1])


def test_guard_in_backward(duo):
    """Forward may be right and backward not: rules use operators, outside any function."""
    x = xg.tensor([1.0, 2.0], device=duo[1], requires_grad=True)
    y = (x * x * x).sum()
    resolve(duo[1]).guard = None
    with pytest.raises(Undisciplined, match="device 1 is used while 0 is current"):
        y.backward()


def test_guard_across_devices(duo):
    """Gradients that meet on one device are added there, whichever device backward was on."""
    a = xg.tensor([1.0, 2.0], device=duo[1], requires_grad=True)
    here, there = a.to(duo[0]), a.to("cpu")
    loss = (a * a).sum() + (here * here).sum().to(duo[1]) + (there * 3).sum().to(duo[1])
    loss = loss + (a.to(duo[0]).to("cpu") * 5).sum().to(duo[1])
    loss.backward()
    assert a.grad._data.on == 1
    np.testing.assert_array_equal(host(a.grad), 4 * np.array([1.0, 2.0]) + 8)
    a.grad = None
    (g,) = xg.autograd.grad((here * here * a.to(duo[0])).sum(), a, create_graph=True)
    (h,) = xg.autograd.grad((g * g).sum(), a)
    assert h._data.on == 1
    np.testing.assert_array_equal(host(h), 2 * 3 * 6 * np.array([1.0, 8.0]))


def test_guard_with_large_gradients(duo):
    """Large gradients are added in place, small ones are not."""
    a = xg.ones(5000, device=duo[1], requires_grad=True)
    for _ in range(2):
        (a * 2 + a * 3 + a).sum().backward()
    np.testing.assert_array_equal(host(a.grad), np.full(5000, 12.0))
    assert a.grad._data.on == 1


def test_guard_in_hooks_and_retained_gradients(duo):
    a = xg.tensor([1.0, 2.0], device=duo[1], requires_grad=True)
    b = a * 2
    b.retain_grad()
    b.register_hook(lambda g: g * 10)
    a.register_hook(lambda g: g + 1)
    (b * b).sum().backward()
    np.testing.assert_array_equal(host(b.grad), [40, 80])
    np.testing.assert_array_equal(host(a.grad), [81, 161])
    assert current.index == 0


def test_the_current_device_comes_back_after_an_error(duo):
    a = xg.tensor([1.0, 2.0], device=duo[1], requires_grad=True)

    def hook(g):
        raise ValueError("no")

    y = (a * 2).sum()
    a.register_hook(hook)
    with contextlib.suppress(ValueError):
        y.backward()
    with contextlib.suppress(RuntimeError):
        a + xg.ones(3, device=duo[1])
    assert current.index == 0
