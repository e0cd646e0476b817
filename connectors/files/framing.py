"""Framing: a stream of bytes is split into blocks of complete records.

A JSON line ends at a newline. A CSV record ends at a newline outside quotes; a quote opens only at the start of a
field (RFC 4180), elsewhere it is an ordinary character. An open quote would swallow the rest of the file: if the
closing one is not found within `MAX_QUOTED_BYTES` or before the end, the line that opened it is one broken record, and
reading continues with the next line.
"""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from stream_rnn.connectors.errors import ConnectorError

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_QUOTED_BYTES = 1 << 20
"""Longest quoted field: a text of a megabyte is one field, more is a forgotten quote."""
MAX_RECORD_BYTES = 1 << 26
"""Longest record: a file without line ends is not a text file, and memory is bounded."""
OPEN_QUOTE = "quote is not closed"

_QUOTE, _NEWLINE = ord('"'), ord("\n")


class RecordBlock(NamedTuple):
    """Complete records as read, or one broken record."""

    data: bytes
    error: str = ""
    """why the record is broken; empty for complete records"""


class RecordSplitter:
    r"""Splits bytes into blocks of complete records, independently of how the bytes are cut.

    Parameters
    ----------
    path
        Name of the file, for error messages.
    delimiter
        Delimiter of CSV fields; None if every line is a record.

    Examples
    --------
    >>> splitter = RecordSplitter("a.csv", ",")
    >>> splitter.feed(b'1,"a')
    []
    >>> splitter.feed(b'\nb"\n2,')
    [RecordBlock(data=b'1,"a\nb"\n', error='')]
    >>> splitter.feed(b"c", final=True)
    [RecordBlock(data=b'2,c', error='')]
    """

    def __init__(self, path: str, delimiter: str | None) -> None:
        self._path = path
        self._delimiter = delimiter
        self._rest = b""

    def feed(self, data: bytes, *, final: bool = False) -> list[RecordBlock]:
        """Return the records that the next bytes complete; `final` means that no more bytes follow.

        Raises
        ------
        ConnectorError
            If a record is longer than `MAX_RECORD_BYTES`.
        """
        buffer = self._rest + data if self._rest else data
        blocks: list[RecordBlock] = []
        start = 0
        while start < len(buffer):
            end, broken_end = self._end_of_records(buffer, start, final)
            if end > start:
                blocks.append(RecordBlock(buffer[start:end]))
            if broken_end > end:
                blocks.append(RecordBlock(buffer[end:broken_end], OPEN_QUOTE))
            elif end == start or not final:
                start = end
                break
            start = max(end, broken_end)
        self._rest = buffer[start:]
        if len(self._rest) > MAX_RECORD_BYTES:
            raise ConnectorError(
                f"{self._path}: a record is longer than {MAX_RECORD_BYTES:,} bytes: is this a text file?"
            )
        return blocks

    def _end_of_records(self, buffer: bytes, start: int, final: bool) -> tuple[int, int]:
        """Return the end of the last complete record, and of a broken one after it (0 if there is none)."""
        delimiter = self._delimiter
        if delimiter is None or buffer.find(b'"', start) < 0:
            return (len(buffer) if final else _last_line_end(buffer, start, delimiter is not None)), 0
        end = _end_by_parity(buffer, start, delimiter)
        if end is None or (final and end < len(buffer)):
            return _end_by_scan(buffer, start, delimiter, final)
        if len(buffer) - end > MAX_QUOTED_BYTES:
            return _end_by_scan(buffer, end, delimiter, final)
        return end, 0


def split_records(data: bytes, delimiter: str | None) -> list[bytes]:
    r"""Return the records of a block without line ends and blank lines, for error messages.

    Examples
    --------
    >>> split_records(b'1,"a\nb"\n2,c\n', ",")
    [b'1,"a\nb"', b'2,c']
    """
    if delimiter is None:
        return [line for line in data.split(b"\n") if line.strip()]
    if b'"' not in data:
        return [line for line in re.split(rb"[\r\n]", data) if line]
    ends = _quoted_ends(data, delimiter)
    if ends is None:
        return _scan_records(data, delimiter)
    edges = [0, *ends.tolist()]
    records = [data[start:stop].rstrip(b"\r\n") for start, stop in itertools.pairwise(edges)]
    return [record for record in records if record]


def count_records(data: bytes, delimiter: str | None) -> int | None:
    r"""Return the number of records of a block without parsing it; None if that takes parsing.

    Examples
    --------
    >>> count_records(b'1,"a\nb"\n2,c\n', ",")
    2
    """
    if delimiter is None:
        return sum(1 for line in data.split(b"\n") if line.strip())
    if data.count(b"\r") != data.count(b"\r\n"):
        return None
    has_blank_lines = b"\n\n" in data or b"\n\r" in data or data[:1] in b"\r\n"
    if b'"' in data:
        ends = _quoted_ends(data, delimiter)
        return None if has_blank_lines or ends is None else len(ends)
    if has_blank_lines:
        return len(split_records(data, delimiter))
    return data.count(b"\n") + (not data.endswith(b"\n"))


