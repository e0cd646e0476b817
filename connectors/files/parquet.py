"""Parquet: batches of rows; a damaged file is refused by name, and never read short without notice."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from stream_rnn.connectors.closeable import Closeable
from stream_rnn.connectors.decode.arrow_columns import sample_of
from stream_rnn.connectors.decode.arrow_text import is_text
from stream_rnn.connectors.decode.detect import SAMPLE_SIZE
from stream_rnn.connectors.errors import ConnectorError
from stream_rnn.connectors.files.arrow_rows import check_key, chunk_of
from stream_rnn.connectors.files.byte_stream import open_binary
from stream_rnn.connectors.files.reader import check_unique, passes_of, too_short
from stream_rnn.errors import require

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import BinaryIO

    import pyarrow as pa
    import pyarrow.parquet as pq

    from stream_rnn.connectors.decode.detect import ColumnSample
    from stream_rnn.connectors.decode.local_times import Passes
    from stream_rnn.connectors.files.reader import Chunk, Start
else:
    pa, pq = require("pyarrow", "files"), require("pyarrow.parquet", "files")

BATCH_ROWS = 1 << 16
"""Rows that are decoded at once."""
DAMAGE = (pa.ArrowException, OSError, ValueError, OverflowError, MemoryError)
"""What Arrow raises for damaged files, among it names that are not UTF-8, and sizes that cannot be allocated."""


class ParquetReader(Closeable):
    """Reads one Parquet file.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    ConnectorError
        If it is not a complete Parquet file, or names a column twice.

    Notes
    -----
    Checksums of pages are verified where a file has them. Text that is not UTF-8 is read as in CSV: as U+FFFD.

    Examples
    --------
    >>> pq.write_table(pa.table({"x": [1.0, 2.0]}), "a.parquet")
    >>> with ParquetReader("a.parquet") as reader:
    ...     list(reader.sample())
    ['x']
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.recognised: tuple[str, ...] = ()
        self._raw = open_binary(path)
        self._size = os.fstat(self._raw.fileno()).st_size
        try:
            self._file = _open(path, self._raw, self._size)
        except BaseException:
            self._raw.close()
            raise
        self._rows = self._file.metadata.num_rows
        self._batches: Iterator[pa.RecordBatch] = iter(())
        self._next = 0
        self._start: Start | None = None
        self._passes: Passes | None = None

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self._size

    @property
    def bytes_read(self) -> int:
        """Share of the rows that have been read, in bytes of the file."""
        return self._size * min(self._next, self._rows) // self._rows if self._rows else self._size

    def sample(self) -> Mapping[str, ColumnSample]:
        """Return the first values of every column, without consuming them."""
        with self._naming_damage():
            batch = next(map(_checked, self._file.iter_batches(batch_size=SAMPLE_SIZE)), None)
        if batch is None:
            return {field.name: sample_of(pa.nulls(0, field.type)) for field in self._file.schema_arrow}
        return {name: sample_of(column) for name, column in zip(batch.schema.names, batch.columns, strict=True)}

    def start(self, start: Start) -> None:
        """Say which column is what, and where to start; must be called before `read`.

        Raises
        ------
        ConnectorError
            If the file ends before the record to start at, or the key is neither text nor a number.
        """
        check_key(self.path, self._file.schema_arrow, start.roles.key)
        metadata = self._file.metadata
        if start.record > self._rows:
            raise too_short(self.path, self._rows, start.record)
        self._passes = passes_of(start.roles)
        group = 0
        while (
            self._passes is None
            and group < metadata.num_row_groups
            and self._next + metadata.row_group(group).num_rows <= start.record
        ):
            self._next += metadata.row_group(group).num_rows
            group += 1
        self._start = start
        with self._naming_damage():
            self._batches = self._file.iter_batches(
                batch_size=BATCH_ROWS,
                row_groups=list(range(group, metadata.num_row_groups)),
                columns=list(start.roles.read),
            )

    def read(self) -> Chunk | None:
        """Return the next chunk, None at the end.

        Raises
        ------
        ConnectorError
            If the file is damaged, or has other rows than its footer says.
        """
        if self._start is None:
            raise RuntimeError("start must be called before read")
        with self._naming_damage():
            batch = next(map(_checked, self._batches), None)
        if batch is None:
            if self._next != self._rows:
                raise ConnectorError(
                    f"{self.path}: is damaged: has {self._next:,} rows, its footer says {self._rows:,}"
                )
            return None
        first, self._next = self._next, self._next + batch.num_rows
        return chunk_of(self.path, batch, first, self._start, self._passes)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        self._raw.close()

    @contextmanager
    def _naming_damage(self) -> Iterator[None]:
        """Turn whatever Arrow raises for a damaged file into an error with its name, and how far it has been read."""
        try:
            yield
        except DAMAGE as error:
            read = f" after {self._next:,} rows" if self._next else ""
            raise ConnectorError(f"{self.path}: is damaged{read}: {_first_line(error)}") from error


def _open(path: str, raw: BinaryIO, size: int) -> pq.ParquetFile:
    """Open a complete Parquet file with distinct column names."""
    if not size:
        raise ConnectorError(f"{path}: is empty")
    try:
        file = pq.ParquetFile(raw, page_checksum_verification=True)
        names, metadata = file.schema_arrow.names, file.metadata
        rows = [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]
    except DAMAGE as error:
        raise ConnectorError(f"{path}: is not a complete Parquet file: {_first_line(error)}") from error
    if sum(rows) != metadata.num_rows or min(rows, default=0) < 0:
        raise ConnectorError(f"{path}: is damaged: its row groups have {sum(rows):,} rows, not {metadata.num_rows:,}")
    check_unique(path, names)
    return file


def _checked(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return rows whose text is UTF-8: Arrow does not check it, and fails where it is used."""
    columns = [_as_utf8(column) if is_text(column.type) else column for column in batch.columns]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def _as_utf8(column: pa.Array) -> pa.Array:
    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        if pa.types.is_dictionary(column.type):
            column = column.dictionary_decode()
        column.cast(pa.binary()).validate(full=True)  # what is damaged beyond the text is an error
        texts = [
            None if value is None else value.decode(errors="replace") for value in column.cast(pa.binary()).to_pylist()
        ]
        return pa.array(texts, pa.string())
    return column


def _first_line(error: BaseException) -> str:
    return str(error).strip().split("\n", 1)[0]
