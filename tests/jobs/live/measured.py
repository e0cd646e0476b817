"""A clock that is set by hand, and reports of a partition."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stream_rnn.jobs.live.metrics import EngineTotals

if TYPE_CHECKING:
    from stream_rnn.jobs.live.metrics import JobMetrics

PARTITION = "sensors-3"


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def report_engine(metrics: JobMetrics, skipped: int, resets: int = 0) -> None:
    """Report an engine with 500 streams, none of them failing, and as many drifts and alarms as resets."""
    totals = EngineTotals(
        skipped_updates=skipped,
        missing_inputs=0,
        resets=resets,
        evictions=0,
        drifts=resets,
        alarms=resets,
        anomaly_alarms=0,
        abnormal_events=0,
        stuck_events=0,
        missing_events=0,
    )
    metrics.engine(PARTITION, 500, 0, totals)
