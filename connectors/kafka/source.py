"""Topics of a Kafka cluster as a source of events: batches by partition, decoded column by column.

A source is one member of a consumer group. It never commits on its own: whoever takes the events says when
they are done, with the forecasts in one transaction, or by `commit`.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import msgspec
import numpy as np
from kafka import TopicPartition
from kafka.consumer.subscription_state import AsyncConsumerRebalanceListener
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.structs import OffsetAndMetadata

from stream_rnn.connectors.closeable import Closeable
from stream_rnn.connectors.decode import values
from stream_rnn.connectors.decode.json_records import JsonDecoder
from stream_rnn.connectors.decode.schema import ColumnRoles, Schema
from stream_rnn.connectors.errors import ConnectorError, UsageError
from stream_rnn.connectors.events import DeadLetter, EventBatch, Positions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from stream_rnn.connectors.kafka.client import Cluster

    Offsets = dict[TopicPartition, int]
    Headers = Sequence[tuple[str, bytes]]

MAX_POLL = 4096
"""Records of one poll: some ten milliseconds of work, so that nobody waits long behind them."""
BACKLOG = MAX_POLL // 4
"""Records of a poll from which on there are more waiting."""
GATHER_MS = 3
"""How long a poll that brought little waits for more. The client gives what it fetched during the poll before, and only
then fetches what came since."""
JOIN_MS = 1000
"""How long a poll may take beyond its time while the group is joined."""
STARTS = ("earliest", "latest", "committed")
NO_VALUE = "record has no value"


class Owner(Protocol):
    """Whoever has the partitions' state: told when they come and go, while it waits in `poll` or `close`."""

    def assigned(self, partitions: set[TopicPartition]) -> None:
        """Note new partitions; they are paused until `KafkaSource.go_on`."""

    def revoked(self, partitions: set[TopicPartition]) -> Offsets:
        """Bring to an end what is under way and let go; give the offsets that are left to be committed."""

    def lost(self, partitions: set[TopicPartition]) -> None:
        """Let go at once: the group has given the partitions to others."""


class Subscription(msgspec.Struct, frozen=True, kw_only=True):
    """What a source consumes, and as whom.

    Parameters
    ----------
    topics : tuple of str
        Topics; or one pattern.
    pattern : str, optional
        Regular expression for topics' names.
    group : str
        Consumer group.
    instance : str
        Name of this member in the group: a process that starts again under its old name takes its place at once.
    start : str
        Where to begin in a partition of which the group has committed nothing: earliest, latest, a time (ISO
        8601), or committed to refuse such partitions.
    session_timeout : float
        Seconds without a sign of life after which the group gives the member's partitions to others.
    """

    topics: tuple[str, ...] = ()
    pattern: str | None = None
    group: str
    instance: str
    start: str = "earliest"
    session_timeout: float = 45.0

    def __post_init__(self) -> None:
        if bool(self.topics) == (self.pattern is not None):
            raise UsageError("topics or pattern must be given, and not both")
        if self.pattern is not None:
            try:
                re.compile(self.pattern)
            except re.error as error:
                raise UsageError(f"pattern must be a regular expression, got {self.pattern!r}: {error}") from None
        if self.start not in STARTS and moment(self.start) is None:
            raise UsageError(f"start must be {', '.join(STARTS)} or a time (ISO 8601), got {self.start!r}")


class KafkaBatch(NamedTuple):
    """What one poll brought of one partition, in order."""

    partition: TopicPartition
    events: EventBatch
    headers: list[Headers] | None
    """of each event; None where no record has any"""
    dead: list[DeadLetter]
    next: int
    """the offset after the last record"""

    def __len__(self) -> int:
        return len(self.events) + len(self.dead)


