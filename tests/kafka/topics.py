"""Write to a topic, read a topic, wait for a condition."""

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
    """Write records, wait until they are delivered, and return their positions.

    Keys and timestamps (ms since 1970) are one per record; partition and headers apply to all. kafka-python requires
    that each record has a key or a value.
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
    """Return the present records of a topic, by partition and offset.

    A reader of committed records does not see anything after the first record of an open transaction.
    """
    consumer = KafkaConsumer(
        bootstrap_servers=bootstrap,
        group_id=None,
        auto_offset_reset="earliest",  # the client's default goes to the end whenever it has to find a position again
        isolation_level="read_committed" if committed else "read_uncommitted",
        max_poll_records=10_000,
    )
    with closing(consumer):
        numbers = wait_for(lambda: consumer.partitions_for_topic(topic))
        partitions = [TopicPartition(topic, number) for number in sorted(numbers)]
        consumer.assign(partitions)
        ends = consumer.end_offsets(partitions)
        found: list[ConsumerRecord] = []

        def at_end() -> bool:
            for records in consumer.poll(timeout_ms=100).values():
                found.extend(records)
            # positions, not records: transaction markers have offsets, too
            return all(consumer.position(partition) >= end for partition, end in ends.items())

        wait_for(at_end)
    before_end = [record for record in found if record.offset < ends[TopicPartition(topic, record.partition)]]
    return sorted(before_end, key=lambda record: (record.partition, record.offset))


def wait_for(condition: Callable[[], Answer], seconds: float = 60) -> Answer:
    """Call the condition until its result is true, and return that.

    Raises
    ------
    TimeoutError
        If it is not true within `seconds`.
    """
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{condition.__qualname__} was still {answer!r} after {seconds:g} s")
        time.sleep(0.02)
    return answer
