"""Callbacks that log the errors of a replay while it runs: to MLflow, or to TensorBoard.

Errors are means over the events since the last time, of the model and of persistence, at the number of events so far.
The settings are logged at the beginning, the errors over all events at the end.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np

from stream_rnn.errors import SettingError, require
from stream_rnn.evaluation.prequential import SUMS, Sum

if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike

    from stream_rnn.jobs.replay.job import BatchReport
    from stream_rnn.jobs.replay.summary import Summary
    from stream_rnn.settings.engine import Settings

SCORED = ("model", "persistence")
"""Forecasters whose errors a batch contains."""


class ErrorLog(ABC):
    """Logs the errors of a replay; subclasses know where to.

    Parameters
    ----------
    every
        Events between two entries.
    """

    def __init__(self, every: int = 10_000) -> None:
        if not isinstance(every, int) or every < 1:
            raise SettingError(f"every must be an integer of at least 1, got {every!r}")
        self._every = every
        self._events = self._logged_at = 0
        self._sums = np.zeros((len(SCORED), len(SUMS)))

    def begin(self, settings: Settings) -> None:
        """Log the settings of a model."""
        self._log_settings({name: str(value) for name, value in settings.describe().items()})

    def add(self, report: BatchReport) -> None:
        """Add the errors of a batch, and log them if that is due."""
        self._events += len(report.batch)
        self._sums += report.scored.sum(axis=0)
        if self._events - self._logged_at >= self._every:
            self._log_errors()

    def end(self, summary: Summary) -> None:
        """Log the errors since the last log, and those over all events."""
        if self._events > self._logged_at:
            self._log_errors()
        overall = {f"overall/{name}_mae": row["mae"] for name, row in summary.scores.items() if row and "mae" in row}
        self._log(overall, self._events)

    def _log_errors(self) -> None:
        counts = self._sums[:, Sum.COUNT]
        means = self._sums[:, Sum.ABSOLUTE] / np.maximum(counts, 1)
        scored = zip(SCORED, means.tolist(), counts.tolist(), strict=True)
        self._log({f"{name}_mae": mean for name, mean, count in scored if count}, self._events)
        self._sums[:] = 0
        self._logged_at = self._events

    @abstractmethod
    def _log_settings(self, settings: Mapping[str, str]) -> None:
        """Log settings by name."""

    @abstractmethod
    def _log(self, errors: Mapping[str, float], events: int) -> None:
        """Log errors by name, at a number of events."""


class MLflowLog(ErrorLog):
    """Logs to MLflow, in the run that is active; without one, MLflow starts a run.

    Parameters
    ----------
    every
        Events between two entries.

    Raises
    ------
    MissingExtraError
        If MLflow is not installed.
    """

    def __init__(self, every: int = 10_000) -> None:
        super().__init__(every)
        self._mlflow: Any = require("mlflow", "mlflow")

    def _log_settings(self, settings: Mapping[str, str]) -> None:
        self._mlflow.log_params(dict(settings))

    def _log(self, errors: Mapping[str, float], events: int) -> None:
        self._mlflow.log_metrics(dict(errors), step=events)


class TensorBoardLog(ErrorLog):
    """Logs to a folder that TensorBoard reads.

    Parameters
    ----------
    folder
        The folder.
    every
        Events between two entries.

    Raises
    ------
    MissingExtraError
        If TensorBoard is not installed.
    """

    def __init__(self, folder: str | PathLike[str], every: int = 10_000) -> None:
        super().__init__(every)
        self._writer: Any = require("tensorboard.summary", "tensorboard").Writer(str(folder))

    def end(self, summary: Summary) -> None:
        """Log the last errors, and close the file."""
        super().end(summary)
        self._writer.close()

    def _log_settings(self, settings: Mapping[str, str]) -> None:
        """Log nothing: a series of numbers has no settings."""

    def _log(self, errors: Mapping[str, float], events: int) -> None:
        for name, error in errors.items():
            self._writer.add_scalar(name, error, events)
