"""One body for all streams, and a readout for each."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support import bits, engine_of, series, stream, weights

from stream_rnn import Engine

LABELS: dict[str, Any] = {"targets": ("y",), "task": "regression", "hidden": 8, "learning_rate": 0.02}
N = 1200
X = np.repeat(series(N // 2), 2, axis=0)
KEYS = ["up", "down"] * (N // 2)
OPPOSED = X * np.tile([[1.0], [-1.0]], (N // 2, 1))
"""Two streams of the same inputs, whose labels are the input and its negative."""

READOUTS = pytest.mark.parametrize("readout", ["gradient", "rls"])


def own(**changes: Any) -> Engine:
    return engine_of(**({"head": "per_stream"} | changes))


@READOUTS
def test_streams_of_equal_inputs_and_different_targets_are_told_apart(readout: str) -> None:
    def error(head: str) -> float:
        made = engine_of(**LABELS, head=head, readout=readout).process(KEYS, X, OPPOSED)
        return float(np.mean((made - OPPOSED)[-200:] ** 2) / np.mean(OPPOSED[-200:] ** 2))

    assert error("shared") > 0.9
    assert error("per_stream") < 0.2


@READOUTS
def test_streams_share_the_body_and_not_the_head(readout: str) -> None:
    engine = own(**LABELS, readout=readout)
    engine.process(KEYS, X, OPPOSED)
    up, down, other = (engine.parameters_of(key) for key in ("up", "down", "stranger"))
    for name in ("W", "U", "b"):
        assert np.shares_memory(up[name], down[name])
    assert (up["V"] != down["V"]).all()
    assert not other["V"].any()


@READOUTS
@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_a_head_is_left_alone_by_the_events_of_others(readout: str, optimizer: str) -> None:
    engine = own(readout=readout, optimizer=optimizer)
    engine.process("s", series(50))
    names = ("head", "head_moments", "head_updates", "inverse")
    before = [stream(engine, name).tobytes() for name in names]
    body = engine._state.shared["body"].copy()
    engine.process("other", series(50, seed=1))
    assert [stream(engine, name).tobytes() for name in names] == before
    assert (engine._state.shared["body"] != body).any()


def test_a_head_counts_its_own_updates() -> None:
    engine = own(update_every=2)
    engine.process(["a", "a", "b"] * 8, series(24))
    counted = [int(stream(engine, "head_updates", key)[0]) for key in "ab"]
    assert counted == [7, 3]
    assert engine._state.shared["body_updates"][0, 0] == engine.counts.updates == 10


@pytest.mark.parametrize("changes", [{}, {"readout": "rls"}, {"optimizer": "adamw", "clip_limit": 0.01}])
def test_one_stream_learns_with_its_own_head_as_with_a_shared_one(changes: dict[str, Any]) -> None:
    alone, shared = own(**changes), engine_of(**changes)
    assert alone.process("s", series(200)).tobytes() == shared.process("s", series(200)).tobytes()
    assert weights(alone).tobytes() == weights(shared).tobytes()


@READOUTS
def test_who_takes_the_place_of_another_has_a_new_head(readout: str) -> None:
    engine = own(readout=readout, max_streams=1)
    engine.process("a", series(100))
    learned = stream(engine, "inverse", "a").copy()
    made = engine.step("b", [2.0])
    assert made[0, 0] == 2.0  # the last value: a readout that begins adds nothing to it
    for name in ("head", "head_moments", "head_updates"):
        assert not stream(engine, name, "b").any()
    if readout == "rls":
        np.testing.assert_array_equal(stream(engine, "inverse", "b"), np.eye(len(learned)))
    assert engine.parameters_of("a")["V"].tobytes() == engine.parameters_of("b")["V"].tobytes()


@READOUTS
def test_a_saved_engine_goes_on_bit_for_bit(readout: str, tmp_path: Any) -> None:
    engine = own(readout=readout)
    engine.process(list("abc") * 40, series(120))
    engine.save(tmp_path / "saved")
    again, keys = Engine.load(tmp_path / "saved"), list("cda") * 9
    np.testing.assert_array_equal(again.process(keys, series(27)), engine.process(keys, series(27)))
    assert bits(again) == bits(engine)


def test_forecasts_without_a_trace_are_of_the_streams_own_head() -> None:
    engine = own(learning_rate=0.05)
    engine.process(KEYS, X * np.tile([[1.0], [-2.0]], (N // 2, 1)))
    before = bits(engine)
    said = [float(engine.predict(key, [0.5])[0, 0]) for key in ("up", "down", "stranger")]
    rolled = [float(engine.generate(key, [0.5], steps=3)[0, 0]) for key in ("up", "down", "stranger")]
    assert said == rolled
    assert len(set(said)) == 3
    assert said[2] == 0.5
    assert bits(engine) == before


def test_the_heads_are_memory_of_the_streams() -> None:
    one, other = own(hidden=8), engine_of(hidden=8)
    more = sum(one.stream_bytes.values()) - sum(other.stream_bytes.values())
    assert more == 3 * 4 * 9 + 16  # V and c, with two moments, and two counts
