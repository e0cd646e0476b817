"""PartitionWorker: what it writes, when it makes checkpoints, and how it continues after a restart."""

from __future__ import annotations

import json
import math
from contextlib import contextmanager
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from support import bits, settings
from workers import (
    PARTITION,
    BoundedSource,
    batch_of,
    decoded,
    make_config,
    open_at,
    record_of,
    write_checkpoint,
    write_progress,
)

from stream_rnn.connectors.errors import ConnectorError
from stream_rnn.connectors.kafka.batch_producer import partition_of
from stream_rnn.connectors.ordering.ordering import OrderingPolicy
from stream_rnn.errors import CheckpointError
from stream_rnn.jobs.live.metrics import JobMetrics
from stream_rnn.jobs.live.recovery import open_worker
from stream_rnn.jobs.live.reporting import report_engine
from stream_rnn.jobs.live.worker import OVERSIZED
from stream_rnn.jobs.models import EngineModel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from kafka.consumer.fetcher import ConsumerRecord

    from stream_rnn.connectors.kafka.decoder import KafkaBatch


def newest(folder: Path) -> Path:
    return max((folder / "sensors-3").glob("*.safetensors"))


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


def test_whatever_a_record_contains_it_gets_a_forecast_that_is_json_or_a_dead_letter_or_ends_a_sequence(
    tmp_path: Path,
) -> None:
    worker = open_at(make_config(tmp_path), None)
    for offset, (key, value, timestamp) in enumerate(product(ODD_KEYS, ODD_VALUES, ODD_TIMESTAMPS)):
        output = worker.process(decoded(record_of(offset, value, key=key, timestamp=timestamp)))
        assert (len(output.payloads), len(output.dead), output.tombstones) in {(1, 0, 0), (0, 1, 0), (0, 0, 1)}
        for payload, encoded in zip(output.payloads, output.keys, strict=True):
            assert json.loads(payload.decode())["key"].encode() == encoded


def test_an_event_whose_forecast_would_be_too_large_is_learned_and_becomes_a_dead_letter(tmp_path: Path) -> None:
    worker = open_at(make_config(tmp_path, max_output_bytes=600), None)
    batch = batch_of(0, 3)
    batch.events.keys[1] = "k" * 300  # which a forecast contains twice
    output = worker.process(batch)
    assert [json.loads(payload)["offset"] for payload in output.payloads] == [0, 2]
    assert len(output.keys) == 2
    assert [(letter.record, letter.reason) for letter in output.dead] == [(1, OVERSIZED)]
    assert output.events == 3


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
    assert bits(second.model) == bits(uninterrupted.model)
    assert second.held == uninterrupted.held


def arrays_of(start: int, stop: int) -> KafkaBatch:
    """Return the records with these offsets: arrays of up to three events, garbled ones, and tombstones."""
    records = []
    for offset in range(start, stop):
        elements = [{"x": math.sin(offset / 4 + n)} if offset % 5 else {"y": 1} for n in range(1 + offset % 3)]
        value = None if offset % 7 == 3 else b"garbled" if offset % 7 == 5 else json.dumps(elements).encode()
        records.append(record_of(offset, value, key=b"s%d" % (offset % 2), timestamp=1000 * offset))
    return decoded(*records)


