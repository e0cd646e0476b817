"""Where records of CSV end: at a line end outside quotes, and what a quoted field must be so that it may span lines.

A quote opens only at the start of a field (RFC 4180), elsewhere it is an ordinary character. A stray quote would
swallow the lines up to the next one, without anybody noticing. Therefore a field that spans lines is only accepted in a
column of text that is not read, or is read as it is, if its closing quote ends it, if it is not too long, and if its
record has as many fields as the header. Otherwise the line with the opening quote is one broken record, and the next
line is read as a record.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

FIELD_SIZE_LIMIT = 1 << 16
"""Bytes of the longest field by default: a text of 64 kB is one field, more is a forgotten quote."""
PIECE_BYTES = 1 << 16
"""Bytes whose quotes are counted at once: their arrays stay in the cache, and the allocator keeps them."""
OPEN_QUOTE = "quote is not closed"
TEXT_AFTER_QUOTE = "text after a closing quote"
LINE_BREAK = "line break in quotes"

QUOTE = '"'
"""The usual quote."""
RETURN, NEWLINE = ord("\r"), ord("\n")

_LINE_END = re.compile(rb"[\r\n]")
_LINE = re.compile(rb"[^\r\n]*+(?:\r\n|\r|\n|\Z)")


class FieldRules(NamedTuple):
    """What fields may be.

    Examples
    --------
    >>> FieldRules(names=("sensor", "load", "note"), one_line=frozenset({"sensor", "load"})).broken_line(1)
    "column 'load': line break in quotes"
    """

    size_limit: int = FIELD_SIZE_LIMIT
    """bytes of the longest field, with its quotes"""
    names: tuple[str, ...] = ()
    """the columns; empty while they are not known"""
    one_line: frozenset[str] = frozenset()
    """columns whose fields must not span lines"""

    def broken_line(self, column: int) -> str:
        """Return why a field of this column (from 0) must not span lines; an empty string if it may."""
        if not self.names:
            return ""
        if column >= len(self.names):
            return LINE_BREAK
        return f"column {self.names[column]!r}: {LINE_BREAK}" if self.names[column] in self.one_line else ""

    def too_long(self, column: int) -> str:
        """Return the reason for a field of this column that is longer than the limit."""
        place = f"column {self.names[column]!r}: " if column < len(self.names) else ""
        return f"{place}field is longer than {self.size_limit:,} bytes"

    def wrong_count(self, fields: int) -> str:
        """Return why a record that spans lines must not have this number of fields; an empty string if it may."""
        expected = len(self.names)
        return f"expected {expected} fields, got {fields}" if expected not in (0, fields) else ""


class _End(NamedTuple):
    """Where a field or a record ends."""

    at: int | None
    """index of the byte after it; None if more bytes are needed to know"""
    error: str = ""
    """why the record is broken"""


_INCOMPLETE = _End(None)


class CsvRecords:
    r"""Finds the ends of records in CSV.

    Parameters
    ----------
    delimiter
        Of fields.
    rules
        What fields may be.
    quote
        Around fields with delimiters or line ends.

    Examples
    --------
    >>> list(CsvRecords(",").ends(b'1,"a\nb"\n2,"', final=True))
    [(8, ''), (11, 'quote is not closed')]
    """

    def __init__(self, delimiter: str, rules: FieldRules | None = None, quote: str = QUOTE) -> None:
        self._delimiter = ord(delimiter)
        self._quote = ord(quote)
        self._rules = FieldRules() if rules is None else rules
        may_break = [not self._rules.broken_line(column) for column in range(len(self._rules.names) + 1)]
        self._may_break = np.array(may_break, np.bool_)
        """(columns + 1,) whether fields may span lines; the last one is for fields that no column is for"""
        d, q = re.escape(delimiter.encode()), quote.encode()
        tail = rb"[^" + d + rb"\r\n]*+"
        field = rb"(?:Q(?:[^Q\r\n]++|QQ)*+Q".replace(b"Q", q) + tail + rb"|(?!" + q + rb")" + tail + rb")"
        self._quoted = re.compile(rb"Q(?:[^Q]++|QQ)*+Q".replace(b"Q", q))
        self._field = re.compile(field)
        self._record = re.compile(field + rb"(?:" + d + field + rb")*+(?:\r\n|\r|\n|\Z)")

    def ends(self, data: bytes, *, final: bool) -> Iterator[tuple[int, str]]:
        """Yield the end of each run of complete records, and the end of each broken line with its reason."""
        end = self._counted_end(data, final=final)
        if end:
            yield end, ""
        yield from self._scan(data, end, final=final)

    def _counted_end(self, data: bytes, *, final: bool) -> int:
        """Return the end of complete records that counting quotes finds; 0 where that is not enough."""
        if self._quote not in data and self._has_short_lines(data):
            return len(data) if final else data.rfind(b"\n") + 1
        end = 0
        while end < len(data) and (size := self._counted_size(data[end : end + PIECE_BYTES])):
            end += size
        return end

    def _counted_size(self, piece: bytes) -> int:
        """Return the size of the complete records that a piece starts with; 0 if counting quotes is not enough."""
        array = np.frombuffer(piece, np.uint8)
        is_mark = (array == self._quote) | (array == NEWLINE) | (array == RETURN)
        marks = np.flatnonzero(is_mark)
        is_quote = array[marks] == self._quote
        quotes = marks[is_quote]
        if not are_field_quotes(quotes, array, self._delimiter, self._quote) or not self._has_short_lines(piece):
            return 0
        end = _last_outside(piece, quotes)
        count = int(np.searchsorted(marks, end))
        line_ends = np.flatnonzero(~is_quote[:count])
        quotes_before = line_ends - np.arange(len(line_ends))
        if (quotes_before & 1).any():
            structure = array[np.flatnonzero(is_mark[:end] | (array[:end] == self._delimiter))]
            if not self._accepts_breaks(structure, quotes[: count - len(line_ends)]):
                return 0
        return end

    def _scan(self, data: bytes, start: int, *, final: bool) -> Iterator[tuple[int, str]]:
        """Yield what `ends` yields, from an index on, record by record."""
        at = start
        while at < len(data):
            end, error = self._record_end(data, at, final=final)
            if error:
                end = self._line_end(data, at, final=final)
            if end is None:
                break
            if error:
                if at > start:
                    yield at, ""
                yield end, error
                start = end
            at = end
        if at > start:
            yield at, ""

    def _has_short_lines(self, data: bytes) -> bool:
        """Return whether every line is within the limit of a field, so that a field in one line is, too."""
        limit, at = self._rules.size_limit, 0
        while len(data) - at > limit:
            newline = data.rfind(b"\n", at, at + limit)
            if newline < 0:
                return False
            at = newline + 1
        return True

    def _accepts_breaks(self, structure: NDArray[np.uint8], quotes: NDArray[np.intp]) -> bool:
        """Return whether each field of complete records that spans lines may do so.

        Parameters
        ----------
        structure
            (M,) the quotes, delimiters and line ends, without what is between them.
        quotes
            (Q,) indices of the quotes in the bytes.
        """
        # A quote that closes next to one that opens is an escaped quote inside a field.
        is_edge = quotes[2::2] != quotes[1:-1:2] + 1
        opening, closing = quotes[0::2][np.append(True, is_edge)], quotes[1::2][np.append(is_edge, True)]
        if int((closing - opening).max()) >= self._rules.size_limit:
            return False
        is_inside = np.logical_xor.accumulate(structure == self._quote)
        is_line_end = (structure == NEWLINE) | (structure == RETURN)
        delimiters = np.cumsum(~is_inside & (structure == self._delimiter))
        is_end = ~is_inside & is_line_end
        breaks = np.flatnonzero(is_inside & is_line_end)
        before = np.append(0, delimiters[is_end])  # before the first record, and up to the end of each
        record = np.cumsum(is_end)[breaks]
        columns = delimiters[breaks] - before[record]
        counts = before[record + 1] - before[record] + 1
        return bool(
            self._may_break[np.minimum(columns, len(self._may_break) - 1)].all()
            and (not self._rules.names or (counts == len(self._rules.names)).all())
        )

    def _record_end(self, data: bytes, at: int, *, final: bool) -> _End:
        match = self._record.match(data, at)
        if match is None or match.end() - at > self._rules.size_limit:
            return self._end_by_fields(data, at, final=final)
        end = match.end()
        if final or data[end - 1] == NEWLINE or (data[end - 1] == RETURN and end < len(data)):
            return _End(end)
        return _INCOMPLETE

    def _end_by_fields(self, data: bytes, at: int, *, final: bool) -> _End:
        """Return the end of a record, field by field."""
        start, column, spans_lines = at, 0, False
        while True:
            end, error = self._field_end(data, start, column, final=final)
            if end is None or error:
                return _End(end, error)
            spans_lines = spans_lines or _LINE_END.search(data, start, end) is not None
            if end == len(data) and not final:
                return _INCOMPLETE
            if end == len(data) or data[end] != self._delimiter:
                break
            start, column = end + 1, column + 1
        if spans_lines and (error := self._rules.wrong_count(column + 1)):
            return _End(end, error)
        return _End(self._line_end(data, end, final=final))

    def _field_end(self, data: bytes, start: int, column: int, *, final: bool) -> _End:
        """Return the end of a field, without the delimiter or line end after it."""
        limit = self._rules.size_limit
        match = self._field.match(data, start)
        line_end = start + len(_line(data, start).rstrip(b"\r\n")) if match is None else match.end()
        if line_end - start > limit:
            return _End(line_end, self._rules.too_long(column))
        if match is not None:
            return _End(line_end)
        if line_end == len(data):
            return _End(line_end, OPEN_QUOTE) if final else _INCOMPLETE
        if reason := self._rules.broken_line(column):
            return _End(line_end, reason)
        return self._quoted_end(data, start, column, final=final)

    def _quoted_end(self, data: bytes, start: int, column: int, *, final: bool) -> _End:
        """Return the end of a quoted field that may span lines."""
        limit = self._rules.size_limit
        match = self._quoted.match(data, start, start + limit)
        end = len(data) if match is None else match.end()
        if end - start > limit or data[end : end + 1] == bytes([self._quote]):
            return _End(end, self._rules.too_long(column))
        if end == len(data):
            return (_End(end) if match is not None else _End(end, OPEN_QUOTE)) if final else _INCOMPLETE
        if data[end] not in (self._delimiter, RETURN, NEWLINE):
            return _End(end, TEXT_AFTER_QUOTE)
        return _End(end)

    @staticmethod
    def _line_end(data: bytes, at: int, *, final: bool) -> int | None:
        """Return the end of a line with its line end, None if more bytes are needed to know."""
        end = at + len(_line(data, at))
        # The last byte may be the first half of "\r\n".
        is_complete = final or data[end - 1] == NEWLINE or (data[end - 1] == RETURN and end < len(data))
        return end if is_complete else None


def _line(data: bytes, start: int) -> bytes:
    """Return the rest of the line from an index on, with its line end."""
    match = _LINE.match(data, start)
    return b"" if match is None else match[0]  # it always matches, if only the empty text


def are_field_quotes(quotes: NDArray[np.intp], data: NDArray[np.uint8], delimiter: int, quote: int) -> bool:
    """Return whether the quotes at these indices alternately open and close fields."""
    opening, closing = quotes[0::2], quotes[1::2]
    is_edge = np.zeros(256, dtype=np.bool_)
    # A quote before an opening one is a closing one: together they are an escaped quote inside a field.
    is_edge[[delimiter, RETURN, NEWLINE, quote]] = True
    before = data[opening[opening > 0] - 1]
    after = data[closing[closing < len(data) - 1] + 1]
    return bool(is_edge[before].all() and is_edge[after].all())


def _last_outside(data: bytes, quotes: NDArray[np.intp]) -> int:
    """Return the end of the last line that ends outside quotes."""
    end = len(data)
    while True:
        newline = data.rfind(b"\n", 0, end)
        if newline < 0:
            return 0
        before = int(np.searchsorted(quotes, newline))
        if before % 2 == 0:
            return newline + 1
        end = int(quotes[before - 1])
