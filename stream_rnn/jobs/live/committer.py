"""Committer: writes the output of workers, and commits it together with the offsets of their input.

With ``delivery = "exactly_once"``, output and offsets are in one transaction. With ``"at_least_once"``, offsets are
committed after the output was delivered; after a crash in between, output is written again.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from kafka.errors import RebalanceInProgressError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kafka import TopicPartition

    from stream_rnn.connectors.kafka.partitions import Headers, Offsets
    from stream_rnn.connectors.kafka.sink import KafkaSink
    from stream_rnn.connectors.kafka.source import KafkaSource
    from stream_rnn.jobs.live.assignment import Assignment
    from stream_rnn.jobs.live.context import SessionContext
    from stream_rnn.jobs.live.pipeline import Result
    from stream_rnn.jobs.live.worker import PartitionWorker


class Committer:
    """Writes and commits for all workers of a session.

    What was written of a partition that has been released since is not committed.

    Parameters
    ----------
    context
        Settings, dead letters and metrics of the job.
    assignment
        The workers.
    source
        Member of the group, which offsets are committed for.
    sink
        Where output goes.
    """

    def __init__(self, context: SessionContext, assignment: Assignment, source: KafkaSource, sink: KafkaSink) -> None:
        self._metrics = context.metrics
        self._dead_letters = context.dead_letters
        self._exactly_once = context.settings.delivery == "exactly_once"
        self._commit_seconds = context.settings.commit_seconds
        self._assignment = assignment
        self._source = source
        self._sink = sink
        self._written: dict[TopicPartition, tuple[PartitionWorker, int]] = {}
        """worker and next offset of each partition with output that is not committed"""
        self._committed_at = time.monotonic()

    @property
    def due(self) -> bool:
        """Whether `commit_seconds` have passed since the last commit."""
        return time.monotonic() - self._committed_at >= self._commit_seconds

    def write(self, results: Sequence[Result]) -> None:
        """Write the output of some batches at once, so that one request adds their partitions to the transaction."""
        outputs = [output for _, output in results]
        headers: list[Headers] | None = None
        if any(output.headers for output in outputs):
            headers = [some for output in outputs for some in output.headers or [()] * len(output.payloads)]
        self._sink.write(
            [payload for output in outputs for payload in output.payloads],
            [key for output in outputs for key in output.keys],
            headers,
        )
        for worker, output in results:
            self._sink.write_dead_letters(output.dead)
            if self._dead_letters is not None:
                self._dead_letters.add_all(output.dead)
            self._written[output.partition] = worker, output.next

    def commit(self) -> None:
        """Commit everything that was written.

        Raises
        ------
        KafkaError
            If the commit may have failed.
        """
        offsets = self._deliver()
        if not self._exactly_once:
            try:
                self._source.commit(offsets, self._notes(offsets))
            except RebalanceInProgressError:
                self._metrics.failed("rebalance")  # the offsets are part of the next commit
                return
        self._mark_committed(offsets)

    def commit_before_revocation(self) -> Offsets:
        """Commit everything that was written, from within a rebalance; return the offsets left for the caller.

        Without transactions, the source has to commit the offsets itself: `KafkaSource.commit` raises during a
        rebalance.

        Raises
        ------
        KafkaError
            If the commit may have failed.
        """
        offsets = self._deliver()
        self._mark_committed(offsets)
        return {} if self._exactly_once else offsets

    def _deliver(self) -> Offsets:
        """Make everything that was written visible; return the offsets of its input."""
        offsets = {
            partition: offset
            for partition, (worker, offset) in self._written.items()
            if self._assignment.has(partition, worker) and worker.has_uncommitted(partition, offset)
        }
        if self._dead_letters is not None:
            self._dead_letters.flush()
        seconds = self._sink.commit(offsets, self._source.membership, self._notes(offsets))
        if offsets:
            self._metrics.committed(seconds)
        self._committed_at = time.monotonic()
        return offsets

    def _notes(self, offsets: Offsets) -> dict[TopicPartition, str]:
        """Return the note to commit with each offset."""
        return {partition: self._assignment.worker(partition).note(partition) for partition in offsets}

    def _mark_committed(self, offsets: Offsets) -> None:
        self._written.clear()
        for partition, offset in offsets.items():
            self._assignment.worker(partition).mark_committed(partition, offset)
