"""TextSink: writes CSV, TSV and JSON lines."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from stream_rnn.connectors.closeable import Closeable
from stream_rnn.connectors.durability import sync_file, sync_folder
from stream_rnn.connectors.errors import ConnectorError, UsageError, writing
from stream_rnn.connectors.files.sink import check_same_columns

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stream_rnn.connectors.files.rendering import Rows

STDOUT_NAME = "standard output"


class TextLayout(NamedTuple):
    """How rows are rendered as text."""

    lines: Callable[[Rows, str | None], bytes | bytearray]
    """renders rows, with the times of the named column as ISO 8601"""
    header: Callable[[Sequence[str]], bytes] | None = None
    """renders the header line for the names of the columns; None if there is no header"""


class TextSink(Closeable):
    """Writes rows of text to a binary file.

    Parameters
    ----------
    name
        Name of the file, for error messages.
    file
        Open for writing; closed with the sink, except standard output.
    layout
        How rows are rendered.
    time
        Column of seconds since 1970-01-01 UTC that is written as ISO 8601.
    position
        Bytes that are in the file already; a header is only written at 0.
    header
        The header line that is in the file already.

    Examples
    --------
    >>> import io
    >>> import numpy as np
    >>> from stream_rnn.connectors.files.rendering import json_lines
    >>> file = io.BytesIO()
    >>> with TextSink("standard output", file, TextLayout(json_lines)) as sink:
    ...     sink.write({"x": np.array([1.5])})
    >>> file.getvalue().decode().strip()
    '{"x":1.5}'
    """

    def __init__(
        self,
        name: str,
        file: BinaryIO,
        layout: TextLayout,
        *,
        time: str | None = None,
        position: int = 0,
        header: bytes = b"",
    ) -> None:
        self._name = name
        self._file = file
        self._layout = layout
        self._time = time
        self._header = header
        self._columns: list[str] | None = None
        self._written = position
        self._durable = position

    def write(self, rows: Rows) -> None:
        """Append rows: equally long arrays by column.

        Raises
        ------
        ConnectorError
            If the columns are not those of the earlier rows, or the file cannot be written.
        """
        if self._columns is None:
            self._columns = list(rows)
            self._write_header(self._columns)
        check_same_columns(self._name, self._columns, rows)
        self._append(self._layout.lines(rows, self._time))

    def flush(self) -> None:
        """Write everything to the disk."""
        with writing(self._name):
            if self._name == STDOUT_NAME:
                self._file.flush()
            else:
                sync_file(self._file)
        self._durable = self._written

    def position(self) -> int:
        """Return the bytes that are safe on the disk."""
        return self._durable

    def close(self) -> None:
        """Write everything to the disk and close the file; standard output stays open."""
        if self._file.closed:
            return
        try:
            self.flush()
        finally:
            if self._name != STDOUT_NAME:
                with writing(self._name):
                    self._file.close()

    def _write_header(self, names: list[str]) -> None:
        if self._layout.header is None:
            return
        header = self._layout.header(names)
        if not self._written:
            self._append(header)
        elif self._header != header:
            existing = self._header.decode(errors="replace").strip()
            raise ConnectorError(f"{self._name}: has the header {existing!r}, the rows have {names}")

    def _append(self, data: bytes | bytearray) -> None:
        with writing(self._name):
            self._file.write(data)
        self._written += len(data)


def open_text_sink(path: str, layout: TextLayout, *, at: int | None, time: str | None) -> TextSink:
    """Open a text file to write to.

    Parameters
    ----------
    path
        Created if it does not exist.
    layout
        How rows are rendered.
    at
        Truncate the file to this many bytes and append; None or 0 replaces its contents.
    time
        Column of seconds since 1970-01-01 UTC that is written as ISO 8601.

    Raises
    ------
    UsageError
        If the path is a directory.
    ConnectorError
        If the file cannot be written, or is shorter than `at`.
    """
    if Path(path).is_dir():
        raise UsageError(f"{path}: is a directory, name a file")
    with writing(path):
        if not at:
            new = Path(path).open("wb")  # noqa: SIM115 - the sink closes it
            sync_folder(Path(path).absolute().parent)
            return TextSink(path, new, layout, time=time)
        file = Path(path).open("r+b")  # noqa: SIM115 - the sink closes it
        header = _truncate(path, file, at)
    return TextSink(path, file, layout, time=time, position=at, header=header)


def _truncate(path: str, file: BinaryIO, at: int) -> bytes:
    """Truncate a file, move to its end, and return its first line."""
    length = file.seek(0, os.SEEK_END)
    if length < at:
        file.close()
        raise ConnectorError(f"{path}: has {length:,} bytes, cannot continue at {at:,}")
    file.seek(0)
    header = file.readline()
    file.truncate(at)
    file.seek(at)
    return header
