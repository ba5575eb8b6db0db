"""Rows of op_table.py: ops of space (convolution, pooling, resampling) and attention."""

import functools
import itertools
import math

import numpy as np

from op_table import COMPLEX, FLOATS, HALF, INTS, Error, Row, S
from xpgrad.boxes import Boxes
from xpgrad.windowed import Taps

SPATIAL: list[Row] = []

# ------------------------------------------------------------------ convolution


def _terms(x, w, g, stride, padding, dilation, groups, add):
    """Call ``add(rows, columns, o, k, i)`` for each product that a convolution is a sum of."""
    inputs, (f, c, *kernel), outputs = x[2:], w, g[2:]
    for o in np.ndindex(*outputs):
        for k in np.ndindex(*kernel):
            at = zip(o, stride, padding, k, dilation, strict=True)
            i = tuple(a * s - p + b * d for a, s, p, b, d in at)
            if all(0 <= a < m for a, m in zip(i, inputs, strict=True)):
                for group in range(groups):
                    rows = slice(group * (f // groups), (group + 1) * (f // groups))
                    columns = slice(group * c, (group + 1) * c)
                    add(rows, columns, o, k, i)


def _convolution(x, w, bias, size, stride, padding, dilation, groups):
    out = np.zeros((x.shape[0], w.shape[0], *size), x.dtype)

    def add(rows, columns, o, k, i):
        out[:, rows, *o] += x[:, columns, *i] @ w[rows, :, *k].T

    _terms(x.shape, w.shape, out.shape, stride, padding, dilation, groups, add)
    return out if bias is None else out + bias.reshape(-1, *(1,) * len(size))


def _convolution_input(g, w, bias, size, stride, padding, dilation, groups):
    out = np.zeros((g.shape[0], w.shape[1] * groups, *size), g.dtype)

    def add(rows, columns, o, k, i):
        out[:, columns, *i] += g[:, rows, *o] @ w[rows, :, *k]

    _terms(out.shape, w.shape, g.shape, stride, padding, dilation, groups, add)
    return out if bias is None else out + bias.reshape(-1, *(1,) * len(size))


def _convolution_weight(x, g, size, stride, padding, dilation, groups):
    out = np.zeros((g.shape[1], x.shape[1] // groups, *size), x.dtype)

    def add(rows, columns, o, k, i):
        out[rows, :, *k] += g[:, rows, *o].T @ x[:, columns, *i]

    _terms(x.shape, out.shape, g.shape, stride, padding, dilation, groups, add)
    return out


def _how(space, outputs, stride=1, padding=0, dilation=1, groups=1):
    """The settings of a convolution with its outputs."""
    return {"size": outputs, "stride": (stride,) * space, "padding": (padding,) * space,
            "dilation": (dilation,) * space, "groups": groups}  # fmt: skip


# Inputs, kernel, outputs, how: each is a convolution and its two adjoints.
_CONVOLUTIONS = [
    ((2, 3, 5), (2, 3, 2), (2, 2, 4), {}),
    ((1, 2, 5), (2, 2, 3), (1, 2, 3), {"stride": 2, "padding": 1}),
    ((2, 2, 4, 3), (3, 2, 2, 2), (2, 3, 3, 2), {}),
    ((1, 2, 5, 4), (2, 2, 3, 2), (1, 2, 2, 2), {"stride": 2, "padding": 1, "dilation": 1}),
    ((1, 2, 5, 4), (2, 2, 2, 2), (1, 2, 5, 4), {"padding": 1, "dilation": 2}),
    ((2, 4, 3, 3), (2, 2, 2, 2), (2, 2, 2, 2), {"groups": 2}),
    ((2, 2, 3, 3), (4, 1, 2, 2), (2, 4, 4, 4), {"groups": 2, "padding": 1}),
    ((1, 2, 5, 3), (2, 1, 2, 1), (1, 2, 2, 2), {"groups": 2, "stride": 2}),
    ((2, 3, 3, 2), (2, 3, 1, 1), (2, 2, 3, 2), {}),
    ((2, 2, 4, 3), (2, 2, 1, 1), (2, 2, 2, 2), {"stride": 2}),
    ((1, 1, 3, 2, 3), (2, 1, 2, 1, 2), (1, 2, 2, 2, 2), {}),
    ((0, 2, 3, 3), (2, 2, 2, 2), (0, 2, 2, 2), {}),
]
_EXACT = {"dtypes": FLOATS + COMPLEX, "tolerance": 4}
_CLASH = Error(S((1, 2, 4), (1, 3, 2), None, **_how(1, (3,))), RuntimeError, "convolution")

SPATIAL += [
    Row("convolution", _convolution,
        [S(x, w, (w[0],) if i % 2 else None, **_how(len(x) - 2, g[2:], **how))
         for i, (x, w, g, how) in enumerate(_CONVOLUTIONS)], errors=[_CLASH], **_EXACT),
    Row("convolution_input", _convolution_input,
        [S(g, w, (x[1],) if i % 2 else None, **_how(len(x) - 2, x[2:], **how))
         for i, (x, w, g, how) in enumerate(_CONVOLUTIONS)], **_EXACT),
    Row("convolution_weight", _convolution_weight,
        [S(x, g, **_how(len(x) - 2, w[2:], **how)) for x, w, g, how in _CONVOLUTIONS], **_EXACT),
    *(Row(name, reference, [S(x, w, None, **_how(2, (2, 2)))], dtypes=HALF, differentiable=False)
      for name, reference, x, w in (
          ("convolution", _convolution, (2, 2, 3, 3), (2, 2, 2, 2)),)),
]  # fmt: skip

# ------------------------------------------------------------------ pooling


def _windows(x, axis, size, stride, padding, dilation, count):
    """The elements of each window, and which of them they are: nan and -1 for what is not there."""
    x = np.moveaxis(x, axis, -1)
    out = np.full((*x.shape[:-1], count, size), np.nan)
    for o in range(count):
        for k in range(size):
            i = o * stride - padding + k * dilation
            if 0 <= i < x.shape[-1]:
                out[..., o, k] = x[..., i]
    return out


def _sum_pool(x, axis, size, stride, count, padding=0, dilation=1):
    found = np.nansum(_windows(x, axis, size, stride, padding, dilation, count), axis=-1)
    return np.moveaxis(found, -1, axis).astype(x.dtype)


def _max_pool(x, axis, size, stride, count, padding=0, dilation=1):
    found = _windows(x, axis, size, stride, padding, dilation, count)
    found = np.where(np.isnan(found), -np.inf, found)
    best, code = found.max(axis=-1, initial=-np.inf), found.argmax(axis=-1) if size else None
    kind = np.uint8 if size <= 255 else np.int32
    return np.moveaxis(best, -1, axis).astype(x.dtype), np.moveaxis(code, -1, axis).astype(kind)


def _max_places(places, code, axis, size, stride, count, unit, padding=0, dilation=1):
    out = np.zeros(code.shape, np.int64)
    for at in np.ndindex(*code.shape):
        i = at[axis] * stride - padding + int(code[at]) * dilation
        out[at] = i * unit
        if places is not None:
            out[at] += places[(*at[:axis], i, *at[axis + 1 :])]
    return out


def _box_max(x, axis, boxes):
    lead = x.shape[:axis]
    flat = x.reshape(math.prod(lead), *boxes.inputs)
    best = np.zeros((len(flat), *boxes.sizes), x.dtype)
    places = np.zeros(best.shape, np.int64)
    numbers = np.arange(math.prod(boxes.inputs)).reshape(boxes.inputs)
    for n, *at in np.ndindex(*best.shape):
        box = tuple(slice(i * a // m, math.ceil((i + 1) * a / m)) for i, a, m in
                    zip(at, boxes.inputs, boxes.sizes, strict=True))  # fmt: skip
        values = flat[n][box].reshape(-1)
        nan = np.flatnonzero(np.isnan(values))
        k = nan[-1] if len(nan) else np.argmax(values)
        best[(n, *at)], places[(n, *at)] = values[k], numbers[box].reshape(-1)[k]
    return best.reshape(*lead, *boxes.sizes), places.reshape(*lead, *boxes.sizes)


_NANS = np.array([[1, np.nan, 3, 3], [np.nan, 5, 5, 2], [-np.inf] * 4, [7, 7, np.inf, 7]])
_BOXES = [
    S((6,), axis=0, boxes=Boxes((6,), (4,))),
    S((2, 3, 5, 7), axis=2, boxes=Boxes((5, 7), (3, 3))),
    S((2, 4, 6), axis=1, boxes=Boxes((4, 6), (2, 3))),
    S((4, 30), axis=0, boxes=Boxes((4, 30), (1, 1))),
    S((2, 3, 20), axis=1, boxes=Boxes((3, 20), (3, 3))),
    S((2, 3, 4, 5), axis=1, boxes=Boxes((3, 4, 5), (2, 3, 1))),
    S((0, 4), axis=1, boxes=Boxes((4,), (3,))),
    S((2, 4), axis=1, boxes=Boxes((4,), (0,))),
]

_POOLS = [
    S((6,), axis=0, size=2, stride=2, count=3),
    S((2, 7), axis=1, size=3, stride=2, count=3),
    S((5, 2), axis=0, size=2, stride=1, count=4),
    S((2, 5, 2), axis=1, size=3, stride=2, padding=1, count=3),
    S((2, 6), axis=1, size=2, stride=2, dilation=2, count=2),
    S((6,), axis=0, size=3, stride=4, padding=1, count=2),
    S((4,), axis=0, size=3, stride=2, padding=1, count=3),
    S((3,), axis=0, size=1, stride=1, count=3),
    S((3,), axis=0, size=1, stride=2, count=2),
    S((0, 4), axis=1, size=2, stride=2, count=2),
    S((5,), axis=0, size=2, stride=3, count=2),
]
_CODES = np.array([[0, 1, 2], [2, 0, 1]], np.uint8)

SPATIAL += [
    Row("sum_pool", _sum_pool, _POOLS, dtypes=FLOATS + HALF),
    Row("max_pool", _max_pool, _POOLS, dtypes=FLOATS + HALF),
    Row("max_pool", _max_pool, _POOLS, dtypes=INTS, differentiable=False),
    Row("max_pool", _max_pool, [S((2, 300), axis=1, size=300, stride=1, count=1)],
        dtypes=("float32",), differentiable=False),
    Row("box_max", _box_max, _BOXES, dtypes=FLOATS + HALF),
    Row("box_max", _box_max,
        [S(_NANS, axis=0, boxes=Boxes((4, 4), sizes)) for sizes in ((1, 1), (2, 2), (3, 3))],
        dtypes=FLOATS, differentiable=False),
    Row("max_places", _max_places,
        [S(None, _CODES, axis=1, size=3, stride=2, count=3, unit=1),
         S(np.arange(14).reshape(2, 7), _CODES, axis=1, size=3, stride=2, count=3, unit=10),
         S(np.arange(20).reshape(2, 10), _CODES, axis=1, size=3, stride=2, padding=0, dilation=2,
           count=3, unit=10)],
        dtypes=("float32",), differentiable=False),
]  # fmt: skip

# ------------------------------------------------------------------ resampling


def _resample(x, axis, taps):
    matrix = np.zeros((taps.count, taps.length))
    for row, elements, weights in zip(matrix, taps.elements, taps.weights, strict=True):
        np.add.at(row, elements, weights)
    out = np.tensordot(x, matrix, axes=(axis, 1))
    return np.moveaxis(out, -1, axis).astype(x.dtype)


_TABLES = [
    Taps([[0, 1], [2, 2], [4, 3]], 5, [[0.5, 0.5], [1.0, 0.0], [0.25, -0.5]]),
    Taps([3, 0, 0, 2], 5),
    Taps([0, 2, 4], 5),
    Taps([[0, 1, 2]], 5, [[1.0, 1.0, 0.0]]),
    Taps([1], 5),
    Taps(np.zeros((0, 1), int), 5),
]

SPATIAL += [
    Row("resample", _resample,
        [S((5,), axis=0, taps=t) for t in _TABLES]
        + [S((2, 5, 3), axis=1, taps=t) for t in _TABLES] + [S((0, 5), axis=1, taps=_TABLES[0])],
        dtypes=FLOATS + HALF + COMPLEX),
]  # fmt: skip


def _pad(x, widths, value=0):
    keep = tuple(slice(max(-a, 0), n - max(-b, 0)) for n, (a, b) in
                 zip(x.shape, widths, strict=True))  # fmt: skip
    if not x.ndim:
        return x
    return np.pad(x[keep], [(max(a, 0), max(b, 0)) for a, b in widths], constant_values=value)


SPATIAL += [
    Row("pad", _pad,
        [S((3,), widths=((1, 2),)), S((2, 3), widths=((0, 1), (-1, 2)), value=2),
         S((4,), widths=((-1, -2),)), S((2, 3), widths=((0, 0), (0, 0))),
         S((0, 2), widths=((1, 0), (0, 1)), value=1), S((2,), widths=((-2, 1),)), S((), widths=())],
        dtypes=FLOATS + HALF + COMPLEX + INTS),
]  # fmt: skip

# ------------------------------------------------------------------ at the places of a grid


def _of_line(at, n, how):
    """What a place takes of a dimension: pairs of a position (`None` if outside) and a weight."""
    mode, padding, align = how
    at = (at + 1) / 2 * (n - 1) if align else ((at + 1) * n - 1) / 2

    def brought(at):
        if padding == "reflection":
            low, high = (0.0, n - 1.0) if align else (-0.5, n - 0.5)
            while not low <= at <= high:
                at = 2 * low - at if at < low else 2 * high - at
        return at if padding == "zeros" else min(max(at, 0.0), n - 1.0)

    low = math.floor(at if mode == "bicubic" else brought(at))
    if mode == "bicubic":
        t, a = at - low, -0.75
        near = [((a + 2) * s - (a + 3)) * s * s + 1 for s in (t, 1 - t)]
        far = [a * (((s - 5) * s + 8) * s - 4) for s in (t + 1, 2 - t)]
        pairs = [(brought(low - 1 + i), w)
                 for i, w in enumerate((far[0], near[0], near[1], far[1]))]  # fmt: skip
    elif mode == "bilinear":
        share = brought(at) - low
        pairs = [(low, 1 - share), (low + 1, share)]
    else:
        pairs = [(round(brought(at)), 1.0)]
    pairs = [(int(i), w) for i, w in pairs]
    if padding != "zeros":
        return [(min(max(i, 0), n - 1), w) for i, w in pairs]
    return [(i if 0 <= i < n else None, w) for i, w in pairs]


def _grid_sample(x, grid, how):
    out = np.zeros((*x.shape[:2], *grid.shape[1:-1]), x.dtype)
    for n, *place in np.ndindex(*grid.shape[:-1]):
        lines = [_of_line(float(at), size, how)
                 for at, size in zip(grid[n, *place][::-1], x.shape[2:], strict=True)]  # fmt: skip
        for pairs in itertools.product(*lines):
            if None not in [i for i, _ in pairs]:
                part = x[(n, slice(None), *(i for i, _ in pairs))]
                out[n, :, *place] += part * math.prod(w for _, w in pairs)
    return out


def _grid(*shape):
    """Places that are near no element, nor halfway between two, nor near an edge."""
    found = np.random.default_rng(len(shape)).uniform(-1.6, 1.6, shape)
    for n in (3, 4, 5):
        for scale, shift in (((n - 1) / 2, (n - 1) / 2), (n / 2, (n - 1) / 2)):
            at = 2 * (found * scale + shift)
            found += np.where(np.abs(at - np.round(at)) < 0.05, 0.11 / n, 0)
    return found


def _ways(*modes):
    return itertools.product(modes, ("zeros", "border", "reflection"), (False, True))


SPATIAL += [
    Row("grid_sample", _grid_sample,
        [S((2, 3, 4, 5), _grid(2, 3, 2, 2), how=how) for how in _ways("bilinear", "bicubic")]
        + [S((1, 2, 3, 4, 5), _grid(1, 2, 2, 1, 3), how=how) for how in _ways("bilinear")],
        tolerance=10),
    Row("grid_sample", _grid_sample,
        [S((1, 2, 4, 5), _grid(1, 3, 2, 2), how=how) for how in _ways("nearest")]
        + [S((1, 2, 1, 1), _grid(1, 3, 2, 2), how=how) for how in _ways("bilinear", "nearest")],
        differentiable=False),
]  # fmt: skip

# ------------------------------------------------------------------ windows as columns


def _positions(size, kernel, stride, padding, dilation):
    """For each column and row of a window: where in the image it is, or None."""
    along = zip(size, kernel, stride, padding, dilation, strict=True)
    count = [(n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in along]
    for column, o in enumerate(np.ndindex(*count)):
        for row, k in enumerate(np.ndindex(*kernel)):
            i = tuple(a * s - p + b * d for a, s, p, b, d in
                      zip(o, stride, padding, k, dilation, strict=True))  # fmt: skip
            if all(0 <= a < n for a, n in zip(i, size, strict=True)):
                yield column, row, i, math.prod(count)


def _im2col(x, **how):
    n, c, *size = x.shape
    taps = math.prod(how["kernel"])
    columns = max(count for *_, count in _positions(size, **how))
    out = np.zeros((n, c, taps, columns), x.dtype)
    for column, row, i, _ in _positions(size, **how):
        out[:, :, row, column] = x[:, :, *i]
    return out.reshape(n, c * taps, columns)


def _col2im(x, size, **how):
    n, rows, columns = x.shape
    taps = math.prod(how["kernel"])
    x, out = x.reshape(n, rows // taps, taps, columns), np.zeros((n, rows // taps, *size), x.dtype)
    for column, row, i, _ in _positions(size, **how):
        out[:, :, *i] += x[:, :, row, column]
    return out


def _blocks(kernel=(2, 2), stride=(1, 1), padding=(0, 0), dilation=(1, 1)):
    return {"kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation}


SPATIAL += [
    Row("im2col", _im2col,
        [S((2, 3, 3, 4), **_blocks()), S((1, 2, 5, 4), **_blocks((3, 2), (2, 1), (1, 1))),
         S((1, 1, 5, 4), **_blocks(dilation=(2, 1))), S((0, 1, 2, 2), **_blocks())],
        dtypes=FLOATS + COMPLEX),
    Row("col2im", _col2im,
        [S((2, 12, 6), size=(3, 4), **_blocks()),
         S((1, 12, 15), size=(5, 4), **_blocks((3, 2), (2, 1), (1, 1))),
         S((1, 4, 9), size=(5, 4), **_blocks(dilation=(2, 1))),
         S((1, 4, 4), size=(5, 4), **_blocks(stride=(2, 2)))],
        dtypes=FLOATS + COMPLEX),
]  # fmt: skip

# ------------------------------------------------------------------ attention


def _attention(q, k, v, bias, keep, scale, causal=False):
    scores = (q * q.dtype.type(scale)) @ k.mT
    if causal:
        scores = np.where(np.tril(np.ones(scores.shape[-2:], bool)), scores, -np.inf)
    if bias is not None:
        scores = scores + bias
    top = np.max(scores, axis=-1, keepdims=True, initial=-np.inf)
    e = np.exp(scores - np.where(np.isfinite(top), top, 0))
    total = e.sum(axis=-1, keepdims=True)
    weights = (e / np.where(total == 0, 1, total)).astype(q.dtype)
    return (weights if keep is None else weights * keep) @ v, weights


_KEEP = np.array([[2.0, 0.0, 2.0], [0.0, 2.0, 2.0]])
_SOME = functools.partial(S, scale=0.7)

SPATIAL += [
    Row("attention", _attention,
        [_SOME((2, 4), (3, 4), (3, 5), None, None), _SOME((2, 4), (3, 4), (3, 5), (2, 3), None),
         _SOME((2, 2, 4), (2, 3, 4), (2, 3, 5), (3,), None),
         _SOME((2, 2, 4), (1, 3, 4), (3, 5), None, _KEEP),
         _SOME((2, 2, 4), (2, 2, 4), (2, 2, 3), None, None, causal=True),
         _SOME((0, 4), (3, 4), (3, 5), None, None)],
        constants=(4,), tolerance=4),
    Row("attention", _attention,
        [_SOME((2, 4), (3, 4), (3, 5), np.array([[-np.inf] * 3, [0.0, -np.inf, 1.0]]), None)],
        constants=(3,), differentiable=False, tolerance=4),
]  # fmt: skip
