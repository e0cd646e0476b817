"""GrowingFile: a file that another process appends to while it is read."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stream_rnn.connectors.closeable import Closeable
from stream_rnn.connectors.errors import ConnectorError

if TYPE_CHECKING:
    from typing import BinaryIO


class GrowingFile(Closeable):
    """Reads what has been appended since the last read; an empty result means nothing new, not the end.

    Parameters
    ----------
    path
        Name of the file, for error messages.
    file
        Opened for reading; closed with this object.

    Examples
    --------
    >>> from pathlib import Path
    >>> with Path("growing.csv").open("w+b") as file:
    ...     growing = GrowingFile("growing.csv", file)
    ...     growing.read(10)
    b''
    """

    def __init__(self, path: str, file: BinaryIO) -> None:
        self._path = path
        self._file = file
        self._bytes_read = 0

    def read(self, size: int) -> bytes:
        """Return at most `size` new bytes, without waiting.

        Raises
        ------
        ConnectorError
            If the file has become shorter, because positions in it are no longer valid.
        """
        data = self._file.read(size)
        self._bytes_read += len(data)
        if not data and (length := os.fstat(self._file.fileno()).st_size) < self._bytes_read:
            raise ConnectorError(
                f"{self._path}: was truncated to {length:,} bytes while being followed, "
                f"after {self._bytes_read:,} had been read"
            )
        return data

    def close(self) -> None:
        """Close the file."""
        self._file.close()
