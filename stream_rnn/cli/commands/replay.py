"""`stream-rnn replay`: learn from recorded events, forecast and score."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stream_rnn.cli.commands.running import Outputs, Renderer, run_job
from stream_rnn.cli.console.report import print_summary
from stream_rnn.jobs.replay.open import open_replay

if TYPE_CHECKING:
    from stream_rnn.settings.replay import ReplaySettings


def run(settings: ReplaySettings, engine_settings: dict[str, Any], outputs: Outputs) -> int:
    """Run the command, and return its exit status.

    Raises
    ------
    SettingError, ConnectorError, DataError, CheckpointError
        If the user has to change something.
    """
    outputs.check(settings)
    renderer = Renderer(print_summary, to_plain=lambda summary: summary)
    return run_job(open_replay(settings, engine_settings), outputs, renderer)
