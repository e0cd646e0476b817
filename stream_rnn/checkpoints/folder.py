"""A folder of checkpoints: the newest few, the newest sound one to go on from."""

from __future__ import annotations

import logging
import shutil
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stream_rnn.checkpoints import file as checkpoint
from stream_rnn.errors import CheckpointError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stream_rnn.checkpoints.file import Saved
    from stream_rnn.engine.engine import Engine
    from stream_rnn.settings.engine import Settings

SUFFIX = ".safetensors"
STALE = 3600.0
"""Seconds after which what has a temporary name is no living writer's."""

log = logging.getLogger("stream_rnn")


class CheckpointFolder:
    """Checkpoints of one engine, named by how many events it had seen.

    Parameters
    ----------
    folder
        Made when the first checkpoint is saved.
    keep
        How many to keep.
    """

    def __init__(self, folder: str | Path, keep: int = 3) -> None:
        self.folder = Path(folder)
        self._keep = keep

    @property
    def files(self) -> list[Path]:
        """The checkpoints, oldest first."""
        return sorted(self.folder.glob(f"checkpoint-*{SUFFIX}"))

    def save(self, engine: Engine, positions: Mapping[str, Any]) -> Path:
        """Save the engine with its positions, and remove what is older than the newest few.

        Raises
        ------
        CheckpointError
            If the file cannot be written.
        """
        path = self._path(engine.counts.events)
        self._sweep()
        engine.save(path, positions=positions)
        self._prune()
        return path

    def write(self, state: Saved, events: int) -> Path:
        """Do as `save`, with the state of an engine after so many events.

        Raises
        ------
        CheckpointError
            If the file cannot be written.
        """
        path = self._path(events)
        self._sweep()
        checkpoint.write(path, state)
        self._prune()
        return path

    def newest(
        self, settings: Settings | None = None, accept: Callable[[Mapping[str, Any]], bool] | None = None
    ) -> tuple[Path, Saved] | None:
        """Return the newest sound checkpoint, or None if there is none; a damaged one is reported.

        Parameters
        ----------
        settings
            What its settings have to be; None for any.
        accept
            Asked whether a checkpoint of these positions will do; others are passed over without being read.

        Raises
        ------
        CheckpointError
            If there are checkpoints and none is sound, or the newest sound one is of other settings.
        """
        damaged, files = 0, self.files
        for path in reversed(files):
            try:
                if accept is not None and not accept(checkpoint.positions_of(path)):
                    continue
                saved = checkpoint.read(path)
            except CheckpointError as error:
                log.warning("%s; going back to the one before", error)
                damaged += 1
                continue
            if settings is not None:
                checkpoint.check_settings(path, saved.settings, settings)
            return path, saved
        if files and damaged == len(files):
            raise CheckpointError(f"no checkpoint in {self.folder} can be read")
        return None

    def _path(self, events: int) -> Path:
        return self.folder / f"checkpoint-{events:015d}{SUFFIX}"

    def _prune(self) -> None:
        for old in self.files[: -self._keep]:
            old.unlink(missing_ok=True)

    def _sweep(self) -> None:
        """Remove what killed processes left half written; before a file is written, as the disk may be full of it."""
        for left in self.folder.glob(f".checkpoint-*{SUFFIX}.*"):
            with suppress(OSError):  # another process may sweep, too, and what cannot be removed does no harm
                if time.time() - left.stat().st_mtime > STALE:
                    shutil.rmtree(left) if left.is_dir() else left.unlink()
