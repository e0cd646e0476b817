"""Journal: messages on disk, numbered by arrival, as a partition of Kafka has them.

An MQTT broker forgets a message when it is acknowledged. A message is written to the journal, and synced, before that.
So acknowledged messages can be read again after a crash, in the same order, from the position of a checkpoint.

The journal is a folder of segments, each named by the number of its first message. A segment is a sequence of entries:
length and CRC-32 of four bytes each, then a message or a mark in MessagePack. Marks say how much was processed.
"""

from __future__ import annotations

import logging
import os
import struct
import uuid
import zlib
from pathlib import Path
from typing import IO, TYPE_CHECKING

import msgspec

from stream_rnn.connectors.closeable import Closeable
from stream_rnn.connectors.durability import sync_file, sync_folder
from stream_rnn.connectors.errors import ConnectorError, writing

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

log = logging.getLogger("stream_rnn")

HEADER = struct.Struct("<II")
"""Length and checksum of an entry."""
SUFFIX = ".journal"
SEGMENT_BYTES = 2**25
"""Size after which a segment is complete."""


class Message(msgspec.Struct, frozen=True, array_like=True, tag="message"):
    """A message of a broker."""

    topic: str
    payload: bytes
    arrived: int
    """milliseconds since 1970"""


class Mark(msgspec.Struct, frozen=True, array_like=True, tag="mark"):
    """How much was processed, and written."""

    offset: int | None = None
    """number of the next message; None if nothing was processed yet"""
    output_bytes: int | None = None
    """length of the output file; None without one"""
    note: str = ""
    """what else belongs to the offset"""


class _Segment(msgspec.Struct, frozen=True, array_like=True, tag="segment"):
    """The first entry of a segment."""

    id: str
    """identity of the journal"""


_DECODER = msgspec.msgpack.Decoder(Message | Mark | _Segment)


class Journal(Closeable):
    """Messages on disk.

    Parameters
    ----------
    folder
        Created if it does not exist. An entry at its end that is not complete, left by a crash, is removed.
    segment_bytes
        Size after which a segment is complete.

    Raises
    ------
    ConnectorError
        If it cannot be read or written, or is damaged before its end.

    Attributes
    ----------
    id : str
        Identity of the journal, which distinguishes it from another one in the same folder.
    first, end : int
        Numbers of the first message that it has, and of the next one.
    mark : Mark
        The last mark.

    Examples
    --------
    >>> with Journal("journal") as journal:
    ...     journal.append([Message("plant/a", b"1.5", 1000)])
    ...     journal.commit(Mark(1))
    0
    >>> with Journal("journal") as journal:
    ...     list(journal.read(0)), journal.mark.offset
    ([Message(topic='plant/a', payload=b'1.5', arrived=1000)], 1)
    """

    def __init__(self, folder: str | Path, segment_bytes: int = SEGMENT_BYTES) -> None:
        self._folder = Path(folder)
        self._segment_bytes = segment_bytes
        self.id, self.mark = uuid.uuid4().hex, Mark()
        with writing(folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            self._firsts = sorted(int(path.stem) for path in self._folder.glob(f"*{SUFFIX}"))
            self.end = self._firsts[-1] if self._firsts else 0
            if not self._firsts:
                self._begin_segment()
                return
            self._read_last_segment()
            self._file: IO[bytes] = self._path(self._firsts[-1]).open("ab")
            if not self._file.tell():  # a crash came before the segment's first entry
                self._write([_Segment(self.id), self.mark])

    @property
    def first(self) -> int:
        """Number of the first message."""
        return self._firsts[0]

    def append(self, messages: Sequence[Message]) -> int:
        """Write messages to the disk; return the number of the first one."""
        first = self.end
        with writing(self._folder):
            if self._file.tell() >= self._segment_bytes:
                self._begin_segment()
            self._write(messages)
            sync_file(self._file)
        self.end += len(messages)
        return first

    def commit(self, mark: Mark) -> None:
        """Write a mark. It reaches the disk with the next messages at the latest, and survives the process at once."""
        with writing(self._folder):
            self._write([mark])
            self._file.flush()
        self.mark = mark

    def read(self, offset: int) -> Iterator[Message]:
        """Yield the messages from this number on.

        Raises
        ------
        ConnectorError
            If the journal is damaged.
        """
        self._file.flush()
        for i, first in enumerate(self._firsts):
            if i + 1 < len(self._firsts) and self._firsts[i + 1] <= offset:
                continue
            number = first
            for entry, _ in self._entries(first):
                if isinstance(entry, Message):
                    if number >= offset:
                        yield entry
                    number += 1

    def prune(self, before: int) -> None:
        """Remove the segments that have only messages before this number."""
        while len(self._firsts) > 1 and self._firsts[1] <= before:
            with writing(self._folder):
                self._path(self._firsts.pop(0)).unlink(missing_ok=True)

    def close(self) -> None:
        """Write everything to the disk and close."""
        if not self._file.closed:
            with writing(self._folder):
                sync_file(self._file)
                self._file.close()

    def _path(self, first: int) -> Path:
        return self._folder / f"{first:020d}{SUFFIX}"

    def _begin_segment(self) -> None:
        """Begin a segment, with the last mark, so that earlier segments are not needed for it."""
        if self._firsts:
            sync_file(self._file)
            self._file.close()
        if not self._firsts or self._firsts[-1] != self.end:
            self._firsts.append(self.end)
        self._file = self._path(self.end).open("ab")
        self._write([_Segment(self.id), self.mark])
        sync_file(self._file)
        sync_folder(self._folder)

    def _write(self, entries: Sequence[Message | Mark | _Segment]) -> None:
        for entry in entries:
            body = msgspec.msgpack.encode(entry)
            self._file.write(HEADER.pack(len(body), zlib.crc32(body)) + body)

    def _read_last_segment(self) -> None:
        """Read identity, mark and end of the journal; cut off an entry that is not complete."""
        for first in self._firsts[-2:]:
            self.end, complete = first, 0
            for entry, end in self._entries(first):
                complete = end
                if isinstance(entry, _Segment):
                    self.id = entry.id
                elif isinstance(entry, Mark):
                    self.mark = entry
                else:
                    self.end += 1
        path = self._path(self._firsts[-1])
        if (excess := path.stat().st_size - complete) > 0:
            log.warning("%s: the last %d bytes are no complete entry, left by a crash, and are removed", path, excess)
            os.truncate(path, complete)

    def _entries(self, first: int) -> Iterator[tuple[Message | Mark | _Segment, int]]:
        """Yield the entries of a segment, and where each ends; an incomplete one at the end of the journal is none."""
        path, place = self._path(first), 0
        try:
            with path.open("rb") as file:
                while len(header := file.read(HEADER.size)) == HEADER.size:
                    length, checksum = HEADER.unpack(header)
                    body = file.read(length)
                    if len(body) < length or zlib.crc32(body) != checksum:
                        break
                    place += HEADER.size + length
                    yield _DECODER.decode(body), place
        except OSError as error:
            raise ConnectorError(f"{path}: cannot be read: {error.strerror}") from None
        except msgspec.DecodeError:
            raise ConnectorError(f"{path}: is not a journal of this version") from None
        if place < path.stat().st_size and first != self._firsts[-1]:
            raise ConnectorError(f"{path}: is damaged at byte {place:,}: restore it, or use another checkpoint folder")
