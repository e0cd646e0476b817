"""Reader: reads one file; TextReader: what CSV and JSON lines have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from stream_rnn.connectors.closeable import Closeable
from stream_rnn.connectors.decode.isolate import decode_isolated, halves
from stream_rnn.connectors.decode.local_times import Passes, in_utc
from stream_rnn.connectors.errors import ConnectorError
from stream_rnn.connectors.events import DeadLetter, EventBatch, Positions
from stream_rnn.connectors.files.framing import RecordBlock, count_records, split_records
from stream_rnn.connectors.files.quoting import QUOTE
from stream_rnn.time_formats import EPOCH_UNITS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from stream_rnn.connectors.decode.columns import Columns, Decoded
    from stream_rnn.connectors.decode.detect import ColumnSample
    from stream_rnn.connectors.decode.schema import ColumnRoles
    from stream_rnn.connectors.events import BadValue
    from stream_rnn.connectors.files.byte_stream import ByteStream
    from stream_rnn.connectors.files.framing import RecordSplitter


class Chunk(NamedTuple):
    """Records `first` up to `stop` of a file."""

    events: EventBatch
    """usable records in order"""
    dead_letters: list[DeadLetter]
    """the others in order"""
    first: int
    stop: int
    bad_values: Sequence[BadValue] = ()
    """values of the usable records that are missing because they are not numbers, in order"""


class Start(NamedTuple):
    """How a file is read."""

    roles: ColumnRoles
    file: int
    """index of the file in the source"""
    record: int
    """first record that is returned"""


class Reader(Protocol):
    """Reads one file of any format."""

    path: str
    recognised: tuple[str, ...]
    """what was recognised about the file without being named, such as ``delimiter ';'``"""

    def sample(self) -> Mapping[str, ColumnSample]:
        """Return the first values of every column, in the order of the file, without consuming them."""

    def start(self, start: Start) -> None:
        """Say which column is what, and where to start; must be called before `read`."""

    def read(self) -> Chunk | None:
        """Return the next chunk, one without records if a growing file has no new ones, None at the end."""

    @property
    def size(self) -> int | None:
        """Bytes of the file, None if not known."""

    @property
    def bytes_read(self) -> int:
        """Bytes of the file that have been read."""

    def close(self) -> None:
        """Close the file."""


class TextReader(Closeable):
    """Reads a text file block by block; subclasses decode the blocks.

    Parameters
    ----------
    stream
        The bytes of the file; closed with the reader.
    splitter
        Splits them into records.
    delimiter
        Delimiter of CSV fields; None if every line is a record.
    quote
        Quote of CSV fields.
    """

    def __init__(self, stream: ByteStream, splitter: RecordSplitter, delimiter: str | None, quote: str = QUOTE) -> None:
        self.path = stream.path
        self.recognised: tuple[str, ...] = ()
        self._stream = stream
        self._delimiter = delimiter
        self._quote = quote
        self._splitter = splitter
        self._queue: deque[RecordBlock] = deque()
        self._ended = False
        self._next = 0
        self._start: Start | None = None
        self._passes: Passes | None = None

    @property
    def size(self) -> int | None:
        """Bytes of the file, None for standard input and for a growing file."""
        return None if self._stream.follow else self._stream.size

    @property
    def bytes_read(self) -> int:
        """Bytes of the file that have been read."""
        return self._stream.bytes_read

    @abstractmethod
    def sample(self) -> Mapping[str, ColumnSample]:
        """Return the first values of every column, in the order of the file, without consuming them."""

    @abstractmethod
    def _decode(self, data: bytes, roles: ColumnRoles) -> Decoded:
        """Decode the records of a block, which are numbered from 0."""

    def _count(self, data: bytes) -> int | None:
        """Return the number of records of a block without decoding it; None if that takes decoding."""
        return count_records(data, self._delimiter, self._quote)

    def start(self, start: Start) -> None:
        """Say which column is what, and where to start; must be called before `read`."""
        self._start = start
        self._passes = passes_of(start.roles)

    def read(self) -> Chunk | None:
        """Return the next chunk, one without records if a growing file has no new ones, None at the end.

        Raises
        ------
        ConnectorError
            If the file ends before the record to start at.
        """
        if self._start is None:
            raise RuntimeError("start must be called before read")
        block = self._next_block()
        if block is None:
            if self._next < self._start.record:
                raise too_short(self.path, self._next, self._start.record)
            return None
        if not block.data:
            return self._skipped(0)
        if block.error:
            return self._broken(block, self._start)
        if self._next < self._start.record and self._passes is None:
            count = self._count(block.data)
            if count is not None and self._next + count <= self._start.record:
                return self._skipped(count)
        return self._decoded(block.data, self._start)

    def close(self) -> None:
        """Close the file."""
        self._stream.close()

    def _skipped(self, count: int) -> Chunk:
        """Return a chunk of the given number of records before the start."""
        first, self._next = self._next, self._next + count
        return Chunk(EventBatch.empty(self._start.roles.inputs if self._start else ()), [], first, self._next)

    def _broken(self, block: RecordBlock, start: Start) -> Chunk:
        chunk = self._skipped(1)
        if chunk.first < start.record:
            return chunk
        letter = DeadLetter.of(self.path, chunk.first, block.error, block.data.rstrip(b"\r\n"), block.line)
        return chunk._replace(dead_letters=[letter])

    def _decoded(self, data: bytes, start: Start) -> Chunk:
        decoded = decode_isolated(data, partial(self._decode, roles=start.roles), self._halves, start.roles.inputs)
        decoded, origins = decoded.by_row()
        columns, rows, refused = in_utc(decoded.columns, self._passes), decoded.records, decoded.refused
        first, self._next = self._next, self._next + decoded.record_count
        reasons = refused | {int(rows[row]): reason for row, reason in columns.reasons.items()}
        events = usable_events(columns, first + rows, start)
        dead_letters: list[DeadLetter] = []
        if reasons:
            raw = split_records(data, self._delimiter, self._quote)
            dead_letters = [
                DeadLetter.of(self.path, first + i, reasons[i], raw[origins[i]] if origins[i] < len(raw) else b"")
                for i in sorted(reasons)
                if first + i >= start.record
            ]
        bad_values = usable_values(columns, self.path, first + rows, start)
        return Chunk(events, dead_letters, first, self._next, bad_values)

    def _halves(self, data: bytes) -> list[bytes]:
        """Return a block of records as two, or as fewer if it has fewer records."""
        return [b"\n".join(half) for half in halves(split_records(data, self._delimiter, self._quote))]

    def _next_block(self) -> RecordBlock | None:
        """Return the next complete records: an empty block if a growing file has no new ones, None at the end."""
        while not self._queue:
            if self._ended:
                return None
            data = self._read_bytes()
            if data:
                self._queue.extend(self._splitter.feed(data))
            elif data is None:
                self._ended = True
                self._queue.extend(self._splitter.feed(b"", final=True))
            else:
                return RecordBlock(b"")
        return self._queue.popleft()

    def _read_bytes(self) -> bytes | None:
        """Return the next bytes with records, empty if a growing file has no new ones, None at the end."""
        return self._stream.read()

    def _peek_block(self) -> RecordBlock | None:
        """Return the first block with complete records, None if there is none, without consuming anything."""
        passed: list[RecordBlock] = []
        found: RecordBlock | None = None
        while found is None:
            block = self._next_block()
            if block is None or not block.data:
                break
            passed.append(block)
            if not block.error and block.data.strip():
                found = block
        self._queue.extendleft(reversed(passed))
        return found


def passes_of(roles: ColumnRoles) -> Passes | None:
    """Return what resolves local times, if there are any; it has to see all records of a file from the first one on."""
    if roles.timezone is None or roles.time is None or roles.time_format in EPOCH_UNITS:
        return None
    return Passes(roles.timezone)


def usable_events(columns: Columns, records: NDArray[np.int64], start: Start) -> EventBatch:
    """Return the rows (N,) of these records that can be used, from the record to start at."""
    positions = Positions(np.full(len(records), start.file, np.int32), records)
    events = EventBatch(columns.keys, columns.times, columns.inputs, columns.ends, positions)
    if not columns.reasons and (not len(records) or records[0] >= start.record):
        return events
    usable = records >= start.record
    usable[list(columns.reasons)] = False
    return events[usable]


def usable_values(columns: Columns, path: str, records: NDArray[np.int64], start: Start) -> list[BadValue]:
    """Return the bad values among the events that `usable_events` returns."""
    return [value for value in columns.bad_values_of(path, records) if value.record >= start.record]


def too_short(path: str, count: int, record: int) -> ConnectorError:
    """Return the error for a file that ends before the record to start at."""
    return ConnectorError(
        f"{path}: has {count:,} records, but reading starts at record {record:,}: is it another file than before?"
    )


def check_unique(path: str, names: Iterable[str]) -> None:
    """Check that no two columns have the same name.

    Raises
    ------
    ConnectorError
        With the first name that is repeated.
    """
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ConnectorError(f"{path}: there are two columns {name!r}")
        seen.add(name)
