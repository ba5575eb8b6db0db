"""Functions of several steps, made of what the array API standard has.

What takes an array library several passes over memory here, a backend may do in one. It may not
redefine anything. Each function of Tensors is the same steps, so that gradients have gradients.
"""

from __future__ import annotations

import math
from typing import Any

from xpgrad import dtypes
from xpgrad.boxes import Boxed
from xpgrad.distant import Distant
from xpgrad.losses import Losses
from xpgrad.pieces import Pieces
from xpgrad.sampled import Sampled
from xpgrad.sequences import Sequences

Array = Any

INNER, CUBIC = math.sqrt(2 / math.pi), 0.044715  # of the approximation of gelu by tanh


class Fused(Boxed, Distant, Losses, Pieces, Sampled, Sequences):
    """The extras of activations and normalisation: a part of every `Namespace`, and of Tensors'.

    ======================================  ========================================================
    ``silu(x)``                             x / (1 + exp(-x))
    ``gelu(x, approximate)``                `x` times the normal distribution's function
    ``elu(x, alpha, scale, inner)``         pieces of a line and of an exponential
    ``leaky_relu(x, slope)``                pieces of two lines
    ``hardswish(x)``                        the same as a parabola between two lines
    ``softmax(x, axis)``                    exp(x) over its sum, and
    ``log_softmax(x, axis)``                the logarithm of that
    ``layer_norm(x, weight, bias, …)``      mean 0 and variance 1 over the last axes
    ``rms_norm(x, weight, axes, eps)``      mean square 1 over the last axes
    ``channel_norm(x, weight, bias, …)``    mean 0 and variance 1 over channels or groups of them
    ``scaled(x, scale, shift)``             each channel times a number, plus another
    ``channel_sums(g, x, mean)``            of each channel, sums of `g` and of ``g * (x - mean)``
    ``carried_back(x, factor, axis)``       each element plus a multiple of what came of the next
    ======================================  ========================================================

    Each but the last three has a partner ``…_gradient`` (or ``…_gradients``, of inputs and
    parameters), which takes the incoming gradient first; that of softmax takes the result in place
    of the input.
    """

    # -- activations

    def silu(self: Any, x: Array) -> Array:
        """x / (1 + exp(-x))."""
        return x / (1 + self.exp(-x))

    def silu_gradient(self: Any, g: Array, x: Array) -> Array:
        """The gradient of its input."""
        s = self.sigmoid(x)
        return g * (s + x * s * (1 - s))

    def gelu(self: Any, x: Array, approximate: str) -> Array:
        """`x` times the normal distribution's function, exactly or by way of ``"tanh"``."""
        if approximate == "none":
            return 0.5 * x * (1 + self.erf(x * math.sqrt(0.5)))
        return 0.5 * x * (1 + self.tanh(INNER * x * (1 + CUBIC * x * x)))

    def gelu_gradient(self: Any, g: Array, x: Array, approximate: str) -> Array:
        """The gradient of its input."""
        if approximate == "none":
            cdf = 0.5 * (1 + self.erf(x * math.sqrt(0.5)))
            return g * (cdf + x * self.exp(-0.5 * x * x) * (1 / math.sqrt(2 * math.pi)))
        square = x * x
        t = self.tanh(INNER * x * (1 + CUBIC * square))
        slope = x * (1 - t * t) * (INNER * (1 + 3 * CUBIC * square))
        return g * 0.5 * (1 + t + slope)

    def elu(self: Any, x: Array, alpha: float, scale: float, inner: float) -> Array:
        """scale * (x where it is positive, alpha * (exp(inner * x) - 1) elsewhere)."""
        below = self.minimum(x, 0)
        bent = self.expm1(below if inner == 1 else below * inner) * (alpha * scale)
        return self.where(x > 0, x * scale, bent)

    def elu_gradient(
        self: Any, g: Array, x: Array, alpha: float, scale: float, inner: float
    ) -> Array:
        """The gradient of its input."""
        below = self.where(x < 0, x, 0.0)
        bent = g * (alpha * scale * inner) * self.exp(below if inner == 1 else below * inner)
        return self.where(x <= 0, bent, g * scale)

    def leaky_relu(self: Any, x: Array, slope: float) -> Array:
        """`x` where it is positive, a multiple elsewhere."""
        return self.where(x > 0, x, x * slope)

    def leaky_relu_gradient(self: Any, g: Array, x: Array, slope: float) -> Array:
        """The gradient of its input."""
        return self.where(x > 0, g, g * slope)

    def hardswish(self: Any, x: Array) -> Array:
        """`x` times the line from 0 at -3 to 1 at 3, which is constant beyond."""
        return times(times(self.clip(x + 3, 0, 6), x, self), 1 / 6, self)

    def hardswish_gradient(self: Any, g: Array, x: Array) -> Array:
        """The gradient of its input."""
        return self.where(x <= -3, 0.0, self.where(x < 3, g * (x / 3 + 0.5), g))

    # -- along an axis

    def softmax(self: Any, x: Array, axis: int) -> Array:
        """exp(x) over its sum along an axis."""
        e = self.exp(x - self.max(x, axis=axis, keepdims=True))
        return e / self.sum(e, axis=axis, keepdims=True)

    def softmax_gradient(self: Any, g: Array, out: Array, axis: int) -> Array:
        """The gradient of its input."""
        return (g - dots(g, out, (axis,), self)) * out

    def log_softmax(self: Any, x: Array, axis: int) -> Array:
        """The logarithm of exp(x) over its sum along an axis."""
        shifted = x - self.max(x, axis=axis, keepdims=True)
        return shifted - self.log(self.sum(self.exp(shifted), axis=axis, keepdims=True))

    def log_softmax_gradient(self: Any, g: Array, out: Array, axis: int) -> Array:
        """The gradient of its input."""
        return g - self.exp(out) * self.sum(g, axis=axis, keepdims=True)

    def carried_back(self: Any, x: Array, factor: Any, axis: int) -> Array:
        """``s[i] = x[i] + factor[i] * s[i + 1]`` along an axis; without `factor` all are 1.

        `factor` is one shorter there. The recurrence is solved by doubling: each step joins every
        window of elements with the next. No division, so that zeros need no case of their own, and
        no loop over elements.
        """
        if factor is None:
            back = self.cumulative_sum(self.flip(x, axis=(axis,)), axis=axis)
            return self.flip(back, axis=(axis,))
        n, width = x.shape[axis], 1
        while width < n:
            ahead = part(x, axis, 0, n - width, self) + factor * part(x, axis, width, n, self)
            x = self.concat([ahead, part(x, axis, n - width, n, self)], axis=axis)
            rest = n - 2 * width
            if rest > 0:
                further = part(factor, axis, width, n - width, self)
                factor = part(factor, axis, 0, rest, self) * further
            width *= 2
        return x

    # -- normalisation
    #
    # Where ``y = r z`` with ``z = x - mean(x)`` and `h` is the gradient of `y`, that of `x` is
    # ``r (h - mean(h) - z r**2 mean(h z))``, and what is averaged are the very sums that the
    # gradients of scale and shift are made of. They are products with vectors, which takes
    # libraries a fraction of the time that reductions do. Half precision is computed in single.

    def layer_norm(self: Any, x: Array, weight: Any, bias: Any, axes: Any, eps: float) -> Array:
        """`x` with mean 0 and variance 1 over the last axes, times `weight`, plus `bias`."""
        rows = rows_of(x, axes, self)
        weight, bias = (
            None if a is None else self.reshape(widened(a, self), rows.shape[1:])
            for a in (weight, bias)
        )

        def of_block(x: Array) -> tuple[Array, None]:
            y = centred(x, self)
            y = times(y, column(roots(y, eps, self), self), self)
            y = y if weight is None else times(y, weight, self)
            return y if bias is None else plus(y, bias, self), None

        y, _ = in_blocks(of_block, (rows,), self)
        return shaped(narrowed(y, x.dtype, self), x.shape, self)

    def layer_norm_gradients(
        self: Any, g: Array, x: Array, weight: Any, axes: Any, eps: float
    ) -> tuple[Array, Any]:
        """The gradients of input and weight."""

        def of_block(x: Array, g: Array) -> tuple[Array, Any]:
            z = centred(x, self)
            return row_gradients(g, z, roots(z, eps, self), weight, True, self)

        dx, dw = in_blocks(of_block, (rows_of(x, axes, self), rows_of(g, axes, self)), self)
        return shaped(dx, x.shape, self), dw

    def rms_norm(self: Any, x: Array, weight: Any, axes: Any, eps: float) -> Array:
        """`x` over its root mean square along the last axes, times `weight`."""
        rows = rows_of(x, axes, self)
        weight = None if weight is None else self.reshape(widened(weight, self), rows.shape[1:])

        def of_block(x: Array) -> tuple[Array, None]:
            y = x * column(roots(x, eps, self), self)
            return y if weight is None else times(y, weight, self), None

        y, _ = in_blocks(of_block, (rows,), self)
        return shaped(narrowed(y, x.dtype, self), x.shape, self)

    def rms_norm_gradients(
        self: Any, g: Array, x: Array, weight: Any, axes: Any, eps: float
    ) -> tuple[Array, Any]:
        """The gradients of input and weight."""

        def of_block(x: Array, g: Array) -> tuple[Array, Any]:
            return row_gradients(g, x, roots(x, eps, self), weight, False, self)

        dx, dw = in_blocks(of_block, (rows_of(x, axes, self), rows_of(g, axes, self)), self)
        return shaped(dx, x.shape, self), dw

    def channel_norm(
        self: Any, x: Array, weight: Any, bias: Any, groups: int, over: int, eps: float
    ) -> tuple[Array, Array, Array]:
        """`x` of shape (N, C, …) with mean 0 and variance 1, times `weight`, plus `bias`.

        Statistics are those of all examples (`over` is 0) or of each (2). The means and the
        reciprocals of the standard deviations are results, too.
        """
        dtype, shape = x.dtype, x.shape
        x = split(x, groups, self)
        places = max(math.prod(x.shape[3:]), 1)
        mean = self.mean(over_places(x, None, self), axis=over, keepdims=True) / places
        y = x - wide(mean, x, self)
        var = self.mean(over_places(y, y, self), axis=over, keepdims=True) / places
        rstd = 1 / self.sqrt(var + eps)
        form = (1, *x.shape[1:3])
        scale = rstd if weight is None else rstd * self.reshape(widened(weight, self), form)
        y = times(y, wide(scale, x, self), self)
        if bias is not None:
            y = plus(y, wide(self.reshape(widened(bias, self), form), x, self), self)
        y, mean, rstd = (narrowed(a, dtype, self) for a in (shaped(y, shape, self), mean, rstd))
        return y, mean, rstd

    def channel_norm_gradients(
        self: Any, gs: Any, x: Array, weight: Any, out: Any, groups: int, over: int
    ) -> tuple[Array, Any, Any]:
        """The gradients of input, weight and bias, given those of all three results."""
        g, g_mean, g_rstd = gs
        mean, rstd = widened(out[1], self), widened(out[2], self)
        shape = x.shape
        x = split(x, groups, self)
        n = max(x.shape[over] * math.prod(x.shape[3:]), 1)
        if weight is not None:
            weight = self.reshape(widened(weight, self), (1, *x.shape[1:3]))
        dw = db = None
        slope: Any = 0.0  # of the gradient, with the input
        shift: Any = 0.0
        z = x - wide(mean, x, self)
        if g is not None:
            g = split(g, groups, self)
            totals, products = over_places(g, None, self), over_places(z, g, self)
            db = self.reshape(self.sum(totals, axis=0), (shape[1],))
            if weight is not None:
                dw = self.reshape(self.sum(products * rstd, axis=0), (shape[1],))
                totals, products = totals * weight, products * weight
            slope = self.sum(products, axis=over, keepdims=True)
            shift = -rstd * self.sum(totals, axis=over, keepdims=True) / n
        if g_rstd is not None:
            slope = slope + g_rstd
        if g_mean is not None:
            shift = shift + g_mean / n
        slope = -(rstd * rstd * rstd / n) * slope
        dx = plus(times(z, wide(slope, x, self), self), wide(shift + 0 * slope, x, self), self)
        if g is not None:
            scale = rstd if weight is None else rstd * weight
            dx = plus(dx, g * wide(scale, x, self), self)
        return shaped(dx, shape, self), dw, db

    def scaled(self: Any, x: Array, scale: Array, shift: Any) -> Array:
        """`x` of shape (N, C, …) times `scale`, of shape (C,) or (N, C), plus `shift` (or none)."""
        form = (*scale.shape, *(1,) * (len(x.shape) - 2))
        y = x * self.reshape(scale, form)
        return y if shift is None else plus(y, self.reshape(shift, form), self)

    def channel_sums(self: Any, g: Array, x: Array, mean: Array) -> tuple[Array, Array]:
        """The sums of `g` and of ``g * (x - mean)`` over all axes but that of the channels."""
        x, g = split(x, 1, self), split(g, 1, self)
        z = x - wide(self.reshape(mean, (1, 1, mean.shape[0])), x, self)
        sums = (over_places(g, None, self), over_places(z, g, self))
        total, product = (self.sum(s, axis=(0, 1)) for s in sums)
        return total, product


