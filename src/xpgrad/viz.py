"""The graph of a result as a picture or as text.

Both show what gradients flow through: the operations, and the leaf tensors that require a
gradient. `tree` needs nothing installed; `make_dot` needs the package graphviz (the extra
``viz``), and rendering its picture the program ``dot`` of https://graphviz.org.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

from xpgrad import dtypes
from xpgrad.errors import missing_extra
from xpgrad.graph import AccumulateGrad, Node, Output
from xpgrad.tensor import Tensor

# Blue: what is trained. Grey: operations. Green: results. Orange: what is kept for backward.
_LEAF, _OP, _RESULT, _SAVED = "#cfe2f3", "#eeeeee", "#d9ead3", "#fce5cd"


def make_dot(result: Any, params: Any = None, *, show_saved: bool = False) -> Any:
    """The graph of a result as a ``graphviz.Digraph``; a notebook shows it as a picture.

    Arrows run from the leaves to the result, as the computation did; gradients flow against them.

    Args:
        result: a tensor, or several.
        params: names for tensors: a module, a dict ``name -> tensor``, or ``(name, tensor)`` pairs.
        show_saved: also show the arrays that operations keep for backward.

    Raises:
        MissingExtra: where the package graphviz is not installed.
        TypeError: where `result` holds something that is no tensor.

    >>> import xpgrad as xg
    >>> w = xg.tensor([1.0, 2.0], requires_grad=True)
    >>> dot = xg.viz.make_dot((w * w).sum(), params={"w": w})
    >>> print(dot.source.splitlines()[0])
    digraph {
    """
    try:
        import graphviz
    except ImportError:
        raise missing_extra("graphviz", "viz", "xpgrad.viz.make_dot") from None
    results = _results(result)
    names = _names(params)
    dot = graphviz.Digraph(
        graph_attr={"rankdir": "TB", "nodesep": "0.2", "ranksep": "0.3"},
        node_attr={
            "shape": "box",
            "style": "filled,rounded",
            "fontname": "Helvetica,Arial,sans-serif",
            "fontsize": "10",
            "height": "0.2",
            "fillcolor": _OP,
            "color": "#777777",
        },
        edge_attr={"color": "#777777", "arrowsize": "0.6"},
    )

    def box(key: str, *lines: str, **look: str) -> None:
        # Escaped, so that a name stands as it is: no HTML, no line breaks of its own.
        dot.node(key, r"\n".join(map(graphviz.escape, filter(None, lines))), **look)

    keys: dict[Node, str] = {}
    for i, tensor in enumerate(results):
        what = "result" if len(results) == 1 else f"result {i}"
        about = f"{tensor.dtype.name} {tuple(tensor.shape)}"
        own = _own(tensor._node)
        if own is None:
            box(f"r{i}", f"{what} (needs no gradient)", about, fillcolor=_RESULT)
        else:
            box(f"r{i}", what, about, fillcolor=_RESULT)
    nodes = _walk([t._node for t in results])
    for node in nodes:
        key = keys[node] = f"n{len(keys)}"
        title, about = _label(node, names)
        leaf = isinstance(node, AccumulateGrad)
        box(key, title.removesuffix(":"), about, **({"fillcolor": _LEAF} if leaf else {}))
        if show_saved:
            for j, (what, array) in enumerate(_saved(node)):
                about = f"{node.ns.dtype_of(array).name} {tuple(array.shape)}"
                box(f"{key}s{j}", what, about, fillcolor=_SAVED, shape="note", style="filled")
                dot.edge(f"{key}s{j}", key, style="dashed", arrowhead="none")
    for node in nodes:
        for edge in node.edges:
            own = _own(edge)
            if own is not None:
                dot.edge(keys[own], keys[node], **_output(edge))
    for i, tensor in enumerate(results):
        own = _own(tensor._node)
        if own is not None:
            dot.edge(keys[own], f"r{i}", **_output(tensor._node))
    return dot


def tree(result: Any, params: Any = None) -> str:
    """The graph of a result as text: each operation above what it was computed from.

    What is used more than once is shown once, with a number, and only named again elsewhere. A
    branch that is too deep for a line goes on further down, under its number.

    Args:
        result: a tensor, or several.
        params: names for tensors: a module, a dict ``name -> tensor``, or ``(name, tensor)`` pairs.

    >>> import xpgrad as xg
    >>> w = xg.tensor([1.0, 2.0], requires_grad=True)
    >>> y = w * 3
    >>> print(xg.viz.tree((y * y + w).sum(), params={"w": w}))
    result: float32 ()
    └─ SumBackward0 ()
       └─ AddBackward0 (2,)
          ├─ MulBackward0 (2,)
          │  ├─ #1 MulBackward0 (2,)
          │  │  └─ w: float32 (2,)
          │  └─ #1 MulBackward0, see above
          └─ w: float32 (2,)
    """
    names = _names(params)
    text = _Text(names)
    results = _results(result)
    roots = [_own(t._node) for t in results]
    for own in (*roots, *(_own(e) for node in _walk(roots) for e in node.edges)):
        if own is not None:
            text.uses[own] = text.uses.get(own, 0) + 1
    for i, (tensor, root) in enumerate(zip(results, roots)):
        what = "result" if len(results) == 1 else f"result {i}"
        text.lines.append(f"{what}: {tensor.dtype.name} {tuple(tensor.shape)}")
        if root is not None:
            text.show(root, "└─ ", "   ")
    while text.later:
        node = text.later.popleft()
        if node not in text.shown:
            text.show(node, "", "")
    return "\n".join(text.lines)


class _Text:
    """The lines of `tree` as they grow."""

    DEPTH = 24  # levels that fit on a line

    def __init__(self, names: dict[Node, str]) -> None:
        self.names = names
        self.lines: list[str] = []
        self.uses: dict[Node, int] = {}
        self.shown: set[Node] = set()
        self.later: deque[Node] = deque()
        self._numbers: dict[Node, int] = {}

    def show(self, root: Node, before: str, inside: str) -> None:
        """Add lines for a node and all below it, depth first, without recursion."""
        stack = [(root, before, inside)]
        while stack:
            node, before, inside = stack.pop()
            title, about = _label(node, self.names)
            if isinstance(node, AccumulateGrad) and node in self.names:
                self.lines.append(f"{before}{title} {about}")  # however often: a name says it all
                continue
            if node in self.shown:
                self.lines.append(
                    f"{before}{self._number(node)}{title.removesuffix(':')}, see above"
                )
                continue
            if node.edges and len(inside) > 3 * self.DEPTH:
                self.lines.append(f"{before}{self._number(node)}{title}, see below")
                self.later.append(node)
                continue
            number = self._number(node) if self.uses[node] > 1 or node in self._numbers else ""
            self.lines.append(f"{before}{number}{title} {about}".rstrip())
            self.shown.add(node)
            below = [own for own in map(_own, node.edges) if own is not None]
            for i, own in enumerate(reversed(below)):
                corner, line = ("├─ ", "│  ") if i else ("└─ ", "   ")
                stack.append((own, inside + corner, inside + line))

    def _number(self, node: Node) -> str:
        return f"#{self._numbers.setdefault(node, len(self._numbers) + 1)} "


# ------------------------------------------------------------------ reading the graph


def _results(result: Any) -> list[Tensor]:
    found = [result] if isinstance(result, Tensor) else list(result)
    for tensor in found:
        if not isinstance(tensor, Tensor):
            raise TypeError(f"expected a Tensor or several, got {type(tensor).__name__}")
    return found


def _names(params: Any) -> dict[Node, str]:
    """Names by node, of whatever `params` names that is in some graph."""
    if params is None:
        return {}
    if hasattr(params, "named_parameters"):
        params = params.named_parameters()
    named = {}
    for name, tensor in params.items() if isinstance(params, Mapping) else params:
        if not isinstance(tensor, Tensor):
            raise TypeError(f"params: {name!r} is no Tensor but {type(tensor).__name__}")
        own = _own(tensor._node)
        if own is not None:
            named[own] = str(name)
    return named


def _own(node: Node | None) -> Node | None:
    """The node to show for an edge: one for all outputs of an operation."""
    return node.edges[0] if isinstance(node, Output) else node


def _walk(roots: Iterable[Node | None]) -> list[Node]:
    """Every node to show, each once, without recursion."""
    found: dict[Node, None] = {}
    stack = [_own(node) for node in roots]
    while stack:
        node = stack.pop()
        if node is not None and node not in found:
            found[node] = None
            stack.extend(map(_own, reversed(node.edges)))
    return list(found)


def _label(node: Node, names: dict[Node, str]) -> tuple[str, str]:
    """What a node is called, and what its output looks like."""
    shape = "" if node.shape is None else str(tuple(node.shape))
    name = names.get(node)
    if isinstance(node, AccumulateGrad):
        return f"{name or 'leaf'}:", f"{dtypes.as_dtype(node.dtype).name} {shape}"
    return node.name() if name is None else f"{name} = {node.name()}", shape


def _saved(node: Node) -> list[tuple[str, Any]]:
    """The arrays that a node keeps, each with what it is."""
    kept = node.saved if type(node.saved) is tuple else ()  # or freed, or packed
    found: list[tuple[str, Any]] = []
    for i, value in enumerate(kept):
        role = f"saved input {i}" if i < len(node.edges) else "saved result"
        parts = value if isinstance(value, (tuple, list)) else (value,)
        found += [(role, part) for part in parts if hasattr(part, "shape")]
    return found


def _output(edge: Node | None) -> dict[str, str]:
    """The look of an arrow: which output it takes, where there are several."""
    if not isinstance(edge, Output):
        return {}
    return {"label": f" {edge.index}", "fontsize": "9", "fontname": "Helvetica,Arial,sans-serif"}
