"""Which stream has which slot, and which one is evicted."""

from __future__ import annotations

from collections import OrderedDict
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import bits, engine_of, reserve_streams, series, settings, stream_arrays, weights

from stream_rnn import DataError, Race
from stream_rnn.engine.stream_table import INITIAL_CAPACITY, StreamTable

if TYPE_CHECKING:
    from collections.abc import Callable

    from stream_rnn import Engine

ROWS: Any = {"state": ((3,), np.float32), "clock": ((), np.int64)}
KEYS = st.lists(st.integers(0, 7), max_size=50)


class Model:
    """A least-recently-used table in a few lines."""

    def __init__(self, limit: int | None) -> None:
        self.limit = limit
        self.slots: OrderedDict[int, int] = OrderedDict()

    def slot(self, key: int) -> tuple[int, bool]:
        new = key not in self.slots
        if new and len(self.slots) == self.limit:
            self.slots[key] = self.slots.popitem(last=False)[1]
        elif new:
            self.slots[key] = len(self.slots)
        self.slots.move_to_end(key)
        return self.slots[key], new


@given(KEYS, st.sampled_from([None, 1, 2, 3, 5]))
def test_the_least_recently_seen_stream_is_evicted(keys: list[int], limit: int | None) -> None:
    table, model = StreamTable(ROWS, limit), Model(limit)
    assert [table.slot(key) for key in keys] == [model.slot(key) for key in keys]


@given(KEYS, st.sampled_from([None, 1, 2, 3, 5]), st.integers(0, 50))
def test_slots_of_a_batch_are_those_of_single_events(keys: list[int], limit: int | None, cut: int) -> None:
    table, single = StreamTable(ROWS, limit), StreamTable(ROWS, limit)
    for part in (keys[:cut], keys[cut:]):
        slots, new = table.slots(part)
        expected = [single.slot(key) for key in part]
        assert list(zip(slots.tolist(), new.tolist(), strict=True)) == expected
    assert table.keys == single.keys
    assert table.evictions == single.evictions


@given(KEYS)
def test_recency_starts_with_the_least_recently_seen_stream(keys: list[int]) -> None:
    table, model = StreamTable(ROWS, 3), Model(3)
    for key in keys:
        table.slot(key)
        model.slot(key)
    assert table.recency == list(model.slots)


def test_each_stream_has_a_slot_of_its_own() -> None:
    slots, _ = StreamTable(ROWS, None).slots(list(range(100)))
    assert sorted(slots) == list(range(100))


def test_growth_keeps_the_rows() -> None:
    table = StreamTable(ROWS, None)
    table.slots(list(range(INITIAL_CAPACITY)))
    table.arrays["state"][:INITIAL_CAPACITY] = 7
    table.slots(list(range(100)))
    assert (table.arrays["state"][:INITIAL_CAPACITY] == 7).all()
    assert not table.arrays["state"][INITIAL_CAPACITY:100].any()


def test_arrays_at_least_double_when_they_grow() -> None:
    table, capacities = StreamTable(ROWS, None), set()
    for key in range(1000):
        table.slot(key)
        capacities.add(table.capacity)
    assert len(capacities) <= 1 + np.log2(1000 / INITIAL_CAPACITY) + 1


def test_a_limit_bounds_the_memory() -> None:
    table = StreamTable(ROWS, 5)
    table.slots(list(range(1000)))
    assert len(table) == table.capacity == len(table.arrays["state"]) == 5
    assert table.evictions == 995


CALLS = pytest.mark.parametrize(
    "call",
    [
        lambda model, key: model.step(key, [1.0]),
        lambda model, key: model.process([key], [[1.0]]),
        lambda model, key: model.process(["known", key, "new"], [[1.0]] * 3),
    ],
    ids=["step", "process", "process several"],
)
MODELS = pytest.mark.parametrize(
    "model_of",
    [engine_of, lambda: engine_of(max_streams=3), lambda: Race({"a": settings(), "b": settings()})],
    ids=["engine", "limited engine", "race"],
)


@CALLS
@MODELS
@pytest.mark.parametrize("key", [None, ("a", 1), 1.5, True, b"a", float("nan"), ["a"], {}], ids=repr)
def test_a_key_that_is_neither_text_nor_an_integer_is_refused_when_it_is_first_seen(
    model_of: Callable[[], Engine | Race], call: Callable[[Engine | Race, Any], object], key: Any
) -> None:
    model = model_of()
    model.step("known", [1.0])
    with pytest.raises(DataError) as caught:
        call(model, key)
    assert str(caught.value) == f"a key must be a string or an integer, got {type(key).__name__} {key!r}"
    assert model.keys == ["known"]
    assert model.counts.events == 1


