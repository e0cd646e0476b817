"""TopicWriter: recorded events to a Kafka topic, one JSON object each, in order."""

from __future__ import annotations

import math
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import KafkaError, TopicAlreadyExistsError

from stream_rnn.connectors.closeable import Closeable
from stream_rnn.connectors.errors import ConnectorError
from stream_rnn.connectors.files import rendering
from stream_rnn.connectors.kafka.batch_producer import partition_of
from stream_rnn.connectors.kafka.client import BrokerError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stream_rnn.connectors.decode.schema import Schema
    from stream_rnn.connectors.events import EventBatch
    from stream_rnn.connectors.kafka.client import Cluster

LINGER_MS = 5
BATCH_BYTES = 1 << 16
"""Size of a batch. The client acknowledges all records of a batch at once, and does nothing else meanwhile."""
CLOSE_SECONDS = 5.0
"""How long closing waits for what is in flight."""
TOPIC_CONFIG = {"retention.ms": "-1", "message.timestamp.after.max.ms": str(2**63 - 1)}
"""Settings of a topic for recordings: it keeps records of any age and accepts timestamps in the future. By default,
Kafka deletes records with timestamps older than a week and rejects those more than an hour ahead."""


def create_topic(cluster: Cluster, topic: str, partitions: int) -> None:
    """Create a topic for recorded events; an existing topic stays as it is.

    Raises
    ------
    ConnectorError
        If no broker answers, or the cluster rejects the topic.
    """
    admin = cluster.admin()
    try:
        request = {topic: {"num_partitions": partitions, "configs": TOPIC_CONFIG}}
        (answer,) = admin.create_topics(request, raise_errors=False)["topics"]
        if answer["error_code"] == TopicAlreadyExistsError.errno:
            return
        if answer["error_code"]:
            raise ConnectorError(f"cannot create topic {topic!r}: {answer['error_message']}")
        admin.wait_for_topics([topic])
    except KafkaError as error:
        raise BrokerError(cluster.explain(error)) from None
    finally:
        admin.close()


def retention_seconds(cluster: Cluster, topic: str) -> float:
    """Return how long a topic keeps records, by their timestamps; infinity if it keeps them forever.

    Raises
    ------
    BrokerError
        If no broker answers, or the client is not authorized to read the topic's settings.
    """
    admin = cluster.admin()
    try:
        resource = ConfigResource(ConfigResourceType.TOPIC, topic, {"retention.ms": None, "cleanup.policy": None})
        answer = admin.describe_configs([resource], config_filter="all")["topic"][topic]
    except KafkaError as error:
        raise BrokerError(cluster.explain(error)) from None
    finally:
        admin.close()
    milliseconds = int(answer["retention.ms"]["value"])
    deletes = "delete" in answer["cleanup.policy"]["value"]
    return milliseconds / 1e3 if deletes and milliseconds >= 0 else math.inf


class TopicWriter(Closeable):
    """Writes events to a topic as they were recorded.

    A record is a JSON object with time, key, inputs and end under the names of their columns: the time as ISO 8601,
    missing values as null. The record's key is that of the stream, its timestamp the time of the event. It goes to the
    partition that Kafka's own clients choose for its key, so that each stream stays in order.

    Parameters
    ----------
    cluster
        Where the topic is.
    topic
        Name of an existing topic.
    schema
        Names for key, time and end; what has no name is not written.

    Attributes
    ----------
    delivered : int
        Number of events that have been delivered.

    Raises
    ------
    UsageError, ConnectorError
        If an option is wrong, no broker answers, or the client is not authorized.
    """

    def __init__(self, cluster: Cluster, topic: str, schema: Schema) -> None:
        self.delivered = 0
        self._cluster = cluster
        self._topic = topic
        self._schema = schema
        self._partition_of = cache(partition_of)
        self._in_flight: list[Any] = []
        self._producer = cluster.producer(allow_auto_create_topics=False, linger_ms=LINGER_MS, batch_size=BATCH_BYTES)

    def write(self, batch: EventBatch) -> None:
        """Send events, and wait for those of the previous batch, so that at most two batches are in flight.

        Raises
        ------
        BrokerError
            If an event was not delivered.
        """
        try:
            previous, self._in_flight = self._in_flight, self._send(batch)
        except KafkaError as error:
            raise BrokerError(self._cluster.explain(error)) from None
        self._await_delivery(previous)

    def flush(self) -> None:
        """Wait until all events are delivered.

        Raises
        ------
        BrokerError
            If an event was not delivered.
        """
        previous, self._in_flight = self._in_flight, []
        self._await_delivery(previous)

    def close(self) -> None:
        """Close; events that were not flushed may not be delivered."""
        with suppress(KafkaError):  # the client's complaint that something was in flight
            self._producer.close(timeout=CLOSE_SECONDS)

    def _send(self, batch: EventBatch) -> list[Any]:
        send, topic = self._producer.send, self._topic
        count = len(self._producer.partitions_for(topic))
        keys = [str(key).encode() for key in batch.keys.tolist()]
        partitions = {key: self._partition_of(key, count) for key in set(keys)}
        return [
            send(topic, payload, key, partition=partitions[key], timestamp_ms=timestamp)
            for payload, key, timestamp in zip(self._payloads(batch), keys, self._timestamps(batch), strict=True)
        ]

    def _payloads(self, batch: EventBatch) -> list[bytes]:
        schema = self._schema
        fields: list[tuple[str | None, NDArray[Any]]] = [
            (schema.time, batch.times),
            (schema.key, batch.keys),
            *batch.columns.items(),
            (schema.end, batch.ends),
        ]
        columns = {name: column for name, column in fields if name is not None}
        return rendering.json_lines(columns, schema.time).split(b"\n")[:-1]

    def _timestamps(self, batch: EventBatch) -> list[int | None]:
        """Return milliseconds since 1970; None for events without time, which get the current time from the client."""
        if self._schema.time is None:
            return [None] * len(batch)
        timestamps: list[int | None] = np.rint(batch.times * 1e3).astype(np.int64).tolist()
        return timestamps

    def _await_delivery(self, futures: list[Any]) -> None:
        """Wait until records are delivered; the client gives up after its `delivery_timeout_ms`."""
        try:
            for future in futures:
                future.get()
        except KafkaError as error:
            raise BrokerError(self._cluster.explain(error)) from None
        self.delivered += len(futures)
