"""PartitionWorker: the engine or race of one or more partitions, with their offsets and checkpoints.

A checkpoint contains the offsets at which it was started. It is started only when these are committed, so the group's
committed offsets are never behind it. See `recovery` for how a worker continues from a checkpoint.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

import numpy as np

from stream_rnn.checkpoints.policy import CheckpointPolicy
from stream_rnn.checkpoints.writer import CheckpointWriter
from stream_rnn.connectors.errors import ConnectorError
from stream_rnn.connectors.events import BadValue, DeadLetter
from stream_rnn.connectors.kafka.ordering import OrderedBatch, PartitionOrdering
from stream_rnn.connectors.kafka.partitions import partition_name
from stream_rnn.connectors.shapes.shape import Shape
from stream_rnn.connectors.shapes.wide import stream_keys
from stream_rnn.engine.result import BatchResult
from stream_rnn.errors import CheckpointError
from stream_rnn.evaluation.prequential import Scores
from stream_rnn.jobs import ordering_state
from stream_rnn.jobs.alarm_log import AlarmLog
from stream_rnn.jobs.ids import invalid_ids
from stream_rnn.jobs.live.flushes import ArrivalClock, Flush, Flushes
from stream_rnn.jobs.live.payloads import Forecasts, PayloadEncoder
from stream_rnn.jobs.models import fingerprint
from stream_rnn.jobs.words import WordRules

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from kafka import TopicPartition
    from numpy.typing import NDArray

    from stream_rnn.checkpoints.file import CheckpointData
    from stream_rnn.checkpoints.folder import CheckpointFolder
    from stream_rnn.checkpoints.writer import CheckpointTimings
    from stream_rnn.connectors.events import EventBatch
    from stream_rnn.connectors.kafka.decoder import KafkaBatch, Tombstone
    from stream_rnn.connectors.kafka.partitions import Headers, Offsets, TopicIdentity
    from stream_rnn.connectors.ordering.ordering import OrderingPolicy
    from stream_rnn.engine.drift import Drift
    from stream_rnn.engine.engine import Engine
    from stream_rnn.jobs.models import EngineModel, RaceModel
    from stream_rnn.jobs.words import Words
    from stream_rnn.race.race import Race
    from stream_rnn.settings.engine import Settings

    Topics = Mapping[str, TopicIdentity]
    """Identity of topics, by name."""

log = logging.getLogger("stream_rnn")


UNEXPECTED = {
    "replaced": "a value was replaced by a later one for the same tag and time",
    "gaps": "a gap longer than max_gap ended a sequence",
}
"""What may happen to records that become events of another shape, by kind; the first of each is logged."""
OVERSIZED = "key and headers are too large for a forecast"
"""Why an event that was learned from has no forecast."""


class WorkerSource(Protocol):
    """What a worker needs to know of its source."""

    def identity(self, topic: str) -> TopicIdentity:
        """Return the identity of a topic."""

    def bounds(self, partition: TopicPartition) -> tuple[int, int]:
        """Return the offset of the oldest record of a partition, and of the next one to be written."""

    def start_offset(self, partition: TopicPartition) -> int:
        """Return the offset to start at in a partition without a committed offset."""

    def lag(self, partition: TopicPartition, offset: int) -> int | None:
        """Return the number of records from an offset on, None if it is not known."""


class WorkerConfig(NamedTuple):
    """Settings that all workers of a job share."""

    model: EngineModel | RaceModel
    """what learns"""
    group: str
    folder: Path
    """contains a folder of checkpoints for each worker"""
    initial_checkpoint: Path | None
    """checkpoint that models start from; None to start from scratch"""
    rule: OrderingPolicy
    """how long events are held back, and whether duplicates are dropped"""
    has_record_keys: bool
    """whether streams have the keys of records, by which records are assigned to partitions"""
    lost_offsets: Literal["resume", "refuse"]
    """what to do if the group has lost the offsets that it had committed"""
    writes_forecasts: bool
    max_output_bytes: int
    """size of a forecast, with its key and its headers, that the producer accepts"""
    checkpoint_events: int
    """events between two checkpoints"""
    checkpoint_seconds: float
    """seconds between two checkpoints"""
    words: WordRules = WordRules()
    """which fields are words"""
    shape: Shape = Shape()
    """how records become events"""
    fields: tuple[str, ...] = ()
    """fields of the records that are inputs of a wide source"""
    idle_flush: float | None = None
    """seconds after which the events of a silent stream are released"""

    @property
    def names(self) -> tuple[str, ...]:
        """Inputs and targets of the model."""
        return tuple(dict.fromkeys(self.model.settings.inputs + self.model.settings.target_names))

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the records, all of them numbers."""
        return self.shape.pivot or self.fields or self.names


