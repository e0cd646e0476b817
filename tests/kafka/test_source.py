"""KafkaSource on a real broker: what it reads, where it starts, and how members of a group share the partitions."""

from __future__ import annotations

import time
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any

import pytest
from kafka import KafkaProducer, TopicPartition
from kafka.errors import FencedInstanceIdError, KafkaError
from member import Member
from topics import send, wait_for

from stream_rnn.connectors.errors import ConnectorError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from broker import Cluster

    Join = Callable[..., Member]

RECORD = b'{"x": 1}'
LONG_TIMEOUT = 30.0
"""A session timeout, in seconds, that no test waits for."""
IMMEDIATE = 10.0
"""What takes less time did not wait for `LONG_TIMEOUT`."""
SHORT_TIMEOUT = 1.5
"""A session timeout, in seconds, that tests wait for."""


@pytest.fixture
def join(broker: Cluster, topic: str) -> Iterator[Join]:
    """Return a function that creates members of the test's own group; they read the test's topic by default."""
    with ExitStack() as stack:

        def make(name: str = "one", *, idle: bool = False, **fields: Any) -> Member:
            subscription: dict[str, Any] = {"group": topic, "topics": (topic,), "session_timeout": LONG_TIMEOUT}
            subscription |= fields
            if "pattern" in subscription:
                del subscription["topics"]
            subscription["options"] = {"heartbeat_interval_ms": 200} | subscription.get("options", {})
            member = Member(broker.bootstrap, name, **subscription)
            stack.callback(member.kill)
            if not idle:
                member.start()
            return member

        yield make


def wait_for_balance(*members: Member, partitions: int = 4) -> None:
    """Wait until every partition has an owner, and every member its share."""

    def balanced() -> bool:
        shares = [len(member.owned) for member in members]
        return sum(shares) == partitions and max(shares) - min(shares) <= 1

    wait_for(balanced, seconds=30)


# --- records -------------------------------------------------------------------------------------------------------


def test_each_partition_is_read_in_order_with_its_offsets(broker: Cluster, topic: str, join: Join) -> None:
    for partition in range(4):
        send(broker.bootstrap, topic, [b'{"x": %d}' % (10 * partition + i) for i in range(5)], partition=partition)
    member = join()
    wait_for(lambda: len(member.read) == 20)
    for partition in range(4):
        batches = [batch for batch in member.batches if batch.partition == TopicPartition(topic, partition)]
        positions = [position for position in member.read if position[0] == partition]
        assert positions == [(partition, offset) for offset in range(5)]
        assert [x for batch in batches for x in batch.events.columns["x"]] == [10.0 * partition + i for i in range(5)]
        assert batches[-1].next == 5


def test_keys_timestamps_and_headers_are_read(broker: Cluster, topic: str, join: Join) -> None:
    send(broker.bootstrap, topic, [RECORD], [b"s"], 0, [1_700_000_000_123], [("trace", b"7")])
    member = join()
    wait_for(lambda: bool(member.read))
    (batch,) = member.batches
    assert (batch.events.keys[0], batch.events.times[0]) == ("s", 1_700_000_000.123)
    assert batch.headers is not None
    assert [[tuple(header) for header in headers] for headers in batch.headers] == [[("trace", b"7")]]


def test_unusable_records_are_returned_with_their_positions(broker: Cluster, topic: str, join: Join) -> None:
    send(broker.bootstrap, topic, [RECORD, b"?", None, RECORD], [b"k"] * 4, partition=2)
    member = join()
    wait_for(lambda: sum(map(len, member.batches)) == 4)
    assert member.read == [(2, 0), (2, 3)]
    dead = [letter for batch in member.batches for letter in batch.dead]
    assert [(letter.source, letter.record, letter.reason, letter.raw) for letter in dead] == [
        (f"{topic}-2", 1, "not JSON", "?"),
    ]
    assert [(end.offset, end.key) for batch in member.batches for end in batch.tombstones] == [(2, "k")]


def test_records_of_aborted_and_open_transactions_are_not_read(broker: Cluster, topic: str, join: Join) -> None:
    member = join()
    wait_for_balance(member)
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
        wait_for(lambda: member.read == [(1, 0)])  # of the open transaction, nothing
        producer.commit_transaction()
    wait_for(lambda: len(member.read) > 1)
    assert member.read == [(1, 0), (0, 2)]  # the marker of the abort has an offset, too


