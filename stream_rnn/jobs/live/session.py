"""Session: one membership in the consumer group, from joining it to leaving it or failing.

In each turn the session polls records, processes them, writes forecasts, and commits. With a backlog, processing runs
in threads of its own beside polling and writing.

A session is in one of three states:

    RUNNING    turns are run; partitions come and go
    FAILED     a commit failed during a rebalance, or partitions were lost; the next turn raises, nothing is committed
    CLOSED     stopped or abandoned; rebalances are ignored

    RUNNING --(rebalance fails, partitions lost)--> FAILED --(abandon)--> CLOSED
    RUNNING --(stop, abandon)--------------------------------------------> CLOSED

Any error ends the session. What was not committed is discarded, and the next session continues from what was, as a
restarted process would.

These threads are involved:

    loop        calls `run_once`, `stop` and `abandon`, and uses everything here
    client      kafka-python's own thread calls `on_assigned`, `on_revoked` and `on_lost`, but only while the loop waits
                in `KafkaSource.poll` or `close`, so that it may use everything, too
    engine      the threads of the `Pipeline` run `PartitionWorker.process` for batches that were submitted and not yet
                collected, one of them for each worker; meanwhile the others only read counters of the worker
    checkpoint  copies and writes one checkpoint; see `checkpoints.writer`
"""

from __future__ import annotations

import logging
import time
from enum import Enum
from typing import TYPE_CHECKING

from kafka.errors import KafkaError

from stream_rnn.connectors.kafka.client import BrokerError
from stream_rnn.connectors.kafka.sink import KafkaSink
from stream_rnn.connectors.kafka.source import BACKLOG_RECORDS, MAX_POLL_RECORDS, KafkaSource
from stream_rnn.jobs.live.assignment import Assignment
from stream_rnn.jobs.live.checkpointing import Checkpointing
from stream_rnn.jobs.live.committer import Committer
from stream_rnn.jobs.live.pace import Pace
from stream_rnn.jobs.live.pipeline import Pipeline
from stream_rnn.jobs.live.reading import reading_of
from stream_rnn.jobs.live.reporting import report_output
from stream_rnn.jobs.live.topic_watch import TopicWatch

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kafka import TopicPartition

    from stream_rnn.connectors.kafka.decoder import KafkaBatch
    from stream_rnn.connectors.kafka.partitions import Offsets
    from stream_rnn.jobs.live.context import SessionContext
    from stream_rnn.jobs.live.pipeline import Result

log = logging.getLogger("stream_rnn")

IDLE_SECONDS = 0.1
"""How long an idle turn waits for records, and so how long a stop may take to be noticed."""


class SessionState(Enum):
    """State of a session; see the module."""

    RUNNING = "running"
    FAILED = "failed"
    CLOSED = "closed"


