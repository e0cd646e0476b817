"""ByteStream: the bytes of a text file as UTF-8, plain, compressed or growing, or of standard input."""

from __future__ import annotations

import codecs
import difflib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from stream_rnn.connectors.closeable import Closeable
from stream_rnn.connectors.errors import ConnectorError, UsageError
from stream_rnn.connectors.files.containers import DAMAGE, Container, container_of
from stream_rnn.connectors.files.encodings import MARK_BYTES, encoding_of
from stream_rnn.connectors.files.follow import GrowingFile

if TYPE_CHECKING:
    from collections.abc import Callable

    from stream_rnn.connectors.files.containers import Readable

STDIN = "-"
BLOCK_BYTES = 1 << 20
"""Bytes that are read at once: enough to be parsed column by column, few enough to stay in the cache."""


class ByteStream(Closeable):
    """Bytes of one text file in blocks, as UTF-8 and without a byte order mark.

    Parameters
    ----------
    path
        A file, in a container if its name ends like one (see `containers`), or ``-`` for standard input.
    follow
        Whether the file is expected to grow.
    encoding
        A result of `check_encoding`. Default: UTF-8, or what a byte order mark says.
    stdin
        Read for ``-``. Default: standard input of the process.

    Raises
    ------
    UsageError
        If the path is a directory.
    ConnectorError
        If the file does not exist, cannot be read, is empty, or has another encoding.

    Attributes
    ----------
    recognised : tuple of str
        The encoding, if a byte order mark says that it is not UTF-8.

    Examples
    --------
    >>> import io
    >>> stream = ByteStream("-", stdin=io.BytesIO(b"x,y"))
    >>> stream.peek(), stream.read(), stream.read()
    (b'x,y', b'x,y', None)
    """

    def __init__(
        self, path: str, *, follow: bool = False, encoding: str | None = None, stdin: BinaryIO | None = None
    ) -> None:
        self.path = path
        self.follow = follow
        self.recognised: tuple[str, ...] = ()
        self.size: int | None = None
        self._bytes_read = 0
        self._raw: BinaryIO | None = None
        self._container: Container | None = None
        self._decoder: codecs.IncrementalDecoder | None = None
        if path == STDIN:
            if stdin is None and sys.stdin is None:
                raise ConnectorError("standard input: is closed")
            file = stdin if stdin is not None else sys.stdin.buffer
            self._file: Readable = file
            # read1 returns what a pipe has: events of a live stream must not wait for a full block.
            self._read = cast("Callable[[int], bytes]", getattr(file, "read1", file.read))
        else:
            self._raw = open_binary(path)
            self.size = os.fstat(self._raw.fileno()).st_size
            self._container = None if follow else container_of(path)
            try:
                self._file = _reader(path, self._raw, self._container, follow=follow)
            except BaseException:
                self._raw.close()
                raise
            self._read = self._file.read
        self._head = b""
        try:
            self._check_start(encoding)
        except BaseException:
            self.close()
            raise

    @property
    def name(self) -> str:
        """The path, for messages."""
        return "standard input" if self.path == STDIN else self.path

    @property
    def bytes_read(self) -> int:
        """Bytes of the file, compressed if it is, that have been read."""
        return self._bytes_read

    def peek(self) -> bytes:
        """Return the first bytes, without consuming them."""
        return self._head

    def peek_more(self) -> bool:
        """Add the next bytes to what `peek` returns; return whether there are any."""
        data = self._fetch()
        self._head += data
        return bool(data)

    def skip(self, count: int) -> None:
        """Drop the first of the bytes that `peek` returns."""
        self._head = self._head[count:]

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

    def _check_start(self, encoding: str | None) -> None:
        """Recognise the encoding, remove the byte order mark, and refuse empty files."""
        start = b""
        while len(start) < MARK_BYTES and (data := self._fetch_raw()):
            start += data
        found = encoding_of(self.path, start, encoding)
        if found.is_recognised:
            self.recognised = (f"encoding {found.name}",)
        if not found.is_utf8:
            # What is not text in this encoding becomes U+FFFD, which no parser accepts.
            self._decoder = codecs.getincrementaldecoder(found.name)("replace")
        self._head = self._decode(start).removeprefix(codecs.BOM_UTF8)
        if not self._head and not self.follow and not self.peek_more():
            raise ConnectorError(f"{self.name}: is empty")

    def _fetch(self) -> bytes:
        """Return the next bytes as UTF-8, empty if there are none now."""
        while data := self._fetch_raw():
            if text := self._decode(data):
                return text
        return self._decode(b"", final=not self.follow)

    def _decode(self, data: bytes, *, final: bool = False) -> bytes:
        return data if self._decoder is None else self._decoder.decode(data, final).encode()

    def _fetch_raw(self) -> bytes:
        name = "" if self._container is None else self._container.name
        try:
            data = self._read(BLOCK_BYTES)
        except EOFError as error:
            raise ConnectorError(f"{self.path}: is not a complete {name} file: {error}") from error
        except DAMAGE as error:
            raise ConnectorError(f"{self.path}: is not an intact {name} file: {error}") from error
        except OSError as error:
            if name and error.errno is None:
                raise ConnectorError(f"{self.path}: is not an intact {name} file: {error}") from error
            raise ConnectorError(f"{self.path}: cannot be read: {error.strerror or error}") from error
        # Progress through a compressed file is measured in compressed bytes.
        compressed = self._raw is not None and self._container is not None
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


def _reader(path: str, raw: BinaryIO, container: Container | None, *, follow: bool) -> Readable:
    if follow:
        return GrowingFile(path, raw)
    return raw if container is None else container.open(path, raw)


def _suggest_path(file: Path) -> str:
    """Return the end of a message about a missing file: the most similar file of the folder, or the missing folder."""
    if not file.parent.is_dir():
        return f", and no folder {str(file.parent)!r}"
    similar = difflib.get_close_matches(file.name, [other.name for other in file.parent.iterdir()], n=1)
    return f"; did you mean {str(file.parent / similar[0])!r}?" if similar else ""
