"""Pipeline: processes batches in a thread of its own, while the job's loop polls and writes."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

    from stream_rnn.connectors.kafka.decoder import KafkaBatch
    from stream_rnn.jobs.live.worker import PartitionWorker, WorkerOutput

    Result = tuple[PartitionWorker, WorkerOutput]
    """A worker, and its output for a batch."""


class Pipeline:
    """Batches that are being processed, in the order in which they were submitted.

    While a worker's batch is in the pipeline, its engine belongs to the pipeline's thread.
    """

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(1, "engine")
        self._running: deque[tuple[PartitionWorker, Future[WorkerOutput]]] = deque()

    @property
    def busy(self) -> bool:
        """Whether there are batches whose results were not collected."""
        return bool(self._running)

    def submit(self, worker: PartitionWorker, batch: KafkaBatch) -> None:
        """Let the thread process a batch."""
        self._running.append((worker, self._executor.submit(worker.process, batch)))

    def collect(self) -> Iterator[Result]:
        """Yield the result of every batch, in order, as soon as it is available."""
        while self._running:
            worker, future = self._running.popleft()
            yield worker, future.result()

    def close(self) -> None:
        """Wait until the thread has ended."""
        self._executor.shutdown()
