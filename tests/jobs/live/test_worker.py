"""PartitionWorker: what it writes, when it makes checkpoints, and how it continues after a restart."""

from __future__ import annotations

import json
from itertools import product
from typing import TYPE_CHECKING

import pytest
from support import bits
from workers import (
    PARTITION,
    BoundedSource,
    batch_of,
    decoded,
    make_config,
    open_at,
    record_of,
    write_checkpoint,
)

from stream_rnn.connectors.errors import ConnectorError
from stream_rnn.connectors.ordering.ordering import OrderingPolicy
from stream_rnn.errors import CheckpointError

if TYPE_CHECKING:
    from pathlib import Path

# --- output --------------------------------------------------------------------------------------------------------


def test_every_usable_record_gets_one_forecast_with_its_offset(tmp_path: Path) -> None:
    worker = open_at(make_config(tmp_path), None)
    output = worker.process(batch_of(0, 10))
    assert [json.loads(payload)["offset"] for payload in output.payloads] == [0, 1, 2, 3, 4, 5, 6, 8, 9]
    assert output.keys == [b"s%d" % (offset % 2) for offset in (0, 1, 2, 3, 4, 5, 6, 8, 9)]
    assert [(letter.source, letter.record, letter.reason) for letter in output.dead] == [("sensors-3", 7, "not JSON")]
    assert (output.next, output.events, output.replayed) == (10, 9, 0)
    assert worker.offsets.processed == {PARTITION: 10}


ODD_KEYS = (b"s", b"", None, b"\xff", b"\xed\xa0\x80", "💧\u2028".encode(), b"\x00\x1b[31m", b"k" * 10_000)
ODD_VALUES = (
    *(b'{"x": 1}', b'{"x": 1e308}', b'{"x": -1e308}', b'{"x": 5e-324}', b'{"x": NaN}', b'{"x": 1e999}', b'{"x": {}}'),
    *(rb'{"x": "\ud800"}', b'{"x": "\xed\xa0\x80"}', rb'{"x": 1, "\udfff": 1}', b"[" * 10_000, b"", None),
)
ODD_TIMESTAMPS = (-(2**63), -1, 0, 253_402_300_799_999, 253_402_300_800_000, 2**63 - 1)


def test_whatever_a_record_contains_it_gets_a_forecast_that_is_json_or_a_dead_letter(tmp_path: Path) -> None:
    worker = open_at(make_config(tmp_path), None)
    for offset, (key, value, timestamp) in enumerate(product(ODD_KEYS, ODD_VALUES, ODD_TIMESTAMPS)):
        output = worker.process(decoded(record_of(offset, value, key=key, timestamp=timestamp)))
        assert (len(output.payloads), len(output.dead)) in {(1, 0), (0, 1)}
        for payload, encoded in zip(output.payloads, output.keys, strict=True):
            assert json.loads(payload.decode())["key"].encode() == encoded


def test_without_an_output_topic_events_are_learned_and_nothing_is_encoded(tmp_path: Path) -> None:
    output = open_at(make_config(tmp_path, writes_forecasts=False), None).process(batch_of(0, 5))
    assert (output.payloads, output.keys, output.headers, output.events) == ([], [], None, 5)


def test_a_worker_is_ahead_until_what_it_processed_is_committed(tmp_path: Path) -> None:
    worker = open_at(make_config(tmp_path), None)
    worker.process(batch_of(0, 5))
    assert worker.is_ahead
    worker.mark_all_committed()
    assert not worker.is_ahead


# --- checkpoints ---------------------------------------------------------------------------------------------------


def test_a_checkpoint_is_due_after_so_many_events(tmp_path: Path) -> None:
    worker = open_at(make_config(tmp_path, checkpoint_events=5), None)
    worker.process(batch_of(0, 4))
    assert not worker.checkpoint_due()
    worker.process(batch_of(4, 6))
    assert worker.checkpoint_due()
    write_checkpoint(worker)
    assert not worker.checkpoint_due()


def test_a_finished_checkpoint_is_reported_once(tmp_path: Path) -> None:
    worker = open_at(make_config(tmp_path), None)
    worker.process(batch_of(0, 4))
    worker.start_checkpoint()
    timings = worker.wait_for_checkpoint()
    assert timings is not None
    assert timings.bytes > 0
    assert worker.wait_for_checkpoint() is None
    assert worker.finished_checkpoint() is None


def test_the_last_checkpoint_is_not_written_twice(tmp_path: Path) -> None:
    worker = open_at(make_config(tmp_path), None)
    worker.process(batch_of(0, 4))
    write_checkpoint(worker)
    worker.start_last_checkpoint()
    assert worker.wait_for_checkpoint() is None


def test_a_failed_checkpoint_is_made_again_for_the_same_state(tmp_path: Path) -> None:
    worker = open_at(make_config(tmp_path), None)
    worker.process(batch_of(0, 4))
    folder = tmp_path / "sensors-3"
    folder.rename(tmp_path / "away")
    folder.touch()
    worker.start_checkpoint()
    with pytest.raises(CheckpointError, match="cannot write checkpoint"):
        worker.wait_for_checkpoint()
    folder.unlink()
    worker.start_last_checkpoint()
    assert worker.wait_for_checkpoint() is not None


