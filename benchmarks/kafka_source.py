"""Reading a topic: `KafkaSource.poll` beside bare kafka-python, with the same settings, on the same records."""

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


class Assigned:
    """An owner of partitions that only notes them."""

    def __init__(self) -> None:
        self.partitions: set[TopicPartition] = set()

    def on_assigned(self, partitions: set[TopicPartition]) -> None:
        """Note them."""
        self.partitions |= partitions

    def on_revoked(self, partitions: set[TopicPartition]) -> Offsets:
        """Leave nothing to be committed."""
        self.partitions -= partitions
        return {}

    def on_lost(self, partitions: set[TopicPartition]) -> None:
        """Let go."""
        self.partitions -= partitions


def measure(servers: str, topic: str, count: int) -> list[dict[str, Any]]:
    """Return how fast each way reads the topic: medians of several rounds, one after the other in each.

    The first round is not counted: it brings the records into the system's memory.
    """
    beginning = {TopicPartition(topic, number): 0 for number in range(PARTITIONS)}
    decode = msgspec.json.Decoder().decode
    with ExitStack() as opened:
        bare = opened.enter_context(closing(_bare(servers)))
        bare.assign(list(beginning))
        source = opened.enter_context(_source(servers, topic))

        def undecoded() -> int:
            return sum(map(len, bare.poll(timeout_ms=100).values()))

        def decoded() -> int:
            values = [[decode(record.value) for record in records] for records in bare.poll(timeout_ms=100).values()]
            return sum(map(len, values))

        def ours() -> int:
            return sum(map(len, source.poll(0.1)))

        def seek() -> None:
            for partition, offset in beginning.items():
                bare.seek(partition, offset)

        ways: dict[str, tuple[Callable[[], None], Callable[[], int]]] = {
            "bare poll": (seek, undecoded),
            "bare poll, values decoded": (seek, decoded),
            "KafkaSource.poll": (lambda: source.resume(beginning), ours),
        }
        took: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
        for _ in range(1 + ROUNDS):
            for name, (rewind, poll) in ways.items():
                rewind()
                took[name].append(_read(poll, count))
    return [{"reader": name, **_medians(times[1:], count)} for name, times in took.items()]


def _bare(servers: str) -> Any:
    """Return a consumer with the source's settings."""
    return make_cluster([servers]).consumer(
        enable_auto_commit=False, isolation_level="read_committed", max_poll_records=MAX_POLL_RECORDS
    )


def _source(servers: str, topic: str) -> KafkaSource:
    """Return a source that has all partitions."""
    owner, group = Assigned(), f"bench-{uuid.uuid4().hex[:12]}"
    subscription = Subscription(topics=(topic,), group=group, instance=group)
    source = KafkaSource(make_cluster([servers]), subscription, SCHEMA, owner)
    end = time.monotonic() + 30
    while len(owner.partitions) < PARTITIONS:
        source.poll(0.1)
        if time.monotonic() > end:
            source.close()
            raise TimeoutError(f"group {group} was not given the {PARTITIONS} partitions in 30 s")
    return source


def _read(poll: Callable[[], int], count: int) -> tuple[float, float]:
    """Read so many records; return the seconds that passed, and those of this process's threads on a core."""
    wall, processor = time.perf_counter(), time.process_time()
    read = 0
    while read < count:
        read += poll()
    return time.perf_counter() - wall, time.process_time() - processor


def _medians(times: list[tuple[float, float]], count: int) -> dict[str, float]:
    wall, processor = (statistics.median(column) for column in zip(*times, strict=True))
    return {"records_per_second": count / wall, "cpu_us_per_record": 1e6 * processor / count}
