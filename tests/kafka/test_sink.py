"""KafkaSink on a real broker: where records go, when they become visible, and errors of those not delivered."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from kafka import KafkaProducer, TopicPartition
from kafka.errors import (
    InvalidProducerEpochError,
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    ProducerFencedError,
)
from member import Member
from topics import read_all, send, wait_for

from stream_rnn.connectors.errors import ConnectorError
from stream_rnn.connectors.events import DeadLetter
from stream_rnn.connectors.kafka import sink
from stream_rnn.connectors.kafka.client import make_cluster
from stream_rnn.connectors.kafka.sink import KafkaSink

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from broker import Broker, Cluster

    OpenSink = Callable[..., KafkaSink]

KEYS = [f"sensor-{i}".encode() for i in range(50)]


@pytest.fixture
def open_sink(broker: Cluster, topic: str) -> Iterator[OpenSink]:
    """Return a function that opens sinks; by default they write to the test's topic, in transactions."""
    with ExitStack() as stack:

        def make(to: str | None = topic, *, options: dict[str, Any] | None = None, **settings: Any) -> KafkaSink:
            settings = {"transactional_id": topic} | settings
            return stack.enter_context(KafkaSink(make_cluster([broker.bootstrap], options), to, **settings))

        yield make


@pytest.fixture
def member(broker: Cluster, topic: str) -> Iterator[Member]:
    """Return an idle member that owns the partitions of the test's topic."""
    member = Member(broker.bootstrap, group=topic, topics=(topic,), eager=False)
    wait_for(lambda: member.source.poll(0.1) or len(member.owned) == 4)
    yield member
    member.kill()


def deliver(sink: KafkaSink) -> None:
    """Wait until what was written is delivered, without committing it."""
    sink._producer.flush()


def values(broker: Cluster, topic: str) -> list[bytes]:
    return sorted(record.value for record in read_all(broker.bootstrap, topic))


# --- where records go ----------------------------------------------------------------------------------------------


def test_a_key_goes_to_the_partition_that_kafkas_own_clients_choose(
    broker: Cluster, topic: str, open_sink: OpenSink
) -> None:
    sink = open_sink()
    sink.write([b"sink"] * 50, KEYS)
    sink.commit({}, None)
    send(broker.bootstrap, topic, [b"client"] * 50, KEYS)
    records = read_all(broker.bootstrap, topic)
    ours, theirs = ({r.key: r.partition for r in records if r.value == value} for value in (b"sink", b"client"))
    assert ours == theirs
    assert len(set(ours.values())) == 4


def test_forecasts_of_a_key_stay_in_order(broker: Cluster, topic: str, open_sink: OpenSink) -> None:
    sink = open_sink()
    for i in range(5):
        sink.write([b"%d" % (10 * i + j) for j in range(10)], [KEYS[j % 3] for j in range(10)])
    sink.commit({}, None)
    found: dict[bytes, list[int]] = {}
    for record in read_all(broker.bootstrap, topic):
        found.setdefault(record.key, []).append(int(record.value))
    assert sum(map(len, found.values())) == 50
    assert all(numbers == sorted(numbers) for numbers in found.values())


def test_headers_are_written_with_their_record(broker: Cluster, topic: str, open_sink: OpenSink) -> None:
    sink = open_sink()
    sink.write([b"1", b"2"], [b"a", b"a"], [[("trace", b"7"), ("trace", b"8")], []])
    sink.commit({}, None)
    found = read_all(broker.bootstrap, topic)
    assert [[tuple(header) for header in record.headers] for record in found] == [
        [("trace", b"7"), ("trace", b"8")],
        [],
    ]


def test_headers_can_be_written_as_they_were_read(
    broker: Cluster, topic: str, open_sink: OpenSink, member: Member
) -> None:
    output = broker.topic(partitions=1)
    headers: list[tuple[str, Any]] = [("trace", b"7"), ("", b""), ("é", b"\xff")]
    send(broker.bootstrap, topic, [b'{"x": 1}'], [b"a"], headers=headers)
    (batch,) = wait_for(member.run_once)
    sink = open_sink(output)
    sink.write([b"1"], [b"a"], batch.headers)
    sink.commit({}, None)
    (record,) = read_all(broker.bootstrap, output)
    assert [tuple(header) for header in record.headers] == headers


def test_a_header_without_a_value_becomes_an_empty_one(broker: Cluster, topic: str, open_sink: OpenSink) -> None:
    sink = open_sink()
    sink.write([b"1"], [b"a"], [[("trace", None)]])  # type: ignore[list-item]
    sink.commit({}, None)
    (record,) = read_all(broker.bootstrap, topic)
    assert [tuple(header) for header in record.headers] == [("trace", b"")]


