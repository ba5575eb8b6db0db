"""Elementwise ops: each output element depends on the input elements at its place.

Conventions, as PyTorch's: ``abs'(0) = sign'(x) = 0``; `maximum` and `minimum` split ties in half;
complex gradients are conjugate Wirtinger (the direction of steepest descent).
"""

from __future__ import annotations

from xpgrad.op import op

# ------------------------------------------------------------------ arithmetic


@op(node="Add", elementwise=True, linear=True, x=lambda g: g, y=lambda g: g)
def add(xp, x, y, /):
    return xp.add(x, y)


@op(node="Sub", elementwise=True, linear=True, x=lambda g: g, y=lambda g: -g)
def subtract(xp, x, y, /):
    return xp.subtract(x, y)


@op(
    node="Mul",
    elementwise=True,
    x=lambda g, y, xp: g * xp.conj(y),
    y=lambda g, x, xp: g * xp.conj(x),
)
def multiply(xp, x, y, /):
    return xp.multiply(x, y)


@op(
    node="Div",
    elementwise=True,
    integers="float",
    x=lambda g, y, xp: g / xp.conj(y),
    y=lambda g, y, out, xp: -g * xp.conj(out / y),
)
def divide(xp, x, y, /):
    return xp.divide(x, y)


@op(node="Neg", elementwise=True, linear=True, x=lambda g: -g)
def negative(xp, x, /):
    return xp.negative(x)


@op(elementwise=True, integers="float", x=lambda g, out, xp: g * xp.conj(out))
def exp(xp, x, /):
    return xp.exp(x)


@op(elementwise=True, integers="float", x=lambda g, x, xp: g / xp.conj(x))
def log(xp, x, /):
    return xp.log(x)


@op(elementwise=True, integers="float", x=lambda g, out, xp: g - g * xp.conj(out * out))
def tanh(xp, x, /):
    return xp.tanh(x)


@op(elementwise=True, integers="float", x=lambda g, x, xp: g * xp.conj(xp.cos(x)))
def sin(xp, x, /):
    return xp.sin(x)
