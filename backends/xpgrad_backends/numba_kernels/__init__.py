"""What Numba compiles: functions that take NumPy several passes over memory, in one or two.

Numba is an extra, and only the modules here import it: when the first array of some size comes.
Where it is absent, cannot be imported or cannot compile a kernel, NumPy computes as it always does;
so it does with ``XPGRAD_NUMBA=0`` in the environment.

============= ====================================================================================
`pointwise`   activations
`classes`     softmax and cross entropy
`margins`     distances between classes
`norms`       normalisation over rows, channels and groups of them
`places`      reading, writing, adding and combining at places along an axis
`searching`   places in sorted lines
`running`     sums, products and extrema so far
`copies`      lines from their ends, outer products
`boxes`       maxima of boxes of images
`distances`   distances between rows
`columns`     windows of images side by side
`sampling`    reading axes and images at other places
`sequences`   labels spread over the steps of sequences
`depthwise`   convolution with kernels for each channel alone
============= ====================================================================================

Kernels take dense arrays of single or double precision; ``None`` is their answer to all others.
They use one thread and release the interpreter's lock.
"""

from __future__ import annotations

import importlib
import os
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from xpgrad.boxes import Boxed
from xpgrad.distant import Distant
from xpgrad.fused import Fused
from xpgrad.losses import Losses
from xpgrad.namespace import Namespace
from xpgrad.pieces import Pieces
from xpgrad.sampled import Sampled
from xpgrad.sequences import Sequences
from xpgrad_backends import numpy_losses

Array = Any

LARGE = 4096  # elements; from here on it is worth to load a kernel, and to call it

enabled = os.environ.get("XPGRAD_NUMBA", "1") != "0"
failures: dict[str, Exception] = {}  # why some kernels are not used, though Numba is there

MODULES = {
    **dict.fromkeys(("depthwise", "depthwise_input", "depthwise_weight"), "depthwise"),
    **dict.fromkeys(("layer_norm", "layer_norm_gradients"), "norms"),
    **dict.fromkeys(("rms_norm", "rms_norm_gradients"), "norms"),
    **dict.fromkeys(("channel_norm", "channel_norm_gradients"), "norms"),
    **dict.fromkeys(("scaled", "channel_sums"), "norms"),
    **dict.fromkeys(("added_along", "rows_added", "slices_added"), "places"),
    **dict.fromkeys(("taken_along", "written_along"), "places"),
    **dict.fromkeys(("combined_along", "extrema", "slices_written"), "places"),
    "search_lines": "searching",
    **dict.fromkeys(("carried_back", "running_places"), "running"),
    **dict.fromkeys(("running_products", "running_sums"), "running"),
    **dict.fromkeys(("outer", "reversed_lines"), "copies"),
    "box_maxima": "boxes",
    **dict.fromkeys(("row_distances", "row_distances_gradient"), "distances"),
    **dict.fromkeys(("pair_distances", "pair_distances_gradient"), "distances"),
    **dict.fromkeys(("columns", "columns_added"), "columns"),
    **dict.fromkeys(("grid_sample", "grid_sample_grid", "grid_sample_input"), "sampling"),
    **dict.fromkeys(("resample",), "sampling"),
    **dict.fromkeys(("softmax", "softmax_gradient"), "classes"),
    **dict.fromkeys(("log_softmax", "log_softmax_gradient"), "classes"),
    **dict.fromkeys(("cross_entropy", "cross_entropy_gradient"), "classes"),
    **dict.fromkeys(("multi_margin", "multilabel_margin"), "margins"),
    **dict.fromkeys(("ctc_paths", "ctc_shares"), "sequences"),
}  # the others stand in `pointwise`

_loaded: dict[str, Callable[..., Any] | None] = {}


def kernel(name: str) -> Callable[..., Any] | None:
    """The kernel of a name; `None` where there is no Numba or it is switched off."""
    if not enabled:
        return None
    try:
        return _loaded[name]
    except KeyError:
        pass
    module = f"{__name__}.{MODULES.get(name, 'pointwise')}"
    try:
        with warnings.catch_warnings():  # what Numba has to say of its own imports
            warnings.simplefilter("ignore")
            found = getattr(importlib.import_module(module), name)
    except ModuleNotFoundError as error:
        found = None
        if error.name != "numba":
            failures[name] = error
    except Exception as error:  # an old Numba says that this NumPy is too new, for example
        found, failures[name] = None, error
    _loaded[name] = found
    return found


def compiled(name: str, *given: Any) -> Any:
    """What a kernel makes of arrays and settings; `None` where it is not there or not for them."""
    run = kernel(name)
    if run is None:
        return None
    try:
        return run(*given)
    except MemoryError:
        raise
    except Exception as error:
        _loaded[name], failures[name] = None, error
        return None


def _large(name: str, portable: Callable[..., Any], x: Array, self: Any, *given: Any) -> Any:
    """An extra of an array that is worth a kernel."""
    found = compiled(name, *given) if type(x) is np.ndarray else None
    return portable(self, *given) if found is None else found


def _method(name: str, portable: Callable[..., Any], work: str = "size") -> Callable[..., Any]:
    """An extra that asks for a kernel where its array is large, and else costs one comparison.

    `work` says how large an array is: by an expression of its attributes.
    """
    code = portable.__code__
    names = code.co_varnames[1 : code.co_argcount]
    x, given = next(n for n in ("x", "out", "g") if n in names), ", ".join(names)
    plain, other = f"portable(self, {given})", f"_large(name, portable, {x}, self, {given})"
    source = f"lambda self, {given}: {plain} if {x}.{work} < LARGE else {other}"
    made: Callable[..., Any] = eval(f"lambda name, portable: {source}", globals())(name, portable)
    return made


class Compiled(Namespace):
    """The extras of `xpgrad.fused`, `losses`, `pieces`, `sampled`, `sequences`; the sigmoid."""

    def hardtanh(self, x: Array, low: float, high: float) -> Array:
        return x.clip(low, high)  # as fast as any kernel


for _name, _portable in (
    *vars(Fused).items(),
    *vars(Pieces).items(),
    *vars(Sampled).items(),
    ("cross_entropy", numpy_losses.cross_entropy),
    ("cross_entropy_gradient", numpy_losses.cross_entropy_gradient),
    ("sigmoid", Namespace.sigmoid),
):
    if not _name.startswith("_") and _name not in vars(Compiled):
        setattr(Compiled, _name, _method(_name, _portable))
for _name in ("multi_margin", "multilabel_margin"):  # of which each step is many operations
    setattr(Compiled, _name, _method(_name, vars(Losses)[_name], "size * 8"))
for _name, _portable in vars(Sequences).items():
    if not _name.startswith("_"):  # each step is many operations, however few elements it has
        setattr(Compiled, _name, _method(_name, _portable, "shape[0] * 512"))
for _name, _portable, _work in (
    ("box_maxima", Boxed.box_maxima, "size * 16"),
    ("row_distances", Distant.row_distances, "size * y.shape[-2]"),
    ("row_distances_gradient", Distant.row_distances_gradient, "size * y.shape[-2]"),
    ("pair_distances", Distant.pair_distances, "size * 32"),
    ("pair_distances_gradient", Distant.pair_distances_gradient, "size * 32"),
):
    setattr(Compiled, _name, _method(_name, _portable, _work))
