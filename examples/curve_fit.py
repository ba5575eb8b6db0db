"""Fitting a curve with SciPy's optimizer, and gradients from xpgrad.

SciPy searches, xpgrad differentiates: a function returns its value and its gradient as NumPy
numbers, and ``jac=True`` says so.

    python examples/curve_fit.py [--device cuda]
"""

import argparse

import numpy as np
from scipy.optimize import minimize

import xpgrad as xg

parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
parser.add_argument("--device", default="cpu")
device = parser.parse_args().device

names = ("amplitude", "decay", "frequency", "phase")
true = np.array([2.0, 0.3, 1.7, 0.5])


def curve(t, parameters):
    amplitude, decay, frequency, phase = parameters
    return amplitude * xg.exp(-decay * t) * xg.cos(frequency * t + phase)


# Measurements of a damped oscillation, with noise.
t = xg.linspace(0, 10, 200, dtype=xg.float64, device=device)
noise = np.random.default_rng(0).normal(scale=0.05, size=200)
measured = curve(t, xg.tensor(true, device=device)) + xg.tensor(noise, device=device)


def objective(values):
    parameters = xg.tensor(values, device=device, requires_grad=True)
    loss = ((curve(t, parameters) - measured) ** 2).mean()
    loss.backward()
    return loss.item(), parameters.grad.cpu().numpy()


found = minimize(objective, x0=[1.0, 0.1, 1.5, 0.0], jac=True, method="L-BFGS-B")
print(f"{found.message} after {found.nit} steps and {found.nfev} evaluations\n")
for name, here, there in zip(names, found.x, true):
    print(f"{name:10}  found {here:6.3f}   true {there:6.3f}")
print(f"\nroot mean square error {found.fun**0.5:.4f} (noise 0.05)")
