"""Who may import whom, and what importing costs."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LEVELS = [
    {"kernels", "errors", "checking", "presets"},
    {"layers"},
    {"learning", "streams", "config", "requirements", "conversions", "naming", "vocabulary", "race_settings"},
    {"core", "checkpoint", "scores"},
    {"online", "ahead", "snapshot", "race_snapshot"},
    {"assembly"},
    {"drift"},
    {"events", "taken"},
    {"memory"},
    {"forecaster", "diagnosing", "growth"},
    {"engine"},
    {"race"},
    {"checkpoints", "checkpointer", "job_settings", "estimators"},
    {"job"},
    {"replay"},
    {"cli"},
]
"""The parts of stream_rnn, lowest first. A part that is not here stands with the job: above the engine, below the
command line."""

MODULES = sorted(path for package in ("stream_rnn", "connectors") for path in (ROOT / package).rglob("*.py"))


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> set[str]:
    """Return the modules of this project that a file imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports here are absolute"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in found if name.split(".")[0] in {"stream_rnn", "connectors"}}


def level(module: str) -> int:
    part = module.split(".")[1]
    return next((place for place, parts in enumerate(LEVELS) if part in parts), LEVELS.index({"job"}))


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_nothing_points_back_up(path: Path) -> None:
    module = module_name(path)
    if not module.startswith("stream_rnn."):
        return
    for other in imports(path):
        if other.startswith("stream_rnn.") and other != "stream_rnn.__version__":
            assert level(other) <= level(module), f"{module} imports {other}"


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_only_the_job_and_what_is_above_it_knows_both_packages(path: Path) -> None:
    module = module_name(path)
    both = {name.split(".")[0] for name in imports(path)} | {module.split(".")[0]}
    if both == {"stream_rnn", "connectors"}:
        assert module.startswith("stream_rnn.")
        assert level(module) >= LEVELS.index({"job"})


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
        "import stream_rnn.engine; from stream_rnn import ahead, core, online;"
        "print(online.process.signatures, ahead.peek.signatures, core._bind.signatures)"
    )
    assert run(code) == "[] [] []"


def test_importing_evaluators_takes_no_time_series_and_compiles_nothing() -> None:
    code = (
        "import sys; import stream_rnn.estimators.evaluation; from stream_rnn import core, online;"
        "print('river.time_series' in sys.modules, online.process.signatures, core._bind.signatures)"
    )
    assert run(code) == "False [] []"


def test_what_is_public_is_listed_and_there() -> None:
    assert run("from stream_rnn import *; print(Engine.__name__, Settings.__name__)") == "Engine Settings"


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    code = "import stream_rnn\ntry: stream_rnn.Engin\nexcept AttributeError as error: print(error)"
    assert run(code) == "module 'stream_rnn' has no attribute 'Engin'"
