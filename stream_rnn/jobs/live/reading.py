"""How a live job reads its records."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from stream_rnn.connectors.decode.schema import Schema
from stream_rnn.connectors.kafka.decoder import Decoder, RecordOptions
from stream_rnn.settings.live import Header, LiveSettings
from stream_rnn.settings.values import missing_by_column

if TYPE_CHECKING:
    from stream_rnn.connectors.registry.registry import SchemaRegistry
    from stream_rnn.jobs.live.worker import WorkerConfig
    from stream_rnn.settings.mqtt import MqttSettings


class Reading(NamedTuple):
    """How records are read."""

    schema: Schema
    options: RecordOptions


def reading_of(settings: LiveSettings | MqttSettings, config: WorkerConfig, registry: SchemaRegistry | None) -> Reading:
    """Return how to read the inputs, and the targets that are not inputs, or the columns that they are computed from.

    Raises
    ------
    UsageError
        If the settings do not go together, or a path is malformed.
    """
    header = settings.time.header if isinstance(settings.time, Header) else None
    schema = Schema(
        settings.key,
        "" if header is not None or settings.time is None else str(settings.time),
        settings.end,
        config.fields or config.words.columns(config.model.settings),
        settings.time_format,
        settings.bad_values,
        timezone=settings.timezone,
        words=config.words.words(config.model.settings),
        texts=config.words.texts(config.model.settings),
        missing_values=missing_by_column(settings.missing_values),
        unwrap=settings.unwrap or "",
        records=settings.records or "",
    )
    if config.shape.pivot is not None:
        tag, value = config.shape.pivot
        schema = msgspec.structs.replace(schema, columns=(value,), tag=tag, tags=config.names)
    key_format = settings.key_format if isinstance(settings, LiveSettings) else "text"
    options = RecordOptions(settings.format, key_format, header, settings.tombstones, registry)
    reading = Reading(schema, options)
    Decoder(*reading)
    return reading
