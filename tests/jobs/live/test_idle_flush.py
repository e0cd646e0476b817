"""Idle flushes: events of silent streams are released by the clock, and by the same records after a restart."""

from __future__ import annotations

import json
import math
import time
from typing import TYPE_CHECKING

import pytest
from support import bits
from workers import PARTITION, BoundedSource, decoded, make_config, open_at, record_of, write_checkpoint

from stream_rnn.connectors.ordering.ordering import OrderingPolicy
from stream_rnn.errors import CheckpointError
from stream_rnn.jobs.live.flushes import KEPT, MOST_BETWEEN_CHECKPOINTS, ArrivalClock, Flush, Flushes, decode, encode
from stream_rnn.jobs.live.recovery import open_worker

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from stream_rnn.connectors.kafka.decoder import KafkaBatch
    from stream_rnn.jobs.live.worker import PartitionWorker, WorkerConfig, WorkerOutput

IDLE = 30.0


def config_of(folder: Path) -> WorkerConfig:
    return make_config(folder, rule=OrderingPolicy(lateness=5.0), idle_flush=IDLE)


def readings(start: int, stop: int, streams: int = 2) -> KafkaBatch:
    """Return records, of which each stream has every `streams`-th, a second apart."""
    records = [
        record_of(n, json.dumps({"x": math.sin(n)}).encode(), key=b"s%d" % (n % streams), timestamp=1000 * n)
        for n in range(start, stop)
    ]
    return decoded(*records)


def reopen(config: WorkerConfig, committed: int, note: str) -> PartitionWorker:
    flushes = {PARTITION: decode(note)}
    return open_worker("sensors-3", config, {PARTITION: committed}, BoundedSource(), flushes=flushes)


def offsets_of(outputs: Sequence[WorkerOutput]) -> list[int]:
    return [json.loads(payload)["offset"] for output in outputs for payload in output.payloads]


def later(seconds: float = IDLE) -> float:
    return time.monotonic() + seconds


def test_events_of_a_silent_stream_are_released_once_it_has_been_silent_for_long_enough(tmp_path: Path) -> None:
    worker = open_at(config_of(tmp_path), None)
    before = worker.process(readings(0, 20))
    assert worker.held == 4 + 2
    assert worker.flush_idle(later(IDLE / 2)) == []
    flushed = worker.flush_idle(later())
    assert sorted(offsets_of([before, *flushed])) == list(range(20))
    assert worker.held == 0
    assert worker.flush_idle(later(2 * IDLE)) == []


def test_a_stream_that_goes_on_is_not_flushed(tmp_path: Path) -> None:
    worker = open_at(config_of(tmp_path), None)
    worker.process(readings(0, 20))
    worker._arrivals[PARTITION] = ArrivalClock(IDLE, time.monotonic() - IDLE, 20)  # half a minute passes
    worker.process(decoded(record_of(20, b'{"x": 1}', key=b"s0", timestamp=20_000)))
    held = worker.held
    outputs = worker.flush_idle(time.monotonic())
    assert {json.loads(payload)["key"] for output in outputs for payload in output.payloads} == {"s1"}
    assert 0 < worker.held < held


def test_a_flush_is_committed_although_no_record_was_processed(tmp_path: Path) -> None:
    worker = open_at(config_of(tmp_path), None)
    worker.process(readings(0, 20))
    worker.mark_all_committed()
    assert not worker.is_ahead
    worker.flush_idle(later())
    assert worker.is_ahead
    assert worker.has_uncommitted(PARTITION, 20)
    assert decode(worker.note(PARTITION)) == [Flush(1, at=20, before=20)]
    worker.mark_committed(PARTITION, 20)
    assert not worker.is_ahead


