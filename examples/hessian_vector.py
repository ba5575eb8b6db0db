"""Newton's method for 650 unknowns, with a Hessian that nobody ever writes down.

Conjugate gradients solve ``H step = -gradient`` with products ``H v`` alone, and a product is the
derivative of the gradient in the direction v: forward over reverse, at the price of some two
gradients. The whole matrix would take 650 of them.

    python examples/hessian_vector.py [--device cuda]
"""

import argparse

from sklearn.datasets import load_digits

import xpgrad as xg
from xpgrad.func import grad, linearize
from xpgrad.nn import functional as F

parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
parser.add_argument("--device", default="cpu")
xg.set_default_device(parser.parse_args().device)

digits = load_digits()
images = xg.tensor(digits.data / 16, dtype=xg.float32)
labels = xg.tensor(digits.target)


def loss(w):
    """Of softmax regression, with a penalty that makes the minimum unique."""
    weight, bias = w[:640].reshape(10, 64), w[640:]
    return F.cross_entropy(F.linear(images, weight, bias), labels) + 0.5e-3 * (w @ w)


def solve(product, b, tolerance):
    """Conjugate gradients for ``product(x) = b``, and how many products that took."""
    x, r = xg.zeros_like(b), b
    p, rr, count = r, r @ r, 0
    while rr.sqrt() > tolerance * b.norm() and count < 100:
        Hp, count = product(p), count + 1
        alpha = rr / (p @ Hp)
        x, r = x + alpha * p, r - alpha * Hp
        p, rr = r + (r @ r) / rr * p, r @ r
    return x, count


w = xg.zeros(650)
for step in range(8):
    gradient, product = linearize(grad(loss), w)  # H v for any v, at this w
    size = gradient.norm()
    change, count = solve(product, -gradient, tolerance=min(0.5, size.sqrt().item()))
    print(f"step {step}: loss {loss(w):.5f}, gradient {size:.0e}, {count:2} products")
    w = w + change
print(f"gradient at last: {grad(loss)(w).norm():.0e}")
