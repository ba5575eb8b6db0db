"""PyTorch's own database of ops, entry by entry, with PyTorch as the oracle.

PyTorch describes each of its ops with sample inputs. An entry of that database counts as matched
where our function of the same name, called with the same arguments, gives

* the same values, shapes and dtypes, and raises no error,
* the same products of a vector with the transposed Jacobian, for every input that has one,
* the same second derivatives, where PyTorch has them,
* all that through the method and, where there is one, the in-place method, too.

Tolerances are those that PyTorch compares float64 with. `ABSENT` and `DIFFERENT` name what does not
match and why; both may only shrink: an entry that matches must not stand there.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import importlib
import itertools
import math
import pkgutil
import warnings
from typing import Any

import numpy as np
import torch

import xpgrad as xg

# Entries of the database that are not about what a user of dense tensors calls.
OUTSIDE = ("_refs", "masked.", "ops.", "sparse", "to_sparse", "jiterator", "torch.ops", "_")
RANDOM = (
    "bernoulli", "normal", "normal.number_mean", "nn.functional.rrelu",
    "nn.functional.alpha_dropout", "nn.functional.dropout2d", "nn.functional.dropout3d",
    "nn.functional.feature_alpha_dropout.with_train", "nn.functional.fractional_max_pool2d",
    "nn.functional.fractional_max_pool3d", "svd_lowrank", "pca_lowrank",
)  # fmt: skip
# torch.testing's; the second for float64 that of op tests. In half precision PyTorch computes most
# of what takes several steps in single, and rounds once.
TOLERANCES = {
    "float64": (1e-7, 1e-7), "complex128": (1e-7, 1e-7), "float32": (1.3e-6, 1e-5),
    "complex64": (1.3e-6, 1e-5), "float16": (4e-3, 1e-3),
}  # fmt: skip

EXACT = ("float64", "complex128", "int64", "int32", "uint8", "int8", "int16", "bool")

# What comes of these is nobody's to foretell: random numbers, or memory as it is.
UNDEFINED = (
    "cauchy", "empty", "empty_like", "empty_permuted", "empty_strided", "exponential", "geometric",
    "hash_tensor", "log_normal", "multinomial", "new_empty", "new_empty_strided", "normal.in_place",
    "rand_like", "randint", "randint_like", "randn", "randn_like", "resize_", "resize_as_",
    "uniform",
)  # fmt: skip


@functools.cache
def everything() -> dict[str, Any]:
    """All entries about dense tensors whose results are defined, by name and variant."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch.testing._internal.common_methods_invocations import op_db
    found: dict[str, Any] = {}
    for entry in op_db:
        name = entry.name + (f".{entry.variant_test_name}" if entry.variant_test_name else "")
        if entry.name.startswith(OUTSIDE) or name in RANDOM or name in UNDEFINED:
            continue
        assert name not in found
        found[name] = entry
    return found


@functools.cache
def entries() -> dict[str, Any]:
    """The differentiable float64 entries: what is counted."""
    return {
        name: entry
        for name, entry in everything().items()
        if entry.supports_autograd and torch.float64 in entry.supported_dtypes("cpu")
    }


# ------------------------------------------------------------------ from their arguments to ours


class Missing(Exception):
    """We have no function of that name."""


# Where the database calls an op through a function of its own: the same for ours.
CALLS = {
    "einsum": lambda x, equation: xg.einsum(equation, *x),
    "where": lambda x, condition, other, **k: xg.where(condition, x, other, **k),
    "nn.functional.embedding": lambda w, i, **k: xg.nn.functional.embedding(i, w, **k),
    "nn.functional.embedding_bag": lambda w, i, **k: xg.nn.functional.embedding_bag(i, w, **k),
    "polygamma": lambda x, n, **k: xg.polygamma(n, x, **k),
    "special.polygamma": lambda x, n, **k: xg.special.polygamma(n, x, **k),
    "linalg.pinv.singular": lambda a, b: xg.linalg.pinv(a @ b.mT),
    "linalg.lstsq.grad_oriented": lambda a, b, driver: xg.linalg.lstsq(a, b, driver=driver)[:2],
    "slice": lambda x, dim=0, start=None, end=None, step=1: x[
        (*(slice(None),) * (dim % x.ndim), slice(start, end, step))
    ],
    "zero_": lambda x: x.clone().zero_(),
}


