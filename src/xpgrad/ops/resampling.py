"""Reading axes at other places than they have, putting something around arrays, windows in rows.

See `windowed.Taps` for what resampling is.
"""

from __future__ import annotations

import math

from xpgrad.op import named, op
from xpgrad.windowed import Ints, Steps

# ------------------------------------------------------------------ resampling


@op(linear=True, x=lambda g, axis, taps, xp: xp.resample(g, axis, taps.transposed))
def resample(xp, x, /, *, axis, taps):
    """Sums of a few elements of an axis for each place of a table."""
    return xp.ordered(xp.resample(x, axis, taps))


# ------------------------------------------------------------------ constants around


def framed(x, widths, value, xp):
    """An array with so many elements more before and behind in each dimension (or fewer)."""
    inner = tuple(
        slice(max(-low, 0), n - max(-high, 0))
        for n, (low, high) in zip(x.shape, widths, strict=True)
    )
    part = xp.getitem(x, inner)
    if all(low <= 0 and high <= 0 for low, high in widths):
        return xp.copy(part)
    shape = tuple(n + low + high for n, (low, high) in zip(x.shape, widths, strict=True))
    if 0 in part.shape:
        return xp.full(shape, value, dtype=x.dtype)
    there = tuple(
        slice(max(low, 0), n - max(high, 0)) for n, (low, high) in zip(shape, widths, strict=True)
    )
    out = xp.full(shape, value, dtype=x.dtype) if value else xp.zeros(shape, dtype=x.dtype)
    return xp.assign(out, there, part)


def pad_rule(g, widths, xp):
    return framed(g, tuple((-low, -high) for low, high in widths), 0, xp)


@op(node="ConstantPadNd", x=pad_rule)
def pad(xp, x, /, *, widths, value=0):
    """`x` with so many elements of one value before and behind in each dimension (or fewer)."""
    return framed(x, widths, value, xp)


# ------------------------------------------------------------------ windows in rows


def blocks_rule(g, like, kernel, stride, padding, dilation, xp):
    size = tuple(like.shape[2:])
    return laid_over(g, size, kernel, stride, padding, dilation, xp)


def counts(
    size: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints
) -> tuple[int, ...]:
    """How many windows there are in each dimension."""
    return tuple(
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, k, s, p, d in zip(size, kernel, stride, padding, dilation, strict=True)
    )


def laid_over(x, size, kernel, stride, padding, dilation, xp):
    """Windows laid over each other where they came from."""
    outputs = counts(size, kernel, stride, padding, dilation)
    n, taps = x.shape[0], math.prod(kernel)
    c = x.shape[1] // taps
    steps = Steps(kernel, outputs, stride, dilation)
    reach = [max(r, p + m) for r, p, m in zip(steps.reach(), padding, size, strict=True)]
    out = xp.zeros((n, c, *reach), dtype=x.dtype)
    x = xp.reshape(x, (n, c, taps, *outputs))
    for tap, (_, index) in enumerate(steps):
        part = xp.getitem(x, (slice(None), slice(None), tap))
        out = xp.assign(out, index, xp.getitem(out, index) + part)
    inner = (slice(p, p + m) for p, m in zip(padding, size, strict=True))
    return xp.copy(xp.getitem(out, (slice(None), slice(None), *inner)))


@op(node="Im2Col", linear=True, x=blocks_rule)
def im2col(xp, x, /, *, kernel, stride, padding, dilation):
    """The windows of (N, C, *space) as columns: (N, C * kernel, windows)."""
    size = tuple(x.shape[2:])
    outputs = counts(size, kernel, stride, padding, dilation)
    n, c = x.shape[:2]
    steps = Steps(kernel, outputs, stride, dilation)
    frame = tuple(
        (p, max(r - p - m, 0)) for p, r, m in zip(padding, steps.reach(), size, strict=True)
    )
    if any(low or high for low, high in frame):
        x = framed(x, ((0, 0), (0, 0), *frame), 0, xp)
    parts = [xp.getitem(x, index) for _, index in steps]
    return xp.reshape(xp.stack(parts, axis=2), (n, c * len(parts), math.prod(outputs)))


def columns_rule(g, kernel, stride, padding, dilation, xp):
    return im2col.op.forward(xp, g, kernel=kernel, stride=stride, padding=padding,
                             dilation=dilation)  # fmt: skip


@op(node="Col2Im", linear=True, x=columns_rule)
def col2im(xp, x, /, *, size, kernel, stride, padding, dilation):
    """Columns (N, C * kernel, windows) added up where windows of (N, C, *size) are."""
    return laid_over(x, size, kernel, stride, padding, dilation, xp)


# ------------------------------------------------------------------ as PyTorch names them


def _by_rank(pattern):
    return {n: named(resample, pattern.format(n) + "Backward0", tied="x") for n in (1, 2, 3)}


REFLECTED, REPLICATED = _by_rank("ReflectionPad{}D"), _by_rank("ReplicationPad{}D")
AVERAGED = _by_rank("AdaptiveAvgPool{}D") | {1: named(resample, "SqueezeBackward1", tied="x")}
UPSAMPLED = {
    mode: named(resample, f"Upsample{name}Backward0")
    for mode, name in (
        ("nearest1", "Nearest1D"), ("nearest2", "Nearest2D"), ("nearest3", "Nearest3D"),
        ("nearest-exact1", "NearestExact1D"), ("nearest-exact2", "NearestExact2D"),
        ("nearest-exact3", "NearestExact3D"), ("linear1", "Linear1D"), ("bilinear2", "Bilinear2D"),
        ("bicubic2", "Bicubic2D"), ("trilinear3", "Trilinear3D"),
        ("bilinear2aa", "Bilinear2DAa"), ("bicubic2aa", "Bicubic2DAa"),
    )
}  # fmt: skip
