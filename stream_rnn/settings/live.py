"""The settings of a live job: which topics it reads, where forecasts go, and what it guarantees."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Protocol

import msgspec
from msgspec import Meta

from stream_rnn.errors import SettingError
from stream_rnn.settings.base import (
    AtLeastOne,
    Checked,
    NonNegative,
    Positive,
    TimeZone,
    check_values,
    join_names,
    make_tuples,
)
from stream_rnn.settings.durations import seconds
from stream_rnn.settings.replay import (
    CENTURY,
    BadValues,
    Duplicates,
    Lateness,
    MaxAhead,
    RecordsPath,
    TimeFormat,
    UnwrapPath,
)
from stream_rnn.settings.shape import (
    Aggregate,
    Every,
    MaxGap,
    PivotColumns,
    PivotTolerance,
    WideFlag,
    check_shape,
)
from stream_rnn.settings.values import (
    Categories,
    MaxCategories,
    MissingValues,
    TextTokens,
    check_categories,
    prepare_columns,
)
from stream_rnn.time_formats import check_time_format, check_timezone

ValueFormat = Annotated[
    Literal["json", "number"],
    Meta(description="Format of the values. number: a number as text, the input 'value'."),
]
Registry = Annotated[
    dict[str, Any],
    Meta(
        description="Registry of the schemas of values in Avro, Protobuf or JSON Schema that begin with an id "
        "(Confluent's wire format): url, and perhaps user and password, or token, cafile and timeout; or else "
        'folder, with schemas as ID.avsc, ID.desc and ID.json. A secret is { env = "NAME" } or { file = "path" }.'
    ),
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
MIN_IDLE = 0.1
"""Seconds of silence that can be told from a pause between two batches."""


class IdleSettings(Protocol):
    """The settings that say when events of a silent stream are released."""

    @property
    def idle_flush(self) -> str | float | None:
        """Duration of silence."""

    @property
    def lateness(self) -> float | None:
        """Seconds for which events are held back."""


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A header of records."""

    header: str
    """its name"""


class LiveSettings(Checked, frozen=True, kw_only=True, forbid_unknown_fields=True):
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
    format: ValueFormat = "json"
    unwrap: UnwrapPath = None
    records: RecordsPath = None
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
    tombstones: Tombstones = "end"
    time: Annotated[
        str | Header | None,
        Meta(
            description="Field with the time, or else header of that name; { header = 'NAME' } is a header always. "
            "Default: the record's timestamp."
        ),
    ] = None
    time_format: TimeFormat = "auto"
    timezone: TimeZone = None
    end: EndField = None
    bad_values: BadValues = "missing"
    missing_values: MissingValues = ()
    categories: Categories = ()
    max_categories: MaxCategories = 8
    tokens: TextTokens = "id"
    lateness: Lateness = None
    idle_flush: IdleFlush = None
    duplicates: Duplicates = "keep"
    max_ahead: MaxAhead = CENTURY
    wide: WideFlag = False
    pivot: PivotColumns = None
    pivot_tolerance: PivotTolerance = 0.0
    every: Every = None
    aggregate: Aggregate = "last"
    max_gap: MaxGap = 1000
    output: Annotated[str | None, Meta(description="Topic for the forecasts. Default: none are written.")] = None
    dead_letter_topic: Annotated[
        str | None, Meta(description="Topic for records that cannot be used, with their reason and position.")
    ] = None
    dead_letters: DeadLetters = None
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
    checkpoint: Annotated[
        str, Meta(description="Folder for checkpoints, shared by the group's processes. The last three are kept.")
    ] = "checkpoints"
    checkpoint_every: CheckpointEvery = 1_000_000
    checkpoint_seconds: CheckpointSeconds = 60.0
    begin_with: BeginWith = None
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
    metrics_port: MetricsPort = None
    metrics_address: MetricsAddress = "127.0.0.1"
    log_seconds: LogSeconds = 10.0
    log_format: LogFormat = "text"
    registry: Registry = msgspec.field(default_factory=dict)
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
        join_names(self, "time")
        prepare_columns(self)
        check_values(self)
        check_time_format(self.time_format)
        check_timezone(self.timezone)
        check_categories(self, ("key", "time", "end"))
        check_shape(self)
        check_idle_flush(self)
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


def check_idle_flush(settings: IdleSettings) -> None:
    """Check that a time of silence is long enough, and that events are held back, whole.

    Raises
    ------
    SettingError
        If not.
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
