"""What stands in the topics of the Kafka benchmarks, and what a consumer group has committed of it."""

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
OFFSETS = "__consumer_offsets"
QUIET = 60.0
"""Seconds without a commit after which none is waited for."""


class Events(NamedTuple):
    """Events of many streams, as columns and as they stand in a topic."""

    numbers: NDArray[np.int64]
    """of the streams (N,)"""
    times: NDArray[np.float64]
    x: NDArray[np.float64]
    """(N, 8)"""
    payloads: list[bytes]


class Commit(NamedTuple):
    """An offset that a group has committed, by the broker's clock."""

    seconds: float
    partition: int
    offset: int


def events(count: int) -> Events:
    """Return smooth noisy columns, as sensors have them, in records of 200 bytes."""
    rng = np.random.default_rng(0)
    numbers = rng.integers(STREAMS, size=count)
    times = 1.7e9 + np.arange(count) * 0.01
    phase = times[:, np.newaxis] / (10.0 + np.arange(len(reference.INPUTS))) + numbers[:, np.newaxis]
    x = np.clip(20 + np.sin(phase) + 0.1 * rng.standard_normal(phase.shape), 10, 99)
    rows = zip(numbers.tolist(), times.tolist(), x.tolist(), strict=True)
    return Events(numbers, times, x, [payload(*row) for row in rows])


def payload(number: int, seconds: float, x: list[float]) -> bytes:
    """Return a record of a stream; its inputs are from 10 to 99."""
    fields = [f'"key":"{name_of(number)}"', f'"time":{seconds:.6f}']
    digits = (11, 11, 11, 10, 10, 10, 10, 10)  # what makes it 200 bytes
    fields += [f'"{name}":{value:.{n}f}' for name, value, n in zip(reference.INPUTS, x, digits, strict=True)]
    return f"{{{','.join(fields)}}}".encode()


def name_of(number: int) -> str:
    """Return the name of a stream."""
    return f"sensor-{number:03}"


@contextmanager
def topic(cluster: Cluster, **configs: object) -> Iterator[str]:
    """Give a new topic, and delete it in the end."""
    name = cluster.topic(PARTITIONS, **configs)
    try:
        yield name
    finally:
        cluster.delete_topic(name)


def fill(cluster: Cluster, name: str, some: Events) -> None:
    """Write events to a topic; each stream has its partition."""
    with closing(KafkaProducer(bootstrap_servers=cluster.bootstrap, linger_ms=5)) as producer:
        for number, value in zip(some.numbers.tolist(), some.payloads, strict=True):
            producer.send(name, value, name_of(number).encode(), partition=number % PARTITIONS)
        producer.flush()


class Commits:
    """Follows what a group commits, in the topic in which Kafka keeps it: exact, and it costs the broker little.

    Parameters
    ----------
    cluster
    group
        None of whose commits was made before.
    """

    def __init__(self, cluster: Cluster, group: str) -> None:
        self._group = group.encode()
        self._consumer = KafkaConsumer(
            bootstrap_servers=cluster.bootstrap,
            group_id=f"{group}-followed",
            isolation_level="read_committed",
            enable_auto_commit=False,
        )
        self._consumer.committed(TopicPartition(OFFSETS, 0))  # the topic is made when a group is first asked for
        numbers = self._consumer.partitions_for_topic(OFFSETS)
        self._consumer.assign([TopicPartition(OFFSETS, number) for number in numbers])
        self._consumer.seek_to_end()
        for partition in self._consumer.assignment():
            self._consumer.position(partition)  # else the end is looked for when it has moved on

    def follow(self, check: Callable[[], None]) -> Iterator[Commit]:
        """Yield commits as they come.

        Parameters
        ----------
        check
            Called now and then, to raise when none will come.

        Raises
        ------
        TimeoutError
            If none comes for a minute.
        """
        last = time.monotonic()
        while time.monotonic() - last < QUIET:
            for records in self._consumer.poll(timeout_ms=200).values():
                for record in records:
                    found = self._commit(record)
                    if found is not None:
                        last = time.monotonic()
                        yield found
            check()
        raise TimeoutError(f"group {self._group.decode()} has committed nothing for {QUIET:g} s")

    def close(self) -> None:
        """Stop following."""
        self._consumer.close()

    def _commit(self, record: Any) -> Commit | None:
        """Read a record: version, group, topic and partition in its key, version and offset in its value."""
        version, length = struct.unpack_from(">hh", record.key)
        if version > 1 or record.value is None or record.key[4 : 4 + length] != self._group:
            return None  # about a group's members, a deletion, or of another group
        return Commit(
            record.timestamp / 1e3, *struct.unpack(">i", record.key[-4:]), *struct.unpack_from(">q", record.value, 2)
        )
