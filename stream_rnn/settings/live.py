"""The settings of a live job: which topics it reads, where forecasts go, and what it guarantees."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from stream_rnn.errors import SettingError
from stream_rnn.settings.base import Positive, make_tuples
from stream_rnn.settings.live_job import LiveJobSettings


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A header of records."""

    header: str
    """its name"""


class LiveSettings(LiveJobSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which topics a live job reads, and where forecasts go. Every value is validated when the settings are made.

    Raises
    ------
    SettingError
        Naming the setting, its value and what is allowed.

    Examples
    --------
    >>> LiveSettings(topics="sensors", output="forecasts").delivery
    'exactly_once'
    """

    servers: Annotated[tuple[str, ...], Meta(description="host:port of some of the cluster's brokers.")] = (
        "localhost:9092",
    )
    start_timeout: Annotated[
        Positive | None,
        Meta(description="Seconds to wait for a broker at the start. Default: as long as it takes, with warnings."),
    ] = None
    topics: Annotated[tuple[str, ...], Meta(description="Topics to read.")] = ()
    pattern: Annotated[
        str | None, Meta(description="Regular expression for the names of the topics to read, instead of topics.")
    ] = None
    group: Annotated[
        str, Meta(description="Consumer group. Processes of a group share the partitions and the checkpoint folder.")
    ] = "stream-rnn"
    start: Annotated[
        str,
        Meta(
            description="Where to start in a partition without a committed offset: earliest, latest, a time (ISO 8601),"
            " or committed to refuse such partitions."
        ),
    ] = "earliest"
    lost_offsets: Annotated[
        Literal["resume", "refuse"],
        Meta(
            description="What to do if the group's offsets have expired or were deleted. resume: continue from the "
            "newest checkpoint; forecasts may be written twice if the job was killed. refuse: do not start."
        ),
    ] = "resume"
    key: Annotated[
        str | None,
        Meta(
            description="Field that names each event's stream, or, with key_format json, field of the record's key. "
            "Default: the record's key."
        ),
    ] = None
    key_format: Annotated[
        Literal["text", "int32", "int64", "hex", "json"],
        Meta(description="Format of the records' keys. Integers are big-endian; hex is for any bytes."),
    ] = "text"
    time: Annotated[
        str | Header | None,
        Meta(
            description="Field with the time, or else header of that name; { header = 'NAME' } is a header always. "
            "Default: the record's timestamp."
        ),
    ] = None
    output: Annotated[str | None, Meta(description="Topic for the forecasts. Default: none are written.")] = None
    dead_letter_topic: Annotated[
        str | None, Meta(description="Topic for records that cannot be used, with their reason and position.")
    ] = None
    scope: Annotated[
        Literal["partition", "job"],
        Meta(
            description="partition: each partition has its own engine, and any number of processes share them. "
            "job: one engine learns from all partitions, in one process."
        ),
    ] = "partition"
    delivery: Annotated[
        Literal["exactly_once", "at_least_once"],
        Meta(
            description="exactly_once: forecasts and offsets are written in one transaction. at_least_once: no "
            "transactions; forecasts may be written twice after a crash."
        ),
    ] = "exactly_once"
    commit_seconds: Annotated[
        Annotated[float, Meta(gt=0, le=10)],
        Meta(description="Most seconds between two commits; without a backlog each batch is committed."),
    ] = 0.1
    session_timeout: Annotated[
        Annotated[float, Meta(ge=1)],
        Meta(
            description="Seconds without a heartbeat after which other processes receive this one's partitions. To "
            "hand over a partition in an orderly way, its checkpoint must be written in less."
        ),
    ] = 45.0
    open_transaction_seconds: Annotated[
        Positive,
        Meta(
            description="Seconds that an open transaction of another producer may hold a partition before a warning is "
            "logged and the job is unhealthy; longer than the transactions of producers that write in batches."
        ),
    ] = 5.0
    client: Annotated[
        dict[str, Any],
        Meta(
            description="Settings of kafka-python's clients, by their names there, such as security_protocol. A secret "
            'is { env = "NAME" } or { file = "path" }.'
        ),
    ] = msgspec.field(default_factory=dict)

    def __post_init__(self) -> None:
        """Validate every value, and that they go together."""
        make_tuples(self, ("servers", "topics"))
        super().__post_init__()
        if not self.group:
            raise SettingError("group must not be empty, got ''")
        if self.dead_letters and self.dead_letter_topic:
            raise SettingError("dead_letters and dead_letter_topic exclude each other: set one of them")
        if self.key is not None and self.key_format not in ("text", "json"):
            raise SettingError(f"key and key_format exclude each other: key {self.key!r} is a field of the value")
        for name in ("output", "dead_letter_topic"):
            topic = getattr(self, name)
            if topic is not None and topic in self.topics:
                raise SettingError(f"{name} must not be one of topics, got {topic!r}")
