"""Events to a Kafka topic: a JSON object for each, in order, and every one that does not arrive is heard of."""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from kafka.errors import KafkaError, TopicAlreadyExistsError

from stream_rnn.connectors.closeable import Closeable
from stream_rnn.connectors.errors import ConnectorError
from stream_rnn.connectors.files import rendering
from stream_rnn.connectors.kafka.batch_producer import place_of
from stream_rnn.connectors.kafka.client import BrokerError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stream_rnn.connectors.decode.schema import Schema
    from stream_rnn.connectors.events import EventBatch
    from stream_rnn.connectors.kafka.client import Cluster

LINGER_MS = 5
BATCH_BYTES = 1 << 16
"""Of a partition's records that go together: the client answers for each of them while nothing else can be done."""
PARTING = 5.0
"""Seconds that what is under way may take when closing after a failure."""
RECORDED = {"retention.ms": "-1", "message.timestamp.after.max.ms": str(2**63 - 1)}
"""A topic for recordings keeps records however old, and takes those of times to come. Kafka's own choice is to delete
what is older than a week, by its timestamp, and to refuse what is an hour ahead."""


def make_topic(cluster: Cluster, topic: str, partitions: int) -> None:
    """Create a topic for recorded events; one that is there stays as it is.

    Raises
    ------
    ConnectorError
        When nobody answers, or the cluster refuses.
    """
    admin = cluster.admin()
    try:
        wanted = {topic: {"num_partitions": partitions, "configs": RECORDED}}
        (answer,) = admin.create_topics(wanted, raise_errors=False)["topics"]
        if answer["error_code"] == TopicAlreadyExistsError.errno:
            return
        if answer["error_code"]:
            raise ConnectorError(f"topic {topic!r} cannot be made: {answer['error_message']}")
        admin.wait_for_topics([topic])
    except KafkaError as error:
        raise BrokerError(cluster.explain(error)) from None
    finally:
        admin.close()


class EventProducer(Closeable):
    """Writes events to a topic as they were recorded.

    A record is a JSON object with time, key, inputs and end under their columns' names, the time as ISO 8601, what is
    missing as null. Its key is the stream's, its timestamp the event's time. It goes to the partition that its key
    hashes to, as with Kafka's own clients, so each stream stays in order.

    Parameters
    ----------
    cluster : Cluster
    topic : str
        One that is there.
    schema : Schema
        The names of key, time and end; what has none is not written.

    Attributes
    ----------
    delivered : int
        Events that are known to be in the topic.

    Raises
    ------
    UsageError, ConnectorError
        When nobody answers, or the client is not let in.
    """

    def __init__(self, cluster: Cluster, topic: str, schema: Schema) -> None:
        self.delivered = 0
        self._cluster = cluster
        self._topic = topic
        self._schema = schema
        self._place = cache(place_of)
        self._sent: list[Any] = []
        self._producer = cluster.producer(allow_auto_create_topics=False, linger_ms=LINGER_MS, batch_size=BATCH_BYTES)

    def write(self, batch: EventBatch) -> None:
        """Write events, and wait for those of the batch before: so much and no more is under way at once.

        Raises
        ------
        BrokerError
            When an event did not arrive.
        """
        try:
            before, self._sent = self._sent, self._send(batch)
        except KafkaError as error:
            raise BrokerError(self._cluster.explain(error)) from None
        self._hear(before)

    def flush(self) -> None:
        """Wait until all that was written has arrived; raises as `write`."""
        before, self._sent = self._sent, []
        self._hear(before)

    def close(self) -> None:
        """Close; what was written and not flushed may not arrive."""
        with suppress(KafkaError):  # the client's complaint that something was under way
            self._producer.close(timeout=PARTING)

    def _send(self, batch: EventBatch) -> list[Any]:
        send, topic = self._producer.send, self._topic
        count = len(self._producer.partitions_for(topic))
        keys = [str(key).encode() for key in batch.keys.tolist()]
        places = {key: self._place(key, count) for key in set(keys)}
        return [
            send(topic, payload, key, partition=places[key], timestamp_ms=stamp)
            for payload, key, stamp in zip(self._payloads(batch), keys, self._stamps(batch), strict=True)
        ]

    def _payloads(self, batch: EventBatch) -> list[bytes]:
        schema = self._schema
        told: list[tuple[str | None, NDArray[Any]]] = [(schema.time, batch.times), (schema.key, batch.keys)]
        told += [*batch.columns.items(), (schema.end, batch.ends)]
        rows = {name: column for name, column in told if name is not None}
        return rendering.json_lines(rows, schema.time).split(b"\n")[:-1]

    def _stamps(self, batch: EventBatch) -> list[int | None]:
        """Give milliseconds since 1970; None where there is no time, and Kafka takes the present."""
        if self._schema.time is None:
            return [None] * len(batch)
        stamps: list[int | None] = np.rint(batch.times * 1e3).astype(np.int64).tolist()
        return stamps

    def _hear(self, sent: list[Any]) -> None:
        """Wait for the cluster's word on each record; the client gives up on its own, after `delivery_timeout_ms`."""
        try:
            for record in sent:
                record.get()
        except KafkaError as error:
            raise BrokerError(self._cluster.explain(error)) from None
        self.delivered += len(sent)
