"""Parquet: row groups in batches; a file that is not whole is refused by name."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stream_rnn.connectors.decode.decoding import decode
from stream_rnn.connectors.decode.schema import SAMPLE
from stream_rnn.connectors.errors import ConnectorError
from stream_rnn.connectors.events import DeadLetter, EventBatch, Positions
from stream_rnn.connectors.files.byte_stream import open_binary
from stream_rnn.connectors.files.reader import Chunk

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import BinaryIO

    from stream_rnn.connectors.decode.schema import Roles

ROWS = 1 << 16  # rows decoded at once


class ParquetReader:
    """Read one Parquet file.

    Parameters
    ----------
    path : str

    Raises
    ------
    ConnectorError
        When it is not a whole Parquet file, or names a column twice.
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
        self._skip = 0
        self._index = 0
        self._roles: Roles | None = None

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self._size

    @property
    def bytes_read(self) -> int:
        """The share of the rows that has been read, in bytes of the file."""
        rows = self._file.metadata.num_rows
        return self._size * min(self._next, rows) // rows if rows else self._size

    def sample(self) -> Mapping[str, pa.Array]:
        """Give the first values of every column, typed as in the file."""
        batch = self._read(self._file.iter_batches(batch_size=SAMPLE))
        if batch is None:
            return {field.name: pa.nulls(0, field.type) for field in self._file.schema_arrow}
        return dict(zip(batch.schema.names, batch.columns, strict=True))

    def begin(self, roles: Roles, file: int, record: int) -> None:
        """Say what each column is, the file's index in the source, and the first record that is wanted."""
        metadata = self._file.metadata
        if record > metadata.num_rows:
            raise ConnectorError(
                f"{self.path}: has {metadata.num_rows:,} records, but reading is to go on at record {record:,}"
            )
        group = 0
        while group < metadata.num_row_groups and self._next + metadata.row_group(group).num_rows <= record:
            self._next += metadata.row_group(group).num_rows
            group += 1
        self._roles, self._index, self._skip = roles, file, record
        self._batches = self._file.iter_batches(
            batch_size=ROWS, row_groups=list(range(group, metadata.num_row_groups)), columns=list(roles.read)
        )

    def read(self) -> Chunk | None:
        """Give the next chunk, None at the end."""
        if self._roles is None:
            raise RuntimeError("begin must be called before read")
        batch = self._read(self._batches)
        if batch is None:
            return None
        arrays = dict(zip(batch.schema.names, batch.columns, strict=True))
        columns = decode(arrays, self._roles, batch.num_rows)
        first, self._next = self._next, self._next + batch.num_rows
        records = np.arange(first, self._next, dtype=np.int64)
        positions = Positions(np.full(len(records), self._index, np.int32), records)
        events = EventBatch(columns.keys, columns.times, columns.inputs, columns.ends, positions)
        if columns.reasons or first < self._skip:
            good = records >= self._skip
            good[list(columns.reasons)] = False
            events = events[good]
        dead = [
            DeadLetter.of(self.path, first + row, columns.reasons[row], str(batch.slice(row, 1).to_pylist()[0]))
            for row in sorted(columns.reasons)
            if first + row >= self._skip
        ]
        return Chunk(events, dead, first, self._next)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        self._raw.close()

    def _read(self, batches: Iterator[pa.RecordBatch]) -> pa.RecordBatch | None:
        try:
            return next(batches, None)
        except (pa.ArrowException, OSError) as error:
            raise ConnectorError(f"{self.path}: is damaged: {_line(error)}") from error


def _open(path: str, raw: BinaryIO, size: int) -> pq.ParquetFile:
    """Open a whole Parquet file with distinct column names."""
    if not size:
        raise ConnectorError(f"{path}: is empty")
    try:
        file = pq.ParquetFile(raw)
    except (pa.ArrowException, OSError) as error:
        raise ConnectorError(f"{path}: is not a whole Parquet file: {_line(error)}") from error
    names = file.schema_arrow.names
    for name in names:
        if names.count(name) > 1:
            raise ConnectorError(f"{path}: column {name!r} stands twice in the schema")
    return file


def _line(error: BaseException) -> str:
    return str(error).strip().split("\n", 1)[0]