# --- restarts ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "rule", [OrderingPolicy(), OrderingPolicy(3.0, "drop")], ids=["in arrival order", "with lateness"]
)
def test_a_restarted_worker_writes_nothing_twice_and_equals_an_uninterrupted_one(
    tmp_path: Path, rule: OrderingPolicy
) -> None:
    config = make_config(tmp_path / "killed", rule=rule)
    first = open_at(config, None)
    written = first.process(batch_of(0, 12)).payloads
    first.mark_all_committed()
    write_checkpoint(first)
    written += first.process(batch_of(12, 20)).payloads  # committed, but not in the checkpoint

    second = open_at(config, 20)
    assert second.offsets.processed == {PARTITION: 12}
    replayed = second.process(batch_of(12, 20))
    assert (replayed.payloads, replayed.replayed) == ([], replayed.events)
    written += second.process(batch_of(20, 30)).payloads

    uninterrupted = open_at(make_config(tmp_path / "uninterrupted", rule=rule), None)
    assert written == uninterrupted.process(batch_of(0, 30)).payloads
    assert bits(second.engine) == bits(uninterrupted.engine)
    assert second.held == uninterrupted.held


def test_dead_letters_of_replayed_records_are_not_repeated(tmp_path: Path) -> None:
    worker = open_at(make_config(tmp_path), None)
    worker.process(batch_of(0, 10))
    assert open_at(make_config(tmp_path), 10).process(batch_of(0, 10)).dead == []


def test_words_of_replayed_records_are_not_reported_again(tmp_path: Path) -> None:
    first = open_at(make_config(tmp_path), None).process(batch_of(0, 4, x="off"))
    again = open_at(make_config(tmp_path), 2).process(batch_of(0, 4, x="off"))
    assert [value.record for value in first.bad_values] == [0, 1, 2, 3]
    assert [value.record for value in again.bad_values] == [2, 3]


def test_a_checkpoint_ahead_of_the_committed_offset_is_not_used(tmp_path: Path) -> None:
    config = make_config(tmp_path)
    worker = open_at(config, None)
    for stop in (5, 10):
        worker.process(batch_of(worker.offsets.processed[PARTITION], stop))
        write_checkpoint(worker)
    assert open_at(config, 8).offsets.processed == {PARTITION: 5}
    assert open_at(config, None).offsets.processed == {PARTITION: 0}


def test_before_the_first_commit_the_start_is_that_of_the_first_process(tmp_path: Path) -> None:
    config = make_config(tmp_path)
    open_at(config, None, BoundedSource(first=100))
    assert open_at(config, None, BoundedSource(first=200)).offsets.start == {PARTITION: 100}


def test_a_worker_is_up_to_date_only_with_exactly_the_same_partitions(tmp_path: Path) -> None:
    worker = open_at(make_config(tmp_path), None)
    worker.process(batch_of(0, 5))
    assert worker.is_at({PARTITION: 5})
    assert not worker.is_at({PARTITION: 4})
    assert not worker.is_at({PARTITION: 5, PARTITION._replace(partition=4): None})


# --- what is refused -----------------------------------------------------------------------------------------------


def test_a_committed_offset_without_a_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError) as error:
        open_at(make_config(tmp_path), 8)
    assert str(error.value) == (
        f"group 'pumps' has committed offset 8 of sensors-3, but {tmp_path}/sensors-3 has no checkpoint that matches: "
        "restore the folder, or use another group and checkpoint folder to start from scratch"
    )


def test_checkpoints_of_another_group_are_refused(tmp_path: Path) -> None:
    open_at(make_config(tmp_path), None)
    with pytest.raises(CheckpointError, match=r"group 'others' has committed nothing, and .* has no checkpoint that"):
        open_at(make_config(tmp_path, group="others"), None)


def test_another_rule_is_refused_while_records_must_be_processed_again(tmp_path: Path) -> None:
    open_at(make_config(tmp_path), None)
    with pytest.raises(CheckpointError, match=r"has lateness = None, the settings have 3\.0, but records after it"):
        open_at(make_config(tmp_path, rule=OrderingPolicy(3.0)), 5)
    assert open_at(make_config(tmp_path, rule=OrderingPolicy(3.0)), 0).offsets.processed == {PARTITION: 0}


def test_a_topic_that_was_created_again_is_refused(tmp_path: Path) -> None:
    worker = open_at(make_config(tmp_path), None)
    worker.process(batch_of(0, 10))
    with pytest.raises(ConnectorError, match="sensors-3 ends at offset 9, but was read up to 10"):
        worker.skip_deleted_records(BoundedSource(end=9))  # type: ignore[arg-type]


def test_deleted_records_are_skipped_and_counted(tmp_path: Path) -> None:
    worker = open_at(make_config(tmp_path), None)
    worker.process(batch_of(0, 10))
    assert worker.skip_deleted_records(BoundedSource(first=25)) == {PARTITION: 15}  # type: ignore[arg-type]
    assert worker.offsets.processed == {PARTITION: 25}
