"""Copies and pickles of an engine continue as the engine itself."""

from __future__ import annotations

import copy
import pickle
from typing import TYPE_CHECKING, Any

import pytest
from growing import A, B, Y, changes_of, process
from support import arrays, bits, engine_of, tokens_engine

if TYPE_CHECKING:
    from stream_rnn import Engine


def pickled(engine: Engine) -> Engine:
    copied: Engine = pickle.loads(pickle.dumps(engine))  # noqa: S301 - our own
    return copied


COPIES = pytest.mark.parametrize("copied", [pickled, copy.deepcopy, copy.copy])


@COPIES
@pytest.mark.parametrize(
    "changes",
    [{}, {"weights": "per_stream", "max_streams": 2}, {"readout": "rls", "skip": True, "interval": 0.9}],
    ids=str,
)
def test_a_copy_continues_bit_for_bit(copied: Any, changes: dict[str, Any]) -> None:
    engine = engine_of(**changes_of("gru", **changes))
    process(engine, A)
    other = copied(engine)
    assert bits(other) == bits(engine)
    assert other.settings == engine.settings
    assert process(other, B).tobytes() == process(engine, B).tobytes()
    assert bits(other) == bits(engine)


@COPIES
def test_a_copy_learns_independently(copied: Any) -> None:
    engine = engine_of(**changes_of("gru"))
    process(engine, A)
    before = bits(engine)
    other = copied(engine)
    process(other, B)
    other.reset("a")
    other.step("new", [1.0])
    assert bits(engine) == before


@COPIES
def test_a_copy_has_the_vocabulary(copied: Any) -> None:
    engine = tokens_engine()
    engine.step("s", "a")
    other = copied(engine)
    assert other.step("s", "b").tobytes() == engine.step("s", "b").tobytes()
    assert bits(other) == bits(engine)


def test_a_copy_detects_the_same_drifts() -> None:
    engine = engine_of(**changes_of("gru", drift="report", drift_threshold=3.0))
    process(engine, A)
    other = pickled(engine)
    assert engine.process_detailed("a", A, 9 * Y).drifts == other.process_detailed("a", A, 9 * Y).drifts != []


def test_pickles_of_an_unchanged_engine_are_equal() -> None:
    engine = engine_of(**changes_of("gru"))
    process(engine, A)
    first = pickle.dumps(engine)
    engine.predict("a", [0.5])
    assert pickle.dumps(engine) == first


def test_a_pickle_is_hardly_larger_than_the_arrays() -> None:
    engine = engine_of(**changes_of("gru"))
    process(engine, A)
    assert len(pickle.dumps(engine)) < sum(array.nbytes for array in arrays(engine).values()) + 5000


@pytest.mark.parametrize("key", ["ключ", "", 5, -(2**70)])
def test_a_copy_has_the_keys(key: Any) -> None:
    engine = engine_of(**changes_of("gru"))
    engine.step(key, [1.0], 2.0)
    for copied in (pickled, copy.deepcopy):
        other = copied(engine)
        assert other.keys == [key]
        assert other.events(key) == 1
