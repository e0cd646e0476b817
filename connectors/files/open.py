"""Open files as a source of events or as a sink of results: patterns, formats and standard streams."""

from __future__ import annotations

import glob
import os
import re
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from stream_rnn.connectors.deadletter import DeadLetterCounter
from stream_rnn.connectors.decode.detect import resolve_roles
from stream_rnn.connectors.decode.detect_time import check_unit
from stream_rnn.connectors.decode.schema import Schema
from stream_rnn.connectors.errors import ConnectorError, UsageError, suggest
from stream_rnn.connectors.files.byte_stream import STDIN, ByteStream, refuse_directory
from stream_rnn.connectors.files.containers import container_of
from stream_rnn.connectors.files.dialect import Dialect
from stream_rnn.connectors.files.formats import (
    CSV,
    JSONL,
    PARQUET,
    ReadOptions,
    TextFormat,
    format_named,
    format_of,
    refuse_unreadable,
    text_formats,
)
from stream_rnn.connectors.files.quoting import FIELD_SIZE_LIMIT
from stream_rnn.connectors.files.source import Source
from stream_rnn.connectors.files.text_sink import STDOUT_NAME, TextSink
from stream_rnn.connectors.stop import Stop

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import BinaryIO

    import pyarrow as pa

    from stream_rnn.connectors.decode.schema import ColumnRoles
    from stream_rnn.connectors.files.formats import Format
    from stream_rnn.connectors.files.reader import Reader
    from stream_rnn.connectors.files.sink import Sink

STDOUT = "-"


def open_files(
    paths: str | Path | Iterable[str | Path],
    schema: Schema | None = None,
    *,
    batch_size: int = 8192,
    start: Mapping[str, int] | None = None,
    follow: bool = False,
    max_ahead: float | None = None,
    format: str | None = None,  # noqa: A002 - the standard term
    dialect: Dialect | None = None,
    field_size_limit: int = FIELD_SIZE_LIMIT,
    dead_letters: DeadLetterCounter | None = None,
    stop: threading.Event | Callable[[], bool] | None = None,
    stdin: BinaryIO | None = None,
) -> Source:
    r"""Open files as one source of events.

    Files with a time column are merged by time, others are read one after another.

    Parameters
    ----------
    paths
        CSV, TSV, JSON lines (each also with ``.gz``, ``.bz2``, ``.xz``, ``.zst``, or as the only file of a ``.zip``) or
        Parquet files; patterns such as ``"data/*.csv"``; ``"-"`` is
        standard input.
    schema
        Which column is what. What it does not name is detected from the first records of the first file.
    batch_size
        Maximum number of events per batch.
    start
        First record to read, by file: ``Source.position()["files"]`` of an earlier run.
    follow
        Continue as the files grow, until stopped; plain text files only. A last line without a line end is not read.
    max_ahead
        Seconds by which a time may be ahead of the newest one of its file and still delay the merge of what follows;
        see `Clock`. Default: any.
    format
        Format of the files. Default: by extension.
    dialect
        How text files are written: delimiter, decimal sign, encoding and more. Default: recognised, see
        `Source.recognised`.
    field_size_limit
        Bytes of the longest field of CSV; a record with a longer one, which is mostly a quote that is not closed, is
        refused.
    dead_letters
        Receives the records that cannot be used. Default: they are counted in `Source.dead_letters`.
    stop
        Ends the iteration when it is set or returns True.
    stdin
        Read for ``"-"``. Default: standard input of the process.

    Raises
    ------
    UsageError
        If the request is wrong in itself: an unknown format, a pattern without files, following a compressed file.
    ConnectorError
        If a file does not exist, is empty or damaged, or lacks a column.

    Examples
    --------
    >>> written = Path("sensors.jsonl").write_text('{"sensor": "a", "load": 1}\n{"sensor": "b", "load": 2}\n')
    >>> with open_files("sensors.jsonl", Schema(key="sensor")) as source:
    ...     for batch in source:
    ...         print(batch.keys, batch.columns["load"], source.position())
    ['a' 'b'] [1. 2.] {'files': {'sensors.jsonl': 2}}
    """
    schema = Schema() if schema is None else schema
    if batch_size < 1:
        raise UsageError(f"batch_size must be at least 1, got {batch_size}")
    if field_size_limit < 1:
        raise UsageError(f"field_size_limit must be at least 1, got {field_size_limit}")
    chosen = format_named(format) if format is not None else None
    options = ReadOptions(
        follow,
        Dialect() if dialect is None else dialect,
        field_size_limit,
        unwrap=schema.unwrap,
        records=schema.records,
    )
    files = expand(paths)
    start = {} if start is None else start
    _check_start(start, files)
    with ExitStack() as opened:  # closes the readers if one of the others cannot be opened
        readers: list[Reader] = []
        for path in files:
            reader = _open_stdin(chosen, options, stdin) if path == STDIN else _open_reader(path, chosen, options)
            opened.callback(reader.close)
            readers.append(reader)
        source = Source(
            readers,
            _roles(schema, readers),
            batch_size=batch_size,
            start=start,
            dead_letters=DeadLetterCounter() if dead_letters is None else dead_letters,
            follow=follow,
            max_ahead=max_ahead,
            stop=Stop(stop),
        )
        opened.pop_all()
    return source


