"""What a program of the tables can use, and what its outcome is reduced to for comparison."""

from __future__ import annotations

import ast
import cmath
import copy
import functools
import io
import pickle
import re
import threading
import types
import warnings
from typing import Any, NamedTuple

import numpy as np


class Table(dict):
    """Programs by name. A program takes the library and returns (or raises, or warns) something."""

    def __call__(self, program, name=None):
        name = name or program.__name__
        assert name not in self, f"{name} is there twice"
        self[name] = program
        return program

    def lines(self, text):
        """Programs of one line each, ``name: statement; …; expression``, of what is in `scope`."""
        for line in map(str.strip, text.splitlines()):
            if line and not line.startswith("#"):
                name, _, source = line.partition(": ")
                self(functools.partial(run_line, compiled(name, source)), name)


def compiled(name, source):
    """The statements of a line, and the expression at its end."""
    body = ast.parse(source).body
    last = body.pop() if isinstance(body[-1], ast.Expr) else None
    statements = compile(ast.Module(body, []), f"<{name}>", "exec")
    return statements, last and compile(ast.Expression(last.value), f"<{name}>", "eval")


def run_line(code, t):
    found = scope(t)
    exec(code[0], found)
    return code[1] and eval(code[1], found)


def scope(t):
    """What a line can use; new each time."""
    return {
        "t": t,
        "x": t.tensor([1.0, 2.0, 3.0], requires_grad=True),
        "y": t.tensor([4.0, 5.0, 6.0], requires_grad=True),
        "m": t.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], requires_grad=True),
        "s": t.tensor(2.0, requires_grad=True),
        "d": t.tensor([0.5, -1.5, 2.0], dtype=t.float64, requires_grad=True),
        "z": t.tensor([1 + 2j, -3j, 0.5 + 0j], requires_grad=True),
        "c": t.tensor([7.0, 8.0, 9.0]),
        "log": [],
        "grad": t.autograd.grad,
        "F": t.autograd.functional,
        "G": t.autograd.graph,
        "fn": t.func,
        "hooks": t.autograd.graph.saved_tensors_hooks,
        "leaf": functools.partial(t.tensor, requires_grad=True),
        "caught": caught,
        "within": within,
        "grads": functools.partial(grads, t),
        "pickled": pickled,
        "nesting": nesting,
        "copy": copy,
        "nan": float("nan"),
        "inf": float("inf"),
    }


# ------------------------------------------------------------------ helpers of programs


def caught(f, *args, **kwargs):
    """What a call raises, so that the program can go on and look around."""
    try:
        return f(*args, **kwargs)
    except Exception as error:
        return error


def within(context, f):
    """What a call returns inside a context."""
    with context:
        return f()


def nesting(value):
    """The tuples and lists of a result, as text."""
    if not isinstance(value, (tuple, list)):
        return type(value).__name__
    return f"{type(value).__name__}({', '.join(map(nesting, value))})"


def grads(t, value, *inputs, **options):
    """The gradients of the sum of a tensor's elements, with weights that tell them apart."""
    weights = t.arange(1.0, value.numel() + 1).reshape(value.shape).to(value.dtype)
    options.setdefault("allow_unused", True)
    return t.autograd.grad(value, inputs, weights, **options)


def pickled(value):
    """What comes back from a pickle."""
    file = io.BytesIO()
    pickle.dump(value, file)
    file.seek(0)
    return pickle.load(file)


def function(t, forward, backward=None, name="F1", bases=None, **more):
    """A `Function` of t."""
    body = {"forward": staticmethod(forward)}
    if backward is not None:
        body["backward"] = staticmethod(backward)
    body |= {k: staticmethod(v) if callable(v) else v for k, v in more.items()}
    return types.new_class(name, (t.autograd.Function,), {}, lambda found: found.update(body))


def in_thread(f):
    """What a call returns (or raises) in another thread."""
    found = []
    thread = threading.Thread(target=lambda: found.append(caught(f)))
    thread.start()
    thread.join()
    return found[0]


# ------------------------------------------------------------------ what comes out


class Outcome(NamedTuple):
    value: Any
    warnings: list[tuple[str, str]]


class Raised(NamedTuple):
    kinds: tuple[str, ...]  # those of Python among the bases, the error's own first
    text: str


class Values(NamedTuple):
    """A tensor."""

    kind: str
    dtype: str
    shape: tuple[int, ...]
    requires_grad: bool
    is_leaf: bool
    grad_fn: str | None
    values: Any


