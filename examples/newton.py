"""Newton's method: second derivatives find the bottom of Rosenbrock's valley in a few steps.

Where gradient descent needs thousands of steps along the curved valley, the Hessian tells how it
curves. Close to the minimum the number of right digits doubles with each step.

    python examples/newton.py [--device cuda]
"""

import argparse

import numpy as np

import xpgrad as xg

parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
parser.add_argument("--device", default="cpu")
device = parser.parse_args().device


def rosenbrock(p):
    x, y = p
    return (1 - x) ** 2 + 100 * (y - x**2) ** 2


def distance(p):
    return (p - 1).norm().item()  # the minimum is at (1, 1)


p = xg.tensor([-1.2, 1.0], dtype=xg.float64, device=device)
print("Newton's method")
for step in range(8):
    print(f"  step {step}: f = {rosenbrock(p).item():8.2e}, distance {distance(p):.1e}")
    gradient = xg.autograd.functional.jacobian(rosenbrock, p)
    hessian = xg.autograd.functional.hessian(rosenbrock, p)
    p = p - xg.tensor(np.linalg.solve(hessian.cpu(), gradient.cpu()), device=device)

p = xg.nn.Parameter(xg.tensor([-1.2, 1.0], dtype=xg.float64, device=device))
optimizer = xg.optim.SGD([p], lr=0.001)
print("gradient descent")
for step in range(2001):
    if step % 500 == 0:
        print(f"  step {step:4}: f = {rosenbrock(p).item():8.2e}, distance {distance(p):.1e}")
    optimizer.zero_grad()
    rosenbrock(p).backward()
    optimizer.step()