def open_table(
    table: pa.Table,
    schema: Schema,
    name: str = "frame",
    *,
    batch_size: int = 8192,
    max_ahead: float | None = None,
    dead_letters: DeadLetterCounter | None = None,
    stop: threading.Event | Callable[[], bool] | None = None,
) -> Source:
    """Open rows in memory as a source of events in order of time; `Positions.record` is the row.

    Parameters
    ----------
    table
        The rows.
    schema
        Which column is what. What it does not name is detected from the first rows.
    name
        What messages call the table.
    batch_size, max_ahead, dead_letters, stop
        As for `open_files`.

    Raises
    ------
    ConnectorError
        If a column is named twice or missing, no column is a time, or streams are mixed and no key is named.

    Examples
    --------
    >>> import pyarrow as pa
    >>> table = pa.table({"time": [60, 0], "load": [2.0, 1.0]})
    >>> [batch.columns["load"].tolist() for batch in open_table(table, Schema())]
    [[1.0, 2.0]]
    """
    from stream_rnn.connectors.files.table import TableReader  # noqa: PLC0415 - needs pyarrow

    reader = TableReader(table, name)
    source = Source(
        [reader],
        _roles(schema, [reader]),
        batch_size=batch_size,
        start={},
        dead_letters=DeadLetterCounter() if dead_letters is None else dead_letters,
        max_ahead=max_ahead,
        stop=Stop(stop),
    )
    if source.time is None and schema.time is None:
        raise ConnectorError(
            f"{name}: no column is a time: set time to its name, or to '' for rows in order at equal distances"
        )
    if source.key_hint:
        raise ConnectorError(source.key_hint)
    return source


def open_sink(
    path: str | Path,
    format: str | None = None,  # noqa: A002 - the standard term
    *,
    at: int | None = None,
    time: str | None = "time",
    escape_formulas: bool = False,
    stdout: BinaryIO | None = None,
) -> Sink:
    """Open a file to write results to. Its contents are replaced, unless `at` says where to continue.

    Parameters
    ----------
    path
        CSV, TSV, JSON lines or Parquet by its extension; ``"-"`` is standard output; a path that ends in ``/`` is a
        folder of numbered Parquet files.
    format
        Format of the file. Default: by extension; CSV for standard output.
    at
        Truncate the file to this position, a result of `Sink.position`, and append.
    time
        Column of seconds since 1970-01-01 UTC that is written as timestamps (ISO 8601 in text).
    escape_formulas
        Put an apostrophe before texts (keys, labels, names of columns) that start with ``=``, ``+``, ``-``, ``@``, a
        tab or a line end, so that a spreadsheet does not run them. Numbers are left as they are. CSV and TSV only.
    stdout
        Written for ``"-"``. Default: standard output of the process.

    Raises
    ------
    UsageError
        If the format is unknown, or `at` is given for what cannot be truncated: standard output, a Parquet file.
    ConnectorError
        If the file cannot be written, or is shorter than `at`.

    Notes
    -----
    A Parquet file is only readable once it is closed: it is written under a temporary name and renamed at the end. In
    a folder each `flush` completes a file, and the position is the number of complete files.

    Examples
    --------
    >>> import numpy as np
    >>> with open_sink("forecasts.csv") as sink:
    ...     sink.write({"time": np.array([0.0]), "load+1": np.array([2.5])})
    >>> print(Path("forecasts.csv").read_text(), end="")
    time,load+1
    1970-01-01T00:00:00.000000Z,2.5
    """
    name = str(path)
    chosen = _output_format(name, format)
    if escape_formulas:
        chosen = chosen.escaping_formulas()
    if at is not None and at < 0:
        raise UsageError(f"at must be at least 0, got {at}")
    if name != STDOUT:
        return chosen.open_sink(name, at=at, time=time)
    if not isinstance(chosen, TextFormat):
        raise UsageError(f"standard output: {chosen.name} cannot be written to a pipe, use {', '.join(text_formats())}")
    if at:
        raise UsageError("standard output cannot be truncated: to resume from a checkpoint, write to a file")
    if stdout is None and sys.stdout is None:
        raise ConnectorError(f"{STDOUT_NAME}: is closed")
    return TextSink(STDOUT_NAME, stdout or sys.stdout.buffer, chosen.layout, time=time)


