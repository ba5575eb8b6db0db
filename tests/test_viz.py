"""The graph as text and as a picture."""

import re
import shutil
import sys

import pytest

import xpgrad as xg
from xpgrad import viz


def leaf(*values):
    return xg.tensor(values or 2.0, requires_grad=True)


def parts(dot):
    """The labels and the edges of a Digraph, edges by label."""
    source = dot.source.replace("\\n", " ")
    labels = dict(re.findall(r'^\t(\w+) \[label=(".*?"|\w+)[ \]]', source, re.M))
    edges = re.findall(r"^\t(\w+) -> (\w+)", source, re.M)
    names = {key: label.strip('"') for key, label in labels.items()}
    return sorted(names.values()), sorted((names[a], names[b]) for a, b in edges)


# ── text ─────────────────────────────────────────────────────────────────────────────────────────


def test_tree():
    w, x, b = leaf(1.0, 2.0), xg.tensor([3.0, 4.0]), leaf()
    y = w * x
    text = viz.tree((y * y + b).sum(), {"w": w, "x": x, "y": y})
    assert text.split("\n") == [
        "result: float32 ()",
        "└─ SumBackward0 ()",
        "   └─ AddBackward0 (2,)",
        "      ├─ MulBackward0 (2,)",
        "      │  ├─ #1 y = MulBackward0 (2,)",
        "      │  │  └─ w: float32 (2,)",
        "      │  └─ #1 y = MulBackward0, see above",
        "      └─ leaf: float32 ()",
    ]


def test_tree_numbers_what_has_no_name():
    w = leaf()
    assert viz.tree(w * w).split("\n") == [
        "result: float32 ()",
        "└─ MulBackward0 ()",
        "   ├─ #1 leaf: float32 ()",
        "   └─ #1 leaf, see above",
    ]


def test_tree_of_several_results():
    w = leaf()
    y = w.exp()
    assert viz.tree((y, y.sin(), xg.tensor([1, 2]), w), {"w": w}).split("\n") == [
        "result 0: float32 ()",
        "└─ #1 ExpBackward0 ()",
        "   └─ w: float32 ()",
        "result 1: float32 ()",
        "└─ SinBackward0 ()",
        "   └─ #1 ExpBackward0, see above",
        "result 2: int64 (2,)",
        "result 3: float32 ()",
        "└─ w: float32 ()",
    ]


def test_tree_shows_an_operation_with_several_outputs_once():
    a, b = leaf(1.0, 2.0).unbind()
    assert viz.tree(a * b).split("\n") == [
        "result: float32 ()",
        "└─ MulBackward0 ()",
        "   ├─ #1 UnbindBackward0",
        "   │  └─ leaf: float32 (2,)",
        "   └─ #1 UnbindBackward0, see above",
    ]


def test_tree_goes_on_further_down_where_it_is_deep():
    x = leaf()
    for _ in range(60):
        x = x.sin()
    lines = viz.tree(x).split("\n")
    assert sum("SinBackward0 ()" in line for line in lines) == 60
    assert max(map(len, lines)) < 120
    at = [i for i, line in enumerate(lines) if "see below" in line]
    assert [lines[i].strip(" └─").split(" ")[0] for i in at] == ["#1", "#2"]
    assert [line for line in lines if line.startswith("#")] == [
        "#1 SinBackward0 ()",
        "#2 SinBackward0 ()",
    ]


def test_tree_of_a_deep_graph_that_is_shared_too():
    x = leaf()
    for _ in range(60):
        x = x * x
    lines = viz.tree(x).split("\n")
    for kind, count in [("MulBackward0 ()", 60), ("leaf: ", 1)]:
        assert sum(kind in line for line in lines) == count
    numbers = [(line.split("#")[1].split(" ")[0], "see " in line) for line in lines if "#" in line]
    said, shown = ({n for n, refers in numbers if refers is r} for r in (True, False))
    assert said == shown


# ── pictures ─────────────────────────────────────────────────────────────────────────────────────


def test_dot():
    pytest.importorskip("graphviz", reason="the extra viz")
    model = xg.nn.Sequential(xg.nn.Linear(2, 3), xg.nn.Tanh())
    loss = model(xg.ones(4, 2)).sum()
    labels, edges = parts(viz.make_dot(loss, model))
    _, tanh, total = (label for label in labels if "Backward" in label)
    weight, bias = "0.weight float32 (3, 2)", "0.bias float32 (3,)"
    assert {weight, bias, "result float32 ()"} < set(labels)
    assert (total, "result float32 ()") in edges or (tanh, "result float32 ()") in edges
    assert {a for a, b in edges if a in (weight, bias)} == {weight, bias}
    assert len(edges) >= len(labels) - 1


