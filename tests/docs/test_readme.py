"""The README shows real sessions: they are run again here, and have to say the same, but for the figures."""

from __future__ import annotations

import doctest
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

README = Path(__file__).parents[2] / "README.md"
TEXT = README.read_text()
SESSIONS = re.findall(r"```console\n(.*?)```", TEXT, re.DOTALL)


def shape(text: str) -> list[str]:
    """Return a text's words, with every number as #: figures differ from machine to machine, words do not."""
    bare = re.sub(r"[─━│┃┏┓┗┛┡┩└┘├┤┬┴╇╈┳┻╋═╺╸╷╵]", " ", text)
    return re.sub(r"[-+]?\d[\d,._]*(e[-+]?\d+)?", "#", bare).split()


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("readme")
    (folder / "examples").symlink_to(README.parent / "examples")
    return folder


@pytest.mark.parametrize("session", SESSIONS, ids=[s.splitlines()[0][2:50] for s in SESSIONS])
def test_console_session_prints_what_the_readme_shows(session: str, workplace: Path) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for part in re.split(r"^\$ ", session, flags=re.MULTILINE)[1:]:
        command, _, shown = part.partition("\n")
        while command.endswith("\\"):
            more, _, shown = shown.partition("\n")
            command = command[:-1] + more
        ran = subprocess.run(
            ["bash", "-c", command],  # noqa: S607 - the shell of the README
            cwd=workplace,
            env=os.environ | {"PATH": path, "COLUMNS": "100"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
        assert shape(ran.stdout) == shape(shown)


def test_python_examples_give_what_the_readme_shows(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(workplace)
    failed, tried = doctest.testfile(str(README), module_relative=False, optionflags=doctest.ELLIPSIS)
    assert tried > 0
    assert failed == 0
