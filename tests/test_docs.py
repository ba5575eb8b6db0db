"""What the documents show is run: README, backends/README, and every docstring example."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import xpgrad
from xpgrad.op import OPS

ROOT = Path(__file__).resolve().parent.parent
MODULES = sorted(
    m.name for m in pkgutil.walk_packages(xpgrad.__path__, "xpgrad.") if "._methods" not in m.name
)
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples(name: str) -> None:
    module = importlib.import_module(name)
    failed, _ = doctest.testmod(module, optionflags=FLAGS, raise_on_error=False)
    assert failed == 0


# Whose public functions all show what they do. `RETURNED` is what others make, and examples of
# these show.
SHOWN = (
    "autograd", "autograd.anomaly_mode", "autograd.forward_ad", "autograd.functional",
    "autograd.gradcheck", "autograd.graph", "autograd.saved_tensors", "func", "nn.functional",
    "utils.checkpoint",
)  # fmt: skip
RETURNED = {"CheckpointFunction", "GradientEdge", "Node", "UnpackedDualTensor"}


def public(name: str) -> dict[str, Any]:
    """The functions and classes, other than exceptions, that a module offers."""
    module = importlib.import_module(f"xpgrad.{name}")
    own = [n for n, v in vars(module).items() if getattr(v, "__module__", "") == module.__name__]
    names = getattr(module, "__all__", [n for n in own if not n.startswith("_")])
    found = {n: getattr(module, n) for n in names if n not in RETURNED}
    raised = [n for n, v in found.items() if isinstance(v, type) and issubclass(v, Exception)]
    return {n: v for n, v in found.items() if callable(v) and n not in raised}


@pytest.mark.parametrize("name", SHOWN)
def test_public_functions_have_an_example(name: str) -> None:
    found = public(name)
    assert len(found) >= 2
    assert [n for n, value in found.items() if ">>> " not in (value.__doc__ or "")] == []


def test_a_function_without_an_example_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xpgrad.func.grad, "__doc__", "The gradient.")
    with pytest.raises(AssertionError, match="grad"):
        test_public_functions_have_an_example("func")


def blocks(text: str) -> list[str]:
    """The Python code blocks of a Markdown text."""
    return re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


@pytest.fixture
def _own_ops() -> Iterator[None]:
    """Forget the ops that a document shows how to add."""
    before = dict(OPS)
    yield
    OPS.clear()
    OPS.update(before)


@pytest.mark.usefixtures("_own_ops")
def test_readme_runs(capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, object] = {}
    found = blocks((ROOT / "README.md").read_text())
    assert len(found) >= 3
    for code in found:
        exec(compile(code, "README.md", "exec"), names)
    loss, *rest = capsys.readouterr().out.splitlines()
    assert float(loss) < 0.01
    assert rest == [
        "tensor(-6.6039)", "tensor([[ 6.,  0.],", "        [ 0., 12.]])",
        "xpgrad.Size([100, 2]) True",
    ]  # fmt: skip
    x = xpgrad.tensor([0.5, 2.0], dtype=xpgrad.float64)
    assert xpgrad.autograd.gradcheck(names["self_power"], x.requires_grad_())


def test_the_first_example_is_short() -> None:
    code = blocks((ROOT / "README.md").read_text())[0]
    assert len([line for line in code.splitlines() if line.strip()]) <= 15


def test_a_wrong_example_fails() -> None:
    runner = doctest.DocTestRunner(verbose=False)
    example = doctest.DocTestParser().get_doctest(">>> 1 + 1\n3\n", {}, "sample", None, 0)
    with pytest.raises(AssertionError):
        assert runner.run(example, out=lambda _: None).failed == 0
