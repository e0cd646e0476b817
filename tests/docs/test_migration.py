"""The pages for users of other libraries show the scripts as they are, and what they print; their claims hold."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from stream_rnn import Engine, Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "examples" / "migration"
SCRIPTS = sorted(path.stem for path in FOLDER.glob("*.py"))
PAGES = "\n".join(path.read_text() for path in sorted((ROOT / "docs").glob("from_*.md")))
SESSIONS = dict(re.findall(r"```console\n\$ python examples/migration/(\w+)\.py\n(.*?)```", PAGES, re.DOTALL))
NUMBER = r"\d[\d,._]*(?:e[-+]?\d+)?"
TORCH_PYTHON = os.environ.get("STREAM_RNN_TORCH_PYTHON")
"""An interpreter with torch and deep-river, which need other versions of shared dependencies."""


def words(text: str) -> list[str]:
    """Return a text's words, with the digits of every number replaced by #."""
    return re.sub(NUMBER, "#", text).split()


def values(text: str, label: str) -> list[float]:
    """Return the numbers after a label, on the line that starts with it."""
    line = next(line for line in text.splitlines() if line.startswith(label))
    return [float(number.replace(",", "")) for number in re.findall(NUMBER, line.removeprefix(label))]


def is_better_aligned(printed: str) -> bool:
    ours, *others = (values(printed, f"aligned, {name}:")[0] for name in ("stream_rnn", "Holt-Winters", "SNARIMAX"))
    return ours < min(others)


def uses_the_past_of_each_pump(printed: str) -> bool:
    by_field, by_keyword = (values(printed, f"key as a {way}:")[0] for way in ("field", "keyword"))
    return by_field == by_keyword < values(SESSIONS["from_river_streams_before"], "one model per pump:")[0] / 2


def learns(printed: str) -> bool:
    noise = 0.80
    errors = [values(printed, f"{name}:")[:2] for name in ("same loop", "update at every event", "preset forecast")]
    return all(noise < end < start for start, end in errors)


CLAIMS = {
    "from_river_forecasts_after": is_better_aligned,
    "from_river_streams_after": uses_the_past_of_each_pump,
    "from_pytorch_after": learns,
}
"""What the sessions are there to show."""


def run(python: str, arguments: Sequence[str | Path], folder: Path) -> str:
    """Run a Python script in a folder where it may leave files, and return what it prints."""
    path = os.pathsep.join([str(FOLDER), os.environ.get("PYTHONPATH", "")])
    completed = subprocess.run(
        [python, *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert completed.returncode == 0, completed.stderr
    return completed.stdout


def torch_python() -> str:
    """Return the interpreter that has torch, or skip the test."""
    if TORCH_PYTHON is None:
        pytest.skip("STREAM_RNN_TORCH_PYTHON does not name an interpreter with torch and deep-river")
    return TORCH_PYTHON


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_page_shows_the_script_as_it_is(script: str) -> None:
    assert f"```python\n{(FOLDER / script).with_suffix('.py').read_text()}```" in PAGES


def test_every_script_has_a_session() -> None:
    assert sorted(SESSIONS) == SCRIPTS


@pytest.mark.parametrize("script", CLAIMS)
def test_the_claim_of_a_session_is_true_of_the_page(script: str) -> None:
    assert CLAIMS[script](SESSIONS[script])


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_prints_what_its_page_shows(script: str, tmp_path: Path) -> None:
    needs_torch = script.endswith("_before") and not script.startswith("from_river")
    printed = run(torch_python() if needs_torch else sys.executable, [FOLDER / f"{script}.py"], tmp_path)
    assert words(printed) == words(SESSIONS[script])
    if script in CLAIMS:
        assert CLAIMS[script](printed), printed


def test_the_engine_and_the_pytorch_loop_make_the_same_forecasts_from_the_same_weights(tmp_path: Path) -> None:
    python = torch_python()
    settings = Settings(inputs=("load",), update_every=16, clip_limit=1.0, residual=False, missing_flags=False)
    engine = Engine(settings)
    series = 50 + 10 * np.sin(np.arange(2000) / 8) + np.random.default_rng(0).normal(size=2000)
    files = [tmp_path / name for name in ("weights.npz", "series.npy", "forecasts.npy")]
    np.savez(files[0], **engine.parameters)
    np.save(files[1], series)
    run(python, [Path(__file__).parents[1] / "torch_twin.py", *files], tmp_path)
    # The tolerance is the rounding of single precision: with a second trained bias in the gates the forecasts would
    # differ by a tenth after a thousand events.
    np.testing.assert_allclose(engine.process("pump-7", series[:, np.newaxis])[:, 0, 0], np.load(files[2]), atol=1e-4)