# --- start ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "offset"),
    [
        ("earliest", 0),
        ("latest", 3),
        ("2023-11-14T22:13:21", 1),  # the records are at 1,700,000,000 s, 1 s and 2 s
        ("2023-11-14T22:13:20.500+00:00", 1),
        ("2023-11-14", 0),
        ("2024-01-01", 3),
    ],
)
def test_without_a_committed_offset_it_starts_where_the_subscription_says(
    broker: Cluster, topic: str, join: Join, start: str, offset: int
) -> None:
    partition = TopicPartition(topic, 1)
    send(
        broker.bootstrap, topic, [RECORD] * 3, partition=1, timestamps=[1_700_000_000_000 + 1000 * i for i in range(3)]
    )
    source = join(start=start, idle=True).source
    assert source.committed(partition) is None
    assert source.start_offset(partition) == offset
    assert source.bounds(partition) == (0, 3)


def test_start_committed_refuses_partitions_without_a_committed_offset(topic: str, join: Join) -> None:
    with pytest.raises(ConnectorError) as error:
        join(start="committed", idle=True).source.start_offset(TopicPartition(topic, 1))
    assert str(error.value) == (
        f"group {topic!r} has no committed offset in {topic}-1, and start is committed: "
        "set start to earliest, latest or a time"
    )


def test_a_committed_offset_takes_precedence_over_start(broker: Cluster, topic: str, join: Join) -> None:
    send(broker.bootstrap, topic, [RECORD] * 3, partition=0)
    first = join()
    wait_for(lambda: len(first.read) == 3)
    first.close()
    send(broker.bootstrap, topic, [RECORD] * 2, partition=0)
    again = join(start="latest")
    wait_for(lambda: len(again.read) == 2)
    assert again.read == [(0, 3), (0, 4)]


def test_a_partition_is_not_read_before_it_is_resumed(broker: Cluster, topic: str, join: Join) -> None:
    send(broker.bootstrap, topic, [RECORD] * 3, partition=0)
    send(broker.bootstrap, topic, [RECORD], partition=1)
    member = join(idle=True)
    wait_for(lambda: member.source.poll(0.1) or len(member.owned) == 4)
    member.source.resume({TopicPartition(topic, 1): 0})
    batches = wait_for(lambda: member.source.poll(0.1))
    assert [batch.partition.partition for batch in batches] == [1]
    member.source.resume({TopicPartition(topic, 0): 2})
    (batch,) = wait_for(lambda: member.source.poll(0.1))
    assert batch.events.positions.record.tolist() == [2]


def test_a_pattern_matches_topics_that_are_created_later(broker: Cluster, topic: str, join: Join) -> None:
    later = f"{topic}-later"
    member = join(pattern=f"{topic}.*", options={"metadata_max_age_ms": 300})
    wait_for_balance(member)
    assert member.source.partitions() == {TopicPartition(topic, i) for i in range(4)}
    broker.topic(partitions=1, name=later)
    try:
        send(broker.bootstrap, later, [RECORD])
        wait_for(lambda: bool(member.read))
        assert member.source.assignment() == member.source.partitions() == member.owned
        assert TopicPartition(later, 0) in member.owned
    finally:
        broker.delete_topic(later)


def test_lag_is_the_number_of_records_after_an_offset(broker: Cluster, topic: str, join: Join) -> None:
    partition = TopicPartition(topic, 0)
    send(broker.bootstrap, topic, [RECORD] * 3, partition=0)
    member = join()
    wait_for(lambda: member.read)
    assert [member.source.lag(partition, offset) for offset in (0, 2, 3, 4)] == [3, 1, 0, 0]


def test_lag_of_a_partition_that_is_not_assigned_is_unknown(topic: str, join: Join) -> None:
    assert join(idle=True).source.lag(TopicPartition(topic, 0), 0) is None


# --- rebalancing ---------------------------------------------------------------------------------------------------


def test_a_third_member_gets_its_share_and_every_record_is_read_once(broker: Cluster, topic: str, join: Join) -> None:
    members = [join("one"), join("two")]
    wait_for_balance(*members)
    send(broker.bootstrap, topic, [RECORD] * 40)
    members.append(join("three"))
    wait_for_balance(*members)
    send(broker.bootstrap, topic, [RECORD] * 40)
    wait_for(lambda: sum(len(member.read) for member in members) >= 80)
    positions = [position for member in members for position in member.read]
    assert len(positions) == len(set(positions)) == 80
    assert members[2].read


def test_a_partition_is_assigned_only_after_its_owner_committed_and_gave_it_up(
    broker: Cluster, topic: str, join: Join
) -> None:
    diary: list[tuple[str, str, TopicPartition]] = []
    for partition in range(4):
        send(broker.bootstrap, topic, [RECORD] * (partition + 1), partition=partition)
    one = join("one", diary=diary, eager=False)
    wait_for(lambda: len(one.read) == 10)
    two = join("two", diary=diary)
    wait_for_balance(one, two)
    assert [two.source.committed(partition) for partition in two.owned] == [p.partition + 1 for p in two.owned]
    for partition in two.owned:
        assert [(name, what) for name, what, which in diary if which == partition] == [
            ("one", "assigned"),
            ("one", "revoked"),
            ("two", "assigned"),
        ]