def test_dot_follows_the_computation():
    pytest.importorskip("graphviz", reason="the extra viz")
    w, b = leaf(), leaf()
    y = w * 3
    dot = viz.make_dot((y * y + b, y), {"w": w, "b": b, "y": y})
    assert parts(dot)[1] == [
        ("AddBackward0 ()", "result 0 float32 ()"),
        ("MulBackward0 ()", "AddBackward0 ()"),
        ("b float32 ()", "AddBackward0 ()"),
        ("w float32 ()", "y = MulBackward0 ()"),
        ("y = MulBackward0 ()", "MulBackward0 ()"),
        ("y = MulBackward0 ()", "MulBackward0 ()"),
        ("y = MulBackward0 ()", "result 1 float32 ()"),
    ]


def test_dot_draws_an_operation_with_several_outputs_once():
    pytest.importorskip("graphviz", reason="the extra viz")
    a, _, c = leaf(1.0, 2.0, 3.0).unbind()
    dot = viz.make_dot(a * c)
    assert sum("Unbind" in label for label in parts(dot)[0]) == 1
    assert re.findall(r'label=" (\d)"', dot.source) == ["0", "2"]


def test_dot_of_a_constant():
    pytest.importorskip("graphviz", reason="the extra viz")
    labels, edges = parts(viz.make_dot(xg.ones(2)))
    assert labels == ["result (needs no gradient) float32 (2,)"]
    assert edges == []


def test_dot_shows_what_is_saved():
    pytest.importorskip("graphviz", reason="the extra viz")
    x = leaf(1.0, 2.0)
    y = x.exp()
    _, edges = parts(viz.make_dot(y, show_saved=True))
    assert ("saved result float32 (2,)", "ExpBackward0 (2,)") in edges
    y.sum().backward()
    assert not any("saved" in label for label in parts(viz.make_dot(y, show_saved=True))[0])
    assert not any("saved" in label for label in parts(viz.make_dot(x.exp()))[0])


@pytest.mark.parametrize("name", ["<b>w</b>", 'quo"te', "back\\nslash", "{a|b}", "héllo", ""])
def test_dot_writes_any_name_as_it_is(name):
    graphviz = pytest.importorskip("graphviz", reason="the extra viz")
    w = leaf()
    source = viz.make_dot(w * 2, {name: w}).source
    assert graphviz.escape(name).replace('"', r"\"") in source
    assert "label=<" not in source


def test_dot_renders():
    pytest.importorskip("graphviz", reason="the extra viz")
    if shutil.which("dot") is None:
        pytest.skip("the program dot of Graphviz is not installed")
    dot = viz.make_dot(leaf().exp())
    svg = dot._repr_image_svg_xml()
    assert "ExpBackward0" in svg
    assert "<svg" in svg


def test_rendering_without_the_program(monkeypatch, tmp_path):
    graphviz = pytest.importorskip("graphviz", reason="the extra viz")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(graphviz.ExecutableNotFound, match="dot"):
        viz.make_dot(leaf().exp()).pipe(format="svg")


def test_without_the_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "graphviz", None)
    with pytest.raises(ImportError, match=r"make_dot needs graphviz: pip install 'xpgrad\[viz\]'"):
        viz.make_dot(leaf())
    assert "Exp" in viz.tree(leaf().exp())


# ── both ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("show", [viz.tree, viz.make_dot])
def test_a_large_graph_needs_no_recursion(show):
    if show is viz.make_dot:
        pytest.importorskip("graphviz", reason="the extra viz")
    x = w = leaf()
    for _ in range(20_000):
        x = x * w
    text = show(x)
    text = text if isinstance(text, str) else text.source
    assert text.count("MulBackward0") >= 20_000


@pytest.mark.parametrize("show", [viz.tree, viz.make_dot])
def test_what_is_no_tensor(show):
    pytest.importorskip("graphviz", reason="the extra viz")
    with pytest.raises(TypeError, match="expected a Tensor or several, got int"):
        show([1])
    with pytest.raises(TypeError, match="params: 'w' is no Tensor but float"):
        show(leaf(), {"w": 1.0})


def test_operations_of_ones_own():
    pytest.importorskip("graphviz", reason="the extra viz")

    class Twice(xg.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * 2, x + 1

        @staticmethod
        def backward(ctx, g, h):
            return g * 2 + h

    x = leaf(1.0, 2.0)
    a, b = Twice.apply(x)
    a.mul_(b)
    a[0] = 3.0
    text = viz.tree(a, {"x": x})
    assert text.count("TwiceBackward") == 2
    assert text.count("see above") == 1
    source = viz.make_dot(a, show_saved=True).source
    assert source.count("TwiceBackward") == 1


def test_leaves_that_are_gone():
    y = xg.tensor([1.0], requires_grad=True) * 2
    assert "leaf: float32 (1,)" in viz.tree(y)


def test_on_every_device(device):
    x = xg.ones(2, 3, device=device, requires_grad=True)
    text = viz.tree((x * 2).sum(), {"x": x})
    assert "x: float32 (2, 3)" in text