@dataclass(slots=True)
class WorkerOffsets:
    """Offsets of a worker's partitions; each is that of the next record.

    Usually committed <= processed. After a restart, processed is behind committed until the records in between have
    been processed again.
    """

    start: Offsets
    """where the partition was started"""
    processed: Offsets
    """the model has processed the records before it"""
    committed: Offsets
    """the forecasts of the records before it are committed"""


class WorkerOutput(NamedTuple):
    """Result of one batch."""

    partition: TopicPartition
    next: int
    """the offset after the batch"""
    payloads: list[bytes]
    """forecasts to write"""
    keys: list[bytes]
    """key of each payload"""
    headers: Sequence[Headers] | None
    """headers of each payload; None if there are none"""
    dead: list[DeadLetter]
    """records that cannot be used"""
    events: int
    """events that the model has learned from"""
    replayed: int
    """of these, events whose forecasts had been committed before"""
    duplicates: int
    """records that were dropped as duplicates"""
    bad_values: list[BadValue]
    """values that count as missing because they are not numbers"""
    tombstones: int
    """records without value"""
    records: int
    seconds: float
    """how long they took"""

    def then(self, later: WorkerOutput) -> WorkerOutput:
        """Return this output, whose forecasts were all committed before, with that of later records."""
        return later._replace(
            dead=[*self.dead, *later.dead],
            events=self.events + later.events,
            replayed=self.replayed + later.replayed,
            duplicates=self.duplicates + later.duplicates,
            bad_values=[*self.bad_values, *later.bad_values],
            tombstones=self.tombstones + later.tombstones,
            records=self.records + later.records,
            seconds=self.seconds + later.seconds,
        )


