"""How a tensor is written as text: letter for letter as PyTorch writes it.

Everything here works on a host ndarray and a few words about the tensor (its dtype's name, its
device, its grad_fn), so that printing knows nothing of namespaces, devices or the graph. A tensor
is printed in three steps:

1. *What is shown.* A tensor with more than ``threshold`` elements shows ``edgeitems`` at both ends
   of each axis. Only those are fetched; the rest of the array is never looked at.
2. *Cells.* Each shown number becomes one piece of text, and the cells of a tensor share one format
   (integral, fixed or scientific) and one width.
3. *Layout.* Cells are joined, wrapped and bracketed, and the suffixes (``dtype=``, ``grad_fn=``)
   are appended, on a line of their own where the last one is full.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt  # 10 ms at run time

__all__ = [
    "PARAMETER_CLASS_NAME",
    "get_printoptions",
    "printoptions",
    "set_printoptions",
    "tensor_str",
]

PARAMETER_CLASS_NAME = "Parameter containing:\ntensor"
"""The ``class_name`` under which :func:`tensor_str` prints an ``nn.Parameter`` as PyTorch does."""


# --- options ------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class _Options:
    """One immutable set of options: a change replaces the whole set, so that a tensor being
    printed in one thread never sees half of a change made in another.
    """

    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


_PROFILES = {
    "default": _Options(),
    "short": _Options(precision=2, edgeitems=2),
    "full": _Options(threshold=math.inf),
}

_options = _Options()


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Set how tensors are printed from now on; what is not given stays as it is.

    The exception is ``sci_mode``, which as in PyTorch goes back to automatic unless it is given.

    Args:
        precision: digits after the decimal point (4).
        threshold: a tensor of more elements than this is summarised (1000).
        edgeitems: how many elements a summary shows at both ends of each axis (3).
        linewidth: where lines are broken (80).
        profile: ``"default"``, ``"short"`` or ``"full"``: sets all of the above; the other
            arguments then override it.
        sci_mode: scientific notation always (True), never (False), or when the numbers ask for it
            (None).

    >>> import numpy as np
    >>> set_printoptions(precision=2)
    >>> tensor_str(np.array([1.12345]), dtype_name="float32")
    'tensor([1.12])'
    >>> set_printoptions(profile="default")
    >>> tensor_str(np.array([1.12345]), dtype_name="float32")
    'tensor([1.1235])'
    """
    global _options
    if profile is not None and profile not in _PROFILES:
        raise ValueError(f"profile must be one of {', '.join(_PROFILES)}, but got {profile!r}")
    base = _options if profile is None else _PROFILES[profile]
    _options = _Options(
        precision=base.precision if precision is None else precision,
        threshold=base.threshold if threshold is None else threshold,
        edgeitems=base.edgeitems if edgeitems is None else edgeitems,
        linewidth=base.linewidth if linewidth is None else linewidth,
        sci_mode=sci_mode,
    )


def get_printoptions() -> dict[str, Any]:
    """The options in force, as a dictionary of keywords for :func:`set_printoptions`.

    >>> get_printoptions()["linewidth"]
    80
    """
    return dataclasses.asdict(_options)


@contextlib.contextmanager
def printoptions(**kwargs: Any) -> Iterator[None]:
    """Set the options for the length of a ``with`` block: :func:`set_printoptions`, undone.

    >>> import numpy as np
    >>> with printoptions(threshold=5, edgeitems=1):
    ...     print(tensor_str(np.arange(10), dtype_name="int64"))
    tensor([0,  ..., 9])
    """
    before = get_printoptions()
    set_printoptions(**kwargs)
    try:
        yield
    finally:
        set_printoptions(**before)


# --- what is shown ------------------------------------------------------------------------------


def _shown(array: npt.NDArray[Any], edge: int) -> npt.NDArray[Any]:
    """The first and last ``edge`` items of every long axis, gathered in one step."""
    axes = [
        [*range(edge), *range(length - edge, length)] if length > 2 * edge else range(length)
        for length in array.shape
    ]
    return array[np.ix_(*axes)]


# --- cells --------------------------------------------------------------------------------------


