"""Job: source -> engine -> sink, with scores, checkpoints and positions.

The only module that knows both packages. Batches come from the source as columns; keys, inputs and targets go to the
engine as arrays; forecasts go to the sink as columns again.
"""

from __future__ import annotations

import logging
import math
import time
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

import msgspec

from stream_rnn.checkpoints.folder import CheckpointFolder
from stream_rnn.checkpoints.writer import CheckpointWriter
from stream_rnn.connectors.deadletter import DeadLetterFile
from stream_rnn.connectors.ordering.pacing import paced
from stream_rnn.connectors.stop import Stop
from stream_rnn.errors import CheckpointError
from stream_rnn.evaluation.prequential import Scores, detect_season
from stream_rnn.jobs.ordering_state import FILES, to_keep
from stream_rnn.jobs.output_columns import output_columns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from stream_rnn.connectors.events import EventBatch
    from stream_rnn.connectors.files.sink import Sink
    from stream_rnn.connectors.files.source import Source
    from stream_rnn.connectors.ordering.ordering import Ordering
    from stream_rnn.engine.engine import Engine
    from stream_rnn.engine.result import BatchResult
    from stream_rnn.race.race import Race
    from stream_rnn.settings.replay import ReplaySettings

log = logging.getLogger("stream_rnn")


