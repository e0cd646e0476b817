"""`stream-rnn replay`: learn from recorded events, forecast and score."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stream_rnn.cli.commands.default_model import HINT, or_default
from stream_rnn.cli.commands.race import race_to_plain
from stream_rnn.cli.commands.running import Outputs, Renderer, run_job
from stream_rnn.cli.console.formatting import percent, print_line
from stream_rnn.cli.console.report import print_summary
from stream_rnn.jobs.replay.open import open_job
from stream_rnn.settings.race import RaceConfig

if TYPE_CHECKING:
    from rich.console import Console

    from stream_rnn.jobs.replay.summary import Summary
    from stream_rnn.race.race import Race
    from stream_rnn.settings.replay import ReplaySettings


def run(settings: ReplaySettings, model: dict[str, Any] | RaceConfig, outputs: Outputs) -> int:
    """Run the command with an engine or a race, and return its exit status.

    Raises
    ------
    SettingError, ConnectorError, DataError, CheckpointError
        If the user has to change something.
    """
    outputs.check(settings)
    chosen = or_default(model)
    job = open_job(settings, chosen)
    if not isinstance(chosen, RaceConfig):
        return run_job(job, outputs, Renderer(print_summary, to_plain=lambda summary: summary))

    def print_race(summary: Summary, written: dict[str, str | None], console: Console) -> None:
        print_summary(summary, written, console)
        print_line(console, f"model: mixture of {_weights(job.model)}")
        if chosen is not model:
            print_line(console, HINT)

    return run_job(job, outputs, Renderer(print_race, to_plain=lambda summary: race_to_plain(summary, job.model)))


def _weights(race: Race) -> str:
    """Return the members with their weights, the highest first."""
    standings = sorted(race.standings().items(), key=lambda item: -item[1].weight)
    return ", ".join(f"{name} {percent(standing.weight)}" for name, standing in standings)
