"""Parquet: batches of rows; an incomplete file is refused by name."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from stream_rnn.connectors.closeable import Closeable
from stream_rnn.connectors.decode.arrow_columns import decode_columns, sample_of
from stream_rnn.connectors.decode.columns import Decoded
from stream_rnn.connectors.decode.detect import SAMPLE_SIZE
from stream_rnn.connectors.decode.isolate import decode_isolated
from stream_rnn.connectors.errors import ConnectorError
from stream_rnn.connectors.events import DeadLetter
from stream_rnn.connectors.files.byte_stream import open_binary
from stream_rnn.connectors.files.reader import Chunk, check_unique, too_short, usable_events, usable_values
from stream_rnn.errors import require

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import BinaryIO

    import pyarrow as pa
    import pyarrow.parquet as pq

    from stream_rnn.connectors.decode.detect import ColumnSample
    from stream_rnn.connectors.decode.schema import ColumnRoles
    from stream_rnn.connectors.files.reader import Start
else:
    pa, pq = require("pyarrow", "files"), require("pyarrow.parquet", "files")

BATCH_ROWS = 1 << 16
"""Rows that are decoded at once."""


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

    Examples
    --------
    >>> pq.write_table(pa.table({"x": [1.0, 2.0]}), "a.parquet")
    >>> with ParquetReader("a.parquet") as reader:
    ...     list(reader.sample())
    ['x']
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._raw = open_binary(path)
        self._size = os.fstat(self._raw.fileno()).st_size
        try:
            self._file = _open(path, self._raw, self._size)
        except BaseException:
            self._raw.close()
            raise
        self._batches: Iterator[pa.RecordBatch] = iter(())
        self._next = 0
        self._start: Start | None = None

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self._size

    @property
    def bytes_read(self) -> int:
        """Share of the rows that have been read, in bytes of the file."""
        rows = self._file.metadata.num_rows
        return self._size * min(self._next, rows) // rows if rows else self._size

    def sample(self) -> Mapping[str, ColumnSample]:
        """Return the first values of every column, without consuming them."""
        batch = self._next_batch(self._file.iter_batches(batch_size=SAMPLE_SIZE))
        if batch is None:
            return {field.name: sample_of(pa.nulls(0, field.type)) for field in self._file.schema_arrow}
        return {name: sample_of(column) for name, column in zip(batch.schema.names, batch.columns, strict=True)}

    def start(self, start: Start) -> None:
        """Say which column is what, and where to start; must be called before `read`.

        Raises
        ------
        ConnectorError
            If the file ends before the record to start at.
        """
        metadata = self._file.metadata
        if start.record > metadata.num_rows:
            raise too_short(self.path, metadata.num_rows, start.record)
        group = 0
        while group < metadata.num_row_groups and self._next + metadata.row_group(group).num_rows <= start.record:
            self._next += metadata.row_group(group).num_rows
            group += 1
        self._start = start
        self._batches = self._file.iter_batches(
            batch_size=BATCH_ROWS,
            row_groups=list(range(group, metadata.num_row_groups)),
            columns=list(start.roles.read),
        )

    def read(self) -> Chunk | None:
        """Return the next chunk, None at the end."""
        if self._start is None:
            raise RuntimeError("start must be called before read")
        batch = self._next_batch(self._batches)
        if batch is None:
            return None
        roles = self._start.roles
        columns, rows, refused = decode_isolated(batch, partial(_decode, roles=roles), _halves, roles.columns)
        first, self._next = self._next, self._next + batch.num_rows
        events = usable_events(columns, first + rows, self._start)
        reasons = refused | {int(rows[row]): reason for row, reason in columns.reasons.items()}
        dead_letters = [
            DeadLetter.of(self.path, first + row, reasons[row], str(batch.slice(row, 1).to_pylist()[0]))
            for row in sorted(reasons)
            if first + row >= self._start.record
        ]
        bad_values = usable_values(columns, self.path, first + rows, self._start)
        return Chunk(events, dead_letters, first, self._next, bad_values)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        self._raw.close()

    def _next_batch(self, batches: Iterator[pa.RecordBatch]) -> pa.RecordBatch | None:
        try:
            return next(batches, None)
        except (pa.ArrowException, OSError) as error:
            raise ConnectorError(f"{self.path}: is damaged: {_first_line(error)}") from error


def _decode(batch: pa.RecordBatch, roles: ColumnRoles) -> Decoded:
    arrays = dict(zip(batch.schema.names, batch.columns, strict=True))
    columns = decode_columns(arrays, roles, batch.num_rows)
    return Decoded(columns, np.arange(batch.num_rows, dtype=np.int64), {})


def _halves(batch: pa.RecordBatch) -> list[pa.RecordBatch]:
    """Return the halves of a batch; fewer if it has fewer than two rows."""
    middle = batch.num_rows // 2
    return [batch.slice(0, middle), batch.slice(middle)] if middle else [batch]


def _open(path: str, raw: BinaryIO, size: int) -> pq.ParquetFile:
    """Open a complete Parquet file with distinct column names."""
    if not size:
        raise ConnectorError(f"{path}: is empty")
    try:
        file = pq.ParquetFile(raw)
    except (pa.ArrowException, OSError) as error:
        raise ConnectorError(f"{path}: is not a complete Parquet file: {_first_line(error)}") from error
    check_unique(path, file.schema_arrow.names)
    return file


def _first_line(error: BaseException) -> str:
    return str(error).strip().split("\n", 1)[0]
