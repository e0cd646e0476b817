"""The pipeline processes several workers at the same time, and the batches of one worker in order."""

from __future__ import annotations

from threading import Barrier
from typing import TYPE_CHECKING, Any, cast

import pytest
from support import bits
from workers import batch_of, make_config, open_at

from stream_rnn.jobs.live.pipeline import Pipeline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from stream_rnn.jobs.live.worker import PartitionWorker


class Worker:
    """A worker whose batches are calls."""

    def __init__(self) -> None:
        self.done: list[Any] = []

    def process(self, batch: Callable[[], object]) -> object:
        self.done.append(batch())
        return self.done[-1]


@pytest.fixture
def pipeline(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pipeline]:
    monkeypatch.setattr("stream_rnn.jobs.live.pipeline.available_cpus", lambda: 2)
    pipeline = Pipeline()
    yield pipeline
    pipeline.close()


def submit(pipeline: Pipeline, worker: Worker, batch: Callable[[], object]) -> None:
    pipeline.submit(cast("PartitionWorker", worker), cast("Any", batch))


def outputs(pipeline: Pipeline) -> list[Any]:
    return [output for _, output in pipeline.collect()]


def test_workers_are_processed_at_the_same_time(pipeline: Pipeline) -> None:
    together = Barrier(2, timeout=60)
    for worker in (Worker(), Worker()):
        submit(pipeline, worker, together.wait)
    assert sorted(outputs(pipeline)) == [0, 1]
    assert not pipeline.busy


def test_batches_of_one_worker_are_processed_in_order(pipeline: Pipeline) -> None:
    workers = [Worker() for _ in range(3)]
    for number in range(30):
        submit(pipeline, workers[number % 3], lambda number=number: number)
    assert outputs(pipeline) == list(range(30))
    assert [worker.done for worker in workers] == [list(range(place, 30, 3)) for place in range(3)]


def test_an_error_of_one_worker_is_raised_when_its_batch_is_collected(pipeline: Pipeline) -> None:
    first, second = Worker(), Worker()
    submit(pipeline, first, lambda: "first")
    submit(pipeline, second, lambda: 1 // 0)
    results = pipeline.collect()
    assert next(results)[1] == "first"
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_partitions_at_the_same_time_give_the_bits_of_one_after_the_other(pipeline: Pipeline, tmp_path: Path) -> None:
    serial, threads = (
        [open_at(make_config(tmp_path / way / partition), None) for partition in "ab"] for way in ("serial", "threads")
    )
    expected = []
    for batch in (batch_of(0, 60), batch_of(60, 100)):
        for worker, one in zip(threads, serial, strict=True):
            pipeline.submit(worker, batch)
            expected.append(one.process(batch).payloads)
    assert [output.payloads for output in outputs(pipeline)] == expected
    assert [bits(worker.model) for worker in threads] == [bits(one.model) for one in serial]