def test_a_group_is_joined_even_with_polls_of_zero_seconds(join: Join) -> None:
    one, two = join("one", idle=True), join("two")
    wait_for_balance(two)
    wait_for(lambda: one.source.poll(0.0) or len(one.owned) == 2, IMMEDIATE)


def test_partitions_that_stay_are_not_revoked(join: Join) -> None:
    one = join("one")
    wait_for_balance(one)
    two = join("two")
    wait_for_balance(one, two)
    assert [what for _, what, partition in one.diary if partition in one.owned] == ["assigned", "assigned"]


def test_a_killed_member_is_replaced_when_its_session_times_out(broker: Cluster, topic: str, join: Join) -> None:
    one, two = join("one", session_timeout=SHORT_TIMEOUT), join("two", session_timeout=SHORT_TIMEOUT)
    wait_for_balance(one, two)
    two.kill()
    send(broker.bootstrap, topic, [RECORD] * 40)
    wait_for(lambda: len(one.read) == 40)
    assert len(one.owned) == 4


def test_a_restarted_member_gets_its_partitions_back_at_once_without_a_rebalance(
    broker: Cluster, topic: str, join: Join
) -> None:
    one, two = join("one"), join("two")
    wait_for_balance(one, two)
    diary, owned = list(one.diary), set(two.owned)
    two.kill()
    start = time.monotonic()
    again = join("two")
    send(broker.bootstrap, topic, [RECORD] * 40)
    wait_for(lambda: len(one.read) + len(again.read) == 40)
    assert time.monotonic() - start < IMMEDIATE
    assert again.owned == owned
    assert one.diary == diary


def test_a_closed_member_keeps_its_place_in_the_group(join: Join) -> None:
    one, two = join("one"), join("two")
    wait_for_balance(one, two)
    diary, owned = list(one.diary), sorted(two.owned)
    two.close()
    assert two.diary[-2:] == [("two", "revoked", partition) for partition in owned]
    again = join("two")
    wait_for(lambda: sorted(again.owned) == owned, IMMEDIATE)
    assert one.diary == diary


def test_partitions_of_a_member_that_leaves_are_reassigned_at_once(join: Join) -> None:
    one, two = join("one"), join("two")
    wait_for_balance(one, two)
    two.close()
    two.source.leave()
    wait_for(lambda: len(one.owned) == 4, IMMEDIATE)


def test_a_silent_member_loses_its_partitions_and_gets_its_share_when_it_returns(
    broker: Cluster, topic: str, join: Join
) -> None:
    diary: list[tuple[str, str, TopicPartition]] = []
    one, two = (join(name, session_timeout=SHORT_TIMEOUT, diary=diary) for name in ("one", "two"))
    wait_for_balance(one, two)
    one.halt()
    one.lose_connection()
    wait_for(lambda: len(two.owned) == 4)
    one.regain_connection()
    while one.owned:
        one.run_once()
    assert [what for name, what, _ in diary if name == "one"][-2:] == ["lost", "lost"]
    one.start()
    wait_for_balance(one, two)
    for partition in one.owned:
        changes = [(name, what) for name, what, which in diary if which == partition]
        assert changes[-2:] == [("two", "revoked"), ("one", "assigned")]
    send(broker.bootstrap, topic, [RECORD] * 40)
    wait_for(lambda: len(one.read) + len(two.read) >= 40)
    assert len({*one.read, *two.read}) == len(one.read) + len(two.read) == 40


def test_a_member_whose_name_another_one_has_taken_cannot_commit(broker: Cluster, topic: str, join: Join) -> None:
    send(broker.bootstrap, topic, [RECORD], partition=0)
    one = join("one")
    wait_for_balance(one)
    one.halt()
    wait_for_balance(join("one"))
    with pytest.raises(FencedInstanceIdError):
        one.source.commit({TopicPartition(topic, 0): 1})


def test_a_listener_that_fails_makes_the_poll_fail(join: Join, monkeypatch: pytest.MonkeyPatch) -> None:
    one = join("one", idle=True)
    monkeypatch.delattr(Member, "on_assigned")
    with pytest.raises(KafkaError, match="callback"):
        wait_for(lambda: one.source.poll(0.1))


def test_a_commit_of_no_offsets_sends_no_request(join: Join) -> None:
    join(idle=True).source.commit({})  # it has not joined, so a request would fail
