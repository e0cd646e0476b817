"""Files that survive a crash: synced to the disk, or written under another name and renamed when they are complete."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import IO

SUFFIX = ".partial"
"""Of a file that is not complete."""


class Replacement:
    """A file that replaces the one at `path` when it is committed; until then its name ends in ".partial".

    What has that name already is removed and never written to: a link could point to any file.

    Parameters
    ----------
    path
        The name when it is complete.

    Raises
    ------
    OSError
        If it cannot be created.

    Examples
    --------
    >>> new = Replacement("a.txt")
    >>> new.file.write(b"complete")
    8
    >>> Path("a.txt").exists()
    False
    >>> new.commit()
    >>> Path("a.txt").read_text()
    'complete'
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self._partial = Path(f"{path}{SUFFIX}")
        self._partial.unlink(missing_ok=True)
        self.file = self._partial.open("xb")

    def commit(self) -> None:
        """Write everything to the disk, and give the file its name."""
        sync_file(self.file)
        self.file.close()
        self._partial.replace(self._path)
        sync_folder(self._path.absolute().parent)

    def discard(self) -> None:
        """Remove the file."""
        self._partial.unlink(missing_ok=True)
        with suppress(OSError):  # that its last bytes cannot be written does not matter any more
            self.file.close()


def sync_file(file: IO[bytes]) -> None:
    """Write a file to the disk; a pipe or a device has none."""
    file.flush()
    if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Write the names of a folder to the disk: those of new, renamed and removed files."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except PermissionError:  # a folder may be writable but not readable, and cannot be synced then
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
