"""Open files as a source of events: formats, patterns and standard input."""

from __future__ import annotations

import glob
from pathlib import Path
from typing import TYPE_CHECKING

from stream_rnn.connectors.deadletter import DeadLetterCounter
from stream_rnn.connectors.decode.schema import Schema, require, resolve
from stream_rnn.connectors.errors import UsageError, suggest
from stream_rnn.connectors.files.byte_stream import STDIN, ByteStream
from stream_rnn.connectors.files.csv import CsvReader
from stream_rnn.connectors.files.follow import Stop
from stream_rnn.connectors.files.jsonl import JsonLinesReader
from stream_rnn.connectors.files.parquet import ParquetReader
from stream_rnn.connectors.files.source import Source

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable, Mapping
    from typing import BinaryIO

    from stream_rnn.connectors.decode.schema import Roles
    from stream_rnn.connectors.files.reader import Reader

FORMATS = ("csv", "tsv", "jsonl", "parquet")
_BY_EXTENSION = {
    "csv": "csv",
    "tsv": "tsv",
    "jsonl": "jsonl",
    "ndjson": "jsonl",
    "json": "jsonl",
    "parquet": "parquet",
}


def open_files(
    paths: str | Path | Iterable[str | Path],
    schema: Schema | None = None,
    *,
    batch_size: int = 8192,
    start: Mapping[str, int] | None = None,
    follow: bool = False,
    format: str | None = None,  # noqa: A002 - the word for it
    dead_letters: DeadLetterCounter | None = None,
    stop: threading.Event | Callable[[], bool] | None = None,
    stdin: BinaryIO | None = None,
) -> Source:
    """Open files as one source of events.

    Files with a time column are merged by time, others are read one after another.

    Parameters
    ----------
    paths : path or iterable of paths
        CSV, TSV, JSON lines (these also with `.gz`) or Parquet; patterns such as `"data/*.csv"`; `"-"` is
        standard input.
    schema : Schema, optional
        Which column is what; what it does not say is recognised in the first file's first records.
    batch_size : int
        Events per batch, at most.
    start : mapping of path to int, optional
        The record to go on with, by file: what `Source.position()["files"]` gave.
    follow : bool
        Go on as the files grow, until stopped: plain CSV and JSON lines. A last line without its end waits.
    format : {"csv", "tsv", "jsonl", "parquet"}, optional
        Told instead of by extension.
    dead_letters : DeadLetterCounter, optional
        Takes the refused records; without it they are counted in `Source.dead_letters`.
    stop : threading.Event or callable, optional
        Ends the iteration when set or true.
    stdin : binary file, optional
        Read for `"-"` instead of the process's own standard input.

    Raises
    ------
    UsageError
        When the request is wrong in itself: an unknown format, a pattern without files, following a `.gz`.
    ConnectorError
        When a file is missing, empty, damaged or lacks a column.

    Examples
    --------
    >>> source = open_files("sensors.csv", Schema(key="sensor"))  # doctest: +SKIP
    >>> for batch in source:  # doctest: +SKIP
    ...     print(len(batch), source.position())
    """
    schema = Schema() if schema is None else schema
    if batch_size < 1:
        raise UsageError(f"batch_size must be at least 1, got {batch_size}")
    if format is not None and format not in FORMATS:
        raise UsageError(f"format must be one of {', '.join(FORMATS)}, got {format!r}")
    files = expand(paths)
    start = {} if start is None else start
    for path, record in start.items():
        if path not in files:
            raise UsageError(f"start names {path!r}, which is not among the files{suggest(path, files)}")
        if record < 0:
            raise UsageError(f"start of {path!r} must be at least 0, got {record}")
    readers: list[Reader] = []
    try:
        readers.extend(_open(path, format, follow=follow, stdin=stdin) for path in files)
        roles = _roles(schema, readers)
        return Source(
            readers,
            roles,
            batch_size=batch_size,
            start=start,
            dead_letters=DeadLetterCounter() if dead_letters is None else dead_letters,
            follow=follow,
            stop=Stop(stop),
        )
    except BaseException:
        for reader in readers:
            reader.close()
        raise


def expand(paths: str | Path | Iterable[str | Path]) -> list[str]:
    """Expand patterns, in sorted order; a path without wildcards, or of a file that is there, is itself.

    Raises
    ------
    UsageError
        When there is no path, a pattern matches nothing, or a file is named twice.
    """
    given = [paths] if isinstance(paths, str | Path) else list(paths)
    files: list[str] = []
    for path in map(str, given):
        if glob.has_magic(path) and not Path(path).exists():
            found = sorted(glob.glob(path, recursive=True))  # noqa: PTH207 - patterns are text, as typed in a shell
            if not found:
                raise UsageError(f"{path}: no file matches this pattern")
            files += found
        else:
            files.append(path)
    if not files:
        raise UsageError("no file named: paths is empty")
    for path in files:
        if files.count(path) > 1:
            raise UsageError(f"{path}: is named twice")
    return files


def format_of(path: str) -> str | None:
    """Tell a file's format by its extension, `.gz` aside; None when it says nothing."""
    return _BY_EXTENSION.get(Path(path.removesuffix(".gz")).suffix[1:].lower())


def _roles(schema: Schema, readers: list[Reader]) -> Roles:
    """Decide the columns from the first file, and see that the others have them."""
    first = readers[0]
    sample = first.sample()
    require(schema, first.path, sample)
    roles = resolve(schema, first.path, sample)
    needed = Schema(roles.key, roles.time or "", roles.end, roles.columns, schema.time_format)
    for reader in readers[1:]:
        sample = reader.sample()
        require(needed, reader.path, sample)
        resolve(needed, reader.path, sample)
    return roles


def _open(path: str, told: str | None, *, follow: bool, stdin: BinaryIO | None) -> Reader:
    """Open one file with the reader of its format."""
    kind = told or (None if path == STDIN else format_of(path))
    if path != STDIN and kind is None and not Path(path).is_dir():
        known = ", ".join(f".{extension}" for extension in _BY_EXTENSION)
        raise UsageError(f"{path}: unknown extension, known are {known}; or tell the format")
    if path == STDIN and kind == "parquet":
        raise UsageError("standard input: Parquet cannot be read from a pipe, name a file")
    if follow and path != STDIN and (kind == "parquet" or path.endswith(".gz")):
        raise UsageError(f"{path}: only plain CSV and JSON lines files can be followed")
    if kind == "parquet":
        return ParquetReader(path)
    # A pipe waits by itself: following it means nothing more.
    stream = ByteStream(path, follow=follow and path != STDIN, stdin=stdin)
    try:
        kind = kind or ("jsonl" if stream.peek().lstrip()[:1] in (b"{", b"[") else "csv")
        if kind == "jsonl":
            return JsonLinesReader(stream)
        return CsvReader(stream, "\t" if kind == "tsv" else ",")
    except BaseException:
        stream.close()
        raise
