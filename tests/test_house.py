"""The rules of the house: what stands where, what may import what, how large the engine may grow.

Each check is a function from text or paths to a list of complaints, so that it can be shown to
complain about a bad sample as well as to be content with this repository.
"""

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / "xpgrad"

TOP_LEVEL = {"pyproject.toml", "README.md", "src", "backends", "tests", "ci", "examples"}
CONVENTION = {"LICENSE", ".gitignore", ".github", ".ci"}

# Array libraries stand behind backends/, and backends behind their entry points.
FORBIDDEN = {
    *("cupy", "cupyx", "torch", "jax", "dask", "array_api_strict", "mlx", "dpnp"),
    "xpgrad_backends",
}

# Lowest first. On import, a module or package of src/xpgrad may import from its own layer and from
# those above it in this table; inside a function it may import what it likes.
LAYERS = [
    {"errors", "dtypes", "device", "printing", "mode", "size"},
    {
        *("namespace", "registry", "indexing", "host", "host_linalg"),
        *("portable", "extras", "fused", "losses", "pieces", "sampled", "sequences", "windowed"),
        *("boxes", "distant"),
    },
    {"tensor", "graph", "hooks", "arrivals", "versions", "views", "_methods"},
    {"op", "call", "promotion"},
    {"backward"},
    {"ops"},
    {"array_api"},
    {"door", "random", "inplace", "creation", "cuda", "linalg", "fft"},
    {"autograd", "func", "special", "viz", "testing"},
    {"nn", "io", "data"},
    {"optim", "utils"},
    {"__init__"},
]

ENGINE = {"namespace", "tensor", "graph", "backward"}
ENGINE_LINES = 1_500

DEPENDENCIES = {"numpy", "array-api-compat"}

# In pieces, so that this file is not its own culprit. Only .ci/run may know what lies beside the
# repository.
MACHINE_PATHS = re.compile(r"(?<![\w.-])/(?:work|root)/|/tmp/ven[v]|/opt/(?:pypi|wheels)")
BESIDE = "../" + "shared"


