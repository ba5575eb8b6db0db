"""Rows of op_table.py: ops of space (convolution, pooling, resampling) and attention."""

import numpy as np

from op_table import COMPLEX, FLOATS, HALF, Error, Row, S

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