@pytest.mark.parametrize("cuts", [(20, 40), (20, 33, 40), (40,), (7, 13, 40)])
@pytest.mark.parametrize("has_checkpoint", [False, True])
def test_a_restart_repeats_a_flush_where_it_was_done_and_writes_its_forecasts_once(
    tmp_path: Path, cuts: Sequence[int], has_checkpoint: bool
) -> None:
    config = config_of(tmp_path)
    worker = open_at(config, None)
    if has_checkpoint:
        worker.process(readings(0, 5))
        worker.mark_all_committed()
        write_checkpoint(worker)
        worker.process(readings(5, 20))
    else:
        worker.process(readings(0, 20))
    worker.flush_idle(later())
    worker.process(readings(20, 40))
    worker.mark_all_committed()
    note = worker.note(PARTITION)

    restarted = reopen(config, 40, note)
    outputs = []
    start = restarted.offsets.processed[PARTITION]
    for stop in cuts:
        if stop > start:
            outputs.append(restarted.process(readings(start, stop)))
            start = stop
    assert offsets_of(outputs) == []
    assert sum(output.events for output in outputs) == sum(output.replayed for output in outputs)
    assert restarted.note(PARTITION) == note
    assert bits(restarted.model) == bits(worker.model)
    following = readings(40, 60)
    assert restarted.process(following).payloads == worker.process(following).payloads


def test_a_flush_after_the_last_record_is_repeated_without_another_record(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    worker = open_at(config, None)
    worker.process(readings(0, 20))
    worker.mark_all_committed()
    write_checkpoint(worker)
    worker.flush_idle(later())
    worker.mark_all_committed()
    restarted = reopen(config, 20, worker.note(PARTITION))
    assert restarted.held == 6
    assert offsets_of(restarted.flush_idle(time.monotonic())) == []
    assert restarted.held == 0
    assert bits(restarted.model) == bits(worker.model)


def test_a_checkpoint_after_a_flush_is_written_and_repeats_nothing(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    worker = open_at(config, None)
    worker.process(readings(0, 20))
    worker.mark_all_committed()
    write_checkpoint(worker)
    worker.flush_idle(later())
    worker.mark_all_committed()
    worker.start_last_checkpoint()
    assert worker.wait_for_checkpoint() is not None
    restarted = reopen(config, 20, worker.note(PARTITION))
    assert restarted.held == 0
    assert restarted.flush_idle(time.monotonic()) == []
    assert restarted.note(PARTITION) == worker.note(PARTITION)


def test_a_checkpoint_whose_following_flushes_are_forgotten_is_not_continued_from(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    worker = open_at(config, None)
    worker.process(readings(0, 20))
    worker.mark_all_committed()
    write_checkpoint(worker)
    with pytest.raises(CheckpointError, match="no checkpoint that matches"):
        reopen(config, 40, encode([Flush(2, 30, 25)]))


def test_a_worker_of_a_failed_session_is_not_up_to_date_if_another_process_has_flushed(tmp_path: Path) -> None:
    worker = open_at(config_of(tmp_path), None)
    worker.process(readings(0, 20))
    worker.mark_all_committed()
    assert worker.is_at({PARTITION: 20}, {PARTITION: []})
    assert not worker.is_at({PARTITION: 20}, {PARTITION: [Flush(1, 20, 20)]})


def test_a_note_fits_into_what_kafka_stores_and_flushes_wait_for_a_checkpoint() -> None:
    flushes = Flushes()
    for n in range(MOST_BETWEEN_CHECKPOINTS):
        assert flushes.may_add
        flushes.add(10**15 + n, 10**15)
    assert not flushes.may_add
    assert flushes.checkpoint_started() == MOST_BETWEEN_CHECKPOINTS
    assert flushes.may_add
    flushes.checkpoint_failed()
    assert not flushes.may_add
    for n in range(KEPT):
        flushes.add(10**15 + n, 10**15)
    assert len(flushes.note) < 4096
    assert len(decode(flushes.note)) == KEPT


def test_a_note_of_somebody_else_is_none() -> None:
    assert [decode(note) for note in ("", "metadata", "flushes=", "flushes=1:2", "flushes=a:b:c")] == [[]] * 5
