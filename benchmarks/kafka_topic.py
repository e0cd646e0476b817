"""Records of the Kafka benchmarks, their topics, and the offsets that a consumer group commits."""

from __future__ import annotations

import struct
import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from benchmarks import reference

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from tests.kafka.broker import Cluster

PARTITIONS = 4
STREAMS = 100
RECORD_BYTES = 200
OFFSETS_TOPIC = "__consumer_offsets"
COMMIT_TIMEOUT = 60.0
"""Seconds to wait for the next commit."""


class Events(NamedTuple):
    """Events of many streams, as columns and as JSON records."""

    streams: NDArray[np.int64]
    """(N,) stream numbers"""
    times: NDArray[np.float64]
    x: NDArray[np.float64]
    """(N, 8)"""
    records: list[bytes]


class Commit(NamedTuple):
    """An offset that a group has committed, with the time of the broker's clock."""

    seconds: float
    partition: int
    offset: int


def events(count: int) -> Events:
    """Return smooth noisy columns, like those of sensors, and their records of 200 bytes."""
    rng = np.random.default_rng(0)
    streams = rng.integers(STREAMS, size=count)
    times = (1.7e9 + np.arange(count) * 0.01).astype(np.float64)
    phase = times[:, np.newaxis] / (10.0 + np.arange(len(reference.INPUTS))) + streams[:, np.newaxis]
    x = np.clip(20 + np.sin(phase) + 0.1 * rng.standard_normal(phase.shape), 10, 99)
    rows = zip(streams.tolist(), times.tolist(), x.tolist(), strict=True)
    return Events(streams, times, x, [record(*row) for row in rows])


def record(stream: int, seconds: float, x: list[float]) -> bytes:
    """Return a JSON record of a stream, of 200 bytes if all inputs are from 10 to 99."""
    fields = [f'"key":"{stream_name(stream)}"', f'"time":{seconds:.6f}']
    digits = (11, 11, 11, 10, 10, 10, 10, 10)  # for a total of 200 bytes
    fields += [f'"{name}":{value:.{n}f}' for name, value, n in zip(reference.INPUTS, x, digits, strict=True)]
    return f"{{{','.join(fields)}}}".encode()


def stream_name(number: int) -> str:
    """Return the key of a stream."""
    return f"sensor-{number:03}"


@contextmanager
def topic(cluster: Cluster, **configs: Any) -> Iterator[str]:
    """Yield the name of a new topic, and delete the topic at the end."""
    name = cluster.topic(PARTITIONS, **configs)
    try:
        yield name
    finally:
        cluster.delete_topic(name)


def fill(cluster: Cluster, name: str, events: Events) -> None:
    """Write events to a topic; each stream has one partition."""
    with closing(KafkaProducer(bootstrap_servers=cluster.bootstrap, linger_ms=5)) as producer:
        for stream, value in zip(events.streams.tolist(), events.records, strict=True):
            producer.send(name, value, stream_name(stream).encode(), partition=stream % PARTITIONS)
        producer.flush()


@contextmanager
def committed_reader(bootstrap: str, name: str) -> Iterator[KafkaConsumer]:
    """Yield a consumer of the committed records of a topic, from its beginning."""
    consumer = KafkaConsumer(
        bootstrap_servers=bootstrap,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    with closing(consumer):
        consumer.assign([TopicPartition(name, number) for number in range(PARTITIONS)])
        yield consumer


class CommitLog:
    """Reads a group's commits from Kafka's own topic of offsets, which has exact times and costs the broker little.

    Parameters
    ----------
    cluster
        The broker.
    group
        A group that has not committed anything yet.
    """

    def __init__(self, cluster: Cluster, group: str) -> None:
        self._group = group.encode()
        self._consumer = KafkaConsumer(
            bootstrap_servers=cluster.bootstrap,
            group_id=f"{group}-followed",
            isolation_level="read_committed",
            enable_auto_commit=False,
        )
        self._consumer.committed(TopicPartition(OFFSETS_TOPIC, 0))  # the first such request creates the topic
        numbers = self._consumer.partitions_for_topic(OFFSETS_TOPIC)
        self._consumer.assign([TopicPartition(OFFSETS_TOPIC, number) for number in numbers])
        self._consumer.seek_to_end()
        for partition in self._consumer.assignment():
            self._consumer.position(partition)  # resolves the end now, before it moves

    def follow(self, check: Callable[[], None]) -> Iterator[Commit]:
        """Yield commits as they arrive.

        Parameters
        ----------
        check
            Called after every poll; it raises if no commits are to be expected.

        Raises
        ------
        TimeoutError
            If no commit arrives for a minute.
        """
        last = time.monotonic()
        while time.monotonic() - last < COMMIT_TIMEOUT:
            for records in self._consumer.poll(timeout_ms=200).values():
                for record in records:
                    commit = self._commit(record)
                    if commit is not None:
                        last = time.monotonic()
                        yield commit
            check()
        raise TimeoutError(f"group {self._group.decode()} has committed nothing for {COMMIT_TIMEOUT:g} s")

    def close(self) -> None:
        """Close the consumer."""
        self._consumer.close()

    def _commit(self, record: Any) -> Commit | None:
        """Decode a record: version, group, topic and partition are in its key, version and offset in its value."""
        version, length = struct.unpack_from(">hh", record.key)
        if version > 1 or record.value is None or record.key[4 : 4 + length] != self._group:
            return None  # group metadata, a deletion, or another group
        return Commit(
            record.timestamp / 1e3, *struct.unpack(">i", record.key[-4:]), *struct.unpack_from(">q", record.value, 2)
        )
