"""Report workers and their output to the metrics of the job."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from stream_rnn.jobs.live.metrics import EngineTotals

if TYPE_CHECKING:
    from stream_rnn.jobs.live.metrics import JobMetrics
    from stream_rnn.jobs.live.worker import PartitionWorker, WorkerOutput, WorkerSource


def report_output(metrics: JobMetrics, source: WorkerSource, worker: PartitionWorker, output: WorkerOutput) -> None:
    """Report the result of a batch."""
    metrics.processed(worker.name, events=output.events, forecasts=len(output.payloads), replayed=output.replayed)
    metrics.ordered(worker.name, duplicates=output.duplicates, held=worker.held)
    metrics.bad_values(worker.name, output.bad_values)
    metrics.tombstones(worker.name, output.tombstones)
    if output.dead:
        metrics.refused(worker.name, Counter(letter.reason for letter in output.dead))
    report_engine(metrics, worker)
    errors = worker.scores.overall()
    model, persistence = errors["model"], errors["persistence"]
    if model and persistence and "mae" in model:
        metrics.errors(worker.name, model["mae"], persistence["mae"])
    lags = [source.lag(partition, offset) for partition, offset in worker.offsets.processed.items()]
    metrics.lag(worker.name, sum(lag for lag in lags if lag is not None) + worker.held)


def report_engine(metrics: JobMetrics, worker: PartitionWorker) -> None:
    """Report the size and the counters of an engine or race."""
    counts = worker.model.counts
    totals = EngineTotals(
        skipped_updates=counts.skipped,
        missing_inputs=counts.missing_inputs,
        resets=counts.resets,
        evictions=worker.model.evictions,
        drifts=counts.drifts,
        alarms=counts.alarms,
    )
    metrics.engine(worker.name, worker.model.stream_count, worker.failing, totals)
