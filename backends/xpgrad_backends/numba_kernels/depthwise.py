"""Convolution of images with kernels for each channel alone.

An image is copied into a frame of zeros, in phases: with a stride of 2 those of even and of odd
rows, and so on. Then what a tap takes of it is a piece of one phase, and all taps go over it at
once, so that a number is loaded and multiplied, and nothing stored, until a sum is done. Columns
are not taken apart: it is faster to compute those that nobody asks for, too.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from xpgrad_backends.numba_kernels.jit import SUMS, alike, dense, kernel

Array = Any
Ints = tuple[int, ...]

LONG = 2048  # numbers in a run of lines


@kernel(SUMS, inner=True)
def fill(frame, image, top, left, step):
    """Copy an image into the phases of a frame, so many places from its edges and from each other.

    Indices are unsigned here and below: nobody asks whether they count from the end.
    """
    down, rows, columns = frame.shape
    seen, apart = frame.reshape(-1), np.uintp(step)
    width = np.uintp(max(min(image.shape[1], (columns - left + step - 1) // step), 0))
    for a in range(down):
        y = (a - top) % down if top >= a else a - top
        r = (y + top) // down
        height = min(rows - r, (image.shape[0] - y + down - 1) // down)
        for i in range(height):
            line, at = image[y + i * down], np.uintp((a * rows + r + i) * columns + left)
            if step == 1:
                for k in range(width):
                    seen[at + k] = line[k]
            else:
                for k in range(width):
                    seen[at + k * apart] = line[k]


@kernel(SUMS, inner=True)
def sums(run, frame, begin, at, weight):
    """The sums over taps of what they take of a frame, times weights."""
    length = np.uintp(run.size)
    if at.size == 0:
        run[:] = run.dtype.type(0)
    done = 0
    while done < at.size:
        fresh = done == 0
        if at.size - done >= 9:
            a, w = at[done : done + 9], weight[done : done + 9]
            a0, a1, a2 = a[0] + begin, a[1] + begin, a[2] + begin
            a3, a4, a5 = a[3] + begin, a[4] + begin, a[5] + begin
            a6, a7, a8 = a[6] + begin, a[7] + begin, a[8] + begin
            w0, w1, w2, w3, w4, w5 = w[0], w[1], w[2], w[3], w[4], w[5]
            w6, w7, w8 = w[6], w[7], w[8]
            for j in range(length):
                total = w0 * frame[a0 + j] + w1 * frame[a1 + j] + w2 * frame[a2 + j]
                total += w3 * frame[a3 + j] + w4 * frame[a4 + j] + w5 * frame[a5 + j]
                total += w6 * frame[a6 + j] + w7 * frame[a7 + j] + w8 * frame[a8 + j]
                run[j] = total if fresh else run[j] + total
            done += 9
        elif at.size - done >= 4:
            a, w = at[done : done + 4], weight[done : done + 4]
            a0, a1, a2, a3 = a[0] + begin, a[1] + begin, a[2] + begin, a[3] + begin
            w0, w1, w2, w3 = w[0], w[1], w[2], w[3]
            for j in range(length):
                total = w0 * frame[a0 + j] + w1 * frame[a1 + j]
                total += w2 * frame[a2 + j] + w3 * frame[a3 + j]
                run[j] = total if fresh else run[j] + total
            done += 4
        elif at.size - done >= 2:
            a0, a1, w0, w1 = at[done] + begin, at[done + 1] + begin, weight[done], weight[done + 1]
            for j in range(length):
                total = w0 * frame[a0 + j] + w1 * frame[a1 + j]
                run[j] = total if fresh else run[j] + total
            done += 2
        else:
            a0, w0 = at[done] + begin, weight[done]
            for j in range(length):
                total = w0 * frame[a0 + j]
                run[j] = total if fresh else run[j] + total
            done += 1


@kernel(SUMS, inner=True)
def spread(out, first, down, run, step, columns, height, width, fresh):
    """Write every so many columns of a run to every so many rows of an image, or add them."""
    apart, wide = np.uintp(step), np.uintp(width)
    for i in range(height):
        of, at = np.uintp(i * columns), np.uintp(first + i * down)
        if step == 1 and fresh:
            for k in range(wide):
                out[at + k] = run[of + k]
        elif step == 1:
            for k in range(wide):
                out[at + k] += run[of + k]
        else:
            for k in range(wide):
                out[at + k] = run[of + k * apart]


@kernel(SUMS, inner=True)
def products(run, frame, at, found):
    """Add to each tap's sum the product of a run with what it takes of a frame."""
    length, zero = np.uintp(run.size), run.dtype.type(0)
    done = 0
    while done < at.size:
        if at.size - done >= 9:
            a = at[done : done + 9]
            a0, a1, a2, a3, a4, a5 = a[0], a[1], a[2], a[3], a[4], a[5]
            a6, a7, a8 = a[6], a[7], a[8]
            s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = s8 = zero
            for j in range(length):
                g = run[j]
                s0 += g * frame[a0 + j]
                s1 += g * frame[a1 + j]
                s2 += g * frame[a2 + j]
                s3 += g * frame[a3 + j]
                s4 += g * frame[a4 + j]
                s5 += g * frame[a5 + j]
                s6 += g * frame[a6 + j]
                s7 += g * frame[a7 + j]
                s8 += g * frame[a8 + j]
            part = found[done : done + 9]
            part[0] += s0
            part[1] += s1
            part[2] += s2
            part[3] += s3
            part[4] += s4
            part[5] += s5
            part[6] += s6
            part[7] += s7
            part[8] += s8
            done += 9
        else:
            a0, s0 = at[done], zero
            for j in range(length):
                s0 += run[j] * frame[a0 + j]
            found[done] += s0
            done += 1


