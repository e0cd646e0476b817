"""TopicWatch: a partition is held if records wait, none arrive, and what is committed ends there; missing topics."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from kafka.errors import KafkaError
from workers import PARTITION

from stream_rnn.jobs.live.topic_watch import TopicWatch

if TYPE_CHECKING:
    from measured import Clock

    from stream_rnn.jobs.live.metrics import JobMetrics


class Topic:
    """A partition that ends at `end`, of which the records before `stable` are committed."""

    def __init__(self) -> None:
        self.end = 400
        self.stable = 200
        self.processed = 200
        self.missing: list[str] = []
        self.id = "first"

    def lag(self, _: object, offset: int) -> int:
        return self.end - offset

    def bounds(self, _: object) -> tuple[int, int]:
        return 0, self.stable

    def missing_topics(self) -> list[str]:
        return self.missing

    def identity(self, _: str) -> str:
        return self.id

    def workers(self) -> list[Any]:
        offsets = SimpleNamespace(processed={PARTITION: self.processed})
        return [SimpleNamespace(offsets=offsets, is_of=lambda _, identity: identity == "first")]


@pytest.fixture
def topic() -> Topic:
    return Topic()


@pytest.fixture
def held_after(topic: Topic, metrics: JobMetrics, clock: Clock) -> Any:
    """Return a function that lets so many seconds pass, and returns the problems then."""
    metrics.assigned("sensors-3")
    watch = TopicWatch(topic, metrics, 10.0, clock)  # type: ignore[arg-type]

    def wait(seconds: int) -> dict[str, str]:
        for _ in range(seconds):
            clock.now += 1
            watch.check(topic.workers())
        return metrics.problems()

    return wait


def test_a_partition_without_records_behind_an_open_transaction_is_held(held_after: Any) -> None:
    assert held_after(10) == {}
    (message,) = held_after(1).values()
    assert message.startswith("an open transaction holds sensors-3 at offset 200: ")


def test_it_is_released_when_records_arrive(topic: Topic, held_after: Any) -> None:
    held_after(11)
    topic.processed = 201
    assert held_after(1) == {}
    topic.processed = topic.end
    assert held_after(20) == {}


def test_a_slow_job_is_not_held(topic: Topic, held_after: Any) -> None:
    topic.stable = 300
    assert held_after(20) == {}


def test_a_topic_that_was_deleted_is_missing_until_it_is_back(topic: Topic, held_after: Any) -> None:
    topic.missing = ["sensors"]
    assert held_after(1) == {"topic sensors is missing": "topic sensors was deleted; waiting until it is created again"}
    topic.missing = []
    assert held_after(1) == {}


def test_a_topic_that_was_created_again_ends_the_session(topic: Topic, held_after: Any) -> None:
    assert held_after(1) == {}
    topic.id = "second"
    with pytest.raises(KafkaError, match="topic sensors was deleted and created again"):
        held_after(1)