def ours(name: str) -> Any:
    """Our function for PyTorch's name.

    Raises:
        Missing: where there is none.
    """
    if CALLS.get(name) is not None:
        return CALLS[name]
    found: Any = xg
    for part in name.split("."):
        found = getattr(found, part, None)
        if found is None:
            break
    if found is None or not callable(found):
        found = getattr(xg.Tensor, name.rpartition(".")[2], None)
    if found is None:
        raise Missing(name)
    return found if callable(found) else (lambda x: getattr(x, name))


class Arguments:
    """Their arguments as ours. A tensor that occurs twice stays one tensor."""

    def __init__(self, requires_grad: bool = True) -> None:
        self.requires_grad = requires_grad
        self.known: dict[int, Any] = {}
        self.leaves: list[tuple[Any, Any]] = []  # (theirs, ours), both require gradients

    def __call__(self, value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            if id(value) not in self.known:
                self.known[id(value)] = self._tensor(value)
            return self.known[id(value)]
        if isinstance(value, torch.dtype):
            return getattr(xg, str(value).removeprefix("torch."))
        if isinstance(value, torch.device):
            return str(value)
        if isinstance(value, torch.Size):
            return xg.Size(value)
        if isinstance(value, (list, tuple)):
            return type(value)(map(self, value))
        if isinstance(value, dict):
            return {k: self(v) for k, v in value.items()}
        if isinstance(value, torch.nn.PairwiseDistance):
            return xg.nn.PairwiseDistance(value.norm, value.eps, value.keepdim)
        if isinstance(value, torch.nn.LinearCrossEntropyOptions):
            return xg.nn.LinearCrossEntropyOptions(**self(dataclasses.asdict(value)))
        if isinstance(value, torch.memory_format):
            return getattr(xg, str(value).removeprefix("torch."), value)
        return value

    def _tensor(self, value: Any) -> Any:
        whole = value.untyped_storage().nbytes() // max(value.element_size(), 1)
        if value.numel() and whole != value.numel():  # it shows a part of the memory
            memory = value.detach().as_strided((whole,), (1,), 0)
            found = xg.tensor(array(memory).copy())
            found = found.as_strided(value.shape, value.stride(), value.storage_offset()).detach()
        else:
            found = xg.tensor(array(value).copy())
        if value.requires_grad and self.requires_grad:
            found.requires_grad_()
            self.leaves.append((value, found))
        return found


def tensors(value: Any, kind: type) -> list[Any]:
    """The tensors of a result, in order."""
    if isinstance(value, kind):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (tuple, list)):
        return [t for part in value for t in tensors(part, kind)]
    return []


def array(t: Any) -> np.ndarray:
    """A tensor of either library as an array."""
    if isinstance(t, torch.Tensor):
        return np.asarray(t.numpy(force=True))
    return t.detach().numpy()


# ------------------------------------------------------------------ comparing


class Different(Exception):
    """We give something else than PyTorch."""


def same(what: str, theirs: Any, mine: Any, exact_dtype: bool = True) -> None:
    """Compare two tensors.

    Raises:
        Different: in shape, dtype or values.
    """
    a, b = array(mine), array(theirs)
    if a.shape != b.shape:
        raise Different(f"{what}: shape {a.shape}, not {b.shape}")
    if exact_dtype and a.dtype != b.dtype:
        raise Different(f"{what}: dtype {a.dtype}, not {b.dtype}")
    rtol, atol = TOLERANCES.get(b.dtype.name, (0, 0))
    if b.dtype.name not in EXACT and b.size:  # rounding errors of a sum are as large as its terms
        atol += rtol * float(np.max(np.abs(np.where(np.isfinite(b), b, 0)), initial=0))
    if not np.allclose(a, b, rtol=rtol, atol=atol, equal_nan=True):
        worst = np.max(np.abs(np.where(np.isfinite(a - b), a - b, math.inf)), initial=0.0)
        raise Different(f"{what}: values differ by up to {worst:.3g}")


def weights(like: Any, seed: int) -> np.ndarray:
    """A fixed vector in the space of a result."""
    rng = np.random.default_rng(seed)
    out = rng.uniform(0.5, 1.5, size=tuple(like.shape))
    if like.is_complex():
        out = out + 1j * rng.uniform(-1, 1, size=tuple(like.shape))
    return np.asarray(out, dtype=array(like).dtype)


def differentiable(results: list[Any]) -> list[int]:
    """Which results have a derivative."""
    return [i for i, t in enumerate(results) if t.requires_grad]


