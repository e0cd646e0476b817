"""A replay that may be stopped, and what it leaves behind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stream_rnn.checkpoints.folder import CheckpointFolder
from stream_rnn.jobs.replay.open import replay

if TYPE_CHECKING:
    from pathlib import Path

    from stream_rnn.checkpoints.file import CheckpointData
    from stream_rnn.jobs.replay.job import Shown, Summary
    from stream_rnn.settings.replay import ReplaySettings

NETWORK: dict[str, Any] = {"hidden": 4, "window": 4, "horizon": 2}


def replayed(settings: ReplaySettings, stop_after: int | None) -> Summary:
    """Replay with a small network; stop after so many batches."""
    job, batches = replay(settings, NETWORK), list[int]()

    def watch(shown: Shown) -> None:
        batches.append(len(shown.batch))
        if len(batches) == stop_after:
            job.stop()

    return job.run(watch)


def last_state(folder: Path) -> CheckpointData:
    found = CheckpointFolder(folder / "state").newest()
    assert found is not None
    return found[1]
