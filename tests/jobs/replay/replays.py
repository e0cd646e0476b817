"""Replays that can be stopped, and the state that they leave behind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stream_rnn.checkpoints.folder import CheckpointFolder
from stream_rnn.jobs.replay.open import open_replay

if TYPE_CHECKING:
    from pathlib import Path

    from stream_rnn.checkpoints.file import CheckpointData
    from stream_rnn.jobs.replay.job import BatchReport, Job
    from stream_rnn.jobs.replay.summary import Summary
    from stream_rnn.settings.replay import ReplaySettings

NETWORK: dict[str, Any] = {"hidden": 4, "window": 4, "horizon": 2}


def replay(settings: ReplaySettings, stop_after: int | None, **network: Any) -> Summary:
    """Replay with a small network; stop after about so many events."""
    return run_job(open_replay(settings, NETWORK | network), stop_after)


def run_job(job: Job[Any], stop_after: int | None) -> Summary:
    """Run a job; stop it after about so many events."""

    def stop_in_time(_: BatchReport) -> None:
        if stop_after is not None and job.events >= stop_after:
            job.stop()

    return job.run(stop_in_time)


def last_state(folder: Path) -> CheckpointData:
    newest = CheckpointFolder(folder / "state").newest()
    assert newest is not None
    return newest[1]
