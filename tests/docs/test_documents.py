"""The documents show real sessions: they run again here, with the same words and signs, and the claims still hold."""

from __future__ import annotations

import doctest
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from sessions import Claim, check, numbers

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
MIGRATION = [path for path in DOCUMENTS if path.name.startswith("from_")]
"""Their scripts need the packages that they migrate from; see test_migration.py."""
MAX_WORDS_IN_README = 900


SESSION = re.compile(r"(?<=```console\n).*?(?=```)", re.DOTALL)
COMMAND = re.compile(r"^\$ ((?:.*\\\n)*.*\n)((?:(?!\$ ).*\n)*)", re.MULTILINE)
"""A command, which may continue on the next line, and what it prints."""


def sessions_of(document: Path) -> list[str]:
    return SESSION.findall(document.read_text())


def commands_of(session: str) -> list[tuple[str, str]]:
    """Return each command of a session with what it prints."""
    return COMMAND.findall(session)


def prepare(folder: Path) -> None:
    """Put into a folder what the sessions need."""
    (folder / "examples").symlink_to(ROOT / "examples")
    command = [sys.executable, "examples/make_sensors.py", "sensors.jsonl"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command as a reader would, in a shell, 100 columns wide."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-c", command],  # noqa: S607 - the reader's shell
        cwd=folder,
        env=os.environ | {"PATH": path, "COLUMNS": "100"},
        capture_output=True,
        text=True,
        check=False,
    )


def beats_persistence(printed: str) -> bool:
    """Say whether in every table of errors the model's is below that of persistence."""
    errors = {
        name: [numbers(line, name)[0] for line in printed.splitlines() if name in line]
        for name in ("model", "mixture", "persistence")
    }
    models = errors["model"] or errors["mixture"]
    return len(models) == len(errors["persistence"]) > 0 and all(
        model < naive for model, naive in zip(models, errors["persistence"], strict=True)
    )


def covers(printed: str) -> bool:
    """Say whether the intervals contain the share of values that they are to contain, within two points."""
    share, count, nominal, *_ = numbers(printed, "intervals:")
    return abs(share / 100 - nominal) < 0.02 and count > 1000


CLAIMS = {
    "persistence": Claim("the model is better than persistence", beats_persistence),
    "intervals:": Claim("intervals have their coverage", covers),
    "gradient 15 events back": Claim(
        "next to nothing of the gradient is left at the start of the window",
        lambda text: numbers(text, "gradient 15 events back")[-1] < 0.001,
    ),
}
"""What a session claims, by a word that it shows."""


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("documents")
    prepare(folder)
    return folder


@pytest.mark.parametrize(
    "document", [path for path in DOCUMENTS if sessions_of(path) and path not in MIGRATION], ids=lambda path: path.name
)
def test_sessions_print_what_the_document_shows(document: Path, workplace: Path) -> None:
    for command, shown in [pair for session in sessions_of(document) for pair in commands_of(session)]:
        ran = run(command, workplace)
        assert ran.returncode == 0, ran.stderr
        check(shown, ran.stdout, [claim for word, claim in CLAIMS.items() if word in shown])


@pytest.mark.parametrize(
    "document", [path for path in DOCUMENTS if ">>>" in path.read_text()], ids=lambda path: path.name
)
def test_python_examples_give_what_the_document_shows(
    document: Path, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(workplace)
    failed, tried = doctest.testfile(str(document), module_relative=False, optionflags=doctest.ELLIPSIS)
    assert tried > 0
    assert failed == 0


@pytest.mark.parametrize("word", CLAIMS)
def test_every_claim_is_shown_somewhere(word: str) -> None:
    assert any(word in session for document in DOCUMENTS for session in sessions_of(document))


def test_links_lead_somewhere() -> None:
    for document in DOCUMENTS:
        for link in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", document.read_text()):
            if not link.startswith("http"):
                assert (document.parent / link).exists(), f"{document.name}: {link}"


def test_the_readme_is_one_page() -> None:
    assert len((ROOT / "README.md").read_text().split()) <= MAX_WORDS_IN_README
