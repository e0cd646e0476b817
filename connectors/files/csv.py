"""CSV and TSV: a block of records is parsed as numbers at once; only a block with a bad value is parsed as text."""

from __future__ import annotations

import codecs
import csv
import itertools
import re
from collections import Counter, deque
from typing import TYPE_CHECKING

import numpy as np

from stream_rnn.connectors.decode.arrow_columns import decode_columns
from stream_rnn.connectors.decode.arrow_text import decode_text
from stream_rnn.connectors.decode.columns import Decoded
from stream_rnn.connectors.decode.detect import MAX_EXAMPLE_CHARACTERS, SAMPLE_SIZE, TextSample, UnusableSample
from stream_rnn.connectors.decode.numerals import PLAIN, recognise_numerals
from stream_rnn.connectors.decode.values import DAMAGED, MISSING
from stream_rnn.connectors.errors import ConnectorError
from stream_rnn.connectors.files.byte_stream import STDIN
from stream_rnn.connectors.files.dialect import SPACES, Dialect
from stream_rnn.connectors.files.framing import (
    MAX_RECORD_BYTES,
    RecordBlock,
    RecordSplitter,
    count_lines,
    first_record_end,
    record_ends,
    split_records,
)
from stream_rnn.connectors.files.quoting import FIELD_SIZE_LIMIT, FieldRules
from stream_rnn.connectors.files.reader import TextReader
from stream_rnn.connectors.files.recognition import HEAD_BYTES, recognise_layout
from stream_rnn.errors import require
from stream_rnn.time_formats import UNITS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pyarrow as pa
    import pyarrow.csv as arrow_csv
    from numpy.typing import NDArray

    from stream_rnn.connectors.decode.detect import ColumnSample
    from stream_rnn.connectors.decode.numerals import Recognised
    from stream_rnn.connectors.decode.schema import ColumnRoles
    from stream_rnn.connectors.files.byte_stream import ByteStream
    from stream_rnn.connectors.files.reader import Start
    from stream_rnn.connectors.files.recognition import Layout
else:
    pa, arrow_csv = require("pyarrow", "files"), require("pyarrow.csv", "files")

COMMENT_LINE = "comment line"
TWO_COLUMNS = "the name of two columns"
MIN_LINES = 3
"""Lines that are read before a file is recognised, however long they are."""

KEY_TYPE = pa.dictionary(pa.int32(), pa.string())
"""Dictionary-encoded text: one Python string per stream and block, not one per event."""


