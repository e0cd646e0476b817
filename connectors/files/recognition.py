"""Recognition: where the header of a CSV file is, and which delimiter it has, from its first bytes.

Only what is certain is recognised. Where a file can be read in two ways, the error names the option that decides.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from stream_rnn.connectors.decode.values import MISSING, parse_number
from stream_rnn.connectors.errors import ConnectorError
from stream_rnn.connectors.files.dialect import SPACES
from stream_rnn.connectors.files.framing import first_record_end

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stream_rnn.connectors.files.dialect import Dialect

HEAD_BYTES = 1 << 16
"""Number of bytes read to recognise a file."""
MAX_LINES = 200
"""Maximum number of lines that are examined."""
DELIMITERS = (",", ";", "\t", "|")
"""Delimiters that are recognised, besides spaces."""
NAMES = {"\t": "tab", SPACES: "spaces"}
"""Delimiters that are shown by name."""
COMMENT = "#"
"""How comments begin, if a file begins with one."""
MIN_SHARE = 0.9
"""Minimum share of the lines that have as many fields as the header, for the right delimiter."""
MAX_SHARE = 0.5
"""Of a wrong delimiter, at most this share has."""
MIN_ROWS = 2
"""Rows that must have numbers before lines above them are taken for a preamble or for units."""
MAX_NAMES_LISTED = 5
SURPLUS = ("", "Comment")
"""Last names of a header without a field in the rows: after a trailing delimiter, and in files of LabVIEW."""
LVM_HEADER_END = "***End_of_Header***"
TOA5_ROWS = 2
"""Rows of units and of methods below the header of a Campbell logger."""

_LINE = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n)")
_SEP = re.compile(r'"?sep=(.)"?', re.IGNORECASE)
_DATE = re.compile(r"[0-9]{1,4}[-./:][0-9]{1,2}(?:[-./:T ][-0-9./:+ A-Za-z]*)?")
_TIMESTAMP = re.compile(r"[0-9]{1,4}[-./][0-9]{1,2}[-./][0-9]{1,4}[T ][0-9]{1,2}:[0-9]{2}.*")
_NUMBER = re.compile(r"[+-]?[0-9][0-9.,'\u2019 \u00a0\u202f]*(?:[eE][+-]?[0-9]+)?")


class Layout(NamedTuple):
    """Where the header of a CSV file is, and what follows it."""

    delimiter: str
    start: int
    """byte at which the header starts"""
    comment: str = ""
    """how lines begin that are not records; empty if no line is a comment"""
    header_mark: str = ""
    """comment prefix of the header, if it is a comment line"""
    units: int = 0
    """number of rows below the header that are not records"""
    unnamed: int = 0
    """index of the column for which the header has no name, from 1; 0 if it has a name for each"""
    surplus: bool = False
    """whether the header ends with a delimiter, and the records do not"""
    recognised: tuple[str, ...] = ()
    """what was recognised, in words"""


class _Line(NamedTuple):
    start: int
    """byte at which the line starts"""
    text: str
    """without its end"""


def recognise_layout(path: str, head: bytes, dialect: Dialect, usual: str) -> Layout:
    r"""Find the header of a CSV file, and its delimiter.

    Parameters
    ----------
    path
        Of the file, for error messages.
    head
        The first bytes of the file, in complete lines.
    dialect
        What the user named.
    usual
        The delimiter of the format; another one is recognised only where this is a comma.

    Raises
    ------
    ConnectorError
        If there is no header, or the file can be read in two ways.

    Examples
    --------
    >>> from stream_rnn.connectors.files.dialect import Dialect
    >>> recognise_layout("a.csv", b"# logger 7\ntime;x\n1;2,5\n", Dialect(), ",").recognised
    ('header in line 2', "delimiter ';'")
    """
    lines, first = _lines(head, dialect.quote), dialect.skip_lines or 0
    if first > len(lines):
        raise ConnectorError(f"{path}: has {len(lines):,} lines, skip_lines is {first:,}")
    opening = _opening(lines[first:], dialect)
    delimiter, body = opening.delimiter, opening.body
    if not body:
        is_empty = opening.comments or not lines[first:]
        return Layout(delimiter or usual, len(head) if is_empty else lines[first].start)
    if not first and delimiter in (None, ",") and body[0].text.startswith(('"TOA5"', "TOA5,")):
        start = body[1].start if len(body) > 1 else len(head)
        return Layout(",", start, units=min(TOA5_ROWS, max(0, len(body) - 2)), recognised=("format TOA5",))
    if not first and delimiter in (None, "\t") and body[0].text.startswith("LabVIEW Measurement"):
        delimiter, body = "\t", _below_lvm_headers(body)
        opening = opening._replace(body=body)
    table = _choose(path, body, dialect, delimiter, usual)
    names_line, header_mark = _find_names(path, table, opening)
    unnamed, surplus = table.fit()
    is_short = table.misfit > len(table.names) and not any(len(row) == len(table.names) for row in table.rows)
    if is_short and not unnamed:
        raise ConnectorError(
            f"{path}: the header has {len(table.names)} fields, the lines below it have {table.misfit}: set "
            "delimiter if these are decimal commas, or skip_lines if this is not the header"
        )
    units = table.units()
    above = [line for line in lines if line.start < names_line.start]
    recognised = (
        f"header in line {len(above) + 1:,}" if any(line.text.strip() for line in above[first:]) else "",
        f"delimiter {NAMES.get(table.delimiter) or repr(table.delimiter)}"
        if table.delimiter not in (usual, dialect.delimiter)
        else "",
        "a row of units" if units else "",
        f"a {'first' if unnamed == 1 else 'last'} column without a name" if unnamed else "",
    )
    return Layout(
        table.delimiter,
        names_line.start,
        opening.comment,
        header_mark,
        units,
        unnamed,
        surplus,
        tuple(filter(None, recognised)),
    )


class _Opening(NamedTuple):
    """The lines of a file, without those that say how it is written."""

    delimiter: str | None
    """as it is named, or as a first line ``sep=;`` says"""
    comment: str
    """how comments begin; empty if there are none"""
    comments: Sequence[_Line]
    """comments before the first line with other text"""
    body: Sequence[_Line]
    """all lines with other text"""


def _opening(lines: Sequence[_Line], dialect: Dialect) -> _Opening:
    delimiter = dialect.delimiter
    if delimiter is None and lines and (match := _SEP.fullmatch(lines[0].text.strip())):
        delimiter, lines = match[1], lines[1:]
    texts = [line for line in lines if line.text.strip()]
    comment = dialect.comment or ""
    if dialect.comment is None and dialect.skip_lines is None and texts and texts[0].text.startswith(COMMENT):
        comment = COMMENT
    is_comment = [bool(comment) and line.text.startswith(comment) for line in texts]
    if dialect.comment is None and all(is_comment):  # nothing is below: this is the header
        return _Opening(delimiter, "", [], texts)
    body = [line for line, skipped in zip(texts, is_comment, strict=True) if not skipped]
    return _Opening(delimiter, comment, texts[: is_comment.index(False) if body else len(texts)], body)


def _find_names(path: str, table: _Table, opening: _Opening) -> tuple[_Line, str]:
    """Return the line with the names, and what it begins with if it is a comment; the table gets these names."""
    if opening.comments:
        last = opening.comments[-1]
        names = table.split(last.text.removeprefix(opening.comment))
        if 1 < len(names) == len(table.names) and any(map(_looks_like_data, table.names)):
            table.names, table.rows = names, [table.names, *table.rows]
            return last, opening.comment
    if _is_data(table.names):
        values = ", ".join(table.names[:MAX_NAMES_LISTED])
        what = "only numbers" if all(map(_looks_like_data, table.names)) else "values"
        raise ConnectorError(f"{path}: the first line has {what} ({values}), a header with names is needed")
    return opening.body[table.header], ""


class _Table:
    """The first lines of a file, split at a delimiter.

    Parameters
    ----------
    lines
        Lines with text that are not comments; at least one.
    delimiter, quote
        Of the fields.
    look_below
        Whether the header may be below lines that have fewer fields.

    Attributes
    ----------
    header : int
        Index of the line with the names.
    names : list of str
        The names of the columns.
    rows : list of list of str
        The fields of the lines below the header.
    """

    def __init__(self, lines: Sequence[_Line], delimiter: str, quote: str, *, look_below: bool) -> None:
        self.delimiter = delimiter
        self._quote = quote
        self._lines = lines
        self._fields = [self.split(line.text) for line in lines]
        self.header = self._find_header() if look_below else 0
        self.names = self._fields[self.header]
        self.rows = self._fields[self.header + 1 :]

    def split(self, text: str) -> list[str]:
        """Return the fields of a line."""
        if self.delimiter == SPACES:
            text = re.sub(" +", " ", text.strip(" "))
        return next(csv.reader([text], delimiter=self.delimiter, quotechar=self._quote), [])

    @property
    def share(self) -> float:
        """Share of the rows that have as many fields as the header, 1 if there are no rows."""
        return sum(len(row) == len(self.names) for row in self.rows) / len(self.rows) if self.rows else 1.0

    @property
    def is_certain(self) -> bool:
        """Whether all rows have as many fields as the header, and numbers among them."""
        is_wide = len(self.names) > 1 and len(self.rows) >= MIN_ROWS
        return is_wide and self.share == 1.0 and all(map(_has_number, self.rows))

    @property
    def data_share(self) -> float:
        """Share of the fields of the rows that are numbers or times."""
        fields = [field for row in self.rows for field in row]
        return sum(map(_looks_like_data, fields)) / len(fields) if fields else 0.0

    def fit(self) -> tuple[int, bool]:
        """Return which column the header has no name for (from 1), and whether it has a name too many."""
        if self.misfit == len(self.names) - 1 and self.names[-1] in SURPLUS:
            return 0, True
        if self.misfit != len(self.names) + 1:
            return 0, False
        if not any(row[-1].strip() for row in self.rows if len(row) == self.misfit):
            return len(self.names) + 1, False
        return int(self._has_row_names), False

    @property
    def misfit(self) -> int:
        """The number of fields that rows have, if it is not the one of the header; otherwise 0."""
        if len(self.rows) < MIN_ROWS:
            return 0
        count, rows = Counter(map(len, self.rows)).most_common(1)[0]
        return count if count != len(self.names) and rows >= MIN_SHARE * len(self.rows) else 0

    @property
    def _has_row_names(self) -> bool:
        """Whether rows begin with distinct names in quotes, and the header has quotes, as R writes them."""
        lines = self._lines[self.header :]
        names = [row[0] for row in self.rows]
        return len(set(names)) == len(names) and all(line.text.startswith(self._quote) for line in lines)

    def units(self) -> int:
        """Return the number of rows of units below the header: one of words, above columns of numbers and times."""
        if len(self.rows) <= MIN_ROWS or len(self.rows[0]) != len(self.names):
            return 0
        units, *rows = self.rows
        words = [i for i, unit in enumerate(units) if unit.strip() not in MISSING]
        if not words or any(map(_looks_like_data, units)):
            return 0
        good = sum(
            all(i < len(row) and (not row[i].strip() or _looks_like_data(row[i])) for i in words) for row in rows
        )
        return int(good >= MIN_SHARE * len(rows) and sum(map(_has_number, rows)) >= MIN_ROWS)

    def _find_header(self) -> int:
        """Return the index of the header: below lines that have fewer fields than it and the rows."""
        counts = [len(row) for row in self._fields]
        width = Counter(counts[len(counts) // 2 :]).most_common(1)[0][0]
        if width < 2 or not self._is_title(0, width):
            return 0
        for i, row in enumerate(self._fields):
            if len(row) == width and not self._is_title(i, width):
                rows = self._fields[i + 1 :]
                good = [len(below) == width for below in rows]
                is_body = len(rows) >= MIN_ROWS and sum(good) >= MIN_SHARE * len(good)
                is_names = not any(map(_looks_like_data, row)) and sum(map(bool, map(str.strip, row))) >= width / 2
                return i if is_body and is_names and sum(map(_has_number, rows)) >= MIN_ROWS else 0
        return 0

    def _is_title(self, i: int, width: int) -> bool:
        """Return whether a line cannot be the header: it has fewer fields than rows have, or only the first."""
        row = self._fields[i]
        if len(row) == width:
            return width > 2 and bool(row[0].strip()) and not any(field.strip() for field in row[1:])
        # One name less than fields, above rows: names of rows, or a delimiter at the end of each.
        is_short_header = len(row) == width - 1 and len(row) > 1 and i + 1 < len(self._fields)
        return len(row) < width and not (is_short_header and _has_number(self._fields[i + 1]))


def _choose(path: str, body: Sequence[_Line], dialect: Dialect, delimiter: str | None, usual: str) -> _Table:
    """Return the table of the delimiter that is certain."""
    look_below = dialect.skip_lines is None
    if delimiter is not None or usual != ",":
        return _Table(body, delimiter or usual, dialect.quote, look_below=look_below)
    tables = [_Table(body, mark, dialect.quote, look_below=look_below) for mark in DELIMITERS]
    able = [table for table in tables if len(table.names) > 1]
    if not able:
        spaced = _Table(body, SPACES, dialect.quote, look_below=False)
        return spaced if spaced.is_certain or spaced.fit()[0] == 1 else tables[0]
    for share in ("share", "data_share"):
        good = [table for table in able if table.rows and getattr(table, share) >= MIN_SHARE]
        if len(able) == 1 or (
            len(good) == 1 and all(getattr(table, share) <= MAX_SHARE for table in able if table is not good[0])
        ):
            return (good or able)[0]
    marks = " or ".join(NAMES.get(table.delimiter) or repr(table.delimiter) for table in able)
    raise ConnectorError(f"{path}: the delimiter may be {marks}: set delimiter")


def _below_lvm_headers(body: Sequence[_Line]) -> Sequence[_Line]:
    """Return the lines below the headers of a LabVIEW file."""
    ends = [i for i, line in enumerate(body) if line.text.startswith(LVM_HEADER_END)]
    return body[ends[-1] + 1 :] if ends and ends[-1] + 1 < len(body) else body


def _lines(head: bytes, quote: str) -> list[_Line]:
    """Return the complete lines of a head."""
    lines: list[_Line] = []
    at = 0
    while at < len(head) and len(lines) < MAX_LINES:
        match = _LINE.match(head, at)
        end = len(head) if match is None else match.end()
        if not any(line.text.strip() for line in lines):  # a name in the header may span lines
            is_open = head[at:end].count(quote.encode()) % 2
            end = at + first_record_end(head[at:], ",", quote) if is_open else end
        lines.append(_Line(at, head[at:end].decode(errors="replace").rstrip("\r\n")))
        at = end
    return lines


def _is_data(names: Sequence[str]) -> bool:
    """Return whether a line is not a header, but has numbers, or a time and numbers."""
    numbers = [parse_number(name) is not None and bool(name.strip()) for name in names]
    times = [_TIMESTAMP.fullmatch(name.strip()) is not None for name in names]
    return all(numbers) or (any(times) and any(numbers))


def _looks_like_data(field: str) -> bool:
    text = field.strip()
    return _NUMBER.fullmatch(text) is not None or _DATE.fullmatch(text) is not None


def _has_number(row: Sequence[str]) -> bool:
    return any(_NUMBER.fullmatch(field.strip()) for field in row)