def tracked_files() -> list[str]:
    """Return what git tracks, as paths relative to the root; skip where git cannot tell."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout: cannot tell which files are tracked")
    try:
        git = subprocess.run(
            ["git", "-C", str(ROOT), "ls-files", "-z"], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        pytest.skip("git is not installed: cannot tell which files are tracked")
    if git.returncode:
        pytest.skip(f"git ls-files failed: {git.stderr.strip()}")
    files = [file for file in git.stdout.split("\0") if file]
    if not files:
        pytest.skip("git tracks nothing yet")
    return files


def modules() -> list[tuple[Path, str]]:
    """Return every module of the package: its path inside src/, and its source."""
    paths = sorted(PACKAGE.rglob("*.py"))
    assert paths, f"no modules under {PACKAGE}"
    return [(path.relative_to(PACKAGE.parent), path.read_text("utf-8")) for path in paths]


def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


# ── the top level ────────────────────────────────────────────────────────────────────────────────


def check_top_level(files: Iterable[str]) -> list[str]:
    found = {file.split("/")[0] for file in files}
    allowed = TOP_LEVEL | CONVENTION
    return [f"{name}: does not belong at the top level" for name in sorted(found - allowed)] + [
        f"{name}: missing from the top level" for name in sorted(allowed - found)
    ]


def test_top_level():
    assert check_top_level(tracked_files()) == []


def test_top_level_complains():
    files = [f"{name}/file" for name in TOP_LEVEL | CONVENTION]
    assert check_top_level(files) == []
    assert check_top_level([*files, "setup.py"]) == ["setup.py: does not belong at the top level"]
    assert check_top_level(set(files) - {"ci/file"}) == ["ci: missing from the top level"]


# ── who may import array libraries ───────────────────────────────────────────────────────────────


def imported_names(node: ast.AST) -> Iterator[str]:
    """Yield the absolute dotted names that one node imports; none for other nodes."""
    match node:
        case ast.Import(names=names):
            yield from (alias.name for alias in names)
        case ast.ImportFrom(module=str(module), names=names, level=0):
            yield from (f"{module}.{alias.name}" for alias in names)
        case ast.Call(
            func=ast.Name(id="import_module" | "__import__")
            | ast.Attribute(attr="import_module" | "__import__"),
            args=[ast.Constant(value=str(name)), *_],
        ):
            yield name


def check_libraries(path: Path, source: str) -> list[str]:
    return [
        f"{path}:{node.lineno}: imports {name}"
        for node in ast.walk(ast.parse(source))
        for name in imported_names(node)
        if not FORBIDDEN.isdisjoint(name.split("."))
    ]


def test_only_backends_import_array_libraries():
    assert [line for path, source in modules() for line in check_libraries(path, source)] == []


@pytest.mark.parametrize(
    "source",
    [
        "import cupy",
        "import numpy, cupy as cp",
        "import cupyx.scipy.special",
        "from torch import nn",
        "from array_api_compat import cupy",
        "import array_api_compat.dask.array",
        "def f():\n    import jax.numpy as jnp",
        "class A:\n    def f(self):\n        from array_api_strict import exp",
        "if TYPE_CHECKING:\n    import mlx",
        "importlib.import_module('dpnp')",
        "x = import_module('cupy.cuda', None)",
        "def f():\n    return __import__('cupyx')",
        "from xpgrad_backends.numpy import backend",
    ],
)
def test_only_backends_import_array_libraries_complains(source):
    assert len(check_libraries(Path("xpgrad/bad.py"), source)) == 1


@pytest.mark.parametrize(
    "source",
    [
        "import numpy",
        "from . import torch",
        "import array_api_compat",
        "import cupydo",
        "'import cupy'  # import cupy",
        "importlib.import_module(name)",
    ],
)
def test_only_backends_import_array_libraries_is_content(source):
    assert check_libraries(Path("xpgrad/good.py"), source) == []


# ── the direction of imports ─────────────────────────────────────────────────────────────────────


def layer(module: str) -> int | None:
    return next((number for number, names in enumerate(LAYERS) if module in names), None)


def run_on_import(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Yield the nodes that run when their module is imported: no functions, no TYPE_CHECKING."""
    for node in nodes:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
                continue
            case ast.If(test=ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING")):
                yield from run_on_import(node.orelse)
            case _:
                yield node
                yield from run_on_import(ast.iter_child_nodes(node))


def imported_modules(path: Path, node: ast.AST) -> Iterator[str]:
    """Yield the modules directly under xpgrad that a node of the module at `path` imports."""
    for name in imported_names(absolute(path, node)):
        parts = name.split(".")
        if parts[0] == "xpgrad":
            # `from xpgrad import x`: the module x or, failing that, something __init__ made.
            at_root = len(parts) == 1 or (isinstance(node, ast.ImportFrom) and len(parts) == 2)
            known = len(parts) > 1 and layer(parts[1]) is not None
            yield "__init__" if at_root and not known else parts[1]


def absolute(path: Path, node: ast.AST) -> ast.AST:
    if not isinstance(node, ast.ImportFrom) or node.level == 0:
        return node
    package = path.parts[: len(path.parts) - node.level]
    module = ".".join([*package, *([node.module] if node.module else [])])
    return ast.ImportFrom(module=module, names=node.names, level=0)


def check_direction(path: Path, source: str) -> list[str]:
    own = Path(path.parts[1]).stem
    height = layer(own)
    if height is None:
        return [f"{path}: {own} is in no layer; give it one in LAYERS of {Path(__file__).name}"]
    complaints = []
    for node in run_on_import(ast.parse(source).body):
        for module in imported_modules(path, node):
            other = layer(module)
            if other is None:
                complaints.append(f"{path}:{node.lineno}: imports {module}, which is in no layer")
            elif other > height:
                complaints.append(f"{path}:{node.lineno}: {own} imports {module} from above itself")
    return complaints


def test_imports_run_one_way():
    assert [line for path, source in modules() for line in check_direction(path, source)] == []


@pytest.mark.parametrize(
    ("path", "source", "complaint"),
    [
        ("backward.py", "from . import ops", "backward imports ops"),
        ("backward.py", "from .ops import exp", "backward imports ops"),
        ("backward.py", "from .ops.elementwise import exp", "backward imports ops"),
        ("backward.py", "import xpgrad.ops", "backward imports ops"),
        ("backward.py", "from xpgrad.ops import exp", "backward imports ops"),
        ("backward.py", "from xpgrad import ops", "backward imports ops"),
        ("backward.py", "import xpgrad", "backward imports __init__"),
        ("backward.py", "from . import float32", "backward imports __init__"),
        ("backward.py", "try:\n    from . import ops\nfinally:\n    pass", "backward imports ops"),
        ("backward.py", "class A:\n    from . import ops", "backward imports ops"),
        ("backward.py", "importlib.import_module('xpgrad.ops')", "backward imports ops"),
        ("backward.py", "if TYPE_CHECKING:\n    pass\nelse:\n    import xpgrad.nn", "imports nn"),
        ("ops/shape.py", "from .. import nn", "ops imports nn"),
        ("ops/__init__.py", "from ..autograd import grad", "ops imports autograd"),
        ("ops/a/b.py", "from ...optim import SGD", "ops imports optim"),
        ("nonsense.py", "", "nonsense is in no layer; give it one in LAYERS of test_house.py"),
        ("backward.py", "from .nonsense import f", "imports nonsense, which is in no layer"),
    ],
)
def test_imports_run_one_way_complains(path, source, complaint):
    (found,) = check_direction(Path("xpgrad", path), source)
    assert complaint in found


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("backward.py", "import numpy\nfrom . import tensor\nfrom .graph import Node"),
        ("backward.py", "def f():\n    from . import ops"),
        ("backward.py", "if TYPE_CHECKING:\n    from .ops import exp"),
        ("backward.py", "if typing.TYPE_CHECKING:\n    import xpgrad.ops"),
        ("ops/shape.py", "from . import elementwise\nfrom ..op import op\nfrom .nn import f"),
        ("ops/__init__.py", "from . import elementwise\nfrom .nn import softmax"),
        ("__init__.py", "from . import nn, optim\nfrom .tensor import Tensor"),
        ("registry.py", "from .namespace import Namespace"),
    ],
)
def test_imports_run_one_way_is_content(path, source):
    assert check_direction(Path("xpgrad", path), source) == []


