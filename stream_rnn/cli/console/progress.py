"""A progress bar on standard error, shown only on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from stream_rnn.jobs.replay.job import Job

METRICS = {"mae": "MAE", "accuracy": "accuracy"}
"""Metrics to show, the first that the scores have, and the name of each."""


class ProgressBar:
    """Shows the progress of a job: fraction of the input, event rate, and errors so far.

    Parameters
    ----------
    job
        The job that is running.
    """

    def __init__(self, job: Job[Any]) -> None:
        console = Console(stderr=True)
        self._job = job
        self._is_shown = console.is_terminal
        self._progress = Progress(
            TextColumn("[bold]replay"),
            BarColumn(bar_width=30),
            TaskProgressColumn(),
            TextColumn("{task.fields[events]:,} events"),
            TextColumn("{task.fields[rate]:,.0f}/s"),
            TextColumn("{task.fields[error]}"),
            TimeElapsedColumn(),
            console=console,
            disable=not self._is_shown,
        )
        self._task = self._progress.add_task("replay", total=None, events=0, rate=0.0, error="")

    def update(self) -> None:
        """Show the present state of the job; to be called after each batch."""
        if not self._is_shown:
            return
        fraction, task = self._job.source.progress, self._progress.tasks[0]
        self._progress.update(
            self._task,
            total=None if fraction is None else 1.0,
            completed=fraction or 0.0,
            events=self._job.events,
            rate=self._job.events / task.elapsed if task.elapsed else 0.0,
            error=_errors(self._job.scores.overall()),
        )

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()


def _errors(scores: dict[str, Any]) -> str:
    """Return the error of the model, next to that of persistence if there is one."""
    model, naive = scores.get("model"), scores.get("persistence")
    if not model:
        return ""
    metric = next(name for name in METRICS if name in model)
    text = f"{METRICS[metric]} {model[metric]:.4g}"
    return f"{text} (persistence {naive[metric]:.4g})" if naive else text