def check_sample(entry: Any, function: Any, sample: Any, second: bool) -> None:
    """Values, first and second derivatives of one sample.

    Raises:
        Different: where we differ.
    """
    convert = Arguments()
    given = convert((sample.input, tuple(sample.args), sample.kwargs))
    post = sample.output_process_fn_grad
    theirs = tensors(post(entry.op(sample.input, *sample.args, **sample.kwargs)), torch.Tensor)
    mine_raw = function(given[0], *given[1], **given[2])
    mine = tensors(post(mine_raw), xg.Tensor)
    if len(theirs) != len(mine):
        raise Different(f"{len(mine)} results, not {len(theirs)}")
    for i, (a, b) in enumerate(zip(theirs, mine, strict=True)):
        same(f"result {i}", a, b)
        if a.requires_grad != b.requires_grad and convert.leaves:
            raise Different(f"result {i}: requires_grad is {b.requires_grad}")
    chosen = differentiable(theirs)
    if not chosen or not convert.leaves:
        return
    seeds = [weights(theirs[i], i) for i in chosen]
    their_leaves = [a for a, _ in convert.leaves]
    my_leaves = [b for _, b in convert.leaves]
    again = second and entry.supports_gradgrad
    first = torch.autograd.grad(
        [theirs[i] for i in chosen],
        their_leaves,
        [torch.from_numpy(s) for s in seeds],
        create_graph=again,
        allow_unused=True,
    )
    mine_first = xg.autograd.grad(
        [mine[i] for i in chosen],
        my_leaves,
        [xg.tensor(s) for s in seeds],
        create_graph=again,
        allow_unused=True,
    )
    for i, (a, b) in enumerate(zip(first, mine_first, strict=True)):
        _same_gradient(f"gradient {i}", a, b)
    if again:
        _second(first, mine_first, their_leaves, my_leaves)


def _same_gradient(what: str, theirs: Any, mine: Any) -> None:
    """Compare gradients; none is as good as zeros."""
    if theirs is None and mine is None:
        return
    if theirs is None:
        theirs = torch.zeros(tuple(mine.shape), dtype=torch.from_numpy(array(mine)).dtype)
    if mine is None:
        mine = xg.zeros(tuple(theirs.shape), dtype=getattr(xg, str(theirs.dtype)[6:]))
    same(what, theirs, mine)


def _second(first: Any, mine_first: Any, their_leaves: Any, my_leaves: Any) -> None:
    theirs = [(i, g) for i, g in enumerate(first) if g is not None and g.requires_grad]
    seeds = [weights(g, 7 + i) for i, g in theirs]
    if not theirs:
        return
    try:
        expected = torch.autograd.grad(
            [g for _, g in theirs],
            their_leaves,
            [torch.from_numpy(s) for s in seeds],
            allow_unused=True,
        )
    except RuntimeError:
        return  # PyTorch has no second derivative here, whatever the entry says
    ready = [
        (mine_first[i], s)
        for (i, _), s in zip(theirs, seeds, strict=True)
        if mine_first[i] is not None and mine_first[i].requires_grad
    ]
    found: Any = [None] * len(my_leaves)
    if ready:
        found = xg.autograd.grad(
            [g for g, _ in ready], my_leaves, [xg.tensor(s) for _, s in ready], allow_unused=True
        )
    for i, (a, b) in enumerate(zip(expected, found, strict=True)):
        _same_gradient(f"second derivative {i}", a, b)


def check_method(entry: Any, sample: Any) -> None:
    """The method of that name, and the one that writes in place.

    Raises:
        Different: where we differ, or have none.
    """
    for variant in (entry.method_variant, entry.inplace_variant):
        name = getattr(variant, "__name__", None)
        if name is None or "<" in name or not isinstance(sample.input, torch.Tensor):
            continue
        in_place = variant is entry.inplace_variant
        if in_place and (sample.broadcasts_input or not sample.input.is_contiguous()):
            continue
        method = getattr(xg.Tensor, name, None)
        if method is None:
            raise Different(f"no method {name}")
        convert = Arguments(requires_grad=False)
        given = list(convert((sample.input, tuple(sample.args), sample.kwargs)))
        given[0] = given[0].clone() if in_place else given[0]
        try:
            value = sample.input.detach()
            value = value.clone() if in_place else value
            theirs = variant(value, *sample.args, **sample.kwargs)
        except Exception:
            continue
        mine = (
            method(given[0], *given[1], **given[2]) if callable(method) else getattr(given[0], name)
        )
        post = sample.output_process_fn_grad  # of vectors, what is the same for all their signs
        found, wanted = tensors(post(mine), xg.Tensor), tensors(post(theirs), torch.Tensor)
        for a, b in zip(wanted, found, strict=True):
            same(f"method {name}", a, b)
        if in_place:
            same(f"what {name} wrote", theirs, given[0])


