"""Nested tuples, lists and dicts of values: the arguments and results of transforms."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from xpgrad.tensor import Tensor


def children(tree: Any) -> tuple[list[Any], Callable[[Sequence[Any]], Any]] | None:
    """The parts of a container, and how to make one like it of others; `None` for a leaf."""
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        named = type(tree)
        return list(tree), lambda parts: named(*parts)
    if type(tree) is tuple:
        return list(tree), tuple
    if type(tree) is list:
        return tree, list
    if type(tree) in (dict, OrderedDict, defaultdict):
        keys, mapping = list(tree), type(tree)
        if mapping is defaultdict:
            factory = tree.default_factory
            return list(tree.values()), lambda parts: defaultdict(
                factory, zip(keys, parts, strict=True)
            )
        return list(tree.values()), lambda parts: mapping(zip(keys, parts, strict=True))
    if isinstance(tree, (tuple, list)):  # results with names, such as those of `max`
        kind = type(tree)
        return list(tree), lambda parts: kind(parts)
    return None


def flatten(tree: Any) -> tuple[list[Any], Callable[[Sequence[Any]], Any]]:
    """The leaves of a tree from left to right, and how to make one like it of other leaves."""
    leaves: list[Any] = []
    build = _walk(tree, leaves)
    return leaves, lambda values: build(iter(values))


def _walk(node: Any, leaves: list[Any]) -> Callable[[Any], Any]:
    found = children(node)
    if found is None:
        leaves.append(node)
        return next
    parts, make = found
    builders = [_walk(part, leaves) for part in parts]
    return lambda values: make([build(values) for build in builders])


def map_leaves(function: Callable[[Any], Any], tree: Any) -> Any:
    """A tree with `function` applied to each leaf."""
    leaves, make = flatten(tree)
    return make([function(leaf) for leaf in leaves])


def map_tensors(function: Callable[[Tensor], Any], tree: Any) -> Any:
    """A tree with `function` applied to each Tensor; other leaves stay."""
    return map_leaves(lambda leaf: function(leaf) if isinstance(leaf, Tensor) else leaf, tree)


def spread(prefix: Any, tree: Any) -> list[Any] | None:
    """The value that a prefix of a tree has for each leaf; `None` where it is no prefix.

    A number or `None` at a place of the prefix holds for all leaves of the tree there.
    """
    inner = children(prefix)
    if inner is None:
        leaves, _ = flatten(tree)
        return [prefix] * len(leaves)
    outer = children(tree)
    if outer is None or type(prefix) is not type(tree) or len(inner[0]) != len(outer[0]):
        return None
    if isinstance(prefix, dict):
        if prefix.keys() != tree.keys():
            return None
        pairs = [(prefix[key], tree[key]) for key in tree]
    else:
        pairs = list(zip(inner[0], outer[0], strict=True))
    found: list[Any] = []
    for a, b in pairs:
        part = spread(a, b)
        if part is None:
            return None
        found += part
    return found


def outline(tree: Any) -> str:
    """The structure of a tree as text, with a star for each leaf: equal for trees nested alike."""
    found = children(tree)
    if found is None:
        return "*"
    parts = [outline(part) for part in found[0]]
    if isinstance(tree, dict):
        inner = ", ".join(f"{k!r}: {part}" for k, part in zip(tree, parts, strict=True))
        return "{" + inner + "}"
    if isinstance(tree, list):
        return "[" + ", ".join(parts) + "]"
    return "(" + ", ".join(parts) + ("," if len(parts) == 1 else "") + ")"
