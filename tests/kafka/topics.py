"""Write to a topic, read a topic, wait."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING, TypeVar

from kafka import KafkaConsumer, KafkaProducer, TopicPartition

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kafka.consumer.fetcher import ConsumerRecord
    from kafka.producer.future import RecordMetadata

Answer = TypeVar("Answer")


def send(
    bootstrap: str,
    topic: str,
    values: Sequence[bytes | None],
    keys: Sequence[bytes | None] | None = None,
    partition: int | None = None,
    timestamps: Sequence[int] | None = None,
    headers: Sequence[tuple[str, bytes]] | None = None,
) -> list[RecordMetadata]:
    """Write records and return where they stand, once they stand there.

    Keys and timestamps (ms since 1970) are one per record; partition and headers hold for all. Each record needs a
    key or a value, says kafka-python.
    """
    keys = keys or [None] * len(values)
    times: Sequence[int | None] = timestamps or [None] * len(values)
    with closing(KafkaProducer(bootstrap_servers=bootstrap)) as producer:
        sent = [
            producer.send(topic, value, key, list(headers or ()), partition, timestamp)
            for value, key, timestamp in zip(values, keys, times, strict=True)
        ]
        return [future.get(timeout=60) for future in sent]


def read_all(bootstrap: str, topic: str, committed: bool = True) -> list[ConsumerRecord]:
    """Read what is there now, in order of partition and offset.

    Where a transaction is open, what follows its first record is not there for a reader of committed records.
    """
    consumer = KafkaConsumer(
        bootstrap_servers=bootstrap,
        group_id=None,
        isolation_level="read_committed" if committed else "read_uncommitted",
        max_poll_records=10_000,
    )
    with closing(consumer):
        numbers = wait_for(lambda: consumer.partitions_for_topic(topic))
        partitions = [TopicPartition(topic, number) for number in sorted(numbers)]
        consumer.assign(partitions)
        consumer.seek_to_beginning()
        ends = consumer.end_offsets(partitions)
        found: list[ConsumerRecord] = []

        def at_the_end() -> bool:
            for records in consumer.poll(timeout_ms=100).values():
                found.extend(records)
            # positions, not records: markers of transactions take offsets too
            return all(consumer.position(partition) >= end for partition, end in ends.items())

        wait_for(at_the_end)
    there = [record for record in found if record.offset < ends[TopicPartition(topic, record.partition)]]
    return sorted(there, key=lambda record: (record.partition, record.offset))


def wait_for(question: Callable[[], Answer], seconds: float = 60) -> Answer:
    """Ask until the answer is true, and return it.

    Raises
    ------
    TimeoutError
        If it is not within `seconds`.
    """
    deadline = time.monotonic() + seconds
    while not (answer := question()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{question.__qualname__} was still {answer!r} after {seconds:g} s")
        time.sleep(0.02)
    return answer
