"""Where results go: CSV, JSON lines, Parquet or standard output, written so that a crash can be undone."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol, Self

from stream_rnn.connectors.closing import Closing
from stream_rnn.connectors.errors import ConnectorError, UsageError
from stream_rnn.connectors.files import rendering
from stream_rnn.connectors.files.parquet_sink import ParquetFileSink, ParquetFolderSink

if TYPE_CHECKING:
    from types import TracebackType

    from stream_rnn.connectors.files.rendering import Rows

STDOUT = "-"
FORMATS = ("csv", "tsv", "jsonl", "parquet")
_BY_EXTENSION = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".parquet": "parquet",
}


class Sink(Protocol):
    """Takes rows, all with the same columns."""

    def write(self, rows: Rows) -> None:
        """Append rows: a table, or equally long arrays by name."""

    def flush(self) -> None:
        """Make all that was written durable."""

    def position(self) -> int:
        """Say how far it is durable: `open_sink(path, at=position)` goes on there."""

    def close(self) -> None:
        """Make all durable and close."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def open_sink(
    path: str | Path,
    format: str | None = None,  # noqa: A002 - the word for it
    *,
    at: int | None = None,
    time: str | None = "time",
    stdout: BinaryIO | None = None,
) -> Sink:
    """Open a file to write results to. What is in it is replaced, unless `at` says where to go on.

    Parameters
    ----------
    path : str or Path
        CSV, TSV, JSON lines or Parquet by its extension; `"-"` is standard output (CSV unless told); a path
        that ends in `/` is a folder of numbered Parquet files.
    format : {"csv", "tsv", "jsonl", "parquet"}, optional
        Told instead of by extension.
    at : int, optional
        Cut back to this position, as `position()` gave it, and append.
    time : str, optional
        Column of seconds since 1970-01-01 UTC that is written as a timestamp (ISO 8601 in text).
    stdout : binary file, optional
        Written for `"-"` instead of the process's own standard output.

    Raises
    ------
    UsageError
        When the format is unknown, or `at` is given for what cannot be cut back: standard output, one Parquet
        file.
    ConnectorError
        When the file cannot be written, or is shorter than `at`.

    Notes
    -----
    A Parquet file is only readable once closed: it is written beside its name and takes the name at the end.
    In a folder each `flush` ends a file, and a position is the number of whole files.
    """
    name = str(path)
    kind = _kind(name, format)
    if at is not None and at < 0:
        raise UsageError(f"at must be at least 0, got {at}")
    if name == STDOUT:
        if at:
            raise UsageError("standard output cannot be cut back: write to a file to go on from a checkpoint")
        return TextSink("standard output", stdout or sys.stdout.buffer, kind, time=time, position=0)
    if kind != "parquet":
        return _text_file(name, kind, at, time)
    if name.endswith("/"):
        return ParquetFolderSink(name, at=at, time=time)
    if at:
        raise UsageError(f"{name}: a Parquet file cannot be cut back; {name}/ writes a folder that can")
    return ParquetFileSink(name, time=time)


def _kind(name: str, told: str | None) -> str:
    """Tell the format that is written."""
    by_name = {STDOUT: "csv"}.get(name) or _BY_EXTENSION.get(Path(name).suffix.lower())
    kind = told or ("parquet" if name.endswith("/") else by_name)
    if kind is None:
        raise UsageError(f"{name}: unknown extension, known are {', '.join(_BY_EXTENSION)}; or tell the format")
    if kind not in FORMATS:
        raise UsageError(f"format must be one of {', '.join(FORMATS)}, got {kind!r}")
    if name == STDOUT and kind == "parquet":
        raise UsageError("standard output: Parquet cannot be written to a pipe, use csv or jsonl")
    return kind


class TextSink(Closing):
    """Write CSV or JSON lines to a binary file.

    Parameters
    ----------
    name : str
        Named in errors.
    file : binary file
    kind : {"csv", "tsv", "jsonl"}
    time : str or None
        Column that is written as a timestamp.
    position : int
        Bytes that are in the file already: a header is only written at 0.
    header : bytes
        The header line that is there already.
    """

    def __init__(
        self,
        name: str,
        file: BinaryIO,
        kind: str,
        *,
        time: str | None,
        position: int,
        header: bytes = b"",
    ) -> None:
        self._name = name
        self._file = file
        self._delimiter = {"csv": ",", "tsv": "\t"}.get(kind)
        self._time = time
        self._header = header
        self._columns: list[str] | None = None
        self._written = position
        self._durable = position

    def write(self, rows: Rows) -> None:
        """Append rows: a table, or equally long arrays by name.

        Raises
        ------
        ConnectorError
            When the columns are not those of the rows before.
        """
        table = rendering.table_of(rows, self._time)
        if self._columns is None:
            self._begin(table.column_names)
        if table.column_names != self._columns:
            raise ConnectorError(f"{self._name}: has columns {self._columns}, got {table.column_names}")
        if self._delimiter is None:
            self._append(rendering.json_lines(table))
        else:
            self._append(rendering.csv_lines(table, delimiter=self._delimiter))

    def flush(self) -> None:
        """Make all that was written durable."""
        self._file.flush()
        if self._name != "standard output":
            os.fsync(self._file.fileno())
        self._durable = self._written

    def position(self) -> int:
        """Give the bytes that are durable."""
        return self._durable

    def close(self) -> None:
        """Make all durable and close the file; standard output stays open."""
        if not self._file.closed:
            self.flush()
            if self._name != "standard output":
                self._file.close()

    def _begin(self, names: list[str]) -> None:
        self._columns = names
        if self._delimiter is None:
            return
        header = rendering.csv_header(names, delimiter=self._delimiter)
        if not self._written:
            self._append(header)
        elif self._header != header:
            there = self._header.decode(errors="replace").strip()
            raise ConnectorError(f"{self._name}: has the header {there!r}, the rows have {names}")

    def _append(self, data: bytes) -> None:
        self._file.write(data)
        self._written += len(data)


def _text_file(name: str, kind: str, at: int | None, time: str | None) -> TextSink:
    """Open a text file anew, or cut it back to `at` and go on."""
    if Path(name).is_dir():
        raise UsageError(f"{name}: is a directory, name a file")
    try:
        if not at:
            return TextSink(name, Path(name).open("wb"), kind, time=time, position=0)
        file = Path(name).open("r+b")  # noqa: SIM115 - the sink closes it
        length = file.seek(0, os.SEEK_END)
        if length < at:
            file.close()
            raise ConnectorError(f"{name}: has {length:,} bytes, cannot go on at {at:,}")
        file.seek(0)
        header = file.readline() if kind != "jsonl" else b""
        file.truncate(at)
        file.seek(at)
    except OSError as error:
        raise ConnectorError(f"{name}: cannot be written: {error.strerror}") from error
    return TextSink(name, file, kind, time=time, position=at, header=header)
