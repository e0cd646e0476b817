"""Every example runs, and prints what examples/README.md shows of it, but for the figures."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
SESSIONS = dict(
    re.findall(
        r"```console\n\$ python examples/(\w+)\.py[^\n]*\n(.*?)```", (EXAMPLES / "README.md").read_text(), re.DOTALL
    )
)
SCRIPTS = sorted(path.stem for path in EXAMPLES.glob("*.py"))
VOWELS = ROOT.parent / "shared" / "data" / "japanese_vowels" / "japanese_vowels.csv"
ELSEWHERE = {"make_sensors", "water_flow"}
"""Shown and tested with the project's own README."""

SMALL = {
    "characters": ["--characters", "500"],
    "clipping": ["--events", "300"],
    "echo_state": ["--events", "300"],
    "images": ["--pictures", "20"],
    "initial_weights": ["--sequences", "20"],
    "memory": ["--events", "300"],
    "named_entities": ["--sentences", "20"],
    "recall": ["--sequences", "20"],
    "sentiment": ["--sentences", "20"],
    "shapes": ["--events", "300"],
    "speech": [str(VOWELS)],
    "vanishing": ["--sequences", "20"],
    "windows": ["--events", "300"],
}
"""Options that make an example small."""


def shape(text: str) -> list[str]:
    """Return a text's words, with every number as #: small runs have other figures, and write other texts."""
    text = re.sub(r"it writes:.*", "it writes:", text)
    return re.sub(r"[-+]?(?:\d[\d,._]*(?:e[-+]?\d+)?|nan|inf)", "#", text).split()


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("examples")


def test_every_script_has_a_session_and_a_small_size() -> None:
    assert sorted({*SESSIONS, *ELSEWHERE}) == SCRIPTS
    assert set(SMALL) == set(SESSIONS)


@pytest.mark.parametrize("script", SESSIONS)
def test_example_prints_what_its_session_shows(script: str, workplace: Path) -> None:
    if script == "speech" and not VOWELS.exists():
        pytest.skip(f"{VOWELS} is not here")
    ran = subprocess.run(
        [sys.executable, EXAMPLES / f"{script}.py", *SMALL[script]],
        cwd=workplace,
        env=os.environ | {"COLUMNS": "100"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert shape(ran.stdout) == shape(SESSIONS[script])
