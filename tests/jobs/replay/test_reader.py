"""EventReader knows the position after exactly the events that it has yielded; a stop ends it between batches."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from stream_rnn.connectors.decode.schema import Schema
from stream_rnn.connectors.files.open import open_files
from stream_rnn.connectors.ordering.ordering import Ordering, OrderingPolicy
from stream_rnn.engine.batch_size import SECONDS
from stream_rnn.jobs import ordering_state
from stream_rnn.jobs.replay.reader import EventReader
from stream_rnn.jobs.stopping import StopFlag, StoppableReader
from stream_rnn.jobs.words import WordRules, Words
from stream_rnn.settings.engine import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from stream_rnn.connectors.events import EventBatch

    OpenReader = Callable[..., EventReader]

EVENTS, BATCH = 100, 40
ARRIVAL = OrderingPolicy()


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Write a recording of one event per second."""
    path = tmp_path / "seconds.csv"
    path.write_text("time,a\n" + "".join(f"{1_700_000_000 + t},{t}\n" for t in range(EVENTS)))
    return path


@pytest.fixture
def open_reader() -> Iterator[OpenReader]:
    """Open readers, and close their files at the end."""
    with ExitStack() as stack:

        def opened(path: Path, start: dict[str, int] | None = None, rule: OrderingPolicy = ARRIVAL) -> EventReader:
            flag = StopFlag()
            source = stack.enter_context(open_files(path, Schema(), start=start, batch_size=BATCH, stop=flag))
            ordering = Ordering(rule, source.columns, dict(enumerate(source.files)))
            return EventReader(source, Words(Settings(inputs="a"), WordRules()), ordering, None, flag)

        yield opened


def three_at_a_time(upcoming: EventBatch) -> int:
    return min(3, len(upcoming))


def values_of(batches: Iterable[EventBatch]) -> list[float]:
    return [value for batch in batches for value in batch.columns["a"].tolist()]


@pytest.mark.parametrize("lateness", [None, 10.0])
def test_a_position_has_all_events_that_were_read_and_not_yielded(
    open_reader: OpenReader, recording: Path, lateness: float | None
) -> None:
    reader = open_reader(recording, rule=OrderingPolicy(lateness=lateness))
    batches = reader.batches(three_at_a_time)
    first = values_of(next(batches) for _ in range(4))
    position = reader.position()
    read = position.positions["source"]["files"][str(recording)]
    held = 10 if lateness else 0
    assert first == list(range(len(first)))
    assert ordering_state.summary(position.positions).get("ordering", {"files": {"held": 0}})["files"]["held"] == held
    assert reader.held == held
    assert len(position.arrays["ordering.files.ready.time"]) == read - held - len(first)


def test_a_stop_ends_the_reader_after_the_current_batch(open_reader: OpenReader, recording: Path) -> None:
    reader = open_reader(recording)
    batches = reader.batches()
    first = next(batches)
    reader.stop()
    assert reader.stopped
    assert list(batches) == []
    assert len(reader.position().arrays["ordering.files.ready.time"]) == BATCH - len(first)


@pytest.mark.parametrize("rule", [ARRIVAL, OrderingPolicy(lateness=10.0)], ids=["arrival", "ordered"])
def test_batches_are_short_if_the_caller_is_slow(
    open_reader: OpenReader, recording: Path, monkeypatch: pytest.MonkeyPatch, rule: OrderingPolicy
) -> None:
    seconds, sizes = 0.0, []
    monkeypatch.setattr("stream_rnn.jobs.replay.reader.perf_counter", lambda: seconds)
    for batch in open_reader(recording, rule=rule).batches():
        sizes.append(len(batch))
        seconds += 0.02 * len(batch)
    assert sum(sizes) == EVENTS
    assert max(sizes) * 0.02 <= SECONDS


def test_a_stop_interrupts_a_reader_that_waits_for_a_pipe() -> None:
    read_end, write_end = os.pipe()
    flag = StopFlag()
    os.write(write_end, b"a\n1\n")
    timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGUSR1))
    with os.fdopen(read_end, "rb", buffering=0) as stdin, open_files("-", stdin=stdin, stop=flag) as source:
        reader = StoppableReader(source, flag)
        before = signal.signal(signal.SIGUSR1, lambda *_: reader.stop())
        timer.start()
        try:
            assert sum(len(batch) for batch in reader) <= 1
        finally:
            signal.signal(signal.SIGUSR1, before)
            timer.join()
            os.close(write_end)
    assert flag.is_set