@pytest.mark.parametrize(
    "rule", [OrderingPolicy(), OrderingPolicy(3.0, "drop")], ids=["in arrival order", "with lateness"]
)
@pytest.mark.parametrize("saved", range(1, 12, 3))
def test_records_with_several_events_and_tombstones_are_processed_as_a_whole_across_restarts(
    tmp_path: Path, rule: OrderingPolicy, saved: int
) -> None:
    config = make_config(tmp_path / "killed", rule=rule)
    first = open_at(config, None)
    outputs = [first.process(arrays_of(0, saved))]
    first.mark_all_committed()
    write_checkpoint(first)
    outputs.append(first.process(arrays_of(saved, 16)))

    second = open_at(config, 16)
    again = second.process(arrays_of(saved, 16))
    assert (again.payloads, again.dead, again.tombstones) == ([], [], 0)
    outputs += [second.process(arrays_of(offset, offset + 1)) for offset in range(16, 40)]

    uninterrupted = open_at(make_config(tmp_path / "uninterrupted", rule=rule), None)
    whole = uninterrupted.process(arrays_of(0, 40))
    assert [payload for output in outputs for payload in output.payloads] == whole.payloads
    assert [letter for output in outputs for letter in output.dead] == whole.dead
    assert sum(output.tombstones for output in outputs) == whole.tombstones == 6
    assert bits(second.model) == bits(uninterrupted.model)


def test_a_forecast_tells_its_event_in_a_record_with_several(tmp_path: Path) -> None:
    output = open_at(make_config(tmp_path), None).process(
        decoded(record_of(7, b'[{"x": 1}, {"x": 2}, {}, {"x": 3}]', key=b"s", timestamp=0))
    )
    places = [json.loads(payload) for payload in output.payloads]
    assert [(place["offset"], place.get("element", 0)) for place in places] == [(7, 0), (7, 1), (7, 3)]
    assert [letter.place for letter in output.dead] == [(7, 2)]
    assert (output.records, output.events, output.next) == (1, 3, 8)


def test_a_tombstone_ends_the_sequence_of_its_key_as_a_reset_does(tmp_path: Path) -> None:
    def record(offset: int, key: bytes, *, is_empty: bool = False) -> ConsumerRecord:
        return record_of(offset, None if is_empty else b'{"x": %d}' % (offset % 4), key=key, timestamp=1000 * offset)

    before = [record(offset, b"ab"[offset % 2 : offset % 2 + 1]) for offset in range(10)]
    after = [record(offset, b"ab"[offset % 2 : offset % 2 + 1]) for offset in range(11, 20)]
    ended = open_at(make_config(tmp_path / "ended"), None)
    whole = ended.process(decoded(*before, record(10, b"a", is_empty=True), *after))
    reset = open_at(make_config(tmp_path / "reset"), None)
    first = reset.process(decoded(*before))
    reset.model.reset("a")
    assert whole.payloads == first.payloads + reset.process(decoded(*after)).payloads
    assert (whole.tombstones, whole.dead, bits(ended.model)) == (1, [], bits(reset.model))
    assert ended.model.counts.resets == 1


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


def test_before_the_first_commit_the_start_is_that_of_the_first_process(tmp_path: Path) -> None:
    config = make_config(tmp_path)
    open_at(config, None, BoundedSource(first=100))
    assert open_at(config, None, BoundedSource(first=200)).offsets.start == {PARTITION: 100}


def test_a_worker_is_up_to_date_only_with_exactly_the_same_partitions(tmp_path: Path) -> None:
    worker = open_at(make_config(tmp_path), None)
    worker.process(batch_of(0, 5))
    assert worker.is_at({PARTITION: 5}, {})
    assert not worker.is_at({PARTITION: 4}, {})
    assert not worker.is_at({PARTITION: 5, PARTITION._replace(partition=4): None}, {})


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


def test_a_partition_that_ends_before_what_was_read_is_refused(tmp_path: Path) -> None:
    worker = open_at(make_config(tmp_path), None)
    worker.process(batch_of(0, 10))
    with pytest.raises(ConnectorError, match="sensors-3 ends at offset 9, but was read up to 10"):
        worker.skip_deleted_records(BoundedSource(end=9))  # type: ignore[arg-type]


def test_deleted_records_are_skipped_and_counted(tmp_path: Path) -> None:
    worker = open_at(make_config(tmp_path), None)
    worker.process(batch_of(0, 10))
    assert worker.skip_deleted_records(BoundedSource(first=25)) == {PARTITION: 15}  # type: ignore[arg-type]
    assert worker.offsets.processed == {PARTITION: 25}


