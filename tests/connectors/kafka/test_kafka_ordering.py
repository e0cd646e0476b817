"""PartitionOrdering: events keep their headers, also those that are held back across a restart."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from kafka import TopicPartition
from kafka.consumer.fetcher import ConsumerRecord

from stream_rnn.connectors.decode.schema import Schema
from stream_rnn.connectors.kafka.decoder import Decoder
from stream_rnn.connectors.kafka.ordering import PartitionOrdering
from stream_rnn.connectors.ordering.ordering import AHEAD, LATE, OrderingPolicy, OrderingState

if TYPE_CHECKING:
    from stream_rnn.connectors.kafka.decoder import KafkaBatch

PARTITION = TopicPartition("readings", 3)
RULE = OrderingPolicy(5.0, "drop")


def batch(*readings: tuple[int, float | None], headers: bool = True) -> KafkaBatch:
    """Return a batch of records at offsets, with times in seconds; a time of None makes the record unusable."""
    records = []
    for offset, time in readings:
        fields: dict[str, Any] = dict.fromkeys(ConsumerRecord._fields)
        value = b"garbled" if time is None else json.dumps({"t": time, "x": offset}).encode()
        trace = [("trace", bytes([offset]))] if headers else []
        fields |= {"offset": offset, "key": b"s", "value": value, "timestamp": 0, "headers": trace}
        records.append(ConsumerRecord(**fields))
    return Decoder(Schema(columns=("x",), time="t", time_format="s")).decode(PARTITION, records)


def new_ordering() -> PartitionOrdering:
    return PartitionOrdering(RULE, ("x",), PARTITION)


def test_released_events_have_their_own_headers() -> None:
    ordering = new_ordering()
    assert ordering.process(batch((1, 3.0), (2, 1.0), (3, 2.0))).batch.headers == []
    released = ordering.process(batch((4, 7.0), (5, 8.0)))
    assert released.batch.events.positions.record.tolist() == [2, 3, 1]
    assert released.released_by.tolist() == [4, 4, 5]
    assert released.batch.headers == [[("trace", bytes([offset]))] for offset in (2, 3, 1)]


def test_headers_are_none_if_no_record_has_any() -> None:
    assert new_ordering().process(batch((1, 1.0), (2, 9.0), headers=False)).batch.headers is None


def test_times_too_far_ahead_are_among_the_dead_letters_and_the_others_keep_their_headers() -> None:
    ordering = PartitionOrdering(OrderingPolicy(max_ahead=60.0), ("x",), PARTITION)
    released = ordering.process(batch((1, 0.0), (2, None), (3, 9e9), (4, 1.0)))
    assert released.batch.events.positions.record.tolist() == released.released_by.tolist() == [1, 4]
    assert released.batch.headers == [[("trace", bytes([offset]))] for offset in (1, 4)]
    assert [(letter.record, letter.reason) for letter in released.batch.dead] == [(2, "not JSON"), (3, AHEAD)]
    ordering.restore(OrderingState(*ordering.state()))
    assert ordering.process(batch((5, 9e9), (6, 2.0))).batch.events.positions.record.tolist() == [6]


def test_late_records_are_among_the_dead_letters_by_offset() -> None:
    released = new_ordering().process(batch((1, 9.0), (2, 1.0), (3, None), (4, 2.0), (5, 9.0)))
    assert [(letter.source, letter.record) for letter in released.batch.dead] == [
        ("readings-3", 2),
        ("readings-3", 3),
        ("readings-3", 4),
    ]
    assert [letter.reason == LATE for letter in released.batch.dead] == [True, False, True]
    assert released.duplicates.tolist() == [5]


def test_held_events_keep_their_headers_after_a_restart() -> None:
    first, second = new_ordering(), new_ordering()
    first.process(batch((1, 3.0), (2, 1.0), (3, 1.0)))
    about, arrays = first.state()
    second.restore(OrderingState(json.loads(json.dumps(about)), arrays))
    assert second.held == 2
    released = second.process(batch((2, 1.0), (4, 8.0)))
    assert released.duplicates.tolist() == [2]  # read again
    assert released.batch.headers == [[("trace", b"\2")], [("trace", b"\1")]]
    assert second.process(batch((5, 13.0))).batch.headers == [[("trace", b"\4")]]


def test_events_of_one_record_share_its_headers_until_the_last_is_released() -> None:
    ordering = new_ordering()
    fields: dict[str, Any] = dict.fromkeys(ConsumerRecord._fields)
    value = json.dumps([{"t": time, "x": time} for time in (1.0, 20.0, 2.0, 2.0)]).encode()
    fields |= {"offset": 1, "key": b"s", "value": value, "timestamp": 0, "headers": [("trace", b"7")]}
    decoder = Decoder(Schema(columns=("x",), time="t", time_format="s"))
    first = ordering.process(decoder.decode(PARTITION, [ConsumerRecord(**fields)]))
    assert first.batch.events.positions.element_numbers.tolist() == [0]
    assert [letter.place for letter in first.batch.dead] == [(1, 2), (1, 3)]
    assert ordering.process(decoder.decode(PARTITION, [ConsumerRecord(**fields)])).duplicates.tolist() == [1] * 4
    again = new_ordering()
    again.restore(OrderingState(json.loads(json.dumps(ordering.state().metadata)), ordering.state().arrays))
    last = again.process(batch((2, 40.0)))
    assert last.batch.events.positions.element_numbers.tolist() == [1]
    assert last.batch.headers == [[("trace", b"7")]]
    assert again.state().metadata["headers"] == [[2, [["trace", "Ag=="]], 1]]
