"""Live job: topics -> engines -> topic, for weeks, through crashes, rebalances and bad records."""

from __future__ import annotations

import logging
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from kafka.errors import FencedInstanceIdError, KafkaConnectionError, KafkaError, KafkaTimeoutError

from stream_rnn.checkpoints.file import read
from stream_rnn.checkpoints.folder import CheckpointFolder
from stream_rnn.connectors.deadletter import DeadLetterLog
from stream_rnn.connectors.errors import ConnectorError
from stream_rnn.connectors.kafka.client import BrokerError, cluster
from stream_rnn.connectors.kafka.source import Subscription
from stream_rnn.connectors.ordering.ordering import OrderingPolicy
from stream_rnn.engine.engine import Engine
from stream_rnn.errors import CheckpointError, SettingError
from stream_rnn.evaluation.prequential import Scores
from stream_rnn.jobs.live.instance_lock import Slot
from stream_rnn.jobs.live.metrics import Monitor
from stream_rnn.jobs.live.metrics_server import MonitorServer
from stream_rnn.jobs.live.payloads import PLACE
from stream_rnn.jobs.live.session import Post, Session
from stream_rnn.jobs.live.worker import Plan
from stream_rnn.settings.engine import Settings
from stream_rnn.settings.presets import expand

if TYPE_CHECKING:
    from stream_rnn.checkpoints.file import CheckpointData
    from stream_rnn.connectors.stop import Stop
    from stream_rnn.settings.live import LiveSettings

log = logging.getLogger("stream_rnn")

BACKOFF, LONGEST_BACKOFF = 0.5, 30.0
"""Seconds before a new session; doubled with each that fails soon."""
STEADY = 60.0
"""Seconds of a session after which the next failure is the first again."""
TAKEN = ("time", "key", *PLACE)
"""Fields of the output that no target may be called by."""