def samples(entry: Any, most: int | None, dtype: Any = torch.float64) -> list[Any]:
    """Sample inputs of an entry: the first ones, and some from all over the rest."""
    tracked = entry.supports_autograd and (dtype.is_floating_point or dtype.is_complex)
    # Not by `entry.sample_inputs`, which spends most of its time on noting who called it.
    made = entry.sample_inputs_func(entry, torch.device("cpu"), dtype, tracked)
    found = list(made if most is None else itertools.islice(made, 20 * most))
    if entry.name == "nn.functional.dropout":  # some of whose samples are random
        settings = [{"training": True, "p": 0.5} | s.kwargs for s in found]
        known = [not k["training"] or k["p"] in (0.0, 1.0) for k in settings]
        found = list(itertools.compress(found, known))
    if "attention" in entry.name:  # with dropout, which nobody draws alike
        found = [s for s in found if _without_dropout(s)]
    if most is None or len(found) <= most:
        return found
    step = len(found) / most
    return [found[int(i * step)] for i in range(most)]


def _without_dropout(sample: Any) -> bool:
    """Let a sample of attention draw nothing; whether that is possible."""
    if "training" in sample.kwargs:
        sample.kwargs["training"] = False
    return not sample.kwargs.get("dropout_p")


def function_of(name: str) -> Any:
    """Our function for an entry."""
    return ours(name if name in CALLS else everything()[name].name)


def check(name: str, most: int | None = 12) -> int:
    """Check one entry; the number of samples.

    Raises:
        Missing: we have no function of that name.
        Different: we give something else.
    """
    entry, function = entries()[name], function_of(name)

    def one(sample: Any) -> None:
        check_sample(entry, function, sample, second=True)
        check_method(entry, sample)

    return _each(entry, one, most, torch.float64)


def _each(entry: Any, one: Any, most: int | None, dtype: Any) -> int:
    torch.manual_seed(0)
    with warnings.catch_warnings(), _deterministic():
        warnings.simplefilter("ignore")
        chosen = samples(entry, most, dtype)
        for i, sample in enumerate(chosen):
            try:
                one(sample)
            except Different as error:
                raise Different(f"sample {i}, {_shown(sample)}: {error}") from None
            except Exception as error:
                text = str(error).splitlines()[0] if str(error) else ""
                raise Different(
                    f"sample {i}, {_shown(sample)}: {type(error).__name__}: {text}"
                ) from error
    return len(chosen)


# ------------------------------------------------------------------ other dtypes

DTYPES = ("float32", "float16", "complex64", "complex128", "int64", "bool")


def dtypes_of(name: str) -> list[str]:
    """The dtypes besides float64 in which an entry runs on PyTorch's CPU."""
    there = everything()[name].supported_dtypes("cpu")
    return [d for d in DTYPES if getattr(torch, d) in there]


def check_dtype(name: str, dtype: str, most: int = 2) -> int:
    """Check the values and dtypes of an entry in one dtype; for complex128 gradients too.

    Raises:
        Missing: we have no function of that name.
        Different: we give something else.
    """
    entry, function = everything()[name], function_of(name)
    kind = getattr(torch, dtype)
    tracked = entry.supports_autograd and kind in entry.supported_backward_dtypes("cpu")

    def one(sample: Any) -> None:
        if tracked and kind.is_complex and dtype == "complex128":
            check_sample(entry, function, sample, second=False)
        else:
            check_values(entry, function, sample)

    return _each(entry, one, most, kind)


def check_values(entry: Any, function: Any, sample: Any) -> None:
    """The values of one sample, or the kind of error that PyTorch raises.

    Raises:
        Different: where we differ.
    """
    given = Arguments(requires_grad=False)((sample.input, tuple(sample.args), sample.kwargs))
    post = sample.output_process_fn_grad
    with torch.no_grad():
        try:
            theirs = entry.op(sample.input, *sample.args, **sample.kwargs)
        except Exception as error:
            try:
                function(given[0], *given[1], **given[2])
            except type(error):
                return
            raise Different(f"no {type(error).__name__}: {error}") from None
    mine = function(given[0], *given[1], **given[2])
    if not isinstance(theirs, (torch.Tensor, tuple, list, dict)):
        plain = str(theirs).removeprefix("torch.") == str(mine).removeprefix("xpgrad.")
        if not plain and not (theirs != theirs and mine != mine):
            raise Different(f"{mine!r}, not {theirs!r}")
        return
    wanted, found = tensors(post(theirs), torch.Tensor), tensors(post(mine), xg.Tensor)
    if len(wanted) != len(found):
        raise Different(f"{len(found)} results, not {len(wanted)}")
    for i, (a, b) in enumerate(zip(wanted, found, strict=True)):
        same(f"result {i}", a, b)


