"""A source on a real broker: what it reads, where it begins, and how members of a group share the partitions."""

from __future__ import annotations

import time
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any

import pytest
from kafka import KafkaProducer, TopicPartition
from kafka.errors import FencedInstanceIdError, KafkaError
from member import Member
from topics import send, wait_for

from stream_rnn.connectors.errors import ConnectorError, UsageError
from stream_rnn.connectors.kafka.source import Subscription

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from broker import Cluster

    Join = Callable[..., Member]

GOOD = b'{"x": 1}'
SLOW = 30.0
"""A session timeout that no test waits for."""
SOON = 10.0
"""Seconds: what takes less did not wait for it."""
QUICK = 1.5
"""A session timeout that tests do wait for."""


@pytest.fixture
def join(broker: Cluster, topic: str) -> Iterator[Join]:
    """Make members of a group of the test's own, that read the test's topic unless told otherwise.

    They are at work, unless told to be idle.
    """
    with ExitStack() as held:

        def make(name: str = "one", *, idle: bool = False, **more: Any) -> Member:
            subscription: dict[str, Any] = {"group": topic, "topics": (topic,), "session_timeout": SLOW} | more
            if "pattern" in subscription:
                del subscription["topics"]
            subscription["options"] = {"heartbeat_interval_ms": 200} | subscription.get("options", {})
            member = Member(broker.bootstrap, name, **subscription)
            held.callback(member.kill)
            if not idle:
                member.start()
            return member

        yield make


def settle(*members: Member, partitions: int = 4) -> None:
    """Wait until each partition has its owner, and each member its share."""

    def shared() -> bool:
        shares = [len(member.owned) for member in members]
        return sum(shares) == partitions and max(shares) - min(shares) <= 1

    wait_for(shared, seconds=30)


# --- what is read --------------------------------------------------------------------------------------------------


def test_each_partition_is_read_in_order_with_its_offsets(broker: Cluster, topic: str, join: Join) -> None:
    for partition in range(4):
        send(broker.bootstrap, topic, [b'{"x": %d}' % (10 * partition + i) for i in range(5)], partition=partition)
    member = join()
    wait_for(lambda: len(member.read) == 20)
    for partition in range(4):
        batches = [batch for batch in member.batches if batch.partition == TopicPartition(topic, partition)]
        places = [place for place in member.read if place[0] == partition]
        assert places == [(partition, offset) for offset in range(5)]
        assert [x for batch in batches for x in batch.events.columns["x"]] == [10.0 * partition + i for i in range(5)]
        assert batches[-1].next == 5


def test_keys_timestamps_and_headers_are_read(broker: Cluster, topic: str, join: Join) -> None:
    send(broker.bootstrap, topic, [GOOD], [b"s"], 0, [1_700_000_000_123], [("trace", b"7")])
    member = join()
    wait_for(lambda: bool(member.read))
    (batch,) = member.batches
    assert (batch.events.keys[0], batch.events.times[0]) == ("s", 1_700_000_000.123)
    assert batch.headers is not None
    assert [[tuple(header) for header in headers] for headers in batch.headers] == [[("trace", b"7")]]


def test_records_that_cannot_be_used_come_with_their_place(broker: Cluster, topic: str, join: Join) -> None:
    send(broker.bootstrap, topic, [GOOD, b"?", None, GOOD], [b"k"] * 4, partition=2)
    member = join()
    wait_for(lambda: sum(map(len, member.batches)) == 4)
    assert member.read == [(2, 0), (2, 3)]
    dead = [letter for batch in member.batches for letter in batch.dead]
    assert [(letter.source, letter.record, letter.reason, letter.raw) for letter in dead] == [
        (f"{topic}-2", 1, "not JSON", "?"),
        (f"{topic}-2", 2, "record has no value", ""),
    ]


def test_aborted_records_are_not_read_and_open_ones_not_yet(broker: Cluster, topic: str, join: Join) -> None:
    member = join()
    settle(member)
    with closing(KafkaProducer(bootstrap_servers=broker.bootstrap, transactional_id=topic)) as producer:
        producer.init_transactions()
        producer.begin_transaction()
        producer.send(topic, b'{"x": 1}', partition=0)
        producer.flush()
        producer.abort_transaction()
        producer.begin_transaction()
        producer.send(topic, b'{"x": 2}', partition=0)
        producer.flush()
        send(broker.bootstrap, topic, [b'{"x": 3}'], partition=1)
        wait_for(lambda: member.read == [(1, 0)])  # what is elsewhere has come, what is open has not
        producer.commit_transaction()
    wait_for(lambda: len(member.read) > 1)
    assert member.read == [(1, 0), (0, 2)]  # the mark of the abort has an offset too


