"""A derivative of one's own: training weights that may only be -1 or +1.

The sign function is flat, so its true derivative is zero and teaches nothing. A *straight-through
estimator* computes the sign going forward and lets the gradient pass going backward.

    python examples/custom_function.py [--device cuda]
"""

import argparse

import xpgrad as xg

parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
parser.add_argument("--device", default="cpu")
xg.set_default_device(parser.parse_args().device)


class Sign(xg.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return xg.sign(x)

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return grad * (x.abs() <= 1)  # as if the derivative were 1 near zero


xg.manual_seed(0)
secret = xg.sign(xg.randn(12))
inputs = xg.randn(200, 12)
answers = inputs @ secret

weights = xg.nn.Parameter(0.1 * xg.randn(12))
optimizer = xg.optim.SGD([weights], lr=0.002)
for step in range(31):
    loss = ((inputs @ Sign.apply(weights) - answers) ** 2).mean()
    if step % 5 == 0:
        wrong = (xg.sign(weights) != secret).sum()
        print(f"step {step:2}: loss {loss.item():7.3f}, {wrong.item():2} of 12 signs wrong")
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

print("secret ", "".join("+" if s > 0 else "-" for s in secret.tolist()))
print("learned", "".join("+" if s > 0 else "-" for s in weights.tolist()))
