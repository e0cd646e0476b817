"""CSV and TSV: a block of records is parsed at once; only a block with a bad value is read again as text."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv

from stream_rnn.connectors.decode.decoding import decode
from stream_rnn.connectors.decode.schema import SAMPLE
from stream_rnn.connectors.decode.values import MISSING
from stream_rnn.connectors.errors import ConnectorError
from stream_rnn.connectors.files.framing import OPEN_QUOTE, Block, first_record
from stream_rnn.connectors.files.reader import Decoded, TextReader

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stream_rnn.connectors.decode.schema import Roles
    from stream_rnn.connectors.files.byte_stream import ByteStream

_KEY = pa.dictionary(pa.int32(), pa.string())  # one Python string per stream and block, not one per event


class CsvReader(TextReader):
    """Read a CSV file with a header.

    Parameters
    ----------
    stream : ByteStream
    delimiter : str
        Between fields.

    Raises
    ------
    ConnectorError
        When there is no header, or it names a column twice.
    """

    def __init__(self, stream: ByteStream, delimiter: str = ",") -> None:
        super().__init__(stream, delimiter)
        self._comma = delimiter
        self.names = self._header()

    def _header(self) -> list[str]:
        block = self._block()
        while block is not None and block.data and not block.reason and not block.data.strip(b"\r\n"):
            block = self._block()
        if block is None or not block.data:
            raise ConnectorError(f"{self.path}: is empty, a header with column names is needed")
        if block.reason:
            raise ConnectorError(f"{self.path}: header: {OPEN_QUOTE}")
        data = block.data.lstrip(b"\r\n")
        end = first_record(data, self._comma)
        text = data[:end].decode(errors="replace").rstrip("\r\n")
        names = [name.strip() for name in next(csv.reader([text], delimiter=self._comma))]
        if end < len(data):
            self._waiting.appendleft(Block(data[end:]))
        if len(names) == 1:
            _check_delimiter(self.path, names[0])
        _check_header(self.path, names)
        return names

    def sample(self) -> Mapping[str, pa.Array]:
        """Give the first values of every column as text."""
        block = self._peek()
        if block is None:
            return {name: pa.nulls(0) for name in self.names}
        table, _ = self._parse(block.data, dict.fromkeys(self.names, pa.binary()))
        return {name: table.column(name).slice(0, SAMPLE).combine_chunks() for name in self.names}

    def _decode(self, data: bytes, roles: Roles) -> Decoded:
        kinds: dict[str, pa.DataType] = dict.fromkeys(roles.columns, pa.float64())
        if roles.key is not None:
            kinds[roles.key] = _KEY
        if roles.time is not None:
            numeric = roles.numeric_time and roles.time_format != "iso"
            kinds[roles.time] = pa.float64() if numeric else pa.string()
        if roles.end is not None:
            kinds[roles.end] = pa.string()
        try:
            table, refused = self._parse(data, kinds)
        except pa.ArrowInvalid:
            table, refused = self._parse(data, dict.fromkeys(kinds, pa.binary()))
        arrays = {name: table.column(name).combine_chunks() for name in kinds}
        records = np.arange(table.num_rows + len(refused), dtype=np.int64)
        if refused:
            records = np.delete(records, list(refused))
        return Decoded(decode(arrays, roles, table.num_rows), records, refused)

    def _parse(self, data: bytes, kinds: Mapping[str, pa.DataType]) -> tuple[pa.Table, dict[int, str]]:
        """Parse whole records; rows with too few or too many fields are told apart by their number."""
        refused: dict[int, str] = {}
        data = _utf8(data)

        def ragged(row: arrow_csv.InvalidRow) -> str:
            refused[row.number - 1] = f"expected {row.expected_columns} fields, got {row.actual_columns}"
            return "skip"

        table = arrow_csv.read_csv(
            pa.BufferReader(data),
            # Without threads, or a ragged row's number is not known.
            read_options=arrow_csv.ReadOptions(column_names=self.names, block_size=len(data) + 1, use_threads=False),
            parse_options=arrow_csv.ParseOptions(
                delimiter=self._comma, newlines_in_values=b'"' in data, invalid_row_handler=ragged
            ),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict(kinds),
                include_columns=list(kinds),
                null_values=list(MISSING),
                strings_can_be_null=False,
            ),
        )
        return table, refused


def _utf8(data: bytes) -> bytes:
    """Replace what is not UTF-8 by U+FFFD: Arrow cannot hand over a ragged row that is not text."""
    try:
        if not data.isascii():
            data.decode()
    except UnicodeDecodeError:
        return data.decode(errors="replace").encode()
    return data


def _check_delimiter(path: str, header: str) -> None:
    """Refuse what is one column only because another character stands between the fields."""
    if "\t" in header:
        raise ConnectorError(f"{path}: fields are separated by tabs, tell the format: tsv")
    if ";" in header:
        raise ConnectorError(f"{path}: fields are separated by semicolons, commas are needed")


def _check_header(path: str, names: list[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ConnectorError(f"{path}: column {name!r} stands twice in the header")
        seen.add(name)
    if all(_is_number(name) for name in names):
        shown = ", ".join(names[:5])
        raise ConnectorError(f"{path}: the first line has only numbers ({shown}), a header with names is needed")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
