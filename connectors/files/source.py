"""A source of events made of files: one pass, with an exact position after every event."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import numpy as np

from stream_rnn.connectors.closing import Closing
from stream_rnn.connectors.files.follow import POLL, Stop
from stream_rnn.connectors.files.merge import merge_by_time, one_after_another

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from stream_rnn.connectors.deadletter import DeadLetterCounter
    from stream_rnn.connectors.decode.schema import Roles
    from stream_rnn.connectors.events import DeadLetter, EventBatch, Positions
    from stream_rnn.connectors.files.reader import Reader

Position = dict[str, dict[str, int]]


class _Lane:
    """One file's reader and its accounts: what has been handed over, what is refused but not yet reported."""

    def __init__(self, reader: Reader, record: int) -> None:
        self.reader = reader
        self.next = record  # the first record that has not been handed over
        self.first = record
        self._dead: deque[DeadLetter] = deque()
        self._read_to = record
        self._counter: DeadLetterCounter | None = None

    def attach(self, counter: DeadLetterCounter) -> None:
        self._counter = counter

    def read(self) -> EventBatch | None:
        """Read on to the next events; empty where a growing file has nothing new, None at the end."""
        while True:
            # Everything read before has been handed over by now, refused records at its end too.
            self.advance(self._read_to)
            chunk = self.reader.read()
            if chunk is None:
                return None
            self._dead.extend(chunk.dead)
            self._read_to = max(chunk.stop, self._read_to)
            if len(chunk.events) or chunk.stop == chunk.first:
                return chunk.events

    def advance(self, record: int) -> None:
        """Move on to a record, reporting what was refused on the way."""
        self.next = max(self.next, record)
        while self._dead and self._dead[0].record < self.next:
            letter = self._dead.popleft()
            if self._counter is not None:
                self._counter.add(letter)


class Source(Closing):
    """Events from files, in batches; made by `open_files`.

    Iterating goes on where it stopped; a source is read once. A refused record is reported together with the
    event after it, so that after each batch positions, events and dead letters belong together.

    Attributes
    ----------
    files : tuple of str
        Paths in the order of `Positions.file`.
    columns : tuple of str
        Numeric inputs.
    key, time, end : str or None
        Columns of these roles.
    ignored : dict of str to str
        Columns of the first file that are not read, each with the reason.
    dead_letters : DeadLetterCounter
        Counts what was refused.
    events : int
        Events handed over so far.
    """

    def __init__(
        self,
        readers: Sequence[Reader],
        roles: Roles,
        *,
        batch_size: int,
        start: Mapping[str, int],
        dead_letters: DeadLetterCounter,
        follow: bool = False,
        stop: Stop | None = None,
    ) -> None:
        self.files = tuple(reader.path for reader in readers)
        self.columns = roles.columns
        self.key = roles.key
        self.time = roles.time
        self.end = roles.end
        self.ignored = dict(roles.ignored)
        self.dead_letters = dead_letters
        self.events = 0
        self._batch_size = batch_size
        self._follow = follow
        self._stop = Stop() if stop is None else stop
        self._lanes = [_Lane(reader, start.get(reader.path, 0)) for reader in readers]
        for i, lane in enumerate(self._lanes):
            lane.attach(dead_letters)
            lane.reader.begin(roles, i, lane.next)
        self._before = [lane.next for lane in self._lanes]
        self._batches = self._run()

    def __iter__(self) -> Iterator[EventBatch]:
        return self._batches

    def _run(self) -> Iterator[EventBatch]:
        merged = self.time is not None and len(self._lanes) > 1
        for chunk in merge_by_time(self._lanes) if merged else self._sequence():
            if self._stop:
                return
            if not len(chunk):
                if self._follow:
                    self._stop.wait(POLL)
                continue
            for batch in chunk.split(self._batch_size):
                self._hand_over(batch)
                yield batch
                if self._stop:
                    return
        for lane in self._lanes:
            lane.reader.close()

    def _sequence(self) -> Iterator[EventBatch]:
        """Read one file after another; growing files in turn, since none of them ends."""
        if not self._follow or len(self._lanes) == 1:
            yield from one_after_another(self._lanes)
            return
        while True:
            batches = [batch for lane in self._lanes if (batch := lane.read()) is not None]
            yield from [batch for batch in batches if len(batch)] or batches[:1]

    def _hand_over(self, batch: EventBatch) -> None:
        self._before = [lane.next for lane in self._lanes]
        for i, record in _after(batch.positions).items():
            self._lanes[i].advance(record)
        self.events += len(batch)

    def position(self) -> Position:
        """Give the position after all events handed over: `{"files": {path: next record}}`, fit for JSON.

        `open_files(..., start=position["files"])` gives exactly the events that are left.
        """
        return {"files": {lane.reader.path: lane.next for lane in self._lanes}}

    def position_after(self, positions: Positions) -> Position:
        """Give the position after some of the batch handed over last.

        Parameters
        ----------
        positions : Positions
            Those of the events that are done, counted from the start of the batch: `batch.positions[:done]`.
        """
        records = list(self._before)
        for i, record in _after(positions).items():
            records[i] = max(records[i], record)
        return {"files": {lane.reader.path: record for lane, record in zip(self._lanes, records, strict=True)}}

    @property
    def bytes_total(self) -> int | None:
        """Bytes of all files, None when they are not known: standard input, growing files."""
        sizes = [lane.reader.size for lane in self._lanes]
        return None if None in sizes else sum(size for size in sizes if size is not None)

    @property
    def bytes_read(self) -> int:
        """Bytes read so far, compressed where the file is."""
        return sum(lane.reader.bytes_read for lane in self._lanes)

    @property
    def progress(self) -> float | None:
        """Share of the bytes that has been read, from 0 to 1; None when the total is not known."""
        total = self.bytes_total
        return None if total is None else min(1.0, self.bytes_read / total) if total else 1.0

    def stop(self) -> None:
        """End the iteration after the batch in hand, from any thread or signal handler."""
        self._stop.set()

    def close(self) -> None:
        """Close the files."""
        for lane in self._lanes:
            lane.reader.close()


def _after(positions: Positions) -> dict[int, int]:
    """Give the record after the last one of each file."""
    return {int(i): int(positions.record[positions.file == i].max()) + 1 for i in np.unique(positions.file)}
