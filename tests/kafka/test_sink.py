"""A sink on a real broker: where records go, when they count, and what is heard of those that do not arrive."""

from __future__ import annotations

import threading
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from kafka import KafkaProducer, TopicPartition
from kafka.errors import InvalidProducerEpochError, KafkaError, MessageSizeTooLargeError, ProducerFencedError
from member import Member
from topics import read_all, send, wait_for

from stream_rnn.connectors.errors import ConnectorError
from stream_rnn.connectors.events import DeadLetter
from stream_rnn.connectors.kafka.client import cluster
from stream_rnn.connectors.kafka.sink import KafkaSink

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from broker import Cluster

    Open = Callable[..., KafkaSink]

KEYS = [f"sensor-{i}".encode() for i in range(50)]


@pytest.fixture
def sink(broker: Cluster, topic: str) -> Iterator[Open]:
    """Make sinks to the test's topic, with transactions of the test's own unless told otherwise."""
    with ExitStack() as held:

        def make(to: str | None = topic, *, options: dict[str, Any] | None = None, **more: Any) -> KafkaSink:
            name = {"transactional_id": topic} | more
            return held.enter_context(KafkaSink(cluster([broker.bootstrap], options), to, **name))

        yield make


@pytest.fixture
def member(broker: Cluster, topic: str) -> Iterator[Member]:
    """Make an idle member that owns the partitions of the test's topic."""
    member = Member(broker.bootstrap, group=topic, topics=(topic,), eager=False)
    wait_for(lambda: member.source.poll(0.1) or len(member.owned) == 4)
    yield member
    member.kill()


def values(broker: Cluster, topic: str) -> list[bytes]:
    return sorted(record.value for record in read_all(broker.bootstrap, topic))


# --- where records go ----------------------------------------------------------------------------------------------


def test_keys_go_where_kafkas_own_clients_send_them(broker: Cluster, topic: str, sink: Open) -> None:
    there = sink()
    there.write([b"mine"] * 50, KEYS)
    there.commit({}, None)
    send(broker.bootstrap, topic, [b"its"] * 50, KEYS)
    records = read_all(broker.bootstrap, topic)
    places = [{r.key: r.partition for r in records if r.value == whose} for whose in (b"mine", b"its")]
    assert places[0] == places[1]
    assert len(set(places[0].values())) == 4


def test_forecasts_of_a_key_stay_in_order(broker: Cluster, topic: str, sink: Open) -> None:
    there = sink()
    for i in range(5):
        there.write([b"%d" % (10 * i + j) for j in range(10)], [KEYS[j % 3] for j in range(10)])
    there.commit({}, None)
    found: dict[bytes, list[int]] = {}
    for record in read_all(broker.bootstrap, topic):
        found.setdefault(record.key, []).append(int(record.value))
    assert sum(map(len, found.values())) == 50
    assert all(numbers == sorted(numbers) for numbers in found.values())


def test_headers_are_written_with_their_record(broker: Cluster, topic: str, sink: Open) -> None:
    there = sink()
    there.write([b"1", b"2"], [b"a", b"a"], [[("trace", b"7"), ("trace", b"8")], []])
    there.commit({}, None)
    found = read_all(broker.bootstrap, topic)
    assert [[tuple(header) for header in record.headers] for record in found] == [
        [("trace", b"7"), ("trace", b"8")],
        [],
    ]


def test_headers_as_they_were_read_can_be_written(broker: Cluster, topic: str, sink: Open, member: Member) -> None:
    output = broker.topic(partitions=1)
    headers: list[tuple[str, Any]] = [("trace", b"7"), ("", b""), ("é", b"\xff")]
    send(broker.bootstrap, topic, [b'{"x": 1}'], [b"a"], headers=headers)
    (batch,) = wait_for(member.turn)
    there = sink(output)
    there.write([b"1"], [b"a"], batch.headers)
    there.commit({}, None)
    (record,) = read_all(broker.bootstrap, output)
    assert [tuple(header) for header in record.headers] == headers