def outcome(program, t):
    """What a program returns, raises and warns of, without its library."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        warnings.simplefilter("ignore", RuntimeWarning)  # NumPy's, of nan and inf
        for text in (".*torch.jit.script", "Attempted to insert a get_attr Node"):
            warnings.filterwarnings("ignore", text)  # PyTorch speaks of its own inside
        try:
            with t.set_grad_enabled(True):  # and put it back, whatever the program does
                value = program(t)
            value = plain(value, t)
        except Exception as error:
            value = plain(error, t)
    return Outcome(value, [(w.category.__name__, words(str(w.message))) for w in seen])


def words(text):
    """A text without what only PyTorch can say."""
    text = re.sub(r"\(Triggered internally at .*\)", "", text, flags=re.DOTALL)
    text = re.sub(r" object at 0x\w+", "", text)
    # Ours says which op it was, and what it was given.
    text = re.sub(r"^\w+: (.*) \(given \w+: .*\)$", r"\1", text, flags=re.DOTALL)
    return re.sub(r"\btorch([./])", r"xpgrad\1", text).strip()


def own(name):
    """The name of a node without PyTorch's C++ namespace, "torch::autograd::"."""
    return name.rpartition("::")[2]


def plain(value, t):
    """A value without its library."""
    if isinstance(value, t.Tensor):
        node = value.grad_fn
        # The name first: PyTorch may be late in finding the history of a view.
        name = node and node.name()
        return Values(
            type(value).__name__, str(value.dtype).rpartition(".")[2], tuple(value.shape),
            value.requires_grad, value.is_leaf, name and own(name),
            value.detach().clone().tolist(),  # some of PyTorch's zeros have no memory
        )  # fmt: skip
    if isinstance(value, BaseException):
        kinds = [k.__name__ for k in type(value).__mro__ if k.__module__ == "builtins"]
        return Raised(tuple(kinds), words(str(value)))
    if isinstance(value, t.autograd.graph.Node):
        return own(value.name())
    if isinstance(value, t.Size):
        return ("Size", *value)
    if isinstance(value, tuple) and type(value) is not tuple:  # with names: PyTorch has two kinds
        fields = getattr(type(value), "_fields", None) or type(value).__match_args__
        return (type(value).__name__, {k: plain(getattr(value, k), t) for k in fields})
    if isinstance(value, (tuple, list)):
        return type(value)(plain(v, t) for v in value)
    if isinstance(value, dict):
        return {k: plain(v, t) for k, v in value.items()}
    if isinstance(value, (np.ndarray, np.generic)):
        return ("NumPy", str(value.dtype), value.tolist())
    if value is None or isinstance(value, (bool, int, float, complex)):
        return value
    return words(value if isinstance(value, str) else repr(value))


def bare(value):
    """The values alone, and errors as texts."""
    if isinstance(value, Outcome):
        return bare(value.value)
    if isinstance(value, Raised):
        return f"{value.kinds[0]}: {value.text}"
    if isinstance(value, Values):
        return value.values
    if isinstance(value, dict):
        return {k: bare(v) for k, v in value.items()}
    return [bare(v) for v in value] if isinstance(value, (list, tuple)) else value


# ------------------------------------------------------------------ what is the same


def differences(ours, theirs, where=""):
    """Where two outcomes (or parts of them) differ, in words; nothing if they agree."""
    if isinstance(theirs, Raised):
        if not isinstance(ours, Raised):
            return [f"{where}: PyTorch raises {theirs.kinds[0]}: {theirs.text}; {ours}"]
        found = []
        if theirs.kinds[0] not in ours.kinds:
            found = [f"{where}: {ours.kinds[0]} instead of {theirs.kinds[0]}"]
        return found + differences(ours.text, theirs.text, f"{where} message")
    if isinstance(theirs, float) and isinstance(ours, float):
        return [] if close(ours, theirs) else [f"{where}: {ours} instead of {theirs}"]
    if isinstance(theirs, complex) and isinstance(ours, complex):
        same = close(ours.real, theirs.real) and close(ours.imag, theirs.imag)
        return [] if same else [f"{where}: {ours} instead of {theirs}"]
    if type(ours) is not type(theirs):
        return [f"{where}: {ours!r} instead of {theirs!r}"]
    if isinstance(theirs, dict):
        if list(ours) != list(theirs):
            return [f"{where}: {list(ours)} instead of {list(theirs)}"]
        return [d for k in theirs for d in differences(ours[k], theirs[k], f"{where}.{k}")]
    if isinstance(theirs, tuple) and hasattr(theirs, "_fields"):
        return differences(ours._asdict(), theirs._asdict(), where)
    if isinstance(theirs, (tuple, list)):
        if len(ours) != len(theirs):
            return [f"{where}: {ours!r} instead of {theirs!r}"]
        pairs = enumerate(zip(ours, theirs, strict=True))
        return [d for i, (a, b) in pairs for d in differences(a, b, f"{where}[{i}]")]
    return [] if ours == theirs else [f"{where}: {ours!r} instead of {theirs!r}"]


TOLERANCE = 2e-6


def close(a, b):
    if cmath.isnan(a) or cmath.isnan(b):
        return cmath.isnan(a) and cmath.isnan(b)
    return a == b or abs(a - b) <= TOLERANCE * max(1.0, abs(b))
