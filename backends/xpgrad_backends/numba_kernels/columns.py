"""The windows of images side by side, and added up again where they came from."""

from __future__ import annotations

from typing import Any

import numpy as np

from xpgrad_backends.numba_kernels.jit import EXACT, alike, flat, kernel

Array = Any


@kernel(EXACT, inner=True)
def eight_copied(x, at, out, to):
    """Eight numbers of every other one."""
    a, b, c = x[at], x[at + np.uintp(2)], x[at + np.uintp(4)]
    d, e, f = x[at + np.uintp(6)], x[at + np.uintp(8)], x[at + np.uintp(10)]
    g, h = x[at + np.uintp(12)], x[at + np.uintp(14)]
    out[to], out[to + np.uintp(1)], out[to + np.uintp(2)] = a, b, c
    out[to + np.uintp(3)], out[to + np.uintp(4)], out[to + np.uintp(5)] = d, e, f
    out[to + np.uintp(6)], out[to + np.uintp(7)] = g, h


@kernel(EXACT, inner=True)
def run_copied(x, at, step, out, to, n):
    """So many numbers of every so many."""
    at, to, n = np.uintp(at), np.uintp(to), np.uintp(n)
    if step == 1:
        for k in range(n):
            out[to + k] = x[at + k]
    elif step == 2 and n >= 8:  # eight are read and then written: these need not wait
        for k in range(np.uintp(0), n - np.uintp(7), np.uintp(8)):
            eight_copied(x, at + np.uintp(2) * k, out, to + k)
        k = n - np.uintp(8)  # some of them once more
        eight_copied(x, at + np.uintp(2) * k, out, to + k)
    else:
        for k in range(n):
            out[to + k] = x[at + k * np.uintp(step)]


@kernel(EXACT, inner=True)
def run_added(x, at, out, to, step, n):
    """So many numbers to every so many."""
    at, to, n = np.uintp(at), np.uintp(to), np.uintp(n)
    if step == 1:
        for k in range(n):
            out[to + k] += x[at + k]
    else:
        for k in range(n):
            out[to + k * np.uintp(step)] += x[at + k]


@kernel(EXACT, inner=True)
def zeros(out, to, n):
    for k in range(np.uintp(to), np.uintp(to + n)):
        out[k] = 0


