"""Checkpointing: starts checkpoints of workers, and reports those that are written and those that fail.

A failed checkpoint does not end the job: the next one covers its progress, and until then a restart takes longer.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from stream_rnn.errors import CheckpointError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from stream_rnn.checkpoints.writer import CheckpointTimings
    from stream_rnn.jobs.live.metrics import JobMetrics
    from stream_rnn.jobs.live.worker import PartitionWorker

log = logging.getLogger("stream_rnn")


class Checkpointing:
    """Checkpoints of workers.

    Parameters
    ----------
    metrics
        Gets every checkpoint and every failure.
    """

    def __init__(self, metrics: JobMetrics) -> None:
        self._metrics = metrics

    def report_finished(self, workers: Iterable[PartitionWorker]) -> None:
        """Report the checkpoints that have reached the disk since the last call."""
        for worker in workers:
            self._report(worker, worker.finished_checkpoint)

    def start(self, workers: Iterable[PartitionWorker]) -> None:
        """Start a checkpoint of each worker, except of those whose state is not committed."""
        for worker in workers:
            if not worker.is_ahead:
                self._start(worker, worker.start_checkpoint)

    def finish(self, workers: Iterable[PartitionWorker]) -> None:
        """Write the present state of each worker, unless its newest checkpoint has it, and wait until it is on disk."""
        for worker in workers:
            self._start(worker, worker.start_last_checkpoint)
            while self._report(worker, worker.wait_for_checkpoint):
                pass

    def _start(self, worker: PartitionWorker, start: Callable[[], None]) -> None:
        try:
            start()
        except CheckpointError as error:
            self._report_failure(worker, error)

    def _report(self, worker: PartitionWorker, result: Callable[[], CheckpointTimings | None]) -> bool:
        """Report one checkpoint that was written or has failed; return whether there was one."""
        try:
            timings = result()
        except CheckpointError as error:
            self._report_failure(worker, error)
            return True
        if timings is None:
            return False
        self._metrics.checkpointed(worker.name, pause=timings.pause, seconds=timings.written, size=timings.bytes)
        return True

    def _report_failure(self, worker: PartitionWorker, error: CheckpointError) -> None:
        self._metrics.failed("checkpoint")
        log.error("%s: %s; the previous checkpoint stays", worker.name, error)
