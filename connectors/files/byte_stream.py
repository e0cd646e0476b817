"""ByteStream: the bytes of a text file, plain, compressed or growing, or of standard input."""

from __future__ import annotations

import codecs
import difflib
import gzip
import os
import sys
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol, cast

from stream_rnn.connectors.closeable import Closeable
from stream_rnn.connectors.errors import ConnectorError, UsageError
from stream_rnn.connectors.files.follow import GrowingFile

if TYPE_CHECKING:
    from collections.abc import Callable

STDIN = "-"
GZIP_SUFFIX = ".gz"
BLOCK_BYTES = 1 << 20
"""Bytes that are read at once: enough to be parsed column by column, few enough to stay in the cache."""


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...

    def close(self) -> None: ...


class ByteStream(Closeable):
    """Bytes of one text file in blocks, without a byte order mark.

    Parameters
    ----------
    path
        A file, compressed with gzip if it ends in ``.gz``, or ``-`` for standard input.
    follow
        Whether the file is expected to grow.
    stdin
        Read for ``-``. Default: standard input of the process.

    Raises
    ------
    UsageError
        If the path is a directory.
    ConnectorError
        If the file does not exist, cannot be read, or is empty.

    Examples
    --------
    >>> import io
    >>> stream = ByteStream("-", stdin=io.BytesIO(b"x,y"))
    >>> stream.peek(), stream.read(), stream.read()
    (b'x,y', b'x,y', None)
    """

    def __init__(self, path: str, *, follow: bool = False, stdin: BinaryIO | None = None) -> None:
        self.path = path
        self.follow = follow
        self.size: int | None = None
        self._bytes_read = 0
        self._raw: BinaryIO | None = None
        if path == STDIN:
            if stdin is None and sys.stdin is None:
                raise ConnectorError("standard input: is closed")
            file = stdin if stdin is not None else sys.stdin.buffer
            self._file: _Readable = file
            # read1 returns what a pipe has: events of a live stream must not wait for a full block.
            self._read = cast("Callable[[int], bytes]", getattr(file, "read1", file.read))
        else:
            self._raw = open_binary(path)
            self.size = os.fstat(self._raw.fileno()).st_size
            self._file = _reader(path, self._raw, follow=follow)
            self._read = self._file.read
        self._head = b""
        try:
            self._check_start()
        except BaseException:
            self.close()
            raise

    @property
    def bytes_read(self) -> int:
        """Bytes of the file, compressed if it is, that have been read."""
        return self._bytes_read

    def peek(self) -> bytes:
        """Return the first bytes, without consuming them."""
        return self._head

    def read(self) -> bytes | None:
        """Return the next bytes, empty if a growing file has no new ones, None at the end."""
        if self._head:
            data, self._head = self._head, b""
            return data
        data = self._fetch()
        return data if data or self.follow else None

    def close(self) -> None:
        """Close the file; standard input stays open for its owner."""
        if self.path != STDIN:
            self._file.close()
        if self._raw is not None:
            self._raw.close()

    def _check_start(self) -> None:
        """Remove the byte order mark; refuse UTF-16 and empty files."""
        while len(self._head) < len(codecs.BOM_UTF8) and (data := self._fetch()):
            self._head += data
        if self._head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise ConnectorError(f"{self.path}: is UTF-16 text, save it as UTF-8")
        self._head = self._head.removeprefix(codecs.BOM_UTF8)
        if not self._head and not self.follow:
            raise ConnectorError(f"{'standard input' if self.path == STDIN else self.path}: is empty")

    def _fetch(self) -> bytes:
        try:
            data = self._read(BLOCK_BYTES)
        except EOFError as error:
            raise ConnectorError(f"{self.path}: is not a complete gzip file: {error}") from error
        except (zlib.error, gzip.BadGzipFile) as error:
            raise ConnectorError(f"{self.path}: is not an intact gzip file: {error}") from error
        except OSError as error:
            raise ConnectorError(f"{self.path}: cannot be read: {error.strerror or error}") from error
        # Progress through a compressed file is measured in compressed bytes.
        compressed = self._raw is not None and self.path.endswith(GZIP_SUFFIX)
        self._bytes_read = self._raw.tell() if compressed and self._raw else self._bytes_read + len(data)
        return data


def open_binary(path: str) -> BinaryIO:
    """Open a file for reading.

    Raises
    ------
    UsageError
        If the path is a directory.
    ConnectorError
        If the file does not exist or cannot be read.

    Examples
    --------
    >>> open_binary("sensors.csv")
    Traceback (most recent call last):
    ...
    stream_rnn.connectors.errors.ConnectorError: sensors.csv: no such file
    """
    refuse_directory(path)
    file = Path(path)
    try:
        return file.open("rb")
    except FileNotFoundError:
        raise ConnectorError(f"{path}: no such file{_suggest_path(file)}") from None
    except OSError as error:
        raise ConnectorError(f"{path}: cannot be read: {error.strerror}") from error


def refuse_directory(path: str) -> None:
    """Raise a UsageError if the path is a directory."""
    if Path(path).is_dir():
        raise UsageError(f"{path}: is a directory, name its files or a pattern such as {Path(path) / '*.csv'}")


def _reader(path: str, raw: BinaryIO, *, follow: bool) -> _Readable:
    if follow:
        return GrowingFile(path, raw)
    return cast("_Readable", gzip.GzipFile(fileobj=raw)) if path.endswith(GZIP_SUFFIX) else raw


def _suggest_path(file: Path) -> str:
    """Return the end of a message about a missing file: the most similar file of the folder, or the missing folder."""
    if not file.parent.is_dir():
        return f", and no folder {str(file.parent)!r}"
    similar = difflib.get_close_matches(file.name, [other.name for other in file.parent.iterdir()], n=1)
    return f"; did you mean {str(file.parent / similar[0])!r}?" if similar else ""
