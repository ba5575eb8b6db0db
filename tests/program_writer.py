"""The writer of random programs: see programs.py.

It looks at PyTorch's tensors, so that most lines make sense and a few do not. What both libraries
promise, and only that, is written: where PyTorch's outcome is an accident of how it is made, or
the README says that xpgrad's is another, a line is left out, with the reason beside it.
"""

from __future__ import annotations

import contextlib
import random
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch


def templates(text: str) -> tuple[str, ...]:
    """A table of templates: two spaces or more, or a new line, between them."""
    return tuple(re.split(r"\s{2,}", text.strip()))


# x is a tensor, y another that broadcasts to it, s one of 0 dimensions; d is a dimension, n a
# number, m a mask.
UNARY = templates("""
    -{x}  {x} * 2  {x} + 1  0.5 - {x}  {x} / 4  2 / ({x} * {x} + 1)  {x} ** 2  {x} ** 3
    {x}.exp()  {x}.tanh()  {x}.sigmoid()  {x}.sin()  {x}.cos()  {x}.square()  {x}.clone()
    {x}.abs()  ({x} * {x} + 1).sqrt()  ({x} * {x} + 1).log()  {x}.reciprocal()  {x}.sum()
    {x}.mean()  {x}.cumsum(0)  {x} * 1j  {x}.flip(0)  {x}.roll(1)  {x}.repeat(2)
    t.cat([{x}, {x}])  t.stack([{x}, {x}], -1)  {x}.tril()  t.zeros_like({x})  t.ones_like({x})
""")
ELEMENTWISE = templates("{x} * 2  {x} + 1  {x}.exp()  {x}.sin()  {x} ** 2  {x}.clone()  -{x}")
DIMS = templates("{x}.sum({d})  {x}.mean({d})  {x}.sum({d}, keepdim=True)  {x}.flip({d})")
REAL = templates("""
    {x}.clamp(-1, 1)  {x}.clamp(min=0.25)  {x}.log()  {x}.sqrt()  {x}.log1p()
    {x}.erf()  {x}.expm1()  {x}.max()  {x}.amin()  {x}.amax({d})  {x}.max({d})[0]  {x}.sort({d})[0]
    {x} > 0  t.where({x} > 0, {x}, -0.5)  t.where({x} < 1, 0.25, {x})  {x}.to(t.complex128)
    {x}.masked_fill({x} > 0.5, 1.5)  {x}.to(t.float32)  {x}.to(t.float64)  {x}.double()  {x}.float()
    {x}.long()  {x}.argmax()  {x}.atan()  {x}.minimum({x} * 2)
""")
FLOATING = templates("""
    2 ** {x}  {x}.floor()  {x}.var()  {x}.std()  {x}.norm()  {x}.logsumexp({d})  {x}.softmax({d})
    {x}.norm(dim={d})  {x}.var({d})  {x}.log_softmax({d})
""")
COMPLEX = templates("""
    t.view_as_real({x}) * 1  {x}.real * 1  {x}.imag + 0  {x}.angle()  {x}.abs() ** 2
""")
BOOLEAN = templates("{x}.to(t.float64)  ~{x}  {x} * 1.5  {x}.sum()  {x} & True")
BINARY = templates("{x} + {y}  {x} - {y}  {x} * {y}  {x} * {y}  {x} / ({y} * {y} + 1)")
BINARY_REAL = templates("""
    t.maximum({x}, {y})  t.minimum({x}, {y})  t.atan2({x}, {y} + 3)  ({x} * {x} + 1) ** {y}
    {x} > {y}  t.addcmul({x}, {y}, {y}, value=0.5)  {x} / {y}  t.hypot({x}, {y} + 1)
""")

IN_PLACE = templates("""
    {x}.mul_({n})  {x}.add_({n})  {x}.zero_()  {x}.fill_({n})  {x}.neg_()  {x} *= {n}  {x} += {n}
    {x} -= {n}  {x} /= 2  {x}.square_()  {x}.tanh_()  {x}.sin_()  {x}.pow_(2)  {x}.sigmoid_()
    {x}.masked_fill_({m}, {n})  {x}.div_(4)  {x}.exp_()  {x}.tril_()  {x}.cos_()  {x}.reciprocal_()
""")
IN_PLACE_REAL = templates("""
    {x}.clamp_(-1, 1)  {x}.clamp_(min=-0.5)  {x}.abs_()  {x}.atan_()  {x}.floor_()
    {x}.erf_()  {x}.expm1_()  {x} **= 2  {x}.cumsum_({d})
""")
IN_PLACE_WITH = templates("""
    {x}.add_({y})  {x}.sub_({y}, alpha=0.5)  {x}.mul_({y})  {x}.copy_({y})  {x} += {y}  {x} *= {y}
    {x} -= {y}  {x}.div_({y} * {y} + 1)  {x}.addcmul_({y}, {y}, value=0.5)  {x}.lerp_({y}, 0.25)
    {x}.copy_({y})  {x}.fill_({s})  {x}.masked_fill_({m}, {s})
""")
IN_PLACE_BOOLEAN = templates("{x}.zero_()  {x}.fill_(True)  {x}.copy_({m})  {x}.logical_not_()")

