"""Job: reads recorded events, passes them to an engine or a race, scores and writes the forecasts."""

from __future__ import annotations

import logging
import math
import time
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

import numpy as np

from stream_rnn.connectors.deadletter import DeadLetterFile
from stream_rnn.connectors.events import DeadLetter
from stream_rnn.evaluation.prequential import Scores
from stream_rnn.jobs.alarm_log import AlarmLog
from stream_rnn.jobs.ids import invalid_ids
from stream_rnn.jobs.output_columns import output_columns
from stream_rnn.jobs.replay.checkpoints import ReplayCheckpoints
from stream_rnn.jobs.replay.reader import ReadPosition
from stream_rnn.jobs.replay.scoring import ReplayScores
from stream_rnn.jobs.replay.summary import MAX_FAILING_LISTED, Summary
from stream_rnn.jobs.tidy import TidyRows

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from stream_rnn.connectors.events import EventBatch
    from stream_rnn.connectors.files.sink import Sink
    from stream_rnn.engine.engine import Engine
    from stream_rnn.engine.result import BatchResult
    from stream_rnn.jobs.replay.reader import BatchLimit, EventReader
    from stream_rnn.race.race import Race
    from stream_rnn.settings.replay import ReplaySettings

log = logging.getLogger("stream_rnn")

ModelT = TypeVar("ModelT", bound="Engine | Race")


class BatchReport(NamedTuple):
    """A batch of N events and its results, for those who follow a job."""

    batch: EventBatch
    y: NDArray[np.float64]
    """(N, D) values of the targets"""
    result: BatchResult
    scored: NDArray[np.float64]
    """(N, 2, len(SUMS)) sums over the errors of the forecasts that each event scored, as from `Scores.add`"""


