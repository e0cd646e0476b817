from __future__ import annotations

import numpy as np
import pytest

from stream_rnn.connectors.events import DeadLetter, EventBatch, Positions


def batch(n: int) -> EventBatch:
    return EventBatch(
        np.array([f"k{i}" for i in range(n)], dtype=object),
        np.arange(n, dtype=np.float64),
        {"x": np.arange(n) * 2.0},
        np.zeros(n, np.bool_),
        Positions(np.zeros(n, np.int32), np.arange(n)),
    )


def test_a_slice_cuts_all_columns_without_copying() -> None:
    whole = batch(5)
    part = whole[1:3]
    assert part.keys.tolist() == ["k1", "k2"]
    assert part.columns["x"].tolist() == [2.0, 4.0]
    assert part.positions.record.tolist() == [1, 2]
    assert np.shares_memory(part.times, whole.times)


def test_splitting_and_joining_returns_the_same_events() -> None:
    whole = batch(7)
    parts = list(whole.split(3))
    assert [len(part) for part in parts] == [3, 3, 1]
    joined = EventBatch.concat(parts)
    assert joined.keys.tolist() == whole.keys.tolist()
    assert joined.positions.record.tolist() == whole.positions.record.tolist()


@pytest.mark.parametrize("names", [["x", "x"], ["x"], []])
def test_a_table_has_the_named_columns_side_by_side(names: list[str]) -> None:
    table = batch(3).table(names)
    assert table.shape == (3, len(names))
    assert table.T.tolist() == [[0.0, 2.0, 4.0]] * len(names)


def test_an_empty_batch_has_its_columns() -> None:
    empty = EventBatch.empty(["x"])
    assert len(empty) == 0
    assert list(empty.columns) == ["x"]
    with pytest.raises(ValueError, match="at least one batch"):
        EventBatch.concat([])


def test_the_text_of_a_dead_letter_can_always_be_encoded() -> None:
    assert DeadLetter.of("a.parquet", 0, "not a number", "\ud800").raw == "\\ud800"
    assert DeadLetter.of("a.jsonl", 0, "not UTF-8", b"\xed\xa0\x80").raw == "\ufffd" * 3