def _float_texts(values: list[float], options: _Options) -> tuple[list[str], int]:
    """The text of each value, not yet padded, and the width that the column is to have.

    Zeros, infinities and nans have no say in format and width, as in PyTorch; they may be wider
    than the column.
    """
    telling = [value for value in values if value and math.isfinite(value)]
    if not telling:
        # Neither `precision` nor `sci_mode` is consulted here; one is PyTorch's minimal width.
        return [_integral(value) for value in values], 1

    if options.sci_mode is None:
        sizes = list(map(abs, telling))
        low, high = min(sizes), max(sizes)
        scientific = high / low > 1000.0 or high > 1e8 or low < 1e-4
    else:
        scientific = options.sci_mode

    if scientific:
        texts = [f"{value:.{options.precision}e}" for value in values]
    elif all(map(float.is_integer, telling)):
        texts = [_integral(value) for value in values]
    else:
        texts = [f"{value:.{options.precision}f}" for value in values]
    width = max(
        len(text)
        for text, value in zip(texts, values, strict=True)
        if value and math.isfinite(value)
    )
    return texts, width


def _integral(value: float) -> str:
    """``1.``: the dot tells a float that happens to be whole from an integer."""
    return f"{value:.0f}." if math.isfinite(value) else f"{value}"


def _cells(block: npt.NDArray[Any], dtype_name: str, options: _Options) -> tuple[list[str], int]:
    """The padded text of each element in C order, and the width by which lines are filled.

    ``tolist`` turns every float dtype into Python's float64: no digit is lost by it, and the
    overflow and rounding of half precision cannot reach the choice of the format.
    """
    flat = block.reshape(-1)
    if dtype_name.startswith("complex"):
        reals, real_width = _float_texts(flat.real.tolist(), options)
        imags, imag_width = _float_texts(flat.imag.tolist(), options)
        # The imaginary part brings its own sign or is given one, and is never padded.
        cells = [
            f"{real.rjust(real_width)}{imag if imag[0] == '-' else '+' + imag}j"
            for real, imag in zip(reals, imags, strict=True)
        ]
        return cells, real_width + imag_width + len("j")  # a plus sign is not counted

    if dtype_name.startswith(("float", "bfloat")):
        texts, width = _float_texts(flat.tolist(), options)
    else:
        texts = list(map(str, flat.tolist()))
        width = max(map(len, texts))
    return [text.rjust(width) for text in texts], width


# --- layout -------------------------------------------------------------------------------------


def _brackets(
    cells: list[str], width: int, shape: tuple[int, ...], edge: int, indent: int, linewidth: int
) -> str:
    """Nest the cells of a tensor of ``shape`` in brackets, and break the lines of its rows.

    An axis longer than ``2 * edge`` has cells for its ends only; an ellipsis goes in between.
    """
    unused = iter(cells)

    def write(axis: int, indent: int) -> str:
        length = shape[axis]
        cut = length > 2 * edge
        shown = 2 * edge if cut else length
        axes_below = len(shape) - axis - 1
        if axes_below:
            items = [write(axis + 1, indent + 1) for _ in range(shown)]
            per_line = 1
        else:
            items = list(islice(unused, shown))
            per_line = max(1, math.floor((linewidth - indent) / (width + len(", "))))
        if cut:
            items.insert(edge, "..." if axes_below else " ...")
        lines = [", ".join(items[i : i + per_line]) for i in range(0, len(items), per_line)]
        newlines = "\n" * max(1, axes_below)  # matrices stand a blank line apart, and so on
        return "[" + f",{newlines}{' ' * (indent + 1)}".join(lines) + "]"

    return write(0, indent)


def _contents(array: npt.NDArray[Any], dtype_name: str, indent: int, options: _Options) -> str:
    """What stands between the parentheses, suffixes aside."""
    if array.size == 0:
        return "[]"
    if array.ndim == 0:
        return _cells(array, dtype_name, options)[0][0]
    block, edge = array, array.size  # no axis is longer than that: nothing is cut
    if array.size > options.threshold:
        edge = options.edgeitems
        if edge == 0:
            return "[...]"
        block = _shown(array, edge)
    cells, width = _cells(block, dtype_name, options)
    return _brackets(cells, width, array.shape, edge, indent, options.linewidth)


