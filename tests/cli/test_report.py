"""The summary for a person, and the progress bar."""

from __future__ import annotations

import os
import pty
import subprocess
from typing import TYPE_CHECKING

from command import COMMAND, SMALL

from stream_rnn.cli.console.progress import METRICS as PROGRESS_METRICS
from stream_rnn.cli.console.report import FORECASTER_NAMES
from stream_rnn.evaluation.prequential import FORECASTERS, METRICS

if TYPE_CHECKING:
    from pathlib import Path


def test_every_forecaster_has_a_name() -> None:
    assert tuple(FORECASTER_NAMES) == FORECASTERS


def test_the_progress_bar_has_a_metric_for_numbers_and_one_for_classes() -> None:
    assert {METRICS[name].categorical for name in PROGRESS_METRICS} == {True, False}


def test_a_terminal_shows_progress_with_the_errors_so_far(recording: Path) -> None:
    parent, child = pty.openpty()
    command = [*COMMAND, "replay", str(recording), *SMALL, "--json"]
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=child, check=True)
    os.close(child)
    shown = b""
    try:
        while data := os.read(parent, 4096):
            shown += data
    except OSError:  # Linux reports the closed end as an error
        pass
    os.close(parent)
    assert b"200 events" in shown
    assert b"MAE" in shown
    assert b"(persistence" in shown