def part(x: Array, axis: int, start: int, stop: int, xp: Any) -> Array:
    """The elements from `start` to `stop` along an axis."""
    return xp.getitem(x, (*(slice(None),) * axis, slice(start, stop), ...))


# ------------------------------------------------------------------ arrays that nobody else knows


def widened(x: Array, xp: Any) -> Array:
    """Half precision as single; everything else as it is."""
    if x is None or x.dtype != xp.natives.get(dtypes.float16):
        return x
    return xp.astype(x, xp.native("float32"))


def narrowed(x: Array, dtype: Any, xp: Any) -> Array:
    """An array in the dtype of what it was made of."""
    return x if x.dtype == dtype else xp.astype(x, dtype)


def times(x: Array, y: Any, xp: Any) -> Array:
    """The product, written over `x` where arrays can be: it is a result that nobody else knows."""
    if xp.mutable and (type(y) is float or x.dtype == y.dtype):
        x *= y
        return x
    return x * y


def plus(x: Array, y: Array, xp: Any) -> Array:
    """The sum, written over `x` where arrays can be."""
    if xp.mutable and x.dtype == y.dtype:
        x += y
        return x
    return x + y


def minus(x: Array, y: Array, xp: Any) -> Array:
    """The difference, written over `x` where arrays can be."""
    if xp.mutable and x.dtype == y.dtype:
        x -= y
        return x
    return x - y


