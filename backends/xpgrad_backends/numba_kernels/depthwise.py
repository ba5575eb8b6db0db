"""Convolution of images with kernels for each channel alone.

An image is copied into a frame of zeros, in phases: with a stride of 2 those of even and of odd
places, and so on. Then what a tap takes of it is a piece of one phase, and all taps go over it at
once, so that a number is loaded and multiplied, and nothing stored, until a sum is done.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from xpgrad_backends.numba_kernels.jit import SUMS, alike, dense, kernel

Array = Any
Ints = tuple[int, ...]

LONG = 2048  # numbers in a run of lines


@kernel(SUMS, inner=True)
def fill(frame, image, top, left):
    """Copy an image into the phases of a frame, so many places from its edges.

    Indices are unsigned here and below: nobody asks whether they count from the end.
    """
    down, across, rows, columns = frame.shape
    seen = frame.reshape(-1)
    for a in range(down):
        y = (a - top) % down if top >= a else a - top
        r = (y + top) // down
        height = min(rows - r, (image.shape[0] - y + down - 1) // down)
        for b in range(across):
            x = (b - left) % across if left >= b else b - left
            q = (x + left) // across
            width = np.uintp(max(min(columns - q, (image.shape[1] - x + across - 1) // across), 0))
            begin = ((a * across + b) * rows + r) * columns + q
            first, step = np.uintp(x), np.uintp(across)
            for i in range(height):
                line, at = image[y + i * down], np.uintp(begin + i * columns)
                if across == 1:
                    for k in range(width):
                        seen[at + k] = line[first + k]
                else:
                    for k in range(width):
                        seen[at + k] = line[first + k * step]


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
def spread(out, first, down, across, run, columns, height, width, fresh):
    """Write lines of a run to every so many rows and columns of an image, or add them."""
    step, wide = np.uintp(across), np.uintp(width)
    for i in range(height):
        of, at = np.uintp(i * columns), np.uintp(first + i * down)
        for k in range(wide):
            out[at + k * step] = run[of + k] if fresh else out[at + k * step] + run[of + k]


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
def convolve(x, w, frame, at, top, left, run, out):
    columns, seen = frame.shape[3], frame.reshape(-1)
    height, width = out.shape[3], out.shape[4]
    lines = run.size // columns
    for n in range(x.shape[0]):
        for c in range(x.shape[1]):
            fill(frame, x[n, c], top, left)
            for t in range(w.shape[1]):
                image = out[n, c, t].reshape(-1)
                for i in range(0, height, lines):
                    rows = min(lines, height - i)
                    part = run[: (rows - 1) * columns + width]
                    sums(part, seen, np.uintp(i * columns), at, w[c, t])
                    spread(image, i * width, width, 1, part, columns, rows, width, True)


@kernel(SUMS)
def convolve_input(g, w, frame, at, ends, spans, top, left, run, out):
    columns, seen = frame.shape[3], frame.reshape(-1)
    lines, line = run.size // columns, out.shape[3]
    for n in range(g.shape[0]):
        for c in range(g.shape[1]):
            image = out[n, c].reshape(-1)
            for t in range(w.shape[1]):
                fill(frame, g[n, c, t], top, left)
                for phase in range(spans.shape[0]):
                    y, down, r, height, x, across, q, width = spans[phase]
                    taps = slice(ends[phase], ends[phase + 1])
                    if width == 0:
                        continue
                    for i in range(0, height, lines):
                        rows = min(lines, height - i)
                        part = run[: (rows - 1) * columns + width]
                        begin = np.uintp((r + i) * columns + q)
                        sums(part, seen, begin, at[taps], w[c, t, taps])
                        first = (y + i * down) * line + x
                        step = down * line
                        spread(image, first, step, across, part, columns, rows, width, t == 0)


@kernel(SUMS)
def convolve_weight(x, g, frame, gapped, at, top, left, out):
    seen = frame.reshape(-1)
    length = gapped.shape[1] * (g.shape[3] - 1) + g.shape[4]
    run = gapped.reshape(-1)[:length]
    for n in range(x.shape[0]):
        for c in range(x.shape[1]):
            fill(frame, x[n, c], top, left)
            for t in range(g.shape[2]):
                image = g[n, c, t]
                for i in range(image.shape[0]):
                    line, mine = gapped[i], image[i]
                    for k in range(mine.size):
                        line[k] = mine[k]
                products(run, seen, at, out[c, t])


# ------------------------------------------------------------------ where everything lies


def frame_of(kernel: Ints, outputs: Ints, stride: Ints, dilation: Ints) -> tuple[Ints, Array]:
    """The shape of the phases of an input, and where in them each tap begins."""
    (h, w), (sy, sx) = kernel, stride
    ky, kx = np.arange(h) * dilation[0], np.arange(w) * dilation[1]
    rows, columns = outputs[0] + ky[-1] // sy, outputs[1] + kx[-1] // sx
    y = (ky % sy * sx * rows + ky // sy) * columns
    x = kx % sx * rows * columns + kx // sx
    return (sy, sx, int(rows), int(columns)), (y[:, None] + x).reshape(-1).astype(np.uintp)


def run_of(frame: Array) -> Array:
    """A place for some lines of a phase, which the cache holds."""
    columns = frame.shape[3]
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
    run = run_of(frame)
    convolve(images, weights, frame, at, *padding, run, out.reshape(n, c, times, *outputs))
    return out


def depthwise_input(plan: Any, g: Array, w: Array) -> Array | None:
    """What goes to the inputs."""
    how = settings_of(plan)
    if how is None or not alike(g, w):
        return None
    kernel, outputs, inputs, stride, padding, dilation = how
    # The gradients get a frame; what a tap adds to one phase of the inputs is a piece of it.
    reach, lines, order = [], [], []
    for taps, size, s, p, d in zip(kernel, inputs, stride, padding, dilation, strict=True):
        at = np.arange(taps) * d
        first = [max(-(-(p - a) // s), 0) for a in range(s)]  # of the places of a phase
        count = [max((size - 1 + p - a) // s + 1 - f, 0) for a, f in enumerate(first)]
        lines.append([(f * s + a - p, s, f, m) for a, (f, m) in enumerate(zip(first, count))])
        reach.append((int(at[-1] // s), (size - 1 + p) // s + 1))
        order.append((at % s, at // s))
    (top, rows), (left, columns) = reach
    (py, ky), (px, kx) = order
    frame = np.zeros((1, 1, rows + top, columns + left), g.dtype)
    phase = (py[:, None] * stride[1] + px).reshape(-1)
    at = ((top - ky)[:, None] * (columns + left) + (left - kx)).reshape(-1)
    by_phase = np.argsort(phase, kind="stable")
    ends = np.searchsorted(phase[by_phase], np.arange(stride[0] * stride[1] + 1))
    spans = np.array([(*y, *x) for y in lines[0] for x in lines[1]])
    n, c = g.shape[0], plan.channels
    times = w.shape[0] // c
    weights = dense(w.reshape(c, times, -1)[..., by_phase])
    out = np.empty((n, c, *plan.inputs), g.dtype)
    given = dense(g).reshape(n, c, times, *outputs), weights, frame, at[by_phase].astype(np.uintp)
    out_images = out.reshape(n, c, *inputs)
    convolve_input(*given, ends, spans, top, left, run_of(frame), out_images)
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
    frame, gapped = np.zeros(shape, x.dtype), np.zeros((outputs[0], shape[3]), x.dtype)
    out = np.zeros((c, times, plan.taps), x.dtype)
    given = dense(x).reshape(n, c, *inputs), dense(g).reshape(n, c, times, *outputs)
    convolve_weight(*given, frame, gapped, at, *padding, out)
    return out
