"""Lane: the partitions that one engine learns from, with the checkpoints that keep it in step with their offsets.

A checkpoint names the offsets it was made at. It is made only when these are committed, so the group's committed
offsets are never behind it. To go on, a lane takes the newest checkpoint that is not ahead of what was committed, and
learns again what stands between the two, without forecasting: the same records give the same bits, so it is then where
it was.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from stream_rnn.checkpoints.folder import CheckpointFolder
from stream_rnn.checkpoints.writer import CheckpointWriter
from stream_rnn.connectors.errors import ConnectorError
from stream_rnn.connectors.events import DeadLetter
from stream_rnn.connectors.kafka.ordering import PartitionOrdering, Released
from stream_rnn.connectors.kafka.source import KafkaBatch, name_of
from stream_rnn.connectors.ordering.ordering import OrderingPolicy
from stream_rnn.engine.conversions import are_whole
from stream_rnn.engine.engine import Engine
from stream_rnn.errors import CheckpointError
from stream_rnn.evaluation.prequential import Scores
from stream_rnn.jobs.live.payloads import Payloads
from stream_rnn.jobs.ordering_state import state_of, to_keep

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from kafka import TopicPartition
    from numpy.typing import NDArray

    from stream_rnn.checkpoints.file import CheckpointData
    from stream_rnn.connectors.events import EventBatch
    from stream_rnn.connectors.kafka.source import Headers, KafkaSource, Offsets
    from stream_rnn.settings.engine import Settings

log = logging.getLogger("stream_rnn")

NOT_A_CLASS = "not a class of this job"
NO_ID = "not a token of this job"


class Plan(NamedTuple):
    """What all lanes of a job have in common."""

    engine: Settings
    group: str
    folder: Path
    first: Path | None
    """The checkpoint that engines begin with; None to begin knowing nothing."""
    rule: OrderingPolicy
    writes: bool
    """Whether forecasts are wanted."""
    every_events: int
    every_seconds: float


class Made(NamedTuple):
    """What a lane made of a batch."""

    partition: TopicPartition
    payloads: list[bytes]
    keys: list[bytes]
    headers: Sequence[Headers] | None
    dead: list[DeadLetter]
    next: int
    """the offset after the batch"""
    events: int
    replayed: int
    """events that had been forecast before"""
    duplicates: int
    """records that were dropped since they came before"""


class Lane:
    """An engine and its partitions; made by `open`.

    Parameters
    ----------
    name
        Of its folder, and of what is said about it.
    plan
    engine
        As it was at `position`.
    folder
        Takes its checkpoints.
    start
        Where each partition was begun.
    position
        The next offset to take of each partition.
    committed
        Up to where each partition was forecast before, and committed.
    """

    def __init__(
        self,
        name: str,
        plan: Plan,
        engine: Engine,
        folder: CheckpointFolder,
        start: Offsets,
        position: Offsets,
        committed: Offsets,
    ) -> None:
        self.name = name
        self.engine = engine
        self.position = position
        self.committed = committed
        self.scores = Scores(engine.settings, season=0)
        self.checkpointer = CheckpointWriter(folder, engine)
        self._plan = plan
        self._start = start
        self._payloads = Payloads(engine.settings)
        self._columns = tuple(dict.fromkeys(engine.settings.inputs + engine.settings.target_names))
        self._orderings = {partition: self._ordering(partition) for partition in position} if plan.rule.active else {}
        self._saved_events = engine.counts.events
        self._saved_position = dict(position)
        self._saved_at = time.monotonic()

    @classmethod
    def open(cls, name: str, plan: Plan, committed: Mapping[TopicPartition, int | None], source: KafkaSource) -> Lane:
        """Take partitions up where the group's committed offsets say.

        Parameters
        ----------
        name
            Of the lane's folder.
        plan
        committed
            The offset that was committed of each partition, None where none was.
        source
            Knows where partitions begin.

        Raises
        ------
        CheckpointError
            If the state that belongs to the committed offsets is not in the folder.
        ConnectorError
            If a topic was made anew since.
        """
        folder = CheckpointFolder(plan.folder / name)
        found = folder.newest(plan.engine, accept=lambda positions: _goes_with(positions, plan.group, committed))
        if found is None:
            _refuse_lost(folder, plan.group, committed)
            engine = Engine(plan.engine) if plan.first is None else Engine.load(plan.first, settings=plan.engine)
            start = {partition: source.beginning(partition) for partition in committed}
            folder.write(engine.snapshot(positions=_positions(plan, start, start)).finish(), engine.counts.events)
            return cls(name, plan, engine, folder, start, dict(start), dict(start))
        kept, engine = found[1].positions["kafka"], Engine.restore(found[1])
        start, position, done = {}, {}, {}
        for partition, at in committed.items():
            place = name_of(partition)
            new = source.beginning(partition) if place not in kept["start"] else 0
            start[partition] = kept["start"].get(place, new)
            position[partition] = kept["offsets"].get(place, new)
            done[partition] = position[partition] if at is None else at
        _refuse_other_rule(found[0], kept, plan.rule, position, done)
        lane = cls(name, plan, engine, folder, start, position, done)
        lane._restore(found[1])
        return lane

    def check_bounds(self, source: KafkaSource) -> dict[TopicPartition, int]:
        """Move on where records were deleted before they were read; give how many are missing, by partition.

        Raises
        ------
        ConnectorError
            If a topic ends before what was read of it: it was made anew.
        """
        missing = {}
        for partition, at in self.position.items():
            first, end = source.bounds(partition)
            done = max(at, self.committed[partition])
            if done > end:
                raise ConnectorError(
                    f"{name_of(partition)} ends at {end}, but was read to {done}: was the topic made anew? "
                    "Name another group and checkpoint folder to begin anew"
                )
            if first > at:
                missing[partition] = first - at
                self.position[partition] = first
        return missing

    def take(self, batch: KafkaBatch) -> Made:
        """Learn from what a batch releases, and make what is to be written of it.

        An event was forecast before if the record whose arrival released it had been committed: held or not, it is
        released by the same record whenever the partition is read again.
        """
        settings, partition = self.engine.settings, batch.partition
        batch, by, duplicates = self._in_order(self._usable(batch))
        events, before = batch.events, self.committed[partition]
        x, y = _values(settings, events)
        learned = self.engine.counts.events
        taken = self.engine.process_detailed(events.keys, x, y, events.times, events.ends)
        self.scores.add(taken.slots, taken.begins, y, taken.forecasts)
        self.position[partition] = batch.next
        old = int(np.searchsorted(by, before))
        for drift in taken.drifts:
            if drift.event > learned + old:  # others were told of before
                log.warning("%s: %s", self.name, drift)
        payloads = []
        if self._plan.writes:
            rest = events[old:], y[old:], taken.rows(slice(old, None))
            payloads = self._payloads.of(*rest, topic=partition.topic, learned=learned + old)
        return Made(
            partition,
            payloads,
            [key.encode() for key in events.keys[old:].tolist()] if payloads else [],
            None if batch.headers is None else batch.headers[old:],
            [letter for letter in batch.dead if letter.record >= before],
            batch.next,
            len(events),
            old,
            int((duplicates >= before).sum()),
        )

    @property
    def held(self) -> int:
        """How many events are held back."""
        return sum(ordering.held for ordering in self._orderings.values())

    def _usable(self, batch: KafkaBatch) -> KafkaBatch:
        """Refuse events that are none for the engine."""
        settings, events, headers = self.engine.settings, batch.events, batch.headers
        if not (settings.tokens or settings.categorical):
            return batch
        refusals = _refusals(settings, *_values(settings, events))
        good = refusals == ""
        if good.all():
            return batch
        dead = _with_refused(batch.dead, events[~good], refusals[~good], name_of(batch.partition))
        if headers is not None:
            headers = [kept for kept, fine in zip(headers, good, strict=True) if fine]
        return KafkaBatch(batch.partition, events[good], headers, dead, batch.next)

    def _in_order(self, batch: KafkaBatch) -> Released:
        ordering = self._orderings.get(batch.partition)
        return Released.as_they_come(batch) if ordering is None else ordering.take(batch)

    def _ordering(self, partition: TopicPartition) -> PartitionOrdering:
        return PartitionOrdering(self._plan.rule, self._columns, partition)

    def _restore(self, saved: CheckpointData) -> None:
        """Hold again what a checkpoint held, whether or not events are still put in order."""
        for partition in self.position:
            if (state := state_of(saved, name_of(partition))) is not None:
                self._orderings.setdefault(partition, self._ordering(partition)).restore(state)

    def is_at(self, committed: Mapping[TopicPartition, int | None]) -> bool:
        """Tell whether the engine has learned just what was committed."""
        return all(self.position.get(partition) == at for partition, at in committed.items())

    @property
    def is_ahead(self) -> bool:
        """Whether the engine has learned something that is not committed."""
        return any(offset > self.committed[partition] for partition, offset in self.position.items())

    def checkpoint_due(self) -> bool:
        """Tell whether it is time for a checkpoint."""
        if self.position == self._saved_position or self.checkpointer.busy:
            return False
        events = self.engine.counts.events - self._saved_events
        return events >= self._plan.every_events or time.monotonic() - self._saved_at >= self._plan.every_seconds

    def checkpoint(self) -> None:
        """Begin a checkpoint of what is now; the position must have been committed.

        Raises
        ------
        CheckpointError
            If there is no memory for it.
        """
        self._saved_events, self._saved_position = self.engine.counts.events, dict(self.position)
        self._saved_at = time.monotonic()
        held, arrays = to_keep({name_of(place): ordering.state() for place, ordering in self._orderings.items()})
        self.checkpointer.begin(_positions(self._plan, self._start, self.position) | held, arrays)

    def advance(self) -> bool:
        """Tell whether a checkpoint has become safe since it was asked last.

        Raises
        ------
        CheckpointError
            If one could not be written, once; the next is due as if there had been none.
        """
        return self._made(self.checkpointer.advance)

    def finish(self) -> bool:
        """Make a checkpoint of what is now, if there is none, and wait until it is safe; else as `advance`."""
        if self.position != self._saved_position:
            self.checkpoint()
        return self._made(self.checkpointer.finish)

    def _made(self, ask: Callable[[], Path | None]) -> bool:
        try:
            return ask() is not None
        except CheckpointError:
            self._saved_position = {}
            raise


def _positions(plan: Plan, start: Offsets, offsets: Offsets) -> dict[str, Any]:
    def named(some: Offsets) -> dict[str, int]:
        return {name_of(partition): offset for partition, offset in some.items()}

    rule = plan.rule._asdict()
    return {"kafka": {"group": plan.group, "rule": rule, "start": named(start), "offsets": named(offsets)}}


def _refuse_other_rule(
    path: Path, kept: Mapping[str, Any], rule: OrderingPolicy, position: Offsets, committed: Offsets
) -> None:
    """Refuse to learn again under a rule that would release other events than those that were forecast."""
    before = OrderingPolicy(**kept.get("rule", {}))
    if before == rule or all(offset >= committed[partition] for partition, offset in position.items()):
        return
    name = next(name for name in OrderingPolicy._fields if getattr(before, name) != getattr(rule, name))
    raise CheckpointError(
        f"checkpoint {path} has {name} = {getattr(before, name)!r}, the settings say {getattr(rule, name)!r}; what was "
        "committed since is to be learned again under the former: start with it, stop in good order, then change it"
    )


def _goes_with(positions: Mapping[str, Any], group: str, committed: Mapping[TopicPartition, int | None]) -> bool:
    """Tell whether a checkpoint is of this group, and not ahead of what was committed.

    Where nothing was committed, the process died between its first checkpoint and its first commit.
    """
    kept = positions.get("kafka")
    if kept is None or kept["group"] != group:
        return False
    for partition, at in committed.items():
        offset = kept["offsets"].get(name_of(partition))
        if offset is not None and offset > (kept["start"][name_of(partition)] if at is None else at):
            return False
    return True


def _refuse_lost(folder: CheckpointFolder, group: str, committed: Mapping[TopicPartition, int | None]) -> None:
    """Refuse to begin where something was learned before: forecasts would be made by a model that knows nothing."""
    known = {name_of(partition): at for partition, at in committed.items() if at is not None}
    if known:
        place, at = next(iter(known.items()))
        said = f"group {group!r} has committed {at} of {place}"
    elif folder.files:
        said = f"group {group!r} has committed nothing"
    else:
        return
    raise CheckpointError(
        f"{said}, and {folder.folder} has no checkpoint that goes with it; bring the folder back, or name another "
        "group and folder to begin anew"
    )


def _values(settings: Settings, events: EventBatch) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the inputs (N, I) and targets (N, D) of N events."""
    return events.table(settings.inputs), events.table(settings.target_names)


def _refusals(settings: Settings, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.object_]:
    """Return why each event is not one for the engine, empty where it is, (N,)."""
    reasons = np.full(len(x), "", object)
    if settings.categorical:
        reasons[~are_whole(y, settings.classes).all(axis=1)] = NOT_A_CLASS
    if settings.tokens:
        reasons[~are_whole(x, settings.vocabulary).all(axis=1)] = NO_ID
    return reasons


def _with_refused(
    dead: list[DeadLetter], events: EventBatch, reasons: NDArray[np.object_], source: str
) -> list[DeadLetter]:
    records = events.positions.record.tolist()
    letters = [DeadLetter.of(source, *what, "") for what in zip(records, reasons.tolist(), strict=True)]
    return sorted([*dead, *letters], key=lambda letter: letter.record)