class PartitionWorker:
    """The engine or race of one or more partitions; created by `recovery.open_worker`.

    Parameters
    ----------
    name
        Name of its checkpoint folder, and its name in messages and metrics.
    config
        Settings of the job's workers.
    model
        In the state of `offsets.processed`.
    folder
        Receives its checkpoints.
    offsets
        Offsets of its partitions.
    topics
        Identity of each of its topics when the worker was first started.
    words
        The words of the events that `offsets.processed` counts.

    Attributes
    ----------
    scores : Scores
        Errors of the forecasts since the worker was opened.
    failing : int
        Number of streams that were failing after the last batch; a model that processes the next one cannot be asked.
    """

    def __init__(
        self,
        name: str,
        config: WorkerConfig,
        model: Engine | Race,
        folder: CheckpointFolder,
        offsets: WorkerOffsets,
        topics: Topics,
        words: Words,
    ) -> None:
        self.name = name
        self.model = model
        self.offsets = offsets
        self.topics = topics
        self.words = words
        self.scores = Scores(model.settings, season=0)
        self.failing = _count_failing(model)
        self._config = config
        self._alarm_log = AlarmLog(f"{name}: ")
        self._encoder = PayloadEncoder(model.settings, fingerprint(config.model))
        active = config.rule.active or config.shape.active
        self._orderings = {partition: self._new_ordering(partition) for partition in offsets.processed if active}
        self._flushes = {partition: Flushes() for partition in offsets.processed}
        self._arrivals: dict[TopicPartition, ArrivalClock] = {}
        self._logged: set[str] = set()
        self._writer = CheckpointWriter(folder, model)
        self._policy = CheckpointPolicy(
            config.checkpoint_events,
            config.checkpoint_seconds,
            events=model.counts.events,
            position=self._position(),
        )

    @property
    def held(self) -> int:
        """Number of events that are held back."""
        return sum(ordering.held for ordering in self._orderings.values())

    @property
    def is_ahead(self) -> bool:
        """Whether the model has processed records that are not committed."""
        committed = self.offsets.committed
        return any(
            offset > committed[partition] or self._flushes[partition].is_ahead
            for partition, offset in self.offsets.processed.items()
        )

    def is_at(
        self, committed: Mapping[TopicPartition, int | None], flushes: Mapping[TopicPartition, Sequence[Flush]]
    ) -> bool:
        """Return whether the worker has exactly these partitions, and has processed exactly what is committed."""
        done = {partition: some[-1].number if some else 0 for partition, some in flushes.items()}
        return self.offsets.processed == committed and all(
            some.done == done.get(partition, 0) for partition, some in self._flushes.items()
        )

    def has_uncommitted(self, partition: TopicPartition, offset: int) -> bool:
        """Return whether a partition has records or flushes before an offset that are processed but not committed."""
        return offset > self.offsets.committed[partition] or self._flushes[partition].is_ahead

    def note(self, partition: TopicPartition) -> str:
        """Return the note to commit with the offset of a partition."""
        return self._flushes[partition].note

    def mark_committed(self, partition: TopicPartition, offset: int) -> None:
        """Record that a partition is committed up to an offset, with everything that was written."""
        self.offsets.committed[partition] = offset
        self._flushes[partition].committed = self._flushes[partition].done

    def is_of(self, topic: str, identity: TopicIdentity) -> bool:
        """Return whether the worker has read this topic, and not an earlier one of the same name, since deleted."""
        return self.topics[topic].id == identity.id

    def mark_all_committed(self) -> None:
        """Record that everything that was processed is committed."""
        for partition, offset in self.offsets.processed.items():
            self.mark_committed(partition, offset)

    def restore_flushes(self, done: Mapping[str, int], committed: Mapping[TopicPartition, Sequence[Flush]]) -> None:
        """Repeat committed flushes after the first `done` of each partition, by name, which a checkpoint has."""
        for partition, flushes in committed.items():
            self._flushes[partition] = Flushes(done.get(partition_name(partition), 0), flushes)
        self._policy.started(self.model.counts.events, self._position())

    def restore_orderings(self, saved: CheckpointData, partitions: Iterable[TopicPartition]) -> None:
        """Hold back the events of partitions that a checkpoint contains, even if new events are no longer held back."""
        for partition in partitions:
            if (state := ordering_state.load(saved, partition_name(partition))) is not None:
                self._orderings.setdefault(partition, self._new_ordering(partition)).restore(state)

    def skip_deleted_records(self, source: WorkerSource) -> dict[TopicPartition, int]:
        """Continue after records that were deleted before they were read; return their number, by partition.

        Raises
        ------
        ConnectorError
            If a topic ends before the processed offset, because the cluster has lost records.
        """
        missing = {}
        for partition, processed in self.offsets.processed.items():
            first, end = source.bounds(partition)
            read = max(processed, self.offsets.committed[partition])
            if read > end:
                raise ConnectorError(
                    f"{partition_name(partition)} ends at offset {end}, but was read up to {read}: the cluster has "
                    "lost records. Use another group and checkpoint folder to start from scratch"
                )
            if first > processed:
                missing[partition] = first - processed
                self.offsets.processed[partition] = first
        return missing

    def process(self, batch: KafkaBatch) -> WorkerOutput:
        """Learn from the events that a batch releases, and encode the forecasts that were not committed before.

        The forecast of an event was committed before if the record whose arrival released the event was: even if events
        are held back, the same record releases the same events whenever the partition is read again. Committed flushes
        are repeated where they were done.
        """
        flushes, first = self._flushes[batch.partition], None
        while (at := flushes.next_at()) is not None and at < batch.next:
            before, batch = batch.split(at)
            output = self._process(before).then(self._flush(batch.partition, flushes.repeat(), is_new=False))
            first = output if first is None else first.then(output)
        output = self._process(batch)
        if self._config.idle_flush is not None:
            self._arrival_clock(batch.partition).add(time.monotonic(), batch.next)
        return output if first is None else first.then(output)

    def flush_idle(self, now: float) -> list[WorkerOutput]:
        """Release the events of silent streams, and repeat committed flushes whose place is reached.

        Parameters
        ----------
        now
            Seconds, monotonically.
        """
        outputs = []
        for partition, flushes in self._flushes.items():
            at = self.offsets.processed[partition]
            while flushes.next_at() == at:
                outputs.append(self._flush(partition, flushes.repeat(), is_new=False))
            ordering = self._orderings.get(partition)
            if self._config.idle_flush is None or ordering is None or not ordering.held or not flushes.may_add:
                continue
            if at < self.offsets.committed[partition]:
                continue  # the records that follow were not silent
            before = self._arrival_clock(partition).silent_before(now)
            if before is not None and ordering.has_silent(before):
                outputs.append(self._flush(partition, flushes.add(at, before), is_new=True))
        return outputs

    def _arrival_clock(self, partition: TopicPartition) -> ArrivalClock:
        if partition not in self._arrivals:
            idle = self._config.idle_flush or 0.0
            self._arrivals[partition] = ArrivalClock(idle, time.monotonic(), self.offsets.processed[partition])
        return self._arrivals[partition]

    def _flush(self, partition: TopicPartition, flush: Flush, *, is_new: bool) -> WorkerOutput:
        """Release the events that a flush releases; their forecasts are written if it is new."""
        ordered = self._orderings[partition].flush(flush.before, flush.at)
        return self._learn_and_encode(ordered, {}, replayed=0 if is_new else len(ordered.batch.events))

    def _process(self, batch: KafkaBatch) -> WorkerOutput:
        ordered = self._order(_reject_invalid_ids(self.model.settings, self._encode_words(batch)))
        replayed = int(np.searchsorted(ordered.released_by, self.offsets.committed[batch.partition]))
        return self._learn_and_encode(ordered, _ends_after(batch.tombstones, ordered.released_by), replayed)

    def _learn_and_encode(self, ordered: OrderedBatch, ends: Mapping[int, list[str]], replayed: int) -> WorkerOutput:
        """Learn from events that are released, and encode their forecasts, except those of the first `replayed`."""
        started = time.perf_counter()
        batch = ordered.batch
        settings, partition = self.model.settings, batch.partition
        events, headers = batch.events, batch.headers
        learned, committed = self.model.counts.events, self.offsets.committed[partition]

        x, y = events.table(settings.inputs), events.table(settings.target_names)
        result = self._learn(events, x, y, ends)
        self.scores.add(result.slots, result.begins, y, result.forecasts)
        labels = self.words.label_columns(y, result)
        self.offsets.processed[partition] = batch.next
        self.failing = _count_failing(self.model)

        self._log_unexpected(partition)
        self._log_drifts(result.drifts, after=learned + replayed)
        self._alarm_log.add(alarm for alarm in result.alarms if alarm.event > learned + replayed)
        new, payloads = slice(replayed, None), list[bytes]()
        if self._config.writes_forecasts:
            payloads = self._encoder.encode(
                events[new],
                y[new],
                result.rows(new),
                {name: column[new] for name, column in labels.items()},
                topic=partition.topic,
                learned=learned + replayed,
            )
        sent = Forecasts(
            payloads,
            keys=[key.encode() for key in events.keys[new].tolist()] if payloads else [],
            headers=headers[new] if headers is not None and payloads else None,
        )
        sent, oversized = sent.split(self._config.max_output_bytes)
        records = events.positions.record[new]
        dead = [letter for letter in ordered.batch.dead if letter.record >= committed]
        elements = events.positions.element_numbers[new]
        dead += [
            DeadLetter.of(partition_name(partition), int(records[i]), OVERSIZED, "", element=int(elements[i]))
            for i in oversized
        ]
        return WorkerOutput(
            partition=partition,
            next=batch.next,
            payloads=sent.payloads,
            keys=sent.keys,
            headers=sent.headers,
            dead=sorted(dead, key=lambda letter: letter.place),
            events=len(events),
            replayed=replayed,
            duplicates=int((ordered.duplicates >= committed).sum()),
            bad_values=[value for value in ordered.batch.bad_values if value.record >= committed],
            tombstones=sum(tombstone.offset >= committed for tombstone in batch.tombstones),
            records=len(batch),
            seconds=time.perf_counter() - started,
        )

    def _learn(
        self, events: EventBatch, x: NDArray[np.float64], y: NDArray[np.float64], ends: Mapping[int, list[str]]
    ) -> BatchResult:
        """Process N events; the sequences of some streams end after given numbers of events."""
        results: list[BatchResult] = []
        start = 0
        for stop in sorted({*ends, len(events)}):
            part = slice(start, stop)
            results.append(
                self.model.process_detailed(events.keys[part], x[part], y[part], events.times[part], events.ends[part])
            )
            for key in ends.get(stop, ()):
                for stream in stream_keys(key, self._config.fields) if self._config.shape.wide else (key,):
                    self.model.reset(stream)
            start = stop
        return results[0] if len(results) == 1 else BatchResult.concat(results)

    def checkpoint_due(self) -> bool:
        """Return whether it is time for a checkpoint."""
        return not self._writer.busy and self._policy.is_due(self.model.counts.events, self._position())

    def start_checkpoint(self) -> None:
        """Start a checkpoint of the present state, which must be committed completely.

        Raises
        ------
        CheckpointError
            If there is not enough memory for the copy.
        """
        self._policy.started(self.model.counts.events, self._position())
        held, arrays = ordering_state.dump(
            {partition_name(p): ordering.state() for p, ordering in self._orderings.items()}
        )
        positions = checkpoint_positions(self._config, self.offsets, self.topics, self.words)
        flushes = {partition_name(p): some.checkpoint_started() for p, some in self._flushes.items()}
        if any(flushes.values()):
            positions["kafka"]["flushes"] = flushes
        self._writer.begin(positions | held, arrays)

    def start_last_checkpoint(self) -> None:
        """Start a checkpoint as `start_checkpoint`, unless the newest one has the present state."""
        if self._policy.has_progress(self._position()):
            self.start_checkpoint()

    def _position(self) -> tuple[Offsets, list[int]]:
        """Return how far the worker is, as a copy."""
        return dict(self.offsets.processed), [flushes.done for flushes in self._flushes.values()]

    def finished_checkpoint(self) -> CheckpointTimings | None:
        """Return the timings of a checkpoint that has reached the disk, each once; None if there is no news.

        Raises
        ------
        CheckpointError
            If a checkpoint could not be written, once for each; the next one is due as if it had not been started.
        """
        return self._result_of(self._writer.advance)

    def wait_for_checkpoint(self) -> CheckpointTimings | None:
        """Wait for the checkpoint that is being written, then return and raise as `finished_checkpoint`."""
        return self._result_of(self._writer.finish)

    def _result_of(self, ask: Callable[[], Path | None]) -> CheckpointTimings | None:
        try:
            return self._writer.last if ask() is not None else None
        except CheckpointError:
            self._policy.failed()
            for flushes in self._flushes.values():
                flushes.checkpoint_failed()
            raise

    def _encode_words(self, batch: KafkaBatch) -> KafkaBatch:
        """Return a batch whose columns are all numbers."""
        events, bad, rows = self.words.encode(batch.events)
        if events is batch.events:
            return batch
        source, records = partition_name(batch.partition), batch.events.positions.record
        values = [BadValue(source, int(records[label.row]), label.column, label.word) for label in bad]
        bad_values = sorted([*batch.bad_values, *values], key=lambda value: value.record)
        headers = batch.headers
        if headers is not None and rows is not None:
            headers = [headers[row] for row in rows.tolist()]
        return replace(batch, events=events, headers=headers, bad_values=bad_values)

    def _order(self, batch: KafkaBatch) -> OrderedBatch:
        ordering = self._orderings.get(batch.partition)
        return OrderedBatch.in_arrival_order(batch) if ordering is None else ordering.process(batch)

    def _new_ordering(self, partition: TopicPartition) -> PartitionOrdering:
        config = self._config
        tags = config.names if config.shape.pivot is not None else ()
        return PartitionOrdering(config.rule, config.columns, partition, config.shape, tags)

    def _log_unexpected(self, partition: TopicPartition) -> None:
        """Log what happened to records for the first time."""
        ordering = self._orderings.get(partition)
        for kind, count in ordering.counts.items() if ordering is not None else ():
            if count and kind in UNEXPECTED and kind not in self._logged:
                self._logged.add(kind)
                log.warning("%s: %s; more like it are not logged", self.name, UNEXPECTED[kind])

    def _log_drifts(self, drifts: Sequence[Drift], after: int) -> None:
        """Log drifts of events after this one; the others were logged when they were first processed."""
        for drift in drifts:
            if drift.event > after:
                log.warning("%s: %s", self.name, drift)