# --- where it begins -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "at"),
    [
        ("earliest", 0),
        ("latest", 3),
        ("2023-11-14T22:13:21", 1),  # of 1,700,000,000 s, 1 s, 2 s
        ("2023-11-14T22:13:20.500+00:00", 1),
        ("2023-11-14", 0),
        ("2024-01-01", 3),
    ],
)
def test_where_nothing_was_committed_it_begins_where_it_is_told(
    broker: Cluster, topic: str, join: Join, start: str, at: int
) -> None:
    partition = TopicPartition(topic, 1)
    send(broker.bootstrap, topic, [GOOD] * 3, partition=1, timestamps=[1_700_000_000_000 + 1000 * i for i in range(3)])
    source = join(start=start, idle=True).source
    assert source.committed(partition) is None
    assert source.beginning(partition) == at
    assert source.bounds(partition) == (0, 3)


def test_where_only_the_committed_is_to_be_read_the_rest_is_refused(topic: str, join: Join) -> None:
    with pytest.raises(ConnectorError) as error:
        join(start="committed", idle=True).source.beginning(TopicPartition(topic, 1))
    assert str(error.value) == f"group {topic!r} has committed nothing in {topic}-1, and start is committed"


def test_what_was_committed_goes_before_the_start(broker: Cluster, topic: str, join: Join) -> None:
    send(broker.bootstrap, topic, [GOOD] * 3, partition=0)
    first = join()
    wait_for(lambda: len(first.read) == 3)
    first.close()
    send(broker.bootstrap, topic, [GOOD] * 2, partition=0)
    again = join(start="latest")
    wait_for(lambda: len(again.read) == 2)
    assert again.read == [(0, 3), (0, 4)]


def test_nothing_is_read_of_a_partition_before_it_is_told_to_go_on(broker: Cluster, topic: str, join: Join) -> None:
    send(broker.bootstrap, topic, [GOOD] * 3, partition=0)
    send(broker.bootstrap, topic, [GOOD], partition=1)
    member = join(idle=True)
    wait_for(lambda: member.source.poll(0.1) or len(member.owned) == 4)
    member.source.go_on({TopicPartition(topic, 1): 0})
    batches = wait_for(lambda: member.source.poll(0.1))
    assert [batch.partition.partition for batch in batches] == [1]
    member.source.go_on({TopicPartition(topic, 0): 2})
    (batch,) = wait_for(lambda: member.source.poll(0.1))
    assert batch.events.positions.record.tolist() == [2]


def test_topics_are_found_by_a_pattern_also_those_made_later(broker: Cluster, topic: str, join: Join) -> None:
    later = f"{topic}-later"
    member = join(pattern=f"{topic}.*", options={"metadata_max_age_ms": 300})
    settle(member)
    assert member.source.partitions() == {TopicPartition(topic, i) for i in range(4)}
    broker.topic(partitions=1, name=later)
    try:
        send(broker.bootstrap, later, [GOOD])
        wait_for(lambda: bool(member.read))
        assert member.source.assignment() == member.source.partitions() == member.owned
        assert TopicPartition(later, 0) in member.owned
    finally:
        broker.delete_topic(later)


def test_lag_is_how_many_records_stand_behind(broker: Cluster, topic: str, join: Join) -> None:
    partition = TopicPartition(topic, 0)
    send(broker.bootstrap, topic, [GOOD] * 3, partition=0)
    member = join()
    wait_for(lambda: member.read)
    assert [member.source.lag(partition, at) for at in (0, 2, 3, 4)] == [3, 1, 0, 0]


def test_lag_of_a_partition_that_is_not_ones_own_is_not_known(topic: str, join: Join) -> None:
    assert join(idle=True).source.lag(TopicPartition(topic, 0), 0) is None


# --- how members share ---------------------------------------------------------------------------------------------


def test_a_third_member_gets_its_share_and_each_record_is_read_once(broker: Cluster, topic: str, join: Join) -> None:
    members = [join("one"), join("two")]
    settle(*members)
    send(broker.bootstrap, topic, [GOOD] * 40)
    members.append(join("three"))
    settle(*members)
    send(broker.bootstrap, topic, [GOOD] * 40)
    wait_for(lambda: sum(len(member.read) for member in members) >= 80)
    places = [place for member in members for place in member.read]
    assert len(places) == len(set(places)) == 80
    assert members[2].read


def test_a_partition_is_taken_up_only_after_its_owner_let_go_and_committed(
    broker: Cluster, topic: str, join: Join
) -> None:
    diary: list[tuple[str, str, TopicPartition]] = []
    for partition in range(4):
        send(broker.bootstrap, topic, [GOOD] * (partition + 1), partition=partition)
    one = join("one", diary=diary, eager=False)
    wait_for(lambda: len(one.read) == 10)
    two = join("two", diary=diary)
    settle(one, two)
    assert [two.source.committed(partition) for partition in two.owned] == [p.partition + 1 for p in two.owned]
    for partition in two.owned:
        assert [(name, what) for name, what, which in diary if which == partition] == [
            ("one", "assigned"),
            ("one", "revoked"),
            ("two", "assigned"),
        ]


