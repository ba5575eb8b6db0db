"""Writes the stub of the methods that PyTorch's door attaches to Tensor."""

import inspect
import re
import sys
from pathlib import Path

from xpgrad.door import attach
from xpgrad.tensor import Tensor

STUB = Path(__file__).resolve().parent.parent / "src" / "xpgrad" / "_methods.pyi"

HEADER = '''\
# ruff: noqa
# fmt: off
"""The methods that PyTorch's door attaches to Tensor. Written by ci/stubs: edit the door."""

import builtins
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from xpgrad import dtypes
from xpgrad.device import device as Device
from xpgrad.door import results
from xpgrad.namespace import Array
from xpgrad.random import Generator
from xpgrad.tensor import Size, Tensor

class Methods:
'''

# Methods of these names hide the types within the class.
HIDDEN = re.compile(r"(?<![\w.])(bool|int|float|complex|type|object)\b")


def annotation(text):
    """An annotation as the stub writes it."""
    if text is inspect.Parameter.empty:
        return "Any"
    return HIDDEN.sub(r"builtins.\1", text if isinstance(text, str) else text.__name__)


def parameter(p):
    """A parameter as the stub writes it, its default as dots."""
    if p.kind is p.VAR_POSITIONAL:
        return f"*{p.name}: {annotation(p.annotation)}"
    if p.kind is p.VAR_KEYWORD:
        return f"**{p.name}: {annotation(p.annotation)}"
    default = "" if p.default is p.empty else " = ..."
    return f"{p.name}: {annotation(p.annotation)}{default}"


def signature(name, function):
    """The parameters after ``self``, and the type of the result."""
    op = getattr(function, "op", None)
    if op is not None:  # an op as it is: no names worth showing
        return ["other: Any"][: len(op.inputs) - 1], "Tensor"
    found = inspect.signature(function)
    rest = list(found.parameters.values())[1:]
    if name.endswith("_") and [p.kind.name for p in rest] == ["VAR_POSITIONAL", "VAR_KEYWORD"]:
        # In place: the parameters of the function that gives a new tensor.
        return signature(name, attach.METHODS[name[:-1]])[0], "Tensor"
    shown = []
    for p in rest:
        if p.kind is p.KEYWORD_ONLY and "*" not in shown and not any(s[0] == "*" for s in shown):
            shown.append("*")
        shown.append(parameter(p))
    return shown, annotation(found.return_annotation)


def sentence(function):
    """The first paragraph of a docstring, on one line."""
    text = inspect.getdoc(function) or ""
    return " ".join(text.partition("\n\n")[0].split()).replace("\\", "\\\\")


def stub():
    """The text of the stub."""
    lines = []
    for name, function in sorted(attach.METHODS.items()):
        if name in vars(Tensor) and vars(Tensor)[name] is not function:
            continue  # replaced by another later on
        parameters, result = signature(name, function)
        head = f"    def {name}({', '.join(['self', *parameters])}) -> {result}:"
        override = "  # type: ignore[override]" if name in ("__eq__", "__ne__") else ""
        doc = sentence(function)
        lines += [head + override, f'        r"""{doc}"""'] if doc else [f"{head} ...{override}"]
    for name, function in sorted(attach.PROPERTIES.items()):
        result = annotation(inspect.signature(function).return_annotation)
        lines += ["    @property", f"    def {name}(self) -> {result}:"]
        lines += [f'        r"""{sentence(function)}"""']
    return HEADER + "\n".join(lines) + "\n"


if __name__ == "__main__":
    text = stub()
    if "--check" in sys.argv:
        current = STUB.read_text("utf-8") if STUB.exists() else ""
        if current != text:
            sys.exit(f"{STUB.name} is out of date: run ci/stubs")
    else:
        STUB.write_text(text, "utf-8")