@kernel(SUMS)
def convolve(x, w, frame, at, top, left, step, run, out):
    columns, seen = frame.shape[2], frame.reshape(-1)
    height, width = out.shape[3], out.shape[4]
    lines, reach = run.size // columns, (width - 1) * step + 1
    for n in range(x.shape[0]):
        for c in range(x.shape[1]):
            fill(frame, x[n, c], top, left, 1)
            for t in range(w.shape[1]):
                image = out[n, c, t].reshape(-1)
                for i in range(0, height, lines):
                    rows = min(lines, height - i)
                    part = run[: (rows - 1) * columns + reach]
                    sums(part, seen, np.uintp(i * columns), at, w[c, t])
                    spread(image, i * width, width, part, step, columns, rows, width, True)


@kernel(SUMS)
def convolve_input(g, w, frame, at, ends, spans, top, left, first, step, run, out):
    columns, seen = frame.shape[2], frame.reshape(-1)
    lines, width = run.size // columns, out.shape[3]
    for n in range(g.shape[0]):
        for c in range(g.shape[1]):
            image = out[n, c].reshape(-1)
            for t in range(w.shape[1]):
                fill(frame, g[n, c, t], top, left, step)
                for phase in range(spans.shape[0]):
                    y, down, r, height = spans[phase]
                    taps = slice(ends[phase], ends[phase + 1])
                    for i in range(0, height, lines):
                        rows = min(lines, height - i)
                        part = run[: (rows - 1) * columns + width]
                        begin = np.uintp((r + i) * columns + first)
                        sums(part, seen, begin, at[taps], w[c, t, taps])
                        to = (y + i * down) * width
                        spread(image, to, down * width, part, 1, columns, rows, width, t == 0)


@kernel(SUMS)
def convolve_weight(x, g, frame, gapped, at, top, left, step, out):
    seen, apart = frame.reshape(-1), np.uintp(step)
    length = gapped.shape[1] * (g.shape[3] - 1) + (g.shape[4] - 1) * step + 1
    run = gapped.reshape(-1)[:length]
    for n in range(x.shape[0]):
        for c in range(x.shape[1]):
            fill(frame, x[n, c], top, left, 1)
            for t in range(g.shape[2]):
                image = g[n, c, t]
                for i in range(image.shape[0]):
                    line, mine = gapped[i], image[i]
                    if step == 1:
                        for k in range(np.uintp(mine.size)):
                            line[k] = mine[k]
                    else:
                        for k in range(np.uintp(mine.size)):
                            line[k * apart] = mine[k]
                products(run, seen, at, out[c, t])


# ------------------------------------------------------------------ where everything lies


