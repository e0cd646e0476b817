"""head = "per_stream": the streams share the layers, and each has its own readout."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support import bits, engine_of, series, shared_weights, stream_row, weights

from stream_rnn import Engine

LABELS: dict[str, Any] = {"targets": ("y",), "task": "regression", "hidden": 8, "learning_rate": 0.02}
N = 1200
X = np.repeat(series(N // 2), 2, axis=0)
KEYS = ["up", "down"] * (N // 2)
OPPOSED = X * np.tile([[1.0], [-1.0]], (N // 2, 1))
"""Labels of two streams with the same inputs: the input, and its negative."""

READOUTS = pytest.mark.parametrize("readout", ["gradient", "rls"])


def engine_with_heads(**changes: Any) -> Engine:
    return engine_of(**({"head": "per_stream"} | changes))


@READOUTS
def test_streams_with_equal_inputs_learn_different_targets(readout: str) -> None:
    def error(head: str) -> float:
        forecasts = engine_of(**LABELS, head=head, readout=readout).process(KEYS, X, OPPOSED)
        return float(np.mean((forecasts - OPPOSED)[-200:] ** 2) / np.mean(OPPOSED[-200:] ** 2))

    assert error("shared") > 0.9
    assert error("per_stream") < 0.2


@READOUTS
def test_streams_share_the_body_and_not_the_head(readout: str) -> None:
    engine = engine_with_heads(**LABELS, readout=readout)
    engine.process(KEYS, X, OPPOSED)
    up, down, other = (engine.parameters_of(key) for key in ("up", "down", "unknown"))
    for name in ("W", "U", "b"):
        assert np.shares_memory(up[name], down[name])
    assert (up["V"] != down["V"]).all()
    assert not other["V"].any()


@READOUTS
@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_events_of_other_streams_do_not_change_a_head(readout: str, optimizer: str) -> None:
    engine = engine_with_heads(readout=readout, optimizer=optimizer)
    engine.process("s", series(50))
    names = ("head", "head_moments", "head_updates", "inverse")
    before = [stream_row(engine, name).tobytes() for name in names]
    body = shared_weights(engine)["body"].copy()
    engine.process("other", series(50, seed=1))
    assert [stream_row(engine, name).tobytes() for name in names] == before
    assert (shared_weights(engine)["body"] != body).any()


def test_a_head_counts_its_own_updates() -> None:
    engine = engine_with_heads(update_every=2)
    engine.process(["a", "a", "b"] * 8, series(24))
    counted = [int(stream_row(engine, "head_updates", key)[0]) for key in "ab"]
    assert counted == [7, 3]
    assert shared_weights(engine)["body_updates"][0, 0] == engine.counts.updates == 10


@pytest.mark.parametrize("changes", [{}, {"readout": "rls"}, {"optimizer": "adamw", "clip_limit": 0.01}])
def test_a_single_stream_learns_its_own_head_as_a_shared_one(changes: dict[str, Any]) -> None:
    alone, shared = engine_with_heads(**changes), engine_of(**changes)
    assert alone.process("s", series(200)).tobytes() == shared.process("s", series(200)).tobytes()
    assert weights(alone).tobytes() == weights(shared).tobytes()


@READOUTS
def test_a_stream_that_replaces_another_has_a_new_head(readout: str) -> None:
    engine = engine_with_heads(readout=readout, max_streams=1)
    engine.process("a", series(100))
    learned = stream_row(engine, "inverse", "a").copy()
    forecast = engine.step("b", [2.0])
    assert forecast[0, 0] == 2.0  # the last value: an untrained readout adds 0 to it
    for name in ("head", "head_moments", "head_updates"):
        assert not stream_row(engine, name, "b").any()
    if readout == "rls":
        np.testing.assert_array_equal(stream_row(engine, "inverse", "b"), np.eye(len(learned)))
    assert engine.parameters_of("a")["V"].tobytes() == engine.parameters_of("b")["V"].tobytes()


@READOUTS
def test_a_loaded_engine_continues_bit_for_bit(readout: str, tmp_path: Any) -> None:
    engine = engine_with_heads(readout=readout)
    engine.process(list("abc") * 40, series(120))
    engine.save(tmp_path / "saved")
    loaded, keys = Engine.load(tmp_path / "saved"), list("cda") * 9
    np.testing.assert_array_equal(loaded.process(keys, series(27)), engine.process(keys, series(27)))
    assert bits(loaded) == bits(engine)


def test_predictions_use_the_head_of_their_stream() -> None:
    engine = engine_with_heads(learning_rate=0.05)
    engine.process(KEYS, X * np.tile([[1.0], [-2.0]], (N // 2, 1)))
    before = bits(engine)
    predicted = [float(engine.predict(key, [0.5])[0, 0]) for key in ("up", "down", "unknown")]
    rolled_out = [float(engine.generate(key, [0.5], steps=3)[0, 0]) for key in ("up", "down", "unknown")]
    assert predicted == rolled_out
    assert len(set(predicted)) == 3
    assert predicted[2] == 0.5
    assert bits(engine) == before


def test_heads_count_as_memory_of_their_streams() -> None:
    with_heads, shared = engine_with_heads(hidden=8), engine_of(hidden=8)
    difference = sum(with_heads.stream_bytes.values()) - sum(shared.stream_bytes.values())
    assert difference == 3 * 4 * 9 + 16  # V and c with two moments each, and two counts
