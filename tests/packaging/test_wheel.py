"""The wheel: its contents, and that it works on every supported Python, without extras, beside a user's own code."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
VERSIONS = ("3.11", "3.12", "3.13")

SMOKE = """
import sys
import connectors                     # the user's own folder of that name
assert connectors.MINE
import stream_rnn.connectors.events   # ours
from stream_rnn import Engine, Settings

settings = Settings(inputs="x", hidden=4)
engine = Engine(settings)
for t in range(20):
    engine.step("s", [t % 5])
engine.save("engine.safetensors")
again = Engine.load("engine.safetensors")
assert (again.step("s", [1.0]) == engine.step("s", [1.0])).all()
print("fine", sys.version_info[:2])
"""


def interpreter(version: str) -> str | None:
    """Return a Python of this version that runs, on the path or among pyenv's."""
    name = f"python{version}"
    pyenv = sorted((Path.home() / ".pyenv" / "versions").glob(f"{version}.*/bin/{name}"))
    for candidate in (shutil.which(name), *map(str, pyenv)):
        if candidate and subprocess.run([candidate, "--version"], capture_output=True, check=False).returncode == 0:
            return candidate
    return None


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--outdir", folder, ROOT]
    subprocess.run(build, check=True, capture_output=True)
    (made,) = folder.glob("*.whl")
    return made


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return the folder of a user's project, who has a package called connectors."""
    (tmp_path / "connectors").mkdir()
    (tmp_path / "connectors" / "__init__.py").write_text("MINE = True\n")
    (tmp_path / "smoke.py").write_text(SMOKE)
    return tmp_path


def run(python: Path | str, *arguments: str | Path, folder: Path) -> str:
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    ran = subprocess.run([python, *arguments], cwd=folder, capture_output=True, text=True, check=False, env=clean)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_everything_is_below_one_package(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names} == {"stream_rnn", f"{'-'.join(wheel.name.split('-')[:2])}.dist-info"}
    assert len(names) == len(set(names))


def test_it_has_every_module_of_the_checkout(wheel: Path) -> None:
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("stream_rnn/")}
    own = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "stream_rnn").rglob("*.py")
        if "stream_rnn/connectors/" not in path.as_posix()
    }
    connectors = {f"stream_rnn/{path.relative_to(ROOT).as_posix()}" for path in (ROOT / "connectors").rglob("*.py")}
    assert packed == own | connectors | {"stream_rnn/py.typed"}


@pytest.mark.timeout(900)
@pytest.mark.parametrize("version", VERSIONS)
def test_it_works_without_extras_beside_a_folder_named_connectors(version: str, wheel: Path, project: Path) -> None:
    python = interpreter(version)
    if python is None:
        pytest.skip(f"Python {version} is not installed")
    run(python, "-m", "venv", "env", folder=project)
    installed = project / "env" / "bin" / "python"
    run(installed, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wheel, folder=project)
    assert run(installed, "smoke.py", folder=project) == f"fine {tuple(map(int, version.split('.')))}\n"
    command = subprocess.run(
        [project / "env" / "bin" / "stream-rnn", "--help"], capture_output=True, text=True, check=False
    )
    assert command.returncode == 1
    assert command.stderr == "error: click is not installed: pip install 'stream-rnn[cli]'\n"


def test_an_editable_install_works_beside_a_folder_named_connectors(project: Path) -> None:
    assert run(sys.executable, "smoke.py", folder=project).startswith("fine")