# ── the engine's size ────────────────────────────────────────────────────────────────────────────


def check_engine_lines(sources: Iterable[tuple[Path, str]]) -> list[str]:
    lines = {
        str(path): len(source.splitlines())
        for path, source in sources
        if Path(path.parts[1]).stem in ENGINE
    }
    total = sum(lines.values())
    return [] if total < ENGINE_LINES else [f"the engine has {total} lines: {lines}"]


def test_engine_lines():
    assert check_engine_lines(modules()) == []


def test_engine_lines_complains():
    half, package = Path("xpgrad/tensor.py"), Path("xpgrad/backward.py")
    assert check_engine_lines([(half, "\n" * 749), (package, "\n" * 750)]) == []
    assert check_engine_lines([(half, "\n" * 9000), (Path("xpgrad/ops/a.py"), "")]) != []
    (found,) = check_engine_lines([(half, "\n" * 750), (package, "\n" * 750)])
    assert "1500 lines" in found


# ── what is declared ─────────────────────────────────────────────────────────────────────────────


def check_dependencies(pyproject: dict) -> list[str]:
    found = {re.split(r"[^\w.-]", text)[0] for text in pyproject["project"]["dependencies"]}
    return [f"{name}: a run-time dependency too many" for name in sorted(found - DEPENDENCIES)] + [
        f"{name}: not declared" for name in sorted(DEPENDENCIES - found)
    ]


