"""Source: the events of files, read once, with an exact position after every event."""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING

import numpy as np

from stream_rnn.connectors.bad_values import BadValueCounter
from stream_rnn.connectors.closeable import Closeable
from stream_rnn.connectors.decode.detect_time import TimeColumn, sample_times
from stream_rnn.connectors.decode.readings import interval_of
from stream_rnn.connectors.files.merge import merge_by_time, one_after_another
from stream_rnn.connectors.files.overlap import OverlapDetector
from stream_rnn.connectors.files.reader import Start
from stream_rnn.connectors.stop import Stop

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from stream_rnn.connectors.deadletter import DeadLetterCounter
    from stream_rnn.connectors.decode.schema import ColumnRoles
    from stream_rnn.connectors.events import BadValue, DeadLetter, EventBatch, Positions
    from stream_rnn.connectors.files.reader import Reader

Position = dict[str, dict[str, int]]

log = logging.getLogger("stream_rnn")

POLL_SECONDS = 0.1
"""Wait between two reads of growing files without new events."""


class Source(Closeable):
    """Events of files in batches; created by `open_files`.

    A source is read once; iterating again continues where the last iteration ended. A dead letter is reported together
    with the next event of its file, so that after each batch positions, events and dead letters belong together.

    Attributes
    ----------
    files : tuple of str
        Paths, in the order of `Positions.file`.
    columns : tuple of str
        Inputs.
    key, time, end : str or None
        Columns with these roles.
    time_format : str
        How times are written, see `Schema`.
    tags : tuple of str
        Tags of the readings, by the number that the first of `columns` has; empty if records are not readings.
    ignored : dict of str to str
        Why a column of the first file is not read, by column.
    key_hint : str
        Which column may be the key, if none was named and times repeat; else empty.
    first_words : dict of str to list of str
        The distinct words in the first records of each column of words, in order of appearance.
    warnings : tuple of str
        What is likely wrong with values of the columns.
    dead_letters : DeadLetterCounter
        Records that cannot be used.
    bad_values : BadValueCounter
        Values that are missing because they are not numbers.
    recognised : tuple of str
        What was recognised without being named, one line per file: ``sensors.csv: delimiter ';', encoding utf-16``.
        Files about which the same was recognised share a line.
    events : int
        Number of events so far.

    Examples
    --------
    >>> from pathlib import Path
    >>> from stream_rnn.connectors.files.open import open_files
    >>> written = Path("load.jsonl").write_text('{"load": 1}' + chr(10) + '{"load": 2}')
    >>> with open_files("load.jsonl", batch_size=1) as source:
    ...     batch = next(iter(source))
    >>> source.columns, source.events, source.position()
    (('load',), 1, {'files': {'load.jsonl': 1}})
    """

    def __init__(
        self,
        readers: Sequence[Reader],
        roles: ColumnRoles,
        *,
        batch_size: int,
        start: Mapping[str, int],
        dead_letters: DeadLetterCounter,
        follow: bool = False,
        max_ahead: float | None = None,
        stop: Stop | None = None,
    ) -> None:
        self.files = tuple(reader.path for reader in readers)
        self.columns = roles.inputs
        self.key = roles.key
        self.time = roles.time
        self.time_format = roles.time_format
        self.end = roles.end
        self.tags = roles.tags
        self._roles = roles
        self.ignored = dict(roles.ignored)
        self.key_hint = roles.key_hint
        self.first_words = dict(roles.first_words)
        self.warnings = roles.warnings
        self.recognised = (*_recognised(readers, roles), *_order(self.files, roles))
        self.dead_letters = dead_letters
        self.bad_values = BadValueCounter()
        self.events = 0
        self._batch_size = batch_size
        self._follow = follow
        self._max_ahead = max_ahead
        self._stop = Stop() if stop is None else stop
        self._files = [
            _TrackedFile(reader, start.get(reader.path, 0), dead_letters, self.bad_values) for reader in readers
        ]
        for i, file in enumerate(self._files):
            file.reader.start(Start(roles, i, file.next_record))
        one_stream = roles.time is not None and roles.key is None and roles.tag is None
        self._overlaps = OverlapDetector() if one_stream and len(readers) > 1 else None
        self._batches = self._run()

    def __iter__(self) -> Iterator[EventBatch]:
        return self._batches

    def position(self) -> Position:
        """Return the position after all events so far, as JSON values: ``{"files": {path: next record}}``.

        ``open_files(..., start=position["files"])`` yields exactly the remaining events.
        """
        return {"files": {file.reader.path: file.next_record for file in self._files}}

    def interval(self) -> float | None:
        """Return the seconds between the events of a stream, if it is the same in all of the first records; else None.

        Must be called before the first batch.
        """
        roles, sample = self._roles, self._files[0].reader.sample()
        keys = () if roles.key is None else sample[roles.key].texts()
        if roles.time is None or (roles.key is not None and not keys):
            return None
        time = TimeColumn(roles.time, roles.time_format, roles.time_parts)
        return interval_of(sample_times(sample, time), keys)

    @property
    def bytes_total(self) -> int | None:
        """Bytes of all files, None if not known: standard input, growing files."""
        sizes = [file.reader.size for file in self._files]
        return None if None in sizes else sum(size for size in sizes if size is not None)

    @property
    def bytes_read(self) -> int:
        """Bytes read so far, compressed if the file is."""
        return sum(file.reader.bytes_read for file in self._files)

    @property
    def progress(self) -> float | None:
        """Share of the bytes that has been read, from 0 to 1; None if the total is not known."""
        total = self.bytes_total
        return None if total is None else min(1.0, self.bytes_read / total) if total else 1.0

    def stop(self) -> None:
        """End the iteration after the current batch; may be called from any thread or signal handler."""
        self._stop.set()

    def close(self) -> None:
        """Close the files."""
        for file in self._files:
            file.reader.close()

    def _run(self) -> Iterator[EventBatch]:
        for chunk in self._chunks():
            if self._stop:
                return
            if not len(chunk):
                if self._follow:
                    self._stop.wait(POLL_SECONDS)
                continue
            self._check_overlap(chunk)
            for batch in chunk.split(self._batch_size):
                self._advance(batch)
                yield batch
                if self._stop:
                    return
        self.close()

    def _chunks(self) -> Iterator[EventBatch]:
        """Yield the events of all files in order; empty batches where growing files have no new ones."""
        if self.time is not None and len(self._files) > 1:
            return merge_by_time(self._files, self._max_ahead)
        if self._follow and len(self._files) > 1:
            return self._in_turn()
        return one_after_another(self._files)

    def _check_overlap(self, events: EventBatch) -> None:
        """Log once that two files overlap in time, though nothing says to which streams their events belong."""
        if self._overlaps is None or (found := self._overlaps.find(events)) is None:
            return
        self._overlaps = None
        log.warning(
            "%s and %s overlap in time, from %s on, and no key is set: their events alternate in one stream; set key "
            "if they are of different streams, or duplicates to drop if the same events are in both",
            *(self.files[file] for file in sorted(found.files)),
            np.datetime64(round(found.time * 1e6), "us"),
        )

    def _in_turn(self) -> Iterator[EventBatch]:
        """Yield what growing files have, in turn: none of them ends."""
        while True:
            batches = [batch for file in self._files if (batch := file.read()) is not None]
            yield from [batch for batch in batches if len(batch)] or batches[:1]

    def _advance(self, batch: EventBatch) -> None:
        """Move the position past a batch."""
        for i, record in _next_records(batch.positions).items():
            self._files[i].advance(record)
        self.events += len(batch)