class CsvReader(TextReader):
    """Reads a CSV file with a header.

    Parameters
    ----------
    stream
        The bytes of the file; closed with the reader.
    dialect
        How the file is written. What it does not name is recognised.
    delimiter
        Delimiter of the format, if the dialect names none.
    field_size_limit
        Bytes of the longest field; a record with a longer one is refused.

    Raises
    ------
    ConnectorError
        If there is no header, or the file can be read in two ways.

    Examples
    --------
    >>> import io
    >>> from stream_rnn.connectors.files.byte_stream import ByteStream
    >>> reader = CsvReader(ByteStream("-", stdin=io.BytesIO(b"a;b")))
    >>> reader.names, reader.recognised
    (['a', 'b'], ("delimiter ';'",))
    """

    def __init__(
        self,
        stream: ByteStream,
        dialect: Dialect | None = None,
        delimiter: str = ",",
        *,
        field_size_limit: int = FIELD_SIZE_LIMIT,
    ) -> None:
        dialect = Dialect() if dialect is None else dialect
        head, is_all = _read_head(stream)
        self._is_live = stream.follow or (stream.path == STDIN and not is_all)
        self._layout = recognise_layout(stream.name, head, dialect, delimiter)
        stream.skip(self._layout.start)
        self._rules = FieldRules(field_size_limit)
        self._separator = self._layout.delimiter
        splitter = RecordSplitter(
            stream.path, self._separator, self._rules, dialect.quote, line=1 + count_lines(head[: self._layout.start])
        )
        super().__init__(stream, splitter, self._separator, dialect.quote)
        self.names = self._read_header()
        self._repeated = {name for name, count in Counter(self.names).items() if count > 1}
        # Arrow needs distinct names; no name of a file has a NUL character.
        self._fields = [f"{name}\0{i}" if name in self._repeated else name for i, name in enumerate(self.names)]
        self._numerals = PLAIN
        self._samples = self._read_samples()
        found = self._recognise_numerals(dialect)
        self._numerals, self._asked, self._grouped = found.numerals, found.asked, found.grouped
        self.recognised = self._layout.recognised + found.words + stream.recognised

    def start(self, start: Start) -> None:
        """Say which column is what, and where to start; must be called before `read`.

        Raises
        ------
        ConnectorError
            If the name or the numbers of a column to be read are ambiguous.
        """
        for name in start.roles.read:
            if name in self._repeated:
                raise ConnectorError(f"{self.path}: there are two columns {name!r}")
        for name, question in self._asked.items():
            if name in (*start.roles.columns, *start.roles.ignored) and name not in start.roles.texts:
                raise ConnectorError(f"{self.path}: column {name!r}: {question}")
        super().start(start._replace(record=max(start.record, self._layout.units)))
        # What has been read to detect the columns was split without knowing which fields must not span lines.
        one_line = frozenset(start.roles.read) - frozenset(start.roles.texts)
        rules = self._rules._replace(names=tuple(self.names), one_line=one_line)
        self._queue = deque(self._splitter.split_again(self._queue, rules, final=self._ended))

    def sample(self) -> Mapping[str, ColumnSample]:
        """Return the first values of every column, as text, without consuming them."""
        return {name: self._sample_of(name) for name in self.names}

    def _sample_of(self, name: str) -> ColumnSample:
        if name in self._repeated:
            return UnusableSample(TWO_COLUMNS)
        if name in self._asked:
            return UnusableSample(f"ambiguous ({self._asked[name]})")
        texts = self._samples[name]
        damaged = [text for text in texts if text and _DAMAGED_NUMBER.match(text)]
        if len(damaged) > len(texts) / 2:
            return UnusableSample(f"not UTF-8 ({damaged[0][:MAX_EXAMPLE_CHARACTERS]!r}): set encoding")
        return TextSample(texts, self._numerals)

    def _read_samples(self) -> dict[str, list[str | None]]:
        """Return the first values of the columns whose name is theirs alone, as text, without consuming them."""
        names = [name for name in self.names if name not in self._repeated]
        if self._peek_block() is None:
            return {name: [] for name in names}
        data = b"".join(block.data for block in self._queue if not block.error)
        table, _, _ = self._parse(data, dict.fromkeys(names, pa.binary()))
        values = table.slice(self._layout.units, SAMPLE_SIZE)
        return {name: decode_text(values.column(name).combine_chunks()).to_pylist() for name in names}

    def _recognise_numerals(self, dialect: Dialect) -> Recognised:
        """Return how numbers are written, and what the user must say about columns, by column."""
        columns = {name: [text or "" for text in texts] for name, texts in self._samples.items()}
        found = recognise_numerals(columns, dialect.decimal, dialect.thousands, self._separator)
        if not found.is_certain and self._separator == ";" and self._is_live:
            raise ConnectorError(
                f"{self._stream.name}: no number with decimals has been read yet: set decimal to . or ,"
            )
        return found

    def _read_header(self) -> list[str]:
        block = self._next_block()
        while block is not None and block.data and not block.error and not block.data.strip(b"\r\n"):
            block = self._next_block()
        if block is None or not block.data:
            raise ConnectorError(f"{self.path}: is empty, a header with column names is needed")
        if block.error:
            raise ConnectorError(f"{self.path}: header: {block.error}")
        blank = len(block.data) - len(block.data.lstrip(b"\r\n"))
        end = blank + first_record_end(block.data[blank:], self._separator, self._quote)
        if end < len(block.data):
            line = block.line + count_lines(block.data[:end])
            self._queue.appendleft(RecordBlock(block.data[end:], line=line))
        header = block.data[blank:end].decode(errors="replace").rstrip("\r\n")
        if self._layout.header_mark:
            header = header.removeprefix(self._layout.header_mark)
        if self._separator == SPACES:
            header = _RUN.sub(b" ", header.strip().encode()).decode()
        names = [name.strip() for name in next(csv.reader([header], delimiter=self._separator, quotechar=self._quote))]
        if self._layout.header_mark and not names[0]:
            names[0] = self._layout.header_mark
        _check_header(self._stream.name, names)
        return _complete(names, self._layout)

    def _decode(self, data: bytes, roles: ColumnRoles) -> Decoded:
        types = _types(roles, self._grouped)
        try:
            parsed = self._parse(data, types, _common_texts(roles))
        except pa.ArrowInvalid:
            parsed = self._parse(data, dict.fromkeys(types, pa.binary()))
        table, records, refused = parsed
        arrays = {name: table.column(name).combine_chunks() for name in types}
        return Decoded(decode_columns(arrays, roles, table.num_rows, self._numerals), records, refused)

    def _parse(
        self, data: bytes, types: Mapping[str, pa.DataType], missing_texts: Iterable[str] = ()
    ) -> tuple[pa.Table, NDArray[np.int64], dict[int, str]]:
        """Parse complete records; `missing_texts` are missing values in columns of numbers.

        Returns
        -------
        table : (N, columns)
            The records that are rows.
        records : (N,)
            The record of each row.
        refused : dict of int to str
            Why the other records are not rows: comments, and those with too few or too many fields.
        """
        wrong: dict[int, str] = {}
        data = _as_utf8(data)
        data, lines, refused = self._without_comments(data)
        if self._separator == SPACES:
            data = _single_spaces(data, self._quote.encode())
        if data.startswith(codecs.BOM_UTF8):
            data = b"\n" + data  # Arrow drops a byte order mark at the start, though the file does not begin here

        def refuse(row: arrow_csv.InvalidRow) -> str:
            wrong[row.number - 1] = f"expected {row.expected_columns} fields, got {row.actual_columns}"
            return "skip"

        table = arrow_csv.read_csv(
            pa.BufferReader(data),
            # With threads, the number of a refused row is not known.
            read_options=arrow_csv.ReadOptions(column_names=self._fields, block_size=len(data) + 1, use_threads=False),
            parse_options=arrow_csv.ParseOptions(
                delimiter=self._separator,
                quote_char=self._quote,
                newlines_in_values=self._quote.encode() in data,
                invalid_row_handler=refuse,
            ),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict(types),
                include_columns=list(types),
                null_values=[*MISSING, *missing_texts],
                strings_can_be_null=False,
                decimal_point=self._numerals.decimal,
            ),
        )
        if lines is None:
            lines = np.arange(table.num_rows + len(wrong), dtype=np.int64)
        refused |= {int(lines[row]): reason for row, reason in wrong.items()}
        return table, np.delete(lines, list(wrong)) if wrong else lines, refused

    def _without_comments(self, data: bytes) -> tuple[bytes, NDArray[np.int64] | None, dict[int, str]]:
        """Return the records that are not comments, which records these are (None for all), and the comments."""
        mark = self._layout.comment.encode()
        if not mark or not (data.startswith(mark) or b"\n" + mark in data or b"\r" + mark in data):
            return data, None, {}
        ends = record_ends(data, self._separator, self._quote)
        if ends is not None:
            starts = np.append(0, ends[:-1])
            maybe = np.flatnonzero(np.frombuffer(data, np.uint8)[starts] == mark[0])
            comments = [i for i in maybe.tolist() if data.startswith(mark, starts[i])]
            edges = [0, *(edge for i in comments for edge in (starts[i], ends[i])), len(data)]
            rest = b"".join(data[start:end] for start, end in zip(edges[::2], edges[1::2], strict=True))
            return rest, np.delete(np.arange(len(ends)), comments), dict.fromkeys(comments, COMMENT_LINE)
        records = split_records(data, self._separator, self._quote)
        comments = [i for i, record in enumerate(records) if record.startswith(mark)]
        kept = np.delete(np.arange(len(records), dtype=np.int64), comments)
        return b"\n".join(records[i] for i in kept) + b"\n", kept, dict.fromkeys(comments, COMMENT_LINE)


