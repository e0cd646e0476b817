"""Framing: a stream of bytes is split into blocks of complete records.

A JSON line ends at a newline; `quoting` says where a record of CSV ends.
"""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from stream_rnn.connectors.errors import ConnectorError
from stream_rnn.connectors.files.quoting import NEWLINE, QUOTE, CsvRecords, are_field_quotes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from stream_rnn.connectors.files.quoting import FieldRules

MAX_RECORD_BYTES = 1 << 26
"""Longest record: a file without line ends is not a text file, and memory is bounded."""


class RecordBlock(NamedTuple):
    """Complete records as read, or one broken record."""

    data: bytes
    error: str = ""
    """why the record is broken; empty for complete records"""
    line: int = 1
    """the line of the file that it starts with, from 1"""


class RecordSplitter:
    r"""Splits bytes into blocks of complete records, independently of how the bytes are cut.

    Parameters
    ----------
    path
        Name of the file, for error messages.
    delimiter
        Delimiter of CSV fields; None if every line is a record.
    rules
        What fields of CSV may be.
    quote
        Around fields of CSV with delimiters or line ends.
    line
        The line of the file that the bytes start with, from 1.

    Examples
    --------
    >>> splitter = RecordSplitter("a.csv", ",")
    >>> splitter.feed(b'1,"a')
    []
    >>> splitter.feed(b'\nb"\n2,')
    [RecordBlock(data=b'1,"a\nb"\n', error='', line=1)]
    >>> splitter.feed(b"c", final=True)
    [RecordBlock(data=b'2,c', error='', line=3)]
    """

    def __init__(
        self, path: str, delimiter: str | None, rules: FieldRules | None = None, quote: str = QUOTE, *, line: int = 1
    ) -> None:
        self._path = path
        self._delimiter = delimiter
        self._quote = quote
        self._csv = None if delimiter is None else CsvRecords(delimiter, rules, quote)
        self._line = line
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
        for end, error in self._ends(buffer, final):
            block = RecordBlock(buffer[start:end], error, self._line)
            self._line += count_lines(block.data)
            blocks.append(block)
            start = end
        self._rest = buffer[start:]
        if len(self._rest) > MAX_RECORD_BYTES:
            raise ConnectorError(
                f"{self._path}: a record is longer than {MAX_RECORD_BYTES:,} bytes: is this a text file?"
            )
        return blocks

    def split_again(self, blocks: Sequence[RecordBlock], rules: FieldRules, *, final: bool) -> list[RecordBlock]:
        """Return the blocks that were split last as other rules split them, which hold from now on."""
        self._csv = None if self._delimiter is None else CsvRecords(self._delimiter, rules, self._quote)
        if not any(self._quote.encode() in block.data for block in blocks):
            return list(blocks)
        unread, self._rest = b"".join(block.data for block in blocks) + self._rest, b""
        self._line = blocks[0].line
        return self.feed(unread, final=final)

    def _ends(self, buffer: bytes, final: bool) -> Iterator[tuple[int, str]]:
        """Yield the ends of blocks, and why a block is broken."""
        if self._csv is not None:
            yield from self._csv.ends(buffer, final=final)
        elif end := len(buffer) if final else buffer.rfind(b"\n") + 1:
            yield end, ""


def count_lines(data: bytes) -> int:
    r"""Return the number of line ends: newlines, carriage returns, or both together.

    Examples
    --------
    >>> count_lines(b"1\r\n2\r3\n4")
    3
    """
    newlines = data.count(b"\n")
    return newlines + data.count(b"\r") - data.count(b"\r\n") if b"\r" in data else newlines


