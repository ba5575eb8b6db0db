"""Reading images at any places, which have derivatives, too."""

from __future__ import annotations

import math
import warnings
from typing import Any

from xpgrad.door.arguments import UnsupportedDType, only_tensor
from xpgrad.errors import DTypeError, ShapeError
from xpgrad.nn.functional.interpolation import UnsupportedMode
from xpgrad.nn.functional.space import in_single
from xpgrad.ops.sampling import SAMPLED
from xpgrad.tensor import Tensor, wrap

__all__ = ["affine_grid", "grid_sample"]

MODES = ("bilinear", "nearest", "bicubic")
PADDINGS = ("zeros", "border", "reflection")


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


@in_single
def _sampled(x: Tensor, grid: Tensor, mode: str, padding: str, align: bool) -> Tensor:
    return SAMPLED[x.ndim - 2](x, grid, how=(mode, padding, align))


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
    with ns.current():
        lines = []
        for i, n in reversed(tuple(enumerate(outputs))):  # the last dimension comes first
            steps = ns.linspace(-1.0, 1.0, n, dtype=kind) if n > 1 else ns.zeros((1,), dtype=kind)
            if not align_corners:
                steps = steps * ((n - 1) / n)
            form = tuple(n if j == i else 1 for j in range(space))
            lines.append(ns.broadcast_to(ns.reshape(steps, form), outputs))
        places = ns.stack([*lines, ns.ones(outputs, dtype=kind)], axis=-1)
        places = wrap(ns.wrap(ns.reshape(places, (math.prod(outputs), space + 1))), ns)
    found: Tensor = places @ maps.mT
    return found.reshape(sizes[0], *outputs, space)
