"""Calls of ops, from the rows of op_table.py, for the tests of transforms.

Each sample becomes a few examples: the sample itself, its elements in another order, and its
numbers a little larger. Whatever a transform does with a batch of them has to be what the op does
with each.
"""

import itertools
import zlib

import numpy as np

from namespaces import give, has_dtype, host, tensor
from op_table import ROWS, functions
from xpgrad.promotion import follow
from xpgrad.tensor import Tensor

FUNCTIONS = functions()
# Results without a fixed shape have no batched form, in PyTorch neither.
DYNAMIC = {"nonzero", "unique_all", "unique_counts", "unique_inverse", "unique_values"}
# Inputs that have an order to keep, or that say how large the result is.
IN_ORDER = {("searchsorted", 0), ("searchsorted", 2)}
SIZES = {("repeat", 1)}


def samples(row, ns, dtypes):
    """Each sample in the first of some dtypes that the row has: its name, inputs, settings."""
    for dtype in dtypes:
        if dtype not in row.dtypes or not has_dtype(ns, dtype):
            continue
        for i, sample in enumerate(row.samples):
            seed = zlib.crc32(f"{row.name}{i}".encode())
            yield f"{sample!r} {dtype}", sample.draw(row.domain, dtype, seed), sample.settings


def by_op(keep=lambda row: True):
    """The rows of each op."""
    found = {}
    for row in ROWS:
        if keep(row):
            found.setdefault(row.name, []).append(row)
    return found


def example(name, place, x, n):
    """One of several examples like an input."""
    if n % 3 == 1 and (name, place) not in IN_ORDER:
        return x.reshape(-1)[::-1].reshape(x.shape).copy()
    if n % 3 == 2 and x.dtype.kind in "fc":
        return (x * 1.02).astype(x.dtype)
    return x


def batch(name, place, x, size):
    """Examples like an input, along a new first axis."""
    rows = [example(name, place, x, n) for n in range(size)]
    return np.stack(rows) if rows else np.zeros((0, *x.shape), x.dtype)


def subsets(places, least=1):
    """All ways to choose some of the places."""
    for k in range(least, len(places) + 1):
        yield from itertools.combinations(places, k)


def arrays_in(value):
    """The index arrays among settings, masks aside: a batch may have others for each example."""
    if isinstance(value, np.ndarray):
        return [value] if value.dtype.kind in "iu" else []
    parts = value.values() if isinstance(value, dict) else value
    return [a for v in parts for a in arrays_in(v)] if isinstance(value, (dict, tuple)) else []


def with_arrays(value, arrays, ns):
    """Settings on a namespace, with other arrays (an iterator) for the index arrays among them."""
    if isinstance(value, np.ndarray):
        return next(arrays) if value.dtype.kind in "iu" else give(ns, value)
    if isinstance(value, dict):
        return {k: with_arrays(v, arrays, ns) for k, v in value.items()}
    if type(value) is tuple:
        return tuple(with_arrays(v, arrays, ns) for v in value)
    return value


class Case:
    """One sample on a namespace, as a function of its arrays: inputs, then index arrays."""

    def __init__(self, row, ns, inputs, settings, function=None):
        self.name, self.ns, self.settings = row.name, ns, settings
        self.function = function or FUNCTIONS[row.name]
        self.inputs = inputs
        self.places = [i for i, x in enumerate(inputs) if isinstance(x, np.ndarray)]
        self.indices = arrays_in(settings)
        self.hosts = [inputs[i] for i in self.places] + self.indices
        self.floating = [
            i
            for i, place in enumerate(self.places)
            if inputs[place].dtype.kind in "fc" and place not in row.constants
        ]

    def __call__(self, *tensors):
        """The op's results, as a tuple."""
        given = list(self.inputs)
        rest = tensors[len(self.places) :]
        # Indexing functions bring a Tensor to where its index arrays are; an op expects that.
        inner = max((t._ns for t in rest), key=lambda ns: ns.depth, default=self.ns)
        for place, x in zip(self.places, tensors, strict=False):
            given[place] = follow(x, inner) if inner.depth > x._ns.depth else x
        rest = (t._data for t in rest)
        out = self.function(*given, **with_arrays(self.settings, rest, self.ns))
        return out if isinstance(out, tuple) else (out,)

    def arrays(self):
        """The sample, as Tensors."""
        return [tensor(self.ns, x) for x in self.hosts]

    def batches(self, size):
        """A batch of each array, as host arrays."""
        return [
            batch(self.name, self.places[i] if i < len(self.places) else None, x, size)
            for i, x in enumerate(self.hosts)
        ]

    def batchable(self):
        """The arrays of which there may be a batch."""
        return [
            i
            for i in range(len(self.hosts))
            if i >= len(self.places) or (self.name, self.places[i]) not in SIZES
        ]


def directions(tensors, seed):
    """Random numbers shaped like each Tensor, `None` for one without a derivative."""
    rng = np.random.default_rng(seed)
    found = []
    for t in tensors:
        if not t.dtype.is_differentiable:
            found.append(None)
            continue
        values = rng.uniform(0.5, 1.5, tuple(t.shape)) * rng.choice([-1, 1], tuple(t.shape))
        if t.dtype.is_complex:
            values = values + 1j * rng.uniform(-1, 1, tuple(t.shape))
        found.append(tensor(t._ns, values.astype(t.dtype.name)))
    return found


TOLERANCES = {"float16": 1e-2, "float32": 2e-5, "complex64": 2e-5}


def assert_same(actual, expected, what, exact_dtype=True):
    """The same dtype, shape and values, up to the rounding of another order of sums."""
    actual, expected = (host(x) if isinstance(x, Tensor) else x for x in (actual, expected))
    if exact_dtype:
        assert actual.dtype == expected.dtype, f"{what}: {actual.dtype}, not {expected.dtype}"
    assert actual.shape == expected.shape, f"{what}: {actual.shape}, not {expected.shape}"
    if actual.dtype.kind in "fc":
        tolerance = TOLERANCES.get(expected.dtype.name, 1e-11)
        finite = expected[np.isfinite(expected)]
        scale = np.max(np.abs(finite), initial=1.0)
        np.testing.assert_allclose(
            actual, expected, rtol=tolerance, atol=tolerance * scale, err_msg=what
        )
    else:
        np.testing.assert_array_equal(actual, expected, err_msg=what)
