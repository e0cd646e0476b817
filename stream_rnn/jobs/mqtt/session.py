"""MqttSession: reads the messages of a broker by way of the journal, processes them, and writes the forecasts.

The broker's messages become the records of one partition, and one worker processes them, as in a live job of Kafka. A
turn receives messages, writes them to the journal, acknowledges them, processes them, publishes the forecasts, waits
until the broker has them, and marks in the journal how far it is. What a crash costs:

    before the journal has a message    nothing: the broker sends it again
    before it is acknowledged           it is read twice, as after a lost connection
    before the mark                     its forecasts are published twice; in the file they are once
    later                               nothing: the worker continues from its checkpoint and the journal
"""

from __future__ import annotations

import logging
import time
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from stream_rnn.checkpoints.file import read_positions
from stream_rnn.checkpoints.folder import CheckpointFolder
from stream_rnn.connectors.kafka.partitions import partition_name
from stream_rnn.connectors.mqtt.journal import Mark
from stream_rnn.connectors.registry.registry import RegistryError
from stream_rnn.jobs.live.checkpointing import Checkpointing
from stream_rnn.jobs.live.flushes import decode
from stream_rnn.jobs.live.pace import Pace
from stream_rnn.jobs.live.problem_log import ProblemLog
from stream_rnn.jobs.live.recovery import open_worker
from stream_rnn.jobs.live.reporting import report_engine, report_output
from stream_rnn.jobs.mqtt.records import JournalSource

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stream_rnn.connectors.deadletter import DeadLetterLog
    from stream_rnn.connectors.kafka.decoder import KafkaBatch
    from stream_rnn.connectors.mqtt.client import MqttClient
    from stream_rnn.connectors.mqtt.journal import Journal, Message
    from stream_rnn.connectors.registry.registry import SchemaRegistry
    from stream_rnn.connectors.stop import Stop
    from stream_rnn.jobs.live.metrics import JobMetrics
    from stream_rnn.jobs.live.worker import WorkerConfig, WorkerOutput
    from stream_rnn.jobs.mqtt.output import MqttOutput
    from stream_rnn.jobs.mqtt.records import MessageDecoder

log = logging.getLogger("stream_rnn")

MAX_MESSAGES = 4096
"""Messages of a turn."""
IDLE_SECONDS = 0.1
"""How long an idle turn waits for messages."""
BACKOFF_SECONDS = 1.0
"""Seconds before the registry is asked again; doubled after each further failure."""
MAX_BACKOFF_SECONDS = 30.0


class SessionParts(NamedTuple):
    """What a session works with."""

    config: WorkerConfig
    decoder: MessageDecoder
    journal: Journal
    client: MqttClient
    output: MqttOutput
    dead_letters: DeadLetterLog | None
    registry: SchemaRegistry | None
    metrics: JobMetrics
    stop: Stop
    log_seconds: float