class Session:
    """Reads, processes, writes and commits as a member of the group.

    Parameters
    ----------
    context
        Settings of the job, and what outlives a session.

    Raises
    ------
    ConnectorError
        If no broker answers, or the clients are not authorized.
    """

    def __init__(self, context: SessionContext) -> None:
        self._state = SessionState.RUNNING
        self._failure: KafkaError | None = None
        self._context = context
        self._metrics = context.metrics
        self._sink = _open_sink(context)
        try:
            schema, options = reading_of(context.settings, context.config, context.registry)
            self._source = KafkaSource(context.cluster, context.subscription, schema, self, options)
        except BaseException:
            self._sink.close()
            raise
        self._assignment = Assignment(context, self._source)
        self._pipeline = Pipeline()
        self._pace = Pace(MAX_POLL_RECORDS)
        self._committer = Committer(context, self._assignment, self._source, self._sink)
        self._checkpointing = Checkpointing(self._metrics)
        self._watch = TopicWatch(self._source, self._metrics, context.settings.open_transaction_seconds)
        self._metrics.broker(answers=True)

    def run_once(self) -> None:
        """Run one turn.

        Raises
        ------
        KafkaError
            If the session has failed.
        ConnectorError, CheckpointError
            If a partition cannot be opened.
        """
        most = self._pace.limit
        has_work = self._pipeline.busy or self._assignment.has_pending
        batches = self._source.poll(0.0 if has_work else IDLE_SECONDS, most)
        has_backlog = sum(map(len, batches)) >= min(BACKLOG_RECORDS, most)
        if self._failure is not None:
            raise self._failure
        if self._assignment.has_pending:
            self._drain()
            reread = self._assignment.open_next()
            batches = [batch for batch in batches if batch.partition not in reread]
        self._collect()
        self._flush_idle()
        if has_backlog:
            self._submit(batches)
            if self._committer.due:
                self._committer.commit()
        else:
            self._process(batches)
            self._committer.commit()
        self._manage_checkpoints()
        self._watch.check(self._assignment.workers())
        self._metrics.turn_completed()

    def stop(self) -> None:
        """End in an orderly way: commit, write checkpoints, and leave the group.

        Raises
        ------
        KafkaError
            If not everything could be committed; then the next start continues as after a crash.
        """
        self._drain()
        self._checkpointing.finish(self._assignment.workers())
        self._state = SessionState.CLOSED
        self._context.workers.clear()
        self._source.close()
        try:
            self._source.leave()
        except (KafkaError, BrokerError) as error:
            log.warning("cannot leave the group, which waits until this session times out: %s", error)
        self._sink.close()
        self._pipeline.close()

    def abandon(self) -> None:
        """Close after a failure, without committing. Workers are kept: the next session can use those up to date."""
        self._state = SessionState.CLOSED
        self._pipeline.close()
        self._sink.close()
        try:
            self._source.close()
        except KafkaError as error:
            log.info("while closing: %s", error)

    def on_assigned(self, partitions: set[TopicPartition]) -> None:
        """Accept partitions; the loop opens them after its poll."""
        self._assignment.add(partitions)

    def on_revoked(self, partitions: set[TopicPartition]) -> Offsets:
        """Commit, write checkpoints of the partitions, and give them up; return offsets that are left to commit."""
        offsets: Offsets = {}
        if self._state is SessionState.RUNNING:
            try:
                self._collect()
                offsets = self._committer.commit_before_revocation()
                self._checkpointing.finish(self._assignment.workers(partitions))
            except KafkaError as error:
                self._fail(error)
        if self._state is not SessionState.CLOSED:
            self._assignment.release(partitions)
        return offsets

    def on_lost(self, partitions: set[TopicPartition]) -> None:
        """Give up partitions that already belong to others, who will process again what was not committed."""
        if self._state is not SessionState.CLOSED:
            self._fail(KafkaError("the group has assigned this process's partitions to others"))
            self._assignment.release(partitions)

    def _fail(self, error: KafkaError) -> None:
        self._state, self._failure = SessionState.FAILED, error

    def _process(self, batches: Iterable[KafkaBatch]) -> None:
        """Process a few records in this thread, which is faster than handing them to the other."""
        workers = [(self._assignment.worker(batch.partition), batch) for batch in batches]
        self._write([(worker, worker.process(batch)) for worker, batch in workers])

    def _flush_idle(self) -> None:
        """Release the events of silent streams; nothing may be in progress."""
        now = time.monotonic()
        results = [(worker, output) for worker in self._assignment.workers() for output in worker.flush_idle(now)]
        if results:
            self._write(results)

    def _submit(self, batches: Iterable[KafkaBatch]) -> None:
        """Let the pipeline process many records."""
        for batch in batches:
            self._pipeline.submit(self._assignment.worker(batch.partition), batch)

    def _collect(self) -> None:
        """Wait for the pipeline, and write its results."""
        for result in self._pipeline.collect():
            self._write([result])

    def _write(self, results: list[Result]) -> None:
        self._committer.write(results)
        for worker, output in results:
            self._pace.add(output.records, output.seconds)
            report_output(self._metrics, self._source, worker, output)

    def _drain(self) -> None:
        """Finish and commit everything that was read."""
        self._collect()
        self._committer.commit()

    def _manage_checkpoints(self) -> None:
        """Report finished checkpoints, and start those that are due, for which everything must be committed."""
        workers = self._assignment.workers()
        self._checkpointing.report_finished(workers)
        due = [worker for worker in workers if worker.checkpoint_due()]
        if due:
            self._drain()
            self._checkpointing.start(due)


def _open_sink(context: SessionContext) -> KafkaSink:
    settings = context.settings
    return KafkaSink(
        context.cluster,
        settings.output,
        dead_letter_topic=settings.dead_letter_topic,
        transactional_id=context.subscription.instance if settings.delivery == "exactly_once" else None,
    )
