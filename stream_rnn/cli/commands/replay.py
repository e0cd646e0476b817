"""`stream-rnn replay`: run a job in front of a person or a program."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import click
import msgspec
from rich.console import Console

from stream_rnn.cli.console import logs, signals
from stream_rnn.cli.console.progress import Bar
from stream_rnn.cli.console.report import show
from stream_rnn.cli.plots.paths import check_picture
from stream_rnn.errors import SettingError
from stream_rnn.jobs.replay.open import replay

if TYPE_CHECKING:
    from collections.abc import Callable

    from stream_rnn.cli.plots.replay import Plot
    from stream_rnn.jobs.replay.job import Job, Shown, Summary
    from stream_rnn.settings.replay import ReplaySettings


class Telling(NamedTuple):
    """How a summary is told."""

    show: Callable[[Summary, dict[str, str | None], Console], None]
    """to a person, with the paths that were written"""
    plain: Callable[[Summary], Any]
    """to a program, as what JSON can hold"""


def run(settings: ReplaySettings, engine_settings: dict[str, Any], *, plot: str | None, as_json: bool) -> int:
    """Replay, show what came of it, and return the exit code: 0, or 128 and the number of the signal that ended it.

    Raises
    ------
    SettingError, ConnectorError, DataError, CheckpointError
        What the user can mend.
    """
    check(settings, plot, as_json=as_json)
    return carry_out(replay(settings, engine_settings), plot, Telling(show, lambda summary: summary), as_json=as_json)


def check(settings: ReplaySettings, plot: str | None, *, as_json: bool) -> None:
    """Refuse what would fail after the work; from here on, logs go to standard error.

    Raises
    ------
    SettingError
        If two things would go to standard output, or the plot cannot be drawn.
    """
    logs.to_stderr()
    if as_json and settings.output == "-":
        raise SettingError("output must not be - with --json: both would go to standard output")
    if plot is not None:
        check_picture("plot", plot, ".png")


def carry_out(job: Job[Any], plot: str | None, telling: Telling, *, as_json: bool) -> int:
    """Run a job, tell what came of it, and return the exit code as `run` does."""
    settings = job.settings
    picture = _plot(job) if plot is not None else None
    job.warmup()
    stopped = signals.Stopped(job.stop)
    with stopped, Bar(job) as bar:

        def watch(shown: Shown) -> None:
            bar.advance()
            if picture is not None:
                picture.add(shown)

        summary = job.run(watch)
    written = picture is not None and plot is not None and picture.draw(plot)
    paths = {"output": settings.output, "plot": plot if written else None, "checkpoint": summary.checkpoint}
    paths["dead letters"] = settings.dead_letters if summary.skipped else None
    if as_json:
        click.echo(msgspec.json.encode(telling.plain(summary)))
    else:
        telling.show(summary, paths, Console(stderr=settings.output == "-"))
    return 128 + stopped.number if stopped.number else 0


def _plot(job: Job[Any]) -> Plot:
    from stream_rnn.cli.plots.replay import Plot  # noqa: PLC0415 - matplotlib only where a plot is wanted

    return Plot(job.engine.settings, timed=job.source.time is not None, keyed=job.source.key is not None)
