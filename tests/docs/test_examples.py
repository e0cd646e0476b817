"""Every example prints the session that examples/README.md shows, and what the session is there to show is true."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from sessions import Claim, check, numbers, rows

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
SESSIONS = dict(
    re.findall(
        r"```console\n\$ python examples/(\w+)\.py[^\n]*\n(.*?)```", (EXAMPLES / "README.md").read_text(), re.DOTALL
    )
)
SCRIPTS = sorted(path.stem for path in EXAMPLES.glob("*.py"))
VOWELS = ROOT.parent / "shared" / "data" / "japanese_vowels" / "japanese_vowels.csv"
ELSEWHERE = {"make_sensors", "water_flow", "service"}
"""Scripts that are tested with the README of the project, and in test_service.py."""
FREE = {"characters": ["generated:"]}
"""Starts of lines whose rest depends on the machine: a different rounding generates a different text."""
GUESSING, SOLVED = 60, 95
"""Accuracies, in percent, of networks that cannot learn a task with two classes, and of those that have learned it."""


def accuracies(solved: tuple[str, ...], guessing: tuple[str, ...], below: float = GUESSING) -> Claim:
    return Claim(
        f"{', '.join(solved)} learn the task, {', '.join(guessing)} cannot",
        lambda out: (
            all(numbers(out, name)[0] > SOLVED for name in solved)
            and all(numbers(out, name)[0] < below for name in guessing)
        ),
    )


def errors_by_window(out: str) -> dict[tuple[float, float], float]:
    """Return the errors that `windows` prints, by h and h'."""
    return {(h, every): error for h, every, error, _ in rows(out)}


CLAIMS = {
    "characters": [
        Claim("the network is better than character frequencies", lambda out: all(a < b for a, b in rows(out)[:5])),
        Claim("the network learns", lambda out: rows(out)[4][0] < rows(out)[0][0] - 0.3),
    ],
    "clipping": [
        Claim("the error explodes without clipping", lambda out: numbers(out, "off")[0] > 1000),
        Claim("states are lost without clipping", lambda out: numbers(out, "off")[2] > 1000),
        Claim(
            "with clipping the network beats persistence and loses no state",
            lambda out: all(
                numbers(out, clip)[0] < 0.9 and not numbers(out, clip)[2] for clip in ("norm 1", "value 0.1")
            ),
        ),
    ],
    "echo_state": [
        Claim(
            "least squares reads the reservoir well", lambda out: numbers(out, "reservoir 0.9, least squares")[0] < 1
        ),
        Claim(
            "readouts by gradient are worse, also with a learned recurrence",
            lambda out: (
                5 * max(numbers(out, name)[0] for name in ("0.9, least squares", "0.5, least squares"))
                < min(numbers(out, name)[0] for name in ("reservoir 0.9, gradient", "gru 32, gradient"))
            ),
        ),
    ],
    "images": [
        Claim(
            "the convolution is better than a dense layer or none",
            lambda out: (
                numbers(out, "conv > gru")[0] > 10 + max(numbers(out, "gru")[0], numbers(out, "dense > gru")[0])
            ),
        )
    ],
    "initial_weights": [
        accuracies(
            ("rnn tanh, orthogonal", "rnn relu, identity", "lstm, forget bias 3", "gru, update bias 3"),
            ("rnn relu, glorot", "lstm, forget bias 0", "gru, update bias 0"),
        ),
        Claim("Glorot's weights are worse for tanh, too", lambda out: numbers(out, "rnn tanh, glorot")[0] < SOLVED),
    ],
    "memory": [accuracies(("rnn, tanh", "rnn, relu", "rnn, sigmoid", "gru", "lstm"), ("dense",))],
    "named_entities": [
        Claim(
            "the bidirectional network is better",
            lambda out: numbers(out, "gru   lookahead  0")[0] < 90 and min(row[-1] for row in rows(out)[1:]) > 97,
        )
    ],
    "recall": [accuracies(("gru, window 102", "lru, exact", "elstm, exact"), ("gru, window 16",))],
    "sentiment": [
        accuracies(("gru", "lstm"), ("dense",)),
        Claim("a negated negative word is positive", lambda out: numbers(out, "not awful here:")[0] > 90),
        Claim("the last clause decides", lambda out: numbers(out, "staff was rude here:")[0] < 10),
    ],
    "shapes": [
        Claim("the square of 0.5 is learned", lambda out: abs(numbers(out, "square of 0.5:")[0] - 0.25) < 0.05),
        Claim(
            "the wave is rolled out",
            lambda out: (
                len(wave := numbers(out, "steps of a wave:")) == 12
                and max(abs(a - b) for a, b in zip(wave[:6], wave[6:], strict=True)) < 0.15
            ),
        ),
        accuracies(("many-to-one   more ones than zeros in ten bits:", "many-to-many"), ()),
    ],
    "speech": [Claim("most speakers are recognized", lambda out: numbers(out, "after pass 3:")[0] > 90)],
    "vanishing": [
        accuracies(("vanishing = 0.1", "vanishing = 1.0"), ("vanishing = 0.0",), below=80)
    ],  # it learns a little
    "windows": [
        Claim(
            "the echo is learned if its cause is within the window",
            lambda out: all((error < 50) == (h > 8) for (h, _), error in errors_by_window(out).items()),
        ),
        Claim(
            "rarer updates have a smaller error",
            lambda out: (
                max(errors_by_window(out)[12, every] for every in (4, 12)) < errors_by_window(out)[12, 1]
                and errors_by_window(out)[24, 24] < errors_by_window(out)[24, 1]
            ),
        ),
    ],
}
"""What each session is there to show."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("examples")


def test_every_script_has_a_session_and_claims() -> None:
    assert sorted({*SESSIONS, *ELSEWHERE}) == SCRIPTS
    assert set(CLAIMS) == set(SESSIONS)
    assert all(CLAIMS.values())


@pytest.mark.parametrize("script", SESSIONS)
def test_the_claims_of_a_session_are_true(script: str) -> None:
    check(SESSIONS[script], SESSIONS[script], CLAIMS[script])


@pytest.mark.parametrize("script", SESSIONS)
def test_an_example_prints_what_its_session_shows(script: str, folder: Path) -> None:
    arguments = []
    if script == "speech":
        if not VOWELS.exists():
            pytest.skip(f"no data set at {VOWELS}")
        arguments = [str(VOWELS)]
    process = subprocess.run(
        [sys.executable, EXAMPLES / f"{script}.py", *arguments],
        cwd=folder,
        env=os.environ | {"COLUMNS": "100"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    check(SESSIONS[script], process.stdout, CLAIMS[script], FREE.get(script, ()))
