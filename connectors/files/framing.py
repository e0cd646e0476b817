"""Where records begin and end: cut a stream of bytes into blocks of whole records.

A JSON line ends at a newline. A CSV record ends at a newline outside quotes; a quote opens only at the start
of a field (RFC 4180), elsewhere it is a character like others. A quote that is not closed would swallow the
rest of the file: when the closing one is not found within `QUOTED_LIMIT` bytes or before the end, the line
that opened it is one broken record and reading goes on at the next line.
"""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from stream_rnn.connectors.errors import ConnectorError

if TYPE_CHECKING:
    from numpy.typing import NDArray

QUOTED_LIMIT = 1 << 20  # bytes: a free text of a megabyte is one field, more is a forgotten quote
RECORD_LIMIT = 1 << 26  # bytes without a line end: this is no text file, and memory is bounded
OPEN_QUOTE = "quote is not closed"

_QUOTE, _NEWLINE = ord('"'), ord("\n")


class Block(NamedTuple):
    """Whole records as read, or one broken record with the reason."""

    data: bytes
    reason: str = ""


class Cutter:
    """Cut bytes, as they come, into blocks of whole records.

    The records do not depend on how the bytes were cut before.

    Parameters
    ----------
    path : str
        Named in errors.
    delimiter : str, optional
        Of CSV fields; without it a record is a line (JSON lines).
    """

    def __init__(self, path: str, delimiter: str | None) -> None:
        self._path = path
        self._delimiter = delimiter
        self._rest = b""

    def feed(self, data: bytes, *, final: bool = False) -> list[Block]:
        """Take more bytes, give the records that are now whole; `final` says that no more will come."""
        buffer = self._rest + data if self._rest else data
        blocks: list[Block] = []
        start = 0
        while start < len(buffer):
            end, broken = self._end_of_records(buffer, start, final)
            if end > start:
                blocks.append(Block(buffer[start:end]))
            if broken > end:
                blocks.append(Block(buffer[end:broken], OPEN_QUOTE))
            elif end == start or not final:
                start = end
                break
            start = max(end, broken)
        self._rest = buffer[start:]
        if len(self._rest) > RECORD_LIMIT:
            raise ConnectorError(f"{self._path}: a record is longer than {RECORD_LIMIT:,} bytes: is this a text file?")
        return blocks

    def _end_of_records(self, buffer: bytes, start: int, final: bool) -> tuple[int, int]:
        """Give the end of the last whole record, and of a broken one after it."""
        delimiter = self._delimiter
        if delimiter is None or buffer.find(b'"', start) < 0:
            return (len(buffer) if final else _last_line_end(buffer, start, delimiter is not None)), 0
        end = _end_by_parity(buffer, start, delimiter)
        if end is None or (final and end < len(buffer)):
            return _end_by_scan(buffer, start, delimiter, final)
        if len(buffer) - end > QUOTED_LIMIT:
            return _end_by_scan(buffer, end, delimiter, final)
        return end, 0


def spans(data: bytes, delimiter: str | None) -> list[bytes]:
    """Split a block into its records, without line ends and blank lines: for messages."""
    if delimiter is None:
        return [line for line in data.split(b"\n") if line.strip()]
    if b'"' not in data:
        return [line for line in re.split(rb"[\r\n]", data) if line]
    ends = _quoted_ends(data, delimiter)
    if ends is None:
        return _scanned(data, delimiter)
    edges = [0, *ends.tolist()]
    records = [data[start:stop].rstrip(b"\r\n") for start, stop in itertools.pairwise(edges)]
    return [record for record in records if record]


def count(data: bytes, delimiter: str | None) -> int | None:
    """Count the records of a block without parsing it; None when it has to be parsed to know."""
    if delimiter is None:
        return sum(1 for line in data.split(b"\n") if line.strip())
    if data.count(b"\r") != data.count(b"\r\n"):
        return None
    blank = b"\n\n" in data or b"\n\r" in data or data[:1] in b"\r\n"
    if b'"' in data:
        ends = _quoted_ends(data, delimiter)
        return None if blank or ends is None else len(ends)
    return len(spans(data, delimiter)) if blank else data.count(b"\n") + (not data.endswith(b"\n"))


