"""The file formats: one entry each, with its name, its extensions, its reader and its sink.

A reader or sink that needs an optional dependency is imported when it is opened.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from stream_rnn.connectors.errors import UsageError
from stream_rnn.connectors.files.byte_stream import ByteStream
from stream_rnn.connectors.files.containers import container_of, inner_name
from stream_rnn.connectors.files.dialect import Dialect
from stream_rnn.connectors.files.jsonl import JsonLinesReader
from stream_rnn.connectors.files.quoting import FIELD_SIZE_LIMIT
from stream_rnn.connectors.files.rendering import csv_header, csv_lines, json_lines
from stream_rnn.connectors.files.text_sink import TextLayout, open_text_sink

if TYPE_CHECKING:
    from collections.abc import Callable

    from stream_rnn.connectors.files.reader import Reader
    from stream_rnn.connectors.files.sink import Sink


class ReadOptions(NamedTuple):
    """How files are read."""

    follow: bool = False
    """whether the file is expected to grow"""
    dialect: Dialect = Dialect()
    """how text files are written"""
    field_size_limit: int = FIELD_SIZE_LIMIT
    """bytes of the longest field of CSV"""
    unwrap: str = ""
    records: str = ""
    """where the events of JSON objects are"""


@dataclass(frozen=True)
class Format(ABC):
    """A file format.

    Parameters
    ----------
    name
        As users write it.
    extensions
        Of its files, in lower case, with the dot.
    dialect_options
        Options of `Dialect` that its files have.
    """

    name: str
    extensions: tuple[str, ...]
    dialect_options: tuple[str, ...]

    @abstractmethod
    def open_reader(self, path: str, options: ReadOptions) -> Reader:
        """Open a file for reading.

        Raises
        ------
        UsageError
            If the format cannot be read in this way.
        ConnectorError
            If the file does not exist or is damaged.
        """

    @abstractmethod
    def open_sink(self, path: str, *, at: int | None, time: str | None) -> Sink:
        """Open a file for writing, see `stream_rnn.connectors.files.open.open_sink`."""

    def escaping_formulas(self) -> Format:
        """Return the format with texts that a spreadsheet does not run as formulas.

        Raises
        ------
        UsageError
            If spreadsheets do not open files of this format as tables.
        """
        raise UsageError(f"escape_formulas needs csv or tsv, got {self.name}")


@dataclass(frozen=True)
class TextFormat(Format):
    r"""A format of text, which is read and written record by record.

    Its files may be compressed and may grow while they are read, and it can be read from standard input and written to
    standard output.

    Parameters
    ----------
    name, extensions, dialect_options
        As of every format.
    read
        Returns the reader of a stream of bytes, with the options for reading.
    layout
        How rows are rendered.
    escaped_layout
        How rows are rendered so that a spreadsheet runs no text as a formula; None if it does not open such files.

    Examples
    --------
    >>> import numpy as np
    >>> CSV.layout.header(["x"]), CSV.layout.lines({"x": np.array([1.5])}, None)
    (b'x\n', bytearray(b'1.5\n'))
    """

    read: Callable[[ByteStream, ReadOptions], Reader]
    layout: TextLayout
    escaped_layout: TextLayout | None = None

    def open_reader(self, path: str, options: ReadOptions) -> Reader:
        """Open a file for reading."""
        if options.follow and container_of(path) is not None:
            raise UsageError(f"{path}: a compressed file cannot be followed")
        stream = ByteStream(path, follow=options.follow, encoding=options.dialect.encoding)
        return self.read_stream(stream, options)

    def read_stream(self, stream: ByteStream, options: ReadOptions) -> Reader:
        """Return the reader of a stream, which is closed if it cannot be read."""
        try:
            return self.read(stream, options)
        except BaseException:
            stream.close()
            raise

    def open_sink(self, path: str, *, at: int | None, time: str | None) -> Sink:
        """Open a file for writing, or continue it after `at` bytes."""
        return open_text_sink(path, self.layout, at=at, time=time)

    def escaping_formulas(self) -> Format:
        """Return the format with texts that a spreadsheet does not run as formulas."""
        return super().escaping_formulas() if self.escaped_layout is None else replace(self, layout=self.escaped_layout)


@dataclass(frozen=True)
class FileFormat(Format):
    """A format of files that are read and written as a whole: not compressed, growing, or from or to a pipe.

    Parameters
    ----------
    name, extensions, dialect_options
        As of every format.
    read
        Returns the reader of a file.
    write
        Returns the sink for a path.
    """

    read: Callable[[str], Reader]
    write: Callable[..., Sink]

    def open_reader(self, path: str, options: ReadOptions) -> Reader:
        """Open a file for reading."""
        if container_of(path) is not None:
            raise UsageError(f"{path}: {self.name} files are read unpacked only")
        if options.follow:
            raise UsageError(f"{path}: {self.name} files cannot be followed, only {', '.join(text_formats())}")
        return self.read(path)

    def open_sink(self, path: str, *, at: int | None, time: str | None) -> Sink:
        """Open a file or folder for writing."""
        return self.write(path, at=at, time=time)


def _read_csv(stream: ByteStream, options: ReadOptions, delimiter: str) -> Reader:
    from stream_rnn.connectors.files.csv import CsvReader  # noqa: PLC0415 - needs pyarrow

    return CsvReader(stream, options.dialect, delimiter, field_size_limit=options.field_size_limit)


def _read_json_lines(stream: ByteStream, options: ReadOptions) -> Reader:
    return JsonLinesReader(stream, options.unwrap, options.records)


def _read_parquet(path: str) -> Reader:
    from stream_rnn.connectors.files.parquet import ParquetReader  # noqa: PLC0415 - needs pyarrow

    return ParquetReader(path)


def _write_parquet(path: str, *, at: int | None, time: str | None) -> Sink:
    from stream_rnn.connectors.files.parquet_sink import open_parquet_sink  # noqa: PLC0415 - needs pyarrow

    return open_parquet_sink(path, at=at, time=time)


def _csv(name: str, delimiter: str, *extensions: str) -> TextFormat:
    """Return the entry of a format with delimiters."""
    return TextFormat(
        name=name,
        extensions=(f".{name}", *extensions),
        dialect_options=Dialect.__struct_fields__,
        read=partial(_read_csv, delimiter=delimiter),
        layout=_csv_layout(delimiter, escape_formulas=False),
        escaped_layout=_csv_layout(delimiter, escape_formulas=True),
    )


def _csv_layout(delimiter: str, *, escape_formulas: bool) -> TextLayout:
    return TextLayout(
        partial(csv_lines, delimiter=delimiter, escape_formulas=escape_formulas),
        partial(csv_header, delimiter=delimiter, escape_formulas=escape_formulas),
    )


CSV = _csv("csv", ",", ".txt", ".dat", ".lvm")
JSONL = TextFormat(
    name="jsonl",
    extensions=(".jsonl", ".ndjson", ".json"),
    dialect_options=("encoding",),
    read=_read_json_lines,
    layout=TextLayout(json_lines),
)
PARQUET = FileFormat(
    name="parquet", extensions=(".parquet",), dialect_options=(), read=_read_parquet, write=_write_parquet
)

UNREADABLE = {
    ".lp": "is line protocol of InfluxDB: export it as CSV, such as with influx query --raw",
    ".xlsx": "is a workbook: save its sheet as CSV",
    ".xls": "is a workbook: save its sheet as CSV",
    ".ods": "is a workbook: save its sheet as CSV",
    ".feather": "is a Feather file: write it as Parquet",
    ".arrow": "is an Arrow file: write it as Parquet",
}
"""What files with these extensions are, which no format reads."""

FORMATS: dict[str, Format] = {file_format.name: file_format for file_format in (CSV, _csv("tsv", "\t"), JSONL, PARQUET)}
"""All formats by name. A new one is one entry here, besides its own code and its name in the settings."""


def text_formats() -> dict[str, TextFormat]:
    """Return the formats of text, by name.

    Examples
    --------
    >>> list(text_formats())
    ['csv', 'tsv', 'jsonl']
    """
    return {name: found for name, found in FORMATS.items() if isinstance(found, TextFormat)}


def format_named(name: str) -> Format:
    """Return a format by its name.

    Raises
    ------
    UsageError
        If there is no such format.

    Examples
    --------
    >>> format_named("tsv").extensions
    ('.tsv',)
    """
    if name not in FORMATS:
        raise UsageError(f"format must be one of {', '.join(FORMATS)}, got {name!r}")
    return FORMATS[name]


def refuse_unreadable(path: str) -> None:
    """Raise a UsageError if a file is of a known format that cannot be read, by its extension.

    Examples
    --------
    >>> refuse_unreadable("sensors.xlsx")
    Traceback (most recent call last):
    ...
    stream_rnn.connectors.errors.UsageError: sensors.xlsx: is a workbook: save its sheet as CSV
    """
    extension = Path(inner_name(path)).suffix.lower()
    if extension in UNREADABLE:
        raise UsageError(f"{path}: {UNREADABLE[extension]}")


def format_of(path: str) -> Format:
    """Return the format that a path's extension names, or that of the file in a container.

    Raises
    ------
    UsageError
        If the extension is unknown.
    ConnectorError
        If a zip file does not have exactly one file.

    Examples
    --------
    >>> format_of("data/sensors.CSV.gz").name
    'csv'
    """
    extension = Path(inner_name(path)).suffix.lower()
    by_extension = {known: file_format for file_format in FORMATS.values() for known in file_format.extensions}
    if extension not in by_extension:
        raise UsageError(f"{path}: unknown extension, known are {', '.join(by_extension)}; or set the format")
    return by_extension[extension]