_LINE_END = re.compile(rb"\r\n|\r|\n")
_DAMAGED_NUMBER = re.compile(rf"[+-]?[0-9]{{1,3}}{DAMAGED}[0-9]{{3}}")
"""A number with a space between thousands that is not UTF-8."""
_RUN = re.compile(rb" +")


def _read_head(stream: ByteStream) -> tuple[bytes, bool]:
    """Return the first complete lines of a file, and whether these are all of it.

    Of a pipe two lines are enough, because the next one may take a minute.
    """
    minimum = MIN_LINES - 1 if stream.path == STDIN else MIN_LINES
    ended = False
    while not ended:
        head = stream.peek()
        lines = count_lines(head)
        if len(head) >= MAX_RECORD_BYTES or (lines >= minimum and (len(head) >= HEAD_BYTES or stream.path == STDIN)):
            break
        ended = not stream.peek_more()
    head = stream.peek()
    if ended and not stream.follow:
        return head, True
    # The rest depends on how the bytes arrive: the size of blocks, and what a pipe has.
    least = HEAD_BYTES
    for match in itertools.islice(_LINE_END.finditer(head), MIN_LINES):
        least = max(least, match.end())
    head = head[:least]
    return head[: max(head.rfind(b"\n"), head.rfind(b"\r", 0, -1)) + 1], False


