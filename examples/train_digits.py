"""Train a classifier on 1,797 handwritten digits, and show what it has learned.

    python examples/train_digits.py [--device cuda] [--epochs 80] [--seed 0] [--out out]

Writes into the output folder: digits.png (how the loss fell, and test digits with predictions),
weights.safetensors, and the computation graph of the loss as graph.txt and graph.dot (graph.svg
too, where Graphviz is installed). Needs the extra: pip install 'xpgrad[examples]'
"""

import argparse
import os
import shutil
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # matrices this small are faster on one thread

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from tqdm import tqdm

import xpgrad as xg
from xpgrad import nn

TEST = 450  # of the 1,797 digits, a quarter, are never trained on


def load(device):
    """Return images (8 x 8, from 0 to 1) and labels in random order: training, then test."""
    digits = load_digits()
    images = xg.tensor(digits.images / 16, dtype=xg.float32, device=device)
    labels = xg.tensor(digits.target, device=device)
    order = xg.randperm(len(labels), device=device)
    images, labels = images[order], labels[order]
    return (images[TEST:], labels[TEST:]), (images[:TEST], labels[:TEST])


def jiggle(images):
    """Shift each image by up to half a pixel, so that no two epochs show quite the same digits."""
    for dim in (1, 2):
        shift = xg.rand(len(images), 1, 1, device=images.device) - 0.5
        ahead, back = images.roll(1, dim), images.roll(-1, dim)
        images = images * (1 - shift.abs()) + ahead * shift.relu() + back * (-shift).relu()
    return images


def make_model():
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(64, 256),
        nn.ReLU(),
        nn.Dropout(0.2),
        nn.Linear(256, 128),
        nn.ReLU(),
        nn.Dropout(0.2),
        nn.Linear(128, 10),
    )


def predict(model, images):
    model.eval()
    with xg.no_grad():
        guesses = model(images).argmax(1)
    model.train()
    return guesses


def accuracy(model, images, labels):
    return (predict(model, images) == labels).float().mean().item()


def train(model, training, test, epochs, batch):
    """Train, and return the loss and the test accuracy of each epoch."""
    images, labels = training
    optimizer = xg.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.1)
    schedule = xg.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    history = []
    progress = tqdm(range(epochs), desc="training", unit="epoch")
    for _ in progress:
        total = xg.zeros((), device=labels.device)  # stays on the device: no waiting in the loop
        for some in xg.randperm(len(labels), device=labels.device).split(batch):
            loss = nn.functional.cross_entropy(model(jiggle(images[some])), labels[some])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.detach() * len(some)
        schedule.step()
        history.append((total.item() / len(labels), accuracy(model, *test)))
        progress.set_postfix(
            loss=f"{history[-1][0]:.4f}", accuracy=f"{history[-1][1]:.1%}", refresh=False
        )
    return history


def draw(history, images, labels, guesses, path):
    """Draw how training went, beside test digits with predictions; mistakes first, in red."""
    figure = plt.figure(figsize=(12, 4.8), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=[1, 1.15])

    losses, accuracies = zip(*history)
    epochs = range(1, len(history) + 1)
    above, below = left.subplots(2, 1, sharex=True)
    above.semilogy(epochs, losses, color="tab:blue")
    above.set(title="training loss")
    below.plot(epochs, [100 * a for a in accuracies], color="tab:green")
    below.set(title=f"test accuracy (%), at last {accuracies[-1]:.1%}", xlabel="epoch")
    for ax in (above, below):
        ax.grid(alpha=0.3)
        ax.spines[["top", "right"]].set_visible(False)

    images, labels, guesses = (t.cpu().numpy() for t in (images, labels, guesses))
    order = sorted(range(len(labels)), key=lambda i: guesses[i] == labels[i])
    right.suptitle("test digits and predictions, mistakes first")
    for ax, i in zip(right.subplots(5, 10).flat, order):
        ax.imshow(images[i], cmap="gray_r", vmin=0, vmax=1)
        correct = guesses[i] == labels[i]
        says = f"{guesses[i]}" if correct else f"{guesses[i]}, is {labels[i]}"
        ax.set_title(says, fontsize=9, pad=2, color="tab:green" if correct else "tab:red")
        ax.axis("off")
    figure.savefig(path, dpi=150)
    plt.close(figure)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1 (default: cpu)")
    parser.add_argument("--epochs", type=int, default=80, help="default: 80")
    parser.add_argument("--batch", type=int, default=32, help="images in a step (default: 32)")
    parser.add_argument("--seed", type=int, default=0, help="same seed, same result (default: 0)")
    parser.add_argument("--out", type=Path, default=Path("out"), help="default: out")
    parser.add_argument("--quick", action="store_true", help="2 epochs, to see that all works")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    xg.manual_seed(args.seed)

    try:
        training, test = load(args.device)
    except xg.errors.DeviceError as error:
        parser.error(str(error))
    model = make_model().to(args.device)
    parameters = sum(p.numel() for p in model.parameters())
    print(f"{len(training[1])} digits to learn from, {TEST} to test on")
    print(f"{parameters} parameters on {args.device}")

    started = time.perf_counter()
    history = train(model, training, test, 2 if args.quick else args.epochs, args.batch)
    print(f"trained in {time.perf_counter() - started:.1f} s")

    draw(history, *test, predict(model, test[0]), args.out / "digits.png")
    xg.io.save_file(model.state_dict(), args.out / "weights.safetensors")

    loss = nn.functional.cross_entropy(model(training[0][:32]), training[1][:32])
    (args.out / "graph.txt").write_text(xg.viz.tree(loss, model) + "\n", encoding="utf-8")
    graph = xg.viz.make_dot(loss, model)
    graph.save(args.out / "graph.dot")
    if shutil.which("dot"):
        graph.render(outfile=args.out / "graph.svg", cleanup=True)
    print("wrote", ", ".join(sorted(str(path) for path in args.out.iterdir())))
    print(f"test accuracy: {100 * accuracy(model, *test):.1f} %")


if __name__ == "__main__":
    main()
