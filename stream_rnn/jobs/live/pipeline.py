"""Pipeline: processes batches in threads of its own, while the job's loop polls and writes."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from stream_rnn.engine.threads import available_cpus

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

    from stream_rnn.connectors.kafka.decoder import KafkaBatch
    from stream_rnn.jobs.live.worker import PartitionWorker, WorkerOutput

    Result = tuple[PartitionWorker, WorkerOutput]
    """A worker, and its output for a batch."""


class Pipeline:
    """Batches that are being processed, in the order in which they were submitted.

    Workers are processed at the same time, as far as there are CPUs; the batches of one worker one after the other, by
    the same thread. While a worker's batch is in the pipeline, its engine belongs to that thread.
    """

    def __init__(self) -> None:
        self._executors = [ThreadPoolExecutor(1, "engine") for _ in range(available_cpus())]
        self._threads: dict[PartitionWorker, int] = {}
        """which executor processes a worker, until everything is collected"""
        self._running: deque[tuple[PartitionWorker, Future[WorkerOutput]]] = deque()

    @property
    def busy(self) -> bool:
        """Whether there are batches whose results were not collected."""
        return bool(self._running)

    def submit(self, worker: PartitionWorker, batch: KafkaBatch) -> None:
        """Let a thread process a batch."""
        thread = self._threads.setdefault(worker, len(self._threads) % len(self._executors))
        self._running.append((worker, self._executors[thread].submit(worker.process, batch)))

    def collect(self) -> Iterator[Result]:
        """Yield the result of every batch, in order, as soon as it is available."""
        while self._running:
            worker, future = self._running.popleft()
            yield worker, future.result()
        self._threads.clear()

    def close(self) -> None:
        """Wait until the threads have ended."""
        for executor in self._executors:
            executor.shutdown()
