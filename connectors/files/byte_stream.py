"""Files as streams of bytes: plain, gzip, growing, or standard input."""

from __future__ import annotations

import codecs
import difflib
import gzip
import os
import sys
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol, cast

from stream_rnn.connectors.errors import ConnectorError, UsageError
from stream_rnn.connectors.files.follow import GrowingFile

if TYPE_CHECKING:
    from collections.abc import Callable

STDIN = "-"
BLOCK = 1 << 20  # bytes read at once: large enough to be parsed column by column, small enough to stay in cache


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...

    def close(self) -> None: ...


class ByteStream:
    """Bytes of one text file, block by block, without a byte order mark.

    Parameters
    ----------
    path : str
        A file, gzip when it ends in ".gz", or "-" for standard input.
    follow : bool
        Whether the file is expected to grow.
    stdin : binary file, optional
        Read for "-" instead of the process's own standard input.

    Raises
    ------
    ConnectorError
        When the file is missing, empty, a directory or not readable.
    """

    def __init__(self, path: str, *, follow: bool = False, stdin: BinaryIO | None = None) -> None:
        self.path = path
        self.follow = follow
        self.size: int | None = None
        self.stopped = False
        self._bytes_read = 0
        self._raw: BinaryIO | None = None
        if path == STDIN:
            file = stdin if stdin is not None else sys.stdin.buffer
            self._file: _Readable = file
            # A pipe gives what it has: events of a live stream must not wait for a full block.
            self._read = cast("Callable[[int], bytes]", getattr(file, "read1", file.read))
        else:
            self._raw = open_binary(path)
            self.size = os.fstat(self._raw.fileno()).st_size
            if follow:
                self._file = GrowingFile(path, self._raw)
            elif path.endswith(".gz"):
                self._file = cast("_Readable", gzip.GzipFile(fileobj=self._raw))
            else:
                self._file = self._raw
            self._read = self._file.read
        self._head = b""
        try:
            self._start()
        except BaseException:
            self.close()
            raise

    def _start(self) -> None:
        """Take the byte order mark away and refuse an empty file."""
        while len(self._head) < len(codecs.BOM_UTF8) and (more := self._fetch()):
            self._head += more
        if self._head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise ConnectorError(f"{self.path}: is UTF-16 text, save it as UTF-8")
        self._head = self._head.removeprefix(codecs.BOM_UTF8)
        if not self._head and not self.follow:
            raise ConnectorError(f"{'standard input' if self.path == STDIN else self.path}: is empty")

    @property
    def bytes_read(self) -> int:
        """Bytes of the file (compressed where it is) that have been read."""
        return self._bytes_read

    def peek(self) -> bytes:
        """Give the first bytes, and leave them to be read."""
        return self._head

    def read(self) -> bytes | None:
        """Give the next bytes, nothing when a growing file has none yet, None at the end."""
        if self._head:
            data, self._head = self._head, b""
            return data
        data = self._fetch()
        return data if data or self.follow else None

    def _fetch(self) -> bytes:
        try:
            data = self._read(BLOCK)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise ConnectorError(f"{self.path}: is not whole gzip data: {error}") from error
        except OSError as error:
            raise ConnectorError(f"{self.path}: cannot be read: {error.strerror or error}") from error
        # Of a compressed file, what counts is how far the file itself has been read.
        compressed = self._raw is not None and self.path.endswith(".gz")
        self._bytes_read = self._raw.tell() if compressed and self._raw else self._bytes_read + len(data)
        return data

    def close(self) -> None:
        """Close the file; standard input is left open for its owner."""
        if self.path != STDIN:
            self._file.close()
        if self._raw is not None:
            self._raw.close()


def open_binary(path: str) -> BinaryIO:
    """Open a file for reading.

    Raises
    ------
    UsageError
        For a directory.
    ConnectorError
        When it is missing or not readable, in one line.
    """
    file = Path(path)
    if file.is_dir():
        raise UsageError(f"{path}: is a directory, name its files or a pattern such as {file / '*.csv'}")
    try:
        return file.open("rb")
    except FileNotFoundError:
        raise ConnectorError(f"{path}: no such file{_beside(file)}") from None
    except OSError as error:
        raise ConnectorError(f"{path}: cannot be read: {error.strerror}") from error


def _beside(file: Path) -> str:
    """Name the nearest file of the folder, or the folder when that is what is missing."""
    if not file.parent.is_dir():
        return f" (nor a folder {str(file.parent)!r})"
    close = difflib.get_close_matches(file.name, [other.name for other in file.parent.iterdir()], n=1)
    return f"; did you mean {str(file.parent / close[0])!r}?" if close else ""