class _TrackedFile:
    """One file with its position, and its dead letters and bad values that are not reported yet."""

    def __init__(
        self, reader: Reader, record: int, dead_letters: DeadLetterCounter, bad_values: BadValueCounter
    ) -> None:
        self.reader = reader
        self.next_record = record
        self._read_until = record
        self._unreported: deque[DeadLetter] = deque()
        self._unreported_values: deque[BadValue] = deque()
        self._dead_letters = dead_letters
        self._bad_values = bad_values

    def read(self) -> EventBatch | None:
        """Return the next events, an empty batch if a growing file has no new ones, None at the end."""
        while True:
            # All events read before have been processed by now, and also dead letters after the last of them.
            self.advance(self._read_until)
            chunk = self.reader.read()
            if chunk is None:
                return None
            self._unreported.extend(chunk.dead_letters)
            self._unreported_values.extend(chunk.bad_values)
            self._read_until = max(chunk.stop, self._read_until)
            if len(chunk.events) or chunk.stop == chunk.first:
                return chunk.events

    def advance(self, record: int) -> None:
        """Move the position to a record, and report the dead letters and bad values before it."""
        self.next_record = max(self.next_record, record)
        while self._unreported and self._unreported[0].record < self.next_record:
            self._dead_letters.add(self._unreported.popleft())
        while self._unreported_values and self._unreported_values[0].record < self.next_record:
            self._bad_values.add(self._unreported_values.popleft())


def _recognised(readers: Sequence[Reader], roles: ColumnRoles) -> tuple[str, ...]:
    """Return a line for each set of files about which the same was recognised."""
    paths: dict[tuple[str, ...], list[str]] = {}
    for reader in readers:
        if parts := reader.recognised + roles.recognised:
            paths.setdefault(parts, []).append(reader.path)
    return tuple(f"{_first_of(same)}: {', '.join(parts)}" for parts, same in paths.items())


def _order(files: Sequence[str], roles: ColumnRoles) -> tuple[str, ...]:
    """Return a line with the order in which several files are read."""
    if len(files) == 1:
        return ()
    how = "merged by time" if roles.time is not None else "read one after another, since they have no time"
    return (f"{len(files):,} files, {how}: {files[0]} to {files[-1]}",)


def _first_of(paths: Sequence[str]) -> str:
    return paths[0] if len(paths) == 1 else f"{paths[0]} and {len(paths) - 1:,} more"


def _next_records(positions: Positions) -> dict[int, int]:
    """Return the record after the last one of each file."""
    return {int(i): int(positions.record[positions.file == i].max()) + 1 for i in np.unique(positions.file)}
