"""Random programs, run line by line by PyTorch and by xpgrad, everything visible compared.

A program is a list of lines of Python. Its names are ``t``, the library, and what the prelude
defines; each line binds, changes, differentiates or deletes tensors called ``a``, ``b``, …. A
`Writer` makes one from a seed: it looks at PyTorch's tensors so that most lines make sense, and a
few do not. After each line both sides must agree on every living tensor; see `Seen`. A line that
fails must fail on both sides, with PyTorch's kind of error and its words, and then xpgrad's
tensors are as they were.

    python tests/programs.py --count 100000 --seed 1     the long run
    python tests/programs.py --show 17                   program 17 as a script
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import random
import re
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import CodeType
from typing import Any

import numpy as np
import torch

import namespaces  # noqa: F401  (registers the device readonly)
import xpgrad as xg

# What a program can use beside the library.
PRELUDE = '''
log = []

def see(label):
    """A hook that writes down what it sees."""
    # PyTorch shows hooks that there is no gradient for one of several outputs
    return lambda g: None if g is None else log.append((label, g.tolist()))

def after(label):
    """The same for a leaf whose .grad has just been written."""
    # PyTorch shows it leaves, too, that no longer require a gradient
    return lambda x: None if x.grad is None else log.append((label, x.grad.tolist()))

def times(factor):
    """A hook that scales."""
    return lambda g: None if g is None else g * factor

def values(gs):
    return [g if g is None else g.tolist() for g in gs]

def entering(label):
    """The same for a node's prehook."""
    return lambda gs: log.append((label, values(gs)))

def leaving(label):
    """The same for a node's hook."""
    return lambda gs, before: log.append((label, values(gs), values(before)))

def own(gradients):
    """Gradients in memory of their own."""
    return [g if g is None else g * 1 for g in gradients]
