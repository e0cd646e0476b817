"""LiveJob: learns from Kafka topics and forecasts to a topic until it is stopped, in one session after another."""

from __future__ import annotations

import logging
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import msgspec
from kafka import KafkaProducer
from kafka.errors import (
    FencedInstanceIdError,
    InconsistentGroupProtocolError,
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
)

from stream_rnn.connectors.deadletter import DeadLetterLog
from stream_rnn.connectors.errors import ConnectorError
from stream_rnn.connectors.kafka.client import AuthenticationError, BrokerError, make_cluster
from stream_rnn.connectors.kafka.subscription import Subscription
from stream_rnn.connectors.registry.registry import RegistryError, make_registry
from stream_rnn.errors import SettingError
from stream_rnn.evaluation.prequential import Scores
from stream_rnn.jobs.live.broker_wait import BrokerWait
from stream_rnn.jobs.live.configure import configure
from stream_rnn.jobs.live.context import SessionContext
from stream_rnn.jobs.live.instance_lock import MAX_PROCESSES, InstanceLock
from stream_rnn.jobs.live.metrics import JobMetrics
from stream_rnn.jobs.live.metrics_server import make_exporter, serve_metrics
from stream_rnn.jobs.live.problem_log import ProblemLog
from stream_rnn.jobs.live.reading import reading_of
from stream_rnn.jobs.live.session import Session

if TYPE_CHECKING:
    from stream_rnn.connectors.stop import Stop
    from stream_rnn.settings.live import LiveSettings
    from stream_rnn.settings.race import RaceConfig

log = logging.getLogger("stream_rnn")

BACKOFF_SECONDS = 0.5
"""Seconds before a new session; doubled after each further failure."""
MAX_BACKOFF_SECONDS = 30.0
STABLE_SECONDS = 60.0
"""If a session lasts longer, the next failure counts as the first again."""
STOPPED_EARLY = "stopped before everything was committed; the next start continues from the last commit"
MAX_REQUEST_BYTES: int = KafkaProducer.DEFAULT_CONFIG["max_request_size"]
RECORD_OVERHEAD_BYTES = 1024
"""Upper bound of the bytes of a request besides the record."""
MEMBERS_INTERVAL = 2.0
"""Seconds between two checks of the members of the group."""