@kernel(EXACT, inner=True)
def within(first, last, n, stride, at):
    """Which windows of some have an element `at` (if negative, in the padding) that there is."""
    low = max(first, -(at // stride) if at < 0 else 0)
    return min(low, last), max(min(low, last), min(last, (n - 1 - at) // stride + 1))


@kernel(EXACT, inner=True)
def edges(out, to, lines, n, shift):
    """Zeros where a run of lines, moved along them, has elements of the line before or behind."""
    low, high = (n - shift, n) if shift > 0 else (0, -shift)
    for k in range(lines):
        for i in range(np.uintp(to + k * n + low), np.uintp(to + k * n + high)):
            out[i] = 0


@kernel(EXACT)
def side_by_side(x, out, images, channels, inputs, taps, first, last, stride, padding, dilation):
    """Rows of a tap of a channel each, with what all windows have there."""
    (d, h, w), (d0, h0, w0), (d1, h1, w1) = inputs, first, last
    n, to, step = w1 - w0, 0, stride[2]
    runs = n == w and stride[1] == step == 1
    for c in range(channels):
        for i, j, k in np.ndindex(taps):
            z0, y0 = i * dilation[0] - padding[0], j * dilation[1] - padding[1]
            x0 = k * dilation[2] - padding[2]
            top, bottom = within(h0, h1, h, stride[1], y0)
            left, right = within(w0, w1, w, step, x0)
            for image in range(images):
                for z in range(z0 + d0 * stride[0], z0 + d1 * stride[0], stride[0]):
                    if z < 0 or z >= d or left == right:
                        zeros(out, to, (h1 - h0) * n)
                        to += (h1 - h0) * n
                        continue
                    start = ((image * channels + c) * d + z) * h * w + y0 * w + x0 + left * step
                    zeros(out, to, (top - h0) * n)
                    to += (top - h0) * n
                    if runs:  # a line behind the other, but for the edges
                        length = (bottom - top) * n - left - (n - right)
                        run_copied(x, start + top * w, 1, out, to + left, length)
                        edges(out, to, bottom - top, n, x0)
                        to += (bottom - top) * n
                    else:
                        for y in range(top, bottom):
                            zeros(out, to, left - w0)
                            at = start + y * stride[1] * w
                            run_copied(x, at, step, out, to + left - w0, right - left)
                            zeros(out, to + right - w0, w1 - right)
                            to += n
                    zeros(out, to, (h1 - bottom) * n)
                    to += (h1 - bottom) * n


@kernel(EXACT)
def laid_over(
    x, out, groups, images, channels, inputs, taps, first, last, stride, padding, dilation
):
    """The adjoint: rows of a channel of a tap of a group each are added to images.

    What is added to no image may become zero.
    """
    (d, h, w), (d0, h0, w0), (d1, h1, w1) = inputs, first, last
    n, step = w1 - w0, stride[2]
    runs = n == w and stride[1] == step == 1
    line, of_group = (d1 - d0) * (h1 - h0) * n * images, channels // groups
    for c in range(channels):
        row = c // of_group * of_group * taps[0] * taps[1] * taps[2] + c % of_group
        for i, j, k in np.ndindex(taps):
            at = row * line
            row += of_group
            z0, y0 = i * dilation[0] - padding[0], j * dilation[1] - padding[1]
            x0 = k * dilation[2] - padding[2]
            top, bottom = within(h0, h1, h, stride[1], y0)
            left, right = within(w0, w1, w, step, x0)
            for image in range(images):
                for z in range(z0 + d0 * stride[0], z0 + d1 * stride[0], stride[0]):
                    if z < 0 or z >= d or left == right:
                        at += (h1 - h0) * n
                        continue
                    start = ((image * channels + c) * d + z) * h * w + y0 * w + x0 + left * step
                    at += (top - h0) * n
                    if runs:
                        edges(x, at, bottom - top, n, x0)
                        length = (bottom - top) * n - left - (n - right)
                        run_added(x, at + left, out, start + top * w, 1, length)
                        at += (bottom - top) * n
                    else:
                        for y in range(top, bottom):
                            to = start + y * stride[1] * w
                            run_added(x, at + left - w0, out, to, step, right - left)
                            at += n
                    at += (h1 - bottom) * n


# ------------------------------------------------------------------ what the namespace calls


def geometry(plan: Any, images: int, a: int, b: int) -> tuple[Any, ...]:
    """Numbers of a block of a plan whose columns are some lines of images; in three dimensions."""
    of_plan, line, behind = plan.remembered(fixed)
    first = three((a // line, *(0,) * len(behind)), 0)
    return (images, *of_plan[:3], first, three((b // line, *behind), 1), *of_plan[3:])


def fixed(plan: Any) -> tuple[Any, ...]:
    """What does not change from one block of a plan to the next: see `geometry`."""
    numbers = (
        plan.channels, three(plan.inputs, 1), three(plan.kernel, 1),
        three(plan.stride, 1), three(plan.padding, 0), three(plan.dilation, 1),
    )  # fmt: skip
    return numbers, plan.places // plan.outputs[0], plan.outputs[1:]


def three(lengths: tuple[int, ...], others: int) -> tuple[int, ...]:
    """Lengths in three dimensions of space."""
    return (*(others,) * (3 - len(lengths)), *lengths)


def columns(plan: Any, x: Array, a: int, b: int, out: Array) -> Array | None:
    """Fill a matrix with windows: rows are (channel, *kernel), columns (image, place)."""
    if not alike(x, out):
        return None
    side_by_side(flat(x), out.reshape(-1), *geometry(plan, x.shape[0], a, b))
    return out


def columns_added(plan: Any, found: Array, a: int, b: int, out: Array) -> Array | None:
    """Add rows (group, *kernel, channel) to images; columns are (image, place)."""
    if not alike(found, out) or not out.flags.carray:
        return None
    laid_over(flat(found), out.reshape(-1), len(found), *geometry(plan, out.shape[0], a, b))
    return out
