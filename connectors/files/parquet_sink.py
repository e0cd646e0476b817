"""Parquet sinks: a file that appears when it is complete, or a folder of files that can be continued."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stream_rnn.connectors.closeable import Closeable
from stream_rnn.connectors.durability import SUFFIX, Replacement, sync_folder
from stream_rnn.connectors.errors import ConnectorError, UsageError, writing
from stream_rnn.connectors.files.rendering import check_lengths, to_micros, to_texts
from stream_rnn.connectors.files.sink import check_same_columns
from stream_rnn.errors import require

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa
    import pyarrow.parquet as pq
    from numpy.typing import NDArray

    from stream_rnn.connectors.files.rendering import Rows
else:
    pa, pq = require("pyarrow", "files"), require("pyarrow.parquet", "files")

GROUP_ROWS = 1 << 17
"""Rows of a row group: groups of some megabytes are read fast, smaller ones cost more metadata than they save."""


class ParquetFileSink(Closeable):
    """Writes one Parquet file, which has the suffix ".partial" until it is closed.

    If the ``with`` block raises, the file is completed as well: the rows written so far are valid. If it cannot be
    written, it is removed.

    Parameters
    ----------
    path
        The file.
    time
        Column of seconds since 1970-01-01 UTC that is written as timestamps.

    Raises
    ------
    UsageError
        If the path is a directory, a pipe or a device.
    ConnectorError
        If its folder does not exist.

    Examples
    --------
    >>> import numpy as np
    >>> with ParquetFileSink("out.parquet", time="time") as sink:
    ...     sink.write({"time": np.array([0.5]), "x": np.array([1.0])})
    >>> pq.read_table("out.parquet").column("x").to_pylist()
    [1.0]
    """

    def __init__(self, path: str, *, time: str | None) -> None:
        self._path = path
        self._time = time
        self._file: Replacement | None = None
        self._writer: Any = None
        self._schema: pa.Schema | None = None
        self._pending: list[pa.Table] = []
        self._rows = 0
        self._durable = 0
        self._closed = False
        if Path(path).is_dir():
            raise UsageError(f"{path}: is a directory; {path}/ writes numbered files into it")
        if Path(path).exists() and not Path(path).is_file():
            raise UsageError(f"{path}: is not a regular file, and a Parquet file cannot be written to anything else")
        if not Path(path).absolute().parent.is_dir():
            raise ConnectorError(f"{path}: cannot be written: no folder {str(Path(path).parent)!r}")

    @property
    def rows(self) -> int:
        """Rows written so far, on the disk or not."""
        return self._rows

    def write(self, rows: Rows) -> None:
        """Append rows: equally long arrays by column.

        Raises
        ------
        ConnectorError
            If the columns are not those of the earlier rows, or differ in length, or the file cannot be written.
        """
        table = to_table(rows, self._time)
        if self._schema is None:
            self._schema = table.schema
        check_same_columns(self._path, self._schema.names, rows)
        try:
            self._pending.append(table.cast(self._schema))
        except pa.ArrowException as error:
            raise ConnectorError(f"{self._path}: columns change their type: {error}") from error
        self._rows += table.num_rows
        if sum(pending.num_rows for pending in self._pending) >= GROUP_ROWS:
            self._write_groups(final=False)

    def flush(self) -> None:
        """Do nothing: a Parquet file is only readable as a whole, when it is closed."""

    def position(self) -> int:
        """Return the rows that are safe on the disk: none before the file is closed."""
        return self._durable

    def close(self) -> None:
        """Complete the file and give it its name; without rows there is no file."""
        if self._closed:
            return
        self._closed = True
        self._write_groups(final=True)
        if self._file is None:
            return
        with self._writing(self._file):
            self._writer.close()
            self._file.commit()
        self._durable = self._rows

    @contextmanager
    def _writing(self, file: Replacement) -> Iterator[None]:
        """Name the file in errors, and remove it: without the rows that could not be written it is not valid."""
        try:
            with writing(self._path):
                yield
        except BaseException:
            self._closed = True
            self._pending = []
            if self._writer is not None:
                self._writer.is_open = False  # or its destructor would write to the file
            file.discard()
            raise

    def _write_groups(self, *, final: bool) -> None:
        """Write complete row groups, and at the end also the last, smaller one."""
        if not self._pending:
            return
        table = pa.concat_tables(self._pending)
        complete = table.num_rows if final else table.num_rows - table.num_rows % GROUP_ROWS
        self._pending = [table.slice(complete)]
        table = table.slice(0, complete)
        if self._file is None:
            with writing(self._path):
                self._file = Replacement(self._path)
        with self._writing(self._file):
            if self._writer is None:
                self._writer = pq.ParquetWriter(self._file.file, table.schema, write_page_checksum=True)
            self._writer.write_table(table, row_group_size=GROUP_ROWS)


class ParquetFolderSink(Closeable):
    """Writes a folder of numbered Parquet files, each ended by a flush.

    Parameters
    ----------
    folder
        Created if it does not exist.
    at
        Number of files to keep; later ones are removed. None keeps none.
    time
        Column of seconds since 1970-01-01 UTC that is written as timestamps.

    Raises
    ------
    ConnectorError
        If the folder cannot be written, or has fewer files than `at`.

    Examples
    --------
    >>> import numpy as np
    >>> with ParquetFolderSink("out", at=None, time=None) as sink:
    ...     sink.write({"x": np.array([1.0])})
    >>> sink.position(), [path.name for path in Path("out").iterdir()]
    (1, ['part-000000.parquet'])
    """

    def __init__(self, folder: str, *, at: int | None, time: str | None) -> None:
        self._folder = Path(folder)
        self._time = time
        self._complete = at or 0
        with writing(folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            files = sorted(self._folder.glob("part-*.parquet"))
            if len(files) < self._complete:
                raise ConnectorError(f"{folder}: has {len(files)} files, cannot continue at {self._complete}")
            for file in [*files[self._complete :], *self._folder.glob(f"part-*.parquet{SUFFIX}")]:
                file.unlink()
            sync_folder(self._folder)
            sync_folder(self._folder.absolute().parent)
        self._part = self._next_part()

    def write(self, rows: Rows) -> None:
        """Append rows: equally long arrays by column."""
        self._part.write(rows)

    def flush(self) -> None:
        """Complete the current file; later rows go to the next one."""
        if self._part.rows:
            self._part.close()
            self._complete += self._part.position() > 0  # not one that could not be written
            self._part = self._next_part()

    def position(self) -> int:
        """Return the number of complete files."""
        return self._complete

    def close(self) -> None:
        """Complete the current file."""
        self.flush()

    def _next_part(self) -> ParquetFileSink:
        return ParquetFileSink(str(self._folder / f"part-{self._complete:06d}.parquet"), time=self._time)


def open_parquet_sink(path: str, *, at: int | None, time: str | None) -> ParquetFileSink | ParquetFolderSink:
    """Open a Parquet file, or for a path that ends in ``/`` a folder of them, to write to.

    Parameters
    ----------
    path
        File or folder.
    at
        Number of files to keep in the folder.
    time
        Column of seconds since 1970-01-01 UTC that is written as timestamps.

    Raises
    ------
    UsageError
        If `at` is given for a file, which cannot be continued.
    ConnectorError
        If the file or folder cannot be written.
    """
    if path.endswith("/"):
        return ParquetFolderSink(path, at=at, time=time)
    if at:
        raise UsageError(f"{path}: a Parquet file cannot be continued; {path}/ writes a folder that can")
    return ParquetFileSink(path, time=time)


def to_table(rows: Rows, time: str | None) -> pa.Table:
    """Return rows as an Arrow table, with times as timestamps.

    Parameters
    ----------
    rows
        Equally long arrays by column.
    time
        Column of seconds since 1970-01-01 UTC, if there is one; NaN becomes null.

    Raises
    ------
    ConnectorError
        If columns differ in length.

    Examples
    --------
    >>> import numpy as np
    >>> to_table({"time": np.array([0.5])}, time="time").column("time").type
    TimestampType(timestamp[us, tz=UTC])
    """
    check_lengths(rows)
    return pa.table({name: _to_array(values, is_time=name == time) for name, values in rows.items()})


def _to_array(values: NDArray[Any], *, is_time: bool) -> pa.Array:
    if values.dtype == object:
        return pa.array(to_texts(values), pa.string())
    if values.dtype.kind == "M":
        return pa.array(values.astype("datetime64[us]")).cast(pa.timestamp("us", "UTC"))
    if is_time and values.dtype.kind == "f":
        rounded, known = to_micros(values)
        return pa.array(rounded, pa.int64(), mask=~known).cast(pa.timestamp("us", "UTC"))
    return pa.array(values)
