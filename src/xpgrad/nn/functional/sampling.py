"""Reading images at any places, which have derivatives, too."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from operator import add, and_, mul
from typing import Any

from xpgrad.door.arguments import UnsupportedDType, only_tensor
from xpgrad.door.joining import cat
from xpgrad.errors import DTypeError, ShapeError
from xpgrad.nn.functional.interpolation import UnsupportedMode
from xpgrad.nn.functional.padding import pad
from xpgrad.nn.functional.space import in_single
from xpgrad.ops.searching import take_along_axis
from xpgrad.tensor import Tensor, wrap

__all__ = ["affine_grid", "grid_sample"]

MODES = ("bilinear", "nearest", "bicubic")
PADDINGS = ("zeros", "border", "reflection")
FAR = 1e9  # beyond this, or where it is no number, a place is as good as far outside
CUBIC = -0.75


def grid_sample(
    input: Tensor,
    grid: Tensor,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Tensor:
    """The input at the places of a grid: (x, y) or (x, y, z) from -1 to 1, last dimension first.

    Args:
        input: (N, C, H, W) or (N, C, D, H, W).
        grid: (N, *outputs, 2 or 3).
        mode: ``"bilinear"`` (trilinear in three dimensions), ``"nearest"``, ``"bicubic"`` (in two).
        padding_mode: beyond the input there are ``"zeros"``, the elements of the ``"border"``, or
            its ``"reflection"``.
        align_corners: -1 and 1 are the middles of the outermost elements, not their outer edges.

    Returns:
        (N, C, *outputs).

    Places have derivatives, which are 0 at and beyond a border. Those of ``"nearest"`` are 0.

    Warns:
        UserWarning: where `align_corners` is not given.

    >>> import xpgrad as xg
    >>> x = xg.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    >>> grid = xg.tensor([[[[0.0, 0.0], [1.0, -1.0]]]])
    >>> xg.nn.functional.grid_sample(x, grid, align_corners=True)
    tensor([[[[2.5000, 2.0000]]]])
    """
    if mode not in MODES:
        raise ValueError(
            "nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', "
            f"but got: '{mode}'"
        )
    if padding_mode not in PADDINGS:
        raise ValueError(
            "nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or "
            f"'reflection', but got: '{padding_mode}'"
        )
    if align_corners is None:
        _ask("grid_sample")
    x, places = _checked(input, grid, mode)
    return _sampled(x, places, mode, padding_mode, bool(align_corners))


def _ask(function: str) -> None:
    warnings.warn(
        "Default grid_sample and affine_grid behavior has changed to align_corners=False since "
        "1.3.0. Please specify align_corners=True if the old behavior is desired. See the "
        f"documentation of {function} for details.",
        UserWarning,
        stacklevel=3,
    )


def _checked(input: Any, grid: Any, mode: str) -> tuple[Tensor, Tensor]:
    x = only_tensor(input, "grid_sampler")
    places = only_tensor(grid, "grid_sampler", "grid", 2)
    sizes = f"input with sizes {list(x.shape)} and grid with sizes {list(places.shape)}"
    if not x.ndim or not places.ndim or x.shape[0] != places.shape[0]:
        raise ShapeError(
            f"grid_sampler(): expected grid and input to have same batch size, but got {sizes}"
        )
    if places.shape[-1] != x.ndim - 2:
        raise ShapeError(
            f"grid_sampler(): expected grid to have size {x.ndim - 2} in last dimension, but got "
            f"grid with sizes {list(places.shape)}"
        )
    if x.ndim not in (4, 5) or places.ndim != x.ndim:
        raise ShapeError(
            "grid_sampler(): expected 4D or 5D input and grid with same number of dimensions, but "
            f"got {sizes}"
        )
    for i, n in enumerate(x.shape[2:], 2):
        if not n:
            raise ShapeError(
                "grid_sampler(): expected input to have non-empty spatial dimensions, but input "
                f"has sizes {list(x.shape)} with dimension {i} being empty"
            )
    if mode == "bicubic" and x.ndim != 4:
        raise UnsupportedMode("grid_sampler(): bicubic interpolation only supports 4D input")
    if not x.dtype.is_differentiable or x.dtype.is_complex:
        raise UnsupportedDType(f"\"grid_sampler\" not implemented for '{x.dtype.torch_name}'")
    if places.dtype is not x.dtype:
        raise DTypeError(
            f"expected scalar type {x.dtype.torch_name} but found {places.dtype.torch_name}"
        )
    return x, places


def grid_sampler(
    input: Tensor, grid: Tensor, interpolation_mode: int, padding_mode: int, align_corners: bool
) -> Tensor:
    """`grid_sample` with numbers for the modes: 0 to 2, in the order in which it names them.

    >>> import xpgrad as xg
    >>> xg.grid_sampler(xg.ones(1, 1, 2, 2), xg.zeros(1, 1, 1, 2), 0, 0, False)
    tensor([[[[1.]]]])
    """
    mode = MODES[interpolation_mode]
    x, places = _checked(input, grid, mode)
    return _sampled(x, places, mode, PADDINGS[padding_mode], align_corners)


# ------------------------------------------------------------------ places


@in_single
def _sampled(x: Tensor, grid: Tensor, mode: str, padding: str, align: bool) -> Tensor:
    sizes = tuple(x.shape[2:])
    outputs = tuple(grid.shape[1:-1])
    count = 1
    for n in outputs:
        count *= n
    # Of all elements that a place takes part of, in all dimensions together: (N, elements, places).
    index, weight, inside = None, None, None
    for i, n in zip(reversed(range(len(sizes))), sizes, strict=True):
        at = _scaled(grid[..., i].reshape(grid.shape[0], 1, count), n, align)
        (line, there), part = _TAKEN[mode](at, n, padding, align)
        index = line if index is None else _each_with_each(index * n, line, add)
        weight = part if weight is None or part is None else _each_with_each(weight, part, mul)
        inside = there if inside is None or there is None else _each_with_each(inside, there, and_)
    assert index is not None
    flat = x.reshape(*x.shape[:2], -1)
    if inside is not None:  # elsewhere is a zero behind the last element
        index = index.where(inside, flat.shape[2])
        flat = pad(flat, (0, 1))
    taken = index.shape[1]
    value = take_along_axis(flat, index.reshape(-1, 1, taken * count), axis=2)
    if weight is None:
        total = value
    else:
        total = (value.reshape(*x.shape[:2], taken, count) * weight.unsqueeze(1)).sum(2)
    if mode == "nearest" and grid.requires_grad:
        total = total + grid.sum() * 0  # a derivative of 0
    return total.reshape(*x.shape[:2], *outputs)


def _each_with_each(a: Tensor, b: Tensor, combine: Any) -> Tensor:
    """What `combine` makes of all pairs: (N, m, P) and (N, n, P) to (N, m * n, P)."""
    found: Tensor = combine(a.unsqueeze(2), b.unsqueeze(1)).flatten(1, 2)
    return found


def _scaled(at: Tensor, n: int, align: bool) -> Tensor:
    """From -1 … 1 to elements."""
    return (at + 1) / 2 * (n - 1) if align else ((at + 1) * n - 1) / 2


def _inside(at: Tensor, n: int, padding: str) -> tuple[Tensor, Tensor | None]:
    """Whole numbers as positions, and which of them there are."""
    known = (at.abs() < FAR) & (at == at)
    at = at.where(known, -100.0)
    there = (at >= 0) & (at <= n - 1) if padding == "zeros" else None
    return at.clamp(0, n - 1).long(), there


def _within(at: Tensor, n: int, padding: str, align: bool) -> Tensor:
    """Places brought inside, where nothing else stands for what is outside."""
    if padding == "zeros":
        return at
    if padding == "reflection":
        at = _reflected(at, 0, 2 * (n - 1)) if align else _reflected(at, -1, 2 * n - 1)
    free = (at.detach() > 0) & (at.detach() < n - 1)  # a border has no derivative
    return at.where(free, at.detach().clamp(0, n - 1).nan_to_num(0.0))


def _reflected(at: Tensor, twice_low: int, twice_high: int) -> Tensor:
    """Places between two bounds, at which they turn back."""
    if twice_low == twice_high:
        return at * 0
    low, span = twice_low / 2, (twice_high - twice_low) / 2
    away = (at - low).abs()
    times = (away.detach() / span).floor()
    extra = away - times * span
    even = times.remainder(2) == 0
    return extra.where(even, span - extra) + low


# What of a line is taken for places (N, 1, P): positions and which of them there are, (N, n, P),
# and their weights.


def _nearest(at: Tensor, n: int, padding: str, align: bool) -> tuple[Any, Tensor | None]:
    return _inside(_within(at, n, padding, align).detach().round(), n, padding), None


def _linear(at: Tensor, n: int, padding: str, align: bool) -> tuple[Any, Tensor]:
    at = _within(at, n, padding, align)
    low = at.detach().floor()
    share = at - low
    return _inside(cat([low, low + 1], 1), n, padding), cat([1 - share, share], 1)


def _cubic(at: Tensor, n: int, padding: str, align: bool) -> tuple[Any, Tensor]:
    """The four elements around each place, with the weights of cubic convolution."""
    low = at.detach().floor()
    t = at - low
    s = cat([t + 1, 2 - t], 1)
    outer = (((s - 5) * s + 8) * s - 4) * CUBIC
    s = cat([t, 1 - t], 1)
    inner = ((CUBIC + 2) * s - (CUBIC + 3)) * s * s + 1
    weight = cat([outer[:, :1], inner, outer[:, 1:]], 1)
    around = cat([low - 1, low, low + 1, low + 2], 1)
    return _inside(_within(around, n, padding, align), n, padding), weight


_TAKEN: dict[str, Callable[..., tuple[Any, Any]]] = {
    "bilinear": _linear,
    "nearest": _nearest,
    "bicubic": _cubic,
}


# ------------------------------------------------------------------ grids


def affine_grid(theta: Tensor, size: Any, align_corners: bool | None = None) -> Tensor:
    """Grids for `grid_sample`: where affine maps of shape (N, 2, 3) or (N, 3, 4) bring all places.

    Args:
        size: (N, C, H, W) or (N, C, D, H, W), of what will be sampled.
        align_corners: as in `grid_sample`.

    Warns:
        UserWarning: where `align_corners` is not given.

    >>> import xpgrad as xg
    >>> theta = xg.tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])
    >>> xg.nn.functional.affine_grid(theta, (1, 1, 1, 2), align_corners=True)
    tensor([[[[-1.,  0.],
              [ 1.,  0.]]]])
    """
    maps = only_tensor(theta, "affine_grid", "theta")
    if not maps.dtype.is_differentiable or maps.dtype.is_complex:
        raise ValueError(f"Expected theta to have floating point type, but got {maps.dtype}")
    sizes = tuple(size)
    if len(sizes) not in (4, 5):
        raise NotImplementedError(
            "affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, "
            f"respectively. Got size {sizes}."
        )
    space = len(sizes) - 2
    if maps.ndim != 3 or tuple(maps.shape[1:]) != (space, space + 1):
        raise ValueError(
            f"Expected a batch of {space}D affine matrices of shape Nx{space}x{space + 1} for size "
            f"{sizes}. Got {maps.shape}."
        )
    if min(sizes) <= 0:
        raise ValueError(f"Expected non-zero, positive output size. Got {sizes}")
    if maps.shape[0] != sizes[0]:
        raise ShapeError(
            f"Expected size for first dimension of theta to be {sizes[0]} but got {maps.shape[0]}"
        )
    if align_corners is None:
        _ask("affine_grid")
    ns, kind = maps._ns, maps._data.dtype
    outputs = sizes[2:]
    total: Tensor | None = None
    with ns.current():
        for i, n in enumerate(outputs):
            steps = ns.linspace(-1.0, 1.0, n, dtype=kind) if n > 1 else ns.zeros((1,), dtype=kind)
            if not align_corners:
                steps = steps * ((n - 1) / n)
            form = (1, *(n if j == i else 1 for j in range(space)), 1)
            line = wrap(ns.wrap(ns.reshape(steps, form)), ns)
            # The last dimension of space is the first coordinate.
            column = maps[:, :, space - 1 - i].reshape(-1, *(1,) * space, space)
            total = line * column if total is None else total + line * column
    assert total is not None
    found = total + maps[:, :, space].reshape(-1, *(1,) * space, space)
    return found.contiguous()
