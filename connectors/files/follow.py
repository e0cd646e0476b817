"""Files that grow while they are read, and how long to wait for them."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from stream_rnn.connectors.errors import ConnectorError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

POLL = 0.1  # seconds between two looks at a quiet file: short for a person, nothing for the machine


class GrowingFile:
    """Read what has been appended since the last look; an empty answer means nothing new, not the end.

    Parameters
    ----------
    path : str
    file : binary file
        Opened for reading; closed with this object.
    """

    def __init__(self, path: str, file: BinaryIO) -> None:
        self._path = path
        self._file = file
        self._read = 0

    def read(self, size: int) -> bytes:
        """Give at most `size` new bytes, at once.

        Raises
        ------
        ConnectorError
            When the file has become shorter: what was read is not there any more, and positions mean nothing.
        """
        data = self._file.read(size)
        self._read += len(data)
        if not data and (length := os.fstat(self._file.fileno()).st_size) < self._read:
            raise ConnectorError(
                f"{self._path}: was cut to {length:,} bytes while being followed, {self._read:,} had been read"
            )
        return data

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class Stop:
    """One question, "stop now?", asked of an event or a callable, and a wait that ends early when it is yes.

    Parameters
    ----------
    ask : threading.Event or callable, optional
        Set or true when it is time to stop. Without it only `set` stops.
    """

    def __init__(self, ask: threading.Event | Callable[[], bool] | None = None) -> None:
        self._event = ask if isinstance(ask, threading.Event) else threading.Event()
        self._ask = ask if callable(ask) else None

    def __bool__(self) -> bool:
        return self._event.is_set() or (self._ask is not None and self._ask())

    def set(self) -> None:
        """Ask to stop, from any thread or signal handler."""
        self._event.set()

    def wait(self, seconds: float) -> None:
        """Sleep, but wake up when asked to stop."""
        if not self:
            self._event.wait(min(seconds, POLL) if self._ask is not None else seconds)