class LiveJob:
    """Learns from topics and forecasts to a topic until it is stopped.

    Parameters
    ----------
    settings
        Which topics to read, and where forecasts go.
    model
        Settings of an engine by name, or a race; ``inputs`` are required, unless the checkpoint to start from has
        them.
    stop
        Checked between turns.

    Attributes
    ----------
    metrics : JobMetrics
        What the job measures.

    Raises
    ------
    SettingError, ConnectorError, CheckpointError, MissingExtraError
        Before anything starts: a setting is wrong, the checkpoint to start from cannot be read, or metrics are to be
        served and prometheus_client is not installed.
    """

    def __init__(self, settings: LiveSettings, model: dict[str, Any] | RaceConfig, stop: Stop) -> None:
        if not settings.topics and settings.pattern is None:
            raise SettingError("topics must name at least one topic, got none")
        self.settings = settings
        self._exporter = make_exporter() if settings.metrics_port is not None else None
        self.metrics = JobMetrics(self._exporter)
        self._stop = stop
        self._cluster = make_cluster(settings.servers, settings.client)
        self._registry = make_registry(settings.registry)
        max_request_bytes: int = self._cluster.options.get("max_request_size", MAX_REQUEST_BYTES)
        self._config = configure(
            settings,
            model,
            group=settings.group,
            has_record_keys=settings.key is None and settings.key_format == "text",
            lost_offsets=settings.lost_offsets,
            writes_forecasts=settings.output is not None,
            max_output_bytes=max_request_bytes - RECORD_OVERHEAD_BYTES,
        )
        # whatever is wrong with it is reported before anything starts
        reading_of(settings, self._config, self._registry)
        self._subscription = Subscription(
            topics=settings.topics,
            pattern=settings.pattern,
            group=settings.group,
            instance=settings.group,  # replaced by the name of the process when it has one
            start=settings.start,
            session_timeout=settings.session_timeout,
        )
        self._problem_log = ProblemLog()
        self._failures = 0

    def warmup(self) -> None:
        """Compile the kernels or load them from the cache, so that no partition waits for them."""
        self._config.model.create().warmup()
        Scores.warmup()

    def run(self) -> None:
        """Wait for the broker, then work until stopped; then commit, write checkpoints, and leave the group.

        Raises
        ------
        ConnectorError, CheckpointError
            If a topic does not exist, no broker answers within `start_timeout`, another error does not go away by
            itself, or not everything could be committed in the end.
        """
        settings = self.settings
        with ExitStack() as stack:
            max_processes = 1 if settings.scope == "job" else MAX_PROCESSES
            lock = stack.enter_context(InstanceLock(settings.checkpoint, max_processes))
            subscription = msgspec.structs.replace(self._subscription, instance=lock.name(settings.group))
            dead_letters = None
            if settings.dead_letters:
                dead_letters = stack.enter_context(DeadLetterLog(settings.dead_letters))
            serve_metrics(stack, settings, self.metrics, self._exporter)
            if not self._find_topics():
                log.info("stopped before the broker answered")
                return
            if settings.scope == "job":
                self._wait_for_other_members(subscription.instance)
            context = SessionContext(
                settings=settings,
                cluster=self._cluster,
                config=self._config,
                subscription=subscription,
                workers={},
                dead_letters=dead_letters,
                registry=self._registry,
                metrics=self.metrics,
            )
            while not self._stop:
                if self._failures and not BrokerWait(self._cluster, self._stop, self.metrics).until_answered(
                    self._reach_cluster
                ):
                    raise BrokerError(f"{STOPPED_EARLY}: no broker answered")
                self._run_session(context)

    def _reach_cluster(self) -> None:
        """Check that the broker answers, and has the topics to write to; topics to read may come back."""
        self._cluster.require(self._outputs())

    def _outputs(self) -> list[str]:
        return [topic for topic in (self.settings.output, self.settings.dead_letter_topic) if topic is not None]

    def _find_topics(self) -> bool:
        """Wait until the broker answers, and check that the topics exist; return False if stopped before."""
        settings = self.settings

        def find() -> None:
            try:
                self._cluster.require([*settings.topics, *self._outputs()])
            except AuthenticationError as error:
                raise ConnectorError(str(error)) from None  # to wait does not help against a wrong password

        return BrokerWait(self._cluster, self._stop, self.metrics, settings.start_timeout).until_answered(find)

    def _wait_for_other_members(self, name: str) -> None:
        """Wait until dead members have timed out; raise if another member is alive."""
        group, deadline = self.settings.group, time.monotonic() + self.settings.session_timeout + 1.0
        while others := set(self._cluster.members(group)) - {name}:
            if self._stop or time.monotonic() > deadline:
                raise ConnectorError(
                    f"scope is job, but group {group!r} has another member, {min(others)}: "
                    "stop it, or set scope to partition"
                )
            log.info("waiting until %s has left group %s", min(others), group)
            self._stop.wait(MEMBERS_INTERVAL)

    def _run_session(self, context: SessionContext) -> None:
        """Run one session until the job is stopped or the session fails; after a failure, wait."""
        started = time.monotonic()
        session: Session | None = None
        try:
            session = Session(context)
            self._run_turns(session)
            session.stop()
            log.info("stopped: everything is committed, checkpoints are written, and the group is left")
        except (KafkaError, BrokerError, RegistryError) as error:
            if session is not None:
                session.abandon()
            self._handle_failure(error, time.monotonic() - started)
        except BaseException:
            if session is not None:
                session.abandon()
            raise

    def _run_turns(self, session: Session) -> None:
        interval, logged_at = self.settings.log_seconds, time.monotonic()
        while not self._stop:
            session.run_once()
            self.metrics.registry(self._registry.problem if self._registry is not None else None)
            self._problem_log.update(self.metrics.problems())
            if 0 < interval <= time.monotonic() - logged_at:
                logged_at = time.monotonic()
                line = self.metrics.line()
                log.info("%s", line, extra={"fields": self.metrics.fields()})

    def _handle_failure(self, error: KafkaError | BrokerError | RegistryError, lasted: float) -> None:
        """Log the failure of a session that lasted so many seconds, and wait; raise if another one cannot help."""
        message = str(error) if isinstance(error, ConnectorError) else self._cluster.explain(error)
        if isinstance(error, FencedInstanceIdError):
            raise ConnectorError(
                f"another process has the same name in group {self.settings.group!r}: all processes of this machine "
                f"must use the same checkpoint folder, here {self.settings.checkpoint}"
            ) from None
        if isinstance(error, InconsistentGroupProtocolError):
            raise ConnectorError(
                f"group {self.settings.group!r} is used by consumers of another kind: stop them, or set another group"
            ) from None
        if self._stop:
            raise BrokerError(f"{STOPPED_EARLY}: {message}") from None
        if isinstance(error, RegistryError):
            self.metrics.failed("registry")
            self.metrics.registry(message)
        else:
            self._count_failure(error)
        self._failures = 0 if lasted > STABLE_SECONDS else self._failures + 1
        seconds = min(MAX_BACKOFF_SECONDS, BACKOFF_SECONDS * 2**self._failures)
        log.error("%s; continuing from the last commit in %g s", message, seconds)
        self._problem_log.update(self.metrics.problems())
        self._wait(seconds)

    def _count_failure(self, error: KafkaError | BrokerError) -> None:
        unreachable = isinstance(error, (BrokerError, KafkaConnectionError, KafkaTimeoutError))
        self.metrics.failed("broker" if unreachable else "transaction")
        self.metrics.broker(answers=not unreachable)

    def _wait(self, seconds: float) -> None:
        """Wait unless stopped; the job remains healthy."""
        deadline = time.monotonic() + seconds
        while not self._stop and time.monotonic() < deadline:
            self._stop.wait(min(1.0, deadline - time.monotonic()))
            self.metrics.turn_completed()
