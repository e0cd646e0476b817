"""Parquet results: a file that appears when it is whole, or a folder of files that can be cut back."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from stream_rnn.connectors.closing import Closing
from stream_rnn.connectors.errors import ConnectorError, UsageError
from stream_rnn.connectors.files import rendering

if TYPE_CHECKING:
    from stream_rnn.connectors.files.rendering import Rows

ROW_GROUP = 1 << 17  # rows: groups of some megabytes read fast, smaller ones cost more metadata than they save


class ParquetFileSink(Closing):
    """Write one Parquet file: beside its name with ".partial" until closed, then under its name.

    Leaving it by an exception does the same: what was written is whole.

    Parameters
    ----------
    path : str
    time : str or None
        Column that is written as a timestamp.
    """

    def __init__(self, path: str, *, time: str | None) -> None:
        self._path = path
        self._partial = f"{path}.partial"
        self._time = time
        self._writer: Any = None
        self._schema: pa.Schema | None = None
        self._waiting: list[pa.Table] = []
        self._rows = 0
        self._durable = 0
        self._closed = False
        if Path(path).is_dir():
            raise UsageError(f"{path}: is a directory; {path}/ writes numbered files into it")
        if not Path(path).absolute().parent.is_dir():
            raise ConnectorError(f"{path}: cannot be written: no folder {str(Path(path).parent)!r}")

    @property
    def rows(self) -> int:
        """Rows written so far, durable or not."""
        return self._rows

    def write(self, rows: Rows) -> None:
        """Append rows: a table, or equally long arrays by name.

        Raises
        ------
        ConnectorError
            When the columns are not those of the rows before.
        """
        table = rendering.table_of(rows, self._time)
        if self._schema is None:
            self._schema = table.schema
        elif table.schema.names != self._schema.names:
            raise ConnectorError(f"{self._path}: has columns {self._schema.names}, got {table.schema.names}")
        try:
            self._waiting.append(table.cast(self._schema))
        except pa.ArrowException as error:
            raise ConnectorError(f"{self._path}: rows change their type: {error}") from error
        self._rows += table.num_rows
        if sum(waiting.num_rows for waiting in self._waiting) >= ROW_GROUP:
            self._write_groups(final=False)

    def flush(self) -> None:
        """Do nothing: a Parquet file is durable only as a whole, when it is closed."""

    def position(self) -> int:
        """Give the rows that are durable: none before it is closed."""
        return self._durable

    def close(self) -> None:
        """Finish the file and give it its name; without rows there is no file."""
        if self._closed:
            return
        self._closed = True
        self._write_groups(final=True)
        if self._writer is None:
            return
        try:
            self._writer.close()
            with Path(self._partial).open("rb") as file:
                os.fsync(file.fileno())
            Path(self._partial).replace(self._path)
        except OSError as error:
            raise ConnectorError(f"{self._path}: cannot be written: {error.strerror or error}") from error
        self._durable = self._rows

    def _write_groups(self, *, final: bool) -> None:
        """Write whole row groups, at the end also the last, smaller one."""
        if not self._waiting:
            return
        table = pa.concat_tables(self._waiting)
        whole = table.num_rows if final else table.num_rows - table.num_rows % ROW_GROUP
        self._waiting = [table.slice(whole)]
        table = table.slice(0, whole)
        try:
            if self._writer is None:
                self._writer = pq.ParquetWriter(self._partial, table.schema)
            self._writer.write_table(table, row_group_size=ROW_GROUP)
        except OSError as error:
            raise ConnectorError(f"{self._path}: cannot be written: {error.strerror or error}") from error


class ParquetFolderSink(Closing):
    """Write a folder of numbered Parquet files, each ended by a flush.

    Parameters
    ----------
    folder : str
        Made when it is not there.
    at : int, optional
        Whole files to keep; later ones are removed. None keeps none.
    time : str or None
        Column that is written as a timestamp.
    """

    def __init__(self, folder: str, *, at: int | None, time: str | None) -> None:
        self._folder = Path(folder)
        self._time = time
        self._done = at or 0
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            whole = sorted(self._folder.glob("part-*.parquet"))
            if len(whole) < self._done:
                raise ConnectorError(f"{folder}: has {len(whole)} files, cannot go on at {self._done}")
            for late in [*whole[self._done :], *self._folder.glob("part-*.parquet.partial")]:
                late.unlink()
        except OSError as error:
            raise ConnectorError(f"{folder}: cannot be written: {error.strerror}") from error
        self._part = self._next_part()

    def write(self, rows: Rows) -> None:
        """Append rows: a table, or equally long arrays by name."""
        self._part.write(rows)

    def flush(self) -> None:
        """End the file in hand: what is written after goes to the next."""
        if self._part.rows:
            self._part.close()
            self._done += 1
            self._part = self._next_part()

    def position(self) -> int:
        """Give the number of whole files."""
        return self._done

    def close(self) -> None:
        """End the file in hand."""
        self.flush()

    def _next_part(self) -> ParquetFileSink:
        return ParquetFileSink(str(self._folder / f"part-{self._done:06d}.parquet"), time=self._time)
