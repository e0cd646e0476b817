"""A place among the processes that share a folder: the same one again for a process that was killed and starts anew."""

from __future__ import annotations

import fcntl
import re
import socket
import zlib
from pathlib import Path
from typing import IO

from stream_rnn.connectors.closeable import Closeable
from stream_rnn.errors import CheckpointError, SettingError

MOST = 1000
"""Processes of a folder on one machine."""
LONGEST = 200
"""Characters of a name; Kafka allows 249."""


class Slot(Closeable):
    """The lowest number that no other running process has, held by a lock that ends with the process.

    A killed process leaves its number to the one that replaces it. Under the same name Kafka then ends at once what
    the dead one left open, and gives its partitions back without waiting for its session to time out.

    Parameters
    ----------
    folder
        Made when it is not there; shared by the processes.
    most
        How many processes there may be; None for very many.

    Raises
    ------
    SettingError
        If all numbers are taken.
    CheckpointError
        If the folder cannot be written.
    """

    def __init__(self, folder: str | Path, most: int | None = None) -> None:
        self._folder = Path(folder).absolute()
        self._file: IO[bytes] | None = None
        for number in range(most or MOST):
            self._file = _locked(self._folder, number)
            if self._file is not None:
                self.number = number
                return
        raise SettingError(f"another process works in the folder {folder}: there may be {most or MOST} at a time")

    def name(self, group: str) -> str:
        """Return a name of this process in a group, in the characters that Kafka allows.

        No other running process has it: it tells the machine, the folder and the number.
        """
        place = f"{socket.gethostname()}-{zlib.crc32(str(self._folder).encode()):08x}-{self.number}"
        return re.sub(r"[^A-Za-z0-9._-]", "_", f"{group}-{place}")[-LONGEST:]

    def close(self) -> None:
        """Let another process have the number."""
        if self._file is not None:
            self._file.close()


def _locked(folder: Path, number: int) -> IO[bytes] | None:
    """Lock a number's file; None where another process has it."""
    path = folder / f".process-{socket.gethostname()}-{number}.lock"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = path.open("ab")
    except OSError as error:
        raise CheckpointError(f"checkpoint folder {folder} cannot be written: {error.strerror}") from None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file
