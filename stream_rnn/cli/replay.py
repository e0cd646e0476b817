"""`stream-rnn replay`: run a job in front of a person or a program."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
import msgspec
from rich.console import Console

from stream_rnn.cli import logs, signals
from stream_rnn.cli.pictures import check_picture
from stream_rnn.cli.progress import Bar
from stream_rnn.cli.report import show
from stream_rnn.errors import SettingError
from stream_rnn.replay import replay

if TYPE_CHECKING:
    from stream_rnn.cli.plot import Plot
    from stream_rnn.job import Job, Shown
    from stream_rnn.job_settings import JobSettings


def run(settings: JobSettings, engine_settings: dict[str, Any], *, plot: str | None, as_json: bool) -> int:
    """Replay, show what came of it, and return the exit code: 0, or 128 and the number of the signal that ended it.

    Raises
    ------
    SettingError, ConnectorError, DataError, CheckpointError
        What the user can mend.
    """
    logs.to_stderr()
    if as_json and settings.output == "-":
        raise SettingError("output must not be - with --json: both would go to standard output")
    if plot is not None:
        check_picture("plot", plot, ".png")
    job = replay(settings, engine_settings)
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
        click.echo(msgspec.json.encode(summary))
    else:
        show(summary, paths, Console(stderr=settings.output == "-"))
    return 128 + stopped.number if stopped.number else 0


def _plot(job: Job) -> Plot:
    from stream_rnn.cli.plot import Plot  # noqa: PLC0415 - matplotlib only where a plot is wanted

    return Plot(job.engine.settings, timed=job.source.time is not None, keyed=job.source.key is not None)