def frame_of(kernel: Ints, outputs: Ints, stride: Ints, dilation: Ints) -> tuple[Ints, Array]:
    """The shape of the phases of an input, and where in them each tap begins."""
    (h, w), down = kernel, stride[0]
    y, x = np.arange(h) * dilation[0], np.arange(w) * dilation[1]
    rows, columns = outputs[0] + y[-1] // down, (outputs[1] - 1) * stride[1] + 1 + x[-1]
    y = (y % down * rows + y // down) * columns
    at = (y[:, None] + x).reshape(-1).astype(np.uintp)
    return (down, int(rows), int(columns)), at


def run_of(frame: Array) -> Array:
    """A place for some lines of a phase, which the cache holds."""
    columns = frame.shape[2]
    return np.empty(max(LONG // columns, 1) * columns, frame.dtype)


def flat_images(settings: tuple[Ints, ...]) -> tuple[Ints, ...] | None:
    """Settings of two dimensions, also of what has one; `None` of what has more."""
    if len(settings[0]) == 1:
        line = (1, 1, 1, 1, 0, 1)  # kernel, outputs, inputs, stride, padding, dilation
        return tuple((a, *s) for a, s in zip(line, settings, strict=True))
    return settings if len(settings[0]) == 2 else None


def settings_of(plan: Any) -> tuple[Ints, ...] | None:
    how = (plan.kernel, plan.outputs, plan.inputs, plan.stride, plan.padding, plan.dilation)
    return flat_images(how)


# ------------------------------------------------------------------ what the namespace calls


def depthwise(plan: Any, x: Array, w: Array) -> Array | None:
    """The convolution."""
    how = settings_of(plan)
    if how is None or not alike(x, w):
        return None
    kernel, outputs, inputs, stride, padding, dilation = how
    n, c = x.shape[:2]
    shape, at = frame_of(kernel, outputs, stride, dilation)
    frame, times = np.zeros(shape, x.dtype), w.shape[0] // c
    out = np.empty((n, w.shape[0], *plan.outputs), x.dtype)
    images, weights = dense(x).reshape(n, c, *inputs), dense(w).reshape(c, times, -1)
    found = out.reshape(n, c, times, *outputs)
    convolve(images, weights, frame, at, *padding, stride[1], run_of(frame), found)
    return out


def rows_of(taps: int, size: int, stride: int, padding: int, dilation: int) -> tuple[Any, ...]:
    """For rows of inputs that get something of those of a result.

    Phase and place of each tap; how many rows are above and below; of each phase the first row of
    the inputs, the steps to the others, the first row of the result, and how many there are.
    """
    at = np.arange(taps) * dilation
    first = [max(-(-(padding - a) // stride), 0) for a in range(stride)]
    count = [max((size - 1 + padding - a) // stride + 1 - f, 0) for a, f in enumerate(first)]
    lines = [
        (f * stride + a - padding, stride, f, m)
        for a, (f, m) in enumerate(zip(first, count, strict=True))
    ]
    rows = (size - 1 + padding) // stride + 1
    return (at % stride, at // stride), int(at[-1] // stride), rows, np.array(lines)


def depthwise_input(plan: Any, g: Array, w: Array) -> Array | None:
    """What goes to the inputs."""
    how = settings_of(plan)
    if how is None or not alike(g, w) or not np.isfinite(w).all():  # gaps times these are no zeros
        return None
    kernel, outputs, inputs, stride, padding, dilation = how
    # The gradients get a frame, with zeros between columns; what a tap adds to one phase of the
    # inputs is a piece of it.
    (py, ky), top, rows, lines = rows_of(kernel[0], inputs[0], stride[0], padding[0], dilation[0])
    kx = np.arange(kernel[1]) * dilation[1]
    left, first = int(kx[-1]), padding[1]
    columns = inputs[1] + first + left
    frame = np.zeros((1, rows + top, columns), g.dtype)
    at = ((top - ky)[:, None] * columns + (left - kx)).reshape(-1)
    phase = np.repeat(py, kernel[1])
    by_phase = np.argsort(phase, kind="stable")
    ends = np.searchsorted(phase[by_phase], np.arange(stride[0] + 1))
    n, c = g.shape[0], plan.channels
    times = w.shape[0] // c
    weights = dense(w.reshape(c, times, -1)[..., by_phase])
    out = np.empty((n, c, *plan.inputs), g.dtype)
    given = dense(g).reshape(n, c, times, *outputs), weights, frame, at[by_phase].astype(np.uintp)
    out_images = out.reshape(n, c, *inputs)
    convolve_input(*given, ends, lines, top, left, first, stride[1], run_of(frame), out_images)
    return out


def depthwise_weight(plan: Any, x: Array, g: Array) -> Array | None:
    """What goes to the kernels: (channel, times, tap)."""
    how = settings_of(plan)
    if how is None or not alike(x, g):
        return None
    kernel, outputs, inputs, stride, padding, dilation = how
    n, c = x.shape[:2]
    times = g.shape[1] // c
    shape, at = frame_of(kernel, outputs, stride, dilation)
    frame, gapped = np.zeros(shape, x.dtype), np.zeros((outputs[0], shape[2]), x.dtype)
    out = np.zeros((c, times, plan.taps), x.dtype)
    given = dense(x).reshape(n, c, *inputs), dense(g).reshape(n, c, times, *outputs)
    convolve_weight(*given, frame, gapped, at, *padding, stride[1], out)
    return out if np.isfinite(out).all() else None  # what is not, is not of the gaps