def _single_spaces(data: bytes, quote: bytes) -> bytes:
    """Return records whose fields are separated by one space each."""
    if quote in data:
        fields = re.compile(rb"(Q[^Q]*Q)| +".replace(b"Q", quote))
        data = fields.sub(lambda match: match[1] or b" ", data)
    else:
        while b"  " in data:
            data = data.replace(b"  ", b" ")
    for edge in (b"\n ", b" \n", b"\r ", b" \r"):
        data = data.replace(edge, edge.strip(b" "))
    return data.strip(b" ")


def _complete(names: list[str], layout: Layout) -> list[str]:
    """Return the names of all columns of the records."""
    if layout.unnamed:
        return [*names[: layout.unnamed - 1], "", *names[layout.unnamed - 1 :]]
    return names[:-1] if layout.surplus else names


def _types(roles: ColumnRoles, grouped: frozenset[str]) -> dict[str, pa.DataType]:
    """Return the types that the columns are parsed as, by column; Arrow does not know signs between thousands."""
    types: dict[str, pa.DataType] = {name: pa.string() if name in grouped else pa.float64() for name in roles.columns}
    types |= dict.fromkeys(roles.words, KEY_TYPE)
    types |= dict.fromkeys((name for name in (roles.key, roles.tag) if name is not None), KEY_TYPE)
    for name in roles.time_parts:
        types[name] = pa.string()
    if roles.time is not None and not roles.time_parts:
        numeric = roles.numeric_time and (roles.time_format == "auto" or roles.time_format in UNITS)
        types[roles.time] = pa.float64() if numeric else pa.string()
    if roles.end is not None:
        types[roles.end] = pa.string()
    return types


def _common_texts(roles: ColumnRoles) -> frozenset[str]:
    """Return the texts that stand for a missing value in every column of numbers; these can be passed to Arrow."""
    texts = [roles.missing_in(name).texts for name in roles.columns if name not in roles.words]
    return frozenset[str].intersection(*texts) if texts else frozenset()


def _as_utf8(data: bytes) -> bytes:
    """Replace bytes that are not UTF-8 by U+FFFD: Arrow cannot pass on a refused row that is not text."""
    try:
        if not data.isascii():
            data.decode()
    except UnicodeDecodeError:
        return data.decode(errors="replace").encode()
    return data


def _check_header(path: str, names: list[str]) -> None:
    if any("\0" in name for name in names):
        raise ConnectorError(
            f"{path}: the header has NUL characters: is this a text file? If it is UTF-16, set encoding to utf-16-"
            f"{'be' if names[0].startswith(chr(0)) else 'le'}"
        )
    if damaged := [name for name in names if "\ufffd" in name]:
        raise ConnectorError(f"{path}: column {damaged[0]!r} is not UTF-8: set encoding, mostly to cp1252")
