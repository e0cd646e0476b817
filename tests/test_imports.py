"""Who may import whom, and what importing costs."""

from __future__ import annotations

import ast
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LEVELS: tuple[frozenset[str], ...] = tuple(
    map(
        frozenset,
        (
            {"errors"},
            {"kernels"},
            {"layers", "losses"},
            {"learning", "settings"},
            {"compiled", "checkpoints", "evaluation"},
            {"engine"},
            {"race", "estimators"},
            {"jobs"},
            {"cli"},
        ),
    )
)
"""The packages of stream_rnn, lowest first. A package imports itself and those of lower levels."""
CONNECTORS = "connectors"
"""Imports nothing else of stream_rnn, and is imported by the packages in `ABOVE_CONNECTORS` alone."""
ABOVE_CONNECTORS = ("jobs", "cli")

SOURCES = {
    path.relative_to(ROOT): path.read_text()
    for folder in ("stream_rnn", "connectors")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if "stream_rnn/connectors" not in path.as_posix()
}
"""Every module's source. connectors/ is imported as stream_rnn.connectors."""


def module_of(path: Path) -> str:
    parts = path.with_suffix("").parts
    parts = parts if parts[0] == "stream_rnn" else ("stream_rnn", *parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): source for path, source in SOURCES.items()}


def imports_of(module: str, source: str) -> set[str]:
    """Return the modules of this project that a source imports, anywhere in it, for its types only or at run time."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                raise AssertionError(f"{module} imports relatively: imports here are absolute")
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in MODULES else str(node.module) for name in names}
    ours = {name for name in found if name.split(".")[0] in {"stream_rnn", "connectors"}}
    if unknown := sorted(ours - MODULES.keys()):
        raise AssertionError(f"{module} imports {unknown[0]}, which is no module of this project")
    return ours


def level_of(package: str) -> int:
    for level, packages in enumerate(LEVELS):
        if package in packages:
            return level
    raise AssertionError(f"package {package} is in no level: add it to LEVELS")


def check_imports(module: str, source: str) -> None:
    """Raise an AssertionError for the first import of a module that the rule forbids."""
    if module == "stream_rnn":  # the public names, fetched on first use
        return
    package = module.split(".")[1]
    for other in sorted(imports_of(module, source)):
        if other == "stream_rnn":  # of which only jobs, CLI and docstrings could have use; nothing inside needs it
            raise AssertionError(f"{module} imports the top of its own package: import the module that has the name")
        there = other.split(".")[1]
        if there == package:
            continue
        if CONNECTORS in {package, there}:
            allowed = there == CONNECTORS and package in ABOVE_CONNECTORS
        else:
            allowed = level_of(there) < level_of(package)
        if not allowed:
            raise AssertionError(f"{module} imports {other}: {package} may not import {there}")


def check_cycles(graph: dict[str, set[str]]) -> None:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        raise AssertionError(f"modules import each other in a circle: {' -> '.join(error.args[1])}") from None


def check(module: str, modules: dict[str, str]) -> None:
    check_imports(module, modules[module])
    check_cycles(graph_of(modules))


def graph_of(modules: dict[str, str]) -> dict[str, set[str]]:
    return {name: imports_of(name, source) for name, source in modules.items() if name != "stream_rnn"}


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_what_is_below_it(module: str) -> None:
    check_imports(module, MODULES[module])


def test_no_modules_import_each_other_in_a_circle() -> None:
    check_cycles(graph_of(MODULES))


def test_every_package_has_a_level() -> None:
    packages = {name.split(".")[1] for name in MODULES if name.count(".")} - {CONNECTORS}
    assert packages == frozenset().union(*LEVELS)


IMPORTERS = [name for name in MODULES if name != "stream_rnn"]


def upward_of(module: str) -> str:
    """Return a module that `module` must not import: one of a higher level, or for the highest one that imports it."""
    package = module.split(".")[1]
    if package == CONNECTORS:
        return "stream_rnn.errors"
    if package == "cli":
        return next(name for name, others in graph_of(MODULES).items() if name != module and module in others)
    return "stream_rnn.cli.app"


@pytest.mark.parametrize(
    "form", ["import {0}", "if TYPE_CHECKING:\n    from {1} import {2}", "def f():\n    import {0}"]
)
@pytest.mark.parametrize("module", IMPORTERS)
def test_an_upward_import_inserted_into_any_module_is_caught(module: str, form: str) -> None:
    if module in {"stream_rnn.cli", "stream_rnn.cli.__main__"} or module.endswith("__main__"):
        pytest.skip("the top of the command line: nothing is above it")
    try:
        other = upward_of(module)
    except StopIteration:
        pytest.skip(f"{module} is imported by none: nothing is above it")
    line = form.format(other, *other.rsplit(".", 1))
    modules = MODULES | {module: f"{MODULES[module]}\n{line}\n"}
    with pytest.raises(AssertionError, match=r"may not import|in a circle"):
        check(module, modules)


def run(code: str) -> str:
    made = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert made.stderr == ""
    return made.stdout.strip()


def test_importing_the_package_does_not_import_numba() -> None:
    assert run("import stream_rnn, sys; print('numba' in sys.modules, 'numpy' in sys.modules)") == "False False"


def test_settings_can_be_made_without_numba() -> None:
    code = "import sys; from stream_rnn import Settings; Settings(inputs=('x',)); print('numba' in sys.modules)"
    assert run(code) == "False"


def test_importing_the_engine_compiles_nothing() -> None:
    code = (
        "import stream_rnn.engine.engine; from stream_rnn.compiled import core, rollout, step;"
        "print(step.process.signatures, rollout.roll_out.signatures, core._bind.signatures)"
    )
    assert run(code) == "[] [] []"


def test_importing_evaluators_takes_no_time_series_and_compiles_nothing() -> None:
    code = (
        "import sys; import stream_rnn.estimators.evaluation; from stream_rnn.compiled import core, step;"
        "print('river.time_series' in sys.modules, step.process.signatures, core._bind.signatures)"
    )
    assert run(code) == "False [] []"


def test_what_is_public_is_listed_and_there() -> None:
    assert run("from stream_rnn import *; print(Engine.__name__, Settings.__name__)") == "Engine Settings"


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    code = "import stream_rnn\ntry: stream_rnn.Engin\nexcept AttributeError as error: print(error)"
    assert run(code) == "module 'stream_rnn' has no attribute 'Engin'"
