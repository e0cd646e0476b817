"""TopicWatch: notices topics that were deleted or created again, and partitions held by an open transaction.

A reader of committed records stops before the first record of an open transaction. If its producer hangs, nothing after
that record arrives until the cluster ends the transaction, which may take as long as the producer has asked for.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from kafka.errors import KafkaError

from stream_rnn.connectors.kafka.partitions import partition_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from kafka import TopicPartition

    from stream_rnn.connectors.kafka.source import KafkaSource
    from stream_rnn.jobs.live.metrics import JobMetrics
    from stream_rnn.jobs.live.worker import PartitionWorker

CHECK_SECONDS = 1.0


class TopicWatch:
    """Looks for topics that do not exist, and partitions whose records wait but do not arrive.

    Such a partition is held if the records of committed transactions end at its offset.

    Parameters
    ----------
    source
        Knows the ends of partitions.
    metrics
        Receives which partitions are held.
    after
        Seconds without a record before a partition counts as held.
    clock
        Returns seconds, monotonically.
    """

    def __init__(
        self, source: KafkaSource, metrics: JobMetrics, after: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._source = source
        self._metrics = metrics
        self._after = after
        self._clock = clock
        self._checked_at = clock()
        self._waiting: dict[TopicPartition, tuple[int, float]] = {}
        """offset at which a partition with waiting records stands, and since when"""

    def check(self, workers: Iterable[PartitionWorker]) -> None:
        """Report missing topics and held partitions to the metrics, at most once a second.

        Raises
        ------
        KafkaError
            If the cluster does not answer, or if a topic was deleted and created again. Its offsets are those of
            another topic then, and nothing else ends the session if both have as many partitions.
        """
        now = self._clock()
        if now - self._checked_at < CHECK_SECONDS:
            return
        self._checked_at = now
        missing = self._source.missing_topics()
        self._metrics.missing_topics(missing)
        waiting: dict[TopicPartition, tuple[int, float]] = {}
        for worker in workers:
            for topic in {partition.topic for partition in worker.offsets.processed}.difference(missing):
                if not worker.is_of(topic, self._source.identity(topic)):
                    raise KafkaError(f"topic {topic} was deleted and created again")
            for partition, offset in worker.offsets.processed.items():
                if self._source.lag(partition, offset):
                    known = self._waiting.get(partition)
                    waiting[partition] = known if known is not None and known[0] == offset else (offset, now)
        released = self._waiting.keys() - waiting.keys()
        self._waiting = waiting
        for partition in released:
            self._metrics.held(partition_name(partition), None)
        for partition, (offset, since) in waiting.items():
            is_held = now - since >= self._after and self._source.bounds(partition)[1] <= offset
            self._metrics.held(partition_name(partition), offset if is_held else None)
