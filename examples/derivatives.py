"""Functions and their derivatives, as plots.

The derivative of a function at a thousand points takes one backward: each point affects its own
result alone, so the gradient of the sum holds all the derivatives.

    python examples/derivatives.py [--device cuda] [--out out]
"""

import argparse
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

import xpgrad as xg

parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
parser.add_argument("--device", default="cpu")
parser.add_argument("--out", type=Path, default=Path("out"))
args = parser.parse_args()


def wild(x):
    return xg.log(x**2) * xg.sin(x) + 1 / x


def wild_by_hand(x):
    return 2 / x * xg.sin(x) + xg.log(x**2) * xg.cos(x) - 1 / x**2


figure, panels = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
for ax, name, f, by_hand, start, end in [
    (panels[0], "sin(x)", xg.sin, xg.cos, -6.28, 6.28),
    (panels[1], "log(x²) sin(x) + 1/x", wild, wild_by_hand, 0.5, 10.0),
]:
    x = xg.linspace(start, end, 1000, device=args.device, requires_grad=True)
    y = f(x)
    y.sum().backward()
    exact = by_hand(x.detach())
    print(
        f"{name}: largest difference from the derivative by hand {(x.grad - exact).abs().max():.1e}"
    )

    grid = x.detach().cpu()
    ax.plot(grid, y.detach().cpu(), label="f(x)")
    ax.plot(grid, x.grad.cpu(), label="f'(x) by autograd")
    ax.plot(grid[::50], exact[::50].cpu(), "k.", label="f'(x) by hand")
    ax.axhline(0, color="#cccccc", linewidth=1, zorder=0)
    ax.set(title=f"f(x) = {name}", xlabel="x")

figure.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
args.out.mkdir(parents=True, exist_ok=True)
figure.savefig(args.out / "derivatives.png", dpi=150)
print(f"wrote {args.out / 'derivatives.png'}")