@contextlib.contextmanager
def _deterministic() -> Any:
    state = torch.get_rng_state()
    try:
        yield
    finally:
        torch.set_rng_state(state)


def _shown(sample: Any) -> str:
    def one(value: Any) -> str:
        if isinstance(value, torch.Tensor):
            return f"{str(value.dtype)[6:]}{list(value.shape)}"
        if isinstance(value, (list, tuple)):
            return "(" + ", ".join(map(one, value)) + ")"
        return repr(value) if not callable(value) else "function"

    parts = [one(sample.input), *map(one, sample.args)]
    parts += [f"{k}={one(v)}" for k, v in sample.kwargs.items()]
    return ", ".join(parts)[:200]


# ------------------------------------------------------------------ the table in the README

FAMILIES = {
    "element-wise, complex": ("elementwise", "rounding", "compare", "complex", "activations"),
    "special functions": ("special",),
    "reductions, order, statistics": (
        "reductions",
        "extrema",
        "running",
        "sorting",
        "statistics",
        "counting",
        "calculus",
    ),
    "indexing, gathering, scattering": ("gather", "scatter", "indexing", "masks"),
    "shape, views, copies": ("shape", "rearrange", "joining", "copies", "windows", "combining"),
    "`linalg`, products": ("linalg", "einsum"),
    "`fft`": ("fft",),
    "`nn.functional`": ("nn",),
    "dtype, device, creation": (),
}


@functools.cache
def _homes() -> dict[str, str]:
    """The module of the door that has a name."""
    package = importlib.import_module("xpgrad.door")
    found = {}
    for module in pkgutil.iter_modules(package.__path__):
        for name in getattr(importlib.import_module(f"xpgrad.door.{module.name}"), "__all__", ()):
            found.setdefault(name, module.name)
    return found


def family(name: str) -> str:
    """Which row of the table an entry belongs to."""
    entry = everything()[name]
    head, _, _ = entry.name.partition(".")
    home = head if head in ("special", "linalg", "fft", "nn") else _homes().get(entry.name)
    if home is None:
        method = getattr(xg.Tensor, entry.name, None)
        home = getattr(method, "__module__", "").rpartition(".")[2]
    home = "linalg" if home.startswith("linalg") else home
    if entry.name.startswith(("native_", "max_pool", "grid_sampler", "constant_pad")):
        home = "nn"
    return next((title for title, homes in FAMILIES.items() if home in homes), [*FAMILIES][-1])


def unmatched() -> set[str]:
    """The entries that do not match."""
    found = set()
    for name in entries():
        try:
            check(name)
        except (Missing, Different):
            found.add(name)
    return found


def table(left: set[str]) -> str:
    """How many entries are matched, by family, in Markdown; all but those in `left`."""
    lines = ["| family | entries | matched | not matched |", "|---|---|---|---|"]
    for title in FAMILIES:
        names = [name for name in entries() if family(name) == title]
        rest = [name for name in names if name in left]
        count = len(names) - len(rest)
        shown = ", ".join(f"`{name}`" for name in rest)
        lines.append(f"| {title} | {len(names)} | {count} | {shown} |")
    total = len(entries())
    return "\n".join([*lines, f"| **all** | **{total}** | **{total - len(left)}** | |"])


def main(arguments: list[str]) -> None:
    """Print the table, or check the entries that are named, or all."""
    if arguments == ["--table"]:
        print(table(unmatched()))
        return
    walks = {"ok": 0, "absent": 0, "different": 0}
    dtypes = arguments[:1] == ["--dtypes"]
    for name in arguments[dtypes:] or (everything() if dtypes else entries()):
        for dtype in dtypes_of(name) if dtypes else [""]:
            try:
                check_dtype(name, dtype) if dtypes else check(name)
                state = "ok"
            except Missing:
                state = "absent"
            except Different as error:
                state = "different"
                print(f"{name} {dtype}: {error}")
            walks[state] += 1
    print(walks)


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
