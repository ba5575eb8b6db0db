"""One neuron, its loss and its gradients: worked out by hand, and left to autograd.

A neuron guesses p = sigmoid(w x + b); the loss is the cross entropy between p and the truth y.

    python examples/neuron.py [--device cuda]
"""

import argparse

import xpgrad as xg

parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
parser.add_argument("--device", default="cpu")
xg.set_default_device(parser.parse_args().device)

x, y = xg.tensor(6.7), xg.tensor(0.0)  # an input, and the right answer


def cross_entropy(p, y):
    p = xg.clamp(p, 1e-8, 1 - 1e-8)  # keeps log away from 0
    return -(y * xg.log(p) + (1 - y) * xg.log(1 - p))


# By hand: the derivative of each step, and the chain rule from the loss back to w and b.
w, b = xg.tensor(1.0), xg.tensor(0.0)
z = w * x + b
p = xg.sigmoid(z)
dL_dp = (p - y) / (p * (1 - p))
dp_dz = p * (1 - p)
dL_dw = dL_dp * dp_dz * x
dL_db = dL_dp * dp_dz
print(f"by hand:   loss {cross_entropy(p, y):.4f}  dL/dw {dL_dw:.4f}  dL/db {dL_db:.4f}")

# By autograd: say which tensors you want gradients for, compute, go backward.
w, b = xg.tensor(1.0, requires_grad=True), xg.tensor(0.0, requires_grad=True)
loss = cross_entropy(xg.sigmoid(w * x + b), y)
loss.backward()
print(f"autograd:  loss {loss:.4f}  dL/dw {w.grad:.4f}  dL/db {b.grad:.4f}")

print("\nwhat autograd remembered on the way:\n")
print(xg.viz.tree(loss, params={"w": w, "b": b}))
