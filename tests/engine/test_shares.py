"""Threads that share a batch of streams with their own weights give the bits of one thread."""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from support import NAN, bits, engine_of, series

from stream_rnn import ConcurrentUseError, Engine
from stream_rnn.compiled.step import process
from stream_rnn.engine.shares import process_shares, shares_of
from stream_rnn.engine.threads import in_threads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import ThreadPoolExecutor
    from pathlib import Path

KINDS: dict[str, dict[str, Any]] = {
    "forecasts": {},
    "four of five kept": {"max_streams": 4},
    "intervals and scores": {"interval": 0.8, "anomaly": True},
    "labels": {"task": "regression", "horizon": 1},
    "least squares": {"readout": "rls"},
}
EVENTS = st.lists(
    st.tuples(st.sampled_from("abcde"), st.sampled_from([0.0, 1.0, -2.0, NAN, 1e30]), st.booleans()),
    min_size=1,
    max_size=40,
)
"""Key, x, end of the sequence."""


def engine_for(kind: str, threads: int) -> Engine:
    common = {"targets": ("y",), "horizon": 3, "window": 4, "update_every": 2, "weights": "per_stream"}
    engine = engine_of(**(common | KINDS[kind]))
    engine.threads = threads
    return engine


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Share batches that are short, too; the fixture is the number of shares of each."""
    found: list[int] = []

    def counting(settings: Any, state: Any, shares: list[Any], *rest: Any) -> None:
        found.append(len(shares))
        process_shares(settings, state, shares, *rest)

    monkeypatch.setattr("stream_rnn.engine.engine.WORTHWHILE_SECONDS", 0.0)
    monkeypatch.setattr("stream_rnn.engine.batch_size.SECONDS", 1e6)  # batches of 1, 4, 16, ... events
    monkeypatch.setattr("stream_rnn.engine.engine.process_shares", counting)
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_any_number_of_threads_gives_the_same_bits(shared: list[int], kind: str) -> None:
    @examples(max_examples=15)
    @given(events=EVENTS)
    @example(events=[(key, 1.0, False) for key in 5 * "abcde"])
    def check(events: list[Any]) -> None:
        keys, x, ends = zip(*events, strict=True)
        table = (list(keys), np.array(x)[:, None], np.roll(x, 1)[:, None], None, np.array(ends))
        one, two, four = (engine_for(kind, threads) for threads in (1, 2, 4))
        expected = one.process_detailed(*table)
        for engine in (two, four):
            for found, column in zip(engine.process_detailed(*table)[:-1], expected[:-1], strict=True):
                np.testing.assert_array_equal(found, column)
            assert bits(engine) == bits(one)

    check()
    assert {2, 4} <= set(shared)


def test_alarms_are_in_the_order_of_events(shared: list[int]) -> None:
    rng = np.random.default_rng(0)
    keys = rng.choice(list("ab"), 6000).tolist()
    x = rng.normal(size=(6000, 1)).cumsum(axis=0)
    found = []
    for threads in (1, 2):
        engine = engine_of(weights="per_stream", residual=False, learning_rate=1e-9)
        engine.threads = threads
        found.append(engine.process_detailed(keys, x).alarms)
    assert shared
    assert found[0]
    assert found[1] == found[0]


def test_streams_that_share_weights_are_processed_by_one_thread(shared: list[int]) -> None:
    for settings in ({}, {"head": "per_stream"}):
        engine_of(**settings).process(list("ab") * 50, series(100))
    assert not shared


def test_a_short_batch_starts_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stream_rnn.engine.engine.process_shares", pytest.fail)
    monkeypatch.setattr("stream_rnn.engine.engine.WORTHWHILE_SECONDS", 1e6)
    engine_for("forecasts", 2).process(list("ab") * 50, series(100), series(100))


def test_a_restored_engine_continues_in_threads_bit_for_bit(shared: list[int], tmp_path: Path) -> None:
    keys, x = list("abcde") * 40, series(200)
    whole, begun = engine_for("forecasts", 1), engine_for("forecasts", 2)
    whole.process(keys, x, x)
    begun.process(keys[:80], x[:80], x[:80])
    begun.save(tmp_path / "engine")
    continued = Engine.load(tmp_path / "engine")
    continued.threads = 4
    continued.process(keys[80:], x[80:], x[80:])
    assert 4 in shared
    assert bits(continued) == bits(whole)


def test_a_snapshot_is_the_state_before_events_that_threads_process(shared: list[int]) -> None:
    keys, x = list("abcde") * 40, series(200)
    engine = engine_for("forecasts", 2)
    engine.process(keys, x, x)
    before = bits(engine)
    snapshot = engine.snapshot()
    engine.process(keys, x, x)
    assert len(shared) > 2
    assert bits(Engine.restore(snapshot.finish())) == before


def test_an_engine_cannot_be_saved_while_threads_process_a_batch(
    monkeypatch: pytest.MonkeyPatch, shared: list[int], tmp_path: Path
) -> None:
    engine, refused = engine_for("forecasts", 2), list[int]()

    def saving(*arguments: Any) -> None:
        with pytest.raises(ConcurrentUseError):
            engine.save(tmp_path / "engine")
        refused.append(1)
        process(*arguments)

    monkeypatch.setattr("stream_rnn.engine.shares.process", saving)
    engine.process(list("abcde") * 8, series(40), series(40))
    assert len(refused) == sum(shared) > 0


def test_an_interrupted_batch_is_completed_first(monkeypatch: pytest.MonkeyPatch, shared: list[int]) -> None:
    keys, x = list("abcde") * 40, series(200)
    engine, expected = engine_for("forecasts", 2), engine_for("forecasts", 1)

    signals = [signal.SIGINT]

    def interrupting(*arguments: Any) -> None:
        if signals:
            os.kill(os.getpid(), signals.pop())
        process(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr("stream_rnn.engine.shares.process", interrupting)
        with pytest.raises(KeyboardInterrupt):
            engine.process(keys, x, x)
    assert shared
    done = engine.counts.events
    assert 1 < done < 200
    engine.process(keys[done:], x[done:], x[done:])
    expected.process(keys, x, x)
    assert bits(engine) == bits(expected)


def test_interrupts_wait_for_the_work() -> None:
    done = []

    def work(pool: ThreadPoolExecutor) -> None:
        for _ in range(3):
            time.sleep(0.02)
            os.kill(os.getpid(), signal.SIGINT)
        list(pool.map(done.append, range(5)))

    with pytest.raises(KeyboardInterrupt):
        in_threads(2, work)
    assert sorted(done) == [0, 1, 2, 3, 4]


def test_threads_end_with_the_call(shared: list[int]) -> None:
    before = threading.active_count()
    engine_for("forecasts", 4).process(list("abcde") * 40, series(200), series(200))
    assert shared
    assert threading.active_count() == before


def test_an_error_of_one_thread_is_raised() -> None:
    def fail() -> None:
        raise MemoryError("no memory")

    calls: list[Callable[[], object]] = [list, fail, dict]
    with pytest.raises(MemoryError, match="no memory"):
        in_threads(2, lambda pool: [future.result() for future in map(pool.submit, calls)])


@given(slots=st.lists(st.integers(0, 9), min_size=1, max_size=50), threads=st.integers(1, 5))
def test_each_event_is_in_one_share_and_each_stream_too(slots: list[int], threads: int) -> None:
    shares = shares_of(np.array(slots), threads)
    assert 1 <= len(shares) <= threads
    assert sorted(place for share in shares for place in share.tolist()) == list(range(len(slots)))
    streams = [{slots[place] for place in share} for share in shares]
    assert sum(map(len, streams)) == len(set(slots))
    largest = max(map(slots.count, slots))
    assert max(map(len, shares)) <= len(slots) / threads + largest