def test_dependencies():
    assert check_dependencies(project()) == []


def test_dependencies_complains():
    bad = {"project": {"dependencies": ["numpy>=2.0", "scipy[all] >=1; python_version<'4'"]}}
    assert check_dependencies(bad) == [
        "scipy: a run-time dependency too many",
        "array-api-compat: not declared",
    ]


def check_wheel(pyproject: dict, root: Path) -> list[str]:
    """Compare what the wheel is told to hold with what lies in the tree."""
    build = pyproject["tool"]["hatch"]["build"]
    packages = build["targets"]["wheel"]["packages"]
    complaints = []
    if packages != ["src/xpgrad", "backends/xpgrad_backends"]:
        complaints.append(f"the wheel holds {packages}")
    if build["dev-mode-dirs"] != ["src", "backends"]:
        complaints.append(f"an editable install reaches {build['dev-mode-dirs']}")
    for package in packages:
        complaints += [
            f"{package}/{file}: missing"
            for file in ("__init__.py", "py.typed")
            if not (root / package / file).is_file()
        ]
    for name, target in pyproject["project"]["entry-points"]["xpgrad.backends"].items():
        file = "backends/" + target.split(":")[0].replace(".", "/") + ".py"
        if not (root / file).is_file():
            complaints.append(f"entry point {name}: {file} is missing")
    return complaints


def test_wheel():
    assert check_wheel(project(), ROOT) == []


def test_wheel_complains(tmp_path):
    assert check_wheel(project(), tmp_path) == [
        "src/xpgrad/__init__.py: missing",
        "src/xpgrad/py.typed: missing",
        "backends/xpgrad_backends/__init__.py: missing",
        "backends/xpgrad_backends/py.typed: missing",
        *(
            f"entry point {device}: backends/xpgrad_backends/{name}.py is missing"
            for device, name in (("cpu", "numpy"), ("cuda", "cupy"), ("strict", "strict"))
        ),
    ]
    bad = project()
    bad["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"] = ["src/xpgrad"]
    bad["tool"]["hatch"]["build"]["dev-mode-dirs"] = ["src"]
    assert {"the wheel holds ['src/xpgrad']", "an editable install reaches ['src']"} < set(
        check_wheel(bad, tmp_path)
    )


# ── what is published ────────────────────────────────────────────────────────────────────────────


def check_paths(file: str, text: str) -> list[str]:
    complaints = [
        f"{file}:{number}: names a path of somebody's machine: {found[0]}"
        for number, line in enumerate(text.splitlines(), 1)
        if (found := MACHINE_PATHS.search(line))
    ]
    if BESIDE in text and file != ".ci/run":
        complaints.append(f"{file}: names {BESIDE}, which no clone has")
    return complaints


def test_no_machine_paths():
    complaints = []
    for file in tracked_files():
        try:
            text = (ROOT / file).read_text("utf-8")
        except (UnicodeDecodeError, FileNotFoundError, IsADirectoryError):
            continue  # binary, deleted but not yet committed, or a link to a directory
        complaints += check_paths(file, text)
    assert complaints == []


@pytest.mark.parametrize(
    "path", ["work/main", "tmp/venv", "root/.cache", "opt/pypi/simple", "opt/wheels"]
)
def test_no_machine_paths_complains(path):
    (found,) = check_paths("README.md", f"See\n`/{path}`.")
    assert found.startswith("README.md:2: names a path")


def test_no_machine_paths_knows_its_limits():
    assert check_paths("README.md", "framework/work/x, ./work/, teamwork/ and /tmp/x") == []
    assert check_paths("ci/test", BESIDE) == [f"ci/test: names {BESIDE}, which no clone has"]
    assert check_paths(".ci/run", BESIDE) == []
