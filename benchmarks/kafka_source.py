"""Reading a topic: `KafkaSource.poll` and bare kafka-python with the same settings, on the same records."""

from __future__ import annotations

import statistics
import time
import uuid
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any

import msgspec
from kafka import TopicPartition

from benchmarks import reference
from benchmarks.kafka_topic import PARTITIONS
from stream_rnn.connectors.decode.schema import Schema
from stream_rnn.connectors.kafka.client import make_cluster
from stream_rnn.connectors.kafka.source import MAX_POLL_RECORDS, KafkaSource
from stream_rnn.connectors.kafka.subscription import Subscription

if TYPE_CHECKING:
    from collections.abc import Callable

    from stream_rnn.connectors.kafka.partitions import Offsets

ROUNDS = 5
SCHEMA = Schema("key", "time", None, reference.INPUTS)


class AssignedPartitions:
    """An owner of partitions that only records which ones are assigned."""

    def __init__(self) -> None:
        self.partitions: set[TopicPartition] = set()

    def on_assigned(self, partitions: set[TopicPartition]) -> None:
        """Add new partitions."""
        self.partitions |= partitions

    def on_revoked(self, partitions: set[TopicPartition]) -> Offsets:
        """Remove partitions; nothing is to be committed."""
        self.partitions -= partitions
        return {}

    def on_lost(self, partitions: set[TopicPartition]) -> None:
        """Remove partitions."""
        self.partitions -= partitions


def measure(servers: str, topic: str, count: int) -> list[dict[str, Any]]:
    """Return the rate of each reader: medians of several rounds, in which the readers take turns.

    The first round is not counted, since it brings the records into the page cache.
    """
    beginning = {TopicPartition(topic, number): 0 for number in range(PARTITIONS)}
    decode = msgspec.json.Decoder().decode
    with ExitStack() as opened:
        bare = opened.enter_context(closing(_bare(servers)))
        bare.assign(list(beginning))
        source = opened.enter_context(_source(servers, topic))

        def poll_bare() -> int:
            return sum(map(len, bare.poll(timeout_ms=100).values()))

        def poll_and_decode() -> int:
            values = [[decode(record.value) for record in records] for records in bare.poll(timeout_ms=100).values()]
            return sum(map(len, values))

        def poll_source() -> int:
            return sum(map(len, source.poll(0.1)))

        def rewind_bare() -> None:
            for partition, offset in beginning.items():
                bare.seek(partition, offset)

        readers: dict[str, tuple[Callable[[], None], Callable[[], int]]] = {
            "bare poll": (rewind_bare, poll_bare),
            "bare poll, values decoded": (rewind_bare, poll_and_decode),
            "KafkaSource.poll": (lambda: source.resume(beginning), poll_source),
        }
        durations: dict[str, list[tuple[float, float]]] = {name: [] for name in readers}
        for _ in range(1 + ROUNDS):
            for name, (rewind, poll) in readers.items():
                rewind()
                durations[name].append(_read(poll, count))
    return [{"reader": name, **_medians(times[1:], count)} for name, times in durations.items()]


def _bare(servers: str) -> Any:
    """Return a consumer with the source's settings."""
    return make_cluster([servers]).consumer(
        enable_auto_commit=False, isolation_level="read_committed", max_poll_records=MAX_POLL_RECORDS
    )


def _source(servers: str, topic: str) -> KafkaSource:
    """Return a source that is assigned all partitions."""
    owner, group = AssignedPartitions(), f"bench-{uuid.uuid4().hex[:12]}"
    source = KafkaSource(
        make_cluster([servers]), Subscription(topics=(topic,), group=group, instance=group), SCHEMA, owner
    )
    end = time.monotonic() + 30
    while len(owner.partitions) < PARTITIONS:
        source.poll(0.1)
        if time.monotonic() > end:
            source.close()
            raise TimeoutError(f"group {group} was not assigned the {PARTITIONS} partitions within 30 s")
    return source


def _read(poll: Callable[[], int], count: int) -> tuple[float, float]:
    """Read `count` records; return wall-clock time and processor time of this process, in seconds."""
    wall, processor = time.perf_counter(), time.process_time()
    read = 0
    while read < count:
        read += poll()
    return time.perf_counter() - wall, time.process_time() - processor


def _medians(times: list[tuple[float, float]], count: int) -> dict[str, float]:
    wall, processor = (statistics.median(column) for column in zip(*times, strict=True))
    return {"records_per_second": count / wall, "cpu_us_per_record": 1e6 * processor / count}
