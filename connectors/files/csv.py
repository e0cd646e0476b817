"""CSV and TSV: a block of records is parsed as numbers at once; only a block with a bad value is parsed as text."""

from __future__ import annotations

import codecs
import csv
from collections import deque
from typing import TYPE_CHECKING

import numpy as np

from stream_rnn.connectors.decode.arrow_columns import decode_columns, sample_of
from stream_rnn.connectors.decode.columns import Decoded
from stream_rnn.connectors.decode.detect import SAMPLE_SIZE, TextSample
from stream_rnn.connectors.decode.values import MISSING
from stream_rnn.connectors.errors import ConnectorError
from stream_rnn.connectors.files.framing import RecordBlock, RecordSplitter, count_lines, first_record_end
from stream_rnn.connectors.files.quoting import FIELD_SIZE_LIMIT, FieldRules
from stream_rnn.connectors.files.reader import TextReader, check_unique
from stream_rnn.errors import require

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa
    import pyarrow.csv as arrow_csv

    from stream_rnn.connectors.decode.detect import ColumnSample
    from stream_rnn.connectors.decode.schema import ColumnRoles
    from stream_rnn.connectors.files.byte_stream import ByteStream
    from stream_rnn.connectors.files.reader import Start
else:
    pa, arrow_csv = require("pyarrow", "files"), require("pyarrow.csv", "files")

KEY_TYPE = pa.dictionary(pa.int32(), pa.string())
"""Dictionary-encoded text: one Python string per stream and block, not one per event."""


class CsvReader(TextReader):
    """Reads a CSV file with a header.

    Parameters
    ----------
    stream
        The bytes of the file; closed with the reader.
    delimiter
        Delimiter of the fields.
    field_size_limit
        Bytes of the longest field; a record with a longer one is refused.

    Raises
    ------
    ConnectorError
        If there is no header, or it names a column twice.

    Examples
    --------
    >>> import io
    >>> from stream_rnn.connectors.files.byte_stream import ByteStream
    >>> CsvReader(ByteStream("-", stdin=io.BytesIO(b"a,b"))).names
    ['a', 'b']
    """

    def __init__(self, stream: ByteStream, delimiter: str = ",", *, field_size_limit: int = FIELD_SIZE_LIMIT) -> None:
        self._rules = FieldRules(field_size_limit)
        super().__init__(stream, RecordSplitter(stream.path, delimiter, self._rules), delimiter)
        self._separator = delimiter
        self.names = self._read_header()

    def start(self, start: Start) -> None:
        """Say which column is what, and where to start; must be called before `read`."""
        super().start(start)
        # What has been read to detect the columns was split without knowing which fields must not span lines.
        rules = self._rules._replace(names=tuple(self.names), one_line=frozenset(start.roles.read))
        self._queue = deque(self._splitter.split_again(self._queue, rules, final=self._ended))

    def sample(self) -> Mapping[str, ColumnSample]:
        """Return the first values of every column, as text, without consuming them."""
        if self._peek_block() is None:
            return {name: TextSample([]) for name in self.names}
        data = b"".join(block.data for block in self._queue if not block.error)
        table, _ = self._parse(data, dict.fromkeys(self.names, pa.binary()))
        return {name: sample_of(table.column(name).slice(0, SAMPLE_SIZE).combine_chunks()) for name in self.names}

    def _read_header(self) -> list[str]:
        block = self._next_block()
        while block is not None and block.data and not block.error and not block.data.strip(b"\r\n"):
            block = self._next_block()
        if block is None or not block.data:
            raise ConnectorError(f"{self.path}: is empty, a header with column names is needed")
        if block.error:
            raise ConnectorError(f"{self.path}: header: {block.error}")
        blank = len(block.data) - len(block.data.lstrip(b"\r\n"))
        end = blank + first_record_end(block.data[blank:], self._separator)
        if end < len(block.data):
            line = block.line + count_lines(block.data[:end])
            self._queue.appendleft(RecordBlock(block.data[end:], line=line))
        header = block.data[blank:end].decode(errors="replace").rstrip("\r\n")
        names = [name.strip() for name in next(csv.reader([header], delimiter=self._separator))]
        _check_header(self.path, names)
        return names

    def _decode(self, data: bytes, roles: ColumnRoles) -> Decoded:
        types = _types(roles)
        try:
            table, refused = self._parse(data, types)
        except pa.ArrowInvalid:
            table, refused = self._parse(data, dict.fromkeys(types, pa.binary()))
        arrays = {name: table.column(name).combine_chunks() for name in types}
        records = np.arange(table.num_rows + len(refused), dtype=np.int64)
        if refused:
            records = np.delete(records, list(refused))
        return Decoded(decode_columns(arrays, roles, table.num_rows), records, refused)

    def _parse(self, data: bytes, types: Mapping[str, pa.DataType]) -> tuple[pa.Table, dict[int, str]]:
        """Return the columns of complete records, and why rows with too few or too many fields are refused."""
        refused: dict[int, str] = {}
        data = _as_utf8(data)
        if data.startswith(codecs.BOM_UTF8):
            data = b"\n" + data  # Arrow drops a byte order mark at the start, though the file does not begin here

        def refuse(row: arrow_csv.InvalidRow) -> str:
            refused[row.number - 1] = f"expected {row.expected_columns} fields, got {row.actual_columns}"
            return "skip"

        table = arrow_csv.read_csv(
            pa.BufferReader(data),
            # With threads, the number of a refused row is not known.
            read_options=arrow_csv.ReadOptions(column_names=self.names, block_size=len(data) + 1, use_threads=False),
            parse_options=arrow_csv.ParseOptions(
                delimiter=self._separator, newlines_in_values=b'"' in data, invalid_row_handler=refuse
            ),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict(types),
                include_columns=list(types),
                null_values=list(MISSING),
                strings_can_be_null=False,
            ),
        )
        return table, refused


def _types(roles: ColumnRoles) -> dict[str, pa.DataType]:
    """Return the types that the columns are parsed as, by column."""
    types: dict[str, pa.DataType] = dict.fromkeys(roles.columns, pa.float64())
    types |= dict.fromkeys((name for name in (roles.key, roles.tag) if name is not None), KEY_TYPE)
    if roles.time is not None:
        numeric = roles.numeric_time and roles.time_format != "iso"
        types[roles.time] = pa.float64() if numeric else pa.string()
    if roles.end is not None:
        types[roles.end] = pa.string()
    return types


def _as_utf8(data: bytes) -> bytes:
    """Replace bytes that are not UTF-8 by U+FFFD: Arrow cannot pass on a refused row that is not text."""
    try:
        if not data.isascii():
            data.decode()
    except UnicodeDecodeError:
        return data.decode(errors="replace").encode()
    return data


def _check_header(path: str, names: list[str]) -> None:
    if len(names) == 1 and "\t" in names[0]:
        raise ConnectorError(f"{path}: fields are separated by tabs, set the format to tsv")
    if len(names) == 1 and ";" in names[0]:
        raise ConnectorError(f"{path}: fields are separated by semicolons, commas are needed")
    check_unique(path, names)
    if any("\0" in name for name in names):
        raise ConnectorError(f"{path}: the header has NUL characters: is this a text file?")
    if all(_is_number(name) for name in names):
        first = ", ".join(names[:5])
        raise ConnectorError(f"{path}: the first line has only numbers ({first}), a header with names is needed")


def _is_number(name: str) -> bool:
    try:
        float(name)
    except ValueError:
        return False
    return True