class Job(Generic[ModelT]):
    """One run over recorded events; created by `jobs.replay.open`.

    Parameters
    ----------
    settings
        Where events come from, and where forecasts go.
    model
        The engine or race that processes the events; when resuming, in the state of the checkpoint.
    reader
        Reads the events.
    sink
        Receives the forecasts; None to write none.
    by_stream
        Whether scores are kept of each stream.
    """

    def __init__(
        self,
        settings: ReplaySettings,
        model: ModelT,
        reader: EventReader,
        sink: Sink | None,
        *,
        by_stream: bool = False,
    ) -> None:
        self.settings = settings
        self.model = model
        self.source = reader.source
        self.events = 0
        """Events processed in this run."""
        self.scores = ReplayScores(model.settings, settings.season, by_stream=by_stream)
        self._reader = reader
        self._sink = sink
        self._resumed_at = model.counts.events
        self._alarm_log = AlarmLog()
        self._tidy = self._new_tidy() if settings.tidy else None
        self._checkpoints: ReplayCheckpoints | None = None
        if settings.checkpoint is not None:
            self._checkpoints = ReplayCheckpoints(settings.checkpoint, settings, model, self._capture)

    @property
    def has_keys(self) -> bool:
        """Whether events have keys, from a column or from the names of columns."""
        return self.source.key is not None or self.settings.wide

    def warmup(self) -> None:
        """Compile the kernels, or load them from the cache, so that this is not counted as time of the run."""
        self.model.warmup()
        Scores.warmup()

    def run(
        self, on_batch: Callable[[BatchReport], None] | None = None, batch_limit: BatchLimit | None = None
    ) -> Summary:
        """Process all events of the source, until it ends or `stop` is called.

        Parameters
        ----------
        on_batch
            Called after each batch.
        batch_limit
            Called with the next events before each batch; returns how many of them, at least 1, make the batch.

        Raises
        ------
        ConnectorError, DataError, CheckpointError
            If events cannot be read, used or written, or the last checkpoint cannot be written.
        """
        start = time.perf_counter()
        try:
            is_file = isinstance(self.source.dead_letters, DeadLetterFile)
            if self._checkpoints is not None and is_file and not self._resumed_at:
                self._checkpoints.begin()
            for batch in self._reader.batches(batch_limit):
                report = self._process(batch)
                if on_batch is not None:
                    on_batch(report)
                if self._checkpoints is not None:
                    self._checkpoints.advance()
            if self._checkpoints is not None:
                self._checkpoints.finish()
        finally:
            self.close()
        return self._summary(time.perf_counter() - start)

    def stop(self) -> None:
        """End `run` after the current batch, from any thread or signal handler.

        Raises
        ------
        KeyboardInterrupt
            If `run` is blocked on a pipe, because nothing else interrupts that; `run` ends, and no event is lost.
        """
        self._reader.stop()

    def _process(self, batch: EventBatch) -> BatchReport:
        settings, batch = self.model.settings, self._reject_invalid_ids(batch)
        x, y = batch.table(settings.inputs), batch.table(settings.target_names)
        result = self.model.process_detailed(batch.keys, x, y, batch.times, batch.ends)
        for drift in result.drifts:
            log.info("%s", drift)
        self._alarm_log.add(result.alarms)
        scored = self.scores.add(self._reader.read, y, result)
        labels = self._reader.words.label_columns(y, result)
        if self._sink is not None and self._tidy is not None:
            self._sink.write(self._tidy.columns(batch, result))
        elif self._sink is not None:
            self._sink.write(self._rows(batch) | output_columns(settings, y, result, labels))
        self.events += len(batch)
        return BatchReport(batch, y, result, scored)

    def _reject_invalid_ids(self, batch: EventBatch) -> EventBatch:
        """Return a batch without the events that have an invalid class or token, which become dead letters."""
        reasons, where = invalid_ids(self.model.settings, batch), batch.positions
        if not reasons:
            return batch
        for row, reason in reasons.items():
            source = self.source.files[where.file[row]]
            self.source.dead_letters.add(DeadLetter.of(source, int(where.record[row]), reason, ""))
        return batch[~np.isin(np.arange(len(batch)), list(reasons))]

    def _new_tidy(self) -> TidyRows:
        model = self.model
        last = np.array([model.last_time(key)[0] for key in model.keys])
        has_times = self.source.time is not None
        return TidyRows(model.settings, self.settings.timezone, has_times=has_times, has_keys=self.has_keys, last=last)

    def _rows(self, batch: EventBatch) -> dict[str, NDArray[Any]]:
        """Return the columns of the output that say which events they are: time and key."""
        rows: dict[str, NDArray[Any]] = {}
        if self.source.time is not None:
            rows["time"] = batch.times
        if self.has_keys:
            rows["key"] = batch.keys
        return rows

    def _capture(self) -> ReadPosition:
        """Make everything written so far durable, and return the positions that a checkpoint needs."""
        if self._sink is not None:
            self._sink.flush()
        if isinstance(self.source.dead_letters, DeadLetterFile):
            self.source.dead_letters.flush()
        written = self._sink.position() if self._sink is not None else None
        position = self._reader.position()
        return ReadPosition(position.positions | {"sink": written}, position.arrays)

    def close(self) -> None:
        """Close the files; `run` does so at its end."""
        if self._checkpoints is not None:
            self._checkpoints.settle()
        if self._sink is not None:
            self._sink.close()
        if isinstance(self.source.dead_letters, DeadLetterFile):
            self.source.dead_letters.close()
        self.source.close()

    def _summary(self, seconds: float) -> Summary:
        counts, settings, reader = self.model.counts, self.model.settings, self._reader
        letters, checkpoints = self.source.dead_letters, self._checkpoints
        newest = checkpoints.newest if checkpoints is not None else None
        failing = sorted(self.model.failing.items(), key=lambda item: -item[1])
        return Summary(
            events=self.events,
            forecasts=self.events * math.prod(settings.forecast_shape),
            streams=len(self.model.keys),
            skipped=len(letters),
            skipped_reasons=dict(letters.reasons),
            bad_values={column: dict(words) for column, words in self.source.bad_values.counts.items()},
            late=reader.late,
            duplicates=reader.duplicates,
            held=reader.held,
            reshaped=reader.reshaped,
            skipped_updates=counts.skipped,
            resets=counts.resets,
            drifts=counts.drifts,
            newest_drifts=[drift._asdict() for drift in self.model.drifts],
            alarms=counts.alarms,
            failing=len(failing),
            worst_failing={str(key): error for key, error in failing[:MAX_FAILING_LISTED]},
            anomaly_alarms=counts.anomaly_alarms,
            unusual_events={"abnormal": counts.abnormal, "stuck": counts.stuck, "missing": counts.missing},
            missing_inputs=counts.missing_inputs,
            missing_targets=counts.missing_targets,
            judged=counts.judged,
            covered=counts.covered,
            seconds=seconds,
            events_per_second=self.events / seconds if seconds else 0.0,
            speed=self.settings.speed,
            resumed_at=self._resumed_at,
            season=self.scores.season,
            scores=self.scores.overall(),
            per_target=self.scores.per_target(),
            per_horizon=self.scores.per_horizon(),
            settings=settings.describe(),
            ignored=dict(self.source.ignored),
            words=reader.words.summary(),
            other_states={name: each.others for name, each in reader.words.categories.items() if each.others},
            output=self.settings.output,
            checkpoint=str(newest) if newest is not None else None,
            checkpoint_errors=checkpoints.failures if checkpoints is not None else 0,
            finished=not reader.stopped,
        )