class KafkaSource(Closeable):
    """Events of topics, as one member of a consumer group.

    Records are JSON objects. The key of an event is a field, or the record's key where none is named; a record
    without a key is of the stream `""`. Its time is a field, or the record's timestamp.

    Parameters
    ----------
    cluster : Cluster
    subscription : Subscription
    schema : Schema
        Which field is what; `columns` has to name the numbers to read.
    owner : Owner
        Called by `poll` and `close`.

    Raises
    ------
    UsageError, ConnectorError
        When nobody answers, or the client is not let in.
    """

    def __init__(self, cluster: Cluster, subscription: Subscription, schema: Schema, owner: Owner) -> None:
        self.subscription = subscription
        self._cluster = cluster
        self._decoder = Decoder(schema)
        assignor = CooperativeStickyAssignor()
        self._moved: set[TopicPartition] = set()
        """what came or went during this poll: what it brought of these before is nobody's"""
        self._consumer = cluster.consumer(
            group_id=subscription.group,
            group_instance_id=subscription.instance,
            session_timeout_ms=round(1000 * subscription.session_timeout),
            heartbeat_interval_ms=round(1000 * min(3.0, subscription.session_timeout / 4)),
            partition_assignment_strategy=(assignor,),
            auto_offset_reset="none",  # where to go on is decided in one place, by the owner
            enable_auto_commit=False,
            isolation_level="read_committed",
            allow_auto_create_topics=False,
            max_poll_records=MAX_POLL,
        )
        try:
            self._consumer.subscribe(
                topics=subscription.topics,
                pattern=subscription.pattern,
                listener=_Listener(self._consumer, assignor, owner, self._moved),
            )
            for topic in subscription.topics:
                # The client may join before it knows the topics, lead the group, and give out no partitions.
                self._consumer.partitions_for_topic(topic)
        except BaseException:
            self._consumer.close()
            raise

    @property
    def membership(self) -> Any:
        """The member's place in the group, for a transaction."""
        return self._consumer.group_metadata()

    def poll(self, seconds: float) -> list[KafkaBatch]:
        """Give what has come, waiting up to so many seconds for it; the owner may be called meanwhile.

        Nothing is given of partitions that come or go meanwhile.

        Raises
        ------
        KafkaError
            What the cluster refuses; also when the owner's calls fail.
        """
        self._moved.clear()
        polled = self._consumer.poll(timeout_ms=round(1000 * seconds))
        if 0 < sum(map(len, polled.values())) < BACKLOG:
            for partition, records in self._consumer.poll(timeout_ms=GATHER_MS).items():
                polled.setdefault(partition, []).extend(records)
        self._join()
        kept = {partition: records for partition, records in polled.items() if partition not in self._moved}
        return [self._decoder.batch(partition, records) for partition, records in kept.items()]

    def _join(self) -> None:
        """Wait until the group is joined, if that is under way.

        kafka-python 3.0.12 does not take up a join that comes about between two polls. It begins another, which all
        members have to join in; or, where new topics or partitions were the reason, it forgets that it joins, and the
        member neither reads them nor gives a sign of life, for good.
        """
        group = self._consumer._coordinator  # noqa: SLF001 - there is no public way
        if group.rebalance_in_progress():
            group.request_rejoin()
            group.poll(timeout_ms=JOIN_MS)

    def committed(self, partition: TopicPartition) -> int | None:
        """Give the group's committed offset, None if there is none; waits for open transactions to end."""
        found: int | None = self._consumer.committed(partition)
        return found

    def bounds(self, partition: TopicPartition) -> tuple[int, int]:
        """Give the offsets of the first record that is kept and of the next one to come."""
        first = self._consumer.beginning_offsets([partition])[partition]
        return first, self._consumer.end_offsets([partition])[partition]

    def beginning(self, partition: TopicPartition) -> int:
        """Give the offset to begin at where nothing was committed.

        Raises
        ------
        ConnectorError
            When only committed partitions are to be read.
        """
        start = self.subscription.start
        if start == "committed":
            group = self.subscription.group
            raise ConnectorError(
                f"group {group!r} has committed nothing in {name_of(partition)}, and start is committed"
            )
        first, end = self.bounds(partition)
        if start in STARTS:
            return first if start == "earliest" else end
        at = moment(start)
        found = self._consumer.offsets_for_times({partition: int(1000 * at)})[partition] if at is not None else None
        return end if found is None else int(found.offset)

    def assignment(self) -> set[TopicPartition]:
        """Give the partitions that the group has given to this member."""
        return set(self._consumer.assignment())

    def partitions(self) -> set[TopicPartition]:
        """Give all partitions of the topics that are consumed."""
        names = self._consumer.subscription() or ()
        return {
            TopicPartition(topic, number) for topic in names for number in self._consumer.partitions_for_topic(topic)
        }

    def go_on(self, offsets: Offsets) -> None:
        """Read assigned partitions on from these offsets."""
        for partition, offset in offsets.items():
            self._consumer.seek(partition, offset)
        self._consumer.resume(*offsets)

    def lag(self, partition: TopicPartition, position: int) -> int | None:
        """Give how many records stand after a position, as far as is known without asking."""
        if partition not in self._consumer.assignment():
            return None  # it is just being revoked
        end = self._consumer.highwater(partition)
        return None if end is None else max(0, end - position)

    def commit(self, offsets: Offsets) -> None:
        """Commit offsets without a transaction.

        Raises
        ------
        KafkaError
            When the group has gone on without this member, or the cluster refuses.
        """
        if offsets:
            self._consumer.commit(_structs(offsets))

    def close(self) -> None:
        """Give the partitions back, and leave the group."""
        self._consumer.close(timeout_ms=10_000)

    def leave(self) -> None:
        """Tell the group that this member will not come back soon, so that others need not wait for it.

        A named member that only closes keeps its place until the session times out.
        """
        from kafka.admin import MemberToRemove  # noqa: PLC0415 - needed once, at the end

        admin = self._cluster.admin()
        try:
            me = MemberToRemove(group_instance_id=self.subscription.instance)
            admin.remove_group_members(self.subscription.group, [me])
        finally:
            admin.close()


