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
            {"time_formats"},
            {"timezones"},
            {"kernels"},
            {"layers", "losses"},
            {"learning", "settings"},
            {"compiled", "checkpoints", "evaluation"},
            {"engine"},
            {"race"},
            {"estimators"},
            {"jobs"},
            {"jobs.replay", "jobs.live"},
            {"jobs.mqtt"},
            {"cli.arguments"},
            {"cli.console"},
            {"cli.diagnose"},
            {"cli.plots"},
            {"cli.commands"},
            {"cli"},
        ),
    )
)
"""The packages of stream_rnn, lowest first. A package imports itself and those of lower levels."""
CONNECTORS: tuple[frozenset[str], ...] = tuple(
    map(
        frozenset,
        (
            {"errors"},
            {"time_formats"},
            {"timezones"},
            {"connectors"},
            {"connectors.decode"},
            {"connectors.ordering"},
            {"connectors.registry"},
            {"connectors.shapes"},
            {"connectors.files"},
            {"connectors.kafka"},
            {"connectors.mqtt"},
        ),
    )
)
"""The same of connectors, which import nothing else of stream_rnn but its errors, time zones and formats."""
ABOVE_CONNECTORS = ("jobs", "cli")
"""The packages, with those inside them, that import connectors."""

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


def package_of(module: str) -> str:
    """Return the package that a module is in, or the package itself, without the leading stream_rnn."""
    parts = module.split(".")[1:]
    is_package = any(name.startswith(f"{module}.") for name in MODULES)
    return ".".join(parts if is_package or len(parts) == 1 else parts[:-1])


def is_allowed(package: str, other: str) -> bool:
    """Say whether a package may import another one."""
    if package == other:
        return True
    if other.startswith("connectors") and package.split(".", maxsplit=1)[0] in ABOVE_CONNECTORS:
        return True
    levels = CONNECTORS if package.startswith("connectors") else LEVELS
    level, there = (next((n for n, names in enumerate(levels) if name in names), None) for name in (package, other))
    if level is None:
        raise AssertionError(f"package {package} is in no level: add it to LEVELS")
    return there is not None and there < level


def check_imports(module: str, others: set[str]) -> None:
    """Raise an AssertionError for the first import of a module that the rule forbids."""
    for other in sorted(others):
        if other == "stream_rnn":
            raise AssertionError(f"{module} imports stream_rnn: import the module that has the name")
        if not is_allowed(package_of(module), package_of(other)):
            raise AssertionError(f"{module} imports {other}: {package_of(module)} may not import {package_of(other)}")


def check_cycles(graph: dict[str, set[str]]) -> None:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        raise AssertionError(f"modules import each other in a circle: {' -> '.join(error.args[1])}") from None


INSIDE = {name: source for name, source in MODULES.items() if name != "stream_rnn"}
"""All modules but the top, whose public names are fetched on first use."""
GRAPH = {name: imports_of(name, source) for name, source in INSIDE.items()}


@pytest.mark.parametrize("module", INSIDE)
def test_a_module_imports_only_what_is_below_it(module: str) -> None:
    check_imports(module, GRAPH[module])


def test_no_modules_import_each_other_in_a_circle() -> None:
    check_cycles(GRAPH)


def test_every_package_has_exactly_one_level() -> None:
    levels = [name for packages in (*LEVELS, *CONNECTORS[3:]) for name in packages]
    assert sorted(levels) == sorted({package_of(name) for name in INSIDE})


def upward_of(module: str) -> str:
    """Return a module that `module` must not import, because it is above it."""
    if module.startswith("stream_rnn.connectors"):
        return "stream_rnn.kernels.jit"
    return "stream_rnn.cli.app"


BELOW_THE_TOP = [name for name in INSIDE if package_of(name) != "cli"]
FORMS = ("import {0}", "if TYPE_CHECKING:\n    from {1} import {2}", "def f():\n    import {0}")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("module", BELOW_THE_TOP)
def test_an_upward_import_inserted_into_any_module_is_caught(module: str, form: str) -> None:
    other = upward_of(module)
    source = f"{INSIDE[module]}\n{form.format(other, *other.rsplit('.', 1))}\n"
    with pytest.raises(AssertionError, match="may not import"):
        check_imports(module, imports_of(module, source))


@pytest.mark.parametrize("module", [name for name in INSIDE if any(name in others for others in GRAPH.values())])
def test_a_circle_closed_at_any_module_is_caught(module: str) -> None:
    importer = next(name for name, others in GRAPH.items() if module in others)
    with pytest.raises(AssertionError, match="in a circle"):
        check_cycles(GRAPH | {module: GRAPH[module] | {importer}})


def test_a_package_without_a_level_is_caught() -> None:
    with pytest.raises(AssertionError, match="in no level"):
        is_allowed("elsewhere", "errors")


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
        "import stream_rnn.engine.engine; from stream_rnn.compiled import rollout, step;"
        "print(step.process.signatures, rollout.roll_out.signatures)"
    )
    assert run(code) == "[] []"


def test_importing_evaluators_takes_no_time_series_and_compiles_nothing() -> None:
    code = (
        "import sys; import stream_rnn.estimators.evaluation; from stream_rnn.compiled import step;"
        "print('river.time_series' in sys.modules, step.process.signatures)"
    )
    assert run(code) == "False []"


def test_what_is_public_is_listed_and_there() -> None:
    assert run("from stream_rnn import *; print(Engine.__name__, Settings.__name__)") == "Engine Settings"


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    code = "import stream_rnn\ntry: stream_rnn.Engin\nexcept AttributeError as error: print(error)"
    assert run(code) == "module 'stream_rnn' has no attribute 'Engin'"