'''
_prelude = compile(PRELUDE, "<prelude>", "exec")

NAME = re.compile(r"[a-z]\d*")  # of a tensor

# ------------------------------------------------------------------ what differs on purpose

# Each line of the README's "What differs from PyTorch" that a program can reach, as narrowly as it
# can be put. First: what PyTorch refuses although the answer is clear. There a program ends.

# Copied first, where the outcome would depend on the order of the writes; a write to what has no
# elements; two bugs of PyTorch's.
ONLY_PYTORCH_REFUSES = (
    r"some elements of the input tensor and the written-to|"
    r"modified by an inplace operation: \[torch\.\w+ \[(\d+, )*0[,\]]|"
    # Views that one operation made, of a base that was written to: ours work on.
    r"or another view of its base has been modified inplace.{0,30}\. This view is the output of a fun|"
    r"INTERNAL ASSERT FAILED|Expected isFloatingType\(grad"
)

# What PyTorch has freed or lost to a write, and ours has not, because its rules need less or have
# a copy. Then the answer must be what PyTorch gives when it frees nothing and copies all it saves.
PYTORCH_LACKS = (
    r"Trying to backward through the graph a second time|"
    r"variables needed for gradient computation has been modified by an inplace operation|"
    r"Trying to use a saved tensor that has been detached in-place"
)

# What is said in other words.
SAID_OTHERWISE = (
    (r"CPU(\w+)Type", r"xpgrad.\1Tensor"),
    # Which op: the one that made what was saved, where PyTorch names the latest that wrote to it.
    # When several were modified, which is found first, and so the version: these are compared.
    (r"(, which is output \d+ of [\w:]+,)? is at version \d+; expected version \d+", ""),
    # Its shape: as it was saved, where PyTorch has what the tensor has turned into.
    (r"(inplace operation: \[xpgrad\.\w+) \[[\d, ]*\]", r"\1"),
    # PyTorch has two names for int64 here.
    (r"output type long int", "output type Long"),
    (r"xpgrad\.(readonly|strict)\.", "xpgrad."),
    # Which dimension an index is out of range for: where it stands, which PyTorch may have moved.
    (r"out of bounds for dimension \d+", "out of bounds for dimension"),
    # Which view: the one that was given, where PyTorch names the part of it that an index takes;
    # and which of several reasons is given.
    (r"Output \d+ of \w+ is a view and is being", "Output of is a view and is being"),
    (r"Output \d+ of \w+ is a view of a view which was created", "A view was created"),
    (r"(A view was created in .* is being modified inplace).*", r"\1"),
)

# Whether a slice takes all: in an index with other parts PyTorch looks at the length, ours does not.
SAME_NODES = {
    ("SliceBackward0", other) for other in ("AliasBackward0", "SelectBackward0", "UnsqueezeBackward0")
}

# PyTorch takes a view again from its base when the base has been written to, recorded or not, and
# no longer knows by which op. Ours does so only where the history has changed.
TAKEN_AGAIN = "AsStridedBackward0"


# ------------------------------------------------------------------ one side


@dataclass(slots=True)
class Seen:
    """All that can be seen of one tensor."""

    facts: tuple[Any, ...]
    values: np.ndarray
    grad: np.ndarray | None


FACTS = (
    "shape", "dtype", "requires_grad", "is_leaf", "version", "is_view", "inference",
    "retains_grad", "output_nr", "grad_fn", "base", "grad",
)  # fmt: skip
LEAF, RETAINS = FACTS.index("is_leaf"), FACTS.index("retains_grad")
VIEW = FACTS.index("is_view")


class Side:
    """One library with the names of a program."""

    def __init__(self, lib: Any, device: str | None = None) -> None:
        self.lib = lib
        self.device = device
        self.names: dict[str, Any] = {"t": lib}
        exec(_prelude, self.names)
        self.log: list[Any] = self.names["log"]
        self.fixed = set(self.names)

    def run(self, code: CodeType) -> Exception | None:
        """Run a line; what it raised."""
        try:
            exec(code, self.names)
        except Exception as error:
            return error
        return None

    def tensors(self) -> dict[str, Any]:
        """The living tensors by name."""
        kind, fixed = self.lib.Tensor, self.fixed
        return {n: x for n, x in self.names.items() if n not in fixed and isinstance(x, kind)}

    def state(self) -> dict[str, Seen]:
        """What there is to see."""
        found = self.tensors()
        of = {id(x): name for name, x in found.items()}
        return {name: self.look(x, of) for name, x in found.items()}

    def look(self, x: Any, of: dict[int, str]) -> Seen:
        """One tensor; `of` names the living ones."""
        try:
            return self.looked(x, of)
        except RuntimeError as error:  # some views must not even be looked at
            return Seen((words(error),), np.zeros(0), None)

    def looked(self, x: Any, of: dict[int, str]) -> Seen:
        """One tensor, if that is possible."""
        inference = x.is_inference()
        leaf, kept = x.is_leaf, x.retains_grad
        view = not inference and x._is_view()  # what nobody tracks is no view in PyTorch
        grad = x.grad if leaf or kept else None
        node = x.grad_fn
        facts = (
            tuple(x.shape), str(x.dtype).rpartition(".")[2], x.requires_grad, leaf,
            None if inference else x._version, view, inference, kept, x.output_nr,
            None if node is None else type(node).__name__, of.get(id(x._base)) if view else None,
            None if grad is None else (
                of.get(id(grad)), str(grad.dtype).rpartition(".")[2], grad.requires_grad
            ),
        )  # fmt: skip
        return Seen(facts, self.host(x), None if grad is None else self.host(grad))

    def host(self, x: Any) -> np.ndarray:
        """A copy of the values."""
        if self.lib is not xg:
            return np.array(x.numpy(force=True))
        return np.array(x._ns.to_host(x._data))

    def close(self) -> None:
        """Break the cycles that ``create_graph`` leaves behind."""
        for x in self.tensors().values():
            with contextlib.suppress(RuntimeError):  # of a view that must not be looked at
                x.grad = None
        self.names.clear()


# ------------------------------------------------------------------ comparing


@dataclass
class Difference:
    """Where and how the two sides disagree."""

    line: str
    what: str
    mine: Any
    theirs: Any
    step: int = 0
    program: list[str] = field(default_factory=list)

    @property
    def numeric(self) -> bool:
        """Whether only numbers differ."""
        return self.what.endswith(("values", ".grad", "hooks saw"))

    @property
    def kind(self) -> str:
        """What differs, without names and numbers: to tell kinds of differences apart."""
        text = self.what
        if isinstance(self.mine, Exception) or isinstance(self.theirs, Exception):
            text += f": {self.mine!r} / {self.theirs!r}"
        elif self.what.endswith("grad_fn"):
            text += f": {self.mine} / {self.theirs}"
        return re.sub(r"\d+", "#", re.sub(r"^[a-z]\d*\b", "_", text))[:200]

    def __str__(self) -> str:
        return f"{self.line}\n  {self.what}\n  xpgrad:  {self.mine!r}\n  PyTorch: {self.theirs!r}"


def close(a: np.ndarray, b: np.ndarray, error: float) -> bool:
    """Whether two arrays agree up to an error."""
    if a.tobytes() == b.tobytes():
        return True
    if a.dtype.kind not in "fc":
        return bool((a == b).all())
    with np.errstate(all="ignore"):
        return bool(np.isclose(a, b, rtol=0, atol=error, equal_nan=True).all())


def near(a: Any, b: Any, error: float) -> bool:
    """The same for nested lists of numbers and names."""
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(near(p, q, error) for p, q in zip(a, b, strict=True))
    if isinstance(a, (float, complex)) and isinstance(b, (float, complex)):
        with np.errstate(all="ignore"):
            return bool(np.isclose(a, b, rtol=0, atol=error, equal_nan=True))
    return type(a) is type(b) and a == b


def in_order(log: list[Any]) -> list[Any]:
    """What hooks saw, those of leaves last and by name: which leaf comes first depends."""
    leaves = [entry for entry in log if "leaf" in entry[0]]
    return [entry for entry in log if "leaf" not in entry[0]] + sorted(leaves, key=lambda e: e[0])


def error_in(state: dict[str, Seen]) -> float:
    """The error that rounding may make in what is calculated from what there is."""
    largest, digits = 1.0, 1e-9
    for seen in state.values():
        for x in (seen.values, seen.grad):
            if x is not None and x.size and x.dtype.kind in "fc":
                if x.dtype.name in ("float32", "complex64"):
                    digits = 1e-4
                with np.errstate(all="ignore"):
                    size = abs(x)
                    top = float(size.max())
                    if not np.isfinite(top):
                        top = float(np.max(size, where=np.isfinite(size), initial=0.0))
                largest = max(largest, top)
    return largest * digits


def words(error: Exception) -> str:
    """The words of an error that must be the same."""
    text = str(error).split("\n")[0].partition(" (Could this")[0].rstrip(". ")
    text = re.sub(r"\btorch\b", "xpgrad", text)
    for pattern, instead in SAID_OTHERWISE:
        text = re.sub(pattern, instead, text)
    return text


def compare_errors(line: str, mine: Exception | None, theirs: Exception | None) -> Any:
    """A `Difference` between what the sides raised, if there is one."""
    if theirs is None and mine is None:
        return None
    if theirs is None or mine is None:
        return Difference(line, "fails", mine, theirs)
    alike = words(theirs) in words(mine)
    # Freed and written to: which of the two is met first depends on what the rules need.
    alike = alike or all(re.search(PYTORCH_LACKS, str(error)) for error in (mine, theirs))
    if not isinstance(mine, type(theirs)) or not alike:
        return Difference(line, "error", mine, theirs)
    return None


def compare_states(
    line: str, mine: dict[str, Seen], theirs: dict[str, Seen], error: float
) -> Difference | None:
    """A `Difference` in what can be seen, if there is one."""
    if mine.keys() != theirs.keys():
        return Difference(line, "names", list(mine), list(theirs))
    for name, a in mine.items():
        b = theirs[name]
        if len(b.facts) == 1 and re.search(ONLY_PYTORCH_REFUSES, b.facts[0]):
            continue
        if len(a.facts) != len(b.facts):
            return Difference(line, f"{name}: looking", a.facts, b.facts)
        if a.facts != b.facts:
            for fact, p, q in zip(FACTS, a.facts, b.facts, strict=False):
                again = q == TAKEN_AGAIN and p is not None and a.facts[VIEW]
                if p != q and not again and (p, q) not in SAME_NODES:
                    return Difference(line, f"{name}: {fact}", p, q)
        if not close(a.values, b.values, error):
            return Difference(line, f"{name}: values", a.values.tolist(), b.values.tolist())
        if a.grad is not None and b.grad is not None and not close(a.grad, b.grad, error):
            return Difference(line, f"{name}: .grad", a.grad.tolist(), b.grad.tolist())
    return None


def compare_lacking(
    program: list[str], failed: bool, mine: Side, actual: Exception | None, error: float
) -> Difference | None:
    """Compare with a PyTorch that frees nothing and copies whatever it saves.

    Args:
        program: what has been run, without lines that failed.
        failed: whether there were any.
        actual: what our last line raised.
        error: of rounding.
    """
    theirs = Side(torch)
    copying = torch.autograd.graph.saved_tensors_hooks(torch.clone, lambda x: x)
    with copying:
        for line in program:
            theirs.log.clear()
            expected = theirs.run(compiled(retaining(line)))
            theirs.state()  # to look at a view makes a difference in PyTorch
    found = compare_errors(line, actual, expected)
    if found is not None or actual is not None:
        return found
    ours, others = mine.state(), theirs.state()
    for name in ours.keys() & others.keys():
        a, b = ours[name], others[name]
        if failed and len(a.facts) == len(b.facts) > 1:  # and has left something all the same
            for fact in ("retains_grad", "grad"):
                if not a.facts[LEAF]:
                    place = FACTS.index(fact)
                    b.facts = (*b.facts[:place], a.facts[place], *b.facts[place + 1 :])
                    a.grad = b.grad = None
    found = compare_states(line, ours, others, error)
    if found is None and not near(in_order(mine.log), in_order(theirs.log), error):
        return Difference(line, "hooks saw", mine.log[:], theirs.log[:])
    return found


class Shaken:
    """PyTorch, with literals that differ in their last digits."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)

    def __getattr__(self, name: str) -> Any:
        return getattr(torch, name)

    def tensor(self, values: Any, dtype: Any = None, requires_grad: bool = False) -> Any:
        x = torch.tensor(values, dtype=dtype)
        if x.is_floating_point() or x.is_complex():
            digits = 1e-6 if x.dtype == torch.float32 else 1e-13
            x = x * torch.tensor(1 + digits * self.random.standard_normal(x.shape)).to(x.dtype)
        return x.requires_grad_(requires_grad)


def unstable(program: list[str]) -> bool:
    """Whether PyTorch gives other numbers, too, when those it starts from differ by rounding."""
    sides = [Side(torch), *(Side(Shaken(seed)) for seed in range(3))]
    for side in sides:
        for line in program:
            side.log.clear()
            side.run(compiled(line))
            side.state()
    first, *others = (side.state() for side in sides)
    log = in_order(sides[0].log)
    return any(
        compare_states("", first, other, error_in(first)) is not None
        or not near(log, in_order(side.log), error_in(first))
        for side, other in zip(sides[1:], others, strict=True)
    )


def retaining(line: str) -> str:
    """A line that differentiates, with all saved values retained."""
    if "retain_graph" in line or not re.search(r"\.(backward|grad)\(", line):
        return line
    if line.endswith(".backward()"):
        return f"{line[:-1]}retain_graph=True)"
    end = len(line) - (2 if line.endswith("))") and "own(" in line else 1)
    return f"{line[:end]}, retain_graph=True{line[end:]}"


def unchanged(before: dict[str, Seen], after: dict[str, Seen]) -> str | None:
    """What a line that raised has changed all the same."""
    if before.keys() != after.keys():
        return "names"
    for name, a in before.items():
        b = after[name]
        kept = len(a.facts) > 1 and a.facts[RETAINS]  # what a backward has left in passing where the gradient is retained
        changed = [fact for fact, p, q in zip(FACTS, a.facts, b.facts, strict=False) if p != q]
        kept = kept or (len(b.facts) > 1 and b.facts[RETAINS])
        if changed and not (kept and {*changed} <= {"retains_grad", "grad"}):
            return f"{name}: {', '.join(changed)}"
        for p, q in ((a.values, b.values), (None if kept else a.grad, b.grad)):
            if p is not None and q is not None and p.tobytes() != q.tobytes():
                return f"{name}: values"
    return None


# Why programs were not run to their end: the main program says so.
ended: collections.Counter[str] = collections.Counter()



def compiled(line: str) -> CodeType:
    """A line as code."""
    return compile(line, "<program>", "exec")


def compare(lines: Any, device: str = "cpu", ours: Callable[..., Side] = Side) -> Difference | None:
    """Run a program (lines, or a `Writer` that makes them) on both sides.

    Args:
        ours: makes our side, for tests of the machine itself.
    """
    theirs, mine = Side(torch), ours(xg, device)
    if isinstance(lines, Writer):
        lines.look_at(theirs)
    program: list[str] = []
    outer = xg.get_default_device()
    xg.set_default_device(device)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            found = _compare(iter(lines), theirs, mine, program)
            if found is not None and found.numeric and unstable(program):
                ended["rounding decides"] += 1
                return None
    finally:
        xg.set_default_device(outer)
        theirs.close()
        mine.close()
    if found is not None:
        found.step, found.program = len(program) - 1, program
    return found


def _compare(
    lines: Iterator[str], theirs: Side, mine: Side, program: list[str]
) -> Difference | None:
    before_mine: dict[str, Seen] = {}
    before_theirs: dict[str, Seen] = {}
    passed: list[str] = []
    error = 0.0
    for line in lines:
        program.append(line)
        code = compiled(line)
        expected = theirs.run(code)
        if isinstance(expected, NameError):  # a line that this one needs has been left out
            program.pop()
            continue
        if expected is not None and re.search(ONLY_PYTORCH_REFUSES, str(expected)):
            ended["only PyTorch refuses"] += 1
            return None
        actual = mine.run(code)
        unused = "appears to not have been used"  # is said later
        if re.search(PYTORCH_LACKS, str(expected)) and (actual is None or unused in str(actual)):
            ended["PyTorch lacks what it saved"] += 1
            failed = len(passed) + 1 < len(program)
            return compare_lacking([*passed, line], failed, mine, actual, error)
        found = compare_errors(line, actual, expected)
        if found is not None:
            return found
        after_mine = mine.state()
        if actual is not None:
            lacking = re.search(PYTORCH_LACKS, str(expected))
            if lacking and "retain_graph" not in line:
                ended["which nodes have been freed before an error is nobody's promise"] += 1
                return None
            what = unchanged(before_mine, after_mine)
            if what is not None:
                return Difference(line, f"changed by an error: {what}", None, actual)
            mine.log.clear()
            theirs.log.clear()
            after_theirs = theirs.state()
            if after_mine.keys() != after_theirs.keys() or compare_states(line, after_mine, after_theirs, error):
                ended["an error has changed something in PyTorch"] += 1
                return None
            before_mine, before_theirs = after_mine, after_theirs
            continue
        after_theirs = theirs.state()
        error = max(error, error_in(after_theirs))
        found = compare_states(line, after_mine, after_theirs, error)
        if found is not None:
            return found
        passed.append(line)
        if mine.log or theirs.log:
            if not near(in_order(mine.log), in_order(theirs.log), error):
                return Difference(line, "hooks saw", mine.log[:], theirs.log[:])
            mine.log.clear()
            theirs.log.clear()
        before_mine, before_theirs = after_mine, after_theirs
    return None


# ------------------------------------------------------------------ writing programs

UNARY = (
    "-{x}", "{x} * 2", "{x} + 1", "0.5 - {x}", "{x} / 4", "2 / ({x} * {x} + 1)", "{x} ** 2", "{x} ** 3",
    "{x}.exp()", "{x}.tanh()", "{x}.sigmoid()", "{x}.sin()", "{x}.cos()", "{x}.square()",
    "{x}.clone()", "{x}.abs()", "({x} * {x} + 1).sqrt()", "({x} * {x} + 1).log()",
    "{x}.reciprocal()", "{x}.sum()", "{x}.mean()", "{x}.cumsum(0)", "{x} * 1j",
    "{x}.flip(0)", "{x}.roll(1)", "{x}.repeat(2)", "t.cat([{x}, {x}])", "t.stack([{x}, {x}], -1)",
    "{x}.tril()", "t.zeros_like({x})", "t.ones_like({x})",
)  # fmt: skip
PLAIN = ("{x} * 2", "{x} + 1", "{x}.exp()", "{x}.sin()", "{x} ** 2", "{x}.clone()", "-{x}")
REAL = (
    "{x}.clamp(-1, 1)", "{x}.clamp(min=0.25)", "{x}.sign()", "{x}.floor()", "{x}.log()",
    "{x}.sqrt()", "{x}.log1p()", "{x}.erf()", "{x}.expm1()", "{x}.max()", "{x}.amin()", "{x}.prod()",
    "{x}.amax({d})",
    "{x}.max({d})[0]", "{x}.sort({d})[0]", "{x}.prod({d})", "{x}.cumprod({d})", "{x} > 0",
    "t.where({x} > 0, {x}, -0.5)", "t.where({x} < 1, 0.25, {x})", "{x}.masked_fill({x} > 0.5, 1.5)",
    "{x}.to(t.float32)", "{x}.to(t.float64)", "{x}.double()", "{x}.float()", "{x}.to(t.complex128)",
    "{x}.long()", "{x}.argmax()", "{x}.atan()", "{x}.minimum({x} * 2)",
)
FLOATING = (
    "2 ** {x}",     "{x}.var()", "{x}.std()", "{x}.norm()", "{x}.logsumexp({d})", "{x}.softmax({d})",
    "{x}.norm(dim={d})", "{x}.var({d})", "{x}.log_softmax({d})",
)  # fmt: skip
DIMS = ("{x}.sum({d})", "{x}.mean({d})", "{x}.sum({d}, keepdim=True)", "{x}.flip({d})")
COMPLEX = ("t.view_as_real({x}) * 1", "{x}.real * 1", "{x}.imag + 0", "{x}.angle()", "{x}.abs() ** 2")
BINARY = (
    "{x} + {y}", "{x} - {y}", "{x} * {y}", "{x} * {y}", "{x} / ({y} * {y} + 1)", "{x}.add({y}, alpha=0.5)",
)  # fmt: skip
BINARY_REAL = (
    "t.maximum({x}, {y})", "t.minimum({x}, {y})", "t.atan2({x}, {y} + 3)", "({x} * {x} + 1) ** {y}",
    "{x} > {y}", "t.addcmul({x}, {y}, {y}, value=0.5)", "{x} / {y}",
    "t.hypot({x}, {y} + 1)",
)  # fmt: skip

IN_PLACE = (
    "{x}.mul_({n})", "{x}.add_({n})", "{x}.zero_()", "{x}.fill_({n})", "{x}.neg_()", "{x} *= {n}",
    "{x} += {n}", "{x} -= {n}", "{x} /= 2", "{x}.square_()", "{x}.tanh_()", "{x}.sin_()", "{x}.pow_(2)",
    "{x}.sigmoid_()", "{x}.masked_fill_({m}, {n})", "{x}.div_(4)", "{x}.exp_()", "{x}.tril_()",
    "{x}.cos_()", "{x}.reciprocal_()",
)  # fmt: skip
IN_PLACE_REAL = (
    "{x}.clamp_(-1, 1)", "{x}.clamp_(min=-0.5)", "{x}.abs_()", "{x}.atan_()",
    "{x}.sign_()", "{x}.floor_()", "{x}.erf_()", "{x}.expm1_()", "{x} **= 2", "{x}.cumsum_({d})",
)  # fmt: skip
IN_PLACE_WITH = (
    "{x}.add_({y})", "{x}.sub_({y}, alpha=0.5)", "{x}.mul_({y})", "{x}.copy_({y})", "{x} += {y}",
    "{x} *= {y}", "{x} -= {y}", "{x}.div_({y} * {y} + 1)", "{x}.addcmul_({y}, {y}, value=0.5)",
    "{x}.lerp_({y}, 0.25)", "{x}.copy_({y})", "{x}.fill_({s})", "{x}.masked_fill_({m}, {s})",
)  # fmt: skip

SHAPES = (
    (), (1,), (2,), (3,), (4,), (2, 3), (3, 2), (2, 2), (3, 3), (1, 3), (2, 1), (2, 1, 3), (2, 2, 2),
    (0,), (0, 3), (2, 0), (6,), (2, 3, 2),
)  # fmt: skip
# Nodes that are one on both sides.
HOOKED = {
    f"{name}Backward0" for name in "Mul Add Sub Div Neg Exp Sin Cos Tanh Sigmoid Sum Mean Pow".split()
}
CONTEXTS = ("t.no_grad()", "t.no_grad()", "t.enable_grad()", "t.set_grad_enabled(False)")
MOST = 10  # tensors alive at once


class Writer:
    """Makes the lines of one program, each when the ones before have been run."""

    def __init__(self, seed: int, length: int | None = None) -> None:
        self.random = random.Random(seed)
        self.length = length or self.random.randint(5, 25)
        self.made = 0
        self.handles = 0
        # Names of what has the layout of a literal: libraries differ in that of other results, and
        # so in what is a view.
        self.plain: set[str] = set()
        self.parents: set[str] = set()  # see `between`
        self.hooked: list[Any] = []  # nodes that have hooks
        self.again: set[str] = set()  # see `track`
        self.seen: dict[str, tuple[Any, int]] = {}

    def look_at(self, side: Side) -> None:
        """What the program's lines are run by."""
        self.side = side

    def __iter__(self) -> Iterator[str]:
        yield self.leaf()
        yield self.leaf()
        for _ in range(self.length - 2):
            self.pool = self.side.tensors()
            self.track()
            yield self.line()

    # -------------------------------------------------------------- picking

    def line(self) -> str:
        """Some line that can be written now."""
        for name, x in self.pool.items():
            try:
                _ = x.is_leaf, x.grad_fn
            except RuntimeError:  # some views must not even be looked at
                return self.choose((f"del {name}", f"{self.fresh()} = {name} * 2"))
        if len(self.pool) > MOST or (len(self.pool) > 3 and self.chance(0.03)):
            names = [n for n, x in self.pool.items() if not self.held(x)]
            if names:
                return f"del {self.choose(names)}"
        for name, x in self.pool.items():
            if x.is_floating_point() and x.numel() and self.chance(0.8):
                value = x.detach()
                large = not bool((value.abs() < 1e3).all())  # nan as well
                if large and not self.held(x):
                    return f"del {name}"
        while True:
            action = self.random.choices(ACTIONS, WEIGHTS)[0]
            line = action(self)
            if line is not None:
                return line

    def held(self, x: Any) -> bool:
        """Whether it would be seen that PyTorch's graph holds on to a leaf.

        Ours does not: a leaf that nobody holds is gone, with its hooks, and gets no gradient.
        """
        if not x.is_leaf:
            return False
        return x._post_accumulate_grad_hooks or any(y is x.grad for y in self.pool.values())

    def choose(self, options: Any) -> Any:
        options = list(options)
        return options[int(self.random.random() * len(options))]

    def chance(self, p: float) -> bool:
        return self.random.random() < p

    def fresh(self) -> str:
        """A name that nothing has."""
        self.made += 1
        number, letter = divmod(self.made - 1, 19)
        return "abcdefgkmnopqrsuvwx"[letter] + (str(number) if number else "")

    def pick(self, wanted: Callable[[Any], Any] | None = None) -> tuple[str, Any] | None:
        """A tensor with its name, the later ones more often."""
        fits = [(n, x) for n, x in self.pool.items() if wanted is None or wanted(x)]
        if not fits:
            return None
        place = self.random.random()
        return fits[int((place if self.chance(0.5) else place**0.5) * len(fits))]

    def number(self) -> str:
        return self.choose(("2", "0.5", "-1.5", "-1", "0", "1.25", "3"))

    def literal(self, shape: tuple[int, ...], dtype: str, requires_grad: bool = False) -> str:
        """A tensor of a shape, written out."""

        def fill(shape: tuple[int, ...]) -> str:
            if shape:
                return f"[{', '.join(fill(shape[1:]) for _ in range(shape[0]))}]"
            if dtype == "bool":
                return str(self.chance(0.5))
            if dtype.startswith("int"):
                return str(self.random.randint(-3, 3))
            value = f"{self.random.uniform(-2, 2):.1f}"
            return f"{value}{self.random.uniform(-2, 2):+.1f}j" if "complex" in dtype else value

        extra = ", requires_grad=True" if requires_grad else ""
        if 0 in shape:
            return f"t.zeros({shape}, dtype=t.{dtype}{extra})"
        return f"t.tensor({fill(shape)}, dtype=t.{dtype}{extra})"

    def dtype(self) -> str:
        p = self.random.random()
        if p < 0.8:
            return "float64"
        return "float32" if p < 0.88 else "complex128" if p < 0.95 else self.choose(("int64", "bool"))

    def operand(self, shape: tuple[int, ...], x: Any, own: bool = False) -> str:
        """Something that broadcasts to a shape; now and then something that does not.

        Args:
            x: not of a stronger kind than this one.
            own: not in the memory of `x`.
        """
        wrong = [n for n, y in self.pool.items() if y.dtype == x.dtype]
        if wrong and self.chance(0.03):
            name = self.choose(wrong)
            return f"{name}.clone()" if shares(x, self.pool[name]) else name

        def fits(y: Any) -> bool:
            if y.dtype == x.dtype:
                return fitting(tuple(y.shape), shape)
            if y.dtype == torch.bool or y.is_inference() or not torch.can_cast(y.dtype, x.dtype):
                return False
            return fitting(tuple(y.shape), shape)

        found = self.pick(fits) if self.chance(0.8) else None
        if found is None:
            cut = self.random.randint(0, len(shape)) if self.chance(0.3) else 0
            name = str(x.dtype).rpartition(".")[2]
            return self.literal(shape[cut:], name, self.chance(0.3) and x.dtype.is_floating_point)
        name, y = found
        # What PyTorch does with memory that is read and written at once depends on its order.
        if shares(x, y) and (own or y is not x):
            name = f"{name}.clone()"
        return name

    def mask(self, name: str, x: Any) -> str:
        """A mask of the shape of `x`."""
        if x.is_complex() or self.chance(0.2):
            return self.literal(tuple(x.shape), "bool")
        return f"{name} > {self.number()}" if x.dtype != torch.bool else name

    def scalar(self, x: Any) -> str:
        """A 0-d tensor of no stronger kind than `x`."""
        found = self.pick(lambda y: y.ndim == 0 and torch.can_cast(y.dtype, x.dtype))
        kind = "float64" if x.is_floating_point() or x.is_complex() else "int64"
        return found[0] if found else self.literal((), kind, self.chance(0.5) and kind != "int64")

    def within(self, line: str, p: float = 0.12) -> str:
        """A line, perhaps in another mode."""
        if self.chance(p):
            context = self.choose(CONTEXTS)
            if self.chance(0.1):
                context = self.choose(("t.no_grad(), t.enable_grad()", "t.inference_mode()"))
            return f"with {context}: {line}"
        return line

    # -------------------------------------------------------------- making tensors

    def leaf(self) -> str:
        dtype = self.dtype()
        tracked = self.chance(0.75) and dtype not in ("int64", "bool")
        line = f"{self.fresh()} = {self.literal(self.choose(SHAPES), dtype, tracked)}"
        self.plain.add(line.partition(" ")[0])
        # In inference mode, a tensor that says that it requires a gradient gets none.
        return self.within(line, 0 if tracked else 0.05)

    def compute(self) -> str | None:
        name, x = self.pick()  # type: ignore[misc]
        target = self.fresh()
        if x.is_inference():  # PyTorch counts writes of its own in most functions of such
            text = self.choose(("{x} * 2", "{x} + 1", "-{x}", "{x} * {x}"))
            text = "~{x}" if x.dtype == torch.bool else text
            return self.within(f"{target} = {text.format(x=name)}")
        text = self.expression(name, x)
        if name in self.plain and x.is_contiguous() and text in [f.format(x=name) for f in PLAIN]:
            self.plain.add(target)
        return self.within(f"{target} = {text}")

    def expression(self, name: str, x: Any) -> str:
        """Something computed from a tensor."""
        if x.dtype == torch.bool:
            return self.choose(("{x}.to(t.float64)", "~{x}", "{x} * 1.5", "{x}.sum()", "{x} & True")).format(
                x=name
            )
        texts = list(UNARY)
        if x.ndim:
            texts += DIMS
        if x.is_complex():
            texts += COMPLEX
        else:
            texts += REAL
        p = self.random.random()
        if x.is_floating_point():
            texts += FLOATING
        if 0 in x.shape:
            texts = [text for text in texts if "prod" not in text]  # whose gradient is none
        elif not x.ndim:
            texts = [text for text in texts if not re.search(r"prod\(\)|var|std", text)]  # the same
        d = self.random.randrange(x.ndim) if x.ndim else 0
        if p < 0.5:
            return self.choose(texts).format(x=name, d=d)
        if p < 0.85 or not x.ndim:
            y = self.operand(tuple(x.shape), x)
            other = self.pool.get(y.split(".")[0], x)
            texts = [*BINARY]
            if other.dtype == x.dtype:
                texts += ["t.where({m}, {x}, {y})"]
            if x.is_floating_point() and not other.is_complex():
                texts += BINARY_REAL
            if x.is_floating_point() and other.dtype == x.dtype and y in self.pool and fitting(
                tuple(other.shape), tuple(x.shape)
            ):
                texts += ["t.lerp({x}, {y}, 0.25)"]
            if self.chance(0.3) and self.chance(0.5):
                name, y = y, name
            return self.choose(texts).format(x=name, y=y, m=self.mask(name, self.pool.get(name, x)))
        # Of other ranks, PyTorch saves and returns views of things, or counts a write of its own.
        ranks = ((1, 1), (2, 1), (2, 2))
        other = self.pick(
            lambda y: y.dtype == x.dtype and (x.ndim, y.ndim) in ranks and y.shape[0] == x.shape[-1]
        )
        if other is not None and p < 0.93:
            return f"{name} @ {other[0]}"
        return f"{name}[{self.index(x, arrays=1.0)}]"

    def view(self) -> str | None:
        found = self.pick()
        assert found is not None
        name, x = found
        if x._is_view():
            if x._backward_hooks or x.retains_grad:
                return None
            self.parents.add(name)
        text = self.choose(self.views(name, x))
        target = self.fresh()
        if name in self.plain:
            self.plain.add(target)
        line = f"{target} = {text}"
        many = re.search(r"\.(unbind|split|chunk)\(", text)
        if many:
            try:
                parts = len(eval(text.replace(name, f"{name}.detach()", 1), dict(self.side.names)))
            except Exception:
                return None
            if not 0 < parts < 4:
                return None
            if self.chance(0.8):
                targets = ", ".join(self.fresh() for _ in range(parts))
                line = f"{targets}, = {text}"
            else:
                line = f"{self.fresh()} = {text}[{self.random.randrange(parts)}]"
        if x.requires_grad:  # under no_grad, PyTorch says that the view requires a gradient too
            return f"with t.enable_grad(): {line}" if self.chance(0.03) else line
        return self.within(line)

    def views(self, name: str, x: Any) -> list[str]:
        """The views that there are of a tensor."""
        shape, n = tuple(x.shape), x.ndim
        found = [
            f"{name}[...]", f"{name}[None]", f"{name}.unsqueeze({self.random.randrange(n + 1)})",
            f"{name}.squeeze()", f"{name}.detach()", f"{name}.expand(2, {str(shape)[1:]}"
            if n else f"{name}.expand(2)",
        ]  # fmt: skip
        other = self.pick(lambda y: y.numel() == x.numel())
        if name in self.plain and x.is_contiguous():
            found += [f"{name}.contiguous()", f"{name}.view(-1)", f"{name}.reshape(-1)", f"{name}.flatten()"]
            sides = [s for s in SHAPES if int(np.prod(s)) == x.numel()]
            if sides:
                found += [f"{name}.view({self.choose(sides)})", f"{name}.reshape({self.choose(sides)})"]
            if other is not None:
                found += [f"{name}.view_as({other[0]})"]
        bigger = self.pick(lambda y: fitting(shape, tuple(y.shape)))
        if bigger is not None:
            found.append(f"{name}.expand_as({bigger[0]})")
        # PyTorch lets one write to the one, against its own rules; ours is read-only in the other.
        if x.is_inference() or overlapping(x):
            found.remove(f"{name}.detach()")
        if x.is_complex():
            found += [f"{name}.real", f"{name}.imag"] * 2
        if n:
            d = self.random.randrange(n)
            size = shape[d]
            found += [f"{name}[{self.basic(shape)}]" for _ in range(4)]
            found += [
                f"{name}.unbind({d})", f"{name}.chunk(2, {d})", f"{name}.split({max(1, size - 1)}, {d})",
                f"{name}.squeeze({d})", f"{name}.movedim(0, -1)", f"{name}.t()" if n < 3 else f"{name}.mT",
            ]  # fmt: skip
            start = self.random.randint(0, size)
            found.append(f"{name}.narrow({d}, {start}, {self.random.randint(0, size - start)})")
            if size:
                found.append(f"{name}.select({d}, {self.random.randrange(-size, size)})")
        if n > 1:
            a, b = self.random.sample(range(n), 2)
            axes = self.random.sample(range(n), n)
            found += [
                f"{name}.transpose({a}, {b})", f"{name}.permute({', '.join(map(str, axes))})",
                f"{name}.diagonal({self.choose((0, 0, 1, -1))}, {a}, {b})", f"{name}.mT",
                f"{name}.diagonal()", f"{name}.swapaxes({a}, {b})",
            ]  # fmt: skip
            if n == 2:
                found += [f"{name}.T"]
        return found

    # -------------------------------------------------------------- indices

    def basic(self, shape: tuple[int, ...]) -> str:
        """A basic index; now and then out of range."""
        parts = []
        for size in shape[: self.random.randint(1, len(shape))]:
            p = self.random.random()
            if p < 0.35 and (size or self.chance(0.1)):
                top = size if self.chance(0.97) else size + 1
                parts.append(str(self.random.randrange(-size, top) if size else 0))
            elif p < 0.75:
                start = self.random.choice(("", "", "0", "1", "-1", "-2"))
                stop = self.random.choice(("", "", "", "1", "2", "-1"))
                step = self.random.choice(("", "", "", ":2"))
                parts.append(f"{start}:{stop}{step}")
            elif p < 0.85:
                parts.append(":")
            elif p < 0.95:
                parts.append("None")
                parts.append(":")
            else:
                parts.append("...")
                break
        return ", ".join(parts)

    def index(self, x: Any, arrays: float = 0.4) -> str:
        """Any index of a tensor, with arrays or masks in it with some probability."""
        shape = tuple(x.shape)
        if not shape:
            return self.choose(("...", "None", "t.tensor(True)", "..."))
        if not self.chance(arrays):
            return self.basic(shape)
        kind = self.random.random()
        if kind < 0.25:
            return self.literal(shape[: self.random.randint(1, len(shape))], "bool")
        if 0 in shape:
            return self.choose(("[]", "t.tensor([], dtype=t.int64)"))
        # (Where nothing is left to write to, PyTorch does not look at the positions.)
        first = self.positions(shape[0], sound=kind >= 0.55)
        if kind < 0.55 or len(shape) == 1:
            return first
        if kind < 0.7:
            before = self.random.choice((":", "1:", "0", "..."))
            return f"{before}, {self.positions(shape[-1 if before == '...' else 1])}"
        if kind < 0.85:
            return f"{first}, {self.random.choice((':', '1:', '0', 'None', '...'))}"
        count = self.random.randint(1, 3)
        return f"{self.positions(shape[0], count)}, {self.positions(shape[1], count)}"

    def positions(self, size: int, count: int | None = None, sound: bool = True) -> str:
        """An array of positions, as a list or as a tensor; now and then out of range."""
        count = count or self.random.randint(1, 3)
        low, high = (-size, size) if sound or self.chance(0.95) else (-size, size + 1)
        text = str([self.random.randrange(low, high) for _ in range(count)])
        return text if self.chance(0.5) else f"t.tensor({text})"

    # -------------------------------------------------------------- writing into tensors

    def change(self) -> str | None:
        """An operation in place."""
        found = self.pick(None if self.chance(0.15) else lambda x: not refused(x))
        if found is None or self.watched(found[1]):
            return None
        name, x = found
        line = self.changing(name, x)
        if overlapping(x) and re.search("index|mask|tril", line):
            return None  # a warning in PyTorch, an error here
        if x.is_inference():  # which error comes first is nobody's promise
            line = f"{name}.zero_()"
        quiet = 0.5 if x.requires_grad and x.is_leaf else 0.12
        return self.within(line, quiet)

    def changing(self, name: str, x: Any) -> str:
        if x.dtype == torch.bool:
            texts = ("{x}.zero_()", "{x}.fill_(True)", "{x}.copy_({m})", "{x}.logical_not_()")
            return self.choose(texts).format(x=name, m=self.mask(name, x))
        texts = list(IN_PLACE)
        if not x.is_complex():
            texts += IN_PLACE_REAL
        d = self.random.randrange(x.ndim) if x.ndim else 0
        if self.chance(0.5):
            y, text = "", self.choose(texts)
        else:
            text = self.choose(IN_PLACE_WITH)
            # What is both read and written: PyTorch's backward refuses, ours has a copy.
            y = self.operand(tuple(x.shape), x)
        s = self.scalar(x)
        if not x.is_floating_point() and not x.is_complex():
            # In PyTorch, to write something with a history makes even integers require a gradient.
            s = f"{s}.detach()"
            y = f"{y}.detach()" if y else y
        if re.search("lerp|addc", text):
            other = self.pool.get(y.split(".")[0], x)
            fits = other.dtype == x.dtype and fitting(tuple(other.shape), tuple(x.shape))
            if not (fits and x.is_floating_point()):
                text = "{x}.add_({y})"
        if y == name and (overlapping(x) or re.search(r"mul|\*|div|lerp|addc", text)):
            # Both read and overwritten: PyTorch's backward refuses, ours has a copy.
            y = f"{y}.clone()"
        return text.format(x=name, y=y, n=self.number(), m=self.mask(name, x), s=s, d=d)

    def assign(self) -> str | None:
        """An assignment to items."""
        found = self.pick(None if self.chance(0.15) else lambda x: not refused(x))
        if found is None or self.watched(found[1]):
            return None
        name, x = found
        if x.is_inference():
            return f"{name}.zero_()"
        index = self.index(x, arrays=0 if overlapping(x) else 0.4)
        try:
            part = eval(f"x[{index}]", {**self.side.names, "x": x.detach()})
            shape = tuple(part.shape)
        except Exception:
            shape = ()
        p = self.random.random()
        if 0 in shape and ("[" in index or "t." in index):
            p = 0  # whether what has no elements fits where there is no place
        target = f"{name}[{index}]"
        if p < 0.3:
            line = f"{target} = {self.number()}"
        elif p < 0.45 and x.dtype != torch.bool:
            y = self.operand(shape, x, own=True)
            if x._is_view() and not x.requires_grad:
                # After the operation, PyTorch takes such a view for a leaf until one looks at it.
                y = self.number()
            line = f"{target} {self.choose('+-*')}= {y}"
        else:
            line = f"{target} = {self.operand(shape, x, own=True)}"
        return self.within(line, 0.5 if x.requires_grad and x.is_leaf else 0.12)

    def scatter(self) -> str | None:
        """A write by positions along a dimension."""
        found = self.pick(
            lambda x: x.ndim
            and not (0 in x.shape or x.dtype == torch.bool or x.is_inference() or refused(x))
        )
        if found is None or overlapping(found[1]) or self.watched(found[1]):
            return None
        name, x = found
        d, count = self.random.randrange(x.ndim), self.random.randint(1, 3)
        shape = (*x.shape[:d], count, *x.shape[d + 1 :])
        kind = self.choose(("index_add_", "index_copy_", "index_fill_", "index_put_"))
        if kind != "index_add_":
            count = 1  # which of several values stays is nobody's promise
            shape = (*x.shape[:d], 1, *x.shape[d + 1 :])
        at = f"t.tensor({[self.random.randrange(x.shape[d]) for _ in range(count)]})"
        same = self.pick(lambda y: tuple(y.shape) == shape and y.dtype == x.dtype and not shares(x, y))
        name_of = str(x.dtype).rpartition(".")[2]
        y = same[0] if same else self.literal(shape, name_of, x.is_floating_point() and self.chance(0.4))
        if kind == "index_fill_":
            return self.within(f"{name}.index_fill_({d}, {at}, {self.number()})")
        if kind == "index_put_":
            accumulate = self.chance(0.5)
            value = self.literal((), name_of, x.is_floating_point() and self.chance(0.4))
            return self.within(f"{name}.index_put_(({at},), {value}, accumulate={accumulate})")
        return self.within(f"{name}.{kind}({d}, {at}, {y})")

    def data(self) -> str | None:
        """Through ``.data``, which nobody counts.

        Gradients from values changed behind the back of the graph depend on what the formulas
        happen to save. So nothing has used yet what is written to.
        """
        name, x = self.pick()  # type: ignore[misc]
        if self.chance(0.3) and not x.is_inference():
            return f"{self.fresh()} = {name}.data{self.choose((' * 2', '.clone()', '.sum()'))}"
        name = self.fresh()
        dtype = self.choose(("float64", "float64", "complex128", "int64"))
        shape = self.choose(SHAPES)
        made = f"{name} = {self.literal(shape, dtype, dtype != 'int64' and self.chance(0.8))}"
        how = ("mul_(2)", "add_(1)", "zero_()", "neg_()", "fill_(3)", "copy_({0}.detach() * 2)")
        if shape and 0 not in shape:
            how += ("[0].mul_(2)", "[...][0] = 1")
        write = f"{name}.data{self.choose(('.' + h if h[0] != '[' else h for h in how))}"
        if self.chance(0.2):
            write = f"{name}.data = {self.literal(self.choose(SHAPES), dtype)}"
        return f"{made}; {write.format(name)}"

    def turn(self) -> str | None:
        """The shape, in place."""
        found = self.pick(lambda x: 0 < x.ndim < 3 and not self.alias(x))
        if found is None or found[0] in self.parents or self.watched(found[1]):
            return None  # PyTorch takes the views again from what it has turned into
        if any(y._base is found[1] for y in self.pool.values()):
            return None
        return f"{found[0]}.{self.choose(('t_()', 'unsqueeze_(0)', 'squeeze_()', 'transpose_(0, -1)'))}"

    def alias(self, x: Any) -> bool:
        """Whether it shows another's memory without being its view."""
        return not x._is_view() and any(
            shares(x, y) and y is not x and y._base is not x for y in self.pool.values()
        )

    # -------------------------------------------------------------- what is recorded

    def flag(self) -> str | None:
        # A view that was not recorded requires no gradient. In PyTorch it does if its base does.
        found = self.pick(
            lambda x: not (x._is_view() or x.is_inference()) and not any(y._base is x for y in self.pool.values())
        )
        if found is None:
            return None
        name, x = found
        p = self.random.random()
        if p < 0.4:
            return f"{name}.requires_grad_()"
        if p < 0.6:
            return f"{name}.requires_grad_(False)"
        if p < 0.7:
            return f"{name}.requires_grad = {self.chance(0.7)}"
        if p < 0.9 and not x.retains_grad:  # PyTorch leaves that flag set
            return f"{name}.detach_()"
        return f"{self.fresh()} = {name}.detach().requires_grad_()"

    def between(self, name: str) -> bool:
        """Whether it is a view that another view was made of.

        When a base has been written to, PyTorch takes all its views again from the base itself:
        hooks of a view between are not called any more, and nothing depends on it. Ours leaves the
        way as it is.
        """
        return self.pool[name]._is_view() and (name in self.parents or name in self.again)

    def track(self) -> None:
        """Note which views PyTorch has taken again though their history is as it was.

        They have another node there, with no hooks, that nothing older depends on.
        """
        for name, x in self.pool.items():
            with contextlib.suppress(RuntimeError):  # of a view that must not be looked at
                if x._is_view() and x.requires_grad and not x.is_inference():
                    made_by, version = self.seen.get(name, (x._base.grad_fn, x._version))
                    if made_by is not x._base.grad_fn:
                        self.again.discard(name)
                    elif version != x._version:
                        self.again.add(name)
                    self.seen[name] = x._base.grad_fn, x._version

    def watched(self, x: Any) -> bool:
        """Whether hooks wait for gradients of views that show the memory of `x`."""
        return any(
            y._is_view() and (y._backward_hooks or y.retains_grad) and shares(x, y)
            for y in self.pool.values()
        )

    def retain(self) -> str | None:
        found = self.pick(lambda x: x.requires_grad or self.chance(0.05))
        if found is None or self.between(found[0]):
            return None
        return f"{found[0]}.retain_grad()"

    def hook(self) -> str | None:
        found = self.pick(lambda x: x.requires_grad or self.chance(0.03))
        if found is None or self.between(found[0]):
            return None
        name, x = found
        p = self.random.random()
        if self.handles and p < 0.15:
            return f"h{self.random.randint(1, self.handles)}.remove()"
        self.handles += 1
        handle = f"h{self.handles}"
        label = f"leaf {name}" if x.is_leaf else name
        if not x.is_leaf and p < 0.4 and x.grad_fn.name() in HOOKED:
            self.hooked.append(x.grad_fn)
            if self.chance(0.5):
                return f"{handle} = {name}.grad_fn.register_prehook(entering('before {label}'))"
            return f"{handle} = {name}.grad_fn.register_hook(leaving('around {label}'))"
        if p < 0.25 or (x.is_leaf and p < 0.5):
            return f"{handle} = {name}.register_post_accumulate_grad_hook(after('after {label}'))"
        what = self.choose((f"see('{label}')", f"see('{label}')", "times(2)", "times(-1)"))
        return f"{handle} = {name}.register_hook({what})"

    # -------------------------------------------------------------- differentiating

    def root(self) -> tuple[str, Any] | None:
        return self.pick(lambda x: x.requires_grad or self.chance(0.03))

    def gradient(self, x: Any, wrong: float = 0.02) -> str:
        """An incoming gradient for a tensor, of another shape with some probability."""
        shape, dtype = tuple(x.shape), str(x.dtype).rpartition(".")[2]
        if x.requires_grad and self.chance(wrong):
            shape = self.choose(SHAPES)
        same = self.pick(lambda y: tuple(y.shape) == shape and y.dtype == x.dtype)
        if same and self.chance(0.3):
            # PyTorch makes a `.grad` of its very memory, or returns it from `grad` as it is.
            return f"{same[0]}.detach().clone()"
        return self.literal(shape, dtype)

    def one_of_several(self, x: Any) -> bool:
        """Whether an operation with several results made it, or its view."""
        return x.grad_fn is not None and any(
            y is not x and y.grad_fn is x.grad_fn for y in self.pool.values()
        )

    def nothing(self) -> bool:
        """Whether something without elements has been computed.

        PyTorch takes other ways for it, in which the gradient does not depend on anything.
        """
        return any(0 in x.shape and x.requires_grad for x in self.pool.values())

    def wanted(self) -> list[str]:
        """What to differentiate with respect to."""
        found = [self.pick(lambda y: y.requires_grad or self.chance(0.03)) for _ in range(2)]
        chosen = dict(i for i in found if i is not None and not self.between(i[0]))
        for name, x in list(chosen.items()):
            # PyTorch's backward goes through the node of what it is to stop at, hooks and all.
            if any(x.grad_fn is node for node in self.hooked):
                del chosen[name]
        waiting = any(x._backward_hooks or x.retains_grad for x in self.pool.values())
        for name, x in list(chosen.items()):
            # One of several results: on the way to it PyTorch visits the others, hooks and all.
            if (waiting or self.handles) and self.one_of_several(x):
                del chosen[name]
        for name, x in chosen.items():
            # The gradient wanted of a tensor has been through its hooks: in PyTorch only if the
            # tensor does not lead to another wanted one.
            if x.requires_grad and not x.is_leaf and x._backward_hooks:
                return [name]
        return list(chosen)

    def backward(self) -> str | None:
        found = self.root()
        if found is None:
            return None
        name, x = found
        options = ""
        if self.chance(0.75):
            options += ", retain_graph=True"
        if self.chance(0.12) and not self.nothing():
            options += ", create_graph=True"
        if self.chance(0.12):
            names = self.wanted()
            options += f", inputs=[{', '.join(names)}]"
        p = self.random.random()
        if p < 0.12:
            other = self.root()
            if other is not None:
                given = f"{self.gradient(x, 0)}, {self.gradient(other[1], 0)}"
                pair = f"[{name}, {other[0]}], [{given}]"
                return f"t.autograd.backward({pair}{options})"
        if p < 0.5 and not x.is_complex():
            line = f"{name}.sum().backward({options[2:]})"
        elif p < 0.56 or (x.ndim == 0 and not x.is_complex()):
            line = f"{name}.backward({options[2:]})"
        else:
            line = f"{name}.backward({self.gradient(x)}{options})"
        return f"with t.no_grad(): {line}" if self.chance(0.03) else line

    def grad(self) -> str | None:
        found = self.root()
        names = self.wanted()
        if found is None or not names:
            return None
        name, x = found
        output = name
        options = ""
        if x.ndim == 0 or self.chance(0.5):
            output = f"{name}.sum()" if not x.is_complex() else f"{name}.abs().sum()"
        else:
            options = f", {self.gradient(x)}"
        if self.chance(0.6) and not self.nothing():
            options += ", create_graph=True"
        elif self.chance(0.6):
            options += ", retain_graph=True"
        if self.chance(0.8):
            options += ", allow_unused=True"
        elif self.chance(0.2):
            options += ", materialize_grads=True"
        targets = ", ".join(self.fresh() for _ in names)
        return f"{targets}, = own(t.autograd.grad({output}, [{', '.join(names)}]{options}))"

    def kept(self) -> str | None:
        """With ``.grad`` itself."""
        found = self.pick(lambda x: x.is_leaf and x.grad is not None)
        if found is None:
            return None
        name, x = found
        what = ["{0}.grad = None", "{1} = {0}.grad.clone()"]
        if not x.grad._version:  # PyTorch may have copied it there
            what.append("{1} = {0}.grad")
        if not x.grad.requires_grad:
            what += ["{0}.grad.zero_()", "{0}.grad.mul_(0.5)", "{0}.grad = {0}.detach() * 2"]
            if not self.watched(x):
                what += ["with t.no_grad(): {0} -= 0.1 * {0}.grad"]
        return self.choose(what).format(name, self.fresh())


def fitting(small: tuple[int, ...], large: tuple[int, ...]) -> bool:
    """Whether a shape can be stretched to another."""
    if len(small) > len(large):
        return False
    return all(a in (1, b) for a, b in zip(small[::-1], large[::-1], strict=False))


def shares(x: Any, y: Any) -> bool:
    """Whether two of PyTorch's tensors show one memory."""
    return bool(x.untyped_storage()._cdata == y.untyped_storage()._cdata)


def overlapping(x: Any) -> bool:
    """Whether elements share a place in memory: xpgrad refuses every write there."""
    return any(s == 0 and n > 1 for s, n in zip(x.stride(), x.shape, strict=True))


def refused(x: Any) -> bool:
    """Whether PyTorch refuses writes that are recorded."""
    return x.requires_grad and (x.is_leaf or (x._is_view() and x._base.is_leaf))


_WEIGHTED: tuple[tuple[Callable[[Writer], str | None], float], ...] = (
    (Writer.leaf, 5), (Writer.compute, 16), (Writer.view, 14), (Writer.change, 11),
    (Writer.assign, 11), (Writer.scatter, 3), (Writer.data, 2), (Writer.turn, 1.5), (Writer.flag, 3),
    (Writer.retain, 2), (Writer.hook, 4), (Writer.backward, 12), (Writer.grad, 6), (Writer.kept, 5),
)  # fmt: skip
ACTIONS = [action for action, _ in _WEIGHTED]
WEIGHTS = [weight for _, weight in _WEIGHTED]

# ------------------------------------------------------------------ shrinking and showing


def shrink(found: Difference, device: str = "cpu", ours: Callable[..., Side] = Side) -> Difference:
    """The same kind of difference from as few lines as can be found by leaving lines out."""
    best, progress = found, True
    while progress:
        progress = False
        for width in (4, 2, 1):
            i = len(best.program) - 1
            while i >= 0:
                shorter = best.program[:i] + best.program[i + width :]
                again = compare(shorter, device, ours)
                if again is not None and again.kind == found.kind:
                    if len(again.program) < len(best.program):
                        best, progress = again, True
                    i = min(i, len(best.program))
                i -= 1
    return best


def script(program: list[str], device: str = "cpu") -> str:
    """A program for both libraries."""
    place = "" if device == "cpu" else f"; t.set_default_device({device!r})  # tests/namespaces.py"
    return "\n".join([
        f"import torch as t  # or: import xpgrad as t{place}", PRELUDE.strip(), "", *program,
    ])  # fmt: skip


def device_for(seed: int) -> str:
    """Most programs run on NumPy, one in eight where arrays cannot be written to."""
    if seed % 8:
        return "cpu"
    return "readonly" if seed % 32 else "strict:1"


def check(seed: int, device: str | None = None) -> Difference | None:
    """Write and run the program of a seed."""
    return compare(Writer(seed), device or device_for(seed))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0, help="of the first program")
    parser.add_argument("--device", default=None)
    parser.add_argument("--most", type=int, default=5, help="kinds of differences to show")
    parser.add_argument("--show", type=int, help="print the program of this seed")
    arguments = parser.parse_args()
    if arguments.show is not None:
        writer = Writer(arguments.show)
        writer.look_at(Side(torch))
        for line in writer:
            print(line)
            writer.side.run(compiled(line))
        return 0
    kinds: collections.Counter[str] = collections.Counter()
    start = time.perf_counter()
    for seed in range(arguments.seed, arguments.seed + arguments.count):
        found = check(seed, arguments.device)
        if found is None:
            continue
        kinds[found.kind] += 1
        if kinds[found.kind] == 1 and len(kinds) <= arguments.most:
            device = arguments.device or device_for(seed)
            small = shrink(found, device)
            print(f"# seed {seed}, {device}\n" + "\n".join(small.program))
            print(f"# differs at: {small}\n", flush=True)
    seconds = time.perf_counter() - start
    print(f"{arguments.count} programs, {arguments.count / seconds:.0f} a second, "
          f"{sum(kinds.values())} differ")
    for kind, count in kinds.most_common():
        print(f"{count:6} {kind}")
    for why, count in ended.most_common():
        print(f"{count:6} ended early: {why}")
    return bool(kinds)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
