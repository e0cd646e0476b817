"""The settings that every live job has, wherever its records come from."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from stream_rnn.errors import SettingError
from stream_rnn.settings.base import AtLeastOne, NonNegative, Positive
from stream_rnn.settings.durations import seconds
from stream_rnn.settings.records import RecordSettings

ValueFormat = Annotated[
    Literal["json", "number"],
    Meta(description="Format of the values. number: a number as text, the input 'value'."),
]
Tombstones = Annotated[
    Literal["end", "ignore"],
    Meta(description="end: a record without value ends the sequence of its key. ignore: it does nothing."),
]
EndField = Annotated[str | None, Meta(description="Field that is true at the last event of a sequence.")]
IdleFlush = Annotated[
    str | float | None,
    Meta(
        description="With lateness: release the events of a stream that are held back when it was silent for this "
        "duration by the clock, such as 30s. Default: they are held back until the stream continues."
    ),
]
DeadLetters = Annotated[
    str | None, Meta(description="File for records that cannot be used, as JSON lines, one file per process.")
]
CheckpointFolder = Annotated[
    str,
    Meta(
        description="Folder for checkpoints, of which the last three are kept, and for the journal of MQTT messages. "
        "The processes of a Kafka group share it."
    ),
]
CheckpointEvery = Annotated[
    AtLeastOne, Meta(description="Events of an engine between two checkpoints; a restart learns them again.")
]
CheckpointSeconds = Annotated[Positive, Meta(description="Seconds between two checkpoints of an engine.")]
BeginWith = Annotated[
    str | None,
    Meta(
        description="Checkpoint, or folder of checkpoints, that engines start from where they have none of their "
        "own, such as that of a replay. Default: they start from scratch."
    ),
]
MetricsPort = Annotated[
    Annotated[int, Meta(ge=0, le=65535)] | None,
    Meta(description="Port of /metrics (Prometheus) and /health; 0 for any free one. Default: none."),
]
MetricsAddress = Annotated[str, Meta(description="Address that the metrics are served at; 0.0.0.0 for all interfaces.")]
LogSeconds = Annotated[NonNegative, Meta(description="Seconds between two progress lines in the log; 0: none.")]
LogFormat = Annotated[Literal["text", "json"], Meta(description="Format of log lines.")]
Registry = Annotated[
    dict[str, Any],
    Meta(
        description="Registry of the schemas of values in Avro, Protobuf or JSON Schema that begin with an id "
        "(Confluent's wire format): url, and perhaps user and password, or token, cafile and timeout; or else "
        'folder, with schemas as ID.avsc, ID.desc and ID.json. A secret is { env = "NAME" } or { file = "path" }.'
    ),
]
MIN_IDLE = 0.1
"""Shortest silence, in seconds, that can be distinguished from a pause between two batches."""


class LiveJobSettings(RecordSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a live job reads values, writes checkpoints, and tells what it does.

    Raises
    ------
    SettingError
        Naming the setting, its value and what is allowed.
    """

    format: ValueFormat = "json"
    tombstones: Tombstones = "end"
    end: EndField = None
    idle_flush: IdleFlush = None
    dead_letters: DeadLetters = None
    checkpoint: CheckpointFolder = "checkpoints"
    checkpoint_every: CheckpointEvery = 1_000_000
    checkpoint_seconds: CheckpointSeconds = 60.0
    begin_with: BeginWith = None
    metrics_port: MetricsPort = None
    metrics_address: MetricsAddress = "127.0.0.1"
    log_seconds: LogSeconds = 10.0
    log_format: LogFormat = "text"
    registry: Registry = msgspec.field(default_factory=dict)

    def __post_init__(self) -> None:
        """Validate every value, and that they go together."""
        super().__post_init__()
        _check_idle_flush(self)


def _check_idle_flush(settings: LiveJobSettings) -> None:
    """Check that the duration of silence is long enough, and that events are held back and complete.

    Raises
    ------
    SettingError
        Naming the setting that does not fit, and its value.
    """
    idle = settings.idle_flush
    if idle is None:
        return
    if seconds("idle_flush", idle) < MIN_IDLE:
        raise SettingError(f"idle_flush must be at least 100ms, such as 30s or 1min, got {idle!r}")
    if not settings.lateness:
        raise SettingError(f"idle_flush needs lateness, without which nothing is held back, got {idle!r}")
    for name in ("wide", "pivot", "every"):
        if getattr(settings, name):
            raise SettingError(
                f"idle_flush and {name} exclude each other: events that are not complete are not flushed"
            )
