"""`stream-rnn race`: several networks on the same events, and the mixture of their forecasts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from stream_rnn.cli.commands.running import Outputs, Renderer, run_job
from stream_rnn.cli.console.formatting import cell, percent
from stream_rnn.cli.console.report import FORECASTER_NAMES, format_error, format_skill, new_table, print_counts
from stream_rnn.jobs.replay.open import open_race

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from stream_rnn.jobs.replay.summary import Summary
    from stream_rnn.race.race import Race
    from stream_rnn.settings.race import RaceConfig
    from stream_rnn.settings.replay import ReplaySettings


def run(settings: ReplaySettings, config: RaceConfig, outputs: Outputs) -> int:
    """Run the command, and return its exit status.

    Raises
    ------
    SettingError, ConnectorError, DataError, CheckpointError
        If the user has to change something.
    """
    outputs.check(settings)
    job = open_race(settings, config)

    def print_race(summary: Summary, written: dict[str, str | None], console: Console) -> None:
        if summary.scores:
            console.print(_score_table(summary, job.model))
        print_counts(summary, written, console)

    return run_job(job, outputs, Renderer(print_race, to_plain=lambda summary: race_to_plain(summary, job.model)))


def race_to_plain(summary: Summary, race: Race) -> dict[str, Any]:
    """Return the summary, in which the model is the mixture, with the members."""
    plain: dict[str, Any] = msgspec.to_builtins(summary)
    standings = race.standings()
    members = {
        name: standings[name]._asdict() | {"settings": settings.describe()}
        for name, settings in race.member_settings.items()
    }
    del plain["settings"]  # those of the first member only
    return plain | {"race": race.race_settings.describe(), "members": members}


def _score_table(summary: Summary, race: Race) -> Table:
    table, naive, standings = new_table(summary), summary.scores["persistence"], race.standings()
    any_retired = any(standing.retired_at for standing in standings.values())
    table.add_column("forecaster", no_wrap=True)
    for name in ("MAE", "RMSE", "skill", "weight", *(["retired at"] if any_retired else [])):
        table.add_column(name, justify="right")

    def add(name: str, row: dict[str, Any] | None, *cells: str, style: str = "") -> None:
        if row is not None:
            errors = format_error(row["mae"]), format_error(row["rmse"]), format_skill(row, naive)
            table.add_row(cell(name), *errors, *cells, style=style)

    add("mixture", summary.scores["model"], style="bold")
    for name, standing in standings.items():
        retired = [f"{standing.retired_at:,}" if standing.retired_at else ""] if any_retired else []
        add(name, standing._asdict() if standing.scored else None, percent(standing.weight), *retired)
    for name in ("persistence", "seasonal_naive"):
        add(FORECASTER_NAMES[name], summary.scores[name])
    return table
