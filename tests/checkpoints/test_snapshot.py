"""Snapshots: the state at one moment, whatever happens while it is copied."""

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
from support import bits, engine_of, series, tokens_engine

from stream_rnn import CheckpointError, Engine, checkpoint, snapshot

if TYPE_CHECKING:
    from pathlib import Path

    from stream_rnn.checkpoints.snapshot import Snapshot

KINDS: dict[str, dict[str, Any]] = {
    "shared": {},
    "limited": {"max_streams": 5},
    "per stream": {"weights": "per_stream"},
    "own heads": {"head": "per_stream"},
    "limited, per stream": {"max_streams": 5, "weights": "per_stream"},
    "limited, watched": {"max_streams": 5, "drift": "boost", "drift_threshold": 0.1},
}
ALL_KINDS = pytest.mark.parametrize("kind", KINDS)
VALUES = series(1000)[:, 0].tolist()

KEYS = st.integers(0, 11)
"""More than the first arenas hold, and than a limit allows: arenas grow, and slots change hands."""
EVENTS = st.one_of(
    st.tuples(st.just("batch"), st.lists(KEYS, min_size=1, max_size=8)),
    st.tuples(st.just("step"), KEYS),
    st.tuples(st.just("reset"), KEYS),
)
COPYING = st.tuples(st.just("advance"), st.integers(0, 3000))


def do(engine: Engine, deeds: list[tuple[str, Any]], copy: Snapshot | None = None) -> None:
    """Let an engine have events, and a snapshot of it copy."""
    values = iter(VALUES)
    for deed, what in deeds:
        if deed == "batch":
            engine.process(what, [[next(values)] for _ in what])
        elif deed == "step":
            engine.step(what, [next(values)])
        elif deed == "reset":
            engine.reset(what)
        elif copy is not None:
            copy.advance(what)


@ALL_KINDS
@testing(max_examples=40, deadline=None)
@given(
    before=st.lists(EVENTS, max_size=6),
    after=st.lists(EVENTS | COPYING, max_size=12),
    piece=st.sampled_from([1, 1000, 2**20]),
)
def test_a_snapshot_is_what_a_save_would_have_written_at_that_moment(
    kind: str,
    before: list[tuple[str, Any]],
    after: list[tuple[str, Any]],
    piece: int,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    saved, later = (tmp_path_factory.getbasetemp() / name for name in ("saved", "later"))
    engine, alone = engine_of(**KINDS[kind]), engine_of(**KINDS[kind])
    do(engine, before)
    do(alone, before)
    engine.save(saved, positions={"at": 1})
    with mock.patch.object(snapshot, "CHUNK_BYTES", piece):
        copy = engine.snapshot(positions={"at": 1})
        do(engine, after, copy)
        checkpoint.write(later, copy.finish())
    assert contents(later) == contents(saved)
    do(alone, after)
    assert bits(engine) == bits(alone)


@ALL_KINDS
def test_another_thread_may_copy_while_events_are_taken(kind: str, tmp_path: Path) -> None:
    limit = {"max_streams": 500} if "limited" in kind else {}
    engine = engine_of(**KINDS[kind] | limit)
    rng = np.random.default_rng(0)
    engine.process(range(500), series(500))
    for _ in range(10):
        engine.save(tmp_path / "saved")
        copy = engine.snapshot()
        thread = threading.Thread(target=lambda copy=copy: [copy.advance(5000) for _ in range(1000)])
        thread.start()
        while not copy.done:
            engine.process(rng.integers(520, size=50), series(50))
            engine.reset(int(rng.integers(500)))
        thread.join()
        checkpoint.write(tmp_path / "later", copy.finish())
        assert contents(tmp_path / "later") == contents(tmp_path / "saved")


def test_there_is_one_snapshot_at_a_time() -> None:
    engine = engine_of()
    engine.step("a", [1.0])
    first = engine.snapshot()
    with pytest.raises(CheckpointError, match="the last snapshot of this engine is not done"):
        engine.snapshot()
    first.finish()
    assert not engine.snapshot().done


def test_a_snapshot_that_is_let_go_of_is_not_missed() -> None:
    engine = engine_of()
    engine.step("a", [1.0])
    engine.snapshot()
    engine.step("a", [1.0])
    assert engine._state._snapshot is None
    assert engine.snapshot().finish().keys == ["a"]


@pytest.mark.parametrize("grow", [False, True])
def test_the_engine_minds_a_snapshot_until_it_is_done_or_the_arenas_have_grown(grow: bool) -> None:
    engine = engine_of()
    engine.step("a", [1.0])
    copy = engine.snapshot()
    engine.step("a", [1.0])
    assert engine._state._snapshot is not None
    if grow:
        engine.process(range(10), series(10))
    else:
        copy.finish()
        engine.step("a", [1.0])
    assert engine._state._snapshot is None
    assert copy.finish().arrays["counts"][0] == 1


def test_an_engine_that_has_seen_nothing_has_a_snapshot() -> None:
    copy = engine_of().snapshot()
    assert copy.done
    assert bits(Engine.restore(copy.finish())) == bits(engine_of())


def test_events_wait_for_a_few_rows_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = engine_of()
    engine.process(range(10), series(10))
    monkeypatch.setattr(snapshot, "CHUNK_BYTES", 2 * sum(engine.stream_bytes.values()))
    copy = engine.snapshot()
    assert copy.protect(np.arange(10)) == 2
    assert np.flatnonzero(~copy._waiting).tolist() == [0, 1]
    assert copy.pause > 0


def test_rows_are_copied_once(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = engine_of()
    engine.process(range(10), series(10))
    copy, copied = engine.snapshot(), list[int]()
    plain = copy._copy

    def note(slots: Any) -> None:
        copied.extend(slots.tolist())
        plain(slots)

    monkeypatch.setattr(copy, "_copy", note)
    engine.process([3, 7, 3, 12], series(4))
    engine.step(7, [1.0])
    copy.advance(1)
    copy.finish()
    assert sorted(copied) == list(range(10))


def test_a_snapshot_has_the_vocabulary_as_it_was() -> None:
    engine = tokens_engine()
    engine.step("a", "x")
    copy = engine.snapshot()
    engine.step("a", "y")
    saved = copy.finish()
    assert saved.tokens == ["x"]
    assert Engine.restore(saved).vocabulary.encode("yx", learn=False).tolist() == [0, 1]


def test_a_snapshot_does_not_share_memory_with_the_engine() -> None:
    engine = engine_of()
    engine.step("a", [1.0])
    live = [*engine._state.streams.arrays.values(), engine._state.counts]
    for array in engine.snapshot().finish().arrays.values():
        assert not any(np.shares_memory(array, other) for other in live)


def test_keys_stand_in_the_order_of_their_slots_whoever_had_them_before() -> None:
    engine = engine_of(max_streams=3)
    engine.process(["a", "b", "c", "b", "d", "e", "a"], series(7))
    assert [engine._state.streams.find(key) for key in engine.keys] == [0, 1, 2]
