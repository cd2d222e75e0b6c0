"""The layout's promises: one shared namespace, and imports that point one way."""

import ast
import functools
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOTS = ("client", "loadtest", "model_zoo", "protos", "server")
PACKAGES = sorted(
    path for path in ROOT.glob("*/interim/*") if path.is_dir() and not path.name.startswith("_")
)
MAY_IMPORT = {  # by package, not by folder: a folder may hold two packages
    "v1": {"v1"},
    "client": {"client", "v1"},
    "scheduling": {"scheduling"},
    "model_zoo": {"model_zoo"},
    "training": {"training", "model_zoo"},
    "server": {"server", "scheduling", "model_zoo", "v1"},
    "loadtest": {"loadtest", "client", "scheduling", "model_zoo", "v1"},
}
FRONT_MAY_USE = {"messages", "arena", "channel"}  # the border of the engine; the rest is the engine's own


@functools.cache
def imports(path: Path) -> list[ast.Import | ast.ImportFrom]:
    """Every import of one module, wherever in it."""
    nodes = ast.walk(ast.parse(path.read_text()))
    return [node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)]


def imported_names(folder: Path) -> set[str]:
    """Every absolute name of `interim` that the modules of one folder import, as `interim.a.b.c`."""
    nodes = [node for path in folder.rglob("*.py") for node in imports(path)]
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [
        f"{node.module}.{alias.name}"
        for node in nodes
        if isinstance(node, ast.ImportFrom) and node.module and not node.level
        for alias in node.names
    ]
    return {name for name in names if name.startswith("interim.")}


def arrows() -> dict[str, set[str]]:
    """For every module of ours the modules that it imports: to run, for its annotations, or only when called."""
    paths = [path for folder in PACKAGES for path in folder.rglob("*.py")]
    modules = {".".join(path.relative_to(ROOT).with_suffix("").parts[1:]): path for path in paths}
    found: dict[str, set[str]] = {}
    for module, path in modules.items():
        nodes = [node for node in imports(path) if isinstance(node, ast.ImportFrom)]
        names = {f"{node.module}.{alias.name}" for node in nodes for alias in node.names}
        found[module] = (names | {str(node.module) for node in nodes}) & modules.keys() - {module}
    return found


def loaded_by(statement: str) -> set[str]:
    """The top-level modules that a fresh interpreter holds after one statement."""
    code = f"import sys; {statement}; print(*{{name.split('.')[0] for name in sys.modules}})"
    paths = ":".join(str(ROOT / root) for root in ROOTS)
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, env={"PYTHONPATH": paths}
    )
    return set(done.stdout.split())


def test_no_folder_claims_the_namespace() -> None:
    """One stray interim/__init__.py would hide the other four roots."""
    assert len(PACKAGES) == len(MAY_IMPORT)
    assert not list(ROOT.glob("*/interim/__init__.py"))


@pytest.mark.parametrize("folder", PACKAGES, ids=lambda path: path.name)
def test_every_package_is_typed(folder: Path) -> None:
    """Users' type checkers read our annotations."""
    assert (folder / "py.typed").exists()


@pytest.mark.parametrize("folder", PACKAGES, ids=lambda path: path.name)
def test_imports_point_one_way(folder: Path) -> None:
    """Every arrow between packages is one of docs/design.md's."""
    assert {name.split(".")[1] for name in imported_names(folder)} <= MAY_IMPORT[folder.name]


def test_no_modules_import_each_other_in_a_circle() -> None:
    """What a module is made of can be read before it; an import for annotations alone is one, too."""
    TopologicalSorter(arrows()).prepare()


def test_the_engine_does_not_know_the_front() -> None:
    """The engine owns only work: it can be started, tested and replaced without a front."""
    names = imported_names(ROOT / "server/interim/server/engine")
    assert not {name for name in names if name.startswith("interim.server.front")}


def test_the_front_knows_only_the_border_of_the_engine() -> None:
    """The front speaks to an engine in messages and slots, nothing else."""
    names = imported_names(ROOT / "server/interim/server/front")
    parts = {name.split(".")[3] for name in names if name.startswith("interim.server.engine.")}
    assert parts <= FRONT_MAY_USE


def test_loadtest_uses_only_the_numpy_metrics_of_the_zoo() -> None:
    """A load test runs where no torch is installed; the metrics' errors go with them."""
    names = imported_names(ROOT / "loadtest/interim/loadtest")
    zoo = {name for name in names if name.startswith("interim.model_zoo")}
    assert all(name.startswith(("interim.model_zoo.metrics", "interim.model_zoo.errors")) for name in zoo)
    assert "torch" not in loaded_by("import interim.loadtest.main, interim.loadtest.quality")


def test_scheduling_needs_only_the_standard_library() -> None:
    """Simulator and server drive the very same scheduler, with no clock, thread or tensor in it."""
    heavy = {"torch", "numpy", "grpc", "aiohttp", "asyncio", "threading"}
    code = "import importlib, pkgutil, interim.scheduling as s; [importlib.import_module(m.name) for m in pkgutil.walk_packages(s.__path__, 'interim.scheduling.')]"
    before = loaded_by("import importlib, pkgutil")
    assert not (loaded_by(code) - before) & heavy


def test_the_client_loads_no_torch() -> None:
    """The base install is the light client."""
    assert not loaded_by("import interim.client.main") & {"torch", "aiohttp", "prometheus_client"}


def test_the_front_loads_no_torch() -> None:
    """Tensors live in the engine's process: the front starts fast and stays small."""
    assert "torch" not in loaded_by("import interim.server.main")