def test_dead_letters_go_to_their_topic_with_reason_and_position(broker: Cluster, open_sink: OpenSink) -> None:
    letters = broker.topic(partitions=2)
    sink = open_sink(None, dead_letter_topic=letters)
    sink.write_dead_letters([DeadLetter.of("readings-3", i, "not JSON", b"\xff?") for i in range(3)])
    sink.commit({}, None)
    records = read_all(broker.bootstrap, letters)
    assert [(record.key, msgspec.json.decode(record.value)) for record in records] == [
        (b"readings-3", {"source": "readings-3", "record": i, "reason": "not JSON", "raw": "\ufffd?"}) for i in range(3)
    ]


def test_without_topics_nothing_is_written(broker: Cluster, topic: str, open_sink: OpenSink) -> None:
    sink = open_sink(None)
    sink.write([b"1"], [b"a"])
    sink.write_dead_letters([DeadLetter.of("readings-3", 0, "not JSON", b"")])
    sink.commit({}, None)
    assert values(broker, topic) == []


# --- transactions --------------------------------------------------------------------------------------------------


def test_records_become_visible_with_the_commit_and_not_before(
    broker: Cluster, topic: str, open_sink: OpenSink
) -> None:
    sink = open_sink()
    sink.write([b"1", b"2"], [b"a", b"b"])
    deliver(sink)
    assert values(broker, topic) == []
    assert sink.commit({}, None) > 0
    assert values(broker, topic) == [b"1", b"2"]


def test_offsets_and_forecasts_are_committed_together(
    broker: Cluster, topic: str, open_sink: OpenSink, member: Member
) -> None:
    sink = open_sink()
    sink.write([b"1"], [b"a"])
    sink.commit({TopicPartition(topic, 2): 7}, member.source.membership)
    assert member.source.committed(TopicPartition(topic, 2)) == 7
    assert values(broker, topic) == [b"1"]


def test_offsets_are_committed_even_without_forecasts(topic: str, open_sink: OpenSink, member: Member) -> None:
    open_sink().commit({TopicPartition(topic, 2): 7}, member.source.membership)
    assert member.source.committed(TopicPartition(topic, 2)) == 7


def test_an_abort_discards_records_and_the_next_commit_succeeds(
    broker: Cluster, topic: str, open_sink: OpenSink
) -> None:
    sink = open_sink()
    sink.write([b"1"], [b"a"])
    deliver(sink)
    sink.abort()
    sink.write([b"2"], [b"a"])
    sink.commit({}, None)
    assert values(broker, topic) == [b"2"]


def test_after_many_commits_every_record_is_there_once(broker: Cluster, topic: str, open_sink: OpenSink) -> None:
    sink = open_sink()
    for i in range(20):
        sink.write([b"%02d" % i], [KEYS[i]])
        sink.commit({}, None)
    assert values(broker, topic) == [b"%02d" % i for i in range(20)]


def test_a_new_sink_of_the_same_name_aborts_the_open_transaction(
    broker: Cluster, topic: str, open_sink: OpenSink
) -> None:
    old = open_sink()
    old.write([b"old"], [b"a"])
    deliver(old)
    new = open_sink()
    new.write([b"new"], [b"a"])
    new.commit({}, None)
    assert values(broker, topic) == [b"new"]
    with pytest.raises((ProducerFencedError, InvalidProducerEpochError)):
        old.commit({}, None)
    assert values(broker, topic) == [b"new"]


def test_a_member_that_was_removed_from_the_group_cannot_commit(
    broker: Cluster, topic: str, open_sink: OpenSink, member: Member
) -> None:
    sink, old_membership = open_sink(), member.source.membership
    sink.write([b"1"], [b"a"])
    member.source.leave()
    with pytest.raises(KafkaError):
        sink.commit({TopicPartition(topic, 2): 7}, old_membership)
    sink.abort()
    assert values(broker, topic) == []


def test_without_transactions_records_are_visible_at_once_and_repeated_after_a_crash(
    broker: Cluster, topic: str, open_sink: OpenSink
) -> None:
    for _ in range(2):
        sink = open_sink(transactional_id=None)
        sink.write([b"1"], [b"a"])
        deliver(sink)
    assert values(broker, topic) == [b"1", b"1"]