def test_a_header_without_a_value_becomes_an_empty_one(broker: Cluster, topic: str, sink: Open) -> None:
    there = sink()
    there.write([b"1"], [b"a"], [[("trace", None)]])  # type: ignore[list-item]
    there.commit({}, None)
    (record,) = read_all(broker.bootstrap, topic)
    assert [tuple(header) for header in record.headers] == [("trace", b"")]


def test_refused_records_go_to_their_topic_with_reason_and_place(broker: Cluster, sink: Open) -> None:
    letters = broker.topic(partitions=2)
    there = sink(None, letters=letters)
    there.refuse([DeadLetter.of("readings-3", i, "not JSON", b"\xff?") for i in range(3)])
    there.commit({}, None)
    records = read_all(broker.bootstrap, letters)
    assert [(record.key, msgspec.json.decode(record.value)) for record in records] == [
        (b"readings-3", {"source": "readings-3", "record": i, "reason": "not JSON", "raw": "\ufffd?"}) for i in range(3)
    ]


def test_without_topics_nothing_is_written(broker: Cluster, topic: str, sink: Open) -> None:
    there = sink(None)
    there.write([b"1"], [b"a"])
    there.refuse([DeadLetter.of("readings-3", 0, "not JSON", b"")])
    there.commit({}, None)
    assert values(broker, topic) == []


# --- when they count -----------------------------------------------------------------------------------------------


def test_what_was_written_counts_with_the_commit_and_not_before(broker: Cluster, topic: str, sink: Open) -> None:
    there = sink()
    there.write([b"1", b"2"], [b"a", b"b"])
    there._producer.flush()
    assert values(broker, topic) == []
    assert there.commit({}, None) > 0
    assert values(broker, topic) == [b"1", b"2"]


def test_offsets_are_committed_with_what_was_made_of_them(
    broker: Cluster, topic: str, sink: Open, member: Member
) -> None:
    there = sink()
    there.write([b"1"], [b"a"])
    there.commit({TopicPartition(topic, 2): 7}, member.source.membership)
    assert member.source.committed(TopicPartition(topic, 2)) == 7
    assert values(broker, topic) == [b"1"]


def test_offsets_are_committed_also_where_nothing_was_made(topic: str, sink: Open, member: Member) -> None:
    sink().commit({TopicPartition(topic, 2): 7}, member.source.membership)
    assert member.source.committed(TopicPartition(topic, 2)) == 7


def test_an_abort_leaves_nothing_and_the_next_commit_is_whole(broker: Cluster, topic: str, sink: Open) -> None:
    there = sink()
    there.write([b"1"], [b"a"])
    there._producer.flush()
    there.abort()
    there.write([b"2"], [b"a"])
    there.commit({}, None)
    assert values(broker, topic) == [b"2"]


def test_of_many_commits_each_record_is_there_once(broker: Cluster, topic: str, sink: Open) -> None:
    there = sink()
    for i in range(20):
        there.write([b"%02d" % i], [KEYS[i]])
        there.commit({}, None)
    assert values(broker, topic) == [b"%02d" % i for i in range(20)]


def test_a_new_sink_of_the_same_name_ends_what_the_old_one_left_open(broker: Cluster, topic: str, sink: Open) -> None:
    old = sink()
    old.write([b"old"], [b"a"])
    old._producer.flush()
    new = sink()
    new.write([b"new"], [b"a"])
    new.commit({}, None)
    assert values(broker, topic) == [b"new"]
    with pytest.raises((ProducerFencedError, InvalidProducerEpochError)):
        old.commit({}, None)
    assert values(broker, topic) == [b"new"]


def test_a_member_that_the_group_has_given_up_cannot_commit(
    broker: Cluster, topic: str, sink: Open, member: Member
) -> None:
    there, old = sink(), member.source.membership
    there.write([b"1"], [b"a"])
    member.source.leave()
    with pytest.raises(KafkaError):
        there.commit({TopicPartition(topic, 2): 7}, old)
    there.abort()
    assert values(broker, topic) == []