class Shown(NamedTuple):
    """A batch with what became of it, for those who watch a job."""

    batch: EventBatch
    y: NDArray[np.float64]
    """(N, D) the targets' values"""
    taken: BatchResult
    judged: NDArray[np.float64]
    """(N, 2, 4) errors of the forecasts that each event judged, as `Scores.add` gives them"""


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What a job did."""

    events: int
    forecasts: int
    streams: int
    skipped: int
    """records that could not be used"""
    skipped_reasons: dict[str, int]
    late: int
    """of these, those that came later than lateness allows"""
    duplicates: int
    """records that were dropped since they came before"""
    held: int
    """events that wait for others before them: where a run ends before its files, they are in the checkpoint"""
    skipped_updates: int
    resets: int
    drifts: int
    """changes of streams that were found"""
    newest_drifts: list[dict[str, Any]]
    """event and key of the last of them"""
    missing_inputs: int
    missing_targets: int
    judged: int
    """values that came where an interval had been given"""
    covered: int
    """of these, inside it"""
    seconds: float
    """from the first read until the output was closed"""
    events_per_second: float
    """all of reading, learning, forecasting, scoring and writing; `speed` holds it back"""
    speed: float | None
    resumed_at: int
    """events that a checkpoint had seen before"""
    season: int
    scores: dict[str, Any]
    per_target: dict[str, Any]
    per_horizon: list[Any]
    settings: dict[str, Any]
    ignored: dict[str, str]
    """columns that were not read, each with the reason"""
    output: str | None
    checkpoint: str | None
    """the last that is safe on the disk"""
    checkpoint_errors: int
    """checkpoints that could not be written, while the job went on"""
    finished: bool
    """False when stopped before the end"""


class Stopper:
    """Asked between batches whether to stop: a plain attribute, since locks are not for signal handlers."""

    def __init__(self) -> None:
        self.asked = False

    def __call__(self) -> bool:
        """Tell whether to stop."""
        return self.asked


Learner = TypeVar("Learner", bound="Engine | Race")


class Job(Generic[Learner]):
    """One run over recorded events; made by `stream_rnn.replay.replay`.

    Parameters
    ----------
    settings
        Where events come from, and where forecasts go.
    engine
        What takes them, an engine or a race; when resumed, as the checkpoint had it.
    source
        Asks `stopper` whether to stop.
    sink
        Takes the forecasts; None to keep none.
    ordering
        Puts events in order; None to take them as they come.
    stopper
        What `stop` sets.
    """

    def __init__(
        self,
        settings: ReplaySettings,
        engine: Learner,
        source: Source,
        sink: Sink | None,
        ordering: Ordering | None,
        stopper: Stopper,
    ) -> None:
        self.settings = settings
        self.engine = engine
        self.source = source
        self.events = 0
        self._sink = sink
        self._ordering = ordering
        self._late = self._duplicates = 0
        self._stopper = stopper
        self._waits_for_pipe = False
        folder = CheckpointFolder(settings.checkpoint) if settings.checkpoint is not None else None
        self._checkpointer = CheckpointWriter(folder, engine) if folder is not None else None
        self._resumed_at = self._begun_at = self._saved_at = engine.counts.events
        self._begun_when = time.perf_counter()
        self._saved: Path | None = None
        self._checkpoint_errors = 0
        self._season = settings.season
        self._scores: Scores | None = None
        self._whole = ordering.ready if ordering is not None else None
        self._done = 0
        self._letters_before = self._letters_at()

    def warmup(self) -> None:
        """Compile the kernels, or load them from the disk, before time is measured."""
        self.engine.warmup()
        Scores.warmup()

    def run(
        self, watch: Callable[[Shown], None] | None = None, ahead: Callable[[EventBatch], int] | None = None
    ) -> Summary:
        """Take every event of the source, until it ends or `stop` is called.

        Parameters
        ----------
        watch
            Called after each batch.
        ahead
            Called with the events to come; says how many of them, at least 1, to take before it is called again.
        """
        began = time.perf_counter()
        try:
            for batch in self._batches(ahead):
                self._take(batch, watch)
                self._checkpoint()
            self._checkpoint_at_the_end()
        finally:
            self._close()
        return self._summary(time.perf_counter() - began)

    def stop(self) -> None:
        """End the run after the batch in hand, from any thread or signal handler.

        Raises
        ------
        KeyboardInterrupt
            Where `run` waits for a pipe, which nothing else ends: it ends there, and nothing is lost.
        """
        self._stopper.asked = True
        if self._waits_for_pipe:
            raise KeyboardInterrupt

    def errors(self) -> dict[str, Any]:
        """Return the scores so far, by forecaster."""
        return self._scores.overall() if self._scores is not None else {}

    def _batches(self, ahead: Callable[[EventBatch], int] | None) -> Iterator[EventBatch]:
        """Give what is to be taken at once, and note how much of what was read that leaves."""
        batches = paced(self._noted(), self.settings.speed, stop=Stop(self._stopper))
        for batch in batches if ahead is None else _cut(batches, ahead):
            self._done += len(batch)
            yield batch

    def _noted(self) -> Iterator[EventBatch]:
        for batch in self._read() if self._ordering is None else self._in_order(self._ordering):
            self._whole, self._done = batch, 0
            yield batch

    def _in_order(self, ordering: Ordering) -> Iterator[EventBatch]:
        """Put what is read in order; give the rest where the source ends, but not where the job is stopped."""
        if len(ordering.ready):
            yield ordering.ready
        for batch in self._read():
            ordered = ordering.process(batch)
            for letter in ordered.late:
                self.source.dead_letters.add(letter)
            self._late += len(ordered.late)
            self._duplicates += len(ordered.duplicates)
            if len(ordered.events):
                yield ordered.events
        if not self._stopper() and ordering.held:
            yield ordering.finish()

    def _read(self) -> Iterator[EventBatch]:
        batches, pipe = iter(self.source), "-" in self.source.files
        while not self._stopper():
            try:
                self._waits_for_pipe = pipe
                self._letters_before = self._letters_at()
                batch = next(batches, None)
            except KeyboardInterrupt:
                if not self._stopper():
                    raise
                return
            finally:
                self._waits_for_pipe = False
            if batch is None:
                return
            yield batch

    def _where(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return the positions after all that was given out, or a part of the last batch when paced; and arrays.

        Events in order stand where no position of the source tells which were taken: the others are kept as they are.
        """
        rest = self._whole[self._done :] if self._whole is not None and self._done < len(self._whole) else None
        if rest is not None and self._whole is not None and self._ordering is None:
            source = self.source.position_after(self._whole.positions[: self._done])
            return {"source": source, "dead_letters": self._letters_before}, {}
        held, arrays = to_keep({FILES: self._ordering.state(rest)} if self._ordering is not None else {})
        return {"source": self.source.position(), "dead_letters": self._letters_at()} | held, arrays

    def _letters_at(self) -> int | None:
        letters = self.source.dead_letters
        return letters.position() if isinstance(letters, DeadLetterFile) else None

    def _take(self, batch: EventBatch, watch: Callable[[Shown], None] | None) -> None:
        engine = self.engine
        x, y = batch.table(engine.settings.inputs), batch.table(engine.settings.target_names)
        taken = engine.process_detailed(batch.keys, x, y, batch.times, batch.ends)
        if self._scores is None:
            self._season = detect_season(batch.keys, batch.times) if self._season is None else self._season
            self._scores = Scores(engine.settings, self._season)
        for drift in taken.drifts:
            log.info("%s", drift)
        judged = self._scores.add(taken.slots, taken.begins, y, taken.forecasts)
        if self._sink is not None:
            self._sink.write(self._rows(batch, y, taken))
        self.events += len(batch)
        if watch is not None:
            watch(Shown(batch, y, taken, judged))

    def _rows(self, batch: EventBatch, y: NDArray[np.float64], taken: BatchResult) -> dict[str, NDArray[Any]]:
        """Return the output's columns: time, key, each target's value, and its forecasts."""
        rows: dict[str, NDArray[Any]] = {}
        if self.source.time is not None:
            rows["time"] = batch.times
        if self.source.key is not None:
            rows["key"] = batch.keys
        return rows | output_columns(self.engine.settings, y, taken)

    def _checkpoint(self) -> None:
        """Between batches: hear of the checkpoint under way, and begin one when it is due; a failure is survived."""
        if self._checkpointer is None:
            return
        try:
            self._note(self._checkpointer.advance())
            if self._checkpoint_due() and not self._checkpointer.busy:
                self._begin_checkpoint(self._checkpointer)
        except CheckpointError as error:
            self._count(error)

    def _checkpoint_due(self) -> bool:
        events, seconds = self.engine.counts.events - self._begun_at, self.settings.checkpoint_seconds
        late = seconds is not None and time.perf_counter() - self._begun_when >= seconds
        return events >= self.settings.checkpoint_every or (late and events > 0)

    def _checkpoint_at_the_end(self) -> None:
        """Have a checkpoint of the last state on the disk.

        Raises
        ------
        CheckpointError
            If it cannot be written.
        """
        if self._checkpointer is None:
            return
        self._await_checkpoint()
        if self.engine.counts.events > self._saved_at or self._saved is None:
            self._begin_checkpoint(self._checkpointer)
            self._note(self._checkpointer.finish())

    def _begin_checkpoint(self, checkpointer: CheckpointWriter) -> None:
        """Make durable what was written, then fix what belongs to it."""
        self._begun_at, self._begun_when = self.engine.counts.events, time.perf_counter()
        if self._sink is not None:
            self._sink.flush()
        if isinstance(self.source.dead_letters, DeadLetterFile):
            self.source.dead_letters.flush()
        sink = self._sink.position() if self._sink is not None else None
        positions, arrays = self._where()
        checkpointer.begin(positions | {"sink": sink}, arrays)

    def _await_checkpoint(self) -> None:
        """Wait for a checkpoint that is under way; a failure is survived."""
        if self._checkpointer is None:
            return
        try:
            self._note(self._checkpointer.finish())
        except CheckpointError as error:
            self._count(error)

    def _note(self, saved: Path | None) -> None:
        if saved is not None:
            self._saved, self._saved_at = saved, self._begun_at

    def _count(self, error: CheckpointError) -> None:
        self._checkpoint_errors += 1
        log.error("%s; the last good checkpoint is of event %d", error, self._saved_at)

    def _close(self) -> None:
        self._await_checkpoint()
        if self._sink is not None:
            self._sink.close()
        if isinstance(self.source.dead_letters, DeadLetterFile):
            self.source.dead_letters.close()
        self.source.close()

    def _summary(self, seconds: float) -> Summary:
        counts, scores, settings = self.engine.counts, self._scores, self.engine.settings
        return Summary(
            events=self.events,
            forecasts=self.events * math.prod(settings.forecast_shape),
            streams=len(self.engine.keys),
            skipped=len(self.source.dead_letters),
            skipped_reasons=dict(self.source.dead_letters.reasons),
            late=self._late,
            duplicates=self._duplicates,
            held=self._ordering.held if self._ordering is not None else 0,
            skipped_updates=counts.skipped,
            resets=counts.resets,
            drifts=counts.drifts,
            newest_drifts=[drift._asdict() for drift in self.engine.drifts],
            missing_inputs=counts.missing_inputs,
            missing_targets=counts.missing_targets,
            judged=counts.judged,
            covered=counts.covered,
            seconds=seconds,
            events_per_second=self.events / seconds if seconds else 0.0,
            speed=self.settings.speed,
            resumed_at=self._resumed_at,
            season=self._season or 0,
            scores=scores.overall() if scores is not None else {},
            per_target=scores.per_target() if scores is not None else {},
            per_horizon=scores.per_horizon() if scores is not None else [],
            settings=settings.describe(),
            ignored=dict(self.source.ignored),
            output=self.settings.output,
            checkpoint=str(self._saved) if self._saved is not None else None,
            checkpoint_errors=self._checkpoint_errors,
            finished=not self._stopper(),
        )


def _cut(batches: Iterable[EventBatch], ahead: Callable[[EventBatch], int]) -> Iterator[EventBatch]:
    """Cut batches where `ahead` wants to look at what comes."""
    for batch in batches:
        start = 0
        while start < len(batch):
            stop = start + ahead(batch[start:])
            yield batch[start:stop]
            start = stop
