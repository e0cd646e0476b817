"""EventReader: recorded events in order, at the requested pace, with the position after each batch."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

from stream_rnn.connectors.events import BadValue
from stream_rnn.connectors.ordering.pacing import paced
from stream_rnn.connectors.stop import Stop
from stream_rnn.engine.batch_size import BatchSize
from stream_rnn.jobs import ordering_state
from stream_rnn.jobs.replay.dead_letters import position_of
from stream_rnn.jobs.stopping import StoppableReader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import NDArray

    from stream_rnn.connectors.events import EventBatch
    from stream_rnn.connectors.files.source import Source
    from stream_rnn.connectors.ordering.ordering import Ordering
    from stream_rnn.jobs.stopping import StopFlag
    from stream_rnn.jobs.words import BadLabel, Words

    BatchLimit = Callable[[EventBatch], int]
    """Called with the next events; returns how many of them, at least 1, to process before it is called again."""


class ReadPosition(NamedTuple):
    """How far events were read, as a checkpoint stores it."""

    positions: dict[str, Any]
    """JSON values"""
    arrays: dict[str, NDArray[Any]]
    """events that were read and are not processed yet, by name"""


class EventReader:
    """Reads the events of a replay.

    Parameters
    ----------
    source
        Where events are read from; it checks `stop`.
    words
        Numbers the words of the events.
    ordering
        Puts events in order of time, and refuses those whose time cannot be right.
    speed
        How many times the recorded pace; None for as fast as possible.
    stop
        Set by the method `stop`.
    """

    def __init__(self, source: Source, words: Words, ordering: Ordering, speed: float | None, stop: StopFlag) -> None:
        self.source = source
        self.words = words
        self.late = 0
        """Events refused because they were late."""
        self.duplicates = 0
        """Records dropped because they had been read before."""
        self._ordering = ordering
        self._speed = speed
        self._stop = stop
        self._stoppable = StoppableReader(source, stop)
        self._batch = ordering.ready
        """The newest batch in order; `batches` may have yielded only a part of it."""
        self._yielded = 0
        self._size = BatchSize()

    @property
    def read(self) -> EventBatch:
        """The newest events that were read; `batches` yields parts of them."""
        return self._batch

    @property
    def held(self) -> int:
        """Number of events that are held back for ordering."""
        return self._ordering.held

    @property
    def reshaped(self) -> dict[str, int]:
        """What was made of records other than events of their own, by kind."""
        return self._ordering.counts

    @property
    def stopped(self) -> bool:
        """Whether a stop was requested."""
        return self._stop.is_set

    def batches(self, limit: BatchLimit | None = None) -> Iterator[EventBatch]:
        """Yield the events, in batches to be processed as they are, short enough that a stop is noticed soon.

        Parameters
        ----------
        limit
            Limits the size of the next batch, if given.
        """
        batches = paced(self._in_order(), self._speed, stop=Stop(self._stop))
        for batch in batches if limit is None else _split(batches, limit):
            for part in self._timed(batch):
                self._yielded += len(part)
                yield part
                if self.stopped:
                    return

    def stop(self) -> None:
        """End `batches` after the current batch, as `StoppableReader.stop`."""
        self._stoppable.stop()

    def position(self) -> ReadPosition:
        """Return the position after the events that `batches` has yielded.

        The source is further: events that were read and not yielded are part of the position.
        """
        held, arrays = ordering_state.dump({ordering_state.FILES: self._ordering.state(self._batch[self._yielded :])})
        positions = {"source": self.source.position(), "dead_letters": position_of(self.source.dead_letters)}
        return ReadPosition(positions | held | self.words.positions(), arrays)

    def _timed(self, batch: EventBatch) -> Iterator[EventBatch]:
        """Yield a batch in parts, and choose the size of the next part by how long the caller takes for this one."""
        start = 0
        while start < len(batch):
            part, began = batch[start : start + self._size.next], perf_counter()
            yield part
            self._size.measured(len(part), perf_counter() - began)
            start += len(part)

    def _in_order(self) -> Iterator[EventBatch]:
        for batch in self._read():
            self._batch, self._yielded = batch, 0
            yield batch

    def _read(self) -> Iterator[EventBatch]:
        """Yield the events in order; those still held back follow at the end of the source, but not after a stop."""
        ordering = self._ordering
        if len(ordering.ready):
            yield ordering.ready
        for batch in self._stoppable:
            events, bad_labels, _ = self.words.encode(batch)
            for label in bad_labels:
                self._count(batch, label)
            ordered = ordering.process(events)
            for letter in (*ordered.late, *ordered.ahead):
                self.source.dead_letters.add(letter)
            self.late += len(ordered.late)
            self.duplicates += len(ordered.duplicates)
            if len(ordered.events):
                yield ordered.events
        if not self.stopped and ordering.held:
            yield ordering.finish()

    def _count(self, batch: EventBatch, label: BadLabel) -> None:
        where = batch.positions
        source = self.source.files[where.file[label.row]]
        self.source.bad_values.add(BadValue(source, int(where.record[label.row]), label.column, label.word))


def _split(batches: Iterable[EventBatch], limit: BatchLimit) -> Iterator[EventBatch]:
    for batch in batches:
        start = 0
        while start < len(batch):
            stop = start + limit(batch[start:])
            yield batch[start:stop]
            start = stop