def test_without_transactions_what_was_written_is_there_at_once_and_again_after_a_crash(
    broker: Cluster, topic: str, sink: Open
) -> None:
    for _ in range(2):
        there = sink(transactional_id=None)
        there.write([b"1"], [b"a"])
        there._producer.flush()
    assert values(broker, topic) == [b"1", b"1"]


def test_without_transactions_a_commit_waits_until_all_has_arrived(broker: Cluster, topic: str, sink: Open) -> None:
    there = sink(transactional_id=None)
    there.write([b"%02d" % i for i in range(50)], KEYS)
    there.commit({TopicPartition(topic, 0): 7}, None)
    assert values(broker, topic) == [b"%02d" % i for i in range(50)]


# --- what does not arrive ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["one", None])
def test_a_record_that_the_broker_does_not_take_is_heard_of_at_the_commit(
    broker: Cluster, sink: Open, name: str | None
) -> None:
    small = broker.topic(partitions=1, max_message_bytes=1000)
    there = sink(small, transactional_id=name)
    there.write([b"x" * 2000], [b"a"])
    with pytest.raises(MessageSizeTooLargeError):
        there.commit({}, None)


@pytest.mark.parametrize("name", ["one", None])
def test_a_batch_that_the_broker_does_not_take_is_split(broker: Cluster, sink: Open, name: str | None) -> None:
    small = broker.topic(partitions=1, max_message_bytes=1000)
    there = sink(small, transactional_id=name)
    there.write([b"%02d" % i + b"x" * 300 for i in range(20)], KEYS[:20])
    there.commit({}, None)
    assert [value[:2] for value in values(broker, small)] == [b"%02d" % i for i in range(20)]


@pytest.mark.parametrize("name", ["one", None])
def test_of_a_split_batch_a_record_that_is_too_large_is_heard_of(broker: Cluster, sink: Open, name: str | None) -> None:
    small = broker.topic(partitions=1, max_message_bytes=1000)
    there = sink(small, transactional_id=name)
    there.write([b"fits", b"fits too", b"x" * 2000], KEYS[:3])
    with pytest.raises(MessageSizeTooLargeError):
        there.commit({}, None)


def test_a_record_that_the_client_does_not_take_is_heard_of_when_it_is_written(sink: Open) -> None:
    with pytest.raises(MessageSizeTooLargeError):
        sink().write([b"x" * 2_000_000], [b"a"])


def test_a_topic_that_is_not_there_is_heard_of(sink: Open) -> None:
    there = sink("no-such-topic", options={"max_block_ms": 500})
    with pytest.raises(KafkaError):
        there.write([b"1"], [b"a"])


def test_a_broker_that_is_not_there_is_told_in_one_line() -> None:
    with pytest.raises(ConnectorError, match="no Kafka broker answers at "):
        KafkaSink(cluster(["127.0.0.1:1"], {"bootstrap_timeout_ms": 300}), "any", transactional_id="one")


@pytest.mark.parametrize("name", ["one", None])
def test_closed_with_records_under_way_it_leaves_no_thread(sink: Open, name: str | None) -> None:
    before = set(threading.enumerate())
    there = sink(transactional_id=name)
    there.write([b"1"], [b"a"])
    there.close()
    wait_for(lambda: set(threading.enumerate()) <= before, seconds=5)


def test_closed_before_the_commit_nothing_counts(broker: Cluster, topic: str, sink: Open) -> None:
    there = sink()
    there.write([b"1"], [b"a"])
    there.close()
    sink()  # ends what is open
    assert values(broker, topic) == []


def test_a_failed_batch_of_another_producer_is_no_business_of_ours(broker: Cluster, topic: str, sink: Open) -> None:
    with closing(KafkaProducer(bootstrap_servers=broker.bootstrap, transactional_id=f"{topic}-other")) as other:
        other.init_transactions()
        other.begin_transaction()
        other.send(topic, b"other")
        there = sink()
        there.write([b"1"], [b"a"])
        there.commit({}, None)
        other.abort_transaction()
    assert values(broker, topic) == [b"1"]
