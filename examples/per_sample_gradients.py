"""The gradient of each digit's loss, all at once: vmap(grad(loss)) in place of a loop.

A batch's gradient is the mean of its examples' gradients and hides them. One at a time they tell
which examples a model would learn most from; here, which digits pull hardest at an untrained one.

    python examples/per_sample_gradients.py [--device cuda] [--batch 256]
"""

import argparse
import time

from sklearn.datasets import load_digits

import xpgrad as xg
from xpgrad.func import grad, vmap
from xpgrad.nn import functional as F

parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
parser.add_argument("--device", default="cpu")
parser.add_argument("--batch", type=int, default=256, help="how many digits (default: 256)")
args = parser.parse_args()
xg.set_default_device(args.device)
xg.manual_seed(0)

digits = load_digits()
images = xg.tensor(digits.data[: args.batch] / 16, dtype=xg.float32)
labels = xg.tensor(digits.target[: args.batch])
layers = [(xg.randn(m, n) / n**0.5, xg.zeros(m)) for n, m in ((64, 256), (256, 128), (128, 10))]


def loss(layers, image, label):
    """Of one image of 64 pixels."""
    for weight, bias in layers[:-1]:
        image = F.relu(F.linear(image, weight, bias))
    return F.cross_entropy(F.linear(image, *layers[-1]), label)


def flat(gradients):
    return xg.cat([part.reshape(len(part), -1) for layer in gradients for part in layer], 1)


def at_once():
    return vmap(grad(loss), in_dims=(None, 0, 0))(layers, images, labels)


def one_by_one():
    each = [grad(loss)(layers, image, label) for image, label in zip(images, labels)]
    return [tuple(map(xg.stack, zip(*layer))) for layer in zip(*each)]


def timed(function):
    """The result, and the shortest of the times that it takes within half a second."""
    times = []
    while len(times) < 3 or sum(times) < 0.5:
        result = None  # makes room for the next
        started = time.perf_counter()
        result = function()
        result[0][0].sum().item()  # waits for the device
        times.append(time.perf_counter() - started)
    return flat(result), min(times)


looped, slow = timed(one_by_one)
batched, fast = timed(at_once)
print(f"{batched.shape[0]} digits, a gradient of {batched.shape[1]} numbers for each")
print(f"largest difference from a loop's: {(batched - looped).abs().max().item():.0e}")
print(f"loop {1e3 * slow:.1f} ms, vmap {1e3 * fast:.1f} ms: {slow / fast:.1f} times as fast")

pull = batched.norm(dim=1)
strongest = pull.argsort(descending=True)[:5].tolist()
print(
    "hardest pulls:", ", ".join(f"a {labels[i].item()} ({pull[i].item():.2f})" for i in strongest)
)
