"""KafkaSource: topics of a Kafka cluster as a source of events, in batches by partition.

A source is one member of a consumer group. It never commits on its own: its user commits what was processed, in one
transaction with the output, or by `KafkaSource.commit`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from kafka import TopicPartition
from kafka.consumer.subscription_state import AsyncConsumerRebalanceListener
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.structs import MemberState

from stream_rnn.connectors.closeable import Closeable
from stream_rnn.connectors.errors import ConnectorError
from stream_rnn.connectors.kafka.decoder import Decoder
from stream_rnn.connectors.kafka.partitions import TopicIdentity, commit_metadata, partition_name
from stream_rnn.connectors.kafka.subscription import START_POSITIONS, parse_time

if TYPE_CHECKING:
    from stream_rnn.connectors.decode.schema import Schema
    from stream_rnn.connectors.kafka.client import Cluster
    from stream_rnn.connectors.kafka.decoder import KafkaBatch, RecordOptions
    from stream_rnn.connectors.kafka.partitions import Notes, Offsets
    from stream_rnn.connectors.kafka.subscription import Subscription

MAX_POLL_RECORDS = 4096
"""Records per poll: about ten milliseconds of work, so that no event waits long behind the others."""
BACKLOG_RECORDS = MAX_POLL_RECORDS // 4
"""Minimum number of records of a poll that indicates a backlog."""
GATHER_MS = 3
"""How long a poll that returned little waits for more. The client returns what it fetched during the previous poll, and
only then fetches what has arrived since."""
METADATA_MS = 30_000
"""How soon partitions that are added to a topic are noticed; the client's default is five minutes."""
HEARTBEAT_SECONDS = 0.25
"""Time between two heartbeats. A member learns by its heartbeat that the group rebalances, and all wait for the last;
with the client's default of 3 s, a join interrupted the partitions of every process for more than a second."""
JOIN_MS = 1000
"""How much longer a poll may take while the group is being joined."""
CLOSE_MS = 10_000


class RebalanceListener(Protocol):
    """Receives the partitions that this member gets and loses, while its own thread waits in `poll` or `close`."""

    def on_assigned(self, partitions: set[TopicPartition]) -> None:
        """Accept new partitions. They are paused until `KafkaSource.resume`."""

    def on_revoked(self, partitions: set[TopicPartition]) -> Offsets:
        """Finish the work on partitions and give them up; return the offsets that still have to be committed."""

    def on_lost(self, partitions: set[TopicPartition]) -> None:
        """Give up partitions at once: the group has already assigned them to others."""


