"""InstanceLock: a number for each process of a job, which a restarted process gets back."""

from __future__ import annotations

import re
import socket
import zlib
from pathlib import Path

from filelock import FileLock, Timeout

from stream_rnn.connectors.closeable import Closeable
from stream_rnn.errors import CheckpointError, SettingError

MAX_PROCESSES = 1000
"""Processes of one machine that can share a folder."""
MAX_NAME_LENGTH = 200
"""Characters of a name; Kafka allows 249."""


class InstanceLock(Closeable):
    """Holds the lowest number that no other running process of this machine holds in the folder.

    The operating system releases the lock when the process ends, however it ends. So the process that replaces a killed
    one gets its number, and with it its name. Kafka then aborts the transaction that the dead process left open, and
    returns its partitions without waiting for its session to time out.

    Parameters
    ----------
    folder
        Checkpoint folder that the processes share; created if it does not exist.
    max_processes
        How many processes may share the folder.

    Raises
    ------
    SettingError
        If other processes hold all numbers.
    CheckpointError
        If the folder cannot be written.

    Attributes
    ----------
    number : int
        The number of this process, from 0.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder, InstanceLock(folder) as first, InstanceLock(folder) as second:
    ...     first.number, second.number
    (0, 1)
    """

    def __init__(self, folder: str | Path, max_processes: int = MAX_PROCESSES) -> None:
        self._folder = Path(folder).absolute()
        for number in range(max_processes):
            lock = _try_lock(self._folder, number)
            if lock is not None:
                self.number = number
                self._lock = lock
                return
        processes = "another process uses" if max_processes == 1 else f"{max_processes} other processes use"
        raise SettingError(
            f"{processes} the checkpoint folder {folder}, and no more may: stop one, or set another folder"
        )

    def name(self, group: str) -> str:
        """Return the name of this process in a consumer group, in the characters that Kafka allows.

        It consists of the group, the machine, a hash of the folder, and the number, so that no two running processes
        have the same name.
        """
        place = f"{socket.gethostname()}-{zlib.crc32(str(self._folder).encode()):08x}-{self.number}"
        return re.sub(r"[^A-Za-z0-9._-]", "_", f"{group}-{place}")[-MAX_NAME_LENGTH:]

    def close(self) -> None:
        """Release the number."""
        self._lock.release()


def _try_lock(folder: Path, number: int) -> FileLock | None:
    """Lock the file of a number; return None if another process holds it."""
    path = folder / f".process-{socket.gethostname()}-{number}.lock"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path, timeout=0, thread_local=False)
        lock.acquire()
    except Timeout:
        return None
    except OSError as error:
        raise CheckpointError(f"cannot write to checkpoint folder {folder}: {error.strerror}") from None
    return lock