class LiveJob:
    """Learns from topics and forecasts to a topic until it is stopped.

    Parameters
    ----------
    settings
        Which topics, and where forecasts go.
    engine_settings
        The engine's settings by name; ``inputs`` must be named, unless a checkpoint to begin with has them.
    stop
        Asked between turns.

    Raises
    ------
    SettingError, ConnectorError, CheckpointError
        Before anything starts: a wrong setting, no broker, no such topic, a folder that another process has.
    """

    def __init__(self, settings: LiveSettings, engine_settings: dict[str, Any], stop: Stop) -> None:
        if not settings.topics and settings.pattern is None:
            raise SettingError("topics must name at least one topic, got none")
        first = _first(settings.begin_with)
        self.settings = settings
        self.monitor = Monitor()
        self._stop = stop
        self._plan = Plan(
            engine=_engine_settings(engine_settings, first),
            group=settings.group,
            folder=Path(settings.checkpoint),
            first=first[0] if first is not None else None,
            rule=OrderingPolicy(settings.lateness, settings.duplicates),
            writes=settings.output is not None,
            every_events=settings.checkpoint_every,
            every_seconds=settings.checkpoint_seconds,
        )
        self._subscription = Subscription(
            topics=settings.topics,
            pattern=settings.pattern,
            group=settings.group,
            instance=settings.group,  # until the process has its name
            start=settings.start,
            session_timeout=settings.session_timeout,
        )
        self._cluster = cluster(settings.servers, settings.client)
        written = [topic for topic in (settings.output, settings.dead_letter_topic) if topic is not None]
        self._cluster.require([*settings.topics, *written])
        self._failures = 0

    def warmup(self) -> None:
        """Compile the kernels, or load them from the disk, before partitions wait for it."""
        Engine(self._plan.engine).warmup()
        Scores.warmup()

    def run(self) -> None:
        """Work until stopped; then commit, make checkpoints and leave the group.

        Raises
        ------
        ConnectorError, CheckpointError
            What trying again does not mend; also when the end could not be brought about in good order.
        """
        settings = self.settings
        with ExitStack() as held:
            slot = held.enter_context(Slot(settings.checkpoint, 1 if settings.scope == "job" else None))
            me = msgspec.structs.replace(self._subscription, instance=slot.name(settings.group))
            letters = held.enter_context(DeadLetterLog(settings.dead_letters)) if settings.dead_letters else None
            if settings.metrics_port is not None:
                address = settings.metrics_address
                server = held.enter_context(MonitorServer(self.monitor, settings.metrics_port, address))
                log.info("metrics and health at http://%s:%d", address, server.port)
            if settings.scope == "job":
                self._wait_alone(me.instance)
            post = Post(settings, self._cluster, self._plan, me, {}, letters, self.monitor)
            while not self._stop:
                self._session(post)

    def _wait_alone(self, name: str) -> None:
        """Refuse to work beside others; members that died are waited for."""
        group, end = self.settings.group, time.monotonic() + self.settings.session_timeout + 1.0
        while others := set(self._cluster.members(group)) - {name}:
            if self._stop or time.monotonic() > end:
                raise ConnectorError(
                    f"scope is job, but group {group!r} has another member, {min(others)}: "
                    "stop it, or set scope to partition"
                )
            log.info("waiting until %s has left group %s", min(others), group)
            self._stop.wait(2.0)

    def _session(self, post: Post) -> None:
        """Run one session, and after a failure wait before the next."""
        began = time.monotonic()
        session: Session | None = None
        try:
            session = Session(post)
            spoken = time.monotonic()
            while not self._stop:
                session.turn()
                if 0 < self.settings.log_seconds <= time.monotonic() - spoken:
                    spoken = time.monotonic()
                    line = self.monitor.line()
                    log.info("%s", line, extra={"fields": self.monitor.fields()})
            session.end()
        except (KafkaError, BrokerError) as error:
            if session is not None:
                session.abandon()
            self._survive(error, time.monotonic() - began)
        except BaseException:
            if session is not None:
                session.abandon()
            raise

    def _survive(self, error: KafkaError | BrokerError, lasted: float) -> None:
        """Say what happened, and wait; raise what does not pass by itself."""
        said = str(error) if isinstance(error, ConnectorError) else self._cluster.explain(error)
        if isinstance(error, FencedInstanceIdError):
            raise ConnectorError(
                f"another process has this one's name in group {self.settings.group!r}: processes of one machine must "
                f"share the checkpoint folder {self.settings.checkpoint}"
            ) from None
        if self._stop:
            raise BrokerError(
                f"stopped before all was committed, the next start goes on from what was: {said}"
            ) from None
        unreachable = isinstance(error, (BrokerError, KafkaConnectionError, KafkaTimeoutError))
        self.monitor.failed("broker" if unreachable else "transaction")
        self.monitor.broker(answers=not unreachable)
        self._failures = 0 if lasted > STEADY else self._failures + 1
        seconds = min(LONGEST_BACKOFF, BACKOFF * 2**self._failures)
        log.error("%s; going on from what was committed in %g s", said, seconds)
        end = time.monotonic() + seconds
        while not self._stop and time.monotonic() < end:
            self._stop.wait(min(1.0, end - time.monotonic()))
            self.monitor.turned()


def _first(path: str | None) -> tuple[Path, CheckpointData] | None:
    """Return the checkpoint that engines begin with, a file or the newest of a folder."""
    if path is None:
        return None
    if not Path(path).is_dir():
        return Path(path), read(path)
    found = CheckpointFolder(path).newest()
    if found is None:
        raise CheckpointError(f"begin_with: no checkpoint in the folder {path}")
    return found


def _engine_settings(given: dict[str, Any], first: tuple[Path, CheckpointData] | None) -> Settings:
    """Return the engine's settings: those of the checkpoint to begin with, if any, and what is said here."""
    known = first[1].settings.describe() if first is not None else {}
    if "inputs" not in known | given:
        raise SettingError("inputs must be named for a live job: a topic is not searched for columns")
    settings = Settings.parse(known | expand(given))
    if settings.task == "forecast":
        missing = tuple(name for name in settings.target_names if name not in settings.inputs)
        settings = Settings.parse(settings.describe() | {"inputs": settings.inputs + missing})
    for name in settings.target_names:
        if name in TAKEN:
            raise SettingError(f"targets must not be called {', '.join(TAKEN)}: the output has these, got {name!r}")
    return settings