def shaped(x: Array, shape: Any, xp: Any) -> Array:
    """An array in a shape; itself, and no view of it, where it has it."""
    return x if x.shape == shape else xp.reshape(x, shape)


# ------------------------------------------------------------------ rows


def dots(x: Array, y: Array, axes: Any, xp: Any) -> Array:
    """The sums of products along axes, which stay as axes of length 1."""
    if axes == (len(x.shape) - 1,):
        found = xp.vecdot(x, y)  # without an array of products
        return xp.reshape(found, (*found.shape, 1))
    return xp.sum(x * y, axis=axes, keepdims=True)


def in_blocks(function: Any, arrays: Any, xp: Any) -> tuple[Array, Any]:
    """What a function makes of rows: an array like them and, or `None`, a sum over all rows.

    Of as many rows at a time as fit into the cache, where that matters.
    """
    first = arrays[0]
    rows, n = first.shape
    step = max((xp.block or 0) // max(n, 1), 1)
    if not xp.block or rows < 2 * step:
        found: tuple[Array, Any] = function(*arrays)
        return found
    out = total = None
    for i in range(0, rows, step):
        made, part = function(*[a[i : i + step, :] for a in arrays])
        if out is None:
            out, total = xp.empty(first.shape, dtype=made.dtype), part
        elif part is not None:
            total += part
        out[i : i + step, :] = made
    return out, total


def rows_of(x: Array, axes: Any, xp: Any) -> Array:
    """What is normalised together as rows of a matrix."""
    n = math.prod([x.shape[a] for a in axes])
    count = math.prod([m for i, m in enumerate(x.shape) if i not in axes])
    return xp.reshape(widened(x, xp), (count, n))


def column(x: Array, xp: Any) -> Array:
    """A number for each row, beside the rows."""
    return xp.reshape(x, (x.shape[0], 1))


def centred(x: Array, xp: Any) -> Array:
    """Rows less their means."""
    n = x.shape[1]
    return x - column(xp.matmul(x, xp.ones((n,), dtype=x.dtype)) / max(n, 1), xp)


def roots(x: Array, eps: float, xp: Any) -> Array:
    """The reciprocal of the root of each row's mean square."""
    return 1 / xp.sqrt(xp.vecdot(x, x) / max(x.shape[1], 1) + eps)


def row_gradients(
    g: Array, z: Array, rstd: Array, weight: Any, mean: bool, xp: Any
) -> tuple[Array, Any]:
    """The gradients of rows `z` over their root mean square, and of their weight.

    If `mean`, rows have been centred, and that has a gradient too.
    """
    n = z.shape[1]
    gz = g * z
    if weight is None:
        w, h = xp.ones((n,), dtype=z.dtype), g
    else:
        w = xp.reshape(widened(weight, xp), (n,))
        h = g * w
    slope = rstd * rstd * xp.matmul(gz, w) / max(n, 1)
    if mean:
        shift = xp.matmul(g, w) / max(n, 1)
        dx = times(plus(times(z, column(-slope, xp), xp), h, xp), column(rstd, xp), xp)
        dx = minus(dx, column(shift * rstd, xp), xp)
    else:
        dx = times(h - z * column(slope, xp), column(rstd, xp), xp)
    return dx, None if weight is None else xp.matmul(rstd, gz)


# ------------------------------------------------------------------ channels
#
# Arrays have the shape (examples, groups, channels of a group, places) here, or that without the
# last where channels have one place each.


def split(x: Array, groups: int, xp: Any) -> Array:
    """An array of shape (N, C, …) as above."""
    n, c = x.shape[:2]
    places = math.prod(x.shape[2:])
    form = (n, groups, c // groups)
    return xp.reshape(widened(x, xp), form if places == 1 else (*form, places))


def wide(v: Array, x: Array, xp: Any) -> Array:
    """What is known of channels, beside their elements."""
    return v if len(x.shape) == 3 else xp.expand_dims(v, axis=3)


def over_places(x: Array, y: Any, xp: Any) -> Array:
    """The sums of products along the last of four axes; of `x` itself without `y`."""
    if len(x.shape) == 3:
        return x if y is None else x * y
    if y is not None:
        return xp.vecdot(x, y)
    places = x.shape[3]
    flat = xp.reshape(x, (math.prod(x.shape[:3]), places))
    return xp.reshape(xp.matmul(flat, xp.ones((places,), dtype=x.dtype)), x.shape[:3])
