"""MqttJob: learns from messages of an MQTT broker and forecasts to topics or a file until it is stopped."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stream_rnn.connectors.deadletter import DeadLetterLog
from stream_rnn.connectors.mqtt.client import MqttClient, MqttOptions
from stream_rnn.connectors.mqtt.journal import Journal
from stream_rnn.connectors.mqtt.template import TopicTemplate
from stream_rnn.connectors.registry.registry import make_registry
from stream_rnn.connectors.secret import read_secret
from stream_rnn.errors import require
from stream_rnn.evaluation.prequential import Scores
from stream_rnn.jobs.live.configure import configure
from stream_rnn.jobs.live.instance_lock import InstanceLock
from stream_rnn.jobs.live.metrics import JobMetrics
from stream_rnn.jobs.live.metrics_server import make_exporter, serve_metrics
from stream_rnn.jobs.live.reading import reading_of
from stream_rnn.jobs.mqtt.output import MqttOutput
from stream_rnn.jobs.mqtt.records import MessageDecoder
from stream_rnn.jobs.mqtt.session import MqttSession, SessionParts

if TYPE_CHECKING:
    from stream_rnn.connectors.stop import Stop
    from stream_rnn.settings.mqtt import MqttSettings
    from stream_rnn.settings.race import RaceConfig

log = logging.getLogger("stream_rnn")

JOURNAL = "journal"
"""Folder of the journal in that of the checkpoints."""
MAX_PAYLOAD_BYTES = 2**28 - 2**17
"""Size of the largest packet of MQTT, less that of the longest topic and of the properties."""


class MqttJob:
    """Learns from topics of an MQTT broker and forecasts to topics or a file until it is stopped.

    Parameters
    ----------
    settings
        Which topics to read, and where forecasts go.
    model
        Settings of an engine by name, or a race.
    stop
        Checked between turns.

    Attributes
    ----------
    metrics : JobMetrics
        What the job measures.

    Raises
    ------
    SettingError, ConnectorError, CheckpointError, MissingExtraError
        Before anything starts: a setting is wrong, the checkpoint to start from cannot be read, or an optional package
        is not installed.
    """

    def __init__(self, settings: MqttSettings, model: dict[str, Any] | RaceConfig, stop: Stop) -> None:
        require("paho.mqtt.client", "mqtt")
        self.settings = settings
        self._stop = stop
        self._exporter = make_exporter() if settings.metrics_port is not None else None
        self.metrics = JobMetrics(self._exporter)
        self._options = _options_of(settings)
        self._registry = make_registry(settings.registry)
        self._template = TopicTemplate(settings.topic)
        if settings.output is not None:
            TopicTemplate(settings.output)  # whatever is wrong with it is reported before anything starts
        self._config = configure(
            settings,
            model,
            group=settings.client_id,
            has_record_keys=settings.key is None,
            lost_offsets="resume",
            writes_forecasts=settings.output is not None or settings.output_file is not None,
            max_output_bytes=MAX_PAYLOAD_BYTES,
        )
        reading = reading_of(settings, self._config, self._registry)
        self._decoder = MessageDecoder(settings.client_id, self._template, reading)

    def warmup(self) -> None:
        """Compile the kernels or load them from the cache, so that no message waits for them."""
        self._config.model.create().warmup()
        Scores.warmup()

    def run(self) -> None:
        """Connect and work until stopped; then write a checkpoint, and disconnect.

        Raises
        ------
        ConnectorError, CheckpointError
            If the broker refuses the client, or another error does not go away by itself.
        """
        settings = self.settings
        with ExitStack() as stack:
            stack.enter_context(InstanceLock(settings.checkpoint, 1))
            journal = stack.enter_context(Journal(Path(settings.checkpoint) / JOURNAL))
            dead_letters = stack.enter_context(DeadLetterLog(settings.dead_letters)) if settings.dead_letters else None
            serve_metrics(stack, settings, self.metrics, self._exporter)
            filters = [self._template.filter if settings.subscribe is None else settings.subscribe]
            client = stack.enter_context(MqttClient(self._options, filters, expects_session=journal.end > 0))
            output = stack.enter_context(MqttOutput(settings, client, journal.mark.output_bytes))
            MqttSession(
                SessionParts(
                    config=self._config,
                    decoder=self._decoder,
                    journal=journal,
                    client=client,
                    output=output,
                    dead_letters=dead_letters,
                    registry=self._registry,
                    metrics=self.metrics,
                    stop=self._stop,
                    log_seconds=settings.log_seconds,
                )
            ).run()
        log.info("stopped: everything is committed, and the checkpoint is written")


def _options_of(settings: MqttSettings) -> MqttOptions:
    return MqttOptions(
        host=settings.host,
        port=settings.port,
        client_id=settings.client_id,
        user=settings.user,
        password=read_secret("password", settings.password) if settings.password else None,
        cafile=settings.cafile,
        tls=settings.tls,
        protocol=settings.protocol,
    )
