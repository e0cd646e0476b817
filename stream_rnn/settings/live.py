"""The settings of a live job: which topics it reads, where forecasts go, and how nothing is lost."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from stream_rnn.errors import SettingError
from stream_rnn.settings.base import Checked, check_types, make_tuples
from stream_rnn.settings.replay import Duplicates, Lateness  # noqa: TC001 - msgspec reads them


class LiveSettings(Checked, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which topics a live job reads, and where forecasts go. Every value is checked when the settings are made.

    Raises
    ------
    SettingError
        Naming the setting, its value and what is allowed.
    """

    servers: Annotated[tuple[str, ...], Meta(description="host:port of some of the cluster's brokers.")] = (
        "localhost:9092",
    )
    topics: Annotated[tuple[str, ...], Meta(description="Topics to read: records are JSON objects.")] = ()
    pattern: Annotated[
        str | None, Meta(description="Regular expression for the names of the topics to read, instead of topics.")
    ] = None
    group: Annotated[
        str, Meta(description="Consumer group. Processes of one group share the partitions and the checkpoint folder.")
    ] = "stream-rnn"
    start: Annotated[
        str,
        Meta(
            description="Where to begin in a partition of which the group has committed nothing: earliest, latest, "
            "a time (ISO 8601), or committed to refuse such partitions.",
        ),
    ] = "earliest"
    key: Annotated[str | None, Meta(description="Field that names each event's stream; default: the record's key.")] = (
        None
    )
    time: Annotated[str | None, Meta(description="Field with the time; default: the record's timestamp.")] = None
    time_format: Annotated[
        Literal["auto", "iso", "s", "ms"],
        Meta(description="auto, iso (8601), s or ms (seconds, milliseconds since 1970)."),
    ] = "auto"
    end: Annotated[str | None, Meta(description="Field that is true at the last event of a sequence.")] = None
    lateness: Lateness = None
    duplicates: Duplicates = "keep"
    output: Annotated[str | None, Meta(description="Topic for the forecasts; default: none are written.")] = None
    dead_letter_topic: Annotated[
        str | None, Meta(description="Topic for records that cannot be used, each with its reason and position.")
    ] = None
    dead_letters: Annotated[
        str | None, Meta(description="File for records that cannot be used, as JSON lines; this process's own.")
    ] = None
    scope: Annotated[
        Literal["partition", "job"],
        Meta(
            description="partition: each partition has an engine of its own, and any number of processes share them. "
            "job: one engine learns from all partitions, in one process.",
        ),
    ] = "partition"
    delivery: Annotated[
        Literal["exactly_once", "at_least_once"],
        Meta(
            description="exactly_once: forecasts and offsets go in one transaction. at_least_once: without "
            "transactions; forecasts may be written twice after a crash.",
        ),
    ] = "exactly_once"
    commit_seconds: Annotated[
        float, Meta(description="Seconds between two commits, at most; without a backlog each batch is committed.")
    ] = 0.1
    checkpoint: Annotated[
        str, Meta(description="Folder for checkpoints, shared by the group's processes; the last three are kept.")
    ] = "checkpoints"
    checkpoint_every: Annotated[
        int, Meta(description="Events of an engine between two checkpoints; a restart learns them again.")
    ] = 1_000_000
    checkpoint_seconds: Annotated[float, Meta(description="Seconds between two checkpoints of an engine.")] = 60.0
    begin_with: Annotated[
        str | None,
        Meta(
            description="Checkpoint (or folder of them) that engines begin with where there is none of their own, "
            "such as that of a replay; default: they begin knowing nothing.",
        ),
    ] = None
    session_timeout: Annotated[
        float,
        Meta(
            description="Seconds without a sign of life after which others get this process's partitions; "
            "to give one up in good order, its checkpoint has to be written in less.",
        ),
    ] = 45.0
    metrics_port: Annotated[
        int | None, Meta(description="Port of /metrics (Prometheus) and /health; 0: any; default: none.")
    ] = None
    metrics_address: Annotated[str, Meta(description="Address they are served at; 0.0.0.0: all.")] = "127.0.0.1"
    log_seconds: Annotated[float, Meta(description="Seconds between two lines about the work; 0: none.")] = 10.0
    log_format: Annotated[Literal["text", "json"], Meta(description="Log lines as text or as JSON.")] = "text"
    client: Annotated[
        dict[str, Any],
        Meta(
            description="Settings of kafka-python's clients by its names, such as security_protocol; a secret is "
            '{ env = "NAME" } or { file = "path" }.',
        ),
    ] = msgspec.field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check every value, and that they go together."""
        make_tuples(self, ("servers", "topics"))
        check_types(self)
        for name, (allowed, words) in _RANGES.items():
            value = getattr(self, name)
            if not allowed(value):
                raise SettingError(f"{name} must be {words}, got {value}")
        if not self.group:
            raise SettingError("group must be named, got ''")
        if self.dead_letters and self.dead_letter_topic:
            raise SettingError("dead_letters and dead_letter_topic exclude each other: records go to one of them")
        for name in ("output", "dead_letter_topic"):
            topic = getattr(self, name)
            if topic is not None and topic in self.topics:
                raise SettingError(f"{name} must not be one of topics, got {topic!r}")


_RANGES: dict[str, tuple[Any, str]] = {
    "lateness": (lambda value: value is None or value >= 0, "at least 0 seconds"),
    "commit_seconds": (lambda value: 0 < value <= 10, "above 0 and at most 10 seconds"),
    "checkpoint_every": (lambda value: value >= 1, "at least 1"),
    "checkpoint_seconds": (lambda value: value > 0, "above 0 seconds"),
    "session_timeout": (lambda value: value >= 1, "at least 1 second"),
    "metrics_port": (lambda value: value is None or 0 <= value <= 65535, "from 0 to 65535"),
    "log_seconds": (lambda value: value >= 0, "at least 0 seconds"),
}
