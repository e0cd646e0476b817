"""Nothing is learned while an engine is frozen, or from calls without learning; all else goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from support import NAN, bits, engine_of, series, stream_row, weights

from stream_rnn import Engine, Race, Settings, SharedEngine

if TYPE_CHECKING:
    from pathlib import Path

N = 200
X = series(N)
KINDS: list[dict[str, Any]] = [
    {},
    {"readout": "rls", "skip": True, "layer": "columnar_gru"},
    {"update_every": 4, "horizon": 3, "weights": "per_stream"},
    {"task": "regression", "targets": "y", "layer": "bigru", "lookahead": 2},
    {"loss": "hierarchical_softmax", "layer": "embedding", "vocabulary": 40, "classes": 40},
]
KIND = pytest.mark.parametrize("changes", KINDS, ids=str)


def data_of(changes: dict[str, Any]) -> tuple[np.ndarray, np.ndarray | None]:
    """Return inputs and targets of engines with these settings."""
    if changes.get("layer") == "embedding":
        return (np.arange(N) * 7 % 11).astype(float)[:, np.newaxis], None
    return X, series(N, seed=1) if "targets" in changes else None


def learned(changes: dict[str, Any]) -> Engine:
    """Return an engine that has learned from one stream."""
    engine = engine_of(**{"inputs": ("x",)} | changes)
    engine.process("s", *data_of(changes))
    return engine


@KIND
def test_no_weight_changes_in_a_frozen_engine(changes: dict[str, Any]) -> None:
    engine, (x, y) = learned(changes), data_of(changes)
    before = weights(engine, "s").copy()
    inverse = [array.tobytes() for array in engine._state.weights_of(0).inverse]
    updates = engine.counts.updates
    engine.freeze()
    forecasts = engine.process("s", x, y, ends=np.arange(N) % 50 == 49)
    engine.reset("s")
    np.testing.assert_array_equal(weights(engine, "s"), before)
    assert [array.tobytes() for array in engine._state.weights_of(0).inverse] == inverse
    assert engine.counts.updates == updates
    assert np.isfinite(forecasts[10:]).any()


@KIND
def test_calls_without_learning_equal_a_frozen_engine(changes: dict[str, Any]) -> None:
    frozen, calls, (x, y) = learned(changes), learned(changes), data_of(changes)
    frozen.freeze()
    expected = frozen.process("s", x, y)
    parts = [slice(0, 90), slice(90, N)]
    found = [calls.process("s", x[part], None if y is None else y[part], learn=False) for part in parts]
    np.testing.assert_array_equal(np.concatenate(found), expected)
    frozen.unfreeze()
    assert bits(calls) == bits(frozen)


@KIND
def test_learning_goes_on_afterwards(changes: dict[str, Any]) -> None:
    engine, (x, y) = learned(changes), data_of(changes)
    before = weights(engine, "s").copy()
    engine.freeze()
    engine.process("s", x, y)
    engine.unfreeze()
    engine.process("s", x, y)
    assert not np.array_equal(weights(engine, "s"), before)


def test_a_step_without_learning_is_as_a_batch() -> None:
    one, many = learned({}), learned({})
    steps = [one.step("s", row, learn=False) for row in X]
    np.testing.assert_array_equal(np.array(steps), many.process("s", X, learn=False))
    assert bits(one) == bits(many)


def test_scales_and_intervals_of_a_frozen_engine_follow_the_stream() -> None:
    engine = learned({"interval": 0.9})
    engine.freeze()
    engine.process("s", 50 + X)
    assert engine.interval("s")[0, 0, 0] > 40
    assert stream_row(engine, "input_moments", "s")[0, 0] > 1


def test_errors_from_calls_without_learning_are_not_learned_later() -> None:
    engine, other = (learned({"update_every": 8}) for _ in range(2))
    hidden = X.copy()
    hidden[3:] = NAN
    engine.process("s", 100 * X[:3], learn=False)
    assert engine._state.streams.arrays["errors"][0].any() == other._state.streams.arrays["errors"][0].any()


def test_a_saved_engine_remembers_that_it_is_frozen(tmp_path: Path) -> None:
    engine = learned({})
    engine.freeze()
    engine.freeze()
    engine.save(tmp_path / "engine.safetensors")
    loaded = Engine.load(tmp_path / "engine.safetensors")
    assert loaded.frozen
    assert "frozen" in repr(loaded)
    loaded.unfreeze()
    assert not loaded.frozen
    assert "frozen" not in repr(loaded)


def test_drifts_of_a_frozen_engine_are_reported_only() -> None:
    engine = engine_of(inputs=("x",), drift="reset_head", drift_threshold=2.0, drift_delta=0.0)
    engine.process("s", X)
    engine.freeze()
    before, drifts = weights(engine).copy(), engine.counts.drifts
    engine.process("s", np.where(np.arange(N) % 20 < 10, 3.0, -3.0)[:, np.newaxis])
    assert engine.counts.drifts > drifts
    np.testing.assert_array_equal(weights(engine), before)


def test_a_frozen_race_changes_neither_its_members_nor_their_shares(tmp_path: Path) -> None:
    race = Race.preset("auto", inputs="x")
    race.process("s", X)
    race.freeze()
    before = {name: share.copy() for name, share in race.weights("s").items()}
    race.process("s", X)
    race.step("s", [1.0])
    assert {name: share.tobytes() for name, share in race.weights("s").items()} == {
        name: share.tobytes() for name, share in before.items()
    }
    race.save(tmp_path / "race.safetensors")
    loaded = Race.load(tmp_path / "race.safetensors")
    assert loaded.frozen
    loaded.unfreeze()
    loaded.process("s", X)
    assert not loaded.frozen
    assert any(not np.array_equal(share, before[name]) for name, share in loaded.weights("s").items())


def test_a_shared_engine_can_be_frozen() -> None:
    shared = SharedEngine(Engine(Settings(inputs="x", hidden=4)))
    shared.freeze()
    shared.step("s", [1.0])
    assert shared.frozen
    shared.unfreeze()
    assert not shared.frozen
