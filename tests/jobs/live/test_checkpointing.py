"""Checkpointing: every checkpoint and every failure is reported once, and no failure ends the job."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workers import NAME, batch_of, make_config, open_at

from stream_rnn.jobs.live.checkpointing import Checkpointing
from stream_rnn.jobs.live.metrics import JobMetrics

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


class Reports(JobMetrics):
    """Metrics that keep what is reported of checkpoints."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []
        self.failures: list[str] = []

    def checkpointed(self, partition: str, *, pause: float, seconds: float, size: int) -> None:
        assert partition == NAME
        assert pause >= 0
        assert seconds > 0
        self.sizes.append(size)

    def failed(self, kind: str) -> None:
        self.failures.append(kind)


def test_a_state_that_is_not_committed_gets_no_checkpoint(tmp_path: Path) -> None:
    reports, worker = Reports(), open_at(make_config(tmp_path), None)
    worker.process(batch_of(0, 5))
    Checkpointing(reports).start([worker])
    assert worker.wait_for_checkpoint() is None
    worker.mark_all_committed()
    Checkpointing(reports).start([worker])
    assert worker.wait_for_checkpoint() is not None


def test_finish_reports_the_running_checkpoint_and_the_last_one(tmp_path: Path) -> None:
    reports, worker = Reports(), open_at(make_config(tmp_path), None)
    checkpointing = Checkpointing(reports)
    worker.process(batch_of(0, 5))
    worker.mark_all_committed()
    checkpointing.start([worker])
    worker.process(batch_of(5, 10))
    checkpointing.finish([worker])
    assert len(reports.sizes) == 2
    checkpointing.report_finished([worker])
    checkpointing.finish([worker])
    assert len(reports.sizes) == 2


def test_a_failure_is_logged_and_counted_and_the_next_checkpoint_is_written(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    reports, worker = Reports(), open_at(make_config(tmp_path), None)
    checkpointing = Checkpointing(reports)
    worker.process(batch_of(0, 5))
    folder = tmp_path / NAME
    folder.rename(tmp_path / "away")
    folder.touch()
    checkpointing.finish([worker])
    assert (reports.failures, reports.sizes) == (["checkpoint"], [])
    assert f"{NAME}: cannot write checkpoint" in caplog.text
    folder.unlink()
    checkpointing.finish([worker])
    assert (reports.failures, len(reports.sizes)) == (["checkpoint"], 1)