def first_record_end(data: bytes, delimiter: str) -> int:
    r"""Return the end of the first record, with its line end.

    Examples
    --------
    >>> first_record_end(b"a,b\n1,2\n", ",")
    4
    """
    match = _record_pattern(delimiter).match(data)
    return len(data) if match is None else match.end()


def _quoted_ends(data: bytes, delimiter: str) -> NDArray[np.intp] | None:
    """Return the ends of the records, found by counting quotes; None if that is ambiguous."""
    array = np.frombuffer(data, np.uint8)
    quotes = _field_quotes(array, delimiter)
    lone_returns = data.count(b"\r") != data.count(b"\r\n")
    if quotes is None or len(quotes) % 2 or lone_returns or not data.endswith(b"\n"):
        return None
    newlines = np.flatnonzero(array == _NEWLINE)
    outside = np.searchsorted(quotes, newlines) % 2 == 0
    ends: NDArray[np.intp] = newlines[outside] + 1
    return ends


def _scan_records(data: bytes, delimiter: str) -> list[bytes]:
    records: list[bytes] = []
    at = 0
    pattern = _record_pattern(delimiter)
    while at < len(data):
        match = pattern.match(data, at)
        if match is None or match.end() == at:
            records.append(data[at:])
            break
        if record := match[0].rstrip(b"\r\n"):
            records.append(record)
        at = match.end()
    return records


def _last_line_end(buffer: bytes, start: int, lone_returns: bool) -> int:
    """Return the end of the last complete line; a lone carriage return ends a line only if there is no newline."""
    end = buffer.rfind(b"\n", start) + 1
    if not end and lone_returns and len(buffer) - start > MAX_QUOTED_BYTES:
        # The last byte may be the first half of "\r\n".
        end = buffer.rfind(b"\r", start, len(buffer) - 1) + 1
    return max(end, start)


def _end_by_parity(buffer: bytes, start: int, delimiter: str) -> int | None:
    """Return the end of the last complete record, found by counting quotes; None if that is ambiguous."""
    quotes = _field_quotes(np.frombuffer(buffer, np.uint8)[start:], delimiter)
    if quotes is None:
        return None
    end = len(buffer)
    while True:
        newline = buffer.rfind(b"\n", start, end)
        if newline < 0:
            return start
        quotes_before = int(np.searchsorted(quotes, newline - start))
        if quotes_before % 2 == 0:
            return newline + 1
        end = start + int(quotes[quotes_before - 1])


def _field_quotes(data: NDArray[np.uint8], delimiter: str) -> NDArray[np.intp] | None:
    """Return the indices of quotes that alternately open and close fields; None if a quote does neither."""
    quotes = np.flatnonzero(data == _QUOTE)
    opening, closing = quotes[0::2], quotes[1::2]
    is_edge = np.zeros(256, dtype=np.bool_)
    # A quote before an opening one is a closing one: together they are an escaped quote inside a field.
    is_edge[[ord(delimiter), ord("\r"), _NEWLINE, _QUOTE]] = True
    before = data[opening[opening > 0] - 1]
    after = data[closing[closing < len(data) - 1] + 1]
    if not (is_edge[before].all() and is_edge[after].all()):
        return None
    if len(closing) and int((closing - opening[: len(closing)]).max()) > MAX_QUOTED_BYTES // 2:
        return None
    return quotes


def _end_by_scan(buffer: bytes, start: int, delimiter: str, final: bool) -> tuple[int, int]:
    """Return what `_end_of_records` returns, record by record: exact, and only used where quotes are unusual."""
    pattern = _record_pattern(delimiter)
    at = start
    while at < len(buffer):
        match = pattern.match(buffer, at)
        if match is not None:
            complete = final or match[0].endswith((b"\n", b"\r"))
            if match[0].endswith(b"\r") and match.end() == len(buffer) and not final:
                complete = False
            too_long = b'"' in match[0] and match.end() - at > MAX_QUOTED_BYTES
            if complete and not too_long:
                at = match.end()
                continue
            if not too_long:
                return at, 0
        elif not final and len(buffer) - at <= MAX_QUOTED_BYTES:
            return at, 0
        line = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n)?").match(buffer, at)
        assert line is not None  # noqa: S101 - the pattern matches the empty string
        return at, line.end()
    return at, 0


def _record_pattern(delimiter: str) -> re.Pattern[bytes]:
    """Return the pattern of one record with its line end, if no quote stays open; it never backtracks."""
    d = re.escape(delimiter.encode())
    tail = rb"[^" + d + rb"\r\n]*+"
    field = rb'(?:"(?:[^"]++|"")*+"' + tail + rb'|(?!")' + tail + rb")"
    return re.compile(field + rb"(?:" + d + field + rb")*+(?:\r\n|\r|\n|\Z)")