def _quoted_ends(data: bytes, delimiter: str) -> NDArray[np.intp] | None:
    """Find where records end by counting quotes; None where that is not enough to know."""
    array = np.frombuffer(data, np.uint8)
    quotes = _quotes(array, delimiter)
    lone_returns = data.count(b"\r") != data.count(b"\r\n")
    if quotes is None or len(quotes) % 2 or lone_returns or not data.endswith(b"\n"):
        return None
    newlines = np.flatnonzero(array == _NEWLINE)
    outside = np.searchsorted(quotes, newlines) % 2 == 0
    ends: NDArray[np.intp] = newlines[outside] + 1
    return ends


def _scanned(data: bytes, delimiter: str) -> list[bytes]:
    found: list[bytes] = []
    at = 0
    pattern = _record_pattern(delimiter)
    while at < len(data):
        match = pattern.match(data, at)
        if match is None or match.end() == at:
            found.append(data[at:])
            break
        if record := match[0].rstrip(b"\r\n"):
            found.append(record)
        at = match.end()
    return found


def _last_line_end(buffer: bytes, start: int, lone_returns: bool) -> int:
    """Find the end of the last whole line; a carriage return alone ends a line only where no newline is."""
    end = buffer.rfind(b"\n", start) + 1
    if not end and lone_returns and len(buffer) - start > QUOTED_LIMIT:
        # The last byte may be the first half of "\r\n".
        end = buffer.rfind(b"\r", start, len(buffer) - 1) + 1
    return max(end, start)


def _end_by_parity(buffer: bytes, start: int, delimiter: str) -> int | None:
    """Find the end of the last whole record by counting quotes; None where some quote bounds no field."""
    quotes = _quotes(np.frombuffer(buffer, np.uint8)[start:], delimiter)
    if quotes is None:
        return None
    end = len(buffer)
    while True:
        newline = buffer.rfind(b"\n", start, end)
        if newline < 0:
            return start
        inside = int(np.searchsorted(quotes, newline - start))
        if inside % 2 == 0:
            return newline + 1
        end = start + int(quotes[inside - 1])


def _quotes(data: NDArray[np.uint8], delimiter: str) -> NDArray[np.intp] | None:
    """Find the quotes when they open and close fields in turn; None where some quote does neither."""
    quotes = np.flatnonzero(data == _QUOTE)
    opening, closing = quotes[0::2], quotes[1::2]
    boundary = np.zeros(256, dtype=np.bool_)
    # A quote before an opening one is a closing one: together they are an escaped quote inside a field.
    boundary[[ord(delimiter), ord("\r"), _NEWLINE, _QUOTE]] = True
    before = data[opening[opening > 0] - 1]
    after = data[closing[closing < len(data) - 1] + 1]
    if not (boundary[before].all() and boundary[after].all()):
        return None
    if len(closing) and int((closing - opening[: len(closing)]).max()) > QUOTED_LIMIT // 2:
        return None
    return quotes


def _end_by_scan(buffer: bytes, start: int, delimiter: str, final: bool) -> tuple[int, int]:
    """Walk record by record: exact, and only where quotes are odd."""
    pattern = _record_pattern(delimiter)
    at = start
    while at < len(buffer):
        match = pattern.match(buffer, at)
        if match is not None:
            whole = final or match[0].endswith((b"\n", b"\r"))
            if match[0].endswith(b"\r") and match.end() == len(buffer) and not final:
                whole = False
            too_long = b'"' in match[0] and match.end() - at > QUOTED_LIMIT
            if whole and not too_long:
                at = match.end()
                continue
            if not too_long:
                return at, 0
        elif not final and len(buffer) - at <= QUOTED_LIMIT:
            return at, 0
        line = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n)?").match(buffer, at)
        assert line is not None  # noqa: S101 - the pattern matches the empty string
        return at, line.end()
    return at, 0


def _record_pattern(delimiter: str) -> re.Pattern[bytes]:
    """One record with its line end, if no quote stays open. Possessive: no way back into a field."""
    d = re.escape(delimiter.encode())
    tail = rb"[^" + d + rb"\r\n]*+"
    field = rb'(?:"(?:[^"]++|"")*+"' + tail + rb'|(?!")' + tail + rb")"
    return re.compile(field + rb"(?:" + d + field + rb")*+(?:\r\n|\r|\n|\Z)")


def first_record(data: bytes, delimiter: str) -> int:
    """Find the end of the first record, line end included."""
    match = _record_pattern(delimiter).match(data)
    return len(data) if match is None else match.end()
