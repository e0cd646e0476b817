"""`stream-rnn race`: several networks side by side, and their mixture, in front of a person or a program."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from rich.table import Table
from rich.text import Text

from stream_rnn.cli.commands.replay import Telling, carry_out, check
from stream_rnn.cli.console.report import LABELS, number, percent, say, title
from stream_rnn.jobs.replay.open import replay_race

if TYPE_CHECKING:
    from rich.console import Console

    from stream_rnn.jobs.replay.job import Summary
    from stream_rnn.race.race import Race
    from stream_rnn.settings.race import RaceConfig
    from stream_rnn.settings.replay import ReplaySettings


def run(settings: ReplaySettings, entrants: RaceConfig, *, plot: str | None, as_json: bool) -> int:
    """Race, show what came of it, and return the exit code, as of `stream-rnn replay`.

    Raises
    ------
    SettingError, ConnectorError, DataError, CheckpointError
        What the user can mend.
    """
    check(settings, plot, as_json=as_json)
    job = replay_race(settings, entrants)

    def show(summary: Summary, paths: dict[str, str | None], console: Console) -> None:
        if summary.scores:
            console.print(_table(summary, job.engine))
        say(summary, paths, console)

    return carry_out(job, plot, Telling(show, lambda summary: _plain(summary, job.engine)), as_json=as_json)


def _plain(summary: Summary, race: Race) -> dict[str, Any]:
    """Return the summary, whose model is the mixture, with the members beside it."""
    plain: dict[str, Any] = msgspec.to_builtins(summary)
    standings = race.standings()
    members = {
        name: standings[name]._asdict() | {"settings": settings.describe()}
        for name, settings in race.member_settings.items()
    }
    del plain["settings"]  # there is no one engine's
    return plain | {"race": race.race_settings.describe(), "members": members}


def _table(summary: Summary, race: Race) -> Table:
    table, naive = (
        Table(title=Text(title(summary)), title_justify="left", title_style=""),
        summary.scores["persistence"],
    )
    standings = race.standings()
    retired = any(standing.retired_at for standing in standings.values())
    table.add_column("forecaster", no_wrap=True)
    for name in ("MAE", "RMSE", "skill", "weight", *(["retired at"] if retired else [])):
        table.add_column(name, justify="right")

    def add(name: str, row: dict[str, Any] | None, *more: str, style: str = "") -> None:
        if row is not None:
            skill = percent(row, naive) if naive and naive["mae"] and row is not naive else ""
            table.add_row(Text(name), number(row["mae"]), number(row["rmse"]), skill, *more, style=style)

    add("mixture", summary.scores["model"], style="bold")
    for name, standing in standings.items():
        left = [f"{standing.retired_at:,}" if standing.retired_at else ""] if retired else []
        add(name, standing._asdict() if standing.scored else None, f"{standing.weight:.1%}".replace("%", " %"), *left)
    for name in ("persistence", "seasonal_naive"):
        add(LABELS[name], summary.scores[name])
    return table
