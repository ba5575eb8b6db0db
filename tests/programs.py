"""Random programs, run line by line by PyTorch and by xpgrad, everything visible compared.

A program is a list of lines of Python. Its names are ``t``, the library, and what the prelude
defines; each line binds, changes, differentiates or deletes tensors called ``a``, ``b``, …. A
`Writer` makes one from a seed. After each line both sides must agree on every living tensor: all
that `Seen` holds. A line that fails must fail on both sides, with PyTorch's kind of error and its
words, and then xpgrad's tensors are as they were.

    python tests/programs.py --count 100000 --seed 1     the long run
    python tests/programs.py --show 17                   program 17 as a script
"""

from __future__ import annotations

import argparse
import collections
import contextlib
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
from program_writer import Writer

# What a program can use beside the library.
PRELUDE = '''
log = []

def see(label):
    """A hook that writes down what it sees."""
    # PyTorch shows hooks that there is no gradient for one of several outputs
    return lambda g: None if g is None else log.append((label, *values([g])))

def after(label):
    """The same for a leaf whose .grad has just been written."""
    return lambda x: log.append((label, *values([x.grad])))

def times(factor):
    """A hook that scales."""
    return lambda g: None if g is None else g * factor

def values(gs):
    return [g if g is None else g.clone().tolist() for g in gs]

def entering(label):
    """The same for a node's prehook."""
    return lambda gs: log.append((label, values(gs)))

def leaving(label):
    """The same for a node's hook."""
    return lambda gs, before: log.append((label, values(gs), values(before)))

def own(gradients):
    """Gradients in memory of their own."""
    return [g if g is None else g.clone() for g in gradients]
'''
_prelude = compile(PRELUDE, "<prelude>", "exec")

# ------------------------------------------------------------------ what differs on purpose

# Each line of the README's "What differs from PyTorch" that a program can reach, as narrowly as it
# can be put. First: what PyTorch refuses although the answer is clear. There a program ends.

# Copied first, where the outcome would depend on the order of the writes; a write to what has no
# elements; three faults of PyTorch's own.
ONLY_PYTORCH_REFUSES = (
    r"some elements of the input tensor and the written-to|"
    r"modified by an inplace operation: \[torch\.\w+ \[(\d+, )*0[,\]]|"
    # Views that one operation made, of a base that was written to: ours work on.
    r"or another view of its base has been modified inplace.{0,30}\. This view is the output of|"
    r"INTERNAL ASSERT FAILED|Expected isFloatingType\(grad|ZeroTensors are immutable"
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

# Whether a slice takes all: PyTorch looks at the length, ours does not where there are other parts.
SAME_NODES = {
    ("SliceBackward0", other)
    for other in ("AliasBackward0", "SelectBackward0", "UnsqueezeBackward0")
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
            return x.detach().clone().resolve_conj().numpy()  # numpy() of a "ZeroTensor" crashes
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
    # Freed, written to, a view that must not be used: which is met first depends on the rules.
    faults = f"{PYTORCH_LACKS}|or another view of its base has been modified"
    alike = alike or all(re.search(faults, str(error)) for error in (mine, theirs))
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
    if expected is not None and re.search(ONLY_PYTORCH_REFUSES, str(expected)):
        return None
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
            factor, term = digits * self.random.standard_normal((2, *x.shape))
            x = x * torch.tensor(1 + factor).to(x.dtype) + torch.tensor(term).to(x.dtype)
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
        changed = [fact for fact, p, q in zip(FACTS, a.facts, b.facts, strict=False) if p != q]
        # What a backward has left in passing, where the gradient is retained, may stay.
        kept = any(len(seen.facts) > 1 and seen.facts[RETAINS] for seen in (a, b))
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
        again = any("create_graph" in earlier for earlier in passed)
        if again and expected is None and re.search(PYTORCH_LACKS, str(actual)):
            ended["the formulas of gradients save other things"] += 1
            return None
        found = compare_errors(line, actual, expected)
        if found is not None:
            return found
        after_mine = mine.state()
        if actual is not None:
            lacking = re.search(f"{PYTORCH_LACKS}|into the graph interior", str(expected))
            if lacking and "retain_graph" not in line:
                ended["which nodes have been freed before an error is nobody's promise"] += 1
                return None
            what = unchanged(before_mine, after_mine)
            after_theirs = theirs.state()
            apart = compare_states(line, after_mine, after_theirs, error)
            if what is not None and apart is not None:  # both may: leaves have hooks to be called
                return Difference(line, f"changed by an error: {what}", None, actual)
            mine.log.clear()
            theirs.log.clear()
            if apart is not None:
                ended["an error has changed something in PyTorch"] += 1
                return None
            before_mine = after_mine
            continue
        after_theirs = theirs.state()
        error = max(error, error_in(after_theirs))
        found = compare_states(line, after_mine, after_theirs, error)
        if found is not None:
            if "allow_unused" in line and after_mine.keys() > after_theirs.keys():
                again = any(TAKEN_AGAIN in seen.facts for seen in after_theirs.values())
                if again and "create_graph" not in line:
                    ended["PyTorch takes views again from the base, past the view between"] += 1
                    return None
            return found
        passed.append(line)
        if mine.log or theirs.log:
            if not near(in_order(mine.log), in_order(theirs.log), error):
                return Difference(line, "hooks saw", mine.log[:], theirs.log[:])
            mine.log.clear()
            theirs.log.clear()
        before_mine = after_mine
    return None


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
    warnings.simplefilter("ignore", RuntimeWarning)  # of the libraries beneath
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
    print(
        f"{arguments.count} programs, {arguments.count / seconds:.0f} a second, "
        f"{sum(kinds.values())} differ"
    )
    for kind, count in kinds.most_common():
        print(f"{count:6} {kind}")
    for why, count in ended.most_common():
        print(f"{count:6} ended early: {why}")
    return bool(kinds)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
