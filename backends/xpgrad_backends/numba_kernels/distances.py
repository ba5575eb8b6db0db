"""Distances of rows from others, whose columns lie side by side: all of them at once."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from xpgrad_backends.numba_kernels.jit import SUMS, alike, dense, kernel

Array = Any

COUNTED, ABSOLUTE, SQUARED, LARGEST = 0, 1, 2, 3  # what is made of differences: the norm's order
ORDERS = {0.0: COUNTED, 1.0: ABSOLUTE, 2.0: SQUARED, math.inf: LARGEST}


@kernel(SUMS, inner=True)
def distances_of(row, columns, first, out, order):
    """The distances of one row from those from the `first` on."""
    count, of = out.size, out.dtype.type
    out[:] = of(0)
    for m in range(row.size):
        here, line = row[m], columns[m, first:]
        if order == ABSOLUTE:
            for j in range(count):
                out[j] += abs(here - line[j])
        elif order == SQUARED:
            for j in range(count):
                away = here - line[j]
                out[j] += away * away
        elif order == LARGEST:
            for j in range(count):
                away = abs(here - line[j])
                out[j] = away if (away > out[j]) | (away != away) else out[j]
        else:
            for j in range(count):
                away = abs(here - line[j])
                out[j] += of(1) if away > of(0) else away
    if order == SQUARED:
        for j in range(count):
            out[j] = np.sqrt(out[j])


@kernel(SUMS, inner=True)
def gained(away, g, out, order):
    """What a difference gets of a distance."""
    one, zero = type(g)(1), type(g)(0)
    part = g * (one if away > zero else (-one if away < zero else away))
    if order == ABSOLUTE:
        return part
    return zero if abs(away) < out else part + (abs(away) - out)  # infinite ones give no number


@kernel(SUMS, inner=True)
def to_row(row, columns, first, g, out, order, found):
    """Add what the differences of one row from others get."""
    for m in range(row.size):
        here, line, total = row[m], columns[m, first:], row.dtype.type(0)
        if order == ABSOLUTE:
            for j in range(g.size):
                total += gained(here - line[j], g[j], out[j], ABSOLUTE)
        else:
            for j in range(g.size):
                total += gained(here - line[j], g[j], out[j], LARGEST)
        found[m] += total


@kernel(SUMS, inner=True)
def to_columns(row, columns, first, g, out, order, found):
    """Take it from what the others get."""
    for m in range(row.size):
        here, line, into = row[m], columns[m, first:], found[m, first:]
        if order == ABSOLUTE:
            for j in range(g.size):
                into[j] -= gained(here - line[j], g[j], out[j], ABSOLUTE)
        else:
            for j in range(g.size):
                into[j] -= gained(here - line[j], g[j], out[j], LARGEST)


@kernel(SUMS)
def rows(x, columns, order, out):
    for n in range(x.shape[0]):
        for i in range(x.shape[1]):
            distances_of(x[n, i], columns[n], 0, out[n, i], order)


@kernel(SUMS)
def rows_gradient(g, x, columns, out, order, found, second):
    for n in range(x.shape[0]):
        for i in range(x.shape[1]):
            if second:
                to_columns(x[n, i], columns[n], 0, g[n, i], out[n, i], order, found[n])
            else:
                to_row(x[n, i], columns[n], 0, g[n, i], out[n, i], order, found[n, i])


@kernel(SUMS)
def pairs(x, columns, order, out):
    count = x.shape[1]
    for n in range(x.shape[0]):
        begin = 0
        for i in range(count - 1):
            end = begin + count - 1 - i
            distances_of(x[n, i], columns[n], i + 1, out[n, begin:end], order)
            begin = end


@kernel(SUMS)
def pairs_gradient(g, x, columns, out, order, found, others):
    count = x.shape[1]
    for n in range(x.shape[0]):
        begin = 0
        for i in range(count - 1):
            end = begin + count - 1 - i
            given, away = g[n, begin:end], out[n, begin:end]
            to_row(x[n, i], columns[n], i + 1, given, away, order, found[n, i])
            to_columns(x[n, i], columns[n], i + 1, given, away, order, others[n])
            begin = end


@kernel(SUMS)
def shares(g, out, found, totals):
    """Gradients over distances, where there are any, in both triangles; the sums of rows."""
    count, zero = found.shape[1], g.dtype.type(0)
    for n in range(found.shape[0]):
        k = 0
        for i in range(count):
            line, total = found[n, i], zero
            for j in range(i + 1, count):
                line[j] = g[n, k] / out[n, k] if out[n, k] != zero else zero
                total += line[j]
                k += 1
            totals[n, i, 0] += total
            for j in range(i + 1, count):
                found[n, j, i] = line[j]
                totals[n, j, 0] += line[j]


# ------------------------------------------------------------------ what the namespace calls


def stacked(x: Array) -> Array:
    """Rows in a stack of one dimension."""
    return dense(x).reshape(math.prod(x.shape[:-2]), *x.shape[-2:])


def for_rows(x: Array, y: Array, p: float) -> bool:
    """Whether there is a kernel for these rows."""
    return p in ORDERS and alike(x, y) and x.shape[:-2] == y.shape[:-2] and x.shape[-1] > 0


def row_distances(x: Array, y: Array, p: float) -> Array | None:
    """The distance of each row from each of others."""
    if not for_rows(x, y, p):
        return None
    out = np.empty((*x.shape[:-1], y.shape[-2]), x.dtype)
    rows(stacked(x), stacked(y.mT), ORDERS[p], stacked(out))
    return out


def row_distances_gradient(
    g: Array, x: Array, y: Array, out: Array, p: float, second: bool
) -> Array | None:
    """The gradient of the rows, or of the second ones."""
    if p in (0, 2) or not for_rows(x, y, p) or not alike(x, g, out):
        return None
    columns = stacked(y.mT)
    found = np.zeros((*y.shape[:-2], y.shape[-1], y.shape[-2]) if second else x.shape, x.dtype)
    rows_gradient(stacked(g), stacked(x), columns, stacked(out), ORDERS[p], stacked(found), second)
    return dense(found.mT) if second else found


def pair_distances(x: Array, p: float) -> Array | None:
    """The distance of each row from those behind it."""
    if p not in ORDERS or not alike(x) or not x.shape[-1]:
        return None
    count = x.shape[-2]
    out = np.empty((*x.shape[:-2], count * (count - 1) // 2), x.dtype)
    given = stacked(x)
    pairs(given, stacked(x.mT), ORDERS[p], out.reshape(len(given), out.shape[-1]))
    return out


def pair_distances_gradient(g: Array, x: Array, out: Array, p: float) -> Array | None:
    """The gradient of the rows."""
    if p not in ORDERS or not p or not alike(x, g, out) or not x.shape[-1]:
        return None
    given, found = stacked(x), np.zeros((math.prod(x.shape[:-2]), *x.shape[-2:]), x.dtype)
    g, out = (dense(a).reshape(len(given), a.shape[-1]) for a in (g, out))
    if p == 2:
        share = np.zeros((*given.shape[:2], x.shape[-2]), x.dtype)
        totals = np.zeros((*given.shape[:2], 1), x.dtype)
        shares(g, out, share, totals)
        np.subtract(given * totals, share @ given, out=found)
    else:
        columns = stacked(x.mT)
        others = np.zeros(columns.shape, x.dtype)
        pairs_gradient(g, given, columns, out, ORDERS[p], found, others)
        found += others.mT
    return found.reshape(x.shape)