def expand(paths: str | Path | Iterable[str | Path]) -> list[str]:
    """Return the files that paths and patterns name, those of a pattern in sorted order, numbers by their value.

    A path without wildcards, or of an existing file, stands for itself.

    Raises
    ------
    UsageError
        If there is no path, a path cannot be one, a pattern matches nothing, or a file is named twice.

    Examples
    --------
    >>> expand(["b.csv", "a.csv"])
    ['b.csv', 'a.csv']
    """
    files: list[str] = []
    for path in map(str, [paths] if isinstance(paths, str | Path) else paths):
        if not path or "\0" in path:
            raise UsageError(f"{path!r} is not the name of a file")
        if glob.has_magic(path) and not Path(path).exists():
            matches = glob.glob(path, recursive=True)  # noqa: PTH207 - patterns are text, as typed in a shell
            if not matches:
                raise UsageError(f"{path}: no file matches this pattern")
            files += sorted(matches, key=_natural)
        else:
            files.append(path)
    if not files:
        raise UsageError("no file named: paths is empty")
    named: dict[str, str] = {}
    for path in files:
        place = path if path == STDIN else os.path.realpath(path)
        if place in named:
            raise UsageError(f"{path}: is named twice{'' if named[place] == path else f', also as {named[place]}'}")
        named[place] = path
    return files


def _natural(path: str) -> list[tuple[int, str]]:
    """Return the sort key of a path: part-2.csv is before part-10.csv."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"([0-9]+)", path)]


def _check_start(start: Mapping[str, int], files: Sequence[str]) -> None:
    for path, record in start.items():
        if path not in files:
            raise UsageError(f"start names {path!r}, which is not one of the files{suggest(path, files)}")
        if record < 0:
            raise UsageError(f"start of {path!r} must be at least 0, got {record}")


def _open_reader(path: str, chosen: Format | None, options: ReadOptions) -> Reader:
    refuse_directory(path)
    if chosen is None:
        refuse_unreadable(path)
    chosen = chosen or format_of(path)
    _check_options(path, chosen, options)
    return chosen.open_reader(path, options)


def _check_options(path: str, chosen: Format, options: ReadOptions) -> None:
    """Raise if an option is set that files of the format do not have: it would do nothing."""
    if (options.unwrap or options.records) and chosen is not JSONL:
        raise UsageError(f"{path}: unwrap and records need JSON lines, got {chosen.name}")
    for name in options.dialect.named():
        if name not in chosen.dialect_options:
            value = getattr(options.dialect, name)
            raise UsageError(f"{path}: {chosen.name} has no {name}, got {value!r}: leave it out")


def _open_stdin(chosen: Format | None, options: ReadOptions, stdin: BinaryIO | None) -> Reader:
    """Open standard input, by default in the format that its first bytes suggest."""
    if chosen is not None and not isinstance(chosen, TextFormat):
        raise UsageError(f"standard input: {chosen.name} cannot be read from a pipe, name a file")
    stream = ByteStream(STDIN, encoding=options.dialect.encoding, stdin=stdin)
    if chosen is None:
        chosen = JSONL if stream.peek().lstrip()[:1] in (b"{", b"[") else CSV
    _check_options(STDIN, chosen, options)
    return chosen.read_stream(stream, options)


def _output_format(path: str, name: str | None) -> Format:
    if container_of(path) is not None:
        raise UsageError(f"{path}: output is not compressed, name it {Path(path).with_suffix('')}")
    if name is not None:
        return format_named(name)
    if path == STDOUT:
        return CSV
    return PARQUET if path.endswith("/") else format_of(path)


def _roles(schema: Schema, readers: Sequence[Reader]) -> ColumnRoles:
    """Detect the columns from the first file, and check that the others have them."""
    first, *others = readers
    roles = resolve_roles(schema, first.path, first.sample())
    needed = Schema(
        roles.key,
        roles.time or "",
        roles.end,
        roles.columns,
        roles.time_format,
        tag=roles.tag,
        tags=roles.tags,
        timezone=roles.timezone,
        words=schema.words,
        texts=schema.texts,
        missing_values=schema.missing_values,
    )
    for reader in others:
        samples = reader.sample()
        resolve_roles(needed, reader.path, samples)
        check_unit(reader.path, roles, samples)
    return roles
