"""A progress bar on standard error: share done, rate and running error; nothing where nobody looks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from stream_rnn.jobs.replay.job import Job


class Bar:
    """Shows how far a job is; with `advance` after each batch.

    Parameters
    ----------
    job
        Knows its source's progress and its errors so far.
    """

    def __init__(self, job: Job[Any]) -> None:
        console = Console(stderr=True)
        self._job = job
        self._shown = console.is_terminal
        self._progress = Progress(
            TextColumn("[bold]replay"),
            BarColumn(bar_width=30),
            TaskProgressColumn(),
            TextColumn("{task.fields[events]:,} events"),
            TextColumn("{task.fields[rate]:,.0f}/s"),
            TextColumn("{task.fields[error]}"),
            TimeElapsedColumn(),
            console=console,
            disable=not self._shown,
        )
        self._task = self._progress.add_task("replay", total=None, events=0, rate=0.0, error="")

    def advance(self) -> None:
        """Show what has been done by now."""
        if not self._shown:
            return
        share, task = self._job.source.progress, self._progress.tasks[0]
        rate = self._job.events / task.elapsed if task.elapsed else 0.0
        self._progress.update(
            self._task,
            total=None if share is None else 1.0,
            completed=share or 0.0,
            events=self._job.events,
            rate=rate,
            error=self._error(),
        )

    def _error(self) -> str:
        scores = self._job.errors()
        model, naive = scores.get("model"), scores.get("persistence")
        if not model:
            return ""
        name = "mae" if "mae" in model else "accuracy"
        text = f"{name.upper() if name == 'mae' else name} {model[name]:.4g}"
        return f"{text} (persistence {naive[name]:.4g})" if naive else text

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()