class MqttSession:
    """One run of a job.

    Parameters
    ----------
    parts
        What it works with.

    Raises
    ------
    CheckpointError, ConnectorError
        If the worker cannot continue.
    """

    def __init__(self, parts: SessionParts) -> None:
        self._parts = parts
        self._partition = partition = parts.decoder.partition
        self._source = JournalSource(parts.journal)
        mark = parts.journal.mark
        if mark.output_bytes is None:
            parts.journal.commit(Mark(mark.offset, parts.output.file_bytes, mark.note))
        self._worker = open_worker(
            partition_name(partition),
            parts.config,
            {partition: mark.offset},
            self._source,
            flushes={partition: decode(mark.note)},
        )
        self._checkpointing = Checkpointing(parts.metrics)
        self._problem_log = ProblemLog()
        self._pace = Pace(MAX_MESSAGES)
        self._logged_at = time.monotonic()
        self._lost_sessions = 0
        parts.metrics.assigned(self._worker.name)
        report_engine(parts.metrics, self._worker)
        log.info("%s: starting at message %d", self._worker.name, self._worker.offsets.processed[partition])

    def run(self) -> None:
        """Process the journal, then new messages, until stopped; then write a checkpoint.

        Raises
        ------
        ConnectorError, CheckpointError
            If the broker refuses the client, or another error does not go away by itself.
        """
        self._catch_up()
        while not self._parts.stop:
            self._receive()
            self._end_turn()
        self._checkpointing.finish([self._worker])

    def _catch_up(self) -> None:
        """Process the messages of the journal that the worker does not know."""
        offset = self._worker.offsets.processed[self._partition]
        messages = self._parts.journal.read(offset)
        while not self._parts.stop and (some := list(islice(messages, self._pace.limit))):
            self._process(some, offset)
            offset += len(some)
            self._end_turn()

    def _receive(self) -> None:
        """Process messages that have arrived, or wait for some."""
        received = self._parts.client.receive(self._pace.limit, IDLE_SECONDS)
        if received:
            messages = [one.message for one in received]
            first = self._parts.journal.append(messages)
            self._parts.client.acknowledge(received)
            self._process(messages, first)

    def _process(self, messages: Sequence[Message], first: int) -> None:
        batch = self._decode(messages, first)
        if batch is not None:
            self._write(self._worker.process(batch))

    def _decode(self, messages: Sequence[Message], first: int) -> KafkaBatch | None:
        """Decode messages; wait while the registry does not answer. None if stopped: the journal has them."""
        seconds, metrics = BACKOFF_SECONDS, self._parts.metrics
        while not self._parts.stop:
            try:
                return self._parts.decoder.decode(messages, first)
            except RegistryError as error:
                metrics.failed("registry")
                log.error("%s; asking again in %g s", error, seconds)  # noqa: TRY400 - no fault of this program
                until = time.monotonic() + seconds
                while not self._parts.stop and time.monotonic() < until:
                    self._report()
                    self._parts.stop.wait(min(1.0, max(0.0, until - time.monotonic())))
                seconds = min(MAX_BACKOFF_SECONDS, 2 * seconds)
        return None

    def _write(self, output: WorkerOutput) -> None:
        self._parts.output.write(output)
        if self._parts.dead_letters is not None:
            self._parts.dead_letters.add_all(output.dead)
        self._pace.add(output.records, output.seconds)
        report_output(self._parts.metrics, self._source, self._worker, output)

    def _end_turn(self) -> None:
        """Release the events that are due, commit, and start a checkpoint if one is due."""
        worker = self._worker
        for output in worker.flush_idle(time.monotonic()):
            self._write(output)
        if worker.is_ahead and not self._commit():
            return
        self._checkpointing.report_finished([worker])
        if worker.checkpoint_due():
            self._checkpointing.start([worker])
            self._prune()
        self._report()

    def _prune(self) -> None:
        """Remove messages from the journal that no checkpoint needs."""
        oldest = next(iter(CheckpointFolder(self._parts.config.folder / self._worker.name).files), None)
        if oldest is not None:
            saved = read_positions(oldest).get("kafka", {}).get("offsets", {})
            self._parts.journal.prune(saved.get(self._worker.name, 0))

    def _commit(self) -> bool:
        """Wait until the output is delivered, and mark that; return False if stopped before."""
        if self._parts.dead_letters is not None:
            self._parts.dead_letters.flush()
        if not self._parts.output.commit(self._keep_waiting):
            return False
        offset = self._worker.offsets.processed[self._partition]
        self._parts.journal.commit(Mark(offset, self._parts.output.file_bytes, self._worker.note(self._partition)))
        self._worker.mark_committed(self._partition, offset)
        return True

    def _keep_waiting(self) -> bool:
        self._report()
        return not self._parts.stop

    def _report(self) -> None:
        """Report to the metrics and the log; the loop is alive.

        Raises
        ------
        ConnectorError
            If the broker refuses the client.
        """
        parts, metrics = self._parts, self._parts.metrics
        parts.client.check()
        metrics.broker(answers=parts.client.connected)
        metrics.registry(None if parts.registry is None else parts.registry.problem)
        for _ in range(parts.client.lost_sessions - self._lost_sessions):
            metrics.failed("session")
        self._lost_sessions = parts.client.lost_sessions
        metrics.turn_completed()
        self._problem_log.update(metrics.problems())
        if 0 < parts.log_seconds <= time.monotonic() - self._logged_at:
            self._logged_at = time.monotonic()
            log.info("%s", metrics.line(), extra={"fields": metrics.fields()})
