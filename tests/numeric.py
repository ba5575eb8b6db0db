"""Derivatives by central differences: slow, simple, and independent of the library."""

import numpy as np


def inner(a, b):
    """The real inner product of two arrays, which for complex ones is Re(conj(a) b)."""
    return float(np.sum(np.real(np.conj(a) * b)))


def gradient(function, inputs, weights, step=1e-6):
    """The gradient of ``sum of inner(w, output)`` with respect to each floating input.

    `function` takes and returns lists of host arrays. Complex gradients are PyTorch's: the
    direction of steepest ascent, d/dRe + i d/dIm. None stands for what is not floating.
    """

    def objective(values):
        outputs = function(values)
        return sum(inner(w, o) for w, o in zip(weights, outputs, strict=True) if w is not None)

    found = []
    for place, x in enumerate(inputs):
        if not is_floating(x):
            found.append(None)
            continue
        slope = np.zeros(x.shape, x.dtype)
        for index in np.ndindex(*x.shape):
            for unit in (1, 1j) if x.dtype.kind == "c" else (1,):
                ends = []
                for sign in (1, -1):
                    moved = x.copy()
                    moved[index] += sign * step * unit
                    ends.append(objective([*inputs[:place], moved, *inputs[place + 1 :]]))
                slope[index] += unit * (ends[0] - ends[1]) / (2 * step)
        found.append(slope)
    return found


def is_floating(x):
    return isinstance(x, np.ndarray) and x.dtype.kind in "fc"


def assert_close(actual, expected, tolerance=1e-6, what=""):
    """Equal within `tolerance` of the largest element: differences cannot do better."""
    scale = np.max(np.abs(expected), initial=1.0)
    np.testing.assert_allclose(
        actual, expected, rtol=tolerance, atol=tolerance * scale, err_msg=what
    )