def split_records(data: bytes, delimiter: str | None, quote: str = QUOTE) -> list[bytes]:
    r"""Return the records of a block without line ends and blank lines, for error messages.

    Examples
    --------
    >>> split_records(b'1,"a\nb"\n2,c\n', ",")
    [b'1,"a\nb"', b'2,c']
    """
    if delimiter is None:
        return [line for line in data.split(b"\n") if line.strip()]
    if quote.encode() not in data:
        return [line for line in re.split(rb"[\r\n]", data) if line]
    ends = _quoted_ends(data, delimiter, quote)
    if ends is None:
        return _scan_records(data, delimiter, quote)
    edges = [0, *ends.tolist()]
    records = [data[start:stop].rstrip(b"\r\n") for start, stop in itertools.pairwise(edges)]
    return [record for record in records if record]


def count_records(data: bytes, delimiter: str | None, quote: str = QUOTE) -> int | None:
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
    has_blank_lines = _has_blank_lines(data)
    if quote.encode() in data:
        ends = _quoted_ends(data, delimiter, quote)
        return None if has_blank_lines or ends is None else len(ends)
    if has_blank_lines:
        return len(split_records(data, delimiter, quote))
    return data.count(b"\n") + (not data.endswith(b"\n"))


def record_ends(data: bytes, delimiter: str, quote: str = QUOTE) -> NDArray[np.intp] | None:
    r"""Return the ends of the records of a block (N,), with their line ends; None if that takes parsing.

    Examples
    --------
    >>> record_ends(b'1,"a\nb"\n2,c\n', ",")
    array([ 8, 12])
    """
    if (b"\r" in data and data.count(b"\r") != data.count(b"\r\n")) or _has_blank_lines(data):
        return None
    if quote.encode() in data:
        return _quoted_ends(data, delimiter, quote)
    ends: NDArray[np.intp] = np.flatnonzero(np.frombuffer(data, np.uint8) == NEWLINE) + 1
    return ends if data.endswith(b"\n") else np.append(ends, len(data))


def first_record_end(data: bytes, delimiter: str, quote: str = QUOTE) -> int:
    r"""Return the end of the first record, with its line end.

    Examples
    --------
    >>> first_record_end(b"a,b\n1,2\n", ",")
    4
    """
    match = _record_pattern(delimiter, quote).match(data)
    return len(data) if match is None else match.end()


def _has_blank_lines(data: bytes) -> bool:
    return b"\n\n" in data or b"\n\r" in data or data[:1] in b"\r\n"


def _quoted_ends(data: bytes, delimiter: str, quote: str) -> NDArray[np.intp] | None:
    """Return the ends of the records, found by counting quotes; None if that is ambiguous."""
    array = np.frombuffer(data, np.uint8)
    quotes = np.flatnonzero(array == ord(quote))
    lone_returns = data.count(b"\r") != data.count(b"\r\n")
    if len(quotes) % 2 or lone_returns or not data.endswith(b"\n"):
        return None
    if not are_field_quotes(quotes, array, ord(delimiter), ord(quote)):
        return None
    newlines = np.flatnonzero(array == NEWLINE)
    outside = np.searchsorted(quotes, newlines) % 2 == 0
    ends: NDArray[np.intp] = newlines[outside] + 1
    return ends


def _scan_records(data: bytes, delimiter: str, quote: str) -> list[bytes]:
    records: list[bytes] = []
    at = 0
    pattern = _record_pattern(delimiter, quote)
    while at < len(data):
        match = pattern.match(data, at)
        if match is None or match.end() == at:
            records.append(data[at:])
            break
        if record := match[0].rstrip(b"\r\n"):
            records.append(record)
        at = match.end()
    return records


def _record_pattern(delimiter: str, quote: str) -> re.Pattern[bytes]:
    """Return the pattern of one record with its line end, if no quote stays open; it never backtracks."""
    d, q = re.escape(delimiter.encode()), quote.encode()
    tail = rb"[^" + d + rb"\r\n]*+"
    field = rb"(?:Q(?:[^Q]++|QQ)*+Q".replace(b"Q", q) + tail + rb"|(?!" + q + rb")" + tail + rb")"
    return re.compile(field + rb"(?:" + d + field + rb")*+(?:\r\n|\r|\n|\Z)")
