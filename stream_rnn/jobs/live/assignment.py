"""Assignment: the partitions that are assigned to this process, and their workers.

Each partition is in one of three states:

    not assigned    of no concern to this process
    pending         assigned by the group and paused; it has no worker yet
    open            has a worker, and is read

`add` makes partitions pending, `open_next` opens one of them, and `release` gives them up.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from stream_rnn.connectors.errors import ConnectorError
from stream_rnn.connectors.kafka.partitions import partition_name
from stream_rnn.jobs.live.flushes import decode
from stream_rnn.jobs.live.recovery import open_worker
from stream_rnn.jobs.live.reporting import report_engine

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kafka import TopicPartition

    from stream_rnn.connectors.kafka.source import KafkaSource
    from stream_rnn.jobs.live.context import SessionContext
    from stream_rnn.jobs.live.worker import PartitionWorker

log = logging.getLogger("stream_rnn")

JOB_WORKER = "job"
"""Name of the one worker with ``scope = "job"``."""


class Assignment:
    """The partitions of one session, and their workers.

    Parameters
    ----------
    context
        Its `workers` are opened and released here.
    source
        Reads the partitions.
    """

    def __init__(self, context: SessionContext, source: KafkaSource) -> None:
        self._context = context
        self._source = source
        self._pending: set[TopicPartition] = set()

    @property
    def has_pending(self) -> bool:
        """Whether there are partitions to open."""
        return bool(self._pending)

    def worker(self, partition: TopicPartition) -> PartitionWorker:
        """Return the worker of an open partition."""
        return self._context.workers[partition]

    def has(self, partition: TopicPartition, worker: PartitionWorker) -> bool:
        """Return whether a partition is open with this worker."""
        return self._context.workers.get(partition) is worker

    def workers(self, partitions: Iterable[TopicPartition] | None = None) -> list[PartitionWorker]:
        """Return the workers of these partitions, or all, each once."""
        workers = self._context.workers
        chosen = workers if partitions is None else [partition for partition in partitions if partition in workers]
        return list(dict.fromkeys(workers[partition] for partition in chosen))

    def add(self, partitions: set[TopicPartition]) -> None:
        """Add partitions that the group has assigned; they are pending."""
        self._pending |= partitions
        self._context.metrics.rebalanced()

    def release(self, partitions: Iterable[TopicPartition]) -> None:
        """Give up partitions, with their workers' uncommitted work."""
        given_up = set(partitions)
        for worker in self.workers(given_up):
            self._context.metrics.released(worker.name)
        for partition in given_up:
            self._context.workers.pop(partition, None)
        self._pending -= given_up

    def open_next(self) -> set[TopicPartition]:
        """Open one of the pending partitions, or the worker of the job; return what is now read from its offset on.

        Nothing may be in progress or uncommitted. Records that were polled of the returned partitions before will be
        read again. To open a partition of a large network takes seconds, so a stop is noticed after each.

        Raises
        ------
        ConnectorError, CheckpointError
            If a partition cannot be opened.
        """
        assigned = self._source.assignment()
        self.release(set(self._context.workers) - assigned)  # workers that an earlier session has left
        self._pending &= assigned
        if not self._pending:
            return set()
        if self._context.settings.scope == "job":
            self._check_alone(assigned)
            self._pending.clear()
            self._open(JOB_WORKER, assigned)
            return assigned
        partition = min(self._pending)
        self._pending.remove(partition)
        self._open(partition_name(partition), {partition})
        return {partition}

    def _check_alone(self, assigned: set[TopicPartition]) -> None:
        if assigned != self._source.partitions():
            raise ConnectorError(
                f"scope is job, but another process of group {self._context.settings.group!r} has some of the "
                "partitions: stop it, or set scope to partition"
            )

    def _open(self, name: str, partitions: set[TopicPartition]) -> None:
        worker = self._find_or_create(name, partitions)
        for partition, missing in worker.skip_deleted_records(self._source).items():
            log.error(
                "%s: %d records were deleted before they were read; the model has not learned from them",
                partition_name(partition),
                missing,
            )
            self._context.metrics.lost(name, missing)
        self._context.workers.update(dict.fromkeys(partitions, worker))
        self._context.metrics.assigned(name)
        report_engine(self._context.metrics, worker)
        offsets = ", ".join(map(str, worker.offsets.processed.values()))
        log.info("%s: assigned, starting at offset%s %s", name, "s" if len(partitions) > 1 else "", offsets)
        self._source.resume(worker.offsets.processed)

    def _find_or_create(self, name: str, partitions: set[TopicPartition]) -> PartitionWorker:
        """Return the worker that an earlier session has left if it is up to date, or a new one."""
        committed = {partition: self._source.committed(partition) for partition in sorted(partitions)}
        flushes = {partition: decode(self._source.note(partition)) for partition in committed}
        known = self.workers(partitions)
        topics = {partition.topic for partition in partitions}
        if (
            len(known) == 1
            and known[0].is_at(committed, flushes)
            and all(known[0].is_of(topic, self._source.identity(topic)) for topic in topics)
        ):
            known[0].mark_all_committed()
            return known[0]
        self.release(partitions)
        return open_worker(name, self._context.config, committed, self._source, self.workers(), flushes)
