"""`Engine.diagnose` measures an update on a copy, and changes nothing."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from support import NAN, bits, engine_of, series, stream_row

from stream_rnn import DataError, Engine
from stream_rnn.compiled.state import Clock

X = series(40)
NEXT = [0.7]


def trained(**changes: Any) -> Any:
    """Return an engine that has learned from a stream."""
    engine = engine_of(**changes)
    engine.process("s", X, series(40, seed=1) if "targets" in changes else None)
    return engine


def params(engine: Any) -> dict[str, Any]:
    """Return copies of the stream's weights by name, without biases."""
    return {name: block.copy() for name, block in engine.parameters_of("s").items() if block.ndim > 1}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"optimizer": "sgd"},
        {"optimizer": "adamw", "weight_decay": 0.5},
        {"weights": "per_stream"},
        {"head": "per_stream"},
        {"task": "regression", "targets": ("y",)},
    ],
    ids=["adam", "sgd", "decay", "per stream", "own head", "labels"],
)
def test_measured_changes_are_those_of_the_next_step(changes: dict[str, Any]) -> None:
    engine = trained(**changes)
    y = 1.0 if "targets" in changes else None
    updates, before = engine.diagnose("s", NEXT, y).updates, params(engine)
    engine.step("s", NEXT, y)
    after = params(engine)
    assert list(updates) == ["W", "U", "V"]
    for name, ratio in updates.items():
        change = np.linalg.norm(after[name].astype(float) - before[name])
        assert ratio == pytest.approx(change / np.linalg.norm(before[name].astype(float)), rel=1e-6)
        assert ratio > 0


@pytest.mark.parametrize("changes", [{}, {"weights": "per_stream"}, {"head": "per_stream"}, {"max_streams": 1}])
@pytest.mark.parametrize("key", ["s", "unknown"])
def test_a_diagnosis_changes_nothing(changes: dict[str, Any], key: str) -> None:
    engine = trained(**changes)
    before = bits(engine)
    engine.diagnose(key)
    engine.diagnose(key, NEXT, time=5.0)
    assert bits(engine) == before


@pytest.mark.parametrize("weights", ["shared", "per_stream"])
def test_an_unknown_stream_is_diagnosed_as_one_that_begins(weights: str) -> None:
    engine = trained(weights=weights)
    diagnosis = engine.diagnose("unknown", NEXT)
    assert np.isnan(diagnosis.fading).all()
    assert math.isnan(diagnosis.saturated["z"])
    assert diagnosis.updates == {}
    is_initial = weights == "per_stream"
    assert (diagnosis.radii == pytest.approx({"U_r": 1, "U_z": 1, "U_q": 1}, abs=1e-6)) == is_initial  # rotations
    assert (diagnosis.radii == engine.diagnose("s").radii) != is_initial


def test_a_diagnosis_does_not_depend_on_the_weights_of_other_streams() -> None:
    engine = trained(weights="per_stream")
    alone = engine.diagnose("s", NEXT)
    engine.process("other", 3 * X[::-1])
    later = engine.diagnose("s", NEXT)
    assert later.radii == alone.radii
    assert later.updates == alone.updates
    assert later.fading.tolist() == alone.fading.tolist()


def test_the_hypothetical_event_adds_only_the_update() -> None:
    engine = trained()
    without, with_event = engine.diagnose("s"), engine.diagnose("s", NEXT)
    assert without.updates == {}
    assert with_event.updates
    assert with_event.radii == without.radii
    assert with_event.saturated == without.saturated
    assert with_event.fading.tolist() == without.fading.tolist()


@pytest.mark.parametrize("clip", ["norm", "value"])
def test_an_update_is_reported_as_clipped_if_the_limit_changes_it(clip: str) -> None:
    assert trained(clip=clip, clip_limit=1e-6).diagnose("s", NEXT).clipped
    assert not trained(clip=clip, clip_limit=1e6).diagnose("s", NEXT).clipped
    assert not trained(clip="off").diagnose("s", NEXT).clipped


def test_an_event_without_targets_causes_no_update() -> None:
    diagnosis = trained().diagnose("s", [NAN])
    assert (diagnosis.updates, diagnosis.clipped) == ({}, False)


def test_pending_errors_are_learned_from_with_the_event() -> None:
    engine = trained(update_every=7, window=7)
    assert stream_row(engine, "clock")[Clock.WAITING] not in {0, 6}  # no update was made just now, and none is due
    before = params(engine)
    updates = engine.diagnose("s", NEXT).updates
    engine.step("s", NEXT, end=True)
    change = np.linalg.norm(params(engine)["U"].astype(float) - before["U"])
    assert updates["U"] == pytest.approx(change / np.linalg.norm(before["U"].astype(float)), rel=1e-6)


def test_gradients_are_known_for_the_lags_of_the_window_within_the_sequence() -> None:
    engine = engine_of(window=6)
    engine.process("s", X)
    assert np.isfinite(engine.diagnose("s").gradients["GRU"]).tolist() == [True] * 6
    engine.reset("s")
    engine.process("s", X[:4])
    assert np.isfinite(engine.diagnose("s").gradients["GRU"]).tolist() == [True] * 4 + [False] * 2


def test_a_loaded_engine_has_the_same_diagnosis(tmp_path: Any) -> None:
    engine = trained()
    engine.save(tmp_path / "engine.safetensors")
    loaded = Engine.load(tmp_path / "engine.safetensors")
    assert loaded.diagnose("s", NEXT).updates == engine.diagnose("s", NEXT).updates


def test_a_wrong_event_is_refused() -> None:
    with pytest.raises(DataError, match=r"x must have 1 value \(x\), got 2"):
        trained().diagnose("s", [1.0, 2.0])
