"""A folder of checkpoints: the newest few, the newest sound one to go on from."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stream_rnn.checkpoint import Saved, read
from stream_rnn.errors import CheckpointError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stream_rnn.config import Settings
    from stream_rnn.engine import Engine

SUFFIX = ".safetensors"

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
        path = self.folder / f"checkpoint-{engine.counts.events:015d}{SUFFIX}"
        engine.save(path, positions=positions)
        for old in self.files[: -self._keep]:
            old.unlink(missing_ok=True)
        return path

    def newest(self, settings: Settings | None = None) -> tuple[Path, Saved] | None:
        """Return the newest sound checkpoint, or None if there is none; a damaged one is reported.

        Raises
        ------
        CheckpointError
            If there are checkpoints and none is sound, or the newest sound one is of other settings.
        """
        files = self.files
        for path in reversed(files):
            try:
                saved = read(path)
            except CheckpointError as error:
                log.warning("%s; going back to the one before", error)
                continue
            return path, read(path, settings) if settings is not None else saved
        if files:
            raise CheckpointError(f"no checkpoint in {self.folder} can be read")
        return None
