"""A deep network's gradients in less memory, for more arithmetic.

Backward needs what forward computed. `checkpoint_sequential` keeps it only at the seams between
segments and computes a segment's inside again when backward gets there: about sqrt(layers)
segments need the least memory, and arithmetic grows by a forward.

    python examples/checkpointing.py [--device cuda] [--layers 64]
"""

import argparse
import time
import tracemalloc

import xpgrad as xg
from xpgrad import nn
from xpgrad.utils.checkpoint import checkpoint_sequential

parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
parser.add_argument("--device", default="cpu")
parser.add_argument("--layers", type=int, default=64, help="default: 64")
args = parser.parse_args()
xg.set_default_device(args.device)
xg.manual_seed(0)
on_gpu = args.device.startswith("cuda")

layers = [nn.Sequential(nn.Linear(64, 64), nn.Tanh()) for _ in range(args.layers)]
network = nn.Sequential(*layers)
x = xg.randn(1024, 64)


def measure(forward):
    """The gradients, the most memory in use beyond what was there before (MB), and the time."""
    network.zero_grad()
    if on_gpu:
        xg.cuda.reset_peak_memory_stats(args.device)
        before = xg.cuda.memory_allocated(args.device)
    else:
        tracemalloc.start()
        before = 0
    started = time.perf_counter()
    forward(x).square().mean().backward()
    gradients = [p.grad for p in network.parameters()]
    gradients[0].sum().item()  # waits for the device
    seconds = time.perf_counter() - started
    if on_gpu:
        peak = xg.cuda.max_memory_allocated(args.device)
    else:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    return gradients, (peak - before) / 1e6, seconds


plain, most, seconds = measure(network)
print(f"{args.layers} layers, all kept:  {most:5.1f} MB  {1e3 * seconds:5.0f} ms")
for segments in (2, int(args.layers**0.5), args.layers):
    gradients, memory, seconds = measure(
        lambda x, n=segments: checkpoint_sequential(network, n, x, use_reentrant=False)
    )
    assert all(xg.equal(a, b) for a, b in zip(gradients, plain, strict=True))
    print(f"in {segments:2} segments:        {memory:5.1f} MB  {1e3 * seconds:5.0f} ms")
print("the gradients are the same, bit for bit")