def _with_suffixes(text: str, suffixes: list[str], indent: int, linewidth: int, module: str) -> str:
    """Append suffixes, going to a new line wherever the next one would pass ``linewidth``.

    Suffixes come with PyTorch's module name and are measured so, whatever ``module`` they are
    written with: lines then break where PyTorch breaks them, and text printed by the one is text
    printed by the other but for the name.
    """
    # PyTorch counts two characters more than stand in the last line, and for a suffix that opens
    # a line none for the comma to come; both decide where lines break.
    column = len(text) - text.rfind("\n") + 1
    for suffix in suffixes:
        if column + len(", ") + len(suffix) > linewidth:
            text += ",\n" + " " * indent
            column = indent + len(suffix)
        else:
            text += ", "
            column += len(", ") + len(suffix)
        text += suffix.replace("dtype=torch.", f"dtype={module}.")
    return text + ")"


def with_suffix(text: str, suffix: str) -> str:
    """The ``repr`` of a tensor with one more thing said about it.

    >>> with_suffix("tensor([1.])", "tangent=tensor([2.])")
    'tensor([1.], tangent=tensor([2.]))'
    """
    return _with_suffixes(text[:-1], [suffix], len("tensor("), _options.linewidth, "xpgrad")


def tensor_str(
    array: npt.NDArray[Any],
    *,
    dtype_name: str,
    default_dtype_name: str = "float32",
    device: str | None = None,
    grad_fn: str | None = None,
    requires_grad: bool = False,
    class_name: str = "tensor",
    module: str = "xpgrad",
) -> str:
    """The ``repr`` of a tensor, from its values on the host and what is to be said about it.

    Args:
        array: the values. It may be huge and need not be contiguous: what a summary does not show
            is not read.
        dtype_name: the tensor's dtype, such as ``"float32"``. It decides how values are written
            and what ``dtype=`` says, so bfloat16 values may come as float32.
        default_dtype_name: the default float dtype. Neither it nor its complex partner, int64 and
            bool is announced, except that an empty tensor announces all but the first.
        device: what ``device=`` says; None, for the CPU, says nothing.
        grad_fn: the name of the node that made the tensor.
        requires_grad: said only of a tensor without ``grad_fn``.
        class_name: what stands before the parenthesis: ``"tensor"``, or the name of a subclass of
            Tensor. Lines before its last are a heading: with :data:`PARAMETER_CLASS_NAME` an
            ``nn.Parameter`` is printed.
        module: the prefix of the dtype's name.

    >>> import numpy as np
    >>> x = np.array([[1.0, 2.0], [3.0, 4.5]])
    >>> print(tensor_str(x, dtype_name="float64", grad_fn="MulBackward0"))
    tensor([[1.0000, 2.0000],
            [3.0000, 4.5000]], dtype=xpgrad.float64, grad_fn=<MulBackward0>)
    >>> print(tensor_str(np.array([1.0, 2.0]), dtype_name="float32", requires_grad=True,
    ...                  class_name=PARAMETER_CLASS_NAME))
    Parameter containing:
    tensor([1., 2.], requires_grad=True)
    """
    options = _options
    default_complex = "complex128" if default_dtype_name == "float64" else "complex64"

    if array.size == 0:
        say_size = array.ndim != 1  # a bare [] already says (0,)
        # No element tells an empty integer tensor from a float one.
        say_dtype = dtype_name != default_dtype_name
    else:
        say_size = options.edgeitems == 0  # a summary then shows nothing at all
        say_dtype = dtype_name not in (default_dtype_name, default_complex, "int64", "bool")

    suffixes = []
    if device is not None:
        suffixes.append(f"device='{device}'")
    if say_size:
        suffixes.append(f"size={array.shape}")
    if say_dtype:
        suffixes.append(f"dtype=torch.{dtype_name}")
    if grad_fn is not None:
        suffixes.append(f"grad_fn=<{grad_fn}>")
    elif requires_grad:
        suffixes.append("requires_grad=True")

    opening = class_name + "("
    indent = len(opening) - (opening.rfind("\n") + 1)
    text = opening + _contents(array, dtype_name, indent, options)
    return _with_suffixes(text, suffixes, indent, options.linewidth, module)
