"""What a reader of one file is, and what CSV and JSON lines share: blocks, counting, starting late."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from stream_rnn.connectors.errors import ConnectorError
from stream_rnn.connectors.events import DeadLetter, EventBatch, Positions
from stream_rnn.connectors.files.framing import Block, Cutter, count, spans

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa
    from numpy.typing import NDArray

    from stream_rnn.connectors.decode.decoding import Columns
    from stream_rnn.connectors.decode.schema import Roles
    from stream_rnn.connectors.files.byte_stream import ByteStream


class Chunk(NamedTuple):
    """Records `first` up to `stop` of a file: the events among them and the refused ones, both in order."""

    events: EventBatch
    dead: list[DeadLetter]
    first: int
    stop: int


class Reader(Protocol):
    """One file of any format."""

    path: str

    def sample(self) -> Mapping[str, pa.Array]:
        """Give the first values of every column, in the file's order."""

    def begin(self, roles: Roles, file: int, record: int) -> None:
        """Say what each column is, the file's index in the source, and the first record that is wanted."""

    def read(self) -> Chunk | None:
        """Give the next chunk, one without records where a growing file has nothing new, None at the end."""

    @property
    def size(self) -> int | None:
        """Bytes of the file, None where they are not known."""

    @property
    def bytes_read(self) -> int:
        """Bytes of the file that have been read."""

    def close(self) -> None:
        """Close the file."""


class Decoded(NamedTuple):
    """A block's records: `columns` has the rows of `records`, `refused` those that are no rows at all."""

    columns: Columns
    records: NDArray[np.int64]
    refused: dict[int, str]


class TextReader(ABC):
    """Read a text file block by block; a subclass says what a block means.

    Parameters
    ----------
    stream : ByteStream
    delimiter : str, optional
        Of CSV fields; None for JSON lines.
    """

    def __init__(self, stream: ByteStream, delimiter: str | None) -> None:
        self.path = stream.path
        self._stream = stream
        self._delimiter = delimiter
        self._cutter = Cutter(stream.path, delimiter)
        self._waiting: deque[Block] = deque()
        self._ended = False
        self._next = 0
        self._file = 0
        self._skip = 0
        self._roles: Roles | None = None

    @property
    def size(self) -> int | None:
        """Bytes of the file, None for standard input and for a growing file."""
        return None if self._stream.follow else self._stream.size

    @property
    def bytes_read(self) -> int:
        """Bytes of the file that have been read."""
        return self._stream.bytes_read

    @abstractmethod
    def sample(self) -> Mapping[str, pa.Array]:
        """Give the first values of every column, in the file's order."""

    @abstractmethod
    def _decode(self, data: bytes, roles: Roles) -> Decoded:
        """Decode whole records; records and rows are numbered from 0 in the block."""

    def begin(self, roles: Roles, file: int, record: int) -> None:
        """Say what each column is, the file's index in the source, and the first record that is wanted."""
        self._roles, self._file, self._skip = roles, file, record

    def read(self) -> Chunk | None:
        """Give the next chunk, one without records where a growing file has nothing new, None at the end."""
        if self._roles is None:
            raise RuntimeError("begin must be called before read")
        block = self._block()
        if block is None:
            if self._next < self._skip:
                raise ConnectorError(
                    f"{self.path}: has {self._next:,} records, but reading is to go on at record {self._skip:,}"
                )
            return None
        first, empty = self._next, EventBatch.empty(self._roles.columns)
        if not block.data:
            return Chunk(empty, [], first, first)
        if block.reason:
            self._next += 1
            dead = [DeadLetter.of(self.path, first, block.reason, block.data.rstrip(b"\r\n"))]
            return Chunk(empty, dead if first >= self._skip else [], first, self._next)
        if first < self._skip:
            known = count(block.data, self._delimiter)
            if known is not None and first + known <= self._skip:
                self._next += known
                return Chunk(empty, [], first, self._next)
        return self._chunk(block.data, self._roles)

    def close(self) -> None:
        """Close the file."""
        self._stream.close()

    def _chunk(self, data: bytes, roles: Roles) -> Chunk:
        columns, rows, refused = self._decode(data, roles)
        first = self._next
        self._next = first + len(rows) + len(refused)
        reasons = refused | {int(rows[row]): reason for row, reason in columns.reasons.items()}
        records = rows + first
        events = EventBatch(
            columns.keys,
            columns.times,
            columns.inputs,
            columns.ends,
            Positions(np.full(len(records), self._file, np.int32), records),
        )
        if columns.reasons or first < self._skip:
            good = records >= self._skip
            good[list(columns.reasons)] = False
            events = events[good]
        dead = []
        if reasons:
            raw = spans(data, self._delimiter)
            dead = [
                DeadLetter.of(self.path, first + at, reasons[at], raw[at] if at < len(raw) else b"")
                for at in sorted(reasons)
                if first + at >= self._skip
            ]
        return Chunk(events, dead, first, self._next)

    def _block(self) -> Block | None:
        """Give the next whole records: none yet when a growing file has nothing new, None at the end."""
        while not self._waiting:
            if self._ended:
                return None
            data = self._stream.read()
            if data:
                self._waiting.extend(self._cutter.feed(data))
            elif data is None:
                self._ended = True
                self._waiting.extend(self._cutter.feed(b"", final=True))
            else:
                return Block(b"")
        return self._waiting.popleft()

    def _peek(self) -> Block | None:
        """Give the first block with whole records, None if there is none; all is left to be read."""
        passed: list[Block] = []
        found: Block | None = None
        while found is None:
            block = self._block()
            if block is None or not block.data:
                break
            passed.append(block)
            if not block.reason and block.data.strip():
                found = block
        self._waiting.extendleft(reversed(passed))
        return found
