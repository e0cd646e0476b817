"""A snapshot is the state at one moment, whatever the engine does while it is copied."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any
from unittest import mock

import numpy as np
import pytest
from contents import contents
from hypothesis import given
from hypothesis import settings as testing
from hypothesis import strategies as st
from support import (
    arrays,
    bits,
    copied_slots,
    engine_of,
    has_running_snapshot,
    record_copies,
    series,
    slot_of,
    tokens_engine,
)

from stream_rnn import CheckpointError, Engine
from stream_rnn.checkpoints import file as checkpoint_file
from stream_rnn.checkpoints import snapshot as snapshot_module

if TYPE_CHECKING:
    from pathlib import Path

    from stream_rnn.checkpoints.snapshot import Snapshot

KINDS: dict[str, dict[str, Any]] = {
    "shared": {},
    "limited": {"max_streams": 5},
    "per stream": {"weights": "per_stream"},
    "own heads": {"head": "per_stream"},
    "limited, per stream": {"max_streams": 5, "weights": "per_stream"},
    "limited, drift": {"max_streams": 5, "drift": "boost", "drift_threshold": 0.1},
}
ALL_KINDS = pytest.mark.parametrize("kind", KINDS)
VALUES = series(1000)[:, 0].tolist()

KEYS = st.integers(0, 11)
"""More keys than the arrays hold at first, and than a limit allows: arrays grow, and slots are reused."""
EVENTS = st.one_of(
    st.tuples(st.just("batch"), st.lists(KEYS, min_size=1, max_size=8)),
    st.tuples(st.just("step"), KEYS),
    st.tuples(st.just("reset"), KEYS),
)
COPYING = st.tuples(st.just("advance"), st.integers(0, 3000))


def run(engine: Engine, actions: list[tuple[str, Any]], snapshot: Snapshot | None = None) -> None:
    """Let an engine process events, and a snapshot of it copy."""
    values = iter(VALUES)
    for action, argument in actions:
        if action == "batch":
            engine.process(argument, [[next(values)] for _ in argument])
        elif action == "step":
            engine.step(argument, [next(values)])
        elif action == "reset":
            engine.reset(argument)
        elif snapshot is not None:
            snapshot.advance(argument)


@ALL_KINDS
@testing(max_examples=40, deadline=None)
@given(
    before=st.lists(EVENTS, max_size=6),
    after=st.lists(EVENTS | COPYING, max_size=12),
    chunk=st.sampled_from([1, 1000, 2**20]),
)
def test_a_snapshot_is_what_save_would_have_written_at_that_moment(
    kind: str,
    before: list[tuple[str, Any]],
    after: list[tuple[str, Any]],
    chunk: int,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    saved, later = (tmp_path_factory.getbasetemp() / name for name in ("saved", "later"))
    engine, alone = engine_of(**KINDS[kind]), engine_of(**KINDS[kind])
    run(engine, before)
    run(alone, before)
    engine.save(saved, positions={"at": 1})
    with mock.patch.object(snapshot_module, "CHUNK_BYTES", chunk):
        snapshot = engine.snapshot(positions={"at": 1})
        run(engine, after, snapshot)
        checkpoint_file.write(later, snapshot.finish())
    assert contents(later) == contents(saved)
    run(alone, after)
    assert bits(engine) == bits(alone)


@ALL_KINDS
def test_another_thread_may_copy_while_events_are_processed(kind: str, tmp_path: Path) -> None:
    limit = {"max_streams": 500} if "limited" in kind else {}
    engine = engine_of(**KINDS[kind] | limit)
    rng = np.random.default_rng(0)
    engine.process(range(500), series(500))
    for _ in range(10):
        engine.save(tmp_path / "saved")
        snapshot = engine.snapshot()
        thread = threading.Thread(target=lambda snapshot=snapshot: [snapshot.advance(5000) for _ in range(1000)])
        thread.start()
        while not snapshot.done:
            engine.process(rng.integers(520, size=50), series(50))
            engine.reset(int(rng.integers(500)))
        thread.join()
        checkpoint_file.write(tmp_path / "later", snapshot.finish())
        assert contents(tmp_path / "later") == contents(tmp_path / "saved")


def test_there_is_one_snapshot_at_a_time() -> None:
    engine = engine_of()
    engine.step("a", [1.0])
    first = engine.snapshot()
    with pytest.raises(CheckpointError, match="the previous snapshot of this engine is not complete: finish or delete"):
        engine.snapshot()
    first.finish()
    assert not engine.snapshot().done


def test_a_discarded_snapshot_costs_the_engine_nothing() -> None:
    engine = engine_of()
    engine.step("a", [1.0])
    engine.snapshot()
    engine.step("a", [1.0])
    assert not has_running_snapshot(engine)
    assert engine.snapshot().finish().keys == ["a"]


@pytest.mark.parametrize("grow", [False, True])
def test_rows_are_protected_until_the_copy_is_complete_or_the_arrays_have_grown(grow: bool) -> None:
    engine = engine_of()
    engine.step("a", [1.0])
    snapshot = engine.snapshot()
    engine.step("a", [1.0])
    assert has_running_snapshot(engine)
    if grow:
        engine.process(range(10), series(10))
    else:
        snapshot.finish()
        engine.step("a", [1.0])
    assert not has_running_snapshot(engine)
    assert snapshot.finish().arrays["counts"][0] == 1


def test_an_engine_without_streams_has_a_snapshot() -> None:
    snapshot = engine_of().snapshot()
    assert snapshot.done
    assert bits(Engine.restore(snapshot.finish())) == bits(engine_of())


def test_events_wait_for_one_chunk_of_rows_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = engine_of()
    engine.process(range(10), series(10))
    monkeypatch.setattr(snapshot_module, "CHUNK_BYTES", 2 * sum(engine.stream_bytes.values()))
    snapshot = engine.snapshot()
    assert snapshot.protect(np.arange(10)) == 2
    assert copied_slots(snapshot) == [0, 1]
    assert snapshot.pause > 0


def test_each_row_is_copied_once() -> None:
    engine = engine_of()
    engine.process(range(10), series(10))
    snapshot = engine.snapshot()
    copied = record_copies(snapshot)
    engine.process([3, 7, 3, 12], series(4))
    engine.step(7, [1.0])
    snapshot.advance(1)
    snapshot.finish()
    assert sorted(copied) == list(range(10))


def test_a_snapshot_has_the_vocabulary_of_its_moment() -> None:
    engine = tokens_engine()
    engine.step("a", "x")
    snapshot = engine.snapshot()
    engine.step("a", "y")
    data = snapshot.finish()
    assert data.tokens == ["x"]
    assert Engine.restore(data).vocabulary.encode("yx", learn=False).tolist() == [0, 1]


def test_a_snapshot_does_not_share_memory_with_the_engine() -> None:
    engine = engine_of()
    engine.step("a", [1.0])
    live = arrays(engine).values()
    for array in engine.snapshot().finish().arrays.values():
        assert not any(np.shares_memory(array, other) for other in live)


def test_keys_are_in_the_order_of_their_slots_after_evictions() -> None:
    engine = engine_of(max_streams=3)
    engine.process(["a", "b", "c", "b", "d", "e", "a"], series(7))
    assert [slot_of(engine, key) for key in engine.keys] == [0, 1, 2]
