"""Differentiation: gradients on demand, operations with a backward of their own, and checks.

Where a function has no derivative, or one of several could be chosen, xpgrad chooses as PyTorch
does. A star marks what it does otherwise: PyTorch's choice follows in brackets.

======================================  ======================  ================================
of                                      at                      the derivative is
======================================  ======================  ================================
abs, norm, dist, l1_loss                0                       0
abs *                                   nan                     nan (0)
relu                                    0                       0
leaky_relu, elu, selu                   0                       that from below
smooth_l1_loss, huber_loss              beta, delta             1, the same from both sides
clamp, clamp_min, clamp_max             a bound                 1
clamp                                   a tensor for a bound    1 for input at a tie, 0 for it
maximum, minimum                        a tie                   1/2 for each
fmax, fmin                              a tie                   1 for the first, 0 for the other
max(), min(), amax, amin, aminmax       a tie                   1/n for each of n
median()                                a tie                   1/n for each of n
scatter_reduce                          equal extrema           1/n for each of n
amax, amin, aminmax *                   nan                     1/n for each of n nan (all nan)
max(dim), min(dim), median(dim)         a tie                   1 for the one picked
kthvalue, topk, sort                    a tie                   1 for the one picked
cummax, cummin                          a tie                   1 for the last one
sign, floor, ceil, trunc, round         everywhere              0
div(rounding_mode)                      everywhere              0
// *                                    everywhere              0 (an error)
heaviside *                             0                       1 for values (an error)
remainder, fmod, frac                   a jump                  1, as beside it
copysign                                0                       0
nextafter                               equal numbers           0, and 1 elsewhere
sqrt, log, logit, x ** 0.5              0                       inf
rsqrt                                   0                       -inf
x ** 0                                  everywhere              0
0 ** x                                  0 and above             0
hypot                                   the origin              nan
atan2                                   the origin              0
norm, dist, cdist, std, var             all equal, or 0         0
prod, cumprod                           zeros among factors     the product of the others
prod, cumprod *                         infinities              the product of the others (nan)
xlogy(x, y)                             both 0                  0 for x, nan for y
sinc                                    0                       0
entr                                    0                       inf
logsumexp *                             nothing but -inf        0 (nan)
logaddexp                               two like infinities     nan
binary_cross_entropy *                  0 or 1, for a target    100, the bound of its logs (inf)
softmax, log_softmax                    -inf beside numbers     0
nansum, nanmean, nan_to_num             nan                     0
where, masked_fill                      what is not taken       0, times what comes before it
x[i], index_select, gather, take        a place named twice     the sum
embedding                               a place named twice     the sum
expand, broadcasting                    what is stretched       the sum
scatter, index_copy, index_put          a place named twice     1 for each value given, 0 for x
scatter_add, index_add                  a place named twice     1 for each value given, 1 for x
index_fill                              a place named twice     1 for the value, 0 for x
to(dtype), double                       everywhere              1, cast back to the input's dtype
argmax, long, x < y                     everywhere              none: the graph ends
abs, sgn, angle                         0 + 0i                  0
polar *                                 size 0                  the direction (0)
======================================  ======================  ================================

>>> import xpgrad as xg
>>> from xpgrad.autograd import grad
>>> x = xg.tensor([2.0, 1.0, 2.0], requires_grad=True)
>>> grad(x.amax(), x), grad(x.max(0).values, x)
((tensor([0.5000, 0.0000, 0.5000]),), (tensor([1., 0., 0.]),))

`where` does not protect from what it does not take, for 0 times an infinite derivative is nan; a
second one, before the function, does:

>>> x = xg.tensor([0.0, 4.0], requires_grad=True)
>>> grad(xg.where(x > 0, x.sqrt(), 0.0).sum(), x)
(tensor([   nan, 0.2500]),)
>>> grad(xg.where(x > 0, xg.where(x > 0, x, 1.0).sqrt(), 0.0).sum(), x)
(tensor([0.0000, 0.2500]),)

Forward mode (`xpgrad.func.jvp`) agrees with the table but for a place that `scatter` and its like
name twice and for the padding row of `embedding`: there a tangent tells what happens, as in
PyTorch.

Second derivatives are those of the first ones as the table has them. Where PyTorch's formula for
them divides 0 by 0 (at 0: `norm`, `atan2`, `copysign`, `sgn` and `angle` of complex numbers),
they are 0 here; that of `sinc` is -pi**2 / 3.

**Complex numbers.** The gradient of a real number L with respect to z = a + bi is dL/da + i dL/db
(twice the conjugate Wirtinger derivative), as in PyTorch: L grows fastest in this direction, and
``z -= rate * z.grad`` descends. It is the conjugate of JAX's: ``conj`` converts either into the
other. Where f is complex differentiable, a rule multiplies what comes in by the conjugate of
f'(z); a tangent in forward mode (`xpgrad.func.jvp`) is multiplied by f'(z) itself. For a real
input the real part counts; and `backward` starts at real numbers, unless it is given a gradient.

>>> z = xg.tensor([1 + 2j], requires_grad=True)
>>> grad((z * z).real.sum(), z), grad((z * z.conj()).real.sum(), z), grad(z.abs().sum(), z)
((tensor([2.-4.j]),), (tensor([2.+4.j]),), (tensor([0.4472+0.8944j]),))
>>> grad(z * z, z, grad_outputs=xg.ones(1, dtype=xg.complex64))
(tensor([2.-4.j]),)
>>> xg.func.jvp(lambda z: z * z, (z.detach(),), (xg.ones(1, dtype=xg.complex64),))[1]
tensor([2.+4.j])
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from xpgrad.autograd import anomaly_mode, function, functional, grad_mode, graph
from xpgrad.autograd.anomaly_mode import detect_anomaly, set_detect_anomaly
from xpgrad.autograd.function import Function
from xpgrad.autograd.gradcheck import gradcheck, gradgradcheck
from xpgrad.autograd.gradients import grad
from xpgrad.autograd.raw_saved import SavedTensor
from xpgrad.autograd.variable import Variable
from xpgrad.backward import backward
from xpgrad.mode import enable_grad, inference_mode, no_grad, set_grad_enabled

if TYPE_CHECKING:
    from xpgrad.autograd import forward_ad as forward_ad

__all__ = [
    "Function", "SavedTensor", "Variable", "backward", "detect_anomaly", "enable_grad", "grad",
    "gradcheck", "gradgradcheck", "inference_mode", "no_grad", "set_detect_anomaly",
    "set_grad_enabled",
    "anomaly_mode", "forward_ad", "function", "functional", "grad_mode", "graph",
]  # fmt: skip


def __getattr__(name: str) -> object:
    if name == "forward_ad":  # imported when first used, for it needs the transforms
        return importlib.import_module(f"xpgrad.autograd.{name}")
    raise AttributeError(f"module 'xpgrad.autograd' has no attribute {name!r}")