class KafkaSource(Closeable):
    """Events of topics, as one member of a consumer group.

    Parameters
    ----------
    cluster
        Where the topics are.
    subscription
        Topics to read, consumer group, and member of the group.
    schema
        Fields of the records; see `Decoder`.
    listener
        Called by `poll` and `close`, on the client's thread, while the caller waits.
    options
        How records are read besides their fields. Default: as `RecordOptions`.

    Raises
    ------
    UsageError, ConnectorError
        If an option is wrong, no broker answers, or the client is not authorized.
    """

    def __init__(
        self,
        cluster: Cluster,
        subscription: Subscription,
        schema: Schema,
        listener: RebalanceListener,
        options: RecordOptions | None = None,
    ) -> None:
        self.subscription = subscription
        self._cluster = cluster
        self._decoder = Decoder(schema, options)
        assignor = CooperativeStickyAssignor()
        self._joined = False
        """whether the first join is over"""
        self._moved: set[TopicPartition] = set()
        """partitions that came or went during this poll; records that it returned of them before are dropped"""
        self._consumer = cluster.consumer(
            group_id=subscription.group,
            group_instance_id=subscription.instance,
            session_timeout_ms=round(1000 * subscription.session_timeout),
            heartbeat_interval_ms=round(1000 * min(HEARTBEAT_SECONDS, subscription.session_timeout / 4)),
            partition_assignment_strategy=(assignor,),
            auto_offset_reset="none",  # the caller alone decides where to read
            enable_auto_commit=False,
            isolation_level="read_committed",
            allow_auto_create_topics=False,
            max_poll_records=MAX_POLL_RECORDS,
            metadata_max_age_ms=METADATA_MS,
        )
        try:
            self._consumer.subscribe(
                topics=subscription.topics,
                pattern=subscription.pattern,
                listener=_ClientListener(self._consumer, assignor, listener, self._moved),
            )
            for topic in subscription.topics:
                # Otherwise the client may join before it knows the topics, lead the group, and assign no partitions.
                self._consumer.partitions_for_topic(topic)
        except BaseException:
            self._consumer.close()
            raise

    @property
    def membership(self) -> Any:
        """Membership in the group, which a transaction is committed with."""
        return self._consumer.group_metadata()

    def poll(self, seconds: float, most: int = MAX_POLL_RECORDS) -> list[KafkaBatch]:
        """Return the records that have arrived, by partition; wait up to the given seconds for some.

        The listener may be called meanwhile. Records of partitions that come or go meanwhile are not returned.

        Parameters
        ----------
        seconds
            How long to wait.
        most
            How many records to return at most.

        Raises
        ------
        KafkaError
            If the cluster rejects a request, or the listener fails.
        """
        self._moved.clear()
        polled = self._consumer.poll(timeout_ms=round(1000 * seconds), max_records=most)
        count = sum(map(len, polled.values()))
        if 0 < count < min(BACKLOG_RECORDS, most):
            for partition, records in self._consumer.poll(timeout_ms=GATHER_MS, max_records=most - count).items():
                polled.setdefault(partition, []).extend(records)
        self._finish_join()
        self._take_over()
        return [
            self._decoder.decode(partition, records)
            for partition, records in polled.items()
            if partition not in self._moved
        ]

    def _finish_join(self) -> None:
        """Wait until the group is joined, if a join is in progress.

        kafka-python 3.0.12 does not complete a join that its coordinator starts between two polls. It starts another
        one, in which all members have to take part; or, if new topics or partitions were the reason, it forgets that it
        is joining, and the member neither reads them nor sends heartbeats any more.
        """
        coordinator = self._consumer._coordinator  # noqa: SLF001 - there is no public way
        if coordinator.rebalance_in_progress():
            coordinator.request_rejoin()
            coordinator.poll(timeout_ms=JOIN_MS)

    def _take_over(self) -> None:
        """Join once more after the first join, unless this member leads the group.

        A member that comes in place of one with its name gets the assignment of that one. If that one led the group,
        the cluster names it as the leader still (KAFKA-13435), and kafka-python 3.0.12 does not learn that this member
        leads now: nobody would notice new partitions, or a topic that is created again. Joining once more makes the
        leader assign the partitions again, and changes nothing for another member.
        """
        coordinator = self._consumer._coordinator  # noqa: SLF001 - there is no public way
        if not self._joined and coordinator.state is MemberState.STABLE:
            self._joined = True
            if not coordinator._is_leader:  # noqa: SLF001
                coordinator.request_rejoin()

    def committed(self, partition: TopicPartition) -> int | None:
        """Return the group's committed offset, None if there is none; wait for open transactions to end."""
        offset: int | None = self._consumer.committed(partition)
        return offset

    def note(self, partition: TopicPartition) -> str:
        """Return what was committed with the group's offset, empty if there is none."""
        found = self._consumer.committed(partition, metadata=True)
        return "" if found is None else found.metadata

    def bounds(self, partition: TopicPartition) -> tuple[int, int]:
        """Return the offset of the oldest record of a partition, and of the next one to be written."""
        first = self._consumer.beginning_offsets([partition])[partition]
        return first, self._consumer.end_offsets([partition])[partition]

    def identity(self, topic: str) -> TopicIdentity:
        """Return the identity of a topic, as the cluster last described it."""
        found = self._consumer._cluster.topic_id(topic)  # noqa: SLF001 - there is no public way
        count = len(self._consumer.partitions_for_topic(topic))
        return TopicIdentity(None if found is None else str(found), count)

    def missing_topics(self) -> list[str]:
        """Return the topics that are to be read by name, but were deleted."""
        return [topic for topic in self.subscription.topics if not self._consumer.partitions_for_topic(topic)]

    def start_offset(self, partition: TopicPartition) -> int:
        """Return the offset to start at in a partition without a committed offset.

        Raises
        ------
        ConnectorError
            If only partitions with a committed offset may be read.
        """
        start = self.subscription.start
        if start == "committed":
            raise ConnectorError(
                f"group {self.subscription.group!r} has no committed offset in {partition_name(partition)}, "
                "and start is committed: set start to earliest, latest or a time"
            )
        first, end = self.bounds(partition)
        if start in START_POSITIONS:
            return first if start == "earliest" else end
        time = parse_time(start)
        found = self._consumer.offsets_for_times({partition: int(1000 * time)})[partition] if time is not None else None
        return end if found is None else int(found.offset)

    def assignment(self) -> set[TopicPartition]:
        """Return the partitions that are assigned to this member."""
        return set(self._consumer.assignment())

    def partitions(self) -> set[TopicPartition]:
        """Return all partitions of the topics that are read."""
        names = self._consumer.subscription() or ()
        return {
            TopicPartition(topic, number) for topic in names for number in self._consumer.partitions_for_topic(topic)
        }

    def resume(self, offsets: Offsets) -> None:
        """Read assigned partitions from these offsets on."""
        for partition, offset in offsets.items():
            self._consumer.seek(partition, offset)
        self._consumer.resume(*offsets)

    def lag(self, partition: TopicPartition, offset: int) -> int | None:
        """Return the number of records from an offset on, None if it is not known; send no request."""
        if partition not in self._consumer.assignment():
            return None  # it is being revoked
        end = self._consumer.highwater(partition)
        return None if end is None else max(0, end - offset)

    def commit(self, offsets: Offsets, notes: Notes | None = None) -> None:
        """Commit offsets, and notes about them, without a transaction.

        Raises
        ------
        KafkaError
            If the group has removed this member, or the cluster rejects the commit.
        """
        if offsets:
            self._consumer.commit(commit_metadata(offsets, notes))

    def close(self) -> None:
        """Give the partitions back, and close. The member keeps its place in the group until its session times out."""
        self._consumer.close(timeout_ms=CLOSE_MS)

    def leave(self) -> None:
        """Remove this member from the group, so that the others need not wait for its session to time out.

        Raises
        ------
        KafkaError, BrokerError
            If the cluster rejects the request or does not answer.
        """
        from kafka.admin import MemberToRemove  # noqa: PLC0415 - needed once, at the end

        admin = self._cluster.admin()
        try:
            member = MemberToRemove(group_instance_id=self.subscription.instance)
            admin.remove_group_members(self.subscription.group, [member])
        finally:
            admin.close()


class _ClientListener(AsyncConsumerRebalanceListener):
    """Passes assignments from kafka-python to the listener.

    It runs on the client's thread while the listener's thread waits in `poll`. A synchronous commit raises here; only
    an awaited one works.
    """

    def __init__(self, consumer: Any, assignor: Any, listener: RebalanceListener, moved: set[TopicPartition]) -> None:
        self._consumer = consumer
        self._assignor = assignor
        self._listener = listener
        self._moved = moved

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        self._moved |= revoked
        offsets = self._listener.on_revoked(set(revoked))
        if offsets:
            await self._consumer.commit_async(commit_metadata(offsets))

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        self._moved |= assigned
        for partition in assigned:
            self._consumer.seek(partition, 0)  # any position, so that the client requests none
        self._consumer.pause(*assigned)
        self._listener.on_assigned(set(assigned))

    async def on_partitions_lost(self, lost: set[TopicPartition]) -> None:
        self._moved |= lost
        # Otherwise the member claims the partitions when it rejoins, possibly before their new owner does.
        self._assignor.member_assignment = None
        self._listener.on_lost(set(lost))
