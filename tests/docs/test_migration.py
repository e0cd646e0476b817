"""The pages for those who come from elsewhere show scripts as they are and what they print, but for the figures."""

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

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "examples" / "migration"
SCRIPTS = sorted(path.stem for path in FOLDER.glob("*.py"))
PAGES = "\n".join(path.read_text() for path in sorted((ROOT / "docs").glob("from_*.md")))
SESSIONS = dict(re.findall(r"```console\n\$ python examples/migration/(\w+)\.py\n(.*?)```", PAGES, re.DOTALL))
TORCH = os.environ.get("STREAM_RNN_TORCH_PYTHON")
"""An interpreter that has torch and deep-river, whose versions of other packages may not be ours."""


def shape(text: str) -> list[str]:
    """Return a text's words, with every number as #."""
    return re.sub(r"[-+]?\d[\d,._]*(?:e[-+]?\d+)?", "#", text).split()


def run(python: str, arguments: Sequence[str | Path], folder: Path) -> str:
    """Return what a program prints, run where it may leave files."""
    path = os.pathsep.join([str(FOLDER), os.environ.get("PYTHONPATH", "")])
    ran = subprocess.run(
        [python, *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def with_torch() -> str:
    """Return the interpreter that has torch, or skip."""
    if TORCH is None:
        pytest.skip("STREAM_RNN_TORCH_PYTHON names no interpreter that has torch and deep-river")
    return TORCH


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_page_shows_the_script_as_it_is(script: str) -> None:
    assert f"```python\n{(FOLDER / script).with_suffix('.py').read_text()}```" in PAGES


def test_every_script_has_a_session() -> None:
    assert sorted(SESSIONS) == SCRIPTS


@pytest.mark.parametrize("script", SCRIPTS)
def test_script_prints_what_its_page_shows(script: str, tmp_path: Path) -> None:
    ours = script.endswith("_after") or script.startswith("from_river")
    printed = run(sys.executable if ours else with_torch(), [FOLDER / f"{script}.py"], tmp_path)
    assert shape(printed) == shape(SESSIONS[script])


def test_the_loop_in_pytorch_and_the_engine_forecast_the_same_from_the_same_weights(tmp_path: Path) -> None:
    python = with_torch()
    settings = Settings(inputs=("load",), update_every=16, clip_limit=1.0, residual=False, missing_flags=False)
    engine = Engine(settings)
    series = 50 + 10 * np.sin(np.arange(2000) / 8) + np.random.default_rng(0).normal(size=2000)
    files = [tmp_path / name for name in ("weights.npz", "series.npy", "forecasts.npy")]
    np.savez(files[0], **engine.parameters)
    np.save(files[1], series)
    run(python, [Path(__file__).parents[1] / "torch_twin.py", *files], tmp_path)
    # Rounding of single precision. With a bias too many in the gates they are a tenth apart after a thousand events.
    np.testing.assert_allclose(engine.process("pump-7", series[:, np.newaxis])[:, 0, 0], np.load(files[2]), atol=1e-4)