@CALLS
@MODELS
@pytest.mark.parametrize(
    "key", ["\ud800", "pump \udfff", np.str_("\ud800"), 10**5000], ids=["alone", "in a word", "of numpy", "integer"]
)
def test_a_key_that_no_file_can_hold_is_refused_when_it_is_first_seen(
    model_of: Callable[[], Engine | Race], call: Callable[[Engine | Race, Any], object], key: Any
) -> None:
    model = model_of()
    model.step("known", [1.0])
    with pytest.raises(DataError, match="a key must be valid Unicode text or an integer, got ") as caught:
        call(model, key)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300
    assert (model.keys, model.counts.events) == (["known"], 1)


class Color(StrEnum):
    """Text with a type of its own."""

    RED = "red"


@MODELS
@pytest.mark.parametrize(
    "key", [np.int64(5), np.uint8(5), np.str_("a"), Color.RED, IntEnum("Five", {"X": 5}).X, 2**100]
)
def test_a_key_is_kept_as_plain_text_or_a_plain_integer(model_of: Callable[[], Engine | Race], key: Any) -> None:
    one_by_one, batch = model_of(), model_of()
    one_by_one.step(key, [1.0])
    batch.process([key, key], [[1.0]] * 2)
    for model in (one_by_one, batch):
        assert model.keys == [key]
        assert type(model.keys[0]) in {str, int}
        model.step(key, [2.0])
        assert model.stream_count == 1


def test_finding_a_stream_does_not_protect_it_from_eviction() -> None:
    table = StreamTable(ROWS, 2)
    table.slots(["a", "b"])
    assert table.find("a") == 0
    table.slot("c")
    assert "a" not in table
    assert "b" in table


@pytest.mark.parametrize("weights", ["shared", "per_stream"])
def test_a_stream_that_returns_after_its_eviction_starts_from_scratch(weights: str) -> None:
    engine, fresh = (engine_of(weights=weights, max_streams=1, targets=("y",)) for _ in range(2))
    nothing = np.full((20, 1), np.nan)
    y = series(20, seed=1) if weights == "per_stream" else nothing
    engine.process("a", series(20), y)
    engine.process("b", series(20), nothing)
    returned, first = (each.process("a", series(20), y) for each in (engine, fresh))
    assert returned.tobytes() == first.tobytes()


def test_evictions_within_a_batch_are_those_of_single_steps() -> None:
    keys = list("abcabdaacbdbcda") * 4
    x = series(len(keys))
    whole, steps = engine_of(max_streams=2, weights="per_stream"), engine_of(max_streams=2, weights="per_stream")
    forecasts = whole.process(keys, x)
    single = [steps.step(key, row) for key, row in zip(keys, x, strict=True)]
    assert forecasts.tobytes() == np.array(single).tobytes()
    assert bits(whole) == bits(steps)
    assert whole.evictions > 10


def test_the_arrays_of_an_engine_with_a_limit_stay_small() -> None:
    engine = engine_of(max_streams=3)
    engine.process(list(range(500)), series(500))
    assert engine.keys != []
    assert all(len(array) == 3 for array in stream_arrays(engine).values())


def test_growing_while_streams_learn_changes_no_bit() -> None:
    keys = [key for _ in range(10) for key in range(50)]
    x = series(len(keys))
    growing, reserved = engine_of(), engine_of()
    reserve_streams(reserved, 64)
    assert growing.process(keys, x).tobytes() == reserved.process(keys, x).tobytes()


def test_weights_per_stream_start_equal_and_are_learned_separately() -> None:
    engine = engine_of(weights="per_stream")
    engine.process(["a", "b"], [[1.0], [2.0]])
    np.testing.assert_array_equal(weights(engine, "a"), weights(engine, "b"))
    engine.process(["a", "b"] * 10, series(20))
    assert (weights(engine, "a") != weights(engine, "b")).any()


def test_weights_per_stream_start_as_the_shared_ones() -> None:
    own, shared = engine_of(weights="per_stream"), engine_of()
    own.step("a", [1.0])
    np.testing.assert_array_equal(weights(own, "a"), weights(shared))


def test_the_memory_of_a_stream_is_reported_by_array() -> None:
    engine = engine_of()
    expected = {name: array[0].nbytes for name, array in stream_arrays(engine).items()}
    assert engine.stream_bytes == expected
