"""A folder of checkpoints: keep the newest few, resume from the newest intact one."""

from __future__ import annotations

import logging
import shutil
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stream_rnn.checkpoints import file
from stream_rnn.errors import CheckpointError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stream_rnn.checkpoints.file import CheckpointData

SUFFIX = ".safetensors"
STALE_SECONDS = 3600.0
"""A temporary file older than this was left by a killed process."""

log = logging.getLogger("stream_rnn")


class CheckpointFolder:
    """Checkpoints of one engine, named by the number of events it had processed.

    Parameters
    ----------
    folder
        Created when the first checkpoint is written.
    keep
        How many checkpoints to keep.
    """

    def __init__(self, folder: str | Path, keep: int = 3) -> None:
        self.folder = Path(folder)
        self._keep = keep

    @property
    def files(self) -> list[Path]:
        """The checkpoint files, oldest first."""
        return sorted(self.folder.glob(f"checkpoint-*{SUFFIX}"))

    def write(self, data: CheckpointData, events: int) -> Path:
        """Write the state of an engine after so many events, and remove all but the newest checkpoints.

        Raises
        ------
        CheckpointError
            If the file cannot be written.
        """
        path = self.folder / f"checkpoint-{events:015d}{SUFFIX}"
        self._remove_stale()
        file.write(path, data)
        for old in self.files[: -self._keep]:
            try:
                old.unlink(missing_ok=True)
            except OSError as error:
                log.warning("cannot remove the old checkpoint %s: %s", old, error.strerror or error)
        return path

    def newest(
        self,
        *,
        accept: Callable[[Mapping[str, Any]], bool] | None = None,
        verify: Callable[[CheckpointData], object] | None = None,
    ) -> tuple[Path, CheckpointData] | None:
        """Return the newest intact checkpoint, or None if the folder has none; damaged ones are logged.

        Parameters
        ----------
        accept
            Called with a checkpoint's positions. If it returns False, the checkpoint is skipped without being read. It
            raises a `CheckpointError` if the positions cannot be right.
        verify
            Called with a checkpoint's contents; raises a `CheckpointError` if they cannot be right. None to verify
            nothing.

        Raises
        ------
        CheckpointError
            If none can be read, with the reason for the newest.
        """
        files, errors = self.files, list[CheckpointError]()
        for path in reversed(files):
            try:
                if accept is not None and not accept(file.read_positions(path)):
                    continue
                data = file.read(path)
                if verify is not None:
                    verify(data)
            except CheckpointError as error:
                log.warning("%s; falling back to the previous checkpoint", error)
                errors.append(error)
                continue
            return path, data
        if files and len(errors) == len(files):
            raise CheckpointError(
                f"no checkpoint in {self.folder} can be read, use another folder to start from scratch: {errors[0]}"
            )
        return None

    def _remove_stale(self) -> None:
        """Remove partial files of killed processes, before writing: they may be what fills the disk."""
        for partial in self.folder.glob(f".checkpoint-*{SUFFIX}.*"):
            with suppress(OSError):  # another process may remove it, too, and a file that stays does no harm
                if time.time() - partial.stat().st_mtime > STALE_SECONDS:
                    shutil.rmtree(partial) if partial.is_dir() else partial.unlink()
