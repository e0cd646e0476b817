"""Running a replay job with progress, a plot and a summary; shared by several commands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from rich.console import Console

from stream_rnn.cli.console.errors import DATA_ERROR
from stream_rnn.cli.console.formatting import echo_json, echo_line
from stream_rnn.cli.console.logs import log_to_stderr
from stream_rnn.cli.console.progress import ProgressBar
from stream_rnn.cli.console.report import failure_lines
from stream_rnn.cli.console.signals import GracefulStop
from stream_rnn.cli.plots.paths import check_plot
from stream_rnn.errors import SettingError

if TYPE_CHECKING:
    from collections.abc import Callable

    from stream_rnn.cli.plots.replay import ReplayPlot
    from stream_rnn.jobs.replay.job import BatchReport, Job
    from stream_rnn.jobs.replay.summary import Summary
    from stream_rnn.settings.replay import ReplaySettings


class Renderer(NamedTuple):
    """How the summary of a job is presented."""

    print_summary: Callable[[Summary, dict[str, str | None], Console], None]
    """for a person, with the paths that were written"""
    to_plain: Callable[[Summary], Any]
    """for a program, as a value that can be encoded as JSON"""


class Outputs(NamedTuple):
    """What a command writes besides the job's own output."""

    plot: str | None
    """PNG file, if any"""
    as_json: bool
    """whether standard output is one JSON object"""

    def check(self, settings: ReplaySettings) -> None:
        """Check everything that would otherwise fail after the run; from then on, logs go to standard error.

        Raises
        ------
        SettingError
            If two things would be written to standard output, or the path of the plot is wrong.
        MissingExtraError
            If a plot needs a package that is not installed.
        """
        log_to_stderr()
        if self.as_json and settings.output == "-":
            raise SettingError("output must not be - with --json: both would be written to standard output")
        if self.plot is not None:
            check_plot("plot", self.plot, ".png")


def run_job(job: Job[Any], outputs: Outputs, renderer: Renderer) -> int:
    """Run a job, present its summary, and return the exit status.

    It is 0, 128 plus the signal that stopped the job, or 1 if nothing that was read can be used.

    Raises
    ------
    ConnectorError, DataError, CheckpointError
        If events cannot be read, used or written.
    """
    plot = _new_plot(job) if outputs.plot is not None else None
    job.warmup()
    with GracefulStop(job.stop) as stop, ProgressBar(job) as progress:

        def on_batch(report: BatchReport) -> None:
            progress.update()
            if plot is not None:
                plot.add(report)

        summary = job.run(on_batch)
    is_drawn = plot is not None and outputs.plot is not None and plot.draw(outputs.plot)
    settings = job.settings
    if outputs.as_json:
        echo_json(renderer.to_plain(summary))
    else:
        written = {
            "output": settings.output,
            "plot": outputs.plot if is_drawn else None,
            "checkpoint": summary.checkpoint,
            "dead letters": settings.dead_letters if summary.skipped else None,
        }
        renderer.print_summary(summary, written, Console(stderr=settings.output == "-"))
    failure = failure_lines(summary, job.source.dead_letters)
    for line in failure:
        echo_line(line, err=True)
    return stop.exit_status or (DATA_ERROR if failure else 0)


def _new_plot(job: Job[Any]) -> ReplayPlot:
    from stream_rnn.cli.plots.replay import ReplayPlot  # noqa: PLC0415 - matplotlib is needed only for a plot

    has_times, has_keys = job.source.time is not None, job.has_keys
    return ReplayPlot(job.model.settings, has_times=has_times, has_keys=has_keys)
