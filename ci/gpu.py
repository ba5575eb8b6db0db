"""Run the whole suite, the demo and the benchmarks on CUDA, and write a dated record of it.

Exits with 0 where there is no CUDA (and says so) or where all is well, with 1 where something
failed; the record is written either way.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import importlib.util
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
import tomllib
import xml.etree.ElementTree as ET
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STAGES = ("tests", "demo", "bench")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="ci/gpu", description=__doc__)
    parser.add_argument("--no-venv", action="store_true", help="use what is installed: goes first")
    parser.add_argument(
        "--only", choices=STAGES, action="append", help="this stage alone (may be repeated)"
    )
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    default = ROOT / "ci" / "records" / f"gpu-{today}.md"
    parser.add_argument("--record", type=Path, default=default, help="where to write")
    parser.add_argument("--quick", action="store_true", help="benchmarks: few rounds")
    parser.add_argument("pytest", nargs="*", help="arguments for pytest, after --")
    return parser.parse_args()


@dataclass
class Report:
    """What a stage has to say."""

    title: str
    ok: bool
    lines: list[str] = field(default_factory=list)


# ------------------------------------------------------------------ the machine


def make_importable(folder: Path) -> None:
    """Let this process and its children find xpgrad in this tree, as an editable install does."""
    try:
        installed = importlib.metadata.distribution("xpgrad")
    except importlib.metadata.PackageNotFoundError:
        installed = None
    if installed is None:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
        info = folder / f"xpgrad-{project['version']}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: xpgrad\nVersion: {project['version']}\n"
        )
        groups = []
        for group, entries in project["entry-points"].items():
            groups += [f"[{group}]", *(f"{name} = {target}" for name, target in entries.items())]
        (info / "entry_points.txt").write_text("\n".join(groups) + "\n")
        paths = [str(folder), str(ROOT / "src"), str(ROOT / "backends")]
        sys.path[:0] = paths
        before = os.environ.get("PYTHONPATH")
        os.environ["PYTHONPATH"] = os.pathsep.join(paths + ([before] if before else []))


def why_not() -> str | None:
    """Why CUDA cannot be used here, or None."""
    from xpgrad.registry import backend_of

    return backend_of("cuda").unavailable()


def output(*command: str) -> str:
    """What a command prints, or an empty string where there is no such command."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def dotted(version: int) -> str:
    """CUDA's 13020 as 13.2."""
    return f"{version // 1000}.{version % 1000 // 10}"


def machine() -> list[tuple[str, str]]:
    """What ran this."""
    import cupy

    runtime = cupy.cuda.runtime
    properties = runtime.getDeviceProperties(0)
    count = runtime.getDeviceCount()
    gigabytes = properties["totalGlobalMem"] / 2**30
    name = (
        f"{count} × {properties['name'].decode()}, {gigabytes:.0f} GiB, "
        f"compute capability {properties['major']}.{properties['minor']}"
    )
    runs, built = runtime.driverGetVersion(), runtime.runtimeGetVersion()
    number = output("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader")
    driver = f"{number.splitlines()[0] if number else 'unknown'} (CUDA {dotted(runs)})"
    commit = output("git", "rev-parse", "--short", "HEAD") or "unknown"
    if output("git", "status", "--porcelain"):
        commit += " with changes"
    versions = {
        "Python": platform.python_version(),
        "CUDA runtime": f"{built // 1000}.{built % 1000 // 10}",
    }
    for package in ("numpy", "array-api-compat", "torch", "jax", "scipy"):
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = "absent"
    versions["cupy"] = cupy.__version__
    listed = ", ".join(f"{k} {v}" for k, v in versions.items())
    return [
        ("device", name),
        ("driver", driver),
        ("versions", listed),
        ("host", f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs"),
        ("xpgrad", commit),
    ]


# ------------------------------------------------------------------ the stages


def stream(*command: str, **env: str) -> tuple[int, list[str], float]:
    """Run a command, showing what it prints: its status, its lines and its seconds."""
    print(f"==> {' '.join(command[1:])}", flush=True)
    started = time.perf_counter()
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=ROOT,
        env={**os.environ, **env},
    )
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        print(line, end="", flush=True)
        lines.append(line.rstrip("\n").rpartition("\r")[2])
    return process.wait(), lines, time.perf_counter() - started


def tests(folder: Path, more: list[str]) -> Report:
    """The whole suite, on cuda besides the devices it always runs on."""
    results = folder / "tests.xml"
    command = [sys.executable, "-m", "pytest", "-q", "-m", "not oracle", f"--junitxml={results}"]
    if importlib.util.find_spec("xdist") is not None:
        command += ["-n", str(min(os.cpu_count() or 1, 8))]
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    status, _, seconds = stream(
        *command, *more, XPGRAD_TEST_DEVICE="cuda:0", XPGRAD_CUPY="1", **threads
    )
    report = Report("Tests", ok=status == 0)
    if not results.exists():
        report.lines = [f"pytest ended with status {status} and no results."]
        return report
    found = summarise(ET.parse(results).getroot())
    counts = ", ".join(f"{n} {what}" for what, n in found.counts.items())
    report.lines = [f"{counts} in {seconds:.0f} s; on CUDA: {found.on_cuda}."]
    if found.failures:
        report.lines += ["", "Failed:", ""]
        report.lines += [f"- `{name}`: {message}" for name, message in found.failures[:100]]
    if found.skips:
        report.lines += ["", "Skipped:", ""]
        report.lines += [f"- {n} × {reason}" for reason, n in found.skips.most_common(30)]
    return report