class Decoder:
    """Turns records of a partition into a batch.

    Parameters
    ----------
    schema : Schema
        Its `columns` name the numbers to read.
    """

    def __init__(self, schema: Schema) -> None:
        if not schema.columns:
            raise UsageError("columns must name the fields to read: a topic is not searched for them")
        self._timed, self._keyed = bool(schema.time), schema.key is not None
        self._records = JsonDecoder(
            ColumnRoles(schema.key, schema.time or None, schema.end, schema.columns, schema.time_format)
        )

    def batch(self, partition: TopicPartition, records: Sequence[Any]) -> KafkaBatch:
        """Decode records as kafka-python gives them."""
        _, _, _, offsets, stamps, _, keys, payloads, headers, *_ = zip(*records, strict=True)
        columns, rows, refused = self._records.decode(payloads if None not in payloads else _without_none(payloads))
        reasons = refused | {int(rows[row]): reason for row, reason in columns.reasons.items()}
        reasons |= {i: NO_VALUE for i, payload in enumerate(payloads) if payload is None}
        names, times = columns.keys, columns.times
        if not self._keyed:
            found, unreadable = _keys(keys)
            names = found[rows]
            reasons |= dict.fromkeys(unreadable, values.NO_KEY)
        if not self._timed:
            times = np.array(stamps, np.float64)[rows] / 1e3
        numbers = np.array(offsets, np.int64)
        where = Positions(np.full(len(rows), partition.partition, np.int32), numbers[rows])
        events = EventBatch(names, times, columns.inputs, columns.ends, where)
        carried: list[Headers] | None = [headers[i] for i in rows] if any(headers) else None
        if reasons:
            good = np.array([int(row) not in reasons for row in rows], np.bool_)
            events = events[good]
            carried = None if carried is None else [kept for kept, fine in zip(carried, good, strict=True) if fine]
        name = name_of(partition)
        dead = [DeadLetter.of(name, offsets[i], reasons[i], payloads[i] or b"") for i in sorted(reasons)]
        return KafkaBatch(partition, events, carried, dead, offsets[-1] + 1)


def name_of(partition: TopicPartition) -> str:
    """Name a partition as Kafka's own tools do: topic-number."""
    return f"{partition.topic}-{partition.partition}"


def moment(text: str) -> float | None:
    """Read an ISO 8601 time as seconds since 1970, UTC where it has no zone; None when it is none."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


class _Listener(AsyncConsumerRebalanceListener):
    """Passes on what the group decides.

    It runs on the client's own thread while the owner's waits in `poll`. Of kafka-python's ways to commit, only an
    awaited one works here.
    """

    def __init__(self, consumer: Any, assignor: Any, owner: Owner, moved: set[TopicPartition]) -> None:
        self._consumer = consumer
        self._assignor = assignor
        self._owner = owner
        self._moved = moved

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        self._moved |= revoked
        offsets = self._owner.revoked(set(revoked))
        if offsets:
            await self._consumer.commit_async(_structs(offsets))

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        self._moved |= assigned
        for partition in assigned:
            self._consumer.seek(partition, 0)  # somewhere, so that the client asks for no position of its own
        self._consumer.pause(*assigned)
        self._owner.assigned(set(assigned))

    async def on_partitions_lost(self, lost: set[TopicPartition]) -> None:
        self._moved |= lost
        self._assignor.member_assignment = None  # else it joins again as their owner, and may be before the new one
        self._owner.lost(set(lost))


def _structs(offsets: Offsets) -> dict[TopicPartition, OffsetAndMetadata]:
    return {partition: OffsetAndMetadata(offset, "", -1) for partition, offset in offsets.items()}


def _keys(raw: Sequence[bytes | None]) -> tuple[NDArray[np.object_], list[int]]:
    """Read records' keys as text, each distinct one once; also give which are not UTF-8."""
    distinct = {key: _text(key) for key in dict.fromkeys(raw)}
    found = np.empty(len(raw), object)
    found[:] = [distinct[key] for key in raw]
    if None not in distinct.values():
        return found, []
    return found, [i for i, key in enumerate(raw) if distinct[key] is None]


def _text(key: bytes | None) -> str | None:
    try:
        return "" if key is None else key.decode()
    except UnicodeDecodeError:
        return None


def _without_none(payloads: Sequence[bytes | None]) -> list[bytes]:
    return [b"" if payload is None else payload for payload in payloads]