def _ends_after(tombstones: Sequence[Tombstone], released_by: NDArray[np.int64]) -> dict[int, list[str]]:
    """Return the streams whose sequences end, by the number of events (N,) before: a tombstone acts as it arrives."""
    ends: dict[int, list[str]] = {}
    for offset, key in tombstones:
        if key is not None:
            ends.setdefault(int(np.searchsorted(released_by, offset)), []).append(key)
    return ends


def _reject_invalid_ids(settings: Settings, batch: KafkaBatch) -> KafkaBatch:
    """Return a batch without the events that have an invalid class or token; these are among its dead letters."""
    reasons = invalid_ids(settings, batch.events)
    if not reasons:
        return batch
    source, records = partition_name(batch.partition), batch.events.positions.record
    elements = batch.events.positions.element_numbers
    letters = [
        DeadLetter.of(source, int(records[row]), reason, "", element=int(elements[row]))
        for row, reason in reasons.items()
    ]
    dead = sorted([*batch.dead, *letters], key=lambda letter: letter.place)
    return replace(batch.select(~np.isin(np.arange(len(records)), list(reasons))), dead=dead)


def checkpoint_positions(config: WorkerConfig, offsets: WorkerOffsets, topics: Topics, words: Words) -> dict[str, Any]:
    """Return each partition's start offset and processed offset for a checkpoint."""

    def by_name(some: Offsets) -> dict[str, int]:
        return {partition_name(partition): offset for partition, offset in some.items()}

    return {
        "kafka": {
            "group": config.group,
            "rule": config.rule._asdict(),
            "shape": config.shape.describe(),
            "start": by_name(offsets.start),
            "offsets": by_name(offsets.processed),
            "topics": {name: identity._asdict() for name, identity in topics.items()},
        }
    } | words.positions()


def _count_failing(model: Engine | Race) -> int:
    return len(model.failing) if model.counts.alarms else 0