def test_without_transactions_a_commit_waits_for_delivery(broker: Cluster, topic: str, open_sink: OpenSink) -> None:
    sink = open_sink(transactional_id=None)
    sink.write([b"%02d" % i for i in range(50)], KEYS)
    sink.commit({TopicPartition(topic, 0): 7}, None)
    assert values(broker, topic) == [b"%02d" % i for i in range(50)]


# --- failures ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["one", None])
def test_a_record_that_the_broker_rejects_fails_the_commit(
    broker: Cluster, open_sink: OpenSink, name: str | None
) -> None:
    small = broker.topic(partitions=1, max_message_bytes=1000)
    sink = open_sink(small, transactional_id=name)
    sink.write([b"x" * 2000], [b"a"])
    with pytest.raises(MessageSizeTooLargeError):
        sink.commit({}, None)


@pytest.mark.parametrize("name", ["one", None])
def test_a_batch_that_is_too_large_for_the_topic_is_split(
    broker: Cluster, open_sink: OpenSink, name: str | None
) -> None:
    small = broker.topic(partitions=1, max_message_bytes=1000)
    sink = open_sink(small, transactional_id=name)
    sink.write([b"%02d" % i + b"x" * 300 for i in range(20)], KEYS[:20])
    sink.commit({}, None)
    assert [value[:2] for value in values(broker, small)] == [b"%02d" % i for i in range(20)]


@pytest.mark.parametrize("name", ["one", None])
def test_a_record_of_a_split_batch_that_is_too_large_fails_the_commit(
    broker: Cluster, open_sink: OpenSink, name: str | None
) -> None:
    small = broker.topic(partitions=1, max_message_bytes=1000)
    sink = open_sink(small, transactional_id=name)
    sink.write([b"fits", b"fits too", b"x" * 2000], KEYS[:3])
    with pytest.raises(MessageSizeTooLargeError):
        sink.commit({}, None)


def test_a_record_that_the_client_rejects_fails_the_write(open_sink: OpenSink) -> None:
    with pytest.raises(MessageSizeTooLargeError):
        open_sink().write([b"x" * 2_000_000], [b"a"])


def test_a_missing_topic_fails_the_write(open_sink: OpenSink) -> None:
    sink = open_sink("no-such-topic", options={"max_block_ms": 500})
    with pytest.raises(KafkaError):
        sink.write([b"1"], [b"a"])


def test_a_broker_that_does_not_answer_is_reported_in_one_line() -> None:
    with pytest.raises(ConnectorError, match="no Kafka broker answers at "):
        KafkaSink(make_cluster(["127.0.0.1:1"], {"bootstrap_timeout_ms": 300}), "any", transactional_id="one")


@pytest.mark.parametrize("name", ["one", None])
def test_a_sink_that_is_closed_with_records_in_flight_leaves_no_thread(open_sink: OpenSink, name: str | None) -> None:
    before = set(threading.enumerate())
    sink = open_sink(transactional_id=name)
    sink.write([b"1"], [b"a"])
    sink.close()
    wait_for(lambda: set(threading.enumerate()) <= before, seconds=5)


def test_a_sink_that_is_closed_before_the_commit_leaves_nothing_visible(
    broker: Cluster, topic: str, open_sink: OpenSink
) -> None:
    sink = open_sink()
    sink.write([b"1"], [b"a"])
    sink.close()
    open_sink()  # aborts the open transaction
    assert values(broker, topic) == []


def test_an_aborted_transaction_of_another_producer_has_no_effect(
    broker: Cluster, topic: str, open_sink: OpenSink
) -> None:
    with closing(KafkaProducer(bootstrap_servers=broker.bootstrap, transactional_id=f"{topic}-other")) as other:
        other.init_transactions()
        other.begin_transaction()
        other.send(topic, b"other")
        sink = open_sink()
        sink.write([b"1"], [b"a"])
        sink.commit({}, None)
        other.abort_transaction()
    assert values(broker, topic) == [b"1"]


def test_a_commit_does_not_wait_without_a_limit_for_a_broker_that_hangs(
    own_broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sink, "ANSWER_MS", 1000)
    topic = own_broker.topic()
    with closing(KafkaSink(make_cluster([own_broker.bootstrap]), topic, transactional_id="hangs")) as opened:
        opened.write([b"1"], [b"k"])
        opened.commit({}, None)
        opened.write([b"2"], [b"k"])
        opened._await_delivery()
        os.kill(own_broker.pid or 0, signal.SIGSTOP)
        try:
            with pytest.raises(KafkaTimeoutError, match="the cluster has not answered within 1 s"):
                opened.commit({}, None)
        finally:
            os.kill(own_broker.pid or 0, signal.SIGCONT)