def test_a_group_is_joined_however_short_the_polls_are(join: Join) -> None:
    one, two = join("one", idle=True), join("two")
    settle(two)
    wait_for(lambda: one.source.poll(0.0) or len(one.owned) == 2, SOON)


def test_those_that_keep_their_partitions_are_not_stopped(join: Join) -> None:
    one = join("one")
    settle(one)
    two = join("two")
    settle(one, two)
    assert [what for _, what, partition in one.diary if partition in one.owned] == ["assigned", "assigned"]


def test_a_killed_member_is_replaced_by_the_others_when_its_session_is_over(
    broker: Cluster, topic: str, join: Join
) -> None:
    one, two = join("one", session_timeout=QUICK), join("two", session_timeout=QUICK)
    settle(one, two)
    two.kill()
    send(broker.bootstrap, topic, [GOOD] * 40)
    wait_for(lambda: len(one.read) == 40)
    assert len(one.owned) == 4


def test_a_member_that_starts_again_has_its_partitions_back_at_once_and_nobody_else_is_disturbed(
    broker: Cluster, topic: str, join: Join
) -> None:
    one, two = join("one"), join("two")
    settle(one, two)
    told, had = list(one.diary), set(two.owned)
    two.kill()
    began = time.monotonic()
    again = join("two")
    send(broker.bootstrap, topic, [GOOD] * 40)
    wait_for(lambda: len(one.read) + len(again.read) == 40)
    assert time.monotonic() - began < SOON
    assert again.owned == had
    assert one.diary == told


def test_a_member_that_closes_gives_its_partitions_back_and_keeps_its_place(join: Join) -> None:
    one, two = join("one"), join("two")
    settle(one, two)
    told, had = list(one.diary), sorted(two.owned)
    two.close()
    assert two.diary[-2:] == [("two", "revoked", partition) for partition in had]
    again = join("two")
    wait_for(lambda: sorted(again.owned) == had, SOON)
    assert one.diary == told


def test_of_a_member_that_leaves_others_take_the_partitions_at_once(join: Join) -> None:
    one, two = join("one"), join("two")
    settle(one, two)
    two.close()
    two.source.leave()
    wait_for(lambda: len(one.owned) == 4, SOON)


def test_a_silent_member_loses_its_partitions_and_comes_back_to_its_share(
    broker: Cluster, topic: str, join: Join
) -> None:
    diary: list[tuple[str, str, TopicPartition]] = []
    one, two = (join(name, session_timeout=QUICK, diary=diary) for name in ("one", "two"))
    settle(one, two)
    one.halt()
    one.source._consumer._coordinator._disable_heartbeat()  # as if its network was away
    wait_for(lambda: len(two.owned) == 4)
    one.source._consumer._coordinator._enable_heartbeat()
    while one.owned:
        one.turn()
    assert [what for name, what, _ in diary if name == "one"][-2:] == ["lost", "lost"]
    one.start()
    settle(one, two)
    for partition in one.owned:
        told = [(name, what) for name, what, which in diary if which == partition]
        assert told[-2:] == [("two", "revoked"), ("one", "assigned")]
    send(broker.bootstrap, topic, [GOOD] * 40)
    wait_for(lambda: len(one.read) + len(two.read) >= 40)
    assert len({*one.read, *two.read}) == len(one.read) + len(two.read) == 40


def test_a_member_that_another_takes_the_name_of_cannot_commit(broker: Cluster, topic: str, join: Join) -> None:
    send(broker.bootstrap, topic, [GOOD], partition=0)
    one = join("one")
    settle(one)
    one.halt()
    settle(join("one"))
    with pytest.raises(FencedInstanceIdError):
        one.source.commit({TopicPartition(topic, 0): 1})


def test_an_owner_that_fails_ends_the_poll(join: Join, monkeypatch: pytest.MonkeyPatch) -> None:
    one = join("one", idle=True)
    monkeypatch.delattr(Member, "assigned")
    with pytest.raises(KafkaError, match="callback"):
        wait_for(lambda: one.source.poll(0.1))


def test_commits_of_nothing_ask_nobody(join: Join) -> None:
    join(idle=True).source.commit({})  # has not joined, so that any real commit would fail


# --- subscriptions -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({}, "topics or pattern must be given, and not both"),
        ({"topics": ("a",), "pattern": "b"}, "topics or pattern must be given, and not both"),
        ({"pattern": "("}, r"pattern must be a regular expression, got '\(': "),
        ({"topics": ("a",), "start": "begin"}, "start must be earliest, latest, committed or a time .*, got 'begin'"),
        ({"topics": ("a",), "start": "2024-13-01"}, "start must be .*, got '2024-13-01'"),
    ],
)
def test_a_subscription_that_cannot_be_is_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Subscription(group="g", instance="i", **wrong)