@dataclass
class Results:
    """What a run of pytest came to."""

    counts: dict[str, int]
    on_cuda: str
    failures: list[tuple[str, str]]
    skips: Counter[str]


def summarise(root: ET.Element) -> Results:
    """Read a run of pytest from its JUnit file."""
    counts: Counter[str] = Counter()
    on_cuda: Counter[str] = Counter()
    failures = []
    skips: Counter[str] = Counter()
    for case in root.iter("testcase"):
        name = f"{case.get('classname', '')}::{case.get('name', '')}"
        kind, problem = "passed", None
        for tag, what in (("failure", "failed"), ("error", "failed"), ("skipped", "skipped")):
            if (element := case.find(tag)) is not None:
                kind, problem = what, element.get("message", "")
        counts[kind] += 1
        if "cuda" in case.get("name", "") or "OnGpu" in name:
            on_cuda[kind] += 1
        if kind == "failed":
            failures.append((name, " ".join((problem or "").split())[:200]))
        elif kind == "skipped":
            skips[" ".join((problem or "").split())[:160]] += 1
    ordered = {what: counts[what] for what in ("passed", "failed", "skipped")}
    there = ", ".join(f"{on_cuda[what]} {what}" for what in ordered)
    return Results(ordered, there, failures, skips)


def demo(folder: Path) -> Report:
    """The digits classifier, trained on the device."""
    out = str(folder / "demo")
    command = (sys.executable, "examples/train_digits.py", "--device", "cuda", "--out", out)
    status, lines, seconds = stream(*command)
    last = next((line.strip() for line in reversed(lines) if line.strip()), "no output")
    good = status == 0 and re.fullmatch(r"test accuracy: \d+\.\d+ ?%", last) is not None
    said = [f"`{last}` after {seconds:.0f} s, imports and kernel compilation included."]
    if not good:
        said += ["", "```", *lines[-20:], "```"]
    return Report("Demo", ok=good, lines=said)


def bench(quick: bool) -> Report:
    """The benchmarks beside hand-written CuPy, PyTorch and JAX, as far as they are there."""
    command = [sys.executable, "ci/bench.py", "--device", "cuda", "--markdown"]
    status, lines, seconds = stream(*command, *(["--quick"] if quick else []))
    rows = [line for line in lines if line.startswith("|")]
    said = [line for line in lines if line and not line.startswith("|")]
    if status != 0:
        return Report("Benchmarks", ok=False, lines=["```", *lines[-20:], "```"])
    width = max((row.count("|") - 1 for row in rows), default=1)
    head = ["| " + " | ".join(["row", "xpgrad", *["other (xpgrad / other)"] * (width - 2)]) + " |"]
    head += ["|" + "---|" * width] if rows else []
    body = [*(f"{line}  " for line in said), "", *(head if rows else []), *rows]
    return Report("Benchmarks", ok=True, lines=[*body, "", f"{seconds:.0f} s."])


# ------------------------------------------------------------------ the record


def write(path: Path, about: list[tuple[str, str]], reports: list[Report]) -> None:
    """Write the record."""
    when = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
    verdict = "passed" if all(r.ok for r in reports) else "FAILED"
    lines = [f"# On CUDA, {when}: {verdict}", "", "| | |", "|---|---|"]
    lines += [f"| {what} | {value} |" for what, value in about]
    for report in reports:
        lines += ["", f"## {report.title}: {'passed' if report.ok else 'FAILED'}", ""]
        lines += report.lines
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", "utf-8")


def main() -> int:
    options = arguments()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_importable(folder)
        try:
            reason = why_not()
        except ImportError as error:
            print(f"ci/gpu: {error}; the Python used is {sys.executable}")
            return 1
        if reason is not None:
            print(f"ci/gpu: no CUDA here ({reason}): nothing to run, nothing recorded")
            return 0
        about = machine()
        print("\n".join(f"{what}: {value}" for what, value in about), flush=True)
        stages = {
            "tests": lambda: tests(folder, options.pytest),
            "demo": lambda: demo(folder),
            "bench": lambda: bench(options.quick),
        }
        reports: list[Report] = []
        for stage in options.only or STAGES:
            reports.append(stages[stage]())
            write(options.record, about, reports)  # after each: a later one may be cut off
    print(f"==> recorded in {options.record}")
    for report in reports:
        print(f"    {report.title}: {'passed' if report.ok else 'FAILED'}")
    return 0 if all(report.ok for report in reports) else 1


if __name__ == "__main__":
    sys.exit(main())