# --- the group has lost its offsets --------------------------------------------------------------------------------


def test_without_the_committed_offsets_the_newest_checkpoint_continues(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = make_config(tmp_path)
    write_progress(config, 10)
    worker = open_at(config, None)
    assert (worker.offsets.processed, worker.offsets.committed) == ({PARTITION: 10}, {PARTITION: 10})
    assert [json.loads(payload)["offset"] for payload in worker.process(batch_of(10, 12)).payloads] == [10, 11]
    (message,) = caplog.messages
    assert message.startswith(
        "group 'pumps' has lost its committed offset of sensors-3 (expired or deleted); continuing"
    )
    assert (
        "at offset 10. If the job was killed after it, forecasts of the records in between are written twice" in message
    )


def test_lost_offsets_are_refused_on_request(tmp_path: Path) -> None:
    write_progress(make_config(tmp_path), 10)
    with pytest.raises(CheckpointError) as error:
        open_at(make_config(tmp_path, lost_offsets="refuse"), None)
    assert str(error.value) == (
        f"group 'pumps' has lost its committed offset of sensors-3, and checkpoint {newest(tmp_path)} is of offset 10: "
        "set lost_offsets to resume to continue there, or use another group and checkpoint folder to start from scratch"
    )


def test_before_the_first_commit_no_offset_is_lost(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    open_at(make_config(tmp_path, lost_offsets="refuse"), None)
    assert open_at(make_config(tmp_path, lost_offsets="refuse"), None).offsets.processed == {PARTITION: 0}
    assert caplog.messages == []


def test_records_that_were_deleted_while_the_offsets_were_lost_are_counted(tmp_path: Path) -> None:
    config = make_config(tmp_path)
    write_progress(config, 10)
    source = BoundedSource(first=25)
    worker = open_at(config, None, source)
    assert worker.skip_deleted_records(source) == {PARTITION: 15}  # type: ignore[arg-type]
    assert worker.offsets.processed == {PARTITION: 25}


# --- the topic was deleted and created again -----------------------------------------------------------------------


@pytest.mark.parametrize("committed", [None, 10], ids=["offset deleted", "offset left behind"])
@pytest.mark.parametrize(
    "again",
    [BoundedSource(end=50, topic_id="b"), BoundedSource(end=5, topic_id=None)],
    ids=["another id", "no ids, and fewer records"],
)
def test_a_topic_that_was_created_again_is_read_from_its_first_record_with_the_weights(
    tmp_path: Path, committed: int | None, again: BoundedSource, caplog: pytest.LogCaptureFixture
) -> None:
    config = make_config(tmp_path)
    weights = write_progress(config, 10).model.parameters
    worker = open_at(config, committed, again)
    assert (worker.offsets.start, worker.offsets.processed, worker.offsets.committed) == ({PARTITION: 0},) * 3
    for name, array in worker.model.parameters.items():
        np.testing.assert_array_equal(array, weights[name])
    assert [worker.model.length(key) for key in ("s0", "s1")] == [0, 0]
    assert "sensors-3: the topic was deleted and created again; reading the new one from offset 0" in caplog.text
    assert len(worker.process(batch_of(0, 5)).payloads) == 5


def test_a_topic_that_was_created_again_is_started_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    config, again = make_config(tmp_path), BoundedSource(topic_id="b")
    write_progress(config, 10)
    first = open_at(config, None, again)
    caplog.clear()
    second = open_at(config, None, again)
    assert caplog.messages == []
    assert second.offsets.processed == {PARTITION: 0}
    assert bits(first.model) == bits(second.model)
    second.process(batch_of(0, 5))
    assert open_at(config, 5, again).offsets.processed == {PARTITION: 0}


def test_events_that_were_held_back_are_discarded_with_the_topic(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = make_config(tmp_path, rule=OrderingPolicy(3.0, "drop"))
    held = write_progress(config, 10).held
    worker = open_at(config, None, BoundedSource(topic_id="b"))
    assert held > 0
    assert worker.held == 0
    assert f", {held} events that were held back are discarded" in caplog.text
    assert worker.process(batch_of(0, 7)).duplicates == 0


# --- partitions that were added ------------------------------------------------------------------------------------


def test_a_partition_that_was_added_starts_with_the_weights_of_a_neighbour_and_without_streams(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config, small = make_config(tmp_path), BoundedSource(partitions=4)
    weights = write_progress(config, 10, small).model.parameters
    grown, added = BoundedSource(first=2, partitions=6), PARTITION._replace(partition=5)
    worker = open_at(config, None, grown, added)
    for name, array in worker.model.parameters.items():
        np.testing.assert_array_equal(array, weights[name])
    assert worker.model.keys == []
    assert worker.offsets.start == {added: 2}
    (message,) = caplog.messages
    assert message == (
        "sensors-5: the topic got this partition after the job had started; keys may have moved here from other "
        "partitions, and begin as new streams with the weights of sensors-3"
    )
    caplog.clear()
    again = open_at(config, None, grown, added)
    assert bits(again.model) == bits(worker.model)
    assert caplog.messages == []


def test_a_partition_that_the_topic_always_had_starts_from_scratch(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config, source = make_config(tmp_path), BoundedSource(partitions=6)
    write_progress(config, 10, source)
    assert open_at(config, None, source, PARTITION._replace(partition=5)).model.counts.events == 0
    assert caplog.messages == []


def test_a_neighbour_that_is_open_gives_its_present_weights_and_its_keys(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = make_config(tmp_path)
    neighbour = write_progress(config, 10, BoundedSource(partitions=4))
    neighbour.process(batch_of(10, 20))
    neighbour.start_checkpoint()  # which may be under way
    worker = open_worker(
        "sensors-4",
        config,
        {PARTITION._replace(partition=4): None},
        BoundedSource(partitions=6),  # type: ignore[arg-type]
        [neighbour],
    )
    for name, array in worker.model.parameters.items():
        np.testing.assert_array_equal(array, neighbour.model.parameters[name])
    assert partition_of(b"s0", 6) == 4
    assert caplog.messages[0].endswith("of sensors-3; by Kafka's own rule 's0'")


# --- alarms --------------------------------------------------------------------------------------------------------


def test_alarms_are_logged_once_also_after_a_restart(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    engine = settings(residual=False, learning_rate=1e-12)  # forecasts stay the running mean
    config, source = make_config(tmp_path, model=EngineModel(engine)), BoundedSource(end=3500)
    write_progress(config, 2000, source)
    worker = open_at(config, 2000, source)
    worker.process(batch_of(2000, 3200))
    logged = [message for message in caplog.messages if "alarm" in message]
    assert len(logged) == worker.model.counts.alarms == 2
    assert logged[0].startswith("sensors-3: alarm in stream 's")
    caplog.clear()
    again = open_at(config, 3200, source)
    again.process(batch_of(2000, 3200))
    assert again.model.counts.alarms == 2
    assert [message for message in caplog.messages if "alarm" in message] == []
    assert again.model.failing == worker.model.failing != {}
    assert again.failing == worker.failing == 2


def test_a_worker_is_reported_while_its_model_processes_the_next_batch(tmp_path: Path) -> None:
    """As in a job with one model for all partitions and a backlog: its batches follow each other in the pipeline."""
    engine = settings(residual=False, learning_rate=1e-12)
    config, source = make_config(tmp_path, model=EngineModel(engine)), BoundedSource(end=3500)
    write_progress(config, 2000, source)
    worker = open_at(config, 2000, source)
    worker.process(batch_of(2000, 3200))
    metrics = JobMetrics()
    with is_busy(worker.model):
        report_engine(metrics, worker)


@contextmanager
def is_busy(model: Any) -> Iterator[None]:
    """Let a model be busy, as while another thread's call runs."""
    model._idle.pop()
    yield
    model._idle.append(None)