SHAPES = (
    (), (1,), (2,), (3,), (4,), (6,), (2, 3), (3, 2), (2, 2), (3, 3), (1, 3), (2, 1),
    (2, 1, 3), (2, 2, 2), (2, 3, 2), (0,), (0, 3), (2, 0),
)  # fmt: skip
NAME = re.compile(r"\b[a-z]\d*\b")  # of a tensor
CONTEXTS = ("t.no_grad()", "t.no_grad()", "t.enable_grad()", "t.set_grad_enabled(False)")
MOST = 10  # tensors alive at once

# Nodes that are one on both sides.
HOOKED = {f"{name}Backward0" for name in templates("""
    Mul  Add  Sub  Div  Neg  Exp  Sin  Cos  Tanh  Sigmoid  Sum  Mean  Pow
""")}  # fmt: skip


class Writer:
    """Makes the lines of one program, each when the ones before have been run."""

    def __init__(self, seed: int, length: int | None = None) -> None:
        self.random = random.Random(seed)
        self.length = length or self.random.randint(5, 25)
        self.made = 0
        self.handles = 0
        # What has the layout of a literal: libraries differ in that of other results, and so in
        # what is a view.
        self.plain: set[str] = set()
        # How often differentiated with create_graph: at most once, since whether a second
        # derivative depends on anything, if only formally, depends on the formula.
        self.order: dict[str, int] = {}
        self.parents: set[str] = set()  # see `between`
        self.hooked: list[Any] = []  # nodes that have hooks
        self.before: dict[str, Any] = {}  # what made a tensor when it got its hooks
        self.told = False  # whether a tensor's flag has been set
        self.seen: dict[int, tuple[Any, ...]] = {}  # see `track`

    def look_at(self, side: Any) -> None:
        """What the program's lines are run by: it has ``tensors()`` and ``names``."""
        self.side = side

    def __iter__(self) -> Iterator[str]:
        yield self.leaf()
        yield self.leaf()
        for _ in range(self.length - 2):
            self.pool = self.side.tensors()
            self.track()
            line = self.line()
            found = {name: self.order.get(name, 0) for name in NAME.findall(line)}
            order = max(found.values(), default=0) + ("create_graph" in line)
            self.order.update(dict.fromkeys(found, order))
            yield line

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
            # Not for long: large numbers, inf and nan, of which complex functions know many kinds.
            limited = x.is_complex() or (x.is_floating_point() and self.chance(0.8))
            if limited and not self.held(x) and not bool((x.detach().abs() < 1e3).all()):
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
            value = f"{self.random.uniform(-2, 2) or 1:.1f}".replace("-0.0", "0.0")
            return f"{value}{self.random.uniform(-2, 2):+.1f}j" if "complex" in dtype else value

        extra = ", requires_grad=True" if requires_grad else ""
        if 0 in shape:
            return f"t.zeros({shape}, dtype=t.{dtype}{extra})"
        return f"t.tensor({fill(shape)}, dtype=t.{dtype}{extra})"

    def dtype(self) -> str:
        p = self.random.random()
        if p < 0.8:
            return "float64"
        if p < 0.88:
            return "float32"
        return "complex128" if p < 0.95 else self.choose(("int64", "bool"))

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
        alike = text in [template.format(x=name) for template in ELEMENTWISE]
        if name in self.plain and x.is_contiguous() and alike:
            self.plain.add(target)
        return self.within(f"{target} = {text}")

    def expression(self, name: str, x: Any) -> str:
        """Something computed from a tensor."""
        if x.dtype == torch.bool:
            return self.choose(BOOLEAN).format(x=name)
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
        if not x.ndim:
            texts = [text for text in texts if not re.search("var|std", text)]  # which are none
        d = self.random.randrange(x.ndim) if x.ndim else 0
        if p < 0.5:
            return self.choose(texts).format(x=name, d=d)
        if p < 0.85 or not x.ndim:
            y = self.operand(tuple(x.shape), x)
            other = self.pool.get(y.split(".")[0], x)
            texts = [*BINARY]
            if x.is_floating_point() or x.is_complex():
                texts += ["{x}.add({y}, alpha=0.5)"]
            if other.dtype == x.dtype:
                texts += ["t.where({m}, {x}, {y})"]
            if x.is_floating_point() and not other.is_complex():
                texts += BINARY_REAL
            fits = other.dtype == x.dtype and fitting(tuple(other.shape), tuple(x.shape))
            if x.is_floating_point() and y in self.pool and fits:
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
            ways = ["contiguous()", "view(-1)", "reshape(-1)", "flatten()"]
            sides = [s for s in SHAPES if int(np.prod(s)) == x.numel()]
            if sides:
                ways += [f"view({self.choose(sides)})", f"reshape({self.choose(sides)})"]
            found += [f"{name}.{way}" for way in ways]
            if other is not None:
                found += [f"{name}.view_as({other[0]})"]
        bigger = self.pick(lambda y: fitting(shape, tuple(y.shape)))
        if bigger is not None:
            found.append(f"{name}.expand_as({bigger[0]})")
        # PyTorch lets one write to that of an inference tensor, against its own rules; where
        # elements were repeated, ours is read-only.
        if x.is_inference() or overlapping(x):
            found.remove(f"{name}.detach()")
        if x.is_complex():
            found += [f"{name}.real", f"{name}.imag"] * 2
        if n:
            d = self.random.randrange(n)
            size = shape[d]
            found += [f"{name}[{self.basic(shape)}]" for _ in range(4)]
            found += [
                f"{name}.unbind({d})", f"{name}.chunk(2, {d})", f"{name}.squeeze({d})",
                f"{name}.split({max(1, size - 1)}, {d})", f"{name}.movedim(0, -1)",
                f"{name}.t()" if n < 3 else f"{name}.mT",
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
        if x.is_inference():  # which error comes first is nobody's promise
            return self.within(f"{name}.zero_()")
        if overlapping(x):
            if re.search("index|mask|tril", line):
                return None  # a warning in PyTorch, an error here
            if not x.is_floating_point():
                line = f"{name}.zero_()"  # of two errors, another is raised
            return f"with t.no_grad(): {line}"  # PyTorch's backward would fail
        quiet = 0.5 if x.requires_grad and x.is_leaf else 0.12
        return self.within(line, quiet)

    def changing(self, name: str, x: Any) -> str:
        if x.dtype == torch.bool:
            return self.choose(IN_PLACE_BOOLEAN).format(x=name, m=self.mask(name, x))
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
            text = "{x}.sub_({y})" if "alpha" in text else text
            s = f"{s}.detach()"
            y = f"{y}.detach()" if y else y
        if re.search("lerp|addc", text):
            other = self.pool.get(y.split(".")[0], x)
            fits = other.dtype == x.dtype and fitting(tuple(other.shape), tuple(x.shape))
            if not (fits and x.is_floating_point()):
                text = "{x}.add_({y})"
        if y.split(".")[0] == name and (overlapping(x) or re.search(r"mul|\*|div|lerp|addc", text)):
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
        if overlapping(x):
            return f"with t.no_grad(): {line}"  # PyTorch's backward would fail
        return self.within(line, 0.5 if x.requires_grad and x.is_leaf else 0.12)

    def scatter(self) -> str | None:
        """A write by positions along a dimension."""
        found = self.pick(
            lambda x: (
                x.ndim
                and not (0 in x.shape or x.dtype == torch.bool or x.is_inference() or refused(x))
            )
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
        same = self.pick(
            lambda y: tuple(y.shape) == shape and y.dtype == x.dtype and not shares(x, y)
        )
        dtype = str(x.dtype).rpartition(".")[2]
        tracked = x.is_floating_point() and self.chance(0.4)
        y = same[0] if same else self.literal(shape, dtype, tracked)
        if kind == "index_fill_":
            return self.within(f"{name}.index_fill_({d}, {at}, {self.number()})")
        if kind == "index_put_":
            accumulate = self.chance(0.5)
            value = self.literal((), dtype, tracked)
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
        write = f"{name}.data{self.choose(h if h[0] == '[' else f'.{h}' for h in how)}"
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
        how = self.choose(("t_()", "unsqueeze_(0)", "squeeze_()", "transpose_(0, -1)"))
        return f"{found[0]}.{how}"

    def alias(self, x: Any) -> bool:
        """Whether it shows another's memory without being its view."""
        return not x._is_view() and any(
            shares(x, y) and y is not x and y._base is not x for y in self.pool.values()
        )

    # -------------------------------------------------------------- what is recorded

    def flag(self) -> str | None:
        # A view that was not recorded requires no gradient. In PyTorch it does if its base does.
        # Hooks of a leaf that no longer requires one are called in PyTorch.
        found = self.pick(
            lambda x: (
                not (x._is_view() or x.is_inference() or x._post_accumulate_grad_hooks)
                and not any(y._base is x for y in self.pool.values())
            )
        )
        if found is None:
            return None
        name, x = found
        p = self.random.random()
        self.told = True
        if p < 0.4:
            return f"{name}.requires_grad_()"
        if p < 0.6:
            return f"{name}.requires_grad_(False)"
        if p < 0.7:
            return f"{name}.requires_grad = {self.chance(0.7)}"
        if p < 0.9 and not (x.retains_grad or x._backward_hooks):  # PyTorch leaves them there
            return f"{name}.detach_()"
        return f"{self.fresh()} = {name}.detach().requires_grad_()"

    def between(self, name: str) -> bool:
        """Whether it is a view that another view was made of.

        When a base has been written to, PyTorch takes all its views again from the base itself:
        hooks of a view between are not called any more, and nothing depends on it. Ours leaves the
        way as it is.
        """
        x = self.pool[name]
        return x._is_view() and (name in self.parents or self.seen.get(id(x), (False,))[-1])

    def track(self) -> None:
        """Note which views PyTorch has taken again though their history is as it was.

        They have another node there, with no hooks, that nothing older depends on.
        """
        before, self.seen = self.seen, {}
        for x in self.pool.values():
            with contextlib.suppress(RuntimeError):  # of a view that must not be looked at
                if x._is_view() and x.requires_grad and not x.is_inference():
                    made_by, version = x._base.grad_fn, x._version
                    _, was_made_by, was, again = before.get(id(x), (x, made_by, version, False))
                    again = made_by is was_made_by and (again or version != was)
                    self.seen[id(x)] = x, made_by, version, again

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
        if x._backward_hooks and self.before.get(name) is not x.grad_fn:
            return None  # PyTorch calls no hook any more that is added after a write
        self.before[name] = x.grad_fn
        self.handles += 1
        handle = f"h{self.handles}"
        label = f"leaf {name}" if x.is_leaf else name
        # What is scaled takes us two nodes; real gradients of complex numbers differ underway.
        plain = getattr(x.grad_fn, "_saved_alpha", 1) == 1 and not x.is_complex()
        if not x.is_leaf and p < 0.4 and x.grad_fn.name() in HOOKED and plain:
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
        """Whether an operation with several results made it."""
        return x.grad_fn is not None and bool(re.match("Unbind|Split", x.grad_fn.name()))

    def vague(self) -> bool:
        """Whether it cannot be told what a gradient depends on.

        For something without elements PyTorch takes other ways, in which that is nothing. And a
        leaf that it saved requires a gradient, or not, as it has been told to since.
        """
        return self.told or any(0 in x.shape and x.requires_grad for x in self.pool.values())

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
        if self.chance(0.12) and not self.vague() and not self.order.get(name):
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
        if self.chance(0.6) and not self.vague() and not self.order.get(name):
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
    """Whether elements share a place in memory."""
    return any(s == 0 and n > 1 for s, n in zip(x.stride(), x.shape, strict=True))


def refused(x: Any) -> bool:
    """Whether PyTorch refuses writes that are recorded."""
    return x.requires_grad and (x.is_leaf or (x._is_view() and x._base.is_leaf))


_WEIGHTED: tuple[tuple[Callable[[Writer], str | None], float], ...] = (
    (Writer.leaf, 5), (Writer.compute, 16), (Writer.view, 14), (Writer.change, 11),
    (Writer.assign, 11), (Writer.scatter, 3), (Writer.data, 2), (Writer.turn, 1.5),
    (Writer.flag, 3), (Writer.retain, 2), (Writer.hook, 4), (Writer.backward, 12), (Writer.grad, 6),
    (Writer.kept, 5),
)  # fmt: skip
ACTIONS = [action for action, _ in _WEIGHTED]
WEIGHTS = [weight for _, weight in _WEIGHTED]
